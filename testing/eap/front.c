/* SPDX-License-Identifier: Apache-2.0 */
/* front.c - a RADIUS server on loopback whose EAP methods are the `eap-server:` features of this
 * tree, so that peers of another make can be tried with them.  Prints its port, then how each
 * conversation ended; ends when its input does.
 *
 * usage: front --config FILE --plugin-dir DIR --catalog FILE --secret SECRET METHOD… */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <ikebana/engine.h>
#include <ikebana/model.h>
#include "conversation.h"
#include "radius_wire.h"

/* Sessions stay until the next ones need their place: the last answer may have to be repeated. */
enum { SESSIONS_MAX = 64, STATE_LEN = 16, DATAGRAMS_PER_TURN = 16 };

typedef struct _Front Front;

typedef struct {
  Front *front;
  Conversation *conversation;
  guint8 state[STATE_LEN];
  RadiusRequest request; /* the last one */
  struct sockaddr_in from;
  guint8 reply[RADIUS_PACKET_MAX];
  gsize reply_len; /* 0: not answered yet */
} Session;

struct _Front {
  IkeEngine *engine;
  const char *secret;
  char **names; /* of methods */
  Methods methods;
  int fd;
  IkeWatch *watch, *input;
  Session *sessions[SESSIONS_MAX];
  guint next; /* the oldest of them, or a free place */
  int status;
};

/* -- answers */

static void
print_end (const Saying *saying)
{
  char who[128] = "";

  if (saying->outcome == IKE_EAP_DONE) {
    printf ("accepted %s\n", ike_ident_format (saying->identity, who, sizeof who));
  } else {
    g_autofree char *reason = g_strescape (saying->reason, NULL);
    printf ("refused: %s\n", reason);
  }
  fflush (stdout);
}

static void
add_end (Session *session, IkeWriter *w, const Saying *saying)
{
  Front *front = session->front;
  guint16 salt;

  for (const char *const *group = saying->groups; group && *group; group++)
    radius_reply_add (w, RADIUS_CLASS, *group, MIN (strlen (*group), RADIUS_VALUE_MAX));
  if (saying->msk) {
    ike_engine_random (front->engine, &salt, sizeof salt);
    radius_reply_keys (w, ike_secret_blob_data (saying->msk), &session->request, salt,
                       front->secret);
  }
}

static void
send_reply (const Session *session)
{
  sendto (session->front->fd, session->reply, session->reply_len, 0,
          (const struct sockaddr *) &session->from, sizeof session->from);
}

static void
said (gpointer data, const Saying *saying)
{
  static const guint8 codes[] = { [IKE_EAP_MORE] = RADIUS_ACCESS_CHALLENGE,
                                  [IKE_EAP_DONE] = RADIUS_ACCESS_ACCEPT,
                                  [IKE_EAP_FAILED] = RADIUS_ACCESS_REJECT };
  Session *session = data;
  IkeWriter w;

  ike_writer_init (&w, session->reply, sizeof session->reply);
  radius_reply_begin (&w, codes[saying->outcome], &session->request);
  radius_reply_eap (&w, saying->packet, saying->len);
  if (saying->outcome == IKE_EAP_MORE)
    radius_reply_add (&w, RADIUS_STATE, session->state, sizeof session->state);
  else
    print_end (saying);
  if (saying->outcome == IKE_EAP_DONE)
    add_end (session, &w, saying);
  radius_reply_end (&w, &session->request, session->front->secret);
  if (w.failed) {
    fprintf (stderr, "an answer does not fit into a packet: %zu bytes of EAP\n", saying->len);
    return;
  }
  session->reply_len = w.len;
  send_reply (session);
}

/* -- requests */

static void
session_free (Session *session)
{
  if (!session)
    return;
  conversation_free (session->conversation);
  g_free (session);
}

static Session *
session_new (Front *front)
{
  Session *session = g_new0 (Session, 1);

  session->front = front;
  session->conversation =
      conversation_new (&front->methods, ike_engine_control (front->engine), said, session);
  ike_engine_random (front->engine, session->state, sizeof session->state);
  session_free (front->sessions[front->next]);
  front->sessions[front->next] = session;
  front->next = (front->next + 1) % SESSIONS_MAX;
  return session;
}

/* The session that @request belongs to by its State, or as a repetition of its last one. */
static Session *
find (const Front *front, const RadiusRequest *request, gboolean *is_repeated)
{
  for (guint i = 0; i < SESSIONS_MAX; i++) {
    Session *session = front->sessions[i];
    if (!session)
      continue;
    *is_repeated =
        session->request.identifier == request->identifier
        && memcmp (session->request.authenticator, request->authenticator, RADIUS_AUTHENTICATOR_LEN)
               == 0;
    if (*is_repeated
        || (request->state_len == STATE_LEN
            && memcmp (session->state, request->state, STATE_LEN) == 0))
      return session;
  }
  *is_repeated = FALSE;
  return NULL;
}

static void
answer (Front *front, const RadiusRequest *request, const struct sockaddr_in *from)
{
  gboolean is_repeated;
  Session *session = find (front, request, &is_repeated);

  if (is_repeated) {
    if (session->reply_len > 0)
      send_reply (session);
    return;
  }
  if (!session && request->state_len == 0)
    session = session_new (front);
  if (!session || (session->reply_len == 0 && session->request.code != 0))
    return; /* a State of long ago, or a second request before the first was answered */
  session->request = *request;
  session->from = *from;
  session->reply_len = 0;
  if (!conversation_hear (session->conversation, session->request.eap, request->eap_len))
    fprintf (stderr, "a packet of EAP was dropped: it answers no request\n");
}

