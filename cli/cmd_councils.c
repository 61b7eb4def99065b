/*
 * councilwatch councils: every council's level on a day, the most pressing first.
 */
#include <string.h>

#include <councilwatch/model.h>
#include <councilwatch/render.h>

#include "command.h"
#include "output.h"

const struct cw_option cw_councils_options[] = {
	{ "level", "LEVEL", "only those at this level", 0 },
	{ "region", "REGION", "only those of this region", 0 },
	{ "criterion", "CRITERION", "rank by this criterion alone, and leave out who has nothing there", 0 },
	{ "since", "DATE", "show how each stood on that day, and who has changed since", 0 },
	{ NULL },
};

/* One council's row: what is shown of its assessment outlives the facts that it borrows. */
struct row {
	const struct cw_council *council;
	enum cw_level level;
	enum cw_knowledge knowledge;
	double points;
	struct cw_criterion_state criteria[CW_CRIT_COUNT];
	/* With --since; then_existed: was there such a council on that day? */
	bool then_existed;
	enum cw_level then_level;
	double then_points;
	char shown[96]; /* the level for people */
	json_t *json;   /* owned; only for --json */
};

struct rows {
	size_t n;
	struct row *at;
};

/* What is asked for. */
struct wanted {
	const char *region; /* NULL = all */
	bool has_level, has_criterion;
	enum cw_level level;
	enum cw_criterion criterion;
	int32_t since; /* CW_DAY_NONE = no comparison */
	bool outage;
};

static void rows_clear(struct rows *rows)
{
	for (size_t i = 0; i < rows->n; i++)
		json_decref(rows->at[i].json);
	free(rows->at);
}

/* By one criterion. */
static int more_pressing_in(const void *left, const void *right, void *arg)
{
	const struct row *a = left, *b = right;
	const struct cw_criterion_state *x = &a->criteria[*(const enum cw_criterion *)arg];
	const struct cw_criterion_state *y = &b->criteria[*(const enum cw_criterion *)arg];

	if (x->level != y->level)
		return x->level < y->level ? 1 : -1;
	if (x->points < y->points || x->points > y->points)
		return x->points < y->points ? 1 : -1;
	return strcmp(a->council->short_name, b->council->short_name);
}

static int more_pressing(const void *left, const void *right)
{
	const struct row *a = left, *b = right;

	if (a->level != b->level)
		return a->level < b->level ? 1 : -1;
	if (a->points < b->points || a->points > b->points)
		return a->points < b->points ? 1 : -1;
	return strcmp(a->council->short_name, b->council->short_name);
}

/* The region's own spelling for what was typed; NULL after a message. */
static const char *find_region(const struct cw_cli *cli, const char *typed)
{
	const struct cw_councils *councils = cli->config->councils;
	const char *names[64 + 1], *near, *found = NULL;
	struct cw_buf wanted, folded;
	size_t n = 0;

	cw_buf_init(&wanted, CW_FIELD_MAX);
	cw_buf_init(&folded, CW_FIELD_MAX);
	if (cw_text_fold(cw_str(typed), &wanted) < 0)
		cw_buf_reset(&wanted);
	for (size_t i = 0; i < cw_councils_count(councils) && !found; i++) {
		const char *region = cw_councils_at(councils, i)->region;
		bool seen = false;

		for (size_t k = 0; k < n && !seen; k++)
			seen = !strcmp(names[k], region);
		if (seen || !region[0])
			continue;
		if (!cw_text_fold(cw_str(region), &folded) && !strcmp(cw_buf_str(&folded), cw_buf_str(&wanted)))
			found = region;
		if (n < CW_ARRAY_LEN(names) - 1)
			names[n++] = region;
	}
	names[n] = NULL;
	cw_buf_clear(&wanted);
	cw_buf_clear(&folded);
	if (found)
		return found;

	near = cw_nearest(typed, names);
	if (near) {
		cw_cli_fail(0, "no region is called '%s'; did you mean '%s'?", typed, near);
	} else {
		cw_cli_fail(0, "no region is called '%s'; these are:", typed);
		for (size_t i = 0; i < n; i++)
			fprintf(stderr, "  %s\n", names[i]);
	}
	return NULL;
}

