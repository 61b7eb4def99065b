#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <councilwatch/log.h>
#include <councilwatch/message.h>
#include <councilwatch/store.h>

#include "retention.h"

/* Not while everything starts; then it is looked every hour whether the day is another. */
#define FIRST_MS (10 * 60 * 1000)
#define AGAIN_MS (60 * 60 * 1000)
/* An assessor that was replaced meanwhile does not answer. */
#define ANSWER_MS (5 * 60 * 1000)
#define REMOVED_AT_ONCE 64u
#define EXPIRES_MOST_DAYS 180 /* of a note */
#define TOLD_MAX 40u          /* rows in the audit log */
#define NUMBER "retention_day"

struct cw_retainer {
	struct cw_inbox *inbox;
	struct cw_auditor *auditor;
	struct cw_retainer_ops ops;
	void *arg;
	struct cw_timer *daily, *late;
	const struct cw_config *config;
	struct cw_store *store; /* during a run */
	uint64_t run;
	bool running, apply;
	int32_t day;
	struct cw_audit_who who;
	json_t *rows;
	char *error; /* owned; of the last run */
};

/* ---- rows ---- */

/* Adds to the row of that rule and feed. 0 or -ENOMEM. */
static int tally(struct cw_retainer *retainer, const char *rule, const char *what, const char *feed, uint64_t n, struct cw_wall oldest)
{
	char at[CW_WALL_TEXT];
	json_t *row;
	size_t i;

	json_array_foreach(retainer->rows, i, row)
	{
		const char *before = json_string_value(json_object_get(row, "oldest"));

		if (strcmp(json_string_value(json_object_get(row, "rule")), rule) != 0 ||
		    strcmp(json_string_value(json_object_get(row, "what")), what) != 0 ||
		    strcmp(json_string_value(json_object_get(row, "feed")), feed) != 0)
			continue;
		if (cw_wall_known(oldest) && (!before || strcmp(cw_wall_format(oldest, at), before) < 0))
			json_object_set_new(row, "oldest", json_string(cw_wall_format(oldest, at)));
		return json_object_set_new(row, "n", json_integer(json_integer_value(json_object_get(row, "n")) + (json_int_t)n));
	}
	return json_array_append_new(retainer->rows, json_pack("{s:s, s:s, s:s, s:I, s:o}", "rule", rule, "what", what, "feed", feed, "n",
	                                                       (json_int_t)n, "oldest",
	                                                       cw_wall_known(oldest) ? json_string(cw_wall_format(oldest, at))
	                                                                             : json_null()));
}

/* ---- documents ---- */

static bool personal(const struct cw_inbox_document *document)
{
	struct cw_commit_info info;
	struct cw_cursor cursor;

	cw_cursor_init(&cursor, document->commit, document->commit_len);
	if (document->commit && cw_commit_info_get(&cursor, &info, NULL) == 0 && info.tally.reasons[CW_REASON_PERSONAL_DATA])
		return true;
	return document->outcome == CW_REASON_PERSONAL_DATA;
}

/* The rule by which it goes; NULL: it stays. */
static const char *rule_of(const struct cw_retainer *retainer, const struct cw_inbox_document *document)
{
	const struct cw_retention *rules = &retainer->config->retention;
	const struct cw_feed *feed = cw_config_feed(retainer->config, cw_str(document->feed));
	int32_t stored = cw_wall_day(document->stored_at);

	if (cw_keep_over(&rules->evidence, rules->contract_end, retainer->day))
		return "evidence";
	if (cw_keep_over(&rules->refused, stored, retainer->day) && personal(document))
		return "refused";
	if (feed && cw_feed_is_news(feed) && cw_keep_over(&rules->news_text, stored, retainer->day))
		return "news_text";
	/* Every note in it has expired by then, and its text has gone from the evidence. */
	if (feed && feed->format == CW_FORMAT_EVIDENCE && cw_keep_over(&rules->notes, stored + EXPIRES_MOST_DAYS, retainer->day))
		return "notes";
	return cw_keep_over(&rules->documents, stored, retainer->day) ? "documents" : NULL;
}

/* In quarantine for what can be mended: then it is read again one day. */
static int wanted(struct cw_retainer *retainer, const struct cw_inbox_document *document, bool *ret, struct cw_error *err)
{
	uint64_t open = 0;
	int r = 0;

	if (retainer->store)
		r = cw_store_open_rejects(retainer->store, cw_str(document->feed), document->sha256, document->fetched_at,
		                          CW_REASON_PERSONAL_DATA, &open, err);
	*ret = open > 0;
	return r;
}

