/* SPDX-License-Identifier: Apache-2.0 */
/* test_mschapv2.c - EAP-MSCHAPv2, server against peer, and against what is wrong. */
#include <string.h>

#include "mschapv2.h"
#include "shared/eap/test_talk.h"

/* A gateway; a client with the same passwords; one with others. */
static EapBench bench, client, other;

typedef struct {
  EapEnd server, peer;
} Pair;

static void
pair_open (Pair *pair, EapBench *of_peer, const char *said, const char *name)
{
  eap_end_open (&pair->server, &bench, "eap-server:mschapv2", said);
  eap_end_open (&pair->peer, of_peer, "eap-peer:mschapv2", name);
}

static void
pair_close (Pair *pair)
{
  eap_end_close (&pair->server);
  eap_end_close (&pair->peer);
}

static const guint8 *
bytes (IkeSecretBlob *blob)
{
  return ike_secret_blob_data (blob);
}

static void
assert_keys (const Pair *pair)
{
  static const guint8 zeros[32];
  IkeSecretBlob *msk = pair->server.last->msk;

  g_assert_cmpuint (ike_secret_blob_len (msk), ==, IKE_EAP_MSK_MIN);
  g_assert_cmpmem (bytes (msk), ike_secret_blob_len (msk), bytes (pair->peer.last->msk),
                   ike_secret_blob_len (pair->peer.last->msk));
  g_assert_cmpmem (bytes (msk) + 32, 32, zeros, 32);
  g_assert_cmpint (memcmp (bytes (msk), zeros, 16), !=, 0);
  g_assert_cmpint (memcmp (bytes (msk) + 16, zeros, 16), !=, 0);
}

/* @said is what EAP-Identity was, @name whom the peer has a secret for, @proven what is handed
 * up. */
static void
talk (const char *said, const char *name, const char *proven)
{
  char text[128] = "";
  Pair pair;

  pair_open (&pair, &client, said, name);
  g_assert_true (eap_talk (&pair.server, &pair.peer));
  assert_keys (&pair);
  if (pair.server.last->identity)
    ike_ident_format (pair.server.last->identity, text, sizeof text);
  g_assert_cmpstr (text, ==, proven ? proven : "");
  pair_close (&pair);
}

static void
test_the_right_password_makes_the_same_key (void)
{
  talk ("carol", "carol", NULL);
  talk ("fritz", "fritz", NULL); /* beyond ASCII */
}

static void
test_a_hash_is_as_good_as_the_password (void)
{
  talk ("hugo", "hugo", NULL);
}

static void
test_a_domain_is_the_users_or_left_out (void)
{
  talk ("CORP\\carol", "CORP\\carol", "carol"); /* the secret is of carol, and so is what follows */
  talk ("CORP\\erna", "CORP\\erna", NULL);      /* here the domain is part of it */
}

/* Policy must hear of whom the password is, whatever was said before. */
static void
test_who_was_proven_is_handed_up (void)
{
  talk ("boss", "carol", "carol");
  talk (NULL, "carol", "carol");
}

/* It acknowledges a failure, and has a reason to tell when EAP-Failure comes. */
static void
assert_complains (const IkeEapStep *step, const char *needle)
{
  g_assert_cmpuint (step->outcome, ==, IKE_EAP_MORE);
  g_assert_nonnull (step->packet);
  g_assert_null (step->msk);
  if (!strstr (step->reason, needle))
    g_error ("\"%s\" is not in \"%s\"", needle, step->reason);
}

static void
refuse (const char *name, EapBench *of_peer, const char *needle)
{
  Pair pair;

  pair_open (&pair, of_peer, name, name);
  g_assert_false (eap_talk (&pair.server, &pair.peer));
  eap_assert_failed (pair.server.last, needle);
  assert_complains (pair.peer.last, "does not take the user name or the password (E=691: "
                                    "Authentication failed)");
  /* The peer acknowledges. */
  g_assert_cmpmem (pair.peer.last->packet, pair.peer.last->len, "\2\2\0\6\x1a\4", 6);
  pair_close (&pair);
}

static void
test_others_are_refused (void)
{
  refuse ("carol", &other, "the password of carol is wrong");
  refuse ("dave", &other, "there is no secret for dave");
}

