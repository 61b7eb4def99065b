#include <errno.h>
#include <string.h>

#include <libxml/HTMLparser.h>
#include <libxml/SAX2.h>
#include <libxml/parser.h>
#include <libxml/parserInternals.h>
#include <libxml/uri.h>

#include <councilwatch/limits.h>

#include "xml.h"

#define BLOCK 16384u
/* Namespaces declared at once: libxml2 looks through all of them for every prefix. */
#define SPACES_MAX 512u
#define XML_SPACE "http://www.w3.org/XML/1998/namespace"

/* Where in the markup the end of what has come is. */
enum where { IN_TEXT, IN_OPEN, IN_BANG, IN_TAG, IN_COMMENT, IN_CDATA, IN_PI, IN_DOCTYPE };

struct cw_xml {
	struct cw_record *record;
	struct cw_xml_handlers handlers;
	void *arg;
	xmlParserCtxtPtr parser;
	int error; /* -errno from a handler */
	bool settled;
	bool begun; /* the root has been seen */
	unsigned depth;
	unsigned n_spaces, spaces[CW_DEPTH_MAX + 1]; /* in force; of those, declared by each open element */
	char *bases[CW_DEPTH_MAX + 1]; /* owned; of the open elements that state one, NULL for the others */

	struct cw_buf block; /* not yet given to the parser */
	size_t threshold;    /* it is looked at when it is this long */
	/* The scan, which has come to scanned. */
	size_t scanned, safe; /* what is before safe may be given to the parser */
	enum where where;
	size_t since; /* bytes since this began */
	char quote;
	char last[8]; /* the last bytes of a "<!…", for what it is */
	size_t n_last;
	unsigned attributes;
};

static void stop(struct cw_xml *xml, int error)
{
	if (error < 0 && !xml->error)
		xml->error = error;
	xml->settled = true;
	xmlStopParser(xml->parser);
}

static void fail(struct cw_xml *xml, enum cw_reason reason, const char *what)
{
	cw_record_fail(xml->record, reason, "line %d: %s", xmlSAX2GetLineNumber(xml->parser), what);
	stop(xml, 0);
}

static void take(struct cw_xml *xml, int r)
{
	if (r)
		stop(xml, r);
}

/* --- libxml2's handlers --- */

bool cw_xml_attribute(const struct cw_xml_element *element, const char *space, const char *name, struct cw_str *ret)
{
	*ret = (struct cw_str){ "", 0 };
	for (size_t i = 0; i < element->n_attributes; i++) {
		const unsigned char **at = element->attributes + 5 * i;

		if (strcmp((const char *)at[0], name) != 0 ||
		    (space ? !at[2] || strcmp((const char *)at[2], space) != 0 : at[2] != NULL))
			continue;
		*ret = (struct cw_str){ (const char *)at[3], (size_t)(at[4] - at[3]) };
		return true;
	}
	return false;
}

bool cw_xml_any_attribute(const struct cw_xml_element *element, const char *name, struct cw_str *ret)
{
	if (cw_xml_attribute(element, NULL, name, ret))
		return true;
	for (size_t i = 0; i < element->n_attributes; i++) {
		const unsigned char **at = element->attributes + 5 * i;

		if (strcmp((const char *)at[0], name) != 0)
			continue;
		*ret = (struct cw_str){ (const char *)at[3], (size_t)(at[4] - at[3]) };
		return true;
	}
	return false;
}

/* The nearest xml:base around here, NULL = none. */
static const char *base_of(const struct cw_xml *xml)
{
	for (unsigned i = xml->depth + 1; i > 0; i--)
		if (xml->bases[i - 1])
			return xml->bases[i - 1];
	return NULL;
}

static int build(const char *base, struct cw_str href, char **ret)
{
	CW_CLEANUP(cw_freep) char *copy = strndup(href.at, href.len);
	xmlChar *built;

	*ret = NULL;
	if (!copy)
		return -ENOMEM;
	built = base ? xmlBuildURI((const xmlChar *)copy, (const xmlChar *)base) : NULL;
	*ret = strdup(built ? (const char *)built : copy);
	xmlFree(built);
	return *ret ? 0 : -ENOMEM;
}

