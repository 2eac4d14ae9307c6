/* SPDX-License-Identifier: Apache-2.0 */
/* test_dae.c - Disconnect- and CoA-Requests: who may send them, and each of them once. */
#include "test_support.h"
#include <string.h>

#define CLIENTS                                                                                    \
  "clients { desk { address = 192.0.2.0/28\n secret = s3cret }\n one { address = 192.0.2.9\n "     \
  "secret = other } }\n"

enum { TABLE_MAX = 65536 };

/* Somebody who sends requests, and what came back. */
typedef struct {
  Bench bench;
  IkeAddr gateway, at;
  guint8 request[1024], answer[IKE_RADIUS_PACKET_MAX];
  gsize request_len, answer_len;
  guint n_answers;

  /* the handler */
  guint n_handled;
  guint8 handled_code;
  char *handled_client, *handled_user;
  IkeRadiusDynamicAnswer says;
  const char *fails; /* NULL: it answers with @says */
  gboolean waits;
  IkeCall *call;
} Desk;

static void
heard (RadiusNet *net, const IkeAddr *at, const IkeAddr *from, const guint8 *data, gsize len,
       gpointer user)
{
  Desk *desk = user;

  g_assert_cmpuint (from->port, ==, desk->gateway.port);
  desk->n_answers++;
  desk->answer_len = len;
  memcpy (desk->answer, data, len);
}

static Desk *the_desk; /* a handler gets a plugin; tests run one at a time */

static void
handle (IkePlugin *handler, const IkeRadiusDynamic *request, IkeCall *call)
{
  Desk *desk = the_desk;
  IkeRadiusDynamicAnswer *answer = g_new (IkeRadiusDynamicAnswer, 1);
  IkeRadiusAttribute user = { .len = 0 };

  desk->n_handled++;
  desk->handled_code = request->code;
  g_free (desk->handled_client);
  desk->handled_client = g_strdup (request->client);
  g_free (desk->handled_user);
  ike_radius_find (request->attributes, request->len, 0, IKE_RADIUS_USER_NAME, &user);
  desk->handled_user = g_strndup ((const char *) user.value, user.len);
  *answer = desk->says;
  if (desk->waits) {
    desk->call = call;
    g_free (answer);
  } else if (desk->fails) {
    g_free (answer);
    ike_call_fail (call, desk->fails);
  } else
    ike_call_answer (call, answer);
}

static void
desk_open (Desk *desk, const char *settings, const char *from)
{
  g_autofree char *text = g_strdup_printf ("dae { enable = yes\n %s }", settings);

  memset (desk, 0, sizeof *desk);
  the_desk = desk;
  desk->says = (IkeRadiusDynamicAnswer){ .struct_size = sizeof desk->says, .is_done = TRUE };
  bench_open (&desk->bench, text);
  g_assert_true (ike_addr_parse (&desk->gateway, "192.0.2.100", NULL));
  desk->gateway.port = 3799;
  g_assert_true (ike_addr_parse (&desk->at, from, NULL));
  desk->at.port = 5000;
  radius_net_serve (desk->bench.net, &desk->at, heard, desk);
  desk->bench.ops->set_handler (desk->bench.plugin, desk->bench.plugin, handle);
}

static void
desk_close (Desk *desk)
{
  bench_close (&desk->bench);
  g_free (desk->handled_client);
  g_free (desk->handled_user);
}

static guint32
wall (Desk *desk)
{
  return (guint32) (ike_engine_wall_us (desk->bench.engine) / G_USEC_PER_SEC);
}

static RadiusSecret
secret_of (const char *text)
{
  return (RadiusSecret){ (const guint8 *) text, strlen (text) };
}

/* @timestamp 0: none. */
static void
make (Desk *desk, guint8 code, guint8 identifier, guint32 timestamp, const char *secret)
{
  gboolean with_mac = identifier % 2 == 0;
  IkeWriter w;

  ike_writer_init (&w, desk->request, sizeof desk->request);
  radius_begin (&w, code, identifier, with_mac);
  ike_radius_add_text (&w, IKE_RADIUS_USER_NAME, "nemo");
  ike_radius_add_text (&w, IKE_RADIUS_PROXY_STATE, "one");
  ike_radius_add_text (&w, IKE_RADIUS_PROXY_STATE, "two");
  if (timestamp)
    ike_radius_add_u32 (&w, IKE_RADIUS_EVENT_TIMESTAMP, timestamp);
  g_assert_true (radius_end_request (&w, NULL, with_mac, secret_of (secret)));
  desk->request_len = w.len;
}

static void
send_it (Desk *desk)
{
  radius_net_send (desk->bench.net, &desk->at, &desk->gateway, desk->request, desk->request_len);
  bench_run (&desk->bench, 0.1);
}

