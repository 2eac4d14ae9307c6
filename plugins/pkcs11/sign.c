/* SPDX-License-Identifier: Apache-2.0 */
/* sign.c - signatures by keys on tokens.
 *
 * Asked for on any loop, made one after the other on the plugin's, whose queue is bounded.  When
 * the session or the token went away meanwhile, everything is opened anew and tried once more. */
#include <string.h>

#include "private.h"

enum { MAX_HASH = 64, MAX_PREFIX = 32, TRIES = 2 };

typedef struct {
  State *state;
  Key *key;
  const IkeSigScheme *scheme;
  GBytes *octets;
  IkeCall *call;
  atomic_bool is_cancelled;
} Sign;

/* -- what is given to the token */

/* With a plan that hashes: the hash, behind its prefix.  Else the octets as they are. */
static gboolean
input_make (const Sign *sign, const SignPlan *plan, guint8 buffer[static MAX_PREFIX + MAX_HASH],
            IkePart *input)
{
  IkePart octets;
  const IkeHash *hash;

  octets.data = g_bytes_get_data (sign->octets, &octets.len);
  *input = octets;
  if (!plan->hash)
    return TRUE;
  hash = ike_hash_find (sign->state->engine, plan->hash);
  if (!hash || plan->prefix.len > MAX_PREFIX || plan->hash_len > MAX_HASH
      || ike_hash_class (hash)->out_len != plan->hash_len)
    return FALSE;
  if (plan->prefix.len)
    memcpy (buffer, plan->prefix.data, plan->prefix.len);
  input->data = buffer;
  input->len = plan->prefix.len + plan->hash_len;
  /* RFC 7427, 3: "For hash truncation, the method specified in ANSI X9.62:2005 MUST be used": the
   * leftmost bits, as many as the order has.  Not every token cuts what is longer. */
  if (sign->key->type == IKE_KEY_ECDSA)
    input->len = MIN (input->len, (sign->key->bits + 7) / 8);
  return ike_hash_run (hash, &octets, 1, buffer + plan->prefix.len);
}

/* -- what comes back */

/* RFC 4754, 7: with the ECDSA methods "the signature payload SHALL contain an encoding of the
 * computed signature consisting of the concatenation of a pair of integers r and s", each as long
 * as the order.  RFC 7427, 3: the method for any algorithm is as PKIX has it, where that is an
 * Ecdsa-Sig-Value (RFC 3279, 2.2.3). */
static GBytes *
output_ecdsa (const Sign *sign, const guint8 *signature, gsize len)
{
  if (len != 2 * ((sign->key->bits + 7) / 8))
    return NULL;
  return sign->scheme->method == IKE_AUTH_SIGNATURE ? ecdsa_sig_value (signature, len)
                                                    : g_bytes_new (signature, len);
}

/* The public key may be another's, put beside this private key by mistake, and a token that
 * computes wrongly may tell its RSA key by that: so the peer is not the first to verify. */
static gboolean
is_right (const Sign *sign, GBytes *signature)
{
  const State *state = sign->state;
  IkePart octets;
  gsize len;
  const guint8 *data = g_bytes_get_data (signature, &len);

  octets.data = g_bytes_get_data (sign->octets, &octets.len);
  return state->pki->verify (state->pki_plugin, sign->key->head.pubkey, sign->scheme, &octets, 1,
                             data, len);
}

static GBytes *
output_make (const Sign *sign, const guint8 *signature, gsize len)
{
  g_autoptr (GBytes) output = sign->key->type == IKE_KEY_ECDSA ? output_ecdsa (sign, signature, len)
                                                               : g_bytes_new (signature, len);

  return output && is_right (sign, output) ? g_steal_pointer (&output) : NULL;
}

/* -- the plugin's loop */

CK_RV
key_locate (Key *key, GError **error)
{
  Pattern pattern = { .klass = CKO_PRIVATE_KEY, .id = key->id, .label = key->label };
  g_autoptr (GArray) found = NULL;
  CK_RV rv;

  if (key->generation == key->token->generation && key->object)
    return CKR_OK;
  found = objects_find (key->token, &pattern, 2, &rv);
  if (!found) {
    cryptoki_error (error, rv, "token %s does not tell its keys", key->token->name);
    return rv;
  }
  if (found->len != 1) {
    g_set_error (error, IKE_ERROR, IKE_ERROR_NOT_FOUND, "token %s has %s key %s", key->token->name,
                 found->len ? "more than one" : "no longer the", key->head.label);
    return CKR_GENERAL_ERROR;
  }
  key->object = g_array_index (found, CK_OBJECT_HANDLE, 0);
  key->generation = key->token->generation;
  return CKR_OK;
}