static int look_at(struct cw_retainer *retainer, const struct cw_inbox_document *document, bool *ret_removed, struct cw_error *err)
{
	const char *rule = rule_of(retainer, document);
	bool keep = false;
	int r = 0;

	*ret_removed = false;
	if (!rule)
		return 0;
	if (strcmp(rule, "evidence") != 0 && strcmp(rule, "refused") != 0)
		r = wanted(retainer, document, &keep, err);
	if (r < 0)
		return r;
	if (tally(retainer, rule, keep ? "kept_in_quarantine" : "documents", document->feed, 1, document->stored_at) < 0)
		return cw_error_nomem(err);
	if (keep || !retainer->apply)
		return 0;
	*ret_removed = true;
	return cw_inbox_remove(retainer->inbox, document, cw_wall_now(), err);
}

static int documents(struct cw_retainer *retainer, struct cw_error *err)
{
	/* Those of today are no rule's. */
	struct cw_wall before = cw_day_start(retainer->day + 1);
	struct cw_inbox_document document;
	uint64_t after = 0;
	unsigned removed = 0;
	bool one;
	int r;

	while ((r = cw_inbox_kept(retainer->inbox, after, before, &document, err)) == 0) {
		after = document.id;
		r = look_at(retainer, &document, &one, err);
		cw_inbox_document_clear(&document);
		removed += one;
		if (r == 0 && one && removed % REMOVED_AT_ONCE == 0)
			r = cw_inbox_flush(retainer->inbox, err);
		if (r < 0)
			return r;
	}
	return r == -ENOENT ? cw_inbox_flush(retainer->inbox, err) : r;
}

/* ---- a run ---- */

static json_t *rules(const struct cw_retention *r)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s?}", "documents", r->documents_text, "refused", r->refused_text, "news_text",
	                 r->news_text_text, "notes", r->notes_text, "evidence", r->evidence_text, "contract_end", r->contract_end_text);
}

/* What was removed, by rule and feed, shortened. */
static json_t *removed(const struct cw_retainer *retainer, uint64_t *ret_n)
{
	json_t *told = json_array(), *row;
	size_t i;

	*ret_n = 0;
	json_array_foreach(retainer->rows, i, row)
	{
		if (strcmp(json_string_value(json_object_get(row, "what")), "kept_in_quarantine") == 0)
			continue;
		*ret_n += (uint64_t)json_integer_value(json_object_get(row, "n"));
		if (json_array_size(told) < TOLD_MAX)
			json_array_append_new(told, json_sprintf("%s %s %s: %lld", json_string_value(json_object_get(row, "rule")),
			                                         json_string_value(json_object_get(row, "what")),
			                                         json_string_value(json_object_get(row, "feed")),
			                                         (long long)json_integer_value(json_object_get(row, "n"))));
	}
	return told;
}

static void end(struct cw_retainer *retainer, const char *why_not)
{
	char day[CW_WALL_TEXT];
	struct cw_error err;
	json_t *told;
	uint64_t n = 0;

	retainer->running = false;
	cw_timer_disarm(retainer->late);
	cw_store_close(retainer->store);
	retainer->store = NULL;
	free(retainer->error);
	retainer->error = why_not ? strdup(why_not) : NULL;
	if (!retainer->apply)
		return;
	told = removed(retainer, &n);
	cw_log(why_not ? CW_LOG_ERROR : n ? CW_LOG_NOTICE : CW_LOG_INFO, why_not ? "retention.failed" : "retention.done",
	       "day=%s removed=%" PRIu64 " error=%s", cw_day_format(retainer->day, day), n, why_not ? why_not : "");
	(void)cw_auditor_record(retainer->auditor, &retainer->who, CW_AUDIT_RETENTION, NULL, NULL, NULL,
	                        json_pack("{s:s, s:o, s:I, s:o, s:s?}", "day", cw_day_format(retainer->day, day), "rules",
	                                  rules(&retainer->config->retention), "n", (json_int_t)n, "removed", told, "error", why_not),
	                        NULL, &err);
	if (!why_not && cw_inbox_set_number(retainer->inbox, NUMBER, cw_wall_day(cw_wall_now()), &err) < 0)
		cw_log_error(CW_LOG_ERROR, "inbox.write_failed", &err, NULL);
}

int cw_retainer_begin(struct cw_retainer *retainer, const struct cw_audit_who *who, int32_t day, bool apply, uint64_t *ret,
                      struct cw_error *err)
{
	int r;

