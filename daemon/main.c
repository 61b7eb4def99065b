/*
 * councilwatchd: fetches the configured feeds, keeps every document durably, and starts and watches the processes that
 * turn documents into evidence, levels and alerts.
 *
 * It is the only process with the network and the only writer of inbox.db. It never looks into a document: the bytes of
 * the outside pass through it unparsed.
 */
#include <getopt.h>
#include <stdio.h>
#include <sys/stat.h>

#include <councilwatch/config.h>
#include <councilwatch/paths.h>

#include "daemon.h"

static void usage(FILE *to)
{
	fprintf(to,
	        "usage: councilwatchd [-c FILE] [--once | --check]\n"
	        "\n"
	        "  -c, --config FILE  configuration (%s)\n"
	        "      --once         fetch every enabled feed once, wait until all is committed, print a summary\n"
	        "      --check        validate the configuration, report every mistake, do nothing else\n"
	        "      --version      print the version\n"
	        "  -h, --help         print this\n"
	        "\n"
	        "Without --once it runs until SIGTERM; SIGHUP reads the configuration again. See councilwatchd(8).\n",
	        cw_config_default_file);
}

int main(int argc, char **argv)
{
	enum { ONCE = 256, CHECK, VERSION };
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' }, { "once", no_argument, NULL, ONCE },
		{ "check", no_argument, NULL, CHECK },      { "version", no_argument, NULL, VERSION },
		{ "help", no_argument, NULL, 'h' },         { NULL, 0, NULL, 0 },
	};
	const char *file = cw_config_default_file;
	bool once = false, check = false;
	int option;

	while ((option = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
		switch (option) {
		case 'c':
			file = optarg;
			break;
		case ONCE:
			once = true;
			break;
		case CHECK:
			check = true;
			break;
		case VERSION:
			printf("councilwatchd %s\n", CW_VERSION);
			return CW_EXIT_DONE;
		case 'h':
			usage(stdout);
			return CW_EXIT_DONE;
		default:
			usage(stderr);
			return CW_EXIT_USAGE;
		}
	}
	if (optind < argc || (once && check)) {
		if (optind < argc)
			fprintf(stderr, "councilwatchd: unexpected argument '%s'\n", argv[optind]);
		else
			fprintf(stderr, "councilwatchd: --once and --check exclude each other\n");
		usage(stderr);
		return CW_EXIT_USAGE;
	}
	/* What is kept is for the service's group at most. */
	umask(0027);
	return check ? cw_daemon_check(file) : cw_daemon_run(file, once);
}
