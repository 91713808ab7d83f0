/* The server's TLS context: the certificates of the configuration, and for hosts without one a self-signed one, made on first
 * start in the data folder. */
#ifndef LINNET_CMD_CERTIFICATES_H
#define LINNET_CMD_CERTIFICATES_H

#include "lib/base/log.h"
#include "lib/base/macros.h"
#include "lib/net/tls.h"
#include "server/core/config.h"

#include <stddef.h>

/* 0, or -1 with one line in why. */
CHECK int certificates_load(
	const struct config *c, const struct log *log, struct tls_context **t_r, char *why, size_t why_bytes);

#endif
