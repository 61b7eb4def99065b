/*
 * Three walls, each for what the others leave open: Landlock for files (and TCP where the kernel has it),
 * seccomp for system calls, resource limits for memory and descriptors.
 *
 * The seccomp filter lists what is allowed and answers EPERM to the rest, so that a library which probes for something
 * falls back instead of dying; clone3 answers ENOSYS, because glibc then uses clone, whose flags a filter can see.
 * libzmq aborts when it may not set its threads' scheduling, so those calls are allowed; they can change nothing that
 * the user could not change anyway.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/landlock.h>
#include <seccomp.h>

#include <councilwatch/sandbox.h>

/* Descriptors: a ZeroMQ context, a few sockets and the loop need some dozens. */
#define NORMALISER_FILES 256

#ifdef CW_SANITIZED
/* Sanitizers read /proc, map terabytes and trace the process when it ends. */
static const bool walls = false;
#else
static const bool walls = true;
#endif

/* Newer than the kernel headers of Debian 12; the kernel ignores what lies beyond the size it is given. */
struct ruleset {
	uint64_t fs;
	uint64_t net;
};
#define FS_ABI_1 ((1ull << 13) - 1)
#define FS_REFER (1ull << 13)     /* ABI 2 */
#define FS_TRUNCATE (1ull << 14)  /* ABI 3 */
#define FS_IOCTL_DEV (1ull << 15) /* ABI 5 */
#define NET_TCP 3ull              /* ABI 4: bind and connect */

static int allow_directory(int ruleset, const char *path, uint64_t access, struct cw_error *err)
{
	struct landlock_path_beneath_attr rule = { .allowed_access = access };
	int r = 0;

	rule.parent_fd = open(path, O_PATH | O_CLOEXEC);
	if (rule.parent_fd < 0)
		return cw_error_set(err, -errno, "sandbox: cannot open %s: %s", path, strerror(errno));
	if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
		r = cw_error_set(err, -errno, "sandbox: cannot allow %s: %s", path, strerror(errno));
	close(rule.parent_fd);
	return r;
}

