/* Which councils a row is about. A document names the same ones over and over: each distinct way of naming is resolved once. */
#include <errno.h>
#include <string.h>

#include "record_private.h"

static void councils_forget(struct cw_record *record)
{
	memset(record->councils, 0, COUNCILS_CACHED * sizeof(*record->councils));
	cw_buf_reset(&record->council_keys);
	record->n_councils = 0;
	record->n_sets = 0;
}

/* The entry for this key and day: found (key_len set), free, or NULL when there is no room near. */
static struct council_entry *council_entry(struct cw_record *record, uint64_t hash, int32_t day)
{
	const struct cw_buf *key = &record->council_key;

	for (size_t i = 0; i < COUNCIL_PROBES; i++) {
		struct council_entry *entry = &record->councils[(hash + i) & (COUNCILS_CACHED - 1)];

		if (!entry->key_len || (entry->hash == hash && entry->day == day && entry->key_len == key->len &&
		                        !memcmp(record->council_keys.data + entry->key, key->data, key->len)))
			return entry;
	}
	return NULL;
}

static int council_failed(struct cw_record *record, int outcome, struct cw_str field, struct cw_str text)
{
	enum cw_reason reason = outcome == CW_COUNCIL_AMBIGUOUS  ? CW_REASON_AMBIGUOUS_COUNCIL
	                        : outcome == CW_COUNCIL_CONFLICT ? CW_REASON_COUNCIL_CONFLICT
	                        : outcome == CW_COUNCIL_NOT_THEN ? CW_REASON_COUNCIL_NOT_THEN
	                        : outcome == CW_COUNCIL_OTHER_BODY ? CW_REASON_NOT_A_COUNCIL
	                                                           : CW_REASON_UNKNOWN_COUNCIL;
	int r = record_reject(record, reason, field, text, "%s", cw_buf_str(&record->council_why));

	return r < 0 ? r : 1;
}

/* "80426.0" is how a spreadsheet writes 80426. */
static struct cw_str without_fraction(struct cw_str text)
{
	size_t n = text.len, i;

	while (n && text.at[n - 1] == '0')
		n--;
	if (n == text.len || n < 2 || text.at[n - 1] != '.')
		return text;
	for (i = 0; i < n - 1; i++)
		if (text.at[i] < '0' || text.at[i] > '9')
			return text;
	text.len = n - 1;
	return text;
}

/* The texts, each ended by NUL. Once per row, so written straight into the buffer. */
static int council_key(struct cw_buf *key, const struct cw_str *texts, size_t n)
{
	size_t len = n;
	int r;

	for (size_t i = 0; i < n; i++)
		len += texts[i].len;
	cw_buf_reset(key);
	r = cw_buf_reserve(key, len);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++) {
		memcpy(key->data + key->len, texts[i].at, texts[i].len);
		key->len += texts[i].len;
		key->data[key->len++] = 0;
	}
	return 0;
}

static void known_councils(const struct cw_record *record, const struct council_entry *entry, const struct cw_str *texts,
                           struct cw_record_councils *ret)
{
	ret->organisation = cw_str("");
	if (entry->council) {
		ret->set.n = 1;
		ret->set.at[0] = entry->council;
		ret->set.organisation = NULL;
		return;
	}
	ret->set = record->sets[entry->set];
	if (ret->set.organisation)
		ret->organisation = texts[ret->set.named];
}

/* 0; or -ENOMEM. */
static int keep_councils(struct cw_record *record, struct council_entry *entry, const struct cw_council_set *set)
{
	entry->council = set->n == 1 && !set->organisation ? set->at[0] : NULL;
	if (entry->council)
		return 0;
	if (!record->sets)
		record->sets = calloc(SETS_MAX, sizeof(*record->sets));
	if (!record->sets)
		return -ENOMEM;
	entry->set = (uint32_t)record->n_sets;
	record->sets[record->n_sets++] = *set;
	return 0;
}

