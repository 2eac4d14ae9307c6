/* SPDX-License-Identifier: Apache-2.0 */
/* test_seams.c - the throw-away plugins beside this file, between two engines: plain, every wait
 * forced, every completion from another thread in random order, shuffled. */
#include "exchange/pair.h"
#include "seams/probe.h"
#include "seams/seams.h"
#include <ikebana/tree.h>
#include <string.h>

/* The bytes that went over the wire, by exchange. */
typedef struct { guint n_requests[256], n_responses[256]; } Wire;

static void
count_packet (IkeSimEvent event, const IkeSimPacket *packet, gpointer data)
{
  Wire *wire = data;

  if (event == IKE_SIM_SENT && packet->ike)
    (packet->is_response ? wire->n_responses : wire->n_requests)[packet->ike[18]]++;
}

static void
watch (Pair *pair, Wire *wire)
{
  pair->a.net_ops->tap_add (pair->a.net, count_packet, wire);
}

/* -- an exchange before IKE_AUTH that changes keys and AUTH octets */

static const IkePluginInfo *const intermediate[] = { &seam_intermediate_plugin, &probe_plugin,
                                                    NULL };

static void
look_for_keys (IkeSa *sa, gpointer data)
{
  IkePart part = { (const guint8 *) "x", 1 };
  guint8 out[IKE_SECRET_MAX];
  guint32 generation;
  gsize len;

  g_assert_cmpuint (ike_sa_key_generation (sa), ==, 2);
  for (generation = 0; generation <= 2; generation++)
    g_assert_cmpint (ike_sa_prf_auth_of (sa, generation, TRUE, &part, 1, out, &len), ==,
                     generation == 2);
}

/* Keys that nothing is sealed with any more are gone, at both ends. */
static void
assert_keys_are_gone (Pair *pair)
{
  g_assert_true (probe_run (pair, &pair->a, look_for_keys, NULL));
  g_assert_true (probe_run (pair, &pair->b, look_for_keys, NULL));
}

static void
test_intermediate (gconstpointer flags)
{
  Pair *pair =
      pair_new (&(PairOptions) { .flags = GPOINTER_TO_UINT (flags), .builtin = intermediate });
  Wire wire = { { 0 } };

  watch (pair, &wire);
  pair_assert_up (pair, NULL);
  g_assert_cmpuint (wire.n_requests[43], ==, 2);
  g_assert_cmpuint (wire.n_responses[43], ==, 2);
  pair_assert_twins (pair);
  assert_keys_are_gone (pair);
  pair_down (pair, "pair", NULL);
  pair_run (pair, 1);
  g_assert_cmpuint (pair->b.kernel_ops->n_sas (pair->b.kernel), ==, 0);
  pair_free (pair);
}

static void
test_intermediate_lost (gconstpointer flags)
{
  guint nth;

  for (nth = 1; nth <= 8; nth++) {
    Pair *pair =
        pair_new (&(PairOptions) { .flags = GPOINTER_TO_UINT (flags), .builtin = intermediate });
    IkeSimRule rule = {
      .struct_size = sizeof rule, .action = IKE_SIM_DROP, .first = nth, .n_times = 1
    };
    guint id = pair->a.net_ops->rule_add (pair->a.net, &rule);

    pair_assert_up (pair, NULL);
    g_assert_cmpuint (pair->a.net_ops->rule_hits (pair->a.net, id), ==, 1);
    pair_run (pair, 40);
    g_assert_cmpuint (pair_count (&pair->b, "ike.established"), ==, 1);
    g_assert_cmpuint (pair_count (&pair->b, "input.bad-icv"), ==, 0);
    pair_assert_twins (pair);
    assert_keys_are_gone (pair);
    pair_free (pair);
  }
}

static void
test_intermediate_twice (gconstpointer flags)
{
  Pair *pair =
      pair_new (&(PairOptions) { .flags = GPOINTER_TO_UINT (flags), .builtin = intermediate });
  IkeSimRule rule = { .struct_size = sizeof rule, .action = IKE_SIM_DUPLICATE };

  pair->a.net_ops->rule_add (pair->a.net, &rule);
  pair_assert_up (pair, NULL);
  pair_run (pair, 40);
  g_assert_cmpuint (pair_count (&pair->b, "ike.established"), ==, 1);
  g_assert_cmpuint (pair_count (&pair->b, "input.retransmits"), >=, 4);
  pair_assert_twins (pair);
  assert_keys_are_gone (pair);
  pair_free (pair);
}

