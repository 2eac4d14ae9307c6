/* SPDX-License-Identifier: Apache-2.0 */
/* test_matrix.c - which message may come when, generated: every exchange, as request and response,
 * clear and sealed, with every set of payloads around the right one, in every state of an SA.  None
 * of them proves anything, so whatever it is, no keys, no SAs and no CHILD_SAs come of it; and what
 * is not allowed changes nothing at all. */
#include "exchange/forge.h"
#include <string.h>

enum { EX_INIT = 34, EX_AUTH = 35, EX_CHILD = 36, EX_INFO = 37 };
#define SPI G_GUINT64_CONSTANT (0x7700000000000000)

typedef enum {
  NO_SA,
  HALF_OPEN,
  AWAITS_INIT,
  AWAITS_AUTH,
  UP_AT_A,
  UP_AT_B,
  DELETING,
  REKEYING, /* our request to replace the IKE SA is out */
  REKEYED,  /* the peer has replaced it, and its Delete is to come */
  RIVAL,    /* made by the peer while our request is out: which of the two stays is not known */
  HEIR_AT_A,
  HEIR_AT_B,
  N_STATES
} State;

static const char *const state_names[] = {
  "without-an-sa",     "half-open",          "awaiting-ike-sa-init",
  "awaiting-ike-auth", "up-as-initiator",    "up-as-responder",
  "deleting",          "rekeying",           "rekeyed",
  "as-a-rival",        "as-an-heir-of-ours", "as-an-heir-of-the-peer"
};
static const guint8 exchanges[] = { EX_INIT, EX_AUTH, EX_CHILD, EX_INFO, 0, 33, 38, 43, 44, 255 };

typedef struct {
  Forge *forge;
  State state;
  gboolean is_stale;
  guint32 next_id; /* of a request to the end that is tried */
  char *error;     /* of the `up` that hangs */
  guint64 spi_i;
} Matrix;

typedef struct {
  guint n;
  guint8 types[160];
  guint8 critical;
} Set;

/* -- states */

static gboolean
is_at_b (State state)
{
  return state == NO_SA || state == HALF_OPEN || state == UP_AT_B || state == REKEYED
         || state == RIVAL || state == HEIR_AT_B;
}

/* How many SAs there are beside the one that is tried. */
static guint
n_others (State state)
{
  return state == REKEYED ? 1 : state == RIVAL ? 2 : 0;
}

static PairEnd *
target_of (Matrix *m)
{
  return is_at_b (m->state) ? &m->forge->pair->b : &m->forge->pair->a;
}

static void
drop (Forge *forge, guint exchange)
{
  IkeSimRule rule = { .struct_size = sizeof rule, .action = IKE_SIM_DROP, .exchange = exchange };

  forge->pair->a.net_ops->rule_add (forge->pair->a.net, &rule);
}

static void
force_down (PairEnd *end)
{
  IkeTree *args = ike_tree_new_section ();
  char *error = NULL;

  ike_tree_set_bool (args, "force", TRUE);
  ike_tree_set_bool (args, "all", TRUE);
  ike_tree_free (pair_command (end, "down", args, &error));
  g_free (error); /* there may be nothing to take down */
}

static void
begin (IkeSa *sa, gpointer operation)
{
  ike_sa_begin (sa, operation, NULL, NULL, NULL);
}

static void
drop_of_b (Forge *forge, guint exchange)
{
  IkeSimRule rule = { .struct_size = sizeof rule,
                      .action = IKE_SIM_DROP,
                      .exchange = exchange,
                      .which = IKE_SIM_REQUEST };

  g_assert_true (ike_addr_parse (&rule.from, "10.0.0.2", NULL));
  forge->pair->a.net_ops->rule_add (forge->pair->a.net, &rule);
}

/* From an SA that is up; the forge keeps to the one that is to be tried. */
static void
enter_late (Matrix *m)
{
  Forge *forge = m->forge;
  PairEnd *a = &forge->pair->a, *b = &forge->pair->b;
  ForgeSa first = forge_sa (forge);

  if (m->state == DELETING || m->state == REKEYED || m->state == RIVAL)
    drop (forge, EX_INFO);
  if (m->state == REKEYING)
    drop (forge, EX_CHILD);
  if (m->state == RIVAL) {
    drop_of_b (forge, EX_CHILD);
    forge_on_sa (b, &forge->b, begin, (gpointer) "rekey");
  }
  if (m->state >= DELETING)
    forge_on_sa (a, &forge->a, begin, (gpointer) (m->state == DELETING ? "delete" : "rekey"));
  forge_run_ms (forge, 100);
  if (m->state < RIVAL)
    forge_use (forge, &first);
}

