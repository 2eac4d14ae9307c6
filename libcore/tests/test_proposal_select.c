/* SPDX-License-Identifier: Apache-2.0 */
/* test_proposal_select.c - agreement on proposals: preference, AEAD and integrity, NONE and
 * absence, and lying answers. */
#include <string.h>
#include "wire/proposal_private.h"

static IkeProposals *
of (guint8 protocol, const char *text)
{
  char *texts[] = { (char *) text, NULL };
  g_autoptr (GError) error = NULL;
  IkeProposals *proposals = ike_proposals_parse (NULL, protocol, texts, &error);

  g_assert_no_error (error);
  return proposals;
}

/* What @ours chooses of @offered, as text; NULL: nothing. */
static const char *
chosen (guint8 protocol, const char *ours_text, const char *offered_text, guint flags)
{
  static char out[256];
  g_autoptr (IkeProposals) ours = of (protocol, ours_text), offered = of (protocol, offered_text);
  IkeChoice choice;

  if (!ike_proposals_select (ours, offered->items, offered->n, flags, &choice))
    return NULL;
  return ike_choice_format (&choice, out, sizeof out);
}

static void
test_preference (void)
{
  const char *a = "aes256-aes128-sha256-sha384-x25519-modp2048",
             *b = "aes128-aes256-sha384-sha256-modp2048-x25519";

  g_assert_cmpstr (chosen (IKE_PROTOCOL_IKE, a, b, 0), ==,
                   "aes-cbc-256/prf-hmac-sha2-256/hmac-sha2-256-128/curve25519");
  g_assert_cmpstr (chosen (IKE_PROTOCOL_IKE, a, b, IKE_SELECT_PEERS_FIRST), ==,
                   "aes-cbc-128/prf-hmac-sha2-384/hmac-sha2-384-192/modp2048");
  g_assert_cmpstr (
      chosen (IKE_PROTOCOL_ESP, "aes256-sha256,aes128gcm16", "aes128gcm16,aes256-sha256", 0), ==,
      "aes-cbc-256/hmac-sha2-256-128");
  g_assert_cmpstr (chosen (IKE_PROTOCOL_ESP, "aes256-sha256,aes128gcm16",
                           "aes128gcm16,aes256-sha256", IKE_SELECT_PEERS_FIRST),
                   ==, "aes-gcm-16-128");
}

static void
test_nothing_common (void)
{
  g_assert_null (chosen (IKE_PROTOCOL_IKE, "aes256-sha256-x25519", "aes128-sha256-x25519", 0));
  g_assert_null (chosen (IKE_PROTOCOL_IKE, "aes256-sha256-x25519", "aes256-sha1-x25519", 0));
  g_assert_null (
      chosen (IKE_PROTOCOL_IKE, "aes256-sha256-x25519", "aes256-sha256-prfsha1-x25519", 0));
  g_assert_null (chosen (IKE_PROTOCOL_IKE, "aes256-sha256-x25519", "aes256-sha256-modp2048", 0));
  g_assert_null (chosen (IKE_PROTOCOL_ESP, "aes256-sha256-esn", "aes256-sha256-noesn", 0));
  g_assert_null (chosen (IKE_PROTOCOL_ESP, "chacha20poly1305", "chacha20poly1305compat", 0));
}

static void
test_number_and_spi (void)
{
  g_autoptr (IkeProposals) ours = of (IKE_PROTOCOL_ESP, "aes256-sha256");
  IkeProposal offers[2] = { ours->items[0], ours->items[0] };
  IkeChoice choice;

  offers[0].transforms[0].key_bits = 192;
  offers[1].number = 7;
  offers[1].spi_len = 4;
  memcpy (offers[1].spi, "\1\2\3\4", 4);
  g_assert_true (ike_proposals_select (ours, offers, 2, 0, &choice));
  g_assert_cmpuint (choice.number, ==, 7);
  g_assert_cmpmem (choice.spi, choice.spi_len, "\1\2\3\4", 4);
  g_assert_cmpuint (choice.protocol, ==, IKE_PROTOCOL_ESP);
}

