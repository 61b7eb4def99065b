#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "kpi_private.h"

/* ---- what each member shows ---- */

static int allowed_of(const struct cw_kpi_run *run, const struct cw_kpi *kpi, const struct cw_kpi_member *member)
{
	const struct cw_response *response = NULL;

	if (kpi->numerator.within != CW_WITHIN_RESPONSE)
		return kpi->numerator.within;
	for (size_t i = 0; i < run->n_triggers && !response; i++)
		if (strcmp(run->triggers[i].id, member->alert_id) == 0)
			response = &run->config->risk.response[run->triggers[i].level];
	if (!response)
		return CW_WITHIN_NONE;
	switch (kpi->numerator.test) {
	case CW_TEST_READ:
		return response->read ? response->read : CW_WITHIN_NONE;
	case CW_TEST_CONTACT:
		return response->contact ? response->contact : CW_WITHIN_NONE;
	default:
		return response->offer ? response->offer : CW_WITHIN_NONE;
	}
}

static enum cw_strand trigger_strand(const struct cw_kpi_run *run, const char *alert_id)
{
	for (size_t i = 0; i < run->n_triggers; i++)
		if (strcmp(run->triggers[i].id, alert_id) == 0)
			return run->triggers[i].strand;
	return CW_STRAND_CSC;
}

/* Against a clock. */
static int try_since(struct cw_kpi_run *run, const struct cw_kpi *kpi, struct cw_kpi_member *member, struct cw_error *err)
{
	struct kpi_wait wait = { .council = member->council, .alert_id = member->alert_id, .strand = kpi->strand, .since = member->since,
		                 .test = &kpi->numerator };
	int allowed = allowed_of(run, kpi, member), r;
	const struct cw_calendar *calendar;
	const struct cw_offer_life *life;

	if (*member->alert_id && wait.strand < 0)
		wait.strand = (int)trigger_strand(run, member->alert_id);
	r = kpi_calendar(run, &calendar, err);
	if (r < 0)
		return r;
	member->done = kpi_done(run, &wait, &life);
	if (life) {
		snprintf(member->offer_id, sizeof(member->offer_id), "%s", life->offer.offer_id);
		r = cw_working_days(calendar, member->since, member->done, &member->days, err);
	}
	if (r == 0 && allowed != CW_WITHIN_NONE)
		r = cw_working_days_later(calendar, member->since, (unsigned)allowed, &member->due, err);
	if (r < 0)
		return r;
	if (life && (allowed == CW_WITHIN_NONE || member->days <= allowed))
		member->standing = CW_MEMBER_IN;
	else if (!life && member->due != CW_DAY_NONE && run->as_of <= member->due)
		member->standing = CW_MEMBER_PENDING;
	return 0;
}

static int try_member(struct cw_kpi_run *run, const struct cw_kpi *kpi, struct cw_period window, struct cw_kpi_member *member,
                      struct cw_error *err)
{
	const struct cw_offer_life *life;

	if (!kpi->has_numerator || kpi->numerator.test == CW_TEST_ANY) {
		member->standing = CW_MEMBER_IN;
		return 0;
	}
	switch (kpi->denominator.of) {
	case CW_OF_TRIGGERS:
	case CW_OF_SIGNALS:
		return try_since(run, kpi, member, err);
	case CW_OF_COUNCILS:
		if (!kpi_done_in(run, member->council, kpi->strand, &kpi->numerator, window, &member->done, &life))
			return 0;
		member->standing = CW_MEMBER_IN;
		snprintf(member->offer_id, sizeof(member->offer_id), "%s", life->offer.offer_id);
		return 0;
	default: /* told when it was found */
		return 0;
	}
}

/* ---- figures ---- */

