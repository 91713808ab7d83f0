/* linnet session list|revoke: who is connected, which clients can come back with a token, and how to end that. */
#include "cmd/command.h"
#include "cmd/configuration.h"
#include "cmd/store.h"
#include "lib/base/arena.h"
#include "lib/net/sysclock.h"
#include "lib/xmpp/delay.h"
#include "lib/xmpp/jid.h"
#include "server/core/client_json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PAGE 1000
#define TIME_BYTES 256

static const struct command_option options[] = {
	CONFIGURATION_OPTIONS,
	{ "all", NULL, "revoke: all clients and sessions of the account" },
	{ 0 },
};

static const char *text_of(const json_t *j, const char *name)
{
	const char *text = json_string_value(json_object_get(j, name));
	return text ? text : "";
}

/* What a client says about itself is nobody's to trust: control characters would reach the terminal. */
static void print_text(const char *name, const char *text)
{
	printf(" %s=\"", name);
	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		if (p[0] == 0xc2 && p[1] < 0xa0)
			p++; /* U+0080 to U+009F */
		else
			putchar(*p < ' ' || *p == 0x7f || *p == '"' || *p == '\\' ? '?' : *p);
	}
	putchar('"');
}

static void print_time(const char *name, const json_t *ms)
{
	if (!json_is_integer(ms))
		return;
	struct arena *a = arena_new(TIME_BYTES, TIME_BYTES);
	struct str s = datetime_format(a, json_integer_value(ms));
	printf(" %s=" STR_FMT, name, STR_ARG(s));
	arena_free(&a);
}

static void print_session(const json_t *j)
{
	const json_t *priority = json_object_get(j, "priority");
	printf("session %s idle=%" PRId64 "s", text_of(j, "jid"),
		(int64_t)json_integer_value(json_object_get(j, "idle_ms")) / 1000);
	if (*text_of(j, "address"))
		printf(" address=%s tls=%s", text_of(j, "address"), *text_of(j, "tls") ? text_of(j, "tls") : "no");
	if (priority)
		printf(" priority=%d", (int)json_integer_value(priority));
	putchar('\n');
}

static void print_client(const json_t *j)
{
	printf("client %s %s", text_of(j, "owner"), text_of(j, "id"));
	print_text("software", text_of(j, "software"));
	print_text("device", text_of(j, "device"));
	print_time("last-login", json_object_get(j, "last_login_ms"));
	printf(" mechanism=%s address=%s", text_of(j, "mechanism"), text_of(j, "address"));
	print_time("token-until", json_object_get(j, "token_expiry_ms"));
	putchar('\n');
}

static int list_sessions(struct store *s, const struct jid *jid)
{
	json_t *request = json_pack("{s:s}", "command", "session-list"), *session;
	size_t i;
	if (jid)
		json_object_set_new(request, "jid", json_stringn(jid_bare(jid).p, jid_bare(jid).n));
	json_t *answer = admin_request(s->server, request);
	if (!answer)
		return EXIT_REFUSED;
	json_array_foreach(json_object_get(answer, "sessions"), i, session)
		print_session(session);
	json_int_t more = json_integer_value(json_object_get(answer, "more"));
	if (more)
		printf("… and %" PRId64 " more sessions\n", (int64_t)more);
	json_decref(answer);
	return 0;
}

/* A page, as the server's: the caller's. NULL after saying why not. */
static json_t *page_of_storage(struct store *s, const struct jid *jid, struct str owner, struct str id)
{
	struct query *q = jid ? clients_of(jid_bare(jid)) : clients_list(owner, id, PAGE);
	struct client_row row;
	json_t *page = NULL;
	if (storage_query_now(s->storage, q) == 0) {
		page = json_array();
		for (size_t r = 0; clients_list_row(q, r, &row); r++)
			json_array_append_new(page, client_json_build(&row, clock_wall_ms(&sysclock)));
	} else {
		fprintf(stderr, "linnet session: the clients cannot be read\n");
	}
	query_free(&q);
	return page;
}

