/* The examples inside feeds: what a sample document must give. */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <councilwatch/limits.h>
#include <councilwatch/normalise.h>

#define RESULTS_MAX 1000u
#define WORDS_MAX 32u

/* One thing that the sample gave, as "name=value" texts that an expectation may name. */
struct result {
	struct cw_buf words; /* each ended by NUL; the first is the council or "quarantine REASON" without "=" */
	bool matched;
};

struct results {
	size_t n;
	struct result at[RESULTS_MAX];
	bool more;
};

static int start(struct results *results, struct cw_buf **ret)
{
	if (results->n == RESULTS_MAX) {
		results->more = true;
		return 1;
	}
	*ret = &results->at[results->n++].words;
	cw_buf_init(*ret, CW_ROW_MAX);
	return 0;
}

static void put(struct cw_buf *buf, const char *name, struct cw_str value)
{
	if (*name)
		cw_buf_printf(buf, "%s=", name);
	cw_buf_append(buf, value.at, value.len);
	cw_buf_putc(buf, 0);
}

static int take_evidence(void *arg, const struct cw_evidence *evidence)
{
	char time[CW_WALL_TEXT];
	struct cw_buf *buf;

	if (start(arg, &buf))
		return 0;
	put(buf, "", evidence->council_id);
	put(buf, "kind", cw_str(cw_kind_def(evidence->kind) ? cw_kind_def(evidence->kind)->name : ""));
	for (size_t i = 0; i < evidence->n_values; i++)
		put(buf, cw_value_def(evidence->value[i].id)->name, evidence->value[i].text);
	put(buf, "event_date", cw_str(cw_day_format(evidence->event_day, time)));
	put(buf, "published_at", cw_str(cw_wall_format(evidence->published_at, time)));
	put(buf, "published_date", cw_str(cw_day_format(cw_wall_day(evidence->published_at), time)));
	put(buf, "fetched_at", cw_str(cw_wall_format(evidence->fetched_at, time)));
	put(buf, "url", evidence->url);
	put(buf, "title", evidence->title);
	put(buf, "quote", evidence->quote);
	put(buf, "key", evidence->key);
	put(buf, "publisher", evidence->publisher);
	put(buf, "tier", cw_str(cw_tier_name(evidence->tier)));
	return buf->failed;
}

static int put_reject(struct results *results, enum cw_reason reason, uint64_t row, struct cw_str field,
                      struct cw_str text, struct cw_str detail)
{
	struct cw_buf *buf;
	char number[24];

	if (start(results, &buf))
		return 0;
	cw_buf_printf(buf, "quarantine %s", cw_reason_name(reason));
	cw_buf_putc(buf, 0);
	snprintf(number, sizeof(number), "%llu", (unsigned long long)row);
	put(buf, "row", cw_str(number));
	put(buf, "field", field);
	put(buf, "text", text);
	put(buf, "detail", detail);
	return buf->failed;
}

static int take_reject(void *arg, const struct cw_reject *reject)
{
	return put_reject(arg, reject->reason, reject->row, reject->field, reject->text, reject->detail);
}

static int take_link(void *arg, const struct cw_doc_link *link)
{
	struct cw_buf *buf;

	if (start(arg, &buf))
		return 0;
	put(buf, "", cw_str("link"));
	put(buf, "url", link->url);
	put(buf, "text", link->text);
	put(buf, "step", link->step);
	return buf->failed;
}

/* Cuts an expectation into its words, in place; a part in double quotes keeps its blanks. */
static size_t split(char *text, char *words[WORDS_MAX])
{
	char *from = text, *to = text;
	size_t n = 0;

	while (*from && n < WORDS_MAX) {
		bool quoted = false;

		while (isspace((unsigned char)*from))
			from++;
		if (!*from)
			break;
		words[n++] = to;
		for (; *from && (quoted || !isspace((unsigned char)*from)); from++) {
			if (*from == '"')
				quoted = !quoted;
			else
				*to++ = *from;
		}
		if (*from)
			from++;
		*to++ = '\0';
	}
	return n;
}

static bool has_word(const struct result *result, const char *word)
{
	const char *data = cw_buf_str(&result->words), *equals = strchr(word, '=');
	bool named = false;

	for (size_t at = strlen(data) + 1; at < result->words.len; at += strlen(data + at) + 1) {
		if (!strcmp(data + at, word))
			return true;
		named = named || (equals && !strncmp(data + at, word, (size_t)(equals - word) + 1));
	}
	return equals && !equals[1] && !named; /* "care_leavers=": not stated */
}

static bool matches(const struct result *result, const char *first, char *const *words, size_t n)
{
	if (strcmp(cw_buf_str(&result->words), first) != 0)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!has_word(result, words[i]))
			return false;
	return true;
}

