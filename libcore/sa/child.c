/* SPDX-License-Identifier: Apache-2.0 */
/* child.c - CHILD_SAs: what was negotiated, their keys on the way to the kernel plugin, and their
 * end. */
#include "sa/sa_private.h"
#include <string.h>

enum { POLICIES_MAX = 1024, KEYMAT_MAX = 4 * IKE_SECRET_MAX };

IkeChild *
ike_child_make (IkeSa *sa, IkeConn *conn, const IkeChildConf *conf)
{
  IkeSaManager *manager = sa->shard->manager;
  IkeChild *child = g_new0 (IkeChild, 1);

  ike_sa_assert_owner (sa);
  child->sa = sa;
  child->conf = conf;
  child->conn = ike_conn_ref (conn);
  child->serial = atomic_fetch_add (&manager->next_serial, 1) + 1;
  child->unique_id = atomic_fetch_add (&manager->next_child, 1) + 1;
  child->mark_id = child->unique_id;
  child->reqid = conf->reqid ? conf->reqid : child->unique_id;
  child->protocol = conf->ah_proposals ? IKE_PROTOCOL_AH : IKE_PROTOCOL_ESP;
  child->mode = (guint8) conf->mode;
  child->next = sa->children;
  sa->children = child;
  sa->n_children++;
  return child;
}

IkeChild *
ike_child_new (IkeSa *sa, const IkeChildConf *conf)
{
  IkeChild *child = ike_child_make (sa, sa->conn, conf);

  ike_child_take_if_ids (child);
  return child;
}

static void
get_address_pair (const IkeChild *child, gboolean is_inbound, IkeAddr *source, IkeAddr *destination)
{
  *source = is_inbound ? child->remote : child->local;
  *destination = is_inbound ? child->local : child->remote;
}

/* -- into the kernel */

static const IkeAddr *
path_of (const IkeSa *sa, gboolean is_local)
{
  if (sa->children_held)
    return is_local ? &sa->held_local : &sa->held_remote;
  return is_local ? &sa->local : &sa->remote;
}

/* Between the kernel plugin and whoever asked: an SPI is the child's from the moment it is known,
 * and one that comes when the child is gone is given back. */
typedef struct {
  IkeSaManager *manager;
  IkeSaRef      sa;
  IkeChildRef   child;
  guint8        protocol;
  IkeAddr       local;
  IkeCall      *asker;
} SpiRequest;

static void
spi_given (gpointer owner, gpointer data, gpointer result, const char *error)
{
  SpiRequest *request = data;
  IkeSaManager *manager = request->manager;
  IkeSa *sa = ike_sa_lookup (manager->engine, request->sa);
  IkeChild *child = sa ? ike_child_get (sa, request->child) : NULL;

  if (error) {
    ike_call_fail (g_steal_pointer (&request->asker), error);
    return;
  }
  if (!child) {
    manager->kernel_class->free_spi (manager->kernel->plugin, request->protocol,
                                     GPOINTER_TO_UINT (result), &request->local);
    return;
  }
  if (request->protocol == IKE_PROTOCOL_IPCOMP)
    child->cpi_in = (guint16) GPOINTER_TO_UINT (result);
  else
    child->spi_in = GPOINTER_TO_UINT (result);
  ike_call_answer (g_steal_pointer (&request->asker), result);
}

static void
spi_request_free (gpointer data)
{
  SpiRequest *request = data;

  if (request->asker)
    ike_call_fail (request->asker, "the CHILD_SA was taken away meanwhile");
  g_free (request);
}

static const IkeCallClass spi_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "SPI of a CHILD_SA",
  .timeout_ms = 60000,
  .then = spi_given,
  .free_data = spi_request_free,
};

