/* SPDX-License-Identifier: Apache-2.0 */
/* test_client.c - requests and replies: what is sent, what is believed, and what is not. */
#include "test_support.h"
#include <string.h>

#define ALPHA "alpha { address = 192.0.2.1\n secret = testing123 }\n"

static gboolean
find (const Fake *fake, guint8 type, IkeRadiusAttribute *found)
{
  return ike_radius_find (fake->last + IKE_RADIUS_HEADER_LEN,
                          fake->last_len - IKE_RADIUS_HEADER_LEN, 0, type, found);
}

/* -- what is sent and what comes back */

static void
add_keys (IkeWriter *w, const RadiusPacket *request, RadiusSecret secret)
{
  radius_add_mppe_key (w, IKE_RADIUS_MS_MPPE_RECV_KEY, 1, request->authenticator, secret,
                       "recv key, 32 bytes of it........", 32);
  radius_add_mppe_key (w, IKE_RADIUS_MS_MPPE_SEND_KEY, 2, request->authenticator, secret,
                       "send key, 32 bytes of it........", 32);
}

static void
test_accept (void)
{
  Bench bench;
  Fake alpha = { .add = add_keys };
  Ask ask = { .with_eap = TRUE };
  IkeRadiusAttribute found;

  bench_open (&bench, "nas_identifier = gw1\n servers { " ALPHA " }");
  fake_open (&alpha, &bench, "192.0.2.1", 1812);
  ask_wait (&bench, &ask);
  g_assert_cmpstr (ask.error, ==, NULL);
  g_assert_cmpuint (ask.reply->code, ==, IKE_RADIUS_ACCESS_ACCEPT);
  g_assert_cmpuint (ask.reply->server, ==, 1);
  g_assert_cmpstr (ask.reply->server_name, ==, "alpha");
  g_assert_cmpmem (ike_secret_blob_data (ask.reply->mppe_recv),
                   ike_secret_blob_len (ask.reply->mppe_recv), "recv key, 32 bytes of it........",
                   32);
  g_assert_cmpmem (ike_secret_blob_data (ask.reply->mppe_send),
                   ike_secret_blob_len (ask.reply->mppe_send), "send key, 32 bytes of it........",
                   32);
  g_assert_true (
      ike_radius_find (ask.reply->attributes, ask.reply->len, 0, IKE_RADIUS_REPLY_MESSAGE, &found));
  g_assert_cmpmem (found.value, found.len, "hello", 5);
  /* The first attribute is the Message-Authenticator. */
  g_assert_cmpuint (alpha.last[IKE_RADIUS_HEADER_LEN], ==, IKE_RADIUS_MESSAGE_AUTHENTICATOR);
  g_assert_true (find (&alpha, IKE_RADIUS_NAS_IDENTIFIER, &found));
  g_assert_cmpmem (found.value, found.len, "gw1", 3);
  ask_clear (&ask);
  bench_close (&bench);
}

static void
test_password (void)
{
  Bench bench;
  Fake alpha = { .code = IKE_RADIUS_ACCESS_REJECT };
  Ask ask = { .password = "pa55 w0rd of more than sixteen" };
  IkeRadiusAttribute found;
  g_autoptr (IkeSecretBlob) password = NULL;

  bench_open (&bench, "servers { " ALPHA " }");
  fake_open (&alpha, &bench, "192.0.2.1", 1812);
  ask_wait (&bench, &ask);
  g_assert_cmpuint (ask.reply->code, ==, IKE_RADIUS_ACCESS_REJECT);
  g_assert_true (find (&alpha, IKE_RADIUS_USER_PASSWORD, &found));
  password = radius_read_password (&found, alpha.last + 4, fake_secret (&alpha));
  g_assert_cmpmem (ike_secret_blob_data (password), ike_secret_blob_len (password), ask.password,
                   strlen (ask.password));
  ask_clear (&ask);
  bench_close (&bench);
}

