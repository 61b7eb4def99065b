#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "config_private.h"
#include "phrases_private.h"

#define LIST_TEXT_MAX (256u * 1024u)

struct phrases_reader {
	const struct conf_section *file;
	const struct cw_risk *risk;
	const struct cw_councils *councils;
	bool strict;
	struct conf_mistakes *mistakes;
	struct cw_phrases *phrases;
};

static void unknown(struct phrases_reader *reader, unsigned line, const char *what, const char *name,
                    const char *const *names)
{
	const char *near = cw_nearest(name, names);

	conf_mistake(reader->mistakes, reader->file->file, line, "unknown %s '%s'%s%s%s", what, name,
	             near ? "; did you mean '" : "; see councilwatch.conf(5)", near ? near : "", near ? "'?" : "");
}

/* The one value of a key; NULL when it is not set or is a list, which is reported. */
static const char *one(struct phrases_reader *reader, const struct conf_section *section, const char *key,
                       unsigned *ret_line)
{
	const struct conf_entry *entry = conf_entry(section, key);

	*ret_line = entry ? entry->line : section->line;
	if (!entry)
		return NULL;
	if (entry->n == 1)
		return entry->values[0].text;
	conf_mistake(reader->mistakes, section->file, entry->line, "%s takes one value", key);
	return NULL;
}

static bool truth(struct phrases_reader *reader, const struct conf_section *section, const char *key, bool otherwise)
{
	unsigned line;
	const char *text = one(reader, section, key, &line);

	if (!text)
		return otherwise;
	if (strcmp(text, "true") && strcmp(text, "yes") && strcmp(text, "false") && strcmp(text, "no"))
		conf_mistake(reader->mistakes, section->file, line, "%s is '%s'; write true or false", key, text);
	return text[0] == 't' || text[0] == 'y';
}

/* --- lists of words --- */

/* Joined as alternatives: the text that {name} stands for. */
static int read_words(struct phrases_reader *reader, const struct conf_section *section)
{
	const struct conf_entry *any = conf_entry(section, "any");
	struct cw_buf text;
	int r;

	if (!any || !any->n) {
		conf_mistake(reader->mistakes, section->file, section->line,
		             "words \"%s\" have none; add any = { \"…\", … }", section->title);
		return 0;
	}
	if (phrases_list(reader->phrases, cw_str(section->title)))
		conf_mistake(reader->mistakes, section->file, section->line, "words \"%s\" stand here twice; join them",
		             section->title);
	cw_buf_init(&text, LIST_TEXT_MAX);
	for (size_t i = 0; i < any->n; i++)
		cw_buf_printf(&text, "%s%s", i ? " | " : "", any->values[i].text);
	r = text.failed;
	if (r == -EMSGSIZE) {
		conf_mistake(reader->mistakes, section->file, section->line, "words \"%s\" are too many",
		             section->title);
		r = 0;
	} else if (r == 0) {
		r = phrases_add_list(reader->phrases, section->title, cw_buf_str(&text));
	}
	cw_buf_clear(&text);
	return r;
}

/* --- names --- */

static int add_ordinary(struct cw_names *names, const char *name)
{
	return cw_names_add_ordinary(names, name, false);
}

static int add_verb(struct cw_names *names, const char *name)
{
	return cw_names_add_ordinary(names, name, true);
}

static int read_names(struct phrases_reader *reader, const struct conf_section *section, const char *key,
                      int (*add)(struct cw_names *names, const char *name))
{
	const struct conf_entry *entry = conf_entry(section, key);

	for (size_t k = 0; entry && k < entry->n; k++) {
		int r = add(phrases_names(reader->phrases), entry->values[k].text);

		if (r == -ENOMEM)
			return r;
		if (r < 0)
			conf_mistake(reader->mistakes, section->file, entry->values[k].line, "'%s' is no name",
			             entry->values[k].text);
	}
	return 0;
}

static int read_cues(struct phrases_reader *reader, const struct conf_section *section)
{
	static const struct {
		const char *key;
		enum cw_cue cue;
	} cues[] = { { "before", CW_CUE_BEFORE },
		     { "after", CW_CUE_AFTER },
		     { "near", CW_CUE_NEAR },
		     { "not_after", CW_CUE_NOT_AFTER },
		     { "not_before", CW_CUE_NOT_BEFORE },
		     { "alone_before", CW_CUE_BARE_BEFORE },
		     { "alone_after", CW_CUE_BARE_AFTER },
		     { "past", CW_CUE_PAST } };
	struct cw_names *names = phrases_names(reader->phrases);
	struct cw_error err;
	int r = 0;

	for (size_t i = 0; i < CW_ARRAY_LEN(cues); i++) {
		const struct conf_entry *entry = conf_entry(section, cues[i].key);

		for (size_t k = 0; entry && k < entry->n; k++) {
			r = cw_names_add_cue(names, cues[i].cue, entry->values[k].text, phrases_list, reader->phrases,
			                     &err);
			if (r == -ENOMEM)
				return r;
			if (r < 0)
				conf_mistake(reader->mistakes, section->file, entry->values[k].line, "%s: %s",
				             cues[i].key, err.text);
		}
	}
	r = read_names(reader, section, "ordinary", add_ordinary);
	if (r == 0)
		r = read_names(reader, section, "verbs", add_verb);
	return r < 0 ? r : read_names(reader, section, "doubtful", cw_names_add_doubtful);
}

