/* SPDX-License-Identifier: Apache-2.0 */
/* test_relay.c - conversations through eap-server:radius: what a server is asked, and each thing
 * that it may say. */
#include <ikebana/engine.h>
#include "test_service.h"

typedef struct {
  IkeSim *sim;
  IkeEngine *engine;
  const IkeProvided *relay;
  const IkeEapClass *klass;
  IkeEapContext context;
  IkeIdent *identity;
  gpointer state;
  IkeEapStep *step; /* that was answered last */
} Bed;

static void
bed_begin (Bed *bed)
{
  char *why = NULL;

  bed->context = (IkeEapContext){ .struct_size = sizeof bed->context,
                                  .engine = bed->engine,
                                  .loop = ike_engine_control (bed->engine),
                                  .conn = "road",
                                  .identity = bed->identity };
  bed->state = bed->klass->begin (bed->relay->plugin, &bed->context, &why);
  g_assert_cmpstr (why, ==, NULL);
  g_assert_nonnull (bed->state);
}

static Bed *
bed_new (const char *settings)
{
  static const IkePluginInfo *const builtin[] = { &test_service_plugin, NULL };
  g_autoptr (GError) error = NULL;
  const char *top = g_getenv ("IKE_TOP_BUILDDIR");
  g_autofree char *dir = g_build_filename (top ? top : "..", "plugins", ".libs", NULL);
  Bed *bed = g_new0 (Bed, 1);
  IkeEngineOptions options = { .struct_size = sizeof options,
                               .flags = IKE_ENGINE_NO_CONFIG,
                               .n_shards = 1,
                               .settings = settings ? settings : "",
                               .plugin_dir = dir,
                               .plugins =
                                   (const char *const[]){ "eap-radius", "test-service", NULL },
                               .builtin = builtin };

  test_service_reset ();
  bed->sim = options.sim = ike_sim_new (1);
  bed->engine = ike_engine_new (&options, &error);
  g_assert_no_error (error);
  ike_engine_start (bed->engine, &error);
  g_assert_no_error (error);
  bed->relay = ike_feature_find (bed->engine, "eap-server:radius", &error);
  g_assert_no_error (error);
  bed->klass = bed->relay->ops;
  bed->identity = ike_ident_parse ("carol@test", NULL);
  bed_begin (bed);
  return bed;
}

static void
bed_free (Bed *bed)
{
  if (bed->state)
    bed->klass->end (bed->state);
  ike_engine_free (bed->engine);
  ike_eap_step_free (bed->step);
  ike_ident_unref (bed->identity);
  ike_sim_free (bed->sim);
  test_service_reset ();
  g_free (bed);
}

static void
stepped (gpointer owner, gpointer data, gpointer result, const char *error)
{
  Bed *bed = owner;

  g_assert_null (error);
  g_assert_nonnull (result);
  ike_eap_step_free (bed->step);
  bed->step = result;
}

static const IkeCallClass step_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "turn",
  .timeout_ms = 600 * 1000,
  .then = stepped,
  .undo = ike_eap_step_free,
};

static void
ask (gpointer data)
{
  Bed *bed = data;
  static const guint8 identity[] = { 2, 1, 0, 10, 1, 'c', 'a', 'r', 'o', 'l' };

  bed->klass->step (bed->state, ike_loop_call (ike_loop_current (), &step_call, bed, NULL),
                    identity, sizeof identity, 2);
}

static const guint8 *packet_to_send;
static gsize packet_len;

static void
ask_with (gpointer data)
{
  Bed *bed = data;

  bed->klass->step (bed->state, ike_loop_call (ike_loop_current (), &step_call, bed, NULL),
                    packet_to_send, packet_len, 2);
}

static void
on_loop (Bed *bed, IkeFunc run)
{
  ike_loop_post (bed->context.loop, run, bed, NULL);
  ike_sim_settle (bed->sim);
}

/* The peer says who it is; then @packet, if there is one. */
static void
turn (Bed *bed)
{
  g_clear_pointer (&bed->step, ike_eap_step_free);
  on_loop (bed, ask);
}

