/* Exact intervals and chances: statistics.h. The expected numbers come from sums of binomial terms with 60 digits, solved by
 * halving; some of them stand in textbooks (4 of 9: 13.7 % to 78.8 %; 0 of 10: up to 30.8 %). */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <councilwatch/statistics.h>

static void assert_near(double found, double expected, double by)
{
	if (fabs(found - expected) > by)
		fail_msg("%.12f instead of %.12f", found, expected);
}

static void test_intervals(void **state)
{
	static const struct {
		double hits, trials, confidence, low, high;
	} cases[] = {
		{ 0, 1, 0.95, 0.0000000000, 0.9750000000 },     { 1, 1, 0.95, 0.0250000000, 1.0000000000 },
		{ 0, 10, 0.95, 0.0000000000, 0.3084971078 },    { 4, 9, 0.95, 0.1369956623, 0.7879914932 },
		{ 4, 32, 0.95, 0.0351306531, 0.2899484202 },    { 5, 59, 0.95, 0.0280912567, 0.1867943355 },
		{ 9, 112, 0.95, 0.0374032417, 0.1470662984 },   { 0, 21, 0.95, 0.0000000000, 0.1610976152 },
		{ 10, 10, 0.95, 0.6915028922, 1.0000000000 },   { 1, 20, 0.99, 0.0002505957, 0.3171417348 },
		{ 50, 100, 0.9, 0.4136217146, 0.5863782854 },   { 3, 1000, 0.95, 0.0006190999, 0.0087420232 },
		{ 0, 0, 0.95, 0, 1 },
	};

	(void)state;
	for (size_t i = 0; i < CW_ARRAY_LEN(cases); i++) {
		double low, high;

		cw_binomial_interval(cases[i].hits, cases[i].trials, cases[i].confidence, &low, &high);
		assert_near(low, cases[i].low, 1e-9);
		assert_near(high, cases[i].high, 1e-9);
	}
}

/* The sum that the interval answers to: at its ends the tails have what is left over. */
static double tail(int hits, int trials, double share)
{
	double sum = 0;

	for (int k = hits; k <= trials; k++)
		sum += exp(lgamma(trials + 1) - lgamma(k + 1) - lgamma(trials - k + 1) + k * log(share) +
		           (trials - k) * log1p(-share));
	return sum;
}

static void test_ends_of_intervals(void **state)
{
	(void)state;
	for (int trials = 1; trials <= 40; trials++)
		for (int hits = 0; hits <= trials; hits++) {
			double low, high;

			cw_binomial_interval(hits, trials, 0.95, &low, &high);
			assert_true(low <= (double)hits / trials && (double)hits / trials <= high);
			if (hits)
				assert_near(tail(hits, trials, low), 0.025, 1e-9);
			if (hits < trials)
				assert_near(1 - tail(hits + 1, trials, high), 0.025, 1e-9);
		}
}

/* A fraction lies between its neighbours, and many trials are no harder than few. */
static void test_fractions_and_size(void **state)
{
	double low[3], high[3];

	(void)state;
	for (int i = 0; i < 3; i++)
		cw_binomial_interval(4 + i * 0.5, 9, 0.95, &low[i], &high[i]);
	assert_true(low[0] < low[1] && low[1] < low[2] && high[0] < high[1] && high[1] < high[2]);
	cw_binomial_interval(500000, CW_TRIALS_MAX, 0.95, &low[0], &high[0]);
	assert_near(low[0], 0.5 - 1.96 * 0.0005, 2e-6);
	assert_near(high[0], 0.5 + 1.96 * 0.0005, 2e-6);
	assert_near(cw_beta_share(1, 1, 0.3), 0.3, 1e-14);
	assert_near(cw_beta_share(2, 3, 0.4), 0.5248, 1e-12);
	assert_near(cw_beta_share(0.5, 0.5, 0.25), 1.0 / 3, 1e-12); /* the arcsine law */
}

static void test_chance_of_at_least(void **state)
{
	static const double same[] = { 0.3, 0.3, 0.3, 0.3, 0.3 };
	static const double mixed[] = { 0.1, 0.5, 0.9 };

	(void)state;
	assert_near(cw_chance_of_at_least(same, 5, 0), 1, 0);
	for (int least = 1; least <= 5; least++)
		assert_near(cw_chance_of_at_least(same, 5, (size_t)least), tail(least, 5, 0.3), 1e-12);
	assert_near(cw_chance_of_at_least(same, 5, 6), 0, 0);
	assert_near(cw_chance_of_at_least(mixed, 3, 1), 1 - 0.9 * 0.5 * 0.1, 1e-12);
	assert_near(cw_chance_of_at_least(mixed, 3, 3), 0.1 * 0.5 * 0.9, 1e-12);
	assert_near(cw_chance_of_at_least(mixed, 3, 2), 0.1 * 0.5 * 0.1 + 0.1 * 0.5 * 0.9 + 0.9 * 0.5 * 0.9 + 0.1 * 0.5 * 0.9, 1e-12);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_intervals),
		cmocka_unit_test(test_ends_of_intervals),
		cmocka_unit_test(test_fractions_and_size),
		cmocka_unit_test(test_chance_of_at_least),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
