#include <ctype.h>
#include <errno.h>
#include <iconv.h>
#include <string.h>
#include <strings.h>

#include <councilwatch/buf.h>

#include "encoding.h"

#define OUT_MAX 8192u

enum set { SET_UNDECIDED, SET_UTF8, SET_WINDOWS_1252, SET_UTF16LE, SET_UTF16BE, SET_ICONV };

struct cw_decoder {
	cw_decoded_fn *fn;
	void *arg;
	enum set set;
	bool strict; /* the feed forces UTF-8: no second guess at invalid bytes */
	enum cw_declarations declarations;
	char forced[32];
	char header[32]; /* charset of the Content-Type header */
	iconv_t converter;
	char *window; /* owned; NULL once the set is decided */
	size_t window_len;
	unsigned char carry[8]; /* an unfinished character from the last chunk */
	size_t n_carry;
	uint32_t high; /* an unpaired UTF-16 high surrogate, 0 = none */
	char in[256];  /* what iconv has not taken yet */
	size_t n_in;
	char out[OUT_MAX];
	size_t n_out;
};

/* Code points of 0x80..0x9f in windows-1252 (WHATWG Encoding Standard; the five holes are the C1 controls). */
static const uint16_t windows_1252[32] = {
	0x20ac, 0x0081, 0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160,
	0x2039, 0x0152, 0x008d, 0x017d, 0x008f, 0x0090, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022,
	0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0x009d, 0x017e, 0x0178,
};

static const struct {
	const char *label;
	enum set set;
} labels[] = {
	{ "utf-8", SET_UTF8 },
	{ "utf8", SET_UTF8 },
	{ "unicode-1-1-utf-8", SET_UTF8 },
	{ "windows-1252", SET_WINDOWS_1252 },
	{ "cp1252", SET_WINDOWS_1252 },
	{ "x-cp1252", SET_WINDOWS_1252 },
	{ "iso-8859-1", SET_WINDOWS_1252 },
	{ "iso8859-1", SET_WINDOWS_1252 },
	{ "iso_8859-1", SET_WINDOWS_1252 },
	{ "latin1", SET_WINDOWS_1252 },
	{ "latin-1", SET_WINDOWS_1252 },
	{ "l1", SET_WINDOWS_1252 },
	{ "ascii", SET_WINDOWS_1252 },
	{ "us-ascii", SET_WINDOWS_1252 },
	{ "utf-16", SET_UTF16LE },
	{ "utf-16le", SET_UTF16LE },
	{ "utf-16be", SET_UTF16BE },
};

#define WARM_MAX 64
static struct {
	char name[32];
	iconv_t converter;
} warm[WARM_MAX];
static size_t n_warm;

int cw_encoding_warm(const char *name)
{
	iconv_t converter;

	for (size_t i = 0; i < CW_ARRAY_LEN(labels); i++)
		if (!strcasecmp(labels[i].label, name))
			return 0;
	for (size_t i = 0; i < n_warm; i++)
		if (!strcasecmp(warm[i].name, name))
			return 0;
	if (strlen(name) >= sizeof(warm[0].name) || strchr(name, '/'))
		return -EINVAL; /* "//TRANSLIT" and the like are not names */
	converter = iconv_open("UTF-8", name);
	if (converter == (iconv_t)-1)
		return -EINVAL;
	if (n_warm == WARM_MAX) {
		iconv_close(converter);
		return 0;
	}
	strcpy(warm[n_warm].name, name);
	warm[n_warm++].converter = converter;
	return 0;
}

static bool use_label(struct cw_decoder *decoder, const char *label)
{
	for (size_t i = 0; i < CW_ARRAY_LEN(labels); i++) {
		if (strcasecmp(labels[i].label, label) != 0)
			continue;
		decoder->set = labels[i].set;
		return true;
	}
	if (!*label || strchr(label, '/'))
		return false;
	decoder->converter = iconv_open("UTF-8", label);
	if (decoder->converter == (iconv_t)-1)
		return false;
	decoder->set = SET_ICONV;
	return true;
}

/* Copies the charset label at text into ret: letters, digits and the few signs that labels have. */
static bool label_at(const char *text, size_t len, char ret[32])
{
	size_t i = 0, n = 0;
	char quote = 0;

	while (i < len && isspace((unsigned char)text[i]))
		i++;
	if (i == len || text[i] != '=')
		return false;
	i++;
	while (i < len && isspace((unsigned char)text[i]))
		i++;
	if (i < len && (text[i] == '"' || text[i] == '\''))
		quote = text[i++];
	while (i < len && n < 31 && (isalnum((unsigned char)text[i]) || strchr("-_.:", text[i])) && text[i])
		ret[n++] = text[i++];
	ret[n] = '\0';
	return n > 0 && (!quote || (i < len && text[i] == quote));
}

