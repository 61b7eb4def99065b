/*
 * councilwatch kpi: the KPIs of kpi.conf, each with its numerator, denominator and the councils behind them.
 */
#include <errno.h>
#include <math.h>
#include <string.h>

#include <councilwatch/kpi_result.h>

#include "offer.h"
#include "output.h"

const struct cw_option cw_kpi_options[] = {
	{ "period", "PERIOD", "2025-26 (from April), 2025Q3 (July to September), 2025-07, 2025 or 2025-04-01..2025-06-30; else each one's window "
	  "that runs now", 0 },
	{ "councils", NULL, "every council with what counted for it and when", 0 },
	{ NULL },
};

static const char *const standing_words[] = { [CW_MEMBER_IN] = "in", [CW_MEMBER_OUT] = "missing", [CW_MEMBER_PENDING] = "waiting" };

static const char *name_of(const struct cw_kpi_member *member)
{
	return member->council ? member->council->short_name : member->who;
}

static const char *unit_of(const struct cw_kpi *kpi)
{
	switch (kpi->measure) {
	case CW_KPI_SHARE:
		return "percent";
	case CW_KPI_MEDIAN:
		return "working_days";
	case CW_KPI_COUNT:
		return "count";
	default:
		return kpi->value == CW_KPI_RATING ? "rating" : "days";
	}
}

static json_t *number_json(double number)
{
	return isnan(number)                                    ? json_null()
	       : number == floor(number) && fabs(number) < 1e15 ? json_integer((json_int_t)number)
	                                                        : json_real(number);
}

/* ---- JSON ---- */

static json_t *member_json(const struct cw_kpi_member *member)
{
	json_t *object = json_object();
	int failed = 0;

	cw_json_set(object, "council_id", member->council ? json_string(member->who) : json_null(), &failed);
	cw_json_set(object, "organisation_id", member->council ? json_null() : json_string(member->who), &failed);
	cw_json_set(object, "name", json_string(name_of(member)), &failed);
	cw_json_set(object, "standing", json_string(standing_words[member->standing]), &failed);
	cw_json_set(object, "what", json_string(member->what), &failed);
	cw_json_set(object, "since", cw_json_day(member->since), &failed);
	cw_json_set(object, "due", cw_json_day(member->due), &failed);
	cw_json_set(object, "done", cw_json_day(member->done), &failed);
	cw_json_set(object, "working_days", member->days < 0 ? json_null() : json_integer(member->days), &failed);
	cw_json_set(object, "value", number_json(member->value), &failed);
	cw_json_set(object, "offer_id", *member->offer_id ? json_string(member->offer_id) : json_null(), &failed);
	cw_json_set(object, "alert_id", *member->alert_id ? json_string(member->alert_id) : json_null(), &failed);
	if (failed) {
		json_decref(object);
		return NULL;
	}
	return object;
}

static json_t *period_json(const struct cw_kpi_result *result)
{
	char name[CW_PERIOD_TEXT];

	return json_pack("{s:s, s:o, s:o, s:b}", "name", cw_period_format(result->period, name), "from", cw_json_day(result->period.from), "to",
	                 cw_json_day(result->period.to), "closed", result->closed);
}

static json_t *groups_json(const struct cw_kpi_result *result)
{
	json_t *list = json_array();

	for (size_t i = 0; i < result->n_groups; i++)
		if (json_array_append_new(list, json_pack("{s:s, s:I, s:I, s:I}", "name", result->groups[i].name, "numerator",
		                                          (json_int_t)result->groups[i].in, "denominator", (json_int_t)result->groups[i].of,
		                                          "waiting", (json_int_t)result->groups[i].pending)) < 0)
			return NULL;
	return list;
}

