/* Directory harvesting (RFC 6120, 13.11; RFC 6121, 8.1, 8.5.1): whoever has no business with an account cannot tell, by
 * the bytes that come back, whether it exists, is online or not. Each request goes to a name that nobody has, to an
 * account without sessions, and to one with a session that is available. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/modules/kit.h"

#include "lib/base/buf.h"
#include "lib/base/mem.h"

#include <stdio.h>

/* Names of one length, so that what comes back can be compared by its bytes. */
enum { MISSING, AWAY, ONLINE, TARGETS };
static const char *const names[TARGETS] = { "missing", "absence", "present" };

struct request {
	const char *stanzas[3]; /* said one after another; NAME stands for the account */
	/* It tells: a message that is kept, or read, cannot be answered with the error that says that nobody will ever
	 * get it (docs/GUARANTEES.md, D2). docs/PROTOCOL.md. */
	bool tells;
};

#define IQ(type, to, payload) "<iq type='" type "' id='i' to='" to "'>" payload "</iq>"
#define BOTH_ADDRESSES(type, payload)                                                                                  \
	{ { IQ(type, "NAME@localhost", payload) } }, { { IQ(type, "NAME@localhost/there", payload) } },                \
	{ { IQ(type, "NAME@localhost/none", payload) } }
#define PRESENCE(attributes) "<presence id='p' to='NAME@localhost" attributes "/>"
#define MESSAGE(to, type) "<message id='m' to='NAME@localhost" to "' type='" type "'><body>1</body></message>"
#define GONE "<error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"

static const struct request requests[] = {
	BOTH_ADDRESSES("get", "<ping xmlns='urn:xmpp:ping'/>"),
	BOTH_ADDRESSES("get", EMPTY),
	BOTH_ADDRESSES("get", "<query xmlns='jabber:iq:roster' ver='1'/>"),
	BOTH_ADDRESSES("set", ROSTER("<item jid='a@localhost'/>")),
	BOTH_ADDRESSES("get", "<query xmlns='http://jabber.org/protocol/disco#info'/>"),
	BOTH_ADDRESSES("get", "<query xmlns='http://jabber.org/protocol/disco#info' node='n'/>"),
	BOTH_ADDRESSES("get", "<query xmlns='http://jabber.org/protocol/disco#items'/>"),
	BOTH_ADDRESSES("set", "<session xmlns='urn:ietf:params:xml:ns:xmpp-session'/>"),
	BOTH_ADDRESSES("get", "<vCard xmlns='vcard-temp'/>"),
	BOTH_ADDRESSES("set", "<anything xmlns='urn:nobody:knows'/>"),
	{ { IQ("result", "NAME@localhost", "") } },
	{ { IQ("result", "NAME@localhost/none", EMPTY) } },
	{ { IQ("error", "NAME@localhost", GONE) } },
	{ { IQ("error", "NAME@localhost/none", GONE) } },
	{ { PRESENCE("'") } },
	{ { PRESENCE("/there'") } },
	{ { PRESENCE("/none'") } },
	{ { PRESENCE("' type='unavailable'") } },
	{ { PRESENCE("/there' type='unavailable'") } },
	{ { PRESENCE("' type='probe'") } },
	{ { PRESENCE("/there' type='probe'") } },
	{ { PRESENCE("/none' type='probe'") } },
	{ { PRESENCE("' type='subscribe'") } },
	{ { PRESENCE("/there' type='subscribe'") } },
	{ { PRESENCE("' type='subscribed'") } },
	{ { PRESENCE("' type='unsubscribe'") } },
	{ { PRESENCE("' type='unsubscribed'") } },
	{ { PRESENCE("' type='subscribe'"), PRESENCE("' type='probe'"), PRESENCE("/there' type='probe'") } },
	{ { PRESENCE("' type='subscribe'"), IQ("get", "NAME@localhost", "<ping xmlns='urn:xmpp:ping'/>"),
		PRESENCE("' type='unsubscribe'") } },
	{ { PRESENCE("'"), IQ("get", "NAME@localhost/there", "<ping xmlns='urn:xmpp:ping'/>"),
		PRESENCE("' type='unavailable'") } },
	{ { PRESENCE("' type='subscribed'"), PRESENCE("' type='unsubscribed'"), PRESENCE("' type='probe'") } },
	{ { "<presence id='p' to='NAME@localhost' type='error'>" GONE "</presence>" } },
	{ { MESSAGE("", "groupchat") } },
	{ { MESSAGE("", "headline") } },
	{ { "<message id='m' to='NAME@localhost' type='error'>" GONE "</message>" } },
	{ { MESSAGE("/none", "normal") } },
	{ { MESSAGE("/none", "groupchat") } },
	{ { MESSAGE("/none", "headline") } },
	{ { "<message id='m' to='NAME@localhost/none' type='error'>" GONE "</message>" } },
	{ { MESSAGE("", "normal") }, true },
	{ { MESSAGE("", "chat") }, true },
	{ { MESSAGE("/none", "chat") }, true },
};

