/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_attributes.c - a configuration payload of a peer, and a section of `pools` as typed.
 *
 * Input: a byte; 0: the rest is a section of settings, else the body of a payload.  A pool that is
 * taken has the addresses that it counts; whatever is sent is told in one clean line.
 *
 * Covers: plugins/shared/pool/pool_addrs.c plugins/shared/pool/pool_attributes.c
 * plugins/shared/pool/pool_conf.c plugins/shared/pool/pool_encdns.c libcore/wire/cp.c */
#include "shared/pool/pool_conf.h"
#include <ikebana/message.h>

int LLVMFuzzerTestOneInput (const guint8 *data, gsize len);

static void
check (gboolean ok)
{
  if (!ok)
    __builtin_trap ();
}

static void
tell (guint16 type, const guint8 *value, gsize len)
{
  g_autoptr (GString) text = g_string_new (NULL);
  /* Of its own size, so that ASan sees what is read behind it. */
  g_autofree guint8 *copy = g_memdup2 (value, len);
  gboolean is_good = pool_attribute_describe (type, copy, len, text);

  check (is_good == pool_attribute_describe (type, copy, len, NULL));
  for (gsize i = 0; i < text->len; i++)
    check (text->str[i] >= 0x20 && text->str[i] < 0x7f);
}

static void
tell_ours (guint16 type, const void *value, gsize len, gpointer data)
{
  tell (type, value, len);
}

static void
read_payload (const guint8 *data, gsize len)
{
  IkePayload payload = { .type = IKE_PAYLOAD_CP, .data = data, .len = (guint32) len };
  IkeVerdict verdict = { 0 };
  IkeCpAttribute attribute;
  IkeCpView cp;

  if (!ike_cp_read (&payload, &cp, &verdict)) {
    check (verdict.reason != NULL);
    return;
  }
  while (ike_cp_next (&cp, &attribute))
    tell (attribute.type, attribute.data, attribute.len);
  check (!cp.attributes.failed);
}

static void
check_addrs (const PoolAddrs *addrs)
{
  IkeAddr addr;

  for (guint family = 4; family <= 6; family += 2) {
    guint64 n = pool_addrs_n (addrs, family);
    if (!n)
      continue;
    pool_addrs_nth (addrs, family, 0, &addr);
    check (pool_addrs_has (addrs, &addr));
    pool_addrs_nth (addrs, family, n - 1, &addr);
    check (pool_addrs_has (addrs, &addr));
  }
}

static void
read_settings (const guint8 *data, gsize len)
{
  g_autoptr (IkeTree) tree = ike_settings_parse ((const char *) data, len, "fuzz", NULL);
  g_autoptr (GPtrArray) problems = g_ptr_array_new_with_free_func (g_free);
  PoolConf *conf = tree ? pool_conf_read (tree, problems) : NULL;

  if (tree)
    check (conf || problems->len);
  if (!conf)
    return;
  check_addrs (conf->addrs);
  pool_conf_each (conf, tell_ours, NULL);
  pool_conf_free (conf);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize len)
{
  if (!len)
    return 0;
  if (data[0])
    read_payload (data + 1, len - 1);
  else
    read_settings (data + 1, len - 1);
  return 0;
}
