/* SPDX-License-Identifier: Apache-2.0 */
/* test_dynamic.c - a peer gets the method that it wants, and no other. */
#include <string.h>

#include "shared/eap/packet.h"
#include "shared/eap/test_talk.h"

#define CAROL "secrets { eap-c { id = carol\n secret = clientPass\n } }\n"
#define METHODS(list, more) CAROL "plugins { eap-dynamic { methods = " list "\n" more " } }\n"

static const char *const plugins[] = { "eap-dynamic",  "eap-md5",        "eap-gtc", "eap-identity",
                                       "eap-mschapv2", "crypto-openssl", NULL };

/* The server's next request after a Nak that asks for @types. */
static const IkeEapStep *
nak (EapEnd *server, guint8 identifier, const char *types)
{
  gsize len;
  g_autofree guint8 *packet =
      eap_nak_new (identifier, (const guint8 *) types, strlen (types), &len);

  return eap_end_step (server, packet, len, identifier + 1);
}

static void
assert_asks (const IkeEapStep *step, guint8 identifier, guint8 type)
{
  g_assert_cmpuint (step->outcome, ==, IKE_EAP_MORE);
  g_assert_cmpuint (step->packet[0], ==, IKE_EAP_CODE_REQUEST);
  g_assert_cmpuint (step->packet[1], ==, identifier);
  g_assert_cmpuint (step->packet[4], ==, type);
}

static void
open_server (EapBench *bench, EapEnd *server, const char *settings)
{
  eap_bench_open (bench, plugins, settings);
  eap_end_open (server, bench, "eap-server:dynamic", "carol");
  g_assert_true (server->klass->flags & IKE_EAP_CHOOSES);
}

static void
close_server (EapBench *bench, EapEnd *server)
{
  eap_end_close (server);
  eap_bench_close (bench);
}

/* As a host does it: what the peer's own method cannot answer is a Nak. */
static gboolean
talk_with (EapBench *bench, EapEnd *server, const char *feature, guint8 type)
{
  const IkeEapStep *said = eap_end_step (server, NULL, 0, 1);
  char wanted[] = { (char) type, 0 };
  EapEnd peer;
  gboolean is_right;

  eap_end_open (&peer, bench, feature, "carol");
  for (guint8 i = 1; said->packet; i++) {
    if (said->packet[4] != type) {
      said = nak (server, i, wanted);
      continue;
    }
    said = eap_end_step (&peer, said->packet, said->len, 0);
    if (said->packet)
      said = eap_end_step (server, said->packet, said->len, i + 1);
  }
  is_right = server->last->outcome == IKE_EAP_DONE && peer.last->outcome == IKE_EAP_DONE;
  g_assert_cmpint (server->last->msk != NULL, ==, peer.last->msk != NULL);
  eap_end_close (&peer);
  return is_right;
}

static void
test_the_first_or_another (void)
{
  EapBench bench;
  EapEnd server;

  open_server (&bench, &server, METHODS ("mschapv2, md5", ""));
  g_assert_true (talk_with (&bench, &server, "eap-peer:mschapv2", IKE_EAP_TYPE_MSCHAPV2));
  g_assert_nonnull (server.last->msk);
  eap_end_begin (&server);
  g_assert_true (talk_with (&bench, &server, "eap-peer:md5", IKE_EAP_TYPE_MD5));
  g_assert_null (server.last->msk);
  close_server (&bench, &server);
}

/* 13 is not there, 25 neither; 4 and 6 are. */
static void
test_by_our_order (void)
{
  EapBench bench;
  EapEnd server;

  open_server (&bench, &server, METHODS ("mschapv2, tls, md5, gtc", ""));
  server.context.depth = 1;
  eap_end_begin (&server);
  assert_asks (eap_end_step (&server, NULL, 0, 1), 1, IKE_EAP_TYPE_MSCHAPV2);
  assert_asks (nak (&server, 1, "\x19\x0d\x06\x04"), 2, IKE_EAP_TYPE_MD5);
  assert_asks (nak (&server, 2, "\x06\x04"), 3, IKE_EAP_TYPE_GTC);
  eap_assert_failed (nak (&server, 3, "\x06\x04\x1a"), "it wants type 6, 4, 26");
  close_server (&bench, &server);
}

static void
test_by_the_peers_order (void)
{
  EapBench bench;
  EapEnd server;

  open_server (&bench, &server, METHODS ("mschapv2, tls, md5, gtc", "prefer_user = yes\n"));
  server.context.depth = 1;
  eap_end_begin (&server);
  assert_asks (eap_end_step (&server, NULL, 0, 1), 1, IKE_EAP_TYPE_MSCHAPV2);
  assert_asks (nak (&server, 1, "\x19\x0d\x06\x04"), 2, IKE_EAP_TYPE_GTC);
  assert_asks (nak (&server, 2, "\x1a\x04"), 3, IKE_EAP_TYPE_MD5);
  close_server (&bench, &server);
}

