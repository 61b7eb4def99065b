/*
 * councilwatch status: what the daemon says of itself, and what the database knows.
 *
 * Without a daemon it says so, shows the rest, and exits 1.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include <councilwatch/serve.h>

#include "command.h"
#include "control.h"
#include "output.h"

#define ANSWER_MS 2000

/* Gathered as JSON whichever way it is shown: most of it arrives so. */
struct status {
	const struct cw_cli *cli;
	json_t *answer;  /* the object of --json */
	json_t *reasons; /* borrowed from it: why this is not healthy */
	json_t *feeds;   /* likewise */
	uint64_t quarantined;
	uint64_t by_reason[CW_REASON_COUNT];
	int failed;
};

static void CW_PRINTF(2, 3) add_reason(struct status *status, const char *fmt, ...)
{
	va_list args;
	char *text;
	int n;

	va_start(args, fmt);
	n = vasprintf(&text, fmt, args);
	va_end(args);
	if (n < 0 || json_array_append_new(status->reasons, cw_json_str(cw_str(text))) < 0)
		status->failed = -ENOMEM;
	if (n >= 0)
		free(text);
}

static int ask_daemon(const struct cw_cli *cli, json_t **ret, struct cw_error *err)
{
	struct cw_control *control = NULL;
	struct cw_loop *loop = NULL;
	struct cw_bus *bus = NULL;
	json_t *answer = NULL, *status;
	int r;

	r = cw_control_probe(cli->config->endpoint_control, err);
	if (r < 0)
		return r;
	r = cw_client_bus_new(cli->config, &bus, err);
	if (r >= 0)
		r = cw_loop_new(&loop, err);
	if (r >= 0)
		r = cw_control_new(bus, loop, cli->config->endpoint_control, &control, err);
	if (r >= 0)
		r = cw_control_call(control, json_pack("{s:s}", "op", "status"), NULL, 0, ANSWER_MS, &answer, err);
	if (r >= 0) {
		status = json_object_get(answer, "status");
		if (!cw_json_get_bool(answer, "ok", false) || !json_is_object(status))
			r = cw_error_set(err, -EBADMSG, "%s",
			                 cw_json_get_text(answer, "error", "no status in the answer"));
		else
			*ret = json_incref(status);
	}
	json_decref(answer);
	cw_control_free(control);
	cw_loop_free(loop);
	cw_bus_free(bus);
	return r;
}

/* The entry of a feed, made when the daemon did not speak of it. */
static json_t *feed_entry(struct status *status, struct cw_str name)
{
	json_t *feed;
	size_t i;

	json_array_foreach(status->feeds, i, feed) if (cw_str_eq(name, cw_json_get_text(feed, "feed", ""))) return feed;

	feed = json_object();
	cw_json_set(feed, "feed", cw_json_str(name), &status->failed);
	if (json_array_append_new(status->feeds, feed) < 0) {
		status->failed = -ENOMEM;
		return NULL;
	}
	return feed;
}

static void set_if_absent(json_t *object, const char *name, json_t *value, int *failed)
{
	if (json_object_get(object, name))
		json_decref(value);
	else
		cw_json_set(object, name, value, failed);
}

static int add_counts(void *arg, const struct cw_feed_counts *counts)
{
	struct status *status = arg;
	json_t *feed = feed_entry(status, counts->feed), *reasons = json_object();
	int *failed = &status->failed;

	for (int reason = 1; reason < CW_REASON_COUNT; reason++) {
		if (!counts->reasons[reason])
			continue;
		cw_json_set(reasons, cw_reason_name((enum cw_reason)reason),
		            json_integer((json_int_t)counts->reasons[reason]), failed);
	}
	cw_json_set(feed, "documents", json_integer((json_int_t)counts->documents), failed);
	cw_json_set(feed, "rows", json_integer((json_int_t)counts->rows), failed);
	cw_json_set(feed, "evidence", json_integer((json_int_t)counts->evidence), failed);
	cw_json_set(feed, "quarantined", json_integer((json_int_t)counts->quarantined), failed);
	cw_json_set(feed, "reasons", reasons, failed);
	cw_json_set(feed, "last_fetched", cw_json_wall(counts->last_fetched), failed);
	/* The daemon's own word on these is newer. */
	set_if_absent(feed, "polled", json_boolean(counts->polled), failed);
	set_if_absent(feed, "last_success", cw_json_wall(counts->last_success), failed);
	set_if_absent(feed, "outage_since", cw_json_wall(counts->outage_since), failed);
	return *failed;
}

