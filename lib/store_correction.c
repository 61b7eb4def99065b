#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <councilwatch/store.h>

#include "store_private.h"

void store_forget_sightings(struct cw_store *store)
{
	for (size_t i = 0; i < store->n_sightings; i++) {
		struct feed_sightings *s = &store->sightings[i];

		for (size_t j = 0; j < s->n; j++)
			free(s->ranges[j].at);
		free(s->ranges);
		free(s->fetched_at);
		free(s->documents);
		free(s->feed);
	}
	free(store->sightings);
	store->sightings = NULL;
	store->n_sightings = 0;
}

int store_load_sightings(struct cw_store *store, struct cw_str feed, const struct feed_sightings **ret,
                         struct cw_error *err)
{
	struct feed_sightings *grown, *s;
	sqlite3_stmt *st = NULL;
	int r;

	for (size_t i = 0; i < store->n_sightings; i++) {
		if (cw_str_eq(feed, store->sightings[i].feed)) {
			*ret = &store->sightings[i];
			return 0;
		}
	}
	grown = realloc(store->sightings, (store->n_sightings + 1) * sizeof(*grown));
	if (!grown)
		return cw_error_nomem(err);
	store->sightings = grown;
	s = &grown[store->n_sightings++];
	*s = (struct feed_sightings){ .feed = strndup(feed.at, feed.len) };
	if (!s->feed) {
		store->n_sightings--;
		return cw_error_nomem(err);
	}
	r = store_prepare(store, ST_SIGHTINGS, &st, err);
	if (r < 0)
		return r;
	store_bind_str(st, 1, feed);
	while ((r = store_step(store, st, "reading sightings", err)) > 0) {
		struct cw_wall *times = realloc(s->fetched_at, (s->n + 1) * sizeof(*times));
		struct ranges *ranges = times ? realloc(s->ranges, (s->n + 1) * sizeof(*ranges)) : NULL;
		int64_t *documents = ranges ? realloc(s->documents, (s->n + 1) * sizeof(*documents)) : NULL;

		if (times)
			s->fetched_at = times;
		if (ranges)
			s->ranges = ranges;
		if (documents)
			s->documents = documents;
		if (!times || !ranges || !documents) {
			sqlite3_reset(st);
			return cw_error_nomem(err);
		}
		s->fetched_at[s->n] = store_column_wall(st, 0);
		s->documents[s->n] = sqlite3_column_int64(st, 2);
		s->ranges[s->n] = (struct ranges){ 0 };
		r = store_ranges_get(&s->ranges[s->n], sqlite3_column_blob(st, 1), (size_t)sqlite3_column_bytes(st, 1));
		s->n++;
		if (r < 0) {
			sqlite3_reset(st);
			return cw_error_at(err, r, store->path, 0, 0, "the sightings of a document are damaged");
		}
	}
	*ret = s;
	return r;
}

