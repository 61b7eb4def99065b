#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "normaliser_support.h"

const char *const support_record = "council = { \"code\", \"name\" }\nevent_date = \"day\"\n"
                                   "overall_effectiveness = \"grade\"\nkey = \"key\"\ntitle = \"title\"\n"
                                   "required = { \"council\" }\n";

static void print_mistake(void *arg, const struct cw_error *err)
{
	char text[1024];

	(void)arg;
	print_error("%s\n", cw_error_format(err, text, sizeof(text)));
}

struct cw_config *support_config_feeds(const char *feeds)
{
	char path[] = "/tmp/cw_normaliser_XXXXXX";
	struct cw_config *config = NULL;
	struct cw_error err = { 0 };
	int fd = mkstemp(path), r;

	assert_true(fd >= 0);
	dprintf(fd,
	        "state_dir = \"/nonexistent\"\nruntime_dir = \"/nonexistent\"\n"
	        "councils_file = \"" CW_SOURCE_DIR "/config/councils.csv\"\n"
	        "aliases_file = \"" CW_SOURCE_DIR "/config/aliases.csv\"\n%s",
	        feeds);
	close(fd);
	r = cw_config_load(path, print_mistake, NULL, &config, &err);
	unlink(path);
	if (r < 0)
		fail_msg("%s", err.text);
	return config;
}

struct cw_config *support_config(const char *format, const char *more, const char *record)
{
	char text[4096];

	snprintf(text, sizeof(text),
	         "feed \"test\" {\npublisher = \"P\"\ntier = \"B\"\nkind = \"ilacs\"\nformat = \"%s\"\n%s\n"
	         "record {\n%s}\n}\n",
	         format, more, record);
	return support_config_feeds(text);
}

static int take_evidence(void *arg, const struct cw_evidence *e)
{
	struct outcome *outcome = arg;

	return cw_buf_printf(&outcome->evidence, "%llu %.*s %.*s %.*s\n", (unsigned long long)e->row,
	                     (int)e->council_id.len, e->council_id.at, (int)e->key.len, e->key.at, (int)e->title.len,
	                     e->title.at);
}

static int take_reject(void *arg, const struct cw_reject *reject)
{
	struct outcome *outcome = arg;

	outcome->rejects++;
	snprintf(outcome->detail, sizeof(outcome->detail), "%.*s", (int)reject->detail.len, reject->detail.at);
	return 0;
}

void support_run(const struct cw_config *config, const char *data, size_t len, size_t piece, struct outcome *ret)
{
	const struct cw_normalise_sink sink = { take_evidence, take_reject, ret };
	struct cw_document_info info = {
		.feed = cw_str("test"),
		.url = cw_str(""),
		.content_type = cw_str(""),
		.fetched_at = { 1700000000000ll },
	};
	struct cw_normaliser *normaliser = NULL;
	struct cw_error err = { 0 };
	int r;

	memset(ret, 0, sizeof(*ret));
	cw_buf_init(&ret->evidence, 512u << 20);
	assert_int_equal(
	    cw_normaliser_new(config, cw_config_feed(config, cw_str("test")), &info, &sink, &normaliser, &err), 0);
	for (size_t at = 0; at < len; at += piece) {
		ret->fed = cw_normaliser_feed(normaliser, data + at, CW_MIN(piece, len - at), &err);
		assert_true(ret->fed >= 0);
	}
	do
		r = cw_normaliser_end(normaliser, &ret->tally, &err);
	while (r > 0);
	if (r < 0)
		fail_msg("%s", err.text);
	if (ret->tally.outcome != CW_REASON_NONE)
		snprintf(ret->detail, sizeof(ret->detail), "%.*s", (int)ret->tally.detail.len, ret->tally.detail.at);
	ret->tally.detail = cw_str("");
	cw_normaliser_free(normaliser);
}

void support_clear(struct outcome *outcome)
{
	cw_buf_clear(&outcome->evidence);
}
