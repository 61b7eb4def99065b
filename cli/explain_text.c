/*
 * "explain" for people: first what an adviser says when ringing a director, then the sum, then the evidence.
 *
 * The words follow what the project promises the councils: a level is a flag for a conversation, and evidence suggests.
 */
#include <errno.h>
#include <math.h>
#include <string.h>

#include <councilwatch/limits.h>
#include <councilwatch/paths.h>
#include <councilwatch/render.h>

#include "evidence_text.h"
#include "explain.h"
#include "output.h"

/* How many contributors the short version names. */
#define NAMED_MOST 4

/* Writes what was put into text as a paragraph, after a mark. */
static int put_paragraph(const char *mark, struct cw_buf *text)
{
	int r = text->failed;

	fputs(mark, stdout);
	cw_out_paragraph(stdout, strlen(mark), (unsigned)strlen(mark), cw_buf_str(text));
	cw_buf_reset(text);
	return r;
}

static int put_sentence(const char *mark, struct cw_buf *text)
{
	cw_buf_putc(text, '.');
	return put_paragraph(mark, text);
}

/* ---- what to say ---- */

static int put_head(const struct explanation *x, struct cw_buf *text)
{
	const struct cw_assessment *now = &x->now;
	const struct cw_council *c = x->council;
	char day[CW_WALL_TEXT];

	cw_buf_printf(text, "%s (%s", c->name, c->id);
	if (c->gss_code[0])
		cw_buf_printf(text, ", %s", c->gss_code);
	if (c->la_code[0])
		cw_buf_printf(text, ", DfE %s", c->la_code);
	if (c->urn[0])
		cw_buf_printf(text, ", Ofsted %s", c->urn);
	cw_buf_printf(text, ") as of %s", cw_day_format(now->as_of, day));
	return put_paragraph("", text);
}

static int put_level(const struct explanation *x, struct cw_buf *text)
{
	const struct cw_assessment *now = &x->now;
	char day[CW_WALL_TEXT];
	int r = cw_render_level(now, text);

	fputs("\nLevel: ", stdout);
	cw_out_coloured(stdout, x->cli->colour, cw_out_level_colour(now->level), cw_buf_str(text));
	cw_buf_reset(text);
	if (x->since.day != CW_DAY_NONE)
		cw_buf_printf(text, ", since %s (before: %s)", cw_day_format(x->since.day, day), cw_level_name(x->since.previous));
	cw_buf_printf(text, "; what is known is %s.", now->knowledge == CW_KNOWN ? "current" : cw_knowledge_name(now->knowledge));
	r = r < 0 ? r : put_paragraph("", text);
	if (now->level > CW_LEVEL_ROUTINE) {
		cw_buf_puts(text, "It asks for ");
		(void)cw_render_response_words(&x->cli->config->risk, now->level, text);
		cw_buf_puts(text, ". This is a flag for a conversation about support, not a verdict on the council.");
	} else if (now->knowledge == CW_KNOWN) {
		cw_buf_puts(text, "The evidence held suggests no flag.");
	} else {
		cw_buf_puts(text, "The evidence held suggests no flag, but too little is known to call that calm.");
	}
	return r < 0 ? r : put_paragraph("", text);
}

/* Named with the publisher of the fact, where we have it from him too. */
static const struct cw_fact *best_fact(const struct cw_contributor *c)
{
	const struct cw_fact *best = c->facts[0];

	for (size_t i = 1; i < c->n_facts; i++)
		if (c->facts[i]->evidence.tier < best->evidence.tier)
			best = c->facts[i];
	return best;
}

