/* Columns of the formats whose columns are not up to the document, and paths. */
#include <string.h>

#include "config_private.h"

#define STEPS_MAX 16

const char *const *cw_format_columns(enum cw_format format)
{
	static const char *const feed[] = { "id",      "guid",      "title",   "link",     "summary",
		                            "content", "published", "updated", "category", NULL };
	static const char *const govuk[] = { "title",
		                             "base_path",
		                             "url",
		                             "note",
		                             "public_timestamp",
		                             "first_published_at",
		                             "public_updated_at",
		                             "document_type",
		                             "withdrawn",
		                             "description",
		                             "organisation",
		                             NULL };
	static const char *const judgment[] = { "citation", "court", "date", "council", "role", "uri", "url", NULL };

	switch (format) {
	case CW_FORMAT_FEED:
		return feed;
	case CW_FORMAT_GOVUK_CONTENT:
		return govuk;
	case CW_FORMAT_AKOMA_NTOSO:
		return judgment;
	default:
		return NULL;
	}
}

/* Names under which feeds and their extensions put people: they are no columns. */
bool cw_feed_element_is_person(const char *name)
{
	static const char *const names[] = { "author",       "contributor",    "creator", "credit", "editor",
		                             "email",        "managingEditor", "name",    "owner",  "person",
		                             "rightsHolder", "webMaster",      NULL };

	for (const char *const *each = names; *each; each++)
		if (!strcmp(name, *each))
			return true;
	return false;
}

/* A path in an XML document: steps down, with an attribute at most at the end; of what is around a row, attributes only. */
static const char *wrong_path(const char *path, bool rows)
{
	unsigned steps = 0, deep = 0;
	bool up = false, down = false, attribute = false;

	path += *path == '/';
	if (!*path)
		return "is empty";
	while (*path) {
		size_t len = 0;

		for (; path[len] && (deep || path[len] != '/'); len++)
			deep += path[len] == '[' ? 1 : path[len] == ']' && deep ? -1u : 0;
		if (deep)
			return "has a [ without a ]";
		if (!len || attribute)
			return attribute ? "goes on after an attribute" : "has an empty step";
		attribute = *path == '@';
		if (len == 2 && strncmp(path, "..", 2) == 0) {
			if (down)
				return "goes up after going down";
			up = true;
		} else if (!attribute && !(len == 1 && *path == '.')) {
			down = true;
		}
		if (++steps > STEPS_MAX)
			return "has more than 16 steps";
		path += len;
		if (*path && !*++path)
			return "ends with a slash";
	}
	if (rows)
		return up || attribute || !down ? "is no path down to elements" : NULL;
	return up && (down || !attribute) ? "may only name an attribute of what is around a row, as ../@name" : NULL;
}

static bool wrong_name(enum cw_format format, const char *column, struct cw_buf *why)
{
	const char *const *known = cw_format_columns(format);
	const char *colon = strchr(column, ':'), *near;
	struct cw_buf fold, name;
	bool found = false;

	if (format == CW_FORMAT_FEED && cw_feed_element_is_person(colon ? colon + 1 : column)) {
		cw_buf_printf(why, "column '%s' would be a person, and persons are not kept; remove it", column);
		return true;
	}
	if (format == CW_FORMAT_FEED && colon)
		return false; /* an element of an extension */
	cw_buf_init(&fold, CW_FIELD_MAX);
	cw_buf_init(&name, CW_FIELD_MAX);
	(void)cw_text_fold(cw_str(column), &fold);
	for (size_t i = 0; known[i] && !found; i++) {
		(void)cw_text_fold(cw_str(known[i]), &name);
		found = !strcmp(cw_buf_str(&fold), cw_buf_str(&name));
	}
	if (!found) {
		near = cw_nearest(column, known);
		cw_buf_printf(why, "format %s has no column '%s'; ", cw_format_name(format), column);
		if (near)
			cw_buf_printf(why, "did you mean '%s'?", near);
		else
			for (size_t i = 0; known[i]; i++)
				cw_buf_printf(why, "%s%s", i ? ", " : "it has ", known[i]);
	}
	cw_buf_clear(&fold);
	cw_buf_clear(&name);
	return !found;
}

bool conf_column_wrong(enum cw_format format, const char *column, struct cw_buf *why)
{
	const char *wrong;

	cw_buf_reset(why);
	if (cw_format_columns(format))
		return wrong_name(format, column, why);
	wrong = format == CW_FORMAT_XML ? wrong_path(column, false) : NULL;
	if (wrong)
		cw_buf_printf(why, "path \"%s\" %s", column, wrong);
	return wrong != NULL;
}

bool conf_rows_at_wrong(enum cw_format format, const char *rows_at, struct cw_buf *why)
{
	const char *wrong;

	cw_buf_reset(why);
	if (format != CW_FORMAT_XML)
		return false;
	wrong = rows_at ? wrong_path(rows_at, true) : NULL;
	if (!rows_at)
		cw_buf_puts(why, "format xml needs rows_at, the path of its rows; add rows_at = \"list/row\"");
	else if (wrong)
		cw_buf_printf(why, "rows_at \"%s\" %s", rows_at, wrong);
	return why->len > 0;
}
