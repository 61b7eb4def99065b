/*
 * One event and the statements about it: who confirms and who copies, what closes what, and what is told of it.
 */
#include <math.h>

#include "model_support.h"

static void set_source(struct cw_fact *fact, const char *publisher, enum cw_tier tier, const char *quote)
{
	fact->evidence.publisher = cw_str(publisher);
	fact->evidence.tier = tier;
	fact->evidence.quote = cw_str(quote);
}

/* Domain 3.3: a second publisher confirms, unless it has the words of the first. */
static void test_copies(void **state)
{
	static const struct {
		const char *quote, *publisher;
		double points;
	} cases[] = {
		{ "The finance officer has issued a notice, the council says.", "Broadcaster", 25 * 0.5 },
		{ "THE finance officer has issued a notice - the council says", "Broadcaster", 25 * 0.5 },
		{ "Spending stops: a notice under section 114 was published today.", "Broadcaster", 25 * 0.7 },
		{ "Spending stops: a notice under section 114 was published today.", "Trade paper", 25 * 0.5 },
		{ NULL, "Broadcaster", 25 * 0.7 },
	};

	(void)state;
	for (size_t i = 0; i < CW_ARRAY_LEN(cases); i++) {
		struct history h = { 0 };
		struct cw_assessment a;

		add_signal(&h, "s114_notice", NULL, "occurred", "230101");
		set_source(&h.facts[0], "Trade paper", CW_TIER_C, "The finance officer has issued a notice, the council says.");
		add_signal(&h, "s114_notice", NULL, "occurred", "230101");
		set_source(&h.facts[1], cases[i].publisher, CW_TIER_C, cases[i].quote);
		a = assess(&h, day_of("230101"));
		if (fabs(a.points - cases[i].points) > 0.01)
			fail_msg("case %zu: %.2f points, not %.2f", i, a.points, cases[i].points);
		cw_assessment_clear(&a);
	}
}

/* A phrase that anybody would use is no copy. */
static void test_short_phrase(void **state)
{
	struct history h = { 0 };

	(void)state;
	for (int i = 0; i < 2; i++) {
		add_signal(&h, "s114_notice", NULL, "occurred", "230101");
		set_source(&h.facts[i], i ? "Broadcaster" : "Trade paper", CW_TIER_C, "Section 114 notice issued");
	}
	expect(&h, "230101", 25 * 0.7, CW_LEVEL_ROUTINE);
}

/* Of one moment what opens comes first, whatever the ids: what was opened and closed in it is closed. */
static void test_opened_and_closed(void **state)
{
	(void)state;
	for (int closed_first = 0; closed_first < 2; closed_first++) {
		struct history h = { 0 };

		add_signal(&h, "statutory_direction", "send", closed_first ? "closed" : "open", "230101");
		add_signal(&h, "statutory_direction", "send", closed_first ? "open" : "closed", "230101");
		expect(&h, "230101", 0, CW_LEVEL_ROUTINE);
		expect(&h, "230601", 0, CW_LEVEL_ROUTINE);
	}
}

static void test_as_many_closings(void **state)
{
	struct history h = { 0 };

	(void)state;
	add_inputs(&h, "not 200101-; not 200601-");
	add_signal(&h, "improvement_notice", "ofsted", "closed", "210101");
	expect(&h, "210101", 35, CW_LEVEL_PRIORITY);
	add_signal(&h, "improvement_notice", "ofsted", "closed", "210201");
	expect(&h, "210131", 35, CW_LEVEL_PRIORITY);
	expect(&h, "210201", 0, CW_LEVEL_WATCH);
}

static void test_revisit(void **state)
{
	struct history h = { 0 };

	(void)state;
	add_inputs(&h, "wsoa_open 180901-; wsoa_revisit_failed 210701-");
	expect(&h, "210630", 15, CW_LEVEL_WATCH);
	expect(&h, "210701", 30, CW_LEVEL_PRIORITY);
	/* One that is required after the revisit is another. */
	add_inputs(&h, "wsoa_open 220101-");
	expect(&h, "220101", 45, CW_LEVEL_PRIORITY);
}

static void test_financial_year(void **state)
{
	static const struct {
		const char *published, *period, *last;
	} cases[] = {
		{ "240229", NULL, "250331" },
		{ "240229", "2024-25", "250331" },
		{ "230401", NULL, "240331" },
		{ "230620", "2022-23", NULL }, /* of a year that is over */
		{ "240229", "2024", "250331" },
	};

	(void)state;
	for (size_t i = 0; i < CW_ARRAY_LEN(cases); i++) {
		struct history h = { 0 };

		add_signal(&h, "exceptional_financial_support", NULL, "open", cases[i].published);
		if (cases[i].period)
			set(&h.facts[0], CW_VAL_PERIOD, cases[i].period);
		expect(&h, cases[i].published, cases[i].last ? 8 : 0, CW_LEVEL_ROUTINE);
		if (cases[i].last) {
			struct cw_assessment a = assess(&h, day_of(cases[i].last) + 1);

			assert_true(a.points == 0);
			cw_assessment_clear(&a);
			expect(&h, cases[i].last, 8, CW_LEVEL_ROUTINE);
		}
	}
}

/* Who repeats in January what was said in December speaks of the same year. */
static void test_financial_year_repeated(void **state)
{
	struct history h = { 0 };

	(void)state;
	add_signal(&h, "exceptional_financial_support", NULL, "open", "231228");
	add_signal(&h, "exceptional_financial_support", NULL, "open", "240105");
	expect(&h, "240331", 8, CW_LEVEL_ROUTINE);
	expect(&h, "240401", 0, CW_LEVEL_ROUTINE);
}

