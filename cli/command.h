/*
 * command.h: what a command of the command line is, and what all of them share.
 *
 * A new command costs one cmd_x.c and one row in commands.c. Global options (-c, --json, --as-of, --help,
 * --version) stand before or after the command's name; a command's own options stand after it. "--" ends
 * the options. Text is for people; --json is for programs and is described in councilwatch(1).
 */
#ifndef CW_CLI_COMMAND_H
#define CW_CLI_COMMAND_H

#include <jansson.h>

#include <councilwatch/base.h>
#include <councilwatch/clock.h>
#include <councilwatch/config.h>
#include <councilwatch/error.h>
#include <councilwatch/history.h>

/* Exit statuses: part of the interface. */
enum { CW_EXIT_DONE = 0, CW_EXIT_NO = 1, CW_EXIT_USAGE = 2 };

struct cw_option {
	const char *name;  /* "level", given as --level */
	const char *value; /* what stands for its value in the help, "LEVEL"; NULL: it takes none */
	const char *help;
	char letter; /* 'c' for -c; 0 = none */
};

#define CW_COMMAND_AS_OF 1u      /* --as-of makes sense for it */
#define CW_COMMAND_OWN_CONFIG 2u /* loads the configuration itself, to show its mistakes in its own way */
#define CW_COMMAND_CSV 4u        /* takes --csv */
#define CW_COMMAND_EXPORT 8u     /* gives out what is known of councils: the audit log is told of --json and --csv (record.h) */
#define CW_COMMAND_BULK 16u      /* and of text as well */

struct cw_cli;

struct cw_command {
	const char *name;
	const char *arguments; /* "COUNCIL", for the usage line; "" = none */
	const char *help;      /* one line, for the list of commands */
	unsigned flags;
	int min_arguments;
	int max_arguments;               /* -1 = any number */
	const struct cw_option *options; /* ends with an empty row; NULL = none */
	int (*run)(struct cw_cli *cli);  /* returns the exit status */
};

extern const struct cw_command cw_commands[]; /* ends with an empty row */
extern const struct cw_option cw_global_options[];

#define CW_CLI_OPTIONS_MAX 32

struct cw_cli {
	const struct cw_command *command; /* NULL until one was named */
	const char *config_file;
	bool json;
	bool csv;
	bool help;
	bool version;
	bool has_as_of;
	int32_t as_of;          /* --as-of, else today */
	int n_arguments;        /* after the command's name */
	const char **arguments; /* owned array of borrowed texts */
	size_t n_options;       /* of the command's own */
	struct {
		const struct cw_option *option;
		const char *value;
	} options[CW_CLI_OPTIONS_MAX];
	bool colour;
	struct cw_config *config; /* owned; NULL for CW_COMMAND_OWN_CONFIG */
};

/* Reads the arguments (argv without the program's name). 0, or -EINVAL with what is wrong and how to mend it. */
int cw_cli_parse(struct cw_cli *cli, int argc, char *const *argv, struct cw_error *err);
void cw_cli_clear(struct cw_cli *cli);
/* All of main() but for the process: parses, loads the configuration, runs the command. */
int cw_cli_main(int argc, char *const *argv);
/* The help of one command, or of all when command is NULL. */
int cw_cli_help(const struct cw_command *command, struct cw_buf *out);

/* The value of one of the command's options, "" for one without a value, NULL when it was not given. */
const char *cw_cli_option(const struct cw_cli *cli, const char *name);
/* The same as a number, a day or a name. 0 (*ret untouched when not given), or -EINVAL after a message. */
int cw_cli_option_number(const struct cw_cli *cli, const char *name, uint64_t min, uint64_t max, uint64_t *ret);
int cw_cli_option_day(const struct cw_cli *cli, const char *name, int32_t *ret);
int cw_cli_option_kind(const struct cw_cli *cli, const char *name, enum cw_kind *ret);
int cw_cli_option_alert_kind(const struct cw_cli *cli, const char *name, enum cw_alert_kind *ret);
int cw_cli_option_level(const struct cw_cli *cli, const char *name, bool *ret_given, enum cw_level *ret);

