#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <councilwatch/lint.h>
#include <councilwatch/offers.h>

#define DAYS_MOST 1000.0
#define PARTICIPANTS_MOST 100000
#define ROLES_MOST 16u

const char *const cw_offer_field_names[] = {
	[CW_OFFER_ID] = "offer_id",
	[CW_OFFER_COUNCIL] = "council_id",
	[CW_OFFER_ORGANISATION] = "organisation_id",
	[CW_OFFER_ORGANISATION_KIND] = "organisation_kind",
	[CW_OFFER_STRAND] = "strand",
	[CW_OFFER_TIER] = "tier",
	[CW_OFFER_TRIGGER] = "trigger_alert_id",
	[CW_OFFER_OFFERED_AT] = "offered_at",
	[CW_OFFER_CONTACT_ROLE] = "contact_role",
	[CW_OFFER_STATUS] = "status",
	[CW_OFFER_STATUS_AT] = "status_at",
	[CW_OFFER_DAYS] = "days",
	[CW_OFFER_PRODUCT] = "product",
	[CW_OFFER_NOTE_REF] = "note_ref",
	[CW_OFFER_READ_AT] = "read_at",
	[CW_OFFER_CONTACT_AT] = "contact_at",
	[CW_OFFER_REASON] = "reason",
	[CW_OFFER_RATING] = "rating",
	[CW_OFFER_PARTICIPANTS] = "participants",
	[CW_OFFER_PLAN_UNTIL] = "plan_until",
	[CW_OFFER_ENGAGED] = "engaged_roles",
	[CW_OFFER_FIELDS] = NULL,
};

/* Roles that the KPIs ask for have one spelling each; the first is it. Folded, as cw_text_fold does. */
static const char *const roles[][9] = {
	{ "dcs", "director of childrens services", "director of children services", "directors of childrens services", NULL },
	{ "lmcs", "lead member", "lead member for childrens services", "cabinet member for childrens services", "portfolio holder for childrens services",
	  "cabinet member", "portfolio holder", NULL },
	{ "group_leader", "group leader", NULL },
	{ "scrutineer", "independent scrutineer", NULL },
	{ "chief_executive", "chief executive", "chief exec", "chief executive officer", "ceo", "managing director", NULL },
	{ "leader", "council leader", "leader of the council", "mayor", "elected mayor", "directly elected mayor", NULL },
	{ "s151_officer", "s151 officer", "section 151 officer", "s151", "chief finance officer", "director of finance", NULL },
};

struct checking {
	const struct cw_offer_rules *rules;
	const char *file;
	unsigned line;
	const char *const *value;
	struct cw_offer_row *row;
	size_t n_texts;
	int result; /* -ENOMEM and what cannot be helped */
};

static void CW_PRINTF(3, 0) say(struct checking *c, cw_report_fn *report, const char *fmt, va_list args)
{
	char text[CW_ERROR_TEXT_MAX];
	struct cw_error err;

	vsnprintf(text, sizeof(text), fmt, args);
	cw_error_at(&err, -EINVAL, c->file, c->line, 0, "%s", text);
	if (report)
		report(c->rules->report_arg, &err);
}

static void complain(struct checking *c, const char *fmt, ...) CW_PRINTF(2, 3);
static void complain(struct checking *c, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say(c, c->rules->report, fmt, args);
	va_end(args);
	c->row->wrong = true;
}

static void warn(struct checking *c, const char *fmt, ...) CW_PRINTF(2, 3);
static void warn(struct checking *c, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say(c, c->rules->warn, fmt, args);
	va_end(args);
}

static const char *given(const struct checking *c, enum cw_offer_field field)
{
	return c->value[field] ? c->value[field] : "";
}

/* A text of the row's own, trimmed; "" without memory. */
static const char *keep(struct checking *c, struct cw_str text)
{
	char *copy;

	text = cw_str_trim(text);
	if (!text.len)
		return "";
	copy = strndup(text.at, text.len);
	if (!copy || c->n_texts == CW_ARRAY_LEN(c->row->text)) {
		free(copy);
		c->result = -ENOMEM;
		return "";
	}
	return c->row->text[c->n_texts++] = copy;
}

