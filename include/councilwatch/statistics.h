/*
 * statistics.h: exact intervals and chances for small numbers.
 *
 * Nothing here assumes that many were counted: no normal approximation, no random numbers. Results are good to about nine
 * digits for counts up to CW_TRIALS_MAX.
 */
#ifndef COUNCILWATCH_STATISTICS_H
#define COUNCILWATCH_STATISTICS_H

#include <councilwatch/base.h>

#define CW_TRIALS_MAX 1000000

/* The share of Beta(a, b) that lies under x: 0 for x <= 0, 1 for x >= 1. a and b are over 0. */
double cw_beta_share(double a, double b, double x);

/*
 * Clopper and Pearson's interval for a share of which hits were seen in trials: with at least this confidence (0.95, say) it holds
 * the true share, whatever that is. Counts may be fractions (an expectation over ties), then the same beta quantiles are
 * taken, which lie between those of the whole numbers on both sides. Without trials it is everything, 0 to 1.
 */
void cw_binomial_interval(double hits, double trials, double confidence, double *ret_low, double *ret_high);

/* The chance that of independent events with these chances at least so many happen, exactly. -1 when memory runs out. */
double cw_chance_of_at_least(const double *chances, size_t n, size_t least);

#endif
