#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <councilwatch/log.h>
#include <councilwatch/render.h>

#include "commit_private.h"

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

/* ---- another configuration ---- */

/* How things stood, by council index. */
struct standing {
	bool known;
	enum cw_level level;
	enum cw_knowledge knowledge;
};

struct refreshing {
	struct committer *committer;
	struct cw_wall clock;
	const char *model;   /* what they are worked out with now */
	unsigned long times; /* that the levels were worked out with another configuration, this one included */
	struct standing *before;
};

static int take_standing(void *arg, const char *council_id, enum cw_level level, int32_t next_day, const char *json)
{
	struct refreshing *refreshing = arg;
	const struct cw_council *council = cw_councils_by_id(refreshing->committer->config->councils, cw_str(council_id));
	json_t *row = json_loads(json, 0, NULL);
	const char *knowledge = json_string_value(json_object_get(row, "knowledge"));

	(void)next_day;
	if (council && knowledge)
		refreshing->before[council->index] =
		    (struct standing){ true, level, strcmp(knowledge, cw_knowledge_name(CW_KNOWN)) == 0 ? CW_KNOWN : CW_UNKNOWN };
	json_decref(row);
	return 0;
}

/* What the other configuration makes of a council is told once, as what it is. */
static int tell_recalculated(struct telling *telling, const struct cw_assessment *assessment, void *arg)
{
	const struct refreshing *refreshing = arg;
	const struct standing *before = &refreshing->before[telling->council->index];
	struct cw_change change = { .at = refreshing->clock,
		                    .previous_level = before->level,
		                    .previous_knowledge = before->knowledge,
		                    .lead = SIZE_MAX,
		                    .news_day = CW_DAY_NONE,
		                    .after = *assessment };

	if (before->level != assessment->level)
		change.kind = assessment->level > before->level ? CW_ALERT_LEVEL_UP : CW_ALERT_LEVEL_DOWN;
	else if (before->knowledge == CW_KNOWN && assessment->knowledge != CW_KNOWN)
		change.kind = CW_ALERT_KNOWLEDGE_LOST;
	else
		return 0;
	if (!before->known)
		return 0;
	snprintf(change.cause, sizeof(change.cause), CW_CAUSE_MODEL "%lu", refreshing->times);
	return tell_change(telling, &change);
}

static int refresh(struct committer *committer, const void *arg, struct cw_error *err)
{
	const struct cw_councils *councils = committer->config->councils;
	struct refreshing refreshing = *(const struct refreshing *)arg;
	const struct assessing assessing = { keep_silent, tell_recalculated, &refreshing };
	char times[24];
	int r;

	refreshing.before = calloc(cw_councils_count(councils) + 1, sizeof(*refreshing.before));
	if (!refreshing.before)
		return cw_error_nomem(err);
	r = cw_store_levels(committer->store, CW_DAY_NONE, take_standing, &refreshing, err);
	for (size_t i = 0; r == 0 && i < cw_councils_count(councils); i++)
		r = assess_council(committer, cw_councils_at(councils, i), refreshing.clock, &assessing, err);
	free(refreshing.before);
	snprintf(times, sizeof(times), "%lu", refreshing.times);
	if (r == 0)
		r = cw_store_set_meta(committer->store, "recalculated", times, err);
	return r < 0 ? r : cw_store_set_meta(committer->store, "config", refreshing.model, err);
}

int commit_refresh(struct committer *committer, struct cw_error *err)
{
	CW_CLEANUP(cw_freep) char *worked_out_with = NULL;
	CW_CLEANUP(cw_freep) char *times = NULL;
	struct refreshing refreshing = { .committer = committer };
	char model[sizeof(committer->config->hash) + 64];
	int r;

	/* Another version may come to other levels with the same constants. */
	cw_config_model(committer->config, model, sizeof(model));
	r = cw_store_meta(committer->store, "config", &worked_out_with, err);
	if (r == 0)
		r = cw_store_meta(committer->store, "recalculated", &times, err);
	if (r == 0)
		r = cw_store_clock(committer->store, &refreshing.clock, err);
	if (r < 0)
		return r;
	if (worked_out_with && strcmp(worked_out_with, model) == 0)
		return 0;
	if (!cw_wall_known(refreshing.clock))
		return cw_store_set_meta(committer->store, "config", model, err);
	cw_log(CW_LOG_NOTICE, "assess.refresh", "config=%s", committer->config->hash);
	refreshing.model = model;
	refreshing.times = (times ? strtoul(times, NULL, 10) : 0) + 1;
	return in_transaction(committer, refresh, &refreshing, cw_wall_none(), err);
}
