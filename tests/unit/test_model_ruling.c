/*
 * What people rule (domain 3.7, 3.9): on the level, on an event, on a floor, on who is right; from its first day to its last, and the
 * day after.
 */
#include "model_support.h"

struct made {
	const char *scope, *level, *event, *source;
};

static struct cw_fact *rule(struct history *h, const struct made *made, const char *day, const char *expires)
{
	struct cw_fact *fact = add_values(h, CW_KIND_OVERRIDE, day, CW_VAL_EXPIRES, expires);

	fact->evidence.publisher = cw_str("LGA");
	set(fact, CW_VAL_AUTHOR, "regional adviser");
	set(fact, CW_VAL_REASON, "seen on a visit");
	if (made->scope)
		set(fact, CW_VAL_SCOPE, made->scope);
	if (made->level)
		set(fact, CW_VAL_LEVEL, made->level);
	if (made->event)
		set(fact, CW_VAL_EVENT, made->event);
	if (made->source)
		set(fact, CW_VAL_SOURCE, made->source);
	return fact;
}

#define RULE(h, day, expires, ...) rule(h, &(struct made){ __VA_ARGS__ }, day, expires)

static const struct cw_contributor *find(const struct cw_assessment *a, const char *signal)
{
	for (size_t i = 0; i < a->n_contributors; i++)
		if (strcmp(a->contributors[i].signal->name, signal) == 0)
			return &a->contributors[i];
	fail_msg("%s is not among what contributes", signal);
	return NULL;
}

static const struct seen *told(const struct seen_list *list, enum cw_alert_kind kind, const char *day)
{
	for (size_t i = 0; i < list->n; i++)
		if (list->at[i].kind == kind && strcmp(list->at[i].day, day) == 0)
			return &list->at[i];
	fail_msg("no %s on %s", cw_alert_kind_name(kind), day);
	return NULL;
}

/* Up to any level, down to no less than a formal floor, and only until it expires. */
static void test_level(void **state)
{
	struct history h = { 0 };
	struct seen_list list;
	struct cw_assessment a;

	(void)state;
	add_ilacs(&h, CW_GRADE_GOOD, "230101");
	RULE(&h, "240101", "2024-03-31", .level = "intensive");
	expect(&h, "231231", 0, CW_LEVEL_ROUTINE);
	expect(&h, "240101", 0, CW_LEVEL_INTENSIVE);
	expect(&h, "240331", 0, CW_LEVEL_INTENSIVE);
	expect(&h, "240401", 0, CW_LEVEL_ROUTINE);
	a = assess(&h, day_of("240201"));
	assert_int_equal(a.model_level, CW_LEVEL_ROUTINE);
	assert_ptr_equal(a.ruling.fact, &h.facts[1]);
	assert_int_equal(a.ruling.until_day, day_of("240331"));
	assert_int_equal(a.next_day, day_of("240317")); /* it is told that it ends */
	cw_assessment_clear(&a);
	a = assess(&h, day_of("240401"));
	assert_null(a.ruling.fact);
	assert_int_equal(a.n_rulings, 1);
	assert_int_equal(a.rulings[0].state, CW_RULING_EXPIRED);
	cw_assessment_clear(&a);
	a = assess(&h, day_of("231231")); /* nobody had ruled yet */
	assert_int_equal(a.n_rulings, 0);
	cw_assessment_clear(&a);

	changes(&h, "240501", &list);
	assert_int_equal(list.n, 3);
	assert_int_equal(list.at[0].kind, CW_ALERT_LEVEL_UP);
	assert_int_equal(strncmp(list.at[0].cause, "override/", 9), 0);
	assert_int_equal(list.at[1].kind, CW_ALERT_OVERRIDE_EXPIRING);
	assert_string_equal(list.at[1].day, "2024-03-17");
	assert_int_equal(list.at[2].kind, CW_ALERT_LEVEL_DOWN);
	assert_int_equal(strncmp(list.at[2].cause, "ended/", 6), 0);
	assert_int_equal(list.at[2].ruling.state, CW_RULING_EXPIRED);

	/* A later ruling takes the place of the earlier, for good. */
	RULE(&h, "240201", "2024-02-20", .level = "watch", .scope = "level");
	expect(&h, "240131", 0, CW_LEVEL_INTENSIVE);
	expect(&h, "240201", 0, CW_LEVEL_WATCH);
	expect(&h, "240220", 0, CW_LEVEL_WATCH);
	expect(&h, "240221", 0, CW_LEVEL_ROUTINE);
	a = assess(&h, day_of("240221"));
	assert_int_equal(a.n_rulings, 2);
	assert_int_equal(a.rulings[0].state, CW_RULING_EXPIRED); /* the latest first */
	assert_int_equal(a.rulings[1].state, CW_RULING_REPLACED);
	cw_assessment_clear(&a);

	h.n = 0;
	add_ilacs(&h, CW_GRADE_REQUIRES_IMPROVEMENT, "230101");
	add_signal(&h, "s114_notice", NULL, "occurred", "230201");
	add_signal(&h, "dcs_change", NULL, "occurred", "230201");
	expect(&h, "230201", 20 + 25 + 8, CW_LEVEL_PRIORITY);
	RULE(&h, "230202", "2023-04-01", .level = "routine");
	expect(&h, "230202", -1, CW_LEVEL_WATCH); /* the floor of requires improvement */
	expect(&h, "230402", -1, CW_LEVEL_PRIORITY);
}

