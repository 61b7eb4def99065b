#include <errno.h>
#include <string.h>

#include <councilwatch/limits.h>

#include "text_record.h"

/* Room in a key for the signal after what identifies the text. */
#define KEY_BASE_MAX 900u
#define TITLE_CHARACTERS 300u

struct text {
	struct cw_record *record;
	const char *heading;
	const struct cw_str *parts;
	const struct cw_record_councils *fixed;
	const struct cw_evidence *row;
	struct cw_str base; /* of keys */
	struct cw_str title;
};

static struct cw_str text_at(const struct text *text, struct cw_span span)
{
	return (struct cw_str){ text->parts[span.part].at + span.at, span.len };
}

static int make_key(const struct text *text, const struct cw_finding *finding, struct cw_str *ret)
{
	size_t signal = strlen(finding->rule->signal);
	const char *criterion = finding->criterion;
	size_t size = text->base.len + 1 + signal + (criterion ? 1 + strlen(criterion) : 0) + 1;
	char *key = cw_record_alloc(text->record, size);
	size_t n = text->base.len;

	if (!key)
		return -ENOMEM;
	memcpy(key, text->base.at, n);
	key[n++] = '|';
	memcpy(key + n, finding->rule->signal, signal);
	n += signal;
	if (criterion) {
		key[n++] = '|';
		memcpy(key + n, criterion, strlen(criterion));
		n += strlen(criterion);
	}
	*ret = (struct cw_str){ key, n };
	return 0;
}

/* The row's evidence as one of that kind, with the values it may have. */
static int begin(const struct text *text, enum cw_kind kind, struct cw_evidence *ret)
{
	int r = 0;

	*ret = *text->row;
	ret->kind = kind;
	ret->n_values = 0;
	for (size_t i = 0; i < text->row->n_values && r == 0; i++)
		if (cw_kind_allows(kind, text->row->value[i].id))
			r = cw_evidence_set(ret, text->row->value[i].id, text->row->value[i].text);
	if (!ret->title.len)
		ret->title = text->title;
	return r;
}

/* The councils of the findings from *i on that are one statement; *i is moved past them. */
static void together(const struct text *text, const struct cw_reading *reading, size_t *i,
                     struct cw_record_councils *ret)
{
	const struct cw_finding *first = &reading->findings[*i];

	if (text->fixed) {
		*ret = *text->fixed;
		while (*i < reading->n_findings && reading->findings[*i].together == first->together)
			(*i)++;
		return;
	}
	memset(ret, 0, sizeof(*ret));
	ret->organisation = cw_str(first->organisation);
	while (
	    *i < reading->n_findings && reading->findings[*i].together == first->together &&
	    ret->set.n < CW_COUNCILS_TOGETHER_MAX &&
	    cw_str_eq(ret->organisation, reading->findings[*i].organisation ? reading->findings[*i].organisation : ""))
		ret->set.at[ret->set.n++] = reading->findings[(*i)++].council;
}

static int put_signal(struct text *text, const struct cw_finding *finding, const struct cw_record_councils *councils)
{
	const struct cw_rule *rule = finding->rule;
	struct cw_evidence evidence;
	int r = begin(text, CW_KIND_SIGNAL, &evidence);

	if (r == 0)
		r = cw_evidence_set(&evidence, CW_VAL_SIGNAL, cw_str(rule->signal));
	if (r == 0)
		r = cw_evidence_set(&evidence, CW_VAL_STATUS, cw_str(rule->status));
	if (r == 0 && finding->criterion)
		r = cw_evidence_set(&evidence, CW_VAL_CRITERION, cw_str(finding->criterion));
	if (r == 0)
		r = cw_evidence_set(&evidence, CW_VAL_RULE, cw_str(rule->name));
	if (r == 0)
		r = make_key(text, finding, &evidence.key);
	if (r == 0)
		r = cw_record_text(text->record, text_at(text, finding->quote), CW_QUOTE_MAX, &evidence.quote);
	return r < 0 ? r : cw_record_evidence_for(text->record, &evidence, councils);
}

