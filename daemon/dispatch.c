/*
 * dispatch.c: leases, credits and windows.
 *
 * docs is in order of dispatch (= the order that the assessor commits in) and holds every document between its first
 * announcement and its commit.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include <councilwatch/audit.h>
#include <councilwatch/log.h>

#include "dispatch.h"

#define SOCKET_HWM 1000
#define LINGER_MS 500    /* so that a STOP is not lost */
#define RECEIVE_ROUND 64 /* messages taken before others get their turn */
#define CREDITS_MAX 64u
#define RETRY_MS 20           /* after a send that a peer had no room for */
#define RETRY_STORAGE_MS 5000 /* after a failure of the disk */
#define OUTBOX_BYTES (32u * 1024u * 1024u)

enum doc_state {
	DOC_NEW,      /* to be announced (again) */
	DOC_WAITING,  /* announced; wants a normaliser */
	DOC_SENDING,  /* with a normaliser, chunks under way */
	DOC_SENT,     /* with a normaliser, whole */
	DOC_HANDED,   /* its evidence went to the assessor */
	DOC_SETTLING, /* the assessor was told to record it as it is */
};

struct peer;

struct doc {
	struct doc *next;
	struct cw_inbox_document row;
	uint32_t attempts_before; /* of its last life: it may have been committed before and be queued again */
	enum doc_state state;
	enum cw_reason settle; /* DOC_SETTLING: as what */
	struct peer *peer;     /* who has or had it; NULL = nobody */
	uint64_t lease;        /* of this attempt: who may speak of it */
	uint32_t seq;          /* next chunk */
	uint64_t offset;
	uint32_t unacknowledged; /* chunks */
	uint32_t links;          /* batches of links it gave in this attempt */
};

struct letter {
	struct letter *next;
	struct cw_message message; /* payload points behind */
	unsigned char payload[];
};

/* What a peer had no room for, in order. */
struct outbox {
	struct letter *first, **end;
	size_t bytes;
};

struct peer {
	struct peer *next;
	struct cw_peer id;
	struct cw_sender sender;
	enum cw_role role;
	pid_t pid;          /* 0 = of another machine */
	uint64_t documents; /* handled, as it last said */
	uint32_t credits;
	struct cw_mono heard;
	bool gone;     /* ZeroMQ says so; its process will be reported dead */
	bool bad;      /* reported; nothing more is taken from it */
	bool forsaken; /* bad, and nobody will report it dead: to be given up */
	struct outbox outbox;
};

struct cw_dispatch {
	struct cw_loop *loop;
	struct cw_inbox *inbox;
	struct cw_sock *work, *commit;
	struct cw_watch *work_watch, *commit_watch;
	struct cw_timer *silence, *retry;
	struct cw_dispatch_ops ops;
	void *arg;
	struct doc *docs, **docs_end;
	size_t n_docs;
	size_t limit;
	uint64_t last_order;   /* everything up to it was taken from the inbox */
	struct peer *peers;    /* normalisers */
	struct peer *assessor; /* NULL = not ready */
	char hash[CW_SHA256_HEX + 16];
	struct cw_buf chunk, scratch, page;
	struct cw_sender sender;    /* of the message in hand */
	struct cw_mono silence_due; /* when the silence timer should fire */
	bool held;
	bool pumping, pump_again;
	bool storage_failed; /* wait before the disk is tried again */
};

static void pump(struct cw_dispatch *dispatch);
static void peer_lost(struct cw_dispatch *dispatch, struct peer *peer, bool guilty);
static void assessor_lost(struct cw_dispatch *dispatch);

const char *cw_role_name(enum cw_role role)
{
	return role == CW_ROLE_ASSESSOR ? "assessor" : "normaliser";
}

/* Sending */

static void outbox_clear(struct outbox *outbox)
{
	struct letter *letter;

	while ((letter = outbox->first)) {
		outbox->first = letter->next;
		free(letter);
	}
	outbox->end = &outbox->first;
	outbox->bytes = 0;
}

static struct cw_sock *peer_sock(struct cw_dispatch *dispatch, const struct peer *peer)
{
	return peer->role == CW_ROLE_ASSESSOR ? dispatch->commit : dispatch->work;
}

static void peer_bad(struct cw_dispatch *dispatch, struct peer *peer, const char *why)
{
	if (peer->bad)
		return;
	peer->bad = true;
	if (dispatch->ops.bad(dispatch->arg, peer->role, peer->pid, why))
		return;
	/* Not from here: the caller still uses it. */
	peer->forsaken = true;
	cw_timer_arm(dispatch->retry, 0);
}

static void retry_soon(struct cw_dispatch *dispatch, int64_t delay_ms)
{
	if (!cw_timer_armed(dispatch->retry))
		cw_timer_arm(dispatch->retry, delay_ms);
}

/* 0 sent, -EAGAIN no room, -EHOSTUNREACH gone. Anything else is treated as gone. */
static int send_now(struct cw_dispatch *dispatch, struct peer *peer, const struct cw_message *message)
{
	int r;

	if (peer->gone)
		return -EHOSTUNREACH;
	r = cw_message_send(peer_sock(dispatch, peer), &peer->id, message);
	if (r == -EAGAIN || r == 0)
		return r;
	peer->gone = true;
	outbox_clear(&peer->outbox);
	return -EHOSTUNREACH;
}

/* Sends now, or later in order. A peer that lets too much pile up is bad. */
static void send_message(struct cw_dispatch *dispatch, struct peer *peer, const struct cw_message *message)
{
	struct letter *letter;

	if (peer->gone || peer->bad)
		return;
	if (!peer->outbox.first && send_now(dispatch, peer, message) != -EAGAIN)
		return;
	letter = peer->outbox.bytes < OUTBOX_BYTES ? malloc(sizeof(*letter) + message->payload.len) : NULL;
	if (!letter) {
		peer_bad(dispatch, peer, "does not take its messages");
		return;
	}
	letter->next = NULL;
	letter->message = *message;
	letter->message.payload.data = letter->payload;
	if (message->payload.len)
		memcpy(letter->payload, message->payload.data, message->payload.len);
	*peer->outbox.end = letter;
	peer->outbox.end = &letter->next;
	peer->outbox.bytes += sizeof(*letter) + message->payload.len;
	retry_soon(dispatch, RETRY_MS);
}