static void
test_intermediate_tampered (gconstpointer flags)
{
  guint side;

  for (side = 0; side < 2; side++) {
    PairOptions o = { .flags = GPOINTER_TO_UINT (flags), .builtin = intermediate };
    g_autofree char *error = NULL;
    g_autoptr (IkeTree) record = NULL;
    Pair *pair;

    o.more[side] = "plugins { seam-intermediate { tamper = yes } }";
    pair = pair_new (&o);
    error = pair_up (pair, NULL);
    g_assert_nonnull (error);
    record = pair_explain (&pair->b);
    g_assert_cmpstr (ike_tree_string (record, "phase", ""), ==, "auth");
    pair_run (pair, 40);
    g_assert_cmpuint (pair_count (&pair->a, "ike.established"), ==, 0);
    g_assert_cmpuint (pair_count (&pair->b, "ike.established"), ==, 0);
    pair_free (pair);
  }
}

/* -- an operation across two exchanges */

static const IkePluginInfo *const followup[] = { &seam_followup_plugin, &probe_plugin, NULL };

static const char children[2][700] = {
  "proposals = aes256gcm16-prfsha256-x25519\n children {\n"
  " net { local_ts = 10.1.0.0/16\n remote_ts = 10.2.0.0/16\n esp_proposals = aes256gcm16\n }\n"
  " pfs { local_ts = 10.11.0.0/16\n remote_ts = 10.12.0.0/16\n esp_proposals = "
  "aes128-sha256-x25519\n }\n"
  " old { local_ts = 10.21.0.0/16\n remote_ts = 10.22.0.0/16\n esp_proposals = "
  "aes128-sha256-x25519\n }\n }\n",
  "proposals = aes256gcm16-prfsha256-x25519\n children {\n"
  " net { local_ts = 10.2.0.0/16\n remote_ts = 10.1.0.0/16\n esp_proposals = aes256gcm16\n }\n"
  " pfs { local_ts = 10.12.0.0/16\n remote_ts = 10.11.0.0/16\n esp_proposals = "
  "aes128-sha256-x25519\n }\n"
  " old { local_ts = 10.22.0.0/16\n remote_ts = 10.21.0.0/16\n esp_proposals = "
  "aes128-sha256-x25519\n }\n }\n"
};

static Pair *
followup_pair (guint32 flags, const char *misdeeds)
{
  return pair_new (&(PairOptions) { .flags = flags,
                                    .builtin = followup,
                                    .connection = { children[0], children[1] },
                                    .more = { misdeeds, NULL } });
}

static void
assert_hybrid (Pair *pair, PairEnd *end)
{
  g_autofree char *error = probe_begin (pair, end, "create-hybrid-child", g_strdup ("pfs"));

  if (error)
    g_test_message ("%s\n-- a --\n%s-- b --\n%s", error, pair->a.log->str, pair->b.log->str);
  g_assert_cmpstr (error, ==, NULL);
}

static void
test_followup (gconstpointer flags)
{
  Pair *pair = followup_pair (GPOINTER_TO_UINT (flags), NULL);
  Wire wire = { { 0 } };

  pair_assert_up (pair, "net");
  watch (pair, &wire);
  assert_hybrid (pair, &pair->a);
  g_assert_cmpuint (wire.n_requests[36], ==, 1);
  g_assert_cmpuint (wire.n_requests[44], ==, 1);
  g_assert_cmpuint (pair->b.kernel_ops->n_sas (pair->b.kernel), ==, 4);
  pair_assert_twins (pair);
  /* The original responder may ask too, and the usual way still goes. */
  assert_hybrid (pair, &pair->b);
  pair_assert_up (pair, "old");
  g_assert_cmpuint (pair->a.kernel_ops->n_sas (pair->a.kernel), ==, 8);
  g_assert_cmpuint (probe_of (&pair->b)->n_child_up, ==, 4);
  pair_assert_twins (pair);
  pair_down (pair, "pair", NULL);
  pair_run (pair, 1);
  g_assert_cmpuint (pair->b.kernel_ops->n_sas (pair->b.kernel), ==, 0);
  pair_free (pair);
}

