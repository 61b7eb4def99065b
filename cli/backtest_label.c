/*
 * What came of it: of each council in each month, and of each inspection.
 */
#include <errno.h>
#include <stdlib.h>

#include "backtest.h"

static const char *const label_names[BT_LABEL_COUNT] = { "inadequate", "fall", "send_outcome3", "intervention" };

const char *bt_label_name(enum bt_label label)
{
	return label_names[label];
}

static int strand_of(enum bt_label label)
{
	return label == BT_SEND ? BT_AREA_SEND : BT_ILACS;
}

/* The last headline by a day of this council's own inspections; NULL = none. One without a headline says nothing. */
static const struct cw_inspection *last_own(const struct bt_council *council, int strand, int32_t day)
{
	const struct cw_inspection *last = NULL;

	for (size_t i = 0; i < council->n_inspections[strand] && council->inspections[strand][i].published_day <= day; i++)
		if (council->inspections[strand][i].severity)
			last = &council->inspections[strand][i];
	return last;
}

/* A council that has not been judged itself stands as those it took over from did, the worst of them: what they were already is
 * nothing new in it. Who gave little of it does not count (inherit_minor). */
static const struct cw_inspection *last_headline(const struct backtest *bt, const struct bt_council *council, int strand,
                                                 int32_t day)
{
	const struct cw_config *config = bt->cli->config;
	const struct cw_lineage *from[CW_PREDECESSORS_MAX];
	const struct cw_inspection *last = last_own(council, strand, day);
	size_t n;

	if (last)
		return last;
	n = cw_council_predecessors(config->councils, council->council, day, from, CW_ARRAY_LEN(from));
	for (size_t i = 0; i < CW_MIN(n, CW_ARRAY_LEN(from)); i++) {
		const struct cw_inspection *theirs;

		if (from[i]->of_successor < config->risk.inherit_minor)
			continue;
		theirs = last_own(&bt->councils[from[i]->predecessor->index], strand, CW_MIN(day, from[i]->day - 1));
		if (theirs && (!last || theirs->severity > last->severity))
			last = theirs;
	}
	return last;
}

/* Is this the case that the label is of, after what was before (0 = nothing known)? */
static bool is_positive(enum bt_label label, int before, const struct cw_inspection *after)
{
	switch (label) {
	case BT_INADEQUATE:
		return after->severity == CW_GRADE_INADEQUATE;
	case BT_FALL:
		/* A derived "good" may be outstanding. */
		return after->severity > before && !(after->derived && after->severity == CW_GRADE_GOOD);
	case BT_SEND:
		return after->severity == 3;
	default:
		return false;
	}
}

/* Could it become so from here? */
static enum bt_outcome standing(enum bt_label label, const struct cw_inspection *before)
{
	if (label == BT_SEND) /* most had none before: the first can find it */
		return before && before->severity == 3 ? BT_ALREADY : BT_UNLABELLED;
	if (!before)
		return BT_UNKNOWN;
	return before->severity == CW_GRADE_INADEQUATE ? BT_ALREADY : BT_UNLABELLED;
}

static enum bt_outcome outcome_of_inspections(const struct backtest *bt, enum bt_label label, const struct bt_council *council,
                                              int32_t day, int32_t until)
{
	int strand = strand_of(label);
	const struct cw_inspection *before = last_headline(bt, council, strand, day);
	enum bt_outcome outcome = standing(label, before);
	int severity = before ? before->severity : 0;

	if (outcome != BT_UNLABELLED)
		return outcome;
	for (size_t i = 0; i < council->n_inspections[strand]; i++) {
		const struct cw_inspection *found = &council->inspections[strand][i];

		if (found->published_day <= day || found->published_day > until || !found->severity)
			continue;
		if (is_positive(label, severity, found))
			return BT_POSITIVE;
		outcome = BT_NEGATIVE;
		severity = found->severity;
	}
	return outcome;
}

/* Nobody has to visit for a notice: none within a window that has been seen whole means none. */
static enum bt_outcome outcome_of_notices(const struct backtest *bt, const struct bt_council *council, size_t month,
                                          int32_t until)
{
	int32_t day = bt->grid[month];

	if (council->months[month].intervened)
		return BT_ALREADY;
	for (size_t i = 0; i < council->n_openings; i++)
		if (council->openings[i] > day && council->openings[i] <= until)
			return BT_POSITIVE;
	if (until > bt->to || !cw_cli_council_existed(council->council, until))
		return BT_UNLABELLED;
	return BT_NEGATIVE;
}