/* True when nothing is left. */
static bool outbox_send(struct cw_dispatch *dispatch, struct peer *peer)
{
	struct letter *letter;

	while ((letter = peer->outbox.first)) {
		if (send_now(dispatch, peer, &letter->message) == -EAGAIN) {
			retry_soon(dispatch, RETRY_MS);
			return false;
		}
		if (peer->gone)
			return true; /* emptied */
		peer->outbox.bytes -= sizeof(*letter) + letter->message.payload.len;
		peer->outbox.first = letter->next;
		if (!letter->next)
			peer->outbox.end = &peer->outbox.first;
		free(letter);
	}
	return true;
}

static void send_plain(struct cw_dispatch *dispatch, struct peer *peer, enum cw_message_kind kind,
                       const struct doc *doc)
{
	struct cw_message message = { .kind = kind };

	if (doc) {
		message.document = doc->row.id;
		message.attempt = doc->row.attempts;
	}
	send_message(dispatch, peer, &message);
}

/* A message whose payload is the document's description. */
static int send_info(struct cw_dispatch *dispatch, struct peer *peer, enum cw_message_kind kind, const struct doc *doc,
                     uint64_t number)
{
	struct cw_document_info info = {
		.id = doc->row.id,
		.attempt = doc->row.attempts,
		.flags = doc->row.flags,
		.feed = cw_str(doc->row.feed),
		.url = cw_str(doc->row.final_url),
		.content_type = cw_str(doc->row.content_type),
		.fetched_at = doc->row.fetched_at,
		.size = doc->row.size,
		.order = doc->row.order,
		.step = cw_str(doc->row.step),
		.link_text = cw_str(doc->row.link_text),
		.parent_url = cw_str(doc->row.parent_url),
	};
	struct cw_message message = { .kind = kind, .document = info.id, .attempt = info.attempt, .number = number };
	char submitter[CW_AUDIT_SUBMITTER_MAX];
	struct cw_audit_who who;
	int r;

	cw_audit_who_parse(doc->row.who, &who);
	info.submitted_by = cw_str(cw_audit_submitter(&who, submitter));
	memcpy(info.sha256, doc->row.sha256, sizeof(info.sha256));
	cw_buf_reset(&dispatch->scratch);
	r = cw_document_info_put(&dispatch->scratch, &info);
	if (r < 0)
		return r;
	message.payload = (struct cw_frame){ dispatch->scratch.data, dispatch->scratch.len };
	send_message(dispatch, peer, &message);
	return 0;
}

/* Documents */

static struct doc *doc_find(struct cw_dispatch *dispatch, uint64_t id)
{
	struct doc *doc;

	for (doc = dispatch->docs; doc && doc->row.id != id; doc = doc->next)
		;
	return doc;
}

static void doc_remove(struct cw_dispatch *dispatch, struct doc *doc)
{
	struct doc **link;

	for (link = &dispatch->docs; *link != doc; link = &(*link)->next)
		;
	*link = doc->next;
	if (!*link)
		dispatch->docs_end = link;
	dispatch->n_docs--;
	cw_inbox_document_clear(&doc->row);
	free(doc);
}

static bool in_hand(const struct doc *doc)
{
	return doc->state == DOC_SENDING || doc->state == DOC_SENT;
}

/* Takes it from its normaliser, if one has it. */
static void doc_withdraw(struct cw_dispatch *dispatch, struct doc *doc)
{
	if (doc->peer && in_hand(doc))
		send_plain(dispatch, doc->peer, CW_MSG_DROP, doc);
	doc->peer = NULL;
	if (doc->state != DOC_SETTLING)
		doc->state = DOC_NEW;
	doc->seq = 0;
	doc->offset = 0;
	doc->unacknowledged = 0;
	doc->links = 0;
}

static void doc_settle_as(struct doc *doc, enum cw_reason reason)
{
	doc->state = DOC_NEW;
	doc->settle = reason;
}

/* Nobody can guess it, and none is 0. */
static int lease_make(uint64_t *ret, struct cw_error *err)
{
	do
		if (getrandom(ret, sizeof(*ret), 0) != (ssize_t)sizeof(*ret))
			return cw_error_set(err, -EIO, "getrandom: %s", strerror(errno));
	while (!*ret);
	return 0;
}

/* Tells the assessor of it: the next attempt begins. */
static void doc_announce(struct cw_dispatch *dispatch, struct doc *doc)
{
	struct cw_error err;
	int r;

	/* Poison was dispatched for the last time; its own attempt still tells late evidence from this settlement. */
	doc->row.attempts++;
	r = cw_inbox_count(dispatch->inbox, doc->row.id, doc->row.attempts, doc->row.deaths, &err);
	if (r == 0)
		r = lease_make(&doc->lease, &err);
	if (r == 0) {
		if (doc->settle != CW_REASON_NONE)
			r = send_info(dispatch, dispatch->assessor, CW_MSG_SETTLE, doc, (uint64_t)doc->settle);
		else
			r = send_info(dispatch, dispatch->assessor, CW_MSG_ANNOUNCE, doc, doc->lease);
		if (r < 0)
			cw_error_set(&err, r, "out of memory");
	}
	if (r < 0) {
		cw_log_error(CW_LOG_ERROR, "dispatch.failed", &err, "document=%llu retry_in=%ds",
		             (unsigned long long)doc->row.id, RETRY_STORAGE_MS / 1000);
		dispatch->storage_failed = true;
		cw_timer_arm(dispatch->retry, RETRY_STORAGE_MS);
		return;
	}
	doc->state = doc->settle != CW_REASON_NONE ? DOC_SETTLING : DOC_WAITING;
}

static size_t peers_count(const struct cw_dispatch *dispatch)
{
	const struct peer *peer;
	size_t n = 0;

	for (peer = dispatch->peers; peer; peer = peer->next)
		n++;
	return n;
}

