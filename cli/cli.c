/*
 * cli.c: arguments, help, and the running of one command.
 */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <councilwatch/lint.h>
#include <councilwatch/paths.h>
#include <councilwatch/history.h>
#include <councilwatch/store.h>
#include <councilwatch/text.h>

#include "command.h"
#include "output.h"
#include "record.h"

#define NAMES_MAX 64
#define HELP_MAX (64u * 1024u)

const struct cw_option cw_global_options[] = {
	{ "config", "FILE", "the configuration to use", 'c' },
	{ "json", NULL, "answer for programs: JSON, as councilwatch(1) describes it", 0 },
	{ "as-of", "DATE", "as things stood, and as they were known, on that day (ISO 8601, UTC)", 0 },
	{ "help", NULL, "this help, or that of a command", 'h' },
	{ "version", NULL, "the version", 0 },
	{ NULL },
};

static const struct cw_option csv_option = { "csv", NULL, "answer as CSV, for spreadsheets", 0 };

static void CW_PRINTF(1, 0) put_message(const char *fmt, va_list args)
{
	char *text = NULL;

	if (vasprintf(&text, fmt, args) < 0)
		return;
	fputs("councilwatch: ", stderr);
	cw_out_text(stderr, text);
	fputc('\n', stderr);
	free(text);
}

int cw_cli_fail(int status, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	put_message(fmt, args);
	va_end(args);
	return status;
}

int cw_cli_fail_error(int status, const struct cw_error *err, const char *fmt, ...)
{
	char place[CW_ERROR_SOURCE_MAX + CW_ERROR_TEXT_MAX + 32];
	char *what = NULL;
	va_list args;
	int n;

	va_start(args, fmt);
	n = vasprintf(&what, fmt, args);
	va_end(args);
	cw_cli_fail(status, "%s: %s", n < 0 ? "failed" : what, cw_error_format(err, place, sizeof(place)));
	if (n >= 0)
		free(what);
	return status;
}

static const struct cw_option *find_option(const struct cw_option *options, const char *name, size_t len)
{
	for (; options && options->name; options++)
		if (strlen(options->name) == len && !strncmp(options->name, name, len))
			return options;
	return NULL;
}

static const struct cw_option *find_letter(const struct cw_option *options, char letter)
{
	for (; options && options->name; options++)
		if (options->letter && options->letter == letter)
			return options;
	return NULL;
}

static bool is_global(const struct cw_option *option)
{
	return option >= cw_global_options && option < cw_global_options + CW_ARRAY_LEN(cw_global_options);
}

static const struct cw_command *find_command(const char *name)
{
	for (const struct cw_command *command = cw_commands; command->name; command++)
		if (!strcmp(command->name, name))
			return command;
	return NULL;
}

static int unknown_command(const char *name, struct cw_error *err)
{
	const char *names[NAMES_MAX + 1];
	const char *near;
	size_t n = 0;

	for (const struct cw_command *command = cw_commands; command->name && n < NAMES_MAX; command++)
		names[n++] = command->name;
	names[n] = NULL;
	near = cw_nearest(name, names);
	if (near)
		return cw_error_set(err, -EINVAL, "unknown command '%s'; did you mean '%s'?", name, near);
	return cw_error_set(err, -EINVAL, "unknown command '%s'; 'councilwatch --help' lists them", name);
}

static int unknown_option(const struct cw_cli *cli, const char *given, struct cw_error *err)
{
	const char *names[NAMES_MAX + 1];
	const char *near = NULL;
	char name[CW_NAME_MAX + 1];
	size_t n = 0;

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(given + 2, "="), given + 2);
	if (!cli->command)
		for (const struct cw_command *command = cw_commands; command->name; command++)
			if (find_option(command->options, name, strlen(name)))
				return cw_error_set(err, -EINVAL,
				                    "'--%s' is an option of '%s': it stands after the command", name,
				                    command->name);

	for (const struct cw_option *o = cw_global_options; o->name && n < NAMES_MAX; o++)
		names[n++] = o->name;
	for (const struct cw_option *o = cli->command ? cli->command->options : NULL; o && o->name && n < NAMES_MAX;
	     o++)
		names[n++] = o->name;
	names[n] = NULL;
	if (given[1] == '-')
		near = cw_nearest(name, names);
	if (near)
		return cw_error_set(err, -EINVAL, "unknown option '--%s'; did you mean '--%s'?", name, near);
	return cw_error_set(err, -EINVAL, "unknown option '%s'; 'councilwatch %s%s--help' lists them", given,
	                    cli->command ? cli->command->name : "", cli->command ? " " : "");
}

