/*
 * supervisor.c: fork, exec, pidfd, waitid.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <councilwatch/log.h>

#include "supervisor.h"

#define ARGUMENTS_MAX 16
#define EXIT_EXEC 127

static const char *const programs[] = {
	[CW_ROLE_NORMALISER] = "councilwatch-normaliser",
	[CW_ROLE_ASSESSOR] = "councilwatch-assessor",
};

struct process {
	struct cw_supervisor *supervisor;
	enum cw_role role;
	unsigned index;
	enum cw_process_state state;
	pid_t pid;
	int pidfd;
	struct cw_watch *watch;
	struct cw_timer *timer; /* WAITING: restart. STARTING: too slow. READY: settled. STOPPING: harder */
	unsigned quick_deaths;  /* in a row */
	unsigned restarts;
	uint64_t documents;
	bool terminated; /* SIGTERM was sent */
};

struct cw_supervisor {
	struct cw_loop *loop;
	struct cw_supervisor_ops ops;
	void *arg;
	const struct cw_config *config;
	const char *file; /* what the workers read */
	struct process *processes;
	size_t n;
	char path[2][PATH_MAX];
	bool stopping;
};

const char *cw_process_state_name(enum cw_process_state state)
{
	switch (state) {
	case CW_PROCESS_STARTING:
		return "starting";
	case CW_PROCESS_READY:
		return "ready";
	case CW_PROCESS_WAITING:
		return "waiting";
	case CW_PROCESS_STOPPING:
		return "stopping";
	case CW_PROCESS_STOPPED:
		return "stopped";
	}
	return "";
}

int64_t cw_restart_delay_ms(unsigned restart)
{
	if (restart <= 1)
		return 0;
	if (restart >= 7)
		return 60000;
	return CW_MIN(INT64_C(1000) << (restart - 1), INT64_C(60000));
}

static void process_start(struct process *process);

/* The child, between fork and exec: only what is safe in the child of a process with threads. */
static _Noreturn void child(char *const *arguments, pid_t parent)
{
	sigset_t none;
	int null;

	/* Dies with us, at once: one that lived on to end in order could reach the next daemon's sockets and be taken for one
	 * of its workers. When we died before this line nobody is left to be told. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		_exit(EXIT_EXEC);
	/* Not of our terminal's foreground group: an interrupt there is for us to pass on in order. */
	(void)setpgid(0, 0);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)signal(SIGPIPE, SIG_DFL);
	null = open("/dev/null", O_RDONLY);
	if (null >= 0)
		(void)dup2(null, STDIN_FILENO);
	/* Standard output is ours alone: --once prints a line there that programs read. */
	(void)dup2(STDERR_FILENO, STDOUT_FILENO);
	(void)close_range(3, ~0u, CLOSE_RANGE_CLOEXEC);
	execv(arguments[0], arguments);
	_exit(EXIT_EXEC);
}

static size_t arguments_make(const struct process *process, char *index, size_t size, const char **ret)
{
	const struct cw_config *config = process->supervisor->config;
	size_t n = 0;

	ret[n++] = process->supervisor->path[process->role];
	ret[n++] = "-c";
	ret[n++] = process->supervisor->file;
	if (process->role == CW_ROLE_NORMALISER) {
		snprintf(index, size, "%u", process->index);
		ret[n++] = "--work";
		ret[n++] = config->endpoint_work;
		ret[n++] = "--evidence";
		ret[n++] = config->endpoint_evidence;
		ret[n++] = "--index";
		ret[n++] = index;
	} else {
		ret[n++] = "--commit";
		ret[n++] = config->endpoint_commit;
		ret[n++] = "--evidence";
		ret[n++] = config->endpoint_evidence;
		ret[n++] = "--alerts";
		ret[n++] = config->endpoint_alerts;
		ret[n++] = "--query";
		ret[n++] = config->endpoint_query;
	}
	ret[n] = NULL;
	return n;
}

static void describe(const siginfo_t *info, char *text, size_t size)
{
	if (info->si_code == CLD_EXITED)
		snprintf(text, size, "exit status %d%s", info->si_status,
		         info->si_status == EXIT_EXEC ? " (not executed)" : "");
	else
		snprintf(text, size, "signal %s", sigabbrev_np(info->si_status) ? sigabbrev_np(info->si_status) : "?");
}