static void
test_none_is_absent (void)
{
  g_assert_nonnull (chosen (IKE_PROTOCOL_ESP, "aes256-sha256-x25519-none", "aes256-sha256", 0));
  g_assert_nonnull (chosen (IKE_PROTOCOL_ESP, "aes256-sha256", "aes256-sha256-x25519-none", 0));
  g_assert_cmpstr (chosen (IKE_PROTOCOL_ESP, "aes256-sha256", "aes256-sha256-none", 0), ==,
                   "aes-cbc-256/hmac-sha2-256-128");
  g_assert_null (chosen (IKE_PROTOCOL_ESP, "aes256-sha256-x25519", "aes256-sha256", 0));
  g_assert_null (chosen (IKE_PROTOCOL_ESP, "aes256-sha256", "aes256-sha256-x25519", 0));
  g_assert_nonnull (chosen (IKE_PROTOCOL_IKE, "aes256-sha256-x25519",
                            "aes256-sha256-x25519-ke1_mlkem768-ke1_none", 0));
  g_assert_null (
      chosen (IKE_PROTOCOL_IKE, "aes256-sha256-x25519", "aes256-sha256-x25519-ke1_mlkem768", 0));
  g_assert_cmpstr (chosen (IKE_PROTOCOL_IKE, "aes256-sha256-x25519-ke1_mlkem768",
                           "aes256-sha256-x25519-ke1_mlkem768", 0),
                   ==, "aes-cbc-256/prf-hmac-sha2-256/hmac-sha2-256-128/curve25519/ke1-mlkem768");
}

static void
test_without_ke (void)
{
  g_assert_nonnull (
      chosen (IKE_PROTOCOL_ESP, "aes256-sha256-x25519", "aes256-sha256", IKE_SELECT_NO_KE));
  g_assert_cmpstr (chosen (IKE_PROTOCOL_ESP, "aes256-sha256-x25519-ke1_mlkem768",
                           "aes256-sha256-x25519", IKE_SELECT_NO_KE),
                   ==, "aes-cbc-256/hmac-sha2-256-128");
}

static void
test_sequence_numbers_left_out (void)
{
  g_autoptr (IkeProposals) both = of (IKE_PROTOCOL_ESP, "aes256gcm16-esn-noesn"),
                           only = of (IKE_PROTOCOL_ESP, "aes256gcm16-esn");
  IkeProposal offer = both->items[0];
  IkeChoice choice;

  ike_proposal_remove_type (&offer, IKE_TRANSFORM_SN);
  g_assert_true (ike_proposals_select (both, &offer, 1, 0, &choice));
  g_assert_cmpuint (choice.chosen[IKE_TRANSFORM_SN].type, ==, 0);
  g_assert_false (ike_proposals_select (only, &offer, 1, 0, &choice));
  g_assert_true (ike_proposals_select (both, both->items, 1, 0, &choice));
  g_assert_cmpuint (choice.chosen[IKE_TRANSFORM_SN].id, ==, 1);
}

static void
test_aead_and_integrity (void)
{
  g_autoptr (IkeProposals) ours = of (IKE_PROTOCOL_ESP, "aes256gcm16,aes128-sha256");
  IkeProposal offer = { .number = 1, .protocol = IKE_PROTOCOL_ESP };
  IkeChoice choice;

  ike_proposal_add (&offer, IKE_TRANSFORM_ENCR, 20, 256);
  ike_proposal_add (&offer, IKE_TRANSFORM_INTEG, 12, 0);
  g_assert_false (ike_proposals_select (ours, &offer, 1, 0, &choice));
  ike_proposal_add (&offer, IKE_TRANSFORM_INTEG, 0, 0);
  g_assert_true (ike_proposals_select (ours, &offer, 1, 0, &choice));
  g_assert_cmpuint (choice.chosen[IKE_TRANSFORM_INTEG].type, ==, 0);
  ike_proposal_remove_type (&offer, IKE_TRANSFORM_ENCR);
  ike_proposal_remove_type (&offer, IKE_TRANSFORM_INTEG);
  ike_proposal_add (&offer, IKE_TRANSFORM_ENCR, 12, 128);
  g_assert_false (ike_proposals_select (ours, &offer, 1, 0, &choice));
  ike_proposal_add (&offer, IKE_TRANSFORM_INTEG, 0, 0);
  g_assert_false (ike_proposals_select (ours, &offer, 1, 0, &choice));
  ike_proposal_add (&offer, IKE_TRANSFORM_INTEG, 12, 0);
  g_assert_true (ike_proposals_select (ours, &offer, 1, 0, &choice));
}