/* All that a peer sees of it but the random numbers. */
static void
say_failure (const char *name, char out[128])
{
  Pair pair;
  const IkeEapStep *said;

  pair_open (&pair, &other, name, name);
  said = eap_talk_until (&pair.server, &pair.peer, 2);
  g_assert_cmpuint (said->outcome, ==, IKE_EAP_MORE);
  g_assert_cmpuint (said->packet[5], ==, MSCHAPV2_FAILURE);
  g_strlcpy (out, (const char *) said->packet + 9, MIN (128, said->len - 8));
  memset (strstr (out, "C=") + 2, '.', 32);
  pair_close (&pair);
}

static void
test_who_is_unknown_sees_the_same (void)
{
  char known[128], unknown[128];

  say_failure ("carol", known);
  say_failure ("dave", unknown);
  g_assert_cmpstr (known, ==, unknown);
  g_assert_cmpstr (known, ==,
                   "E=691 R=0 C=................................ V=3 M=Authentication failed");
}

static void
test_who_has_no_password_does_not_begin (void)
{
  static const char *const names[] = { "dave", "broken", "short", NULL };
  EapEnd peer;

  for (guint i = 0; names[i]; i++) {
    eap_end_open (&peer, &client, "eap-peer:mschapv2", names[i]);
    g_assert_null (peer.state);
    g_assert_nonnull (strstr (peer.why, "secrets.eap-NAME"));
    eap_end_close (&peer);
  }
  eap_end_open (&peer, &client, "eap-peer:mschapv2", NULL);
  g_assert_null (peer.state);
  eap_end_close (&peer);
}

/* -- what is malformed */

typedef struct {
  guint at, value;
  const char *needle;
} Change;

/* A fresh conversation in which packet @n was said; it is left with who is to hear it. */
static EapEnd *
hearer (Pair *pair, guint n, guint8 *packet, gsize *len)
{
  const IkeEapStep *said;

  pair_open (pair, &client, "carol", "carol");
  said = eap_talk_until (&pair->server, &pair->peer, n);
  g_assert_cmpuint (said->len, <=, 256);
  *len = said->len;
  memcpy (packet, said->packet, said->len);
  return n % 2 == 0 ? &pair->peer : &pair->server;
}

/* What is heard in the place of packet @n is refused, and so is the right one after it. */
static void
refuse_packet (guint n, const Change *change, gsize cut)
{
  guint8 packet[256], right[256];
  gsize len;
  Pair pair;
  EapEnd *end = hearer (&pair, n, packet, &len);

  memcpy (right, packet, len);
  if (change)
    packet[change->at] = (guint8) change->value;
  eap_assert_failed (eap_end_step (end, packet, len - cut, 9),
                     change && change->needle ? change->needle : "malformed");
  eap_assert_failed (eap_end_step (end, right, len, 9), "EAP-MSCHAPv2");
  pair_close (&pair);
}

static void
refuse_changes (guint n, const Change *changes, guint n_changes)
{
  for (guint i = 0; i < n_changes; i++)
    refuse_packet (n, &changes[i], 0);
}

/* code id len len type | op id len len | value-size challenge name */
static void
test_each_field_of_a_challenge_counts (void)
{
  static const Change changes[] = {
    { 0, 2, NULL },
    { 0, 3, NULL },
    { 4, 4, NULL },
    { 5, 2, "does not come next" },
    { 5, 3, "does not come next" },
    { 5, 0, "does not come next" },
    { 5, 7, "does not come next" },
    { 7, 1, NULL },
    { 8, 0, NULL },
    { 8, 255, NULL },
    { 9, 15, NULL },
    { 9, 17, NULL },
    { 9, 0, NULL },
  };

  refuse_changes (0, changes, G_N_ELEMENTS (changes));
}

static void
test_each_field_of_a_response_counts (void)
{
  static const Change changes[] = {
    { 0, 1, NULL }, { 1, 99, NULL }, { 4, 4, NULL },  { 5, 1, NULL },
    { 5, 3, NULL }, { 5, 7, NULL },  { 6, 77, NULL }, { 7, 1, NULL },
    { 8, 0, NULL }, { 9, 48, NULL }, { 9, 50, NULL }, { 9, 0, NULL },
  };

  refuse_changes (1, changes, G_N_ELEMENTS (changes));
}

