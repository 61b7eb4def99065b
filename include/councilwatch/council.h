/*
 * council.h: which council, or councils, a row is about.
 *
 * A council has one council_id of ours for its whole life; everything else is an alias with the dates
 * between which it is that council's: names, GSS codes (ONS), three-digit codes (DfE), URNs (Ofsted).
 * Two councils may share a code or name at different dates (old and new Dorset), so resolving needs a
 * day. Matching is on the whole text, by the rules of docs/identity.md, never on a part of it, never nearest.
 *
 * Beside the councils there are tables of how they followed one another (lineage), of organisations that act
 * for one or several of them, and of bodies that a table may name in their place and that are none: districts,
 * regions, councils of Wales. Sources: config/SOURCES.md.
 */
#ifndef COUNCILWATCH_COUNCIL_H
#define COUNCILWATCH_COUNCIL_H

#include <councilwatch/base.h>
#include <councilwatch/buf.h>
#include <councilwatch/clock.h>
#include <councilwatch/error.h>
#include <councilwatch/text.h>

struct cw_council {
	unsigned index;         /* position in the table, from 0 */
	const char *id;         /* "bradford"; lower case letters, digits, '-' */
	const char *name;       /* "City of Bradford Metropolitan District Council" */
	const char *short_name; /* "Bradford" */
	const char *type;       /* unitary county met_district london_borough city_of_london isles_of_scilly */
	const char *region;     /* ONS region, "Yorkshire and The Humber" */
	const char *gss_code;   /* current or last; "" when none */
	const char *la_code;
	const char *urn;
	int32_t start_day;      /* first day; CW_DAY_NONE = before our tables begin */
	int32_t end_day;        /* last day; CW_DAY_NONE = still there, and no end is known */
};

struct cw_councils;

struct cw_council_tables {
	const char *councils, *aliases;
	const char *lineage, *organisations, *other_bodies; /* NULL = none */
};

/* All files are read whole; every mistake in them is reported through report (file:line: what, and
 * the mend), and any makes the load fail with -EINVAL. */
typedef void cw_report_fn(void *arg, const struct cw_error *err);
int cw_councils_load(const struct cw_council_tables *tables, cw_report_fn *report, void *arg, struct cw_councils **ret,
                     struct cw_error *err);
void cw_councils_free(struct cw_councils *councils);
size_t cw_councils_count(const struct cw_councils *councils);
const struct cw_council *cw_councils_at(const struct cw_councils *councils, size_t index);
const struct cw_council *cw_councils_by_id(const struct cw_councils *councils, struct cw_str id);
/* Does it exist on that day? */
bool cw_council_exists(const struct cw_council *council, int32_t day);

/*
 * How councils followed one another. SPLIT: the predecessor's area went to several; MERGE: several became the successor, or a
 * part of one did; CONTINUES: the same council under another type or code, predecessor and successor are one.
 */
enum cw_lineage_kind { CW_LINEAGE_CONTINUES, CW_LINEAGE_SPLIT, CW_LINEAGE_MERGE };

struct cw_lineage {
	const struct cw_council *predecessor, *successor;
	enum cw_lineage_kind kind;
	int32_t day;           /* the successor's first */
	double of_predecessor; /* share of the predecessor's children who came to this successor, 0..1 */
	double of_successor;   /* share of the successor's children who came from this predecessor: "minor" under 0.25 */
};

const char *cw_lineage_kind_name(enum cw_lineage_kind kind); /* "split" */
size_t cw_lineage_count(const struct cw_councils *councils);
const struct cw_lineage *cw_lineage_at(const struct cw_councils *councils, size_t index);
/* Those that had taken effect by that day (CW_DAY_NONE: all, also future ones), without the CONTINUES: from a council to its
 * predecessors, or to its successors. At most max, in the order of the table; returns how many there are. */
size_t cw_council_predecessors(const struct cw_councils *councils, const struct cw_council *council, int32_t day,
                               const struct cw_lineage **ret, size_t max);
size_t cw_council_successors(const struct cw_councils *councils, const struct cw_council *council, int32_t day,
                             const struct cw_lineage **ret, size_t max);

