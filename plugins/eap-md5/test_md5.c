/* SPDX-License-Identifier: Apache-2.0 */
/* test_md5.c - EAP-MD5, server against peer, and against what is wrong. */
#include <string.h>

#include "shared/eap/packet.h"
#include "shared/eap/test_talk.h"

static EapBench bench, other;

static void
test_the_right_password_is_taken (void)
{
  eap_check_talk (&bench, &bench, "md5", "carol", NULL);
  /* Names are the same in any case, passwords are not. */
  eap_check_talk (&bench, &bench, "md5", "CAROL", NULL);
}

static void
test_others_are_refused (void)
{
  eap_check_talk (&bench, &other, "md5", "carol", "the password of carol is wrong");
  eap_check_talk (&bench, &other, "md5", "dave", "there is no secret for dave");
}

/* RFC 1994: MD5 ("\7" "secret" "0123456789abcdef"), computed apart. */
static void
test_a_known_answer (void)
{
  static const guint8 request[] = "\1\7\0\x16\4\x10"
                                  "0123456789abcdef";
  static const guint8 expected[] = { 2,    7,    0,    22,   4,    16,   0x96, 0xdb,
                                     0x2d, 0x8f, 0x96, 0xc2, 0x91, 0xa6, 0x69, 0x9a,
                                     0x97, 0x3c, 0xe5, 0xc1, 0x68, 0xa8 };
  EapEnd peer;
  const IkeEapStep *step;

  eap_end_open (&peer, &bench, "eap-peer:md5", "carol");
  step = eap_end_step (&peer, request, sizeof request - 1, 0);
  g_assert_cmpuint (step->outcome, ==, IKE_EAP_DONE);
  g_assert_cmpmem (step->packet, step->len, expected, sizeof expected);
  /* Again, and it would guess with us. */
  eap_assert_failed (eap_end_step (&peer, request, sizeof request - 1, 0), "twice");
  eap_end_close (&peer);
}

static void
test_who_has_no_password_does_not_begin (void)
{
  EapEnd peer;

  eap_end_open (&peer, &bench, "eap-peer:md5", "dave");
  g_assert_null (peer.state);
  g_assert_nonnull (strstr (peer.why, "secrets.eap-NAME"));
  eap_end_close (&peer);
  eap_end_open (&peer, &bench, "eap-server:md5", NULL);
  g_assert_null (peer.state);
  eap_end_close (&peer);
}

typedef void (*Spoil) (guint8 *packet, gsize *len);

static void
refuse (Spoil spoil, const char *needle)
{
  EapEnd server, peer;
  guint8 packet[64];
  const IkeEapStep *said;
  gsize len;

  eap_end_open (&server, &bench, "eap-server:md5", "carol");
  eap_end_open (&peer, &bench, "eap-peer:md5", "carol");
  said = eap_talk_until (&server, &peer, 1);
  len = said->len;
  memcpy (packet, said->packet, len);
  spoil (packet, &len);
  eap_assert_failed (eap_end_step (&server, packet, len, 2), needle);
  /* And the right one is too late. */
  eap_assert_failed (eap_end_step (&server, peer.last->packet, peer.last->len, 3), "not asked");
  eap_end_close (&server);
  eap_end_close (&peer);
}

static void
code (guint8 *packet, gsize *len)
{
  packet[0] = 1;
}
static void
identifier (guint8 *packet, gsize *len)
{
  packet[1]++;
}
static void
type (guint8 *packet, gsize *len)
{
  packet[4] = 26;
}
static void
value_len (guint8 *packet, gsize *len)
{
  packet[5] = 15;
}
static void
value_len_zero (guint8 *packet, gsize *len)
{
  packet[5] = 0;
}
static void
value_len_long (guint8 *packet, gsize *len)
{
  packet[5] = 17;
}
static void
value (guint8 *packet, gsize *len)
{
  packet[20] ^= 1;
}
static void
cut (guint8 *packet, gsize *len)
{
  --*len;
}

static void
test_each_field_counts (void)
{
  refuse (code, "malformed");
  refuse (identifier, "malformed");
  refuse (type, "malformed");
  refuse (value_len, "malformed");
  refuse (value_len_zero, "malformed");
  refuse (value_len_long, "malformed");
  refuse (cut, "malformed");
  refuse (value, "is wrong");
}

static void
test_cut_anywhere_it_is_refused (void)
{
  static const guint8 request[] = "\1\7\0\x16\4\x10"
                                  "0123456789abcdef";

  for (gsize len = 0; len < sizeof request - 1; len++) {
    EapEnd peer, server;
    guint8 shorter[sizeof request] = { 0 };

    memcpy (shorter, request, len);
    eap_end_open (&peer, &bench, "eap-peer:md5", "carol");
    eap_assert_failed (eap_end_step (&peer, shorter, len, 0), "malformed");
    eap_end_close (&peer);
    shorter[3] = (guint8) len; /* and it says so */
    shorter[0] = 2;
    eap_end_open (&server, &bench, "eap-server:md5", "carol");
    eap_end_step (&server, NULL, 0, 7);
    eap_assert_failed (eap_end_step (&server, shorter, len, 8), "malformed");
    eap_end_close (&server);
  }
}

static void
test_what_was_not_asked_is_refused (void)
{
  EapEnd server, peer;

  eap_end_open (&server, &bench, "eap-server:md5", "carol");
  eap_end_open (&peer, &bench, "eap-peer:md5", "carol");
  eap_assert_failed (eap_end_step (&server, (const guint8 *) "\2\1\0\6\4\0", 6, 1), "not asked");
  g_assert_true (eap_talk (&server, &peer));
  /* A replay of what was right. */
  eap_assert_failed (eap_end_step (&server, peer.last->packet, peer.last->len, 3), "not asked");
  eap_end_close (&server);
  eap_end_close (&peer);
}

static void
test_challenges_differ (void)
{
  EapEnd one, two;

  eap_end_open (&one, &bench, "eap-server:md5", "carol");
  eap_end_open (&two, &bench, "eap-server:md5", "carol");
  eap_end_step (&one, NULL, 0, 1);
  eap_end_step (&two, NULL, 0, 1);
  g_assert_cmpuint (one.last->len, ==, two.last->len);
  g_assert_cmpint (memcmp (one.last->packet, two.last->packet, one.last->len), !=, 0);
  eap_end_close (&one);
  eap_end_close (&two);
}

int
main (int argc, char **argv)
{
  static const char *const plugins[] = { "eap-md5", NULL };
  int result;

  g_test_init (&argc, &argv, NULL);
  eap_bench_open_both (&bench, &other, plugins);
  g_test_add_func ("/eap-md5/the-right-password-is-taken", test_the_right_password_is_taken);
  g_test_add_func ("/eap-md5/others-are-refused", test_others_are_refused);
  g_test_add_func ("/eap-md5/a-known-answer", test_a_known_answer);
  g_test_add_func ("/eap-md5/who-has-no-password-does-not-begin",
                   test_who_has_no_password_does_not_begin);
  g_test_add_func ("/eap-md5/each-field-counts", test_each_field_counts);
  g_test_add_func ("/eap-md5/cut-anywhere-it-is-refused", test_cut_anywhere_it_is_refused);
  g_test_add_func ("/eap-md5/what-was-not-asked-is-refused", test_what_was_not_asked_is_refused);
  g_test_add_func ("/eap-md5/challenges-differ", test_challenges_differ);
  result = g_test_run ();
  eap_bench_close (&bench);
  eap_bench_close (&other);
  return result;
}
