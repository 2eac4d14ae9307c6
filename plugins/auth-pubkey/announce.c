/* SPDX-License-Identifier: Apache-2.0 */
/* announce.c - what each side can verify: SIGNATURE_HASH_ALGORITHMS (RFC 7427, 4) and
 * SUPPORTED_AUTH_METHODS (RFC 9593, 3). */
#include "pubkey.h"

/* -- hashes */

guint32
pubkey_our_hashes (Pubkey *pubkey)
{
  guint32 hashes = 0;
  const IkeSigScheme *scheme;

  for (guint i = 0;
       pubkey->knows_signatures && (scheme = pubkey->pki->scheme (pubkey->pki_at->plugin, i)); i++)
    if (scheme->method == IKE_AUTH_SIGNATURE && scheme->hash_id != IKE_SIGHASH_SHA1)
      hashes |= 1u << scheme->hash_id;
  return hashes;
}

/* Both sides send it where a connection may authenticate by signature; a responder only to who
 * knows it. */
static gboolean
send_hashes (IkePlugin *self, IkeSa *sa, IkeExchange *x, IkeWriter *out)
{
  Pubkey *pubkey = ike_plugin_state (self);
  const IkeConn *conn = ike_sa_conn (sa);
  const PubkeyPeer *peer = ike_sa_slot (sa, pubkey->slot);
  guint32 hashes = pubkey_our_hashes (pubkey);
  guint16 list[32];
  guint n = 0;

  if (hashes == 0)
    return FALSE;
  if (ike_exchange_is_initiator (x)
          ? !pubkey_has_ours (pubkey, conn->local, conn->n_local)
                && !pubkey_has_ours (pubkey, conn->remote, conn->n_remote)
          : !peer || !peer->has_hashes)
    return FALSE;
  for (guint i = 0; i < 32; i++)
    if (hashes >> i & 1)
      list[n++] = GUINT16_TO_BE ((guint16) i);
  ike_notify_write (out, 0, PUBKEY_N_SIGNATURE_HASH_ALGORITHMS, NULL, 0, list, n * sizeof *list);
  return TRUE;
}

/* "The Notification Data field contains the list of 16-bit hash algorithm identifiers"; what we do
 * not know is no reason to complain. */
void
pubkey_read_hashes (PubkeyPeer *peer, const IkeNotify *notify)
{
  IkeReader r;

  peer->has_hashes = notify != NULL && peer->pubkey->knows_signatures;
  peer->hashes = 0;
  if (!peer->has_hashes)
    return;
  ike_reader_init (&r, notify->data, notify->len);
  while (ike_reader_left (&r) >= 2) {
    guint16 hash = ike_reader_u16 (&r);
    if (hash < 32)
      peer->hashes |= 1u << hash;
  }
}

/* -- methods */

/* RFC 9593, 3.2: an announcement is "Length", "Auth Method", "Cert Link" (here always 0: it is tied
 * to no CA) and, for digital signatures, the AlgorithmIdentifier. */
static void
write_announcement (IkeWriter *w, const IkeSigScheme *scheme)
{
  const IkePart *algorithm = &scheme->algorithms[0];
  gsize len = scheme->method == IKE_AUTH_SIGNATURE ? algorithm->len : 0;

  ike_writer_u8 (w, (guint8) (3 + len));
  ike_writer_u8 (w, scheme->method);
  ike_writer_u8 (w, 0);
  ike_writer_bytes (w, algorithm->data, len);
}

/* RFC 9593, 3.1: the responder announces in the IKE_SA_INIT response; the initiator, who knows then
 * that it is understood, in IKE_AUTH. */
static gboolean
is_my_turn (IkeExchange *x)
{
  gboolean is_init = g_str_equal (ike_exchange_name (x), "IKE_SA_INIT");

  return is_init != (gboolean) ike_exchange_is_initiator (x);
}