/* Made at one moment: the same counts, whichever comes first, and whenever each became known. */
static void test_moments(void **state)
{
	struct history h = { 0 };
	struct cw_fact swap, *early, *late;

	(void)state;
	add_ilacs(&h, CW_GRADE_GOOD, "230101");
	early = RULE(&h, "240101", "2024-03-31", .level = "priority");
	late = RULE(&h, "240101", "2024-03-31", .level = "watch");
	expect(&h, "240102", 0, CW_LEVEL_WATCH);
	swap = *early;
	*early = *late;
	*late = swap;
	expect(&h, "240102", 0, CW_LEVEL_WATCH);
	/* Made at noon: after the one of the morning, though it was known first. */
	late->evidence.published_at.ms += 12 * 3600 * 1000;
	early->known_at.ms += 14 * 3600 * 1000;
	expect(&h, "240102", 0, CW_LEVEL_PRIORITY);
}

/* What is rejected has no points until the ruling expires; going down takes 60 days, whatever the cause; coming back is at once. */
static void test_event(void **state)
{
	struct history h = { 0 };
	struct seen_list list;
	struct cw_assessment a;

	(void)state;
	add_ilacs(&h, CW_GRADE_REQUIRES_IMPROVEMENT, "230101");
	add_inputs(&h, "s114 230201; cex 230201; dcs 230201; ldr 230201");
	RULE(&h, "230202", "2023-05-01", .scope = "event", .event = "s114_notice/specific/2023-02-01");
	expect(&h, "230201", 20 + 25 + 8 + 8 + 5 + 10, CW_LEVEL_PRIORITY); /* three criteria */
	expect(&h, "230202", 20 + 20.9, CW_LEVEL_PRIORITY);
	a = assess(&h, day_of("230202"));
	assert_true(find(&a, "s114_notice")->points == 0);
	assert_ptr_equal(find(&a, "s114_notice")->rejected.fact, &h.facts[5]);
	assert_null(find(&a, "s114_notice")->handled.fact); /* it holds no floor */
	assert_int_equal(a.model_level, CW_LEVEL_PRIORITY);
	assert_int_equal(a.rulings[0].state, CW_RULING_IN_FORCE);
	cw_assessment_clear(&a);
	/* 20 + 21 * 2^(-days/180) is under 40 from the 13th day, 14 February. */
	expect(&h, "230414", -1, CW_LEVEL_PRIORITY);
	expect(&h, "230415", -1, CW_LEVEL_WATCH);
	a = assess(&h, day_of("230416"));
	assert_int_equal(a.model_level, CW_LEVEL_PRIORITY);
	assert_int_equal(a.next_day, day_of("230417")); /* two weeks before the end it is told */
	cw_assessment_clear(&a);
	expect(&h, "230501", 20 + 14.9, CW_LEVEL_WATCH);
	expect(&h, "230502", 20 + 14.85 + 21.1 + 10, CW_LEVEL_PRIORITY);
	a = assess(&h, day_of("230501"));
	assert_int_equal(a.next_day, day_of("230502"));
	cw_assessment_clear(&a);
	changes(&h, "230601", &list);
	told(&list, CW_ALERT_OVERRIDE_EXPIRING, "2023-04-17");
	assert_int_equal(told(&list, CW_ALERT_LEVEL_UP, "2023-05-02")->ruling.state, CW_RULING_EXPIRED);
	assert_int_equal(strncmp(told(&list, CW_ALERT_LEVEL_UP, "2023-05-02")->cause, "ended/", 6), 0);
}