static void
test_accounting (void)
{
  Bench bench;
  Fake alpha = { 0 };
  Ask ask = { .code = IKE_RADIUS_ACCOUNTING_REQUEST };
  IkeRadiusAttribute found;

  bench_open (&bench,
              "servers { " ALPHA " beta { address = 192.0.2.2\n secret = x\n acct_port = 0\n "
              "preference = 9 } }");
  fake_open (&alpha, &bench, "192.0.2.1", 1813);
  ask_wait (&bench, &ask);
  g_assert_cmpstr (ask.error, ==, NULL);
  g_assert_cmpuint (ask.reply->code, ==, IKE_RADIUS_ACCOUNTING_RESPONSE);
  g_assert_false (find (&alpha, IKE_RADIUS_MESSAGE_AUTHENTICATOR, &found));
  g_assert_cmpint (bench_number (&bench, "alpha accounting", "answers"), ==, 1);
  g_assert_cmpint (bench_number (&bench, "alpha", "requests"), ==, 0);
  ask_clear (&ask);
  bench_close (&bench);
}

static void
test_status_has_no_secret (void)
{
  Bench bench;
  g_autofree char *text = NULL;
  g_autoptr (IkeTree) status = NULL;

  bench_open (&bench, "secret = verysecret\n servers { a { address = 192.0.2.1 }\n b { address = "
                      "192.0.2.2\n secret = othersecret } }\n dae { enable = yes\n secret = "
                      "thirdsecret }");
  status = bench_status (&bench);
  text = ike_tree_serialize (status, FALSE);
  g_assert_nonnull (strstr (text, "192.0.2.2"));
  g_assert_null (strstr (text, "secret"));
  bench_close (&bench);
}

/* -- what is not believed */

typedef struct {
  const char *name;
  Manner manner;
  gboolean with_eap;
  guint8 code;
  const char *drop; /* NULL: it is believed */
  const char *settings;
} Bad;

/* Each is dropped and counted, changes nothing, and the right answer to the request sent again is
 * taken. */
static void
test_bad (gconstpointer data)
{
  const Bad *bad = data;
  Bench bench;
  Fake alpha = { .manner = bad->manner };
  Ask ask = { .code = bad->code, .with_eap = bad->with_eap };
  g_autofree char *settings =
      g_strdup_printf ("servers { alpha { address = 192.0.2.1\n secret = testing123\n %s } }",
                       bad->settings ? bad->settings : "");
  guint16 port = bad->code == IKE_RADIUS_ACCOUNTING_REQUEST ? 1813 : 1812;
  const char *row = port == 1813 ? "alpha accounting" : "alpha";

  bench_open (&bench, settings);
  fake_open (&alpha, &bench, "192.0.2.1", port);
  ask_begin (&bench, &ask);
  bench_run (&bench, 1);
  g_assert_true (ask.is_done == !bad->drop);
  if (bad->drop) {
    g_autofree char *counter = g_strconcat ("drops.", bad->drop, NULL);

    g_assert_cmpint (bench_number (&bench, row, counter), ==, 1);
    g_assert_cmpint (bench_number (&bench, row, "dropped"), ==, 1);
    g_assert_cmpint (bench_number (&bench, row, "pending"), ==, 1);
    alpha.manner = ANSWER_WELL;
    bench_run (&bench, 3);
  }
  g_assert_true (ask.is_done);
  g_assert_cmpstr (ask.error, ==, NULL);
  g_assert_cmpint (bench_number (&bench, row, "answers"), ==, 1);
  ask_clear (&ask);
  bench_close (&bench);
}

#define ACCOUNTING IKE_RADIUS_ACCOUNTING_REQUEST
#define NOT_REQUIRED "require_message_authenticator = no"

