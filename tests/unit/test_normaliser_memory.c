/* Every allocation of ours fails once: the document is given up with -ENOMEM, or reads as if nothing had happened. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <report.h>

#include "fuzz_archive.h"
#include "normaliser_support.h"

static unsigned long countdown; /* 0: none fails */
static unsigned long counted;

static bool fails(void)
{
	counted++;
	return countdown && --countdown == 0;
}

/* The linker sends our own calls here (--wrap); those inside other libraries are not ours to fail. */
void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *pointer, size_t size);
void *__real_reallocarray(void *pointer, size_t n, size_t size);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t max);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *pointer, size_t size);
void *__wrap_reallocarray(void *pointer, size_t n, size_t size);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t max);

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *pointer, size_t size)
{
	return fails() ? NULL : __real_realloc(pointer, size);
}

void *__wrap_reallocarray(void *pointer, size_t n, size_t size)
{
	return fails() ? NULL : __real_reallocarray(pointer, n, size);
}

char *__wrap_strdup(const char *text)
{
	return fails() ? NULL : __real_strdup(text);
}

char *__wrap_strndup(const char *text, size_t max)
{
	return fails() ? NULL : __real_strndup(text, max);
}

struct memory_case {
	const char *format;
	const char *document;
};

static const struct memory_case cases[] = {
	{ "csv", "code,name,grade,day,key,title\n380,\"Brad\"\"ford\",good,2022-11-21,k,a  "
	         "b\n0,No&where,goood,x,k,t\n,Leeds,-,,,\n" },
	{ "csv", "a,b\nc,d\n" },
	{ "figures",
	  "year,level,code,rate,staff,con,all\n2023,LA,380,1.5,30,1,2\n2024,LA,380,\"1,012.5\",30,2,3\n"
	  "2024,LA,383,z,30,,\n2024,LA,384,2,9,,\n2024,no,380,1,1,1,1\n2024,LA,E09000021 / E09000027,3,50,5,5\n" },
	{ "majority", "year,name,con,all\n2023,Old,1,2\n2024,Leeds,2,3\n2024,Leeds,x,3\n" },
	{ "html-table", "<table><tr><th>code<th>name<th>grade<th>day<th>key<th>title</tr>"
	                "<tr><td rowspan=2>380<td>Bradford<td>good<td>2022-11-21<td><a href='x'>k</a><td>t &amp; "
	                "u</tr><tr><td>Bradford<td>x<td><td><td></table>" },
	{ "json", "[{\"CODE\":380,\"grade\":\"good\",\"day\":\"2022-11-21\",\"key\":\"k\",\"title\":\"t  "
	          "t\"},{\"name\":\"Nowhere\"},3]" },
	{ "csv-text", "title,summary\nKingston and Richmond councils issued with improvement notices,\"The leader of Leeds "
	              "Council resigns. Oldham may be next, children\xe2\x80\x99s services say.\"\nLeeds Council meets,\n"
	              "Family from Bolton sue children's services,\n" },
	{ "json-lists", "[{\"a\":[{\"code\":380},{\"code\":[1]}],\"grade\":\"good\",\"t\":[\"x\",\"y\"]}]" },
	{ "feed", "<rss xmlns:x='x'><channel><item><category>Kent</category><category>x</category><title>A &amp;amp; "
	          "B</title><pubDate>Mon, 29 Jun 2026 10:30:00 +0100</pubDate><guid>https://example.org/1</guid>"
	          "<x:y>Leeds</x:y></item></channel></rss>" },
	{ "feed",
	  "<feed xmlns='http://www.w3.org/2005/Atom' xml:base='/a/'><entry xml:base='b/'><category term='Kent'/>"
	  "<link href='c'/><title type='html'>&lt;p&gt;x</title><updated>2026-06-29T12:00:00Z</updated>"
	  "</entry></feed>" },
	{ "xml", "<l y='1'><r k='1'><c>Kent</c><c>x</c><t>a<b>b</b></t><u href='x'/></r><r><c>Nowhere</c></r></l>" },
	{ "govuk-content",
	  "{\"base_path\":\"/"
	  "a\",\"title\":\"Kent\",\"first_published_at\":\"2021-12-21\",\"withdrawn_notice\":{\"explanation\":"
	  "\"<p>x</"
	  "p>\",\"withdrawn_at\":\"2022-01-01\"},\"details\":{\"change_history\":[{\"public_timestamp\":\"2021-12-24\","
	  "\"note\":\"n\"}]},\"links\":{\"organisations\":[{\"title\":\"o\"}]}}" },
	{ "akoma-ntoso",
	  "<akomaNtoso><judgment><meta><FRBRWork><FRBRdate date='2020-01-01' name='judgment'/></FRBRWork><TLCPerson "
	  "eId='a' "
	  "showAs='Kent County Council'/><proprietary><cite>[2020] X 1</cite><party role='Defendant'>Leeds City "
	  "Council</party></proprietary></meta><header><party refersTo='#a' "
	  "as='#claimant'/></header></judgment></akomaNtoso>" },
	{ "html", "<base href='/b/'><link rel=next href='?p=2'><a class='x y' href='c d'>The  report, 3 May 2012</a><a "
	          "href=/other>no</a>"
	          "<a class=x href='https://elsewhere.example/'>report</a><a class=x href='c d'>report</a><area "
	          "class=x href=e alt=report>" },
	{ "json-links",
	  "{\"r\":[{\"u\":\"/a\",\"t\":\"report\"},{\"u\":\"javascript:x\",\"t\":\"report\"}],\"n\":{\"u\":\"/p\"}}" },
	{ "ods",
	  "<office:document-content xmlns:office=':office:1.0' xmlns:table=':table:1.0' xmlns:text=':text:1.0' "
	  "xmlns:x='xlink'>"
	  "<office:body><office:spreadsheet><table:table table:name='A'><table:table-row><table:table-cell "
	  "table:number-rows-spanned='2'><text:p>code</text:p></table:table-cell><table:table-cell "
	  "table:number-columns-spanned='2'><text:p>2021</text:p></table:table-cell></table:table-row><table:table-row>"
	  "<table:covered-table-cell/><table:table-cell><text:p>grade</text:p></table:table-cell><table:table-cell>"
	  "<text:p>day</text:p></table:table-cell><table:table-cell><text:p>key</text:p></table:table-cell></"
	  "table:table-row>"
	  "<table:table-row><table:table-cell office:value-type='float' "
	  "office:value='380'/><table:table-cell><text:p>good"
	  "</text:p></table:table-cell><table:table-cell office:value-type='date' office:date-value='2022-11-21'/>"
	  "<table:table-cell><text:p><text:a x:href='x'>k</text:a></text:p></table:table-cell></table:table-row>"
	  "<table:table-row><table:table-cell><text:p>A note</text:p></table:table-cell></table:table-row>"
	  "</table:table></office:spreadsheet></office:body></office:document-content>" },
	{ "xlsx",
	  "<worksheet xmlns='urn:spreadsheetml/main' xmlns:r='urn:relationships'><sheetData><row><c t='s'><v>0</v></c><c "
	  "t='s'><v>1</v></c>"
	  "<c t='inlineStr'><is><t>key</t></is></c></row><row><c t='s'><v>2</v></c><c t='s'><v>3</v></c><c "
	  "t='str'><f>HYPERLINK("
	  "\"x\",1)</f><v>k</v></c></row><row><c><v>380</v></c><c "
	  "s='1'><v>4</v></c></row></sheetData><mergeCells><mergeCell "
	  "ref='A3:A4'/></mergeCells><hyperlinks><hyperlink ref='C2' r:id='l'/></hyperlinks></worksheet>\n"
	  "==_rels/.rels\n<a><Relationship Id='a' Type='/officeDocument' Target='xl/workbook.xml'/></a>\n"
	  "==xl/workbook.xml\n<workbook xmlns='urn:spreadsheetml/main' xmlns:r='urn:relationships'><sheets><sheet name='A' "
	  "r:id='s'/></sheets>"
	  "</workbook>\n==xl/_rels/workbook.xml.rels\n<a><Relationship Id='s' Type='/worksheet' "
	  "Target='worksheets/sheet1.xml'/>"
	  "<Relationship Id='t' Type='/sharedStrings' Target='sharedStrings.xml'/><Relationship Id='u' Type='/styles' "
	  "Target='styles.xml'/></a>\n==xl/sharedStrings.xml\n<sst "
	  "xmlns='urn:spreadsheetml/main'><si><t>code</t></si><si><t>grade</t></si>"
	  "<si><t>Leeds</t></si><si><t>good</t></si></sst>\n==xl/styles.xml\n<styleSheet "
	  "xmlns='urn:spreadsheetml/main'><numFmts><numFmt "
	  "numFmtId='164' formatCode='d/m'/></numFmts><cellXfs><xf numFmtId='0'/><xf "
	  "numFmtId='164'/></cellXfs></styleSheet>\n"
	  "==xl/worksheets/_rels/sheet1.xml.rels\n<a><Relationship Id='l' Type='/hyperlink' "
	  "Target='https://example.org/'/></a>\n" },
	{ "ndjson", "{\"code\":380,\"Grade\":\"good\"}\n{\"code\":[]}\nx\n" },
	{ "evidence", "{\"kind\":\"signal\",\"council_id\":\"E08000032\",\"title\":\"a  "
	              "b\",\"url\":\"https://example.org/\",\"values\":{\"signal\":\"apa_open\",\"status\":\"open\"}}\n"
	              "{\"kind\":\"area_send\",\"council_id\":\"leeds\",\"values\":{\"outcome\":2.0}}\n" },
};