/* Takes the next document from the inbox. False when there is none, or no room. */
static bool doc_take(struct cw_dispatch *dispatch)
{
	struct cw_inbox_document row;
	struct cw_error err;
	struct doc *doc;
	int r;

	if (dispatch->held || dispatch->n_docs >= CW_MAX(dispatch->limit, 2 * peers_count(dispatch)))
		return false;
	r = cw_inbox_next(dispatch->inbox, dispatch->last_order, &row, &err);
	if (r == -ENOENT)
		return false;
	doc = r == 0 ? calloc(1, sizeof(*doc)) : NULL;
	if (!doc) {
		if (r == 0) {
			cw_inbox_document_clear(&row);
			cw_error_nomem(&err);
		}
		cw_log_error(CW_LOG_ERROR, "dispatch.failed", &err, "retry_in=%ds", RETRY_STORAGE_MS / 1000);
		dispatch->storage_failed = true;
		cw_timer_arm(dispatch->retry, RETRY_STORAGE_MS);
		return false;
	}
	doc->row = row;
	doc->attempts_before = row.attempts;
	dispatch->last_order = row.order;
	if (row.deaths >= CW_POISON_DEATHS)
		doc->settle = CW_REASON_POISON;
	*dispatch->docs_end = doc;
	dispatch->docs_end = &doc->next;
	dispatch->n_docs++;
	return true;
}

static size_t docs_in_hand(const struct cw_dispatch *dispatch, const struct peer *peer, bool *ret_suspect)
{
	const struct doc *doc;
	size_t n = 0;

	*ret_suspect = false;
	for (doc = dispatch->docs; doc; doc = doc->next)
		if (doc->peer == peer && in_hand(doc)) {
			n++;
			*ret_suspect |= doc->row.deaths > 0;
		}
	return n;
}

/* The normaliser with credit that has least to do; for a suspect document, one that has nothing. */
static struct peer *peer_choose(struct cw_dispatch *dispatch, bool alone)
{
	struct peer *peer, *best = NULL;
	size_t least = SIZE_MAX, n;
	bool suspect;

	for (peer = dispatch->peers; peer; peer = peer->next) {
		if (!peer->credits || peer->gone || peer->bad || peer->outbox.first)
			continue;
		n = docs_in_hand(dispatch, peer, &suspect);
		if (suspect || (alone && n) || n >= least)
			continue;
		best = peer;
		least = n;
	}
	return best;
}

/* False when the document has to wait for a normaliser. */
static bool doc_assign(struct cw_dispatch *dispatch, struct doc *doc)
{
	struct peer *peer = peer_choose(dispatch, doc->row.deaths > 0);

	if (!peer)
		return false;
	if (send_info(dispatch, peer, CW_MSG_DOCUMENT, doc, doc->lease) < 0) {
		retry_soon(dispatch, RETRY_STORAGE_MS);
		return false;
	}
	peer->credits--;
	doc->peer = peer;
	doc->state = DOC_SENDING;
	doc->seq = 0;
	doc->offset = 0;
	doc->unacknowledged = 0;
	doc->links = 0;
	return true;
}

/* What is stored is not what was written: no worker can have it. */
static void doc_damaged(struct cw_dispatch *dispatch, struct doc *doc, const struct cw_error *err)
{
	cw_log_error(CW_LOG_ERROR, "inbox.damaged", err, "document=%llu feed=%s", (unsigned long long)doc->row.id,
	             doc->row.feed);
	doc_withdraw(dispatch, doc);
	doc_settle_as(doc, CW_REASON_UNPARSABLE);
	dispatch->pump_again = true;
}

/* Sends chunks as far as the window and the peer allow. */
static void doc_send(struct cw_dispatch *dispatch, struct doc *doc)
{
	struct cw_message message = { .document = doc->row.id, .attempt = doc->row.attempts };
	struct peer *peer = doc->peer;
	struct cw_error err;
	int r;

	while (doc->offset < doc->row.size && doc->unacknowledged < CW_CHUNK_WINDOW && !peer->gone && !peer->bad) {
		if (!outbox_send(dispatch, peer))
			return;
		r = cw_inbox_chunk(dispatch->inbox, doc->row.content, doc->seq, &dispatch->chunk, &err);
		if (r == 0 && (!dispatch->chunk.len || dispatch->chunk.len > doc->row.size - doc->offset))
			r = cw_error_set(&err, -EBADMSG, "the chunks do not add up to the document");
		if (r == -EBADMSG || r == -ENOENT) {
			doc_damaged(dispatch, doc, &err);
			return;
		}
		if (r < 0) {
			cw_log_error(CW_LOG_ERROR, "dispatch.failed", &err, "document=%llu retry_in=%ds",
			             (unsigned long long)doc->row.id, RETRY_STORAGE_MS / 1000);
			cw_timer_arm(dispatch->retry, RETRY_STORAGE_MS);
			return;
		}
		message.kind = CW_MSG_CHUNK;
		message.sequence = doc->seq;
		message.number = doc->offset;
		message.payload = (struct cw_frame){ dispatch->chunk.data, dispatch->chunk.len };
		r = send_now(dispatch, peer, &message);
		if (r == -EAGAIN)
			retry_soon(dispatch, RETRY_MS);
		if (r < 0)
			return;
		doc->seq++;
		doc->offset += dispatch->chunk.len;
		doc->unacknowledged++;
	}
	if (doc->offset == doc->row.size && doc->state == DOC_SENDING && !peer->gone && !peer->bad) {
		message.kind = CW_MSG_DOCUMENT_END;
		message.sequence = 0;
		message.number = doc->row.size;
		message.payload = (struct cw_frame){ NULL, 0 };
		send_message(dispatch, peer, &message);
		doc->state = DOC_SENT;
	}
}