static int take_as_of(struct cw_cli *cli, const char *value, struct cw_error *err)
{
	struct cw_wall t;

	if (cw_wall_parse(value, strlen(value), &t, NULL) < 0)
		return cw_error_set(err, -EINVAL, "'%s' is not a date; --as-of takes one like 2024-09-02", value);
	cli->has_as_of = true;
	cli->as_of = cw_wall_day(t);
	return 0;
}

static int take_option(struct cw_cli *cli, const struct cw_option *option, const char *value, struct cw_error *err)
{
	if (is_global(option)) {
		if (option->letter == 'c')
			cli->config_file = value;
		else if (option->letter == 'h')
			cli->help = true;
		else if (!strcmp(option->name, "json"))
			cli->json = true;
		else if (!strcmp(option->name, "version"))
			cli->version = true;
		else
			return take_as_of(cli, value, err);
		return 0;
	}
	if (option == &csv_option) {
		cli->csv = true;
		return 0;
	}

	/* The last one counts, as with most tools. */
	for (size_t i = 0; i < cli->n_options; i++) {
		if (cli->options[i].option == option) {
			cli->options[i].value = value;
			return 0;
		}
	}
	if (cli->n_options == CW_CLI_OPTIONS_MAX)
		return cw_error_set(err, -EINVAL, "too many options");
	cli->options[cli->n_options].option = option;
	cli->options[cli->n_options++].value = value;
	return 0;
}

static int parse_option(struct cw_cli *cli, int argc, char *const *argv, int *at, struct cw_error *err)
{
	const char *given = argv[*at], *value = NULL;
	const struct cw_option *option;

	if (given[1] == '-') {
		size_t len = strcspn(given + 2, "=");

		option = find_option(cw_global_options, given + 2, len);
		if (!option && cli->command)
			option = find_option(cli->command->options, given + 2, len);
		if (!option && cli->command && cli->command->flags & CW_COMMAND_CSV && len == 3 &&
		    !strncmp(given + 2, "csv", 3))
			option = &csv_option;
		if (option && given[2 + len] == '=')
			value = given + 3 + len;
	} else {
		option = find_letter(cw_global_options, given[1]);
		if (!option && cli->command)
			option = find_letter(cli->command->options, given[1]);
		if (option && given[2])
			value = given + 2; /* -cFILE */
	}
	if (!option)
		return unknown_option(cli, given, err);

	if (!option->value) {
		if (value)
			return cw_error_set(err, -EINVAL, "--%s takes no value", option->name);
		return take_option(cli, option, "", err);
	}
	if (!value) {
		if (*at + 1 >= argc)
			return cw_error_set(err, -EINVAL, "--%s needs a value: --%s %s", option->name, option->name,
			                    option->value);
		value = argv[++*at];
	}
	return take_option(cli, option, value, err);
}

static int check_parsed(const struct cw_cli *cli, struct cw_error *err)
{
	const struct cw_command *command = cli->command;

	if (cli->help || cli->version)
		return 0;
	if (!command)
		return cw_error_set(err, -EINVAL, "no command given; 'councilwatch --help' lists them");
	if (cli->has_as_of && !(command->flags & CW_COMMAND_AS_OF))
		return cw_error_set(err, -EINVAL, "--as-of has no meaning for '%s'", command->name);
	if (cli->csv && cli->json)
		return cw_error_set(err, -EINVAL, "--csv and --json exclude each other");
	if (cli->n_arguments < command->min_arguments)
		return cw_error_set(err, -EINVAL, "something is missing: councilwatch %s %s", command->name,
		                    command->arguments);
	if (command->max_arguments >= 0 && cli->n_arguments > command->max_arguments)
		return cw_error_set(err, -EINVAL, "'%s' is one too many: councilwatch %s %s",
		                    cli->arguments[command->max_arguments], command->name, command->arguments);
	return 0;
}