/* Of repeats the strongest that is not rejected counts whole; a rejected criterion is not broad. */
static void test_event_arithmetic(void **state)
{
	struct history h = { 0 };

	(void)state;
	add_ilacs(&h, CW_GRADE_GOOD, "230101");
	add_inputs(&h, "s114 230201; s114 230401");
	expect(&h, "230401", 25 + 0.25 * 22.3, CW_LEVEL_WATCH);
	RULE(&h, "230401", "2023-05-01", .scope = "event", .event = "s114_notice/specific/2023-04-01");
	expect(&h, "230401", 22.3, CW_LEVEL_WATCH);
	h.n = 1;
	add_inputs(&h, "bvn 230201; bvn 230210; cex 230201; dcs 230201; visit_weak_no_apa 230201; monitoring_slow 230201");
	expect(&h, "230201", 10 + 16 + 20 + 10, CW_LEVEL_PRIORITY);
	RULE(&h, "230201", "2023-05-01", .scope = "event", .event = "best_value_notice/specific/2023-02-01");
	expect(&h, "230201", 16 + 20, CW_LEVEL_WATCH);
	/* Nothing but notes is left: a reason to look, not to act. */
	h.n = 0;
	set(add_values(&h, CW_KIND_INTERNAL_NOTE, "230101", CW_VAL_SEVERITY, "high"), CW_VAL_EXPIRES, "2023-06-01");
	set(add_values(&h, CW_KIND_INTERNAL_NOTE, "230101", CW_VAL_SEVERITY, "high"), CW_VAL_EXPIRES, "2023-06-01");
	set(&h.facts[1], CW_VAL_CRITERION, "ofsted");
	add_inputs(&h, "ldr 230101");
	expect(&h, "230101", 60, CW_LEVEL_PRIORITY);
	RULE(&h, "230101", "2023-05-01", .scope = "event", .event = "leader_change/leadership/2023-01-01");
	expect(&h, "230101", 55, CW_LEVEL_WATCH);
	/* A note is named by its number. */
	RULE(&h, "230102", "2023-05-01", .scope = "event", .event = h.facts[0].id);
	expect(&h, "230102", 30, CW_LEVEL_WATCH);
}

