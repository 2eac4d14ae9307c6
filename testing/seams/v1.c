/* SPDX-License-Identifier: Apache-2.0 */
/* v1.c - another major version, as far as the first round trip of ISAKMP (RFC 2408): a Main Mode
 * message with an SA payload is answered with that SA payload behind our cookie; the second message
 * finds the SA by it, on its shard, and is answered with the same bytes.  Who does not go on is
 * forgotten. */
#include "seams/seams.h"
#include <string.h>

enum { MAIN_MODE = 2, SA = 1, KE = 4, HEADER_LEN = 28 };

static guint64
cookie (const guint8 *data, gboolean of_responder)
{
  guint64 value;

  memcpy (&value, data + 8 * (of_responder != 0), sizeof value);
  return GUINT64_FROM_BE (value);
}

/* There is no flag that says whose cookie is whose: here the responder's is ours. */
static int
v1_peek (IkePlugin *self, const guint8 *data, gsize len)
{
  IkeEngine *engine = ike_plugin_engine (self);

  return cookie (data, TRUE) ? ike_engine_buckets (engine)[data[8]]
                             : (int) ike_shard_of_first (engine, cookie (data, FALSE));
}

static void
answer (IkeSa *sa, const IkeDatagram *datagram)
{
  guint64 ours = GUINT64_TO_BE (ike_sa_our_spi (sa));
  g_autofree guint8 *reply = g_memdup2 (datagram->data, datagram->len);

  memcpy (reply + 8, &ours, sizeof ours);
  ike_sa_send_raw (sa, reply, datagram->len);
}

static void
first_message (IkePlugin *self, guint shard, const IkeDatagram *datagram)
{
  IkeEngine *engine = ike_plugin_engine (self);
  IkeSa *sa = ike_sa_by_first (engine, shard, cookie (datagram->data, FALSE), datagram);

  if (!sa)
    sa = ike_sa_make_first (engine, shard, 1, cookie (datagram->data, FALSE), datagram);
  if (sa)
    answer (sa, datagram);
}

/* The header, and a chain of payloads that ends where the message does. */
static gboolean
is_well_formed (const IkeDatagram *datagram)
{
  IkeReader r;
  guint8 next = datagram->data[16];

  ike_reader_init (&r, datagram->data, datagram->len);
  ike_reader_bytes (&r, 24);
  if (ike_reader_u32 (&r) != datagram->len || datagram->data[18] != MAIN_MODE
      || cookie (datagram->data, FALSE) == 0)
    return FALSE;
  while (next && !r.failed) {
    guint16 len;
    next = ike_reader_u8 (&r);
    ike_reader_u8 (&r);
    len = ike_reader_u16 (&r);
    if (len < 4)
      return FALSE;
    ike_reader_bytes (&r, len - 4u);
  }
  return ike_reader_is_done (&r);
}

static void
v1_input (IkePlugin *self, guint shard, const IkeDatagram *datagram)
{
  SeamV1 *plugin = ike_plugin_state (self);
  IkeSa *sa;

  if (!is_well_formed (datagram)) {
    plugin->n_malformed++;
    return;
  }
  if (cookie (datagram->data, TRUE) == 0) {
    if (datagram->data[16] == SA)
      first_message (self, shard, datagram);
    return;
  }
  sa = ike_sa_by_spi (ike_plugin_engine (self), shard, cookie (datagram->data, TRUE));
  if (!sa || ike_sa_spi (sa, TRUE) != cookie (datagram->data, FALSE) || datagram->data[16] != KE) {
    plugin->n_unknown++;
    return;
  }
  plugin->n_second++;
  answer (sa, datagram);
}

static const IkeProtocolClass protocol = {
  .struct_size = sizeof (IkeProtocolClass), .major = 1, .peek = v1_peek, .input = v1_input,
};
SEAM_FEATURE (protocol_feature, "protocol:1", protocol);
static const IkeFeature *const features[] = { &protocol_feature, NULL };

static gboolean
activate (IkePlugin *self, GError **error)
{
  ike_plugin_set_state (self, g_new0 (SeamV1, 1), g_free);
  return TRUE;
}

IKE_PLUGIN (seam_v1_plugin, "seam-v1", 0, .version = "0", .license = "Apache-2.0",
            .summary = "a first round trip of ISAKMP", .features = features, .activate = activate);
