/*
 * councilwatch check --storage, backup, restore: the databases as files.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include <councilwatch/storage.h>

#include "command.h"
#include "output.h"
#include "record.h"

struct report {
	const struct cw_cli *cli;
	bool progress; /* a line on the terminal */
	json_t *findings;
	int failed;
};

static void clear_progress(const struct report *report)
{
	if (report->progress)
		fputs("\r\033[K", stderr);
}

static void take_progress(void *arg, const char *database, uint64_t done, uint64_t of)
{
	const struct report *report = arg;

	if (!report->progress || (of && done % 64 && done != of))
		return;
	clear_progress(report);
	if (of)
		fprintf(stderr, "%s: %" PRIu64 " of %" PRIu64, database, done, of);
	else
		fprintf(stderr, "%s …", database);
	fflush(stderr);
}

static void take_finding(void *arg, const struct cw_storage_finding *finding)
{
	struct report *report = arg;
	json_t *object;

	clear_progress(report);
	if (!report->cli->json) {
		if (finding->database[0])
			printf("%s: ", finding->database);
		cw_out_text(stdout, finding->what);
		putchar('\n');
		if (finding->mend[0])
			printf("    %s\n", finding->mend);
		return;
	}
	object = json_object();
	cw_json_set(object, "database", finding->database[0] ? json_string(finding->database) : json_null(), &report->failed);
	cw_json_set(object, "damage", json_boolean(finding->damage), &report->failed);
	cw_json_set(object, "what", cw_json_str(cw_str(finding->what)), &report->failed);
	cw_json_set(object, "mend", finding->mend[0] ? json_string(finding->mend) : json_null(), &report->failed);
	if (json_array_append_new(report->findings, object) < 0)
		report->failed = -ENOMEM;
}

static int conclude(struct report *report, int damages)
{
	const char *state_dir = report->cli->config->state_dir;
	json_t *object;

	if (!report->cli->json) {
		if (damages)
			printf("%s: %d damage%s\n", state_dir, damages, damages == 1 ? "" : "s");
		else
			printf("%s: whole\n", state_dir);
		return damages ? CW_EXIT_NO : CW_EXIT_DONE;
	}
	object = json_object();
	cw_json_set(object, "ok", json_boolean(!damages), &report->failed);
	cw_json_set(object, "state_dir", cw_json_str(cw_str(state_dir)), &report->failed);
	cw_json_set(object, "findings", json_incref(report->findings), &report->failed);
	if (cw_out_json(stdout, object) < 0 || report->failed)
		return cw_cli_fail(CW_EXIT_NO, "out of memory");
	return damages ? CW_EXIT_NO : CW_EXIT_DONE;
}

int cw_storage_report(struct cw_cli *cli)
{
	struct report report = { .cli = cli, .progress = isatty(STDERR_FILENO) == 1, .findings = json_array() };
	const struct cw_storage_watcher watcher = { take_finding, take_progress, &report };
	struct cw_error err = { 0 };
	int damages, status = cw_cli_configure(cli);

	if (!report.findings)
		return cw_cli_fail(CW_EXIT_NO, "out of memory");
	if (status == CW_EXIT_DONE) {
		damages = cw_storage_check(cli->config->state_dir, &watcher, &err);
		clear_progress(&report);
		status = damages < 0 ? cw_cli_fail_error(CW_EXIT_NO, &err, "the databases cannot be checked")
		                     : conclude(&report, damages);
	}
	json_decref(report.findings);
	return status;
}

int cw_cmd_backup(struct cw_cli *cli)
{
	struct report report = { .cli = cli, .progress = isatty(STDERR_FILENO) == 1 };
	const struct cw_storage_watcher watcher = { NULL, take_progress, &report };
	const char *folder = cli->arguments[0];
	struct cw_error err = { 0 };
	int r;

	/* It takes everything with it. */
	if (cw_record_begin(cli) != 0)
		return CW_EXIT_NO;
	r = cw_storage_backup(cli->config->state_dir, folder, &watcher, &err);
	clear_progress(&report);
	if (r < 0)
		return cw_cli_fail_error(CW_EXIT_NO, &err, "no backup was made");
	printf("%s is a whole copy of %s.\n", folder, cli->config->state_dir);
	return CW_EXIT_DONE;
}

int cw_cmd_restore(struct cw_cli *cli)
{
	struct cw_error err = { 0 };
	int r = cw_storage_restore(cli->arguments[0], cli->config->state_dir, &err);

	if (r < 0)
		return cw_cli_fail_error(CW_EXIT_NO, &err, "nothing was restored");
	printf("%s has what %s had. What was there before stands in %s/before-restore-*.\nStart councilwatchd; it fetches what came since.\n",
	       cli->config->state_dir, cli->arguments[0], cli->config->state_dir);
	return CW_EXIT_DONE;
}
