/*
 * Full inspections: what the latest of a strand says over all who report it, which findings that opens and closes, and where
 * sources differ (domain 3.6, 3.7).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model_private.h"

/* A report is published within a year of its visit (the longest in domain section 2 is 214 days), so an inspection
 * a year older than the first sight of an undated one is the earlier of the two. */
#define REPORT_DELAY_MAX 365

/* The values of an inspection that a later statement about it may leave out without taking them back. */
static const enum cw_value_id voice_values[] = { CW_VAL_OVERALL_EFFECTIVENESS,
	                                         CW_VAL_IMPACT_OF_LEADERS,
	                                         CW_VAL_HELP_AND_PROTECTION,
	                                         CW_VAL_IN_CARE,
	                                         CW_VAL_CARE_LEAVERS,
	                                         CW_VAL_OUTCOME,
	                                         CW_VAL_LEADERSHIP_MANAGEMENT_GOVERNANCE };

/* Is the inspection of that day, which was published when it says (NONE: it does not), the one whose report an undated statement
 * says was published on that day? No council is inspected twice before the first report. */
static bool reported(int32_t day, struct cw_wall stated, struct cw_wall report)
{
	if (day == CW_DAY_NONE || !cw_wall_known(report))
		return false;
	if (cw_wall_known(stated))
		return cw_wall_day(stated) == cw_wall_day(report);
	return cw_wall_day(report) >= day && cw_wall_day(report) - day <= REPORT_DELAY;
}

/*
 * Near in time, or at the same address: of an undated statement; and of dated ones only where they claim the same
 * publication, or none (a date put right). Publishers reuse addresses.
 */
bool inspection_same(int32_t day_a, struct cw_str url_a, struct cw_wall stated_a, int32_t day_b, struct cw_str url_b,
                     struct cw_wall stated_b, int cluster_days)
{
	bool dated = day_a != CW_DAY_NONE && day_b != CW_DAY_NONE;

	if (dated && abs(day_a - day_b) <= cluster_days)
		return true;
	if (!dated && (reported(day_a, stated_a, stated_b) || reported(day_b, stated_b, stated_a)))
		return true;
	return (!dated || stated_a.ms == stated_b.ms) && url_a.len && same_text(url_a, url_b);
}

static enum cw_grade voice_grade(const struct voice *voice, int says)
{
	return voice->from[says] ? cw_evidence_grade(&voice->from[says]->evidence, voice_values[says]) : CW_GRADE_NONE;
}

static struct verdict voice_verdict(int strand, const struct voice *voice, int32_t event_day)
{
	struct verdict verdict = { .voice = voice };
	struct cw_str outcome;
	enum cw_grade overall;

	if (strand != STRAND_ILACS) {
		if (voice->from[SAYS_OUTCOME]) {
			outcome = cw_evidence_value(&voice->from[SAYS_OUTCOME]->evidence, CW_VAL_OUTCOME);
			verdict.severity = outcome.at[0] - '0';
		}
		return verdict;
	}
	overall = voice_grade(voice, SAYS_OVERALL);
	verdict.derived = overall == CW_GRADE_NONE || overall == CW_GRADE_NOT_JUDGED;
	verdict.severity =
	    (int)(verdict.derived
	              ? cw_ilacs_derive(voice_grade(voice, SAYS_LEADERS), voice_grade(voice, SAYS_HELP),
	                                voice_grade(voice, SAYS_IN_CARE), voice_grade(voice, SAYS_CARE_LEAVERS),
	                                cw_ilacs_care_leavers_expected(event_day))
	              : overall);
	/* Before 2018 every full inspection had an overall grade: one that was not read is not worked out. */
	if (verdict.derived && voice->fact->evidence.kind == CW_KIND_SIF)
		verdict.severity = CW_GRADE_NONE;
	verdict.leaders_inadequate = voice_grade(voice, SAYS_LEADERS) == CW_GRADE_INADEQUATE ||
	                             voice_grade(voice, SAYS_GOVERNANCE) == CW_GRADE_INADEQUATE;
	return verdict;
}

static void voice_take(int strand, struct voice *voice, const struct cw_fact *fact, int32_t event_day, int32_t day)
{
	bool first = !voice->fact;
	int severity;

	voice->fact = fact;
	for (int says = 0; says < SAYS_COUNT; says++)
		if (cw_evidence_value(&fact->evidence, voice_values[says]).len)
			voice->from[says] = fact;
	severity = voice_verdict(strand, voice, event_day).severity;
	if (first || severity != voice->severity)
		voice->since = day;
	voice->severity = severity;
}

