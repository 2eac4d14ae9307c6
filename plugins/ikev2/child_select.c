/* SPDX-License-Identifier: Apache-2.0 */
/* child_select.c - which child of a connection fits, and what of its selectors (RFC 7296, 2.9). */
#include "child.h"
#include <string.h>

const IkeProposals *
ikev2_child_proposals (const IkeChildConf *conf)
{
  return conf->ah_proposals ? conf->ah_proposals : conf->esp_proposals;
}

/* What `dynamic` stands for at one end. */
typedef struct {
  IkeAddr addrs[IKE_SA_VIRTUAL_IPS_MAX];
  guint n;
  gboolean is_open; /* of each only the family counts */
} Hosts;

static gboolean
is_client (const IkeSa *sa)
{
  const IkeConn *conn = ike_sa_conn (sa);

  return conn->vips && conn->vips[0] && ike_sa_was_ours (sa);
}

/* RFC 7296, 2.19: whoever asks for an address offers all of its family, and the answer says which
 * one it got. */
static void
of_wishes (const IkeConn *conn, Hosts *hosts)
{
  hosts->is_open = TRUE;
  for (guint i = 0; conn->vips[i] && hosts->n < 2; i++) {
    IkeAddr wish = { 0 };
    ike_addr_parse (&wish, conn->vips[i], NULL);
    if (wish.family != 6)
      wish.family = 4;
    if (!hosts->n || hosts->addrs[0].family != wish.family)
      hosts->addrs[hosts->n++].family = wish.family;
  }
}

/* A virtual address, where that end has any, else its host. */
static Hosts
hosts_of (IkeSa *sa, const IkeChildConf *conf, gboolean is_local)
{
  Hosts hosts = { .n = 0 };
  const IkeAddr *virtual_ips = ike_sa_virtual_ips (sa, is_local, &hosts.n);

  if (conf->mode != IKE_MODE_TRANSPORT && virtual_ips) {
    memcpy (hosts.addrs, virtual_ips, hosts.n * sizeof *virtual_ips);
    return hosts;
  }
  hosts.n = 0;
  if (conf->mode != IKE_MODE_TRANSPORT && is_local && is_client (sa))
    of_wishes (ike_sa_conn (sa), &hosts);
  else
    hosts.addrs[hosts.n++] = *(is_local ? ike_sa_local (sa) : ike_sa_remote (sa));
  return hosts;
}

static IkeSelector
resolve_one (const IkeSelector *from, const Hosts *hosts, guint i)
{
  IkeSelector to = *from;

  if (!hosts->is_open) {
    ike_selector_resolve (&to, &hosts->addrs[i]);
    return to;
  }
  to.is_dynamic = 0;
  to.family = hosts->addrs[i].family;
  memset (to.first, 0, sizeof to.first);
  memset (to.last, 0, sizeof to.last);
  memset (to.last, 0xff, to.family == 4 ? 4 : 16);
  return to;
}

static guint
resolve (const IkeSelector *from, guint n, const Hosts *hosts, IkeSelector *to)
{
  guint i, k, n_to = 0;

  for (i = 0; i < n && n_to < IKE_SELECTORS_MAX; i++) {
    if (!from[i].is_dynamic)
      to[n_to++] = from[i];
    for (k = 0; from[i].is_dynamic && k < hosts->n && n_to < IKE_SELECTORS_MAX; k++)
      to[n_to++] = resolve_one (&from[i], hosts, k);
  }
  return n_to;
}

void
ikev2_selectors_of (IkeSa *sa, const IkeChildConf *conf, Ikev2Selectors *out)
{
  Hosts local = hosts_of (sa, conf, TRUE), remote = hosts_of (sa, conf, FALSE);

  out->n_local = resolve (conf->local_ts, conf->n_local_ts, &local, out->local);
  out->n_remote = resolve (conf->remote_ts, conf->n_remote_ts, &remote, out->remote);
  if (conf->mode != IKE_MODE_TRANSPORT)
    return;
  out->n_local = ikev2_selectors_within (out->local, out->n_local, ike_sa_local (sa));
  out->n_remote = ikev2_selectors_within (out->remote, out->n_remote, ike_sa_remote (sa));
}