static guint32
first_id (State state)
{
  switch (state) {
  case HALF_OPEN:
    return 1;
  case UP_AT_B:
    return 2;
  case REKEYED:
    return 3;
  default:
    return 0;
  }
}

static void
enter (Matrix *m)
{
  Forge *forge = m->forge;
  Pair *pair = forge->pair;

  pair->a.net_ops->rule_remove (pair->a.net, 0);
  force_down (&pair->a);
  force_down (&pair->b);
  forge_run_ms (forge, 100);
  g_clear_pointer (&m->error, g_free);
  g_assert_cmpuint (forge_n_sas (&pair->a) + forge_n_sas (&pair->b), ==, 0);
  forge_clear (forge);
  m->is_stale = FALSE;
  m->next_id = first_id (m->state);
  if (m->state == NO_SA)
    return;
  if (m->state == HALF_OPEN || m->state == AWAITS_AUTH || m->state == AWAITS_INIT)
    drop (forge, m->state == AWAITS_INIT ? EX_INIT : EX_AUTH);
  pair_begin_up (pair, &pair->a, "pair", NULL, &m->error);
  forge_run_ms (forge, 100);
  g_assert_true ((m->error != NULL) == (m->state > AWAITS_AUTH));
  memcpy (&m->spi_i, forge_sent (forge, FALSE, 0)->data, 8);
  m->spi_i = GUINT64_FROM_BE (m->spi_i);
  if (m->state >= UP_AT_A)
    enter_late (m);
  /* Of our own request there is what shall take its place. */
  g_assert_cmpuint (forge_n_sas (target_of (m)), ==,
                    m->state == REKEYING ? 2 : 1 + n_others (m->state));
}

/* -- what may be */

static gboolean
is_known (guint8 exchange)
{
  return exchange >= EX_INIT && exchange <= EX_INFO;
}

/* A request that is only answered, with this: RFC 7296, 2.21.3 and 2.25. 0: not such a one. */
static guint16
refusal_of (State state, guint8 exchange, gboolean is_response, gboolean is_clear)
{
  if (state < UP_AT_A || is_response || is_clear)
    return 0;
  if (!is_known (exchange))
    return IKE_N_INVALID_SYNTAX;
  return (state == DELETING || state == REKEYED) && exchange == EX_CHILD ? IKE_N_TEMPORARY_FAILURE
                                                                         : 0;
}

/* The exchange and direction that this state waits for. */
static gboolean
is_open (State state, guint8 exchange, gboolean is_response, gboolean is_clear)
{
  if (refusal_of (state, exchange, is_response, is_clear))
    return TRUE;
  switch (state) {
  case NO_SA:
    return exchange == EX_INIT && !is_response && is_clear;
  case HALF_OPEN:
    return exchange == EX_AUTH && !is_response && !is_clear;
  case AWAITS_INIT:
    return exchange == EX_INIT && is_response && is_clear;
  case AWAITS_AUTH:
    return exchange == EX_AUTH && is_response && !is_clear;
  case UP_AT_A:
  case UP_AT_B:
  case RIVAL:
  case HEIR_AT_A:
  case HEIR_AT_B:
    return (exchange == EX_CHILD || exchange == EX_INFO) && !is_response && !is_clear;
  case REKEYING:
    return (exchange == EX_CHILD || (exchange == EX_INFO && !is_response)) && !is_clear;
  case REKEYED:
    return exchange == EX_INFO && !is_response && !is_clear;
  case DELETING:
    return exchange == EX_INFO && !is_clear;
  default:
    return FALSE;
  }
}

static guint
count_of (const Set *set, guint8 type)
{
  guint i, n = 0;

  for (i = 0; i < set->n; i++)
    n += set->types[i] == type;
  return n;
}

static gboolean
is_in (const char *types, guint8 type)
{
  return type && strchr (types, type) != NULL;
}

