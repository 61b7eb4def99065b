/*
 * columns.h: for formats whose columns are the same for every document (cw_format_columns).
 */
#ifndef CW_NORMALISER_COLUMNS_H
#define CW_NORMALISER_COLUMNS_H

#include "record.h"

/* By slot, the place of its name among the format's columns, -1 when it is none of them; owned. 0 or -ENOMEM. */
int cw_columns_place(const struct cw_record *record, int **ret);

#endif
