/* SPDX-License-Identifier: Apache-2.0 */
/* unload.c - breaks a rule: its state is used after it was deactivated. */
#include <ikebana/plugin.h>

typedef struct {
  char *text;
} State;

static void
state_free (gpointer data)
{
  State *state = data;

  state->text[0] = 'x';
  g_free (state);
}

static gboolean
activate (IkePlugin *self, GError **error)
{
  State *state = g_new0 (State, 1);

  state->text = g_strdup ("something");
  ike_plugin_set_state (self, state, state_free);
  return TRUE;
}

static void
deactivate (IkePlugin *self)
{
  State *state = ike_plugin_state (self);

  g_clear_pointer (&state->text, g_free);
}

IKE_PLUGIN (ike_plugin, "unload", 0, .version = "1.0", .license = "Apache-2.0",
            .summary = "is freed in the wrong order", .activate = activate,
            .deactivate = deactivate);
