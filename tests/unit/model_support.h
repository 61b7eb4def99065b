/*
 * model_support.h: histories built by hand, and what the model makes of them.
 */
#ifndef TESTS_UNIT_MODEL_SUPPORT_H
#define TESTS_UNIT_MODEL_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <councilwatch/model.h>

#define FACTS_MAX 64

/* A history being built: facts and the texts they point into. */
struct history {
	struct cw_fact facts[FACTS_MAX];
	size_t n;
	char texts[FACTS_MAX][96];
};

/* "yymmdd" */
int32_t day_of(const char *text);
struct cw_fact *add_fact(struct history *h, enum cw_kind kind, int32_t event, int32_t published, const char *feed);
void add_signal(struct history *h, const char *signal, const char *criterion, const char *status, const char *day);
/* The notation of domain 3.10: "ri 160426-190729; s114 180202; dir 181130-". */
void add_inputs(struct history *h, const char *inputs);
void add_ilacs(struct history *h, enum cw_grade overall, const char *day);
void set(struct cw_fact *fact, enum cw_value_id id, const char *text);
/* Evidence of one day with one value. */
struct cw_fact *add_values(struct history *h, enum cw_kind kind, const char *day, enum cw_value_id id, const char *text);

struct cw_assessment assess(const struct history *h, int32_t day);
/* Checks points to the tenth and level; a negative total is not checked. */
void expect(const struct history *h, const char *day, double points, enum cw_level level);
void expect_knowledge(const struct history *h, const char *day, enum cw_knowledge knowledge);

struct seen {
	enum cw_alert_kind kind;
	char day[CW_WALL_TEXT];
	enum cw_level level, previous;
	double points;
	char cause[96];
	struct cw_ruling ruling;
};

struct seen_list {
	struct seen at[256];
	size_t n;
};

/* For cw_model_changes: arg is a list. */
int note_change(void *arg, const struct cw_change *change);
void changes(const struct history *h, const char *until, struct seen_list *ret);
void expect_change(const struct seen_list *list, enum cw_alert_kind kind, const char *day, enum cw_level level);

#endif