/* Whatever can go on goes on. */
static void pump_once(struct cw_dispatch *dispatch)
{
	struct doc *doc, *next;
	struct peer *peer;
	bool room = true;

	for (peer = dispatch->peers; peer; peer = peer->next)
		(void)outbox_send(dispatch, peer);
	if (!dispatch->assessor || dispatch->assessor->gone || dispatch->assessor->bad)
		return;
	(void)outbox_send(dispatch, dispatch->assessor);
	if (dispatch->storage_failed)
		return;
	while (doc_take(dispatch))
		;
	for (doc = dispatch->docs; doc && !dispatch->storage_failed; doc = next) {
		next = doc->next;
		if (doc->state == DOC_NEW)
			doc_announce(dispatch, doc);
		/* Strictly in order: a suspect document that waits for an idle normaliser must not be overtaken
		 * for ever. */
		if (doc->state == DOC_WAITING && room)
			room = doc_assign(dispatch, doc);
		if (doc->state == DOC_SENDING)
			doc_send(dispatch, doc);
	}
}

static void pump(struct cw_dispatch *dispatch)
{
	if (dispatch->pumping) {
		dispatch->pump_again = true;
		return;
	}
	dispatch->pumping = true;
	do {
		dispatch->pump_again = false;
		pump_once(dispatch);
	} while (dispatch->pump_again);
	dispatch->pumping = false;
}

static void retry_fired(void *arg)
{
	struct cw_dispatch *dispatch = arg;
	struct peer *peer, *next;

	dispatch->storage_failed = false;
	for (peer = dispatch->peers; peer; peer = next) {
		next = peer->next;
		if (peer->forsaken)
			peer_lost(dispatch, peer, true);
	}
	if (dispatch->assessor && dispatch->assessor->forsaken)
		assessor_lost(dispatch);
	pump(dispatch);
}

/* Peers */

static struct peer *peer_find(struct cw_dispatch *dispatch, const struct cw_peer *id)
{
	struct peer *peer;

	for (peer = dispatch->peers; peer && !cw_peer_eq(&peer->id, id); peer = peer->next)
		;
	return peer;
}

static struct peer *peer_by_pid(struct cw_dispatch *dispatch, pid_t pid)
{
	struct peer *peer;

	for (peer = dispatch->peers; peer && peer->pid != pid; peer = peer->next)
		;
	return peer;
}

static struct peer *peer_new(struct cw_dispatch *dispatch, const struct cw_peer *id, enum cw_role role, pid_t pid,
                             const struct cw_message *message)
{
	struct peer *peer = calloc(1, sizeof(*peer));

	if (!peer)
		return NULL;
	peer->id = *id;
	peer->sender = dispatch->sender;
	peer->role = role;
	peer->pid = pid;
	peer->credits = (uint32_t)CW_MIN(message->number, (uint64_t)CREDITS_MAX);
	peer->heard = cw_mono_now();
	peer->outbox.end = &peer->outbox.first;
	return peer;
}

static void peer_free(struct peer *peer)
{
	outbox_clear(&peer->outbox);
	free(peer);
}

/* Its documents go out again; those in hand remember it when it died of itself. */
static void peer_lost(struct cw_dispatch *dispatch, struct peer *peer, bool guilty)
{
	struct peer **link;
	struct cw_error err;
	struct doc *doc;

	peer->gone = true;
	for (doc = dispatch->docs; doc; doc = doc->next) {
		if (doc->peer != peer)
			continue;
		/* Written now: should everything die before the next attempt, the death must still count. */
		if (guilty && in_hand(doc)) {
			doc->row.deaths++;
			if (cw_inbox_count(dispatch->inbox, doc->row.id, doc->row.attempts, doc->row.deaths, &err) < 0)
				cw_log_error(CW_LOG_ERROR, "dispatch.failed", &err, "document=%llu",
				             (unsigned long long)doc->row.id);
		}
		cw_log(CW_LOG_WARNING, "document.returned", "document=%llu feed=%s attempt=%u deaths=%u",
		       (unsigned long long)doc->row.id, doc->row.feed, doc->row.attempts, doc->row.deaths);
		doc_withdraw(dispatch, doc);
		if (doc->row.deaths >= CW_POISON_DEATHS && doc->settle == CW_REASON_NONE) {
			cw_log(CW_LOG_ERROR, "document.poison", "document=%llu feed=%s url=%s",
			       (unsigned long long)doc->row.id, doc->row.feed, doc->row.final_url);
			doc_settle_as(doc, CW_REASON_POISON);
		}
	}
	for (link = &dispatch->peers; *link != peer; link = &(*link)->next)
		;
	*link = peer->next;
	peer_free(peer);
	pump(dispatch);
}

static void assessor_lost(struct cw_dispatch *dispatch)
{
	struct doc *doc;

	if (!dispatch->assessor)
		return;
	peer_free(dispatch->assessor);
	dispatch->assessor = NULL;
	for (doc = dispatch->docs; doc; doc = doc->next) {
		doc_withdraw(dispatch, doc);
		doc->state = DOC_NEW;
	}
}

void cw_dispatch_died(struct cw_dispatch *dispatch, enum cw_role role, pid_t pid, bool guilty)
{
	struct peer *peer;

	if (role == CW_ROLE_ASSESSOR) {
		if (dispatch->assessor && (dispatch->assessor->pid == pid || !dispatch->assessor->pid))
			assessor_lost(dispatch);
		return;
	}
	peer = peer_by_pid(dispatch, pid);
	if (peer)
		peer_lost(dispatch, peer, guilty);
}

/* One timer for the peer that will have been silent longest. */
static void silence_plan(struct cw_dispatch *dispatch)
{
	const struct peer *peer;
	int64_t oldest = INT64_MAX;

	for (peer = dispatch->peers; peer; peer = peer->next)
		if (!peer->bad)
			oldest = CW_MIN(oldest, peer->heard.ns);
	if (dispatch->assessor && !dispatch->assessor->bad)
		oldest = CW_MIN(oldest, dispatch->assessor->heard.ns);
	if (oldest == INT64_MAX) {
		cw_timer_disarm(dispatch->silence);
		return;
	}
	dispatch->silence_due.ns = oldest + CW_HEARTBEAT_LOST_MS * INT64_C(1000000);
	cw_timer_arm(dispatch->silence, CW_MAX((dispatch->silence_due.ns - cw_mono_now().ns) / 1000000 + 1, 0));
}

