/*
 * Properties that the risk model must have for any evidence, on random histories. A failure prints the seed and the smallest set of
 * facts that still fails; CW_SEED runs that seed again, CW_SEEDS says how many seeds are tried.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <councilwatch/buf.h>

#include "random_history.h"

#define SEEDS 150
#define LOOK_DAYS 120 /* for how many days the computed next day is checked day by day */
#define CHANGES_MAX 512
#define SET_MAX (2 * RANDOM_FACTS_MAX)
#define DAY_MS 86400000ll

/* Facts that a property looks at. Randomness comes from the history's seed: the same for every subset. */
struct set {
	struct random_history *history;
	size_t n;
	struct cw_fact facts[SET_MAX];
};

/* true: it holds; else why says how not. */
typedef bool property_fn(struct set *set, struct cw_buf *why);

/* ---- asking the model ---- */

static struct cw_assessment assess(const struct cw_risk *risk, const struct cw_fact *facts, size_t n, int32_t day)
{
	struct cw_assessment a;
	struct cw_error err = { 0 };

	assert_int_equal(cw_model_assess(risk, facts, n, day, &a, &err), 0);
	return a;
}

struct change {
	enum cw_alert_kind kind;
	struct cw_wall at;
	enum cw_level previous, level;
	enum cw_knowledge knowledge;
	double points;
	char cause[96];
};

struct changes {
	size_t n;
	struct change at[CHANGES_MAX];
};

static bool told(const struct changes *list, const char *cause)
{
	for (size_t i = 0; i < list->n; i++)
		if (strcmp(list->at[i].cause, cause) == 0)
			return true;
	return false;
}

/* Like the store: the same cause is there once. */
static int take_change(void *arg, const struct cw_change *change)
{
	struct changes *list = arg;
	struct change *to;

	if (told(list, change->cause))
		return 0;
	assert_in_range(list->n, 0, CHANGES_MAX - 1);
	to = &list->at[list->n++];
	*to = (struct change){ change->kind, change->at, change->previous_level, change->after.level, change->after.knowledge,
		               change->after.points, "" };
	snprintf(to->cause, sizeof(to->cause), "%s", change->cause);
	return 0;
}

static struct cw_assessment find_changes(const struct cw_risk *risk, const struct cw_fact *facts, size_t n, struct cw_wall until,
                                         struct changes *list)
{
	struct cw_assessment last;
	struct cw_error err = { 0 };

	assert_int_equal(cw_model_changes(risk, facts, n, until, take_change, list, &last, &err), 0);
	return last;
}

static struct cw_wall end_of(int32_t day)
{
	return (struct cw_wall){ cw_day_start(day + 1).ms - 1 };
}

static int32_t last_known_day(const struct set *set)
{
	int64_t last = INT64_MIN;

	for (size_t i = 0; i < set->n; i++) {
		last = CW_MAX(last, random_known(&set->facts[i]));
		for (size_t j = 0; j < set->facts[i].n_again; j++)
			last = CW_MAX(last, set->facts[i].again[j].ms);
	}
	return cw_wall_day((struct cw_wall){ last });
}

/* Some day of the history, or a while after it. */
static int32_t some_day(const struct set *set)
{
	struct random_history *h = set->history;

	return h->first_day - 10 + (int32_t)random_below(h, (uint32_t)(h->last_day - h->first_day) + 700);
}

/* ---- comparing ---- */

static bool differ(struct cw_buf *why, const char *what, double a, double b)
{
	if (fabs(a - b) < 1e-6)
		return false;
	cw_buf_printf(why, "%s %g, not %g", what, a, b);
	return true;
}

