/*
 * report_private.h: what the parts of the grammar of inspection reports share.
 *
 * Words are indexes into text->words. Texts that the report is given are put together in report->made and are places there
 * until all is read, because it grows.
 */
#ifndef CW_NORMALISER_REPORT_PRIVATE_H
#define CW_NORMALISER_REPORT_PRIVATE_H

#include "report.h"

#define NOWHERE SIZE_MAX /* no word */
#define NAME_WORDS_MAX 14u

struct place {
	size_t at, len;
};

struct reader {
	const struct cw_report_text *text;
	struct cw_report *report;
	size_t first_page_end; /* word */
	size_t table_at;       /* word at which the table of judgements begins, or NOWHERE */
	size_t table_end;      /* word after it */
	size_t title_end;      /* word after the title, or 0 */
	size_t prose;          /* word at which what may be quoted begins */
	/* Where texts of the report stand in report->made, while that grows. */
	struct place names[CW_REPORT_NAMES_MAX], others[CW_REPORT_NAMES_MAX], title, quote;
	struct place problems[CW_REPORT_PROBLEMS_MAX];
	struct place theme;
	bool has_theme;
	bool unread;           /* the table is not there or not understood, and this has been said */
	int error;
};

static inline const struct cw_report_word *word_at(const struct reader *reader, size_t i)
{
	return &reader->text->words[i];
}

static inline uint32_t word_page(const struct reader *reader, size_t i)
{
	return reader->text->rows[word_at(reader, i)->row].page;
}

/* report_words.c */
bool report_word_is(const struct reader *reader, size_t i, const char *folded);
bool report_word_among(const struct reader *reader, size_t i, const char *at, const char *stop);
/*
 * Do the words from i on say this phrase? "a|b" is either word, "[a]" may be there or not. Returns the word behind it, or
 * NOWHERE. The phrase may go on over several rows but not over a page, and not over a full stop.
 */
size_t report_phrase(const struct reader *reader, size_t i, const char *words);
/* The first row in [from, to) that begins with the phrase, or NOWHERE; *ret_end is the word behind it. */
size_t report_find_first(const struct reader *reader, size_t from, size_t to, const char *words, size_t *ret_end);
/* The word behind the row of i; the first word of the first page that is not of its first rows. */
size_t report_row_end(const struct reader *reader, size_t i);
size_t report_row_limit(const struct reader *reader, uint32_t rows);
/* The words [from, to) as printed, with what stands between them and a blank where a line ends. An empty place when there is
 * no room for it. */
struct place report_printed(struct reader *reader, size_t from, size_t to);
/* The same without punctuation and footnote numbers at the end. */
struct place report_name_of(struct reader *reader, size_t from, size_t to);
/* What the report says is put into it; what is too much is left out. */
void report_problem(struct reader *reader, enum cw_reason reason, const char *field, struct place text, const char *fmt, ...)
    CW_PRINTF(5, 6);
void report_set_value(struct reader *reader, enum cw_value_id id, struct cw_str text);
void report_set_number(struct reader *reader, enum cw_value_id id, unsigned number);
void report_take_other(struct reader *reader, size_t from, size_t to);
void report_take_quote(struct reader *reader, size_t from, size_t to); /* the first one stays */

/* report_title.c: which report it is, and whose. */
void report_ilacs_title(struct reader *reader, size_t limit);
void report_find_title(struct reader *reader);
void report_read_footer(struct reader *reader);
void report_describe_type(struct cw_report *report);
/* Rows above which a title must stand. */
#define TITLE_ROWS 16u

/* report_dates.c */
void report_read_dates(struct reader *reader);
void report_read_published(struct reader *reader);
void report_read_letter_dates(struct reader *reader);

/* report_judged.c: tables, headings and sentences that say a grade. */
bool report_has_ilacs_table(const struct reader *reader, size_t from, size_t to);
bool report_read_judged(struct reader *reader); /* false: a report of this type judges nothing */

#endif
