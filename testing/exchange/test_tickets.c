/* SPDX-License-Identifier: Apache-2.0 */
/* test_tickets.c - tickets and resumed SAs under attack: forged, changed, repeated, stripped, too
 * long, of others (RFC 5723, 9). */
#include "exchange/tickets.h"
#include <ikebana/auth.h>
#include <string.h>

enum { N_TICKET_NACK = 16412, N_TICKET_OPAQUE = 16413, N_COOKIE = 16390, RESPONSE = 0x20 };

static Tickets *
make_of (gconstpointer flags, const char *of_gateway, const IkePluginInfo *const *builtin)
{
  Tickets *t = tickets_new (&(TicketsOptions){
      .flags = GPOINTER_TO_UINT (flags), .more = { NULL, of_gateway }, .builtin = builtin });

  tickets_assert_full (t);
  return t;
}

/* -- what the gateway answers to a first message */

typedef struct {
  guint n, n_nack;
  gsize len;
} Answers;

static void
note_answer (IkeSimEvent event, const IkeSimPacket *packet, gpointer data)
{
  Answers *answers = data;
  static const guint8 nack[] = { 0, 0, 0, 8, 0, 0, N_TICKET_NACK >> 8, N_TICKET_NACK & 0xff };
  gsize len;

  if (event != IKE_SIM_SENT || !packet->ike || !packet->is_response
      || packet->ike[18] != TICKETS_RESUME)
    return;
  len = packet->len - (gsize) (packet->ike - packet->data);
  answers->n++;
  answers->len = len;
  answers->n_nack += len == 28 + sizeof nack && !memcmp (packet->ike + 28, nack, sizeof nack);
}

static Answers
inject (Tickets *t, const guint8 *data, gsize len)
{
  Answers answers = { 0 };
  guint tap = t->pair->a.net_ops->tap_add (t->pair->a.net, note_answer, &answers);

  pair_inject (t->pair, "10.0.0.9", "10.0.0.2", data, len);
  pair_run (t->pair, 1);
  t->pair->a.net_ops->tap_remove (t->pair->a.net, tap);
  return answers;
}

/* A message of IKE_SESSION_RESUME with a nonce and @ticket. */
static gsize
write_first (guint8 *out, gsize size, const guint8 *ticket, gsize len)
{
  static const guint8 nonce[32] = { 1 };
  IkeHeader header = { .spi_initiator = 0x0102030405060708,
                       .version = 0x20,
                       .exchange = TICKETS_RESUME,
                       .flags = IKE_FLAG_INITIATOR };
  IkeWriter w;

  ike_writer_init (&w, out, size);
  ike_header_write (&w, &header);
  ike_payload_write (&w, IKE_PAYLOAD_NONCE, nonce, sizeof nonce);
  ike_notify_write (&w, 0, N_TICKET_OPAQUE, NULL, 0, ticket, len);
  ike_message_close (&w);
  g_assert_false (w.failed);
  return w.len;
}

/* The ticket in a first message. */
static guint8 *
ticket_in (GByteArray *first, gsize *len)
{
  guint8 type = first->data[16];
  gsize at = 28;

  while (type) {
    gsize n = (gsize) first->data[at + 2] << 8 | first->data[at + 3];
    if (type == IKE_PAYLOAD_NOTIFY
        && (first->data[at + 6] << 8 | first->data[at + 7]) == N_TICKET_OPAQUE) {
      *len = n - 8;
      return g_memdup2 (first->data + at + 8, n - 8);
    }
    type = first->data[at];
    at += n;
  }
  g_assert_not_reached ();
}

/* A ticket that was used, from the wire. */
static guint8 *
used_ticket (Tickets *t, gsize *len)
{
  tickets_lose (t);
  tickets_assert_resumed (t);
  return ticket_in (t->first, len);
}

static void
assert_nack (Tickets *t, const guint8 *ticket, gsize len)
{
  guint8 message[8192];
  guint64 failed = pair_count (&t->pair->b, "ike.failed");
  Answers answers = inject (t, message, write_first (message, sizeof message, ticket, len));

  g_assert_cmpuint (answers.n, ==, 1);
  g_assert_cmpuint (answers.n_nack, ==, 1);
  pair_run (t->pair, 60);
  /* No SA was made. */
  g_assert_cmpuint (pair_count (&t->pair->b, "ike.failed"), ==, failed);
}

