/*
 * The grammar of inspection reports. Every value that is taken has been said in full by the report.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <councilwatch/limits.h>

#include "report_private.h"

/* --- lists --- */

/* Does the row begin an item of a list? -1: with a bullet; n: with that number; 0: no. */
static int item_of(const struct reader *reader, uint32_t row)
{
	const struct cw_report_span *span = &reader->text->spans[reader->text->rows[row].first];
	const unsigned char *at = reader->text->text.data + span->at;
	int n = 0;
	size_t i = 0;

	while (i < span->len && i < 3 && at[i] >= '0' && at[i] <= '9')
		n = n * 10 + at[i++] - '0';
	if (i)
		return i < span->len && at[i] == '.' && (i + 1 == span->len || at[i + 1] == ' ') ? n : 0;
	/* Bullets of all sorts, and those of symbol fonts (U+F0xx). */
	if (span->len >= 3 && at[0] == 0xe2 && (at[1] == 0x80 || at[1] == 0x96 || at[1] == 0x97 || at[1] == 0x9e))
		return (at[1] == 0x80 && at[2] != 0xa2) ? 0 : -1;
	if (span->len >= 3 && at[0] == 0xef && (at[1] == 0x81 || at[1] == 0x82 || at[1] == 0x83))
		return -1;
	return span->len >= 2 && at[0] == 0xc2 && (at[1] == 0xb7 || at[1] == 0xa7) ? -1 : 0;
}

/* --- the quote --- */

/* Can a sentence begin with this word, which is the first of its row or stands behind the number of a paragraph? What stands above
 * has ended, or ends further up. */
static bool may_begin(const struct reader *reader, size_t i)
{
	const struct cw_report_text *text = reader->text;
	const struct cw_report_row *row = &text->rows[word_at(reader, i)->row], *above;
	bool numbered = i && !word_at(reader, i)->first && word_at(reader, i - 1)->first &&
	                item_of(reader, word_at(reader, i)->row) > 0;

	if (text->text.data[word_at(reader, i)->at] < 'A' || text->text.data[word_at(reader, i)->at] > 'Z')
		return false;
	if (numbered)
		return row->n <= 2;
	/* A line of prose is one span and has some words. */
	if (!word_at(reader, i)->first || row->n != 1 || report_row_end(reader, i) < i + 7)
		return false;
	if (!i || word_page(reader, i - 1) != row->page || word_at(reader, i - 1)->after == '.')
		return true;
	above = &text->rows[word_at(reader, i - 1)->row];
	return row->y0 - above->y1 > (row->y1 - row->y0) * 0.3f;
}

static bool same_size(const struct cw_report_row *a, const struct cw_report_row *b)
{
	float x = a->y1 - a->y0, y = b->y1 - b->y0;

	return fabsf(x - y) < 0.1f * CW_MAX(x, y);
}

/*
 * The first whole sentences below `from`, as many as fit, of one page; of a sentence that is too long, its beginning. A word that
 * is parted at the end of a line ends it, because its hyphen may be its own or the line's.
 */
static void quote_prose(struct reader *reader, size_t from)
{
	const struct cw_report_text *text = reader->text;

	for (size_t i = from; i < text->n_words; i++) {
		const struct cw_report_row *row = &text->rows[word_at(reader, i)->row];
		size_t end = 0, characters = 0, k;

		if (!may_begin(reader, i))
			continue;
		for (k = i; k < text->n_words && word_page(reader, k) == row->page; k++) {
			const struct cw_report_word *at = word_at(reader, k);
			const struct cw_report_word *next = k + 1 < text->n_words ? at + 1 : NULL;
			const struct cw_report_row *here = &text->rows[at->row];

			/* A heading is larger; a paragraph with a number is another. */
			if (here != row && (here->n != 1 || !same_size(row, here) || (at->first && item_of(reader, at->row))))
				break;
			characters += at->len + 1;
			if (characters > CW_QUOTE_MAX || (at->last && text->text.data[at->at + at->len - 1] == '-'))
				break;
			if (at->after == '.' && (!next || next->first || (text->text.data[next->at] >= 'A' && text->text.data[next->at] <= 'Z')))
				end = k + 1;
		}
		if (!end && characters > CW_QUOTE_MAX / 2)
			end = k;
		if (end) {
			report_take_quote(reader, i, end);
			return;
		}
	}
}

/* --- areas for priority action --- */

