/*
 * A backtest for people to read, and its months for a spreadsheet.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <councilwatch/limits.h>
#include <councilwatch/render.h>
#include <councilwatch/statistics.h>

#include "backtest.h"
#include "output.h"

#define CONFIDENCE 0.95

static const char *const label_words[BT_LABEL_COUNT] = {
	"a full inspection finds the council newly inadequate",
	"a full inspection finds a lower grade than the one before",
	"an area SEND inspection finds widespread or systemic failings (outcome 3)",
	"a new improvement notice or direction of the Department for Education",
};
static const char *const deadline_words[BT_DEADLINE_COUNT] = { "the visit began", "publication", "90 days before it",
	                                                       "180 days before it", "365 days before it" };
static const char *const volume_words[BT_VOLUME_COUNT] = { "Lists as long as the model's",
	                                                   "Lists as long as that of grade alone" };

/* "7", or "3.4" where ties are broken by lot. */
static void print_count(double count, char *text, size_t size)
{
	if (fabs(count - round(count)) < 1e-6)
		snprintf(text, size, "%.0f", count);
	else
		snprintf(text, size, "%.1f", count);
}

/* "7/9 78% (40-97)": the numerator, the denominator, and the exact 95 % interval. */
static void print_share(double hits, double of, bool interval, char *text, size_t size)
{
	char numerator[32], denominator[32];
	double low, high;

	print_count(hits, numerator, sizeof(numerator));
	print_count(of, denominator, sizeof(denominator));
	if (of <= 0) {
		snprintf(text, size, "%s/%s", numerator, denominator);
		return;
	}
	cw_binomial_interval(hits, of, CONFIDENCE, &low, &high);
	if (interval)
		snprintf(text, size, "%s/%s %.0f%% (%.0f-%.0f)", numerator, denominator, 100 * hits / of, 100 * low, 100 * high);
	else
		snprintf(text, size, "%s/%s %.1f%%", numerator, denominator, 100 * hits / of);
}

static void add_share(struct cw_table *table, double hits, double of, bool interval)
{
	char text[96];

	print_share(hits, of, interval, text, sizeof(text));
	cw_table_add(table, text);
}

static int end_table(const struct backtest *bt, struct cw_table *table)
{
	int r = cw_table_print(table, 2, bt->cli->colour, stdout);

	cw_table_clear(table);
	putchar('\n');
	return r;
}

int bt_print_header(const struct backtest *bt, const struct bt_volume_report *volume)
{
	char from[CW_WALL_TEXT], last[CW_WALL_TEXT], to[CW_WALL_TEXT];

	printf("%zu months, the first day of each from %s to %s; what came of it is known until %s.\n", bt->n_months,
	       cw_day_format(bt->grid[0], from), cw_day_format(bt->grid[bt->n_months - 1], last), cw_day_format(bt->to, to));
	if (bt->without)
		printf("Without what %s says; what came of it is read with all sources.\n", bt->without);
	printf("Council-months: %u; known %.1f%%, stale %.1f%%, inherited %.1f%%, unknown %.1f%%.\n\n", volume->months,
	       100.0 * volume->knowledge[CW_KNOWN] / volume->months, 100.0 * volume->knowledge[CW_STALE] / volume->months,
	       100.0 * volume->knowledge[CW_INHERITED] / volume->months, 100.0 * volume->knowledge[CW_UNKNOWN] / volume->months);
	return 0;
}

