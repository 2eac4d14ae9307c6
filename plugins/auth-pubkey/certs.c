/* SPDX-License-Identifier: Apache-2.0 */
/* certs.c - CERT and CERTREQ as tasks: what the peer asks for and sends, what we ask for and send
 * (RFC 7296, 3.6 and 3.7; RFC 7670; RFC 4806). */
#include "pubkey.h"

#include <string.h>

/* In the clear and to anybody an IKE_SA_INIT response shall not grow with our list of CAs. */
enum { INIT_CA_IDS_MAX = 20, CANDIDATES_MAX = 16, URI_MAX = 512, SHA1_LEN = 20 };

/* -- CERTREQ, theirs */

/* RFC 7296, 3.7: "a concatenated list of SHA-1 hashes of the public keys of trusted Certification
 * Authorities"; "the processing of a CERTREQ should be seen as a suggestion". */
static void
read_certreq (PubkeyPeer *peer, const IkeTypedView *view)
{
  gsize len = view->len - view->len % IKE_KEY_ID_LEN, have;

  if (view->type == IKE_CERT_RAW_KEY)
    peer->asks_raw = TRUE;
  if (view->type == IKE_CERT_OCSP)
    peer->asks_ocsp = TRUE;
  if (view->type != IKE_CERT_X509)
    return;
  peer->asks_x509 = TRUE;
  if (!peer->ca_ids)
    peer->ca_ids = g_byte_array_new ();
  have = peer->ca_ids->len;
  g_byte_array_append (peer->ca_ids, view->data,
                       (guint) MIN (len, PUBKEY_CA_IDS_MAX * IKE_KEY_ID_LEN - have));
}

static void
read_certreqs (Pubkey *pubkey, IkeSa *sa, const IkeMessage *in)
{
  const IkePayload *payload;

  for (guint i = 0; (payload = ike_message_find (in, IKE_PAYLOAD_CERTREQ, i)); i++) {
    IkeVerdict verdict = { 0 };
    IkeTypedView view;
    if (ike_cert_read (payload, &view, &verdict))
      read_certreq (pubkey_peer (pubkey, sa), &view);
  }
}

/* -- CERTREQ, ours */

typedef struct {
  guint8 ids[PUBKEY_CA_IDS_MAX][IKE_KEY_ID_LEN];
  guint n, max;
  gboolean wants_raw, wants_ocsp;
} CaIds;

static void
add_ca (const Pubkey *pubkey, CaIds *out, const IkeCert *ca)
{
  const guint8 *id = pubkey->pki->pubkey_info (pubkey->pki->cert_info (ca)->pubkey)->id;

  for (guint i = 0; i < out->n; i++)
    if (memcmp (out->ids[i], id, IKE_KEY_ID_LEN) == 0)
      return;
  memcpy (out->ids[out->n++], id, IKE_KEY_ID_LEN);
}

static void
add_wishes_of (Pubkey *pubkey, const IkeConn *conn, const IkeAuthConf *conf,
               const IkeCredentials *credentials, CaIds *out)
{
  guint64 ocsp = ike_option_uint (conn->options, pubkey->ocsp);
  PubkeyConf rules;
  IkeCert *ca;

  pubkey_conf_read (pubkey, conf, FALSE, &rules);
  out->wants_raw |= rules.pubkeys != NULL;
  out->wants_ocsp |= ocsp == PUBKEY_OCSP_BOTH || ocsp == PUBKEY_OCSP_REQUEST;
  for (guint i = 0;
       out->n < out->max
       && (ca = pubkey->credentials->ca (credentials, (const char *const *) rules.cacerts, i));
       i++)
    add_ca (pubkey, out, ca);
  pubkey_conf_clear (&rules);
}

static void
add_wishes (Pubkey *pubkey, const IkeConn *conn, const IkeCredentials *credentials, CaIds *out)
{
  if (ike_option_uint (conn->options, pubkey->send_certreq))
    for (guint i = 0; i < conn->n_remote; i++)
      if (pubkey_is_ours (pubkey, &conn->remote[i]))
        add_wishes_of (pubkey, conn, &conn->remote[i], credentials, out);
}

static void
write_wishes (Pubkey *pubkey, const CaIds *ids, IkeWriter *out)
{
  if (ids->n)
    ike_cert_write (out, IKE_PAYLOAD_CERTREQ, IKE_CERT_X509, ids->ids[0], ids->n * IKE_KEY_ID_LEN);
  /* RFC 7670, 3: "the Certification Authority field MUST be empty". */
  if (ids->wants_raw)
    ike_cert_write (out, IKE_PAYLOAD_CERTREQ, IKE_CERT_RAW_KEY, NULL, 0);
  if (ids->wants_ocsp)
    ike_cert_write (out, IKE_PAYLOAD_CERTREQ, IKE_CERT_OCSP, NULL, 0);
  if (ids->n && pubkey->wants_hash_url)
    ike_notify_write (out, 0, IKE_N_HTTP_CERT_LOOKUP_SUPPORTED, NULL, 0, NULL, 0);
}

