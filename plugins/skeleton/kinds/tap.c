/* SPDX-License-Identifier: Apache-2.0 */
/* skeleton.c - a tap: hears of every CHILD_SA that comes and goes, and tells the log.
 *
 * Taps hear of events afterwards, on the observer thread, from a record that does not change.  They
 * may be slow: one that falls behind loses events, counted, and holds no SA up. */
#include <ikebana/bus.h>
#include <ikebana/engine.h>
#include <ikebana/plugin.h>
#include <ikebana/tree.h>

/* One for each engine; a plugin has no variables of its own. */
typedef struct {
  guint32 n_heard;
} Skeleton;

static void
skeleton_heard (IkePlugin *self, const IkeEvent *event)
{
  Skeleton *state = ike_plugin_state (self);

  ike_log (ike_plugin_engine (self), IKE_LOG_INFO, "skeleton", "%s of %s", ike_event_name (event),
           ike_tree_string (ike_event_body (event), "child", "a child"));
  ike_counter_add (ike_plugin_engine (self), state->n_heard, 1);
}

static gboolean
skeleton_activate (IkePlugin *self, GError **error)
{
  Skeleton *state = g_new0 (Skeleton, 1);

  state->n_heard = ike_counter (ike_plugin_engine (self), "skeleton.called");
  ike_plugin_set_state (self, state, g_free);
  ike_tap_add (self, "child-up child-down", skeleton_heard);
  return TRUE;
}

IKE_PLUGIN (ike_plugin, "skeleton", 0, .version = "1.0", .license = "Apache-2.0",
            .summary = "logs CHILD_SAs that come and go", .activate = skeleton_activate);