static int put_kept(struct text *text, enum cw_kind kind, const struct cw_record_councils *councils)
{
	struct cw_evidence evidence;
	int r = begin(text, kind, &evidence);

	evidence.key = text->base;
	return r < 0 ? r : cw_record_evidence_for(text->record, &evidence, councils);
}

/* What names a council and is no signal. */
static int put_unmatched(struct text *text, const struct cw_reading *reading)
{
	const struct cw_feed *feed = cw_record_feed(text->record);
	struct cw_record_councils councils;
	int r = 0;

	if (!feed->keep || feed->kind == CW_KIND_SIGNAL)
		return cw_record_reject(text->record, CW_REASON_NOT_A_SIGNAL, text->heading, text->title, NULL);
	if (text->fixed)
		return put_kept(text, feed->kind, text->fixed);
	for (size_t i = 0; i < reading->n_subjects && r == 0;) {
		const char *organisation = reading->subjects[i].organisation;

		memset(&councils, 0, sizeof(councils));
		councils.organisation = cw_str(organisation);
		while (i < reading->n_subjects && councils.set.n < CW_COUNCILS_TOGETHER_MAX &&
		       reading->subjects[i].organisation == organisation)
			councils.set.at[councils.set.n++] = reading->subjects[i++].council;
		r = put_kept(text, feed->kind, &councils);
	}
	return r;
}

static int put_doubt(struct text *text, const struct cw_doubt *doubt)
{
	enum cw_reason reason =
	    doubt->kind == CW_DOUBT_CONTRADICTION ? CW_REASON_CONTRADICTION : CW_REASON_UNRESOLVED_COUNCIL;
	struct cw_str title = cw_str_cut(text->title, 200);

	if (doubt->rule)
		return cw_record_reject(text->record, reason, text->heading, text_at(text, doubt->text),
		                        "rule %s found %s: %s", doubt->rule->name, doubt->rule->signal, doubt->why);
	return cw_record_reject(text->record, reason, text->heading, text_at(text, doubt->text), "%s: \"%.*s\"",
	                        doubt->why, (int)title.len, title.at);
}

static int put_reading(struct text *text, const struct cw_reading *reading)
{
	int r = 0;

	for (size_t i = 0; i < reading->n_findings && r == 0;) {
		const struct cw_finding *first = &reading->findings[i];
		struct cw_record_councils councils;

		together(text, reading, &i, &councils);
		r = put_signal(text, first, &councils);
	}
	for (size_t i = 0; i < reading->n_doubts && r == 0; i++)
		r = put_doubt(text, &reading->doubts[i]);
	if (r < 0 || reading->n_findings)
		return r;
	if (reading->n_subjects || text->fixed)
		return reading->n_doubts && text->fixed ? 0 : put_unmatched(text, reading);
	if (reading->n_doubts)
		return 0;
	return cw_record_reject(text->record, CW_REASON_NOT_ABOUT, text->heading, text->title, NULL);
}

int cw_text_record(struct cw_record *record, struct cw_reader *reader, const char *heading, const struct cw_str *parts,
                   size_t n_parts, int32_t day, const struct cw_record_councils *fixed,
                   const struct cw_evidence *evidence)
{
	const struct cw_feed *feed = cw_record_feed(record);
	struct text text = { .record = record, .heading = heading, .parts = parts, .fixed = fixed, .row = evidence };
	struct cw_reading reading;
	int r;

	if (!n_parts)
		return cw_record_reject(record, CW_REASON_NOT_ABOUT, heading, cw_str(""), NULL);
	r = cw_record_text(record, parts[0], TITLE_CHARACTERS, &text.title);
	if (r < 0)
		return r;
	text.base = evidence->key.len ? evidence->key : evidence->url.len ? evidence->url : text.title;
	text.base = cw_str_cut(text.base, KEY_BASE_MAX);
	r = cw_reader_read(reader, parts, n_parts, day, fixed ? fixed->set.at : NULL, fixed ? fixed->set.n : 0,
	                   (const char *const *)feed->signals.at, feed->signals.n, &reading);
	return r < 0 ? r : put_reading(&text, &reading);
}
