/* SPDX-License-Identifier: Apache-2.0 */
/* test_frames.c - fragments and their acknowledgement, and every lie about lengths. */
#include <string.h>

#include "shared/eap-tls/frames.h"

enum { SIZE = 100 };

static void
open_both (EapFrames *server, EapFrames *peer, guint8 type)
{
  gsize len;
  const char *why;
  g_autofree guint8 *start = NULL;

  eap_frames_init (server, type, TRUE, SIZE);
  eap_frames_init (peer, type, FALSE, SIZE);
  start = eap_frames_start (server, 1, &len);
  g_assert_cmpint (eap_frames_take (peer, start, len, &why), ==, EAP_FRAMES_START);
}

static void
close_both (EapFrames *server, EapFrames *peer)
{
  eap_frames_clear (server);
  eap_frames_clear (peer);
}

/* From @from to @to, until it is there; how many packets it took. */
static guint
send_all (EapFrames *from, EapFrames *to, const guint8 *data, gsize len)
{
  EapFramesTaken taken = EAP_FRAMES_NEXT;
  const char *why;
  guint n = 0;

  eap_frames_put (from, data, len);
  while (taken == EAP_FRAMES_NEXT) {
    gsize packet_len, ack_len;
    g_autofree guint8 *packet = eap_frames_packet (from, (guint8) n, &packet_len);
    g_autofree guint8 *ack = NULL;

    n++;
    g_assert_cmpuint (packet_len, <=, SIZE);
    taken = eap_frames_take (to, packet, packet_len, &why);
    if (taken != EAP_FRAMES_NEXT)
      break;
    ack = eap_frames_packet (to, (guint8) n, &ack_len);
    g_assert_cmpuint (ack_len, ==, EAP_FRAMES_HEADER_LEN);
    g_assert_cmpint (eap_frames_take (from, ack, ack_len, &why), ==, EAP_FRAMES_NEXT);
  }
  g_assert_cmpint (taken, ==, EAP_FRAMES_MESSAGE);
  g_assert_cmpmem (to->in->data, to->in->len, data, len);
  g_assert_false (eap_frames_has_more (from));
  return n;
}

static void
test_round (gconstpointer type)
{
  static const gsize lens[] = { 0, 1, 93, 94, 95, 183, 184, 185, 1000, EAP_FRAMES_MESSAGE_MAX };
  static guint8 data[EAP_FRAMES_MESSAGE_MAX];
  EapFrames server, peer;

  for (gsize i = 0; i < sizeof data; i++)
    data[i] = (guint8) (i * 7);
  open_both (&server, &peer, (guint8) GPOINTER_TO_UINT (type));
  for (guint i = 0; i < G_N_ELEMENTS (lens); i++) {
    guint n = send_all (&server, &peer, data, lens[i]);
    g_assert_cmpuint (n, ==, send_all (&peer, &server, data, lens[i]));
    g_assert_cmpuint (n, ==, lens[i] <= 94 ? 1 : 1 + (lens[i] - 90 + 93) / 94);
  }
  close_both (&server, &peer);
}

typedef struct {
  const char *name;
  guint8 type;
  struct {
    guint8 bytes[12]; /* flags and what follows */
    gsize len;
  } packets[3];    /* that the server gets; the last one is refused */
  const char *why; /* NULL: it is a message */
} Case;

#define L 0x80
#define M 0x40

