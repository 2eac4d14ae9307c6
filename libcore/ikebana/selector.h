/* SPDX-License-Identifier: Apache-2.0 */
/* selector.h - traffic selectors and narrowing (RFC 7296, 2.9 and 3.13). */
#pragma once
#include <ikebana/addr.h>
#include <ikebana/error.h>
#include <ikebana/reader.h>
#include <ikebana/writer.h>

IKE_BEGIN_DECLS

enum { IKE_SELECTORS_MAX = 64 };

typedef struct {
  guint8  family;                             /* 4 or 6 */
  guint8  protocol;                           /* 0: any */
  guint8  is_dynamic;                         /* configuration only: the host, or its virtual address */
  guint8  reserved;
  guint16 port_first, port_last;              /* 0-65535: any; 65535-0: OPAQUE; ICMP: type << 8 | code */
  guint8  first[16], last[16];
} IkeSelector;

/* "10.0.0.0/8", "10.0.0.1-10.0.0.9", "2001:db8::/32[udp/500-510]", "dynamic", "dynamic[tcp/80]",
 * "0.0.0.0/0[icmp/2048]", "10.1.0.0/16[17/opaque]". Any thread, as all of these. */
gboolean ike_selector_parse  (IkeSelector *selector, const char *text, GError **error);
char    *ike_selector_format (const IkeSelector *selector, char *out, gsize size);
gboolean ike_selector_equal  (const IkeSelector *a, const IkeSelector *b);
gboolean ike_selector_covers (const IkeSelector *big, const IkeSelector *small_);
/* The common part of @a and @b; FALSE when there is none. */
gboolean ike_selector_intersect (const IkeSelector *a, const IkeSelector *b, IkeSelector *out);
/* addr with port */
gboolean ike_selector_matches (const IkeSelector *selector, guint8 protocol, const IkeAddr *addr);
/* Is it exactly a prefix?  Then its length, else -1. */
int      ike_selector_prefix_len (const IkeSelector *selector);
/* Of one packet: @addr, its port unless that is 0, @protocol. */
void     ike_selector_of_addr (IkeSelector *selector, guint8 protocol, const IkeAddr *addr);
/* `dynamic` becomes the host (or its virtual addresses). */
void     ike_selector_resolve (IkeSelector *selector, const IkeAddr *host);

/* Leaves out what another one covers, such as the packet that stood first (RFC 7296, 2.9), and keeps the order.
 * Returns how many are left. */
guint    ike_selectors_prune  (IkeSelector *selectors, guint n);
/* Narrowing: what of @offered lies within @ours, in the order of @offered, pruned.  Returns how many were written to
 * @out (room for @max). */
guint    ike_selectors_narrow (const IkeSelector *ours, guint n_ours, const IkeSelector *offered, guint n_offered,
                               IkeSelector *out, guint max);

/* Body of a TSi or TSr payload.  Unknown types are skipped (RFC 7296, 2.9), counted in @n_skipped (may be NULL). */
gboolean ike_selectors_read  (IkeReader *r, IkeSelector *out, guint *n_out, guint *n_skipped, IkeVerdict *verdict);
void     ike_selectors_write (const IkeSelector *selectors, guint n, IkeWriter *w);

IKE_END_DECLS
