/*
 * control.c: JSON requests in, JSON answers out; uploads into the inbox.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include <councilwatch/log.h>

#include "auditor.h"
#include "control.h"

#define SOCKET_HWM 1000
#define LINGER_MS 500
#define RECEIVE_ROUND 64
#define RETRY_MS 50
#define WAITING_BEGINS_MAX 8u /* of one client */

struct answer {
	struct answer *next;
	size_t len;
	char text[];
};

struct upload {
	struct upload *next;
	uint64_t id;
	char *feed, *name;
	struct cw_wall fetched_at;
	uint64_t size; /* as announced */
	bool size_known;
	struct cw_inbox_stream *stream;
};

/* An import.begin that is to be answered when there is room. */
struct begin {
	struct begin *next;
	json_t *request;
};

struct client {
	struct client *next;
	struct cw_peer peer;
	struct cw_mono heard;
	struct upload *uploads;
	unsigned n_uploads;
	struct begin *begins, **begins_end;
	unsigned n_begins;
	struct answer *answers, **answers_end;
	size_t answers_bytes;
	bool gone;
};

/* Who is to be told of a commit. */
struct waiter {
	struct waiter *next;
	uint64_t document, upload;
	struct cw_peer peer;
};

/* Who is to be told that entries of the quarantine are marked. The number says which client's and which request. */
struct dismissing {
	struct dismissing *next;
	uint64_t number;
	struct cw_peer peer;
	json_t *request;
};
#define DISMISSING_MAX 64u

struct cw_control {
	struct cw_loop *loop;
	struct cw_inbox *inbox;
	struct cw_sock *sock;
	struct cw_watch *watch;
	struct cw_timer *retry, *idle;
	struct cw_control_ops ops;
	void *arg;
	struct client *clients;
	unsigned n_clients, n_uploads;
	struct waiter *waiters;
	struct dismissing *dismissing; /* newest first */
	unsigned n_dismissing;
	uint64_t next_dismissal;
	uint64_t next_upload;
	bool closing;
	struct cw_sender sender; /* of the request in hand */
};

/* Who asks: the user that the system names; what a process of root says of itself is believed. */
static void sender(struct cw_control *control, const json_t *request, struct cw_audit_who *ret)
{
	cw_auditor_sender(control->sock, json_string_value(json_object_get(request, "sudo_user")), "control", ret);
}

/* Clients */

static void upload_free(struct cw_control *control, struct client *client, struct upload *upload)
{
	struct upload **link;

	for (link = &client->uploads; *link != upload; link = &(*link)->next)
		;
	*link = upload->next;
	client->n_uploads--;
	control->n_uploads--;
	cw_inbox_stream_free(upload->stream);
	free(upload->feed);
	free(upload->name);
	free(upload);
}

static void client_free(struct cw_control *control, struct client *client)
{
	struct client **link;
	struct answer *answer;
	struct begin *begin;

	for (link = &control->clients; *link != client; link = &(*link)->next)
		;
	*link = client->next;
	control->n_clients--;
	while (client->uploads)
		upload_free(control, client, client->uploads);
	while ((begin = client->begins)) {
		client->begins = begin->next;
		json_decref(begin->request);
		free(begin);
	}
	while ((answer = client->answers)) {
		client->answers = answer->next;
		free(answer);
	}
	free(client);
}

static struct client *client_find(struct cw_control *control, const struct cw_peer *peer)
{
	struct client *client;

	for (client = control->clients; client && !cw_peer_eq(&client->peer, peer); client = client->next)
		;
	return client;
}

/* The one that was silent longest makes way when there are too many, unless it is in the middle of something. */
static struct client *client_get(struct cw_control *control, const struct cw_peer *peer)
{
	struct client *client = client_find(control, peer), *each, *oldest = NULL;

	if (client)
		return client;
	if (control->n_clients >= CW_CLIENTS_MAX) {
		for (each = control->clients; each; each = each->next)
			if (!each->n_uploads && !each->n_begins && (!oldest || each->heard.ns < oldest->heard.ns))
				oldest = each;
		if (!oldest)
			return NULL;
		client_free(control, oldest);
	}
	client = calloc(1, sizeof(*client));
	if (!client)
		return NULL;
	client->peer = *peer;
	client->begins_end = &client->begins;
	client->answers_end = &client->answers;
	client->next = control->clients;
	control->clients = client;
	control->n_clients++;
	return client;
}

/* Answers */

/* 0, -EAGAIN, or the client is gone. */
static int send_text(struct cw_control *control, struct client *client, const char *text, size_t len)
{
	struct cw_frame frame = { text, len };
	int r;

	if (client->gone)
		return -EHOSTUNREACH;
	r = cw_sock_send(control->sock, &client->peer, &frame, 1);
	if (r < 0 && r != -EAGAIN)
		client->gone = true;
	return r;
}

static void answers_send(struct cw_control *control, struct client *client)
{
	struct answer *answer;

	while ((answer = client->answers)) {
		if (send_text(control, client, answer->text, answer->len) == -EAGAIN) {
			if (!cw_timer_armed(control->retry))
				cw_timer_arm(control->retry, RETRY_MS);
			return;
		}
		client->answers = answer->next;
		if (!client->answers)
			client->answers_end = &client->answers;
		client->answers_bytes -= answer->len;
		free(answer);
	}
}

static void retry_fired(void *arg)
{
	struct cw_control *control = arg;
	struct client *client;

	for (client = control->clients; client; client = client->next)
		answers_send(control, client);
}