static void
test_changed (gconstpointer flags)
{
  static const char *const more[] = { NULL, "plugins { resumption { tickets = reference } }\n" };

  for (guint k = 0; k < 2; k++) {
    Tickets *t = make_of (flags, more[k], NULL);
    gsize len;
    g_autofree guint8 *ticket = used_ticket (t, &len);

    /* One that is good, but for one byte. */
    tickets_lose (t);
    for (gsize i = 0; i < len; i += i < 32 ? 1 : 17) {
      ticket[i] ^= 1;
      assert_nack (t, ticket, len);
      ticket[i] ^= 1;
    }
    tickets_free (t);
  }
}

static void
test_cut (gconstpointer flags)
{
  Tickets *t = make_of (flags, NULL, NULL);
  gsize len, n;
  g_autofree guint8 *ticket = used_ticket (t, &len), *longer = g_malloc0 (7000);

  for (n = 1; n < len; n += n < 64 ? 1 : 13)
    assert_nack (t, ticket, n);
  memcpy (longer, ticket, len);
  assert_nack (t, longer, len + 1);
  assert_nack (t, longer, 7000);
  tickets_free (t);
}

/* RFC 5723, 4.3.1: "A reused ticket SHOULD be rejected by a gateway." */
static void
test_used (gconstpointer flags)
{
  static const char *const more[] = { NULL, "plugins { resumption { tickets = reference } }\n" };

  for (guint k = 0; k < 2; k++) {
    Tickets *t = make_of (flags, more[k], NULL);
    gsize len;
    g_autofree guint8 *ticket = used_ticket (t, &len);

    assert_nack (t, ticket, len);
    /* Nor is the SA harmed that it led to. */
    pair_assert_twins (t->pair);
    tickets_free (t);
  }
}

/* 9.8: "A misbehaving client could present a ticket in its possession to the gateway resulting in
 * session resumption, even though the IKE SA associated with this ticket had previously been
 * deleted." */
static void
test_of_closed (gconstpointer flags)
{
  Tickets *t = tickets_new (
      &(TicketsOptions){ .flags = GPOINTER_TO_UINT (flags), .conn = { NULL, "dpd_delay = 0\n" } });
  IkeSimRule rule = { .struct_size = sizeof rule,
                      .action = IKE_SIM_DROP,
                      .exchange = TICKETS_RESUME,
                      .which = IKE_SIM_REQUEST };
  gsize len;
  g_autofree guint8 *ticket = NULL;
  IkeTree *args = ike_tree_new_section ();
  g_autofree char *error = NULL;
  guint id;

  /* It is seen, and does not arrive; then the gateway closes the SA that it has still. */
  tickets_assert_full (t);
  tickets_lose (t);
  id = t->pair->a.net_ops->rule_add (t->pair->a.net, &rule);
  pair_begin_up (t->pair, &t->pair->a, "pair", NULL, &error);
  pair_run (t->pair, 1);
  ticket = ticket_in (t->first, &len);
  ike_tree_set_string (args, "name", "pair");
  ike_tree_free (pair_command (&t->pair->b, "down", args, NULL));
  pair_run (t->pair, 1);
  g_assert_cmpuint (pair_count (&t->pair->b, "ike.closed"), ==, 1);
  assert_nack (t, ticket, len);
  t->pair->a.net_ops->rule_remove (t->pair->a.net, id);
  pair_run (t->pair, 400);
  g_assert_cmpstr (error, ==, "");
  tickets_free (t);
}

static void
test_without_ticket (gconstpointer flags)
{
  Tickets *t = make_of (flags, NULL, NULL);
  guint8 message[256];
  gsize len = write_first (message, sizeof message, (const guint8 *) "x", 1);
  Answers answers;

  /* Another notify in its place. */
  message[len - 2] = 0xff;
  message[len - 3] = 0xff;
  answers = inject (t, message, len);
  g_assert_cmpuint (answers.n_nack, ==, 1);
  tickets_free (t);
}

/* -- a flood */

