/*
 * manifest.h: a CSV that lists captured files and when each was captured (import --manifest).
 *
 * The first row names the columns; "file" and "captured_at_utc" are needed, "sha256" is checked when there, any
 * other is left alone. Paths are relative to the manifest's own directory. RFC 4180, UTF-8 with or without a mark.
 */
#ifndef CW_CLI_MANIFEST_H
#define CW_CLI_MANIFEST_H

#include <councilwatch/base.h>
#include <councilwatch/clock.h>
#include <councilwatch/council.h>
#include <councilwatch/error.h>
#include <councilwatch/text.h>

#define CW_MANIFEST_SIZE_MAX (16u * 1024u * 1024u) /* bytes */

struct cw_manifest_row {
	char *path; /* owned; opens from where we are */
	struct cw_wall captured_at;
	char sha256[CW_SHA256_HEX]; /* "" = not stated */
	unsigned line;
};
struct cw_manifest {
	size_t n;
	struct cw_manifest_row *rows; /* owned; by time, as listed where times are equal */
};

/* Reads all of it; every mistake goes to report. 0, -EINVAL after mistakes, or -errno. */
int cw_manifest_load(const char *path, cw_report_fn *report, void *arg, struct cw_manifest *ret, struct cw_error *err);
/* The same from memory; dir goes before relative paths. text is changed. For tests and load. */
int cw_manifest_parse(const char *name, const char *dir, char *text, size_t len, cw_report_fn *report, void *arg,
                      struct cw_manifest *ret, struct cw_error *err);
void cw_manifest_clear(struct cw_manifest *manifest);

#endif
