/* SPDX-License-Identifier: Apache-2.0 */
/* test_attributes.c - each rule for attributes, with a packet that breaks it. */
#include <string.h>

#include "attributes.h"

enum { TYPE = IKE_EAP_TYPE_AKA_PRIME };

static gsize
make (guint8 *out, const char *attributes)
{
  gsize len = SIM_HEADER_LEN;

  memcpy (out, (guint8[]){ 1, 9, 0, 0, TYPE, SIM_AKA_CHALLENGE, 0, 0 }, SIM_HEADER_LEN);
  for (const char *c = attributes; *c; c++) {
    if (*c == ' ')
      continue;
    out[len++] = (guint8) (g_ascii_xdigit_value (c[0]) << 4 | g_ascii_xdigit_value (c[1]));
    c++;
  }
  out[3] = (guint8) len;
  return len;
}

static const char *
read_packet (SimPacket *packet, const char *attributes)
{
  guint8 bytes[512];
  gsize len = make (bytes, attributes);
  g_autofree guint8 *exact = g_memdup2 (bytes, len);
  const char *wrong = sim_packet_read (packet, TYPE, exact, len);

  packet->data = NULL;
  return wrong;
}

#define Z16 "00000000000000000000000000000000"

static void
test_refused (void)
{
  static const struct {
    const char *attributes, *reason;
  } cases[] = {
    { "01", "does not end" },
    { "0100", "does not end" },
    { "0101", "does not end" },
    { "01020000", "does not end" },
    { "0e000000", "does not end" },
    /* Not known, and not to be skipped; 127 is the last of these. */
    { "08010000", "not known" },
    { "7f010000", "not known" },
    /* Fixed lengths, one unit less and one more. */
    { "02040000"
      "000000000000000000000000",
      "wrong length" },
    { "02060000" Z16 "00000000", "wrong length" },
    { "0b040000"
      "000000000000000000000000",
      "wrong length" },
    { "04030000"
      "0000000000000000",
      "wrong length" },
    { "0c0200000000 0000", "wrong length" },
    { "01010000", "wrong length" },
    { "01040000"
      "000000000000000000000000",
      "wrong length" },
    { "010e0000" Z16 Z16 Z16 "00000000", "wrong length" },
    /* Actual lengths: more than there is, less than there must be, too much padding, half bytes. */
    { "0e020005"
      "61626364",
      "wrong length" },
    { "0e010000", "wrong length" },
    { "0e030004"
      "6162636400000000",
      "wrong length" },
    { "03020018"
      "61626364",
      "wrong length" },
    { "03020021"
      "61626364",
      "wrong length" },
    { "03030041" Z16, "wrong length" },
    { "17020009"
      "61626364",
      "wrong length" },
    /* Padding that is not zeros. */
    { "06030000"
      "0000000000000100",
      "wrong length" },
    /* Twice; several requests; IV without data. */
    { "0c010000"
      "0c010000",
      "twice" },
    { "87010000"
      "87010000",
      "twice" },
    { "0a010000"
      "0d010000",
      "several requests" },
    { "0d010000"
      "11010000",
      "several requests" },
    { "81050000" Z16, "without IV" },
    { "82050000" Z16, "without IV" },
    { "18010001"
      "18010002"
      "18010003"
      "18010004"
      "18010005"
      "18010006"
      "18010007"
      "18010008"
      "18010009",
      "too many" },
  };
  SimPacket packet;

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    const char *wrong = read_packet (&packet, cases[i].attributes);

    if (!wrong || !strstr (wrong, cases[i].reason))
      g_error ("%s: %s", cases[i].attributes, wrong ? wrong : "(taken)");
  }
}

static void
test_taken (void)
{
  static const char *const cases[] = {
    "",
    "01050000" Z16,
    "010d0000" Z16 Z16 Z16,
    "03020020"
    "61626364",
    "03050080" Z16,
    "0e020001"
    "61000000",
    "17010000",
    "06010000",
    "86010000",
    "86060000" Z16 "00000000",
    "18010001"
    "18010001",
    /* Skippable, of any length that fits. */
    "80010000"
    "ff020000"
    "00000000",
    "fe010000"
    "fe010000",
  };
  SimPacket packet;

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    g_assert_cmpstr (read_packet (&packet, cases[i]), ==, NULL);
}