/* An area for priority action that was closed on the day on which it would have lapsed was answered. */
static void test_closed_as_it_lapses(void **state)
{
	struct history h = { 0 };

	(void)state;
	add_ilacs(&h, CW_GRADE_GOOD, "190601");
	add_inputs(&h, "apa 191115-");
	expect_knowledge(&h, "210514", CW_KNOWN);
	expect_knowledge(&h, "210515", CW_STALE);
	add_signal(&h, "apa_open", NULL, "closed", "210515");
	expect_knowledge(&h, "210515", CW_KNOWN);
}

/* Domain 3.2: notes, alone, are capped to watch; they raise nothing above it, and keep nothing there. */
static void test_notes_keep_nothing(void **state)
{
	struct history h = { 0 };
	const char *const criteria[] = { "ofsted", "send" };

	(void)state;
	add_inputs(&h, "dir 230101-230301");
	for (size_t i = 0; i < CW_ARRAY_LEN(criteria); i++) {
		struct cw_fact *fact = add_values(&h, CW_KIND_INTERNAL_NOTE, "230201", CW_VAL_SEVERITY, "high");

		set(fact, CW_VAL_CRITERION, criteria[i]);
		set(fact, CW_VAL_EXPIRES, "2023-07-31");
	}
	expect(&h, "230301", 60, CW_LEVEL_PRIORITY);
	expect(&h, "230429", 60, CW_LEVEL_PRIORITY);
	expect(&h, "230430", 60, CW_LEVEL_WATCH);
}

/* What a successor got of its predecessor's is not its own event, and ends with its own. */
static void test_own_and_inherited(void **state)
{
	struct history h = { 0 };

	(void)state;
	add_inputs(&h, "not 210325-");
	h.facts[0].heritage = 1;
	h.facts[0].vested = day_of("210401");
	expect(&h, "210401", 17.5, CW_LEVEL_WATCH);
	add_inputs(&h, "not 210405-210901");
	expect(&h, "210404", 17.5, CW_LEVEL_WATCH);
	expect(&h, "210405", 35, CW_LEVEL_PRIORITY);
	expect(&h, "210831", 35, CW_LEVEL_PRIORITY);
	expect(&h, "210901", 0, CW_LEVEL_WATCH);
}

/* A reorganisation to come is not over because the council that will be divided was inspected once more. */
static void test_transition(void **state)
{
	struct history h = { 0 };
	struct cw_fact *fact;

	(void)state;
	fact = add_fact(&h, CW_KIND_SIGNAL, day_of("270401"), day_of("260401"), "lineage");
	set(fact, CW_VAL_SIGNAL, "lgr_transition");
	set(fact, CW_VAL_STATUS, "open");
	add_ilacs(&h, CW_GRADE_GOOD, "260901");
	expect(&h, "260901", 10, CW_LEVEL_WATCH);
	expect(&h, "270331", 10, CW_LEVEL_WATCH);
	/* That of the successor is dated after it. */
	add_ilacs(&h, CW_GRADE_GOOD, "280901");
	expect(&h, "280831", 10, CW_LEVEL_WATCH);
	expect(&h, "280901", 0, CW_LEVEL_ROUTINE);
}

/* What is new goes before what is only confirmed: the confirmed event was told three weeks ago. */
static void test_cause_of_new_evidence(void **state)
{
	struct history h = { 0 };
	struct seen_list list = { 0 };

	(void)state;
	add_inputs(&h, "dir 230101-; s114 230601; s114 230614; jr_policy_unlawful 230614");
	changes(&h, "230701", &list);
	expect_change(&list, CW_ALERT_NEW_EVIDENCE, "2023-06-01", CW_LEVEL_INTENSIVE);
	expect_change(&list, CW_ALERT_NEW_EVIDENCE, "2023-06-14", CW_LEVEL_INTENSIVE);
	assert_string_equal(list.at[list.n - 1].cause, "jr_policy_unlawful/specific/2023-06-14");
}

/* Nor does a finding that is only said once more stand for what is new. */
static void test_finding_said_again(void **state)
{
	struct history h = { 0 };
	struct seen_list list = { 0 };

	(void)state;
	add_inputs(&h, "apa 230601-; apa 230610-; s114 230610");
	changes(&h, "230701", &list);
	expect_change(&list, CW_ALERT_NEW_EVIDENCE, "2023-06-10", CW_LEVEL_PRIORITY);
	assert_string_equal(list.at[list.n - 1].cause, "s114_notice/specific/2023-06-10");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_copies),
		cmocka_unit_test(test_short_phrase),
		cmocka_unit_test(test_opened_and_closed),
		cmocka_unit_test(test_as_many_closings),
		cmocka_unit_test(test_revisit),
		cmocka_unit_test(test_financial_year),
		cmocka_unit_test(test_financial_year_repeated),
		cmocka_unit_test(test_closed_as_it_lapses),
		cmocka_unit_test(test_notes_keep_nothing),
		cmocka_unit_test(test_own_and_inherited),
		cmocka_unit_test(test_transition),
		cmocka_unit_test(test_cause_of_new_evidence),
		cmocka_unit_test(test_finding_said_again),
	};

	return cmocka_run_group_tests_name("model_event", tests, NULL, NULL);
}
