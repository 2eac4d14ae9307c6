/* SPDX-License-Identifier: Apache-2.0 */
/* test_unusable.c - an algorithm that the settings name and no plugin here can do: its known answer
 * was not met.  It is neither offered nor taken, whatever the peer offers. */
#include "exchange/attacks.h"
#include <ikebana/error.h>

static guint n_used;

static gboolean
fail_probe (IkePlugin *self, GError **error)
{
  g_set_error (error, IKE_ERROR, IKE_ERROR_PLUGIN, "the known answer is not met");
  return FALSE;
}

static gpointer
never_offer (IkePlugin *self, guint8 *public_out, const char **error)
{
  n_used++;
  return NULL;
}

static IkeSecretBlob *
never_answer (IkePlugin *self, const guint8 *peer, gsize len, guint8 *public_out,
              gboolean *is_peers_fault, const char **error)
{
  n_used++;
  return NULL;
}

static IkeSecretBlob *
never_finish (IkePlugin *self, gpointer pair, const guint8 *peer, gsize len,
              gboolean *is_peers_fault, const char **error)
{
  n_used++;
  return NULL;
}

/* MODP-768, which nobody else has. */
static const IkeKeClass broken_class = {
  .struct_size = sizeof broken_class,
  .transform = 1,
  .offer_len = 96,
  .answer_len = 96,
  .secret_len = 96,
  .cost_us = 1,
  .offer = never_offer,
  .answer = never_answer,
  .finish = never_finish,
  .pair_free = g_free,
};
static const IkeFeature broken_feature = { .struct_size = sizeof broken_feature,
                                           .provides = "ke:modp768",
                                           .ops = &broken_class,
                                           .probe = fail_probe };
static const IkeFeature *const broken_features[] = { &broken_feature, NULL };
static const IkePluginInfo broken_plugin = {
  .struct_size = sizeof (IkePluginInfo),
  .abi_major = IKE_ABI_MAJOR,
  .abi_minor = IKE_ABI_MINOR,
  .name = "broken-ke",
  .version = "1",
  .license = "Apache-2.0",
  .summary = "a key exchange that fails its own test",
  .features = broken_features,
};
static const IkePluginInfo *const builtin[] = { &broken_plugin, NULL };

static Forge *
forge_broken (gconstpointer flags, const char *body)
{
  return forge_new (&(PairOptions) {
    .flags = GPOINTER_TO_UINT (flags), .connection = { body, body }, .builtin = builtin });
}

/* The peer offers it alone. */
static void
test_not_taken (gconstpointer flags)
{
  static const guint8 sa[] = { 0, 0, 0, 36, 1, 1, 0, 3,
                               3, 0, 0, 12, 1, 0, 0, 20, 0x80, 14, 1, 0,
                               3, 0, 0, 8,  2, 0, 0, 5,
                               0, 0, 0, 8,  4, 0, 0, 1 };
  static const guint8 nonce[32] = { 1 };
  Forge *forge = forge_broken (flags, "proposals = aes256gcm16-prfsha256-x25519\n "
                                      "children { net { } }\n");
  guint8 ke[4 + 96] = { 0, 1 };
  ForgeChain chain = { 0 };

  memset (ke + 4, 7, 96);
  forge_add (&chain, IKE_PAYLOAD_SA, sa, sizeof sa);
  forge_add (&chain, IKE_PAYLOAD_KE, ke, sizeof ke);
  forge_add (&chain, IKE_PAYLOAD_NONCE, nonce, sizeof nonce);
  forge_send (forge,
              &(ForgeHead) { .from_a = TRUE, .exchange = EX_INIT, .is_clear = TRUE, .spi_i = SPI },
              &chain);
  forge_run_ms (forge, 20);
  g_assert_cmpint (forge_says (forge, forge_sent (forge, TRUE, 0)), ==, IKE_N_NO_PROPOSAL_CHOSEN);
  g_assert_cmpuint (forge->b.n_keys, ==, 0);
  g_assert_cmpuint (forge_n_sas (&forge->pair->b), ==, 0);
  g_assert_cmpuint (n_used, ==, 0);
  forge_free (forge);
}

/* A connection that names it, among others or alone, is not there, and says why. */
static void
test_named (gconstpointer flags)
{
  static const char *const proposals[] = { "aes256gcm16-prfsha256-modp768-x25519",
                                           "aes256gcm16-prfsha256-modp768",
                                           "aes256gcm16-prfsha256-x25519, aes128-sha256-modp768" };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (proposals); i++) {
    g_autofree char *body = g_strdup_printf ("proposals = %s\n children { net { } }\n",
                                             proposals[i]);
    Forge *forge = forge_broken (flags, body);
    g_autofree char *error = NULL;
    IkeTree *args = ike_tree_new_section ();

    ike_tree_set_string (args, "name", "pair");
    g_assert_null (pair_command (&forge->pair->a, "up", args, &error));
    g_assert_nonnull (strstr (error, "no loaded plugin offers modp768"));
    g_assert_cmpuint (forge_n_sent (forge, FALSE), ==, 0);
    g_assert_cmpuint (n_used, ==, 0);
    forge_free (forge);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  pair_add_test ("unusable", "what-fails-its-test-is-not-offered", test_named);
  pair_add_test ("unusable", "what-fails-its-test-is-not-taken", test_not_taken);
  return g_test_run ();
}
