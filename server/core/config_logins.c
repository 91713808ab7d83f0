/* The sections `mechanisms` and `anonymous`: how one may log in, and where nobody has to. */
#include "server/core/config_sections.h"
#include "server/core/config_words.h"

#include "lib/base/nearest.h"
#include "lib/stream/sasl.h"

/* By the names without PLUS: where a mechanism is allowed, so is the same with a channel binding. */
static const struct {
	enum sasl_mechanism mechanism;
	unsigned bits;
} choices[] = {
	{ SASL_SCRAM_SHA_512, SASL_BIT(SASL_SCRAM_SHA_512) | SASL_BIT(SASL_SCRAM_SHA_512_PLUS) },
	{ SASL_SCRAM_SHA_256, SASL_BIT(SASL_SCRAM_SHA_256) | SASL_BIT(SASL_SCRAM_SHA_256_PLUS) },
	{ SASL_SCRAM_SHA_1, SASL_BIT(SASL_SCRAM_SHA_1) | SASL_BIT(SASL_SCRAM_SHA_1_PLUS) },
	{ SASL_PLAIN, SASL_BIT(SASL_PLAIN) },
	{ SASL_EXTERNAL, SASL_BIT(SASL_EXTERNAL) },
};

/* 0 after telling the mistake. */
static unsigned read_mechanism(struct config_reader *r, const struct config_node *node)
{
	if (node->kind != CONFIG_TEXT) {
		if (node->kind != CONFIG_BROKEN)
			buf_lit(config_mistake(r->report, node->at), "mechanisms: expected a name, such as SCRAM-SHA-256");
		return 0;
	}
	struct nearest nearest = nearest_to(node->text);
	for (size_t i = 0; i < ARRAY_LEN(choices); i++) {
		struct str name = sasl_mechanism_name(choices[i].mechanism);
		if (str_eq(name, node->text))
			return choices[i].bits;
		nearest_consider(&nearest, name);
	}
	struct buf *mistake = config_mistake(r->report, node->at);
	buf_lit(mistake, "mechanisms: unknown mechanism ");
	config_quote(mistake, node->text);
	config_nearest_print(&nearest, mistake);
	return 0;
}

void config_read_mechanisms(struct config_reader *r, const struct config_node *value)
{
	unsigned mask = 0;
	for (size_t i = 0; !value && i < ARRAY_LEN(choices); i++)
		mask |= choices[i].bits;
	for (const struct config_node *node = value ? value->first : NULL; node; node = node->next)
		mask |= read_mechanism(r, node);
	r->config->mechanisms = mask;
}

void config_read_anonymous(struct config_reader *r, const struct config_node *value)
{
	if (!value)
		return;
	struct str *hosts = arena_zalloc(r->a, value->count * sizeof(*hosts));
	size_t n = 0;
	for (const struct config_node *node = value->first; node; node = node->next)
		if (config_read_host_name(r, node, "anonymous", &hosts[n]))
			n++;
	r->config->anonymous = hosts;
	r->config->anonymous_count = n;
}