static json_t *result_json(const struct cw_cli *cli, const struct cw_kpi_result *result)
{
	const struct cw_kpi *kpi = result->kpi;
	json_t *object = json_object(), *councils = json_array();
	int failed = 0;

	for (size_t i = 0; i < result->n; i++)
		if (json_array_append_new(councils, member_json(&result->at[i])) < 0)
			failed = -ENOMEM;
	cw_json_set(object, "id", json_string(kpi->id), &failed);
	cw_json_set(object, "title", json_string(kpi->title), &failed);
	cw_json_set(object, "owner", json_string(kpi->owner), &failed);
	cw_json_set(object, "strand", kpi->strand < 0 ? json_null() : json_string(cw_strand_names[kpi->strand]), &failed);
	cw_json_set(object, "measure", json_string(cw_kpi_measure_words[kpi->measure]), &failed);
	cw_json_set(object, "unit", json_string(unit_of(kpi)), &failed);
	cw_json_set(object, "window", json_string(cw_kpi_window_words[kpi->window]), &failed);
	cw_json_set(object, "period", period_json(result), &failed);
	cw_json_set(object, "as_of", cw_json_day(cli->as_of), &failed);
	cw_json_set(object, "numerator", number_json(result->numerator), &failed);
	cw_json_set(object, "denominator", number_json(result->denominator), &failed);
	cw_json_set(object, "value", number_json(result->value), &failed);
	cw_json_set(object, "waiting", json_integer((json_int_t)result->pending), &failed);
	cw_json_set(object, "target", kpi->has_target ? number_json(kpi->target) : json_null(), &failed);
	cw_json_set(object, "better", json_string(kpi->fewer ? "fewer" : "more"), &failed);
	cw_json_set(object, "met", result->met < 0 ? json_null() : json_boolean(result->met), &failed);
	cw_json_set(object, "caution", kpi->caution ? json_string(kpi->caution) : json_null(), &failed);
	cw_json_set(object, "groups", groups_json(result), &failed);
	cw_json_set(object, "councils", councils, &failed);
	if (failed) {
		json_decref(object);
		return NULL;
	}
	return object;
}

/* ---- CSV ---- */

static void csv_number(struct cw_buf *line, double number)
{
	if (isnan(number))
		cw_buf_putc(line, ',');
	else
		cw_buf_printf(line, ",%.10g", number);
}

static void csv_result(const struct cw_kpi_result *result, struct cw_buf *line)
{
	const struct cw_kpi *kpi = result->kpi;
	char name[CW_PERIOD_TEXT], day[CW_WALL_TEXT];

	cw_csv_field(line, true, kpi->id);
	cw_csv_field(line, false, kpi->title);
	cw_csv_field(line, false, cw_period_format(result->period, name));
	cw_csv_field(line, false, cw_day_format(result->period.from, day));
	cw_csv_field(line, false, cw_day_format(result->period.to, day));
	cw_csv_field(line, false, result->closed ? "closed" : "running");
	csv_number(line, result->numerator);
	csv_number(line, result->denominator);
	csv_number(line, result->value);
	cw_csv_field(line, false, unit_of(kpi));
	csv_number(line, (double)result->pending);
	csv_number(line, kpi->has_target ? kpi->target : NAN);
	cw_csv_field(line, false, result->met < 0 ? "" : result->met ? "met" : "not met");
	cw_buf_puts(line, "\r\n");
}

static void csv_member(const struct cw_kpi_result *result, const struct cw_kpi_member *member, struct cw_buf *line)
{
	char name[CW_PERIOD_TEXT], day[CW_WALL_TEXT];

	cw_csv_field(line, true, result->kpi->id);
	cw_csv_field(line, false, cw_period_format(result->period, name));
	cw_csv_field(line, false, member->council ? member->who : "");
	cw_csv_field(line, false, member->council ? "" : member->who);
	cw_csv_field(line, false, name_of(member));
	cw_csv_field(line, false, standing_words[member->standing]);
	cw_csv_field(line, false, member->what);
	cw_csv_field(line, false, cw_day_format(member->since, day));
	cw_csv_field(line, false, cw_day_format(member->due, day));
	cw_csv_field(line, false, cw_day_format(member->done, day));
	csv_number(line, member->days < 0 ? NAN : member->days);
	csv_number(line, member->value);
	cw_csv_field(line, false, member->offer_id);
	cw_csv_field(line, false, member->alert_id);
	cw_buf_puts(line, "\r\n");
}

