#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "links.h"
#include "record_private.h"

/* --- memory of a row --- */

void record_forget_row(struct cw_record *record)
{
	while (record->memory && record->memory->next) {
		struct block *block = record->memory;

		record->memory = block->next;
		free(block);
	}
	if (record->memory)
		record->memory->used = 0;
}

void *cw_record_alloc(struct cw_record *record, size_t size)
{
	struct block *block = record->memory;
	void *ret;

	size = (size + 15) & ~(size_t)15;
	if (!block || block->size - block->used < size) {
		size_t want = CW_MAX(size, (size_t)16384);

		block = malloc(sizeof(*block) + want);
		if (!block)
			return NULL;
		block->next = record->memory;
		block->used = 0;
		block->size = want;
		record->memory = block;
	}
	ret = block->data + block->used;
	block->used += size;
	return ret;
}

int record_keep(struct cw_record *record, const void *data, size_t len, struct cw_str *ret)
{
	char *copy = cw_record_alloc(record, len);

	if (!copy)
		return -ENOMEM;
	if (len)
		memcpy(copy, data, len);
	*ret = (struct cw_str){ copy, len };
	return 0;
}

const struct cw_feed *cw_record_feed(const struct cw_record *record)
{
	return record->feed;
}

const struct cw_config *cw_record_config(const struct cw_record *record)
{
	return record->config;
}

const struct cw_document_info *cw_record_info(const struct cw_record *record)
{
	return &record->info;
}

size_t cw_record_slots(const struct cw_record *record)
{
	return record->n_slots;
}

const char *cw_record_slot_name(const struct cw_record *record, size_t slot)
{
	return record->slots[slot].name;
}

const char *cw_record_slot_also(const struct cw_record *record, size_t slot, size_t i)
{
	const struct cw_heading *column = record->slots[slot].column;

	return column && i < column->also.n ? column->also.at[i] : NULL;
}

int cw_record_place(const struct cw_record *record, size_t slot)
{
	return record->slots[slot].place;
}

size_t cw_record_last_column(const struct cw_record *record)
{
	return record->last_column;
}

int32_t cw_record_too_late(const struct cw_record *record)
{
	return record->too_late;
}

/* --- outcomes --- */

void cw_record_fail(struct cw_record *record, enum cw_reason reason, const char *fmt, ...)
{
	va_list args;

	if (record->tally.outcome != CW_REASON_NONE)
		return;
	record->tally.outcome = reason;
	va_start(args, fmt);
	vsnprintf(record->detail, sizeof(record->detail), fmt, args);
	va_end(args);
}

bool cw_record_failed(const struct cw_record *record)
{
	return record->tally.outcome != CW_REASON_NONE;
}

/* Text made by printf from outside text: parsers quote bytes and printf cuts where it must. */
static void mend_utf8(char *text)
{
	if (cw_utf8_valid(text, strlen(text)))
		return;
	for (; *text; text++)
		if ((unsigned char)*text >= 0x80)
			*text = '?';
}

void cw_record_tally(struct cw_record *record, struct cw_document_tally *ret)
{
	mend_utf8(record->detail);
	*ret = record->tally;
	ret->detail = cw_str(record->detail);
}

/* The same was said of an earlier row: the quarantine has it once, and all of them are counted. A few that came long before may
 * be said again. */
static bool was_rejected(struct cw_record *record, const struct cw_reject *reject)
{
	uint64_t hash = record_hash(reject->text, record_hash(reject->field, (uint64_t)reject->reason + 1));
	uint64_t *slot;

	hash = record_hash(reject->detail, hash);
	slot = &record->rejected[hash >> (64 - REJECTED_BITS)];
	if (*slot == hash)
		return true;
	*slot = hash;
	return false;
}

