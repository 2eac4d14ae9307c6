/* SPDX-License-Identifier: Apache-2.0 */
/* test_server.h - a small HTTP/1.1 server for tests: a thread of its own, on a port of 127.0.0.1 that it chose.
 *
 * It answers as a function of the test says, that runs on the server's thread; one request for each connection. */
#pragma once
#include <glib.h>

typedef struct {
  const char *method, *target;                /* "GET", "/path" */
  const char *head;                           /* all of it */
  GBytes     *body;
  guint       port;                           /* the server's */
} HttpRequest;

typedef struct {
  guint       status;                         /* 0: there is no answer at all */
  const char *location;                       /* or NULL; static, or of the test */
  char       *location_take;                  /* the same, g_free'd by the server */
  GBytes     *body_take;                      /* NULL: empty */
  gboolean    has_no_length;                  /* the body ends with the connection */
  gboolean    is_held;                        /* begins only after http_server_release () */
  guint       drip_ms;                        /* a byte of the body at a time, with this between them */
} HttpAnswer;

typedef struct _HttpServer HttpServer;

HttpServer *http_server_new  (void (*answer) (const HttpRequest *request, HttpAnswer *answer, gpointer data),
                              gpointer data);
void        http_server_free (HttpServer *server);
guint       http_server_port (HttpServer *server);
void        http_server_release (HttpServer *server);         /* held answers begin, from now on at once */
/* Any thread: requests so far (what the test's function wrote is then seen by whoever asks); the most
 * connections at a time; those that the client closed first. */
guint       http_server_requests (HttpServer *server);
guint       http_server_most_open (HttpServer *server);
guint       http_server_given_up (HttpServer *server);