static const Bad bads[] = {
  { "wrong-authenticator", ANSWER_WRONG_SECRET, FALSE, 0, "authenticator", NULL },
  { "wrong-authenticator-of-accounting", ANSWER_WRONG_SECRET, FALSE, ACCOUNTING, "authenticator",
    NULL },
  { "wrong-identifier", ANSWER_WRONG_IDENTIFIER, FALSE, 0, "unknown", NULL },
  { "wrong-code", ANSWER_WRONG_CODE, FALSE, 0, "code", NULL },
  { "wrong-message-authenticator", ANSWER_WRONG_MAC, FALSE, 0, "message-authenticator", NULL },
  { "wrong-message-authenticator-where-none-is-wanted", ANSWER_WRONG_MAC, FALSE, 0,
    "message-authenticator", NOT_REQUIRED },
  { "no-message-authenticator", ANSWER_WITHOUT_MAC, FALSE, 0, "no-message-authenticator", NULL },
  { "no-message-authenticator-for-eap", ANSWER_WITHOUT_MAC, TRUE, 0, "no-message-authenticator",
    NULL },
  { "no-message-authenticator-for-eap-whatever-is-set", ANSWER_WITHOUT_MAC, TRUE, 0,
    "no-message-authenticator", NOT_REQUIRED },
  { "no-message-authenticator-where-none-is-wanted", ANSWER_WITHOUT_MAC, FALSE, 0, NULL,
    NOT_REQUIRED },
  { "cut", ANSWER_CUT, FALSE, 0, "malformed", NULL },
  { "looping", ANSWER_LOOPING, FALSE, 0, "malformed", NULL },
  { "from-elsewhere", ANSWER_FROM_ELSEWHERE, FALSE, 0, "source", NULL },
};

/* Who never sends a good one is told as such. */
static void
test_never_good (void)
{
  Bench bench;
  Fake alpha = { .manner = ANSWER_WITHOUT_MAC };
  Ask ask = { 0 };

  bench_open (&bench, "servers { " ALPHA " }");
  fake_open (&alpha, &bench, "192.0.2.1", 1812);
  ask_wait (&bench, &ask);
  g_test_message ("%s", ask.error);
  g_assert_nonnull (strstr (ask.error, "gave no good reply"));
  g_assert_nonnull (strstr (ask.error, "require_message_authenticator"));
  ask_clear (&ask);
  bench_close (&bench);
}

static void
test_second_answer (void)
{
  Bench bench;
  Fake alpha = { .manner = ANSWER_TWICE };
  Ask ask = { 0 };

  bench_open (&bench, "servers { " ALPHA " }");
  fake_open (&alpha, &bench, "192.0.2.1", 1812);
  ask_wait (&bench, &ask);
  bench_run (&bench, 1);
  g_assert_cmpint (bench_number (&bench, "alpha", "answers"), ==, 1);
  g_assert_cmpint (bench_number (&bench, "alpha", "drops.unknown"), ==, 1);
  ask_clear (&ask);
  bench_close (&bench);
}

/* The request is over when its answer comes; another one that has the identifier by then is not
 * answered by it. */
static void
test_late_answer (void)
{
  Bench bench;
  Fake alpha = { .think_us = 3000000 };
  Ask first = { 0 }, others[256] = { 0 };

  bench_open (&bench, "sockets = 1\n servers { " ALPHA " }");
  fake_open (&alpha, &bench, "192.0.2.1", 1812);
  ask_begin (&bench, &first);
  bench_run (&bench, 0.5);
  ask_cancel (&first);
  alpha.manner = ANSWER_NOTHING;
  for (guint i = 0; i < G_N_ELEMENTS (others); i++)
    ask_begin (&bench, &others[i]);
  bench_run (&bench, 2.8);
  g_assert_false (first.is_done);
  for (guint i = 0; i < G_N_ELEMENTS (others); i++)
    g_assert_false (others[i].is_done);
  g_assert_cmpint (bench_number (&bench, "alpha", "drops.authenticator"), ==, 1);
  bench_close (&bench);
  for (guint i = 0; i < G_N_ELEMENTS (others); i++)
    ask_clear (&others[i]);
}

/* -- bounds */

