/*
 * follow.h: from a feed's address by its steps to the documents that its format reads, and from page to page.
 *
 * The normaliser finds the links (it alone looks into documents), the inbox keeps them, and they are fetched here, one by one as
 * the schedule gives turns: pages first, then what was never fetched, then what is due again. What is fetched is a document
 * like any other. Nothing is kept here that a crash could lose: what is to be fetched is in the inbox.
 *
 * A run begins with each fetch of the feed's address; it bounds how many links of a step are fetched (max_links). When nothing is
 * left to do the owner is told, and may ask how it went.
 */
#ifndef CW_DAEMON_FOLLOW_H
#define CW_DAEMON_FOLLOW_H

#include <councilwatch/base.h>
#include <councilwatch/config.h>
#include <councilwatch/error.h>
#include <councilwatch/loop.h>
#include <councilwatch/message.h>

#include "fetch.h"
#include "inbox.h"
#include "schedule.h"

/* Transfers of one feed that are under way or wait for their turn: one host must not hold up another. */
#define CW_FOLLOW_AT_ONCE 4u
/* One link in so many of a step may fail before the feed counts as failing. */
#define CW_FOLLOW_TOLERATED 10u

struct cw_follow;

struct cw_follow_ops {
	void (*stored)(void *arg); /* a document was stored */
	/* Nothing of the feed is due or under way. Also when that was so before. */
	void (*idle)(void *arg, const char *feed);
};

int cw_follow_new(struct cw_loop *loop, struct cw_inbox *inbox, struct cw_fetcher *fetcher, struct cw_schedule *schedule,
                  const struct cw_follow_ops *ops, void *arg, struct cw_follow **ret, struct cw_error *err);
/* Cancels what is under way; NULL is fine. */
void cw_follow_free(struct cw_follow *follow);
/* Borrowed until the next call. After the schedule was configured. Transfers under way go on. */
int cw_follow_configure(struct cw_follow *follow, const struct cw_config *config, struct cw_error *err);
/* Nothing begins any more; what is under way is cancelled, and due again at the next start. */
void cw_follow_stop(struct cw_follow *follow);

/* Does the feed have steps or pages? */
bool cw_follow_has(const struct cw_feed *feed);
/* The step that reads the document at the feed's own address. */
const char *cw_follow_first_step(const struct cw_feed *feed);

/* A run begins. */
void cw_follow_begin(struct cw_follow *follow, const char *feed);
/* A person asked: what may have changed is fetched now, with what failed. */
void cw_follow_ask(struct cw_follow *follow, const char *feed);
/* The document at the feed's own address is as it was. */
void cw_follow_unchanged(struct cw_follow *follow, const char *feed);
/* Looks at what is due; otherwise the timer does. */
void cw_follow_run(struct cw_follow *follow);

/* Links of a queued document, from the normaliser that has it. Durable when 0 is returned. -EPERM: the configuration has no such
 * step for it, or leads from there to another one. */
int cw_follow_links(struct cw_follow *follow, const struct cw_inbox_document *document, const struct cw_doc_link *links, size_t n,
                    struct cw_error *err);
/* The page after a document that is to be settled: 1 with *ret filled, whose url is in buf (reset first); 0 there is none. */
int cw_follow_next_page(struct cw_follow *follow, const struct cw_inbox_document *document,
                        const struct cw_commit_info *info, struct cw_inbox_found *ret, struct cw_buf *buf);

bool cw_follow_idle(struct cw_follow *follow, const char *feed);
bool cw_follow_all_idle(struct cw_follow *follow);
/* How the feed's links are: too many of a step fail, or a page does. detail is one sentence. */
bool cw_follow_well(struct cw_follow *follow, const char *feed, char outcome[CW_OUTCOME_MAX],
                    char detail[CW_ERROR_TEXT_MAX]);

/* The address of a page, from 1: url with its parameter set. Appends to out. */
int cw_follow_page_url(const char *url, const struct cw_pages *pages, unsigned page, struct cw_buf *out);

#endif
