/* SPDX-License-Identifier: Apache-2.0 */
/* carry.c - packets that really travel: policy, SA, the net plugin, and at the other end the SA
 * that the SPI names.
 *
 * In a simulation only, where everything is on one thread: so that a tagged packet meets the same
 * loss and delay as the messages that set up its SA. */
#include "config.h"
#include <ikebana/error.h>
#include <ikebana/net.h>
#include "shared/esp/esp.h"
#include "fake.h"

enum { PACKET_MAX = 2048 };

/* -- what a kernel counts and tells */

typedef struct {
  gboolean soft, hard, mapping;
} Tidings;

static gboolean
is_over (guint64 limit, guint64 value)
{
  return limit && value >= limit;
}

static void
count (Fake *fake, const IkeFakeSa *of, gsize len, const IkeAddr *from_or_null, Tidings *tidings)
{
  FakeStripe *stripe = fake_lock (fake, of->spi);
  FakeSa *sa = fake_find (stripe, of->direction, of->spi, &of->destination);
  FakeRecord *r = sa ? sa->record : NULL;
  if (r) {
    r->use.bytes += len;
    r->use.packets++;
    r->use.last_use_us = ike_engine_now_us (fake->engine);
    tidings->soft =
        !r->is_soft
        && (is_over (r->soft_bytes, r->use.bytes) || is_over (r->soft_packets, r->use.packets));
    tidings->hard =
        !r->is_hard
        && (is_over (r->hard_bytes, r->use.bytes) || is_over (r->hard_packets, r->use.packets));
    r->is_soft |= tidings->soft;
    r->is_hard |= tidings->hard;
    tidings->mapping = from_or_null && sa->flags & IKE_KERNEL_ENCAP
                       && !ike_addr_equal (from_or_null, &sa->source)
                       && !ike_addr_equal (from_or_null, &r->mapped);
    if (tidings->mapping)
      r->mapped = *from_or_null;
  }
  fake_unlock (stripe);
}

static void
count_and_tell (Fake *fake, const IkeFakeSa *sa, gsize len, const IkeAddr *from_or_null)
{
  Tidings tidings = { FALSE, FALSE, FALSE };
  count (fake, sa, len, from_or_null, &tidings);
  if (tidings.soft)
    ike_kernel_expire (fake->plugin, sa->owner, sa->child, sa->spi, FALSE);
  if (tidings.hard)
    ike_kernel_expire (fake->plugin, sa->owner, sa->child, sa->spi, TRUE);
  if (tidings.mapping)
    ike_kernel_mapping (fake->plugin, sa->owner, sa->child, sa->spi, from_or_null);
}

/* -- out */

/* The newest that covers the packet and has an SA; else any that covers it. */
static gboolean
find_policy (Fake *fake, const IkeAddr *source, const IkeAddr *destination, IkeKernelPolicy *found,
             IkeFakeSa *sa)
{
  gboolean is_covered = FALSE;
  sa->spi = 0;
  pthread_mutex_lock (&fake->lock);
  for (guint i = fake->policies->len; i-- > 0 && !sa->spi;) {
    const IkeKernelPolicy *policy = &g_array_index (fake->policies, IkeKernelPolicy, i);
    if (policy->direction != IKE_DIR_OUT || !ike_selector_matches (&policy->source, 0, source)
        || !ike_selector_matches (&policy->destination, 0, destination))
      continue;
    if (!is_covered)
      *found = *policy;
    is_covered = TRUE;
    if (policy->spi
        && fake_copy_sa (fake, IKE_DIR_OUT, policy->spi, &policy->outer_destination, sa))
      *found = *policy;
  }
  pthread_mutex_unlock (&fake->lock);
  return is_covered;
}

static guint32
trap (Fake *fake, const IkeKernelPolicy *policy, const IkeAddr *source, const IkeAddr *destination)
{
  IkeKernelAcquire event = { .struct_size = sizeof event,
                             .reqid = policy->reqid,
                             .if_id = policy->if_id };
  ike_selector_of_addr (&event.source, 0, source);
  ike_selector_of_addr (&event.destination, 0, destination);
  if (!policy->spi)
    ike_kernel_acquire (fake->plugin, &event);
  return IKE_FAKE_NO_SA;
}

