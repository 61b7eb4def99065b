#include <inttypes.h>
#include <string.h>

#include <councilwatch/log.h>

#include "doors.h"

bool cw_doors_note(struct cw_doors *doors, struct cw_str name, uint32_t why, uint64_t total)
{
	for (int door = 0; door < CW_DOOR_COUNT && why < CW_REFUSAL_COUNT; door++)
		if (cw_str_eq(name, cw_door_name((enum cw_door)door))) {
			doors->assessor[door].now[why] = total;
			return true;
		}
	return false;
}

void cw_doors_new_assessor(struct cw_doors *doors)
{
	for (int door = 0; door < CW_DOOR_COUNT; door++)
		for (int why = 0; why < CW_REFUSAL_COUNT; why++) {
			doors->assessor[door].before[why] += doors->assessor[door].now[why];
			doors->assessor[door].now[why] = 0;
		}
}

static void add_own(const struct cw_gate *gate, const char *name, uint64_t total[CW_REFUSAL_COUNT])
{
	uint64_t own[CW_REFUSAL_COUNT];
	const char *each;

	for (size_t i = 0; (each = cw_gate_door(gate, i, own)); i++)
		for (int why = 0; why < CW_REFUSAL_COUNT && strcmp(each, name) == 0; why++)
			total[why] += own[why];
}

json_t *cw_doors_status(const struct cw_doors *doors, const struct cw_config *config, const struct cw_gate *gate)
{
	json_t *list = json_array();

	for (int door = 0; door < CW_DOOR_COUNT; door++) {
		const char *name = cw_door_name((enum cw_door)door);
		uint64_t total[CW_REFUSAL_COUNT] = { 0 };
		json_t *object;

		if (!cw_config_door(config, (enum cw_door)door))
			continue;
		add_own(gate, name, total);
		object = json_pack("{s:s}", "endpoint", name);
		for (int why = 0; why < CW_REFUSAL_COUNT; why++)
			json_object_set_new(object, cw_refusal_name((enum cw_refusal)why),
			                    json_integer((json_int_t)(total[why] + doors->assessor[door].before[why] +
			                                              doors->assessor[door].now[why])));
		json_array_append_new(list, object);
	}
	return list;
}

void cw_doors_log(void *arg, const struct cw_refused *refused)
{
	(void)arg;
	cw_log(CW_LOG_WARNING, "peer.refused", "endpoint=%s reason=%s from=%s count=%" PRIu64 " total=%" PRIu64, refused->door,
	       cw_refusal_name(refused->why), refused->who, refused->n, refused->total);
}
