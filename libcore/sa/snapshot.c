/* SPDX-License-Identifier: Apache-2.0 */
/* snapshot.c - an SA as a sealed blob, and back: what a later or another daemon needs to go on with
 * it.  The peer notices nothing: SPIs, keys, message IDs and the children's SPIs stay. */
#include "sa/sa_private.h"
#include <ikebana/pack.h>
#include <string.h>

enum {
  VERSION = 2,
  SALT_LEN = 4,
  IV_LEN = 8,
  ICV_LEN = 16,
  BLOB_MAX = 64 * 1024,
  TRANSFORM_AES_GCM_16 = 20,
  IV_JUMP = 1 << 20
};

/* -- writing */

static void
write_selectors (IkeWriter *w, const IkeSelector *selectors, guint n)
{
  gsize mark;

  ike_writer_u8 (w, (guint8) n);
  mark = ike_writer_open_u16 (w);
  if (n)
    ike_selectors_write (selectors, n, w);
  ike_writer_close_u16 (w, mark, -2);
}

static void
write_child (IkeWriter *w, const IkeChild *child)
{
  ike_pack_text (w, child->conf->name);
  ike_writer_u32 (w, child->spi_in);
  ike_writer_u32 (w, child->spi_out);
  ike_writer_u32 (w, child->reqid);
  ike_writer_u8 (w, child->mode);
  ike_writer_u32 (w, child->flags);
  ike_pack_choice (w, &child->choice);
  write_selectors (w, child->selectors, child->n_local);
  write_selectors (w, child->selectors + child->n_local, child->n_remote);
}

static void
write_slots (IkeWriter *w, IkeSa *sa)
{
  IkeSaManager *manager = sa->shard->manager;
  guint i;

  for (i = 0; i < manager->n_slots; i++) {
    gsize mark;
    if (!sa->slots[i] || !manager->slots[i].snapshot)
      continue;
    ike_pack_text (w, manager->slots[i].name);
    mark = ike_writer_open_u16 (w);
    manager->slots[i].snapshot (sa, sa->slots[i], w);
    ike_writer_close_u16 (w, mark, -2);
  }
  ike_pack_text (w, "");
}

static void
write_sa (IkeWriter *w, IkeSa *sa)
{
  const IkeKeys *keys = sa->keys;
  gsize len = 3 * keys->prf_len + 2 * keys->integ_len + 2 * keys->encr_len;
  IkeChild *child;

  ike_writer_u8 (w, VERSION);
  ike_writer_u8 (w, sa->major);
  ike_writer_u8 (w, (guint8) (sa->is_initiator | sa->nat_local << 1 | sa->nat_remote << 2
                              | sa->is_marked << 3 | sa->may_fragment << 4
                              | sa->is_anonymous << 5));
  ike_writer_u64 (w, sa->our_spi);
  ike_writer_u64 (w, sa->peer_spi);
  ike_pack_addr (w, &sa->local);
  ike_pack_addr (w, &sa->remote);
  ike_pack_text (w, sa->conn ? sa->conn->name : "");
  ike_pack_ident (w, sa->local_id);
  ike_pack_ident (w, sa->remote_id);
  ike_pack_choice (w, sa->choice);
  ike_writer_u32 (w, keys->generation);
  ike_writer_u64 (w, keys->iv_counter);
  ike_writer_u16 (w, (guint16) len);
  ike_writer_bytes (w, keys->bytes, len);
  ike_writer_u32 (w, sa->window.next_sent);
  ike_writer_u32 (w, sa->window.base_received);
  ike_writer_u8 (w, (guint8) sa->window.size_sent);
  ike_writer_u8 (w, (guint8) sa->window.size_received);
  ike_writer_u16 (w, (guint16) sa->n_children);
  for (child = sa->children; child; child = child->next)
    write_child (w, child);
  ike_sa_write_user (sa, w);
  write_slots (w, sa);
}

