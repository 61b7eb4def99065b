#include <errno.h>
#include <string.h>

#include <councilwatch/limits.h>
#include <councilwatch/message.h>

static const char *const kind_names[] = {
	[CW_MSG_READY] = "ready",         [CW_MSG_HEARTBEAT] = "heartbeat",       [CW_MSG_CREDIT] = "credit",
	[CW_MSG_CHUNK_ACK] = "chunk_ack", [CW_MSG_SENT] = "sent",                 [CW_MSG_DOCUMENT] = "document",
	[CW_MSG_CHUNK] = "chunk",         [CW_MSG_DOCUMENT_END] = "document_end", [CW_MSG_DROP] = "drop",
	[CW_MSG_STOP] = "stop",           [CW_MSG_EVIDENCE] = "evidence",         [CW_MSG_REJECTS] = "rejects",
	[CW_MSG_DONE] = "done",           [CW_MSG_BATCH_ACK] = "batch_ack",       [CW_MSG_ANNOUNCE] = "announce",
	[CW_MSG_FEED_STATE] = "feed_state", [CW_MSG_SETTLE] = "settle",           [CW_MSG_COMMITTED] = "committed",
	[CW_MSG_DISMISS] = "dismiss",     [CW_MSG_DISMISSED] = "dismissed",
	[CW_MSG_RETAIN] = "retain", [CW_MSG_RETAINED] = "retained",
	[CW_MSG_ALLOW] = "allow", [CW_MSG_REFUSED] = "refused", [CW_MSG_ACCUSED] = "accused",
	[CW_MSG_LINKS] = "links",         [CW_MSG_LINKS_ACK] = "links_ack",
};

const char *cw_message_kind_name(enum cw_message_kind kind)
{
	const char *name = (size_t)kind < CW_ARRAY_LEN(kind_names) ? kind_names[kind] : NULL;

	return name ? name : "unknown";
}

static void store_le(unsigned char *at, uint64_t value, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		at[i] = (unsigned char)(value >> (8 * i));
}

/* Read by cw_message_recv. Header: magic 4, version 1, kind 1, zero 2, document 8, attempt 4, sequence 4,
 * count 4, zero 4, number 8. */
int cw_message_send(struct cw_sock *sock, const struct cw_peer *peer, const struct cw_message *message)
{
	unsigned char header[CW_MESSAGE_HEADER_LEN] = { 0 };
	struct cw_frame frames[2] = { { header, sizeof(header) }, message->payload };

	store_le(header, CW_MESSAGE_MAGIC, 4);
	header[4] = CW_MESSAGE_VERSION;
	header[5] = (unsigned char)message->kind;
	store_le(header + 8, message->document, 8);
	store_le(header + 16, message->attempt, 4);
	store_le(header + 20, message->sequence, 4);
	store_le(header + 24, message->count, 4);
	store_le(header + 32, message->number, 8);
	return cw_sock_send(sock, peer, frames, message->payload.len ? 2 : 1);
}

/* Written by cw_message_send. */
int cw_message_recv(struct cw_sock *sock, struct cw_peer *peer, struct cw_message *ret, struct cw_error *err)
{
	struct cw_message message = { 0 };
	struct cw_frames frames;
	struct cw_cursor cursor;
	uint8_t version, kind;
	uint16_t zero;
	uint32_t zero4;
	int r;

	r = cw_sock_recv(sock, peer, &frames);
	if (r == -EMSGSIZE)
		return cw_error_set(err, -EBADMSG, "message over the limits on frames");
	if (r < 0)
		return r;
	if (frames.n < 1 || frames.n > 2 || frames.frame[0].len != CW_MESSAGE_HEADER_LEN)
		return cw_error_set(err, -EBADMSG, "message without a header");
	cw_cursor_init(&cursor, frames.frame[0].data, frames.frame[0].len);
	if (cw_get_u32(&cursor) != CW_MESSAGE_MAGIC)
		return cw_error_set(err, -EBADMSG, "message of another program");
	version = cw_get_u8(&cursor);
	if (version != CW_MESSAGE_VERSION)
		return cw_error_set(err, -EBADMSG, "message of protocol version %u; this program speaks %u", version,
		                    CW_MESSAGE_VERSION);
	kind = cw_get_u8(&cursor);
	zero = cw_get_u16(&cursor);
	message.document = cw_get_u64(&cursor);
	message.attempt = cw_get_u32(&cursor);
	message.sequence = cw_get_u32(&cursor);
	message.count = cw_get_u32(&cursor);
	zero4 = cw_get_u32(&cursor);
	message.number = cw_get_u64(&cursor);
	if (kind >= CW_ARRAY_LEN(kind_names) || !kind_names[kind] || zero || zero4)
		return cw_error_set(err, -EBADMSG, "message of unknown kind %u", kind);
	message.kind = (enum cw_message_kind)kind;
	if (frames.n == 2)
		message.payload = frames.frame[1];
	*ret = message;
	return 0;
}

