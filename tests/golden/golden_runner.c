/*
 * Golden cases of the normaliser: tests/golden/<format>/<case>/ holds
 *
 *     feed       the name of a shipped feed, or feed.conf: a feed "golden" { … } of the case's own
 *     document   optional: "name = value" lines, of fetched_at, content_type, url, step, link_text, parent_url and page
 *     input      the document, byte for byte
 *     expected   one JSON object per line: evidence, links, rejected rows, and last what the document came to
 *     error      in its place when the document as a whole is refused
 *
 * A new case is a new directory. With --update the results are written instead of compared: review the diff. Each
 * input is read whole and then again cut into pieces of several sizes, and must give the same every time.
 */
#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <councilwatch/normalise.h>

#include <format_report.h>

#define GOLDEN CW_SOURCE_DIR "/tests/golden"
#define CASES_MAX 512
#define OUTPUT_MAX (64u << 20)

static bool update;

struct golden {
	char name[160]; /* "csv/quotes" */
};
static struct golden cases[CASES_MAX];
static size_t n_cases;

/* --- files --- */

static int read_file(const char *path, struct cw_buf *out)
{
	FILE *file = fopen(path, "re");
	char block[65536];
	size_t n;
	int r = 0;

	cw_buf_reset(out);
	if (!file)
		return -errno;
	while (r == 0 && (n = fread(block, 1, sizeof(block), file)) > 0)
		r = cw_buf_append(out, block, n);
	fclose(file);
	return r;
}

static void write_file(const char *path, const struct cw_buf *text)
{
	FILE *file = fopen(path, "we");

	if (!file)
		fail_msg("cannot write %s: %s", path, strerror(errno));
	fwrite(cw_buf_str(text), 1, text->len, file);
	fclose(file);
}

static const char *path_in(const struct golden *golden, const char *name)
{
	static char path[4][1024];
	static unsigned next;
	char *ret = path[next++ % 4];

	snprintf(ret, sizeof(path[0]), "%s/%s/%s", GOLDEN, golden->name, name);
	return ret;
}

/* --- results as JSON lines --- */

static void json_text(struct cw_buf *out, struct cw_str text)
{
	cw_buf_putc(out, '"');
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.at[i];

		if (c == '"' || c == '\\')
			cw_buf_printf(out, "\\%c", c);
		else if (c < 0x20)
			cw_buf_printf(out, "\\u%04x", c);
		else
			cw_buf_putc(out, c);
	}
	cw_buf_putc(out, '"');
}

static void member(struct cw_buf *out, const char *name, struct cw_str text)
{
	if (!text.len)
		return;
	cw_buf_printf(out, ",\"%s\":", name);
	json_text(out, text);
}

static int take_evidence(void *arg, const struct cw_evidence *evidence)
{
	struct cw_buf *out = arg;
	char time[CW_WALL_TEXT];

	/* The other side of the socket would refuse what is not valid text. */
	assert_true(cw_utf8_valid(evidence->title.at, evidence->title.len));
	assert_true(cw_utf8_valid(evidence->quote.at, evidence->quote.len));
	cw_buf_printf(out, "{\"row\":%llu,\"kind\":\"%s\"", (unsigned long long)evidence->row,
	              cw_kind_def(evidence->kind)->name);
	member(out, "council_id", evidence->council_id);
	member(out, "event_date", cw_str(cw_day_format(evidence->event_day, time)));
	member(out, "published_at", cw_str(cw_wall_format(evidence->published_at, time)));
	member(out, "fetched_at", cw_str(cw_wall_format(evidence->fetched_at, time)));
	member(out, "publisher", evidence->publisher);
	member(out, "tier", cw_str(cw_tier_name(evidence->tier)));
	member(out, "url", evidence->url);
	member(out, "title", evidence->title);
	member(out, "quote", evidence->quote);
	member(out, "key", evidence->key);
	cw_buf_puts(out, ",\"values\":{");
	for (size_t i = 0; i < evidence->n_values; i++) {
		cw_buf_printf(out, "%s\"%s\":", i ? "," : "", cw_value_def(evidence->value[i].id)->name);
		json_text(out, evidence->value[i].text);
	}
	return cw_buf_puts(out, "}}\n");
}

