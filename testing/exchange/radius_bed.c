/* SPDX-License-Identifier: Apache-2.0 */
/* radius_bed.c - a gateway, its user, and a RADIUS server; see radius_bed.h. */
#include "exchange/radius_bed.h"
#include <ikebana/auth.h>
#include <ikebana/queue.h>
#include <stdarg.h>
#include <string.h>

enum { METHOD_TRIAL = 201 };

static RadiusBed *present; /* that the server and the stand-in belong to */
static char *settings_of_b;

/* -- the server */

static void
accept_user (TestAsked *asked)
{
  static const guint8 success[] = { 3, 1, 0, 4 };
  guint8 attributes[1100];
  IkeWriter w;

  ike_writer_init (&w, attributes, sizeof attributes);
  ike_radius_add (&w, IKE_RADIUS_EAP_MESSAGE, success, sizeof success);
  ike_writer_bytes (&w, present->grant.data, present->grant.len);
  test_service_accept (asked, w.data, w.len, 32);
}

static void
give_up (gpointer asked)
{
  if (((TestAsked *) asked)->call)
    test_service_fail (asked, "no RADIUS server answered in 30 s: first");
}

static void
hear (TestAsked *asked)
{
  if (present->deaf_to && asked->code == IKE_RADIUS_ACCOUNTING_REQUEST
      && test_service_has_text (asked, IKE_RADIUS_CLASS, present->deaf_to)) {
    ike_sim_at (present->pair->sim, ike_sim_now_us (present->pair->sim) + 30 * G_USEC_PER_SEC,
                give_up, asked, NULL);
    return;
  }
  if (present->is_silent)
    return;
  if (present->is_dead)
    test_service_fail (asked, "no RADIUS server answered in 20 s: first");
  else if (asked->code == IKE_RADIUS_ACCOUNTING_REQUEST)
    test_service_answer (asked, IKE_RADIUS_ACCOUNTING_RESPONSE, NULL, 0);
  else
    accept_user (asked);
}

const TestAsked *
radius_bed_account (guint32 status, guint nth)
{
  for (guint i = 0; i < test_service_n (); i++) {
    const TestAsked *asked = test_service_asked (i);
    if (asked->code == IKE_RADIUS_ACCOUNTING_REQUEST
        && test_service_u32 (asked, IKE_RADIUS_ACCT_STATUS_TYPE) == status && nth-- == 0)
      return asked;
  }
  return NULL;
}

/* -- the stand-in for EAP in IKE_AUTH, and for the configuration payload */

typedef struct {
  IkeEapContext context;
  const IkeEapClass *relay;
  gpointer state;
  IkeIdent *identity;
  IkeCall *call; /* of verify */
  guint8 packet[16];
} Trial;

static void
add_attribute (IkeAssignEvent *event, guint16 type, const void *value, gsize len)
{
  g_string_append_printf (present->added, "%u:", type);
  for (gsize i = 0; i < len; i++)
    g_string_append_printf (present->added, "%02x", ((const guint8 *) value)[i]);
  g_string_append_c (present->added, ' ');
}

static void
assign (IkeSa *sa)
{
  IkeAssignEvent event = { .struct_size = sizeof event,
                           .wanted = present->wanted,
                           .n_wanted = present->n_wanted,
                           .add = add_attribute };

  ike_assign_hook_emit (ike_hook_point (ike_sa_engine (sa), "assign"), sa, &event);
  memcpy (present->given, event.given, sizeof present->given);
  present->n_given = event.n_given;
  memcpy (present->pool, event.pool, sizeof present->pool);
  for (guint i = 0; i < event.n_given; i++)
    ike_sa_add_virtual_ip (sa, FALSE, &event.given[i]);
  for (guint i = 0; i < present->n_leased; i++)
    ike_sa_add_virtual_ip (sa, FALSE, &present->leased[i]);
}

static void
trial_free (gpointer data)
{
  Trial *trial = data;

  if (trial->call)
    ike_call_fail (trial->call, "given up");
  if (trial->state)
    trial->relay->end (trial->state);
  ike_ident_unref (trial->identity);
  g_free (trial);
}

static void
judged (gpointer owner, gpointer data, gpointer result, const char *error)
{
  IkeSa *sa = owner;
  Trial *trial = data;
  IkeEapStep *step = result;

  if (!step || step->outcome != IKE_EAP_DONE) {
    ike_call_fail (g_steal_pointer (&trial->call), step ? step->reason : error);
  } else {
    for (guint i = 0; step->groups && step->groups[i]; i++)
      ike_sa_add_group (sa, step->groups[i]);
    assign (sa);
    ike_call_answer (g_steal_pointer (&trial->call), (gpointer) "RADIUS");
  }
  ike_eap_step_free (step);
}

static const IkeCallClass step_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "trial",
  .timeout_ms = 600 * 1000,
  .then = judged,
  .undo = ike_eap_step_free,
  .free_data = trial_free,
};

