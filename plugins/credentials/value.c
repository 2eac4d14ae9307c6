/* SPDX-License-Identifier: Apache-2.0 */
/* value.c - values of the configuration: bytes written as 0x and hexadecimal digits or as 0s and
 * base64, and keys of sections that nobody knows. */
#include <stdarg.h>
#include <string.h>

#include "private.h"

gboolean
value_is_inline (const char *text)
{
  return g_str_has_prefix (text, "0x") || g_str_has_prefix (text, "0s");
}

static IkeSecretBlob *
decode_hex (const char *digits)
{
  gsize len = strlen (digits);
  IkeSecretBlob *blob;
  guint8 *bytes;

  if (len == 0 || len % 2 || strspn (digits, "0123456789abcdefABCDEF") != len)
    return NULL;
  blob = ike_secret_blob_new (NULL, len / 2);
  bytes = ike_secret_blob_data (blob);
  for (gsize i = 0; i < len / 2; i++)
    bytes[i] = (guint8) (g_ascii_xdigit_value (digits[2 * i]) << 4
                         | g_ascii_xdigit_value (digits[2 * i + 1]));
  return blob;
}

/* GLib steps over what is no base64; here it is a mistake of whoever wrote it. */
static gboolean
is_base64 (const char *text, gsize len)
{
  static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  gsize n = strspn (text, alphabet);

  return len > 0 && len % 4 == 0 && len - n <= 2 && strspn (text + n, "=") == len - n;
}

static IkeSecretBlob *
decode_base64 (const char *text)
{
  IkeSecretBlob *blob = NULL;
  guchar *decoded;
  gsize len;

  if (!is_base64 (text, strlen (text)))
    return NULL;
  decoded = g_base64_decode (text, &len);
  if (len)
    blob = ike_secret_blob_new (decoded, len);
  ike_wipe (decoded, len);
  g_free (decoded);
  return blob;
}

IkeSecretBlob *
value_decode (const char *text, GError **error)
{
  gboolean is_hex = g_str_has_prefix (text, "0x");
  IkeSecretBlob *blob;

  if (!value_is_inline (text))
    return ike_secret_blob_new (text, strlen (text));
  blob = is_hex ? decode_hex (text + 2) : decode_base64 (text + 2);
  if (!blob)
    g_set_error (error, IKE_ERROR, IKE_ERROR_SYNTAX,
                 is_hex ? "begins with 0x but is no hexadecimal number of whole bytes"
                        : "begins with 0s but is no base64 text");
  return blob;
}

void
value_problem (GPtrArray *problems, const char *format, ...)
{
  va_list args;

  va_start (args, format);
  g_ptr_array_add (problems, g_strdup_vprintf (format, args));
  va_end (args);
}

void
value_check_keys (const IkeTree *section, const char *const *known, GPtrArray *problems)
{
  for (guint i = 0; i < ike_tree_n (section); i++) {
    const char *name = ike_tree_name (ike_tree_nth (section, i));
    const char *nearest;
    if (g_strv_contains (known, name))
      continue;
    nearest = ike_nearest (name, known);
    value_problem (problems, "%s: unknown key%s%s%s", name, nearest ? ", did you mean " : "",
                   nearest ? nearest : "", nearest ? "?" : "");
  }
}
