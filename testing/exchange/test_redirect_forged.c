/* SPDX-License-Identifier: Apache-2.0 */
/* test_redirect_forged.c - REDIRECT by whom it is not to be believed from, where it may not be, and
 * malformed (RFC 5685). */
#include "exchange/trio.h"
#include <string.h>

enum { IKE_SA_INIT = 34, INFORMATIONAL = 37, REDIRECT = 16407, NONCE_LEN = 32 };

#define TO_C 1, 4, 10, 0, 0, 3

/* A notify's body with @data, and the nonce, of which @nonce_len bytes, behind it. */
static gsize
body_of (guint8 *body, const guint8 *data, gsize len, const guint8 *nonce, gsize nonce_len)
{
  const guint8 head[] = { 0, 0, REDIRECT >> 8, REDIRECT & 0xff };

  memcpy (body, head, sizeof head);
  memcpy (body + 4, data, len);
  if (nonce_len)
    memcpy (body + 4 + len, nonce, nonce_len);
  return 4 + len + nonce_len;
}

/* -- in the place of the gateway's first answer */

static gboolean
has_sent_first (const Trio *trio)
{
  return trio->forge->sent->len > 0;
}

static const guint8 *
nonce_of (const ForgePacket *packet, gsize *len)
{
  return pair_payload (packet->data[16], (guint8 *) packet->data + IKE_HEADER_LEN,
                       packet->len - IKE_HEADER_LEN, IKE_PAYLOAD_NONCE, len);
}

typedef struct {
  const char *what;
  guint8 data[64];
  gsize len;
  int nonce_len;      /* of our nonce; -1: another nonce as long */
  gboolean is_normal; /* beside what belongs into an answer */
} Forged;

static void
answer_first (Trio *trio, const Forged *forged)
{
  const ForgePacket *first = forge_sent (trio->forge, FALSE, 0);
  guint8 other[NONCE_LEN] = { 1, 2, 3 }, body[512];
  ForgeHead head = { .is_response = TRUE, .is_clear = TRUE, .exchange = IKE_SA_INIT };
  ForgeChain chain = { 0 };
  const guint8 *nonce;
  gsize len;

  g_assert_nonnull (first);
  nonce = nonce_of (first, &len);
  g_assert_cmpuint (len, ==, NONCE_LEN);
  memcpy (&head.spi_i, first->data, 8);
  head.spi_i = GUINT64_FROM_BE (head.spi_i);
  len = forged->nonce_len < 0
            ? body_of (body, forged->data, forged->len, other, sizeof other)
            : body_of (body, forged->data, forged->len, nonce, (gsize) forged->nonce_len);
  if (forged->is_normal)
    forge_add (&chain, IKE_PAYLOAD_NONCE, other, sizeof other);
  forge_add (&chain, IKE_PAYLOAD_NOTIFY, body, len);
  forge_send (trio->forge, &head, &chain);
}

static Trio *
begin (gconstpointer flags, const TrioOptions *options, char **error)
{
  Trio *trio = trio_new (flags, options);

  pair_begin_up (trio->pair, &trio->pair->a, "pair", NULL, error);
  while (!has_sent_first (trio))
    g_assert_true (ike_sim_step (trio->pair->sim, G_MAXINT64));
  return trio;
}

static void
end_up (Trio *trio, char **error)
{
  while (!*error)
    g_assert_true (ike_sim_step (trio->pair->sim, G_MAXINT64) || *error);
  g_assert_cmpstr (*error, ==, "");
  g_clear_pointer (error, g_free);
}

/* RFC 5685, 3: "the client MUST silently discard the response (and keep waiting for another
 * response)": the true one comes, and is taken. */
