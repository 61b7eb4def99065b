/*
 * The risk model against the worked examples of domain section 3.10, and properties that must hold for any evidence.
 */
#include <math.h>

#include "model_support.h"

/* ---- worked examples ---- */

#define NORTHAMPTONSHIRE                                                                                                  \
	"ri 160426-190729; s114 180202; s114 180724; cex 180319; ldr 180319; bvd 180510-210331; dcs 180701; "             \
	"apa 181113-190729; dir 181130-; scr 190606; inad 190729-; fell 190729"

static void test_northamptonshire(void **state)
{
	struct history h = { 0 };
	struct seen_list list;

	(void)state;
	add_inputs(&h, NORTHAMPTONSHIRE);
	expect(&h, "180203", 45, CW_LEVEL_WATCH);
	expect(&h, "180511", 76, CW_LEVEL_PRIORITY);
	expect(&h, "181113", 95, CW_LEVEL_PRIORITY);
	expect(&h, "181201", 124, CW_LEVEL_INTENSIVE);
	changes(&h, "191231", &list);
	/* RI 20, the notice 23.0 and two departures 13.0 pass the line of 50 on the day of the departures; the table in domain
	 * 3.10 looks at 11 May, when the level has long been there. */
	expect_change(&list, CW_ALERT_LEVEL_UP, "2018-03-19", CW_LEVEL_PRIORITY);
	expect_change(&list, CW_ALERT_FLOOR_OPENED, "2018-11-13", CW_LEVEL_PRIORITY);
	expect_change(&list, CW_ALERT_LEVEL_UP, "2018-11-30", CW_LEVEL_INTENSIVE);
}

static void test_sefton(void **state)
{
	struct history h = { 0 };

	(void)state;
	add_inputs(&h, "ri 160627-220509; wsoa_revisit_failed 190601-210601; dir.s 190615-210615; apa 191115-210515; "
	               "apa 210510-220509; not 210601-220601; dcs 210601; inad 220509-250812; fell 220509");
	expect(&h, "190501", 20, CW_LEVEL_WATCH);
	expect(&h, "191120", 110, CW_LEVEL_INTENSIVE);
	expect(&h, "210701", 87, CW_LEVEL_PRIORITY);
	expect(&h, "220509", -1, CW_LEVEL_INTENSIVE);
	expect(&h, "250813", -1, CW_LEVEL_PRIORITY);
	expect(&h, "251010", -1, CW_LEVEL_PRIORITY);
	expect(&h, "251011", -1, CW_LEVEL_WATCH);
	expect(&h, "260811", -1, CW_LEVEL_WATCH);
	expect(&h, "260812", -1, CW_LEVEL_ROUTINE);
}

/* Areas for priority action run out by themselves after 18 months when nobody says they were addressed. */
static void test_sefton_unclosed(void **state)
{
	struct history h = { 0 };

	(void)state;
	add_inputs(&h, "ri 160627-; wsoa_revisit_failed 190601-210601; dir.s 190615-210615; apa 191115-; apa 210510-; "
	               "not 210601-220601; dcs 210601; inad 220509-");
	expect(&h, "210701", 87, CW_LEVEL_PRIORITY);
	expect(&h, "220601", 60 + 2.0, CW_LEVEL_INTENSIVE);
}

static void test_tower_hamlets(void **state)
{
	struct history h = { 0 };

	(void)state;
	add_ilacs(&h, CW_GRADE_GOOD, "120715");
	add_inputs(&h, "bvd 141217-170331; ldr 150423; ctl 150611; dcs 150701; cex 151001; dcs2 160301; inad 170407-190722; "
	               "fell 170407");
	expect(&h, "151001", 42, CW_LEVEL_WATCH);
	expect(&h, "160301", 45, CW_LEVEL_WATCH);
	expect_knowledge(&h, "160114", CW_KNOWN);
	expect_knowledge(&h, "160115", CW_STALE);
	expect(&h, "170406", 7, CW_LEVEL_WATCH);
	expect(&h, "170407", 82, CW_LEVEL_INTENSIVE);
}

static void test_birmingham(void **state)
{
	struct history h = { 0 };
	struct cw_assessment a;

	(void)state;
	add_inputs(&h, "wsoa_open 180901-210601; ri 190117-230418; wsoa_revisit_failed 210701-211015; dir.s 211015-; "
	               "s114 230905; bvd 231005-; efs 240229-; send_outcome2 250815-");
	expect(&h, "190201", 35, CW_LEVEL_WATCH);
	expect(&h, "210702", 50, CW_LEVEL_PRIORITY);
	expect(&h, "211016", 80, CW_LEVEL_INTENSIVE);
	a = assess(&h, day_of("230418"));
	assert_int_equal(a.level, CW_LEVEL_INTENSIVE);
	assert_int_equal(a.criteria[CW_CRIT_OFSTED].level, CW_LEVEL_ROUTINE);
	assert_int_equal(a.criteria[CW_CRIT_SEND].level, CW_LEVEL_INTENSIVE);
	cw_assessment_clear(&a);
	expect(&h, "230905", 85, CW_LEVEL_INTENSIVE);
}

static void test_leeds(void **state)
{
	struct history h = { 0 };
	struct cw_assessment a;
	struct cw_fact *fact;

	(void)state;
	add_ilacs(&h, CW_GRADE_GOOD, "150327");
	add_ilacs(&h, CW_GRADE_OUTSTANDING, "181218");
	add_ilacs(&h, CW_GRADE_OUTSTANDING, "220509");
	add_ilacs(&h, CW_GRADE_OUTSTANDING, "250812");
	fact = add_fact(&h, CW_KIND_AREA_SEND, day_of("260320"), day_of("260618"), "send");
	cw_evidence_set(&fact->evidence, CW_VAL_OUTCOME, cw_str("3"));
	expect(&h, "190101", 0, CW_LEVEL_ROUTINE);
	expect(&h, "260617", 0, CW_LEVEL_ROUTINE);
	a = assess(&h, day_of("260618"));
	assert_int_equal(a.level, CW_LEVEL_PRIORITY);
	assert_float_equal(a.points, 35, 0.001);
	assert_int_equal(a.criteria[CW_CRIT_OFSTED].level, CW_LEVEL_ROUTINE);
	cw_assessment_clear(&a);
}