static bool contributors_differ(const struct cw_contributor *a, const struct cw_contributor *b, struct cw_buf *why)
{
	if (a->signal != b->signal || a->criterion != b->criterion || a->n_facts != b->n_facts || a->opened_day != b->opened_day ||
	    a->floor != b->floor || a->closes_day != b->closes_day || fabs(a->points - b->points) > 1e-6) {
		cw_buf_printf(why, "contributor %s/%s %g of %zu facts, not %s/%s %g of %zu", a->signal->name,
		              cw_criterion_name(a->criterion), a->points, a->n_facts, b->signal->name,
		              cw_criterion_name(b->criterion), b->points, b->n_facts);
		return true;
	}
	for (size_t i = 0; i < a->n_facts; i++)
		if (strcmp(a->facts[i]->id, b->facts[i]->id) != 0) {
			cw_buf_printf(why, "contributor %s rests on %.4s, not %.4s", a->signal->name, a->facts[i]->id, b->facts[i]->id);
			return true;
		}
	return false;
}

static bool assessments_differ(const struct cw_assessment *a, const struct cw_assessment *b, struct cw_buf *why)
{
	char day[CW_WALL_TEXT];

	cw_buf_printf(why, "on %s: ", cw_day_format(a->as_of, day));
	if (differ(why, "level", a->level, b->level) || differ(why, "model level", a->model_level, b->model_level) ||
	    differ(why, "points level", a->points_level, b->points_level) || differ(why, "floor", a->floor_level, b->floor_level) ||
	    differ(why, "points", a->points, b->points) || differ(why, "knowledge", a->knowledge, b->knowledge) ||
	    differ(why, "hold", a->hold_until, b->hold_until) || differ(why, "step down", a->step_down_day, b->step_down_day) ||
	    differ(why, "judged", a->last_judged_day, b->last_judged_day) || differ(why, "stale", a->stale_day, b->stale_day) ||
	    differ(why, "conflicts", (double)a->n_conflicts, (double)b->n_conflicts) ||
	    differ(why, "next day", a->next_day, b->next_day) ||
	    differ(why, "ruling", a->ruling.fact != NULL, b->ruling.fact != NULL) ||
	    differ(why, "rulings", (double)a->n_rulings, (double)b->n_rulings) ||
	    differ(why, "contributors", (double)a->n_contributors, (double)b->n_contributors))
		return true;
	for (int c = 0; c < CW_CRIT_COUNT; c++)
		if (differ(why, cw_criterion_name((enum cw_criterion)c), a->criteria[c].uncapped, b->criteria[c].uncapped) ||
		    differ(why, "its level", a->criteria[c].level, b->criteria[c].level) ||
		    differ(why, "its knowledge", a->criteria[c].knowledge, b->criteria[c].knowledge))
			return true;
	for (size_t i = 0; i < a->n_rulings; i++)
		if (differ(why, "state of a ruling", a->rulings[i].state, b->rulings[i].state) ||
		    differ(why, "order of rulings", strcmp(a->rulings[i].fact->id, b->rulings[i].fact->id), 0))
			return true;
	for (size_t i = 0; i < a->n_contributors; i++)
		if (contributors_differ(&a->contributors[i], &b->contributors[i], why))
			return true;
	cw_buf_reset(why);
	return false;
}

static void print_change(struct cw_buf *out, const struct changes *list, size_t at)
{
	const struct change *c = &list->at[at];
	char time[CW_WALL_TEXT];

	if (at >= list->n)
		cw_buf_puts(out, "nothing");
	else
		cw_buf_printf(out, "%s %s %s->%s %s", cw_wall_format(c->at, time), cw_alert_kind_name(c->kind),
		              cw_level_name(c->previous), cw_level_name(c->level), c->cause);
}

static bool changes_differ(const struct changes *a, const struct changes *b, struct cw_buf *why)
{
	for (size_t i = 0; i < CW_MAX(a->n, b->n); i++) {
		const struct change *x = &a->at[i], *y = &b->at[i];

		if (i < a->n && i < b->n && x->kind == y->kind && x->at.ms == y->at.ms && x->previous == y->previous &&
		    x->level == y->level && x->knowledge == y->knowledge && fabs(x->points - y->points) < 1e-6 &&
		    strcmp(x->cause, y->cause) == 0)
			continue;
		cw_buf_puts(why, "told ");
		print_change(why, a, i);
		cw_buf_puts(why, ", not ");
		print_change(why, b, i);
		return true;
	}
	return false;
}

