/* SPDX-License-Identifier: Apache-2.0 */
/* hosts.c - lists of addresses, prefixes, ranges and host names, and how well an address fits one.
 */
#include "config/model_private.h"
#include <string.h>

enum { KIND_ANY, KIND_ADDRESS, KIND_PREFIX, KIND_RANGE, KIND_NAME };
enum { MAX_HOSTS = 256 };

static gboolean
parse_prefix (IkeHostConf *host, const char *slash)
{
  g_autofree char *head = g_strndup (host->text, (gsize) (slash - host->text));
  guint64 len;

  host->kind = KIND_PREFIX;
  if (!ike_addr_parse (&host->addr, head, NULL) || !ike_addr_len (&host->addr)
      || !ike_value_uint (slash + 1, &len) || len > ike_addr_len (&host->addr) * 8)
    return FALSE;
  host->prefix_len = (guint32) len;
  return TRUE;
}

/* FALSE when it is no range; a host name may hold '-'. */
static gboolean
parse_range (IkeHostConf *host, const char *dash)
{
  g_autofree char *head = g_strndup (host->text, (gsize) (dash - host->text));
  IkeAddr first, last;

  if (!ike_addr_parse (&first, g_strstrip (head), NULL) || !ike_addr_len (&first))
    return FALSE;
  while (*++dash == ' ')
    continue;
  if (!ike_addr_parse (&last, dash, NULL) || last.family != first.family
      || ike_addr_compare (&first, &last) > 0)
    return FALSE;
  host->kind = KIND_RANGE;
  host->addr = first;
  host->last = last;
  return TRUE;
}

/* RFC 1123, 2.1, and underscores, which people use. */
static gboolean
is_host_name (const char *text)
{
  gsize len = strlen (text);

  if (len == 0 || len > 253 || text[0] == '-' || text[0] == '.')
    return FALSE;
  if (strspn (text, "0123456789.-") == len)
    return FALSE;                             /* an address or a range that is none */
  for (; *text; text++)
    if (!g_ascii_isalnum (*text) && !strchr ("-._", *text))
      return FALSE;
  return TRUE;
}

static gboolean
parse_host (IkeHostConf *host)
{
  const char *slash = strchr (host->text, '/'), *dash = strchr (host->text, '-');

  if (slash)
    return parse_prefix (host, slash);
  if (ike_addr_parse (&host->addr, host->text, NULL)) {
    host->kind = ike_addr_is_any (&host->addr) ? KIND_ANY : KIND_ADDRESS;
    return TRUE;
  }
  if (dash && parse_range (host, dash))
    return TRUE;
  host->kind = KIND_NAME;
  memset (&host->addr, 0, sizeof host->addr);
  return is_host_name (host->text);
}

IkeHostConf *
ike_hosts_build (IkeBuilder *builder, const IkeTree *section, const char *key, guint32 *n)
{
  const IkeTree *leaf = ike_tree_child (section, key, strlen (key), FALSE);
  g_auto (GStrv) texts = ike_value_list (ike_builder_text (section, key, "%any"));
  guint count = g_strv_length (texts);
  IkeHostConf *hosts;

  if (count == 0 || count > MAX_HOSTS) {
    ike_builder_fail (builder, leaf, key, "needs 1 to %u addresses; write %%any for all",
                      (guint) MAX_HOSTS);
    count = 0;
  }
  hosts = g_new0 (IkeHostConf, MAX (count, 1));
  for (guint i = 0; i < count; i++) {
    hosts[i].text = g_strdup (texts[i]);
    if (!parse_host (&hosts[i]))
      ike_builder_fail (builder, leaf, key, "'%s' is no address, prefix, range or host name",
                        texts[i]);
  }
  *n = count;
  return hosts;
}

void
ike_hosts_free (IkeHostConf *hosts, guint32 n)
{
  for (guint32 i = 0; hosts && i < n; i++)
    g_free (hosts[i].text);
  g_free (hosts);
}

static guint
match_one (const IkeHostConf *host, const IkeAddr *addr)
{
  switch (host->kind) {
  case KIND_ANY:
    return host->addr.family == 0 || host->addr.family == addr->family ? 1 : 0;
  case KIND_ADDRESS:
    return ike_addr_same_host (&host->addr, addr) ? 4 : 0;
  case KIND_PREFIX:
    return ike_addr_in_prefix (addr, &host->addr, host->prefix_len) ? 3 : 0;
  case KIND_RANGE:
    return addr->family == host->addr.family && ike_addr_compare (&host->addr, addr) <= 0
           && ike_addr_compare (addr, &host->last) <= 0 ? 3 : 0;
  default:
    /* A look-up takes time, which a responder has not.  So a name excludes nobody here; whom it
     * stands for is settled by authentication. */
    return 1;
  }
}

guint
ike_hosts_match (const IkeHostConf *hosts, guint32 n, const IkeAddr *addr)
{
  guint best = 0;

  if (!addr || ike_addr_is_any (addr))
    return 1;
  for (guint32 i = 0; i < n; i++)
    best = MAX (best, match_one (&hosts[i], addr));
  return best;
}
