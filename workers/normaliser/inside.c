#include <errno.h>

#include <councilwatch/event_name.h>
#include <councilwatch/limits.h>
#include <councilwatch/lint.h>

#include "inside.h"

bool cw_inside_kind(enum cw_kind kind)
{
	return kind == CW_KIND_INTERNAL_NOTE || kind == CW_KIND_OVERRIDE;
}

/* How long a note or a ruling may count. */
#define EXPIRES_MOST_DAYS 180

/* A text that seems to hold personal data, or an author that is no role, must not be kept, not even as the reason of a rejection: only what
 * it is and where it stands. 0, or 1: rejected; -errno. */
static int check_person(struct cw_record *record, const char *field, struct cw_str text, bool author)
{
	const struct cw_councils *councils = cw_record_config(record)->councils;
	struct cw_lint found;
	int r = author ? cw_lint_role(text, councils, &found, 1) : cw_lint_text(text, councils, &found, 1);

	if (r <= 0)
		return r;
	if (found.rule == CW_LINT_NO_ROLE)
		r = cw_record_reject(record, CW_REASON_BAD_VALUE, field, cw_str(""), "it names no role. %s",
		                     cw_lint_mend(found.rule));
	else
		r = cw_record_reject(record, CW_REASON_PERSONAL_DATA, field, cw_str(""), "%s seems to hold %s (bytes %zu to %zu). %s",
		                     field, cw_lint_what(found.rule), found.at + 1, found.at + found.len,
		                     cw_lint_mend(found.rule));
	return r < 0 ? r : 1;
}

static int check_persons(struct cw_record *record, const struct cw_evidence *evidence)
{
	struct cw_str author = cw_evidence_value(evidence, CW_VAL_AUTHOR), reason = cw_evidence_value(evidence, CW_VAL_REASON);
	int r = check_person(record, "title", evidence->title, false);

	if (r == 0)
		r = check_person(record, "quote", evidence->quote, false);
	if (r == 0)
		r = check_person(record, "reason", reason, false);
	if (r == 0)
		r = check_person(record, "source", cw_evidence_value(evidence, CW_VAL_SOURCE), false);
	if (r == 0 && author.len)
		r = check_person(record, "author", author, true);
	return r;
}

/* 1: rejected, for want of something that such a statement must have. */
static int lacking(struct cw_record *record, const struct cw_evidence *evidence, const char *field, const char *what)
{
	int r = cw_record_reject(record, CW_REASON_BAD_VALUE, field, cw_str(""), "\"%s\" needs %s", cw_kind_def(evidence->kind)->name,
	                         what);

	return r < 0 ? r : 1;
}

static int check_expiry(struct cw_record *record, const struct cw_evidence *evidence)
{
	struct cw_str text = cw_evidence_value(evidence, CW_VAL_EXPIRES);
	const struct cw_wall *made = cw_wall_known(evidence->published_at) ? &evidence->published_at
	                             : cw_wall_known(evidence->fetched_at) ? &evidence->fetched_at
	                                                                   : &cw_record_info(record)->fetched_at;
	int32_t expires, from = cw_wall_known(*made) ? cw_wall_day(*made) : evidence->event_day;
	int r;

	if (!text.len || cw_date_parse(text.at, text.len, "%Y-%m-%d", &expires) < 0)
		return lacking(record, evidence, "expires", "a day on which it expires: \"expires\":\"2025-06-30\"");
	if (from == CW_DAY_NONE || (expires >= from && expires <= from + EXPIRES_MOST_DAYS))
		return 0;
	r = cw_record_reject(record, CW_REASON_BAD_VALUE, "expires", text,
	                     expires < from ? "it expires before it was made"
	                                    : "it expires more than %d days after it was made: say it again when that day comes",
	                     EXPIRES_MOST_DAYS);
	return r < 0 ? r : 1;
}

/* 1: rejected, as it says something that it may not. */
static int refused(struct cw_record *record, const char *field, struct cw_str text, const char *why)
{
	int r = cw_record_reject(record, CW_REASON_BAD_VALUE, field, text, "%s", why);

	return r < 0 ? r : 1;
}

/* More than is shown? What is cut off would not be looked at. 1: too long; -errno. */
static int too_long(struct cw_record *record, const char *field, struct cw_str text)
{
	struct cw_str whole, shown;
	int r = text.len ? cw_record_text(record, text, 0, &whole) : 0;

	if (r == 0 && text.len)
		r = cw_record_text(record, whole, CW_QUOTE_MAX, &shown);
	if (r < 0 || !text.len || shown.len == whole.len)
		return r;
	r = cw_record_reject(record, CW_REASON_BAD_VALUE, field, cw_str(""), "it has more than %u characters: say it shorter", CW_QUOTE_MAX);
	return r < 0 ? r : 1;
}

