/*
 * The evidence object of "councilwatch evidence --json" (design section 5), one per line or in one array: what one
 * installation prints another takes in with the same result. Types are strict; members that this version does
 * not know are passed over, as are those that the receiving side gives anew (id, document, row, feed).
 *
 * published_at_derived = true says that published_at only repeats fetched_at, because the publisher
 * states none: then it is not stated here either. derived_headline is worked out wherever it is shown.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <councilwatch/limits.h>

#include "format.h"
#include "inside.h"
#include "json.h"

struct statements {
	struct cw_record *record;
	struct cw_json_reader *reader;
	struct cw_buf value;
};

/* A text member: 1 there, 0 absent or null, 2 rejected, or -errno. */
static int text_of(struct cw_record *record, const json_t *object, const char *name, size_t max, struct cw_str *ret)
{
	const json_t *value = json_object_get(object, name);
	int r;

	*ret = (struct cw_str){ "", 0 };
	if (!value || json_is_null(value))
		return 0;
	if (!json_is_string(value)) {
		r = cw_record_reject(record, CW_REASON_BAD_ROW, name, cw_str(""), "%s is %s, not a text", name,
		                     cw_json_type_name(value));
		return r < 0 ? r : 2;
	}
	*ret = (struct cw_str){ json_string_value(value), json_string_length(value) };
	if (ret->len > max) {
		r = cw_record_reject(record, CW_REASON_BAD_ROW, name, *ret, "%s is over %zu bytes long", name, max);
		return r < 0 ? r : 2;
	}
	return ret->len > 0;
}

/* A date or time; day (may be NULL) when a date is wanted. As text_of. */
static int time_of(struct cw_record *record, const json_t *object, const char *name, int32_t latest,
                   struct cw_wall *ret)
{
	struct cw_str text;
	int r;

	*ret = cw_wall_none();
	r = text_of(record, object, name, CW_NAME_MAX, &text);
	if (r != 1)
		return r;
	if (cw_wall_parse(text.at, text.len, ret, NULL) < 0) {
		*ret = cw_wall_none();
		r = cw_record_reject(record, CW_REASON_BAD_DATE, name, text, "not an ISO 8601 date or time");
		return r < 0 ? r : 2;
	}
	if (latest != CW_DAY_NONE && cw_wall_day(*ret) > latest) {
		char day[CW_WALL_TEXT];

		*ret = cw_wall_none();
		r = cw_record_reject(record, CW_REASON_BAD_DATE, name, text, "after it was fetched (%s)",
		                     cw_day_format(latest - 1, day));
		return r < 0 ? r : 2;
	}
	return 1;
}

static int kind_of(struct cw_record *record, const json_t *object, enum cw_kind *ret)
{
	const struct cw_kind_def *kind;
	const char *near;
	struct cw_str text;
	int r;

	r = text_of(record, object, "kind", CW_NAME_MAX, &text);
	if (r < 0 || r == 2)
		return r;
	kind = r == 1 ? cw_kind_by_name(text) : NULL;
	if (kind) {
		*ret = kind->kind;
		return 1;
	}
	if (r == 0) {
		r = cw_record_reject(record, CW_REASON_BAD_ROW, "kind", text, "no kind");
		return r < 0 ? r : 2;
	}
	near = cw_nearest(text.at, cw_kind_names());
	r = cw_record_reject(record, CW_REASON_BAD_ROW, "kind", text,
	                     near ? "no such kind; did you mean \"%s\"?" : "no such kind", near);
	return r < 0 ? r : 2;
}

static int tier_of(struct cw_record *record, const json_t *object, enum cw_tier *ret)
{
	struct cw_str text;
	int r;

	r = text_of(record, object, "tier", CW_NAME_MAX, &text);
	if (r != 1)
		return r;
	*ret = cw_tier_by_name(text);
	if (*ret != CW_TIER_NONE)
		return 1;
	r = cw_record_reject(record, CW_REASON_BAD_ROW, "tier", text, "not a tier: A, B, C or D");
	return r < 0 ? r : 2;
}

/* --- values --- */

static const char *nearest_signal(const struct cw_risk *risk, const char *word)
{
	const char *names[CW_SIGNALS_MAX + 1];
	size_t n = 0;

	for (; n < risk->n_signals && n < CW_SIGNALS_MAX; n++)
		names[n] = risk->signals[n].name;
	names[n] = NULL;
	return cw_nearest(word, names);
}

