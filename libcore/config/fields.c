/* SPDX-License-Identifier: Apache-2.0 */
/* fields.c - one key's text into one member of a struct. */
#include "config/model_private.h"
#include <errno.h>
#include <string.h>

static gboolean
convert_uint (const char *text, guint64 max, guint64 *value)
{
  return ike_value_uint (text, value) && *value <= max;
}

static gboolean
convert_decimal (const char *text, double *value)
{
  char *end;

  if (!g_ascii_isdigit (text[0]))
    return FALSE;
  errno = 0;
  *value = g_ascii_strtod (text, &end);
  return errno == 0 && *end == '\0' && *value >= 0;
}

/* Also with a unit, as times have. */
static gboolean
convert_seconds (const char *text, guint32 *out_ms)
{
  double seconds;
  guint64 whole;

  if (ike_value_time (text, &whole) && whole <= 86400)
    seconds = (double) whole;
  else if (!convert_decimal (text, &seconds) || seconds > 86400)
    return FALSE;
  *out_ms = (guint32) (seconds * 1000 + 0.5);
  return TRUE;
}

static gboolean
convert_word (const IkeWord *words, const char *text, guint32 *value)
{
  for (; words->word; words++)
    if (g_ascii_strcasecmp (words->word, text) == 0) {
      *value = words->value;
      return TRUE;
    }
  return FALSE;
}

static gboolean
convert_flags (const IkeWord *words, const char *text, guint32 *value)
{
  g_auto (GStrv) parts = g_strsplit (text, "|", -1);
  guint32 flags = 0, flag;

  for (guint i = 0; parts[i]; i++) {
    if (!convert_word (words, g_strstrip (parts[i]), &flag))
      return FALSE;
    flags |= flag;
  }
  *value = flags;
  return parts[0] != NULL;
}

/* DSCP: six bits; more digits are cut to the last six, as swanctl does. */
static gboolean
convert_bits (const char *text, guint32 *value)
{
  guint32 bits = 0;

  if (!*text || strlen (text) > 31)
    return FALSE;
  for (; *text; text++) {
    if (*text != '0' && *text != '1')
      return FALSE;
    bits = bits << 1 | (guint32) (*text - '0');
  }
  *value = bits & 0x3f;
  return TRUE;
}

/* The words stand above all numbers. */
static gboolean
convert_mark (const char *text, IkeMark *mark)
{
  static const IkeWord words[] = { { "%unique", IKE_MARK_UNIQUE },
                                   { "%unique-dir", IKE_MARK_UNIQUE_DIR },
                                   { "%same", IKE_MARK_SAME },
                                   { NULL, 0 } };
  const char *slash = strchr (text, '/');
  g_autofree char *head = slash ? g_strndup (text, (gsize) (slash - text)) : g_strdup (text);
  guint64 value, mask = G_MAXUINT32;
  gboolean is_word = convert_word (words, head, &mark->value);

  if ((!is_word && !convert_uint (head, IKE_MARK_SAME - 1, &value))
      || (slash && !convert_uint (slash + 1, G_MAXUINT32, &mask)))
    return FALSE;
  mark->mask = (guint32) mask;
  if (!is_word)
    mark->value = (guint32) (value & mask);
  return TRUE;
}

static gboolean
convert_if_id (const char *text, guint32 *id)
{
  guint64 number;

  if (g_ascii_strcasecmp (text, "%unique") == 0)
    *id = IKE_IF_ID_UNIQUE;
  else if (g_ascii_strcasecmp (text, "%unique-dir") == 0)
    *id = IKE_IF_ID_UNIQUE_DIR;
  else if (convert_uint (text, IKE_IF_ID_UNIQUE_DIR - 1, &number))
    *id = (guint32) number;
  else
    return FALSE;
  return TRUE;
}

gboolean
ike_field_convert (const IkeField *field, const char *text, gpointer out)
{
  guint64 number = 0;
  guint64 max = field->max ? field->max : G_MAXUINT32;

  switch ((IkeFieldType) field->type) {
  case IKE_FIELD_BOOL:
    return ike_value_bool (text, out);
  case IKE_FIELD_UINT:
    if (!convert_uint (text, max, &number))
      return FALSE;
    *(guint32 *) out = (guint32) number;
    return TRUE;
  case IKE_FIELD_PORT:
    if (!convert_uint (text, G_MAXUINT16, &number))
      return FALSE;
    *(guint16 *) out = (guint16) number;
    return TRUE;
  case IKE_FIELD_NUMBER:
    return ike_value_uint (text, out);
  case IKE_FIELD_TIME:
    if (!ike_value_time (text, &number) || number > G_MAXUINT32)
      return FALSE;
    *(guint64 *) out = number;
    return TRUE;
  case IKE_FIELD_BYTES:
    return ike_value_bytes (text, out);
  case IKE_FIELD_SECONDS:
    return convert_seconds (text, out);
  case IKE_FIELD_FACTOR:
    return convert_decimal (text, out) && *(double *) out >= 1 && *(double *) out <= 10;
  case IKE_FIELD_WORD:
    return convert_word (field->words, text, out);
  case IKE_FIELD_FLAGS:
    return convert_flags (field->words, text, out);
  case IKE_FIELD_BITS:
    return convert_bits (text, out);
  case IKE_FIELD_MARK:
    return convert_mark (text, out);
  case IKE_FIELD_IF_ID:
    return convert_if_id (text, out);
  case IKE_FIELD_TEXT:
    g_free (*(char **) out);
    *(char **) out = g_strdup (text);
    return TRUE;
  case IKE_FIELD_LIST:
    g_strfreev (*(char ***) out);
    *(char ***) out = ike_value_list (text);
    return TRUE;
  }
  return FALSE;
}

const char *
ike_field_describe (const IkeField *field)
{
  switch ((IkeFieldType) field->type) {
  case IKE_FIELD_BOOL:
    return "yes or no";
  case IKE_FIELD_UINT:
  case IKE_FIELD_NUMBER:
    return "a number in its range";
  case IKE_FIELD_PORT:
    return "a port from 0 to 65535";
  case IKE_FIELD_TIME:
    return "a time such as 90s, 5m, 4h or 1d";
  case IKE_FIELD_BYTES:
    return "a size such as 500m or 2g";
  case IKE_FIELD_SECONDS:
    return "seconds up to 86400, such as 4 or 1.5";
  case IKE_FIELD_FACTOR:
    return "a factor from 1 to 10, such as 1.8";
  case IKE_FIELD_WORD:
  case IKE_FIELD_FLAGS:
    return "one of the known words";
  case IKE_FIELD_BITS:
    return "six binary digits";
  case IKE_FIELD_MARK:
    return "a mark such as 42, 0x10/0xff or %unique";
  case IKE_FIELD_IF_ID:
    return "a number, %unique or %unique-dir";
  case IKE_FIELD_TEXT:
  case IKE_FIELD_LIST:
    return "a text";
  }
  return "a value";
}
