/* The stream headers of a client (RFC 6120, 4.7): what is checked in one, and ours. */
#include "lib/stream/receiver_impl.h"

#include "lib/base/mem.h"
#include "lib/xmpp/ns.h"

#include <string.h>

void receiver_forget_header(struct login *l)
{
	arena_free(&l->arena);
	l->host = STR("");
	l->from = NULL;
	l->offered = 0;
}

void receiver_write_header(struct receiver *r, struct str to, bool is_current, struct buf *out)
{
	random_text(r->config->random, r->login->id, sizeof(r->login->id));
	struct str host = receiver_host(r);
	stream_header_write(out, &(struct stream_header){
					 .id = receiver_id(r),
					 /* RFC 6120, 4.9.1.3: the empty string when the host is unknown. */
					 .from = host.p ? host : STR(""),
					 .to = to,
					 .lang = STR("en"),
					 .is_current = is_current,
				 });
	r->has_header = true;
}

/* The host that is meant. RFC 6120, 4.9.1.3 treats a header without `to` like one with a wrong one. */
static enum stream_condition check_to(struct receiver *r, struct str to, const char **why_r)
{
	struct login *l = r->login;
	struct str host;
	const char *why;
	*why_r = "the header's to is no host served here";
	if (str_is_empty(to) || jid_normalise_domain(l->arena, to, &host, &why) ||
		!r->config->is_host(r->config->ctx, host))
		return STREAM_HOST_UNKNOWN;
	/* A1: logging in cannot be done for one host and used for another. */
	*why_r = "a restarted stream keeps its to";
	if (r->jid && !str_eq(host, jid_domain(r->jid)))
		return STREAM_NOT_AUTHORIZED;
	l->host = arena_dup(l->arena, host);
	return STREAM_OK;
}

static enum stream_condition check_from(struct receiver *r, struct str from, const char **why_r)
{
	struct login *l = r->login;
	const struct jid *jid;
	const char *why;
	*why_r = "the header's from is no address";
	if (str_is_empty(from))
		return STREAM_OK;
	if (jid_parse(l->arena, from, &jid, &why))
		return STREAM_INVALID_FROM;
	l->from = jid_to_bare(l->arena, jid);
	*why_r = "the header's from is not who has logged in";
	return !r->jid || jid_equal_bare(jid, r->jid) ? STREAM_OK : STREAM_INVALID_FROM;
}

/* The first thing that is wrong with a header that could be read; all of it is looked at, for the answer. */
static enum stream_condition check_header(struct receiver *r, const struct stream_header *h, const char **why_r)
{
	const char *why_from, *why_to;
	enum stream_condition from = check_from(r, h->from, &why_from), to = check_to(r, h->to, &why_to);
	*why_r = "the version of the protocol is below 1.0";
	if (!h->is_current)
		return STREAM_UNSUPPORTED_VERSION;
	*why_r = to != STREAM_OK ? why_to : why_from;
	if (to != STREAM_OK || from != STREAM_OK)
		return to != STREAM_OK ? to : from;
	/* XEP-0388, 2.1. Without TLS anybody could have put it there. */
	*why_r = "the header's from is of another host";
	const struct jid *jid = r->login->from;
	return !r->has_tls || !jid || str_eq(jid_domain(jid), r->login->host) ? STREAM_OK : STREAM_INVALID_FROM;
}

/* That of the last header counts; after a login by SASL2 it is the first, too. */
static void keep_lang(struct receiver *r, struct str lang)
{
	mem_free(r->lang);
	r->lang = NULL;
	if (!lang.p)
		return;
	r->lang = mem_zalloc(lang.n + 1);
	memcpy(r->lang, lang.p, lang.n);
}

bool receiver_on_header(
	struct receiver *r, const struct frame *f, struct str bytes, struct buf *out, struct receiver_event *e)
{
	struct stream_header h;
	const struct xml_scope *scope = NULL;
	const char *why;
	struct login *l = r->login;
	receiver_forget_header(l);
	l->arena = arena_new(512, 64 * (size_t)receiver_limits(r)->bytes + (64 << 10));
	struct arena *a = reader_arena(f, 0);
	enum stream_condition c = stream_header_parse(a, bytes, &h, &scope, &why);
	reader_release(&r->reader);
	stream_scope_free(&r->scope);
	r->scope = scope;
	if (c == STREAM_OK)
		c = check_header(r, &h, &why);
	keep_lang(r, h.lang);
	if (r->state == STATE_HEADER) {
		receiver_write_header(r, l->from ? jid_full(l->from) : str_make(NULL, 0), h.is_current || !scope, out);
		r->state = r->jid                                              ? STATE_BIND
			   : r->has_tls || r->config->tls == RECEIVER_TLS_NONE ? STATE_LOGIN
									       : STATE_STARTTLS;
	}
	arena_free(&a);
	if (c != STREAM_OK)
		return receiver_fail(r, c, why, out, e);
	/* RFC 6120, 4.9.3.19: only once TLS shows who says so. */
	if (r->state == STATE_LOGIN && r->config->redirect)
		return receiver_redirect(r, out, e);
	if (r->state != STATE_CLOSING)
		receiver_write_features(r, out);
	return false;
}
