/*
 * councilwatch note, councilwatch override: what somebody inside has observed or rules, as evidence.
 *
 * Each makes one evidence object and hands it in as any other program would (submit.h). What seems to hold personal data is refused
 * here at once, and by the normaliser again, whichever way it comes.
 */
#include <errno.h>
#include <string.h>

#include <councilwatch/limits.h>

#include "command.h"
#include "event_pick.h"
#include "output.h"
#include "submit.h"

#define FEED "notes"
#define EXPIRES_DEFAULT_DAYS 90
#define EXPIRES_MOST_DAYS 180

const struct cw_option cw_note_options[] = {
	{ "severity", "SEVERITY", "low, medium or high", 0 },
	{ "author", "ROLE", "the role in which it is said, never a name", 0 },
	{ "expires", "DATE", "until when it counts: at most 180 days; 90 when left out", 0 },
	{ "criterion", "CRITERION", "ofsted, send, intel, leadership or specific; intel when left out", 0 },
	{ "sensitivity", "WHO", "internal or dfe_shareable; internal when left out", 0 },
	{ NULL },
};

const struct cw_option cw_override_options[] = {
	{ "level", "LEVEL", "routine, watch, priority or intensive: what the level is", 0 },
	{ "event", "EVENT", "the event or finding that is ruled on, as 'explain' names it", 0 },
	{ "scope", "SCOPE", "level; event: it is rejected; floor: it is being handled. Level when left out, event with --event", 0 },
	{ "source", "PUBLISHER", "which of the sources that differ about an inspection is right", 0 },
	{ "expires", "DATE", "until when it counts: at most 180 days", 0 },
	{ "author", "ROLE", "the role that rules, never a name", 0 },
	{ "reason", "TEXT", "why", 0 },
	{ "sensitivity", "WHO", "internal or dfe_shareable; internal when left out", 0 },
	{ NULL },
};

struct statement {
	const struct cw_cli *cli;
	enum cw_kind kind;
	const struct cw_feed *feed;
	const struct cw_council *council;
	const char *text; /* of a note */
	struct cw_wall made;
	int32_t expires;
	json_t *values;
	struct cw_picked picked; /* a ruling on an event or a floor */
	char sha256[CW_SHA256_HEX];
	char id[33]; /* of the evidence, once it is there */
};

/* ---- what was given ---- */

/* A word of a closed list. 0; -EINVAL after a message; not given: *ret stays. */
static int take_word(struct statement *statement, const char *name, enum cw_value_id id, bool needed)
{
	const struct cw_value_def *def = cw_value_def(id);
	const char *given = cw_cli_option(statement->cli, name), *near;
	struct cw_buf all;

	if (!given && needed)
		return cw_cli_fail(-EINVAL, "--%s is needed", name);
	for (const char *const *word = def->words; given && *word; word++)
		if (!strcmp(given, *word))
			return json_object_set_new(statement->values, def->name, json_string(given)) < 0 ? -ENOMEM : 0;
	if (!given)
		return 0;
	near = cw_nearest(given, def->words);
	cw_buf_init(&all, 256);
	for (const char *const *word = def->words; *word; word++)
		cw_buf_printf(&all, "%s%s", all.len ? ", " : "", *word);
	cw_cli_fail(0, "--%s is none of %s: '%s'%s%s%s", name, cw_buf_str(&all), given, near ? "; did you mean '" : "",
	            near ? near : "", near ? "'?" : "");
	cw_buf_clear(&all);
	return -EINVAL;
}