/* What is beyond the bound is counted, and that it is not listed is said. */
static int tell_unlisted(struct cw_record *record)
{
	char detail[DETAIL_MAX];
	struct cw_reject reject = { .reason = CW_REASON_BAD_ROW, .field = cw_str(""), .text = cw_str("") };

	if (!record->unlisted)
		return 0;
	snprintf(detail, sizeof(detail), "only the first %u mistakes of the document are listed; %llu more are counted",
	         CW_REJECTS_MAX, (unsigned long long)record->unlisted);
	record->unlisted = 0;
	reject.detail = cw_str(detail);
	return record->sink.reject(record->sink.arg, &reject);
}

static int reject_v(struct cw_record *record, enum cw_reason reason, struct cw_str field, struct cw_str text,
                    const char *fmt, va_list args) CW_PRINTF(5, 0);
static int reject_v(struct cw_record *record, enum cw_reason reason, struct cw_str field, struct cw_str text,
                    const char *fmt, va_list args)
{
	char detail[DETAIL_MAX];
	struct cw_reject reject = { .reason = reason, .row = record->row, .field = cw_str_cut(field, 200) };

	if (record->asking) {
		record->asked = reason;
		return 0;
	}
	record->tally.reasons[reason]++;
	if (!cw_reason_quarantines(reason) || !record->sink.reject)
		return 0;
	detail[0] = '\0';
	if (fmt)
		vsnprintf(detail, sizeof(detail), fmt, args);
	mend_utf8(detail);
	reject.text = cw_str_cut(text, 200);
	if (memchr(reject.text.at, 0, reject.text.len))
		reject.text = (struct cw_str){ "", 0 };
	reject.detail = cw_str(detail);
	if (was_rejected(record, &reject) && record->n_rejects >= REJECTED_EACH)
		return 0;
	if (record->n_rejects >= CW_REJECTS_MAX) {
		record->unlisted++;
		return 0;
	}
	record->n_rejects++;
	return record->sink.reject(record->sink.arg, &reject);
}

int record_reject(struct cw_record *record, enum cw_reason reason, struct cw_str field, struct cw_str text,
                  const char *fmt, ...) CW_PRINTF(5, 6);
int record_reject(struct cw_record *record, enum cw_reason reason, struct cw_str field, struct cw_str text,
                  const char *fmt, ...)
{
	va_list args;
	int r;

	va_start(args, fmt);
	r = reject_v(record, reason, field, text, fmt, args);
	va_end(args);
	return r;
}

int cw_record_reject(struct cw_record *record, enum cw_reason reason, const char *field, struct cw_str text,
                     const char *fmt, ...)
{
	va_list args;
	int r;

	va_start(args, fmt);
	r = reject_v(record, reason, cw_str(field), text, fmt, args);
	va_end(args);
	return r;
}

void cw_record_start_row(struct cw_record *record, uint64_t row)
{
	record_forget_row(record);
	record->row = row;
	record->tally.rows++;
}

int cw_record_blank(struct cw_record *record)
{
	record->tally.rows++;
	record->tally.reasons[CW_REASON_BLANK_ROW]++;
	return 0;
}

void cw_record_count(struct cw_record *record, enum cw_reason reason, uint64_t rows)
{
	record->tally.rows += rows;
	record->tally.reasons[reason] += rows;
}

int cw_record_bad_row(struct cw_record *record, uint64_t row, struct cw_str text, const char *fmt, ...)
{
	va_list args;
	int r;

	cw_record_start_row(record, row);
	va_start(args, fmt);
	r = reject_v(record, CW_REASON_BAD_ROW, cw_str(""), text, fmt, args);
	va_end(args);
	return r;
}

/* --- links --- */

struct cw_links *cw_record_links(const struct cw_record *record)
{
	return record->links;
}

const struct cw_strings *cw_record_next_rel(const struct cw_record *record)
{
	return record->pages && record->pages->rel.n ? &record->pages->rel : NULL;
}

const char *cw_record_next_at(const struct cw_record *record)
{
	return record->pages ? record->pages->next_at : NULL;
}

int cw_record_next_page(struct cw_record *record, struct cw_str href)
{
	return cw_links_next_page(record->links ? record->links : record->pager, href);
}