static void
test_followup_lost (gconstpointer flags)
{
  guint nth;

  for (nth = 1; nth <= 4; nth++) {
    Pair *pair = followup_pair (GPOINTER_TO_UINT (flags), NULL);
    IkeSimRule rule = {
      .struct_size = sizeof rule, .action = IKE_SIM_DROP, .first = nth, .n_times = 1
    };
    guint id;

    pair_assert_up (pair, "net");
    id = pair->a.net_ops->rule_add (pair->a.net, &rule);
    assert_hybrid (pair, &pair->a);
    g_assert_cmpuint (pair->a.net_ops->rule_hits (pair->a.net, id), ==, 1);
    pair_run (pair, 40);
    g_assert_cmpuint (pair->b.kernel_ops->n_sas (pair->b.kernel), ==, 4);
    pair_assert_twins (pair);
    pair_free (pair);
  }
}

/* Ten are begun and left; the eleventh finds its own, and what was left goes. */
static void
test_followup_abandoned (gconstpointer flags)
{
  Pair *pair =
      followup_pair (GPOINTER_TO_UINT (flags), "plugins { seam-followup { abandon = 10 } }");
  guint i;

  pair_assert_up (pair, "net");
  for (i = 0; i < 10; i++)
    assert_hybrid (pair, &pair->a);
  g_assert_cmpuint (pair->b.kernel_ops->n_sas (pair->b.kernel), ==, 2);
  g_assert_cmpuint (pair->b.kernel_ops->n_spis (pair->b.kernel), ==, 8);
  assert_hybrid (pair, &pair->a);
  pair_assert_twins (pair);
  g_assert_cmpuint (pair->b.kernel_ops->n_sas (pair->b.kernel), ==, 4);
  pair_run (pair, 60);
  g_assert_cmpuint (pair->b.kernel_ops->n_spis (pair->b.kernel), ==, 0);
  g_assert_cmpuint (pair->b.kernel_ops->n_sas (pair->b.kernel), ==, 4);
  g_assert_cmpuint (probe_of (&pair->b)->n_down, ==, 0);
  pair_free (pair);
}

static void
test_followup_wrong_link (gconstpointer flags)
{
  Pair *pair =
      followup_pair (GPOINTER_TO_UINT (flags), "plugins { seam-followup { wrong_link = yes } }");
  g_autofree char *error = NULL;

  pair_assert_up (pair, "net");
  error = probe_begin (pair, &pair->a, "create-hybrid-child", g_strdup ("pfs"));
  g_assert_nonnull (error);
  pair_run (pair, 60);
  g_assert_cmpuint (pair->a.kernel_ops->n_spis (pair->a.kernel), ==, 0);
  g_assert_cmpuint (pair->b.kernel_ops->n_spis (pair->b.kernel), ==, 0);
  g_assert_cmpuint (pair->b.kernel_ops->n_sas (pair->b.kernel), ==, 2);
  g_assert_cmpuint (probe_of (&pair->a)->n_down, ==, 0);
  g_assert_cmpuint (probe_of (&pair->b)->n_down, ==, 0);
  pair_free (pair);
}

/* -- message ID 0 */

static const IkePluginInfo *const sync_plugins[] = { &seam_sync_plugin, &probe_plugin, NULL };

typedef struct { guint8 data[2][200]; gsize len[2]; guint n; } Captured;

static void
capture_id_0 (IkeSimEvent event, const IkeSimPacket *packet, gpointer data)
{
  static const guint8 zero[4] = { 0 };
  Captured *c = data;

  if (event == IKE_SIM_SENT && packet->ike && packet->ike[18] == 37 && !packet->is_response
      && !memcmp (packet->ike + 20, zero, 4) && c->n < 2 && packet->len <= sizeof c->data[0]) {
    memcpy (c->data[c->n], packet->data, packet->len);
    c->len[c->n++] = packet->len;
  }
}

static const SeamSync *
sync_of (const PairEnd *end)
{
  return ike_plugin_state (ike_feature_find (end->engine, "id-0:sync", NULL)->plugin);
}