/* Nobody left who should be running? */
static void stopped_check(struct cw_supervisor *supervisor)
{
	size_t i;

	if (!supervisor->stopping)
		return;
	for (i = 0; i < supervisor->n; i++)
		if (supervisor->processes[i].pid)
			return;
	supervisor->stopping = false;
	supervisor->ops.stopped(supervisor->arg);
}

static void process_ended(struct process *process)
{
	struct cw_supervisor *supervisor = process->supervisor;
	bool asked = process->state == CW_PROCESS_STOPPING;
	pid_t pid = process->pid;
	siginfo_t info = { 0 };
	int64_t delay;
	char text[64];

	if (waitid(P_PIDFD, (id_t)process->pidfd, &info, WEXITED | WNOHANG) < 0 || !info.si_pid)
		return;
	cw_watch_free(process->watch);
	process->watch = NULL;
	close(process->pidfd);
	process->pidfd = -1;
	process->pid = 0;
	describe(&info, text, sizeof(text));
	if (asked) {
		process->state = CW_PROCESS_STOPPED;
		cw_timer_disarm(process->timer);
		cw_log(CW_LOG_INFO, "worker.stopped", "role=%s index=%u pid=%d end=%s", cw_role_name(process->role),
		       process->index, (int)pid, text);
		supervisor->ops.died(supervisor->arg, process->role, pid, false);
		stopped_check(supervisor);
		return;
	}
	process->quick_deaths++;
	process->restarts++;
	delay = cw_restart_delay_ms(process->quick_deaths);
	process->state = CW_PROCESS_WAITING;
	cw_log(CW_LOG_WARNING, "worker.died", "role=%s index=%u pid=%d end=%s restart_in=%llds",
	       cw_role_name(process->role), process->index, (int)pid, text, (long long)(delay / 1000));
	supervisor->ops.died(supervisor->arg, process->role, pid, true);
	if (process->quick_deaths >= CW_WORKER_QUICK_DEATHS) {
		cw_log(CW_LOG_ERROR, "worker.gave_up", "role=%s index=%u deaths=%u", cw_role_name(process->role),
		       process->index, process->quick_deaths);
		process->state = CW_PROCESS_STOPPED;
		cw_timer_disarm(process->timer);
		supervisor->ops.gave_up(supervisor->arg, process->role);
		return;
	}
	cw_timer_arm(process->timer, delay);
}

static void pidfd_event(void *arg, unsigned events)
{
	(void)events;
	process_ended(arg);
}

static void timer_fired(void *arg)
{
	struct process *process = arg;

	switch (process->state) {
	case CW_PROCESS_WAITING:
		process_start(process);
		break;
	case CW_PROCESS_STARTING:
		cw_log(CW_LOG_WARNING, "worker.slow_start", "role=%s index=%u pid=%d limit=%ds",
		       cw_role_name(process->role), process->index, (int)process->pid, CW_WORKER_START_MS / 1000);
		(void)cw_supervisor_kill(process->supervisor, process->pid);
		break;
	case CW_PROCESS_READY:
		process->quick_deaths = 0;
		break;
	case CW_PROCESS_STOPPING:
		(void)pidfd_send_signal(process->pidfd, process->terminated ? SIGKILL : SIGTERM, NULL, 0);
		if (!process->terminated)
			cw_timer_arm(process->timer, CW_WORKER_KILL_MS - CW_WORKER_TERM_MS);
		process->terminated = true;
		break;
	case CW_PROCESS_STOPPED:
		break;
	}
}

/* It could not be started, for want of processes or memory: as if it had died at once. */
static void start_failed(struct process *process, int code)
{
	int64_t delay;

	process->quick_deaths++;
	delay = CW_MAX(cw_restart_delay_ms(process->quick_deaths), 1000);
	process->state = CW_PROCESS_WAITING;
	cw_log(CW_LOG_ERROR, "worker.start_failed", "role=%s index=%u reason=%s retry_in=%llds",
	       cw_role_name(process->role), process->index, strerror(code), (long long)(delay / 1000));
	if (process->quick_deaths >= CW_WORKER_QUICK_DEATHS) {
		process->state = CW_PROCESS_STOPPED;
		process->supervisor->ops.gave_up(process->supervisor->arg, process->role);
		return;
	}
	cw_timer_arm(process->timer, delay);
}