/* Takes the object. Without memory or room the client hears nothing, and times out as if we had died. */
static void answer(struct cw_control *control, struct client *client, json_t *object)
{
	char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
	struct answer *late;
	size_t len;

	json_decref(object);
	if (!text) {
		cw_log(CW_LOG_ERROR, "control.failed", "reason=%s", "out of memory");
		return;
	}
	len = strlen(text);
	if (client->answers || send_text(control, client, text, len) == -EAGAIN) {
		late = client->answers_bytes + len <= CW_ANSWERS_MAX ? malloc(sizeof(*late) + len) : NULL;
		if (late) {
			late->next = NULL;
			late->len = len;
			memcpy(late->text, text, len);
			*client->answers_end = late;
			client->answers_end = &late->next;
			client->answers_bytes += len;
			if (!cw_timer_armed(control->retry))
				cw_timer_arm(control->retry, RETRY_MS);
		} else {
			client->gone = true;
		}
	}
	free(text);
}

static json_t *answer_ok(const json_t *request)
{
	json_t *id = json_object_get(request, "id");

	return json_pack("{s:O?, s:b}", "id", id, "ok", 1);
}

static void refuse(struct cw_control *control, struct client *client, const json_t *request, const char *fmt, ...)
    CW_PRINTF(4, 5);
static void refuse(struct cw_control *control, struct client *client, const json_t *request, const char *fmt, ...)
{
	json_t *id = json_object_get(request, "id"), *text;
	va_list args;

	va_start(args, fmt);
	text = json_vsprintf(fmt, args);
	va_end(args);
	if (!text)
		text = json_string("the request was refused");
	answer(control, client, json_pack("{s:O?, s:b, s:o}", "id", id, "ok", 0, "error", text));
}

/* The fields of "committed", from what the assessor said. Takes object. */
static json_t *commit_fields(json_t *object, const struct cw_commit_info *info)
{
	json_t *reasons = json_object();
	const struct cw_document_tally *tally = &info->tally;
	size_t i;

	if (!object || !reasons)
		goto failed;
	for (i = 1; i < CW_REASON_COUNT; i++)
		if (tally->reasons[i] && json_object_set_new(reasons, cw_reason_name((enum cw_reason)i),
		                                             json_integer((json_int_t)tally->reasons[i])) < 0)
			goto failed;
	if (json_object_update_new(
	        object, json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:b, s:O, s:s%}", "outcome",
	                          tally->outcome == CW_REASON_NONE ? "parsed" : cw_reason_name(tally->outcome), "rows",
	                          (json_int_t)tally->rows, "evidence", (json_int_t)tally->evidence, "new_evidence",
	                          (json_int_t)info->new_evidence, "quarantined", (json_int_t)info->quarantined,
	                          "alerts", (json_int_t)info->alerts, "last_seq", (json_int_t)info->last_seq,
	                          "duplicate", (int)info->duplicate, "reasons", reasons, "detail",
	                          tally->detail.at ? tally->detail.at : "", tally->detail.len)) < 0)
		goto failed;
	json_decref(reasons);
	return object;
failed:
	json_decref(object);
	json_decref(reasons);
	return NULL;
}

static int waiter_add(struct cw_control *control, uint64_t document, uint64_t upload, const struct cw_peer *peer)
{
	struct waiter *waiter = calloc(1, sizeof(*waiter));

	if (!waiter)
		return -ENOMEM;
	waiter->document = document;
	waiter->upload = upload;
	waiter->peer = *peer;
	waiter->next = control->waiters;
	control->waiters = waiter;
	return 0;
}

void cw_control_committed(struct cw_control *control, const struct cw_inbox_document *document,
                          const struct cw_commit_info *info)
{
	struct waiter **link = &control->waiters, *waiter;
	struct client *client;
	json_t *object;

	while ((waiter = *link)) {
		if (waiter->document != document->id) {
			link = &waiter->next;
			continue;
		}
		*link = waiter->next;
		client = client_find(control, &waiter->peer);
		if (client) {
			object = json_pack("{s:s, s:I, s:I}", "op", "committed", "document", (json_int_t)document->id,
			                   "upload", (json_int_t)waiter->upload);
			answer(control, client, commit_fields(object, info));
		}
		free(waiter);
	}
}

/* Requests */

static struct upload *upload_find(struct client *client, const json_t *request)
{
	json_t *id = json_object_get(request, "upload");
	struct upload *upload;

	if (!json_is_integer(id))
		return NULL;
	for (upload = client->uploads; upload && upload->id != (uint64_t)json_integer_value(id); upload = upload->next)
		;
	return upload;
}

