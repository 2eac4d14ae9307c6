/* SPDX-License-Identifier: Apache-2.0 */
/* client.c - who is sent to another gateway goes there, if it is believed and not too often, with
 * the same connection: so the same identity is asked of whoever answers there.
 *
 * RFC 5685, 3: "Receiving a redirect notification MUST NOT result in the modification of any PAD
 * or SPD entries." */
#include "redirect/redirect.h"

gboolean
redirect_follows (const Redirect *self, const IkeSa *sa)
{
  const IkeConn *conn = ike_sa_conn (sa);

  return conn && ike_option_uint (conn->options, self->follow_option);
}

/* RFC 5685, 7: "the client SHOULD be configured to not accept more than a certain number of
 * redirects (MAX_REDIRECTS) within a short time period (REDIRECT_LOOP_DETECT_PERIOD)". */
static gboolean
is_too_often (Redirect *self, IkeSa *sa)
{
  const Trail *trail = redirect_trail (self, sa);
  gint64 now = ike_sa_now_us (sa), period_us;
  guint i, n = 0, most;

  pthread_mutex_lock (&self->lock);
  most = self->settings->max_redirects;
  period_us = (gint64) self->settings->period_s * G_USEC_PER_SEC;
  pthread_mutex_unlock (&self->lock);
  for (i = 0; i < trail->n; i++)
    n += now - trail->at_us[i] < period_us;
  return n >= most;
}

static void
note (Redirect *self, IkeSa *sa)
{
  Trail *trail = redirect_trail (self, sa);
  gint64 now = ike_sa_now_us (sa);

  ike_counter_add (self->engine, self->n_sought, 1);
  if (trail->n == REDIRECT_TIMES_MAX)
    memmove (trail->at_us, trail->at_us + 1, --trail->n * sizeof trail->at_us[0]);
  trail->at_us[trail->n++] = now;
}

/* NULL: it is to be followed. */
static const char *
refusal_of (Redirect *self, IkeSa *sa)
{
  if (!redirect_follows (self, sa))
    return "follow_redirects of the connection is no";
  return is_too_often (self, sa) ? "it was sent elsewhere too often, maybe in a circle; see "
                                   "max_redirects of the plugin"
                                 : NULL;
}

/* The sentence that says what comes of it; g_free. */
static char *
sentence (Redirect *self, IkeSa *sa, const Gateway *gateway, const char *why_not)
{
  char here[IKE_ADDR_TEXT_SIZE], to[IKE_REDIRECT_NAME_SIZE];

  ike_addr_format (ike_sa_remote (sa), FALSE, here);
  redirect_gateway_format (gateway, to);
  if (!why_not)
    return g_strdup_printf ("gateway %s sends us to %s", here, to);
  ike_counter_add (self->engine, self->n_refused, 1);
  return g_strdup_printf ("gateway %s sends us to %s, where we do not go: %s", here, to, why_not);
}

static gboolean
go (Redirect *self, IkeSa *sa, const Gateway *gateway, const Path *path)
{
  g_autofree char *text = sentence (self, sa, gateway, NULL);

  if (!ike_sa_restart (sa, path->local.family ? &path->local : NULL, &path->remote, text))
    return FALSE;
  ike_counter_add (self->engine, self->n_followed, 1);
  return TRUE;
}

/* -- in IKE_SA_INIT and IKE_AUTH, which wait until the way is known */

static void
located (gpointer owner, gpointer data, gpointer result, const char *error)
{
  Step *step = ike_task_data (owner);

  step->path = result;
  g_free (step->error);
  step->error = g_strdup (error);
}

static const IkeCallClass locate_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "another gateway",
  .timeout_ms = 120 * 1000,
  .then = located,
  .undo = g_free,
};

/* It counts from here on, so that looking up names is limited, too. */
static IkeTaskResult
locate (IkeTask *task)
{
  Redirect *self = ike_plugin_state (ike_task_plugin (task));
  Step *step = ike_task_data (task);
  IkeSa *sa = ike_task_sa (task);

  step->is_asked = TRUE;
  note (self, sa);
  redirect_locate (sa, &step->gateway, ike_task_call (task, &locate_call, NULL));
  return IKE_TASK_WAIT;
}

/* The next answer begins from the start. */
static void
forget (Step *step)
{
  g_clear_pointer (&step->path, g_free);
  g_clear_pointer (&step->error, g_free);
  step->is_asked = FALSE;
}

static IkeTaskResult
disbelieve (IkeTask *task, const char *why_not)
{
  Redirect *self = ike_plugin_state (ike_task_plugin (task));
  Step *step = ike_task_data (task);
  g_autofree char *text = sentence (self, ike_task_sa (task), &step->gateway, why_not);

  forget (step);
  return ike_task_disbelieve (task, text);
}

/* RFC 5685, 3: "the client ... MUST verify that the nonce data matches the value sent in the
 * IKE_SA_INIT request.  If the values do not match, the client MUST silently discard the response
 * (and keep waiting for another response)." */