static const char *find_word(const char *text, size_t len, const char *word)
{
	size_t n = strlen(word);

	for (size_t i = 0; i + n <= len; i++)
		if (!strncasecmp(text + i, word, n))
			return text + i;
	return NULL;
}

/* A charset in the first <meta> that has one, or the encoding of an XML declaration. */
static bool declared(enum cw_declarations where, const char *text, size_t len, char ret[32])
{
	const char *end = text + len, *at = text, *close, *word;

	if (where && len > 5 && !memcmp(text, "<?xml", 5)) {
		close = memchr(text, '>', len);
		word = close ? find_word(text, (size_t)(close - text), "encoding") : NULL;
		if (word && label_at(word + 8, (size_t)(close - word - 8), ret))
			return true;
	}
	while (where == CW_DECLARED_IN_HTML && (at = find_word(at, (size_t)(end - at), "<meta"))) {
		close = memchr(at, '>', (size_t)(end - at));
		if (!close)
			return false;
		word = find_word(at, (size_t)(close - at), "charset");
		if (word && label_at(word + 7, (size_t)(close - word - 7), ret))
			return true;
		at = close;
	}
	return false;
}

/* Length of the well-formed sequence at the front; 0: malformed; -1: cut short by the end. NUL counts as a character. */
static int sequence(const unsigned char *s, size_t left)
{
	static const struct {
		unsigned char low, high, len;
	} leads[] = {
		{ 0xc2, 0xdf, 2 },
		{ 0xe0, 0xef, 3 },
		{ 0xf0, 0xf4, 4 },
	};
	unsigned char c = s[0];

	if (c < 0x80)
		return 1;
	for (size_t k = 0; k < CW_ARRAY_LEN(leads); k++) {
		if (c < leads[k].low || c > leads[k].high)
			continue;
		for (size_t i = 1; i < leads[k].len; i++) {
			unsigned char low = 0x80, high = 0xbf;

			if (i >= left)
				return -1;
			if (i == 1) {
				/* No overlong forms, no surrogates, nothing past U+10FFFF. */
				low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
				high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
			}
			if (s[i] < low || s[i] > high)
				return 0;
		}
		return leads[k].len;
	}
	return 0;
}

/* Bytes at the front that are whole valid characters. */
static size_t valid_run(const unsigned char *s, size_t len, int *why)
{
	size_t i = 0;

	*why = 1;
	while (i < len) {
		uint64_t word[4];
		int n;

		while (len - i >= sizeof(word)) {
			memcpy(word, s + i, sizeof(word));
			if ((word[0] | word[1] | word[2] | word[3]) & 0x8080808080808080ull)
				break;
			i += sizeof(word);
		}
		if (i == len)
			break;
		n = sequence(s + i, len - i);
		if (n <= 0) {
			*why = n;
			break;
		}
		i += (size_t)n;
	}
	return i;
}

static int flush(struct cw_decoder *decoder)
{
	size_t n = decoder->n_out;

	decoder->n_out = 0;
	return n ? decoder->fn(decoder->arg, decoder->out, n) : 0;
}

static int put(struct cw_decoder *decoder, uint32_t c)
{
	char *out;
	int r;

	if (decoder->n_out + 4 > OUT_MAX) {
		r = flush(decoder);
		if (r)
			return r;
	}
	out = decoder->out + decoder->n_out;
	if (c < 0x80) {
		out[0] = (char)c;
		decoder->n_out += 1;
	} else if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3f));
		decoder->n_out += 2;
	} else if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3f));
		out[2] = (char)(0x80 | (c & 0x3f));
		decoder->n_out += 3;
	} else {
		out[0] = (char)(0xf0 | c >> 18);
		out[1] = (char)(0x80 | (c >> 12 & 0x3f));
		out[2] = (char)(0x80 | (c >> 6 & 0x3f));
		out[3] = (char)(0x80 | (c & 0x3f));
		decoder->n_out += 4;
	}
	return 0;
}

static int put_1252(struct cw_decoder *decoder, unsigned char byte)
{
	return put(decoder, byte >= 0x80 && byte < 0xa0 ? windows_1252[byte - 0x80] : byte);
}

static int put_invalid(struct cw_decoder *decoder, unsigned char byte)
{
	return decoder->strict ? put(decoder, 0xfffd) : put_1252(decoder, byte);
}

