/* SPDX-License-Identifier: Apache-2.0 */
/* unresolved.c - a fixture: calls a function that nobody has. */
#include <ikebana/plugin.h>

void ike_fixture_function_of_nobody (void);

static gboolean
activate (IkePlugin *self, GError **error)
{
  ike_fixture_function_of_nobody ();
  return TRUE;
}

IKE_PLUGIN (ike_plugin, "unresolved", 0, .version = "1", .license = "Apache-2.0",
            .summary = "lacks a symbol", .activate = activate);
