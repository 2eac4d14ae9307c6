/* SPDX-License-Identifier: Apache-2.0 */
/* test_required.c - what a connection requires and the peer does not say: left out by its sender,
 * overlooked by its receiver, or taken away on the wire.  Then there is nothing, and whoever asked
 * hears why. */
#include "exchange/impaired.h"
#include "exchange/middle.h"

static const char *const plugins[] = { "impair",         "childless",   "clone",
                                       "config-payload", "pool-memory", NULL };

#define CHILDREN                                                                                   \
  "\n proposals = aes256gcm16-prfsha256-x25519\n retransmit_tries = 1\n"                           \
  "children { net { esp_proposals = aes256gcm16\n %s } }\n"
#define ROUNDS(own, theirs)                                                                        \
  "local2 { auth = psk\n id = " own ".two\n }\n remote2 { auth = psk\n id = " theirs ".two\n }"

/* @why: of the sentence that who asked hears. */
typedef struct {
  const char *conn[2], *child[2];
  const char *what, *message, *why;
} Case;

static Pair *
pair_of (gconstpointer flags, const Case *c)
{
  g_autofree char *a = g_strdup_printf ("%s" CHILDREN, c->conn[0] ? c->conn[0] : "",
                                        c->child[0] ? c->child[0] : ""),
                  *b = g_strdup_printf ("%s" CHILDREN, c->conn[1] ? c->conn[1] : "",
                                        c->child[1] ? c->child[1] : "");

  return pair_new (&(PairOptions){ .flags = GPOINTER_TO_UINT (flags) | IKE_ENGINE_FOR_TESTS,
                                   .connection = { a, b },
                                   .more = { NULL, "pools { p { addrs = 10.3.0.0/24\n } }\n" },
                                   .plugins = plugins });
}

static void
assert_refused (Pair *pair, const Case *c, const char *error)
{
  PairEnd *ends[] = { &pair->a, &pair->b };

  if (!error || !strstr (error, c->why))
    g_error ("%s in the %s: %s\n-- a --\n%s-- b --\n%s", c->what, c->message,
             error ? error : "it came up", pair->a.log->str, pair->b.log->str);
  pair_run (pair, 300);
  for (guint i = 0; i < 2; i++) {
    g_assert_cmpuint (ends[i]->kernel_ops->n_sas (ends[i]->kernel), ==, 0);
    g_assert_cmpuint (ends[i]->kernel_ops->n_policies (ends[i]->kernel), ==, 0);
  }
}

static const Case cases[] = {
  { { "childless = force", "" },
    { NULL },
    "notify=CHILDLESS_IKEV2_SUPPORTED",
    "response",
    "the peer makes no IKE SA without a child (RFC 6023), which childless = force wants" },
  { { ROUNDS ("a", "b"), ROUNDS ("b", "a") },
    { NULL },
    "exchange=IKE_AUTH notify=ANOTHER_AUTH_FOLLOWS",
    "request",
    "refused us" },
  { { ROUNDS ("a", "b"), ROUNDS ("b", "a") },
    { NULL },
    "exchange=IKE_AUTH notify=ANOTHER_AUTH_FOLLOWS",
    "response",
    "it authenticates fewer times than the connection asks" },
  { { "vips = 0.0.0.0", "pools = p" },
    { "local_ts = dynamic\n remote_ts = 10.2.0.0/16", "local_ts = 10.2.0.0/16" },
    "exchange=IKE_AUTH payload=CP",
    "request",
    "FAILED_CP_REQUIRED" },
  { { "vips = 0.0.0.0", "pools = p" },
    { "local_ts = dynamic\n remote_ts = 10.2.0.0/16", "local_ts = 10.2.0.0/16" },
    "exchange=IKE_AUTH payload=CP",
    "response",
    "the peer gave us no virtual address, which vips asks for" },
  { { "encap = yes", NULL },
    { NULL },
    "exchange=IKE_SA_INIT notify=NAT_DETECTION_SOURCE_IP",
    "response",
    "the peer does not detect NAT" },
  { { NULL, "encap = yes" },
    { NULL },
    "exchange=IKE_SA_INIT notify=NAT_DETECTION_DESTINATION_IP",
    "response",
    "NO_PROPOSAL_CHOSEN" },
  { { NULL },
    { "mode = transport", "mode = transport" },
    "exchange=IKE_AUTH notify=USE_TRANSPORT_MODE",
    "response",
    "the peer did not agree to transport mode" },
  { { NULL },
    { "mode = transport", "mode = transport" },
    "exchange=IKE_AUTH notify=USE_TRANSPORT_MODE",
    "request",
    "NO_PROPOSAL_CHOSEN" },
};

/* By who sends it, and by who gets it. */
static void
test_left_out (gconstpointer flags)
{
  for (guint i = 0; i < 2 * G_N_ELEMENTS (cases); i++) {
    const Case *c = &cases[i / 2];
    gboolean is_out = i % 2 == 0, is_request = !strcmp (c->message, "request");
    Pair *pair = pair_of (flags, c);
    PairEnd *end = is_request == is_out ? &pair->a : &pair->b;
    g_autofree char *rule = g_strdup_printf ("omit %s message=%s %s", is_out ? "out" : "in",
                                             c->message, c->what),
                    *error = NULL;
    guint number = impair (end, rule);
    error = pair_up (pair, "net");
    g_assert_cmpuint (impaired (end, number, "hits"), >, 0);
    assert_refused (pair, c, error);
    pair_free (pair);
  }
}

/* Everything that is said in the clear, where both want all of it. */
static void
test_taken_away (gconstpointer flags)
{
  static const Case all = { { "childless = prefer\n encap = yes\n clone = yes\n" ROUNDS ("a", "b"),
                              "childless = prefer\n encap = yes\n clone = yes\n" ROUNDS ("b",
                                                                                         "a") },
                            { NULL },
                            "a notify",
                            "response",
                            "authentication failed" };
  static const MiddleChange changes[] = {
    { "CHILDLESS_IKEV2_SUPPORTED", MIDDLE_OMIT, .notify = 16418 },
    { "MULTIPLE_AUTH_SUPPORTED", MIDDLE_OMIT, .notify = 16404 },
    { "IKEV2_FRAGMENTATION_SUPPORTED", MIDDLE_OMIT, .notify = 16430 },
    { "NAT_DETECTION_SOURCE_IP", MIDDLE_OMIT, .notify = IKE_N_NAT_DETECTION_SOURCE_IP },
    { "NAT_DETECTION_DESTINATION_IP", MIDDLE_OMIT, .notify = IKE_N_NAT_DETECTION_DESTINATION_IP },
  };

  for (guint i = 0; i < G_N_ELEMENTS (changes); i++) {
    Pair *pair = pair_of (flags, &all);
    Case c = all;
    Middle middle = { .change = &changes[i], .of_response = TRUE, .message = g_byte_array_new () };
    g_autofree char *error = NULL;
    pair->a.net_ops->set_script (pair->a.net, middle_stand_between, &middle);
    if (changes[i].notify == IKE_N_NAT_DETECTION_SOURCE_IP
        || changes[i].notify == IKE_N_NAT_DETECTION_DESTINATION_IP)
      c.why = "the peer does not detect NAT";
    error = pair_up (pair, "net");
    if (!middle.n_done)
      g_error ("%s was not there", changes[i].name);
    assert_refused (pair, &c, error);
    g_byte_array_unref (middle.message);
    pair_free (pair);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  pair_add_test ("required", "what-is-left-out-is-missed", test_left_out);
  pair_add_test ("required", "what-is-taken-away-is-found-out", test_taken_away);
  return g_test_run ();
}