static void process_start(struct process *process)
{
	const char *arguments[ARGUMENTS_MAX];
	pid_t parent = getpid(), pid;
	struct cw_error err;
	char index[16];

	(void)arguments_make(process, index, sizeof(index), arguments);
	process->terminated = false;
	process->documents = 0;
	pid = fork();
	if (pid == 0)
		child((char *const *)arguments, parent);
	if (pid < 0) {
		start_failed(process, errno);
		return;
	}
	process->pidfd = pidfd_open(pid, 0);
	if (process->pidfd < 0 || cw_loop_add_fd(process->supervisor->loop, process->pidfd, CW_LOOP_READ, pidfd_event,
	                                         process, &process->watch, &err) < 0) {
		int code = errno;

		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
		if (process->pidfd >= 0)
			close(process->pidfd);
		process->pidfd = -1;
		start_failed(process, code);
		return;
	}
	process->pid = pid;
	process->state = CW_PROCESS_STARTING;
	cw_timer_arm(process->timer, CW_WORKER_START_MS);
	cw_log(CW_LOG_INFO, "worker.started", "role=%s index=%u pid=%d", cw_role_name(process->role), process->index,
	       (int)pid);
}

/* The configured directory, else our own: a build tree works uninstalled. */
static int program_find(struct cw_supervisor *supervisor, const char *directory, enum cw_role role,
                        struct cw_error *err)
{
	char self[PATH_MAX], *slash;
	ssize_t len;

	if (directory &&
	    (size_t)snprintf(supervisor->path[role], PATH_MAX, "%s/%s", directory, programs[role]) < PATH_MAX &&
	    access(supervisor->path[role], X_OK) == 0)
		return 0;
	len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (len > 0) {
		self[len] = '\0';
		slash = strrchr(self, '/');
		if (slash)
			*slash = '\0';
		if ((size_t)snprintf(supervisor->path[role], PATH_MAX, "%s/%s", self, programs[role]) < PATH_MAX &&
		    access(supervisor->path[role], X_OK) == 0)
			return 0;
	}
	return cw_error_set(err, -ENOENT, "there is no program %s in %s: set worker_dir", programs[role],
	                    directory ? directory : "(no directory)");
}

int cw_supervisor_new(struct cw_loop *loop, const struct cw_supervisor_ops *ops, void *arg, struct cw_supervisor **ret,
                      struct cw_error *err)
{
	struct cw_supervisor *supervisor = calloc(1, sizeof(*supervisor));

	if (!supervisor)
		return cw_error_nomem(err);
	supervisor->loop = loop;
	supervisor->ops = *ops;
	supervisor->arg = arg;
	*ret = supervisor;
	return 0;
}

static void processes_free(struct cw_supervisor *supervisor)
{
	size_t i;

	for (i = 0; i < supervisor->n; i++) {
		struct process *process = &supervisor->processes[i];

		if (process->pid) {
			(void)pidfd_send_signal(process->pidfd, SIGKILL, NULL, 0);
			(void)waitpid(process->pid, NULL, 0);
		}
		cw_watch_free(process->watch);
		if (process->pidfd >= 0)
			close(process->pidfd);
		cw_timer_free(process->timer);
	}
	free(supervisor->processes);
	supervisor->processes = NULL;
	supervisor->n = 0;
}

void cw_supervisor_free(struct cw_supervisor *supervisor)
{
	if (!supervisor)
		return;
	processes_free(supervisor);
	free(supervisor);
}

void cw_supervisor_configure(struct cw_supervisor *supervisor, const struct cw_config *config, const char *file)
{
	supervisor->config = config;
	supervisor->file = file;
}

int cw_supervisor_find_programs(struct cw_supervisor *supervisor, struct cw_error *err)
{
	int r = program_find(supervisor, supervisor->config->worker_dir, CW_ROLE_ASSESSOR, err);

	return r < 0 ? r : program_find(supervisor, supervisor->config->worker_dir, CW_ROLE_NORMALISER, err);
}

