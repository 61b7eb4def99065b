#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <councilwatch/paths.h>

#include "render_private.h"

double cw_render_points(double points)
{
	/* Rounded half away from zero after removing what binary fractions add. */
	return round(points * 10 + 1e-7) / 10;
}

json_t *cw_render_council(const struct cw_council *council)
{
	return json_pack("{s:s, s:s, s:o, s:o, s:o}", "id", council->id, "name", council->short_name, "gss_code",
	                 text_or_null(council->gss_code), "la_code", text_or_null(council->la_code), "urn",
	                 text_or_null(council->urn));
}

static const char *const signal_words[][2] = {
	{ "ilacs_inadequate", "full inspection of children's services: inadequate" },
	{ "ilacs_leaders_inadequate", "full inspection: leaders inadequate" },
	{ "ilacs_ri", "full inspection: requires improvement" },
	{ "apa_open", "area for priority action" },
	{ "improvement_notice", "DfE improvement notice" },
	{ "statutory_direction", "DfE statutory direction" },
	{ "send_outcome3", "area SEND inspection: widespread or systemic failings" },
	{ "send_outcome2", "area SEND inspection: inconsistent experiences" },
	{ "wsoa_open", "SEND written statement of action" },
	{ "wsoa_revisit_failed", "SEND revisit: not sufficient progress" },
	{ "best_value_direction", "best value direction or commissioners" },
	{ "best_value_notice", "best value notice" },
	{ "exceptional_financial_support", "exceptional financial support" },
	{ "lgr_transition", "local government reorganisation" },
	{ "judgement_fell", "judgement fell since the inspection before" },
	{ "monitoring_slow", "monitoring visit: slow progress" },
	{ "visit_weak_no_apa", "visit found weaknesses" },
	{ "s114_notice", "section 114 notice" },
	{ "court_systemic_criticism", "court: systemic criticism" },
	{ "jr_policy_unlawful", "judicial review: policy unlawful" },
	{ "jr_case_lost", "judicial review lost" },
	{ "dcs_change", "change of director of children's services" },
	{ "dcs_second_in_12m", "second change of director within 12 months" },
	{ "chief_exec_change", "change of chief executive" },
	{ "leader_change", "change of leader" },
	{ "control_change", "change of political control" },
	{ "lmcs_change", "change of lead member" },
	{ "safeguarding_review", "child safeguarding practice review published" },
	{ "lgsco_public_report", "ombudsman public interest report" },
	{ "workforce_outlier", "workforce figures that stand out" },
	{ "ehcp_outlier", "timeliness of EHC plans that stands out" },
	{ "news", "news" },
	{ "internal_note", "internal note" },
};

const char *cw_render_signal(const char *signal)
{
	for (size_t i = 0; i < CW_ARRAY_LEN(signal_words); i++)
		if (strcmp(signal, signal_words[i][0]) == 0)
			return signal_words[i][1];
	return signal;
}

/* ---- evidence ---- */

static json_t *render_values(const struct cw_evidence *e)
{
	json_t *values = json_object();

	for (size_t i = 0; values && i < e->n_values; i++) {
		const struct cw_value_def *def = cw_value_def(e->value[i].id);
		int64_t integer;
		double number;
		json_t *value;

		if (!def)
			continue;
		if (def->type == CW_VALUE_INTEGER && cw_parse_integer(e->value[i].text, &integer) == 0)
			value = json_integer(integer);
		else if (def->type == CW_VALUE_NUMBER && cw_parse_double(e->value[i].text, &number) == 0)
			value = json_real(number);
		else
			value = str_json(e->value[i].text);
		json_object_set_new(values, def->name, value);
	}
	if (values && e->kind == CW_KIND_ILACS) {
		bool derived;
		enum cw_grade headline = cw_ilacs_headline(e, &derived);

		/* Marked as derived by its own name: Ofsted did not say it. */
		if (derived && headline != CW_GRADE_NONE)
			json_object_set_new(values, "derived_headline", json_string(cw_grade_name(headline)));
	}
	return values;
}

