/*
 * councilwatch keygen: a CURVE key pair, the secret half into a file for its owner alone.
 */
#include <string.h>

#include <councilwatch/gate.h>
#include <councilwatch/keys.h>

#include "command.h"
#include "output.h"

const struct cw_option cw_keygen_options[] = {
	{ "public", "FILE", "write the public key there, in the form of an allow-list", 0 },
	{ "name", "NAME", "what the key is called; else the file's name up to its first dot", 0 },
	{ NULL },
};

static int read_name(const struct cw_cli *cli, const char *file, char ret[CW_NAME_MAX])
{
	const char *given = cw_cli_option(cli, "name"), *slash = strrchr(file, '/');
	struct cw_str name = cw_str(given ? given : slash ? slash + 1 : file);

	if (!given)
		name.len = strcspn(name.at, ".");
	if (!cw_key_name_valid(name))
		return cw_cli_fail(-1, "'%.*s' cannot be the name of a key: give --name with at most %u letters, digits, '-', '_', '.' and '@'",
		                   (int)CW_MIN(name.len, (size_t)200), name.at, CW_NAME_MAX - 1);
	memcpy(ret, name.at, name.len);
	ret[name.len] = '\0';
	return 0;
}

static void print(const struct cw_cli *cli, const struct cw_key_pair *pair, const char *file, const char *public_file)
{
	char text[CW_KEY_TEXT];
	json_t *object;

	cw_key_format(&pair->public, text);
	if (!cli->json) {
		printf("%s %s\n", pair->name, text);
		return;
	}
	object = json_pack("{s:s, s:s, s:s, s:s?}", "name", pair->name, "public_key", text, "file", file, "public_file", public_file);
	cw_out_json(stdout, object);
	json_decref(object);
}

int cw_cmd_keygen(struct cw_cli *cli)
{
	const char *file = cli->arguments[0], *public_file = cw_cli_option(cli, "public");
	struct cw_key_pair pair = { 0 };
	struct cw_error err;
	int r;

	if (read_name(cli, file, pair.name) < 0)
		return CW_EXIT_USAGE;
	if (public_file && strcmp(file, public_file) == 0)
		return cw_cli_fail(CW_EXIT_USAGE, "the secret and the public key cannot be in one file");
	r = cw_key_pair_make(&pair, &err);
	if (r == 0)
		r = cw_key_pair_save(&pair, file, public_file, &err);
	if (r < 0) {
		cw_key_pair_clear(&pair);
		return cw_cli_fail_error(CW_EXIT_NO, &err, "no key was made");
	}
	print(cli, &pair, file, public_file);
	cw_key_pair_clear(&pair);
	return CW_EXIT_DONE;
}
