#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <councilwatch/store.h>

#include "store_private.h"

/* Fills a fact from the current row; strings are borrowed until the next step. */
static int read_fact(struct cw_store *store, sqlite3_stmt *st, struct cw_fact *ret, struct cw_error *err)
{
	struct cw_fact fact = { 0 };
	struct cw_evidence *e = &fact.evidence;
	struct cw_cursor cursor;

	e->council_id = store_column_str(st, 0);
	e->kind = (enum cw_kind)sqlite3_column_int(st, 1);
	e->event_day = sqlite3_column_int(st, 2);
	fact.feed = store_column_str(st, 3);
	e->key = (struct cw_str){ sqlite3_column_blob(st, 4), (size_t)sqlite3_column_bytes(st, 4) };
	if (!e->key.at)
		e->key = cw_str(NULL);
	if (sqlite3_column_bytes(st, 5) != CONTENT_LEN || sqlite3_column_bytes(st, 7) != CW_SHA256_LEN || !cw_kind_def(e->kind))
		return cw_error_at(err, -EUCLEAN, store->path, 0, 0, "damaged evidence");
	cw_hex(sqlite3_column_blob(st, 5), CONTENT_LEN, fact.id);
	fact.rowno = (uint64_t)sqlite3_column_int64(st, 6);
	cw_hex(sqlite3_column_blob(st, 7), CW_SHA256_LEN, fact.document);
	e->publisher = store_column_str(st, 8);
	e->tier = (enum cw_tier)sqlite3_column_int(st, 9);
	e->fetched_at = store_column_wall(st, 10);
	e->published_at = store_column_wall(st, 11);
	e->row = (uint64_t)sqlite3_column_int64(st, 12);
	e->url = store_column_str(st, 13);
	e->title = store_column_str(st, 14);
	e->quote = store_column_str(st, 15);
	fact.known_at = e->fetched_at;
	if (cw_wall_known(e->published_at) && e->published_at.ms > fact.known_at.ms)
		fact.known_at = e->published_at;
	cw_cursor_init(&cursor, sqlite3_column_blob(st, 16), (size_t)sqlite3_column_bytes(st, 16));
	while (cursor.left && !cursor.bad && e->n_values < CW_VALUES_MAX) {
		struct cw_value *value = &e->value[e->n_values++];

		value->id = (enum cw_value_id)cw_get_u8(&cursor);
		value->text.at = cw_get_bytes(&cursor, CW_FIELD_MAX, &value->text.len);
	}
	snprintf(fact.parser, sizeof(fact.parser), "%.*s", (int)store_column_str(st, 17).len, store_column_str(st, 17).at);
	fact.submitted_by = store_column_str(st, 18);
	if (cw_cursor_done(&cursor) < 0)
		return cw_error_at(err, -EUCLEAN, store->path, 0, 0, "damaged evidence");
	*ret = fact;
	return 0;
}

/* Bit per kind. */
static int64_t model_kinds(void)
{
	int64_t kinds = 0;

	for (int kind = 1; kind < CW_KIND_COUNT; kind++)
		kinds |= cw_model_uses((enum cw_kind)kind) ? (int64_t)1 << kind : 0;
	return kinds;
}
_Static_assert(CW_KIND_COUNT <= 63, "model_kinds has a bit for each kind");

int cw_store_facts(struct cw_store *store, const struct cw_fact_filter *filter, cw_fact_fn *fn, void *arg,
                   struct cw_error *err)
{
	sqlite3_stmt *st = NULL;
	int r = store_prepare(store, ST_FACTS, &st, err);

	if (r < 0)
		return r;
	sqlite3_bind_text(st, 1, filter->council_id, -1, SQLITE_STATIC);
	sqlite3_bind_int(st, 2, (int)filter->kind);
	sqlite3_bind_int64(st, 3, filter->model_only ? model_kinds() : 0);
	store_bind_wall(st, 4, cw_day_start(filter->since));
	while ((r = store_step(store, st, "reading evidence", err)) > 0) {
		struct cw_fact fact;

		r = read_fact(store, st, &fact, err);
		if (r == 0)
			r = fn(arg, &fact);
		if (r < 0) {
			sqlite3_reset(st);
			return r;
		}
	}
	return r;
}

struct stated {
	struct cw_str feed;
	struct ranges ranges;
	cw_fact_fn *fn;
	void *arg;
};

static int tell_stated(void *arg, const struct cw_fact *fact)
{
	const struct stated *stated = arg;

	if (fact->feed.len != stated->feed.len || memcmp(fact->feed.at, stated->feed.at, stated->feed.len) != 0 ||
	    !store_ranges_have(&stated->ranges, fact->rowno))
		return 0;
	return stated->fn(stated->arg, fact);
}

int cw_store_document_facts(struct cw_store *store, struct cw_str feed, const unsigned char sha256[CW_SHA256_LEN],
                            struct cw_wall fetched_at, enum cw_kind kind, cw_fact_fn *fn, void *arg, struct cw_error *err)
{
	struct cw_fact_filter filter = { .kind = kind, .since = CW_DAY_NONE };
	struct stated stated = { .feed = feed, .fn = fn, .arg = arg };
	sqlite3_stmt *st = NULL;
	int r = store_prepare(store, ST_DOC_SIGHTINGS, &st, err);

