/* SPDX-License-Identifier: Apache-2.0 */
/* command.c - `ikebana tokens`: what is there, what can be seen of it, and what it is used for.
 *
 * Looks at every module that is configured, so it loads those that nobody needed yet; it logs in
 * nowhere. */
#include "private.h"

enum { MAX_LISTED = 100, TIMEOUT_MS = 30000 };

typedef struct {
  State *state;
  GPtrArray *modules; /* WantedModule */
  IkeCall *call;
} Listing;

static void
set_text (IkeTree *tree, const char *key, const guint8 *text, gsize size)
{
  char escaped[TEXT_SIZE];

  ike_tree_set_string (tree, key, token_text (escaped, text, size));
}

/* -- objects */

static const struct {
  CK_OBJECT_CLASS klass;
  const char *name;
} listed[] = {
  { CKO_PRIVATE_KEY, "private key" },
  { CKO_PUBLIC_KEY, "public key" },
  { CKO_CERTIFICATE, "certificate" },
};

static void
list_object (IkeTree *list, Token *token, CK_OBJECT_HANDLE object, const char *kind)
{
  IkeTree *item = ike_tree_add_section (list, NULL);
  g_autoptr (GBytes) id = object_bytes (token, object, CKA_ID, MAX_ID),
                     label = object_bytes (token, object, CKA_LABEL, MAX_LABEL);
  g_autofree char *hex = id ? hex_of (id) : NULL;
  const guint8 *text;
  gsize len;

  ike_tree_set_string (item, "kind", kind);
  if (hex)
    ike_tree_set_string (item, "handle", hex);
  if (!label)
    return;
  text = g_bytes_get_data (label, &len);
  set_text (item, "label", text, len);
}

/* How many private keys are to be seen. */
static guint
list_objects (IkeTree *list, Token *token)
{
  guint n_private = 0;

  for (guint i = 0; i < G_N_ELEMENTS (listed); i++) {
    Pattern pattern = { .klass = listed[i].klass };
    CK_RV rv;
    g_autoptr (GArray) found = objects_find (token, &pattern, MAX_LISTED, &rv);
    for (guint k = 0; found && k < found->len; k++)
      list_object (list, token, g_array_index (found, CK_OBJECT_HANDLE, k), listed[i].name);
    if (found && i == 0)
      n_private = found->len;
  }
  return n_private;
}

/* -- tokens */

static const char *
state_of_token (Token *token, CK_FLAGS flags)
{
  if (token_is_logged_in (token))
    return "logged in";
  if (flags & CKF_USER_PIN_LOCKED)
    return "PIN is locked";
  if (flags & CKF_USER_PIN_FINAL_TRY)
    return "one more wrong PIN locks it";
  if (!(flags & CKF_LOGIN_REQUIRED))
    return "wants no PIN";
  return token->bad_pins->len ? "refused a PIN" : "not logged in";
}

static void
list_token (IkeTree *list, State *state, Module *module, CK_SLOT_ID slot)
{
  CK_TOKEN_INFO info;
  IkeTree *item;
  Token *token;

  if (module->functions->C_GetTokenInfo (slot, &info) != CKR_OK)
    return;
  item = ike_tree_add_section (list, NULL);
  ike_tree_set_string (item, "module", module->name);
  ike_tree_set_int (item, "slot", (gint64) slot);
  set_text (item, "token", info.label, sizeof info.label);
  set_text (item, "serial", info.serialNumber, sizeof info.serialNumber);
  set_text (item, "model", info.model, sizeof info.model);
  set_text (item, "manufacturer", info.manufacturerID, sizeof info.manufacturerID);
  if (!(info.flags & CKF_TOKEN_INITIALIZED)) {
    ike_tree_set_string (item, "state", "empty");
    return;
  }
  token = token_get (state, module, slot, &info);
  if (token_open (token, NULL) == CKR_OK)
    ike_tree_set_int (item, "private-keys",
                      list_objects (ike_tree_add_list (item, "objects"), token));
  ike_tree_set_string (item, "state", state_of_token (token, info.flags));
}

static void
list_tokens (IkeTree *list, State *state)
{
  g_autofree CK_SLOT_ID *slots = g_new (CK_SLOT_ID, MAX_SLOTS);

  for (guint i = 0; state->modules && i < state->modules->len; i++) {
    Module *module = g_ptr_array_index (state->modules, i);
    guint n = slots_with_tokens (module, slots, MAX_SLOTS);
    for (guint k = 0; k < n; k++)
      list_token (list, state, module, slots[k]);
  }
}

