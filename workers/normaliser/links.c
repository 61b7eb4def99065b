#include <errno.h>
#include <string.h>
#include <strings.h>

#include <libxml/uri.h>

#include <councilwatch/limits.h>

#include "links.h"

/* Addresses that were followed already, to be told again. Bytes. */
#define SEEN_MAX (24u << 20)
#define SEEN_SLOTS 32768u /* a power of two, three times CW_LINKS_MAX */

struct cw_links {
	struct cw_record *record;
	const struct cw_feed *feed;
	const struct cw_step *step;
	size_t n_needles;
	char **needles;      /* owned: step->text_contains, folded */
	char *host;          /* owned: of the feed's url, in lower case; NULL = it has none */
	struct cw_buf folded;
	struct cw_buf seen;  /* addresses, each ended by NUL */
	uint32_t *slots;     /* place in seen + 1; 0 = free */
	size_t n_seen;
	struct cw_buf address;
};

static uint64_t hash_of(struct cw_str text)
{
	uint64_t hash = 14695981039346656037u;

	for (size_t i = 0; i < text.len; i++)
		hash = (hash ^ (unsigned char)text.at[i]) * 1099511628211u;
	return hash;
}

/* 1: was there already; 0: is there now; -ENOMEM. */
static int remember(struct cw_links *links, struct cw_str url)
{
	size_t at = hash_of(url) % SEEN_SLOTS;

	for (; links->slots[at]; at = (at + 1) % SEEN_SLOTS)
		if (cw_str_eq(url, cw_buf_str(&links->seen) + links->slots[at] - 1))
			return 1;
	links->slots[at] = (uint32_t)links->seen.len + 1;
	cw_buf_append(&links->seen, url.at, url.len);
	if (cw_buf_putc(&links->seen, '\0') < 0)
		return -ENOMEM;
	links->n_seen++;
	return 0;
}

/* --- what is wanted --- */

static bool word_in(struct cw_str words, const struct cw_strings *wanted)
{
	size_t at = 0;

	while (at < words.len) {
		size_t end;

		while (at < words.len && strchr(" \t\r\n\f", words.at[at]))
			at++;
		for (end = at; end < words.len && !strchr(" \t\r\n\f", words.at[end]); end++)
			;
		for (size_t i = 0; end > at && i < wanted->n; i++)
			if (strlen(wanted->at[i]) == end - at && strncasecmp(wanted->at[i], words.at + at, end - at) == 0)
				return true;
		at = end;
	}
	return false;
}

/* 1, 0 or -ENOMEM. */
static int text_wanted(struct cw_links *links, struct cw_str text)
{
	int r;

	if (!links->n_needles)
		return 1;
	r = cw_text_fold(text, &links->folded);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	for (size_t i = 0; i < links->n_needles; i++)
		if (strstr(cw_buf_str(&links->folded), links->needles[i]))
			return 1;
	return 0;
}

static bool address_wanted(const struct cw_links *links, struct cw_str url)
{
	const struct cw_strings *parts = &links->step->link_contains;

	for (size_t i = 0; i < parts->n; i++)
		if (memmem(url.at, url.len, parts->at[i], strlen(parts->at[i])))
			return true;
	return !parts->n;
}

/* --- addresses --- */

/* As a browser reads an attribute: without line breaks and tabs, with what may not stand in an address encoded. */
static int clean(struct cw_links *links, struct cw_str href)
{
	struct cw_buf *out = &links->address;

	cw_buf_reset(out);
	while (href.len && (unsigned char)href.at[0] <= ' ')
		href.at++, href.len--;
	while (href.len && (unsigned char)href.at[href.len - 1] <= ' ')
		href.len--;
	for (size_t i = 0; i < href.len && href.at[i] != '#'; i++) {
		unsigned char c = (unsigned char)href.at[i];

		if (c == '\t' || c == '\n' || c == '\r')
			continue;
		if (c <= ' ' || c >= 0x7f || strchr("\"<>`{}|^", c))
			cw_buf_printf(out, "%%%02X", c);
		else
			cw_buf_putc(out, (char)c);
	}
	/* An address that is too long says so by its length. */
	return out->failed == -ENOMEM ? -ENOMEM : 0;
}