static const char *const behind_actions[] = {
	"areas|area for improvement", "what needs to improve", "strengths", "[main|key] findings", "next steps",
	"yours sincerely", "the local authority's strengths", "information about this", "recommendations",
	"the experiences and progress", "the impact of leaders", "practice study", NULL,
};

/* The items of the list below a heading, up to what is known to follow such a list: their number, 0 when there are none
 * and the text says so, -1 when it cannot be told. one: the heading speaks of one area, which may be a paragraph. */
static int count_items(const struct reader *reader, size_t at, bool one)
{
	const struct cw_report_text *text = reader->text;
	int bullets = 0, first = 0, last = 0;
	bool none = false;

	for (size_t i = at; i < text->n_words; i++) {
		const struct cw_report_word *word = word_at(reader, i);
		int item;

		if (report_phrase(reader, i, "no [areas|area] [for] [immediate] [or|and] priority") != NOWHERE ||
		    report_phrase(reader, i, "not find|identify|identified any areas|area|priority|immediate") != NOWHERE)
			none = true;
		if (!word->first)
			continue;
		for (const char *const *end = behind_actions; *end; end++) {
			if (report_phrase(reader, i, *end) == NOWHERE)
				continue;
			if (none) /* one paragraph says so */
				return last == first && bullets < 2 ? 0 : -1;
			if (first || bullets)
				return first ? last - first + 1 : bullets;
			return one ? 1 : -1;
		}
		item = item_of(reader, word->row);
		/* Bullets below a number are parts of its item. */
		if (item < 0 && !first)
			bullets++;
		else if (item > 0 && (bullets || (first && item != last + 1)))
			return -1;
		else if (item > 0)
			last = item;
		if (item > 0 && !first)
			first = item;
	}
	return -1;
}

static void count_priority_actions(struct reader *reader)
{
	const struct cw_report_text *text = reader->text;
	enum cw_report_type type = reader->report->type;
	bool visit = type == CW_REPORT_FOCUSED_VISIT || type == CW_REPORT_MONITORING_VISIT || type == CW_REPORT_JTAI;
	bool mentioned = false;

	if (!visit && type != CW_REPORT_ILACS && type != CW_REPORT_SIF)
		return;
	for (size_t i = 0; i < text->n_words; i++) {
		size_t end = report_phrase(reader, i, type == CW_REPORT_SIF ? "priority and immediate action|actions" :
		                                                       "area|areas for priority action|actions");
		int n;

		/* The sections on the board come last. */
		if (type == CW_REPORT_SIF && word_at(reader, i)->first && i > reader->first_page_end &&
		    report_phrase(reader, i, "[section] [2] the [effectiveness] [of] [the] local safeguarding children board|lscb") != NOWHERE &&
		    word_page(reader, i) > 3)
			return;
		/* "There are no priority actions" is as good as saying nothing. */
		mentioned = mentioned || (report_phrase(reader, i, "priority action|actions") != NOWHERE &&
		                          !(i && report_word_is(reader, i - 1, "no")));
		if (end == NOWHERE || !word_at(reader, i)->first || (end < text->n_words && !word_at(reader, end)->first) ||
		    word_at(reader, end - 1)->after == '.')
			continue;
		n = count_items(reader, end, report_word_is(reader, i, "area") && report_word_is(reader, end - 1, "action"));
		if (n >= 0 && n <= 20)
			report_set_number(reader, CW_VAL_PRIORITY_ACTIONS, (unsigned)n);
		else
			report_problem(reader, CW_REASON_BAD_VALUE, "priority_actions", report_printed(reader, i, end),
			        "its items cannot be counted");
		return;
	}
	if (visit && !mentioned)
		report_set_number(reader, CW_VAL_PRIORITY_ACTIONS, 0);
	else if (visit)
		report_problem(reader, CW_REASON_BAD_VALUE, "priority_actions", (struct place){ 0 },
		        "it speaks of priority actions and has no list of them");
}

/* --- what reports without grades come to --- */

