/* SPDX-License-Identifier: Apache-2.0 */
/* grant.h - what a RADIUS server says about a user: the attributes of an Access-Accept, or of a CoA-Request, as far as
 * a gateway can act on them. */
#pragma once
#include <ikebana/radius.h>

enum { GRANT_DNS_MAX = 4, GRANT_GROUPS_MAX = 16, GRANT_CLASSES_MAX = 1024, GRANT_POOL_SIZE = 64 };

/* RFC 2865, 5.8: Framed-IP-Address of all ones, all ones but the last bit, or any other. */
typedef enum { GRANT_ADDR_UNSAID, GRANT_ADDR_OF_USER, GRANT_ADDR_OF_NAS, GRANT_ADDR_GIVEN } GrantAddr;

typedef struct {
  guint8   from4;                             /* GrantAddr */
  IkeAddr  addr4, netmask, addr6;             /* family 0: not given */
  IkeAddr  prefix, delegated;                 /* IPv6, likewise */
  guint    prefix_len, delegated_len;
  guint8   interface_id[8];
  gboolean has_interface_id;
  IkeAddr  dns[GRANT_DNS_MAX], nbns[2];       /* DNS of both families */
  guint    n_dns, n_nbns;
  char     pool4[GRANT_POOL_SIZE], pool6[GRANT_POOL_SIZE];
  guint32  session_s, idle_s, interim_s;      /* with the flags below */
  gboolean has_session, has_idle, has_interim;
  guint8   classes[GRANT_CLASSES_MAX];        /* Class attributes as they came, for accounting */
  gsize    classes_len;
  guint8   user[IKE_RADIUS_VALUE_MAX];        /* User-Name */
  gsize    user_len;                          /* 0: none */
  guint8   cui[IKE_RADIUS_VALUE_MAX];         /* Chargeable-User-Identity (RFC 4372) */
  gsize    cui_len;                           /* 0: none */
  char    *groups[GRANT_GROUPS_MAX];          /* of Class and Filter-Id, as far as these are groups */
  guint    n_groups;
} Grant;

enum { GRANT_CLASS_IS_GROUP = 1 << 0, GRANT_FILTER_IS_GROUP = 1 << 1 };

/* What does not have its form is left out, and named in @problems (texts; may be NULL): a server's mistake about an
 * address is not a reason to turn a user away, nor to believe it. */
void grant_read  (Grant *grant, const guint8 *attributes, gsize len, guint flags, GPtrArray *problems_or_null);
void grant_clear (Grant *grant);
char **grant_groups (const Grant *grant);     /* g_strfreev */
/* The IPv6 address that it gives: itself, or Framed-IPv6-Prefix with Framed-Interface-Id.  FALSE: none. */
gboolean grant_addr6 (const Grant *grant, IkeAddr *addr);
