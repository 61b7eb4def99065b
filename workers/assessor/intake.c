#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <councilwatch/log.h>

#include "intake.h"
#include "retain.h"

#define SOCKET_HWM 1000
#define OUTBOX_MOST 4096
#define RETRY_FIRST_MS 500
#define RETRY_LAST_MS 30000
#define RETRY_STAGE_MS 5000
#define EARLY_MOST 256
#define EARLY_BYTES (64u * 1024u * 1024u)
#define EARLY_MS 30000
#define SETTLED_KEPT 256
#define ACCUSE_AGAIN_MS 1000

struct batch {
	bool rejects;
	uint32_t count;
	void *data; /* owned */
	size_t len;
};

struct document {
	struct document *next; /* in announced order */
	struct cw_document_info info; /* texts owned, in memory */
	uint64_t lease;        /* whoever has the document knows it, and nobody else */
	char *memory;
	bool settle;           /* no normaliser: record the outcome below */
	bool done;             /* everything has arrived */
	bool staged;
	bool early;            /* its transaction was begun before all was there */
	bool known;            /* committed before: only to be reported again */
	uint32_t next_sequence;
	size_t bytes;          /* of the batches in memory */
	struct cw_peer sender;
	uint32_t owed;         /* batches taken from it and not acknowledged */
	struct batch *batches;
	size_t n_batches, cap_batches;
	struct cw_document_tally tally; /* detail owned */
	char *detail;
};

/*
 * What a normaliser sent before the daemon's announcement of the document had arrived: they come by different sockets, in
 * no order. It waits, unacknowledged, until the document is announced.
 */
struct early {
	struct early *next;
	struct cw_peer peer;
	struct cw_sender sender;
	struct cw_message message; /* payload owned, behind the struct */
	struct cw_mono since;
};

/* Documents settled lately: what still arrives about them is late, not early. */
struct settled {
	uint64_t document;
	uint32_t attempt;
};

/* A message to the daemon that the socket would not take yet. */
struct unsent {
	struct unsent *next;
	struct cw_message message;
	void *payload;
};

struct intake {
	struct cw_loop *loop;
	const struct cw_config *config;
	struct cw_store *store;
	struct committer *committer;
	struct cw_sock *daemon, *evidence;
	struct cw_watch *daemon_watch, *evidence_watch;
	struct cw_timer *heartbeat, *retry;
	struct cw_mono last_heartbeat;
	struct early *early;
	size_t n_early, early_bytes;
	struct settled settled[SETTLED_KEPT];
	size_t next_settled;
	int64_t retry_ms;
	struct document *documents;
	struct unsent *outbox;
	size_t n_outbox;
	uint64_t handled;
	struct cw_gate *gate; /* NULL = none */
	uint64_t refused_told[CW_DOORS_MAX][CW_REFUSAL_COUNT];
	struct cw_sender sender;  /* of the message in hand */
	struct cw_peer accused; /* whom the daemon was told of last, and when */
	struct cw_mono accused_at;
	bool stopping, live;
	void (*stopped)(void *arg);
	void *stopped_arg;
};

/* ---- documents ---- */

static void batches_clear(struct document *document)
{
	for (size_t i = 0; i < document->n_batches; i++)
		free(document->batches[i].data);
	document->n_batches = 0;
	document->bytes = 0;
}

static void document_free(struct document *document)
{
	if (!document)
		return;
	batches_clear(document);
	free(document->batches);
	free(document->memory);
	free(document->detail);
	free(document);
}

static struct document **find_link(struct intake *intake, uint64_t id)
{
	struct document **link = &intake->documents;

	while (*link && (*link)->info.id != id)
		link = &(*link)->next;
	return link;
}

static int document_new(const struct cw_document_info *info, struct document **ret)
{
	struct document *document = calloc(1, sizeof(*document));
	char *at;

	if (!document)
		return -ENOMEM;
	document->info = *info;
	/* What else stands there is not used here, and points into the message. */
	document->info.step = document->info.link_text = document->info.parent_url = cw_str(NULL);
	document->memory = malloc(info->feed.len + info->url.len + info->content_type.len + info->submitted_by.len + 1);
	if (!document->memory) {
		free(document);
		return -ENOMEM;
	}
	at = document->memory;
	memcpy(at, info->feed.at, info->feed.len);
	document->info.feed.at = at;
	at += info->feed.len;
	memcpy(at, info->url.at, info->url.len);
	document->info.url.at = at;
	at += info->url.len;
	memcpy(at, info->content_type.at, info->content_type.len);
	document->info.content_type.at = at;
	at += info->content_type.len;
	memcpy(at, info->submitted_by.at, info->submitted_by.len);
	document->info.submitted_by.at = at;
	*ret = document;
	return 0;
}