static void
test_identifiers (void)
{
  enum { N = 600 };
  Bench bench;
  Fake alpha = { .think_us = 100000 };
  Ask *asks = g_new0 (Ask, N);

  bench_open (&bench, "sockets = 2\n servers { " ALPHA " }");
  fake_open (&alpha, &bench, "192.0.2.1", 1812);
  for (guint i = 0; i < N; i++)
    ask_begin (&bench, &asks[i]);
  bench_run (&bench, 0.05);
  g_assert_cmpuint (alpha.n_heard, ==, 512);
  g_assert_cmpint (bench_number (&bench, "alpha", "pending"), ==, N);
  g_assert_cmpint (bench_number (&bench, "alpha", "sockets"), ==, 2);
  bench_run (&bench, 0.5);
  for (guint i = 0; i < N; i++) {
    g_assert_true (asks[i].is_done);
    g_assert_cmpstr (asks[i].error, ==, NULL);
    ask_clear (&asks[i]);
  }
  g_assert_cmpint (bench_number (&bench, "alpha", "pending"), ==, 0);
  g_free (asks);
  bench_close (&bench);
}

static void
test_too_many (void)
{
  Bench bench;
  Fake alpha = { .manner = ANSWER_NOTHING };
  Ask asks[4] = { 0 };

  bench_open (&bench, "max_pending = 3\n servers { " ALPHA " }");
  fake_open (&alpha, &bench, "192.0.2.1", 1812);
  for (guint i = 0; i < 4; i++)
    ask_begin (&bench, &asks[i]);
  g_assert_false (asks[2].is_done);
  g_assert_true (asks[3].is_done);
  g_assert_nonnull (strstr (asks[3].error, "max_pending"));
  /* One that is over makes room, however it ended. */
  ask_cancel (&asks[0]);
  ask_clear (&asks[3]);
  ask_begin (&bench, &asks[3]);
  g_assert_false (asks[3].is_done);
  bench_run (&bench, 60);
  alpha.manner = ANSWER_WELL;
  for (guint i = 1; i < 4; i++) {
    g_assert_true (asks[i].is_done);
    ask_clear (&asks[i]);
    ask_begin (&bench, &asks[i]);
  }
  bench_run (&bench, 1);
  for (guint i = 1; i < 4; i++) {
    g_assert_cmpstr (asks[i].error, ==, NULL);
    ask_clear (&asks[i]);
  }
  bench_close (&bench);
}

static void
test_cancelled (void)
{
  Bench bench;
  Fake alpha = { .manner = ANSWER_NOTHING };
  Ask ask = { 0 };

  bench_open (&bench, "servers { " ALPHA " }");
  fake_open (&alpha, &bench, "192.0.2.1", 1812);
  ask_begin (&bench, &ask);
  bench_run (&bench, 0.1);
  g_assert_cmpint (bench_number (&bench, "alpha", "pending"), ==, 1);
  ask_cancel (&ask);
  g_assert_cmpint (bench_number (&bench, "alpha", "pending"), ==, 0);
  bench_run (&bench, 60);
  g_assert_cmpuint (alpha.n_heard, ==, 1);
  bench_close (&bench);
}

static void
test_refused (void)
{
  Bench bench;
  Ask code = { .code = IKE_RADIUS_STATUS_SERVER }, server = { .server = 2 },
      group = { .group = "none" };
  char *long_text = g_strnfill (129, 'x');
  Ask password = { .password = long_text };
  Ask *asks[] = { &code, &server, &group, &password };

  bench_open (&bench, "servers { " ALPHA " }");
  for (guint i = 0; i < G_N_ELEMENTS (asks); i++) {
    ask_begin (&bench, asks[i]);
    g_assert_true (asks[i]->is_done);
    g_assert_nonnull (asks[i]->error);
    g_test_message ("%s", asks[i]->error);
    if (asks[i]->group)
      g_assert_nonnull (strstr (asks[i]->error, "no RADIUS server of the group none"));
    ask_clear (asks[i]);
  }
  bench_close (&bench);
  bench_open (&bench, "");
  ask_wait (&bench, &server);
  g_assert_nonnull (strstr (server.error, "no RADIUS server is configured"));
  ask_clear (&server);
  bench_close (&bench);
  g_free (long_text);
}

