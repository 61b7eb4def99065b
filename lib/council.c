#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <councilwatch/limits.h>

#include "council_table.h"

/* Longer texts are sentences: they are compared whole, and not taken apart. */
#define APART_MAX 200u
/* Words of the longest ending that is looked for. */
#define ENDING_WORDS_MAX 8u
/* Names in one text that is a list of them. */
#define LIST_MAX 16u
/* Parts of such a list that one name may come apart into: "Bournemouth, Christchurch and Poole". */
#define RUN_MAX 4u

size_t cw_councils_count(const struct cw_councils *councils)
{
	return councils->n;
}

const struct cw_council *cw_councils_at(const struct cw_councils *councils, size_t index)
{
	return index < councils->n ? &councils->at[index] : NULL;
}

const struct cw_council *cw_councils_by_id(const struct cw_councils *councils, struct cw_str id)
{
	size_t low = 0, high = councils->by_id ? councils->n : 0;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		const char *at = councils->by_id[mid]->id;
		int order = id.len ? strncmp(id.at, at, id.len) : -1;

		if (order == 0 && !at[id.len])
			return councils->by_id[mid];
		if (order <= 0)
			high = mid;
		else
			low = mid + 1;
	}
	return NULL;
}

static bool covers(int32_t from, int32_t to, int32_t day)
{
	return day == CW_DAY_NONE || ((from == CW_DAY_NONE || from <= day) && (to == CW_DAY_NONE || to >= day));
}

bool cw_council_exists(const struct cw_council *council, int32_t day)
{
	return covers(council->start_day, council->end_day, day);
}

size_t cw_lineage_count(const struct cw_councils *councils)
{
	return councils->n_lineage;
}

const struct cw_lineage *cw_lineage_at(const struct cw_councils *councils, size_t index)
{
	return index < councils->n_lineage ? &councils->lineage[index] : NULL;
}

static size_t edges_of(const struct cw_councils *councils, const struct cw_council *predecessor,
                       const struct cw_council *successor, int32_t day, const struct cw_lineage **ret, size_t max)
{
	size_t n = 0;

	for (size_t i = 0; i < councils->n_lineage; i++) {
		const struct cw_lineage *edge = &councils->lineage[i];

		if (edge->kind == CW_LINEAGE_CONTINUES || (day != CW_DAY_NONE && edge->day > day) ||
		    (predecessor && edge->predecessor != predecessor) || (successor && edge->successor != successor))
			continue;
		if (n < max)
			ret[n] = edge;
		n++;
	}
	return n;
}

size_t cw_council_predecessors(const struct cw_councils *councils, const struct cw_council *council, int32_t day,
                               const struct cw_lineage **ret, size_t max)
{
	return edges_of(councils, NULL, council, day, ret, max);
}

size_t cw_council_successors(const struct cw_councils *councils, const struct cw_council *council, int32_t day,
                             const struct cw_lineage **ret, size_t max)
{
	return edges_of(councils, council, NULL, day, ret, max);
}

size_t cw_organisations_count(const struct cw_councils *councils)
{
	return councils->n_organisations;
}

const struct cw_organisation *cw_organisations_at(const struct cw_councils *councils, size_t index)
{
	return index < councils->n_organisations ? &councils->organisations[index] : NULL;
}

bool cw_council_names(const struct cw_councils *councils, size_t *position, struct cw_council_name *ret)
{
	while (*position < councils->n_meanings) {
		const struct cw_meaning *meaning = &councils->meanings[(*position)++];

		if (meaning->code)
			continue;
		*ret = (struct cw_council_name){ .text = cw_str(meaning->text),
			                         .from = meaning->from,
			                         .to = meaning->to };
		if (meaning->target == CW_OTHER_BODY) {
			ret->body = &councils->bodies[meaning->source];
		} else if (meaning->target < councils->n) {
			ret->n = 1;
			ret->at[0] = &councils->at[meaning->target];
		} else {
			const struct cw_group *group = &councils->groups[meaning->target - councils->n];

			for (; ret->n < group->n; ret->n++)
				ret->at[ret->n] = &councils->at[group->at[ret->n]];
		}
		if (meaning->target != CW_OTHER_BODY && meaning->source != CW_NO_ENTRY)
			ret->organisation = &councils->organisations[meaning->source];
		return true;
	}
	return false;
}