/* Domain 3.9: a formal floor stays, also when its event is rejected: it is only marked as handled. */
static void test_floor_stays(void **state)
{
	struct history h = { 0 };
	struct cw_assessment a;

	(void)state;
	add_ilacs(&h, CW_GRADE_GOOD, "230101");
	add_signal(&h, "apa_open", NULL, "open", "230301");
	RULE(&h, "230401", "2023-06-01", .scope = "event", .event = "apa_open/ofsted/2023-03-01");
	expect(&h, "230331", 30, CW_LEVEL_PRIORITY);
	expect(&h, "230401", 0, CW_LEVEL_PRIORITY);
	a = assess(&h, day_of("230601"));
	assert_int_equal(a.floor_level, CW_LEVEL_PRIORITY);
	assert_ptr_equal(find(&a, "apa_open")->handled.fact, &h.facts[2]);
	assert_ptr_equal(find(&a, "apa_open")->rejected.fact, &h.facts[2]);
	cw_assessment_clear(&a);
	expect(&h, "230602", 30, CW_LEVEL_PRIORITY);

	/* Handled: nothing moves but what is shown. */
	RULE(&h, "230701", "2023-09-01", .scope = "floor", .event = "apa_open/ofsted/2023-03-01");
	expect(&h, "230701", 30, CW_LEVEL_PRIORITY);
	a = assess(&h, day_of("230701"));
	assert_ptr_equal(find(&a, "apa_open")->handled.fact, &h.facts[3]);
	assert_null(find(&a, "apa_open")->rejected.fact);
	assert_int_equal(a.next_day, day_of("230818"));
	cw_assessment_clear(&a);
	a = assess(&h, day_of("230901"));
	assert_int_equal(find(&a, "apa_open")->handled.until_day, day_of("230901"));
	assert_int_equal(a.next_day, day_of("230902"));
	cw_assessment_clear(&a);
	a = assess(&h, day_of("230902"));
	assert_null(find(&a, "apa_open")->handled.fact);
	assert_int_equal(a.rulings[0].state, CW_RULING_EXPIRED);
	cw_assessment_clear(&a);
	/* What holds no floor cannot be handled. */
	add_signal(&h, "s114_notice", NULL, "occurred", "230701");
	RULE(&h, "230702", "2023-09-01", .scope = "floor", .event = "s114_notice/specific/2023-07-01");
	a = assess(&h, day_of("230702"));
	assert_null(find(&a, "s114_notice")->handled.fact);
	assert_int_equal(a.rulings[0].state, CW_RULING_IDLE);
	cw_assessment_clear(&a);
}

/* A finding that has closed is not worth a word about the end of a ruling on it; nor is a name of nothing. */
static void test_idle(void **state)
{
	struct history h = { 0 };
	struct seen_list list;
	struct cw_assessment a;

	(void)state;
	add_ilacs(&h, CW_GRADE_GOOD, "230101");
	add_inputs(&h, "apa 230301-230415");
	RULE(&h, "230401", "2023-06-01", .scope = "floor", .event = "apa_open/ofsted/2023-03-01");
	RULE(&h, "230401", "2023-06-01", .scope = "event", .event = "apa_open/ofsted/2022-03-01");
	RULE(&h, "230401", "2023-06-01", .scope = "event", .event = "nonsense");
	a = assess(&h, day_of("230420"));
	assert_int_equal(a.n_rulings, 2);
	assert_int_equal(a.rulings[0].state, CW_RULING_IDLE);
	assert_int_equal(a.rulings[1].state, CW_RULING_IDLE);
	cw_assessment_clear(&a);
	changes(&h, "230701", &list);
	for (size_t i = 0; i < list.n; i++)
		assert_int_not_equal(list.at[i].kind, CW_ALERT_OVERRIDE_EXPIRING);
}

/* Two about different events, and one on the level, are in force together; each is told before it ends. */
static void test_together(void **state)
{
	struct history h = { 0 };
	struct seen_list list;
	struct cw_assessment a;
	size_t in_force = 0;

	(void)state;
	add_ilacs(&h, CW_GRADE_GOOD, "230101");
	add_inputs(&h, "s114 230201; apa 230201-; dir.s 230201-");
	RULE(&h, "230301", "2023-05-01", .scope = "event", .event = "s114_notice/specific/2023-02-01");
	RULE(&h, "230301", "2023-05-01", .scope = "floor", .event = "apa_open/ofsted/2023-02-03"); /* near enough */
	RULE(&h, "230301", "2023-05-15", .scope = "floor", .event = "statutory_direction/send/2023-02-01");
	RULE(&h, "230301", "2023-05-20", .level = "intensive");
	a = assess(&h, day_of("230301"));
	for (size_t i = 0; i < a.n_rulings; i++)
		in_force += a.rulings[i].state == CW_RULING_IN_FORCE;
	assert_int_equal(in_force, 4);
	assert_non_null(find(&a, "s114_notice")->rejected.fact);
	assert_non_null(find(&a, "apa_open")->handled.fact);
	assert_non_null(find(&a, "statutory_direction")->handled.fact);
	assert_non_null(a.ruling.fact);
	cw_assessment_clear(&a);
	/* The first two end in two weeks from the same day; the last day of the third's notice is another. */
	changes(&h, "230601", &list);
	in_force = 0;
	for (size_t i = 0; i < list.n; i++)
		in_force += list.at[i].kind == CW_ALERT_OVERRIDE_EXPIRING;
	assert_int_equal(in_force, 4);
	assert_int_equal(told(&list, CW_ALERT_OVERRIDE_EXPIRING, "2023-05-01")->ruling.scope, CW_RULING_FLOOR);
	told(&list, CW_ALERT_OVERRIDE_EXPIRING, "2023-04-17");
	told(&list, CW_ALERT_OVERRIDE_EXPIRING, "2023-05-06");
	/* Of the same subject the later counts. */
	RULE(&h, "230310", "2023-03-12", .scope = "event", .event = "s114_notice/specific/2023-02-01");
	a = assess(&h, day_of("230313"));
	assert_null(find(&a, "s114_notice")->rejected.fact);
	assert_non_null(find(&a, "apa_open")->handled.fact);
	cw_assessment_clear(&a);
}

