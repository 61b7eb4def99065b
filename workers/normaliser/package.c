#include <errno.h>
#include <string.h>

#include <libxml/parser.h>
#include <libxml/parserInternals.h>
#include <zip.h>

#include <councilwatch/limits.h>

#include "package.h"

#define BLOCK 16384u
#define SLICE (256u * 1024u)
/* One tag, comment or instruction; libxml2 waits for the end of each. A cell's text may stand in an attribute. */
#define UNPARSED_MAX (4u * CW_FIELD_MAX)
/* libxml2 compares each attribute with all before it, so tags with many are stopped at the first. */
#define ATTRIBUTES_MAX 512

struct cw_package {
	struct cw_record *record;
	zip_t *zip;
	size_t packed;     /* bytes of the document */
	uint64_t unpacked; /* bytes read out of it */
};

struct cw_part {
	struct cw_package *package;
	const struct cw_part_handler *handler;
	void *arg;
	char name[256];
	zip_file_t *file;
	xmlParserCtxtPtr parser;
	unsigned depth;
	bool settled; /* the handler has had enough, or the document has been failed */
	int error;
};

static uint64_t little(const unsigned char *at, unsigned bytes)
{
	uint64_t ret = 0;

	while (bytes--)
		ret = ret << 8 | at[bytes];
	return ret;
}

/*
 * Entries that the archive claims to have. libzip makes room for all of them before it tells how many there are, so this
 * looks for itself: at each thing in the last 64 KiB that may be the end of the central directory, and at the
 * one for larger archives if there is one before it.
 */
static uint64_t entries_claimed(const unsigned char *data, size_t len)
{
	size_t first = len > 65557 ? len - 65557 : 0;
	uint64_t most = 0;

	for (size_t i = len < 22 ? 0 : len - 22 + 1; i-- > first;) {
		if (memcmp(data + i, "PK\5\6", 4) != 0)
			continue;
		most = CW_MAX(most, little(data + i + 10, 2));
		if (i >= 20 && !memcmp(data + i - 20, "PK\6\7", 4)) {
			uint64_t at = little(data + i - 20 + 8, 8);

			if (at <= len && len - at >= 56)
				most = CW_MAX(most, little(data + at + 32, 8));
		}
	}
	return most;
}

int cw_package_open(struct cw_record *record, const void *data, size_t len, struct cw_package **ret)
{
	struct cw_package *package;
	zip_source_t *source;
	zip_error_t error;
	int r = 0;

	*ret = NULL;
	if (entries_claimed(data, len) > CW_ZIP_ENTRIES_MAX) {
		cw_record_fail(record, CW_REASON_TOO_LARGE, "an archive of over %u parts", CW_ZIP_ENTRIES_MAX);
		return 0;
	}
	package = calloc(1, sizeof(*package));
	if (!package)
		return -ENOMEM;
	package->record = record;
	package->packed = len;
	zip_error_init(&error);
	source = zip_source_buffer_create(data, len, 0, &error);
	package->zip = source ? zip_open_from_source(source, ZIP_RDONLY, &error) : NULL;
	if (!package->zip) {
		r = zip_error_code_zip(&error) == ZIP_ER_MEMORY ? -ENOMEM : 0;
		if (r == 0)
			cw_record_fail(record, CW_REASON_UNPARSABLE, "not a whole ZIP archive: %s",
			               zip_error_strerror(&error));
		if (source)
			zip_source_free(source);
		cw_package_free(package);
		package = NULL;
	} else if (zip_get_num_entries(package->zip, 0) > (zip_int64_t)CW_ZIP_ENTRIES_MAX) {
		cw_record_fail(record, CW_REASON_TOO_LARGE, "an archive of over %u parts", CW_ZIP_ENTRIES_MAX);
		cw_package_free(package);
		package = NULL;
	}
	zip_error_fini(&error);
	*ret = package;
	return r;
}