static void
test_cookie (gconstpointer flags)
{
  static const char *const plugins[] = { "cookie", NULL };
  Tickets *t =
      tickets_new (&(TicketsOptions){ .flags = GPOINTER_TO_UINT (flags),
                                      .more = { NULL, "plugins { cookie { always = yes } }\n" },
                                      .plugins = plugins });
  guint8 message[256];
  gsize len = write_first (message, sizeof message, (const guint8 *) "x", 1);
  Answers answers;

  tickets_assert_full (t);
  tickets_lose (t);
  tickets_up (t);
  g_assert_cmpuint (t->n_requests[TICKETS_RESUME], ==, 2);
  g_assert_cmpuint (t->n_requests[TICKETS_INIT], ==, 0);
  pair_assert_twins (t->pair);
  /* Who does not show that he is there does not even get his ticket looked at. */
  answers = inject (t, message, len);
  g_assert_cmpuint (answers.n, ==, 1);
  g_assert_cmpuint (answers.n_nack, ==, 0);
  g_assert_cmpuint (tickets_count (t, TRUE, "resumption.refused"), ==, 0);
  tickets_free (t);
}

/* RFC 5723, 9.2: forged tickets cost the gateway one AES-GCM each, and no memory. */
static void
test_many (gconstpointer flags)
{
  Tickets *t = make_of (flags, NULL, NULL);
  guint8 ticket[300] = { 1, 1 }, message[512];

  for (guint i = 0; i < 500; i++) {
    gsize len;
    ike_sim_random (t->pair->sim, ticket + 4, sizeof ticket - 4);
    len = write_first (message, sizeof message, ticket, sizeof ticket);
    message[7] = (guint8) i;
    message[6] = (guint8) (i >> 8);
    pair_inject (t->pair, "10.0.0.9", "10.0.0.2", message, len);
  }
  pair_run (t->pair, 5);
  g_assert_cmpuint (tickets_count (t, TRUE, "resumption.refused"), ==, 500);
  pair_run (t->pair, 60);
  g_assert_cmpuint (pair_count (&t->pair->b, "ike.failed"), ==, 0);
  pair_assert_twins (t->pair);
  tickets_free (t);
}

/* -- somebody between */

typedef struct {
  Tickets *t;
  guint exchange, type;
  gsize at;
  guint n;
} Tamper;

static Tamper tamper;

/* Changes one byte of a payload of the client's requests before they are sealed. */
static IkeHookVerdict
on_message (IkePlugin *self, IkeSa *sa, IkeMessageEvent *event)
{
  gsize len;
  guint8 *body;

  if (!tamper.exchange || event->is_inbound || !event->is_request
      || event->exchange != tamper.exchange)
    return IKE_HOOK_PASS;
  body = pair_payload (event->first_payload, (guint8 *) event->plain, event->len,
                       (guint8) tamper.type, &len);
  if (body && tamper.at < len) {
    body[tamper.at] ^= 1;
    tamper.n++;
  }
  return IKE_HOOK_PASS;
}

static gboolean
tamper_activate (IkePlugin *self, GError **error)
{
  return ike_message_hook_add (self, "tamper", NULL, on_message, error);
}

static const IkePluginInfo tamper_plugin = {
  .struct_size = sizeof tamper_plugin,
  .abi_major = IKE_ABI_MAJOR,
  .abi_minor = IKE_ABI_MINOR,
  .name = "tamper",
  .version = "0",
  .license = "Apache-2.0",
  .summary = "changes what a client says",
  .activate = tamper_activate,
};

