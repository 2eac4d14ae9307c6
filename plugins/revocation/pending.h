/* SPDX-License-Identifier: Apache-2.0 */
/* pending.h - what is being asked for, among pending.c, crl.c, covered.c and ocsp.c. */
#pragma once
#include "revocation.h"

enum { OCSP_NONCE_LEN = 32 };

typedef struct _Pending Pending;
struct _Pending {
  Revocation *revocation;
  char       *key, *uri;                      /* uri: NULL for a question of coverage */
  char       *shown;                          /* the URI, for people */
  GQueue      waits;
  IkeCall    *call;                           /* a fetch that is under way */
  gint64      begun_us;
  void      (*came) (Pending *pending, GBytes *got_take);     /* what was fetched */

  IkeCert    *cert, *issuer;                  /* OCSP: references */
  char       *ocsp_key;
  guint8      nonce[OCSP_NONCE_LEN];
  gsize       nonce_len;
  Known      *known;                          /* coverage: a reference */
};

/* What leaves the io loop: it knows its question by the key only, which may be gone when it is back. */
typedef struct {
  Revocation *revocation;
  char       *key, *path, *why;
  GBytes     *data;
  gint64      written;
  IkeCrl     *crl;
  IkeCert    *issuer, *cert;
  gboolean    is_covered, is_foreign;         /* about such certificates; not by the issuer at all */
  GError     *error;
} Job;

/* A new one is to be started by the caller; NULL: it is under way. */
Pending *pending_join (Revocation *revocation, char *key_take, const char *uri_or_null, Wait *wait);
/* Tells all who wait; then it is gone. */
void     pending_end  (Pending *pending, Known *known_take);
/* Nothing was had: by @key, which may be NULL, it is not asked for again for a while. */
void     pending_fail (Pending *pending, const char *key, const char *why);
void     pending_fail_uri  (Pending *pending, const char *what);  /* "URI: what"; by the key of the URI */
/* Later, and for a reason of our own, which says nothing about the URI. */
void     pending_fail_soon (Pending *pending, const char *why);
/* Ends in came (), or in a failure. */
void     pending_fetch     (Pending *pending, IkeFetchRequest *request);

Job     *job_new     (Pending *pending);
void     job_free    (gpointer job);
Pending *job_pending (const Job *job);        /* or NULL */
/* When the pool has no room for it, the question fails. */
void     job_offload (Pending *pending, const char *name, IkeFunc work, IkeFunc done, Job *job_take);
