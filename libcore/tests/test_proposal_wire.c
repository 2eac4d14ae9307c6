/* SPDX-License-Identifier: Apache-2.0 */
/* test_proposal_wire.c - SA payloads: what is written is read, and each rule of RFC 7296, 3.3
 * refuses its malformed case. */
#include <string.h>
#include "wire/proposal_private.h"

static IkeProposal out[IKE_PROPOSALS_MAX];

static gboolean
read_all (const void *data, gsize len, guint *n, IkeVerdict *verdict)
{
  g_autofree guint8 *copy = g_malloc (len);
  IkeReader r;

  if (len)
    memcpy (copy, data, len);
  memset (verdict, 0, sizeof *verdict);
  ike_reader_init (&r, copy, len);
  gboolean ok = ike_proposals_read (&r, out, n, verdict);
  g_assert_true (ok ? !verdict->reason && *n > 0 : verdict->reason && *n == 0);
  return ok;
}

static gsize
write_text (guint8 protocol, const char *text, guint8 *buffer, gsize size, guint flags)
{
  char *texts[] = { (char *) text, NULL };
  g_autoptr (IkeProposals) proposals = ike_proposals_parse (NULL, protocol, texts, NULL);
  IkeWriter w;

  ike_writer_init (&w, buffer, size);
  ike_proposals_write (proposals, &w, (const guint8 *) "\1\2\3\4",
                       protocol == IKE_PROTOCOL_IKE ? 0 : 4, flags);
  g_assert_false (w.failed);
  return w.len;
}

static void
test_round_trip (void)
{
  guint8 buffer[1024];
  char text[512];
  IkeVerdict verdict;
  gsize len;
  guint n;

  len = write_text (IKE_PROTOCOL_ESP, "aes256-aes128-sha256-x25519,chacha20poly1305-esn", buffer,
                    sizeof buffer, 0);
  g_assert_true (read_all (buffer, len, &n, &verdict));
  g_assert_cmpuint (n, ==, 2);
  g_assert_cmpuint (out[0].number, ==, 1);
  g_assert_cmpuint (out[1].number, ==, 2);
  g_assert_cmpmem (out[1].spi, out[1].spi_len, "\1\2\3\4", 4);
  g_assert_cmpstr (ike_proposal_format (&out[0], text, sizeof text), ==,
                   "aes-cbc-256/aes-cbc-128/hmac-sha2-256-128/curve25519/noesn");
  g_assert_cmpstr (ike_proposal_format (&out[1], text, sizeof text), ==, "chacha20-poly1305/esn");

  len = write_text (IKE_PROTOCOL_ESP, "aes256-sha256-x25519-ke1_mlkem768", buffer, sizeof buffer,
                    IKE_SELECT_NO_KE);
  g_assert_true (read_all (buffer, len, &n, &verdict));
  g_assert_cmpstr (ike_proposal_format (&out[0], text, sizeof text), ==,
                   "aes-cbc-256/hmac-sha2-256-128/noesn");
}

static void
test_choice_is_written (void)
{
  IkeChoice choice = { .number = 3,
                       .protocol = IKE_PROTOCOL_ESP,
                       .chosen = {
                           [1] = { .type = 1, .id = 20, .key_bits = 256 }, [5] = { .type = 5 } } };
  guint8 buffer[128];
  IkeVerdict verdict;
  IkeWriter w;
  guint n;

  ike_writer_init (&w, buffer, sizeof buffer);
  ike_choice_write (&choice, &w, (const guint8 *) "\1\2\3\4", 4);
  g_assert_true (read_all (buffer, w.len, &n, &verdict));
  g_assert_cmpuint (out[0].number, ==, 3);
  g_assert_cmpuint (out[0].n_transforms, ==, 2);
  g_assert_cmpuint (out[0].transforms[0].key_bits, ==, 256);
  ike_writer_init (&w, buffer, sizeof buffer);
  ike_choice_write (&choice, &w, buffer, IKE_SPI_MAX + 1);
  g_assert_true (w.failed);
}

/* One ESP proposal with aes-gcm-16-256 and noesn. */
static const guint8 sample[] = {
  0, 0, 0, 32, 1, 3, 4, 2, 9, 9, 9, 9,
  3, 0, 0, 12, 1, 0, 0, 20, 0x80, 14, 1, 0,
  0, 0, 0, 8, 5, 0, 0, 0,
};

