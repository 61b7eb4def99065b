/*
 * Since when a council has been at its level, day by day as things were published.
 */
#include <errno.h>

#include "model_private.h"

static void note_level(struct cw_since *since, enum cw_level level, int32_t day)
{
	if (level == since->level)
		return;
	*since = (struct cw_since){ .level = level, .previous = since->level, .day = day };
}

static int on_day(void *arg, struct sim *sim, const struct view *before, const struct view *after)
{
	(void)before;
	note_level(arg, after->level, sim->day);
	return 0;
}

/* What the day stands at once all its evidence is in. */
static void end_day(struct sim *sim, struct cw_since *since)
{
	struct view view;

	if (sim->day == CW_DAY_NONE)
		return;
	sim_view(sim, sim->day, &view);
	note_level(since, view.level, sim->day);
}

int cw_model_since(const struct cw_risk *risk, const struct cw_fact *facts, size_t n_facts, int32_t as_of,
                   struct cw_since *ret, struct cw_error *err)
{
	CW_CLEANUP(cw_freep) struct entry *entries = NULL;
	struct cw_since since = { .day = CW_DAY_NONE };
	struct sim sim;
	size_t n;
	int r = 0;

	if (entries_list(risk, facts, n_facts, &entries, &n) < 0)
		return cw_error_nomem(err);
	entries_sort(entries, &n, entry_by_speaking);
	sim_init(&sim, risk);
	for (size_t i = 0; r == 0 && i < n && entries[i].day <= as_of; i++) {
		if (sim.day != entries[i].day) {
			end_day(&sim, &since);
			r = sim_pass_days(&sim, entries[i].day - 1, on_day, &since);
		}
		if (r == 0)
			r = sim_enter(&sim, &entries[i]);
		if (r == 0 && (i + 1 == n || entries[i + 1].day != entries[i].day || entries[i + 1].known != entries[i].known))
			sim_settle(&sim, entries[i].day);
	}
	end_day(&sim, &since);
	if (r == 0)
		r = sim_pass_days(&sim, as_of, on_day, &since);
	if (sim.out_of_memory)
		r = -ENOMEM;
	sim_clear(&sim);
	if (r < 0)
		return cw_error_nomem(err);
	*ret = since;
	return 0;
}