int cw_record_followed(struct cw_record *record, const struct cw_doc_link *link, bool counts)
{
	if (counts)
		record->tally.reasons[CW_REASON_FOLLOWED]++;
	return record->sink.link ? record->sink.link(record->sink.arg, link) : 0;
}

int cw_record_set_base(struct cw_record *record, struct cw_str href)
{
	struct cw_str url;
	char *base;
	int r = cw_record_url(record, href, &url);

	if (r)
		return r < 0 ? r : 0;
	base = strndup(url.at, url.len);
	if (!base)
		return -ENOMEM;
	free(record->base);
	record->base = base;
	return 0;
}

/* The columns of the link and of its words. */
static int link_row(struct cw_record *record, uint64_t row, const struct cw_cell *cells)
{
	static const struct field none;
	const struct field *url = &none, *text = &none;

	for (size_t i = 0; i < record->n_fields; i++) {
		if (record->fields[i].config->role == CW_FIELD_URL)
			url = &record->fields[i];
		else if (record->fields[i].config->role == CW_FIELD_TITLE)
			text = &record->fields[i];
	}
	return cw_links_row(record->links, row, cells, url->slots, url->n_slots, text->slots, text->n_slots);
}

static bool says_something(const struct cw_evidence *evidence)
{
	const struct cw_kind_def *kind = cw_kind_def(evidence->kind);
	bool says = !kind || !kind->outcome || !kind->outcome[0];

	for (size_t i = 0; !says && kind->outcome[i]; i++)
		says = cw_evidence_value(evidence, kind->outcome[i]).len > 0;
	return says;
}

/* Does it say anything of what its kind is about? 1; 0 and rejected; -errno. */
static int must_say_something(struct cw_record *record, const struct cw_evidence *evidence)
{
	int r;

	if (says_something(evidence))
		return 1;
	r = record_reject(record, CW_REASON_NO_OUTCOME, cw_str(""), evidence->council_id,
	           "the row names a council and says nothing about it");
	return r < 0 ? r : 0;
}

static int give(struct cw_record *record, struct cw_evidence *evidence)
{
	int r;

	if (evidence->kind == CW_KIND_ILACS && !cw_evidence_value(evidence, CW_VAL_FRAMEWORK_ID).len) {
		r = cw_evidence_set(evidence, CW_VAL_FRAMEWORK_ID, cw_str(cw_ilacs_framework(evidence->event_day)));
		if (r < 0)
			return r;
	}
	/* A document that a link led to is the statement itself. */
	if (!evidence->url.len && record->info.parent_url.len && !(record->info.flags & CW_DOC_PAGE) &&
	    record_is_http(record->info.url) && record->info.url.len <= CW_URL_MAX)
		evidence->url = record->info.url;
	evidence->row = record->row;
	record->tally.evidence++;
	if (record->release) {
		r = cw_release_take(record->release, evidence, record->denominator);
		if (r <= 0)
			return r;
		cw_record_fail(record, CW_REASON_TOO_LARGE,
		               "over %u rows of one period: a release that is compared has about one for each council",
		               CW_RELEASE_ROWS);
		return 0;
	}
	return record->sink.evidence ? record->sink.evidence(record->sink.arg, evidence) : 0;
}

int cw_record_evidence(struct cw_record *record, struct cw_evidence *evidence)
{
	int r = must_say_something(record, evidence);

	return r <= 0 ? r : give(record, evidence);
}

/* The ids of a set but one's, with commas between. */
static int put_others(struct cw_record *record, const struct cw_council_set *set, size_t but, struct cw_str *ret)
{
	size_t len = 0, n = 0;
	char *text;

	for (size_t i = 0; i < set->n; i++)
		len += strlen(set->at[i]->id) + 1;
	text = cw_record_alloc(record, len);
	if (!text)
		return -ENOMEM;
	for (size_t i = 0; i < set->n; i++) {
		size_t id = strlen(set->at[i]->id);

		if (i == but)
			continue;
		if (n)
			text[n++] = ',';
		memcpy(text + n, set->at[i]->id, id);
		n += id;
	}
	*ret = (struct cw_str){ text, n };
	return 0;
}

