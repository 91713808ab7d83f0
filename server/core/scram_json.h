/* SCRAM keys as JSON, the form that imports and the admin socket use:
 *     {"sha-1": {"salt", "iterations", "stored_key", "server_key"}, "sha-256": {…}, "sha-512": {…}}     (base64; any may be missing) */
#ifndef LINNET_SCRAM_JSON_H
#define LINNET_SCRAM_JSON_H

#include "lib/base/macros.h"
#include "lib/stream/sasl.h"

#include <jansson.h>
#include <stdbool.h>

/* False, with a static text in *why_r, if anything is missing, unknown, too short or too long. */
CHECK bool scram_json_parse(const json_t *j, struct sasl_credentials *c_r, const char **why_r);
/* A new reference. */
json_t *scram_json_build(const struct sasl_credentials *c);

#endif
