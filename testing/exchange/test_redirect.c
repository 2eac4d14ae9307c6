/* SPDX-License-Identifier: Apache-2.0 */
/* test_redirect.c - gateways send a client to each other (RFC 5685): at each of the three moments,
 * by each kind of identity, by each policy, in circles, and by command. */
#include "exchange/trio.h"
#include <ikebana/command.h>
#include <ikebana/redirect.h>
#include <string.h>

#define HOST_B "10.0.0.2"
#define HOST_C "10.0.0.3"
#define AT_AUTH "redirect = auth\n"

static void
add_host (Trio *trio, const char *name, const char *host)
{
  IkeAddr addr;

  g_assert_true (ike_addr_parse (&addr, host, NULL));
  trio->pair->a.net_ops->host_add_further (trio->pair->a.net, name, &addr);
}

static IkeTree *
command (PairEnd *end, const char *gateway, const char *key, const char *value, char **error)
{
  IkeTree *args = ike_tree_new_section ();

  ike_tree_set_string (args, "gateway", gateway);
  if (key && !value)
    ike_tree_set_bool (args, key, TRUE);
  else if (key && !strcmp (key, "id"))
    ike_tree_set_int (args, key, atoi (value));
  else if (key)
    ike_tree_set_string (args, key, value);
  return pair_command (end, "redirect", args, error);
}

static void
send_all (Trio *trio, const char *gateway)
{
  g_autoptr (IkeTree) result = command (&trio->pair->b, gateway, "all", NULL, NULL);

  g_assert_cmpint (ike_tree_int (result, "n", 0), ==, 1);
}

/* -- the three moments */

/* The data of a notify of a first message to @host; NULL: none. */
static const guint8 *
notify_to (Trio *trio, const char *host, guint16 type, gsize *len)
{
  IkePayload payloads[IKE_PAYLOADS_MAX];
  IkeVerdict verdict = { 0 };
  IkeNotify notify;
  IkeAddr addr;
  guint i, k, n;

  ike_addr_parse (&addr, host, NULL);
  for (i = 0; i < trio->forge->sent->len; i++) {
    const ForgePacket *packet = trio->forge->sent->pdata[i];
    if (packet->data[18] != 34 || !ike_addr_same_host (&packet->to, &addr)
        || !ike_payloads_read (packet->data[16], packet->data + IKE_HEADER_LEN,
                               packet->len - IKE_HEADER_LEN, 0, NULL, NULL, payloads,
                               IKE_PAYLOADS_MAX, &n, &verdict))
      continue;
    for (k = 0; k < n; k++)
      if (payloads[k].type == IKE_PAYLOAD_NOTIFY
          && ike_notify_read (&payloads[k], &notify, &verdict) && notify.type == type) {
        *len = notify.len;
        return notify.data;
      }
  }
  return NULL;
}

/* RFC 5685, 9.3: the new gateway hears who sent the client. */
static void
assert_from_b (Trio *trio)
{
  static const guint8 from_b[] = { 1, 4, 10, 0, 0, 2 };
  gsize len;
  const guint8 *from = notify_to (trio, HOST_C, 16408, &len);

  g_assert_nonnull (from);
  g_assert_cmpmem (from, len, from_b, sizeof from_b);
  g_assert_null (notify_to (trio, HOST_B, 16408, &len));
  g_assert_nonnull (notify_to (trio, HOST_B, 16406, &len));
}

/* Of the first gateway's answer nothing stays, at either end. */
static void
test_init (gconstpointer flags)
{
  Trio *trio = trio_new (flags, &(TrioOptions){ .b = TRIO_TO (HOST_C) });

  trio_assert_up (trio);
  trio_assert_at_c (trio);
  assert_from_b (trio);
  g_assert_cmpuint (pair_count (&trio->pair->b, "ike.established"), ==, 0);
  g_assert_cmpuint (pair_count (&trio->pair->b, "ike.failed"), ==, 0);
  g_assert_cmpuint (pair_count (&trio->pair->b, "redirect.sent"), ==, 1);
  g_assert_cmpuint (pair_count (&trio->pair->a, "redirect.followed"), ==, 1);
  g_assert_cmpuint (pair_count (&trio->pair->a, "ike.failed"), ==, 0);
  trio_free (trio);
}

