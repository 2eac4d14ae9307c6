/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_spki.c - what a token says about its keys, and DER that is made of it.
 *
 * A byte that chooses, two for the length of the first piece, the pieces.
 *
 * Covers: plugins/pkcs11/spki.c */
#include <string.h>

#include <pkcs11/private.h>

int LLVMFuzzerTestOneInput (const guint8 *data, gsize len);

static void
check (gboolean ok)
{
  if (!ok)
    __builtin_trap ();
}

/* Content of the element that comes next; its length must be in the shortest form. */
static void
element (IkeReader *r, guint8 tag, IkeReader *content)
{
  gsize len;

  check (ike_reader_u8 (r) == tag);
  len = ike_reader_u8 (r);
  if (len == 0x81) {
    len = ike_reader_u8 (r);
    check (len >= 0x80);
  } else if (len == 0x82) {
    len = ike_reader_u16 (r);
    check (len >= 0x100);
  } else
    check (len < 0x80);
  check (ike_reader_sub (r, len, content));
}

static void
check_spki (GBytes *spki)
{
  IkeReader r, outer, algorithm, oid, bits;
  gsize len;
  const guint8 *data = g_bytes_get_data (spki, &len);

  ike_reader_init (&r, data, len);
  element (&r, 0x30, &outer);
  check (ike_reader_is_done (&r));
  element (&outer, 0x30, &algorithm);
  element (&outer, 0x03, &bits);
  check (ike_reader_is_done (&outer));
  element (&algorithm, 0x06, &oid);
  check (ike_reader_u8 (&bits) == 0 && ike_reader_left (&bits) > 0);
  g_bytes_unref (spki);
}

/* The number is there again: positive, without needless zeros. */
static void
check_number (IkeReader *r, const guint8 *data, gsize len)
{
  IkeReader number;

  element (r, 0x02, &number);
  for (; len && !data[0]; data++, len--)
    ;
  check (len > 0);
  if (data[0] & 0x80)
    check (ike_reader_u8 (&number) == 0);
  check (ike_reader_left (&number) == len
         && memcmp (ike_reader_bytes (&number, len), data, len) == 0);
}

static void
check_signature (const guint8 *raw, gsize len)
{
  g_autoptr (GBytes) value = ecdsa_sig_value (raw, len);
  IkeReader r, both;
  gsize value_len;
  const guint8 *data = value ? g_bytes_get_data (value, &value_len) : NULL;

  if (!data)
    return;
  check (len % 2 == 0 && len <= 132);
  ike_reader_init (&r, data, value_len);
  element (&r, 0x30, &both);
  check (ike_reader_is_done (&r));
  check_number (&both, raw, len / 2);
  check_number (&both, raw + len / 2, len / 2);
  check (ike_reader_is_done (&both));
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize len)
{
  IkeReader r;
  guint8 choice;
  gsize first_len;
  g_autoptr (GBytes) first = NULL, second = NULL;
  GBytes *spki;

  ike_reader_init (&r, data, len);
  choice = ike_reader_u8 (&r);
  first_len = ike_reader_u16 (&r);
  if (r.failed || first_len > ike_reader_left (&r))
    return 0;
  if (choice % 5 == 4) {
    check_signature (data + 3, len - 3);
    return 0;
  }
  /* Of their own, so that what reads beyond one is noticed. */
  first = g_bytes_new (data + 3, first_len);
  second = g_bytes_new (data + 3 + first_len, len - 3 - first_len);
  spki = choice % 5 == 0   ? spki_rsa (first, second)
         : choice % 5 == 3 ? spki_edwards (second)
                           : spki_ec (first, second, choice % 5 == 2);
  if (spki)
    check_spki (spki);
  return 0;
}