static void
ask_for_spi (IkeChild *child, guint8 protocol, IkeCall *call)
{
  IkeSa *sa = child->sa;
  IkeSaManager *manager = sa->shard->manager;
  SpiRequest *request;

  if (!manager->kernel_class || child->is_dead) {
    ike_call_fail (call, "no kernel plugin is ready; see `ikebana plugins --why kernel:ipsec`");
    return;
  }
  child->local = *path_of (sa, TRUE);
  child->remote = *path_of (sa, FALSE);
  request = g_new0 (SpiRequest, 1);
  *request = (SpiRequest) { manager,  ike_sa_ref (sa), ike_child_ref (child),
                            protocol, child->local,    call };
  manager->kernel_class->get_spi (manager->kernel->plugin,
                                  ike_loop_call (sa->shard->loop, &spi_call, NULL, request),
                                  protocol, &child->remote, &child->local, ike_sa_ref (sa));
}

void
ike_child_get_spi (IkeChild *child, IkeCall *call)
{
  ask_for_spi (child, child->protocol, call);
}

void
ike_child_get_cpi (IkeChild *child, IkeCall *call)
{
  ask_for_spi (child, IKE_PROTOCOL_IPCOMP, call);
}

static guint32
flags_of (const IkeChild *child)
{
  const IkeSa *sa = child->sa;
  guint32 flags = child->conf->flags;

  /* RFC 7296, 2.23: "UDP encapsulation MUST NOT be done on port 500". */
  if (sa->is_marked && (sa->nat_local || sa->nat_remote || sa->conn->encap))
    flags |= IKE_KERNEL_ENCAP;
  if (child->choice.chosen[IKE_TRANSFORM_SN].id == 1)
    flags |= IKE_KERNEL_ESN;
  if (child->conf->tfc_mtu)
    flags |= IKE_KERNEL_TFC_MTU;
  return flags;
}

void
ike_child_fill_kernel_sa (const IkeChild *child, gboolean is_inbound, IkeKernelSa *out)
{
  const IkeChildConf *conf = child->conf;

  memset (out, 0, sizeof *out);
  out->struct_size = sizeof *out;
  out->protocol = child->protocol;
  out->mode = child->mode;
  out->direction = is_inbound ? IKE_DIR_IN : IKE_DIR_OUT;
  out->flags = child->flags;
  out->spi = is_inbound ? child->spi_in : child->spi_out;
  out->reqid = child->reqid;
  get_address_pair (child, is_inbound, &out->source, &out->destination);
  out->encr = child->choice.chosen[IKE_TRANSFORM_ENCR];
  out->integ = child->choice.chosen[IKE_TRANSFORM_INTEG];
  out->replay_window = is_inbound ? conf->replay_window : 0;
  out->tfc_padding = conf->tfc_padding;
  ike_child_fill_limits (child, out);
  out->if_id = is_inbound ? child->if_id_in : child->if_id_out;
  out->sa = ike_sa_ref (child->sa);
  out->child = child->serial;
  out->interface = conf->interface;
  out->acquire = is_inbound ? 0 : child->acquire;
  ike_child_fill_link (child, is_inbound, out);
  ike_child_fill_modes (child, is_inbound, out);
}

void
ike_child_fill_policy (const IkeChild *child, IkeDirection direction, const IkeSelector *local,
             const IkeSelector *remote, IkeKernelPolicy *out)
{
  gboolean is_out = direction == IKE_DIR_OUT;

  memset (out, 0, sizeof *out);
  out->struct_size = sizeof *out;
  out->direction = (guint8) direction;
  out->mode = child->mode;
  out->protocol = child->protocol;
  out->flags = child->conf->flags;
  out->reqid = child->reqid;
  out->spi = is_out ? child->spi_out : 0;
  out->source = is_out ? *local : *remote;
  out->destination = is_out ? *remote : *local;
  get_address_pair (child, !is_out, &out->outer_source, &out->outer_destination);
  out->priority = child->conf->priority;
  out->if_id = is_out ? child->if_id_out : child->if_id_in;
  if (is_out ? child->link_out : child->link_in)
    out->flags |= IKE_KERNEL_MAKE_INTERFACE;
  out->interface = child->conf->interface;
  ike_child_fill_policy_modes (child, is_out, out);
}

