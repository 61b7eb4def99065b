/*
 * councilwatch explain: why a council is at its level, line by line, down to quotes and links. Here what there is to tell is
 * gathered; explain_text.c and explain_json.c tell it.
 */
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include <councilwatch/render.h>

#include "explain.h"
#include "output.h"
#include "record.h"

const struct cw_option cw_explain_options[] = {
	{ "brief", NULL, "what to say in a conversation, without the sum and the evidence", 0 },
	{ NULL },
};

static void lines_clear(struct lines *lines)
{
	for (size_t i = 0; i < lines->n; i++)
		free(lines->at[i].text);
}

static void CW_PRINTF(4, 5) add_line(struct lines *lines, const char *what, int32_t day, const char *fmt, ...)
{
	va_list args;
	char *text;
	int n;

	if (lines->n == LINES_MAX)
		return;
	va_start(args, fmt);
	n = vasprintf(&text, fmt, args);
	va_end(args);
	if (n < 0) {
		lines->failed = -ENOMEM;
		return;
	}
	lines->at[lines->n++] = (struct line){ what, day, text };
}

static bool criterion_of(const struct cw_cli *cli, const struct cw_evidence *evidence, enum cw_criterion *ret)
{
	struct cw_str named = cw_evidence_value(evidence, CW_VAL_CRITERION);
	const struct cw_kind_def *kind = cw_kind_def(evidence->kind);
	const struct cw_signal_def *signal;

	if (named.len && cw_criterion_parse(named, ret) == 0)
		return true;
	if (kind && kind->criterion)
		return cw_criterion_parse(cw_str(kind->criterion), ret) == 0;
	signal = cw_risk_signal(&cli->config->risk, cw_evidence_value(evidence, CW_VAL_SIGNAL));
	if (signal)
		*ret = signal->criterion;
	return signal != NULL;
}

static void find_unknown(struct explanation *x, const struct cw_history *facts)
{
	static const char *const subjects[CW_CRIT_COUNT] = {
		"inspection of children's services",
		"special educational needs and disabilities",
		"intelligence",
		"changes of leadership",
		"specific challenges (money, courts, reorganisation)",
	};
	static const char *const how[] = {
		[CW_STALE] = "too old to lean on is what is known about",
		[CW_UNKNOWN] = "what was received settles nothing about",
		[CW_INHERITED] = "from the council before comes what is known about",
	};
	const struct cw_assessment *now = &x->now;
	bool has_evidence[CW_CRIT_COUNT] = { false };
	char day[CW_WALL_TEXT], stale[CW_WALL_TEXT];

	if (x->outage)
		add_line(&x->unknown, "outage", CW_DAY_NONE,
		         "A required source is not being received: something may have changed without our knowing. "
		         "'councilwatch status' says which.");
	if (now->last_judged_day == CW_DAY_NONE)
		add_line(&x->unknown, "never_judged", CW_DAY_NONE,
		         "No full inspection of children's services is known for this council.");
	else if (now->stale_day != CW_DAY_NONE && now->stale_day <= now->as_of)
		add_line(&x->unknown, "stale", now->stale_day,
		         "The last full inspection known is of %s (its report, or else its visit); since %s that is too old to lean on.",
		         cw_day_format(now->last_judged_day, day), cw_day_format(now->stale_day, stale));
	else if (now->stale_day != CW_DAY_NONE)
		add_line(&x->unknown, "becomes_stale", now->stale_day,
		         "The last full inspection known is of %s (its report, or else its visit); without another it is too old to lean on "
		         "from %s.",
		         cw_day_format(now->last_judged_day, day), cw_day_format(now->stale_day, stale));

	for (int f = 0; f < CW_FIGURES_KINDS; f++) {
		const struct cw_figures_known *figures = &now->figures[f];

		if (figures->published_day != CW_DAY_NONE && figures->stale_day <= now->as_of)
			add_line(&x->unknown, "stale_figures", figures->stale_day,
			         "The newest figures on %s are those of %.*s, published %s; since %s they are too old to lean on.",
			         figures->kind == CW_KIND_WORKFORCE ? "the workforce" : "the timeliness of EHC plans",
			         (int)figures->period.len, figures->period.at, cw_day_format(figures->published_day, day),
			         cw_day_format(figures->stale_day, stale));
	}
	for (size_t i = 0; i < facts->n; i++) {
		struct cw_wall known = facts->at[i].evidence.published_at;
		enum cw_criterion criterion;

		/* Not what came later than the day asked about. */
		if (cw_wall_day(cw_wall_known(known) ? known : facts->at[i].known_at) > now->as_of)
			continue;
		if (criterion_of(x->cli, &facts->at[i].evidence, &criterion))
			has_evidence[criterion] = true;
	}
	for (int c = 0; c < CW_CRIT_COUNT; c++) {
		enum cw_knowledge knowledge = now->criteria[c].knowledge;

		if (!has_evidence[c])
			add_line(&x->unknown, "no_evidence", CW_DAY_NONE,
			         "%s: nothing has been received about %s. That is not the same as calm.",
			         cw_criterion_name((enum cw_criterion)c), subjects[c]);
		else if (knowledge != CW_KNOWN)
			add_line(&x->unknown, "criterion", CW_DAY_NONE, "%s: %s %s.", cw_criterion_name((enum cw_criterion)c),
			         how[knowledge], subjects[c]);
	}
}