int bt_print_labels(const struct backtest *bt, const struct bt_labels *labels)
{
	size_t counts[BT_POSITIVE + 1] = { 0 }, positives = 0;

	for (size_t i = 0; i < bt->n_months * bt->n_councils; i++)
		counts[labels->outcomes[i]]++;
	for (size_t i = 0; i < labels->n_events; i++)
		positives += labels->events[i].positive;
	printf("To be foretold (%s): %s, published within %d months.\n", bt_label_name(labels->label), label_words[labels->label],
	       bt->window_months);
	if (labels->untold) {
		puts("  Nothing of the kind is stored, of any council: what came of it is not known, and nothing can be said.\n");
		return 0;
	}
	printf("  council-months that can be on a list: %zu, of which %zu positive, %zu negative, %zu unlabelled (nobody looked, or\n"
	       "  the window reaches beyond what is known); not: %zu already so, %zu of which nothing is known before\n",
	       counts[BT_POSITIVE] + counts[BT_NEGATIVE] + counts[BT_UNLABELLED], counts[BT_POSITIVE], counts[BT_NEGATIVE],
	       counts[BT_UNLABELLED], counts[BT_ALREADY], counts[BT_UNKNOWN]);
	if (labels->label == BT_INTERVENTION)
		printf("  notices and directions: %zu\n\n", positives);
	else
		printf("  inspections: %zu, of which %zu positive; left out: %zu of councils already so, %zu with nothing known before, %zu\n"
		       "  without a headline\n\n",
		       labels->n_events, positives, labels->already, labels->unknown, labels->without_headline);
	return 0;
}

static const struct cw_column method_columns[] = { { "BEFORE", false }, { "", false }, { "MODEL", false },
	                                           { "GRADE (B0)", false }, { "WAITING (B1)", false }, { "BY LOT (B2)", false } };

static int print_events(const struct backtest *bt, const struct bt_measure *measure, int volume)
{
	const struct bt_result *results = measure->all.results[volume];
	struct cw_table table;

	cw_table_init(&table, method_columns, CW_ARRAY_LEN(method_columns));
	for (int d = 0; d < BT_DEADLINE_COUNT; d++) {
		if (results[BT_MODEL].events[d].pool <= 0)
			continue;
		cw_table_add(&table, deadline_words[d]);
		cw_table_add(&table, "found");
		for (int k = 0; k < BT_METHOD_COUNT; k++)
			add_share(&table, results[k].events[d].hits, results[k].events[d].positives, true);
		cw_table_add(&table, "");
		cw_table_add(&table, "right");
		for (int k = 0; k < BT_METHOD_COUNT; k++)
			add_share(&table, results[k].events[d].hits, results[k].events[d].flagged, true);
	}
	return end_table(bt, &table);
}

/* Months of one council follow each other closely: intervals as if they were independent would be far too narrow. */
static int print_months(const struct backtest *bt, const struct bt_measure *measure, int volume)
{
	const struct bt_result *results = measure->all.results[volume];
	struct cw_table table;

	cw_table_init(&table, method_columns + 1, CW_ARRAY_LEN(method_columns) - 1);
	cw_table_add(&table, "found");
	for (int k = 0; k < BT_METHOD_COUNT; k++)
		add_share(&table, results[k].months.hits, results[k].months.positives, false);
	cw_table_add(&table, "right, of those labelled");
	for (int k = 0; k < BT_METHOD_COUNT; k++)
		add_share(&table, results[k].months.hits, results[k].months.hits + results[k].months.false_alarms, false);
	cw_table_add(&table, "right, unlabelled as negative");
	for (int k = 0; k < BT_METHOD_COUNT; k++)
		add_share(&table, results[k].months.hits, results[k].months.flagged, false);
	return end_table(bt, &table);
}

static void print_lead(const char *who, const struct bt_lead *lead)
{
	if (!lead->n) {
		printf("  %s: none of %zu\n", who, lead->of);
		return;
	}
	printf("  %s: %zu of %zu, a median of %d days before publication (%d to %d)", who, lead->n, lead->of, lead->median,
	       lead->least, lead->most);
	if (lead->n_visit)
		printf(", %d before the visit began (of %zu)", lead->median_visit, lead->n_visit);
	putchar('\n');
}

