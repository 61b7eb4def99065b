#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <councilwatch/limits.h>

#include "release.h"

/* Evidence given out in one call of end: some milliseconds' work. */
#define GIVEN_AT_ONCE 512u
/* Values that differ by less were printed alike. */
#define SAME 1e-9

/* The numbers of one piece of evidence. */
struct figures {
	uint64_t row;
	size_t council; /* into ids */
	size_t evidence; /* into held; of the newest period only */
	bool combined;  /* the row counts for several councils */
	double value[CW_MEASURES_MAX]; /* NAN: absent, or of too small a number */
};

struct period {
	char *text; /* owned; NULL = none yet */
	size_t n, cap;
	struct figures *at; /* owned */
};

/* Of one measure: where the worst begin. */
struct line {
	size_t councils;
	bool drawn;
	double value;
};

struct cw_release {
	const struct cw_feed *feed;
	const struct cw_feed_release *config;
	struct cw_normalise_sink sink;
	struct period newest, before;
	struct cw_buf held; /* evidence of the newest period, as it would be sent */
	struct cw_buf ids;  /* of councils, each ended by NUL, each once */
	bool drawn;         /* the lines are; rows come no more */
	struct line lines[CW_MEASURES_MAX];
	size_t next;
	struct cw_buf outlier, compared;
};

int cw_release_new(const struct cw_feed *feed, const struct cw_normalise_sink *sink, struct cw_release **ret)
{
	struct cw_release *release = calloc(1, sizeof(*release));

	if (!release)
		return -ENOMEM;
	release->feed = feed;
	release->config = feed->release;
	release->sink = *sink;
	cw_buf_init(&release->held, CW_RELEASE_BYTES);
	cw_buf_init(&release->ids, CW_RELEASE_BYTES);
	cw_buf_init(&release->outlier, CW_FIELD_MAX);
	cw_buf_init(&release->compared, CW_FIELD_MAX);
	*ret = release;
	return 0;
}

static void period_clear(struct period *period)
{
	free(period->text);
	free(period->at);
	*period = (struct period){ 0 };
}

void cw_release_free(struct cw_release *release)
{
	if (!release)
		return;
	period_clear(&release->newest);
	period_clear(&release->before);
	cw_buf_clear(&release->held);
	cw_buf_clear(&release->ids);
	cw_buf_clear(&release->outlier);
	cw_buf_clear(&release->compared);
	free(release);
}

/* Periods of one publisher sort as texts: "2023" and "2024", "2022-23" and "2023-24", "202223" and "202324". */
static int order(struct cw_str text, const char *than)
{
	size_t len = strlen(than);
	int r = memcmp(text.at, than, CW_MIN(text.len, len));

	return r ? r : (text.len > len) - (text.len < len);
}

static int begin_period(struct period *period, struct cw_str text)
{
	period_clear(period);
	period->text = strndup(text.at, text.len);
	return period->text ? 0 : -ENOMEM;
}

/* The place of this id in ids. */
static int id_of(struct cw_release *release, struct cw_str id, size_t *ret)
{
	const char *ids = cw_buf_str(&release->ids);

	for (size_t at = 0; at < release->ids.len; at += strlen(ids + at) + 1) {
		if (cw_str_eq(id, ids + at)) {
			*ret = at;
			return 0;
		}
	}
	*ret = release->ids.len;
	cw_buf_append(&release->ids, id.at, id.len);
	return cw_buf_putc(&release->ids, 0);
}

static int add_figures(struct cw_release *release, struct period *period, const struct cw_evidence *evidence,
                       const double *denominators, size_t held)
{
	struct figures *figures;
	int r;

	if (period->n == period->cap) {
		size_t cap = period->cap ? period->cap * 2 : 256;
		struct figures *at = reallocarray(period->at, cap, sizeof(*at));

		if (!at)
			return -ENOMEM;
		period->at = at;
		period->cap = cap;
	}
	figures = &period->at[period->n];
	*figures = (struct figures){ .row = evidence->row,
		                     .evidence = held,
		                     .combined = cw_evidence_value(evidence, CW_VAL_COMBINED_WITH).len > 0 };
	r = id_of(release, evidence->council_id, &figures->council);
	if (r < 0)
		return r;
	for (size_t i = 0; i < release->config->n_measures; i++) {
		const struct cw_measure *measure = &release->config->measures[i];
		struct cw_str text = cw_evidence_value(evidence, measure->value_id);
		bool large = !measure->denominator.n || denominators[i] >= measure->denominator_minimum;

		if (!text.len || !large || cw_parse_double(text, &figures->value[i]) < 0)
			figures->value[i] = NAN;
	}
	period->n++;
	return 0;
}