static struct cw_wall get_wall(struct cw_cursor *cursor)
{
	return (struct cw_wall){ (int64_t)cw_get_u64(cursor) };
}

/* Read by cw_document_info_get. */
int cw_document_info_put(struct cw_buf *buf, const struct cw_document_info *info)
{
	cw_buf_put_u64(buf, info->id);
	cw_buf_put_u32(buf, info->attempt);
	cw_buf_put_u32(buf, info->flags);
	cw_buf_put_str(buf, info->feed);
	cw_buf_put_str(buf, info->url);
	cw_buf_put_str(buf, info->content_type);
	cw_buf_put_u64(buf, (uint64_t)info->fetched_at.ms);
	cw_buf_put_u64(buf, info->size);
	cw_buf_append(buf, info->sha256, sizeof(info->sha256));
	cw_buf_put_u64(buf, info->order);
	cw_buf_put_str(buf, info->step);
	cw_buf_put_str(buf, info->link_text);
	cw_buf_put_str(buf, info->parent_url);
	return cw_buf_put_str(buf, info->submitted_by);
}

/* Written by cw_document_info_put. */
int cw_document_info_get(struct cw_cursor *cursor, struct cw_document_info *ret, struct cw_error *err)
{
	struct cw_document_info info = { 0 };

	info.id = cw_get_u64(cursor);
	info.attempt = cw_get_u32(cursor);
	info.flags = cw_get_u32(cursor);
	info.feed = cw_get_str(cursor, CW_NAME_MAX);
	info.url = cw_get_str(cursor, CW_URL_MAX);
	info.content_type = cw_get_str(cursor, 256);
	info.fetched_at = get_wall(cursor);
	info.size = cw_get_u64(cursor);
	for (size_t i = 0; i < sizeof(info.sha256); i++)
		info.sha256[i] = cw_get_u8(cursor);
	info.order = cw_get_u64(cursor);
	info.step = cw_get_str(cursor, CW_NAME_MAX);
	info.link_text = cw_get_str(cursor, CW_LINK_TEXT_MAX);
	info.parent_url = cw_get_str(cursor, CW_URL_MAX);
	info.submitted_by = cw_get_str(cursor, CW_SUBMITTER_MAX);
	if (cw_cursor_done(cursor) < 0 || !info.id || !info.attempt || !info.feed.len || !cw_wall_known(info.fetched_at))
		return cw_error_set(err, -EBADMSG, "malformed document description");
	*ret = info;
	return 0;
}

/* Read by cw_doc_link_get. */
int cw_doc_link_put(struct cw_buf *buf, const struct cw_doc_link *link)
{
	cw_buf_put_str(buf, link->step);
	cw_buf_put_str(buf, link->url);
	return cw_buf_put_str(buf, link->text);
}

/* An address that a URL parser and a person read alike: no control characters, blanks or fragment. */
static bool link_url_sane(struct cw_str url)
{
	if (!((url.len > 7 && memcmp(url.at, "http://", 7) == 0) || (url.len > 8 && memcmp(url.at, "https://", 8) == 0)))
		return false;
	for (size_t i = 0; i < url.len; i++)
		if ((unsigned char)url.at[i] <= ' ' || url.at[i] == 0x7f || url.at[i] == '#' || url.at[i] == '\\')
			return false;
	return true;
}

/* Written by cw_doc_link_put. */
int cw_doc_link_get(struct cw_cursor *cursor, struct cw_doc_link *ret, struct cw_error *err)
{
	struct cw_doc_link link;

	link.step = cw_get_str(cursor, CW_NAME_MAX);
	link.url = cw_get_str(cursor, CW_URL_MAX);
	link.text = cw_get_str(cursor, CW_LINK_TEXT_MAX);
	if (cursor->bad || !link_url_sane(link.url)) {
		cursor->bad = true;
		return cw_error_set(err, -EBADMSG, "malformed link");
	}
	*ret = link;
	return 0;
}

static int tally_put(struct cw_buf *buf, const struct cw_document_tally *tally)
{
	cw_buf_put_u8(buf, (uint8_t)tally->outcome);
	cw_buf_put_varint(buf, tally->rows);
	cw_buf_put_varint(buf, tally->evidence);
	cw_buf_put_u8(buf, CW_REASON_COUNT);
	for (size_t i = 0; i < CW_REASON_COUNT; i++)
		cw_buf_put_varint(buf, tally->reasons[i]);
	return cw_buf_put_str(buf, tally->detail);
}