/* A policy for each pair of selectors of one family and each of the @directions (bits). The caller
 * frees. */
IkeKernelPolicy *
ike_child_make_policies (const IkeChild *child, guint directions, guint *n)
{
  guint max = MIN (POLICIES_MAX, 3u * child->n_local * child->n_remote), i, k, d;
  IkeKernelPolicy *policies = g_new (IkeKernelPolicy, max + 1);

  *n = 0;
  for (i = 0; child->conf->has_policies && i < child->n_local; i++)
    for (k = 0; k < child->n_remote; k++) {
      const IkeSelector *local = &child->selectors[i],
                        *remote = &child->selectors[child->n_local + k];
      for (d = IKE_DIR_IN; local->family == remote->family && d <= IKE_DIR_FWD && *n < max; d++)
        if (directions >> d & 1)
          ike_child_fill_policy (child, (IkeDirection) d, local, remote, &policies[(*n)++]);
    }
  return policies;
}

static void
emit_child_keys (IkeChild *child, const IkeKernelSa sas[2])
{
  static const char *const names[] = { "encr_in", "integ_in", "encr_out", "integ_out" };
  IkeHookPoint *point = child->sa->shard->manager->on_keys;
  IkeKeysEvent event = { .struct_size = sizeof event, .is_child = TRUE, .child = child };
  IkeSecret secrets[4];
  guint i;

  if (!ike_hook_point_is_used (point))
    return;
  for (i = 0; i < 2; i++) {
    ike_secret_set (&secrets[2 * i], sas[i].encr_key, MIN (sas[i].encr_key_len, IKE_SECRET_MAX));
    ike_secret_set (&secrets[2 * i + 1], sas[i].integ_key,
                    MIN (sas[i].integ_key_len, IKE_SECRET_MAX));
  }
  for (i = 0; i < 4; i++) {
    event.keys[i] = &secrets[i];
    event.names[i] = names[i];
  }
  ike_keys_hook_emit (point, child->sa, &event);
  for (i = 0; i < 4; i++)
    ike_secret_clear (&secrets[i]);
}

static void
install_batch (IkeChild *child, const IkeKernelSa sas[2], IkeCall *call)
{
  IkeSaManager *manager = child->sa->shard->manager;
  guint n, n_sas = child->held ? 1 : 2;
  g_autofree IkeKernelPolicy *policies =
      ike_child_make_policies (child, child->held ? IKE_DIRS_IN : IKE_DIRS_ALL, &n);
  IkeKernelBatch batch = { sizeof batch, n_sas, n, sas, policies };

  emit_child_keys (child, sas);
  if (child->is_dead || child->sa->is_doomed) {
    ike_call_fail (call, "the CHILD_SA was taken away meanwhile");
    return;
  }
  child->is_asked = TRUE;
  manager->kernel_class->install (manager->kernel->plugin, call, &batch);
}

/* One that carries all that its child may shares the reqid of the trap, whose policies are then its
 * own.  What a peer narrowed must not: the trap still has to ask for the rest.  Without a trap each
 * has its own: a connection may have many peers, even at one address. */
static void
take_reqid (IkeChild *child)
{
  const IkeChildConf *conf = child->conf;
  guint32 actions = conf->start_action | conf->close_action | conf->dpd_action;

  if (conf->reqid || child->reqid != child->unique_id
      || (!(actions & IKE_ACTION_TRAP) && !g_atomic_int_get (&conf->shared_reqid))
      || !ike_child_carries_all (child))
    return;
  child->reqid = ike_child_conf_reqid (child->sa->shard->manager, child->conf, child->unique_id);
}

/* RFC 7296, 2.17: "All keys for SAs carrying data from the initiator to the responder are taken
 * before SAs going from the responder to the initiator", for each the encryption key first, then
 * the integrity key. */
