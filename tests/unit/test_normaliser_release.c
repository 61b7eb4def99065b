/* Figures compared across councils: the same whatever the order of the rows, and bounded whatever the document. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <councilwatch/limits.h>

#include "normaliser_support.h"

#define FEED                                                                                                           \
	"feed \"test\" { publisher = x tier = A format = csv kind = workforce\n"                                       \
	" record { council = { code, name } event_date = year date_format = \"%Y@09-30\" period = year key = { year, line }\n" \
	"  agency_rate = agency turnover_rate = turnover absent = z }\n"                                               \
	" release { minimum = 20\n"                                                                                    \
	"  measure \"agency_rate\" { worse = higher denominator = staff denominator_minimum = 20 }\n"                  \
	"  measure \"turnover_rate\" { worse = lower points = 0 } } }\n"
#define HEADINGS "year,code,name,staff,agency,turnover,line\n"

static const int codes[] = { 370, 371, 372, 373, 380, 381, 382, 383, 384, 390, 391, 392, 393, 394, 301, 302, 303, 304,
	                     305, 306, 307, 308, 309, 310, 311, 312, 313, 315, 316, 317, 319, 320 };

struct given {
	size_t n, at_end;
	char *lines[1024];
	size_t count;
	bool ending;
};

static int take(void *arg, const struct cw_evidence *evidence)
{
	struct given *given = arg;
	struct cw_str outlier = cw_evidence_value(evidence, CW_VAL_OUTLIER),
		      compared = cw_evidence_value(evidence, CW_VAL_COMPARED),
		      period = cw_evidence_value(evidence, CW_VAL_PERIOD);

	given->count++;
	given->at_end += given->ending;
	if (given->n < CW_ARRAY_LEN(given->lines))
		assert_true(asprintf(&given->lines[given->n++], "%.*s %.*s %.*s | %.*s | %.*s", (int)evidence->council_id.len,
		                     evidence->council_id.at, (int)period.len, period.at, (int)evidence->key.len,
		                     evidence->key.at, (int)outlier.len, outlier.at, (int)compared.len, compared.at) > 0);
	return 0;
}

static int compare_lines(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void clear(struct given *given)
{
	for (size_t i = 0; i < given->n; i++)
		free(given->lines[i]);
	*given = (struct given){ 0 };
}

static void run(const struct cw_config *config, const struct cw_buf *document, struct given *given,
                struct cw_document_tally *tally, size_t *calls)
{
	const struct cw_normalise_sink sink = { take, NULL, given };
	struct cw_document_info info = { .feed = cw_str("test"), .url = cw_str(""), .content_type = cw_str(""),
		                         .fetched_at = cw_wall_none() };
	struct cw_normaliser *normaliser;
	int r;

	assert_int_equal(cw_normaliser_new(config, &config->feeds[0], &info, &sink, &normaliser, NULL), 0);
	assert_true(cw_normaliser_feed(normaliser, cw_buf_str(document), document->len, NULL) >= 0);
	given->ending = true;
	*calls = 0;
	do {
		r = cw_normaliser_end(normaliser, tally, NULL);
		++*calls;
	} while (r > 0);
	assert_int_equal(r, 0);
	tally->detail = cw_str("");
	cw_normaliser_free(normaliser);
	qsort(given->lines, given->n, sizeof(*given->lines), compare_lines);
}

static void put(struct cw_buf *out, char *const *rows, size_t n)
{
	cw_buf_reset(out);
	cw_buf_puts(out, HEADINGS);
	for (size_t i = 0; i < n; i++)
		cw_buf_printf(out, "%s\n", rows[i]);
}

static void test_order(void **state)
{
	struct cw_config *config = support_config_feeds(FEED);
	struct given first = { 0 }, again = { 0 };
	struct cw_document_tally tally;
	char *rows[1024];
	size_t n = 0, calls, outliers = 0;
	struct cw_buf document;

	(void)state;
	srand(7);
	for (int year = 2019; year <= 2024; year++)
		for (size_t i = 0; i < CW_ARRAY_LEN(codes); i++)
			assert_true(asprintf(&rows[n++], "%d,%d,,%d,%d.%d,%d,", year, codes[i], rand() % 60 + 5, rand() % 30,
			                     rand() % 10, rand() % 8) > 0);
	/* Rows for two councils, and two rows for one council: those count once. */
	rows[n++] = strdup("2024,E09000021 / E09000027,,300,99,1,");
	rows[n++] = strdup("2024,314,Kingston upon Thames,300,99,1,second");
	rows[n++] = strdup("2023,E09000021 / E09000027,,300,1,1,");
	rows[n++] = strdup("2024,370,,300,98,0,second");
	rows[n++] = strdup("2023,370,,300,97,0,second");
	rows[n++] = strdup("2023,370,,300,12,0,third");
	cw_buf_init(&document, 1 << 20);
	put(&document, rows, n);
	run(config, &document, &first, &tally, &calls);
	assert_int_equal(tally.outcome, CW_REASON_NONE);
	assert_int_equal(first.n, n + 2);
	for (size_t i = 0; i < first.n; i++)
		outliers += strstr(first.lines[i], "worst_decile") || strstr(first.lines[i], "worse_by");
	assert_true(outliers > 5 && outliers < 25);
	for (size_t round = 0; round < 200; round++) {
		if (round == 0) /* newest first, as DfE has it */
			for (size_t i = 0; i < n / 2; i++) {
				char *row = rows[i];

				rows[i] = rows[n - 1 - i];
				rows[n - 1 - i] = row;
			}
		for (size_t i = n - 1; round && i > 0; i--) {
			size_t k = (size_t)rand() % (i + 1);
			char *row = rows[i];

			rows[i] = rows[k];
			rows[k] = row;
		}
		put(&document, rows, n);
		run(config, &document, &again, &tally, &calls);
		assert_int_equal(again.n, first.n);
		for (size_t i = 0; i < first.n; i++)
			assert_string_equal(again.lines[i], first.lines[i]);
		clear(&again);
	}
	clear(&first);
	while (n)
		free(rows[--n]);
	cw_buf_clear(&document);
	cw_config_free(config);
}

