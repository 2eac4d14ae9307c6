/* SPDX-License-Identifier: Apache-2.0 */
/* packets.h - inner packets for tests. */
#pragma once
#include <string.h>
#include <ikebana/addr.h>
#include <ikebana/selector.h>

static inline void
put_addr (guint8 *at, const char *text)
{
  IkeAddr addr;
  g_assert_true (ike_addr_parse (&addr, text, NULL));
  memcpy (at, addr.bytes, addr.family == 4 ? 4 : 16);
}

/* IPv4 without options; @rest are bytes of the upper layer (zeros, ports set). */
static inline gsize
make_ipv4 (guint8 *out, const char *source, const char *destination, guint8 protocol, gsize rest)
{
  memset (out, 0, 20 + rest);
  out[0] = 0x45;
  out[2] = (guint8) ((20 + rest) >> 8);
  out[3] = (guint8) (20 + rest);
  out[8] = 64;
  out[9] = protocol;
  put_addr (out + 12, source);
  put_addr (out + 16, destination);
  return 20 + rest;
}

static inline gsize
make_ipv6 (guint8 *out, const char *source, const char *destination, guint8 next, gsize rest)
{
  memset (out, 0, 40 + rest);
  out[0] = 0x60;
  out[4] = (guint8) (rest >> 8);
  out[5] = (guint8) rest;
  out[6] = next;
  out[7] = 64;
  put_addr (out + 8, source);
  put_addr (out + 24, destination);
  return 40 + rest;
}

static inline void
set_ports (guint8 *upper, guint16 source, guint16 destination)
{
  upper[0] = (guint8) (source >> 8);
  upper[1] = (guint8) source;
  upper[2] = (guint8) (destination >> 8);
  upper[3] = (guint8) destination;
}
