/* Bytes of every character set out as UTF-8, however they are cut. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <councilwatch/buf.h>

#include "../../workers/normaliser/encoding.h"

#define BYTES(text) text, sizeof(text) - 1

struct encoding_case {
	const char *name;
	const char *forced, *content_type;
	enum cw_declarations declarations;
	const char *bytes;
	size_t len;
	const char *text, *set;
};

static const struct encoding_case cases[] = {
	{ "ascii", NULL, "", CW_DECLARED_NOWHERE, BYTES("abc"), "abc", "UTF-8" },
	{ "utf-8", NULL, "", CW_DECLARED_NOWHERE, BYTES("M\xc3\xa1ire \xe2\x82\xac \xf0\x9f\x98\x80"), "Máire € 😀",
	  "UTF-8" },
	{ "mark", NULL, "", CW_DECLARED_NOWHERE,
	  BYTES("\xef\xbb\xbf"
	        "a"),
	  "a", "UTF-8" },
	{ "mark before the header", NULL, "text/csv; charset=iso-8859-1", CW_DECLARED_NOWHERE,
	  BYTES("\xef\xbb\xbf\xc3\xa1"), "á", "UTF-8" },
	{ "utf-16le mark", NULL, "", CW_DECLARED_NOWHERE,
	  BYTES("\xff\xfe"
	        "a\0\xe1\0\x3d\xd8\x00\xde"),
	  "aá😀", "UTF-16LE" },
	{ "utf-16be mark", NULL, "", CW_DECLARED_NOWHERE, BYTES("\xfe\xff\0a\0\xe1\xd8\x3d\xde\x00"), "aá😀",
	  "UTF-16BE" },
	{ "utf-16 lone surrogates", NULL, "", CW_DECLARED_NOWHERE,
	  BYTES("\xff\xfe\x00\xdc"
	        "a\0\x00\xd8"
	        "b\0\x00\xd8"
	        "c"),
	  "\uFFFDa\uFFFDb\uFFFD", "UTF-16LE" },
	{ "windows-1252 found out", NULL, "", CW_DECLARED_NOWHERE,
	  BYTES("\x93It\x92s\x94 \x80"
	        "5 \xe9"),
	  "“It’s” €5 é", "Windows-1252" },
	{ "windows-1252 holes", NULL, "", CW_DECLARED_NOWHERE, BYTES("\x81\xe9\x9d"),
	  "\xc2\x81"
	  "é\xc2\x9d",
	  "Windows-1252" },
	{ "latin-1 header", NULL, "text/html;charset=\"ISO-8859-1\"", CW_DECLARED_NOWHERE, BYTES("\x93\xc3\xa1"), "“Ã¡",
	  "Windows-1252" },
	{ "unknown header", NULL, "text/html; charset=klingon", CW_DECLARED_NOWHERE, BYTES("\xc3\xa1"), "á", "UTF-8" },
	{ "other header", NULL, "text/csv; charset=iso-8859-15", CW_DECLARED_NOWHERE, BYTES("\xa4"), "€", "iconv" },
	{ "meta", NULL, "", CW_DECLARED_IN_HTML, BYTES("<meta charset=iso-8859-2>\xb1"), "<meta charset=iso-8859-2>ą",
	  "iconv" },
	{ "meta http-equiv", NULL, "", CW_DECLARED_IN_HTML,
	  BYTES("<META content='text/html; charset=windows-1252'>\xe1"),
	  "<META content='text/html; charset=windows-1252'>á", "Windows-1252" },
	{ "meta wins over validity", NULL, "", CW_DECLARED_IN_HTML, BYTES("<meta charset='latin1'>\xc3\xa1"),
	  "<meta charset='latin1'>Ã¡", "Windows-1252" },
	{ "meta not looked at", NULL, "", CW_DECLARED_NOWHERE, BYTES("<meta charset=iso-8859-2>\xc3\xa1"),
	  "<meta charset=iso-8859-2>á", "UTF-8" },
	{ "meta utf-16 is not", NULL, "", CW_DECLARED_IN_HTML, BYTES("<meta charset=utf-16>\xc3\xa1"),
	  "<meta charset=utf-16>á", "UTF-8" },
	{ "xml declaration", NULL, "", CW_DECLARED_IN_HTML, BYTES("<?xml version='1.0' encoding='iso-8859-1'?>\xe1"),
	  "<?xml version='1.0' encoding='iso-8859-1'?>á", "Windows-1252" },
	{ "meta inside XML is text", NULL, "", CW_DECLARED_IN_XML,
	  BYTES("<rss><![CDATA[<meta charset=iso-8859-2>]]>\xc3\xa1"), "<rss><![CDATA[<meta charset=iso-8859-2>]]>á",
	  "UTF-8" },
	{ "xml declaration of XML", NULL, "", CW_DECLARED_IN_XML,
	  BYTES("<?xml version='1.0' encoding='ISO-8859-15'?>\xa4"), "<?xml version='1.0' encoding='ISO-8859-15'?>€",
	  "iconv" },
	{ "forced", "windows-1251", "text/csv; charset=utf-8", CW_DECLARED_NOWHERE, BYTES("\xc6"), "Ж", "iconv" },
	{ "forced utf-8", "UTF-8", "", CW_DECLARED_NOWHERE, BYTES("a\xff\xe2\x82z"), "a\uFFFD\uFFFD\uFFFDz", "UTF-8" },
	{ "forced utf-8 with mark", "utf8", "", CW_DECLARED_NOWHERE,
	  BYTES("\xef\xbb\xbf"
	        "a"),
	  "a", "UTF-8" },
	{ "forced multibyte", "UTF-32LE", "", CW_DECLARED_NOWHERE, BYTES("a\0\0\0\xac\x20\0\0"), "a€", "iconv" },
	{ "forced multibyte cut short", "UTF-32LE", "", CW_DECLARED_NOWHERE, BYTES("a\0\0\0\xac\x20"), "a\uFFFD\uFFFD",
	  "iconv" },
	{ "forced unknown", "klingon", "", CW_DECLARED_NOWHERE, BYTES("\xc3\xa1"), "á", "UTF-8" },
	{ "cut short at the end", NULL, "", CW_DECLARED_NOWHERE, BYTES("a\xe2\x82"), "aâ‚", "Windows-1252" },
	{ "overlong", NULL, "", CW_DECLARED_NOWHERE, BYTES("\xc0\xaf\xed\xa0\x80"), "À¯í\u00a0€", "Windows-1252" },
	{ "empty", NULL, "", CW_DECLARED_NOWHERE, BYTES(""), "", "UTF-8" },
};

static int gather(void *arg, const char *text, size_t len)
{
	assert_true(len > 0);
	return cw_buf_append(arg, text, len);
}

static void decode(const struct encoding_case *c, size_t piece, struct cw_buf *out)
{
	struct cw_decoder *decoder = NULL;

	cw_buf_reset(out);
	assert_int_equal(cw_decoder_new(c->forced, cw_str(c->content_type), c->declarations, gather, out, &decoder), 0);
	for (size_t at = 0; at < c->len; at += piece)
		assert_int_equal(cw_decoder_feed(decoder, c->bytes + at, CW_MIN(piece, c->len - at)), 0);
	assert_int_equal(cw_decoder_end(decoder), 0);
	assert_string_equal(cw_decoder_name(decoder), c->set);
	cw_decoder_free(decoder);
}

static void test_case(void **state)
{
	const struct encoding_case *c = *state;
	struct cw_buf out;

	cw_buf_init(&out, 65536);
	for (size_t piece = 1; piece <= c->len + 1; piece++) {
		decode(c, piece, &out);
		assert_string_equal(cw_buf_str(&out), c->text);
	}
	cw_buf_clear(&out);
}

/* Past the window: what was ASCII until then may be either, byte by byte. */
static void test_late(void **state)
{
	static char bytes[CW_ENCODING_WINDOW * 2];
	static const char tail[] = "\xc3\xa1 \x92 \xe2\x82\xac \xe2\x82";
	static const char wanted[] = "á ’ € â‚";
	struct encoding_case c = { .content_type = "", .bytes = bytes, .set = "UTF-8" };
	struct cw_buf out;

	(void)state;
	memset(bytes, 'x', CW_ENCODING_WINDOW + 100);
	memcpy(bytes + CW_ENCODING_WINDOW + 100, tail, sizeof(tail) - 1);
	c.len = CW_ENCODING_WINDOW + 100 + sizeof(tail) - 1;
	cw_buf_init(&out, 1u << 20);
	for (size_t piece = 1; piece < 20; piece++) {
		decode(&c, piece, &out);
		assert_string_equal(cw_buf_str(&out) + CW_ENCODING_WINDOW + 100, wanted);
	}
	cw_buf_clear(&out);
}

