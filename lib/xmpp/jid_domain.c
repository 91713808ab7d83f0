/* Domainparts (RFC 7622, 3.2): host names, internationalised or not (IDNA2008), and IPv6 literals.
 *
 *     strip one trailing dot → [IPv6]: its canonical text
 *                            → else map as RFC 5895, 2 does → split at dots → each label by its kind:
 *
 *     ASCII       letters, digits, hyphens inside, underscores; 63 bytes at most
 *     A-label     (xn--…) becomes its U-label, if it is exactly that one's A-label
 *     U-label     checked as for registration (RFC 5891, 4.2)
 *
 * libidn2 has the tables of IDNA2008 and Punycode. No U-label has a code point that the mapping would change (RFC 5892,
 * 2.2), and each is in NFC: so what comes out goes in again unchanged. */
#include "lib/xmpp/jid_domain.h"

#include "lib/base/fault.h"
#include "lib/base/utf8.h"
#include "lib/xmpp/jid.h"
#include "lib/xmpp/ucs4.h"

#include <arpa/inet.h>
#include <idn2.h>

#define LABEL_BYTES_MAX 63 /* RFC 1034, 3.1 */
/* A U-label of more code points than LABEL_BYTES_MAX has no A-label. */
#define U_LABEL_BYTES_MAX (4 * LABEL_BYTES_MAX)
/* Longer input is refused unseen: the mappings shorten to a third at most. */
#define INPUT_BYTES_MAX (4 * JID_PART_BYTES_MAX)

struct output {
	size_t n;
	char bytes[JID_PART_BYTES_MAX];
};

/* What an ASCII host name may have. The underscore is in use, though not by RFC 1123. */
enum { ALLOWED = 1, CAPITAL = 'a' - 'A' };
static const uint8_t classes[256] = {
	['-' ... '.'] = ALLOWED,
	['0' ... '9'] = ALLOWED,
	['A' ... 'Z'] = ALLOWED | CAPITAL,
	['_'] = ALLOWED,
	['a' ... 'z'] = ALLOWED,
};

static int refuse(const char **why_r, const char *why)
{
	*why_r = why;
	return -EJID;
}

/* Byte by byte: four at once, just written one by one, would stall. */
static bool is_a_label(const char *p, size_t n)
{
	return n >= 4 && p[0] == 'x' && p[1] == 'n' && p[2] == '-' && p[3] == '-';
}

static bool has_label_shape(const char *p, size_t n)
{
	return n >= 1 && n <= LABEL_BYTES_MAX && p[0] != '-' && p[n - 1] != '-';
}

bool jid_domain_lower_ascii(struct str in, char *out)
{
	size_t label = 0;
	if (in.n > JID_PART_BYTES_MAX)
		return false;
	for (size_t i = 0; i < in.n; i++) {
		uint8_t class = classes[(unsigned char)in.p[i]];
		if (!class)
			return false;
		out[i] = (char)(in.p[i] | (class & CAPITAL));
		if (out[i] != '.')
			continue;
		if (!has_label_shape(out + label, i - label) || is_a_label(out + label, i - label))
			return false;
		label = i + 1;
	}
	return has_label_shape(out + label, in.n - label) && !is_a_label(out + label, in.n - label);
}

/* The one script of which IDNA2008 allows the capitals: the small letters are younger (Unicode 8), and case folding,
 * which decides (RFC 5892, 2.2), leads from them to the capitals. */
static uint32_t cherokee_capital(uint32_t c)
{
	if (c >= 0xab70 && c <= 0xabbf)
		return c - 0xab70 + 0x13a0;
	return c >= 0x13f8 && c <= 0x13fd ? c - 8 : c;
}

/* RFC 5895, 2. Width first also sees the halfwidth ideographic full stop. */
static void map(struct ucs4 *s)
{
	ucs4_map_width(s);
	ucs4_map_lower(s);
	ucs4_normalise_nfc(s);
	for (size_t i = 0; i < s->n; i++)
		s->p[i] = s->p[i] == 0x3002 ? '.' : cherokee_capital(s->p[i]);
}

static bool add(struct output *out, struct str s)
{
	size_t dot = out->n ? 1 : 0;
	if (s.n + dot > sizeof(out->bytes) - out->n)
		return false;
	if (dot)
		out->bytes[out->n++] = '.';
	memcpy(out->bytes + out->n, s.p, s.n);
	out->n += s.n;
	return true;
}

