/* SPDX-License-Identifier: Apache-2.0 */
/* token.c - tokens in slots: one session each, logged in as long as it is there.
 *
 * A token may be pulled and put back, into another slot even: it is the same when label, maker,
 * model and serial number are.  A PIN that was refused is remembered and never tried again, because
 * a token locks itself after a few. */
#include <string.h>

#include "private.h"

enum { MAX_BAD_PINS = 4 };

char *
token_text (char out[static TEXT_SIZE], const guint8 *text, gsize size)
{
  return ike_escape (out, TEXT_SIZE, text, p11_kit_space_strlen (text, size));
}

guint
slots_with_tokens (Module *module, CK_SLOT_ID *out, guint max)
{
  CK_ULONG n = 0;

  /* Without a buffer it makes the module look which slots there are. */
  if (module->functions->C_GetSlotList (CK_TRUE, NULL, &n) != CKR_OK || n == 0)
    return 0;
  n = max;
  if (module->functions->C_GetSlotList (CK_TRUE, out, &n) != CKR_OK)
    return 0;
  return (guint) MIN (n, max);
}

static gboolean
is_same (const CK_TOKEN_INFO *a, const CK_TOKEN_INFO *b)
{
  return memcmp (a->label, b->label, sizeof a->label) == 0
         && memcmp (a->manufacturerID, b->manufacturerID, sizeof a->manufacturerID) == 0
         && memcmp (a->model, b->model, sizeof a->model) == 0
         && memcmp (a->serialNumber, b->serialNumber, sizeof a->serialNumber) == 0;
}

Token *
token_get (State *state, Module *module, CK_SLOT_ID slot, const CK_TOKEN_INFO *info)
{
  Token *token;

  for (guint i = 0; i < state->tokens->len; i++) {
    token = g_ptr_array_index (state->tokens, i);
    if (token->module == module && is_same (&token->info, info)) {
      if (token->slot != slot)
        token_close (token);
      token->slot = slot;
      return token;
    }
  }
  token = g_new0 (Token, 1);
  token->state = state;
  token->module = module;
  token->slot = slot;
  token->info = *info;
  if (!token_text (token->name, info->label, sizeof info->label)[0])
    token_text (token->name, info->serialNumber, sizeof info->serialNumber);
  token->bad_pins = g_ptr_array_new_with_free_func ((GDestroyNotify) ike_secret_blob_unref);
  token->mechanisms = mechanisms_of (module, slot);
  g_ptr_array_add (state->tokens, token);
  return token;
}

void
token_free (gpointer data)
{
  Token *token = data;

  token_close (token);
  ike_secret_blob_unref (token->pin);
  g_ptr_array_unref (token->bad_pins);
  g_free (token);
}

gboolean
token_is_lost (CK_RV rv)
{
  switch (rv) {
  case CKR_SESSION_HANDLE_INVALID:
  case CKR_SESSION_CLOSED:
  case CKR_TOKEN_NOT_PRESENT:
  case CKR_DEVICE_REMOVED:
  case CKR_USER_NOT_LOGGED_IN:
  case CKR_KEY_HANDLE_INVALID:
  case CKR_OBJECT_HANDLE_INVALID:
  case CKR_OPERATION_ACTIVE:
    return TRUE;
  default:
    return FALSE;
  }
}

/* -- sessions */

void
token_close (Token *token)
{
  if (token->has_session)
    token->module->functions->C_CloseSession (token->session);
  token->has_session = FALSE;
}

gboolean
token_is_present (Token *token)
{
  CK_TOKEN_INFO info;

  return token->module->functions->C_GetTokenInfo (token->slot, &info) == CKR_OK
         && is_same (&info, &token->info);
}

/* Is it in the slot where it was, or in another now? */
static gboolean
token_find (Token *token)
{
  CK_FUNCTION_LIST *functions = token->module->functions;
  CK_TOKEN_INFO info;
  g_autofree CK_SLOT_ID *slots = g_new (CK_SLOT_ID, MAX_SLOTS);
  guint n = slots_with_tokens (token->module, slots, MAX_SLOTS);

  if (token_is_present (token))
    return TRUE;
  for (guint i = 0; i < n; i++)
    if (functions->C_GetTokenInfo (slots[i], &info) == CKR_OK && is_same (&info, &token->info)) {
      token->slot = slots[i];
      return TRUE;
    }
  return FALSE;
}

CK_RV
token_open (Token *token, GError **error)
{
  CK_SESSION_INFO info;
  CK_RV rv;

  if (token->has_session
      && token->module->functions->C_GetSessionInfo (token->session, &info) == CKR_OK)
    return CKR_OK;
  token_close (token);
  if (!token_find (token)) {
    g_set_error (error, IKE_ERROR, IKE_ERROR_NOT_FOUND, "token %s is in no slot of module %s",
                 token->name, token->module->name);
    return CKR_TOKEN_NOT_PRESENT;
  }
  rv = token->module->functions->C_OpenSession (token->slot, CKF_SERIAL_SESSION, NULL, NULL,
                                                &token->session);
  if (rv != CKR_OK) {
    cryptoki_error (error, rv, "token %s gives no session", token->name);
    return rv;
  }
  token->has_session = TRUE;
  if (token->generation++)
    ike_log (token->state->engine, IKE_LOG_NOTICE, "pkcs11", "token %s is there again",
             token->name);
  return CKR_OK;
}

