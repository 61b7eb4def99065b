#include <councilwatch/ledger.h>

const char *const cw_strand_names[] = { "csc", "send", "early_years", NULL };
const char *const cw_support_names[] = { "universal", "targeted", "intensive", NULL };
const char *const cw_offer_status_names[] = { "read",     "contacted", "offered",   "accepted",
	                                      "declined", "delivered", "withdrawn", NULL };
const char *const cw_recipient_names[] = { "council",           "trust",              "icb",   "safeguarding_partnership",
	                                   "regional_alliance", "combined_authority", "other", NULL };