/* A number or text as text; numbers are written as spreadsheets' readers expect them. */
static int value_text(struct cw_record *record, const char *name, const json_t *value, enum cw_value_type type,
                      struct cw_str *ret)
{
	bool numeric = type == CW_VALUE_INTEGER || type == CW_VALUE_NUMBER;
	char *text;
	int r;

	if (json_is_string(value)) {
		*ret = (struct cw_str){ json_string_value(value), json_string_length(value) };
		if (ret->len <= CW_FIELD_MAX)
			return 1;
	} else if (numeric && json_is_number(value)) {
		text = cw_record_alloc(record, 32);
		if (!text)
			return -ENOMEM;
		snprintf(text, 32, "%.15g", json_number_value(value));
		*ret = cw_str(text);
		return 1;
	}
	r = cw_record_reject(record, CW_REASON_BAD_VALUE, name, cw_str(""), "%s is %s%s", name,
	                     cw_json_type_name(value),
	                     json_is_string(value) ? " that is too long"
	                     : numeric             ? ", not a number"
	                                           : ", not a text");
	return r < 0 ? r : 0;
}

/* What a person says from inside is taken as it is meant or not at all; of what a source says, the rest is used. */
static int value_rejected(const struct cw_evidence *evidence, int r)
{
	return r < 0 ? r : cw_inside_kind(evidence->kind);
}

/* 0 taken, absent or rejected alone; 1 the whole statement is rejected with it; -errno. */
static int take_value(struct statements *statements, const char *name, const json_t *json, struct cw_evidence *evidence)
{
	struct cw_record *record = statements->record;
	const struct cw_value_def *def = cw_value_by_name(cw_str(name));
	struct cw_str text, value;
	char *copy;
	int r;

	if (!def || json_is_null(json))
		return 0; /* derived_headline, and whatever later versions add */
	if (!cw_kind_allows(evidence->kind, def->id)) {
		r = cw_record_reject(record, CW_REASON_BAD_VALUE, name, cw_str(""), "\"%s\" has no value \"%s\"",
		                     cw_kind_def(evidence->kind)->name, name);
		return value_rejected(evidence, r);
	}
	r = value_text(record, name, json, def->type, &text);
	if (r <= 0)
		return value_rejected(evidence, r);
	text = cw_str_trim(text);
	if (!text.len)
		return 0;
	if (def->id == CW_VAL_SIGNAL) {
		const struct cw_risk *risk = &cw_record_config(record)->risk;

		if (!cw_risk_signal(risk, text)) {
			const char *near = nearest_signal(risk, text.at);

			r = cw_record_reject(record, CW_REASON_BAD_VALUE, name, text,
			                     near ? "no such signal; did you mean \"%s\"?" : "no such signal", near);
			return r < 0 ? r : 1;
		}
		return cw_evidence_set(evidence, def->id, text);
	}
	if (def->type == CW_VALUE_TEXT) {
		r = cw_record_text(record, text, 4000, &text);
		return r < 0 ? r : cw_evidence_set(evidence, def->id, text);
	}
	r = cw_value_parse(def->id, text, &statements->value, &value);
	if (r == -EINVAL || r == -ERANGE) {
		r = cw_record_reject(record, CW_REASON_BAD_VALUE, name, text,
		                     r == -ERANGE ? "out of range for %s" : "not a value of %s", name);
		return value_rejected(evidence, r);
	}
	if (r < 0)
		return r;
	copy = cw_record_alloc(record, value.len + 1);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, value.at, value.len);
	return cw_evidence_set(evidence, def->id, (struct cw_str){ copy, value.len });
}