static int print_groups(const struct backtest *bt, const struct bt_measure *measure)
{
	static const struct cw_column columns[] = { { "GROUP", false },   { "COUNCILS", true }, { "MONTHS FLAGGED", false },
		                                    { "FOUND", false },   { "RIGHT", false },   { "FLAGGED OF THE REST", false } };
	struct cw_table table;

	if (!measure->n_groups)
		return 0;
	puts("By group: the model's list; found, right and the rest are inspections, before the visit began");
	cw_table_init(&table, columns, CW_ARRAY_LEN(columns));
	for (size_t g = 0; g < measure->n_groups; g++) {
		const struct bt_result *result = &measure->groups[g].results[BT_AS_MODEL][BT_MODEL];
		const struct bt_tally *visit = &result->events[BT_VISIT];

		cw_table_add(&table, measure->groups[g].name);
		cw_table_addf(&table, "%zu", measure->groups[g].councils);
		add_share(&table, result->months.flagged, result->months.pool, false);
		add_share(&table, visit->hits, visit->positives, true);
		add_share(&table, visit->hits, visit->flagged, true);
		add_share(&table, visit->false_alarms, visit->negatives, true);
	}
	return end_table(bt, &table);
}

/* What the model adds to the grade: among councils of one grade, is it more often a flag before a positive inspection than before
 * another one? */
static int print_same_grade(const struct backtest *bt, const struct bt_measure *measure)
{
	static const struct cw_column columns[] = { { "LAST GRADE", false }, { "FLAGGED OF THE POSITIVE", false }, { "FLAGGED OF THE REST", false } };
	static const char *const grades[] = { "good or better", "requires improvement" };
	struct cw_table table;

	if (measure->label == BT_SEND || measure->label == BT_INTERVENTION)
		return 0;
	puts("Inspections of councils with the same last grade, before the visit began");
	cw_table_init(&table, columns, CW_ARRAY_LEN(columns));
	for (size_t g = 0; g < CW_ARRAY_LEN(grades); g++) {
		const struct bt_tally *same = &measure->same_grade[g];

		cw_table_add(&table, grades[g]);
		add_share(&table, same->hits, same->positives, true);
		add_share(&table, same->false_alarms, same->negatives, true);
	}
	return end_table(bt, &table);
}

int bt_print_measure(const struct backtest *bt, const struct bt_measure *measure)
{
	int r = 0;

	if (measure->all.results[BT_AS_MODEL][BT_MODEL].months.pool <= 0)
		return 0;
	printf("Flagged at %s or more: a mean of %.1f councils a month that can be on a list\n\n", cw_level_name(measure->level),
	       measure->mean_list);
	for (int v = 0; v < BT_VOLUME_COUNT && r == 0; v++) {
		printf("%s: inspections (found: of the positive ones, on the list; right: of those on the list, positive)\n",
		       volume_words[v]);
		r = print_events(bt, measure, v);
		if (r == 0) {
			printf("%s: council-months\n", volume_words[v]);
			r = print_months(bt, measure, v);
		}
	}
	printf("Before the visit began a list as long as the model's, made by lot, finds as many with a chance of %.2g; on the\n"
	       "model's list and the grade's are %.1f, on the model's alone %.1f, on the grade's alone %.1f, on neither %.1f.\n\n",
	       measure->chance[BT_VISIT], measure->both, measure->model_only, measure->grade_only, measure->neither);
	if (r == 0)
		r = print_same_grade(bt, measure);
	puts("Flagged without a break until the day before publication:");
	print_lead("model", &measure->lead);
	print_lead("grade", &measure->lead_grade);
	putchar('\n');
	return r < 0 ? r : print_groups(bt, measure);
}

static const char *found(enum bt_label label, int severity)
{
	static const char *const outcomes[] = { "", "outcome 1", "outcome 2", "outcome 3" };

	if (label != BT_SEND)
		return severity ? cw_grade_name((enum cw_grade)severity) : "";
	return severity > 0 && severity <= 3 ? outcomes[severity] : "";
}