static void
turn_with (Bed *bed, const guint8 *packet, gsize len)
{
  g_clear_pointer (&bed->step, ike_eap_step_free);
  packet_to_send = packet;
  packet_len = len;
  on_loop (bed, ask_with);
}

static void
write_eap (IkeWriter *w, guint8 code, guint8 id, gsize len)
{
  guint8 packet[2000] = { code, id, (guint8) (len >> 8), (guint8) len, IKE_EAP_TYPE_TLS };

  ike_radius_add_long (w, IKE_RADIUS_EAP_MESSAGE, packet, len);
}

static void
say (Bed *bed, guint8 code, const IkeWriter *w)
{
  test_service_answer (test_service_open (), code, w->data, w->len);
  ike_sim_settle (bed->sim);
}

/* With keys of @key_len bytes. */
static void
let_in (Bed *bed, guint key_len)
{
  guint8 buffer[64];
  IkeWriter w;

  ike_writer_init (&w, buffer, sizeof buffer);
  write_eap (&w, 3, 1, 4);
  test_service_accept (test_service_open (), w.data, w.len, key_len);
  ike_sim_settle (bed->sim);
}

static void
test_conversation (void)
{
  Bed *bed = bed_new ("plugins { eap-radius { nas_identifier = gate } }");
  guint8 buffer[3000];
  static const guint8 answer_packet[700] = { 2, 9, 700 >> 8, 700 & 0xff, 13 };
  g_autofree guint8 *joined = NULL;
  gsize joined_len;
  const TestAsked *asked;
  IkeWriter w;

  turn (bed);
  asked = test_service_asked (0);
  g_assert_cmpuint (asked->code, ==, IKE_RADIUS_ACCESS_REQUEST);
  g_assert_true (test_service_has_text (asked, IKE_RADIUS_USER_NAME, "carol"));
  g_assert_true (test_service_has_text (asked, IKE_RADIUS_NAS_PORT_ID, "road"));
  g_assert_true (test_service_has_text (asked, IKE_RADIUS_NAS_IDENTIFIER, "gate"));
  g_assert_cmpuint (test_service_u32 (asked, IKE_RADIUS_NAS_PORT_TYPE), ==, 5);
  g_assert_cmpuint (test_service_u32 (asked, IKE_RADIUS_SERVICE_TYPE), ==, 2);
  g_assert_cmpuint (test_service_u32 (asked, IKE_RADIUS_FRAMED_MTU), ==, 1024);
  g_assert_cmpuint (asked->server, ==, 0);

  ike_writer_init (&w, buffer, sizeof buffer);
  ike_radius_add (&w, IKE_RADIUS_STATE, "where we were", 13);
  write_eap (&w, 1, 9, 900);
  say (bed, IKE_RADIUS_ACCESS_CHALLENGE, &w);
  g_assert_cmpuint (bed->step->outcome, ==, IKE_EAP_MORE);
  g_assert_cmpuint (bed->step->len, ==, 900);

  turn_with (bed, answer_packet, sizeof answer_packet);
  asked = test_service_asked (1);
  g_assert_true (test_service_has_text (asked, IKE_RADIUS_USER_NAME, "carol"));
  g_assert_true (test_service_has (asked, IKE_RADIUS_STATE, "where we were", 13));
  /* RFC 2865, 5.24: State means something to who said it only. */
  g_assert_cmpuint (asked->server, ==, 7);
  joined = ike_radius_join (asked->attributes, asked->len, IKE_RADIUS_EAP_MESSAGE, &joined_len);
  g_assert_cmpmem (joined, joined_len, answer_packet, sizeof answer_packet);

  ike_writer_init (&w, buffer, sizeof buffer);
  write_eap (&w, 3, 9, 4);
  ike_radius_add_text (&w, IKE_RADIUS_USER_NAME, "caroline@inner.test");
  test_service_accept (test_service_open (), w.data, w.len, 32);
  ike_sim_settle (bed->sim);
  g_assert_cmpuint (bed->step->outcome, ==, IKE_EAP_DONE);
  g_assert_cmpuint (bed->step->packet[0], ==, IKE_EAP_CODE_SUCCESS);
  g_assert_cmpuint (ike_secret_blob_len (bed->step->msk), ==, 64);
  g_assert_cmpuint (ike_secret_blob_data (bed->step->msk)[0], ==, 1);
  g_assert_cmpuint (ike_secret_blob_data (bed->step->msk)[32], ==, 101);
  g_assert_cmpuint (ike_ident_type (bed->step->identity), ==, IKE_ID_RFC822_ADDR);
  g_assert_cmpuint (ike_counter_get (bed->engine, "eap-radius.accepted"), ==, 1);
  bed_free (bed);
}

