/* Days: of the inspection, and of publication. */
#include <stdio.h>
#include <string.h>

#include <councilwatch/limits.h>

#include "report_private.h"

#define INSPECTION_DAYS_MAX 150

/* --- dates --- */

struct date {
	int day, month, year; /* 0 = not said */
};

static int number_of(struct cw_str text, size_t max)
{
	int n = 0;

	if (!text.len || text.len > max)
		return -1;
	for (size_t i = 0; i < text.len; i++) {
		if (text.at[i] < '0' || text.at[i] > '9')
			return -1;
		n = n * 10 + text.at[i] - '0';
	}
	return n;
}

static int month_of(struct cw_str word)
{
	static const char *const months[] = { "january", "february", "march", "april", "may", "june",
		                              "july", "august", "september", "october", "november", "december" };

	for (int m = 0; m < 12; m++)
		if (cw_str_eq(word, months[m]) || (word.len == 3 && !strncmp(word.at, months[m], 3)) ||
		    (m == 8 && cw_str_eq(word, "sept")))
			return m + 1;
	return 0;
}

static bool is_weekday(struct cw_str word)
{
	static const char *const days[] = { "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday" };

	for (size_t i = 0; i < CW_ARRAY_LEN(days); i++)
		if (cw_str_eq(word, days[i]))
			return true;
	return false;
}

/* "1st": without its letters. */
static struct cw_str ordinal(struct cw_str word)
{
	static const char *const ends_in[] = { "st", "nd", "rd", "th" };

	for (size_t i = 0; i < 4 && word.len > 2; i++)
		if (!strncmp(word.at + word.len - 2, ends_in[i], 2) && word.at[0] >= '0' && word.at[0] <= '9')
			return (struct cw_str){ word.at, word.len - 2 };
	return word;
}

enum token { T_END, T_DATE, T_RANGE, T_AND, T_BAD };

/* The words of one line of dates, hyphens between digits or behind a word taken for "to". */
struct dates {
	char text[400];
	size_t at;
	struct date date;
};

static enum token next_token(struct dates *dates)
{
	struct cw_str word;
	int n;

	dates->date = (struct date){ 0 };
	for (;;) {
		while (dates->text[dates->at] == ' ')
			dates->at++;
		word = cw_str(dates->text + dates->at);
		word.len = strcspn(word.at, " ");
		if (!word.len)
			return dates->date.day ? T_DATE : T_END;
		if (cw_str_eq(word, "to") || cw_str_eq(word, "-") || cw_str_eq(word, "until")) {
			if (dates->date.day)
				return T_DATE;
			dates->at += word.len;
			return T_RANGE;
		}
		if (cw_str_eq(word, "and") || cw_str_eq(word, "&")) {
			if (dates->date.day)
				return T_DATE;
			dates->at += word.len;
			return T_AND;
		}
		if (is_weekday(word) && !dates->date.day) {
			dates->at += word.len;
			continue;
		}
		if (strchr("0123456789", word.at[0]) && memchr(word.at, '/', word.len)) {
			int day, month, year, used = 0;
			char copy[16];

			snprintf(copy, sizeof(copy), "%.*s", (int)CW_MIN(word.len, 15u), word.at);
			if (dates->date.day || sscanf(copy, "%2d/%2d/%4d%n", &day, &month, &year, &used) != 3 ||
			    (size_t)used != word.len || day < 1 || month < 1 || month > 12)
				return T_BAD;
			dates->at += word.len;
			dates->date = (struct date){ day, month, year < 100 ? year + 2000 : year };
			return T_DATE;
		}
		n = number_of(ordinal(word), 2);
		if (n >= 1 && n <= 31) {
			if (dates->date.day)
				return T_BAD;
			dates->date.day = n;
			dates->at += word.len;
			continue;
		}
		n = month_of(word);
		if (n) {
			if (!dates->date.day || dates->date.month)
				return T_BAD;
			dates->date.month = n;
			dates->at += word.len;
			continue;
		}
		n = number_of(word, 4);
		if (n >= 2000 && n < 2100 && dates->date.month) {
			dates->date.year = n;
			dates->at += word.len;
			return T_DATE;
		}
		return T_BAD;
	}
}

