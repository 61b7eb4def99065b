#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <councilwatch/paths.h>
#include <councilwatch/store.h>

#include "output.h"
#include "rehearsal.h"

#define EXIT_EXEC 127
#define LOG_SHOWN 40 /* lines of the daemon's log that tell of failures */

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *walk)
{
	(void)info;
	(void)type;
	(void)walk;
	return remove(path);
}

static char *path_of(const char *directory, const char *name)
{
	char *path;

	return asprintf(&path, "%s/%s", directory, name) < 0 ? NULL : path;
}

static int set_text(char **slot, char *text)
{
	if (!text)
		return -ENOMEM;
	free(*slot);
	*slot = text;
	return 0;
}

/* Where things are. */
static int point(struct cw_rehearsal *rehearsal)
{
	struct cw_config *config = rehearsal->cli->config;
	const struct {
		char **slot;
		const char *name;
	} sockets[] = { { &config->endpoint_work, "work" },         { &config->endpoint_commit, "commit" },
		        { &config->endpoint_evidence, "evidence" }, { &config->endpoint_alerts, "alerts" },
		        { &config->endpoint_query, "query" },       { &config->endpoint_control, "control" },
		        { &config->endpoint_submit, "submit" } };
	char *endpoint;
	int r;

	r = set_text(&config->state_dir, strdup(rehearsal->state));
	if (r == 0)
		r = set_text(&config->runtime_dir, path_of(rehearsal->directory, "run"));
	for (size_t i = 0; r == 0 && i < CW_ARRAY_LEN(sockets); i++)
		r = asprintf(&endpoint, "ipc://%s/run/%s", rehearsal->directory, sockets[i].name) < 0
		        ? -ENOMEM
		        : set_text(sockets[i].slot, endpoint);
	cw_config_keep_home(config);
	/* Files that lie in a drop folder are for the real daemon to take. */
	for (size_t i = 0; i < config->n_feeds; i++) {
		free(config->feeds[i].path);
		config->feeds[i].path = NULL;
	}
	return r;
}

static int copy(const char *from, const char *to, const char *name, struct cw_error *err)
{
	int r = cw_store_copy(from, to, name, err);

	return r == -ENOENT ? 0 : r;
}

int cw_rehearsal_begin(struct cw_cli *cli, bool inbox, struct cw_rehearsal *ret, struct cw_error *err)
{
	CW_CLEANUP(cw_freep) char *from = strdup(cli->config->state_dir);
	const char *tmp = getenv("TMPDIR");
	int r;

	*ret = (struct cw_rehearsal){ .cli = cli };
	/* The path of a socket may not be long. */
	if (!tmp || tmp[0] != '/' || strlen(tmp) > 60)
		tmp = "/tmp";
	ret->directory = path_of(tmp, "councilwatch.XXXXXX");
	if (!from || !ret->directory)
		return cw_error_nomem(err);
	if (!mkdtemp(ret->directory)) {
		r = cw_error_at(err, -errno, ret->directory, 0, 0, "cannot make the directory: %s", strerror(errno));
		free(ret->directory);
		ret->directory = NULL;
		return r;
	}
	ret->state = path_of(ret->directory, "state");
	ret->log = path_of(ret->directory, "log");
	if (!ret->state || !ret->log)
		return cw_error_nomem(err);
	if (mkdir(ret->state, 0700) < 0)
		return cw_error_at(err, -errno, ret->state, 0, 0, "cannot make the directory: %s", strerror(errno));
	/* The inbox first: a document that is committed in between is read again, and recognised. */
	r = inbox ? copy(from, ret->state, "inbox.db", err) : 0;
	if (r == 0)
		r = copy(from, ret->state, "councilwatch.db", err);
	if (r == 0 && point(ret) < 0)
		r = cw_error_nomem(err);
	return r;
}

static int configure(struct cw_rehearsal *rehearsal, const char *path, struct cw_error *err)
{
	struct cw_buf text;
	FILE *file;
	int r;

	cw_buf_init(&text, 64u * 1024 * 1024);
	r = cw_config_print(rehearsal->cli->config, &text);
	if (r < 0)
		cw_error_nomem(err);
	file = r == 0 ? fopen(path, "we") : NULL;
	if (r == 0 && (!file || fwrite(text.data, 1, text.len, file) != text.len))
		r = cw_error_at(err, -EIO, path, 0, 0, "cannot be written: %s", strerror(errno));
	if (file && fclose(file) != 0 && r == 0)
		r = cw_error_at(err, -EIO, path, 0, 0, "cannot be written: %s", strerror(errno));
	cw_buf_clear(&text);
	return r;
}