/* Councils that one text may name together: England's largest integrated care board covers 14. */
#define CW_COUNCILS_TOGETHER_MAX 16u

/* One name of an organisation that acts for councils, and for which, between two days. */
struct cw_organisation {
	const char *id;   /* of the organisation; several names and periods may share it */
	const char *name; /* one spelling; "*Safeguarding Children Board": after the names of its councils, and n is 0 */
	const char *kind; /* delegate partnership service icb */
	size_t n;
	const struct cw_council *const *at;
	int32_t from, to; /* CW_DAY_NONE = open */
};

size_t cw_organisations_count(const struct cw_councils *councils);
const struct cw_organisation *cw_organisations_at(const struct cw_councils *councils, size_t index);

/* A body that is not a council with children's services. */
struct cw_other_body {
	const char *name;
	const char *kind; /* "district" … "nation" */
	bool council;     /* one, but without children's services or not in England */
};

/* Every name in the tables, councils' and others', as spelled there; codes and what begins with '*' are left out. For finders of names in texts. */
struct cw_council_name {
	struct cw_str text;
	size_t n; /* 0: another body's */
	const struct cw_council *at[CW_COUNCILS_TOGETHER_MAX];
	const struct cw_organisation *organisation; /* NULL: not one's */
	const struct cw_other_body *body;           /* when n is 0 */
	int32_t from, to;
};
/* The name after *position, which starts at 0 and is moved on. False: there are no more. */
bool cw_council_names(const struct cw_councils *councils, size_t *position, struct cw_council_name *ret);

/* What a council is called, by whom: its own names and codes, not those of organisations that act for it. */
struct cw_council_alias {
	const char *scheme; /* name gss la_code urn ecode mysociety ocd */
	const char *text;
	int32_t from, to;
};
/* As cw_council_names. */
bool cw_council_aliases(const struct cw_councils *councils, const struct cw_council *council, size_t *position,
                        struct cw_council_alias *ret);

enum {
	CW_COUNCIL_UNKNOWN = 1,
	CW_COUNCIL_AMBIGUOUS,
	CW_COUNCIL_CONFLICT,
	CW_COUNCIL_NOT_THEN,
	CW_COUNCIL_OTHER_BODY
};

/* The council or councils that a row counts for. */
struct cw_council_set {
	size_t n;
	const struct cw_council *at[CW_COUNCILS_TOGETHER_MAX]; /* in the order of the table */
	const struct cw_organisation *organisation;            /* that was named in their place; NULL: they were named */
	size_t named;                                          /* index of the text that named it */
};

/*
 * Resolves one row from all that it says of its council (codes and names, in any order; empty ones and
 * "NaN"-like placeholders must have been left out). Each text names one or several possibilities on that day, and a possibility
 * is a council, several councils together ("314 / 318", "West Mercia"), or a body that is none of ours.
 * Texts that name nobody then are set aside (publishers use retired codes for years); what remains must have exactly
 * one possibility in common, and a council wins over a body of the same name. A text that names another council, but only after
 * that day, is a conflict all the same: either the date or the council is wrong.
 * day: of the event, or when unknown the day it was published or fetched.
 * 0, or: UNKNOWN no text matches any alias of any date; NOT_THEN they match, but none on that day;
 * AMBIGUOUS several possibilities remain; CONFLICT two texts name different ones; OTHER_BODY the row is about a
 * district, a region or the like. why (reset, may be NULL) gets one sentence naming the texts and councils.
 */
int cw_council_resolve_all(const struct cw_councils *councils, const struct cw_str *texts, size_t n_texts, int32_t day,
                           struct cw_council_set *ret, struct cw_buf *why);
/* The same for who needs one council: AMBIGUOUS when the row counts for several. */
int cw_council_resolve(const struct cw_councils *councils, const struct cw_str *texts, size_t n_texts, int32_t day,
                       const struct cw_council **ret, struct cw_buf *why);

/* For people at a command line: any id, code or name; when old and new councils share it, the current one.
 * 0, UNKNOWN or AMBIGUOUS; *suggestion (may be NULL) is a near council id or NULL. */
int cw_council_find(const struct cw_councils *councils, const char *text, const struct cw_council **ret,
                    const char **suggestion);

#endif
