/*
 * councilwatch backtest: over the stored history, would the levels have told in time, and more than the grades alone?
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "backtest.h"
#include "output.h"

const struct cw_option cw_backtest_options[] = {
	{ "from", "DATE", "begin with this month; otherwise where half of the grades are known", 0 },
	{ "to", "DATE", "as if nothing after this day were known; otherwise the last full inspection", 0 },
	{ "label", "LABEL", "inadequate (the default), fall, send_outcome3, intervention, or all", 0 },
	{ "window", "MONTHS", "how far ahead it is looked; 18", 0 },
	{ "level", "LEVEL", "flagged is: at this level or more; otherwise watch, and then priority", 0 },
	{ "by", "GROUP", "also by region, or by type of council", 0 },
	{ "without", "SOURCE", "leave out a feed or a publisher, and count what changes", 0 },
	{ "list", NULL, "also the inspections and councils behind the numbers", 0 },
	{ NULL },
};

struct wanted {
	bool labels[BT_LABEL_COUNT];
	bool levels[CW_LEVEL_COUNT];
	const char *by;
	bool list;
};

static int want_labels(const struct cw_cli *cli, struct wanted *wanted)
{
	const char *label = cw_cli_option(cli, "label");
	bool any = false;

	for (int k = 0; k < BT_LABEL_COUNT; k++) {
		wanted->labels[k] = label ? !strcmp(label, "all") || !strcmp(label, bt_label_name((enum bt_label)k)) : k == BT_INADEQUATE;
		any |= wanted->labels[k];
	}
	if (any)
		return 0;
	return cw_cli_fail(CW_EXIT_USAGE, "--label: '%s' is not known; one of inadequate, fall, send_outcome3, intervention, all", label);
}

static int want(struct cw_cli *cli, struct wanted *wanted, struct backtest *bt)
{
	enum cw_level level = CW_LEVEL_WATCH;
	uint64_t window = 18;
	bool given = false;

	if (cw_cli_option_day(cli, "from", &bt->from) < 0 || cw_cli_option_day(cli, "to", &bt->to) < 0 ||
	    cw_cli_option_number(cli, "window", 1, 120, &window) < 0 || cw_cli_option_level(cli, "level", &given, &level) < 0)
		return CW_EXIT_USAGE;
	if (given && level == CW_LEVEL_ROUTINE)
		return cw_cli_fail(CW_EXIT_USAGE, "--level routine flags everybody; watch, priority and intensive can be tested");
	if (bt->from != CW_DAY_NONE && bt->to != CW_DAY_NONE && bt->from > bt->to)
		return cw_cli_fail(CW_EXIT_USAGE, "--from is after --to");
	bt->window_months = (int)window;
	wanted->levels[CW_LEVEL_WATCH] = !given || level == CW_LEVEL_WATCH;
	wanted->levels[CW_LEVEL_PRIORITY] = !given || level == CW_LEVEL_PRIORITY;
	wanted->levels[CW_LEVEL_INTENSIVE] = given && level == CW_LEVEL_INTENSIVE;
	wanted->by = cw_cli_option(cli, "by");
	if (wanted->by && strcmp(wanted->by, "region") != 0 && strcmp(wanted->by, "type") != 0)
		return cw_cli_fail(CW_EXIT_USAGE, "--by: '%s' is not known; region or type", wanted->by);
	wanted->list = cw_cli_option(cli, "list") != NULL;
	return want_labels(cli, wanted);
}

/* One label at all wanted levels. object: to be filled for --json. */
static int tell_label(const struct backtest *bt, const struct wanted *wanted, enum bt_label label, json_t *answers)
{
	json_t *answer = NULL, *measures = json_array();
	struct bt_labels labels;
	int failed = 0, r = bt_label_history(bt, label, &labels);

	if (r < 0) {
		json_decref(measures);
		return r;
	}
	if (bt->cli->csv)
		r = bt_print_csv(bt, &labels);
	else if (bt->cli->json)
		answer = bt_json_label(bt, &labels);
	else
		r = bt_print_labels(bt, &labels);
	for (int level = 0; level < CW_LEVEL_COUNT && r == 0 && !bt->cli->csv; level++) {
		struct bt_measure measure;

		if (!wanted->levels[level])
			continue;
		r = bt_measure(bt, &labels, (enum cw_level)level, wanted->by, &measure);
		if (r < 0)
			break;
		if (!bt->cli->json)
			r = bt_print_measure(bt, &measure);
		else if (json_array_append_new(measures, bt_json_measure(bt, &measure)) < 0)
			r = -ENOMEM;
		bt_measure_clear(&measure);
	}
	if (r == 0 && wanted->list && !bt->cli->json && !bt->cli->csv)
		r = bt_print_events(bt, &labels);
	bt_labels_clear(&labels);
	if (!answer) {
		json_decref(measures);
		return r < 0 ? r : bt->cli->json ? -ENOMEM : 0;
	}
	cw_json_set(answer, "measures", measures, &failed);
	if (r == 0 && (failed || json_array_append(answers, answer) < 0))
		r = -ENOMEM;
	json_decref(answer);
	return r;
}