static void silence_check(struct cw_dispatch *dispatch, struct peer *peer, int64_t now)
{
	if (peer->bad || now - peer->heard.ns < CW_HEARTBEAT_LOST_MS * INT64_C(1000000))
		return;
	peer_bad(dispatch, peer, "silent");
}

static void silence_fired(void *arg)
{
	struct cw_dispatch *dispatch = arg;
	struct peer *peer;
	int64_t now = cw_mono_now().ns;

	/* When it is we who were held up (a slow disk, a suspended machine), their heartbeats are still waiting to be
	 * read: judge after that. */
	if (now - dispatch->silence_due.ns > CW_HEARTBEAT_MS * INT64_C(1000000)) {
		for (peer = dispatch->peers; peer; peer = peer->next)
			peer->heard.ns = now;
		if (dispatch->assessor)
			dispatch->assessor->heard.ns = now;
	}
	for (peer = dispatch->peers; peer; peer = peer->next)
		silence_check(dispatch, peer, now);
	if (dispatch->assessor)
		silence_check(dispatch, dispatch->assessor, now);
	silence_plan(dispatch);
}

/* Messages */

static bool payload_is(const struct cw_message *message, const char *text)
{
	return message->payload.len == strlen(text) && memcmp(message->payload.data, text, message->payload.len) == 0;
}

static void worker_ready(struct cw_dispatch *dispatch, const struct cw_peer *id, enum cw_role role,
                         const struct cw_message *message)
{
	struct peer *peer, *before;
	char sender[CW_SENDER_TEXT];
	pid_t pid = (pid_t)CW_MIN(message->count, (uint32_t)INT32_MAX);

	if (dispatch->ops.worker)
		pid = dispatch->ops.worker(dispatch->arg, role, &dispatch->sender, pid);
	if (pid < 0) {
		cw_log(CW_LOG_WARNING, "worker.refused", "role=%s pid=%u from=%s reason=%s", cw_role_name(role), message->count,
		       cw_sender_format(&dispatch->sender, sender), "it is no worker of ours, and has no key of one");
		return;
	}
	if (!payload_is(message, cw_role_name(role)) || (role == CW_ROLE_NORMALISER && !message->number)) {
		cw_log(CW_LOG_WARNING, "worker.refused", "role=%s pid=%u reason=%s", cw_role_name(role), message->count,
		       "its first message makes no sense");
		return;
	}
	peer = peer_new(dispatch, id, role, pid, message);
	if (!peer) {
		cw_log(CW_LOG_ERROR, "worker.refused", "role=%s pid=%u reason=%s", cw_role_name(role), message->count,
		       "out of memory");
		return;
	}
	if (role == CW_ROLE_ASSESSOR) {
		assessor_lost(dispatch);
		dispatch->assessor = peer;
	} else {
		before = peer_find(dispatch, id);
		if (!before && peer->pid)
			before = peer_by_pid(dispatch, peer->pid);
		if (before)
			peer_lost(dispatch, before, false);
		peer->next = dispatch->peers;
		dispatch->peers = peer;
	}
	silence_plan(dispatch);
	dispatch->ops.ready(dispatch->arg, role, peer->pid);
	pump(dispatch);
}

/* What a normaliser says about a document it has. */
static void about_document(struct cw_dispatch *dispatch, struct peer *peer, const struct cw_message *message)
{
	struct doc *doc = doc_find(dispatch, message->document);

	/* Not its any more: we have sent DROP, or it is committed already. */
	if (!doc || doc->peer != peer || doc->row.attempts != message->attempt || !in_hand(doc))
		return;
	if (message->kind == CW_MSG_CHUNK_ACK) {
		if (message->number > doc->unacknowledged) {
			peer_bad(dispatch, peer, "acknowledges more than it was sent");
			return;
		}
		doc->unacknowledged -= (uint32_t)message->number;
	} else { /* SENT. A normaliser may be done with a document before its end: "too large", "not HTML". */
		doc->state = DOC_HANDED;
		dispatch->ops.worked(dispatch->arg, CW_ROLE_NORMALISER, peer->pid);
	}
	pump(dispatch);
}

static int links_decode(const struct cw_message *message, struct cw_doc_link *links, struct cw_error *err)
{
	struct cw_cursor cursor;
	int r = 0;

	cw_cursor_init(&cursor, message->payload.data, message->payload.len);
	for (uint32_t i = 0; i < message->count && r == 0; i++)
		r = cw_doc_link_get(&cursor, &links[i], err);
	return r == 0 && cw_cursor_done(&cursor) < 0 ? cw_error_set(err, -EBADMSG, "more than the links it announces") : r;
}

/* What a step's document leads to. Durable before it is acknowledged. */
static void about_links(struct cw_dispatch *dispatch, struct peer *peer, const struct cw_message *message)
{
	struct cw_message ack = { .kind = CW_MSG_LINKS_ACK, .number = 1 };
	struct doc *doc = doc_find(dispatch, message->document);
	CW_CLEANUP(cw_freep) struct cw_doc_link *links = NULL;
	struct cw_error err;
	int r;

	if (!doc || doc->peer != peer || doc->row.attempts != message->attempt || !in_hand(doc))
		return;
	if (!dispatch->ops.links || !message->count || message->count > CW_BATCH_RECORDS ||
	    message->sequence != doc->links) {
		peer_bad(dispatch, peer, "sends links that it may not");
		return;
	}
	links = calloc(message->count, sizeof(*links));
	r = links ? links_decode(message, links, &err) : cw_error_nomem(&err);
	if (r == 0)
		r = dispatch->ops.links(dispatch->arg, &doc->row, links, message->count, &err);
	if (r == -EBADMSG || r == -EPERM) {
		peer_bad(dispatch, peer, err.text);
		return;
	}
	if (r < 0) {
		/* The document goes out again, to whoever reads it as we do, or when there is room. */
		if (r != -EAGAIN) {
			cw_log_error(CW_LOG_ERROR, "dispatch.failed", &err, "document=%llu retry_in=%ds",
			             (unsigned long long)doc->row.id, RETRY_STORAGE_MS / 1000);
			dispatch->storage_failed = true;
			cw_timer_arm(dispatch->retry, RETRY_STORAGE_MS);
		}
		doc_withdraw(dispatch, doc);
		pump(dispatch);
		return;
	}
	doc->links++;
	ack.document = doc->row.id;
	ack.attempt = doc->row.attempts;
	send_message(dispatch, peer, &ack);
}

