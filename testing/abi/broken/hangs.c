/* SPDX-License-Identifier: Apache-2.0 */
/* hangs.c - breaks a rule: it never returns.  It says who it is, so that a test sees its end. */
#include <ikebana/plugin.h>
#include <stdio.h>
#include <unistd.h>

static gboolean
activate (IkePlugin *self, GError **error)
{
  fprintf (stderr, "hangs: %d\n", (int) getpid ());
  for (;;)
    pause ();
  return TRUE;
}

IKE_PLUGIN (ike_plugin, "hangs", 0, .version = "1.0", .license = "Apache-2.0",
            .summary = "never returns", .activate = activate);
