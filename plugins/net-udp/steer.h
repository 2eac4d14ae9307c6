/* SPDX-License-Identifier: Apache-2.0 */
/* steer.h - which socket of a reuseport group a datagram belongs to: in C, and as a program for
 * the kernel.
 *
 * The sockets of a group stand in a fixed order: n_shards for messages of SAs that exist,
 * n_shards for first messages (with a buffer of their own, so that a flood of them cannot push
 * out packets of live SAs), and on the port shared with ESP n_shards for ESP.  Both forms of the
 * decision are made from the same plan; where a message is steered to a shard it is the one that
 * ike_input_shard() names. */
#pragma once
#include <linux/filter.h>
#include <ikebana/defs.h>

typedef struct {
  guint8  is_marked;                          /* the port shared with ESP */
  guint8  n_shards;
  guint8  buckets[256];                       /* first byte of our SPI → shard */
} SteerPlan;

enum { STEER_MAX = 1024, STEER_IKE_HEADER = 28, STEER_MARKER = 4 };

/* Index of the socket for the payload of a datagram. */
guint steer_decide  (const SteerPlan *plan, const guint8 *data, gsize len);
/* Writes the program into @out (room for STEER_MAX); returns how many instructions. */
guint steer_program (const SteerPlan *plan, struct sock_filter out[STEER_MAX]);