/* ---- properties ---- */

static int by_id(const void *a, const void *b)
{
	return strcmp(((const struct cw_fact *)a)->id, ((const struct cw_fact *)b)->id);
}

static int by_id_backwards(const void *a, const void *b)
{
	return by_id(b, a);
}

/* Any order, and the same fact any number of times. */
static bool order_does_not_matter(struct set *set, struct cw_buf *why)
{
	struct random_history *h = set->history;
	int32_t days[] = { some_day(set), some_day(set), last_known_day(set) };
	struct cw_assessment last, last_again;
	struct changes before = { 0 }, after = { 0 };
	struct set other = { .history = h };
	bool same = true;

	/* By what a fact is and not by its place, so that fewer facts are in the same order. */
	for (size_t i = 0; i < set->n; i++) {
		other.facts[other.n++] = set->facts[i];
		if (set->facts[i].id[0] < '5')
			other.facts[other.n++] = set->facts[i];
	}
	qsort(other.facts, other.n, sizeof(*other.facts), h->seed % 2 ? by_id : by_id_backwards);
	for (size_t i = 0; i < CW_ARRAY_LEN(days) && same; i++) {
		struct cw_assessment a = assess(&h->risk, other.facts, other.n, days[i]);
		struct cw_assessment b = assess(&h->risk, set->facts, set->n, days[i]);

		same = !assessments_differ(&a, &b, why);
		cw_assessment_clear(&a);
		cw_assessment_clear(&b);
	}
	last = find_changes(&h->risk, set->facts, set->n, end_of(last_known_day(set) + 400), &before);
	last_again = find_changes(&h->risk, other.facts, other.n, end_of(last_known_day(set) + 400), &after);
	same = same && !changes_differ(&after, &before, why) && !assessments_differ(&last_again, &last, why);
	cw_assessment_clear(&last);
	cw_assessment_clear(&last_again);
	return same;
}

/* What was public by a day, and what of it had been said again. */
static void keep_public(const struct set *set, int32_t day, struct set *ret)
{
	*ret = (struct set){ .history = set->history };
	for (size_t i = 0; i < set->n; i++) {
		struct cw_fact *fact = &ret->facts[ret->n];

		if (random_public_day(&set->facts[i]) > day)
			continue;
		*fact = set->facts[i];
		while (fact->n_again && cw_wall_day(fact->again[fact->n_again - 1]) > day)
			fact->n_again--;
		ret->n++;
	}
}

/* A past day is answered as if nothing had come later. */
static bool no_look_ahead(struct set *set, struct cw_buf *why)
{
	struct random_history *h = set->history;
	bool same = true;

	for (int i = 0; i < 6 && same; i++) {
		int32_t day = some_day(set);
		struct set then;
		struct cw_assessment a, b;

		keep_public(set, day, &then);
		a = assess(&h->risk, set->facts, set->n, day);
		b = assess(&h->risk, then.facts, then.n, day);
		same = !assessments_differ(&a, &b, why);
		cw_assessment_clear(&a);
		cw_assessment_clear(&b);
	}
	return same;
}

