/*
 * notify.h: telling the service manager how we are (sd_notify(3)'s protocol).
 *
 * One datagram of "KEY=value" lines to the socket named by NOTIFY_SOCKET. Without that variable nothing
 * is sent and every function succeeds, so that the same program runs under a shell.
 */
#ifndef CW_DAEMON_NOTIFY_H
#define CW_DAEMON_NOTIFY_H

#include <councilwatch/base.h>
#include <councilwatch/error.h>

/* Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID, and removes them from the environment: children must not
 * speak for us. Call once, early. */
void cw_notify_init(void);
/* state: "READY=1", or several lines. 0, or -errno with text in err; never blocks. */
int cw_notify(const char *state, struct cw_error *err);
int cw_notify_ready(struct cw_error *err);
/* RELOADING=1 with the monotonic time that Type=notify-reload wants; answer it with cw_notify_ready(). */
int cw_notify_reloading(struct cw_error *err);
int cw_notify_stopping(struct cw_error *err);
int cw_notify_watchdog(struct cw_error *err);
/* How often the watchdog is to be told, ms: half of what the manager allows; 0 = it does not watch. */
int64_t cw_notify_watchdog_ms(void);

#endif
