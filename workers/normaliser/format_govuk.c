/*
 * A page of GOV.UK as its Content API gives it: what happened to the page is in its change notes, and each is a row.
 *
 * Rows are the notes of details.change_history; the first publication, when the notes do not have it; and the
 * withdrawal, which is no change note. A page without notes is one row. Every row carries the page's own texts.
 */
#include <errno.h>
#include <string.h>

#include <councilwatch/limits.h>

#include "columns.h"
#include "format.h"
#include "html_text.h"
#include "json.h"

#define SITE "https://www.gov.uk"
#define DAY_MS 86400000

/* In the order of cw_format_columns. */
enum column {
	TITLE,
	BASE_PATH,
	URL,
	NOTE,
	PUBLIC_TIMESTAMP,
	FIRST_PUBLISHED_AT,
	PUBLIC_UPDATED_AT,
	DOCUMENT_TYPE,
	WITHDRAWN,
	DESCRIPTION,
	ORGANISATION,
	COLUMNS
};

struct govuk {
	struct cw_record *record;
	struct cw_json_reader *reader;
	uint64_t row;
	size_t n_slots;
	int *places;           /* owned; enum column by slot */
	struct cw_cell *cells; /* owned; by slot */
	struct cw_str texts[COLUMNS];
	char times[3][CW_WALL_TEXT];
	struct cw_buf url, organisation, withdrawn, note;
};

static struct cw_str text_of(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);

	return json_is_string(value)
	           ? cw_str_trim((struct cw_str){ json_string_value(value), json_string_length(value) })
	           : (struct cw_str){ "", 0 };
}

/* The same moment is written ".000+00:00", "+01:00" or "Z": one form, so that it may be part of a key. */
static struct cw_str one_form(struct cw_str text, char buf[CW_WALL_TEXT])
{
	struct cw_wall wall;
	bool date_only;

	if (cw_wall_parse(text.at, text.len, &wall, &date_only) < 0 || date_only)
		return text;
	return cw_str(cw_wall_format(wall, buf));
}

static int give(struct govuk *govuk, struct cw_str timestamp, struct cw_str note)
{
	govuk->texts[PUBLIC_TIMESTAMP] = one_form(timestamp, govuk->times[0]);
	govuk->texts[NOTE] = note;
	for (size_t i = 0; i < govuk->n_slots; i++) {
		struct cw_str text = govuk->places[i] < 0 ? (struct cw_str){ "", 0 } : govuk->texts[govuk->places[i]];

		govuk->cells[i] = (struct cw_cell){ text, { "", 0 }, NULL };
		if (govuk->places[i] >= 0)
			cw_record_seen(govuk->record, i); /* every page has it, or might */
	}
	return cw_record_row(govuk->record, ++govuk->row, govuk->cells);
}

static bool same_day(struct cw_str a, struct cw_str b)
{
	struct cw_wall ta, tb;

	/* The same moment is seen written with two offsets, and once as the wrong one of the two. */
	return cw_wall_parse(a.at, a.len, &ta, NULL) == 0 && cw_wall_parse(b.at, b.len, &tb, NULL) == 0 &&
	       ta.ms - tb.ms < DAY_MS && tb.ms - ta.ms < DAY_MS;
}

static bool says_first(struct cw_str note)
{
	return note.len >= 15 && !memcmp(note.at, "First published", 15);
}

/* The notes, and the first publication if no note is of its day. */
static int give_history(struct govuk *govuk, const json_t *details)
{
	uint64_t before = govuk->row;
	const json_t *history = json_object_get(details, "change_history"), *each;
	struct cw_str first = govuk->texts[FIRST_PUBLISHED_AT];
	bool has_first = false;
	size_t i;
	int r = 0;

	json_array_foreach((json_t *)(uintptr_t)history, i, each)
	{
		struct cw_str note = text_of(each, "note"), timestamp = text_of(each, "public_timestamp");

		if (!json_is_object(each)) {
			r = cw_record_bad_row(govuk->record, ++govuk->row, (struct cw_str){ "", 0 },
			                      "%s in the change history, not an object", cw_json_type_name(each));
		} else {
			has_first = has_first || says_first(note) || same_day(timestamp, first);
			r = give(govuk, timestamp, note);
		}
		if (r < 0)
			return r;
	}
	if (first.len && !has_first)
		return give(govuk, first, cw_str("First published."));
	if (govuk->row == before)
		return give(govuk, govuk->texts[PUBLIC_UPDATED_AT], text_of(details, "latest_change_note"));
	return 0;
}

/* "withdrawn: " and the reason, which is HTML. */
static int give_withdrawal(struct govuk *govuk, const json_t *notice)
{
	const char *why = NULL;
	int r;

	cw_buf_reset(&govuk->withdrawn);
	cw_buf_reset(&govuk->note);
	r = cw_html_text(text_of(notice, "explanation"), &govuk->withdrawn, &why);
	if (r == -ENOMEM)
		return r;
	if (r)
		cw_buf_reset(&govuk->withdrawn); /* what happened is known without the reason */
	govuk->texts[WITHDRAWN] = cw_str_trim((struct cw_str){ cw_buf_str(&govuk->withdrawn), govuk->withdrawn.len });
	cw_buf_puts(&govuk->note, "withdrawn");
	if (govuk->texts[WITHDRAWN].len)
		cw_buf_printf(&govuk->note, ": %.*s", (int)govuk->texts[WITHDRAWN].len, govuk->texts[WITHDRAWN].at);
	if (govuk->note.failed)
		return govuk->note.failed;
	return give(govuk, text_of(notice, "withdrawn_at"),
	            (struct cw_str){ cw_buf_str(&govuk->note), govuk->note.len });
}

