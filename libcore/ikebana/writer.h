/* SPDX-License-Identifier: Apache-2.0 */
/* writer.h - builds messages into a buffer that somebody else owns.
 *
 * Failure is sticky here too: a write that does not fit changes nothing and marks the writer; the message is then not
 * sent.  Lengths are filled in by marks: open, write, close.  `next_at` is kept by the payload functions of
 * message.h. */
#pragma once
#include <string.h>
#include <ikebana/defs.h>

IKE_BEGIN_DECLS

typedef struct {
  guint8  *data;
  gsize    size;                              /* room */
  gsize    len;                               /* written so far */
  gsize    next_at;                           /* where the type of the next payload goes */
  gboolean failed;
} IkeWriter;

static inline void
ike_writer_init (IkeWriter *w, void *data, gsize size)
{
  memset (w, 0, sizeof *w);
  w->data = (guint8 *) data;
  w->size = size;
}

/* Room for @len bytes, to be filled by the caller; NULL when there is none. */
static inline guint8 *
ike_writer_reserve (IkeWriter *w, gsize len)
{
  guint8 *at;
  if (w->failed || w->size - w->len < len) {
    w->failed = TRUE;
    return NULL;
  }
  at = w->data + w->len;
  w->len += len;
  return at;
}

static inline void
ike_writer_bytes (IkeWriter *w, const void *data, gsize len)
{
  guint8 *at = ike_writer_reserve (w, len);
  if (at && len)
    memcpy (at, data, len);
}

static inline void
ike_writer_u8 (IkeWriter *w, guint8 value)
{
  ike_writer_bytes (w, &value, 1);
}

static inline void
ike_writer_u16 (IkeWriter *w, guint16 value)
{
  guint16 wire = GUINT16_TO_BE (value);
  ike_writer_bytes (w, &wire, 2);
}

static inline void
ike_writer_u32 (IkeWriter *w, guint32 value)
{
  guint32 wire = GUINT32_TO_BE (value);
  ike_writer_bytes (w, &wire, 4);
}

static inline void
ike_writer_u64 (IkeWriter *w, guint64 value)
{
  guint64 wire = GUINT64_TO_BE (value);
  ike_writer_bytes (w, &wire, 8);
}

/* Leaves room for a 16-bit length here; ike_writer_close_u16() fills in the bytes since @mark - @back. */
static inline gsize
ike_writer_open_u16 (IkeWriter *w)
{
  gsize mark = w->len;
  ike_writer_u16 (w, 0);
  return mark;
}

static inline void
ike_writer_close_u16 (IkeWriter *w, gsize mark, gsize back)
{
  gsize len = w->len - mark + back;
  if (w->failed)
    return;
  if (len > G_MAXUINT16) {
    w->failed = TRUE;
    return;
  }
  w->data[mark] = (guint8) (len >> 8);
  w->data[mark + 1] = (guint8) len;
}

IKE_END_DECLS
