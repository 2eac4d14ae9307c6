/* SPDX-License-Identifier: Apache-2.0 */
/* leaks.c - breaks a rule: nobody frees its state. */
#include <ikebana/plugin.h>

static gboolean
activate (IkePlugin *self, GError **error)
{
  ike_plugin_set_state (self, g_malloc0 (48), NULL);
  return TRUE;
}

IKE_PLUGIN (ike_plugin, "leaks", 0, .version = "1.0", .license = "Apache-2.0",
            .summary = "leaves its state behind", .activate = activate);
