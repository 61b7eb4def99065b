#include <string.h>

#include <councilwatch/text.h>

#include "kpi_private.h"

/* ---- filters ---- */

static bool same_word(const char *a, const char *b)
{
	struct cw_buf x, y;
	bool same;

	if (strcmp(a, b) == 0)
		return true;
	cw_buf_init(&x, 4096);
	cw_buf_init(&y, 4096);
	same = cw_text_fold(cw_str(a), &x) == 0 && cw_text_fold(cw_str(b), &y) == 0 && x.len && strcmp(cw_buf_str(&x), cw_buf_str(&y)) == 0;
	cw_buf_clear(&x);
	cw_buf_clear(&y);
	return same;
}

/* "peer challenge" is "peer-challenge". */
bool kpi_product_fits(const struct cw_strings *products, const char *product)
{
	for (size_t i = 0; i < products->n; i++)
		if (same_word(products->at[i], product))
			return true;
	return !products->n;
}

static bool names_role(const char *list, const char *role)
{
	size_t len = strlen(role);

	while (*list) {
		size_t n = strcspn(list, "|");

		if (n == len && memcmp(list, role, n) == 0)
			return true;
		list += n + (list[n] == '|');
	}
	return false;
}

static bool role_fits(const struct cw_strings *roles, const struct cw_offer *offer)
{
	for (size_t i = 0; i < roles->n; i++)
		if (names_role(offer->contact_role, roles->at[i]) || names_role(offer->engaged_roles, roles->at[i]))
			return true;
	return !roles->n;
}

bool kpi_offer_fits(const struct cw_offer *offer, const struct cw_kpi_test *filter)
{
	return (!filter->tiers || filter->tiers >> offer->tier & 1) && kpi_product_fits(&filter->products, offer->product) &&
	       role_fits(&filter->roles, offer);
}

/* ---- what was done ---- */

/* The days on which what a test asks for was done for this offer; some are CW_DAY_NONE. How many. */
static size_t days_of(const struct cw_offer_life *life, enum cw_kpi_test_kind test, int32_t ret[4])
{
	const struct cw_offer *o = &life->offer;
	size_t n = 0;

	switch (test) {
	case CW_TEST_READ:
		ret[n++] = o->read_at;
		/* Who makes contact has read it. */
		/* fall through */
	case CW_TEST_CONTACT:
		ret[n++] = o->contact_at;
		/* Who offers makes contact. */
		/* fall through */
	case CW_TEST_OFFER:
		ret[n++] = o->offered_at;
		break;
	case CW_TEST_SUPPORT:
		ret[n++] = life->reached[CW_OFFER_ACCEPTED];
		ret[n++] = life->reached[CW_OFFER_DELIVERED];
		break;
	default:
		break;
	}
	return n;
}

/* The first day that is not before since, and by the as-of day. named: what is before counts as of that day. */
static int32_t first_since(const struct cw_kpi_run *run, const struct cw_offer_life *life, enum cw_kpi_test_kind test, int32_t since,
                           bool named)
{
	int32_t days[4], best = CW_DAY_NONE;
	size_t n = days_of(life, test, days);

	for (size_t i = 0; i < n; i++) {
		int32_t day = days[i];

		if (day == CW_DAY_NONE || day > run->as_of || (day < since && !named))
			continue;
		day = CW_MAX(day, since);
		if (best == CW_DAY_NONE || day < best)
			best = day;
	}
	return best;
}

int32_t kpi_done(const struct cw_kpi_run *run, const struct kpi_wait *wait, const struct cw_offer_life **ret_life)
{
	int32_t best = CW_DAY_NONE;

	*ret_life = NULL;
	for (size_t i = 0; i < run->n_lives; i++) {
		const struct cw_offer_life *life = &run->lives[i];
		bool named = *wait->alert_id && strcmp(life->offer.trigger_alert_id, wait->alert_id) == 0;
		int32_t day;

		if (!named && (strcmp(life->offer.council_id, wait->council->id) != 0 || (wait->strand >= 0 && (int)life->offer.strand != wait->strand)))
			continue;
		if (!kpi_offer_fits(&life->offer, wait->test))
			continue;
		day = first_since(run, life, wait->test->test, wait->since, named);
		if (day != CW_DAY_NONE && (best == CW_DAY_NONE || day < best)) {
			best = day;
			*ret_life = life;
		}
	}
	return best;
}

