/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_sim.c - EAP-SIM, EAP-AKA and EAP-AKA': attributes, and conversations with somebody between.
 *
 * Input: a byte that says which.  Then attributes, as a packet has them and as they come out of
 * AT_ENCR_DATA; or for each packet that an end says what becomes of it: it passes, one byte is
 * changed, it is cut, attributes are added, or others take the place of its own.  Whatever comes,
 * an end that fails says why, and where both are content they have the same key.  It loads the
 * plugins of the build tree that IKE_TOP_BUILDDIR names. */
#include <stdlib.h>
#include <string.h>

#include <ikebana/reader.h>

#include "shared/sim/bench.h"
#include "shared/sim/keys.h"

enum { TURNS_MAX = 12, ATTRIBUTES = 3, PASS = 0, CHANGE = 1, CUT = 2, APPEND = 3, REPLACE = 4 };

static const struct {
  const char *server, *peer, *identity;
} methods[] = {
  { "eap-server:sim", "eap-peer:sim", "1232010000000000@eapsim.foo" },
  { "eap-server:aka", "eap-peer:aka", "0232010000000000@eapsim.foo" },
  { "eap-server:aka-prime", "eap-peer:aka-prime", "6232010000000000@eapsim.foo" },
};

int LLVMFuzzerTestOneInput (const guint8 *data, gsize len);

static SimBench *bench;

static void
check (gboolean ok)
{
  if (!ok)
    __builtin_trap ();
}

static void
close_bench (void)
{
  g_clear_pointer (&bench, sim_bench_free);
}

static void
open_bench (void)
{
  if (bench)
    return;
  bench = sim_bench_new ("232010000000000, 465b5ce8b199b49faa5f0a2ee238a6bc, "
                         "opc=cd63cb71954a9f4e48a5994e37a02baf\n",
                         "eap-sim { result_indications = yes } "
                         "eap-aka { result_indications = yes }",
                         NULL);
  atexit (close_bench);
}

/* -- attributes */

/* Every view is within the input, and of its kind's length. */
static void
check_packet (const SimPacket *packet, const guint8 *data, gsize len)
{
  for (guint i = 0; i < N_SIM_ATTRIBUTES; i++) {
    gsize n;
    const guint8 *value = sim_packet_value (packet, i, &n);

    if (!(packet->has & SIM_BIT (i)))
      continue;
    check (value >= data && value + n <= data + len);
    (void) sim_packet_number (packet, i);
  }
  check (packet->n_kdfs <= SIM_KDFS_MAX);
  check (!(packet->has & SIM_BIT (AT_MAC)) || packet->mac_at + SIM_MAC_LEN <= len);
}

static void
read_attributes (const guint8 *data, gsize len)
{
  SimKeys keys = { .aut_len = 16 };
  guint8 plain[SIM_PACKET_MAX], mac[SIM_MAC_LEN];
  SimPacket packet, inner;
  SimCrypto crypto;

  if (!sim_attributes_read (&packet, data, len))
    check_packet (&packet, data, len);
  if (len < SIM_HEADER_LEN || sim_packet_read (&packet, data[4], data, len))
    return;
  check_packet (&packet, data, len);
  sim_crypto_find (&crypto, bench->engine);
  if (packet.has & SIM_BIT (AT_MAC))
    check (sim_mac (&crypto, &keys, &packet, (IkePart){ 0 }, mac));
  if ((packet.has & SIM_BIT (AT_ENCR_DATA)) && !sim_open (&crypto, &keys, &packet, plain, &inner))
    check_packet (&inner, plain, sizeof plain);
}

/* -- conversations */

static void
set_length (GByteArray *packet)
{
  if (packet->len < 4)
    return;
  packet->data[2] = (guint8) (packet->len >> 8);
  packet->data[3] = (guint8) packet->len;
}

/* What arrives of @said. */
static GByteArray *
carry (const IkeEapStep *said, IkeReader *input, gboolean *is_changed)
{
  GByteArray *packet = g_byte_array_append (g_byte_array_new (), said->packet, (guint) said->len);
  guint8 what = ike_reader_u8 (input) % 5, where;
  gsize n;

  if (what == PASS)
    return packet;
  *is_changed = TRUE;
  where = ike_reader_u8 (input);
  n = MIN (where, ike_reader_left (input));
  if (what == CHANGE)
    packet->data[where % packet->len] ^= ike_reader_u8 (input);
  else if (what == CUT)
    g_byte_array_set_size (packet, packet->len - where % packet->len);
  if (what == REPLACE && n) {
    g_byte_array_set_size (packet, SIM_HEADER_LEN);
    packet->data[5] = ike_reader_u8 (input);
    n--;
  }
  if (what >= APPEND && n)
    g_byte_array_append (packet, ike_reader_bytes (input, n), (guint) n);
  if (what != CHANGE)
    set_length (packet);
  return packet;
}

static void
check_end (const SimEnd *end)
{
  const IkeEapStep *step = end->step;

  check (step && !end->error);
  check (!step->packet || (step->len >= IKE_EAP_HEADER_LEN && step->len <= SIM_PACKET_MAX));
  check ((step->outcome == IKE_EAP_FAILED) == (step->reason != NULL));
  check (!step->reason || g_utf8_validate (step->reason, -1, NULL));
  check ((step->outcome == IKE_EAP_DONE) == (step->msk != NULL));
}

static void
converse (guint method, IkeReader *input)
{
  guint8 identifier = 1;
  gboolean is_changed = FALSE;
  SimEnd server, peer, *end;

  sim_end_begin (&server, bench, methods[method].server, methods[method].identity);
  sim_end_begin (&peer, bench, methods[method].peer, methods[method].identity);
  sim_end_step (&server, NULL, 0, identifier);
  end = &server;
  for (guint i = 0; i < TURNS_MAX && end->step->packet; i++) {
    GByteArray *packet = carry (end->step, input, &is_changed);

    end = end == &server ? &peer : &server;
    if (end == &server)
      identifier++;
    sim_end_step (end, packet->data, packet->len, identifier);
    g_byte_array_unref (packet);
    check_end (end);
  }
  check (is_changed || (server.step->msk && peer.step && peer.step->msk));
  if (server.step->msk && peer.step && peer.step->msk)
    check (memcmp (ike_secret_blob_data (server.step->msk), ike_secret_blob_data (peer.step->msk),
                   IKE_EAP_MSK_MIN)
           == 0);
  sim_end_clear (&server);
  sim_end_clear (&peer);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize len)
{
  IkeReader input;
  guint which;

  open_bench ();
  ike_reader_init (&input, data, len);
  which = ike_reader_u8 (&input) % 4;
  if (which == ATTRIBUTES && len)
    read_attributes (data + 1, len - 1);
  else if (which < G_N_ELEMENTS (methods))
    converse (which, &input);
  return 0;
}
