/*
 * random_history.h: random histories of one council for the risk model, over every kind of evidence that it uses and some that
 * it does not. The same seed gives the same history on every machine.
 */
#ifndef CW_TEST_RANDOM_HISTORY_H
#define CW_TEST_RANDOM_HISTORY_H

#include <stdio.h>

#include <councilwatch/model.h>

#define RANDOM_FACTS_MAX 40
#define RANDOM_AGAIN_MAX 2

struct random_history {
	uint64_t seed, state;
	struct cw_risk risk;
	int32_t first_day, last_day; /* what happens, happens between them; it may become known later */
	int32_t vested;              /* of a council with predecessors; CW_DAY_NONE = it has none */
	size_t n;
	struct cw_fact facts[RANDOM_FACTS_MAX];
	/* What the facts point into. */
	char texts[RANDOM_FACTS_MAX][16];
	char subjects[RANDOM_FACTS_MAX][CW_EVENT_NAME_TEXT], sources[RANDOM_FACTS_MAX][32]; /* of rulings */
	struct cw_wall again[RANDOM_FACTS_MAX][RANDOM_AGAIN_MAX];
};

/* 0 <= result < n */
uint32_t random_below(struct random_history *history, uint32_t n);
/* True in so many of a hundred cases. */
bool random_percent(struct random_history *history, uint32_t percent);

/* heritage: may the council have predecessors? history is the caller's and may not be moved afterwards. */
void random_history_make(struct random_history *history, uint64_t seed);

/* A fact that can only make things worse, published and known at a moment of that day; texts is where it may keep one. */
void random_adverse(struct random_history *history, int32_t day, struct cw_fact *ret);

/* The day from which a fact may speak: publication where that is stated, else the first sight of it. */
int32_t random_public_day(const struct cw_fact *fact);

/* The first moment at which both we and the public can know it. */
int64_t random_known(const struct cw_fact *fact);

/* One line for a person. */
void random_print(FILE *out, const struct cw_fact *fact);

#endif
