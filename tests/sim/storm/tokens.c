/* What a device knows of its tokens: each step of a login, and what it means for each token. */
#include "tests/sim/storm/tokens.h"

#include "lib/base/fault.h"
#include "lib/base/macros.h"
#include "lib/xmpp/delay.h"
#include "tests/sim/storm/storm.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define LIFETIME_MS (TOKENS_LIFETIME_DAYS * INT64_C(86400000))
#define MECHANISM   SASL_HT_SHA_256_NONE

static int64_t wall(const struct storm *st)
{
	return (int64_t)st->sim.world.now_ms + st->sim.world.wall_offset_ms;
}

void tokens_init(struct storm_client *c)
{
	struct storm_tokens *t = &c->tokens;
	snprintf(t->uuid, sizeof(t->uuid), "00000000-0000-4000-8000-%012u", c->number);
	t->try.used = -1;
	c->config.tls = INITIATOR_TLS_DIRECT;
	c->config.sasl2 = INITIATOR_SASL2_REQUIRED;
	c->config.client = str_from_c(t->uuid);
	c->config.software = STR("storm");
	c->config.tag = STR("storm");
}

bool tokens_any(const struct storm_client *c)
{
	for (unsigned i = 0; i < c->tokens.count; i++)
		if (!(c->tokens.list[i].places & TOKEN_GONE))
			return true;
	return false;
}

/* A login begins. */

/* The newest of those that may be there, or (`gone`) of those that cannot be; `skip` as many. -1: there is none. */
static int find(const struct storm_tokens *t, bool gone, unsigned skip)
{
	for (unsigned i = t->count; i-- > 0;)
		if ((t->list[i].places == TOKEN_GONE) == gone && skip-- == 0)
			return (int)i;
	return -1;
}

static int choose(struct storm_client *c)
{
	struct world *w = &c->storm->sim.world;
	switch (world_below(w, 8)) {
	case 0: return -1;
	case 1:
	case 2: return find(&c->tokens, true, world_chance(w, 250));
	case 3: return find(&c->tokens, false, 1);
	default: return find(&c->tokens, false, 0);
	}
}

void tokens_begin(struct storm_client *c)
{
	struct storm *st = c->storm;
	struct storm_tokens *t = &c->tokens;
	int used = choose(c);
	bool wants = world_chance(&st->sim.world, 750), invalidates = world_chance(&st->sim.world, 150);
	bool is_early = world_chance(&st->sim.world, 500);
	t->try = (struct token_try){ .is_on = true, .used = used, .wants = wants, .invalidates = invalidates && used >= 0,
		.was_well = storm_is_well(st), .step = st->step, .epoch = st->epoch, .clock_steps = st->clock_steps,
		.wall_ms = wall(st) };
	c->config.token = NULL;
	if (used >= 0) {
		t->try.places = t->list[used].places;
		t->used = t->list[used].token;
		c->config.token = &t->used;
	}
	c->config.wanted_tokens = wants ? SASL_BIT(MECHANISM) : 0;
	c->config.invalidates = t->try.invalidates;
	c->config.known = is_early && t->offer.version.p ? &t->offer : NULL;
}

/* What it means. */

/* The token has been used (`certain`), or may have been. */
static void use(struct storm_tokens *t, struct known_token *used, bool certain)
{
	unsigned was = used->places & (TOKEN_NEW | TOKEN_CURRENT);
	/* The operator has ended it meanwhile. */
	if (!was)
		was = TOKEN_NEW | TOKEN_CURRENT;
	for (unsigned i = 0; i < t->count; i++) {
		struct known_token *k = &t->list[i];
		unsigned places = TOKEN_GONE;
		if (k == used)
			continue;
		/* XEP-0484, 5.1: a new one takes the place of the current one; 4.5: what would end earlier ends. */
		if (was == TOKEN_CURRENT && k->places == TOKEN_NEW && k->expiry_ms >= used->expiry_ms)
			places = TOKEN_NEW;
		else if (was & TOKEN_CURRENT && k->places & TOKEN_NEW && k->expiry_ms >= used->expiry_ms)
			places |= TOKEN_NEW;
		k->places = certain ? places : k->places | places;
	}
	used->places = certain ? TOKEN_CURRENT : used->places | TOKEN_CURRENT;
}

/* Another was handed out, or may have been: what was new, and not used, has gone. */
static void replace(struct storm_tokens *t, bool certain)
{
	for (unsigned i = 0; i < t->count; i++) {
		struct known_token *k = &t->list[i];
		if (k->places & TOKEN_NEW)
			k->places = (certain ? k->places & ~(unsigned)TOKEN_NEW : k->places) | TOKEN_GONE;
	}
}

static void may_be_gone(struct storm_tokens *t)
{
	for (unsigned i = 0; i < t->count; i++)
		t->list[i].places |= TOKEN_GONE;
}

static void forget(struct storm_tokens *t, unsigned which)
{
	memmove(&t->list[which], &t->list[which + 1], (t->count - which - 1) * sizeof(t->list[0]));
	t->count--;
}

static void keep(struct storm_client *c, const struct sasl_token *token, int64_t expiry_ms)
{
	struct storm_tokens *t = &c->tokens;
	unsigned oldest = 0;
	while (t->count == TOKENS_MAX && oldest < TOKENS_MAX - 1 && !(t->list[oldest].places & TOKEN_GONE))
		oldest++;
	if (t->count == TOKENS_MAX)
		forget(t, oldest);
	t->list[t->count++] = (struct known_token){ *token, expiry_ms, TOKEN_NEW, c->storm->step };
	c->storm->counts.tokens++;
}

/* What was told. */

