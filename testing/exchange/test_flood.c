/* SPDX-License-Identifier: Apache-2.0 */
/* test_flood.c - first messages in numbers: cookies, limits of half-open SAs, and that nobody
 * unproven gets more than it sent. */
#include "exchange/first.h"

static const char *const cookie_plugin[] = { "cookie", NULL };

static const char anybody[] = "remote_addrs = %any\n proposals = aes256gcm16-prfsha256-x25519\n "
                              "children { net { local_ts = 10.2.0.0/16\n remote_ts = 10.1.0.0/16\n"
                              " esp_proposals = aes256gcm16\n } }\n";

/* `b` takes anybody; @more of its settings. */
static Forge *
forge_open_to_all (gconstpointer flags, const char *more, guint n_shards)
{
  PairOptions o = { .flags = GPOINTER_TO_UINT (flags),
                    .n_shards = n_shards,
                    .connection = { attack_bodies[0], anybody },
                    .more = { NULL, more },
                    .plugins = cookie_plugin };

  return forge_new (&o);
}

static guint64
count (Forge *forge, const char *name)
{
  return pair_count (&forge->pair->b, name);
}

static void
assert_counts (Forge *forge, guint64 sent, guint64 accepted, guint64 refused)
{
  g_assert_cmpuint (count (forge, "cookie.sent"), ==, sent);
  g_assert_cmpuint (count (forge, "cookie.accepted"), ==, accepted);
  g_assert_cmpuint (count (forge, "cookie.refused"), ==, refused);
}

static const char always[] = "plugins { cookie { always = yes } }\n";

/* -- the initiator's side of it */

/* RFC 7296, 2.6: the request again with the cookie "as the first payload, and all other payloads
 * unchanged". */
static void
test_up (gconstpointer flags)
{
  Forge *forge = forge_open_to_all (flags, always, 0);
  const ForgePacket *first, *second;
  gsize cookie_len;

  attack_up (forge, "net");
  assert_counts (forge, 1, 1, 0);
  pair_assert_twins (forge->pair);
  first = forge_sent (forge, FALSE, 0);
  second = forge_sent (forge, FALSE, 1);
  g_assert_cmpuint (first->data[16], ==, IKE_PAYLOAD_SA);
  g_assert_cmpuint (second->data[16], ==, IKE_PAYLOAD_NOTIFY);
  cookie_len = (gsize) second->data[30] << 8 | second->data[31];
  g_assert_cmpuint (second->data[28], ==, IKE_PAYLOAD_SA);
  g_assert_cmpuint (second->len, ==, first->len + cookie_len);
  g_assert_cmpmem (first->data, 16, second->data, 16);
  g_assert_cmpmem (first->data + 28, first->len - 28, second->data + 28 + cookie_len,
                   second->len - 28 - cookie_len);
  forge_free (forge);
}

/* RFC 7296, 2.6.1: a cookie, another group, and the cookie once more: "Implementations SHOULD
 * support this shorter exchange". */
static void
test_up_with_another_group (gconstpointer flags)
{
  static const char both[] =
      "proposals = aes256gcm16-prfsha256-x25519-ecp256\n children { net { } }\n",
                    one[] = "proposals = aes256gcm16-prfsha256-ecp256\n children { net { } }\n";
  Forge *forge = forge_new (&(PairOptions){ .flags = GPOINTER_TO_UINT (flags),
                                            .connection = { both, one },
                                            .more = { NULL, always },
                                            .plugins = cookie_plugin });

  attack_up (forge, NULL);
  assert_counts (forge, 1, 2, 0);
  g_assert_cmpint (forge_says (forge, forge_sent (forge, TRUE, 0)), ==, IKE_N_COOKIE);
  g_assert_cmpint (forge_says (forge, forge_sent (forge, TRUE, 1)), ==, IKE_N_INVALID_KE_PAYLOAD);
  g_assert_cmpuint (forge_n_sent (forge, FALSE), ==, 4);
  forge_free (forge);
}

/* The same where the responder forgot its secret meanwhile: "but MUST NOT fail if other
 * implementations do not support this shorter exchange". */
