#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <councilwatch/history.h>

#define FEED "lineage"
#define PUBLISHER "lineage table"

struct statement {
	int32_t day;       /* from which it is stated */
	int32_t event_day; /* of the reorganisation */
	size_t title, title_len; /* in texts */
};

/* "Northamptonshire becomes North Northamptonshire and West Northamptonshire on 2021-04-01", or for one of those "North
 * Northamptonshire takes over from Northamptonshire on 2021-04-01". */
static int describe(struct cw_history *history, const struct cw_lineage *const *edges, size_t n, bool ends,
                    struct statement *ret)
{
	struct cw_buf *out = &history->texts;
	char day[CW_WALL_TEXT];

	ret->title = out->len;
	cw_buf_printf(out, ends ? "%s becomes " : "%s takes over from ",
	              ends ? edges[0]->predecessor->short_name : edges[0]->successor->short_name);
	for (size_t i = 0; i < n; i++)
		cw_buf_printf(out, "%s%s", !i ? "" : i + 1 == n ? " and " : ", ",
		              ends ? edges[i]->successor->short_name : edges[i]->predecessor->short_name);
	cw_buf_printf(out, " on %s", cw_day_format(edges[0]->day, day));
	ret->title_len = out->len - ret->title;
	return out->failed;
}

/* As a statement that anybody can check in the table, published on its own day. */
static int make_fact(const struct cw_history *history, const struct cw_council *council, const struct statement *statement,
                     struct cw_fact *ret)
{
	unsigned char hash[CW_SHA256_LEN];
	struct cw_evidence *e = &ret->evidence;
	char name[160], day[CW_WALL_TEXT];
	int r;

	*ret = (struct cw_fact){ .known_at = cw_day_start(statement->day), .feed = cw_str(FEED) };
	*e = (struct cw_evidence){ .kind = CW_KIND_SIGNAL,
		                   .council_id = cw_str(council->id),
		                   .event_day = statement->event_day,
		                   .published_at = ret->known_at,
		                   .fetched_at = ret->known_at,
		                   .tier = CW_TIER_A,
		                   .publisher = cw_str(PUBLISHER),
		                   .url = cw_str(NULL),
		                   .title = { cw_buf_str(&history->texts) + statement->title, statement->title_len },
		                   .quote = cw_str(NULL),
		                   .key = cw_str(NULL) };
	r = cw_evidence_set(e, CW_VAL_SIGNAL, cw_str("lgr_transition"));
	if (r == 0)
		r = cw_evidence_set(e, CW_VAL_STATUS, cw_str("open"));
	if (r < 0)
		return r;
	snprintf(name, sizeof(name), "%s/%s/%s", FEED, council->id, cw_day_format(statement->day, day));
	r = cw_sha256(name, strlen(name), hash);
	if (r == 0)
		cw_hex(hash, 16, ret->id);
	return r;
}

/* What the lineage says of a council: one statement as one that will end, one as one that began. */
static int state_lineage(struct cw_history *history, const struct cw_councils *councils, const struct cw_risk *risk,
                         const struct cw_council *council, struct statement *statements, size_t *ret_n)
{
	const struct cw_lineage *edges[CW_PREDECESSORS_MAX];
	size_t n, n_statements = 0;

	n = CW_MIN(cw_council_successors(councils, council, CW_DAY_NONE, edges, CW_ARRAY_LEN(edges)), CW_ARRAY_LEN(edges));
	if (n) {
		struct statement begins = { .day = cw_day_add_months(edges[0]->day, -risk->transition_months),
			                    .event_day = edges[0]->day };

		if (describe(history, edges, n, true, &begins) < 0)
			return -ENOMEM;
		statements[n_statements++] = begins;
	}
	n = CW_MIN(cw_council_predecessors(councils, council, CW_DAY_NONE, edges, CW_ARRAY_LEN(edges)), CW_ARRAY_LEN(edges));
	if (n) {
		struct statement began = { .day = edges[0]->day, .event_day = edges[0]->day };

		if (describe(history, edges, n, false, &began) < 0)
			return -ENOMEM;
		statements[n_statements++] = began;
	}
	*ret_n = n_statements;
	return 0;
}

