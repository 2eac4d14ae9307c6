/* SPDX-License-Identifier: Apache-2.0 */
/* grant.c - reads what an Access-Accept or a CoA-Request says about a user.
 *
 * Each attribute is one row of a table: number, what is done with it.  Of those that should come
 * once the first counts. */
#include "grant.h"

typedef gboolean (*Reader) (Grant *grant, const IkeRadiusAttribute *attribute);

static gboolean
is_host (const IkeAddr *addr)
{
  return !ike_addr_is_any (addr) && addr->bytes[0] != 0xff
         && !(addr->family == 4 && (addr->bytes[0] >= 224 || addr->bytes[0] == 127));
}

/* RFC 2865, 5.8: "The value 0xFFFFFFFF indicates that the NAS Should allow the user to select an
 * address (e.g. Negotiated).  The value 0xFFFFFFFE indicates that the NAS should select an address
 * for the user (e.g. Assigned from a pool of addresses kept by the NAS)." */
static gboolean
read_addr4 (Grant *grant, const IkeRadiusAttribute *attribute)
{
  IkeAddr addr;
  guint32 value;

  if (!ike_radius_get_u32 (attribute, &value) || !ike_radius_get_addr (attribute, &addr))
    return FALSE;
  if (grant->from4)
    return TRUE;
  if (value == 0xffffffff)
    grant->from4 = GRANT_ADDR_OF_USER;
  else if (value == 0xfffffffe)
    grant->from4 = GRANT_ADDR_OF_NAS;
  else if (is_host (&addr)) {
    grant->from4 = GRANT_ADDR_GIVEN;
    grant->addr4 = addr;
  } else
    return FALSE;
  return TRUE;
}

static gboolean
read_netmask (Grant *grant, const IkeRadiusAttribute *attribute)
{
  guint32 value;

  /* ones, then zeros */
  if (!ike_radius_get_u32 (attribute, &value) || (~value & (~value + 1)))
    return FALSE;
  return grant->netmask.family || ike_radius_get_addr (attribute, &grant->netmask);
}

static gboolean
read_addr6 (Grant *grant, const IkeRadiusAttribute *attribute)
{
  IkeAddr addr;

  if (!ike_radius_get_addr (attribute, &addr) || addr.family != 6 || !is_host (&addr))
    return FALSE;
  if (!grant->addr6.family)
    grant->addr6 = addr;
  return TRUE;
}

static gboolean
first_prefix (const IkeRadiusAttribute *attribute, IkeAddr *first, guint *first_len)
{
  IkeAddr net;
  guint len;

  if (!ike_radius_get_prefix (attribute, &net, &len) || !is_host (&net))
    return FALSE;
  if (!first->family) {
    *first = net;
    *first_len = len;
  }
  return TRUE;
}

static gboolean
read_prefix (Grant *grant, const IkeRadiusAttribute *attribute)
{
  return first_prefix (attribute, &grant->prefix, &grant->prefix_len);
}

static gboolean
read_delegated (Grant *grant, const IkeRadiusAttribute *attribute)
{
  return first_prefix (attribute, &grant->delegated, &grant->delegated_len);
}

static gboolean
read_interface_id (Grant *grant, const IkeRadiusAttribute *attribute)
{
  if (attribute->len != sizeof grant->interface_id)
    return FALSE;
  memcpy (grant->interface_id, attribute->value, sizeof grant->interface_id);
  grant->has_interface_id = TRUE;
  return TRUE;
}

static gboolean
add_dns (Grant *grant, const IkeRadiusAttribute *attribute, guint8 family)
{
  IkeAddr addr;

  if (!ike_radius_get_addr (attribute, &addr) || addr.family != family || ike_addr_is_any (&addr))
    return FALSE;
  if (grant->n_dns < GRANT_DNS_MAX)
    grant->dns[grant->n_dns++] = addr;
  return TRUE;
}

static gboolean
read_dns4 (Grant *grant, const IkeRadiusAttribute *attribute)
{
  return add_dns (grant, attribute, 4);
}

static gboolean
read_dns6 (Grant *grant, const IkeRadiusAttribute *attribute)
{
  return add_dns (grant, attribute, 6);
}

static gboolean
read_nbns (Grant *grant, const IkeRadiusAttribute *attribute)
{
  IkeAddr addr;

  if (!ike_radius_get_addr (attribute, &addr) || addr.family != 4 || ike_addr_is_any (&addr))
    return FALSE;
  if (grant->n_nbns < G_N_ELEMENTS (grant->nbns))
    grant->nbns[grant->n_nbns++] = addr;
  return TRUE;
}