static void
test_up_when_cookies_change (gconstpointer flags)
{
  Forge *forge =
      forge_open_to_all (flags, "plugins { cookie { always = yes\n lifetime = 1\n } }\n", 0);

  char *error;

  /* What comes back 2.4 seconds after it was made is two periods old, or three. */
  forge->pair->a.net_ops->set_latency (forge->pair->a.net, 1200 * 1000, 0);
  pair_begin_up (forge->pair, &forge->pair->a, "pair", "net", &error);
  forge_run_ms (forge, 4000);
  assert_counts (forge, 2, 0, 1);
  forge->pair->a.net_ops->set_latency (forge->pair->a.net, 10 * 1000, 0);
  pair_run (forge->pair, 20);
  g_assert_cmpstr (error, ==, "");
  g_free (error);
  g_assert_cmpuint (count (forge, "cookie.accepted"), >=, 1);
  pair_assert_twins (forge->pair);
  forge_free (forge);
}

/* -- whose a cookie is */

static void
test_bound (gconstpointer flags)
{
  Forge *forge = forge_open_to_all (flags, always, 0);
  FirstAnswer got = first_send (forge, &(First){ 0 }), answer;
  First ask[] = { { .from = "172.16.0.2" }, { .port = 501 },    { .nonce = 1 },
                  { .nonce_len = 127 },     { .spi = SPI + 1 }, { .from = "10.0.0.1" } };
  guint8 changed[64];
  guint i;

  g_assert_true (first_is_cookie (&got));
  g_assert_cmpuint (forge_n_sas (&forge->pair->b), ==, 0);
  for (i = 0; i < G_N_ELEMENTS (ask); i++) {
    ask[i].cookie = got.cookie;
    ask[i].cookie_len = got.cookie_len;
    answer = first_send (forge, &ask[i]);
    g_assert_true (first_is_cookie (&answer));
  }
  assert_counts (forge, 1 + i, 0, i);
  for (i = 0; i < got.cookie_len * 8; i++) {
    memcpy (changed, got.cookie, got.cookie_len);
    changed[i / 8] ^= (guint8) (1u << i % 8);
    answer = first_send (forge, &(First){ .cookie = changed, .cookie_len = got.cookie_len });
    g_assert_true (first_is_cookie (&answer));
  }
  memset (changed, 0, sizeof changed);
  memcpy (changed, got.cookie, got.cookie_len);
  for (i = 0; i <= sizeof changed; i++)
    if (i != got.cookie_len) {
      answer = first_send (forge, &(First){ .cookie = changed, .cookie_len = i });
      g_assert_true (first_is_cookie (&answer));
    }
  g_assert_cmpuint (forge_n_sas (&forge->pair->b), ==, 0);
  g_assert_cmpuint (count (forge, "cookie.accepted"), ==, 0);
  answer = first_send (forge, &(First){ .cookie = got.cookie, .cookie_len = got.cookie_len });
  g_assert_true (first_is_sa (&answer));
  g_assert_cmpuint (count (forge, "cookie.accepted"), ==, 1);
  forge_free (forge);
}

/* Each period has its secret, and the one before is still good. */
static void
test_rotation (gconstpointer flags)
{
  Forge *forge =
      forge_open_to_all (flags, "plugins { cookie { always = yes\n lifetime = 60\n } }\n", 0);
  FirstAnswer early = first_send (forge, &(First){ .spi = SPI + 1 }), late, answer;

  pair_run (forge->pair, 58);
  late = first_send (forge, &(First){ .spi = SPI + 2 });
  answer = first_send (
      forge, &(First){ .spi = SPI + 1, .cookie = early.cookie, .cookie_len = early.cookie_len });
  g_assert_true (first_is_sa (&answer));
  pair_run (forge->pair, 31); /* its SA is gone, the next period has come */
  answer = first_send (
      forge, &(First){ .spi = SPI + 1, .cookie = early.cookie, .cookie_len = early.cookie_len });
  g_assert_true (first_is_sa (&answer));
  answer = first_send (forge, &(First){ .spi = SPI + 1 });
  g_assert_true (first_is_cookie (&answer));
  g_assert_cmpuint (answer.cookie[0], ==, (guint8) (early.cookie[0] + 1));
  g_assert_cmpint (memcmp (answer.cookie + 1, early.cookie + 1, early.cookie_len - 1), !=, 0);
  pair_run (forge->pair, 32);
  answer = first_send (
      forge, &(First){ .spi = SPI + 1, .cookie = early.cookie, .cookie_len = early.cookie_len });
  g_assert_true (first_is_cookie (&answer));
  answer = first_send (
      forge, &(First){ .spi = SPI + 2, .cookie = late.cookie, .cookie_len = late.cookie_len });
  g_assert_true (first_is_cookie (&answer));
  forge_free (forge);
}