static bool host_allowed(const struct cw_links *links, const char *host)
{
	const struct cw_strings *allowed = &links->feed->allowed_hosts;

	if (links->host && strcasecmp(links->host, host) == 0)
		return true;
	for (size_t i = 0; i < allowed->n; i++)
		if (strcasecmp(allowed->at[i], host) == 0)
			return true;
	return false;
}

static void lower(struct cw_buf *buf, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++)
		if (buf->data[i] >= 'A' && buf->data[i] <= 'Z')
			buf->data[i] += 'a' - 'A';
}

/* Encoded letters in a host: what one program decodes another does not. */
static bool authority_encoded(const char *url)
{
	const char *start = strstr(url, "://");

	start = start ? start + 3 : url;
	return memchr(start, '%', strcspn(start, "/?#")) != NULL;
}

/* url: absolute. Scheme and host in lower case into links->address; *ret_why says what is wrong with it. 0; 1: may not be
 * followed; -ENOMEM. */
static int judge(struct cw_links *links, struct cw_str url, const char **ret_why, char host[256])
{
	CW_CLEANUP(cw_freep) char *copy = strndup(url.at, url.len);
	xmlURIPtr parsed;
	const char *start;

	if (!copy)
		return -ENOMEM;
	host[0] = '\0';
	*ret_why = NULL;
	/* Browsers take it for a slash and parsers do not: they would not agree on the host. */
	if (strchr(copy, '\\'))
		*ret_why = "there is a backslash in it";
	parsed = *ret_why ? NULL : xmlParseURI(copy);
	if (!*ret_why && (!parsed || !parsed->server || !*parsed->server || strlen(parsed->server) > 253))
		*ret_why = "it is not an address";
	else if (!*ret_why && (parsed->port < 0 || parsed->port > 65535 || authority_encoded(copy)))
		*ret_why = "its host is not written plainly";
	else if (!*ret_why && parsed->user)
		*ret_why = "it holds a user name";
	if (!*ret_why) {
		memcpy(host, parsed->server, strlen(parsed->server) + 1);
		if (!host_allowed(links, host))
			*ret_why = "its host is not in the feed's allowed_hosts";
	}
	xmlFreeURI(parsed);
	if (*ret_why)
		return 1;
	cw_buf_reset(&links->address);
	if (cw_buf_append(&links->address, url.at, url.len) < 0)
		return -ENOMEM;
	start = strstr(cw_buf_str(&links->address), "://") + 3;
	lower(&links->address, 0, (size_t)(start - cw_buf_str(&links->address)) + strcspn(start, "/?"));
	return 0;
}

/* href as an absolute address in links->address. 0; 1: it cannot be one, and why; -ENOMEM. */
static int resolve(struct cw_links *links, struct cw_str href, struct cw_str *ret, const char **ret_why, char host[256])
{
	int r = clean(links, href);

	if (r < 0)
		return r;
	*ret_why = "it is longer than an address may be";
	if (links->address.failed || links->address.len > CW_URL_MAX)
		return 1;
	r = cw_record_url(links->record, (struct cw_str){ cw_buf_str(&links->address), links->address.len }, ret);
	*ret_why = "it is neither http nor https";
	if (r)
		return r;
	/* Resolved addresses lie in the record's memory, others still in ours. */
	if (ret->at == cw_buf_str(&links->address)) {
		char *copy = cw_record_alloc(links->record, ret->len + 1);

		if (!copy)
			return -ENOMEM;
		memcpy(copy, ret->at, ret->len);
		ret->at = copy;
	}
	r = judge(links, *ret, ret_why, host);
	if (r == 0)
		*ret = (struct cw_str){ cw_buf_str(&links->address), links->address.len };
	return r;
}

