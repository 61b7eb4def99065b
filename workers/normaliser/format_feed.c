/*
 * RSS 2.0 and 0.9x, RSS 1.0 and 0.90 (RDF), Atom 1.0 and 0.3: an entry is a row.
 *
 * Columns: id (also guid), title, link, summary, content, published, updated, category; and any other element of an
 * entry by its name as it stands there with its prefix ("tna:uri"). What an element means goes by its namespace: one of
 * the entry's own, or Dublin Core, or RSS 1.0's content module. HTML becomes plain text, dates become ISO 8601, links
 * are resolved against xml:base here and against the document's address by the record.
 *
 * Persons are no column: authors, contributors and creators are passed over, by whatever name.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <councilwatch/limits.h>

#include "feed_date.h"
#include "format.h"
#include "html_text.h"
#include "xml.h"

#define ATOM "http://www.w3.org/2005/Atom"
#define ATOM_03 "http://purl.org/atom/ns#"
#define CONTENT "http://purl.org/rss/1.0/modules/content/"
#define DC "http://purl.org/dc/elements/1.1/"
#define DC_TERMS "http://purl.org/dc/terms/"
#define RDF "http://www.w3.org/1999/02/22-rdf-syntax-ns#"

enum column { ID, TITLE, LINK, SUMMARY, CONTENT_COLUMN, PUBLISHED, UPDATED, CATEGORY, COLUMNS };

static const struct {
	const char *name;
	enum column column;
} columns[] = {
	{ "id", ID },
	{ "guid", ID },
	{ "title", TITLE },
	{ "link", LINK },
	{ "summary", SUMMARY },
	{ "content", CONTENT_COLUMN },
	{ "published", PUBLISHED },
	{ "updated", UPDATED },
	{ "category", CATEGORY },
};

/* What an element of an entry is, by namespace ("" is the entry's own) and name. */
enum how { AS_TEXT, AS_HTML, AS_MAYBE_HTML, AS_DATE, AS_ATOM_TEXT, AS_ATOM_LINK, AS_TERM };
static const struct {
	const char *space, *name;
	enum column column;
	enum how how;
} meanings_of_rss[] = {
	{ "", "guid", ID, AS_TEXT },
	{ "", "title", TITLE, AS_MAYBE_HTML },
	{ "", "link", LINK, AS_TEXT },
	{ "", "description", SUMMARY, AS_HTML },
	{ "", "pubDate", PUBLISHED, AS_DATE },
	{ "", "category", CATEGORY, AS_TEXT },
	{ CONTENT, "encoded", CONTENT_COLUMN, AS_HTML },
	{ DC, "identifier", ID, AS_TEXT },
	{ DC, "date", PUBLISHED, AS_DATE },
	{ DC, "subject", CATEGORY, AS_TEXT },
	{ DC_TERMS, "created", PUBLISHED, AS_DATE },
	{ DC_TERMS, "issued", PUBLISHED, AS_DATE },
	{ DC_TERMS, "modified", UPDATED, AS_DATE },
	{ ATOM, "updated", UPDATED, AS_DATE },
	{ ATOM, "published", PUBLISHED, AS_DATE },
	{ ATOM, "summary", SUMMARY, AS_ATOM_TEXT },
	{ ATOM, "content", CONTENT_COLUMN, AS_ATOM_TEXT },
}, meanings_of_atom[] = {
	{ "", "id", ID, AS_TEXT },
	{ "", "title", TITLE, AS_ATOM_TEXT },
	{ "", "link", LINK, AS_ATOM_LINK },
	{ "", "summary", SUMMARY, AS_ATOM_TEXT },
	{ "", "content", CONTENT_COLUMN, AS_ATOM_TEXT },
	{ "", "published", PUBLISHED, AS_DATE },
	{ "", "issued", PUBLISHED, AS_DATE }, /* Atom 0.3, as the next two */
	{ "", "updated", UPDATED, AS_DATE },
	{ "", "modified", UPDATED, AS_DATE },
	{ "", "category", CATEGORY, AS_TERM },
	{ DC, "date", PUBLISHED, AS_DATE },
	{ DC, "subject", CATEGORY, AS_TEXT },
};

enum kind { UNDECIDED, RSS, RDF_SITE, ATOM_FEED };

/* Which link of an Atom entry is meant: the page it is about, in HTML before other forms. */
enum rank { NO_LINK, SELF_LINK, OTHER_FORM, PAGE };