/* What is not said of a date is that of the one behind it. */
static bool complete(struct date *date, const struct date *behind)
{
	if (!date->month)
		date->month = behind->month;
	if (!date->year) {
		date->year = behind->year;
		if (date->month > behind->month)
			date->year--; /* "11 December to 12 January 2018" */
	}
	return date->month && date->year;
}

static int32_t day_of(const struct date *date)
{
	return cw_day_make(date->year, date->month, date->day);
}

#define DATES_MAX 8u

/* For days without a year in a letter: the last ones before it was written. */
static void complete_last(struct date *last, const struct date *written)
{
	if (last->month && !last->year && written && written->year)
		last->year = written->year - (last->month > written->month);
}

/* "4 to 15 March 2024", "19 November-11 December 2013 and 28 – 30 January 2014", "15 June 2015". */
static bool parse_dates(struct dates *dates, const struct date *written, int32_t *ret_start, int32_t *ret_end)
{
	struct date all[DATES_MAX];
	int32_t days[DATES_MAX];
	bool want_date = true;
	size_t n = 0;

	for (;;) {
		enum token token = next_token(dates);

		if (token == T_BAD || (want_date && token != T_DATE) || (!want_date && token == T_DATE))
			return false;
		if (token == T_END)
			break;
		if (token == T_DATE) {
			if (n == DATES_MAX)
				return false;
			all[n++] = dates->date;
		}
		want_date = token != T_DATE;
	}
	if (n)
		complete_last(&all[n - 1], written);
	if (!n || !all[n - 1].year || !all[n - 1].month)
		return false;
	for (size_t i = n - 1; i-- > 0;)
		if (!complete(&all[i], &all[i + 1]))
			return false;
	for (size_t i = 0; i < n; i++) {
		days[i] = day_of(&all[i]);
		if (days[i] == CW_DAY_NONE || (i && days[i] < days[i - 1]))
			return false;
	}
	if (days[n - 1] - days[0] > INSPECTION_DAYS_MAX)
		return false;
	*ret_start = days[0];
	*ret_end = days[n - 1];
	return true;
}

/* Adds the words [from, to) as next_token() wants them: dashes apart, lower case. */
static bool put_dates(struct reader *reader, size_t from, size_t to, struct dates *dates)
{
	struct cw_buf *made = &reader->report->made;
	size_t n = 0, start = made->len;
	struct place place = report_printed(reader, from, to);
	struct cw_str text = { cw_buf_str(made) + place.at, place.len };
	bool digit = false;

	/* Only looked at: what is behind it in made is nobody's. */
	made->len = start;
	for (size_t i = 0, len; i < text.len; i += len) {
		uint32_t c = cw_report_character((const unsigned char *)text.at + i, text.len - i, &len);
		const char *put = NULL;
		char one[2] = { (char)c, 0 };

		if (c == '-' || c == 0x2010 || c == 0x2011 || cw_report_is_dash(c)) {
			put = " - ";
		} else if (c == 0xad) {
			put = "";
		} else if (c >= 0x80 && c <= 0x206f && (c <= 0xa0 || c >= 0x2000)) {
			put = " ";
		} else if (c >= 0x80) {
			put = "?"; /* is of no date */
		} else if (c <= ' ' || c == ',' || c == ';' || c == '(' || c == ')') {
			put = " ";
		} else if (c == '.' && (!digit || i + 1 == text.len || text.at[i + 1] < '0' || text.at[i + 1] > '9')) {
			put = " ";
		} else if (c >= 'A' && c <= 'Z') {
			one[0] = (char)(c - 'A' + 'a');
		}
		put = put ? put : one;
		digit = c >= '0' && c <= '9';
		if (n + strlen(put) + 1 >= sizeof(dates->text))
			return false;
		memcpy(dates->text + n, put, strlen(put) + 1);
		n += strlen(put);
	}
	dates->text[n] = '\0';
	return true;
}

