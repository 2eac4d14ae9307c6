/* SPDX-License-Identifier: Apache-2.0 */
/* net_address.c - addresses that peers gave us: made with the first who needs one, taken away with
 * the last. */
#include "config.h"
#include <errno.h>
#include <string.h>
#include "net_private.h"

typedef struct {
  IkeAddr        addr;
  char           wanted[IFNAMSIZ];            /* the interface that was asked for; "": any */
  NetAddressInfo info;
  char           interface[IFNAMSIZ];         /* where it is */
  guint          n_users;
  gboolean       is_made, is_asked;           /* by us; the kernel has not answered yet */
  GPtrArray     *calls;                       /* IkeCall of those who wait */
  Net           *net;
} Vip;

guint
net_vip_hash (gconstpointer data)
{
  const Vip *vip = data;
  guint32 hash = g_str_hash (vip->wanted);
  for (guint i = 0; i < 16; i++)
    hash = (hash ^ vip->addr.bytes[i]) * 16777619u;
  return hash;
}

gboolean
net_vip_equal (gconstpointer a, gconstpointer b)
{
  const Vip *x = a, *y = b;
  return ike_addr_same_host (&x->addr, &y->addr) && strcmp (x->wanted, y->wanted) == 0;
}

void
net_vip_free (gpointer data)
{
  Vip *vip = data;
  g_ptr_array_unref (vip->calls);
  g_free (vip);
}

static Vip *
find (Net *net, const IkeAddr *addr, const char *interface)
{
  Vip key = { .addr = *addr };
  g_strlcpy (key.wanted, interface ? interface : "", sizeof key.wanted);
  return g_hash_table_lookup (net->vips, &key);
}

static void
answer_all (Vip *vip, const char *error)
{
  g_autoptr (GPtrArray) calls = g_steal_pointer (&vip->calls);
  vip->calls = g_ptr_array_new ();
  for (guint i = 0; i < calls->len; i++) {
    if (error)
      ike_call_fail (g_ptr_array_index (calls, i), error);
    else
      ike_call_answer (g_ptr_array_index (calls, i), GUINT_TO_POINTER (1));
  }
}

/* -- removing */

static void
removed (gpointer data, const NetlinkAnswer *answer)
{
  Net *net = data;
  if (answer->error && answer->error != EADDRNOTAVAIL && answer->error != ENODEV
      && answer->error != ECANCELED)
    ike_log (net->engine, IKE_LOG_ERROR, "kernel-xfrm", "cannot remove a virtual address: %s",
             answer->reason);
}

/* Asked for in two ways ("any", and by its name) it may be the same interface. */
static gboolean
hand_over (const Vip *vip)
{
  GHashTableIter iter;
  gpointer value;
  g_hash_table_iter_init (&iter, vip->net->vips);
  while (g_hash_table_iter_next (&iter, &value, NULL)) {
    Vip *other = value;
    if (other == vip || other->info.interface != vip->info.interface || other->n_users == 0
        || !ike_addr_same_host (&other->addr, &vip->addr))
      continue;
    other->is_made = TRUE;
    return TRUE;
  }
  return FALSE;
}

static void
forget (Vip *vip)
{
  Net *net = vip->net;
  guint8 buffer[NET_MESSAGE_SIZE];
  if (vip->is_made && !hand_over (vip))
    net_ask (net, net_write_address (buffer, FALSE, &vip->info), removed, net);
  g_hash_table_remove (net->vips, vip);
}

/* -- adding */

static void
fail (Vip *vip, const char *reason)
{
  char text[IKE_ADDR_TEXT_SIZE];
  g_autofree char *why = g_strdup_printf (
      "cannot add address %s/%u to interface %s: %s",
      ike_addr_format (&vip->addr, FALSE, text), vip->info.prefix_len,
      vip->interface[0] ? vip->interface : "(none was found)", reason);
  ike_log (vip->net->engine, IKE_LOG_ERROR, "kernel-xfrm", "%s", why);
  vip->is_asked = FALSE;
  answer_all (vip, why);
  g_hash_table_remove (vip->net->vips, vip);
}

