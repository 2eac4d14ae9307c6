/* SPDX-License-Identifier: Apache-2.0 */
/* test_proposal.c - proposals from keywords: completed, checked, and the defaults. */
#include <string.h>
#include "tests/fake_crypto.h"
#include "wire/proposal_private.h"

/* The text form of all proposals that @text gives, joined with '|'. */
static char *
parsed (guint8 protocol, const char *text)
{
  char *texts[] = { (char *) text, NULL };
  g_autoptr (GError) error = NULL;
  g_autoptr (IkeProposals) proposals = ike_proposals_parse (NULL, protocol, texts, &error);
  GString *out = g_string_new (NULL);
  char one[1024];

  g_assert_no_error (error);
  for (guint i = 0; i < ike_proposals_n (proposals); i++) {
    g_assert_cmpuint (ike_proposals_nth (proposals, i)->number, ==, i + 1);
    g_string_append_printf (
        out, "%s%s", i ? "|" : "",
        ike_proposal_format (ike_proposals_nth (proposals, i), one, sizeof one));
  }
  g_assert_null (ike_proposals_nth (proposals, ike_proposals_n (proposals)));
  return g_string_free (out, FALSE);
}

static void
check (guint8 protocol, const char *text, const char *wanted)
{
  g_autofree char *have = parsed (protocol, text);

  g_assert_cmpstr (have, ==, wanted);
}

static void
test_ike (void)
{
  check (IKE_PROTOCOL_IKE, "aes256-sha256-modp2048",
         "aes-cbc-256/hmac-sha2-256-128/modp2048/prf-hmac-sha2-256");
  check (IKE_PROTOCOL_IKE, "AES256-SHA256-X25519",
         "aes-cbc-256/hmac-sha2-256-128/curve25519/prf-hmac-sha2-256");
  check (IKE_PROTOCOL_IKE, "aes128gcm16-prfsha256-ecp256",
         "aes-gcm-16-128/prf-hmac-sha2-256/ecp256");
  check (IKE_PROTOCOL_IKE, "aes128gcm16-sha384-ecp256", "aes-gcm-16-128/ecp256/prf-hmac-sha2-384");
  check (IKE_PROTOCOL_IKE, "aes128-aes128-sha1-sha1-modp1024",
         "aes-cbc-128/hmac-sha1-96/modp1024/prf-hmac-sha1");
  check (IKE_PROTOCOL_IKE, "aes128-sha256-x25519-ke1_mlkem768-ke2_none",
         "aes-cbc-128/hmac-sha2-256-128/curve25519/ke1-mlkem768/ke2-none/prf-hmac-sha2-256");
  check (IKE_PROTOCOL_IKE, "aes128-aesxcbc-modp2048",
         "aes-cbc-128/aes-xcbc-96/modp2048/prf-aes-xcbc");
}

static void
test_esp_and_ah (void)
{
  check (IKE_PROTOCOL_ESP, "aes256-sha256", "aes-cbc-256/hmac-sha2-256-128/noesn");
  check (IKE_PROTOCOL_ESP, "aes256gcm16-sha256-x25519-none-esn",
         "aes-gcm-16-256/curve25519/none/esn");
  check (IKE_PROTOCOL_ESP, "null-sha256-esn-noesn", "null/hmac-sha2-256-128/esn/noesn");
  check (IKE_PROTOCOL_ESP, "chacha20poly1305", "chacha20-poly1305/noesn");
  check (IKE_PROTOCOL_ESP, "aes128-sha1-prfsha1", "aes-cbc-128/hmac-sha1-96/noesn");
  check (IKE_PROTOCOL_AH, "sha256-modp2048", "hmac-sha2-256-128/modp2048/noesn");
}

static void
test_lists (void)
{
  char *texts[] = { (char *) "aes128-sha256, aes256-sha256", (char *) "default", NULL };
  g_autoptr (IkeProposals) proposals = ike_proposals_parse (NULL, IKE_PROTOCOL_ESP, texts, NULL);
  IkeProposals *same = ike_proposals_ref (proposals);

  g_assert_cmpuint (ike_proposals_n (proposals), ==, 4);
  ike_proposals_unref (same);
  ike_proposals_unref (NULL);
}

static void
test_defaults (void)
{
  g_autoptr (IkeProposals) ike = ike_proposals_parse (NULL, IKE_PROTOCOL_IKE, NULL, NULL);
  char out[1024];

  g_assert_cmpuint (ike_proposals_n (ike), ==, 2);
  g_assert_cmpstr (ike_proposal_format (ike_proposals_nth (ike, 0), out, sizeof out), ==,
                   "aes-gcm-16-256/aes-gcm-16-128/chacha20-poly1305/prf-hmac-sha2-256/"
                   "prf-hmac-sha2-384/prf-hmac-sha2-512/"
                   "curve25519/ecp256/ecp384/ecp521/modp3072/modp4096/modp2048");
  check (IKE_PROTOCOL_ESP, "default",
         "aes-gcm-16-256/aes-gcm-16-128/chacha20-poly1305/esn/noesn|aes-cbc-256/aes-cbc-192/"
         "aes-cbc-128/hmac-sha2-256-128/"
         "hmac-sha2-384-192/hmac-sha2-512-256/esn/noesn");
  check (IKE_PROTOCOL_AH, "default",
         "hmac-sha2-256-128/hmac-sha2-384-192/hmac-sha2-512-256/esn/noesn");
}

