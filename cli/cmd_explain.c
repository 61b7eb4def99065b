/*
 * councilwatch explain: why a council is at its level, line by line, down to quotes and links.
 *
 * The words follow what the project promises the councils: a level is a flag for a conversation, evidence
 * suggests, nobody is called failing.
 */
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include <councilwatch/model.h>
#include <councilwatch/paths.h>
#include <councilwatch/render.h>

#include "command.h"
#include "evidence_text.h"
#include "output.h"
#include "record.h"

/* How far ahead to look for the day on which time alone changes the level: two years, in steps of whatever changes. */
#define AHEAD_DAYS 731
#define AHEAD_STEPS 800
#define LINES_MAX 64

/* A statement with its day, gathered first and written as text or JSON. */
struct line {
	const char *what;
	int32_t day;
	char *text; /* owned */
};
struct lines {
	size_t n;
	struct line at[LINES_MAX];
	int failed;
};

struct explanation {
	const struct cw_cli *cli;
	const struct cw_council *council;
	struct cw_assessment now;
	bool outage;
	struct lines lower;
	struct lines unknown;
};

static void lines_clear(struct lines *lines)
{
	for (size_t i = 0; i < lines->n; i++)
		free(lines->at[i].text);
}

static void CW_PRINTF(4, 5) add_line(struct lines *lines, const char *what, int32_t day, const char *fmt, ...)
{
	va_list args;
	char *text;
	int n;

	if (lines->n == LINES_MAX)
		return;
	va_start(args, fmt);
	n = vasprintf(&text, fmt, args);
	va_end(args);
	if (n < 0) {
		lines->failed = -ENOMEM;
		return;
	}
	lines->at[lines->n++] = (struct line){ what, day, text };
}

/* What would close a state, in words. */
static const char *closing_event(const struct cw_signal_def *signal)
{
	if (signal->closed_by_ilacs && signal->closed_by_area_send)
		return "the next full inspection";
	if (signal->closed_by_ilacs)
		return "the next full inspection of children's services (ILACS) that does not find it again";
	if (signal->closed_by_area_send)
		return "the next full area SEND inspection that does not find it again, or a monitoring inspection "
		       "that says "
		       "effective action was taken";
	return "a statement by its publisher that it is closed";
}

static void lower_by_contributor(struct explanation *x, const struct cw_contributor *c)
{
	const struct cw_risk *risk = &x->cli->config->risk;
	const char *words = cw_render_signal(c->signal->name);
	char day[CW_WALL_TEXT], hold[64] = "";

	if (!c->signal->state) {
		if (!c->steady)
			add_line(&x->lower, "decay", CW_DAY_NONE, "%s: its %.1f points halve every %.0f days.", words,
			         cw_render_points(c->points), c->signal->half_life);
		else if (c->closes_day != CW_DAY_NONE)
			add_line(&x->lower, "expiry", c->closes_day, "%s: its %.1f points end on %s.", words,
			         cw_render_points(c->points), cw_day_format(c->closes_day, day));
		return;
	}

	if (c->floor >= CW_LEVEL_PRIORITY && risk->hold_days > 0)
		snprintf(hold, sizeof(hold), "; watch is then held for %d days", risk->hold_days);
	if (c->floor != CW_LEVEL_ROUTINE)
		add_line(&x->lower, "closing", CW_DAY_NONE,
		         "%s holds the level at %s or above, with %.1f points. It is closed by %s%s.", words,
		         cw_level_name(c->floor), cw_render_points(c->points), closing_event(c->signal), hold);
	else
		add_line(&x->lower, "closing", CW_DAY_NONE, "%s: its %.1f points end with %s.", words,
		         cw_render_points(c->points), closing_event(c->signal));
	if (c->closes_day != CW_DAY_NONE)
		add_line(&x->lower, "expiry", c->closes_day, "%s ends by itself on %s.", words,
		         cw_day_format(c->closes_day, day));
}

/* The day on which the level falls if nothing else is published. */
static int lower_by_time(struct explanation *x, const struct cw_history *facts, struct cw_error *err)
{
	int32_t day = x->now.next_day;
	char text[CW_WALL_TEXT];

	for (unsigned step = 0; step < AHEAD_STEPS && day != CW_DAY_NONE && day <= x->now.as_of + AHEAD_DAYS; step++) {
		struct cw_assessment then;
		int r = cw_model_assess(&x->cli->config->risk, facts->at, facts->n, day, &then, err);

		if (r < 0)
			return r;
		if (then.level < x->now.level)
			add_line(&x->lower, "time", day, "If nothing else is published, the level is %s from %s.",
			         cw_level_name(then.level), cw_day_format(day, text));
		day = then.level != x->now.level || then.next_day <= day ? CW_DAY_NONE : then.next_day;
		cw_assessment_clear(&then);
	}
	return 0;
}

