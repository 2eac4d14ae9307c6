/* SPDX-License-Identifier: Apache-2.0 */
/* test_eap.c - authentication by EAP in IKE_AUTH (RFC 7296, 2.16), by EAP alone (RFC 5998), and in
 * several rounds (RFC 4739). */
#include "exchange/certs.h"
#include <ikebana/eap.h>
#include <string.h>

/* -- a method for tests: one request, one answer, the same key at both ends unless told to lie.
 * `eap-fake` proves both ends; `eap-meek` only the peer. */

enum { TYPE_FAKE = 201, TYPE_MEEK = 202 };

static struct {
  gboolean other_key, short_key, no_key; /* of the server's */
  gboolean early_success;                /* the server says so at once */
  gboolean mute;                         /* it never answers */
  gboolean peer_fails;                   /* with a last word, which the server fails upon */
  const char *warning;                   /* of the server's first request: why it will fail */
  const char *group, *user;
} fake;

typedef struct {
  guint8 type;
  gboolean is_asked, is_ended;
  IkeCall *waiting;
} Fake;

static IkeEapStep *
step_of (guint8 outcome, guint8 code, guint8 identifier, guint8 type)
{
  IkeEapStep *step = g_new0 (IkeEapStep, 1);

  step->outcome = outcome;
  step->len = type ? 5 : 4;
  step->packet = g_malloc0 (step->len);
  step->packet[0] = code;
  step->packet[1] = identifier;
  step->packet[3] = (guint8) step->len;
  if (type)
    step->packet[4] = type;
  return step;
}

static gpointer
begin (guint8 type)
{
  Fake *self = g_new0 (Fake, 1);

  self->type = type;
  return self;
}

static gpointer
fake_begin (IkePlugin *plugin, const IkeEapContext *context, char **why)
{
  return begin (TYPE_FAKE);
}

static gpointer
meek_begin (IkePlugin *plugin, const IkeEapContext *context, char **why)
{
  return begin (TYPE_MEEK);
}

static void
fake_end (gpointer state)
{
  Fake *self = state;

  if (self->waiting)
    ike_call_fail (self->waiting, "told to end");
  g_free (self);
}

static void
server_step (gpointer state, IkeCall *call, const guint8 *packet, gsize len, guint8 identifier)
{
  static const guint8 key[64] = { 1, 2, 3 }, other[64] = { 9 };
  static char *groups[] = { NULL, NULL };
  Fake *self = state;
  IkeEapStep *step;

  if (fake.mute) {
    self->waiting = call;
    return;
  }
  if (!self->is_asked && !fake.early_success) {
    self->is_asked = TRUE;
    step = step_of (IKE_EAP_MORE, 1, identifier, self->type);
    step->reason = g_strdup (fake.warning);
    ike_call_answer (call, step);
    return;
  }
  if (fake.peer_fails || fake.warning) {
    step = g_new0 (IkeEapStep, 1);
    step->outcome = IKE_EAP_FAILED;
    step->reason = g_strdup (fake.warning ? fake.warning : "its peer has had enough");
    ike_call_answer (call, step);
    return;
  }
  step = g_new0 (IkeEapStep, 1);
  step->outcome = IKE_EAP_DONE;
  if (!fake.no_key)
    step->msk = ike_secret_blob_new (fake.other_key ? other : key, fake.short_key ? 63 : 64);
  if (fake.user)
    step->identity = ike_ident_parse (fake.user, NULL);
  groups[0] = (char *) fake.group;
  step->groups = fake.group ? g_strdupv (groups) : NULL;
  ike_call_answer (call, step);
}

static void
peer_step (gpointer state, IkeCall *call, const guint8 *packet, gsize len, guint8 identifier)
{
  static const guint8 key[64] = { 1, 2, 3 };
  Fake *self = state;
  IkeEapStep *step = step_of (IKE_EAP_DONE, 2, identifier, self->type);

  if (fake.peer_fails) {
    step->outcome = IKE_EAP_FAILED;
    step->reason = g_strdup ("this is not what we came for");
  } else if (!fake.no_key)
    step->msk = ike_secret_blob_new (key, sizeof key);
  ike_call_answer (call, step);
}

