/* Sockets of the system, all of them non-blocking and closed on exec; readiness by one epoll, level-triggered, whose
 * events carry the caller's token. To add a kind of address: to_sockaddr and from_sockaddr. */
#include "lib/net/sysnet.h"

#include "lib/base/fault.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#define WAKEUP_TOKEN UINT64_MAX
#define BACKLOG 4096
#define WRITE_PARTS 4
#define WAIT_EVENTS 256
/* Rarely enough for a phone's battery (RFC 6120, 4.6.4 wants five minutes at least). */
#define KEEPALIVE_IDLE_S 900
#define KEEPALIVE_INTERVAL_S 60
#define KEEPALIVE_PROBES 5
/* The same time for what was written and is not acknowledged: long enough for a tunnel. */
#define UNACKNOWLEDGED_MS (KEEPALIVE_PROBES * KEEPALIVE_INTERVAL_S * 1000)

union any_address {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	struct sockaddr_un un;
};

static socklen_t to_sockaddr(const struct net_address *a, union any_address *s_r)
{
	*s_r = (union any_address){ 0 };
	switch (a->family) {
	case NET_NONE: break;
	case NET_IPV4:
		s_r->in.sin_family = AF_INET;
		s_r->in.sin_port = htons(a->port);
		memcpy(&s_r->in.sin_addr, a->ip, 4);
		return sizeof(s_r->in);
	case NET_IPV6:
		s_r->in6.sin6_family = AF_INET6;
		s_r->in6.sin6_port = htons(a->port);
		memcpy(&s_r->in6.sin6_addr, a->ip, 16);
		return sizeof(s_r->in6);
	case NET_UNIX:
		s_r->un.sun_family = AF_UNIX;
		_Static_assert(sizeof(a->path) == sizeof(s_r->un.sun_path), "NET_PATH_MAX is what the system takes");
		memcpy(s_r->un.sun_path, a->path, sizeof(a->path));
		return sizeof(s_r->un);
	}
	return 0;
}

static void from_sockaddr(const union any_address *s, socklen_t n, struct net_address *a_r)
{
	*a_r = (struct net_address){ 0 };
	if (s->any.sa_family == AF_INET) {
		a_r->family = NET_IPV4;
		a_r->port = ntohs(s->in.sin_port);
		memcpy(a_r->ip, &s->in.sin_addr, 4);
	} else if (s->any.sa_family == AF_INET6) {
		/* A client that came by IPv4 to "[::]" is named as such. */
		bool is_mapped = IN6_IS_ADDR_V4MAPPED(&s->in6.sin6_addr);
		a_r->family = is_mapped ? NET_IPV4 : NET_IPV6;
		a_r->port = ntohs(s->in6.sin6_port);
		memcpy(a_r->ip, s->in6.sin6_addr.s6_addr + (is_mapped ? 12 : 0), is_mapped ? 4 : 16);
	} else if (s->any.sa_family == AF_UNIX) {
		/* One that was not bound has no path; one of full length has no zero behind it. */
		a_r->family = NET_UNIX;
		size_t head = offsetof(struct sockaddr_un, sun_path);
		size_t room = n > head ? n - head : 0;
		memcpy(a_r->path, s->un.sun_path, strnlen(s->un.sun_path, room < NET_PATH_MAX ? room : NET_PATH_MAX));
	}
}

static int set_option(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) ? -errno : 0;
}

static int new_socket(enum net_family family)
{
	static const int domains[] = { [NET_IPV4] = AF_INET, [NET_IPV6] = AF_INET6, [NET_UNIX] = AF_UNIX };
	if (family == NET_NONE)
		return -EAFNOSUPPORT;
	int fd = socket(domains[family], SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	return fd < 0 ? -errno : fd;
}

/* True if somebody accepts connections at the path. */
static bool has_listener(const union any_address *s, socklen_t n)
{
	int fd = new_socket(NET_UNIX);
	if (fd < 0)
		return true;
	/* -EAGAIN: it lives, but its queue is full. */
	bool lives = connect(fd, &s->any, n) == 0 || errno == EAGAIN;
	close(fd);
	return lives;
}

static int bind_unix(int fd, const union any_address *s, socklen_t n)
{
	/* Linux gives the file the mode that the socket has when it is bound. */
	if (fchmod(fd, S_IRUSR | S_IWUSR))
		return -errno;
	if (bind(fd, &s->any, n) == 0)
		return 0;
	if (errno != EADDRINUSE)
		return -errno;
	struct stat st;
	if (has_listener(s, n) || lstat(s->un.sun_path, &st) || !S_ISSOCK(st.st_mode))
		return -EADDRINUSE;
	if (unlink(s->un.sun_path) || bind(fd, &s->any, n))
		return -errno;
	return 0;
}

/* A peer that has gone without a word (RFC 6120, 4.6.1) is found by the system, which wakes no program on either side for it. */
static int watch_for_loss(int fd)
{
	int r = set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	if (r == 0)
		r = set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S);
	if (r == 0)
		r = set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S);
	if (r == 0)
		r = set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_PROBES);
	return r == 0 ? set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, UNACKNOWLEDGED_MS) : r;
}

