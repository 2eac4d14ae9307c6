/* SPDX-License-Identifier: Apache-2.0 */
/* test_config_forged.c - configuration payloads of hostile gateways and of hostile clients. */
#include "exchange/bed.h"
#include "exchange/forge.h"
#include <ikebana/pool.h>
#include <string.h>

enum { IKE_AUTH = 35, INFORMATIONAL = 37, REQUEST = 1, REPLY, SET, ACK };

/* What the configuration payload of the request, or of the reply, becomes; one pair at a time. */
static struct {
  gboolean of_reply;
  gsize len; /* 0: as it is */
  guint8 body[32768], chain[60000];
  guint n_handled;
  guint n_up;    /* IKE SAs that came up all the same */
  GString *told; /* types, if anybody wants to know */
  Pair *slow;    /* its client's kernel answers late, from when IKE_AUTH is answered */
  guint32 delay_ms;
} forgery;

static void
rebuild (IkeMessageEvent *event)
{
  gsize at = 0, to = 0;

  for (guint8 type = event->first_payload; type && at + 4 <= event->len;) {
    gsize len = (gsize) event->plain[at + 2] << 8 | event->plain[at + 3];
    gsize new_len = type == IKE_PAYLOAD_CP ? forgery.len + 4 : len;
    memcpy (forgery.chain + to, event->plain + at, 4);
    memcpy (forgery.chain + to + 4, type == IKE_PAYLOAD_CP ? forgery.body : event->plain + at + 4,
            new_len - 4);
    forgery.chain[to + 2] = (guint8) (new_len >> 8);
    forgery.chain[to + 3] = (guint8) new_len;
    to += new_len;
    type = event->plain[at];
    at += len;
  }
  event->plain = forgery.chain;
  event->len = to;
}

static IkeHookVerdict
on_message (IkePlugin *self, IkeSa *sa, IkeMessageEvent *event)
{
  if (!event->is_inbound && event->exchange == IKE_AUTH && forgery.len
      && event->is_request != forgery.of_reply)
    rebuild (event);
  if (forgery.slow && !event->is_inbound && event->exchange == IKE_AUTH && !event->is_request)
    forgery.slow->a.kernel_ops->delay (forgery.slow->a.kernel, forgery.delay_ms);
  return IKE_HOOK_PASS;
}

static IkeHookVerdict
on_handle (IkePlugin *self, IkeSa *sa, IkeHandleEvent *event)
{
  forgery.n_handled += event->is_gone ? -1u : 1;
  if (forgery.told && !event->is_gone)
    g_string_append_printf (forgery.told, " %u", event->type);
  return IKE_HOOK_PASS;
}

static gboolean
activate (IkePlugin *self, GError **error)
{
  return ike_message_hook_add (self, "forger", NULL, on_message, error)
         && ike_handle_hook_add (self, "forger", NULL, on_handle, error);
}

static const IkePluginInfo forger = {
  .struct_size = sizeof (IkePluginInfo),
  .abi_major = IKE_ABI_MAJOR,
  .abi_minor = IKE_ABI_MINOR,
  .name = "forger",
  .version = "1",
  .license = "Apache-2.0",
  .summary = "changes configuration payloads",
  .activate = activate,
};
static const IkePluginInfo *const builtin[] = { &forger, NULL };
static const char *const plugins[] = { "config-payload", "pool-memory", "forger", NULL };

#define CLIENT(vips)                                                                               \
  "vips = " vips "\n proposals = aes256gcm16-prfsha256-x25519\n children { net { local_ts = "      \
  "dynamic\n remote_ts = 10.2.0.0/16\n esp_proposals = aes256gcm16\n } }\n"
#define GATEWAY                                                                                    \
  "pools = rw\n proposals = aes256gcm16-prfsha256-x25519\n children { net { remote_ts = "          \
  "dynamic\n local_ts = 10.2.0.0/16\n esp_proposals = aes256gcm16\n } }\n"