/* RFC 5723, 4.3.3: both identities MUST be those of the ticket, and AUTH proves its keys. */
static void
test_other_identity (gconstpointer flags)
{
  static const IkePluginInfo *const builtin[] = { &tamper_plugin, NULL };
  static const struct {
    guint type;
    gsize at;
    const char *why;
  } cases[] = {
    { IKE_PAYLOAD_IDI, 0, "the identities are others" },
    { IKE_PAYLOAD_IDI, 5, "the identities are others" },
    { IKE_PAYLOAD_IDR, 6, "the identities are others" },
    { IKE_PAYLOAD_AUTH, 0, "its AUTH does not fit" },
    { IKE_PAYLOAD_AUTH, 20, "its AUTH does not fit" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    Tickets *t = make_of (flags, NULL, builtin);
    g_autofree char *error = NULL;
    g_autoptr (IkeTree) record = NULL;

    tickets_lose (t);
    tamper = (Tamper){ .exchange = TICKETS_AUTH, .type = cases[i].type, .at = cases[i].at };
    error = pair_up (t->pair, NULL);
    g_assert_cmpuint (tamper.n, ==, 1);
    tamper.exchange = 0;
    g_assert_nonnull (error);
    record = pair_explain (&t->pair->b);
    g_assert_nonnull (strstr (ike_tree_string (record, "reason", ""), cases[i].why));
    g_assert_cmpuint (tickets_count (t, TRUE, "resumption.resumed"), ==, 0);
    /* The ticket is spent, and the next attempt is a full one. */
    tickets_assert_full (t);
    g_assert_cmpuint (t->n_requests[TICKETS_RESUME], ==, 0);
    tickets_free (t);
  }
}

/* A refusal that is forged costs a key exchange, and nothing else. */
static void
test_forged_nack (gconstpointer flags)
{
  Tickets *t = make_of (flags, NULL, NULL);
  IkeSimRule rule = { .struct_size = sizeof rule,
                      .action = IKE_SIM_DELAY,
                      .argument = 3 * G_USEC_PER_SEC,
                      .exchange = TICKETS_RESUME,
                      .which = IKE_SIM_RESPONSE };
  g_autofree char *error = NULL;
  guint8 nack[36] = { 0 };

  tickets_lose (t);
  t->pair->a.net_ops->rule_add (t->pair->a.net, &rule);
  pair_begin_up (t->pair, &t->pair->a, "pair", NULL, &error);
  while (t->n_requests[TICKETS_RESUME] == 0)
    ike_sim_step (t->pair->sim, G_MAXINT64);
  memcpy (nack, t->first->data, 28);
  nack[16] = IKE_PAYLOAD_NOTIFY;
  nack[19] = RESPONSE;
  nack[26] = 0;
  nack[27] = sizeof nack;
  nack[31] = 8;
  nack[34] = N_TICKET_NACK >> 8;
  nack[35] = N_TICKET_NACK & 0xff;
  pair_inject (t->pair, "10.0.0.2", "10.0.0.1", nack, sizeof nack);
  pair_run (t->pair, 30);
  g_assert_cmpstr (error, ==, "");
  g_assert_cmpuint (tickets_count (t, FALSE, "resumption.fell-back"), ==, 1);
  pair_assert_twins (t->pair);
  pair_run (t->pair, 60);
  g_assert_cmpuint (pair_count (&t->pair->a, "ike.closed"), ==, 1);
  tickets_free (t);
}

/* The same ticket twice at once: whoever has no keys gets no further than the first answer, and
 * keeps nobody from using his. */
static void
test_repeated_first (gconstpointer flags)
{
  Tickets *t = make_of (flags, NULL, NULL);
  g_autofree char *error = NULL;
  Answers answers;

  tickets_lose (t);
  t->n_requests[TICKETS_RESUME] = 0;
  pair_begin_up (t->pair, &t->pair->a, "pair", NULL, &error);
  while (t->n_requests[TICKETS_RESUME] == 0)
    ike_sim_step (t->pair->sim, G_MAXINT64);
  answers = inject (t, t->first->data, t->first->len);
  g_assert_cmpuint (answers.n, >=, 1);
  pair_run (t->pair, 60);
  g_assert_cmpstr (error, ==, "");
  g_assert_cmpuint (tickets_count (t, TRUE, "resumption.resumed"), ==, 1);
  pair_assert_twins (t->pair);
  tickets_free (t);
}

/* -- what a plugin has of an IKE SA once only */

static gpointer
once_inherit (IkeSa *from, IkeSa *to, gpointer state)
{
  return state;
}

static const IkeSlotClass once_slot = { .struct_size = sizeof once_slot,
                                        .name = "once",
                                        .inherit = once_inherit };

static IkeHookVerdict
once_up (IkePlugin *self, IkeSa *sa, IkeUpDownEvent *event)
{
  if (event->is_up && !ike_sa_was_ours (sa))
    ike_sa_set_slot (sa, GPOINTER_TO_UINT (ike_plugin_state (self)), self);
  return IKE_HOOK_PASS;
}

static gboolean
once_activate (IkePlugin *self, GError **error)
{
  ike_plugin_set_state (self, GUINT_TO_POINTER (ike_slot_register (self, &once_slot)), NULL);
  return ike_ike_updown_hook_add (self, "once", NULL, once_up, error);
}

static const IkePluginInfo once_plugin = { .struct_size = sizeof once_plugin,
                                           .abi_major = IKE_ABI_MAJOR,
                                           .abi_minor = IKE_ABI_MINOR,
                                           .name = "once",
                                           .version = "0",
                                           .license = "Apache-2.0",
                                           .summary = "an account, for tests",
                                           .activate = once_activate };

/* An account would end with the SA that is lost, and the resumed one would have none. */
static void
test_once (gconstpointer flags)
{
  static const IkePluginInfo *const builtin[] = { &once_plugin, NULL };
  static const char *const plugins[] = { "once", NULL };
  Tickets *t = tickets_new (&(TicketsOptions){
      .flags = GPOINTER_TO_UINT (flags), .plugins = plugins, .builtin = builtin });

  tickets_assert_full (t);
  g_assert_cmpuint (tickets_count (t, TRUE, "resumption.given"), ==, 0);
  tickets_lose (t);
  tickets_assert_full (t);
  tickets_free (t);
}

/* -- an authorizer */

static void
allow (IkePlugin *self, IkeCall *call, IkeSa *sa)
{
  IkeAuthorizerAnswer *answer = g_new0 (IkeAuthorizerAnswer, 1);

  answer->struct_size = sizeof *answer;
  answer->is_allowed = TRUE;
  ike_call_answer (call, answer);
}

static const IkeAuthorizerClass asker_class = { .struct_size = sizeof asker_class,
                                                .authorize = allow };
static const IkeFeature asker_feature = { .struct_size = sizeof asker_feature,
                                          .provides = "authorizer:asker",
                                          .ops = &asker_class };
static const IkeFeature *const asker_features[] = { &asker_feature, NULL };
static const IkePluginInfo asker_plugin = { .struct_size = sizeof asker_plugin,
                                            .abi_major = IKE_ABI_MAJOR,
                                            .abi_minor = IKE_ABI_MINOR,
                                            .name = "asker",
                                            .version = "0",
                                            .license = "Apache-2.0",
                                            .summary = "has to be asked, for tests",
                                            .features = asker_features };

/* Whom an authorizer at the gateway let in yesterday it may not let in today. */
static void
test_asked (gconstpointer flags)
{
  static const IkePluginInfo *const builtin[] = { &asker_plugin, NULL };
  static const char *const plugins[] = { "asker", NULL };
  static const char none[] = "plugins { asker { load = no } }\n";
  Tickets *t = tickets_new (&(TicketsOptions){ .flags = GPOINTER_TO_UINT (flags),
                                               .plugins = plugins,
                                               .builtin = builtin,
                                               .more = { none, NULL } });

  tickets_assert_full (t);
  g_assert_cmpuint (tickets_count (t, TRUE, "resumption.given"), ==, 0);
  tickets_lose (t);
  tickets_assert_full (t);
  tickets_free (t);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  pair_add_test ("tickets", "one-that-was-changed-is-refused", test_changed);
  pair_add_test ("tickets", "one-that-was-cut-or-grew-is-refused", test_cut);
  pair_add_test ("tickets", "one-that-was-used-is-refused", test_used);
  pair_add_test ("tickets", "one-of-a-closed-sa-is-refused", test_of_closed);
  pair_add_test ("tickets", "none-at-all-is-refused", test_without_ticket);
  pair_add_test ("tickets", "a-cookie-comes-first", test_cookie);
  pair_add_test ("tickets", "many-forged-ones-leave-nothing", test_many);
  pair_add_test ("tickets", "identities-and-keys-are-those-of-the-ticket", test_other_identity);
  pair_add_test ("tickets", "a-forged-refusal-is-a-full-handshake", test_forged_nack);
  pair_add_test ("tickets", "a-repeated-first-message-harms-nobody", test_repeated_first);
  pair_add_test ("tickets", "who-is-accounted-for-gets-none", test_once);
  pair_add_test ("tickets", "where-an-authorizer-is-asked-there-are-none", test_asked);
  return g_test_run ();
}