/* Position in a closed list of words, -1 after a report. */
static int word(struct checking *c, enum cw_offer_field field, const char *const *words)
{
	const char *text = given(c, field), *near;
	struct cw_buf all;

	for (int i = 0; words[i]; i++)
		if (strcmp(words[i], text) == 0)
			return i;
	near = *text ? cw_nearest(text, words) : NULL;
	cw_buf_init(&all, 256);
	for (int i = 0; words[i] && !near; i++)
		cw_buf_printf(&all, "%s%s", !i ? "" : words[i + 1] ? ", " : " or ", words[i]);
	if (!*text)
		complain(c, "%s is missing; write %s", cw_offer_field_names[field], cw_buf_str(&all));
	else if (near)
		complain(c, "%s is '%s'; did you mean '%s'?", cw_offer_field_names[field], text, near);
	else
		complain(c, "%s is '%s'; write %s", cw_offer_field_names[field], text, cw_buf_str(&all));
	cw_buf_clear(&all);
	return -1;
}

/* ISO, or as spreadsheets in this country write it. */
static int32_t day(struct checking *c, enum cw_offer_field field)
{
	const char *text = given(c, field);
	char today[CW_WALL_TEXT];
	int32_t found = CW_DAY_NONE;
	struct cw_wall t;

	if (!*text)
		return CW_DAY_NONE;
	if (cw_wall_parse(text, strlen(text), &t, NULL) == 0)
		found = cw_wall_day(t);
	else if (cw_date_parse(text, strlen(text), "%d/%m/%Y", &found) < 0)
		found = CW_DAY_NONE;
	if (found == CW_DAY_NONE)
		complain(c, "%s is '%s'; write the day as 2024-09-02 or 02/09/2024", cw_offer_field_names[field], text);
	else if (found > c->rules->today && field != CW_OFFER_PLAN_UNTIL)
		complain(c, "%s is %s, after today (%s); correct the day, or record it when it has come", cw_offer_field_names[field], text,
		         cw_day_format(c->rules->today, today));
	return found;
}

static double number(struct checking *c, enum cw_offer_field field, double low, double high)
{
	const char *text = given(c, field);
	double found;

	if (!*text)
		return -1;
	if (cw_parse_double(cw_str_trim(cw_str(text)), &found) == 0 && found >= low && found <= high)
		return found;
	complain(c, "%s is '%s'; write a number from %g to %g, or nothing", cw_offer_field_names[field], text, low, high);
	return -1;
}

#define FINDINGS 4

static void lint(struct checking *c, enum cw_offer_field field, struct cw_str text, bool role)
{
	struct cw_lint found[FINDINGS];
	int n = role ? cw_lint_role(text, c->rules->councils, found, FINDINGS) : cw_lint_text(text, c->rules->councils, found, FINDINGS);

	if (n < 0)
		c->result = n;
	for (int i = 0; i < n && i < FINDINGS; i++)
		if (found[i].rule == CW_LINT_NO_ROLE)
			complain(c, "%s '%.*s' names no role; write one such as dcs, lmcs, chief_executive, leader or \"head of service\"",
			         cw_offer_field_names[field], (int)CW_MIN(text.len, 60u), text.at);
		else
			complain(c, "%s seems to hold %s: '%.*s'. %s", cw_offer_field_names[field], cw_lint_what(found[i].rule),
			         (int)CW_MIN(found[i].len, 60u), text.at + found[i].at, cw_lint_mend(found[i].rule));
}

static bool fits(struct checking *c, enum cw_offer_field field, struct cw_str text)
{
	if (text.len <= CW_OFFER_TEXT_MAX && cw_utf8_valid(text.at, text.len))
		return true;
	complain(c, "%s is longer than %u bytes or no UTF-8; say it shorter", cw_offer_field_names[field], CW_OFFER_TEXT_MAX);
	return false;
}

static const char *free_text(struct checking *c, enum cw_offer_field field)
{
	struct cw_str text = cw_str_trim(cw_str(given(c, field)));

	if (!text.len || !fits(c, field, text))
		return "";
	lint(c, field, text, false);
	return keep(c, text);
}