/* Sources of one tier differ: the more adverse is heard, until a person says who is right; the rest follows as from a
 * correction of theirs. */
static void test_who_is_right(void **state)
{
	struct history h = { 0 };
	struct seen_list list;
	struct cw_assessment a;
	struct cw_fact *fact;

	(void)state;
	add_ilacs(&h, CW_GRADE_GOOD, "230101");
	fact = add_fact(&h, CW_KIND_ILACS, day_of("230103"), day_of("230301"), "statistics");
	fact->evidence.publisher = cw_str("Department for Education");
	set(fact, CW_VAL_OVERALL_EFFECTIVENESS, "inadequate");
	RULE(&h, "230401", "2023-06-30", .scope = "event", .event = "ilacs/2023-01-03", .source = "Ofsted");
	expect(&h, "230331", 60, CW_LEVEL_INTENSIVE);
	expect(&h, "230401", 0, CW_LEVEL_PRIORITY); /* 60 days, as when it is corrected */
	expect(&h, "230530", 0, CW_LEVEL_PRIORITY);
	expect(&h, "230531", 0, CW_LEVEL_WATCH); /* held */
	expect(&h, "230630", 0, CW_LEVEL_WATCH);
	expect(&h, "230701", 60, CW_LEVEL_INTENSIVE);
	a = assess(&h, day_of("230630"));
	assert_int_equal(a.n_conflicts, 1);
	assert_ptr_equal(a.conflicts[0].settled.fact, &h.facts[2]);
	assert_ptr_equal(a.conflicts[0].facts[0], &h.facts[0]);
	assert_int_equal(a.next_day, day_of("230701"));
	assert_int_equal(a.model_level, CW_LEVEL_INTENSIVE);
	assert_int_equal(a.floor_level, CW_LEVEL_ROUTINE);
	cw_assessment_clear(&a);
	a = assess(&h, day_of("230701"));
	assert_null(a.conflicts[0].settled.fact);
	assert_ptr_equal(a.conflicts[0].facts[0], &h.facts[1]);
	assert_int_equal(find(&a, "ilacs_inadequate")->opened_day, day_of("230301"));
	cw_assessment_clear(&a);
	changes(&h, "230801", &list);
	told(&list, CW_ALERT_CONFLICT, "2023-03-01");
	assert_non_null(told(&list, CW_ALERT_FLOOR_CLOSED, "2023-04-01")->ruling.fact);
	told(&list, CW_ALERT_OVERRIDE_EXPIRING, "2023-06-16");
	expect_change(&list, CW_ALERT_LEVEL_UP, "2023-07-01", CW_LEVEL_INTENSIVE);
	told(&list, CW_ALERT_CONFLICT, "2023-07-01");

	/* By the name of its feed, the more adverse of two tiers, though the other would be heard. */
	h.n = 2;
	h.facts[1].evidence.tier = CW_TIER_B;
	expect(&h, "230331", 0, CW_LEVEL_ROUTINE);
	RULE(&h, "230401", "2023-06-30", .scope = "event", .event = "ilacs/2023-01-01", .source = "statistics");
	expect(&h, "230401", 60, CW_LEVEL_INTENSIVE);
	expect(&h, "230701", 0, CW_LEVEL_PRIORITY);
	/* The media are not right about a grade, whoever says so. */
	h.facts[1].evidence.tier = CW_TIER_C;
	expect(&h, "230401", 0, CW_LEVEL_ROUTINE);
	/* Nor does somebody who said nothing become right. */
	h.facts[1].evidence.tier = CW_TIER_B;
	set(&h.facts[2], CW_VAL_SOURCE, "Somebody");
	expect(&h, "230401", 0, CW_LEVEL_ROUTINE);
}

