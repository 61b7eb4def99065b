/*
 * The parts of a record: what record*.c share, and nobody else sees.
 *
 *   record.c           memory of a row, outcomes, links, and the way of one row to its evidence
 *   record_setup.c     from a feed's configuration to slots and fields
 *   record_heading.c   which columns of a document go into which slots
 *   record_cell.c      texts and addresses as documents spell them
 *   record_council.c   which councils a row is about
 *   record_field.c     dates, values and the other fields of a row; which rows are wanted
 */
#ifndef CW_NORMALISER_RECORD_PRIVATE_H
#define CW_NORMALISER_RECORD_PRIVATE_H

#include <councilwatch/limits.h>

#include "record.h"
#include "release.h"
#include "text_record.h"

/* Titles and texts are for people to recognise a statement by, not to read it in full. Characters. */
#define TITLE_CHARACTERS 300u
#define TEXT_CHARACTERS 4000u
/* A councils' cache that is full is emptied: a document with this many distinct councils and days repeats few of them. */
#define COUNCILS_CACHED 16384u
#define COUNCIL_KEYS_MAX (4u * 1024u * 1024u)
#define COUNCIL_PROBES 16u
#define COUNCIL_TEXTS_MAX 16u
#define SETS_MAX 1024u /* of them that are more than one council, or an organisation */
#define MEMO_TEXT 46
#define MEMO_OUT 32
#define DETAIL_MAX 400
/* Mistakes that were told of already, by their hashes; after the first so many each is told once. */
#define REJECTED_BITS 12
#define REJECTED_EACH 256

/* Memory until the next row: a first block that stays, and others for rows that need more. */
struct block {
	struct block *next;
	size_t used, size;
	unsigned char data[];
};

enum memo_state { MEMO_NOTHING, MEMO_ABSENT, MEMO_GOOD, MEMO_BAD };

/* What one distinct text of one field came to. */
struct memo {
	uint8_t state;
	uint8_t len;
	char text[MEMO_TEXT];
	uint8_t out_len;
	char out[MEMO_OUT]; /* values */
	int32_t day;        /* dates */
	int64_t ms;
	int why; /* -EINVAL, -ERANGE */
};

struct field {
	const struct cw_field *config;
	size_t n_slots;
	size_t *slots; /* owned */
	size_t *parts; /* owned; of a majority, as many as the configuration has */
	bool needed;
	bool outcome; /* its value can be what the row says */
	size_t n_maps;
	char **maps;       /* owned; folded "from" of each value map */
	size_t n_memo;     /* a power of two, 0 = none */
	struct memo *memo; /* owned */
};

struct slot {
	const char *name; /* borrowed from the configuration */
	char *folded;     /* owned */
	const struct cw_heading *column; /* its other headings; borrowed; NULL = none */
	char **also;                    /* owned; those folded */
	int place;
	bool seen;
	struct cw_str given; /* of the link that led to the document, for a heading that it does not have; at NULL = none */
	bool given_day;
};

/* One pattern of a where. */
struct pattern {
	char *folded;  /* owned; NULL: a comparison */
	bool prefix;
	char compare; /* '<' or '>' */
	bool equal;   /* … or equal to */
	double number;
};

struct where {
	const struct cw_where *config;
	struct field column; /* it takes part in finding the headings as a field does */
	size_t n_is, n_not;
	struct pattern *is, *not; /* owned */
};

struct council_entry {
	uint64_t hash;
	uint32_t key, key_len; /* into keys; key_len 0 = free */
	int32_t day;
	const struct cw_council *council; /* NULL: set says */
	uint32_t set;                     /* into sets */
};

struct cw_record {
	const struct cw_config *config;
	const struct cw_feed *feed;
	const struct cw_kind_def *kind;
	struct cw_document_info info; /* its texts point into info_text */
	struct cw_buf info_text;
	struct cw_normalise_sink sink;
	int32_t fetched_day, too_late;

	size_t n_fields;
	struct field *fields;
	struct field *event, *published;
	size_t n_wheres;
	struct where *wheres;
	struct cw_release *release; /* NULL = figures are not compared */
	struct field denominators[CW_MEASURES_MAX];
	double denominator[CW_MEASURES_MAX]; /* of the row */
	struct field *text;       /* its words say what the row is about; NULL = its columns do */
	bool names_council;       /* a column does, all the same */
	struct cw_reader *reader; /* owned; with text */
	size_t n_slots;
	struct slot *slots;
	unsigned *ranks; /* owned; which of a slot's headings the one found is */
	struct cw_cell *given; /* owned; a row with what the link says; NULL: no column is of the link */
	char link_day[CW_WALL_TEXT];
	int *trial; /* owned; one place per slot, for a row that may be the headings */
	size_t last_column;

