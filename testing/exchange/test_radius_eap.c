/* SPDX-License-Identifier: Apache-2.0 */
/* test_radius_eap.c - all of it: a client proves itself by EAP-MD5 to a RADIUS server, gets the
 * address that the server gives, is accounted for, and is thrown out. */
#include "exchange/pair.h"
#include "eap-radius/test_service.h"
#include <string.h>

static const char *const plugins[] = { "eap",        "eap-identity", "eap-md5", "config-payload",
                                       "eap-radius", "test-service", NULL };
static const IkePluginInfo *const builtin[] = { &test_service_plugin, NULL };

#define PROPOSALS "proposals = aes256gcm16-prfsha256-x25519\n"
#define CLIENT                                                                                     \
  PROPOSALS "vips = 0.0.0.0\n local { auth = eap-md5\n eap_id = carol@test\n }\n"                  \
            "children { net { local_ts = dynamic\n remote_ts = 10.2.0.0/16\n } }\n"
#define GATEWAY                                                                                    \
  PROPOSALS "remote { auth = eap-radius\n eap_id = %any\n radius_group = staff\n groups = gold\n"  \
            "}\n children { net { local_ts = 10.2.0.0/16\n remote_ts = dynamic\n } }\n"

static const guint8 challenge[16] = "sixteen letters";
static gboolean is_dead, is_gold;

/* -- the server: EAP-MD5 (RFC 3748, 5.4) */

static gboolean
is_right (const TestAsked *asked)
{
  static const char secret[] = "opensesame";
  gsize len, digest_len = 16;
  g_autofree guint8 *packet =
      ike_radius_join (asked->attributes, asked->len, IKE_RADIUS_EAP_MESSAGE, &len);
  g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_MD5);
  guint8 digest[16];

  if (!packet || len < 22 || packet[4] != IKE_EAP_TYPE_MD5 || packet[5] != 16)
    return FALSE;
  g_checksum_update (sum, packet + 1, 1);
  g_checksum_update (sum, (const guint8 *) secret, sizeof secret - 1);
  g_checksum_update (sum, challenge, sizeof challenge);
  g_checksum_get_digest (sum, digest, &digest_len);
  return !memcmp (digest, packet + 6, sizeof digest);
}

static void
ask_for_proof (TestAsked *asked)
{
  guint8 packet[22] = { IKE_EAP_CODE_REQUEST, 77, 0, sizeof packet, IKE_EAP_TYPE_MD5, 16 };
  guint8 attributes[64];
  IkeWriter w;

  memcpy (packet + 6, challenge, sizeof challenge);
  ike_writer_init (&w, attributes, sizeof attributes);
  ike_radius_add (&w, IKE_RADIUS_EAP_MESSAGE, packet, sizeof packet);
  ike_radius_add_text (&w, IKE_RADIUS_STATE, "asked");
  test_service_answer (asked, IKE_RADIUS_ACCESS_CHALLENGE, w.data, w.len);
}

static void
decide (TestAsked *asked)
{
  guint8 packet[4] = { IKE_EAP_CODE_SUCCESS, 78, 0, sizeof packet }, attributes[128];
  IkeWriter w;

  ike_writer_init (&w, attributes, sizeof attributes);
  if (!is_right (asked)) {
    packet[0] = IKE_EAP_CODE_FAILURE;
    ike_radius_add (&w, IKE_RADIUS_EAP_MESSAGE, packet, sizeof packet);
    test_service_answer (asked, IKE_RADIUS_ACCESS_REJECT, w.data, w.len);
    return;
  }
  ike_radius_add (&w, IKE_RADIUS_EAP_MESSAGE, packet, sizeof packet);
  ike_radius_add (&w, IKE_RADIUS_FRAMED_IP_ADDRESS, "\x0a\x03\0\x07", 4);
  ike_radius_add_vendor (&w, IKE_RADIUS_VENDOR_MICROSOFT, IKE_RADIUS_MS_PRIMARY_DNS_SERVER,
                         "\x0a\2\0\x35", 4);
  ike_radius_add_text (&w, IKE_RADIUS_CLASS, is_gold ? "gold" : "tin");
  test_service_accept (asked, w.data, w.len, 0);
}

static void
hear (TestAsked *asked)
{
  if (is_dead)
    test_service_fail (asked, "no RADIUS server answered in 20 s: first");
  else if (asked->code == IKE_RADIUS_ACCOUNTING_REQUEST)
    test_service_answer (asked, IKE_RADIUS_ACCOUNTING_RESPONSE, NULL, 0);
  else if (test_service_has_text (asked, IKE_RADIUS_STATE, "asked"))
    decide (asked);
  else
    ask_for_proof (asked);
}

/* -- the pair */

static Pair *
make (gconstpointer flags, const char *password)
{
  g_autofree char *secrets = g_strdup_printf (
      "secret = of-the-gateway\n }\n eap-carol { id = carol@test\n secret = %s\n", password);
  PairOptions o = { .seed = 8,
                    .flags = GPOINTER_TO_UINT (flags),
                    .connection = { CLIENT, GATEWAY },
                    .secrets = { secrets, "secret = of-the-gateway\n" },
                    .more = { NULL, "plugins { eap-radius { accounting = yes\n class_group = "
                                    "yes\n } }" },
                    .plugins = plugins,
                    .builtin = builtin };
  Pair *pair;

  test_service_reset ();
  test_service_heard = hear;
  is_dead = FALSE;
  is_gold = TRUE;
  pair = pair_new (&o);
  pair_run (pair, 1);
  return pair;
}

