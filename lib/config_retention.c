#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <councilwatch/retention.h>

#include "config_private.h"

int cw_keep_parse(const char *text, struct cw_keep *ret)
{
	static const struct {
		const char *unit;
		int months, days;
	} units[] = { { "day", 0, 1 }, { "week", 0, 7 }, { "month", 1, 0 }, { "year", 12, 0 } };
	unsigned long n;
	char unit[16];
	size_t len;
	int end = 0;

	if (strcmp(text, "none") == 0) {
		*ret = (struct cw_keep){ .forever = true };
		return 0;
	}
	if (text[0] < '0' || text[0] > '9' || sscanf(text, "%lu %15[a-z]%n", &n, unit, &end) != 2 || text[end] || n > CW_KEEP_MAX_DAYS)
		return -EINVAL;
	len = strlen(unit);
	if (len > 1 && unit[len - 1] == 's')
		unit[--len] = '\0';
	for (size_t i = 0; i < CW_ARRAY_LEN(units); i++) {
		if (strcmp(unit, units[i].unit) != 0 || n * (unsigned)(units[i].months * 30 + units[i].days) > CW_KEEP_MAX_DAYS)
			continue;
		*ret = (struct cw_keep){ .months = (int)n * units[i].months, .days = (int)n * units[i].days };
		return 0;
	}
	return -EINVAL;
}

bool cw_keep_over(const struct cw_keep *span, int32_t began, int32_t by)
{
	return !span->forever && began != CW_DAY_NONE && cw_day_add_months(began, span->months) + span->days <= by;
}

#define REMOVED "text removed on "

int cw_removed_text(struct cw_str text, int32_t day, char ret[CW_REMOVED_TEXT_MAX])
{
	unsigned char digest[CW_SHA256_LEN];
	char hex[CW_SHA256_HEX], date[CW_WALL_TEXT];

	if (cw_sha256(text.at, text.len, digest) < 0)
		return -ENOMEM;
	cw_hex(digest, sizeof(digest), hex);
	snprintf(ret, CW_REMOVED_TEXT_MAX, REMOVED "%s by retention, sha256 %s", cw_day_format(day, date), hex);
	return 0;
}

bool cw_text_removed(struct cw_str text)
{
	return text.len > strlen(REMOVED) && memcmp(text.at, REMOVED, strlen(REMOVED)) == 0;
}

int conf_retention_read(const struct conf_section *section, struct cw_retention *ret, struct conf_mistakes *mistakes)
{
	int r = conf_apply("retention", section, ret, mistakes);
	const struct {
		const char *key, *text;
		struct cw_keep *span;
	} spans[] = { { "documents", ret->documents_text, &ret->documents },
		      { "refused", ret->refused_text, &ret->refused },
		      { "news_text", ret->news_text_text, &ret->news_text },
		      { "notes", ret->notes_text, &ret->notes },
		      { "evidence", ret->evidence_text, &ret->evidence } };
	const struct conf_entry *entry;
	struct cw_wall end;
	bool date = false;

	if (r < 0)
		return r;
	for (size_t i = 0; i < CW_ARRAY_LEN(spans); i++) {
		if (spans[i].text && cw_keep_parse(spans[i].text, spans[i].span) == 0)
			continue;
		*spans[i].span = (struct cw_keep){ .forever = true };
		entry = section ? conf_entry(section, spans[i].key) : NULL;
		conf_mistake(mistakes, section ? section->file : "", entry ? entry->line : 0,
		             "%s is \"%s\"; write a number of days, weeks, months or years, such as \"24 months\", or \"none\" to keep for ever",
		             spans[i].key, spans[i].text ? spans[i].text : "");
	}
	ret->contract_end = CW_DAY_NONE;
	if (!ret->contract_end_text || !*ret->contract_end_text)
		return 0;
	if (cw_wall_parse(ret->contract_end_text, strlen(ret->contract_end_text), &end, &date) == 0 && date) {
		ret->contract_end = cw_wall_day(end);
		return 0;
	}
	entry = section ? conf_entry(section, "contract_end") : NULL;
	conf_mistake(mistakes, section ? section->file : "", entry ? entry->line : 0,
	             "contract_end is \"%s\"; write a date such as \"2028-03-31\"", ret->contract_end_text);
	return 0;
}
