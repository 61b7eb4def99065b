/*
 * Constants of the risk model that contradict each other. Each may be right by itself, so that the mistake is shown where one of them
 * is written: the built-in ones go together.
 */
#include <stdio.h>
#include <string.h>

#include "config_private.h"

struct check {
	const struct cw_risk *risk;
	const struct conf_risk_source *source;
	struct conf_mistakes *mistakes;
};

struct spot {
	const char *file;
	unsigned line;
	bool set;
};

static const struct conf_section *signal_section(const struct conf_section *section, const char *name)
{
	for (size_t i = 0; i < section->n_sections; i++)
		if (section->sections[i]->known && strcmp(section->sections[i]->title, name) == 0)
			return section->sections[i];
	return NULL;
}

/* Where a key is written, of a signal when that is not NULL; what councilwatch.conf says goes before risk.conf. */
static struct spot find(const struct check *check, const char *signal, const char *key)
{
	const struct conf_section *sections[] = { check->source->in_main, check->source->file };

	for (size_t i = 0; i < CW_ARRAY_LEN(sections); i++) {
		const struct conf_section *section = sections[i];
		const struct conf_entry *entry;

		if (section && signal)
			section = signal_section(section, signal);
		entry = section ? conf_entry(section, key) : NULL;
		if (entry)
			return (struct spot){ section->file, entry->line, true };
	}
	return (struct spot){ check->source->otherwise->file, check->source->otherwise->line, false };
}

/* The first of two keys of risk.conf that is written. */
static struct spot either(const struct check *check, const char *key, const char *other)
{
	struct spot spot = find(check, NULL, key);

	return spot.set ? spot : find(check, NULL, other);
}

#define COMPLAIN(check, spot, ...) conf_mistake((check)->mistakes, (spot).file, (spot).line, __VA_ARGS__)

static void check_lines(const struct check *check)
{
	const struct cw_risk *risk = check->risk;

	if (risk->line_watch >= risk->line_priority)
		COMPLAIN(check, either(check, "line_priority", "line_watch"),
		         "line_watch is %g and line_priority %g; line_priority must be more", risk->line_watch,
		         risk->line_priority);
}

static void check_confidence(const struct check *check)
{
	static const char *const keys[] = { "confidence_a", "confidence_b", "confidence_c", "confidence_d" };
	const double *confidence = check->risk->confidence;

	if (confidence[CW_TIER_A] <= 0)
		COMPLAIN(check, find(check, NULL, "confidence_a"),
		         "confidence_a is 0: nothing that anybody says would count; write more, 1 as a rule");
	if (confidence[CW_TIER_D] > 0)
		COMPLAIN(check, find(check, NULL, "confidence_d"),
		         "confidence_d is %g, and what nobody vouches for (tier D) is kept and never scored; write 0",
		         confidence[CW_TIER_D]);
	for (enum cw_tier t = CW_TIER_A; t < CW_TIER_D; t++)
		if (confidence[t] < confidence[t + 1])
			COMPLAIN(check, either(check, keys[t + 1 - CW_TIER_A], keys[t - CW_TIER_A]),
			         "tier %s would count more than tier %s; it must be at most as much", cw_tier_name(t + 1),
			         cw_tier_name(t));
}

static const char *const cap_keys[CW_CRIT_COUNT] = { "cap_ofsted", "cap_send", "cap_intel", "cap_leadership",
	                                             "cap_specific" };

/* A note may be about anything, and what one of a grave matter has beyond the cap of a criterion is lost on purpose: only where a note
 * counts by itself must an ordinary one fit. */
static bool must_fit(const struct cw_signal_def *signal, enum cw_criterion criterion)
{
	if (strcmp(signal->name, "internal_note") == 0)
		return criterion == signal->criterion;
	return signal->criteria & (1u << criterion);
}

/* A weight over its cap says that the signal counts for more than anything can. Those that are written are told one by one; of those
 * that a lower cap has come under, the heaviest. */
static void check_cap(const struct check *check, enum cw_criterion criterion)
{
	const struct cw_signal_def *heaviest = NULL;
	double cap = check->risk->cap[criterion];
	const char *key = cap_keys[criterion];
	unsigned others = 0;
	char more[64] = "";

	for (size_t i = 0; i < check->risk->n_signals; i++) {
		const struct cw_signal_def *signal = &check->risk->signals[i];
		struct spot spot = find(check, signal->name, "weight");

		if (signal->weight <= cap || !must_fit(signal, criterion))
			continue;
		if (!spot.set)
			spot = find(check, signal->name, "criterion");
		if (spot.set) {
			COMPLAIN(check, spot,
			         "signal \"%s\" has %g points and %s is %g, which cuts it down; weight must be at most %g, or %s at least %g",
			         signal->name, signal->weight, key, cap, cap, key, signal->weight);
			continue;
		}
		others += heaviest != NULL;
		if (!heaviest || signal->weight > heaviest->weight)
			heaviest = signal;
	}
	if (others)
		snprintf(more, sizeof(more), ", and %u more signal%s over it", others, others == 1 ? " is" : "s are");
	if (heaviest)
		COMPLAIN(check, find(check, NULL, key),
		         "%s is %g and signal \"%s\" has %g points, which it cuts down%s; it must be at least %g", key, cap,
		         heaviest->name, heaviest->weight, more, heaviest->weight);
}

