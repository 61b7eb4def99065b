/*
 * councilwatch councils: every council's level on a day, the most pressing first. A list of whom to look at first, for those
 * who offer support: councils are not compared with each other in it.
 */
#include <errno.h>
#include <string.h>

#include <councilwatch/limits.h>
#include <councilwatch/model.h>
#include <councilwatch/render.h>

#include "command.h"
#include "output.h"
#include "since.h"

const struct cw_option cw_councils_options[] = {
	{ "level", "LEVEL", "only those at this level", 0 },
	{ "region", "REGION", "only those of this region", 0 },
	{ "criterion", "CRITERION", "order by this criterion alone, and leave out who has nothing there", 0 },
	{ "since", "DATE", "show how each stood on that day, and who has moved since, and why", 0 },
	{ "moved", NULL, "with --since: only those whose level is another than on that day", 0 },
	{ "window", NULL, "show when the next full inspection may come: context, not scored", 0 },
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
	char *why;      /* owned; NULL when the level is the same */
	char *ruled;    /* owned: what people have ruled and is in force; NULL = nothing */
	bool has_window;
	struct cw_window window;
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
	bool has_level;
	enum cw_level level;
	struct cw_part part; /* --criterion */
	int32_t since;             /* CW_DAY_NONE = no comparison */
	bool moved;
	bool window;
	bool outage;
};

static void rows_clear(struct rows *rows)
{
	for (size_t i = 0; i < rows->n; i++) {
		json_decref(rows->at[i].json);
		free(rows->at[i].why);
		free(rows->at[i].ruled);
	}
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
	const struct cw_criterion_state *state = &assessment->criteria[wanted->part.criterion];

	if (wanted->part.has_criterion && state->level == CW_LEVEL_ROUTINE && state->points <= 0)
		return false;
	return !wanted->has_level || cw_part_level(&wanted->part, assessment) == wanted->level;
}

static int look_back(struct cw_cli *cli, const struct cw_history *facts, const struct wanted *wanted,
                     const struct cw_assessment *now, struct row *row, struct cw_error *err)
{
	struct cw_assessment then;
	struct cw_buf why;
	int r;

	if (!cw_cli_council_existed(row->council, wanted->since))
		return 0;
	r = cw_model_assess(&cli->config->risk, facts->at, facts->n, wanted->since, &then, err);
	if (r < 0)
		return r;
	row->then_existed = true;
	row->then_level = cw_part_level(&wanted->part, &then);
	row->then_points = cw_part_points(&wanted->part, &then);
	cw_buf_init(&why, CW_FIELD_MAX);
	r = cw_since_why(&wanted->part, &then, now, &why);
	if (!r && why.len && !(row->why = cw_buf_steal(&why, NULL)))
		r = -ENOMEM;
	cw_buf_clear(&why);
	cw_assessment_clear(&then);
	return r < 0 ? cw_error_nomem(err) : 0;
}

static void set_then(struct row *row, const struct wanted *wanted, int *failed)
{
	bool known = row->then_existed;

	cw_json_set(row->json, "since", cw_json_day(wanted->since), failed);
	cw_json_set(row->json, "previous_level", known ? json_string(cw_level_name(row->then_level)) : json_null(), failed);
	cw_json_set(row->json, "previous_points", known ? json_real(cw_render_points(row->then_points)) : json_null(), failed);
	cw_json_set(row->json, "why", row->why ? cw_json_str(cw_str(row->why)) : json_null(), failed);
}

static int set_ruled(struct row *row, const struct cw_assessment *assessment)
{
	struct cw_buf text;
	int r;

	cw_buf_init(&text, CW_ROW_MAX);
	r = cw_render_in_force(assessment, &text);
	if (r == 0 && text.len && !(row->ruled = strdup(cw_buf_str(&text))))
		r = -ENOMEM;
	cw_buf_clear(&text);
	return r;
}

