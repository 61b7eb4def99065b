#include <math.h>
#include <stdlib.h>

#include "model_support.h"

int32_t day_of(const char *text)
{
	int n = atoi(text);

	return cw_day_make(2000 + n / 10000, n / 100 % 100, n % 100);
}

struct cw_fact *add_fact(struct history *h, enum cw_kind kind, int32_t event, int32_t published, const char *feed)
{
	struct cw_fact *fact = &h->facts[h->n];

	assert_in_range(h->n, 0, FACTS_MAX - 1);
	*fact = (struct cw_fact){ 0 };
	fact->evidence = (struct cw_evidence){ .kind = kind, .council_id = cw_str("somewhere"), .event_day = event,
		                               .tier = CW_TIER_A, .publisher = cw_str("Ofsted"), .url = cw_str(NULL),
		                               .title = cw_str(NULL), .quote = cw_str(NULL), .key = cw_str(NULL) };
	fact->evidence.published_at = cw_day_start(published);
	fact->evidence.fetched_at = cw_day_start(published);
	fact->known_at = cw_day_start(published);
	fact->feed = cw_str(feed);
	fact->rowno = h->n + 1;
	snprintf(fact->id, sizeof(fact->id), "%016zx%016zx", h->n + 1, h->n + 1);
	h->n++;
	return fact;
}

void add_signal(struct history *h, const char *signal, const char *criterion, const char *status, const char *day)
{
	struct cw_fact *fact = add_fact(h, CW_KIND_SIGNAL, day_of(day), day_of(day), "evidence");

	cw_evidence_set(&fact->evidence, CW_VAL_SIGNAL, cw_str(signal));
	cw_evidence_set(&fact->evidence, CW_VAL_STATUS, cw_str(status));
	if (criterion)
		cw_evidence_set(&fact->evidence, CW_VAL_CRITERION, cw_str(criterion));
}

static const struct {
	const char *shorthand, *signal, *criterion;
} shorthands[] = {
	{ "ri", "ilacs_ri", NULL },
	{ "inad", "ilacs_inadequate", NULL },
	{ "lead", "ilacs_leaders_inadequate", NULL },
	{ "apa", "apa_open", NULL },
	{ "not", "improvement_notice", "ofsted" },
	{ "dir", "statutory_direction", "ofsted" },
	{ "dir.s", "statutory_direction", "send" },
	{ "bvn", "best_value_notice", NULL },
	{ "bvd", "best_value_direction", NULL },
	{ "efs", "exceptional_financial_support", NULL },
	{ "fell", "judgement_fell", NULL },
	{ "s114", "s114_notice", NULL },
	{ "cex", "chief_exec_change", NULL },
	{ "ctl", "control_change", NULL },
	{ "ldr", "leader_change", NULL },
	{ "dcs", "dcs_change", NULL },
	{ "dcs2", "dcs_second_in_12m", NULL },
	{ "scr", "safeguarding_review", NULL },
	{ "court", "court_systemic_criticism", NULL },
};

/* The notation of domain 3.10: "ri 160426-190729; s114 180202; dir 181130-". A '=' before it leaves out what has been given as
 * inspections. */
void add_inputs(struct history *h, const char *inputs)
{
	char copy[1024], *item, *save = NULL;

	snprintf(copy, sizeof(copy), "%s", inputs);
	for (item = strtok_r(copy, ";", &save); item; item = strtok_r(NULL, ";", &save)) {
		char name[64], when[32];
		const char *signal = name, *criterion = NULL, *dash;

		assert_int_equal(sscanf(item, " %63s %31s", name, when), 2);
		for (size_t i = 0; i < CW_ARRAY_LEN(shorthands); i++) {
			if (strcmp(name, shorthands[i].shorthand) == 0) {
				snprintf(h->texts[h->n], sizeof(h->texts[0]), "%s", shorthands[i].signal);
				signal = h->texts[h->n];
				criterion = shorthands[i].criterion;
				break;
			}
		}
		if (signal == name) {
			snprintf(h->texts[h->n], sizeof(h->texts[0]), "%s", name);
			signal = h->texts[h->n];
		}
		dash = strchr(when, '-');
		add_signal(h, signal, criterion, dash ? "open" : "occurred", when);
		if (dash && dash[1])
			add_signal(h, signal, criterion, "closed", dash + 1);
	}
}

