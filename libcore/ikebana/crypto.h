/* SPDX-License-Identifier: Apache-2.0 */
/* crypto.h - classes of algorithms that a crypto plugin offers.
 *
 * Kinds and names: `aead:aes-gcm-16/256`, `cipher:aes-cbc/128`, `integ:hmac-sha2-256-128`, `prf:hmac-sha2-256`,
 * `hash:sha1`, `ke:curve25519`.  Everything but key exchange is done at once on the thread that asks, with a scratch
 * context of that thread: keys are given anew with every call, so an SA stores raw keys and nothing else.  Key exchange
 * is done through calls; its functions run on the offload pool when `cost_us` says so.
 *
 * Functions return TRUE for success only; FALSE is a failure of the library, or a bad tag when opening. */
#pragma once
#include <ikebana/secret.h>

IKE_BEGIN_DECLS

/* A piece of the input, so that callers need not glue. */
typedef struct {
  const guint8 *data;
  gsize         len;
} IkePart;

/* Common to the symmetric kinds: @scratch is what scratch_new gave for the loop that calls. */
typedef struct {
  guint32    struct_size;
  guint16    transform;                       /* IANA transform ID, type 1 */
  guint16    key_bits;                        /* Key Length attribute; 0: none on the wire */
  guint16    key_len, salt_len;               /* bytes; keying material is key | salt */
  guint16    iv_len, icv_len;
  guint32    flags;                           /* IKE_CRYPTO_… */
  gpointer (*scratch_new)  (IkePlugin *self);
  void     (*scratch_free) (gpointer scratch);
  /* In place over @data; @key is key_len + salt_len bytes; @iv is iv_len explicit bytes. */
  gboolean (*seal) (gpointer scratch, const guint8 *key, const guint8 *iv, const guint8 *aad, gsize aad_len,
                    guint8 *data,
                    gsize len, guint8 *icv);
  gboolean (*open) (gpointer scratch, const guint8 *key, const guint8 *iv, const guint8 *aad, gsize aad_len,
                    guint8 *data,
                    gsize len, const guint8 *icv);
  /* For data paths that keep a keyed context (kernel plugins): NULL where not offered. keyed_* use the same rules. */
  gpointer (*keyed_new)  (IkePlugin *self, const guint8 *key, gboolean is_sealing);
  void     (*keyed_free) (gpointer keyed);
  gboolean (*keyed_seal) (gpointer keyed, const guint8 *iv, const guint8 *aad, gsize aad_len, const guint8 *in,
                          gsize len,
                          guint8 *out, guint8 *icv);     /* @in may equal @out */
  gboolean (*keyed_open) (gpointer keyed, const guint8 *iv, const guint8 *aad, gsize aad_len, const guint8 *in,
                          gsize len,
                          guint8 *out, const guint8 *icv);
} IkeAeadClass;

enum {
  IKE_CRYPTO_NOT_IKE = 1 << 0,                /* for ESP only (NULL, …) */
  IKE_CRYPTO_NOT_ESP = 1 << 1,
  IKE_CRYPTO_OFF = 1 << 2,                    /* weak: only where a proposal names it */
  IKE_CRYPTO_IV_COUNTER = 1 << 3,             /* the IV must never repeat: a counter; else it must be unpredictable */
};

typedef struct {
  guint32    struct_size;
  guint16    transform, key_bits;             /* type 1; transform 0: never in a proposal, found by name only */
  guint16    key_len, salt_len;               /* CTR: salt is the nonce */
  guint16    iv_len, block_len;
  guint32    flags;
  gpointer (*scratch_new)  (IkePlugin *self);
  void     (*scratch_free) (gpointer scratch);
  gboolean (*encrypt) (gpointer scratch, const guint8 *key, const guint8 *iv, guint8 *data, gsize len);   /* in place */
  gboolean (*decrypt) (gpointer scratch, const guint8 *key, const guint8 *iv, guint8 *data, gsize len);
} IkeCipherClass;

typedef struct {
  guint32    struct_size;
  guint16    transform;                       /* type 3 */
  guint16    key_len, icv_len;
  guint32    flags;
  gpointer (*scratch_new)  (IkePlugin *self);
  void     (*scratch_free) (gpointer scratch);
  gboolean (*mac) (gpointer scratch, const guint8 *key, const IkePart *parts, guint n_parts, guint8 *icv);
} IkeIntegClass;

typedef struct {
  guint32    struct_size;
  guint16    transform;                       /* type 2 */
  guint16    out_len, key_len;                /* preferred key length (RFC 7296, 2.13) */
  gboolean   is_key_fixed;                    /* XCBC, CMAC: nonces are cut for SKEYSEED (RFC 7296, 2.14) */
  guint32    flags;
  gpointer (*scratch_new)  (IkePlugin *self);
  void     (*scratch_free) (gpointer scratch);
  gboolean (*prf) (gpointer scratch, const guint8 *key, gsize key_len, const IkePart *parts, guint n_parts,
                   guint8 *out);
} IkePrfClass;

typedef struct {
  guint32    struct_size;
  guint16    hash_id;                         /* RFC 7427 hash algorithm, 0 for none */
  guint16    out_len;
  gpointer (*scratch_new)  (IkePlugin *self);
  void     (*scratch_free) (gpointer scratch);
  gboolean (*hash) (gpointer scratch, const IkePart *parts, guint n_parts, guint8 *out);
} IkeHashClass;

/* Key exchange, in the form that fits Diffie-Hellman and key encapsulation alike: the initiator offers and finishes,
 * the responder answers.  A pair is used once.  Thread: any, one at a time for a pair.  @error: static text on
 * FALSE; with `*is_peers_fault` set the public value is refused (RFC 6989), else the library failed. */
