/*
 * loop.h: one event loop for descriptors, ZeroMQ sockets, timers and signals (epoll(7)).
 *
 * Single-threaded. Callbacks run to completion and may add, change or remove anything,
 * themselves included. ZeroMQ's descriptor is edge-triggered, so the loop asks each socket for
 * its ZMQ_EVENTS before it sleeps; a handler need not drain its socket, it is called again
 * while events remain.
 */
#ifndef COUNCILWATCH_LOOP_H
#define COUNCILWATCH_LOOP_H

#include <councilwatch/base.h>
#include <councilwatch/clock.h>
#include <councilwatch/error.h>

struct cw_loop;
struct cw_watch;  /* a descriptor or a ZeroMQ socket being watched */
struct cw_timer;

#define CW_LOOP_READ 1u
#define CW_LOOP_WRITE 2u
#define CW_LOOP_ERROR 4u /* reported, never asked for (EPOLLERR, EPOLLHUP) */

typedef void cw_watch_fn(void *arg, unsigned events);
typedef void cw_timer_fn(void *arg);
typedef void cw_signal_fn(void *arg, int signo);

int cw_loop_new(struct cw_loop **ret, struct cw_error *err);
void cw_loop_free(struct cw_loop *loop);

/* Runs until cw_loop_stop(). Returns 0, or -errno when waiting itself fails. */
int cw_loop_run(struct cw_loop *loop, struct cw_error *err);
/* One round, waiting at most timeout_ms (-1: until something happens). */
int cw_loop_once(struct cw_loop *loop, int timeout_ms, struct cw_error *err);
void cw_loop_stop(struct cw_loop *loop);

int cw_loop_add_fd(struct cw_loop *loop, int fd, unsigned events, cw_watch_fn *fn, void *arg, struct cw_watch **ret,
                   struct cw_error *err);
/* zsocket is a void * from zmq_socket(). */
int cw_loop_add_zmq(struct cw_loop *loop, void *zsocket, unsigned events, cw_watch_fn *fn, void *arg,
                    struct cw_watch **ret, struct cw_error *err);
int cw_watch_set(struct cw_watch *watch, unsigned events);
void cw_watch_free(struct cw_watch *watch); /* does not close the descriptor; NULL is fine */

/* A timer starts unarmed and fires once per arming. */
int cw_timer_new(struct cw_loop *loop, cw_timer_fn *fn, void *arg, struct cw_timer **ret, struct cw_error *err);
void cw_timer_arm(struct cw_timer *timer, int64_t delay_ms);
void cw_timer_disarm(struct cw_timer *timer);
bool cw_timer_armed(const struct cw_timer *timer);
void cw_timer_free(struct cw_timer *timer);

/* Blocks the signals in this thread and delivers them through the loop (signalfd). signos ends with 0. */
int cw_loop_add_signals(struct cw_loop *loop, const int *signos, cw_signal_fn *fn, void *arg, struct cw_error *err);

#endif
