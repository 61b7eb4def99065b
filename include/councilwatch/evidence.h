/*
 * evidence.h: the normalised statement that every format produces, and why a row produced none.
 *
 * One piece of evidence is one statement by one publisher about one council. Kinds and value
 * names are a fixed vocabulary (domain section 7); both have numbers that never change, because
 * they are stored and sent.
 */
#ifndef COUNCILWATCH_EVIDENCE_H
#define COUNCILWATCH_EVIDENCE_H

#include <councilwatch/base.h>
#include <councilwatch/buf.h>
#include <councilwatch/clock.h>
#include <councilwatch/error.h>
#include <councilwatch/text.h>

enum cw_kind {
	CW_KIND_NONE = 0,
	CW_KIND_ILACS = 1,         /* full inspection of children's services (Ofsted, since 2018) */
	CW_KIND_AREA_SEND = 2,     /* area SEND inspection (Ofsted and CQC, since 2023) */
	CW_KIND_SIGNAL = 3,        /* a statement a person has classified (design section 5) */
	CW_KIND_JTAI = 4,          /* joint targeted area inspection: kept, not scored by itself */
	CW_KIND_YOUTH_JUSTICE = 5, /* HM Inspectorate of Probation: kept, not scored by itself */
	CW_KIND_NEWS = 6,          /* a text about a council that no rule makes a signal of: kept, not scored */
	CW_KIND_SIF = 7,           /* full inspection before 2018: single inspection framework and the forms before it */
	CW_KIND_FOCUSED_VISIT = 8, /* ILACS focused visit: no grade, may name areas for priority action */
	CW_KIND_MONITORING_VISIT = 9,   /* after an inadequate judgement: no grade */
	CW_KIND_BOARD_REVIEW = 10,      /* review of a local safeguarding children board: no grade for the council */
	CW_KIND_SEND_2016 = 11,         /* local area SEND inspection 2016-22 and its revisit */
	CW_KIND_AREA_SEND_MONITORING = 12,
	CW_KIND_WORKFORCE = 13,         /* yearly figures from here on: kept; the model uses what stands out in its release */
	CW_KIND_EHCP_TIMELINESS = 14,
	CW_KIND_SEND_TRIBUNAL = 15,
	CW_KIND_SEND_FINANCE = 16,
	CW_KIND_EARLY_YEARS = 17,
	CW_KIND_DEMAND = 18,            /* children in need, referrals, children looked after */
	CW_KIND_SPEND = 19,             /* budgets and outturn */
	CW_KIND_POLITICAL_CONTROL = 20, /* who controls the council in a year; only a change is an input */
	CW_KIND_INTERNAL_NOTE = 21,     /* an adviser's observation, domain 3.9 */
	CW_KIND_OVERRIDE = 22,          /* a human ruling on a level, an event or a floor, domain 3.9 */
	CW_KIND_COURT_JUDGMENT = 23,    /* metadata of a judgment that names a council: kept until a person classifies it */
	CW_KIND_FOI_REQUEST = 24,       /* a freedom of information request: kept, not scored */
	CW_KIND_PUBLICATION = 25,       /* a publication about a council that no rule makes a signal of */
	CW_KIND_COUNT
};

enum cw_grade {
	CW_GRADE_NONE = 0, /* absent */
	CW_GRADE_OUTSTANDING,
	CW_GRADE_GOOD,
	CW_GRADE_REQUIRES_IMPROVEMENT,
	CW_GRADE_INADEQUATE,
	CW_GRADE_NOT_JUDGED,
	CW_GRADE_COUNT
};

enum cw_tier { CW_TIER_NONE = 0, CW_TIER_A, CW_TIER_B, CW_TIER_C, CW_TIER_D };

/* What a value may hold. */
enum cw_value_type {
	CW_VALUE_GRADE,   /* a name of enum cw_grade */
	CW_VALUE_INTEGER, /* within the field's min..max */
	CW_VALUE_NUMBER,
	CW_VALUE_WORD,    /* one of a closed list (words) */
	CW_VALUE_TEXT,
	CW_VALUE_DATE, /* an ISO 8601 day */
};