static void
added (gpointer data, const NetlinkAnswer *answer)
{
  Vip *vip = data;
  vip->is_asked = FALSE;
  /* Somebody else's address serves as well, and stays. */
  if (answer->error && answer->error != EEXIST) {
    fail (vip, answer->reason);
    return;
  }
  vip->is_made = answer->error == 0;
  if (vip->is_made) {
    vip->info.protocol = NET_PROTOCOL;
    net_cache_add (vip->net, &vip->info);
  }
  answer_all (vip, NULL);
  if (vip->n_users == 0)
    forget (vip);
}

static void
add_to (Vip *vip, const NetLinkInfo *link)
{
  guint8 buffer[NET_MESSAGE_SIZE];
  g_strlcpy (vip->interface, link->name, sizeof vip->interface);
  vip->info.interface = link->index;
  net_ask (vip->net, net_write_address (buffer, TRUE, &vip->info), added, vip);
}

/* Without a default route the address is still ours on loopback. */
static void
found_default (gpointer data, const NetWay *way, const char *error)
{
  Vip *vip = data;
  NetLinkInfo link;
  if (vip->net->is_stopping)
    fail (vip, error ? error : "the plugin is stopped");
  else if (way && net_find_index (vip->net, way->interface, &link))
    add_to (vip, &link);
  else if (net_find_link (vip->net, "lo", &link))
    add_to (vip, &link);
  else
    fail (vip, error ? error : "there is no interface");
}

static void
begin (Vip *vip)
{
  NetLinkInfo link;
  vip->is_asked = TRUE;
  if (!vip->wanted[0]) {
    net_lookup_default (vip->net, vip->addr.family, found_default, vip);
  } else if (net_find_link (vip->net, vip->wanted, &link)) {
    add_to (vip, &link);
  } else {
    g_strlcpy (vip->interface, vip->wanted, sizeof vip->interface);
    fail (vip, "there is no such interface");
  }
}

void
net_add_address (Net *net, IkeCall *call, const IkeAddr *addr, guint prefix_len,
                 const char *interface)
{
  Vip *vip = find (net, addr, interface);
  if (vip) {
    vip->n_users++;
    if (vip->is_asked)
      g_ptr_array_add (vip->calls, call);
    else
      ike_call_answer (call, GUINT_TO_POINTER (1));
    return;
  }
  vip = g_new0 (Vip, 1);
  vip->net = net;
  vip->addr = *addr;
  g_strlcpy (vip->wanted, interface ? interface : "", sizeof vip->wanted);
  vip->n_users = 1;
  vip->calls = g_ptr_array_new ();
  vip->info.addr = *addr;
  vip->info.prefix_len = (guint8) prefix_len;
  /* With routes that name it as source, nothing else needs to choose it. */
  vip->info.is_deprecated = net->options.installs_routes && addr->family == 6 && prefix_len == 128;
  g_ptr_array_add (vip->calls, call);
  g_hash_table_add (net->vips, vip);
  begin (vip);
}

void
net_remove_address (Net *net, IkeCall *call, const IkeAddr *addr, const char *interface)
{
  Vip *vip = find (net, addr, interface);
  if (vip && vip->n_users > 0 && --vip->n_users == 0 && !vip->is_asked)
    forget (vip);
  if (call)
    ike_call_answer (call, GUINT_TO_POINTER (1));
}

void
net_vip_sweep (Net *net, NetEach each)
{
  GHashTableIter iter;
  gpointer value;
  guint8 buffer[NET_MESSAGE_SIZE];
  g_hash_table_iter_init (&iter, net->vips);
  while (g_hash_table_iter_next (&iter, &value, NULL)) {
    const Vip *vip = value;
    if (vip->is_made)
      each (net, net_write_address (buffer, FALSE, &vip->info));
  }
}