static void
test_first (gconstpointer flags)
{
  static const Forged rows[] = {
    { "without a nonce", { TO_C }, 6, 0, FALSE },
    { "with another nonce", { TO_C }, 6, -1, FALSE },
    { "with the beginning of the nonce", { TO_C }, 6, 16, FALSE },
    { "with all but a byte of it", { TO_C }, 6, NONCE_LEN - 1, FALSE },
    { "beside other payloads", { TO_C }, 6, NONCE_LEN, TRUE },
    { "nothing", { 0 }, 0, 0, FALSE },
    { "a type only", { 1 }, 1, 0, FALSE },
    { "of type 0", { 0, 4, 10, 0, 0, 3 }, 6, NONCE_LEN, FALSE },
    { "of type 4", { 4, 4, 10, 0, 0, 3 }, 6, NONCE_LEN, FALSE },
    { "an IPv4 address of three bytes", { 1, 3, 10, 0, 0 }, 5, NONCE_LEN, FALSE },
    { "an IPv6 address of four", { 2, 4, 10, 0, 0, 3 }, 6, NONCE_LEN, FALSE },
    { "longer than it is", { 1, 255, 10, 0, 0, 3 }, 6, NONCE_LEN, FALSE },
    { "an empty name", { 3, 0 }, 2, NONCE_LEN, FALSE },
    { "a name with a NUL", { 3, 4, 'c', 0, 't', 's' }, 6, NONCE_LEN, FALSE },
    { "a name with a line end", { 3, 4, 'c', '\n', 't', 's' }, 6, NONCE_LEN, FALSE },
    { "a name with a slash", { 3, 4, 'c', '/', 't', 's' }, 6, NONCE_LEN, FALSE },
    { "an option", { 3, 2, '-', 'c' }, 4, NONCE_LEN, FALSE },
    { "no address", { 1, 4, 0, 0, 0, 0 }, 6, NONCE_LEN, FALSE },
    { "many hosts", { 1, 4, 224, 0, 0, 1 }, 6, NONCE_LEN, FALSE },
    { "this host", { 1, 4, 127, 0, 0, 1 }, 6, NONCE_LEN, FALSE },
    { "ourselves", { 1, 4, 10, 0, 0, 1 }, 6, NONCE_LEN, FALSE },
    { "where we are", { 1, 4, 10, 0, 0, 2 }, 6, NONCE_LEN, FALSE },
    { "a name that nobody knows", { 3, 2, 'x', 'y' }, 4, NONCE_LEN, FALSE },
  };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (rows); i++) {
    char *error;
    Trio *trio = begin (flags, &(TrioOptions){ 0 }, &error);
    g_test_message ("%s", rows[i].what);
    answer_first (trio, &rows[i]);
    end_up (trio, &error);
    trio_assert_at_b (trio);
    g_assert_cmpuint (pair_count (&trio->pair->a, "redirect.followed"), ==, 0);
    trio_free (trio);
  }
}

/* What the tests above do differently is what they say: this one is believed. */
static void
test_true (gconstpointer flags)
{
  static const Forged true_one = { "", { TO_C }, 6, NONCE_LEN, FALSE };
  char *error;
  Trio *trio = begin (flags, &(TrioOptions){ 0 }, &error);

  answer_first (trio, &true_one);
  end_up (trio, &error);
  trio_assert_at_c (trio);
  trio_free (trio);
  /* Not by who does not want it. */
  trio = begin (flags, &(TrioOptions){ .conn_a = "follow_redirects = no\n" }, &error);
  answer_first (trio, &true_one);
  end_up (trio, &error);
  trio_assert_at_b (trio);
  trio_free (trio);
  trio = begin (flags, &(TrioOptions){ .a = "plugins { redirect { load = no\n } }\n" }, &error);
  answer_first (trio, &true_one);
  end_up (trio, &error);
  trio_assert_at_b (trio);
  trio_free (trio);
}

/* Many that are wrong: the request goes out no more often for it, and the true answer is taken. */
static void
test_many (gconstpointer flags)
{
  static const Forged wrong = { "", { TO_C }, 6, -1, FALSE };
  char *error;
  Trio *trio = begin (flags, &(TrioOptions){ 0 }, &error);
  guint i;

  for (i = 0; i < 8; i++)
    answer_first (trio, &wrong);
  g_assert_cmpuint (forge_n_sent (trio->forge, FALSE), ==, 1);
  end_up (trio, &error);
  trio_assert_at_b (trio);
  trio_free (trio);
}

