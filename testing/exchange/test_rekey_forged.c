/* SPDX-License-Identifier: Apache-2.0 */
/* test_rekey_forged.c - a peer that knows the keys and replaces SAs as it should not: malformed,
 * too often, too early, of what goes, in the middle of something; and that closes what was
 * replaced, and what replaced it, in any order. */
#include "exchange/attacks.h"

enum { GROUP_X25519 = 31, GROUP_ECP256 = 19 };

/* -- requests */

typedef struct {
  ForgeChain chain;
  guint8 sa[80], ke[4 + 32], nonce[32], notify[4 + 8];
} Request;

static void
put32 (guint8 *at, guint32 value)
{
  value = GUINT32_TO_BE (value);
  memcpy (at, &value, sizeof value);
}

/* AES-GCM-16 with 256 bits, and what else that protocol needs. */
static gsize
write_sa (guint8 *out, guint8 protocol, gsize spi_len, guint64 spi)
{
  static const guint8 gcm[] = { 3, 0, 0, 12, 1, 0, 0, 20, 0x80, 14, 1, 0 },
                      ike[] = { 3, 0, 0, 8, 2, 0, 0, 5, 0, 0, 0, 8, 4, 0, 0, GROUP_X25519 },
                      esp[] = { 0, 0, 0, 8, 5, 0, 0, 0 };
  gboolean is_ike = protocol == IKE_PROTOCOL_IKE;
  gsize rest = is_ike ? sizeof ike : sizeof esp, len = 8 + spi_len + sizeof gcm + rest, i;

  memcpy (out, (guint8[]){ 0, 0, 0, (guint8) len, 1, protocol, (guint8) spi_len, is_ike ? 3 : 2 },
          8);
  for (i = 0; i < spi_len; i++)
    out[8 + i] = i < 8 ? (guint8) (spi >> 8 * (MIN (spi_len, 8) - 1 - i)) : 0;
  memcpy (out + 8 + spi_len, gcm, sizeof gcm);
  memcpy (out + 8 + spi_len + sizeof gcm, is_ike ? ike : esp, rest);
  return len;
}

static void
add_nonce (Request *r, guint8 first)
{
  memset (r->nonce, first, sizeof r->nonce);
  forge_add (&r->chain, IKE_PAYLOAD_NONCE, r->nonce, sizeof r->nonce);
}

static void
add_ke (Request *r, guint8 group)
{
  memset (r->ke, 0, sizeof r->ke);
  r->ke[1] = group;
  r->ke[4] = 9; /* the base point: somebody's public value */
  forge_add (&r->chain, IKE_PAYLOAD_KE, r->ke, sizeof r->ke);
}

static Request *
of_ike (guint64 spi)
{
  Request *r = g_new0 (Request, 1);

  forge_add (&r->chain, IKE_PAYLOAD_SA, r->sa, write_sa (r->sa, IKE_PROTOCOL_IKE, 8, spi));
  add_nonce (r, 1);
  add_ke (r, GROUP_X25519);
  return r;
}

static const guint8 net_i[] = { 1,   0,   0,  0, 7, 0, 0,  16, 0,   0,
                                255, 255, 10, 1, 0, 0, 10, 1,  255, 255 },
                    net_r[] = { 1,   0,   0,  0, 7, 0, 0,  16, 0,   0,
                                255, 255, 10, 2, 0, 0, 10, 2,  255, 255 };

static Request *
of_child_as (guint8 protocol, gsize spi_len, guint32 old, guint32 spi)
{
  Request *r = g_new0 (Request, 1);

  r->notify[0] = protocol;
  r->notify[1] = (guint8) spi_len;
  r->notify[2] = IKE_N_REKEY_SA >> 8;
  r->notify[3] = IKE_N_REKEY_SA & 255;
  put32 (r->notify + 4, old);
  forge_add (&r->chain, IKE_PAYLOAD_NOTIFY, r->notify, 4 + spi_len);
  forge_add (&r->chain, IKE_PAYLOAD_SA, r->sa, write_sa (r->sa, IKE_PROTOCOL_ESP, 4, spi));
  add_nonce (r, 1);
  forge_add (&r->chain, IKE_PAYLOAD_TSI, net_i, sizeof net_i);
  forge_add (&r->chain, IKE_PAYLOAD_TSR, net_r, sizeof net_r);
  return r;
}

static Request *
of_child (guint32 old, guint32 spi)
{
  return of_child_as (IKE_PROTOCOL_ESP, 4, old, spi);
}

