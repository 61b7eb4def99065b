#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "kpi_private.h"

struct cw_kpi_member *kpi_add(struct cw_kpi_result *result, size_t *cap, const struct cw_council *council, const char *who)
{
	struct cw_kpi_member *member;

	if (cw_grow(&result->at, cap, result->n, sizeof(*result->at)) < 0)
		return NULL;
	member = &result->at[result->n++];
	*member = (struct cw_kpi_member){ .council = council, .since = CW_DAY_NONE, .due = CW_DAY_NONE, .done = CW_DAY_NONE, .days = -1,
		                          .value = NAN, .standing = CW_MEMBER_OUT };
	snprintf(member->who, sizeof(member->who), "%s", who);
	return member;
}

static struct cw_kpi_member *find_member(struct cw_kpi_result *result, const char *who)
{
	for (size_t i = 0; i < result->n; i++)
		if (strcmp(result->at[i].who, who) == 0)
			return &result->at[i];
	return NULL;
}

struct counting {
	struct cw_kpi_run *run;
	const struct cw_kpi *kpi;
	struct cw_period window; /* up to the as-of day */
	struct cw_kpi_result *result;
	size_t cap;
	struct cw_error *err;
};

static bool within_window(const struct counting *c, int32_t day)
{
	return day != CW_DAY_NONE && day >= c->window.from && day <= c->window.to;
}

/* ---- triggers: the first of each council ---- */

static int count_triggers(struct counting *c)
{
	const struct cw_kpi_population *p = &c->kpi->denominator;

	for (size_t i = 0; i < c->run->n_triggers; i++) {
		const struct cw_trigger *t = &c->run->triggers[i];
		struct cw_kpi_member *member;

		if (!within_window(c, t->day) || (p->alerts && !(p->alerts >> t->kind & 1)) || (p->levels && !(p->levels >> t->level & 1)) ||
		    (c->kpi->strand >= 0 && c->kpi->strand != (int)t->strand))
			continue;
		member = find_member(c->result, t->council->id);
		if (member && member->since <= t->day) /* alerts are numbered as they come: an import may tell an older one later */
			continue;
		if (!member)
			member = kpi_add(c->result, &c->cap, t->council, t->council->id);
		if (!member)
			return cw_error_nomem(c->err);
		member->since = t->day;
		snprintf(member->what, sizeof(member->what), "%s to %s", cw_alert_kind_name(t->kind), cw_level_name(t->level));
		snprintf(member->alert_id, sizeof(member->alert_id), "%s", t->id);
	}
	return 0;
}

/* ---- councils, at the end of the window ---- */

static bool wants_signal(const struct cw_kpi_population *p, const char *name)
{
	for (size_t i = 0; i < p->signals.n; i++)
		if (strcmp(p->signals.at[i], name) == 0)
			return true;
	return false;
}

static int count_councils(struct counting *c)
{
	const struct cw_kpi_population *p = &c->kpi->denominator;
	const struct cw_risk *risk = &c->run->config->risk;
	const struct kpi_stood *stood;
	int r = kpi_stood(c->run, c->window.to, &stood, c->err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < cw_councils_count(c->run->config->councils); i++) {
		const struct cw_council *council = cw_councils_at(c->run->config->councils, i);
		struct cw_kpi_member *member;
		int open = -1;

		for (size_t s = 0; s < risk->n_signals && p->signals.n && open < 0; s++)
			if (stood[i].open >> s & 1 && wants_signal(p, risk->signals[s].name))
				open = (int)s;
		if (!stood[i].there || (p->levels && !(p->levels >> stood[i].level & 1)) || (p->signals.n && open < 0))
			continue;
		member = kpi_add(c->result, &c->cap, council, council->id);
		if (!member)
			return cw_error_nomem(c->err);
		member->since = open >= 0 ? stood[i].opened[open] : CW_DAY_NONE;
		snprintf(member->what, sizeof(member->what), "%s", open >= 0 ? risk->signals[open].name : cw_level_name(stood[i].level));
	}
	return 0;
}

/* ---- signals that began in the window: the first of each council ---- */

