/* SPDX-License-Identifier: Apache-2.0 */
/* udp.c - all sockets of an engine: which groups there are, and which of them an answer leaves
 * by. */
#include "config.h"
#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <unistd.h>
#include "udp.h"

static gboolean
has_family (guint8 family)
{
  int fd = socket (family == 4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd >= 0)
    close (fd);
  return fd >= 0 || errno != EAFNOSUPPORT;
}

/* Both ports on one address.  Port 0 in the settings becomes the port that the first group got. */
static gboolean
open_address (Udp *udp, const UdpOptions *options, const IkeAddr *host, GError **error)
{
  IkeAddr address = *host;
  for (guint i = 0; i < 2; i++) {
    guint16 *port = i ? &udp->marked : &udp->plain;
    const UdpGroup *group;
    address.port = *port;
    if (!udp_open_group (udp, options, &address, i == 1, error))
      return FALSE;
    group = g_ptr_array_index (udp->groups, udp->groups->len - 1);
    *port = group->address.port;
  }
  return TRUE;
}

static gboolean
open_family (Udp *udp, const UdpOptions *options, guint8 family, GError **error)
{
  IkeAddr any = { .family = family };
  if (!has_family (family)) {
    if (options->n_addresses == 0)
      udp->klass->warn (udp->owner, family == 4
                                        ? "this system has no IPv4"
                                        : "this system has no IPv6; set plugins.net-udp.ipv6 "
                                          "= no to keep it from being tried");
    return TRUE;
  }
  if (options->n_addresses == 0)
    return open_address (udp, options, &any, error);
  for (guint i = 0; i < options->n_addresses; i++) {
    if (options->addresses[i].family == family
        && !open_address (udp, options, &options->addresses[i], error))
      return FALSE;
  }
  return TRUE;
}

static void
take_interfaces (Udp *udp, const char *const *names)
{
  guint n = names ? g_strv_length ((char **) names) : 0;
  if (n == 0)
    return;
  udp->interfaces = g_new0 (guint32, n);
  for (guint i = 0; i < n; i++) {
    guint32 index = if_nametoindex (names[i]);
    g_autofree char *text = NULL;
    if (index) {
      udp->interfaces[udp->n_interfaces++] = index;
      continue;
    }
    text = g_strdup_printf ("interfaces: there is no %s now; reload when there is", names[i]);
    udp->klass->warn (udp->owner, text);
  }
}

Udp *
udp_new (const UdpOptions *options, const UdpOwnerClass *klass, gpointer owner, GError **error)
{
  Udp *udp = g_new0 (Udp, 1);
  udp->klass = klass;
  udp->owner = owner;
  udp->n_shards = options->n_shards;
  udp->plain = options->plain;
  udp->marked = options->marked;
  udp->max_packet = options->max_packet;
  udp->groups = g_ptr_array_new_with_free_func (udp_group_free);
  udp->scratches = g_new0 (UdpScratch *, options->n_shards);
  for (guint i = 0; i < udp->n_shards; i++)
    udp->scratches[i] = udp_scratch_new (udp);
  take_interfaces (udp, options->interfaces);
  if ((options->wants_ipv4 && !open_family (udp, options, 4, error))
      || (options->wants_ipv6 && !open_family (udp, options, 6, error))) {
    udp_free (udp);
    return NULL;
  }
  if (udp->groups->len == 0) {
    g_set_error_literal (error, IKE_ERROR, IKE_ERROR_CONFIG,
                         "nothing to listen on: see addresses, ipv4 and ipv6 of plugins.net-udp");
    udp_free (udp);
    return NULL;
  }
  return udp;
}

void
udp_free (Udp *udp)
{
  if (!udp)
    return;
  g_ptr_array_unref (udp->groups);
  for (guint i = 0; i < udp->n_shards; i++)
    udp_scratch_free (udp->scratches[i]);
  g_free (udp->scratches);
  g_free (udp->interfaces);
  g_free (udp);
}

/* With several groups of a family (restricted addresses) there is no one ESP socket of index @k. */
UdpSocket *
udp_esp_socket (Udp *udp, guint k, guint8 family)
{
  UdpSocket *found = NULL;
  for (guint i = 0; i < udp->groups->len; i++) {
    UdpGroup *group = g_ptr_array_index (udp->groups, i);
    if (group->family != family || !group->is_marked || !group->is_steered || k >= udp->n_shards)
      continue;
    if (found)
      return NULL;
    found = &group->sockets[2 * udp->n_shards + k];
  }
  return found;
}
