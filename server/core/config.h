/* The configuration: YAML in, one immutable struct out, every mistake told with line and column. */
#ifndef LINNET_CONFIG_H
#define LINNET_CONFIG_H

#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/macros.h"
#include "lib/base/str.h"
#include "lib/stream/stream_error.h"
#include "server/core/module.h"
#include "server/core/option.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum config_tls { CONFIG_TLS_STARTTLS, CONFIG_TLS_DIRECT, CONFIG_TLS_NONE };
enum config_durability { CONFIG_POWER, CONFIG_PROCESS };

/* Where `listen` is left out there are two, both on "::": 5222 with STARTTLS, 5223 with direct TLS. */
struct config_listener {
	struct str kind; /* "c2s" */
	struct str address; /* IPv4 or IPv6 as inet_ntop writes it; "::" is all addresses, those of IPv4 too */
	uint16_t port; /* 0: a free one */
	enum config_tls tls;
	const struct stream_redirect *redirect; /* where its clients are sent; NULL: they are served */
	struct str client_ca; /* path: clients may log in with certificates of these; empty: none are asked for */
};

struct config_certificate {
	struct str host; /* normalised */
	struct str certificate, key; /* paths; what is relative in the file has got its folder in front */
};

/* docs/OPTIONS.md says what each is. */
struct config_limits {
	bool rate; /* false: sizes and the number of sessions are limited, nothing else */
	int64_t connections, sessions, subscriptions;
	int64_t unauthenticated;
	uint64_t unauthenticated_memory;
	int64_t address_unauthenticated, address_connections;
	int64_t login_failures;
	uint64_t login_penalty; /* ms */
	uint64_t read_rate, read_burst; /* bytes a second, bytes */
};

/* Immutable; lives in the arena it was read into. */
struct config {
	const struct str *hosts; /* normalised domains, without repetition; at least one */
	size_t host_count;
	struct str data; /* the data folder; as the paths of certificates */
	unsigned workers;
	const struct config_listener *listeners;
	size_t listener_count;
	const struct config_certificate *certificates;
	size_t certificate_count;
	struct config_limits limits;
	enum config_durability durability;
	unsigned mechanisms; /* that may be offered: a mask of SASL_BIT, without those of tokens and ANONYMOUS */
	bool fast; /* tokens may be handed out and used */
	uint64_t token_lifetime_ms;
	const struct str *anonymous; /* hosts where ANONYMOUS is offered */
	size_t anonymous_count;
	/* For each module of the list, in its order: on or off; its options (NULL if it has none or is off). */
	const bool *module_on;
	const void *const *module_conf;
};

/* What is not in the file and has no constant default. */
struct config_context {
	const char *file; /* its path, for messages and relative paths; NULL: there is none */
	const struct module *const *modules;
	struct str data; /* the folder where `data` is left out */
	unsigned cores; /* for `workers` */
};

/* What config_read needs at most of an arena, with room for the text itself, and of a buffer for errors. */
#define CONFIG_BYTES_MAX (32u << 20)
#define CONFIG_ERRORS_BYTES_MAX (1u << 20)

/* Reads `text` (empty: the defaults). 0, or -1 with one line a mistake in `errors`, in the order of the file:
 *     linnet.yml:12:3: unknown option 'intervall' of module ping; did you mean 'interval'?
 * It goes on after a mistake where it can, to tell as many as possible. It touches no file: whether paths exist is
 * found where they are used. */
CHECK int config_read(struct arena *a, struct str text, const struct config_context *context,
	const struct config **config_r, struct buf *errors);

/* The configuration of one module by its place in the list; NULL if off or without options. */
const void *config_of_module(const struct config *c, const struct module *const *modules, const struct module *m);

/* The reference of all options in Markdown: the general ones, then each module's. docs/OPTIONS.md is this text. */
void config_print_reference(struct buf *b, const struct module *const *modules);
/* The reference of all modules in Markdown. docs/MODULES.md is this text. */
void config_print_modules(struct buf *b, const struct module *const *modules);

#endif