/* --- offers --- */

static int follow(struct cw_links *links, const char *step, struct cw_str url, struct cw_str text, bool counts)
{
	struct cw_doc_link link = { .step = cw_str(step), .url = url };
	int r;

	r = cw_record_text(links->record, text, 0, &link.text);
	if (r < 0)
		return r;
	link.text = cw_str_cut(link.text, CW_LINK_TEXT_MAX);
	if (!cw_utf8_valid(link.text.at, link.text.len) || memchr(link.text.at, 0, link.text.len))
		link.text = cw_str("");
	return cw_record_followed(links->record, &link, counts);
}

/* The prefix of the step before a path: lists of an API name pages by their paths. 0 or -ENOMEM. */
static int put_prefix(struct cw_links *links, struct cw_str *href)
{
	const char *prefix = links->step->link_prefix;
	struct cw_str path = cw_str_trim(*href);
	size_t len = prefix ? strlen(prefix) : 0;
	char *joined;

	/* Two slashes begin a host. */
	if (!len || !path.len || path.at[0] != '/' || (path.len > 1 && (path.at[1] == '/' || path.at[1] == '\\')))
		return 0;
	joined = cw_record_alloc(links->record, len + path.len);
	if (!joined)
		return -ENOMEM;
	memcpy(joined, prefix, len);
	memcpy(joined + len, path.at, path.len);
	*href = (struct cw_str){ joined, len + path.len };
	return 0;
}

static int offer(struct cw_links *links, const struct cw_anchor *anchor)
{
	const struct cw_step *step = links->step;
	struct cw_str href = anchor->href;
	struct cw_str url;
	const char *why;
	char host[256];
	int r;

	if ((step->link_class.n && !word_in(anchor->classes, &step->link_class)) ||
	    (step->rel.n && !word_in(anchor->rel, &step->rel)))
		return cw_record_reject(links->record, CW_REASON_IGNORED, "", cw_str(""), NULL);
	r = text_wanted(links, anchor->text);
	if (r < 0)
		return r;
	if (!r)
		return cw_record_reject(links->record, CW_REASON_IGNORED, "", cw_str(""), NULL);
	r = put_prefix(links, &href);
	if (r == 0)
		r = resolve(links, href, &url, &why, host);
	if (r < 0)
		return r;
	if (r > 0 && !links->address.len) /* to a place in the same page */
		return cw_record_reject(links->record, CW_REASON_IGNORED, "", cw_str(""), NULL);
	if (r > 0) {
		/* One that is wanted by all else, or would be if it could be followed, is for a person to see. */
		if (!address_wanted(links, href))
			return cw_record_reject(links->record, CW_REASON_IGNORED, "", cw_str(""), NULL);
		return cw_record_reject(links->record, CW_REASON_BAD_VALUE, "link", anchor->href,
		                        "step \"%s\" does not follow it: %s", step->name, why);
	}
	if (!address_wanted(links, url))
		return cw_record_reject(links->record, CW_REASON_IGNORED, "", cw_str(""), NULL);
	r = remember(links, url);
	if (r < 0)
		return r;
	if (r > 0)
		return cw_record_reject(links->record, CW_REASON_DUPLICATE_ROW, "", cw_str(""), NULL);
	if (links->n_seen > CW_LINKS_MAX) {
		cw_record_fail(links->record, CW_REASON_TOO_LARGE, "more than %u links to follow", CW_LINKS_MAX);
		return 0;
	}
	return follow(links, cw_feed_next_step(links->feed, step), url, anchor->text, true);
}

int cw_links_offer(struct cw_links *links, uint64_t row, const struct cw_anchor *anchor)
{
	if (cw_record_failed(links->record))
		return 0;
	cw_record_start_row(links->record, row);
	return offer(links, anchor);
}

