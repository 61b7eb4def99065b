/*
 * councilwatch quarantine: rows and documents that could not be used, with the reason and the mend.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "command.h"
#include "output.h"

const struct cw_option cw_quarantine_options[] = {
	{ "feed", "FEED", "only of this feed", 0 },
	{ NULL },
};

struct listing {
	const struct cw_cli *cli;
	const char *feed; /* NULL = all */
	uint64_t id;      /* the one to show; 0 = list */
	uint64_t found;
	uint64_t reasons[CW_REASON_COUNT];
	struct cw_json_array array;
};

static json_t *entry_json(const struct cw_quarantine_entry *entry)
{
	json_t *object = json_object();
	char document[sizeof("sha256:") + CW_SHA256_HEX];
	int failed = 0;

	snprintf(document, sizeof(document), "sha256:%s", entry->document);
	cw_json_set(object, "id", json_integer((json_int_t)entry->id), &failed);
	cw_json_set(object, "feed", cw_json_str(entry->feed), &failed);
	cw_json_set(object, "document", json_string(document), &failed);
	cw_json_set(object, "row", entry->reject.row ? json_integer((json_int_t)entry->reject.row) : json_null(),
	            &failed);
	cw_json_set(object, "reason", json_string(cw_reason_name(entry->reject.reason)), &failed);
	cw_json_set(object, "field", cw_json_str(entry->reject.field), &failed);
	cw_json_set(object, "text", cw_json_str(entry->reject.text), &failed);
	cw_json_set(object, "detail", cw_json_str(entry->reject.detail), &failed);
	cw_json_set(object, "mend", json_string(cw_reason_mend(entry->reject.reason)), &failed);
	cw_json_set(object, "times", json_integer((json_int_t)entry->times), &failed);
	cw_json_set(object, "first_seen", cw_json_wall(entry->first_seen), &failed);
	cw_json_set(object, "last_seen", cw_json_wall(entry->last_seen), &failed);
	if (failed) {
		json_decref(object);
		return NULL;
	}
	return object;
}

static void print_entry(const struct cw_quarantine_entry *entry)
{
	const struct cw_reject *reject = &entry->reject;

	printf("%-6" PRIu64 " ", entry->id);
	cw_out_str(stdout, entry->feed);
	if (reject->row)
		printf(" row %" PRIu64, reject->row);
	else
		fputs(" document", stdout);
	printf(": %s", cw_reason_name(reject->reason));
	if (reject->field.len) {
		fputs(", ", stdout);
		cw_out_str(stdout, reject->field);
	}
	if (reject->text.len) {
		fputs(" '", stdout);
		cw_out_str(stdout, reject->text);
		putchar('\'');
	}
	if (reject->detail.len) {
		fputs(": ", stdout);
		cw_out_str(stdout, reject->detail);
	}
	if (entry->times > 1)
		printf(" (in %" PRIu64 " documents)", entry->times);
	putchar('\n');
}

static void show_entry(const struct cw_quarantine_entry *entry)
{
	char first[CW_WALL_TEXT], last[CW_WALL_TEXT];

	print_entry(entry);
	printf("  what to do  %s\n", cw_reason_mend(entry->reject.reason));
	printf("  document    sha256:%s\n", entry->document);
	printf("  seen        %" PRIu64 " time%s, first %s, last %s\n", entry->times, entry->times == 1 ? "" : "s",
	       cw_wall_format(entry->first_seen, first), cw_wall_format(entry->last_seen, last));
}

static int list_entry(void *arg, const struct cw_quarantine_entry *entry)
{
	struct listing *listing = arg;

	if (ferror(stdout))
		return -EPIPE;
	if ((listing->feed && !cw_str_eq(entry->feed, listing->feed)) || (listing->id && entry->id != listing->id))
		return 0;
	listing->found++;
	if (entry->reject.reason > 0 && entry->reject.reason < CW_REASON_COUNT)
		listing->reasons[entry->reject.reason]++;

	if (listing->id && listing->cli->json)
		return cw_out_json(stdout, entry_json(entry));
	if (listing->id)
		show_entry(entry);
	else if (listing->cli->json)
		cw_json_array_item(&listing->array, entry_json(entry));
	else
		print_entry(entry);
	return 0;
}

static void print_summary(const struct listing *listing)
{
	if (!listing->found) {
		puts("Nothing is in quarantine.");
		return;
	}
	printf("\n%" PRIu64 " in quarantine:\n", listing->found);
	for (int reason = 1; reason < CW_REASON_COUNT; reason++)
		if (listing->reasons[reason])
			printf("  %-18s %6" PRIu64 "  %s\n", cw_reason_name((enum cw_reason)reason),
			       listing->reasons[reason], cw_reason_mend((enum cw_reason)reason));
}

static int read_arguments(struct cw_cli *cli, struct listing *listing)
{
	const char *what = cli->n_arguments ? cli->arguments[0] : "list";
	static const char *const whats[] = { "list", "show", NULL };
	const char *near;
	int64_t id;

	if (!strcmp(what, "list")) {
		if (cli->n_arguments > 1)
			return cw_cli_fail(-EINVAL, "'%s' is one too many: councilwatch quarantine list",
			                   cli->arguments[1]);
	} else if (!strcmp(what, "show")) {
		if (cli->n_arguments != 2)
			return cw_cli_fail(-EINVAL, "something is missing: councilwatch quarantine show ID");
		if (cw_parse_integer(cw_str(cli->arguments[1]), &id) < 0 || id < 1)
			return cw_cli_fail(-EINVAL, "'%s' is no number of a quarantine entry", cli->arguments[1]);
		listing->id = (uint64_t)id;
	} else {
		near = cw_nearest(what, whats);
		return cw_cli_fail(-EINVAL, "unknown action '%s' of quarantine; %s", what,
		                   !near              ? "there are list and show"
		                   : near == whats[0] ? "did you mean 'list'?"
		                                      : "did you mean 'show'?");
	}

	listing->feed = cw_cli_option(cli, "feed");
	if (listing->feed && !cw_config_feed(cli->config, cw_str(listing->feed)))
		/* It may have been configured once: what it left behind can still be asked for. */
		cw_cli_fail(0, "note: no feed '%s' is configured", listing->feed);
	return 0;
}

int cw_cmd_quarantine(struct cw_cli *cli)
{
	CW_CLEANUP(cw_cli_store_close) struct cw_store *store = NULL;
	struct listing listing = { .cli = cli };
	struct cw_error err = { 0 };
	bool array;
	int r;

	if (read_arguments(cli, &listing) < 0)
		return CW_EXIT_USAGE;
	r = cw_cli_store(cli, &store);
	if (r)
		return r;

	array = cli->json && !listing.id;
	if (array)
		cw_json_array_begin(&listing.array, stdout);
	r = cw_store_quarantine(store, list_entry, &listing, &err);
	if (r == -EPIPE && ferror(stdout))
		return CW_EXIT_DONE;
	if (r < 0)
		return cw_cli_fail_error(CW_EXIT_NO, &err, "cannot list the quarantine");
	if (array && cw_json_array_end(&listing.array) < 0)
		return cw_cli_fail(CW_EXIT_NO, "out of memory");
	if (listing.id && !listing.found)
		return cw_cli_fail(CW_EXIT_NO, "no quarantine entry has the number %s", cli->arguments[1]);
	if (!listing.id && !cli->json)
		print_summary(&listing);
	return CW_EXIT_DONE;
}
