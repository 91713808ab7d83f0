/* The configuration: from a tree of YAML to `struct config`. The tree comes from config_yaml.c, the tables and
 * functions of the larger sections from config_hosts.c, config_limits.c and config_listen.c.
 *
 * To add a plain option: a line in `config_general` and a field in `struct general`. To add a section: a line in
 * `config_sections` and a function. Either way it is in the reference by itself. Modules bring tables of their own. */
#include "server/core/config.h"

#include "lib/base/fault.h"
#include "server/core/config_sections.h"
#include "server/core/config_words.h"

#include <string.h>

#define WORKERS_MAX 256
#define PATH_BYTES_MAX 1023
#define TOKEN_LIFETIME_MIN_MS 60000
/* The tree, and what domains and paths become, which is a small multiple of the file. */
#define SCRATCH_BYTES_MAX (64u << 20)

static const char *const durability_words[] = {
	[CONFIG_POWER] = "power",
	[CONFIG_PROCESS] = "process",
	NULL,
};

struct general {
	struct str data;
	int64_t workers;
	int durability;
	bool fast;
	uint64_t token_lifetime;
};

const struct option config_general[] = {
	OPT_PATH(struct general, data, NULL,
		"Folder of accounts, messages and certificates, where `--data` names none; left out: `./linnet-data`"),
	OPT_INT(struct general, workers, 1, WORKERS_MAX, NULL,
		"Threads that serve connections; left out: one for each core"),
	OPT_CHOICE(struct general, durability, durability_words, "power",
		"What acknowledged messages survive: loss of power, or only the end of the process (faster)"),
	OPT_BOOL(struct general, fast, "on",
		"Clients that have logged in may get a token, with which they come back in one round trip"),
	OPT_DURATION_BETWEEN(struct general, token_lifetime, TOKEN_LIFETIME_MIN_MS, OPTION_DURATION_MS_MAX, "21d",
		"How long a token lasts that is not used; a client that comes back gets a new one in its last third"),
	OPT_END,
};

static void read_modules(struct config_reader *r, const struct config_node *value);

const struct config_section config_sections[] = {
	{ "hosts", CONFIG_LIST, "[example.org, example.net]", "`[localhost]`", "The domains that are served", NULL,
		config_read_hosts },
	{ "listen", CONFIG_LIST, "[{ kind: c2s, port: 5222, tls: starttls }]",
		"all addresses, port 5222 with `starttls` and port 5223 with `direct`",
		"Where connections are accepted", config_listener_options, config_read_listen },
	{ "certificates", CONFIG_MAP, "{ example.org: { certificate: chain.pem, key: key.pem } }",
		"made on first start, self-signed", "The certificate of each host", config_certificate_options,
		config_read_certificates },
	{ "mechanisms", CONFIG_LIST, "[SCRAM-SHA-256, SCRAM-SHA-1]",
		"`[SCRAM-SHA-512, SCRAM-SHA-256, SCRAM-SHA-1, PLAIN, EXTERNAL]`",
		"How one may log in. The SCRAM family is offered with channel binding, too, and only where all accounts of the host "
		"have such keys; `EXTERNAL` to clients with a certificate of the listener's `client_ca`",
		NULL, config_read_mechanisms },
	{ "anonymous", CONFIG_LIST, "[example.net]", "nowhere",
		"The hosts where one may log in without an account, to talk to users of this server. Nothing of such a user "
		"outlasts the session",
		NULL, config_read_anonymous },
	{ "limits", CONFIG_MAP, "{ rate: off }", "the defaults", "What one peer may have and do",
		config_limit_options, config_read_limits },
	{ "modules", CONFIG_MAP, "{ ping: off }", "all on",
		"For each module, by its name, `off`, `on` or its options in `{ }`", NULL, read_modules },
	{ .name = NULL },
};

/* The folder of the file, with its slash; empty for the current one. */
static struct str folder_of(const char *file)
{
	const char *slash = file ? strrchr(file, '/') : NULL;
	return str_make(file, slash ? (size_t)(slash + 1 - file) : 0);
}

/* Textually: a path that is not absolute is put behind the folder of the file. */
static bool resolve(struct config_reader *r, const struct config_node *at, const char *name, struct str *path)
{
	struct str folder = folder_of(r->context->file);
	if (path->n == 0 || path->p[0] == '/')
		folder.n = 0;
	if (path->n > PATH_BYTES_MAX || folder.n + path->n > PATH_BYTES_MAX) {
		buf_printf(config_mistake(r->report, at->at), "%s: a path of more than %d bytes", name, PATH_BYTES_MAX);
		return false;
	}
	if (folder.n)
		*path = arena_printf(r->scratch, STR_FMT STR_FMT, STR_ARG(folder), STR_ARG(*path));
	return true;
}

