/* SPDX-License-Identifier: Apache-2.0 */
/* covered.c - is a CRL by this issuer, and about certificates like that one?
 *
 * To find it out means to verify a signature over all of the CRL, so the answer is kept with it,
 * and what is large is verified on the offload pool. */
#include <ikebana/log.h>
#include "pending.h"

enum { KINDS_MAX = 256 };

/* Certificates of one issuer, of one kind, with the same distribution points are alike for it. */
static char *
kind_of (Revocation *revocation, IkeCert *issuer, IkeCert *cert)
{
  const IkeCertInfo *by = revocation->pki->cert_info (issuer);
  const IkeCertInfo *info = revocation->pki->cert_info (cert);
  g_autofree char *points = g_strjoinv ("\n", (char **) info->crl_uris);
  GString *text = g_string_new (info->flags & IKE_CERT_IS_CA ? "ca " : "end ");

  for (guint i = 0; i < sizeof by->sha256; i++)
    g_string_append_printf (text, "%02x", by->sha256[i]);
  g_string_append (text, points);
  return g_string_free (text, FALSE);
}

int
covered_find (Revocation *revocation, Known *known, IkeCert *issuer, IkeCert *cert)
{
  g_autofree char *kind = kind_of (revocation, issuer, cert);
  gpointer value;

  if (!g_hash_table_lookup_extended (known->covered, kind, NULL, &value))
    return -1;
  return GPOINTER_TO_INT (value);
}

static void
work_save (gpointer data)
{
  Job *job = data;

  disk_write (job->path, job->revocation->pki->crl_der (job->crl), &job->error);
}

static void
done_save (gpointer data)
{
  Job *job = data;

  if (job->error)
    ike_log (job->revocation->engine, IKE_LOG_NOTICE, "revocation", "%s", job->error->message);
  job_free (job);
}

/* Only what somebody whom we trust has signed gets into a file. */
static void
save (Revocation *revocation, Known *known)
{
  Job *job = g_new0 (Job, 1);

  known->is_unsaved = FALSE;
  job->revocation = revocation;
  job->path = disk_path (revocation->limits.cache_dir, known->label);
  job->crl = revocation->pki->crl_ref (known->crl);
  if (!ike_offload (revocation->engine, "save CRL", work_save, revocation->io, done_save, job))
    job_free (job);
}

/* Whoever it was that put a CRL of another's there: it does not stay for long. */
static void
doubt (Revocation *revocation, Known *known)
{
  gint64 until = revocation_now (revocation) + revocation->limits.retry_s;

  known->fresh_until = MIN (known->fresh_until, until);
}

static void
covered_set (Revocation *revocation, Known *known, char *kind_take, gboolean is_covered)
{
  if (g_hash_table_size (known->covered) >= KINDS_MAX)
    g_hash_table_remove_all (known->covered);
  g_hash_table_replace (known->covered, kind_take, GINT_TO_POINTER (is_covered));
  if (is_covered && known->is_unsaved)
    save (revocation, known);
}

gboolean
covered_ask (Revocation *revocation, Known *known, IkeCert *issuer, IkeCert *cert)
{
  const IkePkiOps *pki = revocation->pki;
  gboolean is_covered = pki->crl_is_by (known->crl, issuer, cert);

  covered_set (revocation, known, kind_of (revocation, issuer, cert), is_covered);
  if (!is_covered && !pki->crl_is_by (known->crl, issuer, NULL))
    doubt (revocation, known);
  return is_covered;
}

static void
work_cover (gpointer data)
{
  Job *job = data;

  const IkePkiOps *pki = job->revocation->pki;

  job->is_covered = pki->crl_is_by (job->crl, job->issuer, job->cert);
  job->is_foreign = !job->is_covered && !pki->crl_is_by (job->crl, job->issuer, NULL);
}

static void
done_cover (gpointer data)
{
  Job *job = data;
  Pending *pending = job_pending (job);

  if (pending) {
    covered_set (job->revocation, pending->known, kind_of (job->revocation, job->issuer, job->cert),
                 job->is_covered);
    if (job->is_foreign)
      doubt (job->revocation, pending->known);
    pending_end (pending, known_ref (pending->known));
  }
  job_free (job);
}

void
pending_cover (Revocation *revocation, Known *known, IkeCert *issuer, IkeCert *cert, Wait *wait)
{
  const IkePkiOps *pki = revocation->pki;
  g_autofree char *kind = kind_of (revocation, issuer, cert);
  Pending *pending = pending_join (
      revocation, g_strdup_printf ("cover %p %s", (gpointer) known, kind), NULL, wait);
  Job *job;

  if (!pending)
    return;
  pending->known = known_ref (known);
  job = job_new (pending);
  job->crl = pki->crl_ref (known->crl);
  job->issuer = pki->cert_ref (issuer);
  job->cert = pki->cert_ref (cert);
  job_offload (pending, "verify CRL", work_cover, done_cover, job);
}
