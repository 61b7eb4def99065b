/* Reading the configuration: what is understood, every mistake in one run with its line, printing and reading back. */
#include <errno.h>
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <councilwatch/config.h>

/*
 * A directory with the files of one configuration. Mistakes are collected without the directory's name.
 */
struct place {
	char directory[64];
	struct cw_buf mistakes;
	struct cw_config *config;
	int result;
	struct cw_error err;
};

#define TABLES                                                                                                         \
	"councils_file = \"" CW_SOURCE_DIR "/config/councils.csv\"\n"                                                  \
	"aliases_file = \"" CW_SOURCE_DIR "/config/aliases.csv\"\n"

static void write_file(const struct place *place, const char *name, const char *text)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", place->directory, name);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
	assert_int_equal(fclose(file), 0);
}

static void remove_file(const struct place *place, const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", place->directory, name);
	(void)unlink(path);
}

static void collect(void *arg, const struct cw_error *err)
{
	struct place *place = arg;
	char text[2048], *from = text, *at;
	size_t len = strlen(place->directory);

	cw_error_format(err, text, sizeof(text));
	while ((at = strstr(from, place->directory))) {
		cw_buf_append(&place->mistakes, from, (size_t)(at - from));
		from = at + len + (at[len] == '/');
	}
	cw_buf_printf(&place->mistakes, "%s\n", from);
}

static void set_up(struct place *place)
{
	char path[256];

	*place = (struct place){ .directory = "/tmp/cw-config-XXXXXX" };
	assert_non_null(mkdtemp(place->directory));
	snprintf(path, sizeof(path), "%s/feeds.d", place->directory);
	assert_int_equal(mkdir(path, 0700), 0);
	cw_buf_init(&place->mistakes, 1 << 20);
}

static void load(struct place *place, const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", place->directory, name);
	cw_config_free(place->config);
	place->config = NULL;
	cw_buf_reset(&place->mistakes);
	place->result = cw_config_load(path, collect, place, &place->config, &place->err);
}

static void tear_down(struct place *place)
{
	static const char *const names[] = { "main.conf",      "again.conf",   "feeds.d/a.conf", "feeds.d/b.conf",
		                             "feeds.d/c.conf", "councils.csv", "aliases.csv",    "risk.conf" };
	char path[256];

	cw_config_free(place->config);
	cw_buf_clear(&place->mistakes);
	for (size_t i = 0; i < CW_ARRAY_LEN(names); i++)
		remove_file(place, names[i]);
	snprintf(path, sizeof(path), "%s/feeds.d", place->directory);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(rmdir(place->directory), 0);
}

/*
 * Mistakes: one file, exact texts.
 */
struct mistake_case {
	const char *name;
	const char *main; /* after include_feeds and the tables, on one line */
	const char *feed; /* feeds.d/a.conf, or NULL */
	const char *expected;
};

#define FEED(text) "feed \"f\" {\npublisher = p\ntier = A\nformat = csv\nkind = area_send\n" text "\n}\n"
#define RECORD "record { council = la outcome = grade }"
#define RECORDED(text) FEED(RECORD "\n" text)