/* Value fields, over all kinds. Numbers are stored: append only. */
enum cw_value_id {
	CW_VAL_FRAMEWORK_ID = 1,
	CW_VAL_OVERALL_EFFECTIVENESS,
	CW_VAL_IMPACT_OF_LEADERS,
	CW_VAL_HELP_AND_PROTECTION,
	CW_VAL_IN_CARE,
	CW_VAL_CARE_LEAVERS,
	CW_VAL_OUTCOME,
	CW_VAL_SIGNAL,
	CW_VAL_STATUS,
	CW_VAL_CRITERION,
	CW_VAL_THEME,
	CW_VAL_HEADLINE,
	CW_VAL_INSPECTION_TYPE,
	CW_VAL_RULE,               /* the phrase rule that classified a text */
	CW_VAL_PRIORITY_ACTIONS,   /* areas for priority action that a visit names */
	CW_VAL_PAGE,               /* where the quote stands, from 1 */
	CW_VAL_INSPECTION_START,
	CW_VAL_INSPECTION_END,
	CW_VAL_ADOPTION,
	CW_VAL_LEADERSHIP_MANAGEMENT_GOVERNANCE,
	CW_VAL_PROGRESS,           /* of an area for priority action or a weakness: good, some, slow */
	CW_VAL_WSOA,               /* was a written statement of action required? */
	CW_VAL_REVISIT,            /* were the weaknesses mended when the inspectors came back? */
	CW_VAL_PERIOD,             /* of a figure: "2024", "2023-24" */
	CW_VAL_AGENCY_RATE,        /* per cent of full-time equivalents, as the next two */
	CW_VAL_VACANCY_RATE,
	CW_VAL_TURNOVER_RATE,
	CW_VAL_CASELOAD,           /* cases per social worker */
	CW_VAL_ABSENCE_RATE,
	CW_VAL_EHCP_20_WEEKS,      /* per cent of plans issued within 20 weeks */
	CW_VAL_APPEAL_RATE,        /* per cent of appealable decisions */
	CW_VAL_APPEALS,
	CW_VAL_DSG_BALANCE,        /* pounds; a deficit is negative */
	CW_VAL_DSG_BALANCE_SHARE,  /* per cent of income */
	CW_VAL_GOOD_LEVEL_OF_DEVELOPMENT, /* per cent of children */
	CW_VAL_MEASURE,            /* what count, rate or amount are of */
	CW_VAL_COUNT_OF,
	CW_VAL_RATE,
	CW_VAL_AMOUNT,             /* pounds */
	CW_VAL_CONTROL,            /* political control: a party's majority, or noc */
	CW_VAL_OUTLIER,            /* which figure stands out in its release, and how: "agency_rate worst_decile" */
	CW_VAL_COMPARED,           /* the arithmetic of that, for a person */
	CW_VAL_SEVERITY,
	CW_VAL_EXPIRES,
	CW_VAL_AUTHOR,             /* a role, never a person */
	CW_VAL_SENSITIVITY,
	CW_VAL_SCOPE,
	CW_VAL_LEVEL,
	CW_VAL_REASON,
	CW_VAL_CITATION,           /* neutral citation of a judgment */
	CW_VAL_ORGANISATION,       /* as the source names it, when it is not the council itself */
	CW_VAL_COMBINED_WITH,      /* other councils that the same row counts for, by id */
	CW_VAL_COURT,              /* that gave a judgment, as the source codes it */
	CW_VAL_ROLE,               /* of the council in a judgment */
	CW_VAL_EVENT,              /* that a ruling is about, see event_name.h */
	CW_VAL_SOURCE,             /* of those that differ about it, the one that a ruling says is right: its publisher or feed */
	CW_VAL_COUNT
};
#define CW_VALUES_MAX 24 /* values in one piece of evidence */

struct cw_value_def {
	enum cw_value_id id;
	const char *name;         /* "help_and_protection" */
	enum cw_value_type type;
	int64_t min, max;         /* CW_VALUE_INTEGER */
	const char *const *words; /* CW_VALUE_WORD, ends with NULL; NULL: checked against the risk model's signals */
};

