/* SPDX-License-Identifier: Apache-2.0 */
/* test_world.c - see test_world.h. */
#include "test_world.h"
#include <arpa/inet.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <netinet/tcp.h>
#include <unistd.h>

TlsBench world_tls;
static const RadiusSecret radsec = { (const guint8 *) "radsec", 6 };

/* -- the server */

static void
hang_up (World *world)
{
  if (world->fd < 0)
    return;
  ike_watch_free (world->watch);
  world_tls.tls->free (world->session);
  close (world->fd);
  world->fd = -1;
}

static void
flush (World *world)
{
  guint8 bytes[4096];
  gsize n;

  while ((n = world_tls.tls->drain (world->session, bytes, sizeof bytes)) > 0)
    g_assert_cmpint (send (world->fd, bytes, n, MSG_NOSIGNAL), ==, (ssize_t) n);
}

static void
add_keys (IkeWriter *w, const guint8 *authenticator)
{
  radius_add_mppe_key (w, IKE_RADIUS_MS_MPPE_RECV_KEY, 1, authenticator, radsec, "recv", 4);
  radius_add_mppe_key (w, IKE_RADIUS_MS_MPPE_SEND_KEY, 2, authenticator, radsec, "send", 4);
}

static void
say (World *world, const guint8 *bytes, gsize len)
{
  for (gsize at = 0; at < len;) {
    gsize n = MIN (world->piece ? world->piece : len, len - at);

    g_assert_true (world_tls.tls->write (world->session, bytes + at, n));
    if (world->behaviour == ANSWER_AND_CLOSE)
      world_tls.tls->close (world->session);
    flush (world);
    at += n;
  }
}

static void
spoil (World *world, IkeWriter *w)
{
  switch (world->behaviour) {
  case SPEAK_GARBAGE:
    memset (w->data, 0xff, w->len);
    break;
  case CUT_ATTRIBUTE:
    w->data[IKE_RADIUS_HEADER_LEN + 1] = 1;
    break;
  case SIGN_WRONGLY:
    w->data[4] ^= 1;
    break;
  case ANSWER_ANOTHER:
    w->data[1] ^= 0x55;
    say (world, w->data, w->len);
    w->data[1] ^= 0x55;
    break;
  default:
    break;
  }
}

static void
answer (World *world)
{
  RadiusPacket packet;
  guint8 out[IKE_RADIUS_PACKET_MAX];
  IkeWriter w;
  gboolean is_access;

  g_assert_null (radius_parse (&packet, world->in, world->in_len));
  is_access = packet.code == IKE_RADIUS_ACCESS_REQUEST;
  ike_writer_init (&w, out, sizeof out);
  radius_begin (&w, is_access ? IKE_RADIUS_ACCESS_ACCEPT : IKE_RADIUS_ACCOUNTING_RESPONSE,
                packet.identifier, is_access);
  if (is_access)
    add_keys (&w, packet.authenticator);
  /* Without filling it in: zeros. */
  g_assert_true (radius_end_response (&w, packet.authenticator,
                                      is_access && world->behaviour != MAC_WRONGLY, radsec));
  spoil (world, &w);
  say (world, out, w.len);
}

static void accept_one (int fd, guint32 events, gpointer data);

/* As many as have identifiers: then another connection may come. */
static void
hold (World *world, gsize len)
{
  g_ptr_array_add (world->held, g_bytes_new (world->in, len));
  world->in_len = 0;
  if (world->held->len == WORLD_IDENTIFIERS)
    world->listening =
        ike_loop_watch (ike_loop_current (), world->listener, EPOLLIN, accept_one, world);
}

/* Of the packet that comes in; its length has come, or not yet. */
static gsize
len_of (const World *world)
{
  return world->in_len < 4 ? 4 : (gsize) (world->in[2] << 8 | world->in[3]);
}

/* Packets of what has come; FALSE: it hung up. */
static gboolean
serve (World *world)
{
  gsize n;

  while (world->session
         && (n = world_tls.tls->read (world->session, world->in + world->in_len,
                                      len_of (world) - world->in_len))
                > 0) {
    gsize len;

    world->in_len += n;
    len = len_of (world);
    if (world->in_len != len)
      continue;
    world->n_requests++;
    if (world->held) {
      hold (world, len);
      continue;
    }
    if (world->behaviour == CLOSE_ON_REQUEST) {
      world->behaviour = BEHAVE;
      hang_up (world);
      return FALSE;
    }
    answer (world);
    if (world->behaviour != BE_SINGLE)
      world->behaviour = BEHAVE;
    world->in_len = 0;
  }
  return TRUE;
}