int cw_supervisor_start(struct cw_supervisor *supervisor, struct cw_error *err)
{
	struct process *processes;
	size_t i, n = (size_t)supervisor->config->normalisers + 1;
	int r;

	r = cw_supervisor_find_programs(supervisor, err);
	if (r < 0)
		return r;
	processes = calloc(n, sizeof(*processes));
	if (!processes)
		return cw_error_nomem(err);
	/* Restarts are counted over reloads. */
	for (i = 0; i < CW_MIN(n, supervisor->n); i++)
		processes[i].restarts = supervisor->processes[i].restarts;
	processes_free(supervisor);
	supervisor->processes = processes;
	supervisor->stopping = false;
	for (i = 0; i < n; i++) {
		struct process *process = &processes[i];

		process->supervisor = supervisor;
		process->role = i == 0 ? CW_ROLE_ASSESSOR : CW_ROLE_NORMALISER;
		process->index = i == 0 ? 0 : (unsigned)i - 1;
		process->state = CW_PROCESS_STOPPED;
		process->pidfd = -1;
		supervisor->n = i + 1;
		r = cw_timer_new(supervisor->loop, timer_fired, process, &process->timer, err);
		if (r < 0)
			return r;
	}
	for (i = 0; i < n; i++)
		process_start(&processes[i]);
	return 0;
}

void cw_supervisor_stop(struct cw_supervisor *supervisor)
{
	size_t i;

	supervisor->stopping = true;
	for (i = 0; i < supervisor->n; i++) {
		struct process *process = &supervisor->processes[i];

		if (process->pid) {
			/* One that has not said READY did not hear that it should stop. */
			bool deaf = process->state == CW_PROCESS_STARTING;

			process->state = CW_PROCESS_STOPPING;
			cw_timer_arm(process->timer, deaf ? 0 : CW_WORKER_TERM_MS);
		} else {
			process->state = CW_PROCESS_STOPPED;
			cw_timer_disarm(process->timer);
		}
	}
	stopped_check(supervisor);
}

static struct process *by_pid(struct cw_supervisor *supervisor, pid_t pid)
{
	size_t i;

	for (i = 0; pid > 0 && i < supervisor->n; i++)
		if (supervisor->processes[i].pid == pid)
			return &supervisor->processes[i];
	return NULL;
}

bool cw_supervisor_has(struct cw_supervisor *supervisor, pid_t pid, enum cw_role *ret_role)
{
	const struct process *process = by_pid(supervisor, pid);

	if (process)
		*ret_role = process->role;
	return process != NULL;
}

void cw_supervisor_ready(struct cw_supervisor *supervisor, pid_t pid)
{
	struct process *process = by_pid(supervisor, pid);

	if (!process || process->state != CW_PROCESS_STARTING)
		return;
	process->state = CW_PROCESS_READY;
	cw_timer_arm(process->timer, CW_WORKER_SETTLED_MS);
}

void cw_supervisor_heard(struct cw_supervisor *supervisor, pid_t pid, uint64_t documents)
{
	struct process *process = by_pid(supervisor, pid);

	if (process)
		process->documents = documents;
}

void cw_supervisor_worked(struct cw_supervisor *supervisor, pid_t pid)
{
	struct process *process = by_pid(supervisor, pid);

	if (process)
		process->quick_deaths = 0;
}

bool cw_supervisor_kill(struct cw_supervisor *supervisor, pid_t pid)
{
	struct process *process = by_pid(supervisor, pid);

	if (!process)
		return false;
	(void)pidfd_send_signal(process->pidfd, SIGKILL, NULL, 0);
	return true;
}

size_t cw_supervisor_count(const struct cw_supervisor *supervisor)
{
	return supervisor->n;
}

void cw_supervisor_info(const struct cw_supervisor *supervisor, size_t index, struct cw_process_info *ret)
{
	const struct process *process = &supervisor->processes[index];

	*ret = (struct cw_process_info){
		.role = process->role,
		.index = process->index,
		.pid = process->pid,
		.state = process->state,
		.restarts = process->restarts,
		.documents = process->documents,
	};
}
