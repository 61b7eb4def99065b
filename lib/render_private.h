/*
 * render_private.h: what the files that write JSON share.
 */
#ifndef COUNCILWATCH_RENDER_PRIVATE_H
#define COUNCILWATCH_RENDER_PRIVATE_H

#include <councilwatch/render.h>

/* A member that is not stated is null: programs can tell it from an empty text. */
static inline json_t *text_or_null(const char *text)
{
	return text && *text ? json_string(text) : json_null();
}

static inline json_t *str_json(struct cw_str text)
{
	return json_stringn(text.at, text.len);
}

static inline json_t *str_or_null(struct cw_str text)
{
	return text.len ? str_json(text) : json_null();
}

static inline json_t *day_json(int32_t day)
{
	char buf[CW_WALL_TEXT];

	return text_or_null(cw_day_format(day, buf));
}

static inline json_t *wall_json(struct cw_wall t)
{
	char buf[CW_WALL_TEXT];

	return text_or_null(cw_wall_format(t, buf));
}

/* The sentence of a change that a ruling or its end has brought, or that tells of its end. False: it is none of these. */
bool render_ruling_sentence(const struct cw_council *council, const struct cw_change *change, struct cw_buf *out);

#endif
