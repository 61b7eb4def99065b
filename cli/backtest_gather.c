/*
 * What could be known of each council month by month, and in hindsight which inspections there were.
 *
 * A council's level changes on days on which a fact begins to speak, and on those that the model names as its next through
 * time alone: between two of them it stands still, so a whole history is a few dozen assessments.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "backtest.h"

static void clear_council(struct bt_council *council)
{
	for (int s = 0; s < BT_STRANDS; s++)
		free(council->inspections[s]);
	free(council->spans);
	free(council->openings);
	free(council->months);
}

void bt_clear(struct backtest *bt)
{
	for (size_t i = 0; bt->councils && i < bt->n_councils; i++)
		clear_council(&bt->councils[i]);
	free(bt->councils);
	free(bt->grid);
	free(bt->alerts);
	bt->councils = NULL;
	bt->grid = NULL;
	bt->alerts = NULL;
	bt->n_councils = bt->n_months = bt->n_alerts = bt->cap_alerts = 0;
}

static void show_progress(size_t done, size_t of)
{
	if (isatty(STDERR_FILENO))
		fprintf(stderr, done < of ? "\rreading the history: %zu of %zu councils\033[K" : "\r\033[K", done, of);
}

/* ---- hindsight ---- */

static int look_back(struct backtest *bt, struct bt_council *council, const struct cw_history *facts, int32_t today,
                     struct cw_error *err)
{
	static const enum cw_kind kinds[BT_STRANDS] = { CW_KIND_ILACS, CW_KIND_AREA_SEND };
	int r = 0;

	for (int s = 0; s < BT_STRANDS && r == 0; s++)
		r = cw_model_inspections(&bt->cli->config->risk, facts->at, facts->n, bt->to != CW_DAY_NONE ? bt->to : today,
		                         kinds[s], &council->inspections[s], &council->n_inspections[s], err);
	return r;
}

static bool judged_by(const struct bt_council *council, int32_t day)
{
	for (size_t i = 0; i < council->n_inspections[BT_ILACS]; i++)
		if (council->inspections[BT_ILACS][i].severity && council->inspections[BT_ILACS][i].published_day <= day)
			return true;
	return false;
}

static int32_t first_of_month(int32_t day)
{
	int year, month, mday;

	cw_day_split(day, &year, &month, &mday);
	return cw_day_make(year, month, 1);
}

/* The history lasts until the last full inspection that is known. It begins in the first month of which the grades of half of
 * the councils are known, so that a list of adverse grades means something. */
static int find_span(struct backtest *bt, struct cw_error *err)
{
	int32_t first = CW_DAY_NONE, last = CW_DAY_NONE;

	for (size_t i = 0; i < bt->n_councils; i++) {
		const struct bt_council *council = &bt->councils[i];
		size_t n = council->n_inspections[BT_ILACS];

		if (!n)
			continue;
		if (first == CW_DAY_NONE || council->inspections[BT_ILACS][0].published_day < first)
			first = council->inspections[BT_ILACS][0].published_day;
		last = CW_MAX(last, council->inspections[BT_ILACS][n - 1].published_day);
	}
	if (first == CW_DAY_NONE)
		return cw_error_set(err, -ENODATA, "no full inspection is stored, or none by the day of --to; import a history first (script/import-data)");
	if (bt->to == CW_DAY_NONE)
		bt->to = last;
	for (first = first_of_month(first); bt->from == CW_DAY_NONE && first <= bt->to; first = cw_day_add_months(first, 1)) {
		size_t there = 0, judged = 0;

		for (size_t i = 0; i < bt->n_councils; i++)
			if (cw_cli_council_existed(bt->councils[i].council, first)) {
				there++;
				judged += judged_by(&bt->councils[i], first);
			}
		if (2 * judged >= there)
			bt->from = first;
	}
	if (bt->from == CW_DAY_NONE)
		return cw_error_set(err, -ENODATA, "in no month are the grades of half of the councils known; --from says where to begin all the same");
	bt->from = first_of_month(bt->from);
	if (bt->from > bt->to)
		return cw_error_set(err, -ENODATA, "the history ends before it begins: look at --from and --to");
	return 0;
}

#define MONTHS_MAX (12 * 200)

