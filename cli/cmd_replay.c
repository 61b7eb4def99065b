/*
 * councilwatch replay: every kept document read again with today's configuration.
 *
 * The daemon queues them all in one transaction and goes on from there whatever happens; this waits. With --diff it is done on a
 * copy, and what changed there is shown.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <councilwatch/render.h>

#include "command.h"
#include "evidence_text.h"
#include "link.h"
#include "output.h"
#include "rehearsal.h"

#define POLL_FIRST_MS 20
#define POLL_LAST_MS 500

const struct cw_option cw_replay_options[] = {
	{ "feed", "FEED", "only the documents of this feed", 0 },
	{ "diff", NULL, "on a copy: show what would change, and change nothing", 0 },
	{ NULL },
};

struct level {
	char council[CW_NAME_MAX + 1];
	enum cw_level level;
};

/* What a database says, to be compared. */
struct picture {
	size_t n, cap;
	char (*ids)[33]; /* of evidence, sorted */
	size_t n_levels, cap_levels;
	struct level *levels; /* sorted by council */
	uint64_t quarantine;
};

struct replay {
	struct cw_cli *cli;
	const char *feed;
	int64_t documents;
	/* of --diff */
	const struct picture *other;
	const char *sign;
	json_t *array;
	uint64_t shown;
};

/* --- reading again --- */

/* Asks the daemon that cli->config names, and waits until all is committed. */
static int run(struct replay *replay, struct cw_error *err)
{
	bool progress = isatty(STDERR_FILENO) == 1;
	int64_t pause = POLL_FIRST_MS, waiting = 1;
	struct cw_link *link = NULL;
	json_t *answer;
	int r;

	r = cw_link_new(replay->cli->config, replay->cli->config->endpoint_control, &link, err);
	if (r < 0)
		return r;
	r = cw_link_ask(link, json_pack("{s:s, s:s?}", "op", "replay", "feed", replay->feed), &answer, err);
	if (r == 0) {
		replay->documents = cw_json_get_integer(answer, "documents", 0);
		json_decref(answer);
	}
	while (r == 0 && waiting) {
		struct timespec step;

		r = cw_link_ask(link, json_pack("{s:s, s:s?}", "op", "replaying", "feed", replay->feed), &answer, err);
		if (r < 0)
			break;
		waiting = cw_json_get_integer(answer, "waiting", 0);
		json_decref(answer);
		if (progress)
			fprintf(stderr, "\r\033[K%lld of %lld documents wait", (long long)waiting, (long long)replay->documents);
		pause = CW_MIN(pause * 2, (int64_t)POLL_LAST_MS);
		step = (struct timespec){ .tv_nsec = pause * 1000000 };
		if (waiting)
			nanosleep(&step, NULL);
	}
	if (progress)
		fputs("\r\033[K", stderr);
	cw_link_free(link);
	return r;
}

/* --- comparing --- */

static void picture_clear(struct picture *picture)
{
	free(picture->ids);
	free(picture->levels);
	*picture = (struct picture){ 0 };
}

static int by_id(const void *a, const void *b)
{
	return strcmp(a, b);
}

static int by_council(const void *a, const void *b)
{
	const struct level *x = a, *y = b;

	return strcmp(x->council, y->council);
}

static int take_fact(void *arg, const struct cw_fact *fact)
{
	struct picture *picture = arg;

	if (picture->n == picture->cap) {
		size_t cap = picture->cap ? picture->cap * 2 : 1024;
		char(*ids)[33] = reallocarray(picture->ids, cap, sizeof(*ids));

		if (!ids)
			return -ENOMEM;
		picture->ids = ids;
		picture->cap = cap;
	}
	memcpy(picture->ids[picture->n++], fact->id, sizeof(fact->id));
	return 0;
}

