#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <councilwatch/paths.h>
#include <councilwatch/render.h>

#include "alert_text.h"
#include "dry_run.h"
#include "evidence_text.h"
#include "output.h"

#define EXIT_EXEC 127
#define LOG_SHOWN 40 /* lines of the daemon's log that tell of failures */

struct dry_run {
	struct cw_cli *cli;
	const char *feed;
	char *directory, *state, *log;
	struct cw_wall started_at;
	uint64_t rowno, seq; /* the last there were before */
	json_t *evidence, *alerts, *quarantine;
	uint64_t n_evidence, n_alerts, n_quarantine;
	int failed;
};

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

/* The configuration of the real one, but for where things are and what is fetched. */
static int configure(struct dry_run *run, unsigned links, struct cw_error *err)
{
	struct cw_config *config = run->cli->config;
	const struct {
		char **slot;
		const char *name;
	} sockets[] = { { &config->endpoint_work, "work" },         { &config->endpoint_commit, "commit" },
		        { &config->endpoint_evidence, "evidence" }, { &config->endpoint_alerts, "alerts" },
		        { &config->endpoint_query, "query" },       { &config->endpoint_control, "control" },
		        { &config->endpoint_submit, "submit" } };
	CW_CLEANUP(cw_freep) char *path = path_of(run->directory, "councilwatch.conf");
	struct cw_buf text;
	FILE *file;
	char *endpoint;
	int r;

	r = set_text(&config->state_dir, strdup(run->state));
	if (r == 0)
		r = set_text(&config->runtime_dir, path_of(run->directory, "run"));
	for (size_t i = 0; r == 0 && i < CW_ARRAY_LEN(sockets); i++)
		r = asprintf(&endpoint, "ipc://%s/run/%s", run->directory, sockets[i].name) < 0
		        ? -ENOMEM
		        : set_text(sockets[i].slot, endpoint);
	if (r < 0 || !path)
		return cw_error_nomem(err);
	config->fetching = true;
	for (size_t i = 0; i < config->n_feeds; i++) {
		struct cw_feed *feed = &config->feeds[i];

		feed->enabled = strcmp(feed->name, run->feed) == 0;
		for (size_t k = 0; k < feed->n_steps; k++)
			feed->steps[k].max_links = CW_MIN(feed->steps[k].max_links, links);
	}
	cw_buf_init(&text, 64u * 1024 * 1024);
	r = cw_config_print(config, &text);
	file = r == 0 ? fopen(path, "we") : NULL;
	if (r == 0 && (!file || fwrite(text.data, 1, text.len, file) != text.len))
		r = cw_error_at(err, -EIO, path, 0, 0, "cannot be written: %s", strerror(errno));
	if (file && fclose(file) != 0 && r == 0)
		r = cw_error_at(err, -EIO, path, 0, 0, "cannot be written: %s", strerror(errno));
	cw_buf_clear(&text);
	return r;
}

static int last_row(void *arg, const struct cw_fact *fact)
{
	struct dry_run *run = arg;

	run->rowno = CW_MAX(run->rowno, fact->rowno);
	return 0;
}

/* A new installation has no database yet: then there is nothing to copy. */
static int copy(struct dry_run *run, const char *from, struct cw_error *err)
{
	const struct cw_fact_filter all = { .since = CW_DAY_NONE };
	struct cw_store *store = NULL;
	int r = cw_store_open_reader(from, &store, err);

	if (r == -ENOENT)
		return 0;
	if (r == 0)
		r = cw_store_copy(store, run->state, err);
	cw_store_close(store);
	if (r < 0)
		return r;
	r = cw_store_open_reader(run->state, &store, err);
	if (r == 0)
		r = cw_store_facts(store, &all, last_row, run, err);
	if (r == 0)
		r = cw_store_last_seq(store, &run->seq, err);
	cw_store_close(store);
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

/* Its exit status, or -errno. */
static int run_daemon(struct dry_run *run, struct cw_error *err)
{
	CW_CLEANUP(cw_freep) char *file = path_of(run->directory, "councilwatch.conf");
	char path[4096];
	const char *arguments[] = { path, "-c", file, "--once", NULL };
	int status = 0;
	pid_t pid;

	daemon_path(path, sizeof(path));
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		int log = open(run->log, O_WRONLY | O_CREAT | O_TRUNC, 0600);

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
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_EXEC)
		return cw_error_set(err, -ENOENT, "cannot run %s", path);
	if (!WIFEXITED(status))
		return cw_error_set(err, -ECHILD, "%s was ended by signal %d", path, WTERMSIG(status));
	return WEXITSTATUS(status);
}