GBytes *
ike_sa_snapshot (IkeSa *sa, const guint8 key[32], GError **error)
{
  IkeEngine *engine = sa->shard->manager->engine;
  const IkeAead *aead = ike_aead_find (engine, TRANSFORM_AES_GCM_16, 256);
  g_autofree guint8 *blob = NULL;
  guint8 full_key[32 + SALT_LEN], *icv;
  IkeWriter w;
  gboolean is_ok;

  ike_sa_assert_owner (sa);
  if (!aead || !sa->keys || sa->state != IKE_SA_ESTABLISHED) {
    g_set_error (error, IKE_ERROR, IKE_ERROR_UNSUPPORTED, "%s",
                 aead ? "only an established SA has a snapshot"
                      : "a snapshot needs aead:aes-gcm-16/256");
    return NULL;
  }
  blob = g_malloc (BLOB_MAX);
  ike_writer_init (&w, blob, BLOB_MAX);
  ike_engine_random (engine, ike_writer_reserve (&w, SALT_LEN + IV_LEN), SALT_LEN + IV_LEN);
  write_sa (&w, sa);
  icv = ike_writer_reserve (&w, ICV_LEN);
  if (w.failed) {
    ike_wipe (blob, BLOB_MAX);
    g_set_error (error, IKE_ERROR, IKE_ERROR_BUSY, "the SA does not fit into %d bytes", BLOB_MAX);
    return NULL;
  }
  memcpy (full_key, key, 32);
  memcpy (full_key + 32, blob, SALT_LEN);
  is_ok = ike_aead_seal (aead, full_key, blob + SALT_LEN, NULL, 0, blob + SALT_LEN + IV_LEN,
                         w.len - SALT_LEN - IV_LEN - ICV_LEN, icv);
  ike_wipe (full_key, sizeof full_key);
  if (!is_ok) {
    ike_wipe (blob, BLOB_MAX);
    g_set_error (error, IKE_ERROR, IKE_ERROR_CRYPTO, "the snapshot could not be sealed");
    return NULL;
  }
  return g_bytes_new (blob, w.len);
}

/* -- reading */

static gboolean
read_selectors (IkeReader *r, IkeChild *child, gboolean is_local)
{
  IkeSelector selectors[IKE_SELECTORS_MAX];
  IkeVerdict verdict = { 0 };
  guint n = ike_reader_u8 (r), n_read = 0;
  guint16 len = ike_reader_u16 (r);
  IkeReader body;

  if (!ike_reader_sub (r, len, &body))
    return FALSE;
  if (n && (!ike_selectors_read (&body, selectors, &n_read, NULL, &verdict) || n_read != n))
    return FALSE;
  ike_child_set_selectors (child, is_local, selectors, n_read);
  return TRUE;
}

static gboolean
read_child (IkeReader *r, IkeSa *sa)
{
  g_autofree char *name = ike_unpack_text (r);
  const IkeChildConf *conf = name ? ike_conn_child (sa->conn, name) : NULL;
  IkeChild *child;

  if (!conf)
    return FALSE;
  child = ike_child_new (sa, conf);
  child->spi_in = ike_reader_u32 (r);
  child->spi_out = ike_reader_u32 (r);
  child->reqid = ike_reader_u32 (r);
  child->mode = ike_reader_u8 (r);
  child->flags = ike_reader_u32 (r);
  ike_unpack_choice (r, &child->choice);
  child->protocol = child->choice.protocol;
  child->local = sa->local;
  child->remote = sa->remote;
  return read_selectors (r, child, TRUE) && read_selectors (r, child, FALSE) && !r->failed;
}

static gboolean
read_slots (IkeReader *r, IkeSa *sa)
{
  IkeSaManager *manager = sa->shard->manager;

  for (;;) {
    g_autofree char *name = ike_unpack_text (r);
    IkeReader body;
    guint i;
    if (!name)
      return FALSE;
    if (!*name)
      return TRUE;
    if (!ike_reader_sub (r, ike_reader_u16 (r), &body))
      return FALSE;
    for (i = 0; i < manager->n_slots; i++)
      if (!strcmp (manager->slots[i].name, name) && manager->slots[i].restore)
        ike_sa_set_slot (sa, i, manager->slots[i].restore (sa, &body));
  }
}

/* The counter jumps: messages that were sealed after the snapshot must not share an IV with those
 * to come. */
static gboolean
read_keys (IkeReader *r, IkeSa *sa)
{
  guint32 generation = ike_reader_u32 (r);
  guint64 counter = ike_reader_u64 (r);
  guint16 len = ike_reader_u16 (r);
  const guint8 *bytes = ike_reader_bytes (r, len);
  IkeKeys *keys;

  ike_sa_resolve_crypto (sa);
  if (!bytes || !sa->prf || !(sa->aead || (sa->cipher && sa->integ)))
    return FALSE;
  keys = ike_keys_new (sa);
  if (len != 3 * keys->prf_len + 2 * keys->integ_len + 2 * keys->encr_len) {
    ike_keys_free (keys);
    return FALSE;
  }
  memcpy (keys->bytes, bytes, len);
  keys->generation = generation;
  keys->iv_counter = counter + IV_JUMP;
  sa->keys = keys;
  return TRUE;
}

