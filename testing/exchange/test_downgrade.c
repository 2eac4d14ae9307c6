/* SPDX-License-Identifier: Apache-2.0 */
/* test_downgrade.c - attack class N: whatever is taken out of the negotiation, or altered, on the
 * wire or by one of its ends, the result is what both want, or nothing. */
#include "exchange/certs.h"
#include "exchange/impaired.h"
#include "exchange/middle.h"

#define BOTH_STRENGTHS                                                                             \
  "proposals = aes256gcm16-prfsha256-x25519-modp2048, aes128gcm16-prfsha256-x25519-modp2048"

/* -- somebody on the path who changes IKE_SA_INIT, which is in the clear */

#define NAT_SOURCE IKE_N_NAT_DETECTION_SOURCE_IP
#define NAT_DESTINATION IKE_N_NAT_DETECTION_DESTINATION_IP
enum { FRAGMENTATION = 16430, HASHES = 16431, METHODS = 16443 };

/* The two end with nothing, whatever it takes them to see it, and the one that was to be deceived
 * never has a child in its kernel. */
static void
try_change (Pair *pair, const MiddleChange *change, gboolean of_response)
{
  Middle middle = { change, of_response, 0, g_byte_array_new () };
  g_autofree char *error = NULL;

  pair->a.net_ops->set_script (pair->a.net, middle_stand_between, &middle);
  error = pair_up (pair, "net");
  if (!middle.n_done || !error)
    g_error ("%s: changed %u times, %s\n-- a --\n%s-- b --\n%s", change->name, middle.n_done,
             error ? error : "it came up", pair->a.log->str, pair->b.log->str);
  pair->a.net_ops->set_script (pair->a.net, NULL, NULL);
  pair_run (pair, 300);
  assert_nothing (&pair->a);
  assert_nothing (&pair->b);
  g_assert_cmpuint (pair->a.kernel_ops->n_calls (pair->a.kernel, IKE_FAKE_INSTALL), ==, 0);
  if (!of_response)
    g_assert_cmpuint (pair->b.kernel_ops->n_calls (pair->b.kernel, IKE_FAKE_INSTALL), ==, 0);
  g_byte_array_unref (middle.message);
}

/* Key lengths of 256 bits read as 128; the group 31 as 14. */
#define WEAKER_KEY .bytes = "\x80\x0e\x01\x00", .instead = "\x80\x0e\x00\x80", .len = 4
#define OTHER_GROUP .bytes = "\x04\x00\x00\x1f", .instead = "\x04\x00\x00\x0e", .len = 4

static const MiddleChange of_both[] = {
  { "NAT_DETECTION_SOURCE_IP omitted", MIDDLE_OMIT, .notify = NAT_SOURCE },
  { "NAT_DETECTION_DESTINATION_IP omitted", MIDDLE_OMIT, .notify = NAT_DESTINATION },
  { "NAT_DETECTION_SOURCE_IP altered", MIDDLE_FLIP, .notify = NAT_SOURCE, .at = 9 },
  { "NAT_DETECTION_DESTINATION_IP altered", MIDDLE_FLIP, .notify = NAT_DESTINATION, .at = 9 },
  { "IKEV2_FRAGMENTATION_SUPPORTED omitted", MIDDLE_OMIT, .notify = FRAGMENTATION },
  { "SIGNATURE_HASH_ALGORITHMS omitted", MIDDLE_OMIT, .notify = HASHES },
  { "SIGNATURE_HASH_ALGORITHMS altered", MIDDLE_FLIP, .notify = HASHES, .at = 9 },
  { "the nonce altered", MIDDLE_FLIP, .payload = IKE_PAYLOAD_NONCE, .at = 20 },
  { "the key exchange altered", MIDDLE_FLIP, .payload = IKE_PAYLOAD_KE, .at = 20 },
  { "a shorter key", MIDDLE_REPLACE, WEAKER_KEY },
  { "a vendor ID added", MIDDLE_ADD, .payload = IKE_PAYLOAD_VENDOR, .bytes = "legacy", .len = 6 },
  { "an unknown status added", MIDDLE_ADD, .notify = 40000, .bytes = "1", .len = 1 },
  { "CHILDLESS_IKEV2_SUPPORTED added", MIDDLE_ADD, .notify = 16418 },
  { "REDIRECT_SUPPORTED added", MIDDLE_ADD, .notify = 16406 },
  { "INTERMEDIATE_EXCHANGE_SUPPORTED added", MIDDLE_ADD, .notify = 16438 },
  { "a reserved bit of a payload set", MIDDLE_FLIP, .payload = IKE_PAYLOAD_NONCE, .at = 1 },
  { "a reserved flag set", MIDDLE_HEADER, .at = 19, .len = 1 },
  { "another minor version", MIDDLE_HEADER, .at = 17, .len = 1 },
};