static const char *default_title(enum cw_kind kind)
{
	switch (kind) {
	case CW_KIND_ILACS:
		return "Inspection of local authority children's services";
	case CW_KIND_AREA_SEND:
		return "Area SEND inspection";
	case CW_KIND_JTAI:
		return "Joint targeted area inspection";
	case CW_KIND_YOUTH_JUSTICE:
		return "Youth justice inspection";
	case CW_KIND_SIF:
		return "Inspection of services for children (before 2018)";
	case CW_KIND_FOCUSED_VISIT:
		return "Focused visit to local authority children's services";
	case CW_KIND_MONITORING_VISIT:
		return "Monitoring visit to local authority children's services";
	case CW_KIND_BOARD_REVIEW:
		return "Review of the local safeguarding children board";
	case CW_KIND_SEND_2016:
		return "Local area SEND inspection (2016 framework)";
	case CW_KIND_AREA_SEND_MONITORING:
		return "Area SEND monitoring inspection";
	case CW_KIND_WORKFORCE:
		return "Children's social work workforce";
	case CW_KIND_EHCP_TIMELINESS:
		return "Education, health and care plans: timeliness";
	case CW_KIND_SEND_TRIBUNAL:
		return "SEND tribunal appeals";
	case CW_KIND_SEND_FINANCE:
		return "Dedicated schools grant";
	case CW_KIND_EARLY_YEARS:
		return "Early years foundation stage profile";
	case CW_KIND_POLITICAL_CONTROL:
		return "Political control of the council";
	case CW_KIND_INTERNAL_NOTE:
		return "Internal note";
	case CW_KIND_OVERRIDE:
		return "Ruling";
	default:
		return NULL;
	}
}

const char *cw_render_grade(enum cw_grade grade)
{
	return grade == CW_GRADE_REQUIRES_IMPROVEMENT ? "requires improvement" : grade == CW_GRADE_NOT_JUDGED ? "not judged"
	                                                                                                      : cw_grade_name(grade);
}

/* What the row says, for evidence whose source has no prose of its own: the table cells, not a paraphrase. */
static int table_quote(const struct cw_evidence *e, struct cw_buf *out)
{
	const char *sep = "";

	for (size_t i = 0; i < e->n_values; i++) {
		const struct cw_value_def *def = cw_value_def(e->value[i].id);
		enum cw_grade grade;

		if (!def || def->id == CW_VAL_FRAMEWORK_ID)
			continue;
		cw_buf_puts(out, sep);
		for (const char *c = def->name; *c; c++)
			cw_buf_putc(out, *c == '_' ? ' ' : *c);
		if (def->type == CW_VALUE_GRADE && cw_grade_parse(e->value[i].text, &grade) == 0)
			cw_buf_printf(out, ": %s", cw_render_grade(grade));
		else
			cw_buf_printf(out, ": %.*s", (int)cw_str_cut(e->value[i].text, 80).len, e->value[i].text.at);
		sep = "; ";
	}
	return out->failed;
}

/* What a table says has no prose of its own: its row is read out, and marked as that. */
static void fill_in(json_t *object, const struct cw_evidence *e)
{
	const char *title = default_title(e->kind);
	struct cw_buf quote;

	if (!e->title.len && title)
		json_object_set_new(object, "title", json_string(title));
	if (e->quote.len || e->kind == CW_KIND_SIGNAL)
		return;
	cw_buf_init(&quote, 4096);
	if (table_quote(e, &quote) == 0 && quote.len) {
		json_object_set_new(object, "quote", json_string(cw_buf_str(&quote)));
		json_object_set_new(object, "quote_is_row", json_true());
	}
	cw_buf_clear(&quote);
}

json_t *cw_render_fact(const struct cw_fact *fact)
{
	const struct cw_evidence *e = &fact->evidence;
	bool derived = !cw_wall_known(e->published_at);
	char document[CW_SHA256_HEX + 8];
	json_t *object;

	snprintf(document, sizeof(document), "sha256:%s", fact->document);
	object = json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:s, s:I}", "id", fact->id, "kind",
	                   cw_kind_def(e->kind)->name, "council_id", str_json(e->council_id), "event_date",
	                   day_json(e->event_day), "published_at", wall_json(derived ? e->fetched_at : e->published_at),
	                   "fetched_at", wall_json(e->fetched_at), "publisher", str_or_null(e->publisher), "tier",
	                   text_or_null(cw_tier_name(e->tier)), "url", str_or_null(e->url), "title", str_or_null(e->title),
	                   "quote", str_or_null(e->quote), "values", render_values(e), "feed", str_json(fact->feed), "document",
	                   document, "row", (json_int_t)e->row);
	if (object && !fact->document[0]) /* the lineage table */
		json_object_set_new(object, "document", json_null());
	if (object && e->key.len)
		json_object_set_new(object, "key", str_json(e->key));
	if (object)
		fill_in(object, e);
	/* The publisher stated no date: the first sight of it stands in, and says so. */
	if (object && derived)
		json_object_set_new(object, "published_at_derived", json_true());
	return object;
}

