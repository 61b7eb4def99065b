/*
 * What people have ruled, as JSON and in words.
 */
#include <stdio.h>
#include <string.h>

#include "render_private.h"

/* How many of a council's rulings are shown: the latest. */
#define RULINGS_SHOWN 25

static struct cw_str value(const struct cw_ruling *ruling, enum cw_value_id id)
{
	return cw_evidence_value(&ruling->fact->evidence, id);
}

json_t *cw_render_ruling(const struct cw_ruling *ruling)
{
	json_t *object;

	if (!ruling->fact)
		return json_null();
	object = json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o}", "id", ruling->fact->id, "scope",
	                   cw_ruling_scope_name(ruling->scope), "state", cw_ruling_state_name(ruling->state), "made",
	                   wall_json(ruling->fact->evidence.published_at), "until", day_json(ruling->until_day), "author",
	                   str_or_null(value(ruling, CW_VAL_AUTHOR)), "reason", str_or_null(value(ruling, CW_VAL_REASON)),
	                   "sensitivity", str_or_null(value(ruling, CW_VAL_SENSITIVITY)));
	if (object && ruling->scope == CW_RULING_LEVEL)
		json_object_set_new(object, "level", json_string(cw_level_name(ruling->level)));
	if (object && ruling->event.len)
		json_object_set_new(object, "event", str_json(ruling->event));
	if (object && ruling->source.len)
		json_object_set_new(object, "source", str_json(ruling->source));
	return object;
}

json_t *cw_render_override(const struct cw_assessment *assessment)
{
	json_t *object = cw_render_ruling(&assessment->ruling);

	if (object && assessment->ruling.fact) {
		json_object_set_new(object, "model_level", json_string(cw_level_name(assessment->model_level)));
		json_object_set_new(object, "evidence", cw_render_fact(assessment->ruling.fact));
	}
	return object;
}

json_t *cw_render_rulings(const struct cw_assessment *assessment, bool in_force)
{
	json_t *array = json_array();

	for (size_t i = 0; array && i < assessment->n_rulings && json_array_size(array) < RULINGS_SHOWN; i++)
		if (!in_force || assessment->rulings[i].state == CW_RULING_IN_FORCE)
			json_array_append_new(array, cw_render_ruling(&assessment->rulings[i]));
	return array;
}

/* ---- who may see it ---- */

static void add_sensitivity(const struct cw_fact *fact, const char **all)
{
	struct cw_str sensitivity = cw_evidence_value(&fact->evidence, CW_VAL_SENSITIVITY);
	bool inside = fact->evidence.kind == CW_KIND_INTERNAL_NOTE || fact->evidence.kind == CW_KIND_OVERRIDE;

	if (!inside && !sensitivity.len)
		return;
	if (cw_str_eq(sensitivity, "dfe_shareable"))
		*all = *all ? *all : "dfe_shareable";
	else
		*all = "internal";
}

const char *cw_render_sensitivity(const struct cw_change *change)
{
	const struct cw_assessment *a = &change->after;
	const char *all = NULL;

	for (size_t i = 0; i < a->n_contributors; i++) {
		const struct cw_contributor *c = &a->contributors[i];

		for (size_t k = 0; k < c->n_facts; k++)
			add_sensitivity(c->facts[k], &all);
	}
	for (size_t i = 0; i < a->n_rulings; i++)
		if (a->rulings[i].state == CW_RULING_IN_FORCE)
			add_sensitivity(a->rulings[i].fact, &all);
	if (change->ruling.fact)
		add_sensitivity(change->ruling.fact, &all);
	return all;
}

/* ---- in words ---- */

/* "section 114 notice of 2018-02-02", "the inspection of 2023-01-03". */
static void put_event(struct cw_buf *out, struct cw_str event)
{
	const char *slash = memchr(event.at, '/', event.len);
	size_t name_len = slash ? (size_t)(slash - event.at) : 0;
	const char *day = event.len >= 10 ? event.at + event.len - 10 : event.at;
	char name[CW_NAME_MAX];

	if (!slash || name_len >= sizeof(name)) {
		cw_buf_printf(out, "what evidence %.*s says", (int)event.len, event.at);
		return;
	}
	snprintf(name, sizeof(name), "%.*s", (int)name_len, event.at);
	cw_buf_printf(out, "%s of %.10s",
	              strcmp(name, "ilacs") == 0       ? "the full inspection"
	              : strcmp(name, "area_send") == 0 ? "the area SEND inspection"
	                                               : cw_render_signal(name),
	              day);
}

/* "sets the level to watch", "rejects section 114 notice of 2018-02-02". */
static void put_what(struct cw_buf *out, const struct cw_ruling *ruling)
{
	if (ruling->scope == CW_RULING_LEVEL) {
		cw_buf_printf(out, "sets the level to %s", cw_level_name(ruling->level));
	} else if (ruling->scope == CW_RULING_FLOOR) {
		cw_buf_puts(out, "says that this is handled: ");
		put_event(out, ruling->event);
	} else if (ruling->source.len) {
		cw_buf_printf(out, "says that %.*s is right about ", (int)ruling->source.len, ruling->source.at);
		put_event(out, ruling->event);
	} else {
		cw_buf_puts(out, "rejects ");
		put_event(out, ruling->event);
	}
}

