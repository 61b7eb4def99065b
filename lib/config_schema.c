#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <confuse.h>

#include <councilwatch/kpi.h>
#include <councilwatch/log.h>
#include <councilwatch/paths.h>

#include "config_private.h"

/* In the order of enum cw_format, enum cw_tier, enum cw_log_level, enum cw_level, enum cw_criterion. */
static const char *const format_words[] = {
	"html-table", "csv", "json", "ndjson", "evidence", "feed", "xml", "xlsx", "ods", "ilacs-report", "govuk-content",
	"akoma-ntoso", "html", NULL
};
static const char *const tier_words[] = { "A", "B", "C", "D", NULL };
static const char *const log_words[] = { "error", "warning", "notice", "info", "debug", NULL };
static const char *const missing_words[] = { "nothing", NULL };
static const char *const worse_words[] = { "higher", "lower", NULL };
static const char *const level_words[] = { "routine", "watch", "priority", "intensive", NULL };
static const char *const criterion_words[] = { "ofsted", "send", "intel", "leadership", "specific", NULL };

const char *cw_format_name(enum cw_format format)
{
	return (unsigned)format < CW_ARRAY_LEN(format_words) - 1 ? format_words[format] : "";
}

bool cw_format_names_kind(enum cw_format format)
{
	return format == CW_FORMAT_EVIDENCE || format == CW_FORMAT_ILACS_REPORT;
}

/* Rules make signals of its words, whatever its own kind. */
static bool reads_text(const struct cw_feed *feed)
{
	for (size_t i = 0; i < feed->n_fields; i++)
		if (feed->fields[i].role == CW_FIELD_TEXT)
			return true;
	return false;
}

bool cw_feed_is_news(const struct cw_feed *feed)
{
	return feed->kind == CW_KIND_NEWS && !cw_format_names_kind(feed->format);
}

bool cw_feed_may_give(const struct cw_feed *feed, enum cw_kind kind)
{
	switch (feed->format) {
	case CW_FORMAT_EVIDENCE:
		return true;
	case CW_FORMAT_ILACS_REPORT:
		return kind == CW_KIND_ILACS || kind == CW_KIND_SIF || kind == CW_KIND_FOCUSED_VISIT ||
		       kind == CW_KIND_MONITORING_VISIT || kind == CW_KIND_BOARD_REVIEW || kind == CW_KIND_JTAI ||
		       kind == CW_KIND_AREA_SEND || kind == CW_KIND_AREA_SEND_MONITORING || kind == CW_KIND_SEND_2016;
	default:
		return kind == feed->kind || (kind == CW_KIND_SIGNAL && reads_text(feed));
	}
}

#define SECOND 1000.0
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define KIB 1024.0
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)

#define MAIN(key, ktype, field, low, high, dflt, text)                                                                 \
	{                                                                                                              \
		.section = "main", .name = key, .type = ktype, .offset = offsetof(struct cw_config, field),            \
		.min = low, .max = high, .def = dflt, .help = text                                                     \
	}