static int take_expiry(struct statement *statement)
{
	int32_t today = cw_wall_day(statement->made), day = CW_DAY_NONE;
	char text[CW_WALL_TEXT];
	int r = cw_cli_option_day(statement->cli, "expires", &day);

	if (r < 0)
		return r;
	if (day == CW_DAY_NONE && statement->kind == CW_KIND_OVERRIDE)
		return cw_cli_fail(-EINVAL, "--expires is needed: no ruling is for ever; %s would be %d days",
		                   cw_day_format(today + EXPIRES_DEFAULT_DAYS, text), EXPIRES_DEFAULT_DAYS);
	if (day == CW_DAY_NONE)
		day = today + EXPIRES_DEFAULT_DAYS;
	if (day < today)
		return cw_cli_fail(-EINVAL, "--expires %s is past", cw_day_format(day, text));
	if (day > today + EXPIRES_MOST_DAYS)
		return cw_cli_fail(-EINVAL, "--expires may be at most %d days from now, %s: say it again when that day comes",
		                   EXPIRES_MOST_DAYS, cw_day_format(today + EXPIRES_MOST_DAYS, text));
	statement->expires = day;
	return json_object_set_new(statement->values, "expires", json_string(cw_day_format(day, text))) < 0 ? -ENOMEM : 0;
}

static int take_author(struct statement *statement)
{
	const char *author = cw_cli_option(statement->cli, "author");

	if (!author || !cw_str_trim(cw_str(author)).len)
		return cw_cli_fail(-EINVAL, "--author is needed: the role in which it is said, such as \"children's improvement adviser\"");
	if (cw_cli_lint(statement->cli, "--author", author, true))
		return -EINVAL;
	return json_object_set_new(statement->values, "author", cw_json_str(cw_str(author))) < 0 ? -ENOMEM : 0;
}

