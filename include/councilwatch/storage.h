/*
 * storage.h: the databases of a state directory as files: whether they are whole, copies of them, and copies put back.
 *
 * The check reads only and may run beside the daemon, as may making a copy. What belongs together is copied in the order
 * that keeps it together: a document that is marked done in the copy of inbox.db has its evidence in the copy of
 * councilwatch.db, whatever was committed meanwhile.
 */
#ifndef COUNCILWATCH_STORAGE_H
#define COUNCILWATCH_STORAGE_H

#include <councilwatch/base.h>
#include <councilwatch/error.h>

/* One thing that is to be said of a database; texts are borrowed for the call. */
struct cw_storage_finding {
	const char *database; /* "inbox.db" */
	bool damage;          /* else a remark */
	const char *what;
	const char *mend;     /* "" = nothing need be done */
};

struct cw_storage_watcher {
	void (*finding)(void *arg, const struct cw_storage_finding *finding);
	/* Of long work: so much of so much, in units of its own. May be NULL. */
	void (*progress)(void *arg, const char *database, uint64_t done, uint64_t of);
	void *arg;
};

/* Everything: pages and indexes, every kept document against its hash, alerts without gap, and the two main databases
 * against each other. Returns how much damage was found, or -ENOENT (nothing is stored there), -ENOMEM, -EIO. */
int cw_storage_check(const char *state_dir, const struct cw_storage_watcher *watcher, struct cw_error *err);

/* Copies into a folder that is empty or not there (made 0750), with a manifest written last: a folder without one is a copy that
 * was not finished. -EEXIST, -ENOENT, -ENOSPC, -EIO. */
int cw_storage_backup(const char *state_dir, const char *folder, const struct cw_storage_watcher *watcher,
                      struct cw_error *err);

/*
 * Puts a copy back. No daemon may run there (-EBUSY). The copy is proved against its manifest first (-EUCLEAN), then what was
 * in the state directory goes into the folder before-restore-<time> beside it, never away. Files belong to whom the state
 * directory belongs. When it is cut short it can be done again.
 */
int cw_storage_restore(const char *folder, const char *state_dir, struct cw_error *err);

#endif