/* The responder does not know yet who it is: the CAs of every connection that may be meant. */
static void
write_init_wishes (Pubkey *pubkey, IkeExchange *x, IkeWriter *out)
{
  g_autoptr (IkeConfig) config = ike_engine_config (pubkey->engine);
  IkeCredentials *credentials = pubkey->credentials->get (pubkey->credentials_at->plugin);
  IkeConn *conns[CANDIDATES_MAX];
  g_autofree CaIds *ids = g_new0 (CaIds, 1);
  guint n = config ? ike_config_match (config, 2, ike_exchange_local (x), ike_exchange_remote (x),
                                       NULL, NULL, conns, CANDIDATES_MAX, NULL)
                   : 0;

  ids->max = INIT_CA_IDS_MAX;
  for (guint i = 0; credentials && i < n; i++)
    add_wishes (pubkey, conns[i], credentials, ids);
  write_wishes (pubkey, ids, out);
  pubkey->credentials->unref (credentials);
}

static void
write_auth_wishes (Pubkey *pubkey, IkeSa *sa, IkeWriter *out)
{
  IkeCredentials *credentials = pubkey->credentials->get (pubkey->credentials_at->plugin);
  g_autofree CaIds *ids = g_new0 (CaIds, 1);

  ids->max = PUBKEY_CA_IDS_MAX;
  if (credentials)
    add_wishes (pubkey, ike_sa_conn (sa), credentials, ids);
  write_wishes (pubkey, ids, out);
  pubkey->credentials->unref (credentials);
}

/* -- IKE_SA_INIT */

/* After the task of the exchange itself: what an answer says counts once that believed it. */
static IkeTaskResult
init_process (IkeTask *task, IkeExchange *x, const IkeMessage *in)
{
  Pubkey *pubkey = ike_plugin_state (ike_task_plugin (task));
  IkeSa *sa = ike_task_sa (task);
  const IkeNotify *hashes = ike_exchange_record (x, PUBKEY_N_SIGNATURE_HASH_ALGORITHMS, 0);

  if (!hashes && !ike_message_find (in, IKE_PAYLOAD_CERTREQ, 0)
      && !ike_exchange_record (x, PUBKEY_N_SUPPORTED_AUTH_METHODS, 0))
    return IKE_TASK_DONE;
  pubkey_read_hashes (pubkey_peer (pubkey, sa), hashes);
  if (!ike_exchange_is_initiator (x))
    return IKE_TASK_DONE;
  pubkey_read_methods (pubkey_peer (pubkey, sa), x);
  pubkey_peer (pubkey, sa)->takes_hash_url =
      ike_exchange_record (x, IKE_N_HTTP_CERT_LOOKUP_SUPPORTED, 0) != NULL;
  read_certreqs (pubkey, sa, in);
  return IKE_TASK_DONE;
}

static IkeTaskResult
init_build (IkeTask *task, IkeExchange *x, IkeWriter *out)
{
  if (!ike_exchange_is_initiator (x))
    write_init_wishes (ike_plugin_state (ike_task_plugin (task)), x, out);
  return IKE_TASK_DONE;
}

/* -- CERT, theirs */

typedef struct {
  guint8 sha1[SHA1_LEN];
  guint at; /* where in peer->sent it belongs */
} Lookup;

typedef struct {
  gboolean is_read;
} Certs;

static void
note_error (PubkeyPeer *peer, const char *text)
{
  if (!peer->cert_error)
    peer->cert_error = g_strdup (text);
}

static gboolean
has_hash (const Pubkey *pubkey, GBytes *bytes, const guint8 wanted[SHA1_LEN])
{
  const IkeHash *sha1 = ike_hash_find (pubkey->engine, "sha1");
  guint8 hash[SHA1_LEN];
  IkePart part;

  part.data = g_bytes_get_data (bytes, &part.len);
  return sha1 && ike_hash_run (sha1, &part, 1, hash) && memcmp (hash, wanted, SHA1_LEN) == 0;
}

