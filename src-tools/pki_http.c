/* SPDX-License-Identifier: Apache-2.0 */
/* pki_http.c - a small server: one connection at a time, one request each; files of a directory. */
#define _GNU_SOURCE /* accept4 */
#include "pki_http.h"
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <ikebana/addr.h>
#include <ikebana/error.h>

enum { CONNECTION_MS = 5000, HANG_UP_MS = 1000, BACKLOG = 16, DEPTH_MAX = 16 };

typedef struct {
  const PkiHttpServer *server;
  int listener, signals;
  guint n_answered;
} Running;

/* -- files */

static const char *
type_of (const char *path)
{
  static const struct {
    const char *suffix, *type;
  } types[] = {
    { ".crl", "application/pkix-crl" },   { ".cer", "application/pkix-cert" },
    { ".crt", "application/pkix-cert" },  { ".der", "application/pkix-cert" },
    { ".p7c", "application/pkcs7-mime" }, { ".pem", "application/x-pem-file" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (types); i++)
    if (g_str_has_suffix (path, types[i].suffix))
      return types[i].type;
  return "application/octet-stream";
}

/* Opened component by component, without links: no path leads out of @directory. */
static int
open_below (int directory, const char *path)
{
  g_auto (GStrv) names = g_strsplit (path + 1, "/", DEPTH_MAX + 1);
  guint n = g_strv_length (names);
  int fd = dup (directory);

  for (guint i = 0; i < n && fd >= 0; i++) {
    int flags = i + 1 < n ? O_DIRECTORY : O_NONBLOCK;
    int next =
        n > DEPTH_MAX ? -1 : openat (fd, names[i], O_RDONLY | O_CLOEXEC | O_NOFOLLOW | flags);
    close (fd);
    fd = next;
  }
  return fd;
}

static GBytes *
read_file (int fd)
{
  struct stat st;
  g_autofree guint8 *data = NULL;
  gsize len = 0;

  if (fstat (fd, &st) != 0 || !S_ISREG (st.st_mode) || st.st_size > PKI_HTTP_FILE_MAX)
    return NULL;
  data = g_malloc ((gsize) st.st_size + 1);
  while (len < (gsize) st.st_size) {
    gssize n = read (fd, data + len, (gsize) st.st_size - len);
    if (n <= 0)
      return NULL;
    len += (gsize) n;
  }
  return g_bytes_new_take (g_steal_pointer (&data), len);
}

gboolean
pki_http_serve (int directory, const char *path, PkiHttpAnswer *answer)
{
  int fd = pki_http_is_plain (path) ? open_below (directory, path) : -1;
  GBytes *body = fd >= 0 ? read_file (fd) : NULL;

  if (fd >= 0)
    close (fd);
  if (!body)
    return FALSE;
  *answer = (PkiHttpAnswer){ 200, type_of (path), body };
  return TRUE;
}

/* -- waiting */

/* TRUE when @fd is ready by @deadline_us; FALSE, too, when the program is to end.  Without an @fd
 * (-1) it only waits. */
static gboolean
wait_for (const Running *running, int fd, short events, gint64 deadline_us)
{
  for (;;) {
    struct pollfd fds[] = { { .fd = running->signals, .events = POLLIN },
                            { .fd = fd, .events = events } };
    gint64 left_us = deadline_us - g_get_monotonic_time ();
    int left_ms = deadline_us == 0 ? -1 : (int) CLAMP ((left_us + 999) / 1000, 0, G_MAXINT);
    int n = poll (fds, 2, left_ms);
    if (n > 0)
      return fds[0].revents == 0;
    if (n == 0 || errno != EINTR)
      return FALSE;
  }
}

static gboolean
is_over (const Running *running)
{
  struct pollfd fds = { .fd = running->signals, .events = POLLIN };

  return poll (&fds, 1, 0) > 0
         || (running->server->n_requests && running->n_answered >= running->server->n_requests);
}

/* -- a connection */

static gboolean
send_all (const Running *running, int fd, const void *data, gsize len, gint64 deadline_us)
{
  for (const guint8 *at = data; len > 0;) {
    gssize n = send (fd, at, len, MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN && errno != EINTR)
      return FALSE;
    if (n < 0 && !wait_for (running, fd, POLLOUT, deadline_us))
      return FALSE;
    at += MAX (n, 0);
    len -= (gsize) MAX (n, 0);
  }
  return TRUE;
}

static void
send_answer (const Running *running, int fd, const PkiHttpAnswer *answer)
{
  gint64 deadline_us = g_get_monotonic_time () + CONNECTION_MS * 1000;
  gsize len = answer->body ? g_bytes_get_size (answer->body) : 0;
  g_autofree char *head =
      g_strdup_printf ("HTTP/1.1 %u %s\r\n%sContent-Type: %s\r\nContent-Length: %zu\r\n"
                       "Connection: close\r\n\r\n",
                       answer->status, pki_http_reason (answer->status),
                       answer->status == 405 ? "Allow: GET, POST\r\n" : "",
                       answer->type ? answer->type : "text/plain", len);

  if (send_all (running, fd, head, strlen (head), deadline_us) && len > 0)
    send_all (running, fd, g_bytes_get_data (answer->body, NULL), len, deadline_us);
}

/* 0 when the connection ended before a request was there. */
static guint
receive (const Running *running, int fd, GByteArray *data, PkiHttpRequest *request)
{
  gint64 deadline_us = g_get_monotonic_time () + CONNECTION_MS * 1000;
  guint status = 0;

  while (status == 0 || (status == 200 && data->len < request->head_len + request->body_len)) {
    guint8 buffer[4096];
    gssize n;
    if (!wait_for (running, fd, POLLIN, deadline_us))
      return 0;
    n = recv (fd, buffer, sizeof buffer, 0);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
      return 0;
    g_byte_array_append (data, buffer, (guint) MAX (n, 0));
    if (status == 0)
      status = pki_http_parse ((const char *) data->data, data->len, request);
  }
  return status;
}

static void
serve_connection (Running *running, int fd)
{
  const PkiHttpServer *server = running->server;
  g_autoptr (GByteArray) data = g_byte_array_new ();
  PkiHttpRequest request = { 0 };
  PkiHttpAnswer answer = { .status = receive (running, fd, data, &request) };

  if (answer.status == 0) {
    pki_http_clear (&request);
    return;
  }
  if (answer.status == 200)
    server->answer (&request, data->data + request.head_len, &answer, server->data);
  running->n_answered++;
  if (server->delay_ms)
    wait_for (running, -1, 0,
              g_get_monotonic_time () + server->delay_ms * G_GINT64_CONSTANT (1000));
  if (server->is_verbose) {
    char path[256];
    ike_escape (path, sizeof path, request.path ? request.path : "",
                request.path ? strlen (request.path) : 0);
    printf ("%s %s %u\n", request.is_post ? "POST" : "GET", path, answer.status);
    fflush (stdout);
  }
  send_answer (running, fd, &answer);
  g_clear_pointer (&answer.body, g_bytes_unref);
  pki_http_clear (&request);
}

/* What was not read makes a reset of a close, and the other side loses the answer. */
static void
hang_up (const Running *running, int fd)
{
  gint64 deadline_us = g_get_monotonic_time () + HANG_UP_MS * 1000;
  guint8 buffer[4096];

  shutdown (fd, SHUT_WR);
  for (guint left = 64; left > 0 && wait_for (running, fd, POLLIN, deadline_us); left--)
    if (recv (fd, buffer, sizeof buffer, 0) <= 0)
      break;
  close (fd);
}

/* -- the server */

static int
fail (GError **error, const char *what)
{
  g_set_error (error, IKE_ERROR, IKE_ERROR_SYSTEM, "cannot %s: %s", what, g_strerror (errno));
  return -1;
}

static int
open_listener (const PkiHttpServer *server, GError **error)
{
  const char *address = server->address ? server->address : "127.0.0.1";
  struct sockaddr_storage sa = { 0 };
  char text[IKE_ADDR_TEXT_SIZE];
  IkeAddr addr;
  int fd, on = 1;
  socklen_t len;

  if (!ike_addr_parse (&addr, address, error))
    return -1;
  addr.port = (guint16) server->port;
  len = (socklen_t) ike_addr_to_sockaddr (&addr, &sa);
  fd = socket (sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return fail (error, "open a socket");
  setsockopt (fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind (fd, (struct sockaddr *) &sa, len) != 0 || listen (fd, BACKLOG) != 0
      || getsockname (fd, (struct sockaddr *) &sa, &len) != 0
      || !ike_addr_from_sockaddr (&addr, (struct sockaddr *) &sa, len)) {
    g_autofree char *what = g_strdup_printf ("listen on port %u of %s", server->port, address);
    fail (error, what);
    close (fd);
    return -1;
  }
  printf ("listening on %s\n", ike_addr_format (&addr, TRUE, text));
  fflush (stdout);
  return fd;
}

static int
watch_signals (GError **error)
{
  sigset_t set;
  int fd;

  sigemptyset (&set);
  sigaddset (&set, SIGTERM);
  sigaddset (&set, SIGINT);
  sigprocmask (SIG_BLOCK, &set, NULL);
  fd = signalfd (-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  return fd >= 0 ? fd : fail (error, "watch for signals");
}

gboolean
pki_http_run (const PkiHttpServer *server, GError **error)
{
  Running running = { .server = server, .listener = -1, .signals = watch_signals (error) };

  if (running.signals >= 0)
    running.listener = open_listener (server, error);
  while (running.listener >= 0 && !is_over (&running)) {
    int fd;
    if (!wait_for (&running, running.listener, POLLIN, 0))
      break;
    fd = accept4 (running.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
      continue;
    serve_connection (&running, fd);
    hang_up (&running, fd);
  }
  if (running.signals >= 0)
    close (running.signals);
  if (running.listener < 0)
    return FALSE;
  close (running.listener);
  return TRUE;
}