static void add_replaced(struct buf *b, const char *text, const char *from, const char *to)
{
	size_t n = strlen(from);
	while (*text) {
		if (strncmp(text, from, n) == 0) {
			buf_add(b, str_from_c(to));
			text += n;
		} else {
			buf_add_byte(b, (uint8_t)*text++);
		}
	}
}

/* Ids and versions are drawn, and are no part of what is told. */
static void blank(char *line, const char *attribute)
{
	char *at = strstr(line, attribute);
	if (!at || strstr(line, "id='i'") || strstr(line, "id='p'") || strstr(line, "id='m'"))
		return;
	for (at += strlen(attribute); *at && *at != '\''; at++)
		*at = '_';
}

/* All that romeo sees of it, on a server of its own. */
static char *answers_to(const struct request *r, int target)
{
	struct harness *h = harness_new(2, NULL);
	struct buf all;
	harness_account(h, "romeo@localhost");
	for (int t = AWAY; t <= ONLINE; t++) {
		char jid[64];
		snprintf(jid, sizeof(jid), "%s@localhost", names[t]);
		harness_account(h, jid);
	}
	arrives(h, "present@localhost/there");
	struct peer *romeo = opens(h, "romeo@localhost/phone");
	says(romeo, "<iq type='get' id='g'>" EMPTY "</iq>");
	says(romeo, "<presence/>");
	overlooks(romeo);
	for (size_t i = 0; i < ARRAY_LEN(r->stanzas) && r->stanzas[i]; i++) {
		struct buf stanza;
		buf_init(&stanza, 4096);
		add_replaced(&stanza, r->stanzas[i], "NAME", names[target]);
		says(romeo, STR_FMT, STR_ARG(buf_str(&stanza)));
		buf_fini(&stanza);
	}
	dies(romeo); /* what is taken back tells nothing either */
	harness_run(h);
	buf_init(&all, 1u << 20);
	for (char *line; (line = peer_take(romeo)); mem_free(line)) {
		blank(line, " ver='");
		blank(line, " id='");
		add_replaced(&all, line, names[target], "NAME");
		buf_add_byte(&all, '\n');
	}
	buf_add_byte(&all, 0);
	char *text = mem_alloc(buf_len(&all));
	memcpy(text, buf_str(&all).p, buf_len(&all));
	buf_fini(&all);
	harness_free(&h);
	return text;
}

static void nobody_can_tell_who_exists(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
		char *missing = answers_to(&requests[i], MISSING);
		for (int t = AWAY; t <= ONLINE; t++) {
			char *there = answers_to(&requests[i], t);
			bool is_same = strcmp(missing, there) == 0;
			if (is_same == requests[i].tells)
				fail_msg("%s\nto nobody:\n%s\nto %s:\n%s", requests[i].stanzas[0], missing, names[t], there);
			mem_free(there);
		}
		mem_free(missing);
	}
}

/* 8.1: those whom the account trusts are told. */
static void those_who_may_know_are_answered(void **state)
{
	(void)state;
	static const char ping[] = "<iq type='get' id='i' to='present@localhost'><ping xmlns='urn:xmpp:ping'/></iq>";
	struct harness *h = harness_new(2, NULL);
	harness_account(h, "romeo@localhost");
	harness_account(h, "present@localhost");
	struct peer *romeo = arrives(h, "romeo@localhost/phone"), *present = arrives(h, "present@localhost/there");
	says(romeo, "%s", ping);
	sees(romeo, "<iq ~ type='error'>~");
	/* By directed presence, as long as that holds. */
	says(present, "<presence to='romeo@localhost'/>");
	overlooks(romeo);
	says(romeo, "%s", ping);
	sees(romeo, "<iq from='present@localhost' id='i' ~ type='result'/>");
	says(present, "<presence to='romeo@localhost' type='unavailable'/>");
	overlooks(romeo);
	says(romeo, "%s", ping);
	sees(romeo, "<iq ~ type='error'>~");
	/* By a subscription, whether it is online or not. */
	subscribe(romeo, present);
	dies(present);
	harness_run(h);
	overlooks(romeo);
	says(romeo, "%s", ping);
	sees(romeo, "<iq from='present@localhost' id='i' ~ type='result'/>");
	harness_free(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_can_tell_who_exists),
		cmocka_unit_test(those_who_may_know_are_answered),
	};
	return cmocka_run_group_tests_name("modules/harvesting", tests, NULL, NULL);
}
