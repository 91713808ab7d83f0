/* Dates (XEP-0082) by arithmetic on the Gregorian calendar, and <delay/> (XEP-0203). No time zones, no libc. */
#include "lib/xmpp/delay.h"

#include "lib/xmpp/ns.h"

#define SECOND_MS 1000
#define DAY_S 86400
#define DAYS_OF_400_YEARS 146097
#define DAYS_TO_1970 719468 /* from 0000-03-01 */
#define FIRST_MS (-62167219200 * SECOND_MS) /* 0000-01-01T00:00:00Z */
#define LAST_MS (253402300800 * SECOND_MS - 1) /* 9999-12-31T23:59:59.999Z */

struct date {
	int64_t year;
	int64_t month, day; /* from 1 */
};

static int64_t floor_div(int64_t x, int64_t y)
{
	return x / y - (x % y < 0);
}

/* Years that begin in March put the leap day last: the day of the year then follows from the month alone, and 153 days
 * are five months of 31, 30, 31, 30, 31. */
static int64_t days_of(struct date d)
{
	int64_t year = d.month > 2 ? d.year : d.year - 1;
	int64_t month = (d.month + 9) % 12;
	int64_t era = floor_div(year, 400), year_of_era = year - era * 400;
	int64_t day_of_year = (153 * month + 2) / 5 + d.day - 1;
	int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
	return era * DAYS_OF_400_YEARS + day_of_era - DAYS_TO_1970;
}

static struct date date_of(int64_t days)
{
	int64_t from_march = days + DAYS_TO_1970;
	int64_t era = floor_div(from_march, DAYS_OF_400_YEARS), day_of_era = from_march - era * DAYS_OF_400_YEARS;
	int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int64_t month = (5 * day_of_year + 2) / 153;
	int64_t day = day_of_year - (153 * month + 2) / 5 + 1;
	month = month < 10 ? month + 3 : month - 9;
	return (struct date){ year_of_era + era * 400 + (month <= 2), month, day };
}

static bool is_date(struct date d)
{
	static const uint8_t month_days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	if (d.month < 1 || d.month > 12 || d.day < 1)
		return false;
	bool leap = d.year % 4 == 0 && (d.year % 100 != 0 || d.year % 400 == 0);
	return d.day <= month_days[d.month - 1] + (d.month == 2 && leap);
}

struct str datetime_format(struct arena *a, int64_t wall_ms)
{
	if (wall_ms < FIRST_MS)
		wall_ms = FIRST_MS;
	if (wall_ms > LAST_MS)
		wall_ms = LAST_MS;
	int64_t seconds = floor_div(wall_ms, SECOND_MS), days = floor_div(seconds, DAY_S);
	int ms = (int)(wall_ms - seconds * SECOND_MS), of_day = (int)(seconds - days * DAY_S);
	struct date d = date_of(days);
	return arena_printf(a, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", (int)d.year, (int)d.month, (int)d.day,
		of_day / 3600, of_day / 60 % 60, of_day % 60, ms);
}

/* Takes exactly n digits. */
static bool take_number(struct str *s, size_t n, int64_t *value_r)
{
	uint64_t value;
	if (s->n < n || !str_parse_u64(str_first(*s, n), UINT32_MAX, &value))
		return false;
	*s = str_from(*s, n);
	*value_r = (int64_t)value;
	return true;
}

static bool take_char(struct str *s, char c)
{
	if (s->n == 0 || s->p[0] != c)
		return false;
	*s = str_from(*s, 1);
	return true;
}

static bool take_date(struct str *s, int64_t *days_r)
{
	struct date d;
	if (!take_number(s, 4, &d.year) || !take_char(s, '-') || !take_number(s, 2, &d.month) || !take_char(s, '-') ||
		!take_number(s, 2, &d.day) || !is_date(d))
		return false;
	*days_r = days_of(d);
	return true;
}

/* The digits behind the third are dropped. */
static bool take_fraction(struct str *s, int64_t *ms_r)
{
	size_t digits = 0;
	for (; s->n && s->p[0] >= '0' && s->p[0] <= '9'; digits++) {
		if (digits < 3)
			*ms_r = *ms_r * 10 + (s->p[0] - '0');
		*s = str_from(*s, 1);
	}
	for (size_t i = digits; i < 3; i++)
		*ms_r *= 10;
	return digits > 0;
}

/* A leap second is the second after it. 24:00:00 is the end of the day (XML Schema 1.1, 3.3.7, which XEP-0082 defers
 * to). */
static bool take_time(struct str *s, int64_t *ms_r)
{
	int64_t hour, minute, second, ms = 0;
	if (!take_number(s, 2, &hour) || !take_char(s, ':') || !take_number(s, 2, &minute) || !take_char(s, ':') ||
		!take_number(s, 2, &second))
		return false;
	if (take_char(s, '.') && !take_fraction(s, &ms))
		return false;
	if (minute > 59 || second > 60 || hour > 24 || (hour == 24 && (minute || second || ms)))
		return false;
	*ms_r = ((hour * 60 + minute) * 60 + second) * SECOND_MS + ms;
	return true;
}

/* Z, or ±hh:mm up to 14 hours (XML Schema). */
static bool take_zone(struct str *s, int64_t *ms_r)
{
	int64_t hour, minute;
	*ms_r = 0;
	if (take_char(s, 'Z'))
		return true;
	bool east = take_char(s, '+');
	if (!east && !take_char(s, '-'))
		return false;
	if (!take_number(s, 2, &hour) || !take_char(s, ':') || !take_number(s, 2, &minute))
		return false;
	if (minute > 59 || hour * 60 + minute > 14 * 60)
		return false;
	*ms_r = (hour * 60 + minute) * 60 * SECOND_MS;
	if (!east)
		*ms_r = -*ms_r;
	return true;
}

bool datetime_parse(struct str s, int64_t *wall_ms_r)
{
	int64_t days, time_ms, zone_ms;
	if (!take_date(&s, &days) || !take_char(&s, 'T') || !take_time(&s, &time_ms) || !take_zone(&s, &zone_ms) || s.n)
		return false;
	int64_t wall_ms = days * DAY_S * SECOND_MS + time_ms - zone_ms;
	if (wall_ms < FIRST_MS || wall_ms > LAST_MS)
		return false;
	*wall_ms_r = wall_ms;
	return true;
}

struct xml_node *delay_build(struct arena *a, const struct jid *from, int64_t wall_ms)
{
	struct xml_node *delay = xml_new(a, NS_DELAY, STR("delay"));
	if (from)
		xml_set(a, delay, STR("from"), arena_dup(a, jid_full(from)));
	xml_set(a, delay, STR("stamp"), datetime_format(a, wall_ms));
	return delay;
}
