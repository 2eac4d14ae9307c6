/* SPDX-License-Identifier: Apache-2.0 */
/* match.c - which connections a peer may be: by addresses, then by identities, the most exact
 * first. */
#include "config/model_private.h"
#include <string.h>

enum { MAX_CANDIDATES = 64 };

typedef struct {
  guint32         version;
  const IkeAddr  *local, *remote;
  const IkeIdent *local_id, *remote_id;
} Peer;

static guint
match_ident (const IkeIdent *ident, const IkeIdent *pattern)
{
  if (!ident || !pattern)
    return 1;
  return ike_ident_match (ident, pattern);
}

static char *
why_not_address (const char *key, const IkeAddr *addr)
{
  char text[IKE_ADDR_TEXT_SIZE];
  return g_strdup_printf ("%s does not hold %s", key, ike_addr_format (addr, FALSE, text));
}

static char *
why_not_ident (const char *side, const IkeAuthConf *auth, const IkeIdent *ident)
{
  char text[128];
  return g_strdup_printf ("%s.id is %s, not %s", side, auth->id_text,
                          ike_ident_format (ident, text, sizeof text));
}

/* 0: it does not fit; @why (may be NULL) says why.  Addresses outweigh identities, the peer's
 * outweigh ours. */
static guint32
score (const IkeConn *conn, const Peer *peer, char **why)
{
  guint remote, local, remote_id, local_id;

  if (peer->version && conn->version && conn->version != peer->version) {
    if (why)
      *why = g_strdup_printf ("version is %u", conn->version);
    return 0;
  }
  remote = ike_hosts_match (conn->remote_addrs, conn->n_remote_addrs, peer->remote);
  local = ike_hosts_match (conn->local_addrs, conn->n_local_addrs, peer->local);
  if (!remote || !local) {
    if (why)
      *why = remote ? why_not_address ("local_addrs", peer->local)
                    : why_not_address ("remote_addrs", peer->remote);
    return 0;
  }
  remote_id = match_ident (peer->remote_id, conn->remote[0].id);
  local_id = match_ident (peer->local_id, conn->local[0].id);
  if (!remote_id || !local_id) {
    if (why)
      *why = remote_id ? why_not_ident ("local", &conn->local[0], peer->local_id)
                       : why_not_ident ("remote", &conn->remote[0], peer->remote_id);
    return 0;
  }
  return remote << 24 | local << 16 | remote_id << 8 | local_id;
}

static void
add_reason (IkeTree *reasons, const IkeConn *conn, char *why_take)
{
  IkeTree *reason = ike_tree_add_section (reasons, NULL);

  ike_tree_set_string (reason, "connection", conn->name);
  ike_tree_set_string (reason, "why", why_take);
  g_free (why_take);
}

guint
ike_config_match (const IkeConfig *config, guint32 version, const IkeAddr *local,
                  const IkeAddr *remote, const IkeIdent *local_id_or_null,
                  const IkeIdent *remote_id_or_null, IkeConn **out, guint max, IkeTree *reasons)
{
  const Peer peer = { version, local, remote, local_id_or_null, remote_id_or_null };
  guint32 scores[MAX_CANDIDATES];
  guint n = 0;

  max = MIN (max, (guint) MAX_CANDIDATES);
  for (guint i = 0; max && i < config->n_conns; i++) {
    char *why = NULL;
    guint32 value = score (config->conns[i], &peer, reasons ? &why : NULL);
    guint at;
    if (!value) {
      if (reasons)
        add_reason (reasons, config->conns[i], why);
      continue;
    }
    /* Behind those that are as good: the order of the configuration decides. */
    for (at = n; at > 0 && scores[at - 1] < value; at--)
      continue;
    if (at == max)
      continue;
    n = MIN (n + 1, max);
    memmove (&scores[at + 1], &scores[at], (n - 1 - at) * sizeof scores[0]);
    memmove (&out[at + 1], &out[at], (n - 1 - at) * sizeof out[0]);
    scores[at] = value;
    out[at] = config->conns[i];
  }
  return n;
}

gboolean
ike_conn_has_addr (const IkeConn *conn, gboolean is_local, const IkeAddr *addr)
{
  const IkeHostConf *hosts = is_local ? conn->local_addrs : conn->remote_addrs;

  return ike_hosts_match (hosts, is_local ? conn->n_local_addrs : conn->n_remote_addrs, addr) > 0;
}