static void
unmake (Pair *pair)
{
  pair_free (pair);
  test_service_reset ();
}

static const TestAsked *
account (guint32 status)
{
  for (guint i = 0; i < test_service_n (); i++)
    if (test_service_u32 (test_service_asked (i), IKE_RADIUS_ACCT_STATUS_TYPE) == status)
      return test_service_asked (i);
  return NULL;
}

static void
test_all_of_it (gconstpointer flags)
{
  static const guint8 disconnect[] = "\x01\x0c"
                                     "carol@test";
  Pair *pair = make (flags, "opensesame");
  TestDynamic answer;
  IkeTree *status;
  const IkeTree *sa;

  pair_assert_up (pair, NULL);
  status = pair_status (&pair->b);
  sa = ike_tree_nth (ike_tree_get (status, "sas"), 0);
  g_assert_cmpstr (ike_tree_text (ike_tree_nth (ike_tree_get (sa, "remote-vips"), 0), NULL), ==,
                   "10.3.0.7");
  ike_tree_free (status);
  g_assert_cmpstr (test_service_asked (1)->group, ==, "staff");
  g_assert_true (test_service_has_text (account (1), IKE_RADIUS_USER_NAME, "carol@test"));
  g_assert_true (test_service_has (account (1), IKE_RADIUS_FRAMED_IP_ADDRESS, "\x0a\3\0\7", 4));
  test_service_dynamic (pair->b.engine, IKE_RADIUS_DISCONNECT_REQUEST, disconnect,
                        sizeof disconnect - 1, &answer);
  pair_run (pair, 2);
  g_assert_true (answer.is_there && answer.is_done);
  status = pair_status (&pair->a);
  g_assert_cmpuint (ike_tree_n (ike_tree_get (status, "sas")), ==, 0);
  ike_tree_free (status);
  g_assert_cmpuint (test_service_u32 (account (2), IKE_RADIUS_ACCT_TERMINATE_CAUSE), ==, 6);
  unmake (pair);
}

/* The connection wants the group gold, also later. */
static void
test_out_of_the_group (gconstpointer flags)
{
  static const guint8 gold[] = "\x01\x0c"
                               "carol@test\x19\x06gold";
  static const guint8 tin[] = "\x01\x0c"
                              "carol@test\x19\x05tin";
  Pair *pair = make (flags, "opensesame");
  TestDynamic answer;
  IkeTree *status;

  pair_assert_up (pair, NULL);
  test_service_dynamic (pair->b.engine, IKE_RADIUS_COA_REQUEST, gold, sizeof gold - 1, &answer);
  pair_run (pair, 2);
  g_assert_true (answer.is_there && answer.is_done);
  g_assert_null (account (2));
  test_service_dynamic (pair->b.engine, IKE_RADIUS_COA_REQUEST, tin, sizeof tin - 1, &answer);
  pair_run (pair, 2);
  g_assert_true (answer.is_there && answer.is_done);
  status = pair_status (&pair->a);
  g_assert_cmpuint (ike_tree_n (ike_tree_get (status, "sas")), ==, 0);
  ike_tree_free (status);
  g_assert_true (test_service_has_text (account (2), IKE_RADIUS_CLASS, "tin"));
  unmake (pair);
}

static void
assert_refused (Pair *pair, const char *reason)
{
  g_autofree char *error = pair_up (pair, NULL);
  IkeTree *explained;

  g_assert_nonnull (error);
  pair_run (pair, 5);
  explained = pair_explain (&pair->b);
  g_assert_nonnull (explained);
  if (!strstr (ike_tree_string (explained, "reason", ""), reason))
    g_error ("%s, not %s", ike_tree_string (explained, "reason", ""), reason);
  ike_tree_free (explained);
  g_assert_null (account (1));
}

static void
test_who_does_not_come_in (gconstpointer flags)
{
  Pair *pair = make (flags, "opensesam");

  assert_refused (pair, "first refused user \"carol@test\"");
  unmake (pair);
  pair = make (flags, "opensesame");
  is_gold = FALSE;
  assert_refused (pair, "gold");
  is_dead = TRUE;
  assert_refused (pair, "no RADIUS server answered in 20 s: first");
  unmake (pair);
}

/* A group without servers is a mistake of the configuration, not of each user. */
static void
test_group_without_servers (gconstpointer flags)
{
  PairOptions o = { .seed = 8,
                    .flags = GPOINTER_TO_UINT (flags),
                    .connection = { CLIENT, PROPOSALS "remote { auth = eap-radius\n radius_group = "
                                                      "nobody\n }\n children { net { } }\n" },
                    .plugins = plugins,
                    .builtin = builtin };
  Pair *pair;

  test_service_reset ();
  pair = pair_new (&o);
  g_assert_nonnull (strstr (pair->b.log->str, "no RADIUS server is in the group nobody"));
  unmake (pair);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  pair_add_test ("radius-eap", "from-identity-to-disconnect", test_all_of_it);
  pair_add_test ("radius-eap", "out-of-the-group-is-out", test_out_of_the_group);
  pair_add_test ("radius-eap", "who-does-not-come-in", test_who_does_not_come_in);
  pair_add_test ("radius-eap", "a-group-without-servers", test_group_without_servers);
  return g_test_run ();
}
