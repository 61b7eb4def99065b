#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include <libxml/parser.h>

#include <councilwatch/normalise.h>

#include "encoding.h"
#include "format.h"
#include "links.h"

/* Bytes looked at to tell what kind of file it really is. */
#define LOOK 512u

struct cw_normaliser {
	struct cw_record *record;
	const struct cw_format_ops *format;
	void *state;
	struct cw_decoder *decoder;
	char look[LOOK]; /* the first text, decoded */
	size_t n_look;
	bool looked;
	bool decoded; /* the decoder has been told of the end */
	bool ended;   /* the format has */
	uint64_t bytes;
	int error;
};

/* Files that servers and people give under the wrong name; the parser would only say that it found no heading. */
static const struct {
	const char *start;
	const char *what;
} mistaken[] = {
	{ "%PDF-", "a PDF document" },
	{ "PK\x03\x04", "a ZIP archive or a spreadsheet" },
	{ "\x1f\xc2\x8b", "compressed with gzip" }, /* 0x8b as the decoder read it */
	{ "\xc3\x90\xc3\x8f\x11\xc3\xa0", "an old Word or Excel document" },
	/* The same as formats that are fed bytes see them. */
	{ "\x1f\x8b", "compressed with gzip" },
	{ "\xd0\xcf\x11\xe0", "encrypted with a password, or an old Excel document (xls)" },
};

static bool starts_like_html(const char *text, size_t len)
{
	static const char *const tags[] = { "<!doctype html", "<html", "<head", "<body", "<title", "<meta" };

	while (len && isspace((unsigned char)*text))
		text++, len--;
	/* Comments and an XML declaration may stand before. */
	while (len > 4 && (!strncmp(text, "<!--", 4) || !strncmp(text, "<?xml", 5))) {
		const char *end = memchr(text, '>', len);

		if (!end)
			return false;
		len -= (size_t)(end + 1 - text);
		text = end + 1;
		while (len && isspace((unsigned char)*text))
			text++, len--;
	}
	for (size_t i = 0; i < CW_ARRAY_LEN(tags); i++)
		if (len >= strlen(tags[i]) && !strncasecmp(text, tags[i], strlen(tags[i])))
			return true;
	return false;
}

/* 0, or 1 with the document settled. */
static int look(struct cw_normaliser *normaliser)
{
	const char *text = normaliser->look;
	size_t len = normaliser->n_look;

	normaliser->looked = true;
	for (size_t i = 0; i < CW_ARRAY_LEN(mistaken); i++) {
		size_t n = strlen(mistaken[i].start);

		if (len < n || memcmp(text, mistaken[i].start, n) != 0 ||
		    (normaliser->format->magic && !strncmp(mistaken[i].start, normaliser->format->magic, 4)))
			continue;
		cw_record_fail(normaliser->record, CW_REASON_UNPARSABLE, "%s, not %s", mistaken[i].what,
		               normaliser->format->noun);
		return 1;
	}
	if (normaliser->format->magic &&
	    (len < strlen(normaliser->format->magic) ||
	     memcmp(text, normaliser->format->magic, strlen(normaliser->format->magic)) != 0)) {
		cw_record_fail(normaliser->record, CW_REASON_UNPARSABLE, "%s, not %s",
		               starts_like_html(text, len) ? "an HTML page" : "another kind of file",
		               normaliser->format->noun);
		return 1;
	}
	if (!normaliser->format->markup && starts_like_html(text, len)) {
		cw_record_fail(normaliser->record, CW_REASON_UNPARSABLE, "an HTML page, not %s",
		               normaliser->format->noun);
		return 1;
	}
	return 0;
}

