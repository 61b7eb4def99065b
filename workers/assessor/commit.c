#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <councilwatch/history.h>
#include <councilwatch/log.h>
#include <councilwatch/render.h>

#include "commit.h"

/* An alert worked out and not yet numbered. */
struct pending {
	struct cw_wall at;
	enum cw_alert_kind kind;
	const struct cw_council *council; /* NULL: about a feed */
	char id[33];
	char topic[2 * CW_NAME_MAX + 32];
	char topic_level[CW_NAME_MAX];
	json_t *json; /* owned */
	char *text;   /* owned; once numbered */
	uint64_t seq;
	bool old_news; /* of what was published long ago */
	bool history; /* not for paging anybody */
};

struct committer {
	const struct cw_config *config;
	struct cw_store *store;
	alert_sink *sink;
	void *sink_arg;
	void (*pulse)(void *arg);
	void *pulse_arg;
	bool live; /* feeds are polled */

	/* The document in hand. */
	struct cw_document_info info;
	const struct cw_feed *feed;
	bool open;
	uint64_t evidence, new_evidence, quarantined;
	int64_t latest_known; /* ms, of its evidence */
	uint64_t unresolved;  /* texts that name no council, not seen before */
	struct cw_buf unresolved_names; /* the first of them */
	bool *affected;       /* by council index */

	struct pending *pending;
	size_t n_pending, cap_pending;
};

int committer_new(const struct cw_config *config, struct cw_store *store, alert_sink *sink, void *arg,
                  struct committer **ret, struct cw_error *err)
{
	struct committer *committer = calloc(1, sizeof(*committer));

	if (!committer)
		return cw_error_nomem(err);
	*committer = (struct committer){ .config = config, .store = store, .sink = sink, .sink_arg = arg };
	cw_buf_init(&committer->unresolved_names, CW_ERROR_TEXT_MAX);
	committer->affected = calloc(cw_councils_count(config->councils) + 1, sizeof(*committer->affected));
	if (!committer->affected) {
		committer_free(committer);
		return cw_error_nomem(err);
	}
	*ret = committer;
	return 0;
}

static void drop_pending(struct committer *committer)
{
	for (size_t i = 0; i < committer->n_pending; i++) {
		json_decref(committer->pending[i].json);
		free(committer->pending[i].text);
	}
	committer->n_pending = 0;
}

void committer_free(struct committer *committer)
{
	if (!committer)
		return;
	drop_pending(committer);
	free(committer->pending);
	cw_buf_clear(&committer->unresolved_names);
	free(committer->affected);
	free(committer);
}

void committer_set_pulse(struct committer *committer, void (*pulse)(void *arg), void *arg)
{
	committer->pulse = pulse;
	committer->pulse_arg = arg;
}

static void pulse(struct committer *committer)
{
	if (committer->pulse)
		committer->pulse(committer->pulse_arg);
}

bool commit_is_open(const struct committer *committer, const struct cw_document_info *info)
{
	return committer->open && committer->info.id == info->id && committer->info.attempt == info->attempt;
}

static void clear_affected(struct committer *committer)
{
	memset(committer->affected, 0, cw_councils_count(committer->config->councils) * sizeof(*committer->affected));
}

/* ---- alerts ---- */

/* The same change worked out again, in another run or order, has the same id. */
static int alert_id(const char *subject, const char *sort, const char *what, char ret[33])
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

struct telling {
	struct committer *committer;
	const struct cw_council *council;
	struct cw_error *err;
};

static int tell_change(void *arg, const struct cw_change *change)
{
	struct telling *telling = arg;
	struct committer *committer = telling->committer;
	char id[33];
	struct pending *pending;
	bool exists = false;
	int r;

	pulse(committer);
	r = alert_id(telling->council->id, "change", change->cause, id);
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
	memcpy(pending->id, id, sizeof(id));
	snprintf(pending->topic, sizeof(pending->topic), "council/%s/%s", telling->council->id, cw_alert_kind_name(change->kind));
	snprintf(pending->topic_level, sizeof(pending->topic_level), "level/%s/%s", cw_level_name(change->after.level),
	         cw_alert_kind_name(change->kind));
	/* Numbered when all of this transaction are in order. */
	pending->json = cw_render_alert(committer->config, telling->council, change, 0, id);
	return pending->json ? 0 : cw_error_nomem(telling->err);
}