/* The outcome of an area SEND inspection, which is one of three sentences. */
static void read_area_outcome(struct reader *reader)
{
	static const char *const outcomes[] = {
		"typically lead to positive experiences and outcomes",
		"lead to inconsistent experiences and outcomes",
		"widespread and/or|and|or systemic failings leading to significant concerns",
	};
	size_t from = 0, to = 0;
	unsigned found = 0;

	for (size_t i = 0; i < reader->text->n_words && word_page(reader, i) <= 3; i++) {
		for (unsigned k = 0; k < CW_ARRAY_LEN(outcomes); k++) {
			size_t end = report_phrase(reader, i, outcomes[k]);

			if (end == NOWHERE)
				continue;
			if (found && found != k + 1) {
				report_problem(reader, CW_REASON_BAD_VALUE, "outcome", report_printed(reader, i, end),
				        "the report says outcome %u in one place and %u in another", found, k + 1);
				return;
			}
			if (!found)
				from = i, to = end;
			found = k + 1;
		}
	}
	if (!found) {
		report_problem(reader, CW_REASON_BAD_VALUE, "outcome", (struct place){ 0 }, "none of the three outcomes is in the report");
		return;
	}
	report_set_number(reader, CW_VAL_OUTCOME, found);
	/* The sentence that says so. */
	while (from && !may_begin(reader, from) && word_at(reader, from - 1)->after != '.' &&
	       word_page(reader, from - 1) == word_page(reader, to - 1) && to - from < 30)
		from--;
	while (to < reader->text->n_words && word_at(reader, to - 1)->after != '.' && to - from < 45 &&
	       word_page(reader, to) == word_page(reader, from))
		to++;
	report_take_quote(reader, from, to);
}

/* Was a written statement of action required? Letters that do not speak of one say that it was not. */
static void read_written_statement(struct reader *reader)
{
	bool mentioned = false;

	for (size_t i = 0; i < reader->text->n_words; i++) {
		if (report_phrase(reader, i, "determined that a written statement of action is required") != NOWHERE ||
		    report_phrase(reader, i, "determined that the local area must submit a written statement of action") != NOWHERE) {
			report_set_value(reader, CW_VAL_WSOA, cw_str("yes"));
			return;
		}
		mentioned = mentioned || report_phrase(reader, i, "written statement") != NOWHERE || report_word_is(reader, i, "wsoa");
	}
	if (mentioned)
		report_problem(reader, CW_REASON_BAD_VALUE, "wsoa", (struct place){ 0 },
		        "it speaks of a written statement of action, and not in the words that require one");
	else
		report_set_value(reader, CW_VAL_WSOA, cw_str("no"));
}

/* Were the weaknesses mended when the inspectors came back? */
static void read_revisit(struct reader *reader)
{
	static const struct {
		const char *words, *value;
	} said[] = {
		{ "made sufficient progress in addressing all", "sufficient" },
		{ "made sufficient progress in addressing each", "sufficient" },
		{ "made sufficient progress in addressing one|two|three|four|five|six|seven|eight|nine|ten of the", "some" },
		{ "not made sufficient progress in addressing any", "insufficient" },
	};
	const char *found = NULL;

	for (size_t i = 0; i < reader->text->n_words && word_page(reader, i) <= 2; i++) {
		for (size_t k = 0; k < CW_ARRAY_LEN(said); k++) {
			if (report_phrase(reader, i, said[k].words) == NOWHERE)
				continue;
			/* "has not made sufficient progress in addressing all" is something else. */
			if (k < 3 && i && report_word_is(reader, i - 1, "not"))
				return;
			if (found && strcmp(found, said[k].value) != 0)
				found = "";
			else
				found = said[k].value;
		}
	}
	if (found && *found)
		report_set_value(reader, CW_VAL_REVISIT, cw_str(found));
	else
		report_problem(reader, CW_REASON_BAD_VALUE, "revisit", (struct place){ 0 },
		        "what became of the weaknesses is not in one sentence that is known");
}