static Request *
of_delete (guint8 protocol, guint n, const guint32 *spis)
{
  Request *r = g_new0 (Request, 1);
  guint i;

  memcpy (r->sa, (guint8[]){ protocol, n ? 4 : 0, 0, (guint8) n }, 4);
  for (i = 0; i < n; i++)
    put32 (r->sa + 4 + 4 * i, spis[i]);
  forge_add (&r->chain, IKE_PAYLOAD_DELETE, r->sa, 4 + 4 * n);
  return r;
}

/* -- `b` is tried, as if by `a` */

typedef struct {
  Forge *forge;
  PairEnd *b;
  ForgeSa sa, heir;          /* the first; the last that replaced one */
  guint32 id;                /* of the next request on the first */
  guint32 peer_spi, our_spi; /* of the child, as seen by `b` */
} Bed;

static void
get_spis (IkeSa *sa, gpointer data)
{
  Bed *bed = data;
  IkeChild *child = ike_sa_child (sa, 0);

  bed->peer_spi = ike_child_spi (child, FALSE);
  bed->our_spi = ike_child_spi (child, TRUE);
}

static Bed *
bed_new (gconstpointer flags)
{
  PairOptions o = attack_options_of (flags);
  Bed *bed = g_new0 (Bed, 1);

  bed->forge = forge_new (&o);
  bed->b = &bed->forge->pair->b;
  attack_up (bed->forge, "net");
  bed->sa = forge_sa (bed->forge);
  bed->id = 2;
  forge_on_sa (bed->b, &bed->forge->b, get_spis, bed);
  forge_clear (bed->forge);
  return bed;
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

/* Whatever was done to it, a command ends it at once, and the kernel has nothing left. */
static void
bed_free (Bed *bed)
{
  PairEnd *const ends[] = { &bed->forge->pair->a, &bed->forge->pair->b };
  guint i;

  for (i = 0; i < 2; i++)
    force_down (ends[i]);
  forge_run_ms (bed->forge, 100);
  for (i = 0; i < 2; i++) {
    attack_assert_no_sa (ends[i]);
    g_assert_cmpuint (ends[i]->kernel_ops->n_policies (ends[i]->kernel), ==, 0);
  }
  forge_free (bed->forge);
  g_free (bed);
}

/* `b` may have asked something itself meanwhile. */
static const ForgePacket *
answer (Bed *bed)
{
  const ForgePacket *packet;
  guint i;

  for (i = 0; (packet = forge_sent (bed->forge, TRUE, i)); i++)
    if (packet->data[19] & IKE_FLAG_RESPONSE)
      return packet;
  return NULL;
}

static int
tell (Bed *bed, const ForgeSa *on, guint8 exchange, guint32 id, Request *take)
{
  g_autofree Request *r = take;

  forge_clear (bed->forge);
  forge_use (bed->forge, on);
  forge_send (bed->forge, &(ForgeHead){ .from_a = TRUE, .exchange = exchange, .id = id },
              &r->chain);
  forge_run_ms (bed->forge, 20);
  bed->heir = forge_sa (bed->forge);
  forge_use (bed->forge, on);
  return forge_says (bed->forge, answer (bed));
}

static int
ask (Bed *bed, Request *take)
{
  return tell (bed, &bed->sa, EX_CHILD, bed->id++, take);
}

static int
close_ (Bed *bed, Request *take)
{
  return tell (bed, &bed->sa, EX_INFO, bed->id++, take);
}

static int
close_ike (Bed *bed, const ForgeSa *which, guint32 id)
{
  return tell (bed, which, EX_INFO, id, of_delete (IKE_PROTOCOL_IKE, 0, NULL));
}

static void
begin (IkeSa *sa, gpointer operation)
{
  g_assert_true (ike_sa_begin (sa, operation, NULL, NULL, NULL));
}

static void
begin_of_child (IkeSa *sa, gpointer operation)
{
  IkeChild *child = ike_sa_child (sa, 0);
  IkeChildRef ref = ike_child_ref (child);

  g_assert_true (ike_sa_begin (sa, operation, g_memdup2 (&ref, sizeof ref), NULL, NULL));
}

/* What `b` asks is lost from now on. */
static void
begin_unheard (Bed *bed, void (*how) (IkeSa *sa, gpointer data), const char *operation)
{
  attack_drop (bed->forge, EX_CHILD, IKE_SIM_REQUEST);
  attack_drop (bed->forge, EX_INFO, IKE_SIM_REQUEST);
  forge_on_sa (bed->b, &bed->forge->b, how, (gpointer) operation);
  forge_run_ms (bed->forge, 20);
}

static guint
n_in_kernel (Bed *bed)
{
  return bed->b->kernel_ops->n_sas (bed->b->kernel);
}

/* -- malformed, or of what is not there */

static void
test_wrong_notify (gconstpointer flags)
{
  static const struct {
    guint8 protocol, spi_len;
    gboolean is_known, is_ours;
    int says;
  } rows[] = {
    { IKE_PROTOCOL_ESP, 4, TRUE, FALSE, FORGE_OTHER },
    { IKE_PROTOCOL_ESP, 4, FALSE, FALSE, IKE_N_CHILD_SA_NOT_FOUND },
    { IKE_PROTOCOL_ESP, 4, TRUE, TRUE, IKE_N_CHILD_SA_NOT_FOUND },
    { IKE_PROTOCOL_AH, 4, TRUE, FALSE, IKE_N_CHILD_SA_NOT_FOUND },
    { IKE_PROTOCOL_IKE, 4, TRUE, FALSE, IKE_N_CHILD_SA_NOT_FOUND },
    { 0, 4, TRUE, FALSE, IKE_N_CHILD_SA_NOT_FOUND },
    { 99, 4, TRUE, FALSE, IKE_N_CHILD_SA_NOT_FOUND },
    { IKE_PROTOCOL_ESP, 0, TRUE, FALSE, IKE_N_INVALID_SYNTAX },
    { IKE_PROTOCOL_ESP, 3, TRUE, FALSE, IKE_N_INVALID_SYNTAX },
    { IKE_PROTOCOL_ESP, 8, TRUE, FALSE, IKE_N_INVALID_SYNTAX },
  };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (rows); i++) {
    Bed *bed = bed_new (flags);
    guint32 old = !rows[i].is_known ? 0x11223344 : rows[i].is_ours ? bed->our_spi : bed->peer_spi;
    guint64 spis = bed->b->kernel_ops->n_calls (bed->b->kernel, IKE_FAKE_GET_SPI);

    g_test_message ("row %u", i);
    g_assert_cmpint (ask (bed, of_child_as (rows[i].protocol, rows[i].spi_len, old, 0x99887766)),
                     ==, rows[i].says);
    if (rows[i].says != FORGE_OTHER)
      g_assert_cmpuint (bed->b->kernel_ops->n_calls (bed->b->kernel, IKE_FAKE_GET_SPI), ==, spis);
    /* RFC 7296, 2.21.3: what is malformed ends the SA. */
    g_assert_cmpuint (forge_n_sas (bed->b), ==, rows[i].says == IKE_N_INVALID_SYNTAX ? 0 : 1);
    bed_free (bed);
  }
}

