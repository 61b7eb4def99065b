/*
 * publish.h: alerts to whoever listens.
 *
 * The alert stream (XPUB) carries each alert under its topics, and a heartbeat with the last sequence number. The
 * query socket (ROUTER) answers snapshots and replays from the database. A slow subscriber loses messages at its own
 * high-water mark and sees the gap; nobody waits for it.
 */
#ifndef CW_ASSESSOR_PUBLISH_H
#define CW_ASSESSOR_PUBLISH_H

#include <councilwatch/bus.h>
#include <councilwatch/config.h>
#include <councilwatch/loop.h>
#include <councilwatch/store.h>

struct publisher;

/* Everything is borrowed for the life of the publisher. */
int publisher_new(struct cw_loop *loop, struct cw_bus *bus, const struct cw_config *config, struct cw_store *store,
                  const char *alerts_endpoint, const char *query_endpoint, struct publisher **ret, struct cw_error *err);
void publisher_free(struct publisher *publisher);

/* Sends a stored alert now. topic_level may be NULL. */
void publisher_send(struct publisher *publisher, uint64_t seq, const char *topic, const char *topic_level, const char *json,
                    size_t len);
/* The last sequence number, for heartbeats, when alerts were stored without being sent. */
void publisher_note_seq(struct publisher *publisher, uint64_t seq);

#endif
