/*
 * event_pick.h: which event of a council a person means, among those that stand today.
 */
#ifndef CW_CLI_EVENT_PICK_H
#define CW_CLI_EVENT_PICK_H

#include "command.h"

struct cw_picked {
	char event[CW_EVENT_NAME_TEXT]; /* its name, as explain shows it */
	char *source;                   /* owned; NULL: no source was asked for */
	struct cw_assessment now;       /* private from here */
	struct cw_history facts;
};

/*
 * typed: a name as explain shows it, or enough of it: the signal alone where it stands once, the beginning of the id of a piece of
 * evidence, a date a few days off. floor: only what holds a formal floor. source (may be NULL): who is right about an inspection
 * of which sources differ; typed may then be NULL, where they differ about one. 0; CW_EXIT_USAGE after a message with what there is;
 * CW_EXIT_NO. Clear in any case.
 */
int cw_cli_pick_event(const struct cw_cli *cli, const struct cw_council *council, int32_t today, const char *typed, bool floor,
                      const char *source, struct cw_picked *ret);
void cw_picked_clear(struct cw_picked *picked);

#endif
