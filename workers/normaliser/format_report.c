/*
 * An inspection report as a document of one row. The bytes are kept until they are whole, for a PDF is read from its end; then
 * one page is read at a time, so that the worker stays responsive, and what the pages say becomes one piece of evidence.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <councilwatch/limits.h>

#include "format.h"
#include "format_report.h"
#include "report_pdf.h"

/* A page of a scan may have a stamp on it. */
#define WORDS_MIN 30u
#define NAME_VARIANTS 5u

struct document {
	struct cw_record *record;
	struct cw_buf bytes;
	struct cw_report_pdf *pdf;
	struct cw_report_text text;
	unsigned page;
};

static int begin(struct cw_record *record, void **ret)
{
	struct document *document = calloc(1, sizeof(*document));

	*ret = document;
	if (!document)
		return -ENOMEM;
	document->record = record;
	cw_buf_init(&document->bytes, CW_WHOLE_DOCUMENT_MAX);
	cw_report_text_init(&document->text);
	return 0;
}

static void document_free(void *state)
{
	struct document *document = state;

	if (!document)
		return;
	cw_report_pdf_free(document->pdf);
	cw_report_text_clear(&document->text);
	cw_buf_clear(&document->bytes);
	free(document);
}

static int feed(void *state, const char *bytes, size_t len)
{
	struct document *document = state;
	int r = cw_buf_append(&document->bytes, bytes, len);

	if (r != -EMSGSIZE)
		return r;
	cw_record_fail(document->record, CW_REASON_TOO_LARGE, "a PDF is read whole, and this one is over %u MiB",
	               CW_WHOLE_DOCUMENT_MAX >> 20);
	return 1;
}

/* --- the council --- */

static bool drop_end(struct cw_str *text, const char *end)
{
	size_t n = strlen(end);

	if (text->len <= n || strncasecmp(text->at + text->len - n, end, n) != 0)
		return false;
	text->len -= n;
	*text = cw_str_trim(*text);
	return true;
}

static bool drop_start(struct cw_str *text, const char *start)
{
	size_t n = strlen(start);

	if (text->len <= n || strncasecmp(text->at, start, n) != 0)
		return false;
	text->at += n;
	text->len -= n;
	return true;
}

/*
 * A name as printed, without what titles put around it, and last without the words for the kind of council: "Metropolitan Borough
 * of Solihull", "Derby City". The tables of councils know each council's name without them; none of them parts two councils.
 */
static size_t variants(struct cw_str name, struct cw_str ret[NAME_VARIANTS])
{
	static const char *const starts[] = { "metropolitan borough of ", "metropolitan district of ", "london borough of ",
		                              "royal borough of ",        "borough of ",               "city of ",
		                              "county of ",               "council of the " };
	static const char *const ends[] = { " council", " county", " city", " metropolitan borough", " metropolitan district",
		                            " borough", " district" };
	size_t n = 0;

	name = cw_str_trim(name);
	ret[n++] = name;
	if (drop_start(&name, "the "))
		ret[n++] = name;
	if (drop_end(&name, " children's services") || drop_end(&name, " children\xe2\x80\x99s services") ||
	    drop_end(&name, "local authority") || drop_end(&name, "local area partnership"))
		ret[n++] = name;
	if (drop_end(&name, "'s") || drop_end(&name, "\xe2\x80\x99s"))
		ret[n++] = name;
	for (size_t i = 0; i < CW_ARRAY_LEN(starts); i++)
		if (drop_start(&name, starts[i]))
			break;
	for (size_t i = 0; i < CW_ARRAY_LEN(ends); i++)
		(void)drop_end(&name, ends[i]);
	if (name.len && name.len != ret[n - 1].len)
		ret[n++] = name;
	return n;
}

/* Is it a council's name on that day? 0, 1 when it is none's, -errno. */
static int is_known(struct cw_record *record, struct cw_str name, int32_t day)
{
	const struct cw_council *council;

	return cw_council_resolve(cw_record_config(record)->councils, &name, 1, day, &council, NULL);
}

/*
 * The form of a name by which a council is known on that day: 0, 1 when there is none, -errno. "Newcastle" alone is in no table, since a
 * district shares it; a report on children's services is about the council that has them, and "Newcastle City Council" is one.
 */
static int known_name(struct cw_record *record, struct cw_str text, int32_t day, struct cw_str *ret)
{
	struct cw_str name, forms[NAME_VARIANTS];
	size_t n, size;
	char *city;
	int r = cw_record_text(record, text, 0, &name);

	if (r < 0)
		return r;
	n = variants(name, forms);
	for (size_t i = 0; i < n; i++) {
		r = is_known(record, forms[i], day);
		if (r == 0)
			*ret = forms[i];
		if (r <= 0)
			return r;
	}
	size = forms[n - 1].len + sizeof(" City Council");
	city = cw_record_alloc(record, size);
	if (!city)
		return -ENOMEM;
	snprintf(city, size, "%.*s City Council", (int)forms[n - 1].len, forms[n - 1].at);
	r = is_known(record, cw_str(city), day);
	if (r == 0)
		*ret = cw_str(city);
	return r;
}