static void check_notes(const struct check *check)
{
	const struct cw_risk *risk = check->risk;
	const struct cw_signal_def *low = cw_risk_signal(risk, cw_str("internal_note"));
	double most = 0;

	for (int c = 0; c < CW_CRIT_COUNT; c++)
		most = CW_MAX(most, risk->cap[c]);
	if (low && low->weight > risk->note_medium) {
		struct spot spot = find(check, "internal_note", "weight");

		COMPLAIN(check, spot.set ? spot : find(check, NULL, "note_medium"),
		         "a note of low severity has %g points and one of medium severity %g; note_medium must be at least %g",
		         low->weight, risk->note_medium, low->weight);
	}
	if (risk->note_medium > risk->note_high)
		COMPLAIN(check, either(check, "note_high", "note_medium"),
		         "note_medium is %g and note_high %g; note_high must be at least %g", risk->note_medium, risk->note_high,
		         risk->note_medium);
	if (risk->note_high > most)
		COMPLAIN(check, find(check, NULL, "note_high"), "note_high is %g and no criterion counts more than %g; write that or less",
		         risk->note_high, most);
}

/* Points that never count: an impulse is nothing when it is smaller than drop_below. */
static void check_dropped(const struct check *check)
{
	const struct cw_risk *risk = check->risk;
	const struct cw_signal_def *lightest = NULL;

	for (size_t i = 0; i < risk->n_signals; i++) {
		const struct cw_signal_def *signal = &risk->signals[i];
		struct spot spot = find(check, signal->name, "weight");

		if (signal->state || signal->weight <= 0 || signal->weight >= risk->drop_below)
			continue;
		if (spot.set)
			COMPLAIN(check, spot,
			         "signal \"%s\" has %g points and drop_below is %g: it would never count; write at least %g, or 0 for none",
			         signal->name, signal->weight, risk->drop_below, risk->drop_below);
		else if (!lightest || signal->weight < lightest->weight)
			lightest = signal;
	}
	if (lightest)
		COMPLAIN(check, find(check, NULL, "drop_below"),
		         "drop_below is %g and signal \"%s\" has %g points: it would never count; write %g or less, or weight = 0 for "
		         "such signals",
		         risk->drop_below, lightest->name, lightest->weight, lightest->weight);
}

static void check_breadth(const struct check *check)
{
	const struct cw_risk *risk = check->risk;
	int least = -1;

	/* Where nothing counts at all, nothing is expected to. */
	for (int c = 0; c < CW_CRIT_COUNT; c++)
		if (risk->cap[c] > 0 && (least < 0 || risk->cap[c] < risk->cap[least]))
			least = c;
	if (least >= 0 && risk->breadth_minimum > risk->cap[least])
		COMPLAIN(check, either(check, "breadth_minimum", cap_keys[least]),
		         "breadth_minimum is %g and %s is %g: criterion %s could never be one of several; breadth_minimum must be at "
		         "most %g",
		         risk->breadth_minimum, cap_keys[least], risk->cap[least], cw_criterion_name((enum cw_criterion)least),
		         risk->cap[least]);
}

static void check_response(const struct check *check)
{
	static const struct {
		enum cw_level level;
		const char *contact, *offer;
	} levels[] = { { CW_LEVEL_PRIORITY, "contact_days_priority", "offer_days_priority" },
		       { CW_LEVEL_INTENSIVE, "contact_days_intensive", "offer_days_intensive" } };

	for (size_t i = 0; i < CW_ARRAY_LEN(levels); i++) {
		const struct cw_response *response = &check->risk->response[levels[i].level];

		if (response->contact && response->offer && response->offer < response->contact)
			COMPLAIN(check, either(check, levels[i].offer, levels[i].contact),
			         "%s is %d and %s %d: an offer cannot come before the contact", levels[i].offer, response->offer, levels[i].contact,
			         response->contact);
	}
}

void conf_risk_check(const struct cw_risk *risk, const struct conf_risk_source *source, struct conf_mistakes *mistakes)
{
	const struct check check = { risk, source, mistakes };

	check_lines(&check);
	check_confidence(&check);
	for (enum cw_criterion c = 0; c < CW_CRIT_COUNT; c++)
		check_cap(&check, c);
	check_notes(&check);
	check_dropped(&check);
	check_breadth(&check);
	check_response(&check);
}