static int print_csv(const struct cw_kpi_result *result, bool councils, struct cw_buf *line)
{
	cw_buf_reset(line);
	if (!councils)
		csv_result(result, line);
	for (size_t i = 0; councils && i < result->n; i++)
		csv_member(result, &result->at[i], line);
	fputs(cw_buf_str(line), stdout);
	return line->failed;
}

/* ---- text ---- */

static void print_value(const struct cw_kpi_result *result)
{
	const struct cw_kpi *kpi = result->kpi;

	switch (kpi->measure) {
	case CW_KPI_SHARE:
		printf("%.0f of %.0f", result->numerator, result->denominator);
		if (!isnan(result->value))
			printf(" = %.1f%%", result->value);
		break;
	case CW_KPI_COUNT:
		printf("%.0f", result->value);
		break;
	case CW_KPI_SUM:
		printf("%.10g %s", result->value, unit_of(kpi));
		break;
	case CW_KPI_MEAN:
		if (isnan(result->value))
			fputs("no rating is recorded", stdout);
		else
			printf("%.2f (%.10g / %.10g)", result->value, result->numerator, result->denominator);
		break;
	case CW_KPI_MEDIAN:
		if (isnan(result->value))
			printf("0 of %.0f, so there is no median", result->denominator);
		else
			printf("%.10g working days (%.0f of %.0f)", result->value, result->numerator, result->denominator);
		break;
	}
}

static void print_target(const struct cw_kpi_result *result)
{
	const struct cw_kpi *kpi = result->kpi;

	if (!kpi->has_target)
		return;
	printf("; target at %s %.10g%s: ", kpi->fewer ? "most" : "least", kpi->target, kpi->measure == CW_KPI_SHARE ? "%" : "");
	if (result->target_other_window)
		printf("it is for a %s", cw_kpi_window_words[kpi->window]);
	else if (result->met < 0)
		fputs(isnan(result->value) ? "there is nothing to tell it from" : "it cannot be told yet", stdout);
	else
		fputs(result->met ? "met" : "not met", stdout);
}

/* "missing: Leeds, York": in lines that fit a terminal. */
static void print_names(const struct cw_kpi_result *result, enum cw_kpi_standing standing)
{
	bool offers = result->kpi->denominator.of == CW_OF_OFFERS;
	size_t width = 0;

	for (size_t i = 0; i < result->n; i++) {
		const struct cw_kpi_member *member = &result->at[i];
		char text[CW_OFFER_TEXT_MAX + CW_OFFER_ID_MAX + 8];
		size_t len;

		if (member->standing != standing)
			continue;
		snprintf(text, sizeof(text), offers ? "%s (%s)" : "%s", name_of(member), member->offer_id);
		len = cw_out_width(text) + 2;
		if (!width)
			printf("  %-9s", standing_words[standing]);
		else
			fputc(',', stdout);
		if (width && width + len > 100) {
			printf("\n           ");
			width = 0;
		}
		fputc(' ', stdout);
		cw_out_text(stdout, text);
		width += len;
	}
	if (width)
		putchar('\n');
}

static int print_members(const struct cw_kpi_result *result, bool colour)
{
	static const struct cw_column columns[] = { { "COUNCIL", false }, { "", false },      { "WHAT", false },     { "SINCE", false },
		                                    { "DUE", false },     { "DONE", false },  { "DAYS", true },      { "VALUE", true },
		                                    { "OFFER", false } };
	char day[CW_WALL_TEXT];
	struct cw_table table;
	int r;

	if (!result->n)
		return 0;
	cw_table_init(&table, columns, CW_ARRAY_LEN(columns));
	for (size_t i = 0; i < result->n; i++) {
		const struct cw_kpi_member *member = &result->at[i];

		cw_table_add(&table, name_of(member));
		cw_table_add(&table, standing_words[member->standing]);
		cw_table_add(&table, member->what);
		cw_table_add(&table, cw_day_format(member->since, day));
		cw_table_add(&table, cw_day_format(member->due, day));
		cw_table_add(&table, cw_day_format(member->done, day));
		if (member->days >= 0)
			cw_table_addf(&table, "%d", member->days);
		else
			cw_table_add(&table, "");
		if (!isnan(member->value) && (result->kpi->measure == CW_KPI_SUM || result->kpi->measure == CW_KPI_MEAN))
			cw_table_addf(&table, "%.10g", member->value);
		else
			cw_table_add(&table, "");
		cw_table_add(&table, member->offer_id);
	}
	r = cw_table_print(&table, 2, colour, stdout);
	cw_table_clear(&table);
	return r;
}

