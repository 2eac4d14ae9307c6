/* SPDX-License-Identifier: Apache-2.0 */
/* terminate.c - `down`: every SA or child of a name. */
#include "sa/sa_private.h"

enum { FORCED = 1 };

static void
end_child (IkeChosen *chosen, IkeSa *sa, IkeChild *child)
{
  IkeChildRef ref = ike_child_ref (child);

  ike_chosen_count (chosen, child->conf->name, child->unique_id);
  if (ike_chosen_flags (chosen) & FORCED) {
    ike_child_destroy (child, "taken down by command");
    return;
  }
  child->is_going = TRUE;
  ike_chosen_begin (chosen, sa, "delete-child", g_memdup2 (&ref, sizeof ref));
}

static void
end_sa (IkeChosen *chosen, IkeSa *sa)
{
  if (!sa->is_silent)
    ike_chosen_count (chosen, sa->conn ? sa->conn->name : "(unnamed)", sa->unique_id);
  if (ike_chosen_flags (chosen) & FORCED || sa->state < IKE_SA_ESTABLISHED)
    ike_sa_destroy (sa, "taken down by command");
  else
    ike_chosen_begin (chosen, sa, "delete", NULL);
}

static const IkeChosenClass terminate_class = { end_sa, end_child, FALSE, FALSE };
/* At once is at once: also what waits for its Delete, or to inherit. */
static const IkeChosenClass forced_class = { end_sa, end_child, FALSE, TRUE };

void
ike_terminate (IkeEngine *engine, const char *conn_or_null, const char *child_or_null,
               guint32 unique_id, gboolean is_forced, IkeCall *call)
{
  IkeWhich which = { conn_or_null, child_or_null, unique_id, is_forced ? FORCED : 0 };

  ike_chosen_run (engine, is_forced ? &forced_class : &terminate_class, &which, call);
}
