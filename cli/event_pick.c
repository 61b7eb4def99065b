#include "event_pick.h"

#include <errno.h>
#include <string.h>

#include <councilwatch/render.h>

#include "output.h"

/* The fewest digits of an id that say which one is meant. */
#define ID_DIGITS_MIN 6
#define NAMES_MAX 64

struct names {
	size_t n;
	char text[NAMES_MAX][CW_EVENT_NAME_TEXT];
	const char *at[NAMES_MAX + 1]; /* for cw_nearest; ends with NULL */
	const char *words[NAMES_MAX];
};

static void add_name(struct names *names, const char *text, const char *words)
{
	if (names->n == NAMES_MAX)
		return;
	snprintf(names->text[names->n], sizeof(names->text[0]), "%s", text);
	names->at[names->n] = names->text[names->n];
	names->words[names->n++] = words;
	names->at[names->n] = NULL;
}

/* What may be ruled on: what counts, or of that what holds a floor; or the inspections about which sources differ. */
static void list_names(const struct cw_assessment *now, bool floor, bool conflicts, struct names *ret)
{
	char text[CW_EVENT_NAME_TEXT];

	ret->n = 0;
	ret->at[0] = NULL;
	for (size_t i = 0; i < now->n_contributors && !conflicts; i++)
		if (!floor || now->contributors[i].floor > CW_LEVEL_ROUTINE)
			add_name(ret, cw_contributor_event(&now->contributors[i], text),
			         cw_render_signal(now->contributors[i].signal->name));
	for (size_t i = 0; i < now->n_conflicts && conflicts; i++)
		add_name(ret, cw_conflict_event(&now->conflicts[i], text), "sources differ about this inspection");
}

static bool same_event(const struct cw_risk *risk, const char *typed, const char *name)
{
	struct cw_event_name a, b;

	return cw_event_name_parse(risk, cw_str(typed), &a) == 0 && cw_event_name_parse(risk, cw_str(name), &b) == 0 &&
	       a.form == b.form && a.form != CW_EVENT_EVIDENCE && a.signal == b.signal && a.criterion == b.criterion &&
	       a.kind == b.kind && abs(a.day - b.day) <= risk->cluster_days;
}

/* "s114_notice", "s114_notice/specific", "ilacs". */
static bool begins(const char *typed, const char *name)
{
	size_t n = strlen(typed);

	return n && !strncmp(typed, name, n) && name[n] == '/';
}

static bool is_evidence_of(const struct cw_contributor *c, const char *typed)
{
	size_t n = strlen(typed);

	for (size_t i = 0; i < c->n_facts; i++)
		if (n >= ID_DIGITS_MIN && n <= 32 && !strncmp(c->facts[i]->id, typed, n))
			return true;
	return false;
}

/* How many names answer to what was typed; *ret is the last. */
static size_t count_alike(const struct cw_risk *risk, const struct names *names, const char *typed, size_t *ret)
{
	size_t n = 0;

	for (size_t i = 0; i < names->n; i++) {
		if (!strcmp(names->text[i], typed)) {
			*ret = i;
			return 1;
		}
		if (same_event(risk, typed, names->text[i]) || begins(typed, names->text[i])) {
			*ret = i;
			n++;
		}
	}
	return n;
}

static void print_names(const struct names *names)
{
	for (size_t i = 0; i < names->n; i++)
		fprintf(stderr, "  %-48s %s\n", names->text[i], names->words[i]);
}

static int refuse(const struct cw_council *council, const struct names *names, const char *typed, size_t n_alike, const char *what)
{
	const char *near = n_alike ? NULL : cw_nearest(typed, names->at);

	if (!names->n)
		return cw_cli_fail(CW_EXIT_USAGE, "--event: nothing of %s %s: 'councilwatch explain %s' shows what stands",
		                   council->short_name, what, council->id);
	cw_cli_fail(0, n_alike ? "--event: '%s' is more than one; these %s:" : "--event: nothing is called '%s'%s%s%s; these %s:", typed,
	            near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "", what);
	print_names(names);
	return CW_EXIT_USAGE;
}

