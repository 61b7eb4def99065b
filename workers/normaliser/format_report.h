/*
 * format_report.h: format ilacs-report, which only programs that link poppler have.
 */
#ifndef CW_NORMALISER_FORMAT_REPORT_H
#define CW_NORMALISER_FORMAT_REPORT_H

/* Once, at the start of the program and before files are shut out: makes the format known (cw_format_ops) and poppler
 * ready. 0 or -errno. */
int cw_format_report_register(void);

#endif