bool cw_council_aliases(const struct cw_councils *councils, const struct cw_council *council, size_t *position,
                        struct cw_council_alias *ret)
{
	while (*position < councils->n_meanings) {
		const struct cw_meaning *meaning = &councils->meanings[(*position)++];

		if (meaning->target != council->index || !meaning->scheme)
			continue;
		*ret = (struct cw_council_alias){ meaning->scheme, meaning->text, meaning->from, meaning->to };
		return true;
	}
	return false;
}

/*
 * What one text names
 */

struct targets {
	size_t n;
	uint32_t at[CW_MEANINGS_MAX];
};

/* On one day. */
struct named {
	struct targets then;
	bool known;            /* on some day it names somebody */
	bool only_later;       /* and only after this one */
	uint32_t example;      /* a meaning of another day, when nothing is in then; CW_NO_ENTRY = none */
	uint32_t organisation; /* CW_NO_ENTRY = the councils themselves are named */
};

struct resolving {
	const struct cw_councils *councils;
	int32_t day;
	struct cw_buf scratch;
	size_t n_made; /* groups that texts made and no table has */
	struct cw_group made[LIST_MAX];
};

static bool has(const struct targets *set, uint32_t target)
{
	for (size_t i = 0; i < set->n; i++)
		if (set->at[i] == target)
			return true;
	return false;
}

static const struct cw_group *group_at(const struct resolving *resolving, uint32_t target)
{
	size_t index = target - resolving->councils->n;

	return index < resolving->councils->n_groups ? &resolving->councils->groups[index]
	                                             : &resolving->made[index - resolving->councils->n_groups];
}

static const struct cw_entry *entry_of(const struct cw_councils *councils, struct cw_str key)
{
	const struct cw_slot *slot = cw_council_slot(councils, key);

	return slot->entry == CW_NO_ENTRY ? NULL : &councils->entries[slot->entry];
}

/*
 * What an entry's meanings come to. words 0: the text stands in a table as it is. Otherwise it is what is left of a text
 * without these words around it: a name whose council is of that type, never a code.
 */
static bool take_entry(const struct resolving *resolving, const struct cw_entry *entry, unsigned words,
                       struct named *ret)
{
	const struct cw_councils *councils = resolving->councils;

	*ret = (struct named){ .only_later = true, .example = CW_NO_ENTRY, .organisation = CW_NO_ENTRY };
	for (uint32_t m = entry->first; m != CW_NO_ENTRY; m = councils->meanings[m].next) {
		const struct cw_meaning *meaning = &councils->meanings[m];
		bool other = meaning->target == CW_OTHER_BODY;
		unsigned allowed = meaning->code                                   ? 0
		                   : other ? (councils->bodies[meaning->source].council ? ~0u : CW_WORD_COUNCIL)
		                   : meaning->source != CW_NO_ENTRY /* "the" */    ? CW_WORD_COUNCIL
		                                                                   : councils->type_words[meaning->target];

		if (words & ~allowed)
			continue;
		ret->known = true;
		ret->example = m;
		if (meaning->from == CW_DAY_NONE || meaning->from <= resolving->day)
			ret->only_later = false;
		if (!covers(meaning->from, meaning->to, resolving->day) || has(&ret->then, meaning->target))
			continue;
		ret->then.at[ret->then.n++] = meaning->target;
		if (!other && meaning->source != CW_NO_ENTRY)
			ret->organisation = meaning->source;
	}
	ret->only_later = ret->known && ret->only_later;
	return ret->known;
}

/* "Dorset6", "Bournemouth [note 5]": a footnote's mark, on a text that has no other digit. False: there is none. */
static bool without_footnote(struct cw_str *folded)
{
	static const char note[] = " note";
	size_t n = folded->len;

	while (n > 0 && folded->at[n - 1] >= '0' && folded->at[n - 1] <= '9')
		n--;
	if (n == folded->len || folded->len - n > 2)
		return false;
	if (n > 0 && folded->at[n - 1] == ' ') {
		n--;
		if (n < strlen(note) || memcmp(folded->at + n - strlen(note), note, strlen(note)) != 0)
			return false;
		n -= strlen(note);
	}
	for (size_t i = 0; i < n; i++)
		if (folded->at[i] >= '0' && folded->at[i] <= '9')
			return false;
	if (n < 3)
		return false;
	folded->len = n;
	return true;
}

