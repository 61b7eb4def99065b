#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "config_private.h"

static struct cw_signal_def *find_signal(struct cw_risk *risk, const char *name)
{
	for (size_t i = 0; name && i < risk->n_signals; i++)
		if (strcmp(risk->signals[i].name, name) == 0)
			return &risk->signals[i];
	return NULL;
}

static void unknown_signal(const struct cw_risk *risk, const struct conf_section *section,
                           struct conf_mistakes *mistakes)
{
	const char *names[CW_SIGNALS_MAX + 1] = { 0 }, *near;

	for (size_t i = 0; i < risk->n_signals; i++)
		names[i] = risk->signals[i].name;
	near = cw_nearest(section->title, names);
	conf_mistake(mistakes, section->file, section->line, "unknown signal '%s'%s%s%s", section->title,
	             near ? "; did you mean '" : "; councilwatch.conf(5) lists them", near ? near : "",
	             near ? "'?" : "");
}

static unsigned line_of(const struct conf_section *section, const char *key)
{
	const struct conf_entry *entry = conf_entry(section, key);

	return entry ? entry->line : section->line;
}

static const char *const of_impulses[] = { "half_life", "replaced_by_next", NULL };
static const char *const of_states[] = { "expires_months", "ends_with_year", "closed_by_ilacs", "closed_by_area_send", "floor", NULL };

/* Keys that make no sense for a signal. */
static const char *const *foreign(const struct cw_signal_def *signal)
{
	return signal->state ? of_impulses : of_states;
}

static bool may_count(const struct cw_signal_def *signal, enum cw_criterion criterion)
{
	return signal->criteria & (1u << criterion);
}


static void check_kind(const struct cw_signal_def *signal, const struct conf_section *section, struct conf_mistakes *mistakes)
{
	for (const char *const *wrong = foreign(signal); *wrong; wrong++)
		if (!conf_entry(section, *wrong))
			continue;
		else if (strcmp(*wrong, "floor") == 0)
			conf_mistake(mistakes, section->file, line_of(section, *wrong),
			             "signal \"%s\" is an impulse and cannot hold a floor; remove it", signal->name);
		else
			conf_mistake(mistakes, section->file, line_of(section, *wrong),
			             "signal \"%s\" is %s and has no %s; remove it", signal->name,
			             signal->state ? "a state (open until closed)" : "an impulse (it decays)", *wrong);
}

static void check_criterion(const struct cw_signal_def *signal, const struct conf_section *section,
                            struct conf_mistakes *mistakes)
{
	struct cw_buf may;

	if (may_count(signal, signal->criterion) || !conf_entry(section, "criterion"))
		return;
	cw_buf_init(&may, 256);
	for (enum cw_criterion c = 0; c < CW_CRIT_COUNT; c++)
		if (may_count(signal, c))
			cw_buf_printf(&may, "%s%s", may.len ? " or " : "", cw_criterion_name(c));
	conf_mistake(mistakes, section->file, line_of(section, "criterion"), "signal \"%s\" cannot count under %s; use %s",
	             signal->name, cw_criterion_name(signal->criterion), cw_buf_str(&may));
	cw_buf_clear(&may);
}

/* Which inspection closes it: not one of another subject; and what an inspection itself finds, the next one of its kind closes. */
static void check_closing(const struct cw_signal_def *signal, const struct conf_section *section, struct conf_mistakes *mistakes)
{
	const struct {
		const char *key, *of_strand, *what;
		bool closes, subject;
	} kinds[] = {
		{ "closed_by_ilacs", "ilacs_", "full ILACS", signal->closed_by_ilacs, signal->criteria != 1u << CW_CRIT_SEND },
		{ "closed_by_area_send", "send_outcome", "full area SEND", signal->closed_by_area_send, may_count(signal, CW_CRIT_SEND) },
	};

	for (size_t i = 0; i < CW_ARRAY_LEN(kinds); i++) {
		if (!signal->state || !conf_entry(section, kinds[i].key))
			continue;
		if (kinds[i].closes && !kinds[i].subject)
			conf_mistake(mistakes, section->file, line_of(section, kinds[i].key),
			             "signal \"%s\" counts under %s, which no %s inspection answers; remove %s", signal->name,
			             cw_criterion_name(signal->criterion), kinds[i].what, kinds[i].key);
		if (!kinds[i].closes && strncmp(signal->name, kinds[i].of_strand, strlen(kinds[i].of_strand)) == 0)
			conf_mistake(mistakes, section->file, line_of(section, kinds[i].key),
			             "signal \"%s\" is what a %s inspection finds, and the next one closes it; remove %s",
			             signal->name, kinds[i].what, kinds[i].key);
	}
}

static void check_signal(const struct cw_signal_def *signal, const struct conf_section *section,
                         struct conf_mistakes *mistakes)
{
	check_kind(signal, section, mistakes);
	check_criterion(signal, section, mistakes);
	check_closing(signal, section, mistakes);
}

int conf_risk_apply(const struct conf_section *section, struct cw_risk *risk, struct conf_mistakes *mistakes)
{
	int r = conf_apply("risk", section, risk, mistakes);

	for (size_t i = 0; r == 0 && i < section->n_sections; i++) {
		const struct conf_section *sub = section->sections[i];
		struct cw_signal_def *signal = find_signal(risk, sub->title);

		if (!sub->known)
			continue;
		if (!signal) {
			unknown_signal(risk, sub, mistakes);
			continue;
		}
		for (size_t k = 0; k < i; k++)
			if (section->sections[k]->known && strcmp(section->sections[k]->title, sub->title) == 0)
				conf_mistake(mistakes, sub->file, sub->line,
				             "signal \"%s\" stands here twice, first on line %u; join them", sub->title,
				             section->sections[k]->line);
		r = conf_apply("signal", sub, signal, mistakes);
		if (r == 0)
			check_signal(signal, sub, mistakes);
	}
	return r;
}

static void print_signal(const struct cw_signal_def *signal, unsigned indent, struct cw_buf *out)
{
	for (size_t i = 0; i < conf_keys_n; i++) {
		bool other = strcmp(conf_keys[i].section, "signal") != 0;

		for (const char *const *wrong = foreign(signal); *wrong && !other; wrong++)
			other = strcmp(conf_keys[i].name, *wrong) == 0;
		if (!other)
			conf_print_key(&conf_keys[i], signal, indent, out);
	}
}

void conf_risk_print(const struct cw_risk *risk, unsigned indent, struct cw_buf *out)
{
	conf_print("risk", risk, indent, out);
	for (size_t i = 0; i < risk->n_signals; i++) {
		conf_put_indent(out, indent);
		cw_buf_printf(out, "signal \"%s\" {\n", risk->signals[i].name);
		print_signal(&risk->signals[i], indent + 1, out);
		conf_put_indent(out, indent);
		cw_buf_puts(out, "}\n");
	}
}