static gboolean
has_dynamic (const IkeSelector *selectors, guint n)
{
  for (guint i = 0; i < n; i++)
    if (selectors[i].is_dynamic)
      return TRUE;
  return FALSE;
}

gboolean
ikev2_lacks_own_address (IkeSa *sa, const IkeChildConf *conf)
{
  guint n;

  return is_client (sa) && conf->mode != IKE_MODE_TRANSPORT && !ike_sa_virtual_ips (sa, TRUE, &n);
}

/* RFC 7296, 2.19: "In the case where the IRAS's configuration requires that CP be used for a given
 * identity IDi, but IRAC has failed to send a CP(CFG_REQUEST), IRAS MUST fail the request". */
gboolean
ikev2_lacks_peer_address (IkeSa *sa, const IkeChildConf *conf)
{
  const IkeConn *conn = ike_sa_conn (sa);
  guint n;

  return conn->pools && conn->pools[0] && !ike_sa_was_ours (sa) && conf->mode != IKE_MODE_TRANSPORT
         && has_dynamic (conf->remote_ts, conf->n_remote_ts) && !ike_sa_virtual_ips (sa, FALSE, &n);
}

/* Offered before the address was known, the answer may hold more than it. */
gboolean
ikev2_selectors_keep_ours (IkeSa *sa, const IkeChildConf *conf, Ikev2Selectors *answered)
{
  g_autofree Ikev2Selectors *ours = NULL;
  IkeSelector kept[IKE_SELECTORS_MAX];
  guint n;

  if (conf->mode == IKE_MODE_TRANSPORT || !ike_sa_virtual_ips (sa, TRUE, &n))
    return TRUE;
  ours = g_new0 (Ikev2Selectors, 1);
  ikev2_selectors_of (sa, conf, ours);
  n = ike_selectors_narrow (ours->local, ours->n_local, answered->local, answered->n_local, kept,
                            IKE_SELECTORS_MAX);
  memcpy (answered->local, kept, n * sizeof *kept);
  answered->n_local = n;
  return n > 0;
}

static gboolean
read_one (IkeTask *task, const IkePayload *payload, IkeSelector *out, guint *n)
{
  IkeVerdict verdict = { 0 };
  IkeReader r;

  ike_reader_init (&r, payload->data, payload->len);
  if (ike_selectors_read (&r, out, n, NULL, &verdict))
    return TRUE;
  ike_task_fail (task, IKE_N_INVALID_SYNTAX, NULL, 0, verdict.reason);
  return FALSE;
}

/* TSi are the selectors of whoever began the exchange. */
gboolean
ikev2_selectors_read (IkeTask *task, const IkeMessage *in, gboolean is_initiator,
                      Ikev2Selectors *out)
{
  const IkePayload *tsi = ike_message_find (in, IKE_PAYLOAD_TSI, 0),
                   *tsr = ike_message_find (in, IKE_PAYLOAD_TSR, 0);
  const IkePayload *local = is_initiator ? tsi : tsr, *remote = is_initiator ? tsr : tsi;

  return read_one (task, local, out->local, &out->n_local)
         && read_one (task, remote, out->remote, &out->n_remote);
}

static gboolean
covers_all (const IkeSelector *big, guint n_big, const IkeSelector *small_, guint n_small)
{
  guint i, k;

  for (i = 0; i < n_small; i++) {
    for (k = 0; k < n_big && !ike_selector_covers (&big[k], &small_[i]); k++)
      ;
    if (k == n_big)
      return FALSE;
  }
  return n_small > 0;
}

gboolean
ikev2_child_covers (const Ikev2Selectors *big, const Ikev2Selectors *small_)
{
  return covers_all (big->local, big->n_local, small_->local, small_->n_local)
         && covers_all (big->remote, big->n_remote, small_->remote, small_->n_remote);
}

