/* storage_private.h: between storage.c (copies) and storage_check.c (whether they are whole). */
#ifndef CW_STORAGE_PRIVATE_H
#define CW_STORAGE_PRIVATE_H

#include <councilwatch/base.h>
#include <councilwatch/error.h>

struct storage_database {
	const char *name;
	bool required; /* councilwatchd makes it; others are there when their commands were used */
};

/* In the order of copying. */
extern const struct storage_database storage_databases[];
extern const size_t storage_databases_n;

/* folder/name, owned. 0 or -ENOMEM. */
int storage_path(const char *folder, const char *name, char **ret, struct cw_error *err);

#endif