/* The councils behind the numbers: every positive, and every other inspection before whose visit there was a flag. */
int bt_print_events(const struct backtest *bt, const struct bt_labels *labels)
{
	static const struct cw_column columns[] = { { "PUBLISHED", false },  { "VISIT", false }, { "COUNCIL", false },
		                                    { "BEFORE", false },     { "FOUND", false }, { "POSITIVE", false },
		                                    { "AT THE VISIT", false }, { "AT PUBLICATION", false }, { "WATCH OR MORE SINCE", false },
		                                    { "PRIORITY OR MORE SINCE", false } };
	char day[CW_WALL_TEXT];
	struct cw_table table;

	cw_table_init(&table, columns, CW_ARRAY_LEN(columns));
	for (size_t e = 0; e < labels->n_events; e++) {
		const struct bt_event *event = &labels->events[e];
		int32_t before = event->published - 1;
		int32_t start = event->visit != CW_DAY_NONE ? event->visit - 1 : CW_DAY_NONE;

		if (!event->positive && bt_level_on(event->council, start != CW_DAY_NONE ? start : before) == CW_LEVEL_ROUTINE)
			continue;
		cw_table_add(&table, cw_day_format(event->published, day));
		cw_table_add(&table, cw_day_format(event->visit, day));
		cw_table_add(&table, event->council->council->short_name);
		cw_table_add(&table, found(labels->label, event->before));
		cw_table_add(&table, found(labels->label, event->after));
		cw_table_add(&table, event->positive ? "yes" : "");
		cw_table_add(&table, start != CW_DAY_NONE ? cw_level_name(bt_level_on(event->council, start)) : "");
		cw_table_add(&table, cw_level_name(bt_level_on(event->council, before)));
		cw_table_add(&table, cw_day_format(bt_since(event->council, before, CW_LEVEL_WATCH), day));
		cw_table_add(&table, cw_day_format(bt_since(event->council, before, CW_LEVEL_PRIORITY), day));
	}
	puts("Positive inspections, and others before which the council was flagged");
	return end_table(bt, &table);
}

/* "ilacs_ri 12, exceptional_financial_support 9": what the rises of a week were about. */
static void print_causes(const struct backtest *bt, const struct bt_week *week)
{
	const char *signals[32];
	unsigned counts[32], n = 0;

	for (size_t i = 0; i < bt->n_alerts; i++) {
		const struct bt_alert *alert = &bt->alerts[i];
		int32_t day = cw_wall_day(alert->at);
		const char *signal = alert->signal ? alert->signal : "time";
		unsigned k = 0;

		if (alert->kind != CW_ALERT_LEVEL_UP || day < week->monday || day >= week->monday + 7)
			continue;
		while (k < n && strcmp(signals[k], signal) != 0)
			k++;
		if (k == CW_ARRAY_LEN(signals))
			continue;
		if (k == n) {
			signals[n] = signal;
			counts[n++] = 0;
		}
		counts[k]++;
	}
	for (unsigned k = 0; k < n; k++)
		printf("%s%s %u", k ? ", " : "", signals[k], counts[k]);
	putchar('\n');
}

static void add_year(struct cw_table *table, const struct bt_year *year)
{
	char day[CW_WALL_TEXT];

	cw_table_addf(table, "%d", year->year);
	cw_table_addf(table, "%.1f", year->weeks);
	cw_table_addf(table, "%u", year->rises);
	cw_table_addf(table, "%.2f", year->rises / year->weeks);
	cw_table_addf(table, year->most.rises ? "%u (%s)" : "%u", year->most.rises, cw_day_format(year->most.monday, day));
	cw_table_addf(table, "%u", year->rises_digest);
	cw_table_addf(table, "%.2f", year->all / year->weeks);
	cw_table_addf(table, "%.2f", (year->all + year->all_digest) / year->weeks);
	cw_table_addf(table, "%.1f%% (%.1f%%)", 100 * year->share_top, 100 * year->share_top_most);
}