/* The spelling that the KPIs ask for, or NULL. */
static const char *known_role(struct checking *c, struct cw_str text)
{
	const char *found = NULL;
	struct cw_buf folded;

	cw_buf_init(&folded, CW_OFFER_TEXT_MAX * 4);
	if (cw_text_fold(text, &folded) == -ENOMEM)
		c->result = -ENOMEM;
	for (size_t i = 0; i < CW_ARRAY_LEN(roles) && !found; i++)
		for (size_t k = 0; roles[i][k] && !found; k++)
			if (strcmp(cw_buf_str(&folded), roles[i][k]) == 0 || cw_str_eq(text, roles[i][k]))
				found = roles[i][0];
	cw_buf_clear(&folded);
	return found;
}

/* One or several, parted by '|'. */
static const char *role_list(struct checking *c, enum cw_offer_field field, bool several)
{
	struct cw_str text = cw_str_trim(cw_str(given(c, field)));
	struct cw_buf out;
	const char *kept = "";
	size_t from = 0, n = 0;

	if (!text.len || !fits(c, field, text))
		return "";
	cw_buf_init(&out, 2 * CW_OFFER_TEXT_MAX);
	while (from <= text.len) {
		const char *bar = several ? memchr(text.at + from, '|', text.len - from) : NULL;
		size_t to = bar ? (size_t)(bar - text.at) : text.len;
		struct cw_str role = cw_str_trim((struct cw_str){ text.at + from, to - from });
		const char *known = known_role(c, role);

		from = to + 1;
		if (!role.len)
			continue;
		if (n++ == ROLES_MOST) {
			complain(c, "%s names more than %u roles", cw_offer_field_names[field], ROLES_MOST);
			break;
		}
		if (!known)
			lint(c, field, role, true);
		cw_buf_printf(&out, "%s", out.len ? "|" : "");
		if (known)
			cw_buf_puts(&out, known);
		else
			cw_buf_append(&out, role.at, role.len);
	}
	if (out.failed)
		c->result = out.failed;
	else
		kept = keep(c, cw_str(cw_buf_str(&out)));
	cw_buf_clear(&out);
	return kept;
}

static const char *identifier(struct checking *c)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:";
	struct cw_str text = cw_str_trim(cw_str(given(c, CW_OFFER_ID)));

	if (!text.len)
		complain(c, "offer_id is missing; give each offer a short one of its own, such as 2024-017");
	else if (text.len > CW_OFFER_ID_MAX)
		complain(c, "offer_id has %zu characters; %u are the most", text.len, CW_OFFER_ID_MAX);
	else if (strspn(text.at, allowed) < text.len)
		complain(c, "offer_id is '%.*s'; use letters, digits, '-', '_', '.', ':' and '/'", (int)text.len, text.at);
	return keep(c, cw_str_cut(text, CW_OFFER_ID_MAX));
}

/* ---- to whom ---- */

static void take_council(struct checking *c, int32_t when)
{
	const struct cw_councils *councils = c->rules->councils;
	const struct cw_council *council = NULL;
	struct cw_str text = cw_str_trim(cw_str(given(c, CW_OFFER_COUNCIL)));
	const char *suggestion = NULL;
	char name[CW_OFFER_TEXT_MAX + 1], last[CW_WALL_TEXT];
	int r;

	snprintf(name, sizeof(name), "%.*s", (int)text.len, text.at);
	/* On that day a name may have been another council's than today. */
	council = cw_councils_by_id(councils, text);
	r = council ? 0 : cw_council_resolve(councils, &text, 1, when, &council, NULL);
	if (r)
		r = cw_council_find(councils, name, &council, &suggestion);
	if (r < 0)
		c->result = r;
	else if (r == CW_COUNCIL_AMBIGUOUS)
		complain(c, "council_id '%s' may be more than one council%s%s%s", name, suggestion ? "; did you mean '" : "; use its id or a code",
		         suggestion ? suggestion : "", suggestion ? "'?" : "");
	else if (r)
		complain(c, "council_id '%s' is no council%s%s%s", name,
		         suggestion ? "; did you mean '" : "; 'councilwatch councils' lists them, and other bodies go in organisation_id",
		         suggestion ? suggestion : "", suggestion ? "'?" : "");
	else if (!cw_council_exists(council, when) && council->end_day != CW_DAY_NONE && when > council->end_day)
		complain(c, "council_id '%s' ended on %s; name the council that has its area now", council->id, cw_day_format(council->end_day, last));
	else if (!cw_council_exists(council, when))
		complain(c, "council_id '%s' began on %s, after the offer; correct one", council->id, cw_day_format(council->start_day, last));
	else
		c->row->offer.council_id = council->id;
}