int cw_xml_resolve(const struct cw_xml *xml, struct cw_str href, struct cw_buf *out)
{
	CW_CLEANUP(cw_freep) char *built = NULL;
	const char *base = base_of(xml);
	int r;

	cw_buf_reset(out);
	href = cw_str_trim(href);
	if (!base || !href.len || href.len > CW_URL_MAX)
		return cw_buf_append(out, href.at, href.len);
	r = build(base, href, &built);
	return r < 0 ? r : cw_buf_puts(out, built);
}

static int open_base(struct cw_xml *xml, const struct cw_xml_element *element)
{
	struct cw_str text;

	if (!cw_xml_attribute(element, XML_SPACE, "base", &text))
		return 0;
	text = cw_str_trim(text);
	/* One that is too long to be an address leaves the one around it in force. */
	if (!text.len || text.len > CW_URL_MAX)
		return 0;
	return build(base_of(xml), text, &xml->bases[xml->depth]);
}

static void start_element(void *arg, const xmlChar *name, const xmlChar *prefix, const xmlChar *space, int n_spaces,
                          const xmlChar **spaces, int n_attributes, int n_defaulted, const xmlChar **attributes)
{
	struct cw_xml *xml = arg;
	struct cw_xml_element element = { .name = (const char *)name,
		                          .prefix = prefix ? (const char *)prefix : "",
		                          .space = space ? (const char *)space : "",
		                          .depth = xml->depth + 1,
		                          .n_attributes = (size_t)n_attributes,
		                          .attributes = attributes };
	int r;

	(void)spaces;
	(void)n_defaulted;
	if (xml->settled)
		return;
	if (element.depth > CW_DEPTH_MAX) {
		fail(xml, CW_REASON_TOO_LARGE, "elements are nested too deep");
		return;
	}
	xml->n_spaces += (unsigned)n_spaces;
	if (xml->n_spaces > SPACES_MAX) {
		fail(xml, CW_REASON_TOO_LARGE, "too many namespaces");
		return;
	}
	xml->begun = true;
	xml->depth++;
	xml->spaces[xml->depth] = (unsigned)n_spaces;
	r = open_base(xml, &element);
	take(xml, r ? r : xml->handlers.start(xml->arg, &element));
}

static void end_element(void *arg, const xmlChar *name, const xmlChar *prefix, const xmlChar *space)
{
	struct cw_xml *xml = arg;
	const struct cw_xml_element element = { .name = (const char *)name,
		                                .prefix = prefix ? (const char *)prefix : "",
		                                .space = space ? (const char *)space : "",
		                                .depth = xml->depth };

	if (xml->settled || !xml->depth)
		return;
	take(xml, xml->handlers.end(xml->arg, &element));
	free(xml->bases[xml->depth]);
	xml->bases[xml->depth] = NULL;
	xml->n_spaces -= xml->spaces[xml->depth];
	xml->depth--;
}

static void characters(void *arg, const xmlChar *text, int n)
{
	struct cw_xml *xml = arg;

	if (!xml->settled && n > 0)
		take(xml, xml->handlers.text(xml->arg, (const char *)text, (size_t)n));
}

/* An entity that nothing in the document declares, in one that names a definition elsewhere. */
static void reference(void *arg, const xmlChar *name)
{
	struct cw_xml *xml = arg;
	const htmlEntityDesc *entity = htmlEntityLookup(name);
	xmlChar utf8[8];
	int n;

	if (xml->settled)
		return;
	if (!entity || xml->parser->instate == XML_PARSER_ATTRIBUTE_VALUE) {
		cw_record_fail(xml->record, CW_REASON_UNPARSABLE, "line %d: nothing here says what &%.32s; is",
		               xmlSAX2GetLineNumber(xml->parser), (const char *)name);
		stop(xml, 0);
		return;
	}
	n = xmlCopyCharMultiByte(utf8, (int)entity->value);
	take(xml, xml->handlers.text(xml->arg, (const char *)utf8, (size_t)n));
}

/* --- blocks --- */

