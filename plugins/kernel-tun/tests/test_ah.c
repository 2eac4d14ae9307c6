/* SPDX-License-Identifier: Apache-2.0 */
/* test_ah.c - tests ah.c against ICVs made with libcrypto alone over bytes that the test says, and
 * turns every bit of a packet. */
#include "config.h"
#include <string.h>
#include <openssl/hmac.h>
#include <ikebana/reader.h>
#include "shared/ah/ah.h"

enum { SPI = 0x01020304, PAYLOAD = 37, SIZE = 512 };
static const guint8 key[64] = "an integrity key that is long enough for all of the hashes here";

/* -- an integrity class that is HMAC by libcrypto in one piece */

static gboolean
mac_of (const EVP_MD *md, guint key_len, const IkePart *parts, guint n, guint8 *icv, guint icv_len)
{
  guint8 whole[2 * SIZE], full[64];
  gsize len = 0;
  guint full_len;
  for (guint i = 0; i < n; i++) {
    g_assert_cmpuint (len + parts[i].len, <=, sizeof whole);
    memcpy (whole + len, parts[i].data, parts[i].len);
    len += parts[i].len;
  }
  g_assert_nonnull (HMAC (md, key, (int) key_len, whole, len, full, &full_len));
  memcpy (icv, full, icv_len);
  return TRUE;
}

static gboolean
mac_sha1 (gpointer scratch, const guint8 *unused, const IkePart *parts, guint n, guint8 *icv)
{
  return mac_of (EVP_sha1 (), 20, parts, n, icv, 12);
}

static gboolean
mac_sha256 (gpointer scratch, const guint8 *unused, const IkePart *parts, guint n, guint8 *icv)
{
  return mac_of (EVP_sha256 (), 32, parts, n, icv, 16);
}

static gboolean
mac_sha512 (gpointer scratch, const guint8 *unused, const IkePart *parts, guint n, guint8 *icv)
{
  return mac_of (EVP_sha512 (), 64, parts, n, icv, 32);
}

static const IkeIntegClass integs[] = {
  { .struct_size = sizeof (IkeIntegClass), .icv_len = 12, .mac = mac_sha1 },
  { .struct_size = sizeof (IkeIntegClass), .icv_len = 16, .mac = mac_sha256 },
  { .struct_size = sizeof (IkeIntegClass), .icv_len = 32, .mac = mac_sha512 },
};

/* -- packets, with what of them may change */

typedef struct {
  guint8 packet[SIZE], may_change[SIZE];      /* bits */
  gsize  len, ah_at;
} Sample;

static void
finish (Sample *sample, const guint8 *header, gsize header_len, guint header_room)
{
  memcpy (sample->packet, header, header_len);
  sample->ah_at = header_len;
  sample->len = header_len + header_room + PAYLOAD;
  for (guint i = 0; i < PAYLOAD; i++)
    sample->packet[sample->len - PAYLOAD + i] = (guint8) (i * 7);
}

/* Router alert (immutable), then a time stamp (mutable), a no-operation and the end. */
static void
make_ipv4 (Sample *sample, guint icv_len, gboolean has_options)
{
  static const guint8 options[] = { 148, 4, 0, 0, 68, 6, 5, 0, 1, 2, 1, 0 };
  guint8 header[20 + sizeof options] = { 0x45, 0xb8, 0, 0, 0x12, 0x34, 0x40, 0, 61, 51,
                                         0xaa, 0xbb, 192, 0, 2, 1, 192, 0, 2, 2 };
  gsize header_len = has_options ? sizeof header : 20;
  memset (sample, 0, sizeof *sample);
  memcpy (header + 20, options, sizeof options);
  header[0] = (guint8) (0x40 | header_len / 4);
  finish (sample, header, header_len, ah_header_len (icv_len, 4));
  sample->packet[3] = (guint8) sample->len;
  sample->may_change[1] = sample->may_change[6] = sample->may_change[7] = 0xff;
  sample->may_change[8] = sample->may_change[10] = sample->may_change[11] = 0xff;
  if (has_options)
    memset (sample->may_change + 24, 0xff, 6);
}

/* Hop-by-hop options: one that may change, one that may not, padding; a routing header at the end
 * of its way; destination options. */
static void
make_ipv6 (Sample *sample, guint icv_len, gboolean has_extensions)
{
  static const guint8 extensions[]
    = { 43, 1, 0x3e, 4, 1, 2, 3, 4, 0x1e, 2, 5, 6, 1, 0, 0, 0,
        60, 2, 0, 0, 0, 0, 0, 0, 0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9,
        51, 0, 1, 4, 0, 0, 0, 0 };
  guint8 header[40 + sizeof extensions] = { 0x6b, 0x81, 0x23, 0x45, 0, 0, 51, 63 };
  gsize header_len = has_extensions ? sizeof header : 40;
  memset (sample, 0, sizeof *sample);
  for (guint i = 8; i < 40; i++)
    header[i] = (guint8) i;
  memcpy (header + 40, extensions, sizeof extensions);
  header[6] = has_extensions ? 0 : 51;
  finish (sample, header, header_len, ah_header_len (icv_len, 6));
  sample->packet[5] = (guint8) (sample->len - 40);
  sample->may_change[0] = 0x0f;
  sample->may_change[1] = sample->may_change[2] = sample->may_change[3] = 0xff;
  sample->may_change[7] = 0xff;
  if (has_extensions)
    memset (sample->may_change + 44, 0xff, 4);
}