static size_t characters(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

static int check_text(const struct statement *statement, const char *what, const char *text)
{
	if (!text || !cw_str_trim(cw_str(text)).len)
		return cw_cli_fail(-EINVAL, "%s is needed: what is to be known, in a sentence or two", what);
	if (!cw_utf8_valid(text, strlen(text)))
		return cw_cli_fail(-EINVAL, "%s is not valid UTF-8", what);
	if (characters(text) > CW_QUOTE_MAX)
		return cw_cli_fail(-EINVAL, "%s has %zu characters; %u are the most: say it shorter", what, characters(text), CW_QUOTE_MAX);
	return cw_cli_lint(statement->cli, what, text, false) ? -EINVAL : 0;
}

static int take_note(struct statement *statement)
{
	int r = take_word(statement, "severity", CW_VAL_SEVERITY, true);

	if (r == 0)
		r = take_word(statement, "criterion", CW_VAL_CRITERION, false);
	statement->text = statement->cli->arguments[1];
	return r < 0 ? r : check_text(statement, "the text", statement->text);
}

/* What a ruling on an event or a floor is about: one of what stands now. */
static int take_subject(struct statement *statement, const char *scope)
{
	const char *source = cw_cli_option(statement->cli, "source"), *event = cw_cli_option(statement->cli, "event");
	bool floor = !strcmp(scope, "floor");
	int r;

	if (cw_cli_option(statement->cli, "level"))
		return cw_cli_fail(CW_EXIT_USAGE, "--level is for a ruling on the level: one on an event or a floor sets none");
	if (floor && source)
		return cw_cli_fail(CW_EXIT_USAGE, "--source is for --scope event: a floor is handled, whoever reports it");
	if (!event && !source)
		return cw_cli_fail(CW_EXIT_USAGE, "--event is needed: 'councilwatch explain %s' shows what each is called", statement->council->id);
	r = cw_cli_pick_event(statement->cli, statement->council, cw_wall_day(statement->made), event, floor, source, &statement->picked);
	if (r)
		return r;
	if (json_object_set_new(statement->values, "scope", json_string(scope)) < 0 ||
	    json_object_set_new(statement->values, "event", json_string(statement->picked.event)) < 0 ||
	    (source && json_object_set_new(statement->values, "source", json_string(statement->picked.source)) < 0))
		return -ENOMEM;
	return 0;
}

static int take_override(struct statement *statement)
{
	const char *reason = cw_cli_option(statement->cli, "reason"), *scope;
	int r = take_word(statement, "scope", CW_VAL_SCOPE, false);

	if (r < 0)
		return r;
	scope = cw_cli_option(statement->cli, "scope");
	if (!scope && (cw_cli_option(statement->cli, "event") || cw_cli_option(statement->cli, "source")))
		scope = "event";
	if (scope && strcmp(scope, "level") != 0)
		r = take_subject(statement, scope);
	else if (cw_cli_option(statement->cli, "event") || cw_cli_option(statement->cli, "source"))
		r = cw_cli_fail(-EINVAL, "a ruling on the level is about no event: leave out --scope, or --event and --source");
	else
		r = take_word(statement, "level", CW_VAL_LEVEL, true);
	if (r == 0)
		r = check_text(statement, "--reason", reason);
	if (r)
		return r;
	return json_object_set_new(statement->values, "reason", cw_json_str(cw_str(reason))) < 0 ? -ENOMEM : 0;
}

static int find_feed(struct statement *statement)
{
	const struct cw_feed *feed = cw_config_feed(statement->cli->config, cw_str(FEED));

	if (!feed || feed->format != CW_FORMAT_EVIDENCE)
		return cw_cli_fail(CW_EXIT_USAGE, "there is no feed '" FEED "' of format evidence in the configuration: add the shipped " FEED ".conf");
	if (!feed->enabled || !feed->submissions)
		return cw_cli_fail(CW_EXIT_USAGE, "feed '" FEED "' takes nothing: enabled and submissions must be true in %s", feed->file);
	statement->feed = feed;
	return 0;
}

/* The exit status of what is wrong with what was given, or 0. */
static int read_arguments(struct statement *statement)
{
	const struct cw_cli *cli = statement->cli;
	int status = find_feed(statement), r;

	if (!status)
		status = cw_cli_council(cli, cli->arguments[0], &statement->council);
	if (status)
		return status;
	statement->values = json_object();
	r = statement->values ? take_expiry(statement) : -ENOMEM;
	if (r == 0)
		r = statement->kind == CW_KIND_OVERRIDE ? take_override(statement) : take_note(statement);
	if (r == 0)
		r = take_word(statement, "sensitivity", CW_VAL_SENSITIVITY, false);
	if (r == 0)
		r = take_author(statement);
	if (r == -ENOMEM)
		return cw_cli_fail(CW_EXIT_NO, "out of memory");
	return r < 0 ? CW_EXIT_USAGE : r;
}

/* ---- handing it in ---- */

/* One line of the evidence format. Owned; NULL without memory. */
static char *evidence_line(const struct statement *statement)
{
	char day[CW_WALL_TEXT], at[CW_WALL_TEXT];
	json_t *object = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:O}", "kind", cw_kind_def(statement->kind)->name, "council_id",
	                           statement->council->id, "event_date", cw_day_format(cw_wall_day(statement->made), day),
	                           "published_at", cw_wall_format(statement->made, at), "publisher", statement->feed->publisher, "tier",
	                           cw_tier_name(statement->feed->tier), "values", statement->values);
	char *text, *line = NULL;

	if (object && statement->text && json_object_set_new(object, "quote", cw_json_str(cw_str(statement->text))) < 0) {
		json_decref(object);
		return NULL;
	}
	text = object ? json_dumps(object, JSON_COMPACT) : NULL;
	if (text && asprintf(&line, "%s\n", text) < 0)
		line = NULL;
	free(text);
	json_decref(object);
	return line;
}

static int take_id(void *arg, const struct cw_fact *fact)
{
	struct statement *statement = arg;

	if (!strcmp(fact->document, statement->sha256))
		snprintf(statement->id, sizeof(statement->id), "%s", fact->id);
	return 0;
}

static int find_id(struct statement *statement)
{
	CW_CLEANUP(cw_cli_store_close) struct cw_store *store = NULL;
	struct cw_fact_filter filter = { .council_id = statement->council->id, .kind = statement->kind,
		                         .since = cw_wall_day(statement->made) - 1 };
	struct cw_error err = { 0 };
	int r = cw_cli_store(statement->cli, &store);

	if (r)
		return r;
	if (cw_store_facts(store, &filter, take_id, statement, &err) < 0)
		return cw_cli_fail_error(CW_EXIT_NO, &err, "it is committed, but cannot be read back");
	return statement->id[0] ? 0 : cw_cli_fail(CW_EXIT_NO, "it is committed, but cannot be found");
}