/* -- when they are asked for */

static FirstAnswer
send_from (Forge *forge, guint host)
{
  g_autofree char *from = g_strdup_printf ("172.16.%u.%u", host / 250, 1 + host % 250);

  return first_send (forge, &(First){ .spi = SPI + host, .from = from });
}

static void
test_threshold (gconstpointer flags)
{
  Forge *forge = forge_open_to_all (
      flags, "plugins { cookie { threshold = 5\n threshold_source = 0\n hold = 60\n } }\n", 0);
  FirstAnswer answer;
  guint i;

  for (i = 0; i < 5; i++) {
    answer = send_from (forge, i);
    g_assert_true (first_is_sa (&answer));
  }
  assert_counts (forge, 0, 0, 0);
  answer = send_from (forge, 5);
  g_assert_true (first_is_cookie (&answer));
  g_assert_cmpuint (forge_n_sas (&forge->pair->b), ==, 5);
  /* A peer that is there gets in. */
  attack_up (forge, "net");
  assert_counts (forge, 2, 1, 0);
  /* The others are gone, and still it is asked for, for a while. */
  pair_run (forge->pair, 35);
  g_assert_cmpuint (forge_n_sas (&forge->pair->b), ==, 1);
  answer = send_from (forge, 6);
  g_assert_true (first_is_cookie (&answer));
  pair_run (forge->pair, 30);
  answer = send_from (forge, 7);
  g_assert_true (first_is_sa (&answer));
  forge_free (forge);
}

static void
test_threshold_of_source (gconstpointer flags)
{
  Forge *forge = forge_open_to_all (
      flags, "plugins { cookie { threshold = 0\n threshold_source = 2\n } }\n", 0);
  FirstAnswer answer, other;
  guint i;

  for (i = 0; i < 2; i++) {
    answer = first_send (forge, &(First){ .spi = SPI + i });
    g_assert_true (first_is_sa (&answer));
  }
  answer = first_send (forge, &(First){ .spi = SPI + 2, .port = 600 });
  g_assert_true (first_is_cookie (&answer));
  other = first_send (forge, &(First){ .spi = SPI + 3, .from = "172.16.0.2" });
  g_assert_true (first_is_sa (&other));
  answer = first_send (forge, &(First){ .spi = SPI + 2,
                                        .port = 600,
                                        .cookie = answer.cookie,
                                        .cookie_len = answer.cookie_len });
  g_assert_true (first_is_sa (&answer));
  forge_free (forge);
}

/* -- limits hold, whoever is proven */