/* Decodes an import.begin. 0 with *ret filled but for its stream, or negative with text in err. */
static int begin_decode(struct cw_control *control, const json_t *request, struct upload *ret,
                        const struct cw_feed **ret_feed, struct cw_error *err)
{
	const char *feed = json_string_value(json_object_get(request, "feed"));
	const char *name = json_string_value(json_object_get(request, "name"));
	const json_t *size = json_object_get(request, "size"), *fetched_at = json_object_get(request, "fetched_at");

	if (!feed)
		return cw_error_set(err, -EINVAL, "import.begin needs 'feed'");
	*ret_feed = control->ops.feed(control->arg, feed);
	if (!*ret_feed)
		return cw_error_set(err, -ENOENT, "there is no feed '%.64s' in the configuration", feed);
	if (size && !json_is_null(size)) {
		if (!json_is_integer(size) || json_integer_value(size) < 0)
			return cw_error_set(err, -EINVAL, "'size' is a number of bytes");
		ret->size = (uint64_t)json_integer_value(size);
		ret->size_known = true;
		if (ret->size > (*ret_feed)->max_size)
			return cw_error_set(err, -EMSGSIZE,
			                    "%" PRIu64 " bytes are more than max_size of feed '%s' (%" PRIu64
			                    "): raise it in %s",
			                    ret->size, feed, (*ret_feed)->max_size, (*ret_feed)->file);
	}
	if (fetched_at && !json_is_null(fetched_at)) {
		const char *text = json_string_value(fetched_at);

		if (!text || cw_wall_parse(text, strlen(text), &ret->fetched_at, NULL) < 0)
			return cw_error_set(err, -EINVAL,
			                    "'fetched_at' is not an ISO 8601 time such as 2024-01-31T09:11:54Z");
	} else {
		ret->fetched_at = cw_wall_now();
	}
	ret->feed = strdup(feed);
	/* A name may be a long path; its end tells more than its beginning. */
	name = name ? name : "";
	if (strlen(name) > CW_URL_MAX) {
		name += strlen(name) - CW_URL_MAX;
		while (((unsigned char)*name & 0xc0) == 0x80)
			name++;
	}
	ret->name = strdup(name);
	return ret->feed && ret->name ? 0 : cw_error_nomem(err);
}

static void begin_now(struct cw_control *control, struct client *client, const json_t *request)
{
	struct upload *upload = calloc(1, sizeof(*upload));
	const struct cw_feed *feed = NULL;
	struct cw_error err;
	json_t *object;
	int r;

	r = upload ? begin_decode(control, request, upload, &feed, &err) : cw_error_nomem(&err);
	if (r == 0)
		r = cw_inbox_stream_new(control->inbox, feed->max_size, &upload->stream, &err);
	if (r < 0) {
		if (upload) {
			free(upload->feed);
			free(upload->name);
		}
		free(upload);
		refuse(control, client, request, "%s", err.text);
		return;
	}
	upload->id = control->next_upload++;
	upload->next = client->uploads;
	client->uploads = upload;
	client->n_uploads++;
	control->n_uploads++;
	object = answer_ok(request);
	if (object)
		json_object_set_new(object, "upload", json_integer((json_int_t)upload->id));
	answer(control, client, object);
}

static bool may_begin(const struct cw_control *control, const struct client *client)
{
	return control->n_uploads < CW_UPLOADS_MAX && client->n_uploads < CW_UPLOADS_PER_CLIENT &&
	       !control->ops.full(control->arg);
}

static void import_begin(struct cw_control *control, struct client *client, json_t *request)
{
	struct upload checked = { 0 };
	const struct cw_feed *feed;
	struct begin *begin;
	struct cw_error err;
	int r;

	if (!client->begins && may_begin(control, client)) {
		begin_now(control, client, request);
		return;
	}
	/* What is wrong is said at once; what is right waits its turn. */
	r = begin_decode(control, request, &checked, &feed, &err);
	free(checked.feed);
	free(checked.name);
	if (r < 0) {
		refuse(control, client, request, "%s", err.text);
		return;
	}
	begin = client->n_begins < WAITING_BEGINS_MAX ? calloc(1, sizeof(*begin)) : NULL;
	if (!begin) {
		refuse(control, client, request, "too many imports wait to begin: wait for answers first");
		return;
	}
	begin->request = json_incref(request);
	*client->begins_end = begin;
	client->begins_end = &begin->next;
	client->n_begins++;
}

void cw_control_room(struct cw_control *control)
{
	struct client *client;
	struct begin *begin;

	for (client = control->clients; client; client = client->next)
		while (client->begins && !client->gone && may_begin(control, client)) {
			begin = client->begins;
			client->begins = begin->next;
			if (!client->begins)
				client->begins_end = &client->begins;
			client->n_begins--;
			begin_now(control, client, begin->request);
			json_decref(begin->request);
			free(begin);
		}
}

static void import_chunk(struct cw_control *control, struct client *client, const json_t *request,
                         const struct cw_frame *bytes)
{
	struct upload *upload = upload_find(client, request);
	struct cw_error err;
	json_t *object;
	int r;

	if (!upload) {
		refuse(control, client, request, "there is no such upload: begin again");
		return;
	}
	if (!bytes || bytes->len > CW_CHUNK_MAX) {
		refuse(control, client, request, "import.chunk needs a second frame of at most %u bytes", CW_CHUNK_MAX);
		return;
	}
	r = cw_inbox_stream_write(upload->stream, bytes->data, bytes->len, &err);
	if (r < 0) {
		upload_free(control, client, upload);
		refuse(control, client, request, "%s", err.text);
		cw_control_room(control);
		return;
	}
	object = answer_ok(request);
	if (object) {
		json_object_set_new(object, "upload", json_integer((json_int_t)upload->id));
		json_object_set_new(object, "received", json_integer((json_int_t)cw_inbox_stream_size(upload->stream)));
	}
	answer(control, client, object);
}

/* What became of a document, as fields of object. Takes object. */
static json_t *document_fields(json_t *object, const struct cw_inbox_document *document, bool duplicate)
{
	struct cw_commit_info info;
	struct cw_cursor cursor;

	if (!object)
		return NULL;
	json_object_set_new(object, "document", json_integer((json_int_t)document->id));
	json_object_set_new(object, "state", json_string(document->state == CW_INBOX_QUEUED ? "queued" : "committed"));
	if (document->state == CW_INBOX_QUEUED)
		return object;
	cw_cursor_init(&cursor, document->commit, document->commit_len);
	/* Written by another version with other reasons, perhaps. What it ended as is still known. */
	if (cw_commit_info_get(&cursor, &info, NULL) < 0) {
		memset(&info, 0, sizeof(info));
		info.tally.outcome = document->outcome;
	}
	info.duplicate |= duplicate;
	return commit_fields(object, &info);
}

