/* SPDX-License-Identifier: Apache-2.0 */
/* tunnel_batch.h - SAs and policies of a tunnel between the two ends of tunnel_ends.h, which comes before
 * it.  One program includes it, once. */
#pragma once

/* What both ends agreed on.  Addresses in the order left, right. */
typedef struct {
  const char *outer[2], *inner[2];            /* inner: selectors */
  guint32     flags, spis[2];                 /* spis: of the receiver */
  IkeTransform encr, integ;
  guint       encr_key_len, integ_key_len;
} Tunnel;

typedef struct {
  IkeKernelSa     sas[2];
  IkeKernelPolicy policies[2];
  IkeKernelBatch  batch;
} Batch;

static const guint8 keys[2][64] = {
  "keys of what goes to the right, as random as it needs to be here",
  "keys of what goes to the left, which are not the same as those"
};

static IkeAddr
addr (const char *text, guint16 port)
{
  IkeAddr result;
  g_assert_true (ike_addr_parse (&result, text, NULL));
  result.port = port;
  return result;
}

static void
fill_sa (IkeKernelSa *sa, const Tunnel *t, guint from, gboolean is_inbound)
{
  guint16 port = t->flags & IKE_KERNEL_ENCAP ? 4500 : 0;
  *sa = (IkeKernelSa){ .struct_size = sizeof *sa,
                       .protocol = IKE_PROTOCOL_ESP,
                       .mode = IKE_MODE_TUNNEL,
                       .direction = is_inbound ? IKE_DIR_IN : IKE_DIR_OUT,
                       .flags = t->flags,
                       .spi = t->spis[!from],
                       .reqid = 1,
                       .source = addr (t->outer[from], port),
                       .destination = addr (t->outer[!from], port),
                       .encr = t->encr,
                       .integ = t->integ,
                       .encr_key = keys[from],
                       .integ_key = keys[from],
                       .encr_key_len = t->encr_key_len,
                       .integ_key_len = t->integ_key_len,
                       .replay_window = 64 };
}

static void
fill_policy (IkeKernelPolicy *policy, const Tunnel *t, guint from, gboolean is_inbound)
{
  *policy = (IkeKernelPolicy){ .struct_size = sizeof *policy,
                               .direction = is_inbound ? IKE_DIR_IN : IKE_DIR_OUT,
                               .mode = IKE_MODE_TUNNEL,
                               .protocol = IKE_PROTOCOL_ESP,
                               .reqid = 1,
                               .spi = is_inbound ? 0 : t->spis[!from],
                               .outer_source = addr (t->outer[from], 0),
                               .outer_destination = addr (t->outer[!from], 0) };
  g_assert_true (ike_selector_parse (&policy->source, t->inner[from], NULL));
  g_assert_true (ike_selector_parse (&policy->destination, t->inner[!from], NULL));
}

/* @me: 0 left, 1 right. */
static void
fill_batch (Batch *batch, const Tunnel *t, guint me)
{
  fill_sa (&batch->sas[0], t, !me, TRUE);
  fill_sa (&batch->sas[1], t, me, FALSE);
  fill_policy (&batch->policies[0], t, me, FALSE);
  fill_policy (&batch->policies[1], t, !me, TRUE);
  batch->batch = (IkeKernelBatch) { sizeof (IkeKernelBatch), 2, 2, batch->sas, batch->policies };
}

static Side *
side_of (guint me)
{
  return me ? &right : &left;
}

static void
do_batch (guint me, const Batch *batch, void (*what) (Question *, IkeCall *))
{
  Question question = { .side = side_of (me), .ask = what, .data = &batch->batch };
  ask (&question, NULL);
}

static IkeKernelUse
use_of (guint me, const IkeKernelSa *sa)
{
  Question question = { .side = side_of (me), .ask = ask_query, .data = sa };
  IkeKernelUse *found = ask (&question, NULL), use = *found;
  g_free (found);
  return use;
}

static guint64
counter (guint me, const char *name)
{
  return ike_counter_get (side_of (me)->engine, name);
}

static void
up (const Tunnel *t, Batch batches[2])
{
  for (guint me = 0; me < 2; me++) {
    fill_batch (&batches[me], t, me);
    do_batch (me, &batches[me], ask_install);
  }
}

static void
down (Batch batches[2])
{
  for (guint me = 0; me < 2; me++)
    do_batch (me, &batches[me], ask_remove);
}
