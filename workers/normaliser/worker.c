#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <councilwatch/limits.h>
#include <councilwatch/log.h>
#include <councilwatch/message.h>
#include <councilwatch/normalise.h>

#include "worker.h"

/* Bytes read before the window is looked at again, and slices before the loop gets its turn. */
#define SLICE 32768u
#define SLICES_AT_ONCE 8u
#define WORK_HWM 1000
#define EVIDENCE_HWM 64
#define LINGER_MS 2000
/* How long a document in hand may take to be finished once we are to stop: its daemon or assessor may be gone, and
 * what is not finished is handed out again. */
#define STOP_MS 8000

/* A message that the socket would not take yet. */
struct queued {
	struct queued *next;
	struct cw_message message;
	unsigned char payload[];
};

struct outbox {
	struct cw_sock *sock;
	struct cw_watch *watch;
	struct queued *first, **last;
};

struct batch {
	enum cw_message_kind kind;
	struct cw_buf buf;
	uint32_t count;
};

struct chunk {
	unsigned char *data; /* owned */
	size_t len;
};

struct document {
	bool in_hand;
	uint64_t id;
	uint32_t attempt;
	char feed[CW_NAME_MAX + 1];
	struct cw_normaliser *normaliser; /* NULL when the document failed before its first byte */
	struct cw_document_tally tally;
	char detail[CW_ERROR_TEXT_MAX];
	struct chunk chunks[CW_CHUNK_WINDOW];
	size_t first, n_chunks;
	size_t used; /* bytes of the first chunk that have been read */
	uint64_t received;
	bool whole;        /* DOCUMENT_END has come */
	bool settled;      /* further bytes change nothing */
	bool ended;        /* the normaliser has said what it came to */
	bool done;         /* DONE is on its way */
	uint64_t lease;    /* goes back with all that is said of it */
	uint32_t sequence; /* batches sent */
	uint32_t unacked;
	uint32_t link_sequence; /* batches of links sent to the daemon, and not yet known to be durable */
	uint32_t links_unacked;
	struct cw_mono began;
};

struct cw_worker {
	const struct cw_config *config;
	struct cw_loop *loop;
	struct cw_bus *bus;
	struct outbox work, evidence;
	struct cw_timer *heartbeat, *again, *deadline;
	struct document document;
	struct batch records, rejects, links;
	uint64_t handled;
	bool stopping;
	int result;
	struct cw_error error;
};

static void pump(struct cw_worker *worker);

static void give_up(struct cw_worker *worker, int r, const struct cw_error *err)
{
	if (!worker->result) {
		worker->result = r;
		worker->error = *err;
	}
	cw_loop_stop(worker->loop);
}

static void give_up_errno(struct cw_worker *worker, int r, const char *what)
{
	struct cw_error err = { 0 };

	cw_error_set(&err, r, "%s: %s", what, strerror(-r));
	give_up(worker, r, &err);
}

/* --- sending --- */

static int outbox_flush(struct outbox *box)
{
	while (box->first) {
		struct queued *queued = box->first;
		int r = cw_message_send(box->sock, NULL, &queued->message);

		if (r == -EAGAIN)
			return 0;
		if (r < 0)
			return r;
		box->first = queued->next;
		if (!box->first)
			box->last = &box->first;
		free(queued);
	}
	return cw_watch_set(box->watch, CW_LOOP_READ);
}

static int outbox_send(struct outbox *box, const struct cw_message *message)
{
	struct queued *queued;

	if (!box->first) {
		int r = cw_message_send(box->sock, NULL, message);

		if (r != -EAGAIN)
			return r;
	}
	queued = malloc(sizeof(*queued) + message->payload.len);
	if (!queued)
		return -ENOMEM;
	queued->next = NULL;
	queued->message = *message;
	if (message->payload.len)
		memcpy(queued->payload, message->payload.data, message->payload.len);
	queued->message.payload.data = queued->payload;
	*box->last = queued;
	box->last = &queued->next;
	return cw_watch_set(box->watch, CW_LOOP_READ | CW_LOOP_WRITE);
}

static void outbox_clear(struct outbox *box)
{
	while (box->first) {
		struct queued *queued = box->first;

		box->first = queued->next;
		free(queued);
	}
	box->last = &box->first;
}

