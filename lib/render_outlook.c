/*
 * What a level asks for, what would lower it, and when the next inspection may come: in words and as JSON.
 */
#include <errno.h>
#include <string.h>

#include "render_private.h"

/* ---- what a level asks for (domain 3.1) ---- */

static const char *const tiers[CW_LEVEL_COUNT] = { "universal", "universal + conversation", "targeted", "intensive" };

json_t *cw_render_response(const struct cw_risk *risk, enum cw_level level)
{
	const struct cw_response *r = &risk->response[level];

	return json_pack("{s:s, s:o, s:o, s:o}", "tier", tiers[level], "read_days", r->read ? json_integer(r->read) : json_null(),
	                 "contact_days", r->contact ? json_integer(r->contact) : json_null(), "offer_days",
	                 r->offer ? json_integer(r->offer) : json_null());
}

int cw_render_response_words(const struct cw_risk *risk, enum cw_level level, struct cw_buf *out)
{
	const struct cw_response *r = &risk->response[level];
	const char *sep = ": ", *unit = " working days";

	cw_buf_puts(out, level == CW_LEVEL_WATCH ? "universal support and a conversation" : tiers[level]);
	cw_buf_puts(out, level == CW_LEVEL_WATCH ? "" : " support");
	if (r->read) {
		cw_buf_printf(out, "%sadviser reads within %d%s", sep, r->read, unit);
		sep = ", ";
		unit = "";
	}
	if (r->contact) {
		cw_buf_printf(out, "%scontact within %d%s", sep, r->contact, unit);
		sep = ", ";
		unit = "";
	}
	if (r->offer)
		cw_buf_printf(out, "%soffer within %d%s", sep, r->offer, unit);
	return out->failed;
}

/* ---- what would lower it ---- */

/* Who ends a finding, apart from the next full inspection. */
static const char *const closings[][2] = {
	{ "improvement_notice", "DfE closes its improvement notice" },
	{ "statutory_direction", "DfE ends its statutory direction" },
	{ "best_value_direction", "the best value direction, or the commissioners' task, ends" },
	{ "best_value_notice", "the best value notice is withdrawn" },
	{ "exceptional_financial_support", "the exceptional financial support ends" },
	{ "apa_open", "a later visit says that the area for priority action was addressed" },
	{ "wsoa_open", "a revisit, or DfE, says that the written statement of action is met" },
	{ "wsoa_revisit_failed", "another revisit finds sufficient progress" },
	{ "send_outcome3", "an area SEND monitoring inspection says that effective action was taken" },
	{ "workforce_outlier", "the next workforce figures do not stand out" },
	{ "ehcp_outlier", "the next figures on EHC plans do not stand out" },
};

static void put_event(struct cw_buf *out, const struct cw_prospect *p)
{
	switch (p->event) {
	case CW_EVENT_ILACS:
		cw_buf_puts(out, "If the next full inspection of children's services does not find it again");
		return;
	case CW_EVENT_AREA_SEND:
		cw_buf_puts(out, "If the next full area SEND inspection does not find it again");
		return;
	case CW_EVENT_ALL:
		cw_buf_puts(out, "If all of that happened at once");
		return;
	default:
		break;
	}
	for (size_t i = 0; i < CW_ARRAY_LEN(closings) && p->n_closes; i++) {
		if (!strcmp(closings[i][0], p->closes[0].signal->name)) {
			cw_buf_printf(out, "If %s", closings[i][1]);
			return;
		}
	}
	cw_buf_printf(out, "If its publisher ends it (%s)", p->n_closes ? cw_render_signal(p->closes[0].signal->name) : "?");
}

static void put_closes(struct cw_buf *out, const struct cw_prospect *p)
{
	const char *sep = " (it would end: ";

	if (p->event != CW_EVENT_ILACS && p->event != CW_EVENT_AREA_SEND)
		return;
	for (size_t i = 0; i < p->n_closes; i++) {
		cw_buf_printf(out, "%s%s", sep, cw_render_signal(p->closes[i].signal->name));
		sep = ", ";
	}
	if (p->n_closes)
		cw_buf_putc(out, ')');
}

static bool is_closed(const struct cw_prospect *p, const struct cw_contributor *c)
{
	for (size_t i = 0; i < p->n_closes; i++)
		if (p->closes[i].signal == c->signal && p->closes[i].criterion == c->criterion)
			return true;
	return false;
}

