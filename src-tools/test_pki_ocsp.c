/* SPDX-License-Identifier: Apache-2.0 */
/* test_pki_ocsp.c - the responder of `ikebana pki ocsp`, asked by openssl(1) and by hand. */
#include "test_pki_support.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { DEADLINE_MS = 60000, DELAY_MS = 150 };

typedef struct json_object Json;
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Json, json_object_put)

typedef struct {
  GPid pid;
  int output;
  guint port;
} Responder;

/* -- beginning and ending */

/* A test that fails leaves nobody behind. */
static void
end_with_test (gpointer data)
{
  prctl (PR_SET_PDEATHSIG, SIGTERM);
}

static void
start (Fixture *fixture, Responder *responder, const char *words)
{
  g_autofree char *line = g_strconcat ("ocsp|", words, NULL);
  g_auto (GStrv) argv = pki_argv (line);
  g_autoptr (GString) said = g_string_new (NULL);
  g_autoptr (GError) error = NULL;

  g_spawn_async_with_pipes (fixture->directory, argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD,
                            end_with_test, NULL, &responder->pid, NULL, &responder->output, NULL,
                            &error);
  g_assert_no_error (error);
  while (!strchr (said->str, '\n')) {
    struct pollfd fds = { .fd = responder->output, .events = POLLIN };
    char byte;
    g_assert_cmpint (poll (&fds, 1, DEADLINE_MS), ==, 1);
    g_assert_cmpint (read (responder->output, &byte, 1), ==, 1);
    g_string_append_c (said, byte);
  }
  g_assert_true (g_str_has_prefix (said->str, "listening on 127.0.0.1:"));
  responder->port = (guint) g_ascii_strtoull (strrchr (said->str, ':') + 1, NULL, 10);
  g_assert_cmpuint (responder->port, !=, 0);
}

/* It ended by itself, and well. */
static void
await_end (Responder *responder)
{
  int status;

  g_assert_cmpint (waitpid (responder->pid, &status, 0), ==, responder->pid);
  g_assert_true (WIFEXITED (status));
  g_assert_cmpint (WEXITSTATUS (status), ==, 0);
  close (responder->output);
}

static void
stop (Responder *responder)
{
  g_assert_cmpint (kill (responder->pid, SIGTERM), ==, 0);
  await_end (responder);
}

/* -- asking */

static void
ask (Fixture *fixture, const Responder *responder, const char *words)
{
  g_autofree char *line = g_strdup_printf ("ocsp|-issuer|sub.crt|-CAfile|ca.crt|-url|"
                                           "http://127.0.0.1:%u/some/path|%s",
                                           responder->port, words);

  openssl (fixture, line);
}

static int
connect_to (const Responder *responder)
{
  struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = htons ((guint16) responder->port) };
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

  sa.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
  g_assert_cmpint (connect (fd, (struct sockaddr *) &sa, sizeof sa), ==, 0);
  return fd;
}

/* The whole answer to a request as it is written here. */
static GByteArray *
talk (const Responder *responder, const char *request)
{
  int fd = connect_to (responder);
  GByteArray *answer = g_byte_array_new ();
  gssize n;
  guint8 buffer[4096];

  g_assert_cmpint (send (fd, request, strlen (request), MSG_NOSIGNAL), ==,
                   (gssize) strlen (request));
  do {
    struct pollfd fds = { .fd = fd, .events = POLLIN };
    g_assert_cmpint (poll (&fds, 1, DEADLINE_MS), ==, 1);
    n = recv (fd, buffer, sizeof buffer, 0);
    g_assert_cmpint (n, >=, 0);
    g_byte_array_append (answer, buffer, (guint) n);
  } while (n > 0);
  close (fd);
  g_byte_array_append (answer, (const guint8 *) "", 1);
  return answer;
}

static void
assert_answer (const Responder *responder, const char *request, const char *head, const char *body)
{
  g_autoptr (GByteArray) answer = talk (responder, request);
  const char *text = (const char *) answer->data, *end = strstr (text, "\r\n\r\n");

  assert_has (text, head);
  g_assert_nonnull (end);
  if (body)
    g_assert_cmpstr (end + 4, ==, body);
}