static void test_swindon(void **state)
{
	struct history h = { 0 };
	struct seen_list list;

	(void)state;
	add_inputs(&h, "apa 180701-190812");
	add_ilacs(&h, CW_GRADE_GOOD, "190812");
	add_inputs(&h, "dcs 221001; ctl 230505; inad 230911-; not 231115-");
	expect(&h, "180701", 30, CW_LEVEL_PRIORITY);
	expect(&h, "190812", 0, CW_LEVEL_WATCH);
	expect(&h, "200810", 0, CW_LEVEL_WATCH);
	expect(&h, "200811", 0, CW_LEVEL_ROUTINE);
	expect(&h, "230911", 68, CW_LEVEL_INTENSIVE);
	expect_knowledge(&h, "230211", CW_KNOWN);
	expect_knowledge(&h, "230212", CW_STALE);
	changes(&h, "231231", &list);
	expect_change(&list, CW_ALERT_KNOWLEDGE_LOST, "2023-02-12", CW_LEVEL_ROUTINE);
	expect_change(&list, CW_ALERT_LEVEL_UP, "2023-09-11", CW_LEVEL_INTENSIVE);
}

/* ---- inspections ---- */

static struct cw_fact *capture(struct history *h, const char *event, const char *known, const char *url, enum cw_grade overall)
{
	struct cw_fact *fact = add_fact(h, CW_KIND_ILACS, event ? day_of(event) : CW_DAY_NONE, day_of(known), "table");

	/* The page states no date of publication. */
	fact->evidence.published_at = cw_wall_none();
	fact->evidence.tier = CW_TIER_B;
	fact->evidence.url = cw_str(url);
	cw_evidence_set(&fact->evidence, CW_VAL_OVERALL_EFFECTIVENESS, cw_str(cw_grade_name(overall)));
	return fact;
}

static void test_inadequate_to_good(void **state)
{
	struct history h = { 0 };
	struct seen_list list;

	(void)state;
	capture(&h, "190715", "230817", "f/1", CW_GRADE_INADEQUATE);
	capture(&h, "230717", "230911", "f/2", CW_GRADE_GOOD);
	changes(&h, "241231", &list);
	assert_int_equal(list.n, 4);
	expect_change(&list, CW_ALERT_LEVEL_UP, "2023-08-17", CW_LEVEL_INTENSIVE);
	expect_change(&list, CW_ALERT_FLOOR_CLOSED, "2023-09-11", CW_LEVEL_PRIORITY);
	expect_change(&list, CW_ALERT_LEVEL_DOWN, "2023-11-10", CW_LEVEL_WATCH);
	expect_change(&list, CW_ALERT_LEVEL_DOWN, "2024-09-10", CW_LEVEL_ROUTINE);
}

/* A fall goes on fading when the next inspection has come: only states are superseded. */
static void test_fall_fades(void **state)
{
	struct history h = { 0 };

	(void)state;
	add_ilacs(&h, CW_GRADE_GOOD, "180101");
	add_ilacs(&h, CW_GRADE_INADEQUATE, "200101");
	add_ilacs(&h, CW_GRADE_GOOD, "210101");
	expect(&h, "200101", 75, CW_LEVEL_INTENSIVE);
	expect(&h, "210101", 7.5, CW_LEVEL_PRIORITY);
}

/* A monitoring visit that found effective action closes what the inspection opened; an unattributed or a media statement does
 * not. */
static void test_who_may_close(void **state)
{
	static const struct {
		enum cw_tier tier;
		enum cw_level level;
	} cases[] = { { CW_TIER_A, CW_LEVEL_WATCH }, { CW_TIER_C, CW_LEVEL_PRIORITY }, { CW_TIER_D, CW_LEVEL_PRIORITY } };

	(void)state;
	for (size_t i = 0; i < CW_ARRAY_LEN(cases); i++) {
		struct history h = { 0 };
		struct cw_fact *fact = add_fact(&h, CW_KIND_AREA_SEND, day_of("230601"), day_of("230801"), "send");

		cw_evidence_set(&fact->evidence, CW_VAL_OUTCOME, cw_str("3"));
		add_signal(&h, "send_outcome3", NULL, "closed", "250201");
		h.facts[1].evidence.tier = cases[i].tier;
		expect(&h, "230801", 35, CW_LEVEL_PRIORITY);
		expect(&h, "250201", -1, cases[i].level);
	}
}

/* Ofsted's own word goes before a compiler's; where equals disagree, the more adverse. */
static void test_who_is_believed(void **state)
{
	struct history h = { 0 };

	(void)state;
	capture(&h, "230711", "230817", "f/1", CW_GRADE_INADEQUATE);
	expect(&h, "230820", 60, CW_LEVEL_INTENSIVE);
	add_fact(&h, CW_KIND_ILACS, day_of("230712"), day_of("230818"), "ofsted");
	cw_evidence_set(&h.facts[1].evidence, CW_VAL_OVERALL_EFFECTIVENESS, cw_str("requires_improvement"));
	expect(&h, "230820", 20, CW_LEVEL_PRIORITY);
	h.facts[1].evidence.tier = CW_TIER_B;
	expect(&h, "230820", 60, CW_LEVEL_INTENSIVE);
}

