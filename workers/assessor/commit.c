#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <councilwatch/render.h>

#include "commit_private.h"

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

void committer_pulse(struct committer *committer)
{
	if (committer->pulse)
		committer->pulse(committer->pulse_arg);
}

bool commit_is_open(const struct committer *committer, const struct cw_document_info *info)
{
	return committer->open && committer->info.id == info->id && committer->info.attempt == info->attempt;
}

void clear_affected(struct committer *committer)
{
	memset(committer->affected, 0, cw_councils_count(committer->config->councils) * sizeof(*committer->affected));
}

/* ---- councils ---- */

static int store_level(struct committer *committer, const struct cw_council *council, const struct cw_assessment *assessment,
                       int32_t next_day, struct cw_error *err)
{
	json_t *row = cw_render_council_level(council, assessment);
	char *text = row ? json_dumps(row, CW_JSON_FLAGS) : NULL;
	int r;

	json_decref(row);
	r = text ? cw_store_put_level(committer->store, council->id, assessment->level, next_day, text, err) : cw_error_nomem(err);
	free(text);
	return r;
}

int assess_council(struct committer *committer, const struct cw_council *council, struct cw_wall until,
                   const struct assessing *assessing, struct cw_error *err)
{
	struct telling telling = { committer, council, err };
	struct cw_assessment assessment;
	struct cw_history facts;
	bool ended = false;
	int r;

	r = cw_history_load(committer->store, committer->config->councils, &committer->config->risk, council, &facts, err);
	if (r < 0)
		return r;
	/* A council that has ended stays as it was: nothing is told of it any more. */
	if (council->end_day != CW_DAY_NONE && cw_wall_day(until) > council->end_day) {
		until.ms = cw_day_start(council->end_day + 1).ms - 1;
		ended = true;
	}
	r = cw_model_changes(&committer->config->risk, facts.at, facts.n, until, assessing->tell, &telling, &assessment, err);
	if (r == 0 && ended) {
		cw_assessment_clear(&assessment); /* it knows only what was known by then */
		r = cw_model_assess(&committer->config->risk, facts.at, facts.n, cw_wall_day(until), &assessment, err);
	}
	if (r == 0) {
		int32_t next = cw_history_next_day(&facts, until);

		if (next == CW_DAY_NONE || (assessment.next_day != CW_DAY_NONE && assessment.next_day < next))
			next = assessment.next_day;
		r = store_level(committer, council, &assessment, ended ? CW_DAY_NONE : next, err);
		if (r == 0 && assessing->done && !ended)
			r = assessing->done(&telling, &assessment, assessing->arg);
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
int assess_affected(struct committer *committer, struct cw_wall until, struct cw_error *err)
{
	const struct cw_councils *councils = committer->config->councils;
	const struct assessing assessing = { .tell = tell_change };
	int r = cw_store_levels(committer->store, cw_wall_day(until), mark_due, committer, err);

	for (size_t i = 0; r == 0 && i < cw_councils_count(councils); i++) {
		if (!committer->affected[i])
			continue;
		committer_pulse(committer);
		r = assess_council(committer, cw_councils_at(councils, i), until, &assessing, err);
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
	committer->evidence = committer->new_evidence = 0;
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

	committer_pulse(committer);
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

static void mark_council(void *arg, const char *council_id)
{
	struct committer *committer = arg;
	const struct cw_council *council = cw_councils_by_id(committer->config->councils, cw_str(council_id));

	if (council)
		mark_affected(committer, council);
}

/* Rows, and the document itself. The quarantine has the same mistake of many rows once. */
static uint64_t set_aside(const struct cw_document_tally *tally)
{
	uint64_t n = tally->outcome != CW_REASON_NONE;

	for (int reason = 1; reason < CW_REASON_COUNT; reason++)
		if (cw_reason_quarantines((enum cw_reason)reason))
			n += tally->reasons[reason];
	return n;
}

int commit_finish(struct committer *committer, const struct cw_document_tally *tally, struct cw_commit_info *report,
                  struct cw_error *err)
{
	struct cw_commit_info info = { .tally = *tally };
	struct cw_wall clock = cw_wall_none();
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
	info.quarantined = set_aside(tally);
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
