/* SPDX-License-Identifier: Apache-2.0 */
/* check.c - checks: all certificates of a chain at the same time, until all is known or the time is
 * over; then the policy decides. */
#include <string.h>
#include <ikebana/log.h>
#include "revocation.h"

/* A question that comes from another loop. */
typedef struct {
  Revocation *revocation;
  IkeCall *call; /* NULL: it was taken */
  gboolean is_staple;
  guint32 policy;
  guint n, n_stapled;
  IkeCert *chain[IKE_CHAIN_MAX];
  GBytes *stapled[CHECK_STAPLED_MAX];
} Question;

typedef struct {
  GList link;
  Revocation *revocation;
  IkeCall *call;
  gboolean is_staple, is_starting, is_revoked;
  guint32 policy;
  IkeTimer *timer;
  guint n, n_open;
  Inquiry inquiries[IKE_CHAIN_MAX];
} Check;

/* -- verdicts */

static const char *const policies[] = { "relaxed", "ifuri", "strict" };

static const char *
name_of (const Inquiry *inquiry, char out[static 100])
{
  return ike_ident_format (inquiry->revocation->pki->cert_info (inquiry->cert)->subject, out, 100);
}

static const char *
why_unknown (const Inquiry *inquiry)
{
  if (inquiry->text[0])
    return inquiry->text;
  return inquiry->names_uri ? "nobody says so"
                            : "neither it nor the configuration says where to ask";
}

/* strict: all must be known to be good; ifuri: all about which somebody can be asked; relaxed: none
 * may be known to be revoked. */
static gboolean
is_needed (const Check *check, const Inquiry *inquiry)
{
  if (check->policy == IKE_REVOCATION_RELAXED)
    return FALSE;
  return check->policy != IKE_REVOCATION_IFURI || inquiry->names_uri;
}

static void
tell_revoked (const Check *check, IkeRevocationVerdict *verdict)
{
  char name[100];

  verdict->is_good = FALSE;
  verdict->is_revoked = TRUE;
  for (guint i = 0; i < check->n; i++) {
    const Inquiry *inquiry = &check->inquiries[i];
    if (inquiry->result != INQUIRY_REVOKED)
      continue;
    g_snprintf (verdict->reason, sizeof verdict->reason, "certificate %s %s",
                name_of (inquiry, name), inquiry->text);
    return;
  }
}

/* The first one that the policy fails for goes before those that it does not. */
static void
tell_unknown (const Check *check, const Inquiry *inquiry, IkeRevocationVerdict *verdict)
{
  const char *policy = policies[MIN (check->policy, IKE_REVOCATION_STRICT)];
  gboolean is_needed_one = is_needed (check, inquiry);
  char name[100];

  if (!verdict->is_good || (verdict->reason[0] && !is_needed_one))
    return;
  verdict->is_good = !is_needed_one;
  g_snprintf (verdict->reason, sizeof verdict->reason,
              "it is not known whether certificate %s was revoked%s (revocation = %s): %s",
              name_of (inquiry, name), is_needed_one ? "" : ", and it is let in", policy,
              why_unknown (inquiry));
}

static IkeRevocationVerdict *
decide (const Check *check)
{
  Revocation *revocation = check->revocation;
  IkeRevocationVerdict *verdict = g_new0 (IkeRevocationVerdict, 1);
  guint n_unknown = 0;

  verdict->struct_size = sizeof *verdict;
  verdict->is_good = TRUE;
  if (check->is_revoked) {
    tell_revoked (check, verdict);
    ike_counter_add (revocation->engine, revocation->n_revoked, 1);
    return verdict;
  }
  for (guint i = 0; i < check->n; i++)
    if (check->inquiries[i].result == INQUIRY_UNKNOWN) {
      tell_unknown (check, &check->inquiries[i], verdict);
      n_unknown++;
    }
  ike_counter_add (revocation->engine, revocation->n_unknown, n_unknown > 0);
  return verdict;
}

/* What other threads free is theirs alone. */
static GBytes *
copy_of (GBytes *bytes)
{
  gsize len;
  const guint8 *data = g_bytes_get_data (bytes, &len);

  return g_bytes_new (data, len);
}

static void
answer_staple (Check *check)
{
  Inquiry *inquiry = &check->inquiries[0];
  g_autofree char *reason = NULL;
  char name[100];

  if (inquiry->result == INQUIRY_GOOD && inquiry->response) {
    ike_call_answer (check->call, copy_of (inquiry->response));
    return;
  }
  reason = g_strdup_printf ("there is no OCSP response to send along for %s: it %s",
                            name_of (inquiry, name),
                            inquiry->result == INQUIRY_REVOKED ? inquiry->text : "");
  if (inquiry->result != INQUIRY_REVOKED) {
    g_free (reason);
    reason = g_strdup_printf ("there is no OCSP response to send along for %s: %s",
                              name_of (inquiry, name), why_unknown (inquiry));
  }
  ike_call_fail (check->call, reason);
}

/* -- checks */

static void
check_free (Check *check)
{
  ike_timer_stop (check->timer);
  g_queue_unlink (&check->revocation->checks, &check->link);
  for (guint i = 0; i < check->n; i++)
    inquiry_clear (&check->inquiries[i]);
  g_free (check);
}

