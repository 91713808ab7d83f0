/* What is offered on a stream (RFC 6120, 4.3.2), in each of its states. A new feature is a line in
 * receiver_write_features. */
#include "lib/stream/receiver_impl.h"

#include "lib/base/base64.h"
#include "lib/crypto/digest.h"
#include "lib/xml/writer.h"
#include "lib/xmpp/ns.h"

/* <name xmlns='…' */
static void open_tag(struct buf *out, const char *name, struct str ns)
{
	buf_printf(out, "<%s", name);
	xml_write_attr(out, STR("xmlns"), ns);
}

/* RFC 6120, 5.3.1: nothing beside it as long as it is required. */
static void write_starttls(struct buf *out)
{
	open_tag(out, "starttls", NS_TLS);
	buf_lit(out, "><required/></starttls>");
}

/* In the order of preference (RFC 6120, 6.4.1). */
static void write_mechanisms(unsigned mask, struct buf *out)
{
	struct str names[SASL_MECHANISMS];
	size_t n = sasl_mechanism_names(mask, names);
	for (size_t i = 0; i < n; i++) {
		buf_lit(out, "<mechanism>");
		buf_add(out, names[i]);
		buf_lit(out, "</mechanism>");
	}
}

/* XEP-0440: with the mechanisms that need them. */
static void write_bindings(const struct receiver *r, struct buf *out)
{
	struct str names[SASL_BINDINGS];
	size_t n = sasl_binding_names(receiver_bindings(r), names);
	open_tag(out, "sasl-channel-binding", NS_CHANNEL_BINDING);
	buf_lit(out, ">");
	for (size_t i = 0; i < n; i++) {
		buf_lit(out, "<channel-binding");
		xml_write_attr(out, STR("type"), names[i]);
		buf_lit(out, "/>");
	}
	buf_lit(out, "</sasl-channel-binding>");
}

/* XEP-0386, 3.1 */
static void write_bind2(const struct receiver *r, struct buf *out)
{
	const struct receiver_config *c = r->config;
	open_tag(out, "bind", NS_BIND2);
	if (!c->bind_feature_count) {
		buf_lit(out, "/>");
		return;
	}
	buf_lit(out, "><inline>");
	for (size_t i = 0; i < c->bind_feature_count; i++) {
		buf_lit(out, "<feature");
		xml_write_attr(out, STR("var"), c->bind_features[i]);
		buf_lit(out, "/>");
	}
	buf_lit(out, "</inline></bind>");
}

/* XEP-0388, 2.1 */
static void write_authentication(const struct receiver *r, unsigned offered, struct buf *out)
{
	open_tag(out, "authentication", NS_SASL2);
	buf_lit(out, ">");
	write_mechanisms(offered & ~SASL_TOKEN_BITS, out);
	buf_lit(out, "<inline>");
	write_bind2(r, out);
	if (offered & SASL_TOKEN_BITS) {
		open_tag(out, "fast", NS_FAST);
		buf_lit(out, ">");
		write_mechanisms(offered & SASL_TOKEN_BITS, out);
		buf_lit(out, "</fast>");
	}
	buf_lit(out, "</inline>");
	struct arena *a = arena_new(256, 4096);
	for (enum digest d = 0; d < DIGESTS; d++) {
		if (!(receiver_tasks(r) & 1u << d))
			continue;
		open_tag(out, "upgrade", NS_UPGRADE);
		buf_lit(out, ">");
		buf_add(out, receiver_task_name(a, d));
		buf_lit(out, "</upgrade>");
	}
	arena_free(&a);
	buf_lit(out, "</authentication>");
}

/* XEP-0478. How long a silence may be counts from the login on. */
static void write_limits(const struct receiver *r, struct buf *out)
{
	open_tag(out, "limits", NS_STREAM_LIMITS);
	buf_printf(out, "><max-bytes>%u</max-bytes>", receiver_limits(r)->bytes);
	if (r->jid && r->config->idle_seconds)
		buf_printf(out, "<idle-seconds>%u</idle-seconds>", r->config->idle_seconds);
	buf_lit(out, "</limits>");
}

/* XEP-0509, 2.3.1: a hash over all features, `before` them stood so many bytes. */
static void write_config_version(struct receiver *r, size_t before, struct buf *out)
{
	unsigned char *version = r->login->config_version;
	char base64[BASE64_LEN(CONFIG_VERSION_BYTES)];
	digest_compute(DIGEST_SHA256, str_from(buf_str(out), before), version);
	base64_encode(str_make(version, CONFIG_VERSION_BYTES), base64);
	open_tag(out, "config-version", NS_IAP);
	xml_write_attr(out, STR("scheme"), STR("opaque"));
	xml_write_attr(out, STR("value"), str_make(base64, sizeof(base64)));
	buf_lit(out, "/>");
}

/* Of a stream where nobody has logged in yet. */
static void write_login(struct receiver *r, struct buf *out)
{
	size_t before = buf_len(out);
	unsigned offered = receiver_offer(r), listed = offered & ~SASL_TOKEN_BITS;
	if (offered & SASL_PLUS_BITS)
		write_bindings(r, out);
	open_tag(out, "mechanisms", NS_SASL);
	buf_lit(out, ">");
	write_mechanisms(listed, out);
	buf_lit(out, "</mechanisms>");
	bool has_sasl2 = r->has_tls && listed;
	if (has_sasl2)
		write_authentication(r, offered, out);
	write_limits(r, out);
	if (has_sasl2)
		write_config_version(r, before, out);
}

static void write_bind(struct buf *out)
{
	open_tag(out, "bind", NS_BIND);
	/* Clients of RFC 3921 ask for a session if it is there; newer ones know by <optional/> that they need not. */
	buf_lit(out, "/>");
	open_tag(out, "session", NS_SESSION);
	buf_lit(out, "><optional/></session>");
}

/* The order is XEP-0170's. */
void receiver_write_features(struct receiver *r, struct buf *out)
{
	buf_lit(out, "<stream:features>");
	if (r->state == STATE_STARTTLS) {
		write_starttls(out);
	} else if (r->state == STATE_LOGIN) {
		write_login(r, out);
	} else {
		if (r->state == STATE_BIND)
			write_bind(out);
		buf_add(out, r->config->features);
		write_limits(r, out);
	}
	buf_lit(out, "</stream:features>");
}