static const struct mistake_case mistake_cases[] = {
	{ "nothing wrong", "", FEED(RECORD), "" },
	{ "unknown key", "\nstate_dri = x", NULL, "main.conf:2: unknown key 'state_dri'; did you mean 'state_dir'?\n" },
	{ "unknown key, nothing near", "\nzzzzzz = x", NULL,
	  "main.conf:2: unknown key 'zzzzzz'; see councilwatch.conf(5)\n" },
	{ "unknown list", "\nzzzzzz = { a,\n b }\nqqqqqq = {}", NULL,
	  "main.conf:2: unknown key 'zzzzzz'; see councilwatch.conf(5)\n"
	  "main.conf:4: unknown key 'qqqqqq'; see councilwatch.conf(5)\n" },
	{ "unknown section", "\nfeeds \"x\" { a = 1 b { c = 2 } }", NULL,
	  "main.conf:2: unknown section 'feeds'; did you mean 'feed'?\n" },
	{ "unknown key in a feed", "", RECORDED("intervall = 6h"),
	  "feeds.d/a.conf:7: unknown key 'intervall' in feed \"f\"; did you mean 'interval'?\n" },
	{ "key of another section", "", RECORDED("council = x\nstate_dir = y"),
	  "feeds.d/a.conf:7: unknown key 'council' in feed \"f\"; it belongs in the record of a feed\n"
	  "feeds.d/a.conf:8: unknown key 'state_dir' in feed \"f\"; it belongs in councilwatch.conf, outside any "
	  "section\n" },
	{ "key set twice", "\nnormalisers = 1\n\nnormalisers = 2", NULL,
	  "main.conf:4: 'normalisers' is set twice, first on line 2; remove one\n" },
	{ "list set twice", "", FEED("record { council = { a }\ncouncil = { b, c }\noutcome = o }"),
	  "feeds.d/a.conf:7: 'council' is set twice in record of feed \"f\", first on line 6; remove one\n" },

	{ "number too large", "\nnormalisers = 65", NULL, "main.conf:2: normalisers is 65; the maximum is 64\n" },
	{ "number too small", "\nnormalisers = 0", NULL, "main.conf:2: normalisers is 0; the minimum is 1\n" },
	{ "no number", "\nnormalisers = two", NULL, "main.conf:2: normalisers is 'two'; write a whole number\n" },
	{ "no boolean", "\nfetching = maybe", NULL, "main.conf:2: fetching is 'maybe'; write true or false\n" },
	{ "duration without a unit", "\nhost_delay = 5", NULL,
	  "main.conf:2: host_delay is '5'; write a duration as 500ms, 90s, 15m, 6h or 7d\n" },
	{ "duration too long", "\nhost_delay = 2h", NULL, "main.conf:2: host_delay is 2h; the maximum is 60m\n" },
	{ "size", "\nworker_memory = 1T", NULL,
	  "main.conf:2: worker_memory is '1T'; write a size as 512K, 64M or 1G\n" },
	{ "size too small", "\nworker_memory = 1M", NULL, "main.conf:2: worker_memory is 1M; the minimum is 64M\n" },
	{ "one value, not a list", "\ninstance = { a, b }", NULL,
	  "main.conf:2: instance takes one value, not a list\n" },
	{ "word", "\nlog_level = inof", NULL, "main.conf:2: unknown log_level 'inof'; did you mean 'info'?\n" },
	{ "word, nothing near", "\nlog_level = loud", NULL,
	  "main.conf:2: unknown log_level 'loud'; use error, warning, notice, info or debug\n" },
	{ "instance", "\ninstance = \"a b\"", NULL,
	  "main.conf:2: instance is 'a b'; use letters, digits, '-', '_' and '.'\n" },
	{ "endpoint", "\nendpoint_work = \"udp://x\"", NULL,
	  "main.conf:2: endpoint_work is 'udp://x'; write ipc:///path or tcp://address:port\n" },

	{ "value without '='", "\nfetching true", NULL, "main.conf:2: '=' is missing after 'fetching'\n" },
	{ "quote not closed", "\nfetching = true\nuser_agent = \"x\n\n", NULL,
	  "main.conf:3: a quoted text is not closed; add \"\n" },
	{ "comment not closed", "\n/* and so\non", NULL, "main.conf:2: a comment is not closed; add */\n" },
	{ "brace not closed", "",
	  "\n\nfeed \"f\" {\npublisher = p tier = A format = csv kind = area_send\n" RECORD "\n",
	  "feeds.d/a.conf:3: '{' is not closed; add '}'\n" },
	{ "brace that closes nothing", "", FEED(RECORD) "}\n", "feeds.d/a.conf:8: '}' closes nothing; remove it\n" },
	{ "list without a comma", "\nstate_dir = { a b }", NULL,
	  "main.conf:2: 'b' is not expected here; is a quote, comma or brace missing before it?\n" },
	{ "feed without a name", "", "feed {\n}\n", "feeds.d/a.conf:1: 'feed' needs a name: feed \"name\" { … }\n" },
	{ "environment variable", "\nstate_dir = \"${HOME}\"", NULL,
	  "main.conf:2: environment variables are not used here; write the value, or \\$ for a dollar sign\n" },
	{ "escape sequence", "\nuser_agent = \"\\999\"", NULL,
	  "main.conf:2: '\\999' is no escape sequence; write \\\\ for a backslash\n" },
	{ "bar in a name", "\n\"a|b\" = 1", NULL, "main.conf:2: a name may hold neither '|' nor '='\n" },
	{ "control character", "\nstate_dir = \"\x01\"", NULL,
	  "main.conf:2: holds a control character (0x01); remove it\n" },
	{ "not UTF-8", "\n\nuser_agent = \"\xe9\"", NULL, "main.conf:3: is not UTF-8; save the file as UTF-8\n" },

	{ "feed without what it needs", "", "feed \"f\" {\n}\n",
	  "feeds.d/a.conf:1: feed \"f\" has no publisher; add publisher = \"who says it\"\n"
	  "feeds.d/a.conf:1: feed \"f\" has no tier; add tier = \"A\", \"B\", \"C\" or \"D\"\n"
	  "feeds.d/a.conf:1: feed \"f\" has no format; add format = \"csv\" or another\n"
	  "feeds.d/a.conf:1: feed \"f\" has no kind; add kind = \"ilacs\" or another\n"
	  "feeds.d/a.conf:1: feed \"f\" has no record; add record { council = { \"column\", … } … }\n" },
	{ "name of a feed", "", "feed \"a b\" {\npublisher = p tier = A format = csv kind = area_send\n" RECORD "\n}\n",
	  "feeds.d/a.conf:1: feed \"a b\" is not a good name; use up to 63 letters, digits, '-', '_' and '.'\n" },
	{ "duplicate feeds", "", FEED(RECORD) FEED(RECORD),
	  "feeds.d/a.conf:8: feed \"f\" is configured twice, first at feeds.d/a.conf:1; rename or remove one\n" },
	{ "folders", "state_dir = /tmp/nowhere\n",
	  "feed \"f\" {\npublisher = p tier = A format = evidence path = drop/x url = \"https://x/\"\n}\n"
	  "feed \"g\" { publisher = p tier = A format = evidence path = \"/tmp/nowhere/drop/x/\" }\n"
	  "feed \"h\" { publisher = p tier = A format = evidence path = \"/tmp/nowhere\" }\n",
	  "feeds.d/a.conf:2: feed \"f\" has a url and a path; remove one of the two\n"
	  "feeds.d/a.conf:4: feed \"g\" has the folder of feed \"f\"; a file can be of one feed only\n"
	  "feeds.d/a.conf:5: the folder of feed \"h\" is a directory of the daemon's own; name one in it, such as "
	  "\"drop/h\"\n" },
	{ "unknown tier, format, kind", "",
	  "feed \"f\" {\npublisher = p\ntier = E\nformat = cvs\nkind = ilac\nrecord { council = c }\n}\n",
	  "feeds.d/a.conf:3: unknown tier 'E'; use A, B, C or D\n"
	  "feeds.d/a.conf:4: unknown format 'cvs'; did you mean 'csv'?\n"
	  "feeds.d/a.conf:5: unknown kind 'ilac'; did you mean 'ilacs'?\n" },
	{ "unknown kind, nothing near", "",
	  "feed \"f\" {\npublisher = p tier = A format = csv\nkind = weather\n" RECORD "\n}\n",
	  "feeds.d/a.conf:3: unknown kind 'weather'; there is ilacs, area_send, signal, jtai, youth_justice, news, "
	  "sif, "
	  "ilacs_focused_visit, ilacs_monitoring_visit, safeguarding_board_review, send_2016, area_send_monitoring, "
	  "workforce, ehcp_timeliness, send_tribunal, send_finance, early_years, demand, spend, political_control, "
	  "internal_note, override, court_judgment, foi_request, publication\n" },
	{ "interval", "", RECORDED("url = \"https://example.org/\"\ninterval = 5s"),
	  "feeds.d/a.conf:8: interval is 5s; the minimum is 60s\n" },
	{ "interval of a loopback address", "", RECORDED("url = \"http://127.0.0.1:8080/x\"\ninterval = 1s"), "" },
	{ "interval of a loopback name", "", RECORDED("url = \"http://localhost/x\"\ninterval = 1s"), "" },
	{ "interval of a loopback IPv6 address", "", RECORDED("url = \"http://[::1]:8080/x\"\ninterval = 1s"), "" },
	{ "interval of a file", "", RECORDED("url = \"file:///tmp/x\"\ninterval = 1s"), "" },
	{ "interval of a name that only looks like loopback", "",
	  RECORDED("url = \"http://127.0.0.1.example.org/\"\ninterval = 1s"),
	  "feeds.d/a.conf:8: interval is 1s; the minimum is 60s\n" },
	{ "interval of a host after a fake one", "", RECORDED("url = \"http://127.0.0.1@example.org/\"\ninterval = 1s"),
	  "feeds.d/a.conf:7: url holds a user name, password or key; put it in a file and name that with 'credential'\n"
	  "feeds.d/a.conf:8: interval is 1s; the minimum is 60s\n" },
	{ "interval below all", "", RECORDED("url = \"http://127.0.0.1/\"\ninterval = 500ms"),
	  "feeds.d/a.conf:8: interval is 500ms; the minimum is 1s\n" },
	{ "scheme", "", RECORDED("url = \"ftp://example.org/\""),
	  "feeds.d/a.conf:7: unknown scheme 'ftp'; use https, http or file\n" },
	{ "no address", "", RECORDED("url = \"example.org/x\""),
	  "feeds.d/a.conf:7: url is not an address; write it as https://host/path\n" },
	{ "no host", "", RECORDED("url = \"https:///x\""),
	  "feeds.d/a.conf:7: url has no host; write it as https://host/path\n" },
	{ "blank in an address", "", RECORDED("url = \"https://example.org/a b\""),
	  "feeds.d/a.conf:7: url holds a blank, quote, bracket or backslash; encode it as %XX\n" },
	{ "password in an address", "", RECORDED("url = \"https://user:hunter2@example.org/\""),
	  "feeds.d/a.conf:7: url holds a user name, password or key; put it in a file and name that with "
	  "'credential'\n" },
	{ "token in an address", "", RECORDED("url = \"https://example.org/?a=1&token=hunter2\""),
	  "feeds.d/a.conf:7: url holds a user name, password or key; put it in a file and name that with "
	  "'credential'\n" },
	{ "secret in a header", "", RECORDED("headers = { \"Accept: text/csv\",\n\"Authorization: Bearer hunter2\" }"),
	  "feeds.d/a.conf:8: header 'authorization' would hold a secret; put it in a file and name that with "
	  "'credential'\n" },
	{ "header", "", RECORDED("headers = \"no colon\""),
	  "feeds.d/a.conf:7: a header is not of the form \"Name: value\"\n" },
	{ "secret as a credential", "", RECORDED("credential = \"user:hunter2\""),
	  "feeds.d/a.conf:7: credential is not the name of a file or systemd credential; the secret itself must not "
	  "stand "
	  "here\n" },
	{ "allowed host", "", RECORDED("allowed_hosts = \"https://example.org\""),
	  "feeds.d/a.conf:7: 'https://example.org' is not the name of a host; write it without scheme and path\n" },
	{ "key of another format", "", RECORDED("table = 2"),
	  "feeds.d/a.conf:7: table is for format html-table, xlsx or ods; remove it or correct format\n" },
	{ "licence", "", RECORDED("needs_licence = true\nlicence = x"),
	  "feeds.d/a.conf:1: feed \"f\" needs a licence before it may be fetched; put the reference of yours into "
	  "licence_reference, or set enabled = false\n" },
	{ "licence, switched on", "", RECORDED("needs_licence = true\nenabled = true\nlicence_reference = \"\""),
	  "feeds.d/a.conf:8: feed \"f\" needs a licence before it may be fetched; put the reference of yours into "
	  "licence_reference, or set enabled = false\n" },
	{ "licence that is had", "", RECORDED("needs_licence = true\nlicence_reference = \"TNA-1\""), "" },
	{ "licence of a feed that is off", "", RECORDED("needs_licence = true\nenabled = false"), "" },
	{ "columns of a feed", "",
	  "feed \"f\" { publisher = p tier = C format = feed kind = news record { council = Category\n"
	  "title = { title, titel }\nquote = description\nurl = \"dc:creator\"\nkey = \"x:y\" } }\n",
	  "feeds.d/a.conf:2: format feed has no column 'titel'; did you mean 'title'?\n"
	  "feeds.d/a.conf:3: format feed has no column 'description'; it has id, guid, title, link, summary, content, "
	  "published, updated, category\n"
	  "feeds.d/a.conf:4: column 'dc:creator' would be a person, and persons are not kept; remove it\n" },
	{ "xml without rows", "",
	  "feed \"f\" { publisher = p tier = C format = xml kind = news record { council = c } }\n",
	  "feeds.d/a.conf:1: format xml needs rows_at, the path of its rows; add rows_at = \"list/row\"\n" },
	{ "paths", "",
	  "feed \"f\" { publisher = p tier = C format = xml kind = news\nrows_at = \"a/@b\"\nrecord { council = "
	  "\"a//b\"\n"
	  "title = { \"@a/b\", \"../a\", \"a/../@b\", \"a/\" }\nquote = \"a[@b=c\"\nkey = { \"../../@x\", "
	  "\"a/*[@b='/']/@c\" } } }\n",
	  "feeds.d/a.conf:2: rows_at \"a/@b\" is no path down to elements\n"
	  "feeds.d/a.conf:3: path \"a//b\" has an empty step\n"
	  "feeds.d/a.conf:4: path \"@a/b\" goes on after an attribute\n"
	  "feeds.d/a.conf:4: path \"../a\" may only name an attribute of what is around a row, as ../@name\n"
	  "feeds.d/a.conf:4: path \"a/../@b\" goes up after going down\n"
	  "feeds.d/a.conf:4: path \"a/\" ends with a slash\n"
	  "feeds.d/a.conf:5: path \"a[@b=c\" has a [ without a ]\n" },
	{ "steps", "",
	  RECORDED("url = \"https://example.org/\"\nstep \"a\" { }\nstep \"a\" { rel = x link = c }\n"
	           "step \"b b\" { format = csv rel = x }\nstep \"c\" { format = evidence link = l }\n"
	           "step \"d\" { link_class = x max_links = 0 intervall = 5s }"),
	  "feeds.d/a.conf:8: step \"a\" would follow every link; add link_contains, link_class, rel or text_contains\n"
	  "feeds.d/a.conf:9: feed \"f\" has a second step \"a\"; rename one\n"
	  "feeds.d/a.conf:9: link names columns; in format html every <a> is a link: remove it or set format\n"
	  "feeds.d/a.conf:10: step \"b b\" is not a good name; use up to 63 letters, digits, '-', '_' and '.'\n"
	  "feeds.d/a.conf:10: rel is for format html; remove it or correct format\n"
	  "feeds.d/a.conf:10: step \"b b\" does not say where its links are; add link = \"column\"\n"
	  "feeds.d/a.conf:11: documents of format evidence hold no links\n"
	  "feeds.d/a.conf:12: unknown key 'intervall' in step \"d\" of feed \"f\"; did you mean 'interval'?\n"
	  "feeds.d/a.conf:12: max_links is 0; the minimum is 1\n" },
	{ "steps from nowhere, format html for a feed", "",
	  "feed \"f\" {\npublisher = p tier = A format = html kind = area_send\nstep \"a\" { rel = x }\n" RECORD "\n"
	  "expect { step = b input = x gives = {} }\n}\n",
	  "feeds.d/a.conf:2: format html is for steps; for a table in a page use html-table\n"
	  "feeds.d/a.conf:3: feed \"f\" has steps and no url to start from\n"
	  "feeds.d/a.conf:5: expect names step \"b\", which feed \"f\" does not have\n" },
	{ "pages", "",
	  RECORDED("url = \"https://example.org/\"\npages { parameter = \"a&b\" rel = next until = full by = 0 }\npages { }"),
	  "feeds.d/a.conf:8: by is 0; the minimum is 1\n"
	  "feeds.d/a.conf:8: until can only be \"empty\"\n"
	  "feeds.d/a.conf:8: pages need one of parameter, rel and next_at: how the next page is found\n"
	  "feeds.d/a.conf:8: 'a&b' is not the name of a parameter\n"
	  "feeds.d/a.conf:8: rel is for a step of format html that reads the feed's url\n"
	  "feeds.d/a.conf:9: feed \"f\" has second pages, the first are on line 8; join them\n" },
	{ "step of an API", "",
	  RECORDED("url = \"https://example.org/\"\nstep \"a\" { format = json rows_at = r link = l\n"
	           "link_prefix = \"https://example.org/api/\" }\nstep \"b\" { format = xml link = \"a//b\" }\n"
	           "step \"c\" { format = feed link = lnik link_prefix = \"/api\" }"),
	  "feeds.d/a.conf:9: link_prefix is to be put before a path; write it as https://host or https://host/path, without a "
	  "slash at the end\n"
	  "feeds.d/a.conf:10: format xml needs rows_at, the path of its rows; add rows_at = \"list/row\"\n"
	  "feeds.d/a.conf:10: path \"a//b\" has an empty step\n"
	  "feeds.d/a.conf:11: format feed has no column 'lnik'; did you mean 'link'?\n"
	  "feeds.d/a.conf:11: link_prefix is to be put before a path; write it as https://host or https://host/path, without "
	  "a slash at the end\n" },
	{ "delimiter", "", RECORDED("delimiter = \"ab\""),
	  "feeds.d/a.conf:7: delimiter is 'ab'; write one character, or \"tab\"\n" },

	{ "record without a council", "", FEED("record { outcome = grade }"),
	  "feeds.d/a.conf:6: the record of feed \"f\" has no council; add council = { \"column\", … }\n" },
	{ "record without an outcome", "", FEED("record { council = la }"),
	  "feeds.d/a.conf:6: the record of feed \"f\" has no outcome; kind area_send needs at least one of outcome\n" },
	{ "second record", "", FEED(RECORD "\n" RECORD),
	  "feeds.d/a.conf:7: feed \"f\" has a second record, the first is on line 6; join them\n" },
	{ "value of another kind", "", FEED("record { council = la outcome = grade\ncare_leavers = c }"),
	  "feeds.d/a.conf:7: evidence of kind area_send has no 'care_leavers'; it has framework_id, inspection_type, "
	  "inspection_start, inspection_end, outcome, organisation, combined_with, rule, page\n" },
	{ "unknown value", "", FEED("record { council = la outcome = grade\ncare_leaver = c }"),
	  "feeds.d/a.conf:7: unknown key 'care_leaver' in record of feed \"f\"; did you mean 'care_leavers'?\n" },
	{ "no column", "", FEED("record { council = {} outcome = { \"\" } }"),
	  "feeds.d/a.conf:6: council names no column; name one or remove it\n"
	  "feeds.d/a.conf:6: outcome names an empty column\n" },
	{ "date formats", "",
	  FEED("record { council = la outcome = grade event_date = d\ndate_format = { \"%d/%m\",\n\"%Q\" } }"),
	  "feeds.d/a.conf:7: date format '%d/%m' has no year; write one as %d/%m/%Y\n"
	  "feeds.d/a.conf:8: date format '%Q' uses '%Q'; use %d %m %Y %y %b %B %H %M %S %#\n" },
	{ "date format without its date", "",
	  FEED("record { council = la outcome = grade\npublished_at_format = \"%d/%m/%Y\" }"),
	  "feeds.d/a.conf:7: published_at_format is of no use without published_at\n" },
	{ "map", "",
	  FEED("record { council = la outcome = grade\nmap \"outcome\" {\n\"2.0\" = 2\n\"five\" = 5\n\"2.0\" = 3\n} }"),
	  "feeds.d/a.conf:9: '5' is not a value of outcome; correct it\n"
	  "feeds.d/a.conf:10: '2.0' is set twice in map \"outcome\" of record of feed \"f\", first on line 8; remove "
	  "one\n" },
	{ "map of nothing", "",
	  FEED("record { council = la outcome = grade\nmap \"inspection_type\" { a = b }\nmap \"outcom\" { a = b } }"),
	  "feeds.d/a.conf:7: map \"inspection_type\" has nothing to translate; add inspection_type = \"column\" to the "
	  "record\n"
	  "feeds.d/a.conf:8: unknown value 'outcom'; did you mean 'outcome'?\n" },
	{ "map of councils to what is none", "",
	  FEED("record { council = la outcome = grade\nmap \"council\" {\na = \"Bury / Bolton\"\nb = Dorset\nc = Atlantis\n"
	       "d = \"Bury / Atlantis\"\ne = Powys\n} }"),
	  "feeds.d/a.conf:10: no council is known by 'Atlantis'; write a name or code, or several with '/' between\n"
	  "feeds.d/a.conf:11: no council is known by 'Bury / Atlantis'; write a name or code, or several with '/' between\n"
	  "feeds.d/a.conf:12: no council is known by 'Powys'; write a name or code, or several with '/' between\n" },
	{ "map of dates", "",
	  FEED("record { council = la outcome = grade event_date = y\nmap \"event_date\" {\n\"2024\" = 2024-09-30\n"
	       "\"2023\" = 2023-02-30\n}\nmap \"published_at\" { a = 2024-01-01 } }"),
	  "feeds.d/a.conf:9: '2023-02-30' is no date; write one as 2024-09-30\n"
	  "feeds.d/a.conf:11: map \"published_at\" has nothing to translate; add published_at = \"column\" to the "
	  "record\n" },
	{ "period without its day", "",
	  FEED("record { council = la outcome = grade event_date = y\ndate_format = { \"%Y\", \"%Y@09-31\", \"%Y@9-3\" } }"),
	  "feeds.d/a.conf:7: date format '%Y' has no day; write one as %d/%m/%Y\n"
	  "feeds.d/a.conf:7: date format '%Y@09-31' ends in no day; write it as @MM-DD: %Y@09-30\n"
	  "feeds.d/a.conf:7: date format '%Y@9-3' ends in no day; write it as @MM-DD: %Y@09-30\n" },
	{ "where", "",
	  FEED("record { council = la outcome = grade\nwhere \"level\" { }\nwhere \"a\" { is = { \"x*\",\n\"*x\", \">=\",\n"
	       "\"=>2\", \"<=2009\" } }\nwhere \" \" { not = x wehre = 1 } }"),
	  "feeds.d/a.conf:7: where \"level\" says nothing of the cell; add is = { … } or not = { … }\n"
	  "feeds.d/a.conf:9: '*x' is no pattern; write a text, the beginning of one with \"*\" after it, or >=, >, <= or "
	  "< and a number\n"
	  "feeds.d/a.conf:9: '>=' is no pattern; write a text, the beginning of one with \"*\" after it, or >=, >, <= or "
	  "< and a number\n"
	  "feeds.d/a.conf:11: unknown key 'wehre' in where \" \" of record of feed \"f\"; see councilwatch.conf(5)\n"
	  "feeds.d/a.conf:11: where names an empty column\n" },
	{ "column", "",
	  FEED("record { council = la outcome = grade\ncolumn \"la\" { }\ncolumn \"grad\" { also = x } }"),
	  "feeds.d/a.conf:7: column \"la\" has no other heading; add also = { … } or remove it\n"
	  "feeds.d/a.conf:8: column \"grad\" is used nowhere in the record; name it there, written the same, or remove "
	  "it\n" },
	{ "number", "",
	  FEED("record { council = la outcome = grade\nnumber \"outcome\" { scale = 2 }\nnumber \"amount\" { scale = 2 } }"),
	  "feeds.d/a.conf:7: outcome is not a number\n"
	  "feeds.d/a.conf:8: evidence of kind area_send has no 'amount'; it has framework_id, "
	  "inspection_type, inspection_start, inspection_end, outcome, organisation, combined_with, rule, page\n" },
	{ "majority", "",
	  "feed \"f\" { publisher = x tier = B format = csv kind = political_control\n"
	  "record { council = la majority \"control\" { of = t otherwise = none con = c labour = l lab = {} }\n"
	  "majority \"contrl\" { }\nmajority \"control\" { of = t con = c }\nmap \"council\" { x = \"\" } } }",
	  "feeds.d/a.conf:2: 'none' is not a value of control; correct it\n"
	  "feeds.d/a.conf:2: 'labour' is not a value of control; correct it\n"
	  "feeds.d/a.conf:2: 'lab' needs exactly one column\n"
	  "feeds.d/a.conf:3: unknown value 'contrl'; did you mean 'control'?\n"
	  "feeds.d/a.conf:4: majority \"control\" needs of = \"column\", otherwise = value, and a column for each other "
	  "value\n"
	  "feeds.d/a.conf:5: no council is known by ''; write a name or code, or several with '/' between\n" },
	{ "release", "",
	  FEED("record { council = la outcome = grade }\nrelease { measure \"outcome\" { worse = up } }\nrelease { }"),
	  "feeds.d/a.conf:7: outcome is not a number\n"
	  "feeds.d/a.conf:7: kind area_send is not of figures that are compared\n"
	  "feeds.d/a.conf:8: feed \"f\" has a second release; join them\n" },
	{ "measures", "",
	  "feed \"f\" { publisher = x tier = A format = csv kind = workforce\n"
	  "record { council = la agency_rate = a caseload = c }\n"
	  "release { decile = 51\n measure \"agency_rate\" { worse = up denominator = n }\n"
	  " measure \"turnover_rate\" { worse = lower }\n measure \"caseload\" { } } }",
	  "feeds.d/a.conf:3: decile is 51; the maximum is 50\n"
	  "feeds.d/a.conf:3: the release of feed \"f\" has no periods; add period = \"column\" to the record\n"
	  "feeds.d/a.conf:4: unknown worse 'up'; use higher or lower\n"
	  "feeds.d/a.conf:4: measure \"agency_rate\" needs both denominator and denominator_minimum, or neither\n"
	  "feeds.d/a.conf:5: measure \"turnover_rate\" has nothing to compare; add turnover_rate = \"column\" to the record\n"
	  "feeds.d/a.conf:6: measure \"caseload\" does not say which way is worse; add worse = \"higher\" or \"lower\"\n" },
	{ "constants", "",
	  FEED("record { council = la outcome = grade\nconstants { outcome = 2\ntheme = x\noutcom = 2 } }"),
	  "feeds.d/a.conf:7: outcome comes from a column already; remove one of the two\n"
	  "feeds.d/a.conf:8: evidence of kind area_send has no 'theme'; it has framework_id, inspection_type, "
	  "inspection_start, inspection_end, outcome, organisation, combined_with, rule, page\n"
	  "feeds.d/a.conf:9: unknown key 'outcom' in constants of record of feed \"f\"; did you mean 'outcome'?\n" },
	{ "constants of all rows", "",
	  FEED("record { council = la outcome = grade url = u\nconstants { event_date = 2022-02-30\npublished_at = "
	       "\"31/03/2024\"\nurl = \"https://a.example/\"\nquote = x } }"),
	  "feeds.d/a.conf:7: '2022-02-30' is not a day; write it as 2024-03-31\n"
	  "feeds.d/a.conf:8: '31/03/2024' is not a day; write it as 2024-03-31\n"
	  "feeds.d/a.conf:9: url comes from a column already; remove one of the two\n"
	  "feeds.d/a.conf:10: unknown key 'quote' in constants of record of feed \"f\"; it belongs in the record of a feed\n" },
	{ "constant address", "", FEED("record { council = la outcome = grade\nconstants { url = \"a.example\" } }"),
	  "feeds.d/a.conf:7: 'a.example' is not an http or https address\n" },
	{ "end of addresses", "", FEED("record { council = la outcome = grade url = u\nurl_ends_in = urn }"),
	  "feeds.d/a.conf:7: url_ends_in can only be \"council\": the end of the address is a code of the council\n" },
	{ "mark of addresses", "", FEED("record { council = la outcome = grade url = u\nurl_mark = council }"),
	  "feeds.d/a.conf:7: url_mark is event_date or published_at\n" },
	{ "groups of columns", "", RECORDED("sheet = a\ncolumn_groups = true"),
	  "feeds.d/a.conf:7: sheet is for format xlsx or ods; remove it or correct format\n"
	  "feeds.d/a.conf:8: column_groups is for format xlsx or ods; remove it or correct format\n"
	  "feeds.d/a.conf:8: column_groups needs heading_rows of 2 or more: the groups' headings and those below them\n" },
	{ "constant that is no value", "", FEED("record { council = la\nconstants { outcome = 7 } }"),
	  "feeds.d/a.conf:7: '7' is not a value of outcome; correct it\n" },
	{ "constant signal", "",
	  "feed \"f\" {\npublisher = p tier = A format = csv kind = signal\nrecord { council = la\n"
	  "constants { signal = s114_notise status = occured } }\n}\n",
	  "feeds.d/a.conf:4: 's114_notise' is not a value of signal; correct it\n"
	  "feeds.d/a.conf:4: 'occured' is not a value of status; correct it\n" },
	{ "required", "", FEED("record { council = la outcome = grade\nrequired = { council, outcom, url } }"),
	  "feeds.d/a.conf:7: required names 'outcom', which comes from no column; did you mean 'outcome'?\n"
	  "feeds.d/a.conf:7: required names 'url', which comes from no column; add it to the record\n" },
	{ "expect", "",
	  RECORDED("expect { }\nexpect { input = a input_file = b gives = {} }\n"
	           "expect { input = a gives = { \"bradfrod outcome=2\",\n\"quarantine unknwon_council\", \"\" } }"),
	  "feeds.d/a.conf:7: an expect needs either input or input_file\n"
	  "feeds.d/a.conf:7: an expect needs gives = { … }: what its input must give; {} for nothing\n"
	  "feeds.d/a.conf:8: an expect needs either input or input_file\n"
	  "feeds.d/a.conf:9: unknown council id 'bradfrod'; did you mean 'bradford'?\n"
	  "feeds.d/a.conf:10: unknown reason 'unknwon_council'; did you mean 'unknown_council'?\n"
	  "feeds.d/a.conf:10: gives holds an empty text; remove it\n" },
	{ "evidence needs no record", "", "feed \"f\" { publisher = p tier = D format = evidence }\n", "" },
	{ "evidence takes no record", "",
	  "feed \"f\" { publisher = p tier = D format = evidence\nkind = signal\n" RECORD " }\n",
	  "feeds.d/a.conf:2: format evidence takes the kind from each object; remove kind\n"
	  "feeds.d/a.conf:3: format evidence names its own fields; remove the record\n" },
	{ "news needs no outcome", "",
	  "feed \"f\" { publisher = p tier = C format = csv kind = news record { council = la } }\n", "" },
};