/* RFC 7296, appendix C, as far as the tasks here go: once, at most once, any number. */
static gboolean
is_well_formed (guint8 exchange, gboolean is_response, const Set *set)
{
  const char *once, *maybe, *any;
  guint i;

  switch (exchange) {
  case EX_INIT:
    once = "\x21\x22\x28", maybe = "", any = "\x26\x29\x2b";
    break;
  case EX_AUTH:
    once = is_response ? "\x24\x27" : "\x23",
    maybe = is_response ? "\x2f\x21\x2c\x2d" : "\x24\x27\x2f\x21\x2c\x2d";
    any = is_response ? "\x25\x29\x2b" : "\x25\x26\x29\x2b";
    break;
  case EX_CHILD:
    once = "\x21\x28", maybe = "\x22\x2c\x2d", any = "\x29\x2b";
    break;
  default:
    once = "", maybe = "\x2f", any = "\x29\x2a\x2b";
    break;
  }
  for (i = 0; once[i]; i++)
    if (count_of (set, (guint8) once[i]) != 1)
      return FALSE;
  for (i = 0; maybe[i]; i++)
    if (count_of (set, (guint8) maybe[i]) > 1)
      return FALSE;
  /* Of a CHILD_SA both, of an IKE SA neither. */
  if (exchange == EX_CHILD && !is_response && count_of (set, 0x2c) != count_of (set, 0x2d))
    return FALSE;
  for (i = 0; i < set->n; i++) {
    guint8 type = set->types[i];
    gboolean is_known = (type >= 33 && type <= 47) || type == 53;
    if (is_known && !is_in (once, type) && !is_in (maybe, type) && !is_in (any, type))
      return FALSE;
  }
  return TRUE;
}

/* -- messages */

static void
fill (ForgeChain *chain, const Set *set, gboolean is_child)
{
  static const guint8 ike_sa[] = { 0, 0, 0, 16, 1, 1, 0, 1, 0, 0, 0, 8, 4, 0, 0, 77 };
  static const guint8 esp_sa[] = { 0, 0, 0, 20, 1, 3, 4, 1, 9, 9, 9, 9, 0, 0, 0, 8, 5, 0, 0, 77 };
  static const guint8 ke[4 + 32] = { 0, 31 }, id[] = "\2\0\0\0a.test", nonce[32] = { 1 },
                             auth[4 + 32] = { 2 };
  static const guint8 notify[] = { 0, 0, 0x40, 0 }, del[] = { 3, 4, 0, 1, 8, 8, 8, 8 };
  static const guint8 ts[] = { 1,   0,   0,  0, 7, 0, 0,  16,  0,   0,
                               255, 255, 10, 0, 0, 0, 10, 255, 255, 255 };
  static const guint8 cp[] = { 1, 0, 0, 0 }, cert[] = { 4, 1, 2, 3 }, other[64] = { 0 };
  guint i;

  chain->n = 0;
  for (i = 0; i < set->n; i++) {
    switch (set->types[i]) {
    case IKE_PAYLOAD_SA:
      forge_add (chain, 33, is_child ? esp_sa : ike_sa, is_child ? sizeof esp_sa : sizeof ike_sa);
      break;
    case IKE_PAYLOAD_KE:
      forge_add (chain, 34, ke, sizeof ke);
      break;
    case IKE_PAYLOAD_IDI:
    case IKE_PAYLOAD_IDR:
      forge_add (chain, set->types[i], id, sizeof id - 1);
      break;
    case IKE_PAYLOAD_CERT:
    case IKE_PAYLOAD_CERTREQ:
      forge_add (chain, set->types[i], cert, sizeof cert);
      break;
    case IKE_PAYLOAD_AUTH:
      forge_add (chain, 39, auth, sizeof auth);
      break;
    case IKE_PAYLOAD_NONCE:
      forge_add (chain, 40, nonce, sizeof nonce);
      break;
    case IKE_PAYLOAD_NOTIFY:
      forge_add (chain, 41, notify, sizeof notify);
      break;
    case IKE_PAYLOAD_DELETE:
      forge_add (chain, 42, del, sizeof del);
      break;
    case IKE_PAYLOAD_TSI:
    case IKE_PAYLOAD_TSR:
      forge_add (chain, set->types[i], ts, sizeof ts);
      break;
    case IKE_PAYLOAD_CP:
      forge_add (chain, 47, cp, sizeof cp);
      break;
    case IKE_PAYLOAD_VENDOR:
      forge_add (chain, 43, other, 8);
      break;
    default:
      forge_add (chain, set->types[i], other, sizeof other);
      break;
    }
    chain->items[i].is_critical = set->types[i] == set->critical;
  }
}

