/* SPDX-License-Identifier: Apache-2.0 */
/* revocation.c - plugin revocation: was a certificate revoked?  By CRLs (RFC 5280) and OCSP
 * (RFC 6960).
 *
 * A chain that is good otherwise is checked certificate by certificate, all at the same time: a
 * response that the peer sent along (RFC 4806), what was heard before, OCSP, CRLs, until one of
 * them knows.  The policy of the connection (revocation = relaxed, ifuri, strict) says what happens
 * when none does.  Whatever servers do, a check is over after `timeout`, and a server that does not
 * answer is left alone for `retry`.
 *
 *   revocation.c   options, and what is offered
 *   check.c        one chain, and the verdict
 *   inquiry.c      one certificate, step by step; crls.c: the steps that read CRLs
 *   judge.c        what a CRL or a response is worth
 *   pending.c      what is asked for, once for all who wait: crl.c, covered.c, ocsp.c
 *   known.c        the cache; disk.c: CRLs in files
 *   commands.c     `ikebana revocation`, `ikebana revocation-flush`
 *
 * All state is the io loop's; large CRLs are parsed, verified, written and freed on the offload
 * pool. */
#include <string.h>
#include <ikebana/error.h>
#include <ikebana/log.h>
#include <ikebana/tree.h>
#include "revocation.h"

static void
check (IkePlugin *self, const IkeRevocationQuery *query, IkeCall *call)
{
  check_begin (ike_plugin_state (self), query, call);
}

static void
staple (IkePlugin *self, IkeCert *cert, IkeCert *issuer, IkeCall *call)
{
  staple_begin (ike_plugin_state (self), cert, issuer, call);
}

/* -- beginning and ending */

static void
state_free (gpointer data)
{
  Revocation *revocation = data;

  cache_free (&revocation->cache);
  g_clear_pointer (&revocation->pending, g_hash_table_unref);
  g_clear_pointer (&revocation->answered, g_hash_table_unref);
  g_free (revocation->limits.cache_dir);
  g_free (revocation);
}

/* A directory that cannot be used is no reason to let nobody in. */
static char *
read_directory (IkePlugin *self)
{
  const char *path = ike_plugin_option (self, "cache_dir");

  if (!path || !path[0])
    return NULL;
  if (g_mkdir_with_parents (path, 0750) == 0)
    return g_strdup (path);
  ike_log (ike_plugin_engine (self), IKE_LOG_ERROR, "revocation",
           "CRLs are not kept in files: the directory plugins.revocation.cache_dir = %s cannot be "
           "made; make it, or leave the option out",
           path);
  return NULL;
}

static void
read_limits (IkePlugin *self, Limits *limits)
{
  limits->timeout_s = CLAMP (ike_plugin_option_uint (self, "timeout"), 1, 3600);
  limits->fetch_timeout_s = CLAMP (ike_plugin_option_uint (self, "fetch_timeout"), 1, 3600);
  limits->retry_s = (gint64) CLAMP (ike_plugin_option_uint (self, "retry"), 1, 86400);
  limits->grace_s = (gint64) MIN (ike_plugin_option_uint (self, "grace"), 366 * 86400);
  limits->max_crl = (guint32) CLAMP (ike_plugin_option_uint (self, "max_crl"), 1024, 1 << 30);
  limits->max_ocsp = (guint32) CLAMP (ike_plugin_option_uint (self, "max_ocsp"), 1024, 1 << 24);
  limits->max_pending = (guint) CLAMP (ike_plugin_option_uint (self, "max_pending"), 1, 10000000);
  limits->staples = ike_plugin_option_bool (self, "staple");
  limits->has_nonce = ike_plugin_option_bool (self, "nonce");
  limits->cache_dir = read_directory (self);
}

static gboolean
find_services (Revocation *revocation, GError **error)
{
  revocation->pki_provided = ike_feature_find (revocation->engine, "service:pki", error);
  if (!revocation->pki_provided)
    return FALSE;
  revocation->pki = revocation->pki_provided->ops;
  revocation->credentials_provided =
      ike_feature_find (revocation->engine, "service:credentials", NULL);
  if (revocation->credentials_provided)
    revocation->credentials = revocation->credentials_provided->ops;
  return TRUE;
}

static gboolean
activate (IkePlugin *self, GError **error)
{
  IkeEngine *engine = ike_plugin_engine (self);
  Revocation *revocation = g_new0 (Revocation, 1);

  ike_plugin_set_state (self, revocation, state_free);
  revocation->self = self;
  revocation->engine = engine;
  revocation->io = ike_engine_io (engine);
  g_queue_init (&revocation->checks);
  if (!find_services (revocation, error))
    return FALSE;
  revocation->n_checks = ike_counter (engine, "revocation.checks");
  revocation->n_revoked = ike_counter (engine, "revocation.revoked");
  revocation->n_unknown = ike_counter (engine, "revocation.unknown");
  revocation->n_fetches = ike_counter (engine, "revocation.fetches");
  revocation->n_refused = ike_counter (engine, "revocation.refused");
  read_limits (self, &revocation->limits);
  cache_init (&revocation->cache, engine, revocation->pki,
              ike_plugin_option_uint (self, "cache_size"),
              (gint64) MIN (ike_plugin_option_uint (self, "cache_max"), 366 * 86400));
  pending_open (revocation);
  return TRUE;
}