#define METHOD(symbol, kind, type_, begin_, step_, flags_)                                         \
  static const IkeEapClass symbol##_class = { .struct_size = sizeof (IkeEapClass),                 \
                                              .type = type_,                                       \
                                              .flags = flags_,                                     \
                                              .begin = begin_,                                     \
                                              .step = step_,                                       \
                                              .end = fake_end };                                   \
  static const IkeFeature symbol##_feature = { .struct_size = sizeof (IkeFeature),                 \
                                               .provides = kind,                                   \
                                               .ops = &symbol##_class }

METHOD (fake_server, "eap-server:fake", TYPE_FAKE, fake_begin, server_step,
        IKE_EAP_MAKES_MSK | IKE_EAP_IS_MUTUAL);
METHOD (fake_peer, "eap-peer:fake", TYPE_FAKE, fake_begin, peer_step,
        IKE_EAP_MAKES_MSK | IKE_EAP_IS_MUTUAL);
METHOD (meek_server, "eap-server:meek", TYPE_MEEK, meek_begin, server_step, IKE_EAP_MAKES_MSK);
METHOD (meek_peer, "eap-peer:meek", TYPE_MEEK, meek_begin, peer_step, IKE_EAP_MAKES_MSK);

static const IkeFeature *const features[] = { &fake_server_feature, &fake_peer_feature,
                                              &meek_server_feature, &meek_peer_feature, NULL };

static const IkePluginInfo fake_plugin = {
  .struct_size = sizeof (IkePluginInfo),
  .abi_major = IKE_ABI_MAJOR,
  .abi_minor = IKE_ABI_MINOR,
  .name = "eap-fake",
  .version = "1",
  .license = "Apache-2.0",
  .summary = "EAP methods of tests",
  .features = features,
};

/* -- cases */

static const char *const plugins[] = {
  "eap", "eap-identity", "eap-md5", "eap-gtc", "eap-fake", NULL
};
static const IkePluginInfo *const builtin[] = { &fake_plugin, NULL };

#define USERS                                                                                      \
  "secrets { eap-alice { id = alice\n secret = wonderland\n }\n"                                   \
  "  eap-a { id = a.test\n secret = of-a\n }\n }\n"
#define WRONG_USERS "secrets { eap-alice { id = alice\n secret = looking-glass\n }\n }\n"
#define CLIENT_AND_GATEWAY                                                                         \
  {                                                                                                \
    "x509ca/root.pem", CERTS_B                                                                     \
  }

static void
run_with (const CertsCase *c, gconstpointer flags, const char *users_of_a)
{
  PairOptions o = {
    .seed = 7, .plugins = plugins, .builtin = builtin, .more = { users_of_a, USERS }
  };

  certs_usual ();
  certs_case_run (c, flags, &o);
}

static void
run (const CertsCase *c, gconstpointer flags)
{
  run_with (c, flags, USERS);
}

static void
run_all (const CertsCase *cases, guint n, gconstpointer flags)
{
  for (guint i = 0; i < n; i++)
    run (&cases[i], flags);
}