void add_ilacs(struct history *h, enum cw_grade overall, const char *day)
{
	struct cw_fact *fact = add_fact(h, CW_KIND_ILACS, day_of(day), day_of(day), "ofsted");

	cw_evidence_set(&fact->evidence, CW_VAL_OVERALL_EFFECTIVENESS, cw_str(cw_grade_name(overall)));
}

struct cw_assessment assess(const struct history *h, int32_t day)
{
	struct cw_assessment a;
	struct cw_risk risk;
	struct cw_error err = { 0 };

	cw_risk_defaults(&risk);
	assert_int_equal(cw_model_assess(&risk, h->facts, h->n, day, &a, &err), 0);
	return a;
}

void expect(const struct history *h, const char *day, double points, enum cw_level level)
{
	struct cw_assessment a = assess(h, day_of(day));

	if (points >= 0 && fabs(a.points - points) > 0.5)
		fail_msg("%s: %.2f points, not %.1f", day, a.points, points);
	if (a.level != level)
		fail_msg("%s: level %s, not %s (%.2f points)", day, cw_level_name(a.level), cw_level_name(level), a.points);
	cw_assessment_clear(&a);
}

void expect_knowledge(const struct history *h, const char *day, enum cw_knowledge knowledge)
{
	struct cw_assessment a = assess(h, day_of(day));

	if (a.knowledge != knowledge)
		fail_msg("%s: %s, not %s", day, cw_knowledge_name(a.knowledge), cw_knowledge_name(knowledge));
	cw_assessment_clear(&a);
}

int note_change(void *arg, const struct cw_change *change)
{
	struct seen_list *list = arg;
	struct seen *seen = &list->at[list->n++];

	assert_in_range(list->n, 1, 256);
	seen->kind = change->kind;
	cw_day_format(cw_wall_day(change->at), seen->day);
	seen->level = change->after.level;
	seen->previous = change->previous_level;
	seen->points = change->after.points;
	seen->ruling = change->ruling;
	snprintf(seen->cause, sizeof(seen->cause), "%s", change->cause);
	return 0;
}

void changes(const struct history *h, const char *until, struct seen_list *ret)
{
	struct cw_assessment last;
	struct cw_risk risk;
	struct cw_error err = { 0 };

	cw_risk_defaults(&risk);
	ret->n = 0;
	assert_int_equal(cw_model_changes(&risk, h->facts, h->n, cw_day_start(day_of(until)), note_change, ret, &last, &err), 0);
	cw_assessment_clear(&last);
}

void expect_change(const struct seen_list *list, enum cw_alert_kind kind, const char *day, enum cw_level level)
{
	for (size_t i = 0; i < list->n; i++)
		if (list->at[i].kind == kind && strcmp(list->at[i].day, day) == 0 && list->at[i].level == level)
			return;
	for (size_t i = 0; i < list->n; i++)
		print_message("%s %s %s->%s %.1f %s\n", list->at[i].day, cw_alert_kind_name(list->at[i].kind),
		              cw_level_name(list->at[i].previous), cw_level_name(list->at[i].level), list->at[i].points,
		              list->at[i].cause);
	fail_msg("no %s to %s on %s", cw_alert_kind_name(kind), cw_level_name(level), day);
}

void set(struct cw_fact *fact, enum cw_value_id id, const char *text)
{
	assert_int_equal(cw_evidence_set(&fact->evidence, id, cw_str(text)), 0);
}

struct cw_fact *add_values(struct history *h, enum cw_kind kind, const char *day, enum cw_value_id id, const char *text)
{
	struct cw_fact *fact = add_fact(h, kind, day_of(day), day_of(day), "some feed");

	set(fact, id, text);
	return fact;
}