/* What "quarantine list" shows: one for each different row or document, in however many documents it came. */
static int add_entry(void *arg, const struct cw_quarantine_entry *entry)
{
	struct status *status = arg;

	if (cw_wall_known(entry->dropped_at))
		return 0;
	status->quarantined++;
	if (entry->reject.reason > 0 && entry->reject.reason < CW_REASON_COUNT)
		status->by_reason[entry->reject.reason]++;
	return 0;
}

static void add_store(struct status *status)
{
	CW_CLEANUP(cw_cli_store_close) struct cw_store *store = NULL;
	const struct cw_cli *cli = status->cli;
	struct cw_error err = { 0 };
	uint64_t last_seq = 0;
	char text[CW_ERROR_SOURCE_MAX + CW_ERROR_TEXT_MAX];
	int r;

	r = cw_store_open_reader(cli->config->state_dir, &store, &err);
	if (r >= 0)
		r = cw_store_read_begin(store, &err);
	if (r >= 0)
		r = cw_store_feed_counts(store, add_counts, status, &err);
	if (r >= 0)
		r = cw_store_quarantine(store, add_entry, status, &err);
	if (r >= 0)
		r = cw_store_last_seq(store, &last_seq, &err);
	/* A new installation has nothing stored, which is no fault. */
	if (r < 0 && r != -ENOENT)
		add_reason(status, "the database cannot be read: %s", cw_error_format(&err, text, sizeof(text)));
	cw_json_set(status->answer, "last_seq", r < 0 ? json_null() : json_integer((json_int_t)last_seq),
	            &status->failed);
}

static void judge_process(struct status *status, const json_t *process)
{
	const char *state = cw_json_get_text(process, "state", "unknown");
	static const char *const up[] = { "ready", "starting", "stopping" };

	for (size_t i = 0; i < CW_ARRAY_LEN(up); i++)
		if (!strcmp(state, up[i]))
			return;
	add_reason(status, "process %s %lld is down (%s)", cw_json_get_text(process, "role", "?"),
	           (long long)cw_json_get_integer(process, "index", 0), state);
}

/* Nobody can hand anything in there, and nobody is told. */
static bool folder_broken(const json_t *feed)
{
	return cw_json_get_text(feed, "path", NULL) && cw_json_get_bool(feed, "enabled", false) &&
	       cw_json_get_integer(feed, "failures", 0) > 0;
}

#define STUCK_MS (15 * 60 * 1000)

static void judge(struct status *status)
{
	json_t *item;
	size_t i;
	int64_t poison, lag;

	json_array_foreach(json_object_get(status->answer, "processes"), i, item) judge_process(status, item);

	json_array_foreach(status->feeds, i, item)
	{
		const char *name = cw_json_get_text(item, "feed", ""),
		           *since = cw_json_get_text(item, "outage_since", NULL);
		const struct cw_feed *feed = cw_config_feed(status->cli->config, cw_str(name));

		/* Whatever else is well: a source that is not heard is not calm. One that was switched off is missed by nobody. */
		if (feed && feed->enabled && since)
			add_reason(status, "%sfeed %s is in an outage since %s: %s", feed->required ? "required " : "", name, since,
			           cw_json_get_text(item, "detail", "no success for too long"));
		if (folder_broken(item))
			add_reason(status, "feed %s: %s", name, cw_json_get_text(item, "detail", "its folder cannot be used"));
	}

	/* Every document is committed, rejected or set aside within minutes; one that waits longer is stuck. */
	lag = cw_json_get_integer(status->answer, "lag_ms", 0);
	if (lag > STUCK_MS)
		add_reason(status, "the oldest document has waited for %lld minutes", (long long)lag / 60000);

	poison = cw_json_get_integer(status->answer, "poison", 0);
	if (poison > 0)
		add_reason(status, "%lld document%s set aside because workers died over %s", (long long)poison,
		           poison == 1 ? " was" : "s were", poison == 1 ? "it" : "them");
}

