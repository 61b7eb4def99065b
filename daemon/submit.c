#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include <jansson.h>

#include <councilwatch/log.h>

#include "auditor.h"
#include "submission.h"
#include "submit.h"

#define LINGER_MS 500
#define ANSWERS_HWM 1000
/* Each ends on the disk: after so many others get their turn. */
#define RECEIVE_ROUND 8
#define BUSY_MS 1000

struct cw_submit {
	struct cw_inbox *inbox;
	struct cw_sock *sock;
	struct cw_watch *watch;
	struct cw_submit_ops ops;
	void *arg;
	bool closing;
	bool busy; /* said so in the log */
	struct cw_sender sender; /* of the request in hand */
};

/* An error: a code for programs, and a sentence with the mend for people. */
static json_t *problem(const char *code, const char *fmt, ...) CW_PRINTF(2, 3);
static json_t *problem(const char *code, const char *fmt, ...)
{
	va_list args;
	json_t *text;

	va_start(args, fmt);
	text = json_vsprintf(fmt, args);
	va_end(args);
	return json_pack("{s:s, s:o}", "error", code, "detail", text ? text : json_string(""));
}

static json_t *json_hash(const unsigned char hash[CW_SHA256_LEN])
{
	char text[7 + CW_SHA256_HEX] = "sha256:";

	cw_hex(hash, CW_SHA256_LEN, text + 7);
	return json_string(text);
}

static json_t *json_time(struct cw_wall time)
{
	char text[CW_WALL_TEXT];

	return cw_wall_known(time) ? json_string(cw_wall_format(time, text)) : json_null();
}

/* What became of it, once it is committed. */
static void put_outcome(json_t *object, const struct cw_inbox_document *document)
{
	json_t *reasons = json_object();
	struct cw_commit_info info;
	struct cw_cursor cursor;
	struct cw_document_tally *tally = &info.tally;
	bool good;

	cw_cursor_init(&cursor, document->commit, document->commit_len);
	if (cw_commit_info_get(&cursor, &info, NULL) < 0)
		info = (struct cw_commit_info){ .tally = { .outcome = document->outcome } };
	good = tally->outcome == CW_REASON_NONE;
	for (size_t i = 1; i < CW_REASON_COUNT; i++)
		if (tally->reasons[i])
			json_object_set_new(reasons, cw_reason_name((enum cw_reason)i),
			                    json_integer((json_int_t)tally->reasons[i]));
	json_object_set_new(object, "state", json_string(good ? "committed" : "rejected"));
	json_object_set_new(object, "rows", json_integer((json_int_t)tally->rows));
	json_object_set_new(object, "evidence", json_integer((json_int_t)tally->evidence));
	json_object_set_new(object, "new_evidence", json_integer((json_int_t)info.new_evidence));
	json_object_set_new(object, "quarantined", json_integer((json_int_t)info.quarantined));
	json_object_set_new(object, "alerts", json_integer((json_int_t)info.alerts));
	json_object_set_new(object, "last_seq", json_integer((json_int_t)info.last_seq));
	json_object_set_new(object, "reasons", reasons);
	if (good)
		return;
	json_object_set_new(object, "reason", json_string(cw_reason_name(tally->outcome)));
	json_object_set_new(object, "detail", json_stringn_nocheck(tally->detail.at ? tally->detail.at : "", tally->detail.len));
	json_object_set_new(object, "mend", json_string(cw_reason_mend(tally->outcome)));
}

static json_t *answer_receipt(struct cw_submit *submit, const struct cw_submission *header)
{
	char submitter[CW_AUDIT_SUBMITTER_MAX];
	struct cw_inbox_document document;
	struct cw_inbox_receipt receipt;
	struct cw_audit_who who;
	struct cw_error err;
	json_t *object;
	int r = cw_inbox_receipt(submit->inbox, header->receipt, &receipt, &err);

	if (r == 0)
		r = cw_inbox_document(submit->inbox, receipt.document, &document, &err);
	if (r == -ENOENT)
		return problem("unknown_receipt",
		               "nothing was ever accepted under this receipt: if the document was submitted, submit it again");
	if (r < 0)
		return problem("storage", "%s", err.text);
	cw_audit_who_parse(document.who, &who);
	object = json_pack("{s:o, s:I, s:s, s:o, s:s}", "receipt", json_hash(receipt.id), "document", (json_int_t)document.id, "feed",
	                   document.feed, "accepted_at", json_time(receipt.accepted_at), "submitted_by",
	                   cw_audit_submitter(&who, submitter));
	if (object && document.state != CW_INBOX_QUEUED)
		put_outcome(object, &document);
	else if (object)
		json_object_set_new(object, "state",
		                    json_string(submit->ops.dispatched(submit->arg, document.id) ? "dispatched" : "stored"));
	cw_inbox_document_clear(&document);
	return object;
}

