/* The data folder: its making, its lock and the record of failed starts. The lock is flock(2) on a file of its own that
 * holds the process id: it goes with the process however that ends, so there are no stale locks. */
#include "server/storage/folder.h"

#include "lib/base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define PRIVATE_FOLDER 0700
#define PRIVATE_FILE 0600
#define RECORD_BYTES_MAX 4096
#define REASON_BYTES_MAX 256
#define NAME_BYTES_MAX 64

/* A new folder is only there for good once the folder above it is on disk. */
static void sync_parent(int fd)
{
	int parent = openat(fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (parent < 0)
		return; /* not ours to read: then it is not ours to flush either */
	(void)!fsync(parent);
	close(parent);
}

static int open_path(const char *path, char *why, size_t why_bytes)
{
	bool made = mkdir(path, PRIVATE_FOLDER) == 0;
	if (!made && errno != EEXIST) {
		snprintf(why, why_bytes, "cannot make the data folder %s: %s", path, strerror(errno));
		return -1;
	}
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 && errno == ENOTDIR)
		snprintf(why, why_bytes, "the data folder %s is not a folder but a file", path);
	else if (fd < 0)
		snprintf(why, why_bytes, "cannot open the data folder %s: %s", path, strerror(errno));
	else if (made)
		sync_parent(fd);
	return fd;
}

static void say_not_writable(const char *path, char *why, size_t why_bytes)
{
	snprintf(why, why_bytes, "the data folder %s is not writable for user %u: %s", path, (unsigned)geteuid(),
		strerror(errno));
}

static void say_locked(const char *path, int lock_fd, char *why, size_t why_bytes)
{
	char text[24];
	ssize_t n = pread(lock_fd, text, sizeof(text), 0);
	struct str pid = str_trim(str_make(text, n > 0 ? (size_t)n : 0));
	if (str_is_empty(pid))
		pid = STR("unknown"); /* it has the lock and has not written yet */
	snprintf(why, why_bytes, "the data folder %s is in use by process " STR_FMT, path, STR_ARG(pid));
}

static int write_pid(int lock_fd)
{
	char text[24];
	int n = snprintf(text, sizeof(text), "%ld\n", (long)getpid());
	if (ftruncate(lock_fd, 0) || pwrite(lock_fd, text, (size_t)n, 0) != n)
		return -1;
	return 0;
}

static int take_lock(int fd, const char *path, char *why, size_t why_bytes)
{
	int lock_fd = openat(fd, FOLDER_LOCK_FILE, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, PRIVATE_FILE);
	if (lock_fd < 0) {
		say_not_writable(path, why, why_bytes);
		return -1;
	}
	if (flock(lock_fd, LOCK_EX | LOCK_NB)) {
		if (errno == EWOULDBLOCK)
			say_locked(path, lock_fd, why, why_bytes);
		else
			snprintf(why, why_bytes, "cannot lock the data folder %s: %s", path, strerror(errno));
		close(lock_fd);
		return -1;
	}
	/* Without room for the number (a full disk) the lock holds all the same. */
	(void)!write_pid(lock_fd);
	return lock_fd;
}

int folder_open(struct folder *f, const char *path, char *why, size_t why_bytes)
{
	*f = (struct folder){ -1, -1 };
	f->fd = open_path(path, why, why_bytes);
	if (f->fd < 0)
		return -1;
	f->lock_fd = take_lock(f->fd, path, why, why_bytes);
	if (f->lock_fd >= 0)
		return 0;
	folder_close(f);
	return -1;
}

void folder_close(struct folder *f)
{
	if (f->lock_fd >= 0)
		close(f->lock_fd);
	if (f->fd >= 0)
		close(f->fd);
	*f = (struct folder){ -1, -1 };
}

int folder_touch(const struct folder *f, const char *path, const char *name, char *why, size_t why_bytes)
{
	int fd = openat(f->fd, name, O_RDWR | O_CREAT | O_CLOEXEC, PRIVATE_FILE);
	if (fd < 0) {
		snprintf(why, why_bytes, "%s/%s is not writable for user %u: %s", path, name, (unsigned)geteuid(),
			strerror(errno));
		return -1;
	}
	close(fd);
	return 0;
}

int folder_read_secret(const struct folder *f, const char *name, void *out, size_t n, char *why, size_t why_bytes)
{
	struct stat st;
	int fd = openat(f->fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0) {
		snprintf(why, why_bytes, "cannot read %s in the data folder: %s", name, strerror(errno));
		return -1;
	}
	int r = -1;
	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_size != (off_t)n || read(fd, out, n) != (ssize_t)n)
		snprintf(why, why_bytes, "%s in the data folder is damaged; when it is removed, a new one is made", name);
	else if (st.st_mode & 077)
		snprintf(why, why_bytes, "%s in the data folder can be read by others: give it the mode 0600, or remove it", name);
	else
		r = 1;
	close(fd);
	return r;
}

static bool write_durably(int folder, const char *name, const void *p, size_t n)
{
	int fd = openat(folder, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, PRIVATE_FILE);
	if (fd < 0)
		return false;
	bool ok = write(fd, p, n) == (ssize_t)n && fsync(fd) == 0;
	return close(fd) == 0 && ok;
}

int folder_make_secret(
	const struct folder *f, const char *name, const void *secret, size_t n, char *why, size_t why_bytes)
{
	char made[NAME_BYTES_MAX];
	snprintf(made, sizeof(made), "%s.new", name);
	if (write_durably(f->fd, made, secret, n) && renameat(f->fd, made, f->fd, name) == 0 && fsync(f->fd) == 0)
		return 0;
	snprintf(why, why_bytes, "cannot make %s in the data folder: %s", name, strerror(errno));
	unlinkat(f->fd, made, 0);
	return -1;
}

unsigned folder_failures(const struct folder *f, char *why, size_t why_bytes)
{
	char text[RECORD_BYTES_MAX];
	int fd = openat(f->fd, FOLDER_FAILURES_FILE, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	ssize_t n = read(fd, text, sizeof(text));
	close(fd);
	struct str rest = str_make(text, n > 0 ? (size_t)n : 0), line;
	unsigned count = 0;
	while (str_cut(&rest, '\n', &line)) {
		count++;
		snprintf(why, why_bytes, STR_FMT, STR_ARG(line));
	}
	return count;
}

void folder_add_failure(const struct folder *f, const char *why)
{
	int fd = openat(f->fd, FOLDER_FAILURES_FILE, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, PRIVATE_FILE);
	if (fd < 0)
		return;
	struct stat st;
	char line[REASON_BYTES_MAX];
	snprintf(line, sizeof(line) - 1, "%.*s", (int)strcspn(why, "\n"), why);
	if (fstat(fd, &st) == 0 && st.st_size < RECORD_BYTES_MAX - REASON_BYTES_MAX)
		(void)!dprintf(fd, "%s\n", line);
	close(fd);
}

void folder_clear_failures(const struct folder *f)
{
	unlinkat(f->fd, FOLDER_FAILURES_FILE, 0);
}