static const MiddleChange of_request[] = {
  { "another group offered", MIDDLE_REPLACE, OTHER_GROUP },
};

/* RFC 7296, 2.15: each AUTH covers the whole of its sender's message in IKE_SA_INIT, "starting with
 * the first octet of the first SPI in the header and ending with the last octet of the last
 * payload". */
static void
try_changes (gconstpointer flags, gboolean of_response, const MiddleChange *changes, guint n)
{
  const CertsCase c = { .name = "changed on the wire",
                        .files = { CERTS_A, CERTS_B },
                        .conf = { "retransmit_tries = 1", "retransmit_tries = 1" } };

  certs_usual ();
  for (guint i = 0; i < n; i++) {
    PairOptions o = { .flags = GPOINTER_TO_UINT (flags) };
    Pair *pair;
    pair = certs_pair_new (&c, flags, &o);
    try_change (pair, &changes[i], of_response);
    certs_pair_free (pair);
  }
}

static void
test_requests (gconstpointer flags)
{
  try_changes (flags, FALSE, of_both, G_N_ELEMENTS (of_both));
}

static void
test_responses (gconstpointer flags)
{
  try_changes (flags, TRUE, of_both, G_N_ELEMENTS (of_both));
}

/* With two strengths and two groups that both would take, the better ones are forced. */
static void
test_strength (gconstpointer flags)
{
  static const char body[] = BOTH_STRENGTHS "\n retransmit_tries = 1\n children { net { } }\n";
  guint i;

  for (i = 0; i < 4; i++) {
    PairOptions o = { .flags = GPOINTER_TO_UINT (flags), .connection = { body, body } };
    Pair *pair = pair_new (&o);
    g_autoptr (IkeTree) status = NULL;
    if (i < 3) {
      static const MiddleChange shorter = { "a shorter key", MIDDLE_REPLACE, WEAKER_KEY };
      try_change (pair, i < 2 ? &shorter : &of_request[0], i == 1);
    } else {
      pair_assert_up (pair, NULL);
      status = pair_status (&pair->a);
      g_assert_nonnull (strstr (
          ike_tree_string (ike_tree_nth (ike_tree_get (status, "sas"), 0), "proposal", ""), "256"));
    }
    pair_free (pair);
  }
}

/* Whoever takes out the one thing that is asked for, in whatever direction, gets nothing. */
static void
test_needed (gconstpointer flags)
{
  static const guint8 types[] = { IKE_PAYLOAD_SA, IKE_PAYLOAD_KE, IKE_PAYLOAD_NONCE };
  static const char body[] = "proposals = aes256gcm16-prfsha256-x25519\n retransmit_tries = 1\n"
                             "children { net { } }\n";

  for (guint i = 0; i < 2 * G_N_ELEMENTS (types); i++) {
    const MiddleChange change = { "a payload omitted", MIDDLE_OMIT, .payload = types[i / 2] };
    PairOptions o = { .flags = GPOINTER_TO_UINT (flags), .connection = { body, body } };
    Pair *pair = pair_new (&o);
    try_change (pair, &change, i % 2);
    pair_free (pair);
  }
}

/* -- ends that leave things out */

/* Of the four who can leave something of a message out: its sender, or who it is for. */
static char *
rule_of (guint i, const char *message, const char *what, gboolean *at_b)
{
  gboolean is_request = strcmp (message, "request") == 0, is_out = i == 0;

  *at_b = is_request != is_out;
  return g_strdup_printf ("omit %s message=%s %s", is_out ? "out" : "in", message, what);
}

typedef struct {
  const char *name, *what, *message;
  gboolean may_be_up;
} Case;

static void
assert_both_or_none (const Case *c, Pair *pair, const char *error)
{
  guint a = pair->a.kernel_ops->n_sas (pair->a.kernel);

  if (error && !c->may_be_up) {
    pair_run (pair, 300);
    if (a || pair->b.kernel_ops->n_sas (pair->b.kernel))
      g_error ("%s in the %s: a child is left, %s\n-- a --\n%s-- b --\n%s", c->name, c->message,
               error, pair->a.log->str, pair->b.log->str);
  } else if (error || !c->may_be_up)
    g_error ("%s in the %s: %s\n-- a --\n%s-- b --\n%s", c->name, c->message,
             error ? error : "it came up", pair->a.log->str, pair->b.log->str);
  else
    pair_assert_twins (pair);
}

