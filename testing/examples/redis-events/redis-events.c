/* SPDX-License-Identifier: Apache-2.0 */
/* redis-events.c - publishes what happens to SAs on a channel of Redis, as JSON.
 *
 * Redis may be slow, stall, or not be there: events wait for it on a loop of our own, so many at
 * most, and what is beyond that or was not taken is lost, and counted (redis-events.lost).  Neither
 * shards nor other taps wait for it. */
#include <hiredis/hiredis.h>
#include <ikebana/bus.h>
#include <ikebana/engine.h>
#include <ikebana/plugin.h>
#include <ikebana/tree.h>
#include <stdatomic.h>
#include <string.h>

#define EVENTS                                                                                     \
  "ike-up ike-down ike-failed ike-rekeyed child-up child-down child-failed child-rekeyed"

enum { AGAIN_US = 5 * G_USEC_PER_SEC }; /* Redis that failed is left alone that long */

typedef struct {
  IkeEngine *engine;
  IkeLoop *loop;
  char *host, *channel;
  int port;
  guint64 waiting_max, timeout_ms;
  guint32 n_lost, n_published;
  atomic_uint n_waiting;
  /* of the loop */
  redisContext *redis;
  gint64 not_before_us;
} Publisher;

typedef struct {
  Publisher *publisher;
  char *text;
} Message;

static void
message_free (gpointer data)
{
  Message *message = data;

  atomic_fetch_sub (&message->publisher->n_waiting, 1);
  g_free (message->text);
  g_free (message);
}

/* -- on our own loop, which may wait */

static gboolean
has_failed (Publisher *p, const char *doing, const char *why)
{
  ike_log (p->engine, IKE_LOG_NOTICE, "redis-events", "%s:%d: cannot %s: %s; events are lost",
           p->host, p->port, doing, why);
  if (p->redis)
    redisFree (g_steal_pointer (&p->redis));
  p->not_before_us = ike_engine_now_us (p->engine) + AGAIN_US;
  return FALSE;
}

static gboolean
connect_it (Publisher *p)
{
  struct timeval limit = { (time_t) (p->timeout_ms / 1000),
                           (suseconds_t) (p->timeout_ms % 1000 * 1000) };

  if (p->redis)
    return TRUE;
  if (ike_engine_now_us (p->engine) < p->not_before_us)
    return FALSE;
  p->redis = redisConnectWithTimeout (p->host, p->port, limit);
  if (!p->redis || p->redis->err)
    return has_failed (p, "connect", p->redis ? p->redis->errstr : "no memory");
  return redisSetTimeout (p->redis, limit) == REDIS_OK
         || has_failed (p, "set a limit of time", p->redis->errstr);
}

static gboolean
publish_it (Publisher *p, const char *text)
{
  redisReply *reply;
  gboolean is_good;

  if (!connect_it (p))
    return FALSE;
  reply = redisCommand (p->redis, "PUBLISH %s %b", p->channel, text, strlen (text));
  if (!reply)
    return has_failed (p, "publish", p->redis->errstr);
  is_good = reply->type == REDIS_REPLY_INTEGER || has_failed (p, "publish", "it is refused");
  freeReplyObject (reply);
  return is_good;
}

static void
publish (gpointer data)
{
  Message *message = data;
  Publisher *p = message->publisher;

  ike_counter_add (p->engine, publish_it (p, message->text) ? p->n_published : p->n_lost, 1);
}

/* -- the tap, which does not */

static void
heard (IkePlugin *self, const IkeEvent *event)
{
  Publisher *p = ike_plugin_state (self);
  g_autoptr (IkeTree) tree = NULL;
  Message *message;

  if (atomic_fetch_add (&p->n_waiting, 1) >= p->waiting_max) {
    atomic_fetch_sub (&p->n_waiting, 1);
    ike_counter_add (p->engine, p->n_lost, 1);
    return;
  }
  tree = ike_tree_new_section ();
  ike_tree_set_string (tree, "event", ike_event_name (event));
  ike_tree_set_int (tree, "time-us", ike_event_time_us (event));
  ike_tree_set_take (tree, "body", ike_tree_copy (ike_event_body (event)));
  message = g_new0 (Message, 1);
  *message = (Message){ p, ike_tree_serialize (tree, FALSE) };
  ike_loop_post (p->loop, publish, message, message_free);
}

/* -- the plugin */

static void
publisher_free (gpointer data)
{
  Publisher *p = data;

  g_free (p->host);
  g_free (p->channel);
  g_free (p);
}

static gboolean
activate (IkePlugin *self, GError **error)
{
  Publisher *p = g_new0 (Publisher, 1);

  ike_plugin_set_state (self, p, publisher_free);
  p->engine = ike_plugin_engine (self);
  p->host = g_strdup (ike_plugin_option (self, "host"));
  p->channel = g_strdup (ike_plugin_option (self, "channel"));
  p->port = (int) ike_plugin_option_uint (self, "port");
  p->waiting_max = ike_plugin_option_uint (self, "waiting");
  p->timeout_ms = ike_plugin_option_uint (self, "timeout_ms");
  p->n_lost = ike_counter (p->engine, "redis-events.lost");
  p->n_published = ike_counter (p->engine, "redis-events.published");
  p->loop = ike_loop_new (self, "redis-events", error);
  if (!p->loop)
    return FALSE;
  ike_tap_add (self, EVENTS, heard);
  return TRUE;
}

static void
deactivate (IkePlugin *self)
{
  Publisher *p = ike_plugin_state (self);

  ike_loop_free (p->loop);
  if (p->redis)
    redisFree (p->redis);
}

#define OPTION(symbol, name, kind, default_, text)                                                 \
  static const IkeOptionInfo symbol = { .struct_size = sizeof symbol,                              \
                                        .path = "plugin/" name,                                    \
                                        .type = kind,                                              \
                                        .fallback = default_,                                      \
                                        .doc = text }

OPTION (host_option, "host", "string", "127.0.0.1", "Where Redis is.");
OPTION (port_option, "port", "uint", "6379", "Its port.");
OPTION (channel_option, "channel", "string", "ikebana",
        "The channel that events are published on.");
OPTION (waiting_option, "waiting", "uint", "1000",
        "How many events may wait for Redis; more are lost.");
OPTION (timeout_option, "timeout_ms", "uint", "1000",
        "How long it may take to connect or to answer.");

static const IkeOptionInfo *const options[] = { &host_option,    &port_option,    &channel_option,
                                                &waiting_option, &timeout_option, NULL };

IKE_PLUGIN (ike_plugin, "redis-events", 0, .version = "1.0", .license = "Apache-2.0",
            .summary = "publishes events on a channel of Redis", .options = options,
            .activate = activate, .deactivate = deactivate);