/* One period of more rows than any release has. */
static void test_too_many(void **state)
{
	struct cw_config *config = support_config_feeds(FEED);
	struct given given = { 0 };
	struct cw_document_tally tally;
	struct cw_buf document;
	size_t calls;

	(void)state;
	cw_buf_init(&document, 8 << 20);
	cw_buf_puts(&document, HEADINGS);
	for (size_t i = 0; i < CW_RELEASE_ROWS; i++)
		cw_buf_printf(&document, "2024,%d,,300,%zu,1,%zu\n", codes[i % CW_ARRAY_LEN(codes)], i % 97, i);
	run(config, &document, &given, &tally, &calls);
	assert_int_equal(tally.outcome, CW_REASON_NONE);
	assert_int_equal(given.count, CW_RELEASE_ROWS);
	assert_true(calls > 10); /* a bounded number at a time */
	clear(&given);

	cw_buf_puts(&document, "2024,370,,300,1,1,x\n");
	run(config, &document, &given, &tally, &calls);
	assert_int_equal(tally.outcome, CW_REASON_TOO_LARGE);
	assert_int_equal(given.count, CW_RELEASE_ROWS + 1);
	assert_int_equal(tally.evidence, given.count);
	for (size_t i = 0; i < given.n; i++)
		assert_non_null(strstr(given.lines[i], "|  | "));
	clear(&given);
	cw_buf_clear(&document);
	cw_config_free(config);
}

/* Of any number of periods, all but the newest go straight through. */
static void test_stream(void **state)
{
	struct cw_config *config = support_config_feeds(FEED);
	struct given given = { 0 };
	struct cw_document_tally tally;
	struct cw_buf document;
	size_t calls;

	(void)state;
	cw_buf_init(&document, 8 << 20);
	cw_buf_puts(&document, HEADINGS);
	for (size_t i = 0; i < 40000; i++)
		cw_buf_printf(&document, "%zu,%d,,300,%zu,1,%zu\n", 2024 - i / 400, codes[i % CW_ARRAY_LEN(codes)], i % 97, i);
	run(config, &document, &given, &tally, &calls);
	assert_int_equal(tally.outcome, CW_REASON_NONE);
	assert_int_equal(given.count, 40000);
	assert_int_equal(given.at_end, 400);
	clear(&given);
	cw_buf_clear(&document);
	cw_config_free(config);
}

/* A document that breaks off is no release: what there is is given, and not compared. */
static void test_broken(void **state)
{
	struct cw_config *config = support_config_feeds(
	    "feed \"test\" { publisher = x tier = A format = html-table kind = workforce max_size = 3K\n"
	    " record { council = code period = year agency_rate = agency }\n"
	    " release { minimum = 2 decile = 50 measure \"agency_rate\" { worse = higher } } }\n");
	struct given given = { 0 };
	struct cw_document_tally tally;
	struct cw_buf document;
	size_t calls, outliers = 0;

	(void)state;
	cw_buf_init(&document, 1 << 20);
	cw_buf_puts(&document, "<table><tr><th>code<th>year<th>agency</tr>\n");
	for (size_t i = 0; i < 20; i++)
		cw_buf_printf(&document, "<tr><td>%d<td>2024<td>%zu</tr>\n", codes[i], i);
	run(config, &document, &given, &tally, &calls);
	assert_int_equal(tally.outcome, CW_REASON_NONE);
	for (size_t i = 0; i < given.n; i++)
		outliers += strstr(given.lines[i], "worst_decile") != NULL;
	assert_int_equal(outliers, 10);
	clear(&given);

	cw_buf_printf(&document, "%4000s", " ");
	run(config, &document, &given, &tally, &calls);
	assert_int_equal(tally.outcome, CW_REASON_TOO_LARGE);
	assert_int_equal(tally.evidence, given.count);
	for (size_t i = 0; i < given.n; i++)
		assert_non_null(strstr(given.lines[i], "|  | "));
	clear(&given);
	cw_buf_clear(&document);
	cw_config_free(config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_stream),
		cmocka_unit_test(test_broken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