/* While the functions of other plugins still work: what is kept of certificates is theirs. */
static void
deactivate (IkePlugin *self)
{
  Revocation *revocation = ike_plugin_state (self);

  revocation->is_closed = TRUE;
  checks_close (revocation);
  pending_close (revocation);
  g_clear_pointer (&revocation->local, g_ptr_array_unref);
  cache_clear (&revocation->cache);
}

/* -- what it offers, and what it consumes */

static const IkeRevocationClass revocation_class = { sizeof (IkeRevocationClass), check, staple };

static const char *const needs[] = { "service:pki", NULL };
static const char *const wants[] = { "fetch:*", "service:credentials", NULL };

static const IkeFeature revocation_feature = { .struct_size = sizeof (IkeFeature),
                                               .provides = "revocation:x509",
                                               .ops = &revocation_class,
                                               .needs = needs,
                                               .wants = wants };
static const IkeFeature *const features[] = { &revocation_feature, &revocation_list_feature,
                                              &revocation_flush_feature, NULL };

#define SIZE_UP_TO(type, member)                                                                   \
  (G_STRUCT_OFFSET (type, member) + (guint32) sizeof (((type *) NULL)->member))

static const IkeFeatureKind fetch_kind = {
  sizeof (IkeFeatureKind), "fetch", 1, 0, sizeof (IkeFetchClass), sizeof (IkeFetchClass)
};
static const IkeFeatureKind pki_kind = { sizeof (IkeFeatureKind),           "service:pki",     1, 0,
                                         SIZE_UP_TO (IkePkiOps, ocsp_read), sizeof (IkePkiOps) };
static const IkeFeatureKind credentials_kind = {
  sizeof (IkeFeatureKind),   "service:credentials", 1, 0, SIZE_UP_TO (IkeCredentialsOps, crl),
  sizeof (IkeCredentialsOps)
};
static const IkeFeatureKind *const kinds[] = { &fetch_kind, &pki_kind, &credentials_kind, NULL };

#define OPTION(symbol, name, kind, value, text)                                                    \
  static const IkeOptionInfo symbol = { sizeof (IkeOptionInfo), "plugin/" name, kind, value, text }

OPTION (option_timeout, "timeout", "time", "5s",
        "How long a check may take; then the policy decides with what is known.");
OPTION (option_fetch_timeout, "fetch_timeout", "time", "3s",
        "How long to wait for one CRL or OCSP response.");
OPTION (option_retry, "retry", "time", "30s",
        "How long a URI from which nothing could be had is left alone.");
OPTION (option_grace, "grace", "time", "1m",
        "How far a CRL may be out of its time at both ends: for clocks that differ, and for CRLs "
        "that are issued late.");
OPTION (option_cache_size, "cache_size", "bytes", "64m",
        "Memory for CRLs and OCSP responses; what was not used for the longest time goes first.");
OPTION (option_cache_max, "cache_max", "time", "1d",
        "Nothing is used for longer than this without being asked for anew, whatever its end.");
OPTION (option_cache_dir, "cache_dir", "string", NULL,
        "A directory in which CRLs are kept over a restart; unset: none.");
OPTION (option_max_crl, "max_crl", "bytes", "16m", "The largest CRL that is fetched.");
OPTION (option_max_ocsp, "max_ocsp", "bytes", "64k", "The largest OCSP response that is read.");
OPTION (option_max_pending, "max_pending", "uint", "10000",
        "Checks at a time; of more, the policy decides at once with what is known already.");
OPTION (option_staple, "staple", "bool", "yes",
        "Ask for OCSP responses about our own certificates, to send them along.");
OPTION (option_nonce, "nonce", "bool", "yes",
        "Ask OCSP responders with a nonce, so that nobody can send an old answer.");

static const IkeOptionInfo *const options[] = {
  &option_timeout,
  &option_fetch_timeout,
  &option_retry,
  &option_grace,
  &option_cache_size,
  &option_cache_max,
  &option_cache_dir,
  &option_max_crl,
  &option_max_ocsp,
  &option_max_pending,
  &option_staple,
  &option_nonce,
  NULL,
};

IKE_PLUGIN (ike_plugin, "revocation", 0, .version = "1.0", .license = "Apache-2.0",
            .summary = "CRLs and OCSP: was a certificate revoked", .features = features,
            .kinds = kinds, .options = options, .activate = activate, .deactivate = deactivate);
