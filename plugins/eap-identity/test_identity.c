/* SPDX-License-Identifier: Apache-2.0 */
/* test_identity.c - EAP-Identity, server against peer. */
#include <string.h>

#include "shared/eap/packet.h"
#include "shared/eap/test_talk.h"

static EapBench bench;

static void
test_a_name_comes_as_it_was_given (void)
{
  static const char *const names[] = { "carol", "carol@example.org", "CORP\\carol", "*",
                                       "10.0.0.1" };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    EapEnd server, peer;
    gsize len;

    eap_end_open (&server, &bench, "eap-server:identity", NULL);
    eap_end_open (&peer, &bench, "eap-peer:identity", "nobody");
    ike_ident_unref ((IkeIdent *) peer.context.identity);
    peer.context.identity = ike_ident_new (IKE_ID_KEY_ID, names[i], strlen (names[i]));
    eap_end_begin (&peer);
    g_assert_true (eap_talk (&server, &peer));
    g_assert_false (ike_ident_is_pattern (server.last->identity));
    g_assert_cmpmem (ike_ident_data (server.last->identity, &len), len, names[i],
                     strlen (names[i]));
    g_assert_null (server.last->msk);
    eap_end_close (&server);
    eap_end_close (&peer);
  }
}

static void
test_who_has_no_name_does_not_begin (void)
{
  EapEnd peer;

  eap_end_open (&peer, &bench, "eap-peer:identity", NULL);
  g_assert_null (peer.state);
  g_assert_nonnull (strstr (peer.why, "eap_id"));
  eap_end_close (&peer);
}

static void
refuse (const guint8 *packet, gsize len)
{
  EapEnd server;

  eap_end_open (&server, &bench, "eap-server:identity", NULL);
  eap_end_step (&server, NULL, 0, 3);
  eap_assert_failed (eap_end_step (&server, packet, len, 4), "EAP-Identity");
  eap_end_close (&server);
}

static void
test_what_is_no_name_is_refused (void)
{
  guint8 many[5 + IKE_EAP_IDENTITY_MAX + 1] = { 2, 3, 1, 3, 1 };

  refuse ((const guint8 *) "\2\3\0\5\1", 5);      /* nothing */
  refuse ((const guint8 *) "\2\3\0\x8\1a\0b", 8); /* a NUL */
  refuse ((const guint8 *) "\2\3\0\6\1\0", 6);
  refuse ((const guint8 *) "\2\3\0\6\3\4", 6); /* a Nak */
  refuse ((const guint8 *) "\1\3\0\6\1a", 6);  /* a request */
  refuse ((const guint8 *) "\2\3\0\x9\1a", 6);
  memset (many + 5, 'a', sizeof many - 5);
  refuse (many, sizeof many);
  for (gsize len = 0; len < 10; len++)
    refuse ((const guint8 *) "\2\3\0\xa\1"
                             "carol",
            len);
}

static void
test_a_request_is_answered_each_time (void)
{
  EapEnd peer;

  eap_end_open (&peer, &bench, "eap-peer:identity", "carol");
  for (guint8 i = 1; i < 4; i++) {
    guint8 request[] = { 1, i, 0, 9, 1, 'w', 'h', 'o', '?' };
    const IkeEapStep *step = eap_end_step (&peer, request, sizeof request, 0);

    g_assert_cmpuint (step->outcome, ==, IKE_EAP_DONE);
    g_assert_cmpuint (step->packet[1], ==, i);
    g_assert_cmpmem (step->packet + 4, step->len - 4,
                     "\1"
                     "carol",
                     6);
  }
  for (gsize len = 0; len < 5; len++)
    eap_assert_failed (eap_end_step (&peer, (const guint8 *) "\1\7\0\5\1", len, 0), "malformed");
  eap_assert_failed (eap_end_step (&peer, (const guint8 *) "\2\7\0\5\1", 5, 0), "malformed");
  eap_end_close (&peer);
}

int
main (int argc, char **argv)
{
  static const char *const plugins[] = { "eap-identity", NULL };
  int result;

  g_test_init (&argc, &argv, NULL);
  eap_bench_open (&bench, plugins, "");
  g_test_add_func ("/eap-identity/a-name-comes-as-it-was-given", test_a_name_comes_as_it_was_given);
  g_test_add_func ("/eap-identity/who-has-no-name-does-not-begin",
                   test_who_has_no_name_does_not_begin);
  g_test_add_func ("/eap-identity/what-is-no-name-is-refused", test_what_is_no_name_is_refused);
  g_test_add_func ("/eap-identity/a-request-is-answered-each-time",
                   test_a_request_is_answered_each_time);
  result = g_test_run ();
  eap_bench_close (&bench);
  return result;
}