/* Whatever is default must pass the checks that configured ones pass. */
static void
test_defaults_are_complete (void)
{
  for (guint8 protocol = IKE_PROTOCOL_IKE; protocol <= IKE_PROTOCOL_ESP; protocol++) {
    IkeProposal proposals[2];
    guint n = ike_proposal_defaults (protocol, proposals);
    for (guint i = 0; i < n; i++) {
      g_autoptr (GError) error = NULL;
      IkeProposal before = proposals[i];
      g_assert_true (ike_proposal_complete (&proposals[i], "default", &error));
      g_assert_cmpmem (&before, sizeof before, &proposals[i], sizeof proposals[i]);
    }
  }
}

static gboolean
can_all_but (const IkeTransform *transform, gconstpointer arg)
{
  const IkeTransform *not_this = arg;
  return !(transform->type == not_this->type
           && (not_this->id == G_MAXUINT16 || transform->id == not_this->id));
}

static void
test_filter (void)
{
  IkeTransform no_curve = { .type = IKE_TRANSFORM_KE, .id = 31 },
               no_ke = { .type = IKE_TRANSFORM_KE, .id = G_MAXUINT16 };
  IkeProposal proposals[2];

  ike_proposal_defaults (IKE_PROTOCOL_IKE, proposals);
  guint before = proposals[0].n_transforms;
  g_assert_true (ike_proposal_filter (&proposals[0], can_all_but, &no_curve));
  g_assert_cmpuint (proposals[0].n_transforms, ==, before - 1);
  g_assert_false (ike_proposal_filter (&proposals[1], can_all_but, &no_ke));
}

static void
refused (guint8 protocol, const char *text, const char *why)
{
  char *texts[] = { (char *) text, NULL };
  g_autoptr (GError) error = NULL;

  g_assert_null (ike_proposals_parse (NULL, protocol, texts, &error));
  g_assert_nonnull (error);
  g_test_message ("%s", error->message);
  g_assert_nonnull (strstr (error->message, why));
}

static void
test_refused (void)
{
  refused (IKE_PROTOCOL_IKE, "aes256-sha256", "key exchange is missing");
  refused (IKE_PROTOCOL_IKE, "aes256-modp2048", "a PRF is missing");
  refused (IKE_PROTOCOL_IKE, "aes256-prfsha256-modp2048", "integrity algorithm is missing");
  refused (IKE_PROTOCOL_IKE, "aes256gcm16-x25519", "a PRF is missing");
  refused (IKE_PROTOCOL_IKE, "sha256-x25519", "encryption algorithm is missing");
  refused (IKE_PROTOCOL_IKE, "aes256-aes256gcm16-sha256-x25519", "cannot stand in one proposal");
  refused (IKE_PROTOCOL_IKE, "aes256-sha256-none", "cannot do without a key exchange");
  refused (IKE_PROTOCOL_IKE, "aes256-sha256-x25519-none", "cannot do without a key exchange");
  refused (IKE_PROTOCOL_IKE, "null-sha256-x25519", "IKE needs encryption");
  refused (IKE_PROTOCOL_IKE, "aes256-sha256-x25519-esn", "sequence numbers");
  refused (IKE_PROTOCOL_ESP, "aes256", "integrity algorithm is missing");
  refused (IKE_PROTOCOL_ESP, "sha256", "encryption algorithm is missing");
  refused (IKE_PROTOCOL_AH, "aes256-sha256", "AH does not encrypt");
  refused (IKE_PROTOCOL_AH, "modp2048", "integrity algorithm is missing");
  refused (IKE_PROTOCOL_ESP, "serpent-sha256", "no number");
  refused (IKE_PROTOCOL_ESP, "aes256-sha256,", "encryption algorithm is missing");
  refused (IKE_PROTOCOL_ESP, "aes256-sha256-ke1_sha1", "not an algorithm");
  refused (IKE_PROTOCOL_ESP, "aes256-sha256-ke8_x25519", "not an algorithm");
}

static void
test_nearest (void)
{
  refused (IKE_PROTOCOL_IKE, "aes256-sha257-modp2048", "did you mean \"sha256\"?");
  refused (IKE_PROTOCOL_IKE, "aes256-sha256-curve2519", "did you mean \"curve25519\"?");
}

