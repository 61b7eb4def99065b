/* Looking back: which full inspections there were, and from when each fact speaks (model.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <councilwatch/model.h>

#define FACTS_MAX 8

struct said {
	const char *feed, *visit, *published, *seen, *grade; /* NULL: not stated */
	enum cw_kind kind;
};

static int32_t day(const char *text)
{
	struct cw_wall t;

	if (!text)
		return CW_DAY_NONE;
	assert_int_equal(cw_wall_parse(text, strlen(text), &t, NULL), 0);
	return cw_wall_day(t);
}

static size_t make_facts(const struct said *said, struct cw_fact *facts)
{
	size_t n = 0;

	for (; said[n].feed; n++) {
		struct cw_fact *fact = &facts[n];
		struct cw_evidence *e = &fact->evidence;

		*fact = (struct cw_fact){ .feed = cw_str(said[n].feed), .known_at = cw_day_start(day(said[n].seen)) };
		e->kind = said[n].kind ? said[n].kind : CW_KIND_ILACS;
		e->council_id = cw_str("leeds");
		e->event_day = day(said[n].visit);
		e->published_at = said[n].published ? cw_day_start(day(said[n].published)) : cw_wall_none();
		e->fetched_at = fact->known_at;
		e->tier = CW_TIER_A;
		e->publisher = cw_str(said[n].feed);
		e->url = e->title = e->quote = e->key = cw_str("");
		snprintf(fact->id, sizeof(fact->id), "%032zu", n);
		if (said[n].grade)
			assert_int_equal(cw_evidence_set(e, e->kind == CW_KIND_AREA_SEND ? CW_VAL_OUTCOME : CW_VAL_OVERALL_EFFECTIVENESS,
			                                 cw_str(said[n].grade)), 0);
	}
	return n;
}

/* "2019-05-01/2019-03-11/good, ..." : published, visit, headline. */
static void assert_inspections(const struct said *said, const char *as_of, enum cw_kind kind, const char *expected)
{
	struct cw_fact facts[FACTS_MAX];
	struct cw_inspection *found = NULL;
	size_t n_facts = make_facts(said, facts), n = 0;
	char text[512] = "", published[CW_WALL_TEXT], visit[CW_WALL_TEXT];
	struct cw_error err = { 0 };
	struct cw_risk risk;

	cw_risk_defaults(&risk);
	assert_int_equal(cw_model_inspections(&risk, facts, n_facts, day(as_of), kind, &found, &n, &err), 0);
	for (size_t i = 0; i < n; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s/%s/%d", i ? ", " : "",
		         cw_day_format(found[i].published_day, published), cw_day_format(found[i].event_day, visit),
		         found[i].severity);
	free(found);
	assert_string_equal(text, expected);
}

static void test_several_voices_are_one_inspection(void **state)
{
	static const struct said said[] = {
		{ "list", "2019-03-11", NULL, "2023-08-17", "good", 0 },
		{ "history", NULL, "2019-05-01", "2024-08-30", "good", 0 },
		{ "report", "2022-10-10", "2022-12-02", "2022-12-02", "inadequate", 0 },
		{ "list", "2022-10-10", NULL, "2023-09-01", "inadequate", 0 },
		{ NULL },
	};

	(void)state;
	assert_inspections(said, "2025-01-01", CW_KIND_ILACS, "2019-05-01/2019-03-11/2, 2022-12-02/2022-10-10/4");
	/* Not before it was published. */
	assert_inspections(said, "2022-12-01", CW_KIND_ILACS, "2019-05-01//2");
	assert_inspections(said, "2025-01-01", CW_KIND_AREA_SEND, "");
}

/* Nottingham 2022: one publisher's day of publication is two months late, and who dates the visit knows neither. */
static void test_publishers_who_differ(void **state)
{
	static const struct said said[] = {
		{ "workbook", NULL, "2022-09-05", "2024-05-22", "inadequate", 0 },
		{ "history", NULL, "2022-11-05", "2024-08-30", "inadequate", 0 },
		{ "outcomes", "2022-07-11", NULL, "2024-08-30", "inadequate", 0 },
		{ NULL },
	};

	(void)state;
	assert_inspections(said, "2025-01-01", CW_KIND_ILACS, "2022-09-05/2022-07-11/4");
}

/* A year after a visit it is another inspection, dated or not. */
static void test_next_inspection_stays_apart(void **state)
{
	static const struct said said[] = {
		{ "report", "2020-01-06", "2020-03-02", "2020-03-02", "requires_improvement", 0 },
		{ "history", NULL, "2021-02-01", "2024-08-30", "inadequate", 0 },
		{ NULL },
	};

	(void)state;
	assert_inspections(said, "2025-01-01", CW_KIND_ILACS, "2020-03-02/2020-01-06/3, 2021-02-01//4");
}

static void test_areas_and_heritage(void **state)
{
	static const struct said said[] = {
		{ "send", "2023-05-01", "2023-07-01", "2023-07-01", "3", CW_KIND_AREA_SEND },
		{ "report", "2020-01-06", "2020-03-02", "2020-03-02", "good", 0 },
		{ NULL },
	};
	struct cw_fact facts[FACTS_MAX];
	struct cw_inspection *found = NULL;
	struct cw_error err = { 0 };
	struct cw_risk risk;
	size_t n = make_facts(said, facts), n_found = 1;

	(void)state;
	assert_inspections(said, "2025-01-01", CW_KIND_AREA_SEND, "2023-07-01/2023-05-01/3");
	/* What was found at a predecessor is not the council's own. */
	facts[1].heritage = 1;
	facts[1].vested = day("2021-04-01");
	cw_risk_defaults(&risk);
	assert_int_equal(cw_model_inspections(&risk, facts, n, day("2025-01-01"), CW_KIND_ILACS, &found, &n_found, &err), 0);
	assert_int_equal(n_found, 0);
	free(found);
	assert_true(cw_model_inspections(&risk, facts, n, day("2025-01-01"), CW_KIND_NEWS, &found, &n_found, &err) < 0);
}

/* A correction speaks from when it was known; what nobody vouches for, never. */
static void test_speaking(void **state)
{
	static const struct said said[] = {
		{ "history", "2019-03-11", "2019-05-01", "2024-01-01", "good", 0 },
		{ "history", "2019-03-11", "2019-05-01", "2024-06-01", "requires_improvement", 0 },
		{ "list", "2019-03-11", NULL, "2023-08-17", "good", 0 },
		{ "nobody", "2019-03-11", "2019-05-01", "2019-05-01", "good", 0 },
		{ NULL },
	};
	static const char *const expected[] = { "2019-05-01", "2024-06-01", "2023-08-17", NULL };
	struct cw_fact facts[FACTS_MAX];
	int32_t days[FACTS_MAX];
	struct cw_error err = { 0 };
	struct cw_risk risk;
	size_t n = make_facts(said, facts);

	(void)state;
	facts[3].evidence.tier = CW_TIER_D;
	cw_risk_defaults(&risk);
	assert_int_equal(cw_model_speaking(&risk, facts, n, days, &err), 0);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(days[i], day(expected[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_several_voices_are_one_inspection),
		cmocka_unit_test(test_publishers_who_differ),
		cmocka_unit_test(test_next_inspection_stays_apart),
		cmocka_unit_test(test_areas_and_heritage),
		cmocka_unit_test(test_speaking),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