/* A ruling about an inspection whose date was not known then goes on when the date appears. */
static void test_undated(void **state)
{
	struct history h = { 0 };
	struct cw_assessment a;
	struct cw_fact *fact;

	(void)state;
	fact = add_fact(&h, CW_KIND_ILACS, CW_DAY_NONE, day_of("230301"), "ofsted");
	fact->evidence.url = cw_str("https://reports.example/1");
	set(fact, CW_VAL_OVERALL_EFFECTIVENESS, "requires_improvement");
	RULE(&h, "230302", "2023-06-30", .scope = "floor", .event = "ilacs_ri/ofsted/2023-03-01");
	a = assess(&h, day_of("230302"));
	assert_non_null(find(&a, "ilacs_ri")->handled.fact);
	cw_assessment_clear(&a);
	fact = add_fact(&h, CW_KIND_ILACS, day_of("230110"), day_of("230401"), "ofsted");
	fact->evidence.url = cw_str("https://reports.example/1");
	fact->evidence.published_at = cw_wall_none();
	h.facts[0].evidence.published_at = cw_wall_none();
	set(fact, CW_VAL_OVERALL_EFFECTIVENESS, "requires_improvement");
	a = assess(&h, day_of("230401"));
	assert_int_equal(find(&a, "ilacs_ri")->event_day, day_of("230110"));
	assert_non_null(find(&a, "ilacs_ri")->handled.fact);
	cw_assessment_clear(&a);
}

/* In whatever order they come: the same on every day; and nothing happens between a day and the next that is named. */
static void test_any_order(void **state)
{
	struct history h = { 0 }, turned;
	struct cw_assessment before, a, b;
	int32_t from = day_of("230101"), until = day_of("231231"), named = CW_DAY_NONE;
	struct cw_fact *fact;

	(void)state;
	add_ilacs(&h, CW_GRADE_GOOD, "230101");
	fact = add_fact(&h, CW_KIND_ILACS, day_of("230103"), day_of("230301"), "statistics");
	fact->evidence.publisher = cw_str("Department for Education");
	set(fact, CW_VAL_OVERALL_EFFECTIVENESS, "requires_improvement");
	add_inputs(&h, "s114 230201; cex 230201; apa 230301-230801; dcs 230401; ldr 230401");
	RULE(&h, "230215", "2023-05-01", .scope = "event", .event = "s114_notice/specific/2023-02-01");
	RULE(&h, "230410", "2023-07-01", .scope = "event", .event = "ilacs/2023-01-03", .source = "Ofsted");
	RULE(&h, "230415", "2023-09-01", .scope = "floor", .event = "apa_open/ofsted/2023-03-01");
	RULE(&h, "230510", "2023-06-20", .level = "intensive");
	RULE(&h, "230510", "2023-06-25", .level = "routine");
	RULE(&h, "230615", "2023-10-20", .scope = "event", .event = "s114_notice/specific/2023-02-01");
	turned = h;
	for (size_t i = 0; i < h.n; i++)
		turned.facts[i] = h.facts[h.n - 1 - i];
	for (int32_t day = from; day <= until; day++) {
		bool entered = false;

		a = assess(&h, day);
		b = assess(&turned, day);
		assert_int_equal(a.level, b.level);
		assert_int_equal(a.model_level, b.model_level);
		assert_true(a.points == b.points);
		assert_int_equal(a.n_rulings, b.n_rulings);
		for (size_t i = 0; i < a.n_rulings; i++) {
			assert_string_equal(a.rulings[i].fact->id, b.rulings[i].fact->id);
			assert_int_equal(a.rulings[i].state, b.rulings[i].state);
		}
		for (size_t i = 0; i < h.n; i++)
			entered |= cw_wall_day(h.facts[i].known_at) == day;
		if (day > from && !entered && day != named) {
			bool moved = a.level != before.level || a.knowledge != before.knowledge || a.floor_level != before.floor_level;

			for (size_t i = 0; i < a.n_rulings && !moved; i++)
				moved = (a.rulings[i].state == CW_RULING_IN_FORCE) != (before.rulings[i].state == CW_RULING_IN_FORCE);
			if (moved)
				fail_msg("on day %d of the year something has changed, and the day before did not say so", day - from + 1);
		}
		if (day > from)
			cw_assessment_clear(&before);
		named = a.next_day;
		before = a;
		cw_assessment_clear(&b);
	}
	cw_assessment_clear(&before);
}

