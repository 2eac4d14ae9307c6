/* SPDX-License-Identifier: Apache-2.0 */
/* nat.c - address and port translation: hosts that hide behind another address, each of their
 * ports with a port of its own, which does not depend on whom they talk to, or with the same port,
 * so that they can be called from outside. */
#include "wire.h"

enum { FIRST_PORT = 20000, LAST_PORT = 65535 };

typedef struct {
  IkeAddr inside, outside; /* hosts, no ports */
  gboolean is_static;      /* ports stay */
} Host;

struct _Nat {
  GArray *hosts;    /* Host */
  GHashTable *out;  /* inside with port → outside with port, both IkeAddr */
  GHashTable *back; /* the reverse */
  guint32 next_port;
};

Nat *
nat_new (void)
{
  Nat *nat = g_new0 (Nat, 1);
  nat->hosts = g_array_new (FALSE, TRUE, sizeof (Host));
  nat->out = g_hash_table_new_full (addr_hash, addr_equal, g_free, g_free);
  nat->back = g_hash_table_new_full (addr_hash, addr_equal, g_free, g_free);
  nat->next_port = FIRST_PORT;
  return nat;
}

void
nat_free (Nat *nat)
{
  g_array_unref (nat->hosts);
  g_hash_table_unref (nat->out);
  g_hash_table_unref (nat->back);
  g_free (nat);
}

void
nat_add (Nat *nat, const IkeAddr *inside, const IkeAddr *outside)
{
  Host host = { *inside, *outside, FALSE };
  host.inside.port = host.outside.port = 0;
  g_array_append_val (nat->hosts, host);
}

void
nat_add_static (Nat *nat, const IkeAddr *inside, const IkeAddr *outside)
{
  Host host = { *inside, *outside, TRUE };
  host.inside.port = host.outside.port = 0;
  g_array_append_val (nat->hosts, host);
}

void
nat_remove (Nat *nat, const IkeAddr *inside_or_null)
{
  for (guint i = nat->hosts->len; i-- > 0;) {
    if (!inside_or_null
        || ike_addr_same_host (&g_array_index (nat->hosts, Host, i).inside, inside_or_null))
      g_array_remove_index (nat->hosts, i);
  }
  nat_forget (nat);
}

/* The next port stays: a port that was used must not come to mean somebody else. */
void
nat_forget (Nat *nat)
{
  g_hash_table_remove_all (nat->out);
  g_hash_table_remove_all (nat->back);
}

static const Host *
find_inside (const Nat *nat, const IkeAddr *host)
{
  for (guint i = 0; i < nat->hosts->len; i++) {
    const Host *known = &g_array_index (nat->hosts, Host, i);
    if (ike_addr_same_host (&known->inside, host))
      return known;
  }
  return NULL;
}

static const IkeAddr *
mapping_for (Nat *nat, const Host *host, const IkeAddr *inside)
{
  IkeAddr outside = host->outside;
  const IkeAddr *known = g_hash_table_lookup (nat->out, inside);
  if (known)
    return known;
  for (guint i = 0; i <= LAST_PORT - FIRST_PORT; i++) {
    outside.port = (guint16) nat->next_port;
    nat->next_port = nat->next_port == LAST_PORT ? FIRST_PORT : nat->next_port + 1;
    if (g_hash_table_contains (nat->back, &outside))
      continue;
    g_hash_table_insert (nat->out, g_memdup2 (inside, sizeof *inside),
                         g_memdup2 (&outside, sizeof outside));
    g_hash_table_insert (nat->back, g_memdup2 (&outside, sizeof outside),
                         g_memdup2 (inside, sizeof *inside));
    return g_hash_table_lookup (nat->out, inside);
  }
  return NULL;
}

static void
rename_host (IkeAddr *addr, const IkeAddr *host)
{
  guint16 port = addr->port;
  *addr = *host;
  addr->port = port;
}

static void
call_inside (const Nat *nat, IkeAddr *to)
{
  for (guint i = 0; i < nat->hosts->len; i++) {
    const Host *host = &g_array_index (nat->hosts, Host, i);
    if (host->is_static && ike_addr_same_host (&host->outside, to)) {
      rename_host (to, &host->inside);
      return;
    }
  }
}

void
nat_translate (Nat *nat, IkeAddr *from, IkeAddr *to)
{
  const Host *host;
  const IkeAddr *mapped;
  if (nat->hosts->len == 0)
    return;
  mapped = g_hash_table_lookup (nat->back, to);
  if (mapped)
    *to = *mapped;
  else
    call_inside (nat, to);
  host = find_inside (nat, from);
  if (host && host->is_static) {
    rename_host (from, &host->outside);
    return;
  }
  mapped = host ? mapping_for (nat, host, from) : NULL;
  if (mapped)
    *from = *mapped;
}
