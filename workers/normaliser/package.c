#include <errno.h>
#include <string.h>

#include <zip.h>

#include <councilwatch/limits.h>

#include "package.h"

#define BLOCK 16384u
#define SLICE (256u * 1024u)
struct cw_package {
	struct cw_record *record;
	zip_t *zip;
	size_t packed;     /* bytes of the document */
	uint64_t unpacked; /* bytes read out of it */
};

struct cw_part {
	struct cw_package *package;
	char name[256];
	zip_file_t *file;
	struct cw_xml *xml;
	bool begun;
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
		cw_record_fail(package->record, CW_REASON_UNPARSABLE,
		               at == -1 ? "there is no %s in it" : "there are two %s in it", name);
		return 0;
	}
	zip_stat_init(&stat);
	if (zip_stat_index(package->zip, (zip_uint64_t)at, 0, &stat) == 0 &&
	    (stat.valid & ZIP_STAT_ENCRYPTION_METHOD) && stat.encryption_method != ZIP_EM_NONE) {
		cw_record_fail(package->record, CW_REASON_UNPARSABLE, "it is encrypted with a password");
		return 0;
	}
	*ret = zip_fopen_index(package->zip, (zip_uint64_t)at, 0);
	if (!*ret) {
		zip_error_t *error = zip_get_error(package->zip);

		if (zip_error_code_zip(error) == ZIP_ER_MEMORY)
			return -ENOMEM;
		cw_record_fail(package->record, CW_REASON_UNPARSABLE, "cannot unpack %s: %s", name,
		               zip_error_strerror(error));
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
		cw_record_fail(package->record, CW_REASON_UNPARSABLE, "cannot unpack %s: %s", name,
		               zip_error_strerror(error));
		return 0;
	}
	package->unpacked += (uint64_t)n;
	if (package->unpacked > CW_UNPACKED_MAX ||
	    (package->unpacked > CW_UNPACKED_FREE && package->unpacked / CW_UNPACKED_RATIO > package->packed)) {
		cw_record_fail(package->record, CW_REASON_TOO_LARGE, "it unpacks to over %llu bytes, from %llu",
		               (unsigned long long)(package->unpacked - (uint64_t)n),
		               (unsigned long long)package->packed);
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

struct cw_str cw_part_attribute(const struct cw_xml_element *element, const char *ns, const char *name)
{
	for (size_t i = 0; i < element->n_attributes; i++) {
		const unsigned char **at = element->attributes + 5 * i;

		if (!strcmp((const char *)at[0], name) && (!ns || cw_ns_is(at[2] ? (const char *)at[2] : "", ns)))
			return (struct cw_str){ (const char *)at[3], (size_t)(at[4] - at[3]) };
	}
	return (struct cw_str){ NULL, 0 };
}

int cw_part_no_end(void *arg, const struct cw_xml_element *element)
{
	(void)arg;
	(void)element;
	return 0;
}

int cw_part_no_text(void *arg, const char *text, size_t len)
{
	(void)arg;
	(void)text;
	(void)len;
	return 0;
}

int cw_part_open(struct cw_package *package, const char *name, bool optional, const struct cw_xml_handlers *handlers,
                 void *arg, struct cw_part **ret)
{
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
	part->file = file;
	memcpy(part->name, name, CW_MIN(strlen(name), sizeof(part->name) - 1));
	r = cw_xml_new(package->record, handlers, arg, &part->xml);
	if (r < 0) {
		cw_part_free(part);
		return r;
	}
	*ret = part;
	return 0;
}

int cw_part_read(struct cw_part *part)
{
	struct cw_record *record = part->package->record;
	char block[BLOCK];

	for (size_t read = 0; read < SLICE;) {
		int n = unpack(part->package, part->name, part->file, block, sizeof(block)), skip = 0, r;

		if (n < 0 || cw_record_failed(record))
			return n < 0 ? n : 0;
		if (!n)
			return cw_xml_end(part->xml);
		/* A byte order mark says what is known. */
		if (!part->begun && n >= 3 && !memcmp(block, "\xef\xbb\xbf", 3))
			skip = 3;
		part->begun = true;
		r = cw_xml_feed(part->xml, block + skip, (size_t)(n - skip));
		if (r < 0)
			return r;
		if (r > 0 || cw_record_failed(record))
			return cw_xml_end(part->xml); /* what a handler said was wrong, if anything */
		read += (size_t)n;
	}
	return 1;
}

void cw_part_free(struct cw_part *part)
{
	if (!part)
		return;
	cw_xml_free(part->xml);
	zip_fclose(part->file);
	free(part);
}
