/*
 * daemon.h: the parts of councilwatchd put together.
 */
#ifndef CW_DAEMON_DAEMON_H
#define CW_DAEMON_DAEMON_H

#include <councilwatch/base.h>

/* Exit statuses. */
enum { CW_EXIT_DONE = 0, CW_EXIT_FAILED = 1, CW_EXIT_USAGE = 2 };

/* --check: every mistake on standard error. */
int cw_daemon_check(const char *config_file);
/* Runs until told to stop, or with once until every enabled feed was fetched and all is committed. Returns the exit
 * status. */
int cw_daemon_run(const char *config_file, bool once);

#endif
