/* SPDX-License-Identifier: Apache-2.0 */
/* fake_token.h - a PKCS#11 module for tests, with one RSA key, that is slow, gone or wrong when it is told to be.
 *
 * The module exports fake_token(), which gives what the test sets and counts; one for the process. */
#pragma once
#include <stdatomic.h>

#include <glib.h>
#include <p11-kit/pkcs11.h>

typedef struct {
  /* What it is. */
  CK_FLAGS    flags;                          /* besides initialised */
  const char *pin, *serial;
  CK_SLOT_ID  slot;                           /* 1 or 2; 0: pulled */
  gboolean    asks_always, signs_not;
  guint8      modulus[256];
  gboolean  (*sign) (const guint8 *digest_info, gsize len, guint8 out[256]);
  /* How it misbehaves. */
  int         gate;                           /* C_Sign reads a byte from here first; -1: it does not */
  CK_RV       init_result;                    /* of C_SignInit, when not 0 */
  CK_ULONG    wrong_len;                      /* of attributes, when not 0 */
  gboolean    is_endless;                     /* as many objects as anybody asks for, and more */
  gboolean    spoils;                         /* signatures */
  /* What was asked of it. */
  atomic_uint n_logins, n_context_logins, n_inits, n_at_gate, n_signatures;
} FakeToken;

typedef FakeToken *(*FakeTokenGet) (void);
