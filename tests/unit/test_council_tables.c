/* The shipped tables of the councils: what must hold for every row of them, on every day. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <councilwatch/council.h>

#include "../../lib/csv.h"

#define TABLE(name) CW_SOURCE_DIR "/config/" name ".csv"

static struct cw_councils *shipped;

static void unexpected(void *arg, const struct cw_error *err)
{
	char text[1024];

	(void)arg;
	print_error("%s\n", cw_error_format(err, text, sizeof(text)));
}

static int load_shipped(void **state)
{
	static const struct cw_council_tables tables = {
		.councils = TABLE("councils"),
		.aliases = TABLE("aliases"),
		.lineage = TABLE("lineage"),
		.organisations = TABLE("organisations"),
		.other_bodies = TABLE("other-bodies"),
	};
	struct cw_error err;

	(void)state;
	return cw_councils_load(&tables, unexpected, NULL, &shipped, &err);
}

static int free_shipped(void **state)
{
	(void)state;
	cw_councils_free(shipped);
	return 0;
}

static int32_t day_of(const char *text)
{
	int32_t day = CW_DAY_NONE;

	if (*text)
		assert_int_equal(cw_date_parse(text, strlen(text), "%Y-%m-%d", &day), 0);
	return day;
}

static const char *field(const struct cw_csv *csv, const char *column)
{
	int i = cw_csv_column(csv, column);

	assert_true(i >= 0);
	return csv->fields[i];
}

/* Days worth trying between two, either of which may be open: the first, the last and one between. */
static size_t days_within(int32_t from, int32_t to, int32_t ret[3])
{
	int32_t first = from != CW_DAY_NONE ? from : to != CW_DAY_NONE ? to - 3650 : day_of("2010-01-01");
	int32_t last = to != CW_DAY_NONE ? to : CW_MAX(first, day_of("2026-06-01"));

	ret[0] = first;
	ret[1] = first + (last - first) / 2;
	ret[2] = last;
	return 3;
}

/* Names the text exactly this set on that day? Says what is wrong when not. */
static void assert_names(const char *text, int32_t day, const struct cw_council *const *councils, size_t n,
                         const char *organisation)
{
	struct cw_str texts[] = { cw_str(text) };
	struct cw_council_set set = { 0 };
	char then[CW_WALL_TEXT];
	struct cw_buf why;
	int r;

	cw_buf_init(&why, 65536);
	r = cw_council_resolve_all(shipped, texts, 1, day, &set, &why);
	if (r || set.n != n)
		print_error("\"%s\" on %s: %s\n", text, cw_day_format(day, then), cw_buf_str(&why));
	assert_int_equal(r, 0);
	assert_int_equal(set.n, n);
	for (size_t i = 0; i < n; i++) {
		bool in = false;

		for (size_t k = 0; k < n; k++)
			in = in || set.at[k] == councils[i];
		if (!in)
			print_error("\"%s\" on %s does not name %s\n", text, cw_day_format(day, then), councils[i]->id);
		assert_true(in);
	}
	if (organisation)
		assert_string_equal(set.organisation ? set.organisation->id : "none", organisation);
	cw_buf_clear(&why);
}

static int32_t later(int32_t a, int32_t b)
{
	return a == CW_DAY_NONE ? b : b == CW_DAY_NONE ? a : CW_MAX(a, b);
}

static int32_t earlier(int32_t a, int32_t b)
{
	return a == CW_DAY_NONE ? b : b == CW_DAY_NONE ? a : CW_MIN(a, b);
}