/* Names of pools and groups are compared with what an operator wrote: graphic ASCII, as there. */
static gboolean
is_name (const IkeRadiusAttribute *attribute, gsize max)
{
  if (attribute->len == 0 || attribute->len > max)
    return FALSE;
  for (guint i = 0; i < attribute->len; i++)
    if (!g_ascii_isprint ((char) attribute->value[i]))
      return FALSE;
  return TRUE;
}

static gboolean
read_pool (char pool[GRANT_POOL_SIZE], const IkeRadiusAttribute *attribute)
{
  if (!is_name (attribute, GRANT_POOL_SIZE - 1))
    return FALSE;
  if (!pool[0])
    memcpy (pool, attribute->value, attribute->len);
  return TRUE;
}

static gboolean
read_pool4 (Grant *grant, const IkeRadiusAttribute *attribute)
{
  return read_pool (grant->pool4, attribute);
}

static gboolean
read_pool6 (Grant *grant, const IkeRadiusAttribute *attribute)
{
  return read_pool (grant->pool6, attribute);
}

static gboolean
read_seconds (const IkeRadiusAttribute *attribute, guint32 *seconds, gboolean *is_there)
{
  guint32 value;

  if (!ike_radius_get_u32 (attribute, &value))
    return FALSE;
  if (!*is_there)
    *seconds = value;
  *is_there = TRUE;
  return TRUE;
}

static gboolean
read_session (Grant *grant, const IkeRadiusAttribute *attribute)
{
  return read_seconds (attribute, &grant->session_s, &grant->has_session);
}

static gboolean
read_idle (Grant *grant, const IkeRadiusAttribute *attribute)
{
  return read_seconds (attribute, &grant->idle_s, &grant->has_idle);
}

static gboolean
read_interim (Grant *grant, const IkeRadiusAttribute *attribute)
{
  return read_seconds (attribute, &grant->interim_s, &grant->has_interim);
}

static gboolean
read_user (Grant *grant, const IkeRadiusAttribute *attribute)
{
  if (attribute->len == 0)
    return FALSE;
  if (!grant->user_len) {
    memcpy (grant->user, attribute->value, attribute->len);
    grant->user_len = attribute->len;
  }
  return TRUE;
}

static gboolean
read_cui (Grant *grant, const IkeRadiusAttribute *attribute)
{
  if (attribute->len == 0)
    return FALSE;
  if (!grant->cui_len) {
    memcpy (grant->cui, attribute->value, attribute->len);
    grant->cui_len = attribute->len;
  }
  return TRUE;
}

static const struct {
  guint32 vendor;
  guint8 type;
  const char *name;
  Reader read;
} readers[] = {
  { 0, IKE_RADIUS_USER_NAME, "User-Name", read_user },
  { 0, IKE_RADIUS_CHARGEABLE_USER_IDENTITY, "Chargeable-User-Identity", read_cui },
  { 0, IKE_RADIUS_FRAMED_IP_ADDRESS, "Framed-IP-Address", read_addr4 },
  { 0, IKE_RADIUS_FRAMED_IP_NETMASK, "Framed-IP-Netmask", read_netmask },
  { 0, IKE_RADIUS_SESSION_TIMEOUT, "Session-Timeout", read_session },
  { 0, IKE_RADIUS_IDLE_TIMEOUT, "Idle-Timeout", read_idle },
  { 0, IKE_RADIUS_ACCT_INTERIM_INTERVAL, "Acct-Interim-Interval", read_interim },
  { 0, IKE_RADIUS_FRAMED_POOL, "Framed-Pool", read_pool4 },
  { 0, IKE_RADIUS_FRAMED_INTERFACE_ID, "Framed-Interface-Id", read_interface_id },
  { 0, IKE_RADIUS_FRAMED_IPV6_PREFIX, "Framed-IPv6-Prefix", read_prefix },
  { 0, IKE_RADIUS_FRAMED_IPV6_POOL, "Framed-IPv6-Pool", read_pool6 },
  { 0, IKE_RADIUS_DELEGATED_IPV6_PREFIX, "Delegated-IPv6-Prefix", read_delegated },
  { 0, IKE_RADIUS_FRAMED_IPV6_ADDRESS, "Framed-IPv6-Address", read_addr6 },
  { 0, IKE_RADIUS_DNS_SERVER_IPV6_ADDRESS, "DNS-Server-IPv6-Address", read_dns6 },
  { 0, IKE_RADIUS_STATEFUL_IPV6_ADDRESS_POOL, "Stateful-IPv6-Address-Pool", read_pool6 },
  { IKE_RADIUS_VENDOR_MICROSOFT, IKE_RADIUS_MS_PRIMARY_DNS_SERVER, "MS-Primary-DNS-Server",
    read_dns4 },
  { IKE_RADIUS_VENDOR_MICROSOFT, IKE_RADIUS_MS_SECONDARY_DNS_SERVER, "MS-Secondary-DNS-Server",
    read_dns4 },
  { IKE_RADIUS_VENDOR_MICROSOFT, IKE_RADIUS_MS_PRIMARY_NBNS_SERVER, "MS-Primary-NBNS-Server",
    read_nbns },
  { IKE_RADIUS_VENDOR_MICROSOFT, IKE_RADIUS_MS_SECONDARY_NBNS_SERVER, "MS-Secondary-NBNS-Server",
    read_nbns },
};