static struct cw_config *config_of(const struct memory_case *c)
{
	if (!strcmp(c->format, "evidence"))
		return support_config_feeds(
		    "feed \"test\" {\npublisher = \"P\"\ntier = \"B\"\nformat = \"evidence\"\n}\n");
	if (!strcmp(c->format, "html"))
		return support_config_feeds(
		    "feed \"test\" {\nurl = \"https://example.org/\"\npublisher = \"P\"\ntier = \"B\"\nformat = "
		    "\"csv\"\nkind = \"ilacs\"\n"
		    "pages { rel = \"next\" }\nstep \"test\" { link_class = \"x\" text_contains = \"report\" }\n"
		    "record {\ncouncil = \"c\"\noverall_effectiveness = \"g\"\n}\n}\n");
	if (!strcmp(c->format, "json-links"))
		return support_config_feeds(
		    "feed \"test\" {\nurl = \"https://example.org/\"\npublisher = \"P\"\ntier = \"B\"\nformat = \"csv\"\nkind = \"ilacs\"\n"
		    "pages { next_at = \"n.u\" }\nstep \"test\" { format = \"json\" rows_at = \"r\" link = \"u\" text = \"t\" }\n"
		    "record {\ncouncil = \"c\"\noverall_effectiveness = \"g\"\n}\n}\n");
	if (!strcmp(c->format, "csv-text"))
		return support_config_feeds("phrases_file = \"" CW_SOURCE_DIR "/config/phrases.conf\"\n"
		                            "feed \"test\" {\npublisher = \"P\"\ntier = \"C\"\nformat = \"csv\"\nkind "
		                            "= \"news\"\nrecord {\ntext = { \"title\", \"summary\" }\n}\n}\n");
	if (!strcmp(c->format, "json-lists"))
		return support_config("json", "",
		                      "council = \"a[].code\"\ntitle = \"t[]\"\noverall_effectiveness = \"grade\"\n");
	if (!strcmp(c->format, "figures"))
		return support_config_feeds(
		    "feed \"test\" {\npublisher = \"P\"\ntier = \"A\"\nformat = \"csv\"\nkind = \"workforce\"\n"
		    "record {\ncouncil = \"code\"\nevent_date = \"year\"\ndate_format = \"%Y@09-30\"\nperiod = "
		    "\"year\"\n"
		    "agency_rate = \"r\"\nabsent = \"z\"\nwhere \"level\" { is = { \"LA*\" } not = \">5\" }\n"
		    "column \"r\" { also = { \"q\", \"rate\" } }\nnumber \"agency_rate\" { scale = 10 }\n}\n"
		    "release {\nminimum = 2\ndecile = 50\nmeasure \"agency_rate\" { worse = higher denominator = staff "
		    "denominator_minimum = 10 }\n}\n}\n");
	if (!strcmp(c->format, "majority"))
		return support_config_feeds(
		    "feed \"test\" {\npublisher = \"P\"\ntier = \"A\"\nformat = \"csv\"\nkind = \"political_control\"\n"
		    "record {\ncouncil = \"name\"\nkey = \"year\"\nmajority \"control\" { of = all otherwise = noc con "
		    "= con }\n"
		    "map \"council\" { Old = E08000032 }\n}\n}\n");
	if (!strcmp(c->format, "govuk-content"))
		return support_config_feeds(
		    "feed \"test\" {\npublisher = \"P\"\ntier = \"A\"\nformat = \"govuk-content\"\nkind = \"news\"\n"
		    "record {\ncouncil = \"title\"\ntitle = \"note\"\nurl = \"url\"\npublished_at = "
		    "\"public_timestamp\"\n}\n}\n");
	if (!strcmp(c->format, "akoma-ntoso"))
		return support_config_feeds(
		    "feed \"test\" {\npublisher = \"P\"\ntier = \"A\"\nformat = \"akoma-ntoso\"\nkind = "
		    "\"court_judgment\"\n"
		    "record {\ncouncil = \"council\"\ncitation = \"citation\"\nevent_date = \"date\"\n}\n}\n");
	if (!strcmp(c->format, "xml"))
		return support_config_feeds("feed \"test\" {\npublisher = \"P\"\ntier = \"C\"\nformat = \"xml\"\nkind "
		                            "= \"news\"\nrows_at = \"l/r\"\n"
		                            "record {\ncouncil = \"c\"\ntitle = \"t\"\nurl = \"u[@href]/@href\"\nkey = "
		                            "{ \"../@y\", \"@k\" }\n}\n}\n");
	if (!strcmp(c->format, "feed"))
		return support_config_feeds(
		    "feed \"test\" {\npublisher = \"P\"\ntier = \"C\"\nformat = \"feed\"\nkind = \"news\"\n"
		    "record {\ncouncil = { \"category\", \"x:y\" }\ntitle = \"title\"\nurl = \"link\"\n"
		    "published_at = { \"published\", \"updated\" }\n}\n}\n");
	return support_config(
	    c->format,
	    !strcmp(c->format, "ods") || !strcmp(c->format, "xlsx")
	        ? "url = \"https://example.org/a/\"\nheading_rows = 2\nsheet = \"*\""
	        : "url = \"https://example.org/a/\"",
	    "council = { \"code\", \"name\" }\nevent_date = \"day\"\noverall_effectiveness = \"grade\"\n"
	    "key = { \"key\", \"name\" }\ntitle = \"title\"\nurl = \"key\"\nrequired = { \"council\" }\n"
	    "absent = { \"NaN\" }\n");
}