static int pick_by_evidence(const struct cw_assessment *now, bool floor, const char *typed, char *ret)
{
	char found[CW_EVENT_NAME_TEXT] = "", text[CW_EVENT_NAME_TEXT];

	for (size_t i = 0; i < now->n_contributors; i++) {
		const struct cw_contributor *c = &now->contributors[i];

		if (!is_evidence_of(c, typed) || (floor && c->floor == CW_LEVEL_ROUTINE))
			continue;
		cw_contributor_event(c, text);
		if (found[0] && strcmp(found, text))
			return -EINVAL;
		snprintf(found, sizeof(found), "%s", text);
	}
	if (!found[0])
		return -ENOENT;
	snprintf(ret, CW_EVENT_NAME_TEXT, "%s", found);
	return 0;
}

static bool folds_to(const char *typed, struct cw_str text)
{
	struct cw_buf a, b;
	bool same;

	cw_buf_init(&a, CW_FIELD_MAX);
	cw_buf_init(&b, CW_FIELD_MAX);
	same = !cw_text_fold(cw_str(typed), &a) && !cw_text_fold(text, &b) && !strcmp(cw_buf_str(&a), cw_buf_str(&b));
	cw_buf_clear(&a);
	cw_buf_clear(&b);
	return same;
}

/* Its publisher as that is spelled; the feed, where one publisher says two things. */
static int pick_source(const struct cw_conflict *conflict, const char *typed, char **ret)
{
	const struct cw_fact *found = NULL;
	size_t n = 0;

	for (size_t i = 0; i < conflict->n_facts; i++) {
		const struct cw_fact *fact = conflict->facts[i];

		if (cw_str_eq(fact->feed, typed)) {
			*ret = strdup(typed);
			return *ret ? 0 : cw_cli_fail(CW_EXIT_NO, "out of memory");
		}
		if (folds_to(typed, fact->evidence.publisher)) {
			found = fact;
			n++;
		}
	}
	if (n == 1) {
		*ret = strndup(found->evidence.publisher.at, found->evidence.publisher.len);
		return *ret ? 0 : cw_cli_fail(CW_EXIT_NO, "out of memory");
	}
	cw_cli_fail(0, n ? "--source: '%s' says two things; name the feed:" : "--source: '%s' is none of those that differ; these do:", typed);
	for (size_t i = 0; i < conflict->n_facts; i++) {
		fputs("  ", stderr);
		cw_out_str(stderr, n ? conflict->facts[i]->feed : conflict->facts[i]->evidence.publisher);
		fputs(n ? "  " : "  (feed ", stderr);
		cw_out_str(stderr, n ? conflict->facts[i]->evidence.publisher : conflict->facts[i]->feed);
		fputs(n ? "\n" : ")\n", stderr);
	}
	return CW_EXIT_USAGE;
}

static int pick(const struct cw_cli *cli, const struct cw_council *council, const char *typed, bool floor, const char *source,
                struct cw_picked *picked)
{
	const char *what = source ? "have sources that differ" : floor ? "hold a formal floor" : "count today";
	struct names names;
	size_t at = 0, n;
	int r;

	list_names(&picked->now, floor, source != NULL, &names);
	if (!typed && names.n != 1)
		return names.n ? refuse(council, &names, "", names.n, what) : refuse(council, &names, "", 0, what);
	n = typed ? count_alike(&cli->config->risk, &names, typed, &at) : 1;
	if (n == 1) {
		snprintf(picked->event, sizeof(picked->event), "%s", names.text[at]);
	} else {
		r = n || source ? -ENOENT : pick_by_evidence(&picked->now, floor, typed, picked->event);
		if (r < 0)
			return refuse(council, &names, typed, r == -EINVAL ? 2 : n, what);
	}
	return source ? pick_source(&picked->now.conflicts[at], source, &picked->source) : 0;
}

int cw_cli_pick_event(const struct cw_cli *cli, const struct cw_council *council, int32_t today, const char *typed, bool floor,
                      const char *source, struct cw_picked *ret)
{
	CW_CLEANUP(cw_cli_store_close) struct cw_store *store = NULL;
	struct cw_error err = { 0 };
	int r;

	*ret = (struct cw_picked){ .source = NULL };
	r = cw_cli_store(cli, &store);
	if (r)
		return r;
	r = cw_cli_assess(cli, store, council, today, false, &ret->facts, &ret->now, &err);
	if (r < 0)
		return cw_cli_fail_error(CW_EXIT_NO, &err, "cannot look up what stands in %s", council->short_name);
	return pick(cli, council, typed, floor, source, ret);
}

void cw_picked_clear(struct cw_picked *picked)
{
	free(picked->source);
	cw_assessment_clear(&picked->now);
	cw_history_free(&picked->facts);
	*picked = (struct cw_picked){ .source = NULL };
}