static void
assert_ends (Pair *pair, PairEnd *end, const char *operation)
{
  g_autofree char *error = probe_begin (pair, end, operation, NULL);

  g_assert_cmpstr (error, ==, NULL);
}

static void
test_sync (gconstpointer flags)
{
  Pair *pair =
      pair_new (&(PairOptions) { .flags = GPOINTER_TO_UINT (flags), .builtin = sync_plugins });
  Captured captured = { 0 };
  guint i;

  pair_assert_up (pair, NULL);
  pair->a.net_ops->tap_add (pair->a.net, capture_id_0, &captured);
  for (i = 0; i < 2; i++)
    assert_ends (pair, &pair->a, "sync");
  g_assert_cmpuint (captured.n, ==, 2);
  g_assert_cmpuint (sync_of (&pair->b)->n_accepted, ==, 2);
  /* The older one again, then the newest: that one is answered again, and neither does anything. */
  pair_inject (pair, "10.0.0.1", "10.0.0.2", captured.data[0], captured.len[0]);
  pair_inject (pair, "10.0.0.1", "10.0.0.2", captured.data[1], captured.len[1]);
  pair_run (pair, 1);
  g_assert_cmpuint (sync_of (&pair->b)->n_accepted, ==, 2);
  g_assert_cmpuint (sync_of (&pair->b)->n_refused, ==, 1);
  g_assert_cmpuint (pair_count (&pair->b, "input.retransmits"), ==, 1);
  g_assert_cmpuint (pair_count (&pair->b, "input.bad-message-id"), ==, 1);
  /* The window stands where it stood. */
  assert_ends (pair, &pair->a, "liveness");
  /* The original responder has sent no request yet: its first ordinary one has ID 0 as well. */
  assert_ends (pair, &pair->b, "sync");
  assert_ends (pair, &pair->b, "liveness");
  assert_ends (pair, &pair->b, "sync");
  assert_ends (pair, &pair->b, "liveness");
  g_assert_cmpuint (sync_of (&pair->a)->n_accepted, ==, 2);
  g_assert_cmpuint (pair_count (&pair->a, "output.retransmits")
                        + pair_count (&pair->b, "output.retransmits"),
                    ==, 0);
  pair_down (pair, "pair", NULL);
  pair_run (pair, 1);
  g_assert_cmpuint (probe_of (&pair->b)->n_down, ==, 1);
  pair_free (pair);
}

static void
ignore_done (IkeSa *sa, gpointer data, const char *error)
{
  (*(guint *) data)++;
}

static void
begin_both (IkeSa *sa, gpointer data)
{
  g_assert_true (ike_sa_begin (sa, "sync", NULL, ignore_done, data));
  g_assert_true (ike_sa_begin (sa, "liveness", NULL, ignore_done, data));
}

static void
test_sync_lost (gconstpointer flags)
{
  guint nth;

  for (nth = 1; nth <= 4; nth++) {
    Pair *pair =
        pair_new (&(PairOptions) { .flags = GPOINTER_TO_UINT (flags), .builtin = sync_plugins });
    IkeSimRule rule = {
      .struct_size = sizeof rule, .action = IKE_SIM_DROP, .first = nth, .n_times = 1
    };
    guint n_done = 0;

    pair_assert_up (pair, NULL);
    pair->a.net_ops->rule_add (pair->a.net, &rule);
    g_assert_true (probe_run (pair, &pair->b, begin_both, &n_done));
    pair_run (pair, 60);
    g_assert_cmpuint (n_done, ==, 2);
    g_assert_cmpuint (sync_of (&pair->a)->n_accepted, ==, 1);
    g_assert_cmpuint (sync_of (&pair->a)->n_refused, ==, 0);
    g_assert_cmpuint (probe_of (&pair->b)->n_down, ==, 0);
    pair_free (pair);
  }
}

static void
begin_sync (IkeSa *sa, gpointer data)
{
  g_assert_true (ike_sa_begin (sa, "sync", NULL, NULL, NULL));
}

