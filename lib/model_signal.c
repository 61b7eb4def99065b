/*
 * Evidence other than full inspections, made statements about signals: what opens and what closes (domain 3.2).
 */
#include <errno.h>
#include <string.h>

#include "model_private.h"

/* The day from which a judgement ages: publication when the publisher states it, else the visit. */
static int32_t fact_judged_day(const struct cw_fact *fact)
{
	if (cw_wall_known(fact->evidence.published_at))
		return cw_wall_day(fact->evidence.published_at);
	if (fact->evidence.event_day != CW_DAY_NONE)
		return fact->evidence.event_day;
	return cw_wall_day(fact->known_at);
}

static void enter_closed(struct sim *sim, const struct cw_signal_def *def, enum cw_criterion criterion,
                         enum cw_tier tier, int32_t day)
{
	struct instance *oldest = NULL;

	/* A statement closes the oldest one still open, its own before one that was inherited, which ends with it. One that ran
	 * out by itself on this very day is the one meant, not the next. */
	for (size_t i = 0; i < sim->n_active; i++) {
		struct instance *instance = &sim->instances[sim->active[i]];

		if (instance->def != def || instance->criterion != criterion || instance->closed_day != CW_DAY_NONE ||
		    instance->closed_by_statement ||
		    (instance->expires_day != CW_DAY_NONE && instance->expires_day < day))
			continue;
		/* What the media say cannot close what better sources opened. */
		if (tier > CW_TIER_B && instance->best_tier <= CW_TIER_B)
			continue;
		if (!oldest || (oldest->inherited && !instance->inherited) ||
		    (oldest->inherited == instance->inherited && instance->opened_day < oldest->opened_day))
			oldest = instance;
	}
	if (!oldest)
		return;
	oldest->closed_by_statement = true;
	if (oldest->strand >= 0)
		sim->strand[oldest->strand].inspections[sim->strand[oldest->strand].current].answered = true;
	instance_close(sim, oldest, day);
	for (size_t i = 0; i < sim->n_active; i++) {
		struct instance *instance = &sim->instances[sim->active[i]];

		if (instance->inherited && instance->def == def && instance->criterion == criterion)
			instance_close(sim, instance, day);
	}
}

static void close_all(struct sim *sim, const struct cw_signal_def *def, enum cw_criterion criterion, int32_t day)
{
	for (size_t i = 0; i < sim->n_active; i++)
		if (sim->instances[sim->active[i]].def == def && sim->instances[sim->active[i]].criterion == criterion)
			instance_close(sim, &sim->instances[sim->active[i]], day);
}

static void revisited(struct sim *sim, int32_t event_day, int32_t day)
{
	const struct cw_signal_def *wsoa = sim_signal(sim, "wsoa_open");

	for (size_t i = 0; i < sim->n_active; i++) {
		struct instance *instance = &sim->instances[sim->active[i]];

		if (instance->def == wsoa && instance->event_day < event_day)
			instance_close(sim, instance, day);
	}
}

/* The first day after the financial year that a statement names ("2024-25"); CW_DAY_NONE = none. */
static int32_t financial_year_over(const struct cw_evidence *e)
{
	struct cw_str period = cw_evidence_value(e, CW_VAL_PERIOD);
	int64_t year;

	if (period.len != strlen("2024-25") || period.at[4] != '-' || cw_parse_integer((struct cw_str){ period.at, 4 }, &year) < 0)
		return CW_DAY_NONE;
	return cw_day_make((int)year + 1, 4, 1);
}

/* A state of one financial year: the one that is named, else the one that begins in the year of publication, as support is
 * announced in February. Of several that are named the last. */
static void end_with_year(struct instance *instance, const struct cw_evidence *e, int32_t published)
{
	int32_t over = financial_year_over(e);
	int year, month, day;

	if (over == CW_DAY_NONE && !instance->n_facts) {
		cw_day_split(published, &year, &month, &day);
		over = cw_day_make(year + 1, 4, 1);
	}
	instance->expires_day = CW_MAX(instance->expires_day, over);
}