static int take_reject(void *arg, const struct cw_reject *reject)
{
	struct cw_buf *out = arg;

	assert_true(cw_utf8_valid(reject->text.at, reject->text.len));
	assert_true(cw_utf8_valid(reject->detail.at, reject->detail.len));
	cw_buf_printf(out, "{\"row\":%llu,\"reject\":\"%s\"", (unsigned long long)reject->row,
	              cw_reason_name(reject->reason));
	member(out, "field", reject->field);
	member(out, "text", reject->text);
	member(out, "detail", reject->detail);
	return cw_buf_puts(out, "}\n");
}

static int take_link(void *arg, const struct cw_doc_link *link)
{
	struct cw_doc_link again;
	struct cw_error err = { 0 };
	struct cw_cursor cursor;
	struct cw_buf wire;

	/* The daemon would refuse what is not a sane address. */
	cw_buf_init(&wire, CW_FRAME_MAX);
	assert_int_equal(cw_doc_link_put(&wire, link), 0);
	cw_cursor_init(&cursor, wire.data, wire.len);
	assert_int_equal(cw_doc_link_get(&cursor, &again, &err), 0);
	assert_int_equal(cw_cursor_done(&cursor), 0);
	cw_buf_clear(&wire);
	cw_buf_puts(arg, "{\"link\":");
	json_text(arg, link->url);
	member(arg, "step", link->step);
	member(arg, "text", link->text);
	return cw_buf_puts(arg, "}\n");
}

static void put_tally(struct cw_buf *out, const struct cw_document_tally *tally)
{
	cw_buf_printf(out, "{\"outcome\":\"%s\",\"rows\":%llu,\"evidence\":%llu",
	              tally->outcome == CW_REASON_NONE ? "parsed" : cw_reason_name(tally->outcome),
	              (unsigned long long)tally->rows, (unsigned long long)tally->evidence);
	for (int i = 1; i < CW_REASON_COUNT; i++)
		if (tally->reasons[i])
			cw_buf_printf(out, ",\"%s\":%llu", cw_reason_name((enum cw_reason)i),
			              (unsigned long long)tally->reasons[i]);
	member(out, "detail", tally->detail);
	cw_buf_puts(out, "}\n");
}

/* --- one case --- */

static void report_mistake(void *arg, const struct cw_error *err)
{
	char text[1024];

	(void)arg;
	print_error("%s\n", cw_error_format(err, text, sizeof(text)));
}

/* A configuration that takes in one feeds file. */
static struct cw_config *load_config(const char *feeds)
{
	char path[] = "/tmp/cw_golden_XXXXXX";
	struct cw_config *config = NULL;
	struct cw_error err = { 0 };
	int fd = mkstemp(path);
	int r;

	assert_true(fd >= 0);
	dprintf(fd,
	        "state_dir = \"/nonexistent\"\nruntime_dir = \"/nonexistent\"\n"
	        "councils_file = \"%s/config/councils.csv\"\naliases_file = \"%s/config/aliases.csv\"\n"
	        "phrases_file = \"%s/config/phrases.conf\"\ninclude_feeds = \"%s\"\n",
	        CW_SOURCE_DIR, CW_SOURCE_DIR, CW_SOURCE_DIR, feeds);
	close(fd);
	r = cw_config_load(path, report_mistake, NULL, &config, &err);
	unlink(path);
	if (r < 0)
		fail_msg("%s: %s", feeds, err.text);
	return config;
}