static void
test_auth (gconstpointer flags)
{
  Trio *trio = trio_new (flags, &(TrioOptions){ .b = TRIO_TO (HOST_C), .conn_b = AT_AUTH });

  trio_assert_up (trio);
  trio_assert_at_c (trio);
  assert_from_b (trio);
  g_assert_cmpuint (pair_count (&trio->pair->b, "ike.established"), ==, 1);
  g_assert_cmpuint (pair_count (&trio->pair->b, "ike.closed"), ==, 1);
  g_assert_cmpuint (trio->pair->b.kernel_ops->n_calls (trio->pair->b.kernel, IKE_FAKE_INSTALL), ==,
                    0);
  trio_free (trio);
}

static void
test_told (gconstpointer flags)
{
  Trio *trio = trio_new (flags, &(TrioOptions){ 0 });

  trio_assert_up (trio);
  trio_assert_at_b (trio);
  send_all (trio, HOST_C);
  trio_assert_at_c (trio);
  assert_from_b (trio);
  trio_free (trio);
}

/* -- by name, and to another family */

static const char six[] =
    "connections { six { local_addrs = fd00::3\n remote_addrs = fd00::1\n"
    " proposals = aes256gcm16-prfsha256-x25519\n local { auth = psk\n id = b.test\n }\n"
    " remote { auth = psk\n id = a.test\n }\n children { net { local_ts = 10.2.0.0/16\n"
    " remote_ts = 10.1.0.0/16\n esp_proposals = aes256gcm16\n } } } }\n";
static const char both[] = "plugins { kernel-fake { addresses = 10.0.0.1, fd00::1\n } }\n";

/* @to at each of the three moments. */
static void
check_identity (gconstpointer flags, const char *to)
{
  g_autofree char *policy = g_strdup_printf (TRIO_TO ("%s"), to);
  const char *const connections[] = { "redirect = init\n", AT_AUTH, "redirect = no\n" };
  guint i;

  for (i = 0; i < 3; i++) {
    Trio *trio = trio_new (
        flags, &(TrioOptions){ .a = both, .b = policy, .c = six, .conn_b = connections[i] });
    /* We are at the first of them already. */
    add_host (trio, "c.test", HOST_B);
    add_host (trio, "c.test", "127.0.0.1");
    add_host (trio, "c.test", HOST_C);
    add_host (trio, "six.test", "fd00::3");
    trio_assert_up (trio);
    if (i == 2) {
      trio_assert_at_b (trio);
      send_all (trio, to);
    }
    trio_assert_at_c (trio);
    trio_free (trio);
  }
}

static void
test_name (gconstpointer flags)
{
  check_identity (flags, "c.test");
}

static void
test_six (gconstpointer flags)
{
  check_identity (flags, "fd00::3");
  check_identity (flags, "six.test");
}

/* A name that nobody knows: in IKE_SA_INIT as if it had not come, later with a sentence. */
static void
test_unknown_name (gconstpointer flags)
{
  Trio *trio = trio_new (flags, &(TrioOptions){ .b = TRIO_TO ("nobody.test") });
  g_autofree char *error = pair_up (trio->pair, NULL);

  g_assert_nonnull (strstr (error, "nobody.test"));
  g_assert_cmpuint (trio_n_sas (&trio->pair->a), ==, 0);
  g_clear_pointer (&error, g_free);
  trio_free (trio);
  trio = trio_new (flags, &(TrioOptions){ .b = TRIO_TO ("nobody.test"), .conn_b = AT_AUTH });
  error = pair_up (trio->pair, NULL);
  g_assert_nonnull (strstr (error, "nobody.test"));
  pair_run (trio->pair, 5);
  g_assert_cmpuint (trio_n_sas (&trio->pair->a), ==, 0);
  g_assert_cmpuint (trio_n_sas (&trio->pair->b), ==, 0);
  trio_free (trio);
  trio = trio_new (flags, &(TrioOptions){ 0 });
  trio_assert_up (trio);
  send_all (trio, "nobody.test");
  trio_assert_at_b (trio);
  trio_free (trio);
}

