/* SPDX-License-Identifier: Apache-2.0 */
/* test_pack.c - what is packed is unpacked as it was, and nothing is read behind the end. */
#include <ikebana/pack.h>
#include <string.h>

static IkeChoice
some_choice (void)
{
  IkeChoice choice = { .protocol = IKE_PROTOCOL_IKE };

  choice.chosen[IKE_TRANSFORM_ENCR] = (IkeTransform){ IKE_TRANSFORM_ENCR, 0, 20, 256 };
  choice.chosen[IKE_TRANSFORM_PRF] = (IkeTransform){ IKE_TRANSFORM_PRF, 0, 5, 0 };
  return choice;
}

static gsize
pack (guint8 *out, gsize size)
{
  g_autoptr (IkeIdent) ident = ike_ident_parse ("a.test", NULL);
  IkeChoice choice = some_choice ();
  IkeAddr addr;
  IkeWriter w;

  g_assert_true (ike_addr_parse (&addr, "2001:db8::1", NULL));
  addr.port = 4500;
  ike_writer_init (&w, out, size);
  ike_pack_text (&w, "text");
  ike_pack_text (&w, NULL);
  ike_pack_addr (&w, &addr);
  ike_pack_ident (&w, ident);
  ike_pack_ident (&w, NULL);
  ike_pack_choice (&w, &choice);
  g_assert_false (w.failed);
  return w.len;
}

static void
test_all (void)
{
  g_autoptr (IkeIdent) ident = ike_ident_parse ("a.test", NULL), read = NULL;
  g_autofree char *text = NULL, *empty = NULL;
  IkeChoice choice, wanted = some_choice ();
  guint8 bytes[512];
  char shown[IKE_ADDR_TEXT_SIZE];
  IkeReader r;
  IkeAddr addr;

  ike_reader_init (&r, bytes, pack (bytes, sizeof bytes));
  text = ike_unpack_text (&r);
  empty = ike_unpack_text (&r);
  g_assert_cmpstr (text, ==, "text");
  g_assert_cmpstr (empty, ==, "");
  ike_unpack_addr (&r, &addr);
  g_assert_cmpstr (ike_addr_format (&addr, TRUE, shown), ==, "[2001:db8::1]:4500");
  read = ike_unpack_ident (&r);
  g_assert_true (ike_ident_equal (read, ident));
  g_assert_null (ike_unpack_ident (&r));
  ike_unpack_choice (&r, &choice);
  g_assert_true (memcmp (&choice, &wanted, sizeof choice) == 0);
  g_assert_true (ike_reader_is_done (&r));
}

static void
test_cut (void)
{
  guint8 bytes[512];
  gsize len = pack (bytes, sizeof bytes), n;

  for (n = 0; n < len; n++) {
    g_autofree guint8 *cut = g_memdup2 (bytes, n);
    g_autofree char *text = NULL, *empty = NULL;
    IkeIdent *idents[2];
    IkeChoice choice;
    IkeReader r;
    IkeAddr addr;
    ike_reader_init (&r, cut, n);
    text = ike_unpack_text (&r);
    empty = ike_unpack_text (&r);
    ike_unpack_addr (&r, &addr);
    idents[0] = ike_unpack_ident (&r);
    idents[1] = ike_unpack_ident (&r);
    ike_unpack_choice (&r, &choice);
    g_assert_true (r.failed);
    ike_ident_unref (idents[0]);
    ike_ident_unref (idents[1]);
  }
}

static void
test_nul (void)
{
  static const guint8 bytes[] = { 0, 3, 'a', 0, 'b' };
  IkeReader r;

  ike_reader_init (&r, bytes, sizeof bytes);
  g_assert_null (ike_unpack_text (&r));
  g_assert_true (r.failed);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/pack/what-is-packed-comes-back", test_all);
  g_test_add_func ("/pack/what-is-cut-fails", test_cut);
  g_test_add_func ("/pack/a-text-has-no-nul", test_nul);
  return g_test_run ();
}
