/* SPDX-License-Identifier: Apache-2.0 */
/* test_gtc.c - EAP-GTC, server against peer, and against what is wrong. */
#include <string.h>

#include "shared/eap/packet.h"
#include "shared/eap/test_talk.h"

static EapBench bench, other;

static void
test_the_right_password_is_taken (void)
{
  eap_check_talk (&bench, &bench, "gtc", "carol", NULL);
}

static void
test_others_are_refused (void)
{
  eap_check_talk (&bench, &other, "gtc", "carol", "the password of carol is wrong");
  eap_check_talk (&bench, &other, "gtc", "dave", "there is no secret for dave");
}

static void
test_it_wants_a_tunnel (void)
{
  EapEnd end;

  eap_end_open (&end, &bench, "eap-server:gtc", "carol");
  g_assert_true (end.klass->flags & IKE_EAP_NEEDS_TUNNEL);
  eap_end_close (&end);
  eap_end_open (&end, &bench, "eap-peer:gtc", "carol");
  g_assert_true (end.klass->flags & IKE_EAP_NEEDS_TUNNEL);
  eap_end_close (&end);
}

static void
test_the_password_is_said_once (void)
{
  EapEnd peer;
  const IkeEapStep *step;

  eap_end_open (&peer, &bench, "eap-peer:gtc", "carol");
  step = eap_end_step (&peer, (const guint8 *) "\1\7\0\5\6", 5, 0);
  g_assert_cmpuint (step->outcome, ==, IKE_EAP_DONE);
  g_assert_cmpmem (step->packet, step->len, "\2\7\0\xb\6secret", 11);
  eap_assert_failed (eap_end_step (&peer, (const guint8 *) "\1\x8\0\5\6", 5, 0), "again");
  eap_end_close (&peer);
  eap_end_open (&peer, &bench, "eap-peer:gtc", "dave");
  g_assert_nonnull (strstr (peer.why, "secrets.eap-NAME"));
  eap_end_close (&peer);
}

static void
refuse (const char *packet, gsize len, const char *needle)
{
  EapEnd server;

  eap_end_open (&server, &bench, "eap-server:gtc", "carol");
  eap_end_step (&server, NULL, 0, 7);
  eap_assert_failed (eap_end_step (&server, (const guint8 *) packet, len, 8), needle);
  eap_assert_failed (eap_end_step (&server, (const guint8 *) "\2\7\0\xb\6secret", 11, 9),
                     "not asked");
  eap_end_close (&server);
}

static void
test_nothing_else_is_the_password (void)
{
  refuse ("\2\7\0\xb\6secreT", 11, "is wrong");
  refuse ("\2\7\0\xc\6secret ", 12, "is wrong");
  refuse ("\2\7\0\xc\6secret\0", 12, "is wrong");
  refuse ("\2\7\0\xa\6secret", 11, "is wrong"); /* the last byte is none of it */
  refuse ("\2\7\0\5\6", 5, "is wrong");
  refuse ("\1\7\0\xb\6secret", 11, "malformed");
  refuse ("\2\6\0\xb\6secret", 11, "malformed");
  refuse ("\2\7\0\xb\4secret", 11, "malformed");
  for (gsize len = 0; len < 11; len++)
    refuse ("\2\7\0\xb\6secret", len, "malformed");
}

static void
test_broken_questions_are_not_answered (void)
{
  for (gsize len = 0; len < 8; len++) {
    EapEnd peer;

    eap_end_open (&peer, &bench, "eap-peer:gtc", "carol");
    eap_assert_failed (eap_end_step (&peer, (const guint8 *) "\1\7\0\x8\6PIN", len, 0),
                       "malformed");
    eap_end_close (&peer);
  }
}

static void
test_nobody_is_let_in_with_nothing (void)
{
  EapEnd server;

  eap_end_open (&server, &other, "eap-server:gtc", "eve");
  eap_end_step (&server, NULL, 0, 7);
  eap_assert_failed (eap_end_step (&server, (const guint8 *) "\2\7\0\5\6", 5, 8), "no secret");
  eap_end_close (&server);
  eap_end_open (&server, &other, "eap-server:gtc", NULL);
  g_assert_null (server.state);
  eap_end_close (&server);
}

int
main (int argc, char **argv)
{
  static const char *const plugins[] = { "eap-gtc", NULL };
  int result;

  g_test_init (&argc, &argv, NULL);
  eap_bench_open_both (&bench, &other, plugins);
  g_test_add_func ("/eap-gtc/the-right-password-is-taken", test_the_right_password_is_taken);
  g_test_add_func ("/eap-gtc/others-are-refused", test_others_are_refused);
  g_test_add_func ("/eap-gtc/it-wants-a-tunnel", test_it_wants_a_tunnel);
  g_test_add_func ("/eap-gtc/the-password-is-said-once", test_the_password_is_said_once);
  g_test_add_func ("/eap-gtc/nothing-else-is-the-password", test_nothing_else_is_the_password);
  g_test_add_func ("/eap-gtc/broken-questions-are-not-answered",
                   test_broken_questions_are_not_answered);
  g_test_add_func ("/eap-gtc/nobody-is-let-in-with-nothing", test_nobody_is_let_in_with_nothing);
  result = g_test_run ();
  eap_bench_close (&bench);
  eap_bench_close (&other);
  return result;
}
