/*
 * Arguments of the command line: where options may stand, what is refused, and in which words.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <councilwatch/base.h>
#include <councilwatch/buf.h>
#include <councilwatch/clock.h>

#include "command.h"

#define ARGUMENTS_MAX 10

struct parse_case {
	const char *name;
	const char *arguments[ARGUMENTS_MAX];
	const char *error;                    /* NULL: it is accepted */
	const char *command, *config, *first; /* when accepted; NULL: none */
	bool json, csv;
	const char *option, *value; /* of the command; NULL: not looked at */
};

static const struct parse_case cases[] = {
	{ .name = "command alone", .arguments = { "status" }, .command = "status" },
	{ .name = "global options before",
	  .arguments = { "-c", "a.conf", "--json", "councils" },
	  .command = "councils",
	  .config = "a.conf",
	  .json = true },
	{ .name = "global options after",
	  .arguments = { "councils", "--json", "-c", "a.conf" },
	  .command = "councils",
	  .config = "a.conf",
	  .json = true },
	{ .name = "value joined to the letter",
	  .arguments = { "-ca.conf", "status" },
	  .command = "status",
	  .config = "a.conf" },
	{ .name = "value joined by =",
	  .arguments = { "--config=a.conf", "alerts", "--since=7" },
	  .command = "alerts",
	  .config = "a.conf",
	  .option = "since",
	  .value = "7" },
	{ .name = "option between arguments",
	  .arguments = { "evidence", "bradford", "--kind", "ilacs" },
	  .command = "evidence",
	  .first = "bradford",
	  .option = "kind",
	  .value = "ilacs" },
	{ .name = "option before the argument",
	  .arguments = { "evidence", "--kind", "ilacs", "bradford" },
	  .command = "evidence",
	  .first = "bradford",
	  .option = "kind",
	  .value = "ilacs" },
	{ .name = "the last of two counts",
	  .arguments = { "alerts", "--since", "1", "--since", "2" },
	  .command = "alerts",
	  .option = "since",
	  .value = "2" },
	{ .name = "a value may begin with -",
	  .arguments = { "import", "--feed", "-x", "f" },
	  .command = "import",
	  .first = "f",
	  .option = "feed",
	  .value = "-x" },
	{ .name = "standard input is an argument",
	  .arguments = { "import", "--feed", "f", "-" },
	  .command = "import",
	  .first = "-",
	  .option = "feed",
	  .value = "f" },
	{ .name = "after -- all are arguments",
	  .arguments = { "explain", "--", "--json" },
	  .command = "explain",
	  .first = "--json" },
	{ .name = "csv where it is offered", .arguments = { "councils", "--csv" }, .command = "councils", .csv = true },
	{ .name = "an empty value is a value",
	  .arguments = { "councils", "--region=" },
	  .command = "councils",
	  .option = "region",
	  .value = "" },
	{ .name = "nothing at all", .error = "no command given; 'councilwatch --help' lists them" },
	{ .name = "mistyped command",
	  .arguments = { "exlpain", "x" },
	  .error = "unknown command 'exlpain'; did you mean 'explain'?" },
	{ .name = "no such command",
	  .arguments = { "frobnicate" },
	  .error = "unknown command 'frobnicate'; 'councilwatch --help' lists them" },
	{ .name = "mistyped option",
	  .arguments = { "alerts", "--sinec", "3" },
	  .error = "unknown option '--sinec'; did you mean '--since'?" },
	{ .name = "option of another command",
	  .arguments = { "status", "--since", "3" },
	  .error = "unknown option '--since'; 'councilwatch status --help' lists them" },
	{ .name = "option before its command",
	  .arguments = { "--feed", "f", "import", "x" },
	  .error = "'--feed' is an option of 'import': it stands after the command" },
	{ .name = "unknown letter",
	  .arguments = { "-x", "status" },
	  .error = "unknown option '-x'; 'councilwatch --help' lists them" },
	{ .name = "a value is missing",
	  .arguments = { "alerts", "--since" },
	  .error = "--since needs a value: --since SEQ" },
	{ .name = "a flag takes no value", .arguments = { "status", "--json=yes" }, .error = "--json takes no value" },
	{ .name = "an argument is missing",
	  .arguments = { "explain" },
	  .error = "something is missing: councilwatch explain COUNCIL" },
	{ .name = "an argument too many",
	  .arguments = { "explain", "a", "b" },
	  .error = "'b' is one too many: councilwatch explain COUNCIL" },
	{ .name = "as-of without a meaning",
	  .arguments = { "status", "--as-of", "2024-09-02" },
	  .error = "--as-of has no meaning for 'status'" },
	{ .name = "as-of that is no date",
	  .arguments = { "councils", "--as-of", "2/9/2024" },
	  .error = "'2/9/2024' is not a date; --as-of takes one like 2024-09-02" },
	{ .name = "as-of of a day that is not",
	  .arguments = { "councils", "--as-of", "2024-02-30" },
	  .error = "'2024-02-30' is not a date; --as-of takes one like 2024-09-02" },
	{ .name = "csv and json",
	  .arguments = { "councils", "--csv", "--json" },
	  .error = "--csv and --json exclude each other" },
	{ .name = "csv where it is not offered",
	  .arguments = { "status", "--csv" },
	  .error = "unknown option '--csv'; 'councilwatch status --help' lists them" },
};