#define POOL "pools { rw { addrs = 10.3.0.0/24\n dns = 10.2.0.53\n } }\n"

static Pair *
make_pair_of (gconstpointer flags, const char *pool)
{
  PairOptions o = { .flags = GPOINTER_TO_UINT (flags),
                    .connection = { CLIENT ("0.0.0.0"), GATEWAY },
                    .more = { NULL, pool },
                    .plugins = plugins,
                    .builtin = builtin };

  forgery.n_handled = forgery.n_up = 0;
  return pair_new (&o);
}

static Pair *
make_pair (gconstpointer flags)
{
  return make_pair_of (flags, POOL);
}

static void
begin_forgery (gboolean of_reply, guint8 type)
{
  forgery.of_reply = of_reply;
  memset (forgery.body, 0, 4);
  forgery.body[0] = type;
  forgery.len = 4;
}

static void
add (guint16 type, guint16 said_len, const char *value, gsize len)
{
  guint8 *at = forgery.body + forgery.len;

  at[0] = (guint8) (type >> 8);
  at[1] = (guint8) type;
  at[2] = (guint8) (said_len >> 8);
  at[3] = (guint8) said_len;
  memcpy (at + 4, value, len);
  forgery.len += 4 + len;
}

/* Nothing is left of what did not come up. */
static void
assert_nothing (Pair *pair)
{
  pair_run (pair, 5);
  g_assert_cmpuint (pair->a.kernel_ops->n_addresses (pair->a.kernel), ==, 0);
  g_assert_cmpuint (pair->a.kernel_ops->n_sas (pair->a.kernel), ==, 0);
  g_assert_cmpuint (pair->b.kernel_ops->n_sas (pair->b.kernel), ==, 0);
}

static void
assert_refused (Pair *pair, const char *what)
{
  g_autofree char *error = pair_up (pair, NULL);

  if (!error)
    g_error ("%s came up\n%s", what, pair->a.log->str);
  /* The IKE SA comes up: it is the payload that is refused. */
  g_assert_cmpuint (pair_count (&pair->b, "ike.established"), ==, ++forgery.n_up);
  pair_run (pair, 5);
  g_assert_cmpuint (pair->a.kernel_ops->n_sas (pair->a.kernel), ==, 0);
  g_assert_cmpuint (pair->b.kernel_ops->n_sas (pair->b.kernel), ==, 0);
  if (bed_n_sas (&pair->a))
    pair_down (pair, "pair", NULL);
  assert_nothing (pair);
  g_assert_cmpuint (forgery.n_handled, ==, 0);
}

static void
test_addresses (gconstpointer flags)
{
  static const struct {
    guint16 type, said;
    gsize len;
    const char *value, *what;
  } cases[] = {
    { 1, 4, 4, "\0\0\0\0", "no address" },
    { 1, 4, 4, "\x7f\0\0\1", "loopback" },
    { 1, 4, 4, "\xe0\0\0\1", "multicast" },
    { 1, 4, 4, "\xff\xff\xff\xff", "broadcast" },
    { 1, 4, 4, "\x0a\0\0\2", "the gateway's own address" },
    { 1, 4, 4, "\x0a\0\0\1", "the client's own address" },
    { 1, 4, 4, "\x0a\3\0\x63", "an address that the selectors are not of" },
    { 1, 3, 3, "\x0a\3\0", "a short address" },
    { 1, 5, 5, "\x0a\3\0\1\0", "a long address" },
    { 1, 0, 0, "", "an empty address" },
    { 8, 17, 17, "\xfd\3\0\0\0\0\0\0\0\0\0\0\0\0\0\1\x80", "a family that was not asked for" },
    { 3, 4, 4, "\x0a\2\0\x35", "no address at all" },
    { 1, 5, 4, "\x0a\3\0\1", "cut off" },
    { 1, 65535, 4, "\x0a\3\0\1", "longer than the payload" },
  };

  Pair *pair = make_pair (flags);

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    begin_forgery (TRUE, REPLY);
    add (cases[i].type, cases[i].said, cases[i].value, cases[i].len);
    assert_refused (pair, cases[i].what);
  }
  pair_free (pair);
  forgery.len = 0;
}

