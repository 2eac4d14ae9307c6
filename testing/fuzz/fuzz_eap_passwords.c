/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_eap_passwords.c - conversations by the methods that know passwords, with somebody between.
 *
 * Input: the method, then for each packet that an end says what becomes of it: it passes, one byte
 * is changed, it is cut, or another takes its place.  Whatever comes, an end that fails says why,
 * and where both are content they have the same key.  It loads the plugins of the build tree that
 * IKE_TOP_BUILDDIR names. */
#include <string.h>

#include <ikebana/reader.h>

#include "shared/eap/test_talk.h"

enum { TURNS_MAX = 12, PASS = 0, CHANGE = 1, CUT = 2, REPLACE = 3 };

typedef struct {
  const char *server, *peer;
  gboolean fit; /* else they never agree: a method does not answer with a Nak, its host does */
} Method;

static const Method methods[] = {
  { "eap-server:mschapv2", "eap-peer:mschapv2", TRUE },
  { "eap-server:md5", "eap-peer:md5", TRUE },
  { "eap-server:gtc", "eap-peer:gtc", TRUE },
  { "eap-server:identity", "eap-peer:identity", TRUE },
  { "eap-server:dynamic", "eap-peer:mschapv2", TRUE },
  { "eap-server:dynamic", "eap-peer:md5", FALSE },
};

int LLVMFuzzerTestOneInput (const guint8 *data, gsize len);

static void
check (gboolean ok)
{
  if (!ok)
    __builtin_trap ();
}

static EapBench *
the_bench (void)
{
  static const char *const plugins[] = { "eap-dynamic", "eap-gtc",      "eap-identity",
                                         "eap-md5",     "eap-mschapv2", "crypto-openssl",
                                         NULL };
  static EapBench bench;

  if (!bench.engine)
    eap_bench_open (&bench, plugins,
                    "secrets { eap-c { id = carol\n secret = clientPass\n } }\n"
                    "plugins { eap-dynamic { methods = \"mschapv2, md5\"\n } }\n");
  return &bench;
}

/* What arrives of @said; g_free. */
static guint8 *
carry (const IkeEapStep *said, IkeReader *input, gsize *len, gboolean *is_changed)
{
  guint8 what = ike_reader_u8 (input) % 4, where, value;
  guint8 *packet = g_memdup2 (said->packet, said->len);
  const guint8 *other;

  *len = said->len;
  if (what == PASS)
    return packet;
  *is_changed = TRUE;
  where = ike_reader_u8 (input);
  if (what == CHANGE) {
    value = ike_reader_u8 (input);
    packet[where % *len] ^= value;
  } else if (what == CUT)
    *len -= where % *len;
  else if ((other = ike_reader_bytes (input, MIN (where, ike_reader_left (input))))) {
    *len = MIN (where, (gsize) (input->data + input->pos - other));
    g_free (packet);
    packet = g_memdup2 (*len ? other : (const guint8 *) "", MAX (*len, 1));
  }
  return packet;
}

static void
check_step (const IkeEapStep *step)
{
  check (!step->packet || (step->len >= IKE_EAP_HEADER_LEN && step->len <= IKE_EAP_PACKET_MAX));
  check (!step->packet || (gsize) (step->packet[2] << 8 | step->packet[3]) == step->len);
  check (step->outcome != IKE_EAP_FAILED || step->reason);
  check (!step->reason || g_utf8_validate (step->reason, -1, NULL));
  check (!step->msk || step->outcome == IKE_EAP_DONE);
}

/* Did all arrive as it was said? */
static gboolean
talk (EapEnd *server, EapEnd *peer, IkeReader *input)
{
  guint8 identifier = 1;
  gboolean is_changed = FALSE;
  const IkeEapStep *said = eap_end_step (server, NULL, 0, identifier);

  for (guint i = 0; i < TURNS_MAX && said->packet; i++) {
    gsize len;
    g_autofree guint8 *packet = carry (said, input, &len, &is_changed);

    said = i % 2 == 0 ? eap_end_step (peer, packet, len, 0)
                      : eap_end_step (server, packet, len, ++identifier);
    check_step (said);
  }
  return !is_changed;
}

static void
check_end (const EapEnd *server, const EapEnd *peer, gboolean is_true)
{
  const IkeEapStep *ours = server->last, *theirs = peer->last;

  check (!is_true || (theirs && ours->outcome == IKE_EAP_DONE && theirs->outcome == IKE_EAP_DONE));
  if (!theirs || ours->outcome != IKE_EAP_DONE || theirs->outcome != IKE_EAP_DONE)
    return;
  check ((ours->msk == NULL) == (theirs->msk == NULL));
  check (!ours->msk
         || memcmp (ike_secret_blob_data (ours->msk), ike_secret_blob_data (theirs->msk),
                    IKE_EAP_MSK_MIN)
                == 0);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize len)
{
  EapBench *bench = the_bench ();
  const Method *method;
  EapEnd server, peer;
  IkeReader input;

  ike_reader_init (&input, data, len);
  method = &methods[ike_reader_u8 (&input) % G_N_ELEMENTS (methods)];
  eap_end_open (&server, bench, method->server, "carol");
  eap_end_open (&peer, bench, method->peer, "carol");
  check_end (&server, &peer, talk (&server, &peer, &input) && method->fit);
  eap_end_close (&server);
  eap_end_close (&peer);
  return 0;
}