static int tell_daemon(struct cw_worker *worker, enum cw_message_kind kind, uint64_t number)
{
	struct cw_message message = { .kind = kind, .number = number };

	if (kind == CW_MSG_CHUNK_ACK || kind == CW_MSG_SENT) {
		message.document = worker->document.id;
		message.attempt = worker->document.attempt;
	}
	return outbox_send(&worker->work, &message);
}

static int send_batch(struct cw_worker *worker, struct batch *batch)
{
	struct document *document = &worker->document;
	bool links = batch == &worker->links;
	struct cw_message message = {
		.kind = batch->kind,
		.document = document->id,
		.attempt = document->attempt,
		.sequence = links ? document->link_sequence : document->sequence,
		.count = batch->count,
		.number = links ? 0 : document->lease,
		.payload = { batch->buf.data, batch->buf.len },
	};
	int r;

	if (!batch->count)
		return 0;
	r = outbox_send(links ? &worker->work : &worker->evidence, &message);
	if (r < 0)
		return r;
	if (links) {
		document->link_sequence++;
		document->links_unacked++;
	} else {
		document->sequence++;
		document->unacked++;
	}
	batch->count = 0;
	cw_buf_reset(&batch->buf);
	return 0;
}

/* before: the length without the record. Half a record (out of memory) must not go with what is whole. */
static int added(struct cw_worker *worker, struct batch *batch, size_t before, int r)
{
	if (r < 0) {
		batch->buf.len = before;
		batch->buf.failed = 0;
		return r;
	}
	batch->count++;
	if (batch->count < CW_BATCH_RECORDS && batch->buf.len < CW_BATCH_BYTES)
		return 0;
	return send_batch(worker, batch);
}

static int take_evidence(void *arg, const struct cw_evidence *evidence)
{
	struct cw_worker *worker = arg;
	size_t before = worker->records.buf.len;

	return added(worker, &worker->records, before, cw_evidence_put(&worker->records.buf, evidence));
}

static int take_reject(void *arg, const struct cw_reject *reject)
{
	struct cw_worker *worker = arg;
	size_t before = worker->rejects.buf.len;

	return added(worker, &worker->rejects, before, cw_reject_put(&worker->rejects.buf, reject));
}

static int take_link(void *arg, const struct cw_doc_link *link)
{
	struct cw_worker *worker = arg;
	size_t before = worker->links.buf.len;

	return added(worker, &worker->links, before, cw_doc_link_put(&worker->links.buf, link));
}

/* --- one document --- */

static void document_clear(struct cw_worker *worker)
{
	struct document *document = &worker->document;

	for (; document->n_chunks; document->n_chunks--) {
		free(document->chunks[document->first].data);
		document->first = (document->first + 1) % CW_CHUNK_WINDOW;
	}
	cw_normaliser_free(document->normaliser);
	memset(document, 0, sizeof(*document));
	worker->records.count = worker->rejects.count = worker->links.count = 0;
	cw_buf_reset(&worker->links.buf);
	cw_buf_reset(&worker->records.buf);
	cw_buf_reset(&worker->rejects.buf);
}

static void document_failed(struct document *document, enum cw_reason reason, const char *detail)
{
	document->settled = true;
	if (document->tally.outcome != CW_REASON_NONE)
		return;
	document->tally.outcome = reason;
	snprintf(document->detail, sizeof(document->detail), "%s", detail);
}

static void document_begin(struct cw_worker *worker, const struct cw_document_info *info)
{
	const struct cw_normalise_sink sink = { take_evidence, take_reject, worker, take_link };
	const struct cw_feed *feed = cw_config_feed(worker->config, info->feed);
	struct document *document = &worker->document;
	struct cw_error err = { 0 };
	int r;

	document->in_hand = true;
	document->id = info->id;
	document->attempt = info->attempt;
	document->began = cw_mono_now();
	memcpy(document->feed, info->feed.at, CW_MIN(info->feed.len, (size_t)CW_NAME_MAX));
	if (!feed) {
		document_failed(document, CW_REASON_UNPARSABLE, "no feed of that name in the configuration");
		return;
	}
	r = cw_normaliser_new(worker->config, feed, info, &sink, &document->normaliser, &err);
	if (r < 0)
		document_failed(document, r == -ENOMEM ? CW_REASON_TOO_LARGE : CW_REASON_UNPARSABLE, err.text);
}