static void
test_each_field_of_a_success_counts (void)
{
  static const Change changes[] = {
    { 0, 2, NULL },    { 4, 4, NULL },    { 5, 1, "does not come next" },
    { 7, 1, NULL },    { 8, 0, NULL },    { 9, 's', NULL },
    { 10, ':', NULL }, { 11, 'G', NULL }, { 50, ' ', NULL },
    { 51, '0', NULL },
  };

  refuse_changes (2, changes, G_N_ELEMENTS (changes));
}

static void
test_only_success_ends_it (void)
{
  static const Change changes[] = {
    { 0, 1, NULL },
    { 1, 99, NULL },
    { 4, 4, NULL },
    { 5, 2, NULL },
    { 5, 4, "does not take our proof" },
    { 5, 7, NULL },
    { 5, 0, NULL },
  };

  refuse_changes (3, changes, G_N_ELEMENTS (changes));
}

static void
test_cut_anywhere_it_is_refused (void)
{
  static const guint lens[] = { 9 + 17 + 7, 9 + 50 + 5, 9 + 42 + 10, 6 };

  for (guint n = 0; n < G_N_ELEMENTS (lens); n++)
    for (gsize cut = 1; cut <= lens[n]; cut++)
      refuse_packet (n, NULL, cut);
}

/* Cut, with all lengths put right: what is in it must still be whole. */
static void
refuse_shorter (guint n, gsize new_len, const char *needle)
{
  guint8 packet[256];
  gsize len;
  Pair pair;
  EapEnd *end = hearer (&pair, n, packet, &len);

  packet[3] = (guint8) new_len;
  packet[8] = (guint8) (new_len - 5);
  eap_assert_failed (eap_end_step (end, packet, new_len, 9), needle);
  pair_close (&pair);
}

static void
test_shorter_inside_it_is_refused (void)
{
  for (gsize len = 9; len < 9 + 17; len++)
    refuse_shorter (0, len, "malformed");
  for (gsize len = 9; len < 9 + 50 + 1; len++) /* and without a name */
    refuse_shorter (1, len, "malformed");
  for (gsize len = 9; len < 9 + 42; len++)
    refuse_shorter (2, len, "malformed");
}

static void
test_a_challenge_may_have_no_name (void)
{
  guint8 packet[256];
  gsize len;
  Pair pair;
  EapEnd *end = hearer (&pair, 0, packet, &len);

  packet[3] = 9 + 17;
  packet[8] = 4 + 17;
  g_assert_cmpuint (eap_end_step (end, packet, 9 + 17, 0)->outcome, ==, IKE_EAP_MORE);
  pair_close (&pair);
}

static void
test_each_byte_of_the_proofs_counts (void)
{
  for (guint i = 0; i < MSCHAP_CHALLENGE_LEN; i++)
    for (guint n = 0; n < 2; n++) {
      guint8 packet[256];
      gsize len;
      Pair pair;
      EapEnd *end = hearer (&pair, 1, packet, &len);

      packet[n ? 10 + i : 34 + i] ^= 1;
      g_assert_cmpuint (eap_end_step (end, packet, len, 2)->packet[5], ==, MSCHAPV2_FAILURE);
      pair_close (&pair);
    }
  for (guint i = 0; i < 2 * MSCHAP_PROOF_LEN; i++) {
    guint8 packet[256];
    gsize len;
    Pair pair;
    EapEnd *end = hearer (&pair, 2, packet, &len);

    packet[11 + i] = packet[11 + i] == '0' ? '1' : '0';
    eap_assert_failed (eap_end_step (end, packet, len, 0), "does not know our password");
    g_assert_null (end->last->packet); /* who lies gets no acknowledgement */
    pair_close (&pair);
  }
}

static void
test_a_proof_may_be_in_lower_case (void)
{
  guint8 packet[256];
  gsize len;
  Pair pair;
  EapEnd *end = hearer (&pair, 2, packet, &len);

  for (guint i = 11; i < 51; i++)
    packet[i] = (guint8) g_ascii_tolower ((char) packet[i]);
  g_assert_cmpuint (eap_end_step (end, packet, len, 0)->outcome, ==, IKE_EAP_DONE);
  pair_close (&pair);
}

/* A server that knows no password, but says that all is well. */
static void
test_success_before_an_answer_is_refused (void)
{
  static const guint8 early[] =
      "\1\1\0\x37\x1a\3\1\0\x32S=407A5589115FD0D6209F510FE9C04566932CDA56 M=OK";
  EapEnd peer;

  eap_end_open (&peer, &client, "eap-peer:mschapv2", "carol");
  eap_assert_failed (eap_end_step (&peer, early, sizeof early - 1, 0), "does not come next");
  eap_end_close (&peer);
}