/* Nothing kept the storage from writing while the login was under way (docs/GUARANTEES.md, D9). */
static bool was_well(const struct storm_client *c)
{
	const struct storm *st = c->storm;
	const struct token_try *try = &c->tokens.try;
	return try->was_well && storm_is_well(st) && st->troubled < try->step && st->epoch == try->epoch;
}

/* The operator has had something to do with them meanwhile. */
static bool is_disputed(const struct storm_client *c)
{
	return c->tokens.doubted >= c->tokens.try.step || operator_concerns(c);
}

static bool clock_was_steady(const struct storm_client *c)
{
	return c->tokens.try.clock_steps == c->storm->clock_steps;
}

static void check_accepted(struct storm_client *c, const struct known_token *k)
{
	const struct token_try *try = &c->tokens.try;
	if (try->places == TOKEN_GONE)
		storm_violation(c->storm, "client %u was let in by a token that had gone", c->number);
	if (clock_was_steady(c) && k->expiry_ms <= try->wall_ms)
		storm_violation(c->storm, "client %u was let in by a token that had expired", c->number);
}

static void on_refused(struct storm_client *c)
{
	struct storm_tokens *t = &c->tokens;
	assert_always(t->try.used >= 0);
	const struct known_token *k = &t->list[t->try.used];
	if (!(k->places & TOKEN_GONE) && clock_was_steady(c) && k->expiry_ms > wall(c->storm) && !operator_concerns(c))
		storm_violation(c->storm, "client %u was refused a token that it was told is good", c->number);
	c->storm->counts.refused_tokens++;
	/* What can be seen behind a failed flush may still be lost: only what was confirmed is gone for good. */
	if (k->places != TOKEN_GONE)
		forget(t, (unsigned)t->try.used);
	t->try.used = -1;
	t->try.invalidates = false;
}

/* It was asked for, which this client does with a password only, or the old one is near its end (XEP-0484, 4.5). */
static bool is_token_due(const struct storm_client *c, const struct known_token *used)
{
	const struct token_try *try = &c->tokens.try;
	if (!used)
		return try->wants;
	return !try->invalidates && clock_was_steady(c) && used->expiry_ms - try->wall_ms < LIFETIME_MS / 3;
}

static void keep_offer(struct storm_tokens *t, const struct initiator_offer *o)
{
	if (!o || !o->version.p || o->version.n >= TOKENS_TEXT_MAX || o->scheme.n >= TOKENS_TEXT_MAX)
		return;
	t->offer = *o;
	memcpy(t->version, o->version.p, o->version.n);
	t->offer.version = str_make(t->version, o->version.n);
	if (o->scheme.n)
		memcpy(t->scheme, o->scheme.p, o->scheme.n);
	t->offer.scheme = str_make(o->scheme.p ? t->scheme : NULL, o->scheme.n);
}

static void on_used(struct storm_client *c, struct known_token *k)
{
	struct storm_tokens *t = &c->tokens;
	check_accepted(c, k);
	use(t, k, was_well(c));
	c->storm->counts.token_logins++;
	if (!t->try.invalidates)
		return;
	c->storm->counts.invalidations++;
	may_be_gone(t); /* the others; the server need not keep them */
	k->places = TOKEN_GONE;
}

static void on_token(struct storm_client *c, const struct known_token *used, const struct initiator_login *l)
{
	struct storm_tokens *t = &c->tokens;
	int64_t expiry_ms = 0;
	if (!l->token) {
		if (was_well(c) && is_token_due(c, used))
			storm_violation(c->storm, "client %u was handed no token when one was due", c->number);
		return;
	}
	if (!datetime_parse(l->expiry, &expiry_ms))
		storm_violation(c->storm, "client %u was told no expiry", c->number);
	c->storm->counts.rotations += used != NULL;
	replace(t, true);
	keep(c, l->token, expiry_ms);
}

void tokens_on_login(struct storm_client *c, const struct initiator_event *e)
{
	struct storm_tokens *t = &c->tokens;
	struct known_token *used = NULL;
	if (!c->is_newer)
		return;
	if (e->is_token_refused)
		on_refused(c);
	if (e->login.mechanism == MECHANISM && t->try.used >= 0)
		on_used(c, used = &t->list[t->try.used]);
	on_token(c, used, &e->login);
	if (is_disputed(c))
		may_be_gone(t);
	keep_offer(t, e->login.offer);
	t->try.is_on = false;
}

void tokens_on_failure(struct storm_client *c, const struct initiator_event *e)
{
	if (!c->is_newer || !c->tokens.try.is_on)
		return;
	if (e->is_token_refused && c->tokens.try.used >= 0)
		on_refused(c);
	if (e->failure == SASL_NOT_AUTHORIZED && !operator_concerns(c))
		storm_violation(c->storm, "client %u was refused its password", c->number);
}

void tokens_on_end(struct storm_client *c)
{
	struct storm_tokens *t = &c->tokens;
	struct token_try *try = &t->try;
	if (!c->is_newer || !try->is_on)
		return;
	try->is_on = false;
	if (try->used >= 0 && t->list[try->used].places != TOKEN_GONE)
		use(t, &t->list[try->used], false);
	replace(t, false);
	if (try->invalidates)
		may_be_gone(t);
}

void tokens_doubt(struct storm_client *c)
{
	c->tokens.doubted = c->storm->step;
	may_be_gone(&c->tokens);
}

void tokens_revoked(struct storm_client *c, uint64_t sent)
{
	struct storm_tokens *t = &c->tokens;
	t->doubted = c->storm->step;
	for (unsigned i = 0; i < t->count; i++)
		if (t->list[i].told < sent)
			t->list[i].places = TOKEN_GONE;
}
