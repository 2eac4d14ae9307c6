/* SPDX-License-Identifier: Apache-2.0 */
/* test_proposal_explain.c - the sentence and the data that say why nothing was chosen. */
#include <string.h>
#include <ikebana/tree.h>
#include "wire/proposal_private.h"

static IkeProposals *
of (guint8 protocol, const char *text)
{
  char *texts[] = { (char *) text, NULL };
  return ike_proposals_parse (NULL, protocol, texts, NULL);
}

static void
test_sentence (void)
{
  g_autoptr (IkeProposals) ours =
      of (IKE_PROTOCOL_IKE, "aes256gcm16-prfsha256-x25519,aes128-sha1-x25519");
  g_autoptr (IkeProposals) offered = of (IKE_PROTOCOL_IKE, "aes128-sha1-modp1024");
  g_autofree char *text = ike_proposals_explain (ours, offered->items, offered->n, NULL);

  g_assert_cmpstr (
      text, ==,
      "offered aes-cbc-128/hmac-sha1-96/modp1024/prf-hmac-sha1; nearest of ours differs in KE: "
      "offered modp1024, accept curve25519");
}

static void
test_details (void)
{
  g_autoptr (IkeProposals) ours =
      of (IKE_PROTOCOL_IKE, "aes256gcm16-prfsha256-x25519,aes128-sha1-x25519");
  g_autoptr (IkeProposals) offered = of (IKE_PROTOCOL_IKE, "aes128-sha1-modp1024-modp2048");
  g_autoptr (IkeTree) details = ike_tree_new_section ();
  g_autofree char *text = ike_proposals_explain (ours, offered->items, offered->n, details);
  const IkeTree *list = ike_tree_get (details, "candidates"), *second;

  g_assert_nonnull (text);
  g_assert_cmpuint (ike_tree_n (list), ==, 2);
  g_assert_cmpstr (ike_tree_string (ike_tree_nth (list, 0), "differs", NULL), ==, "ENCR");
  second = ike_tree_nth (list, 1);
  g_assert_cmpstr (ike_tree_string (second, "ours", NULL), ==,
                   "aes-cbc-128/hmac-sha1-96/curve25519/prf-hmac-sha1");
  g_assert_cmpstr (ike_tree_string (second, "differs", NULL), ==, "KE");
  g_assert_cmpstr (ike_tree_string (second, "offered", NULL), ==, "modp1024 or modp2048");
  g_assert_cmpstr (ike_tree_string (second, "accepted", NULL), ==, "curve25519");
  g_assert_cmpstr (ike_tree_string (second, "setting", NULL), ==, "modp1024");
}

static void
test_odd_offers (void)
{
  g_autoptr (IkeProposals) ours = of (IKE_PROTOCOL_ESP, "aes256gcm16"),
                           other = of (IKE_PROTOCOL_AH, "sha256");
  IkeProposal unusable = { .number = 1, .protocol = IKE_PROTOCOL_ESP }, strange = ours->items[0];
  g_autofree char *nothing = ike_proposals_explain (ours, NULL, 0, NULL);
  g_autofree char *protocol = ike_proposals_explain (ours, other->items, 1, NULL);
  g_autofree char *empty = ike_proposals_explain (ours, &unusable, 1, NULL);
  g_autofree char *type = NULL;

  g_assert_cmpstr (nothing, ==, "offered nothing");
  g_assert_true (g_str_has_suffix (protocol, "it is for another protocol"));
  g_assert_true (g_str_has_suffix (empty, "differs in ENCR: offered none, accept aes-gcm-16-256"));
  ike_proposal_add (&strange, 200, 1, 0);
  type = ike_proposals_explain (ours, &strange, 1, NULL);
  g_assert_true (
      g_str_has_suffix (type, "differs in unknown type: offered type-200-1, accept none"));
}

static void
test_many_offers_are_short (void)
{
  g_autoptr (IkeProposals) ours = of (IKE_PROTOCOL_ESP, "aes256gcm16"),
                           offered = of (IKE_PROTOCOL_ESP, "aes128-md5");
  g_autofree IkeProposal *offers = g_new0 (IkeProposal, IKE_PROPOSALS_MAX);
  g_autofree char *text = NULL;

  for (guint i = 0; i < IKE_PROPOSALS_MAX; i++)
    offers[i] = offered->items[0];
  text = ike_proposals_explain (ours, offers, IKE_PROPOSALS_MAX, NULL);
  g_assert_nonnull (strstr (text, "and 28 more"));
  g_assert_cmpuint (strlen (text), <, 1000);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/proposal-explain/sentence-names-the-first-difference", test_sentence);
  g_test_add_func ("/proposal-explain/data-has-each-candidate-and-its-setting", test_details);
  g_test_add_func ("/proposal-explain/odd-offers-are-explained-too", test_odd_offers);
  g_test_add_func ("/proposal-explain/many-offers-make-a-short-sentence",
                   test_many_offers_are_short);
  return g_test_run ();
}