static int tally_get(struct cw_cursor *cursor, struct cw_document_tally *ret)
{
	struct cw_document_tally tally = { 0 };
	uint8_t outcome = cw_get_u8(cursor), n;

	tally.rows = cw_get_varint(cursor);
	tally.evidence = cw_get_varint(cursor);
	/* What inbox.db keeps may have been written when there were fewer reasons. */
	n = cw_get_u8(cursor);
	if (n > CW_REASON_COUNT)
		cursor->bad = true;
	for (size_t i = 0; i < n && !cursor->bad; i++)
		tally.reasons[i] = cw_get_varint(cursor);
	tally.detail = cw_get_str(cursor, CW_ERROR_TEXT_MAX);
	if (outcome != CW_REASON_NONE && !cw_reason_is_document((enum cw_reason)outcome))
		cursor->bad = true;
	tally.outcome = (enum cw_reason)outcome;
	*ret = tally;
	return cursor->bad ? -EBADMSG : 0;
}

/* Read by cw_document_tally_get. */
int cw_document_tally_put(struct cw_buf *buf, const struct cw_document_tally *tally)
{
	return tally_put(buf, tally);
}

/* Written by cw_document_tally_put. */
int cw_document_tally_get(struct cw_cursor *cursor, struct cw_document_tally *ret, struct cw_error *err)
{
	struct cw_document_tally tally;

	if (tally_get(cursor, &tally) < 0 || cw_cursor_done(cursor) < 0)
		return cw_error_set(err, -EBADMSG, "malformed tally");
	*ret = tally;
	return 0;
}

/* Read by cw_commit_info_get. */
int cw_commit_info_put(struct cw_buf *buf, const struct cw_commit_info *info)
{
	cw_buf_put_u8(buf, info->duplicate);
	tally_put(buf, &info->tally);
	cw_buf_put_varint(buf, info->new_evidence);
	cw_buf_put_varint(buf, info->quarantined);
	cw_buf_put_varint(buf, info->alerts);
	return cw_buf_put_varint(buf, info->last_seq);
}

/* Written by cw_commit_info_put. */
int cw_commit_info_get(struct cw_cursor *cursor, struct cw_commit_info *ret, struct cw_error *err)
{
	struct cw_commit_info info = { 0 };
	uint8_t duplicate = cw_get_u8(cursor);

	tally_get(cursor, &info.tally);
	info.duplicate = duplicate;
	info.new_evidence = cw_get_varint(cursor);
	info.quarantined = cw_get_varint(cursor);
	info.alerts = cw_get_varint(cursor);
	info.last_seq = cw_get_varint(cursor);
	if (cw_cursor_done(cursor) < 0 || duplicate > 1)
		return cw_error_set(err, -EBADMSG, "malformed commit report");
	*ret = info;
	return 0;
}

/* Read by cw_feed_state_get. */
int cw_feed_state_put(struct cw_buf *buf, const struct cw_feed_state *state)
{
	cw_buf_put_str(buf, state->feed);
	cw_buf_put_u8(buf, state->polled);
	cw_buf_put_u64(buf, (uint64_t)state->last_success.ms);
	cw_buf_put_u64(buf, (uint64_t)state->outage_since.ms);
	return cw_buf_put_str(buf, state->detail);
}

/* Written by cw_feed_state_put. */
int cw_feed_state_get(struct cw_cursor *cursor, struct cw_feed_state *ret, struct cw_error *err)
{
	struct cw_feed_state state = { 0 };
	uint8_t polled;

	state.feed = cw_get_str(cursor, CW_NAME_MAX);
	polled = cw_get_u8(cursor);
	state.last_success = get_wall(cursor);
	state.outage_since = get_wall(cursor);
	state.detail = cw_get_str(cursor, CW_ERROR_TEXT_MAX);
	if (cw_cursor_done(cursor) < 0 || polled > 1 || !state.feed.len)
		return cw_error_set(err, -EBADMSG, "malformed feed state");
	state.polled = polled;
	*ret = state;
	return 0;
}

/* Read by cw_dismissal_get. */
int cw_dismissal_put(struct cw_buf *buf, const struct cw_dismissal *dismissal)
{
	cw_buf_put_str(buf, dismissal->author);
	cw_buf_put_str(buf, dismissal->why);
	cw_buf_put_varint(buf, dismissal->n);
	for (size_t i = 0; i < dismissal->n; i++)
		cw_buf_put_varint(buf, dismissal->ids[i]);
	return buf->failed;
}