static void
test_types (gconstpointer flags)
{
  static const guint8 types[] = { 0, REQUEST, SET, ACK, 255 };
  Pair *pair = make_pair (flags);

  for (guint i = 0; i < G_N_ELEMENTS (types); i++) {
    begin_forgery (TRUE, types[i]);
    add (1, 4, "\x0a\3\0\1", 4);
    assert_refused (pair, "another kind of reply");
    begin_forgery (FALSE, types[i]);
    add (1, 0, "", 0);
    if (types[i] != REQUEST)
      assert_refused (pair, "another kind of request");
  }
  for (gsize len = 1; len < 4; len++) {
    begin_forgery (TRUE, REPLY);
    forgery.len = len;
    assert_refused (pair, "a reply that is cut off");
    begin_forgery (FALSE, REQUEST);
    forgery.len = len;
    assert_refused (pair, "a request that is cut off");
  }
  pair_free (pair);
  forgery.len = 0;
}

static void
assert_one_address (Pair *pair)
{
  IkeAddr addr;
  guint prefix_len;
  char text[IKE_ADDR_TEXT_SIZE];

  g_assert_cmpuint (pair->a.kernel_ops->n_addresses (pair->a.kernel), ==, 1);
  g_assert_true (pair->a.kernel_ops->nth_address (pair->a.kernel, 0, &addr, &prefix_len));
  g_assert_cmpstr (ike_addr_format (&addr, FALSE, text), ==, "10.3.0.1");
  g_assert_cmpuint (prefix_len, ==, 32);
  pair_assert_twins (pair);
}

/* More than was asked for, and the same again: one is ours. */
static void
test_too_many (gconstpointer flags)
{
  Pair *pair;

  begin_forgery (TRUE, REPLY);
  for (guint i = 0; i < 3; i++)
    add (1, 4, "\x0a\3\0\1", 4);
  for (guint8 i = 2; i < 100; i++)
    add (1, 4, ((const char[]){ 10, 3, 0, (char) i }), 4);
  add (8, 17, "\xfd\3\0\0\0\0\0\0\0\0\0\0\0\0\0\1\x80", 17);
  pair = make_pair (flags);
  pair_assert_up (pair, NULL);
  assert_one_address (pair);
  pair_free (pair);
  forgery.len = 0;
}

static void
test_thousand (gconstpointer flags)
{
  Pair *pair;

  begin_forgery (TRUE, REPLY);
  for (guint i = 0; i < 1000; i++)
    add ((guint16) (i % 2 ? 3 : 100 + i), 4, ((const char[]){ 10, 4, (char) (i >> 8), (char) i }),
         4);
  add (1, 4, "\x0a\3\0\1", 4);
  pair = make_pair (flags);
  pair_assert_up (pair, NULL);
  assert_one_address (pair);
  g_assert_cmpuint (forgery.n_handled, ==, IKE_CFG_ATTRIBUTES_MAX);
  pair_down (pair, "pair", NULL);
  assert_nothing (pair);
  g_assert_cmpuint (forgery.n_handled, ==, 0);
  pair_free (pair);
  forgery.len = 0;
}

static gint64
n_online (Pair *pair)
{
  g_autoptr (IkeTree) result = pair_command (&pair->b, "pools", NULL, NULL);

  return ike_tree_int (ike_tree_nth (ike_tree_get (result, "pools"), 0), "online", -1);
}

/* -- a kernel that takes its time */