/* The name without the words that say what kind of council it is, as few of them as will do. */
static bool without_affixes(const struct resolving *resolving, struct cw_str folded, struct named *ret)
{
	struct cw_affixes affixes;

	cw_council_affixes(folded, &affixes);
	for (size_t n = 1; n <= affixes.n_before + affixes.n_after; n++) {
		for (size_t after = CW_MIN(n, affixes.n_after);; after--) {
			size_t before = n - after, from = 0, to = folded.len;
			unsigned words = 0;
			const struct cw_entry *entry;

			if (before > affixes.n_before)
				break;
			if (before) {
				from = affixes.before[before - 1];
				words |= affixes.words_before[before - 1];
			}
			if (after) {
				to = affixes.after[after - 1];
				words |= affixes.words_after[after - 1];
			}
			if (from < to) {
				entry = entry_of(resolving->councils, (struct cw_str){ folded.at + from, to - from });
				if (entry && take_entry(resolving, entry, words, ret))
					return true;
			}
			if (!after)
				break;
		}
	}
	return false;
}

/* A GSS code says what kind of area it is of: E06, E08, E09 and E10 are of councils such as ours. */
static bool other_area(struct cw_str folded)
{
	if (folded.len != 9 || !memchr("eknsw", folded.at[0], 5))
		return false;
	for (size_t i = 1; i < 9; i++)
		if (folded.at[i] < '0' || folded.at[i] > '9')
			return false;
	return memcmp(folded.at, "e06", 3) != 0 && memcmp(folded.at, "e08", 3) != 0 &&
	       memcmp(folded.at, "e09", 3) != 0 && memcmp(folded.at, "e10", 3) != 0;
}

/* What one text names as a whole. 0 or -ENOMEM. */
static int name_whole(struct resolving *resolving, struct cw_str text, struct named *ret)
{
	const struct cw_councils *councils = resolving->councils;
	const struct cw_entry *entry;
	struct cw_str folded;
	bool digits;
	int r;

	*ret = (struct named){ .example = CW_NO_ENTRY, .organisation = CW_NO_ENTRY };
	text = cw_str_trim(text);
	if (!text.len || text.len > CW_FIELD_MAX)
		return 0;
	entry = entry_of(councils, text);
	digits = cw_council_digits(text, &folded);
	if (!entry && digits && folded.len != text.len)
		entry = entry_of(councils, folded);
	if (!entry && !digits) {
		r = cw_text_fold(text, &resolving->scratch);
		if (r == -EBADMSG || r == -EMSGSIZE)
			return 0;
		if (r < 0)
			return r;
		folded = (struct cw_str){ cw_buf_str(&resolving->scratch), resolving->scratch.len };
		if (!folded.len)
			return 0;
		entry = entry_of(councils, folded);
	}
	if (entry) {
		(void)take_entry(resolving, entry, 0, ret);
		return 0;
	}
	if (digits || folded.len > APART_MAX)
		return 0;
	if (other_area(folded)) {
		*ret = (struct named){ .then = { 1, { CW_OTHER_BODY } },
			               .known = true,
			               .example = CW_NO_ENTRY,
			               .organisation = CW_NO_ENTRY };
		return 0;
	}
	if (without_footnote(&folded)) {
		entry = entry_of(councils, folded);
		if (entry && take_entry(resolving, entry, CW_WORD_COUNCIL, ret))
			return 0;
	}
	(void)without_affixes(resolving, folded, ret);
	return 0;
}

/*
 * Lists
 */

static void add_to_group(struct cw_group *group, uint32_t council, bool *ret_full)
{
	size_t k = group->n;

	for (size_t i = 0; i < group->n; i++)
		if (group->at[i] == council)
			return;
	if (group->n == CW_COUNCILS_TOGETHER_MAX) {
		*ret_full = true;
		return;
	}
	for (; k > 0 && group->at[k - 1] > council; k--)
		group->at[k] = group->at[k - 1];
	group->at[k] = council;
	group->n++;
}