static void put_by(struct cw_buf *out, const struct cw_ruling *ruling, bool reason)
{
	struct cw_str author = value(ruling, CW_VAL_AUTHOR), why = value(ruling, CW_VAL_REASON);
	char day[CW_WALL_TEXT];

	cw_buf_printf(out, "by %.*s until %s", (int)author.len, author.at, cw_day_format(ruling->until_day, day));
	/* It stands within a sentence. */
	while (why.len && why.at[why.len - 1] == '.')
		why.len--;
	if (reason && why.len)
		cw_buf_printf(out, ": %.*s", (int)why.len, why.at);
}

int cw_render_ruled(const struct cw_ruling *ruling, struct cw_buf *out)
{
	if (ruling->scope == CW_RULING_LEVEL)
		cw_buf_printf(out, "set to %s ", cw_level_name(ruling->level));
	else if (ruling->scope == CW_RULING_FLOOR)
		cw_buf_puts(out, "handled ");
	else if (ruling->source.len)
		cw_buf_printf(out, "%.*s is right, as ruled ", (int)ruling->source.len, ruling->source.at);
	else
		cw_buf_puts(out, "rejected ");
	put_by(out, ruling, true);
	return out->failed;
}

int cw_render_in_force(const struct cw_assessment *assessment, struct cw_buf *out)
{
	size_t n = 0;

	for (size_t i = 0; i < assessment->n_rulings && n < RULINGS_SHOWN; i++) {
		const struct cw_ruling *ruling = &assessment->rulings[i];

		if (ruling->state != CW_RULING_IN_FORCE)
			continue;
		cw_buf_puts(out, n++ ? "; " : "");
		if (ruling->scope != CW_RULING_LEVEL) {
			put_event(out, ruling->event);
			cw_buf_puts(out, ": ");
		}
		(void)cw_render_ruled(ruling, out);
	}
	return out->failed;
}

int cw_render_ruling_words(const struct cw_ruling *ruling, struct cw_buf *out)
{
	put_what(out, ruling);
	cw_buf_puts(out, ", ");
	put_by(out, ruling, true);
	return out->failed;
}

static void put_level(struct cw_buf *out, const struct cw_council *council, const struct cw_change *change)
{
	const struct cw_assessment *a = &change->after;
	const char *moves = a->level > change->previous_level ? "up" : "down";

	if (change->ruling.state == CW_RULING_IN_FORCE) {
		cw_buf_printf(out, "%s: support level set from %s to %s ", council->short_name,
		              cw_level_name(change->previous_level), cw_level_name(a->level));
		put_by(out, &change->ruling, false);
		cw_buf_printf(out, "; the model would say %s", cw_level_name(a->model_level));
		return;
	}
	cw_buf_printf(out, "%s: support level %s from %s to %s: a ruling has ended that ", council->short_name, moves,
	              cw_level_name(change->previous_level), cw_level_name(a->level));
	put_what(out, &change->ruling);
	cw_buf_puts(out, ", ");
	put_by(out, &change->ruling, false);
}

static void put_expiring(struct cw_buf *out, const struct cw_council *council, const struct cw_change *change)
{
	const struct cw_ruling *ruling = &change->ruling;
	struct cw_str author = value(ruling, CW_VAL_AUTHOR);
	char day[CW_WALL_TEXT];

	cw_buf_printf(out, "%s: the ruling by %.*s that ", council->short_name, (int)author.len, author.at);
	put_what(out, ruling);
	cw_buf_printf(out, " ends on %s; ", cw_day_format(ruling->until_day, day));
	if (ruling->scope == CW_RULING_LEVEL)
		cw_buf_printf(out, "without it the level would be %s", cw_level_name(change->after.summed_level));
	else if (ruling->scope == CW_RULING_FLOOR)
		cw_buf_puts(out, "nobody then says that it is in hand");
	else if (ruling->source.len)
		cw_buf_puts(out, "the publisher of the fact is then heard first again, and among equals the more adverse");
	else
		cw_buf_puts(out, "it then counts again");
}

bool render_ruling_sentence(const struct cw_council *council, const struct cw_change *change, struct cw_buf *out)
{
	const struct cw_ruling *ruling = &change->ruling;

	if (!ruling->fact)
		return false;
	if (change->kind == CW_ALERT_OVERRIDE_EXPIRING) {
		put_expiring(out, council, change);
		return true;
	}
	/* Where a finding closes or opens because another source is heard, that is what is told; so is evidence that came by itself. */
	if ((change->kind != CW_ALERT_LEVEL_UP && change->kind != CW_ALERT_LEVEL_DOWN) || change->lead != SIZE_MAX ||
	    (ruling->scope != CW_RULING_LEVEL && ruling->state == CW_RULING_IN_FORCE))
		return false;
	put_level(out, council, change);
	return true;
}
