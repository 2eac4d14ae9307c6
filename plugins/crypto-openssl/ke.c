/* SPDX-License-Identifier: Apache-2.0 */
/* ke.c - Diffie-Hellman: MODP (RFC 2409, 3526), ECP (RFC 5903), Brainpool (RFC 6954), Curve25519
 * and 448 (RFC 8031).
 *
 * A public value that comes from a peer is measured first, then checked as RFC 6989 asks for its
 * kind of group, and only then used; the library's own full validation is left out, because for
 * the large MODP groups it costs seventeen times as much as the exchange and a peer could ask
 * for it at will. */
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <string.h>

#include "private.h"

enum { PUBLIC_MAX = 1024, COORDINATE_MAX = 66, POINT_UNCOMPRESSED = 4 };

typedef enum { KIND_MODP, KIND_ECP, KIND_MONTGOMERY } GroupKind;

typedef struct {
  GroupKind kind;
  const char *type, *name; /* of the library; a MODP group without name is built from its prime */
  guint16 public_len, secret_len;
} Group;

static const Group groups[N_GROUPS] = {
  [GROUP_MODP1024] = { KIND_MODP, "DH", NULL, 128, 128 },
  [GROUP_MODP1536] = { KIND_MODP, "DH", "modp_1536", 192, 192 },
  [GROUP_MODP2048] = { KIND_MODP, "DH", "modp_2048", 256, 256 },
  [GROUP_MODP3072] = { KIND_MODP, "DH", "modp_3072", 384, 384 },
  [GROUP_MODP4096] = { KIND_MODP, "DH", "modp_4096", 512, 512 },
  [GROUP_MODP6144] = { KIND_MODP, "DH", "modp_6144", 768, 768 },
  [GROUP_MODP8192] = { KIND_MODP, "DH", "modp_8192", 1024, 1024 },
  [GROUP_ECP256] = { KIND_ECP, "EC", "P-256", 64, 32 },
  [GROUP_ECP384] = { KIND_ECP, "EC", "P-384", 96, 48 },
  [GROUP_ECP521] = { KIND_ECP, "EC", "P-521", 132, 66 },
  [GROUP_BRAINPOOL256] = { KIND_ECP, "EC", "brainpoolP256r1", 64, 32 },
  [GROUP_BRAINPOOL384] = { KIND_ECP, "EC", "brainpoolP384r1", 96, 48 },
  [GROUP_BRAINPOOL512] = { KIND_ECP, "EC", "brainpoolP512r1", 128, 64 },
  [GROUP_CURVE25519] = { KIND_MONTGOMERY, "X25519", NULL, 32, 32 },
  [GROUP_CURVE448] = { KIND_MONTGOMERY, "X448", NULL, 56, 56 },
};

static EVP_PKEY *
key_from_params (const State *state, const char *type, int selection, OSSL_PARAM *params)
{
  EVP_PKEY_CTX *context = params ? EVP_PKEY_CTX_new_from_name (state->library, type, NULL) : NULL;
  EVP_PKEY *key = NULL;

  if (context && EVP_PKEY_fromdata_init (context) == 1)
    EVP_PKEY_fromdata (context, &key, selection, params);
  EVP_PKEY_CTX_free (context);
  return key;
}

/* The library knows this group's prime, but has no name for the group. */
static EVP_PKEY *
modp1024_new (const State *state)
{
  OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new ();
  BIGNUM *prime = BN_get_rfc2409_prime_1024 (NULL), *generator = BN_new ();
  OSSL_PARAM *params = NULL;

  if (builder && prime && generator && BN_set_word (generator, 2) == 1
      && OSSL_PARAM_BLD_push_BN (builder, OSSL_PKEY_PARAM_FFC_P, prime) == 1
      && OSSL_PARAM_BLD_push_BN (builder, OSSL_PKEY_PARAM_FFC_G, generator) == 1)
    params = OSSL_PARAM_BLD_to_param (builder);

  EVP_PKEY *key = key_from_params (state, "DH", EVP_PKEY_KEY_PARAMETERS, params);

  OSSL_PARAM_free (params);
  OSSL_PARAM_BLD_free (builder);
  BN_free (prime);
  BN_free (generator);
  return key;
}