/* The memory of a worker is limited so that no document takes more; one that needs more is too large. */
static int read_failed(struct cw_worker *worker, int r, const struct cw_error *err)
{
	if (r != -ENOMEM)
		return r;
	cw_log_error(CW_LOG_WARNING, "normaliser.memory", err, "feed=%s document=%" PRIu64, worker->document.feed,
	             worker->document.id);
	document_failed(&worker->document, CW_REASON_TOO_LARGE, "it needs more memory than worker_memory allows");
	return 0;
}

static int read_slice(struct cw_worker *worker)
{
	struct document *document = &worker->document;
	struct chunk *chunk = &document->chunks[document->first];
	size_t n = CW_MIN(chunk->len - document->used, (size_t)SLICE);
	struct cw_error err = { 0 };
	int r = 0;

	if (document->settled) {
		n = chunk->len - document->used;
	} else {
		r = cw_normaliser_feed(document->normaliser, chunk->data + document->used, n, &err);
		if (r > 0)
			document->settled = true;
		else if (r < 0)
			r = read_failed(worker, r, &err);
	}
	if (r < 0)
		return r;
	document->used += n;
	if (document->used < chunk->len)
		return 0;
	free(chunk->data);
	chunk->data = NULL;
	document->first = (document->first + 1) % CW_CHUNK_WINDOW;
	document->n_chunks--;
	document->used = 0;
	return tell_daemon(worker, CW_MSG_CHUNK_ACK, 1);
}

static int send_done(struct cw_worker *worker)
{
	struct document *document = &worker->document;
	struct cw_message message = { .kind = CW_MSG_DONE, .document = document->id, .attempt = document->attempt,
		                      .number = document->lease };
	struct cw_buf buf;
	int r;

	r = send_batch(worker, &worker->records);
	if (r == 0)
		r = send_batch(worker, &worker->rejects);
	if (r < 0)
		return r;
	cw_buf_init(&buf, CW_FIELD_MAX);
	r = cw_document_tally_put(&buf, &document->tally);
	if (r == 0) {
		message.sequence = document->sequence;
		message.payload = (struct cw_frame){ buf.data, buf.len };
		r = outbox_send(&worker->evidence, &message);
	}
	cw_buf_clear(&buf);
	document->done = r == 0;
	return r;
}

/* All bytes have been read: the rows that only the end gives, some at a time, then DONE. */
static int read_end(struct cw_worker *worker)
{
	struct document *document = &worker->document;
	enum cw_reason failed = document->tally.outcome;
	struct cw_document_tally tally = { 0 };
	struct cw_error err = { 0 };
	int r = 0;

	if (document->normaliser && failed == CW_REASON_NONE && !document->ended) {
		r = cw_normaliser_end(document->normaliser, &tally, &err);
		if (r > 0)
			return 0;
		if (r == 0) {
			document->tally = tally;
			snprintf(document->detail, sizeof(document->detail), "%.*s", (int)tally.detail.len,
			         tally.detail.at);
		} else {
			r = read_failed(worker, r, &err);
		}
		document->ended = r == 0;
	}
	if (r == 0)
		r = send_batch(worker, &worker->links);
	if (r < 0)
		return r;
	/* The daemon has written the links down before anybody can take the document for done. */
	if (document->links_unacked)
		return 0;
	document->tally.detail = cw_str(document->detail);
	return send_done(worker);
}

/* DONE has gone and every batch is taken. */
static int finish(struct cw_worker *worker)
{
	struct document *document = &worker->document;
	const struct cw_document_tally *tally = &document->tally;
	int r;

	cw_log(CW_LOG_INFO, "normaliser.document",
	       "feed=%s document=%" PRIu64 " outcome=%s rows=%" PRIu64 " evidence=%" PRIu64 " bytes=%" PRIu64
	       " took=%lldms",
	       document->feed, document->id,
	       tally->outcome == CW_REASON_NONE ? "parsed" : cw_reason_name(tally->outcome), tally->rows,
	       tally->evidence, document->received, (long long)((cw_mono_now().ns - document->began.ns) / 1000000));
	worker->handled++;
	r = tell_daemon(worker, CW_MSG_SENT, 0);
	document_clear(worker);
	if (r == 0)
		r = tell_daemon(worker, CW_MSG_CREDIT, 1);
	return r;
}

