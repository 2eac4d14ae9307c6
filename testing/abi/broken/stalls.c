/* SPDX-License-Identifier: Apache-2.0 */
/* stalls.c - breaks a rule: a hook waits. */
#include <ikebana/plugin.h>
#include <ikebana/sa.h>

static IkeHookVerdict
authorize (IkePlugin *self, IkeSa *sa, IkeAuthorizeEvent *event)
{
  g_usleep (40 * 1000);
  return IKE_HOOK_PASS;
}

static gboolean
activate (IkePlugin *self, GError **error)
{
  return ike_authorize_hook_add (self, "stalls", NULL, authorize, error);
}

IKE_PLUGIN (ike_plugin, "stalls", 0, .version = "1.0", .license = "Apache-2.0",
            .summary = "holds a shard", .activate = activate);