static EVP_PKEY *
group_new (const State *state, const Group *group)
{
  OSSL_PARAM params[] = { OSSL_PARAM_construct_utf8_string (OSSL_PKEY_PARAM_GROUP_NAME,
                                                            (char *) group->name, 0),
                          OSSL_PARAM_END };

  return key_from_params (state, group->type, EVP_PKEY_KEY_PARAMETERS, params);
}

static guint8 *
prime_new (const EVP_PKEY *key, gsize len)
{
  BIGNUM *prime = NULL;
  guint8 *bytes = g_malloc0 (len);

  if (EVP_PKEY_get_bn_param (key, OSSL_PKEY_PARAM_FFC_P, &prime) != 1
      || BN_bn2binpad (prime, bytes, (int) len) != (int) len)
    g_clear_pointer (&bytes, g_free);
  BN_free (prime);
  return bytes;
}

void
groups_load (State *state)
{
  for (GroupId id = 0; id < N_GROUPS; id++) {
    if (groups[id].kind == KIND_MONTGOMERY)
      continue;
    state->groups[id] = groups[id].name ? group_new (state, &groups[id]) : modp1024_new (state);
    if (groups[id].kind == KIND_MODP && state->groups[id])
      state->primes[id] = prime_new (state->groups[id], groups[id].public_len);
  }
}

void
groups_free (State *state)
{
  for (GroupId id = 0; id < N_GROUPS; id++) {
    EVP_PKEY_free (state->groups[id]);
    g_free (state->primes[id]);
  }
}

/* RFC 6989, 2.1: 1 < r < p-1.  The value is public, so the time that this takes tells nothing. */
static gboolean
modp_is_legal (const guint8 *prime, const guint8 *value, gsize len)
{
  gsize first = 0;

  while (first < len - 1 && value[first] == 0)
    first++;
  if (first == len - 1 && value[first] <= 1)
    return FALSE;
  /* The prime is odd: p-1 differs from it in the last bit only. */
  int order = memcmp (value, prime, len - 1);

  return order < 0 || (order == 0 && value[len - 1] < (prime[len - 1] & 0xfe));
}

/* What the peer sent as a key of the library; NULL with @refused or, that being NULL, because
 * the library failed. */
static EVP_PKEY *
peer_new (const State *state, GroupId id, const guint8 *peer, gsize peer_len, const char **refused)
{
  const Group *group = &groups[id];
  guint8 point[1 + 2 * COORDINATE_MAX];
  EVP_PKEY *key;

  if (peer_len != group->public_len) {
    *refused = "its length does not fit the group";
    return NULL;
  }
  if (group->kind == KIND_MONTGOMERY)
    return EVP_PKEY_new_raw_public_key_ex (state->library, group->type, NULL, peer, peer_len);
  if (group->kind == KIND_MODP && !modp_is_legal (state->primes[id], peer, peer_len)) {
    *refused = "it is 0, 1, p-1 or larger (RFC 6989, 2.1)";
    return NULL;
  }
  key = EVP_PKEY_new ();
  if (!key || EVP_PKEY_copy_parameters (key, state->groups[id]) != 1) {
    EVP_PKEY_free (key);
    return NULL;
  }
  /* RFC 5903, 7: the wire has x | y.  With this prefix there is no encoding of the point at
   * infinity, and the library refuses coordinates out of range and points off the curve. */
  if (group->kind == KIND_ECP) {
    point[0] = POINT_UNCOMPRESSED;
    memcpy (point + 1, peer, peer_len);
    peer = point;
    peer_len++;
  }
  if (EVP_PKEY_set1_encoded_public_key (key, peer, peer_len) == 1)
    return key;
  *refused = group->kind == KIND_ECP ? "it is not a point of the curve (RFC 6989, 2.3)"
                                     : "it is not legal in the group";
  EVP_PKEY_free (key);
  return NULL;
}

