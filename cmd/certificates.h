/* The server's TLS context: the certificates of all hosts, and for hosts without one a self-signed one, made on first start, or
 * when the host is added, in the data folder. */
#ifndef LINNET_CMD_CERTIFICATES_H
#define LINNET_CMD_CERTIFICATES_H

#include "lib/base/log.h"
#include "lib/base/macros.h"
#include "lib/base/str.h"
#include "lib/net/tls.h"
#include "server/core/host_table.h"

#include <stddef.h>

/* `folder` is that of the data. 0, or -1 with one line in why. Any thread. */
CHECK int certificates_load(struct str folder, const struct host_table *hosts, const struct log *log, struct tls_context **t_r,
	char *why, size_t why_bytes);

#endif