/* Dates from i on to the end of the row, or of the next one when that is needed. */
static bool dates_at(struct reader *reader, size_t i, int32_t *ret_start, int32_t *ret_end, size_t *ret)
{
	size_t end = i;

	for (unsigned rows = 0; rows < 2 && end < reader->text->n_words; rows++) {
		struct dates dates = { .text = "" };

		end = report_row_end(reader, end);
		if (put_dates(reader, i, end, &dates) && parse_dates(&dates, NULL, ret_start, ret_end)) {
			*ret = end;
			return true;
		}
	}
	return false;
}

void report_read_dates(struct reader *reader)
{
	struct cw_report *report = reader->report;
	size_t end = NOWHERE, limit = reader->first_page_end, behind = 0;
	size_t at = report_find_first(reader, 0, limit, "inspection|fieldwork dates|date|date(s", &end);

	if (at == NOWHERE)
		at = report_find_first(reader, 0, limit, "dates|date of [the] inspection", &end);
	if (at == NOWHERE)
		at = report_find_first(reader, 0, limit, "inspected [between|on|from]", &end);
	if (at != NOWHERE && end < reader->text->n_words &&
	    !dates_at(reader, end, &report->start, &report->end, &behind))
		report_problem(reader, CW_REASON_BAD_DATE, "inspection_start",
		        report_printed(reader, at, report_row_end(reader, at)),
		        "the dates of the inspection cannot be read");
}

void report_read_published(struct reader *reader)
{
	struct cw_report *report = reader->report;
	size_t end = NOWHERE, behind = 0;
	size_t at = report_find_first(reader, 0, reader->first_page_end, "[report] published", &end);
	int32_t first, last;

	if (at == NOWHERE)
		at = report_find_first(reader, 0, reader->first_page_end, "publication date|on", &end);
	if (at == NOWHERE || end >= reader->text->n_words)
		return;
	if (!dates_at(reader, end, &first, &last, &behind) || first != last) {
		report_problem(reader, CW_REASON_BAD_DATE, "published_at", report_printed(reader, at, report_row_end(reader, at)),
		        "the date of publication cannot be read");
		return;
	}
	report->published = first;
}

#define HEAD_ROWS 4u /* of a letter, among which its date is */

static struct date letter_date(struct reader *reader)
{
	for (size_t i = 0; i < reader->first_page_end && word_at(reader, i)->row < HEAD_ROWS; i = report_row_end(reader, i)) {
		struct dates dates = { .text = "" };
		struct date date;

		if (!put_dates(reader, i, report_row_end(reader, i), &dates) || next_token(&dates) != T_DATE)
			continue;
		date = dates.date;
		if (date.year && next_token(&dates) == T_END)
			return date;
	}
	return (struct date){ 0 };
}

/* The dates behind "between", "from" or "on" at i, as many words as still make dates. */
static bool read_letter_dates(struct reader *reader, size_t i, const struct date *written)
{
	bool between = report_word_is(reader, i, "between") || report_word_is(reader, i, "from");

	if (!between && (written || !report_word_is(reader, i, "on")))
		return false;
	for (size_t end = CW_MIN(i + 13, reader->first_page_end); end > i + 2; end--) {
		struct dates dates = { .text = "" };
		int32_t start, last;

		if (!put_dates(reader, i + 1, end, &dates) || !parse_dates(&dates, written, &start, &last))
			continue;
		if (between && start == last)
			return false;
		reader->report->start = start;
		reader->report->end = last;
		return true;
	}
	return false;
}

/* "… between 12 September 2016 and 16 September 2016", "on 5 and 6 February 2020": of a letter. Then the same without a year. */
void report_read_letter_dates(struct reader *reader)
{
	size_t limit = CW_MIN(reader->first_page_end, (size_t)600);
	struct date written;

	if (reader->report->start != CW_DAY_NONE)
		return;
	for (size_t i = 0; i < limit; i++)
		if (read_letter_dates(reader, i, NULL))
			return;
	written = letter_date(reader);
	for (size_t i = 0; i < limit && written.year; i++)
		if (read_letter_dates(reader, i, &written))
			return;
}
