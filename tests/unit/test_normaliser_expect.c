/* The examples inside feeds: passing, failing, and what is said about the difference. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <format_report.h>

#include "normaliser_support.h"

#define INPUT                                                                                                          \
	"code,name,grade,day,key,title\n380,Bradford,inadequate,2022-11-21,k,A long "                                  \
	"title\n383,Leeds,good,,,\n0,Nowhere,good,,,\n"

struct expect_case {
	const char *name;
	const char *input;
	const char *gives; /* the list, between braces */
	int failures;
	const char *said; /* all that is reported, each on a line, without its place */
};

static const struct expect_case cases[] = {
	{ "all of it", INPUT,
	  "\"bradford overall_effectiveness=inadequate event_date=2022-11-21 title=\\\"A long title\\\" key=k\", "
	  "\"leeds event_date=\", \"quarantine unknown_council row=3\"",
	  0, "" },
	{ "any order", INPUT, "\"quarantine unknown_council\", \"leeds\", \"bradford kind=ilacs\"", 0, "" },
	{ "wrong value", INPUT, "\"bradford overall_effectiveness=good\", \"leeds\", \"quarantine unknown_council\"", 1,
	  "feed \"test\": expect: \"bradford overall_effectiveness=good\" is not given; near it is: bradford "
	  "kind=ilacs framework_id=ilacs_2018 overall_effectiveness=inadequate event_date=2022-11-21 title=A long "
	  "title key=k\n"
	  "feed \"test\": expect: it also gives: bradford kind=ilacs framework_id=ilacs_2018 "
	  "overall_effectiveness=inadequate event_date=2022-11-21 title=A long title key=k\n" },
	{ "absent that is there", INPUT, "\"bradford event_date=\", \"leeds\", \"quarantine unknown_council\"", 1,
	  NULL },
	{ "one too few", INPUT, "\"bradford\", \"quarantine unknown_council\"", 1,
	  "feed \"test\": expect: it also gives: leeds kind=ilacs framework_id=ilacs overall_effectiveness=good\n" },
	{ "twice the same", INPUT, "\"bradford\", \"bradford\", \"leeds\", \"quarantine unknown_council\"", 1,
	  "feed \"test\": expect: \"bradford\" is not given\n" },
	{ "document", "code,grade\n", "\"quarantine no_rows\"", 0, "" },
	{ "wrong document", "<html>", "\"bradford\"", 1,
	  "feed \"test\": expect: \"bradford\" is not given\nfeed \"test\": expect: it also gives: quarantine "
	  "unparsable row=0 detail=an HTML page, not CSV\n" },
};

static void gather(void *arg, const struct cw_error *err)
{
	assert_true(err->line > 0);
	cw_buf_printf(arg, "%s\n", err->text);
}

static void test_case(void **state)
{
	const struct expect_case *c = *state;
	struct cw_config *config;
	struct cw_error err = { 0 };
	struct cw_buf said;
	char more[4096];

	snprintf(more, sizeof(more),
	         "feed \"test\" {\npublisher = \"P\"\ntier = \"B\"\nkind = \"ilacs\"\nformat = \"csv\"\nrecord {\n%s}\n"
	         "expect {\n input = '%s'\n gives = { %s }\n}\n}\n",
	         support_record, c->input, c->gives);
	config = support_config_feeds(more);
	cw_buf_init(&said, 65536);
	assert_int_equal(cw_expect_run(config, NULL, NULL, gather, &said, &err), c->failures);
	if (c->said)
		assert_string_equal(cw_buf_str(&said), c->said);
	else
		assert_true(said.len > 0);
	/* Another feed has no examples. */
	assert_int_equal(cw_expect_run(config, config->feeds + config->n_feeds, NULL, gather, &said, &err), 0);
	cw_buf_clear(&said);
	cw_config_free(config);
}

static void print_mistake(void *arg, const struct cw_error *err)
{
	char text[1024];

	(void)arg;
	print_error("%s\n", cw_error_format(err, text, sizeof(text)));
}

/* Those of the feeds that are shipped. */
static void test_shipped(void **state)
{
	struct cw_config *config;
	struct cw_error err = { 0 };

	(void)state;
	config = support_config_feeds("include_feeds = \"" CW_SOURCE_DIR "/config/feeds.d/*.conf\"\n");
	assert_int_equal(cw_expect_run(config, NULL, NULL, print_mistake, NULL, &err), 0);
	cw_config_free(config);
}

int main(void)
{
	struct CMUnitTest tests[CW_ARRAY_LEN(cases) + 1];
	size_t n = 0;

	if (cw_format_report_register() < 0)
		return 1;
	for (; n < CW_ARRAY_LEN(cases); n++)
		tests[n] = (struct CMUnitTest){ .name = cases[n].name,
			                        .test_func = test_case,
			                        .initial_state = (void *)(uintptr_t)&cases[n] };
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_shipped);
	return _cmocka_run_group_tests("expect", tests, n, NULL, NULL);
}