/* ---- to the daemon ---- */

static int send_or_keep(struct intake *intake, const struct cw_message *message)
{
	struct unsent *unsent, **tail = &intake->outbox;
	int r = intake->outbox ? -EAGAIN : cw_message_send(intake->daemon, NULL, message);

	if (r != -EAGAIN)
		return r;
	if (intake->n_outbox == OUTBOX_MOST)
		return -ENOBUFS;
	unsent = calloc(1, sizeof(*unsent));
	if (!unsent)
		return -ENOMEM;
	unsent->message = *message;
	if (message->payload.len) {
		unsent->payload = malloc(message->payload.len);
		if (!unsent->payload) {
			free(unsent);
			return -ENOMEM;
		}
		memcpy(unsent->payload, message->payload.data, message->payload.len);
		unsent->message.payload.data = unsent->payload;
	}
	while (*tail)
		tail = &(*tail)->next;
	*tail = unsent;
	intake->n_outbox++;
	return cw_watch_set(intake->daemon_watch, CW_LOOP_READ | CW_LOOP_WRITE);
}

static void drain_outbox(struct intake *intake)
{
	while (intake->outbox) {
		struct unsent *unsent = intake->outbox;
		int r = cw_message_send(intake->daemon, NULL, &unsent->message);

		if (r == -EAGAIN)
			return;
		intake->outbox = unsent->next;
		intake->n_outbox--;
		free(unsent->payload);
		free(unsent);
	}
	cw_watch_set(intake->daemon_watch, CW_LOOP_READ);
}

static void report_commit(struct intake *intake, const struct cw_document_info *info, const struct cw_commit_info *report)
{
	struct cw_buf payload;
	struct cw_message message = { .kind = CW_MSG_COMMITTED, .document = info->id, .attempt = info->attempt };
	int r;

	cw_buf_init(&payload, CW_FRAME_MAX);
	r = cw_commit_info_put(&payload, report);
	if (r == 0) {
		message.payload = (struct cw_frame){ payload.data, payload.len };
		r = send_or_keep(intake, &message);
	}
	cw_buf_clear(&payload);
	/* Unreported commits are found again when the document is announced again. */
	if (r < 0)
		cw_log(CW_LOG_WARNING, "commit.unreported", "document=%llu error=%s", (unsigned long long)info->id, strerror(-r));
}

/* ---- committing ---- */

static int replay_staged(void *arg, bool rejects, uint32_t count, const void *data, size_t len)
{
	struct intake *intake = arg;

	return commit_batch(intake->committer, rejects, count, data, len, NULL);
}

/* Commits one complete document. On failure nothing has changed, and it is tried again. */
static int commit_document(struct intake *intake, struct document *document, struct cw_error *err)
{
	struct cw_commit_info report = { 0 };
	bool early = commit_is_open(intake->committer, &document->info), duplicate = false;
	int r = 0;

	if (!early)
		r = commit_begin(intake->committer, &document->info, &duplicate, &report, err);
	if (r < 0)
		return r;
	if (document->known && !duplicate) {
		commit_abort(intake->committer);
		return cw_error_set(err, -EIO, "a committed document is not there any more");
	}
	if (!duplicate) {
		if (document->staged)
			r = cw_store_staged(intake->store, document->info.id, replay_staged, intake, err);
		for (size_t i = 0; r == 0 && i < document->n_batches && !early; i++)
			r = commit_batch(intake->committer, document->batches[i].rejects, document->batches[i].count,
			                 document->batches[i].data, document->batches[i].len, err);
		if (r == 0)
			r = commit_finish(intake->committer, &document->tally, &report, err);
		if (r < 0) {
			commit_abort(intake->committer);
			return r;
		}
	}
	if (document->staged)
		(void)cw_store_unstage(intake->store, document->info.id, NULL);
	cw_log(CW_LOG_INFO, duplicate ? "commit.duplicate" : "commit.done",
	       "document=%llu feed=%.*s outcome=%s rows=%llu evidence=%llu new=%llu quarantined=%llu alerts=%llu",
	       (unsigned long long)document->info.id, (int)document->info.feed.len, document->info.feed.at,
	       report.tally.outcome ? cw_reason_name(report.tally.outcome) : "parsed", (unsigned long long)report.tally.rows,
	       (unsigned long long)report.tally.evidence, (unsigned long long)report.new_evidence,
	       (unsigned long long)report.quarantined, (unsigned long long)report.alerts);
	report_commit(intake, &document->info, &report);
	intake->handled++;
	return 0;
}

