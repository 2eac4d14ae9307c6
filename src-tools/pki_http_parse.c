/* SPDX-License-Identifier: Apache-2.0 */
/* pki_http_parse.c - reads the head of an HTTP request (RFC 9112), whoever sent it. */
#define _GNU_SOURCE /* memmem */
#include "pki_http.h"
#include <string.h>

enum { FIELDS_MAX = 64 };

const char *
pki_http_reason (guint status)
{
  switch (status) {
  case 200:
    return "OK";
  case 400:
    return "Bad Request";
  case 404:
    return "Not Found";
  case 405:
    return "Method Not Allowed";
  case 411:
    return "Length Required";
  case 413:
    return "Content Too Large";
  case 431:
    return "Request Header Fields Too Large";
  case 501:
    return "Not Implemented";
  case 505:
    return "HTTP Version Not Supported";
  default:
    return "Internal Server Error";
  }
}

void
pki_http_clear (PkiHttpRequest *request)
{
  g_clear_pointer (&request->path, g_free);
}

gboolean
pki_http_is_plain (const char *path)
{
  if (path[0] != '/')
    return FALSE;
  for (const char *at = path; at; at = strchr (at + 1, '/'))
    if (at[1] == 0 || at[1] == '/' || at[1] == '.')
      return FALSE;
  return TRUE;
}

/* -- the request line */

/* NULL when an escape is broken, or hides a zero. */
static char *
decode_path (const char *target, gsize len)
{
  GString *path = g_string_new (NULL);

  for (gsize i = 0; i < len && target[i] != '?'; i++) {
    int high, low, byte = (guint8) target[i];
    if (byte == '%') {
      high = len - i > 2 ? g_ascii_xdigit_value (target[i + 1]) : -1;
      low = len - i > 2 ? g_ascii_xdigit_value (target[i + 2]) : -1;
      byte = high < 0 || low < 0 ? 0 : high << 4 | low;
      i += 2;
    }
    if (byte == 0) {
      g_string_free (path, TRUE);
      return NULL;
    }
    g_string_append_c (path, (char) byte);
  }
  return g_string_free (path, FALSE);
}

static guint
parse_line (const char *line, gsize len, PkiHttpRequest *request)
{
  const char *end = line + len, *target = memchr (line, ' ', len), *version;
  gsize method_len;

  if (!target)
    return 400;
  method_len = (gsize) (target++ - line);
  version = memchr (target, ' ', (gsize) (end - target));
  if (!version || target[0] != '/')
    return 400;
  if (end - version != 9 || memcmp (version, " HTTP/1.", 8) != 0)
    return 505;
  request->is_post = method_len == 4 && memcmp (line, "POST", 4) == 0;
  if (!request->is_post && (method_len != 3 || memcmp (line, "GET", 3) != 0))
    return 405;
  request->path = decode_path (target, (gsize) (version - target));
  return request->path ? 200 : 400;
}

/* -- the fields */

static gboolean
is_field (const char *line, gsize len, const char *name)
{
  gsize name_len = strlen (name);

  return len > name_len && line[name_len] == ':' && g_ascii_strncasecmp (line, name, name_len) == 0;
}

static guint
parse_length (const char *text, gsize len, PkiHttpRequest *request)
{
  gsize value = 0, digits = 0;

  while (len > 0 && *text == ' ')
    text++, len--;
  while (len > 0 && text[len - 1] == ' ')
    len--;
  for (; digits < len && g_ascii_isdigit (text[digits]); digits++) {
    value = value * 10 + (gsize) (text[digits] - '0');
    if (value > PKI_HTTP_BODY_MAX)
      return 413;
  }
  if (len == 0 || digits != len)
    return 400;
  request->body_len = value;
  return 200;
}

/* RFC 9112, 6.3: a message with "multiple Content-Length header fields" of different values is
 * refused, so two of them are. */
static guint
parse_field (const char *line, gsize len, gboolean *has_length, PkiHttpRequest *request)
{
  gsize name_len = strlen ("Content-Length:");

  if (!memchr (line, ':', len) || line[0] == ' ' || line[0] == '\t')
    return 400;
  if (is_field (line, len, "Transfer-Encoding"))
    return 501;
  if (!is_field (line, len, "Content-Length"))
    return 200;
  if (*has_length)
    return 400;
  *has_length = TRUE;
  return parse_length (line + name_len, len - name_len, request);
}

static guint
parse_head (const char *data, gsize len, PkiHttpRequest *request)
{
  const char *at = data, *end = data + len;
  gboolean has_length = FALSE;
  guint status = 200;

  for (guint n = 0; at < end && status == 200; n++) {
    const char *next = memmem (at, (gsize) (end - at), "\r\n", 2);
    gsize line_len = (gsize) ((next ? next : end) - at);
    if (n > FIELDS_MAX)
      return 431;
    status = n == 0 ? parse_line (at, line_len, request)
                    : parse_field (at, line_len, &has_length, request);
    at = next ? next + 2 : end;
  }
  if (status == 200 && request->is_post && !has_length)
    return 411;
  return status;
}

guint
pki_http_parse (const char *data, gsize len, PkiHttpRequest *request)
{
  const char *end = memmem (data, len, "\r\n\r\n", 4);
  guint status;

  memset (request, 0, sizeof *request);
  if (!end)
    return len >= PKI_HTTP_HEAD_MAX ? 431 : 0;
  request->head_len = (gsize) (end - data) + 4;
  if (request->head_len > PKI_HTTP_HEAD_MAX)
    return 431;
  status = end == data ? 400 : parse_head (data, (gsize) (end - data), request);
  if (status != 200)
    pki_http_clear (request);
  return status;
}