static void
looked_up (gpointer owner, gpointer data, gpointer result, const char *error)
{
  IkeTask *task = owner;
  Pubkey *pubkey = ike_plugin_state (ike_task_plugin (task));
  PubkeyPeer *peer = pubkey_peer (pubkey, ike_task_sa (task));
  Lookup *lookup = data;
  g_autoptr (GBytes) body = result;

  if (!body)
    note_error (peer, error);
  else if (has_hash (pubkey, body, lookup->sha1))
    peer->sent[lookup->at] = g_steal_pointer (&body);
  else
    note_error (peer, "what lies at the URL of a certificate has another hash");
}

static const IkeCallClass lookup_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "certificate by URL",
  .timeout_ms = 10000,
  .then = looked_up,
  .undo = (GDestroyNotify) g_bytes_unref,
  .free_data = g_free,
};

/* RFC 7296, 3.6: "a 20-octet SHA-1 hash ... of the replaced value followed by a variable-length URL
 * that resolves to the DER-encoded data structure itself". */
static gboolean
start_lookup (IkeTask *task, PubkeyPeer *peer, const IkeTypedView *view)
{
  const IkeProvided *fetch = ike_feature_find (peer->pubkey->engine, "fetch:http", NULL);
  IkeReader r;
  const guint8 *sha1, *text;
  g_autofree char *uri = NULL;
  gsize len;
  Lookup *lookup;

  ike_reader_init (&r, view->data, view->len);
  sha1 = ike_reader_bytes (&r, SHA1_LEN);
  len = ike_reader_left (&r);
  text = ike_reader_bytes (&r, len);
  if (!fetch || !sha1 || !text || len == 0 || len > URI_MAX || memchr (text, 0, len))
    return FALSE;
  uri = g_strndup ((const char *) text, len);
  if (!g_str_has_prefix (uri, "http://"))
    return FALSE;
  lookup = g_new0 (Lookup, 1);
  memcpy (lookup->sha1, sha1, SHA1_LEN);
  lookup->at = peer->n_sent++;
  IkeFetchRequest request = {
    .struct_size = sizeof request, .uri = uri, .max_size = IKE_CERT_MAX_SIZE, .timeout_ms = 5000
  };
  ((const IkeFetchClass *) fetch->ops)
      ->fetch (fetch->plugin, &request, ike_task_call (task, &lookup_call, lookup));
  return TRUE;
}

/* What is beyond the bounds is left out: a peer that needs more has no chain that we would check.
 * TRUE: something is being fetched. */
static gboolean
read_cert (IkeTask *task, PubkeyPeer *peer, const IkeTypedView *view)
{
  gboolean has_room = peer->n_sent < PUBKEY_CERTS_MAX;

  switch (view->type) {
  case IKE_CERT_X509:
    if (has_room)
      peer->sent[peer->n_sent++] = g_bytes_new (view->data, view->len);
    return FALSE;
  case IKE_CERT_RAW_KEY:
    if (!peer->sent_raw)
      peer->sent_raw = g_bytes_new (view->data, view->len);
    return FALSE;
  case IKE_CERT_OCSP:
    if (peer->n_ocsp < PUBKEY_OCSP_MAX)
      peer->ocsp[peer->n_ocsp++] = g_bytes_new (view->data, view->len);
    return FALSE;
  case IKE_CERT_HASH_URL:
    if (peer->pubkey->wants_hash_url && peer->n_sent < PUBKEY_FETCHES_MAX)
      return start_lookup (task, peer, view);
    note_error (peer, "certificates by hash and URL are not fetched; see plugins.auth-pubkey."
                      "hash_and_url");
    return FALSE;
  default:
    return FALSE;
  }
}

static gboolean
read_certs (IkeTask *task, Pubkey *pubkey, const IkeMessage *in)
{
  PubkeyPeer *peer = pubkey_peer (pubkey, ike_task_sa (task));
  const IkePayload *payload;
  gboolean is_waiting = FALSE;

  for (guint i = 0; (payload = ike_message_find (in, IKE_PAYLOAD_CERT, i)); i++) {
    IkeVerdict verdict = { 0 };
    IkeTypedView view;
    if (ike_cert_read (payload, &view, &verdict))
      is_waiting |= read_cert (task, peer, &view);
  }
  return is_waiting;
}

/* Places that were kept for what could not be fetched. */
static void
close_gaps (PubkeyPeer *peer)
{
  guint n = 0;

  for (guint i = 0; i < peer->n_sent; i++)
    if (peer->sent[i])
      peer->sent[n++] = peer->sent[i];
  peer->n_sent = n;
}

