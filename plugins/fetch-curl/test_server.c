/* SPDX-License-Identifier: Apache-2.0 */
/* test_server.c - see test_server.h. */
#include "config.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "test_server.h"

enum { CONNECTIONS_MAX = 256 };

typedef struct {
  int fd;
  GByteArray *in, *out;
  gsize sent;
  gboolean is_asked, is_held, is_silent;
  gsize head_len; /* of @out: what comes behind it may drip */
  guint drip_ms;
  gint64 next_us;
} Connection;

struct _HttpServer {
  void (*answer) (const HttpRequest *request, HttpAnswer *answer, gpointer data);
  gpointer data;
  int fd, wake[2];
  guint port;
  pthread_t thread;
  GPtrArray *connections;
  atomic_uint n_requests, n_most, n_given_up;
  atomic_bool is_ending, is_released;
};

static void
connection_free (gpointer data)
{
  Connection *connection = data;

  close (connection->fd);
  g_byte_array_unref (connection->in);
  g_byte_array_unref (connection->out);
  g_free (connection);
}

static void
write_answer (Connection *connection, const HttpAnswer *answer)
{
  g_autoptr (GString) head = g_string_new (NULL);
  const char *location = answer->location_take ? answer->location_take : answer->location;
  gsize len = answer->body_take ? g_bytes_get_size (answer->body_take) : 0;

  g_string_printf (head, "HTTP/1.1 %u Whatever\r\nConnection: close\r\nSet-Cookie: taste=sweet\r\n",
                   answer->status);
  if (location)
    g_string_append_printf (head, "Location: %s\r\n", location);
  if (!answer->has_no_length)
    g_string_append_printf (head, "Content-Length: %zu\r\n", len);
  g_string_append (head, "\r\n");
  g_byte_array_append (connection->out, (const guint8 *) head->str, (guint) head->len);
  connection->head_len = head->len;
  if (len)
    g_byte_array_append (connection->out, g_bytes_get_data (answer->body_take, NULL), (guint) len);
}

static void
ask_test (HttpServer *server, Connection *connection, char *head, GBytes *body)
{
  g_auto (GStrv) words = g_strsplit (head, " ", 3);
  HttpRequest request = { words[0], words[1], head, body, server->port };
  HttpAnswer answer = { 0 };

  server->answer (&request, &answer, server->data);
  connection->is_asked = TRUE;
  connection->is_held = answer.is_held;
  connection->is_silent = answer.status == 0;
  connection->drip_ms = answer.drip_ms;
  if (answer.status)
    write_answer (connection, &answer);
  g_free (answer.location_take);
  g_clear_pointer (&answer.body_take, g_bytes_unref);
  atomic_fetch_add (&server->n_requests, 1);
}

static void
parse_request (HttpServer *server, Connection *connection)
{
  g_autofree char *text = g_strndup ((char *) connection->in->data, connection->in->len);
  const char *end = strstr (text, "\r\n\r\n"), *field;
  g_autoptr (GBytes) body = NULL;
  gsize head_len, len = 0;

  if (!end)
    return;
  head_len = (gsize) (end - text) + 4;
  text[head_len - 2] = '\0';
  field = strstr (text, "Content-Length: ");
  if (field)
    len = (gsize) g_ascii_strtoull (field + 16, NULL, 10);
  if (connection->in->len < head_len + len)
    return;
  body = g_bytes_new (connection->in->data + head_len, len);
  ask_test (server, connection, text, body);
}

/* FALSE: it is over. */
static gboolean
receive (HttpServer *server, Connection *connection)
{
  guint8 data[4096];
  gssize n = recv (connection->fd, data, sizeof data, MSG_DONTWAIT);

  if (n <= 0) {
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
      return TRUE;
    atomic_fetch_add (&server->n_given_up, 1);
    return FALSE;
  }
  g_byte_array_append (connection->in, data, (guint) n);
  if (!connection->is_asked)
    parse_request (server, connection);
  return TRUE;
}

static gboolean
is_dripping (const Connection *connection)
{
  return connection->drip_ms && connection->sent >= connection->head_len;
}

static gboolean
transmit (HttpServer *server, Connection *connection)
{
  gsize len = connection->out->len - connection->sent;
  gssize n;

  if (is_dripping (connection)) {
    if (g_get_monotonic_time () < connection->next_us)
      return TRUE;
    connection->next_us = g_get_monotonic_time () + connection->drip_ms * 1000;
    len = MIN (len, 1);
  } else if (connection->drip_ms)
    len = connection->head_len - connection->sent;
  n = send (connection->fd, connection->out->data + connection->sent, len,
            MSG_NOSIGNAL | MSG_DONTWAIT);
  if (n < 0) {
    if (errno == EAGAIN || errno == EINTR)
      return TRUE;
    atomic_fetch_add (&server->n_given_up, 1);
    return FALSE;
  }
  connection->sent += (gsize) n;
  return connection->sent < connection->out->len;
}

