/* SPDX-License-Identifier: Apache-2.0 */
/* test_proposal_format.c - transforms and proposals as text, in any room. */
#include <string.h>
#include "wire/proposal_private.h"

static void
test_transforms (void)
{
  static const struct { IkeTransform transform; const char *text;
  } cases[] = {
    { { .type = 1, .id = 20, .key_bits = 256 }, "aes-gcm-16-256" },
    { { .type = 1, .id = 1234 }, "encr-1234" },
    { { .type = 1, .id = 1234, .key_bits = 65535 }, "encr-1234-65535" },
    { { .type = 2, .id = 99 }, "prf-99" },
    { { .type = 3, .id = 99 }, "integ-99" },
    { { .type = 4, .id = 1035 }, "ke-1035" },
    { { .type = 5, .id = 9 }, "sn-9" },
    { { .type = 6, .id = 36 }, "ke1-mlkem768" },
    { { .type = 12, .id = 65535 }, "ke7-65535" },
    { { .type = 13, .id = 1 }, "type-13-1" },
    { { .type = 0, .id = 1 }, "type-0-1" },
    { { .type = 255, .flags = 1, .id = 65535, .key_bits = 65535 },
      "type-255-65535-65535-unusable" },
    { { .type = 4, .flags = 1, .id = 31 }, "curve25519-unusable" },
  };
  char out[48];

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    g_assert_cmpstr (ike_transform_format (&cases[i].transform, out), ==, cases[i].text);
}

static void
test_every_room (void)
{
  IkeProposal proposals[2], none = { 0 };
  char out[600];

  ike_proposal_defaults (IKE_PROTOCOL_IKE, proposals);
  for (gsize size = 0; size < sizeof out; size++) {
    memset (out, 'x', sizeof out);
    ike_proposal_format (&proposals[1], out, size);
    g_assert_true (out[size] == 'x');
    if (size)
      g_assert_cmpuint (strnlen (out, size), <, size);
  }
  g_assert_cmpstr (ike_proposal_format (&none, out, sizeof out), ==, "nothing usable");
}

static void
test_choice (void)
{
  IkeChoice choice = {
    .chosen = { [1] = { .type = 1, .id = 20, .key_bits = 128 }, [5] = { .type = 5, .id = 1 } }
  };
  char out[64];

  g_assert_cmpstr (ike_choice_format (&choice, out, sizeof out), ==, "aes-gcm-16-128/esn");
  choice.chosen[5].id = 0;
  g_assert_cmpstr (ike_choice_format (&choice, out, sizeof out), ==, "aes-gcm-16-128");
  memset (&choice, 0, sizeof choice);
  g_assert_cmpstr (ike_choice_format (&choice, out, sizeof out), ==, "");
  out[0] = 'x';
  ike_choice_format (&choice, out, 0);
  g_assert_true (out[0] == 'x');
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/proposal-format/transforms-have-names-or-numbers", test_transforms);
  g_test_add_func ("/proposal-format/any-room-is-enough", test_every_room);
  g_test_add_func ("/proposal-format/choice-leaves-out-what-is-usual", test_choice);
  return g_test_run ();
}
