#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <councilwatch/render.h>

#include "alert_text.h"
#include "dry_run.h"
#include "evidence_text.h"
#include "output.h"
#include "rehearsal.h"

struct dry_run {
	struct cw_cli *cli;
	const char *feed;
	struct cw_rehearsal rehearsal;
	struct cw_wall started_at;
	uint64_t rowno, seq; /* the last there were before */
	json_t *evidence, *alerts, *quarantine;
	uint64_t n_evidence, n_alerts, n_quarantine;
};

static int last_row(void *arg, const struct cw_fact *fact)
{
	struct dry_run *run = arg;

	run->rowno = CW_MAX(run->rowno, fact->rowno);
	return 0;
}

/* What there is before. A new installation has no database yet. */
static int look_before(struct dry_run *run, struct cw_error *err)
{
	const struct cw_fact_filter all = { .since = CW_DAY_NONE };
	struct cw_store *store = NULL;
	int r = cw_store_open_reader(run->rehearsal.state, &store, err);

	if (r == -ENOENT)
		return 0;
	if (r == 0)
		r = cw_store_facts(store, &all, last_row, run, err);
	if (r == 0)
		r = cw_store_last_seq(store, &run->seq, err);
	cw_store_close(store);
	return r;
}

static int take_fact(void *arg, const struct cw_fact *fact)
{
	struct dry_run *run = arg;
	const struct cw_evidence *e = &fact->evidence;
	const struct cw_council *council = cw_councils_by_id(run->cli->config->councils, e->council_id);
	char day[CW_WALL_TEXT];

	if (fact->rowno <= run->rowno || !cw_str_eq(fact->feed, run->feed))
		return 0;
	run->n_evidence++;
	if (run->cli->json)
		return json_array_append_new(run->evidence, cw_render_fact(fact));
	printf("%-10s  %-13s  ", e->event_day == CW_DAY_NONE ? "undated" : cw_day_format(e->event_day, day),
	       cw_kind_def(e->kind) ? cw_kind_def(e->kind)->name : "?");
	cw_out_str(stdout, council ? cw_str(council->short_name) : e->council_id);
	fputs(": ", stdout);
	cw_evidence_print_values(stdout, e);
	putchar('\n');
	cw_evidence_print_source(stdout, 4, fact);
	return 0;
}

static int take_alert(void *arg, uint64_t seq, const char *topic_council, const char *topic_level, const char *json,
                      size_t len)
{
	struct dry_run *run = arg;

	(void)seq;
	(void)topic_council;
	(void)topic_level;
	run->n_alerts++;
	if (run->cli->json)
		return json_array_append_new(run->alerts, json_loadb(json, len, 0, NULL));
	return cw_alert_print(stdout, run->cli->colour, json, len, NULL);
}

static int take_reject(void *arg, const struct cw_quarantine_entry *entry)
{
	const struct cw_reject *reject = &entry->reject;
	struct dry_run *run = arg;
	json_t *object;
	int failed = 0;

	if (!cw_str_eq(entry->feed, run->feed) || entry->last_seen.ms < run->started_at.ms)
		return 0;
	run->n_quarantine++;
	if (!run->cli->json) {
		printf("%s", cw_reason_name(reject->reason));
		if (reject->row)
			printf(", row %" PRIu64, reject->row);
		if (reject->field.len)
			fputs(", ", stdout);
		cw_out_str(stdout, reject->field);
		fputs(" '", stdout);
		cw_out_str(stdout, reject->text);
		fputs("': ", stdout);
		cw_out_str(stdout, reject->detail);
		putchar('\n');
		return 0;
	}
	object = json_object();
	cw_json_set(object, "reason", json_string(cw_reason_name(reject->reason)), &failed);
	cw_json_set(object, "row", json_integer((json_int_t)reject->row), &failed);
	cw_json_set(object, "field", cw_json_str(reject->field), &failed);
	cw_json_set(object, "text", cw_json_str(reject->text), &failed);
	cw_json_set(object, "detail", cw_json_str(reject->detail), &failed);
	return json_array_append_new(run->quarantine, object) < 0 ? -ENOMEM : failed;
}

static int show(struct dry_run *run, bool ok, struct cw_error *err)
{
	const struct cw_fact_filter all = { .since = CW_DAY_NONE };
	const char *headings[] = { "Evidence that would be new:", "\nWould be in quarantine:", "\nAlerts that would be given:" };
	struct cw_store *store = NULL;
	bool text = !run->cli->json;
	int r = cw_store_open_reader(run->rehearsal.state, &store, err);

	if (r == 0) {
		if (text)
			puts(headings[0]);
		r = cw_store_facts(store, &all, take_fact, run, err);
	}
	if (r == 0) {
		if (text)
			puts(headings[1]);
		r = cw_store_quarantine(store, take_reject, run, err);
	}
	if (r == 0) {
		if (text)
			puts(headings[2]);
		r = cw_store_alerts(store, run->seq, 0, UINT64_MAX, take_alert, run, err);
	}
	cw_store_close(store);
	if (r < 0)
		return r;
	if (text) {
		printf("\n%s: %s; %" PRIu64 " evidence, %" PRIu64 " quarantined, %" PRIu64 " alerts; nothing was kept\n", run->feed,
		       ok ? "well" : "failed", run->n_evidence, run->n_quarantine, run->n_alerts);
		return 0;
	}
	return cw_out_json(stdout, json_pack("{s:s, s:b, s:O, s:O, s:O}", "feed", run->feed, "ok", (int)ok, "evidence",
	                                     run->evidence, "quarantine", run->quarantine, "alerts", run->alerts));
}

static int dry_run(struct dry_run *run, unsigned links, struct cw_error *err)
{
	struct cw_config *config = run->cli->config;
	int r, status;

	r = cw_rehearsal_begin(run->cli, false, &run->rehearsal, err);
	if (r == 0)
		r = look_before(run, err);
	if (r < 0)
		return r;
	config->fetching = true;
	for (size_t i = 0; i < config->n_feeds; i++) {
		struct cw_feed *feed = &config->feeds[i];

		feed->enabled = strcmp(feed->name, run->feed) == 0;
		for (size_t k = 0; k < feed->n_steps; k++)
			feed->steps[k].max_links = CW_MIN(feed->steps[k].max_links, links);
	}
	run->started_at = cw_wall_now();
	status = cw_rehearsal_run(&run->rehearsal, true, err);
	if (status < 0)
		return status;
	r = show(run, status == CW_EXIT_DONE, err);
	if (status != CW_EXIT_DONE)
		cw_rehearsal_show_failures(&run->rehearsal);
	return r < 0 ? r : status;
}

int cw_dry_run(struct cw_cli *cli, const struct cw_feed *feed, unsigned links)
{
	struct dry_run run = { .cli = cli, .feed = feed->name };
	struct cw_error err = { 0 };
	int r = -ENOMEM;

	run.evidence = json_array();
	run.alerts = json_array();
	run.quarantine = json_array();
	if (run.evidence && run.alerts && run.quarantine)
		r = dry_run(&run, links, &err);
	else
		cw_error_nomem(&err);
	cw_rehearsal_end(&run.rehearsal);
	json_decref(run.evidence);
	json_decref(run.alerts);
	json_decref(run.quarantine);
	return r < 0 ? cw_cli_fail_error(CW_EXIT_NO, &err, "no dry run") : r;
}
