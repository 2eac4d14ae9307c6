/* SPDX-License-Identifier: Apache-2.0 */
/* config_fixture.c - see config_fixture.h. */
#include "tests/config_fixture.h"
#include <ikebana/auth.h>

/* -- toy algorithms: enough that proposals find them */

static gpointer
toy_new (IkePlugin *self)
{
  return NULL;
}

static void
toy_free (gpointer scratch)
{
}

static gboolean
toy_seal (gpointer scratch, const guint8 *key, const guint8 *iv, const guint8 *aad, gsize aad_len,
          guint8 *data, gsize len, guint8 *icv)
{
  return FALSE;
}

static gboolean
toy_open (gpointer scratch, const guint8 *key, const guint8 *iv, const guint8 *aad, gsize aad_len,
          guint8 *data, gsize len, const guint8 *icv)
{
  return FALSE;
}

static gboolean
toy_prf (gpointer scratch, const guint8 *key, gsize key_len, const IkePart *parts, guint n_parts,
         guint8 *out)
{
  return FALSE;
}

static gpointer
toy_offer (IkePlugin *self, guint8 *public_out, const char **error)
{
  return NULL;
}

static IkeSecretBlob *
toy_answer (IkePlugin *self, const guint8 *peer, gsize peer_len, guint8 *public_out,
            gboolean *is_peers_fault, const char **error)
{
  return NULL;
}

static IkeSecretBlob *
toy_finish (IkePlugin *self, gpointer pair, const guint8 *peer, gsize peer_len,
            gboolean *is_peers_fault, const char **error)
{
  return NULL;
}

static void
toy_sign (IkePlugin *self, IkeCall *call, IkeSa *sa, const IkeAuthConf *conf, GBytes *octets)
{
  ike_call_fail (call, "a toy");
}

static void
toy_verify (IkePlugin *self, IkeCall *call, IkeSa *sa, const IkeAuthConf *conf, guint8 method,
            const guint8 *value, gsize len, GBytes *octets)
{
  ike_call_fail (call, "a toy");
}

static const IkeAeadClass aead = { .struct_size = sizeof aead,
                                   .transform = 20,
                                   .key_bits = 256,
                                   .key_len = 32,
                                   .salt_len = 4,
                                   .iv_len = 8,
                                   .icv_len = 16,
                                   .scratch_new = toy_new,
                                   .scratch_free = toy_free,
                                   .seal = toy_seal,
                                   .open = toy_open };
static const IkePrfClass prf = { .struct_size = sizeof prf,
                                 .transform = 5,
                                 .out_len = 32,
                                 .key_len = 32,
                                 .scratch_new = toy_new,
                                 .scratch_free = toy_free,
                                 .prf = toy_prf };
static const IkeKeClass ke = { .struct_size = sizeof ke,
                               .transform = 31,
                               .offer_len = 32,
                               .answer_len = 32,
                               .secret_len = 32,
                               .offer = toy_offer,
                               .answer = toy_answer,
                               .finish = toy_finish,
                               .pair_free = toy_free };
static const IkeAuthClass auth = {
  .struct_size = sizeof auth, .methods = { 2 }, .sign = toy_sign, .verify = toy_verify
};

/* A method that looks at its section: `token = 13` cannot be had, `token = 7` is a warning. */
static void
picky_check (IkePlugin *self, const IkeAuthConf *conf, gboolean is_local, GPtrArray *problems)
{
  const char *token = ike_tree_string (conf->settings, "token", "");

  if (g_str_equal (token, "13"))
    g_ptr_array_add (problems, g_strdup ("token: there is no such token"));
  if (g_str_equal (token, "7"))
    g_ptr_array_add (problems, g_strdup_printf ("warning: token: %s end expired",
                                                is_local ? "our" : "the other"));
}

static const IkeAuthClass picky = { .struct_size = sizeof picky,
                                    .methods = { 14 },
                                    .sign = toy_sign,
                                    .verify = toy_verify,
                                    .check = picky_check };

/* What was read by the plugin of sections: names in order, "begin", "commit". */
GString *config_fixture_sections;

static void
sections_begin (IkePlugin *self)
{
  if (config_fixture_sections)
    g_string_append (config_fixture_sections, "begin ");
}

static void
sections_add (IkePlugin *self, const IkeTree *section, GPtrArray *problems)
{
  if (config_fixture_sections)
    g_string_append_printf (config_fixture_sections, "%s=%s ", ike_tree_name (section),
                            ike_tree_string (section, "file", "?"));
  if (g_str_has_prefix (ike_tree_name (section), "pkcs12") && !ike_tree_get (section, "file"))
    g_ptr_array_add (problems, g_strdup (": names no file"));
  if (g_strcmp0 (ike_tree_string (section, "file", NULL), "bad") == 0)
    g_ptr_array_add (problems, g_strdup ("file: cannot be read"));
}

static void
sections_commit (IkePlugin *self)
{
  if (config_fixture_sections)
    g_string_append (config_fixture_sections, "commit ");
}

static const IkeSectionClass authorities = { sizeof authorities, sections_begin, sections_add,
                                             sections_commit };
static const IkeSectionClass bundles = { sizeof bundles, NULL, sections_add, NULL };

#define FEATURE(name, table)                                                                       \
  &(const IkeFeature)                                                                              \
  {                                                                                                \
    .struct_size = sizeof (IkeFeature), .provides = name, .ops = table                             \
  }

/* All but dpd_timeout, if_id_out, fragmentation = force, which test_model shows to be missing. */
static const guint32 acts_ops = sizeof (guint32);
#define ACTS(what) FEATURE ("acts:" what, &acts_ops)