/* Lets the sender go on. */
static void send_ack(struct intake *intake, struct document *document)
{
	struct cw_message ack = { .kind = CW_MSG_BATCH_ACK, .document = document->info.id,
		                  .attempt = document->info.attempt, .number = document->owed };

	if (document->owed)
		(void)cw_message_send(intake->evidence, &document->sender, &ack);
	document->owed = 0;
}

static void note_settled(struct intake *intake, const struct document *document)
{
	intake->settled[intake->next_settled++ % SETTLED_KEPT] = (struct settled){ document->info.id, document->info.attempt };
}

static void commit_ready(struct intake *intake)
{
	struct cw_error err = { 0 };

	while (intake->documents && intake->documents->done) {
		struct document *document = intake->documents;
		int r = commit_document(intake, document, &err);

		if (r < 0) {
			intake->retry_ms = CW_MIN(intake->retry_ms ? intake->retry_ms * 2 : RETRY_FIRST_MS, RETRY_LAST_MS);
			cw_log_error(CW_LOG_ERROR, "commit.failed", &err, "document=%llu retry_in=%lldms",
			             (unsigned long long)document->info.id, (long long)intake->retry_ms);
			cw_timer_arm(intake->retry, intake->retry_ms);
			return;
		}
		intake->retry_ms = 0;
		send_ack(intake, document);
		note_settled(intake, document);
		intake->documents = document->next;
		document_free(document);
		cw_store_tidy(intake->store);
	}
	if (intake->stopping && !intake->documents)
		intake->stopped(intake->stopped_arg);
}

/* ---- from normalisers ---- */