/* The council and all that was found, for a person who has to see why it is not what was expected. */
static void describe(const struct result *result, struct cw_buf *out)
{
	const char *data = cw_buf_str(&result->words);

	cw_buf_reset(out);
	for (size_t at = 0; at < result->words.len; at += strlen(data + at) + 1) {
		const char *equals = strchr(data + at, '=');

		if (at && equals && !equals[1])
			continue;
		if (at)
			cw_buf_putc(out, ' ');
		cw_text_escape(cw_str(data + at), out);
	}
}

struct run {
	const struct cw_feed *feed;
	unsigned line;
	cw_report_fn *report;
	void *arg;
	int failures;
};

static void complain(struct run *run, const char *fmt, ...) CW_PRINTF(2, 3);
static void complain(struct run *run, const char *fmt, ...)
{
	struct cw_error mistake = { 0 };
	char text[CW_ERROR_TEXT_MAX];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	cw_error_at(&mistake, -EINVAL, run->feed->file, run->line, 0, "feed \"%s\": expect: %s", run->feed->name, text);
	if (run->report)
		run->report(run->arg, &mistake);
	run->failures++;
}

static int compare(struct run *run, struct results *results, const struct cw_strings *gives)
{
	struct cw_buf text;
	int r = 0;

	cw_buf_init(&text, 4096);
	for (size_t i = 0; i < gives->n && r == 0; i++) {
		CW_CLEANUP(cw_freep) char *copy = strdup(gives->at[i]);
		char *words[WORDS_MAX], first[CW_NAME_MAX * 2];
		const struct result *near = NULL;
		size_t n, skip = 1, k;

		if (!copy) {
			r = -ENOMEM;
			break;
		}
		n = split(copy, words);
		if (!n) {
			complain(run, "an empty line in gives");
			continue;
		}
		snprintf(first, sizeof(first), "%s", words[0]);
		if (!strcmp(words[0], "quarantine") && n > 1) {
			snprintf(first, sizeof(first), "quarantine %s", words[1]);
			skip = 2;
		}
		for (k = 0; k < results->n; k++) {
			struct result *result = &results->at[k];

			if (result->matched)
				continue;
			if (matches(result, first, words + skip, n - skip)) {
				result->matched = true;
				break;
			}
			if (!near && !strcmp(cw_buf_str(&result->words), first))
				near = result;
		}
		if (k < results->n)
			continue;
		if (near) {
			describe(near, &text);
			complain(run, "\"%s\" is not given; near it is: %s", gives->at[i], cw_buf_str(&text));
		} else {
			complain(run, "\"%s\" is not given", gives->at[i]);
		}
	}
	for (size_t k = 0; k < results->n && r == 0; k++) {
		if (results->at[k].matched)
			continue;
		describe(&results->at[k], &text);
		complain(run, "it also gives: %s", cw_buf_str(&text));
	}
	if (results->more)
		complain(run, "it gives more than %u things; make the sample smaller", RESULTS_MAX);
	cw_buf_clear(&text);
	return r;
}

/* As the configuration resolved it, or beside the feed's file. */
static FILE *open_sample(const struct cw_feed *feed, const char *name)
{
	CW_CLEANUP(cw_freep) char *path = NULL;
	const char *slash = strrchr(feed->file ? feed->file : "", '/');
	FILE *file = fopen(name, "re");

	if (file || *name == '/' || !slash)
		return file;
	if (asprintf(&path, "%.*s/%s", (int)(slash - feed->file), feed->file, name) < 0) {
		path = NULL;
		return NULL;
	}
	return fopen(path, "re");
}

/* One sample: of the configuration, or from its file. */
struct sample {
	const struct cw_expect *expect;
	struct cw_buf bytes;
	int error; /* why the file could not be read, -errno; -EMSGSIZE: over CW_SAMPLE_MAX */
};

struct cw_samples {
	size_t n;
	struct sample at[];
};

/* 0 with the sample's bytes or its error in it; -ENOMEM. */
static int read_sample(const struct cw_feed *feed, const struct cw_expect *expect, struct sample *ret)
{
	char block[16384];
	FILE *file;
	size_t n;
	int r = 0;

	ret->expect = expect;
	cw_buf_init(&ret->bytes, CW_SAMPLE_MAX);
	if (expect->input)
		return cw_buf_puts(&ret->bytes, expect->input);
	if (!expect->input_file)
		return 0;
	file = open_sample(feed, expect->input_file);
	if (!file) {
		ret->error = -errno;
		return 0;
	}
	while (r == 0 && (n = fread(block, 1, sizeof(block), file)) > 0)
		r = cw_buf_append(&ret->bytes, block, n);
	fclose(file);
	if (r != -EMSGSIZE)
		return r;
	ret->error = r;
	return 0;
}