static int tell_feed(struct committer *committer, enum cw_alert_kind kind, struct cw_str feed, struct cw_wall at,
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
static int store_pending(struct committer *committer, uint32_t flags, struct cw_wall now, uint64_t *ret_last,
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
			json_object_set_new(data, "digest", json_boolean(release || pending->old_news ||
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

/* ---- councils ---- */

static int assess_council(struct committer *committer, const struct cw_council *council, struct cw_wall until, bool tell,
                          struct cw_error *err)
{
	struct telling telling = { committer, council, err };
	struct cw_assessment assessment;
	struct cw_history facts;
	bool ended = false;
	json_t *row;
	char *text;
	int r;

	r = cw_history_load(committer->store, committer->config->councils, &committer->config->risk, council, &facts, err);
	if (r < 0)
		return r;
	/* A council that has ended stays as it was: nothing is told of it any more. */
	if (council->end_day != CW_DAY_NONE && cw_wall_day(until) > council->end_day) {
		until.ms = cw_day_start(council->end_day + 1).ms - 1;
		ended = true;
	}
	if (tell)
		r = cw_model_changes(&committer->config->risk, facts.at, facts.n, until, tell_change, &telling, &assessment, err);
	if (r == 0 && tell && ended)
		cw_assessment_clear(&assessment); /* it knows only what was known by then */
	if (r == 0 && (!tell || ended))
		r = cw_model_assess(&committer->config->risk, facts.at, facts.n, cw_wall_day(until), &assessment, err);
	if (r == 0) {
		int32_t next = cw_history_next_day(&facts, until);

		if (next == CW_DAY_NONE || (assessment.next_day != CW_DAY_NONE && assessment.next_day < next))
			next = assessment.next_day;
		row = cw_render_council_level(council, &assessment);
		text = row ? json_dumps(row, CW_JSON_FLAGS) : NULL;
		json_decref(row);
		r = text ? cw_store_put_level(committer->store, council->id, assessment.level,
		                              ended ? CW_DAY_NONE : next, text, err)
		         : cw_error_nomem(err);
		free(text);
		cw_assessment_clear(&assessment);
	}
	cw_history_free(&facts);
	return r;
}

/* What is known of a council is part of what its successors inherit. */
static void mark_affected(struct committer *committer, const struct cw_council *council)
{
	const struct cw_lineage *edges[CW_PREDECESSORS_MAX];
	size_t n;

	if (committer->affected[council->index])
		return;
	committer->affected[council->index] = true;
	n = cw_council_successors(committer->config->councils, council, CW_DAY_NONE, edges, CW_ARRAY_LEN(edges));
	for (size_t i = 0; i < CW_MIN(n, CW_ARRAY_LEN(edges)); i++)
		committer->affected[edges[i]->successor->index] = true;
}

static int mark_due(void *arg, const char *council_id, enum cw_level level, int32_t next_day, const char *json)
{
	struct committer *committer = arg;
	const struct cw_council *council = cw_councils_by_id(committer->config->councils, cw_str(council_id));

	(void)level;
	(void)next_day;
	(void)json;
	if (council)
		committer->affected[council->index] = true;
	return 0;
}

/* Works out every affected council, and every one that time alone has changed, up to the clock. */
static int assess_affected(struct committer *committer, struct cw_wall until, struct cw_error *err)
{
	const struct cw_councils *councils = committer->config->councils;
	int r = cw_store_levels(committer->store, cw_wall_day(until), mark_due, committer, err);

	for (size_t i = 0; r == 0 && i < cw_councils_count(councils); i++) {
		if (!committer->affected[i])
			continue;
		pulse(committer);
		r = assess_council(committer, cw_councils_at(councils, i), until, true, err);
	}
	return r;
}

/* ---- a document ---- */

int commit_begin(struct committer *committer, const struct cw_document_info *info, bool *ret_duplicate,
                 struct cw_commit_info *report, struct cw_error *err)
{
	int r;

	commit_abort(committer);
	committer->info = *info;
	committer->feed = cw_config_feed(committer->config, info->feed);
	committer->evidence = committer->new_evidence = committer->quarantined = 0;
	committer->latest_known = INT64_MIN;
	committer->unresolved = 0;
	cw_buf_reset(&committer->unresolved_names);
	clear_affected(committer);
	drop_pending(committer);
	r = cw_store_begin(committer->store, err);
	if (r < 0)
		return r;
	committer->open = true;
	r = cw_store_document_committed(committer->store, info, ret_duplicate, report, err);
	if (r == 0 && !*ret_duplicate)
		r = cw_store_document_begin(committer->store, info, err);
	if (r < 0 || *ret_duplicate)
		commit_abort(committer);
	return r;
}

void commit_abort(struct committer *committer)
{
	if (committer->open)
		cw_store_rollback(committer->store);
	committer->open = false;
	drop_pending(committer);
}

/* What came from a normaliser is outside input. Fills in what the feed vouches for. */
static int complete_evidence(struct committer *committer, const struct cw_feed *feed, struct cw_wall fetched_at,
                             struct cw_evidence *e, const struct cw_council **ret_council, struct cw_error *err)
{
	const struct cw_council *council = cw_councils_by_id(committer->config->councils, e->council_id);

	if (!feed)
		return cw_error_set(err, -EBADMSG, "evidence of a feed that is not configured");
	if (!council)
		return cw_error_set(err, -EBADMSG, "evidence about a council that is not in councils.csv");
	if (!cw_feed_may_give(feed, e->kind))
		return cw_error_set(err, -EBADMSG, "evidence of kind %s from a feed of %s %s", cw_kind_def(e->kind)->name,
		                    feed->kind == CW_KIND_NONE ? "format" : "kind",
		                    feed->kind == CW_KIND_NONE ? cw_format_name(feed->format) : cw_kind_def(feed->kind)->name);
	if (feed->format != CW_FORMAT_EVIDENCE) {
		e->publisher = cw_str(feed->publisher);
		e->tier = feed->tier;
		e->fetched_at = fetched_at;
	} else {
		/* Nobody vouches for a statement without a publisher and a tier: kept, never scored. */
		if (e->tier == CW_TIER_NONE)
			e->tier = e->publisher.len ? feed->tier : CW_TIER_D;
		if (!e->publisher.len)
			e->publisher = cw_str(feed->publisher);
		/* A statement brought in by hand was there to know when it was published, unless it says otherwise. */
		if (!cw_wall_known(e->fetched_at))
			e->fetched_at = cw_wall_known(e->published_at) ? e->published_at : fetched_at;
	}
	if (e->kind == CW_KIND_SIGNAL &&
	    !cw_risk_signal(&committer->config->risk, cw_evidence_value(e, CW_VAL_SIGNAL)))
		return cw_error_set(err, -EBADMSG, "evidence of a signal that the risk model does not have");
	*ret_council = council;
	return 0;
}

static int take_evidence(struct committer *committer, struct cw_cursor *cursor, struct cw_error *err)
{
	const struct cw_council *council = NULL;
	struct cw_evidence e;
	bool is_new, moved;
	int64_t known;
	int r;

	r = cw_evidence_get(cursor, &e, err);
	if (r == 0)
		r = complete_evidence(committer, committer->feed, committer->info.fetched_at, &e, &council, err);
	if (r == 0)
		r = cw_store_put_evidence(committer->store, &e, &is_new, &moved, err);
	if (r < 0)
		return r;
	known = cw_wall_known(e.published_at) ? CW_MAX(e.published_at.ms, e.fetched_at.ms) : e.fetched_at.ms;
	committer->latest_known = CW_MAX(committer->latest_known, known);
	committer->evidence++;
	committer->new_evidence += is_new;
	if (moved)
		mark_affected(committer, council);
	return 0;
}

#define UNRESOLVED_NAMED 10

static void note_unresolved(struct committer *committer, struct cw_str text)
{
	if (committer->unresolved++ < UNRESOLVED_NAMED)
		(void)cw_buf_printf(&committer->unresolved_names, "%s\"%.*s\"", committer->unresolved_names.len ? ", " : "",
		                    (int)cw_str_cut(text, 40).len, text.at);
}

/* One alert for all that a document names and nobody knows: a wrong column must not become ten thousand alerts. */
static int tell_unresolved(struct committer *committer, struct cw_error *err)
{
	const char *names = cw_buf_str(&committer->unresolved_names);
	char text[2 * CW_ERROR_TEXT_MAX + 256];

	if (!committer->unresolved)
		return 0;
	snprintf(text, sizeof(text), "%llu name%s in feed %.*s could not be matched to a council: %s%s. %s",
	         (unsigned long long)committer->unresolved, committer->unresolved == 1 ? "" : "s", (int)committer->info.feed.len,
	         committer->info.feed.at, names, committer->unresolved > UNRESOLVED_NAMED ? " and others" : "",
	         cw_reason_mend(CW_REASON_UNKNOWN_COUNCIL));
	return tell_feed(committer, CW_ALERT_IDENTITY_UNRESOLVED, committer->info.feed, committer->info.fetched_at, names, text,
	                 err);
}

static int take_reject(struct committer *committer, struct cw_cursor *cursor, struct cw_error *err)
{
	struct cw_reject reject;
	bool is_new;
	int r;

	r = cw_reject_get(cursor, &reject, err);
	if (r < 0)
		return r;
	if (!cw_reason_quarantines(reject.reason))
		return 0;
	committer->quarantined++;
	r = cw_store_put_reject(committer->store, &reject, &is_new, err);
	if (r == 0 && is_new && (reject.reason == CW_REASON_UNKNOWN_COUNCIL || reject.reason == CW_REASON_AMBIGUOUS_COUNCIL ||
	                             reject.reason == CW_REASON_UNRESOLVED_COUNCIL))
		note_unresolved(committer, reject.text);
	return r;
}

int commit_batch(struct committer *committer, bool rejects, uint32_t count, const void *data, size_t len,
                 struct cw_error *err)
{
	struct cw_cursor cursor;
	int r = 0;

	pulse(committer);
	cw_cursor_init(&cursor, data, len);
	for (uint32_t i = 0; r == 0 && i < count; i++)
		r = rejects ? take_reject(committer, &cursor, err) : take_evidence(committer, &cursor, err);
	if (r == 0 && cw_cursor_done(&cursor) < 0)
		r = cw_error_set(err, -EBADMSG, "a batch with bytes left over");
	if (r < 0)
		commit_abort(committer);
	return r;
}

int commit_check(struct committer *committer, const struct cw_document_info *info, bool rejects, uint32_t count,
                 const void *data, size_t len, struct cw_error *err)
{
	const struct cw_feed *feed = cw_config_feed(committer->config, info->feed);
	struct cw_cursor cursor;
	int r = 0;

	if (count > CW_BATCH_RECORDS || len > CW_FRAME_MAX)
		return cw_error_set(err, -EBADMSG, "a batch over the limits");
	cw_cursor_init(&cursor, data, len);
	for (uint32_t i = 0; r == 0 && i < count; i++) {
		if (rejects) {
			struct cw_reject reject;

			r = cw_reject_get(&cursor, &reject, err);
		} else {
			const struct cw_council *council;
			struct cw_evidence e;

			r = cw_evidence_get(&cursor, &e, err);
			if (r == 0)
				r = complete_evidence(committer, feed, info->fetched_at, &e, &council, err);
		}
	}
	if (r == 0 && cw_cursor_done(&cursor) < 0)
		r = cw_error_set(err, -EBADMSG, "a batch with bytes left over");
	return r;
}

/* A rejected document is an entry in the quarantine of its own. */
static int quarantine_document(struct committer *committer, const struct cw_document_tally *tally, struct cw_error *err)
{
	struct cw_reject reject = { .reason = tally->outcome, .text = committer->info.url, .detail = tally->detail };
	bool is_new;

	if (tally->outcome == CW_REASON_NONE)
		return 0;
	committer->quarantined++;
	reject.text = cw_str_cut(reject.text, 200);
	return cw_store_put_reject(committer->store, &reject, &is_new, err);
}

/* Where the clock stands after this document. */
static int move_clock(struct committer *committer, struct cw_wall *ret, struct cw_error *err)
{
	struct cw_wall clock, as_of = committer->info.fetched_at;
	int r = cw_store_clock(committer->store, &clock, err);

	if (r < 0)
		return r;
	/* Statements brought in by hand carry their own times; the file that brought them says nothing of the world. */
	if (committer->feed && committer->feed->format == CW_FORMAT_EVIDENCE && (committer->info.flags & CW_DOC_IMPORTED))
		as_of.ms = CW_MIN(committer->latest_known, as_of.ms);
	/* Where feeds are polled the clock is the world's, and a document dated in the future must not carry it there. */
	if (committer->live)
		as_of.ms = CW_MIN(as_of.ms, cw_wall_now().ms);
	if (as_of.ms != INT64_MIN && (!cw_wall_known(clock) || as_of.ms > clock.ms))
		clock = as_of;
	*ret = clock;
	return cw_wall_known(clock) ? cw_store_set_clock(committer->store, clock, err) : 0;
}

/* Commits and publishes what was told, or, when r says that something failed, forgets all of it. */
static int end_transaction(struct committer *committer, int r, struct cw_error *err)
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

static void mark_council(void *arg, const char *council_id)
{
	struct committer *committer = arg;
	const struct cw_council *council = cw_councils_by_id(committer->config->councils, cw_str(council_id));

	if (council)
		mark_affected(committer, council);
}

int commit_finish(struct committer *committer, const struct cw_document_tally *tally, struct cw_commit_info *report,
                  struct cw_error *err)
{
	struct cw_commit_info info = { .tally = *tally };
	struct cw_wall clock;
	int r;

	info.tally.evidence = committer->evidence;
	r = quarantine_document(committer, tally, err);
	if (r == 0)
		r = cw_store_document_stated(committer->store, committer->evidence, mark_council, committer, err);
	if (r == 0)
		r = tell_unresolved(committer, err);
	if (r == 0)
		r = move_clock(committer, &clock, err);
	if (r == 0 && cw_wall_known(clock))
		r = assess_affected(committer, clock, err);
	info.new_evidence = committer->new_evidence;
	info.quarantined = committer->quarantined;
	info.alerts = committer->n_pending;
	if (r == 0)
		r = store_pending(committer, committer->info.flags, clock, &info.last_seq, err);
	if (r == 0)
		r = cw_store_document_finish(committer->store, &info, err);
	r = end_transaction(committer, r, err);
	if (r == 0)
		*report = info;
	return r;
}

/* ---- time, feeds, configuration ---- */

/* Runs work in a transaction of its own and publishes what it told. */
static int in_transaction(struct committer *committer, int (*work)(struct committer *, const void *, struct cw_error *),
                          const void *arg, struct cw_wall now, struct cw_error *err)
{
	uint64_t last;
	int r;

	commit_abort(committer);
	clear_affected(committer);
	r = cw_store_begin(committer->store, err);
	if (r < 0)
		return r;
	committer->open = true;
	committer->info.id = 0;
	r = work(committer, arg, err);
	if (r == 0)
		r = store_pending(committer, 0, now, &last, err);
	return end_transaction(committer, r, err);
}

static int tick(struct committer *committer, const void *arg, struct cw_error *err)
{
	struct cw_wall now = *(const struct cw_wall *)arg;
	int r = cw_store_set_clock(committer->store, now, err);

	return r < 0 ? r : assess_affected(committer, now, err);
}

int commit_tick(struct committer *committer, struct cw_wall now, struct cw_error *err)
{
	struct cw_wall clock;
	int r = cw_store_clock(committer->store, &clock, err);

	/* A clock set back does not take back what was told. */
	if (r < 0 || (cw_wall_known(clock) && now.ms <= clock.ms))
		return r;
	return in_transaction(committer, tick, &now, now, err);
}

static int take_feed_state(struct committer *committer, const void *arg, struct cw_error *err)
{
	const struct cw_feed_state *state = arg;
	char since[CW_WALL_TEXT], last[CW_WALL_TEXT], text[CW_ERROR_TEXT_MAX + 256];
	bool began;
	int r = cw_store_put_feed_state(committer->store, state, &began, err);

	if (r < 0 || !began)
		return r;
	cw_wall_format(state->outage_since, since);
	snprintf(text, sizeof(text), "Feed %.*s has had no success since %s (%.*s): what depends on it is unknown, not calm.",
	         (int)state->feed.len, state->feed.at,
	         cw_wall_known(state->last_success) ? cw_wall_format(state->last_success, last) : "it was set up",
	         (int)state->detail.len, state->detail.at);
	return tell_feed(committer, CW_ALERT_SOURCE_OUTAGE, state->feed, state->outage_since, since, text, err);
}

int commit_feed_state(struct committer *committer, const struct cw_feed_state *state, struct cw_error *err)
{
	committer->live |= state->polled;
	return in_transaction(committer, take_feed_state, state, cw_wall_none(), err);
}

struct dismissing {
	const struct cw_dismissal *dismissal;
	unsigned *n;
};

static int dismiss(struct committer *committer, const void *arg, struct cw_error *err)
{
	const struct dismissing *dismissing = arg;
	const struct cw_dismissal *dismissal = dismissing->dismissal;
	int r = 0;

	*dismissing->n = 0;
	for (size_t i = 0; r >= 0 && i < dismissal->n; i++) {
		r = cw_store_dismiss(committer->store, dismissal->ids[i], cw_wall_now(), dismissal->author, dismissal->why, err);
		*dismissing->n += r > 0;
	}
	return r < 0 ? r : 0;
}

int commit_dismiss(struct committer *committer, const struct cw_dismissal *dismissal, unsigned *ret, struct cw_error *err)
{
	struct dismissing dismissing = { dismissal, ret };

	return in_transaction(committer, dismiss, &dismissing, cw_wall_none(), err);
}

static int refresh(struct committer *committer, const void *arg, struct cw_error *err)
{
	const struct cw_councils *councils = committer->config->councils;
	struct cw_wall clock = *(const struct cw_wall *)arg;
	int r = 0;

	for (size_t i = 0; r == 0 && i < cw_councils_count(councils); i++)
		r = assess_council(committer, cw_councils_at(councils, i), clock, false, err);
	return r < 0 ? r : cw_store_set_meta(committer->store, "config", committer->config->hash, err);
}

int commit_refresh(struct committer *committer, struct cw_error *err)
{
	CW_CLEANUP(cw_freep) char *hash = NULL;
	struct cw_wall clock;
	int r;

	r = cw_store_meta(committer->store, "config", &hash, err);
	if (r == 0)
		r = cw_store_clock(committer->store, &clock, err);
	if (r < 0)
		return r;
	if (hash && strcmp(hash, committer->config->hash) == 0)
		return 0;
	if (!cw_wall_known(clock))
		return cw_store_set_meta(committer->store, "config", committer->config->hash, err);
	cw_log(CW_LOG_NOTICE, "assess.refresh", "config=%s", committer->config->hash);
	return in_transaction(committer, refresh, &clock, cw_wall_none(), err);
}
