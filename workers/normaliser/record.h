/*
 * record.h: one row of a document, as cells under headings, to one piece of evidence, as the feed configures.
 *
 * A format offers rows of headings until one has all that the feed needs (cw_record_headings); from then on
 * cw_record_place() says which of its columns goes into which slot, and each row is handed over as one cell per
 * slot. Headings are folded once per document, names of councils resolved once per distinct combination,
 * values parsed once per distinct text; a row allocates nothing unless it needs room for a text that is
 * not already in the row as it stands.
 *
 * The evidence format, which has no columns, builds its evidence itself and hands it to cw_record_evidence().
 */
#ifndef CW_NORMALISER_RECORD_H
#define CW_NORMALISER_RECORD_H

#include <councilwatch/normalise.h>

/* Rows above the headings (titles, notes) that a format may look at. */
#define CW_HEADINGS_WITHIN 50u

struct cw_record;

struct cw_cell {
	struct cw_str text;
	struct cw_str href;  /* HTML: of the first link in it; else empty */
	const char *problem; /* it is there but is not text (JSON: "an array"); NULL = fine */
	bool iso;            /* a date as such, written as ISO 8601 whatever the feed's date_format says */
};

int cw_record_new(const struct cw_config *config, const struct cw_feed *feed, const struct cw_document_info *info,
                  const struct cw_normalise_sink *sink, struct cw_record **ret);
void cw_record_free(struct cw_record *record);
const struct cw_feed *cw_record_feed(const struct cw_record *record);
const struct cw_config *cw_record_config(const struct cw_record *record);
const struct cw_document_info *cw_record_info(const struct cw_record *record);

/* The distinct headings that the feed names: one slot each. */
size_t cw_record_slots(const struct cw_record *record);
const char *cw_record_slot_name(const struct cw_record *record, size_t slot);
/* Other headings it may have, from i = 0; NULL after the last. */
const char *cw_record_slot_also(const struct cw_record *record, size_t slot, size_t i);

/* Are these the headings? 1 yes, 0 no (the nearest miss is kept for cw_record_no_headings), or -errno. */
int cw_record_headings(struct cw_record *record, const struct cw_str *cells, size_t n);
/* Column of a slot, from 0, or -1: the document does not have it. */
int cw_record_place(const struct cw_record *record, size_t slot);
/* The highest column in use: a row that ends before it is not a whole row. */
size_t cw_record_last_column(const struct cw_record *record);
/* Settles the document as MISSING_COLUMN, naming the heading wanted and the nearest found. */
void cw_record_no_headings(struct cw_record *record);
/* For formats whose rows carry their own names: a slot was seen in some row, whatever it held. */
void cw_record_seen(struct cw_record *record, size_t slot);
/* Names of the first row, for the message about a missing one. */
int cw_record_names(struct cw_record *record, const struct cw_str *names, size_t n);
/* True, and the document settled, when a needed field has none of its names seen. */
bool cw_record_unseen(struct cw_record *record);

/* The headings over again, as when files are put end to end: not a row. 1 yes, 0 no, or -ENOMEM. */
int cw_record_repeats(struct cw_record *record, const struct cw_cell *cells);
/* One row, one cell per slot. 0 or -errno. */
int cw_record_row(struct cw_record *record, uint64_t row, const struct cw_cell *cells);
/* A row with nothing in any of its cells. */
int cw_record_blank(struct cw_record *record);
/* Rows that are left out for a reason that is only counted. */
void cw_record_count(struct cw_record *record, enum cw_reason reason, uint64_t rows);
/* A row that is none, counted as a row. fmt makes the detail. */
int cw_record_bad_row(struct cw_record *record, uint64_t row, struct cw_str text, const char *fmt, ...) CW_PRINTF(4, 5);

/* The councils that a row counts for. */
struct cw_record_councils {
	struct cw_council_set set;
	struct cw_str organisation; /* that stands for them, as the row spells it; empty: they are named themselves */
};

/* After the last row, when the feed compares figures: 1: some evidence was handed over, call again; 0: all is; or -errno. */
int cw_record_end(struct cw_record *record);

/* For formats that build evidence themselves. start_row first, then any number of rejects and at most one
 * evidence, for one council or for several; they are resolved here from all texts that name them. */
void cw_record_start_row(struct cw_record *record, uint64_t row);
int cw_record_reject(struct cw_record *record, enum cw_reason reason, const char *field, struct cw_str text,
                     const char *fmt, ...) CW_PRINTF(5, 6);
int cw_record_council(struct cw_record *record, const struct cw_str *texts, size_t n, int32_t day,
                      struct cw_str *ret_id); /* 0; 1: rejected, also when it is several; -errno */
int cw_record_councils(struct cw_record *record, const struct cw_str *texts, size_t n, int32_t day,
                       struct cw_record_councils *ret); /* likewise; ret's organisation is borrowed from texts */
int cw_record_evidence(struct cw_record *record, struct cw_evidence *evidence);
/* The same statement for each of the councils, with values combined_with and organisation that say so. council_id is set
 * here. */
int cw_record_evidence_for(struct cw_record *record, struct cw_evidence *evidence,
                           const struct cw_record_councils *councils);
/* Memory that lasts until the next row. NULL when there is none. */
void *cw_record_alloc(struct cw_record *record, size_t size);
/* Runs of white space become one blank; at most max characters, cut at a word where one ends near (0: no limit).
 * Borrowed until the next row. */
int cw_record_text(struct cw_record *record, struct cw_str text, size_t max, struct cw_str *ret);
/* An http or https address, resolved against the document's own. 0; 1: is none; -ENOMEM. */
int cw_record_url(struct cw_record *record, struct cw_str href, struct cw_str *ret);
/* The last day in the words of the link that led to the document: "…, pdf - 29 January 2025". CW_DAY_NONE when there is none. */
int32_t cw_record_link_day(const struct cw_record *record);
/* First moment that is too late to be known when the document was fetched; CW_DAY_NONE when that is not known. */
int32_t cw_record_too_late(const struct cw_record *record);

/* Documents of a step: their rows are links (links.h). step NULL: of a feed without steps, whose pages are linked. feed is the
 * one that has the step, borrowed. 0 or -ENOMEM. */
struct cw_links;
int cw_record_follow(struct cw_record *record, const struct cw_feed *feed, const struct cw_step *step);
struct cw_links *cw_record_links(const struct cw_record *record); /* NULL: rows are evidence */
/* How this document names the next page: relations of its link, or the path of a member; else NULL. */
const struct cw_strings *cw_record_next_rel(const struct cw_record *record);
const char *cw_record_next_at(const struct cw_record *record);
/* Hands on the address of the next page. 0; 1: it is none; -errno. */
int cw_record_next_page(struct cw_record *record, struct cw_str href);
/* Hands a link on. counts: the row is one that was followed. 0 or -errno. */
int cw_record_followed(struct cw_record *record, const struct cw_doc_link *link, bool counts);
/* What relative addresses start from, itself resolved; what is not an http address is passed over. 0 or -ENOMEM. */
int cw_record_set_base(struct cw_record *record, struct cw_str href);

/* Settles the whole document: the first reason given stays. */
void cw_record_fail(struct cw_record *record, enum cw_reason reason, const char *fmt, ...) CW_PRINTF(3, 4);
bool cw_record_failed(const struct cw_record *record);
void cw_record_tally(struct cw_record *record, struct cw_document_tally *ret);

#endif
