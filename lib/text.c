#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/evp.h>
#include <utf8proc.h>

#include <councilwatch/text.h>

struct cw_str cw_str(const char *text)
{
	return (struct cw_str){ text ? text : "", text ? strlen(text) : 0 };
}

bool cw_str_eq(struct cw_str a, const char *b)
{
	size_t len = strlen(b);

	return a.len == len && (len == 0 || memcmp(a.at, b, len) == 0);
}

/* Bytes of blank at the front of text: ASCII white space or U+00A0. */
static size_t blank_at(const char *at, size_t left)
{
	unsigned char c = left ? (unsigned char)at[0] : 'x';

	if (c == ' ' || (c >= '\t' && c <= '\r'))
		return 1;
	return left >= 2 && c == 0xc2 && (unsigned char)at[1] == 0xa0 ? 2 : 0;
}

struct cw_str cw_str_trim(struct cw_str text)
{
	size_t n;

	while ((n = blank_at(text.at, text.len))) {
		text.at += n;
		text.len -= n;
	}
	while (text.len) {
		if (blank_at(text.at + text.len - 1, 1))
			text.len--;
		else if (text.len >= 2 && blank_at(text.at + text.len - 2, 2) == 2)
			text.len -= 2;
		else
			break;
	}
	return text;
}

struct cw_str cw_str_cut(struct cw_str text, size_t max)
{
	if (text.len <= max)
		return text;
	while (max && ((unsigned char)text.at[max] & 0xc0) == 0x80)
		max--;
	text.len = max;
	return text;
}

/* Length of the well-formed UTF-8 sequence at the front (RFC 3629), 0 when there is none. */
static size_t utf8_sequence(const unsigned char *s, size_t left)
{
	unsigned char c = s[0];

	if (c < 0x80)
		return 1;
	if (c < 0xc2 || c > 0xf4)
		return 0;
	if (c < 0xe0)
		return left >= 2 && (s[1] & 0xc0) == 0x80 ? 2 : 0;
	if (c < 0xf0) {
		if (left < 3 || (s[1] & 0xc0) != 0x80 || (s[2] & 0xc0) != 0x80)
			return 0;
		if ((c == 0xe0 && s[1] < 0xa0) || (c == 0xed && s[1] > 0x9f))
			return 0;
		return 3;
	}
	if (left < 4 || (s[1] & 0xc0) != 0x80 || (s[2] & 0xc0) != 0x80 || (s[3] & 0xc0) != 0x80)
		return 0;
	if ((c == 0xf0 && s[1] < 0x90) || (c == 0xf4 && s[1] > 0x8f))
		return 0;
	return 4;
}

bool cw_utf8_valid(const void *data, size_t len)
{
	const unsigned char *s = data;

	while (len) {
		size_t n;
		uint64_t word;

		/* Eight ASCII bytes at once: no high bit set, no NUL. */
		while (len >= 8) {
			memcpy(&word, s, 8);
			if ((word | (word - 0x0101010101010101ull)) & 0x8080808080808080ull)
				break;
			s += 8;
			len -= 8;
		}
		if (!len)
			break;
		n = *s ? utf8_sequence(s, len) : 0;
		if (!n)
			return false;
		s += n;
		len -= n;
	}
	return true;
}

/* Read by cw_get_str. */
int cw_buf_put_str(struct cw_buf *buf, struct cw_str text)
{
	return cw_buf_put_bytes(buf, text.at, text.len);
}

/* Written by cw_buf_put_str. */
struct cw_str cw_get_str(struct cw_cursor *cursor, size_t max)
{
	struct cw_str text;

	text.at = cw_get_bytes(cursor, max, &text.len);
	if (text.at && cw_utf8_valid(text.at, text.len))
		return text;
	cursor->bad = true;
	return cw_str("");
}

/* Appends one folded character to out, keeping blanks single. */
static int fold_put(struct cw_buf *out, const char *at, size_t len, bool word, bool *gap)
{
	int r;

	if (!word) {
		*gap = true;
		return 0;
	}
	if (*gap && out->len) {
		r = cw_buf_putc(out, ' ');
		if (r < 0)
			return r;
	}
	*gap = false;
	return cw_buf_append(out, at, len);
}

static int fold_and(struct cw_buf *out, bool *gap)
{
	int r;

	*gap = true;
	r = fold_put(out, "and", 3, true, gap);
	*gap = true;
	return r;
}