static bool is_wanted(const struct wanted *wanted, const struct cw_assessment *assessment)
{
	const struct cw_criterion_state *state = &assessment->criteria[wanted->criterion];

	if (wanted->has_criterion && state->level == CW_LEVEL_ROUTINE && state->points <= 0)
		return false;
	return !wanted->has_level || (wanted->has_criterion ? state->level : assessment->level) == wanted->level;
}

static int look_back(struct cw_cli *cli, struct cw_store *store, const struct wanted *wanted, struct row *row,
                     struct cw_error *err)
{
	struct cw_assessment then;
	struct cw_history facts;
	int r;

	if (!cw_cli_council_existed(row->council, wanted->since))
		return 0;
	r = cw_cli_assess(cli, store, row->council, wanted->since, false, &facts, &then, err);
	if (r < 0)
		return r;
	row->then_existed = true;
	row->then_level = wanted->has_criterion ? then.criteria[wanted->criterion].level : then.level;
	row->then_points = wanted->has_criterion ? then.criteria[wanted->criterion].points : then.points;
	cw_assessment_clear(&then);
	cw_history_free(&facts);
	return 0;
}

static void set_then(struct row *row, const struct wanted *wanted, int *failed)
{
	bool known = row->then_existed;

	cw_json_set(row->json, "since", cw_json_day(wanted->since), failed);
	cw_json_set(row->json, "previous_level", known ? json_string(cw_level_name(row->then_level)) : json_null(), failed);
	cw_json_set(row->json, "previous_points", known ? json_real(cw_render_points(row->then_points)) : json_null(), failed);
}

static int add_row(struct cw_cli *cli, struct cw_store *store, const struct cw_council *council,
                   const struct wanted *wanted, struct rows *rows, struct cw_error *err)
{
	struct row *row = &rows->at[rows->n];
	struct cw_assessment assessment;
	struct cw_history facts;
	struct cw_buf shown;
	int r;

	r = cw_cli_assess(cli, store, council, cli->as_of, wanted->outage, &facts, &assessment, err);
	if (r < 0)
		return r;
	if (is_wanted(wanted, &assessment)) {
		*row = (struct row){ .council = council,
			             .level = assessment.level,
			             .knowledge = assessment.knowledge,
			             .points = assessment.points };
		memcpy(row->criteria, assessment.criteria, sizeof(row->criteria));
		cw_buf_init(&shown, sizeof(row->shown) - 1);
		r = cw_render_level(&assessment, &shown);
		snprintf(row->shown, sizeof(row->shown), "%s", cw_buf_str(&shown));
		cw_buf_clear(&shown);
		if (!r && cli->json) {
			row->json = cw_render_council_level(council, &assessment);
			if (!row->json)
				r = cw_error_nomem(err);
		}
		if (!r && wanted->since != CW_DAY_NONE) {
			int failed = 0;

			r = look_back(cli, store, wanted, row, err);
			if (!r && row->json)
				set_then(row, wanted, &failed);
			if (failed)
				r = cw_error_nomem(err);
			if (r)
				json_decref(cw_steal(row->json));
		}
		if (!r)
			rows->n++;
	}
	cw_assessment_clear(&assessment);
	cw_history_free(&facts);
	return r;
}

static int print_json(struct rows *rows)
{
	struct cw_json_array array;

	cw_json_array_begin(&array, stdout);
	for (size_t i = 0; i < rows->n; i++)
		cw_json_array_item(&array, cw_steal(rows->at[i].json));
	return cw_json_array_end(&array);
}