static void add_quarantine(struct status *status)
{
	json_t *object = json_object(), *reasons = json_object();

	for (int reason = 1; reason < CW_REASON_COUNT; reason++)
		if (status->by_reason[reason])
			cw_json_set(reasons, cw_reason_name((enum cw_reason)reason),
			            json_integer((json_int_t)status->by_reason[reason]), &status->failed);
	cw_json_set(object, "total", json_integer((json_int_t)status->quarantined), &status->failed);
	cw_json_set(object, "reasons", reasons, &status->failed);
	cw_json_set(status->answer, "quarantine", object, &status->failed);
}

static const char *text_or(const json_t *object, const char *name)
{
	return cw_json_get_text(object, name, "-");
}

static void print_processes(const struct cw_cli *cli, const json_t *processes)
{
	static const struct cw_column columns[] = {
		{ "PROCESS", false }, { "PID", true }, { "STATE", false }, { "RESTARTS", true }, { "DOCUMENTS", true }
	};
	struct cw_table table;
	json_t *process;
	size_t i;

	if (!json_array_size(processes))
		return;
	putchar('\n');
	cw_table_init(&table, columns, CW_ARRAY_LEN(columns));
	json_array_foreach(processes, i, process)
	{
		cw_table_addf(&table, "%s %lld", text_or(process, "role"),
		              (long long)cw_json_get_integer(process, "index", 0));
		cw_table_addf(&table, "%lld", (long long)cw_json_get_integer(process, "pid", 0));
		cw_table_add(&table, text_or(process, "state"));
		cw_table_addf(&table, "%lld", (long long)cw_json_get_integer(process, "restarts", 0));
		cw_table_addf(&table, "%lld", (long long)cw_json_get_integer(process, "documents", 0));
	}
	cw_table_print(&table, 0, cli->colour, stdout);
	cw_table_clear(&table);
}

static const char *feed_state(const json_t *feed, bool daemon)
{
	if (cw_json_get_text(feed, "outage_since", NULL))
		return "outage";
	if (!daemon)
		return "-";
	if (!cw_json_get_bool(feed, "enabled", true))
		return "off";
	if (cw_json_get_text(feed, "path", NULL))
		return folder_broken(feed) ? "failing" : "watching";
	if (!cw_json_get_bool(feed, "polled", false))
		return cw_json_get_bool(feed, "submissions", false) ? "handed in" : "imports only";
	if (cw_json_get_bool(feed, "overdue", false))
		return "overdue";
	if (cw_json_get_integer(feed, "failures", 0) > 0)
		return "failing";
	return "good";
}

static void print_feeds(const struct cw_cli *cli, const json_t *feeds, bool daemon)
{
	static const struct cw_column columns[] = { { "FEED", false },         { "STATE", false },
		                                    { "LAST SUCCESS", false }, { "NEXT DUE", false },
		                                    { "FAILURES", true },      { "DOCUMENTS", true },
		                                    { "EVIDENCE", true },      { "QUARANTINED", true },
		                                    { "DETAIL", false } };
	struct cw_table table;
	json_t *feed;
	size_t i;

	if (!json_array_size(feeds))
		return;
	putchar('\n');
	cw_table_init(&table, columns, CW_ARRAY_LEN(columns));
	json_array_foreach(feeds, i, feed)
	{
		const char *state = feed_state(feed, daemon);

		cw_table_add(&table, text_or(feed, "feed"));
		cw_table_add_coloured(&table, state, !strcmp(state, "outage") ? "\033[1;31m" : NULL);
		cw_table_add(&table, text_or(feed, "last_success"));
		cw_table_add(&table, text_or(feed, "next_due"));
		cw_table_addf(&table, "%lld", (long long)cw_json_get_integer(feed, "failures", 0));
		cw_table_addf(&table, "%lld", (long long)cw_json_get_integer(feed, "documents", 0));
		cw_table_addf(&table, "%lld", (long long)cw_json_get_integer(feed, "evidence", 0));
		cw_table_addf(&table, "%lld", (long long)cw_json_get_integer(feed, "quarantined", 0));
		cw_table_add(&table, cw_json_get_text(feed, "detail", ""));
	}
	cw_table_print(&table, 0, cli->colour, stdout);
	cw_table_clear(&table);
}