static void
test_sync_not_agreed (gconstpointer flags)
{
  Pair *pair =
      pair_new (&(PairOptions) { .flags = GPOINTER_TO_UINT (flags),
                                 .builtin = sync_plugins,
                                 .more = { NULL, "plugins { seam-sync { silent = yes } }" } });
  guint64 bad;

  pair_assert_up (pair, NULL);
  bad = pair_count (&pair->b, "input.bad-message-id");
  g_assert_true (probe_run (pair, &pair->a, begin_sync, NULL));
  pair_run (pair, 3);
  g_assert_cmpuint (pair_count (&pair->b, "input.bad-message-id"), ==, bad + 1);
  g_assert_cmpuint (sync_of (&pair->b)->n_accepted, ==, 0);
  assert_ends (pair, &pair->b, "liveness");
  pair_free (pair);
}

/* -- an answer to orphans that is a proof */

static const IkePluginInfo *const token[] = { &seam_token_plugin, &probe_plugin, NULL };

static void
begin_liveness (IkeSa *sa, gpointer data)
{
  g_assert_true (ike_sa_begin (sa, "liveness", NULL, NULL, NULL));
}

static void
test_token (gconstpointer flags)
{
  PairOptions o = { .flags = GPOINTER_TO_UINT (flags), .builtin = token };
  Pair *pair = pair_new (&o);

  pair_assert_up (pair, NULL);
  pair_restart (pair, &pair->b, &o);
  g_assert_true (probe_run (pair, &pair->a, begin_liveness, NULL));
  pair_run (pair, 1);
  g_assert_cmpuint (pair_count (&pair->b, "output.orphans"), ==, 1);
  g_assert_cmpuint (probe_of (&pair->a)->n_down, ==, 1);
  g_assert_cmpuint (pair->a.kernel_ops->n_sas (pair->a.kernel), ==, 0);
  pair_assert_up (pair, NULL);
  pair_assert_twins (pair);
  pair_free (pair);
}

/* It is as dead as one that does not answer: dpd_action, and nobody waits. */
static void
test_token_action (gconstpointer flags)
{
  PairOptions o = { .flags = GPOINTER_TO_UINT (flags),
                    .builtin = token,
                    .connection = { "proposals = aes256gcm16-prfsha256-x25519\n children { net {"
                                    " local_ts = 10.1.0.0/16\n remote_ts = 10.2.0.0/16\n"
                                    " esp_proposals = aes256gcm16\n dpd_action = start\n } }\n",
                                    NULL } };
  Pair *pair = pair_new (&o);

  pair_assert_up (pair, NULL);
  pair_restart (pair, &pair->b, &o);
  g_assert_true (probe_run (pair, &pair->a, begin_liveness, NULL));
  pair_run (pair, 1);
  g_assert_cmpuint (probe_of (&pair->a)->n_down, ==, 1);
  g_assert_cmpuint (probe_of (&pair->a)->n_up, ==, 2);
  g_assert_cmpuint (pair_count (&pair->a, "ike.timeouts"), ==, 0);
  pair_assert_twins (pair);
  pair_free (pair);
}

/* One that does not have the secret of the other proves nothing. */
static void
test_token_forged (gconstpointer flags)
{
  PairOptions o = { .flags = GPOINTER_TO_UINT (flags), .builtin = token };
  Pair *pair = pair_new (&o);

  pair_assert_up (pair, NULL);
  o.more[1] = "plugins { seam-token { secret = guessed } }";
  pair_restart (pair, &pair->b, &o);
  g_assert_true (probe_run (pair, &pair->a, begin_liveness, NULL));
  pair_run (pair, 1);
  g_assert_cmpuint (pair_count (&pair->b, "output.orphans"), ==, 1);
  g_assert_cmpuint (probe_of (&pair->a)->n_down, ==, 0);
  g_assert_cmpuint (pair->a.kernel_ops->n_sas (pair->a.kernel), ==, 2);
  pair_free (pair);
}