int cw_cli_parse(struct cw_cli *cli, int argc, char *const *argv, struct cw_error *err)
{
	bool options_ended = false;
	int r;

	*cli = (struct cw_cli){ .as_of = cw_wall_day(cw_wall_now()) };
	cli->arguments = calloc((size_t)argc + 1, sizeof(*cli->arguments));
	if (!cli->arguments)
		return cw_error_nomem(err);

	for (int i = 0; i < argc; i++) {
		const char *given = argv[i];

		if (!options_ended && !strcmp(given, "--")) {
			options_ended = true;
		} else if (!options_ended && given[0] == '-' && given[1]) { /* "-" alone is standard input */
			r = parse_option(cli, argc, argv, &i, err);
			if (r < 0)
				return r;
		} else if (!cli->command) {
			cli->command = find_command(given);
			if (!cli->command)
				return unknown_command(given, err);
		} else {
			cli->arguments[cli->n_arguments++] = given;
		}
	}
	return check_parsed(cli, err);
}

void cw_cli_clear(struct cw_cli *cli)
{
	free(cli->arguments);
	cw_config_free(cli->config);
	*cli = (struct cw_cli){ 0 };
}

static void put_option_help(struct cw_buf *out, const struct cw_option *option)
{
	char name[64];

	snprintf(name, sizeof(name), "%s--%s%s%s",
	         option->letter == 'c'   ? "-c, "
	         : option->letter == 'h' ? "-h, "
	                                 : "    ",
	         option->name, option->value ? " " : "", option->value ? option->value : "");
	cw_buf_printf(out, "  %-27s %s\n", name, option->help);
}

int cw_cli_help(const struct cw_command *command, struct cw_buf *out)
{
	if (command) {
		cw_buf_printf(out, "usage: councilwatch [-c FILE] [--json] %s%s%s%s%s\n\n  %s\n\n", command->name,
		              command->options ? " [option ...]" : "",
		              command->flags & CW_COMMAND_AS_OF ? " [--as-of DATE]" : "",
		              command->arguments[0] ? " " : "", command->arguments, command->help);
		if (command->options || command->flags & CW_COMMAND_CSV)
			cw_buf_puts(out, "options:\n");
		for (const struct cw_option *o = command->options; o && o->name; o++)
			put_option_help(out, o);
		if (command->flags & CW_COMMAND_CSV)
			put_option_help(out, &csv_option);
		return out->failed;
	}

	cw_buf_puts(out, "usage: councilwatch [-c FILE] [--json] [--as-of DATE] command [argument ...]\n\ncommands:\n");
	for (const struct cw_command *c = cw_commands; c->name; c++) {
		char name[64];

		snprintf(name, sizeof(name), "%s%s%s", c->name, c->arguments[0] ? " " : "", c->arguments);
		cw_buf_printf(out, "  %-27s %s\n", name, c->help);
	}
	cw_buf_puts(out, "\noptions:\n");
	for (const struct cw_option *o = cw_global_options; o->name; o++)
		put_option_help(out, o);
	return cw_buf_puts(out, "\n'councilwatch command --help' tells more of one. "
	                        "COUNCIL is any id, code or unambiguous name.\n"
	                        "Exit status: 0 done, 1 not found or unhealthy, 2 wrong usage or configuration.\n");
}

const char *cw_cli_option(const struct cw_cli *cli, const char *name)
{
	for (size_t i = 0; i < cli->n_options; i++)
		if (!strcmp(cli->options[i].option->name, name))
			return cli->options[i].value;
	return NULL;
}

int cw_cli_option_number(const struct cw_cli *cli, const char *name, uint64_t min, uint64_t max, uint64_t *ret)
{
	const char *value = cw_cli_option(cli, name);
	int64_t number;

	if (!value)
		return 0;
	if (cw_parse_integer(cw_str(value), &number) < 0 || number < 0 || (uint64_t)number < min ||
	    (uint64_t)number > max)
		return cw_cli_fail(-EINVAL, "--%s takes a whole number of at least %llu, not '%s'", name,
		                   (unsigned long long)min, value);
	*ret = (uint64_t)number;
	return 0;
}

int cw_cli_option_day(const struct cw_cli *cli, const char *name, int32_t *ret)
{
	const char *value = cw_cli_option(cli, name);
	struct cw_wall t;

	if (!value)
		return 0;
	if (cw_wall_parse(value, strlen(value), &t, NULL) < 0)
		return cw_cli_fail(-EINVAL, "--%s takes a date like 2024-09-02, not '%s'", name, value);
	*ret = cw_wall_day(t);
	return 0;
}