/* 0: nothing in common, 1: something, 2: what was offered first, 3: all that was offered.
 *
 * RFC 7296, 2.9: "If the responder's policy allows it to accept the first selector of TSi and TSr,
 * then the responder MUST narrow the Traffic Selectors to a subset that includes the initiator's
 * first choices." */
static guint
fit (IkeSa *sa, const IkeChildConf *conf, const Ikev2Selectors *offered, Ikev2Selectors *narrowed)
{
  Ikev2Selectors ours;

  ikev2_selectors_of (sa, conf, &ours);
  narrowed->n_local = ike_selectors_narrow (ours.local, ours.n_local, offered->local,
                                            offered->n_local, narrowed->local, IKE_SELECTORS_MAX);
  narrowed->n_remote =
      ike_selectors_narrow (ours.remote, ours.n_remote, offered->remote, offered->n_remote,
                            narrowed->remote, IKE_SELECTORS_MAX);
  if (!narrowed->n_local || !narrowed->n_remote)
    return 0;
  if (!covers_all (ours.local, ours.n_local, offered->local, 1)
      || !covers_all (ours.remote, ours.n_remote, offered->remote, 1))
    return 1;
  return ikev2_child_covers (&ours, offered) ? 3 : 2;
}

static void
append (GString *text, const IkeSelector *selectors, guint n)
{
  char one[128];
  guint i;

  for (i = 0; i < n && i < 8; i++)
    g_string_append_printf (text, "%s%s", i ? " " : "",
                            ike_selector_format (&selectors[i], one, sizeof one));
}

char *
ikev2_selectors_format (const Ikev2Selectors *selectors)
{
  GString *text = g_string_new (NULL);

  append (text, selectors->local, selectors->n_local);
  g_string_append (text, " === ");
  append (text, selectors->remote, selectors->n_remote);
  return g_string_free (text, FALSE);
}

const IkeChildConf *
ikev2_choose_child (IkeSa *sa, const Ikev2Selectors *offered, guint8 mode, Ikev2Selectors *narrowed,
                    char **why)
{
  const IkeConn *conn = ike_sa_conn (sa);
  const IkeChildConf *best = NULL;
  Ikev2Selectors candidate;
  guint i, best_fit = 0;

  for (i = 0; i < conn->n_children; i++) {
    guint one =
        conn->children[i]->mode == mode ? fit (sa, conn->children[i], offered, &candidate) : 0;
    if (one <= best_fit)
      continue;
    best_fit = one;
    best = conn->children[i];
    *narrowed = candidate;
  }
  if (!best) {
    g_autofree char *theirs = ikev2_selectors_format (offered), *ours = NULL;
    if (conn->n_children) {
      ikev2_selectors_of (sa, conn->children[0], &candidate);
      ours = ikev2_selectors_format (&candidate);
    }
    *why = g_strdup_printf ("the peer wants %s, connection %s allows %s", theirs, conn->name,
                            ours ? ours : "no child");
  }
  return best;
}

gboolean
ikev2_fits_another_mode (IkeSa *sa, const Ikev2Selectors *offered, guint8 mode)
{
  const IkeConn *conn = ike_sa_conn (sa);
  Ikev2Selectors narrowed;
  guint i;

  for (i = 0; i < conn->n_children; i++)
    if (conn->children[i]->mode != mode && conn->children[i]->mode <= IKE_MODE_BEET
        && fit (sa, conn->children[i], offered, &narrowed))
      return TRUE;
  return FALSE;
}

void
ikev2_name_setting (IkeTree *details, const char *path)
{
  const IkeTree *candidates = ike_tree_get (details, "candidates");
  guint i;

  for (i = 0; candidates && i < ike_tree_n (candidates); i++) {
    IkeTree *candidate = (IkeTree *) ike_tree_nth (candidates, i);
    g_autofree char *keyword = g_strdup (ike_tree_string (candidate, "setting", NULL));
    if (keyword)
      ike_tree_set_format (candidate, "setting", "%s in %s", keyword, path);
  }
}
