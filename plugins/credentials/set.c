/* SPDX-License-Identifier: Apache-2.0 */
/* set.c - all that one configuration asks for, while it is built; control only. */
#include <string.h>

#include <ikebana/log.h>

#include "private.h"

/* -- life */

Authority *
authority_ref (Authority *authority)
{
  g_atomic_int_inc (&authority->references);
  return authority;
}

void
authority_unref (Authority *authority)
{
  if (!authority || !g_atomic_int_dec_and_test (&authority->references))
    return;
  source_unref (authority->source);
  ike_tree_free (authority->section);
  g_strfreev (authority->crl_uris);
  g_strfreev (authority->ocsp_uris);
  g_free (authority->cert_uri_base);
  g_free (authority->name);
  g_free (authority);
}

/* The option, else where the engine's settings file lies. */
static char *
configured_directory (State *state)
{
  const char *option = ike_plugin_option (state->self, "directory");
  const char *file = ike_engine_config_file (state->engine);

  if (option && *option)
    return g_canonicalize_filename (option, "/");
  if (!file)
    return NULL;

  g_autofree char *absolute = g_canonicalize_filename (file, NULL);

  return g_path_get_dirname (absolute);
}

Set *
set_new (State *state)
{
  Set *set = g_new0 (Set, 1);

  set->state = state;
  set->directory = configured_directory (state);
  for (guint i = 0; i < N_DIRECTORIES; i++)
    set->by_path[i] =
        g_hash_table_new_full (g_str_hash, g_str_equal, NULL, (GDestroyNotify) source_unref);
  for (guint i = 0; i < G_N_ELEMENTS (set->names); i++)
    set->names[i] =
        g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) source_unref);
  set->authorities = g_ptr_array_new_with_free_func ((GDestroyNotify) authority_unref);
  set->tokens = g_ptr_array_new_with_free_func ((GDestroyNotify) token_unref);
  set->problems = g_ptr_array_new_with_free_func (g_free);
  return set;
}

void
set_free (Set *set)
{
  if (!set)
    return;
  for (guint i = 0; i < N_DIRECTORIES; i++)
    g_hash_table_unref (set->by_path[i]);
  for (guint i = 0; i < G_N_ELEMENTS (set->names); i++)
    g_hash_table_unref (set->names[i]);
  g_ptr_array_unref (set->authorities);
  g_ptr_array_unref (set->tokens);
  g_ptr_array_unref (set->problems);
  g_free (set->directory);
  g_free (set);
}

/* -- sources */

char *
set_path (const Set *set, SourceKind kind, const char *name)
{
  g_autofree char *below = NULL;

  if (g_path_is_absolute (name))
    return g_canonicalize_filename (name, "/");
  if (!set->directory)
    return NULL;
  below = g_build_filename (set->directory, source_directory (kind), NULL);
  return g_canonicalize_filename (name, below);
}

static char *
label_of (const Set *set, const char *path)
{
  gsize len = set->directory ? strlen (set->directory) : 0;

  return g_strdup (len && !strncmp (path, set->directory, len) && path[len] == '/' ? path + len + 1
                                                                                   : path);
}

static gboolean
same_passphrase (IkeSecretBlob *a, IkeSecretBlob *b)
{
  if (!a || !b)
    return a == b;
  return ike_secret_blob_len (a) == ike_secret_blob_len (b)
         && ike_equal (ike_secret_blob_data (a), ike_secret_blob_data (b), ike_secret_blob_len (a));
}

static gboolean
is_same (const Source *previous, const SourceQuery *query, const char *label)
{
  return previous->is_in_directory == query->is_in_directory && g_str_equal (previous->label, label)
         && same_passphrase (previous->passphrase, query->passphrase);
}

static Source *
read_anew (const Set *set, const SourceQuery *query, const char *label)
{
  Source *source = source_new (set->state, query->kind, query->path, label);

  source->is_in_directory = query->is_in_directory;
  source->passphrase = query->passphrase ? ike_secret_blob_ref (query->passphrase) : NULL;
  source_read (set->state, source);
  return source;
}

/* A file is read again with a passphrase after it was found locked; then its other problems are no
 * news. */
Source *
set_take (Set *set, const SourceQuery *query, gboolean *is_news_or_null)
{
  const Set *current = set->state->current;
  Source *previous =
      current ? g_hash_table_lookup (current->by_path[query->kind], query->path) : NULL;
  g_autofree char *label = label_of (set, query->path);
  Source *source;
  Stamp stamp;

  stamp_of (query->path, &stamp, NULL);
  gboolean is_unchanged = previous && stamp_equal (&previous->stamp, &stamp);
  if (is_unchanged && is_same (previous, query, label))
    source = source_ref (previous);
  else
    source = read_anew (set, query, label);
  if (is_news_or_null)
    *is_news_or_null = !is_unchanged;
  g_hash_table_replace (set->by_path[query->kind], source->path, source);
  return source;
}

static gint
compare_sources (gconstpointer a, gconstpointer b)
{
  const Source *one = *(const Source *const *) a, *two = *(const Source *const *) b;

  if (one->kind != two->kind)
    return one->kind < two->kind ? -1 : 1;
  return strcmp (one->path, two->path);
}

/* Inline values are in @names only. */
static void
add_inline (GPtrArray *into, GHashTable *names)
{
  GHashTableIter iter;
  gpointer key, value;

  g_hash_table_iter_init (&iter, names);
  while (g_hash_table_iter_next (&iter, &key, &value))
    if (value_is_inline (key))
      g_ptr_array_add (into, source_ref (value));
}

