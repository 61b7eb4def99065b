/*
 * ledger.h: ledger.db, the record of the support that was offered (domain section 5).
 *
 * A row is one statement about one offer, whole; it is never changed or taken out. What happens to an offer later, and what is
 * put right, is another row with the same offer_id: its newest row is what the offer is, the older ones are how it came to be.
 * The database itself refuses UPDATE and DELETE, whoever asks.
 *
 * An offer begins with reading what an alert says, with a contact or with the offer itself, so that the first two can be
 * recorded before anything is offered. It is made to a council, or to another organisation.
 *
 * SQLite, WAL, synchronous=FULL. Whoever may write in state_dir writes in it, with or without a running daemon, any number at
 * once: a transaction waits for another. Texts name roles, never people; who reads them in checks that with lint.h.
 */
#ifndef COUNCILWATCH_LEDGER_H
#define COUNCILWATCH_LEDGER_H

#include <councilwatch/base.h>
#include <councilwatch/clock.h>
#include <councilwatch/error.h>
#include <councilwatch/text.h>

enum cw_strand { CW_STRAND_CSC, CW_STRAND_SEND, CW_STRAND_EARLY_YEARS, CW_STRAND_COUNT };
enum cw_support { CW_SUPPORT_UNIVERSAL, CW_SUPPORT_TARGETED, CW_SUPPORT_INTENSIVE, CW_SUPPORT_COUNT };
enum cw_offer_status {
	CW_OFFER_READ,      /* an adviser has read what the alert says; nothing was offered yet */
	CW_OFFER_CONTACTED, /* there was a contact; nothing was offered yet */
	CW_OFFER_OFFERED,
	CW_OFFER_ACCEPTED,
	CW_OFFER_DECLINED,
	CW_OFFER_DELIVERED,
	CW_OFFER_WITHDRAWN,
	CW_OFFER_STATUS_COUNT
};
enum cw_recipient {
	CW_TO_COUNCIL,
	CW_TO_TRUST,
	CW_TO_ICB,
	CW_TO_SAFEGUARDING_PARTNERSHIP,
	CW_TO_REGIONAL_ALLIANCE,
	CW_TO_COMBINED_AUTHORITY,
	CW_TO_OTHER,
	CW_TO_COUNT
};

/* "csc", "targeted", "accepted", "icb": each ends with NULL and is in the order of its enum. */
extern const char *const cw_strand_names[];
extern const char *const cw_support_names[];
extern const char *const cw_offer_status_names[];
extern const char *const cw_recipient_names[];

#define CW_OFFER_ID_MAX 64u
#define CW_OFFER_TEXT_MAX 300u /* bytes of product, note_ref, reason and of each role */

/* Texts are "" when they are not stated, days of the calendar CW_DAY_NONE, numbers negative. */
struct cw_offer {
	const char *offer_id;
	const char *council_id;      /* one of these two */
	const char *organisation_id;
	enum cw_recipient recipient;
	enum cw_strand strand;
	enum cw_support tier;
	const char *trigger_alert_id;
	int32_t offered_at;
	const char *contact_role;    /* who was spoken to: "dcs", "chief_executive" */
	enum cw_offer_status status;
	int32_t status_at;
	double days;                 /* of support */
	const char *product;         /* "peer-challenge", "lead-member-training" */
	const char *note_ref;
	int32_t read_at, contact_at; /* first of each, whatever the status is now */
	const char *reason;          /* of a decline */
	double rating;               /* by the participants, 1 to 5 */
	int64_t participants;
	int32_t plan_until;          /* a plan was agreed and runs to that day */
	const char *engaged_roles;   /* others who took part, "leader|chief_executive" */

	/* Filled in when it is read. */
	unsigned version;            /* of this offer, from 1 */
	struct cw_wall recorded_at;  /* when the row was written */
	struct cw_wall known_at;     /* when it was known: recorded_at, unless it was brought over from an older record */
	const char *origin;          /* "import", "add" */
};
void cw_offer_init(struct cw_offer *offer); /* nothing stated */
/* Do the two say the same? */
bool cw_offer_same(const struct cw_offer *a, const struct cw_offer *b);

struct cw_ledger;

/* <state_dir>/ledger.db. A writer makes it when it is not there, mode 0640, the owner that of state_dir when root makes it. A
 * reader gets -ENOENT instead. */
int cw_ledger_open(const char *state_dir, bool writer, struct cw_ledger **ret, struct cw_error *err);
void cw_ledger_close(struct cw_ledger *ledger);

/* One transaction: all that is put between begin and commit is there, or nothing. -EBUSY when another writer keeps it for long. */
int cw_ledger_begin(struct cw_ledger *ledger, struct cw_error *err);
int cw_ledger_commit(struct cw_ledger *ledger, struct cw_error *err);
void cw_ledger_rollback(struct cw_ledger *ledger);

enum cw_put { CW_PUT_NEW = 1, CW_PUT_VERSION, CW_PUT_KNOWN, CW_PUT_EARLIER };
/*
 * Adds a row, unless it says what the newest row of the offer says (KNOWN). nth: how often what is being read in has said this
 * of this offer by now, from 1; what the ledger has been told as often is not told again, though the newest row is another
 * (EARLIER): reading the same file again adds nothing, and a file that grows adds what is new. 0: by hand, always told. NEW: the
 * first row of its offer. known_at NONE: now.
 */
int cw_ledger_put(struct cw_ledger *ledger, const struct cw_offer *offer, struct cw_wall known_at, const char *origin, unsigned nth,
                  enum cw_put *ret, struct cw_error *err);

/* Rows by offer_id, the oldest of each first, of one offer (NULL: all), known by then (NONE: ever). The offer is borrowed for the
 * call; a negative return of fn stops. */
typedef int cw_offer_fn(void *arg, const struct cw_offer *offer);
int cw_ledger_versions(struct cw_ledger *ledger, const char *offer_id, struct cw_wall known_by, cw_offer_fn *fn, void *arg,
                       struct cw_error *err);

/*
 * An offer as a whole: its newest row, and when each status was reached, CW_DAY_NONE if never. A row that comes later puts right
 * those before it that say the same status, or that say theirs of a later day; what is left are the steps the offer took.
 */
struct cw_offer_life {
	struct cw_offer offer;
	int32_t reached[CW_OFFER_STATUS_COUNT];
	unsigned versions;
};
typedef int cw_offer_life_fn(void *arg, const struct cw_offer_life *life);
int cw_ledger_offers(struct cw_ledger *ledger, struct cw_wall known_by, cw_offer_life_fn *fn, void *arg, struct cw_error *err);
/* How it stood at the end of a day: the last step by then; false before the first. */
bool cw_offer_stood(const struct cw_offer_life *life, int32_t day, enum cw_offer_status *ret);

#endif