typedef struct {
  guint n_sas, n_keys, n_child_keys, n_states, n_replies;
  guint64 n_up, n_installs, n_spis, n_calls;
} Seen;

static Seen
look (Matrix *m)
{
  PairEnd *end = target_of (m);
  ForgeEnd *heard = is_at_b (m->state) ? &m->forge->b : &m->forge->a;

  return (Seen){
    forge_n_sas (end),
    heard->n_keys,
    heard->n_child_keys,
    heard->n_states,
    forge_n_sent (m->forge, is_at_b (m->state)),
    pair_count (end, "ike.established"),
    end->kernel_ops->n_calls (end->kernel, IKE_FAKE_INSTALL),
    end->kernel_ops->n_calls (end->kernel, IKE_FAKE_GET_SPI),
    forge_n_kernel_calls (end),
  };
}

static guint64
n_counted (PairEnd *end)
{
  static const char *const names[] = { "input.bad-header",  "input.bad-version",
                                       "input.unknown-spi", "input.bad-message-id",
                                       "input.bad-icv",     "input.bad-syntax",
                                       "input.bad-state",   "input.bad-payload" };
  guint64 n = 0;
  guint i;

  for (i = 0; i < G_N_ELEMENTS (names); i++)
    n += pair_count (end, names[i]);
  return n;
}

/* An answer to a request that is open, and what becomes of the SA. */
static void
judge_request (Matrix *m, guint8 exchange, const Set *set, const Seen *before, const Seen *after)
{
  guint16 refusal = refusal_of (m->state, exchange, FALSE, m->state < UP_AT_A);
  gboolean is_good = refusal ? refusal != IKE_N_INVALID_SYNTAX
                             : is_well_formed (exchange, FALSE, set) && !set->critical;
  int says = forge_says (m->forge, forge_sent (m->forge, is_at_b (m->state), 0));

  /* Who has proven nothing gets no more bytes than he sent, so a header alone gets nothing. */
  g_assert_cmpuint (after->n_replies, ==, m->state == NO_SA && set->n == 0 ? 0 : 1);
  if (after->n_replies == 0)
    return;
  if (set->critical)
    g_assert_cmpint (says, ==, IKE_N_UNSUPPORTED_CRITICAL_PAYLOAD);
  else if (refusal)
    g_assert_cmpint (says, ==, refusal);
  else if (!is_good)
    g_assert_cmpint (says, ==, IKE_N_INVALID_SYNTAX);
  else if (m->state == HALF_OPEN)
    g_assert_cmpint (says, ==, IKE_N_AUTHENTICATION_FAILED);
  else if (m->state == NO_SA)
    g_assert_cmpint (says, ==, IKE_N_NO_PROPOSAL_CHOSEN);
  else
    g_assert_cmpint (says, !=, IKE_N_INVALID_SYNTAX);
  /* RFC 7296, 2.21.3: malformed under protection: the SA goes.  One that proved nothing goes with
   * any failure. */
  if (m->state == NO_SA || m->state == HALF_OPEN)
    g_assert_cmpuint (after->n_sas, ==, 0);
  else
    g_assert_cmpuint (after->n_sas, ==,
                      is_good || set->critical ? before->n_sas : n_others (m->state));
  if (after->n_sas != before->n_sas)
    m->is_stale = TRUE;
  m->next_id += m->state != NO_SA;
}

