/* SPDX-License-Identifier: Apache-2.0 */
/* test_redis_events.c - SAs come up whatever Redis does, and what it does not take is counted. */
#include "listener.h"
#include "two.h"
#include <pthread.h>
#include <string.h>
#include <unistd.h>

static const char *const plugins[] = { "redis-events", NULL };

/* A Redis that takes what is published, or one that hears and never answers. */
typedef struct {
  int listener;
  guint16 port;
  gboolean is_stalled;
  GString *heard;
  pthread_t thread;
} Redis;

static void *
serve (void *data)
{
  Redis *redis = data;
  int fd = accept (redis->listener, NULL, NULL);
  char part[4096];
  gssize n;

  while (fd >= 0 && (n = read (fd, part, sizeof part)) > 0) {
    g_string_append_len (redis->heard, part, n);
    if (!redis->is_stalled && write (fd, ":1\r\n", 4) != 4)
      break;
  }
  if (fd >= 0)
    close (fd);
  return NULL;
}

static void
redis_start (Redis *redis, gboolean is_stalled)
{
  *redis = (Redis){ .is_stalled = is_stalled, .heard = g_string_new (NULL) };
  redis->listener = listener_new (&redis->port);
  g_assert_cmpint (pthread_create (&redis->thread, NULL, serve, redis), ==, 0);
}

static void
redis_stop (Redis *redis)
{
  shutdown (redis->listener, SHUT_RDWR);
  pthread_join (redis->thread, NULL);
  close (redis->listener);
}

/* Brings up what publishes at end 0; how many events @counter has there. */
static guint64
up_with (guint16 port, const char *more, const char *counter)
{
  g_autofree char *settings = g_strdup_printf (
      "plugins { redis-events { port = %u\n timeout_ms = 50\n %s\n } }", port, more);
  guint64 n[2];
  g_autofree char *why =
      two_try (&(TwoOptions){ .plugins = plugins,
                              .more = { settings, "plugins { redis-events { load = no } }" } },
               counter, n);

  g_assert_cmpstr (why, ==, NULL);
  return n[0];
}

static void
test_published (void)
{
  Redis redis;

  redis_start (&redis, FALSE);
  g_assert_cmpuint (up_with (redis.port, "channel = tunnels", "redis-events.published"), ==, 2);
  redis_stop (&redis);
  g_assert_nonnull (strstr (redis.heard->str, "PUBLISH"));
  g_assert_nonnull (strstr (redis.heard->str, "tunnels"));
  g_assert_nonnull (strstr (redis.heard->str, "\"ike-up\""));
  g_assert_nonnull (strstr (redis.heard->str, "\"child-up\""));
  g_string_free (redis.heard, TRUE);
}

static void
test_stalled (void)
{
  Redis redis;

  redis_start (&redis, TRUE);
  g_assert_cmpuint (up_with (redis.port, "", "redis-events.lost"), ==, 2);
  redis_stop (&redis);
  g_string_free (redis.heard, TRUE);
}

static void
test_absent (void)
{
  Redis redis;

  redis_start (&redis, TRUE);
  redis_stop (&redis);
  g_assert_cmpuint (up_with (redis.port, "", "redis-events.lost"), ==, 2);
  g_string_free (redis.heard, TRUE);
}

static void
test_too_many (void)
{
  g_assert_cmpuint (up_with (1, "waiting = 0", "redis-events.lost"), ==, 2);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/redis-events/what-happens-is-published", test_published);
  g_test_add_func ("/redis-events/with-a-redis-that-stalls-sas-come-up", test_stalled);
  g_test_add_func ("/redis-events/without-redis-sas-come-up", test_absent);
  g_test_add_func ("/redis-events/what-is-too-much-is-lost-and-counted", test_too_many);
  return g_test_run ();
}