static int add_rules(int ruleset, uint64_t fs, const struct cw_sandbox_options *options, struct cw_error *err)
{
	uint64_t writable = fs & ~(uint64_t)(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_MAKE_CHAR |
	                                     LANDLOCK_ACCESS_FS_MAKE_BLOCK | FS_IOCTL_DEV);
	int r;

	for (const char *const *path = options->writable; path && *path; path++) {
		r = allow_directory(ruleset, *path, writable, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* 0; 1: this kernel has no Landlock; -errno. */
static int close_files(enum cw_sandbox_profile profile, const struct cw_sandbox_options *options, struct cw_error *err)
{
	struct ruleset attributes = { .fs = FS_ABI_1 };
	size_t size = sizeof(attributes.fs);
	long abi;
	int ruleset, r;

	abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	if (abi < 1)
		return 1; /* ENOSYS, or EOPNOTSUPP when it was not chosen at boot */
	if (abi >= 2)
		attributes.fs |= FS_REFER;
	if (abi >= 3)
		attributes.fs |= FS_TRUNCATE;
	if (abi >= 5)
		attributes.fs |= FS_IOCTL_DEV;
	if (abi >= 4 && !options->tcp) {
		attributes.net = NET_TCP;
		size = sizeof(attributes);
	}
	ruleset = (int)syscall(SYS_landlock_create_ruleset, &attributes, size, 0);
	if (ruleset < 0)
		return cw_error_set(err, -errno, "sandbox: Landlock: %s", strerror(errno));
	r = profile == CW_SANDBOX_ASSESSOR ? add_rules(ruleset, attributes.fs, options, err) : 0;
	if (r == 0 && syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
		r = cw_error_set(err, -errno, "sandbox: Landlock: %s", strerror(errno));
	close(ruleset);
	return r;
}

static const int always[] = {
	/* memory, time, threads */
	SCMP_SYS(brk),
	SCMP_SYS(mmap),
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(mprotect),
	SCMP_SYS(madvise),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(clock_getres),
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(nanosleep),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(time),
	SCMP_SYS(times),
	SCMP_SYS(getrusage),
	SCMP_SYS(futex),
	SCMP_SYS(set_robust_list),
	SCMP_SYS(rseq),
	SCMP_SYS(membarrier),
	SCMP_SYS(gettid),
	SCMP_SYS(getpid),
	SCMP_SYS(getppid),
	SCMP_SYS(getuid),
	SCMP_SYS(geteuid),
	SCMP_SYS(getgid),
	SCMP_SYS(getegid),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
	SCMP_SYS(sched_yield),
	SCMP_SYS(sched_getaffinity),
	SCMP_SYS(sched_setaffinity),
	SCMP_SYS(sched_getscheduler),
	SCMP_SYS(sched_setscheduler),
	SCMP_SYS(sched_getparam),
	SCMP_SYS(sched_setparam),
	SCMP_SYS(sched_get_priority_min),
	SCMP_SYS(sched_get_priority_max),
	SCMP_SYS(getrandom),
	SCMP_SYS(uname),
	SCMP_SYS(sysinfo),
	SCMP_SYS(restart_syscall),
	/* signals */
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(rt_sigpending),
	SCMP_SYS(rt_sigtimedwait),
	SCMP_SYS(sigaltstack),
	SCMP_SYS(signalfd4),
	/* descriptors that are open already */
	SCMP_SYS(read),
	SCMP_SYS(write),
	SCMP_SYS(readv),
	SCMP_SYS(writev),
	SCMP_SYS(close),
	SCMP_SYS(close_range),
	SCMP_SYS(fstat),
	SCMP_SYS(lseek),
	SCMP_SYS(dup),
	SCMP_SYS(dup2),
	SCMP_SYS(dup3),
	SCMP_SYS(pipe),
	SCMP_SYS(pipe2),
	SCMP_SYS(eventfd2),
	SCMP_SYS(poll),
	SCMP_SYS(ppoll),
	SCMP_SYS(select),
	SCMP_SYS(pselect6),
	SCMP_SYS(epoll_create),
	SCMP_SYS(epoll_create1),
	SCMP_SYS(epoll_ctl),
	SCMP_SYS(epoll_wait),
	SCMP_SYS(epoll_pwait),
	SCMP_SYS(epoll_pwait2),
	SCMP_SYS(timerfd_create),
	SCMP_SYS(timerfd_settime),
	SCMP_SYS(timerfd_gettime),
	/* sockets, whose families are looked at where they are made */
	SCMP_SYS(connect),
	SCMP_SYS(getsockopt),
	SCMP_SYS(setsockopt),
	SCMP_SYS(getsockname),
	SCMP_SYS(getpeername),
	SCMP_SYS(sendto),
	SCMP_SYS(sendmsg),
	SCMP_SYS(recvfrom),
	SCMP_SYS(recvmsg),
	SCMP_SYS(shutdown),
};

/* The assessor keeps a database and binds sockets in directories that Landlock leaves it. */
static const int with_files[] = {
	SCMP_SYS(open),       SCMP_SYS(openat),          SCMP_SYS(stat),       SCMP_SYS(lstat),
	SCMP_SYS(newfstatat), SCMP_SYS(statx),           SCMP_SYS(statfs),     SCMP_SYS(fstatfs),
	SCMP_SYS(access),     SCMP_SYS(faccessat),       SCMP_SYS(faccessat2), SCMP_SYS(pread64),
	SCMP_SYS(pwrite64),   SCMP_SYS(preadv),          SCMP_SYS(pwritev),    SCMP_SYS(fsync),
	SCMP_SYS(fdatasync),  SCMP_SYS(sync_file_range), SCMP_SYS(ftruncate),  SCMP_SYS(fallocate),
	SCMP_SYS(flock),      SCMP_SYS(unlink),          SCMP_SYS(unlinkat),   SCMP_SYS(rename),
	SCMP_SYS(renameat),   SCMP_SYS(renameat2),       SCMP_SYS(mkdir),      SCMP_SYS(mkdirat),
	SCMP_SYS(rmdir),      SCMP_SYS(chmod),           SCMP_SYS(fchmod),     SCMP_SYS(fchmodat),
	SCMP_SYS(fchown),     SCMP_SYS(lchown),          SCMP_SYS(fchownat),   SCMP_SYS(utimensat),       SCMP_SYS(getcwd),     SCMP_SYS(readlink),
	SCMP_SYS(readlinkat), SCMP_SYS(getdents64),      SCMP_SYS(msync),      SCMP_SYS(umask),
	SCMP_SYS(bind),       SCMP_SYS(listen),          SCMP_SYS(accept),     SCMP_SYS(accept4),
};

static const unsigned long ioctls[] = { FIONBIO, FIONREAD, FIOCLEX, 0x5401 /* TCGETS: is it a terminal? */,
	                                TIOCGWINSZ };

/* A call that this machine does not have (-EDOM, negative numbers) needs no rule. */
static int allow(scmp_filter_ctx filter, const int *calls, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int r = calls[i] < 0 ? 0 : seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);

		if (r < 0 && r != -EDOM)
			return r;
	}
	return 0;
}

/* Setting an owner is not among them: by way of O_ASYNC it would send signals to any process of the user. */
static const int fcntls[] = { F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_GETLK, F_SETLK, F_SETLKW,
	                      F_OFD_GETLK, F_OFD_SETLK, F_OFD_SETLKW };

static int allow_sockets(scmp_filter_ctx filter, bool tcp)
{
	const int families[] = { AF_UNIX, AF_INET, AF_INET6 };
	int r;

	/* Streams only: datagrams would reach the log and the service manager. */
	r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socketpair), 2, SCMP_A0(SCMP_CMP_EQ, AF_UNIX),
	                     SCMP_A1(SCMP_CMP_MASKED_EQ, 0xf, SOCK_STREAM));
	for (size_t i = 0; i < (tcp ? CW_ARRAY_LEN(families) : 1) && r == 0; i++)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 2,
		                     SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)families[i]),
		                     SCMP_A1(SCMP_CMP_MASKED_EQ, 0xf, SOCK_STREAM));
	/* libzmq asks for the names of network interfaces before it binds: it aborts on EPERM, and takes this for "there are none". */
	if (r == 0 && tcp)
		r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EOPNOTSUPP), SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_EQ, AF_NETLINK));
	return r;
}