/* The same publisher says of the same inspection, later, that it found otherwise: before we knew that, it is nothing. */
static bool corrections_do_not_look_ahead(struct set *set, struct cw_buf *why)
{
	struct random_history *h = set->history;
	bool same = true;

	for (size_t i = 0; i < set->n && same; i++) {
		const struct cw_fact *fact = &set->facts[i];
		struct set with = *set;
		struct cw_fact *correction = &with.facts[with.n++];

		if ((fact->evidence.kind != CW_KIND_ILACS && fact->evidence.kind != CW_KIND_AREA_SEND) ||
		    (fact->evidence.event_day == CW_DAY_NONE && !fact->evidence.url.len))
			continue;
		*correction = *fact;
		correction->n_again = 0;
		correction->known_at.ms += (int64_t)(1 + random_below(h, 300)) * DAY_MS;
		snprintf(correction->id, sizeof(correction->id), "%016llx%.15s", (unsigned long long)h->state, fact->id);
		cw_evidence_set(&correction->evidence,
		                fact->evidence.kind == CW_KIND_ILACS ? CW_VAL_OVERALL_EFFECTIVENESS : CW_VAL_OUTCOME,
		                cw_str(fact->evidence.kind == CW_KIND_ILACS ? "inadequate" : "3"));
		for (int times = 0; times < 3 && same; times++) {
			int32_t span = cw_wall_day(correction->known_at) - random_public_day(fact);
			int32_t day = random_public_day(fact) + (int32_t)random_below(h, (uint32_t)CW_MAX(span, 1));
			struct cw_assessment a, b;

			if (day >= cw_wall_day(correction->known_at))
				continue;
			a = assess(&h->risk, with.facts, with.n, day);
			b = assess(&h->risk, set->facts, set->n, day);
			same = !assessments_differ(&a, &b, why);
			cw_assessment_clear(&a);
			cw_assessment_clear(&b);
		}
	}
	return same;
}

/* What we knew by a moment, whatever it was published as. */
static void keep_known(const struct set *set, struct cw_wall until, struct set *ret)
{
	*ret = (struct set){ .history = set->history };
	for (size_t i = 0; i < set->n; i++) {
		struct cw_fact *fact = &ret->facts[ret->n];

		if (random_known(&set->facts[i]) > until.ms)
			continue;
		*fact = set->facts[i];
		while (fact->n_again && fact->again[fact->n_again - 1].ms > until.ms)
			fact->n_again--;
		ret->n++;
	}
}

/* Told step by step as it becomes known, in any number of calls, is told at once; and both end where assessing ends. */
static bool calls_do_not_matter(struct set *set, struct cw_buf *why)
{
	struct random_history *h = set->history;
	int32_t end = last_known_day(set) + 30;
	struct changes whole = { 0 }, parts = { 0 };
	struct cw_assessment last = find_changes(&h->risk, set->facts, set->n, end_of(end), &whole);
	struct cw_assessment now = assess(&h->risk, set->facts, set->n, end);
	bool same = !assessments_differ(&last, &now, why);

	cw_assessment_clear(&last);
	cw_assessment_clear(&now);
	for (int32_t day = h->first_day; same && day < end; day += 1 + (int32_t)random_below(h, (uint32_t)(end - h->first_day))) {
		struct set known;

		keep_known(set, end_of(day), &known);
		last = find_changes(&h->risk, known.facts, known.n, end_of(day), &parts);
		now = assess(&h->risk, known.facts, known.n, day);
		same = !assessments_differ(&last, &now, why);
		cw_assessment_clear(&last);
		cw_assessment_clear(&now);
	}
	last = find_changes(&h->risk, set->facts, set->n, end_of(end), &parts);
	cw_assessment_clear(&last);
	return same && !changes_differ(&parts, &whole, why);
}

/* Rulings in force whose end is to be told by then. */
static size_t notices_due(const struct cw_risk *risk, const struct cw_assessment *a)
{
	size_t n = 0;

	for (size_t i = 0; i < a->n_rulings; i++)
		n += a->rulings[i].state == CW_RULING_IN_FORCE &&
		     a->as_of >= CW_MAX(a->rulings[i].until_day - risk->override_notice_days, random_public_day(a->rulings[i].fact) + 1);
	return n;
}