/* All that is held, without a word about how it compares. */
static int give_held(struct cw_release *release)
{
	struct cw_cursor cursor;
	int r = 0;

	cw_cursor_init(&cursor, release->held.data, release->held.len);
	while (r == 0 && cursor.left) {
		struct cw_evidence evidence;

		r = cw_evidence_get(&cursor, &evidence, NULL);
		if (r == 0 && release->sink.evidence)
			r = release->sink.evidence(release->sink.arg, &evidence);
	}
	cw_buf_reset(&release->held);
	return r;
}

/* The newest so far is not. */
static int make_newest(struct cw_release *release, struct cw_str text)
{
	int r = give_held(release);

	if (r < 0)
		return r;
	period_clear(&release->before);
	release->before = release->newest;
	release->newest = (struct period){ 0 };
	return begin_period(&release->newest, text);
}

static int hold(struct cw_release *release, const struct cw_evidence *evidence, const double *denominators)
{
	size_t at = release->held.len;
	int r;

	if (release->newest.n >= CW_RELEASE_ROWS) {
		r = -EMSGSIZE;
	} else {
		r = cw_evidence_put(&release->held, evidence);
		if (r == 0)
			r = add_figures(release, &release->newest, evidence, denominators, at);
	}
	if (r != -EMSGSIZE)
		return r;
	/* Whatever it is, it is no release of one row per council: as facts only. */
	release->held.len = at;
	release->held.failed = 0;
	r = give_held(release);
	release->newest.n = 0;
	if (r == 0 && release->sink.evidence)
		r = release->sink.evidence(release->sink.arg, evidence);
	return r < 0 ? r : 1;
}

int cw_release_take(struct cw_release *release, const struct cw_evidence *evidence, const double *denominators)
{
	struct cw_str period = cw_evidence_value(evidence, CW_VAL_PERIOD);
	int r = 0;

	if (period.len && (!release->newest.text || order(period, release->newest.text) > 0))
		r = make_newest(release, period);
	if (r < 0)
		return r;
	if (period.len && order(period, release->newest.text) == 0)
		return hold(release, evidence, denominators);
	if (period.len) {
		struct period *before = &release->before;

		if (!before->text || order(period, before->text) > 0)
			r = begin_period(before, period);
		if (r == 0 && order(period, before->text) == 0 && before->n < CW_RELEASE_ROWS)
			r = add_figures(release, before, evidence, denominators, 0);
		if (r < 0)
			return r;
	}
	return release->sink.evidence ? release->sink.evidence(release->sink.arg, evidence) : 0;
}

/* --- the comparison --- */

/* How much worse a is than b; negative when it is better. */
static double worse_by(const struct cw_measure *measure, double a, double b)
{
	return measure->worse == CW_WORSE_HIGHER ? a - b : b - a;
}

struct entry {
	size_t council;
	uint64_t row;
	double badness; /* larger is worse */
	bool combined;
};

static int by_council(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->council != y->council)
		return x->council < y->council ? -1 : 1;
	if (x->badness != y->badness)
		return x->badness < y->badness ? 1 : -1;
	return x->combined - y->combined;
}

static int by_row(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return (x->row > y->row) - (x->row < y->row);
}

static int by_badness(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return (x->badness < y->badness) - (x->badness > y->badness);
}

/*
 * A row for two councils is one in the cohort, a council with two rows counts once, with the worse of them. The line is drawn
 * so that no more than the tenth is on its far side: those who tie at the place where it would fall are all on the near side.
 */
static int draw_line(struct cw_release *release, size_t m, struct line *ret)
{
	const struct cw_measure *measure = &release->config->measures[m];
	struct entry *entries = calloc(release->newest.n + 1, sizeof(*entries));
	size_t n = 0, kept = 0, worst;

	*ret = (struct line){ 0 };
	if (!entries)
		return -ENOMEM;
	for (size_t i = 0; i < release->newest.n; i++) {
		const struct figures *figures = &release->newest.at[i];

		if (!isnan(figures->value[m]))
			entries[n++] = (struct entry){ figures->council, figures->row,
				                       worse_by(measure, figures->value[m], 0), figures->combined };
	}
	qsort(entries, n, sizeof(*entries), by_council);
	for (size_t i = 0; i < n; i++)
		if (!kept || entries[kept - 1].council != entries[i].council)
			entries[kept++] = entries[i];
	n = kept;
	qsort(entries, n, sizeof(*entries), by_row);
	for (size_t i = kept = 0; i < n; i++)
		if (!kept || entries[kept - 1].row != entries[i].row)
			entries[kept++] = entries[i];
	n = kept;
	qsort(entries, n, sizeof(*entries), by_badness);

	ret->councils = n;
	worst = (size_t)((double)n * release->config->decile / 100);
	while (worst && worst < n && entries[worst - 1].badness - entries[worst].badness < SAME)
		worst--;
	if (worst && n >= release->config->minimum) {
		ret->drawn = true;
		ret->value = worse_by(measure, entries[worst - 1].badness, 0); /* the sign goes back as it came */
	}
	free(entries);
	return 0;
}

