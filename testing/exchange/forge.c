/* SPDX-License-Identifier: Apache-2.0 */
/* forge.c - messages of the test's own making; see forge.h. */
#include "exchange/forge.h"
#include <openssl/evp.h>
#include <string.h>

enum { ICV_LEN = 16, IV_LEN = 8, KEY_LEN = 32 };

/* A plugin's hooks hear of nothing but their engine: which forge it belongs to is said here. */
static Forge *current;

/* -- the plugin */

static ForgeEnd *
end_of (IkePlugin *self)
{
  if (!current || !current->pair)
    return NULL;
  return ike_plugin_engine (self) == current->pair->a.engine ? &current->a : &current->b;
}

static IkeHookVerdict
at_hook (IkePlugin *self, IkeSa *sa, const char *point)
{
  ForgeEnd *end = end_of (self);
  void (*strike) (IkeSa *, gpointer);

  if (!end || !end->strike_at || strcmp (end->strike_at, point) != 0)
    return IKE_HOOK_PASS;
  end->n_hooks++;
  strike = end->strike;
  if (!strike)
    return IKE_HOOK_PASS;
  end->strike = NULL;
  strike (sa, end->strike_data);
  return end->verdict;
}

static IkeHookVerdict
on_keys (IkePlugin *self, IkeSa *sa, IkeKeysEvent *event)
{
  ForgeEnd *end = end_of (self);
  guint i;

  if (end && event->is_child)
    end->n_child_keys++;
  else if (end) {
    end->n_keys++;
    end->sa = ike_sa_ref (sa);
    current->spi_i = ike_sa_spi (sa, TRUE);
    current->spi_r = ike_sa_spi (sa, FALSE);
    for (i = 0; i < FORGE_SK_N; i++) {
      current->keys[i].len = event->keys[i]->len;
      memcpy (current->keys[i].data, event->keys[i]->bytes, event->keys[i]->len);
    }
  }
  return at_hook (self, sa, event->is_child ? "keys-derived/child" : "keys-derived");
}

static IkeHookVerdict
on_state (IkePlugin *self, IkeSa *sa, IkeStateEvent *event)
{
  ForgeEnd *end = end_of (self);
  g_autofree char *point = g_strconcat ("ike-state/", ike_sa_state_name (event->to), NULL);

  if (end)
    end->n_states++;
  return at_hook (self, sa, point);
}

static IkeHookVerdict
on_message (IkePlugin *self, IkeSa *sa, IkeMessageEvent *event)
{
  ForgeEnd *end = end_of (self);
  g_autofree char *point =
      g_strdup_printf ("message/%s/%s/%u", event->is_inbound ? "in" : "out",
                       event->is_request ? "request" : "response", event->exchange);

  if (end && event->is_inbound)
    end->n_plain++;
  return at_hook (self, sa, point);
}

#define PASS_ON(func, Event, point)                                \
  static IkeHookVerdict                                            \
  func (IkePlugin *self, IkeSa *sa, Event *event)                  \
  {                                                                \
    return at_hook (self, sa, point);                              \
  }
PASS_ON (on_conn, IkeConnEvent, "config-selected")
PASS_ON (on_proposal, IkeChoiceEvent,
         event->is_child ? "proposal-selected/child" : "proposal-selected")
PASS_ON (on_authorize, IkeAuthorizeEvent, "authorize")
PASS_ON (on_narrow, IkeNarrowEvent, "narrow")
PASS_ON (on_child, IkeChildEvent, event->is_up ? "child-updown/up" : "child-updown/down")
PASS_ON (on_child_rekey, IkeChildRekeyEvent, "child-rekeyed")
PASS_ON (on_updown, IkeUpDownEvent, event->is_up ? "ike-updown/up" : "ike-updown/down")
PASS_ON (on_rekey, IkeRekeyEvent, "ike-rekeyed")
PASS_ON (on_endpoint, IkeEndpointEvent, "endpoint-changed")

static gboolean
activate (IkePlugin *self, GError **error)
{
  return ike_keys_hook_add (self, "forge", NULL, on_keys, error)
         && ike_state_hook_add (self, "forge", NULL, on_state, error)
         && ike_message_hook_add (self, "forge", NULL, on_message, error)
         && ike_conn_selected_hook_add (self, "forge", NULL, on_conn, error)
         && ike_proposal_hook_add (self, "forge", NULL, on_proposal, error)
         && ike_authorize_hook_add (self, "forge", NULL, on_authorize, error)
         && ike_narrow_hook_add (self, "forge", NULL, on_narrow, error)
         && ike_child_updown_hook_add (self, "forge", NULL, on_child, error)
         && ike_child_rekey_hook_add (self, "forge", NULL, on_child_rekey, error)
         && ike_ike_updown_hook_add (self, "forge", NULL, on_updown, error)
         && ike_rekey_hook_add (self, "forge", NULL, on_rekey, error)
         && ike_endpoint_hook_add (self, "forge", NULL, on_endpoint, error);
}