static enum cw_recipient recipient_of(const char *kind)
{
	static const struct {
		const char *kind;
		enum cw_recipient recipient;
	} kinds[] = { { "delegate", CW_TO_TRUST },
		      { "trust", CW_TO_TRUST },
		      { "icb", CW_TO_ICB },
		      { "partnership", CW_TO_SAFEGUARDING_PARTNERSHIP },
		      { "safeguarding_partnership", CW_TO_SAFEGUARDING_PARTNERSHIP } };

	for (size_t i = 0; i < CW_ARRAY_LEN(kinds); i++)
		if (strcmp(kinds[i].kind, kind) == 0)
			return kinds[i].recipient;
	return CW_TO_OTHER;
}

/* "north-west-alliance" of a name: lower case letters and digits, everything else one '-'. */
static const char *slug(struct checking *c, struct cw_str text)
{
	const char *kept = "";
	struct cw_buf folded;

	cw_buf_init(&folded, CW_OFFER_TEXT_MAX * 4);
	if (cw_text_fold(text, &folded) == -ENOMEM)
		c->result = -ENOMEM;
	for (size_t i = 0; i < folded.len; i++)
		if (folded.data[i] == ' ')
			folded.data[i] = '-';
	if (folded.len)
		kept = keep(c, cw_str_cut(cw_str(cw_buf_str(&folded)), CW_OFFER_TEXT_MAX));
	cw_buf_clear(&folded);
	return kept;
}

static bool ends_with(const char *text, const char *ending)
{
	size_t n = strlen(text), k = strlen(ending);

	return n > k && strcmp(text + n - k, ending) == 0;
}

/* In the table of organisations, by id or any of its names; a name such as "Leeds Safeguarding Children Partnership" is one that
 * the table has for any council, and then the organisation is the name itself. */
static const char *in_table(struct checking *c, struct cw_str text, int32_t when, enum cw_recipient *ret)
{
	const struct cw_councils *councils = c->rules->councils;
	struct cw_council_set set = { 0 };

	for (size_t i = 0; i < cw_organisations_count(councils); i++) {
		const struct cw_organisation *o = cw_organisations_at(councils, i);

		if (o->name[0] != '*' && (cw_str_eq(text, o->id) || cw_str_eq(text, o->name))) {
			*ret = recipient_of(o->kind);
			return o->id;
		}
	}
	if (cw_council_resolve_all(councils, &text, 1, when, &set, NULL) != 0 || !set.organisation)
		return NULL;
	*ret = recipient_of(set.organisation->kind);
	return set.organisation->name[0] == '*' ? slug(c, text) : set.organisation->id;
}

static const char *nearest_organisation(struct checking *c, const char *text)
{
	const struct cw_councils *councils = c->rules->councils;
	size_t count = cw_organisations_count(councils), n = 0;
	const char **names = calloc(count + 1, sizeof(*names)), *near = NULL;

	for (size_t i = 0; names && i < count; i++)
		names[n++] = cw_organisations_at(councils, i)->id;
	if (names)
		near = cw_nearest(text, names);
	free(names);
	return near;
}

