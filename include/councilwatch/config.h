/*
 * config.h: the configuration after validation; read-only from then on.
 *
 * councilwatch.conf, the feeds it includes, councils.csv, aliases.csv and risk.conf are read together with
 * libconfuse. All mistakes are reported in one run, each as "file:line: what, and the mend". Nothing
 * is half-loaded: either all is well or *ret is not touched. councilwatch.conf(5) documents every key.
 */
#ifndef COUNCILWATCH_CONFIG_H
#define COUNCILWATCH_CONFIG_H

#include <sys/types.h>

#include <councilwatch/base.h>
#include <councilwatch/buf.h>
#include <councilwatch/calendar.h>
#include <councilwatch/council.h>
#include <councilwatch/error.h>
#include <councilwatch/evidence.h>
#include <councilwatch/keys.h>
#include <councilwatch/limits.h>
#include <councilwatch/phrases.h>
#include <councilwatch/retention.h>
#include <councilwatch/risk.h>

enum cw_format {
	CW_FORMAT_HTML_TABLE,
	CW_FORMAT_CSV,
	CW_FORMAT_JSON,
	CW_FORMAT_NDJSON,
	CW_FORMAT_EVIDENCE,
	CW_FORMAT_FEED,          /* RSS 2.0, RSS 1.0 (RDF), Atom: an entry is a row */
	CW_FORMAT_XML,           /* rows and columns by path */
	CW_FORMAT_XLSX,
	CW_FORMAT_ODS,
	CW_FORMAT_ILACS_REPORT,  /* an inspection report of Ofsted's, PDF */
	CW_FORMAT_GOVUK_CONTENT, /* a page of the GOV.UK Content API: each change note is a row */
	CW_FORMAT_AKOMA_NTOSO,   /* metadata of a judgment: one row */
	CW_FORMAT_HTML,          /* a page of links: for steps only */
};
const char *cw_format_name(enum cw_format format); /* "html-table" */
/* Does the document itself say of what kind each statement is? Such a feed has no kind and no record. */
bool cw_format_names_kind(enum cw_format format);
/* The columns that a format gives whatever the document; ends with NULL. NULL: they are the document's. */
const char *const *cw_format_columns(enum cw_format format);
/* Is an element of an RSS or Atom entry with this local name about a person? Such are no columns. */
bool cw_feed_element_is_person(const char *name);

struct cw_strings {
	size_t n;
	char **at; /* owned by the configuration */
};

/* Where one field of the evidence comes from. */
enum cw_field_role {
	CW_FIELD_COUNCIL,   /* every listed column that has text is used (cw_council_resolve) */
	CW_FIELD_EVENT_DATE,
	CW_FIELD_PUBLISHED_AT,
	CW_FIELD_URL,       /* an HTML cell gives the address of its first link */
	CW_FIELD_TITLE,
	CW_FIELD_QUOTE,
	CW_FIELD_KEY,       /* natural key: the listed columns' texts, joined */
	CW_FIELD_VALUE,     /* value_id says which */
	CW_FIELD_WHERE,     /* of no evidence: it picks rows */
	CW_FIELD_DENOMINATOR, /* likewise: what a figure is a share of */
	CW_FIELD_TEXT,      /* headline, then what follows it: councils and signals are found in the words (phrases.h) */
};

struct cw_value_map { /* "2.0" = 2: folded text from the source, canonical value */
	char *from;
	char *to;
};

struct cw_field {
	enum cw_field_role role;
	enum cw_value_id value_id;   /* CW_FIELD_VALUE */
	struct cw_strings columns;   /* headings (folded when compared); the first present one that has text wins, but
	                                for COUNCIL and KEY, which use all. JSON: member names, "a.b" for nested ones */
	struct cw_strings date_format; /* dates: tried in order; default is ISO 8601 */
	size_t n_maps;
	struct cw_value_map *maps;   /* looked up before cw_value_parse */
	char *constant;              /* a fixed value instead of a column; NULL = none */
	size_t n_parts;              /* of a majority: the column of each part and the value when it is over half of the */
	struct cw_value_map *parts;  /* first column's number */
	char *otherwise;             /* the value when none is; NULL = this is no majority */
	double scale;                /* numbers: multiplied by it; 0 = 1 */
	bool parentheses;            /* numbers: "(12)" is -12 */
	bool required;               /* without any of its columns the document is refused (MISSING_COLUMN) */
};