/* The engine ends with requests on their way. */
static void
test_end (void)
{
  Bench bench;
  Fake alpha = { .manner = ANSWER_NOTHING };
  Ask asks[300] = { 0 };

  bench_open (&bench, "sockets = 1\n servers { " ALPHA " }");
  fake_open (&alpha, &bench, "192.0.2.1", 1812);
  for (guint i = 0; i < 300; i++)
    ask_begin (&bench, &asks[i]);
  bench_close (&bench);
  for (guint i = 0; i < 300; i++)
    ask_clear (&asks[i]);
}

/* -- settings */

static void
test_settings (void)
{
  static const struct {
    const char *settings, *why;
  } cases[] = {
    { "servers { a { secret = x } }", "no address" },
    { "servers { a { address = radius.example\n secret = x } }", "address" },
    { "servers { a { address = 192.0.2.1 } }", "no secret" },
    { "servers { a { address = 192.0.2.1\n secrte = topsecret } }", "did you mean secret?" },
    { "servers { a { address = 192.0.2.1\n secret = x\n auth_port = 70000 } }", "1 to 65535" },
    { "servers { a { address = 192.0.2.1\n secret = x\n type = tcp } }", "udp or tls" },
    { "servers { a { address = 192.0.2.1\n secret = x\n type = tls } }", "tls_id" },
    { "servers { a { address = 192.0.2.1\n secret = x\n tls_id = a } }", "type = tls" },
    { "servers { a { address = 192.0.2.1\n secret = x\n tls_revocation = no } }", "or strict" },
    { "servers { a { address = 192.0.2.1\n secret = x\n source = ::1 } }", "family" },
    { "servers { a { address = 192.0.2.1\n secret = x\n retransmit_base = 0.5 } }", "from 1 to" },
    { "servers { a { address = 192.0.2.1\n secret = x\n retransmit_tries = 0 } }", "from 1 to" },
    { "servers { a { address = 192.0.2.1\n secret = x\n dead_time = soon } }", "a time" },
    { "servers { a { address = 192.0.2.1\n secret = x\n status_server = maybe } }", "yes or no" },
    { "dae { enable = yes\n clients { a { address = 10.0.0.0/33\n secret = x } } }", "prefix" },
    { "dae { enable = yes\n clients { a { address = 10.0.0.1 } } }", "no secret" },
    { "dae { enable = yes\n clients { a { secret = x } } }", "address" },
    { "dae { port = 0 }", "1 to 65535" },
    { "dae { portt = 1 }", "did you mean port?" },
    { "servers { a = 1 }", "section" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *why = bench_refusal (cases[i].settings);

    g_assert_nonnull (why);
    g_test_message ("%s", why);
    g_assert_nonnull (strstr (why, cases[i].why));
    g_assert_null (strstr (why, "topsecret"));
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/radius/client/accept-with-keys", test_accept);
  g_test_add_func ("/radius/client/password-is-hidden", test_password);
  g_test_add_func ("/radius/client/accounting-has-its-port-and-signature", test_accounting);
  g_test_add_func ("/radius/client/status-has-no-secret", test_status_has_no_secret);
  for (guint i = 0; i < G_N_ELEMENTS (bads); i++) {
    g_autofree char *path = g_strconcat ("/radius/client/reply/", bads[i].name, NULL);
    g_test_add_data_func (path, &bads[i], test_bad);
  }
  g_test_add_func ("/radius/client/reply/none-is-good", test_never_good);
  g_test_add_func ("/radius/client/reply/second-one-is-dropped", test_second_answer);
  g_test_add_func ("/radius/client/reply/late-one-is-dropped", test_late_answer);
  g_test_add_func ("/radius/client/identifiers-run-out", test_identifiers);
  g_test_add_func ("/radius/client/too-many-are-refused", test_too_many);
  g_test_add_func ("/radius/client/cancelled-one-goes", test_cancelled);
  g_test_add_func ("/radius/client/what-cannot-be-asked-is-refused", test_refused);
  g_test_add_func ("/radius/client/engine-ends-with-requests", test_end);
  g_test_add_func ("/radius/client/settings-that-are-wrong", test_settings);
  return g_test_run ();
}
