#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <councilwatch/log.h>
#include <councilwatch/store.h>

#include "auditor.h"
#include "snapshot.h"

#define MISTAKES_TOLD 2000u

struct cw_auditor {
	struct cw_inbox *inbox;
	char *state_dir;
	struct cw_audit *audit;
	struct cw_store *store; /* NULL until it is there */
	struct cw_timer *again;
	const struct cw_config *config;
};

/* A feed that is not configured any more may have given anything. */
static bool may_rule(void *arg, const char *name)
{
	const struct cw_auditor *auditor = arg;
	const struct cw_feed *feed = auditor->config ? cw_config_feed(auditor->config, cw_str(name)) : NULL;

	return !feed || cw_feed_may_give(feed, CW_KIND_INTERNAL_NOTE) || cw_feed_may_give(feed, CW_KIND_OVERRIDE);
}

static void again_due(void *arg)
{
	cw_auditor_documents(arg);
}

int cw_auditor_new(struct cw_loop *loop, struct cw_inbox *inbox, const char *state_dir, struct cw_auditor **ret,
                   struct cw_error *err)
{
	struct cw_auditor *auditor = calloc(1, sizeof(*auditor));
	int r;

	if (!auditor)
		return cw_error_nomem(err);
	auditor->inbox = inbox;
	auditor->state_dir = strdup(state_dir);
	r = auditor->state_dir ? cw_audit_open(state_dir, true, &auditor->audit, err) : cw_error_nomem(err);
	if (r == 0)
		r = cw_timer_new(loop, again_due, auditor, &auditor->again, err);
	if (r < 0) {
		cw_auditor_free(auditor);
		return r;
	}
	cw_inbox_audit_of(inbox, may_rule, auditor);
	*ret = auditor;
	return 0;
}

void cw_auditor_free(struct cw_auditor *auditor)
{
	if (!auditor)
		return;
	cw_inbox_audit_of(auditor->inbox, NULL, NULL);
	cw_timer_free(auditor->again);
	cw_store_close(auditor->store);
	cw_audit_close(auditor->audit);
	free(auditor->state_dir);
	free(auditor);
}

void cw_auditor_sender(struct cw_sock *sock, const char *sudo, const char *via, struct cw_audit_who *ret)
{
	char text[CW_SENDER_TEXT];
	struct cw_sender sender;

	cw_sock_sender(sock, &sender);
	cw_audit_other(sender.kind == CW_SENDER_LOCAL ? (int64_t)sender.uid : -1, sudo, via, ret);
	if (sender.kind == CW_SENDER_KEY || sender.kind == CW_SENDER_TCP)
		snprintf(ret->account, sizeof(ret->account), "%.*s", (int)sizeof(ret->account) - 1, cw_sender_format(&sender, text));
}

void cw_auditor_configure(struct cw_auditor *auditor, const struct cw_config *config)
{
	auditor->config = config;
}

/* Owned; NULL without memory. */
static char *detail_text(json_t *detail)
{
	char *text = detail ? json_dumps(detail, JSON_COMPACT) : NULL;

	json_decref(detail);
	return text;
}

static int failed(struct cw_error *err, enum cw_audit_action action)
{
	cw_log_error(CW_LOG_ERROR, "audit.failed", err, "action=%s", cw_audit_action_name(action));
	return err->code;
}

int cw_auditor_record(struct cw_auditor *auditor, const struct cw_audit_who *who, enum cw_audit_action action,
                      const char *council, const char *feed, const char *document, json_t *detail, uint64_t *ret_seq,
                      struct cw_error *err)
{
	CW_CLEANUP(cw_freep) char *text = detail_text(detail);
	struct cw_audit_row row = { .who = *who,
		                    .action = action,
		                    .council_id = council,
		                    .feed = feed,
		                    .document = document,
		                    .detail = text };
	int r = text ? cw_audit_append(auditor->audit, &row, 1, err) : cw_error_nomem(err);

	if (r < 0)
		return failed(err, action);
	if (ret_seq)
		*ret_seq = row.seq;
	return 0;
}

/* ---- configurations ---- */

