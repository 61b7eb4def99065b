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
	{ "with", "FILE", "with --diff: this configuration, a councilwatch.conf, instead of the one in use", 0 },
	{ "risk", "FILE", "with --diff: these constants, a risk.conf; no document is read again", 0 },
	{ NULL },
};

struct level {
	char council[CW_NAME_MAX + 1], knowledge[16];
	enum cw_level level;
	double points;
};

/* What a database says, to be compared. */
struct picture {
	size_t n, cap;
	char (*ids)[33]; /* of evidence, sorted */
	size_t n_levels, cap_levels;
	struct level *levels; /* sorted by council */
	uint64_t quarantine, last_seq;
	struct cw_wall clock;
};

struct replay {
	struct cw_cli *cli;
	const char *feed;
	int64_t documents;
	int64_t gone; /* whose bytes were removed by retention */
	/* of --diff */
	bool risk_only;
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
		replay->gone = cw_json_get_integer(answer, "gone", 0);
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
	json_t *row = json_loads(json, 0, NULL);
	struct level *to;

	(void)next_day;
	if (picture->n_levels == picture->cap_levels) {
		size_t cap = picture->cap_levels ? picture->cap_levels * 2 : 256;
		struct level *levels = reallocarray(picture->levels, cap, sizeof(*levels));

		if (!levels) {
			json_decref(row);
			return -ENOMEM;
		}
		picture->levels = levels;
		picture->cap_levels = cap;
	}
	to = &picture->levels[picture->n_levels++];
	*to = (struct level){ .level = level, .points = json_number_value(json_object_get(row, "points")) };
	snprintf(to->council, sizeof(to->council), "%s", council_id);
	snprintf(to->knowledge, sizeof(to->knowledge), "%s", cw_json_get_text(row, "knowledge", ""));
	json_decref(row);
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
	if (r == 0)
		r = cw_store_last_seq(store, &ret->last_seq, err);
	if (r == 0)
		r = cw_store_clock(store, &ret->clock, err);
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

/* A council that has ended is nobody's concern; one of which nothing was known and nothing is has not changed. */
static bool level_changed(const struct replay *replay, const struct level *then, const struct level *now, int32_t day)
{
	const struct cw_council *council = cw_councils_by_id(replay->cli->config->councils, cw_str(now->council));

	if (!council || (council->end_day != CW_DAY_NONE && day > council->end_day))
		return false;
	if (!then)
		return now->level != CW_LEVEL_ROUTINE || strcmp(now->knowledge, cw_knowledge_name(CW_UNKNOWN)) != 0;
	return then->level != now->level || strcmp(then->knowledge, now->knowledge) != 0;
}

/* Points of before are left out: those stored are of the day on which something last happened. */
static json_t *show_levels(const struct replay *replay, const struct picture *before, const struct picture *after)
{
	json_t *changes = json_array();

	for (size_t i = 0; i < after->n_levels; i++) {
		const struct level *now = &after->levels[i], *then = NULL;

		if (before->n_levels)
			then = bsearch(now, before->levels, before->n_levels, sizeof(*now), by_council);
		if (!level_changed(replay, then, now, cw_wall_day(after->clock)))
			continue;
		if (!replay->cli->json) {
			printf("* %s: %s -> %s", now->council, then ? cw_level_name(then->level) : "none", cw_level_name(now->level));
			if (then && strcmp(then->knowledge, now->knowledge) != 0)
				printf(", %s -> %s", then->knowledge, now->knowledge);
			printf(" (%.1f points)\n", now->points);
		}
		json_array_append_new(changes, json_pack("{s:s, s:s?, s:s, s:s?, s:s, s:f}", "council_id", now->council, "before",
		                                         then ? cw_level_name(then->level) : NULL, "after",
		                                         cw_level_name(now->level), "knowledge_before",
		                                         then ? then->knowledge : NULL, "knowledge_after", now->knowledge,
		                                         "points", now->points));
	}
	return changes;
}

/* What would be told: not what only belongs to the history. */
static int take_alert(void *arg, uint64_t seq, const char *topic_council, const char *topic_level, const char *json, size_t len)
{
	json_t *alert = json_loadb(json, len, 0, NULL);

	(void)seq;
	(void)topic_council;
	(void)topic_level;
	if (alert && !json_is_true(json_object_get(json_object_get(alert, "data"), "imported")))
		return json_array_append_new(arg, alert) < 0 ? -ENOMEM : 0;
	json_decref(alert);
	return 0;
}

static int take_alerts(const char *state_dir, uint64_t after_seq, json_t **ret, struct cw_error *err)
{
	struct cw_store *store = NULL;
	int r;

	*ret = json_array();
	r = *ret ? cw_store_open_reader(state_dir, &store, err) : cw_error_nomem(err);
	if (r == 0)
		r = cw_store_alerts(store, after_seq, 0, INT64_MAX, take_alert, *ret, err);
	cw_store_close(store);
	return r;
}

static int compare(struct replay *replay, const char *before_dir, const char *after_dir, struct cw_error *err)
{
	struct picture before = { 0 }, after = { 0 };
	json_t *gone = NULL, *new = NULL, *levels = NULL, *alerts = NULL;
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
		r = take_alerts(after_dir, before.last_seq, &alerts, err);
	if (r == 0)
		levels = show_levels(replay, &before, &after);
	if (r == 0 && replay->cli->json)
		r = cw_out_json(stdout, json_pack("{s:I, s:o, s:O, s:O, s:O, s:I, s:I}", "documents", (json_int_t)replay->documents,
		                                  "gone", gone ? json_incref(gone) : json_array(), "new", new, "levels", levels,
		                                  "alerts", alerts, "quarantine_before", (json_int_t)before.quarantine,
		                                  "quarantine_after", (json_int_t)after.quarantine));
	else if (r == 0)
		printf("%lld documents read again on a copy: %" PRIu64 " pieces of evidence would go, %" PRIu64
		       " would come, %zu levels would change, %zu alerts would be told, %" PRIu64 " in quarantine instead of %" PRIu64 "\n",
		       (long long)replay->documents, n_gone, n_new, json_array_size(levels), json_array_size(alerts), after.quarantine,
		       before.quarantine);
	json_decref(gone);
	json_decref(new);
	json_decref(levels);
	json_decref(alerts);
	picture_clear(&before);
	picture_clear(&after);
	return r;
}

/* Until the levels of the copy are worked out with the configuration to try. */
static int wait_for_levels(const struct cw_rehearsal *rehearsal, struct cw_error *err)
{
	const struct timespec step = { .tv_nsec = POLL_FIRST_MS * 1000000 };
	char model[sizeof(rehearsal->cli->config->hash) + 64];

	cw_config_model(rehearsal->cli->config, model, sizeof(model));
	while (cw_rehearsal_runs(rehearsal)) {
		CW_CLEANUP(cw_freep) char *worked_out_with = NULL;
		struct cw_store *store = NULL;
		int r = cw_store_open_reader(rehearsal->state, &store, err);

		if (r == 0)
			r = cw_store_meta(store, "config", &worked_out_with, err);
		cw_store_close(store);
		if (r == 0 && worked_out_with && strcmp(worked_out_with, model) == 0)
			return 0;
		/* Until the daemon has made it, or brought it up to date. */
		if (r < 0 && r != -ENOENT && r != -EPROTO)
			return r;
		nanosleep(&step, NULL);
	}
	return cw_error_set(err, -ECHILD, "the daemon of the rehearsal ended early");
}

static int diff(struct replay *replay, struct cw_error *err)
{
	CW_CLEANUP(cw_freep) char *real = strdup(replay->cli->config->state_dir);
	struct cw_rehearsal rehearsal = { 0 };
	int r;

	if (!real)
		return cw_error_nomem(err);
	r = cw_rehearsal_begin(replay->cli, !replay->risk_only, &rehearsal, err);
	if (r == 0) {
		replay->cli->config->fetching = false;
		r = cw_rehearsal_run(&rehearsal, false, err);
	}
	if (r == 0)
		r = wait_for_levels(&rehearsal, err);
	if (r == 0 && !replay->risk_only)
		r = run(replay, err);
	if (r < 0 && rehearsal.log)
		cw_rehearsal_show_failures(&rehearsal);
	cw_rehearsal_stop(&rehearsal);
	if (r == 0)
		r = compare(replay, real, rehearsal.state, err);
	cw_rehearsal_end(&rehearsal);
	return r;
}

/* Puts what is to be tried in place of the configuration in use; it works on the state of that one. */
static int take_trial(struct replay *replay, const char *file, const char *risk_file)
{
	struct cw_cli *cli = replay->cli;
	struct cw_config *trial = NULL;
	int status = cw_cli_load_config(file ? file : cli->config->file, risk_file, &trial);
	char *state_dir;

	if (status)
		return status;
	state_dir = trial->state_dir;
	trial->state_dir = cli->config->state_dir;
	cli->config->state_dir = state_dir;
	cw_config_free(cli->config);
	cli->config = trial;
	replay->risk_only = !file && risk_file;
	return 0;
}

int cw_cmd_replay(struct cw_cli *cli)
{
	const char *file = cw_cli_option(cli, "with"), *risk_file = cw_cli_option(cli, "risk");
	struct replay replay = { .cli = cli, .feed = cw_cli_option(cli, "feed") };
	struct cw_error err = { 0 };
	int r;

	if ((file || risk_file) && !cw_cli_option(cli, "diff"))
		return cw_cli_fail(CW_EXIT_USAGE, "--%s is to try something: it needs --diff", file ? "with" : "risk");
	r = file || risk_file ? take_trial(&replay, file, risk_file) : 0;
	if (r)
		return r;
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
		return cw_out_json(stdout, json_pack("{s:I, s:I}", "documents", (json_int_t)replay.documents, "removed",
		                                     (json_int_t)replay.gone)) < 0 ? CW_EXIT_NO : CW_EXIT_DONE;
	printf("%lld documents were read again\n", (long long)replay.documents);
	if (replay.gone)
		printf("%lld were removed by retention; what they said stays as it is\n", (long long)replay.gone);
	return CW_EXIT_DONE;
}