static void
test_wrong_ike_request (gconstpointer flags)
{
  static const struct {
    gsize spi_len;
    guint64 spi;
    guint8 group, ke_len; /* 0: no KE payload */
    gsize nonce_len;
    int says;
  } rows[] = {
    { 8, SPI, GROUP_X25519, 36, 32, FORGE_OTHER },
    { 0, 0, GROUP_X25519, 36, 32, IKE_N_NO_PROPOSAL_CHOSEN },
    { 4, SPI, GROUP_X25519, 36, 32, IKE_N_NO_PROPOSAL_CHOSEN },
    { 7, SPI, GROUP_X25519, 36, 32, IKE_N_NO_PROPOSAL_CHOSEN },
    { 16, SPI, GROUP_X25519, 36, 32, IKE_N_NO_PROPOSAL_CHOSEN },
    { 8, 0, GROUP_X25519, 36, 32, IKE_N_NO_PROPOSAL_CHOSEN },
    { 8, SPI, 0, 0, 32, IKE_N_INVALID_KE_PAYLOAD },
    { 8, SPI, GROUP_ECP256, 36, 32, IKE_N_INVALID_KE_PAYLOAD },
    { 8, SPI, GROUP_X25519, 35, 32, IKE_N_INVALID_SYNTAX },
    { 8, SPI, GROUP_X25519, 4, 32, IKE_N_INVALID_SYNTAX },
    { 8, SPI, GROUP_X25519, 36, 15, IKE_N_INVALID_SYNTAX },
    { 8, SPI, GROUP_X25519, 36, 0, IKE_N_INVALID_SYNTAX },
  };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (rows); i++) {
    Bed *bed = bed_new (flags);
    Request *r = g_new0 (Request, 1);
    guint n_keys = bed->forge->b.n_keys;

    g_test_message ("row %u", i);
    forge_add (&r->chain, IKE_PAYLOAD_SA, r->sa,
               write_sa (r->sa, IKE_PROTOCOL_IKE, rows[i].spi_len, rows[i].spi));
    forge_add (&r->chain, IKE_PAYLOAD_NONCE, r->nonce, rows[i].nonce_len);
    r->ke[1] = rows[i].group;
    r->ke[4] = 9;
    if (rows[i].ke_len)
      forge_add (&r->chain, IKE_PAYLOAD_KE, r->ke, rows[i].ke_len);
    g_assert_cmpint (ask (bed, r), ==, rows[i].says);
    g_assert_cmpuint (bed->forge->b.n_keys - n_keys, ==, rows[i].says == FORGE_OTHER);
    g_assert_cmpuint (n_in_kernel (bed), ==, rows[i].says == IKE_N_INVALID_SYNTAX ? 0 : 2);
    bed_free (bed);
  }
}

