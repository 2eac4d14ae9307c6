/* SPDX-License-Identifier: Apache-2.0 */
/* mechanism.c - which mechanism of Cryptoki makes the signature of which scheme.
 *
 * A token that hashes is given the whole; one that does not is given a hash, of our own making. */
#include <string.h>

#include "private.h"

typedef struct {
  guint8 hash_id; /* IKE_SIGHASH_… */
  const char *name;
  guint len;
  CK_MECHANISM_TYPE hash, rsa_pkcs, rsa_pss;
  CK_RSA_PKCS_MGF_TYPE mgf;
  const guint8 *prefix; /* of DigestInfo, PREFIX_LEN or one of its own */
  guint prefix_len;
} Hash;

/* RFC 8017, 9.2, note 1: DigestInfo of these algorithms, up to the hash. */
static const guint8 sha1_prefix[] = { 0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e,
                                      0x03, 0x02, 0x1a, 0x05, 0x00, 0x04, 0x14 };
static const guint8 sha256_prefix[] = { 0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                                        0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20 };
static const guint8 sha384_prefix[] = { 0x30, 0x41, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                                        0x65, 0x03, 0x04, 0x02, 0x02, 0x05, 0x00, 0x04, 0x30 };
static const guint8 sha512_prefix[] = { 0x30, 0x51, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                                        0x65, 0x03, 0x04, 0x02, 0x03, 0x05, 0x00, 0x04, 0x40 };

static const Hash hashes[] = {
  { IKE_SIGHASH_SHA1, "sha1", 20, CKM_SHA_1, CKM_SHA1_RSA_PKCS, CKM_SHA1_RSA_PKCS_PSS,
    CKG_MGF1_SHA1, sha1_prefix, sizeof sha1_prefix },
  { IKE_SIGHASH_SHA2_256, "sha256", 32, CKM_SHA256, CKM_SHA256_RSA_PKCS, CKM_SHA256_RSA_PKCS_PSS,
    CKG_MGF1_SHA256, sha256_prefix, sizeof sha256_prefix },
  { IKE_SIGHASH_SHA2_384, "sha384", 48, CKM_SHA384, CKM_SHA384_RSA_PKCS, CKM_SHA384_RSA_PKCS_PSS,
    CKG_MGF1_SHA384, sha384_prefix, sizeof sha384_prefix },
  { IKE_SIGHASH_SHA2_512, "sha512", 64, CKM_SHA512, CKM_SHA512_RSA_PKCS, CKM_SHA512_RSA_PKCS_PSS,
    CKG_MGF1_SHA512, sha512_prefix, sizeof sha512_prefix },
};

static const Hash *
hash_of (const IkeSigScheme *scheme)
{
  for (guint i = 0; i < G_N_ELEMENTS (hashes); i++)
    if (hashes[i].hash_id == scheme->hash_id)
      return &hashes[i];
  return NULL;
}

static guint32
bit_of (guint32 first, const Hash *hash)
{
  return first << (hash->hash_id - IKE_SIGHASH_SHA1);
}

static gboolean
can_sign (Module *module, CK_SLOT_ID slot, CK_MECHANISM_TYPE type)
{
  CK_MECHANISM_INFO info = { 0 };

  return module->functions->C_GetMechanismInfo (slot, type, &info) == CKR_OK
         && info.flags & CKF_SIGN;
}

guint32
mechanisms_of (Module *module, CK_SLOT_ID slot)
{
  static const struct {
    CK_MECHANISM_TYPE type;
    guint32 bit;
  } plain[] = {
    { CKM_RSA_PKCS, MECHANISM_RSA_PKCS },
    { CKM_RSA_PKCS_PSS, MECHANISM_RSA_PSS },
    { CKM_ECDSA, MECHANISM_ECDSA },
    { CKM_EDDSA, MECHANISM_EDDSA },
  };
  guint32 found = 0;

  for (guint i = 0; i < G_N_ELEMENTS (plain); i++)
    if (can_sign (module, slot, plain[i].type))
      found |= plain[i].bit;
  for (guint i = 0; i < G_N_ELEMENTS (hashes); i++) {
    if (can_sign (module, slot, hashes[i].rsa_pkcs))
      found |= bit_of (MECHANISM_HASH_RSA_PKCS, &hashes[i]);
    if (can_sign (module, slot, hashes[i].rsa_pss))
      found |= bit_of (MECHANISM_HASH_RSA_PSS, &hashes[i]);
  }
  return found;
}

static gboolean
plan_hashed (SignPlan *plan, CK_MECHANISM_TYPE type, const Hash *hash)
{
  plan->mechanism.mechanism = type;
  plan->hash = hash->name;
  plan->hash_len = hash->len;
  return TRUE;
}

static gboolean
plan_rsa_pkcs (guint32 mechanisms, const Hash *hash, SignPlan *plan)
{
  plan->mechanism.mechanism = hash->rsa_pkcs;
  if (mechanisms & bit_of (MECHANISM_HASH_RSA_PKCS, hash))
    return TRUE;
  plan->prefix = (IkePart){ hash->prefix, hash->prefix_len };
  return mechanisms & MECHANISM_RSA_PKCS && plan_hashed (plan, CKM_RSA_PKCS, hash);
}

/* RFC 4055, 3.1: "For a given hashAlgorithm, the recommended value of saltLength is the number of
 * octets in the hash value."  The AlgorithmIdentifiers of our schemes say so. */
static gboolean
plan_rsa_pss (guint32 mechanisms, const Hash *hash, SignPlan *plan)
{
  plan->pss = (CK_RSA_PKCS_PSS_PARAMS){ hash->hash, hash->mgf, hash->len };
  plan->mechanism.pParameter = &plan->pss;
  plan->mechanism.ulParameterLen = sizeof plan->pss;
  plan->mechanism.mechanism = hash->rsa_pss;
  if (mechanisms & bit_of (MECHANISM_HASH_RSA_PSS, hash))
    return TRUE;
  return mechanisms & MECHANISM_RSA_PSS && plan_hashed (plan, CKM_RSA_PKCS_PSS, hash);
}

gboolean
sign_plan (guint32 mechanisms, const IkeSigScheme *scheme, SignPlan *plan)
{
  const Hash *hash = hash_of (scheme);

  memset (plan, 0, sizeof *plan);
  /* RFC 8420, 2: "Ed25519 and Ed448 are only defined with the "Identity" hash".  Ed448 would take
   * parameters that modules do not agree about. */
  if (scheme->key_type == IKE_KEY_ED25519) {
    plan->mechanism.mechanism = CKM_EDDSA;
    return scheme->hash_id == IKE_SIGHASH_IDENTITY && mechanisms & MECHANISM_EDDSA;
  }
  if (!hash)
    return FALSE;
  if (scheme->key_type == IKE_KEY_ECDSA)
    return mechanisms & MECHANISM_ECDSA && plan_hashed (plan, CKM_ECDSA, hash);
  if (scheme->key_type != IKE_KEY_RSA)
    return FALSE;
  return scheme->is_pss ? plan_rsa_pss (mechanisms, hash, plan)
                        : plan_rsa_pkcs (mechanisms, hash, plan);
}