/* The answer to import.end. */
static void import_stored(struct cw_control *control, struct client *client, const json_t *request, uint64_t upload,
                          const struct cw_inbox_document *document)
{
	json_t *object = answer_ok(request);

	if (object)
		json_object_set_new(object, "upload", json_integer((json_int_t)upload));
	answer(control, client, document_fields(object, document, true));
}

static void import_end(struct cw_control *control, struct client *client, const json_t *request)
{
	struct upload *upload = upload_find(client, request);
	const char *hex = json_string_value(json_object_get(request, "sha256"));
	unsigned char sha256[CW_SHA256_LEN];
	CW_CLEANUP(cw_buf_clear) struct cw_buf handed_in = { 0 };
	struct cw_inbox_document document;
	struct cw_inbox_meta meta;
	struct cw_audit_who who;
	struct cw_error err;
	uint64_t id;
	int r = 0;

	if (!upload) {
		refuse(control, client, request, "there is no such upload: begin again");
		return;
	}
	id = upload->id;
	if (hex && (strlen(hex) != CW_SHA256_LEN * 2 || cw_unhex(hex, sha256, CW_SHA256_LEN) < 0))
		r = cw_error_set(&err, -EINVAL, "'sha256' is not 64 hexadecimal digits");
	else if (upload->size_known && cw_inbox_stream_size(upload->stream) != upload->size)
		r = cw_error_set(&err, -EBADMSG, "%" PRIu64 " bytes arrived, but %" PRIu64 " were announced",
		                 cw_inbox_stream_size(upload->stream), upload->size);
	sender(control, request, &who);
	cw_buf_init(&handed_in, 1024);
	if (r == 0 && cw_audit_who_put(&who, &handed_in) < 0)
		r = cw_error_nomem(&err);
	if (r == 0) {
		meta = (struct cw_inbox_meta){
			.who = cw_buf_str(&handed_in),
			.feed = upload->feed,
			.url = upload->name,
			.fetched_at = upload->fetched_at,
			.flags = CW_DOC_IMPORTED,
			.expect_sha256 = hex ? sha256 : NULL,
		};
		r = cw_inbox_stream_finish(upload->stream, &meta, NULL, &document, &err);
	}
	if (r < 0) {
		upload_free(control, client, upload);
		refuse(control, client, request, "%s", err.text);
		cw_control_room(control);
		return;
	}
	if (document.state == CW_INBOX_QUEUED && waiter_add(control, document.id, id, &client->peer) < 0)
		cw_log(CW_LOG_ERROR, "control.failed", "reason=%s", "out of memory");
	if (r == CW_INBOX_STORED)
		cw_log(CW_LOG_INFO, "document.imported", "document=%llu feed=%s name=%s size=%llu",
		       (unsigned long long)document.id, document.feed, document.url, (unsigned long long)document.size);
	upload_free(control, client, upload);
	import_stored(control, client, request, id, &document);
	cw_inbox_document_clear(&document);
	if (r == CW_INBOX_STORED)
		control->ops.stored(control->arg);
	cw_control_room(control);
}

static void import_abort(struct cw_control *control, struct client *client, const json_t *request)
{
	struct upload *upload = upload_find(client, request);

	if (!upload) {
		refuse(control, client, request, "there is no such upload");
		return;
	}
	upload_free(control, client, upload);
	answer(control, client, answer_ok(request));
	cw_control_room(control);
}

/* {"feed","sha256","fetched_at"}, as the database of evidence knows it: 0 with the document's row. */
static int document_named(struct cw_control *control, const json_t *name, struct cw_inbox_document *ret,
                          struct cw_error *err)
{
	const char *feed = json_string_value(json_object_get(name, "feed"));
	const char *hex = json_string_value(json_object_get(name, "sha256"));
	const char *text = json_string_value(json_object_get(name, "fetched_at"));
	unsigned char sha256[CW_SHA256_LEN];
	struct cw_wall fetched_at;

	if (!feed || !hex || !text || strlen(hex) != CW_SHA256_LEN * 2 || cw_unhex(hex, sha256, CW_SHA256_LEN) < 0 ||
	    cw_wall_parse(text, strlen(text), &fetched_at, NULL) < 0)
		return cw_error_set(err, -EINVAL, "a document is named by 'feed', 'sha256' and 'fetched_at'");
	return cw_inbox_find(control->inbox, feed, fetched_at, sha256, ret, err);
}

/* Before what it tells of is done. */
static int audit(struct cw_control *control, const json_t *request, enum cw_audit_action action, const char *feed, json_t *detail,
                 struct cw_error *err)
{
	struct cw_audit_who who;

	sender(control, request, &who);
	return control->ops.audit(control->arg, &who, action, NULL, feed, detail, NULL, err);
}