static int fill_filter(scmp_filter_ctx filter, enum cw_sandbox_profile profile, bool tcp)
{
	int r;

	r = allow(filter, always, CW_ARRAY_LEN(always));
	if (r == 0 && profile == CW_SANDBOX_ASSESSOR)
		r = allow(filter, with_files, CW_ARRAY_LEN(with_files));
	if (r == 0)
		r = allow_sockets(filter, tcp);
	for (size_t i = 0; i < CW_ARRAY_LEN(fcntls) && r == 0; i++)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1,
		                     SCMP_A1(SCMP_CMP_EQ, (scmp_datum_t)fcntls[i]));
	/* abort() and the like: signals to itself, never to the daemon or the other workers. */
	if (r == 0)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
		                     SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid()));
	/* Threads, not processes. */
	if (r == 0)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
		                     SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD | CLONE_VM, CLONE_THREAD | CLONE_VM));
	if (r == 0)
		r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	if (r == 0)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1, SCMP_A0(SCMP_CMP_EQ, PR_SET_NAME));
	/* A limit may be read. */
	if (r == 0)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 1, SCMP_A2(SCMP_CMP_EQ, 0));
	/* glibc asks fstat of a descriptor as fstatat of nothing. A filter cannot see whether a name stands beside it, and
	 * Landlock does not cover stat: whether a file is there, and its size, can be learned, not what is in it. */
	if (r == 0 && profile == CW_SANDBOX_NORMALISER)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(newfstatat), 1,
		                     SCMP_A3(SCMP_CMP_MASKED_EQ, AT_EMPTY_PATH, AT_EMPTY_PATH));
	for (size_t i = 0; i < CW_ARRAY_LEN(ioctls) && r == 0; i++)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1, SCMP_A1(SCMP_CMP_EQ, ioctls[i]));
	return r == -EDOM ? 0 : r;
}

