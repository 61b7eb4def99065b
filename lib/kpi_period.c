#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <councilwatch/kpi.h>
#include <councilwatch/text.h>

#define YEAR_FIRST 1900
#define YEAR_LAST 2100

static int32_t last_of_month(int year, int month)
{
	return cw_day_add_months(cw_day_make(year, month, 1), 1) - 1;
}

static struct cw_period months(int year, int month, int n)
{
	int32_t from = cw_day_make(year, month, 1);

	return (struct cw_period){ from, cw_day_add_months(from, n) - 1 };
}

/* So many digits at the front of *text; -1: they are not. */
static int digits(const char **text, size_t n)
{
	int number = 0;

	for (size_t i = 0; i < n; i++) {
		if ((*text)[i] < '0' || (*text)[i] > '9')
			return -1;
		number = number * 10 + (*text)[i] - '0';
	}
	*text += n;
	return number;
}

static bool parse_days(const char *text, struct cw_period *ret)
{
	const char *dots = strstr(text, "..");
	struct cw_wall from, to;

	if (!dots || cw_wall_parse(text, (size_t)(dots - text), &from, NULL) < 0 || cw_wall_parse(dots + 2, strlen(dots + 2), &to, NULL) < 0)
		return false;
	*ret = (struct cw_period){ cw_wall_day(from), cw_wall_day(to) };
	return ret->from <= ret->to;
}

/* "-26" after 2025 is the financial year, whatever month 26 might be; "-07" is July. */
static bool parse_name(const char *text, struct cw_period *ret)
{
	int year = digits(&text, 4), second;

	if (year < YEAR_FIRST || year > YEAR_LAST)
		return false;
	if (!*text) {
		*ret = months(year, 1, 12);
		return true;
	}
	if ((*text == 'Q' || *text == 'q') && text[1] >= '1' && text[1] <= '4' && !text[2]) {
		*ret = months(year, (text[1] - '1') * 3 + 1, 3);
		return true;
	}
	if (*text != '-' && *text != '/')
		return false;
	text++;
	second = strlen(text) == 2 ? digits(&text, 2) : -1;
	if (second < 0)
		return false;
	if (second == (year + 1) % 100)
		*ret = months(year, 4, 12);
	else if (second >= 1 && second <= 12)
		*ret = months(year, second, 1);
	else
		return false;
	return true;
}

int cw_period_parse(const char *text, struct cw_period *ret, struct cw_error *err)
{
	struct cw_period found;

	if (!parse_days(text, &found) && !parse_name(text, &found))
		return cw_error_set(err, -EINVAL,
		                    "'%.40s' is no period; write a financial year like 2025-26, a quarter like 2025Q3 (July to September), a month like "
		                    "2025-07, a year like 2025, or days like 2025-04-01..2025-06-30", text);
	*ret = found;
	return 0;
}

struct cw_period cw_period_of(enum cw_kpi_window window, int32_t day)
{
	int year, month, mday;

	cw_day_split(day, &year, &month, &mday);
	switch (window) {
	case CW_KPI_MONTH:
		return months(year, month, 1);
	case CW_KPI_QUARTER:
		return months(year, (month - 1) / 3 * 3 + 1, 3);
	default:
		return months(month < 4 ? year - 1 : year, 4, 12);
	}
}

const char *cw_period_format(struct cw_period period, char buf[CW_PERIOD_TEXT])
{
	char from[CW_WALL_TEXT], to[CW_WALL_TEXT];
	int year, month, mday;

	cw_day_split(period.from, &year, &month, &mday);
	if (mday == 1 && period.to == last_of_month(year, month))
		snprintf(buf, CW_PERIOD_TEXT, "%04d-%02d", year, month);
	else if (mday == 1 && month % 3 == 1 && period.to == last_of_month(year, month + 2))
		snprintf(buf, CW_PERIOD_TEXT, "%04dQ%d", year, month / 3 + 1);
	else if (mday == 1 && month == 4 && period.to == last_of_month(year + 1, 3))
		snprintf(buf, CW_PERIOD_TEXT, "%04d-%02d", year, (year + 1) % 100);
	else if (mday == 1 && month == 1 && period.to == last_of_month(year, 12))
		snprintf(buf, CW_PERIOD_TEXT, "%04d", year);
	else
		snprintf(buf, CW_PERIOD_TEXT, "%.10s..%.10s", cw_day_format(period.from, from), cw_day_format(period.to, to));
	return buf;
}