static void
on_datagram (int fd, guint32 events, gpointer data)
{
  Front *front = data;

  for (guint i = 0; i < DATAGRAMS_PER_TURN; i++) {
    guint8 packet[RADIUS_PACKET_MAX];
    struct sockaddr_in from;
    socklen_t from_len = sizeof from;
    ssize_t len =
        recvfrom (fd, packet, sizeof packet, MSG_DONTWAIT, (struct sockaddr *) &from, &from_len);
    RadiusRequest request;
    const char *why;
    if (len < 0)
      return;
    why = radius_request_read (&request, packet, (gsize) len, front->secret);
    if (why)
      fprintf (stderr, "a request was dropped: %s\n", why);
    else
      answer (front, &request, &from);
  }
}

/* -- the process */

static gboolean
open_socket (Front *front)
{
  struct sockaddr_in address = { .sin_family = AF_INET,
                                 .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  socklen_t len = sizeof address;

  front->fd = socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (front->fd < 0 || bind (front->fd, (struct sockaddr *) &address, len) < 0
      || getsockname (front->fd, (struct sockaddr *) &address, &len) < 0) {
    perror ("front: socket");
    return FALSE;
  }
  printf ("port %u\n", ntohs (address.sin_port));
  fflush (stdout);
  return TRUE;
}

static gboolean
find_methods (Front *front)
{
  g_autoptr (GError) error = NULL;
  IkeConn *conn;

  front->methods.engine = front->engine;
  front->methods.config = ike_engine_config (front->engine);
  conn = ike_config_conn (front->methods.config, "front");
  front->methods.conf = conn && conn->n_remote > 0 ? &conn->remote[0] : NULL;
  front->methods.identity = ike_feature_find (front->engine, "eap-server:identity", &error);
  for (char **name = front->names; !error && *name && front->methods.n_methods < METHODS_MAX;
       name++) {
    g_autofree char *feature = g_strconcat ("eap-server:", *name, NULL);
    front->methods.methods[front->methods.n_methods++] =
        ike_feature_find (front->engine, feature, &error);
  }
  if (error)
    fprintf (stderr, "front: %s\n", error->message);
  return !error && front->methods.n_methods > 0;
}

static void
on_input (int fd, guint32 events, gpointer data)
{
  Front *front = data;
  char bytes[64];

  if (read (fd, bytes, sizeof bytes) <= 0)
    ike_engine_quit (front->engine);
}

static void
begin (gpointer data)
{
  Front *front = data;

  if (!find_methods (front) || !open_socket (front)) {
    front->status = 1;
    ike_engine_quit (front->engine);
    return;
  }
  front->watch =
      ike_loop_watch (ike_engine_control (front->engine), front->fd, EPOLLIN, on_datagram, front);
  front->input =
      ike_loop_watch (ike_engine_control (front->engine), STDIN_FILENO, EPOLLIN, on_input, front);
}

static void
print_log (const IkeLogRecord *record, gpointer data)
{
  fprintf (stderr, "%s: %s\n", record->group, record->text);
}

static int
run (Front *front, IkeEngineOptions *options)
{
  g_autoptr (GError) error = NULL;

  front->engine = ike_engine_new (options, &error);
  if (!front->engine || !ike_engine_start (front->engine, &error)) {
    fprintf (stderr, "front: %s\n", error->message);
    ike_engine_free (front->engine);
    return 1;
  }
  ike_loop_post (ike_engine_control (front->engine), begin, front, NULL);
  ike_engine_run (front->engine);
  ike_watch_free (front->watch);
  ike_watch_free (front->input);
  for (guint i = 0; i < SESSIONS_MAX; i++)
    session_free (front->sessions[i]);
  ike_config_unref (front->methods.config);
  ike_engine_free (front->engine);
  return front->status;
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *config = NULL, *plugin_dir = NULL, *catalog = NULL, *secret = NULL;
  g_auto (GStrv) methods = NULL;
  const GOptionEntry entries[] = {
    { "config", 0, 0, G_OPTION_ARG_FILENAME, &config, "Settings", "FILE" },
    { "plugin-dir", 0, 0, G_OPTION_ARG_FILENAME, &plugin_dir, "Directory of plugins", "DIR" },
    { "catalog", 0, 0, G_OPTION_ARG_FILENAME, &catalog, "Catalog of plugins", "FILE" },
    { "secret", 0, 0, G_OPTION_ARG_STRING, &secret, "Shared with the client", "SECRET" },
    { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_STRING_ARRAY, &methods, NULL, "METHOD…" },
    G_OPTION_ENTRY_NULL
  };
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);
  Front front = { .fd = -1 };
  IkeEngineOptions options = { .struct_size = sizeof options,
                               .name = "front",
                               .n_shards = 1,
                               .n_offload = 1,
                               .log_fallback = print_log };

  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error) || !config || !secret || !methods) {
    fprintf (stderr, "front: %s\n",
             error ? error->message : "--config, --secret and methods are needed");
    return 2;
  }
  front.secret = secret;
  front.names = methods;
  options.config_file = config;
  options.plugin_dir = plugin_dir;
  options.catalog_file = catalog;
  return run (&front, &options);
}
