/* SPDX-License-Identifier: Apache-2.0 */
/* inquiry.c - what is known about one certificate: step by step, until one of them knows.
 *
 * First what is here: whom CRLs in files revoked, a response that the peer sent along, and what was
 * heard before.  Then OCSP, at the URIs of the configuration and those of the certificate; then
 * CRLs: those in files, those at the URIs of the configuration and at those of the certificate.  A
 * step that must wait is run again, from its beginning, when what it waits for is there. */
#include <stdarg.h>
#include <string.h>
#include <ikebana/error.h>
#include "judge.h"
#include "revocation.h"

enum { STEP_REVOKED, STEP_KNOWN, STEP_OCSP, STEP_LOCAL, STEP_CRL };

static void inquiry_run (Inquiry *inquiry);

static void
came (Wait *wait, Known *known)
{
  Inquiry *inquiry = (Inquiry *) (void *) ((char *) wait - G_STRUCT_OFFSET (Inquiry, wait));

  inquiry->given = known_ref (known);
  inquiry_run (inquiry);
}

void
inquiry_init (Inquiry *inquiry, Revocation *revocation, IkeCert *cert, IkeCert *issuer)
{
  memset (inquiry, 0, sizeof *inquiry);
  inquiry->revocation = revocation;
  inquiry->cert = revocation->pki->cert_ref (cert);
  inquiry->issuer = revocation->pki->cert_ref (issuer);
  inquiry->steps = g_array_new (FALSE, FALSE, sizeof (Step));
  inquiry->local = g_ptr_array_ref (revocation->local);
  inquiry->wait.done = came;
  inquiry->stapled.revoked = IKE_REVOKED_UNKNOWN;
}

void
inquiry_stop (Inquiry *inquiry)
{
  wait_stop (&inquiry->wait);
}

void
inquiry_clear (Inquiry *inquiry)
{
  const IkePkiOps *pki = inquiry->revocation->pki;

  inquiry_stop (inquiry);
  crls_clear (inquiry);
  known_unref (g_steal_pointer (&inquiry->given));
  for (guint i = 0; i < inquiry->steps->len; i++)
    g_free (g_array_index (inquiry->steps, Step, i).uri);
  g_array_unref (inquiry->steps);
  g_ptr_array_unref (inquiry->local);
  g_clear_pointer (&inquiry->response, g_bytes_unref);
  pki->cert_unref (inquiry->cert);
  pki->cert_unref (inquiry->issuer);
}

Known *
inquiry_take_given (Inquiry *inquiry)
{
  return g_steal_pointer (&inquiry->given);
}

StepResult
inquiry_note (Inquiry *inquiry, const char *format, ...)
{
  va_list args;

  va_start (args, format);
  g_vsnprintf (inquiry->text, sizeof inquiry->text, format, args);
  va_end (args);
  return STEP_NEXT;
}

/* -- OCSP */

StepResult
inquiry_conclude_revoked (Inquiry *inquiry, const IkeRevocation *says, const char *whose)
{
  g_autoptr (GDateTime) when = g_date_time_new_from_unix_utc (says->revoked_at);
  g_autofree char *text = when ? g_date_time_format (when, "%Y-%m-%d %H:%M:%S UTC") : NULL;

  inquiry->result = INQUIRY_REVOKED;
  inquiry_note (inquiry, "was revoked on %s%s, says %s", text ? text : "an unknown date",
                judge_reason_text (says->reason), whose);
  return STEP_KNOWS;
}

static StepResult
conclude (Inquiry *inquiry, const IkeRevocation *says, GBytes *response, const char *whose)
{
  if (says->revoked == IKE_REVOKED_YES)
    return inquiry_conclude_revoked (inquiry, says, whose);
  inquiry->result = INQUIRY_GOOD;
  inquiry->response = response ? g_bytes_ref (response) : NULL;
  return STEP_KNOWS;
}

static StepResult
conclude_known (Inquiry *inquiry, Known *known)
{
  char shown[112];
  g_autofree char *whose =
      g_strdup_printf ("the OCSP responder %s",
                       ike_escape (shown, sizeof shown, known->label, strlen (known->label)));

  return conclude (inquiry, &known->says, known->response, whose);
}

static void
read_stapled (Inquiry *inquiry, GBytes *response)
{
  Revocation *revocation = inquiry->revocation;
  IkeRevocation says = { .struct_size = sizeof says };
  gint64 now = revocation_now (revocation);
  gsize len;
  const guint8 *data = g_bytes_get_data (response, &len);

  if (!revocation->pki->ocsp_read (revocation->pki_provided->plugin, data, len, inquiry->cert,
                                   inquiry->issuer, NULL, 0, now, &says, NULL))
    return;
  /* A peer could keep one that is good for ever, so it must say how long it holds. */
  if (says.revoked == IKE_REVOKED_UNKNOWN || !says.next_update)
    return;
  if (inquiry->stapled.revoked == IKE_REVOKED_UNKNOWN
      || says.this_update > inquiry->stapled.this_update)
    inquiry->stapled = says;
}

/* Of what the peer sent along and what is known the newer one counts: who is revoked may still have
 * an older response. */
static StepResult
step_known (Inquiry *inquiry)
{
  Revocation *revocation = inquiry->revocation;
  g_autofree char *key =
      key_of_ocsp (revocation, inquiry->cert, inquiry->issuer, inquiry->is_plain);
  Known *known = cache_find (&revocation->cache, key, revocation_now (revocation));
  gboolean has_stapled = inquiry->stapled.revoked != IKE_REVOKED_UNKNOWN;

  if (known && (!has_stapled || known->says.this_update >= inquiry->stapled.this_update))
    return conclude_known (inquiry, known);
  if (has_stapled)
    return conclude (inquiry, &inquiry->stapled, NULL, "the OCSP response that came along");
  return STEP_NEXT;
}

