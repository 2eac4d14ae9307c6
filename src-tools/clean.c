/* SPDX-License-Identifier: Apache-2.0 */
/* clean.c - text from elsewhere, without what a terminal would act upon. */
#include "show.h"

static gboolean
is_harmful (gunichar c)
{
  return c < 0x20 || (c >= 0x7f && c <= 0x9f) || (c >= 0x202a && c <= 0x202e)
         || (c >= 0x2066 && c <= 0x2069) || c == 0x200e || c == 0x200f || c == 0x2028
         || c == 0x2029;
}

char *
show_clean (const char *text)
{
  GString *out = g_string_new (NULL);
  g_autofree char *valid = g_utf8_make_valid (text, -1);
  for (const char *p = valid; *p != 0; p = g_utf8_next_char (p)) {
    gunichar c = g_utf8_get_char (p);
    if (is_harmful (c))
      g_string_append_printf (out, c < 0x100 ? "\\x%02x" : "\\u%04x", c);
    else
      g_string_append_unichar (out, c);
  }
  return g_string_free (out, FALSE);
}