static void test_every_council(void **state)
{
	unsigned today = 0, to_come = 0;
	int32_t day = day_of("2026-01-01");

	(void)state;
	for (size_t i = 0; i < cw_councils_count(shipped); i++) {
		const struct cw_council *is = cw_councils_at(shipped, i);
		const char *const texts[] = { is->name, is->short_name, is->gss_code, is->la_code, is->urn };
		int32_t days[3];
		size_t n = days_within(is->start_day, is->end_day, days);

		today += cw_council_exists(is, day);
		to_come += is->start_day != CW_DAY_NONE && is->start_day > day;
		assert_int_equal(is->index, i);
		assert_ptr_equal(cw_councils_by_id(shipped, cw_str(is->id)), is);
		assert_true(*is->region);
		/* Those that are there have all codes. */
		if (cw_council_exists(is, day))
			for (size_t k = 0; k < CW_ARRAY_LEN(texts); k++)
				assert_true(*texts[k]);
		for (size_t k = 0; k < CW_ARRAY_LEN(texts); k++)
			for (size_t d = 0; *texts[k] && d < n; d++)
				assert_names(texts[k], days[d], &is, 1, NULL);
	}
	assert_int_equal(today, 153);
	assert_int_equal(to_come, 2);
	assert_int_equal(cw_councils_count(shipped), 162);
	assert_null(cw_councils_at(shipped, 162));
	assert_null(cw_councils_by_id(shipped, cw_str("brad")));
	assert_null(cw_councils_by_id(shipped, cw_str("")));
}

static void test_every_alias(void **state)
{
	struct cw_error err;
	unsigned rows = 0;
	struct cw_csv csv;

	(void)state;
	assert_int_equal(cw_csv_open(&csv, TABLE("aliases"), &err), 0);
	while (cw_csv_next(&csv, &err) == 1) {
		const struct cw_council *is = cw_councils_by_id(shipped, cw_str(field(&csv, "council_id")));
		const char *scheme = field(&csv, "scheme");
		bool qualified = !strcmp(scheme, "mysociety") || !strcmp(scheme, "ocd");
		int32_t days[3];
		char text[512];
		size_t n;

		assert_non_null(is);
		n = days_within(later(day_of(field(&csv, "valid_from")), is->start_day),
		                earlier(day_of(field(&csv, "valid_to")), is->end_day), days);
		snprintf(text, sizeof(text), "%s%s%s", qualified ? scheme : "", qualified ? ":" : "", field(&csv, "alias"));
		for (size_t d = 0; d < n; d++)
			assert_names(text, days[d], &is, 1, NULL);
		assert_true(*field(&csv, "source"));
		rows++;
	}
	cw_csv_close(&csv);
	assert_true(rows > 700);
}

static void test_every_organisation(void **state)
{
	(void)state;
	assert_true(cw_organisations_count(shipped) > 150);
	for (size_t i = 0; i < cw_organisations_count(shipped); i++) {
		const struct cw_organisation *organisation = cw_organisations_at(shipped, i);
		int32_t days[3];
		size_t n = days_within(organisation->from, organisation->to, days);

		if (organisation->name[0] == '*') {
			assert_int_equal(organisation->n, 0);
			continue;
		}
		assert_true(organisation->n > 0);
		for (size_t d = 0; d < n; d++)
			assert_names(organisation->name, days[d], organisation->at, organisation->n, organisation->id);
	}
	assert_null(cw_organisations_at(shipped, cw_organisations_count(shipped)));
}

/* A body's name gives no council while it is the body's. */
static void test_every_other_body(void **state)
{
	struct cw_error err;
	unsigned rows = 0;
	struct cw_csv csv;

	(void)state;
	assert_int_equal(cw_csv_open(&csv, TABLE("other-bodies"), &err), 0);
	while (cw_csv_next(&csv, &err) == 1) {
		const char *name = field(&csv, "name");
		int32_t days[3];
		char text[128];
		size_t n = days_within(day_of(field(&csv, "valid_from")), day_of(field(&csv, "valid_to")), days);

		snprintf(text, sizeof(text), "%s%s", name[0] == '*' ? "Anywhere " : "", name + (name[0] == '*'));
		for (size_t d = 0; d < n; d++) {
			struct cw_str one = cw_str(text);
			struct cw_council_set set;
			int r = cw_council_resolve_all(shipped, &one, 1, days[d], &set, NULL);

			if (r != CW_COUNCIL_OTHER_BODY) {
				print_error("\"%s\" gives %d, not another body\n", text, r);
				fail();
			}
		}
		rows++;
	}
	cw_csv_close(&csv);
	assert_true(rows > 400);
}

static int by_day(const void *a, const void *b)
{
	return (*(const int32_t *)a > *(const int32_t *)b) - (*(const int32_t *)a < *(const int32_t *)b);
}

