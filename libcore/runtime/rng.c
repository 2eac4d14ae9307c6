/* SPDX-License-Identifier: Apache-2.0 */
/* rng.c - random bytes: the kernel's, or in simulation a sequence that the seed decides. */
#include "config.h"
#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include "runtime/loop_private.h"
#include "runtime/sim_private.h"

static guint64
splitmix (guint64 *state)
{
  guint64 z = (*state += G_GUINT64_CONSTANT (0x9e3779b97f4a7c15));

  z = (z ^ (z >> 30)) * G_GUINT64_CONSTANT (0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * G_GUINT64_CONSTANT (0x94d049bb133111eb);
  return z ^ (z >> 31);
}

/* One seed gives each engine a stream of its own, so that what one engine draws does not depend on
 * the others. */
void
ike_rng_seed (guint64 state[4], guint64 seed, guint64 stream)
{
  guint64 mix = seed;

  mix = splitmix (&mix) ^ (stream * G_GUINT64_CONSTANT (0xd1342543de82ef95));
  for (guint i = 0; i < 4; i++)
    state[i] = splitmix (&mix);
}

/* xoshiro256**, by David Blackman and Sebastiano Vigna, in the public domain: good statistics, no
 * secrecy; it only ever serves simulations. */
guint64
ike_rng_next (guint64 state[4])
{
  guint64 five = state[1] * 5, result = ((five << 7) | (five >> 57)) * 9, shifted = state[1] << 17;

  state[2] ^= state[0];
  state[3] ^= state[1];
  state[1] ^= state[2];
  state[0] ^= state[3];
  state[2] ^= shifted;
  state[3] = (state[3] << 45) | (state[3] >> 19);
  return result;
}

void
ike_rng_fill (guint64 state[4], void *out, gsize len)
{
  guint8 *at = out;

  while (len) {
    guint64 word = GUINT64_TO_LE (ike_rng_next (state));
    gsize n = MIN (len, sizeof word);

    memcpy (at, &word, n);
    at += n;
    len -= n;
  }
}

/* Nothing can go on without random bytes, and nothing from outside can bring this about:
 * getrandom(2) fails only where the system call is missing or forbidden, at the first use while
 * starting. */
static void
random_from_kernel (guint8 *out, gsize len)
{
  while (len) {
    ssize_t n = getrandom (out, len, 0);

    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      g_error ("no random bytes from the kernel: %s", g_strerror (errno));
    out += n;
    len -= (gsize) n;
  }
}

void
ike_engine_random (IkeEngine *engine, void *out, gsize len)
{
  if (engine->sim)
    ike_rng_fill (engine->runtime->rng, out, len);
  else
    random_from_kernel (out, len);
}
