/*
 * retain.h: what is kept only for a while (retention.h), in councilwatch.db.
 *
 * News: titles and quotes of what news feeds gave. Notes: the texts and authors of notes and rulings that expired. Everything, when
 * the contract has been over for long enough. Levels of any day stay as they were: the model reads none of these texts.
 */
#ifndef CW_ASSESSOR_RETAIN_H
#define CW_ASSESSOR_RETAIN_H

#include <councilwatch/config.h>
#include <councilwatch/message.h>

#include "commit.h"

/* Tells by rule and feed what is due on that day, as rows for the daemon (cw_retained_put), and with apply removes it, in small
 * transactions of which each stands for itself. now: what the texts that stay say about when it was done. */
int retain(struct committer *committer, int32_t day, bool apply, struct cw_buf *out, uint32_t *ret_rows, struct cw_error *err);

#endif