static void
server_ready (int fd, guint32 events, gpointer data)
{
  World *world = data;
  guint8 bytes[4096];
  ssize_t n = recv (fd, bytes, sizeof bytes, 0);

  if (n <= 0) {
    hang_up (world);
    return;
  }
  if (world->behaviour == SPEAK_NO_TLS) {
    world->behaviour = BEHAVE;
    g_assert_cmpint (send (fd, "SSH-2.0-x\r\n", 11, MSG_NOSIGNAL), ==, 11);
    return;
  }
  if (world_tls.tls->feed (world->session, bytes, (gsize) n) == IKE_TLS_UP
      && world->behaviour == BE_BUSY) {
    world->behaviour = BEHAVE;
    world->is_busy = TRUE;
    ike_watch_set_events (world->watch, 0);
  }
  flush (world);
  if (!world->is_busy)
    serve (world);
}

void
world_resume (World *world)
{
  int room = 1 << 20;

  g_assert_cmpint (setsockopt (world->fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room), ==, 0);
  world->is_busy = FALSE;
  ike_watch_set_events (world->watch, EPOLLIN);
}

/* Answers what it held, and from now on at once. */
static void
refuse_second (World *world, int fd)
{
  g_autoptr (GPtrArray) held = g_steal_pointer (&world->held);

  close (fd);
  for (guint i = 0; held && i < held->len; i++) {
    const guint8 *bytes = g_bytes_get_data (held->pdata[i], &world->in_len);
    memcpy (world->in, bytes, world->in_len);
    answer (world);
  }
  world->in_len = 0;
}

static void
accept_one (int fd, guint32 events, gpointer data)
{
  World *world = data;
  g_autoptr (IkeIdent) own =
      ike_ident_parse (world->behaviour == SHOW_FOREIGN ? "foreign.test" : "server.test", NULL);
  IkeTlsConf conf = { .struct_size = sizeof conf, .is_server = TRUE, .peer = IKE_TLS_REQUIRED };

  if (world->behaviour == BE_SINGLE && world->fd >= 0) {
    refuse_second (world, accept (fd, NULL, NULL));
    return;
  }
  if (world->held)
    ike_watch_free (g_steal_pointer (&world->listening));
  hang_up (world);
  world->fd = accept (fd, NULL, NULL);
  g_assert_cmpint (world->fd, >=, 0);
  world->n_connections++;
  world->in_len = 0;
  conf.own_id = own;
  world->session = tls_bench_session (&world_tls, &conf);
  world->watch = ike_loop_watch (ike_loop_current (), world->fd, EPOLLIN, server_ready, world);
}

static void
listen_on_control (gpointer data)
{
  World *world = data;

  world->listening =
      ike_loop_watch (ike_loop_current (), world->listener, EPOLLIN, accept_one, world);
}

/* -- the world */

/* Nothing in the kernel has room for what waits for one that is busy: that follows from the size of
 * segments, too. */
static void
narrow (int fd)
{
  int room = 4096, segment = 536;

  g_assert_cmpint (setsockopt (fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room), ==, 0);
  g_assert_cmpint (setsockopt (fd, IPPROTO_TCP, TCP_MAXSEG, &segment, sizeof segment), ==, 0);
}

static void
open_listener (World *world)
{
  struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  socklen_t len = sizeof in;

  world->listener = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (world->behaviour == BE_BUSY)
    narrow (world->listener);
  g_assert_cmpint (bind (world->listener, (struct sockaddr *) &in, len), ==, 0);
  g_assert_cmpint (listen (world->listener, 8), ==, 0);
  g_assert_cmpint (getsockname (world->listener, (struct sockaddr *) &in, &len), ==, 0);
  world->port = ntohs (in.sin_port);
}

void
world_open (World *world, const char *name, const char *more)
{
  static const char *const plugins[] = { "crypto-openssl", "credentials", "tls", NULL };
  g_autofree char *settings = NULL;

  world->fd = -1;
  if (world->behaviour == BE_SINGLE)
    world->held = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
  open_listener (world);
  settings = g_strdup_printf (
      "plugins { credentials { directory = %s }\n radius { timeout = 25s\n servers { alpha { "
      "address = "
      "127.0.0.1\n type = tls\n port = %u\n tls_id = %s\n tls_own_id = client.test\n %s } } } }",
      world_tls.dir, world->port, name, more);
  bench_open_real (&world->bench, settings, plugins, world->court);
  ike_loop_post (ike_engine_control (world->bench.engine), listen_on_control, world, NULL);
}

void
world_close (World *world)
{
  hang_up (world);
  ike_watch_free (world->listening);
  if (world->listener >= 0)
    close (world->listener);
  g_clear_pointer (&world->held, g_ptr_array_unref);
  bench_close (&world->bench);
}

void
world_ask (World *world, Ask *ask)
{
  ask_wait (&world->bench, ask);
  g_assert_cmpstr (ask->error, ==, NULL);
  g_assert_cmpstr (ask->reply->server_name, ==, "alpha");
}
