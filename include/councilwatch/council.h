/*
 * council.h: which council a row is about.
 *
 * A council has one council_id of ours for its whole life; everything else is an alias with the dates
 * between which it is that council's: names, GSS codes (ONS), three-digit codes (DfE), URNs (Ofsted).
 * Two councils may share a code or name at different dates (old and new Dorset), so resolving needs a
 * day. Matching is on the whole folded text (cw_text_fold), never on a part of it, never nearest.
 * Source of the tables: config/councils.csv and config/aliases.csv, see config/SOURCES.md.
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
	int32_t end_day;        /* last day; CW_DAY_NONE = still there */
};

struct cw_councils;

/* Both files are read whole; every mistake in them is reported through report (file:line: what, and
 * the mend), and any makes the load fail with -EINVAL. */
typedef void cw_report_fn(void *arg, const struct cw_error *err);
int cw_councils_load(const char *councils_csv, const char *aliases_csv, cw_report_fn *report, void *arg,
                     struct cw_councils **ret, struct cw_error *err);
void cw_councils_free(struct cw_councils *councils);
size_t cw_councils_count(const struct cw_councils *councils);
const struct cw_council *cw_councils_at(const struct cw_councils *councils, size_t index);
const struct cw_council *cw_councils_by_id(const struct cw_councils *councils, struct cw_str id);

enum { CW_COUNCIL_UNKNOWN = 1, CW_COUNCIL_AMBIGUOUS, CW_COUNCIL_CONFLICT, CW_COUNCIL_NOT_THEN };

/*
 * Resolves one row from all that it says of its council (codes and names, in any order; empty ones and
 * "NaN"-like placeholders must have been left out). Each text gives the set of councils it names on that day.
 * Texts that name nobody then are set aside (publishers use retired codes for years); what remains must have exactly
 * one council in common. A text that names another council, but only after that day, is a conflict all the same: either the
 * date or the council is wrong.
 * day: of the event, or when unknown the day it was published or fetched.
 * 0, or: UNKNOWN no text matches any alias of any date; NOT_THEN they match, but none on that day;
 * AMBIGUOUS several councils remain; CONFLICT two texts name different councils. why (reset, may be
 * NULL) gets one sentence naming the texts and councils.
 */
int cw_council_resolve(const struct cw_councils *councils, const struct cw_str *texts, size_t n_texts, int32_t day,
                       const struct cw_council **ret, struct cw_buf *why);

/* For people at a command line: any id, code or name; when old and new councils share it, the current one.
 * 0, UNKNOWN or AMBIGUOUS; *suggestion (may be NULL) is a near council id or NULL. */
int cw_council_find(const struct cw_councils *councils, const char *text, const struct cw_council **ret,
                    const char **suggestion);

#endif