static gboolean
public_write (EVP_PKEY *pair, const Group *group, guint8 *out)
{
  guint8 encoded[PUBLIC_MAX + 1];
  gsize len = 0, prefix = group->kind == KIND_ECP ? 1 : 0;

  if (EVP_PKEY_get_octet_string_param (pair, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, encoded,
                                       sizeof encoded, &len)
      != 1)
    return FALSE;
  if (len != prefix + group->public_len || (prefix && encoded[0] != POINT_UNCOMPRESSED))
    return FALSE;
  memcpy (out, encoded + prefix, group->public_len);
  return TRUE;
}

static EVP_PKEY *
pair_new (const State *state, GroupId id)
{
  EVP_PKEY_CTX *context = state->groups[id]
                              ? EVP_PKEY_CTX_new_from_pkey (state->library, state->groups[id], NULL)
                              : EVP_PKEY_CTX_new_from_name (state->library, groups[id].type, NULL);
  EVP_PKEY *pair = NULL;

  if (context && EVP_PKEY_keygen_init (context) == 1 && EVP_PKEY_generate (context, &pair) != 1)
    g_clear_pointer (&pair, EVP_PKEY_free);
  EVP_PKEY_CTX_free (context);
  return pair;
}

static gboolean
secret_is_zero (IkeSecretBlob *secret)
{
  const guint8 *data = ike_secret_blob_data (secret);
  guint8 any = 0;

  for (gsize i = 0; i < ike_secret_blob_len (secret); i++)
    any |= data[i];
  return any == 0;
}

static gboolean
context_prepare (EVP_PKEY_CTX *context, const Group *group, EVP_PKEY *peer)
{
  unsigned int pad = 1;
  OSSL_PARAM params[] = { OSSL_PARAM_END, OSSL_PARAM_END };

  /* RFC 7296, 2.14: "g^ir is represented as a string of octets in big endian order padded with
   * zeros if necessary to make it the length of the modulus." */
  if (group->kind == KIND_MODP)
    params[0] = OSSL_PARAM_construct_uint (OSSL_EXCHANGE_PARAM_PAD, &pad);
  return EVP_PKEY_derive_init_ex (context, params) == 1
         && EVP_PKEY_derive_set_peer_ex (context, peer, 0) == 1;
}

static IkeSecretBlob *
secret_derive (const State *state, GroupId id, EVP_PKEY *pair, EVP_PKEY *peer, const char **refused)
{
  const Group *group = &groups[id];
  gsize len = group->secret_len;
  IkeSecretBlob *secret = ike_secret_blob_new (NULL, len);
  EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey (state->library, pair, NULL);
  gboolean is_ready = context && context_prepare (context, group, peer);
  gboolean is_done = is_ready && EVP_PKEY_derive (context, ike_secret_blob_data (secret), &len) == 1
                     && len == group->secret_len;

  EVP_PKEY_CTX_free (context);
  /* RFC 7748, 6: both sides "MAY check, without leaking extra information about the value of K,
   * whether K is the all-zero value and abort if so"; the library fails for such a peer too. */
  if (is_ready && group->kind == KIND_MONTGOMERY && (!is_done || secret_is_zero (secret))) {
    *refused = "it is a point of small order (RFC 7748, 6)";
    is_done = FALSE;
  }
  if (!is_done)
    g_clear_pointer (&secret, ike_secret_blob_unref);
  return secret;
}

static gboolean
group_is_there (const State *state, GroupId id)
{
  return groups[id].kind == KIND_MONTGOMERY
         || (state->groups[id] && (groups[id].kind == KIND_ECP || state->primes[id]));
}

static gpointer
ke_offer (IkePlugin *self, GroupId id, guint8 *public_out, const char **error)
{
  const State *state = ike_plugin_state (self);
  EVP_PKEY *pair = group_is_there (state, id) ? pair_new (state, id) : NULL;

  if (pair && !public_write (pair, &groups[id], public_out))
    g_clear_pointer (&pair, EVP_PKEY_free);
  if (!pair) {
    *error = "libcrypto cannot make a key pair";
    ERR_clear_error ();
  }
  return pair;
}