static const IkeFeature *const no_features[] = { NULL };

const IkePluginInfo forge_plugin = {
  .struct_size = sizeof (IkePluginInfo),
  .abi_major = IKE_ABI_MAJOR,
  .abi_minor = IKE_ABI_MINOR,
  .name = "forge",
  .version = "1",
  .license = "Apache-2.0",
  .summary = "knows the keys",
  .features = no_features,
  .activate = activate,
};

/* -- the forge */

static void
keep_sent (IkeSimEvent event, const IkeSimPacket *packet, gpointer data)
{
  Forge *forge = data;
  gsize len;
  ForgePacket *copy;

  if (event != IKE_SIM_SENT || !packet->ike)
    return;
  len = packet->len - (gsize) (packet->ike - packet->data);
  copy = g_malloc (sizeof *copy + len);
  copy->from = packet->from;
  copy->to = packet->to;
  copy->len = len;
  memcpy (copy->data, packet->ike, len);
  g_ptr_array_add (forge->sent, copy);
}

Forge *
forge_new (const PairOptions *options)
{
  const IkePluginInfo *builtin[] = { &forge_plugin,
                                     options && options->builtin ? options->builtin[0] : NULL,
                                     NULL };
  g_autoptr (GPtrArray) plugins = g_ptr_array_new ();
  PairOptions o = options ? *options : (PairOptions) { 0 };
  Forge *forge = g_new0 (Forge, 1);

  g_assert_null (current);
  current = forge;
  forge->a.forge = forge->b.forge = forge;
  forge->sent = g_ptr_array_new_with_free_func (g_free);
  g_ptr_array_add (plugins, (gpointer) "forge");
  if (builtin[1])
    g_ptr_array_add (plugins, (gpointer) builtin[1]->name);
  for (guint i = 0; o.plugins && o.plugins[i]; i++)
    g_ptr_array_add (plugins, (gpointer) o.plugins[i]);
  g_ptr_array_add (plugins, NULL);
  o.builtin = builtin;
  o.plugins = (const char *const *) plugins->pdata;
  forge->pair = pair_new (&o);
  forge->tap = forge->pair->a.net_ops->tap_add (forge->pair->a.net, keep_sent, forge);
  return forge;
}

void
forge_free (Forge *forge)
{
  pair_free (forge->pair);
  g_ptr_array_unref (forge->sent);
  g_free (forge);
  current = NULL;
}

ForgeSa
forge_sa (Forge *forge)
{
  ForgeSa sa = { .spi_i = forge->spi_i, .spi_r = forge->spi_r };

  memcpy (sa.keys, forge->keys, sizeof sa.keys);
  return sa;
}

void
forge_use (Forge *forge, const ForgeSa *sa)
{
  forge->spi_i = sa->spi_i;
  forge->spi_r = sa->spi_r;
  memcpy (forge->keys, sa->keys, sizeof forge->keys);
}

void
forge_clear (Forge *forge)
{
  g_ptr_array_set_size (forge->sent, 0);
}

void
forge_run_ms (Forge *forge, guint ms)
{
  gint64 until = ike_sim_now_us (forge->pair->sim) + (gint64) ms * 1000;

  while (ike_sim_step (forge->pair->sim, until))
    ;
}

typedef struct { void (*run) (IkeSa *sa, gpointer data); gpointer data; } OnSa;

static void
run_on_sa (IkeSa *sa, gpointer data)
{
  OnSa *on = data;

  on->run (sa, on->data);
}

static const IkeJobClass on_sa_job = {
  .struct_size = sizeof (IkeJobClass),
  .name = "test",
  .lane = IKE_LANE_SETUP,
  .run = run_on_sa,
  .free = g_free,
};

void
forge_on_sa (PairEnd *end, ForgeEnd *heard, void (*run) (IkeSa *sa, gpointer data), gpointer data)
{
  OnSa *on = g_new0 (OnSa, 1);

  *on = (OnSa) { run, data };
  (void) !ike_sa_post (end->engine, heard->sa, &on_sa_job, on);
  ike_sim_settle (heard->forge->pair->sim);
}