/* Is it the one that a person says is right? The media cannot be. */
static bool is_believed(const struct inspection *inspection, const struct voice *voice)
{
	return voice->fact->evidence.tier <= CW_TIER_B &&
	       (same_text(voice->fact->evidence.publisher, inspection->believed) ||
	        same_text(voice->fact->feed, inspection->believed));
}

struct verdict inspection_verdict(int strand, const struct inspection *inspection)
{
	struct verdict worst = { 0 };
	enum cw_tier best = CW_TIER_D;
	bool believed = false;

	/* Who says nothing about the grade does not outrank who does. */
	for (size_t i = 0; i < inspection->n_voices; i++) {
		const struct voice *voice = &inspection->voices[i];

		if (!voice_verdict(strand, voice, inspection->event_day).severity)
			continue;
		best = CW_MIN(best, voice->fact->evidence.tier);
		believed |= inspection->believed.len && is_believed(inspection, voice);
	}
	for (size_t i = 0; i < inspection->n_voices; i++) {
		const struct voice *voice = &inspection->voices[i];
		struct verdict verdict = voice_verdict(strand, voice, inspection->event_day);

		if (believed ? !is_believed(inspection, voice) : voice->fact->evidence.tier > best)
			continue;
		if (!worst.voice || verdict.severity > worst.severity)
			worst = (struct verdict){ verdict.severity, verdict.derived,
				                  worst.leaders_inadequate || verdict.leaders_inadequate, voice };
		else
			worst.leaders_inadequate |= verdict.leaders_inadequate;
	}
	return worst;
}

/* Does this voice take part in a conflict: a source of tier A or B that says what the headline is? */
int voice_contested(int strand, const struct inspection *inspection, const struct voice *voice)
{
	return voice->fact->evidence.tier <= CW_TIER_B ? voice_verdict(strand, voice, inspection->event_day).severity : 0;
}

/* Do sources of tier A or B differ about the headline of the current inspection? */
bool strand_conflict(const struct sim *sim, int s)
{
	const struct strand *strand = &sim->strand[s];
	const struct inspection *inspection = strand->n ? &strand->inspections[strand->current] : NULL;
	int said = 0;

	for (size_t i = 0; inspection && i < inspection->n_voices; i++) {
		int severity = voice_contested(s, inspection, &inspection->voices[i]);

		if (severity && said && severity != said)
			return true;
		said = severity ? severity : said;
	}
	return false;
}

bool strand_settled(const struct sim *sim, int s)
{
	const struct strand *strand = &sim->strand[s];
	const struct inspection *inspection = strand->n ? &strand->inspections[strand->current] : NULL;

	for (size_t i = 0; inspection && inspection->believed.len && i < inspection->n_voices; i++)
		if (is_believed(inspection, &inspection->voices[i]) &&
		    voice_contested(s, inspection, &inspection->voices[i]))
			return true;
	return false;
}

/* Is a the later inspection? */
static bool inspection_later(const struct inspection *a, const struct inspection *b)
{
	const struct inspection *undated, *other;
	bool other_older;

	if (a->event_day != CW_DAY_NONE && b->event_day != CW_DAY_NONE)
		return a->event_day != b->event_day ? a->event_day > b->event_day : a->known > b->known;
	if (a->event_day == CW_DAY_NONE && b->event_day == CW_DAY_NONE && a->published_day != b->published_day)
		return a->published_day > b->published_day;
	undated = a->event_day == CW_DAY_NONE ? a : b;
	other = undated == a ? b : a;
	if (other->event_day != CW_DAY_NONE && other->event_day > undated->published_day)
		other_older = false;
	else if (other->event_day != CW_DAY_NONE && other->event_day < undated->published_day - REPORT_DELAY_MAX)
		other_older = true;
	else
		return a->known > b->known;
	return other_older == (undated == a);
}

/* Indexes of the latest inspection and of the latest before it (SIZE_MAX = none). */
static void strand_latest(const struct strand *strand, size_t *ret_current, size_t *ret_previous)
{
	size_t current = SIZE_MAX, previous = SIZE_MAX;

	for (size_t i = 0; i < strand->n; i++)
		if (current == SIZE_MAX || inspection_later(&strand->inspections[i], &strand->inspections[current]))
			current = i;
	for (size_t i = 0; i < strand->n; i++)
		if (i != current &&
		    (previous == SIZE_MAX || inspection_later(&strand->inspections[i], &strand->inspections[previous])))
			previous = i;
	*ret_current = current;
	*ret_previous = previous;
}