static void test_mistakes(void **state)
{
	const struct mistake_case *c = *state;
	struct place place;
	char text[4096];

	set_up(&place);
	snprintf(text, sizeof(text),
	         "state_dir = s runtime_dir = r include_feeds = %s councils_file = \"%s\" "
	         "aliases_file = \"%s\" %s\n",
	         c->feed ? "\"feeds.d/*.conf\"" : "{}", CW_SOURCE_DIR "/config/councils.csv",
	         CW_SOURCE_DIR "/config/aliases.csv", c->main);
	/* state_dir may be what the case is about. */
	if (strstr(c->main, "state_dir"))
		memmove(text, text + strlen("state_dir = s "), strlen(text + strlen("state_dir = s ")) + 1);
	write_file(&place, "main.conf", text);
	if (c->feed)
		write_file(&place, "feeds.d/a.conf", c->feed);
	load(&place, "main.conf");
	assert_string_equal(cw_buf_str(&place.mistakes), c->expected);
	assert_int_equal(place.result, *c->expected ? -EINVAL : 0);
	assert_int_equal(place.config != NULL, !*c->expected);
	tear_down(&place);
}

/* Mistakes of every file in one run, in the order of the files and lines. */
static void test_all_files_in_one_run(void **state)
{
	struct place place;

	(void)state;
	set_up(&place);
	write_file(&place, "main.conf",
	           "# a comment\n/* one of\n   two lines */\nnormalisers = 99 // too many\n\nfetchin = true\n"
	           "councils_file = \"councils.csv\"\naliases_file = \"aliases.csv\"\nrisk_file = \"risk.conf\"\n"
	           "include_feeds = { # a comment in a list\n  \"feeds.d/*.conf\",\n  \"nothing/*.conf\" }\n");
	write_file(&place, "feeds.d/a.conf",
	           "\n# two\nfeed \"a\" {\n    intervall = \"6h\" # four\n    publisher = p\n"
	           "    tier = A\n    format = csv\n    kind = area_send\n    " RECORD "\n}\n");
	write_file(&place, "feeds.d/b.conf", "feed \"b\" {\n    publisher = \"not closed\n}\n");
	write_file(&place, "feeds.d/c.conf",
	           "feed \"a\" { publisher = p tier = A format = cvs kind = area_send\n" RECORD " }\n");
	write_file(&place, "councils.csv",
	           "council_id,name,short_name,type,region,gss_code,la_code,urn,start_date,end_date\n"
	           "a,A Council,A,village,,,,,,\n");
	write_file(&place, "aliases.csv", "council_id,alias,scheme,valid_from,valid_to,source\nb,B,name,,,\n");
	write_file(&place, "risk.conf", "line_wach = 25\nsignal \"newz\" { weight = 4 }\n");
	load(&place, "main.conf");
	assert_string_equal(
	    cw_buf_str(&place.mistakes),
	    "main.conf:4: normalisers is 99; the maximum is 64\n"
	    "main.conf:6: unknown key 'fetchin'; did you mean 'fetching'?\n"
	    "main.conf:12: include_feeds matches no file: nothing/*.conf; correct it, or write "
	    "include_feeds = {} for none\n"
	    "feeds.d/a.conf:4: unknown key 'intervall' in feed \"a\"; did you mean 'interval'?\n"
	    "feeds.d/b.conf:2: a quoted text is not closed; add \"\n"
	    "feeds.d/c.conf:1: feed \"a\" is configured twice, first at feeds.d/a.conf:3; rename or remove one\n"
	    "feeds.d/c.conf:1: unknown format 'cvs'; did you mean 'csv'?\n"
	    "councils.csv:2: unknown type 'village' of council 'a'; see SOURCES.md beside it\n"
	    "aliases.csv:2: unknown council_id 'b'; did you mean 'a'?\n"
	    "risk.conf:1: unknown key 'line_wach'; did you mean 'line_watch'?\n"
	    "risk.conf:2: unknown signal 'newz'; did you mean 'news'?\n");
	assert_int_equal(place.result, -EINVAL);
	assert_null(place.config);
	assert_non_null(strstr(place.err.text, "11 mistakes"));
	tear_down(&place);
}