static int print_csv(const struct rows *rows, const struct wanted *wanted)
{
	struct cw_buf line;
	int r = 0;

	cw_buf_init(&line, CW_ROW_MAX);
	fputs("council_id,name,gss_code,la_code,urn,region,level,knowledge,points", stdout);
	for (int c = 0; c < CW_CRIT_COUNT; c++)
		printf(",%s_level,%s_points", cw_criterion_name((enum cw_criterion)c),
		       cw_criterion_name((enum cw_criterion)c));
	fputs(wanted->since != CW_DAY_NONE ? ",previous_level,previous_points\r\n" : "\r\n", stdout);

	for (size_t i = 0; i < rows->n && !r; i++) {
		const struct row *row = &rows->at[i];
		const char *texts[] = { row->council->id,          row->council->short_name,
			                row->council->gss_code,    row->council->la_code,
			                row->council->urn,         row->council->region,
			                cw_level_name(row->level), cw_knowledge_name(row->knowledge) };

		cw_buf_reset(&line);
		for (size_t k = 0; k < CW_ARRAY_LEN(texts); k++)
			cw_csv_field(&line, !k, texts[k]);
		cw_buf_printf(&line, ",%.1f", cw_render_points(row->points));
		for (int c = 0; c < CW_CRIT_COUNT; c++)
			cw_buf_printf(&line, ",%s,%.1f", cw_level_name(row->criteria[c].level),
			              cw_render_points(row->criteria[c].points));
		if (wanted->since != CW_DAY_NONE && row->then_existed)
			cw_buf_printf(&line, ",%s,%.1f", cw_level_name(row->then_level), cw_render_points(row->then_points));
		else if (wanted->since != CW_DAY_NONE)
			cw_buf_puts(&line, ",,");
		r = cw_buf_puts(&line, "\r\n");
		fputs(cw_buf_str(&line), stdout);
	}
	cw_buf_clear(&line);
	return r;
}

/* "ofsted 80, send 10": the criteria that have points. */
static void format_criteria(const struct row *row, char *text, size_t size)
{
	size_t len = 0;

	text[0] = '\0';
	for (int c = 0; c < CW_CRIT_COUNT && len < size; c++)
		if (row->criteria[c].points > 0)
			len += (size_t)snprintf(text + len, size - len, "%s%s %.4g", len ? ", " : "",
			                        cw_criterion_name((enum cw_criterion)c),
			                        cw_render_points(row->criteria[c].points));
}

/* "watch, +12.0" when it has moved, or how it stood. */
static void add_then(struct cw_table *table, const struct row *row, const struct wanted *wanted)
{
	enum cw_level level = wanted->has_criterion ? row->criteria[wanted->criterion].level : row->level;
	double points = wanted->has_criterion ? row->criteria[wanted->criterion].points : row->points;

	if (!row->then_existed)
		cw_table_add(table, "not yet there");
	else if (level != row->then_level)
		cw_table_addf(table, "%s from %s, %+.1f", level > row->then_level ? "up" : "down",
		              cw_level_name(row->then_level), cw_render_points(points) - cw_render_points(row->then_points));
	else
		cw_table_addf(table, "%+.1f", cw_render_points(points) - cw_render_points(row->then_points));
}