/* Rows that are to be used: those whose cell under this heading is one of "is" (when there is any) and none of "not".
 * Folded; a "*" at the end stands for any rest; ">=2009" and ">", "<=", "<" compare numbers. */
struct cw_where {
	char *column;
	struct cw_strings is, not;
	bool optional;               /* a document without the column is taken whole */
	unsigned line;
};

/* Other headings that the column has had: the document's first of name, then these in order, is the column. */
struct cw_heading {
	char *name;
	struct cw_strings also;
	unsigned line;
};

/* What is compared across the councils of one release (docs/model.md). */
struct cw_feed_release {
	double decile;               /* per cent of the councils that stand out as the worst; 0 = none */
	unsigned minimum;            /* councils with a figure, without which there is no such line */
	double points;               /* worse by so much than the period before stands out; 0 = never */
	size_t n_measures;
	struct cw_measure {
		enum cw_value_id value_id;
		enum { CW_WORSE_HIGHER, CW_WORSE_LOWER } worse;
		double points;       /* the release's unless the measure has its own */
		struct cw_strings denominator; /* columns; the first present one that has a number */
		double denominator_minimum;    /* figures of smaller numbers are not compared */
		unsigned line;
	} *measures;
};

/* What it means that a row of an earlier document is not there any more. */
enum cw_missing { CW_MISSING_NOTHING };

struct cw_step;

/* Pages of one list: the feed's url, then others until one is empty. */
struct cw_pages {
	bool on;
	unsigned line;
	char *parameter;             /* of the query that counts: page k has first + k * by; NULL = pages are linked */
	unsigned first, by;
	unsigned max;                /* pages in all, the first one included */
	struct cw_strings rel;       /* HTML: the link to the next page has one of these */
	char *next_at;               /* JSON: path of the member that holds the address of the next page; NULL = none */
};

struct cw_feed {
	char *name;                  /* "ofsted-ilacs-summary"; letters, digits, '-', '_', '.' */
	char *file;                  /* where it is configured, for messages */
	unsigned line;
	bool enabled;
	char *why;                   /* the stated reason it is on or off; may be NULL */
	char *url;                   /* https://, http:// or file://; NULL = submissions and import only */
	char *path;                  /* a folder that is watched for files; absolute; NULL = none. Not with url */
	bool submissions;            /* takes what clients hand in */
	int64_t interval_ms;         /* between fetches; of a folder: between files, 0 = no file is expected at any time */
	int64_t jitter_ms;           /* at most this much is added, at random */
	char *publisher;
	enum cw_tier tier;
	char *licence;
	char *attribution;
	char *page;                  /* where evidence without an address of its own can be looked up; NULL = not said */
	bool needs_licence;          /* the publisher's permission must be had before it may be fetched */
	char *licence_reference;     /* of that permission; NULL = none */
	enum cw_format format;
	enum cw_kind kind;
	enum cw_missing missing_means;
	bool required;               /* without it councils are "unknown" (domain 3.5) */
	char *encoding;              /* forced, an iconv name; NULL = found out (BOM, declaration, UTF-8 else Windows-1252) */
	uint64_t max_size;           /* bytes */
	int64_t connect_timeout_ms;
	int64_t timeout_ms;          /* of a whole transfer */
	unsigned max_redirects;
	struct cw_strings headers;   /* "Name: value" */
	char *credential;            /* systemd credential or file that holds "user:password" or a bearer token; NULL = none */
	struct cw_strings allowed_hosts; /* besides the URL's own, for redirects */
	unsigned table;              /* HTML: which table from 1; 0 = the first that has the wanted headings. Spreadsheets: which
	                                of the tables in a sheet that have them; 0 = all */
	char *sheet;                 /* spreadsheets: shell pattern of sheets' names; NULL = the first that has the headings */
	unsigned heading_rows;       /* spreadsheets: stacked rows that make the headings; 1 */
	bool column_groups;          /* spreadsheets: each group of columns under a heading makes a row of its own */
	char *rows_at;               /* JSON: path of the array ("results.items"), NULL = the top; XML: of the rows ("list/row") */
	char delimiter;              /* CSV; ',' */
	enum cw_field_role url_mark; /* EVENT_DATE or PUBLISHED_AT: that day is added to the address ("#2024-03-31"), because a page is
	                                that of several statements; else COUNCIL: nothing is */
	bool url_ends_in_council;    /* an address whose last part is another council's code is not used */
	bool keep;                   /* text: what names a council and is no signal is kept, as evidence of kind */
	struct cw_strings signals;   /* text: the ones to look for; none listed = all */
	struct cw_strings absent;    /* texts that mean "not stated" (folded when compared); always: "" */
	size_t n_fields;
	struct cw_field *fields;
	size_t n_wheres;
	struct cw_where *wheres;
	size_t n_columns;
	struct cw_heading *columns;
	struct cw_feed_release *release; /* NULL = figures are not compared */
	struct cw_pages pages;
	size_t n_steps;              /* from the url to the documents that format reads; 0 = the url is one */
	struct cw_step *steps;
	size_t n_expects;
	struct cw_expect {
		char *input;         /* a sample document as text, or NULL */
		char *input_file;    /* or its path, relative to the feed's file */
		char *step;          /* that reads it; NULL = the feed's own format */
		char *link_text;     /* words of the link that led to it, or NULL */
		struct cw_strings gives; /* "bradford overall_effectiveness=inadequate event_date=2022-11-21"; or
		                            "quarantine unknown_council"; all must match, in any order */
		unsigned line;
	} *expects;
	char reading[CW_SHA256_HEX]; /* over all that decides how a document is read: mapping, councils, aliases */
};