static const Case cases[] = {
  { "whole", 13, { { { 0, 'a', 'b' }, 3 } }, NULL },
  { "whole-with-its-length", 13, { { { L, 0, 0, 0, 2, 'a', 'b' }, 7 } }, NULL },
  { "reserved-bits", 13, { { { 0x1f, 'a', 'b' }, 3 } }, NULL },
  { "two-fragments", 13, { { { L | M, 0, 0, 0, 2, 'a' }, 6 }, { { 0, 'b' }, 2 } }, NULL },
  { "the-length-again",
    13,
    { { { L | M, 0, 0, 0, 2, 'a' }, 6 }, { { L, 0, 0, 0, 2, 'b' }, 6 } },
    NULL },
  { "longer-than-said", 13, { { { L, 0, 0, 0, 1, 'a', 'b' }, 7 } }, "longer" },
  { "shorter-than-said", 13, { { { L, 0, 0, 0, 3, 'a', 'b' }, 7 } }, "shorter" },
  { "half-a-length", 13, { { { L, 0, 0 }, 3 } }, "cut" },
  { "no-flags", 13, { { { 0 }, 0 } }, "cut" },
  { "a-huge-length", 13, { { { L | M, 0xff, 0xff, 0xff, 0xff, 'a' }, 6 } }, "65536" },
  { "just-too-long", 13, { { { L | M, 0, 1, 0, 1, 'a' }, 6 } }, "65536" },
  { "a-first-fragment-without-a-length", 13, { { { M, 'a' }, 2 } }, "how long" },
  { "another-length-later",
    13,
    { { { L | M, 0, 0, 0, 2, 'a' }, 6 }, { { L, 0, 0, 0, 3, 'b' }, 6 } },
    "another length" },
  { "an-empty-fragment", 13, { { { L | M, 0, 0, 0, 2 }, 5 } }, "empty" },
  { "an-empty-second-fragment", 13, { { { L | M, 0, 0, 0, 2, 'a' }, 6 }, { { M }, 1 } }, "empty" },
  { "an-end-that-is-missing", 13, { { { L | M, 0, 0, 0, 2, 'a' }, 6 }, { { 0 }, 1 } }, "shorter" },
  { "more-when-all-is-there", 13, { { { L | M, 0, 0, 0, 1, 'a' }, 6 } }, "do not end" },
  { "a-length-of-zero-and-more", 13, { { { L | M, 0, 0, 0, 0 }, 5 } }, "empty" },
  { "another-version", 21, { { { 1, 'a' }, 2 } }, "version" },
  { "another-version-of-peap", 25, { { { 2, 'a' }, 2 } }, "version" },
};

static void
test_case (gconstpointer data)
{
  const Case *c = data;
  EapFramesTaken taken = EAP_FRAMES_NEXT;
  EapFrames frames;
  const char *why = NULL;

  eap_frames_init (&frames, c->type, TRUE, SIZE);
  for (guint i = 0; i < G_N_ELEMENTS (c->packets) && taken == EAP_FRAMES_NEXT; i++) {
    gsize len = 5 + c->packets[i].len;
    g_autofree guint8 *packet = g_malloc0 (len);

    packet[4] = c->type;
    memcpy (packet + 5, c->packets[i].bytes, c->packets[i].len);
    taken = eap_frames_take (&frames, packet, len, &why);
  }
  g_assert_cmpint (taken, ==, c->why ? EAP_FRAMES_BAD : EAP_FRAMES_MESSAGE);
  if (c->why)
    g_assert_nonnull (strstr (why, c->why));
  else
    g_assert_cmpmem (frames.in->data, frames.in->len, "ab", 2);
  eap_frames_clear (&frames);
}

/* A peer hears Start first, and once; and nobody speaks while a fragment waits for its answer. */
static void
test_order (void)
{
  static const guint8 start[] = { 1, 1, 0, 6, 13, 0x20 }, data[] = { 1, 1, 0, 7, 13, 0, 'a' },
                      other[] = { 1, 1, 0, 6, 21, 0x20 };
  static const guint8 much[3 * SIZE];
  EapFrames peer;
  const char *why;
  gsize len;

  eap_frames_init (&peer, 13, FALSE, SIZE);
  g_assert_cmpint (eap_frames_take (&peer, data, sizeof data, &why), ==, EAP_FRAMES_BAD);
  g_assert_cmpint (eap_frames_take (&peer, other, sizeof other, &why), ==, EAP_FRAMES_BAD);
  g_assert_cmpint (eap_frames_take (&peer, start, sizeof start, &why), ==, EAP_FRAMES_START);
  g_assert_cmpint (eap_frames_take (&peer, start, sizeof start, &why), ==, EAP_FRAMES_BAD);
  eap_frames_put (&peer, much, sizeof much);
  g_free (eap_frames_packet (&peer, 1, &len));
  g_assert_cmpint (eap_frames_take (&peer, data, sizeof data, &why), ==, EAP_FRAMES_BAD);
  g_assert_nonnull (strstr (why, "acknowledged"));
  eap_frames_clear (&peer);
}

int
main (int argc, char **argv)
{
  static const guint types[] = { 13, 21, 25 };

  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (types); i++) {
    g_autofree char *path = g_strdup_printf ("/frames/%u/all-lengths", types[i]);
    g_test_add_data_func (path, GUINT_TO_POINTER (types[i]), test_round);
  }
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *path = g_strconcat ("/frames/", cases[i].name, NULL);
    g_test_add_data_func (path, &cases[i], test_case);
  }
  g_test_add_func ("/frames/order", test_order);
  return g_test_run ();
}
