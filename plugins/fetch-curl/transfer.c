/* SPDX-License-Identifier: Apache-2.0 */
/* transfer.c - one request to a server: curl's handle for it, and what its answer is worth.
 *
 * Redirects are not left to curl: each hop is checked against the rules as the first one was, and
 * is a transfer of its own for curl. */
#include <string.h>
#include <sys/socket.h>
#include <ikebana/error.h>
#include "fetcher.h"

Transfer *
transfer_new (Fetcher *fetcher, const IkeFetchRequest *request)
{
  Transfer *transfer = g_new0 (Transfer, 1);

  transfer->fetcher = fetcher;
  transfer->waiters = g_ptr_array_new ();
  transfer->body = request->body ? g_bytes_ref (request->body) : NULL;
  transfer->content_type = g_strdup (request->content_type);
  transfer->accept = g_strdup (request->accept);
  transfer->max_size = request->max_size;
  if (!request->body)
    transfer->key = g_strdup_printf ("%u %s\n%s", request->max_size,
                                     request->accept ? request->accept : "", request->uri);
  return transfer;
}

static void
drop_handle (Transfer *transfer)
{
  if (transfer->easy)
    curl_easy_cleanup (g_steal_pointer (&transfer->easy));
  curl_slist_free_all (g_steal_pointer (&transfer->headers));
  g_clear_pointer (&transfer->got, g_byte_array_unref);
}

void
transfer_free (Transfer *transfer)
{
  drop_handle (transfer);
  g_ptr_array_unref (transfer->waiters);
  g_clear_pointer (&transfer->body, g_bytes_unref);
  g_free (transfer->key);
  g_free (transfer->uri);
  g_free (transfer->host);
  g_free (transfer->content_type);
  g_free (transfer->accept);
  g_free (transfer);
}

/* -- what curl calls */

static long
status_of (Transfer *transfer)
{
  long status = 0;

  curl_easy_getinfo (transfer->easy, CURLINFO_RESPONSE_CODE, &status);
  return status;
}

/* Anything but @size × @n makes curl give up. */
static size_t
on_body (char *data, size_t size, size_t n, void *user)
{
  Transfer *transfer = user;
  gsize len = size * n;

  if (status_of (transfer) != 200) {
    transfer->n_dropped += len;
    return transfer->n_dropped <= FETCH_HEADER_MAX ? len : 0;
  }
  if (len > transfer->max_size - transfer->got->len) {
    transfer->is_large = TRUE;
    return 0;
  }
  g_byte_array_append (transfer->got, (const guint8 *) data, (guint) len);
  return len;
}

static size_t
on_header (char *data, size_t size, size_t n, void *user)
{
  Transfer *transfer = user;

  transfer->n_headers += size * n;
  return transfer->n_headers <= FETCH_HEADER_MAX ? size * n : 0;
}