static uint32_t target_of(struct resolving *resolving, const struct cw_group *group)
{
	const struct cw_councils *councils = resolving->councils;
	size_t n = councils->n_groups + resolving->n_made;

	if (group->n == 1)
		return group->at[0];
	for (size_t i = 0; i < n; i++) {
		uint32_t target = (uint32_t)(councils->n + i);
		const struct cw_group *known = group_at(resolving, target);

		if (known->n == group->n && !memcmp(known->at, group->at, group->n * sizeof(group->at[0])))
			return target;
	}
	if (resolving->n_made == CW_ARRAY_LEN(resolving->made))
		return CW_NO_ENTRY;
	resolving->made[resolving->n_made++] = *group;
	return (uint32_t)(councils->n + n);
}

/* The parts of a list: each from where it begins to where it ends. */
struct list {
	size_t n;
	struct cw_str part[LIST_MAX];
};

static bool put_part(struct list *list, const char *from, const char *to)
{
	if (list->n == LIST_MAX || !cw_str_trim((struct cw_str){ from, (size_t)(to - from) }).len)
		return false;
	list->part[list->n++] = (struct cw_str){ from, (size_t)(to - from) };
	return true;
}

/* "A / B", "A; B": signs that stand within no name. */
static bool split_at_signs(struct cw_str text, struct list *ret)
{
	const char *from = text.at, *end = text.at + text.len;

	ret->n = 0;
	for (const char *at = from; at < end; at++) {
		if (*at != '/' && *at != ';' && *at != '+')
			continue;
		if (!put_part(ret, from, at))
			return false;
		from = at + 1;
	}
	return put_part(ret, from, end) && ret->n > 1;
}

static bool is_and(const char *at, const char *end)
{
	return end - at > 5 && (at[0] == ' ') && (at[1] | 0x20) == 'a' && (at[2] | 0x20) == 'n' && (at[3] | 0x20) == 'd' &&
	       at[4] == ' ';
}

/* "A, B and C". A comma alone joins nothing: "Derby, Derbyshire" is an address. */
static bool split_at_words(struct cw_str text, struct list *ret)
{
	const char *from = text.at, *end = text.at + text.len;
	bool joined = false;

	ret->n = 0;
	for (const char *at = from; at < end;) {
		size_t skip = is_and(at, end) ? 5 : *at == '&' || *at == ',' ? 1 : 0;

		if (!skip) {
			at++;
			continue;
		}
		joined = joined || *at != ',';
		/* "A, and B" */
		if (cw_str_trim((struct cw_str){ from, (size_t)(at - from) }).len || skip == 1) {
			if (!put_part(ret, from, at))
				return false;
		}
		at += skip;
		from = at;
	}
	return put_part(ret, from, end) && ret->n > 1 && joined;
}

/*
 * All councils of a list, when each of its names is one that stands in the tables. A name may itself have "and" in it, so the
 * longest run of parts that is a name is taken first. 0 or -ENOMEM.
 */
static int name_list(struct resolving *resolving, const struct list *list, bool runs, struct named *ret)
{
	struct cw_group group = { 0 };
	struct named all = { .known = true, .example = CW_NO_ENTRY, .organisation = CW_NO_ENTRY }, part;
	size_t others = 0, parts = 0;
	bool then = true, full = false;

	for (size_t i = 0; i < list->n; parts++) {
		size_t to = runs ? CW_MIN(list->n, i + RUN_MAX) : i + 1;

		for (;; to--) {
			struct cw_str text = list->part[i];
			int r;

			text.len = (size_t)(list->part[to - 1].at + list->part[to - 1].len - text.at);
			r = name_whole(resolving, text, &part);
			if (r < 0)
				return r;
			if (part.known)
				break;
			if (to == i + 1)
				return 0;
		}
		i = to;
		all.only_later = all.only_later || part.only_later;
		if (part.then.n == 1 && part.then.at[0] == CW_OTHER_BODY) {
			others++;
			continue;
		}
		if (part.then.n > 1) /* the council, when a body shares its name */
			for (size_t k = 0; k < part.then.n; k++)
				if (part.then.at[k] == CW_OTHER_BODY)
					part.then.at[k] = part.then.at[--part.then.n];
		if (part.then.n != 1) {
			then = false;
			if (all.example == CW_NO_ENTRY)
				all.example = part.example;
			continue;
		}
		if (part.then.at[0] < resolving->councils->n) {
			add_to_group(&group, part.then.at[0], &full);
		} else {
			const struct cw_group *members = group_at(resolving, part.then.at[0]);

			for (size_t k = 0; k < members->n; k++)
				add_to_group(&group, members->at[k], &full);
		}
	}
	if (full || (others && others != parts))
		return 0;
	if (others) {
		all.then = (struct targets){ 1, { CW_OTHER_BODY } };
	} else if (then) {
		all.then = (struct targets){ 1, { target_of(resolving, &group) } };
		if (all.then.at[0] == CW_NO_ENTRY)
			return 0;
	}
	*ret = all;
	return 0;
}

