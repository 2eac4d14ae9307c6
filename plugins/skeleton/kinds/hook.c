/* SPDX-License-Identifier: Apache-2.0 */
/* skeleton.c - a hook: when a peer is authenticated, says whether it may come in.
 *
 * Hooks run inside the event, on the shard of the SA, and may decide it; they cannot wait.  Which
 * there are, and what each may change, stands in <ikebana/sa.h>. */
#include <ikebana/engine.h>
#include <ikebana/plugin.h>
#include <ikebana/sa.h>
#include <string.h>

/* One for each engine; a plugin has no variables of its own.  Written while it activates, then only
 * read, on any shard. */
typedef struct {
  guint32 n_called;
  char **refused; /* identities, as text */
} Skeleton;

static void
skeleton_free (gpointer data)
{
  Skeleton *state = data;

  g_strfreev (state->refused);
  g_free (state);
}

static IkeHookVerdict
skeleton_authorize (IkePlugin *self, IkeSa *sa, IkeAuthorizeEvent *event)
{
  Skeleton *state = ike_plugin_state (self);
  char peer[128] = "";

  ike_counter_add (ike_plugin_engine (self), state->n_called, 1);
  if (event->peer)
    ike_ident_format (event->peer, peer, sizeof peer);
  if (!g_strv_contains ((const char *const *) state->refused, peer))
    return IKE_HOOK_PASS;
  event->reason = "plugins.skeleton.refused names the peer";
  return IKE_HOOK_REJECT;
}

static gboolean
skeleton_activate (IkePlugin *self, GError **error)
{
  Skeleton *state = g_new0 (Skeleton, 1);

  state->refused = ike_plugin_option_list (self, "refused");
  state->n_called = ike_counter (ike_plugin_engine (self), "skeleton.called");
  ike_plugin_set_state (self, state, skeleton_free);
  return ike_authorize_hook_add (self, "skeleton", NULL, skeleton_authorize, error);
}

static const IkeOptionInfo refused_option = {
  .struct_size = sizeof refused_option,
  .path = "plugin/refused",
  .type = "list",
  .fallback = "",
  .doc = "Identities that do not come in, although they are authenticated.",
};

static const IkeOptionInfo *const options[] = { &refused_option, NULL };

IKE_PLUGIN (ike_plugin, "skeleton", 0, .version = "1.0", .license = "Apache-2.0",
            .summary = "refuses some who are authenticated", .options = options,
            .activate = skeleton_activate);
