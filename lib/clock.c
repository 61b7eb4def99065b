#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <councilwatch/clock.h>

#define MS_PER_DAY 86400000

static struct cw_wall (*replaced_wall)(void);

struct cw_mono cw_mono_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (struct cw_mono){ (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec };
}

struct cw_wall cw_wall_now(void)
{
	struct timespec ts;

	if (replaced_wall)
		return replaced_wall();
	clock_gettime(CLOCK_REALTIME, &ts);
	return (struct cw_wall){ (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000 };
}

void cw_clock_replace(struct cw_wall (*wall)(void))
{
	replaced_wall = wall;
}

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

int32_t cw_wall_day(struct cw_wall t)
{
	return cw_wall_known(t) ? (int32_t)floor_div(t.ms, MS_PER_DAY) : CW_DAY_NONE;
}

struct cw_wall cw_day_start(int32_t day)
{
	return day == CW_DAY_NONE ? cw_wall_none() : (struct cw_wall){ (int64_t)day * MS_PER_DAY };
}

static bool leap_year(int year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int month_days(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	return month == 2 && leap_year(year) ? 29 : days[month - 1];
}

int32_t cw_day_make(int year, int month, int mday)
{
	int64_t y, era, day_of_era;
	int day_of_year;

	if (year < 1 || year > 9999 || month < 1 || month > 12 || mday < 1 || mday > month_days(year, month))
		return CW_DAY_NONE;
	/* Years begin in March here, so that the leap day is the last of a year; an era is 400 years. */
	y = year - (month <= 2);
	era = floor_div(y, 400);
	day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + mday - 1;
	y -= era * 400;
	day_of_era = y * 365 + y / 4 - y / 100 + day_of_year;
	return (int32_t)(era * 146097 + day_of_era - 719468);
}

void cw_day_split(int32_t day, int *year, int *month, int *mday)
{
	int64_t z = (int64_t)day + 719468;
	int64_t era = floor_div(z, 146097);
	int64_t doe = z - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int64_t mp = (5 * doy + 2) / 153;

	*mday = (int)(doy - (153 * mp + 2) / 5 + 1);
	*month = (int)(mp < 10 ? mp + 3 : mp - 9);
	*year = (int)(yoe + era * 400 + (*month <= 2));
}

int32_t cw_day_add_months(int32_t day, int months)
{
	int year, month, mday;
	int64_t total;

	if (day == CW_DAY_NONE)
		return CW_DAY_NONE;
	cw_day_split(day, &year, &month, &mday);
	total = (int64_t)year * 12 + month - 1 + months;
	year = (int)floor_div(total, 12);
	month = (int)(total - (int64_t)year * 12) + 1;
	if (year < 1 || year > 9999)
		return CW_DAY_NONE;
	return cw_day_make(year, month, CW_MIN(mday, month_days(year, month)));
}

const char *cw_day_format(int32_t day, char buf[CW_WALL_TEXT])
{
	int year, month, mday;

	if (day == CW_DAY_NONE) {
		buf[0] = '\0';
		return buf;
	}
	cw_day_split(day, &year, &month, &mday);
	snprintf(buf, CW_WALL_TEXT, "%04d-%02d-%02d", year, month, mday);
	return buf;
}

const char *cw_wall_format(struct cw_wall t, char buf[CW_WALL_TEXT])
{
	char date[CW_WALL_TEXT];
	int64_t ms;
	int n;

	if (!cw_wall_known(t)) {
		buf[0] = '\0';
		return buf;
	}
	cw_day_format(cw_wall_day(t), date);
	ms = t.ms - floor_div(t.ms, MS_PER_DAY) * MS_PER_DAY;
	n = snprintf(buf, CW_WALL_TEXT, "%.14sT%02d:%02d:%02d", date, (int)(ms / 3600000), (int)(ms / 60000 % 60),
	             (int)(ms / 1000 % 60));
	if (ms % 1000)
		n += snprintf(buf + n, CW_WALL_TEXT - (size_t)n, ".%03d", (int)(ms % 1000));
	snprintf(buf + n, CW_WALL_TEXT - (size_t)n, "Z");
	return buf;
}

/* Takes between min and max digits from the front. */
static bool take_digits(const char **at, size_t *left, size_t min, size_t max, int *ret)
{
	size_t n = 0;
	int value = 0;

	while (n < max && n < *left && isdigit((unsigned char)(*at)[n]))
		value = value * 10 + ((*at)[n++] - '0');
	if (n < min)
		return false;
	*at += n;
	*left -= n;
	*ret = value;
	return true;
}

static bool take_char(const char **at, size_t *left, char c)
{
	if (!*left || **at != c)
		return false;
	(*at)++;
	(*left)--;
	return true;
}

int cw_wall_parse(const char *text, size_t len, struct cw_wall *ret, bool *ret_date_only)
{
	int year, month, mday, hour = 0, minute = 0, second = 0, ms = 0, off_h = 0, off_m = 0, sign = 0;
	bool date_only = true;
	int32_t day;

	if (!take_digits(&text, &len, 4, 4, &year) || !take_char(&text, &len, '-') ||
	    !take_digits(&text, &len, 2, 2, &month) || !take_char(&text, &len, '-') ||
	    !take_digits(&text, &len, 2, 2, &mday))
		return -EINVAL;
	day = cw_day_make(year, month, mday);
	if (day == CW_DAY_NONE)
		return -EINVAL;

	if (len) {
		date_only = false;
		if (!take_char(&text, &len, 'T') && !take_char(&text, &len, 't') && !take_char(&text, &len, ' '))
			return -EINVAL;
		if (!take_digits(&text, &len, 2, 2, &hour) || !take_char(&text, &len, ':') ||
		    !take_digits(&text, &len, 2, 2, &minute))
			return -EINVAL;
		if (take_char(&text, &len, ':')) {
			if (!take_digits(&text, &len, 2, 2, &second))
				return -EINVAL;
			if (take_char(&text, &len, '.')) {
				int digits = 0, d;

				while (take_digits(&text, &len, 1, 1, &d)) {
					if (digits < 3)
						ms = ms * 10 + d;
					digits++;
				}
				if (!digits)
					return -EINVAL;
				for (; digits < 3; digits++)
					ms *= 10;
			}
		}
		if (take_char(&text, &len, 'Z') || take_char(&text, &len, 'z'))
			sign = 0;
		else if (take_char(&text, &len, '+') || take_char(&text, &len, '-')) {
			sign = text[-1] == '+' ? 1 : -1;
			if (!take_digits(&text, &len, 2, 2, &off_h))
				return -EINVAL;
			(void)take_char(&text, &len, ':');
			if (!take_digits(&text, &len, 2, 2, &off_m))
				return -EINVAL;
		} else
			return -EINVAL;
		if (len || hour > 23 || minute > 59 || second > 60 || off_h > 23 || off_m > 59)
			return -EINVAL;
	}
	*ret = (struct cw_wall){ (int64_t)day * MS_PER_DAY + hour * 3600000 + minute * 60000 + second * 1000 + ms -
		                 sign * (off_h * 3600000 + off_m * 60000) };
	if (ret_date_only)
		*ret_date_only = date_only;
	return 0;
}

static bool take_month(const char **at, size_t *left, int *ret)
{
	static const char *const names[] = { "january", "february", "march",     "april",   "may",      "june",
		                             "july",    "august",   "september", "october", "november", "december" };

	for (int i = 0; i < 12; i++) {
		size_t full = strlen(names[i]);

		if (*left >= full && strncasecmp(*at, names[i], full) == 0) {
			*at += full;
			*left -= full;
			*ret = i + 1;
			return true;
		}
	}
	for (int i = 0; i < 12; i++) {
		if (*left >= 3 && strncasecmp(*at, names[i], 3) == 0) {
			size_t n = i == 8 && *left >= 4 && strncasecmp(*at, "sept", 4) == 0 ? 4 : 3;

			*at += n;
			*left -= n;
			*ret = i + 1;
			return true;
		}
	}
	return false;
}

int cw_date_parse(const char *text, size_t len, const char *format, int32_t *ret_day)
{
	int year = 0, month = 0, mday = 0, ignored;
	bool have_year = false, have_month = false, have_mday = false;
	int32_t day;

	for (; *format; format++) {
		/* "@09-30": the text names a period only, and this is its day. */
		if (*format == '@') {
			const char *rest = format + 1;
			size_t left = strlen(rest);

			if (!take_digits(&rest, &left, 2, 2, &month) || !take_char(&rest, &left, '-') ||
			    !take_digits(&rest, &left, 2, 2, &mday) || left)
				return -EINVAL;
			have_month = have_mday = true;
			break;
		}
		if (*format == ' ') {
			if (!len || !isspace((unsigned char)*text))
				return -EINVAL;
			while (len && isspace((unsigned char)*text)) {
				text++;
				len--;
			}
			continue;
		}
		if (*format != '%') {
			if (!take_char(&text, &len, *format))
				return -EINVAL;
			continue;
		}
		switch (*++format) {
		case 'd':
			if (!take_digits(&text, &len, 1, 2, &mday))
				return -EINVAL;
			have_mday = true;
			break;
		case 'm':
			if (!take_digits(&text, &len, 1, 2, &month))
				return -EINVAL;
			have_month = true;
			break;
		case 'b':
		case 'B':
			if (!take_month(&text, &len, &month))
				return -EINVAL;
			have_month = true;
			break;
		case 'Y':
			if (!take_digits(&text, &len, 4, 4, &year))
				return -EINVAL;
			have_year = true;
			break;
		case 'y':
			if (!take_digits(&text, &len, 2, 2, &year))
				return -EINVAL;
			year += year <= 68 ? 2000 : 1900;
			have_year = true;
			break;
		case 'H':
		case 'M':
		case 'S':
		case '#':
			if (!take_digits(&text, &len, 1, 2, &ignored))
				return -EINVAL;
			break;
		default:
			return -EINVAL;
		}
	}
	if (len || !have_year || !have_month || !have_mday)
		return -EINVAL;
	day = cw_day_make(year, month, mday);
	if (day == CW_DAY_NONE || year < 1900 || year > 2100)
		return -ERANGE;
	*ret_day = day;
	return 0;
}