static void
assert_answer (Desk *desk, guint8 code, guint32 error_cause, const char *secret)
{
  RadiusPacket packet;
  IkeRadiusAttribute found;
  guint32 cause = 0;

  g_assert_null (radius_parse (&packet, desk->answer, desk->answer_len));
  g_assert_cmpuint (packet.code, ==, code);
  g_assert_cmpuint (packet.identifier, ==, desk->request[1]);
  g_assert_true (radius_response_is_authentic (&packet, desk->request + 4, secret_of (secret)));
  g_assert_true ((packet.mac_at != 0) == (desk->request[1] % 2 == 0));
  if (packet.mac_at)
    g_assert_true (radius_mac_is_authentic (&packet, desk->request + 4, secret_of (secret)));
  if (ike_radius_find (packet.attributes, packet.attributes_len, 0, IKE_RADIUS_ERROR_CAUSE, &found))
    g_assert_true (ike_radius_get_u32 (&found, &cause));
  g_assert_cmpuint (cause, ==, error_cause);
}

static gint64
number (Desk *desk, const char *path)
{
  g_autoptr (IkeTree) status = bench_status (&desk->bench);
  g_autofree char *whole = g_strconcat ("dae.", path, NULL);

  return ike_tree_int (status, whole, -1);
}

/* -- answers */

static void
test_ack (void)
{
  Desk desk;
  RadiusPacket packet;
  IkeRadiusAttribute found;

  desk_open (&desk, CLIENTS, "192.0.2.1");
  make (&desk, IKE_RADIUS_DISCONNECT_REQUEST, 2, wall (&desk), "s3cret");
  send_it (&desk);
  g_assert_cmpuint (desk.n_handled, ==, 1);
  g_assert_cmpuint (desk.handled_code, ==, IKE_RADIUS_DISCONNECT_REQUEST);
  g_assert_cmpstr (desk.handled_client, ==, "desk");
  g_assert_cmpstr (desk.handled_user, ==, "nemo");
  assert_answer (&desk, IKE_RADIUS_DISCONNECT_ACK, 0, "s3cret");
  g_assert_null (radius_parse (&packet, desk.answer, desk.answer_len));
  g_assert_true (ike_radius_find (packet.attributes, packet.attributes_len, 0,
                                  IKE_RADIUS_PROXY_STATE, &found));
  g_assert_cmpmem (found.value, found.len, "one", 3);
  make (&desk, IKE_RADIUS_COA_REQUEST, 3, 0, "s3cret");
  send_it (&desk);
  assert_answer (&desk, IKE_RADIUS_COA_ACK, 0, "s3cret");
  g_assert_cmpint (number (&desk, "acks"), ==, 2);
  desk_close (&desk);
}

static void
test_nak (void)
{
  Desk desk;

  desk_open (&desk, CLIENTS, "192.0.2.1");
  desk.says = (IkeRadiusDynamicAnswer){ .error_cause = IKE_RADIUS_SESSION_NOT_FOUND };
  make (&desk, IKE_RADIUS_COA_REQUEST, 4, wall (&desk), "s3cret");
  send_it (&desk);
  assert_answer (&desk, IKE_RADIUS_COA_NAK, IKE_RADIUS_SESSION_NOT_FOUND, "s3cret");
  desk.fails = "out of order";
  make (&desk, IKE_RADIUS_COA_REQUEST, 6, wall (&desk), "s3cret");
  send_it (&desk);
  assert_answer (&desk, IKE_RADIUS_COA_NAK, IKE_RADIUS_RESOURCES_UNAVAILABLE, "s3cret");
  desk.bench.ops->set_handler (desk.bench.plugin, NULL, NULL);
  make (&desk, IKE_RADIUS_DISCONNECT_REQUEST, 8, wall (&desk), "s3cret");
  send_it (&desk);
  assert_answer (&desk, IKE_RADIUS_DISCONNECT_NAK, IKE_RADIUS_UNSUPPORTED_EXTENSION, "s3cret");
  g_assert_cmpuint (desk.n_handled, ==, 2);
  desk_close (&desk);
}

/* A handler that never answers costs a NAK; what comes again meanwhile is not handed on. */
static void
test_slow_handler (void)
{
  Desk desk;

  desk_open (&desk, CLIENTS, "192.0.2.1");
  desk.waits = TRUE;
  make (&desk, IKE_RADIUS_DISCONNECT_REQUEST, 2, wall (&desk), "s3cret");
  send_it (&desk);
  send_it (&desk);
  g_assert_cmpuint (desk.n_handled, ==, 1);
  g_assert_cmpuint (desk.n_answers, ==, 0);
  bench_run (&desk.bench, 11);
  g_assert_cmpuint (desk.n_answers, ==, 1);
  assert_answer (&desk, IKE_RADIUS_DISCONNECT_NAK, IKE_RADIUS_RESOURCES_UNAVAILABLE, "s3cret");
  ike_call_answer (desk.call, g_new0 (IkeRadiusDynamicAnswer, 1));
  bench_run (&desk.bench, 1);
  g_assert_cmpuint (desk.n_answers, ==, 1);
  desk_close (&desk);
}

