/* SPDX-License-Identifier: Apache-2.0 */
/* test_resumption_users.c - who is resumed: users by EAP, peers with certificates; what it costs;
 * and tickets by reference over a restart. */
#include "exchange/certs.h"
#include "exchange/tickets.h"
#include <dlfcn.h>
#include <glib/gstdio.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

/* -- every operation with a key pair, of both engines: these take the place of libcrypto's */

static guint n_key_operations;

#define COUNTED(symbol, result, declared, given)                                                   \
  __attribute__ ((visibility ("default"))) result symbol declared;                                 \
  result symbol declared                                                                           \
  {                                                                                                \
    result (*next) declared = (result (*) declared) dlsym (RTLD_NEXT, #symbol);                    \
    n_key_operations++;                                                                            \
    return next given;                                                                             \
  }

COUNTED (EVP_PKEY_generate, int, (EVP_PKEY_CTX * context, EVP_PKEY **pair), (context, pair))
COUNTED (EVP_PKEY_derive, int, (EVP_PKEY_CTX * context, unsigned char *out, size_t *len),
         (context, out, len))
COUNTED (EVP_DigestSign, int,
         (EVP_MD_CTX * context, unsigned char *out, size_t *len, const unsigned char *text,
          size_t text_len),
         (context, out, len, text, text_len))
COUNTED (EVP_DigestVerify, int,
         (EVP_MD_CTX * context, const unsigned char *signature, size_t len,
          const unsigned char *text, size_t text_len),
         (context, signature, len, text, text_len))

/* -- what IKE_AUTH carries */

static struct {
  guint n_certs, n_certreqs, n_acks;
} seen;

static IkeHookVerdict
on_message (IkePlugin *self, IkeSa *sa, IkeMessageEvent *event)
{
  guint8 type = event->first_payload;
  gsize at = 0;

  if (event->exchange != TICKETS_AUTH || event->is_inbound)
    return IKE_HOOK_PASS;
  while (type && at + 8 <= event->len) {
    seen.n_certs += type == IKE_PAYLOAD_CERT;
    seen.n_certreqs += type == IKE_PAYLOAD_CERTREQ;
    seen.n_acks +=
        type == IKE_PAYLOAD_NOTIFY && event->plain[at + 6] == 64 && event->plain[at + 7] == 27;
    type = event->plain[at];
    at += (gsize) event->plain[at + 2] << 8 | event->plain[at + 3];
  }
  return IKE_HOOK_PASS;
}

static gboolean
watch_activate (IkePlugin *self, GError **error)
{
  return ike_message_hook_add (self, "watch", NULL, on_message, error);
}

static const IkePluginInfo watch_plugin = {
  .struct_size = sizeof watch_plugin,
  .abi_major = IKE_ABI_MAJOR,
  .abi_minor = IKE_ABI_MINOR,
  .name = "watch",
  .version = "0",
  .license = "Apache-2.0",
  .summary = "what IKE_AUTH carries, for tests",
  .activate = watch_activate,
};
static const IkePluginInfo *const builtin[] = { &watch_plugin, NULL };

/* -- certificates */

static Tickets *
make_pubkey (gconstpointer flags, const CertsCase *c)
{
  static const char *const plugins[] = { "credentials", "auth-pubkey", "watch", NULL };
  PairOptions o = { .seed = 0 };

  certs_options_init (c, &o);
  memset (&seen, 0, sizeof seen);
  return tickets_new (&(TicketsOptions){ .flags = GPOINTER_TO_UINT (flags),
                                         .more = { o.more[0], o.more[1] },
                                         .body = { o.connection[0], o.connection[1] },
                                         .plugins = plugins,
                                         .builtin = builtin });
}

static void
free_pubkey (Tickets *t)
{
  tickets_free (t);
  certs_options_clear ();
}

#define ON "resumption = yes\n dpd_delay = 10s\n"

/* RFC 5723, 1: "Using only symmetric cryptography to minimize CPU consumption." 4.3.3: "A CERT
 * payload MUST NOT be included in this exchange". */
static void
test_no_key_operation (gconstpointer flags)
{
  static const CertsCase c = { .files = { CERTS_A, CERTS_B }, .conf = { ON, ON } };
  Tickets *t;

  certs_usual ();
  t = make_pubkey (flags, &c);
  n_key_operations = 0;
  tickets_assert_full (t);
  g_assert_cmpuint (n_key_operations, >=, 8);
  g_assert_cmpuint (seen.n_certs, ==, 2);
  for (guint i = 0; i < 2; i++) {
    tickets_lose (t);
    memset (&seen, 0, sizeof seen);
    n_key_operations = 0;
    tickets_assert_resumed (t);
    g_assert_cmpuint (n_key_operations, ==, 0);
    g_assert_cmpuint (seen.n_certs + seen.n_certreqs, ==, 0);
  }
  free_pubkey (t);
}

/* What was proven with a certificate is good no longer than that one, however often it is
 * resumed. */
static void
test_certificate_ends (gconstpointer flags)
{
  static const CertsCase c = { .files = { "x509ca/root.pem x509/a-soon.pem private/a-soon.key",
                                          CERTS_B },
                               .conf = { ON, ON },
                               .plugins = { NULL, "resumption { lifetime = 3h\n }" } };
  g_autofree char *error = NULL;
  Tickets *t;

  certs_usual ();
  certs_end ("a-soon", "ecdsa 256", "root",
             "--san a.test --not-before 2025-12-01 --not-after 2026-01-01T01:00:00Z");
  t = make_pubkey (flags, &c);
  tickets_assert_full (t);
  for (guint i = 0; i < 2; i++) {
    tickets_lose (t);
    tickets_assert_resumed (t);
  }
  tickets_lose (t);
  ike_sim_shift_wall (t->pair->b.engine, 3600ll * G_USEC_PER_SEC);
  error = pair_up (t->pair, NULL);
  g_assert_nonnull (strstr (error, "AUTHENTICATION_FAILED"));
  g_assert_cmpuint (tickets_count (t, TRUE, "resumption.refused"), ==, 1);
  free_pubkey (t);
}

/* RFC 5723, 4.1: "it returns an N(TICKET_ACK), if it cannot grant a ticket immediately, e.g., due
 * to packet size limitations." */
static void
test_ack (gconstpointer flags)
{
  static const CertsCase c = { .files = { "x509ca/root.pem x509/a.pem private/a.key",
                                          "x509ca/root.pem x509/b-big.pem private/b-big.key" },
                               .conf = { ON "fragmentation = no\n", ON "fragmentation = no\n" } };
  Tickets *t;

  certs_usual ();
  certs_end ("b-big", "rsa 4096", "root", "--san b.test");
  t = make_pubkey (flags, &c);
  tickets_assert_full (t);
  g_assert_cmpuint (seen.n_acks, ==, 1);
  g_assert_cmpuint (tickets_count (t, TRUE, "resumption.given"), ==, 0);
  pair_run (t->pair, 10);
  g_assert_cmpuint (tickets_count (t, TRUE, "resumption.given"), ==, 1);
  tickets_lose (t);
  tickets_assert_resumed (t);
  free_pubkey (t);
}

/* -- users */

static void
assert_user (PairEnd *end)
{
  g_autoptr (IkeTree) status = pair_status (end);
  const IkeTree *sa = ike_tree_nth (ike_tree_get (status, "sas"), 0);

  g_assert_cmpstr (ike_tree_string (sa, "remote-user", ""), ==, "bob");
}

/* RFC 5723, 5, note 1: "the authenticated client identity MUST be included in the ticket." */
static void
test_eap (gconstpointer flags)
{
  static const char *const plugins[] = { "eap", "eap-identity", "eap-mschapv2", NULL };
  static const char secrets[] = "secrets { eap-bob { id = bob\n secret = password\n }\n }\n";
  Tickets *t = tickets_new (
      &(TicketsOptions){ .flags = GPOINTER_TO_UINT (flags),
                         .conn = { "local { auth = eap-mschapv2\n eap_id = bob\n }\n",
                                   "remote { auth = eap-mschapv2\n eap_id = %any\n }\n" },
                         .more = { secrets, secrets },
                         .plugins = plugins });

  tickets_assert_full (t);
  g_assert_cmpuint (t->n_requests[TICKETS_AUTH], >, 3);
  assert_user (&t->pair->b);
  for (guint i = 0; i < 2; i++) {
    tickets_lose (t);
    tickets_assert_resumed (t);
    assert_user (&t->pair->b);
  }
  tickets_free (t);
}

/* -- over a restart */

static void
test_kept (gconstpointer flags)
{
  static const char *const plugins[] = { "sqlite", "queue-sqlite", NULL };
  g_autofree char *directory = g_dir_make_tmp ("ikebana-tickets-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (directory, "queue.db", NULL);
  g_autofree char *more =
      g_strdup_printf ("plugins { resumption { tickets = reference }\n queue-sqlite { load = yes\n"
                       "database = %s } }\n",
                       path);
  Tickets *t = tickets_new (&(TicketsOptions){
      .flags = GPOINTER_TO_UINT (flags), .more = { NULL, more }, .plugins = plugins });
  GDir *dir;
  const char *name;

  tickets_assert_full (t);
  for (guint i = 0; i < 2; i++) {
    tickets_restart (t, &t->pair->b);
    tickets_lose (t);
    tickets_assert_resumed (t);
  }
  /* What was used is not there any more after a restart. */
  tickets_lose (t);
  g_byte_array_set_size (t->first, 0);
  tickets_assert_resumed (t);
  pair_run (t->pair, 1);
  tickets_restart (t, &t->pair->b);
  pair_run (t->pair, 1);
  pair_inject (t->pair, "10.0.0.9", "10.0.0.2", t->first->data, t->first->len);
  pair_run (t->pair, 1);
  g_assert_cmpuint (tickets_count (t, TRUE, "resumption.refused"), ==, 1);
  tickets_free (t);
  dir = g_dir_open (directory, 0, NULL);
  while ((name = g_dir_read_name (dir))) {
    g_autofree char *file = g_build_filename (directory, name, NULL);
    g_unlink (file);
  }
  g_dir_close (dir);
  g_assert_cmpint (g_rmdir (directory), ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  /* Something of libcrypto's that is not counted: else a linker that leaves out what nobody needs
   * leaves it out, and there is nothing behind the functions that are. */
  g_test_message ("%s", OpenSSL_version (OPENSSL_VERSION));
  pair_add_test ("resumption", "takes-no-operation-with-a-key-pair", test_no_key_operation);
  pair_add_test ("resumption", "a-ticket-that-makes-an-answer-too-long-comes-later", test_ack);
  pair_add_test ("resumption", "a-ticket-is-good-no-longer-than-the-certificate",
                 test_certificate_ends);
  pair_add_test ("resumption", "a-user-is-the-same-without-eap", test_eap);
  pair_add_test ("resumption", "what-is-kept-in-a-database-is-there-after-a-restart", test_kept);
  int status = g_test_run ();
  certs_clear ();
  return status;
}
