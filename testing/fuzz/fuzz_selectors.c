/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_selectors.c - bodies of TS payloads, narrowed by ours; and the text form of configuration.
 *
 * The first byte: even, a TS payload follows; odd, text.  Narrowing must never give what one of the
 * two did not have.
 *
 * Covers: libcore/wire/selector.c libcore/wire/selector_wire.c libcore/wire/selector_text.c */
#include <string.h>
#include <ikebana/selector.h>

int LLVMFuzzerTestOneInput (const guint8 *data, size_t len);

static void
check (gboolean ok)
{
  if (!ok)
    __builtin_trap ();
}

static gboolean
is_within_one (const IkeSelector *one, const IkeSelector *list, guint n)
{
  for (guint i = 0; i < n; i++)
    if (ike_selector_covers (&list[i], one))
      return TRUE;
  return FALSE;
}

static void
try_narrow (const IkeSelector *offered, guint n_offered)
{
  static const char *const texts[] = { "10.0.0.0/8", "192.0.2.1-192.0.2.9[tcp/80-90]",
                                       "2001:db8::/32", "0.0.0.0/0[17/opaque]" };
  IkeSelector ours[G_N_ELEMENTS (texts)], out[16];
  guint n;

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    check (ike_selector_parse (&ours[i], texts[i], NULL));
  n = ike_selectors_narrow (ours, G_N_ELEMENTS (ours), offered, n_offered, out, G_N_ELEMENTS (out));
  for (guint i = 0; i < n; i++) {
    check (is_within_one (&out[i], ours, G_N_ELEMENTS (ours)));
    check (is_within_one (&out[i], offered, n_offered));
  }
}

static void
try_wire (const guint8 *data, gsize len)
{
  IkeSelector selectors[IKE_SELECTORS_MAX], again[IKE_SELECTORS_MAX];
  guint8 room[4 + 40 * IKE_SELECTORS_MAX];
  IkeVerdict verdict = { 0 };
  guint n, skipped, n_again;
  IkeReader r;
  IkeWriter w;

  ike_reader_init (&r, data, len);
  if (!ike_selectors_read (&r, selectors, &n, &skipped, &verdict)) {
    check (verdict.reason && n == 0 && verdict.offset <= len);
    return;
  }
  check (n <= IKE_SELECTORS_MAX && n + skipped == data[0]);
  for (guint i = 0; i < n; i++) {
    IkeSelector parsed;
    char text[128];
    ike_selector_format (&selectors[i], text, sizeof text);
    check (ike_selector_parse (&parsed, text, NULL) && ike_selector_equal (&parsed, &selectors[i]));
    check (ike_selector_covers (&selectors[i], &selectors[i]));
  }
  try_narrow (selectors, n);
  if (n == 0)
    return;
  ike_writer_init (&w, room, sizeof room);
  ike_selectors_write (selectors, n, &w);
  ike_reader_init (&r, room, w.len);
  check (!w.failed && ike_selectors_read (&r, again, &n_again, NULL, NULL) && n_again == n);
  check (memcmp (selectors, again, n * sizeof *again) == 0);
}

static void
try_text (const guint8 *data, gsize len)
{
  g_autofree char *text = g_strndup ((const char *) data, MIN (len, 200));
  IkeAddr host = { .family = 4, .port = 80, .bytes = { 10, 0, 0, 1 } };
  IkeSelector selector, again;
  char out[128];

  if (!ike_selector_parse (&selector, text, NULL))
    return;
  ike_selector_format (&selector, out, sizeof out);
  check (ike_selector_parse (&again, out, NULL) && ike_selector_equal (&selector, &again));
  ike_selector_resolve (&selector, &host);
  check (!selector.is_dynamic);
  ike_selector_matches (&selector, 6, &host);
  try_narrow (&selector, 1);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, size_t len)
{
  if (len == 0)
    return 0;
  if (data[0] % 2 == 0)
    try_wire (data + 1, len - 1);
  else
    try_text (data + 1, len - 1);
  return 0;
}