static json_t *page_of_server(struct store *s, const struct jid *jid, struct str owner, struct str id)
{
	json_t *request = json_pack("{s:s, s:s%, s:s%}", "command", "client-list", "owner", owner.p, owner.n, "id", id.p, id.n);
	if (jid)
		json_object_set_new(request, "jid", json_stringn(jid_bare(jid).p, jid_bare(jid).n));
	return admin_request(s->server, request);
}

static int list_clients(struct store *s, const struct jid *jid)
{
	struct arena *a = arena_new(4096, (size_t)1 << 32);
	struct str owner = STR(""), id = STR("");
	bool more = true;
	int code = 0;
	while (more) {
		json_t *page = s->server ? page_of_server(s, jid, owner, id) : page_of_storage(s, jid, owner, id), *client;
		size_t i;
		if (!page) {
			code = EXIT_REFUSED;
			break;
		}
		json_array_foreach(page, i, client)
			print_client(client);
		more = !jid && json_array_size(page) > 0;
		client = json_array_get(page, json_array_size(page) - 1);
		owner = arena_dup(a, str_from_c(text_of(client, "owner")));
		id = arena_dup(a, str_from_c(text_of(client, "id")));
		json_decref(page);
	}
	arena_free(&a);
	return code;
}

static int list(struct store *s, const struct jid *jid)
{
	int code = s->server ? list_sessions(s, jid) : 0;
	return code ? code : list_clients(s, jid);
}

static int revoke(struct store *s, const struct jid *jid, const char *client)
{
	if (s->server) {
		json_t *request = json_pack(
			"{s:s, s:s%, s:s}", "command", "session-revoke", "jid", jid_bare(jid).p, jid_bare(jid).n, "client", client);
		return store_ask(s, request);
	}
	struct unit *u = unit_new();
	clients_revoke(u, jid, str_from_c(client));
	return store_commit(s, u, *client ? "there is no such client" : "there is no such account");
}

/* The account that is named, or NULL if none is. */
static int read_jid(struct arena *a, const struct options *given, const struct jid **jid_r)
{
	const char *why = NULL;
	*jid_r = NULL;
	if (given->argument_count < 2)
		return 0;
	if (jid_parse(a, str_from_c(given->arguments[1]), jid_r, &why) == 0 && (*jid_r)->local_n && jid_is_bare(*jid_r))
		return 0;
	fprintf(stderr, "linnet session: %s: %s\n", given->arguments[1], why ? why : "an account is localpart@domain");
	return EXIT_USAGE;
}

static int dispatch(const struct options *given, const struct config *config, struct arena *a)
{
	const char *what = given->arguments[0];
	bool all = options_has(given, "all"), lists = strcmp(what, "list") == 0 && given->argument_count <= 2 && !all;
	bool revokes = strcmp(what, "revoke") == 0 && given->argument_count == (all ? 2 : 3);
	const struct jid *jid;
	struct store s;
	if (!lists && !revokes) {
		fprintf(stderr, "linnet session: it takes list [JID], revoke JID CLIENT, or revoke JID --all\n"
				"See: linnet session --help\n");
		return EXIT_USAGE;
	}
	int code = read_jid(a, given, &jid);
	if (code)
		return code;
	code = store_open("session", config, &s);
	if (!code)
		code = lists ? list(&s, jid) : revoke(&s, jid, all ? "" : given->arguments[2]);
	store_close(&s);
	return code;
}

static int run(const struct options *given)
{
	struct arena *a = arena_new(65536, CONFIG_BYTES_MAX);
	const struct config *config;
	int code = configuration_read(a, given, "session", &config);
	if (!code)
		code = dispatch(given, config, a);
	arena_free(&a);
	return code;
}

const struct command session_command = {
	.name = "session",
	.summary = "List sessions and clients, and end them",
	.usage = "list [JID] | revoke JID CLIENT | revoke JID --all",
	.about = "list shows the sessions of the running server, and the clients that have said who they are when they logged in:\n"
		 "what they call themselves, their last login, and until when they can come back with a token.\n"
		 "\n"
		 "revoke ends the tokens of a client, named by its id, for good, and its session; with --all those of all clients,\n"
		 "and every session of the account. The password goes on being one: change it with `linnet user passwd`, which\n"
		 "ends all tokens, too. Without a server it works on the data folder.\n",
	.options = options,
	.arguments_min = 1,
	.arguments_max = 3,
	.run = run,
};