/* What a classified statement must have besides: its status, and a criterion that its signal may count under. */
static int check_signal(struct cw_record *record, const struct cw_evidence *evidence)
{
	struct cw_str name = cw_evidence_value(evidence, CW_VAL_SIGNAL);
	struct cw_str status = cw_evidence_value(evidence, CW_VAL_STATUS);
	struct cw_str text = cw_evidence_value(evidence, CW_VAL_CRITERION);
	const struct cw_signal_def *signal = cw_risk_signal(&cw_record_config(record)->risk, name);
	enum cw_criterion criterion;
	int r;

	if (!name.len || !signal)
		return 0; /* no outcome: cw_record_evidence() says so */
	if (!status.len) {
		r = cw_record_reject(record, CW_REASON_BAD_VALUE, "status", name,
		                     "a signal needs a status: open, closed or occurred");
		return r < 0 ? r : 1;
	}
	if (text.len && (cw_criterion_parse(text, &criterion) < 0 || !(signal->criteria & 1u << criterion))) {
		r = cw_record_reject(record, CW_REASON_BAD_VALUE, "criterion", text,
		                     "\"%s\" does not count under this criterion", signal->name);
		return r < 0 ? r : 1;
	}
	return 0;
}

/* Two signals on one day at one address are two statements, so the address alone does not identify them. */
static int signal_key(struct cw_record *record, struct cw_evidence *evidence)
{
	struct cw_str parts[] = {
		cw_evidence_value(evidence, CW_VAL_SIGNAL),
		cw_evidence_value(evidence, CW_VAL_CRITERION),
		cw_evidence_value(evidence, CW_VAL_STATUS),
		{ "", 0 },
		evidence->url,
	};
	char day[CW_WALL_TEXT], *key;
	size_t len = 0, n = 0;

	parts[3] = cw_str(cw_day_format(evidence->event_day, day));
	for (size_t i = 0; i < CW_ARRAY_LEN(parts); i++)
		len += parts[i].len + 1;
	key = cw_record_alloc(record, len);
	if (!key)
		return -ENOMEM;
	for (size_t i = 0; i < CW_ARRAY_LEN(parts); i++) {
		if (i)
			key[n++] = '|';
		if (parts[i].len)
			memcpy(key + n, parts[i].at, parts[i].len);
		n += parts[i].len;
	}
	evidence->key = (struct cw_str){ key, n };
	return 0;
}

static int take_values(struct statements *statements, const json_t *object, struct cw_evidence *evidence)
{
	const json_t *values = json_object_get(object, "values");
	const char *name;
	json_t *each;
	int r;

	if (values && !json_is_null(values) && !json_is_object(values)) {
		r = cw_record_reject(statements->record, CW_REASON_BAD_ROW, "values", cw_str(""),
		                     "values is %s, not an object", cw_json_type_name(values));
		return r < 0 ? r : 1;
	}
	json_object_foreach((json_t *)(uintptr_t)values, name, each)
	{
		r = take_value(statements, name, each, evidence);
		if (r)
			return r;
	}
	return evidence->kind == CW_KIND_SIGNAL ? check_signal(statements->record, evidence) : 0;
}

/* --- the rest of the object --- */

static int take_times(struct cw_record *record, const json_t *object, struct cw_evidence *evidence)
{
	const json_t *derived = json_object_get(object, "published_at_derived");
	int32_t latest = cw_record_too_late(record);
	struct cw_wall event;
	int r;

	if (derived && !json_is_boolean(derived) && !json_is_null(derived)) {
		r = cw_record_reject(record, CW_REASON_BAD_ROW, "published_at_derived", cw_str(""),
		                     "published_at_derived is %s, not true or false", cw_json_type_name(derived));
		return r < 0 ? r : 2;
	}
	r = time_of(record, object, "fetched_at", latest, &evidence->fetched_at);
	if (r < 0 || r == 2)
		return r;
	/* What it was when it was first fetched could not speak of later days. */
	if (r == 1)
		latest = cw_wall_day(evidence->fetched_at) + 1;
	r = time_of(record, object, "event_date", latest, &event);
	if (r < 0 || r == 2)
		return r;
	evidence->event_day = cw_wall_day(event);
	r = time_of(record, object, "published_at", latest, &evidence->published_at);
	if (r >= 0 && r != 2 && json_is_true(derived))
		evidence->published_at = cw_wall_none();
	return r;
}