static const struct cw_cell *first_with_text(const struct cw_cell *cells, const size_t *slots, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (cells[slots[i]].text.len || cells[slots[i]].href.len)
			return &cells[slots[i]];
	return NULL;
}

int cw_links_row(struct cw_links *links, uint64_t row, const struct cw_cell *cells, const size_t *url_slots,
                 size_t n_url_slots, const size_t *text_slots, size_t n_text_slots)
{
	const struct cw_cell *url = first_with_text(cells, url_slots, n_url_slots);
	const struct cw_cell *text = first_with_text(cells, text_slots, n_text_slots);
	struct cw_anchor anchor = { .classes = cw_str(""), .rel = cw_str("") };

	if (cw_record_failed(links->record))
		return 0;
	cw_record_start_row(links->record, row);
	if (!url || url->problem)
		return cw_record_reject(links->record, CW_REASON_BAD_ROW, "link", cw_str(""), "there is no link in it");
	anchor.href = url->href.len ? url->href : url->text;
	anchor.text = text ? text->text : url->href.len ? url->text : cw_str("");
	return offer(links, &anchor);
}

int cw_links_next_page(struct cw_links *links, struct cw_str href)
{
	struct cw_str url;
	const char *why;
	char host[256];
	int r;

	if (cw_record_failed(links->record))
		return 0;
	r = resolve(links, href, &url, &why, host);
	if (r)
		return r;
	return follow(links, links->step ? links->step->name : "", url, cw_str(""), false);
}

bool cw_links_none(const struct cw_links *links)
{
	return !links->n_seen;
}

const struct cw_step *cw_links_step(const struct cw_links *links)
{
	return links->step;
}

/* --- life --- */

/* Of the feed's address, which the configuration has looked at. */
static int host_of(const char *url, char **ret)
{
	xmlURIPtr parsed = url ? xmlParseURI(url) : NULL;
	int r = 0;

	if (parsed && parsed->server) {
		*ret = strdup(parsed->server);
		r = *ret ? 0 : -ENOMEM;
	}
	xmlFreeURI(parsed);
	return r;
}

int cw_links_new(struct cw_record *record, const struct cw_feed *feed, const struct cw_step *step, struct cw_links **ret)
{
	static const struct cw_strings none;
	const struct cw_strings *texts = step ? &step->text_contains : &none;
	struct cw_links *links = calloc(1, sizeof(*links));
	int r = 0;

	if (!links)
		return -ENOMEM;
	links->record = record;
	links->feed = feed;
	links->step = step;
	cw_buf_init(&links->folded, 4u * CW_FIELD_MAX);
	cw_buf_init(&links->seen, SEEN_MAX);
	cw_buf_init(&links->address, 4u * CW_FIELD_MAX);
	links->slots = calloc(SEEN_SLOTS, sizeof(*links->slots));
	links->needles = calloc(texts->n + 1, sizeof(*links->needles));
	if (!links->slots || !links->needles)
		r = -ENOMEM;
	for (size_t i = 0; r == 0 && i < texts->n; i++) {
		r = cw_text_fold(cw_str(texts->at[i]), &links->folded);
		if (r == -EBADMSG) /* not UTF-8: no text holds it */
			r = 0;
		if (r == 0)
			links->needles[i] = strdup(cw_buf_str(&links->folded));
		if (r == 0 && !links->needles[i])
			r = -ENOMEM;
		links->n_needles += r == 0;
	}
	if (r == 0)
		r = host_of(feed->url, &links->host);
	if (r < 0) {
		cw_links_free(links);
		return r;
	}
	*ret = links;
	return 0;
}

void cw_links_free(struct cw_links *links)
{
	if (!links)
		return;
	for (size_t i = 0; i < links->n_needles; i++)
		free(links->needles[i]);
	free(links->needles);
	free(links->host);
	free(links->slots);
	cw_buf_clear(&links->folded);
	cw_buf_clear(&links->seen);
	cw_buf_clear(&links->address);
	free(links);
}
