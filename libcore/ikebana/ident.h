/* SPDX-License-Identifier: Apache-2.0 */
/* ident.h - identities (RFC 7296, 3.5): who somebody says to be, and patterns over that. */
#pragma once
#include <ikebana/addr.h>

IKE_BEGIN_DECLS

typedef enum {
  IKE_ID_ANY = 0,                             /* %any, never on the wire */
  IKE_ID_IPV4_ADDR = 1,
  IKE_ID_FQDN = 2,
  IKE_ID_RFC822_ADDR = 3,
  IKE_ID_IPV6_ADDR = 5,
  IKE_ID_DER_ASN1_DN = 9,
  IKE_ID_DER_ASN1_GN = 10,
  IKE_ID_KEY_ID = 11,
  IKE_ID_FC_NAME = 12,
  IKE_ID_NULL = 13,
} IkeIdentType;

typedef struct _IkeIdent IkeIdent;            /* immutable, counted (atomically) */

/* As swanctl writes them: "192.0.2.1", "host.example", "user@example", "@host", "@#6b6579" and "keyid:name",
 * "C=CH, O=Example, CN=*", "fqdn:#hex", "type:value", "%any", "192.0.2.0/24", "10.0.0.1-10.0.0.9", "^regex$" behind
 * a type.  Patterns may hold '*'. */
IkeIdent       *ike_ident_parse   (const char *text, GError **error);
IkeIdent       *ike_ident_new     (guint8 type, const void *data, gsize len);   /* from the wire; never fails */
IkeIdent       *ike_ident_from_addr (const IkeAddr *addr);
IkeIdent       *ike_ident_ref     (const IkeIdent *ident);
void            ike_ident_unref   (IkeIdent *ident);
guint8          ike_ident_type    (const IkeIdent *ident);
const guint8   *ike_ident_data    (const IkeIdent *ident, gsize *len);
gboolean        ike_ident_is_pattern (const IkeIdent *ident);
gboolean        ike_ident_equal   (const IkeIdent *a, const IkeIdent *b);
/* How well @ident fits @pattern: 0 not at all, 1 %any, … 20 equal; more is more exact. */
guint           ike_ident_match   (const IkeIdent *ident, const IkeIdent *pattern);
/* For people, escaped; @out is always terminated.  A good size is 128. */
char           *ike_ident_format  (const IkeIdent *ident, char *out, gsize out_size);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (IkeIdent, ike_ident_unref)

IKE_END_DECLS