static CK_RV
sign_begin (Key *key, SignPlan *plan, GError **error)
{
  CK_FUNCTION_LIST *functions = key->token->module->functions;
  IkeSecretBlob *pin = key->token->pin;
  CK_RV rv = functions->C_SignInit (key->token->session, &plan->mechanism, key->object);

  if (rv != CKR_OK) {
    cryptoki_error (error, rv, "token %s: cannot begin to sign", key->token->name);
    return rv;
  }
  if (!key->asks_always)
    return CKR_OK;
  /* PKCS#11 2.40, 4.9 (CKA_ALWAYS_AUTHENTICATE): the PIN is given between C_SignInit and C_Sign,
   * for each signature. */
  rv = functions->C_Login (key->token->session, CKU_CONTEXT_SPECIFIC,
                           pin ? ike_secret_blob_data (pin) : NULL,
                           pin ? ike_secret_blob_len (pin) : 0);
  if (rv == CKR_OK)
    return CKR_OK;
  token_heed (key->token, pin, rv);
  cryptoki_error (error, rv, "token %s: cannot log in for one signature", key->token->name);
  /* The operation that has begun goes with its session. */
  token_close (key->token);
  return rv;
}

static CK_RV
sign_once (Sign *sign, SignPlan *plan, const IkePart *input, GBytes **signature, GError **error)
{
  Key *key = sign->key;
  guint8 out[MAX_SIGNATURE];
  CK_ULONG len = sizeof out;
  CK_RV rv = token_open (key->token, error);

  if (rv == CKR_OK)
    rv = token_login (key->token, NULL, error);
  if (rv == CKR_OK)
    rv = key_locate (key, error);
  if (rv == CKR_OK)
    rv = sign_begin (key, plan, error);
  if (rv != CKR_OK)
    return rv;
  rv = key->token->module->functions->C_Sign (key->token->session, (CK_BYTE *) input->data,
                                              input->len, out, &len);
  if (rv != CKR_OK) {
    cryptoki_error (error, rv, "token %s: cannot sign", key->token->name);
    /* PKCS#11 2.40, 5.11.2: the one failure that leaves the operation active. */
    if (rv == CKR_BUFFER_TOO_SMALL)
      token_close (key->token);
    return rv;
  }
  *signature = output_make (sign, out, MIN (len, sizeof out));
  if (*signature)
    return CKR_OK;
  g_set_error (error, IKE_ERROR, IKE_ERROR_CRYPTO,
               "%s: the signature does not fit the public key that the token has for it",
               key->head.label);
  return CKR_GENERAL_ERROR;
}

static GBytes *
sign_now (Sign *sign, GError **error)
{
  guint8 buffer[MAX_PREFIX + MAX_HASH];
  IkePart input;
  SignPlan plan;
  GBytes *signature = NULL;
  CK_RV rv;

  if (!sign_plan (sign->key->mechanisms, sign->scheme, &plan)
      || !input_make (sign, &plan, buffer, &input)) {
    g_set_error (error, IKE_ERROR, IKE_ERROR_UNSUPPORTED, "%s cannot be made: no hash %s",
                 sign->scheme->name, plan.hash ? plan.hash : "of that number");
    return NULL;
  }
  for (guint i = 0; i < TRIES; i++) {
    g_clear_error (error);
    rv = sign_once (sign, &plan, &input, &signature, error);
    if (rv == CKR_OK)
      return signature;
    if (!token_is_lost (rv))
      break;
    token_close (sign->key->token);
  }
  return NULL;
}

static void
sign_run (gpointer data)
{
  Sign *sign = data;
  g_autoptr (GError) error = NULL;
  GBytes *signature;

  /* Nobody waits any more: a slow token has better things to do. */
  if (atomic_load_explicit (&sign->is_cancelled, memory_order_relaxed)) {
    ike_call_fail (g_steal_pointer (&sign->call), "cancelled");
    return;
  }
  signature = sign_now (sign, &error);
  /* Before somebody hears of it, so that the last reference is the owner's again. */
  g_clear_pointer (&sign->octets, g_bytes_unref);
  g_free (sign->key->problem);
  sign->key->problem = signature ? NULL : g_strdup (error->message);
  if (!signature) {
    ike_call_fail (g_steal_pointer (&sign->call), error->message);
    return;
  }
  sign->key->n_signed++;
  ike_call_answer (g_steal_pointer (&sign->call), signature);
}

