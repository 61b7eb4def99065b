#include "alert_text.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

#include <councilwatch/risk.h>

#include "output.h"

/* As wide as "floor_opened", so that most lines are aligned. */
#define KIND_WIDTH ((size_t)12)

static void put_level(FILE *out, bool colour, const char *name)
{
	enum cw_level level = CW_LEVEL_ROUTINE;

	if (cw_level_parse(cw_str(name), &level) < 0)
		level = CW_LEVEL_ROUTINE;
	cw_out_coloured(out, colour, cw_out_level_colour(level), name);
}

int cw_alert_print(FILE *out, bool colour, const char *json, size_t len, struct cw_error *err)
{
	json_error_t jerr;
	json_auto_t *event = json_loadb(json, len, JSON_REJECT_DUPLICATES, &jerr);
	const json_t *data = json_object_get(event, "data"), *council = json_object_get(data, "council");
	const char *level, *previous, *who, *kind;

	if (!json_is_object(data))
		return cw_error_set(err, -EBADMSG, "an alert is no CloudEvents object");

	cw_out_text(out, cw_json_get_text(event, "time", "(no time)"));
	fprintf(out, "  #%-5lld ", (long long)cw_json_get_integer(data, "seq", 0));
	kind = cw_json_get_text(data, "kind", "?");
	cw_out_text(out, kind);
	fprintf(out, "%*s", (int)(CW_MAX(cw_out_width(kind), KIND_WIDTH) - cw_out_width(kind)) + 2, "");

	who = cw_json_get_text(council, "name", NULL);
	cw_out_text(out, who ? who : cw_json_get_text(event, "subject", "-"));

	level = cw_json_get_text(data, "level", NULL);
	previous = cw_json_get_text(data, "previous_level", NULL);
	if (level) {
		fputs("  ", out);
		if (previous && strcmp(previous, level)) {
			put_level(out, colour, previous);
			fputs(" -> ", out);
		}
		put_level(out, colour, level);
	}
	fputs("  ", out);
	cw_out_text(out, cw_json_get_text(data, "text", ""));
	fputc('\n', out);
	return 0;
}