static int enter_statement(struct sim *sim, const struct entry *entry, const struct statement *statement)
{
	const struct cw_signal_def *def = statement->def;
	bool of_ilacs = def->state && strncmp(def->name, "ilacs_", 6) == 0;
	struct instance *instance;
	int32_t day = entry->day;
	int r;

	if (statement->closes) {
		if (def->state)
			enter_closed(sim, def, statement->criterion, entry->fact->evidence.tier, day);
		/* ILACS states close only through a full inspection: it was judged then. */
		if (of_ilacs) {
			sim->judged_by_signal = CW_MAX(sim->judged_by_signal, fact_judged_day(entry->fact));
			sim->apa_lapsed = CW_DAY_NONE;
		}
		return 0;
	}
	instance = instance_find(sim, statement, day);
	if (!instance && def->replaced_by_next)
		close_all(sim, def, statement->criterion, day);
	if (!instance)
		instance = instance_open(sim, def, statement->criterion, statement->event_day, day, -1);
	if (!instance)
		return -ENOMEM;
	if (def->ends_with_year)
		end_with_year(instance, &entry->fact->evidence, day);
	r = instance_add_fact(instance, entry->fact);
	if (r < 0)
		return r;
	if (of_ilacs) {
		sim->judged_by_signal = CW_MAX(sim->judged_by_signal, fact_judged_day(entry->fact));
		sim->apa_lapsed = CW_DAY_NONE;
		instances_answer(sim, true, statement->event_day, day, instance);
		strand_answer(sim, STRAND_ILACS, statement->event_day, day);
	}
	if (def->state && strncmp(def->name, "send_outcome", 12) == 0) {
		instances_answer(sim, false, statement->event_day, day, instance);
		strand_answer(sim, STRAND_SEND, statement->event_day, day);
	}
	/* It failed at the revisit that the statement of action was open until (domain 3.2). */
	if (strcmp(def->name, "wsoa_revisit_failed") == 0)
		revisited(sim, statement->event_day, day);
	return 0;
}

/* The criterion that the evidence names, when the signal allows it. */
static enum cw_criterion criterion_of(const struct cw_evidence *e, const struct cw_signal_def *def)
{
	struct cw_str word = cw_evidence_value(e, CW_VAL_CRITERION);
	enum cw_criterion criterion;

	if (word.len && cw_criterion_parse(word, &criterion) == 0 && (def->criteria & (1u << criterion)))
		return criterion;
	return def->criterion;
}

static int32_t entry_event_day(const struct entry *entry)
{
	return entry->fact->evidence.event_day != CW_DAY_NONE ? entry->fact->evidence.event_day : entry->day;
}

static int enter_signal(struct sim *sim, const struct entry *entry)
{
	const struct cw_evidence *e = &entry->fact->evidence;
	const struct cw_signal_def *def = cw_risk_signal(sim->risk, cw_evidence_value(e, CW_VAL_SIGNAL));
	struct statement statement = { .def = def, .event_day = entry_event_day(entry) };

	/* A row of a risk table that no longer has this signal: kept, not scored. */
	if (!def || entry->again)
		return 0;
	statement.criterion = criterion_of(e, def);
	statement.closes = cw_str_eq(cw_evidence_value(e, CW_VAL_STATUS), "closed");
	return enter_statement(sim, entry, &statement);
}

/* ---- evidence that speaks of other things than grades, made a statement about a signal ---- */

static int state_signal(struct sim *sim, const struct entry *entry, const char *name, bool closes)
{
	struct statement statement = { .def = sim_signal(sim, name),
		                       .event_day = entry_event_day(entry),
		                       .closes = closes };

	if (!statement.def)
		return 0;
	statement.criterion = statement.def->criterion;
	return enter_statement(sim, entry, &statement);
}

static bool value_is(const struct entry *entry, enum cw_value_id id, const char *word)
{
	return cw_str_eq(cw_evidence_value(&entry->fact->evidence, id), word);
}

/* Focused, monitoring and joint visits: no grade, but areas for priority action, and how things go on. */
static int enter_visit(struct sim *sim, const struct entry *entry)
{
	struct cw_str actions = cw_evidence_value(&entry->fact->evidence, CW_VAL_PRIORITY_ACTIONS);

	if (actions.len && !cw_str_eq(actions, "0"))
		return state_signal(sim, entry, "apa_open", false);
	if (value_is(entry, CW_VAL_PROGRESS, "slow"))
		return state_signal(sim, entry, "monitoring_slow", false);
	/* A visit that finds good progress has seen what stood open addressed. */
	if (value_is(entry, CW_VAL_PROGRESS, "good") && entry->fact->evidence.kind == CW_KIND_FOCUSED_VISIT)
		return state_signal(sim, entry, "apa_open", true);
	return 0;
}

/* The inspection of 2016-22 may have required a written statement of action; a revisit closed it, or found it wanting. One
 * weakness that is not mended is enough for that. */
static int enter_send_2016(struct sim *sim, const struct entry *entry)
{
	struct cw_str revisit = cw_evidence_value(&entry->fact->evidence, CW_VAL_REVISIT);
	int r = 0;

	if (value_is(entry, CW_VAL_WSOA, "yes") && !revisit.len)
		return state_signal(sim, entry, "wsoa_open", false);
	if (!revisit.len)
		return 0;
	r = state_signal(sim, entry, "wsoa_open", true);
	if (r == 0)
		r = state_signal(sim, entry, "wsoa_revisit_failed", cw_str_eq(revisit, "sufficient"));
	return r;
}