static void
test_limits (void)
{
  GString *text = g_string_new ("aes256-sha256");
  char *texts[] = { NULL, NULL };

  for (guint n = 1; n <= IKE_PROPOSALS_MAX + 1; n++) {
    g_autoptr (GError) error = NULL;
    g_autoptr (IkeProposals) proposals = NULL;
    texts[0] = text->str;
    proposals = ike_proposals_parse (NULL, IKE_PROTOCOL_ESP, texts, &error);
    g_assert_cmpint (proposals != NULL, ==, n <= IKE_PROPOSALS_MAX);
    if (proposals)
      g_assert_cmpuint (ike_proposals_n (proposals), ==, n);
    g_string_append (text, ",aes256-sha256");
  }
  g_string_free (text, TRUE);

  IkeProposal proposal = { 0 };
  for (guint16 i = 0; i < IKE_PROPOSAL_MAX_TRANSFORMS; i++)
    g_assert_true (ike_proposal_add (&proposal, IKE_TRANSFORM_KE, i, 0));
  g_assert_true (ike_proposal_add (&proposal, IKE_TRANSFORM_KE, 0, 0));
  g_assert_false (ike_proposal_add (&proposal, IKE_TRANSFORM_KE, 1000, 0));
}

static void
test_engine_that_lacks_some (void)
{
  FakeEngine no_gcm = { IKE_TRANSFORM_ENCR, 20 }, no_ke = { IKE_TRANSFORM_KE, G_MAXUINT16 },
             all = { 0 };
  char *asked[] = { (char *) "aes256gcm16-prfsha256-x25519", NULL };
  g_autoptr (GError) error = NULL;
  g_autoptr (IkeProposals) some =
      ike_proposals_parse ((IkeEngine *) &no_gcm, IKE_PROTOCOL_ESP, NULL, &error),
                           fine = NULL;
  char out[512];

  g_assert_no_error (error);
  g_assert_cmpstr (ike_proposal_format (ike_proposals_nth (some, 0), out, sizeof out), ==,
                   "chacha20-poly1305/esn/noesn");
  g_assert_null (ike_proposals_parse ((IkeEngine *) &no_gcm, IKE_PROTOCOL_IKE, asked, &error));
  g_assert_error (error, IKE_ERROR, IKE_ERROR_UNSUPPORTED);
  g_assert_nonnull (strstr (error->message, "aes-gcm-16-256"));
  g_clear_error (&error);
  g_assert_null (ike_proposals_parse ((IkeEngine *) &no_ke, IKE_PROTOCOL_IKE, NULL, &error));
  g_assert_error (error, IKE_ERROR, IKE_ERROR_PLUGIN);
  g_clear_error (&error);
  fine = ike_proposals_parse ((IkeEngine *) &all, IKE_PROTOCOL_IKE, asked, &error);
  g_assert_no_error (error);
}

static void
check_sizes (FakeEngine *engine, guint16 encr, guint16 bits, guint16 integ, int encr_len,
             int integ_len)
{
  IkeChoice choice = { .protocol = IKE_PROTOCOL_ESP };
  guint have_encr, have_integ;
  gboolean ok;

  choice.chosen[IKE_TRANSFORM_ENCR] =
      (IkeTransform) { .type = IKE_TRANSFORM_ENCR, .id = encr, .key_bits = bits };
  if (integ)
    choice.chosen[IKE_TRANSFORM_INTEG] =
        (IkeTransform) { .type = IKE_TRANSFORM_INTEG, .id = integ };
  ok = ike_choice_key_sizes ((IkeEngine *) engine, &choice, &have_encr, &have_integ);
  g_assert_cmpint (ok, ==, encr_len >= 0);
  if (ok) {
    g_assert_cmpint ((int) have_encr, ==, encr_len);
    g_assert_cmpint ((int) have_integ, ==, integ_len);
  }
}

static void
test_key_sizes (void)
{
  FakeEngine all = { 0 }, no_aead = { IKE_TRANSFORM_ENCR, 20 }, no_cbc = { IKE_TRANSFORM_ENCR, 12 },
             no_mac = { IKE_TRANSFORM_INTEG, 12 };

  check_sizes (&all, 20, 256, 0, 36, 0);
  check_sizes (&all, 12, 128, 12, 16, 32);
  check_sizes (&all, IKE_ENCR_NULL, 0, 12, 0, 32);
  check_sizes (&no_aead, 20, 256, 0, -1, 0);
  check_sizes (&no_cbc, 12, 128, 12, -1, 0);
  check_sizes (&no_mac, 12, 128, 12, -1, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/proposal/ike-is-completed", test_ike);
  g_test_add_func ("/proposal/esp-and-ah-are-completed", test_esp_and_ah);
  g_test_add_func ("/proposal/lists-are-joined", test_lists);
  g_test_add_func ("/proposal/defaults-are-those-of-the-rfcs", test_defaults);
  g_test_add_func ("/proposal/defaults-need-no-completion", test_defaults_are_complete);
  g_test_add_func ("/proposal/what-nobody-can-is-filtered", test_filter);
  g_test_add_func ("/proposal/what-cannot-be-negotiated-is-refused", test_refused);
  g_test_add_func ("/proposal/misspelt-keyword-names-the-nearest", test_nearest);
  g_test_add_func ("/proposal/counts-are-limited", test_limits);
  g_test_add_func ("/proposal/engine-that-lacks-some-offers-less", test_engine_that_lacks_some);
  g_test_add_func ("/proposal/key-sizes-are-those-of-the-classes", test_key_sizes);
  return g_test_run ();
}
