/* SPDX-License-Identifier: Apache-2.0 */
/* test_eap_tls.c - EAP-TLS, server against peer. */
#include <string.h>

#include <ikebana/fetch.h>

#include "shared/eap-tls/test_pair.h"

static const char *const plugins[] = { "eap-tls", NULL };
static const char old_only[] = "eap-tls { max_version = 1.2 }\n",
                  new_only[] = "eap-tls { min_version = 1.3 }\n";

static void
run (EapPair *pair, const EapPairOptions *options)
{
  EapPairOptions full = *options;

  full.method = "tls";
  full.plugins = plugins;
  eap_pair_open (pair, &full);
  eap_pair_run (pair);
}

static void
test_done (gconstpointer settings)
{
  EapPair pair;

  run (&pair, &(EapPairOptions){ .settings = settings, .identity = "client@test" });
  eap_pair_assert_done (&pair, "client@test");
  g_assert_cmpuint (pair.longest, <=, 1024);
  eap_pair_close (&pair);
}

/* RFC 9190, 2.1.8: nothing is said before the tunnel, so the certificate alone tells. */
static void
test_anonymous (gconstpointer settings)
{
  static const char *const said[] = { "anonymous", "anonymous@test", "@test", NULL };

  for (guint i = 0; said[i]; i++) {
    EapPair pair;

    run (&pair,
         &(EapPairOptions){ .settings = settings, .identity = said[i], .own = "client.test" });
    eap_pair_assert_done (&pair, "client@test");
    eap_pair_close (&pair);
  }
}

static void
test_fragments (gconstpointer settings)
{
  EapPair pair;

  run (&pair, &(EapPairOptions){ .settings = settings, .identity = "client@test", .mtu = 100 });
  eap_pair_assert_done (&pair, "client@test");
  g_assert_cmpuint (pair.longest, ==, 100);
  g_assert_cmpuint (pair.n_packets, >, 20);
  eap_pair_close (&pair);
}

static void
test_host (void)
{
  EapPair pair;

  run (&pair, &(EapPairOptions){ .identity = "host/client.test", .own = "client.test" });
  eap_pair_assert_done (&pair, "host/client.test");
  eap_pair_close (&pair);
}

/* A server that closes TLS behind the protected success has said it. */
static void
test_success_and_close (void)
{
  EapPair pair;

  eap_pair_open (&pair, &(EapPairOptions){ .method = "tls",
                                           .plugins = plugins,
                                           .settings = new_only,
                                           .identity = "client@test" });
  eap_pair_hang_up (&pair, TRUE);
  eap_pair_run (&pair);
  eap_pair_assert_done (&pair, "client@test");
  eap_pair_close (&pair);
}

typedef struct {
  const char *name;
  EapPairOptions options;
  const char *server, *peer; /* what they say; NULL: not asked */
} Refusal;

static const Refusal refusals[] = {
  { "another-identity",
    { .identity = "boss@test", .own = "client@test" },
    "does not stand for",
    NULL },
  { "an-expired-certificate", { .identity = "old@test" }, "expired", NULL },
  { "an-unknown-ca", { .identity = "foreign@test" }, "not trusted", NULL },
  { "the-purpose-of-a-server", { .identity = "onlyserver@test" }, "not for clients", NULL },
  { "an-anonymous-name-and-an-expired-certificate",
    { .identity = "@test", .own = "old@test" },
    "expired",
    NULL },
  { "a-peer-without-a-certificate", { .identity = "nobody@test" }, NULL, "certificate" },
  { "a-server-of-another-name",
    { .identity = "client@test", .other = "gate.test" },
    "refused our certificate",
    "does not stand for gate.test" },
  { "a-server-that-has-expired",
    { .identity = "client@test", .server_id = "old.test" },
    "refused our certificate",
    "expired" },
  { "a-server-that-has-no-certificate",
    { .identity = "client@test", .server_id = "nobody.test" },
    "certificate",
    NULL },
};

static void
test_refused (gconstpointer data)
{
  const Refusal *refusal = data;

  for (guint i = 0; i < 2; i++) {
    EapPairOptions options = refusal->options;
    EapPair pair;

    options.settings = i ? new_only : old_only;
    run (&pair, &options);
    if (refusal->server)
      eap_pair_assert_failed (&pair.server, refusal->server);
    else
      g_assert_false (pair.server.step && pair.server.step->outcome == IKE_EAP_DONE);
    if (refusal->peer)
      eap_pair_assert_failed (&pair.peer, refusal->peer);
    eap_pair_close (&pair);
  }
}

/* -- who changes packets */

/* Whichever packet is changed: the two are never both done. */
static void
test_changed (gconstpointer settings)
{
  guint n_changed = 0;

  for (guint at = 1; at < 8; at++) {
    EapPairOptions options = {
      .method = "tls", .settings = settings, .plugins = plugins, .identity = "client@test"
    };
    EapChange change = { at, 0 };
    EapPair pair;

    eap_pair_open (&pair, &options);
    pair.tamper = eap_pair_flip;
    pair.data = &change;
    eap_pair_run (&pair);
    g_assert_true (change.n_changed == 0 || !pair.server.step
                   || pair.server.step->outcome != IKE_EAP_DONE);
    n_changed += change.n_changed;
    eap_pair_close (&pair);
  }
  g_assert_cmpuint (n_changed, >=, 3);
}

/* The last packet, with the protected success or the server's Finished, is not there: a peer is not
 * done before it has come. */
