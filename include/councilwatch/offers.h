/*
 * offers.h: offers as people write them down (CSV, JSON lines, the command line), checked, for the ledger.
 *
 * Fields are named as struct cw_offer names them (ledger.h), and councilwatch(1) says what each takes. Every mistake of a file is
 * reported in one run: file:line, the field, and the mend. Texts pass through lint.h: roles, never people.
 */
#ifndef COUNCILWATCH_OFFERS_H
#define COUNCILWATCH_OFFERS_H

#include <councilwatch/council.h>
#include <councilwatch/ledger.h>

enum cw_offer_field {
	CW_OFFER_ID, CW_OFFER_COUNCIL, CW_OFFER_ORGANISATION, CW_OFFER_ORGANISATION_KIND, CW_OFFER_STRAND, CW_OFFER_TIER, CW_OFFER_TRIGGER,
	CW_OFFER_OFFERED_AT, CW_OFFER_CONTACT_ROLE, CW_OFFER_STATUS, CW_OFFER_STATUS_AT, CW_OFFER_DAYS, CW_OFFER_PRODUCT, CW_OFFER_NOTE_REF,
	CW_OFFER_READ_AT, CW_OFFER_CONTACT_AT, CW_OFFER_REASON, CW_OFFER_RATING, CW_OFFER_PARTICIPANTS, CW_OFFER_PLAN_UNTIL,
	CW_OFFER_ENGAGED, CW_OFFER_FIELDS
};
extern const char *const cw_offer_field_names[]; /* "offer_id" …, ends with NULL */

/* The alert that an offer says it answers. 1: *ret_council (owned, NULL for an alert about a feed) and *ret_day; 0: there is none of
 * that id; negative. */
typedef int cw_offer_alert_fn(void *arg, const char *id, char **ret_council, int32_t *ret_day);

struct cw_offer_rules {
	const struct cw_councils *councils;
	int32_t today;             /* nothing has happened after it */
	cw_offer_alert_fn *alert;  /* NULL: no database to look in, every id is taken */
	void *alert_arg;
	cw_report_fn *report;      /* mistakes */
	cw_report_fn *warn;        /* what is taken all the same, but looks odd */
	void *report_arg;
};

struct cw_offer_row {
	struct cw_offer offer;
	unsigned line;
	bool wrong;        /* it has a mistake, and offer is not to be used */
	unsigned nth;      /* cw_ledger_put */
	char *text[9];     /* private: owned texts of offer */
};
void cw_offer_row_clear(struct cw_offer_row *row);

/* One row from texts by field, NULL or "" for what is not given. Mistakes are reported at file (may be NULL) and line, and are no
 * failure: wrong tells. 0 or -ENOMEM, or what alert returned; ret is cleared by the caller in any case. */
int cw_offer_check(const struct cw_offer_rules *rules, const char *file, unsigned line, const char *const value[CW_OFFER_FIELDS],
                   struct cw_offer_row *ret, struct cw_error *err);

struct cw_offer_rows {
	size_t n, cap;
	struct cw_offer_row *at; /* in the order of the file */
	size_t wrong;            /* rows with mistakes, among them what was no row at all */
};
void cw_offer_rows_clear(struct cw_offer_rows *rows);
/* A whole file, CSV with headings or JSON lines, whichever it is; "-" is standard input. Adds to ret. A file that has no rows we
 * could read (a heading that is not known, say) is -EINVAL after a report. */
int cw_offer_rows_read(const struct cw_offer_rules *rules, const char *path, struct cw_offer_rows *ret, struct cw_error *err);

#endif
