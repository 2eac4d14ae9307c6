/* SPDX-License-Identifier: Apache-2.0 */
/* fake_crypto.c - stands in for crypto/ in the tests of proposals: an "engine" is a list of what
 * nobody offers. */
#include "tests/fake_crypto.h"

static gboolean
is_missing (IkeEngine *engine, guint8 type, guint16 id)
{
  const FakeEngine *fake = (const FakeEngine *) engine;

  return fake && fake->type == type && (fake->id == id || fake->id == G_MAXUINT16);
}

static const IkeAeadClass aead_128 = { .struct_size = sizeof aead_128,
                                       .key_len = 16,
                                       .salt_len = 4 };
static const IkeAeadClass aead_256 = { .struct_size = sizeof aead_256,
                                       .key_len = 32,
                                       .salt_len = 4 };
static const IkeCipherClass cipher = { .struct_size = sizeof cipher, .key_len = 16, .salt_len = 0 };
static const IkeIntegClass integ = { .struct_size = sizeof integ, .key_len = 32 };

const IkeAead *
ike_aead_find (IkeEngine *engine, guint16 transform, guint16 key_bits)
{
  return is_missing (engine, 1, transform)
             ? NULL
             : (const IkeAead *) (key_bits == 128 ? &aead_128 : &aead_256);
}

const IkeCipher *
ike_cipher_find (IkeEngine *engine, guint16 transform, guint16 key_bits)
{
  return is_missing (engine, 1, transform) ? NULL : (const IkeCipher *) &cipher;
}

const IkeInteg *
ike_integ_find (IkeEngine *engine, guint16 transform)
{
  return is_missing (engine, 3, transform) ? NULL : (const IkeInteg *) &integ;
}

const IkePrf *
ike_prf_find (IkeEngine *engine, guint16 transform)
{
  return is_missing (engine, 2, transform) ? NULL : (const IkePrf *) engine;
}

const IkeKe *
ike_ke_find (IkeEngine *engine, guint16 transform)
{
  return is_missing (engine, 4, transform) ? NULL : (const IkeKe *) engine;
}

const IkeAeadClass *
ike_aead_class (const IkeAead *aead)
{
  return (const IkeAeadClass *) aead;
}

const IkeCipherClass *
ike_cipher_class (const IkeCipher *found)
{
  return (const IkeCipherClass *) found;
}

const IkeIntegClass *
ike_integ_class (const IkeInteg *found)
{
  return (const IkeIntegClass *) found;
}