/* Reads documents again: {"documents":[names],"retry":true}. */
static void op_requeue(struct cw_control *control, struct client *client, const json_t *request)
{
	json_t *names = json_object_get(request, "documents"), *answers = json_array(), *object, *name;
	uint32_t flags = json_is_true(json_object_get(request, "retry")) ? CW_DOC_RETRY : 0;
	struct cw_inbox_document document;
	uint64_t ids[CW_DOCUMENTS_ASKED];
	struct cw_error err;
	size_t i, n = 0, queued = 0;
	bool there;
	int r = 0;

	if (!json_is_array(names) || json_array_size(names) > CW_DOCUMENTS_ASKED) {
		json_decref(answers);
		refuse(control, client, request, "requeue needs 'documents', at most %u", CW_DOCUMENTS_ASKED);
		return;
	}
	json_array_foreach(names, i, name)
	{
		r = document_named(control, name, &document, &err);
		if (r < 0 && r != -ENOENT)
			break;
		/* It may have been removed from the inbox since: the others are read all the same. */
		there = r == 0 && !cw_wall_known(document.removed_at);
		if (there)
			ids[n++] = document.id;
		json_array_append_new(answers, there ? json_integer((json_int_t)document.id) : json_null());
		if (r == 0)
			cw_inbox_document_clear(&document);
		r = 0;
	}
	if (r == 0 && n)
		r = audit(control, request, flags ? CW_AUDIT_RETRY : CW_AUDIT_REPLAY, NULL, json_pack("{s:I}", "documents", (json_int_t)n),
		          &err);
	if (r == 0)
		r = cw_inbox_requeue(control->inbox, ids, n, flags, &queued, &err);
	if (r < 0) {
		json_decref(answers);
		refuse(control, client, request, "%s", err.text);
		return;
	}
	cw_log(CW_LOG_INFO, "documents.requeued", "documents=%zu retry=%d", queued, flags != 0);
	object = answer_ok(request);
	if (object)
		json_object_set(object, "documents", answers);
	json_decref(answers);
	answer(control, client, object);
	if (queued)
		control->ops.stored(control->arg);
}

/* Reads every kept document again, of one feed or of all that are configured: {"feed"}. */
static void op_replay(struct cw_control *control, struct client *client, const json_t *request)
{
	const char *only = json_string_value(json_object_get(request, "feed")), *feed;
	size_t queued, all = 0;
	uint64_t gone = 0;
	struct cw_error err;
	json_t *object;

	if (only && !control->ops.feed(control->arg, only)) {
		refuse(control, client, request, "there is no feed '%.64s' in the configuration", only);
		return;
	}
	if (audit(control, request, CW_AUDIT_REPLAY, only, json_object(), &err) < 0) {
		refuse(control, client, request, "%s", err.text);
		return;
	}
	for (size_t i = 0; (feed = control->ops.feed_at(control->arg, i)); i++) {
		if (only && strcmp(feed, only) != 0)
			continue;
		if (cw_inbox_requeue_all(control->inbox, feed, &queued, &err) < 0) {
			refuse(control, client, request, "%s", err.text);
			return;
		}
		all += queued;
	}
	cw_log(CW_LOG_NOTICE, "documents.requeued", "documents=%zu feed=%s", all, only ? only : "");
	if (cw_inbox_removed(control->inbox, only, &gone, &err) < 0)
		cw_log_error(CW_LOG_WARNING, "control.failed", &err, NULL);
	object = answer_ok(request);
	if (object)
		json_object_set_new(object, "documents", json_integer((json_int_t)all));
	if (object)
		json_object_set_new(object, "gone", json_integer((json_int_t)gone));
	answer(control, client, object);
	if (all)
		control->ops.stored(control->arg);
}

/* How many of them wait: {"feed"}. */
static void op_replaying(struct cw_control *control, struct client *client, const json_t *request)
{
	const char *feed = json_string_value(json_object_get(request, "feed"));
	struct cw_error err;
	uint64_t waiting;
	json_t *object;

	if (cw_inbox_replaying(control->inbox, feed, &waiting, &err) < 0) {
		refuse(control, client, request, "%s", err.text);
		return;
	}
	object = answer_ok(request);
	if (object)
		json_object_set_new(object, "waiting", json_integer((json_int_t)waiting));
	answer(control, client, object);
}

/* What became of them: {"documents":[ids]}. */
static void op_documents(struct cw_control *control, struct client *client, const json_t *request)
{
	json_t *ids = json_object_get(request, "documents"), *answers = json_array(), *object, *id;
	struct cw_inbox_document document;
	struct cw_error err;
	size_t i;

	if (!json_is_array(ids) || json_array_size(ids) > CW_DOCUMENTS_ASKED) {
		json_decref(answers);
		refuse(control, client, request, "documents needs 'documents', at most %u numbers", CW_DOCUMENTS_ASKED);
		return;
	}
	json_array_foreach(ids, i, id)
	{
		int r = cw_inbox_document(control->inbox, (uint64_t)json_integer_value(id), &document, &err);

		if (r < 0 && r != -ENOENT) {
			json_decref(answers);
			refuse(control, client, request, "%s", err.text);
			return;
		}
		json_array_append_new(answers, r < 0 ? json_null() : document_fields(json_object(), &document, false));
		if (r == 0)
			cw_inbox_document_clear(&document);
	}
	object = answer_ok(request);
	if (object)
		json_object_set(object, "documents", answers);
	json_decref(answers);
	answer(control, client, object);
}

static void dismissing_end(struct cw_control *control, struct dismissing **link)
{
	struct dismissing *ended = *link;

	*link = ended->next;
	control->n_dismissing--;
	json_decref(ended->request);
	free(ended);
}