/* A mistake in the councils, without which phrases are not read, is no mistake of the feeds that have texts. */
static void test_phrases_not_read(void **state)
{
	static const char feed[] =
	    "feed \"a\" { publisher = p tier = A format = feed kind = news\nrecord { text = title } }\n";
	struct place place;

	(void)state;
	set_up(&place);
	write_file(&place, "main.conf",
	           "councils_file = \"councils.csv\"\naliases_file = \"aliases.csv\"\nrisk_file = \"\"\n"
	           "phrases_file = \"again.conf\"\ninclude_feeds = \"feeds.d/*.conf\"\n");
	write_file(&place, "again.conf", "");
	write_file(&place, "feeds.d/a.conf", feed);
	write_file(&place, "councils.csv",
	           "council_id,name,short_name,type,region,gss_code,la_code,urn,start_date,end_date\n"
	           "a,A Council,A,unitary,,,,,,\n");
	write_file(&place, "aliases.csv", "council_id,alias,scheme,valid_from,valid_to,source\nb,B,name,,,\n");
	load(&place, "main.conf");
	assert_string_equal(cw_buf_str(&place.mistakes), "aliases.csv:2: unknown council_id 'b'; did you mean 'a'?\n");
	write_file(&place, "main.conf",
	           "councils_file = \"councils.csv\"\naliases_file = \"aliases.csv\"\nrisk_file = \"\"\n"
	           "phrases_file = \"\"\ninclude_feeds = \"feeds.d/*.conf\"\n");
	load(&place, "main.conf");
	assert_string_equal(cw_buf_str(&place.mistakes),
	                    "feeds.d/a.conf:2: text needs the phrases file; set phrases_file in councilwatch.conf\n"
	                    "aliases.csv:2: unknown council_id 'b'; did you mean 'a'?\n");
	tear_down(&place);
}