	if (retainer->running)
		return cw_error_set(err, -EBUSY, "retention is under way: ask again when it is done");
	/* A day to come is for looking ahead only. */
	if (apply && day > cw_wall_day(cw_wall_now()))
		return cw_error_set(err, -EINVAL, "nothing is removed before its day: --apply takes no day to come");
	r = cw_store_open_reader(retainer->config->state_dir, &retainer->store, err);
	if (r < 0 && r != -ENOENT)
		return r;
	json_decref(retainer->rows);
	retainer->rows = json_array();
	retainer->who = *who;
	retainer->day = day;
	retainer->apply = apply;
	retainer->run++;
	r = retainer->rows ? documents(retainer, err) : cw_error_nomem(err);
	if (r == 0) {
		r = retainer->ops.ask(retainer->arg, retainer->run, day, apply);
		if (r < 0)
			r = cw_error_set(err, r, "the assessor is not there: try again in a moment");
	}
	if (r < 0) {
		end(retainer, err->text);
		return r;
	}
	retainer->running = true;
	cw_timer_arm(retainer->late, ANSWER_MS);
	*ret = retainer->run;
	return 0;
}

void cw_retainer_answered(struct cw_retainer *retainer, uint64_t number, uint32_t n, const void *rows, size_t len,
                          const char *why_not)
{
	struct cw_retained row;
	struct cw_cursor cursor;
	int r = 0;

	if (!retainer->running || number != retainer->run)
		return;
	cw_cursor_init(&cursor, rows, len);
	for (uint32_t i = 0; i < n && i < CW_RETAINED_MAX && r == 0; i++) {
		char rule[CW_NAME_MAX + 1], what[CW_NAME_MAX + 1], feed[CW_NAME_MAX + 1];

		r = cw_retained_get(&cursor, &row, NULL);
		if (r < 0)
			break;
		snprintf(rule, sizeof(rule), "%.*s", (int)row.rule.len, row.rule.at);
		snprintf(what, sizeof(what), "%.*s", (int)row.what.len, row.what.at);
		snprintf(feed, sizeof(feed), "%.*s", (int)row.feed.len, row.feed.at);
		r = tally(retainer, rule, what, feed, row.n, row.oldest);
	}
	end(retainer, *why_not ? why_not : r < 0 ? "the assessor's answer cannot be read" : NULL);
}

static void late(void *arg)
{
	end(arg, "the assessor did not answer: what it had not removed is at the next run");
}

json_t *cw_retainer_result(struct cw_retainer *retainer, uint64_t run)
{
	if (run != retainer->run || !run)
		return NULL;
	if (retainer->running)
		return json_pack("{s:b}", "done", 0);
	if (retainer->error)
		return json_pack("{s:b, s:s}", "done", 1, "error", retainer->error);
	return json_pack("{s:b, s:O, s:o}", "done", 1, "rows", retainer->rows, "rules", rules(&retainer->config->retention));
}

/* ---- daily ---- */

static void daily(void *arg)
{
	struct cw_retainer *retainer = arg;
	int32_t today = cw_wall_day(cw_wall_now());
	struct cw_audit_who who;
	struct cw_error err;
	int64_t last = 0;
	uint64_t run;

	cw_timer_arm(retainer->daily, AGAIN_MS);
	if (retainer->running || cw_inbox_number(retainer->inbox, NUMBER, &last, &err) < 0 || last >= today)
		return;
	cw_audit_self("daemon", &who);
	if (cw_retainer_begin(retainer, &who, today, true, &run, &err) < 0)
		cw_log_error(CW_LOG_WARNING, "retention.failed", &err, "retry_in=%ds", AGAIN_MS / 1000);
}

int cw_retainer_new(struct cw_loop *loop, struct cw_inbox *inbox, struct cw_auditor *auditor, bool by_itself,
                    const struct cw_retainer_ops *ops, void *arg, struct cw_retainer **ret, struct cw_error *err)
{
	struct cw_retainer *retainer = calloc(1, sizeof(*retainer));
	int r;

	if (!retainer)
		return cw_error_nomem(err);
	retainer->inbox = inbox;
	retainer->auditor = auditor;
	retainer->ops = *ops;
	retainer->arg = arg;
	r = cw_timer_new(loop, daily, retainer, &retainer->daily, err);
	if (r == 0)
		r = cw_timer_new(loop, late, retainer, &retainer->late, err);
	if (r < 0) {
		cw_retainer_free(retainer);
		return r;
	}
	if (by_itself)
		cw_timer_arm(retainer->daily, FIRST_MS);
	*ret = retainer;
	return 0;
}

void cw_retainer_free(struct cw_retainer *retainer)
{
	if (!retainer)
		return;
	cw_store_close(retainer->store);
	cw_timer_free(retainer->daily);
	cw_timer_free(retainer->late);
	json_decref(retainer->rows);
	free(retainer->error);
	free(retainer);
}

void cw_retainer_configure(struct cw_retainer *retainer, const struct cw_config *config)
{
	retainer->config = config;
}
