/*
 * councilwatch offer late: who waits for an answer to an alert longer than domain 3.1 allows, the longest first.
 */
#include <errno.h>
#include <string.h>

#include <councilwatch/kpi_result.h>

#include "offer.h"
#include "output.h"

static const char *what_name(enum cw_kpi_test_kind what)
{
	return what == CW_TEST_READ ? "read" : what == CW_TEST_CONTACT ? "contact" : "offer";
}

static const char *first_url(const json_t *contributor)
{
	json_t *evidence;
	size_t i;

	json_array_foreach(json_object_get(contributor, "evidence"), i, evidence) {
		const char *url = cw_json_get_text(evidence, "url", "");

		if (*url)
			return url;
	}
	return "";
}

/* Of what brought the alert; when that is none of them, of the weightiest contributor that has one. */
static const char *link_of(const json_t *data)
{
	const char *cause = cw_json_get_text(data, "cause", ""), *other = "";
	json_t *contributor;
	size_t i;

	json_array_foreach(json_object_get(data, "contributors"), i, contributor) {
		const char *signal = cw_json_get_text(contributor, "signal", ""), *url = first_url(contributor);

		if (strlen(signal) == strcspn(cause, "/") && !strncmp(signal, cause, strlen(signal)))
			return url;
		if (!*other)
			other = url;
	}
	return other;
}

/* Its data; owned. */
static int alert_data(struct cw_store *store, uint64_t seq, json_t **ret, struct cw_error *err)
{
	CW_CLEANUP(cw_freep) char *text = NULL;
	int r = cw_store_alert_json(store, seq, &text, err);
	json_t *event;

	if (r < 0)
		return r;
	event = json_loads(text, 0, NULL);
	*ret = json_incref(json_object_get(event, "data"));
	json_decref(event);
	return *ret ? 0 : cw_error_set(err, -EUCLEAN, "alert %llu cannot be read", (unsigned long long)seq);
}

static json_t *answers_json(const struct cw_waiting *waiting)
{
	json_t *list = json_array();

	for (size_t i = 0; i < waiting->n; i++) {
		const struct cw_answer *answer = &waiting->at[i];

		if (json_array_append_new(list, json_pack("{s:s, s:i, s:o, s:i}", "what", what_name(answer->what), "within", answer->allowed, "due",
		                                          cw_json_day(answer->due), "working_days_late", answer->days_late)) < 0)
			return NULL;
	}
	return list;
}

static json_t *waiting_json(const struct cw_waiting *waiting, const json_t *data)
{
	const struct cw_trigger *t = &waiting->trigger;
	json_t *object = json_object(), *alert = json_object();
	int failed = 0;

	cw_json_set(alert, "id", json_string(t->id), &failed);
	cw_json_set(alert, "seq", json_integer((json_int_t)t->seq), &failed);
	cw_json_set(alert, "kind", json_string(cw_alert_kind_name(t->kind)), &failed);
	cw_json_set(alert, "day", cw_json_day(t->day), &failed);
	cw_json_set(alert, "text", json_string(cw_json_get_text(data, "text", "")), &failed);
	cw_json_set(alert, "url", *link_of(data) ? json_string(link_of(data)) : json_null(), &failed);
	cw_json_set(object, "council_id", json_string(t->council->id), &failed);
	cw_json_set(object, "name", json_string(t->council->short_name), &failed);
	cw_json_set(object, "region", json_string(t->council->region), &failed);
	cw_json_set(object, "level", json_string(cw_level_name(t->level)), &failed);
	cw_json_set(object, "strand", json_string(cw_strand_names[t->strand]), &failed);
	cw_json_set(object, "working_days_late", json_integer(waiting->days_late), &failed);
	cw_json_set(object, "missing", answers_json(waiting), &failed);
	cw_json_set(object, "alert", alert, &failed);
	if (failed) {
		json_decref(object);
		return NULL;
	}
	return object;
}

static void format_missing(const struct cw_waiting *waiting, struct cw_buf *out)
{
	char day[CW_WALL_TEXT];

	cw_buf_reset(out);
	for (size_t i = 0; i < waiting->n; i++)
		cw_buf_printf(out, "%s%s due %s", i ? ", " : "", what_name(waiting->at[i].what), cw_day_format(waiting->at[i].due, day));
}

static void print_text(const struct cw_cli *cli, const struct cw_waiting *waiting, const json_t *data, struct cw_buf *line)
{
	const struct cw_trigger *t = &waiting->trigger;
	char day[CW_WALL_TEXT];

	format_missing(waiting, line);
	printf("%d working day%s late: ", waiting->days_late, waiting->days_late == 1 ? "" : "s");
	cw_out_text(stdout, t->council->short_name);
	fputs(", ", stdout);
	cw_out_coloured(stdout, cli->colour, cw_out_level_colour(t->level), cw_level_name(t->level));
	printf(" (%s), %s\n    alert %llu of %s: ", cw_strand_names[t->strand], cw_buf_str(line), (unsigned long long)t->seq,
	       cw_day_format(t->day, day));
	cw_out_text(stdout, cw_json_get_text(data, "text", ""));
	putchar('\n');
	if (*link_of(data)) {
		fputs("    ", stdout);
		cw_out_text(stdout, link_of(data));
		putchar('\n');
	}
}