static void test_no_file(void **state)
{
	struct place place;

	(void)state;
	set_up(&place);
	load(&place, "absent.conf");
	assert_string_equal(cw_buf_str(&place.mistakes), "absent.conf: cannot be read: No such file or directory\n");
	assert_int_equal(place.result, -EINVAL);
	tear_down(&place);
}

static void test_socket_paths(void **state)
{
	struct place place;
	char text[512];

	(void)state;
	set_up(&place);
	snprintf(text, sizeof(text), TABLES "include_feeds = {}\nruntime_dir = \"/tmp/%0100d\"\n", 0);
	write_file(&place, "main.conf", text);
	load(&place, "main.conf");
	assert_non_null(
	    strstr(cw_buf_str(&place.mistakes),
	           "main.conf:4: runtime_dir is too long: a socket in it would have a path of 110 bytes, and "
	           "may have 107\n"));
	tear_down(&place);
}

/* Hundreds of unknown names are hundreds of mistakes, not a hang. */
static void test_many_unknown_names(void **state)
{
	struct place place;
	struct cw_buf text;
	unsigned lines = 0;

	(void)state;
	set_up(&place);
	cw_buf_init(&text, 1 << 20);
	cw_buf_puts(&text, TABLES "include_feeds = {}\n");
	for (int i = 0; i < 300; i++)
		cw_buf_printf(&text, "zzzzzzzz%d = 1\n", i);
	write_file(&place, "main.conf", cw_buf_str(&text));
	load(&place, "main.conf");
	for (const char *c = cw_buf_str(&place.mistakes); *c; c++)
		lines += *c == '\n';
	assert_int_equal(lines, 300);
	cw_buf_clear(&text);
	tear_down(&place);
}

