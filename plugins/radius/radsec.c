/* SPDX-License-Identifier: Apache-2.0 */
/* radsec.c - RADIUS over TLS over TCP (RFC 6614), by `service:tls`.
 *
 * A connection is kept once it was needed.  When it breaks it is made anew, at growing intervals
 * while that fails; what has no answer by then is sent again on the new one, by its owner
 * (socket_is_up()). Nothing that happens while sending ends a connection: the loop tells of it,
 * when nobody is in the middle of it. */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>
#include <ikebana/error.h>
#include <ikebana/log.h>
#include <ikebana/tls.h>
#include "client.h"
#include "shared/revoked/revoked.h"

enum {
  SETUP_MS = 10000,
  RETRY_MIN_MS = 100,
  RETRY_MAX_MS = 60000,
  CHUNK = 4096,
  READS_PER_TURN = 16
};

typedef struct {
  Socket *socket;
  Client *client;
  IkeAddr local, remote;
  const IkeTlsOps *ops;
  IkePlugin *tls_plugin;
  IkeIdent *expected, *own;

  int fd; /* -1: none */
  IkeWatch *watch;
  IkeTls *tls;      /* NULL: TCP is not there yet */
  IkeCall *judging; /* whether the server's certificate was revoked */
  gboolean is_judged;
  IkeTimer *timer; /* until it must be up, or is tried again */
  guint32 retry_ms;
  guint8 in[IKE_RADIUS_PACKET_MAX]; /* the packet that is coming in */
  gsize in_len;
  guint8 out[CHUNK]; /* ciphertext that is going out */
  gsize out_len;
  gboolean has_unsent; /* TLS has not taken a packet: too much waits before it */
} Radsec;

static void dial (gpointer data);
static void proceed (Radsec *radsec);

/* -- the end of a connection */

static void
hang_up (Radsec *radsec)
{
  IkeCall *judging = g_steal_pointer (&radsec->judging);

  /* When the plugin ends there is no loop any more, and the call goes with it. */
  if (judging && ike_loop_is_current (radsec->client->io))
    ike_call_cancel (judging);
  ike_timer_stop (g_steal_pointer (&radsec->timer));
  ike_watch_free (g_steal_pointer (&radsec->watch));
  if (radsec->tls)
    radsec->ops->free (g_steal_pointer (&radsec->tls));
  if (radsec->fd >= 0)
    close (radsec->fd);
  radsec->fd = -1;
  radsec->is_judged = radsec->has_unsent = FALSE;
  radsec->in_len = radsec->out_len = 0;
}

/* RFC 6614, 2.3: "Failure to connect leads to continuous retries, with exponentially growing
 * intervals between every try."  They grow until a good reply has come: neither a connection nor
 * something else that comes by it is enough.  The port lives for as long as another connection of
 * it does. */
static void
broke (Radsec *radsec, const char *reason)
{
  gboolean was_up = radsec->socket->is_up;
  Port *port = radsec->socket->port;
  char name[128], why[RADIUS_REASON_SIZE];

  g_snprintf (why, sizeof why, "cannot be reached by TLS: %s", reason);
  ike_log (radsec->client->engine, IKE_LOG_INFO, "radius", "connection with RADIUS server %s: %s",
           port_name (port, name, sizeof name), reason);
  hang_up (radsec);
  radsec->timer = ike_loop_timer_add (radsec->client->io, radsec->retry_ms, dial, radsec, NULL);
  radsec->retry_ms = MIN (radsec->retry_ms * 2, RETRY_MAX_MS);
  if (socket_is_down (radsec->socket, why) && !was_up)
    port_dies (port, why);
}

/* -- bytes */

/* FALSE: what is left goes when the socket can take it. */
static gboolean
send_some (Radsec *radsec)
{
  ssize_t n = send (radsec->fd, radsec->out, radsec->out_len, MSG_NOSIGNAL);

  if (n <= 0)
    return FALSE;
  radsec->out_len -= (gsize) n;
  memmove (radsec->out, radsec->out + n, radsec->out_len);
  return radsec->out_len == 0;
}