void
ike_child_install (IkeChild *child, gboolean is_initiator, const guint8 *secret, gsize secret_len,
                   const guint8 *nonce_i, gsize nonce_i_len, const guint8 *nonce_r,
                   gsize nonce_r_len, IkeCall *call)
{
  IkeSa *sa = child->sa;
  guint8 keymat[KEYMAT_MAX];
  guint encr_len, integ_len, half;
  gboolean has_twin;
  IkeKernelSa sas[2];
  guint i;

  ike_sa_assert_owner (sa);
  if (child->is_dead || !sa->shard->manager->kernel_class
      || !ike_choice_key_sizes (sa->shard->manager->engine, &child->choice, &encr_len, &integ_len)
      || 2 * (half = encr_len + integ_len) > sizeof keymat
      || !ike_keys_child (sa, secret, secret_len, nonce_i, nonce_i_len, nonce_r, nonce_r_len,
                          keymat, 2 * half)) {
    ike_call_fail (call, "keys for the CHILD_SA could not be derived");
    return;
  }
  child->local = sa->local;
  child->remote = sa->remote;
  child->flags = flags_of (child);
  take_reqid (child);
  ike_child_claim_anyway (child);
  if (!child->ipcomp)
    ike_child_drop_cpi (child);
  has_twin = !child->twins && ike_child_join_twins (child, !is_initiator);
  for (i = 0; i < 2; i++) {
    gboolean is_inbound = i == 0;
    const guint8 *keys = keymat + (is_inbound == is_initiator ? half : 0);
    ike_child_fill_kernel_sa (child, is_inbound, &sas[i]);
    sas[i].encr_key = keys;
    sas[i].encr_key_len = encr_len;
    sas[i].integ_key = keys + encr_len;
    sas[i].integ_key_len = integ_len;
  }
  if (!is_initiator)
    ike_child_await_peer (child);
  if ((child->replaces || child->is_redundant || has_twin) && !is_initiator)
    ike_child_hold_outbound (child, &sas[1]);
  else
    sas[1].skip = ike_child_take_skip (child);
  install_batch (child, sas, call);
  ike_wipe (keymat, sizeof keymat);
}

static void
give_back (IkeChild *child)
{
  IkeSaManager *manager = child->sa->shard->manager;

  ike_child_drop_cpi (child);
  if (child->spi_in)
    manager->kernel_class->free_spi (manager->kernel->plugin, child->protocol, child->spi_in,
                                     &child->local);
}

static void
updated (gpointer owner, gpointer data, gpointer result, const char *error)
{
  if (error)
    ike_sa_progress (owner, IKE_LOG_ERROR,
                     "the kernel did not take the new addresses of a CHILD_SA: %s", error);
}

static const IkeCallClass update_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "update CHILD_SA",
  .timeout_ms = 10000,
  .then = updated,
};

static void
update_endpoints (IkeChild *child)
{
  IkeSa *sa = child->sa;
  IkeSaManager *manager = sa->shard->manager;
  IkeKernelSa old[2], new_[2];
  guint i;

  for (i = 0; i < 2; i++)
    ike_child_fill_kernel_sa (child, i == 0, &old[i]);
  child->local = *path_of (sa, TRUE);
  child->remote = *path_of (sa, FALSE);
  child->flags = flags_of (child);
  for (i = 0; i < (child->held ? 1 : 2); i++) {
    ike_child_fill_kernel_sa (child, i == 0, &new_[i]);
    manager->kernel_class->update (manager->kernel->plugin, ike_sa_call (sa, &update_call, NULL),
                                   &old[i], &new_[i]);
  }
}

static gboolean
is_elsewhere (const IkeChild *child)
{
  return !ike_addr_equal (&child->local, path_of (child->sa, TRUE))
         || !ike_addr_equal (&child->remote, path_of (child->sa, FALSE))
         || child->flags != flags_of (child);
}

/* One that is being installed follows when it is up. */
void
ike_children_update_endpoints (IkeSa *sa)
{
  IkeChild *child;

  for (child = sa->children; sa->shard->manager->kernel_class && child; child = child->next)
    if (child->is_installed && !sa->children_held && is_elsewhere (child))
      update_endpoints (child);
}