static gboolean
wants_to_send (HttpServer *server, const Connection *connection)
{
  return connection->is_asked && !connection->is_silent
         && (!connection->is_held || atomic_load (&server->is_released));
}

static void
take_connection (HttpServer *server)
{
  Connection *connection;
  int fd = accept4 (server->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

  if (fd < 0)
    return;
  connection = g_new0 (Connection, 1);
  connection->fd = fd;
  connection->in = g_byte_array_new ();
  connection->out = g_byte_array_new ();
  g_ptr_array_add (server->connections, connection);
  if (server->connections->len > atomic_load (&server->n_most))
    atomic_store (&server->n_most, server->connections->len);
}

static void
serve (HttpServer *server, struct pollfd *fds)
{
  for (guint i = server->connections->len; i--;) {
    Connection *connection = g_ptr_array_index (server->connections, i);
    gboolean is_open = TRUE;

    if (fds[i].revents & (POLLIN | POLLHUP | POLLERR))
      is_open = receive (server, connection);
    if (is_open && wants_to_send (server, connection))
      is_open = transmit (server, connection);
    if (!is_open)
      g_ptr_array_remove_index (server->connections, i);
  }
}

static void *
server_thread (void *data)
{
  HttpServer *server = data;
  struct pollfd fds[CONNECTIONS_MAX + 2];

  while (!atomic_load (&server->is_ending)) {
    guint n = server->connections->len;
    int timeout_ms = -1;
    char byte[16];

    for (guint i = 0; i < n; i++) {
      Connection *connection = g_ptr_array_index (server->connections, i);
      gboolean sends = wants_to_send (server, connection);
      fds[i] = (struct pollfd){ .fd = connection->fd, .events = POLLIN };
      if (sends && is_dripping (connection))
        timeout_ms = 10;
      else if (sends)
        fds[i].events |= POLLOUT;
    }
    fds[n] = (struct pollfd){ .fd = server->wake[0], .events = POLLIN };
    fds[n + 1] = (struct pollfd){ .fd = server->fd, .events = n < CONNECTIONS_MAX ? POLLIN : 0 };
    poll (fds, n + 2, timeout_ms);
    if (fds[n].revents && read (server->wake[0], byte, sizeof byte) < 0)
      break;
    serve (server, fds);
    if (fds[n + 1].revents)
      take_connection (server);
  }
  return NULL;
}

HttpServer *
http_server_new (void (*answer) (const HttpRequest *request, HttpAnswer *answer, gpointer data),
                 gpointer data)
{
  HttpServer *server = g_new0 (HttpServer, 1);
  struct sockaddr_in address = { .sin_family = AF_INET,
                                 .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  socklen_t len = sizeof address;

  server->answer = answer;
  server->data = data;
  server->connections = g_ptr_array_new_with_free_func (connection_free);
  server->fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  g_assert_cmpint (server->fd, >=, 0);
  g_assert_cmpint (bind (server->fd, (struct sockaddr *) &address, sizeof address), ==, 0);
  g_assert_cmpint (listen (server->fd, CONNECTIONS_MAX), ==, 0);
  g_assert_cmpint (getsockname (server->fd, (struct sockaddr *) &address, &len), ==, 0);
  server->port = ntohs (address.sin_port);
  g_assert_cmpint (pipe2 (server->wake, O_CLOEXEC), ==, 0);
  g_assert_cmpint (pthread_create (&server->thread, NULL, server_thread, server), ==, 0);
  return server;
}

static void
wake (HttpServer *server)
{
  g_assert_cmpint (write (server->wake[1], "", 1), ==, 1);
}

void
http_server_free (HttpServer *server)
{
  atomic_store (&server->is_ending, TRUE);
  wake (server);
  pthread_join (server->thread, NULL);
  g_ptr_array_unref (server->connections);
  close (server->fd);
  close (server->wake[0]);
  close (server->wake[1]);
  g_free (server);
}

guint
http_server_port (HttpServer *server)
{
  return server->port;
}

void
http_server_release (HttpServer *server)
{
  atomic_store (&server->is_released, TRUE);
  wake (server);
}

guint
http_server_requests (HttpServer *server)
{
  return atomic_load (&server->n_requests);
}

guint
http_server_most_open (HttpServer *server)
{
  return atomic_load (&server->n_most);
}

guint
http_server_given_up (HttpServer *server)
{
  return atomic_load (&server->n_given_up);
}
