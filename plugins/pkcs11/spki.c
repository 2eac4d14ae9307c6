/* SPDX-License-Identifier: Apache-2.0 */
/* spki.c - the few pieces of DER that a token's numbers are put into.
 *
 * Written from the end to the beginning, so that every length is known when its turn comes. */
#include <string.h>

#include "private.h"

enum {
  TAG_INTEGER = 0x02,
  TAG_BIT_STRING = 0x03,
  TAG_OCTET_STRING = 0x04,
  TAG_OID = 0x06,
  TAG_SEQUENCE = 0x30,
  DER_SIZE = MAX_MODULUS + 512,
  MAX_POINT = 1024,
  ED25519_LEN = 32,
  ED448_LEN = 57,
  /* Order of P-521; the longest there is. */
  MAX_ECDSA_HALF = 66,
};

typedef struct {
  guint8 data[DER_SIZE];
  gsize at; /* what is written begins here */
  gboolean failed;
} Der;

static void
der_init (Der *der)
{
  der->at = sizeof der->data;
  der->failed = FALSE;
}

static void
der_put (Der *der, const void *data, gsize len)
{
  if (der->failed || len > der->at) {
    der->failed = TRUE;
    return;
  }
  der->at -= len;
  if (len)
    memcpy (der->data + der->at, data, len);
}

static void
der_put_u8 (Der *der, guint8 value)
{
  der_put (der, &value, 1);
}

/* Tag and length before everything written since @mark was der->at. */
static void
der_close (Der *der, guint8 tag, gsize mark)
{
  gsize len = mark - der->at;

  if (der->failed)
    return;
  if (len < 0x80)
    der_put_u8 (der, (guint8) len);
  else if (len <= 0xff)
    der_put (der, (const guint8[]){ 0x81, (guint8) len }, 2);
  else
    der_put (der, (const guint8[]){ 0x82, (guint8) (len >> 8), (guint8) len }, 3);
  der_put_u8 (der, tag);
}

/* A positive INTEGER; zero is none that a key or signature could have. */
static void
der_put_number (Der *der, const guint8 *data, gsize len)
{
  gsize mark = der->at;

  for (; len && data[0] == 0; data++, len--)
    ;
  if (!len) {
    der->failed = TRUE;
    return;
  }
  der_put (der, data, len);
  if (data[0] & 0x80)
    der_put_u8 (der, 0);
  der_close (der, TAG_INTEGER, mark);
}

static GBytes *
der_bytes (const Der *der)
{
  return der->failed ? NULL : g_bytes_new (der->data + der->at, sizeof der->data - der->at);
}

/* The BIT STRING around what was written since @mark, then the AlgorithmIdentifier whose content
 * is given, then the SEQUENCE around both. */
static GBytes *
spki_close (Der *der, const IkePart *algorithm, guint n)
{
  gsize end = sizeof der->data, mark;

  der_put_u8 (der, 0);
  der_close (der, TAG_BIT_STRING, end);
  mark = der->at;
  while (n--)
    der_put (der, algorithm[n].data, algorithm[n].len);
  der_close (der, TAG_SEQUENCE, mark);
  der_close (der, TAG_SEQUENCE, end);
  return der_bytes (der);
}

static IkePart
part_of (GBytes *bytes)
{
  IkePart part = { NULL, 0 };

  if (bytes)
    part.data = g_bytes_get_data (bytes, &part.len);
  return part;
}

GBytes *
spki_rsa (GBytes *modulus, GBytes *exponent)
{
  /* rsaEncryption 1.2.840.113549.1.1.1, NULL */
  static const guint8 rsa[] = { 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7,
                                0x0d, 0x01, 0x01, 0x01, 0x05, 0x00 };
  IkePart n = part_of (modulus), e = part_of (exponent), algorithm = { rsa, sizeof rsa };
  Der der;

  der_init (&der);
  der_put_number (&der, e.data, e.len);
  der_put_number (&der, n.data, n.len);
  der_close (&der, TAG_SEQUENCE, sizeof der.data);
  return spki_close (&der, &algorithm, 1);
}

/* What an OCTET STRING holds that is all of @part; FALSE when it is none. */
static gboolean
octet_string (IkePart part, IkePart *content)
{
  IkeReader r;
  gsize len;

  ike_reader_init (&r, part.data, part.len);
  if (ike_reader_u8 (&r) != TAG_OCTET_STRING)
    return FALSE;
  len = ike_reader_u8 (&r);
  if (len == 0x81) {
    len = ike_reader_u8 (&r);
    if (len < 0x80)
      return FALSE;
  } else if (len == 0x82) {
    len = ike_reader_u16 (&r);
    if (len < 0x100)
      return FALSE;
  } else if (len >= 0x80)
    return FALSE;
  content->len = len;
  content->data = ike_reader_bytes (&r, len);
  return ike_reader_is_done (&r);
}

/* RFC 5480, 2.1.1: of the three forms of parameters PKIX allows namedCurve alone, which is one
 * OBJECT IDENTIFIER. */
static gboolean
is_named_curve (IkePart params)
{
  return params.len > 2 && params.len < 0x80 && params.data[0] == TAG_OID
         && params.data[1] == params.len - 2;
}

GBytes *
spki_ec (GBytes *params, GBytes *point, gboolean is_raw)
{
  /* id-ecPublicKey 1.2.840.10045.2.1 */
  static const guint8 ec[] = { 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01 };
  IkePart algorithm[] = { { ec, sizeof ec }, part_of (params) }, content = part_of (point);
  Der der;

  if (!is_named_curve (algorithm[1]) || content.len > MAX_POINT)
    return NULL;
  if (!is_raw && !octet_string (content, &content))
    return NULL;
  /* SEC 1, 2.3.3: 02 and 03 for a compressed point, 04 for a whole one. */
  if (content.len < 2 || content.data[0] < 2 || content.data[0] > 4)
    return NULL;
  der_init (&der);
  der_put (&der, content.data, content.len);
  return spki_close (&der, algorithm, G_N_ELEMENTS (algorithm));
}

GBytes *
spki_edwards (GBytes *point)
{
  /* RFC 8410, 3: id-Ed25519 1.3.101.112, id-Ed448 1.3.101.113; "the parameters MUST be absent". */
  static const guint8 ed25519[] = { 0x06, 0x03, 0x2b, 0x65, 0x70 },
                      ed448[] = { 0x06, 0x03, 0x2b, 0x65, 0x71 };
  IkePart content = part_of (point), inner, algorithm = { ed25519, sizeof ed25519 };
  Der der;

  if (content.len != ED25519_LEN && content.len != ED448_LEN && octet_string (content, &inner))
    content = inner;
  if (content.len != ED25519_LEN && content.len != ED448_LEN)
    return NULL;
  if (content.len == ED448_LEN)
    algorithm.data = ed448;
  der_init (&der);
  der_put (&der, content.data, content.len);
  return spki_close (&der, &algorithm, 1);
}

GBytes *
ecdsa_sig_value (const guint8 *raw, gsize len)
{
  Der der;

  if (len == 0 || len % 2 || len / 2 > MAX_ECDSA_HALF)
    return NULL;
  der_init (&der);
  der_put_number (&der, raw + len / 2, len / 2);
  der_put_number (&der, raw, len / 2);
  der_close (&der, TAG_SEQUENCE, sizeof der.data);
  return der_bytes (&der);
}