static int dismissal_decode(const json_t *request, struct cw_dismissal *ret, struct cw_error *err)
{
	const json_t *entries = json_object_get(request, "entries"), *entry;
	const char *author = json_string_value(json_object_get(request, "author"));
	const char *why = json_string_value(json_object_get(request, "reason"));
	size_t i;

	if (!author || !*author || strlen(author) > 256 || !why || !*why || strlen(why) > 4 * CW_QUOTE_MAX)
		return cw_error_set(err, -EINVAL, "quarantine.drop needs 'author' and 'reason'");
	if (!json_is_array(entries) || !json_array_size(entries) || json_array_size(entries) > CW_DISMISS_MAX)
		return cw_error_set(err, -EINVAL, "quarantine.drop needs 'entries', 1 to %u numbers", CW_DISMISS_MAX);
	ret->author = cw_str(author);
	ret->why = cw_str(why);
	ret->n = json_array_size(entries);
	json_array_foreach(entries, i, entry)
	{
		if (json_integer_value(entry) < 1)
			return cw_error_set(err, -EINVAL, "an entry is a number from 1");
		ret->ids[i] = (uint64_t)json_integer_value(entry);
	}
	return 0;
}

/* Entries of the quarantine that need no mend: the assessor marks them, and then this is answered. */
static void op_quarantine_drop(struct cw_control *control, struct client *client, json_t *request)
{
	struct dismissing *dismissing, **oldest = &control->dismissing;
	struct cw_dismissal dismissal;
	struct cw_error err;
	int r = dismissal_decode(request, &dismissal, &err);

	if (r < 0) {
		refuse(control, client, request, "%s", err.text);
		return;
	}
	if (audit(control, request, CW_AUDIT_DROP, NULL,
	          json_pack("{s:O, s:s}", "entries", json_object_get(request, "entries"), "author",
	                    json_string_value(json_object_get(request, "author"))), &err) < 0) {
		refuse(control, client, request, "%s", err.text);
		return;
	}
	/* What was never answered (the assessor died over it) makes way: its client asks again. */
	if (control->n_dismissing == DISMISSING_MAX) {
		while ((*oldest)->next)
			oldest = &(*oldest)->next;
		dismissing_end(control, oldest);
	}
	dismissing = calloc(1, sizeof(*dismissing));
	r = dismissing ? control->ops.dismiss(control->arg, control->next_dismissal, &dismissal) : -ENOMEM;
	if (r < 0) {
		free(dismissing);
		refuse(control, client, request, "%s",
		       r == -EAGAIN ? "the assessor is not there: try again in a moment" : "out of memory");
		return;
	}
	dismissing->number = control->next_dismissal++;
	dismissing->peer = client->peer;
	dismissing->request = json_incref(request);
	dismissing->next = control->dismissing;
	control->dismissing = dismissing;
	control->n_dismissing++;
}

void cw_control_dismissed(struct cw_control *control, uint64_t number, unsigned n, const char *why_not)
{
	struct dismissing **link = &control->dismissing;
	struct client *client;
	json_t *object;

	while (*link && (*link)->number != number)
		link = &(*link)->next;
	if (!*link)
		return;
	client = client_find(control, &(*link)->peer);
	if (client && *why_not) {
		refuse(control, client, (*link)->request, "%s", why_not);
	} else if (client) {
		object = answer_ok((*link)->request);
		if (object)
			json_object_set_new(object, "dropped", json_integer((json_int_t)n));
		answer(control, client, object);
	}
	dismissing_end(control, link);
}

static void op_status(struct cw_control *control, struct client *client, const json_t *request)
{
	json_t *object = answer_ok(request), *status = control->ops.status(control->arg);

	if (!object || !status || json_object_set_new(object, "status", status) < 0) {
		json_decref(object);
		object = NULL;
	}
	answer(control, client, object);
}

static void op_fetch(struct cw_control *control, struct client *client, const json_t *request)
{
	const char *feed = json_string_value(json_object_get(request, "feed"));
	struct cw_error err;

	uint64_t last = 0;
	json_t *object;

	if (!feed)
		refuse(control, client, request, "fetch needs 'feed'");
	else if (cw_inbox_last(control->inbox, &last, &err) < 0 || control->ops.fetch(control->arg, feed, &err) < 0)
		refuse(control, client, request, "%s", err.text);
	else {
		object = answer_ok(request);
		if (object)
			json_object_set_new(object, "after", json_integer((json_int_t)last));
		answer(control, client, object);
	}
}

/* How the feed is, and the documents that came after one: {"feed","after"}. */
static void op_fetched(struct cw_control *control, struct client *client, const json_t *request)
{
	const char *feed = json_string_value(json_object_get(request, "feed"));
	uint64_t after = (uint64_t)json_integer_value(json_object_get(request, "after"));
	json_t *documents, *each, *object, *state;
	struct cw_inbox_document document;
	struct cw_error err;
	unsigned n;
	int r = 0;

	if (!feed) {
		refuse(control, client, request, "fetched needs 'feed'");
		return;
	}
	state = control->ops.fetched(control->arg, feed, &err);
	if (!state) {
		refuse(control, client, request, "%s", err.text);
		return;
	}
	documents = json_array();
	for (n = 0; n < CW_DOCUMENTS_ASKED; n++) {
		r = cw_inbox_after(control->inbox, feed, after, &document, &err);
		if (r < 0)
			break;
		after = document.id;
		each = document_fields(json_object(), &document, false);
		json_object_set_new(each, "url", json_string(document.final_url));
		json_object_set_new(each, "step", json_string(document.step));
		json_object_set_new(each, "size", json_integer((json_int_t)document.size));
		json_array_append_new(documents, each);
		cw_inbox_document_clear(&document);
	}
	if (r < 0 && r != -ENOENT) {
		json_decref(state);
		json_decref(documents);
		refuse(control, client, request, "%s", err.text);
		return;
	}
	object = answer_ok(request);
	if (object) {
		json_object_set(object, "state", state);
		json_object_set(object, "documents", documents);
	}
	json_decref(state);
	json_decref(documents);
	answer(control, client, object);
}