static bool in_window(struct cw_period window, int32_t day)
{
	return day != CW_DAY_NONE && day >= window.from && day <= window.to;
}

/* Support that was taken up by the end of the window and was not over before it. */
static bool ran_in(const struct cw_offer_life *life, struct cw_period window)
{
	static const enum cw_offer_status ends[] = { CW_OFFER_DELIVERED, CW_OFFER_WITHDRAWN, CW_OFFER_DECLINED };
	int32_t accepted = life->reached[CW_OFFER_ACCEPTED], delivered = life->reached[CW_OFFER_DELIVERED];
	int32_t began = accepted != CW_DAY_NONE ? accepted : delivered;

	if (began == CW_DAY_NONE || began > window.to)
		return false;
	for (size_t i = 0; i < CW_ARRAY_LEN(ends); i++) {
		int32_t end = life->reached[ends[i]];

		if (end != CW_DAY_NONE && end >= began && end < window.from)
			return false;
	}
	return true;
}

static bool plan_runs(const struct cw_offer_life *life, int32_t day)
{
	enum cw_offer_status stood;

	return life->offer.plan_until != CW_DAY_NONE && life->offer.plan_until >= day && cw_offer_stood(life, day, &stood) &&
	       stood != CW_OFFER_DECLINED && stood != CW_OFFER_WITHDRAWN;
}

/* *ret_day: when, for the list. */
static bool shows(const struct cw_offer_life *life, enum cw_kpi_test_kind test, struct cw_period window, int32_t *ret_day)
{
	int32_t days[4];
	size_t n;

	*ret_day = CW_DAY_NONE;
	if (test == CW_TEST_PLAN) {
		*ret_day = life->offer.status_at;
		return plan_runs(life, window.to);
	}
	n = days_of(life, test, days);
	for (size_t i = 0; i < n; i++)
		if (in_window(window, days[i])) {
			*ret_day = days[i];
			return true;
		}
	/* What began before and still ran: it was offered, and there was contact. */
	if (test != CW_TEST_READ && ran_in(life, window)) {
		int32_t accepted = life->reached[CW_OFFER_ACCEPTED];

		*ret_day = accepted != CW_DAY_NONE ? accepted : life->reached[CW_OFFER_DELIVERED];
		return true;
	}
	return false;
}

bool kpi_done_in(const struct cw_kpi_run *run, const struct cw_council *council, int strand, const struct cw_kpi_test *test,
                 struct cw_period window, int32_t *ret_day, const struct cw_offer_life **ret_life)
{
	unsigned tiers = 0, different = 0;

	*ret_life = NULL;
	*ret_day = CW_DAY_NONE;
	for (size_t i = 0; i < run->n_lives; i++) {
		const struct cw_offer_life *life = &run->lives[i];
		int32_t day;

		if (strcmp(life->offer.council_id, council->id) != 0 || (strand >= 0 && (int)life->offer.strand != strand) ||
		    !kpi_offer_fits(&life->offer, test) || !shows(life, test->test, window, &day))
			continue;
		if (!*ret_life || (day != CW_DAY_NONE && *ret_day != CW_DAY_NONE && day < *ret_day)) {
			*ret_life = life;
			*ret_day = day;
		}
		tiers |= 1u << life->offer.tier;
	}
	for (unsigned t = 0; t < CW_SUPPORT_COUNT; t++)
		different += tiers >> t & 1;
	return *ret_life && different >= CW_MAX(test->different_tiers, 1u);
}