static void
test_token_rate (gconstpointer flags)
{
  Pair *pair = pair_new (&(PairOptions) { .flags = GPOINTER_TO_UINT (flags), .builtin = token });
  guint8 message[64] = { [16] = 46,
                         [17] = 0x20,
                         [18] = 37,
                         [19] = IKE_FLAG_INITIATOR,
                         [23] = 7,
                         [27] = sizeof message,
                         [31] = sizeof message - IKE_HEADER_LEN };
  guint i;

  memset (message, 0x5a, 16);
  for (i = 0; i < 100; i++)
    pair_inject (pair, "10.0.0.1", "10.0.0.2", message, sizeof message);
  pair_run (pair, 1);
  g_assert_cmpuint (pair_count (&pair->b, "input.unknown-spi"), ==, 100);
  g_assert_cmpuint (pair_count (&pair->b, "output.orphans"), ==, 20);
  pair_run (pair, 2);
  pair_inject (pair, "10.0.0.1", "10.0.0.2", message, sizeof message);
  pair_run (pair, 1);
  g_assert_cmpuint (pair_count (&pair->b, "output.orphans"), ==, 21);
  /* An answer is never answered. */
  message[19] |= IKE_FLAG_RESPONSE;
  pair_inject (pair, "10.0.0.1", "10.0.0.2", message, sizeof message);
  pair_run (pair, 1);
  g_assert_cmpuint (pair_count (&pair->b, "output.orphans"), ==, 21);
  pair_free (pair);
}

/* -- a snapshot */

static const IkePluginInfo *const resume[] = { &seam_resume_plugin, &probe_plugin, NULL };
static const guint8 right_key[32] = { 1, 2, 3 }, wrong_key[32] = { 1, 2, 4 };

static void
take_snapshot (IkeSa *sa, gpointer data)
{
  IkeAddr given;
  g_autoptr (GError) error = NULL;

  seam_resume_set (sa, 4711);
  ike_sa_set_user (sa, ike_ident_parse ("user@test", NULL));
  ike_sa_add_group (sa, "staff");
  g_assert_true (ike_addr_parse (&given, "10.9.0.7", NULL));
  g_assert_true (ike_sa_add_virtual_ip (sa, FALSE, &given));
  *(GBytes **) data = ike_sa_snapshot (sa, right_key, &error);
  g_assert_no_error (error);
}

/* Who uses the SA is in it. */
static void
get_number (IkeSa *sa, gpointer data)
{
  char text[256];
  guint n;
  const IkeAddr *given = ike_sa_virtual_ips (sa, FALSE, &n);

  g_assert_cmpstr (ike_ident_format (ike_sa_user (sa), text, sizeof text), ==, "user@test");
  g_assert_true (ike_sa_is_in_group (sa, "staff"));
  g_assert_cmpuint (n, ==, 1);
  g_assert_cmpstr (ike_addr_format (given, FALSE, text), ==, "10.9.0.7");
  ike_sa_virtual_ips (sa, TRUE, &n);
  g_assert_cmpuint (n, ==, 0);
  *(guint32 *) data = seam_resume_get (sa);
}

static PairOptions
resume_options (gconstpointer flags)
{
  return (PairOptions) { .flags = GPOINTER_TO_UINT (flags),
                         .builtin = resume,
                         .connection = { children[0], children[1] } };
}

static void
test_resume (gconstpointer flags)
{
  guint side;

  for (side = 0; side < 2; side++) {
    PairOptions o = resume_options (flags);
    Pair *pair = pair_new (&o);
    PairEnd *lost = side ? &pair->b : &pair->a, *other = side ? &pair->a : &pair->b;
    g_autoptr (GBytes) blob = NULL;
    g_autofree char *error = NULL, *again = NULL;
    guint32 number = 0;

    pair_assert_up (pair, "net");
    g_assert_true (probe_run (pair, lost, take_snapshot, &blob));
    o.n_shards = 3;
    pair_restart (pair, lost, &o);
    error = pair_restore (pair, lost, blob, right_key, NULL);
    g_assert_cmpstr (error, ==, NULL);
    again = pair_restore (pair, lost, blob, right_key, NULL);
    g_assert_cmpstr (again, ==, "an SA of this SPI is here already");
    g_assert_true (probe_run (pair, lost, get_number, &number));
    g_assert_cmpuint (number, ==, 4711);
    assert_ends (pair, other, "liveness");
    assert_ends (pair, lost, "liveness");
    g_clear_pointer (&error, g_free);
    error = probe_begin (pair, other, "create-child", g_strdup ("pfs"));
    g_assert_cmpstr (error, ==, NULL);
    error = probe_begin (pair, lost, "create-child", g_strdup ("old"));
    g_assert_cmpstr (error, ==, NULL);
    /* The first child is known, but not in the new kernel; nothing was asked twice. */
    g_assert_cmpuint (lost->kernel_ops->n_sas (lost->kernel), ==, 4);
    g_assert_cmpuint (other->kernel_ops->n_sas (other->kernel), ==, 6);
    g_assert_cmpuint (
        pair_count (lost, "output.retransmits") + pair_count (other, "output.retransmits"), ==, 0);
    error = probe_begin (pair, lost, "delete", NULL);
    g_assert_cmpstr (error, ==, "deleted");
    pair_run (pair, 1);
    g_assert_cmpuint (probe_of (other)->n_down, ==, 1);
    g_assert_cmpuint (probe_of (lost)->n_down, ==, 1);
    g_assert_cmpuint (other->kernel_ops->n_sas (other->kernel), ==, 0);
    g_assert_cmpuint (lost->kernel_ops->n_sas (lost->kernel), ==, 0);
    pair_free (pair);
  }
}

