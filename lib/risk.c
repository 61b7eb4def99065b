#include <errno.h>
#include <string.h>

#include <councilwatch/risk.h>

static const char *const level_names[CW_LEVEL_COUNT] = { "routine", "watch", "priority", "intensive" };
static const char *const knowledge_names[] = { "known", "stale", "unknown", "inherited" };
static const char *const criterion_names[CW_CRIT_COUNT] = { "ofsted", "send", "intel", "leadership", "specific" };

static int find_name(struct cw_str text, const char *const *names, size_t n, unsigned *ret)
{
	for (size_t i = 0; i < n; i++)
		if (cw_str_eq(text, names[i])) {
			*ret = (unsigned)i;
			return 0;
		}
	return -EINVAL;
}

const char *cw_level_name(enum cw_level level)
{
	return (unsigned)level < CW_LEVEL_COUNT ? level_names[level] : "";
}

int cw_level_parse(struct cw_str text, enum cw_level *ret)
{
	unsigned index;
	int r = find_name(text, level_names, CW_LEVEL_COUNT, &index);

	if (r == 0)
		*ret = (enum cw_level)index;
	return r;
}

const char *cw_knowledge_name(enum cw_knowledge knowledge)
{
	return (unsigned)knowledge < CW_ARRAY_LEN(knowledge_names) ? knowledge_names[knowledge] : "";
}

const char *cw_criterion_name(enum cw_criterion criterion)
{
	return (unsigned)criterion < CW_CRIT_COUNT ? criterion_names[criterion] : "";
}

int cw_criterion_parse(struct cw_str text, enum cw_criterion *ret)
{
	unsigned index;
	int r = find_name(text, criterion_names, CW_CRIT_COUNT, &index);

	if (r == 0)
		*ret = (enum cw_criterion)index;
	return r;
}

#define BIT(criterion) (1u << CW_CRIT_##criterion)
/* A state (open until closed) and an impulse (decays); may: the other criterion it may count under instead. */
#define STATE_OR(id, crit, may, points, held, months, ilacs, area_send)                                                \
	{                                                                                                              \
		.name = id, .state = true, .criteria = BIT(crit) | BIT(may), .criterion = CW_CRIT_##crit,              \
		.weight = points, .floor = CW_LEVEL_##held, .expires_months = months, .closed_by_ilacs = ilacs,        \
		.closed_by_area_send = area_send                                                                       \
	}
#define STATE(id, crit, ...) STATE_OR(id, crit, crit, __VA_ARGS__)
#define IMPULSE_OR(id, crit, may, points, days, replaced)                                                              \
	{                                                                                                              \
		.name = id, .criteria = BIT(crit) | BIT(may), .criterion = CW_CRIT_##crit, .weight = points,           \
		.half_life = days, .replaced_by_next = replaced                                                        \
	}
#define IMPULSE(id, crit, ...) IMPULSE_OR(id, crit, crit, __VA_ARGS__)

/*
 * The tables of domain section 3.2, row by row. Where "closes when" names a publisher (DfE, MHCLG), only a statement closes
 * it; where it names a time, that is here. The columns of a state: weight, floor, months until it closes by itself, closed by
 * the next full ILACS, by the next full area SEND inspection; of an impulse: weight, half-life in days, whether the next
 * one replaces it.
 */
