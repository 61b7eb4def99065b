#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "kpi_private.h"

#define TEXTS 9

static void text_fields(struct cw_offer *o, const char **ret[TEXTS])
{
	const char **const fields[TEXTS] = { &o->offer_id, &o->council_id, &o->organisation_id, &o->trigger_alert_id, &o->contact_role,
		                             &o->product,  &o->note_ref,   &o->reason,          &o->engaged_roles };

	memcpy(ret, fields, sizeof(fields));
}

static void life_clear(struct cw_offer_life *life)
{
	const char **fields[TEXTS];

	text_fields(&life->offer, fields);
	for (size_t i = 0; i < TEXTS; i++)
		free((char *)(uintptr_t)*fields[i]);
}

static int keep_life(void *arg, const struct cw_offer_life *life)
{
	struct cw_kpi_run *run = arg;
	struct cw_offer_life *kept;
	const char **fields[TEXTS];
	int r = 0;

	if (cw_grow(&run->lives, &run->cap_lives, run->n_lives, sizeof(*run->lives)) < 0)
		return -ENOMEM;
	kept = &run->lives[run->n_lives++];
	*kept = *life;
	text_fields(&kept->offer, fields);
	for (size_t i = 0; i < TEXTS; i++) {
		*fields[i] = strdup(*fields[i]);
		if (!*fields[i])
			r = -ENOMEM;
	}
	return r;
}

static int count_row(void *arg, const struct cw_offer *offer)
{
	(void)offer;
	++*(size_t *)arg;
	return 0;
}

static int load_ledger(struct cw_kpi_run *run, struct cw_ledger *ledger, struct cw_wall known_by, struct cw_error *err)
{
	size_t all = 0, known = 0;
	int r = cw_ledger_offers(ledger, known_by, keep_life, run, err);

	if (r == -ENOMEM)
		return cw_error_nomem(err);
	if (r < 0 || !cw_wall_known(known_by))
		return r;
	r = cw_ledger_versions(ledger, NULL, cw_wall_none(), count_row, &all, err);
	if (r == 0)
		r = cw_ledger_versions(ledger, NULL, known_by, count_row, &known, err);
	run->left_out = all - known;
	return r;
}

/* "apa_open/ofsted/2021-05-10": SEND and social care are separate strands (domain 2.2). */
static enum cw_strand strand_of(const char *cause)
{
	const char *slash = cause ? strchr(cause, '/') : NULL;

	return slash && strncmp(slash, "/send/", 6) == 0 ? CW_STRAND_SEND : CW_STRAND_CSC;
}

#define FALLS (1u << CW_ALERT_LEVEL_DOWN | 1u << CW_ALERT_FLOOR_CLOSED)

static int keep_alert(void *arg, const struct cw_alert_row *row)
{
	struct cw_kpi_run *run = arg;
	const struct cw_council *council = row->council_id ? cw_councils_by_id(run->config->councils, cw_str(row->council_id)) : NULL;
	struct cw_trigger *trigger;

	if (!council || row->level >= CW_LEVEL_COUNT || cw_wall_day(row->time) > run->as_of)
		return 0;
	if (FALLS >> row->kind & 1) {
		if (cw_grow(&run->falls, &run->cap_falls, run->n_falls, sizeof(*run->falls)) < 0)
			return -ENOMEM;
		run->falls[run->n_falls++] = (struct kpi_fall){ council, row->seq, cw_wall_day(row->time), row->level };
	}
	if (!(run->config->kpis->triggers[row->level].alerts & (1u << row->kind)))
		return 0;
	if (cw_grow(&run->triggers, &run->cap_triggers, run->n_triggers, sizeof(*run->triggers)) < 0)
		return -ENOMEM;
	trigger = &run->triggers[run->n_triggers++];
	*trigger = (struct cw_trigger){ .seq = row->seq, .kind = row->kind, .level = row->level, .strand = strand_of(row->cause),
		                        .day = cw_wall_day(row->time), .council = council };
	snprintf(trigger->id, sizeof(trigger->id), "%s", row->id);
	return 0;
}

static int load_triggers(struct cw_kpi_run *run, struct cw_error *err)
{
	unsigned kinds = FALLS;
	int r;

	for (int level = 0; level < CW_LEVEL_COUNT; level++)
		kinds |= run->config->kpis->triggers[level].alerts;
	r = cw_store_alert_rows(run->store, NULL, kinds, keep_alert, run, err);
	return r == -ENOMEM ? cw_error_nomem(err) : r;
}

