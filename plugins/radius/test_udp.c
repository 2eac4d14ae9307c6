/* SPDX-License-Identifier: Apache-2.0 */
/* test_udp.c - requests, replies and DAE on real UDP sockets of this host. */
#include "test_support.h"
#include <arpa/inet.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* A server on the control loop. */
typedef struct {
  int fd;
  guint16 port;
  guint n_heard;
  gboolean is_silent;
  IkeWatch *watch;
  struct sockaddr_storage from;
} Server;

static const RadiusSecret secret = { (const guint8 *) "testing123", 10 };

static int
open_socket (int family, guint16 *port)
{
  int fd = socket (family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
  struct sockaddr *addr = family == AF_INET ? (struct sockaddr *) &in : (struct sockaddr *) &in6;
  socklen_t len = family == AF_INET ? sizeof in : sizeof in6;

  g_assert_cmpint (fd, >=, 0);
  if (bind (fd, addr, len) != 0) {
    close (fd);
    return -1;
  }
  g_assert_cmpint (getsockname (fd, addr, &len), ==, 0);
  *port = ntohs (family == AF_INET ? in.sin_port : in6.sin6_port);
  return fd;
}

static void
server_ready (int fd, guint32 events, gpointer data)
{
  Server *server = data;
  guint8 bytes[IKE_RADIUS_PACKET_MAX], out[IKE_RADIUS_PACKET_MAX];
  socklen_t size = sizeof server->from;
  ssize_t len = recvfrom (fd, bytes, sizeof bytes, 0, (struct sockaddr *) &server->from, &size);
  RadiusPacket packet;
  IkeWriter w;

  g_assert_cmpint (len, >, 0);
  g_assert_null (radius_parse (&packet, bytes, (gsize) len));
  server->n_heard++;
  if (server->is_silent)
    return;
  ike_writer_init (&w, out, sizeof out);
  radius_begin (&w, IKE_RADIUS_ACCESS_ACCEPT, packet.identifier, TRUE);
  g_assert_true (radius_end_response (&w, packet.authenticator, TRUE, secret));
  g_assert_cmpint (sendto (fd, w.data, w.len, 0, (struct sockaddr *) &server->from, size), ==,
                   (ssize_t) w.len);
}

static void
watch (gpointer data)
{
  Server *server = data;

  server->watch = ike_loop_watch (ike_loop_current (), server->fd, EPOLLIN, server_ready, server);
}

static void
server_open (Server *server, Bench *bench)
{
  ike_loop_post (ike_engine_control (bench->engine), watch, server, NULL);
}

static void
server_close (Server *server)
{
  ike_watch_free (server->watch);
  close (server->fd);
}

static void
check_family (int family, const char *address)
{
  Bench bench;
  Server server = { .fd = open_socket (family, &server.port) };
  Ask ask = { .with_eap = TRUE };
  g_autofree char *settings = NULL;

  if (server.fd < 0) {
    g_test_skip ("this host has no such address");
    return;
  }
  settings = g_strdup_printf ("plugins { radius { servers { alpha { address = %s\n secret = "
                              "testing123\n source = %s\n auth_port = %u } } } }",
                              address, address, server.port);
  bench_open_real (&bench, settings, NULL, NULL);
  server_open (&server, &bench);
  ask_wait (&bench, &ask);
  g_assert_cmpstr (ask.error, ==, NULL);
  g_assert_cmpstr (ask.reply->server_name, ==, "alpha");
  g_assert_cmpuint (server.n_heard, ==, 1);
  ask_clear (&ask);
  server_close (&server);
  bench_close (&bench);
}

static void
test_ipv4 (void)
{
  check_family (AF_INET, "127.0.0.1");
}

static void
test_ipv6 (void)
{
  check_family (AF_INET6, "::1");
}

/* What the network says about a port where nobody listens is not believed: it may be anybody's
 * word. The request goes on, and then to the next server. */
static void
test_nobody_there (void)
{
  Bench bench;
  guint16 closed;
  int fd = open_socket (AF_INET, &closed);
  Server server = { .fd = open_socket (AF_INET, &server.port) };
  Ask ask = { 0 };
  g_autofree char *settings = g_strdup_printf (
      "plugins { radius { secret = testing123\n retransmit_timeout = 0.05\n retransmit_tries = 2\n "
      "servers { alpha { address = 127.0.0.1\n auth_port = %u\n preference = 1 }\n beta { address "
      "= "
      "127.0.0.1\n auth_port = %u } } } }",
      closed, server.port);

  close (fd);
  bench_open_real (&bench, settings, NULL, NULL);
  server_open (&server, &bench);
  ask_wait (&bench, &ask);
  g_assert_cmpstr (ask.error, ==, NULL);
  g_assert_cmpstr (ask.reply->server_name, ==, "beta");
  ask_clear (&ask);
  server_close (&server);
  bench_close (&bench);
}

/* -- many at a time, from several sockets */

enum { MANY = 1000 };

static gboolean
are_done (gpointer data)
{
  const Ask *asks = data;

  for (guint i = 0; i < MANY; i++)
    if (!asks[i].is_done)
      return FALSE;
  return TRUE;
}

static void
test_many (void)
{
  Bench bench;
  Server server = { .fd = open_socket (AF_INET, &server.port) };
  Ask *asks = g_new0 (Ask, MANY);
  g_autofree char *settings = g_strdup_printf (
      "plugins { radius { sockets = 4\n retransmit_timeout = 0.1\n retransmit_tries = 20\n "
      "servers { alpha { address = 127.0.0.1\n "
      "secret = testing123\n auth_port = %u } } } }",
      server.port);

  bench_open_real (&bench, settings, NULL, NULL);
  server_open (&server, &bench);
  for (guint i = 0; i < MANY; i++)
    ask_begin (&bench, &asks[i]);
  bench_until (&bench, are_done, asks);
  for (guint i = 0; i < MANY; i++) {
    g_assert_cmpstr (asks[i].error, ==, NULL);
    ask_clear (&asks[i]);
  }
  g_free (asks);
  server_close (&server);
  bench_close (&bench);
}

/* -- DAE */

typedef struct {
  int fd;
  gboolean is_answered;
  IkeWatch *watch;
} Sender;

static void
sender_ready (int fd, guint32 events, gpointer data)
{
  Sender *sender = data;
  guint8 bytes[IKE_RADIUS_PACKET_MAX];
  RadiusPacket packet;

  g_assert_null (radius_parse (&packet, bytes, (gsize) recv (fd, bytes, sizeof bytes, 0)));
  g_assert_cmpuint (packet.code, ==, IKE_RADIUS_DISCONNECT_NAK);
  sender->is_answered = TRUE;
}

static void
sender_begin (gpointer data)
{
  Sender *sender = data;
  guint8 bytes[128];
  IkeWriter w;

  sender->watch = ike_loop_watch (ike_loop_current (), sender->fd, EPOLLIN, sender_ready, sender);
  ike_writer_init (&w, bytes, sizeof bytes);
  radius_begin (&w, IKE_RADIUS_DISCONNECT_REQUEST, 1, FALSE);
  ike_radius_add_text (&w, IKE_RADIUS_USER_NAME, "nemo");
  g_assert_true (radius_end_request (&w, NULL, FALSE, secret));
  g_assert_cmpint (send (sender->fd, w.data, w.len, 0), ==, (ssize_t) w.len);
}

static gboolean
is_answered (gpointer data)
{
  const Sender *sender = data;

  return sender->is_answered;
}

static void
test_dae (void)
{
  Bench bench;
  guint16 port, own;
  int reserved = open_socket (AF_INET, &port);
  Sender sender = { .fd = open_socket (AF_INET, &own) };
  struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  g_autofree char *settings =
      g_strdup_printf ("plugins { radius { dae { enable = yes\n listen = 127.0.0.1\n port = %u\n "
                       "clients { me { address = 127.0.0.0/8\n secret = testing123 } } } } }",
                       port);

  close (reserved);
  to.sin_port = htons (port);
  bench_open_real (&bench, settings, NULL, NULL);
  g_assert_cmpint (connect (sender.fd, (struct sockaddr *) &to, sizeof to), ==, 0);
  ike_loop_post (ike_engine_control (bench.engine), sender_begin, &sender, NULL);
  bench_until (&bench, is_answered, &sender);
  ike_watch_free (sender.watch);
  close (sender.fd);
  bench_close (&bench);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/radius/udp/ipv4", test_ipv4);
  g_test_add_func ("/radius/udp/ipv6", test_ipv6);
  g_test_add_func ("/radius/udp/where-nobody-listens", test_nobody_there);
  g_test_add_func ("/radius/udp/many-from-several-sockets", test_many);
  g_test_add_func ("/radius/udp/dae", test_dae);
  return g_test_run ();
}
