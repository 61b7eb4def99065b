/*
 * What people have ruled, and what that makes of the level (domain 3.9).
 */
#include "model_private.h"

int32_t fact_value_day(const struct cw_evidence *e, enum cw_value_id id)
{
	struct cw_str text = cw_evidence_value(e, id);
	int32_t day;

	return text.len && cw_date_parse(text.at, text.len, "%Y-%m-%d", &day) == 0 ? day : CW_DAY_NONE;
}

/* The last ruling made is the one that counts. */
int ruling_enter(struct sim *sim, const struct entry *entry)
{
	const struct cw_evidence *e = &entry->fact->evidence;
	int32_t expires = fact_value_day(e, CW_VAL_EXPIRES);
	struct cw_str scope = cw_evidence_value(e, CW_VAL_SCOPE);
	enum cw_level level;

	if (expires == CW_DAY_NONE || cw_level_parse(cw_evidence_value(e, CW_VAL_LEVEL), &level) < 0 ||
	    (scope.len && !cw_str_eq(scope, "level")))
		return 0;
	sim->ruling = (struct cw_ruling){ entry->fact, level, expires };
	sim->ruling_day = entry->day;
	return 0;
}

bool ruling_active(const struct sim *sim, int32_t day)
{
	return sim->ruling.fact && day <= sim->ruling.until_day;
}

/* The day on which it is time to say that the ruling will end: never on the day it was made. */
int32_t ruling_notice_day(const struct sim *sim)
{
	return CW_MAX(sim->ruling.until_day - sim->risk->override_notice_days, sim->ruling_day + 1);
}

/* Domain 3.9: a ruling may raise to any level; it may lower, but not below a formal floor. */
enum cw_level sim_level(const struct sim *sim, const struct totals *t, int32_t day, bool *ret_held)
{
	enum cw_level level = sim_model_level(sim, t, day, ret_held);

	if (!ruling_active(sim, day))
		return level;
	return CW_MAX(sim->ruling.level, CW_MIN(level, t->floor));
}