static void take_organisation(struct checking *c, int32_t when)
{
	struct cw_str text = cw_str_trim(cw_str(given(c, CW_OFFER_ORGANISATION)));
	struct cw_offer *offer = &c->row->offer;
	enum cw_recipient found = CW_TO_OTHER;
	const struct cw_council *council;
	int stated = -1;
	const char *id;

	if (!fits(c, CW_OFFER_ORGANISATION, text))
		return;
	if (*given(c, CW_OFFER_ORGANISATION_KIND)) {
		stated = word(c, CW_OFFER_ORGANISATION_KIND, cw_recipient_names);
		if (stated < 0)
			return;
	}
	council = cw_councils_by_id(c->rules->councils, text);
	if (council) {
		complain(c, "organisation_id '%s' is a council; write it as council_id", council->id);
		return;
	}
	id = in_table(c, text, when, &found);
	if (!id) {
		id = slug(c, text);
		if (ends_with(id, "combined-authority") || ends_with(id, "combined-county-authority")) {
			found = CW_TO_COMBINED_AUTHORITY;
		} else if (stated < 0) {
			const char *near = nearest_organisation(c, id);

			complain(c, "organisation_id '%.*s' is not in the table of organisations%s%s%s; correct it, or give its organisation_kind: %s",
			         (int)CW_MIN(text.len, 80u), text.at, near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "",
			         "trust, icb, safeguarding_partnership, regional_alliance, combined_authority, council or other");
			return;
		}
		lint(c, CW_OFFER_ORGANISATION, text, false);
	}
	if (stated >= 0 && found != CW_TO_OTHER && found != (enum cw_recipient)stated) {
		complain(c, "organisation_kind is '%s', but '%s' is of kind %s; correct one", cw_recipient_names[stated], id, cw_recipient_names[found]);
		return;
	}
	offer->organisation_id = id;
	offer->recipient = stated >= 0 ? (enum cw_recipient)stated : found;
}

static void take_recipient(struct checking *c)
{
	const struct cw_offer *offer = &c->row->offer;
	bool council = *given(c, CW_OFFER_COUNCIL), organisation = *given(c, CW_OFFER_ORGANISATION);
	int32_t when = offer->offered_at != CW_DAY_NONE ? offer->offered_at : offer->status_at;

	if (when == CW_DAY_NONE)
		when = c->rules->today;
	if (council && organisation)
		complain(c, "council_id and organisation_id are both given; an offer is to one of them");
	else if (!council && !organisation)
		complain(c, "council_id is missing; say to which council the offer was made, or give an organisation_id");
	else if (council && *given(c, CW_OFFER_ORGANISATION_KIND) && strcmp(given(c, CW_OFFER_ORGANISATION_KIND), "council") != 0)
		complain(c, "organisation_kind is '%s', but the offer is to a council; leave it empty", given(c, CW_OFFER_ORGANISATION_KIND));
	else if (council)
		take_council(c, when);
	else
		take_organisation(c, when);
}

/* ---- the alert ---- */

static void take_trigger(struct checking *c)
{
	struct cw_offer *offer = &c->row->offer;
	struct cw_str text = cw_str_trim(cw_str(given(c, CW_OFFER_TRIGGER)));
	CW_CLEANUP(cw_freep) char *council = NULL;
	char alerted[CW_WALL_TEXT], made[CW_WALL_TEXT];
	int32_t when = CW_DAY_NONE;
	int r;

	if (!text.len)
		return;
	if (text.len > CW_OFFER_ID_MAX) {
		complain(c, "trigger_alert_id is no id of an alert; 'councilwatch alerts --json' has them");
		return;
	}
	offer->trigger_alert_id = keep(c, text);
	if (!c->rules->alert || c->result < 0)
		return;
	r = c->rules->alert(c->rules->alert_arg, offer->trigger_alert_id, &council, &when);
	if (r < 0) {
		c->result = r;
	} else if (r == 0) {
		complain(c, "trigger_alert_id '%s' is the id of no alert; 'councilwatch alerts --json' has them, or leave it empty",
		         offer->trigger_alert_id);
	} else if (*offer->council_id && council && strcmp(council, offer->council_id) != 0) {
		complain(c, "trigger_alert_id '%s' is an alert about %s, not about %s; correct one", offer->trigger_alert_id, council,
		         offer->council_id);
	} else if (offer->offered_at != CW_DAY_NONE && offer->offered_at < when) {
		warn(c, "offered_at is %s, before the alert it answers (%s); it counts as made on the same day",
		     cw_day_format(offer->offered_at, made), cw_day_format(when, alerted));
	}
}

/* ---- all of it ---- */

