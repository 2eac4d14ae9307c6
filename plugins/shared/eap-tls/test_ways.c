/* SPDX-License-Identifier: Apache-2.0 */
/* test_ways.c - a method with another one inside, server against peer, in each way that it has. */
#include "shared/eap-tls/test_ways.h"

#include <string.h>

#include "shared/eap-tls/test_pair.h"

static const char *method;
static const char *plugins[] = { NULL,           "eap-identity", "eap-md5", "eap-gtc",
                                 "eap-mschapv2", "eap-tls",      NULL };
/* The peer finds bob's secret by both names, the server by one: so each has another. */
static const char users[] =
    "secrets {\n eap-alice { id = alice\n secret = wonderland }\n"
    " eap-client { id = client@test\n secret = \"sixteen letters.\" }\n"
    " eap-bob { id = bob\n secret = looking-glass }\n"
    " eap-bob-here { id1 = bob\n id2 = server.test\n secret = wonderland } }\n";

static EapPairOptions
options_of (const EapWay *way)
{
  return (EapPairOptions){ .method = method,
                           .plugins = plugins,
                           .settings = way->settings,
                           .connections = users,
                           .identity = "alice" };
}

static void
open_pair (EapPair *pair, const EapWay *way, const char *outer, const char *user)
{
  EapPairOptions options = options_of (way);

  options.identity = outer;
  options.own = user;
  eap_pair_open (pair, &options);
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

/* The peer closes TLS with its first words: they are heard, and if they are all that the server has
 * to know, they let it in. */
static void
test_said_and_closed (gconstpointer data)
{
  const EapWay *way = data;
  gboolean is_enough =
      g_str_has_suffix (way->name, "/pap") || g_str_has_suffix (way->name, "/chap");
  EapPair pair;

  open_pair (&pair, way, "anonymous", "alice");
  eap_pair_hang_up (&pair, FALSE);
  eap_pair_run (&pair);
  if (is_enough)
    eap_pair_assert_done (&pair, "alice");
  else
    eap_pair_assert_failed (&pair.server, "closed TLS before it was done");
  eap_pair_close (&pair);
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
  eap_pair_assert_failed (pair.peer.step ? &pair.server : &pair.peer, "secret");
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
test_fragments (gconstpointer data)
{
  EapPairOptions options = options_of (data);
  EapPair pair;

  options.mtu = 64;
  eap_pair_open (&pair, &options);
  eap_pair_run (&pair);
  eap_pair_assert_done (&pair, "alice");
  g_assert_cmpuint (pair.longest, ==, 64);
  eap_pair_close (&pair);
}

static void
test_server_name (gconstpointer data)
{
  EapPairOptions options = options_of (data);
  EapPair pair;

  options.other = "gate.test";
  eap_pair_open (&pair, &options);
  eap_pair_run (&pair);
  eap_pair_assert_failed (&pair.peer, "does not stand for gate.test");
  eap_pair_assert_failed (&pair.server, "refused our certificate");
  eap_pair_close (&pair);
}

int
eap_ways_run (int argc, char **argv, const char *plugin, const EapWay *ways)
{
  static const struct {
    const char *name;
    void (*run) (gconstpointer way);
  } tests[] = {
    { "the-name-inside-counts", test_done },
    { "what-is-said-before-the-end-is-heard", test_said_and_closed },
    { "an-unknown-name", test_unknown },
    { "a-wrong-password", test_wrong },
    { "a-peer-is-not-done-too-early", test_early },
    { "nothing-can-be-changed", test_changed },
    { "fragments", test_fragments },
    { "a-server-of-another-name", test_server_name },
  };
  int result;

  g_test_init (&argc, &argv, NULL);
  plugins[0] = plugin;
  method = plugin + strlen ("eap-");
  for (; ways->name; ways++)
    for (guint k = 0; k < G_N_ELEMENTS (tests); k++) {
      g_autofree char *path = g_strconcat ("/", plugin, "/", ways->name, "/", tests[k].name, NULL);
      g_test_add_data_func (path, ways, tests[k].run);
    }
  result = g_test_run ();
  eap_pair_clear ();
  return result;
}