static void
test_it_comes_up (gconstpointer flags)
{
  static const CertsCase cases[] = {
    { "by its identity",
      CLIENT_AND_GATEWAY,
      { "local { auth = eap-md5\n }\n", "remote { auth = eap-md5\n }\n" } },
    { "by a name that it is asked for",
      CLIENT_AND_GATEWAY,
      { "local { auth = eap-md5\n eap_id = alice\n }\n",
        "remote { auth = eap-md5\n eap_id = %any\n }\n" } },
    { "whatever the gateway wants",
      CLIENT_AND_GATEWAY,
      { "local { auth = eap\n eap_id = alice\n }\n",
        "remote { auth = eap-md5\n eap_id = %any\n }\n" } },
    { "a password in the clear, to a gateway that is known",
      CLIENT_AND_GATEWAY,
      { "local { auth = eap-gtc\n eap_id = alice\n }\n",
        "remote { auth = eap-gtc\n eap_id = %any\n }\n" } },
    { "a method that makes a key",
      CLIENT_AND_GATEWAY,
      { "local { auth = eap-fake\n }\n", "remote { auth = eap-fake\n }\n" } },
    { "a name that fits a pattern",
      CLIENT_AND_GATEWAY,
      { "local { auth = eap-fake\n eap_id = bob@b.test\n }\n",
        "remote { auth = eap-fake\n eap_id = *@b.test\n }\n" } },
    { "the gateway by a shared key",
      { NULL, NULL },
      { "local { auth = eap-md5\n }\n remote { auth = psk\n }\n",
        "remote { auth = eap-md5\n }\n local { auth = psk\n }\n" } },
    { "transport mode, asked for in the first request and answered in the last",
      CLIENT_AND_GATEWAY,
      { "local { auth = eap-fake\n }\n children { net { mode = transport\n local_ts = dynamic\n "
        "remote_ts = dynamic\n } }\n",
        "remote { auth = eap-fake\n }\n children { net { mode = transport\n local_ts = dynamic\n "
        "remote_ts = dynamic\n } }\n" } },
  };

  run_all (cases, G_N_ELEMENTS (cases), flags);
}

static void
test_refusals (gconstpointer flags)
{
  static const CertsCase wrong = { "a wrong password",
                                   CLIENT_AND_GATEWAY,
                                   { "local { auth = eap-md5\n eap_id = alice\n }\n",
                                     "remote { auth = eap-md5\n eap_id = %any\n }\n" },
                                   { NULL },
                                   { "EAP-Failure", "EAP-MD5" } };
  static const CertsCase cases[] = {
    { "nobody knows the user",
      CLIENT_AND_GATEWAY,
      { "local { auth = eap-md5\n eap_id = mallory\n }\n",
        "remote { auth = eap-md5\n eap_id = %any\n }\n" },
      { NULL },
      { "mallory", NULL } },
    { "a method that the peer does not have",
      CLIENT_AND_GATEWAY,
      { "local { auth = eap-gtc\n }\n", "remote { auth = eap-md5\n }\n" },
      { NULL },
      { "EAP-Failure", "it asks for EAP type 6 gtc" } },
    { "a password in the clear is not for whoever asks",
      CLIENT_AND_GATEWAY,
      { "local { auth = eap\n }\n", "remote { auth = eap-gtc\n }\n" },
      { NULL },
      { "EAP-Failure", "does not do eap-gtc" } },
    { "a name that does not fit the pattern",
      CLIENT_AND_GATEWAY,
      { "local { auth = eap-fake\n eap_id = bob@c.test\n }\n",
        "remote { auth = eap-fake\n eap_id = *@b.test\n }\n" },
      { NULL },
      { NULL, "eap_id is *@b.test" } },
    { "the gateway does not do EAP",
      CLIENT_AND_GATEWAY,
      { "local { auth = eap-fake\n }\n", "remote { auth = psk\n }\n" },
      { NULL },
      { NULL, "no connection fits" } },
    { "in no group",
      CLIENT_AND_GATEWAY,
      { "local { auth = eap-fake\n }\n", "remote { auth = eap-fake\n groups = staff, boss\n }\n" },
      { NULL },
      { NULL, "in none of the groups" } },
  };

  run_with (&wrong, flags, WRONG_USERS);
  run_all (cases, G_N_ELEMENTS (cases), flags);
}

static const IkeTree *
first_sa (const IkeTree *status)
{
  return ike_tree_nth (ike_tree_get (status, "sas"), 0);
}

static const CertsCase plain_fake = { "a method that makes a key",
                                      CLIENT_AND_GATEWAY,
                                      { "local { auth = eap-fake\n }\n",
                                        "remote { auth = eap-fake\n }\n" } };

static CertsCase
refused (CertsCase c, const char *by_a, const char *by_b)
{
  c.refused[0] = by_a;
  c.refused[1] = by_b;
  return c;
}

