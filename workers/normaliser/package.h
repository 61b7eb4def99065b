/*
 * package.h: a ZIP archive of XML parts, as spreadsheets are, held in memory and read with every limit that outside bytes
 * need.
 *
 * No file is opened and none is written. Only parts that a format asks for are unpacked, a slice at a time; an archive
 * inside the archive is never opened. What is unpacked is counted as it comes, whatever the archive says of its own size. A
 * document type declaration is refused, so there are no entities but XML's own five and nothing to load.
 *
 * What is wrong with the document is said with cw_record_fail(); callers look at cw_record_failed() after each call.
 */
#ifndef CW_NORMALISER_PACKAGE_H
#define CW_NORMALISER_PACKAGE_H

#include "xml.h"

struct cw_package;
struct cw_part;

/* data is borrowed until free. 0, with *ret NULL when the document has been failed; or -errno. */
int cw_package_open(struct cw_record *record, const void *data, size_t len, struct cw_package **ret);
void cw_package_free(struct cw_package *package); /* NULL is fine */
/* Bytes of a document as they come, for formats that are archives. 0, 1 (failed: too large) or -errno. */
int cw_package_gather(struct cw_record *record, struct cw_buf *buf, const char *bytes, size_t len);
bool cw_package_has(const struct cw_package *package, const char *name);
/* What an archive is that is not what it should be: "a Word document". */
const char *cw_package_kind(const struct cw_package *package);
/* The first bytes of a part that is stored or packed, NUL-terminated, for a look at what it says it is. 0, 1 when there is
 * none, or -errno. */
int cw_package_look(struct cw_package *package, const char *name, char *ret, size_t size);

/* An attribute's value. ns: how its namespace ends ("relationships"), since there are several of each; NULL = whatever it is.
 * at is NULL when it is not there. Borrowed for the call. */
struct cw_str cw_part_attribute(const struct cw_xml_element *element, const char *ns, const char *name);
/* Does a namespace end so? */
bool cw_ns_is(const char *ns, const char *end);
/* For parts of which only the tags matter. */
int cw_part_no_end(void *arg, const struct cw_xml_element *element);
int cw_part_no_text(void *arg, const char *text, size_t len);

/* What a format does with a part's XML: each handler returns 0, 1 (enough: the rest of the part is not read) or -errno.
 * handlers and arg are borrowed until free. */
/* 0 with *ret NULL when the document has been failed or, if optional, the part is not there. */
int cw_part_open(struct cw_package *package, const char *name, bool optional, const struct cw_xml_handlers *handlers,
                 void *arg, struct cw_part **ret);
/* One slice. 1: there is more; 0: the end; or -errno. */
int cw_part_read(struct cw_part *part);
void cw_part_free(struct cw_part *part); /* NULL is fine */

#endif
