/*
 * councilwatch history: how one council's level changed over time, and what changed it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <councilwatch/limits.h>
#include <councilwatch/model.h>
#include <councilwatch/render.h>

#include "command.h"
#include "output.h"

static const struct cw_column columns[] = { { "WHEN", false },      { "WHAT", false },  { "LEVEL", false },
	                                    { "KNOWLEDGE", false }, { "POINTS", true }, { "IN WORDS", false } };

/* Moments of the line that draws the points over time. */
#define LINE_MOMENTS 60

struct history {
	const struct cw_cli *cli;
	const struct cw_council *council;
	json_t *changes;       /* --json */
	struct cw_table table; /* text */
	struct cw_buf sentence;
	struct cw_buf csv; /* --csv: the row being made */
};

static int add_csv(struct history *h, const struct cw_change *change)
{
	char at[CW_WALL_TEXT];
	int r;

	cw_buf_reset(&h->csv);
	cw_csv_field(&h->csv, true, h->council->id);
	cw_csv_field(&h->csv, false, cw_wall_format(change->at, at));
	cw_csv_field(&h->csv, false, cw_alert_kind_name(change->kind));
	cw_csv_field(&h->csv, false, cw_level_name(change->after.level));
	cw_csv_field(&h->csv, false, cw_level_name(change->previous_level));
	cw_csv_field(&h->csv, false, cw_knowledge_name(change->after.knowledge));
	cw_buf_printf(&h->csv, ",%.1f", cw_render_points(change->after.points));
	cw_csv_field(&h->csv, false, cw_buf_str(&h->sentence));
	r = cw_buf_puts(&h->csv, "\r\n");
	fputs(cw_buf_str(&h->csv), stdout);
	return r;
}

static int add_json(struct history *h, const struct cw_change *change)
{
	const struct cw_assessment *after = &change->after;
	json_t *object = json_object();
	int failed = 0;

	cw_json_set(object, "time", cw_json_wall(change->at), &failed);
	cw_json_set(object, "kind", json_string(cw_alert_kind_name(change->kind)), &failed);
	cw_json_set(object, "level", json_string(cw_level_name(after->level)), &failed);
	cw_json_set(object, "previous_level", json_string(cw_level_name(change->previous_level)), &failed);
	cw_json_set(object, "knowledge", json_string(cw_knowledge_name(after->knowledge)), &failed);
	cw_json_set(object, "points", json_real(cw_render_points(after->points)), &failed);
	cw_json_set(object, "criteria", cw_render_criteria(after), &failed);
	cw_json_set(object, "contributors", cw_render_contributors(after), &failed);
	cw_json_set(object, "text", json_string(cw_buf_str(&h->sentence)), &failed);
	if (json_array_append_new(h->changes, object) < 0)
		failed = -ENOMEM;
	return failed;
}

static int add_change(void *arg, const struct cw_change *change)
{
	struct history *h = arg;
	const struct cw_assessment *after = &change->after;
	char at[CW_WALL_TEXT], level[64];
	int r;

	cw_buf_reset(&h->sentence);
	r = cw_render_sentence(h->council, change, &h->sentence);
	if (r < 0)
		return r;
	if (h->cli->json)
		return add_json(h, change);
	if (h->cli->csv)
		return add_csv(h, change);

	if (change->previous_level == after->level)
		snprintf(level, sizeof(level), "%s", cw_level_name(after->level));
	else
		snprintf(level, sizeof(level), "%s -> %s", cw_level_name(change->previous_level),
		         cw_level_name(after->level));
	cw_table_add(&h->table, cw_wall_format(change->at, at));
	cw_table_add(&h->table, cw_alert_kind_name(change->kind));
	cw_table_add_coloured(&h->table, level, cw_out_level_colour(after->level));
	cw_table_add(&h->table, cw_knowledge_name(after->knowledge));
	cw_table_addf(&h->table, "%.1f", cw_render_points(after->points));
	cw_table_add(&h->table, cw_buf_str(&h->sentence));
	return h->table.failed;
}

/* When the first of the facts was there to know. */
static int32_t first_day(const struct cw_history *facts)
{
	int32_t first = CW_DAY_NONE;

	for (size_t i = 0; i < facts->n; i++) {
		const struct cw_fact *fact = &facts->at[i];
		int32_t day = cw_wall_day(cw_wall_known(fact->evidence.published_at) ? fact->evidence.published_at
		                                                                     : fact->known_at);

		if (!fact->heritage && (first == CW_DAY_NONE || day < first))
			first = day;
	}
	return first;
}

/* Can the terminal draw them? As the locale says (POSIX: LC_ALL goes before LC_CTYPE before LANG). */
static bool has_blocks(void)
{
	static const char *const names[] = { "LC_ALL", "LC_CTYPE", "LANG" };

	for (size_t i = 0; i < CW_ARRAY_LEN(names); i++) {
		const char *locale = getenv(names[i]);

		if (locale && *locale)
			return strcasestr(locale, "utf-8") || strcasestr(locale, "utf8");
	}
	return false;
}

/* Two lines over time: the points, from nothing to the line of priority and above, and the level, so that it is there without colours:
 * "i" intensive, "p" priority, "w" watch, "-" routine, "?" not known well enough to say routine. */