static void
add_group (Grant *grant, const IkeRadiusAttribute *attribute)
{
  if (grant->n_groups < GRANT_GROUPS_MAX && is_name (attribute, IKE_RADIUS_VALUE_MAX))
    grant->groups[grant->n_groups++] = g_strndup ((const char *) attribute->value, attribute->len);
}

/* RFC 2865, 5.25: "The client MUST NOT interpret the attribute locally": a Class is a group only
 * where the operator says that his server means it so. */
static void
read_class (Grant *grant, const IkeRadiusAttribute *attribute, guint flags)
{
  guint8 *at = grant->classes + grant->classes_len;

  if (flags & GRANT_CLASS_IS_GROUP)
    add_group (grant, attribute);
  if (attribute->len == 0 || attribute->len + 2u > GRANT_CLASSES_MAX - grant->classes_len)
    return;
  at[0] = IKE_RADIUS_CLASS;
  at[1] = (guint8) (attribute->len + 2);
  memcpy (at + 2, attribute->value, attribute->len);
  grant->classes_len += attribute->len + 2u;
}

static void
read_attribute (Grant *grant, const IkeRadiusAttribute *attribute, GPtrArray *problems)
{
  for (guint i = 0; i < G_N_ELEMENTS (readers); i++)
    if (readers[i].vendor == attribute->vendor && readers[i].type == attribute->type) {
      if (!readers[i].read (grant, attribute) && problems)
        g_ptr_array_add (problems, (gpointer) readers[i].name);
      return;
    }
}

void
grant_read (Grant *grant, const guint8 *attributes, gsize len, guint flags, GPtrArray *problems)
{
  IkeRadiusAttribute attribute;
  IkeRadiusIter iter;

  memset (grant, 0, sizeof *grant);
  ike_radius_iter_init (&iter, attributes, len);
  while (ike_radius_next (&iter, &attribute))
    if (attribute.vendor == 0 && attribute.type == IKE_RADIUS_CLASS)
      read_class (grant, &attribute, flags);
    else if (attribute.vendor == 0 && attribute.type == IKE_RADIUS_FILTER_ID) {
      if (flags & GRANT_FILTER_IS_GROUP)
        add_group (grant, &attribute);
    } else
      read_attribute (grant, &attribute, problems);
}

void
grant_clear (Grant *grant)
{
  for (guint i = 0; i < grant->n_groups; i++)
    g_free (grant->groups[i]);
  memset (grant, 0, sizeof *grant);
}

/* A prefix of which the user may have all is one address where it is as long as that; else the
 * interface identifier completes it (RFC 3162, 2.2), or the first address that is not the subnet
 * router's anycast address (RFC 4291, 2.6.1). */
gboolean
grant_addr6 (const Grant *grant, IkeAddr *addr)
{
  if (grant->addr6.family) {
    *addr = grant->addr6;
    return TRUE;
  }
  if (!grant->prefix.family)
    return FALSE;
  *addr = grant->prefix;
  if (grant->prefix_len > 64)
    addr->bytes[15] |= grant->prefix_len < 128;
  else if (grant->has_interface_id)
    memcpy (addr->bytes + 8, grant->interface_id, sizeof grant->interface_id);
  else
    addr->bytes[15] = 1;
  return TRUE;
}

char **
grant_groups (const Grant *grant)
{
  char **groups = g_new0 (char *, grant->n_groups + 1);

  for (guint i = 0; i < grant->n_groups; i++)
    groups[i] = g_strdup (grant->groups[i]);
  return groups;
}
