/* SPDX-License-Identifier: Apache-2.0 */
/* tree_text.c - a tree as text, in the one notation that every transport and listing shares.
 *
 * What a peer or a file wrote must not be able to end a string, a line, or to move a terminal's
 * cursor: everything but printable UTF-8 is escaped. */
#include <string.h>
#include "base/tree_private.h"

static void
append_char (GString *out, gunichar c)
{
  switch (c) {
  case '"':
    g_string_append (out, "\\\"");
    return;
  case '\\':
    g_string_append (out, "\\\\");
    return;
  case '\n':
    g_string_append (out, "\\n");
    return;
  case '\r':
    g_string_append (out, "\\r");
    return;
  case '\t':
    g_string_append (out, "\\t");
    return;
  default:
    break;
  }
  /* C0, DEL and C1 steer terminals; U+2028, U+2029 end a line in some readers; U+202A… turn text
   * around. */
  if (c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x2028 && c <= 0x202e)
      || (c >= 0x2066 && c <= 0x2069))
    g_string_append_printf (out, "\\u%04x", c);
  else
    g_string_append_unichar (out, c);
}

static void
append_string (GString *out, const char *text)
{
  const char *end = text + strlen (text);

  g_string_append_c (out, '"');
  while (text < end) {
    gunichar c = g_utf8_get_char_validated (text, end - text);
    if (c == (gunichar) -1 || c == (gunichar) -2) {
      g_string_append_printf (out, "\\\\x%02x", (guint8) *text);
      text++;
      continue;
    }
    append_char (out, c);
    text = g_utf8_next_char (text);
  }
  g_string_append_c (out, '"');
}

static void
append_break (GString *out, gboolean indent, guint depth)
{
  if (!indent)
    return;
  g_string_append_c (out, '\n');
  for (guint i = 0; i < depth; i++)
    g_string_append (out, "  ");
}

static void append_node (GString *out, const IkeTree *tree, gboolean indent, guint depth);

static void
append_container (GString *out, const IkeTree *tree, gboolean indent, guint depth)
{
  gboolean is_section = ike_tree_type (tree) == IKE_TREE_SECTION;

  g_string_append_c (out, is_section ? '{' : '[');
  for (guint i = 0; i < ike_tree_n (tree); i++) {
    const IkeTree *child = ike_tree_nth (tree, i);
    if (i)
      g_string_append (out, indent ? "," : ", ");
    append_break (out, indent, depth + 1);
    if (is_section) {
      append_string (out, ike_tree_name (child));
      g_string_append (out, ": ");
    }
    append_node (out, child, indent, depth + 1);
  }
  if (ike_tree_n (tree))
    append_break (out, indent, depth);
  g_string_append_c (out, is_section ? '}' : ']');
}

static void
append_node (GString *out, const IkeTree *tree, gboolean indent, guint depth)
{
  char buffer[32];

  switch (ike_tree_type (tree)) {
  case IKE_TREE_SECTION:
  case IKE_TREE_LIST:
    if (depth >= 2 * IKE_TREE_MAX_DEPTH)
      g_string_append (out, "null");
    else
      append_container (out, tree, indent, depth);
    break;
  case IKE_TREE_STRING:
    append_string (out, ike_tree_text (tree, buffer));
    break;
  case IKE_TREE_INT:
    g_string_append (out, ike_tree_text (tree, buffer));
    break;
  case IKE_TREE_BOOL:
    g_string_append (out, ike_tree_bool (tree, NULL, FALSE) ? "true" : "false");
    break;
  case IKE_TREE_NULL:
    g_string_append (out, "null");
    break;
  }
}

char *
ike_tree_serialize (const IkeTree *tree, gboolean indent)
{
  GString *out = g_string_new (NULL);
  append_node (out, tree, indent, 0);
  return g_string_free (out, FALSE);
}