static int print_text(const struct cw_cli *cli, const struct cw_kpi_result *result)
{
	const struct cw_kpi *kpi = result->kpi;
	char name[CW_PERIOD_TEXT], from[CW_WALL_TEXT], to[CW_WALL_TEXT];

	printf("%s: ", kpi->id);
	cw_out_text(stdout, kpi->title);
	printf("\n  %s (%s to %s), %s; owner: ", cw_period_format(result->period, name), cw_day_format(result->period.from, from),
	       cw_day_format(result->period.to, to), result->closed ? "closed" : "running");
	cw_out_text(stdout, kpi->owner);
	if (kpi->strand >= 0)
		printf("; strand: %s", cw_strand_names[kpi->strand]);
	fputs("\n  ", stdout);
	print_value(result);
	if (result->pending)
		printf(", %zu still in time", result->pending);
	print_target(result);
	putchar('\n');
	for (size_t i = 0; i < result->n_groups && result->n_groups > 1; i++)
		printf("    %s: %zu of %zu\n", result->groups[i].name, result->groups[i].in, result->groups[i].of);
	if (kpi->caution) {
		fputs("  ", stdout);
		cw_out_text(stdout, kpi->caution);
		putchar('\n');
	}
	if (cw_cli_option(cli, "councils"))
		return print_members(result, cli->colour);
	print_names(result, CW_MEMBER_IN);
	print_names(result, CW_MEMBER_PENDING);
	print_names(result, CW_MEMBER_OUT);
	return 0;
}

/* ---- all of it ---- */

struct telling {
	struct cw_cli *cli;
	struct cw_kpi_run *run;
	const char *id; /* NULL = all */
	bool has_period;
	struct cw_period period;
	struct cw_json_array array;
	struct cw_buf line;
	size_t n, not_then;
};

static bool valid_in(const struct cw_kpi *kpi, struct cw_period period)
{
	return (kpi->valid_from == CW_DAY_NONE || kpi->valid_from <= period.to) && (kpi->valid_to == CW_DAY_NONE || kpi->valid_to >= period.from);
}

static int tell_one(struct telling *telling, const struct cw_kpi *kpi, struct cw_error *err)
{
	struct cw_cli *cli = telling->cli;
	struct cw_period period = telling->has_period ? telling->period : cw_period_of(kpi->window, cli->as_of);
	struct cw_kpi_result result;
	int r;

	if (!valid_in(kpi, period)) {
		telling->not_then++;
		return 0;
	}
	r = cw_kpi_work_out(telling->run, kpi, period, &result, err);
	if (r < 0)
		return cw_error_prefix(err, "kpi \"%s\"", kpi->id);
	if (cli->json) {
		cw_json_array_item(&telling->array, result_json(cli, &result));
		r = telling->array.failed;
	} else if (cli->csv) {
		r = print_csv(&result, cw_cli_option(cli, "councils") != NULL, &telling->line);
	} else {
		if (telling->n)
			putchar('\n');
		r = print_text(cli, &result);
	}
	telling->n++;
	cw_kpi_result_clear(&result);
	return r < 0 ? cw_error_nomem(err) : 0;
}