static int print_made(const struct statement *statement, const json_t *state)
{
	char day[CW_WALL_TEXT];

	if (statement->cli->json)
		return cw_out_json(stdout, json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:O}", "id", statement->id, "kind",
		                                     cw_kind_def(statement->kind)->name, "council_id", statement->council->id, "expires",
		                                     cw_day_format(statement->expires, day), "receipt",
		                                     cw_json_get_text(state, "receipt", ""), "document",
		                                     (json_int_t)cw_json_get_integer(state, "document", 0), "alerts",
		                                     (json_int_t)cw_json_get_integer(state, "alerts", 0), "values",
		                                     statement->values)) < 0
		           ? CW_EXIT_NO
		           : CW_EXIT_DONE;
	printf("%s\n", statement->id);
	fprintf(stderr, "%s ", statement->kind == CW_KIND_OVERRIDE ? "Ruled on" : "Noted about");
	cw_out_text(stderr, statement->council->name);
	if (statement->picked.event[0])
		fprintf(stderr, ", %s", statement->picked.event);
	fprintf(stderr, ", until %s; %lld alert%s.\n", cw_day_format(statement->expires, day),
	        (long long)cw_json_get_integer(state, "alerts", 0), cw_json_get_integer(state, "alerts", 0) == 1 ? "" : "s");
	return CW_EXIT_DONE;
}

static int hand_in(struct statement *statement)
{
	CW_CLEANUP(cw_freep) char *line = evidence_line(statement);
	struct cw_submitter *submitter = NULL;
	json_t *receipt = NULL, *state = NULL;
	unsigned char digest[CW_SHA256_LEN];
	struct cw_error err = { 0 };
	const char *reason = NULL;
	json_t *count;
	int status, r;

	if (!line || cw_sha256(line, strlen(line), digest) < 0)
		return cw_cli_fail(CW_EXIT_NO, "out of memory");
	cw_hex(digest, sizeof(digest), statement->sha256);
	r = cw_submitter_new(statement->cli, &submitter, &err);
	if (r < 0) {
		cw_cli_fail_error(0, &err, "councilwatchd is needed and does not answer");
		return cw_cli_fail(CW_EXIT_NO, "%s", cw_submit_how_to_start);
	}
	r = cw_submitter_send(submitter,
	                      json_pack("{s:s, s:s, s:s}", "feed", statement->feed->name, "client_id", "councilwatch", "name",
	                                statement->kind == CW_KIND_OVERRIDE ? "override" : "note"),
	                      line, strlen(line), &receipt, &err);
	if (r == 0)
		r = cw_submitter_wait(submitter, cw_json_get_text(receipt, "receipt", ""), &state, &err);
	if (r < 0) {
		status = cw_cli_fail_error(CW_EXIT_NO, &err, "it was not taken");
	} else if (cw_json_get_integer(state, "evidence", 0) != 1) {
		json_object_foreach(json_object_get(state, "reasons"), reason, count)
			break;
		status = cw_cli_fail(CW_EXIT_NO, "it was refused (%s): 'councilwatch quarantine --feed %s' says why",
		                     reason ? reason : cw_json_get_text(state, "reason", "no evidence"), statement->feed->name);
	} else {
		status = find_id(statement);
		if (!status)
			status = print_made(statement, state);
	}
	json_decref(receipt);
	json_decref(state);
	cw_submitter_free(submitter);
	return status;
}

static int make(struct cw_cli *cli, enum cw_kind kind)
{
	struct statement statement = { .cli = cli, .kind = kind, .made = cw_wall_now() };
	int status = read_arguments(&statement);

	if (!status)
		status = hand_in(&statement);
	json_decref(statement.values);
	cw_picked_clear(&statement.picked);
	return status;
}

int cw_cmd_note(struct cw_cli *cli)
{
	return make(cli, CW_KIND_INTERNAL_NOTE);
}

int cw_cmd_override(struct cw_cli *cli)
{
	return make(cli, CW_KIND_OVERRIDE);
}