static int print_table(const struct cw_cli *cli, const struct rows *rows, const struct wanted *wanted)
{
	static const struct cw_column columns[] = {
		{ "LEVEL", false },  { "POINTS", true },  { "KNOWLEDGE", false },           { "COUNCIL", false },
		{ "ID", false },     { "REGION", false }, { "POINTS BY CRITERION", false }, { "SINCE", false },
	};
	size_t count[CW_LEVEL_COUNT] = { 0 }, unsure = 0;
	char day[CW_WALL_TEXT], criteria[160];
	struct cw_table table;
	int r;

	cw_table_init(&table, columns, CW_ARRAY_LEN(columns) - (wanted->since == CW_DAY_NONE));
	for (size_t i = 0; i < rows->n; i++) {
		const struct row *row = &rows->at[i];

		cw_table_add_coloured(&table, row->shown, cw_out_level_colour(row->level));
		cw_table_addf(&table, "%.1f", cw_render_points(row->points));
		cw_table_add(&table, cw_knowledge_name(row->knowledge));
		cw_table_add(&table, row->council->short_name);
		cw_table_add(&table, row->council->id);
		cw_table_add(&table, row->council->region);
		format_criteria(row, criteria, sizeof(criteria));
		cw_table_add(&table, criteria);
		if (wanted->since != CW_DAY_NONE)
			add_then(&table, row, wanted);
		/* "routine" is said only of what is known (domain 3.5). */
		if (row->level == CW_LEVEL_ROUTINE && row->knowledge != CW_KNOWN)
			unsure++;
		else
			count[row->level]++;
	}
	r = cw_table_print(&table, 0, cli->colour, stdout);
	cw_table_clear(&table);
	if (r < 0)
		return r;

	printf("\nAs of %s: %zu intensive, %zu priority, %zu watch, %zu routine, %zu unknown.\n",
	       cw_day_format(cli->as_of, day), count[CW_LEVEL_INTENSIVE], count[CW_LEVEL_PRIORITY],
	       count[CW_LEVEL_WATCH], count[CW_LEVEL_ROUTINE], unsure);
	puts("A level says how much support to offer and how soon. It is a flag for a conversation, no rating of a "
	     "council.");
	if (wanted->outage)
		puts("A required source is not being received, so nothing here counts as known: see 'councilwatch "
		     "status'.");
	return 0;
}

int cw_cmd_councils(struct cw_cli *cli)
{
	CW_CLEANUP(cw_cli_store_close) struct cw_store *store = NULL;
	CW_CLEANUP(rows_clear) struct rows rows = { 0 };
	struct wanted wanted = { .region = cw_cli_option(cli, "region"), .since = CW_DAY_NONE };
	const char *criterion = cw_cli_option(cli, "criterion");
	struct cw_error err = { 0 };
	int r;

	if (cw_cli_option_level(cli, "level", &wanted.has_level, &wanted.level) < 0 ||
	    cw_cli_option_day(cli, "since", &wanted.since) < 0)
		return CW_EXIT_USAGE;
	if (wanted.since != CW_DAY_NONE && wanted.since > cli->as_of)
		return cw_cli_fail(CW_EXIT_USAGE, "--since is after the day asked about; --as-of moves that");
	if (wanted.region && !(wanted.region = find_region(cli, wanted.region)))
		return CW_EXIT_USAGE;
	wanted.has_criterion = criterion != NULL;
	if (criterion && cw_criterion_parse(cw_str(criterion), &wanted.criterion) < 0)
		return cw_cli_fail(CW_EXIT_USAGE, "there is no criterion '%s'; there are ofsted, send, intel, leadership and specific",
		                   criterion);
	r = cw_cli_store(cli, &store);
	if (r)
		return r;

	rows.at = calloc(cw_councils_count(cli->config->councils) + 1, sizeof(*rows.at));
	r = rows.at ? cw_store_required_outage(store, cli->config, cli->as_of, &wanted.outage, &err) : cw_error_nomem(&err);
	for (size_t i = 0; i < cw_councils_count(cli->config->councils) && r >= 0; i++) {
		const struct cw_council *council = cw_councils_at(cli->config->councils, i);

		if (!cw_cli_council_existed(council, cli->as_of) ||
		    (wanted.region && strcmp(council->region, wanted.region)))
			continue;
		r = add_row(cli, store, council, &wanted, &rows, &err);
	}
	if (r < 0)
		return cw_cli_fail_error(CW_EXIT_NO, &err, "cannot work out the levels");

	if (rows.n && wanted.has_criterion)
		qsort_r(rows.at, rows.n, sizeof(*rows.at), more_pressing_in, &wanted.criterion);
	else if (rows.n)
		qsort(rows.at, rows.n, sizeof(*rows.at), more_pressing);
	r = cli->json ? print_json(&rows) : cli->csv ? print_csv(&rows, &wanted) : print_table(cli, &rows, &wanted);
	return r < 0 ? cw_cli_fail(CW_EXIT_NO, "cannot write the list: %s", strerror(-r)) : CW_EXIT_DONE;
}
