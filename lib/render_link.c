/*
 * Where a person can look a statement up: its own address, or the page that its feed names for those that have none.
 */
#include <string.h>

#include <councilwatch/limits.h>

#include "render_private.h"

/* {urn}, {la_code} and {gss_code} in a page stand for the council's. */
static void put_page(struct cw_buf *out, const char *page, const struct cw_council *council)
{
	const struct {
		const char *name, *value;
	} stand[] = { { "{urn}", council ? council->urn : "" },
		      { "{la_code}", council ? council->la_code : "" },
		      { "{gss_code}", council ? council->gss_code : "" } };

	while (*page) {
		size_t i = 0;

		while (i < CW_ARRAY_LEN(stand) && strncmp(page, stand[i].name, strlen(stand[i].name)) != 0)
			i++;
		if (i == CW_ARRAY_LEN(stand)) {
			cw_buf_putc(out, *page++);
			continue;
		}
		cw_buf_puts(out, stand[i].value);
		page += strlen(stand[i].name);
	}
}

bool cw_render_page(const struct cw_config *config, struct cw_str feed_name, struct cw_str council_id, struct cw_buf *out)
{
	const struct cw_feed *feed = cw_config_feed(config, feed_name);

	if (!feed || !feed->page)
		return false;
	put_page(out, feed->page, cw_councils_by_id(config->councils, council_id));
	return out->failed == 0 && out->len > 0;
}

static void link_evidence(const struct cw_config *config, json_t *evidence, struct cw_buf *page)
{
	const char *feed = json_string_value(json_object_get(evidence, "feed"));
	const char *council = json_string_value(json_object_get(evidence, "council_id"));

	if (!json_is_null(json_object_get(evidence, "url")) || !feed || !council)
		return;
	cw_buf_reset(page);
	if (!cw_render_page(config, cw_str(feed), cw_str(council), page))
		return;
	json_object_set_new(evidence, "url", json_string(cw_buf_str(page)));
	json_object_set_new(evidence, "url_is_page", json_true());
}

json_t *cw_render_linked(const struct cw_config *config, json_t *array)
{
	struct cw_buf page;
	size_t i, k;
	json_t *object, *evidence;

	cw_buf_init(&page, CW_FIELD_MAX);
	json_array_foreach(array, i, object) {
		json_array_foreach(json_object_get(object, "evidence"), k, evidence)
			link_evidence(config, evidence, &page);
	}
	cw_buf_clear(&page);
	return array;
}
