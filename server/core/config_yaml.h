/* YAML as far as a configuration needs it: one document of lists, maps and texts, each with its place in the file.
 *
 * Refused: what is not UTF-8, control characters, indentation by tabs, anchors, aliases, tags, a second document, a key
 * given twice, more than 1 MiB, more than CONFIG_NODES_MAX values, more than CONFIG_DEPTH_MAX levels. */
#ifndef LINNET_CONFIG_YAML_H
#define LINNET_CONFIG_YAML_H

#include "lib/base/arena.h"
#include "lib/base/str.h"
#include "server/core/config_report.h"

#include <stdbool.h>
#include <stddef.h>

#define CONFIG_FILE_BYTES_MAX (1u << 20)
#define CONFIG_NODES_MAX 16384
#define CONFIG_DEPTH_MAX 8

enum config_node_kind {
	CONFIG_TEXT,
	CONFIG_LIST,
	CONFIG_MAP,
	CONFIG_BROKEN, /* a mistake that has been told: to be passed over in silence */
};

struct config_node {
	enum config_node_kind kind;
	struct config_place at; /* of its key where it is empty */
	struct str text; /* of a text; without control characters */
	bool empty; /* a text: there is nothing at all, not even quotes */
	struct str key; /* of a value in a map; without control characters */
	struct config_place key_at;
	struct config_node *first; /* of a list or map */
	struct config_node *next; /* in the list or map around it */
	size_t count; /* of a list or map */
};

/* Into `a`, which needs CONFIG_YAML_BYTES_MAX at most. An empty document is an empty map. NULL if the text cannot be
 * read to its end; mistakes it survives are told in `report`, too. */
#define CONFIG_YAML_BYTES_MAX (8u << 20)
const struct config_node *config_yaml_read(struct arena *a, struct str text, struct config_report *report);

/* The value of a key, or NULL. */
const struct config_node *config_node_find(const struct config_node *map, struct str key);

#endif