/* -- once more */

static void
test_repeats (gconstpointer flags)
{
  Bed *bed = bed_new (flags);
  g_autofree Request *first = of_ike (SPI), *other = of_ike (SPI + 1);
  ForgeHead head = { .from_a = TRUE, .exchange = EX_CHILD, .id = bed->id };
  guint8 message[2048];
  gsize len = forge_write (bed->forge, &head, &first->chain, message);
  guint n_keys = bed->forge->b.n_keys, i;

  for (i = 0; i < 5; i++) {
    forge_use (bed->forge, &bed->sa);
    forge_inject (bed->forge, TRUE, message, len);
    forge_run_ms (bed->forge, 20);
  }
  /* Each time the same answer, and one heir. */
  g_assert_cmpuint (forge_n_sent (bed->forge, TRUE), ==, 5);
  for (i = 1; i < 5; i++)
    g_assert_cmpmem (forge_sent (bed->forge, TRUE, 0)->data, forge_sent (bed->forge, TRUE, 0)->len,
                     forge_sent (bed->forge, TRUE, i)->data, forge_sent (bed->forge, TRUE, i)->len);
  forge_clear (bed->forge);
  forge_use (bed->forge, &bed->sa);
  forge_send (bed->forge, &head, &other->chain);
  forge_run_ms (bed->forge, 20);
  g_assert_cmpuint (forge_n_sent (bed->forge, TRUE), ==, 0);
  g_assert_cmpuint (bed->forge->b.n_keys, ==, n_keys + 1);
  /* What was replaced is not replaced once more. */
  bed->id++;
  g_assert_cmpint (ask (bed, of_ike (SPI + 2)), ==, IKE_N_TEMPORARY_FAILURE);
  g_assert_cmpuint (bed->forge->b.n_keys, ==, n_keys + 1);
  bed_free (bed);
}

static void
test_child_twice (gconstpointer flags)
{
  Bed *bed = bed_new (flags);
  guint i;

  g_assert_cmpint (ask (bed, of_child (bed->peer_spi, 0x99000001)), ==, FORGE_OTHER);
  for (i = 2; i < 10; i++)
    g_assert_cmpint (ask (bed, of_child (bed->peer_spi, 0x99000000 + i)), ==,
                     IKE_N_TEMPORARY_FAILURE);
  g_assert_cmpuint (bed->b->kernel_ops->n_spis (bed->b->kernel), ==, 0);
  /* Two inbound, one outbound: the old one sends till it is closed. */
  g_assert_cmpuint (n_in_kernel (bed), ==, 3);
  bed_free (bed);
}

/* -- while `b` replaces it, too */

static void
test_many_rivals (gconstpointer flags)
{
  Bed *bed = bed_new (flags);
  guint n_keys = bed->forge->b.n_keys, i;

  begin_unheard (bed, begin, "rekey");
  g_assert_cmpint (ask (bed, of_ike (SPI)), ==, FORGE_OTHER);
  for (i = 1; i < 10; i++)
    g_assert_cmpint (ask (bed, of_ike (SPI + i)), ==, IKE_N_TEMPORARY_FAILURE);
  g_assert_cmpuint (bed->forge->b.n_keys, ==, n_keys + 1);
  bed_free (bed);
}