static void
test_slow (gconstpointer flags)
{
  Pair *pair = make_pair (flags);
  const IkeKernelFakeOps *kernel = pair->a.kernel_ops;
  g_autofree char *error = NULL;

  forgery.slow = pair;
  forgery.delay_ms = 5000;
  pair_assert_up (pair, NULL);
  kernel->delay (pair->a.kernel, 0);
  assert_one_address (pair);
  pair_down (pair, "pair", NULL);
  assert_nothing (pair);
  /* Longer than anybody waits. */
  forgery.delay_ms = 30000;
  error = pair_up (pair, NULL);
  g_assert_nonnull (error);
  kernel->delay (pair->a.kernel, 0);
  pair_run (pair, 60);
  g_assert_cmpuint (kernel->n_addresses (pair->a.kernel), ==, 0);
  g_assert_cmpuint (kernel->n_calls (pair->a.kernel, IKE_FAKE_ADDRESS), ==, 4);
  pair_free (pair);
  forgery.slow = NULL;
}

/* -- requests */

static void
test_greedy (gconstpointer flags)
{
  Pair *pair;

  begin_forgery (FALSE, REQUEST);
  for (guint i = 0; i < 1000; i++)
    add (i % 3 ? 1 : 8, 0, "", 0);
  pair = make_pair (flags);
  pair_assert_up (pair, NULL);
  g_assert_cmpint (n_online (pair), <=, IKE_VIRTUAL_IPS_MAX);
  pair_down (pair, "pair", NULL);
  pair_run (pair, 5);
  g_assert_cmpint (n_online (pair), ==, 0);
  pair_free (pair);
  forgery.len = 0;
}

/* What is no address is no wish. */
static void
test_wishes (gconstpointer flags)
{
  static const struct {
    gsize len;
    const char *value;
  } cases[] = {
    { 0, "" },
    { 1, "\x0a" },
    { 3, "\x0a\3\0" },
    { 4, "\0\0\0\0" },
    { 4, "\x0a\3\0\0" },
    { 4, "\x0a\3\0\xff" },
    { 4, "\xff\xff\xff\xff" },
    { 4, "\x0a\0\0\2" },
    { 8, "\x0a\3\0\5\xff\xff\xff\xff" },
  };

  Pair *pair = make_pair (flags);

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    begin_forgery (FALSE, REQUEST);
    add (1, (guint16) cases[i].len, cases[i].value, cases[i].len);
    pair_assert_up (pair, NULL);
    assert_one_address (pair);
    pair_down (pair, "pair", NULL);
    pair_run (pair, 1);
  }
  pair_free (pair);
  forgery.len = 0;
}

/* Which types a client is told that asks for an address and for @types. */
static void
assert_told (Pair *pair, const guint8 *types, gsize n_types, const char *expected)
{
  begin_forgery (FALSE, REQUEST);
  add (1, 0, "", 0);
  for (gsize i = 0; i < n_types; i++)
    add (types[i], 0, "", 0);
  forgery.told = g_string_new (NULL);
  pair_assert_up (pair, NULL);
  g_assert_cmpstr (forgery.told->str, ==, expected);
  pair_down (pair, "pair", NULL);
  pair_run (pair, 1);
  g_string_free (g_steal_pointer (&forgery.told), TRUE);
  forgery.len = 0;
}

static void
test_split_dns (gconstpointer flags)
{
  Pair *pair = make_pair_of (flags, "pools { rw { addrs = 10.3.0.0/24\n split_dns = a.example, "
                                    "b.example\n split_dns_ta = a.example 1 8 2 0123\n "
                                    "dns = 10.2.0.53\n } }\n");

  assert_told (pair, (const guint8[]){ 3 }, 1, " 3");
  assert_told (pair, (const guint8[]){ 3, 25 }, 2, " 3 25 25");
  assert_told (pair, (const guint8[]){ 3, 25, 26 }, 3, " 3 25 26 25");
  assert_told (pair, (const guint8[]){ 3, 26 }, 2, " 3 25 26 25");
  pair_free (pair);
}