static int take_level(void *arg, const char *council_id, enum cw_level level, int32_t next_day, const char *json)
{
	struct picture *picture = arg;

	(void)next_day;
	(void)json;
	if (picture->n_levels == picture->cap_levels) {
		size_t cap = picture->cap_levels ? picture->cap_levels * 2 : 256;
		struct level *levels = reallocarray(picture->levels, cap, sizeof(*levels));

		if (!levels)
			return -ENOMEM;
		picture->levels = levels;
		picture->cap_levels = cap;
	}
	snprintf(picture->levels[picture->n_levels].council, sizeof(picture->levels[0].council), "%s", council_id);
	picture->levels[picture->n_levels++].level = level;
	return 0;
}

static int count_entry(void *arg, const struct cw_quarantine_entry *entry)
{
	(void)entry;
	((struct picture *)arg)->quarantine++;
	return 0;
}

static int picture_take(const char *state_dir, struct picture *ret, struct cw_error *err)
{
	const struct cw_fact_filter all = { .since = CW_DAY_NONE };
	struct cw_store *store = NULL;
	int r = cw_store_open_reader(state_dir, &store, err);

	if (r == 0)
		r = cw_store_facts(store, &all, take_fact, ret, err);
	if (r == 0)
		r = cw_store_levels(store, CW_DAY_NONE, take_level, ret, err);
	if (r == 0)
		r = cw_store_quarantine(store, count_entry, ret, err);
	cw_store_close(store);
	if (ret->n)
		qsort(ret->ids, ret->n, sizeof(*ret->ids), by_id);
	if (ret->n_levels)
		qsort(ret->levels, ret->n_levels, sizeof(*ret->levels), by_council);
	return r;
}

/* Evidence that the other picture does not have. */
static int show_fact(void *arg, const struct cw_fact *fact)
{
	struct replay *replay = arg;
	const struct cw_evidence *e = &fact->evidence;
	char day[CW_WALL_TEXT];

	if (replay->other->n && bsearch(fact->id, replay->other->ids, replay->other->n, sizeof(*replay->other->ids), by_id))
		return 0;
	replay->shown++;
	if (replay->cli->json)
		return json_array_append_new(replay->array, cw_render_fact(fact));
	printf("%s %-10s  %-13s  ", replay->sign, e->event_day == CW_DAY_NONE ? "undated" : cw_day_format(e->event_day, day),
	       cw_kind_def(e->kind) ? cw_kind_def(e->kind)->name : "?");
	cw_out_str(stdout, e->council_id);
	fputs(": ", stdout);
	cw_evidence_print_values(stdout, e);
	fputs("  (feed ", stdout);
	cw_out_str(stdout, fact->feed);
	puts(")");
	return 0;
}

static int show_facts(struct replay *replay, const char *state_dir, const struct picture *other, const char *sign,
                      json_t **ret, struct cw_error *err)
{
	const struct cw_fact_filter all = { .since = CW_DAY_NONE };
	struct cw_store *store = NULL;
	int r;

	replay->other = other;
	replay->sign = sign;
	replay->shown = 0;
	replay->array = *ret = json_array();
	r = replay->array ? cw_store_open_reader(state_dir, &store, err) : cw_error_nomem(err);
	if (r == 0)
		r = cw_store_facts(store, &all, show_fact, replay, err);
	cw_store_close(store);
	return r;
}

static json_t *show_levels(const struct replay *replay, const struct picture *before, const struct picture *after)
{
	json_t *changes = json_array();

	for (size_t i = 0; i < after->n_levels; i++) {
		const struct level *now = &after->levels[i], *then = NULL;

		if (before->n_levels)
			then = bsearch(now, before->levels, before->n_levels, sizeof(*now), by_council);
		if (then && then->level == now->level)
			continue;
		if (!replay->cli->json)
			printf("* %s: %s -> %s\n", now->council, then ? cw_level_name(then->level) : "none", cw_level_name(now->level));
		json_array_append_new(changes, json_pack("{s:s, s:s?, s:s}", "council_id", now->council, "before",
		                                         then ? cw_level_name(then->level) : NULL, "after",
		                                         cw_level_name(now->level)));
	}
	return changes;
}

