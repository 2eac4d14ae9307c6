/* SPDX-License-Identifier: Apache-2.0 */
/* sections.c - what the configuration says in `authorities` and in `secrets` about keys, PKCS#12
 * containers and tokens. */
#include <string.h>

#include "private.h"

enum { URIS_MAX = 64, SECRET_MAX = 4096 };

/* -- one configuration after the other */

static Set *
pending (State *state)
{
  if (!state->pending) {
    state->pending = set_new (state);
    scan_directories (state->pending);
  }
  return state->pending;
}

/* Without `service:pki` no section would be read; that it is needed is said by the features. */
static Set *
pending_of (IkePlugin *self, GPtrArray *problems)
{
  State *state = state_get (self);
  g_autoptr (GError) error = NULL;

  if (state_pki (state, &error))
    return pending (state);
  value_problem (problems, ": %s", error->message);
  return NULL;
}

static void
begin (IkePlugin *self)
{
  State *state = state_get (self);

  g_clear_pointer (&state->pending, set_free);
  if (state_pki (state, NULL))
    pending (state);
}

static void
start_tokens (const Set *set, const Set *previous_or_null)
{
  for (guint i = 0; i < set->tokens->len; i++)
    if (!previous_or_null
        || !g_ptr_array_find (previous_or_null->tokens, set->tokens->pdata[i], NULL))
      token_load (set->tokens->pdata[i]);
}

static void
stop_tokens (const Set *set, const Set *next)
{
  for (guint i = 0; i < set->tokens->len; i++)
    if (!g_ptr_array_find (next->tokens, set->tokens->pdata[i], NULL))
      token_stop (set->tokens->pdata[i]);
}

/* A configuration that asks for the same, because only a connection was added, keeps the snapshot
 * with all that was made of it. */
static void
commit (IkePlugin *self)
{
  State *state = state_get (self);
  Set *next = g_steal_pointer (&state->pending), *previous = state->current;

  if (!next)
    return;
  set_complete (next);
  if (previous && set_equal (previous, next)) {
    set_free (next);
    return;
  }
  state->current = next;
  state_publish (state);
  if (previous)
    stop_tokens (previous, next);
  start_tokens (next, previous);
  set_free (previous);
}

/* Connections are checked after all sections were added, under --check too. */
gboolean
sections_require (IkePlugin *self, IkeCredentialKind kind, const char *name, GError **error)
{
  State *state = state_get (self);

  if (!state_pki (state, error))
    return FALSE;
  set_complete (pending (state));
  return set_require (pending (state), kind, name, error);
}

/* -- authorities */

static gboolean
is_uri (const char *text)
{
  const char *colon = strchr (text, ':');

  return colon && colon > text && g_ascii_isalpha (text[0]) && colon[1];
}

static char **
read_uris (const IkeTree *section, const char *key, GPtrArray *problems)
{
  char **uris = ike_value_list (ike_tree_string (section, key, ""));

  for (guint i = 0; uris[i]; i++)
    if (!is_uri (uris[i]))
      value_problem (problems, "%s: %s is no URI; write http://HOST/PATH", key, uris[i]);
  if (g_strv_length (uris) > URIS_MAX)
    value_problem (problems, "%s: has more than %u URIs", key, (guint) URIS_MAX);
  return uris;
}

static Source *
read_ca (Set *set, const IkeTree *section, GPtrArray *problems)
{
  const char *key = ike_tree_get (section, "cacert") ? "cacert" : "file";
  const char *name = ike_tree_string (section, key, NULL);
  g_autoptr (GError) error = NULL;

  if (!name || !*name)
    value_problem (problems,
                   ": says for no CA what it is about; name its certificate with cacert = FILE");
  else if (set_require (set, IKE_CREDENTIAL_CA, name, &error))
    return source_ref (g_hash_table_lookup (set->names[IKE_CREDENTIAL_CA], name));
  else
    value_problem (problems, "%s: %s", key, error->message);
  return NULL;
}

static Authority *
authority_new (const IkeTree *section, GPtrArray *problems)
{
  Authority *authority = g_new0 (Authority, 1);

  authority->references = 1;
  authority->name = g_strdup (ike_tree_name (section));
  authority->section = ike_tree_copy (section);
  authority->crl_uris = read_uris (section, "crl_uris", problems);
  authority->ocsp_uris = read_uris (section, "ocsp_uris", problems);
  authority->cert_uri_base = g_strdup (ike_tree_string (section, "cert_uri_base", NULL));
  return authority;
}

/* The first one counts. */
static void
check_other (const Set *set, const Authority *authority, GPtrArray *problems)
{
  for (guint i = 0; i < set->authorities->len; i++) {
    const Authority *other = set->authorities->pdata[i];
    if (other == authority)
      return;
    if (other->source == authority->source) {
      value_problem (problems,
                     "warning: cacert: is that of authorities.%s, too, which counts; this section "
                     "is ignored",
                     other->name);
      return;
    }
  }
}

