#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <councilwatch/render.h>

#include "commit_private.h"

void drop_pending(struct committer *committer)
{
	for (size_t i = 0; i < committer->n_pending; i++) {
		json_decref(committer->pending[i].json);
		free(committer->pending[i].text);
	}
	committer->n_pending = 0;
}
/* The same change worked out again, in another run or order, has the same id. */
int alert_id(const char *subject, const char *sort, const char *what, char ret[33])
{
	unsigned char digest[CW_SHA256_LEN];
	struct cw_buf text;
	int r;

	cw_buf_init(&text, 4096);
	cw_buf_printf(&text, "%s|%s|%s", subject, sort, what);
	r = text.failed ? text.failed : cw_sha256(text.data, text.len, digest);
	cw_buf_clear(&text);
	if (r == 0)
		cw_hex(digest, 16, ret);
	return r;
}

static struct pending *pending_add(struct committer *committer)
{
	if (committer->n_pending == committer->cap_pending) {
		size_t cap = committer->cap_pending ? committer->cap_pending * 2 : 16;
		struct pending *grown = realloc(committer->pending, cap * sizeof(*grown));

		if (!grown)
			return NULL;
		committer->pending = grown;
		committer->cap_pending = cap;
	}
	committer->pending[committer->n_pending] = (struct pending){ 0 };
	return &committer->pending[committer->n_pending++];
}

static bool pending_has(const struct committer *committer, const char *id)
{
	for (size_t i = 0; i < committer->n_pending; i++)
		if (strcmp(committer->pending[i].id, id) == 0)
			return true;
	return false;
}

/* What was published longer ago than this is no news when it is found: a source was read for the first time. */
#define NEWS_DAYS 30

static int change_id(const struct cw_council *council, const struct cw_change *change, char ret[33])
{
	return alert_id(council->id, "change", change->cause, ret);
}

int keep_silent(void *arg, const struct cw_change *change)
{
	struct telling *telling = arg;
	char id[33];
	int r;

	committer_pulse(telling->committer);
	r = change_id(telling->council, change, id);
	return r < 0 ? r : cw_store_put_silent(telling->committer->store, id, telling->err);
}

int tell_change(void *arg, const struct cw_change *change)
{
	struct telling *telling = arg;
	struct committer *committer = telling->committer;
	char id[33];
	struct pending *pending;
	bool exists = false;
	int r;

	committer_pulse(committer);
	r = change_id(telling->council, change, id);
	if (r == 0)
		r = cw_store_alert_exists(committer->store, id, &exists, telling->err);
	if (r < 0 || exists || pending_has(committer, id))
		return r;
	pending = pending_add(committer);
	if (!pending)
		return cw_error_nomem(telling->err);
	pending->at = change->at;
	pending->kind = change->kind;
	pending->council = telling->council;
	pending->old_news = change->news_day != CW_DAY_NONE && cw_wall_day(change->at) - change->news_day > NEWS_DAYS;
	pending->recalculated = strncmp(change->cause, CW_CAUSE_MODEL, strlen(CW_CAUSE_MODEL)) == 0;
	memcpy(pending->id, id, sizeof(id));
	snprintf(pending->topic, sizeof(pending->topic), "council/%s/%s", telling->council->id, cw_alert_kind_name(change->kind));
	snprintf(pending->topic_level, sizeof(pending->topic_level), "level/%s/%s", cw_level_name(change->after.level),
	         cw_alert_kind_name(change->kind));
	/* Numbered when all of this transaction are in order. */
	pending->json = cw_render_alert(committer->config, telling->council, change, 0, id);
	return pending->json ? 0 : cw_error_nomem(telling->err);
}

int tell_feed(struct committer *committer, enum cw_alert_kind kind, struct cw_str feed, struct cw_wall at,
                     const char *what, const char *text, struct cw_error *err)
{
	char id[33], subject[CW_NAME_MAX + 1];
	struct pending *pending;
	bool exists;
	int r;

	snprintf(subject, sizeof(subject), "%.*s", (int)feed.len, feed.at);
	r = alert_id(subject, cw_alert_kind_name(kind), what, id);
	if (r == 0)
		r = cw_store_alert_exists(committer->store, id, &exists, err);
	if (r < 0 || exists || pending_has(committer, id))
		return r;
	pending = pending_add(committer);
	if (!pending)
		return cw_error_nomem(err);
	pending->at = at;
	pending->kind = kind;
	memcpy(pending->id, id, sizeof(id));
	snprintf(pending->topic, sizeof(pending->topic), "feed/%s/%s", subject, cw_alert_kind_name(kind));
	/* What depends on the feed is unknown: whoever listens by level hears of it too. */
	snprintf(pending->topic_level, sizeof(pending->topic_level), "level/unknown/%s", cw_alert_kind_name(kind));
	pending->json = cw_render_feed_alert(committer->config, kind, feed, at, text, 0, id);
	return pending->json ? 0 : cw_error_nomem(err);
}