void
ike_child_query (const IkeChild *child, gboolean is_inbound, IkeCall *call)
{
  IkeSaManager *manager = child->sa->shard->manager;
  IkeKernelSa which;

  if (!manager->kernel_class) {
    ike_call_fail (call, "no kernel plugin is ready");
    return;
  }
  ike_child_fill_kernel_sa (child, is_inbound, &which);
  manager->kernel_class->query (manager->kernel->plugin, call, &which);
}

/* -- up and down */

static void
set_selectors (IkeTree *tree, const char *key, const IkeSelector *selectors, guint n)
{
  IkeTree *list = ike_tree_add_list (tree, key);
  char text[128];
  guint i;

  for (i = 0; i < n; i++)
    ike_tree_set_string (list, NULL, ike_selector_format (&selectors[i], text, sizeof text));
}

IkeTree *
ike_child_describe (const IkeChild *child)
{
  static const char *const states[] = { "CREATED", "INSTALLED", "REKEYING",
                                        "REKEYED", "DELETING",  "DEAD" };
  static const char *const modes[] = { "TUNNEL", "TRANSPORT", "BEET", "PASS", "DROP" };
  IkeTree *tree = ike_tree_new_section ();
  char text[256];

  ike_tree_set_string (tree, "name", child->conf->name);
  ike_tree_set_int (tree, "unique-id", child->unique_id);
  ike_tree_set_int (tree, "reqid", child->reqid);
  ike_tree_set_string (tree, "state", states[child->state]);
  ike_tree_set_string (tree, "mode", modes[child->mode]);
  ike_tree_set_string (tree, "protocol", child->protocol == IKE_PROTOCOL_AH ? "AH" : "ESP");
  ike_tree_set_bool (tree, "encap", (child->flags & IKE_KERNEL_ENCAP) != 0);
  ike_tree_set_format (tree, "spi-in", "%08x", child->spi_in);
  ike_tree_set_format (tree, "spi-out", "%08x", child->spi_out);
  ike_tree_set_string (tree, "proposal", ike_choice_format (&child->choice, text, sizeof text));
  ike_tree_set_bool (tree, "esn", (child->flags & IKE_KERNEL_ESN) != 0);
  ike_child_describe_modes (child, tree);
  set_selectors (tree, "local-ts", child->selectors, child->n_local);
  set_selectors (tree, "remote-ts", child->n_remote ? child->selectors + child->n_local : NULL,
                 child->n_remote);
  ike_child_describe_if_ids (child, tree);
  if (child->installed_us)
    ike_tree_set_int (tree, "installed",
                      (ike_sa_now_us (child->sa) - child->installed_us) / G_USEC_PER_SEC);
  return tree;
}

static void
emit_child (IkeChild *child, const char *name, const char *reason)
{
  IkeSaManager *manager = child->sa->shard->manager;
  IkeTree *body, *what;
  guint i;

  if (!ike_event_is_wanted (manager->engine, name))
    return;
  body = ike_sa_event_body (child->sa);
  ike_tree_set_string (body, "child", child->conf->name);
  what = ike_child_describe (child);
  for (i = 0; i < ike_tree_n (what); i++) {
    const IkeTree *item = ike_tree_nth (what, i);
    if (strcmp (ike_tree_name (item), "name") != 0)
      ike_tree_set_take (body, ike_tree_name (item), ike_tree_copy (item));
  }
  ike_tree_free (what);
  if (child->conf->updown)
    ike_tree_set_string (body, "updown", child->conf->updown);
  if (reason)
    ike_tree_set_string (body, "reason", reason);
  ike_event_emit (manager->engine, ike_event_new (manager->engine, name, body));
}

static void
tell_up (IkeChild *child)
{
  IkeChildEvent event = { sizeof event, child, TRUE, NULL };

  child->is_up = TRUE;
  ike_child_updown_hook_emit (child->sa->shard->manager->on_child, child->sa, &event);
  emit_child (child, "child-up", NULL);
}

/* Of a row of successors people hear once that it is up, and once that it is down; between them,
 * that one took the place of another. */
