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
	struct cw_wall removed_at; /* its bytes, by retention; NONE = they are there */
	uint64_t size;
	unsigned char sha256[CW_SHA256_LEN];
	uint32_t flags; /* CW_DOC_… */
	enum cw_inbox_state state;
	uint32_t attempts;      /* dispatches so far */
	uint32_t deaths;        /* of workers that had it in hand */
	enum cw_reason outcome; /* once no longer queued */
	char *config;           /* hash of the configuration it was settled under; "" while queued */
	char *step;             /* of the feed, that reads it; "" = the feed's own format */
	uint64_t link;          /* that led to it; 0 = the feed's url, or an import */
	char *link_text;
	char *parent_url;       /* where that link stood */
	char *who;              /* handed it in, for the audit log (cw_audit_who_parse); "" = nobody did */
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

struct cw_inbox_link;

struct cw_inbox_meta {
	const char *feed;
	const char *step;                 /* NULL = "" */
	const struct cw_inbox_link *link; /* the link that led to it, with the time it is next due; NULL = none */
	const char *url;
	const char *final_url;    /* NULL = url */
	const char *content_type; /* NULL = "" */
	const char *etag;         /* NULL = none */
	const char *last_modified;
	struct cw_wall fetched_at;
	uint32_t flags;
	const char *config;                 /* today's configuration hash: see UNCHANGED */
	const unsigned char *expect_sha256; /* what the sender says; NULL = not said */
	/* Whoever hands it in, and what for: the same content from the same client is the same document, whenever it
	 * comes. NULL = it is told apart by its time alone. */
	const char *client;
	const char *who; /* for the audit log; NULL = nobody */
};

/* What a client has to show for a document: stored in the same transaction. */
struct cw_inbox_receipt {
	unsigned char id[CW_SHA256_LEN]; /* over feed, client and content: the same again has the same */
	uint64_t document;
	struct cw_wall accepted_at;
};
enum { CW_INBOX_STORED = 0, CW_INBOX_DUPLICATE = 1, CW_INBOX_UNCHANGED = 2 };
/*
 * The final transaction: document, content and feed state. 0 stored and durable; DUPLICATE: *ret is the document
 * that was there; UNCHANGED (only without CW_DOC_IMPORTED): the content is that of the feed's newest document, *ret,
 * and nothing but the feed's validators and state was stored. (Nor with CW_DOC_SUBMITTED.) Content that was rejected under another configuration than
 * meta->config is not taken for unchanged: it deserves another try.
 * state (may be NULL): for a document that is stored it is saved as the feed's state, with unconfirmed set to it.
 * -EBADMSG when expect_sha256 differs. The stream is spent whatever is returned.
 */
int cw_inbox_stream_finish(struct cw_inbox_stream *stream, const struct cw_inbox_meta *meta,
                           struct cw_inbox_feed *state, struct cw_inbox_document *ret, struct cw_error *err);

/* What a document came to may be another under another configuration: one that was rejected may be read, and one of a step may give
 * other links. Evidence of what was read is not in question here. */
bool cw_inbox_deserves_another(const struct cw_inbox_document *document, const char *config);

/* The receipt that a document of this meta (with a client) and content has or would have. */
int cw_inbox_receipt_id(const char *feed, const char *client, const unsigned char sha256[CW_SHA256_LEN],
                        unsigned char ret[CW_SHA256_LEN]); /* 0 or -ENOMEM */
/* 0, or -ENOENT: nothing was ever accepted under it. */
int cw_inbox_receipt(struct cw_inbox *inbox, const unsigned char id[CW_SHA256_LEN], struct cw_inbox_receipt *ret,
                     struct cw_error *err);

/*
 * Documents that the audit log has something to tell of (inbox_audit.c). Those of feeds for which of() is true are noted when they
 * are settled, in the same transaction, and stay noted until cw_inbox_audited: what is not written then is at the next start.
 */
void cw_inbox_audit_of(struct cw_inbox *inbox, bool (*of)(void *arg, const char *feed), void *arg);
/* The first of them with a higher id. -ENOENT. */
int cw_inbox_unaudited(struct cw_inbox *inbox, uint64_t after, struct cw_inbox_document *ret, struct cw_error *err);
/* Batched: what is forgotten is told twice, and left out the second time. */
int cw_inbox_audited(struct cw_inbox *inbox, uint64_t id, struct cw_error *err);

/*
 * Removing bytes that are kept only for a while (inbox_retention.c): the row stays, so that the same document is known when it comes
 * again; it is not read again.
 */