static void
test_unusable (void)
{
  g_autoptr (IkeProposals) ours = of (IKE_PROTOCOL_IKE, "aes256-sha256-x25519");
  IkeProposal offer = ours->items[0];
  IkeChoice choice;

  offer.transforms[0].flags = IKE_TRANSFORM_UNKNOWN;
  g_assert_false (ike_proposals_select (ours, &offer, 1, 0, &choice));
  offer = ours->items[0];
  ike_proposal_add (&offer, 13, 1, 0);
  g_assert_false (ike_proposals_select (ours, &offer, 1, 0, &choice));
  g_assert_false (ike_proposals_select (ours, &offer, 1, IKE_SELECT_NO_KE, &choice));
  offer = ours->items[0];
  ike_proposal_add (&offer, 0, 1, 0);
  g_assert_false (ike_proposals_select (ours, &offer, 1, 0, &choice));
  offer = ours->items[0];
  offer.n_transforms = 0;
  g_assert_false (ike_proposals_select (ours, &offer, 1, 0, &choice));
  offer = ours->items[0];
  offer.protocol = IKE_PROTOCOL_ESP;
  g_assert_false (ike_proposals_select (ours, &offer, 1, 0, &choice));
  offer = ours->items[0];
  ike_proposal_remove_type (&offer, IKE_TRANSFORM_PRF);
  g_assert_false (ike_proposals_select (ours, &offer, 1, 0, &choice));
  offer = ours->items[0];
  ike_proposal_remove_type (&offer, IKE_TRANSFORM_KE);
  g_assert_false (ike_proposals_select (ours, &offer, 1, 0, &choice));
  ike_proposal_add (&offer, IKE_TRANSFORM_KE, 0, 0);
  g_assert_false (ike_proposals_select (ours, &offer, 1, 0, &choice));
  g_assert_false (ike_proposals_select (ours, NULL, 0, 0, &choice));
}

/* The answer to @ours as an honest responder would give it. */
static IkeProposal
answer_to (const IkeProposals *ours, guint i)
{
  IkeProposal answer = { .number = ours->items[i].number, .protocol = ours->items[i].protocol };
  IkeChoice choice;

  g_assert_true (ike_proposals_select (ours, &ours->items[i], 1, 0, &choice));
  for (guint type = 1; type < IKE_TRANSFORM_TYPES; type++)
    if (choice.chosen[type].type)
      answer.transforms[answer.n_transforms++] = choice.chosen[type];
  return answer;
}

static void
test_accept (void)
{
  g_autoptr (IkeProposals) ours =
      of (IKE_PROTOCOL_IKE, "aes256gcm16-prfsha256-x25519,aes256-aes128-sha256-x25519");
  IkeProposal answer = answer_to (ours, 1);
  IkeChoice choice;

  g_assert_true (ike_proposals_accept (ours, &answer, 0, &choice));
  g_assert_cmpuint (choice.number, ==, 2);
  answer = answer_to (ours, 0);
  g_assert_true (ike_proposals_accept (ours, &answer, 0, &choice));
}