/* -- circles */

/* RFC 5685, 7: "The default value for the MAX_REDIRECTS configuration variable is 5." */
static void
check_circle (gconstpointer flags, const char *conn)
{
  Trio *trio = trio_new (flags, &(TrioOptions){ .b = TRIO_TO ("c.test"),
                                                .c = TRIO_TO ("b.test"),
                                                .conn_b = conn,
                                                .conn_c = conn });
  g_autofree char *error = NULL;

  add_host (trio, "b.test", HOST_B);
  add_host (trio, "c.test", HOST_C);
  error = pair_up (trio->pair, NULL);
  g_assert_nonnull (strstr (error, "too often"));
  pair_run (trio->pair, 5);
  g_assert_cmpuint (pair_count (&trio->pair->a, "redirect.followed"), ==, 5);
  g_assert_cmpuint (trio_n_sas (&trio->pair->a), ==, 0);
  g_assert_cmpuint (trio_n_sas (&trio->pair->b), ==, 0);
  g_assert_cmpuint (trio_n_sas (&trio->c), ==, 0);
  trio_free (trio);
}

static void
test_circle (gconstpointer flags)
{
  check_circle (flags, "redirect = init\n");
  check_circle (flags, AT_AUTH);
}

/* Told again and again: after `max_redirects` it stays, and goes on when time has passed. */
static void
test_told_often (gconstpointer flags)
{
  Trio *trio = trio_new (flags, &(TrioOptions){ 0 });
  guint i;

  trio_assert_up (trio);
  for (i = 0; i < 6; i++) {
    PairEnd *here = i % 2 ? &trio->c : &trio->pair->b;
    ike_tree_free (command (here, i % 2 ? HOST_B : HOST_C, "all", NULL, NULL));
    pair_run (trio->pair, 5);
  }
  g_assert_cmpuint (pair_count (&trio->pair->a, "redirect.followed"), ==, 5);
  trio_assert_at_c (trio);
  pair_run (trio->pair, 20);
  trio_free (trio);
  trio = trio_new (flags, &(TrioOptions){ .a = "plugins { redirect { max_redirects = 1\n"
                                               " loop_period = 20s\n } }\n" });
  trio_assert_up (trio);
  send_all (trio, HOST_C);
  trio_assert_at_c (trio);
  pair_run (trio->pair, 20);
  ike_tree_free (command (&trio->c, HOST_B, "all", NULL, NULL));
  trio_assert_at_b (trio);
  trio_free (trio);
}

/* A gateway sends nobody to itself, nor back to where he comes from. */
static void
test_not_there (gconstpointer flags)
{
  Trio *trio = trio_new (flags, &(TrioOptions){ .b = TRIO_TO (HOST_B) });

  trio_assert_up (trio);
  trio_assert_at_b (trio);
  g_assert_cmpuint (pair_count (&trio->pair->b, "redirect.sent"), ==, 0);
  trio_free (trio);
  trio = trio_new (flags, &(TrioOptions){ .b = TRIO_TO ("b.test") "plugins { redirect { own_names "
                                                                  "= a.b, B.test\n } }\n" });
  trio_assert_up (trio);
  trio_assert_at_b (trio);
  g_assert_cmpuint (pair_count (&trio->pair->b, "redirect.sent"), ==, 0);
  trio_free (trio);
  trio = trio_new (flags, &(TrioOptions){ .b = TRIO_TO (HOST_C), .c = TRIO_TO (HOST_B) });
  trio_assert_up (trio);
  trio_assert_at_c (trio);
  g_assert_cmpuint (pair_count (&trio->c, "redirect.sent"), ==, 0);
  trio_free (trio);
}