static int from_utf8(struct cw_decoder *decoder, const unsigned char *s, size_t len, bool last)
{
	int r, why;

	/* Finish the character that the last chunk cut in two. */
	while (decoder->n_carry && len) {
		int n;

		decoder->carry[decoder->n_carry++] = *s++;
		len--;
		n = sequence(decoder->carry, decoder->n_carry);
		if (n < 0)
			continue;
		if (n > 0) {
			r = flush(decoder);
			if (r == 0)
				r = decoder->fn(decoder->arg, (const char *)decoder->carry, (size_t)n);
			decoder->n_carry = 0;
		} else {
			/* Only the lead is at fault: the bytes behind it may begin characters of their own. */
			unsigned char rest[8];
			size_t n_rest = decoder->n_carry - 1;

			memcpy(rest, decoder->carry + 1, n_rest);
			decoder->n_carry = 0;
			r = put_invalid(decoder, decoder->carry[0]);
			if (r == 0)
				r = from_utf8(decoder, rest, n_rest, false);
		}
		if (r)
			return r;
	}

	while (len) {
		size_t n = valid_run(s, len, &why);

		if (n) {
			r = flush(decoder);
			if (r == 0)
				r = decoder->fn(decoder->arg, (const char *)s, n);
			if (r)
				return r;
			s += n;
			len -= n;
		}
		if (why < 0 && !last) {
			memcpy(decoder->carry, s, len);
			decoder->n_carry = len;
			return 0;
		}
		if (len) {
			r = put_invalid(decoder, *s);
			if (r)
				return r;
			s++;
			len--;
		}
	}
	if (last && decoder->n_carry) {
		for (size_t i = 0; i < decoder->n_carry; i++) {
			r = put_invalid(decoder, decoder->carry[i]);
			if (r)
				return r;
		}
		decoder->n_carry = 0;
	}
	return 0;
}

static int from_1252(struct cw_decoder *decoder, const unsigned char *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		int r = put_1252(decoder, s[i]);

		if (r)
			return r;
	}
	return 0;
}

static int from_utf16(struct cw_decoder *decoder, const unsigned char *s, size_t len, bool last)
{
	bool big = decoder->set == SET_UTF16BE;
	int r = 0;

	for (size_t i = 0; i < len && r == 0; i++) {
		uint32_t unit;

		decoder->carry[decoder->n_carry++] = s[i];
		if (decoder->n_carry < 2)
			continue;
		decoder->n_carry = 0;
		unit = big ? (uint32_t)decoder->carry[0] << 8 | decoder->carry[1]
		           : (uint32_t)decoder->carry[1] << 8 | decoder->carry[0];
		if (decoder->high && unit >= 0xdc00 && unit < 0xe000) {
			r = put(decoder, 0x10000 + ((decoder->high - 0xd800) << 10) + (unit - 0xdc00));
			decoder->high = 0;
			continue;
		}
		if (decoder->high)
			r = put(decoder, 0xfffd);
		decoder->high = 0;
		if (r)
			break;
		if (unit >= 0xd800 && unit < 0xdc00)
			decoder->high = unit;
		else
			r = put(decoder, unit >= 0xdc00 && unit < 0xe000 ? 0xfffd : unit);
	}
	if (last && r == 0 && (decoder->n_carry || decoder->high)) {
		decoder->n_carry = 0;
		decoder->high = 0;
		r = put(decoder, 0xfffd);
	}
	return r;
}

/* Through a buffer, so that a character cut in two by the end of a chunk is whole again at the next. */
static int from_iconv(struct cw_decoder *decoder, const unsigned char *s, size_t len, bool last)
{
	for (;;) {
		size_t n = CW_MIN(len, sizeof(decoder->in) - decoder->n_in), left, room = OUT_MAX;
		char *in = decoder->in, *out = decoder->out;
		int r, bad;

		memcpy(decoder->in + decoder->n_in, s, n);
		decoder->n_in += n;
		s += n;
		len -= n;
		if (!decoder->n_in)
			return 0;

		left = decoder->n_in;
		bad = iconv(decoder->converter, &in, &left, &out, &room) == (size_t)-1 ? errno : 0;
		decoder->n_out = OUT_MAX - room;
		r = flush(decoder);
		if (r)
			return r;
		if (bad == EILSEQ || (bad == EINVAL && (last ? !len : left == sizeof(decoder->in)))) {
			in++;
			left--;
			r = put(decoder, 0xfffd);
			if (r == 0)
				r = flush(decoder);
			if (r)
				return r;
		}
		memmove(decoder->in, in, left);
		decoder->n_in = left;
		if (bad == EINVAL && !len && !last)
			return 0;
	}
}

static int decode(struct cw_decoder *decoder, const char *data, size_t len, bool last)
{
	const unsigned char *s = (const unsigned char *)data;
	int r;

	switch (decoder->set) {
	case SET_WINDOWS_1252:
		r = from_1252(decoder, s, len);
		break;
	case SET_UTF16LE:
	case SET_UTF16BE:
		r = from_utf16(decoder, s, len, last);
		break;
	case SET_ICONV:
		r = from_iconv(decoder, s, len, last);
		break;
	default:
		r = from_utf8(decoder, s, len, last);
		break;
	}
	return r ? r : flush(decoder);
}

