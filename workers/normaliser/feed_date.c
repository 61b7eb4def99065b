#include <string.h>
#include <strings.h>

#include "feed_date.h"

#define MINUTE_MS 60000

/* Names with one meaning where English feeds are written. RFC 822 has the American ones, UT and GMT; those of Europe are
 * common in feeds. IST and the like mean several, and RFC 2822 says of single letters but Z that they mean nothing. */
static const struct {
	const char *name;
	int minutes;
} zones[] = {
	{ "GMT", 0 },    { "UT", 0 },     { "UTC", 0 },    { "Z", 0 },      { "WET", 0 },    { "BST", 60 },
	{ "WEST", 60 },  { "CET", 60 },   { "MET", 60 },   { "CEST", 120 }, { "MEST", 120 }, { "EET", 120 },
	{ "EEST", 180 }, { "EST", -300 }, { "EDT", -240 }, { "CST", -360 }, { "CDT", -300 }, { "MST", -420 },
	{ "MDT", -360 }, { "PST", -480 }, { "PDT", -420 },
};

static const char *const months[] = { "january", "february", "march",     "april",   "may",      "june",
	                              "july",    "august",   "september", "october", "november", "december" };
static const char *const weekdays[] = { "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday" };

struct at {
	const char *at;
	size_t left;
};

static bool blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Blanks, and what stands in parentheses: a comment, as in mail. */
static void skip(struct at *at)
{
	while (at->left) {
		const char *close;

		if (*at->at != '(') {
			if (!blank(*at->at))
				return;
			at->at++;
			at->left--;
			continue;
		}
		close = memchr(at->at, ')', at->left);
		if (!close)
			return;
		at->left -= (size_t)(close + 1 - at->at);
		at->at = close + 1;
	}
}

static bool take(struct at *at, char c)
{
	if (!at->left || *at->at != c)
		return false;
	at->at++;
	at->left--;
	return true;
}

/* Digits, all that there are: between min and max of them. */
static bool number(struct at *at, size_t min, size_t max, size_t *ret_digits, int *ret)
{
	size_t n = 0;
	int value = 0;

	while (n < at->left && at->at[n] >= '0' && at->at[n] <= '9') {
		if (n == max)
			return false;
		value = value * 10 + (at->at[n++] - '0');
	}
	if (n < min)
		return false;
	at->at += n;
	at->left -= n;
	*ret = value;
	if (ret_digits)
		*ret_digits = n;
	return true;
}

/* A word of letters, left in place when it is none. */
static size_t word(const struct at *at)
{
	size_t n = 0;

	while (n < at->left && ((at->at[n] | 0x20) >= 'a' && (at->at[n] | 0x20) <= 'z'))
		n++;
	return n;
}

/* The index of a name of which at least the first three letters are there, -1 = none. */
static int name_of(struct at *at, const char *const *names, size_t n)
{
	size_t len = word(at);

	for (size_t i = 0; i < n && len >= 3; i++) {
		if (len > strlen(names[i]) || strncasecmp(at->at, names[i], len) != 0)
			continue;
		at->at += len;
		at->left -= len;
		(void)take(at, '.');
		return (int)i;
	}
	return -1;
}

static bool zone(struct at *at, int *ret_minutes)
{
	size_t len = word(at);
	int sign, hours, minutes = 0;

	for (size_t i = 0; i < CW_ARRAY_LEN(zones) && len; i++) {
		if (strlen(zones[i].name) != len || strncasecmp(at->at, zones[i].name, len) != 0)
			continue;
		at->at += len;
		at->left -= len;
		*ret_minutes = zones[i].minutes;
		/* "GMT+0100" and "UTC+1" are seen as well. */
		if (zones[i].minutes || !at->left || (*at->at != '+' && *at->at != '-'))
			return true;
		break;
	}
	if (take(at, '+'))
		sign = 1;
	else if (take(at, '-'))
		sign = -1;
	else
		return false;
	len = 0;
	if (!number(at, 1, 4, &len, &hours) || len == 3)
		return false;
	if (len == 4) {
		minutes = hours % 100;
		hours /= 100;
	} else if (take(at, ':') && !number(at, 2, 2, NULL, &minutes)) {
		return false;
	}
	*ret_minutes = sign * (hours * 60 + minutes);
	return hours <= 14 && minutes < 60;
}

/* The year of RFC 2822, 4.3: two digits are of 1950 to 2049, three count from 1900. */
static int whole_year(int year, size_t digits)
{
	if (digits == 2)
		return year < 50 ? year + 2000 : year + 1900;
	return digits == 3 ? year + 1900 : year;
}

static bool mail_date(struct at at, char ret[CW_WALL_TEXT])
{
	int mday, month, year, hour, minute, second = 0, offset = 0;
	size_t digits;
	int32_t day;

	skip(&at);
	if (name_of(&at, weekdays, 7) >= 0) {
		skip(&at);
		(void)take(&at, ',');
		skip(&at);
	}
	if (!number(&at, 1, 2, NULL, &mday))
		return false;
	skip(&at);
	(void)take(&at, '-'); /* "17-Oct-18" is of an RFC before those */
	month = name_of(&at, months, 12) + 1;
	skip(&at);
	(void)take(&at, '-');
	if (!month || !number(&at, 2, 4, &digits, &year))
		return false;
	day = cw_day_make(whole_year(year, digits), month, mday);
	skip(&at);
	if (day == CW_DAY_NONE)
		return false;
	if (!at.left) {
		cw_day_format(day, ret);
		return true;
	}
	if (!number(&at, 1, 2, NULL, &hour) || !take(&at, ':') || !number(&at, 2, 2, NULL, &minute))
		return false;
	if (take(&at, ':') && !number(&at, 2, 2, NULL, &second))
		return false;
	skip(&at);
	if (!zone(&at, &offset))
		return false;
	skip(&at);
	if (at.left || hour > 23 || minute > 59 || second > 60)
		return false;
	cw_wall_format((struct cw_wall){ cw_day_start(day).ms + (int64_t)(hour * 60 + minute - offset) * MINUTE_MS +
	                                 second * 1000 },
	               ret);
	return true;
}

bool cw_feed_date(struct cw_str text, char ret[CW_WALL_TEXT])
{
	struct cw_wall wall;
	bool date_only;

	text = cw_str_trim(text);
	if (text.len > 100)
		return false;
	if (cw_wall_parse(text.at, text.len, &wall, &date_only) == 0) {
		if (date_only)
			cw_day_format(cw_wall_day(wall), ret);
		else
			cw_wall_format(wall, ret);
		return true;
	}
	return mail_date((struct at){ text.at, text.len }, ret);
}
