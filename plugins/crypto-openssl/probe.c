/* SPDX-License-Identifier: Apache-2.0 */
/* probe.c - known-answer tests, run when a feature is loaded: an algorithm that gives wrong
 * answers is not offered. */
#include <openssl/err.h>
#include <string.h>

#include <ikebana/engine.h>
#include <ikebana/error.h>

#include "private.h"
#include "vectors.h"

enum { FIELD_MAX = 2048 };

typedef struct {
  gsize len;
  guint8 bytes[FIELD_MAX];
} Field;

typedef struct {
  Field in[4], out;
} Answer;

/* One vector against one class; NULL, or what went wrong. */
typedef const char *(*CheckFunc) (IkePlugin *self, gconstpointer klass, gpointer scratch,
                                  Answer *answer);

__attribute__ ((weak)) const char *
probe_spoiled_feature (void)
{
  return NULL;
}

static void
field_read (Field *field, const char *text)
{
  field->len = 0;
  for (; text && text[0] && text[1] && field->len < FIELD_MAX; text += 2)
    field->bytes[field->len++] =
        (guint8) (g_ascii_xdigit_value (text[0]) << 4 | g_ascii_xdigit_value (text[1]));
}

static void
answer_read (Answer *answer, const Vector *vector)
{
  const char *spoiled = probe_spoiled_feature ();

  for (guint i = 0; i < G_N_ELEMENTS (answer->in); i++)
    field_read (&answer->in[i], vector->in[i]);
  field_read (&answer->out, vector->out);
  if (spoiled && strcmp (spoiled, vector->feature) == 0 && answer->out.len > 0)
    answer->out.bytes[0] ^= 1;
}

/* -- simulations: their engines have one and the same library, and many are made */

static gpointer
answers_new (IkeSim *sim)
{
  return g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
}

static GHashTable *
answers_of (IkePlugin *self)
{
  IkeSim *sim = probe_spoiled_feature () ? NULL : ike_engine_sim (ike_plugin_engine (self));

  return sim ? ike_sim_shared (sim, "known answers of crypto-openssl", answers_new,
                               (GDestroyNotify) g_hash_table_unref)
             : NULL;
}

gboolean
probe_was_right (IkePlugin *self, const char *feature)
{
  GHashTable *answers = answers_of (self);

  return answers && g_hash_table_contains (answers, feature);
}

void
probe_remember (IkePlugin *self, const char *feature)
{
  GHashTable *answers = answers_of (self);

  if (answers)
    g_hash_table_add (answers, g_strdup (feature));
}

static gboolean
probe_fail (GError **error, const char *feature, const char *what, const char *source)
{
  ERR_clear_error ();
  g_set_error (error, IKE_ERROR, IKE_ERROR_CRYPTO, "%s: %s%s%s", feature, what,
               source ? " with the known answer of " : "", source ? source : "");
  return FALSE;
}

static gboolean
probe_run (IkePlugin *self, const char *feature, gconstpointer klass, gpointer scratch,
           CheckFunc check, GError **error)
{
  g_autofree Answer *answer = NULL;
  guint n_run = 0;

  if (probe_was_right (self, feature))
    return TRUE;
  answer = g_new (Answer, 1);
  for (guint i = 0; i < n_vectors; i++) {
    if (strcmp (vectors[i].feature, feature) != 0)
      continue;
    answer_read (answer, &vectors[i]);

    const char *wrong = check (self, klass, scratch, answer);

    if (wrong)
      return probe_fail (error, feature, wrong, vectors[i].source);
    n_run++;
  }
  if (n_run == 0)
    return probe_fail (error, feature, "there is no known answer to test it with", NULL);
  probe_remember (self, feature);
  return TRUE;
}

static const char *
why_not_there (const State *state, const char *feature)
{
  if (!state->legacy_provider
      && (strcmp (feature, "hash:md4") == 0 || strcmp (feature, "cipher:des-ecb") == 0))
    return "OpenSSL's legacy provider is not installed; it is in the Debian packages "
           "openssl-provider-legacy (13 and later) or libssl3";
  return "this libcrypto does not have it (disabled, or a restricted provider)";
}

static gboolean
probe_scratch (IkePlugin *self, const char *feature, gpointer (*scratch_new) (IkePlugin *self),
               gpointer *scratch, GError **error)
{
  if (!state_get (self, error))
    return FALSE;
  *scratch = scratch_new (self);
  return *scratch
         || probe_fail (error, feature, why_not_there (ike_plugin_state (self), feature), NULL);
}

