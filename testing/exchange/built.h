/* SPDX-License-Identifier: Apache-2.0 */
/* built.h - which plugins were built that have a place in exchanges: for what holds of each of them. */
#pragma once
#include "exchange/pair.h"
#include <string.h>

/* Those that have a place in an exchange, by the catalog of what was built. */
static const char *const built_kinds[] = { "task:", "notify:", "gate:", "exchange:", "operation:", "outer:", "orphan:",
                                           "transmit:", "auth-octets:", NULL };

static inline gboolean
built_is_of_exchanges (const char *feature)
{
  for (guint i = 0; built_kinds[i]; i++)
    if (g_str_has_prefix (feature, built_kinds[i]))
      return TRUE;
  return FALSE;
}

/* Plugins that harm on purpose are nobody's order. */
static inline GPtrArray *
built_plugins (void)
{
  g_autofree char *path = g_build_filename (g_getenv ("IKE_TOP_BUILDDIR"), "plugins", "catalog", NULL), *text = NULL;
  g_auto (GStrv) lines = NULL;
  GPtrArray *names = g_ptr_array_new_with_free_func (g_free);
  g_autofree char *name = NULL;

  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  lines = g_strsplit (text, "\n", -1);
  for (guint i = 0; lines[i]; i++) {
    g_auto (GStrv) words = g_strsplit (lines[i], " ", -1);
    if (g_strv_length (words) < 2)
      continue;
    if (!strcmp (words[0], "plugin")) {
      g_free (name);
      name = g_strdup (words[1]);
    } else if (name && strcmp (name, "impair") && !strcmp (words[0], "feature")
               && built_is_of_exchanges (words[1])) {
      g_ptr_array_add (names, g_steal_pointer (&name));
    }
  }
  /* What some of them need. */
  g_ptr_array_add (names, g_strdup ("credentials"));
  g_ptr_array_add (names, g_strdup ("radius"));
  g_ptr_array_add (names, NULL);
  return names;
}
