/* SPDX-License-Identifier: Apache-2.0 */
/* addr.h - an IP address with a port, as a value of 24 bytes. */
#pragma once
#include <ikebana/defs.h>

struct sockaddr;

IKE_BEGIN_DECLS

typedef struct {
  guint8  family;                             /* 4, 6, or 0: unset (any) */
  guint8  reserved;
  guint16 port;                               /* host order; 0: none */
  guint32 scope;                              /* interface index of a link-local IPv6 address, else 0 */
  guint8  bytes[16];                          /* network order; IPv4 uses the first 4, the rest is zero */
} IkeAddr;

enum { IKE_ADDR_TEXT_SIZE = 80 };             /* "[fe80::…%4294967295]:65535" with room to spare */

/* "192.0.2.1", "2001:db8::1", "%any", "%any4", "%any6"; no port, no name.  Any thread, as all of these. */
gboolean ike_addr_parse      (IkeAddr *addr, const char *text, GError **error);
char    *ike_addr_format     (const IkeAddr *addr, gboolean with_port, char out[IKE_ADDR_TEXT_SIZE]);
guint    ike_addr_len        (const IkeAddr *addr);                       /* 4, 16 or 0 */
gboolean ike_addr_is_any     (const IkeAddr *addr);                       /* unset, or all zeros */
gboolean ike_addr_equal      (const IkeAddr *a, const IkeAddr *b);        /* with port */
gboolean ike_addr_same_host  (const IkeAddr *a, const IkeAddr *b);        /* without */
int      ike_addr_compare    (const IkeAddr *a, const IkeAddr *b);        /* by family, bytes; not the port */
/* Mapped IPv6 (::ffff:a.b.c.d) becomes IPv4. */
gboolean ike_addr_from_sockaddr (IkeAddr *addr, const struct sockaddr *sa, guint32 len);
guint32  ike_addr_to_sockaddr   (const IkeAddr *addr, void *storage);     /* returns its length, 0 when unset */
gboolean ike_addr_in_prefix  (const IkeAddr *addr, const IkeAddr *net, guint prefix_len);

IKE_END_DECLS