/* It may be closed, or asked whether it lives; nothing is made in it, and it is not replaced. */
static void
test_heir_too_early (gconstpointer flags)
{
  Bed *bed = bed_new (flags);
  ForgeSa rival;
  guint64 calls;
  guint n_keys;

  begin_unheard (bed, begin, "rekey");
  g_assert_cmpint (ask (bed, of_ike (SPI)), ==, FORGE_OTHER);
  rival = bed->heir;
  g_assert_cmpuint (rival.spi_i, ==, SPI);
  n_keys = bed->forge->b.n_keys;
  calls = forge_n_kernel_calls (bed->b);
  g_assert_cmpint (tell (bed, &rival, EX_CHILD, 0, of_child (0, 0x99000001)), ==,
                   IKE_N_TEMPORARY_FAILURE);
  g_assert_cmpint (tell (bed, &rival, EX_CHILD, 1, of_child (bed->peer_spi, 0x99000001)), ==,
                   IKE_N_TEMPORARY_FAILURE);
  g_assert_cmpint (tell (bed, &rival, EX_CHILD, 2, of_ike (SPI + 1)), ==, IKE_N_TEMPORARY_FAILURE);
  g_assert_cmpuint (bed->forge->b.n_keys, ==, n_keys);
  g_assert_cmpuint (forge_n_kernel_calls (bed->b), ==, calls);
  g_assert_cmpint (tell (bed, &rival, EX_INFO, 3, g_new0 (Request, 1)), ==, FORGE_EMPTY);
  /* Gone again: the peer may make another, and the old one still has its child. */
  g_assert_cmpint (close_ike (bed, &rival, 4), ==, FORGE_EMPTY);
  g_assert_cmpint (tell (bed, &rival, EX_INFO, 5, g_new0 (Request, 1)), ==, FORGE_NONE);
  g_assert_cmpint (ask (bed, of_ike (SPI + 2)), ==, FORGE_OTHER);
  g_assert_cmpuint (n_in_kernel (bed), ==, 2);
  bed_free (bed);
}

/* What waits in it for more still ends when its time is over. */
static void
test_heir_keeps_timers (gconstpointer flags)
{
  Bed *bed = bed_new (flags);
  g_autofree Request *r = of_delete (IKE_PROTOCOL_IKE, 0, NULL);
  ForgeHead head = {
    .from_a = TRUE, .exchange = EX_INFO, .id = 0, .is_fragment = TRUE, .number = 1, .total = 2
  };
  ForgeSa rival;

  begin_unheard (bed, begin, "rekey");
  g_assert_cmpint (ask (bed, of_ike (SPI)), ==, FORGE_OTHER);
  rival = bed->heir;
  forge_use (bed->forge, &rival);
  forge_send (bed->forge, &head, &r->chain);
  g_assert_cmpint (close_ike (bed, &bed->sa, bed->id++), ==, FORGE_EMPTY);
  pair_run (bed->forge->pair, 200);
  /* The message was forgotten, and comes once more, whole. */
  g_assert_cmpint (close_ike (bed, &rival, 0), ==, FORGE_EMPTY);
  bed_free (bed);
}

/* RFC 7296, 2.25.2: who is asked to close what it replaces forgets its own request: what the
 * peer has made is there. */
static void
test_closed_in_collision (gconstpointer flags)
{
  Bed *bed = bed_new (flags);
  ForgeSa rival;

  begin_unheard (bed, begin, "rekey");
  g_assert_cmpint (ask (bed, of_ike (SPI)), ==, FORGE_OTHER);
  rival = bed->heir;
  g_assert_cmpint (close_ike (bed, &bed->sa, bed->id++), ==, FORGE_EMPTY);
  g_assert_cmpuint (forge_n_sas (bed->b), ==, 1);
  g_assert_cmpuint (n_in_kernel (bed), ==, 2);
  attack_drop_nothing (bed->forge);
  g_assert_cmpint (tell (bed, &rival, EX_CHILD, 0, of_child (bed->peer_spi, 0x99000001)), ==,
                   FORGE_OTHER);
  bed_free (bed);
}

/* But what somebody here takes down in the middle of it is down, with all that was made for it:
 * see bed_free(). */
static void
test_down_in_collision (gconstpointer flags)
{
  Bed *bed = bed_new (flags);

  begin_unheard (bed, begin, "rekey");
  g_assert_cmpint (ask (bed, of_ike (SPI)), ==, FORGE_OTHER);
  bed_free (bed);
}

/* -- an SPI that has no keys yet */

