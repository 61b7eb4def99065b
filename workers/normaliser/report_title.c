/* Titles of reports, and the names of councils around them. */
#include <string.h>

#include <councilwatch/limits.h>

#include "report_private.h"

/* --- titles --- */

struct title {
	const char *words;
	enum cw_report_type type;
};

/* The longest and most particular first. */
static const struct title titles[] = {
	{ "re-inspection|reinspection|inspection of services for children in need of help and protection", CW_REPORT_SIF },
	{ "single inspection of services for children in need of help and protection", CW_REPORT_SIF },
	{ "inspection of local authority arrangements for the protection of children", CW_REPORT_CHILD_PROTECTION },
	{ "inspection of safeguarding and looked after children [services]", CW_REPORT_SAFEGUARDING },
	{ "inspection of looked after children services", CW_REPORT_LOOKED_AFTER },
	{ "inspection of services for looked after children", CW_REPORT_LOOKED_AFTER },
	{ "review of the effectiveness of the local safeguarding children board|boards", CW_REPORT_BOARD_REVIEW },
	{ "area send full inspection", CW_REPORT_AREA_SEND },
	{ "area send monitoring inspection", CW_REPORT_AREA_SEND_MONITORING },
	{ "area send inspection", CW_REPORT_AREA_SEND },
	{ "joint [local] area send inspection", CW_REPORT_SEND_2016 },
	{ "joint [local] area send revisit|re-visit", CW_REPORT_SEND_REVISIT },
	{ "joint targeted area inspection", CW_REPORT_JTAI },
	{ "joint inspection of the multi-agency response", CW_REPORT_JTAI },
	{ "joint area review", CW_REPORT_AREA_REVIEW },
	{ "[ilacs] focused|focussed visit", CW_REPORT_FOCUSED_VISIT },
	{ "[ofsted] [first|second|third|fourth|fifth|sixth] monitoring visit", CW_REPORT_MONITORING_VISIT },
};

static const struct {
	enum cw_kind kind;
	const char *framework, *about;
} types[CW_REPORT_COUNT] = {
	[CW_REPORT_ILACS] = { CW_KIND_ILACS, NULL, "full inspection" },
	[CW_REPORT_SIF] = { CW_KIND_SIF, "sif_2013", "full inspection" },
	[CW_REPORT_LOOKED_AFTER] = { CW_KIND_SIF, "looked_after_2013", "inspection of services for looked after children" },
	[CW_REPORT_CHILD_PROTECTION] = { CW_KIND_SIF, "child_protection_2012",
	                                 "inspection of arrangements for the protection of children" },
	[CW_REPORT_SAFEGUARDING] = { CW_KIND_SIF, "safeguarding_looked_after_2009",
	                             "inspection of safeguarding and looked after children services" },
	[CW_REPORT_FOCUSED_VISIT] = { CW_KIND_FOCUSED_VISIT, "ilacs", "focused visit" },
	[CW_REPORT_MONITORING_VISIT] = { CW_KIND_MONITORING_VISIT, NULL, "monitoring visit" },
	[CW_REPORT_BOARD_REVIEW] = { CW_KIND_BOARD_REVIEW, NULL, "review of the local safeguarding children board" },
	[CW_REPORT_JTAI] = { CW_KIND_JTAI, NULL, "joint targeted area inspection" },
	[CW_REPORT_AREA_SEND] = { CW_KIND_AREA_SEND, "area_send_2023", "full inspection" },
	[CW_REPORT_AREA_SEND_MONITORING] = { CW_KIND_AREA_SEND_MONITORING, "area_send_2023", "monitoring inspection" },
	[CW_REPORT_SEND_2016] = { CW_KIND_SEND_2016, "area_send_2016", "inspection" },
	[CW_REPORT_SEND_REVISIT] = { CW_KIND_SEND_2016, "area_send_2016", "revisit" },
};

#define LETTER_ROWS 40u

static void take_name(struct reader *reader, size_t from, size_t to)
{
	struct cw_report *report = reader->report;

	if (from < to && to - from <= NAME_WORDS_MAX && report->n_names < CW_REPORT_NAMES_MAX)
		reader->names[report->n_names++] = report_name_of(reader, from, to);
}

