/* SPDX-License-Identifier: Apache-2.0 */
/* loop.c - an ESP loop: its thread, its descriptors, and rounds over all loops. */
#include "config.h"
#include <string.h>
#include <unistd.h>
#include <sys/epoll.h>
#include <netinet/in.h>
#include "kernel_tun.h"

void
tun_count (TunKernel *kernel, guint32 counter)
{
  ike_counter_add (kernel->engine, counter, 1);
}

void
tun_post (TunKernel *kernel, IkeLoop *const *loop, IkeFunc run, gpointer data_take,
          GDestroyNotify free_data)
{
  gboolean is_stopping;
  pthread_rwlock_rdlock (&kernel->lock);
  is_stopping = kernel->is_stopping;
  if (!is_stopping)
    ike_loop_post (*loop, run, data_take, free_data);
  pthread_rwlock_unlock (&kernel->lock);
  if (is_stopping)
    free_data (data_take);
}

static guint
n_features (TunKernel *kernel, const char *kind)
{
  guint n = 0, most = 0;
  const IkeProvided *const *list = ike_feature_list (kernel->engine, kind, &n);
  for (guint i = 0; i < n; i++)
    most = MAX (most, list[i]->index + 1);
  return most;
}

static void
make_scratch (TunLoop *loop)
{
  static const char *const kinds[3] = { "aead", "cipher", "integ" };
  for (guint i = 0; i < 3; i++) {
    loop->n_scratch[i] = n_features (loop->kernel, kinds[i]);
    loop->scratch[i] = g_new0 (gpointer, loop->n_scratch[i] + 1);
  }
}

/* Raw sockets are a way that not every tunnel needs: without them only UDP encapsulation works,
 * and it is said once. */
static void
open_raw (TunLoop *loop)
{
  for (guint i = TUN_RAW4; i <= TUN_AH6; i++) {
    g_autoptr (GError) error = NULL;
    gboolean is_ah = i >= TUN_AH4;
    guint8 family = i % 2 ? 6 : 4;
    TunRaw wanted = { .family = family,
                      .protocol = is_ah ? IPPROTO_AH : IPPROTO_ESP,
                      .first = (guint8) (loop->index + 1),
                      .mark = loop->kernel->mark };
    loop->sockets[i] = tun_raw_socket (&wanted, &error);
    if (error && loop->index == 0)
      ike_log (loop->kernel->engine, IKE_LOG_NOTICE, "kernel-tun", "no %s over IPv%u: %s",
               is_ah ? "AH" : "ESP without UDP", family, error->message);
    loop->kernel->has_ah |= is_ah && !error;
  }
}

static void
take_sockets (TunLoop *loop)
{
  TunKernel *kernel = loop->kernel;
  for (guint i = 0; i < 2; i++) {
    int fd = kernel->net->esp_socket
                 ? kernel->net->esp_socket (kernel->net_plugin, loop->index, i ? 6 : 4)
                 : -1;
    loop->sockets[TUN_UDP4 + i] = fd;
    if (fd < 0)
      continue;
    tun_socket_tell (fd, i ? 6 : 4);
    if (kernel->device.has_offload)
      tun_socket_gather (fd);
  }
  open_raw (loop);
}

TunLoop *
tun_loop_new (TunKernel *kernel, guint index, GError **error)
{
  g_autofree char *name = g_strdup_printf ("esp-%u", index);
  TunLoop *loop = g_new0 (TunLoop, 1);
  loop->kernel = kernel;
  loop->index = index;
  sad_table_init (&loop->inbound);
  make_scratch (loop);
  loop->in_slots = g_malloc ((gsize) TUN_IN_BATCH * TUN_SLOT_SIZE);
  loop->read_buffer = g_malloc (TUN_SLOT_SIZE);
  loop->out_buffer = g_malloc (TUN_OUT_SIZE);
  loop->gather.data = g_malloc (GATHER_SIZE);
  loop->has_segments = kernel->device.has_offload;
  for (guint i = 0; i < TUN_SOCKETS; i++)
    loop->sockets[i] = loop->fragmenting[i] = -1;
  loop->loop = ike_loop_new (kernel->plugin, name, error);
  if (!loop->loop) {
    tun_loop_free (loop);
    return NULL;
  }
  take_sockets (loop);
  ike_loop_watch (loop->loop, kernel->device.queues[index], EPOLLIN, tun_outbound_ready, loop);
  for (guint i = 0; i < TUN_SOCKETS; i++)
    if (loop->sockets[i] >= 0)
      ike_loop_watch (loop->loop, loop->sockets[i], EPOLLIN, tun_inbound_ready, loop);
  return loop;
}

void
tun_loop_stop (TunLoop *loop)
{
  if (!loop || !loop->loop)
    return;
  /* It reads this pointer until it is joined. */
  ike_loop_free (loop->loop);
  loop->loop = NULL;
}

void
tun_loop_free (TunLoop *loop)
{
  if (!loop)
    return;
  tun_loop_stop (loop);
  tun_outbound_forget (loop, NULL);
  tun_keys_clear (loop);
  sad_table_clear (&loop->inbound);
  reassembly_clear (&loop->reassembly);
  for (guint i = TUN_RAW4; i <= TUN_AH6; i++)
    if (loop->sockets[i] >= 0)
      close (loop->sockets[i]);
  g_free (loop->in_slots);
  g_free (loop->read_buffer);
  g_free (loop->out_buffer);
  g_free (loop->gather.data);
  g_free (loop);
}

/* -- rounds */

typedef struct {
  TunKernel      *kernel;
  _Atomic guint32 n_left;
  void          (*each) (TunLoop *loop, gpointer data);
  void          (*done) (TunKernel *kernel, gpointer data);
  gpointer        data;
} Round;

typedef struct {
  Round   *round;
  TunLoop *loop;
} Stop;

static void
nothing (gpointer data)
{
}

static void
end_round (gpointer data)
{
  Round *round = data;
  round->done (round->kernel, round->data);
  g_free (round);
}

static void
run_stop (gpointer data)
{
  Stop *stop = data;
  stop->round->each (stop->loop, stop->round->data);
}

/* A loop that was stopped does not run the job but frees it: the round ends all the same. */
static void
free_stop (gpointer data)
{
  Stop *stop = data;
  Round *round = stop->round;
  g_free (stop);
  if (atomic_fetch_sub (&round->n_left, 1) == 1)
    tun_post (round->kernel, &round->kernel->admin_loop, nothing, round, end_round);
}

void
tun_round (TunKernel *kernel, void (*each) (TunLoop *loop, gpointer data),
           void (*done) (TunKernel *kernel, gpointer data), gpointer data)
{
  Round *round = g_new (Round, 1);
  *round = (Round) { kernel, kernel->n_loops, each, done, data };
  for (guint i = 0; i < kernel->n_loops; i++) {
    Stop *stop = g_new (Stop, 1);
    *stop = (Stop) { round, kernel->loops[i] };
    tun_post (kernel, &kernel->loops[i]->loop, run_stop, stop, free_stop);
  }
}
