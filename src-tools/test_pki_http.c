/* SPDX-License-Identifier: Apache-2.0 */
/* test_pki_http.c - requests that the responder of `ikebana pki ocsp` reads, or refuses. */
#include "pki_http.h"
#include <glib/gstdio.h>
#include <string.h>
#include <fcntl.h>
#include <unistd.h>

static guint
parse (const char *text, PkiHttpRequest *request)
{
  return pki_http_parse (text, strlen (text), request);
}

static void
assert_status (const char *text, guint status)
{
  PkiHttpRequest request;
  guint got = parse (text, &request);

  if (got != status)
    g_error ("%u instead of %u: %s", got, status, text);
  pki_http_clear (&request);
}

static void
test_good (void)
{
  PkiHttpRequest request;

  g_assert_cmpuint (parse ("GET /a%2Fb%20c/d?query HTTP/1.1\r\nHost: x\r\n\r\nrest", &request), ==,
                    200);
  g_assert_false (request.is_post);
  g_assert_cmpstr (request.path, ==, "/a/b c/d");
  g_assert_cmpuint (request.body_len, ==, 0);
  pki_http_clear (&request);
  g_assert_cmpuint (parse ("POST / HTTP/1.0\r\ncontent-LENGTH:  17 \r\n\r\nbody", &request), ==,
                    200);
  g_assert_true (request.is_post);
  g_assert_cmpuint (request.body_len, ==, 17);
  g_assert_cmpuint (request.head_len, ==,
                    strlen ("POST / HTTP/1.0\r\ncontent-LENGTH:  17 \r\n\r\n"));
  pki_http_clear (&request);
}

static void
test_half (void)
{
  static const char text[] = "POST /x HTTP/1.1\r\nContent-Length: 3\r\n\r\n";
  PkiHttpRequest request;

  for (gsize len = 0; len < sizeof text - 1; len++) {
    g_autofree char *part = g_memdup2 (text, MAX (len, 1));
    g_assert_cmpuint (pki_http_parse (part, len, &request), ==, 0);
    g_assert_null (request.path);
  }
}

static void
test_refused (void)
{
  assert_status ("\r\n\r\n", 400);
  assert_status ("GET\r\n\r\n", 400);
  assert_status ("GET /\r\n\r\n", 400);
  assert_status ("GET x HTTP/1.1\r\n\r\n", 400);
  assert_status ("GET http://x/ HTTP/1.1\r\n\r\n", 400);
  assert_status ("GET /%0 HTTP/1.1\r\n\r\n", 400);
  assert_status ("GET /%zz HTTP/1.1\r\n\r\n", 400);
  assert_status ("GET /%00 HTTP/1.1\r\n\r\n", 400);
  assert_status ("GET / HTTP/2.0\r\n\r\n", 505);
  assert_status ("GET / HTTP/1.12\r\n\r\n", 505);
  assert_status ("PUT / HTTP/1.1\r\n\r\n", 405);
  assert_status ("get / HTTP/1.1\r\n\r\n", 405);
  assert_status ("GET / HTTP/1.1\r\nno colon\r\n\r\n", 400);
  assert_status ("GET / HTTP/1.1\r\nA: b\r\n folded: c\r\n\r\n", 400);
  assert_status ("POST / HTTP/1.1\r\nHost: x\r\n\r\n", 411);
  assert_status ("POST / HTTP/1.1\r\nContent-Length: \r\n\r\n", 400);
  assert_status ("POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400);
  assert_status ("POST / HTTP/1.1\r\nContent-Length: 1x\r\n\r\n", 400);
  assert_status ("POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", 400);
  assert_status ("POST / HTTP/1.1\r\nContent-Length: 65536\r\n\r\n", 200);
  assert_status ("POST / HTTP/1.1\r\nContent-Length: 65537\r\n\r\n", 413);
  assert_status ("POST / HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n", 413);
  assert_status ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 501);
}

