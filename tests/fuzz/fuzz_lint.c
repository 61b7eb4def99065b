/* What people write, and the authors they give: every finding is a piece of the text, in order. */
#include <stdlib.h>

#include <councilwatch/lint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cw_str text = { (const char *)data, size };
	struct cw_lint found[8];

	if (size > 65536)
		return 0;
	for (int role = 0; role < 2; role++) {
		int n = role ? cw_lint_role(text, NULL, found, CW_ARRAY_LEN(found)) : cw_lint_text(text, NULL, found, CW_ARRAY_LEN(found));

		for (int i = 0; i < n && i < (int)CW_ARRAY_LEN(found); i++)
			if (found[i].at > size || found[i].len > size - found[i].at || (i && found[i].at < found[i - 1].at) ||
			    found[i].rule >= CW_LINT_COUNT)
				abort();
	}
	return 0;
}