static void
test_cut_off (void)
{
  guint8 data[sizeof sample + 1] = { 0 };
  IkeVerdict verdict;
  guint n;

  g_assert_true (read_all (sample, sizeof sample, &n, &verdict));
  for (gsize len = 0; len < sizeof sample; len++) {
    g_assert_false (read_all (sample, len, &n, &verdict));
    g_assert_cmpuint (verdict.notify, ==, 7);
    g_assert_cmpuint (verdict.payload, ==, 33);
  }
  memcpy (data, sample, sizeof sample);
  g_assert_false (read_all (data, sizeof data, &n, &verdict));
}

typedef struct {
  gsize       at;
  guint8      value;
  gboolean    is_fine;
  const char *what;
} Change;

static void
test_each_rule (void)
{
  static const Change changes[] = {
    { 0, 2, FALSE, "says that more proposals follow" },
    { 0, 1, FALSE, "neither last nor not" },
    { 1, 255, TRUE, "reserved" },
    { 2, 1, FALSE, "proposal longer than its payload" },
    { 3, 7, FALSE, "proposal shorter than its header" },
    { 3, 31, FALSE, "proposal shorter than its transforms" },
    { 4, 0, FALSE, "number zero" },
    { 4, 9, TRUE, "an answer may have any number" },
    { 6, 5, FALSE, "SPI longer than it is" },
    { 6, 255, FALSE, "SPI longer than the proposal" },
    { 7, 0, FALSE, "fewer transforms than there are" },
    { 7, 1, FALSE, "fewer transforms than there are" },
    { 7, 3, FALSE, "more transforms than there are" },
    { 7, 255, FALSE, "more transforms than there are" },
    { 12, 0, FALSE, "last transform is not last" },
    { 12, 1, FALSE, "neither last nor not" },
    { 15, 7, FALSE, "transform shorter than its header" },
    { 15, 11, FALSE, "attribute cut off" },
    { 15, 13, FALSE, "transform longer" },
    { 15, 8, FALSE, "attribute taken for a transform" },
    { 16, 0, TRUE, "transform type zero is read, never chosen" },
    { 20, 0, FALSE, "attribute in the long form, cut off" },
    { 24, 3, FALSE, "last transform says that more follow" },
    { 27, 9, FALSE, "last transform too long" },
  };
  guint8 data[sizeof sample];
  IkeVerdict verdict;
  guint n;

  for (guint i = 0; i < G_N_ELEMENTS (changes); i++) {
    memcpy (data, sample, sizeof sample);
    data[changes[i].at] = changes[i].value;
    g_test_message ("%s", changes[i].what);
    g_assert_cmpint (read_all (data, sizeof data, &n, &verdict), ==, changes[i].is_fine);
  }
}

static void
test_spi_sizes (void)
{
  for (guint8 protocol = 0; protocol < 6; protocol++)
    for (guint8 spi_len = 0; spi_len < 12; spi_len++) {
      guint8 data[64] = { 0, 0, 0, 0, 1, protocol, spi_len, 1 };
      gboolean is_right =
          protocol == IKE_PROTOCOL_IKE ? spi_len == 0 || spi_len == 8 : spi_len == 4;
      IkeVerdict verdict;
      guint n;
      data[3] = 16 + spi_len;
      memset (data + 8, 0xee, spi_len);
      memcpy (data + 8 + spi_len, "\0\0\0\10\4\0\0\37", 8);
      g_assert_true (read_all (data, data[3], &n, &verdict));
      g_assert_cmpuint (out[0].n_transforms, ==, is_right ? 1 : 0);
      g_assert_cmpuint (out[0].spi_len, ==, is_right ? spi_len : 0);
    }
}

