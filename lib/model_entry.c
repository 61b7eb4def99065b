/*
 * Evidence in the order in which it speaks. A correction speaks from when it was known: earlier would be looking ahead; and
 * what a publisher went back to speaks again.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model_private.h"

static int32_t fact_published_day(const struct cw_fact *fact)
{
	return cw_wall_known(fact->evidence.published_at) ? cw_wall_day(fact->evidence.published_at)
	                                                  : cw_wall_day(fact->known_at);
}

/* Of what became known at one moment: first what opens, in the order of its events, then what closes. */
int entry_by_speaking(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int32_t x_event = x->fact->evidence.event_day, y_event = y->fact->evidence.event_day;

	if (x->day != y->day)
		return x->day < y->day ? -1 : 1;
	if (x->known != y->known)
		return x->known < y->known ? -1 : 1;
	if (x->closes != y->closes)
		return x->closes ? 1 : -1;
	if (x_event != y_event)
		return x_event < y_event ? -1 : 1;
	if (x->fact != y->fact) {
		int order = strcmp(x->fact->id, y->fact->id);

		if (order)
			return order;
		if (x->fact->heritage != y->fact->heritage)
			return x->fact->heritage < y->fact->heritage ? -1 : 1;
	}
	return (x->again > y->again) - (x->again < y->again);
}

int entry_by_knowing(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->known != y->known)
		return x->known < y->known ? -1 : 1;
	return entry_by_speaking(a, b);
}

void entries_sort(struct entry *entries, size_t *n, int (*compare)(const void *, const void *))
{
	size_t kept = 0;

	qsort(entries, *n, sizeof(*entries), compare);
	for (size_t i = 0; i < *n; i++)
		if (kept == 0 || compare(&entries[kept - 1], &entries[i]) != 0)
			entries[kept++] = entries[i];
	*n = kept;
}

/* Did the same feed say other about the same inspection before fact was known? */
static bool corrects(const struct cw_fact *fact, const struct cw_fact *other, int cluster_days)
{
	if (other == fact || other->heritage != fact->heritage || other->known_at.ms > fact->known_at.ms || other->evidence.kind != fact->evidence.kind)
		return false;
	/* A correction that its publisher dated speaks from that date. */
	if (cw_wall_known(fact->evidence.published_at) && fact_published_day(fact) > fact_published_day(other))
		return false;
	return (other->known_at.ms < fact->known_at.ms || fact_published_day(other) < fact_published_day(fact)) &&
	       inspection_same(other->evidence.event_day, other->evidence.url, other->evidence.published_at,
	                       fact->evidence.event_day, fact->evidence.url, fact->evidence.published_at,
	                       cluster_days) &&
	       same_text(other->feed, fact->feed) && same_text(other->evidence.publisher, fact->evidence.publisher);
}

static int by_event(const void *a, const void *b)
{
	const struct cw_fact *x = *(const struct cw_fact *const *)a, *y = *(const struct cw_fact *const *)b;

	return x->evidence.event_day < y->evidence.event_day ? -1 : x->evidence.event_day > y->evidence.event_day;
}

/* What a fact puts right, ascending in what follows from it. */
enum correction {
	CORRECTS_NOTHING,
	CORRECTS_LATER, /* only what was published after it: the day of publication was put right */
	CORRECTS_EARLIER,
};

static void weigh(enum correction *most, const struct cw_fact *fact, const struct cw_fact *other, int cluster_days)
{
	enum correction may_be = fact_published_day(other) > fact_published_day(fact) ? CORRECTS_LATER : CORRECTS_EARLIER;

	if (may_be > *most && corrects(fact, other, cluster_days))
		*most = may_be;
}

/* What does sorted[at] put right? sorted is by day of event, the undated first, so that rivals of a dated one stand within the
 * cluster's days of it or among the undated. */
static enum correction find_correction(const struct cw_fact *const *sorted, size_t n, size_t n_undated, size_t at, int cluster_days)
{
	const struct cw_fact *fact = sorted[at];
	enum correction most = CORRECTS_NOTHING;

	for (size_t i = 0; i < n_undated && most < CORRECTS_EARLIER; i++)
		weigh(&most, fact, sorted[i], cluster_days);
	if (at < n_undated) {
		for (size_t i = n_undated; i < n && most < CORRECTS_EARLIER; i++)
			weigh(&most, fact, sorted[i], cluster_days);
		return most;
	}
	for (size_t i = at; i > n_undated && most < CORRECTS_EARLIER &&
	                    fact->evidence.event_day - sorted[i - 1]->evidence.event_day <= cluster_days; i--)
		weigh(&most, fact, sorted[i - 1], cluster_days);
	for (size_t i = at + 1; i < n && most < CORRECTS_EARLIER &&
	                        sorted[i]->evidence.event_day - fact->evidence.event_day <= cluster_days; i++)
		weigh(&most, fact, sorted[i], cluster_days);
	return most;
}

