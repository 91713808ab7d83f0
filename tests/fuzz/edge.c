/* Connections of a whole server in simulation (tests/sim/sim.h), driven by a script, with time that passes as the script says:
 * what the stream alone cannot show, its deadlines and its end above all.
 *
 * An input is lines, each a step, by its first byte:
 *
 *     oP oT   a connection to the listener without TLS, to the one that believes it is under TLS; nothing if there is one already
 *     @0 @1   the one that the next steps are about
 *     <…   it sends these bytes              "…   those behind the quote           \…   the same and a line feed
 *     t?   a piece of `pieces` below, chosen by the next byte; where it says %s that is the bystander
 *     s?   the right answer to the last challenge of SCRAM: 1, 2 or 5 (SHA-1, -256, -512)
 *     k    logs in by the last token that it was given; K: which ends with that
 *     /    ends its side       !   is reset       x   is closed       d   reads nothing       r   reads again
 *     +…   so many milliseconds pass, 60,000 at most
 *     a?   a command of `commands` below, by the administrator
 *     p?   the writer, the readers or the hasher stand still: w, r, h; g: all go on
 *     .    from now on each step is followed by one of the server's only (so it is cut in the middle); ,   by all there is to do
 *
 * What must hold: all that is written is a stream, with nothing behind its end; a connection without resource ends at its deadlines
 * (docs/SECURITY.md, Q3), and one that either side has closed soon; the bystander, whose name no script knows, hears what was sent to
 * her and nothing else, and nobody hears that they are her; and once all have gone the server has no edge, guest or session of theirs,
 * hardly more memory, and, once it has ended, none. */
#include "tests/fuzz/edge.h"
#include "tests/fuzz/target.h"

#include "lib/base/base64.h"
#include "lib/stream/scram.h"
#include "lib/xmpp/ns.h"

#include <stdio.h>
#include <string.h>

#define SASL        "xmlns='urn:ietf:params:xml:ns:xmpp-sasl'"
#define SASL2       "xmlns='urn:xmpp:sasl:2'"
#define STREAM      "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'"
#define HEADER      STREAM " to='localhost'>"
#define AUTHENTICATE(mechanism, message, more)                                                                                  \
	"<authenticate " SASL2 " mechanism='" mechanism "'><initial-response>" message "</initial-response>"                     \
	"<user-agent id='d4565fa7-4d72-4749-b3d3-740edbf87770'><software>S</software></user-agent>" more "</authenticate>"
#define ROMEO       "AHJvbWVvAHNlY3JldA==" /* \0romeo\0secret */
#define SCRAM_FIRST "biwsbj1yb21lbyxyPXg=" /* n,,n=romeo,r=x */
#define FIRST_BARE  "n=romeo,r=x"
#define BIND2       "<bind xmlns='urn:xmpp:bind:0'><tag>S</tag></bind>"
#define WANTS_TOKEN "<request-token xmlns='urn:xmpp:fast:0' mechanism='HT-SHA-256-NONE'/>"
#define BIND        "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>r</resource></bind></iq>"

static const char *const pieces[] = {
	HEADER,
	STREAM " to='anon.example' xml:lang='de'>",
	"<?xml version='1.0'?>" STREAM " from='romeo@localhost' to='localhost'>",
	"<auth " SASL " mechanism='PLAIN'>" ROMEO "</auth>",
	"<auth " SASL " mechanism='PLAIN'>AHJvbWVvAHdyb25n</auth>",
	"<auth " SASL " mechanism='SCRAM-SHA-256'>" SCRAM_FIRST "</auth>",
	"<auth " SASL " mechanism='ANONYMOUS'/>",
	"<abort " SASL "/>",
	AUTHENTICATE("PLAIN", ROMEO, BIND2 WANTS_TOKEN),
	AUTHENTICATE("PLAIN", "AHJvbWVvAHdyb25n", BIND2),
	AUTHENTICATE("SCRAM-SHA-512", SCRAM_FIRST, BIND2 "<upgrade xmlns='urn:xmpp:sasl:upgrade:0'>UPGR-SCRAM-SHA-1</upgrade>"),
	AUTHENTICATE("SCRAM-SHA-1", SCRAM_FIRST, ""),
	"<abort " SASL2 "/>",
	HEADER "<auth " SASL " mechanism='PLAIN'>" ROMEO "</auth>" HEADER BIND "<presence/>",
	BIND,
	"<presence/>",
	"<presence type='unavailable'/>",
	"<message to='%s' type='chat'><body>b</body></message>",
	"<presence to='%s' type='subscribe'/>",
	"<presence to='%s'/>",
	"<iq to='%s' type='get' id='q'><query xmlns='jabber:iq:version'/></iq>",
	"<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>",
	"<message to='romeo@localhost' type='chat'><body>self</body></message>",
	"<iq type='get' to='localhost' id='p'><ping xmlns='urn:xmpp:ping'/></iq>",
	"<message to='nobody@localhost'><body>",
	"</stream:stream>",
	"<stream:error><reset xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>",
	" ",
};

