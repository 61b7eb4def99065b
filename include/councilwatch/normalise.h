/*
 * normalise.h: one document's bytes in, evidence and counted reasons out.
 *
 * This is the whole of the normaliser but for its sockets: the worker, "councilwatch check", the golden
 * tests and the fuzzers run the same code. It opens no file and no socket, and needs only the bytes, the
 * feed and what is known of the document. The result does not depend on how the bytes are cut into chunks.
 *
 * Life: new, feed any number of times, end until it returns 0, free. A document that is not what the feed
 * says is an ordinary outcome in the tally; a negative return is a failure of ours (memory, or the sink's own
 * error passed up) and says nothing about the document.
 *
 * Rows count from 1: of a table, the rows below its headings; of JSON, the elements of the array; of NDJSON and
 * of the evidence format, the lines of the document.
 */
#ifndef COUNCILWATCH_NORMALISE_H
#define COUNCILWATCH_NORMALISE_H

#include <councilwatch/base.h>
#include <councilwatch/config.h>
#include <councilwatch/error.h>
#include <councilwatch/evidence.h>
#include <councilwatch/message.h>

struct cw_normaliser;

/* Called as rows are read; everything is borrowed for the call. A negative return stops the document.
 * Reasons that are only counted (cw_reason_quarantines) are not handed over: the tally has them. */
struct cw_normalise_sink {
	int (*evidence)(void *arg, const struct cw_evidence *evidence);
	int (*reject)(void *arg, const struct cw_reject *reject);
	void *arg;
	int (*link)(void *arg, const struct cw_doc_link *link); /* of a step's document; may be NULL */
};

/* With info->step the document is one of that step's, and gives links instead of evidence.
 * config and feed are borrowed until free; info is copied. A feed without any field, and info without a time of
 * fetching, are fine. 0 or -ENOMEM. */
int cw_normaliser_new(const struct cw_config *config, const struct cw_feed *feed, const struct cw_document_info *info,
                      const struct cw_normalise_sink *sink, struct cw_normaliser **ret, struct cw_error *err);
void cw_normaliser_free(struct cw_normaliser *normaliser); /* NULL is fine */

/* 0; 1: the document is settled already, more bytes change nothing; or -errno. */
int cw_normaliser_feed(struct cw_normaliser *normaliser, const void *data, size_t len, struct cw_error *err);

/* 1: some rows were handed over and there are more, call again (formats that need the whole document give
 * their rows here, a bounded number at a time); 0: finished, with *ret filled, ret->detail borrowed until free;
 * or -errno. */
int cw_normaliser_end(struct cw_normaliser *normaliser, struct cw_document_tally *ret, struct cw_error *err);

/* Loads what conversions of character sets need from files. A process that shuts files out calls it
 * before; others need not. Returns 0 or -errno; a set the system does not have is reported. */
int cw_normalise_prepare(const struct cw_config *config, cw_report_fn *report, void *arg, struct cw_error *err);

/*
 * Runs the expect { } examples of a feed (of all feeds when feed is NULL): each input is normalised as a document
 * fetched now, and must give exactly what "gives" lists, in any order:
 *     "bradford overall_effectiveness=inadequate event_date=2022-11-21"
 *     "quarantine unknown_council row=2"
 *     "quarantine no_rows"             (the document as a whole)
 * A value with blanks stands in double quotes; an empty one means "not stated". What an example does not name
 * is not compared. Differences go to report with the place of the example. A sample may be binary (input_file); samples
 * are those that cw_samples_load() read, for a process that has shut files out since; NULL reads them now.
 * Returns the number of examples that failed, or -errno.
 */
struct cw_samples;
int cw_samples_load(const struct cw_config *config, struct cw_samples **ret, struct cw_error *err);
void cw_samples_free(struct cw_samples *samples); /* NULL is fine */
int cw_expect_run(const struct cw_config *config, const struct cw_feed *feed, const struct cw_samples *samples,
                  cw_report_fn *report, void *arg, struct cw_error *err);

#endif
