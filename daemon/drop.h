/*
 * drop.h: folders whose files are taken (feed setting "path").
 *
 * A file is taken when it is complete: closed after writing, or renamed into the folder; what a look into the folder finds, when
 * nobody has it open for writing or, where that cannot be told, when it has not changed for CW_DROP_QUIET_MS. Names that begin with
 * '.' or end with ".part" or ".tmp" are left alone. It goes to the inbox first and is moved only after its commit: to
 * done/, with NAME.report when rows of it are in quarantine, or to rejected/ with NAME.reason. Each file has a receipt made of
 * feed, name and content, so that one that was stored before a crash is neither lost nor taken twice.
 *
 * inotify(7) says when to look; at start, when its queue was too long, and every CW_DROP_LOOK_MS the folder is looked through.
 * Only plain files with one name are opened, without following links and without waiting. One file is read at a time, in pieces,
 * and none while too much waits.
 */
#ifndef CW_DAEMON_DROP_H
#define CW_DAEMON_DROP_H

#include <councilwatch/base.h>
#include <councilwatch/config.h>
#include <councilwatch/error.h>
#include <councilwatch/loop.h>
#include <councilwatch/message.h>

#include "inbox.h"

#define CW_DROP_QUIET_MS 10000
#define CW_DROP_LOOK_MS 60000
/* What stands in the way of a file (no permission to read, a second name) may go by itself; after so long the file is refused. */
#define CW_DROP_PATIENCE_MS 60000

struct cw_drop;

struct cw_drop_ops {
	void (*stored)(void *arg); /* a document was stored */
	bool (*full)(void *arg);   /* too much is waiting: no file is taken */
	/* The folder became usable (problem NULL) or unusable. Once for each change, and once at start. */
	void (*folder)(void *arg, const char *feed, const char *problem);
	/* Nothing is left to do for now. */
	void (*idle)(void *arg);
};

int cw_drop_new(struct cw_loop *loop, struct cw_inbox *inbox, const struct cw_drop_ops *ops, void *arg,
                struct cw_drop **ret, struct cw_error *err);
void cw_drop_free(struct cw_drop *drop); /* NULL is fine */

/* Takes the folders of a configuration's enabled feeds; one in state_dir that is missing is made. Folders that stay go on as they
 * are. 0 or -ENOMEM, having changed nothing. */
int cw_drop_configure(struct cw_drop *drop, const struct cw_config *config, struct cw_error *err);

/* Moves the file of a document that is committed, if it is one. */
void cw_drop_committed(struct cw_drop *drop, const struct cw_inbox_document *document, const struct cw_commit_info *info);
/* ops->full() may have become false. */
void cw_drop_room(struct cw_drop *drop);
/* No more files are taken; those stored are still moved. */
void cw_drop_close(struct cw_drop *drop);
/* What is wrong with a feed's folder, as ops->folder() was told; NULL = nothing. Borrowed until it is told something else. */
const char *cw_drop_problem(const struct cw_drop *drop, const char *feed);
/* Every file that could be taken is taken, committed and moved. */
bool cw_drop_idle(const struct cw_drop *drop);

#endif