/* -- who does not want it */

static void
check_stays (gconstpointer flags, const TrioOptions *options)
{
  Trio *trio = trio_new (flags, options);
  g_autofree char *error = NULL;
  gsize len;

  trio_assert_up (trio);
  trio_assert_at_b (trio);
  g_assert_null (notify_to (trio, HOST_B, 16406, &len));
  g_assert_cmpuint (pair_count (&trio->pair->b, "redirect.sent"), ==, 0);
  command (&trio->pair->b, HOST_C, "all", NULL, &error);
  g_assert_nonnull (strstr (error, "can be sent elsewhere"));
  trio_assert_at_b (trio);
  trio_free (trio);
}

/* RFC 5685, 3: "If the IKE_SA_INIT request did not indicate support for the redirect mechanism, the
 * responder MUST NOT send the REDIRECT payload to the VPN client." */
static void
test_unable (gconstpointer flags)
{
  static const char off[] = "plugins { redirect { load = no\n } }\n";
  Trio *trio;

  check_stays (flags, &(TrioOptions){ .a = off, .b = TRIO_TO (HOST_C) });
  check_stays (flags, &(TrioOptions){ .b = TRIO_TO (HOST_C), .conn_a = "follow_redirects = no\n" });
  trio = trio_new (flags, &(TrioOptions){ .b = off });
  trio_assert_up (trio);
  trio_assert_at_b (trio);
  trio_free (trio);
  trio = trio_new (flags, &(TrioOptions){ .b = TRIO_TO (HOST_C), .conn_b = "redirect = no\n" });
  trio_assert_up (trio);
  trio_assert_at_b (trio);
  trio_free (trio);
}

/* RFC 5685, 3: the client "MUST use the same Peer Authorization Database (PAD) ... entries as it
 * would have used with the original gateway": a name in REDIRECT is no identity. */
static void
test_identity (gconstpointer flags)
{
  Trio *trio = trio_new (flags, &(TrioOptions){ .b = TRIO_TO ("c.test"),
                                                .conn_a = "remote { id = *.example\n }\n",
                                                .conn_c = "local { id = c.test\n }\n" });
  g_autofree char *error = NULL;

  add_host (trio, "c.test", HOST_C);
  error = pair_up (trio->pair, NULL);
  g_assert_nonnull (strstr (error, "it says to be c.test, connection pair wants *.example"));
  pair_run (trio->pair, 5);
  g_assert_cmpuint (trio_n_sas (&trio->pair->a), ==, 0);
  g_assert_cmpuint (trio_n_sas (&trio->c), ==, 0);
  trio_free (trio);
}

/* -- policies */

static const char again[] =
    "connections { again { local_addrs = 10.0.0.1\n remote_addrs = 10.0.0.2\n"
    " proposals = aes256gcm16-prfsha256-x25519\n local { auth = psk\n id = a.test\n }\n"
    " remote { auth = psk\n id = b.test\n }\n children { again { local_ts = 10.1.0.0/16\n"
    " remote_ts = 10.2.0.0/16\n esp_proposals = aes256gcm16\n } } } }\n";

static void
assert_n (Trio *trio, guint at_b, guint at_c)
{
  pair_run (trio->pair, 5);
  g_assert_cmpuint (trio_n_sas (&trio->pair->b), ==, at_b);
  g_assert_cmpuint (trio_n_sas (&trio->c), ==, at_c);
}

static void
up_again (Trio *trio)
{
  g_autofree char *error = pair_up_of (trio->pair, &trio->pair->a, "again", NULL);

  g_assert_cmpstr (error, ==, NULL);
}