/* Loads the configuration, for a command with CW_COMMAND_OWN_CONFIG. 0, or CW_EXIT_USAGE after its mistakes. */
int cw_cli_configure(struct cw_cli *cli);
/* The council a person means. 0, or CW_EXIT_NO after a message that names a near one. */
int cw_cli_council(const struct cw_cli *cli, const char *text, const struct cw_council **ret);
/* How much in a text, or in an author, seems to be about a person; each is told with its mend. */
int cw_cli_lint(const struct cw_cli *cli, const char *what, const char *text, bool author);
/* A configuration, with other constants when risk_file is not NULL. 0, or an exit status after messages. */
int cw_cli_load_config(const char *file, const char *risk_file, struct cw_config **ret);
/* Opens the database for reading, all reads seeing one state. 0, or CW_EXIT_NO after a message. */
int cw_cli_store(const struct cw_cli *cli, struct cw_store **ret);
void cw_cli_store_close(struct cw_store **store); /* for CW_CLEANUP; ends the reading as well */

/* check --storage: what the databases of the state directory are like, told as asked. */
int cw_storage_report(struct cw_cli *cli);

/* Messages to standard error, with the program's name in front; return the status given. */
int cw_cli_fail(int status, const char *fmt, ...) CW_PRINTF(2, 3);
int cw_cli_fail_error(int status, const struct cw_error *err, const char *fmt, ...) CW_PRINTF(3, 4);

/* Was this council there on that day? */
bool cw_cli_council_existed(const struct cw_council *council, int32_t day);
/* What is known of a council as of a day; facts and assessment are the caller's to clear. outage: the answer of
 * cw_store_required_outage for that day. Returns 0 or -errno. */
int cw_cli_assess(const struct cw_cli *cli, struct cw_store *store, const struct cw_council *council, int32_t day,
                  bool outage, struct cw_history *facts, struct cw_assessment *ret, struct cw_error *err);

int cw_cmd_alerts(struct cw_cli *cli);
int cw_cmd_audit(struct cw_cli *cli);
int cw_cmd_backtest(struct cw_cli *cli);
int cw_cmd_backup(struct cw_cli *cli);
int cw_cmd_check(struct cw_cli *cli);
int cw_cmd_council(struct cw_cli *cli);
int cw_cmd_councils(struct cw_cli *cli);
int cw_cmd_evidence(struct cw_cli *cli);
int cw_cmd_explain(struct cw_cli *cli);
int cw_cmd_fetch(struct cw_cli *cli);
int cw_cmd_history(struct cw_cli *cli);
int cw_cmd_import(struct cw_cli *cli);
int cw_cmd_keygen(struct cw_cli *cli);
int cw_cmd_kpi(struct cw_cli *cli);
int cw_cmd_note(struct cw_cli *cli);
int cw_cmd_offer(struct cw_cli *cli);
int cw_cmd_override(struct cw_cli *cli);
int cw_cmd_quarantine(struct cw_cli *cli);
int cw_cmd_replay(struct cw_cli *cli);
int cw_cmd_restore(struct cw_cli *cli);
int cw_cmd_retention(struct cw_cli *cli);
int cw_cmd_status(struct cw_cli *cli);
int cw_cmd_submit(struct cw_cli *cli);
int cw_cmd_watch(struct cw_cli *cli);

extern const struct cw_option cw_alerts_options[];
extern const struct cw_option cw_audit_options[];
extern const struct cw_option cw_backtest_options[];
extern const struct cw_option cw_check_options[];
extern const struct cw_option cw_councils_options[];
extern const struct cw_option cw_evidence_options[];
extern const struct cw_option cw_explain_options[];
extern const struct cw_option cw_fetch_options[];
extern const struct cw_option cw_import_options[];
extern const struct cw_option cw_keygen_options[];
extern const struct cw_option cw_kpi_options[];
extern const struct cw_option cw_note_options[];
extern const struct cw_option cw_offer_options[];
extern const struct cw_option cw_override_options[];
extern const struct cw_option cw_quarantine_options[];
extern const struct cw_option cw_submit_options[];
extern const struct cw_option cw_replay_options[];
extern const struct cw_option cw_retention_options[];
extern const struct cw_option cw_watch_options[];

#endif