static bool rulings_differ(const struct cw_risk *risk, const struct cw_assessment *a, const struct cw_assessment *b)
{
	for (size_t i = 0; i < a->n_rulings && i < b->n_rulings; i++)
		if ((a->rulings[i].state == CW_RULING_IN_FORCE) != (b->rulings[i].state == CW_RULING_IN_FORCE))
			return true;
	return notices_due(risk, a) != notices_due(risk, b);
}

static bool knowledge_differs(const struct cw_assessment *a, const struct cw_assessment *b)
{
	for (int c = 0; c < CW_CRIT_COUNT; c++)
		if (a->criteria[c].knowledge != b->criteria[c].knowledge)
			return true;
	return a->knowledge != b->knowledge;
}

/* Points rise with time alone only when an event that a person rejects counts again, or another source is heard. */
static bool may_rise(const struct cw_assessment *a, const struct cw_assessment *b)
{
	for (size_t i = 0; i < a->n_rulings && i < b->n_rulings; i++)
		if (a->rulings[i].scope == CW_RULING_EVENT && a->rulings[i].state == CW_RULING_IN_FORCE &&
		    b->rulings[i].state == CW_RULING_EXPIRED)
			return true;
	return false;
}

static bool has_floor(const struct cw_assessment *a, const struct cw_contributor *like)
{
	for (size_t i = 0; i < a->n_contributors; i++)
		if (a->contributors[i].floor > CW_LEVEL_ROUTINE && a->contributors[i].signal == like->signal &&
		    a->contributors[i].criterion == like->criterion)
			return true;
	return false;
}

static bool floors_differ(const struct cw_assessment *a, const struct cw_assessment *b)
{
	for (size_t i = 0; i < a->n_contributors; i++)
		if (a->contributors[i].floor > CW_LEVEL_ROUTINE && !has_floor(b, &a->contributors[i]))
			return true;
	return false;
}

/* Is this something to wake up for? */
static bool changed(const struct cw_risk *risk, const struct cw_assessment *a, const struct cw_assessment *b)
{
	return a->level != b->level || knowledge_differs(a, b) || rulings_differ(risk, a, b) || floors_differ(a, b) ||
	       floors_differ(b, a);
}

/* The next day on which time alone changes something is the one that asking day by day finds; until then the points only fall. */
static bool next_day_is_exact(struct set *set, struct cw_buf *why)
{
	struct random_history *h = set->history;
	int32_t day = some_day(set);
	struct set then;
	struct cw_assessment a;
	bool right = true;
	int32_t next, end;
	char text[CW_WALL_TEXT], found[CW_WALL_TEXT];

	if (h->vested != CW_DAY_NONE && random_percent(h, 40))
		day = h->vested - 1 - (int32_t)random_below(h, LOOK_DAYS);
	keep_known(set, end_of(day), &then);
	a = assess(&h->risk, then.facts, then.n, day);
	next = a.next_day;
	end = day + LOOK_DAYS;
	/* Sometimes the days before it are of more interest. */
	if (next != CW_DAY_NONE && next > end && random_percent(h, 50)) {
		cw_assessment_clear(&a);
		day = next - LOOK_DAYS / 2;
		end = next + 1;
		a = assess(&h->risk, then.facts, then.n, day);
		right = a.next_day == next;
		if (!right)
			cw_buf_printf(why, "asked on %s the next day is not %s", cw_day_format(day, text), cw_day_format(next, found));
	}
	while (right && day < end) {
		struct cw_assessment b = assess(&h->risk, then.facts, then.n, ++day);
		bool differs = changed(&h->risk, &a, &b);

		right = differs == (day == next) && (day == h->vested || b.points <= a.points + 1e-9 || may_rise(&a, &b));
		if (!right)
			cw_buf_printf(why, "next day is %s, and on %s %s (%s %g to %s %g)",
			              next == CW_DAY_NONE ? "never" : cw_day_format(next, text), cw_day_format(day, found),
			              differs ? "something changes" : day == next ? "nothing changes" : "points rise",
			              cw_level_name(a.level), a.points, cw_level_name(b.level), b.points);
		cw_assessment_clear(&a);
		a = b;
		if (differs)
			break;
	}
	cw_assessment_clear(&a);
	return right;
}