/* All days on which something in the tables begins or ends, and the days beside them. */
static size_t edges(int32_t *ret, size_t max)
{
	struct cw_council_name name;
	size_t n = 0, kept = 0, position = 0;

	while (cw_council_names(shipped, &position, &name)) {
		assert_true(n + 6 < max);
		if (name.from != CW_DAY_NONE)
			ret[n++] = name.from, ret[n++] = name.from - 1;
		if (name.to != CW_DAY_NONE)
			ret[n++] = name.to, ret[n++] = name.to + 1;
	}
	qsort(ret, n, sizeof(*ret), by_day);
	for (size_t i = 0; i < n; i++)
		if (!kept || ret[kept - 1] != ret[i])
			ret[kept++] = ret[i];
	return kept;
}

/* No name may be two councils' on one day, whatever the day. */
static void test_no_name_is_ambiguous(void **state)
{
	enum { DAYS = 8192 };
	int32_t *days = calloc(DAYS, sizeof(*days));
	size_t n = edges(days, DAYS), position = 0;
	struct cw_council_name name;
	unsigned names = 0;

	(void)state;
	assert_true(n > 20);
	while (cw_council_names(shipped, &position, &name)) {
		for (size_t d = 0; d < n; d++) {
			struct cw_council_set set;
			int r = cw_council_resolve_all(shipped, &name.text, 1, days[d], &set, NULL);

			if (r == CW_COUNCIL_AMBIGUOUS || r == CW_COUNCIL_UNKNOWN || r == CW_COUNCIL_CONFLICT) {
				print_error("\"%s\" gives %d on day %d\n", name.text.at, r, days[d]);
				fail();
			}
		}
		names++;
	}
	assert_true(names > 1200);
	free(days);
}

/* A name misspelt is nobody's, or still its own council's: never another's. */
static void test_misspelt_is_nobody_else(void **state)
{
	struct cw_council_name name;
	size_t position = 0, tried = 0, still = 0;
	int32_t day = day_of("2026-01-01");

	(void)state;
	while (cw_council_names(shipped, &position, &name)) {
		if (name.n != 1 || name.organisation || !cw_council_exists(name.at[0], day))
			continue;
		for (size_t i = 0; i < name.text.len; i++) {
			for (unsigned how = 0; how < 4; how++) {
				char copy[256];
				struct cw_str text = { copy, name.text.len };
				struct cw_council_set set;

				if (name.text.len + 1 >= sizeof(copy))
					continue;
				memcpy(copy, name.text.at, name.text.len);
				if (how == 0 && i + 1 < text.len) { /* two letters change places */
					copy[i] = name.text.at[i + 1];
					copy[i + 1] = name.text.at[i];
				} else if (how == 1) { /* one is another */
					copy[i] = (char)("etaoinshrdlu"[(i + name.text.len) % 12]);
				} else if (how == 2) { /* one is missing */
					memmove(copy + i, copy + i + 1, text.len - i - 1);
					text.len--;
				} else { /* one is double */
					memmove(copy + i + 1, name.text.at + i, text.len - i);
					text.len++;
				}
				tried++;
				if (cw_council_resolve_all(shipped, &text, 1, day, &set, NULL) != 0)
					continue;
				still++;
				if (set.n != 1 || set.at[0] != name.at[0]) {
					print_error("\"%.*s\", which is \"%s\" misspelt, names %s\n", (int)text.len, copy,
					            name.text.at, set.at[0]->id);
					fail();
				}
			}
		}
	}
	assert_true(tried > 20000);
	assert_true(still < tried / 4); /* letters' case and signs do not matter; most else does */
}

/* --- lineage --- */

struct lineage_case {
	const char *name, *council, *day, *predecessors, *successors;
};

