/*
 * offer.h: what the subcommands of "councilwatch offer" share.
 */
#ifndef CW_CLI_OFFER_H
#define CW_CLI_OFFER_H

#include <jansson.h>

#include <councilwatch/ledger.h>
#include <councilwatch/offers.h>
#include <councilwatch/store.h>

#include "command.h"

/* Each returns the exit status. */
int offer_import(struct cw_cli *cli, int n, const char *const *files);
int offer_add(struct cw_cli *cli, const char *council);
int offer_list(struct cw_cli *cli, const char *council);
int offer_show(struct cw_cli *cli, const char *offer_id);
int offer_late(struct cw_cli *cli);

/* The ledger, to be closed with cw_ledger_close. Reading: CW_EXIT_NO without a message when there is none yet and *ret stays NULL
 * with 0. 0, or the exit status after a message. */
int offer_ledger(const struct cw_cli *cli, bool writer, struct cw_ledger **ret);
void offer_ledger_close(struct cw_ledger **ledger); /* for CW_CLEANUP */
/* By when rows must have been known for this command: the end of the day of --as-of, or ever. */
struct cw_wall offer_known_by(const struct cw_cli *cli);

/* What a row is checked with; mistakes go to standard error. store may be NULL. */
void offer_rules(const struct cw_cli *cli, struct cw_store *store, struct cw_offer_rules *ret);
/* The database when there is one: 0 and *ret, which may be NULL; or an exit status after a message. */
int offer_store(const struct cw_cli *cli, struct cw_store **ret);

/* To whom, for people: the council's short name, or the organisation's id. Borrowed. */
const char *offer_recipient_name(const struct cw_cli *cli, const struct cw_offer *offer);
/* All fields, as councilwatch(1) describes them. NULL without memory. */
json_t *offer_json(const struct cw_cli *cli, const struct cw_offer *offer);

#endif