/* The first settled document with a higher id that has its bytes and was stored before that moment. -ENOENT. */
int cw_inbox_kept(struct cw_inbox *inbox, uint64_t after, struct cw_wall before, struct cw_inbox_document *ret, struct cw_error *err);
/* Batched; what no other document shares is overwritten. One that is not settled, or has none, stays as it is. */
int cw_inbox_remove(struct cw_inbox *inbox, const struct cw_inbox_document *document, struct cw_wall at, struct cw_error *err);
/* How many documents of a feed, or (NULL) of all, have no bytes any more. */
int cw_inbox_removed(struct cw_inbox *inbox, const char *feed, uint64_t *ret, struct cw_error *err);
/* A number that is remembered under a name; 0 when it never was. */
int cw_inbox_number(struct cw_inbox *inbox, const char *name, int64_t *ret, struct cw_error *err);
int cw_inbox_set_number(struct cw_inbox *inbox, const char *name, int64_t number, struct cw_error *err);

/* Documents. 0, or -ENOENT. */
int cw_inbox_document(struct cw_inbox *inbox, uint64_t id, struct cw_inbox_document *ret, struct cw_error *err);
/* The newest document by fetched_at of a link, or with link 0 of the feed's own address, that the step reads ("" = the feed's own
 * format). */
int cw_inbox_newest(struct cw_inbox *inbox, const char *feed, uint64_t link, const char *step,
                    struct cw_inbox_document *ret, struct cw_error *err);
/* The feed's first document with a higher id. -ENOENT: none. */
int cw_inbox_after(struct cw_inbox *inbox, const char *feed, uint64_t id, struct cw_inbox_document *ret,
                   struct cw_error *err);
/* The highest id there is; 0 = none. */
int cw_inbox_last(struct cw_inbox *inbox, uint64_t *ret, struct cw_error *err);
/* The queued document that comes next after an order. */
int cw_inbox_next(struct cw_inbox *inbox, uint64_t after_order, struct cw_inbox_document *ret, struct cw_error *err);
/* Chunk seq of a content, uncompressed, into out (reset first). -ENOENT past the end; -EBADMSG when what is stored
 * is not what was written. */
int cw_inbox_chunk(struct cw_inbox *inbox, uint64_t content, uint32_t seq, struct cw_buf *out, struct cw_error *err);

/* The dispatcher's counters; durable, as a death must count even if everything dies after it. */
int cw_inbox_count(struct cw_inbox *inbox, uint64_t id, uint32_t attempts, uint32_t deaths, struct cw_error *err);
/* The assessor committed it. Durable, together with what follows for links: of a document that was read, links that older
 * documents of the same address had and it has not are no longer followed. The state follows from the tally's outcome. A
 * document that is no longer queued stays as it is. next: the page after it, due now; NULL = none. */
struct cw_inbox_found;
int cw_inbox_settle(struct cw_inbox *inbox, uint64_t id, const struct cw_commit_info *info, const char *config,
                    const struct cw_inbox_found *next, struct cw_error *err);

/* Again: a document that is settled is queued once more, as the last, with CW_DOC_REPLAY and flags set (CW_DOC_RETRY or 0). Its
 * bytes, attempts and last report stay, its deaths are forgotten. One durable transaction; -ENOENT when there is no such
 * document, and nothing was queued. Those that wait already are left as they are and not counted. */
int cw_inbox_requeue(struct cw_inbox *inbox, const uint64_t *ids, size_t n, uint32_t flags, size_t *ret_queued,
                     struct cw_error *err);
/* Queues every document of the feed whose rows or whole were quarantined for a reason that a configuration can mend, unless
 * they were read with this reading (cw_feed.reading) last; from then on they were. */
int cw_inbox_requeue_mended(struct cw_inbox *inbox, const char *feed, const char *reading, size_t *ret_queued,
                            struct cw_error *err);
/* Queues every settled document of the feed that has its bytes, in order of time, with CW_DOC_REPLAY. One durable transaction. */
int cw_inbox_requeue_all(struct cw_inbox *inbox, const char *feed, size_t *ret_queued, struct cw_error *err);
/* Documents that wait to be read again, of one feed or (NULL) of all. */
int cw_inbox_replaying(struct cw_inbox *inbox, const char *feed, uint64_t *ret, struct cw_error *err);
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
int cw_inbox_validators(struct cw_inbox *inbox, const char *feed, const char *step, const char *url, const char *config,
                        struct cw_validators *ret, struct cw_error *err);

/*
 * Links (links.c): what the documents of a feed's steps lead to, and pages. A link is known by feed, step and address. It is live
 * while some document that is the newest of its own address has it, back to the feed's url; others are kept, and not fetched.
 */
