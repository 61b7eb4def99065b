#include "since.h"

#include <councilwatch/render.h>

enum cw_level cw_part_level(const struct cw_part *part, const struct cw_assessment *assessment)
{
	return part->has_criterion ? assessment->criteria[part->criterion].level : assessment->level;
}

double cw_part_points(const struct cw_part *part, const struct cw_assessment *assessment)
{
	return part->has_criterion ? assessment->criteria[part->criterion].points : assessment->points;
}

static bool is_in(const struct cw_contributor *c, const struct cw_assessment *assessment)
{
	for (size_t i = 0; i < assessment->n_contributors; i++) {
		const struct cw_contributor *other = &assessment->contributors[i];

		if (other->signal == c->signal && other->criterion == c->criterion && other->opened_day == c->opened_day)
			return true;
	}
	return false;
}

/* The weightiest of those that are in one and not in the other; they stand in that order. NULL = none. */
static const struct cw_contributor *weightiest(const struct cw_part *part, const struct cw_assessment *in,
                                               const struct cw_assessment *not_in)
{
	for (size_t i = 0; i < in->n_contributors; i++) {
		const struct cw_contributor *c = &in->contributors[i];

		if ((!part->has_criterion || c->criterion == part->criterion) && !is_in(c, not_in))
			return c;
	}
	return NULL;
}

/* Named with the publisher of the fact, where we have it from him too. */
static void put_contributor(struct cw_buf *out, const struct cw_contributor *c, const char *since)
{
	const struct cw_fact *fact = c->facts[0];
	char day[CW_WALL_TEXT];

	for (size_t i = 1; i < c->n_facts; i++)
		if (c->facts[i]->evidence.tier < fact->evidence.tier)
			fact = c->facts[i];

	cw_buf_puts(out, cw_render_signal(c->signal->name));
	cw_buf_printf(out, " (%.*s, %s%s)", (int)fact->evidence.publisher.len, fact->evidence.publisher.at, since,
	              cw_day_format(c->opened_day, day));
}

static bool is_ruled(const struct cw_assessment *a)
{
	return a->ruling.fact && a->level != a->summed_level;
}

static void put_ruling(struct cw_buf *out, const char *what, const struct cw_assessment *a)
{
	struct cw_str author = cw_evidence_value(&a->ruling.fact->evidence, CW_VAL_AUTHOR);
	char day[CW_WALL_TEXT];

	cw_buf_printf(out, "%s by %.*s (until %s)", what, (int)author.len, author.at, cw_day_format(a->ruling.until_day, day));
}

int cw_since_why(const struct cw_part *part, const struct cw_assessment *then, const struct cw_assessment *now,
                 struct cw_buf *out)
{
	bool up = cw_part_level(part, now) > cw_part_level(part, then);
	const struct cw_contributor *news, *gone;

	if (cw_part_level(part, now) == cw_part_level(part, then))
		return out->failed;
	if (!part->has_criterion && is_ruled(now)) {
		put_ruling(out, "set", now);
		return out->failed;
	}
	if (!part->has_criterion && is_ruled(then)) {
		put_ruling(out, "no longer set", then);
		return out->failed;
	}
	if (!part->has_criterion && !up && then->held) {
		cw_buf_puts(out, "the hold at watch after a formal finding ended is over");
		return out->failed;
	}
	news = weightiest(part, now, then);
	gone = weightiest(part, then, now);
	if (up && news) {
		put_contributor(out, news, "");
	} else if (up) {
		cw_buf_puts(out, "what was there already counts for more");
	} else if (gone && gone->signal->state) {
		cw_buf_puts(out, "ended: ");
		put_contributor(out, gone, "since ");
	} else if (!part->has_criterion && now->points + 0.05 >= then->points) {
		cw_buf_puts(out, "the level follows points that have stayed low");
	} else {
		cw_buf_printf(out, "with time, from %.1f points to %.1f", cw_render_points(cw_part_points(part, then)),
		              cw_render_points(cw_part_points(part, now)));
	}
	return out->failed;
}