/* Also when the loop goes before its turn came. */
static void
sign_free (gpointer data)
{
  Sign *sign = data;

  if (sign->call)
    ike_call_fail (sign->call, "the daemon ends");
  atomic_fetch_sub_explicit (&sign->state->n_pending, 1, memory_order_relaxed);
  ike_key_unref (&sign->key->head);
  g_clear_pointer (&sign->octets, g_bytes_unref);
  g_free (sign);
}

/* -- any loop */

/* RFC 4754, 4: the curves are those of RFC 5903; one of Brainpool may have as many bits. */
static gboolean
fits_curve (const Key *key, const IkeSigScheme *scheme)
{
  return scheme->method == IKE_AUTH_SIGNATURE
         || g_str_has_prefix (key->pki->pubkey_info (key->head.pubkey)->name, "ECDSA P-");
}

/* RFC 8017, 9.1.1: emLen is "at least 8hLen + 8sLen + 9" bits; emBits is one less than the modulus
 * has. */
static gboolean
fits_modulus (const Key *key, const IkeSigScheme *scheme, const SignPlan *plan)
{
  return !scheme->is_pss || key->bits > 16 * plan->pss.sLen + 9;
}

/* RFC 7296, 3.8, of method 1: "implementations [...] SHOULD use SHA-1 as the default hash function
 * when generating signatures", and no notify tells us that the peer knows another. */
static gboolean
fits_method (const IkeSigScheme *scheme)
{
  return scheme->method != IKE_AUTH_RSA || scheme->hash_id == IKE_SIGHASH_SHA1;
}

static gboolean
key_can (const IkeKey *head, const IkeSigScheme *scheme)
{
  const Key *key = (const Key *) head;
  SignPlan plan;

  if (scheme->key_type != key->type || (scheme->key_bits && scheme->key_bits != key->bits)
      || !fits_method (scheme) || !sign_plan (key->mechanisms, scheme, &plan))
    return FALSE;
  if (key->type == IKE_KEY_ECDSA && !fits_curve (key, scheme))
    return FALSE;
  return fits_modulus (key, scheme, &plan)
         && (!plan.hash || ike_hash_find (key->state->engine, plan.hash));
}

static void
sign_cancelled (gpointer data)
{
  atomic_store_explicit (&((Sign *) data)->is_cancelled, TRUE, memory_order_relaxed);
}

static void refuse (IkeCall *call, const char *format, ...) G_GNUC_PRINTF (2, 3);

static void
refuse (IkeCall *call, const char *format, ...)
{
  g_autofree char *reason = NULL;
  va_list arguments;

  va_start (arguments, format);
  reason = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  ike_call_fail (call, reason);
}

static void
key_sign (IkeKey *head, IkeEngine *engine, const IkeSigScheme *scheme, GBytes *octets,
          IkeCall *call)
{
  Key *key = (Key *) head;
  State *state = key->state;
  Sign *sign;

  if (!state->loop) {
    ike_call_fail (call, "the daemon ends");
    return;
  }
  if (!key_can (head, scheme)) {
    refuse (call, "%s: it does not sign with %s", head->label, scheme->name);
    return;
  }
  if (atomic_fetch_add_explicit (&state->n_pending, 1, memory_order_relaxed)
      >= state->max_pending) {
    atomic_fetch_sub_explicit (&state->n_pending, 1, memory_order_relaxed);
    refuse (call, "%u signatures wait for tokens already (plugins.pkcs11.max_pending)",
            state->max_pending);
    return;
  }
  sign = g_new0 (Sign, 1);
  sign->state = state;
  sign->key = (Key *) ike_key_ref (head);
  sign->scheme = scheme;
  sign->octets = g_bytes_ref (octets);
  sign->call = call;
  atomic_init (&sign->is_cancelled, FALSE);
  ike_call_on_cancel (call, sign_cancelled, sign);
  ike_loop_post (state->loop, sign_run, sign, sign_free);
}

static void
key_free (IkeKey *head)
{
  Key *key = (Key *) head;

  key->pki->pubkey_unref (head->pubkey);
  g_free (head->label);
  g_free (key->problem);
  g_clear_pointer (&key->id, g_bytes_unref);
  g_clear_pointer (&key->label, g_bytes_unref);
  g_free (key);
}

const IkeKeyClass key_class = {
  .struct_size = sizeof (IkeKeyClass),
  .origin = "token",
  .sign = key_sign,
  .can = key_can,
  .free_key = key_free,
};
