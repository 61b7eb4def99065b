#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <councilwatch/normalise.h>

#include "fuzz_normaliser.h"

#define RECORD                                                                                                         \
	" record {\n  council = { \"URN\", \"La Code\", \"Local Authority\", \"council.code\", \"councils[].code\" "   \
	"}\n"                                                                                                          \
	"  event_date = { \"Inspection Start Date\", \"day\" }\n"                                                      \
	"  date_format = { \"%%d/%%m/%%Y\", \"%%d/%%m/%%y\", \"%%Y-%%m-%%d\" }\n"                                      \
	"  url = \"Inspection Link\"\n  title = { \"Title\", \"tags[0]\" }\n  quote = \"Quote\"\n"                     \
	"  overall_effectiveness = { \"Overall Effectiveness Grade\", \"grade\" }\n"                                   \
	"  absent = { \"NaN\" }\n  required = { \"council\" }\n }\n"
#define FEED(name, format) KEYS(name, format, "")
#define KEYS(name, format, keys)                                                                                       \
	"feed \"" name "\" {\n publisher = \"P\"\n tier = \"B\"\n format = \"" format                                  \
	"\"\n kind = \"ilacs\"\n" keys RECORD "}\n"

#define NEWS(name, format, keys, council, published, rest)                                                             \
	"feed \"" name "\" {\n publisher = \"P\"\n tier = \"C\"\n format = \"" format "\"\n kind = \"news\"\n" keys    \
	" record {\n  council = { " council " }\n  published_at = { " published " }\n" rest " }\n}\n"

#define SHEETS                                                                                                         \
	FEED("ods", "ods")                                                                                             \
	FEED("xlsx", "xlsx")                                                                                           \
	KEYS("ods-stacked", "ods", " sheet = \"*\"\n heading_rows = 3\n")                                              \
	KEYS("xlsx-stacked", "xlsx", " sheet = \"*\"\n heading_rows = 3\n table = 1\n")

#define FIGURES                                                                                                        \
	"feed \"figures\" {\n publisher = \"P\"\n tier = \"A\"\n format = \"csv\"\n"                                   \
	" kind = \"workforce\"\n record {\n council = { \"code\", \"name\" }\n event_date = \"year\"\n"                \
	" date_format = { \"%%Y@09-30\", \"%%Y-%%y@03-31\", \"%%Y%%y@07-31\", \"%%Y-%%#@04-01\" }\n period = "         \
	"\"year\"\n"                                                                                                   \
	" key = { \"year\", \"line\" }\n agency_rate = \"agency\"\n caseload = \"cases\"\n absent = { \"z\", \"x\" "   \
	"}\n"                                                                                                          \
	" number \"caseload\" { scale = -0.001 parentheses = true }\n"                                                 \
	" where \"level\" { is = { \"LA*\", \">=3\" } not = { \"\", \"<4\", \"lad\" } }\n"                             \
	" column \"agency\" { also = { \"agency_rate\", \"rate\" } }\n }\n"                                            \
	" release {\n minimum = 2\n decile = 50\n measure \"agency_rate\" { worse = higher denominator = \"staff\"\n"  \
	" denominator_minimum = 10 }\n measure \"caseload\" { worse = lower points = 1 }\n }\n}\n"

#define JUDGMENTS                                                                                                      \
	"feed \"akoma-ntoso\" {\n publisher = \"P\"\n tier = \"A\"\n format = \"akoma-ntoso\"\n"                       \
	" kind = \"court_judgment\"\n record {\n  council = \"council\"\n  event_date = \"date\"\n  url = \"url\"\n"   \
	"  key = \"uri\"\n  citation = \"citation\"\n  court = \"court\"\n  role = \"role\"\n }\n}\n"

#define REPORTS "feed \"ilacs-report\" {\n publisher = \"P\"\n tier = \"A\"\n format = \"ilacs-report\"\n}\n"

#define LINKS                                                                                                          \
	"feed \"links\" {\n url = \"https://example.org/search\"\n publisher = \"P\"\n tier = \"A\"\n format = "       \
	"\"csv\"\n"                                                                                                    \
	" kind = \"ilacs\"\n allowed_hosts = { \"files.example.org\" }\n pages { rel = \"next\" }\n"                   \
	" step \"html\" {\n link_contains = { \"/a\", \"?\" }\n text_contains = { \"report\", \"e\" }\n }\n"           \
	" step \"json\" {\n format = \"json\"\n rows_at = \"r\"\n link = { \"u\", \"v\" }\n text = \"t\"\n }\n" RECORD \
	"}\n"

static const char configuration[] =
    "state_dir = \"/nonexistent\"\nruntime_dir = \"/nonexistent\"\n"
    "councils_file = \"%s/config/councils.csv\"\naliases_file = \"%s/config/aliases.csv\"\n" FEED("csv", "csv")
        SHEETS FIGURES JUDGMENTS REPORTS LINKS FEED("html-table", "html-table") FEED("json", "json") FEED(
            "ndjson", "ndjson") NEWS("feed", "feed", "", "\"category\", \"x:council\"", "\"published\", \"updated\"",
                                     "  url = \"link\"\n  title = \"title\"\n  quote = { \"summary\", \"content\" }\n"
                                     "  key = \"id\"\n")
            NEWS("xml", "xml", " rows_at = \"l/*/r[@k]\"\n", "\"c/n\", \"@c\"", "\"@d\"",
                 " url = \"link[@rel=x]/@href\"\n title = \".\"\n quote = \"*\"\n key = { \"../@y\", \"../../@y\", "
                 "\"@k\" }\n")
                NEWS("govuk-content", "govuk-content", "", "\"title\"", "\"public_timestamp\"",
                     " url = \"url\"\n title = \"note\"\n quote = \"withdrawn\"\n key = { \"base_path\", "
                     "\"organisation\" }\n") "feed \"evidence\" {\n publisher = \"P\"\n tier = \"B\"\n format = "
                                             "\"evidence\"\n}\n";

