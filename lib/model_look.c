/*
 * The facts as the model understands them, for those who look back: when each begins to speak, and which inspections there were.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model_private.h"

int cw_model_speaking(const struct cw_risk *risk, const struct cw_fact *facts, size_t n_facts, int32_t *ret_days,
                      struct cw_error *err)
{
	CW_CLEANUP(cw_freep) struct entry *entries = NULL;
	size_t n;

	if (entries_list(risk, facts, n_facts, &entries, &n) < 0)
		return cw_error_nomem(err);
	for (size_t i = 0; i < n_facts; i++)
		ret_days[i] = CW_DAY_NONE;
	for (size_t i = 0; i < n; i++)
		if (!entries[i].again)
			ret_days[entries[i].fact - facts] = entries[i].day;
	return 0;
}

struct list {
	size_t n, cap;
	struct cw_inspection *at; /* owned */
};

static int add(struct list *list, struct cw_inspection inspection)
{
	if (list->n == list->cap && cw_grow(&list->at, &list->cap, list->n, sizeof(*list->at)) < 0)
		return -ENOMEM;
	list->at[list->n++] = inspection;
	return 0;
}

static int32_t day_of(const struct cw_inspection *inspection)
{
	return inspection->event_day != CW_DAY_NONE ? inspection->event_day : inspection->published_day;
}

/* Is an inspection of about that day there already? */
static bool is_listed(const struct list *list, int32_t event_day, int32_t published_day, int cluster_days)
{
	for (size_t i = 0; i < list->n; i++)
		if (abs(day_of(&list->at[i]) - event_day) <= cluster_days ||
		    abs(list->at[i].published_day - published_day) <= cluster_days)
			return true;
	return false;
}

static int list_strand(const struct sim *sim, int s, struct list *list)
{
	for (size_t i = 0; i < sim->strand[s].n; i++) {
		const struct inspection *inspection = &sim->strand[s].inspections[i];
		struct verdict verdict = inspection_verdict(s, inspection);
		struct cw_inspection found = { .event_day = inspection->event_day,
			                       .published_day = inspection->published_day,
			                       .severity = verdict.severity,
			                       .derived = verdict.derived };

		if (s == STRAND_ILACS && found.severity == CW_GRADE_NOT_JUDGED)
			found.severity = 0;
		if (add(list, found) < 0)
			return -ENOMEM;
	}
	return 0;
}

static const struct {
	const char *signal;
	int strand, severity;
} stated[] = {
	{ "ilacs_inadequate", STRAND_ILACS, CW_GRADE_INADEQUATE },
	{ "ilacs_ri", STRAND_ILACS, CW_GRADE_REQUIRES_IMPROVEMENT },
	{ "send_outcome3", STRAND_SEND, 3 },
	{ "send_outcome2", STRAND_SEND, 2 },
};

/* A full inspection that is known only because a person has stated what it found. */
static int list_stated(const struct sim *sim, int s, struct list *list)
{
	for (size_t k = 0; k < CW_ARRAY_LEN(stated); k++) {
		for (size_t i = 0; stated[k].strand == s && i < sim->n_instances; i++) {
			const struct instance *instance = &sim->instances[i];
			struct cw_inspection found = { .event_day = instance->event_day,
				                       .published_day = instance->opened_day,
				                       .severity = stated[k].severity };

			if (instance->strand >= 0 || instance->inherited || strcmp(instance->def->name, stated[k].signal) != 0 ||
			    is_listed(list, found.event_day, found.published_day, sim->risk->cluster_days))
				continue;
			if (add(list, found) < 0)
				return -ENOMEM;
		}
	}
	return 0;
}

static int by_publication(const void *a, const void *b)
{
	const struct cw_inspection *x = a, *y = b;

	if (x->published_day != y->published_day)
		return x->published_day < y->published_day ? -1 : 1;
	return x->event_day < y->event_day ? -1 : x->event_day > y->event_day;
}

/* Also where two publishers date the report differently, or the one that dates the visit does not know its report. */
static bool is_report_of(const struct cw_inspection *undated, const struct cw_inspection *dated)
{
	return undated->event_day == CW_DAY_NONE && dated->event_day != CW_DAY_NONE &&
	       undated->published_day >= dated->event_day && undated->published_day - dated->event_day <= REPORT_DELAY;
}

/* Sorted by publication: the report comes before or after the visit that somebody else dates. */
static void join_reports(struct list *list)
{
	size_t n = 0;

	for (size_t i = 0; i < list->n; i++) {
		struct cw_inspection *last = n ? &list->at[n - 1] : NULL, next = list->at[i];

		if (!last || !(is_report_of(last, &next) || is_report_of(&next, last))) {
			list->at[n++] = next;
			continue;
		}
		/* The first publication stands; the headline is that of who dates it, if they have one. */
		if (last->event_day == CW_DAY_NONE) {
			next.published_day = last->published_day;
			next.severity = next.severity ? next.severity : last->severity;
			*last = next;
		} else if (!last->severity) {
			last->severity = next.severity;
			last->derived = next.derived;
		}
	}
	list->n = n;
}

int cw_model_inspections(const struct cw_risk *risk, const struct cw_fact *facts, size_t n_facts, int32_t as_of, enum cw_kind kind,
                         struct cw_inspection **ret, size_t *ret_n, struct cw_error *err)
{
	CW_CLEANUP(cw_freep) struct entry *entries = NULL;
	int s = strand_of(kind), r = 0;
	struct list list = { 0 };
	struct sim sim;
	size_t n, kept = 0;

	if (s < 0)
		return cw_error_set(err, -EINVAL, "no full inspection is of this kind");
	if (entries_list(risk, facts, n_facts, &entries, &n) < 0)
		return cw_error_nomem(err);
	/* What was found at those it took over from is theirs. */
	for (size_t i = 0; i < n; i++)
		if (!entries[i].fact->heritage)
			entries[kept++] = entries[i];
	entries_sort(entries, &kept, entry_by_speaking);
	sim_init(&sim, risk);
	r = sim_fold(&sim, entries, kept, as_of);
	if (r == 0)
		r = list_strand(&sim, s, &list);
	if (r == 0)
		r = list_stated(&sim, s, &list);
	sim_clear(&sim);
	if (r < 0) {
		free(list.at);
		return cw_error_nomem(err);
	}
	if (list.n)
		qsort(list.at, list.n, sizeof(*list.at), by_publication);
	join_reports(&list);
	*ret = list.at;
	*ret_n = list.n;
	return 0;
}