/* -- OCSP */

static void
test_states (Fixture *fixture, gconstpointer data)
{
  Responder responder;

  make_chain (fixture);
  start (fixture, &responder,
         "--cacert|sub.crt|--key|sub.key|--revoked|0102|"
         "--revoked|0103:key-compromise|--unknown|0104");
  ask (fixture, &responder, "-cert|moon.crt");
  assert_has (fixture->output, "Response verify OK");
  assert_has (fixture->output, "moon.crt: good");
  assert_lacks (fixture->output, "WARNING: no nonce");
  ask (fixture, &responder, "-serial|0x0102");
  assert_has (fixture->output, "0x0102: revoked");
  assert_lacks (fixture->output, "Reason:");
  ask (fixture, &responder, "-serial|0x0103|-serial|0x0104|-sha256|-serial|0x0105");
  assert_has (fixture->output, "0x0103: revoked");
  assert_has (fixture->output, "Reason: keyCompromise");
  assert_has (fixture->output, "0x0104: unknown");
  assert_has (fixture->output, "0x0105: good");
  stop (&responder);
}

static void
test_other_ca (Fixture *fixture, gconstpointer data)
{
  Responder responder;

  make_chain (fixture);
  start (fixture, &responder, "--cacert|ca.crt|--key|ca.key");
  ask (fixture, &responder, "-noverify|-cert|moon.crt");
  assert_has (fixture->output, "moon.crt: unknown");
  stop (&responder);
}

static void
test_crl (Fixture *fixture, gconstpointer data)
{
  Responder responder;

  make_chain (fixture);
  pki_ok (fixture, "crl|--cacert|sub.crt|--cakey|sub.key|--cert|moon.crt|--reason|superseded|"
                   "--date|2020-02-29|--out|a.crl");
  start (fixture, &responder, "--cacert|sub.crt|--key|sub.key|--crl|a.crl|--lifetime|0|--no-nonce");
  ask (fixture, &responder, "-cert|moon.crt");
  assert_has (fixture->output, "moon.crt: revoked");
  assert_has (fixture->output, "Reason: superseded");
  assert_has (fixture->output, "Revocation Time: Feb 29 00:00:00 2020");
  assert_has (fixture->output, "WARNING: no nonce");
  assert_lacks (fixture->output, "Next Update");
  stop (&responder);
}

static void
test_delegated (Fixture *fixture, gconstpointer data)
{
  Responder responder;

  make_chain (fixture);
  pki_ok (fixture, "gen|--type|rsa|--size|2048|--out|o.key");
  pki_ok (fixture, "issue|--cacert|sub.crt|--cakey|sub.key|--in|o.key|--dn|CN=Responder|"
                   "--flag|ocspSigning|--flag|ocspNoCheck|--out|o.crt");
  start (fixture, &responder, "--cacert|sub.crt|--key|o.key|--signer|o.crt|--by-key");
  ask (fixture, &responder, "-cert|moon.crt|-verify_other|sub.crt|-respout|answer.der");
  assert_has (fixture->output, "Response verify OK");
  assert_has (fixture->output, "moon.crt: good");
  pki_ok (fixture, "print|answer.der");
  assert_has (fixture->output, "responder-key-id: ");
  assert_has (fixture->output, "nonce: yes");
  stop (&responder);
  pki_fails (fixture, 1, "does not belong", "ocsp|--cacert|sub.crt|--key|o.key");
}

static void
save (const Fixture *fixture, const char *name, const GByteArray *answer)
{
  g_autofree char *path = path_of (fixture, name);
  const char *text = (const char *) answer->data, *end = strstr (text, "\r\n\r\n");

  g_assert_nonnull (end);
  end += 4;
  g_assert_true (
      g_file_set_contents (path, end, (const char *) answer->data + answer->len - 1 - end, NULL));
}

