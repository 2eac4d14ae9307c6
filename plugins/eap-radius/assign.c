/* SPDX-License-Identifier: Apache-2.0 */
/* assign.c - addresses and name servers that a RADIUS server gave a user, for the configuration
 * payload: they go before those of pools. */
#include <ikebana/pool.h>
#include "eap_radius.h"

static const IkeAddr *
wanted_of (const IkeAssignEvent *event, guint8 family)
{
  for (guint i = 0; i < event->n_wanted; i++)
    if (event->wanted[i].family == family)
      return &event->wanted[i];
  return NULL;
}

static void
give (IkeAssignEvent *event, const IkeAddr *addr)
{
  if (event->n_given < IKE_VIRTUAL_IPS_MAX)
    event->given[event->n_given++] = *addr;
}

static void
give_addresses (IkeAssignEvent *event, const Grant *grant)
{
  const IkeAddr *wanted = wanted_of (event, 4);
  IkeAddr addr6;

  if (wanted && grant->from4 == GRANT_ADDR_GIVEN)
    give (event, &grant->addr4);
  else if (wanted && grant->from4 == GRANT_ADDR_OF_USER && !ike_addr_is_any (wanted))
    give (event, wanted);
  if (wanted_of (event, 6) && grant_addr6 (grant, &addr6))
    give (event, &addr6);
}

/* RFC 7296, 3.15.1 for DNS, NBNS and netmask; RFC 5739, 5.1: INTERNAL_IP6_PREFIX is the prefix and
 * its length. */
static void
add_attributes (IkeAssignEvent *event, const Grant *grant)
{
  guint8 prefix[17];

  for (guint i = 0; i < grant->n_dns; i++)
    event->add (event,
                grant->dns[i].family == 6 ? IKE_CFG_INTERNAL_IP6_DNS : IKE_CFG_INTERNAL_IP4_DNS,
                grant->dns[i].bytes, ike_addr_len (&grant->dns[i]));
  for (guint i = 0; i < grant->n_nbns; i++)
    event->add (event, IKE_CFG_INTERNAL_IP4_NBNS, grant->nbns[i].bytes, 4);
  if (grant->netmask.family && grant->from4 == GRANT_ADDR_GIVEN && wanted_of (event, 4))
    event->add (event, IKE_CFG_INTERNAL_IP4_NETMASK, grant->netmask.bytes, 4);
  if (!grant->delegated.family)
    return;
  memcpy (prefix, grant->delegated.bytes, 16);
  prefix[16] = (guint8) grant->delegated_len;
  event->add (event, IKE_CFG_INTERNAL_IP6_PREFIX, prefix, sizeof prefix);
}

static IkeHookVerdict
on_assign (IkePlugin *plugin, IkeSa *sa, IkeAssignEvent *event)
{
  const Grant *grant = seat_grant (ike_plugin_state (plugin), sa);
  const char *pool;

  if (!grant)
    return IKE_HOOK_PASS;
  give_addresses (event, grant);
  add_attributes (event, grant);
  pool =
      grant->pool4[0] && (wanted_of (event, 4) || !grant->pool6[0]) ? grant->pool4 : grant->pool6;
  if (pool[0] && !event->pool[0])
    g_strlcpy (event->pool, pool, sizeof event->pool);
  return IKE_HOOK_PASS;
}

gboolean
assign_activate (EapRadius *self, GError **error)
{
  return ike_assign_hook_add (self->plugin, "eap-radius", NULL, on_assign, error);
}
