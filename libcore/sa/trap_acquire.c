/* SPDX-License-Identifier: Apache-2.0 */
/* trap_acquire.c - a packet met a trap: one SA is asked for, however many packets come, and when
 * that was in vain the next one waits.
 *
 * A trap is quiet, asks, or rests.  While it asks or rests the kernel plugin hears nothing, so it
 * does not repeat itself; what came of it is said once for each question that it asked. */
#include "sa/traps_private.h"

enum {
  BACK_OFF_MS = 1000,
  BACK_OFF_MAX_MS = 60 * 1000,
  /* SAs that packets of one trap make: so many at once, then one each second. */
  TOKENS = 16,
  TOKEN_US = G_USEC_PER_SEC,
  ON_THE_WAY_MAX = 1024, /* acquires that the control loop has not seen yet */
};

/* -- what the kernel plugin hears */

static void
tell_kernel (Trap *trap, gboolean is_up)
{
  const IkeSaManager *manager = trap->traps->engine->sas;
  guint i, n = trap->n_waiting;

  trap->n_waiting = 0;
  for (i = 0; i < n && manager->kernel_class && manager->kernel_class->acquired; i++)
    manager->kernel_class->acquired (manager->kernel->plugin, &trap->waiting[i], is_up);
}

static void
remember (Trap *trap, const IkeKernelAcquire *acquire)
{
  guint i;

  for (i = 0; i < trap->n_waiting; i++)
    if (trap->waiting[i].sequence == acquire->sequence)
      return;
  if (trap->n_waiting == TRAP_WAITING_MAX)
    return;
  trap->waiting[trap->n_waiting] = *acquire;
  trap->waiting[trap->n_waiting++].label = NULL;
}

/* -- resting */

static void
rested (gpointer data)
{
  Trap *trap = data;

  trap->rest = NULL;
  trap->stage = TRAP_QUIET;
  tell_kernel (trap, FALSE);
}

static void
rest (Trap *trap, guint32 delay_ms)
{
  trap->stage = TRAP_RESTING;
  trap->rest =
      ike_loop_timer_add (ike_engine_control (trap->traps->engine), delay_ms, rested, trap, NULL);
}

void
trap_stop_asking (Trap *trap)
{
  ike_timer_stop (g_steal_pointer (&trap->rest));
  trap->stage = TRAP_QUIET;
  tell_kernel (trap, FALSE);
}

static gboolean
take_token (Trap *trap)
{
  gint64 now = ike_engine_now_us (trap->traps->engine);
  gint64 earned = trap->tokens_us ? (now - trap->tokens_us) / TOKEN_US : TOKENS;

  trap->tokens = (guint32) MIN ((gint64) TOKENS, trap->tokens + earned);
  trap->tokens_us = trap->tokens == TOKENS ? now : trap->tokens_us + earned * TOKEN_US;
  if (!trap->tokens)
    return FALSE;
  trap->tokens--;
  return TRUE;
}

/* -- asking */

typedef struct {
  IkeEngine *engine;
  guint64 serial;
  IkeTrigger trigger;
} Asked;

static void
failed (Trap *trap, const Asked *asked, const char *error)
{
  IkeTree *details = ike_tree_new_section ();
  char from[128], to[128];
  g_autofree char *reason = NULL;

  trap->back_off_ms =
      CLAMP (2 * trap->back_off_ms, (guint32) BACK_OFF_MS, (guint32) BACK_OFF_MAX_MS);
  ike_selector_format (&asked->trigger.local, from, sizeof from);
  ike_selector_format (&asked->trigger.remote, to, sizeof to);
  reason = g_strdup_printf ("no SA for a packet %s -> %s of %s: %s; the next packet asks again in "
                            "%u s",
                            from, to, trap->name, error, trap->back_off_ms / 1000);
  ike_log (asked->engine, IKE_LOG_NOTICE, "ike", "%s", reason);
  ike_tree_set_string (details, "child", trap->conf->name);
  ike_tree_set_string (details, "source", from);
  ike_tree_set_string (details, "destination", to);
  ike_explain_emit (asked->engine, "acquire", &trap->local, &trap->remote, trap->conn->name, reason,
                    details);
  rest (trap, trap->back_off_ms);
}