/* The rows above a title, joined: all of them, then without the first, and so on. */
static void names_above(struct reader *reader, size_t title)
{
	for (size_t i = 0; i < title; i++)
		if (word_at(reader, i)->first)
			take_name(reader, i, title);
}

/* What stands between a title and the dates of the inspection. */
static void names_below(struct reader *reader, size_t title_end, size_t limit)
{
	size_t stop = NOWHERE, dates = report_find_first(reader, title_end, limit, "inspection date|dates", &stop);

	if (dates != NOWHERE)
		take_name(reader, title_end, dates);
}

/* The council of "Inspection of X local authority children's services": the words from i to such an end. Also tried
 * without what follows its name in some titles. */
static void name_until(struct reader *reader, size_t i, const char *const *ends_with)
{
	for (size_t k = i; k < i + NAME_WORDS_MAX && k < reader->first_page_end; k++) {
		for (const char *const *end = ends_with; *end; end++) {
			if (report_phrase(reader, k, *end) == NOWHERE)
				continue;
			take_name(reader, i, k);
			return;
		}
	}
}

static const char *const services[] = { "local authority children's|childrens services", "local authority children's|childrens social care services",
	                                "children's|childrens services", "children's|childrens social care services",
	                                "local authority's children's|childrens services", NULL };

/* "Inspection of children's social care services", "Inspection of X local authority children's services". */
void report_ilacs_title(struct reader *reader, size_t limit)
{
	size_t end = NOWHERE, at = report_find_first(reader, 0, limit, "inspection of [the]", &end);

	for (; at != NOWHERE; at = report_find_first(reader, end, limit, "inspection of [the]", &end)) {
		size_t stop = end;

		for (const char *const *of = services; *of; of++) {
			stop = report_phrase(reader, end, *of);
			if (stop == NOWHERE)
				continue;
			reader->title = report_name_of(reader, at, stop);
			reader->title_end = stop;
			names_above(reader, at);
			names_below(reader, stop, limit);
			return;
		}
		name_until(reader, end, services);
		if (!reader->report->n_names)
			continue;
		for (stop = end; stop < limit && !report_word_is(reader, stop, "services"); stop++)
			;
		reader->title = report_name_of(reader, at, CW_MIN(stop + 1, limit));
		reader->title_end = CW_MIN(stop + 1, limit);
		return;
	}
}

static const char *const area_ends[] = { "local area partnership", "area partnership", "local area", "inspection date|dates",
	                                 NULL };

#define LETTER_TITLE_ROWS 5u

/* The word behind a title over several rows: what follows begins a paragraph, or stands further below than a line does. */
static size_t title_end(const struct reader *reader, size_t title)
{
	static const char *const next[] = { "this letter", "this inspection", "between", "on|from", "dear", "inspection date|dates", NULL };
	const struct cw_report_row *rows = reader->text->rows;
	size_t end = report_row_end(reader, title);

	for (unsigned n = 1; n < LETTER_TITLE_ROWS && end < reader->first_page_end; n++) {
		const struct cw_report_row *above = &rows[word_at(reader, end - 1)->row], *row = &rows[word_at(reader, end)->row];

		if (row->y0 - above->y1 > (above->y1 - above->y0) * 0.6f)
			return end;
		for (const char *const *words = next; *words; words++)
			if (report_phrase(reader, end, *words) != NOWHERE)
				return end;
		end = report_row_end(reader, end);
	}
	return end;
}

/* The name that stands behind a title: "… in Salford", "… of X Local Area Partnership", "… to X children's services". */
static void name_behind(struct reader *reader, size_t title, size_t end)
{
	size_t limit = CW_MIN(end + 40, reader->first_page_end), all = title_end(reader, title);

	for (size_t i = end; i < limit; i++) {
		size_t stop;

		if (word_at(reader, i)->first && i > end + 25 && i >= all)
			return;
		if (!report_word_is(reader, i, "in") && !report_word_is(reader, i, "of") && !report_word_is(reader, i, "to"))
			continue;
		stop = report_phrase(reader, i + 1, "[the]");
		name_until(reader, stop, services);
		name_until(reader, stop, area_ends);
		/* Or up to the end of the title, or of the line. */
		take_name(reader, stop, all);
		if (report_row_end(reader, i) != all)
			take_name(reader, stop, report_row_end(reader, i));
	}
}