static const struct cw_feed *load_feed(const struct golden *golden, struct cw_config **ret_config)
{
	const struct cw_feed *feed;
	struct cw_buf name;
	struct cw_str text;

	if (access(path_in(golden, "feed.conf"), R_OK) == 0) {
		*ret_config = load_config(path_in(golden, "feed.conf"));
		feed = cw_config_feed(*ret_config, cw_str("golden"));
	} else {
		cw_buf_init(&name, CW_NAME_MAX + 2);
		if (read_file(path_in(golden, "feed"), &name) < 0)
			fail_msg("%s has neither feed nor feed.conf", golden->name);
		text = cw_str_trim(cw_str(cw_buf_str(&name)));
		*ret_config = load_config(CW_SOURCE_DIR "/config/feeds.d/*.conf");
		feed = cw_config_feed(*ret_config, text);
		cw_buf_clear(&name);
	}
	assert_non_null(feed);
	return feed;
}

/* "fetched_at = 2024-01-31T09:11:54Z" and the like; the texts point into buf. */
static void read_document(const struct golden *golden, struct cw_buf *buf, struct cw_document_info *info)
{
	char *save = NULL;

	if (read_file(path_in(golden, "document"), buf) < 0)
		return;
	for (char *line = strtok_r((char *)buf->data, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *equals = strchr(line, '=');
		struct cw_str name, value;

		assert_non_null(equals);
		name = cw_str_trim((struct cw_str){ line, (size_t)(equals - line) });
		value = cw_str_trim(cw_str(equals + 1));
		if (cw_str_eq(name, "fetched_at"))
			assert_int_equal(cw_wall_parse(value.at, value.len, &info->fetched_at, NULL), 0);
		else if (cw_str_eq(name, "content_type"))
			info->content_type = value;
		else if (cw_str_eq(name, "url"))
			info->url = value;
		else if (cw_str_eq(name, "step"))
			info->step = value;
		else if (cw_str_eq(name, "link_text"))
			info->link_text = value;
		else if (cw_str_eq(name, "parent_url"))
			info->parent_url = value;
		else if (cw_str_eq(name, "page"))
			info->flags |= CW_DOC_PAGE;
		else
			fail_msg("%s: unknown line in document: %s", golden->name, line);
	}
}

static void normalise(const struct cw_config *config, const struct cw_feed *feed, const struct cw_document_info *info,
                      const struct cw_buf *input, size_t piece, struct cw_buf *out, enum cw_reason *ret_outcome)
{
	const struct cw_normalise_sink sink = { take_evidence, take_reject, out, take_link };
	struct cw_normaliser *normaliser = NULL;
	struct cw_document_tally tally;
	struct cw_error err = { 0 };
	int r;

	cw_buf_reset(out);
	assert_int_equal(cw_normaliser_new(config, feed, info, &sink, &normaliser, &err), 0);
	for (size_t at = 0; at < input->len; at += piece) {
		/* A copy of just that size, so that a sanitizer sees any read beyond it. */
		size_t n = CW_MIN(piece, input->len - at);
		char *copy = malloc(n);

		assert_non_null(copy);
		memcpy(copy, input->data + at, n);
		r = cw_normaliser_feed(normaliser, copy, n, &err);
		free(copy);
		assert_true(r >= 0);
	}
	do
		r = cw_normaliser_end(normaliser, &tally, &err);
	while (r > 0);
	if (r < 0)
		fail_msg("%s", err.text);
	put_tally(out, &tally);
	*ret_outcome = tally.outcome;
	cw_normaliser_free(normaliser);
	assert_int_equal(out->failed, 0);
}

static void check(const struct golden *golden, const char *name, const char *other, const struct cw_buf *got)
{
	struct cw_buf wanted;

	if (update) {
		unlink(path_in(golden, other));
		write_file(path_in(golden, name), got);
		return;
	}
	cw_buf_init(&wanted, OUTPUT_MAX);
	if (read_file(path_in(golden, name), &wanted) < 0)
		fail_msg("%s: no file \"%s\"; the result is\n%s", golden->name, name, cw_buf_str(got));
	if (strcmp(cw_buf_str(&wanted), cw_buf_str(got)) != 0)
		print_error("%s: wanted\n%s\ngot\n%s\n", golden->name, cw_buf_str(&wanted), cw_buf_str(got));
	assert_string_equal(cw_buf_str(&wanted), cw_buf_str(got));
	cw_buf_clear(&wanted);
}

static void test_case(void **state)
{
	static const size_t pieces[] = { 1, 2, 3, 7, 61, 64, 1000, 4096, 65537 };
	const struct golden *golden = *state;
	struct cw_document_info info = { .fetched_at = cw_wall_none(), .feed = cw_str("golden") };
	struct cw_buf input, document, out, again;
	struct cw_config *config = NULL;
	const struct cw_feed *feed;
	enum cw_reason outcome, outcome_again;

	cw_buf_init(&input, OUTPUT_MAX);
	cw_buf_init(&document, 4096);
	cw_buf_init(&out, OUTPUT_MAX);
	cw_buf_init(&again, OUTPUT_MAX);
	info.url = info.content_type = cw_str("");
	feed = load_feed(golden, &config);
	read_document(golden, &document, &info);
	if (read_file(path_in(golden, "input"), &input) < 0)
		fail_msg("%s has no input", golden->name);

	normalise(config, feed, &info, &input, OUTPUT_MAX, &out, &outcome);
	for (size_t i = 0; i < CW_ARRAY_LEN(pieces); i++) {
		if (pieces[i] < 61 && input.len > 300000)
			continue;
		normalise(config, feed, &info, &input, pieces[i], &again, &outcome_again);
		if (strcmp(cw_buf_str(&out), cw_buf_str(&again)) != 0)
			print_error("in pieces of %zu bytes:\n", pieces[i]);
		assert_string_equal(cw_buf_str(&out), cw_buf_str(&again));
	}
	if (outcome == CW_REASON_NONE)
		check(golden, "expected", "error", &out);
	else
		check(golden, "error", "expected", &out);

	cw_config_free(config);
	cw_buf_clear(&input);
	cw_buf_clear(&document);
	cw_buf_clear(&out);
	cw_buf_clear(&again);
}

/* --- finding them --- */

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct golden *)a)->name, ((const struct golden *)b)->name);
}