static int read_spoken(struct phrases_reader *reader, const struct conf_section *section)
{
	for (size_t i = 0; i < section->n_entries; i++) {
		const struct conf_entry *entry = &section->entries[i];
		uint16_t councils[CW_MENTION_COUNCILS_MAX];
		size_t n = 0;
		int r;

		for (size_t k = 0; k < entry->n && n < CW_ARRAY_LEN(councils); k++) {
			const struct conf_value *value = &entry->values[k];
			const struct cw_council *council = cw_councils_by_id(reader->councils, cw_str(value->text));
			const char *near = NULL;

			if (council) {
				councils[n++] = (uint16_t)council->index;
				continue;
			}
			if (!reader->strict)
				continue;
			(void)cw_council_find(reader->councils, value->text, &council, &near);
			conf_mistake(reader->mistakes, section->file, value->line, "unknown council id '%s'%s%s%s",
			             value->text, near ? "; did you mean '" : "; see the councils file",
			             near ? near : "", near ? "'?" : "");
		}
		if (!n)
			continue;
		r = cw_names_add_spoken(phrases_names(reader->phrases), entry->name, councils, n);
		if (r < 0)
			return r;
	}
	return 0;
}

static int read_other(struct phrases_reader *reader, const struct conf_section *section)
{
	const struct conf_entry *names = conf_entry(section, "names");
	bool council = truth(reader, section, "council", false), area = truth(reader, section, "area", false);
	int r = 0;

	if (!names)
		conf_mistake(reader->mistakes, section->file, section->line,
		             "other \"%s\" has no names; add names = { \"…\", … }", section->title);
	for (size_t i = 0; names && i < names->n && r == 0; i++)
		r = cw_names_add_other(phrases_names(reader->phrases), names->values[i].text, council, area);
	return r;
}

/* --- guards and rules --- */

static int read_patterns(struct phrases_reader *reader, const struct conf_section *section, const char *key,
                         enum phrase_part part, unsigned index)
{
	const struct conf_entry *entry = conf_entry(section, key);
	struct cw_error err;

	for (size_t i = 0; entry && i < entry->n; i++) {
		int r = phrases_add_pattern(reader->phrases, part, index, entry->values[i].text, &err);

		if (r == -ENOMEM)
			return r;
		if (r < 0)
			conf_mistake(reader->mistakes, section->file, entry->values[i].line, "%s of %s \"%s\": %s", key,
			             section->name, section->title, err.text);
	}
	return 0;
}

static int read_guard(struct phrases_reader *reader, const struct conf_section *section)
{
	unsigned line;
	const char *text = one(reader, section, "within", &line);
	int64_t within = 4;
	int index, r;

	if (text && (cw_parse_integer(cw_str(text), &within) < 0 || within < 0 || within > 30))
		conf_mistake(reader->mistakes, section->file, line, "within is '%s'; write a number of words up to 30",
		             text);
	if (phrases_find_guard(reader->phrases, section->title) >= 0) {
		conf_mistake(reader->mistakes, section->file, section->line,
		             "guard \"%s\" is there already; rename or join them", section->title);
		return 0;
	}
	index = phrases_add_guard(reader->phrases, section->title, (unsigned)within);
	if (index == -E2BIG) {
		conf_mistake(reader->mistakes, section->file, section->line, "there are more than %u guards; join some",
		             PHRASE_GUARDS_MAX);
		return 0;
	}
	if (index < 0)
		return index;
	r = read_patterns(reader, section, "before", PHRASE_BEFORE, (unsigned)index);
	return r < 0 ? r : read_patterns(reader, section, "after", PHRASE_AFTER, (unsigned)index);
}

static const char *check_signal(struct phrases_reader *reader, const struct conf_section *section,
                                const struct cw_signal_def **ret)
{
	const char *names[CW_SIGNALS_MAX + 1] = { 0 };
	unsigned line;
	const char *text = one(reader, section, "signal", &line);

	*ret = text ? cw_risk_signal(reader->risk, cw_str(text)) : NULL;
	for (size_t i = 0; i < reader->risk->n_signals; i++)
		names[i] = reader->risk->signals[i].name;
	if (!text)
		conf_mistake(reader->mistakes, section->file, line, "rule \"%s\" finds no signal; add signal = \"…\"",
		             section->title);
	else if (!*ret)
		unknown(reader, line, "signal", text, names);
	return text;
}

static void check_criterion(struct phrases_reader *reader, const struct conf_section *section, const char *key,
                            const struct cw_signal_def *signal, const char **ret)
{
	const char *names[CW_CRIT_COUNT + 1] = { 0 };
	enum cw_criterion criterion;
	unsigned line;

	*ret = one(reader, section, key, &line);
	for (unsigned c = 0; c < CW_CRIT_COUNT; c++)
		names[c] = cw_criterion_name((enum cw_criterion)c);
	if (!*ret)
		return;
	if (cw_criterion_parse(cw_str(*ret), &criterion) < 0)
		unknown(reader, line, key, *ret, names);
	else if (signal && !(signal->criteria & (1u << criterion)))
		conf_mistake(reader->mistakes, section->file, line, "signal \"%s\" cannot count under %s; correct one",
		             signal->name, *ret);
}