static int bind_ip(int fd, enum net_family family, const union any_address *s, socklen_t n, enum net_listen how)
{
	int r = set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	/* "[::]" is all addresses, those of IPv4 too, whatever the system's default. */
	if (r == 0 && family == NET_IPV6)
		r = set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
	/* Connections inherit these. */
	if (r == 0)
		r = set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	if (r == 0)
		r = watch_for_loss(fd);
	if (r == 0 && how == NET_LISTEN_JOIN)
		r = set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	if (r == 0 && bind(fd, &s->any, n))
		r = -errno;
	/* Set only now, it lets others join this socket, which itself would not have joined anybody. */
	if (r == 0 && how == NET_LISTEN_FIRST)
		r = set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	return r;
}

static int sys_listen(void *ctx, const struct net_address *a, enum net_listen how)
{
	(void)ctx;
	union any_address s;
	socklen_t n = to_sockaddr(a, &s);
	int fd = new_socket(a->family);
	if (fd < 0)
		return fd;
	int r = a->family == NET_UNIX ? bind_unix(fd, &s, n) : bind_ip(fd, a->family, &s, n, how);
	if (r == 0 && listen(fd, BACKLOG))
		r = -errno;
	if (r == 0)
		return fd;
	close(fd);
	return r;
}

/* Without a descriptor to spare, the connection that waits would make its listener ready for ever: take it with the
 * spare one and drop it. */
static int drop_connection(struct sysnet *n, int listener)
{
	if (n->spare < 0)
		return -ENFILE;
	close(n->spare);
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	int error = errno;
	if (fd >= 0)
		close(fd);
	n->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		return -EMFILE;
	/* EAGAIN: the system asks for a descriptor before it looks whether anybody waits. EMFILE: another thread has
	 * taken ours. */
	return error == EMFILE ? -ENFILE : -error;
}

static int accept_error(struct sysnet *n, int listener)
{
	switch (errno) {
	case EINTR: return -EAGAIN;
	case EMFILE:
	case ENFILE: return drop_connection(n, listener);
	/* Linux hands over what happened to the connection before it was accepted: accept(2). */
	case ENETDOWN:
	case EPROTO:
	case ENOPROTOOPT:
	case EHOSTDOWN:
	case ENONET:
	case EHOSTUNREACH:
	case EOPNOTSUPP:
	case ENETUNREACH: return -ECONNABORTED;
	default: return -errno;
	}
}

static int sys_accept(void *ctx, int listener, struct net_address *peer_r)
{
	struct sysnet *n = ctx;
	union any_address s = { 0 };
	socklen_t bytes = sizeof(s);
	if (n->spare < 0)
		n->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int fd = accept4(listener, &s.any, &bytes, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0)
		return accept_error(n, listener);
	from_sockaddr(&s, bytes, peer_r);
	return fd;
}

static int bind_from(int fd, const struct net_address *from)
{
	union any_address s;
	socklen_t n = to_sockaddr(from, &s);
	/* The port is chosen when the peer is known, so that it may serve several connections. */
	if (from->family != NET_UNIX && from->port == 0) {
		int r = set_option(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
		if (r < 0)
			return r;
	}
	return bind(fd, &s.any, n) ? -errno : 0;
}

static int sys_connect(void *ctx, const struct net_address *to, const struct net_address *from)
{
	(void)ctx;
	union any_address s;
	socklen_t n = to_sockaddr(to, &s);
	int fd = new_socket(to->family);
	if (fd < 0)
		return fd;
	int r = to->family == NET_UNIX ? 0 : set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	if (r == 0 && from)
		r = bind_from(fd, from);
	if (r == 0 && connect(fd, &s.any, n) && errno != EINPROGRESS)
		r = -errno;
	if (r == 0)
		return fd;
	close(fd);
	return r;
}

static int sys_connect_result(void *ctx, int fd)
{
	(void)ctx;
	int error = 0;
	socklen_t n = sizeof(error);
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n))
		return -errno;
	return -error;
}

static ptrdiff_t transferred(ssize_t n)
{
	if (n >= 0)
		return n;
	return errno == EINTR ? -EAGAIN : -errno;
}

static ptrdiff_t sys_read(void *ctx, int fd, void *p, size_t n)
{
	(void)ctx;
	return transferred(recv(fd, p, n, 0));
}

