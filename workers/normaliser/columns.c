#include <errno.h>
#include <string.h>

#include <councilwatch/limits.h>

#include "columns.h"

int cw_columns_place(const struct cw_record *record, int **ret)
{
	const char *const *names = cw_format_columns(cw_record_feed(record)->format);
	size_t n = cw_record_slots(record);
	int *places = calloc(n + 1, sizeof(*places));
	struct cw_buf slot, name;
	int r = 0;

	*ret = places;
	if (!places)
		return -ENOMEM;
	cw_buf_init(&slot, CW_FIELD_MAX);
	cw_buf_init(&name, CW_FIELD_MAX);
	for (size_t i = 0; i < n && r != -ENOMEM; i++) {
		places[i] = -1;
		r = cw_text_fold(cw_str(cw_record_slot_name(record, i)), &slot);
		for (int k = 0; r == 0 && places[i] < 0 && names && names[k]; k++) {
			r = cw_text_fold(cw_str(names[k]), &name);
			if (r == 0 && !strcmp(cw_buf_str(&slot), cw_buf_str(&name)))
				places[i] = k;
		}
	}
	cw_buf_clear(&slot);
	cw_buf_clear(&name);
	return r == -ENOMEM ? r : 0;
}
