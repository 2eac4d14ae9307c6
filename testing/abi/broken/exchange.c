/* SPDX-License-Identifier: Apache-2.0 */
/* exchange.c - breaks a rule: with it nobody comes up. */
#include <ikebana/plugin.h>
#include <ikebana/sa.h>

static IkeHookVerdict
authorize (IkePlugin *self, IkeSa *sa, IkeAuthorizeEvent *event)
{
  event->reason = "it likes nobody";
  return IKE_HOOK_REJECT;
}

static gboolean
activate (IkePlugin *self, GError **error)
{
  return ike_authorize_hook_add (self, "exchange", NULL, authorize, error);
}

IKE_PLUGIN (ike_plugin, "exchange", 0, .version = "1.0", .license = "Apache-2.0",
            .summary = "likes nobody", .activate = activate);
