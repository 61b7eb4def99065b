/*
 * xml.h: XML from outside, read as a stream: what feed, xml and akoma-ntoso share.
 *
 * libxml2's push parser with nothing behind it: no tree, no document type definition loaded or read, no entity but
 * the five of XML, nothing fetched. A document that brings entities of its own is refused before the parser
 * sees them. Of a document that names an outside definition (RSS 0.91 does) HTML's names for characters are
 * understood in text. What is not well-formed makes the document unparsable at the place where it breaks; what
 * was read whole before that has been handed on, and nothing is guessed.
 *
 * The parser is given whole tags, in blocks of a size that does not depend on how the bytes came, so the result
 * cannot depend on it either.
 */
#ifndef CW_NORMALISER_XML_H
#define CW_NORMALISER_XML_H

#include "record.h"

/* One tag, with all its attributes, bytes; and how many it may have: libxml2 compares each with all before it. */
#define CW_XML_TAG_MAX (128u * 1024u)
#define CW_XML_ATTRIBUTES_MAX 256u
/* One comment, processing instruction or document type declaration, bytes. */
#define CW_XML_ASIDE_MAX (1024u * 1024u)

struct cw_xml;

/* Borrowed for the call. */
struct cw_xml_element {
	const char *name;   /* local */
	const char *prefix; /* as written; "" without one */
	const char *space;  /* its namespace; "" without one */
	unsigned depth;     /* the root's is 1 */
	size_t n_attributes;
	const unsigned char **attributes; /* libxml2's: read them with the functions below */
};

/* Each returns 0; 1: the document is settled; or -errno. Text comes in pieces of any size. */
struct cw_xml_handlers {
	int (*start)(void *arg, const struct cw_xml_element *element);
	int (*end)(void *arg, const struct cw_xml_element *element); /* without attributes */
	int (*text)(void *arg, const char *text, size_t len);
};

int cw_xml_new(struct cw_record *record, const struct cw_xml_handlers *handlers, void *arg, struct cw_xml **ret);
void cw_xml_free(struct cw_xml *xml); /* NULL is fine */
/* As in struct cw_format_ops; end is called once. */
int cw_xml_feed(struct cw_xml *xml, const char *text, size_t len);
int cw_xml_end(struct cw_xml *xml);

/* An attribute by its local name: without a namespace, or in space when that is not NULL. Borrowed for the call;
 * empty and false when it is not there. */
bool cw_xml_attribute(const struct cw_xml_element *element, const char *space, const char *name, struct cw_str *ret);
/* An attribute by its local name, in whatever namespace. */
bool cw_xml_any_attribute(const struct cw_xml_element *element, const char *name, struct cw_str *ret);

/* href against the xml:base in force here; out is reset. What cannot be resolved comes out as it is. 0 or -ENOMEM. */
int cw_xml_resolve(const struct cw_xml *xml, struct cw_str href, struct cw_buf *out);

#endif
