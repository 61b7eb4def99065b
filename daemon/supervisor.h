/*
 * supervisor.h: the workers as processes: started, watched, restarted, stopped.
 *
 * Each worker is forked and executed with its endpoints as arguments; nothing else is inherited but standard error. It
 * dies with us (PR_SET_PDEATHSIG). One that ends is started again after 0, 2, 4, 8 … 60 seconds; the count clears after
 * CW_WORKER_SETTLED_MS of life or a document handled. CW_WORKER_QUICK_DEATHS deaths in a row without either, and we give
 * up, so that somebody looks.
 */
#ifndef CW_DAEMON_SUPERVISOR_H
#define CW_DAEMON_SUPERVISOR_H

#include <sys/types.h>

#include <councilwatch/base.h>
#include <councilwatch/clock.h>
#include <councilwatch/config.h>
#include <councilwatch/error.h>
#include <councilwatch/loop.h>

#include "dispatch.h"

#define CW_WORKER_SETTLED_MS 30000
#define CW_WORKER_QUICK_DEATHS 10u
/* From the start of the program to CW_MSG_READY. */
#define CW_WORKER_START_MS 60000
/* After being asked to stop: then SIGTERM, then SIGKILL. */
#define CW_WORKER_TERM_MS 3000
#define CW_WORKER_KILL_MS 8000

enum cw_process_state {
	CW_PROCESS_STARTING, /* runs, not yet ready */
	CW_PROCESS_READY,
	CW_PROCESS_WAITING, /* dead, to be started again */
	CW_PROCESS_STOPPING,
	CW_PROCESS_STOPPED,
};
const char *cw_process_state_name(enum cw_process_state state);

/* Delay before the nth restart in a row, from 1: 0, 2000, 4000 … 60000 ms. */
int64_t cw_restart_delay_ms(unsigned restart);

struct cw_process_info {
	enum cw_role role;
	unsigned index;
	pid_t pid; /* 0 = not running */
	enum cw_process_state state;
	unsigned restarts;  /* since the daemon started */
	uint64_t documents; /* as it last said */
};

struct cw_supervisor;

struct cw_supervisor_ops {
	/* It ended. guilty: by itself, or killed for being bad; not when it was asked to stop. */
	void (*died)(void *arg, enum cw_role role, pid_t pid, bool guilty);
	void (*gave_up)(void *arg, enum cw_role role);
	/* After cw_supervisor_stop(): none is left. */
	void (*stopped)(void *arg);
};

int cw_supervisor_new(struct cw_loop *loop, const struct cw_supervisor_ops *ops, void *arg, struct cw_supervisor **ret,
                      struct cw_error *err);
/* Kills what is left and waits for it. */
void cw_supervisor_free(struct cw_supervisor *supervisor);

/* What workers are started with from now on; file is the accepted copy they read (accepted.h). Both borrowed until the next
 * call or free. */
void cw_supervisor_configure(struct cw_supervisor *supervisor, const struct cw_config *config, const char *file);
/* Finds the programs (config->worker_dir, else beside our own). -ENOENT when one is missing. */
int cw_supervisor_find_programs(struct cw_supervisor *supervisor, struct cw_error *err);
/* Starts all. */
int cw_supervisor_start(struct cw_supervisor *supervisor, struct cw_error *err);
/* They have been told to stop by message; those that do not are ended by signal. */
void cw_supervisor_stop(struct cw_supervisor *supervisor);

void cw_supervisor_ready(struct cw_supervisor *supervisor, pid_t pid);
void cw_supervisor_heard(struct cw_supervisor *supervisor, pid_t pid, uint64_t documents);
void cw_supervisor_worked(struct cw_supervisor *supervisor, pid_t pid);
/* SIGKILL: it may be stuck. False when there is no such process of ours. */
bool cw_supervisor_kill(struct cw_supervisor *supervisor, pid_t pid);

/* Is there such a process of ours? */
bool cw_supervisor_has(struct cw_supervisor *supervisor, pid_t pid, enum cw_role *ret_role);
size_t cw_supervisor_count(const struct cw_supervisor *supervisor);
void cw_supervisor_info(const struct cw_supervisor *supervisor, size_t index, struct cw_process_info *ret);

#endif