static void same_text(const char *have, const char *want)
{
	if (!want)
		assert_null(have);
	else
		assert_string_equal(have ? have : "(none)", want);
}

static void test_parse(void **state)
{
	const struct parse_case *c = &cases[(uintptr_t)*state];
	char *argv[ARGUMENTS_MAX];
	struct cw_error err = { 0 };
	struct cw_cli cli;
	int argc = 0, r;

	while (argc < ARGUMENTS_MAX && c->arguments[argc]) {
		argv[argc] = (char *)(uintptr_t)c->arguments[argc];
		argc++;
	}
	r = cw_cli_parse(&cli, argc, argv, &err);
	if (c->error) {
		assert_int_equal(r, -EINVAL);
		assert_string_equal(err.text, c->error);
	} else {
		assert_int_equal(r, 0);
		assert_string_equal(cli.command->name, c->command);
		same_text(cli.config_file, c->config);
		same_text(cli.n_arguments ? cli.arguments[0] : NULL, c->first);
		assert_int_equal(cli.json, c->json);
		assert_int_equal(cli.csv, c->csv);
		if (c->option)
			same_text(cw_cli_option(&cli, c->option), c->value);
	}
	cw_cli_clear(&cli);
}

static void test_as_of(void **state)
{
	char command[] = "councils", option[] = "--as-of", day[] = "2024-09-02";
	char *argv[] = { command, option, day };
	struct cw_error err;
	struct cw_cli cli;

	(void)state;
	assert_int_equal(cw_cli_parse(&cli, 3, argv, &err), 0);
	assert_true(cli.has_as_of);
	assert_int_equal(cli.as_of, cw_day_make(2024, 9, 2));
	cw_cli_clear(&cli);
	assert_int_equal(cw_cli_parse(&cli, 1, argv, &err), 0);
	assert_false(cli.has_as_of);
	assert_int_equal(cli.as_of, cw_wall_day(cw_wall_now()));
	cw_cli_clear(&cli);
}

static struct cw_wall noon(void)
{
	return (struct cw_wall){ cw_day_start(cw_day_make(2025, 1, 31)).ms + 12 * 3600 * 1000 };
}

static void test_today_is_utc(void **state)
{
	char command[] = "councils";
	char *argv[] = { command };
	struct cw_error err;
	struct cw_cli cli;

	(void)state;
	cw_clock_replace(noon);
	assert_int_equal(cw_cli_parse(&cli, 1, argv, &err), 0);
	cw_clock_replace(NULL);
	assert_int_equal(cli.as_of, cw_day_make(2025, 1, 31));
	cw_cli_clear(&cli);
}

static void test_help_has_every_command_and_option(void **state)
{
	struct cw_buf all, one;

	(void)state;
	cw_buf_init(&all, 1 << 20);
	cw_buf_init(&one, 1 << 20);
	assert_int_equal(cw_cli_help(NULL, &all), 0);
	for (const struct cw_command *command = cw_commands; command->name; command++) {
		assert_non_null(strstr(cw_buf_str(&all), command->name));
		assert_non_null(command->run);
		cw_buf_reset(&one);
		assert_int_equal(cw_cli_help(command, &one), 0);
		assert_non_null(strstr(cw_buf_str(&one), command->help));
		for (const struct cw_option *option = command->options; option && option->name; option++)
			assert_non_null(strstr(cw_buf_str(&one), option->name));
	}
	cw_buf_clear(&all);
	cw_buf_clear(&one);
}

/* The manual is part of the interface: nothing may be missing from it. */
static void test_manual_has_every_command_and_option(void **state)
{
	CW_CLEANUP(cw_freep) char *text = calloc(1, 1 << 20);
	FILE *file = fopen(CW_SOURCE_DIR "/docs/councilwatch.1", "r");
	char wanted[96];

	(void)state;
	assert_non_null(file);
	assert_non_null(text);
	assert_true(fread(text, 1, (1 << 20) - 1, file) > 0);
	fclose(file);
	for (const struct cw_command *command = cw_commands; command->name; command++) {
		snprintf(wanted, sizeof(wanted), ".It Cm %s", command->name);
		if (!strstr(text, wanted))
			fail_msg("command '%s' is not in the manual", command->name);
		for (const struct cw_option *option = command->options; option && option->name; option++) {
			snprintf(wanted, sizeof(wanted), "Fl -%s", option->name);
			if (!strstr(text, wanted))
				fail_msg("option '--%s' is not in the manual", option->name);
		}
	}
}

int main(void)
{
	struct CMUnitTest tests[CW_ARRAY_LEN(cases) + 4] = { 0 };
	size_t n = 0;

	for (; n < CW_ARRAY_LEN(cases); n++)
		tests[n] = (struct CMUnitTest){ .name = cases[n].name,
			                        .test_func = test_parse,
			                        .initial_state = (void *)(uintptr_t)n };
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_as_of);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_today_is_utc);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_help_has_every_command_and_option);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_manual_has_every_command_and_option);
	return _cmocka_run_group_tests("cli options", tests, n, NULL, NULL);
}