/* ---- assessments ---- */

json_t *cw_render_criteria(const struct cw_assessment *assessment)
{
	json_t *object = json_object();

	for (int c = 0; object && c < CW_CRIT_COUNT; c++) {
		const struct cw_criterion_state *state = &assessment->criteria[c];

		json_object_set_new(object, cw_criterion_name((enum cw_criterion)c),
		                    json_pack("{s:s, s:f, s:s}", "level", cw_level_name(state->level), "points",
		                              cw_render_points(state->points), "knowledge", cw_knowledge_name(state->knowledge)));
	}
	return object;
}

/* A flag shows its evidence; of very many pieces that say the same, the first ones and how many more there are. */
#define EVIDENCE_SHOWN 5
#define CONTRIBUTORS_SHOWN 25

/* The fact as it is everywhere, and what only matters to who checks it: the page of the quote, who read the document. */
static json_t *render_proof(const struct cw_fact *fact)
{
	json_t *object = cw_render_fact(fact);
	struct cw_str page = cw_evidence_value(&fact->evidence, CW_VAL_PAGE);
	int64_t number;

	if (object)
		json_object_set_new(object, "page", page.len && cw_parse_integer(page, &number) == 0 ? json_integer(number) : json_null());
	if (object)
		json_object_set_new(object, "parser", text_or_null(fact->parser));
	return object;
}

/* To six places: enough to add up, without the noise of binary fractions. */
static json_t *exact(double value)
{
	return json_real(round(value * 1e6) / 1e6);
}

static json_t *render_contributor(const struct cw_contributor *c, size_t evidence_shown)
{
	json_t *evidence = json_array();
	char event[CW_EVENT_NAME_TEXT];
	json_t *object;

	for (size_t i = 0; evidence && i < CW_MIN(c->n_facts, evidence_shown); i++)
		json_array_append_new(evidence, render_proof(c->facts[i]));
	object = json_pack("{s:s, s:s, s:s, s:s, s:f, s:f, s:f, s:o, s:o, s:i, s:o, s:b, s:o}", "signal", c->signal->name,
	                   "text", cw_render_signal(c->signal->name), "criterion", cw_criterion_name(c->criterion), "kind",
	                   c->signal->state ? "state" : "impulse", "points", cw_render_points(c->points), "weight",
	                   c->weight, "confidence", c->confidence, "half_life_days",
	                   c->signal->state || c->steady ? json_null() : json_real(c->signal->half_life), "floor",
	                   c->floor > CW_LEVEL_ROUTINE ? json_string(cw_level_name(c->floor)) : json_null(), "age_days",
	                   c->age_days, "opened", day_json(c->opened_day), "derived", c->derived, "evidence", evidence);
	if (object)
		json_object_set_new(object, "event", json_string(cw_contributor_event(c, event)));
	if (object && c->rejected.fact)
		json_object_set_new(object, "rejected", cw_render_ruling(&c->rejected));
	if (object && c->handled.fact)
		json_object_set_new(object, "handled", cw_render_ruling(&c->handled));
	if (object) {
		json_object_set_new(object, "value", exact(c->value));
		json_object_set_new(object, "share", exact(c->share));
	}
	if (object && c->inherited)
		json_object_set_new(object, "inherited", json_true());
	if (object && c->closes_day != CW_DAY_NONE)
		json_object_set_new(object, "ends", day_json(c->closes_day));
	if (object && c->n_facts > evidence_shown)
		json_object_set_new(object, "more_evidence", json_integer((json_int_t)(c->n_facts - evidence_shown)));
	return object;
}

json_t *cw_render_contributors(const struct cw_assessment *assessment)
{
	json_t *array = json_array();

	for (size_t i = 0; array && i < CW_MIN(assessment->n_contributors, (size_t)CONTRIBUTORS_SHOWN); i++)
		json_array_append_new(array, render_contributor(&assessment->contributors[i], EVIDENCE_SHOWN));
	return array;
}

json_t *cw_render_all_contributors(const struct cw_assessment *assessment)
{
	json_t *array = json_array();

	for (size_t i = 0; array && i < assessment->n_contributors; i++)
		json_array_append_new(array, render_contributor(&assessment->contributors[i], SIZE_MAX));
	return array;
}