static guint64
offered_spi (Bed *bed)
{
  const ForgePacket *packet = forge_sent (bed->forge, TRUE, 0);
  guint8 plain[2048], first, *sa;
  gsize len, sa_len;
  guint64 spi;

  g_assert_true (forge_open (bed->forge, packet, &first, plain, &len));
  sa = pair_payload (first, plain, len, IKE_PAYLOAD_SA, &sa_len);
  g_assert_nonnull (sa);
  memcpy (&spi, sa + 8, sizeof spi);
  return GUINT64_FROM_BE (spi);
}

static void
test_spi_without_keys (gconstpointer flags)
{
  Bed *bed = bed_new (flags);
  guint exchange, how, n_states, n_keys;
  guint64 spi, calls;

  begin_unheard (bed, begin, "rekey");
  spi = offered_spi (bed);
  n_keys = bed->forge->b.n_keys;
  n_states = bed->forge->b.n_states;
  calls = forge_n_kernel_calls (bed->b);
  forge_clear (bed->forge);
  for (exchange = 33; exchange < 45; exchange++)
    for (how = 0; how < 16; how++) {
      g_autofree Request *r = of_ike (SPI);
      ForgeHead head = { .from_a = how & 1,
                         .is_response = (how & 2) != 0,
                         .is_clear = (how & 4) != 0,
                         .exchange = (guint8) exchange };
      guint8 message[2048];
      gsize len;

      head.spi_i = how & 8 ? spi : SPI;
      head.spi_r = how & 8 ? SPI : spi;
      len = forge_write (bed->forge, &head, &r->chain, message);
      forge_inject (bed->forge, TRUE, message, len);
      forge_run_ms (bed->forge, 5);
    }
  g_assert_cmpuint (bed->forge->b.n_keys, ==, n_keys);
  g_assert_cmpuint (bed->forge->b.n_states, ==, n_states);
  g_assert_cmpuint (forge_n_kernel_calls (bed->b), ==, calls);
  g_assert_cmpuint (n_in_kernel (bed), ==, 2);
  bed_free (bed);
}

/* -- what goes */

static void
test_deletes_of_old (gconstpointer flags)
{
  Bed *bed = bed_new (flags);
  g_autofree Request *r = of_delete (IKE_PROTOCOL_IKE, 0, NULL);
  ForgeHead head = { .from_a = TRUE, .exchange = EX_INFO, .id = 3 };
  guint8 message[512];
  gsize len = forge_write (bed->forge, &head, &r->chain, message);
  ForgeSa heir;
  guint i;

  /* Before the request that came before it: it is not in the window. */
  forge_inject (bed->forge, TRUE, message, len);
  g_assert_cmpuint (forge_n_sent (bed->forge, TRUE), ==, 0);
  g_assert_cmpint (ask (bed, of_ike (SPI)), ==, FORGE_OTHER);
  heir = bed->heir;
  forge_clear (bed->forge);
  for (i = 0; i < 3; i++) {
    forge_inject (bed->forge, TRUE, message, len);
    forge_run_ms (bed->forge, 20);
  }
  g_assert_cmpuint (forge_n_sent (bed->forge, TRUE), ==, 1);
  g_assert_cmpuint (forge_n_sas (bed->b), ==, 1);
  g_assert_cmpuint (n_in_kernel (bed), ==, 2);
  /* And what has taken its place. */
  g_assert_cmpint (close_ike (bed, &heir, 0), ==, FORGE_EMPTY);
  g_assert_cmpint (close_ike (bed, &heir, 1), ==, FORGE_NONE);
  attack_assert_no_sa (bed->b);
  g_assert_cmpuint (pair_count (bed->b, "ike.closed"), ==, 1);
  bed_free (bed);
}

static void
test_delete_of_heir_first (gconstpointer flags)
{
  Bed *bed = bed_new (flags);

  g_assert_cmpint (ask (bed, of_ike (SPI)), ==, FORGE_OTHER);
  g_assert_cmpint (close_ike (bed, &bed->heir, 0), ==, FORGE_EMPTY);
  g_assert_cmpuint (n_in_kernel (bed), ==, 0);
  g_assert_cmpint (ask (bed, of_child (bed->peer_spi, 0x99000001)), ==, IKE_N_TEMPORARY_FAILURE);
  g_assert_cmpint (close_ike (bed, &bed->sa, bed->id++), ==, FORGE_EMPTY);
  attack_assert_no_sa (bed->b);
  bed_free (bed);
}