static void find_cases(const char *format)
{
	char path[512];
	struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/%s", GOLDEN, format);
	dir = opendir(path);
	if (!dir)
		return;
	while ((entry = readdir(dir))) {
		struct golden golden;

		if (entry->d_name[0] == '.' || n_cases == CASES_MAX)
			continue;
		snprintf(golden.name, sizeof(golden.name), "%.60s/%.90s", format, entry->d_name);
		if (access(path_in(&golden, "input"), R_OK) == 0)
			cases[n_cases++] = golden;
	}
	closedir(dir);
}

int main(int argc, char **argv)
{
	static struct CMUnitTest tests[CASES_MAX];
	struct dirent *entry;
	DIR *dir = opendir(GOLDEN);

	if (argc > 1 && !strcmp(argv[1], "--update"))
		update = true;
	if (cw_format_report_register() < 0)
		return 1;
	if (!dir) {
		fprintf(stderr, "%s: %s\n", GOLDEN, strerror(errno));
		return 1;
	}
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			find_cases(entry->d_name);
	closedir(dir);
	if (!n_cases) {
		fprintf(stderr, "%s: no cases\n", GOLDEN);
		return 1;
	}
	qsort(cases, n_cases, sizeof(cases[0]), by_name);
	for (size_t i = 0; i < n_cases; i++)
		tests[i] =
		    (struct CMUnitTest){ .name = cases[i].name, .test_func = test_case, .initial_state = &cases[i] };
	return _cmocka_run_group_tests("golden", tests, n_cases, NULL, NULL);
}
