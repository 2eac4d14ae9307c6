/* SPDX-License-Identifier: Apache-2.0 */
/* test_steer.c - the program that the kernel runs decides like the C function, for every kind of
 * datagram. */
#include <string.h>
#include "steer.h"

/* The few instructions that the generator uses, as Documentation/networking/filter.txt of Linux
 * defines them. */
static guint32
interpret (const struct sock_filter *program, guint n, const guint8 *data, gsize len)
{
  guint32 a = 0;
  for (guint pc = 0; pc < n; pc++) {
    const struct sock_filter *i = &program[pc];
    switch (i->code) {
    case BPF_LD | BPF_W | BPF_LEN:
      a = (guint32) len;
      break;
    case BPF_LD | BPF_B | BPF_ABS:
      if ((gsize) i->k + 1 > len)
        return 0;
      a = data[i->k];
      break;
    case BPF_LD | BPF_W | BPF_ABS:
      if ((gsize) i->k + 4 > len)
        return 0;
      a = (guint32) data[i->k] << 24 | (guint32) data[i->k + 1] << 16
          | (guint32) data[i->k + 2] << 8 | data[i->k + 3];
      break;
    case BPF_ALU | BPF_RSH | BPF_K:
      a >>= i->k;
      break;
    case BPF_ALU | BPF_SUB | BPF_K:
      a -= i->k;
      break;
    case BPF_ALU | BPF_ADD | BPF_K:
      a += i->k;
      break;
    case BPF_ALU | BPF_MOD | BPF_K:
      a %= i->k;
      break;
    case BPF_JMP | BPF_JA:
      pc += i->k;
      break;
    case BPF_JMP | BPF_JEQ | BPF_K:
      pc += a == i->k ? i->jt : i->jf;
      break;
    case BPF_JMP | BPF_JGE | BPF_K:
      pc += a >= i->k ? i->jt : i->jf;
      break;
    case BPF_JMP | BPF_JSET | BPF_K:
      pc += a & i->k ? i->jt : i->jf;
      break;
    case BPF_RET | BPF_K:
      return i->k;
    case BPF_RET | BPF_A:
      return a;
    default:
      g_error ("instruction %u: code %#x is not known", pc, i->code);
    }
  }
  g_error ("ran off the end of the program");
}

static void
fill_plan (SteerPlan *plan, GRand *rand, guint n_shards, gboolean is_random)
{
  plan->n_shards = (guint8) n_shards;
  plan->is_marked = (guint8) g_rand_int_range (rand, 0, 2);
  for (guint i = 0; i < 256; i++)
    plan->buckets[i] =
        (guint8) (is_random ? (guint) g_rand_int_range (rand, 0, (gint) n_shards) : i % n_shards);
}

static gsize
random_datagram (GRand *rand, const SteerPlan *plan, guint8 *out, gsize room)
{
  gsize len = (gsize) g_rand_int_range (rand, 0, (gint) room);
  gsize at = plan->is_marked ? STEER_MARKER : 0;
  for (gsize i = 0; i < len; i++)
    out[i] = (guint8) g_rand_int (rand);
  if (plan->is_marked && g_rand_int_range (rand, 0, 4) != 0)
    memset (out, 0, MIN (len, STEER_MARKER));
  if (len >= at + STEER_IKE_HEADER) {
    if (g_rand_boolean (rand))
      memset (out + at + 8, 0, 8);
    if (g_rand_int_range (rand, 0, 4) == 0)
      memset (out + at, 0, 8);
    if (g_rand_int_range (rand, 0, 4) == 0)
      memset (out + at, 0, 4);
  }
  return len;
}

/* The rule of ike_input_shard(): the Initiator flag says which SPI is ours; none yet: any shard. */
static int
shard_by_the_rule (const SteerPlan *plan, const guint8 *header)
{
  guint first = header[19] & 0x08 ? 8 : 0;
  for (guint i = 0; i < 8; i++) {
    if (header[first + i] != 0)
      return plan->buckets[header[first]];
  }
  return -1;
}