static int print_line(const struct history *h, const struct cw_history *facts, int32_t until, struct cw_error *err)
{
	static const char *const blocks[] = { " ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" };
	static const char *const plain[] = { " ", ".", ".", ":", "-", "=", "+", "*", "#" };
	static const char *const letters[CW_LEVEL_COUNT] = { "-", "w", "p", "i" };
	const char *const *marks = has_blocks() ? blocks : plain;
	const struct cw_risk *risk = &h->cli->config->risk;
	size_t width = cw_out_columns(stdout);
	int moments = width && width < LINE_MOMENTS + 22 ? CW_MAX((int)width - 22, 10) : LINE_MOMENTS;
	int32_t from = first_day(facts);
	char begin[CW_WALL_TEXT], end[CW_WALL_TEXT];
	struct cw_buf levels;
	int r = 0;

	if (from == CW_DAY_NONE || until - from < moments)
		return 0;
	cw_buf_init(&levels, 4096);
	printf("%s ", cw_day_format(from, begin));
	for (int i = 0; i < moments && r == 0; i++) {
		int32_t day = from + (int32_t)((int64_t)(until - from) * i / (moments - 1));
		const char *colour = NULL, *letter;
		struct cw_assessment then;
		double share;

		r = cw_model_assess(risk, facts->at, facts->n, day, &then, err);
		if (r < 0)
			break;
		/* Full height is twice the line of priority. */
		share = risk->line_priority > 0 ? then.points / (2 * risk->line_priority) : 0;
		colour = h->cli->colour ? cw_out_level_colour(then.level) : NULL;
		cw_out_coloured(stdout, h->cli->colour, colour, marks[then.points <= 0 ? 0 : CW_MIN(8, 1 + (int)(share * 8))]);
		letter = then.level == CW_LEVEL_ROUTINE && then.knowledge != CW_KNOWN ? "?" : letters[then.level];
		cw_buf_printf(&levels, "%s%s%s", colour ? colour : "", letter, colour ? "\033[0m" : "");
		cw_assessment_clear(&then);
	}
	if (r == 0)
		printf(" %s\n%*s %s\n\n", cw_day_format(until, end), 10, "", cw_buf_str(&levels));
	cw_buf_clear(&levels);
	return r;
}

static int print_history(struct history *h, const struct cw_assessment *last, const struct cw_history *facts,
                         struct cw_error *err)
{
	char day[CW_WALL_TEXT];
	struct cw_buf level;
	int failed = 0, r;

	if (h->cli->csv)
		return 0;
	if (h->cli->json) {
		json_t *object = json_object();

		cw_json_set(object, "council", cw_render_council(h->council), &failed);
		cw_json_set(object, "as_of", cw_json_day(last->as_of), &failed);
		cw_json_set(object, "level", json_string(cw_level_name(last->level)), &failed);
		cw_json_set(object, "knowledge", json_string(cw_knowledge_name(last->knowledge)), &failed);
		cw_json_set(object, "points", json_real(cw_render_points(last->points)), &failed);
		cw_json_set(object, "changes", json_incref(h->changes), &failed);
		if (failed) {
			json_decref(object);
			return failed;
		}
		return cw_out_json(stdout, object);
	}

	cw_buf_init(&level, 256);
	r = cw_render_level(last, &level);
	cw_out_text(stdout, h->council->name);
	printf(" (%s) as of %s: %s\n\n", h->council->id, cw_day_format(last->as_of, day), cw_buf_str(&level));
	cw_buf_clear(&level);
	if (r == 0)
		r = print_line(h, facts, last->as_of, err);
	if (r < 0)
		return r;
	if (!h->table.n_cells) {
		puts("No change is known.");
		return 0;
	}
	return cw_table_print(&h->table, 0, h->cli->colour, stdout);
}

int cw_cmd_history(struct cw_cli *cli)
{
	CW_CLEANUP(cw_cli_store_close) struct cw_store *store = NULL;
	struct history h = { .cli = cli };
	struct cw_wall until = cw_wall_now();
	struct cw_assessment last;
	struct cw_history facts;
	struct cw_error err = { 0 };
	int r;

	/* A day given means all of it. */
	if (cli->has_as_of)
		until.ms = cw_day_start(cli->as_of + 1).ms - 1;
	r = cw_cli_council(cli, cli->arguments[0], &h.council);
	if (r)
		return r;
	r = cw_cli_store(cli, &store);
	if (r)
		return r;

	r = cw_history_load(store, cli->config->councils, &cli->config->risk, h.council, &facts, &err);
	if (r < 0)
		return cw_cli_fail_error(CW_EXIT_NO, &err, "cannot read the evidence about %s", h.council->name);
	cw_table_init(&h.table, columns, CW_ARRAY_LEN(columns));
	cw_buf_init(&h.sentence, 4096);
	cw_buf_init(&h.csv, CW_ROW_MAX);
	if (cli->csv)
		fputs("council_id,time,kind,level,previous_level,knowledge,points,text\r\n", stdout);
	h.changes = json_array();
	r = cw_model_changes(&cli->config->risk, facts.at, facts.n, until, add_change, &h, &last, &err);
	if (r >= 0) {
		r = print_history(&h, &last, &facts, &err);
		cw_assessment_clear(&last);
	}
	cw_history_free(&facts);
	cw_table_clear(&h.table);
	cw_buf_clear(&h.sentence);
	cw_buf_clear(&h.csv);
	json_decref(h.changes);
	if (r < 0 && !err.code)
		cw_error_set(&err, r, "%s", strerror(-r));
	return r < 0 ? cw_cli_fail_error(CW_EXIT_NO, &err, "cannot tell the history of %s", h.council->name)
	             : CW_EXIT_DONE;
}