/* A broken rule is a crash, so that a fuzzer keeps the input. */
static void must(int good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "%s\n", what);
	abort();
}

static void print_mistake(void *arg, const struct cw_error *err)
{
	(void)arg;
	fprintf(stderr, "%u: %s\n", err->line, err->text);
}

static const struct cw_config *load(void)
{
	static struct cw_config *config;
	char path[] = "/tmp/cw_fuzz_XXXXXX";
	struct cw_error err = { 0 };
	int fd, r;

	if (config)
		return config;
	fd = mkstemp(path);
	must(fd >= 0, "no temporary file");
	dprintf(fd, configuration, CW_SOURCE_DIR, CW_SOURCE_DIR);
	close(fd);
	r = cw_config_load(path, print_mistake, NULL, &config, &err);
	unlink(path);
	must(r == 0, "the configuration of the fuzzers is refused");
	return config;
}

struct results {
	struct cw_buf wire; /* all records as they would be sent */
};

static int take_evidence(void *arg, const struct cw_evidence *evidence)
{
	struct results *results = arg;
	struct cw_evidence again;
	struct cw_error err = { 0 };
	struct cw_cursor cursor;
	size_t start = results->wire.len;

	must(cw_evidence_put(&results->wire, evidence) == 0, "evidence that cannot be sent");
	cw_cursor_init(&cursor, results->wire.data + start, results->wire.len - start);
	must(cw_evidence_get(&cursor, &again, &err) == 0 && cw_cursor_done(&cursor) == 0,
	     "evidence that the other side refuses");
	return 0;
}

static int take_reject(void *arg, const struct cw_reject *reject)
{
	struct results *results = arg;
	struct cw_reject again;
	struct cw_error err = { 0 };
	struct cw_cursor cursor;
	size_t start = results->wire.len;

	must(cw_reject_put(&results->wire, reject) == 0, "a reject that cannot be sent");
	cw_cursor_init(&cursor, results->wire.data + start, results->wire.len - start);
	must(cw_reject_get(&cursor, &again, &err) == 0 && cw_cursor_done(&cursor) == 0,
	     "a reject that the other side refuses");
	return 0;
}

static int take_link(void *arg, const struct cw_doc_link *link)
{
	struct results *results = arg;
	struct cw_doc_link again;
	struct cw_error err = { 0 };
	struct cw_cursor cursor;
	size_t start = results->wire.len;
	size_t host = link->url.at[4] == 's' ? 8 : 7;

	must(cw_doc_link_put(&results->wire, link) == 0, "a link that cannot be sent");
	cw_cursor_init(&cursor, results->wire.data + start, results->wire.len - start);
	must(cw_doc_link_get(&cursor, &again, &err) == 0 && cw_cursor_done(&cursor) == 0,
	     "a link that the other side refuses");
	must((link->url.len >= host + 11 && !memcmp(link->url.at + host, "example.org", 11)) ||
	         (link->url.len >= host + 17 && !memcmp(link->url.at + host, "files.example.org", 17)),
	     "a link to a host that is not allowed");
	return 0;
}

static void run(const struct cw_feed *feed, const char *step, const uint8_t *data, size_t size, size_t piece,
                struct results *results)
{
	const struct cw_normalise_sink sink = { take_evidence, take_reject, results, take_link };
	struct cw_document_info info = {
		.feed = cw_str(feed->name),
		.url = cw_str("https://example.org/a/b"),
		.content_type = cw_str(""),
		.fetched_at = { 1700000000000ll },
		.step = cw_str(step),
	};
	struct cw_normaliser *normaliser = NULL;
	struct cw_document_tally tally;
	struct cw_error err = { 0 };
	int r;

	cw_buf_init(&results->wire, 512u << 20);
	must(cw_normaliser_new(load(), feed, &info, &sink, &normaliser, &err) == 0, err.text);
	for (size_t at = 0; at < size; at += piece)
		must(cw_normaliser_feed(normaliser, data + at, piece < size - at ? piece : size - at, &err) >= 0,
		     err.text);
	do
		r = cw_normaliser_end(normaliser, &tally, &err);
	while (r > 0);
	must(r == 0, err.text);
	must(cw_document_tally_put(&results->wire, &tally) == 0, "a tally that cannot be sent");
	must(tally.outcome != CW_REASON_NONE || tally.rows > 0, "parsed, and nothing in it");
	cw_normaliser_free(normaliser);
}

int fuzz_document(const char *name, const uint8_t *data, size_t size)
{
	return fuzz_step(name, "", data, size);
}

int fuzz_step(const char *name, const char *step, const uint8_t *data, size_t size)
{
	static const size_t pieces[] = { 1, 5, 64, 1000 };
	const struct cw_feed *feed = cw_config_feed(load(), cw_str(name));
	struct results whole, cut;

	must(feed != NULL, "no such feed");
	run(feed, step, data, size, size + 1, &whole);
	run(feed, step, data, size, pieces[size % 4], &cut);
	must(whole.wire.len == cut.wire.len && !memcmp(whole.wire.data, cut.wire.data, whole.wire.len),
	     "the result depends on how the document is cut");
	cw_buf_clear(&whole.wire);
	cw_buf_clear(&cut.wire);
	return 0;
}