struct feed {
	struct cw_record *record;
	struct cw_xml *xml;
	enum kind kind;
	unsigned entry_depth; /* the depth at which entries stand */
	bool in_channel;

	bool in_entry;
	char *entry_space; /* owned; namespace of the entry */
	uint64_t row;
	bool given;      /* an entry has been handed over */
	const char *why; /* the entry cannot be read: for this reason */

	/* The element of an entry that is being read. */
	bool in_element, nested_markup;
	enum how how;
	int column; /* enum column, or COLUMNS + the slot of an extension */
	unsigned mute;
	bool blank_due;
	struct cw_buf raw;

	/* The entry's texts, one after the other. */
	struct cw_buf text;
	size_t n_slots;
	int *slot_columns; /* owned; by slot */
	struct piece {
		size_t at, len;
	} * pieces; /* owned; by column */
	enum rank link_rank;
	bool guid_is_link;
	struct cw_buf resolved;
	struct cw_cell *cells; /* owned; by slot */
};

/* --- the row --- */

static struct piece *piece_of(struct feed *feed)
{
	return &feed->pieces[feed->column];
}

static struct cw_str piece_text(const struct feed *feed, size_t column)
{
	return (struct cw_str){ cw_buf_str(&feed->text) + feed->pieces[column].at, feed->pieces[column].len };
}

static int begin_entry(struct feed *feed, const struct cw_xml_element *element)
{
	struct cw_str about;

	free(feed->entry_space);
	feed->entry_space = strdup(element->space);
	if (!feed->entry_space)
		return -ENOMEM;
	feed->in_entry = true;
	feed->in_element = false;
	feed->why = NULL;
	feed->link_rank = NO_LINK;
	feed->guid_is_link = false;
	feed->row++;
	cw_buf_reset(&feed->text);
	memset(feed->pieces, 0, (COLUMNS + feed->n_slots) * sizeof(*feed->pieces));
	if (feed->kind == RDF_SITE && cw_xml_attribute(element, RDF, "about", &about)) {
		feed->pieces[ID] = (struct piece){ 0, about.len };
		return cw_buf_append(&feed->text, about.at, about.len);
	}
	return 0;
}

/* What the first entry has, for the message about a column that no entry has. */
static int keep_names(struct feed *feed)
{
	struct cw_str names[CW_ARRAY_LEN(columns)];
	size_t n = 0;

	for (size_t i = 0; i < CW_ARRAY_LEN(columns); i++)
		if (feed->pieces[columns[i].column].len)
			names[n++] = cw_str(columns[i].name);
	return cw_record_names(feed->record, names, n);
}

static int end_entry(struct feed *feed)
{
	struct cw_str first;
	bool blank = true;

	feed->in_entry = false;
	first = piece_text(feed, feed->pieces[LINK].len ? LINK : feed->pieces[ID].len ? ID : TITLE);
	if (feed->text.failed == -ENOMEM)
		return -ENOMEM;
	if (feed->text.failed || feed->why)
		return cw_record_bad_row(feed->record, feed->row, cw_str_cut(first, CW_URL_MAX), "%s",
		                         feed->why ? feed->why : "an entry of too many bytes");
	/* RSS 2.0: a guid is the entry's address unless it says that it is not. */
	if (!feed->pieces[LINK].len && feed->guid_is_link)
		feed->pieces[LINK] = feed->pieces[ID];
	for (size_t i = 0; i < COLUMNS + feed->n_slots; i++)
		blank = blank && !feed->pieces[i].len;
	if (blank)
		return cw_record_blank(feed->record);
	for (size_t i = 0; i < feed->n_slots; i++) {
		struct cw_str text = piece_text(feed, (size_t)feed->slot_columns[i]);

		feed->cells[i] = (struct cw_cell){ text, { "", 0 }, NULL };
		if (feed->slot_columns[i] == LINK)
			feed->cells[i].href = text;
		if (text.len)
			cw_record_seen(feed->record, i);
	}
	if (!feed->given && keep_names(feed) < 0)
		return -ENOMEM;
	feed->given = true;
	return cw_record_row(feed->record, feed->row, feed->cells);
}

/* --- the elements of an entry --- */

static bool is(const char *a, const char *b)
{
	return !strcmp(a, b);
}

/* An element that the feed names itself, "prefix:name". -1: it does not. */
static int extension(const struct feed *feed, const struct cw_xml_element *element)
{
	char name[CW_NAME_MAX * 2];
	int n = snprintf(name, sizeof(name), "%s%s%s", element->prefix, *element->prefix ? ":" : "", element->name);

	if (n < 0 || (size_t)n >= sizeof(name) || cw_feed_element_is_person(element->name))
		return -1;
	for (size_t i = 0; i < feed->n_slots; i++)
		if (feed->slot_columns[i] >= COLUMNS && is(cw_record_slot_name(feed->record, i), name))
			return COLUMNS + (int)i;
	return -1;
}