int cw_record_evidence_for(struct cw_record *record, struct cw_evidence *evidence,
                           const struct cw_record_councils *councils)
{
	const struct cw_council_set *set = &councils->set;
	int r;

	evidence->council_id = cw_str(set->at[0]->id);
	r = must_say_something(record, evidence);
	if (r <= 0)
		return r;
	r = 0;
	if (councils->organisation.len && !cw_evidence_value(evidence, CW_VAL_ORGANISATION).len) {
		struct cw_str name;

		r = cw_record_text(record, councils->organisation, TITLE_CHARACTERS, &name);
		if (r == 0)
			r = cw_evidence_set(evidence, CW_VAL_ORGANISATION, name);
	}
	for (size_t i = 0; r == 0 && i < set->n; i++) {
		struct cw_str others;

		evidence->council_id = cw_str(set->at[i]->id);
		if (set->n > 1) {
			r = put_others(record, set, i, &others);
			if (r == 0)
				r = cw_evidence_set(evidence, CW_VAL_COMBINED_WITH, others);
		}
		if (r == 0)
			r = give(record, evidence);
	}
	return r;
}

static void evidence_start(struct cw_evidence *evidence, enum cw_kind kind)
{
	static const struct cw_str empty = { "", 0 };

	/* Field by field: value[] is large and holds nothing yet. */
	evidence->kind = kind;
	evidence->council_id = empty;
	evidence->event_day = CW_DAY_NONE;
	evidence->published_at = cw_wall_none();
	evidence->fetched_at = cw_wall_none();
	evidence->tier = CW_TIER_NONE;
	evidence->publisher = empty;
	evidence->url = empty;
	evidence->title = empty;
	evidence->quote = empty;
	evidence->key = empty;
	evidence->n_values = 0;
}

/* Is there no figure in it, not even one that cannot be read? 1, 0 or -ENOMEM. */
static int is_withheld(struct cw_record *record, const struct cw_cell *cells)
{
	for (size_t i = 0; i < record->n_fields; i++) {
		const struct field *field = &record->fields[i];

		if (!field->outcome)
			continue;
		if (field->config->constant)
			return 0;
		for (size_t k = 0; k < field->n_slots; k++) {
			const struct cw_cell *cell = &cells[field->slots[k]];
			int r = cell->problem ? 0 : record_is_absent(record, record_trim(cell->text));

			if (r <= 0)
				return r;
		}
	}
	return 1;
}

/* Tables go on listing councils that ended, with letters for figures: nothing is wrong with such a row, and nobody need look at
 * whom it names. That it is of no council at all is still the better reason. */
static int take_withheld(struct cw_record *record, const struct cw_cell *cells)
{
	struct cw_record_councils councils;
	int32_t day;
	int64_t ms;
	int r;

	record->asking = true;
	record->asked = CW_REASON_NONE;
	r = record_take_date(record, record->event, cells, &day, &ms);
	if (r == 0)
		r = record_take_council(record, cells, day, &councils);
	record->asking = false;
	if (r < 0)
		return r;
	return record_reject(record, record->asked == CW_REASON_NOT_A_COUNCIL ? CW_REASON_NOT_A_COUNCIL : CW_REASON_SUPPRESSED,
	              cw_str(""), cw_str(""), NULL);
}

/* What the row's figures are shares of; NAN where it does not say. */
static int take_denominators(struct cw_record *record, const struct cw_cell *cells)
{
	for (size_t m = 0; record->release && m < CW_MEASURES_MAX; m++) {
		struct field *field = &record->denominators[m];
		char figure[CW_NUMBER_TEXT];
		struct memo *memo;
		struct cw_str text;
		size_t slot;
		int r;

		record->denominator[m] = NAN;
		r = field->n_slots ? record_pick(record, field, cells, &text, &slot, &memo) : 0;
		if (r < 0)
			return r;
		if (r && cw_parse_figure(text, false, 1, figure) == 0)
			(void)cw_parse_double(cw_str(figure), &record->denominator[m]);
	}
	return 0;
}