static const struct {
	unsigned char bytes[3];
	size_t len;
	enum set set;
} marks[] = {
	{ { 0xef, 0xbb, 0xbf }, 3, SET_UTF8 },
	{ { 0xff, 0xfe }, 2, SET_UTF16LE },
	{ { 0xfe, 0xff }, 2, SET_UTF16BE },
};

/* Decides, and hands on the window. */
static int decide(struct cw_decoder *decoder, bool last)
{
	CW_CLEANUP(cw_freep) char *window = cw_steal(decoder->window);
	size_t len = decoder->window_len, skip = 0;
	char label[32];
	int why;

	for (size_t i = 0; i < CW_ARRAY_LEN(marks); i++) {
		if (len < marks[i].len || memcmp(window, marks[i].bytes, marks[i].len) != 0)
			continue;
		decoder->set = marks[i].set;
		skip = marks[i].len;
		break;
	}
	if (*decoder->forced) {
		enum set marked = decoder->set;

		decoder->strict = true;
		/* A mark that belongs to another set than the forced one is text there. */
		if (use_label(decoder, decoder->forced) && decoder->set != marked)
			skip = 0;
	} else if (decoder->set == SET_UNDECIDED && !use_label(decoder, decoder->header) &&
	           !(declared(decoder->declarations, window, len, label) && use_label(decoder, label))) {
		valid_run((const unsigned char *)window, len, &why);
		decoder->set = why == 0 || (why < 0 && last) ? SET_WINDOWS_1252 : SET_UTF8;
	} else if (decoder->declarations && !skip && (decoder->set == SET_UTF16LE || decoder->set == SET_UTF16BE) &&
	           memchr(window, '<', len) && !memchr(window, 0, len)) {
		/* Bytes that could be read as ASCII up to the declaration are not UTF-16, whatever it says. */
		decoder->set = SET_UTF8;
	}
	if (decoder->set == SET_UNDECIDED)
		decoder->set = SET_UTF8;
	return decode(decoder, window + skip, len - skip, last);
}

int cw_decoder_new(const char *forced, struct cw_str content_type, enum cw_declarations declarations, cw_decoded_fn *fn,
                   void *arg, struct cw_decoder **ret)
{
	struct cw_decoder *decoder = calloc(1, sizeof(*decoder));
	const char *word;

	if (!decoder)
		return -ENOMEM;
	decoder->converter = (iconv_t)-1;
	decoder->fn = fn;
	decoder->arg = arg;
	decoder->declarations = declarations;
	decoder->window = malloc(CW_ENCODING_WINDOW);
	if (!decoder->window) {
		free(decoder);
		return -ENOMEM;
	}
	if (forced && strlen(forced) < sizeof(decoder->forced))
		strcpy(decoder->forced, forced);
	word = find_word(content_type.at, content_type.len, "charset");
	if (word && !label_at(word + 7, (size_t)(content_type.at + content_type.len - word - 7), decoder->header))
		decoder->header[0] = '\0';
	*ret = decoder;
	return 0;
}

void cw_decoder_free(struct cw_decoder *decoder)
{
	if (!decoder)
		return;
	if (decoder->converter != (iconv_t)-1)
		iconv_close(decoder->converter);
	free(decoder->window);
	free(decoder);
}

int cw_decoder_feed(struct cw_decoder *decoder, const char *data, size_t len)
{
	if (decoder->window) {
		size_t n = CW_MIN(len, CW_ENCODING_WINDOW - decoder->window_len);
		int r;

		memcpy(decoder->window + decoder->window_len, data, n);
		decoder->window_len += n;
		data += n;
		len -= n;
		if (decoder->window_len < CW_ENCODING_WINDOW)
			return 0;
		r = decide(decoder, false);
		if (r)
			return r;
	}
	return len ? decode(decoder, data, len, false) : 0;
}

int cw_decoder_end(struct cw_decoder *decoder)
{
	return decoder->window ? decide(decoder, true) : decode(decoder, "", 0, true);
}

const char *cw_decoder_name(const struct cw_decoder *decoder)
{
	switch (decoder->set) {
	case SET_UTF8:
		return "UTF-8";
	case SET_WINDOWS_1252:
		return "Windows-1252";
	case SET_UTF16LE:
		return "UTF-16LE";
	case SET_UTF16BE:
		return "UTF-16BE";
	case SET_ICONV:
		return "iconv";
	default:
		return "";
	}
}