/* Groups by whose it is, address, feed, publisher and stated publication; within a group by when it was known. */
static int by_address(const void *a, const void *b)
{
	const struct cw_fact *x = *(const struct cw_fact *const *)a, *y = *(const struct cw_fact *const *)b;
	const struct cw_str *xs[] = { &x->evidence.url, &x->feed, &x->evidence.publisher };
	const struct cw_str *ys[] = { &y->evidence.url, &y->feed, &y->evidence.publisher };

	if (x->heritage != y->heritage)
		return x->heritage < y->heritage ? -1 : 1;
	if (x->evidence.kind != y->evidence.kind)
		return x->evidence.kind < y->evidence.kind ? -1 : 1;
	for (size_t i = 0; i < CW_ARRAY_LEN(xs); i++) {
		int order;

		if (xs[i]->len != ys[i]->len)
			return xs[i]->len < ys[i]->len ? -1 : 1;
		order = memcmp(xs[i]->at, ys[i]->at, xs[i]->len);
		if (order)
			return order;
	}
	if (x->evidence.published_at.ms != y->evidence.published_at.ms)
		return x->evidence.published_at.ms < y->evidence.published_at.ms ? -1 : 1;
	return x->known_at.ms < y->known_at.ms ? -1 : x->known_at.ms > y->known_at.ms;
}

/* Marks the facts, by their place among all, that put right what was said at the same address before. */
static int mark_readdressed(const struct cw_fact *facts, const struct cw_fact *const *inspections, size_t n,
                            bool *corrected, int cluster_days)
{
	CW_CLEANUP(cw_freep) const struct cw_fact **sorted = calloc(n + 1, sizeof(*sorted));
	size_t before = 0; /* the last of those known before sorted[i]; whichever came first of what was known at once is nothing to it */

	if (!sorted)
		return -ENOMEM;
	memcpy(sorted, inspections, n * sizeof(*sorted));
	qsort(sorted, n, sizeof(*sorted), by_address);
	for (size_t i = 1; i < n; i++) {
		if (by_address(&sorted[i - 1], &sorted[i]) != 0)
			before = i - 1;
		if (same_text(sorted[i]->evidence.url, sorted[before]->evidence.url) &&
		    sorted[i]->evidence.published_at.ms == sorted[before]->evidence.published_at.ms &&
		    corrects(sorted[i], sorted[before], cluster_days))
			corrected[sorted[i] - facts] = true;
	}
	return 0;
}

/* Who controls a council is public from the day of it, whenever the list of it was made. */
static int32_t speaking_day(const struct cw_fact *fact)
{
	if (fact->evidence.kind == CW_KIND_POLITICAL_CONTROL && !cw_wall_known(fact->evidence.published_at) &&
	    fact->evidence.event_day != CW_DAY_NONE)
		return fact->evidence.event_day;
	return fact_published_day(fact);
}

static void add_entries(struct entry *entries, size_t *n, const struct cw_fact *fact, int32_t day)
{
	bool closes = fact->evidence.kind == CW_KIND_SIGNAL &&
	              cw_str_eq(cw_evidence_value(&fact->evidence, CW_VAL_STATUS), "closed");

	/* What is dated into the future is nothing until then. */
	entries[(*n)++] = (struct entry){ fact, day, CW_MAX(fact->known_at.ms, cw_day_start(day).ms), false, closes };
	for (size_t j = 0; j < fact->n_again; j++)
		entries[(*n)++] = (struct entry){ fact, cw_wall_day(fact->again[j]), fact->again[j].ms, true, closes };
}

int entries_list(const struct cw_risk *risk, const struct cw_fact *facts, size_t n_facts, struct entry **ret,
                 size_t *ret_n)
{
	CW_CLEANUP(cw_freep) const struct cw_fact **inspections = calloc(n_facts + 1, sizeof(*inspections));
	CW_CLEANUP(cw_freep) bool *corrected = calloc(n_facts + 1, sizeof(*corrected));
	struct entry *entries;
	size_t n = 0, n_inspections = 0, n_undated = 0;

	for (size_t i = 0; i < n_facts; i++)
		n += 2 + facts[i].n_again;
	entries = calloc(n + 1, sizeof(*entries));
	if (!entries || !inspections || !corrected) {
		free(entries);
		return -ENOMEM;
	}
	n = 0;
	for (size_t i = 0; i < n_facts; i++) {
		/* Unattributed: kept, never scored, and it closes nothing either. */
		if (facts[i].evidence.tier == CW_TIER_D || facts[i].evidence.tier == CW_TIER_NONE)
			continue;
		if (strand_of(facts[i].evidence.kind) >= 0) {
			inspections[n_inspections++] = &facts[i];
			n_undated += facts[i].evidence.event_day == CW_DAY_NONE;
		} else {
			add_entries(entries, &n, &facts[i], speaking_day(&facts[i]));
		}
	}
	if (mark_readdressed(facts, inspections, n_inspections, corrected, risk->cluster_days) < 0) {
		free(entries);
		return -ENOMEM;
	}
	qsort(inspections, n_inspections, sizeof(*inspections), by_event);
	for (size_t i = 0; i < n_inspections; i++) {
		int32_t day = fact_published_day(inspections[i]), known_day = cw_wall_day(inspections[i]->known_at);
		enum correction correction = corrected[inspections[i] - facts]
		                                 ? CORRECTS_EARLIER
		                                 : find_correction(inspections, n_inspections, n_undated, i, risk->cluster_days);

		/* Before the other was published it was nothing that could be put right. */
		if (correction == CORRECTS_LATER && known_day > day)
			entries[n++] = (struct entry){ inspections[i], known_day, inspections[i]->known_at.ms, true };
		add_entries(entries, &n, inspections[i], correction == CORRECTS_EARLIER ? CW_MAX(day, known_day) : day);
	}
	*ret = entries;
	*ret_n = n;
	return 0;
}
