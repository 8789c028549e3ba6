/* Retry-After; see retry_after.h. Dates are parsed by hand: the C library's functions follow the
 * locale, and this layer does not use libcurl. */
#include "aws/retry_after.h"
#include "base/ascii.h"

#include <stdint.h>
#include <string.h>

#define LONGEST 2147483648.0

static const char *skip_blanks(const char *text) {
  while (*text == ' ' || *text == '\t') text++;
  return text;
}

/* Reads a whole number that makes up the entire value. */
static bool read_whole(const char *text, double *number) {
  uint64_t whole;
  if (text == NULL || !ascii_read_whole(&text, &whole) || *skip_blanks(text) != '\0') return false;
  *number = (double)whole;
  return true;
}

struct date {
  uint64_t day, month, year, hour, minute, second;
};

static bool read_month(const char **text, struct date *date) {
  static const char names[] = "janfebmaraprmayjunjulaugsepoctnovdec";
  for (size_t i = 0; i < 12; i++) {
    if (strlen(*text) < 3 || !ascii_same(*text, names + 3 * i, 3)) continue;
    date->month = i + 1;
    *text += 3;
    return true;
  }
  return false;
}

static bool read_character(const char **text, char character) {
  bool there = **text == character;
  if (there) (*text)++;
  return there;
}

static bool read_time(const char **text, struct date *date) {
  return ascii_read_whole(text, &date->hour) && read_character(text, ':') &&
         ascii_read_whole(text, &date->minute) && read_character(text, ':') &&
         ascii_read_whole(text, &date->second);
}

/* "Sunday, 06-Nov-94": two-digit years are 1970 to 2069. */
static bool read_year(const char **text, struct date *date) {
  if (!ascii_read_whole(text, &date->year)) return false;
  if (date->year < 70) date->year += 2000;
  if (date->year < 100) date->year += 1900;
  return true;
}

/* Reads what follows the day's name: "06 Nov 1994 08:49:37 GMT" or "06-Nov-94 08:49:37 GMT". */
static bool read_day_first(const char **text, struct date *date) {
  char between = ' ';
  if (!ascii_read_whole(text, &date->day)) return false;
  if (**text == '-') between = '-';
  return read_character(text, between) && read_month(text, date) && read_character(text, between) &&
         read_year(text, date) && read_character(text, ' ') && read_time(text, date) &&
         read_character(text, ' ') &&
         (ascii_starts_nocase(*text, "GMT") || ascii_starts_nocase(*text, "UTC"));
}

/* Reads asctime's form: "Nov  6 08:49:37 1994". */
static bool read_month_first(const char **text, struct date *date) {
  if (!read_month(text, date)) return false;
  *text = skip_blanks(*text);
  return ascii_read_whole(text, &date->day) && read_character(text, ' ') && read_time(text, date) &&
         read_character(text, ' ') && read_year(text, date);
}

/* Days from 1970-01-01 to a Gregorian date. Counting years from March puts the leap day last. */
static int64_t days(int64_t year, int64_t month, int64_t day) {
  if (month <= 2) {
    year--;
    month += 12;
  }
  return 365 * year + year / 4 - year / 100 + year / 400 + (153 * (month - 3) + 2) / 5 + day -
         719469;
}

/* Reads any of RFC 9110's three date formats. */
static bool read_date(const char *text, int64_t *time) {
  struct date d;
  if (text == NULL) return false;
  while (ascii_is_alpha(*text)) text++;
  if (*text == ',') text++;
  text = skip_blanks(text);
  bool read = ascii_is_digit(*text) ? read_day_first(&text, &d) : read_month_first(&text, &d);
  if (!read || d.day < 1 || d.day > 31 || d.year < 1970 || d.year > 9999 || d.hour > 23 ||
      d.minute > 59 || d.second > 60) {
    return false;
  }
  int64_t day = days((int64_t)d.year, (int64_t)d.month, (int64_t)d.day);
  *time = day * 86400 + (int64_t)(d.hour * 3600 + d.minute * 60 + d.second);
  return true;
}

bool retry_after_read(const struct answer *answer, time_t now, double *seconds) {
  const char *value = answer_header(answer, "retry-after");
  int64_t date;
  if (read_whole(answer_header(answer, "x-amz-retry-after"), seconds)) {
    *seconds /= 1000;
  } else if (!read_whole(value, seconds)) {
    if (!read_date(value, &date)) return false;
    *seconds = (double)(date - (int64_t)now);
  }
  if (*seconds < 0) *seconds = 0;
  if (*seconds > LONGEST) *seconds = LONGEST;
  return true;
}
