/* SPDX-License-Identifier: Apache-2.0 */
/* test_mobike_forged.c - what hostile peers and whoever stands between make of MOBIKE (RFC 4555,
 * 5): nothing, as a rule. */
#include "exchange/attacks.h"
#include "exchange/mobile.h"

enum {
  UPDATE = 16400,
  COOKIE2 = 16401,
  ADD4 = 16397,
  NO_ADD = 16399,
  NO_NATS = 16402,
  UNACCEPTABLE = 40,
  UNEXPECTED_NAT = 41
};

static Mobile *
mobile_forged (gconstpointer flags, const char *conn_b)
{
  Mobile *m = mobile_new_with (
      &(MobileOptions){ .flags = flags, .conn = { NULL, conn_b }, .has_forge = TRUE });

  forge_clear (m->forge);
  return m;
}

typedef struct {
  guint8 body[80];
} Notify;

/* Bodies live till the chain is sent. */
static void
add_notify (ForgeChain *chain, Notify *at, guint16 type, const void *data, gsize len)
{
  memcpy (at->body, (guint8[]){ 0, 0, (guint8) (type >> 8), (guint8) type }, 4);
  if (len)
    memcpy (at->body + 4, data, len);
  forge_add (chain, IKE_PAYLOAD_NOTIFY, at->body, 4 + len);
}

/* A request from @from, sealed as that of an end; what is answered, FORGE_NONE: nothing. */
static int
ask_from (Mobile *m, const char *from, gboolean from_a, guint32 id, const ForgeChain *chain,
          gboolean is_clear)
{
  ForgeHead head = { .from_a = from_a, .is_clear = is_clear, .exchange = EX_INFO, .id = id };
  guint8 packet[4096] = { 0 };
  gsize len = forge_write (m->forge, &head, chain, packet + 4);
  IkeAddr source, target;
  guint i;

  g_assert_true (ike_addr_parse (&source, from, NULL));
  g_assert_true (ike_addr_parse (&target, from_a ? "10.0.0.2" : "10.0.0.1", NULL));
  source.port = target.port = 4500;
  forge_clear (m->forge);
  m->pair->a.net_ops->inject (m->pair->a.net, &source, &target, packet, len + 4, 0);
  forge_run_ms (m->forge, 1);
  for (i = 0; i < m->forge->sent->len; i++) {
    const ForgePacket *sent = m->forge->sent->pdata[i];
    if (ike_addr_same_host (&sent->from, &target) && sent->data[19] & IKE_FLAG_RESPONSE)
      return forge_says (m->forge, sent);
  }
  return FORGE_NONE;
}

static int
ask_notify (Mobile *m, const char *from, gboolean from_a, guint32 id, guint16 type, gsize len)
{
  ForgeChain chain = { 0 };
  Notify notify = { { 0 } };

  memset (notify.body, 0x5a, sizeof notify.body);
  add_notify (&chain, &notify, type, NULL, 0);
  chain.items[0].len += len;
  return ask_from (m, from, from_a, id, &chain, FALSE);
}

static void
assert_path_of_b (Mobile *m, const char *path)
{
  g_autofree char *is = mobile_path (&m->pair->b);

  g_assert_cmpstr (is, ==, path);
}

static char *
outbound_of_b (Mobile *m)
{
  PairEnd *b = &m->pair->b;
  IkeFakeSa sa = { .struct_size = sizeof sa };
  char text[IKE_ADDR_TEXT_SIZE];
  guint i;

  for (i = 0; b->kernel_ops->nth_sa (b->kernel, i, &sa); i++)
    if (sa.direction == IKE_DIR_OUT)
      return g_strdup (ike_addr_format (&sa.destination, FALSE, text));
  return NULL;
}

/* -- who may say it, and how */

static void
test_unprotected (gconstpointer flags)
{
  Mobile *m = mobile_forged (flags, NULL);
  ForgeChain chain = { 0 };
  Notify update;

  add_notify (&chain, &update, UPDATE, NULL, 0);
  g_assert_cmpint (ask_from (m, "10.0.0.77", TRUE, 2, &chain, TRUE), ==, FORGE_NONE);
  assert_path_of_b (m, "10.0.0.2 10.0.0.1");
  mobile_free (m);
}