struct cw_inbox_link {
	uint64_t id;
	char *feed, *step, *url, *text; /* owned; step: that reads what is behind it */
	char *parent_url;               /* owned */
	uint32_t page;                  /* of a list: 1 = the second; 0 = it is not a page */
	struct cw_wall first_seen, last_attempt, last_fetched;
	struct cw_wall next_due; /* NONE = not again */
	uint32_t failures;       /* in a row, of the transfer or the document */
	char outcome[CW_OUTCOME_MAX];
	char *detail;      /* owned or NULL */
	uint64_t document; /* the newest; 0 = none */
	char *etag, *last_modified; /* owned or NULL; of that document */
};
void cw_inbox_link_clear(struct cw_inbox_link *link);

/* A link in a document, or the page after it. Borrowed. */
struct cw_inbox_found {
	struct cw_str step, url, text;
	uint32_t page;
};
/* Links of a queued document, durable when it returns. New ones are due at once, pages always. *ret_refused: new ones beyond
 * CW_LINKS_FEED_MAX. */
int cw_inbox_links_add(struct cw_inbox *inbox, const struct cw_inbox_document *document, const struct cw_inbox_found *found,
                       size_t n, size_t *ret_refused, struct cw_error *err);
int cw_inbox_link(struct cw_inbox *inbox, uint64_t id, struct cw_inbox_link *ret, struct cw_error *err); /* -ENOENT */
/* The live page of that number, from 1. -ENOENT. */
int cw_inbox_page(struct cw_inbox *inbox, const char *feed, const char *step, uint32_t page, struct cw_inbox_link *ret,
                  struct cw_error *err);
/* The live link that is to be fetched next: pages, then what was never fetched, then the others, each in the order of their finding.
 * step NULL = any; except: ids that are not wanted. -ENOENT. */
int cw_inbox_link_next(struct cw_inbox *inbox, const char *feed, const char *step, struct cw_wall now, bool only_new,
                       const uint64_t *except, size_t n_except, struct cw_inbox_link *ret, struct cw_error *err);
/* When the next link of the feed is due; NONE: none will be. */
int cw_inbox_link_due(struct cw_inbox *inbox, const char *feed, struct cw_wall *ret, struct cw_error *err);
/* Saved in the batch. The next page after an unchanged one is due at once. */
int cw_inbox_link_failed(struct cw_inbox *inbox, uint64_t id, const char *outcome, const char *detail,
                         struct cw_wall next_due, struct cw_error *err);
int cw_inbox_link_unchanged(struct cw_inbox *inbox, uint64_t id, const char *outcome, struct cw_wall next_due,
                            struct cw_error *err);
/* The pages that were found after a page (0 = the feed's url) are due, as it did not change. */
int cw_inbox_pages_due(struct cw_inbox *inbox, const char *feed, uint64_t link, struct cw_error *err);
/* Every live link that is ever fetched again is due now. */
int cw_inbox_links_ask(struct cw_inbox *inbox, const char *feed, struct cw_error *err);
/* The configuration of a step changed: what was fetched is not due again (immutable), or is. */
int cw_inbox_links_settle(struct cw_inbox *inbox, const char *feed, const char *step, bool immutable,
                          struct cw_error *err);

struct cw_inbox_links_count {
	uint64_t live, fetched, failing, waiting; /* waiting: due and not yet fetched */
	uint64_t gone;                            /* not live */
	char *failing_url, *failing_detail;       /* owned: of one that fails; NULL = none does */
	char failing_outcome[CW_OUTCOME_MAX];
};
void cw_inbox_links_count_clear(struct cw_inbox_links_count *count);
/* Links of one step that are no pages, or of any step that are. */
int cw_inbox_links_count(struct cw_inbox *inbox, const char *feed, const char *step, bool pages,
                         struct cw_inbox_links_count *ret, struct cw_error *err);

/* Documents of a feed that wait to be committed. */
int cw_inbox_queued(struct cw_inbox *inbox, const char *feed, uint64_t *ret, struct cw_error *err);

struct cw_inbox_counts {
	uint64_t queued, queued_bytes;
	uint64_t stored, committed, rejected, poison; /* stored: all */
	struct cw_wall oldest;                        /* stored_at of the oldest queued; NONE */
};
/* Kept up to date in memory but for oldest. */
int cw_inbox_counts(struct cw_inbox *inbox, struct cw_inbox_counts *ret, struct cw_error *err);
bool cw_inbox_backlog_over(const struct cw_inbox *inbox, uint64_t documents, uint64_t bytes);

#endif