guint
forge_n_sas (PairEnd *end)
{
  g_autoptr (IkeTree) status = pair_status (end);

  return ike_tree_n (ike_tree_get (status, "sas"));
}

guint64
forge_n_kernel_calls (PairEnd *end)
{
  guint64 n = 0;
  guint i;

  for (i = 0; i < IKE_FAKE_N_OPERATIONS; i++)
    if (i != IKE_FAKE_SOURCE && i != IKE_FAKE_QUERY)
      n += end->kernel_ops->n_calls (end->kernel, i);
  return n;
}

/* -- writing */

void
forge_add (ForgeChain *chain, guint8 type, const void *body, gsize len)
{
  g_assert_cmpuint (chain->n, <, FORGE_PAYLOADS_MAX);
  chain->items[chain->n++] = (ForgePayload) { type, FALSE, body, len };
}

gsize
forge_chain_write (const ForgeChain *chain, guint8 *out, guint8 *first)
{
  guint8 *at = out;
  guint i;

  *first = chain->n ? chain->items[0].type : 0;
  for (i = 0; i < chain->n; i++) {
    const ForgePayload *p = &chain->items[i];
    at[0] = i + 1 < chain->n ? chain->items[i + 1].type : 0;
    at[1] = p->is_critical ? 0x80 : 0;
    at[2] = (guint8) ((p->len + 4) >> 8);
    at[3] = (guint8) (p->len + 4);
    if (p->len)
      memcpy (at + 4, p->body, p->len);
    at += 4 + p->len;
  }
  return (gsize) (at - out);
}

static void
put (guint8 *at, guint64 value, guint n)
{
  while (n--) {
    at[n] = (guint8) value;
    value >>= 8;
  }
}

static void
write_header (Forge *forge, const ForgeHead *head, guint8 first, gsize len, guint8 *out)
{
  gboolean has_spis = head->spi_i || head->spi_r;

  put (out, has_spis ? head->spi_i : forge->spi_i, 8);
  put (out + 8, has_spis ? head->spi_r : forge->spi_r, 8);
  out[16] = first;
  out[17] = head->version ? head->version : 0x20;
  out[18] = head->exchange;
  out[19] = (guint8) ((head->from_a ? IKE_FLAG_INITIATOR : 0)
                      | (head->is_response ? IKE_FLAG_RESPONSE : 0));
  put (out + 20, head->id, 4);
  put (out + 24, len, 4);
}

static void
gcm (const ForgeKey *key, gboolean is_sealing, const guint8 *iv, const guint8 *aad, gsize aad_len,
     guint8 *data, gsize len, guint8 *icv, gboolean *is_ok)
{
  EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new ();
  guint8 nonce[12];
  int n;

  g_assert_cmpuint (key->len, ==, KEY_LEN + 4);
  memcpy (nonce, key->data + KEY_LEN, 4);
  memcpy (nonce + 4, iv, IV_LEN);
  g_assert_cmpint (EVP_CipherInit_ex (c, EVP_aes_256_gcm (), NULL, key->data, nonce, is_sealing),
                   ==, 1);
  if (!is_sealing)
    EVP_CIPHER_CTX_ctrl (c, EVP_CTRL_GCM_SET_TAG, ICV_LEN, icv);
  EVP_CipherUpdate (c, NULL, &n, aad, (int) aad_len);
  EVP_CipherUpdate (c, data, &n, data, (int) len);
  *is_ok = EVP_CipherFinal_ex (c, data + n, &n) == 1;
  if (is_sealing)
    EVP_CIPHER_CTX_ctrl (c, EVP_CTRL_GCM_GET_TAG, ICV_LEN, icv);
  EVP_CIPHER_CTX_free (c);
}

gsize
forge_write_plain (Forge *forge, const ForgeHead *head, guint8 first, const guint8 *plain,
                   gsize len, guint8 *out)
{
  gsize before = head->is_fragment ? 8 : 4, sk_len = before + IV_LEN + len + 1 + ICV_LEN,
        total = IKE_HEADER_LEN + (head->is_clear ? len : sk_len);
  guint8 *sk = out + IKE_HEADER_LEN, *body = sk + before + IV_LEN;
  guint8 type = head->is_fragment ? IKE_PAYLOAD_SKF : IKE_PAYLOAD_SK;
  static guint64 counter = G_GUINT64_CONSTANT (1) << 40;
  gboolean is_ok;

  write_header (forge, head, head->is_clear ? first : type, total, out);
  if (head->is_clear) {
    if (len)
      memcpy (sk, plain, len);
    return total;
  }
  sk[0] = first;
  sk[1] = 0;
  put (sk + 2, sk_len, 2);
  if (head->is_fragment) {
    put (sk + 4, head->number, 2);
    put (sk + 6, head->total, 2);
  }
  put (sk + before, counter++, IV_LEN);
  if (len)
    memcpy (body, plain, len);
  body[len] = 0;
  gcm (&forge->keys[head->from_a ? FORGE_SK_EI : FORGE_SK_ER], TRUE, sk + before, out,
       IKE_HEADER_LEN + before, body, len + 1, body + len + 1, &is_ok);
  g_assert_true (is_ok);
  return total;
}

