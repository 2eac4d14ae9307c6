/* SPDX-License-Identifier: Apache-2.0 */
/* client.c - reads request lines from a client, runs them, and writes what they answer.
 *
 * A client can be slow, silent, or gone at any moment, also in the middle of a command that is
 * answering.  So a client is counted: each of its requests holds one reference, and a closed client
 * takes no more output. */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <ikebana/command.h>
#include <ikebana/engine.h>
#include "client.h"
#include "request.h"

enum {
  CHUNK_BYTES = 16 * 1024,
  PAUSE_BYTES = 256 * 1024, /* with so much to write no further request is taken */
};

struct _ControlClient {
  guint          references;
  ControlServer *server;
  int            fd;                          /* -1: closed */
  IkeWatch      *watch;
  gboolean       is_read_only;
  gboolean       has_ended;                   /* it sends no more, but may still wait for answers */
  GString       *in, *out;
  gsize          out_start;
  GPtrArray     *calls;                       /* ControlCall in flight, not owned */
};

typedef struct {
  ControlClient *client; /* with a reference; NULL: it is gone, or does not want the answer */
  IkeRequest    *handle;
  char          *id;
  gboolean       is_starting, is_done;
} ControlCall;

void
control_client_unref (ControlClient *client)
{
  if (--client->references > 0)
    return;
  g_string_free (client->in, TRUE);
  g_string_free (client->out, TRUE);
  g_ptr_array_unref (client->calls);
  g_free (client);
}

static void
call_free (ControlCall *call)
{
  g_free (call->id);
  g_free (call);
}

/* The command goes on without a client; nothing of it is heard here any more. */
static void
call_detach (ControlCall *call)
{
  ControlClient *client = g_steal_pointer (&call->client);
  g_ptr_array_remove_fast (client->calls, call);
  if (!call->is_starting) {
    ike_request_client_gone (call->handle);
    call_free (call);
  }
  control_client_unref (client);
}

void
control_client_close (ControlClient *client)
{
  if (client->fd < 0)
    return;
  client->references++;
  ike_watch_free (g_steal_pointer (&client->watch));
  close (client->fd);
  client->fd = -1;
  while (client->calls->len > 0)
    call_detach (g_ptr_array_index (client->calls, client->calls->len - 1));
  g_ptr_array_remove_fast (client->server->clients, client);
  control_client_unref (client);
}

/* -- output */

static gsize
pending (const ControlClient *client)
{
  return client->out->len - client->out_start;
}

static gboolean
has_line (const ControlClient *client)
{
  return memchr (client->in->str, '\n', client->in->len) != NULL;
}

static void
update (ControlClient *client)
{
  guint32 events = 0;
  if (client->fd < 0)
    return;
  if (client->has_ended && client->calls->len == 0 && pending (client) == 0 && !has_line (client)) {
    control_client_close (client);
    return;
  }
  /* A line that waits because of a full output is taken up again when the output can go on. */
  if (pending (client) > 0 || has_line (client))
    events |= EPOLLOUT;
  if (!client->has_ended && pending (client) < PAUSE_BYTES)
    events |= EPOLLIN;
  ike_watch_set_events (client->watch, events);
}

static void
flush (ControlClient *client)
{
  while (client->fd >= 0 && pending (client) > 0) {
    ssize_t n =
        send (client->fd, client->out->str + client->out_start, pending (client), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0 && errno == EAGAIN)
      break;
    if (n < 0) {
      control_client_close (client);
      return;
    }
    client->out_start += (gsize) n;
  }
  if (pending (client) == 0) {
    g_string_truncate (client->out, 0);
    client->out_start = 0;
  } else if (client->out_start > PAUSE_BYTES) {
    g_string_erase (client->out, 0, (gssize) client->out_start);
    client->out_start = 0;
  }
}

/* One line: {"id":ID,KEY:BODY}, or with "kind" before it. */
static void
send_line (ControlClient *client, const char *id, const char *kind, const char *key,
           const IkeTree *body)
{
  g_autofree char *text = body != NULL ? ike_tree_serialize (body, FALSE) : g_strdup ("{}");
  if (client->fd < 0)
    return;
  g_string_append_printf (client->out, "{\"id\":%s,", id != NULL ? id : "null");
  if (kind != NULL)
    g_string_append_printf (client->out, "\"kind\":\"%s\",", kind);
  g_string_append_printf (client->out, "\"%s\":", key);
  g_string_append (client->out, text);
  g_string_append (client->out, "}\n");
  flush (client);
  if (client->fd >= 0 && pending (client) > client->server->output_max) {
    ike_counter_add (client->server->engine, client->server->dropped_counter, 1);
    ike_log (client->server->engine, IKE_LOG_NOTICE, "control-json",
             "dropped a control client that does not read its answers (more than %" G_GUINT64_FORMAT
             " bytes wait)",
             client->server->output_max);
    control_client_close (client);
    return;
  }
  update (client);
}

static void
send_error (ControlClient *client, const char *id, const char *code, const char *message)
{
  g_autoptr (IkeTree) error = ike_tree_new_section ();
  ike_tree_set_string (error, "code", code);
  ike_tree_set_string (error, "message", message != NULL ? message : code);
  send_line (client, id, NULL, "error", error);
}