static const IkeFeature *const features[] = {
  FEATURE ("aead:aes-gcm-16/256", &aead),
  FEATURE ("prf:hmac-sha2-256", &prf),
  FEATURE ("ke:curve25519", &ke),
  FEATURE ("auth:psk", &auth),
  FEATURE ("auth:picky", &picky),
  FEATURE ("auth:two-parts", &auth),
  FEATURE ("section:authorities", &authorities),
  FEATURE ("section:authorities/more", &bundles),
  FEATURE ("section:secrets/pkcs12", &bundles),
  ACTS ("connection/version"),
  ACTS ("connection/vips"),
  ACTS ("connection/pools"),
  ACTS ("connection/unique"),
  ACTS ("connection/if_id"),
  ACTS ("connection/if_id_in"),
  ACTS ("child/if_id"),
  ACTS ("connection/rekey_time"),
  ACTS ("connection/reauth_time"),
  ACTS ("connection/over_time"),
  ACTS ("connection/rand_time"),
  ACTS ("connection/dscp"),
  ACTS ("child/rekey_time"),
  ACTS ("child/life_time"),
  ACTS ("child/rand_time"),
  ACTS ("child/start_action"),
  ACTS ("child/close_action"),
  ACTS ("child/dpd_action"),
  ACTS ("child/hostaccess"),
  ACTS ("child/policies_fwd_out"),
  NULL,
};

#define OPTION(path, type, fallback)                                                               \
  &(const IkeOptionInfo)                                                                           \
  {                                                                                                \
    sizeof (IkeOptionInfo), path, type, fallback, "For tests."                                     \
  }

static const IkeOptionInfo *const options[] = {
  OPTION ("connection/quick", "bool", "no"),
  OPTION ("connection/motto", "string", "carpe diem"),
  OPTION ("child/colour", "enum:red|green|blue", "green"),
  OPTION ("local/token", "uint", NULL),
  OPTION ("connection/pause", "time", "2m"),
  NULL,
};
static const IkeOptionInfo *const lazy_options[] = { OPTION ("connection/lazy", "bool", "yes"),
                                                     NULL };

static gboolean
refuse (IkePlugin *self, GError **error)
{
  g_set_error (error, IKE_ERROR, IKE_ERROR_SYSTEM, "too lazy");
  return FALSE;
}

const IkePluginInfo config_fixture_plugin = {
  .struct_size = sizeof (IkePluginInfo),
  .abi_major = IKE_ABI_MAJOR,
  .abi_minor = IKE_ABI_MINOR,
  .name = "fixture",
  .version = "1",
  .license = "Apache-2.0",
  .summary = "for tests",
  .features = features,
  .options = options,
};
const IkePluginInfo config_fixture_lazy_plugin = {
  .struct_size = sizeof (IkePluginInfo),
  .abi_major = IKE_ABI_MAJOR,
  .abi_minor = IKE_ABI_MINOR,
  .name = "lazy",
  .version = "1",
  .license = "Apache-2.0",
  .summary = "for tests",
  .options = lazy_options,
  .activate = refuse,
};

/* -- engines */

void
config_fixture_init (ConfigFixture *fixture, const char *settings, const char *file)
{
  g_autoptr (GError) error = NULL;
  const IkePluginInfo *const builtin[] = { &config_fixture_plugin, &config_fixture_lazy_plugin,
                                           NULL };

  memset (fixture, 0, sizeof *fixture);
  fixture->sim = ike_sim_new (1);
  IkeEngineOptions engine_options = {
    .struct_size = sizeof engine_options,
    .name = "test",
    .sim = fixture->sim,
    .n_shards = 1,
    .settings = settings,
    .config_file = file,
    .plugin_dir = "/nonexistent",
    .catalog_file = "/nonexistent",
    .builtin = builtin,
  };
  fixture->engine = ike_engine_new (&engine_options, &error);
  g_assert_no_error (error);
  ike_engine_start (fixture->engine, &error);
  g_assert_no_error (error);
  ike_sim_settle (fixture->sim);
  fixture->problems = g_ptr_array_new_with_free_func (g_free);
}

void
config_fixture_clear (ConfigFixture *fixture)
{
  ike_config_unref (fixture->config);
  ike_engine_free (fixture->engine);
  ike_sim_free (fixture->sim);
  g_ptr_array_unref (fixture->problems);
}

IkeConfig *
config_fixture_build (ConfigFixture *fixture, const char *text, IkeConfig *previous)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (IkeTree) tree = ike_settings_parse (text, strlen (text), "c.conf", &error);
  IkeConfig *config;

  g_assert_no_error (error);
  g_ptr_array_set_size (fixture->problems, 0);
  config = ike_config_build (fixture->engine, tree, previous, fixture->problems);
  g_assert_nonnull (config);
  ike_config_unref (fixture->config);
  fixture->config = config;
  return config;
}

void
config_fixture_assert_problem (ConfigFixture *fixture, const char *pattern)
{
  g_autoptr (GString) all = g_string_new (NULL);

  for (guint i = 0; i < fixture->problems->len; i++) {
    if (g_pattern_match_simple (pattern, fixture->problems->pdata[i]))
      return;
    g_string_append_printf (all, "\n  %s", (const char *) fixture->problems->pdata[i]);
  }
  g_error ("no problem matches \"%s\", but there are:%s", pattern, all->str);
}

void
config_fixture_assert_clean (ConfigFixture *fixture)
{
  for (guint i = 0; i < fixture->problems->len; i++)
    g_error ("unexpected problem: %s", (const char *) fixture->problems->pdata[i]);
}
