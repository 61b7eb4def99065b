/*
 * sandbox.h: profiles a process locks itself into, before its first ZeroMQ socket (ZeroMQ starts threads
 * there, and restrictions are per thread).
 *
 * Normaliser: no new privileges, no files (Landlock with no rule), no sockets but AF_UNIX to paths (or AF_INET*
 * when its endpoints are tcp), no execution, no ptrace, limits on memory, descriptors and core size.
 * What is left to it: to connect to any unix socket of its user (the commit and control sockets too), to learn whether
 * a file exists, and, with tcp, to connect to any port.
 * Assessor: as above, but its state and runtime directories are readable and writable.
 * Needs Linux 5.13 for Landlock and 3.5 for seccomp; what the kernel lacks is reported in *missing.
 */
#ifndef COUNCILWATCH_SANDBOX_H
#define COUNCILWATCH_SANDBOX_H

#include <councilwatch/base.h>
#include <councilwatch/error.h>

enum cw_sandbox_profile { CW_SANDBOX_NORMALISER, CW_SANDBOX_ASSESSOR };

struct cw_sandbox_options {
	const char *const *writable;  /* directories, ends with NULL; may be NULL */
	bool tcp;                     /* endpoints are tcp:// */
	uint64_t memory_max;          /* RLIMIT_AS in bytes; 0 = none (sanitizers need none) */
	bool required;                /* fail when the kernel lacks a part, instead of reporting it */
};

/* 0, or -errno: the process must not go on. missing (may be NULL; size bytes) gets "" or the parts the
 * kernel lacks, for the log. */
int cw_sandbox_enter(enum cw_sandbox_profile profile, const struct cw_sandbox_options *options, char *missing,
                     size_t size, struct cw_error *err);

#endif