static void name_contributor(const struct cw_contributor *c, struct cw_buf *text)
{
	const struct cw_fact *fact = best_fact(c);
	char day[CW_WALL_TEXT];

	cw_buf_puts(text, cw_render_signal(c->signal->name));
	cw_buf_printf(text, " (%.*s, %s; %.1f points)", (int)fact->evidence.publisher.len, fact->evidence.publisher.at,
	              cw_day_format(c->opened_day, day), cw_render_points(c->points));
	if (c->handled.fact) {
		struct cw_str author = cw_evidence_value(&c->handled.fact->evidence, CW_VAL_AUTHOR);

		cw_buf_printf(text, ", handled by %.*s until %s", (int)author.len, author.at, cw_day_format(c->handled.until_day, day));
	}
}

/* The weightiest, in a sentence or two. */
static int put_short(const struct explanation *x, struct cw_buf *text)
{
	const struct cw_assessment *now = &x->now;
	bool held = false;
	size_t named = 0, others = 0;

	if (!now->n_contributors)
		return 0;
	cw_buf_puts(text, "The evidence suggests it: ");
	for (size_t i = 0; i < now->n_contributors; i++) {
		const struct cw_contributor *c = &now->contributors[i];

		if (c->points <= 0 && c->floor == CW_LEVEL_ROUTINE)
			continue;
		if (named == NAMED_MOST) {
			others++;
			continue;
		}
		cw_buf_puts(text, named++ ? "; " : "");
		name_contributor(c, text);
		if (!held && c->floor == now->level && now->level == now->floor_level && now->level > CW_LEVEL_ROUTINE) {
			cw_buf_printf(text, ", which alone holds the level at %s or above", cw_level_name(c->floor));
			held = true;
		}
	}
	if (others)
		cw_buf_printf(text, "; and %zu more", others);
	cw_buf_puts(text, ".");
	fputc('\n', stdout);
	return put_paragraph("", text);
}

static int put_outlook(const struct explanation *x, struct cw_buf *text)
{
	bool told = false;
	int r = 0;

	if (x->now.level == CW_LEVEL_ROUTINE && !x->outlook.at[0].n_turns)
		return 0;
	puts("\nWhat would lower it:");
	/* What changes nothing by itself is told in one sentence, before what all together would do. */
	for (size_t i = 0; i <= x->outlook.n && r == 0; i++) {
		const struct cw_prospect *p = i < x->outlook.n ? &x->outlook.at[i] : NULL;

		if (!told && (!p || p->event == CW_EVENT_ALL)) {
			told = true;
			r = cw_render_in_vain(&x->now, &x->outlook, text);
			if (r == 0 && text->len)
				r = put_paragraph("  - ", text);
		}
		if (r < 0 || !p || (p->event != CW_EVENT_TIME && !p->lowers))
			continue;
		r = cw_render_prospect(&x->now, p, text);
		if (r == 0)
			r = put_paragraph("  - ", text);
	}
	return r;
}

static int put_unknown(const struct explanation *x, struct cw_buf *text)
{
	int r = 0;

	if (x->unknown.n)
		puts("\nWhat is not known:");
	for (size_t i = 0; i < x->unknown.n && r == 0; i++) {
		cw_buf_puts(text, x->unknown.at[i].text);
		r = put_paragraph("  - ", text);
	}
	return r;
}

static int put_window(const struct explanation *x, struct cw_buf *text)
{
	int r;

	if (!x->has_window)
		return 0;
	puts("\nWhen the next full inspection may come (context, not scored):");
	r = cw_render_window_words(&x->cli->config->risk, &x->window, x->now.as_of, text);
	return r < 0 ? r : put_paragraph("  ", text);
}

/* ---- the sum ---- */

