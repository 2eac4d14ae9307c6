/* SPDX-License-Identifier: Apache-2.0 */
/* member.c - a member of a cluster: a daemon keeps its IKE SAs in a file, and another goes on with
 * one, and with what its CHILD_SA carries.  As small as a plugin for clusters can be: one IKE SA at
 * a time, the CHILD_SA of IKE_AUTH, and a key that everybody knows.
 *
 * What stands in the way of a peer that counts is done by mid-sync (RFC 6311); here CHILD_SAs are
 * put into the kernel once the peer has answered that, and not before. */
#include <ikebana/command.h>
#include <ikebana/engine.h>
#include <ikebana/error.h>
#include <ikebana/exchange.h>
#include <ikebana/kernel.h>
#include <ikebana/plugin.h>
#include <ikebana/reader.h>
#include <ikebana/writer.h>
#include <string.h>

enum { INFORMATIONAL = 37, NONCE_MAX = 256 };

static const guint8 key[32] = { 'n', 'o', ' ', 's', 'e', 'c', 'r', 'e', 't' };

/* With an IKE SA: what its first CHILD_SA was made of, and how far its kernel had counted. */
typedef struct {
  guint8 is_initiator, is_restored;
  guint16 len[2];
  guint8 nonces[2][NONCE_MAX];
  guint64 sequence;
} Kept;

typedef struct {
  guint32 slot;
} Member;

static void
kept_snapshot (IkeSa *sa, gpointer state, IkeWriter *out)
{
  const Kept *kept = state;

  ike_writer_u8 (out, kept->is_initiator);
  ike_writer_u64 (out, kept->sequence);
  for (guint i = 0; i < 2; i++) {
    ike_writer_u16 (out, kept->len[i]);
    ike_writer_bytes (out, kept->nonces[i], kept->len[i]);
  }
}

/* Whatever the last member has sent by then: mid-sync adds what it may have sent since. */
static gpointer
kept_restore (IkeSa *sa, IkeReader *in)
{
  Kept *kept = g_new0 (Kept, 1);

  kept->is_restored = TRUE;
  kept->is_initiator = ike_reader_u8 (in);
  kept->sequence = ike_reader_u64 (in);
  for (guint i = 0; i < 2; i++) {
    guint16 len = ike_reader_u16 (in);
    const guint8 *nonce = len <= NONCE_MAX ? ike_reader_bytes (in, len) : NULL;
    if (nonce)
      memcpy (kept->nonces[i], nonce, kept->len[i] = len);
  }
  ike_sa_skip_sequences (sa, kept->sequence);
  return kept;
}

static const IkeSlotClass slot = {
  .struct_size = sizeof (IkeSlotClass),
  .name = "member",
  .destroy = g_free,
  .snapshot = kept_snapshot,
  .restore = kept_restore,
};

static IkeHookVerdict
on_keys (IkePlugin *plugin, IkeSa *sa, IkeKeysEvent *event)
{
  Member *self = ike_plugin_state (plugin);
  Kept *kept;

  if (!event->is_child || ike_sa_slot (sa, self->slot) || !ike_sa_nonce (sa, TRUE, &(gsize){ 0 }))
    return IKE_HOOK_PASS;
  kept = g_new0 (Kept, 1);
  kept->is_initiator = (guint8) ike_sa_is_initiator (sa);
  for (guint i = 0; i < 2; i++) {
    gsize len;
    const guint8 *nonce = ike_sa_nonce (sa, i == 0, &len);
    memcpy (kept->nonces[i], nonce, kept->len[i] = (guint16) MIN (len, NONCE_MAX));
  }
  ike_sa_set_slot (sa, self->slot, kept);
  return IKE_HOOK_PASS;
}

/* -- an IKE SA is kept */

typedef struct {
  IkeRequest *request;
  Member *self;
  char *file, *error;
} Keeping;

/* On control. */
static void
finish_keeping (gpointer data)
{
  Keeping *keeping = data;

  if (keeping->error)
    ike_request_fail (keeping->request, "failed", keeping->error);
  else
    ike_request_finish (keeping->request, ike_tree_new_section ());
  g_free (keeping->file);
  g_free (keeping->error);
  g_free (keeping);
}

static void
write_file (gpointer owner, gpointer data, gpointer result, const char *why)
{
  IkeSa *sa = owner;
  Keeping *keeping = *(Keeping **) data;
  Kept *kept = ike_sa_slot (sa, keeping->self->slot);
  g_autofree IkeKernelUse *use = result;
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) blob = NULL;
  gsize len;

  if (use)
    kept->sequence = (guint64) use->sequence_high << 32 | use->sequence;
  blob = use ? ike_sa_snapshot (sa, key, &error) : NULL;
  if (blob)
    g_file_set_contents (keeping->file, g_bytes_get_data (blob, &len),
                         (gssize) g_bytes_get_size (blob), &error);
  if (why || error)
    keeping->error = g_strdup (why ? why : error->message);
  ike_loop_post (ike_engine_control (ike_sa_engine (sa)), finish_keeping, keeping, NULL);
}

static const IkeCallClass query_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "how far a CHILD_SA has counted",
  .timeout_ms = 5000,
  .then = write_file,
  .undo = g_free,
  .free_data = g_free,
};