/* Returns 1 when text is not plain ASCII and nothing was decided. */
static int fold_ascii(struct cw_str text, struct cw_buf *out)
{
	bool gap = false;
	int r;

	for (size_t i = 0; i < text.len; i++)
		if ((unsigned char)text.at[i] >= 0x80)
			return 1;
	r = cw_buf_reserve(out, text.len);
	for (size_t i = 0; r == 0 && i < text.len; i++) {
		char c = text.at[i];

		if (c == '&')
			r = fold_and(out, &gap);
		else if (c != '\'' && c != '.') {
			if (c >= 'A' && c <= 'Z')
				c = (char)(c - 'A' + 'a');
			r = fold_put(out, &c, 1, (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'), &gap);
		}
	}
	return r;
}

static bool folded_away(utf8proc_int32_t c)
{
	/* Apostrophes in the forms that publishers use, full stops, soft hyphens and zero-width marks. */
	return c == '\'' || c == '.' || c == 0x2019 || c == 0x2018 || c == 0x02bc || c == 0x00ad ||
	       (c >= 0x200b && c <= 0x200d) || c == 0xfeff;
}

static int fold_unicode(struct cw_str text, struct cw_buf *out)
{
	CW_CLEANUP(cw_freep) utf8proc_uint8_t *mapped = NULL;
	utf8proc_ssize_t n, i;
	bool gap = false;
	int r = 0;

	n = utf8proc_map((const utf8proc_uint8_t *)text.at, (utf8proc_ssize_t)text.len, &mapped,
	                 UTF8PROC_STABLE | UTF8PROC_COMPAT | UTF8PROC_DECOMPOSE | UTF8PROC_CASEFOLD |
	                         UTF8PROC_STRIPMARK);
	if (n == UTF8PROC_ERROR_NOMEM)
		return -ENOMEM;
	if (n < 0)
		return -EBADMSG;
	for (i = 0; r == 0 && i < n;) {
		utf8proc_int32_t c;
		utf8proc_ssize_t used = utf8proc_iterate(mapped + i, n - i, &c);
		utf8proc_category_t category;

		if (used <= 0)
			return -EBADMSG;
		category = utf8proc_category(c);
		if (c == '&')
			r = fold_and(out, &gap);
		else if (!folded_away(c))
			r = fold_put(out, (const char *)mapped + i, (size_t)used,
			             (category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO) ||
			                     (category >= UTF8PROC_CATEGORY_ND && category <= UTF8PROC_CATEGORY_NO),
			             &gap);
		i += used;
	}
	return r;
}

int cw_text_fold(struct cw_str text, struct cw_buf *out)
{
	int r;

	cw_buf_reset(out);
	r = fold_ascii(text, out);
	return r == 1 ? fold_unicode(text, out) : r;
}

int cw_parse_integer(struct cw_str text, int64_t *ret)
{
	bool negative = false;
	int64_t value = 0;
	size_t i = 0, digits = 0;

	if (i < text.len && (text.at[i] == '-' || text.at[i] == '+'))
		negative = text.at[i++] == '-';
	for (; i < text.len && isdigit((unsigned char)text.at[i]); i++, digits++) {
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_sub_overflow(value, text.at[i] - '0', &value))
			return -ERANGE;
	}
	if (!digits)
		return -EINVAL;
	if (i < text.len && text.at[i] == '.') {
		for (i++; i < text.len && text.at[i] == '0'; i++)
			;
	}
	if (i != text.len)
		return -EINVAL;
	if (!negative && value == INT64_MIN)
		return -ERANGE;
	*ret = negative ? value : -value;
	return 0;
}

int cw_parse_double(struct cw_str text, double *ret)
{
	char copy[64], *end;
	double value;

	if (!text.len || text.len >= sizeof(copy))
		return -EINVAL;
	for (size_t i = 0; i < text.len; i++)
		if (!isdigit((unsigned char)text.at[i]) && (!text.at[i] || !strchr("+-.eE", text.at[i])))
			return -EINVAL;
	memcpy(copy, text.at, text.len);
	copy[text.len] = '\0';
	value = strtod(copy, &end); /* our programs never leave the C locale for numbers */
	if (*end)
		return -EINVAL;
	if (!isfinite(value))
		return -ERANGE;
	*ret = value;
	return 0;
}

static bool take(struct cw_str *text, const char *word)
{
	size_t n = strlen(word);

	if (text->len < n || strncasecmp(text->at, word, n) != 0)
		return false;
	text->at += n;
	text->len -= n;
	return true;
}

static bool take_end(struct cw_str *text, const char *word)
{
	size_t n = strlen(word);

	if (text->len < n || strncasecmp(text->at + text->len - n, word, n) != 0)
		return false;
	text->len -= n;
	*text = cw_str_trim(*text);
	return true;
}

/* Digits without the commas between groups of three: "1,234,567.5". False when the commas part anything else. */
static bool without_commas(struct cw_str text, char *ret, size_t size)
{
	size_t n = 0, digits = 0;
	bool grouped = false, whole = true;

	for (size_t i = 0; i < text.len; i++) {
		char c = text.at[i];

		if (c == ',') {
			if (!whole || !digits || digits > 3 || (grouped && digits != 3))
				return false;
			grouped = true;
			digits = 0;
			continue;
		}
		if (whole && !isdigit((unsigned char)c)) {
			if (grouped && digits != 3)
				return false;
			whole = false;
		}
		digits++;
		if (n + 1 >= size)
			return false;
		ret[n++] = c;
	}
	if (grouped && whole && digits != 3)
		return false;
	ret[n] = '\0';
	return n > 0;
}

static int put_figure(double value, char ret[CW_NUMBER_TEXT])
{
	int whole = 1, decimals;
	size_t n;

	if (!(fabs(value) <= 999999999999999.0))
		return -ERANGE;
	for (double left = fabs(value); left >= 10; left /= 10)
		whole++;
	decimals = CW_MIN(9, 15 - whole);
	n = (size_t)snprintf(ret, CW_NUMBER_TEXT, "%.*f", CW_MAX(decimals, 0), value);
	if (decimals > 0) {
		while (ret[n - 1] == '0')
			n--;
		n -= ret[n - 1] == '.';
		ret[n] = '\0';
	}
	if (strcmp(ret, "-0") == 0)
		memcpy(ret, "0", 2);
	return 0;
}

int cw_parse_figure(struct cw_str text, bool parentheses, double scale, char ret[CW_NUMBER_TEXT])
{
	static const struct {
		const char *word;
		double factor;
	} units[] = { { "bn", 1e9 }, { "billion", 1e9 },  { "m", 1e6 },  { "million", 1e6 },
		      { "k", 1e3 },  { "thousand", 1e3 }, { "%", 1.0 } };
	bool has_sign = false, has_currency = false;
	char digits[64];
	double value;
	int r;

	text = cw_str_trim(text);
	if (parentheses && text.len > 2 && text.at[0] == '(' && text.at[text.len - 1] == ')') {
		text = cw_str_trim((struct cw_str){ text.at + 1, text.len - 2 });
		scale = -scale;
		has_sign = true; /* "(-5)" would be negative twice, or a mistake */
	}
	for (int twice = 0; twice < 2; twice++) { /* "-£5" and "£-5" */
		if (!has_sign && (take(&text, "\xe2\x88\x92") || take(&text, "-"))) { /* a minus sign proper, or the keyboard's */
			scale = -scale;
			has_sign = true;
		} else if (!has_sign && take(&text, "+")) {
			has_sign = true;
		}
		if (!has_currency && take(&text, "\xc2\xa3")) { /* a pound sign */
			text = cw_str_trim(text);
			has_currency = true;
		}
	}
	for (size_t i = 0; i < CW_ARRAY_LEN(units); i++) {
		if (take_end(&text, units[i].word)) {
			scale *= units[i].factor;
			break;
		}
	}
	if (!text.len || (!isdigit((unsigned char)text.at[0]) && text.at[0] != '.') ||
	    !without_commas(text, digits, sizeof(digits)))
		return -EINVAL;
	r = cw_parse_double(cw_str(digits), &value);
	return r < 0 ? r : put_figure(value * scale, ret);
}

/* Characters that could move the cursor, hide text or reorder it. */
static bool unsafe_character(utf8proc_int32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x061c || (c >= 0x200b && c <= 0x200f) ||
	       (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff ||
	       (c >= 0xfff0 && c <= 0xfffb);
}

int cw_text_escape(struct cw_str text, struct cw_buf *out)
{
	const unsigned char *s = (const unsigned char *)text.at;
	size_t left = text.len;
	int r = 0;

	while (left && r == 0) {
		size_t n = utf8_sequence(s, left);
		utf8proc_int32_t c = -1;

		if (n)
			utf8proc_iterate(s, (utf8proc_ssize_t)n, &c);
		if (!n || unsafe_character(c)) {
			n = n ? n : 1;
			for (size_t i = 0; i < n && r == 0; i++)
				r = cw_buf_printf(out, "\\x%02x", s[i]);
		} else {
			r = cw_buf_append(out, s, n);
		}
		s += n;
		left -= n;
	}
	return r;
}

/* Optimal string alignment distance over bytes; words are short identifiers. */
static size_t edit_distance(const char *a, const char *b)
{
	size_t rows[3][65], la = strlen(a), lb = strlen(b);
	size_t *before = rows[0], *last = rows[1], *now = rows[2];

	if (la > 64 || lb > 64)
		return SIZE_MAX;
	for (size_t j = 0; j <= lb; j++)
		last[j] = j;
	for (size_t i = 1; i <= la; i++) {
		size_t *spare = before;

		now[0] = i;
		for (size_t j = 1; j <= lb; j++) {
			size_t best = last[j - 1] + (a[i - 1] != b[j - 1]);

			best = CW_MIN(best, last[j] + 1);
			best = CW_MIN(best, now[j - 1] + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				best = CW_MIN(best, before[j - 2] + 1);
			now[j] = best;
		}
		before = last;
		last = now;
		now = spare;
	}
	return last[lb];
}

const char *cw_nearest(const char *word, const char *const *candidates)
{
	const char *best = NULL;
	size_t best_distance = SIZE_MAX;

	for (; *candidates; candidates++) {
		size_t distance = edit_distance(word, *candidates);
		size_t longer = CW_MAX(strlen(word), strlen(*candidates));

		if (distance < best_distance && distance <= CW_MAX(longer / 3, 1u)) {
			best = *candidates;
			best_distance = distance;
		}
	}
	return best;
}

int cw_sha256(const void *data, size_t len, unsigned char ret[CW_SHA256_LEN])
{
	/* Looked up by name in libcrypto's providers once, not at every digest. */
	static EVP_MD *md;

	if (!md)
		md = EVP_MD_fetch(NULL, "SHA2-256", NULL);
	return EVP_Digest(data, len, ret, NULL, md ? md : EVP_sha256(), NULL) == 1 ? 0 : -ENOMEM;
}

struct cw_sha256 {
	EVP_MD_CTX *ctx;
};

struct cw_sha256 *cw_sha256_new(void)
{
	struct cw_sha256 *hash = calloc(1, sizeof(*hash));

	if (!hash)
		return NULL;
	hash->ctx = EVP_MD_CTX_new();
	if (!hash->ctx || EVP_DigestInit_ex(hash->ctx, EVP_sha256(), NULL) != 1) {
		cw_sha256_free(hash);
		return NULL;
	}
	return hash;
}

void cw_sha256_free(struct cw_sha256 *hash)
{
	if (!hash)
		return;
	EVP_MD_CTX_free(hash->ctx);
	free(hash);
}

int cw_sha256_update(struct cw_sha256 *hash, const void *data, size_t len)
{
	return EVP_DigestUpdate(hash->ctx, data, len) == 1 ? 0 : -ENOMEM;
}

int cw_sha256_final(struct cw_sha256 *hash, unsigned char ret[CW_SHA256_LEN])
{
	if (EVP_DigestFinal_ex(hash->ctx, ret, NULL) != 1)
		return -ENOMEM;
	return EVP_DigestInit_ex(hash->ctx, NULL, NULL) == 1 ? 0 : -ENOMEM;
}

void cw_hex(const unsigned char *data, size_t len, char *ret)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		ret[2 * i] = digits[data[i] >> 4];
		ret[2 * i + 1] = digits[data[i] & 15];
	}
	ret[2 * len] = '\0';
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int cw_unhex(const char *text, unsigned char *ret, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		int high = hex_digit(text[2 * i]), low = high < 0 ? -1 : hex_digit(text[2 * i + 1]);

		if (low < 0)
			return -EINVAL;
		ret[i] = (unsigned char)(high << 4 | low);
	}
	return text[2 * len] ? -EINVAL : 0;
}
