/* SPDX-License-Identifier: Apache-2.0 */
/* token.c - keys and certificates that other plugins find for us (kind `keys`), on tokens.
 *
 * A section is asked about when it is new, and again at each reload.  What was found stays until
 * something else is: a token that does not answer once has not lost its keys. */
#include <string.h>

#include <ikebana/log.h>

#include "private.h"

enum { TIMEOUT_MS = 60000 };

/* One question to one provider. */
typedef struct {
  Token *token;
  IkeCall *call;
  const char *provider;
} Ask;

void
token_unref (Token *token)
{
  if (--token->references > 0)
    return;
  source_unref (token->answer);
  source_unref (token->next);
  authority_unref (token->authority);
  ike_tree_free (token->section);
  ike_secret_blob_unref (token->pin);
  g_ptr_array_unref (token->calls);
  g_string_free (token->failures, TRUE);
  g_free (token->name);
  g_free (token);
}

/* -- sections */

static gboolean
same_pin (IkeSecretBlob *a, const char *b_or_null)
{
  gsize len = b_or_null ? strlen (b_or_null) : 0;

  if (!a || !b_or_null)
    return !a && !b_or_null;
  return ike_secret_blob_len (a) == len && ike_equal (ike_secret_blob_data (a), b_or_null, len);
}

static Token *
find_same (const Set *set_or_null, const char *name, const IkeTree *section, const char *pin)
{
  for (guint i = 0; set_or_null && i < set_or_null->tokens->len; i++) {
    Token *token = set_or_null->tokens->pdata[i];
    if (g_str_equal (token->name, name) && ike_tree_equal (token->section, section)
        && same_pin (token->pin, pin))
      return token;
  }
  return NULL;
}

static void
check_providers (State *state, GPtrArray *problems)
{
  guint n = 0;

  ike_feature_list (state->engine, "keys", &n);
  if (n > 0)
    return;

  g_autofree char *why = ike_plugin_explain (state->engine, "keys:pkcs11");

  value_problem (problems, "warning: : no plugin that knows tokens is there: %s", why);
}

Token *
token_add (Set *set, const char *name, const IkeTree *section, GPtrArray *problems)
{
  g_autoptr (IkeTree) stripped = ike_tree_copy (section);
  const char *pin = ike_tree_string (section, "pin", NULL);
  Token *token;

  if (!*ike_tree_string (section, "handle", ""))
    value_problem (problems, "handle: is missing; it is the CKA_ID of the key, in hexadecimal");
  check_providers (set->state, problems);
  ike_tree_remove (stripped, "pin");
  token = find_same (set->state->current, name, stripped, pin);
  if (token) {
    token->references++;
    g_ptr_array_add (set->tokens, token);
    return token;
  }
  token = g_new0 (Token, 1);
  token->references = 1;
  token->state = set->state;
  token->name = g_strdup (name);
  token->section = g_steal_pointer (&stripped);
  token->pin = pin ? ike_secret_blob_new (pin, strlen (pin)) : NULL;
  token->calls = g_ptr_array_new ();
  token->failures = g_string_new (NULL);
  g_ptr_array_add (set->tokens, token);
  return token;
}

/* -- answers */

static void
add_refs (GPtrArray *into, GPtrArray *from_or_null, gpointer (*ref) (gpointer))
{
  for (guint i = 0; from_or_null && i < from_or_null->len; i++)
    g_ptr_array_add (into, ref (from_or_null->pdata[i]));
}

static gpointer
ref_key (gpointer key)
{
  return ike_key_ref (key);
}

static void
key_set_free (gpointer result)
{
  IkeKeySet *set = result;

  g_clear_pointer (&set->keys, g_ptr_array_unref);
  g_clear_pointer (&set->certs, g_ptr_array_unref);
  g_free (set);
}

static void
note_failure (Ask *ask, const char *reason)
{
  GString *failures = ask->token->failures;

  g_string_append_printf (failures, "%s%s: %s", failures->len ? "; " : "", ask->provider, reason);
}

static void
note_answer (Ask *ask, IkeKeySet *found)
{
  Source *next = ask->token->next;

  add_refs (next->keys, found->keys, ref_key);
  add_refs (next->certs, found->certs, (gpointer (*) (gpointer)) next->pki->cert_ref);
  key_set_free (found);
}

/* One provider that knows the token is enough: then it is no failure that others do not. */
static void
conclude (Token *token)
{
  State *state = token->state;
  gboolean is_found = token->next->keys->len + token->next->certs->len > 0;

  if (!is_found && !token->failures->len)
    g_string_append (token->failures, "there is no such key or certificate");
  if (is_found) {
    source_unref (token->answer);
    token->answer = g_steal_pointer (&token->next);
    g_string_truncate (token->failures, 0);
  } else {
    g_clear_pointer (&token->next, source_unref);
    ike_log (state->engine, IKE_LOG_ERROR, LOG_GROUP, "%s: the token cannot be used: %s",
             token->name, token->failures->str);
  }
  if (is_found)
    state_publish (state);
}

static void
answered (gpointer owner, gpointer data, gpointer result, const char *error)
{
  Token *token = owner;

  if (error)
    note_failure (data, error);
  else
    note_answer (data, result);
  if (--token->n_waiting == 0)
    conclude (token);
}

static void
ask_free (gpointer data)
{
  Ask *ask = data;

  g_ptr_array_remove_fast (ask->token->calls, ask);
  token_unref (ask->token);
  g_free (ask);
}

static const IkeCallClass load_class = {
  .struct_size = sizeof (IkeCallClass),
  .name = "token-keys",
  .timeout_ms = TIMEOUT_MS,
  .then = answered,
  .undo = key_set_free,
  .free_data = ask_free,
};

/* -- asking */

/* With its PIN, while the provider looks at it; a tree wipes its texts when it is freed. */
static IkeTree *
whole_section (const Token *token)
{
  IkeTree *section = ike_tree_copy (token->section);

  if (token->pin) {
    gsize len = ike_secret_blob_len (token->pin);
    char *pin = g_strndup ((const char *) ike_secret_blob_data (token->pin), len);
    ike_tree_set_string (section, "pin", pin);
    ike_wipe (pin, len);
    g_free (pin);
  }
  return section;
}

static void
ask_provider (Token *token, const IkeProvided *provider, const IkeTree *section)
{
  Ask *ask = g_new0 (Ask, 1);

  ask->token = token;
  ask->provider = provider->name;
  token->references++;
  g_ptr_array_add (token->calls, ask);
  ask->call = ike_loop_call (ike_engine_control (token->state->engine), &load_class, token, ask);
  ((const IkeKeysClass *) provider->ops)->load (provider->plugin, section, ask->call);
}

void
token_load (Token *token)
{
  g_autoptr (IkeTree) section = whole_section (token);
  const IkeProvided *const *providers;
  guint n = 0;

  if (token->n_waiting > 0)
    return;
  providers = ike_feature_list (token->state->engine, "keys", &n);
  g_string_truncate (token->failures, 0);
  if (n == 0) {
    g_string_assign (token->failures, "no plugin that knows tokens is there");
    return;
  }
  token->next = source_new (token->state, KIND_TOKEN, token->name, token->name);
  token->n_waiting = n;
  for (guint i = 0; i < n; i++)
    ask_provider (token, providers[i], section);
}

void
token_stop (Token *token)
{
  while (token->calls->len > 0)
    ike_call_cancel (((Ask *) g_ptr_array_index (token->calls, token->calls->len - 1))->call);
  token->n_waiting = 0;
  g_clear_pointer (&token->next, source_unref);
}
