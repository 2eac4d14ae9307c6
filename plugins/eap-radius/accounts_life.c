/* SPDX-License-Identifier: Apache-2.0 */
/* accounts_life.c - how accounting begins and ends: servers hear that this gateway is there, what
 * an earlier run left is taken back, and at a polite end what can be delivered is. */
#include "accounts.h"

enum { LAST_WORDS_MS = 4000, SERVERS_MAX = 64 };

/* -- On and Off (RFC 2866, 5.1), to each server */

typedef struct {
  Accounts *accounts;
  gboolean is_on;
} Notice;

static void
pump_all (Accounts *accounts)
{
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, accounts->lanes);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    lane_pump (value);
}

static void
keep_all (Accounts *accounts)
{
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, accounts->streams);
  while (accounts->queue && g_hash_table_iter_next (&iter, NULL, &value))
    for (Record *record = ((Stream *) value)->first; record; record = record->next)
      accounts_keep (accounts, record);
}

/* What happened before the servers heard that all earlier sessions are over comes after it. */
static void
one_before_is_over (Accounts *accounts)
{
  if (--accounts->n_before)
    return;
  keep_all (accounts);
  pump_all (accounts);
  accounts_end_if_done (accounts);
}

static void
last_words_said (Accounts *accounts)
{
  if (--accounts->n_last || !accounts->finishing)
    return;
  if (accounts->n)
    ike_log (accounts->self->engine, IKE_LOG_NOTICE, "eap-radius",
             "%u accounts were not delivered: %s", accounts->n,
             accounts->queue ? "they are when the daemon runs again" : "they are lost");
  ike_call_answer (g_steal_pointer (&accounts->finishing), NULL);
}

static void
noticed (gpointer owner, gpointer data, gpointer result, const char *error)
{
  const Notice *notice = data;

  if (error)
    ike_log (notice->accounts->self->engine, IKE_LOG_INFO, "eap-radius", "Accounting-%s: %s",
             notice->is_on ? "On" : "Off", error);
  ike_radius_reply_free (result);
  if (notice->is_on)
    one_before_is_over (notice->accounts);
  else
    last_words_said (notice->accounts);
}

static const IkeCallClass on_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "Accounting-On",
  .timeout_ms = 60 * 1000,
  .then = noticed,
  .undo = ike_radius_reply_free,
  .free_data = g_free,
};

static const IkeCallClass off_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "Accounting-Off",
  .timeout_ms = LAST_WORDS_MS,
  .then = noticed,
  .undo = ike_radius_reply_free,
  .free_data = g_free,
};

/* RFC 2866, 4.1: "Either NAS-IP-Address or NAS-Identifier MUST be present in a RADIUS
 * Accounting-Request."  It is the one that sessions are told by; the service adds its own where
 * there is none. */
static void
tell_servers (Accounts *accounts, gboolean is_on)
{
  EapRadius *self = accounts->self;
  guint32 servers[SERVERS_MAX];
  guint n = self->radius->servers (self->service->plugin, NULL, servers, SERVERS_MAX);
  guint8 attributes[512];
  char id[SESSION_ID_SIZE];
  IkeWriter w;
  Record *record;

  session_id_new (self, id);
  ike_writer_init (&w, attributes, sizeof attributes);
  ike_radius_add_text (&w, IKE_RADIUS_ACCT_SESSION_ID, id);
  if (self->nas_identifier)
    ike_radius_add_text (&w, IKE_RADIUS_NAS_IDENTIFIER, self->nas_identifier);
  record = accounts_record (accounts, is_on ? ACCT_ON : ACCT_OFF, NULL, &w);
  *(is_on ? &accounts->n_before : &accounts->n_last) += MIN (n, SERVERS_MAX);
  for (guint i = 0; i < MIN (n, SERVERS_MAX); i++) {
    Notice *notice = g_new (Notice, 1);
    *notice = (Notice){ accounts, is_on };
    accounts_request (accounts, record, servers[i],
                      ike_loop_call (self->io, is_on ? &on_call : &off_call, NULL, notice));
  }
  record_free (record);
}

/* -- the beginning */