/* 0, what cw_council_resolve_all says (council_why has the sentence), or -errno. Nothing is rejected. */
static int find_councils(struct cw_record *record, const struct cw_str *texts, size_t n, int32_t day,
                         struct cw_record_councils *ret)
{
	struct cw_buf *key = &record->council_key;
	struct cw_council_set set;
	struct council_entry *entry;
	uint64_t hash;
	int r;

	if (!n) {
		cw_buf_reset(&record->council_why);
		cw_buf_puts(&record->council_why, "the row names no council");
		return CW_COUNCIL_UNKNOWN;
	}
	if (day == CW_DAY_NONE)
		day = record->fetched_day;
	if (day == CW_DAY_NONE)
		day = cw_wall_day(cw_wall_now());

	r = council_key(key, texts, n);
	if (r < 0)
		return r;
	hash = record_hash((struct cw_str){ (const char *)key->data, key->len }, (uint64_t)(uint32_t)day);
	entry = council_entry(record, hash, day);
	if (entry && entry->key_len) {
		known_councils(record, entry, texts, ret);
		return 0;
	}

	r = cw_council_resolve_all(record->config->councils, texts, n, day, &set, &record->council_why);
	if (r)
		return r;
	if (!entry || record->council_keys.len + key->len > COUNCIL_KEYS_MAX || record->n_sets == SETS_MAX) {
		councils_forget(record);
		entry = council_entry(record, hash, day);
	}
	*entry = (struct council_entry){ .hash = hash,
		                         .key = (uint32_t)record->council_keys.len,
		                         .key_len = (uint32_t)key->len,
		                         .day = day };
	r = keep_councils(record, entry, &set);
	if (r == 0)
		r = cw_buf_append(&record->council_keys, key->data, key->len);
	if (r < 0) {
		entry->key_len = 0;
		return r;
	}
	known_councils(record, entry, texts, ret);
	return 0;
}

static int resolve(struct cw_record *record, struct cw_str field, const struct cw_str *texts, size_t n, int32_t day,
                   struct cw_record_councils *ret)
{
	int r = find_councils(record, texts, n, day, ret);

	return r > 0 ? council_failed(record, r, field, n ? texts[0] : cw_str("")) : r;
}

int cw_record_councils(struct cw_record *record, const struct cw_str *texts, size_t n, int32_t day,
                       struct cw_record_councils *ret)
{
	return resolve(record, cw_str("council_id"), texts, n, day, ret);
}

int cw_record_council(struct cw_record *record, const struct cw_str *texts, size_t n, int32_t day,
                      struct cw_str *ret_id)
{
	struct cw_record_councils councils;
	int r = resolve(record, cw_str("council_id"), texts, n, day, &councils);

	if (r)
		return r;
	if (councils.set.n > 1) {
		r = record_reject(record, CW_REASON_AMBIGUOUS_COUNCIL, cw_str("council_id"), texts[0],
		           "it stands for %zu councils; name one", councils.set.n);
		return r < 0 ? r : 1;
	}
	*ret_id = cw_str(councils.set.at[0]->id);
	return 0;
}

/* What the feed's map of councils makes of a text. 1 it is in it, 0 not, -ENOMEM. */
static int mapped_council(struct cw_record *record, struct cw_str text, struct cw_str *ret)
{
	int r = cw_text_fold(text, &record->fold);

	if (r < 0)
		return r == -ENOMEM ? r : 0;
	for (size_t i = 0; i < record->n_fields; i++) {
		const struct field *field = &record->fields[i];

		for (size_t k = 0; field->config->role == CW_FIELD_COUNCIL && k < field->n_maps; k++) {
			if (strcmp(field->maps[k], cw_buf_str(&record->fold)) != 0)
				continue;
			*ret = cw_str(field->config->maps[k].to);
			return 1;
		}
	}
	return 0;
}

