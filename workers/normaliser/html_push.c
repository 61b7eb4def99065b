#include <errno.h>
#include <string.h>

#include <libxml/parserInternals.h>

#include "html_push.h"

#define UNPARSED_MAX (8u << 20) /* one tag, comment or script */
#define ATTRIBUTES_MAX 2048u    /* of a tag longer than a block: libxml2 compares each with all before it */

void html_push_stop(struct html_push *push, int error)
{
	if (error < 0 && !push->error)
		push->error = error;
	push->settled = true;
	xmlStopParser(push->parser);
}

void html_push_fail(struct html_push *push, enum cw_reason reason, const char *what, unsigned limit)
{
	cw_record_fail(push->record, reason, "%s (the limit is %u)", what, limit);
	html_push_stop(push, 0);
}

int html_push_open(struct html_push *push, struct cw_record *record, const htmlSAXHandler *handlers, void *arg)
{
	htmlSAXHandler copy = *handlers;

	push->record = record;
	push->parser = htmlCreatePushParserCtxt(&copy, arg, NULL, 0, NULL, XML_CHAR_ENCODING_UTF8);
	if (!push->parser)
		return -ENOMEM;
	htmlCtxtUseOptions(push->parser, HTML_PARSE_RECOVER | HTML_PARSE_NONET | HTML_PARSE_NOERROR |
	                                     HTML_PARSE_NOWARNING | HTML_PARSE_NODEFDTD | HTML_PARSE_IGNORE_ENC |
	                                     HTML_PARSE_COMPACT);
	return 0;
}

void html_push_close(struct html_push *push)
{
	if (push->parser)
		htmlFreeParserCtxt(push->parser);
}

/*
 * A tag may be megabytes long for a picture in an attribute, but not for a hundred thousand attributes. libxml2 may
 * wait past the end of a tag (it forgets between two blocks that it is inside quotes), so what it has not taken
 * yet may hold several.
 */
static bool many_attributes(struct html_push *push)
{
	const char *text = (const char *)push->parser->input->cur;
	size_t len = (size_t)(push->parser->input->end - push->parser->input->cur);

	if (len < HTML_PUSH_BLOCK / 2 || len < push->looked) {
		push->looked = 0;
		push->words = 0;
		push->quote = 0;
		push->in_tag = false;
		return false;
	}
	for (; push->looked + 1 < len && push->words <= ATTRIBUTES_MAX; push->looked++) {
		char c = text[push->looked], next = text[push->looked + 1] | 0x20;

		if (!push->in_tag) {
			push->in_tag = c == '<' && next >= 'a' && next <= 'z';
			push->words = 0;
		} else if (push->quote) {
			push->quote = c == push->quote ? 0 : push->quote;
		} else if (c == '"' || c == '\'') {
			push->quote = c;
		} else if (c == '>') {
			push->in_tag = false;
		} else if (c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '\f' || c == '/') {
			push->words++;
		}
	}
	return push->words > ATTRIBUTES_MAX;
}

/* How much at the end of the block is not whole yet: a tag that is still open, or else a character. libxml2's push
 * parser forgets between two pieces that it is inside an attribute's quotes, and then takes nothing more until the end. */
static size_t unfinished(const char *block, size_t n)
{
	const char *open = memrchr(block, '<', n);
	size_t keep = 0;

	if (open > block && !memchr(open, '>', n - (size_t)(open - block)))
		return n - (size_t)(open - block);
	while (keep < 3 && keep < n && ((unsigned char)block[n - 1 - keep] & 0xc0) == 0x80)
		keep++;
	if (keep < n && ((unsigned char)block[n - 1 - keep] & 0xc0) == 0xc0)
		keep++;
	return keep;
}

/* Gives libxml2 what is whole in the block. */
static int parse_block(struct html_push *push, bool last)
{
	size_t n = push->n_block, keep = last ? 0 : unfinished(push->block, n);

	n -= keep;
	if (many_attributes(push)) {
		html_push_fail(push, CW_REASON_TOO_LARGE, "a tag of too many attributes", ATTRIBUTES_MAX);
		return 1;
	}
	(void)htmlParseChunk(push->parser, push->block, (int)n, last); /* malformed markup is the normal case */
	memmove(push->block, push->block + n, keep);
	push->n_block = keep;
	if (push->parser->errNo == XML_ERR_NO_MEMORY)
		return -ENOMEM;
	if (push->error)
		return push->error;
	if (!push->settled && !last && push->parser->input->end - push->parser->input->cur > (ptrdiff_t)UNPARSED_MAX)
		html_push_fail(push, CW_REASON_TOO_LARGE, "one tag, comment or script of too many bytes", UNPARSED_MAX);
	return push->settled;
}

int html_push_feed(struct html_push *push, const char *text, size_t len)
{
	while (len && !push->settled) {
		const char *nul = memchr(text, 0, len);
		size_t n = CW_MIN(nul ? (size_t)(nul - text) : len, HTML_PUSH_BLOCK - push->n_block);
		int r;

		memcpy(push->block + push->n_block, text, n);
		push->n_block += n;
		text += n;
		len -= n;
		/* libxml2 takes NUL for the end of its input; the HTML standard makes it U+FFFD. */
		if (text == nul && HTML_PUSH_BLOCK - push->n_block >= 3) {
			memcpy(push->block + push->n_block, "\xef\xbf\xbd", 3);
			push->n_block += 3;
			text++;
			len--;
			continue;
		}
		if (push->n_block < HTML_PUSH_BLOCK && text != nul)
			break;
		r = parse_block(push, false);
		if (r < 0)
			return r;
	}
	return push->settled;
}

int html_push_end(struct html_push *push)
{
	return parse_block(push, true);
}
