/* SPDX-License-Identifier: Apache-2.0 */
/* steps.c - messages to the kernel one after the other; when one is refused, what was done before
 * is undone in reverse. */
#include "config.h"
#include <errno.h>
#include "xfrm.h"

struct _XfrmSteps {
  Xfrm         *xfrm;
  GArray       *list;                         /* XfrmStep */
  guint         at;                           /* undoing: how many are left */
  gboolean      is_otherwise, is_undoing, is_running;
  guint         n_answers;                    /* that came while is_running */
  GError       *error;
  XfrmStepsDone done;
};

static void
message_free (XfrmMessage *message)
{
  if (!message)
    return;
  ike_wipe (message, message->header.nlmsg_len);
  g_free (message);
}

static void
step_clear (gpointer data)
{
  XfrmStep *step = data;
  message_free (step->message);
  message_free (step->otherwise);
  message_free (step->undo);
  g_free (step->what);
}

XfrmSteps *
xfrm_steps_new (Xfrm *xfrm)
{
  XfrmSteps *steps = g_new0 (XfrmSteps, 1);
  steps->xfrm = xfrm;
  steps->list = g_array_new (FALSE, FALSE, sizeof (XfrmStep));
  g_array_set_clear_func (steps->list, step_clear);
  return steps;
}

void
xfrm_steps_free (XfrmSteps *steps)
{
  if (!steps)
    return;
  g_array_unref (steps->list);
  g_clear_error (&steps->error);
  g_free (steps);
}

void
xfrm_steps_add (XfrmSteps *steps, const XfrmStep *step_take)
{
  g_array_append_vals (steps->list, step_take, 1);
}

XfrmMessage *
xfrm_steps_message (const XfrmMessage *message)
{
  return g_memdup2 (message, message->header.nlmsg_len);
}

static void answered (gpointer data, const NetlinkAnswer *answer);

/* Sends the next message; FALSE when there is none. */
static gboolean
send_next (XfrmSteps *steps)
{
  const XfrmStep *step;
  while (steps->is_undoing && steps->at > 0) {
    step = &g_array_index (steps->list, XfrmStep, --steps->at);
    if (!step->undo)
      continue;
    netlink_ask (steps->xfrm->requests, &step->undo->header, answered, steps->xfrm);
    return TRUE;
  }
  if (steps->is_undoing || steps->at >= steps->list->len)
    return FALSE;
  step = &g_array_index (steps->list, XfrmStep, steps->at);
  netlink_ask (steps->xfrm->requests,
               steps->is_otherwise ? &step->otherwise->header : &step->message->header, answered,
               steps->xfrm);
  return TRUE;
}

/* The kernel mostly answers at once: then this is a loop and no recursion. */
static void
run (XfrmSteps *steps)
{
  Xfrm *xfrm = steps->xfrm;
  steps->is_running = TRUE;
  do {
    steps->n_answers = 0;
    if (!send_next (steps)) {
      xfrm->steps = NULL;
      steps->done (xfrm, steps->error);
      xfrm_steps_free (steps);
      return;
    }
  } while (steps->n_answers);
  steps->is_running = FALSE;
}

static const char *
advice_of (int error)
{
  return error == EPROTONOSUPPORT ? "; is the module loaded (esp4, esp6, ah4, ah6, ipcomp)?"
         : error == ENOSYS        ? "; the kernel lacks the algorithm"
         : error == EPERM         ? "; this needs CAP_NET_ADMIN"
         : error == ENOBUFS       ? "; the kernel is short of memory"
                                  : "";
}

static void
failed (XfrmSteps *steps, const NetlinkAnswer *answer)
{
  const XfrmStep *step = &g_array_index (steps->list, XfrmStep, steps->at);
  IkeErrorCode code = answer->error == EEXIST ? IKE_ERROR_BUSY : IKE_ERROR_SYSTEM;
  if (answer->error == EEXIST && g_str_has_prefix (step->what, "policy"))
    g_set_error (&steps->error, IKE_ERROR, code,
                 "%s belongs to another program; see `ip xfrm policy`", step->what);
  else
    g_set_error (&steps->error, IKE_ERROR, code, "the kernel refused the %s: %s%s", step->what,
                 answer->reason, advice_of (answer->error));
  steps->is_undoing = TRUE;
}

static void
advance (XfrmSteps *steps, const NetlinkAnswer *answer)
{
  const XfrmStep *step;
  if (steps->is_undoing)
    return;
  step = &g_array_index (steps->list, XfrmStep, steps->at);
  if (answer->error && step->otherwise && !steps->is_otherwise
      && (!step->otherwise_error || step->otherwise_error == answer->error)) {
    steps->is_otherwise = TRUE;
    return;
  }
  if (answer->error && step->what) {
    failed (steps, answer);
    return;
  }
  steps->is_otherwise = FALSE;
  steps->at++;
}

static void
answered (gpointer data, const NetlinkAnswer *answer)
{
  Xfrm *xfrm = data;
  XfrmSteps *steps = xfrm->steps;
  /* At the end of everything nothing goes on. */
  if (!steps || answer->error == ECANCELED)
    return;
  advance (steps, answer);
  steps->n_answers++;
  if (!steps->is_running)
    run (steps);
}

void
xfrm_steps_run (XfrmSteps *steps_take, XfrmStepsDone done)
{
  steps_take->done = done;
  steps_take->xfrm->steps = steps_take;
  run (steps_take);
}