static enum bt_outcome outcome_of(const struct backtest *bt, const struct bt_labels *labels, const struct bt_council *council,
                                  size_t month)
{
	int32_t day = bt->grid[month], until = cw_day_add_months(day, bt->window_months);
	enum bt_label label = labels->label;

	if (!council->months[month].exists)
		return BT_ABSENT;
	if (labels->untold)
		return BT_UNKNOWN;
	return label == BT_INTERVENTION ? outcome_of_notices(bt, council, month, until)
	                                : outcome_of_inspections(bt, label, council, day, CW_MIN(until, bt->to));
}

/* ---- events ---- */

static int add_event(struct bt_labels *labels, struct bt_event event)
{
	if (cw_grow(&labels->events, &labels->cap_events, labels->n_events, sizeof(*labels->events)) < 0)
		return -ENOMEM;
	labels->events[labels->n_events++] = event;
	return 0;
}

static int add_inspection(const struct backtest *bt, struct bt_labels *labels, const struct bt_council *council,
                          const struct cw_inspection *found)
{
	const struct cw_inspection *before = last_headline(bt, council, strand_of(labels->label), found->published_day - 1);

	if (found->published_day <= bt->from || found->published_day > bt->to)
		return 0;
	if (!found->severity) {
		labels->without_headline++;
		return 0;
	}
	switch (standing(labels->label, before)) {
	case BT_ALREADY:
		labels->already++;
		return 0;
	case BT_UNKNOWN:
		labels->unknown++;
		return 0;
	default:
		return add_event(labels, (struct bt_event){
			.council = council, .visit = found->event_day, .published = found->published_day,
			.before = before ? before->severity : 0, .after = found->severity,
			.before_published = before ? before->published_day : CW_DAY_NONE,
			.positive = is_positive(labels->label, before ? before->severity : 0, found) });
	}
}

static int list_events(const struct backtest *bt, struct bt_labels *labels, const struct bt_council *council)
{
	int strand = strand_of(labels->label), r = 0;

	if (labels->label == BT_INTERVENTION) {
		for (size_t i = 0; i < council->n_openings && r == 0; i++)
			if (council->openings[i] > bt->from && council->openings[i] <= bt->to)
				r = add_event(labels, (struct bt_event){ .council = council, .visit = CW_DAY_NONE,
				                                         .published = council->openings[i],
				                                         .before_published = CW_DAY_NONE, .positive = true });
		return r;
	}
	for (size_t i = 0; i < council->n_inspections[strand] && r == 0; i++)
		r = add_inspection(bt, labels, council, &council->inspections[strand][i]);
	return r;
}

static int by_publication(const void *a, const void *b)
{
	const struct bt_event *x = a, *y = b;

	if (x->published != y->published)
		return x->published < y->published ? -1 : 1;
	return x->council->council->index < y->council->council->index ? -1 : x->council->council->index > y->council->council->index;
}

int bt_label_history(const struct backtest *bt, enum bt_label label, struct bt_labels *ret)
{
	struct bt_labels labels = { .label = label };
	int r = 0;

	labels.outcomes = calloc(bt->n_months * bt->n_councils + 1, sizeof(*labels.outcomes));
	if (!labels.outcomes)
		return -ENOMEM;
	labels.untold = label == BT_INTERVENTION;
	for (size_t i = 0; i < bt->n_councils && labels.untold; i++)
		labels.untold = bt->councils[i].n_openings == 0;
	for (size_t m = 0; m < bt->n_months; m++)
		for (size_t i = 0; i < bt->n_councils; i++)
			labels.outcomes[m * bt->n_councils + i] = outcome_of(bt, &labels, &bt->councils[i], m);
	for (size_t i = 0; i < bt->n_councils && r == 0; i++)
		r = list_events(bt, &labels, &bt->councils[i]);
	if (r < 0) {
		bt_labels_clear(&labels);
		return r;
	}
	if (labels.n_events)
		qsort(labels.events, labels.n_events, sizeof(*labels.events), by_publication);
	*ret = labels;
	return 0;
}

void bt_labels_clear(struct bt_labels *labels)
{
	free(labels->outcomes);
	free(labels->events);
	*labels = (struct bt_labels){ 0 };
}