static void
tell_gone (IkeChild *child, const char *reason)
{
  IkeSaManager *manager = child->sa->shard->manager;
  IkeChild *heir = ike_child_successor (child);

  if (!child->is_up)
    return;
  child->is_up = FALSE;
  if (heir) {
    IkeChildRekeyEvent event = { sizeof event, heir, child };
    heir->is_up = TRUE;
    ike_counter_add (manager->engine, manager->count.child_rekeyed, 1);
    ike_child_rekey_hook_emit (manager->on_child_rekey, child->sa, &event);
    emit_child (heir, "child-rekeyed", NULL);
  } else {
    IkeChildEvent event = { sizeof event, child, FALSE, reason };
    ike_child_updown_hook_emit (manager->on_child, child->sa, &event);
    emit_child (child, "child-down", reason);
    ike_child_act (child, reason);
  }
}

void
ike_child_set_up (IkeChild *child)
{
  IkeSa *sa = child->sa;
  char local[128] = "", remote[128] = "", choice[160];

  child->state = IKE_CHILD_INSTALLED;
  child->is_installed = TRUE;
  child->installed_us = ike_sa_now_us (sa);
  ike_child_arm (child);
  if (is_elsewhere (child))
    update_endpoints (child);
  if (child->skip && !child->held)
    ike_child_skip (child, ike_child_take_skip (child));
  ike_child_start_holding (child);
  if (child->n_local)
    ike_selector_format (&child->selectors[0], local, sizeof local);
  if (child->n_remote)
    ike_selector_format (&child->selectors[child->n_local], remote, sizeof remote);
  ike_sa_progress (sa, IKE_LOG_NOTICE, "CHILD_SA %s{%u} is %s: %s === %s, SPIs %08x_i %08x_o, %s",
                   child->conf->name, child->unique_id,
                   child->replaces ? "there, in the place of another" : "up", local, remote,
                   child->spi_in, child->spi_out,
                   ike_choice_format (&child->choice, choice, sizeof choice));
  if (!child->replaces && !child->is_redundant)
    tell_up (child);
  ike_child_watch_idle (child);
}

/* Out of its SA and the kernel at once; the struct stays till the end of the turn, for a hook or a
 * task may be in the middle of something with it. */
void
ike_child_free (IkeChild *child, const char *reason)
{
  IkeSa *sa = child->sa;
  IkeChild **link;

  if (child->is_dead)
    return;
  child->is_dead = TRUE;
  for (link = &sa->children; *link && *link != child; link = &(*link)->next)
    ;
  if (*link)
    *link = child->next;
  sa->n_children--;
  ike_child_disarm (child);
  if (child->is_moved)
    g_hash_table_remove (sa->shard->moved, &child->serial);
  tell_gone (child, reason);
  ike_child_succeed (child);
  ike_child_unclaim (child);
  ike_child_leave_twins (child);
  if (!sa->shard->manager->kernel_class) {
    ike_child_bury_later (child);
  } else if (!child->is_asked) {
    give_back (child);
    ike_child_bury_later (child);
  } else
    ike_child_remove (child);
}

void
ike_child_bury_later (IkeChild *child)
{
  IkeShard *shard = child->sa->shard;

  child->dead_next = shard->dead_children;
  shard->dead_children = child;
  ike_shard_reap_later (shard);
}

void
ike_children_bury (IkeShard *shard)
{
  IkeChild *child;

  while ((child = shard->dead_children)) {
    shard->dead_children = child->dead_next;
    ike_child_free_if_ids (child);
    ike_child_drop_held (child);
    ike_conn_unref (child->conn);
    g_free (child->selectors);
    g_free (child);
  }
}

/* Tasks hold references that they look up again. */
void
ike_child_destroy (IkeChild *child, const char *reason)
{
  if (child->is_dead)
    return;
  ike_sa_assert_owner (child->sa);
  if (child->installed_us)
    ike_sa_progress (child->sa, IKE_LOG_NOTICE, "CHILD_SA %s{%u} gone: %s", child->conf->name,
                     child->unique_id, reason);
  ike_child_free (child, reason);
}

