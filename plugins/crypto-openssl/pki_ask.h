/* SPDX-License-Identifier: Apache-2.0 */
/* pki_ask.h - what the tests of chains share: a question, and the answer that is expected. */
#pragma once
#include "pki_make.h"

typedef struct {
  Made              *leaf, *others[16], *anchors[8];
  gint64             now;                     /* 0: MAKE_NOW */
  const char *const *policies;
} Ask;

/* root, ca and leaf, each as a test wants it. */
typedef struct {
  Made *root, *ca, *leaf;
} Three;

gboolean pki_ask  (Pki *pki, const Ask *what, IkeChainResult *result);
/* It is believed, through @chain if there is one: leaf first, NULL at the end. */
void     pki_good (Pki *pki, const Ask *what, Made *const *chain);
void     pki_bad  (Pki *pki, const Ask *what, IkeChainError error, const char *reason);
Three    make_three   (Pki *pki, const MakeCert *root, const MakeCert *ca, const MakeCert *leaf);
Three    make_with_ca (Pki *pki, const char *extensions);   /* of the ca; NULL: the usual ones */

#define CHAIN(...) ((Made *[]){ __VA_ARGS__, NULL })
#define GOOD(pki, chain, ...) pki_good (pki, &(Ask){ __VA_ARGS__ }, chain)
#define BAD(pki, error, reason, ...) pki_bad (pki, &(Ask){ __VA_ARGS__ }, error, reason)
#define ASK_THREE(t) .leaf = (t).leaf, .others = { (t).ca }, .anchors = { (t).root }