/* The council's figure in the period before: of several the worse, so that doubt raises no alarm. NAN: none. */
static double figure_before(const struct cw_release *release, const struct figures *now, size_t m)
{
	const struct cw_measure *measure = &release->config->measures[m];
	double ret = NAN;

	for (size_t i = 0; i < release->before.n; i++) {
		const struct figures *figures = &release->before.at[i];

		/* A figure of two councils and one of a council alone are not of the same thing. */
		if (figures->council != now->council || figures->combined != now->combined || isnan(figures->value[m]))
			continue;
		if (isnan(ret) || worse_by(measure, figures->value[m], ret) > 0)
			ret = figures->value[m];
	}
	return ret;
}

static const char *figure_text(double value, char buf[CW_NUMBER_TEXT])
{
	char printed[64];

	snprintf(printed, sizeof(printed), "%.9f", value);
	if (cw_parse_figure(cw_str(printed), false, 1, buf) < 0)
		snprintf(buf, CW_NUMBER_TEXT, "%g", value);
	return buf;
}

/* "agency_rate" as a person reads it. */
static void put_spaced(struct cw_buf *out, const char *name)
{
	for (; *name; name++)
		cw_buf_putc(out, *name == '_' ? ' ' : *name);
}

static void compare(struct cw_release *release, const struct figures *figures, size_t m)
{
	const struct cw_feed_release *config = release->config;
	const struct cw_measure *measure = &config->measures[m];
	const struct line *line = &release->lines[m];
	const char *name = cw_value_def(measure->value_id)->name;
	struct cw_buf *out = &release->compared;
	double value = figures->value[m], before;
	char a[CW_NUMBER_TEXT], b[CW_NUMBER_TEXT];
	bool worst, worse;

	if (isnan(value))
		return;
	before = figure_before(release, figures, m);
	worst = line->drawn && worse_by(measure, value, line->value) > -SAME;
	worse = measure->points > 0 && !isnan(before) && worse_by(measure, value, before) > measure->points - SAME;
	if (!worst && !worse)
		return;
	if (out->len)
		cw_buf_puts(out, "; ");
	put_spaced(out, name);
	cw_buf_printf(out, " %s in %s", figure_text(value, a), release->newest.text);
	if (worst) {
		cw_buf_printf(&release->outlier, "%s%s worst_decile", release->outlier.len ? "; " : "", name);
		cw_buf_printf(out, ", where the worst %s%% of %zu councils begin at %s", figure_text(config->decile, a),
		              line->councils, figure_text(line->value, b));
	}
	if (worse) {
		cw_buf_printf(&release->outlier, "%s%s worse_by_%s_points", release->outlier.len ? "; " : "", name,
		              figure_text(measure->points, a));
		cw_buf_printf(out, ", %sworse by %s than the %s of %s", worst ? "and " : "",
		              figure_text(worse_by(measure, value, before), a), figure_text(before, b), release->before.text);
	}
}

static int give(struct cw_release *release, const struct figures *figures)
{
	struct cw_evidence evidence;
	struct cw_cursor cursor;
	int r;

	cw_cursor_init(&cursor, release->held.data + figures->evidence, release->held.len - figures->evidence);
	r = cw_evidence_get(&cursor, &evidence, NULL);
	if (r < 0)
		return r;
	cw_buf_reset(&release->outlier);
	cw_buf_reset(&release->compared);
	for (size_t m = 0; m < release->config->n_measures; m++)
		compare(release, figures, m);
	if (release->outlier.failed || release->compared.failed)
		return -ENOMEM;
	if (release->outlier.len) {
		r = cw_evidence_set(&evidence, CW_VAL_OUTLIER,
		                    (struct cw_str){ cw_buf_str(&release->outlier), release->outlier.len });
		if (r == 0)
			r = cw_evidence_set(&evidence, CW_VAL_COMPARED,
			                    (struct cw_str){ cw_buf_str(&release->compared), release->compared.len });
		if (r < 0)
			return r;
	}
	return release->sink.evidence ? release->sink.evidence(release->sink.arg, &evidence) : 0;
}

int cw_release_end(struct cw_release *release, bool whole)
{
	int r = 0;

	if (!whole) {
		release->newest.n = 0;
		return give_held(release);
	}
	for (size_t m = 0; !release->drawn && m < release->config->n_measures && r == 0; m++)
		r = draw_line(release, m, &release->lines[m]);
	release->drawn = true;
	for (size_t i = 0; i < GIVEN_AT_ONCE && r == 0 && release->next < release->newest.n; i++)
		r = give(release, &release->newest.at[release->next++]);
	return r < 0 ? r : release->next < release->newest.n;
}
