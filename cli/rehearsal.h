/*
 * rehearsal.h: a daemon of its own on a copy of the databases, in a directory that is removed afterwards.
 *
 * The same programs, sandbox and model, and other sockets: what it does shows what the real one would, and nobody is told.
 */
#ifndef CW_CLI_REHEARSAL_H
#define CW_CLI_REHEARSAL_H

#include <sys/types.h>

#include "command.h"

struct cw_rehearsal {
	struct cw_cli *cli;
	char *directory, *state, *log;
	pid_t pid; /* of the daemon, while it runs beside us; 0 = it does not */
};

/* Makes the directory and the copies (a database that is not there yet is none), and points cli->config there. */
int cw_rehearsal_begin(struct cw_cli *cli, bool inbox, struct cw_rehearsal *ret, struct cw_error *err);
/* Writes cli->config, as the caller left it, for the daemon, and runs that: with once until it ends, whose exit status is
 * returned (0 or 1); else beside us until the end. -errno after its log was shown. */
int cw_rehearsal_run(struct cw_rehearsal *rehearsal, bool once, struct cw_error *err);
/* Is the daemon beside us still there? */
bool cw_rehearsal_runs(const struct cw_rehearsal *rehearsal);
/* Asks the daemon beside us to end, and waits for it. */
void cw_rehearsal_stop(struct cw_rehearsal *rehearsal);
/* What of its log tells of failures, on standard error. */
void cw_rehearsal_show_failures(const struct cw_rehearsal *rehearsal);
void cw_rehearsal_end(struct cw_rehearsal *rehearsal);

#endif