/* A connection's identity is its own choice, so that of one that has gone can be taken by another. */
static bool is_itself(struct cw_dispatch *dispatch, const struct peer *peer)
{
	char sender[CW_SENDER_TEXT];

	if (cw_sender_eq(&peer->sender, &dispatch->sender))
		return true;
	cw_log(CW_LOG_WARNING, "worker.refused", "role=%s pid=%d from=%s reason=%s", cw_role_name(peer->role), (int)dispatch->sender.pid,
	       cw_sender_format(&dispatch->sender, sender), "it speaks in the name of another");
	(void)dispatch->ops.bad(dispatch->arg, peer->role, dispatch->sender.pid, "it speaks in the name of another");
	return false;
}

/* One of another machine that outlived us: it does not know that what it had is another's now. */
static void stop_unknown(struct cw_dispatch *dispatch, const struct cw_peer *id, const struct cw_message *message)
{
	struct cw_message stop = { .kind = CW_MSG_STOP };

	if (message->kind == CW_MSG_HEARTBEAT && dispatch->sender.kind == CW_SENDER_KEY)
		(void)cw_message_send(dispatch->work, id, &stop);
}

static void from_normaliser(struct cw_dispatch *dispatch, const struct cw_peer *id, const struct cw_message *message)
{
	struct peer *peer = peer_find(dispatch, id);

	if (message->kind == CW_MSG_READY) {
		worker_ready(dispatch, id, CW_ROLE_NORMALISER, message);
		return;
	}
	if (!peer)
		stop_unknown(dispatch, id, message);
	if (!peer || peer->bad || !is_itself(dispatch, peer))
		return;
	peer->heard = cw_mono_now();
	switch (message->kind) {
	case CW_MSG_HEARTBEAT:
		peer->documents = message->number;
		dispatch->ops.heard(dispatch->arg, CW_ROLE_NORMALISER, peer->pid, message->number);
		break;
	case CW_MSG_CREDIT:
		if (message->number > CREDITS_MAX - peer->credits) {
			peer_bad(dispatch, peer, "asks for too many documents");
			break;
		}
		peer->credits += (uint32_t)message->number;
		pump(dispatch);
		break;
	case CW_MSG_CHUNK_ACK:
	case CW_MSG_SENT:
		about_document(dispatch, peer, message);
		break;
	case CW_MSG_LINKS:
		about_links(dispatch, peer, message);
		break;
	default:
		peer_bad(dispatch, peer, "sends what a normaliser may not");
	}
}

static void committed(struct cw_dispatch *dispatch, const struct cw_message *message)
{
	struct cw_inbox_document row = { 0 };
	struct cw_commit_info info;
	struct cw_cursor cursor;
	struct cw_error err;
	struct doc *doc = doc_find(dispatch, message->document);
	struct cw_inbox_found next;
	bool queued, has_next = false;
	int r;

	cw_cursor_init(&cursor, message->payload.data, message->payload.len);
	if (cw_commit_info_get(&cursor, &info, &err) < 0) {
		peer_bad(dispatch, dispatch->assessor, "its report of a commit does not decode");
		return;
	}
	r = cw_inbox_document(dispatch->inbox, message->document, &row, &err);
	if (r == -ENOENT) {
		cw_log(CW_LOG_WARNING, "dispatch.unknown_document", "document=%llu",
		       (unsigned long long)message->document);
		return;
	}
	queued = r == 0 && row.state == CW_INBOX_QUEUED;
	/* What was late about its last life does not end the next one. */
	if (queued && (row.flags & CW_DOC_REPLAY) && (!doc || message->attempt <= doc->attempts_before)) {
		cw_inbox_document_clear(&row);
		return;
	}
	if (queued && dispatch->ops.next_page && dispatch->ops.next_page(dispatch->arg, &row, &info, &next, &dispatch->page) > 0)
		has_next = true;
	if (queued)
		r = cw_inbox_settle(dispatch->inbox, row.id, &info, dispatch->hash, has_next ? &next : NULL, &err);
	if (r < 0) {
		/* The assessor has it; only we could not write that down. Announcing it again makes it say so again. */
		cw_log_error(CW_LOG_ERROR, "dispatch.failed", &err, "document=%llu retry_in=%ds",
		             (unsigned long long)message->document, RETRY_STORAGE_MS / 1000);
		if (doc)
			doc_withdraw(dispatch, doc);
		if (doc)
			doc->state = DOC_NEW;
		dispatch->storage_failed = true;
		cw_timer_arm(dispatch->retry, RETRY_STORAGE_MS);
		cw_inbox_document_clear(&row);
		return;
	}
	dispatch->ops.worked(dispatch->arg, CW_ROLE_ASSESSOR, dispatch->assessor->pid);
	if (doc) {
		/* It committed an earlier attempt while the announcement of the next was on its way: it must not wait for
		 * evidence that nobody will send now. */
		if (message->attempt < doc->row.attempts)
			send_plain(dispatch, dispatch->assessor, CW_MSG_DROP, doc);
		doc_withdraw(dispatch, doc);
		doc_remove(dispatch, doc);
	}
	cw_inbox_document_clear(&row);
	if (queued && cw_inbox_document(dispatch->inbox, message->document, &row, &err) == 0) {
		dispatch->ops.committed(dispatch->arg, &row, &info);
		cw_inbox_document_clear(&row);
	}
	pump(dispatch);
}

static void dismissed(struct cw_dispatch *dispatch, const struct cw_message *message)
{
	char why_not[CW_ERROR_TEXT_MAX];
	size_t len = CW_MIN(message->payload.len, sizeof(why_not) - 1);

	if (len)
		memcpy(why_not, message->payload.data, len);
	why_not[len] = '\0';
	dispatch->ops.dismissed(dispatch->arg, message->number, message->count, why_not);
}

