#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include <councilwatch/render.h>
#include <councilwatch/retention.h>
#include <councilwatch/store.h>

#include "commit_private.h"
#include "retain.h"

/* A note counts for so long at most: one that says no day is taken for one of these. */
#define EXPIRES_MOST_DAYS 180
/* Statements of one transaction, and held at once. */
#define AT_ONCE 128u
/* In place of an author and of a reason: sentences are made of them. */
#define REMOVED_AUTHOR "a role no longer kept"
#define REMOVED_REASON "removed by retention"

enum rule { RULE_NEWS, RULE_NOTES, RULE_COUNT };
static const char *const rule_names[RULE_COUNT] = { "news_text", "notes" };

/* By rule and feed. */
struct tally {
	enum rule rule;
	char feed[CW_NAME_MAX + 1];
	uint64_t n;
	int64_t oldest;
};

/* A statement whose text goes. Texts are owned. */
struct target {
	struct cw_fact fact; /* identity only; texts are in memory */
	struct cw_store_text text;
	char quote[CW_REMOVED_TEXT_MAX];
	char *memory[2 * CW_VALUES_MAX + 8];
	size_t n_memory;
};

struct retaining {
	struct committer *committer;
	int32_t day, today;
	bool collect;
	struct tally *tallies;
	size_t n, cap;
	struct target *targets;
	size_t n_targets;
	struct cw_error *err;
};

static struct cw_str value_of(const struct cw_evidence *e, enum cw_value_id id)
{
	for (size_t i = 0; i < e->n_values; i++)
		if (e->value[i].id == id)
			return e->value[i].text;
	return cw_str(NULL);
}

static int32_t expiry(const struct cw_evidence *e)
{
	struct cw_str text = value_of(e, CW_VAL_EXPIRES);
	struct cw_wall t;

	if (text.len && cw_wall_parse(text.at, text.len, &t, NULL) == 0)
		return cw_wall_day(t);
	return cw_wall_day(cw_wall_known(e->published_at) ? e->published_at : e->fetched_at) + EXPIRES_MOST_DAYS;
}

/* Is a text of it due? Then by which rule, and how old it is. */
static bool is_due(const struct retaining *r, const struct cw_fact *fact, enum rule *ret_rule)
{
	const struct cw_config *config = r->committer->config;
	const struct cw_evidence *e = &fact->evidence;
	const struct cw_feed *feed;

	if (cw_text_removed(e->quote))
		return false;
	if (e->kind == CW_KIND_INTERNAL_NOTE || e->kind == CW_KIND_OVERRIDE) {
		*ret_rule = RULE_NOTES;
		return cw_keep_over(&config->retention.notes, expiry(e), r->day);
	}
	if (!e->title.len && !e->quote.len)
		return false;
	*ret_rule = RULE_NEWS;
	feed = cw_config_feed(config, fact->feed);
	return (e->kind == CW_KIND_NEWS || (feed && cw_feed_is_news(feed))) &&
	       cw_keep_over(&config->retention.news_text, cw_wall_day(e->fetched_at), r->day);
}

static int count(struct retaining *r, enum rule rule, const struct cw_fact *fact)
{
	struct tally *tally = NULL;

	for (size_t i = 0; i < r->n && !tally; i++)
		if (r->tallies[i].rule == rule && cw_str_eq(fact->feed, r->tallies[i].feed))
			tally = &r->tallies[i];
	if (!tally) {
		if (cw_grow(&r->tallies, &r->cap, r->n, sizeof(*r->tallies)) < 0)
			return cw_error_nomem(r->err);
		tally = &r->tallies[r->n++];
		*tally = (struct tally){ .rule = rule, .oldest = INT64_MAX };
		snprintf(tally->feed, sizeof(tally->feed), "%.*s", (int)fact->feed.len, fact->feed.at);
	}
	tally->n++;
	tally->oldest = CW_MIN(tally->oldest, fact->evidence.fetched_at.ms);
	return 0;
}

/* A copy that the target owns. */
static struct cw_str keep(struct target *t, struct cw_str text)
{
	char *copy = strndup(text.at ? text.at : "", text.len);

	t->memory[t->n_memory++] = copy;
	return (struct cw_str){ copy, copy ? text.len : 0 };
}

/* How a text reads within the JSON of an alert. Short ones say nothing and may stand anywhere. */
static void add_said(struct target *t, struct cw_str text)
{
	json_t *value = text.len >= 4 ? json_stringn(text.at, text.len) : NULL;
	char *packed = value ? json_dumps(value, CW_JSON_FLAGS | JSON_ENCODE_ANY) : NULL;

	json_decref(value);
	if (!packed)
		return;
	t->memory[t->n_memory++] = packed;
	t->text.said[t->text.n_said++] = (struct cw_str){ packed + 1, strlen(packed) - 2 };
}

