/*
 * A text through the finder of names and the phrase rules: the first line is its headline, the rest what follows. Results must lie
 * within the text, quotes be of their length, and the same text give the same again.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <councilwatch/config.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "%s\n", what);
	abort();
}

static void print_mistake(void *arg, const struct cw_error *err)
{
	(void)arg;
	fprintf(stderr, "%u: %s\n", err->line, err->text);
}

static struct cw_reader *reader_of(void)
{
	static struct cw_reader *reader;
	static struct cw_config *config;
	struct cw_error err = { 0 };

	if (reader)
		return reader;
	must(cw_config_load(CW_SOURCE_DIR "/tests/quality/quality.conf", print_mistake, NULL, &config, &err) == 0,
	     "the configuration is refused");
	must(cw_reader_new(config->phrases, &reader) == 0, "no reader");
	return reader;
}

static size_t check_span(const struct cw_str *parts, struct cw_span span)
{
	size_t characters = 0;

	must(span.part < 2 && span.len > 0 && span.at <= parts[span.part].len &&
	         span.len <= parts[span.part].len - span.at,
	     "a span outside its text");
	for (size_t i = 0; i < span.len; i++)
		characters += ((unsigned char)parts[span.part].at[span.at + i] & 0xc0) != 0x80;
	return characters;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = size ? memchr(data, '\n', size) : NULL;
	size_t title = end ? (size_t)(end - data) : size;
	struct cw_str parts[2] = { { (const char *)data, title },
		                   { (const char *)data + title + (end != NULL), size - title - (end != NULL) } };
	struct cw_reading reading;
	size_t n_findings, n_subjects, n_doubts;

	/* The normaliser hands over nothing else. */
	if (!cw_utf8_valid(data, size))
		return 0;
	must(cw_reader_read(reader_of(), parts, 2, 19500, NULL, 0, NULL, 0, &reading) == 0, "out of memory");
	must(reading.n_subjects <= CW_TEXT_COUNCILS_MAX && reading.n_findings <= CW_TEXT_FINDINGS_MAX, "over a limit");
	for (size_t i = 0; i < reading.n_findings; i++) {
		must(reading.findings[i].rule && reading.findings[i].council, "a finding of nothing");
		(void)check_span(parts, reading.findings[i].quote);
	}
	for (size_t i = 0; i < reading.n_subjects; i++)
		(void)check_span(parts, reading.subjects[i].name);
	for (size_t i = 0; i < reading.n_doubts; i++) {
		must(reading.doubts[i].why != NULL, "a doubt without a reason");
		(void)check_span(parts, reading.doubts[i].text);
	}
	n_findings = reading.n_findings;
	n_subjects = reading.n_subjects;
	n_doubts = reading.n_doubts;
	must(cw_reader_read(reader_of(), parts, 2, 19500, NULL, 0, NULL, 0, &reading) == 0, "out of memory");
	must(reading.n_findings == n_findings && reading.n_subjects == n_subjects && reading.n_doubts == n_doubts,
	     "not the same again");
	return 0;
}
