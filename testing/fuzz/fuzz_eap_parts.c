/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_eap_parts.c - what methods that tunnel in TLS parse themselves: fragments, AVPs of EAP-TTLS,
 * packets in the tunnel of PEAP.
 *
 * The first byte: 0 to 5, packets follow, each behind its length in one byte, for EAP-TLS, EAP-TTLS
 * and PEAP, as a server and as a peer; 6, AVPs; 7 and 8, what is in the tunnel, requests and
 * responses.
 *
 * Covers: plugins/shared/eap-tls/frames.c plugins/eap-ttls/avp.c plugins/eap-peap/inner.c */
#include <string.h>

#include "eap-peap/inner.h"
#include "eap-ttls/avp.h"
#include "shared/eap-tls/frames.h"

int LLVMFuzzerTestOneInput (const guint8 *data, size_t len);

static void
check (gboolean ok)
{
  if (!ok)
    __builtin_trap ();
}

/* Each packet is answered as an end would: what is whole goes back, cut again. */
static void
run_frames (guint how, IkeReader *r)
{
  static const guint8 types[] = { IKE_EAP_TYPE_TLS, IKE_EAP_TYPE_TTLS, IKE_EAP_TYPE_PEAP };
  EapFramesTaken taken = EAP_FRAMES_NEXT;
  EapFrames frames;

  eap_frames_init (&frames, types[how / 2], how % 2, EAP_FRAMES_SIZE_MIN);
  while (ike_reader_left (r) && taken != EAP_FRAMES_BAD) {
    gsize len = ike_reader_u8 (r), out_len;
    g_autofree guint8 *packet = NULL, *answer = NULL;
    const char *why = NULL;

    len = MIN (len, ike_reader_left (r));
    packet = g_memdup2 (ike_reader_bytes (r, len), len);
    taken = eap_frames_take (&frames, packet, len, &why);
    check ((taken == EAP_FRAMES_BAD) == (why != NULL));
    check (frames.in->len <= EAP_FRAMES_MESSAGE_MAX);
    if (taken == EAP_FRAMES_MESSAGE)
      eap_frames_put (&frames, frames.in->data, frames.in->len);
    answer = eap_frames_packet (&frames, 1, &out_len);
    check (out_len >= EAP_FRAMES_HEADER_LEN && out_len <= EAP_FRAMES_SIZE_MIN);
  }
  eap_frames_clear (&frames);
}

/* What was understood is written and read again. */
static void
run_avps (const guint8 *data, gsize len)
{
  g_autoptr (GByteArray) out = g_byte_array_new ();
  TtlsAvps avps, again;
  const char *why;

  if (!ttls_avps_read (data, len, &avps, &why)) {
    check (why != NULL);
    return;
  }
  if (!avps.user.data)
    return;
  ttls_avp_add (out, TTLS_USER, 0, avps.user.data, avps.user.len);
  check (ttls_avps_read (out->data, out->len, &again, &why));
  check (again.user.len == avps.user.len
         && memcmp (again.user.data, avps.user.data, avps.user.len) == 0);
}

static void
run_inner (const guint8 *data, gsize len, guint8 code)
{
  gsize out_len = 0;
  g_autofree guint8 *packet = peap_expand (data, len, code, 7, &out_len);
  const char *why;
  guint16 result;

  if (!packet)
    return;
  check (out_len >= IKE_EAP_HEADER_LEN && ((gsize) packet[2] << 8 | packet[3]) == out_len);
  if (peap_is_extensions (packet, out_len))
    check (peap_result_read (packet, out_len, &result, &why) == (why == NULL));
}

int
LLVMFuzzerTestOneInput (const guint8 *data, size_t len)
{
  g_autofree guint8 *copy = NULL;
  IkeReader r;

  if (len < 1 || len > IKE_EAP_PACKET_MAX)
    return 0;
  copy = g_memdup2 (data + 1, len - 1);
  ike_reader_init (&r, copy, len - 1);
  if (data[0] < 6)
    run_frames (data[0], &r);
  else if (data[0] == 6)
    run_avps (copy, len - 1);
  else if (data[0] < 9)
    run_inner (copy, len - 1, data[0] == 7 ? IKE_EAP_CODE_REQUEST : IKE_EAP_CODE_RESPONSE);
  return 0;
}