static void put_criteria(const struct explanation *x, struct cw_buf *text)
{
	const struct cw_risk *risk = &x->cli->config->risk;
	const struct cw_assessment *now = &x->now;
	double shown = 0;
	bool any = false;

	cw_buf_printf(text, "Points: %.1f", cw_render_points(now->points));
	for (int c = 0; c < CW_CRIT_COUNT; c++) {
		const struct cw_criterion_state *state = &now->criteria[c];

		if (state->points <= 0)
			continue;
		cw_buf_printf(text, "%s%s %.1f", any ? " + " : " = ", cw_criterion_name((enum cw_criterion)c), cw_render_points(state->points));
		if (state->uncapped > state->points + 0.05)
			cw_buf_printf(text, " (%.1f, counted up to %.4g)", state->uncapped, risk->cap[c]);
		shown += cw_render_points(state->points);
		any = true;
	}
	if (now->breadth) {
		cw_buf_printf(text, " + %.4g because %d criteria have at least %.4g each", risk->breadth_points, cw_broad_criteria(risk, now),
		              risk->breadth_minimum);
		shown += risk->breadth_points;
	}
	if (fabs(shown - cw_render_points(now->points)) > 0.04)
		cw_buf_puts(text, " (each is rounded; the sum is of the exact figures)");
	cw_buf_printf(text, ". From %.4g points watch, from %.4g priority; intensive only by a formal finding or a person.", risk->line_watch,
	              risk->line_priority);
}

static void put_slow(const struct explanation *x, struct cw_buf *text)
{
	const struct cw_risk *risk = &x->cli->config->risk;
	const struct cw_assessment *now = &x->now;
	double line = now->points_level == CW_LEVEL_PRIORITY ? risk->line_priority : risk->line_watch;
	char day[CW_WALL_TEXT];

	if (now->notes_alone)
		cw_buf_puts(text, " Internal notes alone reach watch at most.");
	if (now->points_level <= cw_points_line(risk, now))
		return;
	cw_buf_printf(text, " The points alone would say %s now; their level falls by one step only after %d days under %.4g (%.4g of %.4g)",
	              cw_level_name(cw_points_line(risk, now)), risk->step_down_days, risk->step_down_share * line,
	              risk->step_down_share, line);
	if (now->step_down_day != CW_DAY_NONE)
		cw_buf_printf(text, ": on %s if they stay there.", cw_day_format(now->step_down_day, day));
	else
		cw_buf_puts(text, ", and they are not under it.");
}

static int put_sum(const struct explanation *x, struct cw_buf *text)
{
	const struct cw_assessment *now = &x->now;
	char day[CW_WALL_TEXT];
	int r;

	puts("\nThe sum:");
	put_criteria(x, text);
	r = put_paragraph("  ", text);
	cw_buf_printf(text, "Level: the highest of points (%s), formal findings (%s)", cw_level_name(now->points_level),
	              cw_level_name(now->floor_level));
	if (now->hold_until != CW_DAY_NONE)
		cw_buf_printf(text, " and the hold (watch until %s, because a finding at priority or above has ended)",
		              cw_day_format(now->hold_until, day));
	cw_buf_printf(text, ": %s.", cw_level_name(now->summed_level));
	put_slow(x, text);
	return r < 0 ? r : put_paragraph("  ", text);
}

/* ---- who says otherwise ---- */

static int put_level_ruling(const struct explanation *x, struct cw_buf *text)
{
	const struct cw_assessment *now = &x->now;

	cw_buf_puts(text, "The level is ");
	(void)cw_render_ruled(&now->ruling, text);
	cw_buf_printf(text, ". The model would say %s.", cw_level_name(now->model_level));
	if (now->level != now->ruling.level)
		cw_buf_printf(text, " A formal finding holds it at %s all the same.", cw_level_name(now->level));
	return put_paragraph("  ", text);
}