/* One name or a list. 0 or -ENOMEM. */
static int name_some(struct resolving *resolving, struct cw_str text, struct named *ret)
{
	struct list list;
	int r = name_whole(resolving, text, ret);

	if (r < 0 || ret->known || text.len > APART_MAX)
		return r;
	if (split_at_signs(text, &list))
		return name_list(resolving, &list, false, ret);
	if (split_at_words(text, &list))
		return name_list(resolving, &list, true, ret);
	return 0;
}

static const struct cw_ending *ending_of(const struct resolving *resolving, struct cw_str folded)
{
	const struct cw_councils *councils = resolving->councils;

	for (size_t i = 0; i < councils->n_endings; i++) {
		const struct cw_ending *ending = &councils->endings[i];

		if (ending->len == folded.len && !memcmp(ending->text, folded.at, folded.len) &&
		    covers(ending->from, ending->to, resolving->day))
			return ending;
	}
	return NULL;
}

/*
 * "Kent Safeguarding Children Board": what stands before the ending names the councils. "Didcot Town Council": whatever stands
 * before it, it is no council of ours. The longest ending counts.
 */
static int name_by_ending(struct resolving *resolving, struct cw_str text, struct named *ret)
{
	const struct cw_ending *ending = NULL;
	size_t words = 0, cut = 0;
	int r;

	for (size_t at = text.len; at > 1 && words < ENDING_WORDS_MAX; at--) {
		if (text.at[at - 1] != ' ')
			continue;
		words++;
		r = cw_text_fold((struct cw_str){ text.at + at, text.len - at }, &resolving->scratch);
		if (r == -ENOMEM)
			return r;
		if (r == 0) {
			const struct cw_ending *longer = ending_of(
			    resolving, (struct cw_str){ cw_buf_str(&resolving->scratch), resolving->scratch.len });

			ending = longer ? longer : ending;
			cut = longer ? at - 1 : cut;
		}
	}
	if (!ending)
		return 0;
	if (!ending->organisation) {
		*ret = (struct named){ .then = { 1, { CW_OTHER_BODY } },
			               .known = true,
			               .example = CW_NO_ENTRY,
			               .organisation = CW_NO_ENTRY };
		return 0;
	}
	r = name_some(resolving, (struct cw_str){ text.at, cut }, ret);
	if (r == 0 && ret->known)
		ret->organisation = ending->source;
	return r;
}

/* What one text names. 0 or -ENOMEM. */
static int name_text(struct resolving *resolving, struct cw_str text, struct named *ret)
{
	int r;

	text = cw_str_trim(text);
	r = name_some(resolving, text, ret);
	if (r < 0 || ret->known || text.len > APART_MAX)
		return r;
	return name_by_ending(resolving, text, ret);
}

/*
 * Sentences for people
 */

/* Outside text, short and safe to show. */
static void put_text(struct cw_buf *why, struct cw_str text)
{
	struct cw_str cut = { text.at, CW_MIN(text.len, 80u) };

	cw_buf_putc(why, '"');
	cw_text_escape(cut, why);
	cw_buf_puts(why, cut.len < text.len ? "…\"" : "\"");
}