static void
test_early (gconstpointer settings)
{
  EapPairOptions options = {
    .method = "tls", .settings = settings, .plugins = plugins, .identity = "client@test"
  };
  EapPair pair;
  guint n_all;

  run (&pair, &options);
  n_all = pair.n_packets;
  eap_pair_close (&pair);
  /* The last two are the server's last word, and the peer's empty answer. */
  for (guint at = 1; at < n_all; at += 2) {
    eap_pair_open (&pair, &options);
    pair.tamper = eap_pair_drop;
    pair.data = GUINT_TO_POINTER (at);
    eap_pair_run (&pair);
    g_assert_true (!pair.peer.is_done);
    g_assert_cmpint (pair.server.step->outcome, ==, IKE_EAP_MORE);
    eap_pair_close (&pair);
  }
}

/* A conversation that its host gives up in the middle. */
static void
test_given_up (void)
{
  for (guint at = 1; at < 9; at++) {
    EapPairOptions options = { .method = "tls", .plugins = plugins, .identity = "client@test" };
    EapPair pair;

    eap_pair_open (&pair, &options);
    pair.tamper = eap_pair_drop;
    pair.data = GUINT_TO_POINTER (at);
    eap_pair_run (&pair);
    eap_pair_close (&pair);
  }
}

/* -- whether something was revoked */

/* What has been asked, and about whom the answer is bad: the subject of the leaf. */
static struct {
  guint n;
  const char *revoked;
} asked;

static void
check_chain (IkePlugin *self, const IkeRevocationQuery *query, IkeCall *call)
{
  const IkeProvided *pki = ike_feature_find (ike_plugin_engine (self), "service:pki", NULL);
  const IkeCertInfo *info = ((const IkePkiOps *) pki->ops)->cert_info (query->chain[0]);
  IkeRevocationVerdict *verdict = g_new0 (IkeRevocationVerdict, 1);
  char subject[64];

  asked.n++;
  g_assert_cmpuint (query->n, ==, 2);
  ike_ident_format (info->subject, subject, sizeof subject);
  verdict->struct_size = sizeof *verdict;
  verdict->is_good = g_strcmp0 (subject, asked.revoked) != 0;
  verdict->is_revoked = !verdict->is_good;
  g_strlcpy (verdict->reason, "it was revoked yesterday", sizeof verdict->reason);
  ike_call_answer (call, verdict);
}

static const IkeRevocationClass revocation_class = { .struct_size = sizeof (IkeRevocationClass),
                                                     .check = check_chain };
static const IkeFeature revocation_feature = { .struct_size = sizeof (IkeFeature),
                                               .provides = "revocation:x509",
                                               .ops = &revocation_class };
static const IkeFeature *const revocation_features[] = { &revocation_feature, NULL };
static const IkePluginInfo revocation_plugin = { .struct_size = sizeof (IkePluginInfo),
                                                 .abi_major = IKE_ABI_MAJOR,
                                                 .abi_minor = IKE_ABI_MINOR,
                                                 .name = "knows",
                                                 .version = "1.0",
                                                 .license = "Apache-2.0",
                                                 .summary = "a part of the test",
                                                 .features = revocation_features };

static void
test_revoked (gconstpointer settings)
{
  static const char *const revoked[] = { NULL, "CN=client", "CN=server" };

  for (guint i = 0; i < G_N_ELEMENTS (revoked); i++) {
    EapPair pair;

    asked.n = 0;
    asked.revoked = revoked[i];
    run (&pair, &(EapPairOptions){
                    .settings = settings, .identity = "client@test", .more = &revocation_plugin });
    if (i == 0) {
      eap_pair_assert_done (&pair, "client@test");
      g_assert_cmpuint (asked.n, ==, 2);
    } else {
      eap_pair_assert_failed (i == 1 ? &pair.server : &pair.peer, "revoked yesterday");
      g_assert_false (pair.server.is_done);
      g_assert_false (pair.peer.is_done);
    }
    eap_pair_close (&pair);
  }
}

int
main (int argc, char **argv)
{
  static const struct {
    const char *name;
    void (*run) (gconstpointer settings);
  } both[] = {
    { "both-are-content", test_done },
    { "an-anonymous-name", test_anonymous },
    { "fragments", test_fragments },
    { "nothing-can-be-changed", test_changed },
    { "a-peer-waits-for-the-last-word", test_early },
    { "what-was-revoked-is-refused", test_revoked },
  };

  int result;

  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (both); i++) {
    g_autofree char *with_old = g_strconcat ("/eap-tls/1.2/", both[i].name, NULL);
    g_autofree char *with_new = g_strconcat ("/eap-tls/1.3/", both[i].name, NULL);
    g_test_add_data_func (with_old, old_only, both[i].run);
    g_test_add_data_func (with_new, new_only, both[i].run);
  }
  for (guint i = 0; i < G_N_ELEMENTS (refusals); i++) {
    g_autofree char *path = g_strconcat ("/eap-tls/refused/", refusals[i].name, NULL);
    g_test_add_data_func (path, &refusals[i], test_refused);
  }
  g_test_add_func ("/eap-tls/a-computer-says-host", test_host);
  g_test_add_func ("/eap-tls/1.3/success-and-the-end-in-one-flight", test_success_and_close);
  g_test_add_func ("/eap-tls/given-up-in-the-middle", test_given_up);
  result = g_test_run ();
  eap_pair_clear ();
  return result;
}