static void
try_one (Matrix *m, guint8 exchange, gboolean is_response, gboolean is_clear, const Set *set)
{
  ForgeHead head = { .from_a = is_at_b (m->state),
                     .exchange = exchange,
                     .is_response = is_response,
                     .is_clear = is_clear };
  guint64 counted;
  ForgeChain chain;
  Seen before, after;

  if (m->is_stale)
    enter (m);
  if (m->state == NO_SA || m->state == AWAITS_INIT)
    head.spi_i = m->state == NO_SA ? SPI + g_random_int () : m->spi_i;
  head.id = !is_response                                   ? m->next_id
            : m->state == AWAITS_AUTH                      ? 1
            : m->state == DELETING || m->state == REKEYING ? 2
                                                           : 0;
  fill (&chain, set, exchange == EX_CHILD || exchange == EX_AUTH);
  forge_clear (m->forge);
  counted = n_counted (target_of (m));
  before = look (m);
  before.n_replies = 0;
  forge_send (m->forge, &head, &chain);
  /* Answers without an SA are limited by the second. */
  forge_run_ms (m->forge, m->state == NO_SA ? 100 : 2);
  after = look (m);
  g_assert_cmpuint (after.n_keys, ==, before.n_keys);
  g_assert_cmpuint (after.n_child_keys, ==, before.n_child_keys);
  g_assert_cmpuint (after.n_up, ==, before.n_up);
  g_assert_cmpuint (after.n_installs, ==, before.n_installs);
  g_assert_cmpuint (after.n_spis, ==, before.n_spis);
  g_assert_cmpuint (after.n_sas, <=, before.n_sas);
  if (is_open (m->state, exchange, is_response, is_clear)) {
    if (!is_response)
      judge_request (m, exchange, set, &before, &after);
    else
      m->is_stale = TRUE;
    return;
  }
  g_assert_cmpuint (after.n_sas, ==, before.n_sas);
  g_assert_cmpuint (after.n_states, ==, before.n_states);
  g_assert_cmpuint (after.n_calls, ==, before.n_calls);
  g_assert_cmpuint (n_counted (target_of (m)), >, counted);
  if (is_known (exchange) || m->state != NO_SA)
    g_assert_cmpuint (after.n_replies, ==, 0);
}

/* -- sets */

static void
base_of (guint8 exchange, gboolean is_response, Set *set)
{
  static const guint8 init[] = { 33, 34, 40 }, auth_i[] = { 35, 39, 33, 44, 45 },
                      auth_r[] = { 36, 39, 33, 44, 45 }, child[] = { 33, 40, 44, 45 };

  memset (set, 0, sizeof *set);
  switch (exchange) {
  case EX_AUTH:
    memcpy (set->types, is_response ? auth_r : auth_i, set->n = 5);
    break;
  case EX_CHILD:
    memcpy (set->types, child, set->n = 4);
    break;
  case EX_INFO:
    break;
  default:
    memcpy (set->types, init, set->n = 3);
    break;
  }
}

static const guint8 all_types[] = { 33, 34, 35, 36, 37, 38, 39, 40,  41,  42, 43,
                                    44, 45, 47, 48, 49, 54, 1,  128, 200, 255 };

static void
try_sets (Matrix *m, guint8 exchange, gboolean is_response, gboolean is_clear)
{
  Set base, set;
  guint i;

  base_of (exchange, is_response, &base);
  try_one (m, exchange, is_response, is_clear, &base);
  memset (&set, 0, sizeof set);
  try_one (m, exchange, is_response, is_clear, &set);
  for (i = 0; i < base.n; i++) {
    set = base;
    memmove (set.types + i, set.types + i + 1, set.n - i - 1);
    set.n--;
    try_one (m, exchange, is_response, is_clear, &set);
  }
  for (i = 0; i < G_N_ELEMENTS (all_types); i++) {
    set = (Set){ 1, { all_types[i] }, 0 };
    try_one (m, exchange, is_response, is_clear, &set);
    set = base;
    set.types[set.n++] = all_types[i];
    try_one (m, exchange, is_response, is_clear, &set);
  }
  set = base;
  set.types[set.n++] = set.critical = 200;
  try_one (m, exchange, is_response, is_clear, &set);
  set = base;
  while (set.n < 128)
    set.types[set.n++] = IKE_PAYLOAD_VENDOR;
  try_one (m, exchange, is_response, is_clear, &set);
}

/* -- requests to replace something: every REKEY_SA, every SPI, every KE payload */

typedef enum { NO_NOTIFY, VALID, UNKNOWN, OF_AH, OF_IKE, OF_NOTHING, EMPTY_SPI, LONG_SPI } Notify;