struct cw_kind_def {
	enum cw_kind kind;
	const char *name;                  /* "area_send" */
	const enum cw_value_id *values;    /* allowed, ends with 0 */
	const enum cw_value_id *outcome;   /* at least one must be present for the row to say anything; ends with 0 */
	const char *criterion;             /* of the support process that it bears on; NULL = its values say */
};

const struct cw_kind_def *cw_kind_def(enum cw_kind kind);  /* NULL when unknown */
const struct cw_kind_def *cw_kind_by_name(struct cw_str name);
const struct cw_value_def *cw_value_def(enum cw_value_id id);
const struct cw_value_def *cw_value_by_name(struct cw_str name);
bool cw_kind_allows(enum cw_kind kind, enum cw_value_id id);
const char *const *cw_kind_names(void);  /* ends with NULL: for "did you mean" */
const char *const *cw_value_names(void);

const char *cw_grade_name(enum cw_grade grade); /* "requires_improvement"; "" for NONE */
/* The names above and Ofsted's own wordings, in any case and spacing: "Requires improvement to be
 * good", "requires improvement", "not judged". Anything else is -EINVAL: never a guess. */
int cw_grade_parse(struct cw_str text, enum cw_grade *ret);
const char *cw_tier_name(enum cw_tier tier); /* "A"; "" for NONE */
enum cw_tier cw_tier_by_name(struct cw_str name);

struct cw_value {
	enum cw_value_id id;
	struct cw_str text; /* canonical: grade name, decimal integer or number, word, or text as published */
};

struct cw_evidence {
	enum cw_kind kind;
	struct cw_str council_id;
	int32_t event_day;            /* when it happened; CW_DAY_NONE = the publisher does not say */
	struct cw_wall published_at;  /* when the public could know; NONE = not stated, then fetched_at stands in */
	struct cw_wall fetched_at;    /* NONE = the document's; set only by format "evidence" */
	enum cw_tier tier;            /* NONE = the feed's; set only by format "evidence" */
	struct cw_str publisher;      /* empty = the feed's; likewise */
	struct cw_str url;            /* of the statement itself, not of the page it was listed on; may be empty */
	struct cw_str title;
	struct cw_str quote;          /* at most CW_QUOTE_MAX characters, exact */
	struct cw_str key;            /* natural key within feed and kind; empty = url and event_day identify it */
	uint64_t row;                 /* in the document, from 1 */
	size_t n_values;
	struct cw_value value[CW_VALUES_MAX]; /* ascending by id, each at most once */
};

/* The value or an empty text. */
struct cw_str cw_evidence_value(const struct cw_evidence *evidence, enum cw_value_id id);
enum cw_grade cw_evidence_grade(const struct cw_evidence *evidence, enum cw_value_id id);
/* Keeps value[] sorted; replaces one of the same id. -E2BIG when full. text is borrowed. */
int cw_evidence_set(struct cw_evidence *evidence, enum cw_value_id id, struct cw_str text);

/*
 * Checks and canonicalises one value for its field ("Good" to "good", "2.0" to "2"). The result is in
 * out (reset first) or a static string. 0, -EINVAL (not such a value) or -ERANGE.
 */
int cw_value_parse(enum cw_value_id id, struct cw_str text, struct cw_buf *out, struct cw_str *ret);

/* The ILACS framework in force on a day of inspection: "ilacs_2018" until 2022-12-31, "ilacs_2023"
 * (care leavers judged apart), "ilacs_2026" from 1 April 2026 (no overall grade); "ilacs" when the
 * day is not known. Ofsted framework changes, domain section 2.1. */
const char *cw_ilacs_framework(int32_t event_day);

/*
 * The derived headline of domain section 2.1, for inspections without an overall grade: inadequate if any
 * of help and protection, in care, care leavers is; else requires improvement if leaders are inadequate or
 * at least two of the four are RI; else good (or better). Judgements that are absent never count as good: the
 * result is NONE when the ones present do not settle it. care_leavers is expected from framework 2023 on.
 */
enum cw_grade cw_ilacs_derive(enum cw_grade leaders, enum cw_grade help, enum cw_grade in_care,
                              enum cw_grade care_leavers, bool care_leavers_expected);
