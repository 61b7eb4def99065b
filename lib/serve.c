#include <councilwatch/serve.h>

int cw_serve_key(const struct cw_config *config, unsigned doors, bool *ret_needed, struct cw_key_pair *ret, struct cw_error *err)
{
	*ret_needed = false;
	for (int door = 0; door < CW_DOOR_COUNT; door++)
		if (doors & 1u << door && cw_config_door(config, (enum cw_door)door))
			*ret_needed = true;
	return *ret_needed ? cw_key_pair_load(config->server_key, ret, err) : 0;
}

static int open_doors(const struct cw_config *config, unsigned doors, struct cw_gate *gate, struct cw_error *err)
{
	int r = 0;

	for (int door = 0; door < CW_DOOR_COUNT && r == 0; door++) {
		const char *endpoint = cw_config_door(config, (enum cw_door)door);

		if (doors & 1u << door && endpoint)
			r = cw_gate_allow(gate, cw_door_name((enum cw_door)door), endpoint, &config->allowed[door], err);
	}
	return r;
}

int cw_serve(const struct cw_config *config, unsigned doors, struct cw_loop *loop, struct cw_bus *bus, const struct cw_key_pair *own,
             cw_refused_fn *fn, void *arg, struct cw_gate **ret, struct cw_error *err)
{
	int r = 0;

	cw_bus_set_group(bus, config->gid);
	for (int door = 0; door < CW_DOOR_COUNT && r == 0; door++) {
		const char *remote = cw_config_remote(config, (enum cw_door)door);

		if (doors & 1u << door && remote)
			r = cw_bus_add_remote(bus, cw_config_endpoint(config, (enum cw_door)door), remote, err);
	}
	if (r < 0 || !own)
		return r;
	r = cw_gate_new(loop, bus, own, fn, arg, ret, err);
	return r < 0 ? r : open_doors(config, doors, *ret, err);
}

int cw_serve_update(const struct cw_config *config, unsigned doors, struct cw_gate *gate, struct cw_error *err)
{
	return gate ? open_doors(config, doors, gate, err) : 0;
}

int cw_identity_load(const struct cw_config *config, struct cw_identity *ret, struct cw_error *err)
{
	struct cw_named_key server;
	int r;

	*ret = (struct cw_identity){ 0 };
	if (!config->client_key)
		return 0;
	r = cw_public_key_load(config->server_public_key, &server, err);
	if (r == 0)
		r = cw_key_pair_load(config->client_key, &ret->own, err);
	if (r < 0)
		return r;
	ret->server = server.key;
	ret->known = true;
	return 0;
}

void cw_identity_clear(struct cw_identity *identity)
{
	cw_key_pair_clear(&identity->own);
	identity->known = false;
}

int cw_client_bus_new(const struct cw_config *config, struct cw_bus **ret, struct cw_error *err)
{
	struct cw_identity identity;
	struct cw_bus *bus;
	int r = cw_identity_load(config, &identity, err);

	if (r == 0)
		r = cw_bus_new(&bus, err);
	if (r < 0) {
		cw_identity_clear(&identity);
		return r;
	}
	if (identity.known)
		r = cw_bus_identify(bus, &identity.own, &identity.server, err);
	cw_identity_clear(&identity);
	if (r < 0)
		cw_bus_free(bus);
	else
		*ret = bus;
	return r;
}