int bt_print_volume(const struct backtest *bt, const struct bt_volume_report *volume)
{
	static const struct cw_column columns[] = { { "YEAR", false }, { "WEEKS", true }, { "LEVEL_UP", true }, { "A WEEK", true },
		                                    { "MOST (WEEK OF)", false }, { "IN DIGESTS", true }, { "ALL KINDS A WEEK", true },
		                                    { "WITH DIGESTS", true }, { "PRIORITY OR MORE (MOST)", false } };
	char day[CW_WALL_TEXT];
	struct cw_table table;
	int r;

	puts("Alerts, as to somebody who read everything on the day on which it began to speak");
	cw_table_init(&table, columns, CW_ARRAY_LEN(columns));
	for (size_t i = 0; i < volume->n_years; i++)
		add_year(&table, &volume->years[i]);
	r = end_table(bt, &table);
	printf("level_up told at once: %u in %.1f weeks, %.2f a week; %u of %zu weeks had more than %d. In digests %u more. All kinds: %.2f\n"
	       "a week told at once, %.2f with digests.\n",
	       volume->rises, volume->weeks, volume->rises / volume->weeks, volume->weeks_over, volume->n_weeks, BT_VOLUME_RISES,
	       volume->rises_digest, volume->all / volume->weeks, (volume->all + volume->all_digest) / volume->weeks);
	printf("At priority or intensive were at most %.1f%% of the councils (%s).\n", 100 * volume->share_top_most,
	       cw_day_format(volume->share_top_day, day));
	for (size_t i = 0; i < volume->n_peaks; i++) {
		printf("  week of %s: %u level_up told at once, %u in digests: ", cw_day_format(volume->peaks[i].monday, day),
		       volume->peaks[i].rises, volume->peaks[i].rises_digest);
		print_causes(bt, &volume->peaks[i]);
	}
	putchar('\n');
	return r;
}

int bt_print_stability(const struct backtest *bt, const struct bt_stability *s)
{
	printf("Without %s: %u of %u council-months are at another level (%u higher, %u lower), in %u councils; on the last day %u.\n",
	       bt->without, s->changed, s->months, s->up, s->down, s->councils_changed, s->last_changed);
	for (int a = 0; a < CW_LEVEL_COUNT; a++)
		for (int b = 0; b < CW_LEVEL_COUNT; b++)
			if (a != b && s->moves[a][b])
				printf("  %s to %s: %u\n", cw_level_name((enum cw_level)a), cw_level_name((enum cw_level)b),
				       s->moves[a][b]);
	putchar('\n');
	return 0;
}

void bt_print_csv_head(void)
{
	fputs("label,month,council_id,region,type,level,points,knowledge,adverse_grade,last_judged,outcome\r\n", stdout);
}

/* Every council and month: what could be known, and what came of it. All numbers above can be made from these rows. */
int bt_print_csv(const struct backtest *bt, const struct bt_labels *labels)
{
	static const char *const outcomes[] = { "absent", "already", "unknown", "unlabelled", "negative", "positive" };
	char month_day[CW_WALL_TEXT], judged[CW_WALL_TEXT];
	struct cw_buf line;
	int r = 0;

	cw_buf_init(&line, CW_ROW_MAX);
	for (size_t m = 0; m < bt->n_months; m++) {
		for (size_t c = 0; c < bt->n_councils && r == 0; c++) {
			const struct bt_month *month = &bt->councils[c].months[m];
			const struct cw_council *council = bt->councils[c].council;

			if (!month->exists)
				continue;
			cw_buf_reset(&line);
			cw_csv_field(&line, true, bt_label_name(labels->label));
			cw_csv_field(&line, false, cw_day_format(bt->grid[m], month_day));
			cw_csv_field(&line, false, council->id);
			cw_csv_field(&line, false, council->region);
			cw_csv_field(&line, false, council->type);
			cw_csv_field(&line, false, cw_level_name(month->level));
			/* As they are, not as they are shown: lists are made by them. */
			cw_buf_printf(&line, ",%.9g", month->points);
			cw_csv_field(&line, false, cw_knowledge_name(month->knowledge));
			cw_csv_field(&line, false, month->adverse ? "yes" : "no");
			cw_csv_field(&line, false, cw_day_format(month->judged_day, judged));
			cw_csv_field(&line, false, outcomes[labels->outcomes[m * bt->n_councils + c]]);
			r = cw_buf_puts(&line, "\r\n");
			fputs(cw_buf_str(&line), stdout);
		}
	}
	cw_buf_clear(&line);
	return r;
}
