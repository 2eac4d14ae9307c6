/* SPDX-License-Identifier: Apache-2.0 */
/* test_spoiled.c - an algorithm whose known answer is not met is not offered, and says so. */
#include <string.h>

#include <ikebana/error.h>
#include <ikebana/pki.h>

#include "test_support.h"
#include "vectors.h"

extern const IkePluginInfo ike_plugin;

static const char *spoiled;

const char *
probe_spoiled_feature (void)
{
  return spoiled;
}

static void
test_it_is_not_offered (gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  Bench bench;

  spoiled = data;
  bench_open_builtin (&bench, 1, &ike_plugin);
  g_assert_null (ike_feature_find (bench.engine, spoiled, &error));
  g_assert_error (error, IKE_ERROR, IKE_ERROR_PLUGIN);
  g_assert_nonnull (strstr (error->message, "known answer"));
  /* The others are not touched. */
  for (guint i = 0; i < n_vectors; i++)
    if (strcmp (vectors[i].feature, spoiled) != 0)
      bench_feature (&bench, vectors[i].feature);
  g_assert_cmpint (ike_aead_find (bench.engine, 20, 256) == NULL, ==,
                   strcmp (spoiled, "aead:aes-gcm-16/256") == 0);
  g_assert_cmpint (ike_ke_find (bench.engine, 31) == NULL, ==,
                   strcmp (spoiled, "ke:curve25519") == 0);
  bench_close (&bench);
}

static gboolean
lists (Bench *bench, const char *name)
{
  const IkeProvided *pki = bench_feature (bench, "service:pki");
  const IkeSigScheme *scheme;

  for (guint i = 0; (scheme = ((const IkePkiOps *) pki->ops)->scheme (pki->plugin, i)); i++)
    if (strcmp (scheme->name, name) == 0)
      return TRUE;
  return FALSE;
}

/* A scheme is not a feature: the service stays, with the others. */
static void
test_a_scheme_is_not_listed (gconstpointer data)
{
  static const char *const schemes[] = { "ed25519", "ecdsa-sha384", "rsa-pss-sha256",
                                         "rsa-sha1-v1" };
  g_autofree char *feature = g_strconcat ("scheme:", data, NULL);
  Bench bench;

  spoiled = feature;
  bench_open_builtin (&bench, 1, &ike_plugin);
  for (guint i = 0; i < G_N_ELEMENTS (schemes); i++)
    g_assert_cmpint (lists (&bench, schemes[i]), ==, strcmp (schemes[i], data) != 0);
  bench_close (&bench);
}

int
main (int argc, char **argv)
{
  static const char *const features[] = { "aead:aes-gcm-16/256",
                                          "aead:chacha20-poly1305",
                                          "cipher:aes-cbc/128",
                                          "integ:aes-xcbc-96",
                                          "prf:hmac-sha2-256",
                                          "hash:sha512",
                                          "ke:curve25519",
                                          "ke:modp2048",
                                          "ke:ecp521" };

  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (features); i++) {
    g_autofree char *path = g_strdup_printf ("/crypto-openssl/spoiled/%u-is-not-offered", i);

    g_test_add_data_func (path, features[i], test_it_is_not_offered);
  }
  g_test_add_data_func ("/crypto-openssl/spoiled/ecdsa-is-not-listed", "ecdsa-sha384",
                        test_a_scheme_is_not_listed);
  g_test_add_data_func ("/crypto-openssl/spoiled/pss-is-not-listed", "rsa-pss-sha256",
                        test_a_scheme_is_not_listed);
  g_test_add_data_func ("/crypto-openssl/spoiled/method-1-is-not-listed", "rsa-sha1-v1",
                        test_a_scheme_is_not_listed);
  return g_test_run ();
}