static void
relay_one (IkeCall *call, IkeSa *sa, const IkeAuthConf *conf)
{
  static const guint8 identity[] = { 2, 1, 0, 10, 1, 'c', 'a', 'r', 'o', 'l' };
  const IkeProvided *found = ike_feature_find (ike_sa_engine (sa), "eap-server:radius", NULL);
  Trial *trial = g_new0 (Trial, 1);
  IkeCall *step = ike_sa_call (sa, &step_call, trial);
  g_autofree char *why = NULL;

  g_assert_nonnull (found);
  trial->call = call;
  trial->relay = found->ops;
  trial->identity = ike_ident_parse ("carol", NULL);
  trial->context = (IkeEapContext){ .struct_size = sizeof trial->context,
                                    .engine = ike_sa_engine (sa),
                                    .loop = ike_sa_loop (sa),
                                    .sa = sa,
                                    .conf = conf,
                                    .conn = ike_sa_conn (sa)->name,
                                    .identity = trial->identity };
  trial->state = trial->relay->begin (found->plugin, &trial->context, &why);
  memcpy (trial->packet, identity, sizeof identity);
  if (trial->state)
    trial->relay->step (trial->state, step, trial->packet, sizeof identity, 2);
  else
    ike_call_fail (step, why);
}

static void
trial_sign (IkePlugin *self, IkeCall *call, IkeSa *sa, const IkeAuthConf *conf, GBytes *octets)
{
  IkeAuthValue *value = g_malloc0 (sizeof *value + 4);

  value->method = METHOD_TRIAL;
  value->len = 4;
  ike_call_answer (call, value);
}

static void
trial_verify (IkePlugin *self, IkeCall *call, IkeSa *sa, const IkeAuthConf *conf, guint8 method,
              const guint8 *value, gsize len, GBytes *octets)
{
  if (ike_sa_is_initiator (sa))
    ike_call_answer (call, (gpointer) "trust");
  else
    relay_one (call, sa, conf);
}

static const IkeAuthClass trial_class = {
  .struct_size = sizeof (IkeAuthClass),
  .methods = { METHOD_TRIAL },
  .sign = trial_sign,
  .verify = trial_verify,
};
static const IkeFeature trial_feature = { .struct_size = sizeof (IkeFeature),
                                          .provides = "auth:trial",
                                          .ops = &trial_class };
static const IkeFeature *const trial_features[] = { &trial_feature, NULL };

static gboolean
trial_activate (IkePlugin *self, GError **error)
{
  ike_hook_point (ike_plugin_engine (self), "assign");
  return TRUE;
}

static const IkePluginInfo trial_plugin = {
  .struct_size = sizeof (IkePluginInfo),
  .abi_major = IKE_ABI_MAJOR,
  .name = "trial",
  .version = "1",
  .license = "Apache-2.0",
  .summary = "stands in for EAP",
  .features = trial_features,
  .activate = trial_activate,
};

/* -- a queue that outlives the gateway, though not the test */

gboolean radius_bed_keeps, radius_bed_tells;
static GArray *kept; /* IkeQueueRecord */

static void
queue_load (IkePlugin *self, guint max, IkeCall *call)
{
  GArray *records = g_array_new (FALSE, FALSE, sizeof (IkeQueueRecord));

  for (guint i = 0; i < kept->len && records->len < max; i++) {
    IkeQueueRecord record = g_array_index (kept, IkeQueueRecord, i);
    g_bytes_ref (record.bytes);
    g_array_append_val (records, record);
  }
  ike_call_answer (call, records);
}

static void
queue_keep (IkePlugin *self, guint64 id, const void *data, gsize len)
{
  IkeQueueRecord record = { id, g_bytes_new (data, len) };

  if (kept->len)
    g_assert_cmpuint (id, >, g_array_index (kept, IkeQueueRecord, kept->len - 1).id);
  g_assert_cmpuint (len, <=, IKE_QUEUE_RECORD_MAX);
  g_array_append_val (kept, record);
}

static void
queue_drop (IkePlugin *self, guint64 id)
{
  for (guint i = 0; i < kept->len; i++)
    if (g_array_index (kept, IkeQueueRecord, i).id == id) {
      g_bytes_unref (g_array_index (kept, IkeQueueRecord, i).bytes);
      g_array_remove_index (kept, i);
      return;
    }
}

static const IkeQueueClass queue_class = { sizeof queue_class, queue_load, queue_keep, queue_drop };
static const IkeFeature queue_feature = { .struct_size = sizeof (IkeFeature),
                                          .provides = "queue:accounting",
                                          .ops = &queue_class };
static const IkeFeature *const queue_features[] = { &queue_feature, NULL };

static const IkePluginInfo queue_plugin = {
  .struct_size = sizeof (IkePluginInfo),
  .abi_major = IKE_ABI_MAJOR,
  .name = "test-queue",
  .version = "1",
  .license = "Apache-2.0",
  .summary = "keeps accounts while the gateway is away",
  .features = queue_features,
};