/* How far the feeds that lead over pages to others have come. */
static void print_steps(const struct cw_cli *cli, const json_t *feeds)
{
	static const struct cw_column columns[] = { { "FEED", false },   { "STEP", false },   { "LINKS", true },
		                                    { "FETCHED", true }, { "FAILING", true }, { "WAITING", true },
		                                    { "DETAIL", false } };
	struct cw_table table;
	json_t *feed, *step;
	size_t i, k, n = 0;

	cw_table_init(&table, columns, CW_ARRAY_LEN(columns));
	json_array_foreach(feeds, i, feed)
	{
		json_array_foreach(json_object_get(feed, "steps"), k, step)
		{
			const char *url = cw_json_get_text(step, "failing_url", NULL);

			n++;
			cw_table_add(&table, text_or(feed, "feed"));
			cw_table_add(&table, cw_json_get_text(step, "step", "(pages)"));
			cw_table_addf(&table, "%lld", (long long)cw_json_get_integer(step, "links", 0));
			cw_table_addf(&table, "%lld", (long long)cw_json_get_integer(step, "fetched", 0));
			cw_table_addf(&table, "%lld", (long long)cw_json_get_integer(step, "failing", 0));
			cw_table_addf(&table, "%lld", (long long)cw_json_get_integer(step, "waiting", 0));
			if (url)
				cw_table_addf(&table, "%s %s: %s", text_or(step, "failing_outcome"), url,
				              cw_json_get_text(step, "failing_detail", ""));
			else
				cw_table_add(&table, "");
		}
	}
	if (n) {
		putchar('\n');
		cw_table_print(&table, 0, cli->colour, stdout);
	}
	cw_table_clear(&table);
}

/* Who was turned away, since the daemon started. */
static void print_refused(const json_t *answer)
{
	const json_t *door, *count;
	const char *why;
	size_t i, n = 0;

	json_array_foreach(json_object_get(answer, "refused"), i, door)
	{
		json_object_foreach((json_t *)door, why, count)
		{
			if (json_integer_value(count) > 0)
				printf("%s%s %s %lld", n++ ? ", " : "\nRefused connections: ", text_or(door, "endpoint"), why,
				       (long long)json_integer_value(count));
		}
	}
	if (n)
		puts(".");
	if (cw_json_get_integer(answer, "bad_workers", 0) > 0)
		printf("\nWorkers that were silent or sent what they may not: %lld.\n",
		       (long long)cw_json_get_integer(answer, "bad_workers", 0));
}

/* Normalisers of other machines. */
static void print_remote(const struct cw_cli *cli, const json_t *list)
{
	static const struct cw_column columns[] = { { "NORMALISER OF", false }, { "ADDRESS", false }, { "DOCUMENTS", true } };
	struct cw_table table;
	json_t *each;
	size_t i;

	if (!json_array_size(list))
		return;
	putchar('\n');
	cw_table_init(&table, columns, CW_ARRAY_LEN(columns));
	json_array_foreach(list, i, each)
	{
		cw_table_add(&table, text_or(each, "key"));
		cw_table_add(&table, text_or(each, "address"));
		cw_table_addf(&table, "%lld", (long long)cw_json_get_integer(each, "documents", 0));
	}
	cw_table_print(&table, 0, cli->colour, stdout);
	cw_table_clear(&table);
}