static gboolean
send_esp (Fake *fake, const IkeFakeSa *sa, const guint8 *packet, gsize len)
{
  const IkeNetClass *net = fake->net->ops;
  IkeDatagram datagram = { .struct_size = sizeof datagram,
                           .local = sa->source,
                           .remote = sa->destination,
                           .data = packet,
                           .len = len };
  guint16 plain, marked;
  net->ports (fake->net->plugin, &plain, &marked);
  datagram.local.port = marked;
  if (!(sa->flags & IKE_KERNEL_ENCAP))
    datagram.remote.port = marked;
  return net->esp_send (fake->net->plugin, &datagram, 1);
}

guint32
fake_transmit (IkePlugin *self, const IkeAddr *source, const IkeAddr *destination,
               const guint8 *data, gsize len, guint32 *spi)
{
  Fake *fake = ike_plugin_state (self);
  IkeKernelPolicy policy;
  guint8 packet[PACKET_MAX];
  guint32 sending = IKE_FAKE_UNSENT;
  IkeFakeSa sa;
  gsize sealed;
  *spi = 0;
  if (!fake->net || !find_policy (fake, source, destination, &policy, &sa))
    return IKE_FAKE_NO_POLICY;
  if (policy.mode == IKE_MODE_PASS || policy.mode == IKE_MODE_DROP)
    return IKE_FAKE_SHUNTED;
  if (!sa.spi)
    return trap (fake, &policy, source, destination);
  *spi = sa.spi;
  sealed = fake_seal_in (fake, &sa, data, len, packet, sizeof packet);
  if (sealed && send_esp (fake, &sa, packet, sealed)) {
    sending = IKE_FAKE_SENT;
    count_and_tell (fake, &sa, len, NULL);
  }
  ike_secret_clear (&sa.encr_key);
  ike_secret_clear (&sa.integ_key);
  return sending;
}

/* -- in */

static void
arrive (Fake *fake, const IkeDatagram *datagram)
{
  IkeFakeArrival arrival = { .struct_size = sizeof arrival,
                             .what = IKE_FAKE_UNKNOWN_SPI,
                             .from = datagram->remote };
  guint8 inside[PACKET_MAX];
  IkeFakeSa sa;
  if (!esp_peek (datagram->data, datagram->len, &arrival.spi, &arrival.sequence))
    return;
  if (fake_copy_sa (fake, IKE_DIR_IN, arrival.spi, NULL, &sa)) {
    arrival.data = inside;
    arrival.len = fake_open_in (fake, &sa, datagram->data, datagram->len, inside, sizeof inside);
    arrival.what = arrival.len ? IKE_FAKE_OPENED : IKE_FAKE_NOT_OPENED;
    ike_secret_clear (&sa.encr_key);
    ike_secret_clear (&sa.integ_key);
  }
  if (arrival.len)
    count_and_tell (fake, &sa, arrival.len, &datagram->remote);
  if (fake->arrived)
    fake->arrived (&arrival, fake->arrived_data);
}

static void
received (gpointer sink, const IkeDatagram *datagrams, guint n)
{
  for (guint i = 0; i < n; i++)
    arrive (sink, &datagrams[i]);
}

static const IkeEspSink sink_class = { sizeof (IkeEspSink), received };

void
fake_on_arrival (IkePlugin *self, void (*func) (const IkeFakeArrival *arrival, gpointer data),
                 gpointer data)
{
  Fake *fake = ike_plugin_state (self);
  fake->arrived = func;
  fake->arrived_data = data;
}

/* -- beginning and end */

gboolean
fake_carry_start (Fake *fake, GError **error)
{
  const IkeProvided *const *found;
  const IkeNetClass *net;
  guint n;
  if (!fake->records || !ike_engine_is_simulated (fake->engine)) {
    g_set_error_literal (error, IKE_ERROR, IKE_ERROR_CONFIG,
                         "kernel-fake: carry needs record = yes, and a simulation");
    return FALSE;
  }
  found = ike_feature_list (fake->engine, "net", &n);
  if (!n) {
    g_set_error_literal (error, IKE_ERROR, IKE_ERROR_CONFIG,
                         "kernel-fake: carry needs a net plugin");
    return FALSE;
  }
  fake->net = found[0];
  net = fake->net->ops;
  net->attach_esp (fake->net->plugin, &sink_class, fake);
  return TRUE;
}

void
fake_carry_stop (Fake *fake)
{
  const IkeNetClass *net = fake->net ? fake->net->ops : NULL;
  if (net)
    net->attach_esp (fake->net->plugin, NULL, NULL);
  fake->net = NULL;
}