static int find_lower(struct explanation *x, const struct cw_history *facts, struct cw_error *err)
{
	char day[CW_WALL_TEXT];

	if (x->now.level == CW_LEVEL_ROUTINE)
		return 0;
	for (size_t i = 0; i < x->now.n_contributors; i++)
		lower_by_contributor(x, &x->now.contributors[i]);
	if (x->now.hold_until != CW_DAY_NONE)
		add_line(&x->lower, "hold", x->now.hold_until,
		         "Watch is held until %s, because a floor of priority or above closed within the last %d days.",
		         cw_day_format(x->now.hold_until, day), x->cli->config->risk.hold_days);
	if (x->now.step_down_day != CW_DAY_NONE)
		add_line(&x->lower, "step_down", x->now.step_down_day,
		         "The points have fallen; the level that rests on them follows on %s if they stay low.",
		         cw_day_format(x->now.step_down_day, day));
	return lower_by_time(x, facts, err);
}

static bool criterion_of(const struct cw_cli *cli, const struct cw_evidence *evidence, enum cw_criterion *ret)
{
	struct cw_str named = cw_evidence_value(evidence, CW_VAL_CRITERION);
	const struct cw_kind_def *kind = cw_kind_def(evidence->kind);
	const struct cw_signal_def *signal;

	if (named.len && cw_criterion_parse(named, ret) == 0)
		return true;
	if (kind && kind->criterion)
		return cw_criterion_parse(cw_str(kind->criterion), ret) == 0;
	signal = cw_risk_signal(&cli->config->risk, cw_evidence_value(evidence, CW_VAL_SIGNAL));
	if (signal)
		*ret = signal->criterion;
	return signal != NULL;
}

static void find_unknown(struct explanation *x, const struct cw_history *facts)
{
	static const char *const subjects[CW_CRIT_COUNT] = {
		"inspection of children's services",
		"special educational needs and disabilities",
		"intelligence",
		"changes of leadership",
		"specific challenges (money, courts, reorganisation)",
	};
	const struct cw_assessment *now = &x->now;
	bool has_evidence[CW_CRIT_COUNT] = { false };
	char day[CW_WALL_TEXT], stale[CW_WALL_TEXT];

	if (x->outage)
		add_line(&x->unknown, "outage", CW_DAY_NONE,
		         "A required source is not being received: something may have changed without our knowing. "
		         "'councilwatch status' says which.");
	if (now->last_judged_day == CW_DAY_NONE)
		add_line(&x->unknown, "never_judged", CW_DAY_NONE,
		         "No full inspection of children's services is known for this council.");
	else if (now->stale_day != CW_DAY_NONE && now->stale_day <= now->as_of)
		add_line(&x->unknown, "stale", now->stale_day,
		         "The last full inspection known is of %s; since %s that is too old to lean on.",
		         cw_day_format(now->last_judged_day, day), cw_day_format(now->stale_day, stale));
	else if (now->stale_day != CW_DAY_NONE)
		add_line(&x->unknown, "becomes_stale", now->stale_day,
		         "The last full inspection known is of %s; without another it is too old to lean on from %s.",
		         cw_day_format(now->last_judged_day, day), cw_day_format(now->stale_day, stale));

	for (size_t i = 0; i < facts->n; i++) {
		struct cw_wall known = facts->at[i].evidence.published_at;
		enum cw_criterion criterion;

		/* Not what came later than the day asked about. */
		if (cw_wall_day(cw_wall_known(known) ? known : facts->at[i].known_at) > now->as_of)
			continue;
		if (criterion_of(x->cli, &facts->at[i].evidence, &criterion))
			has_evidence[criterion] = true;
	}
	for (int c = 0; c < CW_CRIT_COUNT; c++) {
		enum cw_knowledge knowledge = now->criteria[c].knowledge;

		if (!has_evidence[c])
			add_line(&x->unknown, "no_evidence", CW_DAY_NONE,
			         "%s: nothing has been received about %s. That is not the same as calm.",
			         cw_criterion_name((enum cw_criterion)c), subjects[c]);
		else if (knowledge != CW_KNOWN)
			add_line(&x->unknown, "criterion", CW_DAY_NONE, "%s: what is known about %s is %s.",
			         cw_criterion_name((enum cw_criterion)c), subjects[c], cw_knowledge_name(knowledge));
	}
}

