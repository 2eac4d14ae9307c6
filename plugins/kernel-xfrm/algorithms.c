/* SPDX-License-Identifier: Apache-2.0 */
/* algorithms.c - transforms of IKE and what the kernel calls them.
 *
 * The kernel has no CTR or CCM of Camellia for ESP, no GMAC for AH (RFC 4543, 3), and none of the
 * ciphers with an implicit IV (RFC 8750). */
#include "config.h"
#include "algorithms.h"

#define ICV(id, bits, name, icv, key)                                                              \
  {                                                                                                \
    id, bits, XFRM_AEAD, icv, key, name                                                            \
  }
#define CBC(id, bits, name, key)                                                                   \
  {                                                                                                \
    id, bits, XFRM_CIPHER, 0, key, name                                                            \
  }

static const XfrmEncr encrs[] = {
  ICV (20, 128, "rfc4106(gcm(aes))", 128, 20), ICV (20, 192, "rfc4106(gcm(aes))", 128, 28),
  ICV (20, 256, "rfc4106(gcm(aes))", 128, 36), ICV (19, 128, "rfc4106(gcm(aes))", 96, 20),
  ICV (19, 192, "rfc4106(gcm(aes))", 96, 28),  ICV (19, 256, "rfc4106(gcm(aes))", 96, 36),
  ICV (18, 128, "rfc4106(gcm(aes))", 64, 20),  ICV (18, 192, "rfc4106(gcm(aes))", 64, 28),
  ICV (18, 256, "rfc4106(gcm(aes))", 64, 36),  ICV (14, 128, "rfc4309(ccm(aes))", 64, 19),
  ICV (14, 192, "rfc4309(ccm(aes))", 64, 27),  ICV (14, 256, "rfc4309(ccm(aes))", 64, 35),
  ICV (15, 128, "rfc4309(ccm(aes))", 96, 19),  ICV (15, 192, "rfc4309(ccm(aes))", 96, 27),
  ICV (15, 256, "rfc4309(ccm(aes))", 96, 35),  ICV (16, 128, "rfc4309(ccm(aes))", 128, 19),
  ICV (16, 192, "rfc4309(ccm(aes))", 128, 27), ICV (16, 256, "rfc4309(ccm(aes))", 128, 35),
  ICV (21, 128, "rfc4543(gcm(aes))", 128, 20), ICV (21, 192, "rfc4543(gcm(aes))", 128, 28),
  ICV (21, 256, "rfc4543(gcm(aes))", 128, 36),
  ICV (28, 0, "rfc7539esp(chacha20,poly1305)", 128, 36),
  ICV (28, 256, "rfc7539esp(chacha20,poly1305)", 128, 36),
  CBC (12, 128, "cbc(aes)", 16), CBC (12, 192, "cbc(aes)", 24), CBC (12, 256, "cbc(aes)", 32),
  CBC (13, 128, "rfc3686(ctr(aes))", 20), CBC (13, 192, "rfc3686(ctr(aes))", 28),
  CBC (13, 256, "rfc3686(ctr(aes))", 36), CBC (23, 128, "cbc(camellia)", 16),
  CBC (23, 192, "cbc(camellia)", 24), CBC (23, 256, "cbc(camellia)", 32),
  CBC (3, 0, "cbc(des3_ede)", 24), CBC (2, 0, "cbc(des)", 8),
  CBC (6, 128, "cbc(cast5)", 16), CBC (7, 128, "cbc(blowfish)", 16),
  CBC (7, 192, "cbc(blowfish)", 24), CBC (7, 256, "cbc(blowfish)", 32),
  CBC (11, 0, "ecb(cipher_null)", 0), CBC (6, 0, "cbc(cast5)", 16),
};
G_STATIC_ASSERT (G_N_ELEMENTS (encrs) == XFRM_N_ENCR);

static const XfrmInteg integs[] = {
  { 12, 32, 128, "hmac(sha256)" }, { 13, 48, 192, "hmac(sha384)" }, { 14, 64, 256, "hmac(sha512)" },
  { 2, 20, 96, "hmac(sha1)" },     { 7, 20, 160, "hmac(sha1)" },    { 1, 16, 96, "hmac(md5)" },
  { 6, 16, 128, "hmac(md5)" },     { 5, 16, 96, "xcbc(aes)" },      { 8, 16, 96, "cmac(aes)" },
};
G_STATIC_ASSERT (G_N_ELEMENTS (integs) == XFRM_N_INTEG);

const XfrmEncr *
xfrm_encr_nth (guint i)
{
  return i < G_N_ELEMENTS (encrs) ? &encrs[i] : NULL;
}

const XfrmInteg *
xfrm_integ_nth (guint i)
{
  return i < G_N_ELEMENTS (integs) ? &integs[i] : NULL;
}

const XfrmEncr *
xfrm_encr_find (const IkeTransform *transform)
{
  for (guint i = 0; i < G_N_ELEMENTS (encrs); i++)
    if (transform->type == IKE_TRANSFORM_ENCR && encrs[i].id == transform->id
        && encrs[i].key_bits == transform->key_bits)
      return &encrs[i];
  return NULL;
}

const XfrmInteg *
xfrm_integ_find (const IkeTransform *transform)
{
  for (guint i = 0; i < G_N_ELEMENTS (integs); i++)
    if (transform->type == IKE_TRANSFORM_INTEG && integs[i].id == transform->id)
      return &integs[i];
  return NULL;
}