/* The first of the title's names that is a council's on that day, with its other texts. 0; 1 rejected; -errno. */
static int council_of(struct document *document, const struct cw_report *report, int32_t day, struct cw_str *ret_id)
{
	struct cw_record *record = document->record;
	struct cw_str texts[2 * CW_REPORT_NAMES_MAX], found = cw_str("");
	size_t n = 0;
	int r;

	if (day == CW_DAY_NONE)
		day = cw_record_too_late(record) == CW_DAY_NONE ? cw_wall_day(cw_wall_now()) : cw_record_too_late(record);
	for (size_t i = 0; i < report->n_names && !found.len; i++) {
		r = known_name(record, report->names[i], day, &found);
		if (r < 0)
			return r;
	}
	if (!found.len) /* a person is shown what the title says */
		return cw_record_council(record, report->names, report->n_names, day, ret_id);
	texts[n++] = found;
	/* What the rest calls it must not be another council; what is no council's name at all says nothing. */
	for (size_t i = 0; i < report->n_others; i++) {
		r = known_name(record, report->others[i], day, &texts[n]);
		if (r < 0)
			return r;
		n += r == 0;
	}
	return cw_record_council(record, texts, n, day, ret_id);
}

/* --- the evidence --- */

static int put_day(struct cw_record *record, struct cw_evidence *evidence, enum cw_value_id id, int32_t day)
{
	char *text;

	if (day == CW_DAY_NONE || !cw_kind_allows(evidence->kind, id))
		return 0;
	text = cw_record_alloc(record, CW_WALL_TEXT);
	if (!text)
		return -ENOMEM;
	return cw_evidence_set(evidence, id, cw_str(cw_day_format(day, text)));
}

static int put_number(struct cw_record *record, struct cw_evidence *evidence, enum cw_value_id id, unsigned number)
{
	char *text = cw_record_alloc(record, 16);

	if (!text)
		return -ENOMEM;
	snprintf(text, 16, "%u", number);
	return cw_evidence_set(evidence, id, cw_str(text));
}

/* Days that contradict each other, or what is known of the document, are not taken. */
static int check_days(struct cw_record *record, struct cw_report *report)
{
	int32_t latest = cw_record_too_late(record);
	int r = 0;

	if (report->start != CW_DAY_NONE && ((latest != CW_DAY_NONE && report->start > latest) ||
	                                     (report->published != CW_DAY_NONE && report->published < report->end))) {
		r = cw_record_reject(record, CW_REASON_BAD_DATE, "inspection_start", cw_str(""),
		                     report->published != CW_DAY_NONE && report->published < report->end ?
		                         "the inspection ends after the report was published" :
		                         "the inspection begins after the document was fetched");
		report->start = report->end = report->published = CW_DAY_NONE;
	}
	if (r == 0 && report->published != CW_DAY_NONE && latest != CW_DAY_NONE && report->published > latest) {
		r = cw_record_reject(record, CW_REASON_BAD_DATE, "published_at", cw_str(""),
		                     "published after the document was fetched");
		report->published = CW_DAY_NONE;
	}
	return r;
}

static int put_values(struct document *document, const struct cw_report *report, struct cw_evidence *evidence)
{
	struct cw_record *record = document->record;
	const char *framework = report->framework;
	int r = 0;

	if (!framework && report->kind == CW_KIND_ILACS)
		framework = cw_ilacs_framework(evidence->event_day);
	if (framework)
		r = cw_evidence_set(evidence, CW_VAL_FRAMEWORK_ID, cw_str(framework));
	if (r == 0)
		r = cw_evidence_set(evidence, CW_VAL_INSPECTION_TYPE, cw_str(report->about));
	for (size_t i = 0; i < report->n_values && r == 0; i++)
		if (cw_kind_allows(evidence->kind, report->values[i].id))
			r = cw_evidence_set(evidence, report->values[i].id, report->values[i].text);
	if (r == 0)
		r = put_day(record, evidence, CW_VAL_INSPECTION_START, report->start);
	if (r == 0)
		r = put_day(record, evidence, CW_VAL_INSPECTION_END, report->end);
	if (r == 0 && report->page)
		r = put_number(record, evidence, CW_VAL_PAGE, report->page);
	return r;
}

static int put_texts(struct document *document, const struct cw_report *report, struct cw_evidence *evidence)
{
	struct cw_record *record = document->record;
	struct cw_str url = cw_record_info(record)->url;
	int r;

	r = cw_record_text(record, report->title, CW_QUOTE_MAX, &evidence->title);
	if (r == 0)
		r = cw_record_text(record, report->quote, CW_QUOTE_MAX, &evidence->quote);
	/* The name of an imported file is no address. */
	if (r == 0 && url.len > 8 && (!strncasecmp(url.at, "https://", 8) || !strncasecmp(url.at, "http://", 7)))
		r = cw_record_url(record, url, &evidence->url);
	return r == 1 ? 0 : r;
}

