/*
 * report_pdf.h: the text of a PDF document, page by page, with poppler.
 *
 * Poppler is under the GNU General Public License, so only programs that read documents link this: the normaliser, and tests.
 */
#ifndef CW_NORMALISER_REPORT_PDF_H
#define CW_NORMALISER_REPORT_PDF_H

#include "report.h"

struct cw_report_pdf;

enum { CW_REPORT_PDF_DAMAGED = 1, CW_REPORT_PDF_ENCRYPTED };

/* data is borrowed until free. 0; DAMAGED or ENCRYPTED; -errno. */
int cw_report_pdf_open(const void *data, size_t len, struct cw_report_pdf **ret);
void cw_report_pdf_free(struct cw_report_pdf *pdf); /* NULL is fine */
unsigned cw_report_pdf_pages(const struct cw_report_pdf *pdf);
/* Adds the words of one page (from 0) and ends it. 0; -EMSGSIZE over a limit; -errno. */
int cw_report_pdf_page(struct cw_report_pdf *pdf, unsigned page, struct cw_report_text *text);

/* Before files are shut out: what poppler loads from files or makes once. 0 or -errno. */
int cw_report_pdf_prepare(void);

#endif