/* NULL when it may be taken. */
static json_t *refusal(struct cw_submit *submit, const struct cw_submission *header, const struct cw_feed *feed, size_t len)
{
	if (!feed)
		return problem("unknown_feed", "there is no feed '%s' in the configuration: 'councilwatch status' lists them",
		               header->feed);
	if (!feed->enabled)
		return problem("feed_off", "feed '%s' is off (enabled = false in %s)", feed->name, feed->file);
	if (!feed->submissions)
		return problem("submissions_off", "feed '%s' takes no submissions: set submissions = true in %s", feed->name,
		               feed->file);
	if (len > CW_SUBMIT_MAX || len > feed->max_size)
		return problem("too_large",
		               "%zu bytes are more than a submission to feed '%s' may have, %" PRIu64
		               ": send it in parts, or use a drop folder or 'councilwatch import'",
		               len, feed->name, CW_MIN((uint64_t)CW_SUBMIT_MAX, feed->max_size));
	if (submit->ops.full(submit->arg)) {
		json_t *busy = problem("busy", "too much is waiting: send it again later");

		if (!submit->busy)
			cw_log(CW_LOG_WARNING, "submit.busy", "feed=%s", feed->name);
		submit->busy = true;
		json_object_set_new(busy, "retry_after_ms", json_integer(BUSY_MS));
		return busy;
	}
	submit->busy = false;
	return NULL;
}

static json_t *take_document(struct cw_submit *submit, const struct cw_submission *header, const struct cw_frame *bytes)
{
	const struct cw_feed *feed = submit->ops.feed(submit->arg, header->feed);
	char client[sizeof("client:") + CW_SUBMIT_CLIENT_MAX];
	struct cw_inbox_stream *stream;
	struct cw_inbox_document document;
	struct cw_inbox_receipt receipt;
	CW_CLEANUP(cw_buf_clear) struct cw_buf handed_in = { 0 };
	struct cw_audit_who who;
	struct cw_error err;
	json_t *object = refusal(submit, header, feed, bytes->len);
	int r;

	if (object)
		return object;
	snprintf(client, sizeof(client), "client:%s", header->client_id);
	cw_auditor_sender(submit->sock, header->sudo_user, "submit", &who);
	cw_buf_init(&handed_in, 1024);
	if (cw_audit_who_put(&who, &handed_in) < 0)
		return problem("storage", "out of memory");
	struct cw_inbox_meta meta = {
		.feed = feed->name,
		.url = header->name[0] ? header->name : "submission",
		.content_type = header->content_type,
		.fetched_at = cw_wall_now(),
		.flags = CW_DOC_SUBMITTED,
		.expect_sha256 = header->has_sha256 ? header->sha256 : NULL,
		.client = client,
		.who = cw_buf_str(&handed_in),
	};

	r = cw_inbox_stream_new(submit->inbox, CW_SUBMIT_MAX, &stream, &err);
	if (r < 0)
		return problem("storage", "%s", err.text);
	r = cw_inbox_stream_write(stream, bytes->data, bytes->len, &err);
	if (r == 0)
		r = cw_inbox_stream_finish(stream, &meta, NULL, &document, &err);
	cw_inbox_stream_free(stream);
	if (r < 0) {
		if (r != -EBADMSG)
			cw_log_error(CW_LOG_ERROR, "submit.failed", &err, "feed=%s", feed->name);
		return problem(r == -EBADMSG ? "malformed" : "storage", "%s", err.text);
	}
	if (r == CW_INBOX_STORED)
		cw_log(CW_LOG_INFO, "submit.stored", "feed=%s client=%s document=%" PRIu64 " size=%" PRIu64, feed->name,
		       header->client_id, document.id, document.size);
	if (cw_inbox_receipt_id(feed->name, client, document.sha256, receipt.id) < 0 ||
	    cw_inbox_receipt(submit->inbox, receipt.id, &receipt, &err) < 0)
		object = problem("storage", "the receipt cannot be read: submit it again");
	else
		object = json_pack("{s:o, s:I, s:o, s:s, s:b}", "receipt", json_hash(receipt.id), "document",
		                   (json_int_t)document.id, "accepted_at", json_time(receipt.accepted_at), "state",
		                   document.state == CW_INBOX_QUEUED      ? "stored"
		                   : document.state == CW_INBOX_COMMITTED ? "committed"
		                                                          : "rejected",
		                   "duplicate", r != CW_INBOX_STORED);
	cw_inbox_document_clear(&document);
	if (r == CW_INBOX_STORED)
		submit->ops.stored(submit->arg);
	return object;
}