/* One inspection of a council is known by the day on which it began, however often its report is issued. */
static int put_key(struct cw_record *record, struct cw_evidence *evidence)
{
	char *key, day[CW_WALL_TEXT];

	if (evidence->event_day == CW_DAY_NONE)
		return 0;
	key = cw_record_alloc(record, 160);
	if (!key)
		return -ENOMEM;
	snprintf(key, 160, "%.*s|%s", (int)CW_MIN(evidence->council_id.len, 100u), evidence->council_id.at,
	         cw_day_format(evidence->event_day, day));
	evidence->key = cw_str(key);
	return 0;
}

static int give(struct document *document, struct cw_report *report)
{
	struct cw_record *record = document->record;
	struct cw_evidence evidence = { .kind = report->kind, .published_at = cw_wall_none(), .fetched_at = cw_wall_none() };
	int r = 0;

	evidence.council_id = evidence.publisher = evidence.url = evidence.title = evidence.quote = evidence.key = cw_str("");
	cw_record_start_row(record, 1);
	for (size_t i = 0; i < report->n_problems && r == 0; i++)
		r = cw_record_reject(record, report->problems[i].reason, report->problems[i].field, report->problems[i].text,
		                     "%s", report->problems[i].detail);
	/* Reports do not say any more when they were published; the page that lists them does. */
	if (report->published == CW_DAY_NONE && cw_record_link_day(record) >= report->end)
		report->published = cw_record_link_day(record);
	if (r == 0)
		r = check_days(record, report);
	if (r < 0)
		return r;
	if (report->kind == CW_KIND_NONE)
		return cw_record_reject(record, CW_REASON_NO_OUTCOME, "", report->title,
		                        "a report of a kind that nothing is read of");
	evidence.event_day = report->start;
	if (report->published != CW_DAY_NONE)
		evidence.published_at = cw_day_start(report->published);
	r = council_of(document, report, report->start, &evidence.council_id);
	if (r)
		return r < 0 ? r : 0;
	r = put_values(document, report, &evidence);
	if (r == 0)
		r = put_texts(document, report, &evidence);
	if (r == 0)
		r = put_key(record, &evidence);
	return r < 0 ? r : cw_record_evidence(record, &evidence);
}

static int read_text(struct document *document)
{
	struct cw_report report;
	int r;

	if (document->text.n_words < WORDS_MIN) {
		cw_record_fail(document->record, CW_REASON_UNPARSABLE, "no text on its pages (%u): scanned, perhaps",
		               document->page);
		return 0;
	}
	r = cw_report_read(&document->text, &report);
	if (r == 0 && report.type == CW_REPORT_UNKNOWN)
		cw_record_fail(document->record, CW_REASON_UNPARSABLE,
		               "its first page has no title of an inspection report that is known");
	else if (r == 0)
		r = give(document, &report);
	cw_report_clear(&report);
	return r;
}

static int open_pdf(struct document *document)
{
	int r = cw_report_pdf_open(document->bytes.data, document->bytes.len, &document->pdf);
	unsigned pages;

	if (r > 0) {
		cw_record_fail(document->record, CW_REASON_UNPARSABLE,
		               r == CW_REPORT_PDF_ENCRYPTED ? "an encrypted PDF: it opens only with a password" :
		                                              "a damaged PDF");
		return 0;
	}
	if (r < 0)
		return r;
	pages = cw_report_pdf_pages(document->pdf);
	if (!pages) {
		cw_record_fail(document->record, CW_REASON_UNPARSABLE, "a PDF without pages");
		return 0;
	}
	if (pages > CW_REPORT_PAGES_MAX) {
		cw_record_fail(document->record, CW_REASON_TOO_LARGE, "%u pages; a report has at most %u", pages,
		               CW_REPORT_PAGES_MAX);
		return 0;
	}
	return 1;
}

static int end(void *state)
{
	struct document *document = state;
	int r;

	if (!document->pdf)
		return open_pdf(document);
	if (document->page < cw_report_pdf_pages(document->pdf)) {
		r = cw_report_pdf_page(document->pdf, document->page++, &document->text);
		if (r == -EMSGSIZE) {
			cw_record_fail(document->record, CW_REASON_TOO_LARGE, "page %u has too much text", document->page);
			return 0;
		}
		return r < 0 ? r : 1;
	}
	return read_text(document);
}

const struct cw_format_ops cw_format_report = {
	.format = CW_FORMAT_ILACS_REPORT,
	.noun = "an inspection report as PDF",
	.raw = true,
	.magic = "%PDF-",
	.begin = begin,
	.feed = feed,
	.end = end,
	.free = document_free,
};

int cw_format_report_register(void)
{
	int r = cw_report_pdf_prepare();

	return r < 0 ? r : cw_format_register(&cw_format_report);
}
