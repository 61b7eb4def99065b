#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <poppler.h>

#include <councilwatch/limits.h>

#include "report_pdf.h"

struct cw_report_pdf {
	PopplerDocument *document;
	unsigned pages;
};

int cw_report_pdf_open(const void *data, size_t len, struct cw_report_pdf **ret)
{
	struct cw_report_pdf *pdf = calloc(1, sizeof(*pdf));
	GError *error = NULL;
	GBytes *bytes;
	int pages;

	if (!pdf)
		return -ENOMEM;
	bytes = g_bytes_new_static(data, len);
	pdf->document = poppler_document_new_from_bytes(bytes, NULL, &error);
	g_bytes_unref(bytes);
	if (!pdf->document) {
		int r = g_error_matches(error, POPPLER_ERROR, POPPLER_ERROR_ENCRYPTED) ? CW_REPORT_PDF_ENCRYPTED
		                                                                       : CW_REPORT_PDF_DAMAGED;

		g_clear_error(&error);
		free(pdf);
		return r;
	}
	pages = poppler_document_get_n_pages(pdf->document);
	pdf->pages = pages > 0 ? (unsigned)pages : 0;
	*ret = pdf;
	return 0;
}

void cw_report_pdf_free(struct cw_report_pdf *pdf)
{
	if (!pdf)
		return;
	g_object_unref(pdf->document);
	free(pdf);
}

unsigned cw_report_pdf_pages(const struct cw_report_pdf *pdf)
{
	return pdf->pages;
}

/* The box of some characters. */
struct box {
	double x0, y0, x1, y1;
	bool any;
};

static void box_add(struct box *box, const PopplerRectangle *rectangle)
{
	if (!box->any) {
		*box = (struct box){ rectangle->x1, rectangle->y1, rectangle->x2, rectangle->y2, true };
		return;
	}
	box->x0 = CW_MIN(box->x0, rectangle->x1);
	box->y0 = CW_MIN(box->y0, rectangle->y1);
	box->x1 = CW_MAX(box->x1, rectangle->x2);
	box->y1 = CW_MAX(box->y1, rectangle->y2);
}

static int add(struct cw_report_text *text, const struct box *box, const char *at, const char *end)
{
	if (!box->any || at == end)
		return 0;
	return cw_report_text_add(text, (float)box->x0, (float)box->y0, (float)box->x1, (float)box->y1,
	                          (struct cw_str){ at, (size_t)(end - at) });
}

/* Does a character stand in another column, or at another height, than what is before it in the same line of poppler's? */
static bool apart(const struct box *box, const PopplerRectangle *here)
{
	double high = box->y1 - box->y0, up = (here->y1 + here->y2) / 2 - (box->y0 + box->y1) / 2;

	return here->x1 - box->x1 > high * 0.6 || here->x1 < box->x1 - high * 2 || up > high * 0.6 || up < high * -0.6;
}

/* Poppler's lines are cut where the gap between two characters is wider than any between words: at columns. */
static int add_page(struct cw_report_text *text, const char *chars, const PopplerRectangle *rectangles, unsigned n)
{
	struct box box = { 0 };
	const char *start = chars;
	int r = 0;

	for (unsigned i = 0; i < n && *chars && r == 0; i++) {
		const char *next = g_utf8_next_char(chars);
		const PopplerRectangle *here = &rectangles[i];
		bool blank = *chars == ' ';

		if (*chars == '\n' || *chars == '\r') {
			r = add(text, &box, start, chars);
			box.any = false;
			start = next;
		} else if (!blank) {
			if (box.any && apart(&box, here)) {
				r = add(text, &box, start, chars);
				box.any = false;
				start = chars;
			}
			box_add(&box, here);
		}
		chars = next;
	}
	return r < 0 ? r : add(text, &box, start, chars);
}

int cw_report_pdf_page(struct cw_report_pdf *pdf, unsigned page, struct cw_report_text *text)
{
	PopplerPage *drawn = poppler_document_get_page(pdf->document, (int)page);
	PopplerRectangle *rectangles = NULL;
	char *chars = NULL;
	guint n = 0;
	int r = 0;

	if (drawn)
		chars = poppler_page_get_text(drawn);
	if (chars && strlen(chars) > CW_REPORT_PAGE_TEXT_MAX)
		r = -EMSGSIZE;
	else if (chars && *chars && poppler_page_get_text_layout(drawn, &rectangles, &n))
		r = add_page(text, chars, rectangles, n);
	g_free(rectangles);
	g_free(chars);
	if (drawn)
		g_object_unref(drawn);
	return r < 0 ? r : cw_report_text_end_page(text);
}

/* One page with one word, in a font that is not embedded. */
static const char smallest[] =
    "%PDF-1.4\n1 0 obj\n<< /Type /Catalog /Pages 2 0 R >>\nendobj\n2 0 obj\n<< /Type /Pages /Kids [3 0 R] /Count 1 >>\nendobj\n"
    "3 0 obj\n<< /Type /Page /Parent 2 0 R /MediaBox [0 0 99 99] /Contents 4 0 R /Resources << /Font << /F1 << /Type /Font "
    "/Subtype /Type1 /BaseFont /Helvetica >> >> >> >>\nendobj\n4 0 obj\n<< /Length 34 >>\nstream\n"
    "BT /F1 9 Tf 9 9 Td (word) Tj ET   \nendstream\nendobj\ntrailer\n<< /Size 5 /Root 1 0 R >>\n";

/* What poppler says of a hostile document is no event of ours, and is not escaped. */
static void say_nothing(const char *domain, GLogLevelFlags level, const char *message, void *arg)
{
	(void)domain;
	(void)level;
	(void)message;
	(void)arg;
}

int cw_report_pdf_prepare(void)
{
	static struct cw_report_pdf *kept;
	struct cw_report_text text;
	int r;

	if (kept)
		return 0;
	(void)g_log_set_default_handler(say_nothing, NULL);
	r = cw_report_pdf_open(smallest, sizeof(smallest) - 1, &kept);
	if (r)
		return r < 0 ? r : -EIO;
	/* While a document is open poppler keeps its tables, which it makes from files. */
	cw_report_text_init(&text);
	r = cw_report_pdf_page(kept, 0, &text);
	if (r == 0 && text.n_words != 1)
		r = -EIO;
	cw_report_text_clear(&text);
	return r;
}