/* Were care leavers judged apart on that day (or may they have been, when it is not known)? */
bool cw_ilacs_care_leavers_expected(int32_t event_day);
/* Overall effectiveness when given, else the derived headline; *ret_derived says which. */
enum cw_grade cw_ilacs_headline(const struct cw_evidence *evidence, bool *ret_derived);

/* Why a row, or a whole document, gave no evidence or less than it might. Numbers are stored: append only. */
enum cw_reason {
	CW_REASON_NONE = 0,
	CW_REASON_BLANK_ROW,            /* nothing in it; counted only */
	CW_REASON_DUPLICATE_ROW,        /* same evidence twice in one document; counted only */
	CW_REASON_IGNORED,              /* the feed's configuration says to leave such rows out; counted only */
	CW_REASON_UNKNOWN_COUNCIL,      /* no alias matches: mend aliases.csv */
	CW_REASON_AMBIGUOUS_COUNCIL,    /* matches several councils at that date */
	CW_REASON_COUNCIL_CONFLICT,     /* its codes and names point to different councils */
	CW_REASON_COUNCIL_NOT_THEN,     /* that council did not exist on that date */
	CW_REASON_BAD_DATE,             /* unreadable, impossible, or after the document was fetched */
	CW_REASON_BAD_VALUE,            /* a value that is not one of its field's; the row's other values are used */
	CW_REASON_NO_OUTCOME,           /* the row names a council but says nothing about it */
	CW_REASON_BAD_ROW,              /* not a row of this table (cells missing, too long, not UTF-8) */
	CW_REASON_MISSING_COLUMN,       /* document: a heading that the feed needs is not there */
	CW_REASON_NO_ROWS,              /* document: parsed, and nothing in it; counts as a failed fetch */
	CW_REASON_UNPARSABLE,           /* document: not of the feed's format */
	CW_REASON_TOO_LARGE,            /* document: over a limit of limits.h or of the feed */
	CW_REASON_POISON,               /* document: in hand at CW_POISON_DEATHS deaths of a worker */
	CW_REASON_NOT_ABOUT,            /* a text that names no council; counted only */
	CW_REASON_NOT_A_SIGNAL,         /* a text about a council that says nothing the rules know; counted only */
	CW_REASON_UNRESOLVED_COUNCIL,   /* a text names something that may be a council: a person decides */
	CW_REASON_PERSONAL_DATA,        /* a note that seems to hold personal data: reword it */
	CW_REASON_SERVER_REFUSED,       /* document: the server's answer says that the request was wrong (GOV.UK: 422) */
	CW_REASON_NOT_A_COUNCIL,        /* a region, a nation, a district or another body: counted only */
	CW_REASON_SUPPRESSED,           /* a row of figures that the publisher withholds or does not have; counted only */
	CW_REASON_CONTRADICTION,        /* a text says of one thing that it is opened and closed */
	CW_REASON_FOLLOWED,             /* a link that was handed on: the document behind it gives the evidence; counted only */
	CW_REASON_COUNT
};
const char *cw_reason_name(enum cw_reason reason);  /* "unknown_council" */
const char *cw_reason_mend(enum cw_reason reason);  /* one sentence for a person: what to do */
bool cw_reason_quarantines(enum cw_reason reason);  /* kept for a person, or only counted? */
bool cw_reason_is_document(enum cw_reason reason);

struct cw_reject {
	enum cw_reason reason;
	uint64_t row;         /* 0: the whole document */
	struct cw_str field;  /* heading or record field concerned; may be empty */
	struct cw_str text;   /* the offending text, cut to 200 bytes */
	struct cw_str detail; /* one sentence; may be empty */
};

/* The wire form, within a batch (message.h). Reader and writer are each other's inverse; the reader
 * accepts nothing the writer could not have written and checks every limit. Borrowed from the cursor. */
int cw_evidence_put(struct cw_buf *buf, const struct cw_evidence *evidence);
int cw_evidence_get(struct cw_cursor *cursor, struct cw_evidence *ret, struct cw_error *err);
int cw_reject_put(struct cw_buf *buf, const struct cw_reject *reject);
int cw_reject_get(struct cw_cursor *cursor, struct cw_reject *ret, struct cw_error *err);

#endif