static IkeTaskResult
certs_process (IkeTask *task, IkeExchange *x, const IkeMessage *in)
{
  Pubkey *pubkey = ike_plugin_state (ike_task_plugin (task));
  Certs *self = ike_task_data (task);
  IkeSa *sa = ike_task_sa (task);

  if (!self->is_read) {
    self->is_read = TRUE;
    read_certreqs (pubkey, sa, in);
    if (ike_exchange_record (x, PUBKEY_N_SUPPORTED_AUTH_METHODS, 0))
      pubkey_read_methods (pubkey_peer (pubkey, sa), x);
    if (ike_exchange_record (x, IKE_N_HTTP_CERT_LOOKUP_SUPPORTED, 0))
      pubkey_peer (pubkey, sa)->takes_hash_url = TRUE;
    if (ike_message_find (in, IKE_PAYLOAD_CERT, 0) && read_certs (task, pubkey, in))
      return IKE_TASK_WAIT;
  }
  if (ike_sa_slot (sa, pubkey->slot))
    close_gaps (ike_sa_slot (sa, pubkey->slot));
  return IKE_TASK_DONE;
}

/* -- CERT, ours */

static void
write_hash_url (IkeWriter *out, const IkeCertInfo *info, const char *base)
{
  g_autoptr (GString) uri = g_string_new (base);
  g_autoptr (GByteArray) data = g_byte_array_new ();

  for (guint i = 0; i < sizeof info->sha1; i++)
    g_string_append_printf (uri, "%02x", info->sha1[i]);
  g_byte_array_append (data, info->sha1, sizeof info->sha1);
  g_byte_array_append (data, (const guint8 *) uri->str, (guint) uri->len);
  ike_cert_write (out, IKE_PAYLOAD_CERT, IKE_CERT_HASH_URL, data->data, data->len);
}

static void
write_cert (PubkeyPeer *peer, const IkeCredentials *credentials, const IkeCert *cert,
            const IkeCert *issuer, IkeWriter *out)
{
  const Pubkey *pubkey = peer->pubkey;
  IkeAuthority authority = { .struct_size = sizeof authority };
  gsize len;
  const guint8 *der = g_bytes_get_data (pubkey->pki->cert_der (cert), &len);

  if (peer->takes_hash_url && issuer
      && pubkey->credentials->authority (credentials, issuer, &authority)
      && authority.cert_uri_base)
    write_hash_url (out, pubkey->pki->cert_info (cert), authority.cert_uri_base);
  else
    ike_cert_write (out, IKE_PAYLOAD_CERT, IKE_CERT_X509, der, len);
}

/* The CA that is in none of our files sent along, but that we know. */
static const IkeCert *
issuer_of (const Pubkey *pubkey, const IkeCredentials *credentials, const IkeCert *cert)
{
  IkeCert *ca;

  for (guint i = 0; (ca = pubkey->credentials->ca (credentials, NULL, i)); i++)
    if (ike_ident_equal (pubkey->pki->cert_info (ca)->subject,
                         pubkey->pki->cert_info (cert)->issuer)
        && pubkey->pki->cert_issued (ca, cert))
      return ca;
  return NULL;
}

/* RFC 7296, 1.2: "again with the certificate containing the public key used to verify AUTH listed
 * first". */
static void
write_certs (PubkeyPeer *peer, const IkeOwn *own, IkeWriter *out)
{
  const Pubkey *pubkey = peer->pubkey;
  const IkeCredentials *credentials = own->credentials;

  if (!own->cert) {
    const IkePubkeyInfo *info = pubkey->pki->pubkey_info (own->key->pubkey);
    ike_cert_write (out, IKE_PAYLOAD_CERT, IKE_CERT_RAW_KEY, info->spki, info->spki_len);
    return;
  }
  for (guint i = 0; i <= own->n_chain; i++) {
    const IkeCert *cert = i == 0 ? own->cert : own->chain[i - 1];
    const IkeCert *issuer = !peer->takes_hash_url ? NULL
                            : i < own->n_chain    ? own->chain[i]
                                                  : issuer_of (pubkey, credentials, cert);
    write_cert (peer, credentials, cert, issuer, out);
  }
  if (peer->staple) {
    gsize len;
    const guint8 *data = g_bytes_get_data (peer->staple, &len);
    ike_cert_write (out, IKE_PAYLOAD_CERT, IKE_CERT_OCSP, data, len);
  }
}

static gboolean
wants_to_send (const PubkeyPeer *peer, const IkeOwn *own, guint64 send_cert)
{
  if (send_cert != PUBKEY_SEND_IFASKED)
    return send_cert == PUBKEY_SEND_ALWAYS;
  return own->cert ? peer->asks_x509 : peer->asks_raw;
}