/* Two keys: where a socket is served to other machines, and whose keys may come in there. */
#define REMOTE(key, field, text, who)                                                                                  \
	MAIN("remote_" key, CONF_TEXT, remote_##field, 0, 0, NULL, text),                                              \
	MAIN("allow_" key, CONF_LIST, allow_##field, 0, 0, NULL, "files or directories with the public keys of " who)
#define FEED(key, ktype, field, low, high, dflt, text)                                                                 \
	{                                                                                                              \
		.section = "feed", .name = key, .type = ktype, .offset = offsetof(struct cw_feed, field), .min = low,  \
		.max = high, .def = dflt, .help = text                                                                 \
	}
#define STEP(key, ktype, field, low, high, dflt, text)                                                                 \
	{                                                                                                              \
		.section = "step", .name = key, .type = ktype, .offset = offsetof(struct cw_step, field), .min = low,  \
		.max = high, .def = dflt, .help = text                                                                 \
	}
#define PAGES(key, ktype, field, low, high, dflt, text)                                                                \
	{                                                                                                              \
		.section = "pages", .name = key, .type = ktype, .offset = offsetof(struct cw_pages, field),            \
		.min = low, .max = high, .def = dflt, .help = text                                                     \
	}
#define COLUMNS(where, key, text)                                                                                      \
	{                                                                                                              \
		.section = where, .name = key, .type = CONF_COLUMNS, .help = text                                      \
	}
#define WHERE(key, ktype, field, dflt, text)                                                                           \
	{                                                                                                              \
		.section = "where", .name = key, .type = ktype, .offset = offsetof(struct cw_where, field),            \
		.def = dflt, .help = text                                                                              \
	}
#define RELEASE(key, ktype, field, low, high, dflt, text)                                                              \
	{                                                                                                              \
		.section = "release", .name = key, .type = ktype, .offset = offsetof(struct cw_feed_release, field),   \
		.min = low, .max = high, .def = dflt, .help = text                                                     \
	}
#define MEASURE(key, ktype, field, low, high, dflt, text)                                                              \
	{                                                                                                              \
		.section = "measure", .name = key, .type = ktype, .offset = offsetof(struct cw_measure, field),        \
		.min = low, .max = high, .def = dflt, .words = worse_words, .base = CW_WORSE_HIGHER, .help = text      \
	}
#define RISK(key, ktype, field, low, high, text)                                                                       \
	{                                                                                                              \
		.section = "risk", .name = key, .type = ktype, .offset = offsetof(struct cw_risk, field), .min = low,  \
		.max = high, .help = text                                                                              \
	}
#define KPI(key, ktype, field, dflt, list, first, text)                                                                \
	{                                                                                                              \
		.section = "kpi", .name = key, .type = ktype, .offset = offsetof(struct cw_kpi, field), .def = dflt,   \
		.words = list, .base = first, .help = text                                                             \
	}
#define POPULATION(key, ktype, field, dflt, list, text)                                                                \
	{                                                                                                              \
		.section = "denominator", .name = key, .type = ktype,                                                  \
		.offset = offsetof(struct cw_kpi_population, field), .def = dflt, .words = list, .help = text          \
	}
#define TEST(key, ktype, field, dflt, list, text)                                                                      \
	{                                                                                                              \
		.section = "numerator", .name = key, .type = ktype, .offset = offsetof(struct cw_kpi_test, field),     \
		.min = 1, .max = 3, .def = dflt, .words = list, .help = text                                           \
	}
#define RETENTION(key, field, dflt, text)                                                                              \
	{                                                                                                              \
		.section = "retention", .name = key, .type = CONF_TEXT, .offset = offsetof(struct cw_retention, field), \
		.def = dflt, .help = text                                                                              \
	}
#define SIGNAL(key, ktype, field, low, high, text)                                                                     \
	{                                                                                                              \
		.section = "signal", .name = key, .type = ktype, .offset = offsetof(struct cw_signal_def, field),      \
		.min = low, .max = high, .help = text                                                                  \
	}

static const char *const kpi_values[] = { "days", "rating", NULL };
static const char *const kpi_better[] = { "more", "fewer", NULL };
static const char *const kpi_strands[] = { "any", "csc", "send", "early_years", NULL };
static const char *const kpi_of[] = { "triggers", "councils", "signals", "inspections", "offers", "recipients", NULL };
static const char *const kpi_tests[] = { "any", "read", "contact", "offer", "support", "plan", "reason", "kept_or_improved", NULL };
static const char *const kpi_inspections[] = { "ilacs", "area_send", NULL };

const struct conf_key conf_keys[] = {
	MAIN("state_dir", CONF_PATH, state_dir, 0, 0, CW_STATEDIR, "directory of the databases and kept documents"),
	MAIN("runtime_dir", CONF_PATH, runtime_dir, 0, 0, CW_RUNTIMEDIR, "directory of the sockets"),
	{ .section = "main",
	  .name = "include_feeds",
	  .type = CONF_GLOB,
	  .def = "feeds.d/*.conf",
	  .help = "files that configure feeds; each pattern must match something" },
	MAIN("instance", CONF_TEXT, instance, 0, 0, "main", "names this installation in alerts"),
	{ .section = "main",
	  .name = "councils_file",
	  .type = CONF_PATH,
	  .offset = offsetof(struct cw_config, councils_file),
	  .help = "table of the councils" },
	{ .section = "main",
	  .name = "aliases_file",
	  .type = CONF_PATH,
	  .offset = offsetof(struct cw_config, aliases_file),
	  .help = "table of their codes and spellings" },
	{ .section = "main",
	  .name = "lineage_file",
	  .type = CONF_PATH,
	  .offset = offsetof(struct cw_config, lineage_file),
	  .help = "table of which council followed which; \"\" for none" },
	{ .section = "main",
	  .name = "organisations_file",
	  .type = CONF_PATH,
	  .offset = offsetof(struct cw_config, organisations_file),
	  .help = "table of organisations that act for councils; \"\" for none" },
	{ .section = "main",
	  .name = "other_bodies_file",
	  .type = CONF_PATH,
	  .offset = offsetof(struct cw_config, other_bodies_file),
	  .help = "table of bodies that are not councils with children's services; \"\" for none" },
	{ .section = "main",
	  .name = "risk_file",
	  .type = CONF_PATH,
	  .offset = offsetof(struct cw_config, risk_file),
	  .help = "constants of the risk model; \"\" for the built-in ones" },
	{ .section = "main",
	  .name = "phrases_file",
	  .type = CONF_PATH,
	  .offset = offsetof(struct cw_config, phrases_file),
	  .help = "names and phrases that are found in texts; \"\" for none" },
	{ .section = "main",
	  .name = "kpi_file",
	  .type = CONF_PATH,
	  .offset = offsetof(struct cw_config, kpi_file),
	  .help = "what is measured of the support; \"\" for none" },
	{ .section = "main",
	  .name = "bank_holidays_file",
	  .type = CONF_PATH,
	  .offset = offsetof(struct cw_config, bank_holidays_file),
	  .help = "the bank holidays of England, for working days; \"\" for none" },
	MAIN("fetching", CONF_BOOL, fetching, 0, 0, "true", "fetch feeds when they are due"),
	MAIN("normalisers", CONF_COUNT, normalisers, 1, 64, "2", "worker processes that read documents"),
	MAIN("transfers", CONF_COUNT, transfers, 1, 256, "16", "transfers at once, in all"),
	MAIN("per_host", CONF_COUNT, per_host, 1, 16, "1", "transfers at once, to one host"),
	MAIN("host_delay", CONF_DURATION, host_delay_ms, 0, HOUR, "1s", "wait between two requests to one host"),
	MAIN("user_agent", CONF_TEXT, user_agent, 0, 0, "councilwatch/" CW_VERSION,
	     "how it introduces itself to servers"),
	{ .section = "main",
	  .name = "worker_dir",
	  .type = CONF_PATH,
	  .offset = offsetof(struct cw_config, worker_dir),
	  .help = "directory of the workers' programs" },
	MAIN("sandbox", CONF_BOOL, sandbox, 0, 0, "true", "lock the workers in"),
	MAIN("worker_memory", CONF_SIZE, worker_memory, 64 * MIB, 64 * GIB, "512M", "address space of a normaliser"),
	MAIN("digest_from", CONF_COUNT, digest_from, 2, 10000, "10",
	     "news of so many councils at once is a release, and its alerts are for a digest"),
	MAIN("heartbeat", CONF_DURATION, heartbeat_ms, 100, HOUR, "10s", "interval of heartbeats in the alert stream"),
	{ .section = "main",
	  .name = "log_level",
	  .type = CONF_WORD,
	  .offset = offsetof(struct cw_config, log_level),
	  .def = "info",
	  .words = log_words,
	  .base = CW_LOG_ERROR,
	  .help = "the least important events that are logged" },
	MAIN("endpoint_work", CONF_TEXT, endpoint_work, 0, 0, NULL, "daemon to normalisers"),
	MAIN("endpoint_commit", CONF_TEXT, endpoint_commit, 0, 0, NULL, "daemon to assessor"),
	MAIN("endpoint_evidence", CONF_TEXT, endpoint_evidence, 0, 0, NULL, "normalisers to assessor"),
	MAIN("endpoint_alerts", CONF_TEXT, endpoint_alerts, 0, 0, NULL, "the alert stream"),
	MAIN("endpoint_query", CONF_TEXT, endpoint_query, 0, 0, NULL, "snapshot and replay of alerts"),
	MAIN("endpoint_control", CONF_TEXT, endpoint_control, 0, 0, NULL, "the command line"),
	MAIN("endpoint_submit", CONF_TEXT, endpoint_submit, 0, 0, NULL, "documents that clients hand in"),
	REMOTE("work", work, "daemon to normalisers of other machines", "normalisers"),
	REMOTE("evidence", evidence, "normalisers of other machines to assessor", "normalisers"),
	REMOTE("alerts", alerts, "the alert stream, for other machines", "subscribers"),
	REMOTE("query", query, "snapshot and replay of alerts, for other machines", "subscribers"),
	REMOTE("control", control, "the command line, on other machines", "commands"),
	REMOTE("submit", submit, "documents that clients on other machines hand in", "clients"),
	MAIN("server_key", CONF_TEXT, server_key, 0, 0, NULL, "secret key of the service: a systemd credential or a path"),
	MAIN("client_key", CONF_TEXT, client_key, 0, 0, NULL,
	     "secret key with which other machines are connected to: a systemd credential or a path"),
	MAIN("server_public_key", CONF_PATH, server_public_key, 0, 0, NULL, "public key of the service that is connected to"),
	MAIN("group", CONF_TEXT, group, 0, 0, NULL, "who else may use the alerts, query, control and submit sockets"),

	FEED("enabled", CONF_BOOL, enabled, 0, 0, "true", "fetch it when it is due; imports are always taken"),
	FEED("why", CONF_TEXT, why, 0, 0, NULL, "the reason it is on or off"),
	FEED("url", CONF_TEXT, url, 0, 0, NULL, "where it is fetched; without one, imports and submissions only"),
	FEED("path", CONF_TEXT, path, 0, 0, NULL, "a folder whose files are taken, instead of url"),
	{ .section = "feed",
	  .name = "submissions",
	  .type = CONF_BOOL,
	  .offset = offsetof(struct cw_feed, submissions),
	  .help = "take documents that clients submit" },
	FEED("interval", CONF_DURATION, interval_ms, SECOND, 366 * DAY, "24h", "between two fetches"),
	{ .section = "feed",
	  .name = "jitter",
	  .type = CONF_DURATION,
	  .offset = offsetof(struct cw_feed, jitter_ms),
	  .min = 0,
	  .max = 30 * DAY,
	  .help = "at most this is added to the interval, at random" },
	FEED("publisher", CONF_TEXT, publisher, 0, 0, NULL, "who says it"),
	{ .section = "feed",
	  .name = "tier",
	  .type = CONF_WORD,
	  .offset = offsetof(struct cw_feed, tier),
	  .words = tier_words,
	  .base = CW_TIER_A,
	  .help = "how far to trust it: A official … D unattributed" },
	FEED("licence", CONF_TEXT, licence, 0, 0, NULL, "terms of use of the content"),
	FEED("attribution", CONF_TEXT, attribution, 0, 0, NULL, "the credit that the licence asks for"),
	FEED("page", CONF_TEXT, page, 0, 0, NULL, "where evidence without an address of its own can be looked up"),
	FEED("needs_licence", CONF_BOOL, needs_licence, 0, 0, "false", "a licence must be had before it may be enabled"),
	FEED("licence_reference", CONF_TEXT, licence_reference, 0, 0, NULL, "reference of the licence that was had"),
	{ .section = "feed",
	  .name = "format",
	  .type = CONF_WORD,
	  .offset = offsetof(struct cw_feed, format),
	  .words = format_words,
	  .base = CW_FORMAT_HTML_TABLE,
	  .help = "how to read it" },
	{ .section = "feed", .name = "kind", .type = CONF_NAME, .help = "what its rows are" },
	{ .section = "feed",
	  .name = "missing_means",
	  .type = CONF_WORD,
	  .offset = offsetof(struct cw_feed, missing_means),
	  .words = missing_words,
	  .base = CW_MISSING_NOTHING,
	  .help = "what it means that a row is not there any more" },
	FEED("required", CONF_BOOL, required, 0, 0, "false", "without it nothing is known"),
	FEED("encoding", CONF_TEXT, encoding, 0, 0, NULL, "character encoding, when it cannot be found out"),
	FEED("max_size", CONF_SIZE, max_size, KIB, (double)CW_DOCUMENT_MAX, "64M", "largest document"),
	FEED("connect_timeout", CONF_DURATION, connect_timeout_ms, 100, 10 * MINUTE, "30s", "limit for connecting"),
	FEED("timeout", CONF_DURATION, timeout_ms, 100, 24 * HOUR, "5m", "limit for a whole transfer"),
	FEED("max_redirects", CONF_COUNT, max_redirects, 0, 20, "5", "redirects that are followed"),
	FEED("headers", CONF_LIST, headers, 0, 0, NULL, "headers of the request: \"Name: value\""),
	FEED("credential", CONF_TEXT, credential, 0, 0, NULL, "systemd credential or file with the secret"),
	FEED("allowed_hosts", CONF_LIST, allowed_hosts, 0, 0, NULL, "other hosts a redirect may lead to"),
	FEED("table", CONF_COUNT, table, 0, 1000, "0", "which table of a page, from 1; 0 finds it by its headings"),
	FEED("sheet", CONF_TEXT, sheet, 0, 0, NULL, "names of a spreadsheet's sheets, as a shell pattern"),
	FEED("heading_rows", CONF_COUNT, heading_rows, 1, CW_HEADING_ROWS_MAX, "1", "stacked rows that make the headings"),
	FEED("column_groups", CONF_BOOL, column_groups, 0, 0, "false",
	     "each group of columns under a heading makes a row of its own"),
	FEED("rows_at", CONF_TEXT, rows_at, 0, 0, NULL, "path of the rows in a JSON or XML document"),
	FEED("keep", CONF_BOOL, keep, 0, 0, "true", "keep texts about a council that are no signal, as evidence of kind"),
	FEED("signals", CONF_LIST, signals, 0, 0, NULL, "the signals to look for in texts; all when it is not set"),
	FEED("delimiter", CONF_CHAR, delimiter, 0, 0, ",", "between the fields of a CSV file"),

	{ .section = "step",
	  .name = "format",
	  .type = CONF_WORD,
	  .offset = offsetof(struct cw_step, reader.format),
	  .def = "html",
	  .words = format_words,
	  .base = CW_FORMAT_HTML_TABLE,
	  .help = "how to read the documents that hold the links" },
	COLUMNS("step", "link", "columns that hold the address; not for html, where it is every <a>"),
	COLUMNS("step", "text", "columns that hold the words of the link; likewise"),
	STEP("table", CONF_COUNT, reader.table, 0, 1000, "0", "as in a feed"),
	STEP("rows_at", CONF_TEXT, reader.rows_at, 0, 0, NULL, "as in a feed"),
	STEP("delimiter", CONF_CHAR, reader.delimiter, 0, 0, ",", "as in a feed"),
	STEP("encoding", CONF_TEXT, reader.encoding, 0, 0, NULL, "as in a feed"),
	STEP("link_prefix", CONF_TEXT, link_prefix, 0, 0, NULL, "put before an address that is a path"),
	STEP("link_contains", CONF_LIST, link_contains, 0, 0, NULL, "follow links whose address holds one of these"),
	STEP("link_class", CONF_LIST, link_class, 0, 0, NULL, "follow links of one of these classes"),
	STEP("rel", CONF_LIST, rel, 0, 0, NULL, "follow links of one of these relations"),
	STEP("text_contains", CONF_LIST, text_contains, 0, 0, NULL, "follow links whose words hold one of these"),
	STEP("immutable", CONF_BOOL, immutable, 0, 0, "false", "what was fetched once is not fetched again"),
	STEP("interval", CONF_DURATION, interval_ms, SECOND, 366 * DAY, NULL,
	     "between two fetches of one link; unless set, the feed's"),
	STEP("max_links", CONF_COUNT, max_links, 1, CW_LINKS_FEED_MAX, "1000", "links fetched in one run"),

	PAGES("parameter", CONF_TEXT, parameter, 0, 0, NULL, "parameter of the address that counts"),
	PAGES("first", CONF_COUNT, first, 0, 1000000, "0", "its value on the first page"),
	PAGES("by", CONF_COUNT, by, 1, 1000000, "1", "how much it grows from page to page"),
	{ .section = "pages", .name = "until", .type = CONF_NAME, .def = "empty", .help = "what ends the pages" },
	PAGES("max", CONF_COUNT, max, 1, 10000, "20", "pages at most"),
	PAGES("rel", CONF_LIST, rel, 0, 0, NULL, "relation of the link to the next page"),
	PAGES("next_at", CONF_TEXT, next_at, 0, 0, NULL, "path of the next page's address in a JSON document"),

	COLUMNS("record", "council", "columns that name the council, by code or name; all are used"),
	COLUMNS("record", "event_date", "when it happened"),
	COLUMNS("record", "published_at", "when it became public"),
	COLUMNS("record", "url", "link to the statement itself"),
	COLUMNS("record", "title", "what the statement is called"),
	COLUMNS("record", "quote", "its words"),
	COLUMNS("record", "key", "columns that together identify the statement"),
	COLUMNS("record", "text", "headline, then what follows it: councils and signals are found in the words"),
	COLUMNS("record", "date_format", "formats of dates, tried in order"),
	COLUMNS("record", "event_date_format", "the same for event_date alone"),
	COLUMNS("record", "published_at_format", "the same for published_at alone"),
	COLUMNS("record", "absent", "texts that mean \"not stated\""),
	COLUMNS("record", "url_mark", "what tells statements of one page apart: event_date or published_at"),
	COLUMNS("record", "url_ends_in", "what the end of the address must be: \"council\", a code of the council"),
	COLUMNS("record", "required", "fields whose columns the document must have"),

	WHERE("is", CONF_LIST, is, NULL, "texts of which the cell must be one"),
	WHERE("not", CONF_LIST, not, NULL, "texts that it must not be"),
	WHERE("optional", CONF_BOOL, optional, "false", "a document without the column is taken whole"),
	{ .section = "column",
	  .name = "also",
	  .type = CONF_LIST,
	  .offset = offsetof(struct cw_heading, also),
	  .help = "other headings that the column has had" },
	{ .section = "number",
	  .name = "scale",
	  .type = CONF_NUMBER,
	  .offset = offsetof(struct cw_field, scale),
	  .min = -1e12,
	  .max = 1e12,
	  .def = "1",
	  .help = "what the figures are multiplied by" },
	{ .section = "number",
	  .name = "parentheses",
	  .type = CONF_BOOL,
	  .offset = offsetof(struct cw_field, parentheses),
	  .def = "false",
	  .help = "figures in parentheses are negative" },

	RELEASE("decile", CONF_NUMBER, decile, 0, 50, "10", "per cent of the councils that stand out as the worst; 0 for none"),
	RELEASE("minimum", CONF_COUNT, minimum, 2, 1000, "30", "councils with a figure, without which none does"),
	RELEASE("points", CONF_NUMBER, points, 0, 1e9, "5", "worse by so much than the period before; 0 for never"),
	MEASURE("worse", CONF_WORD, worse, 0, 0, NULL, "higher or lower"),
	MEASURE("points", CONF_NUMBER, points, 0, 1e9, NULL, "in place of the release's"),
	MEASURE("denominator", CONF_LIST, denominator, 0, 0, NULL, "columns with the number that it is a share of"),
	MEASURE("denominator_minimum", CONF_NUMBER, denominator_minimum, 0, 1e12, "0",
	        "shares of smaller numbers are not compared"),

	{ .section = "expect", .name = "input", .type = CONF_NAME, .help = "a sample document" },
	{ .section = "expect", .name = "input_file", .type = CONF_NAME, .help = "a file that holds one" },
	{ .section = "expect", .name = "step", .type = CONF_NAME, .help = "the step that reads it; the feed's format unless set" },
	{ .section = "expect", .name = "link_text", .type = CONF_NAME, .help = "the words of the link that led to it" },
	COLUMNS("expect", "gives", "the evidence it must give"),

	COLUMNS("names", "ordinary", "short names that are words or surnames as well"),
	COLUMNS("names", "verbs", "those that may begin a sentence as a verb"),
	COLUMNS("names", "doubtful", "short names of several councils"),
	COLUMNS("names", "before", "patterns right before a short name that say: the council"),
	COLUMNS("names", "after", "the same right after it"),
	COLUMNS("names", "near", "the same anywhere in its clause, for a name that stands alone"),
	COLUMNS("names", "not_after", "patterns after which a short name is somebody else's"),
	COLUMNS("names", "not_before", "the same before which"),
	COLUMNS("names", "alone_before", "what may stand before a name that stands alone"),
	COLUMNS("names", "alone_after", "what may stand after it"),
	COLUMNS("names", "past", "patterns before a name that speak of what it was"),
	COLUMNS("other", "names", "names of others, which are not councils of ours"),
	{ .section = "other", .name = "council", .type = CONF_NAME, .help = "they are councils" },
	{ .section = "other", .name = "area", .type = CONF_NAME, .help = "they are areas of several councils" },
	COLUMNS("words", "any", "patterns, any of which {name} stands for"),
	COLUMNS("guard", "before", "patterns before a match, in its clause, or within it"),
	COLUMNS("guard", "after", "patterns after a match or within it"),
	{ .section = "guard", .name = "within", .type = CONF_NAME, .help = "words that may stand between" },
	{ .section = "rule", .name = "signal", .type = CONF_NAME, .help = "what it finds" },
	{ .section = "rule", .name = "status", .type = CONF_NAME, .help = "open, closed or occurred" },
	{ .section = "rule", .name = "criterion", .type = CONF_NAME, .help = "where it counts, when not as the signal says" },
	{ .section = "rule",
	  .name = "organisations",
	  .type = CONF_NAME,
	  .help = "it may be about a body that acts for councils" },
	COLUMNS("rule", "pattern", "any of these finds it"),
	COLUMNS("rule", "with", "one of these must stand in the same sentence"),
	COLUMNS("rule", "unless", "none of these may"),
	COLUMNS("rule", "with_anywhere", "one of these must stand in the text"),
	COLUMNS("rule", "unless_anywhere", "none of these may"),
	{ .section = "rule", .name = "or_criterion", .type = CONF_NAME, .help = "where it counts instead, by other words" },
	COLUMNS("rule", "or_when", "these words: in the same sentence, or in the text without or_unless"),
	COLUMNS("rule", "or_unless", "words that say that the text is about both"),
	COLUMNS("rule", "ignore", "guards that do not hold it back"),

	RETENTION("documents", documents_text, "24 months", "the bytes of a document, since it was stored"),
	RETENTION("refused", refused_text, "30 days", "those of one in which personal data was found"),
	RETENTION("news_text", news_text_text, "30 days", "documents, titles and quotes of news feeds; link and hash stay"),
	RETENTION("notes", notes_text, "2 years", "texts and authors of notes and rulings, since they expired"),
	RETENTION("evidence", evidence_text, "6 years", "everything, since contract_end"),
	RETENTION("contract_end", contract_end_text, NULL, "when the contract ends; without it evidence is kept"),

	RISK("cap_ofsted", CONF_NUMBER, cap[CW_CRIT_OFSTED], 0, 1000, "most points of criterion ofsted"),
	RISK("cap_send", CONF_NUMBER, cap[CW_CRIT_SEND], 0, 1000, "most points of criterion send"),
	RISK("cap_intel", CONF_NUMBER, cap[CW_CRIT_INTEL], 0, 1000, "most points of criterion intel"),
	RISK("cap_leadership", CONF_NUMBER, cap[CW_CRIT_LEADERSHIP], 0, 1000, "most points of criterion leadership"),
	RISK("cap_specific", CONF_NUMBER, cap[CW_CRIT_SPECIFIC], 0, 1000, "most points of criterion specific"),
	RISK("breadth_points", CONF_NUMBER, breadth_points, 0, 1000, "added when several criteria have points"),
	RISK("breadth_criteria", CONF_INTEGER, breadth_criteria, 1, CW_CRIT_COUNT, "how many criteria that takes"),
	RISK("breadth_minimum", CONF_NUMBER, breadth_minimum, 0.1, 1000, "points each of them needs"),
	RISK("line_watch", CONF_NUMBER, line_watch, 0.1, 1000, "points from which the level is watch"),
	RISK("line_priority", CONF_NUMBER, line_priority, 0.1, 1000, "points from which the level is priority"),
	RISK("note_medium", CONF_NUMBER, note_medium, 0, 1000, "points of an internal note of medium severity"),
	RISK("note_high", CONF_NUMBER, note_high, 0, 1000, "points of one of high severity; low has the signal's weight"),
	RISK("drop_below", CONF_NUMBER, drop_below, 0, 100, "an impulse of fewer points counts nothing"),
	RISK("repeat_share", CONF_NUMBER, repeat_share, 0, 1, "share of points that a repeated kind adds"),
	RISK("confidence_a", CONF_NUMBER, confidence[CW_TIER_A], 0, 1, "weight of tier A"),
	RISK("confidence_b", CONF_NUMBER, confidence[CW_TIER_B], 0, 1, "weight of tier B"),
	RISK("confidence_c", CONF_NUMBER, confidence[CW_TIER_C], 0, 1, "weight of tier C"),
	RISK("confidence_d", CONF_NUMBER, confidence[CW_TIER_D], 0, 1, "weight of tier D"),
	RISK("corroboration", CONF_NUMBER, corroboration, 0, 1, "added when a second publisher says the same"),
	RISK("cluster_days", CONF_INTEGER, cluster_days, 0, 3660, "events of one kind this close are one event"),
	RISK("step_down_share", CONF_NUMBER, step_down_share, 0.01, 1, "share of a line under which points must fall"),
	RISK("step_down_days", CONF_INTEGER, step_down_days, 1, 3660, "for so long, before the level falls"),
	RISK("hold_days", CONF_INTEGER, hold_days, 1, 3660, "kept at watch after a serious floor has gone"),
	RISK("new_evidence_points", CONF_NUMBER, new_evidence_points, 0.1, 1000,
	     "a rise worth an alert at the same level"),
	RISK("stale_ilacs_months", CONF_INTEGER, stale_ilacs_months, 1, 600,
	     "age at which an ILACS inspection is stale"),
	RISK("stale_send_months", CONF_INTEGER, stale_send_months, 1, 600, "age at which an area SEND inspection is"),
	RISK("stale_yearly_months", CONF_INTEGER, stale_yearly_months, 1, 600, "age at which yearly figures are"),
	RISK("outage_cadences", CONF_NUMBER, outage_cadences, 1, 1000, "intervals without success that make an outage"),
	RISK("same_cause_days", CONF_INTEGER, same_cause_days, 0, 3660, "one alert per cause in so many days"),
	RISK("inherit_share", CONF_NUMBER, inherit_share, 0, 1, "share of a predecessor's points that successors begin with"),
	RISK("inherit_minor", CONF_NUMBER, inherit_minor, 0, 1,
	     "nothing is inherited from who gave less than this share of the successor's children"),
	RISK("inherit_months", CONF_INTEGER, inherit_months, 0, 600, "what was inherited ends after so long at most"),
	RISK("transition_months", CONF_INTEGER, transition_months, 0, 600,
	     "a reorganisation begins to count so long before it"),
	RISK("override_notice_days", CONF_INTEGER, override_notice_days, 0, 3660,
	     "so many days before a person's ruling expires it is told"),
	RISK("read_days_watch", CONF_INTEGER, response[CW_LEVEL_WATCH].read, 0, 366, "working days in which an adviser reads a watch"),
	RISK("contact_days_priority", CONF_INTEGER, response[CW_LEVEL_PRIORITY].contact, 0, 366, "working days until contact at priority"),
	RISK("offer_days_priority", CONF_INTEGER, response[CW_LEVEL_PRIORITY].offer, 0, 366, "working days until an offer at priority"),
	RISK("contact_days_intensive", CONF_INTEGER, response[CW_LEVEL_INTENSIVE].contact, 0, 366, "working days until contact at intensive"),
	RISK("offer_days_intensive", CONF_INTEGER, response[CW_LEVEL_INTENSIVE].offer, 0, 366, "working days until an offer at intensive"),
	RISK("inspection_cycle_months", CONF_INTEGER, inspection_cycle_months, 0, 600, "how often full inspections are said to come; context"),
	RISK("publication_lag_days", CONF_INTEGER, publication_lag_days, 0, 3660, "from a visit to its report, where only that is dated; context"),
	RISK("interval_outstanding_p10", CONF_INTEGER, interval[CW_GRADE_OUTSTANDING].p10, 0, 36600, "days after a full inspection, a tenth were inspected again sooner; context"),
	RISK("interval_outstanding_p50", CONF_INTEGER, interval[CW_GRADE_OUTSTANDING].p50, 0, 36600, "half were; context"),
	RISK("interval_outstanding_p90", CONF_INTEGER, interval[CW_GRADE_OUTSTANDING].p90, 0, 36600, "nine tenths were; context"),
	RISK("interval_outstanding_count", CONF_INTEGER, interval[CW_GRADE_OUTSTANDING].count, 0, 36600, "of so many; context"),
	RISK("interval_good_p10", CONF_INTEGER, interval[CW_GRADE_GOOD].p10, 0, 36600, "days after a full inspection, a tenth were inspected again sooner; context"),
	RISK("interval_good_p50", CONF_INTEGER, interval[CW_GRADE_GOOD].p50, 0, 36600, "half were; context"),
	RISK("interval_good_p90", CONF_INTEGER, interval[CW_GRADE_GOOD].p90, 0, 36600, "nine tenths were; context"),
	RISK("interval_good_count", CONF_INTEGER, interval[CW_GRADE_GOOD].count, 0, 36600, "of so many; context"),
	RISK("interval_requires_improvement_p10", CONF_INTEGER, interval[CW_GRADE_REQUIRES_IMPROVEMENT].p10, 0, 36600, "days after a full inspection, a tenth were inspected again sooner; context"),
	RISK("interval_requires_improvement_p50", CONF_INTEGER, interval[CW_GRADE_REQUIRES_IMPROVEMENT].p50, 0, 36600, "half were; context"),
	RISK("interval_requires_improvement_p90", CONF_INTEGER, interval[CW_GRADE_REQUIRES_IMPROVEMENT].p90, 0, 36600, "nine tenths were; context"),
	RISK("interval_requires_improvement_count", CONF_INTEGER, interval[CW_GRADE_REQUIRES_IMPROVEMENT].count, 0, 36600, "of so many; context"),
	RISK("interval_inadequate_p10", CONF_INTEGER, interval[CW_GRADE_INADEQUATE].p10, 0, 36600, "days after a full inspection, a tenth were inspected again sooner; context"),
	RISK("interval_inadequate_p50", CONF_INTEGER, interval[CW_GRADE_INADEQUATE].p50, 0, 36600, "half were; context"),
	RISK("interval_inadequate_p90", CONF_INTEGER, interval[CW_GRADE_INADEQUATE].p90, 0, 36600, "nine tenths were; context"),
	RISK("interval_inadequate_count", CONF_INTEGER, interval[CW_GRADE_INADEQUATE].count, 0, 36600, "of so many; context"),

	SIGNAL("weight", CONF_NUMBER, weight, 0, 1000, "points"),
	{ .section = "signal",
	  .name = "floor",
	  .type = CONF_WORD,
	  .offset = offsetof(struct cw_signal_def, floor),
	  .words = level_words,
	  .base = CW_LEVEL_ROUTINE,
	  .help = "the level it holds at least; routine for none" },
	{ .section = "signal",
	  .name = "criterion",
	  .type = CONF_WORD,
	  .offset = offsetof(struct cw_signal_def, criterion),
	  .words = criterion_words,
	  .base = CW_CRIT_OFSTED,
	  .help = "the criterion it counts under unless the evidence names another" },
	SIGNAL("half_life", CONF_NUMBER, half_life, 1, 36600, "days; impulses only"),
	SIGNAL("expires_months", CONF_INTEGER, expires_months, 0, 600, "a state closes by itself after this; 0 never"),
	SIGNAL("ends_with_year", CONF_BOOL, ends_with_year, 0, 0, "a state ends with the financial year that it is for"),
	SIGNAL("replaced_by_next", CONF_BOOL, replaced_by_next, 0, 0, "the next impulse of its kind replaces it"),
	SIGNAL("closed_by_ilacs", CONF_BOOL, closed_by_ilacs, 0, 0, "the next full ILACS inspection closes it"),
	SIGNAL("closed_by_area_send", CONF_BOOL, closed_by_area_send, 0, 0,
	       "the next full area SEND inspection closes it"),

	{ .section = "trigger",
	  .name = "alerts",
	  .type = CONF_LIST,
	  .offset = offsetof(struct cw_kpi_trigger, alert_words),
	  .help = "the alerts that want a response at this level" },
	KPI("title", CONF_TEXT, title, NULL, NULL, 0, "what it measures, in words"),
	KPI("measure", CONF_WORD, measure, "share", cw_kpi_measure_words, 0, "how it is told: a share, count, sum, mean or median"),
	KPI("value", CONF_WORD, value, "days", kpi_values, 0, "what is added up: days or rating"),
	KPI("window", CONF_WORD, window, "year", cw_kpi_window_words, 0, "the time it is told for"),
	KPI("target", CONF_TEXT, target_text, NULL, NULL, 0, "what is aimed at: per cent of a share, else a number"),
	KPI("better", CONF_WORD, fewer, "more", kpi_better, 0, "whether the target is the least or the most"),
	KPI("strand", CONF_WORD, strand, "any", kpi_strands, -1, "only triggers and offers of it"),
	KPI("owner", CONF_TEXT, owner, NULL, NULL, 0, "the role that answers for it"),
	KPI("valid_from", CONF_TEXT, valid_from_text, NULL, NULL, 0, "the day from which it is measured"),
	KPI("valid_to", CONF_TEXT, valid_to_text, NULL, NULL, 0, "and the last one"),
	KPI("caution", CONF_TEXT, caution, NULL, NULL, 0, "what to bear in mind, told with the result"),
	POPULATION("of", CONF_WORD, of, NULL, kpi_of, "what is counted"),
	POPULATION("alert", CONF_LIST, alert_words, NULL, NULL, "triggers that are alerts of these kinds"),
	POPULATION("level", CONF_LIST, level_words, NULL, NULL, "triggers to, or councils at, these levels"),
	POPULATION("signal", CONF_LIST, signals, NULL, NULL, "signals that are open, or that began"),
	POPULATION("inspection", CONF_WORD, inspection, "ilacs", kpi_inspections, "which inspections"),
	POPULATION("status", CONF_LIST, status_words, NULL, NULL, "offers that came to this in the window"),
	POPULATION("tier", CONF_LIST, tier_words, NULL, NULL, "offers of these tiers"),
	POPULATION("product", CONF_LIST, products, NULL, NULL, "offers of these products"),
	POPULATION("recipient", CONF_LIST, recipient_words, NULL, NULL, "offers to these kinds of organisation"),
	TEST("test", CONF_WORD, test, "any", kpi_tests, "what a member must show"),
	TEST("within", CONF_TEXT, within_text, NULL, NULL, "and in how many working days"),
	TEST("tier", CONF_LIST, tier_words, NULL, NULL, "only offers of these tiers count"),
	TEST("product", CONF_LIST, products, NULL, NULL, "only offers of these products"),
	TEST("role", CONF_LIST, roles, NULL, NULL, "only offers that involved one of these roles"),
	TEST("different_tiers", CONF_COUNT, different_tiers, "1", NULL, "offers of so many tiers are needed"),
};
const size_t conf_keys_n = CW_ARRAY_LEN(conf_keys);

const char *conf_key_home(const char *name)
{
	static const struct {
		const char *section, *home;
	} homes[] = { { "main", "councilwatch.conf, outside any section" },
		      { "feed", "a feed" },
		      { "record", "the record of a feed" },
		      { "where", "a where of a record" },
		      { "column", "a column of a record" },
		      { "number", "a number of a record" },
		      { "release", "the release of a feed" },
		      { "measure", "a measure of a release" },
		      { "step", "a step of a feed" },
		      { "pages", "the pages of a feed" },
		      { "expect", "an expect of a feed" },
		      { "risk", "risk.conf" },
		      { "retention", "the retention section of councilwatch.conf" },
		      { "signal", "a signal of risk.conf" },
		      { "names", "the names of phrases.conf" },
		      { "other", "an other of phrases.conf" },
		      { "words", "words of phrases.conf" },
		      { "guard", "a guard of phrases.conf" },
		      { "rule", "a rule of phrases.conf" },
		      { "trigger", "a trigger of kpi.conf" },
		      { "kpi", "a kpi of kpi.conf" },
		      { "denominator", "the denominator of a kpi" },
		      { "numerator", "the numerator of a kpi" } };

	for (size_t i = 0; i < conf_keys_n; i++)
		for (size_t k = 0; k < CW_ARRAY_LEN(homes) && strcmp(conf_keys[i].name, name) == 0; k++)
			if (strcmp(conf_keys[i].section, homes[k].section) == 0)
				return homes[k].home;
	return cw_value_by_name(cw_str(name)) ? "the record of a feed" : NULL;
}

const char **conf_key_names(const char *section)
{
	const char *const *values = cw_value_names();
	size_t n = conf_keys_n + 1, at = 0;
	const char **names;

	for (size_t i = 0; values[i]; i++)
		n++;
	names = calloc(n, sizeof(*names));
	for (size_t i = 0; names && i < conf_keys_n; i++)
		if (strcmp(conf_keys[i].section, section) == 0)
			names[at++] = conf_keys[i].name;
	if (names && strcmp(section, "record") == 0)
		for (size_t i = 0; values[i]; i++)
			names[at++] = values[i];
	return names;
}

/*
 * Grammar. Built once from the tables; it lives as long as the program.
 */

static struct conf_grammar map_grammar = { .name = "map", .titled = true, .any_key = true };
static struct conf_grammar constants_grammar = { .name = "constants" };
static struct conf_grammar majority_grammar = { .name = "majority", .titled = true, .any_key = true };
static struct conf_grammar where_grammar = { .name = "where", .titled = true };
static struct conf_grammar column_grammar = { .name = "column", .titled = true };
static struct conf_grammar number_grammar = { .name = "number", .titled = true };
static struct conf_grammar record_grammar = { .name = "record" };
static struct conf_grammar measure_grammar = { .name = "measure", .titled = true };
static struct conf_grammar release_grammar = { .name = "release" };
static struct conf_grammar step_grammar = { .name = "step", .titled = true };
static struct conf_grammar pages_grammar = { .name = "pages" };
static struct conf_grammar expect_grammar = { .name = "expect" };
static struct conf_grammar feed_grammar = { .name = "feed", .titled = true };
static struct conf_grammar signal_grammar = { .name = "signal", .titled = true };
static struct conf_grammar risk_grammar = { .name = "risk" };
static struct conf_grammar retention_grammar = { .name = "retention" };
static struct conf_grammar main_grammar = { .name = "" };
static struct conf_grammar feeds_grammar = { .name = "" };
static struct conf_grammar names_grammar = { .name = "names" };
static struct conf_grammar spoken_grammar = { .name = "spoken", .any_key = true };
static struct conf_grammar other_grammar = { .name = "other", .titled = true };
static struct conf_grammar words_grammar = { .name = "words", .titled = true };
static struct conf_grammar guard_grammar = { .name = "guard", .titled = true };
static struct conf_grammar rule_grammar = { .name = "rule", .titled = true };
static struct conf_grammar phrases_grammar = { .name = "" };
static struct conf_grammar trigger_grammar = { .name = "trigger", .titled = true };
static struct conf_grammar denominator_grammar = { .name = "denominator" };
static struct conf_grammar numerator_grammar = { .name = "numerator" };
static struct conf_grammar kpi_grammar = { .name = "kpi", .titled = true };
static struct conf_grammar kpis_grammar = { .name = "" };

/* Every value, and the fields that may be the same for a whole document. */
static const char **constant_names(void)
{
	static const char *const fields[] = { "event_date", "published_at", "url", "title" };
	const char *const *values = cw_value_names();
	const char **names;
	size_t n = 0;

	while (values[n])
		n++;
	names = calloc(n + CW_ARRAY_LEN(fields) + 1, sizeof(*names));
	if (!names)
		return NULL;
	memcpy(names, values, n * sizeof(*names));
	memcpy(names + n, fields, sizeof(fields));
	return names;
}

static bool build_grammar(void)
{
	static const struct conf_grammar *const in_record[] = { &map_grammar,    &constants_grammar, &where_grammar, &majority_grammar,
		                                                &column_grammar, &number_grammar,    NULL };
	static const struct conf_grammar *const in_feed[] = { &record_grammar, &step_grammar,   &pages_grammar,
		                                               &release_grammar, &expect_grammar, NULL };
	static const struct conf_grammar *const in_release[] = { &measure_grammar, NULL };
	static const struct conf_grammar *const in_risk[] = { &signal_grammar, NULL };
	static const struct conf_grammar *const in_main[] = { &feed_grammar, &risk_grammar, &retention_grammar, &trigger_grammar, &kpi_grammar, NULL };
	static const struct conf_grammar *const in_kpi[] = { &denominator_grammar, &numerator_grammar, NULL };
	static const struct conf_grammar *const in_kpis[] = { &trigger_grammar, &kpi_grammar, NULL };
	static const struct conf_grammar *const in_feeds[] = { &feed_grammar, NULL };
	static const struct conf_grammar *const in_phrases[] = { &names_grammar, &spoken_grammar, &other_grammar,
		                                                 &words_grammar, &guard_grammar, &rule_grammar,
		                                                 NULL };
	static const struct {
		struct conf_grammar *grammar;
		const char *section;
	} from[] = { { &record_grammar, "record" }, { &step_grammar, "step" }, { &pages_grammar, "pages" },
		     { &where_grammar, "where" },
		     { &column_grammar, "column" }, { &number_grammar, "number" },
		     { &release_grammar, "release" }, { &measure_grammar, "measure" }, { &expect_grammar, "expect" }, { &feed_grammar, "feed" },
		     { &signal_grammar, "signal" }, { &risk_grammar, "risk" }, { &retention_grammar, "retention" },     { &main_grammar, "main" },
		     { &names_grammar, "names" },   { &other_grammar, "other" },   { &words_grammar, "words" },
		     { &guard_grammar, "guard" },   { &rule_grammar, "rule" },
		     { &trigger_grammar, "trigger" }, { &kpi_grammar, "kpi" },
		     { &denominator_grammar, "denominator" }, { &numerator_grammar, "numerator" } };

	if (!constants_grammar.keys)
		constants_grammar.keys = constant_names();
	if (!constants_grammar.keys)
		return false;
	record_grammar.sections = in_record;
	feed_grammar.sections = in_feed;
	release_grammar.sections = in_release;
	risk_grammar.sections = in_risk;
	main_grammar.sections = in_main;
	feeds_grammar.sections = in_feeds;
	phrases_grammar.sections = in_phrases;
	kpi_grammar.sections = in_kpi;
	kpis_grammar.sections = in_kpis;
	for (size_t i = 0; i < CW_ARRAY_LEN(from); i++) {
		if (!from[i].grammar->keys)
			from[i].grammar->keys = conf_key_names(from[i].section);
		if (!from[i].grammar->keys)
			return false;
	}
	return true;
}

const struct conf_grammar *conf_grammar_main(void)
{
	return build_grammar() ? &main_grammar : NULL;
}

const struct conf_grammar *conf_grammar_feeds(void)
{
	return build_grammar() ? &feeds_grammar : NULL;
}

const struct conf_grammar *conf_grammar_risk(void)
{
	return build_grammar() ? &risk_grammar : NULL;
}

const struct conf_grammar *conf_grammar_phrases(void)
{
	return build_grammar() ? &phrases_grammar : NULL;
}

const struct conf_grammar *conf_grammar_kpi(void)
{
	return build_grammar() ? &kpis_grammar : NULL;
}

/*
 * Values
 */

static const struct unit {
	const char *name;
	double factor;
} duration_units[] = { { "ms", 1 }, { "s", SECOND }, { "m", MINUTE }, { "h", HOUR }, { "d", DAY }, { "w", 7 * DAY } },
  size_units[] = { { "", 1 }, { "K", KIB }, { "M", MIB }, { "G", GIB } };

/* A number and a unit, nothing between. -EINVAL: not that; -ENOENT: no unit, or one that there is not. */
static int parse_with_unit(const char *text, const struct unit *units, size_t n, double *ret)
{
	size_t digits = strspn(text, "0123456789");
	int64_t number;

	if (!digits || cw_parse_integer((struct cw_str){ text, digits }, &number) < 0)
		return -EINVAL;
	for (size_t i = 0; i < n; i++)
		if (strcmp(text + digits, units[i].name) == 0) {
			*ret = (double)number * units[i].factor;
			return 0;
		}
	return -ENOENT;
}

/* The largest unit that holds it without a fraction; one of a unit is better said as several of a smaller one. */
static void put_with_unit(struct cw_buf *out, double value, const struct unit *units, size_t n, size_t least)
{
	for (size_t i = n; i-- > 0;) {
		double count = value / units[i].factor;

		if (count == floor(count) && (count >= 2 || i <= least || value == 0)) {
			cw_buf_printf(out, "%.0f%s", count, units[value == 0 ? least : i].name);
			return;
		}
	}
}

static void put_duration(struct cw_buf *out, double ms)
{
	put_with_unit(out, ms, duration_units, CW_ARRAY_LEN(duration_units) - 1, 1);
}

static void put_size(struct cw_buf *out, double bytes)
{
	put_with_unit(out, bytes, size_units, CW_ARRAY_LEN(size_units), 3);
}

static void put_number(struct cw_buf *out, double number)
{
	char text[40];

	for (int digits = 6; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, number);
		if (strtod(text, NULL) == number)
			break;
	}
	cw_buf_puts(out, text);
}

static void put_limit(const struct conf_key *key, struct cw_buf *out, double value)
{
	if (key->type == CONF_DURATION)
		put_duration(out, value);
	else if (key->type == CONF_SIZE)
		put_size(out, value);
	else
		put_number(out, value);
}

struct setting {
	const struct conf_key *key;
	const struct conf_section *section;
	const struct conf_entry *entry; /* NULL: the default */
	const char *text;
	unsigned line;
	struct conf_mistakes *mistakes;
};

static void complain(const struct setting *s, const char *fmt, ...) CW_PRINTF(2, 3);
static void complain(const struct setting *s, const char *fmt, ...)
{
	char text[CW_ERROR_TEXT_MAX];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	conf_mistake(s->mistakes, s->section ? s->section->file : "", s->line, "%s %s", s->key->name, text);
}

static bool within(const struct setting *s, double value)
{
	const struct conf_key *key = s->key;
	struct cw_buf limit;
	bool low = value < key->min;

	if (!low && value <= key->max)
		return true;
	cw_buf_init(&limit, 128);
	put_limit(key, &limit, low ? key->min : key->max);
	complain(s, "is %s; the %s is %s", s->text, low ? "minimum" : "maximum", cw_buf_str(&limit));
	cw_buf_clear(&limit);
	return false;
}

static bool parse_number(const struct setting *s, double *ret)
{
	int64_t whole;
	int r;

	switch (s->key->type) {
	case CONF_DURATION:
		r = parse_with_unit(s->text, duration_units, CW_ARRAY_LEN(duration_units), ret);
		if (r < 0) {
			complain(s, "is '%s'; write a duration as 500ms, 90s, 15m, 6h or 7d", s->text);
			return false;
		}
		break;
	case CONF_SIZE:
		r = parse_with_unit(s->text, size_units, CW_ARRAY_LEN(size_units), ret);
		if (r < 0) {
			complain(s, "is '%s'; write a size as 512K, 64M or 1G", s->text);
			return false;
		}
		break;
	case CONF_NUMBER:
		if (cw_parse_double(cw_str(s->text), ret) < 0) {
			complain(s, "is '%s'; write a number", s->text);
			return false;
		}
		break;
	default:
		if (cw_parse_integer(cw_str(s->text), &whole) < 0) {
			complain(s, "is '%s'; write a whole number", s->text);
			return false;
		}
		*ret = (double)whole;
	}
	return within(s, *ret);
}

static void set_number(const struct conf_key *key, void *at, double value)
{
	switch (key->type) {
	case CONF_COUNT:
		*(unsigned *)at = (unsigned)value;
		break;
	case CONF_INTEGER:
		*(int *)at = (int)value;
		break;
	case CONF_DURATION:
		*(int64_t *)at = (int64_t)value;
		break;
	case CONF_SIZE:
		*(uint64_t *)at = (uint64_t)value;
		break;
	default:
		*(double *)at = value;
	}
}

static void set_word(const struct setting *s, void *at)
{
	const char *near;
	struct cw_buf words;

	for (int i = 0; s->key->words[i]; i++)
		if (strcmp(s->key->words[i], s->text) == 0) {
			*(int *)at = i + s->key->base;
			return;
		}
	near = cw_nearest(s->text, s->key->words);
	if (near && strlen(s->text) > 1) {
		conf_mistake(s->mistakes, s->section->file, s->line, "unknown %s '%s'; did you mean '%s'?",
		             s->key->name, s->text, near);
		return;
	}
	cw_buf_init(&words, 512);
	for (int i = 0; s->key->words[i]; i++)
		cw_buf_printf(&words, "%s%s", i == 0 ? "" : s->key->words[i + 1] ? ", " : " or ", s->key->words[i]);
	conf_mistake(s->mistakes, s->section->file, s->line, "unknown %s '%s'; use %s", s->key->name, s->text,
	             cw_buf_str(&words));
	cw_buf_clear(&words);
}

static int set_text(char **at, char *text)
{
	if (!text)
		return -ENOMEM;
	free(*at);
	*at = text;
	return 0;
}

static int set_list(const struct setting *s, struct cw_strings *at)
{
	conf_strings_clear(at);
	for (size_t i = 0; i < s->entry->n; i++)
		if (conf_strings_add(at, s->entry->values[i].text) < 0)
			return -ENOMEM;
	return 0;
}

static int set_value(const struct setting *s, void *at)
{
	double number;
	int truth;

	switch (s->key->type) {
	case CONF_TEXT:
		return set_text(at, strdup(s->text));
	case CONF_PATH:
		return set_text(at, conf_resolve(s->section ? s->section->file : "/", s->text));
	case CONF_BOOL:
		truth = cfg_parse_boolean(s->text);
		if (truth < 0)
			complain(s, "is '%s'; write true or false", s->text);
		else
			*(bool *)at = truth;
		return 0;
	case CONF_COUNT:
	case CONF_INTEGER:
	case CONF_NUMBER:
	case CONF_DURATION:
	case CONF_SIZE:
		if (parse_number(s, &number))
			set_number(s->key, at, number);
		return 0;
	case CONF_WORD:
		set_word(s, at);
		return 0;
	case CONF_CHAR:
		if (strcmp(s->text, "\\t") == 0 || strcmp(s->text, "tab") == 0)
			*(char *)at = '\t';
		else if (strlen(s->text) != 1 || strchr("\"\n\r", s->text[0]))
			complain(s, "is '%s'; write one character, or \"tab\"", s->text);
		else
			*(char *)at = s->text[0];
		return 0;
	default:
		return 0;
	}
}

/* Is the file's syntax wrong? That has been said. */
static bool is_broken(const struct conf_section *section)
{
	while (section->parent)
		section = section->parent;
	return section->broken;
}

int conf_apply(const char *section_name, const struct conf_section *section, void *object,
               struct conf_mistakes *mistakes)
{
	for (size_t i = 0; i < conf_keys_n; i++) {
		const struct conf_key *key = &conf_keys[i];
		struct setting s = { .key = key, .section = section, .mistakes = mistakes };
		void *at = (char *)object + key->offset;
		int r = 0;

		if (strcmp(key->section, section_name) != 0 || key->type >= CONF_NAME)
			continue;
		/* The default first: it stands where what is written cannot. */
		if (key->def) {
			struct setting dflt = { .key = key, .text = key->def, .mistakes = mistakes };

			r = set_value(&dflt, at);
		}
		s.entry = conf_entry(section, key->name);
		if (r == 0 && s.entry) {
			s.line = s.entry->line;
			if (key->type == CONF_LIST) {
				r = set_list(&s, at);
			} else if (!s.entry->n && is_broken(section)) {
				continue;
			} else if (s.entry->n != 1) {
				complain(&s, "takes one value, not %s", s.entry->n ? "a list" : "an empty list");
			} else {
				s.text = s.entry->values[0].text;
				r = set_value(&s, at);
			}
		}
		if (r < 0)
			return r;
	}
	return 0;
}

void conf_free(const char *section_name, void *object)
{
	for (size_t i = 0; i < conf_keys_n; i++) {
		const struct conf_key *key = &conf_keys[i];
		void *at = (char *)object + key->offset;

		if (strcmp(key->section, section_name) != 0)
			continue;
		if (key->type == CONF_TEXT || key->type == CONF_PATH) {
			free(*(char **)at);
			*(char **)at = NULL;
		} else if (key->type == CONF_LIST) {
			conf_strings_clear(at);
		}
	}
}

/*
 * Printing
 */

void conf_put_indent(struct cw_buf *out, unsigned indent)
{
	while (indent--)
		cw_buf_puts(out, "    ");
}

void conf_put_quoted(struct cw_buf *out, const char *text)
{
	cw_buf_putc(out, '"');
	for (; *text; text++) {
		if (*text == '"' || *text == '\\' || *text == '$')
			cw_buf_putc(out, '\\');
		if (*text == '\n')
			cw_buf_puts(out, "\\n");
		else if (*text == '\r')
			cw_buf_puts(out, "\\r");
		else if (*text == '\t')
			cw_buf_puts(out, "\\t");
		else if ((unsigned char)*text < 0x20)
			cw_buf_printf(out, "\\x%02x", *text);
		else
			cw_buf_putc(out, *text);
	}
	cw_buf_putc(out, '"');
}

void conf_print_text(struct cw_buf *out, unsigned indent, const char *name, const char *value)
{
	conf_put_indent(out, indent);
	cw_buf_printf(out, "%s = ", name);
	conf_put_quoted(out, value);
	cw_buf_putc(out, '\n');
}

void conf_print_list(struct cw_buf *out, unsigned indent, const char *name, const struct cw_strings *list)
{
	conf_put_indent(out, indent);
	cw_buf_printf(out, "%s = {", name);
	for (size_t i = 0; i < list->n; i++) {
		cw_buf_puts(out, i ? ", " : " ");
		conf_put_quoted(out, list->at[i]);
	}
	cw_buf_puts(out, list->n ? " }\n" : "}\n");
}

static void print_value(const struct conf_key *key, const void *at, struct cw_buf *out)
{
	switch (key->type) {
	case CONF_BOOL:
		cw_buf_puts(out, *(const bool *)at ? "true" : "false");
		break;
	case CONF_COUNT:
		cw_buf_printf(out, "%u", *(const unsigned *)at);
		break;
	case CONF_INTEGER:
		cw_buf_printf(out, "%d", *(const int *)at);
		break;
	case CONF_NUMBER:
		put_number(out, *(const double *)at);
		break;
	case CONF_DURATION:
		cw_buf_putc(out, '"');
		put_duration(out, (double)*(const int64_t *)at);
		cw_buf_putc(out, '"');
		break;
	case CONF_SIZE:
		cw_buf_putc(out, '"');
		put_size(out, (double)*(const uint64_t *)at);
		cw_buf_putc(out, '"');
		break;
	case CONF_WORD:
		conf_put_quoted(out, key->words[*(const int *)at - key->base]);
		break;
	case CONF_CHAR:
		conf_put_quoted(out, *(const char *)at == '\t' ? "tab" : (char[]){ *(const char *)at, '\0' });
		break;
	default:
		break;
	}
}

void conf_print_key(const struct conf_key *key, const void *object, unsigned indent, struct cw_buf *out)
{
	const void *at = (const char *)object + key->offset;

	if (key->type == CONF_TEXT || key->type == CONF_PATH) {
		if (*(char *const *)at)
			conf_print_text(out, indent, key->name, *(char *const *)at);
	} else if (key->type == CONF_LIST) {
		if (((const struct cw_strings *)at)->n)
			conf_print_list(out, indent, key->name, at);
	} else if (key->type < CONF_NAME) {
		if (key->type == CONF_WORD && *(const int *)at < key->base)
			return; /* never set: the tier of none */
		conf_put_indent(out, indent);
		cw_buf_printf(out, "%s = ", key->name);
		print_value(key, at, out);
		cw_buf_putc(out, '\n');
	}
}

void conf_print(const char *section_name, const void *object, unsigned indent, struct cw_buf *out)
{
	for (size_t i = 0; i < conf_keys_n; i++)
		if (strcmp(conf_keys[i].section, section_name) == 0)
			conf_print_key(&conf_keys[i], object, indent, out);
}

static const char *type_name(enum conf_type type)
{
	static const char *const names[] = {
		[CONF_TEXT] = "text",         [CONF_PATH] = "path",      [CONF_BOOL] = "boolean",
		[CONF_COUNT] = "number",      [CONF_INTEGER] = "number", [CONF_NUMBER] = "number",
		[CONF_DURATION] = "duration", [CONF_SIZE] = "size",      [CONF_LIST] = "list",
		[CONF_WORD] = "word",         [CONF_CHAR] = "character", [CONF_NAME] = "text",
		[CONF_COLUMNS] = "list",      [CONF_GLOB] = "list",
	};

	return names[type];
}

int cw_config_keys(struct cw_buf *out)
{
	struct cw_risk risk;

	cw_risk_defaults(&risk);
	for (size_t i = 0; i < conf_keys_n; i++) {
		const struct conf_key *key = &conf_keys[i];

		cw_buf_printf(out, "%s.%s\t%s\t", key->section, key->name, type_name(key->type));
		if (strcmp(key->section, "risk") == 0)
			print_value(key, (const char *)&risk + key->offset, out);
		else
			cw_buf_puts(out, key->def ? key->def : "");
		cw_buf_printf(out, "\t%s\n", key->help);
	}
	for (const char *const *name = cw_value_names(); *name; name++)
		cw_buf_printf(out, "record.%s\tlist\t\tcolumns that hold this value\n", *name);
	return out->failed;
}

/*
 * Texts
 */

int conf_strings_add(struct cw_strings *strings, const char *text)
{
	char **at = reallocarray(strings->at, strings->n + 1, sizeof(*at));

	if (!at)
		return -ENOMEM;
	strings->at = at;
	at[strings->n] = strdup(text);
	if (!at[strings->n])
		return -ENOMEM;
	strings->n++;
	return 0;
}

void conf_strings_clear(struct cw_strings *strings)
{
	for (size_t i = 0; i < strings->n; i++)
		free(strings->at[i]);
	free(strings->at);
	*strings = (struct cw_strings){ 0 };
}

char *conf_resolve(const char *file, const char *text)
{
	const char *slash = strrchr(file, '/');
	char *path;

	if (text[0] == '/' || text[0] == '\0')
		return strdup(text);
	if (asprintf(&path, "%.*s/%s", slash ? (int)(slash - file) : 1, slash ? file : ".", text) < 0)
		return NULL;
	return path;
}
