/* SPDX-License-Identifier: Apache-2.0 */
/* load.c - finding the key that a section asks for.
 *
 * A PIN goes to one token only: the one that fits, or, of several, one that shows an object with
 * the key's ID to everybody.  Trying it on all would use up the tries of those that it is not
 * for. */
#include <string.h>

#include "private.h"

typedef struct {
  State *state;
  Wanted *wanted;
  IkeCall *call;
} Load;

typedef struct {
  Module *module;
  CK_SLOT_ID slot;
  CK_TOKEN_INFO info;
} Candidate;

/* -- answers */

static IkeKeySet *
key_set_new (State *state)
{
  IkeKeySet *set = g_new0 (IkeKeySet, 1);

  set->struct_size = sizeof *set;
  set->keys = g_ptr_array_new_with_free_func ((GDestroyNotify) ike_key_unref);
  set->certs = g_ptr_array_new_with_free_func ((GDestroyNotify) state->pki->cert_unref);
  return set;
}

static void
key_set_free (IkeKeySet *set)
{
  g_ptr_array_unref (set->keys);
  g_ptr_array_unref (set->certs);
  g_free (set);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (IkeKeySet, key_set_free)

/* -- which tokens */

static gboolean
fits_uri (P11KitUri *uri, const Candidate *candidate)
{
  CK_FUNCTION_LIST *functions = candidate->module->functions;
  CK_SLOT_INFO slot;
  CK_INFO info;

  return p11_kit_uri_match_token_info (uri, &candidate->info)
         && functions->C_GetSlotInfo (candidate->slot, &slot) == CKR_OK
         && p11_kit_uri_match_slot_info (uri, &slot) && functions->C_GetInfo (&info) == CKR_OK
         && p11_kit_uri_match_module_info (uri, &info);
}

static gboolean
is_there (GArray *candidates, const Candidate *candidate)
{
  for (guint i = 0; i < candidates->len; i++) {
    const Candidate *other = &g_array_index (candidates, Candidate, i);
    if (other->module == candidate->module && other->slot == candidate->slot)
      return TRUE;
  }
  return FALSE;
}

static void
add_slots (const Wanted *wanted, Module *module, GArray *candidates)
{
  g_autofree CK_SLOT_ID *slots = g_new (CK_SLOT_ID, MAX_SLOTS);
  guint n = slots_with_tokens (module, slots, MAX_SLOTS);

  for (guint i = 0; i < n && candidates->len < MAX_SLOTS; i++) {
    Candidate candidate = { .module = module, .slot = slots[i] };
    if (wanted->has_slot && wanted->slot != slots[i])
      continue;
    if (module->functions->C_GetTokenInfo (slots[i], &candidate.info) != CKR_OK
        || !(candidate.info.flags & CKF_TOKEN_INITIALIZED))
      continue;
    if ((!wanted->uri || fits_uri (wanted->uri, &candidate)) && !is_there (candidates, &candidate))
      g_array_append_val (candidates, candidate);
  }
}

static gboolean
add_module (State *state, const Wanted *wanted, const WantedModule *named, GArray *candidates,
            GError **error)
{
  Module *module;

  if (named->path) {
    module = module_get (state, named->name, named->path, error);
    if (module)
      add_slots (wanted, module, candidates);
    return module != NULL;
  }
  if (!modules_add_registered (state, error))
    return FALSE;
  for (guint i = 0; state->modules && i < state->modules->len; i++) {
    module = g_ptr_array_index (state->modules, i);
    if (module->is_registered)
      add_slots (wanted, module, candidates);
  }
  return TRUE;
}

/* The module that the section names must be there; of all others those that can be had will do. */
static GArray *
candidates_find (State *state, const Wanted *wanted, GError **error)
{
  g_autoptr (GArray) candidates = g_array_new (FALSE, FALSE, sizeof (Candidate));
  g_autoptr (GError) first = NULL;

  for (guint i = 0; i < wanted->modules->len; i++) {
    g_autoptr (GError) failed = NULL;
    if (add_module (state, wanted, g_ptr_array_index (wanted->modules, i), candidates, &failed))
      continue;
    ike_log (state->engine, IKE_LOG_ERROR, "pkcs11", "%s", failed->message);
    if (!first)
      first = g_steal_pointer (&failed);
  }
  if (candidates->len)
    return g_steal_pointer (&candidates);
  if (first)
    g_propagate_error (error, g_steal_pointer (&first));
  else
    g_set_error (error, IKE_ERROR, IKE_ERROR_NOT_FOUND, "%s: there is no such token%s",
                 wanted->handle, wanted->has_slot ? " in this slot" : "");
  return NULL;
}

/* Is there something of that name to be seen without a PIN? */
static gboolean
shows_it (State *state, const Wanted *wanted, const Candidate *candidate)
{
  Token *token = token_get (state, candidate->module, candidate->slot, &candidate->info);
  Pattern pattern = { .klass = ANY_CLASS, .id = wanted->id, .label = wanted->label };
  g_autoptr (GArray) found = NULL;
  CK_RV rv;

  if (token_open (token, NULL) != CKR_OK)
    return FALSE;
  found = objects_find (token, &pattern, 1, &rv);
  return found && found->len;
}

/* -- the key */

static void
name_key (Key *key)
{
  gsize len = 0;
  const guint8 *data = key->label ? g_bytes_get_data (key->label, &len) : NULL;
  char text[TEXT_SIZE] = "without a name";
  g_autofree char *hex = key->id ? hex_of (key->id) : NULL;

  if (data)
    ike_escape (text, sizeof text, data, len);
  key->head.label = g_strdup_printf ("token %s, key %s", key->token->name, hex ? hex : text);
}

static guint32
mechanisms_for (guint8 type)
{
  guint32 hashed = 0xf * (MECHANISM_HASH_RSA_PKCS | MECHANISM_HASH_RSA_PSS);

  if (type == IKE_KEY_RSA)
    return MECHANISM_RSA_PKCS | MECHANISM_RSA_PSS | hashed;
  return type == IKE_KEY_ECDSA ? MECHANISM_ECDSA : MECHANISM_EDDSA;
}

static gboolean
judge_key (Key *key, const IkePubkeyInfo *info, GError **error)
{
  if (!object_bool (key->token, key->object, CKA_SIGN, TRUE)) {
    g_set_error (error, IKE_ERROR, IKE_ERROR_UNSUPPORTED, "%s may not be used to sign (CKA_SIGN)",
                 key->head.label);
    return FALSE;
  }
  if (key->mechanisms)
    return TRUE;
  g_set_error (error, IKE_ERROR, IKE_ERROR_UNSUPPORTED, "%s: the token signs with no %s key",
               key->head.label, info->name);
  return FALSE;
}

static Key *
key_new (Token *token, CK_OBJECT_HANDLE object, const Wanted *wanted)
{
  Key *key = g_new0 (Key, 1);

  key->head.struct_size = sizeof key->head;
  key->head.references = 1;
  key->head.klass = &key_class;
  key->pki = token->state->pki;
  key->state = token->state;
  key->token = token;
  key->object = object;
  key->generation = token->generation;
  key->id = wanted->id ? g_bytes_ref (wanted->id) : object_bytes (token, object, CKA_ID, MAX_ID);
  if (wanted->label)
    key->label = g_bytes_ref (wanted->label);
  else if (!key->id)
    key->label = object_bytes (token, object, CKA_LABEL, MAX_LABEL);
  key->asks_always = object_bool (token, object, CKA_ALWAYS_AUTHENTICATE, FALSE);
  name_key (key);
  return key;
}

static IkeKey *
key_take (Token *token, CK_OBJECT_HANDLE object, const Wanted *wanted, GError **error)
{
  State *state = token->state;
  Key *key = key_new (token, object, wanted);
  const IkePubkeyInfo *info;

  key->head.pubkey = token_pubkey (token, object, key->id, key->label, error);
  if (!key->head.pubkey) {
    ike_key_unref (&key->head);
    return NULL;
  }
  info = state->pki->pubkey_info (key->head.pubkey);
  key->type = info->type;
  key->bits = info->bits;
  key->mechanisms = token->mechanisms & mechanisms_for (info->type);
  if (!judge_key (key, info, error)) {
    ike_key_unref (&key->head);
    return NULL;
  }
  g_ptr_array_add (state->keys, ike_key_ref (&key->head));
  return &key->head;
}

/* What the token has of it; a set without a key only where no PIN says that there must be one. */
static gboolean
judge_set (const Token *token, const Wanted *wanted, const IkeKeySet *set, GError **error)
{
  if (set->keys->len || (set->certs->len && !wanted->pin))
    return TRUE;
  g_set_error (error, IKE_ERROR, IKE_ERROR_NOT_FOUND, "%s: no such private key on token %s%s",
               wanted->handle, token->name,
               wanted->pin ? "" : "; maybe it takes a PIN to see it: set pin");
  return FALSE;
}

static IkeKeySet *
set_take (Token *token, const Wanted *wanted, GError **error)
{
  Pattern pattern = { .klass = CKO_PRIVATE_KEY, .id = wanted->id, .label = wanted->label };
  g_autoptr (IkeKeySet) set = key_set_new (token->state);
  g_autoptr (GBytes) id = wanted->id ? g_bytes_ref (wanted->id) : NULL;
  CK_RV rv;
  g_autoptr (GArray) found = objects_find (token, &pattern, 2, &rv);
  IkeKey *key;

  if (!found) {
    cryptoki_error (error, rv, "token %s does not tell its keys", token->name);
    return NULL;
  }
  if (found->len > 1) {
    g_set_error (error, IKE_ERROR, IKE_ERROR_CONFIG,
                 "%s: token %s has more than one such private key; say which, by id or object of a "
                 "pkcs11: URI",
                 wanted->handle, token->name);
    return NULL;
  }
  if (found->len) {
    key = key_take (token, g_array_index (found, CK_OBJECT_HANDLE, 0), wanted, error);
    if (!key)
      return NULL;
    g_ptr_array_add (set->keys, key);
    if (!id && ((Key *) key)->id)
      id = g_bytes_ref (((Key *) key)->id);
  }
  if (id)
    token_certs (token, id, set->certs);
  return judge_set (token, wanted, set, error) ? g_steal_pointer (&set) : NULL;
}

static IkeKeySet *
candidate_take (State *state, const Wanted *wanted, const Candidate *candidate, GError **error)
{
  Token *token = token_get (state, candidate->module, candidate->slot, &candidate->info);

  if (token_open (token, error) != CKR_OK || token_login (token, wanted->pin, error) != CKR_OK)
    return NULL;
  return set_take (token, wanted, error);
}

/* Of several tokens: the first that has the key, of those that show something of its name. */
static IkeKeySet *
search_shown (State *state, const Wanted *wanted, GArray *candidates, GError **error)
{
  g_autoptr (GError) last = NULL;

  for (guint i = 0; (wanted->id || wanted->label) && i < candidates->len; i++) {
    const Candidate *candidate = &g_array_index (candidates, Candidate, i);
    IkeKeySet *set;
    if (!shows_it (state, wanted, candidate))
      continue;
    g_clear_error (&last);
    set = candidate_take (state, wanted, candidate, &last);
    if (set)
      return set;
    if (!g_error_matches (last, IKE_ERROR, IKE_ERROR_NOT_FOUND))
      break;
  }
  if (last)
    g_propagate_error (error, g_steal_pointer (&last));
  else
    g_set_error (
        error, IKE_ERROR, IKE_ERROR_NOT_FOUND,
        "%s: which of %u tokens has it cannot be seen without a PIN; set slot, or name the "
        "token in a pkcs11: URI",
        wanted->handle, candidates->len);
  return NULL;
}

static IkeKeySet *
search (State *state, const Wanted *wanted, GError **error)
{
  g_autoptr (GArray) candidates = candidates_find (state, wanted, error);

  if (!candidates)
    return NULL;
  if (candidates->len > 1)
    return search_shown (state, wanted, candidates, error);
  return candidate_take (state, wanted, &g_array_index (candidates, Candidate, 0), error);
}

static gboolean
is_used (State *state, const Token *token)
{
  for (guint i = 0; i < state->keys->len; i++)
    if (((const Key *) g_ptr_array_index (state->keys, i))->token == token)
      return TRUE;
  return FALSE;
}

void
keys_prune (State *state)
{
  for (guint i = state->keys->len; i-- > 0;) {
    IkeKey *key = g_ptr_array_index (state->keys, i);
    /* Nobody else has a reference that he could make another from. */
    if (g_atomic_int_get (&key->references) == 1)
      g_ptr_array_remove_index_fast (state->keys, i);
  }
  for (guint i = state->tokens->len; i-- > 0;) {
    Token *token = g_ptr_array_index (state->tokens, i);
    if (!token->bad_pins->len && !is_used (state, token))
      g_ptr_array_remove_index_fast (state->tokens, i);
  }
}

static void
load_run (gpointer data)
{
  Load *load = data;
  g_autoptr (GError) error = NULL;
  IkeKeySet *set = search (load->state, load->wanted, &error);

  keys_prune (load->state);
  if (set)
    ike_call_answer (g_steal_pointer (&load->call), set);
  else
    ike_call_fail (g_steal_pointer (&load->call), error->message);
}

/* Also when the loop goes before its turn came. */
static void
load_free (gpointer data)
{
  Load *load = data;

  if (load->call)
    ike_call_fail (load->call, "the daemon ends");
  wanted_free (load->wanted);
  g_free (load);
}

void
keys_load (IkePlugin *self, const IkeTree *section, IkeCall *call)
{
  State *state = ike_plugin_state (self);
  g_autoptr (GError) error = NULL;
  Wanted *wanted = wanted_new (state, section, &error);
  Load *load;

  if (!wanted || !state->loop) {
    ike_call_fail (call, wanted ? "the daemon ends" : error->message);
    wanted_free (wanted);
    return;
  }
  load = g_new0 (Load, 1);
  load->state = state;
  load->wanted = wanted;
  load->call = call;
  ike_loop_post (state->loop, load_run, load, load_free);
}