IkeTaskResult
redirect_client_init (IkeTask *task, IkeExchange *x, const IkeMessage *in)
{
  Redirect *self = ike_plugin_state (ike_task_plugin (task));
  Step *step = ike_task_data (task);
  IkeSa *sa = ike_task_sa (task);
  const IkeNotify *notify = ike_exchange_record (x, REDIRECT, 0);
  const char *refusal;
  const guint8 *ours;
  IkePart nonce;
  gsize len;

  if (!notify || ike_message_find (in, IKE_PAYLOAD_NONCE, 0)
      || !redirect_gateway_read (notify, &step->gateway, &nonce))
    return IKE_TASK_DONE;
  ours = ike_sa_nonce (sa, TRUE, &len);
  if (!ours || len != nonce.len || !ike_equal (ours, nonce.data, len))
    return ike_task_disbelieve (task, "a REDIRECT came without the nonce that we sent");
  if (!step->is_asked) {
    refusal = refusal_of (self, sa);
    return refusal ? disbelieve (task, refusal) : locate (task);
  }
  if (!step->path)
    return disbelieve (task, step->error);
  if (!go (self, sa, &step->gateway, step->path))
    return disbelieve (task, "no IKE SA can be made for it");
  return IKE_TASK_DONE;
}

/* What waits here is for nothing: the gateway made no CHILD_SA. */
static IkeTaskResult
stay_away (IkeTask *task, const char *why_not)
{
  Redirect *self = ike_plugin_state (ike_task_plugin (task));
  const Step *step = ike_task_data (task);
  IkeSa *sa = ike_task_sa (task);
  g_autofree char *text = sentence (self, sa, &step->gateway, why_not);

  ike_task_explain (task, "redirect", text, NULL);
  ike_operation_complain (task, text);
  if (!ike_sa_begin (sa, "delete", NULL, NULL, NULL))
    ike_sa_destroy (sa, text);
  return IKE_TASK_DONE;
}

/* RFC 5685, 6: "the client MUST verify the gateway's AUTH payload before acting on the REDIRECT
 * payload", and "MUST NOT accept the REDIRECT notification in an intermediate IKE_AUTH response":
 * this is reached in the last one, when all is verified. */
IkeTaskResult
redirect_client_auth (IkeTask *task, IkeExchange *x)
{
  Redirect *self = ike_plugin_state (ike_task_plugin (task));
  Step *step = ike_task_data (task);
  IkeSa *sa = ike_task_sa (task);
  const IkeNotify *notify = ike_exchange_record (x, REDIRECT, 0);
  const char *refusal;
  IkePart rest;

  if (!notify || ike_sa_state (sa) != IKE_SA_ESTABLISHED || !redirect_follows (self, sa)
      || !redirect_gateway_read (notify, &step->gateway, &rest))
    return IKE_TASK_DONE;
  if (!step->is_asked) {
    ike_operation_skip (task, "config", "the gateway sends us to another");
    ike_operation_skip (task, "child", "the gateway sends us to another");
    refusal = refusal_of (self, sa);
    return refusal ? stay_away (task, refusal) : locate (task);
  }
  if (!step->path)
    return stay_away (task, step->error);
  if (!go (self, sa, &step->gateway, step->path))
    return stay_away (task, "no IKE SA can be made for it");
  return IKE_TASK_DONE;
}

/* -- of an SA that is up: the answer does not wait */

typedef struct {
  Redirect *self;
  Gateway gateway;
} Told;

static void
told_located (gpointer owner, gpointer data, gpointer result, const char *error)
{
  IkeSa *sa = owner;
  const Told *told = data;
  g_autofree Path *path = result;
  g_autofree char *text = NULL;

  if (path && go (told->self, sa, &told->gateway, path))
    return;
  text = sentence (told->self, sa, &told->gateway,
                   error ? error : "it is on its way elsewhere already, or ends");
  ike_sa_log_text (sa, IKE_LOG_NOTICE, "ike", text);
}

static const IkeCallClass told_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "another gateway",
  .timeout_ms = 120 * 1000,
  .then = told_located,
  .undo = g_free,
  .free_data = g_free,
};

/* RFC 5685, 10: "only the original responder can redirect the original initiator to another
 * server." */
void
redirect_client_told (IkeTask *task, IkeExchange *x)
{
  Redirect *self = ike_plugin_state (ike_task_plugin (task));
  IkeSa *sa = ike_task_sa (task);
  const IkeNotify *notify = ike_exchange_record (x, REDIRECT, 0);
  Told told = { .self = self };
  g_autofree char *text = NULL;
  const char *refusal;
  IkePart rest;

  if (!notify || !ike_sa_was_ours (sa) || ike_sa_state (sa) > IKE_SA_REKEYING
      || !redirect_gateway_read (notify, &told.gateway, &rest))
    return;
  refusal = refusal_of (self, sa);
  if (refusal) {
    text = sentence (self, sa, &told.gateway, refusal);
    ike_sa_log_text (sa, IKE_LOG_NOTICE, "ike", text);
    return;
  }
  note (self, sa);
  redirect_locate (sa, &told.gateway, ike_sa_call (sa, &told_call, g_memdup2 (&told, sizeof told)));
}