static bool window_open(const struct cw_worker *worker)
{
	return worker->document.unacked < CW_BATCH_WINDOW && worker->document.links_unacked < CW_BATCH_WINDOW &&
	       !worker->evidence.first;
}

/* One step of the document in hand. 1: there is more to do now; 0: wait for a message; -errno. */
static int step(struct cw_worker *worker)
{
	struct document *document = &worker->document;
	int r;

	if (!document->in_hand)
		return 0;
	if (document->done) {
		r = document->unacked || worker->evidence.first ? 0 : finish(worker);
		return r;
	}
	if (!window_open(worker))
		return 0;
	if (document->n_chunks)
		r = read_slice(worker);
	else if (document->whole && !(document->ended && document->links_unacked))
		r = read_end(worker);
	else
		return 0;
	return r < 0 ? r : 1;
}

static void pump(struct cw_worker *worker)
{
	int r = 1;

	for (unsigned i = 0; i < SLICES_AT_ONCE && r > 0; i++)
		r = step(worker);
	if (r > 0)
		cw_timer_arm(worker->again, 0);
	else if (r < 0)
		give_up_errno(worker, r, "cannot handle a document");
	if (worker->stopping && !worker->document.in_hand && !worker->work.first)
		cw_loop_stop(worker->loop);
}

/* --- receiving --- */

static bool ours(const struct cw_worker *worker, const struct cw_message *message)
{
	const struct document *document = &worker->document;

	/* Messages of a document that was dropped may still be under way. */
	return document->in_hand && document->id == message->document && document->attempt == message->attempt;
}

static int on_document(struct cw_worker *worker, const struct cw_message *message, struct cw_error *err)
{
	struct cw_document_info info;
	struct cw_cursor cursor;
	int r;

	cw_cursor_init(&cursor, message->payload.data, message->payload.len);
	r = cw_document_info_get(&cursor, &info, err);
	if (r < 0)
		return r;
	if (worker->document.in_hand)
		return cw_error_set(err, -EBADMSG, "DOCUMENT %" PRIu64 " while another is in hand", message->document);
	info.id = message->document;
	info.attempt = message->attempt;
	document_begin(worker, &info);
	worker->document.lease = message->number;
	return 0;
}

static int on_chunk(struct cw_worker *worker, const struct cw_message *message, struct cw_error *err)
{
	struct document *document = &worker->document;
	struct chunk *chunk;

	if (!ours(worker, message))
		return 0;
	if (message->number != document->received || document->whole || document->n_chunks == CW_CHUNK_WINDOW ||
	    !message->payload.len || message->payload.len > CW_CHUNK_MAX)
		return cw_error_set(err, -EBADMSG,
		                    "CHUNK at %" PRIu64 " where %" PRIu64 " was due, empty, or out of window",
		                    message->number, document->received);
	chunk = &document->chunks[(document->first + document->n_chunks) % CW_CHUNK_WINDOW];
	chunk->data = malloc(message->payload.len);
	if (!chunk->data)
		return cw_error_nomem(err);
	memcpy(chunk->data, message->payload.data, message->payload.len);
	chunk->len = message->payload.len;
	document->n_chunks++;
	document->received += chunk->len;
	return 0;
}

static int on_end(struct cw_worker *worker, const struct cw_message *message, struct cw_error *err)
{
	struct document *document = &worker->document;

	if (!ours(worker, message))
		return 0;
	if (message->number != document->received)
		return cw_error_set(err, -EBADMSG, "DOCUMENT_END at %" PRIu64 " after %" PRIu64 " bytes",
		                    message->number, document->received);
	document->whole = true;
	return 0;
}

static int on_drop(struct cw_worker *worker, const struct cw_message *message)
{
	if (!ours(worker, message))
		return 0;
	cw_log(CW_LOG_INFO, "normaliser.dropped", "feed=%s document=%" PRIu64, worker->document.feed,
	       message->document);
	outbox_clear(&worker->evidence);
	document_clear(worker);
	return tell_daemon(worker, CW_MSG_CREDIT, 1);
}