static int fill_row(struct cw_cli *cli, const struct cw_history *facts, const struct cw_assessment *assessment,
                    const struct wanted *wanted, struct row *row, struct cw_error *err)
{
	struct cw_buf shown;
	int failed = 0, r;

	cw_buf_init(&shown, sizeof(row->shown) - 1);
	r = cw_render_level(assessment, &shown);
	snprintf(row->shown, sizeof(row->shown), "%s", cw_buf_str(&shown));
	cw_buf_clear(&shown);
	if (r == 0)
		r = set_ruled(row, assessment);
	if (r < 0)
		return cw_error_nomem(err);
	if (cli->json && !(row->json = cw_render_council_level(row->council, assessment)))
		return cw_error_nomem(err);
	if (wanted->window)
		row->has_window = cw_window_find(&cli->config->risk, assessment, &row->window);
	if (wanted->window && row->json)
		cw_json_set(row->json, "inspection_window",
		            row->has_window ? cw_render_window(&cli->config->risk, &row->window, cli->as_of) : json_null(), &failed);
	if (failed)
		return cw_error_nomem(err);
	if (wanted->since == CW_DAY_NONE)
		return 0;
	r = look_back(cli, facts, wanted, assessment, row, err);
	if (!r && row->json)
		set_then(row, wanted, &failed);
	return failed ? cw_error_nomem(err) : r;
}

static bool has_moved(const struct row *row)
{
	return !row->then_existed || row->why;
}

