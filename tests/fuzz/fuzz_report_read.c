/*
 * The grammar of inspection reports on any lines of text. Whatever it says must be within its limits, of the kinds and values
 * there are, and of the text: a quote stands in it, word for word.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <councilwatch/limits.h>

#include <report.h>

#include "fuzz_normaliser.h"

static void must(int good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "%s\n", what);
	abort();
}

/* Without white space, as which a quote is compared: lines may end anywhere in it. */
static void squeeze(struct cw_str text, struct cw_buf *out)
{
	cw_buf_reset(out);
	for (size_t i = 0; i < text.len; i++)
		if (!strchr(" \t\r\n\f\v", text.at[i]))
			cw_buf_putc(out, text.at[i]);
	must(out->failed == 0, "no memory");
}

static void check_value(const struct cw_report *report, const struct cw_report_value *value)
{
	struct cw_buf out;
	struct cw_str canonical;

	must(cw_kind_allows(report->kind, value->id), "a value that the kind does not have");
	if (cw_value_def(value->id)->type == CW_VALUE_TEXT)
		return;
	cw_buf_init(&out, CW_FIELD_MAX);
	must(cw_value_parse(value->id, value->text, &out, &canonical) == 0, "a value that is none");
	cw_buf_clear(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cw_report_text text;
	struct cw_report report;
	struct cw_buf all, quote;
	int r;

	/* Poppler gives UTF-8 without NUL. */
	if (size > 200000 || !cw_utf8_valid(data, size))
		return 0;
	cw_report_text_init(&text);
	r = cw_report_text_lines(&text, (struct cw_str){ (const char *)data, size });
	must(r == 0 || r == -EMSGSIZE, "lines that cannot be taken");
	must(cw_report_read(&text, &report) == 0, "a text that cannot be read");
	must(report.n_values <= CW_REPORT_VALUES_MAX && report.n_problems <= CW_REPORT_PROBLEMS_MAX &&
	         report.n_names <= CW_REPORT_NAMES_MAX && report.n_others <= CW_REPORT_NAMES_MAX,
	     "more than there is room for");
	must(report.type < CW_REPORT_COUNT && (report.kind == CW_KIND_NONE || cw_kind_def(report.kind)), "no such kind");
	for (size_t i = 0; i < report.n_values; i++) {
		check_value(&report, &report.values[i]);
		for (size_t k = 0; k < i; k++)
			must(report.values[i].id != report.values[k].id, "a value twice");
	}
	must(report.start == CW_DAY_NONE || report.start <= report.end, "it ends before it begins");
	for (size_t i = 0; i < report.n_problems; i++)
		must(cw_utf8_valid(report.problems[i].text.at, report.problems[i].text.len), "half a character");
	must((report.page > 0) == (report.quote.len > 0) && report.page <= text.n_pages, "a quote without its page");
	cw_buf_init(&all, CW_REPORT_TEXT_MAX);
	cw_buf_init(&quote, CW_FIELD_MAX);
	squeeze((struct cw_str){ (const char *)data, size }, &all);
	squeeze(report.quote, &quote);
	must(!quote.len || strstr(cw_buf_str(&all), cw_buf_str(&quote)), "a quote that is not in the text");
	cw_buf_clear(&all);
	cw_buf_clear(&quote);
	cw_report_clear(&report);
	cw_report_text_clear(&text);
	return 0;
}