	if (r < 0)
		return r;
	store_bind_str(st, 1, feed);
	sqlite3_bind_blob(st, 2, sha256, CW_SHA256_LEN, SQLITE_STATIC);
	store_bind_wall(st, 3, fetched_at);
	r = store_step(store, st, "looking for a document", err);
	if (r <= 0)
		return r < 0 ? r : cw_error_at(err, -ENOENT, store->path, 0, 0, "the document was not committed");
	r = store_ranges_get(&stated.ranges, sqlite3_column_blob(st, 0), (size_t)sqlite3_column_bytes(st, 0));
	sqlite3_reset(st);
	r = r < 0 ? cw_error_at(err, r, store->path, 0, 0, "the sightings of a document are damaged")
	          : cw_store_facts(store, &filter, tell_stated, &stated, err);
	free(stated.ranges.at);
	return r;
}

/* One allocation grows to hold all texts of a council's facts. */
struct collector {
	struct cw_fact *at;
	size_t n, cap;
	struct cw_buf texts;
	struct cw_error *err;
};

static struct cw_str keep_text(struct collector *collector, struct cw_str text)
{
	size_t at = collector->texts.len;

	cw_buf_append(&collector->texts, text.at, text.len);
	/* An offset for now: the memory may move while it grows. */
	return (struct cw_str){ (const char *)(uintptr_t)at, text.len };
}

static int collect(void *arg, const struct cw_fact *fact)
{
	struct collector *collector = arg;
	struct cw_fact *copy;

	if (collector->n == collector->cap) {
		size_t cap = collector->cap ? collector->cap * 2 : 16;
		struct cw_fact *grown = realloc(collector->at, cap * sizeof(*grown));

		if (!grown)
			return cw_error_nomem(collector->err);
		collector->at = grown;
		collector->cap = cap;
	}
	copy = &collector->at[collector->n++];
	*copy = *fact;
	copy->evidence.council_id = keep_text(collector, fact->evidence.council_id);
	copy->evidence.publisher = keep_text(collector, fact->evidence.publisher);
	copy->evidence.url = keep_text(collector, fact->evidence.url);
	copy->evidence.title = keep_text(collector, fact->evidence.title);
	copy->evidence.quote = keep_text(collector, fact->evidence.quote);
	copy->evidence.key = keep_text(collector, fact->evidence.key);
	copy->feed = keep_text(collector, fact->feed);
	copy->submitted_by = cw_str(NULL);
	for (size_t i = 0; i < fact->evidence.n_values; i++)
		copy->evidence.value[i].text = keep_text(collector, fact->evidence.value[i].text);
	return collector->texts.failed ? cw_error_nomem(collector->err) : 0;
}

static void settle_text(struct cw_str *text, const char *base)
{
	text->at = base + (uintptr_t)text->at;
}
struct facts_memory {
	char *texts;
	struct cw_wall **again;
	size_t n;
};

int cw_store_council_facts(struct cw_store *store, const char *council_id, struct cw_facts *ret, struct cw_error *err)
{
	struct cw_fact_filter filter = { .council_id = council_id, .since = CW_DAY_NONE, .model_only = true };
	struct collector collector = { .err = err };
	struct facts_memory *memory = calloc(1, sizeof(*memory));
	struct cw_facts facts = { 0 };
	int r;

	if (!memory)
		return cw_error_nomem(err);
	cw_buf_init(&collector.texts, SIZE_MAX / 2);
	r = cw_store_facts(store, &filter, collect, &collector, err);
	facts = (struct cw_facts){ collector.n, collector.at, memory };
	memory->texts = cw_buf_steal(&collector.texts, NULL);
	memory->n = collector.n;
	memory->again = calloc(collector.n ? collector.n : 1, sizeof(*memory->again));
	if (r == 0 && (!memory->texts || !memory->again))
		r = cw_error_nomem(err);
	if (r < 0) {
		cw_buf_clear(&collector.texts);
		cw_facts_free(&facts);
		return r;
	}
	for (size_t i = 0; i < facts.n; i++) {
		struct cw_evidence *e = &facts.at[i].evidence;

		settle_text(&e->council_id, memory->texts);
		settle_text(&e->publisher, memory->texts);
		settle_text(&e->url, memory->texts);
		settle_text(&e->title, memory->texts);
		settle_text(&e->quote, memory->texts);
		settle_text(&e->key, memory->texts);
		settle_text(&facts.at[i].feed, memory->texts);
		for (size_t j = 0; j < e->n_values; j++)
			settle_text(&e->value[j].text, memory->texts);
	}
	r = store_note_corrections(store, &facts, memory->again, err);
	if (r < 0) {
		cw_facts_free(&facts);
		return r;
	}
	for (size_t i = 0; i < facts.n; i++)
		facts.at[i].again = memory->again[i];
	*ret = facts;
	return 0;
}

void cw_facts_free(struct cw_facts *facts)
{
	struct facts_memory *memory = facts->memory;

	if (memory) {
		for (size_t i = 0; memory->again && i < memory->n; i++)
			free(memory->again[i]);
		free(memory->again);
		free(memory->texts);
		free(memory);
	}
	free(facts->at);
	*facts = (struct cw_facts){ 0 };
}