static void read_option(struct config_reader *r, const struct config_node *value, const struct option *o, void *conf)
{
	if (value->kind == CONFIG_BROKEN)
		return;
	if (value->kind != CONFIG_TEXT) {
		buf_printf(config_mistake(r->report, value->at), "%s: expected a single value", o->name);
		return;
	}
	if (value->empty) {
		buf_printf(config_mistake(r->report, value->at), "%s: the value is missing", o->name);
		return;
	}
	struct str text = value->text;
	if (o->kind == OPTION_PATH && !resolve(r, value, o->name, &text))
		return;
	struct buf why;
	buf_init(&why, 4096);
	if (option_read(r->a, o, text, conf, &why) != 0)
		buf_printf(config_mistake(r->report, value->at), "%s: " STR_FMT, o->name, STR_ARG(buf_str(&why)));
	buf_fini(&why);
}

static struct nearest nearest_option(const struct option *table, struct str name)
{
	struct nearest nearest = nearest_to(name);
	for (; table->kind != OPTION_END; table++)
		nearest_consider(&nearest, str_from_c(table->name));
	return nearest;
}

void config_read_options(struct config_reader *r, const struct config_node *map, const struct option *table,
	const char *whose, void *conf)
{
	for (const struct config_node *member = map->first; member; member = member->next) {
		const struct option *o = option_find(table, member->key);
		if (o) {
			read_option(r, member, o, conf);
			continue;
		}
		struct nearest nearest = nearest_option(table, member->key);
		struct buf *mistake = config_mistake(r->report, member->key_at);
		buf_lit(mistake, "unknown option ");
		config_quote(mistake, member->key);
		buf_printf(mistake, " of %s", whose);
		config_nearest_print(&nearest, mistake);
	}
}

void config_require(struct config_reader *r, const struct config_node *map, const char *name, const char *whose)
{
	if (!config_node_find(map, str_from_c(name)))
		buf_printf(config_mistake(r->report, map->at), "this %s lacks '%s'", whose, name);
}

static const struct module *find_module(const struct module *const *modules, struct str name)
{
	for (; *modules; modules++)
		if (str_eq(str_from_c((*modules)->name), name))
			return *modules;
	return NULL;
}

static void refuse_unknown_modules(struct config_reader *r, const struct config_node *map)
{
	for (const struct config_node *member = map->first; member; member = member->next) {
		if (find_module(r->context->modules, member->key))
			continue;
		struct nearest nearest = nearest_to(member->key);
		for (const struct module *const *m = r->context->modules; *m; m++)
			nearest_consider(&nearest, str_from_c((*m)->name));
		struct buf *mistake = config_mistake(r->report, member->key_at);
		buf_lit(mistake, "unknown module ");
		config_quote(mistake, member->key);
		config_nearest_print(&nearest, mistake);
	}
}

/* `map` is NULL where no options are given. */
static const void *read_module_options(struct config_reader *r, const struct module *m, const struct config_node *map)
{
	static const struct option none[] = { OPT_END };
	const struct option *table = m->options ? m->options : none;
	void *conf = arena_zalloc(r->a, m->conf_bytes);
	option_set_defaults(r->a, table, conf);
	if (map) {
		struct str whose = arena_printf(r->scratch, "module %s", m->name);
		config_read_options(r, map, table, whose.p, conf);
	}
	return m->conf_bytes ? conf : NULL;
}

/* `value` is NULL where the module is not named. */
static bool is_module_on(struct config_reader *r, const struct module *m, const struct config_node *value)
{
	bool on = true;
	if (!value || value->kind == CONFIG_MAP || value->kind == CONFIG_BROKEN || value->empty)
		return true;
	/* A list has no text. */
	if (option_parse_bool(value->text, &on) != 0)
		buf_printf(config_mistake(r->report, value->at),
			"%s: expected 'on', 'off' or options, such as { NAME: VALUE }", m->name);
	else if (!on && m->required)
		buf_printf(config_mistake(r->report, value->at), "%s: this module cannot be switched off", m->name);
	return on;
}

