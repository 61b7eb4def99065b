/*
 * encoding.h: bytes in whatever character set they came, out as valid UTF-8.
 *
 * Which set it is is settled from, in this order: the feed's "encoding", a byte order mark, the charset of the
 * Content-Type header, a <meta> or <?xml?> declaration in the first CW_ENCODING_WINDOW bytes, and last the bytes themselves:
 * UTF-8 when the window is valid UTF-8, else Windows-1252. Labels of Latin-1 and ASCII mean Windows-1252, as
 * the WHATWG Encoding Standard has it. The window is gathered before anything is decided, so that the
 * decision does not depend on how the bytes were cut into chunks, and a document is never held whole.
 *
 * The window may be pure ASCII and the first accented letter come a gigabyte later. So bytes that are not valid
 * UTF-8 in a document read as UTF-8 are each read as Windows-1252, and reading goes on, unless the feed forces
 * UTF-8: then they become U+FFFD.
 *
 * NUL passes through: what it spoils is for the format to say.
 */
#ifndef CW_NORMALISER_ENCODING_H
#define CW_NORMALISER_ENCODING_H

#include <councilwatch/base.h>
#include <councilwatch/text.h>

#define CW_ENCODING_WINDOW 16384u

struct cw_decoder;

/* Takes a run of whole UTF-8 characters, borrowed for the call. A non-zero return is passed up at once. */
typedef int cw_decoded_fn(void *arg, const char *text, size_t len);

/* Declarations of the character set that are looked for: an XML document may hold somebody's <meta> as text. */
enum cw_declarations { CW_DECLARED_NOWHERE, CW_DECLARED_IN_XML, CW_DECLARED_IN_HTML /* XML's too */ };

/* forced (may be NULL) is borrowed for the call; content_type too. */
int cw_decoder_new(const char *forced, struct cw_str content_type, enum cw_declarations declarations,
                   cw_decoded_fn *fn, void *arg, struct cw_decoder **ret);
void cw_decoder_free(struct cw_decoder *decoder);
int cw_decoder_feed(struct cw_decoder *decoder, const char *data, size_t len);
int cw_decoder_end(struct cw_decoder *decoder);
/* The set decided upon, "UTF-8"; "" before it is. */
const char *cw_decoder_name(const struct cw_decoder *decoder);

/* Opens a converter once and keeps it for the life of the process, so that its tables are loaded. 0 or -EINVAL. */
int cw_encoding_warm(const char *name);

#endif