static json_t *lines_json(const struct lines *lines)
{
	json_t *array = json_array();
	int failed = lines->failed;

	for (size_t i = 0; i < lines->n; i++) {
		json_t *object = json_object();

		cw_json_set(object, "what", json_string(lines->at[i].what), &failed);
		cw_json_set(object, "day", cw_json_day(lines->at[i].day), &failed);
		cw_json_set(object, "text", json_string(lines->at[i].text), &failed);
		if (json_array_append_new(array, object) < 0)
			failed = -ENOMEM;
	}
	if (failed) {
		json_decref(array);
		return NULL;
	}
	return array;
}

static json_t *constants_json(const struct cw_risk *risk)
{
	json_t *object = json_object(), *caps = json_object();
	int failed = 0;

	for (int c = 0; c < CW_CRIT_COUNT; c++)
		cw_json_set(caps, cw_criterion_name((enum cw_criterion)c), json_real(risk->cap[c]), &failed);
	cw_json_set(object, "line_watch", json_real(risk->line_watch), &failed);
	cw_json_set(object, "line_priority", json_real(risk->line_priority), &failed);
	cw_json_set(object, "cap", caps, &failed);
	cw_json_set(object, "breadth_points", json_real(risk->breadth_points), &failed);
	cw_json_set(object, "breadth_criteria", json_integer(risk->breadth_criteria), &failed);
	cw_json_set(object, "breadth_minimum", json_real(risk->breadth_minimum), &failed);
	cw_json_set(object, "step_down_share", json_real(risk->step_down_share), &failed);
	cw_json_set(object, "step_down_days", json_integer(risk->step_down_days), &failed);
	cw_json_set(object, "hold_days", json_integer(risk->hold_days), &failed);
	if (failed) {
		json_decref(object);
		return NULL;
	}
	return object;
}

static int explain_json(const struct explanation *x)
{
	const struct cw_assessment *now = &x->now;
	json_t *object = json_object(), *model = json_object();
	int failed = 0;

	cw_json_set(model, "version", json_string(CW_VERSION), &failed);
	cw_json_set(model, "config", json_string(x->cli->config->hash), &failed);

	cw_json_set(object, "council", cw_render_council(x->council), &failed);
	cw_json_set(object, "as_of", cw_json_day(now->as_of), &failed);
	cw_json_set(object, "level", json_string(cw_level_name(now->level)), &failed);
	cw_json_set(object, "model_level", json_string(cw_level_name(now->model_level)), &failed);
	cw_json_set(object, "points_level", json_string(cw_level_name(now->points_level)), &failed);
	cw_json_set(object, "floor_level", json_string(cw_level_name(now->floor_level)), &failed);
	cw_json_set(object, "held", json_boolean(now->held), &failed);
	cw_json_set(object, "hold_until", cw_json_day(now->hold_until), &failed);
	cw_json_set(object, "step_down_day", cw_json_day(now->step_down_day), &failed);
	cw_json_set(object, "knowledge", json_string(cw_knowledge_name(now->knowledge)), &failed);
	cw_json_set(object, "last_judged", cw_json_day(now->last_judged_day), &failed);
	cw_json_set(object, "stale_day", cw_json_day(now->stale_day), &failed);
	cw_json_set(object, "points", json_real(cw_render_points(now->points)), &failed);
	cw_json_set(object, "breadth", json_boolean(now->breadth), &failed);
	cw_json_set(object, "criteria", cw_render_criteria(now), &failed);
	cw_json_set(object, "override", cw_render_override(now), &failed);
	cw_json_set(object, "rulings", cw_render_rulings(now, false), &failed);
	cw_json_set(object, "conflicts", cw_render_conflicts(now), &failed);
	cw_json_set(object, "contributors", cw_render_contributors(now), &failed);
	cw_json_set(object, "would_lower", lines_json(&x->lower), &failed);
	cw_json_set(object, "unknown", lines_json(&x->unknown), &failed);
	cw_json_set(object, "constants", constants_json(&x->cli->config->risk), &failed);
	cw_json_set(object, "model", model, &failed);
	if (failed) {
		json_decref(object);
		return failed;
	}
	return cw_out_json(stdout, object);
}