/* What "<!" turns out to be. */
static void scan_bang(struct cw_xml *xml, char c)
{
	if (xml->n_last < sizeof(xml->last))
		xml->last[xml->n_last++] = c;
	if (xml->n_last == 2 && !memcmp(xml->last, "--", 2)) {
		xml->where = IN_COMMENT;
		xml->n_last = 0;
	} else if (xml->n_last == 7 && !memcmp(xml->last, "[CDATA[", 7)) {
		xml->where = IN_CDATA;
		xml->n_last = 0;
	} else if (xml->n_last == 7 || c == '>') {
		xml->where = c == '>' ? IN_TEXT : IN_DOCTYPE;
	}
}

/* The end of something: two or three given bytes in a row. */
static void scan_until(struct cw_xml *xml, char c, const char *end)
{
	size_t n = strlen(end);

	/* "--->" and "]]]>" end as well. */
	if (c == end[xml->n_last])
		xml->n_last++;
	else if (!(xml->n_last == n - 1 && c == end[n - 2]))
		xml->n_last = c == end[0];
	if (xml->n_last == n) {
		xml->n_last = 0;
		xml->where = IN_TEXT;
	}
}

static void scan_tag(struct cw_xml *xml, char c)
{
	if (xml->quote) {
		xml->quote = c == xml->quote ? 0 : xml->quote;
	} else if (c == '"' || c == '\'') {
		xml->quote = c;
	} else if (c == '>') {
		xml->where = IN_TEXT;
	} else if (c == '=') {
		xml->attributes++;
	}
}

/* Is the byte at i of what is open too much, or nothing we read? Fails the document. */
static bool refused(struct cw_xml *xml, char c)
{
	if (xml->where == IN_TAG && (xml->since > CW_XML_TAG_MAX || xml->attributes > CW_XML_ATTRIBUTES_MAX)) {
		fail(xml, CW_REASON_TOO_LARGE, "a tag with too much in it");
	} else if ((xml->where == IN_COMMENT || xml->where == IN_PI || xml->where == IN_DOCTYPE) &&
	           xml->since > CW_XML_ASIDE_MAX) {
		fail(xml, CW_REASON_TOO_LARGE, "a comment or declaration of too many bytes");
	} else if (xml->where == IN_DOCTYPE && c == '[' && !xml->quote) {
		fail(xml, CW_REASON_UNPARSABLE, "it has a document type definition in it, which is not read");
	} else if (!c) {
		fail(xml, CW_REASON_UNPARSABLE, "a NUL is no character of XML");
	}
	return xml->settled;
}

static void scan_one(struct cw_xml *xml, char c)
{
	switch (xml->where) {
	case IN_TEXT:
		if (c == '<') {
			xml->where = IN_OPEN;
			xml->since = xml->n_last = 0;
			xml->attributes = 0;
			xml->quote = 0;
		}
		break;
	case IN_OPEN:
		xml->where = c == '!' ? IN_BANG : c == '?' ? IN_PI : c == '>' ? IN_TEXT : IN_TAG;
		break;
	case IN_BANG:
		scan_bang(xml, c);
		break;
	case IN_TAG:
	case IN_DOCTYPE:
		scan_tag(xml, c);
		break;
	case IN_COMMENT:
		scan_until(xml, c, "-->");
		break;
	case IN_CDATA:
		scan_until(xml, c, "]]>");
		break;
	case IN_PI:
		scan_until(xml, c, "?>");
		break;
	}
	xml->since++;
}

/* How far the block may be given to the parser: not into a tag, a declaration or a character. */
static void scan(struct cw_xml *xml)
{
	const char *text = cw_buf_str(&xml->block);

	for (; xml->scanned < xml->block.len; xml->scanned++) {
		char c = text[xml->scanned];

		if (xml->where == IN_TEXT && c != '<' && c) {
			xml->safe = xml->scanned + 1;
			continue;
		}
		scan_one(xml, c);
		if (refused(xml, c))
			return;
		if (xml->where == IN_TEXT || xml->where == IN_CDATA || xml->where == IN_COMMENT)
			xml->safe = xml->scanned + 1;
	}
	if (xml->safe == xml->block.len) {
		size_t keep = 0;

		while (keep < 3 && keep < xml->safe && ((unsigned char)text[xml->safe - 1 - keep] & 0xc0) == 0x80)
			keep++;
		if (keep < xml->safe && ((unsigned char)text[xml->safe - 1 - keep] & 0xc0) == 0xc0)
			xml->safe -= keep + 1;
	}
}

