/* Scenarios: plain-text scripts of an XMPP conversation. tests/scenario/README.md describes the language; a file is
 * read by parse.c into statements, which grammar.c turns into the steps below; run.h carries them out.
 *
 * A scenario is immutable and belongs to whoever parsed it. */
#ifndef LINNET_SCENARIO_H
#define LINNET_SCENARIO_H

#include "cmd/scenario/pattern.h"
#include "cmd/scenario/template.h"
#include "lib/base/macros.h"
#include "lib/base/str.h"
#include "lib/stream/initiator.h"
#include "lib/stream/stream_error.h"
#include "lib/xml/node.h"
#include "lib/xml/xml.h"
#include "lib/xmpp/jid.h"

#include <stdbool.h>
#include <stddef.h>

#define SCENARIO_BYTES_MAX   (1u << 20)
#define SCENARIO_CLIENTS_MAX 64

enum step_kind {
	STEP_CONNECT,
	STEP_FAIL_TO_CONNECT,
	STEP_OPEN_RAW,
	STEP_SEND, /* `elements` */
	STEP_SEND_BYTES,
	STEP_RECEIVE, /* one of `expected` */
	STEP_RECEIVE_ANY_ORDER,
	STEP_RECEIVE_BYTES,
	STEP_RECEIVE_NOTHING,
	STEP_START_TLS,
	STEP_DISCONNECT,
	STEP_DROP,
	STEP_IS_DISCONNECTED, /* with `condition`, or STREAM_OK */
	STEP_STOP_READING,
	STEP_READ_SLOWLY,
	STEP_RESUME_READING,
	STEP_SERVER,
	STEP_KINDS
};

/* What may be done to the server. */
enum server_act { SERVER_KILL, SERVER_STOP, SERVER_START, SERVER_RESTART };

/* "kill", "stop", "start", "restart". */
const char *server_act_name(enum server_act act);

enum connect_token {
	CONNECT_WITHOUT_TOKEN,
	CONNECT_WITH_TOKEN, /* with nothing else */
	CONNECT_WITH_REFUSED_TOKEN, /* then with the password */
	CONNECT_INVALIDATING_TOKEN,
};

enum connect_early {
	CONNECT_AS_USUAL,
	CONNECT_IN_ONE_ROUND_TRIP, /* behind TLS: with what an earlier connection has learnt */
	CONNECT_WITH_WRONG_VERSION, /* the same, but the server has changed meanwhile */
};

/* How a client connects. */
struct connect_how {
	const struct jid *jid; /* NULL: raw; a domain: anonymously */
	bool has_tls;
	enum initiator_tls tls; /* if has_tls; else as the host of the run has it */
	unsigned mechanisms;    /* mask of SASL_BIT */
	unsigned bindings; /* mask of 1u << enum sasl_binding */
	bool must_bind;
	enum initiator_sasl2 sasl2;
	bool has_tag; /* binds with the login */
	struct str tag;
	enum connect_token token;
	unsigned wanted_tokens, upgrades; /* masks of SASL_BIT; each must be given, or done */
	enum connect_early early;
	bool has_password;
	struct str password; /* if has_password; else the account's */
	/* STEP_FAIL_TO_CONNECT: the condition of a stream error, or of a SASL failure or a stanza error. */
	bool is_stream_error;
	struct str condition;
};

struct step {
	enum step_kind kind;
	unsigned line;
	struct str text; /* the statement as it was written, without XML */
	size_t client;   /* number; not for STEP_SERVER */
	const struct connect_how *how;
	const struct xml_node *const *elements;
	const struct pattern *const *expected;
	size_t count; /* of either */
	struct template bytes;
	enum stream_condition condition;
	enum server_act act;
};

struct scenario_client {
	struct str name;
	bool pings_are_named; /* a step expects one from the server, so they are not answered by themselves */
};

struct scenario {
	struct arena *arena;
	struct str file, name;
	const struct jid *const *accounts;
	size_t account_count;
	const struct scenario_client *clients;
	size_t client_count;
	/* What clients may get besides: passed over where no step expects it. */
	const struct pattern *const *hidden;
	size_t hidden_count;
	const struct step *steps;
	size_t step_count;
};

/* XML stands in a file as it does on a stream. */
extern const struct xml_scope scenario_scope;

/* The file's name is for messages; both slices are copied. 0, or -1 with "FILE:LINE: …" in `why`. */
CHECK int scenario_parse(struct str text, struct str file, struct scenario **s_r, char *why, size_t why_bytes);
/* Sets NULL; NULL is fine. */
void scenario_free(struct scenario **s);

#endif
