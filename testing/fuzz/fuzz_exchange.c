/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_exchange.c - a script against two live engines: messages of any content, clear or sealed
 * with the right keys, changed repeats of what they said, time, and commands.  Whatever it does, in
 * the end everything can be taken down and nothing is left in the kernel.  Needs IKE_TOP_BUILDDIR:
 * the plugins are those of the build. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "exchange/forge.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

enum { STEPS_MAX = 64, SENT_MAX = 256 };

typedef struct { const guint8 *at; gsize left; } Script;

static Forge *forge;
/* The IKE SA of the last keys, and the one that it may have replaced. */
static ForgeSa newest, before;
static char *up_error;
static gboolean is_up_running;

static guint
next (Script *s)
{
  if (!s->left)
    return 0;
  s->left--;
  return *s->at++;
}

static const guint8 *
take (Script *s, gsize *len)
{
  const guint8 *at = s->at;

  *len = MIN (*len, s->left);
  s->at += *len;
  s->left -= *len;
  return at;
}

static void
check (gboolean is_true, const char *what)
{
  if (is_true)
    return;
  g_printerr ("%s\n", what);
  abort ();
}

static void
force_down (PairEnd *end)
{
  IkeTree *args = ike_tree_new_section ();
  char *error = NULL;

  ike_tree_set_bool (args, "force", TRUE);
  ike_tree_set_bool (args, "all", TRUE);
  ike_tree_free (pair_command (end, "down", args, &error));
  g_free (error);
}

static void
begin (Script *s)
{
  if (is_up_running && !up_error)
    return;
  g_clear_pointer (&up_error, g_free);
  is_up_running = TRUE;
  pair_begin_up (forge->pair, &forge->pair->a, "pair", next (s) & 1 ? "pfs" : "net", &up_error);
  forge_run_ms (forge, 50);
}

static void
notice_keys (void)
{
  if (forge->spi_i == newest.spi_i && forge->spi_r == newest.spi_r)
    return;
  before = newest;
  newest = forge_sa (forge);
}

/* A message with the header that fits best, and any content. */
static void
say (Script *s, gboolean is_clear)
{
  guint how = next (s), exchange = next (s), id = next (s), first = next (s);
  gsize len = next (s) | (gsize) (next (s) & 15) << 8;
  const guint8 *plain = take (s, &len);
  ForgeHead head = { .from_a = how & 1, .is_response = (how & 2) != 0, .is_clear = is_clear,
                     .exchange = (guint8) (how & 4 ? exchange : 34 + exchange % 4), .id = id };
  guint8 message[8192];

  if (!is_clear && !forge->keys[FORGE_SK_EI].len)
    return;
  if (how & 32 && !is_clear) {
    head.is_fragment = TRUE;
    head.number = (guint16) next (s);
    head.total = (guint16) next (s);
  }
  if (how & 8) {
    const ForgePacket *newest = forge_sent (forge, FALSE, 0);
    head.spi_i = G_GUINT64_CONSTANT (0x7700000000000000) | how;
    if (newest && how & 16) {
      memcpy (&head.spi_i, newest->data, 8);
      head.spi_i = GUINT64_FROM_BE (head.spi_i);
    }
  }
  if (how & 64 && before.keys[FORGE_SK_EI].len)
    forge_use (forge, &before);
  len = forge_write_plain (forge, &head, (guint8) first, plain, len, message);
  forge_use (forge, &newest);
  forge_inject (forge, how & 128 ? !head.from_a : head.from_a, message, len);
}

/* What was sent once, changed in so many bytes; a sealed one is opened, changed inside, and sealed
 * again. */
static void
repeat (Script *s)
{
  guint how = next (s), which = next (s), n = next (s) % 8, i;
  const ForgePacket *p = forge->sent->len ? forge->sent->pdata[which % forge->sent->len] : NULL;
  gboolean to_b = (how & 2) != 0;
  guint8 message[8192], plain[8192], first;
  guint cut = how & 8 ? next (s) : 0;
  gsize len;

  if (!p || p->len > 4096)
    return;
  if (how & 1 && p->data[16] == IKE_PAYLOAD_SK && forge_open (forge, p, &first, plain, &len)) {
    ForgeHead head = { .from_a = (p->data[19] & IKE_FLAG_INITIATOR) != 0,
                       .is_response = (p->data[19] & IKE_FLAG_RESPONSE) != 0,
                       .exchange = p->data[18],
                       .id = how & 4 ? next (s) : p->data[23] };
    for (i = 0; i < n; i++) {
      guint at = next (s) | next (s) << 8;
      if (len)
        plain[at % len] ^= (guint8) next (s);
    }
    len = forge_write_plain (forge, &head, first, plain, len - MIN (len, cut), message);
    to_b = head.from_a;
  } else {
    memcpy (message, p->data, len = p->len);
    for (i = 0; i < n; i++) {
      guint at = next (s) | next (s) << 8;
      message[at % len] ^= (guint8) next (s);
    }
    len -= MIN (len, cut);
  }
  forge_inject (forge, to_b, message, len);
}

