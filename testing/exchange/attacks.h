/* SPDX-License-Identifier: Apache-2.0 */
/* attacks.h - what the programs about hostile peers share. */
#pragma once
#include "exchange/forge.h"
#include <string.h>

/* Of SPIs of nobody; the first bytes are not those of a non-ESP marker. */
#define SPI G_GUINT64_CONSTANT (0x7700000000000000)

enum { EX_INIT = 34, EX_AUTH = 35, EX_CHILD = 36, EX_INFO = 37 };

static const char attack_bodies[2][500]
  = { "proposals = aes256gcm16-prfsha256-x25519\n retransmit_tries = 1\n children {\n"
      " net { local_ts = 10.1.0.0/16\n remote_ts = 10.2.0.0/16\n esp_proposals = aes256gcm16\n }\n"
      " pfs { local_ts = 10.11.0.0/16\n remote_ts = 10.12.0.0/16\n esp_proposals = aes128-sha256-x25519\n }\n }\n",
      "proposals = aes256gcm16-prfsha256-x25519\n retransmit_tries = 1\n children {\n"
      " net { local_ts = 10.2.0.0/16\n remote_ts = 10.1.0.0/16\n esp_proposals = aes256gcm16\n }\n"
      " pfs { local_ts = 10.12.0.0/16\n remote_ts = 10.11.0.0/16\n esp_proposals = aes128-sha256-x25519\n }\n }\n" };

static inline PairOptions
attack_options_of (gconstpointer flags)
{
  return (PairOptions) { .flags = GPOINTER_TO_UINT (flags), .connection = { attack_bodies[0], attack_bodies[1] } };
}

static inline void
attack_drop (Forge *forge, guint exchange, IkeSimWhich which)
{
  IkeSimRule rule = { .struct_size = sizeof rule, .action = IKE_SIM_DROP, .exchange = exchange, .which = which };

  forge->pair->a.net_ops->rule_add (forge->pair->a.net, &rule);
}

static inline void
attack_drop_nothing (Forge *forge)
{
  forge->pair->a.net_ops->rule_remove (forge->pair->a.net, 0);
}

static inline void
attack_up (Forge *forge, const char *child)
{
  g_autofree char *error = pair_up (forge->pair, child);

  if (error)
    g_error ("%s\n-- a --\n%s-- b --\n%s", error, forge->pair->a.log->str, forge->pair->b.log->str);
}

static inline guint8 *
attack_copy_of (const ForgePacket *packet, gsize *len)
{
  g_assert_nonnull (packet);
  *len = packet->len;
  return g_memdup2 (packet->data, packet->len);
}

static inline void
attack_assert_no_sa (PairEnd *end)
{
  g_assert_cmpuint (forge_n_sas (end), ==, 0);
  g_assert_cmpuint (end->kernel_ops->n_sas (end->kernel), ==, 0);
  g_assert_cmpuint (end->kernel_ops->n_spis (end->kernel), ==, 0);
}

/* A first message whose SA payload holds so many transforms, each of 8 bytes. */
static inline gsize
attack_write_transforms (guint n, guint8 *out)
{
  gsize len = 8 + 8u * n;
  guint i;

  out[0] = out[1] = 0;
  out[2] = (guint8) (len >> 8);
  out[3] = (guint8) len;
  out[4] = 1;
  out[5] = 1;
  out[6] = 0;
  out[7] = (guint8) n;
  for (i = 0; i < n; i++) {
    guint8 *t = out + 8 + 8u * i;
    memcpy (t, (guint8[]) { i + 1 < n ? 3 : 0, 0, 0, 8, (guint8) (1 + i % 4), 0, (guint8) (i >> 8), (guint8) i }, 8);
  }
  return len;
}

/* `b` is half-open: it has keys, and has not seen IKE_AUTH. */
static inline Forge *
attack_half_open (gconstpointer flags, char **error)
{
  PairOptions o = attack_options_of (flags);
  Forge *forge = forge_new (&o);

  attack_drop (forge, EX_AUTH, IKE_SIM_REQUEST);
  pair_begin_up (forge->pair, &forge->pair->a, "pair", "net", error);
  forge_run_ms (forge, 100);
  g_assert_cmpuint (forge->b.n_keys, ==, 1);
  return forge;
}