void cw_package_free(struct cw_package *package)
{
	if (!package)
		return;
	if (package->zip)
		zip_discard(package->zip);
	free(package);
}

/* The number of the part of that name; -1: none; -2: several, which no honest archive has. */
static zip_int64_t locate(const struct cw_package *package, const char *name)
{
	zip_int64_t n = zip_get_num_entries(package->zip, 0), found = -1;

	for (zip_int64_t i = 0; i < n; i++) {
		const char *each = zip_get_name(package->zip, (zip_uint64_t)i, ZIP_FL_ENC_RAW);

		if (!each || strcmp(each, name) != 0)
			continue;
		if (found >= 0)
			return -2;
		found = i;
	}
	return found;
}

bool cw_package_has(const struct cw_package *package, const char *name)
{
	return locate(package, name) != -1;
}

int cw_package_gather(struct cw_record *record, struct cw_buf *buf, const char *bytes, size_t len)
{
	int r = cw_buf_append(buf, bytes, len);

	if (r != -EMSGSIZE)
		return r;
	cw_record_fail(record, CW_REASON_TOO_LARGE, "over %u bytes, which is too much for a spreadsheet",
	               CW_WHOLE_DOCUMENT_MAX);
	return 1;
}

const char *cw_package_kind(const struct cw_package *package)
{
	static const struct {
		const char *part, *kind;
	} kinds[] = { { "xl/workbook.xml", "an Excel workbook (xlsx)" },
		      { "xl/workbook.bin", "a binary Excel workbook (xlsb)" },
		      { "word/document.xml", "a Word document" },
		      { "ppt/presentation.xml", "a PowerPoint presentation" },
		      { "content.xml", "an OpenDocument file" } };

	for (size_t i = 0; i < CW_ARRAY_LEN(kinds); i++)
		if (cw_package_has(package, kinds[i].part))
			return kinds[i].kind;
	return "a ZIP archive that holds something else";
}

static int open_entry(struct cw_package *package, const char *name, bool optional, zip_file_t **ret)
{
	zip_int64_t at = locate(package, name);
	zip_stat_t stat;

	*ret = NULL;
	if (at == -1 && optional)
		return 0;
	if (at < 0) {
		cw_record_fail(package->record, CW_REASON_UNPARSABLE, at == -1 ? "there is no %s in it" : "there are two %s in it",
		               name);
		return 0;
	}
	zip_stat_init(&stat);
	if (zip_stat_index(package->zip, (zip_uint64_t)at, 0, &stat) == 0 && (stat.valid & ZIP_STAT_ENCRYPTION_METHOD) &&
	    stat.encryption_method != ZIP_EM_NONE) {
		cw_record_fail(package->record, CW_REASON_UNPARSABLE, "it is encrypted with a password");
		return 0;
	}
	*ret = zip_fopen_index(package->zip, (zip_uint64_t)at, 0);
	if (!*ret) {
		zip_error_t *error = zip_get_error(package->zip);

		if (zip_error_code_zip(error) == ZIP_ER_MEMORY)
			return -ENOMEM;
		cw_record_fail(package->record, CW_REASON_UNPARSABLE, "cannot unpack %s: %s", name, zip_error_strerror(error));
	}
	return 0;
}

/* Bytes read, or -errno. 0 at the end, and with the document failed. */
static int unpack(struct cw_package *package, const char *name, zip_file_t *file, void *out, size_t size)
{
	zip_int64_t n = zip_fread(file, out, size);

	if (n < 0) {
		zip_error_t *error = zip_file_get_error(file);

		if (zip_error_code_zip(error) == ZIP_ER_MEMORY)
			return -ENOMEM;
		cw_record_fail(package->record, CW_REASON_UNPARSABLE, "cannot unpack %s: %s", name, zip_error_strerror(error));
		return 0;
	}
	package->unpacked += (uint64_t)n;
	if (package->unpacked > CW_UNPACKED_MAX ||
	    (package->unpacked > CW_UNPACKED_FREE && package->unpacked / CW_UNPACKED_RATIO > package->packed)) {
		cw_record_fail(package->record, CW_REASON_TOO_LARGE, "it unpacks to over %llu bytes, from %llu",
		               (unsigned long long)(package->unpacked - (uint64_t)n), (unsigned long long)package->packed);
		return 0;
	}
	return (int)n;
}