static void
try_omission (const Case *c, const PairOptions *options, const CertsCase *certs,
              gconstpointer flags)
{
  for (guint i = 0; i < 2; i++) {
    gboolean at_b;
    g_autofree char *rule = rule_of (i, c->message, c->what, &at_b), *error = NULL;
    Pair *pair = certs ? certs_pair_new (certs, flags, options) : pair_new (options);
    PairEnd *end = at_b ? &pair->b : &pair->a;
    guint number = impair (end, rule);
    error = pair_up (pair, "net");
    if (!impaired (end, number, "hits"))
      g_error ("%s: %s was not there", c->name, rule);
    assert_both_or_none (c, pair, error);
    if (certs)
      certs_pair_free (pair);
    else
      pair_free (pair);
  }
}

/* What a CHILD_SA is to be like is what it is, or there is none; compression weakens nothing. */
static void
test_child_modes (gconstpointer flags)
{
  static const struct {
    const char *conf;
    Case c;
  } cases[] = {
    { "mode = transport", { "transport mode", "notify=USE_TRANSPORT_MODE", "request", FALSE } },
    { "mode = transport", { "transport mode", "notify=USE_TRANSPORT_MODE", "response", FALSE } },
    { "mode = beet", { "BEET", "notify=40961", "request", FALSE } },
    { "mode = beet", { "BEET", "notify=40961", "response", FALSE } },
    { "ipcomp = yes", { "compression", "notify=IPCOMP_SUPPORTED", "request", TRUE } },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *body = g_strdup_printf (
        "proposals = aes256gcm16-prfsha256-x25519\n children { net { %s\n } }\n", cases[i].conf);
    PairOptions o = impaired_options (flags, body, body);
    try_omission (&cases[i].c, &o, NULL, flags);
  }
}