static void
test_get (Fixture *fixture, gconstpointer data)
{
  static const char *const prefixes[] = { "", "/ocsp/v1" };
  g_autofree char *der = NULL, *base64 = NULL, *escaped = NULL;
  Responder responder;
  gsize len;

  make_chain (fixture);
  openssl (fixture, "ocsp|-issuer|sub.crt|-serial|0x0102|-reqout|q.der");
  der = read_text (fixture, "q.der", &len);
  base64 = g_base64_encode ((const guchar *) der, len);
  escaped = g_uri_escape_string (base64, NULL, FALSE);
  start (fixture, &responder,
         "--cacert|sub.crt|--key|sub.key|--revoked|0102:superseded|"
         "--requests|2");
  for (guint i = 0; i < G_N_ELEMENTS (prefixes); i++) {
    g_autofree char *request = g_strdup_printf ("GET %s/%s HTTP/1.1\r\nHost: x\r\n\r\n",
                                                prefixes[i], i ? base64 : escaped);
    g_autoptr (GByteArray) answer = talk (&responder, request);
    g_autoptr (Json) about = NULL;
    assert_has ((const char *) answer->data,
                "200 OK\r\nContent-Type: application/ocsp-response\r\n");
    save (fixture, "answer.der", answer);
    about = printed (fixture, "answer.der");
    g_assert_cmpstr (text_at (about, "status"), ==, "successful");
    g_assert_cmpstr (text_at (about, "responder"), ==, "C=CH, O=Example, CN=Sub");
    g_assert_cmpstr (text_at (about, "answers.0.serial"), ==, "0102");
    g_assert_cmpstr (text_at (about, "answers.0.state"), ==, "revoked");
    g_assert_cmpstr (text_at (about, "answers.0.reason"), ==, "superseded");
  }
  await_end (&responder);
}

static void
test_failures (Fixture *fixture, gconstpointer data)
{
  static const char nonsense[] = "POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\n\x30\x02\x05\x01";
  g_autoptr (GByteArray) answer = NULL;
  Responder responder;

  make_chain (fixture);
  start (fixture, &responder, "--cacert|sub.crt|--key|sub.key|--requests|1");
  answer = talk (&responder, nonsense);
  save (fixture, "answer.der", answer);
  pki_ok (fixture, "print|--type|ocsp|answer.der");
  assert_has (fixture->output, "status: malformedrequest");
  await_end (&responder);
  start (fixture, &responder, "--cacert|sub.crt|--key|sub.key|--fail|try-later|--requests|1");
  openssl (fixture, "ocsp|-issuer|sub.crt|-cert|moon.crt|-reqout|q.der");
  {
    g_autofree char *line =
        g_strdup_printf ("ocsp|-reqin|q.der|-noverify|-url|http://127.0.0.1:%u/", responder.port);
    openssl_fails (fixture, line);
    assert_has (fixture->output, "trylater (3)");
  }
  await_end (&responder);
}

/* -- HTTP */

static void
test_files (Fixture *fixture, gconstpointer data)
{
  Responder responder;

  write_text (fixture, "a.crl", "list");
  write_text (fixture, ".secret", "secret");
  start (fixture, &responder, "--serve|.");
  assert_answer (&responder, "GET /a.crl HTTP/1.1\r\nHost: x\r\n\r\n",
                 "HTTP/1.1 200 OK\r\nContent-Type: application/pkix-crl\r\nContent-Length: 4\r\n",
                 "list");
  assert_answer (&responder, "GET /%61.crl?x HTTP/1.0\r\n\r\n", "200 OK", "list");
  assert_answer (&responder, "GET /b.crl HTTP/1.1\r\n\r\n", "404 Not Found", "");
  assert_answer (&responder, "GET /.secret HTTP/1.1\r\n\r\n", "404 Not Found", "");
  assert_answer (&responder, "GET /../a.crl HTTP/1.1\r\n\r\n", "404 Not Found", "");
  assert_answer (&responder, "GET /%2e%2e%2fa.crl HTTP/1.1\r\n\r\n", "404 Not Found", "");
  assert_answer (&responder, "GET / HTTP/1.1\r\n\r\n", "404 Not Found", "");
  assert_answer (&responder, "POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n", "405 ", "");
  assert_answer (&responder, "DELETE / HTTP/1.1\r\n\r\n",
                 "405 Method Not Allowed\r\nAllow: GET, POST", "");
  stop (&responder);
}