static const struct cw_signal_def defaults[] = {
	STATE("ilacs_inadequate", OFSTED, 60, INTENSIVE, 0, true, false),
	STATE("ilacs_leaders_inadequate", OFSTED, 20, PRIORITY, 0, true, false),
	STATE("ilacs_ri", OFSTED, 20, WATCH, 0, true, false),
	STATE("apa_open", OFSTED, 30, PRIORITY, 18, true, false),
	STATE_OR("improvement_notice", OFSTED, SEND, 35, PRIORITY, 0, false, false),
	STATE_OR("statutory_direction", OFSTED, SEND, 60, INTENSIVE, 0, false, false),
	STATE("send_outcome3", SEND, 35, PRIORITY, 0, false, true),
	STATE("send_outcome2", SEND, 10, ROUTINE, 0, false, true),
	STATE("wsoa_open", SEND, 15, WATCH, 0, false, true),
	STATE("wsoa_revisit_failed", SEND, 30, PRIORITY, 0, false, true),
	STATE("best_value_direction", SPECIFIC, 20, WATCH, 0, false, false),
	/* A notice lapses after twelve months. */
	STATE("best_value_notice", SPECIFIC, 10, ROUTINE, 12, false, false),
	{ .name = "exceptional_financial_support", .state = true, .criteria = BIT(SPECIFIC), .criterion = CW_CRIT_SPECIFIC,
	  .weight = 8, .ends_with_year = true },
	/* From vesting day; the successor's first own full inspection may come before. */
	STATE("lgr_transition", SPECIFIC, 10, WATCH, 36, true, false),

	IMPULSE_OR("judgement_fell", OFSTED, SEND, 15, 365, false),
	IMPULSE("monitoring_slow", OFSTED, 12, 270, false),
	IMPULSE("visit_weak_no_apa", OFSTED, 8, 270, false),
	IMPULSE("s114_notice", SPECIFIC, 25, 365, false),
	IMPULSE("court_systemic_criticism", SPECIFIC, 25, 365, false),
	IMPULSE("jr_policy_unlawful", SPECIFIC, 15, 365, false),
	IMPULSE("jr_case_lost", SPECIFIC, 6, 180, false),
	IMPULSE("dcs_change", LEADERSHIP, 8, 180, false),
	IMPULSE("dcs_second_in_12m", LEADERSHIP, 12, 270, false),
	IMPULSE("chief_exec_change", LEADERSHIP, 8, 180, false),
	IMPULSE("leader_change", LEADERSHIP, 5, 180, false),
	IMPULSE("control_change", LEADERSHIP, 8, 270, false),
	IMPULSE("lmcs_change", LEADERSHIP, 4, 180, false),
	IMPULSE("safeguarding_review", SPECIFIC, 6, 180, false),
	IMPULSE("lgsco_public_report", INTEL, 8, 365, false),
	/* Yearly data: the next release replaces it. */
	IMPULSE("workforce_outlier", INTEL, 8, 365, true),
	IMPULSE("ehcp_outlier", SEND, 8, 365, true),
	IMPULSE("news", INTEL, 4, 45, false),
	/* In full until the note expires; a note known only by a statement of kind signal fades in that time. */
	{ .name = "internal_note",
	  .criteria = (1u << CW_CRIT_COUNT) - 1,
	  .criterion = CW_CRIT_INTEL,
	  .weight = 5,
	  .half_life = 90 },
};
_Static_assert(CW_ARRAY_LEN(defaults) <= CW_SIGNALS_MAX, "CW_SIGNALS_MAX is too small");

void cw_risk_defaults(struct cw_risk *risk)
{
	*risk = (struct cw_risk){
		.n_signals = CW_ARRAY_LEN(defaults),
		.cap = { [CW_CRIT_OFSTED] = 80,
		         [CW_CRIT_SEND] = 60,
		         [CW_CRIT_INTEL] = 25,
		         [CW_CRIT_LEADERSHIP] = 30,
		         [CW_CRIT_SPECIFIC] = 35 },
		.breadth_points = 10,
		.breadth_criteria = 3,
		.breadth_minimum = 10,
		.line_watch = 25,
		.line_priority = 50,
		.note_medium = 15,
		.note_high = 30,
		.drop_below = 0.5,
		.repeat_share = 0.25,
		.confidence = { 0, 1.0, 0.8, 0.5, 0 },
		.corroboration = 0.2,
		.cluster_days = 14,
		.step_down_share = 0.8,
		.step_down_days = 60,
		.hold_days = 365,
		.new_evidence_points = 10,
		.stale_ilacs_months = 42,
		.stale_send_months = 66,
		.stale_yearly_months = 18,
		.outage_cadences = 3,
		.same_cause_days = 30,
		.inherit_share = 0.5,
		.inherit_minor = 0.25,
		.inherit_months = 36,
		.transition_months = 12,
		.response = { [CW_LEVEL_WATCH] = { .read = 10 },
		              [CW_LEVEL_PRIORITY] = { .contact = 5, .offer = 20 },
		              [CW_LEVEL_INTENSIVE] = { .contact = 2, .offer = 10 } },
		/* Full inspections visited from January 2022 to January 2025: config/SOURCES.md. */
		.interval = { [CW_GRADE_OUTSTANDING] = { 1369, 1746, 1900, 15 },
		              [CW_GRADE_GOOD] = { 1575, 1812, 2016, 40 },
		              [CW_GRADE_REQUIRES_IMPROVEMENT] = { 1194, 1572, 1899, 36 },
		              [CW_GRADE_INADEQUATE] = { 1096, 1366, 2456, 16 } },
		.inspection_cycle_months = 36,
		.publication_lag_days = 46,
		.override_notice_days = 14,
	};
	memcpy(risk->signals, defaults, sizeof(defaults));
}

const struct cw_signal_def *cw_risk_signal(const struct cw_risk *risk, struct cw_str name)
{
	for (size_t i = 0; i < risk->n_signals; i++)
		if (cw_str_eq(name, risk->signals[i].name))
			return &risk->signals[i];
	return NULL;
}