/* Who answered the SA moves nobody. */
static void
test_responder (gconstpointer flags)
{
  Mobile *m = mobile_forged (flags, NULL);

  g_assert_cmpint (ask_notify (m, "10.0.0.77", FALSE, 0, UPDATE, 0), ==, FORGE_EMPTY);
  mobile_assert_path (m, "10.0.0.1", "10.0.0.2");
  mobile_free (m);
}

/* RFC 4555, 3.8: an exchange "that does not contain UPDATE_SA_ADDRESSES does not cause any
 * changes". */
static void
test_empty (gconstpointer flags)
{
  Mobile *m = mobile_forged (flags, NULL);
  ForgeChain none = { 0 };

  g_assert_cmpint (ask_from (m, "10.0.0.77", TRUE, 2, &none, FALSE), ==, FORGE_EMPTY);
  mobile_assert_path (m, "10.0.0.1", "10.0.0.2");
  mobile_free (m);
}

/* The same bytes from elsewhere are answered there, and move nothing; nor do they later. */
static void
test_repeated (gconstpointer flags)
{
  Mobile *m = mobile_forged (flags, NULL);
  ForgeHead head = { .from_a = TRUE, .exchange = EX_INFO, .id = 2 };
  ForgeChain chain = { 0 };
  Notify update;
  guint8 packet[512];
  gsize len;

  add_notify (&chain, &update, UPDATE, NULL, 0);
  len = forge_write (m->forge, &head, &chain, packet);
  forge_inject_from (m->forge, "10.0.0.3", 4500, TRUE, packet, len);
  assert_path_of_b (m, "10.0.0.2 10.0.0.3");
  forge_clear (m->forge);
  forge_inject_from (m->forge, "10.0.0.77", 4500, TRUE, packet, len);
  g_assert_cmpint (forge_says (m->forge, forge_sent (m->forge, TRUE, 0)), ==, FORGE_EMPTY);
  assert_path_of_b (m, "10.0.0.2 10.0.0.3");
  mobile_free (m);
}

static void
test_unacceptable (gconstpointer flags)
{
  Mobile *m = mobile_forged (flags, "remote_addrs = 10.0.0.1, 10.0.0.3\n");

  g_assert_cmpint (ask_notify (m, "10.0.0.77", TRUE, 2, UPDATE, 0), ==, UNACCEPTABLE);
  mobile_assert_path (m, "10.0.0.1", "10.0.0.2");
  g_assert_cmpuint (pair_count (&m->pair->b, "mobike.refusals"), ==, 1);
  mobile_free (m);
}

/* A client of ours goes back to where it is allowed. */
static void
test_refused (gconstpointer flags)
{
  Mobile *m = mobile_new_with (&(MobileOptions){ .flags = flags,
                                                 .conn = { NULL, "remote_addrs = 10.0.0.1\n" },
                                                 .starts_with = { "10.0.0.1, 10.0.0.3", NULL } });

  mobile_set (m, &m->pair->a, "10.0.0.3, 10.0.0.1");
  mobile_run_ms (m, 500);
  mobile_assert_path (m, "10.0.0.1", "10.0.0.2");
  mobile_flow (m, 300);
  g_assert_cmpuint (m->n_lost, ==, 0);
  mobile_free (m);
}

static void
assert_explained (PairEnd *end, const char *sentence)
{
  g_autoptr (IkeTree) record = pair_explain (end);

  g_assert_nonnull (strstr (ike_tree_string (record, "reason", ""), sentence));
}

/* It has left where it was: it does not stay where the peer's packets do not come. */
static void
test_refused_for_good (gconstpointer flags)
{
  Mobile *m = mobile_new_with (
      &(MobileOptions){ .flags = flags, .conn = { NULL, "remote_addrs = 10.0.0.1\n" } });

  mobile_set (m, &m->pair->a, "10.0.0.3");
  mobile_run_ms (m, 2000);
  assert_explained (&m->pair->a, "does not allow us to move to 10.0.0.3");
  assert_explained (&m->pair->b, "the peer wants to move to 10.0.0.3");
  assert_nothing (&m->pair->a);
  assert_nothing (&m->pair->b);
  mobile_free (m);
}