static int take_signals(struct counting *c, const struct cw_council *council, const struct cw_assessment *assessment)
{
	for (size_t i = 0; i < assessment->n_contributors; i++) {
		const struct cw_contributor *signal = &assessment->contributors[i];
		struct cw_kpi_member *member;

		if (signal->inherited || signal->confidence <= 0 || !within_window(c, signal->opened_day) ||
		    !wants_signal(&c->kpi->denominator, signal->signal->name) ||
		    (c->kpi->strand >= 0 && (signal->criterion == CW_CRIT_SEND) != (c->kpi->strand == CW_STRAND_SEND)))
			continue;
		member = find_member(c->result, council->id);
		if (member && member->since <= signal->opened_day)
			continue;
		if (!member)
			member = kpi_add(c->result, &c->cap, council, council->id);
		if (!member)
			return cw_error_nomem(c->err);
		member->since = signal->opened_day;
		snprintf(member->what, sizeof(member->what), "%s", signal->signal->name);
	}
	return 0;
}

static int signals_on(struct counting *c, const struct cw_council *council, const struct cw_history *history, const struct cw_risk *risk,
                      int32_t day)
{
	struct cw_assessment assessment;
	int r = cw_model_assess(risk, history->at, history->n, day, &assessment, c->err);

	if (r < 0)
		return r;
	r = take_signals(c, council, &assessment);
	cw_assessment_clear(&assessment);
	return r;
}

