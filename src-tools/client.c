/* SPDX-License-Identifier: Apache-2.0 */
/* client.c - the connection to the daemon: opens it, sends a request line, reads lines until the
 * request ends. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "client.h"

enum {
  LINE_BYTES_MAX =
      64 * 1024 * 1024, /* of an answer; the daemon is trusted, a wrong socket is not */
  DEPTH_MAX = 32,
};

struct _Client {
  int      fd;
  char    *path;
  GString *in;
  guint    last_id;
};

static int
try_connect (const char *path)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int fd, saved;
  if (g_strlcpy (address.sun_path, path, sizeof address.sun_path) >= sizeof address.sun_path) {
    errno = ENAMETOOLONG;
    return -1;
  }
  fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return -1;
  if (connect (fd, (const struct sockaddr *) &address, sizeof address) == 0)
    return fd;
  saved = errno;
  close (fd);
  errno = saved;
  return -1;
}

static ToolStatus
explain_failure (const char *path, int code, gboolean is_quiet)
{
  ToolStatus status = code == EACCES || code == EPERM         ? TOOL_DENIED
                      : code == ENOENT || code == ECONNREFUSED ? TOOL_NOT_RUNNING
                                                               : TOOL_FAILED;
  if (is_quiet)
    return status;
  if (status == TOOL_NOT_RUNNING)
    tool_complain ("the daemon is not running (nothing answers at %s); start it with \"systemctl "
                   "start ikebanad\" or "
                   "\"ikebanad\", or name its socket with --socket",
                   path);
  else if (status == TOOL_DENIED)
    tool_complain ("you may not use %s; become root, or a member of the group ikebana", path);
  else
    tool_complain ("cannot connect to %s: %s", path, g_strerror (code));
  return status;
}

static Client *
wrap (int fd, const char *path)
{
  Client *client = g_new0 (Client, 1);
  client->fd = fd;
  client->path = g_strdup (path);
  client->in = g_string_new (NULL);
  return client;
}

Client *
client_open (const Tool *tool, gboolean is_quiet, ToolStatus *status)
{
  static const char control[] = IKE_RUN_DIR "/control", monitor[] = IKE_RUN_DIR "/monitor";
  const char *path = tool->socket_path != NULL ? tool->socket_path : control;
  int fd = try_connect (path), code = errno;
  if (fd < 0 && code == EACCES && tool->socket_path == NULL) {
    /* Who may not change anything may still look. */
    fd = try_connect (monitor);
    path = fd >= 0 ? monitor : control;
  }
  if (fd >= 0)
    return wrap (fd, path);
  *status = explain_failure (path, code, is_quiet);
  return NULL;
}

void
client_close (Client *client)
{
  if (client == NULL)
    return;
  close (client->fd);
  g_free (client->path);
  g_string_free (client->in, TRUE);
  g_free (client);
}

const char *
client_path (const Client *client)
{
  return client->path;
}