static int load_part(struct cw_history *history, struct cw_store *store, const struct cw_council *council, unsigned heritage,
                     int32_t vested, struct cw_error *err)
{
	struct cw_facts *part = &history->parts[history->n_parts];
	int r = cw_store_council_facts(store, council->id, part, err);

	if (r < 0)
		return r;
	history->n_parts++;
	for (size_t i = 0; i < part->n; i++) {
		part->at[i].heritage = heritage;
		part->at[i].vested = vested;
	}
	return 0;
}

/* One array of all parts; a council that nothing happened to keeps the store's own. */
static int join(struct cw_history *history, const struct cw_council *council, const struct statement *statements, size_t n,
                struct cw_error *err)
{
	size_t total = n, at = 0;
	int r = 0;

	if (history->n_parts == 1 && !n) {
		history->n = history->parts[0].n;
		history->at = cw_steal(history->parts[0].at);
		return 0;
	}
	for (size_t i = 0; i < history->n_parts; i++)
		total += history->parts[i].n;
	history->at = calloc(total + 1, sizeof(*history->at));
	if (!history->at)
		return cw_error_nomem(err);
	for (size_t i = 0; i < history->n_parts; i++) {
		if (history->parts[i].n)
			memcpy(history->at + at, history->parts[i].at, history->parts[i].n * sizeof(*history->at));
		at += history->parts[i].n;
	}
	for (size_t i = 0; i < n && r == 0; i++)
		r = make_fact(history, council, &statements[i], &history->at[at++]);
	history->n = at;
	return r < 0 ? cw_error_set(err, r, "cannot state the lineage of %s: %s", council->id, strerror(-r)) : 0;
}

int cw_history_load(struct cw_store *store, const struct cw_councils *councils, const struct cw_risk *risk,
                    const struct cw_council *council, struct cw_history *ret, struct cw_error *err)
{
	const struct cw_lineage *from[CW_PREDECESSORS_MAX];
	struct statement statements[2];
	struct cw_history history = { 0 };
	size_t n_statements = 0, n;
	int r;

	cw_buf_init(&history.texts, 65536);
	n = CW_MIN(cw_council_predecessors(councils, council, CW_DAY_NONE, from, CW_ARRAY_LEN(from)), CW_ARRAY_LEN(from));
	r = load_part(&history, store, council, 0, 0, err);
	for (size_t i = 0; i < n && r == 0; i++)
		if (from[i]->of_successor >= risk->inherit_minor)
			r = load_part(&history, store, from[i]->predecessor, (unsigned)i + 1, from[i]->day, err);
	if (r == 0 && state_lineage(&history, councils, risk, council, statements, &n_statements) < 0)
		r = cw_error_nomem(err);
	if (r == 0)
		r = join(&history, council, statements, n_statements, err);
	if (r < 0) {
		cw_history_free(&history);
		return r;
	}
	*ret = history;
	return 0;
}

void cw_history_free(struct cw_history *history)
{
	for (size_t i = 0; i < history->n_parts; i++)
		cw_facts_free(&history->parts[i]);
	free(history->at);
	cw_buf_clear(&history->texts);
	*history = (struct cw_history){ 0 };
}

int32_t cw_history_next_day(const struct cw_history *history, struct cw_wall after)
{
	int32_t next = CW_DAY_NONE;

	for (size_t i = 0; i < history->n; i++) {
		struct cw_wall known = history->at[i].known_at;
		int32_t day = CW_MAX(cw_wall_day(known), cw_wall_day(after) + 1);

		if (known.ms > after.ms && (next == CW_DAY_NONE || day < next))
			next = day;
	}
	return next;
}