/* The same, knowing which one has just joined the others. */
static void strand_joined(struct strand *strand, size_t at)
{
	const struct inspection *all = strand->inspections;

	if (strand->undated || strand->n == 1) {
		strand_latest(strand, &strand->current, &strand->previous);
	} else if (inspection_later(&all[at], &all[strand->current])) {
		strand->previous = strand->current;
		strand->current = at;
	} else if (strand->previous == SIZE_MAX || inspection_later(&all[at], &all[strand->previous])) {
		strand->previous = at;
	}
}

/* The same, knowing that the one at this place has got another date. */
static void strand_moved(struct strand *strand, size_t at, bool forward)
{
	const struct inspection *all = strand->inspections;

	if (strand->undated || (!forward && (at == strand->current || at == strand->previous))) {
		strand_latest(strand, &strand->current, &strand->previous);
	} else if (forward && at == strand->previous && inspection_later(&all[at], &all[strand->current])) {
		strand->previous = strand->current;
		strand->current = at;
	} else if (forward && at != strand->current && at != strand->previous) {
		strand_joined(strand, at);
	}
}

/* The latest statement, and earlier ones whose values still stand. */
static int instance_add_voice(struct instance *instance, const struct voice *voice)
{
	size_t first = instance->n_facts;
	int r = instance_add_fact(instance, voice->fact);

	for (int says = 0; r == 0 && says < SAYS_COUNT; says++) {
		bool there = !voice->from[says];

		for (size_t i = first; i < instance->n_facts && !there; i++)
			there = instance->facts[i] == voice->from[says];
		if (!there)
			r = instance_add_fact(instance, voice->from[says]);
	}
	return r;
}

/* A full inspection that is known only by a statement, later than the strand's own, answers what that one opened. */
void strand_answer(struct sim *sim, int s, int32_t event_day, int32_t day)
{
	struct strand *strand = &sim->strand[s];
	struct inspection *current = strand->n ? &strand->inspections[strand->current] : NULL;

	if (!current || current->answered || inspection_day(current) + sim->risk->cluster_days >= event_day)
		return;
	current->answered = true;
	for (size_t i = 0; i < sim->n_active; i++)
		if (sim->instances[sim->active[i]].strand == s && sim->instances[sim->active[i]].def->state)
			instance_close(sim, &sim->instances[sim->active[i]], day);
}

/* Opens, keeps or closes the instance of one signal that a strand makes from its current inspection. */
static int strand_state(struct sim *sim, int s, const char *name, bool wanted, const struct verdict *verdict,
                        int32_t day)
{
	const struct cw_signal_def *def = sim_signal(sim, name);
	const struct inspection *inspection = &sim->strand[s].inspections[sim->strand[s].current];
	enum cw_criterion criterion = s == STRAND_ILACS ? CW_CRIT_OFSTED : CW_CRIT_SEND;
	int32_t event_day = inspection_day(inspection), opened_day;
	struct instance *open = NULL;

	if (!def)
		return 0;
	/* A fall ages from the inspection's publication; a finding is known since it was first said. */
	opened_day = def->state ? CW_MAX(inspection->published_day, verdict->voice->since) : inspection->published_day;
	wanted = wanted && !(def->state && inspection->answered);
	for (size_t i = 0; i < sim->n_active; i++) {
		struct instance *instance = &sim->instances[sim->active[i]];
		bool same = instance->inspection == sim->strand[s].current;

		if (instance->strand != s || instance->def != def || instance->closed_day != CW_DAY_NONE)
			continue;
		/* The same finding in a later inspection is a new state, opened with that inspection; an impulse goes on fading. */
		if (wanted && same)
			open = instance;
		else if (def->state || same)
			instance_close(sim, instance, day);
	}
	if (!wanted || (!open && instance_same(sim, def, criterion, event_day, opened_day, false)))
		return 0;
	if (!open)
		open = instance_open(sim, def, criterion, event_day, opened_day, s);
	if (!open)
		return -ENOMEM;
	open->inspection = sim->strand[s].current;
	open->event_day = event_day;
	open->derived = verdict->derived;
	instance_forget_facts(open);
	open->undated = inspection->event_day == CW_DAY_NONE;
	/* Who decides comes first. */
	if (instance_add_voice(open, verdict->voice) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < inspection->n_voices; i++)
		if (&inspection->voices[i] != verdict->voice && instance_add_voice(open, &inspection->voices[i]) < 0)
			return -ENOMEM;
	return 0;
}

