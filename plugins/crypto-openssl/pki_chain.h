/* SPDX-License-Identifier: Apache-2.0 */
/* pki_chain.h - what the files that check chains share. */
#pragma once
#include "pki.h"

struct _IkeTrust {
  gint        references;                     /* atomic */
  State      *state;
  X509_STORE *store;                          /* how to check; it holds no certificate */
  IkeCert   **anchors;                        /* references, by subject as names are compared */
  guint       n;
};

/* pki_trust.c */
gboolean pki_cert_is_same (const IkeCert *a, const IkeCert *b);   /* octet by octet */
/* Those with the subject @name: from the first, @end excluded. */
guint    pki_trust_find (const IkeTrust *trust, const X509_NAME *name, guint *end);
/* The anchor that is @cert itself, or NULL. */
IkeCert *pki_trust_has  (const IkeTrust *trust, const IkeCert *cert);

/* pki_chain.c: libcrypto asks whether @issuer is the next one on the way that it may go. */
int      pki_chain_is_next (X509_STORE_CTX *context, X509 *x509, X509 *issuer);

/* pki_policy.c: tells libcrypto to check policies where that is needed.  @way: leaf first, anchor last.  NULL, or why
 * the chain is refused already. */
const char *pki_policy_setup (IkeCert *const *way, guint n_way, const char *const *wanted, X509_VERIFY_PARAM *how);
