/* SPDX-License-Identifier: Apache-2.0 */
/* verify.h - what verify.c and judge.c share. */
#pragma once
#include "pubkey.h"

enum { KEYS_MAX = 16, REASON_SIZE = 400 };

/* One AUTH payload to be judged: copies and references, for whichever thread does it. */
typedef struct {
  gint references; /* atomic */
  Pubkey *pubkey;
  IkeCall *call; /* until it is answered */
  IkeIdent *peer_id;
  PubkeyConf rules;
  IkeCredentials *credentials;
  const IkeTrust *trust; /* of @credentials */
  gint64 now;
  GBytes *octets;
  guint8 *signature;
  gsize signature_len;
  const IkeSigScheme *schemes[4]; /* that @signature may be of */
  guint n_schemes;
  /* What the peer sent, and what that is, once it is known. */
  GBytes *sent[PUBKEY_CERTS_MAX], *sent_raw;
  guint n_sent;
  gboolean is_parsed;
  IkeCert *certs[PUBKEY_CERTS_MAX];
  guint n_certs;
  IkePubkey *raw;
  char *cert_error;
  /* Keys that may have made it. */
  struct {
    IkeCert *cert; /* NULL: a raw public key */
    IkePubkey *key;
    gboolean is_pinned; /* trusted as it is */
  } keys[KEYS_MAX];
  guint n_keys;
  GBytes *ocsp[PUBKEY_OCSP_MAX];
  guint n_ocsp;
  /* What came out. */
  const IkeSigScheme *scheme;
  IkeChainResult chain;
  gboolean is_good, is_refuted;
  gboolean is_narrowed; /* `auth` left some schemes untried */
  char reason[REASON_SIZE];
} Verify;

/* judge.c.  Any thread, one at a time. */
void pubkey_judge (Verify *verify);
/* Why not, for people. */
void pubkey_say   (Verify *verify, const char *format, ...) G_GNUC_PRINTF (2, 3);
