/* SPDX-License-Identifier: Apache-2.0 */
/* flow.c - data that flows while SAs are replaced; see flow.h. */
#include "exchange/flow.h"

typedef struct {
  PairEnd *to;
  gint64 at_us;
  guint32 spi;
  gsize len;
  guint8 bytes[256];
} OnWay;

static const char text[] = "a packet on its way";

Flow *
flow_new (Pair *pair)
{
  Flow *flow = g_new0 (Flow, 1);

  flow->pair = pair;
  flow->latency_us = 10000;
  flow->on_way = g_array_new (FALSE, FALSE, sizeof (OnWay));
  return flow;
}

void
flow_free (Flow *flow)
{
  g_array_unref (flow->on_way);
  g_free (flow);
}

/* The newest outbound policy names the SA. */
static guint32
spi_of (PairEnd *end)
{
  IkeKernelPolicy policy = { .struct_size = sizeof policy };
  guint32 spi = 0;
  guint i;

  for (i = 0; end->kernel_ops->nth_policy (end->kernel, i, &policy); i++)
    if (policy.direction == IKE_DIR_OUT)
      spi = policy.spi;
  return spi;
}

static void
send_one (Flow *flow, PairEnd *from, PairEnd *to)
{
  guint32 spi = spi_of (from);
  OnWay packet = {
    .to = to, .at_us = ike_sim_now_us (flow->pair->sim) + flow->latency_us, .spi = spi
  };

  if (spi)
    packet.len = from->kernel_ops->seal (from->kernel, spi, (const guint8 *) text, sizeof text,
                                         packet.bytes, sizeof packet.bytes);
  if (packet.len) {
    flow->n_sent++;
    g_array_append_val (flow->on_way, packet);
  } else
    flow->n_unsent++;
}

static void
arrive (Flow *flow, const OnWay *packet)
{
  guint8 plain[256];

  flow->n_arrived++;
  if (packet->to->kernel_ops->open (packet->to->kernel, packet->bytes, packet->len, plain,
                                    sizeof plain)
      == sizeof text)
    return;
  if (flow->n_lost++ == 0)
    g_test_message ("the first packet without an SA, SPI %08x, came to %s at %" G_GINT64_FORMAT
                    " us\n-- a --\n%s-- b --\n%s",
                    packet->spi, packet->to == &flow->pair->a ? "a" : "b", packet->at_us,
                    flow->pair->a.log->str, flow->pair->b.log->str);
}

static void
deliver (Flow *flow)
{
  gint64 now = ike_sim_now_us (flow->pair->sim);
  guint n = 0;

  while (n < flow->on_way->len && g_array_index (flow->on_way, OnWay, n).at_us <= now)
    arrive (flow, &g_array_index (flow->on_way, OnWay, n++));
  if (n)
    g_array_remove_range (flow->on_way, 0, n);
}

/* Time goes on by 20 ms at most, so that there is something on its way half of the time. */
static void
step (Flow *flow)
{
  gint64 now = ike_sim_now_us (flow->pair->sim), until = now + 20000;

  send_one (flow, &flow->pair->a, &flow->pair->b);
  send_one (flow, &flow->pair->b, &flow->pair->a);
  while (ike_sim_step (flow->pair->sim, until))
    deliver (flow);
  deliver (flow);
}

void
flow_run (Flow *flow, gint64 seconds)
{
  gint64 until = ike_sim_now_us (flow->pair->sim) + seconds * G_USEC_PER_SEC;

  while (ike_sim_now_us (flow->pair->sim) < until)
    step (flow);
  /* Nothing stays on its way while a test lets time pass without packets. */
  until += flow->latency_us;
  while (ike_sim_step (flow->pair->sim, until))
    deliver (flow);
  deliver (flow);
}

void
flow_until (Flow *flow, gboolean (*is_over) (Pair *pair, gpointer data), gpointer data)
{
  gint64 limit = ike_sim_now_us (flow->pair->sim) + 3600ll * G_USEC_PER_SEC;

  while (!is_over (flow->pair, data)) {
    if (ike_sim_now_us (flow->pair->sim) > limit)
      g_error ("it never comes about\n-- a --\n%s-- b --\n%s", flow->pair->a.log->str,
               flow->pair->b.log->str);
    step (flow);
  }
}
