/*
 * record.h: what the audit log (audit.h) is told of commands that give out what is known of councils.
 *
 * A row before the first byte is given out, with what was asked for, and one after the last, with how much it was: an export that
 * was broken off has no second row. Whoever may not write the log asks the daemon to; where neither is possible, nothing is given
 * out.
 */
#ifndef CW_CLI_RECORD_H
#define CW_CLI_RECORD_H

#include "command.h"

/* When a command opens what it shows (cw_cli_store does it): an export if the command and the form asked for are one. 0, or
 * CW_EXIT_NO after a message. Once only, however often it is called. */
int cw_record_begin(const struct cw_cli *cli);
/* A page for people, before it is shown: told of when notes or rulings of the council are among its facts. 0, or CW_EXIT_NO after a message. */
int cw_record_view(const struct cw_cli *cli, const struct cw_council *council, const struct cw_history *facts);
/* Rows that are about to be committed to the support ledger: council_id of one by hand, else NULL; detail is taken. 0, or CW_EXIT_NO
 * after a message, and then nothing is to be committed. */
int cw_record_offer(const struct cw_cli *cli, const char *council_id, json_t *detail);
/* After all was written: how much (cw_out_rows) and with what exit status. The status to end with. */
int cw_record_end(const struct cw_cli *cli, int status);

#endif