/* Sealed and opened with a scratch context, sealed with a keyed one, and refused with another
 * ICV. */
static const char *
check_aead (IkePlugin *self, gconstpointer data, gpointer scratch, Answer *answer)
{
  const IkeAeadClass *klass = data;
  Field *key = &answer->in[0], *iv = &answer->in[1], *aad = &answer->in[2], *text = &answer->in[3],
        *out = &answer->out;
  guint8 buffer[FIELD_MAX], icv[64], *expected_icv = out->bytes + text->len;
  gsize len = text->len;

  if (key->len != klass->key_len + klass->salt_len || iv->len != klass->iv_len
      || out->len != len + klass->icv_len)
    return "lengths do not agree";
  memcpy (buffer, text->bytes, len);
  if (!klass->seal (scratch, key->bytes, iv->bytes, aad->bytes, aad->len, buffer, len, icv)
      || memcmp (buffer, out->bytes, len) != 0 || memcmp (icv, expected_icv, klass->icv_len) != 0)
    return "sealing disagrees";
  if (!klass->open (scratch, key->bytes, iv->bytes, aad->bytes, aad->len, buffer, len, icv)
      || memcmp (buffer, text->bytes, len) != 0)
    return "opening disagrees";

  gpointer keyed = klass->keyed_new (self, key->bytes, TRUE);
  gboolean is_right =
      keyed
      && klass->keyed_seal (keyed, iv->bytes, aad->bytes, aad->len, text->bytes, len, buffer, icv)
      && memcmp (buffer, out->bytes, len) == 0 && memcmp (icv, expected_icv, klass->icv_len) == 0;

  if (keyed)
    klass->keyed_free (keyed);
  if (!is_right)
    return "sealing with a keyed context disagrees";
  icv[klass->icv_len - 1] ^= 1;
  if (klass->open (scratch, key->bytes, iv->bytes, aad->bytes, aad->len, buffer, len, icv))
    return "opening accepts a wrong ICV";
  return NULL;
}

gboolean
probe_aead (IkePlugin *self, const char *feature, const IkeAeadClass *klass, GError **error)
{
  gpointer scratch;

  if (!probe_scratch (self, feature, klass->scratch_new, &scratch, error))
    return FALSE;
  gboolean is_right = probe_run (self, feature, klass, scratch, check_aead, error);

  klass->scratch_free (scratch);
  return is_right;
}

static const char *
check_cipher (IkePlugin *self, gconstpointer data, gpointer scratch, Answer *answer)
{
  const IkeCipherClass *klass = data;
  Field *key = &answer->in[0], *iv = &answer->in[1], *text = &answer->in[2], *out = &answer->out;
  guint8 buffer[FIELD_MAX];

  if (key->len != klass->key_len + klass->salt_len || iv->len != klass->iv_len
      || out->len != text->len)
    return "lengths do not agree";
  memcpy (buffer, text->bytes, text->len);
  if (!klass->encrypt (scratch, key->bytes, iv->bytes, buffer, text->len)
      || memcmp (buffer, out->bytes, out->len) != 0)
    return "encrypting disagrees";
  if (!klass->decrypt (scratch, key->bytes, iv->bytes, buffer, text->len)
      || memcmp (buffer, text->bytes, text->len) != 0)
    return "decrypting disagrees";
  return NULL;
}

gboolean
probe_cipher (IkePlugin *self, const char *feature, const IkeCipherClass *klass, GError **error)
{
  gpointer scratch;

  if (!probe_scratch (self, feature, klass->scratch_new, &scratch, error))
    return FALSE;
  gboolean is_right = probe_run (self, feature, klass, scratch, check_cipher, error);

  klass->scratch_free (scratch);
  return is_right;
}

/* The message in two parts, so that gluing them is tested too. */
static void
field_split (const Field *field, IkePart parts[2])
{
  gsize half = field->len / 2;

  parts[0] = (IkePart){ field->bytes, half };
  parts[1] = (IkePart){ field->bytes + half, field->len - half };
}

