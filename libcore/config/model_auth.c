/* SPDX-License-Identifier: Apache-2.0 */
/* model_auth.c - sections local* and remote*: who authenticates how, in which round. */
#include "config/model_private.h"
#include <ikebana/plugin.h>
#include <string.h>

enum { MAX_ROUNDS = 16 };

static const IkeField fields[] = {
  { "round", IKE_FIELD_UINT, G_STRUCT_OFFSET (IkeAuthConf, round), "0", NULL, 1000 },
  { "auth", IKE_FIELD_TEXT, G_STRUCT_OFFSET (IkeAuthConf, auth), "pubkey", NULL, 0 },
  { "id", IKE_FIELD_TEXT, G_STRUCT_OFFSET (IkeAuthConf, id_text), NULL, NULL, 0 },
  { NULL },
};

/* Certificates with sections of their own: for methods that look at what they are given. */
static const IkeSubsection subsections[] = { { "cert", TRUE },
                                             { "cacert", TRUE },
                                             { NULL, FALSE } };

/* `auth = psk` needs the feature auth:psk; of "a-b" it is the first part that names the method,
 * unless there is an auth:a-b. */
static void
check_method (IkeBuilder *builder, const IkeTree *section, const char *auth)
{
  const IkeTree *leaf = ike_tree_child (section, "auth", strlen ("auth"), FALSE);
  g_autofree char *first = g_strndup (auth, strcspn (auth, "-:/")), *feature = NULL, *why = NULL;

  if (!*first || strspn (first, "abcdefghijklmnopqrstuvwxyz0123456789") != strlen (first)) {
    ike_builder_fail (builder, leaf ? leaf : section, "auth",
                      "'%s' is no authentication method; write psk or pubkey", auth);
    return;
  }
  if (ike_auth_method (builder, auth))
    return;
  feature = g_strconcat ("auth:", first, NULL);
  why = ike_plugin_explain (builder->engine, feature);
  ike_builder_fail (builder, leaf ? leaf : section, "auth", "'%s' cannot be used: %s", auth, why);
}

static void
read_identity (IkeBuilder *builder, const IkeTree *section, IkeAuthConf *auth)
{
  const IkeTree *leaf = ike_tree_child (section, "id", strlen ("id"), FALSE);
  g_autoptr (GError) error = NULL;

  if (!auth->id_text || !*auth->id_text)
    return;
  auth->id = ike_ident_parse (auth->id_text, &error);
  if (!auth->id)
    ike_builder_fail (builder, leaf, "id", "%s", error->message);
  else if (ike_ident_type (auth->id) == IKE_ID_ANY)
    g_clear_pointer (&auth->id, ike_ident_unref);
}

static void
build_one (IkeBuilder *builder, const IkeTree *section, const char *side, IkeAuthConf *auth)
{
  const char *name = ike_tree_name (section);
  gsize len = ike_builder_push (builder, name);

  auth->name = g_strdup (name);
  auth->settings = ike_tree_copy (section);
  ike_builder_read_fields (builder, section, fields, NULL, auth);
  ike_builder_check_keys (builder, side, section, fields,
                          ike_auth_reads_more (builder, auth) ? subsections : NULL);
  check_method (builder, section, auth->auth);
  read_identity (builder, section, auth);
  auth->options = ike_builder_read_options (builder, side, section);
  ike_auth_check (builder, auth, g_str_equal (side, "local"));
  ike_builder_pop (builder, len);
}

/* Insertion keeps the order of appearance within a round; there are few. */
static void
sort_by_round (IkeAuthConf *auths, guint n)
{
  for (guint i = 1; i < n; i++)
    for (guint j = i; j > 0 && auths[j - 1].round > auths[j].round; j--) {
      IkeAuthConf kept = auths[j];
      auths[j] = auths[j - 1];
      auths[j - 1] = kept;
    }
}

IkeAuthConf *
ike_auths_build (IkeBuilder *builder, const IkeTree *section, const char *side, guint32 *n)
{
  IkeAuthConf *auths = g_new0 (IkeAuthConf, MAX_ROUNDS);
  guint count = 0;

  for (guint i = 0; i < ike_tree_n (section); i++) {
    const IkeTree *child = ike_tree_nth (section, i);
    if (ike_tree_type (child) != IKE_TREE_SECTION
        || !g_str_has_prefix (ike_tree_name (child), side))
      continue;
    if (count == MAX_ROUNDS) {
      ike_builder_fail (builder, child, ike_tree_name (child), "more than %u authentication rounds",
                        (guint) MAX_ROUNDS);
      break;
    }
    build_one (builder, child, side, &auths[count++]);
  }
  if (count == 0)
    ike_builder_fail (builder, section, side,
                      "is missing; say how %s authenticates, such as %s { auth = psk }",
                      g_str_equal (side, "local") ? "this end" : "the peer", side);
  sort_by_round (auths, count);
  *n = count;
  return auths;
}

void
ike_auths_free (IkeAuthConf *auths, guint32 n)
{
  for (guint32 i = 0; auths && i < n; i++) {
    g_free (auths[i].name);
    g_free (auths[i].auth);
    g_free (auths[i].id_text);
    ike_ident_unref (auths[i].id);
    ike_options_free (NULL, auths[i].options);
    ike_tree_free (auths[i].settings);
  }
  g_free (auths);
}