static const struct lineage_case lineage_cases[] = {
	{ "lineage: none", "bradford", "2026-01-01", "", "" },
	{ "lineage: continues is no change", "somerset", "2026-01-01", "", "" },
	{ "lineage: split", "northamptonshire", "2021-04-01", "",
	  "north-northamptonshire split 0.46 1.00, west-northamptonshire split 0.54 1.00" },
	{ "lineage: not yet", "northamptonshire", "2021-03-31", "", "" },
	{ "lineage: of a successor", "west-northamptonshire", "2021-04-01", "northamptonshire split 0.54 1.00", "" },
	{ "lineage: merge", "bournemouth-christchurch-and-poole", "2019-04-01",
	  "bournemouth merge 1.00 0.45, poole merge 1.00 0.44, dorset-county merge 0.11 0.11", "" },
	{ "lineage: part of one", "dorset-county", "2020-01-01", "",
	  "bournemouth-christchurch-and-poole merge 0.11 0.11, dorset split 0.89 1.00" },
	{ "lineage: to come", "surrey", "2026-01-01", "", "" },
	{ "lineage: to come, whenever", "surrey", "", "", "east-surrey split 0.47 1.00, west-surrey split 0.53 1.00" },
	{ "lineage: whenever", "cumbria", "", "", "cumberland split 0.57 1.00, westmorland-and-furness split 0.43 1.00" },
};

static void put_edges(const struct cw_lineage *const *edges, size_t n, bool successors, char *out, size_t size)
{
	size_t used = 0;

	out[0] = '\0';
	for (size_t i = 0; i < n; i++)
		used += (size_t)snprintf(out + used, size - used, "%s%s %s %.2f %.2f", i ? ", " : "",
		                         (successors ? edges[i]->successor : edges[i]->predecessor)->id,
		                         cw_lineage_kind_name(edges[i]->kind), edges[i]->of_predecessor,
		                         edges[i]->of_successor);
}

static void test_lineage(void **state)
{
	const struct lineage_case *c = *state;
	const struct cw_council *council = cw_councils_by_id(shipped, cw_str(c->council));
	const struct cw_lineage *edges[8];
	char text[512];
	size_t n;

	n = cw_council_predecessors(shipped, council, day_of(c->day), edges, CW_ARRAY_LEN(edges));
	put_edges(edges, n, false, text, sizeof(text));
	assert_string_equal(text, c->predecessors);
	n = cw_council_successors(shipped, council, day_of(c->day), edges, CW_ARRAY_LEN(edges));
	put_edges(edges, n, true, text, sizeof(text));
	assert_string_equal(text, c->successors);
	assert_int_equal(cw_council_successors(shipped, council, day_of(c->day), edges, 0), n);
}

/* Every council that ended has successors, and every one that began has predecessors, of that day. */
static void test_lineage_is_whole(void **state)
{
	(void)state;
	for (size_t i = 0; i < cw_councils_count(shipped); i++) {
		const struct cw_council *council = cw_councils_at(shipped, i);
		const struct cw_lineage *edges[8];

		if (council->end_day != CW_DAY_NONE)
			assert_true(cw_council_successors(shipped, council, council->end_day + 1, edges, 8) > 0);
		/* Bournemouth and Poole left Dorset in 1997, before these tables begin. */
		if (council->start_day != CW_DAY_NONE && council->start_day > day_of("2000-01-01"))
			assert_true(cw_council_predecessors(shipped, council, council->start_day, edges, 8) > 0);
	}
	assert_int_equal(cw_lineage_count(shipped), 22);
	assert_null(cw_lineage_at(shipped, 22));
}

int main(void)
{
	static const struct CMUnitTest single[] = {
		cmocka_unit_test(test_every_council),      cmocka_unit_test(test_every_alias),
		cmocka_unit_test(test_every_organisation), cmocka_unit_test(test_every_other_body),
		cmocka_unit_test(test_no_name_is_ambiguous), cmocka_unit_test(test_misspelt_is_nobody_else),
		cmocka_unit_test(test_lineage_is_whole),
	};
	struct CMUnitTest tests[CW_ARRAY_LEN(lineage_cases) + CW_ARRAY_LEN(single)];
	size_t n = 0;

	for (size_t i = 0; i < CW_ARRAY_LEN(lineage_cases); i++)
		tests[n++] = (struct CMUnitTest){ .name = lineage_cases[i].name,
			                          .test_func = test_lineage,
			                          .initial_state = (void *)(uintptr_t)&lineage_cases[i] };
	for (size_t i = 0; i < CW_ARRAY_LEN(single); i++)
		tests[n++] = single[i];
	return cmocka_run_group_tests(tests, load_shipped, free_shipped);
}