static int keep_batch(struct document *document, const struct cw_message *message)
{
	struct batch *batch;

	if (document->n_batches == document->cap_batches) {
		size_t cap = document->cap_batches ? document->cap_batches * 2 : 4;
		struct batch *grown = realloc(document->batches, cap * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		document->batches = grown;
		document->cap_batches = cap;
	}
	batch = &document->batches[document->n_batches];
	*batch = (struct batch){ message->kind == CW_MSG_REJECTS, message->count, malloc(message->payload.len + 1),
		                 message->payload.len };
	if (!batch->data)
		return -ENOMEM;
	memcpy(batch->data, message->payload.data, message->payload.len);
	document->n_batches++;
	document->bytes += message->payload.len;
	return 0;
}

/* Moves what waits in memory to the stage, and keeps the memory for the next batches. */
static int stage_batches(struct intake *intake, struct document *document, struct cw_error *err)
{
	uint32_t first = document->next_sequence - (uint32_t)document->n_batches;
	int r;

	commit_abort(intake->committer);
	r = cw_store_begin(intake->store, err);
	for (size_t i = 0; r == 0 && i < document->n_batches; i++)
		r = cw_store_stage(intake->store, document->info.id, first + (uint32_t)i, document->batches[i].rejects,
		                   document->batches[i].count, document->batches[i].data, document->batches[i].len, err);
	if (r == 0)
		r = cw_store_commit(intake->store, err);
	else
		cw_store_rollback(intake->store);
	if (r < 0)
		return r;
	document->staged = true;
	batches_clear(document);
	return 0;
}

/* Until the disk takes what is too much for memory, the sender is not told that it may send more, so that its window
 * bounds what waits. That is no fault of the sender's. */
static void acknowledge(struct intake *intake, struct document *document)
{
	struct cw_error err = { 0 };

	if (document->bytes > CW_STAGE_BYTES && stage_batches(intake, document, &err) < 0) {
		cw_log_error(CW_LOG_ERROR, "commit.failed", &err, "document=%llu retry_in=%dms",
		             (unsigned long long)document->info.id, RETRY_STAGE_MS);
		if (!cw_timer_armed(intake->retry))
			cw_timer_arm(intake->retry, RETRY_STAGE_MS);
		return;
	}
	send_ack(intake, document);
}

static void on_retry(void *arg)
{
	struct intake *intake = arg;

	for (struct document *document = intake->documents; document; document = document->next)
		if (document->owed)
			acknowledge(intake, document);
	commit_ready(intake);
}

/*
 * The next document to be committed need not wait for its end: its batches go into the transaction as they come, and are
 * kept besides, in case it has to be begun again. 1: taken; 0: to be checked and kept only; -EBADMSG: not fit to be sent.
 */
static int commit_early(struct intake *intake, struct document *document, const struct cw_message *message,
                        struct cw_error *err)
{
	struct cw_commit_info report;
	bool duplicate = false;
	int r;

	if (document != intake->documents || document->staged)
		return 0;
	if (message->sequence == 0 && !document->early) {
		document->early = true;
		r = commit_begin(intake->committer, &document->info, &duplicate, &report, err);
		if (r < 0 || duplicate)
			return 0;
	}
	if (!commit_is_open(intake->committer, &document->info))
		return 0;
	r = message->count > CW_BATCH_RECORDS || message->payload.len > CW_FRAME_MAX
	            ? cw_error_set(err, -EBADMSG, "a batch over the limits")
	            : commit_batch(intake->committer, message->kind == CW_MSG_REJECTS, message->count, message->payload.data,
	                           message->payload.len, err);
	/* What failed of our own (a full disk) is tried again when all is there. */
	return r == -EBADMSG ? r : r < 0 ? 0 : 1;
}

static int take_batch(struct intake *intake, struct document *document, const struct cw_message *message,
                      struct cw_error *err)
{
	int r;

	if (document->done || document->settle || message->sequence != document->next_sequence || !message->count)
		return cw_error_set(err, -EBADMSG, "a batch out of turn");
	r = commit_early(intake, document, message, err);
	if (r == 0)
		r = commit_check(intake->committer, &document->info, message->kind == CW_MSG_REJECTS, message->count,
	                 message->payload.data, message->payload.len, err);
	if (r < 0)
		return r;
	r = keep_batch(document, message);
	if (r < 0)
		return cw_error_nomem(err);
	document->next_sequence++;
	return 0;
}

static int take_done(struct document *document, const struct cw_message *message, struct cw_error *err)
{
	struct cw_cursor cursor;
	int r;

	if (document->done || document->settle || message->sequence != document->next_sequence)
		return cw_error_set(err, -EBADMSG, "done out of turn");
	cw_cursor_init(&cursor, message->payload.data, message->payload.len);
	r = cw_document_tally_get(&cursor, &document->tally, err);
	if (r < 0)
		return r;
	document->detail = strndup(document->tally.detail.at, document->tally.detail.len);
	if (!document->detail)
		return cw_error_nomem(err);
	document->tally.detail.at = document->detail;
	document->done = true;
	return 0;
}

static bool settled_lately(const struct intake *intake, const struct cw_message *message)
{
	for (size_t i = 0; i < SETTLED_KEPT; i++)
		if (intake->settled[i].document == message->document && intake->settled[i].attempt >= message->attempt)
			return true;
	return false;
}

static int keep_early(struct intake *intake, const struct cw_peer *peer, const struct cw_message *message,
                      struct cw_error *err)
{
	struct early *early, **tail = &intake->early;
	size_t of_sender = 0;

	/* A window of batches, and the end, is all that an honest one can have sent before the announcement is here. */
	for (early = intake->early; early; early = early->next)
		of_sender += cw_sender_eq(&early->sender, &intake->sender) && cw_peer_eq(&early->peer, peer);
	if (of_sender > CW_BATCH_WINDOW)
		return cw_error_set(err, -EBADMSG, "too much about documents that nobody announced");

	/* Bounded by what normalisers may send unacknowledged; more is not honest. */
	if (intake->n_early == EARLY_MOST || intake->early_bytes + message->payload.len > EARLY_BYTES)
		return cw_error_set(err, -EBADMSG, "too much about documents that nobody announced");
	early = malloc(sizeof(*early) + message->payload.len);
	if (!early)
		return cw_error_nomem(err);
	*early = (struct early){ .peer = *peer, .sender = intake->sender, .message = *message, .since = cw_mono_now() };
	if (message->payload.len)
		memcpy(early + 1, message->payload.data, message->payload.len);
	early->message.payload.data = early + 1;
	while (*tail)
		tail = &(*tail)->next;
	*tail = early;
	intake->n_early++;
	intake->early_bytes += message->payload.len;
	return 0;
}

static int take_message(struct intake *intake, const struct cw_peer *peer, const struct cw_message *message,
                        struct cw_error *err)
{
	struct document *document = *find_link(intake, message->document);
	struct cw_message ack = { .kind = CW_MSG_BATCH_ACK, .document = message->document, .attempt = message->attempt,
		                  .number = 1 };
	int r;

	if (!message->document)
		return cw_error_set(err, -EBADMSG, "a message about no document");
	if (message->kind != CW_MSG_EVIDENCE && message->kind != CW_MSG_REJECTS && message->kind != CW_MSG_DONE)
		return cw_error_set(err, -EBADMSG, "a normaliser may not send %s", cw_message_kind_name(message->kind));
	if (document ? document->info.attempt < message->attempt : !settled_lately(intake, message))
		return keep_early(intake, peer, message, err);
	/* A document whose lease went elsewhere: let the sender finish without keeping anything. */
	if (!document || document->info.attempt > message->attempt) {
		if (message->kind != CW_MSG_DONE)
			(void)cw_message_send(intake->evidence, peer, &ack);
		return 0;
	}
	if (message->number != document->lease)
		return cw_error_set(err, -EBADMSG, "it speaks of a document that it was not given");
	if (message->kind == CW_MSG_DONE) {
		r = take_done(document, message, err);
		if (r == 0)
			commit_ready(intake);
		return r;
	}
	r = take_batch(intake, document, message, err);
	if (r < 0)
		return r;
	document->sender = *peer;
	document->owed++;
	acknowledge(intake, document);
	return 0;
}

/* The daemon ends it if it is a process of its own, and gives to others what it had. */
static void accuse(struct intake *intake, uint64_t document, const struct cw_error *err)
{
	const struct cw_sender *sender = &intake->sender;
	struct cw_accusation accusation = { .pid = sender->kind == CW_SENDER_LOCAL ? sender->pid : 0,
		                            .key = cw_str(sender->kind == CW_SENDER_KEY ? sender->name : ""),
		                            .why = cw_str(err->text) };
	struct cw_message message = { .kind = CW_MSG_ACCUSED, .document = document };
	struct cw_buf payload;

	cw_buf_init(&payload, CW_FRAME_MAX);
	if (cw_accusation_put(&payload, &accusation) == 0) {
		message.payload = (struct cw_frame){ payload.data, payload.len };
		(void)send_or_keep(intake, &message);
	}
	cw_buf_clear(&payload);
}

static void refuse_peer(struct intake *intake, const struct cw_peer *peer, uint64_t document, const struct cw_error *err)
{
	struct cw_message stop = { .kind = CW_MSG_STOP };
	char sender[CW_SENDER_TEXT];
	struct cw_mono now = cw_mono_now();

	(void)cw_message_send(intake->evidence, peer, &stop);
	/* One who goes on is told of once a second. */
	if (cw_peer_eq(peer, &intake->accused) && now.ns - intake->accused_at.ns < ACCUSE_AGAIN_MS * INT64_C(1000000))
		return;
	intake->accused = *peer;
	intake->accused_at = now;
	cw_log_error(CW_LOG_ERROR, "normaliser.refused", err, "document=%llu from=%s pid=%d", (unsigned long long)document,
	             cw_sender_format(&intake->sender, sender), (int)intake->sender.pid);
	accuse(intake, document, err);
}

/* Takes what came before the announcement of a document, or drops what waited too long (document 0). */
static void take_early(struct intake *intake, uint64_t document)
{
	struct early *early = intake->early, *next;
	int64_t now = cw_mono_now().ns;

	intake->early = NULL;
	intake->n_early = 0;
	intake->early_bytes = 0;
	for (; early; early = next) {
		struct cw_error err = { 0 };

		next = early->next;
		if (early->message.document == document) {
			intake->sender = early->sender;
			if (take_message(intake, &early->peer, &early->message, &err) < 0)
				refuse_peer(intake, &early->peer, document, &err);
		} else if (now - early->since.ns < EARLY_MS * 1000000ll) {
			struct early **tail = &intake->early;

			while (*tail)
				tail = &(*tail)->next;
			early->next = NULL;
			*tail = early;
			intake->n_early++;
			intake->early_bytes += early->message.payload.len;
			continue;
		}
		free(early);
	}
}

/* Everything that a distrusted or failing attempt left behind. */
static void forget_batches(struct intake *intake, struct document *document)
{
	commit_abort(intake->committer);
	batches_clear(document);
	document->early = false;
	if (document->staged)
		(void)cw_store_unstage(intake->store, document->info.id, NULL);
	document->staged = false;
	document->done = false;
	document->next_sequence = 0;
	document->owed = 0;
	free(document->detail);
	document->detail = NULL;
}

static void on_evidence(void *arg, unsigned events)
{
	struct intake *intake = arg;
	struct cw_message message = { 0 };
	struct cw_error err = { 0 };
	struct cw_peer peer = { 0 };
	int r;

	(void)events;
	r = cw_message_recv(intake->evidence, &peer, &message, &err);
	cw_sock_sender(intake->evidence, &intake->sender);
	if (r == 0)
		r = take_message(intake, &peer, &message, &err);
	else if (r != -EBADMSG)
		return;
	if (r < 0)
		refuse_peer(intake, &peer, message.document, &err);
}

/* ---- from the daemon ---- */

/* Announced again although it was committed, because the daemon had not heard of that yet: its evidence will not come. */
static int note_known(struct intake *intake, struct document *document, struct cw_error *err)
{
	struct cw_commit_info report;
	int r = cw_store_document_committed(intake->store, &document->info, &document->known, &report, err);

	document->done = document->known;
	return r;
}

static int take_announced(struct intake *intake, const struct cw_message *message, struct cw_error *err)
{
	struct cw_document_info info;
	struct cw_cursor cursor;
	struct document **link, *document, *fresh;
	int r;

	cw_cursor_init(&cursor, message->payload.data, message->payload.len);
	r = cw_document_info_get(&cursor, &info, err);
	if (r < 0)
		return r;
	link = find_link(intake, info.id);
	document = *link;
	if (document && document->info.attempt > info.attempt)
		return 0;
	r = document_new(&info, &fresh);
	if (r < 0)
		return cw_error_nomem(err);
	fresh->lease = message->number;
	if (message->kind == CW_MSG_SETTLE) {
		if (message->number >= CW_REASON_COUNT || !cw_reason_is_document((enum cw_reason)message->number)) {
			document_free(fresh);
			return cw_error_set(err, -EBADMSG, "a document settled for no reason");
		}
		fresh->settle = fresh->done = true;
		fresh->tally.outcome = (enum cw_reason)message->number;
		fresh->tally.reasons[message->number] = 1;
		fresh->tally.detail = cw_str(cw_reason_mend(fresh->tally.outcome));
	}
	/* What the last attempt began must not be taken for a commit. */
	if (document)
		forget_batches(intake, document);
	if (message->kind == CW_MSG_ANNOUNCE) {
		r = note_known(intake, fresh, err);
		if (r < 0) {
			document_free(fresh);
			return r;
		}
	}
	if (document) {
		/* The same place in the order, the next attempt. */
		fresh->next = document->next;
		document_free(document);
		*link = fresh;
	} else {
		link = &intake->documents;
		while (*link && (*link)->info.order <= fresh->info.order)
			link = &(*link)->next;
		fresh->next = *link;
		*link = fresh;
	}
	take_early(intake, info.id);
	commit_ready(intake);
	return 0;
}

static int take_feed_state(struct intake *intake, const struct cw_message *message, struct cw_error *err)
{
	struct cw_feed_state state;
	struct cw_cursor cursor;
	int r;

	cw_cursor_init(&cursor, message->payload.data, message->payload.len);
	r = cw_feed_state_get(&cursor, &state, err);
	if (r < 0)
		return r;
	intake->live |= state.polled;
	return commit_feed_state(intake->committer, &state, err);
}

static int take_dismissal(struct intake *intake, const struct cw_message *message, struct cw_error *err)
{
	struct cw_message answer = { .kind = CW_MSG_DISMISSED, .number = message->number };
	struct cw_dismissal dismissal;
	struct cw_cursor cursor;
	unsigned n = 0;
	int r;

	cw_cursor_init(&cursor, message->payload.data, message->payload.len);
	r = cw_dismissal_get(&cursor, &dismissal, err);
	if (r == 0)
		r = commit_dismiss(intake->committer, &dismissal, &n, err);
	if (r < 0)
		answer.payload = (struct cw_frame){ err->text, strlen(err->text) };
	else
		cw_log(CW_LOG_NOTICE, "quarantine.dropped", "entries=%u author=%.*s", n, (int)dismissal.author.len,
		       dismissal.author.at);
	answer.count = n;
	/* Unanswered, it is asked again: marking twice marks once. */
	(void)send_or_keep(intake, &answer);
	return r;
}

static int take_allow(struct intake *intake, const struct cw_message *message, struct cw_error *err)
{
	struct cw_allowed allowed;
	struct cw_cursor cursor;
	struct cw_str name;
	int r;

	cw_cursor_init(&cursor, message->payload.data, message->payload.len);
	r = cw_allow_get(&cursor, &name, &allowed, err);
	for (int door = 0; door < CW_DOOR_COUNT && r == 0; door++) {
		const char *endpoint = cw_config_door(intake->config, (enum cw_door)door);

		if (intake->gate && endpoint && cw_str_eq(name, cw_door_name((enum cw_door)door)))
			r = cw_gate_allow(intake->gate, cw_door_name((enum cw_door)door), endpoint, &allowed, err);
	}
	cw_allowed_clear(&allowed);
	return r;
}

#define RETAINED_BYTES (512u * 1024u)

static int take_retain(struct intake *intake, const struct cw_message *message, struct cw_error *err)
{
	struct cw_message answer = { .kind = CW_MSG_RETAINED, .number = message->number };
	struct cw_buf rows;
	int r;

	cw_buf_init(&rows, RETAINED_BYTES);
	if (message->sequence > 1 || message->count > INT32_MAX)
		r = cw_error_set(err, -EBADMSG, "malformed order");
	else
		r = retain(intake->committer, (int32_t)message->count, message->sequence == 1, &rows, &answer.count, err);
	answer.sequence = r < 0;
	answer.payload = r < 0 ? (struct cw_frame){ err->text, strlen(err->text) } : (struct cw_frame){ rows.data, rows.len };
	/* Unanswered, it is asked again: what is removed stays so. */
	(void)send_or_keep(intake, &answer);
	cw_buf_clear(&rows);
	return r;
}

static void take_order(struct intake *intake, const struct cw_message *message)
{
	struct cw_error err = { 0 };
	int r = 0;

	switch (message->kind) {
	case CW_MSG_ANNOUNCE:
	case CW_MSG_SETTLE:
		r = take_announced(intake, message, &err);
		break;
	case CW_MSG_FEED_STATE:
		r = take_feed_state(intake, message, &err);
		break;
	case CW_MSG_DISMISS:
		r = take_dismissal(intake, message, &err);
		break;
	case CW_MSG_RETAIN:
		r = take_retain(intake, message, &err);
		break;
	case CW_MSG_ALLOW:
		r = take_allow(intake, message, &err);
		break;
	case CW_MSG_DROP: {
		struct document **link = find_link(intake, message->document), *document = *link;

		if (document) {
			forget_batches(intake, document);
			*link = document->next;
			document_free(document);
			commit_ready(intake);
		}
		break;
	}
	case CW_MSG_STOP:
		intake->stopping = true;
		/* What is incomplete comes again with the next start. */
		commit_ready(intake);
		if (intake->documents)
			intake->stopped(intake->stopped_arg);
		break;
	default:
		r = cw_error_set(&err, -EBADMSG, "the daemon may not send %s", cw_message_kind_name(message->kind));
	}
	if (r < 0)
		cw_log_error(CW_LOG_ERROR, "order.failed", &err, "kind=%s", cw_message_kind_name(message->kind));
}

static void on_daemon(void *arg, unsigned events)
{
	struct intake *intake = arg;
	struct cw_message message;
	struct cw_error err = { 0 };
	int r;

	if (events & CW_LOOP_WRITE)
		drain_outbox(intake);
	if (!(events & CW_LOOP_READ))
		return;
	r = cw_message_recv(intake->daemon, NULL, &message, &err);
	if (r == 0)
		take_order(intake, &message);
	else if (r == -EBADMSG)
		cw_log_error(CW_LOG_ERROR, "order.malformed", &err, NULL);
}

static void beat(struct intake *intake)
{
	struct cw_message message = { .kind = CW_MSG_HEARTBEAT, .number = intake->handled };

	(void)cw_message_send(intake->daemon, NULL, &message);
	intake->last_heartbeat = cw_mono_now();
}

/* For the daemon's status. */
static void tell_refused(struct intake *intake)
{
	uint64_t total[CW_REFUSAL_COUNT];
	const char *door;

	for (size_t i = 0; (door = cw_gate_door(intake->gate, i, total)); i++)
		for (uint32_t why = 0; why < CW_REFUSAL_COUNT; why++) {
			struct cw_message message = { .kind = CW_MSG_REFUSED, .count = why, .number = total[why],
				                      .payload = { door, strlen(door) } };

			if (total[why] != intake->refused_told[i][why] && send_or_keep(intake, &message) == 0)
				intake->refused_told[i][why] = total[why];
		}
}

static void on_heartbeat(void *arg)
{
	struct intake *intake = arg;

	beat(intake);
	tell_refused(intake);
	take_early(intake, 0);
	cw_timer_arm(intake->heartbeat, CW_HEARTBEAT_MS);
}

/* In the middle of a large commit. */
static void on_pulse(void *arg)
{
	struct intake *intake = arg;

	if (cw_mono_now().ns - intake->last_heartbeat.ns >= CW_HEARTBEAT_MS * 1000000ll)
		beat(intake);
}

/* ---- life cycle ---- */

int intake_new(struct cw_loop *loop, struct cw_bus *bus, const struct cw_config *config, struct cw_store *store,
               struct committer *committer, const char *commit_endpoint, const char *evidence_endpoint,
               void (*stopped)(void *arg), void *arg, struct intake **ret, struct cw_error *err)
{
	struct intake *intake = calloc(1, sizeof(*intake));
	int r;

	if (!intake)
		return cw_error_nomem(err);
	*intake = (struct intake){ .loop = loop, .config = config, .store = store, .committer = committer, .stopped = stopped,
		                   .stopped_arg = arg };
	/* Left by a process that was killed: their documents come again from the start. */
	r = cw_store_unstage(store, 0, err);
	if (r == 0)
		r = cw_sock_new(bus, CW_SOCK_ROUTER, SOCKET_HWM, 1000, &intake->evidence, err);
	if (r == 0)
		cw_sock_keep_private(intake->evidence);
	if (r == 0)
		r = cw_sock_bind(intake->evidence, evidence_endpoint, err);
	if (r == 0)
		r = cw_sock_new(bus, CW_SOCK_DEALER, SOCKET_HWM, 1000, &intake->daemon, err);
	if (r == 0)
		r = cw_sock_connect(intake->daemon, commit_endpoint, err);
	if (r == 0)
		r = cw_loop_add_zmq(loop, cw_sock_zmq(intake->evidence), CW_LOOP_READ, on_evidence, intake,
		                    &intake->evidence_watch, err);
	if (r == 0)
		r = cw_loop_add_zmq(loop, cw_sock_zmq(intake->daemon), CW_LOOP_READ, on_daemon, intake, &intake->daemon_watch, err);
	if (r == 0)
		r = cw_timer_new(loop, on_heartbeat, intake, &intake->heartbeat, err);
	if (r == 0)
		r = cw_timer_new(loop, on_retry, intake, &intake->retry, err);
	if (r < 0) {
		intake_free(intake);
		return r;
	}
	committer_set_pulse(committer, on_pulse, intake);
	*ret = intake;
	return 0;
}

int intake_ready(struct intake *intake, struct cw_error *err)
{
	struct cw_message message = { .kind = CW_MSG_READY, .count = (uint32_t)getpid(), .payload = { "assessor", 8 } };
	int r = send_or_keep(intake, &message);

	if (r < 0)
		return cw_error_set(err, r, "cannot tell the daemon that the assessor is ready: %s", strerror(-r));
	cw_timer_arm(intake->heartbeat, CW_HEARTBEAT_MS);
	return 0;
}

void intake_set_gate(struct intake *intake, struct cw_gate *gate)
{
	intake->gate = gate;
}

bool intake_live(const struct intake *intake)
{
	return intake->live;
}

void intake_free(struct intake *intake)
{
	if (!intake)
		return;
	committer_set_pulse(intake->committer, NULL, NULL);
	cw_timer_free(intake->heartbeat);
	cw_timer_free(intake->retry);
	cw_watch_free(intake->daemon_watch);
	cw_watch_free(intake->evidence_watch);
	cw_sock_free(intake->daemon);
	cw_sock_free(intake->evidence);
	while (intake->documents) {
		struct document *document = intake->documents;

		intake->documents = document->next;
		document_free(document);
	}
	while (intake->early) {
		struct early *early = intake->early;

		intake->early = early->next;
		free(early);
	}
	while (intake->outbox) {
		struct unsent *unsent = intake->outbox;

		intake->outbox = unsent->next;
		free(unsent->payload);
		free(unsent);
	}
	free(intake);
}