static void set_meaning(struct feed *feed, const struct cw_xml_element *element)
{
	bool atom = feed->kind == ATOM_FEED;
	size_t n = atom ? CW_ARRAY_LEN(meanings_of_atom) : CW_ARRAY_LEN(meanings_of_rss);

	for (size_t i = 0; i < n; i++) {
		const char *space = atom ? meanings_of_atom[i].space : meanings_of_rss[i].space;

		if (!is(element->name, atom ? meanings_of_atom[i].name : meanings_of_rss[i].name) ||
		    !is(element->space, *space ? space : feed->entry_space))
			continue;
		feed->column = atom ? (int)meanings_of_atom[i].column : (int)meanings_of_rss[i].column;
		feed->how = atom ? meanings_of_atom[i].how : meanings_of_rss[i].how;
		return;
	}
	feed->column = extension(feed, element);
	feed->how = AS_TEXT;
}

static bool has_suffix(struct cw_str text, const char *suffix)
{
	size_t n = strlen(suffix);

	return text.len >= n && !memcmp(text.at + text.len - n, suffix, n);
}

/* How the text of an Atom text construct is to be read (RFC 4287, 3.1 and 4.1.3; mode is Atom 0.3's). */
static void set_atom_how(struct feed *feed, const struct cw_xml_element *element)
{
	struct cw_str type, mode, src;

	(void)cw_xml_attribute(element, NULL, "type", &type);
	(void)cw_xml_attribute(element, NULL, "mode", &mode);
	type = cw_str_trim(type);
	feed->how = AS_TEXT;
	if (cw_str_eq(type, "html") || cw_str_eq(mode, "escaped")) {
		feed->how = AS_HTML;
	} else if (cw_str_eq(type, "text/html") && !mode.len) {
		feed->how = AS_HTML;
	} else if (cw_str_eq(type, "xhtml") || has_suffix(type, "+xml") || has_suffix(type, "/xml") || mode.len) {
		feed->nested_markup = true;
	} else if (type.len && !cw_str_eq(type, "text") && (type.len < 5 || memcmp(type.at, "text/", 5) != 0)) {
		feed->column = -1; /* a picture or the like, in base64 */
	}
	if (cw_xml_attribute(element, NULL, "src", &src))
		feed->column = -1; /* it is somewhere else */
}

static int take_atom_link(struct feed *feed, const struct cw_xml_element *element)
{
	struct cw_str rel, type, href;
	enum rank rank = NO_LINK;
	int r;

	feed->column = -1;
	if (!cw_xml_attribute(element, NULL, "href", &href))
		return 0;
	(void)cw_xml_attribute(element, NULL, "type", &type);
	if (!cw_xml_attribute(element, NULL, "rel", &rel) || cw_str_eq(rel, "alternate"))
		rank = !type.len || cw_str_eq(type, "text/html") || cw_str_eq(type, "application/xhtml+xml")
		           ? PAGE
		           : OTHER_FORM;
	else if (cw_str_eq(rel, "self"))
		rank = SELF_LINK;
	if (rank <= feed->link_rank)
		return 0;
	r = cw_xml_resolve(feed->xml, href, &feed->resolved);
	if (r < 0)
		return r == -EMSGSIZE ? 0 : r;
	feed->link_rank = rank;
	feed->pieces[LINK] = (struct piece){ feed->text.len, feed->resolved.len };
	cw_buf_append(&feed->text, cw_buf_str(&feed->resolved), feed->resolved.len);
	return 0;
}

/* Several of one column: categories and extensions are joined, of the others the first counts. */
static void add_text(struct feed *feed, struct cw_str text)
{
	struct piece *piece = piece_of(feed);
	bool joined = feed->column == CATEGORY || feed->column >= COLUMNS;
	struct cw_str before = piece_text(feed, (size_t)feed->column);
	size_t at = feed->text.len;

	text = cw_str_trim(text);
	if (!text.len || (piece->len && !joined))
		return;
	if (piece->len && piece->at + piece->len == at) {
		at = piece->at;
		cw_buf_puts(&feed->text, "; ");
	} else if (piece->len) {
		/* The earlier ones are not at the end: again from the start. */
		CW_CLEANUP(cw_freep) char *copy = strndup(before.at, before.len);

		if (!copy) {
			feed->text.failed = -ENOMEM;
			return;
		}
		cw_buf_append(&feed->text, copy, before.len);
		cw_buf_puts(&feed->text, "; ");
	}
	cw_buf_append(&feed->text, text.at, text.len);
	*piece = (struct piece){ at, feed->text.len - at };
}