typedef struct {
  guint32    struct_size;
  guint16    transform;                       /* type 4 */
  guint32    offer_len, answer_len;           /* bytes of the public values */
  guint32    secret_len;
  guint32    cost_us;                         /* of the most expensive of the three */
  guint32    flags;
  gpointer (*offer)  (IkePlugin *self, guint8 *public_out, const char **error);             /* returns the pair */
  IkeSecretBlob *(*answer) (IkePlugin *self, const guint8 *peer, gsize peer_len, guint8 *public_out,
                            gboolean *is_peers_fault, const char **error);
  IkeSecretBlob *(*finish) (IkePlugin *self, gpointer pair, const guint8 *peer, gsize peer_len,
                            gboolean *is_peers_fault, const char **error);
  void     (*pair_free) (gpointer pair);
} IkeKeClass;

/* -- the core's side: classes by number, scratch contexts of the current loop */

typedef struct _IkeAead IkeAead;              /* a resolved class with its plugin; alive as long as the engine */
typedef struct _IkeCipher IkeCipher;
typedef struct _IkeInteg IkeInteg;
typedef struct _IkePrf IkePrf;
typedef struct _IkeHash IkeHash;
typedef struct _IkeKe IkeKe;

/* NULL when no ready feature has it.  Any thread. */
const IkeAead   *ike_aead_find   (IkeEngine *engine, guint16 transform, guint16 key_bits);
const IkeCipher *ike_cipher_find (IkeEngine *engine, guint16 transform, guint16 key_bits);
const IkeInteg  *ike_integ_find  (IkeEngine *engine, guint16 transform);
const IkePrf    *ike_prf_find    (IkeEngine *engine, guint16 transform);
const IkeKe     *ike_ke_find     (IkeEngine *engine, guint16 transform);
const IkeHash   *ike_hash_find   (IkeEngine *engine, const char *name);   /* "sha1" */
const IkeCipher *ike_cipher_find_name (IkeEngine *engine, const char *name);   /* "des-ecb" */

const IkeAeadClass   *ike_aead_class   (const IkeAead *aead);
const IkeCipherClass *ike_cipher_class (const IkeCipher *cipher);
const IkeIntegClass  *ike_integ_class  (const IkeInteg *integ);
const IkePrfClass    *ike_prf_class    (const IkePrf *prf);
const IkeKeClass     *ike_ke_class     (const IkeKe *ke);
const IkeHashClass   *ike_hash_class   (const IkeHash *hash);
/* The instance to hand to keyed_new and scratch_new by those who keep contexts of their own. */
IkePlugin            *ike_aead_plugin  (const IkeAead *aead);
IkePlugin            *ike_cipher_plugin (const IkeCipher *cipher);
IkePlugin            *ike_integ_plugin (const IkeInteg *integ);

/* With the scratch context of the current loop (made at first use). Any loop of the engine, or the offload pool. */
gboolean ike_aead_seal  (const IkeAead *aead, const guint8 *key, const guint8 *iv, const guint8 *aad, gsize aad_len,
                         guint8 *data, gsize len, guint8 *icv);
gboolean ike_aead_open  (const IkeAead *aead, const guint8 *key, const guint8 *iv, const guint8 *aad, gsize aad_len,
                         guint8 *data, gsize len, const guint8 *icv);
gboolean ike_cipher_encrypt (const IkeCipher *cipher, const guint8 *key, const guint8 *iv, guint8 *data, gsize len);
gboolean ike_cipher_decrypt (const IkeCipher *cipher, const guint8 *key, const guint8 *iv, guint8 *data, gsize len);
gboolean ike_integ_mac  (const IkeInteg *integ, const guint8 *key, const IkePart *parts, guint n_parts, guint8 *icv);
gboolean ike_prf_run    (const IkePrf *prf, const guint8 *key, gsize key_len, const IkePart *parts, guint n_parts,
                         guint8 *out);
/* prf+ of RFC 7296, 2.13: fills @out_len (<= 255 * out_len of the PRF). */
gboolean ike_prf_plus   (const IkePrf *prf, const guint8 *key, gsize key_len, const IkePart *parts, guint n_parts,
                         guint8 *out,
                         gsize out_len);
gboolean ike_hash_run   (const IkeHash *hash, const IkePart *parts, guint n_parts, guint8 *out);

/* The results of key exchange as calls; see ike_call_run().  Results: IkeKeOffer, IkeKeAnswer, IkeSecretBlob. */
typedef struct { gpointer pair; guint32 public_len; guint8 public_value[]; } IkeKeOffer;
typedef struct { IkeSecretBlob *secret; guint32 public_len; guint8 public_value[]; } IkeKeAnswer;
void ike_ke_offer  (const IkeKe *ke, IkeCall *call);
void ike_ke_answer (const IkeKe *ke, IkeCall *call, const guint8 *peer, gsize peer_len);        /* copies @peer */
void ike_ke_finish (const IkeKe *ke, IkeCall *call, gpointer pair_take, const guint8 *peer, gsize peer_len);
void ike_ke_offer_free  (IkeKe const *ke, IkeKeOffer *offer);
void ike_ke_answer_free (IkeKeAnswer *answer);
/* For IkeCallClass.undo of the three calls. */
void ike_ke_offer_undo  (gpointer result);
void ike_ke_answer_undo (gpointer result);
void ike_ke_finish_undo (gpointer result);
/* Is the error of such a call the peer's fault (a public value that is refused), not the library's? */
#define IKE_KE_REFUSED "public value refused: "
gboolean ike_ke_is_peers_fault (const char *error);

IKE_END_DECLS
