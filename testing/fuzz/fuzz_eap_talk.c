/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_eap_talk.c - whole conversations by EAP-TLS, EAP-TTLS and PEAP, server against peer, whose
 * packets are changed on the way.  Needs IKE_TOP_BUILDDIR: the plugins are those of the build.
 *
 * The first byte is the method and the version of TLS; then for each packet one byte: below 128 it
 * passes; else it is changed: by a byte at a place (two bytes follow), or it is cut (one byte), or
 * other bytes follow instead, behind their length in one byte.
 *
 * Covers: plugins/shared/eap-tls/tunnel.c plugins/shared/eap-tls/inner.c plugins/eap-tls/eap_tls.c
 * plugins/eap-ttls/server.c plugins/eap-ttls/peer.c plugins/eap-peap/server.c
 * plugins/eap-peap/peer.c
 * plugins/tls/session.c */
#include <stdlib.h>
#include <string.h>

#include "shared/eap-tls/test_pair.h"

int LLVMFuzzerInitialize (int *argc, char ***argv);
int LLVMFuzzerTestOneInput (const guint8 *data, size_t len);

typedef struct {
  IkeReader r;
  gboolean is_changed;
} Script;

static void
check (gboolean ok)
{
  if (!ok)
    __builtin_trap ();
}

static void
replace (Script *script, guint8 *packet, gsize *len)
{
  gsize wanted = ike_reader_u8 (&script->r), n = MIN (wanted, ike_reader_left (&script->r));
  const guint8 *other = ike_reader_bytes (&script->r, n);

  /* Code, identifier and length are the host's to check. */
  n = MIN (n, *len - IKE_EAP_HEADER_LEN);
  if (n)
    memcpy (packet + IKE_EAP_HEADER_LEN, other, n);
  *len = IKE_EAP_HEADER_LEN + n;
}

static gboolean
change (EapPair *pair, gboolean by_server, guint8 *packet, gsize *len)
{
  Script *script = pair->data;
  guint8 how = ike_reader_u8 (&script->r);
  g_autofree guint8 *before = g_memdup2 (packet, *len);
  gsize before_len = *len, at, cut;

  if (how < 128)
    return TRUE;
  if (how < 192) {
    at = IKE_EAP_HEADER_LEN + ike_reader_u8 (&script->r) * 4u + (how & 3);
    packet[MIN (at, *len - 1)] ^= ike_reader_u8 (&script->r);
  } else if (how < 224) {
    cut = ike_reader_u8 (&script->r);
    *len = *len > IKE_EAP_HEADER_LEN + cut ? *len - cut : IKE_EAP_HEADER_LEN;
  } else
    replace (script, packet, len);
  script->is_changed |= *len != before_len || memcmp (before, packet, *len) != 0;
  return TRUE;
}

int
LLVMFuzzerInitialize (int *argc, char ***argv)
{
  atexit (eap_pair_clear);
  return 0;
}

int
LLVMFuzzerTestOneInput (const guint8 *data, size_t len)
{
  static const char *const plugins[] = { "eap-tls",      "eap-ttls", "eap-peap",
                                         "eap-identity", "eap-md5",  NULL };
  static const char *const methods[] = { "tls", "ttls", "peap" };
  static const char settings[][160] = {
    "eap-tls { max_version = 1.2 }\n eap-ttls { max_version = 1.2\n phase2_method = md5 }\n"
    "eap-peap { max_version = 1.2\n phase2_method = md5 }\n",
    "eap-tls { min_version = 1.3 }\n eap-ttls { min_version = 1.3\n phase2 = pap }\n"
    "eap-peap { min_version = 1.3\n phase2_method = md5 }\n"
  };
  Script script = { .is_changed = FALSE };
  EapPair pair;

  if (len < 1 || len > 4096)
    return 0;
  eap_pair_open (&pair,
                 &(EapPairOptions){
                     .method = methods[data[0] % 3],
                     .settings = settings[data[0] / 3 % 2],
                     .connections = "secrets { eap-client { id = client@test\n secret = x } }\n",
                     .plugins = plugins,
                     .identity = "client@test" });
  ike_reader_init (&script.r, data + 1, len - 1);
  pair.tamper = change;
  pair.data = &script;
  eap_pair_run (&pair);
  if (pair.server.is_done && pair.peer.is_done)
    check (ike_secret_blob_len (pair.server.msk) == ike_secret_blob_len (pair.peer.msk)
           && ike_equal (ike_secret_blob_data (pair.server.msk),
                         ike_secret_blob_data (pair.peer.msk), IKE_EAP_MSK_MIN));
  check (script.is_changed || (pair.server.is_done && pair.peer.is_done));
  eap_pair_close (&pair);
  return 0;
}