static gboolean
read_rest (IkeReader *r, IkeSa *sa, IkeEngine *engine)
{
  g_autoptr (IkeConfig) config = ike_engine_config (engine);
  g_autofree char *conn = ike_unpack_text (r);
  guint n, i;

  sa->conn = conn && config ? ike_config_conn (config, conn) : NULL;
  if (!sa->conn)
    return FALSE;
  ike_conn_ref (sa->conn);
  sa->local_id = ike_unpack_ident (r);
  sa->remote_id = ike_unpack_ident (r);
  sa->choice = g_new0 (IkeChoice, 1);
  ike_unpack_choice (r, sa->choice);
  if (!read_keys (r, sa))
    return FALSE;
  sa->window.next_sent = ike_reader_u32 (r);
  sa->window.base_received = ike_reader_u32 (r);
  n = ike_reader_u8 (r);
  i = ike_reader_u8 (r);
  ike_window_resize (&sa->window, n, i);
  for (n = ike_reader_u16 (r), i = 0; i < n; i++)
    if (!read_child (r, sa))
      return FALSE;
  return ike_sa_read_user (sa, r) && read_slots (r, sa) && !r->failed;
}

static IkeSa *
read_sa (IkeReader *r, IkeShard *shard, const char **error)
{
  guint8 version = ike_reader_u8 (r), major = ike_reader_u8 (r), flags = ike_reader_u8 (r);
  guint64 our_spi = ike_reader_u64 (r), peer_spi = ike_reader_u64 (r);
  IkeAddr local, remote;
  IkeSa *sa;

  ike_unpack_addr (r, &local);
  ike_unpack_addr (r, &remote);
  *error = "the snapshot is malformed, or of another version";
  if (r->failed || version != VERSION)
    return NULL;
  *error = "an SA of this SPI is here already";
  if (ike_table_find (shard, our_spi)
      || !(sa = ike_sa_new (shard, major, flags & 1, &local, &remote, NULL)))
    return NULL;
  ike_table_adopt (shard, sa, our_spi);
  sa->peer_spi = peer_spi;
  sa->nat_local = flags >> 1 & 1;
  sa->nat_remote = flags >> 2 & 1;
  sa->is_marked = flags >> 3 & 1;
  sa->is_anonymous = flags >> 5 & 1;
  sa->may_fragment = flags >> 4 & 1;
  if (!read_rest (r, sa, shard->manager->engine)) {
    *error = "the snapshot does not fit this configuration: its connection, child or algorithms "
             "are not here";
    ike_sa_destroy (sa, *error);
    return NULL;
  }
  ike_sa_set_established (sa);
  return sa;
}

typedef struct {
  IkeEngine *engine;
  guint8    *plain;
  gsize      len;
  IkeCall   *call;
} Restore;

static void
restore_on_shard (gpointer data)
{
  Restore *in = data;
  IkeShard *shard = in->engine->sas->shards[ike_loop_shard_index (ike_loop_current ())];
  const char *error = NULL;
  IkeReader r;
  IkeSa *sa;

  ike_reader_init (&r, in->plain, in->len);
  sa = read_sa (&r, shard, &error);
  if (sa)
    ike_call_answer (in->call, g_memdup2 (&(IkeSaRef) { sa->serial, sa->slot, shard->index },
                                          sizeof (IkeSaRef)));
  else
    ike_call_fail (in->call, error);
  ike_wipe (in->plain, in->len);
  g_free (in->plain);
  g_free (in);
}

void
ike_sa_restore (IkeEngine *engine, GBytes *snapshot, const guint8 key[32], IkeCall *call)
{
  const IkeAead *aead = ike_aead_find (engine, TRANSFORM_AES_GCM_16, 256);
  gsize len, plain_len;
  const guint8 *blob = g_bytes_get_data (snapshot, &len);
  guint8 full_key[32 + SALT_LEN];
  Restore *in;

  if (!aead || len < SALT_LEN + IV_LEN + ICV_LEN + 32) {
    ike_call_fail (call,
                   aead ? "the snapshot is too short" : "a snapshot needs aead:aes-gcm-16/256");
    return;
  }
  plain_len = len - SALT_LEN - IV_LEN - ICV_LEN;
  in = g_new0 (Restore, 1);
  in->engine = engine;
  in->call = call;
  in->len = plain_len;
  in->plain = g_memdup2 (blob + SALT_LEN + IV_LEN, plain_len);
  memcpy (full_key, key, 32);
  memcpy (full_key + 32, blob, SALT_LEN);
  if (!ike_aead_open (aead, full_key, blob + SALT_LEN, NULL, 0, in->plain, plain_len,
                      blob + len - ICV_LEN)) {
    ike_call_fail (call, "the snapshot was not sealed with this key");
    g_free (in->plain);
    g_free (in);
  } else
    /* Behind version, major and flags: our SPI, whose first byte is the bucket. */
    ike_loop_post (ike_engine_shard (engine, engine->sas->buckets[in->plain[3]]), restore_on_shard,
                   in, NULL);
  ike_wipe (full_key, sizeof full_key);
}