json_t *cw_render_conflicts(const struct cw_assessment *assessment)
{
	json_t *array = json_array();
	char event[CW_EVENT_NAME_TEXT];

	for (size_t i = 0; array && i < assessment->n_conflicts; i++) {
		const struct cw_conflict *conflict = &assessment->conflicts[i];
		json_t *evidence = json_array();

		for (size_t k = 0; evidence && k < conflict->n_facts; k++)
			json_array_append_new(evidence, cw_render_fact(conflict->facts[k]));
		json_array_append_new(array, json_pack("{s:s, s:o, s:s, s:o, s:o}", "kind", cw_kind_def(conflict->kind)->name,
		                                       "event_date", day_json(conflict->event_day), "event",
		                                       cw_conflict_event(conflict, event), "settled",
		                                       cw_render_ruling(&conflict->settled), "evidence", evidence));
	}
	return array;
}

json_t *cw_render_council_level(const struct cw_council *council, const struct cw_assessment *assessment)
{
	return json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:s, s:s, s:f, s:o, s:o, s:o}", "council_id", council->id, "name",
	                 council->short_name, "gss_code", text_or_null(council->gss_code), "la_code",
	                 text_or_null(council->la_code), "urn", text_or_null(council->urn), "region",
	                 text_or_null(council->region), "level", cw_level_name(assessment->level), "knowledge",
	                 cw_knowledge_name(assessment->knowledge), "points", cw_render_points(assessment->points), "criteria",
	                 cw_render_criteria(assessment), "rulings", cw_render_rulings(assessment, true), "as_of",
	                 day_json(assessment->as_of));
}

int cw_render_level(const struct cw_assessment *assessment, struct cw_buf *out)
{
	char day[CW_WALL_TEXT];

	if (assessment->level > CW_LEVEL_ROUTINE || assessment->knowledge == CW_KNOWN)
		return cw_buf_puts(out, cw_level_name(assessment->level));
	if (assessment->last_judged_day == CW_DAY_NONE)
		return cw_buf_puts(out, "unknown (never judged)");
	return cw_buf_printf(out, "unknown (last judged %s)", cw_day_format(assessment->last_judged_day, day));
}

/* ---- alerts ---- */

/* "SEND only", when nothing of the rest stands above routine (domain 3.10, example 9). */
static const char *only_criterion(const struct cw_assessment *a)
{
	static const char *const words[] = { "Ofsted only", "SEND only", "intelligence only", "leadership only",
		                             "specific challenges only" };
	int found = -1;

	for (int c = 0; c < CW_CRIT_COUNT; c++) {
		if (a->criteria[c].level == CW_LEVEL_ROUTINE && a->criteria[c].points < 1)
			continue;
		if (found >= 0)
			return NULL;
		found = c;
	}
	return found >= 0 ? words[found] : NULL;
}

/* The finding that is the news, else the weightiest. */
static void put_reason(struct cw_buf *out, const struct cw_change *change)
{
	const struct cw_assessment *a = &change->after;
	const struct cw_contributor *c = !a->n_contributors              ? NULL
	                                 : change->lead < a->n_contributors ? &a->contributors[change->lead]
	                                                                    : &a->contributors[0];
	const char *only = only_criterion(a);
	const struct cw_fact *fact;
	char day[CW_WALL_TEXT];

	if (!c)
		return;
	fact = c->facts[0];
	cw_buf_printf(out, "%s", cw_render_signal(c->signal->name));
	if (fact->evidence.event_day != CW_DAY_NONE)
		cw_buf_printf(out, " (of %s", cw_day_format(fact->evidence.event_day, day));
	else
		cw_buf_printf(out, " (first seen %s", cw_day_format(cw_wall_day(fact->known_at), day));
	if (c->derived)
		cw_buf_puts(out, ", headline derived from its judgements");
	cw_buf_printf(out, "; %.*s)", (int)fact->evidence.publisher.len, fact->evidence.publisher.at);
	if (only)
		cw_buf_printf(out, "; %s", only);
	if (c->handled.fact) {
		cw_buf_puts(out, "; ");
		(void)cw_render_ruled(&c->handled, out);
	}
}

/* "closed:ilacs_ri/ofsted/2019-07-15" in words. */
static const char *closed_signal(const char *cause, char *buf, size_t size)
{
	const char *name = strchr(cause, ':') ? strchr(cause, ':') + 1 : cause;

	snprintf(buf, size, "%.*s", (int)strcspn(name, "/"), name);
	return cw_render_signal(buf);
}