/* -- what a server must not say */

typedef struct {
  const char *name;
  guint8 code, eap_code;
  guint16 eap_len; /* 0: no EAP-Message */
  gint16 claimed;  /* more than there is */
  const char *reply_message;
  const char *reason;
  gboolean has_packet;
} Saying;

static const Saying sayings[] = {
  { "accept-without-eap", 2, 0, 0, 0, NULL, "without an EAP-Success", FALSE },
  { "accept-with-failure", 2, 4, 4, 0, NULL, "without an EAP-Success", FALSE },
  { "accept-with-request", 2, 1, 20, 0, NULL, "without an EAP-Success", FALSE },
  { "accept-with-nak", 2, 2, 6, 0, NULL, "without an EAP-Success", FALSE },
  { "accept-cut", 2, 3, 4, 1, NULL, "without an EAP-Success", FALSE },
  { "accept-with-three-bytes", 2, 3, 3, 0, NULL, "without an EAP-Success", FALSE },
  { "challenge-without-eap", 11, 0, 0, 0, NULL, "without an EAP request", FALSE },
  { "challenge-with-success", 11, 3, 4, 0, NULL, "without an EAP request", FALSE },
  { "challenge-with-failure", 11, 4, 4, 0, NULL, "without an EAP request", FALSE },
  { "challenge-with-response", 11, 2, 20, 0, NULL, "without an EAP request", FALSE },
  { "challenge-without-type", 11, 1, 4, 0, NULL, "without an EAP request", FALSE },
  { "challenge-cut", 11, 1, 20, 9, NULL, "without an EAP request", FALSE },
  { "reject", 3, 4, 4, 0, NULL, "first refused user \"carol\"", TRUE },
  { "reject-without-eap", 3, 0, 0, 0, NULL, "first refused user \"carol\"", FALSE },
  { "reject-with-success", 3, 3, 4, 0, NULL, "first refused user \"carol\"", FALSE },
  { "reject-with-message", 3, 4, 4, 0, "go\033[2J away\n", "\"carol\": go\\x1b[2J away\\x0a",
    TRUE },
  { "accounting-response", 5, 0, 0, 0, NULL, "answered with code 5", FALSE },
};

static void
test_saying (gconstpointer data)
{
  const Saying *saying = data;
  Bed *bed = bed_new (NULL);
  guint8 buffer[256],
      packet[64] = { saying->eap_code, 1, 0, (guint8) (saying->eap_len + saying->claimed), 13 };
  IkeWriter w;

  turn (bed);
  ike_writer_init (&w, buffer, sizeof buffer);
  if (saying->eap_len)
    ike_radius_add (&w, IKE_RADIUS_EAP_MESSAGE, packet, saying->eap_len);
  if (saying->reply_message)
    ike_radius_add_text (&w, IKE_RADIUS_REPLY_MESSAGE, saying->reply_message);
  say (bed, saying->code, &w);
  g_assert_cmpuint (bed->step->outcome, ==, IKE_EAP_FAILED);
  if (!strstr (bed->step->reason, saying->reason))
    g_error ("%s, not %s", bed->step->reason, saying->reason);
  g_assert_cmpint (bed->step->packet != NULL, ==, saying->has_packet);
  g_assert_null (bed->step->msk);
  bed_free (bed);
}

/* RFC 3579, 3.1: EAP-Message attributes "MUST be consecutive". */
static void
test_torn (void)
{
  Bed *bed = bed_new (NULL);
  guint8 buffer[256], packet[8] = { 1, 1, 0, 8, 13 };
  IkeWriter w;

  turn (bed);
  ike_writer_init (&w, buffer, sizeof buffer);
  ike_radius_add (&w, IKE_RADIUS_EAP_MESSAGE, packet, 4);
  ike_radius_add_text (&w, IKE_RADIUS_STATE, "between");
  ike_radius_add (&w, IKE_RADIUS_EAP_MESSAGE, packet + 4, 4);
  say (bed, IKE_RADIUS_ACCESS_CHALLENGE, &w);
  g_assert_cmpuint (bed->step->outcome, ==, IKE_EAP_FAILED);
  bed_free (bed);
}