static int make_grid(struct backtest *bt, struct cw_error *err)
{
	for (int32_t day = bt->from; day <= bt->to; day = cw_day_add_months(day, 1))
		bt->n_months++;
	if (bt->n_months > MONTHS_MAX)
		return cw_error_set(err, -EINVAL, "more than %d months; --from and --to shorten that", MONTHS_MAX);
	bt->grid = calloc(bt->n_months, sizeof(*bt->grid));
	if (!bt->grid)
		return cw_error_nomem(err);
	for (size_t m = 0; m < bt->n_months; m++)
		bt->grid[m] = cw_day_add_months(bt->from, (int)m);
	for (size_t i = 0; i < bt->n_councils; i++) {
		struct bt_council *council = &bt->councils[i];

		council->months = calloc(bt->n_months, sizeof(*council->months));
		if (!council->months)
			return cw_error_nomem(err);
		for (size_t m = 0; m < bt->n_months; m++)
			council->months[m] = (struct bt_month){ .exists = cw_cli_council_existed(council->council, bt->grid[m]),
				                                .knowledge = CW_UNKNOWN,
				                                .judged_day = CW_DAY_NONE };
	}
	return 0;
}

/* ---- one council's own time ---- */

static int by_day(const void *a, const void *b)
{
	const int32_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* The days on which something new may be known; owned. */
static int list_days(const struct backtest *bt, const struct cw_history *facts, const int32_t *speaking, int32_t **ret,
                     size_t *ret_n)
{
	size_t n = bt->n_months, at = 0;
	int32_t *days;

	for (size_t i = 0; i < facts->n; i++)
		n += 2 + facts->at[i].n_again;
	days = calloc(n + 1, sizeof(*days));
	if (!days)
		return -ENOMEM;
	memcpy(days, bt->grid, bt->n_months * sizeof(*days));
	at = bt->n_months;
	for (size_t i = 0; i < facts->n; i++) {
		if (speaking[i] == CW_DAY_NONE)
			continue;
		days[at++] = speaking[i];
		if (facts->at[i].heritage)
			days[at++] = facts->at[i].vested;
		for (size_t j = 0; j < facts->at[i].n_again; j++)
			days[at++] = cw_wall_day(facts->at[i].again[j]);
	}
	qsort(days, at, sizeof(*days), by_day);
	*ret = days;
	*ret_n = at;
	return 0;
}

static bool names(const struct cw_contributor *contributor, const char *signal)
{
	return strcmp(contributor->signal->name, signal) == 0;
}

static int note_openings(struct bt_council *council, const struct cw_assessment *assessment)
{
	for (size_t i = 0; i < assessment->n_contributors; i++) {
		const struct cw_contributor *c = &assessment->contributors[i];
		bool known = false;

		if (c->inherited || (!names(c, "improvement_notice") && !names(c, "statutory_direction")))
			continue;
		for (size_t k = 0; k < council->n_openings; k++)
			known |= council->openings[k] == c->opened_day;
		if (known)
			continue;
		if (cw_grow(&council->openings, &council->cap_openings, council->n_openings, sizeof(*council->openings)) < 0)
			return -ENOMEM;
		council->openings[council->n_openings++] = c->opened_day;
	}
	return 0;
}

static void note_month(struct bt_month *month, const struct cw_assessment *assessment)
{
	month->level = assessment->level;
	month->knowledge = assessment->knowledge;
	month->points = assessment->points;
	month->judged_day = assessment->last_judged_day;
	for (size_t i = 0; i < assessment->n_contributors; i++) {
		const struct cw_contributor *c = &assessment->contributors[i];

		month->adverse |= names(c, "ilacs_ri") || names(c, "ilacs_inadequate") || names(c, "ilacs_leaders_inadequate");
		month->intervened |= names(c, "improvement_notice") || names(c, "statutory_direction");
	}
}

static int note_day(struct backtest *bt, struct bt_council *council, int32_t day, const struct cw_assessment *assessment,
                    size_t *month)
{
	enum cw_level before = council->n_spans ? council->spans[council->n_spans - 1].level : CW_LEVEL_ROUTINE;

	if (assessment->level != before || !council->n_spans) {
		if (cw_grow(&council->spans, &council->cap_spans, council->n_spans, sizeof(*council->spans)) < 0)
			return -ENOMEM;
		council->spans[council->n_spans++] = (struct bt_span){ day, assessment->level };
	}
	while (*month < bt->n_months && bt->grid[*month] < day)
		++*month;
	if (*month < bt->n_months && bt->grid[*month] == day)
		note_month(&council->months[*month], assessment);
	return note_openings(council, assessment);
}

static int follow(struct backtest *bt, struct bt_council *council, const struct cw_history *facts, const int32_t *speaking,
                  struct cw_error *err)
{
	CW_CLEANUP(cw_freep) int32_t *days = NULL;
	size_t n, at = 0, month = 0;
	int32_t day, next;
	int r = 0;

	if (list_days(bt, facts, speaking, &days, &n) < 0)
		return cw_error_nomem(err);
	for (day = n ? days[0] : CW_DAY_NONE; r == 0 && day != CW_DAY_NONE && day <= bt->to; day = next) {
		struct cw_assessment assessment;

		r = cw_model_assess(&bt->cli->config->risk, facts->at, facts->n, day, &assessment, err);
		if (r < 0)
			return r;
		if (note_day(bt, council, day, &assessment, &month) < 0)
			r = cw_error_nomem(err);
		while (at < n && days[at] <= day)
			at++;
		next = at < n ? days[at] : CW_DAY_NONE;
		if (assessment.next_day != CW_DAY_NONE && assessment.next_day > day &&
		    (next == CW_DAY_NONE || assessment.next_day < next))
			next = assessment.next_day;
		cw_assessment_clear(&assessment);
	}
	if (council->n_openings)
		qsort(council->openings, council->n_openings, sizeof(*council->openings), by_day);
	return r;
}

/* ---- alerts ---- */

struct listening {
	struct backtest *bt;
	const struct cw_council *council;
};

static int take_alert(void *arg, const struct cw_change *change)
{
	struct listening *listening = arg;
	struct backtest *bt = listening->bt;

	if (cw_wall_day(change->at) < bt->from)
		return 0;
	if (cw_grow(&bt->alerts, &bt->cap_alerts, bt->n_alerts, sizeof(*bt->alerts)) < 0)
		return -ENOMEM;
	bt->alerts[bt->n_alerts++] = (struct bt_alert){
		.at = change->at, .kind = change->kind, .council = listening->council,
		.signal = change->lead != SIZE_MAX ? change->after.contributors[change->lead].signal->name : NULL,
		.by_time = change->news_day == CW_DAY_NONE,
		.digest = change->kind == CW_ALERT_LEVEL_DOWN
	};
	return 0;
}

/* As to a reader who was there from the beginning and read everything on the day on which it began to speak. */
static int listen(struct backtest *bt, struct bt_council *council, struct cw_history *facts, const int32_t *speaking,
                  struct cw_error *err)
{
	struct listening listening = { bt, council->council };
	int32_t last = bt->to;

	for (size_t i = 0; i < facts->n; i++)
		if (speaking[i] != CW_DAY_NONE)
			facts->at[i].known_at = cw_day_start(speaking[i]);
	if (council->council->end_day != CW_DAY_NONE)
		last = CW_MIN(last, council->council->end_day);
	return cw_model_changes(&bt->cli->config->risk, facts->at, facts->n,
	                        (struct cw_wall){ cw_day_start(last + 1).ms - 1 }, take_alert, &listening, NULL, err);
}

static int by_moment(const void *a, const void *b)
{
	const struct bt_alert *x = a, *y = b;

	if (x->at.ms != y->at.ms)
		return x->at.ms < y->at.ms ? -1 : 1;
	if (x->by_time != y->by_time)
		return x->by_time ? -1 : 1;
	return x->council->index < y->council->index ? -1 : x->council->index > y->council->index;
}

/* News of so many councils at one moment is a release, and waits for the digest (workers/assessor/commit.c). */
static void find_releases(struct backtest *bt)
{
	size_t end;

	if (bt->n_alerts)
		qsort(bt->alerts, bt->n_alerts, sizeof(*bt->alerts), by_moment);
	for (size_t begin = 0; begin < bt->n_alerts; begin = end) {
		size_t councils = 0;

		for (end = begin; end < bt->n_alerts && bt->alerts[end].at.ms == bt->alerts[begin].at.ms &&
		                  bt->alerts[end].by_time == bt->alerts[begin].by_time;
		     end++)
			councils += end == begin || bt->alerts[end].council != bt->alerts[end - 1].council;
		for (size_t i = begin; councils >= bt->cli->config->digest_from && i < end; i++)
			bt->alerts[i].digest = true;
	}
}

/* ---- all of it ---- */

static bool left_out(struct backtest *bt, const struct cw_fact *fact)
{
	const struct cw_str *texts[] = { &fact->feed, &fact->evidence.publisher };

	for (size_t i = 0; i < CW_ARRAY_LEN(texts); i++)
		if (texts[i]->len == strlen(bt->without) && !strncasecmp(texts[i]->at, bt->without, texts[i]->len))
			return bt->without_matched = true;
	return false;
}

static int read_council(struct backtest *bt, struct bt_council *council, struct cw_error *err)
{
	CW_CLEANUP(cw_freep) int32_t *speaking = NULL;
	const struct cw_config *config = bt->cli->config;
	struct cw_history facts;
	size_t kept = 0;
	int r;

	r = cw_history_load(bt->store, config->councils, &config->risk, council->council, &facts, err);
	if (r < 0)
		return r;
	for (size_t i = 0; bt->without && i < facts.n; i++)
		if (!left_out(bt, &facts.at[i]))
			facts.at[kept++] = facts.at[i];
	if (bt->without)
		facts.n = kept;
	speaking = calloc(facts.n + 1, sizeof(*speaking));
	r = speaking ? cw_model_speaking(&config->risk, facts.at, facts.n, speaking, err) : cw_error_nomem(err);
	if (r == 0)
		r = follow(bt, council, &facts, speaking, err);
	if (r == 0)
		r = listen(bt, council, &facts, speaking, err);
	cw_history_free(&facts);
	return r;
}

static int read_inspections(struct backtest *bt, struct bt_council *council, int32_t today, struct cw_error *err)
{
	const struct cw_config *config = bt->cli->config;
	struct cw_history facts;
	int r = cw_history_load(bt->store, config->councils, &config->risk, council->council, &facts, err);

	if (r < 0)
		return r;
	r = look_back(bt, council, &facts, today, err);
	cw_history_free(&facts);
	return r;
}

int bt_gather(struct backtest *bt, struct cw_error *err)
{
	const struct cw_councils *table = bt->cli->config->councils;
	int32_t today = cw_wall_day(cw_wall_now());
	int r = 0;

	bt->n_councils = cw_councils_count(table);
	bt->councils = calloc(bt->n_councils + 1, sizeof(*bt->councils));
	if (!bt->councils)
		return cw_error_nomem(err);
	for (size_t i = 0; i < bt->n_councils && r == 0; i++) {
		bt->councils[i].council = cw_councils_at(table, i);
		r = read_inspections(bt, &bt->councils[i], today, err);
	}
	if (r == 0)
		r = find_span(bt, err);
	if (r == 0)
		r = make_grid(bt, err);
	for (size_t i = 0; i < bt->n_councils && r == 0; i++) {
		show_progress(i, bt->n_councils);
		r = read_council(bt, &bt->councils[i], err);
	}
	show_progress(1, 1);
	if (r == 0)
		find_releases(bt);
	return r;
}

/* ---- questions ---- */

enum cw_level bt_level_on(const struct bt_council *council, int32_t day)
{
	enum cw_level level = CW_LEVEL_ROUTINE;

	for (size_t i = 0; i < council->n_spans && council->spans[i].from <= day; i++)
		level = council->spans[i].level;
	return level;
}

int32_t bt_since(const struct bt_council *council, int32_t day, enum cw_level level)
{
	int32_t since = CW_DAY_NONE;

	for (size_t i = 0; i < council->n_spans && council->spans[i].from <= day; i++) {
		if (council->spans[i].level < level)
			since = CW_DAY_NONE;
		else if (since == CW_DAY_NONE)
			since = council->spans[i].from;
	}
	return since;
}

size_t bt_month_before(const struct backtest *bt, int32_t day)
{
	size_t m = 0;

	while (m < bt->n_months && bt->grid[m] < day)
		m++;
	return m ? m - 1 : SIZE_MAX;
}
