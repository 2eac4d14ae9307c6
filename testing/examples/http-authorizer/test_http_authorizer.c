/* SPDX-License-Identifier: Apache-2.0 */
/* test_http_authorizer.c - a gateway that asks a service, which a thread of this test plays. */
#include "listener.h"
#include "two.h"
#include <pthread.h>
#include <string.h>
#include <unistd.h>

static const char *const plugins[] = { "http-authorizer", NULL };

/* It answers one request with @answer; without one it hangs up. */
typedef struct {
  int listener;
  guint16 port;
  const char *answer;
  char asked[4096];
  pthread_t thread;
} Service;

static void *
serve (void *data)
{
  Service *service = data;
  int fd = accept (service->listener, NULL, NULL);
  g_autofree char *text = NULL;
  gsize len = 0;
  gssize n;

  if (fd < 0)
    return NULL;
  while (!strchr (service->asked, '}')
         && (n = read (fd, service->asked + len, sizeof service->asked - 1 - len)) > 0)
    len += (gsize) n;
  if (service->answer) {
    text = g_strdup_printf ("HTTP/1.0 200 OK\r\nContent-Length: %u\r\n\r\n%s",
                            (guint) strlen (service->answer), service->answer);
    g_assert_cmpint (write (fd, text, strlen (text)), ==, (gssize) strlen (text));
  }
  close (fd);
  return NULL;
}

static void
service_start (Service *service, const char *answer)
{
  memset (service, 0, sizeof *service);
  service->answer = answer;
  service->listener = listener_new (&service->port);
  g_assert_cmpint (pthread_create (&service->thread, NULL, serve, service), ==, 0);
}

/* Why the gateway does not let a peer in when the service says this, or NULL. */
static char *
try (const char *answer, char asked[4096])
{
  Service service;
  g_autofree char *more = NULL;
  char *why;

  service_start (&service, answer);
  more = g_strdup_printf ("plugins { http-authorizer { uri = http://127.0.0.1:%u/who } }",
                          service.port);
  why = two_try (&(TwoOptions){ .plugins = plugins, .more = { NULL, more } }, NULL, NULL);
  shutdown (service.listener, SHUT_RDWR);
  pthread_join (service.thread, NULL);
  close (service.listener);
  memcpy (asked, service.asked, sizeof service.asked);
  return why;
}

static void
test_allowed (void)
{
  char asked[4096];
  g_autofree char *why =
      try ("{ \"allow\": true, \"groups\": [\"staff\"], \"pool\": \"inner\" }", asked);

  g_assert_cmpstr (why, ==, NULL);
  g_assert_nonnull (strstr (asked, "\"peer\":\"a.test\""));
  g_assert_nonnull (strstr (asked, "\"address\":\"10.0.0.1\""));
}

static void
test_refused (void)
{
  static const char *const answers[] = {
    "{ \"allow\": false, \"reason\": \"not today\" }",
    "{ \"allow\": 1 }",
    "[]",
    "no JSON",
    "",
    NULL,
  };
  char asked[4096];

  for (guint i = 0; i < G_N_ELEMENTS (answers); i++) {
    g_autofree char *why = try (answers[i], asked);
    g_assert_nonnull (why);
    g_assert_nonnull (strstr (asked, "a.test"));
  }
}

static void
test_off (void)
{
  g_autofree char *why = two_try (&(TwoOptions){ .plugins = plugins }, NULL, NULL);

  g_assert_cmpstr (why, ==, NULL);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/http-authorizer/whom-the-service-allows-comes-in", test_allowed);
  g_test_add_func ("/http-authorizer/others-and-nonsense-are-refused", test_refused);
  g_test_add_func ("/http-authorizer/without-a-service-nobody-is-asked", test_off);
  return g_test_run ();
}