static int by_day(const void *a, const void *b)
{
	const int32_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* A state may be opened and closed again within the window: it is looked for on every day on which anything was published. What
 * happens once is still there at the end, however little is left of it. */
static int signals_of(struct counting *c, const struct cw_council *council, const struct cw_risk *risk, bool states)
{
	CW_CLEANUP(cw_freep) int32_t *days = NULL;
	struct cw_history history;
	int r = kpi_known(c->run, council, c->window.to, &history, c->err);

	if (r < 0)
		return r;
	r = signals_on(c, council, &history, risk, c->window.to);
	if (r == 0 && states && history.n) {
		days = calloc(history.n, sizeof(*days));
		r = days ? cw_model_speaking(risk, history.at, history.n, days, c->err) : cw_error_nomem(c->err);
		if (r == 0)
			qsort(days, history.n, sizeof(*days), by_day);
	}
	for (size_t i = 0; days && i < history.n && r == 0; i++)
		if (within_window(c, days[i]) && (i == 0 || days[i] != days[i - 1]))
			r = signals_on(c, council, &history, risk, days[i]);
	cw_history_free(&history);
	return r;
}

static int count_signals(struct counting *c)
{
	const struct cw_kpi_population *p = &c->kpi->denominator;
	CW_CLEANUP(cw_freep) struct cw_risk *risk = malloc(sizeof(*risk));
	bool states = false;
	int r = 0;

	if (!risk)
		return cw_error_nomem(c->err);
	*risk = c->run->config->risk;
	risk->drop_below = 0;
	for (size_t s = 0; s < risk->n_signals; s++)
		states |= risk->signals[s].state && wants_signal(p, risk->signals[s].name);
	for (size_t i = 0; i < cw_councils_count(c->run->config->councils) && c->run->store && r == 0; i++)
		r = signals_of(c, cw_councils_at(c->run->config->councils, i), risk, states);
	return r;
}

/* ---- inspections published in the window, of councils that had one before ---- */

static int add_inspection(struct counting *c, const struct cw_council *council, const struct cw_inspection *all, size_t n)
{
	const struct cw_inspection *last = NULL, *before = NULL;
	struct cw_kpi_member *member;

	for (size_t i = 0; i < n; i++) {
		if (!all[i].severity)
			continue;
		before = last;
		last = &all[i];
	}
	if (!before || !within_window(c, last->published_day))
		return 0;
	member = kpi_add(c->result, &c->cap, council, council->id);
	if (!member)
		return cw_error_nomem(c->err);
	member->since = last->published_day;
	member->done = last->published_day;
	member->standing = last->severity <= before->severity ? CW_MEMBER_IN : CW_MEMBER_OUT;
	snprintf(member->what, sizeof(member->what), "%s", last->severity < before->severity  ? "improved"
	                                                   : last->severity == before->severity ? "kept"
	                                                                                        : "fell");
	return 0;
}

static int count_inspections(struct counting *c)
{
	enum cw_kind kind = c->kpi->denominator.inspection ? CW_KIND_AREA_SEND : CW_KIND_ILACS;
	int r = 0;

	for (size_t i = 0; i < cw_councils_count(c->run->config->councils) && c->run->store && r == 0; i++) {
		const struct cw_council *council = cw_councils_at(c->run->config->councils, i);
		CW_CLEANUP(cw_freep) struct cw_inspection *all = NULL;
		struct cw_history history;
		size_t n = 0;

		r = kpi_known(c->run, council, c->window.to, &history, c->err);
		if (r < 0)
			return r;
		r = cw_model_inspections(&c->run->config->risk, history.at, history.n, c->window.to, kind, &all, &n, c->err);
		if (r == 0)
			r = add_inspection(c, council, all, n);
		cw_history_free(&history);
	}
	return r;
}

/* ---- offers, and who received them ---- */

/* The day in the window on which it came to what is asked, and it still stood so at the end. */
static int32_t came_to(const struct counting *c, const struct cw_offer_life *life)
{
	unsigned statuses = c->kpi->denominator.statuses;
	enum cw_offer_status stood;

	if (!statuses)
		return within_window(c, life->offer.offered_at) ? life->offer.offered_at : CW_DAY_NONE;
	if (!cw_offer_stood(life, c->window.to, &stood))
		return CW_DAY_NONE;
	if (statuses >> stood & 1 && within_window(c, life->reached[stood]))
		return life->reached[stood];
	return CW_DAY_NONE;
}

static double value_of(const struct cw_kpi *kpi, const struct cw_offer *offer)
{
	double value = kpi->value == CW_KPI_RATING ? offer->rating : offer->days;

	return value < 0 ? NAN : value;
}

static int add_offer(struct counting *c, const struct cw_offer_life *life, int32_t day)
{
	const struct cw_offer *offer = &life->offer;
	const struct cw_council *council = *offer->council_id ? cw_councils_by_id(c->run->config->councils, cw_str(offer->council_id)) : NULL;
	const char *who = *offer->council_id ? offer->council_id : offer->organisation_id;
	bool recipients = c->kpi->denominator.of == CW_OF_RECIPIENTS;
	struct cw_kpi_member *member = recipients ? find_member(c->result, who) : NULL;

	if (member)
		return 0;
	member = kpi_add(c->result, &c->cap, council, who);
	if (!member)
		return cw_error_nomem(c->err);
	snprintf(member->offer_id, sizeof(member->offer_id), "%s", offer->offer_id);
	snprintf(member->what, sizeof(member->what), "%s", recipients ? cw_recipient_names[offer->recipient] : cw_support_names[offer->tier]);
	member->since = offer->offered_at;
	member->done = day;
	member->value = value_of(c->kpi, offer);
	if (c->kpi->numerator.test == CW_TEST_REASON && c->kpi->has_numerator)
		member->standing = *offer->reason ? CW_MEMBER_IN : CW_MEMBER_OUT;
	return 0;
}

static int count_offers(struct counting *c)
{
	const struct cw_kpi_population *p = &c->kpi->denominator;
	int r = 0;

	for (size_t i = 0; i < c->run->n_lives && r == 0; i++) {
		const struct cw_offer_life *life = &c->run->lives[i];
		const struct cw_offer *offer = &life->offer;
		int32_t day = came_to(c, life);

		if (day == CW_DAY_NONE || (p->tiers && !(p->tiers >> offer->tier & 1)) || (p->recipients && !(p->recipients >> offer->recipient & 1)) ||
		    !kpi_product_fits(&p->products, offer->product) || (c->kpi->strand >= 0 && c->kpi->strand != (int)offer->strand))
			continue;
		r = add_offer(c, life, day);
	}
	return r;
}

int kpi_members(struct cw_kpi_run *run, const struct cw_kpi *kpi, struct cw_period window, struct cw_kpi_result *result,
                struct cw_error *err)
{
	struct counting c = { .run = run, .kpi = kpi, .window = window, .result = result, .err = err };

	switch (kpi->denominator.of) {
	case CW_OF_TRIGGERS:
		return count_triggers(&c);
	case CW_OF_COUNCILS:
		return count_councils(&c);
	case CW_OF_SIGNALS:
		return count_signals(&c);
	case CW_OF_INSPECTIONS:
		return count_inspections(&c);
	default:
		return count_offers(&c);
	}
}