/* One more adverse statement, the last to be published, never lowers points or level, then or later. */
static bool no_signal_lowers(struct set *set, struct cw_buf *why)
{
	struct random_history *h = set->history;
	static const int32_t later[] = { 0, 1, 13, 60, 61, 200, 425, 600, 1000 };
	bool right = true;

	for (int times = 0; times < 3 && right; times++) {
		int32_t day = some_day(set);
		struct set then;

		keep_public(set, day, &then);
		random_adverse(h, day, &then.facts[then.n]);
		for (size_t i = 0; i < CW_ARRAY_LEN(later) && right; i++) {
			struct cw_assessment without = assess(&h->risk, then.facts, then.n, day + later[i]);
			struct cw_assessment with = assess(&h->risk, then.facts, then.n + 1, day + later[i]);
			char text[CW_WALL_TEXT];

			right = with.level >= without.level && with.points + 1e-9 >= without.points;
			if (!right)
				cw_buf_printf(why, "%.*s of %s, %d days later: %s %g becomes %s %g",
				              (int)cw_evidence_value(&then.facts[then.n].evidence, CW_VAL_SIGNAL).len,
				              cw_evidence_value(&then.facts[then.n].evidence, CW_VAL_SIGNAL).at,
				              cw_day_format(day, text), later[i], cw_level_name(without.level), without.points,
				              cw_level_name(with.level), with.points);
			cw_assessment_clear(&without);
			cw_assessment_clear(&with);
		}
	}
	return right;
}

/* Every fact is known when it is published. */
static void make_punctual(struct set *set)
{
	for (size_t i = 0; i < set->n; i++) {
		struct cw_fact *fact = &set->facts[i];

		if (!cw_wall_known(fact->evidence.published_at))
			fact->evidence.published_at = fact->known_at;
		fact->known_at = fact->evidence.published_at;
		fact->n_again = 0;
	}
}

/* When nothing comes late and nothing is damped, what is told is exactly how the levels of one day differ from those of the day
 * before. */
static bool changes_are_the_differences(struct set *set, struct cw_buf *why)
{
	struct random_history *h = set->history;
	struct cw_risk risk = h->risk;
	struct set punctual = *set;
	struct changes list = { 0 };
	struct cw_assessment last;
	enum cw_level level = CW_LEVEL_ROUTINE;
	int32_t first = h->first_day, end;
	char text[CW_WALL_TEXT];
	size_t at = 0, ups;
	bool right = true, rose;

	risk.same_cause_days = 0;
	make_punctual(&punctual);
	for (size_t i = 0; i < punctual.n; i++)
		first = CW_MIN(first, cw_wall_day(punctual.facts[i].known_at));
	first--;
	end = CW_MIN(last_known_day(&punctual) + 500, first + 1500);
	last = find_changes(&risk, punctual.facts, punctual.n, end_of(end), &list);
	cw_assessment_clear(&last);
	for (int32_t day = first; day <= end && right; day++) {
		struct cw_assessment a = assess(&risk, punctual.facts, punctual.n, day);
		enum cw_level said = level, before = level;

		ups = 0;
		rose = false;
		for (; at < list.n && right && cw_wall_day(list.at[at].at) == day; at++) {
			const struct change *c = &list.at[at];

			/* One moment may be told of as a level and as something else. */
			before = at > 0 && list.at[at - 1].at.ms == c->at.ms ? before : said;
			said = c->level;
			right = c->previous == before && (c->kind != CW_ALERT_LEVEL_UP || said > before) &&
			        (c->kind != CW_ALERT_LEVEL_DOWN || said < before);
			ups += c->kind == CW_ALERT_LEVEL_UP ? 1 : 0;
			rose |= said > before;
		}
		if (!right) {
			print_change(why, &list, at - 1);
			cw_buf_printf(why, " is told after %s", cw_level_name(before));
		} else if (rose && !ups) {
			right = false;
			cw_buf_printf(why, "on %s the level rose and no level_up is told", cw_day_format(day, text));
		} else if (said != a.level) {
			right = false;
			cw_buf_printf(why, "on %s the level is %s and was last told as %s", cw_day_format(day, text),
			              cw_level_name(a.level), cw_level_name(said));
		}
		level = a.level;
		cw_assessment_clear(&a);
	}
	return right;
}