static const struct {
  guint8 protocol, spi_len;
  gboolean is_known;
  int says; /* where children may be replaced, and the SPI is not */
} notifies[] = {
  [VALID] = { 3, 4, TRUE, IKE_N_NO_PROPOSAL_CHOSEN },
  [UNKNOWN] = { 3, 4, FALSE, IKE_N_CHILD_SA_NOT_FOUND },
  [OF_AH] = { 2, 4, TRUE, IKE_N_CHILD_SA_NOT_FOUND },
  [OF_IKE] = { 1, 4, TRUE, IKE_N_CHILD_SA_NOT_FOUND },
  [OF_NOTHING] = { 0, 4, TRUE, IKE_N_CHILD_SA_NOT_FOUND },
  [EMPTY_SPI] = { 3, 0, FALSE, IKE_N_INVALID_SYNTAX },
  [LONG_SPI] = { 3, 8, FALSE, IKE_N_INVALID_SYNTAX },
};
static const struct {
  guint8 len;
  gboolean is_zero;
} spis[] = { { 8, FALSE }, { 8, TRUE }, { 4, FALSE }, { 0, FALSE } };
static const guint8 groups[] = { 0, 31, 19 }; /* 0: no KE payload */

typedef struct {
  Notify notify;
  gboolean of_ike;
  guint spi, group;
} Rekey;

static guint32
spi_of_child (PairEnd *end)
{
  IkeFakeSa sa = { .struct_size = sizeof sa };
  guint i;

  for (i = 0; end->kernel_ops->nth_sa (end->kernel, i, &sa); i++)
    if (sa.direction == IKE_DIR_OUT)
      return sa.spi;
  return 0x11223344;
}

/* A proposal that nobody takes: a REKEY_SA that is right is no more than that. */
static gsize
write_proposal (const Rekey *r, guint8 out[32])
{
  static const guint8 transform[] = { 0, 0, 0, 8, 5, 0, 0, 77 };
  guint8 n = r->of_ike ? spis[r->spi].len : MIN (spis[r->spi].len, 4);

  memset (out, 0, 32);
  memcpy (out, (guint8[]){ 0, 0, 0, (guint8) (16 + n), 1, r->of_ike ? 1 : 3, n, 1 }, 8);
  memset (out + 8, spis[r->spi].is_zero ? 0 : 9, n);
  memcpy (out + 8 + n, transform, sizeof transform);
  if (r->of_ike)
    out[8 + n + 4] = 4;
  return 16u + n;
}

/* What the answer says, where there is one. */
static int
rekey_says (const Matrix *m, const Rekey *r)
{
  guint16 refusal = refusal_of (m->state, EX_CHILD, FALSE, FALSE);

  if (refusal)
    return refusal;
  /* No SPI of anything, or of a CHILD_SA, but without selectors. */
  if (r->notify == LONG_SPI || (r->of_ike && r->notify))
    return IKE_N_INVALID_SYNTAX;
  if (m->state == RIVAL || (m->state == REKEYING && !r->of_ike))
    return IKE_N_TEMPORARY_FAILURE;
  return r->notify ? notifies[r->notify].says : IKE_N_NO_PROPOSAL_CHOSEN;
}

