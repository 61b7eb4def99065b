#include <stdlib.h>

#include "fuzz_archive.h"
#include "fuzz_normaliser.h"

#define RELATIONS "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
#define MAIN "http://schemas.openxmlformats.org/spreadsheetml/2006/main"

static const struct fuzz_part fixed[] = {
	{ "_rels/.rels", "<a><Relationship Id=\"a\" Type=\"/officeDocument\" Target=\"xl/workbook.xml\"/></a>" },
	{ "xl/workbook.xml",
	  "<workbook xmlns=\"" MAIN "\" xmlns:r=\"" RELATIONS "\"><sheets><sheet name=\"A\" r:id=\"s\"/></sheets>"
	  "</workbook>" },
	{ "xl/_rels/workbook.xml.rels",
	  "<a><Relationship Id=\"s\" Type=\"/worksheet\" Target=\"worksheets/sheet1.xml\"/>"
	  "<Relationship Id=\"t\" Type=\"/sharedStrings\" Target=\"sharedStrings.xml\"/>"
	  "<Relationship Id=\"u\" Type=\"/styles\" Target=\"styles.xml\"/></a>" },
	{ NULL, NULL }
};

/* The text is the first sheet; shared texts, styles and links may follow as parts of their own. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t len;
	uint8_t *archive = fuzz_archive(data, size, "xl/worksheets/sheet1.xml", fixed, &len);

	if (archive) {
		fuzz_document("xlsx", archive, len);
		fuzz_document("xlsx-stacked", archive, len);
	}
	free(archive);
	return 0;
}