static ptrdiff_t sys_write(void *ctx, int fd, const struct str *parts, size_t count)
{
	(void)ctx;
	struct iovec v[WRITE_PARTS];
	assert_always(count <= WRITE_PARTS);
	for (size_t i = 0; i < count; i++)
		v[i] = (struct iovec){ (char *)(uintptr_t)parts[i].p, parts[i].n };
	struct msghdr m = { .msg_iov = v, .msg_iovlen = count };
	return transferred(sendmsg(fd, &m, MSG_NOSIGNAL));
}

static void sys_shutdown(void *ctx, int fd)
{
	(void)ctx;
	shutdown(fd, SHUT_WR);
}

static void sys_close(void *ctx, int fd)
{
	(void)ctx;
	close(fd);
}

static int sys_watch(void *ctx, int fd, unsigned was, unsigned interest, uint64_t token)
{
	const struct sysnet *n = ctx;
	if (was == interest)
		return 0;
	struct epoll_event e = { .data.u64 = token };
	if (interest & NET_READ)
		e.events |= EPOLLIN;
	if (interest & NET_WRITE)
		e.events |= EPOLLOUT;
	/* Without interest an epoll still reports hang-ups, for ever. */
	int op = was == 0 ? EPOLL_CTL_ADD : interest == 0 ? EPOLL_CTL_DEL : EPOLL_CTL_MOD;
	return epoll_ctl(n->epoll, op, fd, &e) ? -errno : 0;
}

static unsigned readiness(uint32_t events)
{
	if (events & (EPOLLERR | EPOLLHUP))
		return NET_READ | NET_WRITE;
	return (events & EPOLLIN ? NET_READ : 0) | (events & EPOLLOUT ? NET_WRITE : 0);
}

static int sys_wait(void *ctx, int timeout_ms, struct net_event *events, size_t max)
{
	const struct sysnet *n = ctx;
	struct epoll_event e[WAIT_EVENTS];
	int got = epoll_wait(n->epoll, e, max < WAIT_EVENTS ? (int)max : WAIT_EVENTS, timeout_ms);
	if (got < 0)
		return errno == EINTR ? 0 : -errno;
	int count = 0;
	for (int i = 0; i < got; i++) {
		if (e[i].data.u64 == WAKEUP_TOKEN) {
			uint64_t wakes;
			(void)!read(n->wakeup, &wakes, sizeof(wakes));
		} else {
			events[count++] = (struct net_event){ e[i].data.u64, readiness(e[i].events) };
		}
	}
	return count;
}

static void sys_wake(void *ctx)
{
	const struct sysnet *n = ctx;
	uint64_t one = 1;
	/* Fails only when 2^64 - 2 wakes are waiting already. */
	(void)!write(n->wakeup, &one, sizeof(one));
}

static int sys_local_address(void *ctx, int fd, struct net_address *a_r)
{
	(void)ctx;
	union any_address s = { 0 };
	socklen_t n = sizeof(s);
	if (getsockname(fd, &s.any, &n))
		return -errno;
	from_sockaddr(&s, n, a_r);
	return 0;
}

static int sys_peer_address(void *ctx, int fd, struct net_address *a_r)
{
	(void)ctx;
	union any_address s = { 0 };
	socklen_t n = sizeof(s);
	if (getpeername(fd, &s.any, &n))
		return -errno;
	from_sockaddr(&s, n, a_r);
	return 0;
}

static int sys_peer_credentials(void *ctx, int fd, struct net_credentials *c_r)
{
	(void)ctx;
	struct ucred c;
	socklen_t n = sizeof(c);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &c, &n))
		return -errno;
	/* TCP sockets answer too, with nobody. */
	if (c.pid <= 0)
		return -ENOTSUP;
	*c_r = (struct net_credentials){ .uid = c.uid, .gid = c.gid, .pid = c.pid };
	return 0;
}

static const struct net_ops sysnet_ops = {
	.listen = sys_listen,
	.accept = sys_accept,
	.connect = sys_connect,
	.connect_result = sys_connect_result,
	.read = sys_read,
	.write = sys_write,
	.shutdown = sys_shutdown,
	.close = sys_close,
	.watch = sys_watch,
	.wait = sys_wait,
	.wake = sys_wake,
	.local_address = sys_local_address,
	.peer_address = sys_peer_address,
	.peer_credentials = sys_peer_credentials,
};

int sysnet_init(struct sysnet *s)
{
	*s = (struct sysnet){ -1, -1, -1 };
	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	s->wakeup = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	s->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int r = s->epoll < 0 || s->wakeup < 0 || s->spare < 0 ? -errno : 0;
	if (r == 0)
		r = sys_watch(s, s->wakeup, 0, NET_READ, WAKEUP_TOKEN);
	if (r < 0)
		sysnet_fini(s);
	return r;
}

void sysnet_fini(struct sysnet *s)
{
	const int fds[] = { s->epoll, s->wakeup, s->spare };
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	*s = (struct sysnet){ -1, -1, -1 };
}

struct net sysnet_net(struct sysnet *s)
{
	return (struct net){ &sysnet_ops, s };
}