static void put_council(const struct cw_councils *councils, struct cw_buf *why, uint32_t council)
{
	cw_buf_printf(why, "%s (%s)", councils->at[council].short_name, councils->at[council].id);
}

static void put_target(const struct resolving *resolving, struct cw_buf *why, uint32_t target)
{
	const struct cw_group *group;

	if (target == CW_OTHER_BODY) {
		cw_buf_puts(why, "a body that is not a council with children's services");
	} else if (target < resolving->councils->n) {
		put_council(resolving->councils, why, target);
	} else {
		group = group_at(resolving, target);
		for (size_t i = 0; i < group->n; i++) {
			cw_buf_puts(why, i == 0 ? "" : i + 1 == group->n ? " and " : ", ");
			put_council(resolving->councils, why, group->at[i]);
		}
	}
}

static void put_targets(const struct resolving *resolving, struct cw_buf *why, const struct targets *set)
{
	for (size_t i = 0; i < set->n; i++) {
		cw_buf_puts(why, i == 0 ? "" : i + 1 == set->n ? " or " : ", ");
		put_target(resolving, why, set->at[i]);
	}
}

static int say_unknown(struct cw_buf *why, const struct cw_str *texts, size_t n)
{
	size_t said = 0;

	if (!why)
		return CW_COUNCIL_UNKNOWN;
	cw_buf_puts(why, "no council is known by ");
	for (size_t i = 0; i < n; i++) {
		if (!cw_str_trim(texts[i]).len)
			continue;
		cw_buf_puts(why, said++ ? " or " : "");
		put_text(why, texts[i]);
	}
	if (!said)
		cw_buf_puts(why, "an empty text");
	return CW_COUNCIL_UNKNOWN;
}

static int say_not_then(const struct resolving *resolving, struct cw_buf *why, struct cw_str text, uint32_t example)
{
	char then[CW_WALL_TEXT], edge[CW_WALL_TEXT];
	const struct cw_meaning *meaning;
	int32_t day = resolving->day;

	if (!why)
		return CW_COUNCIL_NOT_THEN;
	put_text(why, text);
	if (example == CW_NO_ENTRY) { /* of a list, that names nobody together */
		cw_buf_printf(why, " does not name councils of one time; the day is %s", cw_day_format(day, then));
		return CW_COUNCIL_NOT_THEN;
	}
	meaning = &resolving->councils->meanings[example];
	cw_buf_puts(why, " names ");
	put_target(resolving, why, meaning->target);
	if (meaning->from != CW_DAY_NONE && meaning->from > day)
		cw_buf_printf(why, " only from %s; ", cw_day_format(meaning->from, edge));
	else if (meaning->to != CW_DAY_NONE && meaning->to < day)
		cw_buf_printf(why, " only until %s; ", cw_day_format(meaning->to, edge));
	else
		cw_buf_puts(why, " and others; ");
	cw_buf_printf(why, "the day is %s", cw_day_format(day, then));
	return CW_COUNCIL_NOT_THEN;
}

static int say_ambiguous(const struct resolving *resolving, struct cw_buf *why, struct cw_str text,
                         const struct targets *set)
{
	if (!why)
		return CW_COUNCIL_AMBIGUOUS;
	put_text(why, text);
	cw_buf_puts(why, " may be ");
	put_targets(resolving, why, set);
	return CW_COUNCIL_AMBIGUOUS;
}

static int say_conflict(const struct resolving *resolving, struct cw_buf *why, struct cw_str a,
                        const struct targets *is_a, struct cw_str b, const struct targets *is_b)
{
	if (!why)
		return CW_COUNCIL_CONFLICT;
	put_text(why, a);
	cw_buf_puts(why, " names ");
	put_targets(resolving, why, is_a);
	cw_buf_puts(why, ", but ");
	put_text(why, b);
	cw_buf_puts(why, " names ");
	put_targets(resolving, why, is_b);
	return CW_COUNCIL_CONFLICT;
}

static int say_other(const struct resolving *resolving, struct cw_buf *why, struct cw_str text)
{
	if (!why)
		return CW_COUNCIL_OTHER_BODY;
	put_text(why, text);
	cw_buf_puts(why, " is ");
	put_target(resolving, why, CW_OTHER_BODY);
	return CW_COUNCIL_OTHER_BODY;
}

