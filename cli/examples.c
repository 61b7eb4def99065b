#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <jansson.h>

#include <councilwatch/buf.h>
#include <councilwatch/limits.h>

#include "examples.h"

#define PROGRAM "councilwatch-normaliser"
#define EXIT_EXEC 127
/* A message is cut to the size of an error's text; its JSON may be some times as long. */
#define LINE_MAX_BYTES (64u * 1024u)

/* One line from the normaliser: a mistake, or last the number that failed. 0 or -EBADMSG. */
static int take_line(const char *line, size_t len, cw_report_fn *report, void *arg, int *failed)
{
	json_t *object = json_loadb(line, len, 0, NULL);
	struct cw_error mistake = { 0 };
	const char *file = NULL, *text = NULL;
	int number = 0, count = -1;

	if (!object)
		return -EBADMSG;
	if (json_unpack(object, "{s:i}", "failed", &count) == 0 && count >= 0) {
		*failed = count;
	} else if (json_unpack(object, "{s:s, s:i, s:s}", "file", &file, "line", &number, "text", &text) == 0) {
		cw_error_at(&mistake, -EINVAL, file, number > 0 ? (unsigned)number : 0, 0, "%s", text);
		report(arg, &mistake);
	} else {
		json_decref(object);
		return -EBADMSG;
	}
	json_decref(object);
	return 0;
}

static int read_lines(int fd, cw_report_fn *report, void *arg, int *failed)
{
	FILE *stream = fdopen(fd, "r");
	char *line = NULL;
	size_t cap = 0;
	ssize_t len;
	int r = 0;

	if (!stream) {
		r = -errno;
		close(fd);
		return r;
	}
	while (r == 0 && (len = getline(&line, &cap, stream)) > 0)
		r = (size_t)len > LINE_MAX_BYTES ? -EBADMSG : take_line(line, (size_t)len, report, arg, failed);
	free(line);
	fclose(stream);
	return r;
}

static pid_t start(const char *path, const char *file, int *ret_fd)
{
	const char *arguments[] = { path, "-c", file, "--expect", NULL };
	int fds[2], r;
	pid_t pid;

	if (pipe(fds) < 0)
		return -errno;
	pid = fork();
	if (pid == 0) {
		(void)dup2(fds[1], STDOUT_FILENO);
		(void)close_range(3, ~0u, 0);
		execv(path, (char *const *)(uintptr_t)arguments);
		_exit(EXIT_EXEC);
	}
	r = -errno;
	close(fds[1]);
	if (pid < 0) {
		close(fds[0]);
		return r;
	}
	*ret_fd = fds[0];
	return pid;
}

int cw_examples_run(const struct cw_config *config, const char *file, cw_report_fn *report, void *arg, struct cw_error *err)
{
	int fd = -1, status = 0, failed = -1, r;
	char path[4096];
	pid_t pid;

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", config->worker_dir ? config->worker_dir : ".", PROGRAM) >= sizeof(path))
		return cw_error_set(err, -ENAMETOOLONG, "worker_dir is too long");
	fflush(NULL);
	pid = start(path, file, &fd);
	if (pid < 0)
		return cw_error_set(err, (int)pid, "cannot run %s: %s", path, strerror(-(int)pid));
	r = read_lines(fd, report, arg, &failed);
	if (r < 0)
		(void)kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (r < 0)
		return cw_error_set(err, r, "%s said something else than what became of the examples", path);
	if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_EXEC)
		return cw_error_set(err, -ENOENT, "cannot run %s: set worker_dir", path);
	if (WIFSIGNALED(status))
		return cw_error_set(err, -ECHILD, "%s was ended by signal %d while it tried the examples", path, WTERMSIG(status));
	if (status || failed < 0)
		return cw_error_set(err, -ECHILD, "%s could not try the examples; it says why above", path);
	return failed;
}