static int from_daemon(struct cw_worker *worker, const struct cw_message *message, struct cw_error *err)
{
	switch (message->kind) {
	case CW_MSG_DOCUMENT:
		return on_document(worker, message, err);
	case CW_MSG_CHUNK:
		return on_chunk(worker, message, err);
	case CW_MSG_DOCUMENT_END:
		return on_end(worker, message, err);
	case CW_MSG_LINKS_ACK:
		if (ours(worker, message))
			worker->document.links_unacked -=
			    (uint32_t)CW_MIN(message->number, (uint64_t)worker->document.links_unacked);
		return 0;
	case CW_MSG_DROP:
		return on_drop(worker, message);
	case CW_MSG_STOP:
		cw_worker_stop(worker);
		return 0;
	default:
		return cw_error_set(err, -EBADMSG, "message %s from the daemon", cw_message_kind_name(message->kind));
	}
}

static void on_work(void *arg, unsigned events)
{
	struct cw_worker *worker = arg;
	int r = 0;

	if (events & CW_LOOP_WRITE)
		r = outbox_flush(&worker->work);
	/* As many as a window holds, then the loop's other business. */
	for (unsigned i = 0; i < CW_CHUNK_WINDOW + 2 && r == 0; i++) {
		struct cw_error err = { 0 };
		struct cw_message message;

		r = cw_message_recv(worker->work.sock, NULL, &message, &err);
		if (r == 0)
			r = from_daemon(worker, &message, &err);
		if (r < 0 && r != -EAGAIN) {
			give_up(worker, r, &err);
			return;
		}
	}
	if (r < 0 && r != -EAGAIN)
		give_up_errno(worker, r, "work socket");
	else
		pump(worker);
}

static void on_evidence(void *arg, unsigned events)
{
	struct cw_worker *worker = arg;
	struct document *document = &worker->document;
	int r = 0;

	if (events & CW_LOOP_WRITE)
		r = outbox_flush(&worker->evidence);
	while (r == 0) {
		struct cw_error err = { 0 };
		struct cw_message message;

		r = cw_message_recv(worker->evidence.sock, NULL, &message, &err);
		if (r == 0 && message.kind != CW_MSG_BATCH_ACK)
			r = cw_error_set(&err, -EBADMSG, "message %s from the assessor",
			                 cw_message_kind_name(message.kind));
		if (r < 0 && r != -EAGAIN) {
			give_up(worker, r, &err);
			return;
		}
		if (r == 0 && ours(worker, &message))
			document->unacked -= (uint32_t)CW_MIN(message.number, (uint64_t)document->unacked);
	}
	if (r < 0 && r != -EAGAIN)
		give_up_errno(worker, r, "evidence socket");
	else
		pump(worker);
}

static void on_again(void *arg)
{
	pump(arg);
}

static void on_deadline(void *arg)
{
	struct cw_worker *worker = arg;

	cw_log(CW_LOG_NOTICE, "normaliser.unfinished", "feed=%s document=%" PRIu64, worker->document.feed,
	       worker->document.id);
	cw_loop_stop(worker->loop);
}

static void on_heartbeat(void *arg)
{
	struct cw_worker *worker = arg;
	int r = 0;

	/* One that cannot be sent now is late anyway. */
	if (!worker->work.first)
		r = tell_daemon(worker, CW_MSG_HEARTBEAT, worker->handled);
	if (r < 0)
		give_up_errno(worker, r, "heartbeat");
	cw_timer_arm(worker->heartbeat, CW_HEARTBEAT_MS);
}

/* --- life --- */

/* What was on its way over it may be lost, and nobody would ask for it again. Over ipc it is the other process that has gone, and the daemon
 * sees to that. */
static void on_lost(void *arg)
{
	struct cw_worker *worker = arg;
	struct cw_error err = { 0 };

	cw_error_set(&err, -ECONNRESET, "the connection to the service is lost, or was refused; is this machine's key on its lists?");
	give_up(worker, -ECONNRESET, &err);
}