/* From the decoder: whole UTF-8 characters; of a raw format, bytes. */
static int decoded(void *arg, const char *text, size_t len)
{
	struct cw_normaliser *normaliser = arg;

	if (!normaliser->looked) {
		size_t n = CW_MIN(len, LOOK - normaliser->n_look);
		int r;

		memcpy(normaliser->look + normaliser->n_look, text, n);
		normaliser->n_look += n;
		if (normaliser->n_look < LOOK)
			return 0;
		text += n;
		len -= n;
		r = look(normaliser);
		if (r == 0)
			r = normaliser->format->feed(normaliser->state, normaliser->look, normaliser->n_look);
		if (r)
			return r;
	}
	return len ? normaliser->format->feed(normaliser->state, text, len) : 0;
}

int cw_normaliser_new(const struct cw_config *config, const struct cw_feed *feed, const struct cw_document_info *info,
                      const struct cw_normalise_sink *sink, struct cw_normaliser **ret, struct cw_error *err)
{
	const struct cw_step *step = info->step.len ? cw_feed_step(feed, info->step) : NULL;
	const struct cw_feed *reader = step ? &step->reader : feed;
	struct cw_normaliser *normaliser;
	int r;

	if (info->step.len && !step)
		return cw_error_set(err, -ENOENT, "feed %s has no step \"%.*s\"", feed->name, (int)info->step.len,
		                    info->step.at);
	normaliser = calloc(1, sizeof(*normaliser));
	if (!normaliser)
		return cw_error_nomem(err);
	normaliser->format = cw_format_ops(reader->format);
	if (!normaliser->format) {
		free(normaliser);
		return cw_error_set(err, -EOPNOTSUPP, "feed %s: format %s cannot be read", feed->name,
		                    cw_format_name(reader->format));
	}
	r = cw_record_new(config, reader, info, sink, &normaliser->record);
	if (r == 0 && (step || (feed->pages.on && !feed->pages.parameter && !feed->n_steps)))
		r = cw_record_follow(normaliser->record, feed, step);
	if (r == 0)
		r = normaliser->format->begin(normaliser->record, &normaliser->state);
	if (r == 0 && !normaliser->format->raw)
		r = cw_decoder_new(reader->encoding, info->content_type,
		                   normaliser->format->markup ? CW_DECLARED_IN_HTML
		                   : normaliser->format->xml  ? CW_DECLARED_IN_XML
		                                              : CW_DECLARED_NOWHERE,
		                   decoded, normaliser, &normaliser->decoder);
	if (r < 0) {
		cw_normaliser_free(normaliser);
		return cw_error_set(err, r, "cannot begin a document of feed %s: %s", feed->name, strerror(-r));
	}
	*ret = normaliser;
	return 0;
}

void cw_normaliser_free(struct cw_normaliser *normaliser)
{
	if (!normaliser)
		return;
	normaliser->format->free(normaliser->state);
	cw_decoder_free(normaliser->decoder);
	cw_record_free(normaliser->record);
	free(normaliser);
}

static int failed(struct cw_normaliser *normaliser, int r, struct cw_error *err)
{
	normaliser->error = r;
	return cw_error_set(err, r, "after %llu bytes: %s", (unsigned long long)normaliser->bytes, strerror(-r));
}

int cw_normaliser_feed(struct cw_normaliser *normaliser, const void *data, size_t len, struct cw_error *err)
{
	uint64_t max = cw_record_feed(normaliser->record)->max_size;
	int r;

	if (normaliser->error)
		return failed(normaliser, normaliser->error, err);
	normaliser->bytes += len;
	if (max && normaliser->bytes > max)
		cw_record_fail(normaliser->record, CW_REASON_TOO_LARGE, "over %llu bytes (max_size)",
		               (unsigned long long)max);
	if (cw_record_failed(normaliser->record))
		return 1;
	r = normaliser->decoder ? cw_decoder_feed(normaliser->decoder, data, len) : decoded(normaliser, data, len);
	return r < 0 ? failed(normaliser, r, err) : r;
}

/* Pages end with one that has nothing in it. */
static bool may_be_empty(const struct cw_normaliser *normaliser)
{
	return cw_record_info(normaliser->record)->flags & CW_DOC_PAGE;
}

