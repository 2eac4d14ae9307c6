/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_segment.c - a large packet with the header that the kernel puts before it: cut, gathered,
 * cut again.
 *
 * The first ten bytes are the header; what was cut must be whole packets that hold the same bytes.
 *
 * Covers: plugins/kernel-tun/segment.c plugins/kernel-tun/gather.c */
#include "config.h"
#include <stdlib.h>
#include <string.h>
#include <glib.h>
#include "kernel-tun/segment.h"

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

static void
check (gboolean is_true)
{
  if (!is_true)
    abort ();
}

/* What came together can be cut again; @n: into how many. */
static void
flush (Gather *gather)
{
  SegmentHeader header;
  Segments segments;
  const char *reason;
  guint n = gather->n, again = 0;
  gsize len = gather_finish (gather, &header);
  check ((len == 0) == (n == 0) && len <= GATHER_SIZE);
  if (n < 2)
    return;
  check (segments_init (&segments, &header, gather->data, len, &reason));
  for (gsize next; (next = segments_peek (&segments)) != 0; again++) {
    g_autofree guint8 *out = g_malloc (next);
    segments_next (&segments, out);
  }
  check (again == n);
}

static void
add (Gather *gather, const guint8 *data, gsize len)
{
  const char *reason;
  Packet packet;
  if (!packet_parse (&packet, data, len, &reason) || gather_add (gather, &packet, data))
    return;
  flush (gather);
  gather_add (gather, &packet, data);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  Gather gather = { 0 };
  SegmentHeader header;
  Segments segments;
  const char *reason = NULL;
  g_autofree guint8 *copy = NULL;
  gsize carried = 0, len;
  if (size <= sizeof header)
    return 0;
  memcpy (&header, data, sizeof header);
  len = size - sizeof header;
  copy = g_memdup2 (data + sizeof header, len);
  gather.data = g_malloc (GATHER_SIZE);
  if (segments_init (&segments, &header, copy, len, &reason)) {
    for (gsize next; (next = segments_peek (&segments)) != 0;) {
      g_autofree guint8 *out = g_malloc (next);
      segments_next (&segments, out);
      check (next > segments.header_len && next <= len);
      carried += next - segments.header_len;
      add (&gather, out, next);
    }
    check (carried == len - segments.header_len);
  } else {
    check (reason != NULL);
  }
  add (&gather, copy, len);
  flush (&gather);
  segment_finish (&header, copy, len);
  g_free (gather.data);
  return 0;
}