static int take_evidence(void *arg, const struct cw_evidence *evidence)
{
	(void)evidence;
	++*(unsigned *)arg;
	return 0;
}

static int take_link(void *arg, const struct cw_doc_link *link)
{
	(void)link;
	++*(unsigned *)arg;
	return 0;
}

/* 0 or -errno; *ret_n counts the evidence, or the links of a step. */
static int read_document(const struct cw_config *config, const char *text, size_t len, unsigned *ret_n,
                         struct cw_document_tally *ret)
{
	const struct cw_normalise_sink sink = { take_evidence, NULL, ret_n, take_link };
	struct cw_document_info info = { .fetched_at = { 1700000000000ll } };
	struct cw_normaliser *normaliser = NULL;
	struct cw_error err = { 0 };
	int r;

	const struct cw_feed *feed = cw_config_feed(config, cw_str("test"));

	info.feed = info.url = info.content_type = cw_str("");
	if (feed->n_steps)
		info.step = cw_str("test");
	*ret_n = 0;
	r = cw_normaliser_new(config, feed, &info, &sink, &normaliser, &err);
	if (r < 0)
		return r;
	for (size_t at = 0; at < len && r >= 0; at += 50)
		r = cw_normaliser_feed(normaliser, text + at, CW_MIN(len - at, (size_t)50), &err);
	while (r >= 0) {
		r = cw_normaliser_end(normaliser, ret, &err);
		if (r == 0)
			break;
	}
	ret->detail = cw_str("");
	cw_normaliser_free(normaliser);
	return r;
}