static void settle_links(struct cw_normaliser *normaliser, const struct cw_document_tally *tally)
{
	const struct cw_links *links = cw_record_links(normaliser->record);

	if (cw_links_none(links) && !may_be_empty(normaliser))
		cw_record_fail(normaliser->record, CW_REASON_NO_ROWS, "none of its %llu links is one that step \"%s\" follows",
		               (unsigned long long)tally->rows, cw_links_step(links)->name);
}

/* What the rows came to, when nothing was wrong with the document as such. */
static void settle(struct cw_normaliser *normaliser)
{
	struct cw_document_tally tally;

	if (cw_record_failed(normaliser->record))
		return;
	cw_record_tally(normaliser->record, &tally);
	if (cw_record_links(normaliser->record)) {
		settle_links(normaliser, &tally);
		return;
	}
	if (may_be_empty(normaliser) && tally.rows == tally.reasons[CW_REASON_BLANK_ROW])
		return;
	if (tally.rows == tally.reasons[CW_REASON_BLANK_ROW])
		cw_record_fail(normaliser->record, CW_REASON_NO_ROWS, "no row in it");
	else if (tally.rows == tally.reasons[CW_REASON_BAD_ROW] + tally.reasons[CW_REASON_BLANK_ROW])
		cw_record_fail(normaliser->record, CW_REASON_UNPARSABLE, "none of its %llu rows can be read",
		               (unsigned long long)(tally.rows - tally.reasons[CW_REASON_BLANK_ROW]));
}

int cw_normaliser_end(struct cw_normaliser *normaliser, struct cw_document_tally *ret, struct cw_error *err)
{
	struct cw_record *record = normaliser->record;
	int r = 0;

	if (normaliser->error)
		return failed(normaliser, normaliser->error, err);
	if (!normaliser->decoded) {
		normaliser->decoded = true;
		if (!normaliser->bytes)
			cw_record_fail(record, CW_REASON_NO_ROWS, "the document is empty");
		if (!cw_record_failed(record) && normaliser->decoder)
			r = cw_decoder_end(normaliser->decoder);
		if (r >= 0 && !normaliser->looked && !cw_record_failed(record) && look(normaliser) == 0)
			r = normaliser->format->feed(normaliser->state, normaliser->look, normaliser->n_look);
		if (r < 0)
			return failed(normaliser, r, err);
	}
	if (!cw_record_failed(record) && !normaliser->ended) {
		r = normaliser->format->end(normaliser->state);
		if (r < 0)
			return failed(normaliser, r, err);
		if (r > 0)
			return 1;
		normaliser->ended = true;
	}
	r = cw_record_end(record);
	if (r < 0)
		return failed(normaliser, r, err);
	if (r > 0)
		return 1;
	settle(normaliser);
	cw_record_tally(record, ret);
	return 0;
}

int cw_normalise_prepare(const struct cw_config *config, cw_report_fn *report, void *arg, struct cw_error *err)
{
	/* Sets that documents may declare besides those we read ourselves. */
	static const char *const sets[] = { "ISO-8859-2",   "ISO-8859-15", "WINDOWS-1250",
		                            "WINDOWS-1251", "MACINTOSH",   "UTF-32" };

	(void)err;
	xmlInitParser();
	for (size_t i = 0; i < CW_ARRAY_LEN(sets); i++)
		(void)cw_encoding_warm(sets[i]); /* a declaration that cannot be honoured is passed over */
	for (size_t i = 0; i < config->n_feeds; i++) {
		const struct cw_feed *feed = &config->feeds[i];
		struct cw_error mistake = { 0 };

		if (!feed->encoding || cw_encoding_warm(feed->encoding) == 0)
			continue;
		cw_error_at(&mistake, -EINVAL, feed->file, feed->line, 0,
		            "feed \"%s\": this system cannot read encoding \"%s\"", feed->name, feed->encoding);
		if (report)
			report(arg, &mistake);
	}
	return 0;
}