static int config_detail(const char *when, const struct cw_config *config, const char *before, const char *now, json_t **ret)
{
	json_t *detail = json_pack("{s:s, s:s, s:s}", "when", when, "file", config->file, "config", config->hash);
	json_t *changes = before ? cw_snapshot_compare(before, now) : json_pack("{s:b}", "first", 1);

	if (!detail || !changes || json_object_update(detail, changes) < 0) {
		json_decref(detail);
		detail = NULL;
	}
	json_decref(changes);
	*ret = detail;
	return detail ? 0 : -ENOMEM;
}

int cw_auditor_config(struct cw_auditor *auditor, const struct cw_audit_who *who, const char *when,
                      const struct cw_config *config, struct cw_error *err)
{
	CW_CLEANUP(cw_freep) char *before = NULL;
	CW_CLEANUP(cw_buf_clear) struct cw_buf now = { 0 };
	char hash[CW_SHA256_HEX], before_hash[CW_SHA256_HEX] = "";
	unsigned char digest[CW_SHA256_LEN];
	json_t *detail = NULL;
	int r;

	cw_buf_init(&now, CW_SNAPSHOT_MAX);
	r = cw_snapshot_make(config, &now);
	if (r == 0)
		r = cw_sha256(now.data, now.len, digest);
	if (r < 0)
		return cw_error_set(err, r, "the configuration cannot be kept for the audit log");
	cw_hex(digest, sizeof(digest), hash);
	r = cw_audit_config(auditor->audit, NULL, before_hash, &before, err);
	if (r == 0 && before && strcmp(before_hash, hash) == 0)
		return 0;
	if (r == 0)
		r = cw_audit_put_config(auditor->audit, hash, cw_buf_str(&now), err);
	if (r < 0)
		return failed(err, CW_AUDIT_CONFIG);
	if (config_detail(when, config, before, cw_buf_str(&now), &detail) < 0)
		return cw_error_nomem(err);
	return cw_auditor_record(auditor, who, CW_AUDIT_CONFIG, NULL, NULL, hash, detail, NULL, err);
}

void cw_auditor_config_refused(struct cw_auditor *auditor, const struct cw_audit_who *who, const char *file,
                               const char *mistakes)
{
	struct cw_str told = cw_str_cut(cw_str(mistakes), MISTAKES_TOLD);
	json_t *text = json_stringn(told.at, told.len);
	struct cw_error err;

	(void)cw_auditor_record(auditor, who, CW_AUDIT_CONFIG_REFUSED, NULL, NULL, NULL,
	                        json_pack("{s:s, s:o}", "file", file, "mistakes", text ? text : json_null()), NULL, &err);
}

/* ---- notes and rulings ---- */

#define ROWS_AT_ONCE 64

struct telling {
	struct cw_auditor *auditor;
	const struct cw_inbox_document *document;
	struct cw_audit_who who;
	char sha256[CW_SHA256_HEX];
	enum cw_audit_action action;
	struct cw_audit_row rows[ROWS_AT_ONCE];
	struct {
		char *council, *detail, *key; /* owned */
	} texts[ROWS_AT_ONCE];
	size_t n;
	struct cw_error *err;
};

static int rows_write(struct telling *telling)
{
	int r = telling->n ? cw_audit_append(telling->auditor->audit, telling->rows, telling->n, telling->err) : 0;

	for (size_t i = 0; i < telling->n; i++) {
		free(telling->texts[i].council);
		free(telling->texts[i].detail);
		free(telling->texts[i].key);
	}
	telling->n = 0;
	return r;
}

/* What kind of statement it is and until when it counts, and never what it says or who of the role said it. */
static json_t *statement_detail(const struct cw_fact *fact)
{
	static const enum cw_value_id told[] = { CW_VAL_SEVERITY, CW_VAL_CRITERION, CW_VAL_LEVEL,
		                                 CW_VAL_SCOPE,    CW_VAL_EXPIRES,   CW_VAL_SENSITIVITY };
	json_t *detail = json_pack("{s:s, s:I}", "evidence", fact->id, "row", (json_int_t)fact->evidence.row);

	for (size_t i = 0; detail && i < fact->evidence.n_values; i++) {
		const struct cw_value *value = &fact->evidence.value[i];

		for (size_t k = 0; k < CW_ARRAY_LEN(told); k++)
			if (value->id == told[k])
				(void)json_object_set_new(detail, cw_value_def(value->id)->name,
				                          json_stringn(value->text.at, value->text.len));
	}
	return detail;
}