/* The row is a text: its columns in the feed's order, those that have some. */
static int take_text(struct cw_record *record, const struct cw_cell *cells, int32_t published_day,
                     const struct cw_record_councils *councils, const struct cw_evidence *evidence)
{
	struct cw_str parts[CW_TEXT_PARTS_MAX];
	int32_t day = evidence->event_day != CW_DAY_NONE ? evidence->event_day : published_day;
	size_t n = 0;

	for (size_t i = 0; i < record->text->n_slots && n < CW_TEXT_PARTS_MAX; i++) {
		const struct cw_cell *cell = &cells[record->text->slots[i]];
		struct cw_str text = record_trim(cell->text);
		int r = cell->problem ? 1 : record_is_absent(record, text);

		if (r < 0)
			return r;
		if (!r)
			parts[n++] = text;
	}
	if (day == CW_DAY_NONE)
		day = record->fetched_day;
	if (day == CW_DAY_NONE)
		day = cw_wall_day(cw_wall_now());
	if (!record->reader)
		return -EINVAL; /* a configuration without phrases has no such field */
	return cw_text_record(record, record->reader, record->text->config->columns.at[0], parts, n, day, councils,
	                      evidence);
}

int cw_record_row(struct cw_record *record, uint64_t row, const struct cw_cell *cells)
{
	uint64_t bad = record->tally.reasons[CW_REASON_BAD_VALUE];
	struct cw_record_councils councils;
	struct cw_evidence evidence;
	int32_t published_day;
	int64_t ms;
	int r;

	for (size_t i = 0; i < record->n_slots; i++)
		if (cells[i].text.len > CW_FIELD_MAX)
			return cw_record_bad_row(record, row, cells[i].text, "\"%s\" is over %u bytes long",
			                         record->slots[i].name, CW_FIELD_MAX);
	if (record->links)
		return link_row(record, row, cells);
	cells = record_with_given(record, cells);
	cw_record_start_row(record, row);
	r = record_is_wanted(record, cells);
	if (r < 0)
		return r;
	if (!r)
		return record_reject(record, CW_REASON_IGNORED, cw_str(""), cw_str(""), NULL);
	if (record->figures) {
		r = is_withheld(record, cells);
		if (r)
			return r < 0 ? r : take_withheld(record, cells);
	}
	evidence_start(&evidence, record->feed->kind);

	r = record_take_date(record, record->event, cells, &evidence.event_day, &ms);
	if (r == 0)
		r = record_take_date(record, record->published, cells, &published_day, &evidence.published_at.ms);
	if (r == 0 && (!record->text || record->names_council))
		r = record_take_council(record, cells, evidence.event_day != CW_DAY_NONE ? evidence.event_day : published_day,
		                 &councils);
	for (size_t i = 0; i < record->n_fields && r == 0; i++)
		r = record_take_field(record, &record->fields[i], cells, &evidence);
	if (r == 0 && record->feed->url_ends_in_council && evidence.url.len)
		r = record_check_url(record, &evidence, evidence.event_day != CW_DAY_NONE ? evidence.event_day : published_day,
		              &councils);
	if (r == 0 && record->feed->url_mark != CW_FIELD_COUNCIL)
		r = record_mark_url(record, &evidence);
	if (r)
		return r < 0 ? r : 0;
	if (record->text)
		return take_text(record, cells, published_day, record->names_council ? &councils : NULL, &evidence);
	/* A figure that cannot be read has been set aside for that. */
	if (record->figures && !says_something(&evidence) && record->tally.reasons[CW_REASON_BAD_VALUE] != bad)
		return 0;
	r = take_denominators(record, cells);
	return r < 0 ? r : cw_record_evidence_for(record, &evidence, &councils);
}

int cw_record_end(struct cw_record *record)
{
	int r = tell_unlisted(record);

	if (r < 0)
		return r;
	return record->release ? cw_release_end(record->release, !cw_record_failed(record)) : 0;
}
