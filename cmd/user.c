/* linnet user add|passwd|remove|list|import: the accounts. */
#include "cmd/user.h"

#include "cmd/command.h"
#include "cmd/configuration.h"
#include "cmd/password.h"
#include "lib/net/sysrandom.h"

#include <stdio.h>
#include <string.h>

static const struct command_option options[] = {
	CONFIGURATION_OPTIONS,
	{ "password-file", "FILE", "the password is the first line of this file; - is standard input" },
	{ 0 },
};

bool user_make_credentials(struct str password, struct sasl_credentials *c_r)
{
	memset(c_r, 0, sizeof(*c_r));
	for (enum digest d = 0; d < DIGESTS; d++) {
		struct scram_keys *k = &c_r->keys[d];
		k->iterations = SCRAM_ITERATIONS;
		k->salt_n = SCRAM_SALT_BYTES;
		random_fill(&sysrandom, k->salt, SCRAM_SALT_BYTES);
		if (!scram_keys_derive(k, d, password))
			return false;
	}
	return true;
}

const char *user_parse_jid(struct arena *a, struct str text, const struct jid **jid_r)
{
	const char *why;
	if (jid_parse(a, text, jid_r, &why) != 0)
		return why;
	if (!(*jid_r)->local_n || !jid_is_bare(*jid_r))
		return "an account is localpart@domain";
	return NULL;
}

static int refuse(const struct options *given, const char *why)
{
	fprintf(stderr, "linnet user: %s: %s\n", given->arguments[1], why);
	return EXIT_USAGE;
}

static int read_credentials(const struct options *given, struct sasl_credentials *c_r)
{
	char password[PASSWORD_BYTES_MAX + 1];
	int code = password_read("user", options_value(given, "password-file"), password);
	if (!code && !user_make_credentials(str_from_c(password), c_r)) {
		fprintf(stderr, "linnet user: this password has characters that no client could send (RFC 4013)\n");
		code = EXIT_REFUSED;
	}
	secret_wipe(password, sizeof(password));
	return code;
}

enum change { ADD, PASSWD, REMOVE };

static int change(const struct options *given, const struct config *config, struct arena *a, enum change what)
{
	struct user_record r = { 0 };
	struct user_store *s;
	const char *why = user_parse_jid(a, str_from_c(given->arguments[1]), &r.jid);
	if (why)
		return refuse(given, why);
	int code = what == REMOVE ? 0 : read_credentials(given, &r.credentials);
	if (!code)
		code = user_store_open(config, &s);
	if (code)
		return code;
	if (!user_store_is_host(s, jid_domain(r.jid))) {
		code = refuse(given, USER_NO_HOST);
	} else {
		switch (what) {
		case ADD: code = user_store_add(s, &r, 1); break;
		case PASSWD: code = user_store_set_credentials(s, &r); break;
		case REMOVE: code = user_store_remove(s, r.jid); break;
		}
	}
	secret_wipe(&r.credentials, sizeof(r.credentials));
	user_store_close(&s);
	return code;
}

static bool print_one(void *ctx, struct str host, struct str localpart)
{
	(void)ctx;
	printf(STR_FMT "@" STR_FMT "\n", STR_ARG(localpart), STR_ARG(host));
	return true;
}

static int list(const struct config *config)
{
	struct user_store *s;
	int code = user_store_open(config, &s);
	if (code)
		return code;
	code = user_store_list(s, print_one, NULL);
	user_store_close(&s);
	return code;
}

static int dispatch(const struct options *given, const struct config *config, struct arena *a)
{
	const char *what = given->arguments[0];
	bool has_argument = given->argument_count == 2;
	if (strcmp(what, "list") == 0 && !has_argument)
		return list(config);
	if (strcmp(what, "add") == 0 && has_argument)
		return change(given, config, a, ADD);
	if (strcmp(what, "passwd") == 0 && has_argument)
		return change(given, config, a, PASSWD);
	if (strcmp(what, "remove") == 0 && has_argument)
		return change(given, config, a, REMOVE);
	if (strcmp(what, "import") == 0 && has_argument)
		return user_import(config, given->arguments[1]);
	fprintf(stderr, "linnet user: it takes add JID, passwd JID, remove JID, list, or import FILE\nSee: linnet user --help\n");
	return EXIT_USAGE;
}

static int run(const struct options *given)
{
	struct arena *a = arena_new(65536, CONFIG_BYTES_MAX);
	const struct config *config;
	int code = configuration_read(a, given, "user", &config);
	if (!code)
		code = dispatch(given, config, a);
	arena_free(&a);
	return code;
}

const struct command user_command = {
	.name = "user",
	.summary = "Add, change, remove and list accounts",
	.usage = "add JID | passwd JID | remove JID | list | import FILE",
	.about = "The password is asked for at the terminal, or read from standard input or --password-file; it is never taken\n"
		 "from the command line. If a server runs on the data folder, it makes the change; else the folder is changed\n"
		 "directly.\n"
		 "\n"
		 "import reads a JSON object a line, {\"jid\", \"password\"} or {\"jid\", \"scram\": {\"sha-1\": {\"salt\",\n"
		 "\"iterations\", \"stored_key\", \"server_key\"}, \"sha-256\": {…}, \"sha-512\": {…}}}, the bytes in base64. If any line is wrong, the\n"
		 "wrong ones are named and nothing is imported.\n",
	.options = options,
	.arguments_min = 1,
	.arguments_max = 2,
	.run = run,
};
