/*
 * control.h: questions in JSON over a DEALER socket, to the daemon (control socket) or the assessor (query socket).
 *
 * ZeroMQ connects in its own time and again after a loss, and keeps what was sent meanwhile; so whether somebody is
 * there is asked of the operating system (cw_control_probe), and a client that starts over opens a new socket,
 * so that nothing old can arrive late (cw_control_reopen).
 */
#ifndef CW_CLI_CONTROL_H
#define CW_CLI_CONTROL_H

#include <jansson.h>

#include <councilwatch/base.h>
#include <councilwatch/bus.h>
#include <councilwatch/error.h>
#include <councilwatch/loop.h>

struct cw_control;

/* bus, loop and endpoint are borrowed until free. */
int cw_control_new(struct cw_bus *bus, struct cw_loop *loop, const char *endpoint, struct cw_control **ret,
                   struct cw_error *err);
void cw_control_free(struct cw_control *control); /* NULL is fine */
/* Forgets everything sent and not yet answered. */
int cw_control_reopen(struct cw_control *control, struct cw_error *err);

/* Never block. send: request is borrowed, and told who became root when that is so; 0, -EAGAIN when too much is under way, or -errno. recv: 0 with an owned
 * object; -EAGAIN when there is nothing; -EBADMSG when what came is no JSON object. */
int cw_control_send(struct cw_control *control, json_t *request, const void *bytes, size_t len,
                    struct cw_error *err);
int cw_control_recv(struct cw_control *control, json_t **ret, struct cw_error *err);

/* One question and its answer (the one with the same "id"; pushed messages are left out). request is taken; bytes (NULL:
 * none) are borrowed. 0, -ETIMEDOUT, or -errno. An answer with "ok":false is 0 too. */
int cw_control_call(struct cw_control *control, json_t *request, const void *bytes, size_t len, int timeout_ms,
                    json_t **ret, struct cw_error *err);

/* Is somebody listening at this endpoint? 0 when so, or when it cannot be told (not ipc://); else -errno with what it
 * means in words. */
int cw_control_probe(const char *endpoint, struct cw_error *err);

#endif