static void test_stated_and_shown(void **state)
{
	struct history h = { 0 };

	(void)state;
	/* The fall that the inspections show and that a person states is one; a later inspection known only by statement
	 * supersedes. */
	add_ilacs(&h, CW_GRADE_GOOD, "180101");
	add_ilacs(&h, CW_GRADE_REQUIRES_IMPROVEMENT, "200101");
	add_inputs(&h, "fell 200101");
	expect(&h, "200101", 35, CW_LEVEL_WATCH);
	add_inputs(&h, "inad 220101-");
	expect(&h, "220101", 60 + 15.0 / 4, CW_LEVEL_INTENSIVE);
}

/* What ran out unanswered is no longer in doubt when a full inspection has been published since. */
static void test_lapsed_apa_answered(void **state)
{
	struct history h = { 0 };
	struct cw_fact *fact;

	(void)state;
	add_ilacs(&h, CW_GRADE_GOOD, "220301");
	add_inputs(&h, "apa 230410-");
	expect_knowledge(&h, "241009", CW_KNOWN);
	expect_knowledge(&h, "241010", CW_STALE);
	fact = add_fact(&h, CW_KIND_ILACS, day_of("240930"), day_of("241115"), "ofsted");
	cw_evidence_set(&fact->evidence, CW_VAL_OVERALL_EFFECTIVENESS, cw_str("good"));
	expect_knowledge(&h, "241115", CW_KNOWN);
}

/* A cell that has become unreadable takes nothing back. */
static void test_unreadable_cells(void **state)
{
	struct history h = { 0 };
	struct cw_fact *fact = capture(&h, "211025", "240101", "f/1", CW_GRADE_INADEQUATE);
	struct seen_list list;

	(void)state;
	cw_evidence_set(&fact->evidence, CW_VAL_HELP_AND_PROTECTION, cw_str("inadequate"));
	fact = add_fact(&h, CW_KIND_ILACS, day_of("211025"), day_of("240112"), "table");
	fact->evidence.published_at = cw_wall_none();
	fact->evidence.url = cw_str("f/1");
	fact->evidence.tier = CW_TIER_B;
	cw_evidence_set(&fact->evidence, CW_VAL_IMPACT_OF_LEADERS, cw_str("inadequate"));
	changes(&h, "240301", &list);
	assert_int_equal(list.n, 1);
	expect(&h, "240112", 60, CW_LEVEL_INTENSIVE);
}

/* A mistake put right within the hour: state and alerts tell the same story. */
static void test_twice_in_a_day(void **state)
{
	struct history h = { 0 };
	struct seen_list list;

	(void)state;
	capture(&h, "211025", "230817", "f/1", CW_GRADE_INADEQUATE)->known_at.ms += 9 * 3600000;
	capture(&h, "211025", "230817", "f/1", CW_GRADE_GOOD)->known_at.ms += 10 * 3600000;
	changes(&h, "230820", &list);
	assert_int_equal(list.n, 2);
	expect_change(&list, CW_ALERT_FLOOR_CLOSED, "2023-08-17", CW_LEVEL_PRIORITY);
	expect(&h, "230818", 0, CW_LEVEL_PRIORITY);
}

/* From inadequate to requires improvement one finding closes and a lesser one opens: the closing is the news. */
static void test_inadequate_to_ri(void **state)
{
	struct history h = { 0 };
	struct seen_list list;

	(void)state;
	capture(&h, "211025", "230817", "f/1", CW_GRADE_INADEQUATE);
	capture(&h, "250602", "250731", "f/2", CW_GRADE_REQUIRES_IMPROVEMENT);
	changes(&h, "251231", &list);
	expect_change(&list, CW_ALERT_FLOOR_CLOSED, "2025-07-31", CW_LEVEL_PRIORITY);
	expect_change(&list, CW_ALERT_LEVEL_DOWN, "2025-09-29", CW_LEVEL_WATCH);
}

static void test_older_inspection_returns(void **state)
{
	struct history h = { 0 };
	struct cw_assessment a;

	(void)state;
	capture(&h, "230711", "230825", "f/2", CW_GRADE_INADEQUATE);
	capture(&h, "191014", "230904", "f/1", CW_GRADE_GOOD);
	a = assess(&h, day_of("230910"));
	assert_int_equal(a.level, CW_LEVEL_INTENSIVE);
	cw_assessment_clear(&a);
}

static void test_undated_inspection(void **state)
{
	struct history h = { 0 };
	struct cw_assessment a;

	(void)state;
	/* First seen without a date, after an old dated one; then dated; then a later one whose visit was before that sight. */
	capture(&h, "180709", "230817", "f/1", CW_GRADE_GOOD);
	capture(&h, NULL, "240522", "f/2", CW_GRADE_INADEQUATE);
	expect(&h, "240522", -1, CW_LEVEL_INTENSIVE);
	capture(&h, "240311", "250210", "f/2", CW_GRADE_INADEQUATE);
	a = assess(&h, day_of("250210"));
	assert_int_equal(a.level, CW_LEVEL_INTENSIVE);
	assert_int_equal(a.n_contributors, 2); /* the state, and that it fell */
	cw_assessment_clear(&a);
}

static void test_undated_superseded(void **state)
{
	struct history h = { 0 };

	(void)state;
	capture(&h, NULL, "230817", "f/1", CW_GRADE_GOOD);
	capture(&h, "230710", "230904", "f/2", CW_GRADE_INADEQUATE);
	expect(&h, "230904", -1, CW_LEVEL_INTENSIVE);
}