/* -- modules */

static void
list_failed (IkeTree *list, const WantedModule *wanted, const char *why)
{
  IkeTree *item = ike_tree_add_section (list, NULL);

  ike_tree_set_string (item, "name", wanted->name);
  if (wanted->path)
    ike_tree_set_string (item, "path", wanted->path);
  ike_tree_set_string (item, "state", why);
}

static void
list_info (IkeTree *item, const CK_INFO *info)
{
  const CK_VERSION *version = &info->libraryVersion;

  set_text (item, "library", info->libraryDescription, sizeof info->libraryDescription);
  ike_tree_set_format (item, "version", "%u.%u", version->major, version->minor);
}

static void
list_modules (IkeTree *list, State *state, GPtrArray *wanted)
{
  for (guint i = 0; i < wanted->len; i++) {
    const WantedModule *named = g_ptr_array_index (wanted, i);
    g_autoptr (GError) error = NULL;
    if (named->path ? !module_get (state, named->name, named->path, &error)
                    : !modules_add_registered (state, &error))
      list_failed (list, named, error->message);
  }
  for (guint i = 0; state->modules && i < state->modules->len; i++) {
    const Module *module = g_ptr_array_index (state->modules, i);
    IkeTree *item = ike_tree_add_section (list, NULL);
    CK_INFO info;
    ike_tree_set_string (item, "name", module->name);
    ike_tree_set_string (item, "path", module->path);
    ike_tree_set_string (item, "state", "loaded");
    if (module->functions->C_GetInfo (&info) == CKR_OK)
      list_info (item, &info);
  }
}

/* -- keys in use */

static void
list_keys (IkeTree *list, State *state)
{
  for (guint i = 0; i < state->keys->len; i++) {
    const Key *key = g_ptr_array_index (state->keys, i);
    IkeTree *item = ike_tree_add_section (list, NULL);
    ike_tree_set_string (item, "key", key->head.label);
    ike_tree_set_string (item, "type", state->pki->pubkey_info (key->head.pubkey)->name);
    ike_tree_set_int (item, "signatures", (gint64) key->n_signed);
    ike_tree_set_string (item, "state",
                         !token_is_present (key->token) ? "the token is gone"
                         : key->problem                 ? key->problem
                                                        : "ready");
  }
}

/* -- the way there and back */

static void
listing_run (gpointer data)
{
  Listing *listing = data;
  State *state = listing->state;
  IkeTree *result = ike_tree_new_section ();

  list_modules (ike_tree_add_list (result, "modules"), state, listing->modules);
  list_tokens (ike_tree_add_list (result, "tokens"), state);
  keys_prune (state);
  list_keys (ike_tree_add_list (result, "keys"), state);
  ike_call_answer (g_steal_pointer (&listing->call), result);
}

static void
listing_free (gpointer data)
{
  Listing *listing = data;

  if (listing->call)
    ike_call_fail (listing->call, "the daemon ends");
  g_ptr_array_unref (listing->modules);
  g_free (listing);
}

static void
listing_then (gpointer owner, gpointer data, gpointer result, const char *error)
{
  if (error)
    ike_request_fail (owner, "failed", error);
  else
    ike_request_finish (owner, result);
}

static void
listing_undo (gpointer result)
{
  ike_tree_free (result);
}

static const IkeCallClass listing_call = {
  .struct_size = sizeof listing_call,
  .name = "tokens",
  .timeout_ms = TIMEOUT_MS,
  .then = listing_then,
  .undo = listing_undo,
};

static void
run_tokens (IkePlugin *self, IkeRequest *request)
{
  State *state = ike_plugin_state (self);
  Listing *listing;

  if (!state->loop) {
    ike_request_fail (request, "failed", "the daemon ends");
    return;
  }
  listing = g_new0 (Listing, 1);
  listing->state = state;
  listing->modules = modules_wanted (state);
  listing->call = ike_loop_call (ike_engine_control (state->engine), &listing_call, request, NULL);
  ike_loop_post (state->loop, listing_run, listing, listing_free);
}

const IkeCommandClass tokens_class = {
  .struct_size = sizeof tokens_class,
  .flags = IKE_COMMAND_READ_ONLY,
  .summary = "PKCS#11 tokens, what can be seen on them, and the keys that are in use",
  .columns = "module:module slot:slot token:token serial:serial state:state keys:private-keys",
  .rows_path = "tokens",
  .run = run_tokens,
};