static void take_date(struct feed *feed, struct cw_str raw)
{
	char iso[CW_WALL_TEXT];

	/* What is no date is given as it is, for the record to say so. */
	if (cw_feed_date(raw, iso))
		add_text(feed, cw_str(iso));
	else
		add_text(feed, raw);
}

static int take_html(struct feed *feed, struct cw_str raw)
{
	struct piece *piece = piece_of(feed);
	size_t at = feed->text.len;
	int r;

	if (piece->len)
		return 0;
	r = cw_html_text(raw, &feed->text, &feed->why);
	if (r == -ENOMEM)
		return r;
	*piece = (struct piece){ at, feed->text.len - at };
	return 0;
}

static int end_of_element(struct feed *feed)
{
	struct cw_str raw = { cw_buf_str(&feed->raw), feed->raw.len };

	if (feed->raw.failed == -ENOMEM)
		return -ENOMEM;
	if (feed->raw.failed)
		feed->why = "an element of too many bytes";
	if (feed->how == AS_DATE)
		take_date(feed, raw);
	else if (feed->how == AS_HTML || (feed->how == AS_MAYBE_HTML && cw_html_suspected(raw)))
		return take_html(feed, raw);
	else if (feed->column == LINK && raw.len <= CW_URL_MAX)
		return cw_xml_resolve(feed->xml, raw, &feed->resolved) == -ENOMEM
		           ? -ENOMEM
		           : (add_text(feed, (struct cw_str){ cw_buf_str(&feed->resolved), feed->resolved.len }), 0);
	else
		add_text(feed, raw);
	return 0;
}

static int begin_element(struct feed *feed, const struct cw_xml_element *element)
{
	struct cw_str permanent, term;

	feed->in_element = true;
	feed->nested_markup = false;
	feed->mute = 0;
	feed->blank_due = false;
	cw_buf_reset(&feed->raw);
	set_meaning(feed, element);
	if (feed->column < 0)
		return 0;
	switch (feed->how) {
	case AS_ATOM_TEXT:
		set_atom_how(feed, element);
		break;
	case AS_ATOM_LINK:
		return take_atom_link(feed, element);
	case AS_TERM:
		if (!cw_xml_attribute(element, NULL, "label", &term) || !cw_str_trim(term).len)
			(void)cw_xml_attribute(element, NULL, "term", &term);
		add_text(feed, term);
		feed->column = -1;
		break;
	default:
		if (feed->kind == RSS && feed->column == ID && is(element->name, "guid"))
			feed->guid_is_link =
			    !cw_xml_attribute(element, NULL, "isPermaLink", &permanent) || cw_str_eq(permanent, "true");
		break;
	}
	return 0;
}

/* --- the document --- */

static int root(struct feed *feed, const struct cw_xml_element *element)
{
	if (is(element->name, "rss")) {
		feed->kind = RSS;
	} else if (is(element->name, "RDF") && is(element->space, RDF)) {
		feed->kind = RDF_SITE;
		feed->entry_depth = 2;
	} else if (is(element->name, "feed") && (is(element->space, ATOM) || is(element->space, ATOM_03))) {
		feed->kind = ATOM_FEED;
		feed->entry_depth = 2;
	} else {
		cw_record_fail(feed->record, CW_REASON_UNPARSABLE, "its root is <%.64s>: neither RSS nor Atom",
		               element->name);
		return 1;
	}
	return 0;
}

static bool is_entry(const struct feed *feed, const struct cw_xml_element *element)
{
	switch (feed->kind) {
	case RSS: /* 0.9x was not of one mind about where items stand */
		return is(element->name, "item") && (element->depth == 2 || (element->depth == 3 && feed->in_channel));
	case RDF_SITE:
		return element->depth == 2 && is(element->name, "item") && !is(element->space, RDF);
	case ATOM_FEED:
		return element->depth == 2 && is(element->name, "entry") &&
		       (is(element->space, ATOM) || is(element->space, ATOM_03));
	default:
		return false;
	}
}