static int add_again(struct cw_fact *fact, struct cw_wall at, struct cw_wall **memory)
{
	struct cw_wall *grown = realloc(*memory, (fact->n_again + 1) * sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	*memory = grown;
	grown[fact->n_again++] = at;
	return 0;
}

/* Walks a feed's documents in order of time and notes each return to an earlier statement about one event. */
static int find_again(struct cw_store *store, struct cw_facts *facts, struct cw_wall **memory, size_t first,
                      const size_t *rivals, size_t n_rivals, struct cw_error *err)
{
	const struct feed_sightings *s = NULL;
	size_t speaking = SIZE_MAX;
	int r = store_load_sightings(store, facts->at[first].feed, &s, err);

	for (size_t d = 0; r == 0 && d < s->n; d++) {
		size_t stated = SIZE_MAX, count = 0;

		for (size_t i = 0; i < n_rivals; i++) {
			if (store_ranges_have(&s->ranges[d], facts->at[rivals[i]].rowno)) {
				stated = rivals[i];
				count++;
			}
		}
		/* A document that says two things at once settles nothing. */
		if (count != 1 || stated == speaking)
			continue;
		if (speaking != SIZE_MAX && s->fetched_at[d].ms > facts->at[stated].known_at.ms)
			r = add_again(&facts->at[stated], s->fetched_at[d], &memory[stated]);
		speaking = stated;
	}
	return r < 0 ? cw_error_nomem(err) : 0;
}

/* Rivals are found by joining what concerns one event: each fact points to another of its set, a set's root to itself. */
static size_t root_of(size_t *parent, size_t i)
{
	while (parent[i] != i)
		i = parent[i] = parent[parent[i]];
	return i;
}

static void join(size_t *parent, size_t a, size_t b)
{
	parent[root_of(parent, b)] = root_of(parent, a);
}

static bool one_source(const struct cw_fact *a, const struct cw_fact *b)
{
	return a->evidence.kind == b->evidence.kind && a->feed.len == b->feed.len && memcmp(a->feed.at, b->feed.at, a->feed.len) == 0;
}

static int by_text(struct cw_str x, struct cw_str y)
{
	if (x.len != y.len)
		return x.len < y.len ? -1 : 1;
	return x.len ? memcmp(x.at, y.at, x.len) : 0;
}

static int by_url(const void *a, const void *b)
{
	return by_text((*(const struct cw_fact *const *)a)->evidence.url, (*(const struct cw_fact *const *)b)->evidence.url);
}

/* Figures have a key and no address or date of their own. */
static int by_key(const void *a, const void *b)
{
	return by_text((*(const struct cw_fact *const *)a)->evidence.key, (*(const struct cw_fact *const *)b)->evidence.key);
}

/* Those whose statements take each other's place, so that going back to an earlier one means something. */
static bool takes_place(enum cw_kind kind)
{
	return kind == CW_KIND_ILACS || kind == CW_KIND_SIF || kind == CW_KIND_AREA_SEND || kind == CW_KIND_WORKFORCE ||
	       kind == CW_KIND_EHCP_TIMELINESS;
}

/* The model decides what is one inspection; here a set may be too large, which costs only time. */
static int join_rivals(const struct cw_facts *facts, size_t *parent)
{
	CW_CLEANUP(cw_freep) const struct cw_fact **sorted = calloc(facts->n + 1, sizeof(*sorted));

	if (!sorted)
		return -ENOMEM;
	for (size_t i = 0; i < facts->n; i++) {
		sorted[i] = &facts->at[i];
		/* Facts come sorted by kind and date. */
		for (size_t j = i + 1; j < facts->n && facts->at[j].evidence.kind == facts->at[i].evidence.kind &&
		                       facts->at[i].evidence.event_day != CW_DAY_NONE &&
		                       facts->at[j].evidence.event_day - facts->at[i].evidence.event_day <= 14;
		     j++)
			if (one_source(&facts->at[i], &facts->at[j]))
				join(parent, i, j);
	}
	qsort(sorted, facts->n, sizeof(*sorted), by_url);
	for (size_t i = 1; i < facts->n; i++)
		if (sorted[i]->evidence.url.len && by_url(&sorted[i - 1], &sorted[i]) == 0 && one_source(sorted[i - 1], sorted[i]))
			join(parent, (size_t)(sorted[i - 1] - facts->at), (size_t)(sorted[i] - facts->at));
	qsort(sorted, facts->n, sizeof(*sorted), by_key);
	for (size_t i = 1; i < facts->n; i++)
		if (sorted[i]->evidence.key.len && by_key(&sorted[i - 1], &sorted[i]) == 0 && one_source(sorted[i - 1], sorted[i]))
			join(parent, (size_t)(sorted[i - 1] - facts->at), (size_t)(sorted[i] - facts->at));
	return 0;
}

int store_note_corrections(struct cw_store *store, struct cw_facts *facts, struct cw_wall **memory, struct cw_error *err)
{
	CW_CLEANUP(cw_freep) size_t *parent = calloc(facts->n + 1, sizeof(*parent));
	CW_CLEANUP(cw_freep) size_t *rivals = calloc(facts->n + 1, sizeof(*rivals));
	CW_CLEANUP(cw_freep) size_t *next = calloc(facts->n + 1, sizeof(*next)); /* chains of a set's members */
	CW_CLEANUP(cw_freep) size_t *last = calloc(facts->n + 1, sizeof(*last));

	if (!parent || !rivals || !next || !last)
		return cw_error_nomem(err);
	for (size_t i = 0; i < facts->n; i++)
		parent[i] = last[i] = i;
	if (join_rivals(facts, parent) < 0)
		return cw_error_nomem(err);
	for (size_t i = 0; i < facts->n; i++) {
		size_t root = root_of(parent, i);

		next[i] = SIZE_MAX;
		if (root != i) {
			next[last[root]] = i == last[root] ? SIZE_MAX : i;
			last[root] = i;
		}
	}
	for (size_t i = 0; i < facts->n; i++) {
		const struct cw_fact *fact = &facts->at[i];
		size_t n = 0;
		int r;

		if (parent[i] != i || !takes_place(fact->evidence.kind))
			continue;
		for (size_t j = i; j != SIZE_MAX; j = next[j])
			rivals[n++] = j;
		if (n < 2)
			continue;
		r = find_again(store, facts, memory, i, rivals, n, err);
		if (r < 0)
			return r;
	}
	return 0;
}