static const char *
check_integ (IkePlugin *self, gconstpointer data, gpointer scratch, Answer *answer)
{
  const IkeIntegClass *klass = data;
  IkePart parts[2];
  guint8 icv[64];

  if (answer->in[0].len != klass->key_len || answer->out.len != klass->icv_len)
    return "lengths do not agree";
  field_split (&answer->in[1], parts);
  if (!klass->mac (scratch, answer->in[0].bytes, parts, 2, icv)
      || memcmp (icv, answer->out.bytes, klass->icv_len) != 0)
    return "the MAC disagrees";
  return NULL;
}

gboolean
probe_integ (IkePlugin *self, const char *feature, const IkeIntegClass *klass, GError **error)
{
  gpointer scratch;

  if (!probe_scratch (self, feature, klass->scratch_new, &scratch, error))
    return FALSE;
  gboolean is_right = probe_run (self, feature, klass, scratch, check_integ, error);

  klass->scratch_free (scratch);
  return is_right;
}

static const char *
check_prf (IkePlugin *self, gconstpointer data, gpointer scratch, Answer *answer)
{
  const IkePrfClass *klass = data;
  IkePart parts[2];
  guint8 out[64];

  if (answer->out.len != klass->out_len)
    return "lengths do not agree";
  field_split (&answer->in[1], parts);
  if (!klass->prf (scratch, answer->in[0].bytes, answer->in[0].len, parts, 2, out)
      || memcmp (out, answer->out.bytes, klass->out_len) != 0)
    return "the output disagrees";
  return NULL;
}

gboolean
probe_prf (IkePlugin *self, const char *feature, const IkePrfClass *klass, GError **error)
{
  gpointer scratch;

  if (!probe_scratch (self, feature, klass->scratch_new, &scratch, error))
    return FALSE;
  gboolean is_right = probe_run (self, feature, klass, scratch, check_prf, error);

  klass->scratch_free (scratch);
  return is_right;
}

static const char *
check_hash (IkePlugin *self, gconstpointer data, gpointer scratch, Answer *answer)
{
  const IkeHashClass *klass = data;
  IkePart parts[2];
  guint8 out[64];

  if (answer->out.len != klass->out_len)
    return "lengths do not agree";
  field_split (&answer->in[0], parts);
  if (!klass->hash (scratch, parts, 2, out) || memcmp (out, answer->out.bytes, klass->out_len) != 0)
    return "the hash disagrees";
  return NULL;
}

gboolean
probe_hash (IkePlugin *self, const char *feature, const IkeHashClass *klass, GError **error)
{
  gpointer scratch;

  if (!probe_scratch (self, feature, klass->scratch_new, &scratch, error))
    return FALSE;
  gboolean is_right = probe_run (self, feature, klass, scratch, check_hash, error);

  klass->scratch_free (scratch);
  return is_right;
}

static gboolean
secret_is_expected (const State *state, IkeSecretBlob *secret, const Field *out)
{
  const guint8 *data = ike_secret_blob_data (secret);
  guint8 digest[EVP_MAX_MD_SIZE];
  gsize len = ike_secret_blob_len (secret);

  if (out->len == len)
    return memcmp (data, out->bytes, len) == 0;
  return state->digests[DIGEST_SHA2_256]
         && EVP_Digest (data, len, digest, NULL, state->digests[DIGEST_SHA2_256], NULL) == 1
         && out->len == 32 && memcmp (digest, out->bytes, out->len) == 0;
}

/* @scratch: the group. */
static const char *
check_ke (IkePlugin *self, gconstpointer data, gpointer scratch, Answer *answer)
{
  const IkeKeClass *klass = data;
  const Field *private_key = &answer->in[0], *peer = &answer->in[1];
  g_autofree guint8 *value = g_malloc0 (klass->answer_len);
  IkePart part = { value, klass->answer_len };

  if (peer->len > klass->answer_len)
    return "lengths do not agree";
  memcpy (value + klass->answer_len - peer->len, peer->bytes, peer->len);
  g_autoptr (IkeSecretBlob) secret = ke_derive_fixed (self, (GroupId) GPOINTER_TO_UINT (scratch),
                                                      private_key->bytes, private_key->len, &part);

  if (!secret)
    return "this libcrypto does not have it, or cannot derive";
  if (!secret_is_expected (ike_plugin_state (self), secret, &answer->out))
    return "the secret disagrees";
  return NULL;
}

gboolean
probe_ke (IkePlugin *self, const char *feature, GroupId group, const IkeKeClass *klass,
          GError **error)
{
  return state_get (self, error)
         && probe_run (self, feature, klass, GUINT_TO_POINTER (group), check_ke, error);
}