static int outbox_open(struct cw_worker *worker, struct outbox *box, const char *endpoint, int hwm, cw_watch_fn *fn,
                       struct cw_error *err)
{
	int r;

	box->last = &box->first;
	r = cw_sock_new(worker->bus, CW_SOCK_DEALER, hwm, LINGER_MS, &box->sock, err);
	if (r == 0 && strncmp(endpoint, "tcp:", 4) == 0)
		r = cw_sock_watch_loss(box->sock, worker->loop, on_lost, worker, err);
	if (r == 0)
		r = cw_sock_connect(box->sock, endpoint, err);
	if (r == 0)
		r = cw_loop_add_zmq(worker->loop, cw_sock_zmq(box->sock), CW_LOOP_READ, fn, worker, &box->watch, err);
	return r;
}

static void outbox_close(struct outbox *box)
{
	if (box->last)
		outbox_clear(box);
	cw_watch_free(box->watch);
	if (box->sock)
		cw_sock_free(box->sock);
}

int cw_worker_new(const struct cw_config *config, struct cw_loop *loop, const char *work, const char *evidence,
                  const struct cw_identity *identity, struct cw_worker **ret, struct cw_error *err)
{
	struct cw_worker *worker = calloc(1, sizeof(*worker));
	int r;

	if (!worker)
		return cw_error_nomem(err);
	worker->config = config;
	worker->loop = loop;
	worker->records.kind = CW_MSG_EVIDENCE;
	worker->rejects.kind = CW_MSG_REJECTS;
	cw_buf_init(&worker->records.buf, CW_FRAME_MAX);
	cw_buf_init(&worker->rejects.buf, CW_FRAME_MAX);
	worker->links.kind = CW_MSG_LINKS;
	cw_buf_init(&worker->links.buf, CW_FRAME_MAX);
	r = cw_bus_new(&worker->bus, err);
	if (r == 0 && identity->known)
		r = cw_bus_identify(worker->bus, &identity->own, &identity->server, err);
	if (r == 0)
		r = outbox_open(worker, &worker->work, work, WORK_HWM, on_work, err);
	if (r == 0)
		r = outbox_open(worker, &worker->evidence, evidence, EVIDENCE_HWM, on_evidence, err);
	if (r == 0)
		r = cw_timer_new(loop, on_heartbeat, worker, &worker->heartbeat, err);
	if (r == 0)
		r = cw_timer_new(loop, on_again, worker, &worker->again, err);
	if (r == 0)
		r = cw_timer_new(loop, on_deadline, worker, &worker->deadline, err);
	if (r < 0) {
		cw_worker_free(worker);
		return r;
	}
	*ret = worker;
	return 0;
}

void cw_worker_free(struct cw_worker *worker)
{
	if (!worker)
		return;
	document_clear(worker);
	if (worker->deadline)
		cw_timer_free(worker->deadline);
	if (worker->again)
		cw_timer_free(worker->again);
	if (worker->heartbeat)
		cw_timer_free(worker->heartbeat);
	outbox_close(&worker->evidence);
	outbox_close(&worker->work);
	cw_bus_free(worker->bus);
	cw_buf_clear(&worker->records.buf);
	cw_buf_clear(&worker->rejects.buf);
	cw_buf_clear(&worker->links.buf);
	free(worker);
}

int cw_worker_start(struct cw_worker *worker, struct cw_error *err)
{
	static const char role[] = "normaliser";
	struct cw_message ready = {
		.kind = CW_MSG_READY,
		.number = 1,
		.count = (uint32_t)getpid(),
		.payload = { role, sizeof(role) - 1 },
	};
	int r = outbox_send(&worker->work, &ready);

	if (r < 0)
		return cw_error_set(err, r, "cannot say READY: %s", strerror(-r));
	cw_timer_arm(worker->heartbeat, CW_HEARTBEAT_MS);
	return 0;
}

void cw_worker_stop(struct cw_worker *worker)
{
	if (!worker->stopping)
		cw_timer_arm(worker->deadline, STOP_MS);
	worker->stopping = true;
	cw_timer_arm(worker->again, 0);
}

int cw_worker_result(const struct cw_worker *worker, struct cw_error *err)
{
	if (worker->result && err)
		*err = worker->error;
	return worker->result;
}
