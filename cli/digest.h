/*
 * digest.h: many alerts told together: which councils, by what happened and why, instead of a line each.
 */
#ifndef CW_CLI_DIGEST_H
#define CW_CLI_DIGEST_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <councilwatch/base.h>
#include <councilwatch/error.h>

struct cw_digest_entry {
	int64_t seq;
	int32_t day;   /* its Monday, or the day itself */
	int kind;      /* what matters more is told first */
	char *group;   /* owned: kind, move and reason; those that share it stand together */
	char *council; /* owned */
};

struct cw_digest {
	size_t n, cap;
	struct cw_digest_entry *at; /* owned */
	char *moment;               /* owned: the time of those in it, for cw_digest_takes; NULL while empty */
};

void cw_digest_clear(struct cw_digest *digest);
/* Is it of the same moment, or is there none yet? */
bool cw_digest_takes(const struct cw_digest *digest, const json_t *event);
/* 0, -EBADMSG (no alert), -ENOMEM. */
int cw_digest_add(struct cw_digest *digest, const json_t *event);
/* One block for all of it. */
int cw_digest_print_moment(const struct cw_digest *digest, FILE *out);
/* A block for each week, the earliest first; reorders. */
int cw_digest_print_weeks(struct cw_digest *digest, FILE *out);

#endif