/*
 * What is understood
 */

static void test_minimal(void **state)
{
	struct place place;
	char expected[256];
	struct stat st;

	(void)state;
	set_up(&place);
	write_file(&place, "main.conf",
	           "state_dir = \"state\"\nruntime_dir = \"/tmp/run\"\ninclude_feeds = \"" CW_SOURCE_DIR
	           "/config/feeds.d/*.conf\"\n");
	load(&place, "main.conf");
	assert_string_equal(cw_buf_str(&place.mistakes), "");
	assert_int_equal(place.result, 0);
	snprintf(expected, sizeof(expected), "%s/state", place.directory);
	assert_string_equal(place.config->state_dir, expected);
	assert_string_equal(place.config->runtime_dir, "/tmp/run");
	assert_string_equal(place.config->endpoint_work, "ipc:///tmp/run/work");
	assert_string_equal(place.config->endpoint_alerts, "ipc:///tmp/run/alerts");
	assert_string_equal(place.config->endpoint_control, "ipc:///tmp/run/control");
	assert_string_equal(place.config->councils_file, CW_SOURCE_DIR "/config/councils.csv");
	assert_string_equal(place.config->risk_file, CW_SOURCE_DIR "/config/risk.conf");
	assert_true(place.config->fetching && place.config->sandbox);
	assert_int_equal(place.config->normalisers, 2);
	assert_int_equal(place.config->transfers, 16);
	assert_int_equal(place.config->per_host, 1);
	assert_int_equal(place.config->host_delay_ms, 1000);
	assert_int_equal(place.config->heartbeat_ms, 10000);
	assert_int_equal(place.config->worker_memory, 512 << 20);
	assert_string_equal(place.config->instance, "main");
	assert_int_equal(strlen(place.config->hash), 7 + 64);
	assert_int_equal(cw_councils_count(place.config->councils), 162);
	assert_int_equal(stat(place.config->state_dir, &st), -1); /* reading makes nothing */
	tear_down(&place);
}

static const struct cw_field *field_of(const struct cw_feed *feed, enum cw_field_role role, enum cw_value_id id)
{
	for (size_t i = 0; i < feed->n_fields; i++)
		if (feed->fields[i].role == role && feed->fields[i].value_id == id)
			return &feed->fields[i];
	return NULL;
}

/* Feeds in the shipped files: one file a source, which may have several tables. */
static size_t shipped_feeds(void)
{
	size_t n = 0;
	glob_t files;

	assert_int_equal(glob(CW_SOURCE_DIR "/config/feeds.d/*.conf", 0, NULL, &files), 0);
	for (size_t i = 0; i < files.gl_pathc; i++) {
		FILE *file = fopen(files.gl_pathv[i], "re");
		char line[4096];

		assert_non_null(file);
		while (fgets(line, sizeof(line), file))
			n += strncmp(line, "feed \"", 6) == 0;
		fclose(file);
	}
	globfree(&files);
	return n;
}

static void test_shipped_feeds(void **state)
{
	const struct cw_field *field;
	const struct cw_feed *feed;
	struct place place;

	(void)state;
	set_up(&place);
	write_file(&place, "main.conf", "include_feeds = \"" CW_SOURCE_DIR "/config/feeds.d/*.conf\"\n");
	load(&place, "main.conf");
	assert_string_equal(cw_buf_str(&place.mistakes), "");
	assert_int_equal(place.config->n_feeds, shipped_feeds());
	for (size_t i = 0; i < place.config->n_feeds; i++) {
		feed = &place.config->feeds[i];
		assert_non_null(feed->why);
		if (feed->n_expects == 0 && feed->format != CW_FORMAT_ILACS_REPORT)
			fail_msg("feed %s has no examples", feed->name);
	}

	feed = cw_config_feed(place.config, cw_str("ofsted-ilacs-summary"));
	assert_string_equal(feed->url, "https://data-to-insight.github.io/ofsted-ilacs-scrape-tool/");
	assert_true(feed->enabled && feed->required);
	assert_int_equal(feed->interval_ms, 6 * 3600 * 1000);
	assert_int_equal(feed->tier, CW_TIER_B);
	assert_int_equal(feed->format, CW_FORMAT_HTML_TABLE);
	assert_int_equal(feed->kind, CW_KIND_ILACS);
	field = field_of(feed, CW_FIELD_COUNCIL, (enum cw_value_id)0);
	assert_int_equal(field->columns.n, 3);
	assert_string_equal(field->columns.at[2], "Local Authority");
	assert_true(field->required);
	assert_null(field_of(feed, CW_FIELD_PUBLISHED_AT, (enum cw_value_id)0));
	assert_string_equal(field_of(feed, CW_FIELD_VALUE, CW_VAL_CARE_LEAVERS)->columns.at[0], "Care Leavers Grade");
	assert_false(field_of(feed, CW_FIELD_VALUE, CW_VAL_OVERALL_EFFECTIVENESS)->required);

	feed = cw_config_feed(place.config, cw_str("area-send-summary"));
	assert_false(feed->required);
	field = field_of(feed, CW_FIELD_EVENT_DATE, (enum cw_value_id)0);
	assert_int_equal(field->columns.n, 2);
	assert_string_equal(field->date_format.at[0], "%d/%m/%y");
	field = field_of(feed, CW_FIELD_VALUE, CW_VAL_OUTCOME);
	assert_int_equal(field->n_maps, 3);
	assert_string_equal(field->maps[0].from, "2.0");
	assert_string_equal(field->maps[0].to, "2");

	feed = cw_config_feed(place.config, cw_str("evidence"));
	assert_true(feed->enabled);
	assert_null(feed->url);
	assert_int_equal(feed->kind, CW_KIND_NONE);
	assert_int_equal(feed->n_fields, 0);
	assert_null(cw_config_feed(place.config, cw_str("evidenc")));
	tear_down(&place);
}