static IkeSecretBlob *
ke_finish (IkePlugin *self, GroupId id, EVP_PKEY *pair, const IkePart *peer,
           gboolean *is_peers_fault, const char **error)
{
  const State *state = ike_plugin_state (self);
  const char *refused = NULL;
  EVP_PKEY *peer_key =
      group_is_there (state, id) ? peer_new (state, id, peer->data, peer->len, &refused) : NULL;
  IkeSecretBlob *secret = peer_key ? secret_derive (state, id, pair, peer_key, &refused) : NULL;

  EVP_PKEY_free (peer_key);
  if (secret)
    return secret;
  *is_peers_fault = refused != NULL;
  *error = refused ? refused : "libcrypto cannot derive the shared secret";
  ERR_clear_error ();
  return NULL;
}

/* The peer's value is looked at before a pair is made for it. */
static IkeSecretBlob *
ke_answer (IkePlugin *self, GroupId id, const IkePart *peer, guint8 *public_out,
           gboolean *is_peers_fault, const char **error)
{
  const State *state = ike_plugin_state (self);
  const char *refused = NULL;
  EVP_PKEY *peer_key =
      group_is_there (state, id) ? peer_new (state, id, peer->data, peer->len, &refused) : NULL;
  EVP_PKEY *pair = peer_key ? ke_offer (self, id, public_out, error) : NULL;
  IkeSecretBlob *secret = pair ? secret_derive (state, id, pair, peer_key, &refused) : NULL;

  EVP_PKEY_free (pair);
  EVP_PKEY_free (peer_key);
  if (secret)
    return secret;
  *is_peers_fault = refused != NULL;
  *error = refused ? refused : "libcrypto cannot derive the shared secret";
  ERR_clear_error ();
  return NULL;
}

static void
ke_pair_free (gpointer pair)
{
  EVP_PKEY_free (pair);
}

static EVP_PKEY *
fixed_pair_new (const State *state, GroupId id, const guint8 *bytes, gsize len)
{
  const Group *group = &groups[id];

  if (group->kind == KIND_MONTGOMERY)
    return EVP_PKEY_new_raw_private_key_ex (state->library, group->type, NULL, bytes, len);

  OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new ();
  BIGNUM *number = BN_bin2bn (bytes, (int) len, NULL), *prime = NULL, *generator = NULL;
  OSSL_PARAM *params = NULL;

  if (builder && number && OSSL_PARAM_BLD_push_BN (builder, OSSL_PKEY_PARAM_PRIV_KEY, number) == 1
      && (group->kind == KIND_ECP
              ? OSSL_PARAM_BLD_push_utf8_string (builder, OSSL_PKEY_PARAM_GROUP_NAME, group->name,
                                                 0)
                    == 1
              : EVP_PKEY_get_bn_param (state->groups[id], OSSL_PKEY_PARAM_FFC_P, &prime) == 1
                    && EVP_PKEY_get_bn_param (state->groups[id], OSSL_PKEY_PARAM_FFC_G, &generator)
                           == 1
                    && OSSL_PARAM_BLD_push_BN (builder, OSSL_PKEY_PARAM_FFC_P, prime) == 1
                    && OSSL_PARAM_BLD_push_BN (builder, OSSL_PKEY_PARAM_FFC_G, generator) == 1))
    params = OSSL_PARAM_BLD_to_param (builder);

  EVP_PKEY *pair = key_from_params (state, group->type, EVP_PKEY_KEYPAIR, params);

  OSSL_PARAM_free (params);
  OSSL_PARAM_BLD_free (builder);
  BN_clear_free (number);
  BN_free (prime);
  BN_free (generator);
  return pair;
}

IkeSecretBlob *
ke_derive_fixed (IkePlugin *self, GroupId id, const guint8 *private_key, gsize private_len,
                 const IkePart *peer)
{
  const State *state = ike_plugin_state (self);
  EVP_PKEY *pair =
      group_is_there (state, id) ? fixed_pair_new (state, id, private_key, private_len) : NULL;
  gboolean is_peers_fault;
  const char *reason;
  IkeSecretBlob *secret = pair ? ke_finish (self, id, pair, peer, &is_peers_fault, &reason) : NULL;

  EVP_PKEY_free (pair);
  ERR_clear_error ();
  return secret;
}