int cw_package_look(struct cw_package *package, const char *name, char *ret, size_t size)
{
	zip_file_t *file;
	int r = open_entry(package, name, true, &file);

	if (r < 0 || !file)
		return r < 0 ? r : 1;
	r = unpack(package, name, file, ret, size - 1);
	zip_fclose(file);
	if (r < 0)
		return r;
	ret[r] = '\0';
	return 0;
}

/* --- XML --- */

bool cw_ns_is(const char *ns, const char *end)
{
	size_t have = strlen(ns), want = strlen(end);

	return have >= want && !strcmp(ns + have - want, end);
}

struct cw_str cw_tag_raw(const struct cw_tag *tag, const char *ns, const char *name)
{
	for (int i = 0; i < tag->n; i++) {
		const unsigned char **each = tag->attributes + 5 * i;

		if (strcmp((const char *)each[0], name) != 0 || (ns && !cw_ns_is(each[2] ? (const char *)each[2] : "", ns)))
			continue;
		return (struct cw_str){ (const char *)each[3], (size_t)(each[4] - each[3]) };
	}
	return (struct cw_str){ NULL, 0 };
}

int cw_tag_value(struct cw_str raw, struct cw_buf *out)
{
	cw_buf_reset(out);
	while (raw.len) {
		const char *amp = memchr(raw.at, '&', raw.len);
		size_t n = amp ? (size_t)(amp - raw.at) + 1 : raw.len;

		cw_buf_append(out, raw.at, n);
		raw.at += n;
		raw.len -= n;
		if (amp && raw.len >= 4 && !memcmp(raw.at, "#38;", 4)) {
			raw.at += 4;
			raw.len -= 4;
		}
	}
	return out->failed;
}

static void settle(struct cw_part *part, int r)
{
	if (r < 0 && !part->error)
		part->error = r;
	part->settled = true;
	xmlStopParser(part->parser);
}

static void start_element(void *arg, const xmlChar *name, const xmlChar *prefix, const xmlChar *ns, int n_namespaces,
                          const xmlChar **namespaces, int n, int n_defaulted, const xmlChar **attributes)
{
	struct cw_part *part = arg;
	struct cw_tag tag = { ns ? (const char *)ns : "", (const char *)name, attributes, n };
	int r;

	(void)prefix;
	(void)n_namespaces;
	(void)namespaces;
	(void)n_defaulted;
	if (part->settled)
		return;
	if (++part->depth > CW_DEPTH_MAX || n > ATTRIBUTES_MAX || n_namespaces > ATTRIBUTES_MAX) {
		if (part->depth > CW_DEPTH_MAX)
			cw_record_fail(part->package->record, CW_REASON_UNPARSABLE, "%s: elements nested over %u deep", part->name,
			               CW_DEPTH_MAX);
		else
			cw_record_fail(part->package->record, CW_REASON_UNPARSABLE, "%s: over %d attributes in a tag", part->name,
			               ATTRIBUTES_MAX);
		settle(part, 0);
		return;
	}
	r = part->handler->start ? part->handler->start(part->arg, &tag) : 0;
	if (r || cw_record_failed(part->package->record))
		settle(part, r);
}

static void end_element(void *arg, const xmlChar *name, const xmlChar *prefix, const xmlChar *ns)
{
	struct cw_part *part = arg;
	int r;

	(void)prefix;
	if (part->settled)
		return;
	part->depth--;
	r = part->handler->end ? part->handler->end(part->arg, ns ? (const char *)ns : "", (const char *)name) : 0;
	if (r || cw_record_failed(part->package->record))
		settle(part, r);
}