/* -- accessors */

IkeChildRef ike_child_ref (const IkeChild *child) { return (IkeChildRef) { child->serial }; }
guint ike_sa_n_children (const IkeSa *sa) { return sa->n_children; }
const IkeChildConf *ike_child_conf (const IkeChild *child) { return child->conf; }
IkeChildState ike_child_state (const IkeChild *child) { return (IkeChildState) child->state; }
guint8 ike_child_protocol (const IkeChild *child) { return child->protocol; }
const IkeChoice *ike_child_choice (const IkeChild *child) { return &child->choice; }
void ike_child_set_mode (IkeChild *child, guint8 mode) { child->mode = mode; }
gboolean ike_child_is_going (const IkeChild *child) { return child->is_going; }
gboolean ike_child_is_replaced (const IkeChild *child) { return child->is_replaced; }

/* DELETING is what a request of ours makes of it. */
void
ike_child_set_state (IkeChild *child, IkeChildState state)
{
  if (state == IKE_CHILD_DELETING)
    ike_child_ends (child, IKE_END_OURS);
  if (state == IKE_CHILD_REKEYED)
    child->is_replaced = TRUE;
  child->state = (guint8) state;
}

IkeChild *
ike_child_get (IkeSa *sa, IkeChildRef ref)
{
  IkeChild *child;

  for (child = sa->children; child; child = child->next)
    if (child->serial == ref.serial)
      return child;
  return NULL;
}

IkeChild *
ike_child_by_spi (IkeSa *sa, guint8 protocol, guint32 spi, gboolean is_inbound)
{
  IkeChild *child;

  for (child = sa->children; child; child = child->next)
    if (child->protocol == protocol && (is_inbound ? child->spi_in : child->spi_out) == spi && spi)
      return child;
  return NULL;
}

IkeChild *
ike_sa_child (const IkeSa *sa, guint i)
{
  IkeChild *child = sa->children;

  while (child && i--)
    child = child->next;
  return child;
}

guint32
ike_child_spi (const IkeChild *child, gboolean is_inbound)
{
  return is_inbound ? child->spi_in : child->spi_out;
}

void
ike_child_set_spi (IkeChild *child, gboolean is_inbound, guint32 spi)
{
  *(is_inbound ? &child->spi_in : &child->spi_out) = spi;
}

void
ike_child_set_trigger (IkeChild *child, const IkeTrigger *trigger)
{
  child->acquire = trigger->acquire;
}

void
ike_child_set_choice (IkeChild *child, const IkeChoice *choice)
{
  IkeChoiceEvent event = { sizeof event, TRUE, choice };

  child->choice = *choice;
  child->protocol = choice->protocol;
  ike_proposal_hook_emit (child->sa->shard->manager->on_proposal, child->sa, &event);
}

const IkeSelector *
ike_child_selectors (const IkeChild *child, gboolean is_local, guint *n)
{
  *n = is_local ? child->n_local : child->n_remote;
  return is_local || !child->selectors ? child->selectors : child->selectors + child->n_local;
}

void
ike_child_set_selectors (IkeChild *child, gboolean is_local, const IkeSelector *selectors, guint n)
{
  guint n_local = is_local ? n : child->n_local, n_remote = is_local ? child->n_remote : n;
  IkeSelector *all = g_new (IkeSelector, n_local + n_remote + 1);
  const IkeSelector *local = is_local ? selectors : child->selectors;
  const IkeSelector *remote = !is_local         ? selectors
                              : child->n_remote ? child->selectors + child->n_local
                                                : NULL;

  if (n_local)
    memcpy (all, local, n_local * sizeof *all);
  if (n_remote)
    memcpy (all + n_local, remote, n_remote * sizeof *all);
  g_free (child->selectors);
  child->selectors = all;
  child->n_local = (guint8) n_local;
  child->n_remote = (guint8) n_remote;
}