static int by_number(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static double median(const double *sorted, size_t n)
{
	return !n ? NAN : n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

/* Of those for whom it was done. *ret_all: with the others as if they still waited for ever. */
static int work_median(struct cw_kpi_result *result, double *ret_all, struct cw_error *err)
{
	CW_CLEANUP(cw_freep) double *days = calloc(result->n ? result->n : 1, sizeof(*days));
	size_t n = 0;

	if (!days)
		return cw_error_nomem(err);
	for (size_t i = 0; i < result->n; i++)
		if (result->at[i].standing == CW_MEMBER_IN)
			days[n++] = result->at[i].days;
	for (size_t i = n; i < result->n; i++)
		days[i] = INFINITY;
	qsort(days, n, sizeof(*days), by_number);
	result->value = median(days, n);
	*ret_all = median(days, result->n);
	return 0;
}

/* What a sum or mean adds up; one without the number stands outside. Offers weigh by their participants, when those are recorded. */
static void add_up(const struct cw_kpi_run *run, struct cw_kpi_result *result, bool mean)
{
	double sum = 0, weights = 0;

	for (size_t i = 0; i < result->n; i++) {
		struct cw_kpi_member *member = &result->at[i];
		double weight = 1;

		member->standing = isnan(member->value) ? CW_MEMBER_OUT : CW_MEMBER_IN;
		if (isnan(member->value))
			continue;
		for (size_t k = 0; k < run->n_lives && mean; k++)
			if (strcmp(run->lives[k].offer.offer_id, member->offer_id) == 0 && run->lives[k].offer.participants > 0)
				weight = (double)run->lives[k].offer.participants;
		sum += weight * member->value;
		weights += weight;
	}
	result->numerator = sum;
	result->denominator = mean ? weights : NAN;
	result->value = !mean ? sum : weights > 0 ? sum / weights : NAN;
}

static bool reaches(const struct cw_kpi *kpi, double value)
{
	return kpi->fewer ? value <= kpi->target : value >= kpi->target;
}

/* for_all: of a median, with those that still wait. */
static int judge(const struct cw_kpi *kpi, struct cw_kpi_result *result, double for_all)
{
	bool adds = kpi->measure == CW_KPI_COUNT || kpi->measure == CW_KPI_SUM;
	struct cw_period usual = cw_period_of(kpi->window, result->period.from);

	if (!kpi->has_target || isnan(result->value))
		return -1;
	if (adds && (usual.from != result->period.from || usual.to != result->period.to)) {
		result->target_other_window = true;
		return -1;
	}
	if (reaches(kpi, kpi->measure == CW_KPI_MEDIAN ? for_all : result->value))
		return adds && kpi->fewer && !result->closed ? -1 : 1;
	if (kpi->measure == CW_KPI_SHARE && result->pending &&
	    reaches(kpi, 100 * (result->numerator + (double)result->pending) / result->denominator))
		return -1;
	return adds && !kpi->fewer && !result->closed ? -1 : 0;
}

static void group(struct cw_kpi_result *result)
{
	for (size_t i = 0; i < result->n; i++) {
		const struct cw_kpi_member *member = &result->at[i];
		size_t g = 0;

		while (g < result->n_groups && strcmp(result->groups[g].name, member->what) != 0)
			g++;
		if (g == CW_KPI_GROUPS_MAX)
			continue;
		if (g == result->n_groups) {
			result->groups[g] = (struct cw_kpi_group){ 0 };
			snprintf(result->groups[g].name, sizeof(result->groups[g].name), "%.47s", member->what);
			result->n_groups++;
		}
		result->groups[g].of++;
		result->groups[g].in += member->standing == CW_MEMBER_IN;
		result->groups[g].pending += member->standing == CW_MEMBER_PENDING;
	}
}

static int figures(const struct cw_kpi_run *run, const struct cw_kpi *kpi, struct cw_kpi_result *result, struct cw_error *err)
{
	double for_all = NAN;
	size_t in = 0;
	int r = 0;

	for (size_t i = 0; i < result->n; i++) {
		in += result->at[i].standing == CW_MEMBER_IN;
		result->pending += result->at[i].standing == CW_MEMBER_PENDING;
	}
	result->numerator = (double)in;
	result->denominator = kpi->measure == CW_KPI_COUNT ? NAN : (double)result->n;
	switch (kpi->measure) {
	case CW_KPI_SHARE:
		result->value = result->n ? 100 * (double)in / (double)result->n : NAN;
		break;
	case CW_KPI_COUNT:
		result->value = (double)in;
		break;
	case CW_KPI_MEDIAN:
		r = work_median(result, &for_all, err);
		break;
	default:
		add_up(run, result, kpi->measure == CW_KPI_MEAN);
	}
	if (kpi->denominator.of == CW_OF_TRIGGERS)
		group(result);
	result->met = judge(kpi, result, for_all);
	return r;
}

static int by_council(const void *a, const void *b)
{
	const struct cw_kpi_member *x = a, *y = b;
	int order = strcmp(x->who, y->who);

	return order ? order : strcmp(x->offer_id, y->offer_id);
}

int cw_kpi_work_out(struct cw_kpi_run *run, const struct cw_kpi *kpi, struct cw_period period, struct cw_kpi_result *ret,
                    struct cw_error *err)
{
	struct cw_period window = { period.from, CW_MIN(period.to, run->as_of) };
	char day[CW_WALL_TEXT];
	int r;

	*ret = (struct cw_kpi_result){ .kpi = kpi, .period = period, .closed = run->as_of >= period.to, .target = kpi->target, .met = -1,
		                       .numerator = NAN, .denominator = NAN, .value = NAN };
	if (run->as_of < period.from)
		return cw_error_set(err, -EINVAL, "the period begins only on %s", cw_day_format(period.from, day));
	r = kpi_members(run, kpi, window, ret, err);
	for (size_t i = 0; i < ret->n && r == 0; i++)
		r = try_member(run, kpi, window, &ret->at[i], err);
	if (r == 0 && ret->n)
		qsort(ret->at, ret->n, sizeof(*ret->at), by_council);
	if (r == 0)
		r = figures(run, kpi, ret, err);
	if (r < 0)
		cw_kpi_result_clear(ret);
	return r;
}

void cw_kpi_result_clear(struct cw_kpi_result *result)
{
	free(result->at);
	*result = (struct cw_kpi_result){ 0 };
}