/* False when the change comes from evidence or time. */
static bool put_recalculated(struct cw_buf *out, const struct cw_council *council, const struct cw_change *change)
{
	const struct cw_assessment *a = &change->after;

	if (strncmp(change->cause, CW_CAUSE_MODEL, strlen(CW_CAUSE_MODEL)) != 0)
		return false;
	if (a->level != change->previous_level)
		cw_buf_printf(out, "%s: support level from %s to %s (%.1f points)", council->short_name,
		              cw_level_name(change->previous_level), cw_level_name(a->level), cw_render_points(a->points));
	else
		cw_buf_printf(out, "%s: what is known is %s", council->short_name, cw_knowledge_name(a->knowledge));
	cw_buf_puts(out, " because the configuration or the version of councilwatch changed; nothing new is known of the council");
	return true;
}

/* "; Ofsted: overall effectiveness: good; Data to Insight: …" */
static void put_conflicts(struct cw_buf *out, const struct cw_assessment *a)
{
	for (size_t i = 0; i < a->n_conflicts; i++) {
		for (size_t k = 0; k < a->conflicts[i].n_facts; k++) {
			const struct cw_evidence *e = &a->conflicts[i].facts[k]->evidence;

			cw_buf_printf(out, "; %.*s says ", (int)e->publisher.len, e->publisher.at);
			(void)table_quote(e, out);
		}
	}
	cw_buf_puts(out, ": both are kept, the publisher of the fact is heard first, and among equals the more adverse");
}

int cw_render_sentence(const struct cw_council *council, const struct cw_change *change, struct cw_buf *out)
{
	const struct cw_assessment *a = &change->after;
	const char *level = cw_level_name(a->level), *previous = cw_level_name(change->previous_level);
	char day[CW_WALL_TEXT], signal[64];

	if (put_recalculated(out, council, change) || render_ruling_sentence(council, change, out))
		return cw_buf_putc(out, '.');
	switch (change->kind) {
	case CW_ALERT_LEVEL_UP:
		cw_buf_printf(out, "%s: flag for a conversation: support level up from %s to %s; evidence suggests: ",
		              council->short_name, previous, level);
		put_reason(out, change);
		break;
	case CW_ALERT_FLOOR_OPENED:
		cw_buf_printf(out, "%s: a further formal finding at level %s; evidence suggests: ", council->short_name, level);
		put_reason(out, change);
		break;
	case CW_ALERT_FLOOR_CLOSED:
		cw_buf_printf(out, "%s: a formal finding has closed (%s); support level ", council->short_name,
		              closed_signal(change->cause, signal, sizeof(signal)));
		if (a->level != change->previous_level)
			cw_buf_printf(out, "from %s to %s", previous, level);
		else
			cw_buf_printf(out, "stays %s", level);
		if (a->step_down_day != CW_DAY_NONE)
			cw_buf_printf(out, "; next step down %s if nothing changes", cw_day_format(a->step_down_day, day));
		else if (a->hold_until != CW_DAY_NONE)
			cw_buf_printf(out, "; held at watch until %s", cw_day_format(a->hold_until, day));
		if (change->ruling.fact && change->ruling.state == CW_RULING_IN_FORCE) {
			cw_buf_puts(out, "; ");
			(void)cw_render_ruled(&change->ruling, out);
		}
		break;
	case CW_ALERT_LEVEL_DOWN:
		cw_buf_printf(out, "%s: support level down from %s to %s, with time and no new adverse evidence", council->short_name,
		              previous, level);
		break;
	case CW_ALERT_NEW_EVIDENCE:
		cw_buf_printf(out, "%s: new evidence at level %s (%.1f points): ", council->short_name, level,
		              cw_render_points(a->points));
		put_reason(out, change);
		break;
	case CW_ALERT_KNOWLEDGE_LOST:
		if (a->knowledge == CW_UNKNOWN) {
			cw_buf_printf(out, "%s: the judgements given of the newest inspection do not settle a headline: unknown is not low",
			              council->short_name);
			break;
		}
		cw_buf_printf(out, "%s: what is known is no longer current", council->short_name);
		if (a->last_judged_day != CW_DAY_NONE)
			cw_buf_printf(out, " (last judged %s)", cw_day_format(a->last_judged_day, day));
		cw_buf_puts(out, ": unknown is not low");
		break;
	case CW_ALERT_CONFLICT:
		cw_buf_printf(out, "%s: sources differ about an inspection", council->short_name);
		put_conflicts(out, a);
		break;
	default:
		cw_buf_printf(out, "%s: %s", council->short_name, cw_alert_kind_name(change->kind));
	}
	return cw_buf_putc(out, '.');
}

