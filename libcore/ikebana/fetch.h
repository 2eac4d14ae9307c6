/* SPDX-License-Identifier: Apache-2.0 */
/* fetch.h - getting something by its URI, and whether a certificate was revoked: the kinds `fetch` and `revocation`. */
#pragma once
#include <ikebana/credentials.h>

IKE_BEGIN_DECLS

typedef struct {
  guint32     struct_size;
  const char *uri;
  GBytes     *body;                           /* POST, with its type; NULL: GET */
  const char *content_type, *accept;          /* accept may be NULL */
  guint32     max_size;                       /* bytes of the answer; more is an error */
  guint32     timeout_ms;
} IkeFetchRequest;

/* Kind `fetch`, by scheme: `fetch:http`. */
typedef struct {
  guint32 struct_size;
  /* Any loop; copies what it keeps.  Answers with what was got, a GBytes, or fails with a reason for people: also when
   * the operator's rules forbid this URI.  Gives up when the call is cancelled. */
  void  (*fetch) (IkePlugin *self, const IkeFetchRequest *request, IkeCall *call);
} IkeFetchClass;

/* How much must be known: `revocation = relaxed` fails for what is revoked only; `ifuri` also when the certificate says
 * where to ask, and no answer came; `strict` always when nothing is known. */
typedef enum { IKE_REVOCATION_RELAXED, IKE_REVOCATION_IFURI, IKE_REVOCATION_STRICT } IkeRevocationPolicy;

typedef struct {
  guint32         struct_size;
  guint32         policy;                     /* IkeRevocationPolicy */
  IkeCert *const *chain;                      /* checked already; leaf first, anchor last */
  guint           n;
  GBytes *const  *ocsp;                       /* responses that the peer sent along (RFC 4806) */
  guint           n_ocsp;
} IkeRevocationQuery;

typedef struct {
  guint32  struct_size;
  gboolean is_good;                           /* may the peer be let in, by the policy? */
  gboolean is_revoked;                        /* because one was revoked */
  char     reason[320];                       /* a sentence: which one, since when, by whom; what is not known */
} IkeRevocationVerdict;                       /* g_malloc */

/* Kind `revocation`. */
typedef struct {
  guint32 struct_size;
  /* Any loop; copies and refers to what it keeps.  Answers with an IkeRevocationVerdict, in bounded time. */
  void  (*check)  (IkePlugin *self, const IkeRevocationQuery *query, IkeCall *call);
  /* An OCSP response about a certificate of ours, a GBytes, to send along; fails when none can be had. */
  void  (*staple) (IkePlugin *self, IkeCert *cert, IkeCert *issuer, IkeCall *call);
} IkeRevocationClass;

IKE_END_DECLS
