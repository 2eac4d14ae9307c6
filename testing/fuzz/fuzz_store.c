/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_store.c - rows of a database that somebody changed: a path, a flag and a value, as
 * store_read() gets them.
 *
 * What is read can be written as a file, which gives the same tree.  A wrapped secret opens only
 * when it is one.
 *
 * Covers: plugins/shared/store/settings.c plugins/shared/store/wrap.c */
#include <string.h>
#include <ikebana/error.h>
#include <ikebana/reader.h>
#include "shared/store/store.h"

int LLVMFuzzerTestOneInput (const guint8 *data, gsize len);

enum { ROWS_MAX = 32 };

static void
check (gboolean ok)
{
  if (!ok)
    __builtin_trap ();
}

/* A database that has the rows of the input. */
typedef struct {
  IkeSqliteTx tx;
  IkeReader reader;
} Input;

static gboolean
each (IkeSqliteTx *tx, const IkeSqliteStatement *statement,
      gboolean (*row) (const IkeSqliteValue *values, guint n, gpointer data), gpointer data,
      GError **error)
{
  IkeReader r = ((Input *) tx)->reader;

  for (guint i = 0; i < ROWS_MAX && ike_reader_left (&r); i++) {
    guint8 flags = ike_reader_u8 (&r), path_len = ike_reader_u8 (&r),
           value_len = ike_reader_u8 (&r);
    const guint8 *path = ike_reader_bytes (&r, path_len);
    const guint8 *value = ike_reader_bytes (&r, value_len);
    g_autofree char *path_text = path ? g_strndup ((const char *) path, path_len) : NULL;
    g_autofree char *value_text = value ? g_strndup ((const char *) value, value_len) : NULL;
    if (r.failed)
      return TRUE;
    const IkeSqliteValue values[] = { ike_sqlite_text (path_text), ike_sqlite_int (flags & 1),
                                      flags & 2 ? ike_sqlite_blob (value, value_len)
                                                : ike_sqlite_text (value_text) };
    if (!row (values, 3, data))
      return TRUE;
  }
  return TRUE;
}

/* Opens what ends with sixteen bytes of its first one. */
static gboolean
open_secret (gpointer self, const guint8 *key, const guint8 *nonce, const char *aad, guint8 *data,
             gsize len, const guint8 *tag)
{
  for (guint i = 0; i < STORE_TAG_LEN; i++)
    if (tag[i] != nonce[0])
      return !(*(gboolean *) self = TRUE);
  return TRUE;
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize len)
{
  static const guint8 zeros[STORE_KEY_LEN];
  gboolean was_refused = FALSE;
  StoreKey key = { .cipher = { .self = &was_refused, .open = open_secret } };
  Input input = { .tx = { .struct_size = sizeof (IkeSqliteTx), .each = each } };
  g_autoptr (GError) error = NULL;
  g_autoptr (IkeTree) tree = NULL, again = NULL;
  g_autofree char *text = NULL;

  ike_reader_init (&input.reader, data, len);
  key.key = ike_secret_blob_new (zeros, sizeof zeros);
  tree = store_read (&input.tx, &key, NULL, "database", &error);
  check ((tree != NULL) == (error == NULL));
  check (!tree || !was_refused);
  if (tree) {
    text = store_format (tree);
    again = ike_settings_parse (text, strlen (text), "again", NULL);
    check (again && ike_tree_equal (tree, again));
  }
  ike_secret_blob_unref (key.key);
  return 0;
}