static int check_note(struct cw_record *record, const json_t *object, const struct cw_evidence *evidence)
{
	const json_t *quote = json_object_get(object, "quote");
	struct cw_str whole = { json_string_value(quote), json_string_length(quote) };

	if (!cw_evidence_value(evidence, CW_VAL_SEVERITY).len)
		return lacking(record, evidence, "severity", "a severity: low, medium or high");
	if (!evidence->quote.len && !evidence->title.len)
		return lacking(record, evidence, "quote", "a text");
	return evidence->quote.len ? too_long(record, "quote", whole) : 0;
}

/* A ruling on an event or a floor names it; one that says who is right names an inspection and a source. */
static int check_subject(struct cw_record *record, const struct cw_evidence *evidence, bool floor)
{
	struct cw_str event = cw_evidence_value(evidence, CW_VAL_EVENT), source = cw_evidence_value(evidence, CW_VAL_SOURCE);
	struct cw_event_name name;

	if (cw_evidence_value(evidence, CW_VAL_LEVEL).len)
		return refused(record, "level", cw_str(""),
		               "a ruling on an event or a floor sets no level: leave it out, or leave out the scope");
	if (!event.len)
		return lacking(record, evidence, "event", "the event that it is about: \"event\":\"s114_notice/specific/2025-03-04\"");
	if (cw_event_name_parse(&cw_record_config(record)->risk, event, &name) < 0)
		return refused(record, "event", event,
		               "no name of an event: it is \"SIGNAL/CRITERION/DATE\", \"ilacs/DATE\", \"area_send/DATE\" or the id of a piece of "
		               "evidence, as 'councilwatch explain' shows it");
	if (floor && source.len)
		return refused(record, "source", cw_str(""), "only a ruling of scope \"event\" says which source is right");
	if ((name.form == CW_EVENT_INSPECTION) != (source.len > 0))
		return refused(record, source.len ? "event" : "source", event,
		               source.len ? "a source is right about an inspection: \"ilacs/DATE\" or \"area_send/DATE\""
		                          : "of an inspection it can be said which source is right, by \"source\"; what it found is rejected "
		                            "by the name of the finding, \"ilacs_ri/ofsted/DATE\"");
	if (floor && name.form == CW_EVENT_SIGNAL && name.signal->floor == CW_LEVEL_ROUTINE)
		return refused(record, "event", event, "it holds no floor, so there is nothing to mark as handled");
	return 0;
}

static int check_ruling(struct cw_record *record, const struct cw_evidence *evidence)
{
	struct cw_str scope = cw_evidence_value(evidence, CW_VAL_SCOPE);
	struct cw_str reason = cw_evidence_value(evidence, CW_VAL_REASON);
	int r;

	if (!reason.len)
		return lacking(record, evidence, "reason", "a reason");
	r = too_long(record, "reason", reason);
	if (r)
		return r;
	if (scope.len && !cw_str_eq(scope, "level"))
		return check_subject(record, evidence, cw_str_eq(scope, "floor"));
	if (!cw_evidence_value(evidence, CW_VAL_LEVEL).len)
		return lacking(record, evidence, "level", "a level: routine, watch, priority or intensive");
	if (cw_evidence_value(evidence, CW_VAL_EVENT).len || cw_evidence_value(evidence, CW_VAL_SOURCE).len)
		return refused(record, "event", cw_str(""), "a ruling on the level is about no event: say \"scope\":\"event\" or \"floor\"");
	return 0;
}

/* A note, or a ruling. What it means for the level is the model's business. */
static int check_inside(struct cw_record *record, const json_t *object, struct cw_evidence *evidence)
{
	bool note = evidence->kind == CW_KIND_INTERNAL_NOTE;
	int r;

	if (!cw_evidence_value(evidence, CW_VAL_AUTHOR).len)
		return lacking(record, evidence, "author", "an author: the role in which it is said, never a person");
	r = note ? check_note(record, object, evidence) : check_ruling(record, evidence);
	if (r == 0)
		r = check_expiry(record, evidence);
	if (r)
		return r;
	if (!cw_evidence_value(evidence, CW_VAL_SENSITIVITY).len)
		return cw_evidence_set(evidence, CW_VAL_SENSITIVITY, cw_str("internal"));
	return 0;
}

int cw_inside_check(struct cw_record *record, const json_t *object, struct cw_evidence *evidence)
{
	bool inside = cw_inside_kind(evidence->kind);
	int r = 0;

	if (inside || cw_evidence_value(evidence, CW_VAL_AUTHOR).len)
		r = check_persons(record, evidence);
	return r || !inside ? r : check_inside(record, object, evidence);
}