static int add_row(struct cw_cli *cli, struct cw_store *store, const struct cw_council *council,
                   const struct wanted *wanted, struct rows *rows, struct cw_error *err)
{
	struct cw_assessment assessment;
	struct cw_history facts;
	int r;

	r = cw_cli_assess(cli, store, council, cli->as_of, wanted->outage, &facts, &assessment, err);
	if (r < 0)
		return r;
	if (is_wanted(wanted, &assessment)) {
		struct row *row = &rows->at[rows->n++];

		*row = (struct row){ .council = council,
			             .level = assessment.level,
			             .knowledge = assessment.knowledge,
			             .points = assessment.points };
		memcpy(row->criteria, assessment.criteria, sizeof(row->criteria));
		r = fill_row(cli, &facts, &assessment, wanted, row, err);
		if (r == 0 && wanted->moved && !has_moved(row)) {
			json_decref(cw_steal(row->json));
			free(cw_steal(row->ruled));
			rows->n--;
		}
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

static void csv_window(struct cw_buf *line, const struct row *row)
{
	const struct cw_window *w = &row->window;
	char inspected[CW_WALL_TEXT], from[CW_WALL_TEXT], until[CW_WALL_TEXT];

	if (row->has_window)
		cw_buf_printf(line, ",%s,%s,%s,%s", cw_day_format(w->inspected_day, inspected), cw_day_format(w->from_day, from),
		              cw_day_format(w->until_day, until), cw_window_place_name(w->place));
	else
		cw_buf_puts(line, ",,,,");
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
	fputs(wanted->since != CW_DAY_NONE ? ",previous_level,previous_points,why,rulings" : ",rulings", stdout);
	fputs(wanted->window ? ",inspected,window_from,window_until,window_place\r\n" : "\r\n", stdout);

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
		if (wanted->since != CW_DAY_NONE)
			cw_csv_field(&line, false, row->why ? row->why : "");
		cw_csv_field(&line, false, row->ruled ? row->ruled : "");
		if (row->ruled)
			cw_out_count(0, "\"sensitivity\"");
		if (wanted->window)
			csv_window(&line, row);
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

/* The level that is asked about. */
static enum cw_level level_now(const struct row *row, const struct wanted *wanted)
{
	return wanted->part.has_criterion ? row->criteria[wanted->part.criterion].level : row->level;
}

static double points_now(const struct row *row, const struct wanted *wanted)
{
	return wanted->part.has_criterion ? row->criteria[wanted->part.criterion].points : row->points;
}

/* "up from watch, +12.0" when it has moved, or by how many points. */
static void add_then(struct cw_table *table, const struct row *row, const struct wanted *wanted)
{
	enum cw_level level = level_now(row, wanted);
	double change = cw_render_points(points_now(row, wanted)) - cw_render_points(row->then_points);

	if (!row->then_existed)
		cw_table_add(table, "not yet there");
	else if (level != row->then_level)
		cw_table_addf(table, "%s from %s, %+.1f", level > row->then_level ? "up" : "down", cw_level_name(row->then_level),
		              change);
	else if (change < 0.05 && change > -0.05)
		cw_table_add(table, "the same");
	else
		cw_table_addf(table, "%+.1f", change);
}

/* Who moved, from where to where and why, a line each: those who went up first. */
static int print_moved(const struct cw_cli *cli, const struct rows *rows, const struct wanted *wanted)
{
	static const struct cw_column columns[] = { { "COUNCIL", false, 0 }, { "FROM", false, 0 }, { "TO", false, 0 }, { "WHY", false, 0 } };
	size_t moved = 0, new = 0;
	char day[CW_WALL_TEXT];
	struct cw_table table;
	int r = 0;

	cw_table_init(&table, columns, CW_ARRAY_LEN(columns));
	for (int up = 1; up >= 0; up--) {
		for (size_t i = 0; i < rows->n; i++) {
			const struct row *row = &rows->at[i];
			enum cw_level level = level_now(row, wanted);

			if (!row->why || (level > row->then_level) != up)
				continue;
			moved++;
			cw_table_add(&table, row->council->short_name);
			cw_table_add_coloured(&table, cw_level_name(row->then_level), cw_out_level_colour(row->then_level));
			cw_table_add_coloured(&table, cw_level_name(level), cw_out_level_colour(level));
			cw_table_add(&table, row->why);
		}
	}
	for (size_t i = 0; i < rows->n; i++)
		new += !rows->at[i].then_existed;
	cw_day_format(wanted->since, day);
	if (moved) {
		printf("\nMoved since %s (%zu):\n", day, moved);
		r = cw_table_print(&table, 2, cli->colour, stdout);
	} else {
		printf("\nNo level is another than on %s.\n", day);
	}
	if (new)
		printf("%zu council%s did not exist on %s.\n", new, new == 1 ? "" : "s", day);
	cw_table_clear(&table);
	return r;
}

/* Who has which in hand, and until when. */
static int print_ruled(const struct cw_cli *cli, const struct rows *rows)
{
	static const struct cw_column columns[] = { { "COUNCIL", false, 0 }, { "AS PEOPLE HAVE RULED", false, 0 } };
	struct cw_table table;
	size_t n = 0;
	int r = 0;

	cw_table_init(&table, columns, CW_ARRAY_LEN(columns));
	for (size_t i = 0; i < rows->n; i++) {
		if (!rows->at[i].ruled)
			continue;
		n++;
		cw_table_add(&table, rows->at[i].council->short_name);
		cw_table_add(&table, rows->at[i].ruled);
	}
	if (n) {
		putchar('\n');
		r = cw_table_print(&table, 2, cli->colour, stdout);
	}
	cw_table_clear(&table);
	return r;
}

/* "2025-04 to 2027-03", and where the day asked about is in it. */
static void add_window(struct cw_table *table, const struct row *row)
{
	static const char *const places[] = { "", ", now", ", past" };
	char from[CW_WALL_TEXT], until[CW_WALL_TEXT];

	if (row->has_window)
		cw_table_addf(table, "%.7s to %.7s%s", cw_day_format(row->window.from_day, from),
		              cw_day_format(row->window.until_day, until), places[row->window.place]);
	else
		cw_table_add(table, "");
}

static int print_table(const struct cw_cli *cli, const struct rows *rows, const struct wanted *wanted)
{
	static const struct cw_column all[] = {
		{ "LEVEL", false, 0 }, { "POINTS", true, 0 },  { "KNOWLEDGE", false, 3 },           { "COUNCIL", false, 0 },
		{ "ID", false, 5 },    { "REGION", false, 4 }, { "POINTS BY CRITERION", false, 2 }, { "SINCE", false, 1 },
		{ "NEXT FULL INSPECTION", false, 1 },
	};
	struct cw_column columns[CW_ARRAY_LEN(all)];
	size_t n = CW_ARRAY_LEN(all) - 2;
	size_t count[CW_LEVEL_COUNT] = { 0 }, unsure = 0;
	char day[CW_WALL_TEXT], criteria[160];
	struct cw_table table;
	int r;

	memcpy(columns, all, sizeof(all));
	if (wanted->since != CW_DAY_NONE)
		n++;
	if (wanted->window)
		columns[n++] = all[CW_ARRAY_LEN(all) - 1];
	cw_table_init(&table, columns, n);
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
		if (wanted->window)
			add_window(&table, row);
		/* "routine" is said only of what is known (domain 3.5). */
		if (row->level == CW_LEVEL_ROUTINE && row->knowledge != CW_KNOWN)
			unsure++;
		else
			count[row->level]++;
	}
	if (rows->n)
		r = cw_table_print(&table, 0, cli->colour, stdout);
	else
		r = puts("No council is like that.") < 0 ? -EIO : 0;
	cw_table_clear(&table);
	if (r >= 0 && wanted->since != CW_DAY_NONE && rows->n)
		r = print_moved(cli, rows, wanted);
	if (r >= 0)
		r = print_ruled(cli, rows);
	if (r < 0)
		return r;

	printf("\nAs of %s: %zu intensive, %zu priority, %zu watch, %zu routine, %zu unknown.\n",
	       cw_day_format(cli->as_of, day), count[CW_LEVEL_INTENSIVE], count[CW_LEVEL_PRIORITY],
	       count[CW_LEVEL_WATCH], count[CW_LEVEL_ROUTINE], unsure);
	cw_out_paragraph(stdout, 0, 0, "A level says how much support to offer and how soon: a flag for a conversation, not a verdict on "
	                               "a council.");
	if (wanted->outage)
		cw_out_paragraph(stdout, 0, 0, "A required source is not being received, so nothing here counts as known: see "
		                               "'councilwatch status'.");
	return 0;
}

int cw_cmd_councils(struct cw_cli *cli)
{
	CW_CLEANUP(cw_cli_store_close) struct cw_store *store = NULL;
	CW_CLEANUP(rows_clear) struct rows rows = { 0 };
	struct wanted wanted = { .region = cw_cli_option(cli, "region"),
		                 .since = CW_DAY_NONE,
		                 .moved = cw_cli_option(cli, "moved"),
		                 .window = cw_cli_option(cli, "window") };
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
	if (wanted.moved && wanted.since == CW_DAY_NONE)
		return cw_cli_fail(CW_EXIT_USAGE, "--moved needs --since DATE: moved since when?");
	wanted.part.has_criterion = criterion != NULL;
	if (criterion && cw_criterion_parse(cw_str(criterion), &wanted.part.criterion) < 0)
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

	if (rows.n && wanted.part.has_criterion)
		qsort_r(rows.at, rows.n, sizeof(*rows.at), more_pressing_in, &wanted.part.criterion);
	else if (rows.n)
		qsort(rows.at, rows.n, sizeof(*rows.at), more_pressing);
	r = cli->json ? print_json(&rows) : cli->csv ? print_csv(&rows, &wanted) : print_table(cli, &rows, &wanted);
	return r < 0 ? cw_cli_fail(CW_EXIT_NO, "cannot write the list: %s", strerror(-r)) : CW_EXIT_DONE;
}