static int set_page(struct govuk *govuk, const json_t *page, const json_t *details)
{
	static const struct {
		enum column column;
		const char *name;
	} plain[] = { { TITLE, "title" },
		      { BASE_PATH, "base_path" },
		      { FIRST_PUBLISHED_AT, "first_published_at" },
		      { PUBLIC_UPDATED_AT, "public_updated_at" },
		      { DOCUMENT_TYPE, "document_type" },
		      { DESCRIPTION, "description" } };
	const json_t *organisations = json_object_get(json_object_get(page, "links"), "organisations"), *each;
	size_t i;

	memset(govuk->texts, 0, sizeof(govuk->texts));
	for (size_t k = 0; k < CW_ARRAY_LEN(govuk->texts); k++)
		govuk->texts[k].at = "";
	for (size_t k = 0; k < CW_ARRAY_LEN(plain); k++)
		govuk->texts[plain[k].column] = text_of(page, plain[k].name);
	if (!govuk->texts[FIRST_PUBLISHED_AT].len)
		govuk->texts[FIRST_PUBLISHED_AT] = text_of(details, "first_public_at");
	govuk->texts[FIRST_PUBLISHED_AT] = one_form(govuk->texts[FIRST_PUBLISHED_AT], govuk->times[1]);
	govuk->texts[PUBLIC_UPDATED_AT] = one_form(govuk->texts[PUBLIC_UPDATED_AT], govuk->times[2]);
	cw_buf_reset(&govuk->url);
	if (govuk->texts[BASE_PATH].len && govuk->texts[BASE_PATH].at[0] == '/')
		cw_buf_printf(&govuk->url, SITE "%.*s", (int)govuk->texts[BASE_PATH].len, govuk->texts[BASE_PATH].at);
	govuk->texts[URL] = (struct cw_str){ cw_buf_str(&govuk->url), govuk->url.len };
	cw_buf_reset(&govuk->organisation);
	json_array_foreach((json_t *)(uintptr_t)organisations, i, each)
	{
		struct cw_str title = text_of(each, "title");

		if (title.len)
			cw_buf_printf(&govuk->organisation, "%s%.*s", govuk->organisation.len ? "; " : "",
			              (int)title.len, title.at);
	}
	govuk->texts[ORGANISATION] = (struct cw_str){ cw_buf_str(&govuk->organisation), govuk->organisation.len };
	return govuk->url.failed == -ENOMEM || govuk->organisation.failed == -ENOMEM ? -ENOMEM : 0;
}

static int page(void *arg, uint64_t number, const json_t *object)
{
	struct govuk *govuk = arg;
	const json_t *details = json_object_get(object, "details");
	const json_t *notice = json_object_get(object, "withdrawn_notice");
	struct cw_str schema = text_of(object, "schema_name");
	int r;

	(void)number;
	r = set_page(govuk, object, details);
	if (r < 0)
		return r;
	if (!govuk->texts[BASE_PATH].len) {
		cw_record_fail(govuk->record, CW_REASON_UNPARSABLE,
		               "no page of the GOV.UK Content API: it has no base_path");
		return 0;
	}
	if (cw_str_eq(schema, "gone") || cw_str_eq(schema, "redirect") || cw_str_eq(schema, "vanish")) {
		cw_record_fail(govuk->record, CW_REASON_NO_ROWS, "GOV.UK has taken the page away (%.*s)",
		               (int)schema.len, schema.at);
		return 0;
	}
	r = give_history(govuk, details);
	if (r == 0 && json_object_size(notice))
		r = give_withdrawal(govuk, notice);
	return r;
}

static void govuk_free(void *state)
{
	struct govuk *govuk = state;

	if (!govuk)
		return;
	cw_json_reader_free(govuk->reader);
	free(govuk->places);
	free(govuk->cells);
	cw_buf_clear(&govuk->url);
	cw_buf_clear(&govuk->organisation);
	cw_buf_clear(&govuk->withdrawn);
	cw_buf_clear(&govuk->note);
	free(govuk);
}

static int begin(struct cw_record *record, void **ret)
{
	struct govuk *govuk = calloc(1, sizeof(*govuk));
	const struct cw_json_options options = { .row = page, .arg = govuk };
	int r;

	*ret = govuk;
	if (!govuk)
		return -ENOMEM;
	govuk->record = record;
	cw_buf_init(&govuk->url, CW_FIELD_MAX + CW_URL_MAX);
	cw_buf_init(&govuk->organisation, CW_ROW_MAX);
	cw_buf_init(&govuk->withdrawn, CW_ROW_MAX);
	cw_buf_init(&govuk->note, CW_ROW_MAX + CW_URL_MAX);
	govuk->n_slots = cw_record_slots(record);
	govuk->cells = calloc(govuk->n_slots + 1, sizeof(*govuk->cells));
	if (!govuk->cells)
		return -ENOMEM;
	r = cw_columns_place(record, &govuk->places);
	return r < 0 ? r : cw_json_reader_new(record, &options, &govuk->reader);
}

static int feed(void *state, const char *text, size_t len)
{
	return cw_json_reader_feed(((struct govuk *)state)->reader, text, len);
}

static int end(void *state)
{
	return cw_json_reader_end(((struct govuk *)state)->reader);
}

const struct cw_format_ops cw_format_govuk_content = {
	.format = CW_FORMAT_GOVUK_CONTENT,
	.noun = "JSON of the GOV.UK Content API",
	.begin = begin,
	.feed = feed,
	.end = end,
	.free = govuk_free,
};