static void print_end(const struct telling *telling)
{
	char day[CW_WALL_TEXT];

	printf("\nAs of %s. Who is counted is as it was known at the end of the period; what was done for them, as it is in the ledger.\n",
	       cw_day_format(telling->cli->as_of, day));
	if (cw_kpi_run_left_out(telling->run))
		printf("Rows of the ledger that became known later are left out: %zu.\n", cw_kpi_run_left_out(telling->run));
	if (telling->not_then)
		printf("Not measured in this period: %zu.\n", telling->not_then);
}

static int tell_all(struct telling *telling)
{
	struct cw_cli *cli = telling->cli;
	const struct cw_kpis *kpis = cli->config->kpis;
	struct cw_error err = { 0 };
	int r = 0;

	if (cli->json)
		cw_json_array_begin(&telling->array, stdout);
	else if (cli->csv)
		fputs(cw_cli_option(cli, "councils")
		          ? "kpi,period,council_id,organisation_id,name,standing,what,since,due,done,working_days,value,offer_id,alert_id\r\n"
		          : "kpi,title,period,from,to,state,numerator,denominator,value,unit,waiting,target,met\r\n",
		      stdout);
	for (size_t i = 0; i < kpis->n && r == 0 && !ferror(stdout); i++)
		if (!telling->id || !strcmp(kpis->at[i].id, telling->id))
			r = tell_one(telling, &kpis->at[i], &err);
	if (r == 0 && cli->json)
		r = cw_json_array_end(&telling->array);
	if (r < 0)
		return cw_cli_fail_error(r == -ERANGE || r == -ENOENT || r == -EINVAL ? CW_EXIT_USAGE : CW_EXIT_NO, &err, "cannot work it out");
	if (telling->id && telling->not_then)
		return cw_cli_fail(CW_EXIT_NO, "kpi \"%s\" is not measured in that period: see its valid_from and valid_to", telling->id);
	if (!cli->json && !cli->csv)
		print_end(telling);
	return CW_EXIT_DONE;
}

static int find_kpi(const struct cw_cli *cli, const char *id)
{
	const struct cw_kpis *kpis = cli->config->kpis;
	const char *names[CW_KPIS_MAX + 1] = { 0 }, *near;

	if (!kpis->n)
		return cw_cli_fail(CW_EXIT_NO, "no KPI is configured: set kpi_file, or put kpi.conf beside the configuration");
	if (!id || cw_kpi_find(kpis, id))
		return 0;
	for (size_t i = 0; i < kpis->n; i++)
		names[i] = kpis->at[i].id;
	near = cw_nearest(id, names);
	return cw_cli_fail(CW_EXIT_NO, "there is no kpi \"%s\"%s%s%s", id, near ? "; did you mean '" : "; 'councilwatch kpi' has them all",
	                   near ? near : "", near ? "'?" : "");
}

int cw_cmd_kpi(struct cw_cli *cli)
{
	CW_CLEANUP(offer_ledger_close) struct cw_ledger *ledger = NULL;
	CW_CLEANUP(cw_cli_store_close) struct cw_store *store = NULL;
	struct telling telling = { .cli = cli, .id = cli->n_arguments ? cli->arguments[0] : NULL };
	const char *period = cw_cli_option(cli, "period");
	struct cw_error err = { 0 };
	int status = find_kpi(cli, telling.id), r;

	if (status)
		return status;
	if (period && cw_period_parse(period, &telling.period, &err) < 0)
		return cw_cli_fail(CW_EXIT_USAGE, "--period: %s", err.text);
	telling.has_period = period != NULL;
	status = offer_store(cli, &store);
	if (!status)
		status = offer_ledger(cli, false, &ledger);
	if (status)
		return status;
	r = cw_kpi_run_new(cli->config, store, ledger, cli->as_of, offer_known_by(cli), &telling.run, &err);
	if (r < 0)
		return cw_cli_fail_error(CW_EXIT_NO, &err, "cannot read what is stored");
	cw_buf_init(&telling.line, 8u << 20);
	status = tell_all(&telling);
	cw_buf_clear(&telling.line);
	cw_kpi_run_free(telling.run);
	return status;
}