static Known *
find_ocsp (Inquiry *inquiry, const char *uri)
{
  Revocation *revocation = inquiry->revocation;
  Cache *cache = &revocation->cache;
  gint64 now = revocation_now (revocation);
  g_autofree char *key =
      key_of_ocsp (revocation, inquiry->cert, inquiry->issuer, inquiry->is_plain);
  g_autofree char *of_uri = key_of_failure (uri), *of_answer = key_of_answer (key, uri);
  Known *known = cache_find (cache, key, now);

  if (!known)
    known = cache_find (cache, of_uri, now);
  if (!known)
    known = cache_find (cache, of_answer, now);
  return known ? known_ref (known) : NULL;
}

static StepResult
step_ocsp (Inquiry *inquiry, const char *uri)
{
  Revocation *revocation = inquiry->revocation;
  Known *known = inquiry_take_given (inquiry);
  StepResult result;

  if (!known)
    known = find_ocsp (inquiry, uri);
  if (!known && inquiry->is_cached_only)
    return inquiry_note (inquiry, "too many checks are under way");
  if (!known) {
    pending_ocsp (revocation, inquiry->cert, inquiry->issuer, uri, inquiry->is_plain,
                  &inquiry->wait);
    return STEP_WAITS;
  }
  if (known->kind == KNOWN_FAILURE)
    result = inquiry_note (inquiry, "%s", known->why);
  else
    result = conclude_known (inquiry, known);
  known_unref (known);
  return result;
}

/* -- steps */

static void
add_steps (Inquiry *inquiry, guint kind, const char *const *uris, guint *room)
{
  for (guint i = 0; uris[i] && i < IKE_CERT_MAX_URIS; i++) {
    Step step = { .kind = (guint8) kind, .uri = g_strdup (uris[i]) };

    inquiry->names_uri = TRUE;
    if (*room == 0) {
      g_free (step.uri);
      return;
    }
    g_array_append_val (inquiry->steps, step);
    --*room;
  }
}

static void
add_step (Inquiry *inquiry, guint kind)
{
  Step step = { .kind = (guint8) kind };

  g_array_append_val (inquiry->steps, step);
}

/* However many responders are named, one place is left for a CRL. */
static void
plan (Inquiry *inquiry, const IkeAuthority *authority)
{
  static const char *const none[] = { NULL };
  const IkeCertInfo *info = inquiry->revocation->pki->cert_info (inquiry->cert);
  const char *const *ocsp = authority ? authority->ocsp_uris : none;
  const char *const *crls = authority ? authority->crl_uris : none;
  gboolean has_crl = !inquiry->is_plain && (crls[0] || info->crl_uris[0]);
  guint room = INQUIRY_URIS_MAX - (has_crl ? 1 : 0);

  if (!inquiry->is_plain)
    add_step (inquiry, STEP_REVOKED);
  add_step (inquiry, STEP_KNOWN);
  add_steps (inquiry, STEP_OCSP, ocsp, &room);
  add_steps (inquiry, STEP_OCSP, info->ocsp_uris, &room);
  if (inquiry->is_plain)
    return;
  room += has_crl ? 1 : 0;
  add_step (inquiry, STEP_LOCAL);
  add_steps (inquiry, STEP_CRL, crls, &room);
  add_steps (inquiry, STEP_CRL, info->crl_uris, &room);
}

static void
plan_with_credentials (Inquiry *inquiry)
{
  Revocation *revocation = inquiry->revocation;
  IkeAuthority authority = { .struct_size = sizeof authority };
  IkeCredentials *credentials;

  if (!revocation->credentials) {
    plan (inquiry, NULL);
    return;
  }
  credentials = revocation->credentials->get (revocation->credentials_provided->plugin);
  if (revocation->credentials->authority (credentials, inquiry->issuer, &authority))
    plan (inquiry, &authority);
  else
    plan (inquiry, NULL);
  revocation->credentials->unref (credentials);
}

static StepResult
run_step (Inquiry *inquiry, const Step *step)
{
  switch (step->kind) {
  case STEP_REVOKED:
    return crls_step_revoked (inquiry);
  case STEP_KNOWN:
    return step_known (inquiry);
  case STEP_OCSP:
    return step_ocsp (inquiry, step->uri);
  case STEP_LOCAL:
    return crls_step_local (inquiry);
  default:
    return crls_step_uri (inquiry, step->uri);
  }
}

static void
inquiry_run (Inquiry *inquiry)
{
  while (inquiry->result == INQUIRY_OPEN && inquiry->at < inquiry->steps->len) {
    StepResult result = run_step (inquiry, &g_array_index (inquiry->steps, Step, inquiry->at));

    if (result == STEP_WAITS)
      return;
    crls_clear (inquiry);
    known_unref (inquiry_take_given (inquiry));
    inquiry->at++;
  }
  if (inquiry->result == INQUIRY_OPEN)
    inquiry->result = INQUIRY_UNKNOWN;
  inquiry->done (inquiry);
}

void
inquiry_start (Inquiry *inquiry, GBytes *const *stapled, guint n_stapled)
{
  for (guint i = 0; i < n_stapled; i++)
    read_stapled (inquiry, stapled[i]);
  plan_with_credentials (inquiry);
  inquiry_run (inquiry);
}