	size_t n_absent;
	char **absent;          /* folded */
	bool absent_first[256]; /* first characters of those */
	struct cw_buf fold;
	bool asking;  /* a reject is noted in asked, and goes no further */
	enum cw_reason asked;
	bool figures; /* its rows are figures: one without any is withheld by the publisher, not a mistake */

	struct council_entry *councils;
	size_t n_councils;
	struct cw_council_set *sets; /* owned; room for SETS_MAX, NULL until there is one */
	size_t n_sets;
	struct cw_buf council_keys, council_key, council_why;

	struct block *memory;

	size_t best_fields; /* of the nearest miss; 0 = none yet */
	struct cw_buf best; /* its cells, each ended by NUL */
	struct cw_links *links; /* of a step's document; NULL: rows are evidence */
	struct cw_links *pager; /* for the next page's address, of a feed without steps */
	const struct cw_pages *pages; /* linked ones, of which this document is one; else NULL */
	char *base;         /* address that relative links start from; owned; NULL = none */

	uint64_t row;
	uint64_t rejected[1u << REJECTED_BITS];
	uint64_t n_rejects, unlisted;
	struct cw_document_tally tally;
	char detail[DETAIL_MAX];
};

/* ---- record.c ---- */

void record_forget_row(struct cw_record *record);
/* A copy that lasts as long as the row. 0 or -ENOMEM. */
int record_keep(struct cw_record *record, const void *data, size_t len, struct cw_str *ret);
int record_reject(struct cw_record *record, enum cw_reason reason, struct cw_str field, struct cw_str text,
                  const char *fmt, ...) CW_PRINTF(5, 6);

/* ---- record_setup.c ---- */

/* Does the feed name the beginning of a heading ("Outcome of*")? */
bool record_is_beginning(const char *name);
/* The row with what the link says in the columns that the document lacks. */
const struct cw_cell *record_with_given(struct cw_record *record, const struct cw_cell *cells);

/* ---- record_cell.c ---- */

/* cw_str_trim for the usual text, which has nothing to trim. */
static inline struct cw_str record_trim(struct cw_str text)
{
	if (text.len && (unsigned char)text.at[0] > ' ' && (unsigned char)text.at[0] != 0xc2 &&
	    (unsigned char)text.at[text.len - 1] > ' ' && (unsigned char)text.at[text.len - 1] != 0xa0)
		return text;
	return text.len ? cw_str_trim(text) : text;
}

bool record_is_http(struct cw_str url);
/* Does the feed say that this text means "not stated"? text is trimmed. 1, 0 or -ENOMEM. */
int record_is_absent(struct cw_record *record, struct cw_str text);
uint64_t record_hash(struct cw_str text, uint64_t seed);

/* ---- record_council.c ---- */

/* 0; 1: rejected; -errno. */
int record_take_council(struct cw_record *record, const struct cw_cell *cells, int32_t day,
                        struct cw_record_councils *ret);
/* An address that ends in the code of a council that the row is not about leads to somebody else: publishers' tables have such.
 * It is left out. Codes that nobody has, or that are not to be told apart, say nothing. 0 or -errno. */
int record_check_url(struct cw_record *record, struct cw_evidence *evidence, int32_t day,
                     const struct cw_record_councils *councils);

/* ---- record_field.c ---- */

struct cw_str record_slot_heading(const struct cw_record *record, const struct field *field, size_t slot);
/* The first column of the field that has text which does not mean "not stated". 1 found, 0 none, -errno; a column whose cell
 * is not text is reported and passed over. *ret_memo is the text's memo, NULL when it is too long for one. */
int record_pick(struct cw_record *record, struct field *field, const struct cw_cell *cells, struct cw_str *ret,
                size_t *ret_slot, struct memo **ret_memo);
/* 0; 1: rejected; -errno. */
int record_take_date(struct cw_record *record, struct field *field, const struct cw_cell *cells, int32_t *ret_day,
                     int64_t *ret_ms);
int record_take_field(struct cw_record *record, struct field *field, const struct cw_cell *cells,
                      struct cw_evidence *evidence);
/* The day as the fragment of the address: the page is opened all the same, and statements that it lists are told apart. */
int record_mark_url(struct cw_record *record, struct cw_evidence *evidence);
/* Is the row one of those that the feed uses? 1, 0 or -ENOMEM. */
int record_is_wanted(struct cw_record *record, const struct cw_cell *cells);

#endif