/* Nobody closes it: it goes by itself, and what took its place stays. */
static void
test_old_is_never_deleted (gconstpointer flags)
{
  Bed *bed = bed_new (flags);

  g_assert_cmpint (ask (bed, of_ike (SPI)), ==, FORGE_OTHER);
  pair_run (bed->forge->pair, 200);
  g_assert_cmpuint (forge_n_sas (bed->b), ==, 1);
  g_assert_cmpuint (n_in_kernel (bed), ==, 2);
  g_assert_cmpint (tell (bed, &bed->sa, EX_INFO, bed->id++, g_new0 (Request, 1)), ==, FORGE_NONE);
  bed_free (bed);
}

static void
test_deletes_of_children (gconstpointer flags)
{
  Bed *bed = bed_new (flags);
  guint32 fresh = 0x99000001, all[] = { fresh, bed->peer_spi, fresh, bed->peer_spi, 0x11223344 };

  /* The successor goes first: the old one is as it was, and can be replaced. */
  g_assert_cmpint (ask (bed, of_child (bed->peer_spi, fresh)), ==, FORGE_OTHER);
  g_assert_cmpint (close_ (bed, of_delete (IKE_PROTOCOL_ESP, 1, &fresh)), ==, FORGE_OTHER);
  g_assert_cmpuint (n_in_kernel (bed), ==, 2);
  g_assert_cmpint (close_ (bed, of_delete (IKE_PROTOCOL_ESP, 1, &fresh)), ==, FORGE_EMPTY);
  g_assert_cmpint (ask (bed, of_child (bed->peer_spi, fresh)), ==, FORGE_OTHER);
  /* Both at once, each twice, and one that nobody knows. */
  g_assert_cmpint (close_ (bed, of_delete (IKE_PROTOCOL_ESP, 5, all)), ==, FORGE_OTHER);
  pair_run (bed->forge->pair, 10);
  g_assert_cmpuint (n_in_kernel (bed), ==, 0);
  g_assert_cmpuint (bed->b->kernel_ops->n_policies (bed->b->kernel), ==, 0);
  g_assert_cmpuint (forge_n_sas (bed->b), ==, 1);
  g_assert_cmpint (ask (bed, of_child (bed->peer_spi, fresh)), ==, IKE_N_CHILD_SA_NOT_FOUND);
  bed_free (bed);
}

/* RFC 7296, 2.25.1 and 2.25.2. */
static void
test_of_what_moves (gconstpointer flags)
{
  static const struct {
    void (*how) (IkeSa *sa, gpointer data);
    const char *operation;
    gboolean is_about_child; /* else the IKE SA is to be replaced */
    int says;
  } rows[] = {
    { begin_of_child, "delete-child", TRUE, IKE_N_TEMPORARY_FAILURE },
    { begin_of_child, "delete-child", FALSE, IKE_N_TEMPORARY_FAILURE },
    { begin_of_child, "rekey-child", TRUE, FORGE_OTHER },
    { begin_of_child, "rekey-child", FALSE, IKE_N_TEMPORARY_FAILURE },
    { begin, "create-child", TRUE, FORGE_OTHER },
    { begin, "create-child", FALSE, IKE_N_TEMPORARY_FAILURE },
    { begin, "rekey", TRUE, IKE_N_TEMPORARY_FAILURE },
    { begin, "delete", TRUE, IKE_N_TEMPORARY_FAILURE },
    { begin, "delete", FALSE, IKE_N_TEMPORARY_FAILURE },
  };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (rows); i++) {
    Bed *bed = bed_new (flags);
    guint n_keys = bed->forge->b.n_keys;

    g_test_message ("row %u", i);
    begin_unheard (bed, rows[i].how, rows[i].operation);
    g_assert_cmpint (
        ask (bed, rows[i].is_about_child ? of_child (bed->peer_spi, 0x99000001) : of_ike (SPI)), ==,
        rows[i].says);
    g_assert_cmpuint (bed->forge->b.n_keys, ==, n_keys);
    bed_free (bed);
  }
}

/* The peer may replace what it has made for us before its answer is here; told that it is
 * unknown, it would throw it away. */
static void
test_of_what_is_made (gconstpointer flags)
{
  static const char *const operations[] = { "create-child", "rekey-child" };
  guint i;

  for (i = 0; i < 2; i++) {
    Bed *bed = bed_new (flags);

    begin_unheard (bed, i ? begin_of_child : begin, operations[i]);
    g_assert_cmpint (ask (bed, of_child (0x11223344, 0x99000001)), ==, IKE_N_TEMPORARY_FAILURE);
    bed_free (bed);
  }
}