static void
answered (gpointer owner, gpointer data, gpointer result, const char *error)
{
  Asked *asked = data;
  Trap *trap = trap_find (asked->engine, asked->serial);

  if (trap && trap->stage == TRAP_ASKING) {
    trap->stage = TRAP_QUIET;
    if (error)
      failed (trap, asked, error);
    else {
      trap->back_off_ms = 0;
      tell_kernel (trap, TRUE);
    }
  }
  ike_tree_free (result);
}

static const IkeCallClass ask_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "acquire",
  .timeout_ms = 3600 * 1000,
  .then = answered,
  .undo = (GDestroyNotify) ike_tree_free,
  .free_data = g_free,
};

/* The packet counts when it can be one of the policy: it is proposed to the peer, and nothing else
 * than the child allows is. */
static gboolean
is_of_trap (const Trap *trap, const IkeKernelAcquire *acquire)
{
  guint i;

  for (i = 0; i < trap->present.n; i++)
    if (trap->present.policies[i].direction == IKE_DIR_OUT
        && ike_selector_covers (&trap->present.policies[i].source, &acquire->source)
        && ike_selector_covers (&trap->present.policies[i].destination, &acquire->destination))
      return TRUE;
  return FALSE;
}

static void
ask (Trap *trap, const IkeKernelAcquire *acquire)
{
  IkeEngine *engine = trap->traps->engine;
  Asked *asked = g_new0 (Asked, 1);
  char from[128], to[128];

  asked->engine = engine;
  asked->serial = trap->serial;
  asked->trigger = (IkeTrigger){ sizeof asked->trigger, acquire->sequence, acquire->source,
                                 acquire->destination };
  trap->stage = TRAP_ASKING;
  ike_log (engine, IKE_LOG_INFO, "ike", "a packet %s -> %s asks for %s",
           ike_selector_format (&acquire->source, from, sizeof from),
           ike_selector_format (&acquire->destination, to, sizeof to), trap->name);
  ike_initiate_for (engine, trap->conn, trap->conf->name,
                    is_of_trap (trap, acquire) ? &asked->trigger : NULL,
                    ike_loop_call (ike_engine_control (engine), &ask_call, NULL, asked));
}

/* -- from the kernel plugin */

typedef struct {
  IkeEngine *engine;
  IkeKernelAcquire acquire;
} Heard;

static void
heard (gpointer data)
{
  const Heard *h = data;
  IkeSaManager *manager = h->engine->sas;
  IkeTraps *traps = manager->traps;
  Trap *trap =
      traps ? g_hash_table_lookup (traps->by_reqid, GUINT_TO_POINTER (h->acquire.reqid)) : NULL;

  atomic_fetch_sub (&manager->n_acquires, 1);
  ike_counter_add (h->engine, manager->count.acquires, 1);
  if (!trap || traps->is_closed) {
    ike_counter_add (h->engine, manager->count.acquires_unknown, 1);
    ike_log (h->engine, IKE_LOG_DEBUG, "ike", "no trap has reqid %u, for which a packet asks",
             h->acquire.reqid);
    return;
  }
  remember (trap, &h->acquire);
  if (trap->stage != TRAP_QUIET) {
    ike_counter_add (h->engine, manager->count.acquires_merged, 1);
  } else if (!take_token (trap)) {
    ike_counter_add (h->engine, manager->count.acquires_refused, 1);
    rest (trap, TOKEN_US / 1000);
  } else
    ask (trap, &h->acquire);
}

void
ike_traps_acquire (IkeEngine *engine, const IkeKernelAcquire *acquire)
{
  IkeSaManager *manager = engine->sas;
  Heard *h;

  if (!manager)
    return;
  if (atomic_fetch_add (&manager->n_acquires, 1) >= ON_THE_WAY_MAX) {
    atomic_fetch_sub (&manager->n_acquires, 1);
    ike_counter_add (engine, manager->count.acquires_refused, 1);
    return;
  }
  h = g_new0 (Heard, 1);
  h->engine = engine;
  h->acquire = *acquire;
  h->acquire.label = NULL;
  ike_loop_post (ike_engine_control (engine), heard, h, g_free);
}