static void
test_attributes (void)
{
  static const struct { guint8 bytes[12]; guint8 len; guint8 flags; guint16 bits; } cases[] = {
    { { 0x80, 14, 1, 0 }, 4, 0, 256 },
    { { 0x80, 14, 0, 0 }, 4, IKE_TRANSFORM_UNKNOWN, 0 },
    { { 0x80, 15, 1, 0 }, 4, IKE_TRANSFORM_UNKNOWN, 0 },
    { { 0x00, 14, 0, 2, 1, 0 }, 6, IKE_TRANSFORM_UNKNOWN, 0 },
    { { 0x00, 14, 0, 0 }, 4, IKE_TRANSFORM_UNKNOWN, 0 },
    { { 0x80, 14, 1, 0, 0x80, 14, 0, 128 }, 8, IKE_TRANSFORM_UNKNOWN, 256 },
    { { 0 }, 0, 0, 0 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    guint8 data[64] = { 0, 0, 0, (guint8) (16 + cases[i].len), 1, 1, 0, 1,
                        0, 0, 0, (guint8) (8 + cases[i].len),  1, 0, 0, 20 };
    IkeVerdict verdict;
    guint n;
    memcpy (data + 16, cases[i].bytes, cases[i].len);
    g_assert_true (read_all (data, data[3], &n, &verdict));
    g_assert_cmpuint (out[0].transforms[0].flags, ==, cases[i].flags);
    g_assert_cmpuint (out[0].transforms[0].key_bits, ==, cases[i].bits);
  }
}

static void
test_transform_counts (void)
{
  static const guint counts[] = { 0,
                                  1,
                                  IKE_PROPOSAL_MAX_TRANSFORMS - 1,
                                  IKE_PROPOSAL_MAX_TRANSFORMS,
                                  IKE_PROPOSAL_MAX_TRANSFORMS + 1,
                                  255 };

  for (guint i = 0; i < G_N_ELEMENTS (counts); i++) {
    guint count = counts[i], len = 8 + 8 * count;
    guint8 data[8 + 8 * 255 + 16] = { 2, 0, (guint8) (len >> 8), (guint8) len, 1,
                                      1, 0, (guint8) count };
    guint8 next[] = { 0, 0, 0, 16, 2, 1, 0, 1, 0, 0, 0, 8, 4, 0, 0, 31 };
    IkeVerdict verdict;
    guint n;
    for (guint t = 0; t < count; t++)
      memcpy (data + 8 + 8 * t, (guint8[]) { t + 1 < count ? 3 : 0, 0, 0, 8, 4, 0, 0, (guint8) t },
              8);
    memcpy (data + len, next, sizeof next);
    g_assert_true (read_all (data, len + sizeof next, &n, &verdict));
    g_assert_cmpuint (n, ==, 2);
    g_assert_cmpuint (out[0].n_transforms, ==, count <= IKE_PROPOSAL_MAX_TRANSFORMS ? count : 0);
    g_assert_cmpuint (out[1].n_transforms, ==, 1);
  }
}

static void
test_proposal_counts (void)
{
  static const guint counts[] = { 1, IKE_PROPOSALS_MAX - 1, IKE_PROPOSALS_MAX,
                                  IKE_PROPOSALS_MAX + 1, 255 };

  for (guint i = 0; i < G_N_ELEMENTS (counts); i++) {
    guint8 data[16 * 255];
    IkeVerdict verdict;
    guint n;
    for (guint p = 0; p < counts[i]; p++)
      memcpy (data + 16 * p,
              (guint8[]) { p + 1 < counts[i] ? 2 : 0, 0, 0, 16, (guint8) (p + 1), 1, 0, 1, 0, 0, 0,
                           8, 4, 0, 0, 31 },
              16);
    g_assert_true (read_all (data, 16 * counts[i], &n, &verdict));
    g_assert_cmpuint (n, ==, MIN (counts[i], IKE_PROPOSALS_MAX));
    if (counts[i] < 2)
      continue;
    data[16 * (counts[i] - 1) + 4] = (guint8) (counts[i] - 1);
    g_assert_false (read_all (data, 16 * counts[i], &n, &verdict));
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/proposal-wire/what-is-written-is-read", test_round_trip);
  g_test_add_func ("/proposal-wire/choice-keeps-its-number", test_choice_is_written);
  g_test_add_func ("/proposal-wire/whatever-is-cut-off-is-refused", test_cut_off);
  g_test_add_func ("/proposal-wire/each-rule-refuses-its-case", test_each_rule);
  g_test_add_func ("/proposal-wire/spi-of-wrong-size-makes-it-unusable", test_spi_sizes);
  g_test_add_func ("/proposal-wire/unknown-attribute-makes-the-transform-unusable",
                   test_attributes);
  g_test_add_func ("/proposal-wire/too-many-transforms-make-it-unusable", test_transform_counts);
  g_test_add_func ("/proposal-wire/too-many-proposals-are-passed-over", test_proposal_counts);
  return g_test_run ();
}