/* What holds the level when this has happened: what stays with a floor of it, or the ruling, or the points. */
static void put_holders(struct cw_buf *out, const struct cw_assessment *now, const struct cw_prospect *p)
{
	const char *sep = ", held by the ";
	const struct cw_signal_def *last = NULL;

	if (now->ruling.fact && now->ruling.level == p->level && now->summed_level < p->level) {
		cw_buf_puts(out, ", as it was set by a person");
		return;
	}
	for (size_t i = 0; i < now->n_contributors; i++) {
		const struct cw_contributor *c = &now->contributors[i];

		if (c->floor < p->level || c->signal == last || is_closed(p, c))
			continue;
		cw_buf_printf(out, "%s%s", sep, cw_render_signal(c->signal->name));
		sep = " and the ";
		last = c->signal;
	}
	if (!last && now->points_level >= p->level)
		cw_buf_puts(out, ", by its points");
}

/* "the next full area SEND inspection; DfE closes its improvement notice": what would change nothing by itself. */
int cw_render_in_vain(const struct cw_assessment *now, const struct cw_outlook *outlook, struct cw_buf *out)
{
	size_t n = 0;

	for (size_t i = 1; i < outlook->n; i++) {
		const struct cw_prospect *p = &outlook->at[i];
		size_t at = out->len;

		if (p->lowers || p->event == CW_EVENT_ALL)
			continue;
		if (!n)
			cw_buf_printf(out, "By itself none of these would lower it (it stays %s", cw_level_name(p->level));
		if (!n)
			put_holders(out, now, p);
		cw_buf_puts(out, n++ ? "; " : "): ");
		at = out->len;
		put_event(out, p);
		/* Without its "If ". */
		if (!out->failed && out->len >= at + 3) {
			memmove(out->data + at, out->data + at + 3, out->len - at - 2);
			out->len -= 3;
		}
	}
	return n ? cw_buf_putc(out, '.') : out->failed;
}

static const char *turn_words(const struct cw_turn *turn)
{
	switch (turn->why) {
	case CW_TURN_END:
		return turn->signal ? cw_render_signal(turn->signal->name) : "a finding";
	case CW_TURN_HOLD:
		return "the hold ends";
	case CW_TURN_RULING:
		return "the ruling ends";
	default:
		return "the points have faded";
	}
}

static void put_time(struct cw_buf *out, const struct cw_prospect *p)
{
	char day[CW_WALL_TEXT];

	if (!p->n_turns) {
		cw_buf_puts(out, "Time alone does not change the level within three years.");
		return;
	}
	cw_buf_puts(out, "If nothing new is published: ");
	for (size_t i = 0; i < p->n_turns; i++)
		cw_buf_printf(out, "%s%s from %s (%s%s)", i ? ", " : "", cw_level_name(p->turns[i].level),
		              cw_day_format(p->turns[i].day, day), turn_words(&p->turns[i]),
		              p->turns[i].why == CW_TURN_END ? " runs out" : "");
	cw_buf_putc(out, '.');
}

int cw_render_prospect(const struct cw_assessment *now, const struct cw_prospect *p, struct cw_buf *out)
{
	if (p->event == CW_EVENT_TIME) {
		put_time(out, p);
		return out->failed;
	}
	put_event(out, p);
	put_closes(out, p);
	if (p->level < now->level) {
		cw_buf_printf(out, ": %s at once", cw_level_name(p->level));
	} else {
		cw_buf_printf(out, ": it stays %s", cw_level_name(p->level));
	}
	if (!p->n_turns && p->level > CW_LEVEL_ROUTINE)
		put_holders(out, now, p);
	for (size_t i = 0; p->lowers && i < p->n_turns; i++)
		cw_buf_printf(out, ", %s%s after %d days", i || p->level < now->level ? "" : "then ", cw_level_name(p->turns[i].level),
		              p->turns[i].day - now->as_of);
	return cw_buf_putc(out, '.');
}

static json_t *render_turns(const struct cw_assessment *now, const struct cw_prospect *p)
{
	static const char *const why[] = { "points", "end", "hold", "ruling" };
	json_t *array = json_array();

	for (size_t i = 0; array && i < p->n_turns; i++) {
		const struct cw_turn *turn = &p->turns[i];

		json_array_append_new(array, json_pack("{s:i, s:s, s:s}", "after_days", turn->day - now->as_of, "level",
		                                       cw_level_name(turn->level), "why", why[turn->why]));
	}
	return array;
}