/* Class B: what is no proof. */
static void
test_lies (gconstpointer flags)
{
  CertsCase c;

  fake.other_key = TRUE;
  c = refused (plain_fake, NULL, "does not have the key that the EAP method made");
  run (&c, flags);
  memset (&fake, 0, sizeof fake);
  fake.short_key = TRUE;
  c = refused (plain_fake, "EAP-Failure", "too short");
  run (&c, flags);
  memset (&fake, 0, sizeof fake);
  fake.early_success = TRUE;
  c = refused (plain_fake, "before anything was proven", NULL);
  run (&c, flags);
  memset (&fake, 0, sizeof fake);
}

static guint
n_explained (PairEnd *end)
{
  g_autoptr (IkeTree) all = pair_command (end, "explain", NULL, NULL);

  return ike_tree_n (ike_tree_get (all, "failures"));
}

static void
assert_no_sa (PairEnd *end)
{
  g_autoptr (IkeTree) status = pair_status (end);

  g_assert_cmpuint (ike_tree_n (ike_tree_get (status, "sas")), ==, 0);
}

/* What a peer says when it gives up reaches the server, so that both are rid of the SA at once; and
 * what the server knows before the peer's last word is explained once. */
static void
test_last_words (gconstpointer flags)
{
  static const char *const warnings[] = { NULL, "it will come to nothing" };
  static const char *const of_a[] = { "this is not what we came for", "EAP-Failure" };
  static const char *const of_b[] = { "its peer has had enough", "it will come to nothing" };

  for (guint i = 0; i < G_N_ELEMENTS (warnings); i++) {
    PairOptions o = { .seed = 7, .plugins = plugins, .builtin = builtin, .more = { USERS, USERS } };
    CertsCase c = refused (plain_fake, of_a[i], of_b[i]);
    Pair *pair;

    fake.peer_fails = !warnings[i];
    fake.warning = warnings[i];
    certs_usual ();
    pair = certs_pair_new (&c, flags, &o);
    certs_case_check (&c, pair);
    g_assert_cmpuint (n_explained (&pair->a), ==, 1);
    g_assert_cmpuint (n_explained (&pair->b), ==, 1);
    pair_run (pair, 1);
    assert_no_sa (&pair->a);
    assert_no_sa (&pair->b);
    certs_pair_free (pair);
    memset (&fake, 0, sizeof fake);
  }
}

static void
test_groups (gconstpointer flags)
{
  static const CertsCase c = { "in a group",
                               CLIENT_AND_GATEWAY,
                               { "local { auth = eap-fake\n }\n",
                                 "remote { auth = eap-fake\n groups = staff, boss\n }\n" } };

  fake.group = "boss";
  run (&c, flags);
  memset (&fake, 0, sizeof fake);
}

/* RFC 7296, 2.16: "access control decisions use the actual authenticated identity": of two
 * connections that talk alike the one whose user it turned out to be. */
static void
test_the_users_connection (gconstpointer flags)
{
  static const CertsCase c = { "the user's connection",
                               CLIENT_AND_GATEWAY,
                               { "local { auth = eap-fake\n eap_id = bob\n }\n",
                                 "remote { auth = eap-fake\n eap_id = alice*\n }\n" } };
  PairOptions o = {
    .seed = 7,
    .plugins = plugins,
    .builtin = builtin,
    .more = { NULL,
              "connections { second {\n local_addrs = 10.0.0.2\n remote_addrs = 10.0.0.1\n"
              " local { auth = pubkey\n id = b.test\n }\n"
              " remote { auth = eap-fake\n id = a.test\n eap_id = %any\n }\n"
              " children { net { local_ts = 10.2.0.0/16\n remote_ts = 10.1.0.0/16\n } } } }\n" },
  };
  g_autoptr (IkeTree) status = NULL;
  g_autofree char *error = NULL;
  Pair *pair;

  certs_usual ();
  pair = certs_pair_new (&c, flags, &o);
  error = pair_up (pair, "net");
  if (error)
    g_error ("%s\n%s", error, pair->b.log->str);
  status = pair_status (&pair->b);
  g_assert_cmpstr (ike_tree_string (first_sa (status), "connection", ""), ==, "second");
  g_assert_cmpstr (ike_tree_string (first_sa (status), "remote-user", ""), ==, "bob");
  certs_pair_free (pair);
}

