#include <errno.h>

#include "format.h"

static const struct cw_format_ops *const formats[] = {
	&cw_format_csv,      &cw_format_html_table, &cw_format_json,        &cw_format_ndjson,
	&cw_format_evidence, &cw_format_feed,       &cw_format_xml,         &cw_format_govuk_content,
	&cw_format_ods,      &cw_format_xlsx,       &cw_format_akoma_ntoso,   &cw_format_html,
};

/* Formats whose libraries not every program may link. */
static const struct cw_format_ops *registered[4];

int cw_format_register(const struct cw_format_ops *ops)
{
	for (size_t i = 0; i < CW_ARRAY_LEN(registered); i++) {
		if (registered[i] && registered[i] != ops)
			continue;
		registered[i] = ops;
		return 0;
	}
	return -ENOSPC;
}

const struct cw_format_ops *cw_format_ops(enum cw_format format)
{
	for (size_t i = 0; i < CW_ARRAY_LEN(registered) && registered[i]; i++)
		if (registered[i]->format == format)
			return registered[i];
	for (size_t i = 0; i < CW_ARRAY_LEN(formats); i++)
		if (formats[i]->format == format)
			return formats[i];
	return NULL;
}