/* Every ruling, the latest first: who, until when, why, for whose eyes; and what the model would say. */
static int put_rulings(const struct explanation *x, struct cw_buf *text)
{
	static const char *const states[] = { [CW_RULING_IN_FORCE] = "In force",
		                              [CW_RULING_IDLE] = "Without effect, as what it is about does not stand",
		                              [CW_RULING_REPLACED] = "Replaced by a later one",
		                              [CW_RULING_EXPIRED] = "Expired" };
	const struct cw_assessment *now = &x->now;
	bool on_events = false;
	int r = 0;

	if (now->n_rulings)
		puts("\nWhat people have ruled, the latest first:");
	if (now->ruling.fact)
		r = put_level_ruling(x, text);
	for (size_t i = 0; i < now->n_rulings && r == 0; i++) {
		const struct cw_ruling *ruling = &now->rulings[i];
		struct cw_str sensitivity = cw_evidence_value(&ruling->fact->evidence, CW_VAL_SENSITIVITY);

		cw_buf_printf(text, "%s: ", states[ruling->state]);
		r = cw_render_ruling_words(ruling, text);
		if (sensitivity.len)
			cw_buf_printf(text, " (%s)", cw_str_eq(sensitivity, "internal") ? "internal" : "may be shared with DfE");
		if (r == 0)
			r = put_sentence("  - ", text);
		on_events |= ruling->scope == CW_RULING_EVENT && ruling->state == CW_RULING_IN_FORCE;
	}
	if (r < 0 || now->ruling.fact || !on_events)
		return r;
	cw_buf_printf(text, "Without them the model would say %s.", cw_level_name(now->model_level));
	return put_paragraph("  ", text);
}

/* What to type to rule on what is shown. */
static int put_how_to_rule(const struct explanation *x, struct cw_buf *text)
{
	const struct cw_assessment *now = &x->now;
	char event[CW_EVENT_NAME_TEXT];

	if (!now->n_contributors && !now->n_conflicts)
		return 0;
	putchar('\n');
	if (now->n_contributors) {
		cw_buf_printf(text, "To rule on one of these: councilwatch override %s --event %s --expires DATE --author ROLE --reason TEXT rejects it; with "
		              "--scope floor it says that a formal finding is being handled.",
		              x->council->id, cw_contributor_event(&now->contributors[0], event));
		if (put_paragraph("", text) < 0)
			return -ENOMEM;
	}
	if (!now->n_conflicts)
		return 0;
	cw_buf_printf(text, "To say which source is right: councilwatch override %s --event %s --source PUBLISHER --expires DATE --author ROLE --reason TEXT.",
	              x->council->id, cw_conflict_event(&now->conflicts[0], event));
	return put_paragraph("", text);
}

/* ---- the evidence ---- */

static void print_page(const struct explanation *x, const struct cw_fact *fact)
{
	struct cw_buf page;

	cw_buf_init(&page, CW_FIELD_MAX);
	if (!fact->evidence.url.len && cw_render_page(x->cli->config, fact->feed, fact->evidence.council_id, &page)) {
		fputs("           link      ", stdout);
		cw_out_text(stdout, cw_buf_str(&page));
		fputs(" (it has no address of its own)\n", stdout);
	}
	cw_buf_clear(&page);
}

static void print_fact(const struct explanation *x, const struct cw_fact *fact)
{
	const struct cw_evidence *e = &fact->evidence;
	char day[CW_WALL_TEXT];

	printf("         - of %s: ", e->event_day == CW_DAY_NONE ? "an unstated day" : cw_day_format(e->event_day, day));
	cw_evidence_print_values(stdout, e);
	putchar('\n');
	cw_evidence_print_source(stdout, 11, fact);
	print_page(x, fact);
}

static void put_value(const struct cw_contributor *c, struct cw_buf *text)
{
	char day[CW_WALL_TEXT];

	cw_buf_printf(text, "weight %.4g", c->weight);
	if (c->signal->state) {
		cw_buf_puts(text, c->share > 0 || c->rejected.fact ? ", in full while it is open" : ", counted once with the other of its kind");
	} else {
		cw_buf_printf(text, " x confidence %.4g", c->confidence);
		if (c->steady)
			cw_buf_printf(text, ", in full until %s", cw_day_format(c->closes_day - 1, day));
		else
			cw_buf_printf(text, " x 2^(-%d/%.0f)", c->age_days, c->signal->half_life);
		if (c->share < 1 && !c->rejected.fact)
			cw_buf_printf(text, " x %.4g as a repeat", c->share);
	}
	if (c->rejected.fact)
		cw_buf_puts(text, ", rejected");
	cw_buf_printf(text, " = %.1f", cw_render_points(c->points));
	if (!c->signal->state && !c->steady)
		cw_buf_printf(text, "; half of that every %.0f days", c->signal->half_life);
	if (c->signal->state && c->closes_day != CW_DAY_NONE)
		cw_buf_printf(text, "; ends by itself on %s", cw_day_format(c->closes_day, day));
}

