/* Stands between the workers and the simulated network: counts what they ask of it, and lets one of these fail as a
 * system would. What the network itself allocates is not the server's. */
#include "tests/sim/faults/faults.h"

#include <errno.h>

/* A net has no context beside its own. */
static struct faults *faults;
static const struct net_ops *inner;

static bool meets(void)
{
	const struct storm *st = faults->storm;
	/* A server that cannot listen does not start: tests/cli. */
	return st && st->sim.runs && st->sim.in_server && points_meet(&faults->points, POINT_network);
}

/* The way that was drawn, of `count` that make sense for this call. */
static int pick(const int *errors, size_t count)
{
	return errors[faults->points.way % count];
}

/* Around what the network does. False: the server does not run, as for what a loop does when it is freed. */
static bool leave_server(void)
{
	bool was = faults->storm && faults->storm->sim.in_server;
	if (was)
		faults->storm->sim.in_server = false;
	return was;
}

static void enter_server(bool was)
{
	if (was)
		faults->storm->sim.in_server = true;
}

#define OUTSIDE(type, call)                                                                                            \
	bool was = leave_server();                                                                                     \
	type r = inner->call;                                                                                          \
	enter_server(was);                                                                                             \
	return r

static int on_listen(void *ctx, const struct net_address *a, enum net_listen how)
{
	OUTSIDE(int, listen(ctx, a, how));
}

static int accept_outside(void *ctx, int listener, struct net_address *peer_r)
{
	OUTSIDE(int, accept(ctx, listener, peer_r));
}

static int on_accept(void *ctx, int listener, struct net_address *peer_r)
{
	static const int errors[] = { -EMFILE, -ECONNABORTED, -ENOBUFS, -ENFILE };
	if (!meets())
		return accept_outside(ctx, listener, peer_r);
	int error = pick(errors, ARRAY_LEN(errors));
	if (error != -EMFILE && error != -ECONNABORTED)
		return error;
	/* These two mean that the connection is gone. */
	int socket = accept_outside(ctx, listener, peer_r);
	if (socket >= 0)
		inner->close(ctx, socket);
	return socket < 0 ? socket : error;
}

static ptrdiff_t read_outside(void *ctx, int socket, void *p, size_t n)
{
	OUTSIDE(ptrdiff_t, read(ctx, socket, p, n));
}

static ptrdiff_t on_read(void *ctx, int socket, void *p, size_t n)
{
	static const int errors[] = { -ECONNRESET, -ETIMEDOUT, 1, -EAGAIN };
	if (!meets())
		return read_outside(ctx, socket, p, n);
	int error = pick(errors, ARRAY_LEN(errors));
	return error < 0 ? error : read_outside(ctx, socket, p, 1);
}

static ptrdiff_t write_outside(void *ctx, int socket, const struct str *parts, size_t count)
{
	OUTSIDE(ptrdiff_t, write(ctx, socket, parts, count));
}

static ptrdiff_t on_write(void *ctx, int socket, const struct str *parts, size_t count)
{
	static const int errors[] = { -ECONNRESET, -EPIPE, 1, -EAGAIN };
	if (!meets())
		return write_outside(ctx, socket, parts, count);
	int error = pick(errors, ARRAY_LEN(errors));
	if (error < 0)
		return error;
	size_t i = 0;
	while (i + 1 < count && parts[i].n == 0)
		i++;
	struct str part = str_first(parts[i], 1);
	return write_outside(ctx, socket, &part, 1);
}

static void on_shutdown(void *ctx, int socket)
{
	bool was = leave_server();
	inner->shutdown(ctx, socket);
	enter_server(was);
}

static void on_close(void *ctx, int socket)
{
	bool was = leave_server();
	inner->close(ctx, socket);
	enter_server(was);
}

static int watch_outside(void *ctx, int socket, unsigned was_for, unsigned interest, uint64_t token)
{
	OUTSIDE(int, watch(ctx, socket, was_for, interest, token));
}

/* Only what begins to be watched can fail: the rest needs no memory of the system. */
static int on_watch(void *ctx, int socket, unsigned was_for, unsigned interest, uint64_t token)
{
	static const int errors[] = { -ENOMEM, -ENOSPC };
	if (was_for == 0 && interest && meets())
		return pick(errors, ARRAY_LEN(errors));
	return watch_outside(ctx, socket, was_for, interest, token);
}

static int on_wait(void *ctx, int timeout_ms, struct net_event *events, size_t max)
{
	OUTSIDE(int, wait(ctx, timeout_ms, events, max));
}

void faults_hook_sockets(struct faults *f)
{
	faults = f;
}

void faults_wrap_net(struct net *net)
{
	static struct net_ops ops;
	inner = net->ops;
	ops = *inner;
	ops.listen = on_listen;
	ops.accept = on_accept;
	ops.read = on_read;
	ops.write = on_write;
	ops.shutdown = on_shutdown;
	ops.close = on_close;
	ops.watch = on_watch;
	ops.wait = on_wait;
	net->ops = &ops;
}