/* Each that looks right costs a look-up: five within five minutes, then they are not looked at. */
static void
test_many_names (gconstpointer flags)
{
  static const Forged name = { "", { 3, 2, 'x', 'y' }, 4, NONCE_LEN, FALSE };
  char *error;
  Trio *trio = begin (flags, &(TrioOptions){ 0 }, &error);
  guint i;

  for (i = 0; i < 8; i++)
    answer_first (trio, &name);
  g_assert_cmpuint (pair_count (&trio->pair->a, "redirect.refused"), ==, 8);
  g_assert_cmpuint (pair_count (&trio->pair->a, "redirect.sought"), ==, 5);
  end_up (trio, &error);
  trio_assert_at_b (trio);
  trio_free (trio);
}

/* -- of an SA that is up */

static void
send_redirect (Trio *trio, const ForgeHead *head, const guint8 *data, gsize len)
{
  guint8 body[512];
  ForgeChain chain = { 0 };

  forge_add (&chain, IKE_PAYLOAD_NOTIFY, body, body_of (body, data, len, NULL, 0));
  forge_send (trio->forge, head, &chain);
}

static void
check_told (gconstpointer flags, const TrioOptions *options, const ForgeHead *head,
            const guint8 *data, gsize len, gboolean is_answered)
{
  Trio *trio = trio_new (flags, options);

  trio_assert_up (trio);
  forge_clear (trio->forge);
  send_redirect (trio, head, data, len);
  g_assert_cmpuint (forge_n_sent (trio->forge, head->from_a), ==, is_answered);
  trio_assert_at_b (trio);
  trio_free (trio);
}

/* RFC 5685, 5 and 10: only the responder, only protected, and without nonce data. */
static void
test_told (gconstpointer flags)
{
  static const guint8 to_c[] = { TO_C }, with_nonce[6 + NONCE_LEN] = { TO_C },
                      to_all[] = { 1, 4, 224, 0, 0, 1 }, back[] = { 1, 4, 10, 0, 0, 2 },
                      cut[] = { 1, 4, 10 };
  const ForgeHead by_b = { .exchange = INFORMATIONAL },
                  by_a = { .from_a = TRUE, .exchange = INFORMATIONAL, .id = 2 },
                  clear = { .is_clear = TRUE, .exchange = INFORMATIONAL };
  const TrioOptions plain = { 0 }, stays = { .conn_a = "follow_redirects = no\n" };

  check_told (flags, &plain, &by_a, to_c, sizeof to_c, TRUE);
  check_told (flags, &plain, &clear, to_c, sizeof to_c, FALSE);
  check_told (flags, &plain, &by_b, with_nonce, sizeof with_nonce, TRUE);
  check_told (flags, &plain, &by_b, to_all, sizeof to_all, TRUE);
  check_told (flags, &plain, &by_b, back, sizeof back, TRUE);
  check_told (flags, &plain, &by_b, cut, sizeof cut, TRUE);
  check_told (flags, &stays, &by_b, to_c, sizeof to_c, TRUE);
}

/* What the others do differently is what they say; repeated, it is answered and followed once. */
static void
test_told_twice (gconstpointer flags)
{
  static const guint8 to_c[] = { TO_C };
  const ForgeHead by_b = { .exchange = INFORMATIONAL };
  Trio *trio = trio_new (flags, &(TrioOptions){ 0 });
  guint8 body[64], message[512];
  ForgeChain chain = { 0 };
  gsize len;
  guint i;

  trio_assert_up (trio);
  forge_add (&chain, IKE_PAYLOAD_NOTIFY, body, body_of (body, to_c, sizeof to_c, NULL, 0));
  len = forge_write (trio->forge, &by_b, &chain, message);
  for (i = 0; i < 3; i++)
    forge_inject (trio->forge, FALSE, message, len);
  trio_assert_at_c (trio);
  g_assert_cmpuint (pair_count (&trio->pair->a, "redirect.followed"), ==, 1);
  trio_free (trio);
}