/* What a joint targeted area inspection looked at: one of the themes there have been. */
static void read_theme(struct reader *reader)
{
	static const char *const themes[] = {
		("child sexual exploitation children associated with gangs and at risk of exploitation and children missing "
		 "from home care or education"),
		"child sexual exploitation and those missing from home care or education",
		"child sexual exploitation and missing",
		"child sexual exploitation",
		"child exploitation",
		"children who are victims of domestic abuse",
		"children living with domestic abuse",
		"domestic abuse",
		"children living with neglect",
		"abuse and neglect",
		"neglect",
		"[child] sexual abuse in the family [environment]",
		"[children's|child] mental health",
		"[child] mental ill health",
		"[child] mental ill-health",
		"the criminal exploitation of children",
		"criminal exploitation [of] [children]",
		"exploitation",
		"[the] [identification] [of] initial need and risk",
		"children and [their] families who need help",
		"serious youth violence",
	};

	for (size_t i = 0; i < reader->first_page_end; i++) {
		size_t at = report_phrase(reader, i, "response|responses to");

		if (at == NOWHERE)
			continue;
		for (size_t k = 0; k < CW_ARRAY_LEN(themes); k++) {
			size_t end = report_phrase(reader, at, themes[k]);

			if (end == NOWHERE)
				continue;
			reader->theme = report_name_of(reader, at, end);
			reader->has_theme = reader->theme.len > 0;
			return;
		}
		/* The first says what was inspected; others may say what else there is. */
		return;
	}
}
static void read_ungraded(struct reader *reader)
{
	switch (reader->report->type) {
	case CW_REPORT_AREA_SEND:
		read_area_outcome(reader);
		break;
	case CW_REPORT_SEND_2016:
		read_written_statement(reader);
		break;
	case CW_REPORT_SEND_REVISIT:
		read_revisit(reader);
		break;
	case CW_REPORT_JTAI:
		read_theme(reader);
		break;
	default:
		break;
	}
}

/* --- all together --- */

/* A place in made becomes a text. */
static struct cw_str placed(const struct cw_report *report, struct place place)
{
	return (struct cw_str){ cw_buf_str(&report->made) + place.at, place.len };
}

static void place_all(const struct reader *reader)
{
	struct cw_report *report = reader->report;

	for (size_t i = 0; i < report->n_names; i++)
		report->names[i] = placed(report, reader->names[i]);
	for (size_t i = 0; i < report->n_others; i++)
		report->others[i] = placed(report, reader->others[i]);
	for (size_t i = 0; i < report->n_problems; i++)
		report->problems[i].text = cw_str_cut(placed(report, reader->problems[i]), 200);
	if (reader->has_theme && report->n_values < CW_REPORT_VALUES_MAX)
		report->values[report->n_values++] =
		    (struct cw_report_value){ CW_VAL_THEME, placed(report, reader->theme) };
	report->title = placed(report, reader->title);
	report->quote = placed(report, reader->quote);
}

int cw_report_read(const struct cw_report_text *text, struct cw_report *ret)
{
	struct reader reader = { .text = text, .report = ret, .table_at = NOWHERE };
	size_t pages_end;
	bool titled;

	*ret = (struct cw_report){ .start = CW_DAY_NONE, .end = CW_DAY_NONE, .published = CW_DAY_NONE };
	cw_buf_init(&ret->made, CW_FIELD_MAX);
	while (reader.first_page_end < text->n_words && word_page(&reader, reader.first_page_end) == 1)
		reader.first_page_end++;
	for (pages_end = reader.first_page_end; pages_end < text->n_words && word_page(&reader, pages_end) <= 2;)
		pages_end++;

	/* The table of today's judgements tells a full inspection from all that only speaks of one. */
	report_ilacs_title(&reader, report_row_limit(&reader, TITLE_ROWS));
	titled = reader.title.len > 0;
	if (report_has_ilacs_table(&reader, 0, pages_end)) {
		ret->type = CW_REPORT_ILACS;
	} else {
		struct reader other = reader;

		other.title = (struct place){ 0 };
		ret->n_names = 0;
		report_find_title(&other);
		if (ret->type != CW_REPORT_UNKNOWN) {
			reader = other;
		} else if (titled) {
			ret->type = CW_REPORT_ILACS;
			report_ilacs_title(&reader, report_row_limit(&reader, TITLE_ROWS));
		}
	}
	report_describe_type(ret);
	if (ret->type != CW_REPORT_UNKNOWN) {
		report_read_dates(&reader);
		report_read_published(&reader);
		if (ret->type >= CW_REPORT_JTAI || ret->type == CW_REPORT_FOCUSED_VISIT ||
		    ret->type == CW_REPORT_MONITORING_VISIT)
			report_read_letter_dates(&reader);
		if (!report_read_judged(&reader)) {
			read_ungraded(&reader);
			reader.prose = reader.title_end;
		}
		if (ret->type == CW_REPORT_ILACS)
			report_read_footer(&reader);
		quote_prose(&reader, reader.prose);
		count_priority_actions(&reader);
	}
	place_all(&reader);
	return reader.error;
}

void cw_report_clear(struct cw_report *report)
{
	cw_buf_clear(&report->made);
}
