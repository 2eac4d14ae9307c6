/* SPDX-License-Identifier: Apache-2.0 */
/* steer.c - makes the classic BPF program of a reuseport group, and says the same in C.
 *
 * The table of buckets becomes a binary tree of comparisons: eight levels at most, and a half
 * whose buckets all belong to one shard is a single return. */
#include <string.h>
#include "steer.h"

enum { AT_SPI_INITIATOR = 0, AT_SPI_RESPONDER = 8, AT_FLAGS = 19, FLAG_INITIATOR = 0x08 };

static guint
esp_index (const SteerPlan *plan, guint8 first)
{
  /* The SPI's first byte is the number of the ESP loop that chose it, from 1. */
  return 2 * plan->n_shards + (first > 0 ? (guint) (first - 1) % plan->n_shards : 0);
}

guint
steer_decide (const SteerPlan *plan, const guint8 *data, gsize len)
{
  gsize at = plan->is_marked ? STEER_MARKER : 0;
  const guint8 *header, *ours;
  guint32 word;
  if (len < STEER_MARKER)
    return plan->n_shards;
  if (plan->is_marked && memcmp (data, "\0\0\0\0", STEER_MARKER) != 0)
    return esp_index (plan, data[0]);
  if (len < at + STEER_IKE_HEADER)
    return plan->n_shards;
  header = data + at;
  ours = header + (header[AT_FLAGS] & FLAG_INITIATOR ? AT_SPI_RESPONDER : AT_SPI_INITIATOR);
  if (memcmp (ours, "\0\0\0\0\0\0\0\0", 8) != 0)
    return plan->buckets[ours[0]];
  /* A first message: repeats of it go where it went. */
  memcpy (&word, header + AT_SPI_INITIATOR + 4, sizeof word);
  return plan->n_shards + GUINT32_FROM_BE (word) % plan->n_shards;
}

typedef struct {
  struct sock_filter *out;
  guint n;
} Program;

static void
emit (Program *program, guint16 code, guint32 k, guint8 jump_true, guint8 jump_false)
{
  program->out[program->n++] = (struct sock_filter){ code, jump_true, jump_false, k };
}

static void
emit_return (Program *program, guint32 value)
{
  emit (program, BPF_RET | BPF_K, value, 0, 0);
}

static gboolean
is_uniform (const guint8 *buckets, guint first, guint last)
{
  for (guint i = first + 1; i <= last; i++) {
    if (buckets[i] != buckets[first])
      return FALSE;
  }
  return TRUE;
}

/* Returns buckets[A] for A in first…last.  A jump of a comparison reaches 255 instructions, a JA
 * any number: so the comparison jumps over the JA that leads to the lower half. */
static void
emit_tree (Program *program, const guint8 *buckets, guint first, guint last)
{
  guint middle = (first + last + 1) / 2, jump;
  if (is_uniform (buckets, first, last)) {
    emit_return (program, buckets[first]);
    return;
  }
  emit (program, BPF_JMP | BPF_JGE | BPF_K, middle, 1, 0);
  jump = program->n;
  emit (program, BPF_JMP | BPF_JA, 0, 0, 0);
  emit_tree (program, buckets, middle, last);
  program->out[jump].k = program->n - jump - 1;
  emit_tree (program, buckets, first, middle - 1);
}

enum { ESP_LENGTH = 7 }; /* instructions that emit_esp() writes */

static void
emit_esp (Program *program, const SteerPlan *plan)
{
  emit (program, BPF_LD | BPF_B | BPF_ABS, 0, 0, 0);
  emit (program, BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1);
  emit_return (program, 2u * plan->n_shards);
  emit (program, BPF_ALU | BPF_SUB | BPF_K, 1, 0, 0);
  emit (program, BPF_ALU | BPF_MOD | BPF_K, plan->n_shards, 0, 0);
  emit (program, BPF_ALU | BPF_ADD | BPF_K, 2u * plan->n_shards, 0, 0);
  emit (program, BPF_RET | BPF_A, 0, 0, 0);
}

/* Goes on at @none when both words of the SPI at offset @spi are zero, else at the instruction
 * that follows; counted from there. */
static void
emit_is_zero (Program *program, guint32 spi, guint8 none)
{
  emit (program, BPF_LD | BPF_W | BPF_ABS, spi, 0, 0);
  emit (program, BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 2);
  emit (program, BPF_LD | BPF_W | BPF_ABS, spi + 4, 0, 0);
  emit (program, BPF_JMP | BPF_JEQ | BPF_K, 0, none, 0);
}

/* An IKE header at offset @at, whose length was tested.  The jumps are counted by hand: the
 * tree, which is long, comes last, and nothing jumps over it. */
static void
emit_ike (Program *program, const SteerPlan *plan, guint32 at)
{
  emit (program, BPF_LD | BPF_B | BPF_ABS, at + AT_FLAGS, 0, 0);
  emit (program, BPF_JMP | BPF_JSET | BPF_K, FLAG_INITIATOR, 6, 0);
  emit_is_zero (program, at + AT_SPI_INITIATOR, 8);
  emit (program, BPF_LD | BPF_B | BPF_ABS, at + AT_SPI_INITIATOR, 0, 0);
  emit (program, BPF_JMP | BPF_JA, 10, 0, 0);
  /* from the initiator */
  emit_is_zero (program, at + AT_SPI_RESPONDER, 2);
  emit (program, BPF_LD | BPF_B | BPF_ABS, at + AT_SPI_RESPONDER, 0, 0);
  emit (program, BPF_JMP | BPF_JA, 4, 0, 0);
  /* a first message */
  emit (program, BPF_LD | BPF_W | BPF_ABS, at + AT_SPI_INITIATOR + 4, 0, 0);
  emit (program, BPF_ALU | BPF_MOD | BPF_K, plan->n_shards, 0, 0);
  emit (program, BPF_ALU | BPF_ADD | BPF_K, plan->n_shards, 0, 0);
  emit (program, BPF_RET | BPF_A, 0, 0, 0);
  emit_tree (program, plan->buckets, 0, 255);
}

/* Lengths first: a load beyond the end of the datagram would end the program with socket 0. */
guint
steer_program (const SteerPlan *plan, struct sock_filter out[STEER_MAX])
{
  Program program = { out, 0 };
  guint32 at = plan->is_marked ? STEER_MARKER : 0;
  emit (&program, BPF_LD | BPF_W | BPF_LEN, 0, 0, 0);
  emit (&program, BPF_JMP | BPF_JGE | BPF_K, STEER_MARKER, 1, 0);
  emit_return (&program, plan->n_shards);
  if (plan->is_marked) {
    emit (&program, BPF_LD | BPF_W | BPF_ABS, 0, 0, 0);
    emit (&program, BPF_JMP | BPF_JEQ | BPF_K, 0, ESP_LENGTH, 0);
    emit_esp (&program, plan);
    emit (&program, BPF_LD | BPF_W | BPF_LEN, 0, 0, 0);
  }
  emit (&program, BPF_JMP | BPF_JGE | BPF_K, at + STEER_IKE_HEADER, 1, 0);
  emit_return (&program, plan->n_shards);
  emit_ike (&program, plan, at);
  return program.n;
}