static int not_one_of(const char *option, const char *value, const char *const *names)
{
	const char *near = cw_nearest(value, names);
	struct cw_buf list;

	if (near)
		return cw_cli_fail(-EINVAL, "--%s: '%s' is not known; did you mean '%s'?", option, value, near);
	cw_buf_init(&list, HELP_MAX);
	for (size_t i = 0; names[i]; i++)
		cw_buf_printf(&list, "%s%s", i ? ", " : "", names[i]);
	cw_cli_fail(-EINVAL, "--%s: '%s' is not known; one of %s", option, value, cw_buf_str(&list));
	cw_buf_clear(&list);
	return -EINVAL;
}

int cw_cli_option_kind(const struct cw_cli *cli, const char *name, enum cw_kind *ret)
{
	const char *value = cw_cli_option(cli, name);
	const struct cw_kind_def *def;

	if (!value)
		return 0;
	def = cw_kind_by_name(cw_str(value));
	if (!def)
		return not_one_of(name, value, cw_kind_names());
	*ret = def->kind;
	return 0;
}

int cw_cli_option_alert_kind(const struct cw_cli *cli, const char *name, enum cw_alert_kind *ret)
{
	const char *value = cw_cli_option(cli, name);

	if (!value)
		return 0;
	for (int kind = 1; kind < CW_ALERT_KIND_COUNT; kind++) {
		if (!strcmp(cw_alert_kind_name((enum cw_alert_kind)kind), value)) {
			*ret = (enum cw_alert_kind)kind;
			return 0;
		}
	}
	return not_one_of(name, value, cw_alert_kind_names());
}

int cw_cli_option_level(const struct cw_cli *cli, const char *name, bool *ret_given, enum cw_level *ret)
{
	const char *value = cw_cli_option(cli, name);
	const char *names[CW_LEVEL_COUNT + 1];

	if (!value)
		return 0;
	if (!cw_level_parse(cw_str(value), ret)) {
		*ret_given = true;
		return 0;
	}
	for (int level = 0; level < CW_LEVEL_COUNT; level++)
		names[level] = cw_level_name((enum cw_level)level);
	names[CW_LEVEL_COUNT] = NULL;
	return not_one_of(name, value, names);
}

int cw_cli_council(const struct cw_cli *cli, const char *text, const struct cw_council **ret)
{
	const char *suggestion = NULL;
	struct cw_str name = cw_str(text);
	int r;

	/* On a day of the past a name may have been another council's than today. */
	if (cli->has_as_of && !cw_councils_by_id(cli->config->councils, name) &&
	    !cw_council_resolve(cli->config->councils, &name, 1, cli->as_of, ret, NULL))
		return 0;
	r = cw_council_find(cli->config->councils, text, ret, &suggestion);
	if (!r)
		return 0;
	if (r < 0)
		return cw_cli_fail(CW_EXIT_NO, "cannot look up '%s': %s", text, strerror(-r));
	if (r == CW_COUNCIL_AMBIGUOUS)
		return cw_cli_fail(CW_EXIT_NO, "'%s' may be more than one council%s%s%s", text,
		                   suggestion ? "; did you mean '" : "; use its id or a code",
		                   suggestion ? suggestion : "", suggestion ? "'?" : "");
	if (suggestion)
		return cw_cli_fail(CW_EXIT_NO, "no council is called '%s'; did you mean '%s'?", text, suggestion);
	return cw_cli_fail(CW_EXIT_NO, "no council is called '%s'; 'councilwatch councils' lists them", text);
}

#define FINDINGS 8

int cw_cli_lint(const struct cw_cli *cli, const char *what, const char *text, bool author)
{
	const struct cw_councils *councils = cli->config->councils;
	struct cw_lint found[FINDINGS];
	int n = author ? cw_lint_role(cw_str(text), councils, found, FINDINGS) : cw_lint_text(cw_str(text), councils, found, FINDINGS);

	for (int i = 0; i < n && i < FINDINGS; i++)
		if (found[i].rule == CW_LINT_NO_ROLE)
			cw_cli_fail(0, "%s '%s' names no role. %s", what, text, cw_lint_mend(found[i].rule));
		else
			cw_cli_fail(0, "%s seems to hold %s: '%.*s'. %s", what, cw_lint_what(found[i].rule), (int)found[i].len,
			            text + found[i].at, cw_lint_mend(found[i].rule));
	return n < 0 ? cw_cli_fail(1, "out of memory") : n;
}