/* -- requests */

static void
call_part (gpointer transport, const char *kind, const IkeTree *part)
{
  ControlCall *call = transport;
  if (call->client != NULL)
    send_line (call->client, call->id, kind, "part", part);
}

static void
call_done (gpointer transport, const IkeTree *result, const char *error_code, const char *message)
{
  ControlCall *call = transport;
  ControlClient *client = g_steal_pointer (&call->client);
  if (client != NULL) {
    g_ptr_array_remove_fast (client->calls, call);
    if (error_code != NULL)
      send_error (client, call->id, error_code, message);
    else
      send_line (client, call->id, NULL, "result", result);
    control_client_unref (client);
  }
  if (call->is_starting)
    call->is_done = TRUE;
  else
    call_free (call);
}

static const IkeRequestSink sink = { sizeof (IkeRequestSink), call_part, call_done };

static ControlCall *
find_call (ControlClient *client, const char *id)
{
  for (guint i = 0; i < client->calls->len; i++) {
    ControlCall *call = g_ptr_array_index (client->calls, i);
    if (strcmp (call->id, id) == 0)
      return call;
  }
  return NULL;
}

static void
cancel (ControlClient *client, const char *id)
{
  ControlCall *call = find_call (client, id);
  /* It may have been answered while the cancel was on its way: that is no mistake. */
  if (call == NULL)
    return;
  call_detach (call);
  send_error (client, id, "cancelled", "the request was cancelled by its client");
}

static void
run (ControlClient *client, ControlRequest *request)
{
  ControlCall *call;
  if (find_call (client, request->id) != NULL) {
    send_error (client, request->id, "usage", "a request with this id is still running");
    return;
  }
  if (client->calls->len >= client->server->max_requests) {
    send_error (client, request->id, "busy", "too many requests of this client are running");
    return;
  }
  call = g_new0 (ControlCall, 1);
  call->id = g_steal_pointer (&request->id);
  call->client = client;
  call->is_starting = TRUE;
  client->references++;
  g_ptr_array_add (client->calls, call);
  call->handle =
      ike_command_run (client->server->engine, request->command, g_steal_pointer (&request->args),
                       client->is_read_only, &sink, call);
  call->is_starting = FALSE;
  if (!call->is_done && call->client != NULL)
    return;
  /* It is answered, or its client was closed while it began. */
  if (!call->is_done)
    ike_request_client_gone (call->handle);
  call_free (call);
}

static void
handle_line (ControlClient *client, const char *line, gsize len)
{
  ControlRequest request;
  if (!control_request_parse (client->server->tokener, line, len, &request))
    send_error (client, request.id, "usage", request.reason);
  else if (request.command == NULL)
    cancel (client, request.id);
  else
    run (client, &request);
  control_request_clear (&request);
}

/* -- input */

static void
handle_lines (ControlClient *client)
{
  gsize start = 0;
  while (client->fd >= 0 && pending (client) < PAUSE_BYTES) {
    const char *line = client->in->str + start;
    const char *newline = memchr (line, '\n', client->in->len - start);
    gsize len;
    if (newline == NULL)
      break;
    len = (gsize) (newline - line);
    start += len + 1;
    if (len > 0 && line[len - 1] == '\r')
      len--;
    if (len > 0)
      handle_line (client, line, len);
  }
  g_string_erase (client->in, 0, (gssize) start);
  if (client->fd >= 0 && client->in->len > CONTROL_LINE_MAX && !has_line (client)) {
    client->has_ended = TRUE;
    g_string_truncate (client->in, 0);
    send_error (client, NULL, "usage", "the line is longer than 65536 bytes");
  }
}

static void
read_some (ControlClient *client)
{
  char chunk[CHUNK_BYTES];
  ssize_t n = recv (client->fd, chunk, sizeof chunk, 0);
  if (n < 0 && (errno == EAGAIN || errno == EINTR))
    return;
  if (n < 0) {
    control_client_close (client);
    return;
  }
  if (n == 0) {
    client->has_ended = TRUE;
    return;
  }
  g_string_append_len (client->in, chunk, n);
  handle_lines (client);
}

static void
on_ready (int fd, guint32 events, gpointer data)
{
  ControlClient *client = data;
  client->references++;
  if (events & EPOLLOUT) {
    flush (client);
    handle_lines (client);
  }
  if (client->fd >= 0 && !client->has_ended && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
    read_some (client);
  else if (client->fd >= 0 && (events & (EPOLLHUP | EPOLLERR)))
    control_client_close (client);
  update (client);
  control_client_unref (client);
}

void
control_client_new (ControlServer *server, int fd_take, gboolean is_read_only)
{
  ControlClient *client = g_new0 (ControlClient, 1);
  client->references = 1;
  client->server = server;
  client->fd = fd_take;
  client->is_read_only = is_read_only;
  client->in = g_string_new (NULL);
  client->out = g_string_new (NULL);
  client->calls = g_ptr_array_new ();
  client->watch =
      ike_loop_watch (ike_engine_control (server->engine), fd_take, EPOLLIN, on_ready, client);
  g_ptr_array_add (server->clients, client);
}