/* Who stays at the first message is not asked again when it has authenticated. */
static void
test_in_turn (gconstpointer flags)
{
  Trio *trio = trio_new (flags, &(TrioOptions){ .a = again,
                                                .b = "plugins { redirect { policy = round-robin\n"
                                                     " gateways = 10.0.0.3, 10.0.0.2\n } }\n" });

  trio_assert_up (trio);
  assert_n (trio, 0, 1);
  up_again (trio);
  assert_n (trio, 1, 1);
  trio_free (trio);
}

/* The first one stays, for there is room. */
static void
test_limit (gconstpointer flags)
{
  Trio *trio = trio_new (
      flags,
      &(TrioOptions){ .a = again, .b = TRIO_TO (HOST_C) "plugins { redirect { limit = 1\n } }\n" });

  trio_assert_up (trio);
  assert_n (trio, 1, 0);
  up_again (trio);
  assert_n (trio, 1, 1);
  trio_free (trio);
}

static void
tell_load (Trio *trio, const char *gateway, guint load, char **error)
{
  IkeTree *args = ike_tree_new_section ();
  g_autoptr (IkeTree) result = NULL;

  ike_tree_set_string (args, "gateway", gateway);
  ike_tree_set_int (args, "load", load);
  result = pair_command (&trio->pair->b, "redirect-load", args, error);
  g_assert_true (!result || !ike_tree_get (result, "note"));
}

static void
check_load (gconstpointer flags, gint64 load, guint at_b)
{
  Trio *trio = trio_new (flags, &(TrioOptions){ .a = again,
                                                .b = "plugins { redirect { policy = least-loaded\n"
                                                     " gateways = 10.0.0.3, far.test\n } }\n" });
  g_autofree char *error = NULL;

  tell_load (trio, HOST_B, 1, &error);
  g_assert_nonnull (strstr (error, "not-found"));
  trio_assert_up (trio);
  assert_n (trio, 1, 0);
  if (load >= 0)
    tell_load (trio, HOST_C, (guint) load, NULL);
  up_again (trio);
  assert_n (trio, at_b, 2 - at_b);
  trio_free (trio);
}

/* Where nobody told of a load, nobody is sent; nor where it is no less. */
static void
test_least_loaded (gconstpointer flags)
{
  check_load (flags, -1, 2);
  check_load (flags, 1, 2);
  check_load (flags, 0, 1);
}

/* Another plugin's: only who has proven to be a.test. */
static gboolean
choose (IkePlugin *self, const IkeRedirectQuery *query, char to[IKE_REDIRECT_NAME_SIZE])
{
  char text[64];

  g_assert_cmpint (query->conn != NULL, ==, query->user != NULL);
  g_assert_cmpuint (query->remote->bytes[3], ==, 1);
  if (!query->user || strcmp (ike_ident_format (query->user, text, sizeof text), "a.test") != 0)
    return FALSE;
  g_strlcpy (to, HOST_C, IKE_REDIRECT_NAME_SIZE);
  return TRUE;
}

static const IkeRedirectPolicyClass user_class = { sizeof user_class, choose };
static const IkeFeature user_feature = { .struct_size = sizeof (IkeFeature),
                                         .provides = "redirect-policy:user",
                                         .ops = &user_class };
static const IkeFeature *const user_features[] = { &user_feature, NULL };
static const IkePluginInfo user_plugin = {
  .struct_size = sizeof (IkePluginInfo),
  .abi_major = IKE_ABI_MAJOR,
  .abi_minor = IKE_ABI_MINOR,
  .name = "user-policy",
  .version = "1",
  .license = "Apache-2.0",
  .summary = "sends users elsewhere, for tests",
  .features = user_features,
};
static const IkePluginInfo *const user_builtin[] = { &user_plugin, NULL };