static json_t *envelope(const struct cw_config *config, enum cw_alert_kind kind, const char *subject, struct cw_wall at,
                        const char *id, json_t *data)
{
	char source[CW_NAME_MAX + 32], type[96], time[CW_WALL_TEXT];

	snprintf(source, sizeof(source), "/councilwatch/%s", config->instance);
	snprintf(type, sizeof(type), "uk.councilwatch.alert.%s.v1", cw_alert_kind_name(kind));
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:o}", "specversion", "1.0", "id", id, "source", source, "type",
	                 type, "subject", subject, "time", cw_wall_format(at, time), "datacontenttype", "application/json", "data",
	                 data);
}

static json_t *render_model(const struct cw_config *config)
{
	return json_pack("{s:s, s:s}", "version", CW_VERSION, "config", config->hash);
}

/* The sentence, and with a rise what the level asks for. */
static int put_alert_text(const struct cw_config *config, const struct cw_council *council, const struct cw_change *change,
                          struct cw_buf *out)
{
	int r = cw_render_sentence(council, change, out);

	if (r < 0 || (change->kind != CW_ALERT_LEVEL_UP && change->kind != CW_ALERT_FLOOR_OPENED))
		return r;
	out->len--; /* the full stop */
	cw_buf_puts(out, "; it asks for ");
	(void)cw_render_response_words(&config->risk, change->after.level, out);
	return cw_buf_putc(out, '.');
}

json_t *cw_render_alert(const struct cw_config *config, const struct cw_council *council, const struct cw_change *change,
                        uint64_t seq, const char *id)
{
	const struct cw_assessment *a = &change->after;
	const char *sensitivity = cw_render_sensitivity(change);
	struct cw_outlook outlook = { 0 };
	struct cw_buf text;
	json_t *data;

	cw_buf_init(&text, 8192);
	if (put_alert_text(config, council, change, &text) < 0 || cw_outlook_of_change(change, &outlook, NULL) < 0) {
		cw_buf_clear(&text);
		return NULL;
	}
	data = json_pack("{s:I, s:s, s:o, s:s, s:s, s:s, s:s, s:f, s:o, s:o, s:s, s:s, s:o}", "seq", (json_int_t)seq, "kind",
	                 cw_alert_kind_name(change->kind), "council", cw_render_council(council), "level",
	                 cw_level_name(a->level), "previous_level", cw_level_name(change->previous_level), "knowledge",
	                 cw_knowledge_name(a->knowledge), "previous_knowledge", cw_knowledge_name(change->previous_knowledge),
	                 "points", cw_render_points(a->points), "criteria", cw_render_criteria(a), "contributors",
	                 cw_render_linked(config, cw_render_contributors(a)), "cause", change->cause, "text", cw_buf_str(&text), "model",
	                 render_model(config));
	if (data) {
		json_object_set_new(data, "lead", change->lead < a->n_contributors ? json_integer((json_int_t)change->lead) : json_null());
		json_object_set_new(data, "response", cw_render_response(&config->risk, a->level));
		json_object_set_new(data, "would_lower", cw_render_outlook(a, &outlook));
	}
	if (data && a->n_conflicts)
		json_object_set_new(data, "conflicts", cw_render_linked(config, cw_render_conflicts(a)));
	if (data && a->ruling.fact)
		json_object_set_new(data, "override", cw_render_override(a));
	if (data && change->ruling.fact)
		json_object_set_new(data, "ruling", cw_render_ruling(&change->ruling));
	if (data && sensitivity)
		json_object_set_new(data, "sensitivity", json_string(sensitivity));
	cw_buf_clear(&text);
	return data ? envelope(config, change->kind, council->id, change->at, id, data) : NULL;
}

json_t *cw_render_feed_alert(const struct cw_config *config, enum cw_alert_kind kind, struct cw_str feed, struct cw_wall at,
                             const char *text, uint64_t seq, const char *id)
{
	CW_CLEANUP(cw_freep) char *subject = strndup(feed.at, feed.len);
	json_t *data;

	if (!subject)
		return NULL;
	data = json_pack("{s:I, s:s, s:n, s:s, s:n, s:n, s:[], s:s, s:o}", "seq", (json_int_t)seq, "kind",
	                 cw_alert_kind_name(kind), "council", "feed", subject, "level", "previous_level", "contributors", "text",
	                 text, "model", render_model(config));
	return data ? envelope(config, kind, subject, at, id, data) : NULL;
}
