/* SPDX-License-Identifier: Apache-2.0 */
/* selector_wire.c - bodies of TSi and TSr payloads (RFC 7296, 3.13). */
#include <string.h>
#include <ikebana/message.h>
#include "wire/selector_private.h"

enum { TS_IPV4_ADDR_RANGE = 7, TS_IPV6_ADDR_RANGE = 8, TS_HEADER_LEN = 4 };

static gboolean
refuse (const IkeReader *at, IkeVerdict *verdict, const char *reason)
{
  return ike_verdict_set (verdict, IKE_N_INVALID_SYNTAX, 0, (guint32) at->pos, reason);
}

static const char *
read_range (IkeReader *body, guint8 type, guint8 protocol, IkeSelector *selector)
{
  guint len = type == TS_IPV4_ADDR_RANGE ? 4 : 16;
  const guint8 *first, *last;

  memset (selector, 0, sizeof *selector);
  selector->family = type == TS_IPV4_ADDR_RANGE ? 4 : 6;
  selector->protocol = protocol;
  selector->port_first = ike_reader_u16 (body);
  selector->port_last = ike_reader_u16 (body);
  first = ike_reader_bytes (body, len);
  last = ike_reader_bytes (body, len);
  if (!ike_reader_is_done (body))
    return "traffic selector has the wrong length for its type";
  if (memcmp (first, last, len) > 0)
    return "traffic selector begins behind its end";
  if (selector->port_first > selector->port_last && !ike_selector_is_opaque (selector))
    return "ports of a traffic selector begin behind their end";
  memcpy (selector->first, first, len);
  memcpy (selector->last, last, len);
  return NULL;
}

/* One selector into @out; a type that is not known leaves @out->family zero. */
static gboolean
read_one (IkeReader *r, IkeSelector *out, IkeVerdict *verdict)
{
  IkeReader at = *r, body;
  guint8 type = ike_reader_u8 (r), protocol = ike_reader_u8 (r);
  guint16 len = ike_reader_u16 (r);
  const char *reason;

  if (r->failed || len < TS_HEADER_LEN || !ike_reader_sub (r, (gsize) len - TS_HEADER_LEN, &body))
    return refuse (&at, verdict, "traffic selector is cut off");
  out->family = 0;
  if (type != TS_IPV4_ADDR_RANGE && type != TS_IPV6_ADDR_RANGE)
    return TRUE;
  reason = read_range (&body, type, protocol, out);
  return !reason || refuse (&at, verdict, reason);
}

gboolean
ike_selectors_read (IkeReader *r, IkeSelector *out, guint *n_out, guint *n_skipped,
                    IkeVerdict *verdict)
{
  guint n_wire = ike_reader_u8 (r), n = 0, skipped = 0;

  *n_out = 0;
  ike_reader_bytes (r, 3);
  if (r->failed)
    return refuse (r, verdict, "traffic selectors are cut off");
  if (n_wire == 0)
    return refuse (r, verdict, "no traffic selector");
  for (guint i = 0; i < n_wire; i++) {
    IkeSelector one = { 0 };
    if (!read_one (r, &one, verdict))
      return FALSE;
    /* Beyond the cap they are passed over like those of unknown types: the peer gets a narrower
     * answer. */
    if (one.family == 0 || n == IKE_SELECTORS_MAX)
      skipped++;
    else
      out[n++] = one;
  }
  if (!ike_reader_is_done (r))
    return refuse (r, verdict, "bytes behind the last traffic selector");
  *n_out = n;
  if (n_skipped)
    *n_skipped = skipped;
  return TRUE;
}

void
ike_selectors_write (const IkeSelector *selectors, guint n, IkeWriter *w)
{
  if (n > G_MAXUINT8) {
    w->failed = TRUE;
    return;
  }
  ike_writer_u8 (w, (guint8) n);
  ike_writer_bytes (w, "\0\0", 3);
  for (guint i = 0; i < n; i++) {
    const IkeSelector *s = &selectors[i];
    guint len = ike_selector_addr_len (s);
    gsize mark;
    /* What was never resolved has no form on the wire: the message is not sent. */
    if (len == 0 || s->is_dynamic)
      w->failed = TRUE;
    ike_writer_u8 (w, s->family == 4 ? TS_IPV4_ADDR_RANGE : TS_IPV6_ADDR_RANGE);
    ike_writer_u8 (w, s->protocol);
    mark = ike_writer_open_u16 (w);
    ike_writer_u16 (w, s->port_first);
    ike_writer_u16 (w, s->port_last);
    ike_writer_bytes (w, s->first, len);
    ike_writer_bytes (w, s->last, len);
    ike_writer_close_u16 (w, mark, 2);
  }
}