/* -- in an answer of IKE_AUTH that is not the last */

static const guint8 notify_to_c[] = { 0, 0, 0, 14, 0, 0, REDIRECT >> 8, REDIRECT & 0xff, TO_C };

static guint n_added; /* since a test began */

/* In front of each answer of b with EAP inside. */
static IkeHookVerdict
add_redirect (IkePlugin *self, IkeSa *sa, IkeMessageEvent *event)
{
  static guint8 changed[4096];
  gsize len;

  if (event->is_inbound || event->is_request || event->exchange != 35
      || ike_sa_remote (sa)->bytes[3] != 1 || event->len > sizeof changed - sizeof notify_to_c
      || !pair_payload (event->first_payload, (guint8 *) event->plain, event->len, IKE_PAYLOAD_EAP,
                        &len))
    return IKE_HOOK_PASS;
  memcpy (changed, notify_to_c, sizeof notify_to_c);
  changed[0] = event->first_payload;
  memcpy (changed + sizeof notify_to_c, event->plain, event->len);
  event->plain = changed;
  event->len += sizeof notify_to_c;
  event->first_payload = IKE_PAYLOAD_NOTIFY;
  n_added++;
  return IKE_HOOK_PASS;
}

static gboolean
adder_activate (IkePlugin *self, GError **error)
{
  return ike_message_hook_add (self, "adder", NULL, add_redirect, error);
}

static const IkeFeature *const no_features[] = { NULL };
static const IkePluginInfo adder_plugin = {
  .struct_size = sizeof (IkePluginInfo),
  .abi_major = IKE_ABI_MAJOR,
  .abi_minor = IKE_ABI_MINOR,
  .name = "adder",
  .version = "1",
  .license = "Apache-2.0",
  .summary = "REDIRECT where it may not be, for tests",
  .features = no_features,
  .activate = adder_activate,
};
static const IkePluginInfo *const adder[] = { &adder_plugin, NULL };

/* RFC 5685, 6: the client "MUST NOT accept the REDIRECT notification in an intermediate IKE_AUTH
 * response." */
static void
test_intermediate (gconstpointer flags)
{
  static const char *const plugins[] = { "eap", "eap-md5", "eap-identity", NULL };
  static const char bob[] = "secrets { eap-bob { id = bob\n secret = let-me-in\n } }\n",
                    a[] = "local { auth = eap-md5\n id = a.test\n eap_id = bob\n }\n",
                    b[] = "remote { auth = eap-md5\n id = a.test\n eap_id = %any\n }\n";
  Trio *trio = trio_new (
      flags,
      &(TrioOptions){
          .a = bob, .b = bob, .conn_a = a, .conn_b = b, .plugins = plugins, .builtin = adder });

  n_added = 0;
  trio_assert_up (trio);
  trio_assert_at_b (trio);
  g_assert_cmpuint (n_added, >=, 2);
  g_assert_cmpuint (pair_count (&trio->pair->a, "redirect.followed"), ==, 0);
  trio_free (trio);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  pair_add_test ("redirect-forged", "the-first-answer-waits-for-the-true-one", test_first);
  pair_add_test ("redirect-forged", "what-is-right-is-believed", test_true);
  pair_add_test ("redirect-forged", "many-cost-nothing", test_many);
  pair_add_test ("redirect-forged", "many-names-are-not-looked-up", test_many_names);
  pair_add_test ("redirect-forged", "only-the-responder-protected-and-plain", test_told);
  pair_add_test ("redirect-forged", "a-repetition-is-one", test_told_twice);
  pair_add_test ("redirect-forged", "not-in-an-intermediate-answer", test_intermediate);
  return g_test_run ();
}
