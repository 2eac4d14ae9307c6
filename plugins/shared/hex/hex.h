/* SPDX-License-Identifier: Apache-2.0 */
/* hex.h - bytes that people write in hexadecimal. */
#pragma once
#include <string.h>
#include <glib.h>

/* Exactly @len bytes. */
static inline gboolean
hex_read (const char *text, guint8 *out, gsize len)
{
  if (strlen (text) != 2 * len)
    return FALSE;
  for (gsize i = 0; i < len; i++) {
    int high = g_ascii_xdigit_value (text[2 * i]), low = g_ascii_xdigit_value (text[2 * i + 1]);
    if (high < 0 || low < 0)
      return FALSE;
    out[i] = (guint8) (high << 4 | low);
  }
  return TRUE;
}