static const char *const commands[] = {
	"{\"command\": \"user-remove\", \"jid\": \"romeo@localhost\"}\n",
	"{\"command\": \"session-revoke\", \"jid\": \"romeo@localhost\"}\n",
	"{\"command\": \"session-list\"}\n{\"command\": \"status\"}\n",
	"{\"command\": \"client-list\"}\n{\"command\": \"user-list\"}\n",
};

/* How far inputs came, for fuzz_report. */
static unsigned long logins, sessions, timeouts, removals, tokens, heard;

static void on_success(struct caller *c, const struct xml_node *root)
{
	struct run *r = c->run;
	const struct xml_node *token = xml_child(root, NS_FAST, STR("token"));
	logins++;
	c->is_bound |= xml_child(root, NS_BIND2, STR("bound")) != NULL;
	sessions += c->is_bound;
	if (!token)
		return;
	r->token = arena_dup(r->arena, xml_attr(token, STR("token")));
	tokens++;
}

static void on_iq(struct caller *c, const struct xml_node *root)
{
	const struct xml_node *bind = xml_child(root, NS_BIND, STR("bind"));
	if (!bind || c->is_bound)
		return;
	c->is_bound = true;
	sessions++;
}

void caller_hears(struct caller *c, const struct xml_node *root)
{
	struct run *r = c->run;
	size_t n;
	if (xml_is(root, NS_SASL, STR("success")) || xml_is(root, NS_SASL2, STR("success")))
		on_success(c, root);
	else if (xml_is(root, NS_CONTENT, STR("iq")))
		on_iq(c, root);
	else if (xml_is(root, NS_STREAMS, STR("error")))
		timeouts += xml_child(root, NS_STREAM_ERRORS, STR("connection-timeout")) != NULL;
	if (!str_eq(xml_name(root), STR("challenge")))
		return;
	struct str text = xml_text(root, r->arena);
	char *p = arena_alloc_bytes(r->arena, text.n + 1);
	assert_always(base64_decode(text, p, &n));
	c->challenge = str_make(p, n);
	c->is_sasl2 = str_eq(xml_ns(root), NS_SASL2);
}

/* What a client that knows the password, or has a token, says. */

static void respond(struct run *r, char family)
{
	struct caller *c = r->caller;
	struct scram_server_first m;
	unsigned char salted[DIGEST_BYTES_MAX], proof[DIGEST_BYTES_MAX], signature[DIGEST_BYTES_MAX], salt[256];
	enum digest d = family == '1' ? DIGEST_SHA1 : family == '5' ? DIGEST_SHA512 : DIGEST_SHA256;
	size_t n;
	if (!scram_server_first_parse(c->challenge, &m) || m.salt.n > sizeof(salt) || !base64_decode(m.salt, salt, &n))
		return;
	digest_pbkdf2(d, STR(EDGE_PASSWORD), str_make(salt, n), m.iterations, salted);
	struct str without = arena_printf(r->arena, "c=biws,r=" STR_FMT, STR_ARG(m.nonce));
	scram_prove(d, salted, scram_auth_message(r->arena, STR(FIRST_BARE), c->challenge, without), proof, signature);
	struct str message = arena_printf(r->arena, STR_FMT ",p=" STR_FMT, STR_ARG(without),
		STR_ARG(base64_dup(r->arena, str_make(proof, digest_bytes(d)))));
	run_sends(r, arena_printf(r->arena, "<response %s>" STR_FMT "</response>", c->is_sasl2 ? SASL2 : SASL,
			     STR_ARG(base64_dup(r->arena, message))));
}

