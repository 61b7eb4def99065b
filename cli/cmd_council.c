/*
 * councilwatch council: which council the texts of a row name on a day, by the rules that feeds go by, and what the tables
 * say of it: for whoever adds a feed or wonders about an id.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <councilwatch/council.h>
#include <councilwatch/limits.h>

#include "command.h"
#include "output.h"

#define TEXTS_MAX 16u
#define EDGES_MAX 16u

static const struct cw_column columns[] = { { "SCHEME", false }, { "TEXT", false }, { "FROM", false }, { "UNTIL", false } };

static const char *outcome_name(int outcome)
{
	switch (outcome) {
	case CW_COUNCIL_AMBIGUOUS:
		return cw_reason_name(CW_REASON_AMBIGUOUS_COUNCIL);
	case CW_COUNCIL_CONFLICT:
		return cw_reason_name(CW_REASON_COUNCIL_CONFLICT);
	case CW_COUNCIL_NOT_THEN:
		return cw_reason_name(CW_REASON_COUNCIL_NOT_THEN);
	case CW_COUNCIL_OTHER_BODY:
		return cw_reason_name(CW_REASON_NOT_A_COUNCIL);
	default:
		return cw_reason_name(CW_REASON_UNKNOWN_COUNCIL);
	}
}

/* Is it one of the councils that this row of the table names? */
static bool acts_for(const struct cw_organisation *organisation, const struct cw_council *council)
{
	for (size_t i = 0; i < organisation->n; i++)
		if (organisation->at[i] == council)
			return true;
	return false;
}

/* A name that stands there once already, of the same organisation and the same days, in another spelling. */
static bool said_before(const struct cw_councils *councils, size_t index)
{
	const struct cw_organisation *organisation = cw_organisations_at(councils, index);

	for (size_t i = 0; i < index; i++) {
		const struct cw_organisation *other = cw_organisations_at(councils, i);

		if (!strcmp(other->id, organisation->id) && other->from == organisation->from && other->to == organisation->to)
			return true;
	}
	return false;
}

/* --- JSON --- */

static json_t *aliases_json(const struct cw_councils *councils, const struct cw_council *council, int *failed)
{
	json_t *array = json_array();
	struct cw_council_alias alias;
	size_t position = 0;

	while (cw_council_aliases(councils, council, &position, &alias)) {
		json_t *object = json_object();

		cw_json_set(object, "scheme", json_string(alias.scheme), failed);
		cw_json_set(object, "text", json_string(alias.text), failed);
		cw_json_set(object, "from", cw_json_day(alias.from), failed);
		cw_json_set(object, "to", cw_json_day(alias.to), failed);
		if (json_array_append_new(array, object) < 0)
			*failed = -ENOMEM;
	}
	return array;
}

static json_t *lineage_json(const struct cw_councils *councils, const struct cw_council *council, int *failed)
{
	json_t *array = json_array();

	for (size_t i = 0; i < cw_lineage_count(councils); i++) {
		const struct cw_lineage *edge = cw_lineage_at(councils, i);
		json_t *object;

		if (edge->predecessor != council && edge->successor != council)
			continue;
		object = json_object();
		cw_json_set(object, "predecessor", json_string(edge->predecessor->id), failed);
		cw_json_set(object, "successor", json_string(edge->successor->id), failed);
		cw_json_set(object, "kind", json_string(cw_lineage_kind_name(edge->kind)), failed);
		cw_json_set(object, "date", cw_json_day(edge->day), failed);
		cw_json_set(object, "of_predecessor", json_real(edge->of_predecessor), failed);
		cw_json_set(object, "of_successor", json_real(edge->of_successor), failed);
		if (json_array_append_new(array, object) < 0)
			*failed = -ENOMEM;
	}
	return array;
}

