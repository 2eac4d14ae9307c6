/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_first.c - first messages against a responder that asks for cookies and puzzles, and its
 * answers against an initiator that solves them.  Nobody unproven gets more than it sent, and
 * nothing is half open of who brought no good cookie.  Needs IKE_TOP_BUILDDIR: the plugins are
 * those of the build. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "exchange/first.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

enum { CUT_MAX = 256 };

static const char *const plugins[] = { "cookie", "puzzle", NULL };
static const char anybody[] = "remote_addrs = %any\n proposals = aes256gcm16-prfsha256-x25519\n "
                              "children { net { local_ts = 10.2.0.0/16\n remote_ts = 10.1.0.0/16\n"
                              " esp_proposals = aes256gcm16\n } }\n";
static const char easy[] =
    "plugins { cookie { always = yes\n }\n"
    "  puzzle { threshold = 1\n difficulty = 8\n difficulty_max = 8\n solve_max = 9\n } }\n";

static Forge *forge;
static FirstAnswer known; /* the cookie for a first message of no other parts */

static void
check (gboolean is_true, const char *what)
{
  if (is_true)
    return;
  g_printerr ("%s\n", what);
  abort ();
}

static const guint8 *
take (const uint8_t **data, size_t *size, gsize *len)
{
  const guint8 *at = *data;

  *len = *size ? MIN ((gsize) * *data, *size - 1) : 0;
  at += *size > 0;
  *data = at + *len;
  *size -= *size ? *len + 1 : 0;
  return at;
}

/* The good cookie, with bytes of @change on it; a solution; an SA. */
static void
ask (guint how, const uint8_t *data, size_t size)
{
  guint8 cookie[CUT_MAX], message[FIRST_MAX];
  First first = { .spi = SPI + 7, .port = (guint16) (how & 8 ? 501 : 500) };
  guint n_before = forge_n_sas (&forge->pair->b);
  gsize len, change_len, i;
  const guint8 *change = take (&data, &size, &change_len);
  const ForgePacket *reply;

  memset (cookie, 0, sizeof cookie);
  memcpy (cookie, known.cookie, known.cookie_len);
  for (i = 0; i < change_len && i < sizeof cookie; i++)
    cookie[i] ^= change[i];
  if (how & 1) {
    first.cookie = cookie;
    first.cookie_len = how & 2 ? MIN (change_len, sizeof cookie) : known.cookie_len;
  }
  if (how & 4)
    first.solution = take (&data, &size, &first.solution_len);
  len = first_write (forge, &first, message);
  if (how & 16 && size)
    message[16] = data[0];
  forge_clear (forge);
  forge_inject_from (forge, "172.16.0.1", first.port, TRUE, message, len);
  forge_run_ms (forge, 30);
  check (!first_answer (forge, 1), "more than one answer");
  reply = first_answer (forge, 0);
  check (!reply || reply->len <= len || how & 1, "an answer longer than its message");
  check (how & 1 || forge_n_sas (&forge->pair->b) == n_before, "an SA without a cookie");
}

/* What `a` makes of a cookie and a puzzle of any form. */
static void
answer (const uint8_t *data, size_t size)
{
  guint8 cookie[4 + CUT_MAX] = { 0, 0, 0x40, 6 }, puzzle[4 + CUT_MAX] = { 0, 0, 0x40, 50 };
  ForgeChain chain = { 0 };
  const ForgePacket *request;
  guint64 spi;
  gsize len;
  const guint8 *part = take (&data, &size, &len);
  char *error;

  memcpy (cookie + 4, part, len);
  forge_add (&chain, IKE_PAYLOAD_NOTIFY, cookie, 4 + len);
  part = take (&data, &size, &len);
  memcpy (puzzle + 4, part, len);
  if (len > 2)
    puzzle[4 + 2] %= 12; /* no work without end */
  forge_add (&chain, IKE_PAYLOAD_NOTIFY, puzzle, 4 + len);
  forge_clear (forge);
  pair_begin_up (forge->pair, &forge->pair->a, "pair", "net", &error);
  forge_run_ms (forge, 5);
  request = forge_sent (forge, FALSE, 0);
  check (request != NULL, "nothing was asked");
  memcpy (&spi, request->data, sizeof spi);
  forge_send (forge,
              &(ForgeHead){ .is_response = TRUE,
                            .exchange = EX_INIT,
                            .is_clear = TRUE,
                            .spi_i = GUINT64_FROM_BE (spi) },
              &chain);
  pair_run (forge->pair, 200);
  check (error != NULL, "up never ends");
  g_free (error);
}

static void
end (void)
{
  PairEnd *const ends[] = { &forge->pair->a, &forge->pair->b };
  guint i;

  for (i = 0; i < 2; i++) {
    IkeTree *args = ike_tree_new_section ();
    char *error = NULL;
    ike_tree_set_bool (args, "force", TRUE);
    ike_tree_set_bool (args, "all", TRUE);
    ike_tree_free (pair_command (ends[i], "down", args, &error));
    g_free (error);
    g_string_truncate (ends[i]->log, 0);
  }
  pair_run (forge->pair, 35);
  check (forge_n_sas (&forge->pair->b) == 0, "an SA is left");
  forge_clear (forge);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  if (!size)
    return 0;
  if (!forge)
    forge = forge_new (&(PairOptions){
        .connection = { attack_bodies[0], anybody }, .more = { easy, easy }, .plugins = plugins });
  known = first_send (forge, &(First){ .spi = SPI + 7 });
  check (first_is_cookie (&known), "no cookie was asked for");
  if (data[0] & 0x80)
    answer (data + 1, size - 1);
  else {
    First first = { .spi = SPI + 8 };
    FirstAnswer other = first_send (forge, &first);
    first.cookie = other.cookie;
    first.cookie_len = other.cookie_len;
    /* One is half open: now it is puzzles. */
    first_send (forge, &first);
    known = first_send (forge, &(First){ .spi = SPI + 7 });
    ask (data[0], data + 1, size - 1);
  }
  end ();
  return 0;
}