static void use_token(struct run *r, bool ends)
{
	char message[6 + DIGEST_BYTES_MAX] = "romeo";
	digest_hmac(DIGEST_SHA256, r->token, STR("Initiator"), (unsigned char *)message + 6);
	struct str text = base64_dup(r->arena, str_make(message, 6 + digest_bytes(DIGEST_SHA256)));
	run_sends(r, arena_printf(r->arena,
			     AUTHENTICATE("HT-SHA-256-NONE", STR_FMT, "<fast xmlns='urn:xmpp:fast:0'%s/>" BIND2),
			     STR_ARG(text), ends ? " invalidate='true'" : ""));
}

static void send_piece(struct run *r, char which)
{
	const char *piece = pieces[((unsigned char)which - 'A') % ARRAY_LEN(pieces)];
	const char *at = strstr(piece, "%s");
	if (!at) {
		run_sends(r, str_from_c(piece));
		return;
	}
	r->sent_to_bystander++;
	run_sends(r, arena_printf(r->arena, "%.*s" STR_FMT "%s", (int)(at - piece), piece, STR_ARG(r->bystander_jid), at + 2));
}

/* Steps. */

static void send_step(struct run *r, char how, struct str line)
{
	struct str rest = str_from(line, 1);
	char which = rest.n ? rest.p[0] : 0;
	r->caller->is_odd |= how == '<' || how == '"' || how == '\\';
	switch (how) {
	case '<': run_sends(r, line); break;
	case '"': run_sends(r, rest); break;
	case '\\': run_sends(r, arena_printf(r->arena, STR_FMT "\n", STR_ARG(rest))); break;
	case 't': send_piece(r, which); break;
	case 's': respond(r, which); break;
	case 'k':
	case 'K': use_token(r, how == 'K'); break;
	default: run_ends(r, how); break;
	}
}

static void step(struct run *r, struct str line)
{
	char how = line.n ? line.p[0] : 0, which = line.n > 1 ? line.p[1] : 0;
	uint64_t ms;
	if (how == 'o')
		run_dials(r, which == 'T');
	else if (how == '@')
		r->caller = &r->callers[(unsigned char)which % EDGE_CALLERS];
	else if (how == '+' && str_parse_u64(str_from(line, 1), 60000, &ms))
		run_waits(r, ms);
	else if (how == 'a' && which) {
		const char *command = commands[((unsigned char)which - 'A') % ARRAY_LEN(commands)];
		removals += command == commands[0];
		run_administers(r, command);
	} else if (how == 'p')
		run_paces(r, which);
	else if (how == '.' || how == ',')
		r->is_hasty = how == '.';
	else if (how && r->caller->socket >= 0)
		send_step(r, how, line);
	run_goes_on(r);
}

/* The server of the next inputs. */
static struct run *present;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct run *r = present = present ? present : run_new();
	struct str in = str_make(data, n), line;
	run_begin(r);
	for (unsigned steps = 0; in.n && steps < 100; steps++) {
		str_cut(&in, '\n', &line);
		step(r, line);
	}
	heard += r->heard_by_bystander;
	run_end(r);
	if (r->inputs == INPUTS_A_SERVER)
		run_free(&present);
	return 0;
}

int fuzz_report(void)
{
	if (present)
		run_free(&present);
	printf("%lu logins, %lu sessions, %lu timeouts, %lu removals, %lu tokens, %lu heard by the bystander\n", logins, sessions, timeouts,
		removals, tokens, heard);
	return !logins || !sessions || !timeouts || !removals || !tokens || !heard;
}