/* -- by EAP alone */

#define ONLY_A "local { auth = eap-fake\n }\n remote { auth = eap-fake\n }\n"
#define ONLY_B "remote { auth = eap-fake\n }\n local { auth = eap-fake\n }\n"

static void
test_eap_only (gconstpointer flags)
{
  static const CertsCase c = { "by EAP alone", { NULL, NULL }, { ONLY_A, ONLY_B } };

  run (&c, flags);
}

static void
test_eap_only_refusals (gconstpointer flags)
{
  static const CertsCase cases[] = {
    { "the gateway leaves it to EAP alone, the client does not",
      { "x509ca/root.pem", NULL },
      { "local { auth = eap-fake\n }\n", ONLY_B },
      { NULL },
      { NULL, "EAP_ONLY_AUTHENTICATION" } },
    { "the client leaves it to EAP alone, the gateway does not",
      CLIENT_AND_GATEWAY,
      { ONLY_A, "remote { auth = eap-fake\n }\n" },
      { NULL },
      { "before the EAP method did", NULL } },
    { "a method that does not prove the gateway",
      { NULL, NULL },
      { "local { auth = eap-meek\n }\n remote { auth = eap-meek\n }\n",
        "remote { auth = eap-meek\n }\n local { auth = eap-meek\n }\n" },
      { NULL },
      { "does not authenticate both ends", NULL } },
  };
  CertsCase no_key = { "a method without a key", { NULL, NULL }, { ONLY_A, ONLY_B } };

  run_all (cases, G_N_ELEMENTS (cases), flags);
  fake.no_key = TRUE;
  no_key = refused (no_key, NULL, "made no key");
  run (&no_key, flags);
  memset (&fake, 0, sizeof fake);
}

/* -- several rounds */

static void
test_rounds (gconstpointer flags)
{
  static const CertsCase cases[] = {
    { "a certificate, then EAP",
      { CERTS_A, CERTS_B },
      { "local-2 { auth = eap-fake\n round = 2\n }\n",
        "remote-2 { auth = eap-fake\n round = 2\n }\n" } },
    { "EAP twice",
      CLIENT_AND_GATEWAY,
      { "local { auth = eap-fake\n }\n local-2 { auth = eap-md5\n round = 2\n eap_id = alice\n }\n",
        "remote { auth = eap-fake\n }\n"
        "remote-2 { auth = eap-md5\n round = 2\n eap_id = %any\n }\n" } },
    { "two certificates of the initiator",
      { CERTS_A " x509/a2.pem private/a2.key", CERTS_B },
      { "local-2 { auth = pubkey\n round = 2\n id = a2.test\n }\n",
        "remote-2 { auth = pubkey\n round = 2\n id = a2.test\n }\n" } },
    { "two proofs of the responder",
      { CERTS_A, CERTS_B },
      { "remote-2 { auth = psk\n round = 2\n id = b.test\n }\n",
        "local-2 { auth = psk\n round = 2\n id = b.test\n }\n" } },
    { "EAP, and two proofs of the responder",
      { "x509ca/root.pem", CERTS_B },
      { "local { auth = eap-fake\n }\n remote-2 { auth = psk\n round = 2\n id = b.test\n }\n",
        "remote { auth = eap-fake\n }\n local-2 { auth = psk\n round = 2\n id = b.test\n }\n" } },
  };

  certs_usual ();
  certs_end ("a2", "ecdsa 256", "root", "--san a2.test");
  run_all (cases, G_N_ELEMENTS (cases), flags);
}