/* Titles without a council: the letter says in its first paragraphs where the agencies work that were looked at. */
static void name_in_letter(struct reader *reader)
{
	for (size_t i = reader->title_end; i < reader->first_page_end; i++) {
		size_t from = report_phrase(reader, i, "work of individual agencies in [the]");

		for (size_t to = from; from != NOWHERE && to < reader->first_page_end && to - from < NAME_WORDS_MAX; to++) {
			if (report_phrase(reader, to, "local authority") != NOWHERE) {
				take_name(reader, from, to);
				return;
			}
			if (word_at(reader, to)->after == '.') {
				take_name(reader, from, to + 1);
				return;
			}
		}
	}
}

/* The council of a board: "Surrey Safeguarding Children Board". */
static void name_of_board(struct reader *reader, size_t title)
{
	for (size_t k = 1; k < title; k++)
		if (report_phrase(reader, k, "[local] safeguarding children board") != NOWHERE)
			take_name(reader, 0, k);
	names_above(reader, title);
}

/* "Inspection of Tower Hamlets local authority children's services" at the foot of a page. */
void report_read_footer(struct reader *reader)
{
	for (size_t i = reader->first_page_end; i < reader->text->n_words; i++) {
		size_t at = report_phrase(reader, i, "inspection of [the]");

		if (at == NOWHERE || !word_at(reader, i)->first)
			continue;
		for (size_t k = at + 1; k < at + NAME_WORDS_MAX && k < reader->text->n_words; k++) {
			for (const char *const *end = services; *end; end++) {
				if (report_phrase(reader, k, *end) == NOWHERE)
					continue;
				report_take_other(reader, at, k);
				return;
			}
		}
	}
}

void report_find_title(struct reader *reader)
{
	struct cw_report *report = reader->report;
	size_t zone = report_row_limit(reader, TITLE_ROWS), letter = report_row_limit(reader, LETTER_ROWS);
	size_t at = NOWHERE, end = NOWHERE, stop;

	/* The one that stands first: a letter about one visit may speak of others. */
	for (size_t i = 0; i < CW_ARRAY_LEN(titles); i++) {
		bool is_letter = titles[i].type >= CW_REPORT_JTAI || titles[i].type == CW_REPORT_FOCUSED_VISIT ||
		                 titles[i].type == CW_REPORT_MONITORING_VISIT;
		size_t behind = NOWHERE, here;

		here = report_find_first(reader, 0, is_letter ? letter : zone, titles[i].words, &behind);
		if (here == NOWHERE || (at != NOWHERE && here >= at))
			continue;
		at = here;
		end = behind;
		report->type = titles[i].type;
	}
	if (at == NOWHERE)
		return;
	/* Of a letter the title is what it is about, up to the end of the line. */
	stop = report_phrase(reader, end, "children looked after and care leavers");
	reader->title = report_name_of(reader, at, stop != NOWHERE ? stop : CW_MAX(end, report_row_end(reader, at)));
	reader->title_end = end;
	switch (report->type) {
	case CW_REPORT_SIF:
		names_above(reader, at);
		break;
	case CW_REPORT_BOARD_REVIEW:
		name_of_board(reader, at);
		break;
	case CW_REPORT_LOOKED_AFTER:
	case CW_REPORT_CHILD_PROTECTION:
	case CW_REPORT_SAFEGUARDING:
		/* The council stands below the title; some put it above. */
		names_below(reader, end, zone);
		names_above(reader, at);
		break;
	case CW_REPORT_JTAI:
		name_behind(reader, at, end);
		name_in_letter(reader);
		break;
	default:
		name_behind(reader, at, end);
		break;
	}
}

void report_describe_type(struct cw_report *report)
{
	report->kind = types[report->type].kind;
	report->framework = types[report->type].framework;
	report->about = types[report->type].about;
}
