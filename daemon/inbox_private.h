/*
 * inbox_private.h: between inbox.c, which keeps documents and feeds, links.c, which keeps the links that are followed, and
 * inbox_audit.c, which keeps what the audit log is to be told, and inbox_retention.c, which removes.
 *
 * One batch for all: what belongs together becomes durable together.
 */
#ifndef CW_DAEMON_INBOX_PRIVATE_H
#define CW_DAEMON_INBOX_PRIVATE_H

#include <sqlite3.h>

#include "inbox.h"

enum statement {
	ST_BEGIN,
	ST_COMMIT,
	ST_ROLLBACK,
	ST_UPLOAD_ADD,
	ST_UPLOAD_REMOVE,
	ST_CHUNK_ADD,
	ST_CHUNK_GET,
	ST_CHUNKS_REMOVE,
	ST_CONTENT_ADD,
	ST_CONTENT_FIND,
	ST_COUNTER_SET,
	ST_DOCUMENT_ADD,
	ST_DOCUMENT_GET,
	ST_DOCUMENT_SAME,
	ST_DOCUMENT_NEWEST,
	ST_DOCUMENT_AFTER,
	ST_DOCUMENT_LAST,
	ST_DOCUMENT_NEXT,
	ST_DOCUMENT_OLDEST,
	ST_DOCUMENT_QUEUED,
	ST_DOCUMENT_REPLAYING,
	ST_DOCUMENT_COUNT,
	ST_DOCUMENT_SETTLE,
	ST_DOCUMENT_REQUEUE,
	ST_DOCUMENT_SETTLED,
	ST_RECEIPT_GET,
	ST_RECEIPT_SET,
	ST_READING_GET,
	ST_READING_SET,
	ST_FEED_GET,
	ST_FEED_SAVE,
	ST_VALIDATORS_SET,
	ST_VALIDATORS_GET,
	ST_STATEMENTS
};

#define INBOX_LINK_STATEMENTS 24
/* A chunk's id is content << CHUNK_SHIFT | seq: CW_DOCUMENT_MAX / CW_CHUNK_MAX is 2^14. */
#define CHUNK_SHIFT 16
#define INBOX_AUDIT_STATEMENTS 3
#define INBOX_RETENTION_STATEMENTS 8

struct cw_inbox {
	sqlite3 *db;
	sqlite3_stmt *statement[ST_STATEMENTS];
	sqlite3_stmt *link_statement[INBOX_LINK_STATEMENTS];
	sqlite3_stmt *audit_statement[INBOX_AUDIT_STATEMENTS];
	sqlite3_stmt *retention_statement[INBOX_RETENTION_STATEMENTS];
	bool (*audit_of)(void *arg, const char *feed);
	void *audit_arg;
	struct ZSTD_CCtx_s *compressor;
	struct ZSTD_DCtx_s *decompressor;
	unsigned char *scratch; /* ZSTD_compressBound(CW_CHUNK_MAX) bytes */
	struct cw_timer *flush; /* NULL without a loop */
	bool batch;             /* a transaction is open */
	uint64_t batch_bytes;
	uint64_t failures;   /* to write, since it began to fail */
	struct cw_mono failed_at; /* the last of them */
	uint64_t generation; /* rises when a batch is undone: streams of an older one are broken */
	uint64_t next_content;
	uint64_t next_order;
	struct cw_inbox_counts counts;
};

/* SQLite's error as ours. */
int inbox_db_error(struct cw_inbox *inbox, struct cw_error *err, const char *doing);
/* A prepared statement, ready to be bound; NULL when it cannot be made. */
sqlite3_stmt *inbox_prepared(struct cw_inbox *inbox, sqlite3_stmt **slot, const char *sql);
/* Runs a statement that gives no rows, and resets it. */
int inbox_run(sqlite3_stmt *statement);
void inbox_bind_text(sqlite3_stmt *statement, int at, const char *text);
void inbox_bind_wall(sqlite3_stmt *statement, int at, struct cw_wall time);
struct cw_wall inbox_column_wall(sqlite3_stmt *statement, int at);
/* An owned copy; NULL for NULL. *failed is set when memory ran out. */
char *inbox_column_text(sqlite3_stmt *statement, int at, bool *failed);
int inbox_batch_begin(struct cw_inbox *inbox, struct cw_error *err);
int inbox_batch_commit(struct cw_inbox *inbox, struct cw_error *err);
/* Fills err, undoes the batch, returns err's code: for "return inbox_fail(...)" after a failed statement. */
int inbox_fail(struct cw_inbox *inbox, struct cw_error *err, const char *doing);
void inbox_flush_soon(struct cw_inbox *inbox);

/* links.c: parts of inbox.c's transactions. 0, or a negative number after which the batch is to be undone. */
extern const char inbox_link_schema[];
/* A document was stored, or is that which was there (stored_id 0). */
int inbox_link_fetched(struct cw_inbox *inbox, const struct cw_inbox_meta *meta, uint64_t stored_id);
int inbox_link_settled(struct cw_inbox *inbox, const struct cw_inbox_document *document, const struct cw_commit_info *info,
                       const struct cw_inbox_found *next);

extern const char inbox_retention_schema[];

/* inbox_audit.c: part of settling. Likewise. */
extern const char inbox_audit_schema[];
int inbox_audit_settled(struct cw_inbox *inbox, const struct cw_inbox_document *document, const struct cw_commit_info *info);

#endif
