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
	{ NULL },
};

/* One council's row: what is shown of its assessment outlives the facts that it borrows. */
struct row {
	const struct cw_council *council;
	enum cw_level level;
	enum cw_knowledge knowledge;
	double points;
	struct cw_criterion_state criteria[CW_CRIT_COUNT];
	char shown[96]; /* the level for people */
	json_t *json;   /* owned; only for --json */
};

struct rows {
	size_t n;
	struct row *at;
};

static void rows_clear(struct rows *rows)
{
	for (size_t i = 0; i < rows->n; i++)
		json_decref(rows->at[i].json);
	free(rows->at);
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

static int add_row(struct cw_cli *cli, struct cw_store *store, const struct cw_council *council, bool outage,
                   const enum cw_level *only, struct rows *rows, struct cw_error *err)
{
	struct row *row = &rows->at[rows->n];
	struct cw_assessment assessment;
	struct cw_history facts;
	struct cw_buf shown;
	int r;

	r = cw_cli_assess(cli, store, council, cli->as_of, outage, &facts, &assessment, err);
	if (r < 0)
		return r;
	if (!only || assessment.level == *only) {
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

static int print_csv(const struct rows *rows)
{
	struct cw_buf line;
	int r = 0;

	cw_buf_init(&line, CW_ROW_MAX);
	fputs("council_id,name,gss_code,la_code,urn,region,level,knowledge,points", stdout);
	for (int c = 0; c < CW_CRIT_COUNT; c++)
		printf(",%s_level,%s_points", cw_criterion_name((enum cw_criterion)c),
		       cw_criterion_name((enum cw_criterion)c));
	fputs("\r\n", stdout);

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

static int print_table(const struct cw_cli *cli, const struct rows *rows, bool outage)
{
	static const struct cw_column columns[] = {
		{ "LEVEL", false }, { "POINTS", true },  { "KNOWLEDGE", false },          { "COUNCIL", false },
		{ "ID", false },    { "REGION", false }, { "POINTS BY CRITERION", false }
	};
	size_t count[CW_LEVEL_COUNT] = { 0 }, unsure = 0;
	char day[CW_WALL_TEXT], criteria[160];
	struct cw_table table;
	int r;

	cw_table_init(&table, columns, CW_ARRAY_LEN(columns));
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
	if (outage)
		puts("A required source is not being received, so nothing here counts as known: see 'councilwatch "
		     "status'.");
	return 0;
}

int cw_cmd_councils(struct cw_cli *cli)
{
	CW_CLEANUP(cw_cli_store_close) struct cw_store *store = NULL;
	CW_CLEANUP(rows_clear) struct rows rows = { 0 };
	const char *region = cw_cli_option(cli, "region");
	enum cw_level level = CW_LEVEL_ROUTINE;
	bool has_level = false, outage = false;
	struct cw_error err = { 0 };
	int r;

	if (cw_cli_option_level(cli, "level", &has_level, &level) < 0)
		return CW_EXIT_USAGE;
	if (region && !(region = find_region(cli, region)))
		return CW_EXIT_USAGE;
	r = cw_cli_store(cli, &store);
	if (r)
		return r;

	rows.at = calloc(cw_councils_count(cli->config->councils) + 1, sizeof(*rows.at));
	r = rows.at ? cw_store_required_outage(store, cli->config, cli->as_of, &outage, &err) : cw_error_nomem(&err);
	for (size_t i = 0; i < cw_councils_count(cli->config->councils) && r >= 0; i++) {
		const struct cw_council *council = cw_councils_at(cli->config->councils, i);

		if (!cw_cli_council_existed(council, cli->as_of) || (region && strcmp(council->region, region)))
			continue;
		r = add_row(cli, store, council, outage, has_level ? &level : NULL, &rows, &err);
	}
	if (r < 0)
		return cw_cli_fail_error(CW_EXIT_NO, &err, "cannot work out the levels");

	if (rows.n)
		qsort(rows.at, rows.n, sizeof(*rows.at), more_pressing);
	r = cli->json ? print_json(&rows) : cli->csv ? print_csv(&rows) : print_table(cli, &rows, outage);
	return r < 0 ? cw_cli_fail(CW_EXIT_NO, "cannot write the list: %s", strerror(-r)) : CW_EXIT_DONE;
}