/* How to get from one document to the next ones: which of its links are followed, and how. */
struct cw_step {
	char *name;                  /* as a feed's; distinct within the feed */
	unsigned line;
	struct cw_feed reader;       /* how its documents are read: format and what belongs to that; its fields are URL, from the
	                                columns of the link, and TITLE, from those of its text. Format HTML: every <a> */
	char *link_prefix;               /* put before an address that is a path; NULL = none */
	struct cw_strings link_contains; /* what a link must have to be followed: one of each list that is not empty */
	struct cw_strings link_class;    /* HTML */
	struct cw_strings rel;           /* HTML */
	struct cw_strings text_contains; /* folded when compared */
	bool immutable;              /* what was fetched once does not change */
	int64_t interval_ms;         /* else it is fetched again after this */
	unsigned max_links;          /* fetched in one run */
};
/* By name; NULL. */
const struct cw_step *cw_feed_step(const struct cw_feed *feed, struct cw_str name);
/* Of the step that reads what this one's links lead to; "" = the feed's own format. */
const char *cw_feed_next_step(const struct cw_feed *feed, const struct cw_step *step);

/* Sockets that may be served to other machines. */
enum cw_door { CW_DOOR_WORK, CW_DOOR_EVIDENCE, CW_DOOR_ALERTS, CW_DOOR_QUERY, CW_DOOR_CONTROL, CW_DOOR_SUBMIT, CW_DOOR_COUNT };
const char *cw_door_name(enum cw_door door); /* "work" … */

struct cw_kpis; /* kpi.h */