static void
finish (Check *check)
{
  if (check->is_staple)
    answer_staple (check);
  else
    ike_call_answer (check->call, decide (check));
  check_free (check);
}

static gboolean
is_over (const Check *check)
{
  return check->n_open == 0 || check->is_revoked;
}

static void
inquiry_done (Inquiry *inquiry)
{
  Check *check = inquiry->owner;

  check->n_open--;
  check->is_revoked = check->is_revoked || inquiry->result == INQUIRY_REVOKED;
  if (!check->is_starting && is_over (check))
    finish (check);
}

static void
on_timeout (gpointer data)
{
  Check *check = data;

  check->timer = NULL;
  for (guint i = 0; i < check->n; i++) {
    Inquiry *inquiry = &check->inquiries[i];
    if (inquiry->result != INQUIRY_OPEN)
      continue;
    inquiry_stop (inquiry);
    inquiry->result = INQUIRY_UNKNOWN;
    inquiry_note (inquiry, "no answer within %" G_GUINT64_FORMAT " s",
                  check->revocation->limits.timeout_s);
  }
  finish (check);
}

static void
start (Check *check, const Question *question)
{
  Revocation *revocation = check->revocation;
  gboolean is_full = revocation->checks.length > revocation->limits.max_pending;

  if (is_full)
    ike_counter_add (revocation->engine, revocation->n_refused, 1);
  check->is_starting = TRUE;
  for (guint i = 0; i < check->n && !check->is_revoked; i++) {
    Inquiry *inquiry = &check->inquiries[i];
    inquiry->is_plain = check->is_staple;
    inquiry->is_cached_only = is_full;
    inquiry->done = inquiry_done;
    inquiry->owner = check;
    inquiry_start (inquiry, question->stapled, question->n_stapled);
  }
  check->is_starting = FALSE;
  if (is_over (check))
    finish (check);
  else
    check->timer = ike_loop_timer_add (revocation->io, revocation->limits.timeout_s * 1000,
                                       on_timeout, check, NULL);
}

static void
question_run (gpointer data)
{
  Question *question = data;
  Revocation *revocation = question->revocation;
  Check *check;

  if (revocation->is_closed)
    return;
  crls_refresh_local (revocation);
  ike_counter_add (revocation->engine, revocation->n_checks, !question->is_staple);
  check = g_new0 (Check, 1);
  check->link.data = check;
  check->revocation = revocation;
  check->call = g_steal_pointer (&question->call);
  check->is_staple = question->is_staple;
  check->policy = question->policy;
  check->n = check->n_open = question->n - 1;
  for (guint i = 0; i < check->n; i++)
    inquiry_init (&check->inquiries[i], revocation, question->chain[i], question->chain[i + 1]);
  g_queue_push_tail_link (&revocation->checks, &check->link);
  start (check, question);
}

static void
question_free (gpointer data)
{
  Question *question = data;

  if (question->call)
    ike_call_fail (question->call, "the daemon ends");
  for (guint i = 0; i < question->n; i++)
    question->revocation->pki->cert_unref (question->chain[i]);
  for (guint i = 0; i < question->n_stapled; i++)
    g_bytes_unref (question->stapled[i]);
  g_free (question);
}

static void
post (const Question *given)
{
  Question *question = g_memdup2 (given, sizeof *given);

  for (guint i = 0; i < question->n; i++)
    question->revocation->pki->cert_ref (question->chain[i]);
  for (guint i = 0; i < question->n_stapled; i++)
    question->stapled[i] = copy_of (question->stapled[i]);
  ike_loop_post (question->revocation->io, question_run, question, question_free);
}

void
check_begin (Revocation *revocation, const IkeRevocationQuery *query, IkeCall *call)
{
  Question question = {
    .revocation = revocation, .call = call, .policy = query->policy, .n = query->n
  };

  if (query->n == 0 || query->n > IKE_CHAIN_MAX) {
    ike_call_fail (call, query->n ? "the chain is too long" : "there is no chain to check");
    return;
  }
  memcpy (question.chain, query->chain, query->n * sizeof question.chain[0]);
  for (guint i = 0; i < query->n_ocsp && question.n_stapled < CHECK_STAPLED_MAX; i++)
    if (g_bytes_get_size (query->ocsp[i]) <= revocation->limits.max_ocsp)
      question.stapled[question.n_stapled++] = query->ocsp[i];
  post (&question);
}

void
staple_begin (Revocation *revocation, IkeCert *cert, IkeCert *issuer, IkeCall *call)
{
  Question question = {
    .revocation = revocation, .call = call, .is_staple = TRUE, .n = 2, .chain = { cert, issuer }
  };

  if (revocation->limits.staples)
    post (&question);
  else
    ike_call_fail (call, "plugins.revocation.staple is off");
}

void
checks_close (Revocation *revocation)
{
  GList *link;

  while ((link = revocation->checks.head)) {
    Check *check = link->data;
    ike_call_fail (check->call, "the daemon ends");
    check_free (check);
  }
}
