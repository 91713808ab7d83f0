/* The sections `hosts` and `certificates`. There may be thousands of hosts, so they are looked up in a sorted array. */
#include "lib/xmpp/jid.h"
#include "server/core/config_sections.h"
#include "server/core/config_words.h"

#include <stdlib.h>

#define CONSIDERED_MAX 1000 /* hosts, when one that was mistyped is looked for */

struct config_host {
	struct str name; /* normalised */
	struct config_place at;
	struct config_place certificate_at; /* line 0: it has none yet */
};

const struct option config_certificate_options[] = {
	OPT_PATH(struct config_certificate, certificate, NULL,
		"File with the certificate, followed by those that signed it (PEM); required"),
	OPT_PATH(struct config_certificate, key, NULL, "File with its private key (PEM); required"),
	OPT_END,
};

static bool normalise(struct config_reader *r, struct str text, struct config_place at, struct str *name_r)
{
	const char *why = NULL;
	if (jid_normalise_domain(r->scratch, text, name_r, &why) == 0)
		return true;
	struct buf *mistake = config_mistake(r->report, at);
	config_quote(mistake, text);
	buf_printf(mistake, " is not a domain: %s", why);
	return false;
}

static int by_name(const void *x, const void *y)
{
	const struct config_host *a = x, *b = y;
	int order = str_cmp(a->name, b->name);
	return order ? order : config_place_cmp(a->at, b->at);
}

static int compare_name(const void *name, const void *host)
{
	return str_cmp(*(const struct str *)name, ((const struct config_host *)host)->name);
}

static void refuse_repeated(struct config_reader *r)
{
	const struct config_host *first = NULL;
	for (const struct config_host *h = r->hosts; h < r->hosts + r->host_count; h++) {
		if (!first || !str_eq(first->name, h->name)) {
			first = h;
			continue;
		}
		struct buf *mistake = config_mistake(r->report, h->at);
		buf_lit(mistake, "the host ");
		config_quote(mistake, h->name);
		buf_printf(mistake, " is repeated, first at line %u, column %u", first->at.line, first->at.column);
	}
}

static void read_host(struct config_reader *r, const struct config_node *node, struct str *name)
{
	if (node->kind == CONFIG_TEXT) {
		if (!normalise(r, node->text, node->at, name))
			return;
		*name = arena_dup(r->a, *name);
		r->hosts[r->host_count++] = (struct config_host){ .name = *name, .at = node->at };
	} else if (node->kind != CONFIG_BROKEN) {
		buf_lit(config_mistake(r->report, node->at), "hosts: expected a domain, such as example.org");
	}
}

void config_read_hosts(struct config_reader *r, const struct config_node *value)
{
	size_t n = value ? value->count : 1, at = 0;
	struct str *names = arena_zalloc(r->a, n * sizeof(*names));
	r->hosts = arena_zalloc(r->scratch, n * sizeof(*r->hosts));
	if (!value) {
		names[0] = STR("localhost");
		r->hosts[r->host_count++].name = names[0];
	} else {
		for (const struct config_node *node = value->first; node; node = node->next)
			read_host(r, node, &names[at++]);
	}
	qsort(r->hosts, r->host_count, sizeof(*r->hosts), by_name);
	refuse_repeated(r);
	r->hosts_left_out = !value;
	r->hosts_known = r->host_count == n;
	r->config->hosts = names;
	r->config->host_count = n;
}

static void tell_not_in_hosts(struct config_reader *r, const char *whose, struct str name, struct config_place at)
{
	struct nearest nearest = nearest_to(name);
	for (size_t i = 0; i < r->host_count && i < CONSIDERED_MAX && !config_report_is_full(r->report); i++)
		nearest_consider(&nearest, r->hosts[i].name);
	struct buf *mistake = config_mistake(r->report, at);
	buf_printf(mistake, "%s: ", whose);
	config_quote(mistake, name);
	buf_lit(mistake, " is not one of the hosts");
	if (r->hosts_left_out)
		buf_lit(mistake, ": 'hosts' is left out, so there is only 'localhost'");
	else
		config_nearest_print(&nearest, mistake);
}

static struct config_host *find_host(struct config_reader *r, struct str name)
{
	return r->host_count ? bsearch(&name, r->hosts, r->host_count, sizeof(*r->hosts), compare_name) : NULL;
}

bool config_read_host_name(struct config_reader *r, const struct config_node *node, const char *whose, struct str *name_r)
{
	struct str name;
	if (node->kind != CONFIG_TEXT) {
		if (node->kind != CONFIG_BROKEN)
			buf_printf(config_mistake(r->report, node->at), "%s: expected a domain, such as example.org", whose);
		return false;
	}
	if (!r->hosts_known || !normalise(r, node->text, node->at, &name))
		return false;
	const struct config_host *host = find_host(r, name);
	if (!host) {
		tell_not_in_hosts(r, whose, name, node->at);
		return false;
	}
	*name_r = arena_dup(r->a, host->name);
	return true;
}

/* The host that the key names; NULL, with the mistake told, if there is none or it has a certificate already. */
static struct config_host *take_host(struct config_reader *r, const struct config_node *node)
{
	struct str name;
	if (!r->hosts_known)
		return NULL;
	if (!normalise(r, node->key, node->key_at, &name))
		return NULL;
	struct config_host *host = find_host(r, name);
	if (!host) {
		tell_not_in_hosts(r, "certificates", name, node->key_at);
	} else if (host->certificate_at.line) {
		struct buf *mistake = config_mistake(r->report, node->key_at);
		buf_lit(mistake, "certificates: ");
		config_quote(mistake, name);
		buf_printf(mistake, " is given twice, first at line %u, column %u", host->certificate_at.line,
			host->certificate_at.column);
		host = NULL;
	} else {
		host->certificate_at = node->key_at;
	}
	return host;
}

static void read_certificate(struct config_reader *r, const struct config_node *node, struct config_certificate *c)
{
	const struct config_host *host = take_host(r, node);
	if (node->kind != CONFIG_MAP) {
		buf_lit(config_mistake(r->report, node->at), "certificates: expected { certificate: FILE, key: FILE }");
		return;
	}
	config_read_options(r, node, config_certificate_options, "a certificate", c);
	config_require(r, node, "certificate", "certificate");
	config_require(r, node, "key", "certificate");
	if (host)
		c->host = host->name;
}

void config_read_certificates(struct config_reader *r, const struct config_node *value)
{
	if (!value)
		return;
	struct config_certificate *certificates = arena_zalloc(r->a, value->count * sizeof(*certificates));
	size_t n = 0;
	for (const struct config_node *node = value->first; node; node = node->next)
		if (node->kind != CONFIG_BROKEN)
			read_certificate(r, node, &certificates[n++]);
	r->config->certificates = certificates;
	r->config->certificate_count = n;
}