static int tell_statement(void *arg, const struct cw_fact *fact)
{
	struct telling *telling = arg;
	const struct cw_inbox_document *document = telling->document;
	size_t i = telling->n;
	int r;

	telling->texts[i].council = strndup(fact->evidence.council_id.at, fact->evidence.council_id.len);
	telling->texts[i].detail = detail_text(statement_detail(fact));
	if (asprintf(&telling->texts[i].key, "%s/%s/%s/%lld/%s", cw_audit_action_name(telling->action), document->feed, telling->sha256,
	             (long long)document->fetched_at.ms, fact->id) < 0)
		telling->texts[i].key = NULL;
	telling->n++;
	if (!telling->texts[i].council || !telling->texts[i].detail || !telling->texts[i].key)
		return cw_error_nomem(telling->err);
	telling->rows[i] = (struct cw_audit_row){ .who = telling->who,
		                                  .action = telling->action,
		                                  .council_id = telling->texts[i].council,
		                                  .feed = document->feed,
		                                  .document = telling->sha256,
		                                  .detail = telling->texts[i].detail,
		                                  .key = telling->texts[i].key };
	if (telling->n < ROWS_AT_ONCE)
		return 0;
	r = rows_write(telling);
	return r;
}

/* 0 also when there is nothing to tell of it. */
static int tell_document(struct cw_auditor *auditor, const struct cw_inbox_document *document, struct cw_error *err)
{
	static const struct {
		enum cw_kind kind;
		enum cw_audit_action action;
	} both[] = { { CW_KIND_INTERNAL_NOTE, CW_AUDIT_NOTE }, { CW_KIND_OVERRIDE, CW_AUDIT_OVERRIDE } };
	struct telling telling = { .auditor = auditor, .document = document, .err = err };
	int r = 0;

	if (!may_rule(auditor, document->feed) || document->state == CW_INBOX_REJECTED || document->state == CW_INBOX_POISON)
		return 0;
	if (!auditor->store)
		r = cw_store_open_reader(auditor->state_dir, &auditor->store, err);
	if (r < 0)
		return r;
	cw_hex(document->sha256, CW_SHA256_LEN, telling.sha256);
	cw_audit_who_parse(document->who, &telling.who);
	if (!document->who[0])
		snprintf(telling.who.via, sizeof(telling.who.via), "feed");
	for (size_t i = 0; r == 0 && i < CW_ARRAY_LEN(both); i++) {
		telling.action = both[i].action;
		r = cw_store_document_facts(auditor->store, cw_str(document->feed), document->sha256, document->fetched_at,
		                            both[i].kind, tell_statement, &telling, err);
	}
	if (r == 0)
		r = rows_write(&telling);
	else
		while (telling.n) {
			telling.n--;
			free(telling.texts[telling.n].council);
			free(telling.texts[telling.n].detail);
			free(telling.texts[telling.n].key);
		}
	/* Not in the database although it was committed: it was restored from a copy, and is read again. */
	return r == -ENOENT ? 0 : r;
}

void cw_auditor_documents(struct cw_auditor *auditor)
{
	struct cw_inbox_document document;
	struct cw_error err;
	uint64_t after = 0;
	bool left = false;
	int r;

	while ((r = cw_inbox_unaudited(auditor->inbox, after, &document, &err)) == 0) {
		after = document.id;
		/* One that is read again is told of when that is done. */
		if (document.state != CW_INBOX_QUEUED) {
			r = tell_document(auditor, &document, &err);
			if (r == 0)
				r = cw_inbox_audited(auditor->inbox, document.id, &err);
			if (r < 0) {
				cw_log_error(CW_LOG_ERROR, "audit.failed", &err, "document=%" PRIu64 " feed=%s", document.id,
				             document.feed);
				left = true;
			}
		}
		cw_inbox_document_clear(&document);
		if (left)
			break;
	}
	if (r < 0 && r != -ENOENT && !left) {
		cw_log_error(CW_LOG_ERROR, "audit.failed", &err, NULL);
		left = true;
	}
	if (left && !cw_timer_armed(auditor->again))
		cw_timer_arm(auditor->again, CW_AUDITOR_AGAIN_MS);
}
