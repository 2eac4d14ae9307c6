/* SPDX-License-Identifier: Apache-2.0 */
/* skeleton.c - the plugin to copy.
 *
 * It counts how many IKE SAs came up and tells the number to whoever asks: `ikebana
 * skeleton-count`.  That takes most of what a plugin is made of: a state of its own for each
 * engine, an option with its default, a tap on the events of the daemon, and a command.  To make
 * a plugin of your own, copy this directory, replace the name everywhere, and build it with
 * Makefile.out-of-tree, which needs nothing but the installed headers and pkg-config. */
#include <ikebana/bus.h>
#include <ikebana/command.h>
#include <ikebana/plugin.h>
#include <stdatomic.h>

/* One for each engine; a plugin has no variables of its own.  The tap runs on the observer
 * thread, the command on the control thread, so what both use is atomic. */
typedef struct {
  atomic_uint_fast64_t n_up;
  char *greeting;
} Skeleton;

static void
skeleton_free (gpointer data)
{
  Skeleton *state = data;
  g_free (state->greeting);
  g_free (state);
}

/* Observer thread.  An event is a name and a tree of values; this one is counted, whatever it
 * holds. */
static void
heard_up (IkePlugin *self, const IkeEvent *event)
{
  Skeleton *state = ike_plugin_state (self);
  atomic_fetch_add_explicit (&state->n_up, 1, memory_order_relaxed);
}

/* Control thread.  Every request is finished exactly once, now or later. */
static void
run_count (IkePlugin *self, IkeRequest *request)
{
  Skeleton *state = ike_plugin_state (self);
  IkeTree *result = ike_tree_new_section ();
  ike_tree_set_string (result, "greeting", state->greeting);
  ike_tree_set_int (result, "up",
                    (gint64) atomic_load_explicit (&state->n_up, memory_order_relaxed));
  ike_request_finish (request, result);
}

/* Everything that can fail is done here, with an error that says what and why; what was
 * registered before a failure is removed again by the core. */
static gboolean
skeleton_activate (IkePlugin *self, GError **error)
{
  Skeleton *state = g_new0 (Skeleton, 1);
  state->greeting = g_strdup (ike_plugin_option (self, "greeting"));
  ike_plugin_set_state (self, state, skeleton_free);
  ike_tap_add (self, "ike-up", heard_up);
  return TRUE;
}

static const IkeCommandClass count_class = {
  .struct_size = sizeof count_class,
  .flags = IKE_COMMAND_READ_ONLY,
  .summary = "how many IKE SAs came up since the start",
  .run = run_count,
};

static const IkeFeature count_feature = {
  .struct_size = sizeof count_feature,
  .provides = "command:skeleton-count",
  .ops = &count_class,
};

static const IkeFeature *const features[] = { &count_feature, NULL };

static const IkeOptionInfo greeting_option = {
  .struct_size = sizeof greeting_option,
  .path = "plugin/greeting",
  .type = "string",
  .fallback = "hello",
  .doc = "What the answer of skeleton-count begins with.",
};

static const IkeOptionInfo *const options[] = { &greeting_option, NULL };

IKE_PLUGIN (ike_plugin, "skeleton", 0, .version = "1.0", .license = "Apache-2.0",
            .summary = "the plugin to copy", .features = features, .options = options,
            .activate = skeleton_activate);
