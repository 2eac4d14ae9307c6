/* SPDX-License-Identifier: Apache-2.0 */
/* pool_keys.c - addresses and identities as keys; see pool_keys.h. */
#include "config.h"
#include "pool_keys.h"

guint
pool_addr_hash (gconstpointer data)
{
  const IkeAddr *addr = data;
  guint hash = addr->family;

  for (guint i = 0; i < sizeof addr->bytes; i++)
    hash = (hash ^ addr->bytes[i]) * 16777619u;
  return hash;
}

gboolean
pool_addr_equal (gconstpointer a, gconstpointer b)
{
  return ike_addr_same_host (a, b);
}

void
pool_client_text (const IkeIdent *ident, char out[static POOL_CLIENT_TEXT_MAX])
{
  out[0] = 0;
  if (!ident)
    return;
  ike_ident_format (ident, out, POOL_CLIENT_TEXT_MAX);
  for (char *at = out; *at; at++)
    *at = g_ascii_tolower (*at);
}

guint
pool_ident_hash (gconstpointer data)
{
  char text[POOL_CLIENT_TEXT_MAX];
  guint hash = 2166136261u;

  pool_client_text (data, text);
  for (const char *at = text; *at; at++)
    hash = (hash ^ (guint8) *at) * 16777619u;
  return hash;
}

gboolean
pool_ident_equal (gconstpointer a, gconstpointer b)
{
  return ike_ident_equal (a, b);
}
