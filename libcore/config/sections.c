/* SPDX-License-Identifier: Apache-2.0 */
/* sections.c - sections of the stores that plugins read (kind `section`), and what authentication
 * methods have to say about a configuration before it is used. */
#include "config/model_private.h"
#include <ikebana/auth.h>
#include <ikebana/plugin.h>
#include <string.h>

static void
each_reader (IkeEngine *engine, gboolean is_end)
{
  guint n = 0;
  const IkeProvided *const *readers = ike_feature_list (engine, "section", &n);

  for (guint i = 0; i < n; i++) {
    const IkeSectionClass *klass = readers[i]->ops;
    void (*func) (IkePlugin *) = is_end ? klass->commit : klass->begin;
    if (func)
      func (readers[i]->plugin);
  }
}

void
ike_sections_begin (IkeEngine *engine)
{
  each_reader (engine, FALSE);
}

void
ike_sections_commit (IkeEngine *engine)
{
  each_reader (engine, TRUE);
}

/* "KEY: sentence" and "warning: KEY: sentence" of a plugin, with the file and line of that key. */
static void
tell (IkeBuilder *builder, const IkeTree *section, const char *problem)
{
  gboolean is_warning = g_str_has_prefix (problem, "warning: ");
  const char *text = is_warning ? problem + strlen ("warning: ") : problem;
  const char *colon = strstr (text, ": ");
  g_autofree char *key = colon && colon > text ? g_strndup (text, (gsize) (colon - text)) : NULL;
  const IkeTree *leaf = key ? ike_tree_get (section, key) : NULL;
  const char *sentence = colon ? colon + 2 : text;

  if (is_warning)
    ike_builder_warn (builder, leaf ? leaf : section, key, "%s", sentence);
  else
    ike_builder_fail (builder, leaf ? leaf : section, key, "%s", sentence);
}

static void
tell_all (IkeBuilder *builder, const IkeTree *section, const GPtrArray *problems)
{
  for (guint i = 0; i < problems->len; i++)
    tell (builder, section, problems->pdata[i]);
}

/* "section:pools", and "section:pools/NAME" of each of several that share it. */
static gboolean
is_reader (const IkeProvided *reader, const char *kind)
{
  gsize len = strlen (kind);

  return !strncmp (reader->name, kind, len) && (!reader->name[len] || reader->name[len] == '/');
}

gboolean
ike_section_is_read (const IkeBuilder *builder, const char *kind)
{
  guint n = 0;
  const IkeProvided *const *readers = ike_feature_list (builder->engine, "section", &n);

  for (guint i = 0; i < n; i++)
    if (is_reader (readers[i], kind))
      return TRUE;
  return FALSE;
}

gboolean
ike_section_add (IkeBuilder *builder, const char *kind, const IkeTree *section)
{
  guint n = 0;
  const IkeProvided *const *readers = ike_feature_list (builder->engine, "section", &n);
  g_autoptr (GPtrArray) problems = g_ptr_array_new_with_free_func (g_free);
  gboolean is_read = FALSE;

  for (guint i = 0; i < n; i++) {
    if (!is_reader (readers[i], kind))
      continue;
    is_read = TRUE;
    ((const IkeSectionClass *) readers[i]->ops)->add (readers[i]->plugin, section, problems);
  }
  tell_all (builder, section, problems);
  return is_read;
}

void
ike_sections_add (IkeBuilder *builder, const IkeTree *tree, const char *name)
{
  const IkeTree *sections = ike_tree_child (tree, name, strlen (name), TRUE);
  gsize len = ike_builder_push (builder, name);

  for (guint i = 0; i < ike_tree_n (sections); i++) {
    const IkeTree *section = ike_tree_nth (sections, i);
    gsize below = ike_builder_push (builder, ike_tree_name (section));
    if (!ike_section_add (builder, name, section))
      ike_builder_warn (builder, section, NULL,
                        "no plugin that is loaded reads section %s; ignored", name);
    ike_builder_pop (builder, below);
  }
  ike_builder_pop (builder, len);
}

/* The exchanges look in the same order: all of it names a method, else its first part does. */
const IkeProvided *
ike_auth_method (const IkeBuilder *builder, const char *auth)
{
  g_autofree char *all = g_strconcat ("auth:", auth, NULL);
  const IkeProvided *found = ike_feature_find (builder->engine, all, NULL);

  if (found)
    return found;
  all[strlen ("auth:") + strcspn (auth, "-:/")] = '\0';
  return ike_feature_find (builder->engine, all, NULL);
}

gboolean
ike_auth_reads_more (const IkeBuilder *builder, const IkeAuthConf *auth)
{
  const IkeProvided *method = ike_auth_method (builder, auth->auth);

  return method && ((const IkeAuthClass *) method->ops)->check;
}

void
ike_auth_check (IkeBuilder *builder, const IkeAuthConf *auth, gboolean is_local)
{
  const IkeProvided *method = ike_auth_method (builder, auth->auth);
  g_autoptr (GPtrArray) problems = g_ptr_array_new_with_free_func (g_free);

  if (!ike_auth_reads_more (builder, auth))
    return;
  ((const IkeAuthClass *) method->ops)->check (method->plugin, auth, is_local, problems);
  tell_all (builder, auth->settings, problems);
}

/* A connection that is kept was good once; what it names may have gone since. */
void
ike_conn_check_again (IkeBuilder *builder, const IkeConn *conn)
{
  const struct {
    const IkeAuthConf *auths;
    guint32 n;
    gboolean is_local;
  } sides[] = { { conn->local, conn->n_local, TRUE }, { conn->remote, conn->n_remote, FALSE } };
  gsize len = ike_builder_push (builder, conn->name);

  for (guint i = 0; i < G_N_ELEMENTS (sides); i++)
    for (guint32 k = 0; k < sides[i].n; k++) {
      gsize below = ike_builder_push (builder, sides[i].auths[k].name);
      ike_auth_check (builder, &sides[i].auths[k], sides[i].is_local);
      ike_builder_pop (builder, below);
    }
  ike_builder_pop (builder, len);
  builder->has_failed = FALSE;
}
