/*
 * examples.h: the expect { } examples of the feeds, tried by the normaliser, which reads samples shut in.
 */
#ifndef CW_CLI_EXAMPLES_H
#define CW_CLI_EXAMPLES_H

#include <councilwatch/config.h>

/* Runs the normaliser program of worker_dir over the examples of a configuration that has been loaded from file. What
 * it reports goes to report. Returns the number of examples that failed, or -errno. */
int cw_examples_run(const struct cw_config *config, const char *file, cw_report_fn *report, void *arg, struct cw_error *err);

#endif