gsize
forge_write (Forge *forge, const ForgeHead *head, const ForgeChain *chain, guint8 *out)
{
  g_autofree guint8 *plain = g_malloc (IKE_MESSAGE_MAX);
  guint8 first;
  gsize len = forge_chain_write (chain, plain, &first);

  return forge_write_plain (forge, head, first, plain, len, out);
}

void
forge_inject_from (Forge *forge, const char *from, guint16 port, gboolean to_b, const void *data,
                   gsize len)
{
  IkeAddr source, target;

  g_assert_true (ike_addr_parse (&source, from, NULL));
  ike_addr_parse (&target, to_b ? "10.0.0.2" : "10.0.0.1", NULL);
  source.port = port;
  target.port = 500;
  forge->pair->a.net_ops->inject (forge->pair->a.net, &source, &target, data, len, 0);
  forge_run_ms (forge, 1);
}

void
forge_inject (Forge *forge, gboolean to_b, const void *data, gsize len)
{
  forge_inject_from (forge, to_b ? "10.0.0.1" : "10.0.0.2", 500, to_b, data, len);
}

void
forge_send (Forge *forge, const ForgeHead *head, const ForgeChain *chain)
{
  g_autofree guint8 *message = g_malloc (IKE_MESSAGE_MAX + 1024);
  gsize len = forge_write (forge, head, chain, message);

  forge_inject (forge, head->from_a, message, len);
}

/* -- reading */

const ForgePacket *
forge_sent (Forge *forge, gboolean from_b, guint nth)
{
  guint i;

  for (i = 0; i < forge->sent->len; i++) {
    const ForgePacket *p = forge->sent->pdata[i];
    if ((p->from.bytes[3] == 2) == from_b && nth-- == 0)
      return p;
  }
  return NULL;
}

guint
forge_n_sent (Forge *forge, gboolean from_b)
{
  guint n = 0;

  while (forge_sent (forge, from_b, n))
    n++;
  return n;
}

gboolean
forge_open (Forge *forge, const ForgePacket *packet, guint8 *first, guint8 *plain, gsize *len)
{
  const guint8 *sk = packet->data + IKE_HEADER_LEN;
  gboolean is_ok, from_a = packet->data[19] & IKE_FLAG_INITIATOR;
  guint8 icv[ICV_LEN];

  *first = packet->data[16];
  *len = packet->len - IKE_HEADER_LEN;
  if (*first != IKE_PAYLOAD_SK) {
    memcpy (plain, sk, *len);
    return TRUE;
  }
  if (*len < 4 + IV_LEN + 1 + ICV_LEN)
    return FALSE;
  *first = sk[0];
  *len -= 4 + IV_LEN + ICV_LEN;
  memcpy (plain, sk + 4 + IV_LEN, *len);
  memcpy (icv, packet->data + packet->len - ICV_LEN, ICV_LEN);
  gcm (&forge->keys[from_a ? FORGE_SK_EI : FORGE_SK_ER], FALSE, sk + 4, packet->data,
       IKE_HEADER_LEN + 4, plain, *len, icv, &is_ok);
  if (!is_ok || plain[*len - 1] + 1u > *len)
    return FALSE;
  *len -= plain[*len - 1] + 1u;
  return TRUE;
}

int
forge_says (Forge *forge, const ForgePacket *packet)
{
  g_autofree guint8 *plain = packet ? g_malloc (packet->len) : NULL;
  guint8 type;
  gsize len, at = 0;

  if (!packet)
    return FORGE_NONE;
  if (!forge_open (forge, packet, &type, plain, &len))
    return FORGE_BAD;
  if (type == 0)
    return FORGE_EMPTY;
  while (type && at + 4 <= len) {
    if (type == IKE_PAYLOAD_NOTIFY && at + 8 <= len)
      return plain[at + 6] << 8 | plain[at + 7];
    type = plain[at];
    at += (gsize) plain[at + 2] << 8 | plain[at + 3];
  }
  return FORGE_OTHER;
}
