/*
 * commands.c: the table of commands, in the order of the help.
 */
#include "command.h"

const struct cw_command cw_commands[] = {
	{ "check", "", "validate the configuration, print it as understood, run the feeds' examples",
	  CW_COMMAND_OWN_CONFIG, 0, 0, NULL, cw_cmd_check },
	{ "status", "", "processes, feeds, backlog, quarantine", 0, 0, 0, NULL, cw_cmd_status },
	{ "councils", "", "every council's level, the most pressing first", CW_COMMAND_AS_OF | CW_COMMAND_CSV, 0, 0,
	  cw_councils_options, cw_cmd_councils },
	{ "explain", "COUNCIL", "why a council is at its level, down to quotes and links", CW_COMMAND_AS_OF, 1, 1, NULL,
	  cw_cmd_explain },
	{ "history", "COUNCIL", "how a council's level changed, and when", CW_COMMAND_AS_OF | CW_COMMAND_CSV, 1, 1, NULL,
	  cw_cmd_history },
	{ "council", "TEXT ...", "which council the texts of a row name, and all that the tables say of it",
	  CW_COMMAND_AS_OF, 1, 16, NULL, cw_cmd_council },
	{ "evidence", "[COUNCIL]", "the normalised evidence, all fields", CW_COMMAND_AS_OF, 0, 1, cw_evidence_options,
	  cw_cmd_evidence },
	{ "alerts", "", "the stored alerts", 0, 0, 0, cw_alerts_options, cw_cmd_alerts },
	{ "watch", "[TOPIC ...]", "follow the alerts as they come, without gap or repeat", 0, 0, -1, cw_watch_options,
	  cw_cmd_watch },
	{ "import", "[FILE ...]", "bring in documents from disk, dated, and wait until they are committed", 0, 0, -1,
	  cw_import_options, cw_cmd_import },
	{ "fetch", "FEED", "fetch a feed now, with all it leads to, and show what came", 0, 1, 1, cw_fetch_options, cw_cmd_fetch },
	{ "note", "COUNCIL TEXT", "note what somebody inside has observed", 0, 2, 2, cw_note_options, cw_cmd_note },
	{ "override", "COUNCIL", "rule on a council's level, until a day", 0, 1, 1, cw_override_options, cw_cmd_override },
	{ "offer", "[import FILE ... | add [COUNCIL] | list [COUNCIL] | show ID]", "the support ledger: what was offered to whom, and what came of it",
	  CW_COMMAND_AS_OF | CW_COMMAND_CSV, 0, -1, cw_offer_options, cw_cmd_offer },
	{ "submit", "FILE ...", "hand documents to the daemon, as other programs do, for receipts", 0, 1, -1,
	  cw_submit_options, cw_cmd_submit },
	{ "replay", "", "read every kept document again, with today's configuration", 0, 0, 0, cw_replay_options, cw_cmd_replay },
	{ "backtest", "", "over the stored history: would the levels have told, and more than the grades alone", CW_COMMAND_CSV, 0, 0,
	  cw_backtest_options, cw_cmd_backtest },
	{ "quarantine", "[list | show ID | retry [ID ...] | drop ID ...]", "what could not be used, why, and after mending, again", 0, 0, -1, cw_quarantine_options,
	  cw_cmd_quarantine },
	{ NULL },
};