static void
add_authority (IkePlugin *self, const IkeTree *section, GPtrArray *problems)
{
  static const char *const known[] = { "cacert",   "file",      "handle",        "slot", "module",
                                       "crl_uris", "ocsp_uris", "cert_uri_base", NULL };
  Set *set = pending_of (self, problems);
  Authority *authority;

  if (!set)
    return;
  value_check_keys (section, known, problems);
  authority = authority_new (section, problems);
  g_ptr_array_add (set->authorities, authority);
  if (ike_tree_get (section, "handle")) {
    g_autofree char *name = g_strconcat ("authorities.", authority->name, NULL);
    Token *token = token_add (set, name, section, problems);
    authority_unref (token->authority);
    token->authority = authority_ref (authority);
    return;
  }
  authority->source = read_ca (set, section, problems);
  if (authority->source)
    check_other (set, authority, problems);
  else
    g_ptr_array_remove (set->authorities, authority);
}

/* -- secrets */

static const char *const secret_keys[] = { "file", "secret", NULL };

static IkeSecretBlob *
read_secret (const IkeTree *section, GPtrArray *problems)
{
  const char *text = ike_tree_string (section, "secret", "");
  g_autoptr (GError) error = NULL;
  IkeSecretBlob *secret;

  if (!*text) {
    value_problem (problems, "secret: is missing or empty; it is the passphrase of the file");
    return NULL;
  }
  if (strlen (text) > SECRET_MAX) {
    value_problem (problems, "secret: is longer than %u bytes", (guint) SECRET_MAX);
    return NULL;
  }
  secret = value_decode (text, &error);
  if (!secret)
    value_problem (problems, "secret: %s", error->message);
  return secret;
}

static gboolean
is_below (const Set *set, SourceKind kind, const char *path)
{
  g_autofree char *directory = g_path_get_dirname (path);
  g_autofree char *wanted =
      set->directory ? g_build_filename (set->directory, source_directory (kind), NULL) : NULL;

  return g_strcmp0 (directory, wanted) == 0;
}

static void
read_with_secret (Set *set, SourceKind kind, const IkeTree *section, IkeSecretBlob *secret,
                  GPtrArray *problems)
{
  const char *file = ike_tree_string (section, "file", "");
  g_autofree char *path = *file ? set_path (set, kind, file) : NULL;
  const Source *source;
  gboolean is_news;

  if (!path) {
    value_problem (problems,
                   *file ? "file: %s is a relative name, but no directory is configured; "
                           "write an absolute path"
                         : "file: is missing%s",
                   file);
    return;
  }

  const SourceQuery query = {
    .kind = kind,
    .path = path,
    .is_in_directory = is_below (set, kind, path),
    .passphrase = secret,
  };

  source = set_take (set, &query, &is_news);
  if (source->problem)
    value_problem (problems, "file: %s: %s", source->label, source->problem);
  if (source->warning && is_news && !source->is_in_directory)
    value_problem (problems, "warning: file: %s: %s", source->label, source->warning);
}

static void
add_file (IkePlugin *self, SourceKind kind, const IkeTree *section, GPtrArray *problems)
{
  Set *set = pending_of (self, problems);
  g_autoptr (IkeSecretBlob) secret = NULL;

  if (!set)
    return;
  value_check_keys (section, secret_keys, problems);
  secret = read_secret (section, problems);
  if (secret)
    read_with_secret (set, kind, section, secret, problems);
}

/* The name of a section begins with its directory: secrets.rsa-moon is about a file in rsa. */
static void
add_private (IkePlugin *self, const IkeTree *section, GPtrArray *problems)
{
  SourceKind kind = KIND_PRIVATE;

  for (SourceKind k = KIND_RSA; k <= KIND_PKCS8; k++)
    if (g_str_has_prefix (ike_tree_name (section), source_directory (k)))
      kind = k;
  add_file (self, kind, section, problems);
}

static void
add_pkcs12 (IkePlugin *self, const IkeTree *section, GPtrArray *problems)
{
  add_file (self, KIND_PKCS12, section, problems);
}

static void
add_token (IkePlugin *self, const IkeTree *section, GPtrArray *problems)
{
  static const char *const known[] = { "handle", "slot", "module", "pin", NULL };
  Set *set = pending_of (self, problems);
  g_autofree char *name = g_strconcat ("secrets.", ike_tree_name (section), NULL);

  if (!set)
    return;
  value_check_keys (section, known, problems);
  token_add (set, name, section, problems);
}

const IkeSectionClass authorities_class = {
  .struct_size = sizeof (IkeSectionClass),
  .begin = begin,
  .add = add_authority,
  .commit = commit,
};

const IkeSectionClass private_class = {
  .struct_size = sizeof (IkeSectionClass),
  .add = add_private,
};

const IkeSectionClass pkcs12_class = {
  .struct_size = sizeof (IkeSectionClass),
  .add = add_pkcs12,
};

const IkeSectionClass token_class = {
  .struct_size = sizeof (IkeSectionClass),
  .add = add_token,
};