guint
radius_bed_n_kept (void)
{
  return kept->len;
}

/* -- the bed */

#define TRIAL "local { auth = trial }\n remote { auth = trial }\n"

static const PairOptions *
options_of (gconstpointer flags)
{
  static const char *const plugins[] = { "eap-radius", "test-service", "trial", "test-queue",
                                         NULL };
  static const char *const with_lifetime[] = { "eap-radius", "test-service",  "trial",
                                               "test-queue", "auth-lifetime", NULL };
  static const IkePluginInfo *const with_queue[] = { &test_service_plugin, &trial_plugin,
                                                     &queue_plugin, NULL };
  static const IkePluginInfo *const builtin[] = { &test_service_plugin, &trial_plugin, NULL };
  static PairOptions o;

  o = (PairOptions){ .seed = 6,
                     .n_shards = 2,
                     .flags = GPOINTER_TO_UINT (flags),
                     .plugins = radius_bed_tells ? with_lifetime : plugins,
                     .builtin = radius_bed_keeps ? with_queue : builtin,
                     .connection = { "proposals = aes256gcm16-prfsha256-x25519\n" TRIAL
                                     "children { net { local_ts = 10.1.0.0/24\n remote_ts = "
                                     "10.2.0.0/24\n rekey_time = 0\n } }\n",
                                     "proposals = aes256gcm16-prfsha256-x25519\n" TRIAL
                                     "children { net { local_ts = 10.2.0.0/24\n remote_ts = "
                                     "10.1.0.0/24\n rekey_time = 0\n } }\n" },
                     .more = { NULL, settings_of_b } };
  return &o;
}

RadiusBed *
radius_bed_new (gconstpointer flags, const char *settings, const char *more)
{
  RadiusBed *r = present = g_new0 (RadiusBed, 1);

  test_service_reset ();
  test_service_heard = hear;
  r->flags = flags;
  r->added = g_string_new (NULL);
  kept = g_array_new (FALSE, FALSE, sizeof (IkeQueueRecord));
  ike_writer_init (&r->grant, r->grant_bytes, sizeof r->grant_bytes);
  settings_of_b =
      g_strdup_printf ("plugins { eap-radius { %s\n } }\n%s", settings, more ? more : "");
  r->pair = pair_new (options_of (flags));
  return r;
}

char *
radius_bed_up (RadiusBed *r)
{
  return pair_up (r->pair, "net");
}

void
radius_bed_assert_up (RadiusBed *r)
{
  pair_assert_up (r->pair, "net");
}

void
radius_bed_restart (RadiusBed *r)
{
  pair_restart (r->pair, &r->pair->b, options_of (r->flags));
}

void
radius_bed_free (RadiusBed *r)
{
  pair_free (r->pair);
  g_string_free (r->added, TRUE);
  ike_queue_records_free (g_steal_pointer (&kept));
  radius_bed_keeps = radius_bed_tells = FALSE;
  g_clear_pointer (&settings_of_b, g_free);
  test_service_reset ();
  present = NULL;
  g_free (r);
}

void
radius_bed_carry (RadiusBed *r, guint64 bytes_in, guint64 bytes_out)
{
  PairEnd *b = &r->pair->b;
  guint32 newest[2] = { 0 };
  IkeFakeSa sa = { .struct_size = sizeof sa };

  for (guint i = 0; b->kernel_ops->nth_sa (b->kernel, i, &sa); i++)
    newest[sa.direction] = sa.spi;
  for (guint i = 0; i < 2; i++) {
    guint64 bytes = i == IKE_DIR_IN ? bytes_in : bytes_out;
    IkeKernelUse use = { .bytes = bytes,
                         .packets = bytes / 1000,
                         .last_use_us = ike_sim_now_us (r->pair->sim) };
    g_assert_true (b->kernel_ops->set_use (b->kernel, (IkeDirection) i, newest[i], &use));
  }
}

guint32
radius_bed_ask (RadiusBed *r, guint8 code, ...)
{
  guint8 attributes[1024];
  TestDynamic answer;
  IkeWriter w;
  va_list args;
  guint type;

  ike_writer_init (&w, attributes, sizeof attributes);
  va_start (args, code);
  while ((type = va_arg (args, guint))) {
    const char *text = va_arg (args, const char *);
    if (text)
      ike_radius_add_text (&w, (guint8) type, text);
    else
      ike_radius_add_u32 (&w, (guint8) type, va_arg (args, guint32));
  }
  va_end (args);
  g_assert_false (w.failed);
  test_service_dynamic (r->pair->b.engine, code, w.data, w.len, &answer);
  ike_sim_settle (r->pair->sim);
  g_assert_true (answer.is_there);
  return answer.is_done ? 0 : answer.error_cause;
}
