/* One HMAC over the parts, each behind its length, so that no two lists of parts are the same bytes. */
#include "server/core/token.h"

#include "lib/base/base64.h"
#include "lib/base/buf.h"
#include "lib/base/fault.h"
#include "lib/crypto/digest.h"

#define PARTS_BYTES_MAX 65536
#define MAC_BYTES 32
#define TOKEN_CHARS 43 /* of base64 without its padding */

static void mac_of(struct str key, const struct str *parts, size_t count, unsigned char *mac)
{
	struct buf b;
	buf_init(&b, PARTS_BYTES_MAX);
	for (size_t i = 0; i < count; i++) {
		buf_printf(&b, "%zu:", parts[i].n);
		buf_add(&b, parts[i]);
	}
	assert_always(!buf_failed(&b));
	digest_hmac(DIGEST_SHA256, key, buf_str(&b), mac);
	buf_fini(&b);
}

/* base64url, RFC 4648, 5 */
static void write_text(const unsigned char *mac, char *out, size_t n)
{
	char text[BASE64_LEN(MAC_BYTES)];
	base64_encode(str_make(mac, MAC_BYTES), text);
	for (size_t i = 0; i < n; i++)
		out[i] = (char)(text[i] == '+' ? '-' : text[i] == '/' ? '_' : text[i]);
	secret_wipe(text, sizeof(text));
}

void token_derive(struct str key, struct str salt, struct str owner, struct str client, enum sasl_mechanism mechanism,
	struct sasl_token *token_r)
{
	unsigned char mac[MAC_BYTES];
	const struct str parts[] = { STR("token"), salt, owner, client, sasl_mechanism_name(mechanism) };
	mac_of(key, parts, ARRAY_LEN(parts), mac);
	*token_r = (struct sasl_token){ .n = TOKEN_CHARS, .mechanism = mechanism };
	write_text(mac, (char *)token_r->bytes, TOKEN_CHARS);
	secret_wipe(mac, sizeof(mac));
}

void client_resource(struct str secret, struct str owner, struct str client, char *out)
{
	unsigned char mac[MAC_BYTES];
	const struct str parts[] = { STR("resource"), owner, client };
	mac_of(secret, parts, ARRAY_LEN(parts), mac);
	write_text(mac, out, CLIENT_RESOURCE_CHARS);
}