/*
 * Resolving
 */

static void drop_other_body(struct targets *set)
{
	for (size_t i = 0; i < set->n && set->n > 1; i++)
		if (set->at[i] == CW_OTHER_BODY)
			set->at[i--] = set->at[--set->n];
}

static void fill_set(const struct resolving *resolving, uint32_t target, struct cw_council_set *ret)
{
	const struct cw_councils *councils = resolving->councils;

	*ret = (struct cw_council_set){ .n = 1 };
	if (target < councils->n) {
		ret->at[0] = &councils->at[target];
	} else {
		const struct cw_group *group = group_at(resolving, target);

		ret->n = group->n;
		for (size_t i = 0; i < group->n; i++)
			ret->at[i] = &councils->at[group->at[i]];
	}
}

static int resolve(struct resolving *resolving, const struct cw_str *texts, size_t n_texts, struct cw_council_set *ret,
                   struct cw_buf *why)
{
	struct targets left = { 0 };
	struct named named;
	uint32_t example = CW_NO_ENTRY, organisation = CW_NO_ENTRY;
	size_t first = 0, other = SIZE_MAX, organisation_in = 0;
	bool later = false;
	int r;

	for (size_t i = 0; i < n_texts; i++) {
		struct targets both = { 0 };

		r = name_text(resolving, texts[i], &named);
		if (r < 0)
			return r;
		if (!named.known)
			continue;
		if (!named.then.n) {
			later = later || named.only_later;
			if (other == SIZE_MAX) {
				example = named.example;
				other = i;
			}
			continue;
		}
		if (named.organisation != CW_NO_ENTRY && organisation == CW_NO_ENTRY) {
			organisation = named.organisation;
			organisation_in = i;
		}
		if (!left.n) {
			left = named.then;
			first = i;
			continue;
		}
		for (size_t k = 0; k < left.n; k++)
			if (has(&named.then, left.at[k]))
				both.at[both.n++] = left.at[k];
		if (!both.n)
			return say_conflict(resolving, why, texts[first], &left, texts[i], &named.then);
		if (both.n < left.n)
			first = i;
		left = both;
	}
	if (!left.n)
		return other != SIZE_MAX ? say_not_then(resolving, why, texts[other], example)
		                         : say_unknown(why, texts, n_texts);
	drop_other_body(&left);
	if (left.n > 1)
		return say_ambiguous(resolving, why, texts[first], &left);
	if (left.at[0] == CW_OTHER_BODY)
		return say_other(resolving, why, texts[first]);

	/*
	 * Publishers go on using a retired code long after; that is set aside. A text that names somebody else and only
	 * after that day is another matter: either the date is wrong or the council is, and which cannot be known here.
	 */
	for (size_t i = 0; later && i < n_texts; i++) {
		struct named ever;
		int32_t day = resolving->day;

		r = name_text(resolving, texts[i], &named);
		if (r < 0)
			return r;
		if (!named.known || !named.only_later)
			continue;
		resolving->day = CW_DAY_NONE;
		r = name_text(resolving, texts[i], &ever);
		resolving->day = day;
		if (r < 0)
			return r;
		if (!has(&ever.then, left.at[0]))
			return say_conflict(resolving, why, texts[first], &left, texts[i], &ever.then);
	}
	fill_set(resolving, left.at[0], ret);
	if (organisation != CW_NO_ENTRY) {
		ret->organisation = &resolving->councils->organisations[organisation];
		ret->named = organisation_in;
	}
	return 0;
}

int cw_council_resolve_all(const struct cw_councils *councils, const struct cw_str *texts, size_t n_texts, int32_t day,
                           struct cw_council_set *ret, struct cw_buf *why)
{
	struct resolving resolving = { .councils = councils, .day = day };
	int r;

	if (why)
		cw_buf_reset(why);
	cw_buf_init(&resolving.scratch, 4 * CW_FIELD_MAX);
	r = resolve(&resolving, texts, n_texts, ret, why);
	cw_buf_clear(&resolving.scratch);
	return r;
}