static json_t *answer(struct cw_submit *submit, const struct cw_frame *frames, size_t n)
{
	struct cw_submission header;
	struct cw_error err;
	json_t *object, *id;

	if (n < 1 || n > 2)
		return problem("malformed", "a submission is two frames, a JSON header and the document; a question is one");
	if (cw_submission_decode(frames[0].data, frames[0].len, &header, &err) < 0)
		object = problem("malformed", "%s", err.text);
	else if (header.asks)
		object = n == 1 ? answer_receipt(submit, &header)
		                : problem("malformed", "a question about a receipt has no second frame");
	else if (n < 2)
		object = problem("malformed", "the document is missing: send it as a second frame");
	else if (submit->closing)
		object = problem("stopping", "the daemon is stopping: send it again when it is back");
	else
		object = take_document(submit, &header, &frames[1]);
	id = object && header.id[0] ? json_loads(header.id, JSON_DECODE_ANY, NULL) : NULL;
	if (id)
		json_object_set_new(object, "id", id);
	return object;
}

/* What REQ sockets put before a request and want before its answer: an empty frame, perhaps with a number of theirs in front. */
static size_t envelope(const struct cw_frames *frames)
{
	if (frames->n > 1 && frames->frame[0].len == 0)
		return 1;
	return frames->n > 2 && frames->frame[1].len == 0 ? 2 : 0;
}

static void respond(struct cw_submit *submit, const struct cw_peer *peer, const struct cw_frame *front, size_t n, json_t *object)
{
	char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
	struct cw_frame reply[3];

	json_decref(object);
	for (size_t i = 0; i < n; i++)
		reply[i] = front[i];
	reply[n] = (struct cw_frame){ text, text ? strlen(text) : 0 };
	/* A client that does not take its answer goes without: it asks, or sends again, and gets the same. */
	if (text)
		(void)cw_sock_send(submit->sock, peer, reply, n + 1);
	else
		cw_log(CW_LOG_ERROR, "submit.failed", "error=%s", "out of memory");
	free(text);
}

static void sock_event(void *arg, unsigned events)
{
	struct cw_submit *submit = arg;
	struct cw_frames frames;
	struct cw_peer peer;
	size_t front;
	int r;

	(void)events;
	for (int i = 0; i < RECEIVE_ROUND; i++) {
		peer.len = 0;
		r = cw_sock_recv(submit->sock, &peer, &frames);
		if (r == -EMSGSIZE) {
			if (peer.len)
				respond(submit, &peer, NULL, 0, problem("malformed", "too many frames"));
			continue;
		}
		if (r < 0)
			return;
		cw_sock_sender(submit->sock, &submit->sender);
		if (submit->ops.is_worker(submit->arg, &submit->sender, "speaks at the submit socket"))
			continue;
		front = envelope(&frames);
		respond(submit, &peer, frames.frame, front, answer(submit, frames.frame + front, frames.n - front));
	}
}

int cw_submit_new(struct cw_loop *loop, struct cw_bus *bus, struct cw_inbox *inbox, const char *endpoint,
                  const struct cw_submit_ops *ops, void *arg, struct cw_submit **ret, struct cw_error *err)
{
	struct cw_submit *submit = calloc(1, sizeof(*submit));
	int r;

	if (!submit)
		return cw_error_nomem(err);
	submit->inbox = inbox;
	submit->ops = *ops;
	submit->arg = arg;
	r = cw_sock_new(bus, CW_SOCK_ROUTER, ANSWERS_HWM, LINGER_MS, &submit->sock, err);
	if (r == 0)
		r = cw_sock_limit_received(submit->sock, CW_SUBMIT_HWM, err);
	if (r == 0)
		r = cw_sock_bind(submit->sock, endpoint, err);
	if (r == 0)
		r = cw_loop_add_zmq(loop, cw_sock_zmq(submit->sock), CW_LOOP_READ, sock_event, submit, &submit->watch, err);
	if (r < 0) {
		cw_submit_free(submit);
		return r;
	}
	*ret = submit;
	return 0;
}

void cw_submit_free(struct cw_submit *submit)
{
	if (!submit)
		return;
	cw_watch_free(submit->watch);
	cw_sock_free(submit->sock);
	free(submit);
}

void cw_submit_close(struct cw_submit *submit)
{
	submit->closing = true;
}