int cw_samples_load(const struct cw_config *config, struct cw_samples **ret, struct cw_error *err)
{
	struct cw_samples *samples;
	size_t n = 0, bytes = 0;

	for (size_t i = 0; i < config->n_feeds; i++)
		n += config->feeds[i].n_expects;
	samples = calloc(1, sizeof(*samples) + n * sizeof(samples->at[0]));
	if (!samples)
		return cw_error_nomem(err);
	for (size_t i = 0; i < config->n_feeds; i++) {
		for (size_t k = 0; k < config->feeds[i].n_expects; k++) {
			struct sample *sample = &samples->at[samples->n++];
			int r = read_sample(&config->feeds[i], &config->feeds[i].expects[k], sample);

			bytes += sample->bytes.len;
			if (r == 0 && bytes > CW_SAMPLES_MAX)
				r = -EMSGSIZE;
			if (r < 0) {
				cw_samples_free(samples);
				return cw_error_set(err, r, "feed %s: cannot read the samples: %s", config->feeds[i].name,
				                    r == -EMSGSIZE ? "all of them are too large" : strerror(-r));
			}
		}
	}
	*ret = samples;
	return 0;
}

void cw_samples_free(struct cw_samples *samples)
{
	if (!samples)
		return;
	for (size_t i = 0; i < samples->n; i++)
		cw_buf_clear(&samples->at[i].bytes);
	free(samples);
}

static int normalise(struct run *run, const struct cw_config *config, const struct cw_expect *expect,
                     const struct cw_buf *sample, struct results *results, struct cw_error *err)
{
	const struct cw_normalise_sink sink = { take_evidence, take_reject, results, take_link };
	struct cw_normaliser *normaliser = NULL;
	struct cw_document_tally tally;
	struct cw_document_info info = {
		.feed = cw_str(run->feed->name),
		.url = cw_str(run->feed->url),
		.content_type = cw_str(""),
		.fetched_at = cw_wall_now(),
		.size = sample->len,
		.step = cw_str(expect->step),
		.link_text = cw_str(expect->link_text),
		.parent_url = cw_str(expect->link_text ? run->feed->url : ""),
	};
	int r;

	r = cw_normaliser_new(config, run->feed, &info, &sink, &normaliser, err);
	if (r < 0)
		return r;
	r = cw_normaliser_feed(normaliser, cw_buf_str(sample), sample->len, err);
	if (r >= 0) {
		do
			r = cw_normaliser_end(normaliser, &tally, err);
		while (r > 0);
	}
	if (r == 0 && tally.outcome != CW_REASON_NONE)
		r = put_reject(results, tally.outcome, 0, cw_str(""), cw_str(""), tally.detail);
	cw_normaliser_free(normaliser);
	return r;
}

static int run_sample(struct run *run, const struct cw_config *config, const struct sample *sample, struct cw_error *err)
{
	const struct cw_expect *expect = sample->expect;
	struct results *results;
	int r;

	if (!expect->input && !expect->input_file) {
		complain(run, "neither input nor input_file");
		return 0;
	}
	if (sample->error == -EMSGSIZE) {
		complain(run, "%s is over %u bytes", expect->input_file, CW_SAMPLE_MAX);
		return 0;
	}
	if (sample->error) {
		complain(run, "cannot read %s: %s", expect->input_file, strerror(-sample->error));
		return 0;
	}
	results = calloc(1, sizeof(*results));
	if (!results)
		return cw_error_nomem(err);
	r = normalise(run, config, expect, &sample->bytes, results, err);
	if (r == 0)
		r = compare(run, results, &expect->gives);
	for (size_t i = 0; i < results->n; i++)
		cw_buf_clear(&results->at[i].words);
	free(results);
	return r;
}

static int run_example(struct run *run, const struct cw_config *config, const struct cw_expect *expect,
                       const struct cw_samples *samples, struct cw_error *err)
{
	struct sample own = { 0 };
	int r;

	run->line = expect->line;
	for (size_t i = 0; samples && i < samples->n; i++)
		if (samples->at[i].expect == expect)
			return run_sample(run, config, &samples->at[i], err);
	r = read_sample(run->feed, expect, &own);
	if (r < 0)
		cw_error_set(err, r, "feed %s: cannot read the sample: %s", run->feed->name, strerror(-r));
	else
		r = run_sample(run, config, &own, err);
	cw_buf_clear(&own.bytes);
	return r;
}

int cw_expect_run(const struct cw_config *config, const struct cw_feed *feed, const struct cw_samples *samples,
                  cw_report_fn *report, void *arg, struct cw_error *err)
{
	int failed = 0;

	for (size_t i = 0; i < config->n_feeds; i++) {
		if (feed && &config->feeds[i] != feed)
			continue;
		for (size_t k = 0; k < config->feeds[i].n_expects; k++) {
			struct run run = { .feed = &config->feeds[i], .report = report, .arg = arg };
			int r = run_example(&run, config, &config->feeds[i].expects[k], samples, err);

			if (r < 0)
				return r;
			failed += run.failures > 0;
		}
	}
	return failed;
}