static int compare(struct replay *replay, const char *before_dir, const char *after_dir, struct cw_error *err)
{
	struct picture before = { 0 }, after = { 0 };
	json_t *gone = NULL, *new = NULL, *levels = NULL;
	uint64_t n_gone = 0, n_new = 0;
	int r;

	r = picture_take(before_dir, &before, err);
	if (r == -ENOENT)
		r = 0; /* nothing was known before */
	if (r == 0)
		r = picture_take(after_dir, &after, err);
	if (r == 0 && before.n)
		r = show_facts(replay, before_dir, &after, "-", &gone, err);
	n_gone = replay->shown;
	replay->shown = 0;
	if (r == 0)
		r = show_facts(replay, after_dir, &before, "+", &new, err);
	n_new = replay->shown;
	if (r == 0)
		levels = show_levels(replay, &before, &after);
	if (r == 0 && replay->cli->json)
		r = cw_out_json(stdout,
		                json_pack("{s:I, s:o, s:O, s:O, s:I, s:I}", "documents", (json_int_t)replay->documents, "gone",
		                          gone ? json_incref(gone) : json_array(), "new", new, "levels", levels,
		                          "quarantine_before", (json_int_t)before.quarantine, "quarantine_after",
		                          (json_int_t)after.quarantine));
	else if (r == 0)
		printf("%lld documents read again on a copy: %" PRIu64 " pieces of evidence would go, %" PRIu64
		       " would come, %zu levels would change, %" PRIu64 " in quarantine instead of %" PRIu64 "\n",
		       (long long)replay->documents, n_gone, n_new, json_array_size(levels), after.quarantine, before.quarantine);
	json_decref(gone);
	json_decref(new);
	json_decref(levels);
	picture_clear(&before);
	picture_clear(&after);
	return r;
}

static int diff(struct replay *replay, struct cw_error *err)
{
	CW_CLEANUP(cw_freep) char *real = strdup(replay->cli->config->state_dir);
	struct cw_rehearsal rehearsal = { 0 };
	int r;

	if (!real)
		return cw_error_nomem(err);
	r = cw_rehearsal_begin(replay->cli, true, &rehearsal, err);
	if (r == 0) {
		replay->cli->config->fetching = false;
		r = cw_rehearsal_run(&rehearsal, false, err);
	}
	if (r == 0)
		r = run(replay, err);
	if (r < 0 && rehearsal.log)
		cw_rehearsal_show_failures(&rehearsal);
	cw_rehearsal_stop(&rehearsal);
	if (r == 0)
		r = compare(replay, real, rehearsal.state, err);
	cw_rehearsal_end(&rehearsal);
	return r;
}

int cw_cmd_replay(struct cw_cli *cli)
{
	struct replay replay = { .cli = cli, .feed = cw_cli_option(cli, "feed") };
	struct cw_error err = { 0 };
	int r;

	if (replay.feed && !cw_config_feed(cli->config, cw_str(replay.feed)))
		return cw_cli_fail(CW_EXIT_NO, "there is no feed '%s'", replay.feed);
	if (cw_cli_option(cli, "diff"))
		r = diff(&replay, &err);
	else
		r = run(&replay, &err);
	if (r < 0)
		return cw_cli_fail_error(CW_EXIT_NO, &err, "cannot read the documents again");
	if (cw_cli_option(cli, "diff"))
		return CW_EXIT_DONE;
	if (cli->json)
		return cw_out_json(stdout, json_pack("{s:I}", "documents", (json_int_t)replay.documents)) < 0 ? CW_EXIT_NO : CW_EXIT_DONE;
	printf("%lld documents were read again\n", (long long)replay.documents);
	return CW_EXIT_DONE;
}