static void test_values(void **state)
{
	const struct cw_feed *feed;
	const struct cw_field *field;
	struct place place;
	char path[256];

	(void)state;
	set_up(&place);
	write_file(&place, "main.conf", TABLES "heartbeat = 1500ms host_delay = 0s worker_memory = 1G sandbox = off\n");
	write_file(
	    &place, "feeds.d/a.conf",
	    "feed \"f\" {\n"
	    "    url = \"http://localhost:8080/x\" interval = 2m publisher = \"Caf\xc3\xa9 \\\"q\\\"\" tier = C\n"
	    "    format = csv kind = signal delimiter = tab encoding = \"windows-1252\" max_size = 1M enabled = no\n"
	    "    headers = { 'Accept: text/csv', \"X-A: b\" } credential = \"secrets/f\" allowed_hosts = { a.example "
	    "}\n"
	    "    record {\n"
	    "        council = { \"A, b\", c } key = { k1, k2 } event_date = d published_at = p\n"
	    "        date_format = \"%d %B %Y\" published_at_format = { \"%Y-%m-%d\", \"%d/%m/%y\" }\n"
	    "        signal = s absent = { \"n/a\", \"-\" } required = { event_date }\n"
	    "        map \"signal\" { \"S114 'notice'\" = s114_notice }\n"
	    "        amount = a number \"amount\" { scale = 1000 parentheses = yes }\n"
	    "        where \"level\" { is = { \"Local authority\", \"LA*\" } not = \">=9\" optional = yes }\n"
	    "        column \"A, b\" { also = \"B, \\\"a\\\"\" }\n"
	    "        constants { status = occurred url = \"https://a.example/\" title = \"Two words\" }\n"
	    "        url_ends_in = council url_mark = event_date\n"
	    "    }\n"
	    "    expect { input_file = \"sample.csv\" gives = {} }\n"
	    "}\n");
	load(&place, "main.conf");
	assert_string_equal(cw_buf_str(&place.mistakes), "");
	assert_int_equal(place.config->heartbeat_ms, 1500);
	assert_int_equal(place.config->host_delay_ms, 0);
	assert_int_equal(place.config->worker_memory, 1 << 30);
	assert_false(place.config->sandbox);
	feed = &place.config->feeds[0];
	assert_int_equal(feed->line, 1);
	assert_string_equal(feed->publisher, "Caf\xc3\xa9 \"q\"");
	assert_int_equal(feed->delimiter, '\t');
	assert_int_equal(feed->max_size, 1 << 20);
	assert_int_equal(feed->interval_ms, 120000);
	assert_int_equal(feed->jitter_ms, 12000);
	assert_false(feed->enabled);
	assert_int_equal(feed->headers.n, 2);
	snprintf(path, sizeof(path), "%s/feeds.d/secrets/f", place.directory);
	assert_string_equal(feed->credential, path);
	assert_int_equal(feed->absent.n, 2);
	field = field_of(feed, CW_FIELD_COUNCIL, (enum cw_value_id)0);
	assert_string_equal(field->columns.at[0], "A, b");
	assert_false(field->required); /* the list says which */
	field = field_of(feed, CW_FIELD_EVENT_DATE, (enum cw_value_id)0);
	assert_true(field->required);
	assert_string_equal(field->date_format.at[0], "%d %B %Y");
	field = field_of(feed, CW_FIELD_PUBLISHED_AT, (enum cw_value_id)0);
	assert_int_equal(field->date_format.n, 2);
	assert_string_equal(field->date_format.at[1], "%d/%m/%y");
	assert_string_equal(field_of(feed, CW_FIELD_VALUE, CW_VAL_STATUS)->constant, "occurred");
	assert_string_equal(field_of(feed, CW_FIELD_VALUE, CW_VAL_SIGNAL)->maps[0].from, "S114 'notice'");
	snprintf(path, sizeof(path), "%s/feeds.d/sample.csv", place.directory);
	assert_string_equal(feed->expects[0].input_file, path);
	field = field_of(feed, CW_FIELD_VALUE, CW_VAL_AMOUNT);
	assert_float_equal(field->scale, 1000, 0);
	assert_true(field->parentheses);
	assert_int_equal(feed->n_wheres, 1);
	assert_string_equal(feed->wheres[0].column, "level");
	assert_string_equal(feed->wheres[0].is.at[1], "LA*");
	assert_string_equal(feed->wheres[0].not.at[0], ">=9");
	assert_true(feed->wheres[0].optional);
	assert_int_equal(feed->n_columns, 1);
	assert_string_equal(feed->columns[0].name, "A, b");
	assert_string_equal(feed->columns[0].also.at[0], "B, \"a\"");
	assert_int_equal(feed->expects[0].line, 16);
	assert_int_equal(feed->expects[0].gives.n, 0);
	tear_down(&place);
}

/* The printed form without its first line, which names the file. */
static const char *body(const struct cw_buf *print)
{
	return strchr(cw_buf_str(print), '\n');
}

/* Printed and read back it is the same, to the last character and the hash. */
static void read_back(struct place *place)
{
	struct cw_buf first, second;
	char hash[sizeof(place->config->hash)];

	assert_string_equal(cw_buf_str(&place->mistakes), "");
	cw_buf_init(&first, 1 << 24);
	cw_buf_init(&second, 1 << 24);
	assert_int_equal(cw_config_print(place->config, &first), 0);
	snprintf(hash, sizeof(hash), "%s", place->config->hash);
	write_file(place, "again.conf", cw_buf_str(&first));
	load(place, "again.conf");
	assert_string_equal(cw_buf_str(&place->mistakes), "");
	assert_int_equal(cw_config_print(place->config, &second), 0);
	assert_string_equal(body(&first), body(&second));
	assert_string_equal(place->config->hash, hash);
	cw_buf_clear(&first);
	cw_buf_clear(&second);
}

static void test_print_reads_back(void **state)
{
	struct place place;

	(void)state;
	set_up(&place);
	write_file(&place, "main.conf",
	           "include_feeds = \"" CW_SOURCE_DIR "/config/feeds.d/*.conf\"\nlog_level = debug\n");
	load(&place, "main.conf");
	read_back(&place);
	assert_int_equal(place.config->n_feeds, shipped_feeds());
	tear_down(&place);
}