static void print_lines(const char *heading, const struct lines *lines)
{
	if (!lines->n)
		return;
	printf("\n%s\n", heading);
	for (size_t i = 0; i < lines->n; i++) {
		fputs("  - ", stdout);
		cw_out_text(stdout, lines->at[i].text);
		putchar('\n');
	}
}

static void print_fact(const struct cw_fact *fact)
{
	const struct cw_evidence *e = &fact->evidence;
	char day[CW_WALL_TEXT];

	printf("         - of %s: ",
	       e->event_day == CW_DAY_NONE ? "an unstated day" : cw_day_format(e->event_day, day));
	cw_evidence_print_values(stdout, e);
	putchar('\n');
	cw_evidence_print_source(stdout, 11, fact);
}

static void print_contributor(const struct explanation *x, const struct cw_contributor *c)
{
	const struct cw_signal_def *signal = c->signal;
	char opened[CW_WALL_TEXT];

	printf("\n  %5.1f  ", cw_render_points(c->points));
	cw_out_text(stdout, cw_render_signal(signal->name));
	printf(" (%s, %s)%s%s\n", signal->name, cw_criterion_name(c->criterion),
	       c->derived ? ", derived from the single judgements: no overall one was given" : "",
	       c->inherited ? ", inherited from the council before" : "");
	printf("         known since %s, %d day%s; weight %.4g", cw_day_format(c->opened_day, opened), c->age_days,
	       c->age_days == 1 ? "" : "s", c->weight);
	if (signal->state) {
		fputs(", in full while it is open", stdout);
	} else {
		printf(" x confidence %.4g", c->confidence);
		if (c->steady)
			printf(", in full until %s", cw_day_format(c->closes_day - 1, opened));
		else
			printf(" x 2^(-%d/%.0f)", c->age_days, signal->half_life);
	}
	if (c->floor != CW_LEVEL_ROUTINE) {
		fputs("; level at least ", stdout);
		cw_out_coloured(stdout, x->cli->colour, cw_out_level_colour(c->floor), cw_level_name(c->floor));
	}
	fputs(".\n", stdout);
	for (size_t i = 0; i < c->n_facts; i++)
		print_fact(c->facts[i]);
}

static void print_ruling(const struct cw_assessment *now)
{
	const struct cw_fact *fact = now->ruling.fact;
	char day[CW_WALL_TEXT];

	if (!fact)
		return;
	fputs("Set to ", stdout);
	fputs(cw_level_name(now->ruling.level), stdout);
	fputs(" by ", stdout);
	cw_out_str(stdout, cw_evidence_value(&fact->evidence, CW_VAL_AUTHOR));
	printf(" until %s; the model would say %s.", cw_day_format(now->ruling.until_day, day), cw_level_name(now->model_level));
	if (now->level != now->ruling.level)
		printf(" A formal finding holds it at %s all the same.", cw_level_name(now->level));
	fputs(" Reason: ", stdout);
	cw_out_str(stdout, cw_evidence_value(&fact->evidence, CW_VAL_REASON));
	putchar('\n');
	cw_evidence_print_source(stdout, 2, fact);
}

static void print_arithmetic(const struct explanation *x)
{
	const struct cw_risk *risk = &x->cli->config->risk;
	const struct cw_assessment *now = &x->now;
	bool any = false;

	printf("\nPoints: %.1f", cw_render_points(now->points));
	for (int c = 0; c < CW_CRIT_COUNT; c++) {
		const struct cw_criterion_state *state = &now->criteria[c];

		if (state->points <= 0)
			continue;
		printf("%s%s %.1f", any ? " + " : " = ", cw_criterion_name((enum cw_criterion)c),
		       cw_render_points(state->points));
		if (state->uncapped > state->points + 0.05)
			printf(" (%.1f, counted up to %.4g)", state->uncapped, risk->cap[c]);
		any = true;
	}
	if (now->breadth)
		printf(" + %.4g because %d or more criteria have at least %.4g each", risk->breadth_points,
		       risk->breadth_criteria, risk->breadth_minimum);
	printf(". From %.4g points watch, from %.4g priority; intensive only by a formal finding or a person.\n",
	       risk->line_watch, risk->line_priority);
	printf("Level: the highest of points (%s), formal findings (%s)%s.\n", cw_level_name(now->points_level),
	       cw_level_name(now->floor_level), now->held ? " and the hold (watch)" : "");
	print_ruling(now);
}