static void
take_back (Accounts *accounts, const IkeQueueRecord *kept)
{
  gsize len;
  const guint8 *bytes = g_bytes_get_data (kept->bytes, &len);
  Record *record = record_read (bytes, len);

  accounts->next_id = MAX (accounts->next_id, kept->id + 1);
  if (!record) {
    accounts->queue->drop (accounts->provided->plugin, kept->id);
    return;
  }
  record->id = kept->id;
  accounts_enqueue (accounts, record);
}

static void
loaded (gpointer owner, gpointer data, gpointer result, const char *error)
{
  Accounts *accounts = data;
  GArray *records = result;

  if (error) {
    ike_log (accounts->self->engine, IKE_LOG_ERROR, "eap-radius",
             "accounts of the last run cannot be read, and none are written down: %s", error);
    accounts->queue = NULL;
  }
  for (guint i = 0; records && i < records->len; i++)
    take_back (accounts, &g_array_index (records, IkeQueueRecord, i));
  if (records && records->len)
    ike_log (accounts->self->engine, IKE_LOG_NOTICE, "eap-radius",
             "%u accounts of the last run are still to be delivered", records->len);
  ike_queue_records_free (records);
  one_before_is_over (accounts);
}

static const IkeCallClass load_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "accounts of the last run",
  .timeout_ms = 60 * 1000,
  .then = loaded,
  .undo = ike_queue_records_free,
};

static void
begin (gpointer data)
{
  Accounts *accounts = data;

  if (accounts->provided) {
    accounts->n_before++;
    accounts->queue->load (accounts->provided->plugin, accounts->max,
                           ike_loop_call (accounts->self->io, &load_call, NULL, accounts));
  }
  tell_servers (accounts, TRUE);
  one_before_is_over (accounts);
}

Accounts *
accounts_new (EapRadius *self, guint max)
{
  Accounts *accounts = g_new0 (Accounts, 1);

  accounts->self = self;
  accounts->max = max;
  accounts->next_id = 1;
  accounts->n_before = 1;
  accounts->streams = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, stream_free);
  accounts->lanes = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, lane_free);
  accounts->provided = ike_feature_find (self->engine, "queue:accounting", NULL);
  accounts->queue = accounts->provided ? accounts->provided->ops : NULL;
  accounts->delivered = ike_counter (self->engine, "eap-radius.accounts-delivered");
  accounts->lost = ike_counter (self->engine, "eap-radius.accounts-lost");
  ike_loop_post (self->io, begin, accounts, NULL);
  return accounts;
}

void
accounts_free (Accounts *accounts)
{
  if (!accounts)
    return;
  g_hash_table_unref (accounts->streams);
  g_hash_table_unref (accounts->lanes);
  g_free (accounts);
}

/* -- the end */

static gboolean
is_waiting (const Accounts *accounts)
{
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, accounts->lanes);
  while (g_hash_table_iter_next (&iter, NULL, &value)) {
    const Lane *lane = value;
    if (lane->n_in_flight || (lane->ready.length && !lane->timer))
      return TRUE;
  }
  return accounts->n_before > 0 || g_atomic_int_get (&accounts->self->n_open) > 0;
}

/* What a server would not take before is not waited for now.  The last sessions end when the kernel
 * has said what they carried. */
void
accounts_end_if_done (Accounts *accounts)
{
  if (!accounts->finishing || accounts->n_last || is_waiting (accounts))
    return;
  accounts->n_last = 1;
  tell_servers (accounts, FALSE);
  last_words_said (accounts);
}

typedef struct {
  Accounts *accounts;
  IkeCall *call;
} Finish;

static void
run_finish (gpointer data)
{
  Finish *finish = data;

  finish->accounts->finishing = g_steal_pointer (&finish->call);
  accounts_end_if_done (finish->accounts);
}

static void
finish_free (gpointer data)
{
  Finish *finish = data;

  if (finish->call)
    ike_call_answer (finish->call, NULL);
  g_free (finish);
}

void
accounts_finish (Accounts *accounts, IkeCall *call)
{
  Finish *finish = g_new (Finish, 1);

  *finish = (Finish){ accounts, call };
  ike_loop_post (accounts->self->io, run_finish, finish, finish_free);
}

void
accounts_stop (Accounts *accounts)
{
  if (accounts && accounts->finishing)
    ike_call_answer (g_steal_pointer (&accounts->finishing), NULL);
}