static void
test_rounds_that_do_not_fit (gconstpointer flags)
{
  static const CertsCase cases[] = {
    { "one is missing",
      { CERTS_A, CERTS_B },
      { NULL, "remote-2 { auth = eap-fake\n round = 2\n }\n" },
      { NULL },
      { NULL, "more or fewer times" } },
    { "one too many",
      { CERTS_A, CERTS_B },
      { "local-2 { auth = eap-fake\n round = 2\n }\n", NULL },
      { NULL },
      { NULL, "more or fewer times" } },
    { "the responder proves less than is asked",
      { CERTS_A, CERTS_B },
      { "remote-2 { auth = psk\n round = 2\n }\n", NULL },
      { NULL },
      { "fewer times", NULL } },
    { "the responder proves more than is asked",
      { CERTS_A, CERTS_B },
      { NULL, "local-2 { auth = psk\n round = 2\n }\n" },
      { NULL },
      { "more times", NULL } },
    { "another identity in the second round",
      { CERTS_A, CERTS_B },
      { "local-2 { auth = eap-fake\n round = 2\n id = c.test\n }\n",
        "remote-2 { auth = eap-fake\n round = 2\n id = d.test\n }\n" },
      { NULL },
      { NULL, "another identity" } },
    { "the second round is a wrong password",
      { CERTS_A, CERTS_B },
      { "local-2 { auth = eap-md5\n round = 2\n eap_id = alice\n }\n",
        "remote-2 { auth = eap-md5\n round = 2\n eap_id = bob\n }\n" },
      { NULL },
      { "EAP-Failure", "EAP-MD5" } },
  };

  run_all (cases, G_N_ELEMENTS (cases), flags);
}

/* -- what takes long */

/* A method that does not answer costs one setup, which ends with a reason; others go on. */
static void
test_a_mute_method (gconstpointer flags)
{
  PairOptions o = { .seed = 7, .plugins = plugins, .builtin = builtin };
  g_autoptr (IkeTree) last = NULL;
  g_autofree char *error = NULL;
  Pair *pair;

  certs_usual ();
  pair = certs_pair_new (&plain_fake, flags, &o);
  fake.mute = TRUE;
  error = pair_up (pair, "net");
  g_assert_nonnull (error);
  pair_run (pair, 300);
  last = pair_explain (&pair->b);
  g_assert_nonnull (strstr (ike_tree_string (last, "reason", ""), "eap-fake"));
  g_assert_cmpuint (pair->b.kernel_ops->n_sas (pair->b.kernel), ==, 0);
  memset (&fake, 0, sizeof fake);
  pair_assert_up (pair, "net");
  certs_pair_free (pair);
}

static void
test_it_is_rekeyed (gconstpointer flags)
{
  static const CertsCase c = { "rekeyed",
                               CLIENT_AND_GATEWAY,
                               { "local { auth = eap-fake\n eap_id = bob\n }\n rekey_time = 100s\n",
                                 "remote { auth = eap-fake\n eap_id = %any\n }\n" } };
  PairOptions o = { .seed = 7, .plugins = plugins, .builtin = builtin };
  g_autoptr (IkeTree) status = NULL;
  Pair *pair;

  certs_usual ();
  pair = certs_pair_new (&c, flags, &o);
  pair_assert_up (pair, "net");
  pair_run (pair, 400);
  g_assert_cmpuint (pair_count (&pair->b, "ike.rekeyed"), >, 2);
  status = pair_status (&pair->b);
  g_assert_cmpstr (ike_tree_string (first_sa (status), "remote-user", ""), ==, "bob");
  pair_assert_twins (pair);
  certs_pair_free (pair);
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  pair_add_test ("eap", "it-comes-up", test_it_comes_up);
  pair_add_test ("eap", "refusals", test_refusals);
  pair_add_test ("eap", "lies", test_lies);
  pair_add_test ("eap", "last-words", test_last_words);
  pair_add_test ("eap", "groups", test_groups);
  pair_add_test ("eap", "the-users-connection", test_the_users_connection);
  pair_add_test ("eap", "eap-alone", test_eap_only);
  pair_add_test ("eap", "eap-alone-refused", test_eap_only_refusals);
  pair_add_test ("eap", "several-rounds", test_rounds);
  pair_add_test ("eap", "rounds-that-do-not-fit", test_rounds_that_do_not_fit);
  pair_add_test ("eap", "a-mute-method", test_a_mute_method);
  pair_add_test ("eap", "it-is-rekeyed", test_it_is_rekeyed);
  status = g_test_run ();
  certs_clear ();
  return status;
}
