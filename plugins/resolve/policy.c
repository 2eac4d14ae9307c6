/* SPDX-License-Identifier: Apache-2.0 */
/* policy.c - which name servers and domains of a gateway are believed. */
#include "config.h"
#include "resolve.h"
#include "shared/pool/pool_attributes.h"
#include <string.h>

/* Names with a meaning of their own (RFC 6761, RFC 6762, RFC 7686): only by their own name. */
static const char *const special[] = {
  "localhost", "local", "invalid", "onion", "arpa", "alt", NULL
};

gboolean
policy_takes_server (const IkeAddr *server)
{
  const guint8 *bytes = server->bytes;

  if (ike_addr_is_any (server))
    return FALSE;
  if (server->family == 4)
    return bytes[0] != 0 && bytes[0] != 127 && bytes[0] < 224;
  /* Loopback and mapped addresses, link-local and multicast ones. */
  return (bytes[0] || bytes[1]) && bytes[0] != 0xff && !(bytes[0] == 0xfe && bytes[1] >= 0x80);
}

static gboolean
is_below (const char *name, const char *domain)
{
  gsize len = strlen (name), domain_len = strlen (domain);

  return len >= domain_len && !g_ascii_strcasecmp (name + len - domain_len, domain)
         && (len == domain_len || name[len - domain_len - 1] == '.');
}

static gboolean
is_special (const char *name)
{
  for (guint i = 0; special[i]; i++)
    if (is_below (name, special[i]))
      return TRUE;
  return !strchr (name, '.');
}

/* RFC 8598, 5: "If a client is configured by local policy to only accept a limited set of
 * INTERNAL_DNS_DOMAIN values, the client MUST ignore any other INTERNAL_DNS_DOMAIN values."
 * 8: "IKE clients MAY want to require whitelisted domains for Top-Level Domains". */
gboolean
policy_takes_domain (const char *name, const char *const *allowed)
{
  if (!pool_is_domain (name, strlen (name)))
    return FALSE;
  for (guint i = 0; allowed && allowed[i]; i++)
    if (!strcmp (allowed[i], "*") ? !is_special (name) : is_below (name, allowed[i]))
      return TRUE;
  return FALSE;
}
