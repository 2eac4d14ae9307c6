/* SPDX-License-Identifier: Apache-2.0 */
/* reader.h - the one bounds-checked cursor for everything that comes from outside.
 *
 * Failure is sticky: read everything, then ask once whether it was all there.  A failed read gives zeros or NULL and
 * leaves the cursor where it failed.  Nothing else in the project does arithmetic on lengths from a peer. */
#pragma once
#include <ikebana/defs.h>

IKE_BEGIN_DECLS

typedef struct {
  const guint8 *data;
  gsize         len;
  gsize         pos;
  gboolean      failed;
} IkeReader;

static inline void
ike_reader_init (IkeReader *r, const void *data, gsize len)
{
  r->data = (const guint8 *) data;
  r->len = len;
  r->pos = 0;
  r->failed = FALSE;
}

static inline gsize
ike_reader_left (const IkeReader *r)
{
  return r->failed ? 0 : r->len - r->pos;
}

/* @len bytes, or NULL when they are not there.  (A zero-length read of a good reader is never NULL.) */
static inline const guint8 *
ike_reader_bytes (IkeReader *r, gsize len)
{
  const guint8 *at;
  if (r->failed || r->len - r->pos < len) {
    r->failed = TRUE;
    return NULL;
  }
  at = r->data ? r->data + r->pos : (const guint8 *) "";
  r->pos += len;
  return at;
}

static inline guint8
ike_reader_u8 (IkeReader *r)
{
  const guint8 *p = ike_reader_bytes (r, 1);
  return p ? p[0] : 0;
}

static inline guint16
ike_reader_u16 (IkeReader *r)
{
  const guint8 *p = ike_reader_bytes (r, 2);
  return p ? (guint16) (p[0] << 8 | p[1]) : 0;
}

static inline guint32
ike_reader_u32 (IkeReader *r)
{
  const guint8 *p = ike_reader_bytes (r, 4);
  return p ? (guint32) p[0] << 24 | (guint32) p[1] << 16 | (guint32) p[2] << 8 | p[3] : 0;
}

static inline guint64
ike_reader_u64 (IkeReader *r)
{
  guint64 high = ike_reader_u32 (r);
  return high << 32 | ike_reader_u32 (r);
}

/* Makes @sub a cursor over the next @len bytes and steps over them. */
static inline gboolean
ike_reader_sub (IkeReader *r, gsize len, IkeReader *sub)
{
  const guint8 *p = ike_reader_bytes (r, len);
  ike_reader_init (sub, p, p ? len : 0);
  sub->failed = p == NULL;
  return p != NULL;
}

/* TRUE when nothing failed and nothing is left. */
static inline gboolean
ike_reader_is_done (const IkeReader *r)
{
  return !r->failed && r->pos == r->len;
}

IKE_END_DECLS