/* Ofsted and those who compile its tables differ: Ofsted is heard, and somebody is told. */
static void test_conflict(void **state)
{
	struct history h = { 0 };
	struct seen_list list;
	struct cw_assessment a;
	struct cw_fact *fact;

	(void)state;
	add_ilacs(&h, CW_GRADE_GOOD, "230101");
	fact = add_fact(&h, CW_KIND_ILACS, day_of("230103"), day_of("230301"), "summary");
	fact->evidence.publisher = cw_str("Data to Insight");
	fact->evidence.tier = CW_TIER_B;
	set(fact, CW_VAL_OVERALL_EFFECTIVENESS, "inadequate");
	a = assess(&h, day_of("230228"));
	assert_int_equal(a.n_conflicts, 0);
	cw_assessment_clear(&a);
	a = assess(&h, day_of("230301"));
	assert_int_equal(a.level, CW_LEVEL_ROUTINE);
	assert_int_equal(a.n_conflicts, 1);
	assert_int_equal(a.conflicts[0].n_facts, 2);
	assert_ptr_equal(a.conflicts[0].facts[0], &h.facts[0]);
	cw_assessment_clear(&a);
	changes(&h, "230501", &list);
	assert_int_equal(list.n, 1);
	assert_int_equal(list.at[0].kind, CW_ALERT_CONFLICT);
	assert_string_equal(list.at[0].cause, "conflict/ilacs/2023-01-03");

	/* The media take no part. */
	h.facts[1].evidence.tier = CW_TIER_C;
	a = assess(&h, day_of("230301"));
	assert_int_equal(a.n_conflicts, 0);
	cw_assessment_clear(&a);
}

static void test_names(void **state)
{
	static const char *const good[] = { "s114_notice/specific/2018-02-02", "improvement_notice/send/2020-02-29", "ilacs/2023-01-03",
		                            "area_send/2024-05-01", "0123456789abcdef0123456789abcdef" };
	static const char *const bad[] = { "", "s114_notice", "s114_notice/specific", "s114_notice/specific/2018-02-30",
		                           "s114_notice/send/2018-02-02", "s114/specific/2018-02-02", "ilacs/ofsted/2023-01-03",
		                           "ilacs", "0123456789ABCDEF0123456789ABCDEF", "s114_notice/specific/2018-02-02/", "/", "//" };
	char text[CW_EVENT_NAME_TEXT];
	struct cw_event_name name;
	struct cw_risk risk;

	(void)state;
	cw_risk_defaults(&risk);
	for (size_t i = 0; i < CW_ARRAY_LEN(good); i++) {
		assert_int_equal(cw_event_name_parse(&risk, cw_str(good[i]), &name), 0);
		assert_string_equal(cw_event_name_format(&name, text), good[i]);
	}
	for (size_t i = 0; i < CW_ARRAY_LEN(bad); i++)
		if (cw_event_name_parse(&risk, cw_str(bad[i]), &name) == 0)
			fail_msg("'%s' is no name of an event", bad[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_level),        cmocka_unit_test(test_moments),      cmocka_unit_test(test_event),
		cmocka_unit_test(test_event_arithmetic), cmocka_unit_test(test_floor_stays), cmocka_unit_test(test_idle),
		cmocka_unit_test(test_together),     cmocka_unit_test(test_who_is_right), cmocka_unit_test(test_undated),
		cmocka_unit_test(test_any_order),    cmocka_unit_test(test_conflict),     cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests_name("model rulings", tests, NULL, NULL);
}