static gboolean
send_all (int fd, const char *text, gsize len)
{
  while (len > 0) {
    ssize_t n = send (fd, text, len, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return FALSE;
    text += n;
    len -= (gsize) n;
  }
  return TRUE;
}

static gboolean
send_request (Client *client, const char *command, Json *args)
{
  g_autoptr (Json) request = json_object_new_object ();
  g_autofree char *line = NULL;
  json_object_object_add (request, "id", json_object_new_int64 (++client->last_id));
  json_object_object_add (request, "command", json_object_new_string (command));
  if (args != NULL)
    json_object_object_add (request, "args", json_object_get (args));
  line = g_strconcat (json_object_to_json_string_ext (request, JSON_C_TO_STRING_PLAIN), "\n", NULL);
  return send_all (client->fd, line, strlen (line));
}

/* Waits for input until @deadline_us (0: for ever). */
static ToolStatus
wait_readable (Client *client, gint64 deadline_us)
{
  struct pollfd waiting = { .fd = client->fd, .events = POLLIN };
  for (;;) {
    int timeout_ms = -1, n;
    if (deadline_us != 0)
      timeout_ms = (int) CLAMP ((deadline_us - g_get_monotonic_time () + 999) / 1000, 0, G_MAXINT);
    n = poll (&waiting, 1, timeout_ms);
    if (n > 0)
      return TOOL_OK;
    if (n == 0)
      return TOOL_TIMEOUT;
    if (errno != EINTR)
      return TOOL_BROKEN;
  }
}

/* The next line, without its newline; the caller frees it. */
static ToolStatus
read_line (Client *client, gint64 deadline_us, char **line)
{
  gsize searched = 0;
  for (;;) {
    char chunk[16384],
        *newline = memchr (client->in->str + searched, '\n', client->in->len - searched);
    ToolStatus status;
    ssize_t n;
    if (newline != NULL) {
      gsize len = (gsize) (newline - client->in->str);
      *line = g_strndup (client->in->str, len);
      g_string_erase (client->in, 0, (gssize) len + 1);
      return TOOL_OK;
    }
    searched = client->in->len;
    if (searched > LINE_BYTES_MAX)
      return TOOL_BROKEN;
    status = wait_readable (client, deadline_us);
    if (status != TOOL_OK)
      return status;
    n = recv (client->fd, chunk, sizeof chunk, 0);
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return TOOL_BROKEN;
    g_string_append_len (client->in, chunk, n);
  }
}

static Json *
parse (const char *line)
{
  struct json_tokener *tokener = json_tokener_new_ex (DEPTH_MAX);
  Json *object = json_tokener_parse_ex (tokener, line, (int) strlen (line) + 1);
  json_tokener_free (tokener);
  if (object != NULL && !json_object_is_type (object, json_type_object)) {
    json_object_put (object);
    return NULL;
  }
  return object;
}

static ToolStatus
status_of_code (const char *code)
{
  static const struct { const char *code; ToolStatus status; } codes[] = {
    { "usage", TOOL_USAGE }, { "unknown-command", TOOL_USAGE }, { "denied", TOOL_DENIED },
    { "timeout", TOOL_TIMEOUT }, { "not-found", TOOL_NOT_FOUND },
  };
  for (guint i = 0; i < G_N_ELEMENTS (codes); i++) {
    if (g_strcmp0 (code, codes[i].code) == 0)
      return codes[i].status;
  }
  return TOOL_FAILED;
}

/* TRUE when @line ended the request. */
static gboolean
take_line (Client *client, Json *line, ClientPart part, gpointer data, ClientAnswer *answer,
           ToolStatus *status)
{
  Json *id = tool_get (line, "id"), *value;
  /* An answer without an id is about the connection itself. */
  if (id != NULL && json_object_get_int64 (id) != client->last_id)
    return FALSE;
  value = tool_get (line, "error");
  if (value != NULL) {
    answer->code = g_strdup (tool_text (value, "code", "failed"));
    answer->message = g_strdup (tool_text (value, "message", "the daemon gave no reason"));
    *status = status_of_code (answer->code);
    return TRUE;
  }
  value = tool_get (line, "part");
  if (value != NULL) {
    if (part != NULL)
      part (tool_text (line, "kind", ""), value, data);
    return FALSE;
  }
  value = tool_get (line, "result");
  answer->result = value != NULL ? json_object_get (value) : json_object_new_object ();
  *status = TOOL_OK;
  return TRUE;
}

static ToolStatus
give_up (ClientAnswer *answer, ToolStatus status)
{
  answer->code = g_strdup (status == TOOL_TIMEOUT ? "timeout" : "broken");
  answer->message =
      g_strdup (status == TOOL_TIMEOUT
                    ? "the daemon did not answer in time; it may be busy, try a longer --wait"
                    : "the daemon closed the connection before it answered; see its log");
  return status;
}

ToolStatus
client_run (Client *client, const char *command, Json *args_or_null, guint timeout_s,
            ClientPart part, gpointer data, ClientAnswer *answer)
{
  gint64 deadline_us =
      timeout_s == 0 ? 0 : g_get_monotonic_time () + (gint64) timeout_s * G_USEC_PER_SEC;
  memset (answer, 0, sizeof *answer);
  /* When sending fails there may still be a line that says why the daemon hung up. */
  send_request (client, command, args_or_null);
  for (;;) {
    g_autofree char *text = NULL;
    g_autoptr (Json) line = NULL;
    ToolStatus status = read_line (client, deadline_us, &text);
    if (status != TOOL_OK)
      return give_up (answer, status);
    line = parse (text);
    if (line == NULL) {
      answer->code = g_strdup ("broken");
      answer->message = g_strdup ("the answer is no JSON; is this the socket of ikebanad?");
      return TOOL_BROKEN;
    }
    if (take_line (client, line, part, data, answer, &status))
      return status;
  }
}

void
client_answer_clear (ClientAnswer *answer)
{
  g_clear_pointer (&answer->result, json_object_put);
  g_clear_pointer (&answer->code, g_free);
  g_clear_pointer (&answer->message, g_free);
}