static void print_conflicts(const struct cw_assessment *now)
{
	if (now->n_conflicts)
		puts("\nWhere sources differ (the first is the one heard):");
	for (size_t i = 0; i < now->n_conflicts; i++)
		for (size_t k = 0; k < now->conflicts[i].n_facts; k++)
			print_fact(now->conflicts[i].facts[k]);
}

static int explain_text(const struct explanation *x)
{
	const struct cw_assessment *now = &x->now;
	char day[CW_WALL_TEXT];
	struct cw_buf level;
	int r;

	cw_buf_init(&level, 256);
	r = cw_render_level(now, &level);
	if (r < 0) {
		cw_buf_clear(&level);
		return r;
	}
	cw_out_text(stdout, x->council->name);
	printf(" (%s", x->council->id);
	if (x->council->gss_code[0])
		printf(", %s", x->council->gss_code);
	printf(") as of %s: ", cw_day_format(now->as_of, day));
	cw_out_coloured(stdout, x->cli->colour, cw_out_level_colour(now->level), cw_buf_str(&level));
	printf(", %s\n", cw_knowledge_name(now->knowledge));
	cw_buf_clear(&level);

	if (now->level > CW_LEVEL_ROUTINE)
		puts("This is a flag for a conversation about support, not a rating of the council.");
	else if (now->knowledge == CW_KNOWN)
		puts("The evidence held suggests no flag.");
	else
		puts("The evidence held suggests no flag, but too little is known to call that calm.");
	print_arithmetic(x);
	if (now->n_contributors)
		puts("\nWhat the evidence suggests, the weightiest first:");
	for (size_t i = 0; i < now->n_contributors; i++)
		print_contributor(x, &now->contributors[i]);
	print_conflicts(now);
	print_lines("What would lower it:", &x->lower);
	print_lines("What is not known:", &x->unknown);
	printf("\nModel %s, configuration %s.\n", CW_VERSION, x->cli->config->hash);
	return 0;
}

int cw_cmd_explain(struct cw_cli *cli)
{
	CW_CLEANUP(cw_cli_store_close) struct cw_store *store = NULL;
	struct explanation x = { .cli = cli };
	struct cw_error err = { 0 };
	struct cw_history facts;
	char day[CW_WALL_TEXT], other[CW_WALL_TEXT];
	int r;

	r = cw_cli_council(cli, cli->arguments[0], &x.council);
	if (r)
		return r;
	if (!cw_cli_council_existed(x.council, cli->as_of)) {
		bool ended = x.council->end_day != CW_DAY_NONE && x.council->end_day < cli->as_of;

		return cw_cli_fail(CW_EXIT_NO, "%s did not exist on %s: it %s %s; --as-of asks about another day",
		                   x.council->name, cw_day_format(cli->as_of, day), ended ? "ended on" : "began on",
		                   cw_day_format(ended ? x.council->end_day : x.council->start_day, other));
	}
	r = cw_cli_store(cli, &store);
	if (r)
		return r;

	r = cw_store_required_outage(store, cli->config, cli->as_of, &x.outage, &err);
	if (r >= 0)
		r = cw_cli_assess(cli, store, x.council, cli->as_of, x.outage, &facts, &x.now, &err);
	if (r < 0)
		return cw_cli_fail_error(CW_EXIT_NO, &err, "cannot explain %s", x.council->name);

	if (!cli->json && cw_record_view(cli, x.council, &facts)) {
		cw_assessment_clear(&x.now);
		cw_history_free(&facts);
		return CW_EXIT_NO;
	}
	r = find_lower(&x, &facts, &err);
	if (r >= 0) {
		find_unknown(&x, &facts);
		r = cli->json ? explain_json(&x) : explain_text(&x);
		if (r < 0)
			cw_error_set(&err, r, "%s", strerror(-r));
	}
	lines_clear(&x.lower);
	lines_clear(&x.unknown);
	cw_assessment_clear(&x.now);
	cw_history_free(&facts);
	return r < 0 ? cw_cli_fail_error(CW_EXIT_NO, &err, "cannot explain %s", x.council->name) : CW_EXIT_DONE;
}
