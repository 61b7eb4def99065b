/*
 * text.h: names, numbers and other text from outside.
 */
#ifndef COUNCILWATCH_TEXT_H
#define COUNCILWATCH_TEXT_H

#include <councilwatch/base.h>
#include <councilwatch/buf.h>

/* A piece of borrowed text, not NUL-terminated. */
struct cw_str {
	const char *at;
	size_t len;
};
struct cw_str cw_str(const char *text);                /* NULL is the empty text */
bool cw_str_eq(struct cw_str a, const char *b);
struct cw_str cw_str_trim(struct cw_str text);         /* blanks, tabs, newlines, NBSP (U+00A0) at both ends */
struct cw_str cw_str_cut(struct cw_str text, size_t max); /* at most max bytes of UTF-8, no character in half */

/* Valid UTF-8 without NUL? Overlong forms, surrogates and values past U+10FFFF are not. */
bool cw_utf8_valid(const void *data, size_t len);

/* Text in a message: written as cw_buf_put_bytes does. Read as text that is borrowed from the cursor's bytes; what is
 * longer than max bytes, or no valid UTF-8, marks the cursor bad and gives the empty text. */
int cw_buf_put_str(struct cw_buf *buf, struct cw_str text);
struct cw_str cw_get_str(struct cw_cursor *cursor, size_t max);

/*
 * The folded form under which headings and names are compared: Unicode NFKC and case folding,
 * diacritics removed, "&" read as "and", apostrophes and full stops dropped, every other run of
 * characters that are neither letters nor digits made one blank, none at the ends. ASCII text takes
 * a fast path without utf8proc. Appends to out (reset first). Returns 0, -EBADMSG or -ENOMEM.
 */
int cw_text_fold(struct cw_str text, struct cw_buf *out);

/* Whole text as a decimal number; "2.0" is 2 and "80426.0" is 80426 (spreadsheets write
 * integers so). Returns 0 or -EINVAL / -ERANGE. */
int cw_parse_integer(struct cw_str text, int64_t *ret);
int cw_parse_double(struct cw_str text, double *ret); /* C locale; thousands separators refused */

/*
 * A number as publications write them, to the one form in which it is kept and sent: "1,546" is 1546, "£7.737m" is
 * 7737000, "12.50%" is 12.5. A currency or per cent sign says nothing that the field does not; k, m and bn (thousand,
 * million, billion) multiply. Commas must part groups of three. parentheses: "(12)" is -12. scale multiplies the result.
 * At most 15 significant digits and 9 decimals are kept, no zeros at the ends, no exponent. 0, -EINVAL or -ERANGE.
 */
#define CW_NUMBER_TEXT 32
int cw_parse_figure(struct cw_str text, bool parentheses, double scale, char ret[CW_NUMBER_TEXT]);

/* Appends text so that it is safe on a terminal and in a log line: control characters, escapes,
 * bidirectional overrides and invalid UTF-8 become \xNN. */
int cw_text_escape(struct cw_str text, struct cw_buf *out);

/* The candidate nearest to word, or NULL when none is near enough to suggest
 * (Damerau-Levenshtein distance at most a third of the longer word, at least 1 allowed).
 * candidates ends with NULL. */
const char *cw_nearest(const char *word, const char *const *candidates);

/* SHA-256 (FIPS 180-4). hex is 64 digits and NUL. */
#define CW_SHA256_LEN 32
#define CW_SHA256_HEX 65
int cw_sha256(const void *data, size_t len, unsigned char ret[CW_SHA256_LEN]);
void cw_hex(const unsigned char *data, size_t len, char *ret); /* ret: 2*len+1 bytes */
int cw_unhex(const char *text, unsigned char *ret, size_t len);
struct cw_sha256;
struct cw_sha256 *cw_sha256_new(void);
void cw_sha256_free(struct cw_sha256 *hash);
int cw_sha256_update(struct cw_sha256 *hash, const void *data, size_t len);
int cw_sha256_final(struct cw_sha256 *hash, unsigned char ret[CW_SHA256_LEN]); /* ready to start over */

#endif