static void
test_none_at_all (void)
{
  EapBench bench;
  EapEnd server;

  open_server (&bench, &server, METHODS ("mschapv2, md5", ""));
  eap_end_step (&server, NULL, 0, 1);
  eap_assert_failed (nak (&server, 1, ""), "wants none at all");
  eap_end_begin (&server);
  eap_end_step (&server, NULL, 0, 1);
  eap_assert_failed (nak (&server, 1, "\xfe"), "wants none at all");
  close_server (&bench, &server);
}

/* Once an answer was given there is no other method: else a peer could try passwords by several,
 * and somebody between could take it to a weaker one. */
static void
test_after_an_answer_it_is_too_late (void)
{
  EapBench bench;
  EapEnd server, peer;
  const IkeEapStep *said;

  open_server (&bench, &server, METHODS ("mschapv2, md5", ""));
  eap_end_open (&peer, &bench, "eap-peer:mschapv2", "carol");
  said = eap_talk_until (&server, &peer, 2);
  g_assert_cmpuint (said->outcome, ==, IKE_EAP_MORE);
  eap_assert_failed (nak (&server, 2, "\x04"), "EAP-MSCHAPv2");
  eap_end_close (&peer);
  close_server (&bench, &server);
}

static void
test_what_was_not_asked_is_refused (void)
{
  EapBench bench;
  EapEnd server;

  open_server (&bench, &server, METHODS ("mschapv2, md5", ""));
  eap_assert_failed (nak (&server, 1, "\x04"), "not asked");
  eap_end_begin (&server);
  eap_end_step (&server, NULL, 0, 1);
  eap_assert_failed (eap_end_step (&server, NULL, 0, 2), "not asked");
  for (gsize len = 0; len < 6; len++) {
    eap_end_begin (&server);
    eap_end_step (&server, NULL, 0, 1);
    eap_assert_failed (eap_end_step (&server, (const guint8 *) "\2\1\0\6\3\4", len, 2),
                       "malformed");
  }
  close_server (&bench, &server);
}

/* Passwords in the clear: in a tunnel only, or behind a gateway's certificate. */
static void
test_outside_a_tunnel_nobody_shows_a_password (void)
{
  EapBench bench;
  EapEnd server;

  open_server (&bench, &server, METHODS ("gtc, md5", ""));
  assert_asks (eap_end_step (&server, NULL, 0, 1), 1, IKE_EAP_TYPE_MD5);
  server.context.depth = 1;
  eap_end_begin (&server);
  assert_asks (eap_end_step (&server, NULL, 0, 1), 1, IKE_EAP_TYPE_GTC);
  close_server (&bench, &server);
}

static void
test_nothing_to_offer_does_not_begin (void)
{
  EapBench bench;
  EapEnd server;

  open_server (&bench, &server, METHODS ("tls, gtc, identity, dynamic", ""));
  g_assert_null (server.state);
  g_assert_nonnull (strstr (server.why, "plugins.eap-dynamic.methods"));
  close_server (&bench, &server);
}

/* Without a name MD5 does not begin, and MSCHAPv2 does. */
static void
test_what_cannot_begin_is_passed_over (void)
{
  EapBench bench;
  EapEnd server;

  open_server (&bench, &server, METHODS ("md5, mschapv2", ""));
  ike_ident_unref ((IkeIdent *) server.context.identity);
  server.context.identity = NULL;
  eap_end_begin (&server);
  assert_asks (eap_end_step (&server, NULL, 0, 1), 1, IKE_EAP_TYPE_MSCHAPV2);
  eap_assert_failed (nak (&server, 1, "\x04"), "takes none");
  close_server (&bench, &server);
}

#define ADD(name, function) g_test_add_func ("/eap-dynamic/" name, function)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("the-first-or-another", test_the_first_or_another);
  ADD ("by-our-order", test_by_our_order);
  ADD ("by-the-peers-order", test_by_the_peers_order);
  ADD ("none-at-all", test_none_at_all);
  ADD ("after-an-answer-it-is-too-late", test_after_an_answer_it_is_too_late);
  ADD ("what-was-not-asked-is-refused", test_what_was_not_asked_is_refused);
  ADD ("outside-a-tunnel-nobody-shows-a-password", test_outside_a_tunnel_nobody_shows_a_password);
  ADD ("nothing-to-offer-does-not-begin", test_nothing_to_offer_does_not_begin);
  ADD ("what-cannot-begin-is-passed-over", test_what_cannot_begin_is_passed_over);
  return g_test_run ();
}
