/* Requests to a running server. */
#include "cmd/admin_client.h"

#include "lib/base/mem.h"
#include "server/core/admin.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct admin_client {
	const char *command;
	FILE *in, *out;
};

enum admin_connection admin_connect(const char *command, struct str folder, struct admin_client **c_r)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int n = snprintf(address.sun_path, sizeof(address.sun_path), STR_FMT "/" ADMIN_SOCKET, STR_ARG(folder));
	if (n >= (int)sizeof(address.sun_path)) {
		fprintf(stderr, "linnet %s: the path of the admin socket is too long: " STR_FMT "/" ADMIN_SOCKET "\n", command,
			STR_ARG(folder));
		return ADMIN_FAILED;
	}
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0) {
		struct admin_client *c = mem_zalloc(sizeof(*c));
		*c = (struct admin_client){ command, fdopen(dup(fd), "r"), fdopen(fd, "w") };
		*c_r = c;
		if (c->in && c->out)
			return ADMIN_CONNECTED;
		admin_disconnect(c_r);
		fprintf(stderr, "linnet %s: %s\n", command, strerror(errno));
		return ADMIN_FAILED;
	}
	int error = errno;
	if (fd >= 0)
		close(fd);
	if (error == ENOENT || error == ECONNREFUSED || error == ENOTDIR)
		return ADMIN_NOT_RUNNING;
	fprintf(stderr, "linnet %s: cannot reach the server at %s: %s\n", command, address.sun_path, strerror(error));
	return ADMIN_FAILED;
}

void admin_disconnect(struct admin_client **pointer)
{
	struct admin_client *c = *pointer;
	*pointer = NULL;
	if (!c)
		return;
	if (c->in)
		fclose(c->in);
	if (c->out)
		fclose(c->out);
	mem_free(c);
}

static json_t *receive(struct admin_client *c)
{
	char *line = NULL;
	size_t cap = 0;
	ssize_t n = getline(&line, &cap, c->in);
	json_t *j = n > 0 ? json_loadb(line, (size_t)n, 0, NULL) : NULL;
	free(line);
	if (!j)
		fprintf(stderr, "linnet %s: the server has closed the admin socket without an answer\n", c->command);
	return j;
}

json_t *admin_request(struct admin_client *c, json_t *request)
{
	bool sent = json_dumpf(request, c->out, JSON_COMPACT) == 0 && fputc('\n', c->out) != EOF;
	json_decref(request);
	json_t *answer = NULL;
	if (sent && fflush(c->out) == 0)
		answer = receive(c);
	else
		fprintf(stderr, "linnet %s: the server does not read from the admin socket: %s\n", c->command, strerror(errno));
	json_t *result = json_incref(json_object_get(answer, "result"));
	const char *error = json_string_value(json_object_get(answer, "error"));
	if (error)
		fprintf(stderr, "linnet %s: %s\n", c->command, error);
	json_decref(answer);
	return result;
}