static json_t *render_closes(const struct cw_prospect *p)
{
	json_t *array = json_array();

	for (size_t i = 0; array && i < p->n_closes; i++)
		json_array_append_new(array, json_pack("{s:s, s:s}", "signal", p->closes[i].signal->name, "criterion",
		                                       cw_criterion_name(p->closes[i].criterion)));
	return array;
}

json_t *cw_render_outlook(const struct cw_assessment *now, const struct cw_outlook *outlook)
{
	json_t *array = json_array();
	struct cw_buf text;

	cw_buf_init(&text, 8192);
	for (size_t i = 0; array && i < outlook->n; i++) {
		const struct cw_prospect *p = &outlook->at[i];
		bool time = p->event == CW_EVENT_TIME;

		cw_buf_reset(&text);
		if (cw_render_prospect(now, p, &text) < 0)
			break;
		json_array_append_new(array,
		                      json_pack("{s:s, s:o, s:s, s:o, s:s, s:o, s:b}", "what", cw_event_name(p->event), "day",
		                                day_json(time && p->n_turns ? p->turns[0].day : CW_DAY_NONE), "text",
		                                cw_buf_str(&text), "closes", render_closes(p), "level",
		                                cw_level_name(p->level), "then", render_turns(now, p), "lowers",
		                                time ? p->n_turns && p->turns[0].level < now->level : p->lowers));
	}
	if (text.failed || (array && json_array_size(array) != outlook->n)) {
		json_decref(array);
		array = NULL;
	}
	cw_buf_clear(&text);
	return array;
}

/* ---- when the next inspection may come ---- */

static double years(int32_t days)
{
	return days / 365.25;
}

int cw_render_window_words(const struct cw_risk *risk, const struct cw_window *w, int32_t as_of, struct cw_buf *out)
{
	const struct cw_interval *interval = &risk->interval[w->headline];
	char inspected[CW_WALL_TEXT], cycle[CW_WALL_TEXT], from[CW_WALL_TEXT], until[CW_WALL_TEXT], middle[CW_WALL_TEXT];

	cw_buf_printf(out, "Last full inspection: visit of %s%s, %s, %.1f years before. By a cycle of %d months the next would come about %s. ",
	              w->estimated ? "about " : "", cw_day_format(w->inspected_day, inspected), cw_render_grade(w->headline),
	              years(as_of - w->inspected_day), risk->inspection_cycle_months, cw_day_format(w->cycle_day, cycle));
	cw_buf_printf(out, "Of %d intervals after that headline half were shorter than %.1f years and eight in ten between %.1f and %.1f: ", w->count,
	              years(interval->p50), years(interval->p10), years(interval->p90));
	cw_buf_printf(out, "%s to %s, the middle %s; ", cw_day_format(w->from_day, from), cw_day_format(w->until_day, until),
	              cw_day_format(w->middle_day, middle));
	cw_buf_puts(out, w->place == CW_WINDOW_BEFORE ? "not reached yet."
	                 : w->place == CW_WINDOW_IN   ? "it may be any week now."
	                                              : "longer ago than nine in ten of them.");
	return out->failed;
}

json_t *cw_render_window(const struct cw_risk *risk, const struct cw_window *w, int32_t as_of)
{
	json_t *object = NULL;
	struct cw_buf text;

	cw_buf_init(&text, 2048);
	if (cw_render_window_words(risk, w, as_of, &text) == 0)
		object = json_pack("{s:o, s:b, s:s, s:i, s:o, s:o, s:o, s:o, s:s, s:i, s:s}", "inspected", day_json(w->inspected_day),
		                   "estimated", w->estimated, "headline", cw_grade_name(w->headline), "waited_days",
		                   as_of - w->inspected_day, "by_cycle", day_json(w->cycle_day), "from",
		                   day_json(w->from_day), "middle", day_json(w->middle_day), "until",
		                   day_json(w->until_day), "place", cw_window_place_name(w->place), "intervals", w->count,
		                   "text", cw_buf_str(&text));
	cw_buf_clear(&text);
	return object;
}