static void test_case(void **state)
{
	const struct memory_case *c = *state;
	struct cw_config *config = config_of(c);
	struct cw_document_tally wanted, got;
	const char *document = c->document;
	char *archive = NULL;
	size_t len = strlen(document);
	unsigned n_wanted, n;
	unsigned long total;

	if (!strcmp(c->format, "ods") || !strcmp(c->format, "xlsx")) {
		static const struct fuzz_part none[] = { { NULL, NULL } };

		archive =
		    (char *)fuzz_archive((const uint8_t *)document, len,
		                         c->format[0] == 'o' ? "content.xml" : "xl/worksheets/sheet1.xml", none, &len);
		assert_non_null(archive);
		document = archive;
	}
	countdown = counted = 0;
	assert_int_equal(read_document(config, document, len, &n_wanted, &wanted), 0);
	assert_true(!archive || n_wanted);
	total = counted;
	assert_true(total > 5);
	for (unsigned long i = 1; i <= total; i++) {
		int r;

		countdown = i;
		r = read_document(config, document, len, &n, &got);
		countdown = 0;
		if (r == -ENOMEM)
			continue;
		assert_int_equal(r, 0);
		assert_int_equal(n, n_wanted);
		assert_memory_equal(&got, &wanted, offsetof(struct cw_document_tally, detail));
	}
	free(archive);
	cw_config_free(config);
}