/* A trust anchor is of the domain in front of it; so what does not fit is not passed over. */
static void
test_cut (gconstpointer flags)
{
  g_autofree char *large = g_strnfill (1000, 'x');
  GString *pool = g_string_new ("pools { rw { addrs = 10.3.0.0/24\n");
  Pair *pair;

  for (guint i = 0; i < 8; i++)
    g_string_append_printf (pool, "%u = %s\n", 100 + i, large);
  g_string_append_printf (pool, "split_dns = a.example, %.60s.%.60s.%.60s, b.example\n", large,
                          large, large);
  g_string_append (pool, "split_dns_ta = b.example 1 8 2 0123\n dns = 10.2.0.53\n } }\n");
  pair = make_pair_of (flags, pool->str);
  assert_told (pair, (const guint8[]){ 3, 25, 26 }, 3, " 100 101 102 103 104 105 106 107 3 25");
  pair_free (pair);
  g_string_free (pool, TRUE);
}

/* -- INFORMATIONAL */

static void
ask (Forge *forge, const void *body, gsize len)
{
  static guint32 id = 2;
  ForgeHead head = { .from_a = TRUE, .exchange = INFORMATIONAL, .id = id++ };
  ForgeChain chain = { 0 };

  forge_clear (forge);
  forge_add (&chain, IKE_PAYLOAD_CP, body, len);
  forge_send (forge, &head, &chain);
}

/* The body of the answer's configuration payload, in hexadecimal digits. */
static void
assert_answer (Forge *forge, const char *expected)
{
  guint8 first, plain[4096], *body;
  gsize len = sizeof plain, body_len = 0;
  GString *text = g_string_new (NULL);

  g_assert_true (forge_open (forge, forge_sent (forge, TRUE, 0), &first, plain, &len));
  body = pair_payload (first, plain, len, IKE_PAYLOAD_CP, &body_len);
  for (gsize i = 0; body && i < body_len; i++)
    g_string_append_printf (text, "%02x", body[i]);
  g_assert_cmpstr (text->str, ==, expected);
  g_string_free (text, TRUE);
}

static void
test_questions (void)
{
  PairOptions o = { .plugins = plugins, .builtin = builtin };
  Forge *forge = forge_new (&o);

  pair_assert_up (forge->pair, NULL);
  ask (forge, "\3\0\0\0\0\1\0\4\x0a\3\0\1", 12);
  assert_answer (forge, "04000000");
  ask (forge, "\1\0\0\0\0\7\0\0\0\1\0\0", 12);
  assert_answer (forge, "0200000000070000");
  ask (forge, "\1\0\0\0\0\1\0\0", 8);
  assert_answer (forge, "02000000");
  ask (forge, "\2\0\0\0", 4);
  assert_answer (forge, "");
  ask (forge, "\4\0\0\0", 4);
  assert_answer (forge, "");
  ask (forge, "\1\0\0\0\0\7\0\1", 8);
  g_assert_cmpint (forge_says (forge, forge_sent (forge, TRUE, 0)), ==, IKE_N_INVALID_SYNTAX);
  forge_free (forge);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  pair_add_test ("config-forged", "addresses-that-are-none", test_addresses);
  pair_add_test ("config-forged", "payloads-of-other-kinds", test_types);
  pair_add_test ("config-forged", "no-more-than-was-asked-for", test_too_many);
  pair_add_test ("config-forged", "a-thousand-attributes", test_thousand);
  pair_add_test ("config-forged", "an-address-that-comes-late-is-taken-away", test_slow);
  pair_add_test ("config-forged", "greedy-clients", test_greedy);
  pair_add_test ("config-forged", "wishes-that-are-none", test_wishes);
  pair_add_test ("config-forged", "split-dns-for-those-who-ask", test_split_dns);
  pair_add_test ("config-forged", "nothing-behind-what-does-not-fit", test_cut);
  g_test_add_func ("/config-forged/questions-later-on", test_questions);
  return g_test_run ();
}
