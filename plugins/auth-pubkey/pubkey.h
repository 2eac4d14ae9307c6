/* SPDX-License-Identifier: Apache-2.0 */
/* pubkey.h - what the files of this plugin share. */
#pragma once
#include <ikebana/auth.h>
#include <ikebana/credentials.h>
#include <ikebana/exchange.h>
#include <ikebana/fetch.h>
#include <ikebana/tree.h>

/* Bounds on what a peer may make us keep until it has proved who it is. */
enum { PUBKEY_CERTS_MAX = 20, PUBKEY_OCSP_MAX = 8, PUBKEY_CA_IDS_MAX = 1000, PUBKEY_SCHEMES_MAX = 64,
       PUBKEY_FETCHES_MAX = 4 };

/* constraint.c: what `auth = ecdsa-384-sha384-ike:…` asks for. */
enum { RULE_HASHES_MAX = 8 };

typedef struct {
  guint8  types;                              /* bits 1 << IkeKeyType; 0: any */
  guint16 min_rsa, min_ecdsa;                 /* bits; 0: any */
  guint8  n_hashes;
  guint16 hashes[RULE_HASHES_MAX];            /* IKE_SIGHASH_…, best first; none: any */
  gboolean has_pkcs1, has_pss;                /* of RSA; none: any */
} PubkeyRule;

typedef struct {
  PubkeyRule chain, ike;                      /* of certificates; of the signature in AUTH */
} PubkeyConstraint;

/* FALSE: @why says which word is wrong. */
gboolean pubkey_constraint_parse (const char *text, PubkeyConstraint *out, char **why);
gboolean pubkey_rule_takes_key    (const PubkeyRule *rule, const IkePubkeyInfo *key);
gboolean pubkey_rule_takes_scheme (const PubkeyRule *rule, const IkeSigScheme *scheme);
/* FALSE: @why (g_free) says which certificate is too weak for what. */
gboolean pubkey_rule_takes_chain  (const PubkeyRule *rule, const IkePkiOps *pki, IkeCert *const *chain, guint n,
                                   char **why);

/* auth_pubkey.c: the state of the plugin. */
typedef struct {
  IkePlugin               *self;
  IkeEngine               *engine;
  const IkeProvided       *pki_at, *credentials_at;
  const IkePkiOps         *pki;
  const IkeCredentialsOps *credentials;
  IkeHookPoint            *on_certificate;
  guint32                  slot;
  gboolean                 knows_signatures, wants_pss, wants_hash_url, wants_announcements;
  guint32                  local_certs, local_pubkeys, remote_certs, remote_cacerts, remote_pubkeys, remote_ca_id,
                           remote_cert_policy, remote_revocation, send_cert, send_certreq, ocsp;   /* handles */
} Pubkey;

/* The state, made at first use; NULL with @error when a service is not there. */
Pubkey *pubkey_state (IkePlugin *self, GError **error);

/* What a section local or remote says to us; lists and identity belong to it. */
typedef struct {
  PubkeyConstraint constraint;
  char    **certs, **cacerts, **pubkeys, **policies;   /* NULL: not said */
  IkeIdent *ca_id;
  guint32   revocation;                       /* IkeRevocationPolicy */
} PubkeyConf;

void     pubkey_conf_read  (Pubkey *pubkey, const IkeAuthConf *conf, gboolean is_local, PubkeyConf *out);
void     pubkey_conf_clear (PubkeyConf *conf);
extern const char *const pubkey_needs[];      /* features without which nothing of this plugin makes sense */
/* Is the first section of that side authenticated by this plugin? */
gboolean pubkey_is_ours    (Pubkey *pubkey, const IkeAuthConf *conf_or_null);
gboolean pubkey_has_ours   (Pubkey *pubkey, const IkeAuthConf *confs, guint n);
void     pubkey_check      (IkePlugin *self, const IkeAuthConf *conf, gboolean is_local, GPtrArray *problems);

enum { PUBKEY_SEND_IFASKED, PUBKEY_SEND_ALWAYS, PUBKEY_SEND_NEVER };
enum { PUBKEY_OCSP_BOTH, PUBKEY_OCSP_REPLY, PUBKEY_OCSP_REQUEST, PUBKEY_OCSP_NEVER };

/* The slot of an SA until it is up: what the peer said, what we chose.  Owner shard. */
typedef struct {
  Pubkey    *pubkey;
  /* IKE_SA_INIT, believed because AUTH signs it. */
  gboolean   has_hashes;                      /* the peer knows RFC 7427 */
  guint32    hashes;                          /* bits 1 << IKE_SIGHASH_… */
  gboolean   has_announced;                   /* RFC 9593 */
  guint64    announced;                       /* bits of schemes, in the service's order */
  gboolean   takes_hash_url;
  /* CERTREQ */
  gboolean   asks_x509, asks_raw, asks_ocsp;
  GByteArray *ca_ids;                         /* IKE_KEY_ID_LEN bytes each; may be NULL */
  /* CERT, as it came: the first one is the peer's own.  What it is is found out where that may take its time, once. */
  GBytes    *sent[PUBKEY_CERTS_MAX];
  guint      n_sent;
  GBytes    *sent_raw;                        /* a raw public key */
  gboolean   is_parsed;
  IkeCert   *certs[PUBKEY_CERTS_MAX];
  guint      n_certs;
  IkePubkey *raw;
  GBytes    *ocsp[PUBKEY_OCSP_MAX];
  guint      n_ocsp;
  char      *cert_error;                      /* why a CERT payload was left out */
  /* ours */
  const IkeAuthConf *own_conf;                /* for which @own was chosen */
  IkeOwn     own;
  const IkeSigScheme *scheme;
  char      *why;                             /* there is none */
  GBytes    *staple;                          /* OCSP response about @own.cert */
  gboolean   has_asked_staple;
  /* The signature is not of the key that it sent: the same for every connection that might take it. */
  gboolean   is_refuted;
} PubkeyPeer;

PubkeyPeer *pubkey_peer (Pubkey *pubkey, IkeSa *sa);

/* own.c: our credential and scheme for @conf, NULL when there is none (peer->why). */
const IkeOwn *pubkey_own (Pubkey *pubkey, IkeSa *sa, const IkeAuthConf *conf);
IkeIdent     *pubkey_identity (IkePlugin *self, IkeSa *sa, const IkeAuthConf *conf);
void          pubkey_sign (IkePlugin *self, IkeCall *call, IkeSa *sa, const IkeAuthConf *conf, GBytes *octets);

/* verify.c */
void pubkey_verify (IkePlugin *self, IkeCall *call, IkeSa *sa, const IkeAuthConf *conf, guint8 method,
                    const guint8 *value, gsize len, GBytes *octets);

/* announce.c: SIGNATURE_HASH_ALGORITHMS (RFC 7427), SUPPORTED_AUTH_METHODS (RFC 9593). */
enum { PUBKEY_N_SIGNATURE_HASH_ALGORITHMS = 16431, PUBKEY_N_SUPPORTED_AUTH_METHODS = 16443 };
extern const IkeFeature pubkey_hashes_feature, pubkey_methods_feature;
guint32 pubkey_our_hashes (Pubkey *pubkey);   /* bits */
void    pubkey_read_hashes  (PubkeyPeer *peer, const IkeNotify *notify_or_null);
void    pubkey_read_methods (PubkeyPeer *peer, IkeExchange *x);

/* certs.c: CERT and CERTREQ. */
extern const IkeFeature pubkey_init_feature, pubkey_certs_feature, pubkey_lookup_feature;