static void
raw (Script *s)
{
  guint how = next (s);
  gsize len = next (s) | (gsize) (next (s) & 15) << 8;
  const guint8 *bytes = take (s, &len);

  forge_inject (forge, how & 1, bytes, len);
}

static void
set_loss (Script *s)
{
  guint exchange = next (s);
  IkeSimRule rule = { .struct_size = sizeof rule,
                      .action = exchange >> 2 & 1 ? IKE_SIM_DUPLICATE : IKE_SIM_DROP,
                      .exchange = 34 + exchange % 4,
                      .which = exchange >> 3 & 1 ? IKE_SIM_REQUEST : IKE_SIM_ANY,
                      .n_times = exchange >> 4 };

  forge->pair->a.net_ops->rule_add (forge->pair->a.net, &rule);
}

static void
begin_operation (IkeSa *sa, gpointer data)
{
  static const char *const names[] = { "delete", "liveness", "rekey", "rekey-child" };
  guint which = GPOINTER_TO_UINT (data) & 3;
  IkeChild *child = ike_sa_child (sa, 0);
  IkeChildRef ref = { 0 };

  if (child)
    ref = ike_child_ref (child);
  if (which < 3)
    ike_sa_begin (sa, names[which], NULL, NULL, NULL);
  else if (child)
    ike_sa_begin (sa, names[which], g_memdup2 (&ref, sizeof ref), NULL, NULL);
}

static void
step (Script *s)
{
  guint what = next (s);

  notice_keys ();
  switch (what % 10) {
  case 0: say (s, TRUE); break;
  case 1: case 2: say (s, FALSE); break;
  case 3: case 4: repeat (s); break;
  case 5: raw (s); break;
  case 6: begin (s); break;
  case 7: forge_run_ms (forge, 20 * next (s)); break;
  case 8: set_loss (s); break;
  default:
    forge_on_sa (what & 16 ? &forge->pair->a : &forge->pair->b, what & 16 ? &forge->a : &forge->b,
                 begin_operation, GUINT_TO_POINTER (what >> 5));
    break;
  }
  if (forge->sent->len > SENT_MAX)
    forge_clear (forge);
}

static void
end (void)
{
  Pair *pair = forge->pair;
  PairEnd *const ends[] = { &pair->a, &pair->b };
  guint i;

  pair->a.net_ops->rule_remove (pair->a.net, 0);
  for (i = 0; i < 2; i++)
    force_down (ends[i]);
  forge_run_ms (forge, 100);
  for (i = 0; i < 2; i++) {
    check (forge_n_sas (ends[i]) == 0, "an SA is left");
    check (ends[i]->kernel_ops->n_sas (ends[i]->kernel) == 0, "an SA is left in the kernel");
    check (ends[i]->kernel_ops->n_policies (ends[i]->kernel) == 0,
           "a policy is left in the kernel");
    check (ends[i]->kernel_ops->n_spis (ends[i]->kernel) == 0, "an SPI is left in the kernel");
    g_string_truncate (ends[i]->log, 0);
  }
  check (!is_up_running || up_error != NULL, "an `up` got no answer");
  g_clear_pointer (&up_error, g_free);
  is_up_running = FALSE;
  forge_clear (forge);
  memset (forge->keys, 0, sizeof forge->keys);
  newest = before = (ForgeSa) { 0 };
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  static const char body[] = "proposals = aes256gcm16-prfsha256-x25519-ecp256\n children {\n net { "
                             "esp_proposals = aes256gcm16\n }\n"
                             " pfs { local_ts = dynamic\n remote_ts = dynamic\n esp_proposals = "
                             "aes128-sha256-x25519\n } }\n";
  /* Somebody else who may come has a certificate. */
  static const char more[]
    = "connections { cert { remote_addrs = 10.0.0.1\n local { auth = psk\n id = b.test\n }\n"
      "  remote { auth = pubkey\n }\n proposals = aes256gcm16-prfsha256-x25519\n ocsp = both\n"
      "  children { net { } } } }\n";
  static const char *const plugins[] = { "credentials", "auth-pubkey", NULL };
  Script script = { data, size };
  guint n;

  if (!forge)
    forge = forge_new (&(PairOptions) { .connection = { body, body },
                                        .more = { NULL, more },
                                        .plugins = plugins });
  for (n = 0; script.left && n < STEPS_MAX; n++)
    step (&script);
  end ();
  return 0;
}