static int add_target(struct retaining *r, enum rule rule, const struct cw_fact *fact)
{
	const struct cw_evidence *e = &fact->evidence;
	struct target *t = &r->targets[r->n_targets++];
	struct cw_str reason = value_of(e, CW_VAL_REASON), said = e->quote.len ? e->quote : reason.len ? reason : e->title;

	*t = (struct target){ .fact = *fact };
	if (cw_removed_text(said, r->today, t->quote) < 0)
		return cw_error_nomem(r->err);
	t->text.quote = cw_str(t->quote);
	t->fact.evidence.council_id = keep(t, e->council_id);
	t->fact.evidence.key = keep(t, e->key);
	t->fact.feed = keep(t, fact->feed);
	for (size_t i = 0; i < e->n_values; i++) {
		const struct cw_value *value = &e->value[i];
		bool goes = rule == RULE_NOTES && (value->id == CW_VAL_AUTHOR || value->id == CW_VAL_REASON);

		t->text.values[t->text.n_values].id = value->id;
		t->text.values[t->text.n_values++].text = !goes ? keep(t, value->text) : cw_str(value->id == CW_VAL_AUTHOR ? REMOVED_AUTHOR : REMOVED_REASON);
		if (goes)
			add_said(t, value->text);
	}
	add_said(t, e->quote);
	if (rule == RULE_NEWS)
		add_said(t, e->title);
	for (size_t i = 0; i < t->n_memory; i++)
		if (!t->memory[i])
			return cw_error_nomem(r->err);
	return 0;
}

static void forget_targets(struct retaining *r)
{
	for (size_t i = 0; i < r->n_targets; i++)
		for (size_t k = 0; k < r->targets[i].n_memory; k++)
			free(r->targets[i].memory[k]);
	r->n_targets = 0;
}

static int look_at(void *arg, const struct cw_fact *fact)
{
	struct retaining *r = arg;
	enum rule rule;
	int result;

	if (!is_due(r, fact, &rule))
		return 0;
	if (!r->collect)
		return count(r, rule, fact);
	/* Stops the walk; what is left is found by the next one. */
	if (r->n_targets == AT_ONCE)
		return -ECANCELED;
	result = add_target(r, rule, fact);
	return result;
}

static int remove_targets(struct retaining *r)
{
	struct committer *committer = r->committer;
	int result;

	commit_abort(committer);
	result = cw_store_begin(committer->store, r->err);
	for (size_t i = 0; result == 0 && i < r->n_targets; i++)
		result = cw_store_remove_text(committer->store, &r->targets[i].fact, &r->targets[i].text, r->err);
	if (result == 0)
		result = cw_store_commit(committer->store, r->err);
	else
		cw_store_rollback(committer->store);
	return result;
}

static int apply_texts(struct retaining *r)
{
	struct cw_fact_filter filter = { .since = CW_DAY_NONE };
	int result;

	r->collect = true;
	do {
		result = cw_store_facts(r->committer->store, &filter, look_at, r, r->err);
		if (result == -ECANCELED)
			result = 0;
		if (result == 0 && r->n_targets)
			result = remove_targets(r);
		if (result < 0 || !r->n_targets)
			break;
		forget_targets(r);
		committer_pulse(r->committer);
		cw_store_tidy(r->committer->store);
	} while (true);
	forget_targets(r);
	return result;
}

/* The contract has been over for long enough. */
static int everything(struct retaining *r, bool apply, struct cw_buf *out, uint32_t *rows)
{
	struct committer *committer = r->committer;
	struct cw_retained row = { .rule = cw_str("evidence"), .what = cw_str("everything"), .oldest = cw_wall_none() };
	struct cw_store_counts counts = { 0 };
	int result = cw_store_count_all(committer->store, &counts, r->err);

	if (result < 0 || counts.evidence + counts.alerts == 0)
		return result;
	row.n = counts.evidence + counts.alerts;
	++*rows;
	if (cw_retained_put(out, &row) < 0)
		return cw_error_nomem(r->err);
	if (!apply)
		return 0;
	commit_abort(committer);
	result = cw_store_begin(committer->store, r->err);
	if (result == 0)
		result = cw_store_remove_all(committer->store, r->err);
	/* Levels are worked out anew, of what is left: nothing. */
	if (result == 0)
		result = cw_store_set_meta(committer->store, "config", "", r->err);
	if (result == 0)
		result = cw_store_commit(committer->store, r->err);
	else
		cw_store_rollback(committer->store);
	return result < 0 ? result : commit_refresh(committer, r->err);
}

int retain(struct committer *committer, int32_t day, bool apply, struct cw_buf *out, uint32_t *ret_rows, struct cw_error *err)
{
	const struct cw_retention *rules = &committer->config->retention;
	struct cw_fact_filter filter = { .since = CW_DAY_NONE };
	struct retaining r = { .committer = committer, .day = day, .today = cw_wall_day(cw_wall_now()), .err = err };
	int result;

	*ret_rows = 0;
	if (cw_keep_over(&rules->evidence, rules->contract_end, day))
		return everything(&r, apply, out, ret_rows);
	result = cw_store_facts(committer->store, &filter, look_at, &r, err);
	for (size_t i = 0; result == 0 && i < r.n; i++) {
		const struct tally *tally = &r.tallies[i];
		struct cw_retained row = { .rule = cw_str(rule_names[tally->rule]),
			                   .what = cw_str("statements"),
			                   .feed = cw_str(tally->feed),
			                   .n = tally->n,
			                   .oldest = { tally->oldest } };

		result = cw_retained_put(out, &row) < 0 ? cw_error_nomem(err) : 0;
	}
	*ret_rows = (uint32_t)r.n;
	if (result == 0 && apply && r.n) {
		r.targets = calloc(AT_ONCE, sizeof(*r.targets));
		result = r.targets ? apply_texts(&r) : cw_error_nomem(err);
	}
	free(r.targets);
	free(r.tallies);
	return result;
}