static void
test_state_is_the_newest (void)
{
  Bed *bed = bed_new (NULL);
  guint8 buffer[256];
  IkeWriter w;

  for (guint i = 0; i < 2; i++) {
    turn (bed);
    ike_writer_init (&w, buffer, sizeof buffer);
    write_eap (&w, 1, 2, 20);
    if (i == 0)
      ike_radius_add_text (&w, IKE_RADIUS_STATE, "old");
    say (bed, IKE_RADIUS_ACCESS_CHALLENGE, &w);
  }
  turn (bed);
  g_assert_true (test_service_has_text (test_service_asked (1), IKE_RADIUS_STATE, "old"));
  g_assert_false (test_service_has_text (test_service_asked (2), IKE_RADIUS_STATE, "old"));
  bed_free (bed);
}

static void
test_no_server_answers (void)
{
  Bed *bed = bed_new (NULL);

  turn (bed);
  g_assert_null (bed->step);
  test_service_fail (test_service_open (), "no RADIUS server answered in 20 s: first, second");
  ike_sim_settle (bed->sim);
  g_assert_cmpuint (bed->step->outcome, ==, IKE_EAP_FAILED);
  g_assert_cmpstr (bed->step->reason, ==, "no RADIUS server answered in 20 s: first, second");
  g_assert_cmpuint (ike_counter_get (bed->engine, "eap-radius.failed"), ==, 1);
  bed_free (bed);
}

static void
end (gpointer data)
{
  Bed *bed = data;

  bed->klass->end (g_steal_pointer (&bed->state));
}

/* A method answers each turn, by itself also when it was told to end meanwhile; and the server is
 * not asked any longer, whose answer may come all the same. */
static void
test_ended_in_the_middle_of_a_turn (void)
{
  Bed *bed = bed_new (NULL);

  turn (bed);
  on_loop (bed, end);
  memset (&bed->context, 0xee, sizeof bed->context);
  g_assert_true (test_service_open ()->is_cancelled);
  g_assert_nonnull (bed->step);
  g_assert_cmpuint (bed->step->outcome, ==, IKE_EAP_FAILED);
  let_in (bed, 32);
  g_assert_nonnull (bed->step);
  bed_free (bed);
}

static void
test_engine_ends_in_the_middle_of_a_turn (void)
{
  Bed *bed = bed_new (NULL);

  turn (bed);
  g_assert_null (bed->step);
  g_assert_nonnull (test_service_open ());
  bed_free (bed);
}

static void
test_short_keys (void)
{
  static const struct {
    guint key_len, first, second;
  } cases[] = { { 16, 1, 16 }, { 8, 1, 8 }, { 40, 1, 40 } };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    Bed *bed = bed_new (NULL);
    const guint8 *msk;

    turn (bed);
    let_in (bed, cases[i].key_len);
    msk = ike_secret_blob_data (bed->step->msk);
    g_assert_cmpuint (ike_secret_blob_len (bed->step->msk), ==, MAX (2 * cases[i].key_len, 64));
    g_assert_cmpuint (msk[0], ==, 1);
    g_assert_cmpuint (msk[cases[i].second], ==, 101);
    if (cases[i].key_len < 32)
      g_assert_cmpuint (msk[2 * cases[i].key_len], ==, 0);
    bed_free (bed);
  }
}

static void
test_no_keys (void)
{
  Bed *bed = bed_new (NULL);

  turn (bed);
  let_in (bed, 0);
  g_assert_cmpuint (bed->step->outcome, ==, IKE_EAP_DONE);
  g_assert_null (bed->step->msk);
  g_assert_null (bed->step->identity);
  bed_free (bed);
}