static int start(void *arg, const struct cw_xml_element *element)
{
	struct feed *feed = arg;

	if (element->depth == 1)
		return root(feed, element);
	if (!feed->in_entry) {
		if (element->depth == 2)
			feed->in_channel = is(element->name, "channel");
		if (!is_entry(feed, element))
			return 0;
		feed->entry_depth = element->depth;
		return begin_entry(feed, element);
	}
	if (element->depth == feed->entry_depth + 1)
		return begin_element(feed, element);
	if (feed->in_element && feed->nested_markup) {
		feed->mute += cw_html_is_muted(element->name);
		feed->blank_due = feed->blank_due || cw_html_parts_words(element->name);
	}
	return 0;
}

static int end_of(void *arg, const struct cw_xml_element *element)
{
	struct feed *feed = arg;

	if (!feed->in_entry)
		return 0;
	if (element->depth == feed->entry_depth)
		return end_entry(feed);
	if (element->depth == feed->entry_depth + 1) {
		feed->in_element = false;
		return feed->column < 0 ? 0 : end_of_element(feed);
	}
	if (feed->nested_markup) {
		if (cw_html_is_muted(element->name))
			feed->mute -= feed->mute > 0;
		feed->blank_due = feed->blank_due || cw_html_parts_words(element->name);
	}
	return 0;
}

static int text(void *arg, const char *at, size_t len)
{
	struct feed *feed = arg;

	if (!feed->in_element || feed->column < 0 || feed->mute)
		return 0;
	if (feed->blank_due && feed->raw.len)
		cw_buf_putc(&feed->raw, ' ');
	feed->blank_due = false;
	cw_buf_append(&feed->raw, at, len);
	return feed->raw.failed == -ENOMEM ? -ENOMEM : 0;
}

/* --- the format --- */

static void feed_free(void *state)
{
	struct feed *feed = state;

	if (!feed)
		return;
	cw_xml_free(feed->xml);
	free(feed->entry_space);
	free(feed->slot_columns);
	free(feed->pieces);
	free(feed->cells);
	cw_buf_clear(&feed->raw);
	cw_buf_clear(&feed->text);
	cw_buf_clear(&feed->resolved);
	free(feed);
}

static int place_slots(struct feed *feed)
{
	struct cw_buf fold;
	int r = 0;

	cw_buf_init(&fold, CW_FIELD_MAX);
	for (size_t i = 0; i < feed->n_slots && r != -ENOMEM; i++) {
		feed->slot_columns[i] = COLUMNS + (int)i;
		r = cw_text_fold(cw_str(cw_record_slot_name(feed->record, i)), &fold);
		for (size_t k = 0; k < CW_ARRAY_LEN(columns) && r == 0; k++)
			if (is(columns[k].name, cw_buf_str(&fold)))
				feed->slot_columns[i] = columns[k].column;
	}
	cw_buf_clear(&fold);
	return r == -ENOMEM ? r : 0;
}

static int begin(struct cw_record *record, void **ret)
{
	static const struct cw_xml_handlers handlers = { start, end_of, text };
	struct feed *feed = calloc(1, sizeof(*feed));
	int r;

	*ret = feed;
	if (!feed)
		return -ENOMEM;
	feed->record = record;
	cw_buf_init(&feed->raw, CW_ROW_MAX);
	cw_buf_init(&feed->text, CW_ROW_MAX);
	cw_buf_init(&feed->resolved, CW_FIELD_MAX);
	feed->n_slots = cw_record_slots(record);
	feed->slot_columns = calloc(feed->n_slots + 1, sizeof(*feed->slot_columns));
	feed->pieces = calloc(COLUMNS + feed->n_slots, sizeof(*feed->pieces));
	feed->cells = calloc(feed->n_slots + 1, sizeof(*feed->cells));
	if (!feed->slot_columns || !feed->pieces || !feed->cells)
		return -ENOMEM;
	r = place_slots(feed);
	return r < 0 ? r : cw_xml_new(record, &handlers, feed, &feed->xml);
}

static int feed_text(void *state, const char *at, size_t len)
{
	return cw_xml_feed(((struct feed *)state)->xml, at, len);
}

static int end(void *state)
{
	struct feed *feed = state;
	int r = cw_xml_end(feed->xml);

	if (r == 0 && feed->given && !cw_record_failed(feed->record))
		(void)cw_record_unseen(feed->record);
	return r;
}

const struct cw_format_ops cw_format_feed = {
	.format = CW_FORMAT_FEED,
	.noun = "RSS or Atom",
	.xml = true,
	.begin = begin,
	.feed = feed_text,
	.end = end,
	.free = feed_free,
};
