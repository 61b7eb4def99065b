/*
 * councilwatch quarantine: rows and documents that could not be used, with the reason and the mend; and after mending, again.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include <councilwatch/limits.h>
#include <councilwatch/message.h>

#include "command.h"
#include "link.h"
#include "output.h"

/* Documents in one request, as the daemon allows. */
#define REQUEUE_AT_ONCE 256

const struct cw_option cw_quarantine_options[] = {
	{ "feed", "FEED", "only of this feed", 0 },
	{ "reason", "REASON", "only for this reason; of drop: why, in words", 0 },
	{ "author", "ROLE", "of drop: the role that says so, never a name", 0 },
	{ "all", NULL, "also what was dropped", 0 },
	{ NULL },
};

enum action { LIST, SHOW, RETRY, DROP };

/* Which entries are meant. */
struct choice {
	const char *feed; /* NULL = all */
	enum cw_reason reason; /* NONE = all */
	uint64_t *ids;    /* owned; sorted */
	size_t n_ids;     /* 0 = all */
	bool dropped;     /* those that were dropped as well */
};

struct listing {
	const struct cw_cli *cli;
	enum action action;
	struct choice choice;
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
	if (cw_wall_known(entry->dropped_at)) {
		cw_json_set(object, "dropped_at", cw_json_wall(entry->dropped_at), &failed);
		cw_json_set(object, "dropped_by", cw_json_str(entry->dropped_by), &failed);
		cw_json_set(object, "dropped_reason", cw_json_str(entry->dropped_why), &failed);
	}
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
	if (cw_wall_known(entry->dropped_at))
		fputs(" (dropped)", stdout);
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
	if (!cw_wall_known(entry->dropped_at))
		return;
	printf("  dropped     %s by ", cw_wall_format(entry->dropped_at, first));
	cw_out_str(stdout, entry->dropped_by);
	fputs(": ", stdout);
	cw_out_str(stdout, entry->dropped_why);
	putchar('\n');
}