static void
test_bounds (Fixture *fixture, gconstpointer data)
{
  g_autofree char *name = g_strnfill (70000, 'a'), *endless = g_strdup_printf ("GET /%s", name);
  Responder responder;

  start (fixture, &responder, "--serve|.|--requests|4");
  assert_answer (&responder, "POST / HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n", "413 ", "");
  assert_answer (&responder, "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", "501 ", "");
  assert_answer (&responder, "nonsense\r\n\r\n", "400 ", "");
  assert_answer (&responder, endless, "431 ", "");
  await_end (&responder);
}

/* Who says nothing, or goes away, is no request, and does not stop others. */
static void
test_gone (Fixture *fixture, gconstpointer data)
{
  Responder responder;
  int fd;

  write_text (fixture, "a", "text");
  start (fixture, &responder, "--serve|.|--requests|1");
  fd = connect_to (&responder);
  g_assert_cmpint (send (fd, "GET /a HT", 9, MSG_NOSIGNAL), ==, 9);
  close (fd);
  assert_answer (&responder, "GET /a HTTP/1.1\r\n\r\n", "200 OK", "text");
  await_end (&responder);
}

static void
test_delay (Fixture *fixture, gconstpointer data)
{
  Responder responder;
  gint64 begin_us;
  int fd;

  write_text (fixture, "a", "text");
  start (fixture, &responder, "--serve|.|--requests|1|--delay-ms|150");
  begin_us = g_get_monotonic_time ();
  assert_answer (&responder, "GET /a HTTP/1.1\r\n\r\n", "200 OK", "text");
  g_assert_cmpint (g_get_monotonic_time () - begin_us, >=, DELAY_MS * 1000);
  await_end (&responder);
  /* It can be ended while it waits. */
  start (fixture, &responder, "--serve|.|--delay-ms|600000");
  fd = connect_to (&responder);
  g_assert_cmpint (send (fd, "GET /a HTTP/1.1\r\n\r\n", 19, MSG_NOSIGNAL), ==, 19);
  stop (&responder);
  close (fd);
}

static void
test_usage (Fixture *fixture, gconstpointer data)
{
  make_chain (fixture);
  pki_fails (fixture, 2, "--cacert FILE is needed", "ocsp");
  pki_fails (fixture, 2, "--key FILE is needed", "ocsp|--cacert|ca.crt");
  pki_fails (fixture, 2, "--port is at most 65535", "ocsp|--serve|.|--port|70000");
  pki_fails (fixture, 1, "cannot serve gone: No such file", "ocsp|--serve|gone");
  pki_fails (fixture, 1, "cannot listen on port 0 of 192.0.2.1",
             "ocsp|--serve|.|--address|192.0.2.1");
  pki_fails (fixture, 2, "did you mean superseded?",
             "ocsp|--cacert|ca.crt|--key|ca.key|--revoked|01:supersede");
}

#define ADD(name, function)                                                                        \
  g_test_add ("/pki-ocsp/" name, Fixture, NULL, set_up, function, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_unsetenv ("IKEBANA_PASSPHRASE");
  ADD ("good-revoked-and-unknown-are-told-apart", test_states);
  ADD ("of-another-ca-it-knows-nothing", test_other_ca);
  ADD ("a-crl-says-what-is-revoked", test_crl);
  ADD ("a-delegated-responder-signs-for-the-ca", test_delegated);
  ADD ("a-request-in-the-path-is-answered", test_get);
  ADD ("a-request-that-cannot-be-read-is-called-malformed", test_failures);
  ADD ("files-are-served-and-no-path-leads-out", test_files);
  ADD ("what-is-too-large-is-refused-before-it-is-read", test_bounds);
  ADD ("who-goes-away-does-not-stop-others", test_gone);
  ADD ("an-answer-comes-after-the-delay", test_delay);
  ADD ("a-wrong-command-line-starts-nothing", test_usage);
  return g_test_run ();
}
