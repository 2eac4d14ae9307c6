/* SPDX-License-Identifier: Apache-2.0 */
/* test_secret_find.c - config/secret_find.c against a walk over all secrets. */
#include "config/secrets_private.h"
#include "tests/config_fixture.h"

enum { N_CONFIGS = 150, N_QUESTIONS = 100, N_SECRETS_MAX = 30, N_OWNERS_MAX = 3 };

static const char *const names[] = {
  "a.example",
  "A.Example",
  "b.example",
  "*.example",
  "%any",
  "a@example",
  "A@EXAMPLE",
  "*@example",
  "10.0.0.1",
  "10.0.0.0/24",
  "2001:db8::1",
  "C=CH, O=Example, CN=a",
  "C=CH, O=example, CN=A",
  "C=CH, O=Example, CN=*",
  "fqdn:^.*example$",
  "keyid:a.example",
  "keyid:A.example",
  "@#6b6579",
  "rfc822:a.example",
  "%null",
};
static const char *const types[] = { "ike", "eap", "ntlm" };

static void
set_up (ConfigFixture *fixture, gconstpointer unused)
{
  config_fixture_init (fixture, "", NULL);
}

static void
tear_down (ConfigFixture *fixture, gconstpointer unused)
{
  config_fixture_clear (fixture);
}

/* -- the walk: what is to be found, by its definition */

static guint
walk_match (const IkeSharedSecret *secret, const IkeIdent *ident)
{
  guint best = secret->owners->len == 0 && ident ? 1 : 0;

  for (guint i = 0; ident && i < secret->owners->len; i++)
    best = MAX (best, ike_ident_match (ident, secret->owners->pdata[i]));
  return best;
}

static guint
walk_score (const IkeSharedSecret *secret, const IkeIdent *local, const IkeIdent *remote)
{
  guint ours = walk_match (secret, local), theirs = walk_match (secret, remote);

  if (!ours && !theirs && (local || remote || secret->owners->len))
    return 0;
  return 1 + ours + theirs + (ours > 1 && theirs > 1 ? 1000 : 0);
}

static IkeSecretBlob *
walk (const IkeConfig *config, const char *type, const IkeIdent *local, const IkeIdent *remote)
{
  const IkeSecrets *secrets = config->secrets;
  IkeSecretBlob *best = NULL;
  guint best_score = 0;

  for (guint i = 0; i < secrets->list->len; i++) {
    const IkeSharedSecret *secret = secrets->list->pdata[i];
    guint score = g_str_equal (secret->type, type) ? walk_score (secret, local, remote) : 0;

    if (score > best_score) {
      best = secret->value;
      best_score = score;
    }
  }
  return best;
}

/* -- random ones */

#define PICK(random, from) (from)[g_rand_int_range (random, 0, G_N_ELEMENTS (from))]

static char *
random_settings (GRand *random)
{
  g_autoptr (GString) text = g_string_new ("secrets {\n");
  gint n = g_rand_int_range (random, 0, N_SECRETS_MAX);

  for (gint i = 0; i < n; i++) {
    gint n_owners = g_rand_int_range (random, 0, N_OWNERS_MAX + 1);

    g_string_append_printf (text, "%s-%d {\n secret = secret-number-%d\n", PICK (random, types), i,
                            i);
    for (gint k = 0; k < n_owners; k++)
      g_string_append_printf (text, " id-%d = \"%s\"\n", k, PICK (random, names));
    g_string_append (text, "}\n");
  }
  g_string_append (text, "}\n");
  return g_string_free (g_steal_pointer (&text), FALSE);
}

static IkeIdent *
random_ident (GRand *random)
{
  if (g_rand_int_range (random, 0, 5) == 0)
    return NULL;
  return ike_ident_parse (PICK (random, names), NULL);
}

static void
ask (ConfigFixture *fixture, GRand *random)
{
  g_autoptr (IkeIdent) local = random_ident (random);
  g_autoptr (IkeIdent) remote = random_ident (random);
  const char *type = PICK (random, types);
  g_autoptr (IkeSecretBlob) found = ike_config_find_secret (fixture->config, type, local, remote);

  g_assert_true (found == walk (fixture->config, type, local, remote));
}

static void
test_the_same_as_by_a_walk (ConfigFixture *fixture, gconstpointer unused)
{
  GRand *random = g_rand_new_with_seed (20759);

  for (guint i = 0; i < N_CONFIGS; i++) {
    g_autofree char *text = random_settings (random);

    config_fixture_build (fixture, text, NULL);
    config_fixture_assert_clean (fixture);
    for (guint k = 0; k < N_QUESTIONS; k++)
      ask (fixture, random);
  }
  g_rand_free (random);
}

/* -- thousands */

static IkeSecretBlob *
find (ConfigFixture *fixture, const char *local, const char *remote)
{
  g_autoptr (IkeIdent) ours = local ? ike_ident_parse (local, NULL) : NULL;
  g_autoptr (IkeIdent) theirs = remote ? ike_ident_parse (remote, NULL) : NULL;

  return ike_config_find_secret (fixture->config, "eap", ours, theirs);
}

static void
assert_found (ConfigFixture *fixture, const char *local, const char *remote, const char *expected)
{
  g_autoptr (IkeSecretBlob) found = find (fixture, local, remote);

  g_assert_nonnull (found);
  g_assert_cmpmem (ike_secret_blob_data (found), ike_secret_blob_len (found), expected,
                   strlen (expected));
}

/* Each secret names the gateway too: none of them is looked at but the one that is asked for. */
static void
test_each_of_many_is_found (ConfigFixture *fixture, gconstpointer unused)
{
  g_autoptr (GString) text = g_string_new ("secrets {\n");
  const guint n = 2000;

  for (guint i = 0; i < n; i++)
    g_string_append_printf (
        text, "eap-%u { id-1 = gateway.example\n id-2 = user%u@example\n secret = password-%u }\n",
        i, i, i);
  g_string_append (text, "}\n");
  config_fixture_build (fixture, text->str, NULL);
  config_fixture_assert_clean (fixture);
  for (guint i = 0; i < n; i++) {
    g_autofree char *name = g_strdup_printf ("USER%u@example", i);
    g_autofree char *password = g_strdup_printf ("password-%u", i);

    assert_found (fixture, "gateway.example", name, password);
    assert_found (fixture, name, NULL, password);
  }
  assert_found (fixture, "gateway.example", "nobody@example", "password-0");
  g_assert_null (find (fixture, NULL, "nobody@example"));
  g_assert_null (find (fixture, NULL, NULL));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, function)                                                                        \
  g_test_add ("/secret-find/" name, ConfigFixture, NULL, set_up, function, tear_down)
  ADD ("the-same-as-by-a-walk", test_the_same_as_by_a_walk);
  ADD ("each-of-many-is-found", test_each_of_many_is_found);
  return g_test_run ();
}
