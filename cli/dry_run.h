/*
 * dry_run.h: what a fetch of a feed would bring, without anybody being told and nothing kept (rehearsal.h).
 */
#ifndef CW_CLI_DRY_RUN_H
#define CW_CLI_DRY_RUN_H

#include "command.h"

/* Links of each step that are fetched in a dry run, unless told otherwise. */
#define CW_DRY_RUN_LINKS 5

/* Changes cli->config. Returns the exit status. */
int cw_dry_run(struct cw_cli *cli, const struct cw_feed *feed, unsigned links);

#endif