/* The A-label of a U-label, for idn2_free(); NULL if it is none. What is ASCII comes back as it is. */
static char *a_label_of(const char *u_label)
{
	uint8_t *a_label = NULL;
	int error = idn2_register_u8((const uint8_t *)u_label, NULL, &a_label, 0);
	assert_always(error != IDN2_MALLOC);
	return error == IDN2_OK ? (char *)a_label : NULL;
}

/* The U-label of an A-label, for idn2_free(); NULL unless each is exactly the other's (RFC 5891, 5.3). */
static char *u_label_of(const char *a_label)
{
	char *u_label = NULL;
	int error = idn2_to_unicode_8z8z(a_label, &u_label, 0);
	assert_always(error != IDN2_MALLOC);
	char *again = error == IDN2_OK ? a_label_of(u_label) : NULL;
	bool same = again && strcmp(again, a_label) == 0;
	idn2_free(again);
	if (!same) {
		idn2_free(u_label);
		return NULL;
	}
	return u_label;
}

static bool is_host_label(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (classes[(unsigned char)p[i]] != ALLOWED)
			return false;
	return has_label_shape(p, n);
}

/* One label, mapped, followed by a zero byte. */
static int add_label(struct output *out, const char *p, size_t n, const char **why_r)
{
	char *converted = NULL;
	if (utf8_is_ascii(str_make(p, n))) {
		if (!is_host_label(p, n))
			return refuse(why_r, "a label that is no host name");
		if (is_a_label(p, n) && !(converted = u_label_of(p)))
			return refuse(why_r, "an invalid A-label");
	} else {
		char *a_label = a_label_of(p);
		idn2_free(a_label);
		if (!a_label)
			return refuse(why_r, "an invalid U-label");
	}
	bool added = add(out, converted ? str_from_c(converted) : str_make(p, n));
	idn2_free(converted);
	return added ? 0 : refuse(why_r, "a domainpart that is too long");
}

static int add_labels(struct output *out, const struct ucs4 *s, const char **why_r)
{
	char label[U_LABEL_BYTES_MAX + 4 + 1];
	size_t n = 0;
	for (size_t i = 0; i <= s->n; i++) {
		if (i < s->n && s->p[i] != '.') {
			n += utf8_write(s->p[i], label + n);
			if (n > U_LABEL_BYTES_MAX || s->p[i] == 0)
				return refuse(why_r, "a label that is no host name");
			continue;
		}
		label[n] = 0;
		int error = add_label(out, label, n, why_r);
		if (error)
			return error;
		n = 0;
	}
	return 0;
}

static int normalise_labels(struct arena *a, struct str in, struct str *out_r, const char **why_r)
{
	struct ucs4 s;
	struct output out = { 0 };
	if (in.n > INPUT_BYTES_MAX)
		return refuse(why_r, "a domainpart that is too long");
	if (!ucs4_decode(&s, in))
		return refuse(why_r, "bytes that are not UTF-8");
	map(&s);
	int error = add_labels(&out, &s, why_r);
	ucs4_fini(&s);
	if (!error)
		*out_r = arena_dup(a, str_make(out.bytes, out.n));
	return error;
}

/* RFC 3986, 3.2.2, in the one spelling of RFC 5952, so that equal addresses are equal bytes. No zone (its meaning ends
 * at the host, and RFC 9844 took it out of URIs), and no IPvFuture, of which none exists. */
static int normalise_ipv6(struct arena *a, struct str in, struct str *out_r, const char **why_r)
{
	char text[INET6_ADDRSTRLEN];
	struct in6_addr address;
	if (in.n < 3 || in.p[in.n - 1] != ']' || in.n - 2 >= sizeof(text))
		return refuse(why_r, "an invalid IPv6 address");
	memcpy(text, in.p + 1, in.n - 2);
	text[in.n - 2] = 0;
	/* A zero byte inside would end the text early. */
	if (strlen(text) != in.n - 2 || inet_pton(AF_INET6, text, &address) != 1 ||
		!inet_ntop(AF_INET6, &address, text, sizeof(text)))
		return refuse(why_r, "an invalid IPv6 address");
	*out_r = arena_printf(a, "[%s]", text);
	return 0;
}

int jid_normalise_domain(struct arena *a, struct str in, struct str *out_r, const char **why_r)
{
	if (str_has_suffix(in, STR(".")))
		in.n--;
	if (str_is_empty(in))
		return refuse(why_r, "an empty domainpart");
	if (in.p[0] == '[')
		return normalise_ipv6(a, in, out_r, why_r);
	return normalise_labels(a, in, out_r, why_r);
}