/* Why it failed, in the daemon's words. */
static void show_log(const struct dry_run *run, bool all)
{
	static const char *const telling[] = { "fetch.failed", "link.failed", "document.rejected", "link.refused",
		                               "config.mistake", "daemon.failed", "worker.died", NULL };
	FILE *file = fopen(run->log, "re");
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

static int take_fact(void *arg, const struct cw_fact *fact)
{
	struct dry_run *run = arg;
	const struct cw_evidence *e = &fact->evidence;
	const struct cw_council *council = cw_councils_by_id(run->cli->config->councils, e->council_id);
	char day[CW_WALL_TEXT];

	if (fact->rowno <= run->rowno || !cw_str_eq(fact->feed, run->feed))
		return 0;
	run->n_evidence++;
	if (run->cli->json)
		return json_array_append_new(run->evidence, cw_render_fact(fact));
	printf("%-10s  %-13s  ", e->event_day == CW_DAY_NONE ? "undated" : cw_day_format(e->event_day, day),
	       cw_kind_def(e->kind) ? cw_kind_def(e->kind)->name : "?");
	cw_out_str(stdout, council ? cw_str(council->short_name) : e->council_id);
	fputs(": ", stdout);
	cw_evidence_print_values(stdout, e);
	putchar('\n');
	cw_evidence_print_source(stdout, 4, fact);
	return 0;
}

static int take_alert(void *arg, uint64_t seq, const char *topic_council, const char *topic_level, const char *json,
                      size_t len)
{
	struct dry_run *run = arg;

	(void)seq;
	(void)topic_council;
	(void)topic_level;
	run->n_alerts++;
	if (run->cli->json)
		return json_array_append_new(run->alerts, json_loadb(json, len, 0, NULL));
	return cw_alert_print(stdout, run->cli->colour, json, len, NULL);
}

static int take_reject(void *arg, const struct cw_quarantine_entry *entry)
{
	const struct cw_reject *reject = &entry->reject;
	struct dry_run *run = arg;
	json_t *object;
	int failed = 0;

	if (!cw_str_eq(entry->feed, run->feed) || entry->last_seen.ms < run->started_at.ms)
		return 0;
	run->n_quarantine++;
	if (!run->cli->json) {
		printf("%s", cw_reason_name(reject->reason));
		if (reject->row)
			printf(", row %" PRIu64, reject->row);
		if (reject->field.len)
			fputs(", ", stdout);
		cw_out_str(stdout, reject->field);
		fputs(" '", stdout);
		cw_out_str(stdout, reject->text);
		fputs("': ", stdout);
		cw_out_str(stdout, reject->detail);
		putchar('\n');
		return 0;
	}
	object = json_object();
	cw_json_set(object, "reason", json_string(cw_reason_name(reject->reason)), &failed);
	cw_json_set(object, "row", json_integer((json_int_t)reject->row), &failed);
	cw_json_set(object, "field", cw_json_str(reject->field), &failed);
	cw_json_set(object, "text", cw_json_str(reject->text), &failed);
	cw_json_set(object, "detail", cw_json_str(reject->detail), &failed);
	return json_array_append_new(run->quarantine, object) < 0 ? -ENOMEM : failed;
}

static int show(struct dry_run *run, bool ok, struct cw_error *err)
{
	const struct cw_fact_filter all = { .since = CW_DAY_NONE };
	const char *headings[] = { "Evidence that would be new:", "\nWould be in quarantine:", "\nAlerts that would be given:" };
	struct cw_store *store = NULL;
	bool text = !run->cli->json;
	int r = cw_store_open_reader(run->state, &store, err);

	if (r == 0) {
		if (text)
			puts(headings[0]);
		r = cw_store_facts(store, &all, take_fact, run, err);
	}
	if (r == 0) {
		if (text)
			puts(headings[1]);
		r = cw_store_quarantine(store, take_reject, run, err);
	}
	if (r == 0) {
		if (text)
			puts(headings[2]);
		r = cw_store_alerts(store, run->seq, 0, UINT64_MAX, take_alert, run, err);
	}
	cw_store_close(store);
	if (r < 0)
		return r;
	if (text) {
		printf("\n%s: %s; %" PRIu64 " evidence, %" PRIu64 " quarantined, %" PRIu64 " alerts; nothing was kept\n", run->feed,
		       ok ? "well" : "failed", run->n_evidence, run->n_quarantine, run->n_alerts);
		return 0;
	}
	return cw_out_json(stdout, json_pack("{s:s, s:b, s:O, s:O, s:O}", "feed", run->feed, "ok", (int)ok, "evidence",
	                                     run->evidence, "quarantine", run->quarantine, "alerts", run->alerts));
}

static int dry_run(struct dry_run *run, unsigned links, struct cw_error *err)
{
	CW_CLEANUP(cw_freep) char *from = strdup(run->cli->config->state_dir);
	const char *tmp = getenv("TMPDIR");
	int r, status;

	/* The path of a socket may not be long. */
	if (!tmp || tmp[0] != '/' || strlen(tmp) > 60)
		tmp = "/tmp";
	run->directory = path_of(tmp, "councilwatch.XXXXXX");
	if (!from || !run->directory)
		return cw_error_nomem(err);
	if (!mkdtemp(run->directory)) {
		r = cw_error_at(err, -errno, run->directory, 0, 0, "cannot make the directory: %s", strerror(errno));
		free(run->directory);
		run->directory = NULL;
		return r;
	}
	run->state = path_of(run->directory, "state");
	run->log = path_of(run->directory, "log");
	if (!run->state || !run->log)
		return cw_error_nomem(err);
	if (mkdir(run->state, 0700) < 0)
		return cw_error_at(err, -errno, run->state, 0, 0, "cannot make the directory: %s", strerror(errno));
	r = copy(run, from, err);
	if (r == 0)
		r = configure(run, links, err);
	if (r < 0)
		return r;
	run->started_at = cw_wall_now();
	status = run_daemon(run, err);
	if (status < 0)
		return status;
	if (status != CW_EXIT_DONE && status != CW_EXIT_NO) {
		show_log(run, true);
		return cw_error_set(err, -EINVAL, "the daemon of the dry run could not run");
	}
	r = show(run, status == CW_EXIT_DONE, err);
	if (status != CW_EXIT_DONE)
		show_log(run, false);
	return r < 0 ? r : status;
}

int cw_dry_run(struct cw_cli *cli, const struct cw_feed *feed, unsigned links)
{
	struct dry_run run = { .cli = cli, .feed = feed->name };
	struct cw_error err = { 0 };
	int r = -ENOMEM;

	run.evidence = json_array();
	run.alerts = json_array();
	run.quarantine = json_array();
	if (run.evidence && run.alerts && run.quarantine)
		r = dry_run(&run, links, &err);
	else
		cw_error_nomem(&err);
	if (run.directory && nftw(run.directory, remove_one, 16, FTW_DEPTH | FTW_PHYS) < 0)
		(void)cw_cli_fail(0, "cannot remove %s", run.directory);
	json_decref(run.evidence);
	json_decref(run.alerts);
	json_decref(run.quarantine);
	free(run.directory);
	free(run.state);
	free(run.log);
	return r < 0 ? cw_cli_fail_error(CW_EXIT_NO, &err, "no dry run") : r;
}