static void
flush (Radsec *radsec)
{
  do {
    radsec->out_len += radsec->ops->drain (radsec->tls, radsec->out + radsec->out_len,
                                           sizeof radsec->out - radsec->out_len);
  } while (radsec->out_len && send_some (radsec));
  ike_watch_set_events (radsec->watch,
                        radsec->out_len || radsec->has_unsent ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

/* All that waited is gone.  What is not taken this time either waits for the next. */
static void
send_rest (Radsec *radsec)
{
  radsec->has_unsent = FALSE;
  socket_has_room (radsec->socket);
  flush (radsec);
}

/* How long the packet is of which @in is the beginning; 0: not known yet, or it is none. */
static gsize
packet_len (const Radsec *radsec)
{
  IkeReader r;

  ike_reader_init (&r, radsec->in, radsec->in_len);
  ike_reader_u16 (&r);
  return ike_reader_u16 (&r);
}

/* RFC 6613, 2.6.4, which RFC 6614, 3 points to, closes the connection also for these, where UDP
 * drops them: attributes that do not fill the packet, and what fails validation.  A reply that
 * nobody waits for may have been too late.  NULL: it stays. */
static const char *
breach_of (Drop drop)
{
  switch (drop) {
  case DROP_MALFORMED:
    return "what comes is no RADIUS packet";
  case DROP_AUTHENTICATOR:
    return "the authenticator of a reply is wrong; is its secret \"radsec\"?";
  case DROP_MAC:
    return "the Message-Authenticator of a reply is wrong";
  default:
    return NULL;
  }
}

/* NULL, or why it is over: a stream with a length that no packet has cannot be followed any more
 * (RFC 6613, 2.6.4). */
static const char *
cut_packets (Radsec *radsec)
{
  while (radsec->in_len >= 4) {
    gsize len = packet_len (radsec);
    const char *breach;
    Drop drop;

    if (len < IKE_RADIUS_HEADER_LEN || len > sizeof radsec->in)
      return breach_of (DROP_MALFORMED);
    if (radsec->in_len < len)
      return NULL;
    drop = socket_take (radsec->socket, &radsec->remote, radsec->in, len);
    if ((breach = breach_of (drop)))
      return breach;
    if (drop == N_DROPS)
      radsec->retry_ms = RETRY_MIN_MS;
    radsec->in_len -= len;
    memmove (radsec->in, radsec->in + len, radsec->in_len);
  }
  return NULL;
}

static const char *
read_packets (Radsec *radsec)
{
  const char *over = NULL;
  gsize n;

  while (!over
         && (n = radsec->ops->read (radsec->tls, radsec->in + radsec->in_len,
                                    sizeof radsec->in - radsec->in_len))
                > 0) {
    radsec->in_len += n;
    over = cut_packets (radsec);
  }
  return over;
}

static void
is_up (Radsec *radsec)
{
  char name[128];

  ike_timer_stop (g_steal_pointer (&radsec->timer));
  ike_log (radsec->client->engine, IKE_LOG_INFO, "radius", "RADIUS server %s is connected by %s",
           port_name (radsec->socket->port, name, sizeof name),
           radsec->ops->info (radsec->tls)->cipher);
  socket_is_up (radsec->socket);
}

/* -- whether its certificate was revoked */

static void
judged (gpointer owner, gpointer data, gpointer result, const char *error)
{
  Radsec *radsec = owner;
  g_autofree char *why = revoked_why (radsec->socket->port->conf->revocation, result, error);

  radsec->judging = NULL;
  if (why) {
    broke (radsec, why);
    return;
  }
  is_up (radsec);
  proceed (radsec);
}

static const IkeCallClass judge_class = {
  .struct_size = sizeof judge_class,
  .name = "RADIUS server's revocation",
  .timeout_ms = SETUP_MS,
  .then = judged,
  .undo = g_free,
};

/* TLS trusts without asking anybody; nothing is sent before this is answered.  NULL, or why it is
 * over. */
static const char *
judge (Radsec *radsec)
{
  const IkeTlsInfo *info = radsec->ops->info (radsec->tls);
  const IkeRevocationQuery query = { .struct_size = sizeof query,
                                     .policy = radsec->socket->port->conf->revocation,
                                     .chain = info->chain,
                                     .n = info->n };
  const char *why;
  const IkeProvided *revocation = revoked_find (radsec->client->engine, &query, &why);

  radsec->is_judged = TRUE;
  if (revocation) {
    radsec->judging = ike_loop_call (radsec->client->io, &judge_class, radsec, NULL);
    revoked_ask (revocation, &query, radsec->judging);
  } else if (!why)
    is_up (radsec);
  return why;
}

/* NULL, or why it is over. */
static const char *
follow (Radsec *radsec, IkeTlsState state)
{
  const char *over = NULL;

  if (state == IKE_TLS_FAILED)
    return radsec->ops->reason (radsec->tls);
  if (state == IKE_TLS_UP && !radsec->is_judged)
    over = judge (radsec);
  if (!over && radsec->socket->is_up) {
    over = read_packets (radsec);
    state = radsec->ops->state (radsec->tls);
  }
  if (over)
    return over;
  if (state == IKE_TLS_FAILED)
    return radsec->ops->reason (radsec->tls);
  return state == IKE_TLS_CLOSED ? "the server closed it" : NULL;
}

/* What came while it was judged. */
static void
proceed (Radsec *radsec)
{
  const char *over = follow (radsec, radsec->ops->state (radsec->tls));

  flush (radsec);
  if (over)
    broke (radsec, over);
}

static const char *
receive (Radsec *radsec)
{
  guint8 buffer[CHUNK];

  for (guint i = 0; i < READS_PER_TURN; i++) {
    ssize_t n = recv (radsec->fd, buffer, sizeof buffer, 0);
    const char *over;

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
      return NULL;
    if (n <= 0)
      return n < 0 ? g_strerror (errno) : "the server closed it";
    over = follow (radsec, radsec->ops->feed (radsec->tls, buffer, (gsize) n));
    if (over)
      return over;
  }
  return NULL;
}

/* -- the beginning of a connection */

static char *
tls_begin (Radsec *radsec)
{
  const ServerConf *server = radsec->socket->port->conf;
  IkeTlsConf conf = {
    .struct_size = sizeof conf,
    .own = IKE_TLS_REQUIRED,
    .own_id = radsec->own,
    .expected = radsec->expected,
    .server_name = ike_ident_type (radsec->expected) == IKE_ID_FQDN ? server->tls_id : NULL,
  };
  g_autoptr (GError) error = NULL;

  radsec->tls = radsec->ops->open (radsec->tls_plugin, &conf, &error);
  return radsec->tls ? NULL : g_strdup (error->message);
}

static char *
tcp_is_there (Radsec *radsec)
{
  int error = 0;
  socklen_t size = sizeof error;

  if (getsockopt (radsec->fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0)
    error = errno;
  return error ? g_strdup (g_strerror (error)) : tls_begin (radsec);
}

static void
ready (int fd, guint32 events, gpointer data)
{
  Radsec *radsec = data;
  g_autofree char *over = NULL;

  if (!radsec->tls)
    over = tcp_is_there (radsec);
  else if (events & (EPOLLIN | EPOLLERR | EPOLLHUP))
    over = g_strdup (receive (radsec));
  if (radsec->tls)
    flush (radsec);
  if (over)
    broke (radsec, over);
  else if (radsec->has_unsent && !radsec->out_len)
    send_rest (radsec);
}

static void
took_too_long (gpointer data)
{
  Radsec *radsec = data;

  radsec->timer = NULL;
  broke (radsec, "no TLS session within 10 s");
}

/* What is sent and not acknowledged for as long as we wait for answers breaks the connection. */
static gboolean
set_options (Radsec *radsec)
{
  int yes = 1;
  unsigned int patience = server_conf_patience_ms (radsec->socket->port->conf);

  return setsockopt (radsec->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes) == 0
         && setsockopt (radsec->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &patience, sizeof patience) == 0;
}

static gboolean
begin_tcp (Radsec *radsec)
{
  struct sockaddr_storage local, remote;
  guint32 local_size = ike_addr_to_sockaddr (&radsec->local, &local);
  guint32 remote_size = ike_addr_to_sockaddr (&radsec->remote, &remote);

  radsec->fd = socket (radsec->remote.family == 6 ? AF_INET6 : AF_INET,
                       SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  return radsec->fd >= 0 && set_options (radsec)
         && (!local_size || bind (radsec->fd, (const struct sockaddr *) &local, local_size) == 0)
         && (connect (radsec->fd, (const struct sockaddr *) &remote, remote_size) == 0
             || errno == EINPROGRESS);
}

static void
dial (gpointer data)
{
  Radsec *radsec = data;

  radsec->timer = NULL;
  if (!begin_tcp (radsec)) {
    broke (radsec, g_strerror (errno));
    return;
  }
  radsec->watch = ike_loop_watch (radsec->client->io, radsec->fd, EPOLLOUT, ready, radsec);
  radsec->timer = ike_loop_timer_add (radsec->client->io, SETUP_MS, took_too_long, radsec, NULL);
}

/* -- as a transport */

static void
radsec_close (gpointer handle)
{
  Radsec *radsec = handle;

  hang_up (radsec);
  ike_ident_unref (radsec->expected);
  ike_ident_unref (radsec->own);
  g_free (radsec);
}

static gboolean
find_parts (Radsec *radsec, GError **error)
{
  const ServerConf *conf = radsec->socket->port->conf;
  const IkeProvided *tls = ike_feature_find (radsec->client->engine, "service:tls", error);

  if (!tls)
    return FALSE;
  radsec->ops = tls->ops;
  radsec->tls_plugin = tls->plugin;
  radsec->expected = ike_ident_parse (conf->tls_id, error);
  if (radsec->expected && conf->tls_own_id)
    radsec->own = ike_ident_parse (conf->tls_own_id, error);
  return radsec->expected && (radsec->own || !conf->tls_own_id);
}

static gpointer
radsec_open (IkePlugin *self, const IkeAddr *local, const IkeAddr *remote,
             const IkeRadiusReceiver *receiver, gpointer owner, GError **error)
{
  IkeEngine *engine = ike_plugin_engine (self);
  Radsec *radsec;

  if (ike_engine_is_simulated (engine)) {
    g_set_error (error, IKE_ERROR, IKE_ERROR_UNSUPPORTED, "there is no network in a simulation");
    return NULL;
  }
  radsec = g_new0 (Radsec, 1);
  radsec->socket = owner;
  radsec->client = radsec->socket->port->client;
  radsec->local = *local;
  radsec->remote = *remote;
  radsec->fd = -1;
  radsec->retry_ms = RETRY_MIN_MS;
  if (!find_parts (radsec, error)) {
    radsec_close (radsec);
    return NULL;
  }
  radsec->timer = ike_loop_timer_add (radsec->client->io, 0, dial, radsec, NULL);
  return radsec;
}

static void
write_failed (gpointer data)
{
  Radsec *radsec = data;
  const char *reason = radsec->ops->reason (radsec->tls);

  radsec->timer = NULL;
  broke (radsec, reason ? reason : "the TLS session is over");
}

/* What is not up yet sends all when it is, and so does what has failed: that ends when nobody is in
 * the middle of it.  One that only has enough to do takes it later. */
static gboolean
radsec_send (gpointer handle, const IkeAddr *to, const guint8 *data, gsize len)
{
  Radsec *radsec = handle;
  gboolean is_taken;

  if (!radsec->socket->is_up)
    return FALSE;
  is_taken = radsec->ops->write (radsec->tls, data, len);
  if (radsec->ops->state (radsec->tls) == IKE_TLS_UP)
    radsec->has_unsent |= !is_taken;
  else if (!radsec->timer)
    radsec->timer = ike_loop_timer_add (radsec->client->io, 0, write_failed, radsec, NULL);
  flush (radsec);
  return is_taken;
}

const IkeRadiusTransportClass radsec_transport = { sizeof (IkeRadiusTransportClass), radsec_open,
                                                   radsec_send, radsec_close };
