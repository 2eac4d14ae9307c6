/* SPDX-License-Identifier: Apache-2.0 */
/* pki_http.h - as much of HTTP/1.1 as a responder for tests needs: one request per connection, bounded.
 *
 * The parser is pure, so that it can be fuzzed; the server waits in poll () only, and ends by itself. */
#pragma once
#include <glib.h>

enum { PKI_HTTP_HEAD_MAX = 16384, PKI_HTTP_BODY_MAX = 65536, PKI_HTTP_FILE_MAX = 16 << 20 };

typedef struct {
  gboolean is_post;                           /* else GET */
  char    *path;                              /* decoded, begins with '/', without a query */
  gsize    head_len, body_len;
} PkiHttpRequest;

typedef struct {
  guint       status;                         /* 200, 404, … */
  const char *type;                           /* of @body; static */
  GBytes     *body;                           /* or NULL */
} PkiHttpAnswer;

/* Reads the head of a request: 0 when more is needed, 200 when @request is filled (clear it), else the status to
 * answer with. */
guint       pki_http_parse   (const char *data, gsize len, PkiHttpRequest *request);
void        pki_http_clear   (PkiHttpRequest *request);
const char *pki_http_reason  (guint status);
/* No component of @path is empty or begins with '.'. */
gboolean    pki_http_is_plain (const char *path);

/* Fills @answer with the file of @path below @directory; FALSE when there is none.  Follows no symbolic link. */
gboolean    pki_http_serve   (int directory, const char *path, PkiHttpAnswer *answer);

typedef struct {
  const char *address;                        /* NULL: 127.0.0.1 */
  guint       port;                           /* 0: any */
  guint       n_requests;                     /* ends after so many; 0: with SIGTERM only */
  guint       delay_ms;                       /* before each answer */
  gboolean    is_verbose;
  void      (*answer) (const PkiHttpRequest *request, const guint8 *body, PkiHttpAnswer *answer, gpointer data);
  gpointer    data;
} PkiHttpServer;

/* Prints "listening on ADDRESS:PORT", then serves until it ends. */
gboolean    pki_http_run     (const PkiHttpServer *server, GError **error);
