/* SPDX-License-Identifier: Apache-2.0 */
/* pool_attributes.h - attributes of configuration payloads (RFC 7296, 3.15.1): from settings to the wire, and from the
 * wire to people. */
#pragma once
#include <ikebana/pool.h>
#include <ikebana/tree.h>

typedef struct {
  guint16 type, len;
  guint8 *value;
} PoolAttribute;

enum { POOL_VALUE_MAX = 1024 };

/* PoolAttribute, which the array frees. */
GArray  *pool_attributes_new (void);
void     pool_attributes_add (GArray *attributes, guint16 type, const void *value, gsize len);

/* One key of a section of `pools`: dns, nbns, dhcp, netmask, server, subnet, split_dns, split_dns_ta, encdns,
 * encdns_digest, or a number.  FALSE: it is none of these.  @problems: as of IkeSectionClass.add. */
gboolean pool_attribute_read (GArray *attributes, const char *key, const char *text, GPtrArray *problems);

/* Is @value what the RFC of @type allows in a reply?  Appends it for people, escaped, to @text (may be NULL).  Types
 * that are not known are well-formed, and shown as bytes. */
gboolean pool_attribute_describe (guint16 type, const guint8 *value, gsize len, GString *text);
/* "INTERNAL_IP4_DNS", or NULL. */
const char *pool_attribute_name  (guint16 type);

/* A name of hosts, in the form of DNS: letters, digits, hyphens and underscores, no empty label, no dot at its end. */
gboolean pool_is_domain      (const char *name, gsize len);

/* pool_encdns.c: one item of `encdns` and `encdns_digest` (RFC 9464); NULL, or why it is none. */
const char *pool_encdns_read        (GArray *attributes, const char *item);
const char *pool_encdns_digest_read (GArray *attributes, const char *item);
gboolean    pool_encdns_describe    (guint16 type, const guint8 *value, gsize len, GString *text);
/* Hexadecimal digits, in pairs; FALSE: they are none, or more than @max bytes. */
gboolean    pool_hex_read           (const char *text, guint8 *out, gsize max, gsize *len);
void        pool_hex_append         (GString *text, const guint8 *data, gsize len);
