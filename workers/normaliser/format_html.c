/*
 * A page as the links in it, for the steps of a feed: every <a> and <area> with an address, wherever it stands, with its words, those that
 * are only for screen readers included. What is wanted of them is for links.c to say.
 */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include <councilwatch/limits.h>

#include "format.h"
#include "html_push.h"
#include "links.h"

struct html {
	struct html_push push;
	struct cw_links *links;
	const struct cw_strings *next; /* relations of the link to the next page; NULL = pages are not linked */
	unsigned mute;                 /* inside so many elements whose text is not shown */
	bool in_anchor, based, paged;
	uint64_t row;
	struct cw_buf href, text, classes, rel;
};

static bool is(const xmlChar *name, const char *word)
{
	return !strcmp((const char *)name, word);
}

static bool is_muted(const xmlChar *name)
{
	return is(name, "script") || is(name, "style") || is(name, "template") || is(name, "noscript");
}

static const char *attribute(const xmlChar **atts, const char *name)
{
	for (size_t i = 0; atts && atts[i]; i += 2)
		if (is(atts[i], name))
			return atts[i + 1] ? (const char *)atts[i + 1] : "";
	return NULL;
}

static struct cw_str taken(const struct cw_buf *buf)
{
	return (struct cw_str){ cw_buf_str(buf), buf->len };
}

/* An attribute that is too long is cut: one byte over a limit is enough to see that. */
static void take(struct html *html, struct cw_buf *buf, const char *text)
{
	cw_buf_reset(buf);
	if (text)
		cw_buf_append(buf, text, CW_MIN(strlen(text), (size_t)CW_FIELD_MAX));
	if (buf->failed == -ENOMEM)
		html_push_stop(&html->push, -ENOMEM);
}

static bool has_word(const char *words, const struct cw_strings *wanted)
{
	while (words && *words) {
		size_t n = strcspn(words, " \t\r\n\f");

		for (size_t i = 0; i < wanted->n; i++)
			if (n && strlen(wanted->at[i]) == n && strncasecmp(wanted->at[i], words, n) == 0)
				return true;
		words += n;
		words += strspn(words, " \t\r\n\f");
	}
	return false;
}

static void end_anchor(struct html *html)
{
	struct cw_anchor anchor = { taken(&html->href), taken(&html->text), taken(&html->classes), taken(&html->rel) };
	int r;

	if (!html->in_anchor || html->push.settled)
		return;
	html->in_anchor = false;
	r = cw_links_offer(html->links, ++html->row, &anchor);
	if (r < 0)
		html_push_stop(&html->push, r);
	else if (cw_record_failed(html->push.record))
		html_push_stop(&html->push, 0);
}

/* Also a <link> in the head. */
static void next_page(struct html *html, const xmlChar **atts)
{
	const char *href = attribute(atts, "href");
	int r;

	if (!html->next || html->paged || !href || !has_word(attribute(atts, "rel"), html->next))
		return;
	r = cw_record_next_page(html->push.record, cw_str_cut(cw_str(href), CW_FIELD_MAX));
	html->paged = r == 0;
	if (r < 0)
		html_push_stop(&html->push, r);
}

static void start_anchor(struct html *html, const xmlChar **atts)
{
	const char *href = attribute(atts, "href");

	end_anchor(html);
	next_page(html, atts);
	if (!href || html->push.settled)
		return;
	take(html, &html->href, href);
	take(html, &html->classes, attribute(atts, "class"));
	take(html, &html->rel, attribute(atts, "rel"));
	take(html, &html->text, NULL);
	html->in_anchor = true;
}

static void add_text(struct html *html, const char *text, size_t n)
{
	if (html->text.len + n > CW_FIELD_MAX)
		n = html->text.len < CW_FIELD_MAX ? CW_FIELD_MAX - html->text.len : 0;
	if (n && cw_buf_append(&html->text, text, n) < 0)
		html_push_stop(&html->push, -ENOMEM);
}

static void start_element(void *arg, const xmlChar *name, const xmlChar **atts)
{
	struct html *html = arg;
	const char *text;

	if (html->push.settled)
		return;
	if (html->push.parser->nameNr > (int)CW_DEPTH_MAX) {
		html_push_fail(&html->push, CW_REASON_TOO_LARGE, "elements are nested too deep", CW_DEPTH_MAX);
	} else if (is_muted(name)) {
		html->mute++;
	} else if (is(name, "a") || is(name, "area")) {
		start_anchor(html, atts);
		text = is(name, "area") ? attribute(atts, "alt") : NULL;
		if (text)
			add_text(html, text, strlen(text));
		if (is(name, "area"))
			end_anchor(html);
	} else if (is(name, "link")) {
		next_page(html, atts);
	} else if (is(name, "base") && !html->based && attribute(atts, "href")) {
		int r = cw_record_set_base(html->push.record, cw_str(attribute(atts, "href")));

		html->based = true;
		if (r < 0)
			html_push_stop(&html->push, r);
	} else if (html->in_anchor) {
		text = is(name, "img") ? attribute(atts, "alt") : NULL;
		add_text(html, " ", 1);
		if (text)
			add_text(html, text, strlen(text));
	}
}

static void end_element(void *arg, const xmlChar *name)
{
	struct html *html = arg;

	if (html->push.settled)
		return;
	if (is_muted(name))
		html->mute -= html->mute > 0;
	else if (is(name, "a"))
		end_anchor(html);
	else if (html->in_anchor)
		add_text(html, " ", 1);
}

static void characters(void *arg, const xmlChar *text, int n)
{
	struct html *html = arg;

	if (!html->push.settled && !html->mute && html->in_anchor && n > 0)
		add_text(html, (const char *)text, (size_t)n);
}

static void nothing(void *arg, const xmlChar *text, int n)
{
	(void)arg;
	(void)text;
	(void)n;
}

/* --- the format --- */

static void html_free(void *state)
{
	struct html *html = state;

	if (!html)
		return;
	html_push_close(&html->push);
	cw_buf_clear(&html->href);
	cw_buf_clear(&html->text);
	cw_buf_clear(&html->classes);
	cw_buf_clear(&html->rel);
	free(html);
}

static int begin(struct cw_record *record, void **ret)
{
	static const htmlSAXHandler handlers = {
		.startElement = start_element,
		.endElement = end_element,
		.characters = characters,
		.ignorableWhitespace = characters,
		.cdataBlock = nothing, /* scripts and styles */
	};
	struct html *html = calloc(1, sizeof(*html));

	*ret = html;
	if (!html)
		return -ENOMEM;
	html->links = cw_record_links(record);
	html->next = cw_record_next_rel(record);
	cw_buf_init(&html->href, CW_FIELD_MAX + 1);
	cw_buf_init(&html->text, CW_FIELD_MAX + 1);
	cw_buf_init(&html->classes, CW_FIELD_MAX + 1);
	cw_buf_init(&html->rel, CW_FIELD_MAX + 1);
	return html_push_open(&html->push, record, &handlers, html);
}

static int feed(void *state, const char *text, size_t len)
{
	struct html *html = state;

	return html_push_feed(&html->push, text, len);
}

static int end(void *state)
{
	struct html *html = state;
	int r = 0;

	if (!html->push.settled)
		r = html_push_end(&html->push);
	end_anchor(html);
	return r < 0 ? r : html->push.error;
}

const struct cw_format_ops cw_format_html = {
	.format = CW_FORMAT_HTML,
	.noun = "an HTML page",
	.markup = true,
	.begin = begin,
	.feed = feed,
	.end = end,
	.free = html_free,
};
