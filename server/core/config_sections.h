/* The sections of the configuration, inside server/core/config*.c only. What is a plain value at the top of the file is
 * a line in `config_general`; what is a list or has settings of its own is a section, with a function that reads it.
 * Reader and reference both go by these two tables. */
#ifndef LINNET_CONFIG_SECTIONS_H
#define LINNET_CONFIG_SECTIONS_H

#include "server/core/config.h"
#include "server/core/config_report.h"
#include "server/core/config_yaml.h"

/* One reading of one file. */
struct config_reader {
	struct arena *a; /* of the result */
	struct arena *scratch; /* of this reading */
	struct config_report *report;
	const struct config_context *context;
	struct config *config; /* to be filled in; of no use once there is a mistake */
	struct config_host *hosts; /* sorted by name */
	size_t host_count;
	bool hosts_left_out;
	bool hosts_known; /* false: some could not be read */
};

struct config_section {
	const char *name;
	enum config_node_kind kind; /* CONFIG_LIST or CONFIG_MAP */
	const char *example; /* a value, in YAML */
	const char *fallback; /* what counts where it is left out, in Markdown */
	const char *help; /* in Markdown */
	const struct option *options; /* of the section or of each of its members; NULL: none */
	/* In the order of the table. `value` is of the kind, or NULL where the section is left out. */
	void (*read)(struct config_reader *r, const struct config_node *value);
};

extern const struct option config_general[];
extern const struct config_section config_sections[]; /* ends with name NULL */

/* config_hosts.c, config_limits.c, config_listen.c, config_logins.c */
extern const struct option config_certificate_options[];
extern const struct option config_limit_options[];
extern const struct option config_listener_options[];
void config_read_hosts(struct config_reader *r, const struct config_node *value);
void config_read_certificates(struct config_reader *r, const struct config_node *value);
void config_read_limits(struct config_reader *r, const struct config_node *value);
void config_read_listen(struct config_reader *r, const struct config_node *value);
void config_read_mechanisms(struct config_reader *r, const struct config_node *value);
void config_read_anonymous(struct config_reader *r, const struct config_node *value);

/* One of the hosts, normalised. False after telling the mistake, of the section `whose`. */
CHECK bool config_read_host_name(
	struct config_reader *r, const struct config_node *node, const char *whose, struct str *name_r);

/* Reads the members of a map into `conf`, as far as they are right. `whose` is for the errors: "a listener". */
void config_read_options(struct config_reader *r, const struct config_node *map, const struct option *table,
	const char *whose, void *conf);
/* Tells of a mistake if there is no such member, right or wrong. */
void config_require(struct config_reader *r, const struct config_node *map, const char *name, const char *whose);

#endif