static void
keep_one (IkeSa *sa, gpointer data)
{
  Keeping *keeping = data;

  if (ike_sa_n_children (sa) && ike_sa_slot (sa, keeping->self->slot))
    ike_child_query (ike_sa_child (sa, 0), FALSE,
                     ike_sa_call (sa, &query_call, g_memdup2 (&keeping, sizeof keeping)));
}

static void
run_keep (IkePlugin *plugin, IkeRequest *request)
{
  Keeping *keeping = g_new0 (Keeping, 1);

  keeping->request = request;
  keeping->self = ike_plugin_state (plugin);
  keeping->file = g_strdup (ike_tree_string (ike_request_args (request), "file", ""));
  ike_sa_each (ike_plugin_engine (plugin), keep_one, keeping, NULL);
}

/* -- another goes on with it */

static void
restored (gpointer owner, gpointer data, gpointer result, const char *error)
{
  IkeRequest *request = *(IkeRequest **) data;

  g_free (result);
  if (error)
    ike_request_fail (request, "failed", error);
  else
    ike_request_finish (request, ike_tree_new_section ());
}

static const IkeCallClass restore_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "an IKE SA of another member",
  .timeout_ms = 5000,
  .then = restored,
  .undo = g_free,
  .free_data = g_free,
};

static void
run_go_on (IkePlugin *plugin, IkeRequest *request)
{
  IkeEngine *engine = ike_plugin_engine (plugin);
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) blob = NULL;
  char *text = NULL;
  gsize len;

  if (!g_file_get_contents (ike_tree_string (ike_request_args (request), "file", ""), &text, &len,
                            &error)) {
    ike_request_fail (request, "failed", error->message);
    return;
  }
  blob = g_bytes_new_take (text, len);
  ike_sa_restore (engine, blob, key,
                  ike_loop_call (ike_engine_control (engine), &restore_call, NULL,
                                 g_memdup2 (&request, sizeof request)));
}

static void
installed (gpointer owner, gpointer data, gpointer result, const char *error)
{
  IkeChild *child = ike_child_get (owner, *(IkeChildRef *) data);

  if (child && error)
    ike_child_destroy (child, error);
  else if (child)
    ike_child_set_up (child);
}

static const IkeCallClass install_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "a CHILD_SA of another member",
  .timeout_ms = 5000,
  .then = installed,
  .free_data = g_free,
};

static void
install (IkeSa *sa, gpointer data)
{
  const Member *self = data;
  const Kept *kept = ike_sa_slot (sa, self->slot);
  IkeChild *child = ike_sa_child (sa, 0);
  IkeChildRef ref = ike_child_ref (child);

  ike_child_install (child, kept->is_initiator, NULL, 0, kept->nonces[0], kept->len[0],
                     kept->nonces[1], kept->len[1],
                     ike_sa_call (sa, &install_call, g_memdup2 (&ref, sizeof ref)));
}

static const IkeJobClass install_job = {
  .struct_size = sizeof (IkeJobClass),
  .name = "CHILD_SAs of another member",
  .lane = IKE_LANE_ESTABLISHED,
  .run = install,
};

/* The peer has answered what stands outside the window. */
static IkeHookVerdict
on_message (IkePlugin *plugin, IkeSa *sa, IkeMessageEvent *event)
{
  Member *self = ike_plugin_state (plugin);
  Kept *kept = ike_sa_slot (sa, self->slot);

  if (!kept || !kept->is_restored || !event->is_inbound || event->is_request || event->message_id
      || event->exchange != INFORMATIONAL)
    return IKE_HOOK_PASS;
  kept->is_restored = FALSE;
  if (!ike_sa_post (ike_sa_engine (sa), ike_sa_ref (sa), &install_job, self))
    g_assert_not_reached ();
  return IKE_HOOK_PASS;
}

/* -- the plugin */

static gboolean
activate (IkePlugin *plugin, GError **error)
{
  Member *self = g_new0 (Member, 1);

  self->slot = ike_slot_register (plugin, &slot);
  ike_plugin_set_state (plugin, self, g_free);
  return ike_keys_hook_add (plugin, "member", NULL, on_keys, error)
         && ike_message_hook_add (plugin, "member", NULL, on_message, error);
}

static const IkeCommandArg args[] = {
  { "file", "string", TRUE, TRUE, "where the IKE SA is kept" },
  { NULL, NULL, FALSE, FALSE, NULL },
};
static const IkeCommandClass keep_command = {
  .struct_size = sizeof (IkeCommandClass),
  .summary = "Keep the IKE SA in a file, for another member",
  .args = args,
  .run = run_keep,
};
static const IkeCommandClass go_on_command = {
  .struct_size = sizeof (IkeCommandClass),
  .summary = "Go on with the IKE SA that another member kept",
  .args = args,
  .run = run_go_on,
};
static const IkeFeature keep_feature = { .struct_size = sizeof (IkeFeature),
                                         .provides = "command:member-keep",
                                         .ops = &keep_command };
static const IkeFeature go_on_feature = { .struct_size = sizeof (IkeFeature),
                                          .provides = "command:member-go-on",
                                          .ops = &go_on_command };
static const IkeFeature *const features[] = { &keep_feature, &go_on_feature, NULL };

IKE_PLUGIN (ike_plugin, "member", 0, .version = "0", .license = "Apache-2.0",
            .summary = "an IKE SA of another daemon, for tests", .features = features,
            .activate = activate);