static int take_texts(struct cw_record *record, const json_t *object, struct cw_evidence *evidence)
{
	struct cw_str text;
	int r;

	r = text_of(record, object, "url", CW_FIELD_MAX, &text);
	if (r == 1) {
		r = cw_record_url(record, text, &evidence->url);
		if (r == 1)
			r = cw_record_reject(record, CW_REASON_BAD_VALUE, "url", text, "not an http or https address");
	}
	if (r < 0 || r == 2)
		return r;
	r = text_of(record, object, "title", CW_FIELD_MAX, &text);
	if (r == 1)
		r = cw_record_text(record, text, CW_QUOTE_MAX, &evidence->title);
	if (r < 0 || r == 2)
		return r;
	/* A row read out is no quote: it is read out again wherever it is shown. */
	r = json_is_true(json_object_get(object, "quote_is_row")) ? 0 : text_of(record, object, "quote", CW_FIELD_MAX, &text);
	if (r == 1)
		r = cw_record_text(record, text, CW_QUOTE_MAX, &evidence->quote);
	if (r < 0 || r == 2)
		return r;
	r = text_of(record, object, "publisher", 256, &evidence->publisher);
	if (r < 0 || r == 2)
		return r;
	return text_of(record, object, "key", 1024, &evidence->key);
}

static int take_council(struct cw_record *record, const json_t *object, struct cw_evidence *evidence)
{
	const struct cw_council *council;
	struct cw_str text;
	int32_t day = evidence->event_day;
	int r;

	r = text_of(record, object, "council_id", 256, &text);
	if (r < 0 || r == 2)
		return r;
	text = cw_str_trim(text);
	council = text.len ? cw_councils_by_id(cw_record_config(record)->councils, text) : NULL;
	if (council) {
		evidence->council_id = cw_str(council->id);
		return 1;
	}
	if (day == CW_DAY_NONE)
		day =
		    cw_wall_day(cw_wall_known(evidence->published_at) ? evidence->published_at : evidence->fetched_at);
	r = cw_record_council(record, &text, text.len > 0, day, &evidence->council_id);
	return r < 0 ? r : r ? 2 : 1;
}

static int row(void *arg, uint64_t number, const json_t *object)
{
	struct statements *statements = arg;
	struct cw_record *record = statements->record;
	struct cw_evidence evidence = { .event_day = CW_DAY_NONE,
		                        .published_at = cw_wall_none(),
		                        .fetched_at = cw_wall_none() };
	int r;

	cw_record_start_row(record, number);
	evidence.council_id = evidence.publisher = evidence.url = evidence.title = evidence.quote = evidence.key =
	    cw_str("");
	r = kind_of(record, object, &evidence.kind);
	if (r >= 0 && r != 2)
		r = take_times(record, object, &evidence);
	if (r >= 0 && r != 2)
		r = take_council(record, object, &evidence);
	if (r >= 0 && r != 2)
		r = tier_of(record, object, &evidence.tier);
	if (r >= 0 && r != 2)
		r = take_texts(record, object, &evidence);
	if (r < 0 || r == 2)
		return r < 0 ? r : 0;
	r = take_values(statements, object, &evidence);
	if (r == 0)
		r = cw_inside_check(record, object, &evidence);
	if (r)
		return r < 0 ? r : 0;
	if (evidence.kind == CW_KIND_SIGNAL && !evidence.key.len) {
		r = signal_key(record, &evidence);
		if (r < 0)
			return r;
	}
	return cw_record_evidence(record, &evidence);
}

static int begin(struct cw_record *record, void **ret)
{
	struct statements *statements = calloc(1, sizeof(*statements));
	struct cw_json_options options = { .lines = true, .either = true, .row = row, .arg = statements };

	*ret = statements;
	if (!statements)
		return -ENOMEM;
	statements->record = record;
	cw_buf_init(&statements->value, CW_FIELD_MAX);
	return cw_json_reader_new(record, &options, &statements->reader);
}

static int feed(void *state, const char *text, size_t len)
{
	return cw_json_reader_feed(((struct statements *)state)->reader, text, len);
}

static int end(void *state)
{
	return cw_json_reader_end(((struct statements *)state)->reader);
}

static void statements_free(void *state)
{
	struct statements *statements = state;

	if (!statements)
		return;
	cw_json_reader_free(statements->reader);
	cw_buf_clear(&statements->value);
	free(statements);
}

const struct cw_format_ops cw_format_evidence = {
	.format = CW_FORMAT_EVIDENCE,
	.noun = "evidence objects",
	.begin = begin,
	.feed = feed,
	.end = end,
	.free = statements_free,
};