int cw_kpi_run_new(const struct cw_config *config, struct cw_store *store, struct cw_ledger *ledger, int32_t as_of,
                   struct cw_wall known_by, struct cw_kpi_run **ret, struct cw_error *err)
{
	struct cw_kpi_run *run = calloc(1, sizeof(*run));
	int r = 0;

	if (!run)
		return cw_error_nomem(err);
	*run = (struct cw_kpi_run){ .config = config, .store = store, .as_of = as_of };
	if (ledger)
		r = load_ledger(run, ledger, known_by, err);
	if (r == 0 && store)
		r = load_triggers(run, err);
	if (r < 0) {
		cw_kpi_run_free(run);
		return r;
	}
	*ret = run;
	return 0;
}

void cw_kpi_run_free(struct cw_kpi_run *run)
{
	if (!run)
		return;
	for (size_t i = 0; i < run->n_lives; i++)
		life_clear(&run->lives[i]);
	free(run->lives);
	free(run->triggers);
	free(run->falls);
	while (run->days) {
		struct kpi_day *next = run->days->next;

		free(run->days->at);
		free(run->days);
		run->days = next;
	}
	free(run);
}

size_t cw_kpi_run_left_out(const struct cw_kpi_run *run)
{
	return run->left_out;
}

int kpi_calendar(const struct cw_kpi_run *run, const struct cw_calendar **ret, struct cw_error *err)
{
	*ret = run->config->calendar;
	return *ret ? 0 : cw_error_set(err, -ENOENT, "working days cannot be counted without a table of bank holidays: set bank_holidays_file");
}

int kpi_known(struct cw_kpi_run *run, const struct cw_council *council, int32_t day, struct cw_history *ret, struct cw_error *err)
{
	int r = cw_history_load(run->store, run->config->councils, &run->config->risk, council, ret, err);
	size_t n = 0;

	if (r < 0)
		return r;
	/* What came later is left out, whatever day it speaks of: figures of a period that is over stay as they are. */
	for (size_t i = 0; i < ret->n; i++)
		if (cw_wall_day(ret->at[i].known_at) <= day)
			ret->at[n++] = ret->at[i];
	ret->n = n;
	return 0;
}

static void note_open(const struct cw_kpi_run *run, const struct cw_assessment *assessment, struct kpi_stood *ret)
{
	for (size_t i = 0; i < assessment->n_contributors; i++) {
		const struct cw_contributor *c = &assessment->contributors[i];

		if (!c->signal->state || c->inherited)
			continue;
		for (size_t s = 0; s < run->config->risk.n_signals; s++)
			if (strcmp(run->config->risk.signals[s].name, c->signal->name) == 0) {
				bool first = !(ret->open >> s & 1) || c->opened_day < ret->opened[s];

				ret->open |= UINT64_C(1) << s;
				if (first)
					ret->opened[s] = c->opened_day;
			}
	}
}

static int assess(struct cw_kpi_run *run, const struct cw_council *council, int32_t day, struct kpi_stood *ret, struct cw_error *err)
{
	struct cw_assessment assessment;
	struct cw_history history;
	int r;

	ret->there = cw_council_exists(council, day);
	if (!ret->there || !run->store)
		return 0;
	r = kpi_known(run, council, day, &history, err);
	if (r < 0)
		return r;
	r = cw_model_assess(&run->config->risk, history.at, history.n, day, &assessment, err);
	if (r == 0) {
		ret->level = assessment.level;
		note_open(run, &assessment, ret);
		cw_assessment_clear(&assessment);
	}
	cw_history_free(&history);
	return r;
}

int kpi_stood(struct cw_kpi_run *run, int32_t day, const struct kpi_stood **ret, struct cw_error *err)
{
	size_t n = cw_councils_count(run->config->councils);
	struct kpi_day *made;
	int r = 0;

	for (struct kpi_day *known = run->days; known; known = known->next)
		if (known->day == day) {
			*ret = known->at;
			return 0;
		}
	made = calloc(1, sizeof(*made));
	if (!made)
		return cw_error_nomem(err);
	made->day = day;
	made->next = run->days;
	made->at = calloc(n ? n : 1, sizeof(*made->at));
	run->days = made;
	if (!made->at)
		r = cw_error_nomem(err);
	for (size_t i = 0; i < n && r == 0; i++)
		r = assess(run, cw_councils_at(run->config->councils, i), day, &made->at[i], err);
	if (r < 0) {
		run->days = made->next;
		free(made->at);
		free(made);
		return r;
	}
	*ret = made->at;
	return 0;
}