/* -- once */

static void
test_repeated (void)
{
  Desk desk;
  guint8 first[IKE_RADIUS_PACKET_MAX];
  gsize len;

  desk_open (&desk, CLIENTS, "192.0.2.1");
  make (&desk, IKE_RADIUS_DISCONNECT_REQUEST, 2, wall (&desk), "s3cret");
  send_it (&desk);
  len = desk.answer_len;
  memcpy (first, desk.answer, len);
  bench_run (&desk.bench, 200);
  send_it (&desk);
  g_assert_cmpuint (desk.n_handled, ==, 1);
  g_assert_cmpuint (desk.n_answers, ==, 2);
  g_assert_cmpmem (first, len, desk.answer, desk.answer_len);
  g_assert_cmpint (number (&desk, "repeated"), ==, 1);
  desk_close (&desk);
}

static void
test_replayed (void)
{
  Desk desk;

  desk_open (&desk, CLIENTS, "192.0.2.1");
  make (&desk, IKE_RADIUS_DISCONNECT_REQUEST, 2, wall (&desk) + 299, "s3cret");
  send_it (&desk);
  desk.at.port++;
  send_it (&desk);
  g_assert_cmpint (number (&desk, "dropped.replayed"), ==, 1);
  g_assert_cmpuint (desk.n_answers, ==, 1);
  /* For as long as its timestamp is good it is known; then the timestamp is not. */
  bench_run (&desk.bench, 590);
  send_it (&desk);
  g_assert_cmpint (number (&desk, "dropped.replayed"), ==, 2);
  bench_run (&desk.bench, 20);
  send_it (&desk);
  g_assert_cmpint (number (&desk, "dropped.event-timestamp"), ==, 1);
  g_assert_cmpuint (desk.n_handled, ==, 1);
  desk_close (&desk);
}

static void
test_many (void)
{
  Desk desk;

  desk_open (&desk, CLIENTS, "192.0.2.1");
  for (guint i = 0; i < TABLE_MAX; i++) {
    make (&desk, IKE_RADIUS_COA_REQUEST, (guint8) i, wall (&desk) - i / 256, "s3cret");
    radius_net_send (desk.bench.net, &desk.at, &desk.gateway, desk.request, desk.request_len);
  }
  bench_run (&desk.bench, 1);
  g_assert_cmpuint (desk.n_handled, ==, TABLE_MAX);
  g_assert_cmpint (number (&desk, "dropped.full"), ==, 0);
  make (&desk, IKE_RADIUS_COA_REQUEST, 2, wall (&desk), "s3cret");
  for (guint i = 0; i < 2; i++) {
    send_it (&desk);
    assert_answer (&desk, IKE_RADIUS_COA_NAK, IKE_RADIUS_RESOURCES_UNAVAILABLE, "s3cret");
  }
  g_assert_cmpuint (desk.n_handled, ==, TABLE_MAX);
  g_assert_cmpint (number (&desk, "dropped.full"), ==, 2);
  bench_run (&desk.bench, 601);
  make (&desk, IKE_RADIUS_COA_REQUEST, 2, wall (&desk), "s3cret");
  send_it (&desk);
  g_assert_cmpuint (desk.n_handled, ==, TABLE_MAX + 1);
  desk_close (&desk);
}

/* -- what is dropped */

typedef struct {
  const char *name, *settings, *from, *secret;
  guint8 code;
  int offset_s; /* of the timestamp; G_MAXINT: there is none */
  const char *drop;
  void (*spoil) (Desk *desk);
} Drop;

static void
flip_mac (Desk *desk)
{
  IkeWriter w = { .data = desk->request, .size = desk->request_len, .len = desk->request_len };

  desk->request[IKE_RADIUS_HEADER_LEN + 2] ^= 1;
  memset (desk->request + 4, 0, 16);
  g_assert_true (radius_end_request (&w, NULL, FALSE, secret_of ("s3cret")));
}

static void
flip_user (Desk *desk)
{
  desk->request[desk->request_len - 1] ^= 1;
}

static void
cut (Desk *desk)
{
  desk->request_len--;
}

static void
loop (Desk *desk)
{
  desk->request[IKE_RADIUS_HEADER_LEN + 1] = 1;
}