static void
test_accept_no_lies (void)
{
  g_autoptr (IkeProposals) ours =
      of (IKE_PROTOCOL_IKE, "aes256gcm16-prfsha256-x25519,aes256-aes128-sha256-x25519-modp2048");
  const IkeProposal honest = answer_to (ours, 1);
  IkeProposal answer = honest;
  IkeChoice choice;

  answer.number = 1;
  g_assert_false (ike_proposals_accept (ours, &answer, 0, &choice));
  answer.number = 0;
  g_assert_false (ike_proposals_accept (ours, &answer, 0, &choice));
  answer.number = 3;
  g_assert_false (ike_proposals_accept (ours, &answer, 0, &choice));
  answer = honest;
  answer.protocol = IKE_PROTOCOL_ESP;
  g_assert_false (ike_proposals_accept (ours, &answer, 0, &choice));
  for (guint i = 0; i < honest.n_transforms; i++) {
    answer = honest;
    answer.transforms[i].id ^= 0x55;
    g_assert_false (ike_proposals_accept (ours, &answer, 0, &choice));
    answer = honest;
    answer.transforms[i].key_bits ^= 64;
    g_assert_false (ike_proposals_accept (ours, &answer, 0, &choice));
    answer = honest;
    answer.transforms[i].flags = IKE_TRANSFORM_UNKNOWN;
    g_assert_false (ike_proposals_accept (ours, &answer, 0, &choice));
    answer = honest;
    ike_proposal_remove_type (&answer, honest.transforms[i].type);
    g_assert_false (ike_proposals_accept (ours, &answer, 0, &choice));
  }
  answer = honest;
  ike_proposal_add (&answer, IKE_TRANSFORM_KE, 14, 0);
  g_assert_false (ike_proposals_accept (ours, &answer, 0, &choice));
  answer = honest;
  ike_proposal_add (&answer, IKE_TRANSFORM_ADDKE1, 36, 0);
  g_assert_false (ike_proposals_accept (ours, &answer, 0, &choice));
  answer = honest;
  ike_proposal_add (&answer, 13, 1, 0);
  g_assert_false (ike_proposals_accept (ours, &answer, 0, &choice));
  answer = honest;
  answer.n_transforms = 0;
  g_assert_false (ike_proposals_accept (ours, &answer, 0, &choice));
}

static void
test_accept_without_ke (void)
{
  g_autoptr (IkeProposals) ours = of (IKE_PROTOCOL_ESP, "aes256-sha256-x25519");
  IkeProposal answer = answer_to (ours, 0);
  IkeChoice choice;

  g_assert_false (ike_proposals_accept (ours, &answer, IKE_SELECT_NO_KE, &choice));
  ike_proposal_remove_type (&answer, IKE_TRANSFORM_KE);
  g_assert_true (ike_proposals_accept (ours, &answer, IKE_SELECT_NO_KE, &choice));
  g_assert_false (ike_proposals_accept (ours, &answer, 0, &choice));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/proposal-select/order-of-the-preferred-side-decides", test_preference);
  g_test_add_func ("/proposal-select/nothing-common-is-nothing", test_nothing_common);
  g_test_add_func ("/proposal-select/choice-has-number-and-spi-of-the-offer", test_number_and_spi);
  g_test_add_func ("/proposal-select/none-and-absent-are-the-same", test_none_is_absent);
  g_test_add_func ("/proposal-select/first-child-needs-no-key-exchange", test_without_ke);
  g_test_add_func ("/proposal-select/sequence-numbers-may-be-left-out",
                   test_sequence_numbers_left_out);
  g_test_add_func ("/proposal-select/aead-goes-without-integrity-and-others-do-not",
                   test_aead_and_integrity);
  g_test_add_func ("/proposal-select/unusable-offers-are-passed-over", test_unusable);
  g_test_add_func ("/proposal-select/honest-answer-is-accepted", test_accept);
  g_test_add_func ("/proposal-select/lying-answer-is-refused", test_accept_no_lies);
  g_test_add_func ("/proposal-select/answer-for-the-first-child-has-no-key-exchange",
                   test_accept_without_ke);
  return g_test_run ();
}