int cw_cmd_explain(struct cw_cli *cli)
{
	CW_CLEANUP(cw_cli_store_close) struct cw_store *store = NULL;
	struct explanation x = { .cli = cli };
	struct cw_error err = { 0 };
	struct cw_history facts;
	char day[CW_WALL_TEXT], other[CW_WALL_TEXT];
	int r;

	r = cw_cli_council(cli, cli->arguments[0], &x.council);
	if (r)
		return r;
	if (!cw_cli_council_existed(x.council, cli->as_of)) {
		bool ended = x.council->end_day != CW_DAY_NONE && x.council->end_day < cli->as_of;

		return cw_cli_fail(CW_EXIT_NO, "%s did not exist on %s: it %s %s; --as-of asks about another day",
		                   x.council->name, cw_day_format(cli->as_of, day), ended ? "ended on" : "began on",
		                   cw_day_format(ended ? x.council->end_day : x.council->start_day, other));
	}
	r = cw_cli_store(cli, &store);
	if (r)
		return r;

	r = cw_store_required_outage(store, cli->config, cli->as_of, &x.outage, &err);
	if (r >= 0)
		r = cw_cli_assess(cli, store, x.council, cli->as_of, x.outage, &facts, &x.now, &err);
	if (r < 0)
		return cw_cli_fail_error(CW_EXIT_NO, &err, "cannot explain %s", x.council->name);

	if (!cli->json && cw_record_view(cli, x.council, &facts)) {
		cw_assessment_clear(&x.now);
		cw_history_free(&facts);
		return CW_EXIT_NO;
	}
	r = cw_model_since(&cli->config->risk, facts.at, facts.n, cli->as_of, &x.since, &err);
	if (r >= 0)
		r = cw_outlook_find(&cli->config->risk, facts.at, facts.n, cli->as_of, &x.outlook, &err);
	if (r >= 0) {
		x.has_window = cw_window_find(&cli->config->risk, &x.now, &x.window);
		find_unknown(&x, &facts);
		r = cli->json ? explain_json(&x) : explain_text(&x, cw_cli_option(cli, "brief"));
		if (r < 0)
			cw_error_set(&err, r, "%s", strerror(-r));
	}
	lines_clear(&x.unknown);
	cw_assessment_clear(&x.now);
	cw_history_free(&facts);
	return r < 0 ? cw_cli_fail_error(CW_EXIT_NO, &err, "cannot explain %s", x.council->name) : CW_EXIT_DONE;
}