static int tell(const struct backtest *bt, const struct wanted *wanted, const struct bt_stability *stability)
{
	json_t *object = bt->cli->json ? bt_json_head(bt) : NULL, *answers = json_array();
	struct bt_volume_report volume;
	int failed = 0, r = bt_volume(bt, &volume);

	if (r < 0 || (bt->cli->json && !object)) {
		json_decref(answers);
		json_decref(object);
		return r < 0 ? r : -ENOMEM;
	}
	if (bt->cli->csv)
		bt_print_csv_head();
	else if (!bt->cli->json)
		r = bt_print_header(bt, &volume);
	for (int label = 0; label < BT_LABEL_COUNT && r == 0; label++)
		if (wanted->labels[label])
			r = tell_label(bt, wanted, (enum bt_label)label, answers);
	if (r == 0 && object) {
		cw_json_set(object, "labels", json_incref(answers), &failed);
		cw_json_set(object, "volume", bt_json_volume(&volume), &failed);
		cw_json_set(object, "stability", stability ? bt_json_stability(stability) : json_null(), &failed);
		r = failed ? failed : cw_out_json(stdout, json_incref(object));
	} else if (r == 0 && !bt->cli->csv) {
		r = bt_print_volume(bt, &volume);
		if (r == 0 && stability)
			r = bt_print_stability(bt, stability);
	}
	bt_volume_clear(&volume);
	json_decref(answers);
	json_decref(object);
	return r;
}

/* The same months again, without one source. */
static int leave_out(const struct backtest *bt, const char *source, struct backtest *ret, struct bt_stability *stability,
                     struct cw_error *err)
{
	*ret = (struct backtest){ .cli = bt->cli, .store = bt->store, .without = source, .from = bt->from, .to = bt->to,
		                  .window_months = bt->window_months };
	int r = bt_gather(ret, err);

	if (r == 0 && !ret->without_matched)
		return cw_error_set(err, -ENOENT, "nothing of '%s' is stored; --without takes the name of a feed or of a publisher, as "
		                                  "'councilwatch evidence --json' has them", source);
	if (r == 0)
		bt_compare(bt, ret, stability);
	return r;
}

int cw_cmd_backtest(struct cw_cli *cli)
{
	CW_CLEANUP(cw_cli_store_close) struct cw_store *store = NULL;
	struct backtest bt = { .cli = cli, .from = CW_DAY_NONE, .to = CW_DAY_NONE }, less = { .cli = cli };
	const char *source = cw_cli_option(cli, "without");
	struct bt_stability stability;
	struct wanted wanted = { 0 };
	struct cw_error err = { 0 };
	int r = want(cli, &wanted, &bt);

	if (r)
		return r;
	r = cw_cli_store(cli, &store);
	if (r)
		return r;
	bt.store = store;
	r = bt_gather(&bt, &err);
	if (r == 0 && source)
		r = leave_out(&bt, source, &less, &stability, &err);
	if (r == 0)
		r = tell(source ? &less : &bt, &wanted, source ? &stability : NULL);
	bt_clear(&bt);
	bt_clear(&less);
	if (r < 0 && !err.code)
		cw_error_set(&err, r, "%s", strerror(-r));
	return r < 0 ? cw_cli_fail_error(CW_EXIT_NO, &err, "cannot test the history") : CW_EXIT_DONE;
}
