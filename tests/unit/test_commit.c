/*
 * The assessor's commit against a real database: what is told, once, in which order; what comes again changes nothing; a
 * correction taken back counts; nothing half-done stays.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>
#include <sqlite3.h>

#include <councilwatch/config.h>
#include <councilwatch/store.h>

#include <councilwatch/history.h>

#include "../../workers/assessor/commit.h"

struct fixture {
	char dir[64];
	struct cw_config *config;
	struct cw_store *store;
	struct committer *committer;
	uint64_t next_id;
	/* what the sink was given */
	size_t published, quiet;
	uint64_t last_seq;
	char topics[64][128];
	size_t n_topics;
};

static void sink(void *arg, uint64_t seq, const char *topic, const char *topic_level, const char *json, size_t len, bool publish)
{
	struct fixture *f = arg;

	(void)topic_level;
	assert_int_equal(strlen(json), len);
	assert_true(seq == f->last_seq + 1);
	f->last_seq = seq;
	f->published += publish;
	f->quiet += !publish;
	if (f->n_topics < 64)
		snprintf(f->topics[f->n_topics++], sizeof(f->topics[0]), "%s", topic);
}

static void report(void *arg, const struct cw_error *mistake)
{
	char text[1024];

	(void)arg;
	print_message("%s\n", cw_error_format(mistake, text, sizeof(text)));
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct cw_error err = { 0 };
	char path[128];
	FILE *file;

	strcpy(f->dir, "/tmp/cw-commit-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(path, sizeof(path), "%s/councilwatch.conf", f->dir);
	file = fopen(path, "w");
	assert_non_null(file);
	fprintf(file, "state_dir = \"%s\"\nruntime_dir = \"%s\"\ninclude_feeds = \"%s/config/feeds.d/*.conf\"\nfetching = false\n",
	        f->dir, f->dir, CW_SOURCE_DIR);
	fclose(file);
	assert_int_equal(cw_config_load(path, report, NULL, &f->config, &err), 0);
	assert_int_equal(cw_store_open_writer(f->dir, &f->store, &err), 0);
	assert_int_equal(committer_new(f->config, f->store, sink, f, &f->committer, &err), 0);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	static const char *const names[] = { "councilwatch.conf", "councilwatch.db", "councilwatch.db-wal", "councilwatch.db-shm" };
	struct fixture *f = *state;
	char path[128];

	committer_free(f->committer);
	cw_store_close(f->store);
	cw_config_free(f->config);
	for (size_t i = 0; i < CW_ARRAY_LEN(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", f->dir, names[i]);
		(void)unlink(path);
	}
	assert_int_equal(rmdir(f->dir), 0);
	free(f);
	return 0;
}

struct row {
	const char *council, *event, *url, *overall, *published;
};

static struct cw_wall moment(const char *text)
{
	struct cw_wall t;

	assert_int_equal(cw_wall_parse(text, strlen(text), &t, NULL), 0);
	return t;
}

static void put_rows(struct cw_buf *buf, const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct cw_evidence e = { .kind = CW_KIND_ILACS, .council_id = cw_str(rows[i].council), .event_day = CW_DAY_NONE,
			                 .published_at = cw_wall_none(), .fetched_at = cw_wall_none(), .publisher = cw_str(NULL),
			                 .url = cw_str(rows[i].url), .title = cw_str(NULL), .quote = cw_str(NULL),
			                 .key = cw_str(NULL), .row = i + 1 };

		if (rows[i].published)
			e.published_at = moment(rows[i].published);
		if (rows[i].event)
			e.event_day = cw_wall_day(moment(rows[i].event));
		cw_evidence_set(&e, CW_VAL_OVERALL_EFFECTIVENESS, cw_str(rows[i].overall));
		assert_int_equal(cw_evidence_put(buf, &e), 0);
	}
}

/* Commits one capture. content tells documents apart: the same content at the same moment is the same document. */
static struct cw_commit_info commit_rows(struct fixture *f, const char *content, const char *fetched_at, const struct row *rows,
                                         size_t n, uint32_t flags)
{
	struct cw_document_info info = { .id = ++f->next_id, .attempt = 1, .flags = flags, .feed = cw_str("ofsted-ilacs-summary"),
		                         .url = cw_str("capture.html"), .content_type = cw_str(NULL),
		                         .fetched_at = moment(fetched_at), .order = f->next_id };
	struct cw_document_tally tally = { .rows = n, .evidence = n, .detail = cw_str(NULL) };
	struct cw_commit_info result = { 0 };
	struct cw_error err = { 0 };
	struct cw_buf batch;
	bool duplicate;

	cw_sha256(content, strlen(content), info.sha256);
	cw_buf_init(&batch, 1u << 20);
	put_rows(&batch, rows, n);
	if (commit_begin(f->committer, &info, &duplicate, &result, &err) < 0)
		fail_msg("%s", err.text);
	if (!duplicate) {
		if (commit_batch(f->committer, false, (uint32_t)n, batch.data, batch.len, &err) < 0)
			fail_msg("%s", err.text);
		if (commit_finish(f->committer, &tally, &result, &err) < 0)
			fail_msg("%s", err.text);
	}
	cw_buf_clear(&batch);
	return result;
}

static const struct row good = { "bradford", "2018-09-10", "https://files.example/1", "good" };
static const struct row inadequate = { "bradford", "2022-11-21", "https://files.example/2", "inadequate" };
static const struct row corrected = { "bradford", "2022-11-21", "https://files.example/2", "requires_improvement" };

static struct cw_assessment level_on(struct fixture *f, const char *council, const char *day)
{
	struct cw_assessment a;
	struct cw_facts facts;

	assert_int_equal(cw_store_council_facts(f->store, council, &facts, NULL), 0);
	assert_int_equal(cw_model_assess(&f->config->risk, facts.at, facts.n, cw_wall_day(moment(day)), &a, NULL), 0);
	cw_assessment_clear(&a);
	cw_facts_free(&facts);
	return a;
}

static void test_once(void **state)
{
	struct fixture *f = *state;
	struct cw_commit_info r;

	r = commit_rows(f, "a", "2022-10-01T09:00:00Z", &good, 1, 0);
	assert_int_equal(r.new_evidence, 1);
	assert_int_equal(r.alerts, 0);
	r = commit_rows(f, "b", "2023-01-31T09:00:00Z", &inadequate, 1, 0);
	assert_int_equal(r.alerts, 1);
	assert_string_equal(f->topics[0], "council/bradford/level_up");
	/* The same document again; the same content fetched later. */
	r = commit_rows(f, "b", "2023-01-31T09:00:00Z", &inadequate, 1, 0);
	assert_true(r.duplicate);
	r = commit_rows(f, "b", "2023-02-10T09:00:00Z", &inadequate, 1, 0);
	assert_false(r.duplicate);
	assert_int_equal(r.new_evidence, 0);
	assert_int_equal(r.alerts, 0);
	/* The page goes back to the inspection before: nothing changes. */
	r = commit_rows(f, "a", "2023-02-11T09:00:00Z", &good, 1, 0);
	assert_int_equal(r.alerts, 0);
	assert_int_equal(level_on(f, "bradford", "2023-03-01").level, CW_LEVEL_INTENSIVE);
	assert_int_equal(f->published, 1);
}

static void test_backwards(void **state)
{
	struct fixture *f = *state;

	/* The later capture first: the change is told when it is first known, and not again. */
	assert_int_equal(commit_rows(f, "b", "2023-02-10T09:00:00Z", &inadequate, 1, CW_DOC_IMPORTED).alerts, 1);
	assert_int_equal(commit_rows(f, "a", "2022-10-01T09:00:00Z", &good, 1, CW_DOC_IMPORTED).alerts, 0);
	assert_int_equal(commit_rows(f, "b", "2023-01-31T09:00:00Z", &inadequate, 1, CW_DOC_IMPORTED).alerts, 0);
	assert_int_equal(level_on(f, "bradford", "2023-01-30").level, CW_LEVEL_ROUTINE);
	assert_int_equal(level_on(f, "bradford", "2023-01-31").level, CW_LEVEL_INTENSIVE);
	/* An import pages nobody. */
	assert_int_equal(f->published, 0);
	assert_int_equal(f->quiet, 1);
}

static void test_correction_taken_back(void **state)
{
	struct fixture *f = *state;

	commit_rows(f, "1", "2023-01-31T09:00:00Z", &inadequate, 1, 0);
	commit_rows(f, "2", "2023-02-01T09:00:00Z", &corrected, 1, 0);
	assert_int_equal(level_on(f, "bradford", "2023-02-01").floor_level, CW_LEVEL_WATCH);
	commit_rows(f, "3", "2023-02-03T09:00:00Z", &inadequate, 1, 0);
	assert_int_equal(level_on(f, "bradford", "2023-02-03").floor_level, CW_LEVEL_INTENSIVE);
	assert_int_equal(level_on(f, "bradford", "2023-02-02").floor_level, CW_LEVEL_WATCH);
	/* A document from between, found later, counts where it belongs. */
	commit_rows(f, "4", "2023-02-02T09:00:00Z", &inadequate, 1, 0);
	assert_int_equal(level_on(f, "bradford", "2023-02-02").floor_level, CW_LEVEL_INTENSIVE);
	assert_int_equal(level_on(f, "bradford", "2023-02-01").floor_level, CW_LEVEL_WATCH);
}

/* A page that says now this, now that, byte for byte as before: each change is told when it happens. */
static void test_flapping_page(void **state)
{
	struct fixture *f = *state;
	static const char *const days[] = { "2023-01-31T09:00:00Z", "2023-04-01T09:00:00Z", "2023-08-01T09:00:00Z", "2023-12-01T09:00:00Z" };
	struct row better = inadequate;

	better.overall = "good";
	for (int i = 0; i < 4; i++) {
		struct cw_commit_info r = commit_rows(f, i % 2 ? "good" : "inadequate", days[i], i % 2 ? &better : &inadequate, 1, 0);

		assert_int_equal(r.new_evidence, i < 2);
		assert_true(r.alerts >= 1);
		assert_non_null(strstr(f->topics[f->n_topics - 1], i % 2 ? "floor_closed" : "level_up"));
	}
}

/* The date of an inspection is put right, far from what it was: it is the same inspection still. */
static void test_date_put_right(void **state)
{
	struct fixture *f = *state;
	struct row wrong = { "bradford", "2024-05-01", "https://files.example/1", "inadequate" };
	struct row right = { "bradford", "2023-01-05", "https://files.example/1", "inadequate" };
	struct row later = { "bradford", "2024-03-01", "https://files.example/2", "good" };

	commit_rows(f, "1", "2024-06-01T09:00:00Z", &wrong, 1, 0);
	commit_rows(f, "2", "2024-06-10T09:00:00Z", &right, 1, 0);
	assert_int_equal(level_on(f, "bradford", "2024-06-10").n_contributors, 0); /* cleared by level_on */
	assert_int_equal(level_on(f, "bradford", "2024-06-10").floor_level, CW_LEVEL_INTENSIVE);
	commit_rows(f, "3", "2024-06-20T09:00:00Z", &later, 1, 0);
	assert_int_equal(level_on(f, "bradford", "2024-06-20").floor_level, CW_LEVEL_ROUTINE);
	assert_true(level_on(f, "bradford", "2024-06-20").points < 0.01);
	/* And wrong again for a day, and right again. */
	commit_rows(f, "1", "2024-06-22T09:00:00Z", &wrong, 1, 0);
	commit_rows(f, "3", "2024-06-23T09:00:00Z", &later, 1, 0);
	commit_rows(f, "2", "2024-06-24T09:00:00Z", &right, 1, 0);
	assert_int_equal(level_on(f, "bradford", "2024-06-24").floor_level, CW_LEVEL_ROUTINE);
}

static void test_refused_batch_leaves_nothing(void **state)
{
	struct fixture *f = *state;
	struct cw_document_info info = { .id = 1, .attempt = 1, .feed = cw_str("ofsted-ilacs-summary"), .url = cw_str("x"),
		                         .fetched_at = { 1700000000000 } };
	struct row stranger = { "atlantis", "2022-11-21", "u", "good" };
	struct cw_commit_info result;
	struct cw_error err = { 0 };
	struct cw_buf batch;
	bool duplicate;
	uint64_t seq = 0;

	cw_buf_init(&batch, 1u << 20);
	put_rows(&batch, &inadequate, 1);
	put_rows(&batch, &stranger, 1);
	assert_int_equal(commit_begin(f->committer, &info, &duplicate, &result, &err), 0);
	assert_int_equal(commit_batch(f->committer, false, 2, batch.data, batch.len, &err), -EBADMSG);
	assert_string_equal(err.text, "evidence about a council that is not in councils.csv");
	assert_int_equal(commit_check(f->committer, &info, false, 2, batch.data, batch.len, &err), -EBADMSG);
	assert_int_equal(commit_check(f->committer, &info, false, 1, batch.data, batch.len, &err), -EBADMSG); /* left over */
	cw_buf_clear(&batch);
	assert_int_equal(cw_store_last_seq(f->store, &seq, NULL), 0);
	assert_int_equal(seq, 0);
	assert_int_equal(level_on(f, "bradford", "2024-01-01").n_contributors, 0);
	/* And the store goes on. */
	assert_int_equal(commit_rows(f, "b", "2023-01-31T09:00:00Z", &inadequate, 1, 0).alerts, 1);
}

static void test_unresolved(void **state)
{
	struct fixture *f = *state;
	struct cw_reject reject = { .reason = CW_REASON_UNKNOWN_COUNCIL, .row = 3, .field = cw_str("council"),
		                    .text = cw_str("Ruritania"), .detail = cw_str(NULL) };
	struct cw_document_tally tally = { .rows = 1, .reasons[CW_REASON_UNKNOWN_COUNCIL] = 1, .detail = cw_str(NULL) };
	struct cw_buf batch;

	cw_buf_init(&batch, 4096);
	cw_reject_put(&batch, &reject);
	for (int round = 0; round < 2; round++) {
		struct cw_document_info info = { .id = (uint64_t)round + 1, .attempt = 1, .feed = cw_str("ofsted-ilacs-summary"),
			                         .url = cw_str("x"), .fetched_at = { 1700000000000 + round } };
		struct cw_commit_info result;
		bool duplicate;

		assert_int_equal(commit_begin(f->committer, &info, &duplicate, &result, NULL), 0);
		assert_int_equal(commit_batch(f->committer, true, 1, batch.data, batch.len, NULL), 0);
		assert_int_equal(commit_finish(f->committer, &tally, &result, NULL), 0);
		assert_int_equal(result.quarantined, 1);
		assert_int_equal(result.alerts, round == 0); /* told once */
	}
	assert_string_equal(f->topics[0], "feed/ofsted-ilacs-summary/identity_unresolved");
	cw_buf_clear(&batch);
}

/* A document that is read again: what it says now stands in for what it said. */
struct reading {
	const char *content, *fetched_at;
	uint64_t order;
	uint32_t flags;
	const struct row *rows;
	size_t n;
	const char *unknown; /* rejected as no council; NULL = none */
};

static struct cw_commit_info commit_reading(struct fixture *f, const struct reading *reading)
{
	struct cw_document_info info = { .id = ++f->next_id, .attempt = 1, .flags = reading->flags,
		                         .feed = cw_str("ofsted-ilacs-summary"), .url = cw_str("capture.html"),
		                         .content_type = cw_str(NULL), .fetched_at = moment(reading->fetched_at),
		                         .order = reading->order };
	struct cw_reject reject = { .reason = CW_REASON_UNKNOWN_COUNCIL, .row = 7, .field = cw_str("council"),
		                    .text = cw_str(reading->unknown), .detail = cw_str(NULL) };
	struct cw_document_tally tally = { .rows = reading->n, .evidence = reading->n, .detail = cw_str(NULL) };
	struct cw_commit_info result = { 0 };
	struct cw_error err = { 0 };
	struct cw_buf batch;
	bool duplicate;

	cw_sha256(reading->content, strlen(reading->content), info.sha256);
	cw_buf_init(&batch, 1u << 20);
	if (commit_begin(f->committer, &info, &duplicate, &result, &err) < 0)
		fail_msg("%s", err.text);
	if (!duplicate) {
		put_rows(&batch, reading->rows, reading->n);
		if (reading->n && commit_batch(f->committer, false, (uint32_t)reading->n, batch.data, batch.len, &err) < 0)
			fail_msg("%s", err.text);
		cw_buf_reset(&batch);
		cw_reject_put(&batch, &reject);
		if (reading->unknown && commit_batch(f->committer, true, 1, batch.data, batch.len, &err) < 0)
			fail_msg("%s", err.text);
		if (commit_finish(f->committer, &tally, &result, &err) < 0)
			fail_msg("%s", err.text);
	}
	cw_buf_clear(&batch);
	return result;
}

struct in_quarantine {
	uint64_t n, id, times;
	char text[64], document[CW_SHA256_HEX];
};

static int note_entry(void *arg, const struct cw_quarantine_entry *entry)
{
	struct in_quarantine *q = arg;

	q->n++;
	q->id = entry->id;
	q->times = entry->times;
	snprintf(q->text, sizeof(q->text), "%.*s", (int)entry->reject.text.len, entry->reject.text.at);
	memcpy(q->document, entry->document, sizeof(q->document));
	return 0;
}

static struct in_quarantine quarantine(struct fixture *f)
{
	struct in_quarantine q = { 0 };

	assert_int_equal(cw_store_quarantine(f->store, note_entry, &q, NULL), 0);
	return q;
}

static uint64_t facts_of(struct fixture *f, const char *council, uint64_t *ret_row)
{
	struct cw_facts facts;
	uint64_t n;

	assert_int_equal(cw_store_council_facts(f->store, council, &facts, NULL), 0);
	n = facts.n;
	if (n && ret_row)
		*ret_row = facts.at[0].evidence.row;
	cw_facts_free(&facts);
	return n;
}

static void test_read_again_clears_the_quarantine(void **state)
{
	struct fixture *f = *state;
	struct reading first = { "a", "2023-01-31T09:00:00Z", 1, 0, &good, 1, "Ruritania" };
	struct reading second = { "b", "2023-02-07T09:00:00Z", 2, 0, &good, 1, "Ruritania" };
	struct row both[] = { good, { "leeds", "2022-02-21", "https://files.example/3", "inadequate" } };
	struct cw_commit_info r;
	struct in_quarantine q;
	char hex[CW_SHA256_HEX], shown[CW_SHA256_HEX];
	unsigned char digest[CW_SHA256_LEN];
	uint64_t id;

	commit_reading(f, &first);
	memcpy(shown, quarantine(f).document, sizeof(shown));
	commit_reading(f, &second);
	q = quarantine(f);
	id = q.id;
	assert_int_equal(q.n, 1);
	assert_int_equal(q.times, 2);
	assert_string_equal(q.document, shown); /* the first that had it */
	/* Without the flag, what was committed is a duplicate, whatever its order. */
	first.order = 3;
	assert_true(commit_reading(f, &first).duplicate);

	first.flags = CW_DOC_REPLAY | CW_DOC_RETRY;
	first.rows = both;
	first.n = 2;
	first.unknown = NULL;
	r = commit_reading(f, &first);
	assert_false(r.duplicate);
	assert_int_equal(r.new_evidence, 1);
	assert_int_equal(r.quarantined, 0);
	assert_int_equal(r.alerts, 1); /* leeds */
	assert_true(f->published > 0);
	q = quarantine(f);
	assert_int_equal(q.n, 1);
	assert_int_equal(q.id, id);
	assert_int_equal(q.times, 1);
	cw_sha256("b", 1, digest);
	cw_hex(digest, sizeof(digest), hex);
	assert_string_equal(q.document, hex); /* it is that of the other document now */

	/* Delivered again at the same place, because the daemon had not heard: once is enough, and the report is the same. */
	r = commit_reading(f, &first);
	assert_true(r.duplicate);
	assert_int_equal(r.new_evidence, 1);

	second.flags = CW_DOC_REPLAY | CW_DOC_RETRY;
	second.order = 4;
	second.unknown = NULL;
	commit_reading(f, &second);
	assert_int_equal(quarantine(f).n, 0);
	/* A number is never used again. */
	second.order = 5;
	second.unknown = "Atlantis";
	commit_reading(f, &second);
	q = quarantine(f);
	assert_string_equal(q.text, "Atlantis");
	assert_true(q.id > id);
}

static void test_read_again_takes_back(void **state)
{
	struct fixture *f = *state;
	struct reading first = { "a", "2023-01-31T09:00:00Z", 1, 0, &inadequate, 1, NULL };
	struct reading second = { "b", "2023-02-07T09:00:00Z", 2, 0, &inadequate, 1, NULL };
	uint64_t row = 99;
	size_t pushed;

	commit_reading(f, &first);
	commit_reading(f, &second);
	assert_int_equal(level_on(f, "bradford", "2023-02-01").level, CW_LEVEL_INTENSIVE);
	pushed = f->published;

	/* The grade was misread. The other document still says so, from its own day on. */
	first.flags = CW_DOC_REPLAY;
	first.order = 3;
	first.rows = &corrected;
	commit_reading(f, &first);
	assert_int_equal(facts_of(f, "bradford", NULL), 2);
	assert_int_equal(level_on(f, "bradford", "2023-02-01").level, CW_LEVEL_WATCH);
	assert_int_equal(level_on(f, "bradford", "2023-02-08").level, CW_LEVEL_INTENSIVE);

	second.flags = CW_DOC_REPLAY;
	second.order = 4;
	second.rows = &corrected;
	commit_reading(f, &second);
	assert_int_equal(facts_of(f, "bradford", &row), 1);
	assert_int_equal(row, 1);
	assert_int_equal(level_on(f, "bradford", "2023-02-08").floor_level, CW_LEVEL_WATCH);
	/* And nothing at all: then nothing is known. */
	first.order = 5;
	second.order = 6;
	first.n = second.n = 0;
	commit_reading(f, &first);
	assert_int_equal(facts_of(f, "bradford", NULL), 1);
	commit_reading(f, &second);
	assert_int_equal(facts_of(f, "bradford", NULL), 0);
	/* Derived again, nobody is paged. */
	assert_int_equal(f->published, pushed);

	/* As if it had never been otherwise. */
	first.order = 7;
	second.order = 8;
	first.n = second.n = 1;
	first.rows = second.rows = &inadequate;
	commit_reading(f, &second);
	commit_reading(f, &first);
	assert_int_equal(facts_of(f, "bradford", &row), 1);
	assert_int_equal(row, 1);
	assert_int_equal(level_on(f, "bradford", "2023-02-01").level, CW_LEVEL_INTENSIVE);
	assert_int_equal(level_on(f, "bradford", "2023-01-30").level, CW_LEVEL_ROUTINE);
}

/* A name whose 40th byte lies within a character: what is shown of it ends before, and the document is committed. */
static void test_unresolved_is_cut_between_characters(void **state)
{
	struct fixture *f = *state;
	struct cw_reject reject = { .reason = CW_REASON_UNKNOWN_COUNCIL, .row = 1, .field = cw_str("council"),
		                    .text = cw_str("Cyngor Bwrdeistref Sirol Rhondda Cynon T\xc3\xa2" "f"),
		                    .detail = cw_str(NULL) };
	struct cw_document_tally tally = { .rows = 1, .reasons[CW_REASON_UNKNOWN_COUNCIL] = 1, .detail = cw_str(NULL) };
	char url[256];
	struct cw_document_info info = { .id = 1, .attempt = 1, .feed = cw_str("ofsted-ilacs-summary"),
		                         .fetched_at = { 1700000000000 } };
	struct cw_commit_info result;
	struct cw_error err = { 0 };
	struct cw_buf batch;
	bool duplicate;

	memset(url, 'a', sizeof(url) - 1);
	memcpy(url + 199, "\xc3\xa2", 2);
	url[sizeof(url) - 1] = '\0';
	info.url = cw_str(url);
	cw_buf_init(&batch, 4096);
	for (size_t front = 0; front < 3; front++) {
		reject.text.at += front;
		reject.text.len -= front;
		cw_reject_put(&batch, &reject);
	}
	assert_int_equal(commit_begin(f->committer, &info, &duplicate, &result, &err), 0);
	assert_int_equal(commit_batch(f->committer, true, 3, batch.data, batch.len, &err), 0);
	if (commit_finish(f->committer, &tally, &result, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(result.alerts, 1);
	cw_buf_clear(&batch);
}

/* An undated statement is named by the end of its address, which may begin within a character. */
static void test_cause_is_cut_between_characters(void **state)
{
	struct fixture *f = *state;
	const struct row undated = { "bradford", NULL, "https://files.example/caf\xc3\xa9-0123456789-0123456789-01234567", "inadequate" };

	assert_int_equal(commit_rows(f, "a", "2023-01-31T09:00:00Z", &undated, 1, 0).alerts, 1);
}

static void test_outage(void **state)
{
	struct fixture *f = *state;
	struct cw_feed_state feed = { .feed = cw_str("ofsted-ilacs-summary"), .polled = true, .last_success = moment("2023-01-01"),
		                      .outage_since = cw_wall_none(), .detail = cw_str("refused") };

	assert_int_equal(commit_feed_state(f->committer, &feed, NULL), 0);
	assert_int_equal(f->published, 0);
	feed.outage_since = moment("2023-01-02");
	assert_int_equal(commit_feed_state(f->committer, &feed, NULL), 0);
	assert_int_equal(commit_feed_state(f->committer, &feed, NULL), 0);
	assert_int_equal(f->published, 1);
	assert_string_equal(f->topics[0], "feed/ofsted-ilacs-summary/source_outage");
	feed.outage_since = cw_wall_none();
	assert_int_equal(commit_feed_state(f->committer, &feed, NULL), 0);
	feed.outage_since = moment("2023-03-02");
	assert_int_equal(commit_feed_state(f->committer, &feed, NULL), 0);
	assert_int_equal(f->published, 2);
}

/* Time alone: the clock moves on and the step down is told on its day. */
static void test_time(void **state)
{
	struct fixture *f = *state;
	struct row closed = { "bradford", "2024-02-01", "https://files.example/3", "good" };

	commit_rows(f, "b", "2023-01-31T09:00:00Z", &inadequate, 1, 0);
	commit_rows(f, "c", "2024-03-20T09:00:00Z", &closed, 1, 0);
	assert_int_equal(f->published, 2);
	assert_int_equal(commit_tick(f->committer, moment("2024-05-18T23:59:59Z"), NULL), 0);
	assert_int_equal(f->published, 2);
	assert_int_equal(commit_tick(f->committer, moment("2024-05-19T00:00:01Z"), NULL), 0);
	assert_int_equal(f->published, 3);
	assert_string_equal(f->topics[2], "council/bradford/level_down");
	/* A clock that has caught up over months tells what passed in them, and pages nobody for it. */
	assert_int_equal(commit_tick(f->committer, moment("2025-12-01T00:00:01Z"), NULL), 0);
	assert_int_equal(f->published, 3);
	assert_int_equal(f->quiet, 1);
	assert_string_equal(f->topics[3], "council/bradford/level_down");
	/* A clock set back tells nothing. */
	assert_int_equal(commit_tick(f->committer, moment("2023-05-19T00:00:01Z"), NULL), 0);
	assert_int_equal(f->published, 3);
}

/* What is dated into the future is there, and speaks on its day without another document. */
static void test_dated_into_the_future(void **state)
{
	struct fixture *f = *state;
	struct row announced = inadequate;
	int32_t next;

	announced.published = "2023-02-10T09:00:00Z";
	assert_int_equal(commit_rows(f, "b", "2023-01-31T09:00:00Z", &announced, 1, 0).alerts, 0);
	assert_int_equal(cw_store_next_day(f->store, &next, NULL), 0);
	assert_int_equal(next, cw_wall_day(moment("2023-02-10")));
	assert_int_equal(commit_tick(f->committer, moment("2023-02-09T23:59:59Z"), NULL), 0);
	assert_int_equal(commit_tick(f->committer, moment("2023-02-10T00:00:01Z"), NULL), 0);
	assert_int_equal(f->published, 0);
	assert_int_equal(cw_store_next_day(f->store, &next, NULL), 0);
	assert_int_equal(next, cw_wall_day(moment("2023-02-11")));
	assert_int_equal(commit_tick(f->committer, moment("2023-02-11T00:00:01Z"), NULL), 0);
	assert_int_equal(f->published, 1);
	assert_string_equal(f->topics[0], "council/bradford/level_up");
}

static struct cw_signal_def *constant(struct fixture *f, const char *signal)
{
	for (size_t i = 0; i < f->config->risk.n_signals; i++)
		if (strcmp(f->config->risk.signals[i].name, signal) == 0)
			return &f->config->risk.signals[i];
	fail();
	return NULL;
}

/* The last alert, as a program reads it. */
static json_t *last_alert(struct fixture *f)
{
	json_t *alert = NULL;
	char path[128];
	sqlite3 *db;
	sqlite3_stmt *st;

	snprintf(path, sizeof(path), "%s/councilwatch.db", f->dir);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, "SELECT json FROM alert ORDER BY seq DESC LIMIT 1", -1, &st, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	alert = json_loads((const char *)sqlite3_column_text(st, 0), 0, NULL);
	sqlite3_finalize(st);
	sqlite3_close(db);
	assert_non_null(alert);
	return alert;
}

static void expect_recalculated(struct fixture *f, const char *kind, const char *level, const char *cause)
{
	json_t *alert = last_alert(f), *data = json_object_get(alert, "data");

	assert_string_equal(json_string_value(json_object_get(data, "kind")), kind);
	assert_string_equal(json_string_value(json_object_get(data, "level")), level);
	assert_string_equal(json_string_value(json_object_get(data, "cause")), cause);
	assert_true(json_is_true(json_object_get(data, "digest")));
	assert_non_null(strstr(json_string_value(json_object_get(data, "text")), "configuration or the version of councilwatch changed"));
	assert_string_equal(json_string_value(json_object_get(json_object_get(data, "model"), "config")), f->config->hash);
	json_decref(alert);
}

/* Other constants: each council that stands elsewhere now is told once, as what it is, and what they make of the past is not told. */
static void test_other_constants(void **state)
{
	struct fixture *f = *state;
	struct row ri = { "bradford", "2023-01-05", "https://files.example/1", "requires_improvement" };
	struct row other = { "leeds", "2023-01-05", "https://files.example/2", "inadequate" };

	assert_int_equal(commit_refresh(f->committer, NULL), 0);
	commit_rows(f, "a", "2023-01-31T09:00:00Z", &ri, 1, 0);
	commit_rows(f, "b", "2023-01-31T09:00:00Z", &other, 1, 0);
	assert_int_equal(f->published, 2);
	assert_int_equal(commit_refresh(f->committer, NULL), 0);
	assert_int_equal(f->published, 2);

	constant(f, "ilacs_ri")->floor = CW_LEVEL_ROUTINE;
	f->config->hash[10] ^= 1;
	assert_int_equal(commit_refresh(f->committer, NULL), 0);
	assert_int_equal(f->published, 3);
	expect_recalculated(f, "level_down", "routine", "model/1");
	assert_int_equal(commit_refresh(f->committer, NULL), 0);
	assert_int_equal(f->published, 3);

	/* There and further: what was a floor of watch has always been one of priority. That is no news of January. */
	constant(f, "ilacs_ri")->floor = CW_LEVEL_PRIORITY;
	f->config->risk.stale_ilacs_months = 1;
	f->config->hash[10] ^= 1;
	assert_int_equal(commit_refresh(f->committer, NULL), 0);
	assert_int_equal(f->published, 4);
	expect_recalculated(f, "level_up", "priority", "model/2");
	assert_int_equal(commit_rows(f, "a", "2023-02-01T09:00:00Z", &ri, 1, 0).alerts, 0);
	/* From now on they count: in time as in evidence. */
	assert_int_equal(commit_tick(f->committer, moment("2023-02-05T00:00:01Z"), NULL), 0);
	assert_int_equal(f->published, 6);
	assert_non_null(strstr(f->topics[5], "knowledge_lost"));
}

/* Where nothing is polled, history may be replayed at any date; a live clock stays with the world's. */
static void test_future(void **state)
{
	struct fixture *f = *state;
	struct cw_feed_state feed = { .feed = cw_str("ofsted-ilacs-summary"), .polled = true, .last_success = cw_wall_now(),
		                      .outage_since = cw_wall_none(), .detail = cw_str(NULL) };
	struct cw_wall clock;

	assert_int_equal(commit_rows(f, "a", "2090-01-31T09:00:00Z", &inadequate, 1, CW_DOC_IMPORTED).alerts, 1);
	assert_int_equal(cw_store_set_clock(f->store, moment("2023-01-01"), NULL), 0);
	assert_int_equal(commit_feed_state(f->committer, &feed, NULL), 0);
	commit_rows(f, "b", "2091-01-31T09:00:00Z", &good, 1, CW_DOC_IMPORTED);
	assert_int_equal(cw_store_clock(f->store, &clock, NULL), 0);
	assert_true(clock.ms <= cw_wall_now().ms);
}

static int count_stage(void *arg, bool rejects, uint32_t count, const void *data, size_t len)
{
	uint32_t *next = arg;

	(void)rejects;
	(void)data;
	assert_int_equal(len, 3);
	assert_int_equal(count, *next);
	(*next)++;
	return 0;
}

static void test_stage(void **state)
{
	struct fixture *f = *state;
	uint32_t next = 0;

	for (uint32_t i = 0; i < 20; i++)
		assert_int_equal(cw_store_stage(f->store, 7, (i * 7) % 20, false, (i * 7) % 20, "abc", 3, NULL), 0);
	assert_int_equal(cw_store_staged(f->store, 7, count_stage, &next, NULL), 0);
	assert_int_equal(next, 20);
	assert_int_equal(cw_store_unstage(f->store, 0, NULL), 0);
	next = 0;
	assert_int_equal(cw_store_staged(f->store, 7, count_stage, &next, NULL), 0);
	assert_int_equal(next, 0);
}

/* What somebody ruled on stays, marked, when nothing has it any more and when it comes again. */
static void test_dismissed(void **state)
{
	struct fixture *f = *state;
	struct reading first = { "a", "2023-01-31T09:00:00Z", 1, 0, &good, 1, "Ruritania" };
	struct cw_dismissal dismissal = { .author = cw_str("data officer"), .why = cw_str("a novel"), .n = 2 };
	struct cw_buf wire;
	struct cw_cursor cursor;
	struct cw_dismissal read;
	unsigned n = 9;
	uint64_t id;

	commit_reading(f, &first);
	id = quarantine(f).id;
	dismissal.ids[0] = id;
	dismissal.ids[1] = 999;
	assert_int_equal(commit_dismiss(f->committer, &dismissal, &n, NULL), 0);
	assert_int_equal(n, 1);
	assert_int_equal(commit_dismiss(f->committer, &dismissal, &n, NULL), 0);
	assert_int_equal(n, 0);
	first.flags = CW_DOC_REPLAY;
	first.order = 2;
	first.unknown = NULL;
	commit_reading(f, &first);
	assert_int_equal(quarantine(f).n, 1);
	assert_int_equal(quarantine(f).times, 0);
	first.order = 3;
	first.unknown = "Ruritania";
	commit_reading(f, &first);
	assert_int_equal(quarantine(f).id, id);
	assert_int_equal(quarantine(f).times, 1);

	/* As it travels. */
	cw_buf_init(&wire, 4096);
	assert_int_equal(cw_dismissal_put(&wire, &dismissal), 0);
	cw_cursor_init(&cursor, wire.data, wire.len);
	assert_int_equal(cw_dismissal_get(&cursor, &read, NULL), 0);
	assert_true(cw_str_eq(read.why, "a novel"));
	assert_int_equal(read.ids[1], 999);
	cw_cursor_init(&cursor, wire.data, wire.len - 1);
	assert_int_equal(cw_dismissal_get(&cursor, &read, NULL), -EBADMSG);
	dismissal.n = 0;
	cw_buf_reset(&wire);
	assert_int_equal(cw_dismissal_put(&wire, &dismissal), 0);
	cw_cursor_init(&cursor, wire.data, wire.len);
	assert_int_equal(cw_dismissal_get(&cursor, &read, NULL), -EBADMSG);
	cw_buf_clear(&wire);
}

static void test_older_schema_is_brought_up_to_date(void **state)
{
	struct fixture *f = *state;
	struct reading first = { "a", "2023-01-31T09:00:00Z", 1, 0, &good, 1, "Ruritania" };
	struct cw_error err = { 0 };
	char path[128];
	sqlite3 *db;

	commit_reading(f, &first);
	committer_free(f->committer);
	f->committer = NULL;
	cw_store_close(f->store);
	f->store = NULL;
	snprintf(path, sizeof(path), "%s/councilwatch.db", f->dir);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(
	    sqlite3_exec(db,
	                 "DROP TABLE silent; DROP INDEX alert_by_council; ALTER TABLE document DROP COLUMN ord; ALTER TABLE document DROP COLUMN parser; ALTER TABLE document DROP COLUMN submitted_by; DROP TABLE reject_document; ALTER TABLE reject RENAME TO r;"
	                 "CREATE TABLE reject (id INTEGER PRIMARY KEY, feed INTEGER NOT NULL, reason INTEGER NOT NULL, field TEXT NOT NULL,"
	                 " text TEXT NOT NULL, detail TEXT NOT NULL, row INTEGER NOT NULL, document INTEGER NOT NULL, last_document"
	                 " INTEGER NOT NULL, first_seen INTEGER NOT NULL, last_seen INTEGER NOT NULL, times INTEGER NOT NULL,"
	                 " UNIQUE (feed, reason, field, text, detail));"
	                 "INSERT INTO reject SELECT id, feed, reason, field, text, detail, row, document, document, first_seen,"
	                 " last_seen, times FROM r; DROP TABLE r; PRAGMA user_version = 1",
	                 NULL, NULL, NULL),
	    SQLITE_OK);
	sqlite3_close(db);
	assert_int_equal(cw_store_open_writer(f->dir, &f->store, &err), 0);
	assert_int_equal(committer_new(f->config, f->store, sink, f, &f->committer, &err), 0);
	assert_string_equal(quarantine(f).text, "Ruritania");
	assert_int_equal(quarantine(f).times, 1);
	first.flags = CW_DOC_REPLAY | CW_DOC_RETRY;
	first.order = 2;
	first.unknown = NULL;
	assert_false(commit_reading(f, &first).duplicate);
	assert_int_equal(quarantine(f).n, 0);
	assert_int_equal(facts_of(f, "bradford", NULL), 1);
}

static void test_newer_schema_is_refused(void **state)
{
	struct fixture *f = *state;
	struct cw_store *store;
	struct cw_error err = { 0 };
	char command[256];

	cw_store_close(f->store);
	f->store = NULL;
	committer_free(f->committer);
	f->committer = NULL;
	/* The version lives in bytes 60 to 63 of the file's header. */
	snprintf(command, sizeof(command), "%s/councilwatch.db", f->dir);
	FILE *file = fopen(command, "r+");
	assert_non_null(file);
	assert_int_equal(fseek(file, 60, SEEK_SET), 0);
	assert_int_equal(fwrite("\0\0\0\x63", 1, 4, file), 4);
	fclose(file);
	assert_int_equal(cw_store_open_writer(f->dir, &store, &err), -EPROTO);
	assert_non_null(strstr(err.text, "schema version 99"));
	assert_int_equal(cw_store_open_reader(f->dir, &store, &err), -EPROTO);
}

/* A council that took over from another begins with what stood open there, and its level is worked out when that changes. */
static void test_heritage(void **state)
{
	static const struct row before = { "northamptonshire", "2019-06-24", "https://files.example/3", "inadequate" };
	const struct cw_council *council;
	struct fixture *f = *state;
	struct cw_assessment a;
	struct cw_history history;
	struct cw_error err = { 0 };
	unsigned of_before = 0, of_table = 0, to_new = 0, to_old = 0;

	commit_rows(f, "a", "2019-07-29T09:00:00Z", &before, 1, 0);
	council = cw_councils_by_id(f->config->councils, cw_str("west-northamptonshire"));
	assert_non_null(council);
	assert_int_equal(cw_history_load(f->store, f->config->councils, &f->config->risk, council, &history, &err), 0);
	for (size_t i = 0; i < history.n; i++) {
		of_before += history.at[i].heritage == 1;
		of_table += cw_str_eq(history.at[i].feed, "lineage");
	}
	assert_int_equal(of_before, 1);
	assert_int_equal(of_table, 1);
	assert_int_equal(cw_model_assess(&f->config->risk, history.at, history.n, cw_wall_day(moment("2021-04-01")), &a, &err), 0);
	assert_int_equal(a.level, CW_LEVEL_PRIORITY);
	assert_int_equal(a.knowledge, CW_INHERITED);
	cw_assessment_clear(&a);
	cw_history_free(&history);

	/* A later document moves the clock past the day: the new council is told of, the old one no more. */
	commit_rows(f, "b", "2021-05-01T09:00:00Z", &good, 1, 0);
	for (size_t i = 0; i < f->n_topics; i++) {
		to_new += !strcmp(f->topics[i], "council/west-northamptonshire/level_up");
		to_old += !strncmp(f->topics[i], "council/northamptonshire/", 25);
	}
	assert_int_equal(to_new, 1);
	assert_int_equal(to_old, 1 + 1); /* inadequate; and a year before its end */
}

struct digests {
	unsigned yes, no, levels_down;
};

static int count_digest(void *arg, uint64_t seq, const char *topic, const char *topic_level, const char *json, size_t len)
{
	struct digests *digests = arg;

	(void)seq;
	(void)topic_level;
	(void)len;
	digests->yes += strstr(json, "\"digest\":true") != NULL;
	digests->no += strstr(json, "\"digest\":false") != NULL;
	digests->levels_down += strstr(topic, "/level_down") != NULL;
	return 0;
}

/* One council is news for somebody; twelve at once are a release. */
static void test_release_is_a_digest(void **state)
{
	static const char *const councils[] = { "bradford", "leeds",  "barnet", "camden",  "kent",   "devon",
		                                "dorset",   "dudley", "derby",  "croydon", "ealing", "essex" };
	struct row rows[CW_ARRAY_LEN(councils)];
	struct fixture *f = *state;
	struct digests digests = { 0 };
	char now[CW_WALL_TEXT];

	/* Dates near the clock's: what is told late is history. */
	cw_wall_format(cw_wall_now(), now);
	for (size_t i = 0; i < CW_ARRAY_LEN(rows); i++)
		rows[i] = (struct row){ councils[i], "2020-01-06", "https://files.example/1", "inadequate", NULL };
	commit_rows(f, "a", now, rows, 1, 0);
	assert_int_equal(cw_store_alerts(f->store, 0, 0, 1000, count_digest, &digests, NULL), 0);
	assert_int_equal(digests.yes, 0);
	assert_int_equal(digests.no, 1);
	/* A report of years ago that is found today is no news. */
	rows[1].published = "2020-02-03";
	digests = (struct digests){ 0 };
	commit_rows(f, "old", now, &rows[1], 1, 0);
	assert_int_equal(cw_store_alerts(f->store, 1, 0, 1000, count_digest, &digests, NULL), 0);
	assert_int_equal(digests.yes, 1);
	assert_int_equal(digests.no, 0);
	rows[1].published = NULL;
	digests = (struct digests){ 0 };
	commit_rows(f, "b", now, rows, CW_ARRAY_LEN(rows), 0);
	assert_int_equal(cw_store_alerts(f->store, 2, 0, 1000, count_digest, &digests, NULL), 0);
	assert_int_equal(digests.yes, CW_ARRAY_LEN(rows) - 2);
	assert_int_equal(digests.no, 0);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_once), TEST(test_backwards), TEST(test_flapping_page), TEST(test_date_put_right), TEST(test_correction_taken_back), TEST(test_refused_batch_leaves_nothing),
		TEST(test_unresolved), TEST(test_unresolved_is_cut_between_characters), TEST(test_cause_is_cut_between_characters),
		TEST(test_outage), TEST(test_time), TEST(test_future), TEST(test_dated_into_the_future), TEST(test_other_constants), TEST(test_stage), TEST(test_newer_schema_is_refused), TEST(test_heritage), TEST(test_release_is_a_digest),
		TEST(test_read_again_clears_the_quarantine), TEST(test_read_again_takes_back),
		TEST(test_dismissed), TEST(test_older_schema_is_brought_up_to_date),
	};

	return cmocka_run_group_tests_name("commit", tests, NULL, NULL);
}
