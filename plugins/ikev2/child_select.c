/* SPDX-License-Identifier: Apache-2.0 */
/* child_select.c - which child of a connection fits, and what of its selectors (RFC 7296, 2.9). */
#include "child.h"

const IkeProposals *
ikev2_child_proposals (const IkeChildConf *conf)
{
  return conf->ah_proposals ? conf->ah_proposals : conf->esp_proposals;
}

static guint
resolve (const IkeSelector *from, guint n, const IkeAddr *host, IkeSelector *to)
{
  guint i, n_to = 0;

  for (i = 0; i < n && n_to < IKE_SELECTORS_MAX; i++) {
    to[n_to] = from[i];
    if (to[n_to].is_dynamic)
      ike_selector_resolve (&to[n_to], host);
    n_to++;
  }
  return n_to;
}

void
ikev2_selectors_of (IkeSa *sa, const IkeChildConf *conf, Ikev2Selectors *out)
{
  out->n_local = resolve (conf->local_ts, conf->n_local_ts, ike_sa_local (sa), out->local);
  out->n_remote = resolve (conf->remote_ts, conf->n_remote_ts, ike_sa_remote (sa), out->remote);
  if (conf->mode != IKE_MODE_TRANSPORT)
    return;
  out->n_local = ikev2_selectors_within (out->local, out->n_local, ike_sa_local (sa));
  out->n_remote = ikev2_selectors_within (out->remote, out->n_remote, ike_sa_remote (sa));
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

/* 0: nothing in common, 1: something, 2: all that was offered. */
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
  return ikev2_child_covers (&ours, offered) ? 2 : 1;
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
    if (conn->children[i]->mode != mode && fit (sa, conn->children[i], offered, &narrowed))
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