static void
make (Sample *sample, guint kind, guint icv_len)
{
  if (kind < 2)
    make_ipv4 (sample, icv_len, kind == 1);
  else
    make_ipv6 (sample, icv_len, kind == 3);
}

/* RFC 4302, 3.3.3, by hand: what may change is zero, the ICV is zero, the high half comes last. */
static void
expected_icv (const Sample *sample, const IkeIntegClass *integ, gboolean is_esn, guint64 sequence,
              guint8 *icv)
{
  guint8 copy[SIZE + 4];
  guint32 high = GUINT32_TO_BE ((guint32) (sequence >> 32));
  IkePart part = { copy, sample->len + (is_esn ? 4 : 0) };
  for (gsize i = 0; i < sample->len; i++)
    copy[i] = sample->packet[i] & (guint8) ~sample->may_change[i];
  memset (copy + sample->ah_at + AH_FIXED_LEN, 0, integ->icv_len);
  memcpy (copy + sample->len, &high, 4);
  g_assert_true (integ->mac (NULL, key, &part, 1, icv));
}

static AhVerdict
open_sample (const AhKeys *keys, guint64 sequence, const Sample *sample)
{
  guint header_len;
  guint8 next;
  AhVerdict verdict
    = ah_open (keys, sequence, sample->packet, sample->len, sample->ah_at, &header_len, &next);
  if (verdict == AH_OK) {
    g_assert_cmpuint (header_len, ==,
                      ah_header_len (keys->integ->icv_len, sample->packet[0] >> 4));
    g_assert_cmpuint (next, ==, 17);
  }
  return verdict;
}

static void
test_icv (void)
{
  static const guint64 sequences[] = { 1, 0xfffffffe, G_GUINT64_CONSTANT (0x500000007) };
  for (guint i = 0; i < G_N_ELEMENTS (integs) * 4 * 2 * 3; i++) {
    const IkeIntegClass *integ = &integs[i / 24];
    AhKeys keys = { integ, NULL, key, i / 12 % 2 };
    AhContent content = { SPI, sequences[i % 3], 17 };
    guint32 spi, low;
    guint8 icv[64];
    Sample sample;
    make (&sample, i / 3 % 4, integ->icv_len);
    g_assert_true (ah_seal (&keys, &content, sample.packet, sample.len, sample.ah_at));
    expected_icv (&sample, integ, keys.is_esn, content.sequence, icv);
    g_assert_cmpmem (icv, integ->icv_len, sample.packet + sample.ah_at + AH_FIXED_LEN,
                     integ->icv_len);
    g_assert_true (ah_peek (sample.packet + sample.ah_at, 12, &spi, &low));
    g_assert_cmphex (spi, ==, SPI);
    g_assert_cmpuint (low, ==, (guint32) content.sequence);
    g_assert_cmpuint (open_sample (&keys, content.sequence, &sample), ==, AH_OK);
    if (keys.is_esn)
      g_assert_cmpuint (open_sample (&keys, content.sequence + (G_GUINT64_CONSTANT (1) << 32),
                                     &sample),
                        ==, AH_BAD_ICV);
  }
}

/* A header of RFC 4302, 2.2, in 32-bit words less two, a multiple of 64 bits for IPv6. */
static void
test_lengths (void)
{
  g_assert_cmpuint (ah_header_len (12, 4), ==, 24);
  g_assert_cmpuint (ah_header_len (12, 6), ==, 24);
  g_assert_cmpuint (ah_header_len (16, 4), ==, 28);
  g_assert_cmpuint (ah_header_len (16, 6), ==, 32);
  g_assert_cmpuint (ah_header_len (24, 4), ==, 36);
  g_assert_cmpuint (ah_header_len (24, 6), ==, 40);
  g_assert_cmpuint (ah_header_len (32, 4), ==, 44);
  g_assert_cmpuint (ah_header_len (32, 6), ==, 48);
}