static void op_reload(struct cw_control *control, struct client *client, const json_t *request)
{
	CW_CLEANUP(cw_buf_clear) struct cw_buf mistakes = { 0 };
	struct cw_audit_who who;

	cw_buf_init(&mistakes, CW_REQUEST_MAX);
	sender(control, request, &who);
	if (control->ops.reload(control->arg, &who, &mistakes) < 0)
		refuse(control, client, request, "%s", cw_buf_str(&mistakes));
	else
		answer(control, client, answer_ok(request));
}

/* A command that may not write the log itself: {"action":"export","council":…,"detail":{…}}. It can tell of what it gives out, and of
 * nothing that the daemon tells of. */
static void op_audit(struct cw_control *control, struct client *client, const json_t *request)
{
	const char *name = json_string_value(json_object_get(request, "action"));
	const char *council = json_string_value(json_object_get(request, "council"));
	json_t *detail = json_object_get(request, "detail"), *object;
	enum cw_audit_action action = 0;
	struct cw_audit_who who;
	struct cw_error err;
	uint64_t seq = 0;

	if (!name || cw_audit_action_parse(name, &action) < 0 ||
	    (action != CW_AUDIT_EXPORT && action != CW_AUDIT_EXPORTED && action != CW_AUDIT_VIEW) || !json_is_object(detail) ||
	    (council && strlen(council) > CW_NAME_MAX)) {
		refuse(control, client, request, "audit needs 'action', one of export, exported, view, and 'detail', an object");
		return;
	}
	sender(control, request, &who);
	if (control->ops.audit(control->arg, &who, action, council, NULL, json_incref(detail), &seq, &err) < 0) {
		refuse(control, client, request, "%s", err.text);
		return;
	}
	object = answer_ok(request);
	if (object)
		json_object_set_new(object, "seq", json_integer((json_int_t)seq));
	answer(control, client, object);
}

/* What is kept only for a while: {"apply":false,"day":"2026-01-31"}; answered with the number of the run, which is then asked about. */
static void op_retention(struct cw_control *control, struct client *client, const json_t *request)
{
	const char *text = json_string_value(json_object_get(request, "day"));
	bool apply = json_is_true(json_object_get(request, "apply")), date = true;
	struct cw_wall day = cw_wall_now();
	struct cw_audit_who who;
	struct cw_error err;
	uint64_t run = 0;
	json_t *object;

	if (text && (cw_wall_parse(text, strlen(text), &day, &date) < 0 || !date)) {
		refuse(control, client, request, "'day' is not a date such as 2026-01-31");
		return;
	}
	sender(control, request, &who);
	if (control->ops.retain(control->arg, &who, cw_wall_day(day), apply, &run, &err) < 0) {
		refuse(control, client, request, "%s", err.text);
		return;
	}
	object = answer_ok(request);
	if (object)
		json_object_set_new(object, "run", json_integer((json_int_t)run));
	answer(control, client, object);
}

static void op_retained(struct cw_control *control, struct client *client, const json_t *request)
{
	json_t *result = control->ops.retained(control->arg, (uint64_t)json_integer_value(json_object_get(request, "run"))), *object;

	if (!result) {
		refuse(control, client, request, "there is no such run of retention: begin again");
		return;
	}
	object = answer_ok(request);
	if (object)
		json_object_update(object, result);
	json_decref(result);
	answer(control, client, object);
}

static void request_run(struct cw_control *control, struct client *client, json_t *request,
                        const struct cw_frame *bytes)
{
	const char *op = json_string_value(json_object_get(request, "op"));

	if (!op)
		refuse(control, client, request, "a request needs 'op'");
	else if (strcmp(op, "status") == 0)
		op_status(control, client, request);
	else if (control->closing)
		refuse(control, client, request, "the daemon is stopping: try again when it is back");
	else if (strcmp(op, "import.begin") == 0)
		import_begin(control, client, request);
	else if (strcmp(op, "import.chunk") == 0)
		import_chunk(control, client, request, bytes);
	else if (strcmp(op, "import.end") == 0)
		import_end(control, client, request);
	else if (strcmp(op, "import.abort") == 0)
		import_abort(control, client, request);
	else if (strcmp(op, "fetch") == 0)
		op_fetch(control, client, request);
	else if (strcmp(op, "fetched") == 0)
		op_fetched(control, client, request);
	else if (strcmp(op, "quarantine.drop") == 0)
		op_quarantine_drop(control, client, request);
	else if (strcmp(op, "requeue") == 0)
		op_requeue(control, client, request);
	else if (strcmp(op, "replay") == 0)
		op_replay(control, client, request);
	else if (strcmp(op, "replaying") == 0)
		op_replaying(control, client, request);
	else if (strcmp(op, "documents") == 0)
		op_documents(control, client, request);
	else if (strcmp(op, "reload") == 0)
		op_reload(control, client, request);
	else if (strcmp(op, "retention") == 0)
		op_retention(control, client, request);
	else if (strcmp(op, "retained") == 0)
		op_retained(control, client, request);
	else if (strcmp(op, "audit") == 0)
		op_audit(control, client, request);
	else
		refuse(control, client, request,
		       "there is no op '%.40s'; there are status, import.begin, import.chunk, import.end, "
		       "import.abort, fetch, fetched, requeue, replay, replaying, documents, quarantine.drop, reload, audit, retention, retained",
		       op);
}