/* Somebody lied to the assessor. Whoever it is, no document is with him any more. */
static void accused(struct cw_dispatch *dispatch, const struct cw_message *message)
{
	struct cw_accusation accusation;
	struct cw_cursor cursor;
	struct cw_error err;
	char why[CW_ERROR_TEXT_MAX];
	struct peer *peer;
	bool known = false;

	cw_cursor_init(&cursor, message->payload.data, message->payload.len);
	if (cw_accusation_get(&cursor, &accusation, &err) < 0) {
		peer_bad(dispatch, dispatch->assessor, "its accusation does not decode");
		return;
	}
	snprintf(why, sizeof(why), "%.*s", (int)accusation.why.len, accusation.why.at);
	for (peer = dispatch->peers; peer; peer = peer->next)
		if (accusation.pid ? peer->pid == accusation.pid : accusation.key.len && cw_str_eq(accusation.key, peer->sender.name)) {
			peer_bad(dispatch, peer, why);
			known = true;
		}
	/* Not one that has said it was there: a stranger, or one of ours before its time. */
	if (!known)
		(void)dispatch->ops.bad(dispatch->arg, CW_ROLE_NORMALISER, accusation.pid, why);
}

static void retained(struct cw_dispatch *dispatch, const struct cw_message *message)
{
	char why_not[CW_ERROR_TEXT_MAX] = "";

	if (message->sequence)
		snprintf(why_not, sizeof(why_not), "%.*s", (int)CW_MIN(message->payload.len, sizeof(why_not) - 1),
		         message->payload.len ? (const char *)message->payload.data : "");
	dispatch->ops.retained(dispatch->arg, message->number, message->sequence ? 0 : message->count,
	                       message->payload.data, message->sequence ? 0 : message->payload.len, why_not);
}

static void from_assessor(struct cw_dispatch *dispatch, const struct cw_peer *id, const struct cw_message *message)
{
	struct peer *peer = dispatch->assessor;

	if (message->kind == CW_MSG_READY) {
		worker_ready(dispatch, id, CW_ROLE_ASSESSOR, message);
		return;
	}
	if (!peer || peer->bad || !cw_peer_eq(&peer->id, id) || !is_itself(dispatch, peer))
		return;
	peer->heard = cw_mono_now();
	switch (message->kind) {
	case CW_MSG_HEARTBEAT:
		dispatch->ops.heard(dispatch->arg, CW_ROLE_ASSESSOR, peer->pid, message->number);
		break;
	case CW_MSG_COMMITTED:
		committed(dispatch, message);
		break;
	case CW_MSG_DISMISSED:
		dismissed(dispatch, message);
		break;
	case CW_MSG_ACCUSED:
		accused(dispatch, message);
		break;
	case CW_MSG_RETAINED:
		if (dispatch->ops.retained)
			retained(dispatch, message);
		break;
	case CW_MSG_REFUSED:
		if (!dispatch->ops.refused(dispatch->arg, (struct cw_str){ message->payload.data, message->payload.len }, message->count,
		                           message->number))
			peer_bad(dispatch, peer, "speaks of a door that there is not");
		break;
	default:
		peer_bad(dispatch, peer, "sends what an assessor may not");
	}
}

typedef void handler_fn(struct cw_dispatch *dispatch, const struct cw_peer *id, const struct cw_message *message);

static void receive(struct cw_dispatch *dispatch, struct cw_sock *sock, handler_fn *handler)
{
	struct cw_message message;
	struct cw_error err;
	struct cw_peer id;
	struct peer *peer;
	int i, r;

	for (i = 0; i < RECEIVE_ROUND; i++) {
		id.len = 0;
		r = cw_message_recv(sock, &id, &message, &err);
		cw_sock_sender(sock, &dispatch->sender);
		if (r == 0) {
			handler(dispatch, &id, &message);
			continue;
		}
		if (r != -EBADMSG)
			return;
		cw_log_error(CW_LOG_WARNING, "message.malformed", &err, NULL);
		peer = sock == dispatch->commit ? dispatch->assessor : peer_find(dispatch, &id);
		if (peer && cw_peer_eq(&peer->id, &id) && is_itself(dispatch, peer))
			peer_bad(dispatch, peer, "sends messages that do not decode");
	}
}

static void work_event(void *arg, unsigned events)
{
	struct cw_dispatch *dispatch = arg;

	(void)events;
	receive(dispatch, dispatch->work, from_normaliser);
}

static void commit_event(void *arg, unsigned events)
{
	struct cw_dispatch *dispatch = arg;

	(void)events;
	receive(dispatch, dispatch->commit, from_assessor);
}

/* Interface */

static int socket_open(struct cw_dispatch *dispatch, struct cw_bus *bus, const char *endpoint, cw_watch_fn *fn,
                       struct cw_sock **sock, struct cw_watch **watch, struct cw_error *err)
{
	int r = cw_sock_new(bus, CW_SOCK_ROUTER, SOCKET_HWM, LINGER_MS, sock, err);

	if (r == 0)
		cw_sock_keep_private(*sock);
	if (r == 0)
		r = cw_sock_bind(*sock, endpoint, err);
	if (r == 0)
		r = cw_loop_add_zmq(dispatch->loop, cw_sock_zmq(*sock), CW_LOOP_READ, fn, dispatch, watch, err);
	return r;
}

int cw_dispatch_new(struct cw_loop *loop, struct cw_bus *bus, struct cw_inbox *inbox, const char *work_endpoint,
                    const char *commit_endpoint, const struct cw_dispatch_ops *ops, void *arg, struct cw_dispatch **ret,
                    struct cw_error *err)
{
	struct cw_dispatch *dispatch = calloc(1, sizeof(*dispatch));
	int r;