/*
 * A row that names nobody of that day may use a name in a way of its publisher's own, which the feed's map explains. Only then:
 * the map stands for all years, and the name may have been a council's in some of them. 0; 1: rejected; -errno.
 */
static int resolve_mapped(struct cw_record *record, struct cw_str heading, struct cw_str *texts, size_t n, int32_t day,
                          struct cw_record_councils *ret)
{
	int r = find_councils(record, texts, n, day, ret), mapped;
	struct cw_str first = n ? texts[0] : cw_str(""), named = { NULL, 0 };

	if (r != CW_COUNCIL_UNKNOWN && r != CW_COUNCIL_NOT_THEN && r != CW_COUNCIL_OTHER_BODY)
		return r > 0 ? council_failed(record, r, heading, first) : r;
	for (size_t i = 0; i < n; i++) {
		struct cw_str text = texts[i];

		mapped = mapped_council(record, text, &texts[i]);
		if (mapped < 0)
			return mapped;
		if (mapped && !named.at)
			named = text;
	}
	if (named.at) {
		r = find_councils(record, texts, n, day, ret);
		if (r == 0 && !ret->organisation.len)
			ret->organisation = named;
	}
	return r > 0 ? council_failed(record, r, heading, first) : r;
}

int record_take_council(struct cw_record *record, const struct cw_cell *cells, int32_t day,
                        struct cw_record_councils *ret)
{
	struct cw_str texts[COUNCIL_TEXTS_MAX], heading = cw_str("council");
	size_t n = 0;

	for (size_t i = 0; i < record->n_fields; i++) {
		struct field *field = &record->fields[i];

		if (field->config->role != CW_FIELD_COUNCIL)
			continue;
		if (field->config->constant && n < COUNCIL_TEXTS_MAX)
			texts[n++] = cw_str(field->config->constant);
		if (field->n_slots)
			heading = cw_str(record->slots[field->slots[field->n_slots - 1]].name);
		for (size_t k = 0; k < field->n_slots && n < COUNCIL_TEXTS_MAX; k++) {
			const struct cw_cell *cell = &cells[field->slots[k]];
			struct cw_str text = record_trim(cell->text);
			int r;

			if (cell->problem) {
				r = record_reject(record, CW_REASON_BAD_VALUE, record_slot_heading(record, field, field->slots[k]),
				           cell->text, "%s, not a text or number", cell->problem);
				if (r < 0)
					return r;
				continue;
			}
			r = record_is_absent(record, text);
			if (r < 0)
				return r;
			if (!r)
				texts[n++] = without_fraction(text);
		}
	}
	return resolve_mapped(record, heading, texts, n, day, ret);
}

int record_check_url(struct cw_record *record, struct cw_evidence *evidence, int32_t day,
                     const struct cw_record_councils *councils)
{
	struct cw_str url = evidence->url, end;
	const struct cw_council *council;
	const char *slash;
	int r;

	for (size_t i = 0; i < url.len; i++)
		if (url.at[i] == '?' || url.at[i] == '#')
			url.len = i;
	while (url.len && url.at[url.len - 1] == '/')
		url.len--;
	slash = url.len ? memrchr(url.at, '/', url.len) : NULL;
	if (!slash)
		return 0;
	end = (struct cw_str){ slash + 1, url.len - (size_t)(slash + 1 - url.at) };
	r = cw_council_resolve(record->config->councils, &end, 1, day != CW_DAY_NONE ? day : record->fetched_day, &council,
	                       &record->council_why);
	if (r)
		return r < 0 ? r : 0;
	for (size_t i = 0; i < councils->set.n; i++)
		if (councils->set.at[i] == council)
			return 0;
	r = record_reject(record, CW_REASON_BAD_VALUE, cw_str("url"), evidence->url, "the address is that of %s", council->name);
	evidence->url = (struct cw_str){ "", 0 };
	return r;
}
