/*
 * accepted.h: the configuration that was accepted, kept as files of its own.
 *
 * Workers read their configuration when they start, and they start again whenever one dies. They must not meet a file that
 * somebody is editing, nor one newer than the daemon's: so each accepted configuration is written out whole, with its
 * tables, to <runtime_dir>/accepted, and workers are started with that.
 */
#ifndef CW_DAEMON_ACCEPTED_H
#define CW_DAEMON_ACCEPTED_H

#include <councilwatch/config.h>

/* *ret is the owned path of the copy. -EBUSY when a table changed between reading and copying: try again. */
int cw_accepted_write(const struct cw_config *config, char **ret, struct cw_error *err);

/* Removes what earlier runs left there. Before any worker is started. */
void cw_accepted_clear(const struct cw_config *config);

#endif
