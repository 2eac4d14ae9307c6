/* SPDX-License-Identifier: Apache-2.0 */
/* pkcs11.c - plugin pkcs11: private keys, and certificates beside them, on tokens (smart cards,
 * security modules) that speak Cryptoki, the API of PKCS#11.
 *
 * Nothing is loaded until a section `secrets.token*` asks for a key; p11-kit then loads the library
 * of the token.  What a library does may take seconds, so all calls into one are made on one loop
 * of this plugin's own: `load` and `sign` post to it and answer their call from there.  Keys never
 * leave the token.  A library runs within the daemon, with all its rights, so only a file is loaded
 * that nobody but root can change. */
#include "config.h"
#include <ikebana/plugin.h>

#include "private.h"

enum { MAX_PENDING = 65536 };

/* Keys outlive this, and so do the tokens that they point to; but nothing is asked of them any
 * more. */
static void
state_close (State *state)
{
  if (state->loop)
    ike_loop_free (g_steal_pointer (&state->loop));
  g_clear_pointer (&state->keys, g_ptr_array_unref);
  for (guint i = 0; i < state->tokens->len; i++)
    token_close (g_ptr_array_index (state->tokens, i));
  modules_free (state);
}

static void
state_free (gpointer data)
{
  State *state = data;

  state_close (state);
  g_ptr_array_unref (state->tokens);
  g_free (state);
}

static gboolean
activate (IkePlugin *self, GError **error)
{
  const IkeProvided *pki = ike_feature_find (ike_plugin_engine (self), "service:pki", error);
  State *state;

  if (!pki)
    return FALSE;
  state = g_new0 (State, 1);
  state->plugin = self;
  state->engine = ike_plugin_engine (self);
  state->pki = pki->ops;
  state->pki_plugin = pki->plugin;
  state->max_pending = (guint) CLAMP (ike_plugin_option_uint (self, "max_pending"), 1, MAX_PENDING);
  state->uses_p11_kit = ike_plugin_option_bool (self, "use_p11_kit_config");
  state->tokens = g_ptr_array_new_with_free_func (token_free);
  state->keys = g_ptr_array_new_with_free_func ((GDestroyNotify) ike_key_unref);
  ike_plugin_set_state (self, state, state_free);
  if (!modules_check (state, error))
    return FALSE;
  state->loop = ike_loop_new (self, "pkcs11", error);
  return state->loop != NULL;
}

static void
deactivate (IkePlugin *self)
{
  state_close (ike_plugin_state (self));
}

static gboolean
reload_check (IkePlugin *self, GError **error)
{
  return modules_check (ike_plugin_state (self), error);
}

static const IkeKeysClass keys_class = {
  .struct_size = sizeof (IkeKeysClass),
  .load = keys_load,
};

static const char *const needs[] = { "service:pki", NULL };

static const IkeFeature keys_feature = {
  .struct_size = sizeof (IkeFeature),
  .provides = "keys:pkcs11",
  .ops = &keys_class,
  .needs = needs,
};

static const IkeFeature tokens_feature = {
  .struct_size = sizeof (IkeFeature),
  .provides = "command:tokens",
  .ops = &tokens_class,
  .needs = needs,
};

static const IkeFeature *const features[] = { &keys_feature, &tokens_feature, NULL };

static const IkeFeatureKind pki_kind = {
  .struct_size = sizeof (IkeFeatureKind),
  .name = "service:pki",
  .major = 1,
  .ops_size_min = G_STRUCT_OFFSET (IkePkiOps, cert_info) + sizeof (gpointer),
  .ops_size_max = sizeof (IkePkiOps),
};

static const IkeFeatureKind *const kinds[] = { &pki_kind, NULL };

static const IkeOptionInfo modules_option = {
  .struct_size = sizeof (IkeOptionInfo),
  .path = "plugin/modules",
  .type = "section",
  .doc =
      "Libraries of tokens, each a section NAME { path = /…/LIBRARY.so }. The file must be root's "
      "and writable for nobody else.",
};

static const IkeOptionInfo p11_kit_option = {
  .struct_size = sizeof (IkeOptionInfo),
  .path = "plugin/use_p11_kit_config",
  .type = "bool",
  .fallback = "no",
  .doc = "A section that names no module is also looked for in the modules that p11-kit is "
         "configured with (/etc/pkcs11, /usr/share/p11-kit).",
};

static const IkeOptionInfo pending_option = {
  .struct_size = sizeof (IkeOptionInfo),
  .path = "plugin/max_pending",
  .type = "uint",
  .fallback = "256",
  .doc = "Signatures that may wait for tokens; further ones fail.",
};

static const IkeOptionInfo *const options[] = { &modules_option, &p11_kit_option, &pending_option,
                                                NULL };

IKE_PLUGIN (ike_plugin, "pkcs11", 0, .version = PACKAGE_VERSION, .license = "Apache-2.0",
            .summary = "Keys on tokens, by PKCS #11", .features = features, .kinds = kinds,
            .options = options, .activate = activate, .deactivate = deactivate,
            .reload_check = reload_check);