static void
test_header (void)
{
  guint8 bytes[64];
  gsize len = make (bytes, "0c014000");
  SimPacket packet;

  g_assert_null (sim_packet_read (&packet, TYPE, bytes, len));
  g_assert_cmpuint (sim_packet_number (&packet, AT_NOTIFICATION), ==, 0x4000);
  g_assert_cmpuint (sim_packet_number (&packet, AT_COUNTER), ==, 0);
  g_assert_nonnull (sim_packet_read (&packet, IKE_EAP_TYPE_AKA, bytes, len));
  for (gsize n = 0; n < len; n++) {
    g_autofree guint8 *cut = g_memdup2 (bytes, n);
    g_assert_nonnull (sim_packet_read (&packet, TYPE, cut, n));
  }
  bytes[3]++;
  g_assert_nonnull (sim_packet_read (&packet, TYPE, bytes, len));
}

static void
test_fits (void)
{
  SimPacket packet;

  g_assert_null (read_packet (&packet, "0c010000"
                                       "87010000"));
  g_assert_true (sim_packet_fits (&packet, SIM_BIT (AT_NOTIFICATION), 0));
  g_assert_true (sim_packet_fits (&packet, 0, SIM_BIT (AT_NOTIFICATION)));
  g_assert_false (sim_packet_fits (&packet, 0, 0));
  g_assert_false (sim_packet_fits (&packet, SIM_BIT (AT_MAC), SIM_BIT (AT_NOTIFICATION)));
}

static void
test_written_is_read (void)
{
  guint8 buffer[SIM_PACKET_MAX];
  IkeWriter writer;
  SimPacket packet;
  gsize len;

  for (guint n = 4; n <= 16; n++) {
    sim_write_begin (&writer, buffer, 2, 1, TYPE, SIM_AKA_CHALLENGE);
    sim_write_counted (&writer, AT_RES, "0123456789abcdef", n);
    sim_write_counted (&writer, AT_IDENTITY, "0123456789abcdef", n);
    sim_write_value (&writer, AT_AUTS, "0123456789abcd", 14);
    sim_write_value (&writer, AT_CHECKCODE, NULL, 0);
    sim_write_number (&writer, AT_KDF, 1);
    g_assert_true (sim_write_end (&writer));
    g_assert_cmpstr (sim_packet_read (&packet, TYPE, writer.data, writer.len), ==, NULL);
    g_assert_cmpmem (sim_packet_value (&packet, AT_RES, &len), n, "0123456789abcdef", n);
    g_assert_cmpuint (len, ==, n);
    g_assert_cmpmem (sim_packet_value (&packet, AT_IDENTITY, &len), n, "0123456789abcdef", n);
    g_assert_cmpuint (len, ==, n);
    g_assert_cmpmem (sim_packet_value (&packet, AT_AUTS, &len), 14, "0123456789abcd", 14);
    g_assert_cmpuint (packet.value[AT_CHECKCODE].len, ==, 0);
    g_assert_cmpuint (packet.n_kdfs, ==, 1);
  }
}

/* What does not fit is not written. */
static void
test_full (void)
{
  guint8 buffer[SIM_PACKET_MAX], long_value[300] = { 0 };
  IkeWriter writer;

  sim_write_begin (&writer, buffer, 2, 1, TYPE, SIM_AKA_CHALLENGE);
  for (guint i = 0; i < 4; i++)
    sim_write_counted (&writer, AT_IDENTITY, long_value, 253);
  g_assert_false (sim_write_end (&writer));
  sim_write_begin (&writer, buffer, 2, 1, TYPE, SIM_AKA_CHALLENGE);
  sim_write_value (&writer, AT_ENCR_DATA, buffer, SIM_PACKET_MAX);
  g_assert_false (sim_write_end (&writer));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/sim/attributes/malformed-ones-are-refused", test_refused);
  g_test_add_func ("/sim/attributes/good-ones-are-taken", test_taken);
  g_test_add_func ("/sim/attributes/header-must-be-that-of-the-packet", test_header);
  g_test_add_func ("/sim/attributes/only-what-may-be-there-fits", test_fits);
  g_test_add_func ("/sim/attributes/written-is-read", test_written_is_read);
  g_test_add_func ("/sim/attributes/what-does-not-fit-is-not-written", test_full);
  return g_test_run ();
}