static void
test_resume_refused (gconstpointer flags)
{
  PairOptions o = resume_options (flags);
  Pair *pair = pair_new (&o);
  g_autoptr (GBytes) blob = NULL;
  g_autofree char *error = NULL, *misfit = NULL;
  gsize len;

  pair_assert_up (pair, "net");
  g_assert_true (probe_run (pair, &pair->b, take_snapshot, &blob));
  pair_restart (pair, &pair->b, &o);
  error = pair_restore (pair, &pair->b, blob, wrong_key, NULL);
  g_assert_cmpstr (error, ==, "the snapshot was not sealed with this key");
  for (len = 0; len < g_bytes_get_size (blob); len++) {
    g_autoptr (GBytes) cut = g_bytes_new_from_bytes (blob, 0, len);
    g_autofree char *why = pair_restore (pair, &pair->b, cut, right_key, NULL);
    g_assert_nonnull (why);
  }
  /* A configuration that no longer has the child. */
  o.connection[1] = "children { other { local_ts = 10.2.0.0/16\n remote_ts = 10.1.0.0/16\n } }\n";
  pair_restart (pair, &pair->b, &o);
  misfit = pair_restore (pair, &pair->b, blob, right_key, NULL);
  g_assert_nonnull (misfit);
  pair_run (pair, 1);
  g_assert_cmpuint (probe_of (&pair->b)->n_up, ==, 0);
  {
    g_autoptr (IkeTree) status = pair_status (&pair->b);
    g_assert_cmpuint (ike_tree_n (ike_tree_get (status, "sas")), ==, 0);
  }
  pair_free (pair);
}

/* -- keys from what was kept, and until when an SA is good */

static void
mac_of (IkeSa *sa, guint8 *out)
{
  IkePart part = { (const guint8 *) "x", 1 };
  gsize len;

  g_assert_true (ike_sa_prf_auth (sa, TRUE, &part, 1, out, &len));
}

static void
seed_anew (IkeSa *sa, gpointer data)
{
  static const guint8 ni[32] = { 1 }, nr[32] = { 2 };
  const IkePart secret = { (const guint8 *) "label", 5 }, i = { ni, 32 }, r = { nr, 32 };
  IkeSa *heir = ike_sa_new_heir (sa, TRUE);
  guint8 macs[3][IKE_SECRET_MAX] = { { 0 } };
  IkeSecret kept;

  ike_sa_set_choice (heir, ike_sa_choice (sa));
  g_assert_false (ike_sa_keys_keep (heir, &kept));
  g_assert_true (ike_sa_keys_keep (sa, &kept));
  g_assert_true (ike_sa_keys_seed (heir, sa, secret.data, 5, ni, 32, nr, 32));
  mac_of (heir, macs[0]);
  g_assert_true (ike_sa_keys_seed_from (heir, &kept, &secret, &i, &r));
  mac_of (heir, macs[1]);
  g_assert_true (ike_sa_keys_seed_from (heir, &kept, &secret, &r, &i));
  mac_of (heir, macs[2]);
  g_assert_cmpmem (macs[0], sizeof macs[0], macs[1], sizeof macs[1]);
  g_assert_true (memcmp (macs[1], macs[2], sizeof macs[1]) != 0);
  ike_secret_clear (&kept);
  g_assert_cmpuint (ike_sa_ends_in (sa), ==, 0);
  ike_sa_end_in (sa, 1000);
  ike_sa_end_in (sa, 2000);
  g_assert_cmpuint (ike_sa_ends_in (sa), ==, 1000);
  /* What comes later changes neither the time nor what is said. */
  ike_sa_end_in_saying (sa, 900, "it was a test");
  ike_sa_end_in_saying (sa, 1500, "never said");
  g_assert_cmpuint (ike_sa_ends_in (sa), ==, 900);
  ike_sa_destroy (heir, "it was a test");
}

