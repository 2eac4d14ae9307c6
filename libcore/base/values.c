/* SPDX-License-Identifier: Apache-2.0 */
/* values.c - what the text of a setting means: truths, numbers, times, sizes, lists; and the
 * nearest known name.
 *
 * The rules are those of swanctl: numbers have base 0 (010 is 8), a truth that is none is an error.
 */
#include <ikebana/tree.h>
#include <errno.h>
#include <string.h>

gboolean
ike_value_bool (const char *text, gboolean *value)
{
  static const char *const words[2][4] = { { "0", "no", "false", "disabled" },
                                           { "1", "yes", "true", "enabled" } };
  for (guint truth = 0; text && truth < 2; truth++)
    for (guint i = 0; i < G_N_ELEMENTS (words[truth]); i++)
      if (g_ascii_strcasecmp (text, words[truth][i]) == 0) {
        *value = (gboolean) truth;
        return TRUE;
      }
  return FALSE;
}

/* Reads a number and leaves @rest behind it.  @overflowed may be NULL: then too large is no number.
 */
static gboolean
read_number (const char *text, guint64 *value, const char **rest, gboolean *overflowed)
{
  char *end;

  if (!text || !g_ascii_isdigit (text[0]))
    return FALSE;
  errno = 0;
  *value = g_ascii_strtoull (text, &end, 0);
  if (end == text || (errno == ERANGE && !overflowed))
    return FALSE;
  if (overflowed)
    *overflowed = errno == ERANGE;
  *rest = end;
  return TRUE;
}

gboolean
ike_value_uint (const char *text, guint64 *value)
{
  guint64 number;
  const char *rest;

  if (!read_number (text, &number, &rest, NULL) || *rest)
    return FALSE;
  *value = number;
  return TRUE;
}

/* The factor of the unit at @rest, 0 when there is none of that name or something comes behind it.
 */
static guint64
read_unit (const char *rest, const char *units, const guint64 *factors)
{
  const char *unit;

  while (*rest == ' ' || *rest == '\t')
    rest++;
  if (!*rest)
    return 1;
  unit = strchr (units, g_ascii_tolower (*rest));
  return unit && !rest[1] ? factors[unit - units] : 0;
}

gboolean
ike_value_time (const char *text, guint64 *seconds)
{
  static const guint64 factors[] = { 1, 60, 3600, 86400 };
  guint64 number, factor;
  const char *rest;

  if (!read_number (text, &number, &rest, NULL))
    return FALSE;
  factor = read_unit (rest, "smhd", factors);
  if (!factor || number > G_MAXUINT64 / factor)
    return FALSE;
  *seconds = number * factor;
  return TRUE;
}

gboolean
ike_value_bytes (const char *text, guint64 *bytes)
{
  static const guint64 factors[] = { 1 << 10, 1 << 20, 1 << 30 };
  guint64 number, factor;
  gboolean overflowed;
  const char *rest;

  if (!read_number (text, &number, &rest, &overflowed))
    return FALSE;
  factor = read_unit (rest, "kmg", factors);
  if (!factor)
    return FALSE;
  *bytes = overflowed || number > G_MAXUINT64 / factor ? G_MAXUINT64 : number * factor;
  return TRUE;
}

char **
ike_value_list (const char *text)
{
  GPtrArray *items = g_ptr_array_new ();
  g_auto (GStrv) parts = g_strsplit (text ? text : "", ",", -1);

  for (guint i = 0; parts[i]; i++)
    if (*g_strstrip (parts[i]))
      g_ptr_array_add (items, g_strdup (parts[i]));
  g_ptr_array_add (items, NULL);
  return (char **) g_ptr_array_free (items, FALSE);
}

/* Edit distance with swapped neighbours as one edit, since that is how fingers err. */
static guint
distance (const char *a, gsize a_len, const char *b, gsize b_len)
{
  guint rows[3][65];

  for (guint j = 0; j <= b_len; j++)
    rows[0][j] = j;
  for (guint i = 1; i <= a_len; i++) {
    guint *row = rows[i % 3], *above = rows[(i + 2) % 3], *two_above = rows[(i + 1) % 3];
    row[0] = i;
    for (guint j = 1; j <= b_len; j++) {
      guint cost = g_ascii_tolower (a[i - 1]) != g_ascii_tolower (b[j - 1]);
      row[j] = MIN (MIN (above[j], row[j - 1]) + 1, above[j - 1] + cost);
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = MIN (row[j], two_above[j - 2] + 1);
    }
  }
  return rows[a_len % 3][b_len];
}

const char *
ike_nearest (const char *name, const char *const *candidates)
{
  const char *nearest = NULL;
  gsize len = strlen (name);
  guint best;

  if (len == 0 || len > 64)
    return NULL;
  best = (guint) len / 3 + 2;                 /* further away it is another word, not a slip */
  for (; *candidates; candidates++) {
    gsize other = strlen (*candidates);
    guint d;
    if (other > 64)
      continue;
    d = distance (name, len, *candidates, other);
    if (d < best && d < MAX (len, other)) {
      best = d;
      nearest = *candidates;
    }
  }
  return nearest;
}