/* ---- running them ---- */

static bool holds(property_fn *property, struct set *set, struct cw_buf *why)
{
	cw_buf_reset(why);
	set->history->state = set->history->seed + 77;
	return property(set, why);
}

/* Leaves out what can be left out as long as it still fails. */
static void shrink(property_fn *property, struct set *set, struct cw_buf *why)
{
	bool smaller = true;

	while (smaller) {
		smaller = false;
		for (size_t i = 0; i < set->n && set->n > 1; i++) {
			struct set fewer = *set;

			memmove(&fewer.facts[i], &fewer.facts[i + 1], (fewer.n - i - 1) * sizeof(*fewer.facts));
			fewer.n--;
			if (holds(property, &fewer, why))
				continue;
			*set = fewer;
			smaller = true;
			i--;
		}
	}
	(void)holds(property, set, why);
}

static unsigned long number(const char *name, unsigned long otherwise)
{
	const char *text = getenv(name);

	return text && text[0] ? strtoul(text, NULL, 10) : otherwise;
}

static void run(property_fn *property, unsigned long share)
{
	static struct random_history history;
	static struct set set;
	unsigned long first = number("CW_SEED", 1);
	unsigned long n = getenv("CW_SEED") && !getenv("CW_SEEDS") ? 1 : number("CW_SEEDS", SEEDS / share);
	struct cw_buf why;

	cw_buf_init(&why, 4096);
	for (unsigned long seed = first; seed < first + n; seed++) {
		random_history_make(&history, seed);
		set.history = &history;
		set.n = history.n;
		memcpy(set.facts, history.facts, history.n * sizeof(*history.facts));
		if (holds(property, &set, &why))
			continue;
		shrink(property, &set, &why);
		fprintf(stderr, "CW_SEED=%lu, %zu facts; cluster %d hold %d step %d days\n", seed, set.n, history.risk.cluster_days,
		        history.risk.hold_days, history.risk.step_down_days);
		for (size_t i = 0; i < set.n; i++)
			random_print(stderr, &set.facts[i]);
		fail_msg("CW_SEED=%lu: %s", seed, cw_buf_str(&why));
	}
	cw_buf_clear(&why);
}

static void test_order_does_not_matter(void **state)
{
	(void)state;
	run(order_does_not_matter, 1);
}

static void test_no_look_ahead(void **state)
{
	(void)state;
	run(no_look_ahead, 1);
}

static void test_corrections_do_not_look_ahead(void **state)
{
	(void)state;
	run(corrections_do_not_look_ahead, 1);
}

static void test_calls_do_not_matter(void **state)
{
	(void)state;
	run(calls_do_not_matter, 1);
}

static void test_next_day_is_exact(void **state)
{
	(void)state;
	run(next_day_is_exact, 2);
}

static void test_no_signal_lowers(void **state)
{
	(void)state;
	run(no_signal_lowers, 1);
}

static void test_changes_are_the_differences(void **state)
{
	(void)state;
	run(changes_are_the_differences, 10);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order_does_not_matter),
		cmocka_unit_test(test_no_look_ahead),
		cmocka_unit_test(test_corrections_do_not_look_ahead),
		cmocka_unit_test(test_calls_do_not_matter),
		cmocka_unit_test(test_next_day_is_exact),
		cmocka_unit_test(test_no_signal_lowers),
		cmocka_unit_test(test_changes_are_the_differences),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