/* A character that lies across the end of the window does not make the document Windows-1252. */
static void test_across_window(void **state)
{
	static char bytes[CW_ENCODING_WINDOW + 16];
	struct encoding_case c = { .content_type = "", .bytes = bytes, .set = "UTF-8" };
	struct cw_buf out;

	(void)state;
	cw_buf_init(&out, 1u << 20);
	for (size_t before = 1; before < 4; before++) {
		memset(bytes, 'x', sizeof(bytes));
		memcpy(bytes + CW_ENCODING_WINDOW - before, "\xf0\x9f\x98\x80", 4);
		c.len = CW_ENCODING_WINDOW + 8;
		decode(&c, 1000, &out);
		assert_memory_equal(out.data, bytes, c.len);
	}
	cw_buf_clear(&out);
}

static int refuse(void *arg, const char *text, size_t len)
{
	(void)text;
	(void)len;
	return *(int *)arg;
}

/* What the reader returns is passed up, in every set. */
static void test_passed_up(void **state)
{
	static const char *const sets[] = { "UTF-8", "latin1", "UTF-16LE", "ISO-8859-15" };

	(void)state;
	for (size_t i = 0; i < CW_ARRAY_LEN(sets); i++) {
		struct cw_decoder *decoder = NULL;
		int answer = -EIO;

		assert_int_equal(cw_decoder_new(sets[i], cw_str(""), CW_DECLARED_NOWHERE, refuse, &answer, &decoder),
		                 0);
		assert_int_equal(cw_decoder_feed(decoder, "a\0\xe1\0", 4), 0);
		assert_int_equal(cw_decoder_end(decoder), -EIO);
		cw_decoder_free(decoder);
	}
}

static void test_warm(void **state)
{
	(void)state;
	assert_int_equal(cw_encoding_warm("ISO-8859-15"), 0);
	assert_int_equal(cw_encoding_warm("iso-8859-15"), 0);
	assert_int_equal(cw_encoding_warm("UTF-8"), 0);
	assert_int_equal(cw_encoding_warm("klingon"), -EINVAL);
	assert_int_equal(cw_encoding_warm("UTF-8//TRANSLIT"), -EINVAL);
}

int main(void)
{
	struct CMUnitTest tests[CW_ARRAY_LEN(cases) + 5];
	size_t n = 0;

	for (; n < CW_ARRAY_LEN(cases); n++)
		tests[n] = (struct CMUnitTest){ .name = cases[n].name,
			                        .test_func = test_case,
			                        .initial_state = (void *)(uintptr_t)&cases[n] };
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_late);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_across_window);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_passed_up);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_warm);
	return _cmocka_run_group_tests("encoding", tests, n, NULL, NULL);
}