static gboolean
send_methods (IkePlugin *self, IkeSa *sa, IkeExchange *x, IkeWriter *out)
{
  Pubkey *pubkey = ike_plugin_state (self);
  const IkeAuthConf *conf = ike_sa_auth_conf (sa, FALSE);
  const PubkeyPeer *peer = ike_sa_slot (sa, pubkey->slot);
  const IkeSigScheme *scheme;
  guint64 seen = 0;
  guint8 data[1024];
  PubkeyConf rules;
  IkeWriter w;

  if (!pubkey->wants_announcements || !is_my_turn (x) || !pubkey_is_ours (pubkey, conf)
      || (ike_exchange_is_initiator (x) && (!peer || !peer->has_announced)))
    return FALSE;
  pubkey_conf_read (pubkey, conf, FALSE, &rules);
  ike_writer_init (&w, data, sizeof data);
  for (guint i = 0; (scheme = pubkey->pki->scheme (pubkey->pki_at->plugin, i)); i++) {
    /* One announcement for each older method, whatever it may hash. */
    gboolean is_said = scheme->method != IKE_AUTH_SIGNATURE && seen >> scheme->method & 1;
    if (is_said || !pubkey_rule_takes_scheme (&rules.constraint.ike, scheme)
        || (scheme->method == IKE_AUTH_SIGNATURE && scheme->hash_id == IKE_SIGHASH_SHA1))
      continue;
    seen |= G_GUINT64_CONSTANT (1) << scheme->method;
    write_announcement (&w, scheme);
  }
  pubkey_conf_clear (&rules);
  if (w.failed || w.len == 0)
    return FALSE;
  ike_notify_write (out, 0, PUBKEY_N_SUPPORTED_AUTH_METHODS, NULL, 0, data, w.len);
  return TRUE;
}

static gboolean
is_algorithm (const IkeSigScheme *scheme, const guint8 *data, gsize len)
{
  for (guint i = 0; scheme->algorithms[i].data; i++)
    if (scheme->algorithms[i].len == len && memcmp (scheme->algorithms[i].data, data, len) == 0)
      return TRUE;
  return FALSE;
}

static guint64
schemes_of (Pubkey *pubkey, guint8 method, const guint8 *algorithm, gsize len)
{
  const IkeSigScheme *scheme;
  guint64 found = 0;

  for (guint i = 0;
       i < PUBKEY_SCHEMES_MAX && (scheme = pubkey->pki->scheme (pubkey->pki_at->plugin, i)); i++)
    if (scheme->method == method
        && (method != IKE_AUTH_SIGNATURE || is_algorithm (scheme, algorithm, len)))
      found |= G_GUINT64_CONSTANT (1) << i;
  return found;
}

/* A broken announcement ends the list, which is advice: what was read before it counts. */
static void
read_announcements (PubkeyPeer *peer, const IkeNotify *notify)
{
  IkeReader r, one;

  ike_reader_init (&r, notify->data, notify->len);
  while (ike_reader_left (&r)) {
    guint8 len = ike_reader_u8 (&r);
    if (len < 2 || !ike_reader_sub (&r, len - 1, &one))
      return;
    guint8 method = ike_reader_u8 (&one);
    if (ike_reader_left (&one))
      ike_reader_u8 (&one); /* to which CA it is tied */
    gsize rest = ike_reader_left (&one);
    peer->announced |= schemes_of (peer->pubkey, method, ike_reader_bytes (&one, rest), rest);
  }
}

void
pubkey_read_methods (PubkeyPeer *peer, IkeExchange *x)
{
  const IkeNotify *notify;

  for (guint i = 0; (notify = ike_exchange_record (x, PUBKEY_N_SUPPORTED_AUTH_METHODS, i)); i++) {
    if (i == 0)
      peer->announced = 0;
    peer->has_announced = TRUE;
    read_announcements (peer, notify);
  }
}

/* -- the classes */

static const IkeNotifyClass hashes_notify = {
  .struct_size = sizeof (IkeNotifyClass),
  .type = PUBKEY_N_SIGNATURE_HASH_ALGORITHMS,
  .max_len = 512,
  .max_count = 1,
  .exchanges = "IKE_SA_INIT",
  .send = send_hashes,
};

static const IkeNotifyClass methods_notify = {
  .struct_size = sizeof (IkeNotifyClass),
  .type = PUBKEY_N_SUPPORTED_AUTH_METHODS,
  .max_len = 4096,
  .max_count = 4,
  .exchanges = "IKE_SA_INIT IKE_AUTH",
  .send = send_methods,
};

const IkeFeature pubkey_hashes_feature = {
  .struct_size = sizeof (IkeFeature),
  .provides = "notify:SIGNATURE_HASH_ALGORITHMS",
  .ops = &hashes_notify,
  .needs = pubkey_needs,
};
const IkeFeature pubkey_methods_feature = {
  .struct_size = sizeof (IkeFeature),
  .provides = "notify:SUPPORTED_AUTH_METHODS",
  .ops = &methods_notify,
  .needs = pubkey_needs,
};