/* -- PINs */

gboolean
token_is_logged_in (Token *token)
{
  CK_SESSION_INFO info;

  return token->has_session
         && token->module->functions->C_GetSessionInfo (token->session, &info) == CKR_OK
         && (info.state == CKS_RO_USER_FUNCTIONS || info.state == CKS_RW_USER_FUNCTIONS);
}

static gboolean
is_refused_pin (CK_RV rv)
{
  return rv == CKR_PIN_INCORRECT || rv == CKR_PIN_INVALID || rv == CKR_PIN_LEN_RANGE
         || rv == CKR_PIN_LOCKED || rv == CKR_PIN_EXPIRED;
}

static gboolean
is_same_pin (IkeSecretBlob *a, IkeSecretBlob *b)
{
  return a && b && ike_secret_blob_len (a) == ike_secret_blob_len (b)
         && ike_equal (ike_secret_blob_data (a), ike_secret_blob_data (b), ike_secret_blob_len (a));
}

static gboolean
is_bad_pin (Token *token, IkeSecretBlob *pin)
{
  for (guint i = 0; i < token->bad_pins->len; i++)
    if (is_same_pin (pin, g_ptr_array_index (token->bad_pins, i)))
      return TRUE;
  return FALSE;
}

static void
keep_pin (Token *token, IkeSecretBlob *pin)
{
  IkeSecretBlob *before = token->pin;

  token->pin = pin ? ike_secret_blob_ref (pin) : NULL;
  ike_secret_blob_unref (before);
}

static CK_FLAGS
flags_now (Token *token)
{
  CK_TOKEN_INFO info = { 0 };

  return token->module->functions->C_GetTokenInfo (token->slot, &info) == CKR_OK ? info.flags : 0;
}

static CK_RV
deny (GError **error, CK_RV rv, Token *token, const char *why)
{
  g_set_error (error, IKE_ERROR, IKE_ERROR_DENIED, "token %s: %s", token->name, why);
  return rv;
}

/* May @pin be tried? */
static CK_RV
judge_pin (Token *token, IkeSecretBlob *pin, CK_FLAGS flags, GError **error)
{
  if (flags & CKF_USER_PIN_LOCKED)
    return deny (error, CKR_PIN_LOCKED, token, "its PIN is locked; unlock it with its own tool");
  if (is_bad_pin (token, pin))
    return deny (error, CKR_PIN_INCORRECT, token,
                 "it refused this PIN before, and is not asked again; set another, or restart");
  if (flags & CKF_USER_PIN_FINAL_TRY)
    return deny (error, CKR_PIN_INCORRECT, token,
                 "one more wrong PIN locks it, so none is tried; log in once with its own tool");
  if (token->bad_pins->len >= MAX_BAD_PINS)
    return deny (error, CKR_PIN_INCORRECT, token,
                 "it refused too many PINs; no other is tried until the daemon is restarted");
  return CKR_OK;
}

void
token_heed (Token *token, IkeSecretBlob *pin, CK_RV rv)
{
  if (pin && is_refused_pin (rv) && !is_bad_pin (token, pin))
    g_ptr_array_add (token->bad_pins, ike_secret_blob_ref (pin));
}

static CK_RV
try_pin (Token *token, IkeSecretBlob *pin, GError **error)
{
  CK_FUNCTION_LIST *functions = token->module->functions;
  CK_RV rv = functions->C_Login (token->session, CKU_USER, pin ? ike_secret_blob_data (pin) : NULL,
                                 pin ? ike_secret_blob_len (pin) : 0);

  if (rv == CKR_OK || rv == CKR_USER_ALREADY_LOGGED_IN) {
    keep_pin (token, pin);
    return CKR_OK;
  }
  token_heed (token, pin, rv);
  cryptoki_error (error, rv,
                  is_refused_pin (rv) ? "token %s refuses the PIN, which is not tried again"
                                      : "token %s: cannot log in",
                  token->name);
  return rv;
}

/* Without asking for it: somebody else's PIN has unlocked it.  Whether @pin is right, another login
 * will tell. */
static void
note_pin (Token *token, IkeSecretBlob *pin)
{
  if (!pin || is_same_pin (pin, token->pin) || is_bad_pin (token, pin))
    return;
  if (token->pin)
    ike_log (token->state->engine, IKE_LOG_NOTICE, "pkcs11",
             "token %s is unlocked already; a PIN that differs is used the next time", token->name);
  keep_pin (token, pin);
}

CK_RV
token_login (Token *token, IkeSecretBlob *pin, GError **error)
{
  CK_FLAGS flags;
  CK_RV rv;

  if (token_is_logged_in (token)) {
    note_pin (token, pin);
    return CKR_OK;
  }
  if (!pin)
    pin = token->pin;
  flags = flags_now (token);
  /* Without a PIN: a token that wants none, or that has keys of its own to type it.  Else what is
   * open to everybody is all that is found. */
  if (!pin
      && (flags & (CKF_LOGIN_REQUIRED | CKF_PROTECTED_AUTHENTICATION_PATH))
             != (CKF_LOGIN_REQUIRED | CKF_PROTECTED_AUTHENTICATION_PATH))
    return CKR_OK;
  rv = judge_pin (token, pin, flags, error);
  return rv == CKR_OK ? try_pin (token, pin, error) : rv;
}