static void check_order(struct checking *c)
{
	const struct cw_offer *o = &c->row->offer;
	bool offered = o->status >= CW_OFFER_OFFERED;

	if (offered && !*given(c, CW_OFFER_OFFERED_AT) && o->offered_at == CW_DAY_NONE)
		complain(c, "offered_at is missing; an offer that is %s was made on some day", cw_offer_status_names[o->status]);
	if (!offered && o->offered_at != CW_DAY_NONE)
		complain(c, "status is '%s', but offered_at is given; write the status offered, or leave offered_at empty",
		         cw_offer_status_names[o->status]);
	if (offered && o->offered_at != CW_DAY_NONE && o->status_at != CW_DAY_NONE && o->status_at < o->offered_at)
		complain(c, "status_at is before offered_at; correct one");
	if (o->plan_until != CW_DAY_NONE && o->offered_at != CW_DAY_NONE && o->plan_until < o->offered_at)
		complain(c, "plan_until is before offered_at; correct one");
	if (*o->reason && o->status != CW_OFFER_DECLINED && o->status != CW_OFFER_WITHDRAWN)
		complain(c, "reason is given, but the offer is %s; it belongs to a declined or withdrawn one", cw_offer_status_names[o->status]);
}

/* What may be left out because another field says it. */
static void fill_in(struct checking *c)
{
	struct cw_offer *o = &c->row->offer;

	if (o->status == CW_OFFER_READ && o->read_at == CW_DAY_NONE)
		o->read_at = o->status_at;
	if (o->status == CW_OFFER_CONTACTED && o->contact_at == CW_DAY_NONE)
		o->contact_at = o->status_at;
	if (o->status == CW_OFFER_OFFERED && o->offered_at == CW_DAY_NONE)
		o->offered_at = o->status_at;
	if (o->status == CW_OFFER_OFFERED && o->status_at == CW_DAY_NONE)
		o->status_at = o->offered_at;
}

int cw_offer_check(const struct cw_offer_rules *rules, const char *file, unsigned line, const char *const value[CW_OFFER_FIELDS],
                   struct cw_offer_row *ret, struct cw_error *err)
{
	struct checking c = { .rules = rules, .file = file, .line = line, .value = value, .row = ret };
	struct cw_offer *o = &ret->offer;
	int status, strand, tier;

	*ret = (struct cw_offer_row){ .line = line };
	cw_offer_init(o);
	o->offer_id = identifier(&c);
	strand = word(&c, CW_OFFER_STRAND, cw_strand_names);
	tier = word(&c, CW_OFFER_TIER, cw_support_names);
	status = word(&c, CW_OFFER_STATUS, cw_offer_status_names);
	o->strand = strand < 0 ? CW_STRAND_CSC : (enum cw_strand)strand;
	o->tier = tier < 0 ? CW_SUPPORT_UNIVERSAL : (enum cw_support)tier;
	o->status = status < 0 ? CW_OFFER_OFFERED : (enum cw_offer_status)status;
	o->offered_at = day(&c, CW_OFFER_OFFERED_AT);
	o->status_at = day(&c, CW_OFFER_STATUS_AT);
	o->read_at = day(&c, CW_OFFER_READ_AT);
	o->contact_at = day(&c, CW_OFFER_CONTACT_AT);
	o->plan_until = day(&c, CW_OFFER_PLAN_UNTIL);
	fill_in(&c);
	if (!*given(&c, CW_OFFER_STATUS_AT) && o->status_at == CW_DAY_NONE)
		complain(&c, "status_at is missing; write the day since when it is so");
	take_recipient(&c);
	o->contact_role = role_list(&c, CW_OFFER_CONTACT_ROLE, false);
	o->engaged_roles = role_list(&c, CW_OFFER_ENGAGED, true);
	o->product = free_text(&c, CW_OFFER_PRODUCT);
	o->note_ref = free_text(&c, CW_OFFER_NOTE_REF);
	o->reason = free_text(&c, CW_OFFER_REASON);
	o->days = number(&c, CW_OFFER_DAYS, 0, DAYS_MOST);
	o->rating = number(&c, CW_OFFER_RATING, 1, 5);
	o->participants = (int64_t)number(&c, CW_OFFER_PARTICIPANTS, 0, PARTICIPANTS_MOST);
	take_trigger(&c);
	if (status >= 0)
		check_order(&c);
	if (c.result == -ENOMEM)
		return cw_error_nomem(err);
	return c.result < 0 ? cw_error_set(err, c.result, "cannot look up what the row names: %s", strerror(-c.result)) : 0;
}

void cw_offer_row_clear(struct cw_offer_row *row)
{
	for (size_t i = 0; i < CW_ARRAY_LEN(row->text); i++)
		free(row->text[i]);
	*row = (struct cw_offer_row){ 0 };
}