static void read_modules(struct config_reader *r, const struct config_node *value)
{
	size_t n = 0;
	while (r->context->modules[n])
		n++;
	bool *on = arena_zalloc(r->a, n * sizeof(*on));
	const void **conf = arena_zalloc(r->a, n * sizeof(*conf));
	if (value)
		refuse_unknown_modules(r, value);
	for (size_t i = 0; i < n; i++) {
		const struct module *m = r->context->modules[i];
		const struct config_node *its = value ? config_node_find(value, str_from_c(m->name)) : NULL;
		on[i] = is_module_on(r, m, its);
		if (on[i])
			conf[i] = read_module_options(r, m, its && its->kind == CONFIG_MAP ? its : NULL);
	}
	r->config->module_on = on;
	r->config->module_conf = conf;
}

static bool is_section(struct str name)
{
	for (const struct config_section *s = config_sections; s->name; s++)
		if (str_eq(str_from_c(s->name), name))
			return true;
	return false;
}

static void refuse_unknown(struct config_reader *r, const struct config_node *member)
{
	struct nearest nearest = nearest_option(config_general, member->key);
	for (const struct config_section *s = config_sections; s->name; s++)
		nearest_consider(&nearest, str_from_c(s->name));
	struct buf *mistake = config_mistake(r->report, member->key_at);
	buf_lit(mistake, "unknown option ");
	config_quote(mistake, member->key);
	if (find_module(r->context->modules, member->key))
		buf_lit(mistake, "; modules are written under 'modules:'");
	else
		config_nearest_print(&nearest, mistake);
}

static void read_general(struct config_reader *r, const struct config_node *root)
{
	struct general general = { .data = r->context->data, .workers = r->context->cores };
	if (general.workers < 1)
		general.workers = 1;
	if (general.workers > WORKERS_MAX)
		general.workers = WORKERS_MAX;
	option_set_defaults(r->a, config_general, &general);
	for (const struct config_node *member = root->first; member; member = member->next) {
		const struct option *o = option_find(config_general, member->key);
		if (o)
			read_option(r, member, o, &general);
		else if (!is_section(member->key))
			refuse_unknown(r, member);
	}
	r->config->data = arena_dup(r->a, general.data);
	r->config->workers = (unsigned)general.workers;
	r->config->durability = (enum config_durability)general.durability;
	r->config->fast = general.fast;
	r->config->token_lifetime_ms = general.token_lifetime;
}

static void read_section(struct config_reader *r, const struct config_section *s, const struct config_node *value)
{
	if (value && s->kind == CONFIG_MAP && value->empty)
		value = NULL;
	if (!value || (value->kind == s->kind && (value->kind != CONFIG_LIST || value->count)))
		s->read(r, value);
	else if (value->kind == CONFIG_LIST && s->kind == CONFIG_LIST)
		buf_printf(config_mistake(r->report, value->at),
			"%s: the list is empty; leave it out or write, for example, %s", s->name, s->example);
	else if (value->kind != CONFIG_BROKEN)
		buf_printf(config_mistake(r->report, value->at), "%s: expected %s, such as %s", s->name,
			s->kind == CONFIG_LIST ? "a list" : "options", s->example);
}

static void read_root(struct config_reader *r, const struct config_node *root)
{
	if (root->kind == CONFIG_BROKEN)
		return;
	if (root->kind != CONFIG_MAP) {
		buf_lit(config_mistake(r->report, root->at), "expected options, such as 'hosts: [example.org]'");
		return;
	}
	read_general(r, root);
	for (const struct config_section *s = config_sections; s->name; s++)
		read_section(r, s, config_node_find(root, str_from_c(s->name)));
}

int config_read(struct arena *a, struct str text, const struct config_context *context, const struct config **config_r,
	struct buf *errors)
{
	struct config_report report;
	config_report_init(&report);
	struct config_reader r = {
		.a = a,
		.scratch = arena_new(1024, SCRATCH_BYTES_MAX),
		.report = &report,
		.context = context,
		.config = arena_zalloc(a, sizeof(*r.config)),
	};
	const struct config_node *root = config_yaml_read(r.scratch, text, &report);
	if (root)
		read_root(&r, root);
	bool fine = report.count == 0;
	assert_always(root || !fine);
	if (fine)
		*config_r = r.config;
	else
		config_report_write(&report, context->file ? context->file : "configuration", errors);
	arena_free(&r.scratch);
	config_report_fini(&report);
	return fine ? 0 : -1;
}

const void *config_of_module(const struct config *c, const struct module *const *modules, const struct module *m)
{
	size_t i = 0;
	while (modules[i] && modules[i] != m)
		i++;
	return modules[i] ? c->module_conf[i] : NULL;
}