/* "Fell" needs two settled headlines; a derived "good" may be outstanding, so it is no fall from there. */
static bool verdict_fell(int s, const struct verdict *before, const struct verdict *now)
{
	if (!before->severity || !now->severity || now->severity <= before->severity)
		return false;
	if (s == STRAND_ILACS && (before->severity == CW_GRADE_NOT_JUDGED || now->severity == CW_GRADE_NOT_JUDGED))
		return false;
	return !(s == STRAND_ILACS && now->derived && now->severity == CW_GRADE_GOOD);
}

int strand_findings(struct sim *sim, int s, int32_t day)
{
	const struct strand *strand = &sim->strand[s];
	struct verdict verdict = inspection_verdict(s, &strand->inspections[strand->current]), before = { 0 };
	int r;

	if (strand->previous != SIZE_MAX)
		before = inspection_verdict(s, &strand->inspections[strand->previous]);
	if (s == STRAND_ILACS) {
		r = strand_state(sim, s, "ilacs_inadequate", verdict.severity == CW_GRADE_INADEQUATE, &verdict, day);
		if (r == 0)
			r = strand_state(sim, s, "ilacs_ri", verdict.severity == CW_GRADE_REQUIRES_IMPROVEMENT,
			                 &verdict, day);
		if (r == 0)
			r = strand_state(sim, s, "ilacs_leaders_inadequate",
			                 verdict.leaders_inadequate && verdict.severity != CW_GRADE_INADEQUATE,
			                 &verdict, day);
	} else {
		r = strand_state(sim, s, "send_outcome3", verdict.severity == 3, &verdict, day);
		if (r == 0)
			r = strand_state(sim, s, "send_outcome2", verdict.severity == 2, &verdict, day);
	}
	if (r == 0)
		r = strand_state(sim, s, "judgement_fell", verdict_fell(s, &before, &verdict), &verdict, day);
	return r;
}

static int strand_update(struct sim *sim, int s, int32_t day)
{
	const struct inspection *inspection = &sim->strand[s].inspections[sim->strand[s].current];
	int r = strand_findings(sim, s, day);

	if (r < 0)
		return r;
	instances_answer(sim, s == STRAND_ILACS, inspection_day(inspection), day, NULL);
	if (s == STRAND_ILACS && sim->apa_lapsed != CW_DAY_NONE && inspection->published_day >= sim->apa_lapsed)
		sim->apa_lapsed = CW_DAY_NONE;
	return 0;
}

int strand_enter(struct sim *sim, int s, const struct entry *entry)
{
	const struct cw_evidence *e = &entry->fact->evidence;
	struct strand *strand = &sim->strand[s];
	struct inspection *inspection = NULL;
	size_t v;

	for (size_t i = strand->n; i > 0 && !inspection; i--) {
		struct inspection *candidate = &strand->inspections[i - 1];

		if (inspection_same(e->event_day, e->url, e->published_at, candidate->event_day, candidate->url,
		                    candidate->stated, sim->risk->cluster_days))
			inspection = candidate;
		for (size_t j = 0; entry->again && j < candidate->n_voices && !inspection; j++)
			if (candidate->voices[j].fact == entry->fact)
				inspection = candidate;
	}
	if (!inspection) {
		struct inspection *grown = realloc(strand->inspections, (strand->n + 1) * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		strand->inspections = grown;
		inspection = &grown[strand->n++];
		*inspection = (struct inspection){
			.event_day = e->event_day, .published_day = entry->day, .known = entry->known, .url = e->url,
			.ruling = SIZE_MAX, .believed = { NULL, 0 }
		};
		strand->undated |= e->event_day == CW_DAY_NONE;
		strand_joined(strand, strand->n - 1);
	} else if (e->event_day != CW_DAY_NONE && e->event_day != inspection->event_day) {
		bool forward = e->event_day > inspection->event_day;

		inspection->event_day = e->event_day;
		strand_moved(strand, (size_t)(inspection - strand->inspections), forward);
	}
	if (!inspection->url.len)
		inspection->url = e->url;

	/* One voice per feed: its latest word replaces what it said before. */
	for (v = 0; v < inspection->n_voices; v++)
		if (same_text(inspection->voices[v].fact->feed, entry->fact->feed) &&
		    same_text(inspection->voices[v].fact->evidence.publisher, e->publisher))
			break;
	if (v == inspection->n_voices) {
		struct voice *voices = realloc(inspection->voices, (v + 1) * sizeof(*voices));

		if (!voices)
			return -ENOMEM;
		inspection->voices = voices;
		voices[inspection->n_voices++] = (struct voice){ .fact = NULL };
	}
	voice_take(s, &inspection->voices[v], entry->fact, inspection->event_day, entry->day);
	inspection->stated = e->published_at;
	return strand_update(sim, s, entry->day);
}