static void
test_limit_of_source (gconstpointer flags)
{
  Forge *forge = forge_open_to_all (flags,
                                    "core { block_threshold = 2\n block_threshold_prefix = 3 }\n"
                                    "plugins { cookie { always = yes } }\n",
                                    0);
  static const struct {
    const char *from;
    gboolean is_in;
  } asked[] = { { "172.16.0.1", TRUE }, { "172.16.0.1", TRUE },  { "172.16.0.1", FALSE },
                { "172.16.0.2", TRUE }, { "172.16.0.3", FALSE }, { "172.16.1.1", TRUE },
                { "172.16.0.1", FALSE } };
  FirstAnswer cookies[G_N_ELEMENTS (asked)], answer;
  guint i, n_in = 0;

  for (i = 0; i < G_N_ELEMENTS (asked); i++)
    cookies[i] = first_send (forge, &(First){ .spi = SPI + i, .from = asked[i].from });
  for (i = 0; i < G_N_ELEMENTS (asked); i++) {
    First first = { .spi = SPI + i,
                    .from = asked[i].from,
                    .cookie = cookies[i].cookie,
                    .cookie_len = cookies[i].cookie_len };
    g_assert_true (first_is_cookie (&cookies[i]));
    answer = first_send (forge, &first);
    g_assert_true (asked[i].is_in ? first_is_sa (&answer) : !answer.is_there);
    n_in += asked[i].is_in;
  }
  g_assert_cmpuint (forge_n_sas (&forge->pair->b), ==, n_in);
  g_assert_cmpuint (count (forge, "input.source-limit"), ==, 2);
  g_assert_cmpuint (count (forge, "input.prefix-limit"), ==, 1);
  /* A repeat of what was taken is answered as before. */
  answer = first_send (
      forge,
      &(First){ .spi = SPI, .cookie = cookies[0].cookie, .cookie_len = cookies[0].cookie_len });
  g_assert_true (first_is_sa (&answer));
  /* And the places get free again. */
  pair_run (forge->pair, 31);
  g_assert_cmpuint (forge_n_sas (&forge->pair->b), ==, 0);
  answer = first_send (
      forge,
      &(First){ .spi = SPI, .cookie = cookies[0].cookie, .cookie_len = cookies[0].cookie_len });
  g_assert_true (first_is_sa (&answer));
  forge_free (forge);
}

/* -- L: a flood */

static void
ignore_error (IkeSa *sa, gpointer data, const char *error)
{
  *(gboolean *) data = error == NULL;
}

static void
ask_for_life (IkeSa *sa, gpointer data)
{
  g_assert_true (ike_sa_begin (sa, "liveness", NULL, ignore_error, data));
}

/* From @first on so many hosts, each with its own SPI. */
static void
flood (Forge *forge, guint first, guint n)
{
  g_autofree guint8 *message = g_malloc (FIRST_MAX);
  gsize len = first_write (forge, &(First){ 0 }, message);
  IkeAddr from, to;
  guint i;

  ike_addr_parse (&from, "172.16.0.0", NULL);
  ike_addr_parse (&to, "10.0.0.2", NULL);
  to.port = 500;
  for (i = first; i < first + n; i++) {
    guint64 spi = GUINT64_TO_BE (SPI + i);
    guint32 host = GUINT32_TO_BE (0xac100000 + i);
    memcpy (message, &spi, sizeof spi);
    memcpy (from.bytes, &host, sizeof host);
    from.port = (guint16) (1024 + i % 60000);
    forge->pair->a.net_ops->inject (forge->pair->a.net, &from, &to, message, len, 0);
    if (i % 500 == 499) {
      ike_sim_settle (forge->pair->sim);
      forge_clear (forge);
    }
  }
  ike_sim_settle (forge->pair->sim);
}

static void
flooded (gconstpointer flags, guint n_shards)
{
  enum { N = 10000, THRESHOLD = 30 };
  Forge *forge = forge_open_to_all (
      flags, "core { log { default = notice } }\nplugins { cookie { threshold = 30 } }\n",
      n_shards);
  gboolean is_alive = FALSE;
  char *error;

  attack_up (forge, "net");
  flood (forge, 0, N / 2);
  /* A batch may come in before the first of it is an SA; then there are no more. */
  g_assert_cmpuint (forge_n_sas (&forge->pair->b), <=, 1 + 500);
  g_assert_cmpuint (count (forge, "cookie.sent"), >=, N / 2 - 500);
  forge_on_sa (&forge->pair->a, &forge->a, ask_for_life, &is_alive);
  flood (forge, N / 2, N / 4);
  forge_run_ms (forge, 100);
  g_assert_true (is_alive);
  /* Whoever is there gets in while it goes on. */
  pair_down (forge->pair, "pair", NULL);
  pair_begin_up (forge->pair, &forge->pair->a, "pair", "net", &error);
  flood (forge, N / 2 + N / 4, N / 4);
  forge_run_ms (forge, 200);
  g_assert_cmpstr (error, ==, "");
  g_free (error);
  g_assert_cmpuint (count (forge, "cookie.accepted"), >=, 1);
  pair_run (forge->pair, 31);
  g_assert_cmpuint (forge_n_sas (&forge->pair->b), ==, 1);
  pair_assert_twins (forge->pair);
  forge_free (forge);
}

