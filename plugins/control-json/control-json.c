/* SPDX-License-Identifier: Apache-2.0 */
/* control-json.c - plugin control-json: the control sockets, JSON lines.
 *
 * Two unix sockets in `socket_dir`: `control`, for the group `ikebana`, runs every command;
 * `monitor`, for the group `ikebana-monitor`, only those that change nothing.  The file mode (0660)
 * is the whole authentication.  The protocol is described in ikebana-control(7). */
#define _GNU_SOURCE                           /* accept4 */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <ikebana/command.h>
#include <ikebana/engine.h>
#include <ikebana/error.h>
#include <ikebana/plugin.h>
#include "client.h"
#include "listener.h"
#include "request.h"

typedef struct {
  ControlServer *server;
  gboolean       is_read_only;
  int            fd;
  char          *path;
  IkeWatch      *watch;
} Listener;

typedef struct {
  ControlServer server;
  Listener      listeners[2];                 /* control, monitor */
} ControlJson;

static void
accept_client (int fd, guint32 events, gpointer data)
{
  static const char busy[] =
      "{\"id\":null,\"error\":{\"code\":\"busy\",\"message\":\"too many control clients\"}}\n";
  Listener *listener = data;
  ControlServer *server = listener->server;
  int client = accept4 (fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (client < 0)
    return;
  if (server->clients->len >= server->max_clients) {
    if (send (client, busy, sizeof busy - 1, MSG_NOSIGNAL) >= 0)
      ike_counter_add (server->engine, server->refused_counter, 1);
    close (client);
    return;
  }
  control_client_new (server, client, listener->is_read_only);
}

static gboolean
open_listener (IkePlugin *self, Listener *listener, const char *name, const char *group,
               GError **error)
{
  const char *directory = ike_plugin_option (self, "socket_dir");
  listener->path = g_build_filename (directory, name, NULL);
  listener->fd = control_listen (listener->path, group, error);
  if (listener->fd < 0)
    return FALSE;
  listener->watch = ike_loop_watch (ike_engine_control (ike_plugin_engine (self)), listener->fd,
                                    EPOLLIN, accept_client, listener);
  return TRUE;
}

static void
close_listener (Listener *listener)
{
  if (listener->fd >= 0) {
    ike_watch_free (g_steal_pointer (&listener->watch));
    unlink (listener->path);
    close (listener->fd);
    listener->fd = -1;
  }
  g_clear_pointer (&listener->path, g_free);
}

static void
close_all (ControlJson *state)
{
  for (guint i = 0; i < G_N_ELEMENTS (state->listeners); i++)
    close_listener (&state->listeners[i]);
  while (state->server.clients->len > 0)
    control_client_close (
        g_ptr_array_index (state->server.clients, state->server.clients->len - 1));
}

static void
state_free (gpointer data)
{
  ControlJson *state = data;
  close_all (state);
  g_ptr_array_unref (state->server.clients);
  control_tokener_free (state->server.tokener);
  g_free (state);
}

static gboolean
make_directory (const char *path, GError **error)
{
  if (g_mkdir_with_parents (path, 0755) == 0)
    return TRUE;
  g_set_error (error, IKE_ERROR, IKE_ERROR_SYSTEM,
               "cannot make the directory %s for the control sockets: %s; start as root, or set "
               "plugins.control-json.socket_dir", path, g_strerror (errno));
  return FALSE;
}

static gboolean
activate (IkePlugin *self, GError **error)
{
  IkeEngine *engine = ike_plugin_engine (self);
  ControlJson *state;
  /* A simulated engine has no descriptors to watch; its test runs commands itself. */
  if (ike_engine_is_simulated (engine))
    return TRUE;
  if (!make_directory (ike_plugin_option (self, "socket_dir"), error))
    return FALSE;
  state = g_new0 (ControlJson, 1);
  state->server = (ControlServer) {
    .engine = engine,
    .tokener = control_tokener_new (),
    .max_clients = (guint) MIN (ike_plugin_option_uint (self, "max_clients"), 4096),
    .max_requests = (guint) MIN (ike_plugin_option_uint (self, "max_requests"), 1024),
    .output_max = ike_plugin_option_uint (self, "max_output"),
    .clients = g_ptr_array_new_with_free_func ((GDestroyNotify) control_client_unref),
    .refused_counter = ike_counter (engine, "control.clients-refused"),
    .dropped_counter = ike_counter (engine, "control.clients-dropped"),
  };
  for (guint i = 0; i < G_N_ELEMENTS (state->listeners); i++)
    state->listeners[i] = (Listener) { .server = &state->server, .is_read_only = i == 1, .fd = -1 };
  if (!open_listener (self, &state->listeners[0], "control", ike_plugin_option (self, "group"),
                      error)
      || !open_listener (self, &state->listeners[1], "monitor",
                         ike_plugin_option (self, "monitor_group"), error)) {
    state_free (state);
    return FALSE;
  }
  ike_plugin_set_state (self, state, state_free);
  return TRUE;
}

static void
deactivate (IkePlugin *self)
{
  ControlJson *state = ike_plugin_state (self);
  if (state != NULL)
    close_all (state);
}

#define OPTION(symbol, name, kind, value, text) \
  static const IkeOptionInfo symbol = { sizeof (IkeOptionInfo), "plugin/" name, kind, value, text }

OPTION (option_socket_dir, "socket_dir", "string", IKE_RUN_DIR,
        "Directory of the sockets `control` and `monitor`; made when it is missing.");
OPTION (option_group, "group", "string", "ikebana",
        "Group that may use the socket `control`, if there is such a group.");
OPTION (option_monitor_group, "monitor_group", "string", "ikebana-monitor",
        "Group that may use the socket `monitor` (commands that change nothing), if there is such "
        "a group.");
OPTION (option_max_clients, "max_clients", "uint", "64",
        "Clients at a time; further ones are refused.");
OPTION (option_max_requests, "max_requests", "uint", "16",
        "Requests that one client may have running.");
OPTION (option_max_output, "max_output", "bytes", "16m",
        "Output kept for a client that does not read; when there is more, the client is dropped.");

static const IkeOptionInfo *const options[] = {
  &option_socket_dir,
  &option_group,
  &option_monitor_group,
  &option_max_clients,
  &option_max_requests,
  &option_max_output,
  NULL,
};

static void
run_schema (IkePlugin *self, IkeRequest *request)
{
  ike_request_finish (request, ike_command_schema (ike_request_engine (request)));
}

/* What `ikebana help`, its completion and its reading of arguments work from. */
static const IkeCommandClass schema = {
  .struct_size = sizeof (IkeCommandClass), .flags = IKE_COMMAND_READ_ONLY,
  .summary = "Describe all commands and their arguments", .run = run_schema,
};
static const IkeFeature schema_feature = {
  .struct_size = sizeof (IkeFeature), .provides = "command:schema", .ops = &schema,
};
static const IkeFeature *const features[] = { &schema_feature, NULL };

IKE_PLUGIN (ike_plugin, "control-json", 0, .version = "1.0", .license = "Apache-2.0",
            .summary = "the control sockets, JSON lines", .features = features, .options = options,
            .activate = activate, .deactivate = deactivate);
