/* SPDX-License-Identifier: Apache-2.0 */
/* credentials.c - certificates and keys of this host: from directories like those of swanctl, from
 * PKCS#12 containers, from the configuration, and from tokens.
 *
 * Each time a configuration is built, the directories are looked through again; what did not
 * change is not read again.  When the configuration takes effect, so does a new snapshot, in which
 * shards find things without waiting for anybody.  What is read is checked by `service:pki`; what
 * cannot be read is told with its name and what to do, and does no harm to the rest. */
#include "config.h"

#include <ikebana/command.h>
#include <ikebana/plugin.h>

#include "private.h"

/* -- state */

static void
drop (State *state)
{
  if (state->current)
    for (guint i = 0; i < state->current->tokens->len; i++)
      token_stop (state->current->tokens->pdata[i]);
  g_clear_pointer (&state->pending, set_free);
  g_clear_pointer (&state->current, set_free);
  g_clear_pointer (&state->snapshot, snapshot_unref);
}

static void
state_free (gpointer data)
{
  State *state = data;

  drop (state);
  g_hash_table_unref (state->unloaded);
  pthread_mutex_destroy (&state->lock);
  g_free (state);
}

State *
state_get (IkePlugin *self)
{
  State *state = ike_plugin_state (self);

  if (state)
    return state;
  state = g_new0 (State, 1);
  state->self = self;
  state->engine = ike_plugin_engine (self);
  state->unloaded =
      g_hash_table_new_full (g_bytes_hash, g_bytes_equal, (GDestroyNotify) g_bytes_unref, NULL);
  pthread_mutex_init (&state->lock, NULL);
  ike_plugin_set_state (self, state, state_free);
  return state;
}

gboolean
state_pki (State *state, GError **error)
{
  const IkeProvided *provided;

  if (state->pki)
    return TRUE;
  provided = ike_feature_find (state->engine, "service:pki", error);
  if (!provided)
    return FALSE;
  state->pki = provided->ops;
  state->pki_plugin = provided->plugin;
  return TRUE;
}

static IkeCredentials *
swap (State *state, IkeCredentials *next_take)
{
  IkeCredentials *previous;

  pthread_mutex_lock (&state->lock);
  previous = state->snapshot;
  state->snapshot = next_take;
  pthread_mutex_unlock (&state->lock);
  return previous;
}

void
state_publish (State *state)
{
  IkeCredentials *next = snapshot_new (state, state->current);
  IkeCredentials *previous = swap (state, next);

  expiry_tell (state, next, previous);
  snapshot_unref (previous);
}

/* -- service:credentials */

static IkeCredentials *
get (IkePlugin *self)
{
  State *state = ike_plugin_state (self);
  IkeCredentials *credentials;

  pthread_mutex_lock (&state->lock);
  credentials = state->snapshot ? snapshot_ref (state->snapshot) : NULL;
  pthread_mutex_unlock (&state->lock);
  return credentials;
}

static guint64
generation (const IkeCredentials *credentials)
{
  return credentials->generation;
}

static void
own_clear (IkeOwn *own)
{
  const IkePkiOps *pki = own->credentials ? own->credentials->pki : NULL;

  if (!pki)
    return;
  pki->cert_unref (g_steal_pointer (&own->cert));
  for (guint i = 0; i < own->n_chain; i++)
    pki->cert_unref (own->chain[i]);
  own->n_chain = 0;
  ike_key_unref (g_steal_pointer (&own->key));
  snapshot_unref (g_steal_pointer (&own->credentials));
}

static const IkeCredentialsOps service_ops = {
  .struct_size = sizeof service_ops,
  .get = get,
  .unref = snapshot_unref,
  .generation = generation,
  .require = sections_require,
  .certs = snapshot_certs,
  .pubkey = snapshot_pubkey,
  .is_pinned = snapshot_is_pinned,
  .trust = trust_get,
  .ca = trust_ca,
  .own = own_find,
  .own_clear = own_clear,
  .authority = snapshot_authority,
  .find = own_find_for,
  .crl = snapshot_crl,
};

/* -- plugin */

/* Whoever asks before the configuration is there finds nothing. */
static gboolean
activate (IkePlugin *self, GError **error)
{
  State *state = state_get (self);

  if (!state_pki (state, error))
    return FALSE;
  state->current = set_new (state);
  state_publish (state);
  return TRUE;
}

/* Before the plugins are gone that made the certificates and keys. */
static void
deactivate (IkePlugin *self)
{
  drop (state_get (self));
}

/* Beyond what the configuration says anew: somebody who reloads wants tokens to be looked at, and
 * what was unloaded by hand is back. */
static void
reload_commit (IkePlugin *self)
{
  State *state = state_get (self);

  if (!state->current)
    return;
  if (g_hash_table_size (state->unloaded) > 0) {
    g_hash_table_remove_all (state->unloaded);
    state_publish (state);
  }
  for (guint i = 0; i < state->current->tokens->len; i++)
    token_load (state->current->tokens->pdata[i]);
}

static const char *const needs[] = { "service:pki", NULL };
/* Keys must be gone before the plugins that they belong to. */
static const char *const wants[] = { "keys:*", NULL };

#define FEATURE(symbol, name, table)                                                               \
  static const IkeFeature symbol = { sizeof (IkeFeature), name, table, needs, wants, NULL, 0 }

FEATURE (service, "service:credentials", &service_ops);
FEATURE (authorities, "section:authorities", &authorities_class);
FEATURE (private_keys, "section:secrets/private", &private_class);
FEATURE (pkcs12, "section:secrets/pkcs12", &pkcs12_class);
FEATURE (token, "section:secrets/token", &token_class);
FEATURE (certs, "command:certs", &certs_class);
FEATURE (unload, "command:certs-unload", &unload_class);

static const IkeFeature *const features[] = { &service, &authorities, &private_keys, &pkcs12,
                                              &token,   &certs,       &unload,       NULL };

static const IkeFeatureKind keys_kind = { sizeof keys_kind,     "keys", 1, 0, sizeof (IkeKeysClass),
                                          sizeof (IkeKeysClass) };
static const IkeFeatureKind *const kinds[] = { &keys_kind, NULL };

static const IkeOptionInfo directory_option = {
  sizeof (IkeOptionInfo), "plugin/directory", "string", "",
  "Absolute path of the directory that has x509, x509ca, private and so on. Empty: that of "
  "ikebana.conf."
};
static const IkeOptionInfo warn_option = {
  sizeof (IkeOptionInfo), "plugin/warn_before", "time", "30d",
  "A certificate of this host that expires within this time is told when it is loaded."
};
static const IkeOptionInfo *const options[] = { &directory_option, &warn_option, NULL };

IKE_PLUGIN (ike_plugin, "credentials", 0, .version = PACKAGE_VERSION, .license = "Apache-2.0",
            .summary = "Certificates and keys from files, containers and tokens",
            .features = features, .kinds = kinds, .options = options, .activate = activate,
            .deactivate = deactivate, .reload_commit = reload_commit);
