/*
 * commit.h: one document's evidence into the database, and what follows from it, in one transaction.
 *
 * The alert clock is the moment up to which changes have been told. A document moves it to its own as-of time, and
 * changes that time alone brought about until then are told on the way. While feeds are polled (live), it also follows
 * the wall clock; without, history can be imported at any speed and the clock stands at the latest of it.
 */
#ifndef CW_ASSESSOR_COMMIT_H
#define CW_ASSESSOR_COMMIT_H

#include <councilwatch/config.h>
#include <councilwatch/message.h>
#include <councilwatch/store.h>

struct committer;

/* Called for every alert after the transaction that stored it. publish: not part of an import. */
typedef void alert_sink(void *arg, uint64_t seq, const char *topic, const char *topic_level, const char *json, size_t len,
                        bool publish);

int committer_new(const struct cw_config *config, struct cw_store *store, alert_sink *sink, void *arg,
                  struct committer **ret, struct cw_error *err);
void committer_free(struct committer *committer);
/* Called now and then during long work, so that nobody takes the process for dead. */
void committer_set_pulse(struct committer *committer, void (*pulse)(void *arg), void *arg);

/* begin, any number of batches, then finish or abort. -EBADMSG: the batch is not what a normaliser may send about this
 * feed; -ECANCELED is never returned. On any failure the transaction is gone. *ret_duplicate after begin: the document was
 * committed before, report holds what was said then, and no transaction is open. */
int commit_begin(struct committer *committer, const struct cw_document_info *info, bool *ret_duplicate,
                 struct cw_commit_info *report, struct cw_error *err);
int commit_batch(struct committer *committer, bool rejects, uint32_t count, const void *data, size_t len,
                 struct cw_error *err);
int commit_finish(struct committer *committer, const struct cw_document_tally *tally, struct cw_commit_info *report,
                  struct cw_error *err);
void commit_abort(struct committer *committer);
/* Is the transaction of this attempt at this document open? Anything else that writes (a tick, a feed's state) ends it as
 * commit_abort does, so whoever leaves one open between two messages asks, and keeps the batches. */
bool commit_is_open(const struct committer *committer, const struct cw_document_info *info);

/* Checks a batch as commit_batch would, storing nothing. */
int commit_check(struct committer *committer, const struct cw_document_info *info, bool rejects, uint32_t count,
                 const void *data, size_t len, struct cw_error *err);

/* Tells what time alone has changed until now. */
int commit_tick(struct committer *committer, struct cw_wall now, struct cw_error *err);
int commit_feed_state(struct committer *committer, const struct cw_feed_state *state, struct cw_error *err);
/* *ret: how many entries were marked. */
int commit_dismiss(struct committer *committer, const struct cw_dismissal *dismissal, unsigned *ret, struct cw_error *err);
/* Levels anew for every council when the configuration is not the one they were worked out with. */
int commit_refresh(struct committer *committer, struct cw_error *err);

#endif