GPtrArray *
set_sources (const Set *set)
{
  GPtrArray *sources = g_ptr_array_new_with_free_func ((GDestroyNotify) source_unref);
  GHashTableIter iter;
  gpointer value;

  for (guint i = 0; i < N_DIRECTORIES; i++) {
    g_hash_table_iter_init (&iter, set->by_path[i]);
    while (g_hash_table_iter_next (&iter, NULL, &value))
      g_ptr_array_add (sources, source_ref (value));
  }
  for (guint i = 0; i < G_N_ELEMENTS (set->names); i++)
    add_inline (sources, set->names[i]);
  for (guint i = 0; i < set->tokens->len; i++) {
    const Token *token = set->tokens->pdata[i];
    if (token->answer)
      g_ptr_array_add (sources, source_ref (token->answer));
  }
  g_ptr_array_sort (sources, compare_sources);
  return sources;
}

/* -- names */

static const struct {
  SourceKind kind;
  const char *what;
} name_kinds[] = {
  [IKE_CREDENTIAL_CERT] = { KIND_X509, "certificate" },
  [IKE_CREDENTIAL_CA] = { KIND_X509CA, "CA certificate" },
  [IKE_CREDENTIAL_PUBKEY] = { KIND_PUBKEY, "public key" },
};

/* Its text is long and means nothing to people. */
static Source *
take_inline (Set *set, IkeCredentialKind kind, const char *value)
{
  const Set *current = set->state->current;
  Source *previous = current ? g_hash_table_lookup (current->names[kind], value) : NULL;
  Source *source;

  if (previous)
    return source_ref (previous);

  g_autofree char *label = g_strdup_printf ("%.12s… in the configuration", value);

  source = source_new (set->state, name_kinds[kind].kind, value, label);
  source_read_inline (set->state, source, value);
  return source;
}

static Source *
take_file (Set *set, IkeCredentialKind kind, const char *name, GError **error)
{
  SourceKind source_kind = name_kinds[kind].kind;
  g_autofree char *path = set_path (set, source_kind, name);
  const SourceQuery query = { .kind = source_kind, .path = path };
  Source *source;

  if (!path) {
    g_set_error (error, IKE_ERROR, IKE_ERROR_CONFIG,
                 "%s is a relative name, but there is no directory that it could be in; set "
                 "plugins.credentials.directory, or write an absolute path",
                 name);
    return NULL;
  }
  source = g_hash_table_lookup (set->by_path[source_kind], path);
  return source_ref (source ? source : set_take (set, &query, NULL));
}

static gboolean
is_usable (const Source *source, IkeCredentialKind kind, GError **error)
{
  if (source->problem)
    g_set_error (error, IKE_ERROR, IKE_ERROR_CONFIG, "%s %s: %s", name_kinds[kind].what,
                 source->label, source->problem);
  else if (kind != IKE_CREDENTIAL_PUBKEY && source->certs->len == 0)
    g_set_error (error, IKE_ERROR, IKE_ERROR_CONFIG, "%s %s: %s", name_kinds[kind].what,
                 source->label, source->warning ? source->warning : "is empty");
  else
    return TRUE;
  return FALSE;
}

gboolean
set_require (Set *set, IkeCredentialKind kind, const char *name, GError **error)
{
  g_return_val_if_fail (kind < G_N_ELEMENTS (set->names) && name, FALSE);
  if (g_hash_table_contains (set->names[kind], name))
    return TRUE;

  Source *source =
      value_is_inline (name) ? take_inline (set, kind, name) : take_file (set, kind, name, error);

  if (!source)
    return FALSE;
  if (!is_usable (source, kind, error)) {
    source_unref (source);
    return FALSE;
  }
  g_hash_table_insert (set->names[kind], g_strdup (name), source);
  return TRUE;
}

/* -- complete */

void
set_complete (Set *set)
{
  if (set->is_complete)
    return;
  set->is_complete = TRUE;

  g_autoptr (GPtrArray) sources = set_sources (set);
  const Set *current = set->state->current;

  for (guint i = 0; i < sources->len; i++) {
    const Source *source = sources->pdata[i];
    const Source *previous =
        current && source->is_locked
            ? g_hash_table_lookup (current->by_path[source->kind], source->path)
            : NULL;
    if (source->is_locked && previous != source)
      ike_log (set->state->engine, IKE_LOG_NOTICE, LOG_GROUP, "%s: %s", source->label,
               source->problem);
  }
}

static gboolean
same_table (GHashTable *a, GHashTable *b)
{
  GHashTableIter iter;
  gpointer key, value;

  if (g_hash_table_size (a) != g_hash_table_size (b))
    return FALSE;
  g_hash_table_iter_init (&iter, a);
  while (g_hash_table_iter_next (&iter, &key, &value))
    if (g_hash_table_lookup (b, key) != value)
      return FALSE;
  return TRUE;
}

static gboolean
same_authorities (const GPtrArray *a, const GPtrArray *b)
{
  if (a->len != b->len)
    return FALSE;
  for (guint i = 0; i < a->len; i++) {
    const Authority *one = a->pdata[i], *two = b->pdata[i];
    if (one->source != two->source || !g_str_equal (one->name, two->name)
        || !ike_tree_equal (one->section, two->section))
      return FALSE;
  }
  return TRUE;
}

gboolean
set_equal (const Set *a, const Set *b)
{
  for (guint i = 0; i < N_DIRECTORIES; i++)
    if (!same_table (a->by_path[i], b->by_path[i]))
      return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (a->names); i++)
    if (!same_table (a->names[i], b->names[i]))
      return FALSE;
  if (!same_authorities (a->authorities, b->authorities) || a->tokens->len != b->tokens->len)
    return FALSE;
  for (guint i = 0; i < a->tokens->len; i++)
    if (a->tokens->pdata[i] != b->tokens->pdata[i])
      return FALSE;
  return a->problems->len == b->problems->len && g_strcmp0 (a->directory, b->directory) == 0;
}