static int print_contributor(const struct explanation *x, const struct cw_contributor *c, struct cw_buf *text)
{
	char opened[CW_WALL_TEXT], event[CW_EVENT_NAME_TEXT];
	int r;

	printf("\n  %5.1f  ", cw_render_points(c->points));
	cw_buf_printf(text, "%s (%s, %s)%s%s", cw_render_signal(c->signal->name), c->signal->name, cw_criterion_name(c->criterion),
	              c->derived ? ", derived from the single judgements: no overall one was given" : "",
	              c->inherited ? ", inherited from the council before" : "");
	cw_out_paragraph(stdout, 9, 9, cw_buf_str(text));
	cw_buf_reset(text);
	cw_buf_printf(text, "known since %s, %d day%s; ", cw_day_format(c->opened_day, opened), c->age_days, c->age_days == 1 ? "" : "s");
	put_value(c, text);
	if (c->floor != CW_LEVEL_ROUTINE)
		cw_buf_printf(text, "; level at least %s", cw_level_name(c->floor));
	cw_buf_putc(text, '.');
	r = put_paragraph("         ", text);
	printf("         event %s\n", cw_contributor_event(c, event));
	if (r == 0 && c->rejected.fact && (r = cw_render_ruled(&c->rejected, text)) == 0)
		r = put_sentence("         ", text);
	if (r == 0 && c->handled.fact && c->handled.fact != c->rejected.fact && (r = cw_render_ruled(&c->handled, text)) == 0)
		r = put_sentence("         ", text);
	for (size_t i = 0; i < c->n_facts; i++)
		print_fact(x, c->facts[i]);
	return r;
}

static int print_conflicts(const struct explanation *x, struct cw_buf *text)
{
	const struct cw_assessment *now = &x->now;
	char event[CW_EVENT_NAME_TEXT];
	int r = 0;

	if (now->n_conflicts)
		puts("\nWhere sources differ (the first is the one heard):");
	for (size_t i = 0; i < now->n_conflicts && r == 0; i++) {
		const struct cw_conflict *conflict = &now->conflicts[i];

		printf("         event %s\n", cw_conflict_event(conflict, event));
		if (conflict->settled.fact && (r = cw_render_ruled(&conflict->settled, text)) == 0)
			r = put_sentence("         ", text);
		for (size_t k = 0; k < conflict->n_facts; k++)
			print_fact(x, conflict->facts[k]);
	}
	return r;
}

int explain_text(const struct explanation *x, bool brief)
{
	static int (*const parts[])(const struct explanation *x, struct cw_buf *text) = { put_head,    put_level,   put_short, put_rulings,
		                                                                          put_outlook, put_unknown, put_window };
	const struct cw_assessment *now = &x->now;
	struct cw_buf text;
	int r = 0;

	cw_buf_init(&text, 64 * 1024);
	for (size_t i = 0; i < CW_ARRAY_LEN(parts) && r == 0; i++)
		r = parts[i](x, &text);
	if (r == 0 && !brief) {
		r = print_conflicts(x, &text);
		if (r == 0)
			r = put_sum(x, &text);
		if (now->n_contributors)
			puts("\nWhat the evidence suggests, the weightiest first:");
		for (size_t i = 0; i < now->n_contributors && r == 0; i++)
			r = print_contributor(x, &now->contributors[i], &text);
		if (r == 0)
			r = put_how_to_rule(x, &text);
		printf("\nModel %s, configuration %s.\n", CW_VERSION, x->cli->config->hash);
	}
	cw_buf_clear(&text);
	return r;
}