/* Written by cw_dismissal_put. */
int cw_dismissal_get(struct cw_cursor *cursor, struct cw_dismissal *ret, struct cw_error *err)
{
	uint64_t n;

	ret->author = cw_get_str(cursor, 256);
	ret->why = cw_get_str(cursor, 4 * CW_QUOTE_MAX);
	n = cw_get_varint(cursor);
	ret->n = n <= CW_DISMISS_MAX ? (size_t)n : 0;
	for (size_t i = 0; i < ret->n; i++)
		ret->ids[i] = cw_get_varint(cursor);
	if (cw_cursor_done(cursor) < 0 || n > CW_DISMISS_MAX || !n || !ret->author.len || !ret->why.len)
		return cw_error_set(err, -EBADMSG, "malformed dismissal");
	return 0;
}

/* Read by cw_allow_get. */
int cw_allow_put(struct cw_buf *buf, const char *door, const struct cw_allowed *allowed)
{
	cw_buf_put_str(buf, cw_str(door));
	cw_buf_put_varint(buf, allowed->n);
	for (size_t i = 0; i < allowed->n; i++) {
		cw_buf_put_str(buf, cw_str(allowed->keys[i].name));
		cw_buf_append(buf, allowed->keys[i].key.bytes, CW_KEY_LEN);
	}
	return buf->failed;
}

static int get_named_key(struct cw_cursor *cursor, struct cw_named_key *ret)
{
	struct cw_str name = cw_get_str(cursor, CW_NAME_MAX - 1);

	for (size_t i = 0; i < CW_KEY_LEN; i++)
		ret->key.bytes[i] = cw_get_u8(cursor);
	if (cursor->bad || !cw_key_name_valid(name))
		return -EBADMSG;
	memset(ret->name, 0, sizeof(ret->name));
	memcpy(ret->name, name.at, name.len);
	return 0;
}

/* Written by cw_allow_put. */
int cw_allow_get(struct cw_cursor *cursor, struct cw_str *ret_door, struct cw_allowed *ret, struct cw_error *err)
{
	struct cw_allowed allowed = { 0 };
	struct cw_named_key key;
	uint64_t n;
	int r = 0;

	*ret_door = cw_get_str(cursor, CW_NAME_MAX - 1);
	n = cw_get_varint(cursor);
	if (n > CW_ALLOWED_MAX)
		r = -EBADMSG;
	for (uint64_t i = 0; i < n && r == 0; i++) {
		r = get_named_key(cursor, &key);
		if (r == 0)
			r = cw_allowed_add(&allowed, &key, err);
	}
	if (r != -ENOMEM && (r < 0 || cw_cursor_done(cursor) < 0))
		r = cw_error_set(err, -EBADMSG, "a malformed list of keys");
	if (r < 0)
		cw_allowed_clear(&allowed);
	*ret = allowed;
	return r;
}

/* Read by cw_accusation_get. */
int cw_accusation_put(struct cw_buf *buf, const struct cw_accusation *accusation)
{
	cw_buf_put_u32(buf, (uint32_t)accusation->pid);
	cw_buf_put_str(buf, accusation->key);
	return cw_buf_put_str(buf, accusation->why);
}

/* Written by cw_accusation_put. */
int cw_accusation_get(struct cw_cursor *cursor, struct cw_accusation *ret, struct cw_error *err)
{
	struct cw_accusation accusation;
	uint32_t pid = cw_get_u32(cursor);

	accusation.key = cw_get_str(cursor, CW_NAME_MAX - 1);
	accusation.why = cw_get_str(cursor, CW_ERROR_TEXT_MAX);
	if (cw_cursor_done(cursor) < 0 || pid > INT32_MAX)
		return cw_error_set(err, -EBADMSG, "a malformed accusation");
	accusation.pid = (pid_t)pid;
	*ret = accusation;
	return 0;
}

/* Read by cw_retained_get. */
int cw_retained_put(struct cw_buf *buf, const struct cw_retained *row)
{
	cw_buf_put_str(buf, row->rule);
	cw_buf_put_str(buf, row->what);
	cw_buf_put_str(buf, row->feed);
	cw_buf_put_varint(buf, row->n);
	return cw_buf_put_u64(buf, (uint64_t)row->oldest.ms);
}

/* Written by cw_retained_put. */
int cw_retained_get(struct cw_cursor *cursor, struct cw_retained *ret, struct cw_error *err)
{
	ret->rule = cw_get_str(cursor, CW_NAME_MAX);
	ret->what = cw_get_str(cursor, CW_NAME_MAX);
	ret->feed = cw_get_str(cursor, CW_NAME_MAX);
	ret->n = cw_get_varint(cursor);
	ret->oldest.ms = (int64_t)cw_get_u64(cursor);
	return cursor->bad ? cw_error_set(err, -EBADMSG, "malformed answer about retention") : 0;
}
