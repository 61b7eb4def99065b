#include <float.h>
#include <math.h>

#include <councilwatch/statistics.h>

/* The continued fraction of the incomplete beta function, by Lentz's method (DLMF 8.17.22). It converges fast for x below
 * (a + 1) / (a + b + 2). */
static double beta_fraction(double a, double b, double x)
{
	const double tiny = DBL_MIN / DBL_EPSILON;
	double c = 1, d = 1 - (a + b) * x / (a + 1), value;

	d = 1 / (fabs(d) < tiny ? tiny : d);
	value = d;
	for (int m = 1; m < 100000; m++) {
		const double terms[2] = { m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
			                  -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)) };
		double step = 1;

		for (int i = 0; i < 2; i++) {
			d = 1 + terms[i] * d;
			d = 1 / (fabs(d) < tiny ? tiny : d);
			c = 1 + terms[i] / c;
			c = fabs(c) < tiny ? tiny : c;
			step = c * d;
			value *= step;
		}
		if (fabs(step - 1) < 1e-15)
			break;
	}
	return value;
}

double cw_beta_share(double a, double b, double x)
{
	double front;

	if (x <= 0)
		return 0;
	if (x >= 1)
		return 1;
	front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x));
	if (x < (a + 1) / (a + b + 2))
		return front * beta_fraction(a, b, x) / a;
	return 1 - front * beta_fraction(b, a, 1 - x) / b;
}

/* Where the share under x reaches what is wanted. Halving cannot fail, and is done when no number lies between. */
static double beta_quantile(double a, double b, double wanted)
{
	double low = 0, high = 1;

	for (;;) {
		double middle = low + (high - low) / 2;

		if (middle <= low || middle >= high)
			return middle;
		if (cw_beta_share(a, b, middle) < wanted)
			low = middle;
		else
			high = middle;
	}
}

void cw_binomial_interval(double hits, double trials, double confidence, double *ret_low, double *ret_high)
{
	double tail = (1 - confidence) / 2;

	*ret_low = hits <= 0 || trials <= 0 ? 0 : beta_quantile(hits, trials - hits + 1, tail);
	*ret_high = hits >= trials || trials <= 0 ? 1 : beta_quantile(hits + 1, trials - hits, 1 - tail);
}

double cw_chance_of_at_least(const double *chances, size_t n, size_t least)
{
	/* at[k]: the chance that k of those looked at have happened; the last one is that of least or more. */
	double *at, result;

	if (least == 0)
		return 1;
	if (least > n)
		return 0;
	at = calloc(least + 1, sizeof(*at));
	if (!at)
		return -1;
	at[0] = 1;
	for (size_t i = 0; i < n; i++) {
		at[least] += at[least - 1] * chances[i];
		for (size_t k = least - 1; k > 0; k--)
			at[k] = at[k] * (1 - chances[i]) + at[k - 1] * chances[i];
		at[0] *= 1 - chances[i];
	}
	result = at[least];
	free(at);
	return result;
}