static void characters(void *arg, const xmlChar *text, int n)
{
	struct cw_part *part = arg;
	int r;

	if (part->settled || !part->handler->text || n <= 0)
		return;
	r = part->handler->text(part->arg, (struct cw_str){ (const char *)text, (size_t)n });
	if (r || cw_record_failed(part->package->record))
		settle(part, r);
}

static void doctype(void *arg, const xmlChar *name, const xmlChar *external, const xmlChar *system)
{
	struct cw_part *part = arg;

	(void)name;
	(void)external;
	(void)system;
	if (part->settled)
		return;
	cw_record_fail(part->package->record, CW_REASON_UNPARSABLE, "%s: a document type declaration, which no spreadsheet has",
	               part->name);
	settle(part, 0);
}

int cw_part_open(struct cw_package *package, const char *name, bool optional, const struct cw_part_handler *handler,
                 void *arg, struct cw_part **ret)
{
	xmlSAXHandler sax = {
		.initialized = XML_SAX2_MAGIC,
		.startElementNs = start_element,
		.endElementNs = end_element,
		.characters = characters,
		.ignorableWhitespace = characters,
		.cdataBlock = characters,
		.internalSubset = doctype,
	};
	zip_file_t *file;
	struct cw_part *part;
	int r;

	*ret = NULL;
	r = open_entry(package, name, optional, &file);
	if (r < 0 || !file)
		return r;
	part = calloc(1, sizeof(*part));
	if (!part) {
		zip_fclose(file);
		return -ENOMEM;
	}
	part->package = package;
	part->handler = handler;
	part->arg = arg;
	part->file = file;
	memcpy(part->name, name, CW_MIN(strlen(name), sizeof(part->name) - 1));
	part->parser = xmlCreatePushParserCtxt(&sax, part, NULL, 0, NULL);
	if (!part->parser) {
		cw_part_free(part);
		return -ENOMEM;
	}
	xmlCtxtUseOptions(part->parser, XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
	*ret = part;
	return 0;
}

static int not_xml(struct cw_part *part)
{
	const xmlError *error = xmlCtxtGetLastError(part->parser);
	char text[160] = "not well-formed";

	if (error && error->code == XML_ERR_NO_MEMORY)
		return -ENOMEM;
	if (error && error->message) {
		size_t n = strcspn(error->message, "\r\n");

		n = CW_MIN(n, sizeof(text) - 1);
		memcpy(text, error->message, n);
		text[n] = '\0';
	}
	cw_record_fail(part->package->record, CW_REASON_UNPARSABLE, "%s: not XML: %s", part->name, text);
	return 0;
}

int cw_part_read(struct cw_part *part)
{
	char block[BLOCK];
	xmlParserInputPtr input;
	int n;

	for (size_t read = 0; read < SLICE && !part->settled; read += (size_t)n) {
		n = unpack(part->package, part->name, part->file, block, sizeof(block));
		if (n < 0)
			return n;
		if (cw_record_failed(part->package->record))
			return 0;
		if (xmlParseChunk(part->parser, block, n, n == 0) != 0 && !part->settled)
			return not_xml(part);
		if (part->error || n == 0)
			return part->error;
		input = part->parser->input;
		if (input && !part->settled && (size_t)(input->end - input->cur) > UNPARSED_MAX + BLOCK) {
			cw_record_fail(part->package->record, CW_REASON_TOO_LARGE, "%s: a tag of over %u bytes", part->name,
			               UNPARSED_MAX);
			return 0;
		}
	}
	return part->error ? part->error : !part->settled;
}

void cw_part_free(struct cw_part *part)
{
	if (!part)
		return;
	if (part->parser) {
		if (part->parser->myDoc)
			xmlFreeDoc(part->parser->myDoc);
		xmlFreeParserCtxt(part->parser);
	}
	zip_fclose(part->file);
	free(part);
}