/* A table of history says when reports were published and not when the visits were; all of it becomes known at once. */
static void test_history_by_publication(void **state)
{
	static const struct {
		const char *published;
		enum cw_grade grade;
	} rows[] = { { "190117", CW_GRADE_INADEQUATE }, { "230201", CW_GRADE_REQUIRES_IMPROVEMENT } };
	struct history h = { 0 };
	struct cw_assessment a;

	(void)state;
	for (size_t i = 0; i < CW_ARRAY_LEN(rows); i++) {
		struct cw_fact *fact = capture(&h, NULL, "240830", i ? "p#2" : "p#1", rows[i].grade);

		fact->evidence.published_at = cw_day_start(day_of(rows[i].published));
		fact->feed = cw_str(i ? "second" : "first");
	}
	expect(&h, "190117", 60, CW_LEVEL_INTENSIVE);
	expect(&h, "230201", 20, CW_LEVEL_PRIORITY);
	expect(&h, "240901", 20, CW_LEVEL_WATCH);
	/* The same inspection by the day of its visit is no other one. */
	capture(&h, "221205", "240830", "p#3", CW_GRADE_REQUIRES_IMPROVEMENT)->feed = cw_str("judgements");
	a = assess(&h, day_of("240901"));
	assert_int_equal(a.level, CW_LEVEL_WATCH);
	assert_int_equal(a.n_contributors, 1);
	cw_assessment_clear(&a);
}

static void test_correction_taken_back(void **state)
{
	struct history h = { 0 };
	struct cw_wall again = cw_day_start(day_of("240301"));
	struct cw_fact *fact;

	(void)state;
	fact = capture(&h, "230711", "240101", "f/1", CW_GRADE_INADEQUATE);
	capture(&h, "230711", "240201", "f/1", CW_GRADE_GOOD);
	fact->again = &again;
	fact->n_again = 1;
	expect(&h, "240131", 60, CW_LEVEL_INTENSIVE);
	expect(&h, "240201", 0, CW_LEVEL_PRIORITY);
	expect(&h, "240301", 60, CW_LEVEL_INTENSIVE);
}

static void test_leaders_inadequate(void **state)
{
	struct history h = { 0 };
	struct cw_fact *fact;

	(void)state;
	fact = capture(&h, "220214", "230817", "f/1", CW_GRADE_REQUIRES_IMPROVEMENT);
	cw_evidence_set(&fact->evidence, CW_VAL_IMPACT_OF_LEADERS, cw_str("inadequate"));
	expect(&h, "230817", 40, CW_LEVEL_PRIORITY);
}

static void test_derived_headline(void **state)
{
	const enum cw_grade g = CW_GRADE_GOOD, r = CW_GRADE_REQUIRES_IMPROVEMENT, i = CW_GRADE_INADEQUATE, o = CW_GRADE_OUTSTANDING,
	                    n = CW_GRADE_NONE;

	(void)state;
	assert_int_equal(cw_ilacs_derive(g, g, g, g, true), g);
	assert_int_equal(cw_ilacs_derive(o, o, o, o, true), g);
	assert_int_equal(cw_ilacs_derive(g, r, g, g, true), g);
	assert_int_equal(cw_ilacs_derive(g, r, r, g, true), r);
	assert_int_equal(cw_ilacs_derive(i, g, g, g, true), r);
	assert_int_equal(cw_ilacs_derive(g, g, g, i, true), i);
	assert_int_equal(cw_ilacs_derive(r, n, r, n, false), r);
	assert_int_equal(cw_ilacs_derive(g, g, g, n, true), n);
	assert_int_equal(cw_ilacs_derive(g, g, g, n, false), g);
	assert_int_equal(cw_ilacs_derive(g, n, n, n, false), n);
	assert_int_equal(cw_ilacs_derive(n, i, n, n, true), i);
}

static void test_media_opens_no_floor(void **state)
{
	struct history h = { 0 };

	(void)state;
	add_inputs(&h, "dir 230101-");
	h.facts[0].evidence.tier = CW_TIER_C;
	expect(&h, "230101", 60, CW_LEVEL_PRIORITY);
	h.facts[0].evidence.tier = CW_TIER_D;
	expect(&h, "230101", 0, CW_LEVEL_ROUTINE);
}

static void test_timestamp_only(void **state)
{
	struct history h = { 0 };
	struct seen_list list;

	(void)state;
	/* The page was fetched again and said the same: nothing enters. A grade no longer given for the same inspection changes
	 * no level. */
	capture(&h, "220214", "230817", "f/1", CW_GRADE_REQUIRES_IMPROVEMENT);
	capture(&h, "220214", "240319", "f/1", CW_GRADE_REQUIRES_IMPROVEMENT);
	cw_evidence_set(&h.facts[0].evidence, CW_VAL_CARE_LEAVERS, cw_str("good"));
	changes(&h, "240401", &list);
	assert_int_equal(list.n, 1);
}

/* ---- properties ---- */

