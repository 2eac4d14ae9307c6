/* SPDX-License-Identifier: Apache-2.0 */
/* locate.c - the way to a gateway: names are looked up off the shard, then the addresses are tried
 * in turn for one that we can send to. */
#include "redirect/redirect.h"
#include <ikebana/kernel.h>
#include <ikebana/net.h>

enum { RESOLVE_MS = 20000, SOURCE_MS = 5000, ADDRESSES_MAX = 16 };

typedef struct {
  atomic_int references; /* whoever asks, and each of our calls */
  IkeCall *call;         /* to be answered once */
  IkeLoop *loop;
  IkeConn *conn;
  Path present;
  const IkeProvided *net, *kernel;
  GArray *addrs;
  guint at;
  char *why;
} Locate;

static void
locate_unref (gpointer data)
{
  Locate *locate = data;

  if (atomic_fetch_sub (&locate->references, 1) != 1)
    return;
  if (locate->call)
    ike_call_fail (locate->call, locate->why ? locate->why : "the way to it was not found in time");
  if (locate->addrs)
    g_array_unref (locate->addrs);
  ike_conn_unref (locate->conn);
  g_free (locate->why);
  g_free (locate);
}

static Locate *
locate_ref (Locate *locate)
{
  atomic_fetch_add (&locate->references, 1);
  return locate;
}

static void
set_why (Locate *locate, const char *why)
{
  g_free (locate->why);
  locate->why = g_strdup (why);
}

static void
found (Locate *locate, const IkeAddr *local)
{
  Path *path = g_new0 (Path, 1);

  path->local = *local;
  path->local.port = 0;
  path->remote = g_array_index (locate->addrs, IkeAddr, locate->at);
  ike_call_answer (g_steal_pointer (&locate->call), path);
}

static void try_next (Locate *locate);

static void
source_found (gpointer owner, gpointer data, gpointer result, const char *error)
{
  Locate *locate = data;

  if (error) {
    set_why (locate, error);
    locate->at++;
    try_next (locate);
    return;
  }
  found (locate, result);
  g_free (result);
}

static const IkeCallClass source_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "source address for another gateway",
  .timeout_ms = SOURCE_MS,
  .then = source_found,
  .undo = g_free,
  .free_data = locate_unref,
};

/* RFC 5685, 7: "The client could even end up in a loop": the shortest one is to whom we are at. */
static gboolean
is_sensible (Locate *locate, const IkeAddr *addr)
{
  IkeAddr multicast = { .family = addr->family }, loopback = { .family = addr->family };
  guint bits = addr->family == 4 ? 4 : 8, host_bits = addr->family == 4 ? 8 : 128;

  multicast.bytes[0] = addr->family == 4 ? 224 : 0xff;
  loopback.bytes[addr->family == 4 ? 0 : 15] = addr->family == 4 ? 127 : 1;
  if (ike_addr_same_host (addr, &locate->present.remote)
      || ike_addr_same_host (addr, &locate->present.local)) {
    set_why (locate, "it is where we are already");
    return FALSE;
  }
  if (ike_addr_is_any (addr) || ike_addr_in_prefix (addr, &multicast, bits)
      || ike_addr_in_prefix (addr, &loopback, host_bits)) {
    set_why (locate, "it is no address of a host elsewhere");
    return FALSE;
  }
  return TRUE;
}

/* As the connection says, else by the way that leads there. */
static void
find_source (Locate *locate, IkeAddr *to)
{
  const IkeConn *conn = locate->conn;
  guint i;

  to->port = conn->remote_port;
  for (i = 0; i < conn->n_local_addrs; i++)
    if (conn->local_addrs[i].kind == 1 && conn->local_addrs[i].addr.family == to->family) {
      found (locate, &conn->local_addrs[i].addr);
      return;
    }
  if (locate->kernel) {
    IkeCall *call = ike_loop_call (locate->loop, &source_call, NULL, locate_ref (locate));
    ((const IkeKernelNetClass *) locate->kernel->ops)
        ->source_for (locate->kernel->plugin, call, to);
  } else
    found (locate, to->family == locate->present.local.family ? &locate->present.local
                                                              : &(IkeAddr){ .family = to->family });
}

static void
try_next (Locate *locate)
{
  for (; locate->at < locate->addrs->len; locate->at++) {
    IkeAddr *addr = &g_array_index (locate->addrs, IkeAddr, locate->at);
    if (!is_sensible (locate, addr))
      continue;
    find_source (locate, addr);
    return;
  }
  ike_call_fail (g_steal_pointer (&locate->call), locate->why ? locate->why : "it has no address");
}

static void
resolved (gpointer owner, gpointer data, gpointer result, const char *error)
{
  Locate *locate = data;

  if (error) {
    ike_call_fail (g_steal_pointer (&locate->call), error);
    return;
  }
  locate->addrs = result;
  if (locate->addrs->len > ADDRESSES_MAX)
    g_array_set_size (locate->addrs, ADDRESSES_MAX);
  try_next (locate);
}

static const IkeCallClass resolve_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "name of another gateway",
  .timeout_ms = RESOLVE_MS,
  .then = resolved,
  .undo = (GDestroyNotify) g_array_unref,
  .free_data = locate_unref,
};

static void
resolve (Locate *locate, const Gateway *gateway)
{
  char name[IKE_REDIRECT_NAME_SIZE];
  IkeCall *call;

  if (!locate->net) {
    set_why (locate, "no plugin looks up names");
    return;
  }
  call = ike_loop_call (locate->loop, &resolve_call, NULL, locate_ref (locate));
  ((const IkeNetClass *) locate->net->ops)
      ->resolve (locate->net->plugin, call, redirect_gateway_format (gateway, name), 0);
}

void
redirect_locate (IkeSa *sa, const Gateway *gateway, IkeCall *call)
{
  Locate *locate = g_new0 (Locate, 1);
  guint n;
  const IkeProvided *const *nets = ike_feature_list (ike_sa_engine (sa), "net", &n);
  IkeAddr addr;

  atomic_init (&locate->references, 1);
  locate->call = call;
  locate->loop = ike_sa_loop (sa);
  locate->conn = ike_conn_ref (ike_sa_conn (sa));
  locate->present = (Path){ *ike_sa_local (sa), *ike_sa_remote (sa) };
  locate->net = n ? nets[0] : NULL;
  locate->kernel = ike_feature_find (ike_sa_engine (sa), "kernel:net", NULL);
  if (redirect_gateway_addr (gateway, &addr)) {
    locate->addrs = g_array_new (FALSE, TRUE, sizeof (IkeAddr));
    g_array_append_val (locate->addrs, addr);
    try_next (locate);
  } else
    resolve (locate, gateway);
  locate_unref (locate);
}