int cw_cli_store(const struct cw_cli *cli, struct cw_store **ret)
{
	struct cw_store *store = NULL;
	struct cw_error err = { 0 };
	int r;

	r = cw_store_open_reader(cli->config->state_dir, &store, &err);
	if (r == -ENOENT)
		return cw_cli_fail(
		    CW_EXIT_NO,
		    "nothing is stored in '%s' yet; start councilwatchd, or import with 'councilwatch import'",
		    cli->config->state_dir);
	if (r < 0)
		return cw_cli_fail_error(CW_EXIT_NO, &err, "cannot read the database in '%s'", cli->config->state_dir);
	r = cw_store_read_begin(store, &err);
	if (r < 0) {
		cw_store_close(store);
		return cw_cli_fail_error(CW_EXIT_NO, &err, "cannot read the database in '%s'", cli->config->state_dir);
	}
	r = cw_record_begin(cli);
	if (r) {
		cw_cli_store_close(&store);
		return r;
	}
	*ret = store;
	return 0;
}

void cw_cli_store_close(struct cw_store **store)
{
	if (!*store)
		return;
	cw_store_read_end(*store);
	cw_store_close(*store);
	*store = NULL;
}

bool cw_cli_council_existed(const struct cw_council *council, int32_t day)
{
	if (council->start_day != CW_DAY_NONE && day < council->start_day)
		return false;
	return council->end_day == CW_DAY_NONE || day <= council->end_day;
}

int cw_cli_assess(const struct cw_cli *cli, struct cw_store *store, const struct cw_council *council, int32_t day,
                  bool outage, struct cw_history *facts, struct cw_assessment *ret, struct cw_error *err)
{
	int r;

	r = cw_history_load(store, cli->config->councils, &cli->config->risk, council, facts, err);
	if (r < 0)
		return r;
	r = cw_model_assess(&cli->config->risk, facts->at, facts->n, day, ret, err);
	if (r < 0) {
		cw_history_free(facts);
		return r;
	}
	/* A required source that is silent hides changes: nothing may read as calm (domain 3.5). */
	if (outage)
		ret->knowledge = CW_UNKNOWN;
	return 0;
}

struct mistakes {
	size_t n;
};

static void print_mistake(void *arg, const struct cw_error *err)
{
	struct mistakes *mistakes = arg;
	char text[CW_ERROR_SOURCE_MAX + CW_ERROR_TEXT_MAX + 32];

	cw_out_text(stderr, cw_error_format(err, text, sizeof(text)));
	fputc('\n', stderr);
	mistakes->n++;
}

int cw_cli_load_config(const char *file, const char *risk_file, struct cw_config **ret)
{
	struct mistakes mistakes = { 0 };
	struct cw_error err = { 0 };

	if (cw_config_load_trial(file, risk_file, print_mistake, &mistakes, ret, &err) == 0)
		return 0;
	if (!mistakes.n)
		return cw_cli_fail_error(CW_EXIT_USAGE, &err, "cannot use the configuration");
	return cw_cli_fail(CW_EXIT_USAGE, "the configuration has %zu mistake%s", mistakes.n,
	                   mistakes.n == 1 ? "" : "s");
}

int cw_cli_configure(struct cw_cli *cli)
{
	return cw_cli_load_config(cli->config_file ? cli->config_file : cw_config_default_file, NULL, &cli->config);
}

int cw_cli_main(int argc, char *const *argv)
{
	struct cw_cli cli;
	struct cw_error err = { 0 };
	int status;

	/* A reader that goes away is seen where the answer is written (cw_out_finish). */
	signal(SIGPIPE, SIG_IGN);

	if (cw_cli_parse(&cli, argc, argv, &err) < 0) {
		cw_cli_clear(&cli);
		return cw_cli_fail(CW_EXIT_USAGE, "%s", err.text);
	}
	cli.colour = cw_out_wants_colour(stdout);

	if (cli.version) {
		printf("councilwatch %s\n", CW_VERSION);
		status = CW_EXIT_DONE;
	} else if (cli.help) {
		struct cw_buf help;

		cw_buf_init(&help, HELP_MAX);
		status = cw_cli_help(cli.command, &help) ? CW_EXIT_NO : CW_EXIT_DONE;
		fputs(cw_buf_str(&help), stdout);
		cw_buf_clear(&help);
	} else {
		status = cli.command->flags & CW_COMMAND_OWN_CONFIG ? 0 : cw_cli_configure(&cli);
		if (!status)
			status = cli.command->run(&cli);
	}
	status = cw_out_finish(stdout, status);
	status = cw_record_end(&cli, status);
	cw_cli_clear(&cli);
	return status;
}
