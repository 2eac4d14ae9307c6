/* SPDX-License-Identifier: Apache-2.0 */
/* test_eap_ttls.c - EAP-TTLS, server against peer, by each way to show a password. */
#include <string.h>

#include "shared/eap-tls/test_pair.h"

static const char *const plugins[] = { "eap-ttls",     "eap-identity", "eap-md5", "eap-gtc",
                                       "eap-mschapv2", "eap-tls",      NULL };
/* The peer finds bob's secret by both names, the server by one: so each has another. */
static const char users[] =
    "secrets {\n eap-alice { id = alice\n secret = wonderland }\n"
    " eap-client { id = client@test\n secret = \"sixteen letters.\" }\n"
    " eap-bob { id = bob\n secret = looking-glass }\n"
    " eap-bob-here { id1 = bob\n id2 = server.test\n secret = wonderland } }\n";

typedef struct {
  const char *name, *settings;
} Way;

static const Way ways[] = {
  { "1.2/pap", "eap-ttls { max_version = 1.2\n phase2 = pap }\n" },
  { "1.3/pap", "eap-ttls { min_version = 1.3\n phase2 = pap }\n" },
  { "1.2/chap", "eap-ttls { max_version = 1.2\n phase2 = chap }\n" },
  { "1.3/chap", "eap-ttls { min_version = 1.3\n phase2 = chap }\n" },
  { "1.2/mschapv2", "eap-ttls { max_version = 1.2\n phase2 = mschapv2 }\n" },
  { "1.3/mschapv2", "eap-ttls { min_version = 1.3\n phase2 = mschapv2 }\n" },
  { "1.2/eap-md5", "eap-ttls { max_version = 1.2\n phase2_method = md5 }\n" },
  { "1.3/eap-gtc", "eap-ttls { min_version = 1.3\n phase2_method = gtc }\n" },
  { "1.2/eap-mschapv2", "eap-ttls { max_version = 1.2\n phase2_method = mschapv2 }\n" },
  { "1.3/eap-mschapv2", "eap-ttls { min_version = 1.3\n phase2_method = mschapv2 }\n" },
};

static void
open_pair (EapPair *pair, const Way *way, const char *outer, const char *user)
{
  eap_pair_open (pair, &(EapPairOptions){ .method = "ttls",
                                          .plugins = plugins,
                                          .settings = way->settings,
                                          .connections = users,
                                          .identity = outer,
                                          .own = user });
}

/* Who it is, is what is said inside. */
static void
test_done (gconstpointer data)
{
  static const char *const who[] = { "alice", "client@test" };
  EapPair pair;

  for (guint i = 0; i < G_N_ELEMENTS (who); i++) {
    open_pair (&pair, data, i ? "anonymous" : "boss@test", who[i]);
    eap_pair_run (&pair);
    eap_pair_assert_done (&pair, who[i]);
    eap_pair_close (&pair);
  }
}

static gboolean
is_never_done (const EapPair *pair)
{
  return !pair->server.step || pair->server.step->outcome != IKE_EAP_DONE;
}

/* Nobody knows that name; the peer shows a secret of another, if any. */
static void
test_unknown (gconstpointer data)
{
  EapPair pair;

  open_pair (&pair, data, "alice", "mallory");
  eap_pair_run (&pair);
  g_assert_true (is_never_done (&pair));
  eap_pair_close (&pair);
}

static void
test_wrong (gconstpointer data)
{
  EapPair pair;

  open_pair (&pair, data, "bob", "bob");
  eap_pair_run (&pair);
  g_assert_true (is_never_done (&pair));
  eap_pair_assert_failed (&pair.server, "password");
  eap_pair_close (&pair);
}

/* Until the server has said its last word in TLS, and the password is on its way, a peer is not
 * done; with a proof to come, not before that. */
static void
test_early (gconstpointer data)
{
  guint n_all;
  EapPair pair;

  open_pair (&pair, data, "alice", "alice");
  eap_pair_run (&pair);
  n_all = pair.n_packets;
  eap_pair_close (&pair);
  for (guint at = 1; at < n_all; at++) {
    open_pair (&pair, data, "alice", "alice");
    pair.tamper = eap_pair_drop;
    pair.data = GUINT_TO_POINTER (at);
    eap_pair_run (&pair);
    g_assert_true (is_never_done (&pair));
    g_assert_true (!pair.peer.is_done);
    eap_pair_close (&pair);
  }
}

static void
test_changed (gconstpointer data)
{
  guint n_changed = 0;

  for (guint at = 2; at < 12; at++) {
    EapChange change = { at, 0 };
    EapPair pair;

    open_pair (&pair, data, "alice", "alice");
    pair.tamper = eap_pair_flip;
    pair.data = &change;
    eap_pair_run (&pair);
    g_assert_true (change.n_changed == 0 || is_never_done (&pair));
    n_changed += change.n_changed;
    eap_pair_close (&pair);
  }
  g_assert_cmpuint (n_changed, >=, 2);
}

static void
test_fragments (void)
{
  EapPair pair;

  eap_pair_open (&pair, &(EapPairOptions){ .method = "ttls",
                                           .plugins = plugins,
                                           .settings = ways[0].settings,
                                           .connections = users,
                                           .identity = "alice",
                                           .mtu = 64 });
  eap_pair_run (&pair);
  eap_pair_assert_done (&pair, "alice");
  g_assert_cmpuint (pair.longest, ==, 64);
  eap_pair_close (&pair);
}

static void
test_server_name (void)
{
  EapPair pair;

  eap_pair_open (&pair, &(EapPairOptions){ .method = "ttls",
                                           .plugins = plugins,
                                           .settings = ways[0].settings,
                                           .connections = users,
                                           .identity = "alice",
                                           .other = "gate.test" });
  eap_pair_run (&pair);
  eap_pair_assert_failed (&pair.peer, "does not stand for gate.test");
  eap_pair_assert_failed (&pair.server, "refused our certificate");
  eap_pair_close (&pair);
}

int
main (int argc, char **argv)
{
  static const struct {
    const char *name;
    void (*run) (gconstpointer way);
  } tests[] = {
    { "the-name-inside-counts", test_done },    { "an-unknown-name", test_unknown },
    { "a-wrong-password", test_wrong },         { "a-peer-is-not-done-too-early", test_early },
    { "nothing-can-be-changed", test_changed },
  };
  int result;

  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (ways); i++)
    for (guint k = 0; k < G_N_ELEMENTS (tests); k++) {
      g_autofree char *path = g_strconcat ("/eap-ttls/", ways[i].name, "/", tests[k].name, NULL);
      g_test_add_data_func (path, &ways[i], tests[k].run);
    }
  g_test_add_func ("/eap-ttls/fragments", test_fragments);
  g_test_add_func ("/eap-ttls/a-server-of-another-name", test_server_name);
  result = g_test_run ();
  eap_pair_clear ();
  return result;
}