/* What the parser says is wrong. */
static void unparsable(struct cw_xml *xml, bool last)
{
	const xmlError *error = xmlCtxtGetLastError(xml->parser);
	const char *what = error && error->message ? error->message : "not well-formed";

	if (!xml->begun)
		what = "it does not begin as XML does";
	else if (last && (xml->depth || xml->where != IN_TEXT))
		what = "it breaks off";
	cw_record_fail(xml->record, CW_REASON_UNPARSABLE, "line %d: %.*s", error ? error->line : 0,
	               (int)CW_MIN(strcspn(what, "\n"), (size_t)200), what);
	xml->settled = true;
}

/* Gives libxml2 what is whole in the block. 0; 1 settled; -errno. */
static int parse_block(struct cw_xml *xml, bool last)
{
	size_t n;

	scan(xml);
	n = xml->settled ? 0 : last ? xml->block.len : xml->safe;
	if (!xml->settled)
		(void)xmlParseChunk(xml->parser, cw_buf_str(&xml->block), (int)n, last);
	if (xml->parser->errNo == XML_ERR_NO_MEMORY)
		return -ENOMEM;
	if (xml->error)
		return xml->error;
	if (!xml->settled && !xml->parser->wellFormed)
		unparsable(xml, last);
	if (xml->settled)
		return 1;
	if (xml->parser->input && xml->parser->input->end - xml->parser->input->cur > (ptrdiff_t)CW_XML_ASIDE_MAX) {
		fail(xml, CW_REASON_TOO_LARGE, "something begins here that has no end");
		return 1;
	}
	memmove(xml->block.data, xml->block.data + n, xml->block.len - n);
	xml->block.len -= n;
	xml->scanned -= n;
	xml->safe = 0;
	xml->threshold = xml->block.len + BLOCK;
	return 0;
}

int cw_xml_feed(struct cw_xml *xml, const char *text, size_t len)
{
	while (len && !xml->settled) {
		size_t n = CW_MIN(len, xml->threshold - xml->block.len);
		int r = cw_buf_append(&xml->block, text, n);

		if (r == 0 && xml->block.len == xml->threshold)
			r = parse_block(xml, false);
		if (r < 0)
			return r;
		text += n;
		len -= n;
	}
	return xml->settled;
}

int cw_xml_end(struct cw_xml *xml)
{
	int r;

	if (xml->settled)
		return xml->error;
	r = parse_block(xml, true);
	return r < 0 ? r : xml->error;
}

int cw_xml_new(struct cw_record *record, const struct cw_xml_handlers *handlers, void *arg, struct cw_xml **ret)
{
	static const xmlSAXHandler sax = {
		.initialized = XML_SAX2_MAGIC,
		.startElementNs = start_element,
		.endElementNs = end_element,
		.characters = characters,
		.ignorableWhitespace = characters,
		.cdataBlock = characters,
		.reference = reference,
	};
	struct cw_xml *xml = calloc(1, sizeof(*xml));
	xmlSAXHandler copy = sax;

	*ret = xml;
	if (!xml)
		return -ENOMEM;
	xml->record = record;
	xml->handlers = *handlers;
	xml->arg = arg;
	xml->threshold = BLOCK;
	cw_buf_init(&xml->block, CW_XML_ASIDE_MAX + 2 * BLOCK);
	xml->parser = xmlCreatePushParserCtxt(&copy, xml, NULL, 0, NULL);
	if (!xml->parser)
		return -ENOMEM;
	/* The text is UTF-8 whatever its declaration says. NOENT only makes of "&amp;" in an attribute what it means. */
	(void)xmlCtxtUseOptions(xml->parser, XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING |
	                                         XML_PARSE_IGNORE_ENC | XML_PARSE_NOENT);
	return 0;
}

void cw_xml_free(struct cw_xml *xml)
{
	if (!xml)
		return;
	if (xml->parser)
		xmlFreeParserCtxt(xml->parser);
	for (size_t i = 0; i < CW_ARRAY_LEN(xml->bases); i++)
		free(xml->bases[i]);
	cw_buf_clear(&xml->block);
	free(xml);
}
