/*
 * councilwatch submit: hands documents to the daemon as another program would, and prints what it has to show for them.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <councilwatch/limits.h>

#include "command.h"
#include "output.h"
#include "submit.h"

const struct cw_option cw_submit_options[] = {
	{ "feed", "FEED", "the feed that the documents are for", 0 },
	{ "client-id", "ID", "who hands them in: the same content of the same client is taken once", 0 },
	{ "content-type", "TYPE", "what they are, such as text/csv", 0 },
	{ "wait", NULL, "until each is committed, and tell what became of it", 0 },
	{ NULL },
};

struct submission {
	const struct cw_cli *cli;
	const struct cw_feed *feed;
	struct cw_submitter *submitter;
	struct cw_buf bytes;
	bool failed;
	struct cw_json_array array;
};

static int read_file(const char *path, struct cw_buf *out, struct cw_error *err)
{
	int fd = strcmp(path, "-") ? open(path, O_RDONLY | O_CLOEXEC) : STDIN_FILENO, r = 0;
	char piece[65536];
	ssize_t n;

	cw_buf_reset(out);
	if (fd < 0)
		return cw_error_set(err, -errno, "cannot be read: %s", strerror(errno));
	while (r == 0 && (n = read(fd, piece, sizeof(piece))) != 0) {
		if (n < 0)
			r = errno == EINTR ? 0 : cw_error_set(err, -errno, "cannot be read: %s", strerror(errno));
		else if (cw_buf_append(out, piece, (size_t)n) < 0)
			r = cw_error_set(err, -EFBIG,
			                 "is larger than a submission may be (%u bytes): use 'councilwatch import', or a drop folder",
			                 CW_SUBMIT_MAX);
	}
	if (fd > STDIN_FILENO)
		close(fd);
	return r;
}

static void print_outcome(const json_t *state)
{
	const char *name;
	json_t *count;

	if (strcmp(cw_json_get_text(state, "state", ""), "committed")) {
		printf("  rejected, %s", cw_json_get_text(state, "reason", "?"));
		if (cw_json_get_text(state, "detail", "")[0]) {
			fputs(": ", stdout);
			cw_out_text(stdout, cw_json_get_text(state, "detail", ""));
		}
		printf("\n  what to do: %s\n", cw_json_get_text(state, "mend", ""));
		return;
	}
	printf("  committed: %" PRId64 " rows, %" PRId64 " evidence, %" PRId64 " new, %" PRId64 " quarantined, %" PRId64 " alerts",
	       cw_json_get_integer(state, "rows", 0), cw_json_get_integer(state, "evidence", 0),
	       cw_json_get_integer(state, "new_evidence", 0), cw_json_get_integer(state, "quarantined", 0),
	       cw_json_get_integer(state, "alerts", 0));
	json_object_foreach(json_object_get(state, "reasons"), name, count)
	{
		fputs(", ", stdout);
		cw_out_text(stdout, name);
		printf(" %" PRId64, (int64_t)json_integer_value(count));
	}
	putchar('\n');
}

static void tell(struct submission *submission, const char *path, json_t *receipt, json_t *state, const struct cw_error *err)
{
	json_t *object;

	if (submission->cli->json) {
		object = receipt ? json_copy(receipt) : json_object();
		json_object_del(object, "id");
		if (state) {
			json_object_update(object, state);
			json_object_del(object, "id");
		}
		json_object_set_new(object, "file", cw_json_str(cw_str(path)));
		if (err)
			json_object_set_new(object, "error", cw_json_str(cw_str(err->text)));
		cw_json_array_item(&submission->array, object);
		return;
	}
	if (err) {
		fflush(stdout);
		cw_cli_fail(0, "'%s' %s", path, err->text);
		return;
	}
	printf("%s  document %" PRId64 ", accepted %s%s: ", cw_json_get_text(receipt, "receipt", "?"),
	       cw_json_get_integer(receipt, "document", 0), cw_json_get_text(receipt, "accepted_at", "?"),
	       cw_json_get_bool(receipt, "duplicate", false) ? " (submitted before)" : "");
	cw_out_text(stdout, path);
	putchar('\n');
	if (state)
		print_outcome(state);
}

static void submit_one(struct submission *submission, const char *path)
{
	const struct cw_cli *cli = submission->cli;
	const char *client = cw_cli_option(cli, "client-id"), *type = cw_cli_option(cli, "content-type");
	const char *slash = strrchr(path, '/');
	json_t *header, *receipt = NULL, *state = NULL;
	struct cw_error err = { 0 };
	struct cw_buf name;
	int r;

	cw_buf_init(&name, 4096);
	(void)cw_text_escape(cw_str(!strcmp(path, "-") ? "stdin" : slash ? slash + 1 : path), &name);
	r = read_file(path, &submission->bytes, &err);
	if (r == 0) {
		header = json_pack("{s:s, s:s%}", "feed", submission->feed->name, "name", cw_buf_str(&name),
		                   cw_str_cut(cw_str(cw_buf_str(&name)), CW_SUBMIT_NAME_MAX).len);
		if (header && client)
			json_object_set_new(header, "client_id", cw_json_str(cw_str(client)));
		if (header && type)
			json_object_set_new(header, "content_type", cw_json_str(cw_str(type)));
		r = cw_submitter_send(submission->submitter, header, submission->bytes.data, submission->bytes.len, &receipt,
		                      &err);
		if (r < 0)
			cw_error_prefix(&err, "was not accepted");
	}
	if (r == 0 && cw_cli_option(cli, "wait"))
		r = cw_submitter_wait(submission->submitter, cw_json_get_text(receipt, "receipt", ""), &state, &err);
	submission->failed |= r < 0 || (state && strcmp(cw_json_get_text(state, "state", ""), "committed"));
	tell(submission, path, receipt, state, r < 0 ? &err : NULL);
	json_decref(receipt);
	json_decref(state);
	cw_buf_clear(&name);
}

static int find_feed(struct submission *submission)
{
	const struct cw_config *config = submission->cli->config;
	const char *name = cw_cli_option(submission->cli, "feed"), *near;
	const char **names;

	if (!name)
		return cw_cli_fail(CW_EXIT_USAGE, "--feed FEED is needed: it says how the documents are read");
	submission->feed = cw_config_feed(config, cw_str(name));
	if (submission->feed)
		return 0;
	names = calloc(config->n_feeds + 1, sizeof(*names));
	for (size_t i = 0; names && i < config->n_feeds; i++)
		names[i] = config->feeds[i].name;
	near = names ? cw_nearest(name, names) : NULL;
	cw_cli_fail(0, "no feed is called '%s'%s%s%s", name,
	            near ? "; did you mean '" : "; 'councilwatch status' lists them", near ? near : "", near ? "'?" : "");
	free(names);
	return CW_EXIT_USAGE;
}

int cw_cmd_submit(struct cw_cli *cli)
{
	struct submission submission = { .cli = cli };
	struct cw_error err = { 0 };
	bool stdin_used = false;
	int status = find_feed(&submission);

	for (int i = 0; i < cli->n_arguments && !status; i++) {
		if (!strcmp(cli->arguments[i], "-") && stdin_used)
			status = cw_cli_fail(CW_EXIT_USAGE, "'-' is standard input, which can be read only once");
		stdin_used |= !strcmp(cli->arguments[i], "-");
	}
	if (status)
		return status;
	if (cw_submitter_new(cli, &submission.submitter, &err) < 0) {
		cw_cli_fail_error(0, &err, "councilwatchd is needed and does not answer");
		return cw_cli_fail(CW_EXIT_NO, "%s", cw_submit_how_to_start);
	}
	cw_buf_init(&submission.bytes, CW_SUBMIT_MAX);
	if (cli->json)
		cw_json_array_begin(&submission.array, stdout);
	for (int i = 0; i < cli->n_arguments; i++)
		submit_one(&submission, cli->arguments[i]);
	status = submission.failed ? CW_EXIT_NO : CW_EXIT_DONE;
	if (cli->json && cw_json_array_end(&submission.array) < 0)
		status = cw_cli_fail(CW_EXIT_NO, "out of memory");
	cw_buf_clear(&submission.bytes);
	cw_submitter_free(submission.submitter);
	return status;
}