static void
test_user_policy (gconstpointer flags)
{
  Trio *trio = trio_new (flags, &(TrioOptions){ .b = "plugins { redirect { policy = user\n } }\n",
                                                .builtin = user_builtin });

  trio_assert_up (trio);
  trio_assert_at_c (trio);
  g_assert_cmpuint (pair_count (&trio->pair->b, "ike.established"), ==, 1);
  trio_free (trio);
}

/* What is written wrong is said, and nobody is sent anywhere. */
static void
test_misconfigured (gconstpointer flags)
{
  static const struct {
    const char *settings, *sentence;
  } rows[] = {
    { "plugins { redirect { policy = moon\n } }\n", "policy = moon" },
    { TRIO_TO ("a..b/c"), "a gateway is an IPv4 or IPv6 address or a host name" },
    { TRIO_TO ("0.0.0.0"), "a gateway is one address" },
    { "plugins { redirect { policy = list\n } }\n", "sends nobody anywhere without" },
    { TRIO_TO ("192.0.2.300"), "digits and dots make no host name" },
  };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (rows); i++) {
    Trio *trio = trio_new (flags, &(TrioOptions){ .b = rows[i].settings });
    g_autofree char *why = ike_plugin_explain (trio->pair->b.engine, "redirect");
    g_assert_nonnull (strstr (why, rows[i].sentence));
    trio_assert_up (trio);
    trio_assert_at_b (trio);
    trio_free (trio);
  }
}

/* What is without effect, or is cut, is said. */
static void
test_without_effect (gconstpointer flags)
{
  Trio *trio = trio_new (flags, &(TrioOptions){ .b = "plugins { redirect { gateways = 10.0.0.3\n"
                                                     " max_redirects = 99\n } }\n",
                                                .c = TRIO_TO (HOST_B) });
  const char *log = trio->pair->b.log->str;
  IkeTree *args = ike_tree_new_section ();
  g_autoptr (IkeTree) result = NULL;

  g_assert_nonnull (strstr (log, "gateways has no effect without plugins.redirect.policy"));
  g_assert_nonnull (strstr (log, "max_redirects = 99: 16 is the most"));
  g_assert_null (strstr (trio->c.log->str, "has no effect"));
  ike_tree_set_string (args, "gateway", HOST_C);
  ike_tree_set_int (args, "load", 1);
  result = pair_command (&trio->pair->b, "redirect-load", args, NULL);
  g_assert_nonnull (strstr (ike_tree_string (result, "note", ""), "no effect now"));
  trio_free (trio);
}

/* -- EAP */

static const char eap_a[] = "local { auth = eap-md5\n id = a.test\n eap_id = bob\n }\n";
static const char eap_b[] = "remote { auth = eap-md5\n id = a.test\n eap_id = %any\n }\n";
static const char bob[] = "secrets { eap-bob { id = bob\n secret = let-me-in\n } }\n";
static const char *const eap_plugins[] = { "eap", "eap-md5", "eap-identity", NULL };

/* RFC 5685, 6: "the gateway MUST send the REDIRECT Notify payload in either the first or the last
 * IKE_AUTH response." */
static void
test_eap (gconstpointer flags)
{
  g_autofree char *b = g_strconcat (bob, TRIO_TO (HOST_C), NULL),
                  *conn_b = g_strconcat (AT_AUTH, eap_b, NULL);
  Trio *trio = trio_new (flags, &(TrioOptions){ .a = bob,
                                                .b = b,
                                                .c = bob,
                                                .conn_a = eap_a,
                                                .conn_b = conn_b,
                                                .conn_c = eap_b,
                                                .plugins = eap_plugins });

  trio_assert_up (trio);
  trio_assert_at_c (trio);
  g_assert_cmpuint (pair_count (&trio->pair->b, "redirect.sent"), ==, 1);
  g_assert_cmpuint (pair_count (&trio->pair->b, "ike.established"), ==, 1);
  trio_free (trio);
}

/* -- the command */

