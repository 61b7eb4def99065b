/* Texts and addresses as documents spell them. */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include <libxml/uri.h>

#include "record_private.h"

/* Bytes of white space at the front: as cw_str_trim has it. */
static size_t blank_at(const char *at, size_t left)
{
	unsigned char c = left ? (unsigned char)*at : 'x';

	if (c == ' ' || (c >= '\t' && c <= '\r'))
		return 1;
	return left >= 2 && c == 0xc2 && (unsigned char)at[1] == 0xa0 ? 2 : 0;
}

/* Most texts need no change: no run of blanks, no other white space in them. */
static bool single_spaced(struct cw_str text)
{
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.at[i];

		if ((c >= '\t' && c <= '\r') || (c == ' ' && i + 1 < text.len && text.at[i + 1] == ' ') ||
		    (c == 0xc2 && i + 1 < text.len && (unsigned char)text.at[i + 1] == 0xa0))
			return false;
	}
	return true;
}

/* Where to cut after max characters: at the end of a word when one ends within the last fifth. */
static size_t cut_at(struct cw_str text, size_t max)
{
	size_t characters = 0, word = 0, i;

	if (!max || text.len <= max)
		return text.len;
	for (i = 0; i < text.len; i++) {
		if (((unsigned char)text.at[i] & 0xc0) == 0x80)
			continue;
		if (text.at[i] == ' ' && characters >= max - max / 5)
			word = i;
		if (characters++ == max)
			return text.at[i] == ' ' ? i : word ? word : i;
	}
	return text.len;
}

int cw_record_text(struct cw_record *record, struct cw_str text, size_t max, struct cw_str *ret)
{
	text = record_trim(text);
	if (!single_spaced(text)) {
		char *out = cw_record_alloc(record, text.len);
		size_t n = 0, blank;

		if (!out)
			return -ENOMEM;
		for (size_t i = 0; i < text.len;) {
			blank = blank_at(text.at + i, text.len - i);
			if (!blank) {
				out[n++] = text.at[i++];
				continue;
			}
			i += blank;
			if (n && out[n - 1] != ' ')
				out[n++] = ' ';
		}
		text = (struct cw_str){ out, n };
	}
	text.len = cut_at(text, max);
	*ret = text;
	return 0;
}

bool record_is_http(struct cw_str url)
{
	return (url.len > 7 && !strncasecmp(url.at, "http://", 7)) ||
	       (url.len > 8 && !strncasecmp(url.at, "https://", 8));
}

int cw_record_url(struct cw_record *record, struct cw_str href, struct cw_str *ret)
{
	CW_CLEANUP(cw_freep) char *copy = NULL;
	xmlChar *built;
	struct cw_str url;
	int r;

	href = record_trim(href);
	if (!href.len || href.len > CW_URL_MAX || memchr(href.at, 0, href.len))
		return 1;
	for (size_t i = 0; i < href.len; i++)
		if ((unsigned char)href.at[i] <= ' ' || href.at[i] == 0x7f)
			return 1;
	if (record_is_http(href)) {
		*ret = href;
		return 0;
	}
	if (!record->base)
		return 1;
	copy = strndup(href.at, href.len);
	if (!copy)
		return -ENOMEM;
	built = xmlBuildURI((const xmlChar *)copy, (const xmlChar *)record->base);
	if (!built)
		return 1;
	url = cw_str((const char *)built);
	r = record_is_http(url) && url.len <= CW_URL_MAX ? record_keep(record, url.at, url.len, ret) : 1;
	xmlFree(built);
	return r;
}

int record_is_absent(struct cw_record *record, struct cw_str text)
{
	unsigned char c;
	int r;

	if (!text.len)
		return 1;
	/* Most texts begin with a letter or digit that no absent text begins with. */
	c = (unsigned char)text.at[0];
	if (c >= 'A' && c <= 'Z')
		c = (unsigned char)(c - 'A' + 'a');
	if (((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) && !record->absent_first[c])
		return 0;
	if (text.len > 1024)
		return 0;
	r = cw_text_fold(text, &record->fold);
	if (r == -ENOMEM)
		return r;
	if (r < 0)
		return 0;
	/* Dashes and dots alone fold to nothing, which is how tables say nothing. */
	if (!record->fold.len)
		return 1;
	for (size_t i = 0; i < record->n_absent; i++)
		if (!strcmp(record->absent[i], cw_buf_str(&record->fold)))
			return 1;
	return 0;
}

uint64_t record_hash(struct cw_str text, uint64_t seed)
{
	uint64_t hash = seed ^ (text.len * 0x9e3779b97f4a7c15ull), word;
	size_t i = 0;

	for (; i + 8 <= text.len; i += 8) {
		memcpy(&word, text.at + i, 8);
		hash = (hash ^ word) * 0xff51afd7ed558ccdull;
		hash ^= hash >> 32;
	}
	if (i < text.len) {
		word = 0;
		memcpy(&word, text.at + i, text.len - i);
		hash = (hash ^ word) * 0xff51afd7ed558ccdull;
		hash ^= hash >> 32;
	}
	return hash * 0xc4ceb9fe1a85ec53ull;
}