static void
test_long (void)
{
  g_autofree char *name = g_strnfill (PKI_HTTP_HEAD_MAX, 'a');
  g_autofree char *whole = g_strdup_printf ("GET /%s HTTP/1.1\r\n\r\n", name);
  GString *many = g_string_new ("GET / HTTP/1.1\r\n");

  assert_status (name, 431);
  assert_status (whole, 431);
  for (guint i = 0; i < 100; i++)
    g_string_append (many, "A: b\r\n");
  g_string_append (many, "\r\n");
  assert_status (many->str, 431);
  g_string_free (many, TRUE);
}

static void
test_plain (void)
{
  static const char *const bad[] = { "",      "/",   "a",   "//",     "/..",     "/../x", "/x/..",
                                     "/x//y", "/x/", "/.x", "/x/./y", "/x/../y", "/..x" };

  g_assert_true (pki_http_is_plain ("/a"));
  g_assert_true (pki_http_is_plain ("/a/b..c/d.crl"));
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    if (pki_http_is_plain (bad[i]))
      g_error ("\"%s\" is no plain path", bad[i]);
}

/* -- files */

static gboolean
serves (int directory, const char *path, const char *content)
{
  PkiHttpAnswer answer = { 0 };
  gboolean is_served = pki_http_serve (directory, path, &answer);

  if (is_served) {
    g_assert_cmpuint (answer.status, ==, 200);
    g_assert_cmpmem (g_bytes_get_data (answer.body, NULL), g_bytes_get_size (answer.body), content,
                     strlen (content));
    g_bytes_unref (answer.body);
  }
  return is_served;
}

static void
test_serve (void)
{
  g_autofree char *top = g_dir_make_tmp ("ikebana-http-XXXXXX", NULL);
  int outside = open (top, O_DIRECTORY | O_RDONLY), inside, fd;

  g_assert_cmpint (mkdirat (outside, "in", 0700), ==, 0);
  inside = openat (outside, "in", O_DIRECTORY | O_RDONLY);
  g_assert_cmpint (mkdirat (inside, "sub", 0700), ==, 0);
  for (guint i = 0; i < 4; i++) {
    const char *const names[] = { "secret", "in/a.crl", "in/sub/b", "in/.hidden" };
    fd = openat (outside, names[i], O_CREAT | O_WRONLY, 0600);
    g_assert_cmpint (write (fd, names[i], strlen (names[i])), ==, (gssize) strlen (names[i]));
    close (fd);
  }
  g_assert_cmpint (symlinkat ("../secret", inside, "link"), ==, 0);
  g_assert_cmpint (symlinkat ("..", inside, "up"), ==, 0);
  g_assert_true (serves (inside, "/a.crl", "in/a.crl"));
  g_assert_true (serves (inside, "/sub/b", "in/sub/b"));
  g_assert_false (serves (inside, "/gone", ""));
  g_assert_false (serves (inside, "/sub", ""));
  g_assert_false (serves (inside, "/a.crl/b", ""));
  g_assert_false (serves (inside, "/../secret", ""));
  g_assert_false (serves (inside, "/sub/../../secret", ""));
  g_assert_false (serves (inside, "/link", ""));
  g_assert_false (serves (inside, "/up/secret", ""));
  g_assert_false (serves (inside, "/.hidden", ""));
  for (guint i = 0; i < 6; i++) {
    const char *const names[] = {
      "in/link", "in/up", "in/a.crl", "in/sub/b", "in/.hidden", "secret"
    };
    unlinkat (outside, names[i], 0);
  }
  unlinkat (inside, "sub", AT_REMOVEDIR);
  unlinkat (outside, "in", AT_REMOVEDIR);
  close (inside);
  close (outside);
  g_rmdir (top);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/http/a-request-is-read", test_good);
  g_test_add_func ("/http/half-a-request-waits-for-the-rest", test_half);
  g_test_add_func ("/http/what-breaks-a-rule-is-refused-with-its-status", test_refused);
  g_test_add_func ("/http/what-is-too-long-is-refused", test_long);
  g_test_add_func ("/http/a-plain-path-has-no-dots-in-front", test_plain);
  g_test_add_func ("/http/no-path-and-no-link-leads-out-of-the-directory", test_serve);
  return g_test_run ();
}
