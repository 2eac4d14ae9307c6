/* SPDX-License-Identifier: Apache-2.0 */
/* dice.c - a generator of the scenario's own (splitmix64), so that what is drawn for the script
 * does not depend on what the engines draw. */
#include "sim.h"

guint64
dice_next (Dice *dice)
{
  guint64 z = dice->state += G_GUINT64_CONSTANT (0x9e3779b97f4a7c15);

  z = (z ^ z >> 30) * G_GUINT64_CONSTANT (0xbf58476d1ce4e5b9);
  z = (z ^ z >> 27) * G_GUINT64_CONSTANT (0x94d049bb133111eb);
  return z ^ z >> 31;
}

guint
dice_below (Dice *dice, guint n)
{
  return (guint) (dice_next (dice) % MAX (n, 1));
}

guint
dice_range (Dice *dice, guint low, guint high)
{
  return low + dice_below (dice, high - low + 1);
}

gboolean
dice_chance (Dice *dice, guint per_cent)
{
  return dice_below (dice, 100) < per_cent;
}