#define KE(symbol, id, transform_id, value_len, result_len, cost, flag)                            \
  static gpointer symbol##_offer (IkePlugin *self, guint8 *public_out, const char **error)         \
  {                                                                                                \
    return ke_offer (self, id, public_out, error);                                                 \
  }                                                                                                \
  static IkeSecretBlob *symbol##_answer (IkePlugin *self, const guint8 *peer, gsize peer_len,      \
                                         guint8 *public_out, gboolean *is_peers_fault,             \
                                         const char **error)                                       \
  {                                                                                                \
    IkePart part = { peer, peer_len };                                                             \
    return ke_answer (self, id, &part, public_out, is_peers_fault, error);                         \
  }                                                                                                \
  static IkeSecretBlob *symbol##_finish (IkePlugin *self, gpointer pair, const guint8 *peer,       \
                                         gsize peer_len, gboolean *is_peers_fault,                 \
                                         const char **error)                                       \
  {                                                                                                \
    IkePart part = { peer, peer_len };                                                             \
    return ke_finish (self, id, pair, &part, is_peers_fault, error);                               \
  }                                                                                                \
  static const IkeKeClass symbol##_class = {                                                       \
    .struct_size = sizeof (IkeKeClass),                                                            \
    .transform = transform_id,                                                                     \
    .offer_len = value_len,                                                                        \
    .answer_len = value_len,                                                                       \
    .secret_len = result_len,                                                                      \
    .cost_us = cost,                                                                               \
    .flags = flag,                                                                                 \
    .offer = symbol##_offer,                                                                       \
    .answer = symbol##_answer,                                                                     \
    .finish = symbol##_finish,                                                                     \
    .pair_free = ke_pair_free,                                                                     \
  };                                                                                               \
  static gboolean symbol##_probe (IkePlugin *self, GError **error)                                 \
  {                                                                                                \
    return probe_ke (self, "ke:" #symbol, id, &symbol##_class, error);                             \
  }                                                                                                \
  const IkeFeature symbol##_feature = { .struct_size = sizeof (IkeFeature),                        \
                                        .provides = "ke:" #symbol,                                 \
                                        .ops = &symbol##_class,                                    \
                                        .probe = symbol##_probe }

/* Costs in µs of the dearest step, the answer (a pair and a secret), measured with 3.0 on the
 * machine on which Curve25519 takes 51; what is above 700 goes to the offload pool. */
KE (modp1024, GROUP_MODP1024, 2, 128, 128, 460, IKE_CRYPTO_OFF);
KE (modp1536, GROUP_MODP1536, 5, 192, 192, 340, IKE_CRYPTO_OFF);
KE (modp2048, GROUP_MODP2048, 14, 256, 256, 570, 0);
KE (modp3072, GROUP_MODP3072, 15, 384, 384, 1200, 0);
KE (modp4096, GROUP_MODP4096, 16, 512, 512, 2700, 0);
KE (modp6144, GROUP_MODP6144, 17, 768, 768, 5800, 0);
KE (modp8192, GROUP_MODP8192, 18, 1024, 1024, 10600, 0);
KE (ecp256, GROUP_ECP256, 19, 64, 32, 70, 0);
KE (ecp384, GROUP_ECP384, 20, 96, 48, 1000, 0);
KE (ecp521, GROUP_ECP521, 21, 132, 66, 320, 0);
KE (brainpool256, GROUP_BRAINPOOL256, 28, 64, 32, 370, 0);
KE (brainpool384, GROUP_BRAINPOOL384, 29, 96, 48, 820, 0);
KE (brainpool512, GROUP_BRAINPOOL512, 30, 128, 64, 1300, 0);
KE (curve25519, GROUP_CURVE25519, 31, 32, 32, 51, 0);
KE (curve448, GROUP_CURVE448, 32, 56, 56, 270, 0);
