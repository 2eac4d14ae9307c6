/* SPDX-License-Identifier: Apache-2.0 */
/* siphash.h - SipHash-2-4, a keyed hash for tables and digests of messages; internal, not installed.
 *
 * For whatever a peer chooses: with a key it does not know, it cannot make entries collide.  Not a MAC to send. */
#pragma once
#include <glib.h>

typedef struct {
  guint64 v[4];
  guint64 tail;                          /* bytes that do not fill a word yet, little endian */
  guint64 len;
  gboolean is_wide;
} IkeSipHash;

void    ike_siphash_init   (IkeSipHash *hash, const guint8 key[static 16], gboolean is_128);
void    ike_siphash_update (IkeSipHash *hash, const void *data, gsize len);
guint64 ike_siphash_end    (IkeSipHash *hash);                         /* of a 64-bit one */
void    ike_siphash_end128 (IkeSipHash *hash, guint8 out[static 16]);  /* of a 128-bit one */

guint64 ike_siphash    (const guint8 key[static 16], const void *data, gsize len);
void    ike_siphash128 (const guint8 key[static 16], const void *data, gsize len, guint8 out[static 16]);
