/* linnet host add|remove|list: the domains that are served, beside those of the configuration file. */
#include "cmd/certificates.h"
#include "cmd/command.h"
#include "cmd/configuration.h"
#include "cmd/store.h"
#include "lib/xmpp/jid.h"
#include "server/storage/hosts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct command_option options[] = {
	CONFIGURATION_OPTIONS,
	{ "certificate", "FILE", "add: its certificate, followed by those that signed it (PEM)" },
	{ "key", "FILE", "add: the private key of the certificate (PEM)" },
	{ 0 },
};

static int complain(const char *about, const char *why, int code)
{
	fprintf(stderr, "linnet host: %s%s%s\n", about, *about ? ": " : "", why);
	return code;
}

/* The server's working directory may be another one. */
static int read_path(struct arena *a, const char *given, struct str *path_r)
{
	char *path = given ? realpath(given, NULL) : NULL;
	if (given && !path)
		return complain(given, strerror(errno), EXIT_REFUSED);
	*path_r = arena_dup(a, str_from_c(path ? path : ""));
	free(path);
	return 0;
}

static int read_host(struct arena *a, const struct options *given, struct host *h_r)
{
	const char *certificate = options_value(given, "certificate"), *key = options_value(given, "key");
	const char *why;
	if (jid_normalise_domain(a, str_from_c(given->arguments[1]), &h_r->name, &why) != 0)
		return complain(given->arguments[1], why, EXIT_USAGE);
	if (!certificate != !key)
		return complain("", "a certificate and its key are given together", EXIT_USAGE);
	int code = read_path(a, certificate, &h_r->certificate);
	return code ? code : read_path(a, key, &h_r->key);
}

/* As the server would find them at its start. */
static int check_certificates(struct store *s, const struct host_table *hosts)
{
	struct tls_context *tls;
	char why[512];
	if (certificates_load(s->config->data, hosts, &s->log, &tls, why, sizeof(why)) != 0)
		return complain("", why, EXIT_REFUSED);
	tls_context_unref(&tls);
	return 0;
}

static int add_stored(struct store *s, const struct host_table *hosts, const struct host *h)
{
	if (host_table_find(hosts, h->name))
		return complain("", "this host is served already", EXIT_REFUSED);
	if (host_table_count(hosts) >= HOSTS_MAX)
		return complain("", "there are as many hosts as there can be", EXIT_REFUSED);
	struct host_table *more = host_table_with(hosts, h);
	int code = check_certificates(s, more);
	host_table_free(&more);
	if (code)
		return code;
	struct unit *u = unit_new();
	hosts_add(u, &(struct host_row){ h->name, h->certificate, h->key });
	return store_commit(s, u, "the host could not be added");
}

static int remove_stored(struct store *s, const struct host_table *hosts, const struct host *h)
{
	const struct host *known = host_table_find(hosts, h->name);
	if (!known)
		return complain("", "there is no such host", EXIT_REFUSED);
	if (known->is_configured)
		return complain("", "this host is in the configuration file: remove it there", EXIT_REFUSED);
	struct unit *u = unit_new();
	hosts_remove(u, h->name);
	return store_commit(s, u, "the host could not be removed");
}

static json_t *json_str(struct str s)
{
	return json_stringn(s.n ? s.p : "", s.n);
}

static int change(struct store *s, const struct host *h, bool adds)
{
	if (s->server)
		return store_ask(s, json_pack("{s:s, s:o, s:o, s:o}", "command", adds ? "host-add" : "host-remove", "domain",
					    json_str(h->name), "certificate", json_str(h->certificate), "key", json_str(h->key)));
	struct host_table *hosts;
	int code = store_hosts(s, &hosts);
	if (code)
		return code;
	code = adds ? add_stored(s, hosts, h) : remove_stored(s, hosts, h);
	host_table_free(&hosts);
	return code;
}

static int list(struct store *s)
{
	struct host_table *hosts;
	int code = store_hosts(s, &hosts);
	if (code)
		return code;
	for (size_t i = 0; i < host_table_count(hosts); i++) {
		const struct host *h = host_table_get(hosts, i);
		printf(STR_FMT " %s " STR_FMT "\n", STR_ARG(h->name), h->is_configured ? "configuration" : "added",
			STR_ARG(h->certificate.n ? h->certificate : STR("self-signed")));
	}
	host_table_free(&hosts);
	return 0;
}

static int dispatch(const struct options *given, const struct config *config, struct arena *a)
{
	const char *what = given->arguments[0];
	bool has_argument = given->argument_count == 2;
	bool lists = strcmp(what, "list") == 0 && !has_argument, adds = strcmp(what, "add") == 0 && has_argument;
	bool removes = strcmp(what, "remove") == 0 && has_argument;
	if (!lists && !adds && !removes)
		return complain("", "it takes add DOMAIN, remove DOMAIN, or list\nSee: linnet host --help", EXIT_USAGE);
	if (!adds && (options_value(given, "certificate") || options_value(given, "key")))
		return complain("", "--certificate and --key are for add", EXIT_USAGE);
	struct host h = { 0 };
	struct store s;
	int code = lists ? 0 : read_host(a, given, &h);
	if (code)
		return code;
	code = store_open("host", config, &s);
	if (!code)
		code = lists ? list(&s) : change(&s, &h, adds);
	store_close(&s);
	return code;
}

static int run(const struct options *given)
{
	struct arena *a = arena_new(65536, CONFIG_BYTES_MAX);
	const struct config *config;
	int code = configuration_read(a, given, "host", &config);
	if (!code)
		code = dispatch(given, config, a);
	arena_free(&a);
	return code;
}

const struct command host_command = {
	.name = "host",
	.summary = "Add, remove and list the domains that are served",
	.usage = "add DOMAIN [--certificate FILE --key FILE] | remove DOMAIN | list",
	.about = "Hosts that are added stand beside those of the configuration file, and are kept in the data folder. If a server\n"
		 "runs on it, it serves them from now on; else from its next start. A host without a certificate gets one that is\n"
		 "self-signed, in the data folder: self-signed-DOMAIN.crt.\n"
		 "\n"
		 "remove ends the streams of the host's clients. Its accounts, rosters and messages stay, and are back when the\n"
		 "host is added again. A host of the configuration file is removed there.\n"
		 "\n"
		 "list prints a line for each host: its name, where it stands (configuration, added), its certificate.\n",
	.options = options,
	.arguments_min = 1,
	.arguments_max = 2,
	.run = run,
};