/* The daemon that belongs to this program, or the installed one. */
static void daemon_path(char *path, size_t size)
{
	ssize_t len = readlink("/proc/self/exe", path, size - 1);
	char *slash;

	if (len > 0) {
		path[len] = '\0';
		slash = strrchr(path, '/');
		if (slash && (size_t)snprintf(slash, size - (size_t)(slash - path), "/councilwatchd") < size - (size_t)(slash - path) &&
		    access(path, X_OK) == 0)
			return;
	}
	snprintf(path, size, "%s/councilwatchd", CW_SBINDIR);
}

/* Why it failed, in the daemon's words. */
static void show_log(const struct cw_rehearsal *rehearsal, bool all)
{
	static const char *const telling[] = { "fetch.failed", "link.failed", "document.rejected", "link.refused",
		                               "config.mistake", "daemon.failed", "worker.died", NULL };
	FILE *file = fopen(rehearsal->log, "re");
	char *line = NULL, *event;
	size_t cap = 0;
	int shown = 0;

	while (file && getline(&line, &cap, file) > 0 && shown < LOG_SHOWN) {
		bool tell = all;

		for (size_t i = 0; telling[i] && !tell; i++)
			tell = strstr(line, telling[i]) != NULL;
		if (!tell)
			continue;
		/* After the time and the program. */
		event = strstr(line, "]: ");
		line[strcspn(line, "\n")] = '\0';
		fputs("    ", stderr);
		cw_out_text(stderr, event ? event + 3 : line);
		fputc('\n', stderr);
		shown++;
	}
	free(line);
	if (file)
		fclose(file);
}

int cw_rehearsal_run(struct cw_rehearsal *rehearsal, bool once, struct cw_error *err)
{
	CW_CLEANUP(cw_freep) char *file = path_of(rehearsal->directory, "councilwatch.conf");
	char path[4096];
	const char *arguments[] = { path, "-c", file, once ? "--once" : NULL, NULL };
	int status = 0, r;
	pid_t pid;

	if (!file)
		return cw_error_nomem(err);
	r = configure(rehearsal, file, err);
	if (r < 0)
		return r;
	daemon_path(path, sizeof(path));
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		int log = open(rehearsal->log, O_WRONLY | O_CREAT | O_TRUNC, 0600);

		if (log >= 0) {
			(void)dup2(log, STDOUT_FILENO);
			(void)dup2(log, STDERR_FILENO);
		}
		(void)close_range(3, ~0u, 0);
		execv(path, (char *const *)(uintptr_t)arguments);
		_exit(EXIT_EXEC);
	}
	if (pid < 0)
		return cw_error_set(err, -errno, "cannot run %s: %s", path, strerror(errno));
	if (!once) {
		rehearsal->pid = pid;
		return 0;
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_EXEC)
		return cw_error_set(err, -ENOENT, "cannot run %s", path);
	if (!WIFEXITED(status))
		return cw_error_set(err, -ECHILD, "%s was ended by signal %d", path, WTERMSIG(status));
	if (WEXITSTATUS(status) == CW_EXIT_DONE || WEXITSTATUS(status) == CW_EXIT_NO)
		return WEXITSTATUS(status);
	show_log(rehearsal, true);
	return cw_error_set(err, -EINVAL, "the daemon of the rehearsal could not run");
}

bool cw_rehearsal_runs(const struct cw_rehearsal *rehearsal)
{
	siginfo_t info = { 0 };

	return rehearsal->pid && waitid(P_PID, (id_t)rehearsal->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && !info.si_pid;
}

void cw_rehearsal_stop(struct cw_rehearsal *rehearsal)
{
	int status;

	if (!rehearsal->pid)
		return;
	(void)kill(rehearsal->pid, SIGTERM);
	while (waitpid(rehearsal->pid, &status, 0) < 0 && errno == EINTR)
		;
	rehearsal->pid = 0;
}

void cw_rehearsal_show_failures(const struct cw_rehearsal *rehearsal)
{
	show_log(rehearsal, false);
}

void cw_rehearsal_end(struct cw_rehearsal *rehearsal)
{
	cw_rehearsal_stop(rehearsal);
	if (rehearsal->directory && nftw(rehearsal->directory, remove_one, 16, FTW_DEPTH | FTW_PHYS) < 0)
		(void)cw_cli_fail(0, "cannot remove %s", rehearsal->directory);
	free(rehearsal->directory);
	free(rehearsal->state);
	free(rehearsal->log);
	*rehearsal = (struct cw_rehearsal){ 0 };
}