struct cw_config {
	char *file;
	char *instance;              /* names this installation in alerts: /councilwatch/<instance> */
	char *state_dir;
	char *runtime_dir;
	char *councils_file;
	char *aliases_file;
	char *lineage_file;       /* NULL: no such table; likewise the next two */
	char *organisations_file;
	char *other_bodies_file;
	char *risk_file;             /* NULL = built-in constants */
	char *phrases_file;          /* NULL = no rules: feeds cannot map "text" */
	char *kpi_file;              /* NULL = the built-in responses, and no KPIs but those of councilwatch.conf */
	char *bank_holidays_file;    /* NULL = no working days can be counted */
	bool fetching;
	unsigned normalisers;        /* worker processes, 1..64; default 2 */
	unsigned per_host;           /* transfers at once to one host; default 1 */
	unsigned transfers;          /* transfers at once in all; default 16 */
	int64_t host_delay_ms;       /* between two requests to one host; default 1000, loopback hosts 0 */
	char *user_agent;
	char *worker_dir;            /* where the workers' programs are; default LIBEXECDIR/councilwatch */
	bool sandbox;                /* default true */
	uint64_t worker_memory;      /* bytes, RLIMIT_AS of a normaliser; default 512 MiB */
	int64_t heartbeat_ms;        /* of the alert stream; default 10000 */
	unsigned digest_from;        /* alerts about so many councils at once are for a digest; default 10 */
	int log_level;               /* enum cw_log_level */
	/* Endpoints; the default of each is ipc:// in runtime_dir. */
	char *endpoint_work;         /* ipc://<runtime_dir>/work */
	char *endpoint_commit;       /* …/commit */
	char *endpoint_evidence;     /* …/evidence */
	char *endpoint_alerts;       /* …/alerts  (XPUB) */
	char *endpoint_query;        /* …/query   (ROUTER, snapshot and replay) */
	char *endpoint_control;      /* …/control (ROUTER, command line) */
	char *endpoint_submit;       /* …/submit  (ROUTER, documents handed in) */
	/* The same sockets for other machines, over tcp; NULL = not. And the files and directories of the keys that may come in. */
	char *remote_work, *remote_evidence, *remote_alerts, *remote_query, *remote_control, *remote_submit;
	struct cw_strings allow_work, allow_evidence, allow_alerts, allow_query, allow_control, allow_submit;
	struct cw_allowed allowed[CW_DOOR_COUNT]; /* what those list */
	unsigned endpoint_lines[CW_DOOR_COUNT], remote_lines[CW_DOOR_COUNT], commit_line, server_key_line; /* for messages; 0 = not set */
	char *server_key;            /* name of a credential, or absolute path; NULL = nothing is served with keys */
	char *client_key;            /* likewise; NULL = other machines are not connected to */
	char *server_public_key;     /* path; there when client_key is */
	char *group;                 /* of the sockets that are not internal; NULL = as it comes */
	gid_t gid;                   /* of that group; (gid_t)-1 without */

	size_t n_feeds;
	struct cw_feed *feeds;       /* by name */
	struct cw_councils *councils;
	struct cw_risk risk;
	struct cw_retention retention;
	struct cw_phrases *phrases;  /* NULL without a file */
	struct cw_kpis *kpis;
	struct cw_calendar *calendar; /* NULL without a file */
	char hash[CW_SHA256_HEX + 8]; /* "sha256:…" over all that changes results (risk, councils, aliases, mappings) */
};

/* default file when -c is not given */
extern const char *const cw_config_default_file;

int cw_config_load(const char *file, cw_report_fn *report, void *arg, struct cw_config **ret, struct cw_error *err);
/* The same as if risk_file were another one (NULL: as it is). */
int cw_config_load_trial(const char *file, const char *risk_file, cw_report_fn *report, void *arg, struct cw_config **ret,
                         struct cw_error *err);
/* What is wrong only where it is served, not where it is connected to: tcp endpoints that would be open, a server_key that cannot be used.
 * Returns the number of mistakes, or -ENOMEM. */
int cw_config_check_served(const struct cw_config *config, cw_report_fn *report, void *arg);
/* The endpoint at which a socket is served with keys, or NULL. */
const char *cw_config_door(const struct cw_config *config, enum cw_door door);
/* Takes away all that is for other machines, and the group: for a copy of a service that is to be nobody's but its starter's. */
void cw_config_keep_home(struct cw_config *config);
/* Its settings: endpoint_, remote_ (NULL = none) and allow_. */
const char *cw_config_endpoint(const struct cw_config *config, enum cw_door door);
const char *cw_config_remote(const struct cw_config *config, enum cw_door door);
struct cw_strings *cw_config_allow(struct cw_config *config, enum cw_door door);
void cw_config_free(struct cw_config *config);
/* What levels are worked out with, as the store remembers it: the hash and the version of the programs. */
void cw_config_model(const struct cw_config *config, char *out, size_t size);
const struct cw_feed *cw_config_feed(const struct cw_config *config, struct cw_str name);
/* Is it of news: texts that are only kept for a while (retention)? */
bool cw_feed_is_news(const struct cw_feed *feed);
/* May a document of this feed give evidence of that kind? */
bool cw_feed_may_give(const struct cw_feed *feed, enum cw_kind kind);
/* The configuration as understood, defaults filled in, in its own syntax: it can be read back. */
int cw_config_print(const struct cw_config *config, struct cw_buf *out);
/* Every key of councilwatch.conf, feeds and risk.conf as "section.key\ttype\tdefault\thelp" lines, for the test
 * that each is documented. */
int cw_config_keys(struct cw_buf *out);

#endif
