/* Upgrade tasks (XEP-0480): a client that has just shown its password hashes it for a family of which the account has
 * no keys yet. The keys become part of what is granted; see receiver_inline.c. */
#include "lib/stream/receiver_impl.h"

#include "lib/base/base64.h"
#include "lib/stream/scram.h"
#include "lib/xml/writer.h"
#include "lib/xmpp/ns.h"

static const enum sasl_mechanism families[DIGESTS] = {
	[DIGEST_SHA1] = SASL_SCRAM_SHA_1,
	[DIGEST_SHA256] = SASL_SCRAM_SHA_256,
	[DIGEST_SHA512] = SASL_SCRAM_SHA_512,
};

unsigned receiver_tasks(const struct receiver *r)
{
	unsigned tasks = 0;
	for (enum digest d = 0; d < DIGESTS; d++)
		tasks |= r->config->upgrades & SASL_BIT(families[d]) ? 1u << d : 0;
	return tasks;
}

struct str receiver_task_name(struct arena *a, enum digest d)
{
	return arena_printf(a, "UPGR-" STR_FMT, STR_ARG(sasl_mechanism_name(families[d])));
}

void receiver_offer_task(struct receiver *r, struct buf *out)
{
	struct request *q = r->login->request;
	q->task = 0;
	while (!(q->tasks & 1u << q->task))
		q->task++;
	q->tasks &= ~(1u << q->task);
	buf_lit(out, "<continue");
	xml_write_attr(out, STR("xmlns"), NS_SASL2);
	buf_lit(out, ">");
	if (q->data.p)
		receiver_write_data(out, "additional-data", STR(""), q->data);
	q->data = str_make(NULL, 0);
	buf_lit(out, "<tasks><task>");
	buf_add(out, receiver_task_name(q->arena, q->task));
	buf_lit(out, "</task></tasks></continue>");
	q->step = REQUEST_TASK_OFFERED;
	r->login->has_continued = true;
}

static bool on_next(struct receiver *r, const struct xml_node *next, struct buf *out, struct receiver_event *e)
{
	struct request *q = r->login->request;
	struct scram_keys *k = &q->keys.keys[q->task];
	if (!str_eq(xml_attr(next, STR("task")), receiver_task_name(q->arena, q->task)))
		return receiver_refuse(r, SASL_MALFORMED_REQUEST, out, e);
	*k = (struct scram_keys){ .iterations = SCRAM_ITERATIONS, .salt_n = SCRAM_SALT_BYTES };
	random_fill(r->config->random, k->salt, k->salt_n);
	buf_lit(out, "<task-data");
	xml_write_attr(out, STR("xmlns"), NS_SASL2);
	buf_lit(out, "><salt");
	xml_write_attr(out, STR("xmlns"), NS_SCRAM_UPGRADE);
	buf_printf(out, " iterations='%u'>", k->iterations);
	base64_add(out, str_make(k->salt, k->salt_n));
	buf_lit(out, "</salt></task-data>");
	q->step = REQUEST_TASK_BEGUN;
	return false;
}

/* SaltedPassword: as good as the password for this family, so only the keys are kept. */
static bool on_hash(struct receiver *r, const struct xml_node *data, struct buf *out, struct receiver_event *e)
{
	struct request *q = r->login->request;
	const struct xml_node *hash = xml_child(data, NS_SCRAM_UPGRADE, STR("hash"));
	struct str salted = STR("");
	enum sasl_failure failure = hash ? receiver_read_data(q->arena, hash, &salted) : SASL_MALFORMED_REQUEST;
	if (failure == SASL_OK && salted.n != digest_bytes(q->task))
		failure = SASL_MALFORMED_REQUEST;
	if (failure == SASL_OK)
		scram_keys_from_salted(&q->keys.keys[q->task], q->task, (const unsigned char *)salted.p);
	exchange_wipe(salted);
	if (failure != SASL_OK)
		return receiver_refuse(r, failure, out, e);
	q->grant.upgrade = &q->keys;
	if (!q->tasks)
		return receiver_inline_begin(r, e);
	receiver_offer_task(r, out);
	return false;
}

bool receiver_task_element(struct receiver *r, const struct xml_node *root, struct buf *out, struct receiver_event *e)
{
	return r->login->request->step == REQUEST_TASK_OFFERED ? on_next(r, root, out, e) : on_hash(r, root, out, e);
}