static void
check_command (Trio *trio, const char *gateway, const char *key, const char *value,
               const char *sentence)
{
  g_autofree char *error = NULL;
  g_autoptr (IkeTree) result = command (&trio->pair->b, gateway, key, value, &error);

  if (!sentence)
    g_assert_cmpstr (error, ==, NULL);
  else
    g_assert_nonnull (strstr (error, sentence));
}

static void
test_command (gconstpointer flags)
{
  static const char *const right[][2] = {
    { "connection", "pair" }, { "id", "1" }, { "user", "a.test" }, { "user", "*.test" }
  };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (right); i++) {
    Trio *trio = trio_new (
        flags,
        &(TrioOptions){ .b = "plugins { redirect { own_names = far.b.test\n grace = 5s\n } }\n" });
    check_command (trio, HOST_C, "all", NULL, "not-found");
    trio_assert_up (trio);
    check_command (trio, HOST_C, NULL, NULL, "which clients?");
    check_command (trio, "%any", "all", NULL, "a gateway is one address");
    check_command (trio, "a b", "all", NULL, "a gateway is");
    check_command (trio, "192.0.2.300", "all", NULL, "digits and dots make no host name");
    check_command (trio, HOST_B, "all", NULL, "that is this gateway");
    check_command (trio, "far.B.test", "all", NULL, "that is this gateway");
    check_command (trio, HOST_C, "connection", "other", "not-found");
    check_command (trio, HOST_C, "id", "77", "not-found");
    check_command (trio, HOST_C, "user", "b.test", "not-found");
    /* Who was not sent is not closed for staying. */
    pair_run (trio->pair, 10);
    trio_assert_at_b (trio);
    check_command (trio, HOST_C, right[i][0], right[i][1], NULL);
    trio_assert_at_c (trio);
    trio_free (trio);
  }
}

/* RFC 5685, 10: "only the original responder can redirect the original initiator", whoever
 * replaced the IKE SA meanwhile. */
static void
check_rekeyed (gconstpointer flags, gboolean by_client)
{
  Trio *trio = trio_new (flags, &(TrioOptions){ 0 });
  IkeTree *args = ike_tree_new_section ();
  g_autofree char *error = NULL;

  trio_assert_up (trio);
  ike_tree_set_string (args, "name", "pair");
  ike_tree_free (pair_command (by_client ? &trio->pair->a : &trio->pair->b, "rekey", args, NULL));
  trio_assert_at_b (trio);
  ike_tree_free (command (&trio->pair->a, HOST_C, "all", NULL, &error));
  g_assert_nonnull (strstr (error, "can be sent elsewhere"));
  send_all (trio, HOST_C);
  trio_assert_at_c (trio);
  trio_free (trio);
}

static void
test_rekeyed (gconstpointer flags)
{
  check_rekeyed (flags, FALSE);
  check_rekeyed (flags, TRUE);
}

/* Nobody is there: the client keeps what it has, until the gateway closes it. */
static void
test_grace (gconstpointer flags)
{
  Trio *trio = trio_new (flags, &(TrioOptions){ .b = "plugins { redirect { grace = 300s\n } }\n" });

  trio_assert_up (trio);
  send_all (trio, "10.0.0.77");
  g_assert_nonnull (strstr (trio->pair->b.log->str, "the client is sent to 10.0.0.77"));
  pair_run (trio->pair, 250);
  trio_assert_at_b (trio);
  pair_run (trio->pair, 60);
  g_assert_nonnull (strstr (trio->pair->b.log->str,
                            "IKE SA ends: its client was sent to 10.0.0.77, and is still here"));
  g_assert_cmpuint (trio_n_sas (&trio->pair->a), ==, 0);
  g_assert_cmpuint (trio_n_sas (&trio->pair->b), ==, 0);
  trio_free (trio);
}

/* -- who is sent where nobody is */

#define QUICK "retransmit_timeout = 1\n retransmit_base = 2\n retransmit_tries = 2\n"