static int print_csv(const struct cw_waiting *waiting, const json_t *data, struct cw_buf *line, struct cw_buf *missing)
{
	const struct cw_trigger *t = &waiting->trigger;
	char day[CW_WALL_TEXT];
	const char *fields[] = { t->council->id, t->council->short_name, t->council->region, cw_level_name(t->level), cw_strand_names[t->strand] };

	format_missing(waiting, missing);
	cw_buf_reset(line);
	for (size_t i = 0; i < CW_ARRAY_LEN(fields); i++)
		cw_csv_field(line, !i, fields[i]);
	cw_buf_printf(line, ",%d", waiting->days_late);
	cw_csv_field(line, false, cw_buf_str(missing));
	cw_csv_field(line, false, cw_day_format(t->day, day));
	cw_csv_field(line, false, t->id);
	cw_csv_field(line, false, cw_json_get_text(data, "text", ""));
	cw_csv_field(line, false, link_of(data));
	if (cw_buf_puts(line, "\r\n") == 0)
		fputs(cw_buf_str(line), stdout);
	return line->failed;
}

static int print_all(const struct cw_cli *cli, struct cw_store *store, const struct cw_waiting *waiting, size_t n)
{
	struct cw_json_array array;
	struct cw_error err = { 0 };
	struct cw_buf line, missing;
	int r = 0;

	cw_buf_init(&line, 1u << 20);
	cw_buf_init(&missing, 4096);
	if (cli->json)
		cw_json_array_begin(&array, stdout);
	else if (cli->csv)
		fputs("council_id,name,region,level,strand,working_days_late,missing,alert_day,alert_id,text,url\r\n", stdout);
	for (size_t i = 0; i < n && r == 0 && !ferror(stdout); i++) {
		json_t *data = NULL;

		r = alert_data(store, waiting[i].trigger.seq, &data, &err);
		if (r == 0 && cli->json)
			cw_json_array_item(&array, waiting_json(&waiting[i], data));
		else if (r == 0 && cli->csv)
			r = print_csv(&waiting[i], data, &line, &missing);
		else if (r == 0)
			print_text(cli, &waiting[i], data, &line);
		json_decref(data);
	}
	if (r == 0 && cli->json)
		r = cw_json_array_end(&array);
	cw_buf_clear(&line);
	cw_buf_clear(&missing);
	if (r < 0)
		return err.code ? cw_cli_fail_error(CW_EXIT_NO, &err, "cannot show who waits") : cw_cli_fail(CW_EXIT_NO, "out of memory");
	return CW_EXIT_DONE;
}

static void print_sum(const struct cw_cli *cli, const struct cw_kpi_run *run, size_t n)
{
	char day[CW_WALL_TEXT];

	printf("%sAs of %s: %zu council%s and strand%s waiting longer than agreed, in working days.\n", n ? "\n" : "",
	       cw_day_format(cli->as_of, day), n, n == 1 ? "" : "s", n == 1 ? "" : "s");
	if (cw_kpi_run_left_out(run))
		printf("Rows of the ledger that became known later are left out: %zu.\n", cw_kpi_run_left_out(run));
	if (n)
		puts("'councilwatch offer add COUNCIL --trigger ALERT ...' records what was done. A level is a flag for a conversation.");
}

int offer_late(struct cw_cli *cli)
{
	CW_CLEANUP(offer_ledger_close) struct cw_ledger *ledger = NULL;
	CW_CLEANUP(cw_freep) struct cw_waiting *waiting = NULL;
	CW_CLEANUP(cw_cli_store_close) struct cw_store *store = NULL;
	struct cw_kpi_run *run = NULL;
	struct cw_error err = { 0 };
	int32_t since = CW_DAY_NONE;
	size_t n = 0;
	int status, r;

	if (cw_cli_option_day(cli, "since", &since) < 0)
		return CW_EXIT_USAGE;
	status = cw_cli_store(cli, &store);
	if (!status)
		status = offer_ledger(cli, false, &ledger);
	if (status)
		return status;
	r = cw_kpi_run_new(cli->config, store, ledger, cli->as_of, offer_known_by(cli), &run, &err);
	if (r == 0)
		r = cw_kpi_late(run, since, cw_cli_option(cli, "all") != NULL, &waiting, &n, &err);
	if (r < 0) {
		status = cw_cli_fail_error(r == -ERANGE || r == -ENOENT ? CW_EXIT_USAGE : CW_EXIT_NO, &err, "cannot tell who waits");
	} else {
		status = print_all(cli, store, waiting, n);
		if (!status && !cli->json && !cli->csv)
			print_sum(cli, run, n);
	}
	cw_kpi_run_free(run);
	return status;
}