/* Every bit turned: those that may change on the way do no harm, all others are found. */
static void
test_every_bit (void)
{
  const IkeIntegClass *integ = &integs[1];
  AhKeys keys = { integ, NULL, key, TRUE };
  AhContent content = { SPI, 7, 17 };
  for (guint kind = 0; kind < 4; kind++) {
    Sample sample;
    make (&sample, kind, integ->icv_len);
    g_assert_true (ah_seal (&keys, &content, sample.packet, sample.len, sample.ah_at));
    for (gsize bit = 0; bit < sample.len * 8; bit++) {
      guint8 mask = (guint8) (1 << bit % 8);
      gboolean may_change = (sample.may_change[bit / 8] & mask) != 0;
      sample.packet[bit / 8] ^= mask;
      /* An option's own length and type decide what of it is covered. */
      if (may_change && kind != 1)
        g_assert_cmpuint (open_sample (&keys, 7, &sample), ==, AH_OK);
      if (!may_change)
        g_assert_cmpuint (open_sample (&keys, 7, &sample), !=, AH_OK);
      sample.packet[bit / 8] ^= mask;
    }
    g_assert_cmpuint (open_sample (&keys, 7, &sample), ==, AH_OK);
  }
}

/* The data of a time stamp option changes on the way. */
static void
test_mutable_option (void)
{
  AhKeys keys = { &integs[0], NULL, key, FALSE };
  AhContent content = { SPI, 7, 17 };
  Sample sample;
  make (&sample, 1, 12);
  g_assert_true (ah_seal (&keys, &content, sample.packet, sample.len, sample.ah_at));
  memset (sample.packet + 26, 0xee, 4);
  g_assert_cmpuint (open_sample (&keys, 7, &sample), ==, AH_OK);
  sample.packet[22] = 1;                      /* of the router alert */
  g_assert_cmpuint (open_sample (&keys, 7, &sample), ==, AH_BAD_ICV);
}

/* Linux pads IPv4 to 64 bits as well. */
static void
test_wider_padding (void)
{
  AhKeys keys = { &integs[1], NULL, key, FALSE };
  guint header_len;
  Sample sample;
  guint8 icv[64], next;
  make_ipv4 (&sample, 16, FALSE);
  sample.len += 4;
  sample.packet[3] = (guint8) sample.len;
  memcpy (sample.packet + 20, (guint8[]) { 17, 6, 0, 0, 1, 2, 3, 4, 0, 0, 0, 7 }, 12);
  expected_icv (&sample, &integs[1], FALSE, 7, icv);
  memcpy (sample.packet + 32, icv, 16);
  g_assert_cmpuint (ah_open (&keys, 7, sample.packet, sample.len, 20, &header_len, &next), ==,
                    AH_OK);
  g_assert_cmpuint (header_len, ==, 32);
}

/* Cut anywhere, with any length field, with headers that lie: never OK, and nothing is read that
 * is not there. */
static void
test_malformed (void)
{
  AhKeys keys = { &integs[1], NULL, key, FALSE };
  AhContent content = { SPI, 7, 17 };
  for (guint kind = 0; kind < 4; kind++) {
    Sample sample;
    make (&sample, kind, 16);
    g_assert_true (ah_seal (&keys, &content, sample.packet, sample.len, sample.ah_at));
    for (gsize len = sample.ah_at; len < sample.len; len++) {
      g_autofree guint8 *copy = g_memdup2 (sample.packet, len);
      guint header_len;
      guint8 next;
      g_assert_cmpuint (ah_open (&keys, 7, copy, len, sample.ah_at, &header_len, &next), !=, AH_OK);
    }
    for (guint value = 0; value < 256; value++) {
      Sample other = sample;
      other.packet[sample.ah_at + 1] = (guint8) value;
      if (other.packet[sample.ah_at + 1] != sample.packet[sample.ah_at + 1])
        g_assert_cmpuint (open_sample (&keys, 7, &other), !=, AH_OK);
    }
    for (gsize at = 20; at < sample.ah_at; at++)
      for (guint value = 0; value < 256; value++) {
        Sample other = sample;
        other.packet[at] = (guint8) value;
        open_sample (&keys, 7, &other);
      }
  }
}

/* A routing header whose way is not over cannot be covered. */
static void
test_routing_on_the_way (void)
{
  AhKeys keys = { &integs[1], NULL, key, FALSE };
  AhContent content = { SPI, 7, 17 };
  Sample sample;
  make (&sample, 3, 16);
  sample.packet[40 + 16 + 3] = 1;
  g_assert_false (ah_seal (&keys, &content, sample.packet, sample.len, sample.ah_at));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/ah/the-icv-is-that-of-the-rfc", test_icv);
  g_test_add_func ("/ah/headers-are-padded-as-the-family-wants", test_lengths);
  g_test_add_func ("/ah/every-bit-is-covered-or-may-change", test_every_bit);
  g_test_add_func ("/ah/mutable-options-may-change", test_mutable_option);
  g_test_add_func ("/ah/wider-padding-is-taken", test_wider_padding);
  g_test_add_func ("/ah/malformed-packets-are-refused", test_malformed);
  g_test_add_func ("/ah/routing-headers-must-be-at-their-end", test_routing_on_the_way);
  return g_test_run ();
}