static uint32_t next_random(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

static void random_history(struct history *h, uint32_t *seed)
{
	struct cw_risk risk;
	size_t n = 3 + next_random(seed) % 25;

	cw_risk_defaults(&risk);
	for (size_t i = 0; i < n; i++) {
		const struct cw_signal_def *def = &risk.signals[next_random(seed) % risk.n_signals];
		int32_t day = cw_day_make(2015, 1, 1) + (int32_t)(next_random(seed) % 3600);
		struct cw_fact *fact;

		if (next_random(seed) % 3 == 0) {
			fact = add_fact(h, CW_KIND_ILACS, day - (int32_t)(next_random(seed) % 120), day, "table");
			cw_evidence_set(&fact->evidence, CW_VAL_OVERALL_EFFECTIVENESS,
			                cw_str(cw_grade_name((enum cw_grade)(CW_GRADE_OUTSTANDING + next_random(seed) % 4))));
			continue;
		}
		fact = add_fact(h, CW_KIND_SIGNAL, day, day, "evidence");
		snprintf(h->texts[h->n - 1], sizeof(h->texts[0]), "%s", def->name);
		cw_evidence_set(&fact->evidence, CW_VAL_SIGNAL, cw_str(h->texts[h->n - 1]));
		cw_evidence_set(&fact->evidence, CW_VAL_STATUS,
		                cw_str(!def->state ? "occurred" : next_random(seed) % 3 ? "open" : "closed"));
		fact->evidence.tier = (enum cw_tier)(CW_TIER_A + next_random(seed) % 4);
	}
}

static void same_assessment(const struct cw_assessment *a, const struct cw_assessment *b)
{
	assert_int_equal(a->level, b->level);
	assert_int_equal(a->points_level, b->points_level);
	assert_int_equal(a->knowledge, b->knowledge);
	assert_int_equal(a->hold_until, b->hold_until);
	assert_int_equal(a->next_day, b->next_day);
	assert_int_equal(a->n_contributors, b->n_contributors);
	assert_float_equal(a->points, b->points, 1e-9);
}

static void shuffle(struct history *h, uint32_t *seed)
{
	for (size_t i = h->n; i > 1; i--) {
		size_t j = next_random(seed) % i;
		struct cw_fact swap = h->facts[i - 1];

		h->facts[i - 1] = h->facts[j];
		h->facts[j] = swap;
	}
}

/* Any order gives the same; the changes told, one after another, end where the state is; nothing looks ahead. */
static void test_random_histories(void **state)
{
	uint32_t seed = 2463534242u;

	(void)state;
	for (int round = 0; round < 400; round++) {
		struct history h = { 0 };
		int32_t day = cw_day_make(2015, 1, 1) + (int32_t)(next_random(&seed) % 5000);
		struct cw_assessment a, b, last;
		struct history early = { 0 };
		struct seen_list list = { .n = 0 };
		enum cw_level level = CW_LEVEL_ROUTINE;
		struct cw_risk risk;

		random_history(&h, &seed);
		a = assess(&h, day);

		for (size_t i = 0; i < h.n; i++)
			if (cw_wall_day(h.facts[i].known_at) <= day)
				early.facts[early.n++] = h.facts[i];
		b = assess(&early, day);
		same_assessment(&a, &b);
		cw_assessment_clear(&b);

		shuffle(&h, &seed);
		b = assess(&h, day);
		same_assessment(&a, &b);
		cw_assessment_clear(&b);

		cw_risk_defaults(&risk);
		assert_int_equal(cw_model_changes(&risk, h.facts, h.n, cw_day_start(day), note_change, &list, &last, NULL), 0);
		same_assessment(&a, &last);
		for (size_t i = 0; i < list.n; i++) {
			if (list.at[i].kind == CW_ALERT_LEVEL_UP)
				assert_true(list.at[i].level > list.at[i].previous);
			if (list.at[i].kind == CW_ALERT_LEVEL_UP || list.at[i].kind == CW_ALERT_LEVEL_DOWN)
				level = list.at[i].level;
		}
		(void)level;
		cw_assessment_clear(&last);
		cw_assessment_clear(&a);
	}
}

/* next_day is where the level next changes by time alone, and not later. */
static void test_next_day(void **state)
{
	struct history h = { 0 };
	struct cw_assessment a;

	(void)state;
	capture(&h, "190715", "230817", "f/1", CW_GRADE_INADEQUATE);
	capture(&h, "230717", "230911", "f/2", CW_GRADE_GOOD);
	a = assess(&h, day_of("230911"));
	assert_int_equal(a.next_day, day_of("231110"));
	assert_int_equal(a.step_down_day, day_of("231110"));
	assert_int_equal(a.hold_until, day_of("240909"));
	cw_assessment_clear(&a);
}

/* Full inspections before 2018 and after follow each other; what the earlier one did not say is not worked out. */
static void test_before_2018(void **state)
{
	struct history h = { 0 };
	struct cw_assessment a;
	struct cw_fact *fact;

	(void)state;
	add_values(&h, CW_KIND_SIF, "160426", CW_VAL_OVERALL_EFFECTIVENESS, "requires_improvement");
	expect(&h, "160426", 20, CW_LEVEL_WATCH);
	add_ilacs(&h, CW_GRADE_INADEQUATE, "190729");
	expect(&h, "190729", 60 + 15, CW_LEVEL_INTENSIVE);

	h.n = 0;
	fact = add_values(&h, CW_KIND_SIF, "160426", CW_VAL_HELP_AND_PROTECTION, "inadequate");
	expect(&h, "160426", 0, CW_LEVEL_ROUTINE);
	a = assess(&h, day_of("160426"));
	assert_int_equal(a.knowledge, CW_UNKNOWN);
	cw_assessment_clear(&a);
	set(fact, CW_VAL_OVERALL_EFFECTIVENESS, "requires_improvement");
	set(fact, CW_VAL_LEADERSHIP_MANAGEMENT_GOVERNANCE, "inadequate");
	expect(&h, "160426", 40, CW_LEVEL_PRIORITY);
}

/* A visit has no grade. Areas for priority action stand open until the next full inspection, or a visit that sees them addressed. */
static void test_visits(void **state)
{
	struct history h = { 0 };

	(void)state;
	add_ilacs(&h, CW_GRADE_GOOD, "180101");
	add_values(&h, CW_KIND_FOCUSED_VISIT, "190301", CW_VAL_PRIORITY_ACTIONS, "2");
	expect(&h, "190228", 0, CW_LEVEL_ROUTINE);
	expect(&h, "190301", 30, CW_LEVEL_PRIORITY);
	add_values(&h, CW_KIND_FOCUSED_VISIT, "190601", CW_VAL_PRIORITY_ACTIONS, "0");
	expect(&h, "190601", 30, CW_LEVEL_PRIORITY);
	add_values(&h, CW_KIND_FOCUSED_VISIT, "190901", CW_VAL_PROGRESS, "good");
	expect(&h, "190901", 0, CW_LEVEL_WATCH); /* held */
	add_values(&h, CW_KIND_JTAI, "191201", CW_VAL_PRIORITY_ACTIONS, "1");
	expect(&h, "191201", 30, CW_LEVEL_PRIORITY);
	add_ilacs(&h, CW_GRADE_GOOD, "200601");
	expect(&h, "200601", 0, CW_LEVEL_WATCH);
	add_values(&h, CW_KIND_MONITORING_VISIT, "220101", CW_VAL_PROGRESS, "slow");
	expect(&h, "220101", 12, CW_LEVEL_ROUTINE);
	expect(&h, "220928", 6, CW_LEVEL_ROUTINE);
	add_values(&h, CW_KIND_BOARD_REVIEW, "221101", CW_VAL_INSPECTION_TYPE, "review of the safeguarding board");
	expect(&h, "221101", 5.5, CW_LEVEL_ROUTINE);
}

static void test_send_2016(void **state)
{
	struct history h = { 0 };
	struct cw_fact *fact;

	(void)state;
	add_values(&h, CW_KIND_SEND_2016, "170301", CW_VAL_WSOA, "no");
	expect(&h, "170301", 0, CW_LEVEL_ROUTINE);
	add_values(&h, CW_KIND_SEND_2016, "180901", CW_VAL_WSOA, "yes");
	expect(&h, "180901", 15, CW_LEVEL_WATCH);
	fact = add_values(&h, CW_KIND_SEND_2016, "210501", CW_VAL_REVISIT, "some");
	set(fact, CW_VAL_WSOA, "yes");
	expect(&h, "210501", 30, CW_LEVEL_PRIORITY);
	add_values(&h, CW_KIND_AREA_SEND, "240101", CW_VAL_OUTCOME, "3");
	expect(&h, "240101", 35, CW_LEVEL_PRIORITY);
	add_values(&h, CW_KIND_AREA_SEND_MONITORING, "250601", CW_VAL_PROGRESS, "some");
	expect(&h, "250601", 35, CW_LEVEL_PRIORITY);
	add_values(&h, CW_KIND_AREA_SEND_MONITORING, "250901", CW_VAL_PROGRESS, "good");
	expect(&h, "250901", 0, CW_LEVEL_WATCH);

	h.n = 0;
	add_values(&h, CW_KIND_SEND_2016, "180901", CW_VAL_WSOA, "yes");
	add_values(&h, CW_KIND_SEND_2016, "200501", CW_VAL_REVISIT, "sufficient");
	expect(&h, "200501", 0, CW_LEVEL_ROUTINE);
}

static void add_figures(struct history *h, enum cw_kind kind, const char *period, const char *published, const char *outlier)
{
	struct cw_fact *fact = add_fact(h, kind, CW_DAY_NONE, day_of(published), "figures");

	set(fact, CW_VAL_PERIOD, period);
	if (outlier)
		set(fact, CW_VAL_OUTLIER, outlier);
}

/* What stands out in the newest release counts, until one in which it does not. */
static void test_figures(void **state)
{
	struct history h = { 0 };

	(void)state;
	add_figures(&h, CW_KIND_WORKFORCE, "2022", "230228", "agency_rate worst_decile");
	expect(&h, "230228", 8, CW_LEVEL_ROUTINE);
	expect(&h, "240228", 4, CW_LEVEL_ROUTINE);
	/* The next release: its own year, and the years before once more. */
	add_figures(&h, CW_KIND_WORKFORCE, "2021", "240301", NULL);
	add_figures(&h, CW_KIND_WORKFORCE, "2023", "240301", "agency_rate worst_decile");
	add_figures(&h, CW_KIND_WORKFORCE, "2022", "240301", NULL);
	expect(&h, "240301", 8, CW_LEVEL_ROUTINE);
	add_figures(&h, CW_KIND_EHCP_TIMELINESS, "2023", "240613", "ehcp_20_weeks worst_decile");
	expect(&h, "240613", 8 + 6.6, CW_LEVEL_ROUTINE);
	/* Revised: it does not stand out after all. */
	add_figures(&h, CW_KIND_WORKFORCE, "2023", "240701", NULL);
	expect(&h, "240701", 7.7, CW_LEVEL_ROUTINE);
	add_figures(&h, CW_KIND_EHCP_TIMELINESS, "2024", "250612", NULL);
	expect(&h, "250612", 0, CW_LEVEL_ROUTINE);
}

/* One release may have several rows for a council: the worst counts, whichever comes first. */
static void test_figures_together(void **state)
{
	struct history h = { 0 };

	(void)state;
	add_figures(&h, CW_KIND_WORKFORCE, "2023", "240301", "agency_rate worst_decile");
	add_figures(&h, CW_KIND_WORKFORCE, "2023", "240301", NULL);
	expect(&h, "240301", 8, CW_LEVEL_ROUTINE);
	add_figures(&h, CW_KIND_EHCP_TIMELINESS, "2023", "240301", NULL);
	add_figures(&h, CW_KIND_EHCP_TIMELINESS, "2023", "240301", "ehcp_20_weeks worst_decile");
	expect(&h, "240301", 8 + 8, CW_LEVEL_ROUTINE);
}

/* A revision taken back: the earlier words are known already, and count again. */
static void test_figures_again(void **state)
{
	struct cw_wall again = cw_day_start(day_of("240901"));
	struct history h = { 0 };

	(void)state;
	add_figures(&h, CW_KIND_WORKFORCE, "2023", "240301", "agency_rate worst_decile");
	add_figures(&h, CW_KIND_WORKFORCE, "2023", "240601", NULL);
	expect(&h, "240601", 0, CW_LEVEL_ROUTINE);
	h.facts[0].again = &again;
	h.facts[0].n_again = 1;
	expect(&h, "240831", 0, CW_LEVEL_ROUTINE);
	expect(&h, "240901", 8, CW_LEVEL_ROUTINE);
}

static enum cw_knowledge known_of(const struct history *h, enum cw_criterion criterion, const char *day)
{
	struct cw_assessment a = assess(h, day_of(day));
	enum cw_knowledge knowledge = a.criteria[criterion].knowledge;

	cw_assessment_clear(&a);
	return knowledge;
}

/* Domain 3.5: yearly data over 18 months is stale, for its criterion; the council as a whole is known by its inspections. */
static void test_figures_grow_stale(void **state)
{
	struct history h = { 0 };
	struct cw_assessment a;
	struct cw_fact *fact;

	(void)state;
	add_ilacs(&h, CW_GRADE_GOOD, "230101");
	assert_int_equal(known_of(&h, CW_CRIT_INTEL, "230227"), CW_UNKNOWN);
	add_figures(&h, CW_KIND_WORKFORCE, "2022", "230228", NULL);
	assert_int_equal(known_of(&h, CW_CRIT_INTEL, "230228"), CW_KNOWN);
	assert_int_equal(known_of(&h, CW_CRIT_INTEL, "240827"), CW_KNOWN);
	assert_int_equal(known_of(&h, CW_CRIT_INTEL, "240828"), CW_STALE);
	expect_knowledge(&h, "240828", CW_KNOWN);
	a = assess(&h, day_of("240101"));
	assert_int_equal(a.next_day, day_of("240828"));
	assert_int_equal(a.figures[0].kind, CW_KIND_WORKFORCE);
	assert_int_equal(a.figures[0].published_day, day_of("230228"));
	assert_int_equal(a.figures[0].stale_day, day_of("240828"));
	assert_int_equal(a.figures[1].published_day, CW_DAY_NONE);
	cw_assessment_clear(&a);
	/* The same year again is no newer; another year is. */
	add_figures(&h, CW_KIND_WORKFORCE, "2022", "240301", NULL);
	assert_int_equal(known_of(&h, CW_CRIT_INTEL, "240828"), CW_STALE);
	add_figures(&h, CW_KIND_WORKFORCE, "2023", "240901", NULL);
	assert_int_equal(known_of(&h, CW_CRIT_INTEL, "240901"), CW_KNOWN);

	/* Figures do not make SEND known that was never inspected; they make it stale where it was. */
	add_figures(&h, CW_KIND_EHCP_TIMELINESS, "2022", "230608", NULL);
	assert_int_equal(known_of(&h, CW_CRIT_SEND, "230608"), CW_UNKNOWN);
	fact = add_fact(&h, CW_KIND_AREA_SEND, day_of("230901"), day_of("230901"), "ofsted");
	set(fact, CW_VAL_OUTCOME, "1");
	assert_int_equal(known_of(&h, CW_CRIT_SEND, "241207"), CW_KNOWN);
	assert_int_equal(known_of(&h, CW_CRIT_SEND, "241208"), CW_STALE);
	expect_knowledge(&h, "241208", CW_KNOWN);
}

static void add_control(struct history *h, const char *control, const char *day, const char *listed)
{
	struct cw_fact *fact = add_fact(h, CW_KIND_POLITICAL_CONTROL, day_of(day), day_of(listed), "control");

	fact->evidence.published_at = cw_wall_none();
	set(fact, CW_VAL_CONTROL, control);
}

/* Only a change is an input, and it is as old as the change, however late the list of it came. */
static void test_control(void **state)
{
	struct history h = { 0 };

	(void)state;
	add_control(&h, "con", "210506", "250601");
	add_control(&h, "con", "220505", "250601");
	add_control(&h, "lab", "230504", "250601");
	add_control(&h, "lab", "230504", "250701"); /* a second list */
	add_control(&h, "lab", "240502", "250601");
	expect(&h, "220505", 0, CW_LEVEL_ROUTINE);
	expect(&h, "230504", 8, CW_LEVEL_ROUTINE);
	expect(&h, "240129", 4, CW_LEVEL_ROUTINE); /* 270 days */
	expect(&h, "250801", 1, CW_LEVEL_ROUTINE);
}

static struct cw_fact *add_note(struct history *h, const char *severity, const char *criterion, const char *day, const char *expires)
{
	struct cw_fact *fact = add_values(h, CW_KIND_INTERNAL_NOTE, day, CW_VAL_SEVERITY, severity);

	set(fact, CW_VAL_EXPIRES, expires);
	if (criterion)
		set(fact, CW_VAL_CRITERION, criterion);
	return fact;
}

static void test_notes(void **state)
{
	struct history h = { 0 };
	struct cw_assessment a;

	(void)state;
	add_note(&h, "high", NULL, "240101", "2024-03-31");
	expect(&h, "240101", 25, CW_LEVEL_WATCH); /* the cap of intel */
	expect(&h, "240331", 25, CW_LEVEL_WATCH);
	expect(&h, "240401", 0, CW_LEVEL_WATCH); /* 60 days */
	expect(&h, "240531", 0, CW_LEVEL_ROUTINE);
	a = assess(&h, day_of("240101"));
	assert_int_equal(a.next_day, day_of("240531"));
	assert_int_equal(a.contributors[0].closes_day, day_of("240401"));
	assert_true(a.contributors[0].steady && a.contributors[0].weight == 30);
	cw_assessment_clear(&a);
	/* Two criteria, 55 points: still only our own word. */
	add_note(&h, "high", "ofsted", "240102", "2024-03-31");
	expect(&h, "240102", 55, CW_LEVEL_WATCH);
	/* With anything else beside them they are not alone. */
	add_signal(&h, "leader_change", NULL, "occurred", "240103");
	expect(&h, "240103", 60, CW_LEVEL_PRIORITY);

	h.n = 0;
	add_note(&h, "low", NULL, "240101", "2024-03-31");
	add_note(&h, "medium", NULL, "240110", "2024-02-10");
	expect(&h, "240110", 15 + 0.25 * 5, CW_LEVEL_ROUTINE);
	expect(&h, "240211", 5, CW_LEVEL_ROUTINE);
	add_note(&h, "high", NULL, "240215", "2024-02-01"); /* over before it began */
	expect(&h, "240215", 5, CW_LEVEL_ROUTINE);
}

/* Domain 3.8 and 3.10, row 1: what two councils got from Northamptonshire. */
static void test_inheritance(void **state)
{
	struct history h = { 0 };
	struct cw_assessment a;
	size_t n;

	(void)state;
	add_inputs(&h, "ri 160426-190729; s114 180202; s114 180724; cex 180319; ldr 180319; bvd 180510-210331; dcs 180701; "
	               "apa 181113-190729; dir 181130-; scr 190606; inad 190729-; fell 190729");
	a = assess(&h, day_of("210331"));
	assert_int_equal(a.level, CW_LEVEL_INTENSIVE);
	cw_assessment_clear(&a);
	for (size_t i = 0; i < h.n; i++) {
		h.facts[i].heritage = 1;
		h.facts[i].vested = day_of("210401");
	}
	n = h.n;
	add_signal(&h, "lgr_transition", NULL, "open", "210401");
	expect(&h, "210331", 0, CW_LEVEL_ROUTINE);
	/* 60 and 60 halved; what is left of the fall, halved; the transition, and of two notices a half. */
	expect(&h, "210401", 60 + 2.3 + 10 + 2.3, CW_LEVEL_PRIORITY);
	a = assess(&h, day_of("210401"));
	assert_int_equal(a.knowledge, CW_INHERITED);
	assert_int_equal(a.floor_level, CW_LEVEL_PRIORITY);
	assert_true(a.contributors[0].inherited);
	assert_int_equal(a.contributors[0].floor, CW_LEVEL_PRIORITY);
	assert_int_equal(a.contributors[0].weight, 30);
	assert_int_equal(a.contributors[0].closes_day, day_of("240401"));
	cw_assessment_clear(&a);

	/* Its own judgement ends it, the direction too that nobody has closed: 60 days, then watch. */
	add_ilacs(&h, CW_GRADE_REQUIRES_IMPROVEMENT, "221125");
	a = assess(&h, day_of("221125"));
	assert_int_equal(a.knowledge, CW_KNOWN);
	assert_int_equal(a.level, CW_LEVEL_PRIORITY);
	assert_int_equal(a.floor_level, CW_LEVEL_WATCH);
	cw_assessment_clear(&a);
	expect(&h, "230123", -1, CW_LEVEL_PRIORITY);
	expect(&h, "230124", -1, CW_LEVEL_WATCH);

	/* Without one it ends after 36 months, and then nothing is known. */
	h.n = n + 1;
	expect(&h, "240331", -1, CW_LEVEL_PRIORITY);
	a = assess(&h, day_of("240401"));
	assert_int_equal(a.knowledge, CW_UNKNOWN);
	assert_int_equal(a.floor_level, CW_LEVEL_ROUTINE);
	assert_true(a.points < 2);
	cw_assessment_clear(&a);

	/* What is published of a council that has ended is nobody's. */
	add_signal(&h, "court_systemic_criticism", NULL, "occurred", "210501");
	h.facts[h.n - 1].heritage = 1;
	h.facts[h.n - 1].vested = day_of("210401");
	expect(&h, "210502", 60 + 2.2 + 10 + 2.2, CW_LEVEL_PRIORITY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_northamptonshire),     cmocka_unit_test(test_sefton),
		cmocka_unit_test(test_sefton_unclosed),      cmocka_unit_test(test_tower_hamlets),
		cmocka_unit_test(test_birmingham),           cmocka_unit_test(test_leeds),
		cmocka_unit_test(test_swindon),              cmocka_unit_test(test_inadequate_to_good),
		cmocka_unit_test(test_inadequate_to_ri),     cmocka_unit_test(test_twice_in_a_day),
		cmocka_unit_test(test_fall_fades),           cmocka_unit_test(test_who_may_close),
		cmocka_unit_test(test_who_is_believed),      cmocka_unit_test(test_stated_and_shown),
		cmocka_unit_test(test_lapsed_apa_answered),  cmocka_unit_test(test_unreadable_cells),
		cmocka_unit_test(test_older_inspection_returns), cmocka_unit_test(test_undated_inspection),
		cmocka_unit_test(test_undated_superseded), cmocka_unit_test(test_history_by_publication),   cmocka_unit_test(test_correction_taken_back),
		cmocka_unit_test(test_leaders_inadequate),   cmocka_unit_test(test_derived_headline),
		cmocka_unit_test(test_media_opens_no_floor), cmocka_unit_test(test_timestamp_only),
		cmocka_unit_test(test_random_histories),     cmocka_unit_test(test_next_day),
		cmocka_unit_test(test_before_2018),          cmocka_unit_test(test_visits),
		cmocka_unit_test(test_send_2016),            cmocka_unit_test(test_figures),
		cmocka_unit_test(test_control),              cmocka_unit_test(test_notes),
		cmocka_unit_test(test_figures_again),        cmocka_unit_test(test_figures_grow_stale),
		cmocka_unit_test(test_figures_together),
		cmocka_unit_test(test_inheritance),
	};

	return cmocka_run_group_tests_name("model", tests, NULL, NULL);
}
