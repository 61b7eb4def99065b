/*
 * inbox.h: <state_dir>/inbox.db: every document that was accepted, and what is known of each feed.
 *
 * SQLite, WAL, synchronous=FULL; this process is its only writer. What always holds:
 *
 * - A document's row appears in the same transaction as the validators (ETag, Last-Modified) of its feed, and only
 *   after every byte of it: whoever sees the row can read the whole document. A crash before that leaves chunks that
 *   belong to nobody; the next open removes them.
 * - A document is identified by (feed, sha256, fetched_at). The same again is a duplicate and changes nothing.
 * - Bytes are kept once per content: documents with the same sha256 share them.
 * - Ids and orders only rise, and are never used twice, over restarts too.
 *
 * A write that fails (a full disk) undoes the whole batch it was in: every stream that was open is then broken
 * and says so at its next call.
 */
#ifndef CW_DAEMON_INBOX_H
#define CW_DAEMON_INBOX_H

#include <councilwatch/base.h>
#include <councilwatch/buf.h>
#include <councilwatch/clock.h>
#include <councilwatch/error.h>
#include <councilwatch/limits.h>
#include <councilwatch/loop.h>
#include <councilwatch/message.h>
#include <councilwatch/text.h>

struct cw_inbox;
struct cw_inbox_stream;

enum cw_inbox_state { CW_INBOX_QUEUED = 0, CW_INBOX_COMMITTED = 1, CW_INBOX_REJECTED = 2, CW_INBOX_POISON = 3 };
const char *cw_inbox_state_name(enum cw_inbox_state state); /* "queued" */

/* A document's row. Clear it after use; the strings are owned. */
struct cw_inbox_document {
	uint64_t id;
	uint64_t order;
	uint64_t content; /* where its bytes are; shared */
	char *feed;
	char *url;       /* as asked for; the file's name for imports */
	char *final_url; /* after redirects */
	char *content_type;
	struct cw_wall fetched_at; /* as-of time */
	struct cw_wall stored_at;
	uint64_t size;
	unsigned char sha256[CW_SHA256_LEN];
	uint32_t flags; /* CW_DOC_… */
	enum cw_inbox_state state;
	uint32_t attempts;      /* dispatches so far */
	uint32_t deaths;        /* of workers that had it in hand */
	enum cw_reason outcome; /* once no longer queued */
	char *config;           /* hash of the configuration it was settled under; "" while queued */
	char *commit;           /* owned bytes of cw_commit_info_put; NULL while queued */
	size_t commit_len;
};
void cw_inbox_document_clear(struct cw_inbox_document *document);

/* What is remembered of a feed between runs. Times NONE = never. */
#define CW_OUTCOME_MAX 24u
struct cw_inbox_feed {
	struct cw_wall created_at; /* first seen in the configuration as a polled feed */
	struct cw_wall last_attempt;
	struct cw_wall last_success;
	struct cw_wall next_due;
	struct cw_wall outage_since;
	struct cw_wall unconfirmed; /* a fetch that succeeded, whose document is not yet committed */
	uint64_t unconfirmed_document;
	uint32_t failures;            /* in a row */
	char outcome[CW_OUTCOME_MAX]; /* of the last attempt: "ok", "not_modified", "http_503", … */
	char *detail;                 /* owned; one sentence about the last failure, or NULL */
};
void cw_inbox_feed_init(struct cw_inbox_feed *feed);
void cw_inbox_feed_clear(struct cw_inbox_feed *feed);
int cw_inbox_feed_copy(const struct cw_inbox_feed *from, struct cw_inbox_feed *ret);

/* What a server is told so that it need not send the same again. Owned strings, NULL = none. */
struct cw_validators {
	char *etag;
	char *last_modified;
};
void cw_validators_clear(struct cw_validators *validators);

/* Creates or opens the file, and removes what a crash left half-stored. loop: feed states are then written in
 * batches, CW_INBOX_FLUSH_MS late at most; NULL: at once. -EINVAL for a file of a newer version.
 * -EBADMSG for a file that is not ours. */
#define CW_INBOX_FLUSH_MS 50
int cw_inbox_open(const char *state_dir, struct cw_loop *loop, struct cw_inbox **ret, struct cw_error *err);
/* Streams must have been freed. Flushes; NULL is fine. */
void cw_inbox_close(struct cw_inbox *inbox);
/* Writes what is batched. */
int cw_inbox_flush(struct cw_inbox *inbox, struct cw_error *err);

/*
 * Storing: new, write…, finish, free. Holds at most CW_CHUNK_MAX bytes in memory. Free without finish abandons what
 * was written.
 */
int cw_inbox_stream_new(struct cw_inbox *inbox, uint64_t max_size, struct cw_inbox_stream **ret, struct cw_error *err);
/* -EMSGSIZE when the document grows past max_size; -EIO or -ENOSPC when it cannot be written. */
int cw_inbox_stream_write(struct cw_inbox_stream *stream, const void *data, size_t len, struct cw_error *err);
uint64_t cw_inbox_stream_size(const struct cw_inbox_stream *stream);
void cw_inbox_stream_free(struct cw_inbox_stream *stream);

