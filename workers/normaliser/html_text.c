#include <errno.h>
#include <string.h>
#include <strings.h>

#include <libxml/HTMLparser.h>
#include <libxml/parserInternals.h>

#include <councilwatch/limits.h>

#include "html_text.h"

/* Of one tag: libxml2 compares each attribute with all before it. */
#define ATTRIBUTES_MAX 2048u

struct piece {
	htmlParserCtxtPtr parser;
	struct cw_buf *out;
	unsigned mute;
	bool blank_due;
	bool deep;
	size_t start; /* of this piece's text in out */
};

static bool is_any(const char *name, const char *const *words)
{
	for (; *words; words++)
		if (!strcasecmp(name, *words))
			return true;
	return false;
}

bool cw_html_parts_words(const char *name)
{
	static const char *const parting[] = { "br",      "p",      "div",    "li",      "ul",         "ol",
		                               "h1",      "h2",     "h3",     "h4",      "h5",         "h6",
		                               "dt",      "dd",     "dl",     "hr",      "pre",        "table",
		                               "caption", "tr",     "td",     "th",      "section",    "aside",
		                               "header",  "footer", "figure", "article", "address",    "main",
		                               "nav",     "option", "img",    "iframe",  "blockquote", "figcaption",
		                               NULL };

	return is_any(name, parting);
}

bool cw_html_is_muted(const char *name)
{
	static const char *const muted[] = { "script", "style", "template", "noscript", NULL };

	return is_any(name, muted);
}

bool cw_html_suspected(struct cw_str text)
{
	for (size_t i = 0; i + 1 < text.len; i++) {
		char next = text.at[i + 1] | 0x20;

		if (text.at[i] == '<' &&
		    ((next >= 'a' && next <= 'z') || text.at[i + 1] == '/' || text.at[i + 1] == '!'))
			return true;
		if (text.at[i] == '&' && ((next >= 'a' && next <= 'z') || text.at[i + 1] == '#') &&
		    memchr(text.at + i, ';', CW_MIN(text.len - i, (size_t)12)))
			return true;
	}
	return false;
}

static void start_element(void *arg, const xmlChar *name, const xmlChar **atts)
{
	struct piece *piece = arg;

	(void)atts;
	if (piece->parser->nameNr > (int)CW_DEPTH_MAX) {
		piece->deep = true;
		xmlStopParser(piece->parser);
		return;
	}
	piece->mute += cw_html_is_muted((const char *)name);
	piece->blank_due = piece->blank_due || cw_html_parts_words((const char *)name);
}

static void end_element(void *arg, const xmlChar *name)
{
	struct piece *piece = arg;

	if (cw_html_is_muted((const char *)name))
		piece->mute -= piece->mute > 0;
	piece->blank_due = piece->blank_due || cw_html_parts_words((const char *)name);
}

static void characters(void *arg, const xmlChar *text, int n)
{
	struct piece *piece = arg;

	if (piece->mute || n <= 0 || piece->deep)
		return;
	if (piece->blank_due && piece->out->len > piece->start)
		cw_buf_putc(piece->out, ' ');
	piece->blank_due = false;
	cw_buf_append(piece->out, text, (size_t)n);
}

static void nothing(void *arg, const xmlChar *text, int n)
{
	(void)arg;
	(void)text;
	(void)n;
}

/* Blanks between a '<' and the '>' that ends it: more than that many attributes cannot be there. What stands in quotes is
 * counted too, for libxml2 may see the quotes of a broken tag otherwise. */
static bool many_attributes(struct cw_str html)
{
	unsigned words = 0;
	bool in_tag = false;
	char quote = 0;

	for (size_t i = 0; i + 1 < html.len; i++) {
		char c = html.at[i], next = html.at[i + 1] | 0x20;

		if (!in_tag) {
			in_tag = c == '<' && next >= 'a' && next <= 'z';
			words = 0;
			quote = 0;
		} else if (quote && c == quote) {
			quote = 0;
			words++;
		} else if (!quote && (c == '"' || c == '\'')) {
			quote = c;
		} else if (!quote && c == '>') {
			in_tag = false;
		} else if (c == ' ' || (c >= '\t' && c <= '\r') || (!quote && c == '/')) {
			words++;
		}
		if (words > ATTRIBUTES_MAX)
			return true;
	}
	return false;
}

int cw_html_text(struct cw_str html, struct cw_buf *out, const char **ret_why)
{
	static const htmlSAXHandler handlers = {
		.startElement = start_element,
		.endElement = end_element,
		.characters = characters,
		.ignorableWhitespace = characters,
		.cdataBlock = nothing, /* scripts and styles */
	};
	struct piece piece = { .out = out, .start = out->len };
	htmlSAXHandler copy = handlers;
	int r = 0;

	if (html.len > CW_HTML_PIECE_MAX) {
		*ret_why = "HTML of too many bytes";
		return 1;
	}
	if (many_attributes(html)) {
		*ret_why = "HTML with a tag of too many attributes";
		return 1;
	}
	piece.parser = htmlCreatePushParserCtxt(&copy, &piece, NULL, 0, NULL, XML_CHAR_ENCODING_UTF8);
	if (!piece.parser)
		return -ENOMEM;
	(void)htmlCtxtUseOptions(piece.parser, HTML_PARSE_RECOVER | HTML_PARSE_NONET | HTML_PARSE_NOERROR |
	                                           HTML_PARSE_NOWARNING | HTML_PARSE_NODEFDTD | HTML_PARSE_IGNORE_ENC |
	                                           HTML_PARSE_COMPACT);
	(void)htmlParseChunk(piece.parser, html.at, (int)html.len, 1); /* malformed markup is the normal case */
	if (piece.parser->errNo == XML_ERR_NO_MEMORY)
		r = -ENOMEM;
	htmlFreeParserCtxt(piece.parser);
	if (r == 0 && piece.deep) {
		*ret_why = "HTML nested too deep";
		return 1;
	}
	return r < 0 ? r : out->failed;
}