static void
test_answers_again_are_refused (void)
{
  guint8 response[256];
  gsize len;
  Pair pair;
  EapEnd *server = hearer (&pair, 1, response, &len);

  g_assert_cmpuint (eap_end_step (server, response, len, 2)->outcome, ==, IKE_EAP_MORE);
  eap_assert_failed (eap_end_step (server, response, len, 3), "malformed");
  pair_close (&pair);
  /* And of another conversation. */
  pair_open (&pair, &client, "carol", "carol");
  eap_talk_until (&pair.server, &pair.peer, 0);
  g_assert_cmpuint (eap_end_step (&pair.server, response, len, 2)->packet[5], ==, MSCHAPV2_FAILURE);
  pair_close (&pair);
}

/* -- what a server may say against us */

static void
hear_failure (const char *text, const char *needle)
{
  guint8 challenge[256];
  g_autofree guint8 *packet = NULL;
  gsize len;
  Pair pair;
  EapEnd *peer = hearer (&pair, 0, challenge, &len);
  IkePart part = { (const guint8 *) text, strlen (text) }, body;
  g_autofree guint8 *inner = mschapv2_make (MSCHAPV2_FAILURE, 1, &part, 1, &body.len);

  body.data = inner;
  eap_end_step (peer, challenge, len, 0);
  packet = eap_packet_new (IKE_EAP_CODE_REQUEST, 5, IKE_EAP_TYPE_MSCHAPV2, &body, &len);
  assert_complains (eap_end_step (peer, packet, len, 0), needle);
  g_assert_cmpmem (peer->last->packet, peer->last->len, "\2\5\0\6\x1a\4", 6);
  pair_close (&pair);
}

#define C32 "C=00112233445566778899AABBCCDDEEFF"

static void
test_failures_are_told_and_acknowledged (void)
{
  hear_failure ("E=648 R=0 " C32 " V=3 M=Expired", "change it where it is kept");
  hear_failure ("E=648 R=0 " C32 " V=3 M=Expired", "(E=648: Expired)");
  hear_failure ("E=646 R=0 " C32 " V=3 M=Night", "at other hours");
  hear_failure ("E=647 R=0 " C32 " V=3 M=Off", "disabled");
  hear_failure ("E=649 R=0 " C32 " V=3 M=No", "dial in");
  hear_failure ("E=691 R=1 " C32 " V=3 M=Try again", "(E=691: Try again)");
  hear_failure ("E=12345678901234567890 M=x", "refuses us (E=");
  hear_failure ("E=709", "(E=709)");
  hear_failure ("E=", "(E=0)");
  hear_failure ("", "(E=0)");
  hear_failure ("M=", "(E=0)");
  hear_failure ("no such thing   =", "(E=0)");
  hear_failure ("E=691 M=\x1b[2Jgone\n", "(E=691: \\x1b[2Jgone\\x0a)");
}

/* RFC 2759, 7: a peer may answer an expired password with a new one; this server never says that
 * one expired, and takes none. */
static void
test_changing_a_password_is_refused (void)
{
  guint8 change[5 + 586] = { 2, 2, 2, 0x4f, 26, MSCHAPV2_CHANGE_PASSWORD, 1, 2, 0x4a };
  Pair pair;

  pair_open (&pair, &other, "carol", "carol");
  eap_talk_until (&pair.server, &pair.peer, 2);
  eap_assert_failed (eap_end_step (&pair.server, change, sizeof change, 3),
                     "the password of carol is wrong (the peer wants to change it");
  pair_close (&pair);
}

static void
test_names_are_escaped (void)
{
  Pair pair;
  static const char nasty[] = "a\x1b[31m\n%n";

  eap_end_open (&pair.server, &bench, "eap-server:mschapv2", "carol");
  eap_end_open (&pair.peer, &other, "eap-peer:mschapv2", "carol");
  ike_ident_unref ((IkeIdent *) pair.peer.context.identity);
  pair.peer.context.identity = ike_ident_new (IKE_ID_FQDN, nasty, sizeof nasty - 1);
  eap_talk (&pair.server, &pair.peer);
  eap_assert_failed (pair.server.last, "\\x1b[31m\\x0a%n");
  pair_close (&pair);
}

