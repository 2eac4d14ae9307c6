/* SPDX-License-Identifier: Apache-2.0 */
/* revocation.h - checks, inquiries and what is asked for.
 *
 * A check is one call of somebody: about a chain.  It has an inquiry about each certificate but the anchor; all of them
 * run at the same time, each step by step (OCSP, then CRLs) until one step knows.  What has to be asked for from
 * elsewhere is asked for once however many inquiries wait for it.  All of this is the io loop's. */
#pragma once
#include <ikebana/engine.h>
#include <ikebana/fetch.h>
#include <ikebana/plugin.h>
#include "known.h"

/* URIs that are tried about one certificate, beside those of delta CRLs; those; responses that may come along. */
enum { INQUIRY_URIS_MAX = 4, INQUIRY_DELTAS_MAX = 2, CHECK_STAPLED_MAX = IKE_CHAIN_MAX, REVOCATION_TEXT_SIZE = 200 };

typedef struct {
  guint64 timeout_s, fetch_timeout_s;
  gint64  retry_s, grace_s;
  guint32 max_crl, max_ocsp;
  guint   max_pending;
  gboolean staples, has_nonce;
  char   *cache_dir;                          /* NULL: none */
} Limits;

typedef struct {
  IkePlugin  *self;
  IkeEngine  *engine;
  IkeLoop    *io;
  const IkeProvided *pki_provided, *credentials_provided;     /* credentials: may be NULL */
  const IkePkiOps *pki;
  const IkeCredentialsOps *credentials;
  Limits      limits;                         /* constant */
  guint32     n_checks, n_revoked, n_unknown, n_fetches, n_refused;   /* counters */
  IkeCallClass fetch_class;

  gboolean    is_closed;
  Cache       cache;
  GHashTable *pending;                        /* key → Pending */
  GHashTable *answered;                       /* URI → when it last answered, as gint64* of the monotonic clock */
  GQueue      checks;                         /* Check */
  GPtrArray  *local;                          /* Known: the CRLs of the credentials, of this generation */
  guint64     generation;
} Revocation;

static inline gint64
revocation_now (const Revocation *revocation)
{
  return ike_engine_wall_us (revocation->engine) / G_USEC_PER_SEC;
}

/* -- pending.c, crl.c, covered.c, ocsp.c: asking for things, once */

typedef struct _Wait Wait;
struct _Wait {
  GList   link;
  gpointer pending;                           /* NULL: it waits for nothing */
  void  (*done) (Wait *wait, Known *known);   /* KNOWN_FAILURE too */
};

/* All of these call done () later, never at once. */
void pending_crl   (Revocation *revocation, const char *uri, Wait *wait);
void pending_ocsp  (Revocation *revocation, IkeCert *cert, IkeCert *issuer, const char *uri, gboolean is_plain,
                    Wait *wait);
/* Is @known by @issuer, and about certificates like @cert?  Told by covered_find () afterwards. */
void pending_cover (Revocation *revocation, Known *known, IkeCert *issuer, IkeCert *cert, Wait *wait);
void wait_stop     (Wait *wait);              /* wants no more to hear of it */
void pending_open  (Revocation *revocation);
void pending_close (Revocation *revocation);

/* Keys of the cache; g_free. */
char *key_of_crl      (const char *uri);
char *key_of_ocsp     (Revocation *revocation, IkeCert *cert, IkeCert *issuer, gboolean is_plain);
char *key_of_failure  (const char *uri);
char *key_of_answer   (const char *ocsp_key, const char *uri);   /* of one responder about one certificate */

/* Whether it is by @issuer and about certificates like @cert: -1: nothing yet, so that it has to be found out. */
int  covered_find (Revocation *revocation, Known *known, IkeCert *issuer, IkeCert *cert);
/* Finds it out, at once: for a CRL that is not large. */
gboolean covered_ask (Revocation *revocation, Known *known, IkeCert *issuer, IkeCert *cert);

/* -- inquiry.c: one certificate */

typedef enum { INQUIRY_OPEN, INQUIRY_GOOD, INQUIRY_REVOKED, INQUIRY_UNKNOWN } InquiryResult;

typedef struct _Inquiry Inquiry;

typedef struct {
  guint8 kind;
  char  *uri;
} Step;

struct _Inquiry {
  Revocation *revocation;
  IkeCert    *cert, *issuer;                  /* references */
  guint8      result;                         /* InquiryResult */
  gboolean    is_cached_only;                 /* nothing is asked for */
  gboolean    is_plain;                       /* for a response to send along: OCSP only, without nonce */
  gboolean    names_uri;                      /* the certificate or the configuration says where to ask */
  char        text[REVOCATION_TEXT_SIZE];     /* REVOKED: since when, by whom; UNKNOWN: the last thing that failed */
  GBytes     *response;                       /* GOOD by OCSP: the response */
  void      (*done) (Inquiry *inquiry);       /* once, perhaps before inquiry_start returns */
  gpointer    owner;

  GArray     *steps;                          /* Step */
  guint       at;
  Wait        wait;
  Known      *given;                          /* what was waited for */
  IkeRevocation stapled;                      /* what the peer's response says; UNKNOWN without one */
  /* of crls.c, for the step at hand */
  Known      *base, *delta;                   /* references */
  gboolean    base_is_covered, delta_is_covered;
  GPtrArray  *local;                          /* Known; a reference to those of the beginning */
  gboolean    local_is_read, has_local_delta;
  guint       local_at, delta_at;
};

void inquiry_init  (Inquiry *inquiry, Revocation *revocation, IkeCert *cert, IkeCert *issuer);
void inquiry_start (Inquiry *inquiry, GBytes *const *stapled, guint n_stapled);
void inquiry_stop  (Inquiry *inquiry);        /* its result stays as it is; done () is not called any more */
void inquiry_clear (Inquiry *inquiry);

/* -- crls.c: the steps of an inquiry that read CRLs */

typedef enum { STEP_WAITS, STEP_NEXT, STEP_KNOWS } StepResult;

StepResult crls_step_revoked (Inquiry *inquiry);               /* knows only whom a file revoked for good */
StepResult crls_step_local (Inquiry *inquiry);
StepResult crls_step_uri   (Inquiry *inquiry, const char *uri);
void       crls_clear      (Inquiry *inquiry);
void       crls_refresh_local (Revocation *revocation);       /* after the credentials changed */
/* inquiry.c, for it: takes what was waited for; notes why nothing was had (and returns STEP_NEXT). */
Known     *inquiry_take_given (Inquiry *inquiry);
StepResult inquiry_note       (Inquiry *inquiry, const char *format, ...) G_GNUC_PRINTF (2, 3);
/* It was revoked: since when, and as who says. */
StepResult inquiry_conclude_revoked (Inquiry *inquiry, const IkeRevocation *says, const char *whose);

/* -- check.c */

void check_begin  (Revocation *revocation, const IkeRevocationQuery *query, IkeCall *call);     /* any loop */
void staple_begin (Revocation *revocation, IkeCert *cert, IkeCert *issuer, IkeCall *call);      /* any loop */
void checks_close (Revocation *revocation);

/* -- disk.c: CRLs in files.  All but the paths are work for the offload pool. */

char    *disk_path  (const char *directory, const char *uri);                 /* g_free */
/* NULL: nothing of use is there.  @written: seconds since 1970. */
GBytes  *disk_read  (const char *path, gsize max, gint64 *written);
gboolean disk_write (const char *path, GBytes *data, GError **error);
void     disk_clear (const char *directory);

/* -- commands.c */

extern const IkeFeature revocation_list_feature, revocation_flush_feature;