static int period_order(struct cw_str a, struct cw_str b)
{
	size_t n = CW_MIN(a.len, b.len);
	int order = n ? memcmp(a.at, b.at, n) : 0;

	return order ? order : (a.len > b.len) - (a.len < b.len);
}

/* Yearly figures: what stands out in the newest release counts until a release in which it does not. */
static int enter_figures(struct sim *sim, const struct entry *entry, enum figures which, const char *signal)
{
	const struct cw_evidence *e = &entry->fact->evidence;
	struct cw_str period = cw_evidence_value(e, CW_VAL_PERIOD);
	struct figures_seen *seen = &sim->figures[which];
	const struct cw_signal_def *def = sim_signal(sim, signal);
	struct statement statement = { .def = def, .event_day = entry->day };
	bool out = cw_evidence_value(e, CW_VAL_OUTLIER).len, newer;

	if (!def || (seen->any && period_order(period, seen->period) < 0))
		return 0;
	statement.criterion = def->criterion;
	newer = !seen->any || period_order(period, seen->period) != 0;
	/* Of several rows that one release has for a council the worst counts, whichever comes first. */
	if (!out && !newer && seen->out && seen->known == entry->known)
		return 0;
	if (newer || !out)
		close_all(sim, def, statement.criterion, entry->day);
	*seen = (struct figures_seen){ true, out, period, newer ? entry->day : seen->day, entry->known };
	return out ? enter_statement(sim, entry, &statement) : 0;
}

/* Who controls a council is known when it changes; lists of later years repeat it. */
static int enter_control(struct sim *sim, const struct entry *entry)
{
	struct cw_str control = cw_evidence_value(&entry->fact->evidence, CW_VAL_CONTROL);
	int32_t day = entry_event_day(entry);
	bool changed = sim->control.at && !same_text(control, sim->control);

	if (sim->control.at && day < sim->control_day)
		return 0;
	sim->control = control;
	sim->control_day = day;
	return changed ? state_signal(sim, entry, "control_change", false) : 0;
}

/* An observation counts in full until it expires (domain 3.2). */
static int enter_note(struct sim *sim, const struct entry *entry)
{
	const struct cw_evidence *e = &entry->fact->evidence;
	const struct cw_signal_def *def = sim_signal(sim, "internal_note");
	int32_t expires = fact_value_day(e, CW_VAL_EXPIRES);
	struct instance *instance;

	if (!def || expires == CW_DAY_NONE || expires < entry->day)
		return 0;
	instance = instance_open(sim, def, criterion_of(e, def), entry_event_day(entry), entry->day, -1);
	if (!instance)
		return -ENOMEM;
	instance->steady = true;
	instance->faded_day = INT32_MAX;
	instance->expires_day = expires + 1;
	instance->weight = value_is(entry, CW_VAL_SEVERITY, "high")     ? sim->risk->note_high
	                   : value_is(entry, CW_VAL_SEVERITY, "medium") ? sim->risk->note_medium
	                                                            : def->weight;
	return instance_add_fact(instance, entry->fact);
}

int signal_enter(struct sim *sim, const struct entry *entry)
{
	if (entry->again && entry->fact->evidence.kind != CW_KIND_WORKFORCE &&
	    entry->fact->evidence.kind != CW_KIND_EHCP_TIMELINESS)
		return 0;
	switch (entry->fact->evidence.kind) {
	case CW_KIND_SIGNAL:
		return enter_signal(sim, entry);
	case CW_KIND_FOCUSED_VISIT:
	case CW_KIND_MONITORING_VISIT:
	case CW_KIND_JTAI:
		return enter_visit(sim, entry);
	case CW_KIND_SEND_2016:
		return enter_send_2016(sim, entry);
	case CW_KIND_AREA_SEND_MONITORING:
		/* Effective action on all that was asked for. */
		return value_is(entry, CW_VAL_PROGRESS, "good") ? state_signal(sim, entry, "send_outcome3", true) : 0;
	case CW_KIND_WORKFORCE:
		return enter_figures(sim, entry, FIGURES_WORKFORCE, "workforce_outlier");
	case CW_KIND_EHCP_TIMELINESS:
		return enter_figures(sim, entry, FIGURES_EHCP, "ehcp_outlier");
	case CW_KIND_POLITICAL_CONTROL:
		return enter_control(sim, entry);
	case CW_KIND_INTERNAL_NOTE:
		return enter_note(sim, entry);
	default: /* kept for people to read, not scored */
		return 0;
	}
}
