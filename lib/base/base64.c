/* Base64 and hexadecimal by table. The decoders are exact inverses of the encoders (hexadecimal also reads upper case):
 * one value has one spelling, so that nothing can be said twice in two ways. */
#include "lib/base/base64.h"

static const char base64_digits[64] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* clang-format off */
/* A digit's value, or -1. */
static const signed char base64_values[256] = {
#define NONE4 -1, -1, -1, -1
#define NONE16 NONE4, NONE4, NONE4, NONE4
	NONE16, NONE16,
	-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 62, -1, -1, -1, 63,
	52, 53, 54, 55, 56, 57, 58, 59, 60, 61, -1, -1, -1, -1, -1, -1,
	-1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
	15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, -1, -1, -1, -1, -1,
	-1, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40,
	41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, -1, -1, -1, -1, -1,
	NONE16, NONE16, NONE16, NONE16, NONE16, NONE16, NONE16, NONE16,
#undef NONE16
#undef NONE4
};
/* clang-format on */

static void encode_group(const unsigned char *p, char *out)
{
	out[0] = base64_digits[p[0] >> 2];
	out[1] = base64_digits[(p[0] & 3) << 4 | p[1] >> 4];
	out[2] = base64_digits[(p[1] & 15) << 2 | p[2] >> 6];
	out[3] = base64_digits[p[2] & 63];
}

void base64_encode(struct str in, char *out)
{
	const unsigned char *p = (const unsigned char *)in.p;
	size_t n = in.n;
	for (; n >= 3; n -= 3, p += 3, out += 4)
		encode_group(p, out);
	if (n > 0) {
		const unsigned char last[3] = { p[0], n > 1 ? p[1] : 0, 0 };
		encode_group(last, out);
		out[3] = '=';
		if (n == 1)
			out[2] = '=';
	}
}

struct str base64_dup(struct arena *a, struct str in)
{
	size_t n = BASE64_LEN(in.n);
	char *p = arena_alloc_bytes(a, n);
	base64_encode(in, p);
	return str_make(p, n);
}

void base64_add(struct buf *b, struct str in)
{
	size_t n = BASE64_LEN(in.n);
	char *p = buf_reserve(b, n);
	if (!p)
		return;
	base64_encode(in, p);
	buf_commit(b, n);
}

/* Reads four digits to 24 bits; negative if one is not a digit. */
static int32_t decode_group(const char *p)
{
	int a = base64_values[(unsigned char)p[0]];
	int b = base64_values[(unsigned char)p[1]];
	int c = base64_values[(unsigned char)p[2]];
	int d = base64_values[(unsigned char)p[3]];
	if ((a | b | c | d) < 0)
		return -1;
	return a << 18 | b << 12 | c << 6 | d;
}

/* The last group, of which `padding` digits are '='. RFC 4648, 3.5: the bits that no byte takes must be zero. */
static bool decode_last_group(const char *p, size_t padding, unsigned char *out)
{
	const char digits[4] = { p[0], p[1], padding > 1 ? 'A' : p[2], 'A' };
	int32_t bits = decode_group(digits);
	if (bits < 0 || bits & ((1 << 8 * padding) - 1))
		return false;
	out[0] = (unsigned char)(bits >> 16);
	if (padding == 1)
		out[1] = (unsigned char)(bits >> 8);
	return true;
}

bool base64_decode(struct str in, void *out, size_t *n_r)
{
	if (in.n % 4 != 0)
		return false;
	size_t padding = 0;
	if (in.n > 0 && in.p[in.n - 1] == '=')
		padding = in.p[in.n - 2] == '=' ? 2 : 1;
	size_t whole = padding ? in.n - 4 : in.n;
	unsigned char *q = out;
	for (size_t i = 0; i < whole; i += 4, q += 3) {
		int32_t bits = decode_group(in.p + i);
		if (bits < 0)
			return false;
		q[0] = (unsigned char)(bits >> 16);
		q[1] = (unsigned char)(bits >> 8);
		q[2] = (unsigned char)bits;
	}
	if (padding && !decode_last_group(in.p + whole, padding, q))
		return false;
	*n_r = in.n / 4 * 3 - padding;
	return true;
}

void hex_encode(struct str in, char *out)
{
	static const char digits[16] = "0123456789abcdef";
	for (size_t i = 0; i < in.n; i++) {
		unsigned char c = (unsigned char)in.p[i];
		*out++ = digits[c >> 4];
		*out++ = digits[c & 15];
	}
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bool hex_decode(struct str in, void *out)
{
	if (in.n % 2 != 0)
		return false;
	unsigned char *q = out;
	for (size_t i = 0; i < in.n; i += 2) {
		int high = hex_value(in.p[i]), low = hex_value(in.p[i + 1]);
		if ((high | low) < 0)
			return false;
		*q++ = (unsigned char)(high << 4 | low);
	}
	return true;
}