/* Behind every name and every redirect there is an address, and it comes by here. */
static curl_socket_t
on_open_socket (void *user, curlsocktype purpose, struct curl_sockaddr *address)
{
  Transfer *transfer = user;
  int fd;
  IkeAddr addr;

  if (!ike_addr_from_sockaddr (&addr, &address->addr, address->addrlen)
      || !rules_allow_addr (transfer->fetcher->rules, &addr)) {
    ike_addr_format (&addr, FALSE, transfer->denied);
    return CURL_SOCKET_BAD;
  }
  fd = socket (address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
  return fd < 0 ? CURL_SOCKET_BAD : fd;
}

/* -- the handle */

#define SET(option, value) is_set = curl_easy_setopt (easy, option, value) == CURLE_OK && is_set

#if LIBCURL_VERSION_NUM >= 0x075500
static gboolean
set_protocols (CURL *easy)
{
  return curl_easy_setopt (easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK
         && curl_easy_setopt (easy, CURLOPT_REDIR_PROTOCOLS_STR, "http,https") == CURLE_OK;
}
#else
static gboolean
set_protocols (CURL *easy)
{
  long both = CURLPROTO_HTTP | CURLPROTO_HTTPS;

  return curl_easy_setopt (easy, CURLOPT_PROTOCOLS, both) == CURLE_OK
         && curl_easy_setopt (easy, CURLOPT_REDIR_PROTOCOLS, both) == CURLE_OK;
}
#endif

/* A handle that goes while its name is being resolved waits for the resolver's thread, which would
 * hold the io loop up for as long as a dead name server does; with this the thread is left to end
 * by itself.  Older versions have no such switch. */
#if LIBCURL_VERSION_NUM >= 0x075700
static gboolean
set_quick_exit (CURL *easy)
{
  return curl_easy_setopt (easy, CURLOPT_QUICK_EXIT, 1L) == CURLE_OK;
}
#else
static gboolean
set_quick_exit (CURL *easy)
{
  return TRUE;
}
#endif

static gboolean
set_limits (Transfer *transfer, CURL *easy)
{
  const FetchLimits *limits = &transfer->fetcher->limits;
  gboolean is_set = set_protocols (easy) && set_quick_exit (easy);

  SET (CURLOPT_NOSIGNAL, 1L);
  SET (CURLOPT_FOLLOWLOCATION, 0L);
  SET (CURLOPT_CONNECTTIMEOUT_MS, (long) limits->connect_timeout_ms);
  SET (CURLOPT_MAXFILESIZE_LARGE, (curl_off_t) MAX (transfer->max_size, 1));
  SET (CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
  SET (CURLOPT_OPENSOCKETDATA, transfer);
  SET (CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
  SET (CURLOPT_NETRC, (long) CURL_NETRC_IGNORED);
  /* An empty text keeps curl from reading the environment. */
  SET (CURLOPT_PROXY, limits->proxy);
  SET (CURLOPT_NOPROXY, "");
  return is_set;
}

static gboolean
set_request (Transfer *transfer, CURL *easy)
{
  gboolean is_set = TRUE;

  SET (CURLOPT_URL, transfer->uri);
  SET (CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_1_1);
  SET (CURLOPT_USERAGENT, transfer->fetcher->limits.user_agent);
  SET (CURLOPT_HTTPHEADER, transfer->headers);
  SET (CURLOPT_WRITEFUNCTION, on_body);
  SET (CURLOPT_WRITEDATA, transfer);
  SET (CURLOPT_HEADERFUNCTION, on_header);
  SET (CURLOPT_HEADERDATA, transfer);
  SET (CURLOPT_ERRORBUFFER, transfer->error);
  SET (CURLOPT_PRIVATE, transfer);
  if (!transfer->body)
    return is_set;
  SET (CURLOPT_POST, 1L);
  SET (CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) g_bytes_get_size (transfer->body));
  SET (CURLOPT_POSTFIELDS, g_bytes_get_data (transfer->body, NULL));
  return is_set;
}

static void
add_header (Transfer *transfer, const char *name, const char *value)
{
  g_autofree char *line = g_strconcat (name, ": ", value, NULL);

  transfer->headers = curl_slist_append (transfer->headers, line);
}

gboolean
transfer_prepare (Transfer *transfer)
{
  drop_handle (transfer);
  transfer->got = g_byte_array_new ();
  transfer->n_headers = transfer->n_dropped = 0;
  transfer->is_large = FALSE;
  transfer->denied[0] = transfer->error[0] = '\0';
  if (transfer->accept)
    add_header (transfer, "Accept", transfer->accept);
  if (transfer->body)
    add_header (transfer, "Content-Type",
                transfer->content_type ? transfer->content_type : "application/octet-stream");
  transfer->easy = curl_easy_init ();
  return transfer->easy && set_limits (transfer, transfer->easy)
         && set_request (transfer, transfer->easy);
}

/* -- the answer */

static TransferResult
fail (Transfer *transfer, char *reason, const char *what)
{
  char uri[112];

  ike_escape (uri, sizeof uri, transfer->uri, strlen (transfer->uri));
  g_snprintf (reason, FETCH_REASON_SIZE, "%s: %s", uri, what);
  return TRANSFER_FAILED;
}

/* RFC 9110, 15.4.4 (303): "a user agent can perform a retrieval request targeting that URI (a GET
 * or HEAD request if using HTTP)"; of 301 and 302 the method "MAY" change, and here it does not. */
static TransferResult
redirect (Transfer *transfer, long status, char *reason)
{
  char *next = NULL, *uri = NULL, *host = NULL;
  g_autoptr (GError) error = NULL;

  curl_easy_getinfo (transfer->easy, CURLINFO_REDIRECT_URL, &next);
  if (!next)
    return fail (transfer, reason, "the server redirects, but does not say where to");
  if (transfer->n_redirects == transfer->fetcher->limits.max_redirects)
    return fail (transfer, reason, "the server redirects more often than is allowed");
  if (!rules_allow (transfer->fetcher->rules, next, &uri, &host, &error)) {
    g_autofree char *what = g_strconcat ("the server redirects, and ", error->message, NULL);
    return fail (transfer, reason, what);
  }
  transfer->n_redirects++;
  g_free (transfer->uri);
  g_free (transfer->host);
  transfer->uri = uri;
  transfer->host = host;
  if (status == 303)
    g_clear_pointer (&transfer->body, g_bytes_unref);
  return TRANSFER_REDIRECTED;
}

static gboolean
is_redirect (long status)
{
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

static TransferResult
fail_by_curl (Transfer *transfer, CURLcode code, char *reason)
{
  const char *text = transfer->error[0] ? transfer->error : curl_easy_strerror (code);
  g_autofree char *what = NULL;
  char shown[128];

  if (transfer->denied[0] && code == CURLE_COULDNT_CONNECT)
    what =
        g_strdup_printf ("%s is an address that plugins.fetch-curl.deny forbids", transfer->denied);
  else if (transfer->is_large || code == CURLE_FILESIZE_EXCEEDED)
    what = g_strdup_printf ("the answer is larger than %u bytes", transfer->max_size);
  else if (transfer->n_headers > FETCH_HEADER_MAX)
    what = g_strdup ("the answer's headers are too large");
  else
    what = g_strdup (ike_escape (shown, sizeof shown, text, strlen (text)));
  return fail (transfer, reason, what);
}

TransferResult
transfer_judge (Transfer *transfer, CURLcode code, char reason[static FETCH_REASON_SIZE])
{
  long status = status_of (transfer);
  g_autofree char *what = NULL;

  if (is_redirect (status) && code == CURLE_OK)
    return redirect (transfer, status, reason);
  /* A body that is given up because nobody wants it is not what was wrong. */
  if (status >= 200 && status != 200) {
    what = g_strdup_printf ("the server answers with HTTP status %ld", status);
    return fail (transfer, reason, what);
  }
  if (code != CURLE_OK)
    return fail_by_curl (transfer, code, reason);
  return TRANSFER_OK;
}