/* The next of remote_addrs is tried; where there is none, people hear who sent us there. */
static void
check_dead (gconstpointer flags, const char *conn_b)
{
  Trio *trio =
      trio_new (flags, &(TrioOptions){ .b = TRIO_TO ("10.0.0.77"),
                                       .conn_b = conn_b,
                                       .conn_a = QUICK "remote_addrs = 10.0.0.2, 10.0.0.3\n" });
  g_autoptr (IkeTree) record = NULL;
  g_autofree char *error = NULL;

  trio_assert_up (trio);
  trio_assert_at_c (trio);
  trio_free (trio);
  trio = trio_new (flags,
                   &(TrioOptions){ .b = TRIO_TO ("10.0.0.77"), .conn_b = conn_b, .conn_a = QUICK });
  error = pair_up (trio->pair, NULL);
  g_assert_nonnull (strstr (error, "no answer from 10.0.0.77:500 (sent there by 10.0.0.2)"));
  record = pair_explain (&trio->pair->a);
  g_assert_nonnull (strstr (ike_tree_string (record, "reason", ""), "(sent there by 10.0.0.2)"));
  trio_free (trio);
}

static void
test_dead (gconstpointer flags)
{
  check_dead (flags, "redirect = init\n");
  check_dead (flags, AT_AUTH);
}

/* Of an SA that is up: it stays, and what is said is what happens. */
static void
test_dead_told (gconstpointer flags)
{
  Trio *trio = trio_new (flags, &(TrioOptions){ .conn_a = QUICK });

  trio_assert_up (trio);
  send_all (trio, "10.0.0.77");
  send_all (trio, HOST_C);
  pair_run (trio->pair, 10);
  trio_assert_at_b (trio);
  g_assert_nonnull (strstr (trio->pair->a.log->str, "it begins anew elsewhere already"));
  g_assert_nonnull (strstr (trio->pair->a.log->str, "could not begin anew elsewhere, and stays: no "
                                                    "answer from 10.0.0.77:500 (sent there by"));
  g_assert_null (strstr (trio->pair->a.log->str, "authenticated anew"));
  trio_free (trio);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  pair_add_test ("redirect", "at-the-first-message", test_init);
  pair_add_test ("redirect", "after-authentication", test_auth);
  pair_add_test ("redirect", "by-command", test_told);
  pair_add_test ("redirect", "to-a-name", test_name);
  pair_add_test ("redirect", "to-the-other-family", test_six);
  pair_add_test ("redirect", "to-a-name-that-nobody-knows", test_unknown_name);
  pair_add_test ("redirect", "in-circles", test_circle);
  pair_add_test ("redirect", "told-too-often", test_told_often);
  pair_add_test ("redirect", "not-to-itself-and-not-back", test_not_there);
  pair_add_test ("redirect", "not-who-did-not-say-so", test_unable);
  pair_add_test ("redirect", "the-identity-stays-the-same", test_identity);
  pair_add_test ("redirect", "policy/round-robin", test_in_turn);
  pair_add_test ("redirect", "policy/limit", test_limit);
  pair_add_test ("redirect", "policy/least-loaded", test_least_loaded);
  pair_add_test ("redirect", "policy/of-another-plugin", test_user_policy);
  pair_add_test ("redirect", "policy/misconfigured", test_misconfigured);
  pair_add_test ("redirect", "policy/without-effect", test_without_effect);
  pair_add_test ("redirect", "with-eap", test_eap);
  pair_add_test ("redirect", "whom-the-command-means", test_command);
  pair_add_test ("redirect", "of-a-rekeyed-sa", test_rekeyed);
  pair_add_test ("redirect", "nobody-is-there", test_grace);
  pair_add_test ("redirect", "where-nobody-answers", test_dead);
  pair_add_test ("redirect", "where-nobody-answers-while-it-is-up", test_dead_told);
  return g_test_run ();
}