static int by_time(const void *a, const void *b)
{
	const struct pending *x = a, *y = b;
	const char *cx = x->council ? x->council->id : "", *cy = y->council ? y->council->id : "";
	int order;

	if (x->at.ms != y->at.ms)
		return x->at.ms < y->at.ms ? -1 : 1;
	order = strcmp(cx, cy);
	return order ? order : strcmp(x->id, y->id);
}

/* What is told this long after it came about is history: the clock has caught up over a time when nobody watched. */
#define HISTORY_MS (2 * 86400000ll)

static bool last_of_council(const struct committer *committer, size_t at)
{
	for (size_t i = at + 1; i < committer->n_pending; i++)
		if (committer->pending[i].council == committer->pending[at].council)
			return false;
	return true;
}

/* Subscribers that page people leave history alone: what was imported, what is told late, and what is derived again. But what
 * was quarantined and is understood now tells how things stand, however old the document is. */
static bool is_history(const struct committer *committer, size_t at, uint32_t flags, struct cw_wall now)
{
	if (flags & CW_DOC_IMPORTED)
		return true;
	if (flags & CW_DOC_REPLAY)
		return !(flags & CW_DOC_RETRY) || !last_of_council(committer, at);
	return cw_wall_known(now) && committer->pending[at].at.ms < now.ms - HISTORY_MS;
}

/* Does one moment bring news of so many councils that it must be a national release, or the first capture of a table? */
static bool is_release(const struct committer *committer, uint32_t flags, struct cw_wall now)
{
	size_t n = 0;

	for (size_t i = 0; i < committer->n_pending; i++)
		n += committer->pending[i].council && !is_history(committer, i, flags, now) && last_of_council(committer, i);
	return n >= committer->config->digest_from;
}

/* Numbers and stores what is pending; *ret_last is the last number. flags: of the document; now: where the clock stands. */
int store_pending(struct committer *committer, uint32_t flags, struct cw_wall now, uint64_t *ret_last,
                         struct cw_error *err)
{
	uint64_t seq = 0;
	int r = cw_store_last_seq(committer->store, &seq, err);
	bool release;

	if (committer->n_pending)
		qsort(committer->pending, committer->n_pending, sizeof(*committer->pending), by_time);
	release = is_release(committer, flags, now);
	for (size_t i = 0; r == 0 && i < committer->n_pending; i++) {
		struct pending *pending = &committer->pending[i];
		json_t *data = json_object_get(pending->json, "data");

		pending->seq = ++seq;
		json_object_set_new(data, "seq", json_integer((json_int_t)seq));
		pending->history = is_history(committer, i, flags, now);
		json_object_set_new(data, "imported", json_boolean(pending->history));
		/* A level that fell waits for the digest, and so does a national release (domain 3.4). */
		if (!pending->history)
			json_object_set_new(data, "digest", json_boolean(release || pending->old_news || pending->recalculated ||
			                                                 pending->kind == CW_ALERT_LEVEL_DOWN));
		pending->text = json_dumps(pending->json, CW_JSON_FLAGS);
		if (!pending->text)
			return cw_error_nomem(err);
		/* The text is what is stored and sent; the object has done its work. */
		json_decref(pending->json);
		pending->json = NULL;
		r = cw_store_put_alert(committer->store, seq, pending->id, pending->kind, pending->at,
		                       pending->council ? pending->council->id : NULL, pending->topic,
		                       pending->topic_level[0] ? pending->topic_level : NULL, pending->text, err);
	}
	*ret_last = seq;
	return r;
}

/* After the commit. */
static void publish_pending(struct committer *committer)
{
	for (size_t i = 0; i < committer->n_pending; i++) {
		const struct pending *pending = &committer->pending[i];

		committer->sink(committer->sink_arg, pending->seq, pending->topic,
		                pending->topic_level[0] ? pending->topic_level : NULL, pending->text, strlen(pending->text), !pending->history);
	}
	drop_pending(committer);
}

/* Commits and publishes what was told, or, when r says that something failed, forgets all of it. */
int end_transaction(struct committer *committer, int r, struct cw_error *err)
{
	if (r == 0) {
		r = cw_store_commit(committer->store, err);
		committer->open = false;
	}
	if (r < 0) {
		commit_abort(committer);
		return r;
	}
	publish_pending(committer);
	return 0;
}
