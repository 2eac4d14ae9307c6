/* SPDX-License-Identifier: Apache-2.0 */
/* dn.h - distinguished names (X.501): text to DER and back, comparison (RFC 5280, 7.1); internal, not installed. */
#pragma once
#include <ikebana/defs.h>

enum { IKE_DN_DER_MAX = 4096, IKE_DN_RDNS_MAX = 64, IKE_DN_OID_MAX = 32 };

/* One kind of attribute: its names as text, the DER of its OID (contents only), and how its value is written. */
typedef struct {
  const char *name;
  guint8      oid[11];
  guint8      oid_len;
  gboolean    is_ia5;                         /* RFC 4519: DC and e-mail are IA5String */
} IkeDnAttribute;

/* ends with name == NULL; the first name of an OID is the one shown */
extern const IkeDnAttribute ike_dn_attributes[];

/* DER of "C=CH, O=Example, CN=*", or of the form with slashes; NULL with @error.  Sets @has_wildcard when a value is
 * "*". */
GByteArray *ike_dn_parse  (const char *text, gboolean *has_wildcard, GError **error);
/* Does @text begin like a distinguished name, with an attribute that we know (or an OID)? */
gboolean    ike_dn_looks_like_one (const char *text);
/* Appends the text form, with the peer's bytes escaped; FALSE when @der is not a distinguished name. */
gboolean    ike_dn_format (const guint8 *der, gsize len, GString *out);
/* 0: different; 20: equal; else 20 less the number of values that "*" of @pattern stood for, at least 2.  Wildcards
 * count only with @has_wildcard. */
guint       ike_dn_match  (const guint8 *der, gsize len, const guint8 *pattern, gsize pattern_len,
                           gboolean has_wildcard);