static void
test_flood (gconstpointer flags)
{
  flooded (flags, 1);
}

static void
test_flood_of_shards (gconstpointer flags)
{
  flooded (flags, 3);
}

/* -- M: amplification */

/* An answer that is longer than what it answers goes to nobody who showed nothing; a cookie does,
 * and nothing is kept. */
static void
test_long_answer (gconstpointer flags)
{
  Forge *forge =
      forge_open_to_all (flags, "plugins { cookie { threshold = 0\n threshold_source = 0 } }\n", 0);
  First ask = { .nonce_len = 16 };
  g_autofree guint8 *message = g_malloc (FIRST_MAX);
  gsize len = first_write (forge, &ask, message);
  FirstAnswer answer = first_send (forge, &ask), got;

  g_assert_true (first_is_cookie (&answer));
  g_assert_cmpuint (answer.len, <=, len);
  g_assert_cmpuint (forge_n_sas (&forge->pair->b), ==, 0);
  g_assert_cmpuint (count (forge, "output.replaced"), ==, 1);
  /* Who is short once more is not computed for first. */
  got = first_send (forge, &(First){ .spi = SPI + 1, .nonce_len = 16 });
  g_assert_true (first_is_cookie (&got));
  g_assert_cmpuint (count (forge, "output.replaced"), ==, 1);
  ask.spi = SPI + 1;
  ask.cookie = got.cookie;
  ask.cookie_len = got.cookie_len;
  answer = first_send (forge, &ask);
  g_assert_true (first_is_sa (&answer));
  g_assert_cmpuint (forge_n_sas (&forge->pair->b), ==, 1);
  answer = first_send (forge, &ask);
  g_assert_true (first_is_sa (&answer));
  /* Who asks at length is answered at once. */
  answer = first_send (forge, &(First){ .spi = SPI + 2, .nonce_len = 128 });
  g_assert_true (first_is_sa (&answer));
  pair_run (forge->pair, 61);
  answer = first_send (forge, &(First){ .spi = SPI + 3, .nonce_len = 16 });
  g_assert_true (first_is_cookie (&answer));
  g_assert_cmpuint (count (forge, "output.replaced"), ==, 2);
  forge_free (forge);
}

/* Without the plugin it is sent: nobody else knows whom to believe. */
static void
test_long_answer_without (gconstpointer flags)
{
  Forge *forge = forge_new (&(PairOptions){ .flags = GPOINTER_TO_UINT (flags),
                                            .connection = { attack_bodies[0], anybody } });
  FirstAnswer answer = first_send (forge, &(First){ .nonce_len = 16 });

  g_assert_true (first_is_sa (&answer));
  forge_free (forge);
}

typedef enum {
  KIND_FIRST,
  KIND_VERSION_3,
  KIND_ORPHAN,
  KIND_CRITICAL,
  KIND_UNKNOWN_SPI,
  KIND_VERSION_1,
  KIND_OTHER_GROUP,
  KIND_OTHER_PROPOSAL,
  KIND_BAD_COOKIE,
  KIND_AUTH,
  N_KINDS
} Kind;

/* A message of @kind, cut or filled to @len. */
static gsize
write_kind (Forge *forge, Kind kind, guint64 spi, gsize len, guint8 *out)
{
  static const guint8 cookie[20] = { 1 };
  First first = { .spi = spi, .nonce_len = 16 };
  gsize full;

  if (kind == KIND_BAD_COOKIE) {
    first.cookie = cookie;
    first.cookie_len = sizeof cookie;
  }
  full = first_write (forge, &first, out);
  len = MIN (len, full);
  out[26] = (guint8) (len >> 8);
  out[27] = (guint8) len;
  switch (kind) {
  case KIND_VERSION_3:
    out[17] = 0x30;
    break;
  case KIND_ORPHAN:
    out[18] = EX_INFO, out[8] = 1;
    break;
  case KIND_CRITICAL:
    out[16] = 200, out[29] = 0x80;
    break;
  case KIND_UNKNOWN_SPI:
    out[8] = 1;
    break;
  case KIND_VERSION_1:
    out[17] = 0x10;
    break;
  case KIND_OTHER_GROUP:
    out[28 + 40 + 5] = 19;
    break;
  case KIND_OTHER_PROPOSAL:
    out[28 + 4 + 8 + 7] = 12;
    break;
  case KIND_AUTH:
    out[18] = EX_AUTH, out[8] = 2;
    break;
  default:
    break;
  }
  return len;
}

