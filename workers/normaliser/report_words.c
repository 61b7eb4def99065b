/* The words of a report, phrases in them, and what is put into the result. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <councilwatch/limits.h>

#include "report_private.h"

/* --- words --- */

/* Is the word one of those between at and stop, with '|' between them? */
bool report_word_among(const struct reader *reader, size_t i, const char *at, const char *stop)
{
	const struct cw_report_word *word;
	const char *said;

	if (i >= reader->text->n_words)
		return false;
	word = word_at(reader, i);
	said = (const char *)reader->text->folds.data + word->folded;
	while (at < stop) {
		const char *bar = memchr(at, '|', (size_t)(stop - at));
		size_t n = (size_t)((bar ? bar : stop) - at);

		if (n == word->n && !memcmp(said, at, n))
			return true;
		at += n + 1;
	}
	return false;
}

bool report_word_is(const struct reader *reader, size_t i, const char *folded)
{
	return report_word_among(reader, i, folded, folded + strlen(folded));
}

/*
 * Do the words from i on say this phrase? "a|b" is either word, "[a]" may be there or not. Returns the word behind it, or
 * NOWHERE. The phrase may go on over several rows but not over a page, and not over a full stop.
 */
size_t report_phrase(const struct reader *reader, size_t i, const char *words)
{
	size_t start = i;

	while (*words) {
		const char *end = strchrnul(words, ' ');
		bool optional = *words == '[';
		bool found = report_word_among(reader, i, words + optional, end - optional);

		if (found && i > start) {
			char before = word_at(reader, i - 1)->after;

			if (word_page(reader, i) != word_page(reader, start) || before == '.' || before == '?' ||
			    before == '!')
				found = false;
		}
		if (!found && !optional)
			return NOWHERE;
		i += found;
		words = *end ? end + 1 : end;
	}
	return i;
}

/* The words [from, to) as printed, with what stands between them and a blank where a line ends. An empty place when there is
 * no room for it. */
struct place report_printed(struct reader *reader, size_t from, size_t to)
{
	const struct cw_report_text *text = reader->text;
	struct cw_buf *made = &reader->report->made;
	struct place ret = { made->len, 0 };
	uint32_t first, last;

	to = CW_MIN(to, text->n_words);
	if (from >= to || reader->error)
		return ret;
	first = word_at(reader, from)->span;
	last = word_at(reader, to - 1)->span;
	for (uint32_t i = first; i <= last; i++) {
		size_t at = text->spans[i].at, end = at + text->spans[i].len;

		if (i == first)
			at = word_at(reader, from)->at;
		if (i == last)
			end = word_at(reader, to - 1)->at + word_at(reader, to - 1)->len;
		if (i > first)
			cw_buf_putc(made, ' ');
		cw_buf_append(made, text->text.data + at, end - at);
	}
	if (made->failed) {
		reader->error = made->failed == -EMSGSIZE ? 0 : made->failed;
		made->failed = 0;
		made->len = ret.at;
		return ret;
	}
	ret.len = made->len - ret.at;
	return ret;
}

/* Without punctuation and footnote numbers at the end. */
struct place report_name_of(struct reader *reader, size_t from, size_t to)
{
	struct place ret = report_printed(reader, from, to);
	const unsigned char *data = reader->report->made.data;

	while (ret.len && strchr(" .,:;0123456789", data[ret.at + ret.len - 1]))
		ret.len--;
	return ret;
}

void report_problem(struct reader *reader, enum cw_reason reason, const char *field, struct place text, const char *fmt, ...)
    CW_PRINTF(5, 6);
void report_problem(struct reader *reader, enum cw_reason reason, const char *field, struct place text, const char *fmt, ...)
{
	struct cw_report *report = reader->report;
	struct cw_report_problem *ret;
	va_list args;

	if (report->n_problems == CW_REPORT_PROBLEMS_MAX)
		return;
	reader->problems[report->n_problems] = text;
	ret = &report->problems[report->n_problems++];
	ret->reason = reason;
	ret->field = field;
	va_start(args, fmt);
	vsnprintf(ret->detail, sizeof(ret->detail), fmt, args);
	va_end(args);
}

void report_set_value(struct reader *reader, enum cw_value_id id, struct cw_str text)
{
	struct cw_report *report = reader->report;

	if (report->n_values < CW_REPORT_VALUES_MAX)
		report->values[report->n_values++] = (struct cw_report_value){ id, text };
}

void report_set_number(struct reader *reader, enum cw_value_id id, unsigned number)
{
	static const char *const numbers[] = { "0",  "1",  "2",  "3",  "4",  "5",  "6",  "7",  "8",  "9",  "10",
		                               "11", "12", "13", "14", "15", "16", "17", "18", "19", "20" };

	if (number < CW_ARRAY_LEN(numbers))
		report_set_value(reader, id, cw_str(numbers[number]));
}
size_t report_row_end(const struct reader *reader, size_t i)
{
	uint32_t row = word_at(reader, i)->row;

	while (i < reader->text->n_words && word_at(reader, i)->row == row)
		i++;
	return i;
}

size_t report_find_first(const struct reader *reader, size_t from, size_t to, const char *words, size_t *ret_end)
{
	for (size_t i = from; i < to; i++) {
		if (!word_at(reader, i)->first)
			continue;
		*ret_end = report_phrase(reader, i, words);
		if (*ret_end != NOWHERE)
			return i;
	}
	return NOWHERE;
}

size_t report_row_limit(const struct reader *reader, uint32_t rows)
{
	size_t i = 0;

	while (i < reader->first_page_end && word_at(reader, i)->row < rows)
		i++;
	return i;
}

void report_take_other(struct reader *reader, size_t from, size_t to)
{
	struct cw_report *report = reader->report;

	if (from < to && report->n_others < CW_REPORT_NAMES_MAX)
		reader->others[report->n_others++] = report_name_of(reader, from, to);
}

void report_take_quote(struct reader *reader, size_t from, size_t to)
{
	if (reader->report->page)
		return;
	reader->quote = report_printed(reader, from, to);
	if (reader->quote.len)
		reader->report->page = word_page(reader, from);
}
