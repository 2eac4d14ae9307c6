/* SPDX-License-Identifier: Apache-2.0 */
/* token.c - an answer to orphans that is a proof, as RFC 6290 has it: each end gives the other a
 * token in IKE_AUTH that only it can make; after a crash it makes it again for a message of an SA
 * that it no longer knows, and the other end believes it. */
#include "seams/seams.h"
#include <string.h>

enum { TOKEN = 16419, TOKEN_LEN = 32 };

typedef struct { guint32 slot; char *secret; } Plugin;

static void
plugin_free (gpointer data)
{
  g_free (((Plugin *) data)->secret);
  g_free (data);
}

/* TOKEN = hash (secret | SPI-I | SPI-R); the secret outlives the daemon. */
static gboolean
make_token (IkePlugin *self, guint64 spi_i, guint64 spi_r, guint8 out[static TOKEN_LEN])
{
  const char *secret = ((Plugin *) ike_plugin_state (self))->secret;
  const IkeHash *hash = ike_hash_find (ike_plugin_engine (self), "sha256");
  guint64 spis[2] = { GUINT64_TO_BE (spi_i), GUINT64_TO_BE (spi_r) };
  IkePart parts[] = { { (const guint8 *) secret, strlen (secret) },
                      { (const guint8 *) spis, sizeof spis } };

  return hash && ike_hash_run (hash, parts, 2, out);
}

static gboolean
token_send (IkePlugin *self, IkeSa *sa, IkeExchange *x, IkeWriter *out)
{
  guint8 token[TOKEN_LEN];

  if (!make_token (self, ike_sa_spi (sa, TRUE), ike_sa_spi (sa, FALSE), token))
    return FALSE;
  ike_notify_write (out, 0, TOKEN, NULL, 0, token, sizeof token);
  return TRUE;
}

static gboolean
token_received (IkePlugin *self, IkeSa *sa, IkeExchange *x, const IkeNotify *notify)
{
  ike_sa_set_slot (sa, ((Plugin *) ike_plugin_state (self))->slot,
                   g_memdup2 (notify->data, TOKEN_LEN));
  return TRUE;
}

static void
token_unprotected (IkePlugin *self, IkeSa *sa, const IkeNotify *notify, const IkeDatagram *from)
{
  const guint8 *token = ike_sa_slot (sa, ((Plugin *) ike_plugin_state (self))->slot);

  if (token && ike_equal (token, notify->data, TOKEN_LEN))
    ike_sa_lost (sa, "the peer proved that it has lost its state");
}

static gboolean
orphan_answer (IkePlugin *self, const IkeDatagram *datagram, const IkeHeader *header,
               IkeWriter *reply)
{
  guint8 token[TOKEN_LEN];

  if (!make_token (self, header->spi_initiator, header->spi_responder, token))
    return FALSE;
  ike_notify_write (reply, 0, IKE_N_INVALID_IKE_SPI, NULL, 0, NULL, 0);
  ike_notify_write (reply, 0, TOKEN, NULL, 0, token, sizeof token);
  return TRUE;
}

/* -- the tables */

static const IkeNotifyClass token = {
  .struct_size = sizeof (IkeNotifyClass),
  .type = TOKEN,
  .min_len = TOKEN_LEN,
  .max_len = TOKEN_LEN,
  .max_count = 1,
  .is_unprotected_ok = TRUE,
  .exchanges = "IKE_AUTH",
  .send = token_send,
  .received = token_received,
  .unprotected = token_unprotected,
};
static const IkeOrphanClass orphan = { .struct_size = sizeof (IkeOrphanClass),
                                       .answer = orphan_answer };

SEAM_FEATURE (token_feature, "notify:QCD_TOKEN", token);
SEAM_FEATURE (orphan_feature, "orphan:token", orphan);
static const IkeFeature *const features[] = { &token_feature, &orphan_feature, NULL };

static const IkeOptionInfo secret = { sizeof secret, "plugin/secret", "string", "kept on disk",
                                      "Outlives the daemon." };
static const IkeOptionInfo *const options[] = { &secret, NULL };
static const IkeSlotClass slot = { .struct_size = sizeof (IkeSlotClass),
                                   .name = "token",
                                   .destroy = g_free };

static gboolean
activate (IkePlugin *self, GError **error)
{
  Plugin *plugin = g_new0 (Plugin, 1);

  plugin->slot = ike_slot_register (self, &slot);
  plugin->secret = g_strdup (ike_plugin_option (self, "secret"));
  ike_plugin_set_state (self, plugin, plugin_free);
  return TRUE;
}

IKE_PLUGIN (seam_token_plugin, "seam-token", 0, .version = "0", .license = "Apache-2.0",
            .summary = "a proof for those whose peer forgot", .features = features,
            .options = options, .activate = activate);