static void print_status(const struct status *status, bool daemon, const struct cw_error *why)
{
	const json_t *answer = status->answer, *backlog = json_object_get(answer, "backlog");
	char text[CW_ERROR_SOURCE_MAX + CW_ERROR_TEXT_MAX];
	const json_t *reason;
	size_t i;

	if (daemon) {
		printf("councilwatchd %s runs as process %lld since %s; fetching is %s.\n", text_or(answer, "version"),
		       (long long)cw_json_get_integer(answer, "pid", 0), text_or(answer, "started_at"),
		       cw_json_get_bool(answer, "fetching", false) ? "on" : "off");
		printf("Backlog: %lld documents, %lld bytes, %lld in hand",
		       (long long)cw_json_get_integer(backlog, "documents", 0),
		       (long long)cw_json_get_integer(backlog, "bytes", 0),
		       (long long)cw_json_get_integer(backlog, "in_flight", 0));
		if (cw_json_get_text(backlog, "oldest", NULL))
			printf(", the oldest since %s", text_or(backlog, "oldest"));
		if (json_is_integer(json_object_get(answer, "lag_ms")))
			printf("; lag %lld ms", (long long)cw_json_get_integer(answer, "lag_ms", 0));
		puts(".");
	} else {
		printf("councilwatchd does not answer: ");
		cw_out_text(stdout, cw_error_format(why, text, sizeof(text)));
		puts(".\nThis is what the database knows.");
	}
	print_processes(status->cli, json_object_get(answer, "processes"));
	print_remote(status->cli, json_object_get(answer, "remote_normalisers"));
	print_feeds(status->cli, status->feeds, daemon);
	print_steps(status->cli, status->feeds);

	print_refused(answer);

	printf("\nQuarantine: %" PRIu64, status->quarantined);
	for (int r = 1, any = 0; r < CW_REASON_COUNT; r++)
		if (status->by_reason[r])
			printf("%s%s %" PRIu64, any++ ? ", " : " (", cw_reason_name((enum cw_reason)r),
			       status->by_reason[r]);
	for (int r = 1; r < CW_REASON_COUNT; r++)
		if (status->by_reason[r]) {
			putchar(')');
			break;
		}
	printf(". Alerts: %lld.\n", (long long)cw_json_get_integer(answer, "last_seq", 0));

	if (!json_array_size(status->reasons)) {
		puts("Healthy.");
		return;
	}
	puts("Not healthy:");
	json_array_foreach(status->reasons, i, reason)
	{
		fputs("  - ", stdout);
		cw_out_text(stdout, json_string_value(reason));
		putchar('\n');
	}
}

int cw_cmd_status(struct cw_cli *cli)
{
	struct status status = { .cli = cli };
	char text[CW_ERROR_SOURCE_MAX + CW_ERROR_TEXT_MAX];
	struct cw_error why = { 0 };
	json_t *daemon = NULL;
	size_t reasons;
	int r;

	r = ask_daemon(cli, &daemon, &why);
	status.answer = r < 0 ? json_object() : json_deep_copy(daemon);
	json_decref(daemon);
	status.reasons = json_array();
	cw_json_set(status.answer, "running", json_boolean(r >= 0), &status.failed);
	cw_json_set(status.answer, "reasons", status.reasons, &status.failed);
	if (!json_is_array(json_object_get(status.answer, "feeds")))
		cw_json_set(status.answer, "feeds", json_array(), &status.failed);
	status.feeds = json_object_get(status.answer, "feeds");

	if (r < 0)
		add_reason(&status, "councilwatchd does not answer: %s", cw_error_format(&why, text, sizeof(text)));
	add_store(&status);
	add_quarantine(&status);
	judge(&status);
	reasons = json_array_size(status.reasons);
	cw_json_set(status.answer, "healthy", json_boolean(!reasons), &status.failed);

	if (!status.failed && cli->json)
		status.failed = cw_out_json(stdout, json_incref(status.answer));
	else if (!status.failed)
		print_status(&status, r >= 0, &why);
	json_decref(status.answer);
	if (status.failed)
		return cw_cli_fail(CW_EXIT_NO, "out of memory");
	return reasons ? CW_EXIT_NO : CW_EXIT_DONE;
}
