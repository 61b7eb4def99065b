/*
 * councilwatch, the command line: answers questions from the database and the running daemon, follows alerts, and
 * hands documents in. It reads councilwatch.db and never writes it; all it changes, it asks the daemon to.
 */
#include "command.h"

int main(int argc, char **argv)
{
	return cw_cli_main(argc - 1, argv + 1);
}
