/* SPDX-License-Identifier: Apache-2.0 */
/* answer.c - answers at once, later, or with a failure, as the test ordered. */
#include "config.h"
#include "fake.h"

typedef struct {
  IkeCall *call;
  gpointer result;
  char    *reason;                            /* of a failure */
} Late;

static void
run_late (gpointer data)
{
  Late *late = data;
  IkeCall *call = g_steal_pointer (&late->call);
  if (late->reason)
    ike_call_fail (call, late->reason);
  else
    ike_call_answer (call, late->result);
}

/* When the loop ends first, the call is answered all the same: then it knows how to get rid of the
 * result. */
static void
free_late (gpointer data)
{
  Late *late = data;
  if (late->call)
    run_late (late);
  g_free (late->reason);
  g_free (late);
}

static gboolean
is_late (Fake *fake, IkeCall *call, gpointer result, const char *reason)
{
  guint32 delay_ms = atomic_load (&fake->delay_ms);
  IkeLoop *loop = ike_loop_current ();
  Late *late;
  if (!delay_ms || !loop)
    return FALSE;
  late = g_new (Late, 1);
  *late = (Late) { call, result, g_strdup (reason) };
  ike_loop_timer_add (loop, delay_ms, run_late, late, free_late);
  return TRUE;
}

void
fake_answer (Fake *fake, IkeCall *call, gpointer result)
{
  if (call && !is_late (fake, call, result, NULL))
    ike_call_answer (call, result);
}

void
fake_fail (Fake *fake, IkeCall *call, const char *reason)
{
  if (call && !is_late (fake, call, NULL, reason))
    ike_call_fail (call, reason);
}

gboolean
fake_begin (Fake *fake, IkeFakeOperation operation, IkeCall *call)
{
  g_autofree char *reason = NULL;
  atomic_fetch_add_explicit (&fake->n_calls[operation], 1, memory_order_relaxed);
  if (!atomic_load_explicit (&fake->failures[operation], memory_order_relaxed))
    return TRUE;
  reason = atomic_exchange (&fake->failures[operation], NULL);
  if (!reason)
    return TRUE;
  fake_fail (fake, call, reason);
  return FALSE;
}