/* 0; 1: this kernel has no filters; -errno. */
static int filter_calls(enum cw_sandbox_profile profile, const struct cw_sandbox_options *options, struct cw_error *err)
{
	scmp_filter_ctx filter;
	int r;

	if (prctl(PR_GET_SECCOMP, 0, 0, 0, 0) < 0 && errno == EINVAL)
		return 1;
	filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	if (!filter)
		return cw_error_nomem(err);
	r = fill_filter(filter, profile, options->tcp);
	if (r == 0)
		r = seccomp_load(filter);
	seccomp_release(filter);
	if (r < 0)
		return cw_error_set(err, r, "sandbox: seccomp: %s", strerror(-r));
	return 0;
}

static int set_limit(__rlimit_resource_t resource, rlim_t value, const char *name, struct cw_error *err)
{
	struct rlimit limit;

	if (getrlimit(resource, &limit) == 0 && limit.rlim_max < value)
		value = limit.rlim_max; /* stricter already */
	limit.rlim_cur = limit.rlim_max = value;
	if (setrlimit(resource, &limit) < 0)
		return cw_error_set(err, -errno, "sandbox: cannot limit %s: %s", name, strerror(errno));
	return 0;
}

static int set_limits(enum cw_sandbox_profile profile, const struct cw_sandbox_options *options, struct cw_error *err)
{
	int r;

	/* What a worker holds in memory is not left on disk when it dies, and no other process of the user reads it. */
	r = set_limit(RLIMIT_CORE, 0, "core size", err);
	if (r == 0 && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		r = cw_error_set(err, -errno, "sandbox: %s", strerror(errno));
	if (r == 0 && profile == CW_SANDBOX_NORMALISER)
		r = set_limit(RLIMIT_NOFILE, NORMALISER_FILES, "descriptors", err);
	if (r == 0 && options->memory_max)
		r = set_limit(RLIMIT_AS, options->memory_max, "memory", err);
	return r;
}

int cw_sandbox_enter(enum cw_sandbox_profile profile, const struct cw_sandbox_options *options, char *missing,
                     size_t size, struct cw_error *err)
{
	bool no_landlock, no_seccomp;
	int r;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return cw_error_set(err, -errno, "sandbox: no_new_privs: %s", strerror(errno));
	r = set_limits(profile, options, err);
	if (r < 0)
		return r;
	r = walls ? close_files(profile, options, err) : 1;
	if (r < 0)
		return r;
	no_landlock = r > 0;
	/* Last: the filter does not let its own kind of call through again. */
	r = walls ? filter_calls(profile, options, err) : 1;
	if (r < 0)
		return r;
	no_seccomp = r > 0;

	if (options->required && (no_landlock || no_seccomp))
		return cw_error_set(err, -EOPNOTSUPP, "sandbox: this %s has no %s", walls ? "kernel" : "build",
		                    no_landlock ? "Landlock" : "seccomp");
	if (missing && size)
		snprintf(missing, size, "%s%s%s", no_landlock ? "landlock" : "", no_landlock && no_seccomp ? " " : "",
		         no_seccomp ? "seccomp" : "");
	return 0;
}