static void
test_groups (void)
{
  Bed *bed = bed_new ("plugins { eap-radius { class_group = yes\n filter_id = yes\n } }");
  guint8 buffer[256];
  IkeWriter w;

  turn (bed);
  ike_writer_init (&w, buffer, sizeof buffer);
  write_eap (&w, 3, 1, 4);
  ike_radius_add_text (&w, IKE_RADIUS_CLASS, "sales");
  ike_radius_add (&w, IKE_RADIUS_CLASS, "\0\1\2", 3);
  ike_radius_add_text (&w, IKE_RADIUS_FILTER_ID, "guests");
  test_service_accept (test_service_open (), w.data, w.len, 32);
  ike_sim_settle (bed->sim);
  g_assert_cmpuint (g_strv_length (bed->step->groups), ==, 2);
  g_assert_cmpstr (bed->step->groups[0], ==, "sales");
  g_assert_cmpstr (bed->step->groups[1], ==, "guests");
  bed_free (bed);
}

static void
test_does_not_fit (void)
{
  Bed *bed = bed_new (NULL);
  g_autofree guint8 *packet = g_malloc0 (4000);

  memcpy (packet, "\2\1\x0f\xa0\x0d", 5);
  turn_with (bed, packet, 4000);
  g_assert_cmpuint (bed->step->outcome, ==, IKE_EAP_FAILED);
  g_assert_nonnull (strstr (bed->step->reason, "4000 bytes does not fit"));
  g_assert_cmpuint (test_service_n (), ==, 0);
  bed_free (bed);
}

/* With no identity in EAP it is that of IKE; one that RADIUS cannot carry is nobody's. */
static void
test_who (void)
{
  Bed *bed = bed_new (NULL);
  g_autofree char *name = g_strnfill (254, 'x');
  g_autofree char *packet = g_strdup_printf ("\2\1\1\3\1%s", name);
  static const guint8 other[] = { 2, 1, 0, 6, 13, 0 };

  turn_with (bed, other, sizeof other);
  g_assert_true (
      test_service_has_text (test_service_asked (0), IKE_RADIUS_USER_NAME, "carol@test"));
  test_service_fail (test_service_open (), "enough");
  ike_sim_settle (bed->sim);
  bed->klass->end (g_steal_pointer (&bed->state));
  bed_begin (bed);
  turn_with (bed, (const guint8 *) packet, 5 + 254);
  g_assert_cmpuint (bed->step->outcome, ==, IKE_EAP_FAILED);
  g_assert_nonnull (strstr (bed->step->reason, "names no user"));
  bed_free (bed);
}

static void
test_no_server_is_there (void)
{
  Bed *bed = bed_new (NULL);
  g_autofree char *why = NULL;

  test_service_n_servers = 0;
  g_assert_null (bed->klass->begin (bed->relay->plugin, &bed->context, &why));
  g_assert_nonnull (strstr (why, "no RADIUS server is configured"));
  bed_free (bed);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/relay/a-conversation-is-carried-both-ways", test_conversation);
  for (guint i = 0; i < G_N_ELEMENTS (sayings); i++) {
    g_autofree char *path = g_strdup_printf ("/relay/refused/%s", sayings[i].name);
    g_test_add_data_func (path, &sayings[i], test_saying);
  }
  g_test_add_func ("/relay/refused/eap-message-with-another-between", test_torn);
  g_test_add_func ("/relay/state-is-of-the-last-challenge-only", test_state_is_the_newest);
  g_test_add_func ("/relay/no-server-answers", test_no_server_answers);
  g_test_add_func ("/relay/ended-in-the-middle-of-a-turn", test_ended_in_the_middle_of_a_turn);
  g_test_add_func ("/relay/the-engine-ends-in-the-middle-of-a-turn",
                   test_engine_ends_in_the_middle_of_a_turn);
  g_test_add_func ("/relay/short-keys-are-filled-up", test_short_keys);
  g_test_add_func ("/relay/a-method-without-keys", test_no_keys);
  g_test_add_func ("/relay/class-and-filter-id-are-groups-where-they-shall-be", test_groups);
  g_test_add_func ("/relay/a-packet-that-does-not-fit", test_does_not_fit);
  g_test_add_func ("/relay/who-it-is", test_who);
  g_test_add_func ("/relay/no-server-is-configured", test_no_server_is_there);
  return g_test_run ();
}