static void
test_dropped (gconstpointer data)
{
  const Drop *drop = data;
  Desk desk;
  g_autofree char *counter = g_strconcat ("dropped.", drop->drop, NULL);
  g_autofree char *settings = g_strconcat (CLIENTS, drop->settings, NULL);

  desk_open (&desk, settings, drop->from ? drop->from : "192.0.2.1");
  make (&desk, drop->code ? drop->code : IKE_RADIUS_DISCONNECT_REQUEST, drop->spoil == NULL ? 3 : 2,
        drop->offset_s == G_MAXINT ? 0 : (guint32) ((int) wall (&desk) + drop->offset_s),
        drop->secret ? drop->secret : "s3cret");
  if (drop->spoil)
    drop->spoil (&desk);
  send_it (&desk);
  g_assert_cmpint (number (&desk, counter), ==, 1);
  g_assert_cmpint (number (&desk, "requests"), ==, 0);
  g_assert_cmpuint (desk.n_handled + desk.n_answers, ==, 0);
  desk_close (&desk);
}

static const Drop drops[] = {
  { .name = "unknown-source", .from = "192.0.2.16", .drop = "source" },
  { .name = "wrong-secret", .secret = "wrong", .drop = "authenticator" },
  { .name = "secret-of-another-client",
    .secret = "s3cret",
    .from = "192.0.2.9",
    .drop = "authenticator" },
  { .name = "changed", .spoil = flip_user, .drop = "authenticator" },
  { .name = "wrong-message-authenticator", .spoil = flip_mac, .drop = "message-authenticator" },
  { .name = "no-message-authenticator",
    .settings = "require_message_authenticator = yes",
    .drop = "message-authenticator" },
  { .name = "cut", .spoil = cut, .drop = "malformed" },
  { .name = "looping", .spoil = loop, .drop = "malformed" },
  { .name = "access-request", .code = IKE_RADIUS_ACCESS_REQUEST, .drop = "code" },
  { .name = "disconnect-ack", .code = IKE_RADIUS_DISCONNECT_ACK, .drop = "code" },
  { .name = "too-old", .offset_s = -302, .drop = "event-timestamp" },
  { .name = "too-early", .offset_s = 302, .drop = "event-timestamp" },
  { .name = "old-for-a-short-window",
    .offset_s = -12,
    .settings = "window = 10s",
    .drop = "event-timestamp" },
  { .name = "no-timestamp",
    .offset_s = G_MAXINT,
    .settings = "require_event_timestamp = yes",
    .drop = "event-timestamp" },
};

/* Without clients it is the servers that may ask, with their secrets. */
static void
test_servers_are_clients (void)
{
  Desk desk;

  desk_open (&desk, "}\n servers { alpha { address = 192.0.2.1\n secret = s3cret }", "192.0.2.1");
  make (&desk, IKE_RADIUS_DISCONNECT_REQUEST, 2, wall (&desk), "s3cret");
  send_it (&desk);
  assert_answer (&desk, IKE_RADIUS_DISCONNECT_ACK, 0, "s3cret");
  g_assert_cmpstr (desk.handled_client, ==, "alpha");
  desk_close (&desk);
}

/* Everybody knows the secret of TLS, so it is none here. */
static void
test_tls_servers_are_none (void)
{
  Desk desk;

  desk_open (&desk,
             "}\n servers { alpha { address = 192.0.2.1\n type = tls\n tls_id = alpha.test }",
             "192.0.2.1");
  make (&desk, IKE_RADIUS_DISCONNECT_REQUEST, 2, wall (&desk), "radsec");
  send_it (&desk);
  g_assert_cmpint (number (&desk, "dropped.source"), ==, 1);
  g_assert_cmpuint (desk.n_handled, ==, 0);
  desk_close (&desk);
}

static void
test_off (void)
{
  Bench bench;
  g_autoptr (IkeTree) status = NULL;

  bench_open (&bench, "dae { secret = x }");
  bench.ops->set_handler (bench.plugin, bench.plugin, handle);
  status = bench_status (&bench);
  g_assert_null (ike_tree_get (status, "dae"));
  bench_close (&bench);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/radius/dae/ack", test_ack);
  g_test_add_func ("/radius/dae/nak", test_nak);
  g_test_add_func ("/radius/dae/handler-that-does-not-answer", test_slow_handler);
  g_test_add_func ("/radius/dae/same-request-gets-the-same-answer", test_repeated);
  g_test_add_func ("/radius/dae/replay-gets-none", test_replayed);
  g_test_add_func ("/radius/dae/many-are-bounded", test_many);
  for (guint i = 0; i < G_N_ELEMENTS (drops); i++) {
    g_autofree char *path = g_strconcat ("/radius/dae/dropped/", drops[i].name, NULL);
    g_test_add_data_func (path, &drops[i], test_dropped);
  }
  g_test_add_func ("/radius/dae/servers-are-clients", test_servers_are_clients);
  g_test_add_func ("/radius/dae/tls-servers-are-none", test_tls_servers_are_none);
  g_test_add_func ("/radius/dae/off", test_off);
  return g_test_run ();
}
