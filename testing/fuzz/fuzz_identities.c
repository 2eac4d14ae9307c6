/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_identities.c - an identity of the configuration, and one of a peer that is held against it.
 *
 * Text up to a zero byte, then the type and the data of the peer's.
 *
 * Covers: libcore/base/ident.c libcore/base/ident_parse.c libcore/base/dn.c */
#include <string.h>
#include <ikebana/ident.h>

int LLVMFuzzerTestOneInput (const guint8 *data, gsize len);

static void
check (gboolean ok)
{
  if (!ok)
    __builtin_trap ();
}

static void
show (const IkeIdent *ident)
{
  static const gsize sizes[] = { 1, 2, 4, 16, 128, 512 };

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++) {
    g_autofree char *text = g_malloc (sizes[i]);
    ike_ident_format (ident, text, sizes[i]);
    check (memchr (text, 0, sizes[i]) != NULL);
    check (g_utf8_validate (text, -1, NULL));
    for (const char *at = text; *at; at++)
      check ((guint8) *at >= 0x20 && *at != 0x7f);
  }
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize len)
{
  const guint8 *end = memchr (data, 0, len);
  gsize text_len = end ? (gsize) (end - data) : len;
  g_autofree char *text = g_strndup ((const char *) data, MIN (text_len, 2000));
  g_autoptr (GError) error = NULL;
  g_autoptr (IkeIdent) ours = ike_ident_parse (text, &error), peers = NULL;

  check ((ours == NULL) == (error != NULL));
  if (ours) {
    show (ours);
    check (ike_ident_equal (ours, ours));
    check (ike_ident_is_pattern (ours) || ike_ident_match (ours, ours) == 20);
  }
  if (!end || len - text_len < 2)
    return 0;
  peers = ike_ident_new (end[1], end + 2, len - text_len - 2);
  show (peers);
  check (!ike_ident_is_pattern (peers) && ike_ident_match (peers, peers) == 20);
  if (ours) {
    guint fit = ike_ident_match (peers, ours);
    check (fit <= 20 && (fit != 20 || ike_ident_type (peers) == ike_ident_type (ours)));
    check (ike_ident_equal (ours, peers) == ike_ident_equal (peers, ours));
  }
  return 0;
}
