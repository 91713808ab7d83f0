/* What the files of `linnet user` share. */
#ifndef LINNET_CMD_USER_H
#define LINNET_CMD_USER_H

#include "cmd/user_store.h"
#include "lib/base/macros.h"

#include <stdbool.h>

/* Both families of keys, with salts of their own; slow by design; any thread. False if the password cannot be prepared. */
CHECK bool user_make_credentials(struct str password, struct sasl_credentials *c_r);
/* NULL, or why it is no account. */
CHECK const char *user_parse_jid(struct arena *a, struct str text, const struct jid **jid_r);
#define USER_NO_HOST "there is no such host"

/* linnet user import FILE. */
CHECK int user_import(const struct config *config, const char *file);

#endif
