/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_radius_dae.c - what a RADIUS server sends to an engine: a request of its own (RFC 5176), or
 * a reply.
 *
 * Input: a byte that says which, and how it is signed; the code; attributes (or, unsigned, all of
 * the packet).  One engine gets all of them.  A request is handed on only when it is signed, and
 * each is answered once; a reply to a question is believed only when it is signed, and the
 * question is over in its time, whatever comes. */
#include "radius/test_net.h"
#include "shared/consumer/test_consumer.h"

int LLVMFuzzerTestOneInput (const guint8 *data, gsize len);

enum { AS_REPLY = 1, UNSIGNED = 2, WITHOUT_MAC = 4, WRONG_SECRET = 8 };

typedef struct {
  IkeSim *sim;
  IkeEngine *engine;
  RadiusNet *net;
  const IkeRadiusOps *ops;
  IkePlugin *plugin;
  IkeAddr server, gateway;
  const guint8 *input;
  gsize len;
  guint8 how;
  guint n_handled, n_answers, n_over, n_believed;
} World;

static World world;

static void
check (gboolean ok)
{
  if (!ok)
    __builtin_trap ();
}

static RadiusSecret
secret_for (guint8 how)
{
  return how & WRONG_SECRET ? (RadiusSecret){ (const guint8 *) "wrong", 5 }
                            : (RadiusSecret){ (const guint8 *) "testing123", 10 };
}

/* A packet of the input; @request_authenticator NULL: a request.  0: it does not fit. */
static gsize
make (guint8 *out, const guint8 *request_authenticator, guint8 identifier)
{
  gboolean with_mac = !(world.how & WITHOUT_MAC), is_made;
  IkeWriter w;

  ike_writer_init (&w, out, IKE_RADIUS_PACKET_MAX);
  if (world.how & UNSIGNED) {
    ike_writer_bytes (&w, world.input, world.len);
    return w.failed ? 0 : w.len;
  }
  radius_begin (&w, world.len ? world.input[0] : 0, identifier, with_mac);
  ike_writer_bytes (&w, world.input + MIN (world.len, 1), world.len - MIN (world.len, 1));
  is_made = request_authenticator
                ? radius_end_response (&w, request_authenticator, with_mac, secret_for (world.how))
                : radius_end_request (&w, NULL, with_mac, secret_for (world.how));
  return is_made ? w.len : 0;
}

/* The server: hears questions, and answers to its requests. */
static void
serve (RadiusNet *net, const IkeAddr *at, const IkeAddr *from, const guint8 *data, gsize len,
       gpointer user)
{
  RadiusPacket packet;
  guint8 out[IKE_RADIUS_PACKET_MAX];
  gsize out_len;

  check (!radius_parse (&packet, data, len));
  if (packet.code != IKE_RADIUS_ACCESS_REQUEST) {
    world.n_answers++;
    return;
  }
  out_len = make (out, packet.authenticator, packet.identifier);
  if (out_len)
    radius_net_send (net, at, from, out, out_len);
}

static void
handle (IkePlugin *handler, const IkeRadiusDynamic *request, IkeCall *call)
{
  IkeRadiusDynamicAnswer *answer = g_new0 (IkeRadiusDynamicAnswer, 1);
  IkeRadiusIter iter;
  IkeRadiusAttribute attribute;

  check (!(world.how & WRONG_SECRET));
  ike_radius_iter_init (&iter, request->attributes, request->len);
  while (ike_radius_next (&iter, &attribute))
    continue;
  check (ike_radius_iter_is_done (&iter));
  world.n_handled++;
  answer->is_done = TRUE;
  ike_call_answer (call, answer);
}

static void
over (gpointer owner, gpointer data, gpointer result, const char *error)
{
  world.n_over++;
  world.n_believed += result != NULL;
  ike_radius_reply_free (result);
}

static const IkeCallClass ask_class = { .struct_size = sizeof ask_class,
                                        .name = "fuzz radius",
                                        .timeout_ms = 600000,
                                        .then = over,
                                        .undo = ike_radius_reply_free };

static void
ask (gpointer data)
{
  IkeRadiusRequest request = { .struct_size = sizeof request,
                               .code = IKE_RADIUS_ACCESS_REQUEST,
                               .attributes = (const guint8 *) "\1\6nemo",
                               .len = 6 };

  world.ops->request (world.plugin, &request,
                      ike_loop_call (ike_loop_current (), &ask_class, &world, NULL));
}

static void
run (gint64 for_us)
{
  gint64 until = ike_sim_now_us (world.sim) + for_us;

  while (ike_sim_step (world.sim, until))
    continue;
}

/* -- the engine */

TEST_CONSUMER ("service:radius", IkeRadiusOps);

static void
say_nothing (const IkeLogRecord *record, gpointer data)
{
}

static void
begin (void)
{
  static const char *const plugins[] = { "radius", "radius-net", "consumer", NULL };
  static const IkePluginInfo *const builtin[] = { &test_consumer, &radius_net_plugin, NULL };
  const IkeProvided *provided;

  world.sim = ike_sim_new (1);
  world.net = radius_net (world.sim);
  world.engine = test_engine_new ((IkeEngineOptions){
      .sim = world.sim,
      .settings = "plugins { radius { dae { enable = yes\n window = 1s }\n servers { a { address = "
                  "192.0.2.1\n secret = testing123\n retransmit_tries = 1 } } } }",
      .plugins = plugins,
      .builtin = builtin,
      .log_fallback = say_nothing,
  });
  provided = test_find (world.engine, "service:radius");
  world.ops = provided->ops;
  world.plugin = provided->plugin;
  world.ops->set_handler (world.plugin, world.plugin, handle);
  check (ike_addr_parse (&world.server, "192.0.2.1", NULL));
  check (ike_addr_parse (&world.gateway, "192.0.2.9", NULL));
  world.server.port = 1812;
  world.gateway.port = 3799;
  radius_net_serve (world.net, &world.server, serve, NULL);
}

static void
check_reply (void)
{
  ike_loop_post (ike_engine_control (world.engine), ask, NULL, NULL);
  run (10 * G_USEC_PER_SEC);
  check (world.n_over == 1);
  check (!world.n_believed || !(world.how & (UNSIGNED | WRONG_SECRET | WITHOUT_MAC)));
}

static void
check_request (void)
{
  guint8 out[IKE_RADIUS_PACKET_MAX];
  gsize len = make (out, NULL, 7);

  if (!len)
    return;
  radius_net_send (world.net, &world.server, &world.gateway, out, len);
  radius_net_send (world.net, &world.server, &world.gateway, out, len);
  run (10 * G_USEC_PER_SEC);
  check (world.n_handled <= 1 && world.n_answers <= 2);
  check (!world.n_handled || !(world.how & (UNSIGNED | WRONG_SECRET)));
}

/* Else nothing that follows is looked at. */
static void
check_good_request (void)
{
  world.input = (const guint8 *) "\x28\1\6nemo";
  world.len = 7;
  check_request ();
  check (world.n_handled == 1 && world.n_answers > 0);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize len)
{
  if (!world.engine) {
    begin ();
    check_good_request ();
  }
  world.how = len ? data[0] : 0;
  world.input = data + MIN (len, 1);
  world.len = len - MIN (len, 1);
  world.n_handled = world.n_answers = world.n_over = world.n_believed = 0;
  if (world.how & AS_REPLY)
    check_reply ();
  else
    check_request ();
  return 0;
}