/* Another of its addresses may do. */
static void
test_refused_once (gconstpointer flags)
{
  Mobile *m = mobile_new_with (
      &(MobileOptions){ .flags = flags, .conn = { NULL, "remote_addrs = 10.0.0.1, 10.0.0.4\n" } });

  mobile_set (m, &m->pair->a, "10.0.0.3, 10.0.0.4");
  mobile_run_ms (m, 2000);
  mobile_assert_path (m, "10.0.0.4", "10.0.0.2");
  g_assert_cmpuint (pair_count (&m->pair->b, "mobike.refusals"), ==, 1);
  mobile_flow (m, 300);
  g_assert_cmpuint (m->n_lost, ==, 0);
  mobile_free (m);
}

/* -- COOKIE2 */

static void
test_lengths (gconstpointer flags)
{
  static const struct {
    guint16 type;
    gsize len;
    int says;
  } cases[] = {
    { COOKIE2, 8, COOKIE2 },
    { COOKIE2, 64, COOKIE2 },
    { COOKIE2, 7, IKE_N_INVALID_SYNTAX },
    { COOKIE2, 65, IKE_N_INVALID_SYNTAX },
    { ADD4, 3, IKE_N_INVALID_SYNTAX },
    { ADD4, 16, IKE_N_INVALID_SYNTAX },
    { ADD4 + 1, 4, IKE_N_INVALID_SYNTAX },
    { NO_NATS, 11, IKE_N_INVALID_SYNTAX },
    { NO_NATS, 37, IKE_N_INVALID_SYNTAX },
  };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (cases); i++) {
    Mobile *m = mobile_forged (flags, NULL);
    g_assert_cmpint (ask_notify (m, "10.0.0.1", TRUE, 2, cases[i].type, cases[i].len), ==,
                     cases[i].says);
    mobile_free (m);
  }
}

/* RFC 4555, 3.7: "If the values do not match, the IKE_SA MUST be closed." */
static void
check_cookie (gconstpointer flags, const char *rule, gboolean at_b)
{
  Mobile *m = mobile_new (flags, NULL, NULL);
  PairEnd *end = at_b ? &m->pair->b : &m->pair->a;

  impair (end, rule);
  mobile_set (m, &m->pair->a, "10.0.0.3");
  mobile_run_ms (m, 2000);
  assert_nothing (&m->pair->a);
  assert_nothing (&m->pair->b);
  mobile_free (m);
}

static void
test_cookies (gconstpointer flags)
{
  check_cookie (flags, "alter out notify=COOKIE2 message=response byte=3 data=00", FALSE);
  check_cookie (flags, "omit out notify=COOKIE2 message=response", FALSE);
  check_cookie (flags, "alter out notify=COOKIE2 message=response byte=3 data=00", TRUE);
  check_cookie (flags, "omit out notify=COOKIE2 message=response", TRUE);
}

/* RFC 4555, 5.3: a peer that says it is at somebody else's sends no packets there. */
static void
test_third_party (gconstpointer flags)
{
  Mobile *m = mobile_forged (flags, NULL);
  g_autofree char *to = NULL;

  g_assert_cmpint (ask_notify (m, "10.0.0.77", TRUE, 2, UPDATE, 0), ==, FORGE_EMPTY);
  mobile_run_ms (m, 20000);
  assert_path_of_b (m, "10.0.0.2 10.0.0.77");
  to = outbound_of_b (m);
  g_assert_cmpstr (to, ==, "10.0.0.1");
  mobile_free (m);
}

/* -- lists */

