/*
 * Loaded before a program (LD_PRELOAD), it makes writing fail on files of a certain name, while another file is there:
 *
 *   CW_FAULT=write|sync        what fails: writes (with EIO), or making durable
 *   CW_FAULT_FILE=inbox.db     files whose path has this in it
 *   CW_FAULT_WHILE=/path       … while this file is there
 *
 * As a disk that is going: the call fails, and what was written before may or may not be there.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#define FILES 1024

static bool concerned[FILES];

static bool failing(int fd, const char *what)
{
	const char *fault = getenv("CW_FAULT"), *when = getenv("CW_FAULT_WHILE");
	int kept = errno;
	bool fails = fd >= 0 && fd < FILES && concerned[fd] && fault && when && !strcmp(fault, what) && access(when, F_OK) == 0;

	errno = kept;
	return fails;
}

static int opened(int fd, const char *path)
{
	const char *name = getenv("CW_FAULT_FILE");

	if (fd >= 0 && fd < FILES)
		concerned[fd] = name && path && strstr(path, name);
	return fd;
}

/* The function that this one stands in front of. */
#define NEXT(name) ((__typeof__(&(name)))dlsym(RTLD_NEXT, #name))

#define OPEN(name)                                                                                                     \
	int name(const char *path, int flags, ...)                                                                     \
	{                                                                                                              \
		va_list args;                                                                                          \
		mode_t mode = 0;                                                                                       \
                                                                                                                       \
		va_start(args, flags);                                                                                 \
		if (flags & (O_CREAT | O_TMPFILE))                                                                     \
			mode = va_arg(args, mode_t);                                                                   \
		va_end(args);                                                                                          \
		return opened(NEXT(name)(path, flags, mode), path);                                                    \
	}
OPEN(open)
OPEN(open64)

ssize_t pwrite(int fd, const void *data, size_t len, off_t at)
{
	if (failing(fd, "write")) {
		errno = EIO;
		return -1;
	}
	return NEXT(pwrite)(fd, data, len, at);
}

ssize_t pwrite64(int fd, const void *data, size_t len, off64_t at)
{
	if (failing(fd, "write")) {
		errno = EIO;
		return -1;
	}
	return NEXT(pwrite64)(fd, data, len, at);
}

int fdatasync(int fd)
{
	if (failing(fd, "sync")) {
		errno = EIO;
		return -1;
	}
	return NEXT(fdatasync)(fd);
}

int fsync(int fd)
{
	if (failing(fd, "sync")) {
		errno = EIO;
		return -1;
	}
	return NEXT(fsync)(fd);
}