static void request_take(struct cw_control *control, const struct cw_peer *peer, const struct cw_frames *frames)
{
	struct client *client = client_get(control, peer);
	json_error_t jerr;
	json_t *request;

	if (!client) {
		cw_log(CW_LOG_WARNING, "control.refused", "reason=%s", "too many clients");
		return;
	}
	client->heard = cw_mono_now();
	client->gone = false;
	if (!cw_timer_armed(control->idle))
		cw_timer_arm(control->idle, CW_CLIENT_LOST_MS);
	if (frames->n < 1 || frames->n > 2 || frames->frame[0].len > CW_REQUEST_MAX) {
		refuse(control, client, NULL,
		       "a request is one JSON object of at most %u bytes, and for import.chunk the bytes",
		       CW_REQUEST_MAX);
		return;
	}
	request = json_loadb(frames->frame[0].data, frames->frame[0].len, JSON_REJECT_DUPLICATES, &jerr);
	if (!json_is_object(request)) {
		if (request)
			refuse(control, client, NULL, "a request is a JSON object");
		else
			refuse(control, client, NULL, "not JSON: %s", jerr.text);
	} else {
		request_run(control, client, request, frames->n == 2 ? &frames->frame[1] : NULL);
	}
	json_decref(request);
}

static void sock_event(void *arg, unsigned events)
{
	struct cw_control *control = arg;
	struct cw_frames frames;
	struct cw_peer peer;
	int i, r;

	(void)events;
	for (i = 0; i < RECEIVE_ROUND; i++) {
		peer.len = 0;
		r = cw_sock_recv(control->sock, &peer, &frames);
		if (r == -EMSGSIZE) {
			cw_log(CW_LOG_WARNING, "control.refused", "reason=%s", "a request was too large");
			continue;
		}
		if (r < 0)
			return;
		cw_sock_sender(control->sock, &control->sender);
		if (!control->ops.is_worker(control->arg, &control->sender, "speaks at the control socket"))
			request_take(control, &peer, &frames);
	}
}

/* One timer for the client that will have been silent longest. */
static void idle_fired(void *arg)
{
	struct cw_control *control = arg;
	struct client *client, *next;
	int64_t now = cw_mono_now().ns, oldest = INT64_MAX;

	for (client = control->clients; client; client = next) {
		next = client->next;
		/* One that waits for us, not we for it, may be silent. */
		if (client->n_begins && !client->gone)
			client->heard.ns = CW_MAX(client->heard.ns, now - CW_CLIENT_LOST_MS * INT64_C(500000));
		if (now - client->heard.ns < CW_CLIENT_LOST_MS * INT64_C(1000000)) {
			oldest = CW_MIN(oldest, client->heard.ns);
			continue;
		}
		if (client->n_uploads)
			cw_log(CW_LOG_WARNING, "control.client_lost", "uploads=%u", client->n_uploads);
		while (client->uploads)
			upload_free(control, client, client->uploads);
		/* One that waits for a commit has nothing to say, and is told all the same. */
		if (client->gone || !control->waiters)
			client_free(control, client);
	}
	if (control->clients)
		cw_timer_arm(control->idle, oldest == INT64_MAX ? CW_CLIENT_LOST_MS
		                                                : (oldest - now) / 1000000 + CW_CLIENT_LOST_MS + 1);
	cw_control_room(control);
}

int cw_control_new(struct cw_loop *loop, struct cw_bus *bus, struct cw_inbox *inbox, const char *endpoint,
                   const struct cw_control_ops *ops, void *arg, struct cw_control **ret, struct cw_error *err)
{
	struct cw_control *control = calloc(1, sizeof(*control));
	int r;

	if (!control)
		return cw_error_nomem(err);
	control->loop = loop;
	control->inbox = inbox;
	control->ops = *ops;
	control->arg = arg;
	control->next_upload = 1;
	control->next_dismissal = 1;
	r = cw_timer_new(loop, retry_fired, control, &control->retry, err);
	if (r == 0)
		r = cw_timer_new(loop, idle_fired, control, &control->idle, err);
	if (r == 0)
		r = cw_sock_new(bus, CW_SOCK_ROUTER, SOCKET_HWM, LINGER_MS, &control->sock, err);
	if (r == 0)
		r = cw_sock_bind(control->sock, endpoint, err);
	if (r == 0)
		r = cw_loop_add_zmq(loop, cw_sock_zmq(control->sock), CW_LOOP_READ, sock_event, control,
		                    &control->watch, err);
	if (r < 0) {
		cw_control_free(control);
		return r;
	}
	*ret = control;
	return 0;
}

void cw_control_free(struct cw_control *control)
{
	struct waiter *waiter;

	if (!control)
		return;
	while (control->clients)
		client_free(control, control->clients);
	while (control->dismissing)
		dismissing_end(control, &control->dismissing);
	while ((waiter = control->waiters)) {
		control->waiters = waiter->next;
		free(waiter);
	}
	cw_watch_free(control->watch);
	cw_sock_free(control->sock);
	cw_timer_free(control->retry);
	cw_timer_free(control->idle);
	free(control);
}

void cw_control_close(struct cw_control *control)
{
	control->closing = true;
}