static void
try_rekey (Matrix *m, const Rekey *r)
{
  static const guint8 ts[] = { 1,   0,   0,  0, 7, 0, 0,  16,  0,   0,
                               255, 255, 10, 0, 0, 0, 10, 255, 255, 255 };
  ForgeHead head = { .from_a = is_at_b (m->state), .exchange = EX_CHILD };
  guint8 notify[4 + 8] = { 0, 0, IKE_N_REKEY_SA >> 8, IKE_N_REKEY_SA & 255 }, sa[32],
                    ke[4 + 32] = { 0, groups[r->group], 0, 0, 9 }, nonce[32] = { 1 };
  ForgeChain chain = { 0 };
  guint32 spi;
  Seen before, after;
  int says;

  if (m->is_stale)
    enter (m);
  spi = GUINT32_TO_BE (notifies[r->notify].is_known ? spi_of_child (target_of (m)) : 0x11223344);
  notify[0] = notifies[r->notify].protocol;
  notify[1] = notifies[r->notify].spi_len;
  memcpy (notify + 4, &spi, sizeof spi);
  if (r->notify)
    forge_add (&chain, IKE_PAYLOAD_NOTIFY, notify, 4u + notify[1]);
  forge_add (&chain, IKE_PAYLOAD_SA, sa, write_proposal (r, sa));
  forge_add (&chain, IKE_PAYLOAD_NONCE, nonce, sizeof nonce);
  if (groups[r->group])
    forge_add (&chain, IKE_PAYLOAD_KE, ke, sizeof ke);
  if (!r->of_ike) {
    forge_add (&chain, IKE_PAYLOAD_TSI, ts, sizeof ts);
    forge_add (&chain, IKE_PAYLOAD_TSR, ts, sizeof ts);
  }
  head.id = m->next_id;
  forge_clear (m->forge);
  before = look (m);
  forge_send (m->forge, &head, &chain);
  forge_run_ms (m->forge, 2);
  after = look (m);
  g_assert_cmpuint (after.n_keys, ==, before.n_keys);
  g_assert_cmpuint (after.n_child_keys, ==, before.n_child_keys);
  g_assert_cmpuint (after.n_installs, ==, before.n_installs);
  g_assert_cmpuint (after.n_spis, ==, before.n_spis);
  if (!is_open (m->state, EX_CHILD, FALSE, FALSE)) {
    g_assert_cmpuint (after.n_replies, ==, 0);
    g_assert_cmpuint (after.n_sas, ==, before.n_sas);
    return;
  }
  says = rekey_says (m, r);
  g_assert_cmpint (forge_says (m->forge, forge_sent (m->forge, is_at_b (m->state), 0)), ==, says);
  m->is_stale = says == IKE_N_INVALID_SYNTAX;
  g_assert_cmpuint (after.n_sas, ==, m->is_stale ? n_others (m->state) : before.n_sas);
  if (!m->is_stale)
    g_assert_cmpuint (after.n_calls, ==, before.n_calls);
  m->next_id++;
}

static void
try_rekeys (Matrix *m)
{
  Rekey r;

  for (r.notify = NO_NOTIFY; r.notify <= LONG_SPI; r.notify++)
    for (r.of_ike = 0; r.of_ike < 2; r.of_ike++)
      for (r.spi = 0; r.spi < G_N_ELEMENTS (spis); r.spi++)
        for (r.group = 0; r.group < G_N_ELEMENTS (groups); r.group++) {
          g_test_message ("REKEY_SA %u, %s, SPI %u, KE %u", r.notify, r.of_ike ? "IKE" : "ESP",
                          r.spi, r.group);
          try_rekey (m, &r);
        }
}

static void
run (State state, guint32 flags)
{
  Matrix m = { .state = state, .is_stale = TRUE };
  guint i;

  m.forge = forge_new (
      &(PairOptions){ .flags = flags,
                      .connection = { "proposals = aes256gcm16-prfsha256-x25519\n "
                                      "retransmit_timeout = 1000\n children { net { } }\n",
                                      "proposals = aes256gcm16-prfsha256-x25519\n "
                                      "retransmit_timeout = 1000\n children { net { } }\n" } });
  for (i = 0; i < G_N_ELEMENTS (exchanges); i++) {
    gboolean has_keys = state != NO_SA && state != AWAITS_INIT;
    guint k;
    for (k = 0; k < 2; k++) {
      try_sets (&m, exchanges[i], k, TRUE);
      if (has_keys)
        try_sets (&m, exchanges[i], k, FALSE);
    }
  }
  if (state != NO_SA && state != AWAITS_INIT)
    try_rekeys (&m);
  forge_free (m.forge);
  g_free (m.error);
}

static void
test_state (gconstpointer data)
{
  run (GPOINTER_TO_UINT (data) & 255, GPOINTER_TO_UINT (data) >> 8);
}

int
main (int argc, char **argv)
{
  static const guint32 modes[] = { 0, IKE_ENGINE_FORCE_WAITS,
                                   IKE_ENGINE_FORCE_WAITS | IKE_ENGINE_FOREIGN_ANSWERS,
                                   IKE_ENGINE_SHUFFLE };
  static const char *const words[] = { "plain", "every-wait-forced", "foreign-answers",
                                       "shuffled" };
  guint state, i;

  g_test_init (&argc, &argv, NULL);
  for (state = 0; state < N_STATES; state++)
    for (i = 0; i < G_N_ELEMENTS (modes); i++) {
      g_autofree char *path =
          g_strdup_printf ("/matrix/only-what-may-come-counts-%s/%s", state_names[state], words[i]);
      g_test_add_data_func (path, GUINT_TO_POINTER (state | modes[i] << 8), test_state);
    }
  return g_test_run ();
}