static void
test_without_md4_it_says_why (void)
{
  static const char *const plugins[] = { "eap-mschapv2", "crypto-openssl", NULL };
  g_autoptr (GError) error = NULL;
  EapBench poor;

  g_setenv ("OPENSSL_MODULES", "/nonexistent", TRUE);
  eap_bench_open (&poor, plugins, "");
  g_unsetenv ("OPENSSL_MODULES");
  g_assert_null (ike_feature_find (poor.engine, "eap-server:mschapv2", &error));
  g_assert_nonnull (strstr (error->message, "legacy provider is not installed"));
  eap_bench_close (&poor);
}

#define ADD(name, function) g_test_add_func ("/eap-mschapv2/" name, function)

/* The client knows a hash by its password, and a user of one domain without it. */
#define SECRETS                                                                                    \
  "secrets { eap-c { id = carol\n secret = clientPass\n }\n"                                       \
  "eap-f { id = fritz\n secret = Gr\xc3\xbc\xc3\x9f"                                               \
  "e\n }\n"                                                                                        \
  "eap-e { id = CORP\\erna\n secret = x\n }\n"

int
main (int argc, char **argv)
{
  static const char *const plugins[] = { "eap-mschapv2", "crypto-openssl", NULL };
  int result;

  g_test_init (&argc, &argv, NULL);
  eap_bench_open (&bench, plugins,
                  SECRETS
                  "ntlm-h { id = hugo\n secret = 0x5e4837e258d1580a2e60303853376b62\n } }\n");
  eap_bench_open (&client, plugins,
                  SECRETS "eap-h { id = hugo\n secret = hugosPass\n }\n"
                          "eap-cc { id = CORP\\carol\n secret = clientPass\n }\n"
                          "eap-b { id = broken\n secret = 0xff\n }\n"
                          "ntlm-s { id = short\n secret = 0x00112233\n } }\n");
  eap_bench_open (&other, plugins,
                  "secrets { eap-c { id = carol\n secret = ClientPass\n }\n"
                  "eap-d { id = dave\n secret = clientPass\n } }\n");
  ADD ("the-right-password-makes-the-same-key", test_the_right_password_makes_the_same_key);
  ADD ("a-hash-is-as-good-as-the-password", test_a_hash_is_as_good_as_the_password);
  ADD ("a-domain-is-the-users-or-left-out", test_a_domain_is_the_users_or_left_out);
  ADD ("who-was-proven-is-handed-up", test_who_was_proven_is_handed_up);
  ADD ("others-are-refused", test_others_are_refused);
  ADD ("who-is-unknown-sees-the-same", test_who_is_unknown_sees_the_same);
  ADD ("who-has-no-password-does-not-begin", test_who_has_no_password_does_not_begin);
  ADD ("each-field-of-a-challenge-counts", test_each_field_of_a_challenge_counts);
  ADD ("each-field-of-a-response-counts", test_each_field_of_a_response_counts);
  ADD ("each-field-of-a-success-counts", test_each_field_of_a_success_counts);
  ADD ("only-success-ends-it", test_only_success_ends_it);
  ADD ("cut-anywhere-it-is-refused", test_cut_anywhere_it_is_refused);
  ADD ("shorter-inside-it-is-refused", test_shorter_inside_it_is_refused);
  ADD ("a-challenge-may-have-no-name", test_a_challenge_may_have_no_name);
  ADD ("each-byte-of-the-proofs-counts", test_each_byte_of_the_proofs_counts);
  ADD ("a-proof-may-be-in-lower-case", test_a_proof_may_be_in_lower_case);
  ADD ("success-before-an-answer-is-refused", test_success_before_an_answer_is_refused);
  ADD ("answers-again-are-refused", test_answers_again_are_refused);
  ADD ("failures-are-told-and-acknowledged", test_failures_are_told_and_acknowledged);
  ADD ("changing-a-password-is-refused", test_changing_a_password_is_refused);
  ADD ("names-are-escaped", test_names_are_escaped);
  ADD ("without-md4-it-says-why", test_without_md4_it_says_why);
  result = g_test_run ();
  eap_bench_close (&bench);
  eap_bench_close (&client);
  eap_bench_close (&other);
  return result;
}