static int by_number(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static bool chosen(const struct choice *choice, const struct cw_quarantine_entry *entry)
{
	return (choice->dropped || !cw_wall_known(entry->dropped_at)) && (!choice->feed || cw_str_eq(entry->feed, choice->feed)) &&
	       (!choice->reason || entry->reject.reason == choice->reason) &&
	       (!choice->n_ids || bsearch(&entry->id, choice->ids, choice->n_ids, sizeof(*choice->ids), by_number));
}

static int list_entry(void *arg, const struct cw_quarantine_entry *entry)
{
	struct listing *listing = arg;

	if (ferror(stdout))
		return -EPIPE;
	if (!chosen(&listing->choice, entry))
		return 0;
	listing->found++;
	if (entry->reject.reason > 0 && entry->reject.reason < CW_REASON_COUNT)
		listing->reasons[entry->reject.reason]++;

	if (listing->action == SHOW && listing->cli->json)
		return cw_out_json(stdout, entry_json(entry));
	if (listing->action == SHOW)
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

static int read_ids(const struct cw_cli *cli, struct choice *choice)
{
	int64_t id;

	choice->ids = calloc((size_t)cli->n_arguments + 1, sizeof(*choice->ids));
	if (!choice->ids)
		return cw_cli_fail(-ENOMEM, "out of memory");
	for (int i = 1; i < cli->n_arguments; i++) {
		if (cw_parse_integer(cw_str(cli->arguments[i]), &id) < 0 || id < 1)
			return cw_cli_fail(-EINVAL, "'%s' is no number of a quarantine entry", cli->arguments[i]);
		choice->ids[choice->n_ids++] = (uint64_t)id;
	}
	qsort(choice->ids, choice->n_ids, sizeof(*choice->ids), by_number);
	return 0;
}

static int read_reason(const struct cw_cli *cli, enum cw_reason *ret)
{
	const char *name = cw_cli_option(cli, "reason"), *names[CW_REASON_COUNT + 1] = { NULL }, *near;
	size_t n = 0;

	if (!name)
		return 0;
	for (int reason = 1; reason < CW_REASON_COUNT; reason++) {
		if (!cw_reason_quarantines((enum cw_reason)reason))
			continue;
		names[n++] = cw_reason_name((enum cw_reason)reason);
		if (!strcmp(name, names[n - 1]))
			*ret = (enum cw_reason)reason;
	}
	if (*ret)
		return 0;
	near = cw_nearest(name, names);
	return cw_cli_fail(-EINVAL, "nothing is quarantined for a reason '%s'%s%s%s", name,
	                   near ? "; did you mean '" : "; 'councilwatch quarantine' shows the reasons", near ? near : "",
	                   near ? "'?" : "");
}

/* Who drops, and why: neither may be about a person. */
static int read_ruling(const struct cw_cli *cli)
{
	const char *author = cw_cli_option(cli, "author"), *why = cw_cli_option(cli, "reason");

	if (!author || !*author)
		return cw_cli_fail(-EINVAL, "--author is needed: the role that drops it, such as \"data officer\"");
	if (!why || !*why)
		return cw_cli_fail(-EINVAL, "--reason is needed: why nothing is to be mended");
	if (strlen(why) > 4 * CW_QUOTE_MAX || strlen(author) > 256)
		return cw_cli_fail(-EINVAL, "--reason or --author is too long");
	return cw_cli_lint(cli, "--author", author, true) || cw_cli_lint(cli, "--reason", why, false) ? -EINVAL : 0;
}

static int read_arguments(struct cw_cli *cli, struct listing *listing)
{
	static const char *const whats[] = { "list", "show", "retry", "drop", NULL };
	const char *what = cli->n_arguments ? cli->arguments[0] : "list", *near;
	struct choice *choice = &listing->choice;
	int r;

	while (whats[listing->action] && strcmp(what, whats[listing->action]))
		listing->action++;
	if (!whats[listing->action]) {
		near = cw_nearest(what, whats);
		return cw_cli_fail(-EINVAL, "unknown action '%s' of quarantine; %s%s%s", what,
		                   near ? "did you mean '" : "there are list, show, retry and drop", near ? near : "",
		                   near ? "'?" : "");
	}
	if (listing->action == LIST && cli->n_arguments > 1)
		return cw_cli_fail(-EINVAL, "'%s' is one too many: councilwatch quarantine list", cli->arguments[1]);
	if (listing->action == DROP && cli->n_arguments < 2)
		return cw_cli_fail(-EINVAL, "something is missing: councilwatch quarantine drop ID ... --author ROLE --reason TEXT");
	if (listing->action == SHOW && cli->n_arguments != 2)
		return cw_cli_fail(-EINVAL, "something is missing: councilwatch quarantine show ID");
	/* Who names an entry means it. */
	choice->dropped = cw_cli_option(cli, "all") || cli->n_arguments > 1;
	r = read_ids(cli, choice);
	if (r < 0 || listing->action == DROP)
		return r < 0 ? r : read_ruling(cli);
	r = read_reason(cli, &choice->reason);
	if (r < 0)
		return r;
	choice->feed = cw_cli_option(cli, "feed");
	if (choice->n_ids && (choice->feed || choice->reason))
		return cw_cli_fail(-EINVAL, "numbers of entries, or --feed and --reason, not both");
	if (choice->feed && !cw_config_feed(cli->config, cw_str(choice->feed)))
		/* It may have been configured once: what it left behind can still be asked for. */
		cw_cli_fail(0, "note: no feed '%s' is configured", choice->feed);
	return 0;
}

static int show_or_list(struct cw_cli *cli, struct listing *listing)
{
	CW_CLEANUP(cw_cli_store_close) struct cw_store *store = NULL;
	struct cw_error err = { 0 };
	bool array = cli->json && listing->action == LIST;
	int r = cw_cli_store(cli, &store);

	if (r)
		return r;
	if (array)
		cw_json_array_begin(&listing->array, stdout);
	r = cw_store_quarantine(store, list_entry, listing, &err);
	if (r == -EPIPE && ferror(stdout))
		return CW_EXIT_DONE;
	if (r < 0)
		return cw_cli_fail_error(CW_EXIT_NO, &err, "cannot list the quarantine");
	if (array && cw_json_array_end(&listing->array) < 0)
		return cw_cli_fail(CW_EXIT_NO, "out of memory");
	if (listing->action == SHOW && !listing->found)
		return cw_cli_fail(CW_EXIT_NO, "no quarantine entry has the number %s", cli->arguments[1]);
	if (listing->action == LIST && !cli->json)
		print_summary(listing);
	return CW_EXIT_DONE;
}

/* ---- retry ---- */

struct retry {
	const struct cw_cli *cli;
	const struct choice *choice;
	uint64_t *entries; /* chosen: owned */
	size_t n_entries, remain;
	uint64_t *seen; /* documents named already, sorted: owned */
	size_t n_seen;
	json_t *names;  /* of documents, for the daemon */
	json_t *ids;    /* of the daemon's documents */
	struct cw_error *err;
};

static int choose_entry(void *arg, const struct cw_quarantine_entry *entry)
{
	struct retry *retry = arg;
	uint64_t *grown;

	if (!chosen(retry->choice, entry))
		return 0;
	grown = reallocarray(retry->entries, retry->n_entries + 1, sizeof(*grown));
	if (!grown)
		return cw_error_nomem(retry->err);
	retry->entries = grown;
	grown[retry->n_entries++] = entry->id;
	return 0;
}

static int name_document(void *arg, const struct cw_quarantined_document *document)
{
	struct retry *retry = arg;
	char at[CW_WALL_TEXT];
	uint64_t *grown;

	for (size_t low = 0, high = retry->n_seen; low < high;) {
		size_t middle = low + (high - low) / 2;

		if (retry->seen[middle] == document->id)
			return 0;
		if (retry->seen[middle] < document->id)
			low = middle + 1;
		else
			high = middle;
	}
	grown = reallocarray(retry->seen, retry->n_seen + 1, sizeof(*grown));
	if (!grown)
		return cw_error_nomem(retry->err);
	retry->seen = grown;
	grown[retry->n_seen++] = document->id;
	for (size_t i = retry->n_seen - 1; i && grown[i - 1] > grown[i]; i--) {
		uint64_t swap = grown[i];

		grown[i] = grown[i - 1];
		grown[i - 1] = swap;
	}
	return json_array_append_new(retry->names,
	                             json_pack("{s:s%, s:s, s:s}", "feed", document->feed.at, document->feed.len, "sha256",
	                                       document->sha256, "fetched_at", cw_wall_format(document->fetched_at, at))) < 0
	           ? cw_error_nomem(retry->err)
	           : 0;
}

static int find_documents(struct retry *retry)
{
	CW_CLEANUP(cw_cli_store_close) struct cw_store *store = NULL;
	int r = cw_cli_store(retry->cli, &store);

	if (r)
		return -EINVAL; /* said already */
	r = cw_store_quarantine(store, choose_entry, retry, retry->err);
	for (size_t i = 0; r == 0 && i < retry->n_entries; i++)
		r = cw_store_quarantined(store, retry->entries[i], name_document, retry, retry->err);
	if (r < 0)
		cw_cli_fail_error(0, retry->err, "cannot read the quarantine");
	return r;
}

static int requeue(struct retry *retry, struct cw_link *link)
{
	size_t n = json_array_size(retry->names);

	for (size_t first = 0; first < n; first += REQUEUE_AT_ONCE) {
		json_t *some = json_array(), *answer = NULL;
		int r;

		for (size_t i = first; i < n && i < first + REQUEUE_AT_ONCE; i++)
			json_array_append(some, json_array_get(retry->names, i));
		r = cw_link_ask(link, json_pack("{s:s, s:b, s:o}", "op", "requeue", "retry", 1, "documents", some), &answer,
		                retry->err);
		if (r < 0)
			return r;
		json_array_extend(retry->ids, json_object_get(answer, "documents"));
		json_decref(answer);
	}
	return 0;
}

static int count_remaining(void *arg, const struct cw_quarantine_entry *entry)
{
	struct retry *retry = arg;

	retry->remain += bsearch(&entry->id, retry->entries, retry->n_entries, sizeof(*retry->entries), by_number) != NULL;
	return 0;
}

static int print_retried(struct retry *retry, const json_t *results)
{
	CW_CLEANUP(cw_cli_store_close) struct cw_store *store = NULL;
	int64_t evidence = 0, alerts = 0, rejected = 0, missing = 0;
	json_t *each;
	size_t i;
	int r;

	json_array_foreach((json_t *)results, i, each)
	{
		missing += json_is_null(each);
		evidence += cw_json_get_integer(each, "new_evidence", 0);
		alerts += cw_json_get_integer(each, "alerts", 0);
		rejected += json_is_object(each) && strcmp(cw_json_get_text(each, "outcome", ""), "parsed") != 0;
	}
	if (cw_cli_store(retry->cli, &store))
		return CW_EXIT_NO;
	r = cw_store_quarantine(store, count_remaining, retry, retry->err);
	if (r < 0)
		return cw_cli_fail_error(CW_EXIT_NO, retry->err, "cannot read the quarantine");
	if (retry->cli->json)
		return cw_out_json(stdout, json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "documents",
		                                     (json_int_t)json_array_size(results), "rejected", (json_int_t)rejected,
		                                     "missing", (json_int_t)missing, "entries", (json_int_t)retry->n_entries,
		                                     "gone", (json_int_t)(retry->n_entries - retry->remain), "remain",
		                                     (json_int_t)retry->remain, "new_evidence", (json_int_t)evidence, "alerts",
		                                     (json_int_t)alerts)) < 0
		           ? CW_EXIT_NO
		           : CW_EXIT_DONE;
	printf("%zu document%s read again: %zu of %zu entries gone, %" PRId64 " new evidence, %" PRId64 " alerts.\n",
	       json_array_size(results), json_array_size(results) == 1 ? "" : "s", retry->n_entries - retry->remain,
	       retry->n_entries, evidence, alerts);
	if (missing)
		printf("%" PRId64 " of them are no longer kept.\n", missing);
	if (retry->remain)
		puts("What remains shows its reason and mend with 'councilwatch quarantine'.");
	return CW_EXIT_DONE;
}

static int retry_entries(struct cw_cli *cli, const struct choice *choice)
{
	struct cw_error err = { 0 };
	struct retry retry = { .cli = cli, .choice = choice, .names = json_array(), .ids = json_array(), .err = &err };
	struct cw_link *link = NULL;
	json_t *results = NULL;
	int status = CW_EXIT_NO, r;

	r = find_documents(&retry);
	if (r == 0 && choice->n_ids && retry.n_entries < choice->n_ids) {
		r = -ENOENT;
		for (size_t i = 0; i < choice->n_ids; i++)
			if (!bsearch(&choice->ids[i], retry.entries, retry.n_entries, sizeof(*retry.entries), by_number))
				cw_cli_fail(0, "no quarantine entry has the number %" PRIu64, choice->ids[i]);
	} else if (r == 0 && !retry.n_entries && !cli->json) {
		puts("Nothing of that is in quarantine.");
		status = CW_EXIT_DONE;
	} else if (r == 0) {
		r = cw_link_new(cli->config, cli->config->endpoint_control, &link, &err);
		if (r == 0)
			r = requeue(&retry, link);
		if (r == 0)
			r = cw_link_wait(link, retry.ids, "documents read again", &results, &err);
		if (r < 0)
			cw_cli_fail_error(0, &err, "cannot have them read again");
		else
			status = print_retried(&retry, results);
	}
	json_decref(results);
	cw_link_free(link);
	json_decref(retry.names);
	json_decref(retry.ids);
	free(retry.entries);
	free(retry.seen);
	return status;
}

/* ---- drop ---- */

static int drop(struct cw_link *link, const struct cw_cli *cli, const struct choice *choice, int64_t *ret, struct cw_error *err)
{
	*ret = 0;
	for (size_t first = 0; first < choice->n_ids; first += CW_DISMISS_MAX) {
		json_t *entries = json_array(), *answer = NULL;
		int r;

		for (size_t i = first; i < choice->n_ids && i < first + CW_DISMISS_MAX; i++)
			json_array_append_new(entries, json_integer((json_int_t)choice->ids[i]));
		r = cw_link_ask(link,
		                json_pack("{s:s, s:s, s:s, s:o}", "op", "quarantine.drop", "author", cw_cli_option(cli, "author"),
		                          "reason", cw_cli_option(cli, "reason"), "entries", entries),
		                &answer, err);
		if (r < 0)
			return r;
		*ret += cw_json_get_integer(answer, "dropped", 0);
		json_decref(answer);
	}
	return 0;
}

static int drop_entries(struct cw_cli *cli, struct choice *choice)
{
	CW_CLEANUP(cw_cli_store_close) struct cw_store *store = NULL;
	struct cw_error err = { 0 };
	struct retry found = { .cli = cli, .choice = choice, .err = &err };
	struct cw_link *link = NULL;
	int64_t dropped = 0;
	int r = cw_cli_store(cli, &store);

	if (r)
		return r;
	choice->dropped = true;
	r = cw_store_quarantine(store, choose_entry, &found, &err);
	for (size_t i = 0; r == 0 && i < choice->n_ids; i++)
		if (!found.n_entries || !bsearch(&choice->ids[i], found.entries, found.n_entries, sizeof(*found.entries), by_number))
			r = cw_error_set(&err, -ENOENT, "no quarantine entry has the number %" PRIu64, choice->ids[i]);
	free(found.entries);
	if (r == 0)
		r = cw_link_new(cli->config, cli->config->endpoint_control, &link, &err);
	if (r == 0)
		r = drop(link, cli, choice, &dropped, &err);
	cw_link_free(link);
	if (r < 0)
		return cw_cli_fail_error(CW_EXIT_NO, &err, "nothing is dropped");
	if (cli->json)
		return cw_out_json(stdout, json_pack("{s:I}", "dropped", (json_int_t)dropped)) < 0 ? CW_EXIT_NO : CW_EXIT_DONE;
	printf("%" PRId64 " dropped%s.\n", dropped, (size_t)dropped < choice->n_ids ? "; the others were before" : "");
	return CW_EXIT_DONE;
}

int cw_cmd_quarantine(struct cw_cli *cli)
{
	struct listing listing = { .cli = cli };
	int status;

	if (read_arguments(cli, &listing) < 0)
		status = CW_EXIT_USAGE;
	else if (listing.action == RETRY)
		status = retry_entries(cli, &listing.choice);
	else if (listing.action == DROP)
		status = drop_entries(cli, &listing.choice);
	else
		status = show_or_list(cli, &listing);
	free(listing.choice.ids);
	return status;
}