static void test_odd_texts_read_back(void **state)
{
	const struct cw_feed *feed;
	struct place place;

	(void)state;
	set_up(&place);
	write_file(
	    &place, "main.conf",
	    TABLES
	    "include_feeds = {} risk_file = \"\" user_agent = \"\\$\\{x} \\\"q\\\" \\\\ # // /* '\"\n"
	    "risk { line_watch = 12.345678901 signal \"news\" { weight = 0.7 } }\n"
	    "feed \"f\" { publisher = 'a\\'b \"c\" ${d}' tier = C format = csv kind = area_send delimiter = \";\"\n"
	    "  interval = 90061s url = \"https://example.org/\" max_size = 1000001\n"
	    "  record { council = \"Caf\xc3\xa9 # no\" outcome = \"o\" map \"outcome\" { \"a { b } c\" = 1 }\n"
	    "  required = {} }\n"
	    "  expect { input = 'line one\nline \"two\"\n\\\\ ${three}\t' gives = { 'bradford \"quote=a b\"' } } }\n"
	    "feed \"h\" { publisher = x tier = C format = csv kind = political_control\n"
	    "  record { council = la majority \"control\" { of = \"all \\\"seats\\\"\" otherwise = noc con = c lab = l }\n"
	    "  map \"council\" { \"a b\" = \"St. Helens\" } } }\n"
	    "feed \"g\" { publisher = x tier = C format = csv kind = spend\n"
	    "  release { decile = 12.5 minimum = 7 points = 0 measure \"amount\" { worse = lower points = 2.5\n"
	    "   denominator = { \"all of it\", n } denominator_minimum = 30.5 } measure \"rate\" { worse = higher } }\n"
	    "  record { constants { published_at = 2024-01-02 url = \"https://example.org/a?b#c\" title = 'The \"t\"' }\n"
	    "  rate = r period = y council = la amount = \"net, \\\"all\\\"\" event_date = y date_format = \"%Y@03-31\"\n"
	    "  number \"amount\" { scale = -0.001 parentheses = on } map \"event_date\" { \"2024 (r)\" = 2024-03-31 }\n"
	    "  where \"$x \\\"y\\\"\" { is = { \"a*\", \"\" } not = \"<= 5\" optional = on }\n"
	    "  column \"net, \\\"all\\\"\" { also = { \"a\", \"b\" } } } }\n");
	load(&place, "main.conf");
	assert_string_equal(cw_buf_str(&place.mistakes), "");
	read_back(&place);
	assert_string_equal(place.config->user_agent, "${x} \"q\" \\ # // /* '");
	feed = &place.config->feeds[0];
	assert_string_equal(feed->publisher, "a'b \"c\" ${d}");
	assert_int_equal(feed->interval_ms, 90061000);
	assert_int_equal(feed->max_size, 1000001);
	assert_int_equal(feed->delimiter, ';');
	assert_string_equal(feed->fields[0].columns.at[0], "Caf\xc3\xa9 # no");
	assert_false(feed->fields[0].required);
	assert_string_equal(feed->expects[0].input, "line one\nline \"two\"\n\\ ${three}\t");
	assert_true(place.config->risk.line_watch == 12.345678901);
	assert_null(place.config->risk_file);
	tear_down(&place);
}

/* The hash follows what changes results, and nothing else. */
static void test_hash(void **state)
{
	static const struct {
		const char *main, *feed;
		bool same;
	} cases[] = {
		{ "", FEED(RECORD), true },
		{ "normalisers = 7 state_dir = elsewhere", FEED(RECORD), true },
		{ "", FEED("interval = 3h " RECORD), true },
		{ "risk { cap_send = 61 }", FEED(RECORD), false },
		{ "", FEED("record { council = la outcome = \"Grade 2\" }"), false },
		{ "", FEED("record { council = la outcome = grade map \"outcome\" { x = 2 } }"), false },
		{ "", FEED("record { council = la outcome = grade where \"a\" { is = b } }"), false },
	};
	struct place place;
	char base[128] = "", text[2048];

	(void)state;
	set_up(&place);
	for (size_t i = 0; i < CW_ARRAY_LEN(cases); i++) {
		snprintf(text, sizeof(text), TABLES "%s\n", cases[i].main);
		write_file(&place, "main.conf", text);
		write_file(&place, "feeds.d/a.conf", cases[i].feed);
		load(&place, "main.conf");
		assert_string_equal(cw_buf_str(&place.mistakes), "");
		if (!i)
			snprintf(base, sizeof(base), "%s", place.config->hash);
		assert_int_equal(strcmp(base, place.config->hash) == 0, cases[i].same);
	}
	tear_down(&place);
}

/* Tables beside the main file win over those beside the feeds. */
static void test_tables_beside_the_file(void **state)
{
	struct place place;
	char path[256];

	(void)state;
	set_up(&place);
	write_file(&place, "main.conf", "include_feeds = \"" CW_SOURCE_DIR "/config/feeds.d/evidence.conf\"\n");
	write_file(&place, "councils.csv",
	           "council_id,name,short_name,type,region,gss_code,la_code,urn,start_date,end_date\n"
	           "croydon,C Council,C,unitary,,,,,,\n");
	write_file(&place, "aliases.csv", "council_id,alias,scheme,valid_from,valid_to,source\n");
	load(&place, "main.conf");
	assert_string_equal(cw_buf_str(&place.mistakes), "");
	snprintf(path, sizeof(path), "%s/councils.csv", place.directory);
	assert_string_equal(place.config->councils_file, path);
	assert_int_equal(cw_councils_count(place.config->councils), 1);
	tear_down(&place);
}

/* Every key is in the manual. */
static void test_keys_are_documented(void **state)
{
	FILE *file = fopen(CW_SOURCE_DIR "/docs/councilwatch.conf.5", "r");
	struct cw_buf manual, keys;
	char block[4096], *line, *rest;
	unsigned n_keys = 0;
	size_t n;

	(void)state;
	assert_non_null(file);
	cw_buf_init(&manual, 1 << 20);
	cw_buf_init(&keys, 1 << 20);
	while ((n = fread(block, 1, sizeof(block), file)) > 0)
		cw_buf_append(&manual, block, n);
	fclose(file);
	assert_int_equal(cw_config_keys(&keys), 0);
	rest = (char *)keys.data;
	while ((line = strsep(&rest, "\n")) && *line) {
		char item[128], *dot = strchr(line, '.'), *tab = strchr(line, '\t');
		unsigned tabs = 0;

		assert_non_null(dot);
		assert_non_null(tab);
		for (const char *c = line; *c; c++)
			tabs += *c == '\t';
		assert_int_equal(tabs, 3);
		snprintf(item, sizeof(item), ".It Ic %.*s\n", (int)(tab - dot - 1), dot + 1);
		if (!strstr(cw_buf_str(&manual), item))
			print_error("%s is not in councilwatch.conf(5)\n", line);
		assert_non_null(strstr(cw_buf_str(&manual), item));
		n_keys++;
	}
	assert_true(n_keys > 100);
	cw_buf_clear(&manual);
	cw_buf_clear(&keys);
}

int main(void)
{
	static const struct CMUnitTest single[] = {
		cmocka_unit_test(test_all_files_in_one_run),
		cmocka_unit_test(test_phrases_not_read),
		cmocka_unit_test(test_no_file),
		cmocka_unit_test(test_socket_paths),
		cmocka_unit_test(test_many_unknown_names),
		cmocka_unit_test(test_minimal),
		cmocka_unit_test(test_shipped_feeds),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_print_reads_back),
		cmocka_unit_test(test_odd_texts_read_back),
		cmocka_unit_test(test_hash),
		cmocka_unit_test(test_tables_beside_the_file),
		cmocka_unit_test(test_keys_are_documented),
	};
	struct CMUnitTest tests[CW_ARRAY_LEN(mistake_cases) + CW_ARRAY_LEN(single)];
	size_t n = 0;

	for (size_t i = 0; i < CW_ARRAY_LEN(mistake_cases); i++)
		tests[n++] = (struct CMUnitTest){ .name = mistake_cases[i].name,
			                          .test_func = test_mistakes,
			                          .initial_state = (void *)(uintptr_t)&mistake_cases[i] };
	for (size_t i = 0; i < CW_ARRAY_LEN(single); i++)
		tests[n++] = single[i];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
