/*
 * audit.h: <state_dir>/audit.db: who said, ruled, changed, saw and took away what. docs/governance.md is the same for people.
 *
 * SQLite, WAL, synchronous=FULL, several writers (the daemon, and commands of those who may write there). It only grows: the
 * database refuses to change or remove a row, and each row carries a hash over its own content and the hash of the row before,
 * so that whatever is changed or removed past the database's refusal is found by cw_audit_verify. Somebody who may write the
 * file can make the whole chain anew: against that, the number and hash of a row are noted elsewhere (the journal of the
 * daemon, a reviewer's file) and handed to cw_audit_verify.
 *
 * Never holds the text of a note or ruling, only which document and statement it is.
 */
#ifndef COUNCILWATCH_AUDIT_H
#define COUNCILWATCH_AUDIT_H

#include <councilwatch/base.h>
#include <councilwatch/clock.h>
#include <councilwatch/error.h>
#include <councilwatch/text.h>

struct cw_audit;

enum cw_audit_action {
	CW_AUDIT_NOTE = 1,       /* a note was accepted */
	CW_AUDIT_OVERRIDE,       /* a ruling was accepted */
	CW_AUDIT_CONFIG,         /* the daemon works with another configuration */
	CW_AUDIT_CONFIG_REFUSED, /* a changed configuration was refused */
	CW_AUDIT_RETRY,          /* of what is in quarantine */
	CW_AUDIT_DROP,
	CW_AUDIT_REPLAY,
	CW_AUDIT_RETENTION,      /* a run, and what it removed */
	CW_AUDIT_EXPORT,         /* begun: before the first byte is given out */
	CW_AUDIT_EXPORTED,       /* ended: "of" is the row of its beginning */
	CW_AUDIT_VIEW,           /* a page that shows notes or rulings */
	CW_AUDIT_OFFER,          /* rows were added to the support ledger */
	CW_AUDIT_ACTION_COUNT
};
const char *cw_audit_action_name(enum cw_audit_action action); /* "config_refused" */
const char *const *cw_audit_action_names(void);                /* all, ends with NULL */
int cw_audit_action_parse(const char *name, enum cw_audit_action *ret); /* 0 or -EINVAL */

#define CW_AUDIT_NAME_MAX 64u     /* bytes of an account or address */
#define CW_AUDIT_DETAIL_MAX 8192u /* bytes */

/* Texts end with NUL; "" = not known. */
struct cw_audit_who {
	int64_t uid; /* -1 = not known */
	char account[CW_AUDIT_NAME_MAX];
	char sudo[CW_AUDIT_NAME_MAX]; /* who became root; only with uid 0 */
	char via[CW_AUDIT_NAME_MAX];  /* "command", "control", "submit", "folder", "signal", "daemon" */
};
/* This process's user. */
void cw_audit_self(const char *via, struct cw_audit_who *ret);
/* Another process's, as the system tells it (-1: it does not). sudo: what that process says, NULL = nothing; believed of root. */
void cw_audit_other(int64_t uid, const char *sudo, const char *via, struct cw_audit_who *ret);
/* In one text, as kept beside a document until it is read; parsing what is no such text gives an unknown one. */
int cw_audit_who_put(const struct cw_audit_who *who, struct cw_buf *out);
void cw_audit_who_parse(const char *text, struct cw_audit_who *ret);
/* "user:alice", "user:root (sudo alice)", "uid:1000" (a user without a name), "key:NAME", "tcp:ADDRESS"; "" = nobody known. */
#define CW_AUDIT_SUBMITTER_MAX (2 * CW_AUDIT_NAME_MAX + 24)
const char *cw_audit_submitter(const struct cw_audit_who *who, char ret[CW_AUDIT_SUBMITTER_MAX]);

/* Texts are borrowed; NULL is "". */
struct cw_audit_row {
	uint64_t seq;              /* given by append; from 1, without gaps */
	struct cw_wall at;         /* given by append */
	struct cw_audit_who who;
	enum cw_audit_action action;
	const char *council_id;
	const char *feed;
	const char *document;      /* sha256, 64 hexadecimal digits */
	const char *detail;        /* one JSON object, short */
	const char *key;           /* appended once only, whoever tries again; "" = each is another */
	unsigned char hash[CW_SHA256_LEN]; /* given by append */
};

/*
 * write: creates the file when there is none, for the owner of state_dir even when root does, mode 0640. -EACCES, -EPERM or
 * -EROFS when this user may not write there. A reader gets -ENOENT when there is none. -EPROTO for another schema version.
 */
int cw_audit_open(const char *state_dir, bool write, struct cw_audit **ret, struct cw_error *err);
void cw_audit_close(struct cw_audit *audit); /* NULL is fine */

/* All of them or none, in this order, durable when it returns. A row whose key is there already is left out and its seq is
 * that row's. Waits up to five seconds for another writer. */
int cw_audit_append(struct cw_audit *audit, struct cw_audit_row *rows, size_t n, struct cw_error *err);

/* In order of seq. action 0 and council_id NULL: all; since: on or after that day. Texts are borrowed for the call of fn, which
 * returns negative to stop. */
struct cw_audit_filter {
	int32_t since; /* CW_DAY_NONE = all */
	enum cw_audit_action action;
	const char *council_id;
	uint64_t after; /* rows with a higher seq only */
};
typedef int cw_audit_fn(void *arg, const struct cw_audit_row *row);
int cw_audit_rows(struct cw_audit *audit, const struct cw_audit_filter *filter, cw_audit_fn *fn, void *arg,
                  struct cw_error *err);

/* The configurations that were in force, as printed and without secrets, by their hash. put: 0 also when it was there. get:
 * *ret is owned, NULL when there is none; hash NULL: the newest, its hash in ret_hash. */
int cw_audit_put_config(struct cw_audit *audit, const char *hash, const char *text, struct cw_error *err);
int cw_audit_config(struct cw_audit *audit, const char *hash, char ret_hash[CW_SHA256_HEX], char **ret, struct cw_error *err);

/* Reads all of it. 0 with what was found, whatever that is; -errno when it cannot be read. */
struct cw_audit_verdict {
	bool whole;
	uint64_t rows, last; /* last: seq of the last row; 0 = there is none */
	unsigned char hash[CW_SHA256_LEN]; /* of the last row */
	uint64_t bad;        /* the first row that is not as it was written; 0 = none, or it cannot be said which */
	char problem[256];   /* "" when it is whole */
};
/* expect_seq 0: nothing was noted elsewhere; else that row must be there with that hash. */
int cw_audit_verify(struct cw_audit *audit, uint64_t expect_seq, const unsigned char expect_hash[CW_SHA256_LEN],
                    struct cw_audit_verdict *ret, struct cw_error *err);

#endif