struct cw_inbox_meta {
	const char *feed;
	const char *url;
	const char *final_url;    /* NULL = url */
	const char *content_type; /* NULL = "" */
	const char *etag;         /* NULL = none */
	const char *last_modified;
	struct cw_wall fetched_at;
	uint32_t flags;
	const char *config;                 /* today's configuration hash: see UNCHANGED */
	const unsigned char *expect_sha256; /* what the sender says; NULL = not said */
};
enum { CW_INBOX_STORED = 0, CW_INBOX_DUPLICATE = 1, CW_INBOX_UNCHANGED = 2 };
/*
 * The final transaction: document, content and feed state. 0 stored and durable; DUPLICATE: *ret is the document
 * that was there; UNCHANGED (only without CW_DOC_IMPORTED): the content is that of the feed's newest document, *ret,
 * and nothing but the feed's validators and state was stored. Content that was rejected under another configuration than
 * meta->config is not taken for unchanged: it deserves another try.
 * state (may be NULL): for a document that is stored it is saved as the feed's state, with unconfirmed set to it.
 * -EBADMSG when expect_sha256 differs. The stream is spent whatever is returned.
 */
int cw_inbox_stream_finish(struct cw_inbox_stream *stream, const struct cw_inbox_meta *meta,
                           struct cw_inbox_feed *state, struct cw_inbox_document *ret, struct cw_error *err);

/* Documents. 0, or -ENOENT. */
int cw_inbox_document(struct cw_inbox *inbox, uint64_t id, struct cw_inbox_document *ret, struct cw_error *err);
/* The feed's newest document by fetched_at. */
int cw_inbox_newest(struct cw_inbox *inbox, const char *feed, struct cw_inbox_document *ret, struct cw_error *err);
/* The queued document that comes next after an order. */
int cw_inbox_next(struct cw_inbox *inbox, uint64_t after_order, struct cw_inbox_document *ret, struct cw_error *err);
/* Chunk seq of a content, uncompressed, into out (reset first). -ENOENT past the end; -EBADMSG when what is stored
 * is not what was written. */
int cw_inbox_chunk(struct cw_inbox *inbox, uint64_t content, uint32_t seq, struct cw_buf *out, struct cw_error *err);

/* The dispatcher's counters; durable, as a death must count even if everything dies after it. */
int cw_inbox_count(struct cw_inbox *inbox, uint64_t id, uint32_t attempts, uint32_t deaths, struct cw_error *err);
/* The assessor committed it. Durable. The state follows from the tally's outcome. A document that is no longer queued
 * stays as it is. */
int cw_inbox_settle(struct cw_inbox *inbox, uint64_t id, const struct cw_commit_info *info, const char *config,
                    struct cw_error *err);

/* Again: a document that is settled is queued once more, as the last, with CW_DOC_REPLAY and flags set (CW_DOC_RETRY or 0). Its
 * bytes, attempts and last report stay, its deaths are forgotten. One durable transaction; -ENOENT when there is no such
 * document, and nothing was queued. Those that wait already are left as they are and not counted. */
int cw_inbox_requeue(struct cw_inbox *inbox, const uint64_t *ids, size_t n, uint32_t flags, size_t *ret_queued,
                     struct cw_error *err);
/* Queues every document of the feed whose rows or whole were quarantined for a reason that a configuration can mend, unless
 * they were read with this reading (cw_feed.reading) last; from then on they were. */
int cw_inbox_requeue_mended(struct cw_inbox *inbox, const char *feed, const char *reading, size_t *ret_queued,
                            struct cw_error *err);
/* The document of that content and time, or -ENOENT. */
int cw_inbox_find(struct cw_inbox *inbox, const char *feed, struct cw_wall fetched_at,
                  const unsigned char sha256[CW_SHA256_LEN], struct cw_inbox_document *ret, struct cw_error *err);
/* Walks the settled documents of a feed in order of time: the first after that time and id (NONE, 0: from the start).
 * -ENOENT at the end. */
int cw_inbox_settled(struct cw_inbox *inbox, const char *feed, struct cw_wall after, uint64_t after_id,
                     struct cw_inbox_document *ret, struct cw_error *err);

/* Feed state. load: -ENOENT when the feed was never seen. save: batched (see open). */
int cw_inbox_feed_load(struct cw_inbox *inbox, const char *feed, struct cw_inbox_feed *ret, struct cw_error *err);
int cw_inbox_feed_save(struct cw_inbox *inbox, const char *feed, const struct cw_inbox_feed *state,
                       struct cw_error *err);
/* Only when they are of that URL and of the newest document's content, and unless that was rejected under another
 * configuration; else both NULL. */
int cw_inbox_validators(struct cw_inbox *inbox, const char *feed, const char *url, const char *config,
                        struct cw_validators *ret, struct cw_error *err);

struct cw_inbox_counts {
	uint64_t queued, queued_bytes;
	uint64_t stored, committed, rejected, poison; /* stored: all */
	struct cw_wall oldest;                        /* stored_at of the oldest queued; NONE */
};
/* Kept up to date in memory but for oldest. */
int cw_inbox_counts(struct cw_inbox *inbox, struct cw_inbox_counts *ret, struct cw_error *err);
bool cw_inbox_backlog_over(const struct cw_inbox *inbox, uint64_t documents, uint64_t bytes);

#endif
