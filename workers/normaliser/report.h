/*
 * report.h: an inspection report, from the words on its pages to the facts in it.
 *
 * The text of a document comes as spans (pieces of one line, with where they stand on the page) and is put in order
 * as rows of spans, and as words. Reading (cw_report_read) is a strict grammar over those: it knows the titles of the
 * reports that Ofsted and its partners publish, the tables of judgements, the sentences and the headings that repeat them, and
 * takes a value only where everything that says it agrees. What it cannot read is reported as a problem, never guessed.
 *
 * Nothing here knows what a PDF is, so that all of it can be tested and fuzzed with lines of text.
 */
#ifndef CW_NORMALISER_REPORT_H
#define CW_NORMALISER_REPORT_H

#include <councilwatch/buf.h>
#include <councilwatch/clock.h>
#include <councilwatch/error.h>
#include <councilwatch/evidence.h>
#include <councilwatch/text.h>

/* A piece of a line. Coordinates are in points from the upper left corner. */
struct cw_report_span {
	float x0, x1, y0, y1;
	uint32_t at, len; /* of its text in struct cw_report_text.text */
};

struct cw_report_row {
	uint32_t page; /* from 1 */
	float y0, y1;
	uint32_t first, n; /* spans, from left to right */
};

/* A word as it is compared: lower case ASCII, without punctuation around it, quotes made ', ligatures taken apart, soft
 * hyphens and the number of a footnote left out. */
struct cw_report_word {
	uint32_t row, span;
	uint32_t at, len;   /* as printed, in text */
	uint32_t folded, n; /* in folds */
	bool first;         /* of its row */
	bool last;          /* of its row */
	char after;         /* punctuation right behind it: '.', ':', ';', ','; or 0 */
};

struct cw_report_text {
	struct cw_buf text, folds;
	struct cw_report_span *spans; /* owned */
	struct cw_report_row *rows;   /* owned */
	struct cw_report_word *words; /* owned */
	size_t n_spans, n_rows, n_words;
	size_t cap_spans, cap_rows, cap_words;
	size_t page_spans; /* where the page under way begins */
	uint32_t n_pages;
};

void cw_report_text_init(struct cw_report_text *text);
void cw_report_text_clear(struct cw_report_text *text);
/* One span of the page under way, in any order; text is copied. 0, -ENOMEM, or -EMSGSIZE beyond limits.h. */
int cw_report_text_add(struct cw_report_text *text, float x0, float y0, float x1, float y1, struct cw_str span);
/* The page is complete. Likewise. */
int cw_report_text_end_page(struct cw_report_text *text);
/* One character of UTF-8, *ret_len bytes. What is not valid is one byte, U+FFFD. */
uint32_t cw_report_character(const unsigned char *at, size_t left, size_t *ret_len);
bool cw_report_is_dash(uint32_t c);
/* A whole document as lines of text: pages end with a form feed, three blanks or more part the columns. For tests. */
int cw_report_text_lines(struct cw_report_text *text, struct cw_str lines);

enum cw_report_type {
	CW_REPORT_UNKNOWN,
	CW_REPORT_ILACS,
	CW_REPORT_SIF,                 /* single inspection framework, November 2013 to 2017 */
	CW_REPORT_LOOKED_AFTER,        /* services for looked after children, 2013 */
	CW_REPORT_CHILD_PROTECTION,    /* arrangements for the protection of children, 2012-13 */
	CW_REPORT_SAFEGUARDING,        /* safeguarding and looked after children, 2009-12 */
	CW_REPORT_FOCUSED_VISIT,
	CW_REPORT_MONITORING_VISIT,
	CW_REPORT_BOARD_REVIEW,
	CW_REPORT_JTAI,
	CW_REPORT_AREA_SEND,
	CW_REPORT_AREA_SEND_MONITORING,
	CW_REPORT_SEND_2016,
	CW_REPORT_SEND_REVISIT,
	CW_REPORT_AREA_REVIEW,         /* joint area review, before 2009: nothing of it is read */
	CW_REPORT_COUNT
};

#define CW_REPORT_NAMES_MAX 12u
#define CW_REPORT_VALUES_MAX 12u
#define CW_REPORT_PROBLEMS_MAX 16u
#define CW_REPORT_DETAIL_MAX 240u

struct cw_report_value {
	enum cw_value_id id;
	struct cw_str text; /* borrowed from the report or a constant */
};

/* What was seen and not taken. */
struct cw_report_problem {
	enum cw_reason reason;
	const char *field;
	struct cw_str text; /* as it stands in the report */
	char detail[CW_REPORT_DETAIL_MAX];
};

struct cw_report {
	enum cw_report_type type;
	enum cw_kind kind;
	const char *framework;    /* NULL: cw_ilacs_framework() of the day, or none */
	const char *about;        /* the type in words */
	struct cw_str names[CW_REPORT_NAMES_MAX]; /* what the title calls the council: the first that is known is it */
	size_t n_names;
	struct cw_str others[CW_REPORT_NAMES_MAX]; /* what the rest calls it: must not be another */
	size_t n_others;
	int32_t start, end;       /* of the inspection; CW_DAY_NONE = not found */
	int32_t published;
	struct cw_report_value values[CW_REPORT_VALUES_MAX];
	size_t n_values;
	struct cw_report_problem problems[CW_REPORT_PROBLEMS_MAX];
	size_t n_problems;
	struct cw_str title;      /* these three with any white space in them */
	struct cw_str quote;
	uint32_t page;            /* of the quote; 0 = none */
	struct cw_buf made;       /* texts that are not in the report as they are */
};

/* Texts in ret are borrowed from text and from ret itself. 0 or -ENOMEM. */
int cw_report_read(const struct cw_report_text *text, struct cw_report *ret);
void cw_report_clear(struct cw_report *report);

#endif
