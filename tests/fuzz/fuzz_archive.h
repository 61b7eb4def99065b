/*
 * fuzz_archive.h: a ZIP archive made of plain text, so that a fuzzer works on what is in it and not on checksums.
 *
 * The text has parts, each after a line "==name"; what comes before the first is a part of the name given. Text
 * that is an archive already is taken as it is.
 */
#ifndef FUZZ_ARCHIVE_H
#define FUZZ_ARCHIVE_H

#include <stddef.h>
#include <stdint.h>

struct fuzz_part {
	const char *name, *text;
};

/* fixed: parts that every archive has, unless the text has its own; ends with a name of NULL. An owned archive, NULL when there
 * is no memory or too much text. */
uint8_t *fuzz_archive(const uint8_t *text, size_t len, const char *first, const struct fuzz_part *fixed,
                      size_t *ret_len);

#endif
