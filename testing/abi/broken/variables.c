/* SPDX-License-Identifier: Apache-2.0 */
/* variables.c - breaks a rule: it remembers something in a variable, which all engines share. */
#include <ikebana/plugin.h>

static unsigned n_activated;

static gboolean
activate (IkePlugin *self, GError **error)
{
  n_activated++;
  return TRUE;
}

IKE_PLUGIN (ike_plugin, "variables", 0, .version = "1.0", .license = "Apache-2.0",
            .summary = "has a variable", .activate = activate);
