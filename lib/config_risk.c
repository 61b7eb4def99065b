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
static const char *const of_states[] = { "expires_months", "closed_by_ilacs", "closed_by_area_send", NULL };

/* Keys that make no sense for a signal. */
static const char *const *foreign(const struct cw_signal_def *signal)
{
	return signal->state ? of_impulses : of_states;
}

static void check_signal(const struct cw_signal_def *signal, const struct conf_section *section,
                         struct conf_mistakes *mistakes)
{
	for (const char *const *wrong = foreign(signal); *wrong; wrong++)
		if (conf_entry(section, *wrong))
			conf_mistake(mistakes, section->file, line_of(section, *wrong),
			             "signal \"%s\" is %s and has no %s; remove it", signal->name,
			             signal->state ? "a state (open until closed)" : "an impulse (it decays)", *wrong);
	if (!signal->state && signal->floor != CW_LEVEL_ROUTINE && conf_entry(section, "floor"))
		conf_mistake(mistakes, section->file, line_of(section, "floor"),
		             "signal \"%s\" is an impulse and cannot hold a floor; remove it", signal->name);
	if (!(signal->criteria & (1u << signal->criterion)) && conf_entry(section, "criterion")) {
		struct cw_buf may;

		cw_buf_init(&may, 256);
		for (enum cw_criterion c = 0; c < CW_CRIT_COUNT; c++)
			if (signal->criteria & (1u << c))
				cw_buf_printf(&may, "%s%s", may.len ? " or " : "", cw_criterion_name(c));
		conf_mistake(mistakes, section->file, line_of(section, "criterion"),
		             "signal \"%s\" cannot count under %s; use %s", signal->name,
		             cw_criterion_name(signal->criterion), cw_buf_str(&may));
		cw_buf_clear(&may);
	}
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

void conf_risk_check(const struct cw_risk *risk, const struct conf_section *section, struct conf_mistakes *mistakes)
{
	if (risk->line_watch >= risk->line_priority)
		conf_mistake(mistakes, section->file,
		             line_of(section, conf_entry(section, "line_priority") ? "line_priority" : "line_watch"),
		             "line_watch is %g and line_priority %g; line_priority must be more", risk->line_watch,
		             risk->line_priority);
	for (enum cw_tier t = CW_TIER_A; t < CW_TIER_D; t++)
		if (risk->confidence[t] < risk->confidence[t + 1]) {
			static const char *const keys[] = { "confidence_a", "confidence_b", "confidence_c",
				                            "confidence_d" };
			unsigned at = t - CW_TIER_A;

			conf_mistake(mistakes, section->file,
			             line_of(section, keys[conf_entry(section, keys[at + 1]) ? at + 1 : at]),
			             "tier %s would count more than tier %s; it must be at most as much",
			             cw_tier_name(t + 1), cw_tier_name(t));
		}
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
