/* SPDX-License-Identifier: Apache-2.0 */
/* pki_time.c - times as people write them, and as certificates hold them. */
#define _GNU_SOURCE /* strptime */
#include <string.h>
#include <time.h>
#include "pki.h"

gint64
pki_now (void)
{
  return (gint64) time (NULL);
}

/* -- reading */

static gint64
unit_of (char letter)
{
  switch (letter) {
  case 's':
    return 1;
  case 'm':
    return 60;
  case 'h':
    return 3600;
  case 0:
  case 'd':
    return PKI_DAY;
  case 'w':
    return 7 * PKI_DAY;
  case 'y':
    return 365 * PKI_DAY;
  default:
    return 0;
  }
}

/* "+10d", "-2h": from @now. */
static gboolean
read_distance (const char *text, gint64 now, gint64 *out)
{
  gsize len = strlen (text), digits = strspn (text + 1, "0123456789");
  gint64 unit = unit_of (text[1 + digits]);

  if (digits == 0 || digits > 9 || unit == 0 || len > digits + 2)
    return FALSE;
  unit *= g_ascii_strtoll (text + 1, NULL, 10);
  *out = text[0] == '+' ? now + unit : now - unit;
  return TRUE;
}

static gboolean
read_date (const char *text, gint64 *out)
{
  static const char *const formats[] = { "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d",
                                         "%Y%m%d%H%M%SZ" };

  for (guint i = 0; i < G_N_ELEMENTS (formats); i++) {
    struct tm tm = { 0 };
    const char *end = strptime (text, formats[i], &tm);
    if (end && *end == 0) {
      *out = (gint64) timegm (&tm);
      return TRUE;
    }
  }
  return FALSE;
}

gboolean
pki_time (const char *text, gint64 now, gint64 *out, GError **error)
{
  static const gint64 year_0 = G_GINT64_CONSTANT (-62167219200),
                      year_10000 = G_GINT64_CONSTANT (253402300800);
  gboolean is_read;
  char *end = NULL;

  if (strcmp (text, "now") == 0) {
    *out = now;
    is_read = TRUE;
  } else if (text[0] == '@' && text[1]) {
    *out = g_ascii_strtoll (text + 1, &end, 10);
    is_read = *end == 0;
  } else if (text[0] == '+' || text[0] == '-') {
    is_read = read_distance (text, now, out);
  } else {
    is_read = read_date (text, out);
  }
  if (is_read && *out >= year_0 && *out < year_10000)
    return TRUE;
  return pki_usage (error,
                    "\"%s\" is no time: write 2030-01-31, 2030-01-31T12:00:00Z (UTC), @SECONDS, "
                    "now, +10d or -2h",
                    text);
}

gboolean
pki_period (const PkiArgs *args, PkiPeriod *period, GError **error)
{
  const char *from = pki_text (args, period->from), *until = pki_text (args, period->until);
  gint64 now = pki_now ();

  period->first = now;
  if (until && pki_has (args, "lifetime"))
    return pki_usage (error, "--lifetime and --%s both say when it ends; give one", period->until);
  if (from && !pki_time (from, now, &period->first, error))
    return FALSE;
  period->last = period->first + (gint64) pki_number (args, "lifetime", period->days) * PKI_DAY;
  if (until && !pki_time (until, now, &period->last, error))
    return FALSE;
  if (period->last <= period->first)
    return pki_usage (error, "it would end before it begins; see --%s and --%s", period->from,
                      period->until);
  return TRUE;
}

/* -- showing */

gint64
pki_time_value (const ASN1_TIME *time)
{
  struct tm tm = { 0 };

  return time && ASN1_TIME_to_tm (time, &tm) == 1 ? (gint64) timegm (&tm) : 0;
}

char *
pki_time_text (const ASN1_TIME *time)
{
  struct tm tm = { 0 };
  char text[64];

  if (!time || ASN1_TIME_to_tm (time, &tm) != 1
      || strftime (text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
    return g_strdup ("unreadable");
  return g_strdup (text);
}