/* IKE_AUTH without what it is made of is none. */
static void
test_auth_payloads (gconstpointer flags)
{
  static const Case cases[] = {
    { "AUTH", "exchange=IKE_AUTH payload=AUTH", "request", FALSE },
    { "AUTH", "exchange=IKE_AUTH payload=AUTH", "response", FALSE },
    { "IDi", "exchange=IKE_AUTH payload=IDi", "request", FALSE },
    { "IDr", "exchange=IKE_AUTH payload=IDr", "response", FALSE },
    { "SA", "exchange=IKE_AUTH payload=SA", "request", FALSE },
    { "TSi", "exchange=IKE_AUTH payload=TSi", "request", FALSE },
    { "TSr", "exchange=IKE_AUTH payload=TSr", "request", FALSE },
    { "TSi", "exchange=IKE_AUTH payload=TSi", "response", FALSE },
    { "SA", "exchange=IKE_AUTH payload=SA", "response", FALSE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    PairOptions o = impaired_options (flags, NULL, NULL);
    try_omission (&cases[i], &o, NULL, flags);
  }
}

/* Perfect forward secrecy that is asked for is there, or there is no child: neither end does
 * without because the other does not mention it. */
static void
test_pfs (gconstpointer flags)
{
  static const char body[][260] = {
    "proposals = aes256gcm16-prfsha256-x25519\n retransmit_tries = 1\n children {\n"
    "net { local_ts = 10.1.0.0/16\n remote_ts = 10.2.0.0/16\n }\n"
    "pfs { local_ts = 10.3.0.0/16\n remote_ts = 10.4.0.0/16\n"
    "esp_proposals = aes128-sha256-x25519\n } }\n",
    "proposals = aes256gcm16-prfsha256-x25519\n retransmit_tries = 1\n children {\n"
    "net { local_ts = 10.2.0.0/16\n remote_ts = 10.1.0.0/16\n }\n"
    "pfs { local_ts = 10.4.0.0/16\n remote_ts = 10.3.0.0/16\n"
    "esp_proposals = aes128-sha256-x25519\n } }\n"
  };
  static const char *const messages[] = { "request", "response" };

  for (guint i = 0; i < 4; i++) {
    PairOptions o = impaired_options (flags, body[0], body[1]);
    Pair *pair = pair_new (&o);
    gboolean at_b;
    g_autofree char *rule = rule_of (i % 2, messages[i / 2], "exchange=CREATE_CHILD_SA payload=KE",
                                     &at_b),
                    *error = NULL;
    guint number;
    pair_assert_up (pair, "net");
    number = impair (at_b ? &pair->b : &pair->a, rule);
    error = pair_up (pair, "pfs");
    g_assert_cmpuint (impaired (at_b ? &pair->b : &pair->a, number, "hits"), >, 0);
    if (!error)
      g_error ("%s: it came up", rule);
    pair_run (pair, 300);
    g_assert_cmpuint (pair->a.kernel_ops->n_sas (pair->a.kernel), <=, 2);
    g_assert_cmpuint (pair->b.kernel_ops->n_sas (pair->b.kernel), <=, 2);
    pair_assert_twins (pair);
    pair_free (pair);
  }
}

/* -- signatures */

static void
try_certs (gconstpointer flags, const Case *c, const char *conf_b)
{
  const CertsCase certs = { .name = c->name,
                            .files = { CERTS_A, CERTS_B },
                            .conf = { "", conf_b } };
  PairOptions o = impaired_options (flags, NULL, NULL);

  certs_usual ();
  o.connection[0] = o.connection[1] = NULL;
  try_omission (c, &o, &certs, flags);
}

/* RFC 7427, 4: without SIGNATURE_HASH_ALGORITHMS the older methods are left, with hashes of their
 * own; where the settings want another, nobody gets in. */
static void
test_hashes (gconstpointer flags)
{
  static const Case cases[] = {
    { "hashes", "notify=SIGNATURE_HASH_ALGORITHMS", "request", TRUE },
    { "hashes", "notify=SIGNATURE_HASH_ALGORITHMS", "response", TRUE },
    { "hashes that are needed", "notify=SIGNATURE_HASH_ALGORITHMS", "response", FALSE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    try_certs (flags, &cases[i], i < 2 ? "" : "remote { auth = ecdsa-256-sha512\n }\n");
}

/* Asked for or not, and announced or not: who comes up has proven who he is. */
static void
test_certificates (gconstpointer flags)
{
  static const struct {
    Case c;
    const char *conf_b;
  } cases[] = {
    { { "CERT", "exchange=IKE_AUTH payload=CERT", "request", FALSE }, "" },
    { { "CERT", "exchange=IKE_AUTH payload=CERT", "response", FALSE }, "" },
    { { "CERTREQ", "exchange=IKE_SA_INIT payload=CERTREQ", "response", FALSE }, "" },
    { { "CERTREQ", "exchange=IKE_AUTH payload=CERTREQ", "request", FALSE }, "" },
    { { "CERTREQ", "exchange=IKE_AUTH payload=CERTREQ", "request", TRUE }, "send_cert = always" },
    { { "methods", "exchange=IKE_SA_INIT notify=SUPPORTED_AUTH_METHODS", "response", TRUE }, "" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    try_certs (flags, &cases[i].c, cases[i].conf_b);
}

/* -- fragments */

/* Who does not hear that the other takes fragments cuts nothing. */
static void
test_fragmentation (gconstpointer flags)
{
  static const Case cases[] = {
    { "fragmentation", "notify=IKEV2_FRAGMENTATION_SUPPORTED", "request", TRUE },
    { "fragmentation", "notify=IKEV2_FRAGMENTATION_SUPPORTED", "response", TRUE },
  };
  static const char body[] = "proposals = aes256gcm16-prfsha256-x25519\n fragment_size = 576\n"
                             "children { net { } }\n";

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    PairOptions o = impaired_options (flags, body, body);
    try_omission (&cases[i], &o, NULL, flags);
  }
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  pair_add_test ("downgrade", "a-request-that-was-changed-on-the-wire-makes-no-sa", test_requests);
  pair_add_test ("downgrade", "nor-does-such-a-response", test_responses);
  pair_add_test ("downgrade", "the-weaker-of-two-is-not-forced-on-anybody", test_strength);
  pair_add_test ("downgrade", "without-a-payload-it-is-no-first-message", test_needed);
  pair_add_test ("downgrade", "a-mode-that-is-wanted-is-there-or-no-child", test_child_modes);
  pair_add_test ("downgrade", "without-a-payload-nobody-is-authenticated", test_auth_payloads);
  pair_add_test ("downgrade", "forward-secrecy-that-is-wanted-is-there-or-no-child", test_pfs);
  pair_add_test ("downgrade", "hashes-that-are-wanted-are-used", test_hashes);
  pair_add_test ("downgrade", "certificates-are-there-or-nobody-is-in", test_certificates);
  pair_add_test ("downgrade", "nothing-is-cut-for-who-did-not-say-so", test_fragmentation);
  status = g_test_run ();
  certs_clear ();
  return status;
}