static void
test_matrix (gconstpointer flags)
{
  Forge *forge =
      forge_open_to_all (flags, "plugins { cookie { threshold = 0\n threshold_source = 0 } }\n", 0);
  g_autofree guint8 *message = g_malloc (FIRST_MAX);
  guint kind, n_answers[N_KINDS] = { 0 }, n = 0, again;
  gsize full = first_write (forge, &(First){ .nonce_len = 16, .cookie = message, .cookie_len = 20 },
                            message),
        len;

  for (kind = 0; kind < N_KINDS; kind++)
    for (len = IKE_HEADER_LEN; len <= full; len++) {
      gsize cut = write_kind (forge, kind, SPI + ++n, len, message);
      g_autofree char *from = g_strdup_printf ("172.16.%u.%u", n / 200, 1 + n % 200);
      forge_clear (forge);
      for (again = 0; again < 3; again++) {
        const ForgePacket *reply;
        forge_inject_from (forge, from, 500, TRUE, message, cut);
        forge_run_ms (forge, 20);
        g_assert_null (first_answer (forge, again + 1));
        reply = first_answer (forge, again);
        if (reply)
          g_assert_cmpuint (reply->len, <=, cut);
        n_answers[kind] += reply != NULL;
      }
      if (len % 6 == 0)
        pair_run (forge->pair, 2); /* past the limit of answers per second */
    }
  g_assert_cmpuint (n_answers[KIND_FIRST], >, 0);
  g_assert_cmpuint (n_answers[KIND_VERSION_3], >, 0);
  g_assert_cmpuint (n_answers[KIND_CRITICAL], >, 0);
  g_assert_cmpuint (n_answers[KIND_OTHER_GROUP], >, 0);
  g_assert_cmpuint (n_answers[KIND_OTHER_PROPOSAL], >, 0);
  g_assert_cmpuint (n_answers[KIND_BAD_COOKIE], >, 0);
  /* And nobody gets anything that he did not ask for. */
  forge_clear (forge);
  pair_run (forge->pair, 120);
  g_assert_null (first_answer (forge, 0));
  forge_free (forge);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  pair_add_test ("flood", "a-peer-brings-the-cookie-back", test_up);
  pair_add_test ("flood", "cookies-go-with-another-group", test_up_with_another_group);
  pair_add_test ("flood", "a-cookie-that-is-refused-is-replaced", test_up_when_cookies_change);
  pair_add_test ("flood", "a-cookie-is-good-for-one-source-nonce-and-spi", test_bound);
  pair_add_test ("flood", "secrets-rotate-and-the-last-one-is-still-good", test_rotation);
  pair_add_test ("flood", "cookies-begin-at-the-threshold-and-end-after-a-while", test_threshold);
  pair_add_test ("flood", "a-source-that-has-several-is-asked", test_threshold_of_source);
  pair_add_test ("flood", "a-proven-source-is-limited-too", test_limit_of_source);
  pair_add_test ("flood", "a-flood-keeps-nobody-out", test_flood);
  pair_add_test ("flood", "a-flood-keeps-nobody-out-of-three-shards", test_flood_of_shards);
  pair_add_test ("flood", "a-long-answer-is-replaced", test_long_answer);
  pair_add_test ("flood", "a-long-answer-without-the-plugin-is-sent", test_long_answer_without);
  pair_add_test ("flood", "nobody-unproven-gets-more-than-he-sent", test_matrix);
  return g_test_run ();
}