static void
test_many (gconstpointer flags)
{
  Mobile *m = mobile_forged (flags, NULL);
  g_autoptr (IkeTree) status = NULL;
  static Notify notifies[60];
  ForgeChain chain = { 0 };
  const IkeTree *list;
  guint i;

  for (i = 0; i < 60; i++)
    add_notify (&chain, &notifies[i], ADD4,
                (guint8[]){ (guint8) (i < 3 ? 127 + 64 * i : 10), 9, 9, (guint8) i }, 4);
  g_assert_cmpint (ask_from (m, "10.0.0.1", TRUE, 2, &chain, FALSE), ==, FORGE_EMPTY);
  status = pair_status (&m->pair->b);
  list = ike_tree_get (ike_tree_nth (ike_tree_get (status, "sas"), 0), "peer-addresses");
  /* Eight of a family, of which two are nobody's. */
  g_assert_cmpuint (ike_tree_n (list), ==, 7);
  mobile_free (m);
}

/* -- NO_NATS_ALLOWED */

static Mobile *
mobile_without_natt (gconstpointer flags)
{
  Mobile *m = mobile_new_with (&(MobileOptions){ .flags = flags, .stays_down = TRUE });
  PairEnd *ends[] = { &m->pair->a, &m->pair->b };
  guint i;

  for (i = 0; i < 2; i++)
    impair (ends[i], "omit in exchange=IKE_SA_INIT notify=NAT_DETECTION_SOURCE_IP");
  return m;
}

static void
test_no_nats (gconstpointer flags)
{
  Mobile *m = mobile_without_natt (flags);
  IkeAddr inside, outside;

  g_assert_true (ike_addr_parse (&inside, "10.0.0.5", NULL));
  g_assert_true (ike_addr_parse (&outside, "10.0.0.99", NULL));
  pair_assert_up (m->pair, "net");
  mobile_set (m, &m->pair->a, "10.0.0.3");
  mobile_run_ms (m, 500);
  mobile_assert_path (m, "10.0.0.3", "10.0.0.2");
  /* With a NAT on the way it is tried several times, and nothing moves. */
  m->pair->a.net_ops->nat_add (m->pair->a.net, &inside, &outside);
  mobile_set (m, &m->pair->a, "10.0.0.5");
  mobile_run_ms (m, 2000);
  assert_path_of_b (m, "10.0.0.2 10.0.0.3");
  g_assert_cmpuint (pair_count (&m->pair->b, "mobike.refusals"), ==, 5);
  mobile_free (m);
}

static void
test_no_nats_in_auth (gconstpointer flags)
{
  Mobile *m = mobile_without_natt (flags);
  IkeAddr inside, outside;
  g_autofree char *error = NULL;

  g_assert_true (ike_addr_parse (&inside, "10.0.0.1", NULL));
  g_assert_true (ike_addr_parse (&outside, "10.0.0.99", NULL));
  m->pair->a.net_ops->nat_add (m->pair->a.net, &inside, &outside);
  error = pair_up (m->pair, "net");
  g_assert_nonnull (error);
  mobile_run_ms (m, 2000);
  assert_nothing (&m->pair->b);
  mobile_free (m);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  pair_add_test ("mobike-forged", "unprotected-it-means-nothing", test_unprotected);
  pair_add_test ("mobike-forged", "who-answered-the-sa-moves-nobody", test_responder);
  pair_add_test ("mobike-forged", "nothing-else-moves-an-sa", test_empty);
  pair_add_test ("mobike-forged", "what-is-repeated-moves-nothing", test_repeated);
  pair_add_test ("mobike-forged", "addresses-that-are-not-allowed", test_unacceptable);
  pair_add_test ("mobike-forged", "who-is-refused-stays", test_refused);
  pair_add_test ("mobike-forged", "or-goes-elsewhere", test_refused_once);
  pair_add_test ("mobike-forged", "or-is-closed", test_refused_for_good);
  pair_add_test ("mobike-forged", "wrong-lengths", test_lengths);
  pair_add_test ("mobike-forged", "a-wrong-cookie-closes-the-sa", test_cookies);
  pair_add_test ("mobike-forged", "nobody-else-gets-our-packets", test_third_party);
  pair_add_test ("mobike-forged", "many-addresses-and-nonsense", test_many);
  pair_add_test ("mobike-forged", "no-nats-allowed", test_no_nats);
  pair_add_test ("mobike-forged", "no-nats-allowed-in-ike-auth", test_no_nats_in_auth);
  return g_test_run ();
}