static int read_ignored(struct phrases_reader *reader, const struct conf_section *section, unsigned rule)
{
	const struct conf_entry *entry = conf_entry(section, "ignore");

	for (size_t i = 0; entry && i < entry->n; i++) {
		int guard = phrases_find_guard(reader->phrases, entry->values[i].text);

		if (guard >= 0)
			phrases_ignore(reader->phrases, rule, (unsigned)guard);
		else
			conf_mistake(reader->mistakes, section->file, entry->values[i].line,
			             "rule \"%s\" ignores guard '%s', which there is not; add it before the rules or "
			             "correct the name",
			             section->title, entry->values[i].text);
	}
	return 0;
}

static int read_rule(struct phrases_reader *reader, const struct conf_section *section)
{
	static const char *const statuses[] = { "open", "closed", "occurred", NULL };
	static const struct {
		const char *key;
		enum phrase_part part;
	} parts[] = { { "pattern", PHRASE_RULE },
		      { "with", PHRASE_WITH },
		      { "unless", PHRASE_UNLESS },
		      { "with_anywhere", PHRASE_WITH_ANYWHERE },
		      { "unless_anywhere", PHRASE_UNLESS_ANYWHERE },
		      { "or_when", PHRASE_OR_WHEN },
		      { "or_unless", PHRASE_OR_UNLESS } };
	const struct cw_signal_def *signal;
	struct cw_rule rule = { .name = section->title };
	unsigned line;
	int index, r = 0;

	for (size_t i = 0; i < cw_phrases_rules(reader->phrases); i++)
		if (strcmp(cw_phrases_rule(reader->phrases, i)->name, section->title) == 0)
			conf_mistake(reader->mistakes, section->file, section->line, "rule \"%s\" stands here twice",
			             section->title);
	rule.signal = check_signal(reader, section, &signal);
	check_criterion(reader, section, "criterion", signal, &rule.criterion);
	check_criterion(reader, section, "or_criterion", signal, &rule.or_criterion);
	if (!rule.or_criterion != !conf_entry(section, "or_when"))
		conf_mistake(reader->mistakes, section->file, section->line,
		             "rule \"%s\" needs both or_criterion and or_when, or neither", section->title);
	rule.status = one(reader, section, "status", &line);
	if (!rule.status)
		rule.status = signal && signal->state ? "open" : "occurred";
	else if (strcmp(rule.status, "open") && strcmp(rule.status, "closed") && strcmp(rule.status, "occurred"))
		unknown(reader, line, "status", rule.status, statuses);
	else if (signal && signal->state != (strcmp(rule.status, "occurred") != 0))
		conf_mistake(reader->mistakes, section->file, line, "signal \"%s\" is %s; correct status", signal->name,
		             signal->state ? "a state, open or closed" : "an impulse, which has occurred");
	rule.organisations = truth(reader, section, "organisations", true);
	if (!conf_entry(section, "pattern"))
		conf_mistake(reader->mistakes, section->file, section->line,
		             "rule \"%s\" has no pattern; add pattern = { \"…\", … }", section->title);
	if (!rule.signal)
		return 0;
	index = phrases_add_rule(reader->phrases, &rule);
	if (index < 0)
		return index;
	for (size_t i = 0; i < CW_ARRAY_LEN(parts) && r == 0; i++)
		r = read_patterns(reader, section, parts[i].key, parts[i].part, (unsigned)index);
	return r < 0 ? r : read_ignored(reader, section, (unsigned)index);
}

/* --- the file --- */

int conf_phrases_read(const struct conf_section *section, const struct cw_risk *risk,
                      const struct cw_councils *councils, bool strict, struct conf_mistakes *mistakes,
                      struct cw_phrases **ret)
{
	typedef int read_fn(struct phrases_reader * reader, const struct conf_section *section);
	/* In this order, wherever they stand: what is used before what uses it. */
	static const struct {
		const char *name;
		read_fn *fn;
	} sections[] = { { "words", read_words }, { "names", read_cues },  { "spoken", read_spoken },
		         { "other", read_other }, { "guard", read_guard }, { "rule", read_rule } };
	struct phrases_reader reader = {
		.file = section, .risk = risk, .councils = councils, .strict = strict, .mistakes = mistakes
	};
	int r = phrases_new(councils, &reader.phrases);

	for (size_t k = 0; k < CW_ARRAY_LEN(sections); k++)
		for (size_t i = 0; i < section->n_sections && r == 0; i++)
			if (section->sections[i]->known && !strcmp(section->sections[i]->name, sections[k].name))
				r = sections[k].fn(&reader, section->sections[i]);
	if (r == 0)
		r = phrases_finish(reader.phrases);
	if (r < 0) {
		cw_phrases_free(reader.phrases);
		return r;
	}
	*ret = reader.phrases;
	return 0;
}
