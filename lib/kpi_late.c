#include <errno.h>
#include <string.h>

#include "kpi_private.h"

struct list {
	size_t n, cap;
	struct cw_waiting *at; /* owned */
};

/* What is wanted within so many working days, and whether it came too late or not at all. */
static int look_at(struct cw_kpi_run *run, const struct cw_trigger *trigger, enum cw_kpi_test_kind what, int allowed,
                   struct cw_waiting *waiting, struct cw_error *err)
{
	const struct cw_kpi_test test = { .test = what, .within = allowed };
	const struct kpi_wait wait = { .council = trigger->council, .alert_id = trigger->id, .strand = (int)trigger->strand, .since = trigger->day,
		                       .test = &test };
	struct cw_answer answer = { .what = what, .allowed = allowed };
	const struct cw_calendar *calendar;
	const struct cw_offer_life *life;
	int r = kpi_calendar(run, &calendar, err);

	if (r < 0 || !allowed)
		return r;
	answer.done = kpi_done(run, &wait, &life);
	if (answer.done != CW_DAY_NONE)
		return 0;
	r = cw_working_days_later(calendar, trigger->day, (unsigned)allowed, &answer.due, err);
	if (r == 0)
		r = cw_working_days(calendar, answer.due, run->as_of, &answer.days_late, err);
	if (r < 0 || run->as_of <= answer.due)
		return r;
	waiting->at[waiting->n++] = answer;
	waiting->days_late = CW_MAX(waiting->days_late, answer.days_late);
	return 0;
}

static bool same_matter(const struct cw_trigger *a, const struct cw_trigger *b)
{
	return a->council == b->council && a->strand == b->strand;
}

/* Is there another trigger that says all that this one says: an earlier one of the level that waits as well, or a later one that went
 * higher? */
static bool is_overtaken(const struct cw_kpi_run *run, const struct list *list, const struct cw_trigger *trigger)
{
	for (size_t i = 0; i < list->n; i++)
		if (same_matter(&list->at[i].trigger, trigger) && list->at[i].trigger.level == trigger->level)
			return true;
	for (size_t i = 0; i < run->n_triggers; i++) {
		const struct cw_trigger *other = &run->triggers[i];

		if (same_matter(other, trigger) && other->level > trigger->level && other->day >= trigger->day)
			return true;
	}
	return false;
}

/* Has the council been under the level since? Then it is a matter of the past. */
static bool is_over(const struct cw_kpi_run *run, const struct kpi_stood *stood, const struct cw_trigger *trigger)
{
	if (!stood[trigger->council->index].there || stood[trigger->council->index].level < trigger->level)
		return true;
	for (size_t i = 0; i < run->n_falls; i++) {
		const struct kpi_fall *fall = &run->falls[i];

		if (fall->council == trigger->council && fall->level < trigger->level && fall->day >= trigger->day && fall->seq != trigger->seq)
			return true;
	}
	return false;
}

static int by_lateness(const void *a, const void *b)
{
	const struct cw_waiting *x = a, *y = b;

	if (x->days_late != y->days_late)
		return x->days_late > y->days_late ? -1 : 1;
	if (x->trigger.level != y->trigger.level)
		return x->trigger.level > y->trigger.level ? -1 : 1;
	return x->trigger.seq < y->trigger.seq ? -1 : x->trigger.seq > y->trigger.seq;
}

static int by_day(const void *a, const void *b)
{
	const struct cw_trigger *x = a, *y = b;

	if (x->day != y->day)
		return x->day < y->day ? -1 : 1;
	return x->seq < y->seq ? -1 : x->seq > y->seq;
}

static int add_waiting(struct cw_kpi_run *run, const struct cw_trigger *trigger, struct list *list, struct cw_error *err)
{
	const struct cw_response *response = &run->config->risk.response[trigger->level];
	struct cw_waiting waiting = { .trigger = *trigger };
	int r = look_at(run, trigger, CW_TEST_READ, response->read, &waiting, err);

	if (r == 0)
		r = look_at(run, trigger, CW_TEST_CONTACT, response->contact, &waiting, err);
	if (r == 0)
		r = look_at(run, trigger, CW_TEST_OFFER, response->offer, &waiting, err);
	if (r < 0 || !waiting.n)
		return r;
	if (cw_grow(&list->at, &list->cap, list->n, sizeof(*list->at)) < 0)
		return cw_error_nomem(err);
	list->at[list->n++] = waiting;
	return 0;
}

int cw_kpi_late(struct cw_kpi_run *run, int32_t since, bool all, struct cw_waiting **ret, size_t *ret_n, struct cw_error *err)
{
	const struct kpi_stood *stood = NULL;
	struct list list = { 0 };
	int r = all ? 0 : kpi_stood(run, run->as_of, &stood, err);

	/* The earliest of a matter is the one that is late. */
	if (run->n_triggers)
		qsort(run->triggers, run->n_triggers, sizeof(*run->triggers), by_day);
	for (size_t i = 0; i < run->n_triggers && r == 0; i++) {
		const struct cw_trigger *trigger = &run->triggers[i];

		if (since != CW_DAY_NONE && trigger->day < since)
			continue;
		if (!all && (is_over(run, stood, trigger) || is_overtaken(run, &list, trigger)))
			continue;
		r = add_waiting(run, trigger, &list, err);
	}
	if (r < 0) {
		free(list.at);
		return r;
	}
	if (list.n)
		qsort(list.at, list.n, sizeof(*list.at), by_lateness);
	*ret = list.at;
	*ret_n = list.n;
	return 0;
}