static void
assert_follows_the_rule (const SteerPlan *plan, const guint8 *data, gsize len, guint index)
{
  gsize at = plan->is_marked ? STEER_MARKER : 0;
  int shard;
  g_assert_cmpuint (index, <, 3u * plan->n_shards);
  if (len < at + STEER_IKE_HEADER
      || (plan->is_marked && memcmp (data, "\0\0\0\0", STEER_MARKER) != 0))
    return;
  shard = shard_by_the_rule (plan, data + at);
  if (shard >= 0)
    g_assert_cmpuint (index, ==, shard);
  else
    g_assert_cmpuint (index / plan->n_shards, ==, 1);
}

static void
test_program_decides_like_the_function (void)
{
  static const guint n_shards[] = { 1, 2, 3, 8, 64, 255 };
  g_autoptr (GRand) rand = g_rand_new_with_seed (7296);
  struct sock_filter program[STEER_MAX];
  for (guint round = 0; round < 60; round++) {
    SteerPlan plan;
    guint n;
    fill_plan (&plan, rand, n_shards[round % G_N_ELEMENTS (n_shards)], round >= 12);
    n = steer_program (&plan, program);
    g_assert_cmpuint (n, <=, STEER_MAX);
    for (guint i = 0; i < 2000; i++) {
      guint8 data[64];
      gsize len = random_datagram (rand, &plan, data, sizeof data);
      g_assert_cmpuint (interpret (program, n, data, len), ==, steer_decide (&plan, data, len));
      assert_follows_the_rule (&plan, data, len, steer_decide (&plan, data, len));
    }
  }
}

static void
test_kinds_go_where_they_belong (void)
{
  SteerPlan plan = { .is_marked = TRUE, .n_shards = 4 };
  guint8 data[40] = { 0 };
  guint8 *header = data + STEER_MARKER;
  for (guint i = 0; i < 256; i++)
    plan.buckets[i] = i % 4;
  header[0] = 6;
  header[7] = 3;
  header[17] = 0x20;
  header[19] = 0x08;
  g_assert_cmpuint (steer_decide (&plan, data, sizeof data), ==, 4 + 3); /* IKE_SA_INIT request */
  header[8] = 9;
  g_assert_cmpuint (steer_decide (&plan, data, sizeof data), ==,
                    1); /* from the initiator: SPIr is ours */
  header[19] = 0;
  g_assert_cmpuint (steer_decide (&plan, data, sizeof data), ==,
                    2); /* from the responder: SPIi is ours */
  memset (header, 0, 8);
  g_assert_cmpuint (steer_decide (&plan, data, sizeof data), ==, 4);          /* no SPI of ours */
  g_assert_cmpuint (steer_decide (&plan, data, STEER_MARKER + 27), ==, 4);    /* short */
  g_assert_cmpuint (steer_decide (&plan, (const guint8 *) "\xff", 1), ==, 4); /* keepalive */
  data[0] = 3;
  g_assert_cmpuint (steer_decide (&plan, data, sizeof data), ==, 8 + 2); /* ESP of loop 2 */
  data[0] = 0;
  data[1] = 1;
  g_assert_cmpuint (steer_decide (&plan, data, sizeof data), ==, 8); /* ESP of nobody */
}

static void
test_one_shard_needs_no_tree (void)
{
  SteerPlan plan = { .is_marked = TRUE, .n_shards = 1 };
  struct sock_filter program[STEER_MAX];
  g_assert_cmpuint (steer_program (&plan, program), <, 40);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/net-udp/steer/program-decides-like-the-function",
                   test_program_decides_like_the_function);
  g_test_add_func ("/net-udp/steer/kinds-go-where-they-belong", test_kinds_go_where_they_belong);
  g_test_add_func ("/net-udp/steer/one-shard-needs-no-tree", test_one_shard_needs_no_tree);
  return g_test_run ();
}