/* -- in the middle of an answer */

typedef struct {
  Bed *bed;
  void (*how) (IkeSa *sa, gpointer data);
  gpointer operation;
  gboolean has_begun;
} Between;

static void
run_between (IkeSa *sa, gpointer data)
{
  Between *b = data;

  if (ike_sa_state (sa) != IKE_SA_ESTABLISHED || !ike_sa_child (sa, 0))
    return;
  b->has_begun = TRUE;
  b->how (sa, b->operation);
}

static const IkeJobClass between_job = {
  .struct_size = sizeof (IkeJobClass),
  .name = "test",
  .lane = IKE_LANE_ESTABLISHED,
  .run = run_between,
};

static void
post_between (IkeSa *sa, gpointer data)
{
  Between *b = data;

  g_assert_true (ike_sa_post (b->bed->b->engine, ike_sa_ref (sa), &between_job, b));
}

/* `b` makes its public value for the peer, which takes a moment; meanwhile it begins something
 * itself.  Where it did, the peer is told to come again. */
static void
test_begun_while_answering (gconstpointer flags)
{
  static const struct {
    void (*how) (IkeSa *sa, gpointer data);
    const char *operation;
  } rows[] = {
    { begin_of_child, "rekey-child" },
    { begin_of_child, "delete-child" },
    { begin, "create-child" },
    { begin, "delete" },
  };
  gboolean is_forced = GPOINTER_TO_UINT (flags) & IKE_ENGINE_FORCE_WAITS;
  guint i, n_begun = 0;

  for (i = 0; i < G_N_ELEMENTS (rows); i++) {
    Bed *bed = bed_new (flags);
    Between between = { bed, rows[i].how, (gpointer) rows[i].operation, FALSE };
    int says;

    g_test_message ("row %u", i);
    attack_drop (bed->forge, EX_CHILD, IKE_SIM_REQUEST);
    attack_drop (bed->forge, EX_INFO, IKE_SIM_REQUEST);
    bed->forge->b.strike_at = "message/in/request/36";
    bed->forge->b.strike = post_between;
    bed->forge->b.strike_data = &between;
    says = ask (bed, of_ike (SPI));
    g_assert_null (bed->forge->b.strike);
    n_begun += between.has_begun;
    g_assert_cmpint (says, ==, between.has_begun ? IKE_N_TEMPORARY_FAILURE : FORGE_OTHER);
    bed_free (bed);
  }
  if (is_forced && !(GPOINTER_TO_UINT (flags) & IKE_ENGINE_FOREIGN_ANSWERS))
    g_assert_cmpuint (n_begun, ==, G_N_ELEMENTS (rows));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  pair_add_test ("rekey-forged", "wrong-notifies-replace-nothing", test_wrong_notify);
  pair_add_test ("rekey-forged", "wrong-requests-make-no-heir", test_wrong_ike_request);
  pair_add_test ("rekey-forged", "a-repeated-request-makes-one-heir", test_repeats);
  pair_add_test ("rekey-forged", "a-child-is-replaced-once", test_child_twice);
  pair_add_test ("rekey-forged", "a-collision-has-one-rival", test_many_rivals);
  pair_add_test ("rekey-forged", "an-heir-that-has-nothing-makes-nothing", test_heir_too_early);
  pair_add_test ("rekey-forged", "an-heir-keeps-its-timers", test_heir_keeps_timers);
  pair_add_test ("rekey-forged", "the-rival-inherits-what-is-closed", test_closed_in_collision);
  pair_add_test ("rekey-forged", "what-is-taken-down-has-no-heir", test_down_in_collision);
  pair_add_test ("rekey-forged", "an-spi-without-keys-answers-nothing", test_spi_without_keys);
  pair_add_test ("rekey-forged", "the-old-sa-is-closed-once", test_deletes_of_old);
  pair_add_test ("rekey-forged", "the-heir-may-go-first", test_delete_of_heir_first);
  pair_add_test ("rekey-forged", "the-old-sa-goes-by-itself", test_old_is_never_deleted);
  pair_add_test ("rekey-forged", "children-go-in-any-order", test_deletes_of_children);
  pair_add_test ("rekey-forged", "what-moves-is-not-replaced", test_of_what_moves);
  pair_add_test ("rekey-forged", "what-is-being-made-is-not-unknown", test_of_what_is_made);
  pair_add_test ("rekey-forged", "what-is-begun-while-answering-goes-first",
                 test_begun_while_answering);
  return g_test_run ();
}