static json_t *organisations_json(const struct cw_councils *councils, const struct cw_council *council, int *failed)
{
	json_t *array = json_array();

	for (size_t i = 0; i < cw_organisations_count(councils); i++) {
		const struct cw_organisation *organisation = cw_organisations_at(councils, i);
		json_t *object, *names;

		if (!acts_for(organisation, council))
			continue;
		object = json_object();
		names = json_array();
		cw_json_set(object, "id", json_string(organisation->id), failed);
		cw_json_set(object, "name", json_string(organisation->name), failed);
		cw_json_set(object, "kind", json_string(organisation->kind), failed);
		for (size_t k = 0; k < organisation->n; k++)
			if (json_array_append_new(names, json_string(organisation->at[k]->id)) < 0)
				*failed = -ENOMEM;
		cw_json_set(object, "councils", names, failed);
		cw_json_set(object, "from", cw_json_day(organisation->from), failed);
		cw_json_set(object, "to", cw_json_day(organisation->to), failed);
		if (json_array_append_new(array, object) < 0)
			*failed = -ENOMEM;
	}
	return array;
}

static json_t *council_json(const struct cw_councils *councils, const struct cw_council *council, int *failed)
{
	json_t *object = json_object();

	cw_json_set(object, "id", json_string(council->id), failed);
	cw_json_set(object, "name", json_string(council->name), failed);
	cw_json_set(object, "short_name", json_string(council->short_name), failed);
	cw_json_set(object, "type", json_string(council->type), failed);
	cw_json_set(object, "region", json_string(council->region), failed);
	cw_json_set(object, "start_date", cw_json_day(council->start_day), failed);
	cw_json_set(object, "end_date", cw_json_day(council->end_day), failed);
	cw_json_set(object, "aliases", aliases_json(councils, council, failed), failed);
	cw_json_set(object, "lineage", lineage_json(councils, council, failed), failed);
	cw_json_set(object, "organisations", organisations_json(councils, council, failed), failed);
	return object;
}

static int print_json(const struct cw_councils *councils, int outcome, const struct cw_council_set *set, const char *why)
{
	json_t *object = json_object(), *array = json_array();
	int failed = 0;

	cw_json_set(object, "outcome", outcome ? json_string(outcome_name(outcome)) : json_string("resolved"), &failed);
	for (size_t i = 0; !outcome && i < set->n; i++)
		if (json_array_append_new(array, council_json(councils, set->at[i], &failed)) < 0)
			failed = -ENOMEM;
	cw_json_set(object, "councils", array, &failed);
	cw_json_set(object, "organisation",
	            !outcome && set->organisation ? json_string(set->organisation->id) : json_null(), &failed);
	cw_json_set(object, "detail", outcome ? json_string(why) : json_null(), &failed);
	return failed ? failed : cw_out_json(stdout, object);
}

/* --- text --- */

static void print_days(int32_t from, int32_t to)
{
	char day[CW_WALL_TEXT];

	if (from != CW_DAY_NONE)
		printf(" from %s", cw_day_format(from, day));
	if (to != CW_DAY_NONE)
		printf(" until %s", cw_day_format(to, day));
}

static void print_lineage(const struct cw_councils *councils, const struct cw_council *council)
{
	char day[CW_WALL_TEXT];

	for (size_t i = 0; i < cw_lineage_count(councils); i++) {
		const struct cw_lineage *edge = cw_lineage_at(councils, i);

		if (edge->kind == CW_LINEAGE_CONTINUES && edge->predecessor == council)
			printf("  went on under another type or code on %s\n", cw_day_format(edge->day, day));
		else if (edge->predecessor == council)
			printf("  followed on %s by %s (%s), with %.0f%% of its children\n", cw_day_format(edge->day, day),
			       edge->successor->short_name, edge->successor->id, 100 * edge->of_predecessor);
		else if (edge->successor == council)
			printf("  followed on %s %s (%s), from which %.0f%% of its children came\n",
			       cw_day_format(edge->day, day), edge->predecessor->short_name, edge->predecessor->id,
			       100 * edge->of_successor);
	}
}

