#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/core/harness_raw.h"

#include "lib/base/base64.h"

#include <string.h>

#define BYTES_MAX 1000000

void raw_protect(struct harness *h)
{
	for (size_t i = 0; i < h->sim.config->listener_count; i++)
		h->sim.kinds[i].receiver.tls = RECEIVER_TLS_DIRECT;
}

void raw_init(struct raw *r, struct harness *h, unsigned worker)
{
	struct net_address port = harness_port(worker);
	*r = (struct raw){ .h = h, .socket = network_dial(&h->sim.network, &port) };
	assert_true(r->socket >= 0);
	buf_init(&r->heard, BYTES_MAX);
	raw_says(r, "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0' to='localhost'>");
}

void raw_fini(struct raw *r)
{
	network_close(&r->h->sim.network, r->socket);
	harness_run(r->h);
	buf_fini(&r->heard);
}

void raw_listens(struct raw *r)
{
	network_receive(&r->h->sim.network, r->socket, &r->heard, SIZE_MAX);
}

static void post(struct raw *r, const char *fmt, va_list args)
{
	char text[8192];
	int n = vsnprintf(text, sizeof(text), fmt, args);
	assert_true(n >= 0 && (size_t)n < sizeof(text));
	buf_clear(&r->heard);
	network_send(&r->h->sim.network, r->socket, str_make(text, (size_t)n));
}

void raw_posts(struct raw *r, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	post(r, fmt, args);
	va_end(args);
}

void raw_says(struct raw *r, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	post(r, fmt, args);
	va_end(args);
	harness_run(r->h);
	raw_listens(r);
}

bool raw_heard(const struct raw *r, const char *part)
{
	struct str s = buf_str(&r->heard);
	return s.n && memmem(s.p, s.n, part, strlen(part));
}

struct str raw_between(struct raw *r, const char *before, const char *after)
{
	struct str s = buf_str(&r->heard);
	const char *from = s.n ? memmem(s.p, s.n, before, strlen(before)) : NULL;
	if (!from)
		return STR("");
	from += strlen(before);
	const char *to = memmem(from, (size_t)(s.p + s.n - from), after, strlen(after));
	assert_non_null(to);
	return arena_dup(r->h->sim.arena, str_make(from, (size_t)(to - from)));
}

void raw_authenticates(struct raw *r, const char *mechanism, const char *data, size_t n, const char *more)
{
	char base64[512];
	assert_true(BASE64_LEN(n) < sizeof(base64));
	base64_encode(str_make(data, n), base64);
	raw_says(r, "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='%s'><initial-response>%.*s</initial-response>%s</authenticate>",
		mechanism, (int)BASE64_LEN(n), base64, more);
}

void raw_logs_in(struct raw *r, const char *more)
{
	static const char message[] = "\0romeo\0" HARNESS_PASSWORD;
	char all[2048];
	snprintf(all, sizeof(all), RAW_AGENT(RAW_CLIENT) "%s", more);
	raw_authenticates(r, "PLAIN", message, sizeof(message) - 1, all);
}

void raw_uses_token(struct raw *r, struct str token, const char *more)
{
	char message[6 + 32] = "romeo", all[2048];
	digest_hmac(DIGEST_SHA256, token, STR("Initiator"), (unsigned char *)message + 6);
	snprintf(all, sizeof(all), RAW_AGENT(RAW_CLIENT) "%s", more);
	raw_authenticates(r, "HT-SHA-256-NONE", message, sizeof(message), all);
}