int cw_council_resolve(const struct cw_councils *councils, const struct cw_str *texts, size_t n_texts, int32_t day,
                       const struct cw_council **ret, struct cw_buf *why)
{
	struct cw_council_set set;
	int r = cw_council_resolve_all(councils, texts, n_texts, day, &set, why);

	if (r)
		return r;
	if (set.n == 1) {
		*ret = set.at[0];
		return 0;
	}
	if (why) {
		cw_buf_puts(why, "the row counts for several councils: ");
		for (size_t i = 0; i < set.n; i++) {
			cw_buf_puts(why, i == 0 ? "" : i + 1 == set.n ? " and " : ", ");
			put_council(councils, why, set.at[i]->index);
		}
	}
	return CW_COUNCIL_AMBIGUOUS;
}

/* An id that a person may have meant, or NULL. */
static const char *suggest(const struct cw_councils *councils, const char *folded)
{
	CW_CLEANUP(cw_freep) const char **names = calloc(councils->n_meanings + 1, sizeof(*names));
	CW_CLEANUP(cw_freep) uint32_t *targets = calloc(councils->n_meanings + 1, sizeof(*targets));
	CW_CLEANUP(cw_freep) char *keys = NULL;
	size_t n = 0, len = 1;
	const char *near;
	uint32_t best = CW_NO_ENTRY;
	char *at;

	for (size_t i = 0; i < councils->n_entries; i++)
		len += councils->entries[i].len + 1;
	keys = malloc(len);
	if (!names || !targets || !keys)
		return NULL;
	at = keys;
	for (size_t i = 0; i < councils->n_entries; i++) {
		const struct cw_entry *entry = &councils->entries[i];
		uint32_t target = CW_NO_ENTRY;

		for (uint32_t m = entry->first; m != CW_NO_ENTRY; m = councils->meanings[m].next)
			if (councils->meanings[m].target < councils->n &&
			    (target == CW_NO_ENTRY || councils->meanings[m].to == CW_DAY_NONE))
				target = councils->meanings[m].target;
		if (target == CW_NO_ENTRY)
			continue;
		memcpy(at, entry->key, entry->len);
		at[entry->len] = '\0';
		names[n] = at;
		targets[n++] = target;
		at += entry->len + 1;
	}
	near = cw_nearest(folded, names);
	for (size_t i = 0; near && i < n && best == CW_NO_ENTRY; i++)
		if (names[i] == near)
			best = targets[i];
	return best == CW_NO_ENTRY ? NULL : councils->at[best].id;
}

int cw_council_find(const struct cw_councils *councils, const char *text, const struct cw_council **ret,
                    const char **suggestion)
{
	const struct cw_council *council = cw_councils_by_id(councils, cw_str_trim(cw_str(text)));
	struct resolving resolving = { .councils = councils, .day = CW_DAY_NONE };
	struct targets current = { 0 };
	int32_t today = cw_wall_day(cw_wall_now());
	struct named named;
	int r = 0;

	if (suggestion)
		*suggestion = NULL;
	if (council) {
		*ret = council;
		return 0;
	}
	cw_buf_init(&resolving.scratch, 4 * CW_FIELD_MAX);
	if (name_text(&resolving, cw_str(text), &named) < 0 || !named.then.n) {
		if (suggestion && cw_text_fold(cw_str(text), &resolving.scratch) == 0)
			*suggestion = suggest(councils, cw_buf_str(&resolving.scratch));
		r = CW_COUNCIL_UNKNOWN;
	}
	cw_buf_clear(&resolving.scratch);
	if (r)
		return r;

	drop_other_body(&named.then);
	for (size_t i = 0; i < named.then.n; i++)
		if (named.then.at[i] < councils->n && cw_council_exists(&councils->at[named.then.at[i]], today))
			current.at[current.n++] = named.then.at[i];
	if (current.n)
		named.then = current;
	if (named.then.at[0] == CW_OTHER_BODY)
		return CW_COUNCIL_UNKNOWN;
	if (named.then.n > 1 || named.then.at[0] >= councils->n)
		return CW_COUNCIL_AMBIGUOUS;
	*ret = &councils->at[named.then.at[0]];
	return 0;
}