static void print_organisations(const struct cw_councils *councils, const struct cw_council *council)
{
	for (size_t i = 0; i < cw_organisations_count(councils); i++) {
		const struct cw_organisation *organisation = cw_organisations_at(councils, i);

		if (!acts_for(organisation, council) || said_before(councils, i))
			continue;
		fputs("  ", stdout);
		cw_out_text(stdout, organisation->name);
		printf(" (%s)", organisation->kind);
		print_days(organisation->from, organisation->to);
		for (size_t k = 0, n = 0; k < organisation->n; k++)
			if (organisation->at[k] != council)
				printf("%s%s", n++ ? ", " : ", also for ", organisation->at[k]->short_name);
		putchar('\n');
	}
}

static int print_council(const struct cw_cli *cli, const struct cw_council *council)
{
	const struct cw_councils *councils = cli->config->councils;
	struct cw_council_alias alias;
	struct cw_table table;
	size_t position = 0;
	int r;

	cw_out_text(stdout, council->name);
	printf(" (%s)\n  %s, %s", council->id, council->type, council->region);
	print_days(council->start_day, council->end_day);
	putchar('\n');
	print_lineage(councils, council);
	print_organisations(councils, council);
	cw_table_init(&table, columns, CW_ARRAY_LEN(columns));
	while (cw_council_aliases(councils, council, &position, &alias)) {
		char day[CW_WALL_TEXT];

		cw_table_add(&table, alias.scheme);
		cw_table_add(&table, alias.text);
		cw_table_add(&table, alias.from == CW_DAY_NONE ? "" : cw_day_format(alias.from, day));
		cw_table_add(&table, alias.to == CW_DAY_NONE ? "" : cw_day_format(alias.to, day));
	}
	r = cw_table_print(&table, 2, cli->colour, stdout);
	cw_table_clear(&table);
	return r;
}

int cw_cmd_council(struct cw_cli *cli)
{
	const struct cw_councils *councils = cli->config->councils;
	struct cw_council_set set = { 0 };
	struct cw_str texts[TEXTS_MAX];
	const struct cw_council *one;
	struct cw_buf why;
	size_t n = 0;
	int outcome, r = 0;

	for (int i = 0; i < cli->n_arguments && n < TEXTS_MAX; i++)
		texts[n++] = cw_str(cli->arguments[i]);
	cw_buf_init(&why, CW_FIELD_MAX);
	outcome = cw_council_resolve_all(councils, texts, n, cli->as_of, &set, &why);
	/* Somebody who asks for a council that ended, or by its id, wants to see it. */
	if (outcome > 0 && n == 1 && !cli->has_as_of && cw_council_find(councils, cli->arguments[0], &one, NULL) == 0) {
		set = (struct cw_council_set){ .n = 1, .at = { one } };
		outcome = 0;
	}
	if (outcome < 0) {
		cw_buf_clear(&why);
		return cw_cli_fail(CW_EXIT_NO, "cannot look it up: %s", strerror(-outcome));
	}
	if (cli->json) {
		r = print_json(councils, outcome, &set, cw_buf_str(&why));
	} else if (outcome) {
		printf("%s: ", outcome_name(outcome));
		cw_out_text(stdout, cw_buf_str(&why));
		putchar('\n');
	} else {
		if (set.organisation)
			printf("named by what acts for %s: %s\n", set.n > 1 ? "them" : "it", set.organisation->name);
		if (set.n > 1)
			printf("the row counts for each of %zu councils\n", set.n);
		for (size_t i = 0; r == 0 && i < set.n; i++)
			r = print_council(cli, set.at[i]);
	}
	cw_buf_clear(&why);
	if (r < 0)
		return cw_cli_fail(CW_EXIT_NO, "cannot write the answer: %s", strerror(-r));
	return outcome ? CW_EXIT_NO : CW_EXIT_DONE;
}