/* The text and the grammar of inspection reports, without the PDF around them. */
static int read_report(size_t *ret_values, size_t *ret_quote)
{
	static const char lines[] =
	    "Barsetshire Council\nInspection of services for children in need of help and\nprotection, children looked "
	    "after and care "
	    "leavers\n\nInspection date: 2 to 5 March 2015\n\nChildren's services in Barsetshire are good\n\n"
	    "1. Children who need help and protection                               Good\n"
	    "2. Children looked after and achieving permanence                      Good\n"
	    "          2.1 Adoption performance                                     Good\n"
	    "          2.2 Experiences and progress of care leavers                 Good\n"
	    "3. Leadership, management and governance                               Goodish\n\f"
	    "The experiences and progress of children who need help and protection are good\n";
	struct cw_report_text text;
	struct cw_report report = { 0 };
	int r;

	cw_report_text_init(&text);
	r = cw_report_text_lines(&text, cw_str(lines));
	if (r == 0)
		r = cw_report_read(&text, &report);
	*ret_values = report.n_values;
	*ret_quote = report.quote.len;
	cw_report_clear(&report);
	cw_report_text_clear(&text);
	return r;
}

static void test_report(void **state)
{
	size_t values, quote, n, len;
	unsigned long total;

	(void)state;
	countdown = counted = 0;
	assert_int_equal(read_report(&values, &quote), 0);
	assert_true(values > 0 && quote > 0);
	total = counted;
	for (unsigned long i = 1; i <= total; i++) {
		int r;

		countdown = i;
		r = read_report(&n, &len);
		countdown = 0;
		if (r == -ENOMEM)
			continue;
		assert_int_equal(r, 0);
		assert_int_equal(n, values);
		assert_int_equal(len, quote);
	}
}

int main(void)
{
	struct CMUnitTest tests[CW_ARRAY_LEN(cases) + 1] = { [CW_ARRAY_LEN(cases)] = cmocka_unit_test(test_report) };

	for (size_t i = 0; i < CW_ARRAY_LEN(cases); i++)
		tests[i] = (struct CMUnitTest){ .name = cases[i].format,
			                        .test_func = test_case,
			                        .initial_state = (void *)(uintptr_t)&cases[i] };
	return _cmocka_run_group_tests("memory", tests, CW_ARRAY_LEN(tests), NULL, NULL);
}
