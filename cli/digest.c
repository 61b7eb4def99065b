#include "digest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <councilwatch/buf.h>
#include <councilwatch/clock.h>
#include <councilwatch/limits.h>
#include <councilwatch/model.h>

#include "output.h"

/* Names in one line; of more it is told how many. */
#define NAMES_MOST 12

void cw_digest_clear(struct cw_digest *digest)
{
	for (size_t i = 0; i < digest->n; i++) {
		free(digest->at[i].group);
		free(digest->at[i].council);
	}
	free(digest->at);
	free(digest->moment);
	*digest = (struct cw_digest){ 0 };
}

bool cw_digest_takes(const struct cw_digest *digest, const json_t *event)
{
	return !digest->moment || !strcmp(digest->moment, cw_json_get_text(event, "time", ""));
}

/* The finding that is the news, else the weightiest; of what closed or fell there is none. */
static void put_reason(struct cw_buf *out, const json_t *data, const char *kind)
{
	const json_t *contributors = json_object_get(data, "contributors");
	int64_t lead = cw_json_get_integer(data, "lead", -1);
	const json_t *c = json_array_get(contributors, lead < 0 ? 0 : (size_t)lead);
	const json_t *fact = json_array_get(json_object_get(c, "evidence"), 0);

	if (lead < 0 && strcmp(kind, "level_up") != 0 && strcmp(kind, "new_evidence") != 0)
		return;
	if (c)
		cw_buf_printf(out, ": %s (%s)", cw_json_get_text(c, "text", "?"), cw_json_get_text(fact, "publisher", "?"));
}

static int kind_place(const char *kind)
{
	int at = 1;

	while (at < CW_ALERT_KIND_COUNT && strcmp(cw_alert_kind_name((enum cw_alert_kind)at), kind) != 0)
		at++;
	return at;
}

int cw_digest_add(struct cw_digest *digest, const json_t *event)
{
	const json_t *data = json_object_get(event, "data"), *council = json_object_get(data, "council");
	const char *time = cw_json_get_text(event, "time", ""), *kind = cw_json_get_text(data, "kind", "?");
	const char *level = cw_json_get_text(data, "level", NULL), *previous = cw_json_get_text(data, "previous_level", NULL);
	struct cw_digest_entry entry = { .seq = cw_json_get_integer(data, "seq", 0), .day = CW_DAY_NONE };
	struct cw_buf group;
	struct cw_wall at;

	if (!json_is_object(data))
		return -EBADMSG;
	if (digest->n == digest->cap) {
		size_t cap = digest->cap ? 2 * digest->cap : 64;
		struct cw_digest_entry *grown = reallocarray(digest->at, cap, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		digest->at = grown;
		digest->cap = cap;
	}
	entry.kind = kind_place(kind);
	if (cw_wall_parse(time, strlen(time), &at, NULL) == 0)
		entry.day = cw_wall_day(at);
	cw_buf_init(&group, CW_FIELD_MAX);
	cw_buf_puts(&group, kind);
	if (level && previous && strcmp(level, previous) != 0)
		cw_buf_printf(&group, " %s -> %s", previous, level);
	else if (level && strcmp(level, "routine") != 0) /* routine is said only of what is known */
		cw_buf_printf(&group, " at %s", level);
	put_reason(&group, data, kind);
	entry.group = cw_buf_steal(&group, NULL);
	cw_buf_clear(&group);
	entry.council = strdup(cw_json_get_text(council, "name", cw_json_get_text(event, "subject", "?")));
	if (!digest->moment)
		digest->moment = strdup(time);
	if (!entry.group || !entry.council || !digest->moment) {
		free(entry.group);
		free(entry.council);
		return -ENOMEM;
	}
	digest->at[digest->n++] = entry;
	return 0;
}

static int by_group(const void *a, const void *b)
{
	const struct cw_digest_entry *x = a, *y = b;
	int r = x->kind != y->kind ? x->kind - y->kind : strcmp(x->group, y->group);

	return r ? r : strcmp(x->council, y->council);
}

static int by_week(const void *a, const void *b)
{
	const struct cw_digest_entry *x = a, *y = b;

	return x->day < y->day ? -1 : x->day > y->day ? 1 : by_group(a, b);
}

/* Sorted: those of one group in a line, each council once. */
static int print_groups(const struct cw_digest_entry *at, size_t n, FILE *out)
{
	struct cw_buf line;
	int r = 0;

	cw_buf_init(&line, 64u * 1024);
	for (size_t i = 0, next; i < n && r == 0; i = next) {
		size_t names = 0, councils = 0;

		for (next = i; next < n && !strcmp(at[next].group, at[i].group); next++)
			councils += next == i || strcmp(at[next].council, at[next - 1].council) != 0;
		cw_buf_reset(&line);
		cw_buf_printf(&line, "%zu council%s, %s: ", councils, councils == 1 ? "" : "s", at[i].group);
		for (size_t k = i; k < next && names < NAMES_MOST; k++)
			if (k == i || strcmp(at[k].council, at[k - 1].council) != 0)
				cw_buf_printf(&line, "%s%s", names++ ? ", " : "", at[k].council);
		if (councils > names)
			cw_buf_printf(&line, " and %zu more", councils - names);
		r = line.failed;
		fputs("  ", out);
		cw_out_paragraph(out, 2, 6, cw_buf_str(&line));
	}
	cw_buf_clear(&line);
	return r;
}

static void seq_range(const struct cw_digest_entry *at, size_t n, int64_t *ret_first, int64_t *ret_last)
{
	*ret_first = *ret_last = at[0].seq;
	for (size_t i = 1; i < n; i++) {
		*ret_first = CW_MIN(*ret_first, at[i].seq);
		*ret_last = CW_MAX(*ret_last, at[i].seq);
	}
}

int cw_digest_print_moment(const struct cw_digest *digest, FILE *out)
{
	int64_t first, last;

	if (!digest->n)
		return 0;
	qsort(digest->at, digest->n, sizeof(*digest->at), by_group);
	seq_range(digest->at, digest->n, &first, &last);
	cw_out_text(out, digest->moment);
	fprintf(out, "  #%lld to #%lld  %zu alerts of one moment, for the next digest:\n", (long long)first, (long long)last, digest->n);
	return print_groups(digest->at, digest->n, out);
}

int cw_digest_print_weeks(struct cw_digest *digest, FILE *out)
{
	char day[CW_WALL_TEXT];
	int r = 0;

	/* 1 January 1970 was a Thursday. */
	for (size_t i = 0; i < digest->n; i++)
		if (digest->at[i].day != CW_DAY_NONE)
			digest->at[i].day -= ((digest->at[i].day + 3) % 7 + 7) % 7;
	if (digest->n)
		qsort(digest->at, digest->n, sizeof(*digest->at), by_week);
	for (size_t i = 0, next; i < digest->n && r == 0; i = next) {
		int64_t first, last;

		for (next = i; next < digest->n && digest->at[next].day == digest->at[i].day; next++)
			;
		seq_range(digest->at + i, next - i, &first, &last);
		fprintf(out, "%sWeek of %s: %zu alert%s, #%lld to #%lld\n", i ? "\n" : "", cw_day_format(digest->at[i].day, day), next - i,
		        next - i == 1 ? "" : "s", (long long)first, (long long)last);
		r = print_groups(digest->at + i, next - i, out);
	}
	return r;
}