static void
test_seed (gconstpointer flags)
{
  PairOptions o = resume_options (flags);
  Pair *pair = pair_new (&o);

  pair_assert_up (pair, "net");
  g_assert_true (probe_run (pair, &pair->a, seed_anew, NULL));
  pair_free (pair);
}

/* -- operations side by side */

static void
begin_three (IkeSa *sa, gpointer data)
{
  g_assert_true (ike_sa_begin (sa, "create-child", g_strdup ("pfs"), ignore_done, data));
  g_assert_true (ike_sa_begin (sa, "create-child", g_strdup ("old"), ignore_done, data));
  g_assert_true (ike_sa_begin (sa, "liveness", NULL, ignore_done, data));
}

/* RFC 7296, 2.3: a window of 1 until the peer says otherwise, also while a request is built that
 * waits for its parts. */
static void
test_one_at_a_time (gconstpointer flags)
{
  PairOptions o = resume_options (flags);
  Pair *pair = pair_new (&o);
  guint n_done = 0;

  pair_assert_up (pair, "net");
  g_assert_true (probe_run (pair, &pair->a, begin_three, &n_done));
  pair_run (pair, 60);
  g_assert_cmpuint (n_done, ==, 3);
  g_assert_cmpuint (pair_count (&pair->b, "input.bad-message-id"), ==, 0);
  g_assert_cmpuint (pair_count (&pair->a, "output.retransmits"), ==, 0);
  g_assert_cmpuint (pair->b.kernel_ops->n_sas (pair->b.kernel), ==, 6);
  pair_assert_twins (pair);
  pair_free (pair);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  pair_add_test ("seams", "intermediate/keys-change-before-auth", test_intermediate);
  pair_add_test ("seams", "intermediate/every-datagram-may-be-lost-once", test_intermediate_lost);
  pair_add_test ("seams", "intermediate/every-datagram-may-come-twice", test_intermediate_twice);
  pair_add_test ("seams", "intermediate/what-was-said-before-auth-is-authenticated",
                 test_intermediate_tampered);
  pair_add_test ("seams", "followup/a-child-comes-up-after-two-exchanges", test_followup);
  pair_add_test ("seams", "followup/every-datagram-may-be-lost-once", test_followup_lost);
  pair_add_test ("seams", "followup/what-is-begun-and-left-goes", test_followup_abandoned);
  pair_add_test ("seams", "followup/a-wrong-link-finds-nothing", test_followup_wrong_link);
  pair_add_test ("seams", "id-0/stands-outside-the-window-and-is-taken-once", test_sync);
  pair_add_test ("seams", "id-0/every-datagram-may-be-lost-once", test_sync_lost);
  pair_add_test ("seams", "id-0/is-dropped-where-it-was-not-agreed-on", test_sync_not_agreed);
  pair_add_test ("seams", "token/a-crash-is-proved-and-the-sa-goes-at-once", test_token);
  pair_add_test ("seams", "token/a-proven-crash-means-dpd-action-at-once", test_token_action);
  pair_add_test ("seams", "token/a-forged-one-does-nothing", test_token_forged);
  pair_add_test ("seams", "token/answers-are-few", test_token_rate);
  pair_add_test ("seams", "resume/another-engine-goes-on-with-the-sa", test_resume);
  pair_add_test ("seams", "resume/wrong-keys-and-cut-snapshots-are-refused", test_resume_refused);
  pair_add_test ("seams", "keys/an-sa-is-seeded-from-what-was-kept-of-another", test_seed);
  pair_add_test ("seams", "operations/one-request-at-a-time", test_one_at_a_time);
  return g_test_run ();
}
