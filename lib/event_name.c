#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <councilwatch/event_name.h>

/* The next part up to a '/'. */
static struct cw_str take_part(struct cw_str *text)
{
	const char *slash = memchr(text->at, '/', text->len);
	struct cw_str part = { text->at, slash ? (size_t)(slash - text->at) : text->len };

	text->at += part.len + (slash != NULL);
	text->len -= part.len + (slash != NULL);
	return part;
}

static bool is_id(struct cw_str text)
{
	for (size_t i = 0; i < text.len; i++)
		if (!strchr("0123456789abcdef", text.at[i]) || !text.at[i])
			return false;
	return text.len == 32;
}

int cw_event_name_parse(const struct cw_risk *risk, struct cw_str text, struct cw_event_name *ret)
{
	struct cw_event_name name = { .day = CW_DAY_NONE };
	struct cw_str part;

	if (!text.len)
		return -EINVAL;
	if (is_id(text)) {
		name.form = CW_EVENT_EVIDENCE;
		memcpy(name.id, text.at, text.len);
		*ret = name;
		return 0;
	}
	part = take_part(&text);
	if (cw_str_eq(part, "ilacs") || cw_str_eq(part, "area_send")) {
		name.form = CW_EVENT_INSPECTION;
		name.kind = cw_kind_by_name(part)->kind;
		name.criterion = name.kind == CW_KIND_ILACS ? CW_CRIT_OFSTED : CW_CRIT_SEND;
	} else {
		name.form = CW_EVENT_SIGNAL;
		name.signal = cw_risk_signal(risk, part);
		if (!name.signal || cw_criterion_parse(take_part(&text), &name.criterion) < 0 ||
		    !(name.signal->criteria & 1u << name.criterion))
			return -EINVAL;
	}
	if (text.len != 10 || cw_date_parse(text.at, text.len, "%Y-%m-%d", &name.day) < 0)
		return -EINVAL;
	*ret = name;
	return 0;
}

const char *cw_event_name_format(const struct cw_event_name *name, char buf[CW_EVENT_NAME_TEXT])
{
	char day[CW_WALL_TEXT];

	switch (name->form) {
	case CW_EVENT_SIGNAL:
		snprintf(buf, CW_EVENT_NAME_TEXT, "%s/%s/%s", name->signal->name, cw_criterion_name(name->criterion),
		         cw_day_format(name->day, day));
		break;
	case CW_EVENT_INSPECTION:
		snprintf(buf, CW_EVENT_NAME_TEXT, "%s/%s", cw_kind_def(name->kind)->name, cw_day_format(name->day, day));
		break;
	case CW_EVENT_EVIDENCE:
		snprintf(buf, CW_EVENT_NAME_TEXT, "%s", name->id);
	}
	return buf;
}