	if (!dispatch)
		return cw_error_nomem(err);
	dispatch->loop = loop;
	dispatch->inbox = inbox;
	dispatch->ops = *ops;
	dispatch->arg = arg;
	dispatch->docs_end = &dispatch->docs;
	dispatch->limit = 2;
	cw_buf_init(&dispatch->chunk, CW_CHUNK_MAX);
	cw_buf_init(&dispatch->scratch, CW_FRAME_MAX);
	cw_buf_init(&dispatch->page, CW_URL_MAX + 1);
	r = cw_timer_new(loop, silence_fired, dispatch, &dispatch->silence, err);
	if (r == 0)
		r = cw_timer_new(loop, retry_fired, dispatch, &dispatch->retry, err);
	if (r == 0)
		r = socket_open(dispatch, bus, work_endpoint, work_event, &dispatch->work, &dispatch->work_watch, err);
	if (r == 0)
		r = socket_open(dispatch, bus, commit_endpoint, commit_event, &dispatch->commit,
		                &dispatch->commit_watch, err);
	if (r < 0) {
		cw_dispatch_free(dispatch);
		return r;
	}
	*ret = dispatch;
	return 0;
}

void cw_dispatch_free(struct cw_dispatch *dispatch)
{
	struct peer *peer;

	if (!dispatch)
		return;
	while (dispatch->docs)
		doc_remove(dispatch, dispatch->docs);
	while ((peer = dispatch->peers)) {
		dispatch->peers = peer->next;
		peer_free(peer);
	}
	if (dispatch->assessor)
		peer_free(dispatch->assessor);
	cw_watch_free(dispatch->work_watch);
	cw_watch_free(dispatch->commit_watch);
	cw_sock_free(dispatch->work);
	cw_sock_free(dispatch->commit);
	cw_timer_free(dispatch->silence);
	cw_timer_free(dispatch->retry);
	cw_buf_clear(&dispatch->chunk);
	cw_buf_clear(&dispatch->scratch);
	cw_buf_clear(&dispatch->page);
	free(dispatch);
}

int cw_dispatch_configure(struct cw_dispatch *dispatch, unsigned normalisers, const char *hash, struct cw_error *err)
{
	if (strlen(hash) >= sizeof(dispatch->hash))
		return cw_error_set(err, -EINVAL, "the configuration's hash is too long");
	dispatch->limit = CW_MAX(normalisers, 1u) * 2;
	memcpy(dispatch->hash, hash, strlen(hash) + 1);
	pump(dispatch);
	return 0;
}

void cw_dispatch_queued(struct cw_dispatch *dispatch)
{
	pump(dispatch);
}

void cw_dispatch_hold(struct cw_dispatch *dispatch, bool held)
{
	dispatch->held = held;
	pump(dispatch);
}

size_t cw_dispatch_in_flight(const struct cw_dispatch *dispatch)
{
	return dispatch->n_docs;
}

bool cw_dispatch_has(const struct cw_dispatch *dispatch, uint64_t document)
{
	const struct doc *doc;

	for (doc = dispatch->docs; doc && doc->row.id != document; doc = doc->next)
		;
	return doc && doc->state != DOC_NEW && doc->state != DOC_WAITING;
}

bool cw_dispatch_assessor_ready(const struct cw_dispatch *dispatch)
{
	return dispatch->assessor && !dispatch->assessor->bad;
}

size_t cw_dispatch_normalisers_ready(const struct cw_dispatch *dispatch)
{
	const struct peer *peer;
	size_t n = 0;

	for (peer = dispatch->peers; peer; peer = peer->next)
		n += !peer->bad && !peer->gone;
	return n;
}

void cw_dispatch_stop_workers(struct cw_dispatch *dispatch)
{
	struct peer *peer;

	for (peer = dispatch->peers; peer; peer = peer->next)
		send_plain(dispatch, peer, CW_MSG_STOP, NULL);
	if (dispatch->assessor)
		send_plain(dispatch, dispatch->assessor, CW_MSG_STOP, NULL);
}

void cw_dispatch_feed_state(struct cw_dispatch *dispatch, const struct cw_feed_state *state)
{
	struct cw_message message = { .kind = CW_MSG_FEED_STATE };

	if (!dispatch->assessor)
		return;
	cw_buf_reset(&dispatch->scratch);
	if (cw_feed_state_put(&dispatch->scratch, state) < 0)
		return;
	message.payload = (struct cw_frame){ dispatch->scratch.data, dispatch->scratch.len };
	send_message(dispatch, dispatch->assessor, &message);
}

int cw_dispatch_dismiss(struct cw_dispatch *dispatch, uint64_t number, const struct cw_dismissal *dismissal)
{
	struct cw_message message = { .kind = CW_MSG_DISMISS, .number = number };

	if (!cw_dispatch_assessor_ready(dispatch))
		return -EAGAIN;
	cw_buf_reset(&dispatch->scratch);
	if (cw_dismissal_put(&dispatch->scratch, dismissal) < 0)
		return -ENOMEM;
	message.payload = (struct cw_frame){ dispatch->scratch.data, dispatch->scratch.len };
	send_message(dispatch, dispatch->assessor, &message);
	return 0;
}

int cw_dispatch_retain(struct cw_dispatch *dispatch, uint64_t number, int32_t day, bool apply)
{
	struct cw_message message = { .kind = CW_MSG_RETAIN, .number = number, .count = (uint32_t)day, .sequence = apply };

	if (!cw_dispatch_assessor_ready(dispatch) || day < 0)
		return -EAGAIN;
	send_message(dispatch, dispatch->assessor, &message);
	return 0;
}

void cw_dispatch_allow(struct cw_dispatch *dispatch, const char *door, const struct cw_allowed *allowed)
{
	struct cw_message message = { .kind = CW_MSG_ALLOW };

	if (!dispatch->assessor)
		return;
	cw_buf_reset(&dispatch->scratch);
	if (cw_allow_put(&dispatch->scratch, door, allowed) < 0)
		return;
	message.payload = (struct cw_frame){ dispatch->scratch.data, dispatch->scratch.len };
	send_message(dispatch, dispatch->assessor, &message);
}

bool cw_dispatch_remote(const struct cw_dispatch *dispatch, size_t index, struct cw_remote_info *ret)
{
	const struct peer *peer;

	for (peer = dispatch->peers; peer; peer = peer->next)
		if (peer->sender.kind == CW_SENDER_KEY && !peer->bad && index-- == 0) {
			*ret = (struct cw_remote_info){ peer->sender.name, peer->sender.address, peer->documents };
			return true;
		}
	return false;
}