static void
stapled (gpointer owner, gpointer data, gpointer result, const char *error)
{
  IkeTask *task = owner;
  PubkeyPeer *peer = pubkey_peer (ike_plugin_state (ike_task_plugin (task)), ike_task_sa (task));

  g_clear_pointer (&peer->staple, g_bytes_unref);
  peer->staple = result;
}

static const IkeCallClass staple_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "OCSP response about our certificate",
  .timeout_ms = 5000,
  .then = stapled,
  .undo = (GDestroyNotify) g_bytes_unref,
};

/* RFC 4806, 4.2: "the recipient SHOULD acquire the related OCSP-based assertion and produce and
 * transmit an OCSP response CERT payload"; without one we go on. */
static gboolean
start_staple (IkeTask *task, PubkeyPeer *peer, const IkeOwn *own)
{
  Pubkey *pubkey = peer->pubkey;
  guint64 ocsp = ike_option_uint (ike_sa_conn (ike_task_sa (task))->options, pubkey->ocsp);
  const IkeProvided *revocation = ike_feature_find (pubkey->engine, "revocation:x509", NULL);
  const IkeRevocationClass *klass = revocation ? revocation->ops : NULL;
  const IkeCert *issuer;

  if (peer->has_asked_staple || !peer->asks_ocsp || !own->cert || !klass || !klass->staple
      || (ocsp != PUBKEY_OCSP_BOTH && ocsp != PUBKEY_OCSP_REPLY))
    return FALSE;
  peer->has_asked_staple = TRUE;
  issuer = own->n_chain ? own->chain[0] : issuer_of (pubkey, own->credentials, own->cert);
  if (issuer)
    klass->staple (revocation->plugin, own->cert, (IkeCert *) issuer,
                   ike_task_call (task, &staple_call, NULL));
  return issuer != NULL;
}

static IkeTaskResult
certs_build (IkeTask *task, IkeExchange *x, IkeWriter *out)
{
  Pubkey *pubkey = ike_plugin_state (ike_task_plugin (task));
  IkeSa *sa = ike_task_sa (task);
  const IkeConn *conn = ike_sa_conn (sa);
  const IkeAuthConf *conf = ike_sa_auth_conf (sa, TRUE);
  const IkeOwn *own = pubkey_is_ours (pubkey, conf) ? pubkey_own (pubkey, sa, conf) : NULL;

  if (own
      && wants_to_send (pubkey_peer (pubkey, sa), own,
                        ike_option_uint (conn->options, pubkey->send_cert))) {
    if (start_staple (task, pubkey_peer (pubkey, sa), own))
      return IKE_TASK_WAIT;
    write_certs (pubkey_peer (pubkey, sa), own, out);
  }
  if (ike_exchange_is_initiator (x))
    write_auth_wishes (pubkey, sa, out);
  else
    ike_sa_set_slot (sa, pubkey->slot, NULL);
  return IKE_TASK_DONE;
}

/* -- the classes */

static const IkeTaskClass init_task = {
  .struct_size = sizeof (IkeTaskClass),
  .exchanges = "IKE_SA_INIT",
  .after = "phase:init init",
  .operations = "establish",
  .reads = "notify:SIGNATURE_HASH_ALGORITHMS notify:SUPPORTED_AUTH_METHODS",
  .process = init_process,
  .build = init_build,
};

static const IkeTaskClass certs_task = {
  .struct_size = sizeof (IkeTaskClass),
  .exchanges = "IKE_AUTH",
  .after = "phase:identify identity",
  .operations = "establish",
  .reads = "notify:SUPPORTED_AUTH_METHODS",
  .instance_size = sizeof (Certs),
  .process = certs_process,
  .build = certs_build,
};

static const IkeNotifyClass lookup_notify = {
  .struct_size = sizeof (IkeNotifyClass),
  .type = IKE_N_HTTP_CERT_LOOKUP_SUPPORTED,
  .max_count = 1,
  .exchanges = "IKE_SA_INIT IKE_AUTH",
};

const IkeFeature pubkey_init_feature = {
  .struct_size = sizeof (IkeFeature),
  .provides = "task:pubkey-init",
  .ops = &init_task,
  .needs = pubkey_needs,
};
const IkeFeature pubkey_certs_feature = {
  .struct_size = sizeof (IkeFeature),
  .provides = "task:certificates",
  .ops = &certs_task,
  .needs = pubkey_needs,
};
const IkeFeature pubkey_lookup_feature = {
  .struct_size = sizeof (IkeFeature),
  .provides = "notify:HTTP_CERT_LOOKUP_SUPPORTED",
  .ops = &lookup_notify,
  .needs = pubkey_needs,
};
