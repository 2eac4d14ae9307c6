/* SPDX-License-Identifier: Apache-2.0 */
/* test_vectors.c - keys, MACs and MILENAGE against what the standards print. */
#include <string.h>

#include "bench.h"
#include "keys.h"
#include "milenage.h"

typedef struct {
  SimBench *bench;
  SimCrypto crypto;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  fixture->bench = sim_bench_new ("", "", NULL);
  sim_crypto_find (&fixture->crypto, fixture->bench->engine);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  sim_bench_free (fixture->bench);
}

/* The bytes of hexadecimal text; blanks do not count. */
static gsize
hex (const char *text, void *out, gsize size)
{
  guint8 *to = out;
  gsize n = 0;

  for (; *text; text++) {
    int digit = g_ascii_xdigit_value (*text);

    if (digit < 0)
      continue;
    g_assert_cmpuint (n / 2, <, size);
    to[n / 2] = (guint8) (n % 2 ? to[n / 2] << 4 | digit : digit);
    n++;
  }
  g_assert_cmpuint (n % 2, ==, 0);
  return n / 2;
}

static void
is_hex (const void *data, gsize len, const char *text)
{
  guint8 expected[512];
  gsize n = hex (text, expected, sizeof expected);

  g_assert_cmpmem (data, len, expected, n);
}

/* -- the generator: FIPS 186-2, "Examples", with change notice 1 */

static void
test_generator (void)
{
  guint8 seed[SIM_SEED_LEN], out[40];

  hex ("bd029bbe7f51960bcf9edb2b61f06f0feb5a38b6", seed, sizeof seed);
  sim_prf (seed, out, sizeof out);
  is_hex (out, sizeof out,
          "2070b3223dba372fde1c0ffc7b2e3b498b2606143c6c18bacb0f6c55babb13788e20d737a3275116");
}

/* -- EAP-SIM: RFC 4186, appendix A */

static const char versions[] = { 0, 1 };
static const char sim_identity[] = "1244070100000001@eapsim.foo";

static IkeSimTriplets
triplets_of_rfc4186 (void)
{
  static const char *const texts[][3] = {
    { "101112131415161718191a1b1c1d1e1f", "d1d2d3d4", "a0a1a2a3a4a5a6a7" },
    { "202122232425262728292a2b2c2d2e2f", "e1e2e3e4", "b0b1b2b3b4b5b6b7" },
    { "303132333435363738393a3b3c3d3e3f", "f1f2f3f4", "c0c1c2c3c4c5c6c7" }
  };
  IkeSimTriplets triplets = { .n = 3 };

  for (guint i = 0; i < triplets.n; i++) {
    IkeSimTriplet *to = &triplets.triplets[i];

    hex (texts[i][0], to->rand, sizeof to->rand);
    hex (texts[i][1], to->sres, sizeof to->sres);
    hex (texts[i][2], to->kc, sizeof to->kc);
  }
  return triplets;
}

static void
keys_of_rfc4186 (Fixture *fixture, SimKeys *keys, SimInputs *inputs)
{
  IkeSimTriplets triplets = triplets_of_rfc4186 ();

  *inputs = (SimInputs){
    .identity = { (const guint8 *) sim_identity, strlen (sim_identity) },
    .versions = { (const guint8 *) versions, sizeof versions },
    .version = 1,
  };
  hex ("0123456789abcdeffedcba9876543210", inputs->nonce, sizeof inputs->nonce);
  g_assert_true (sim_keys_gsm (&fixture->crypto, keys, inputs, &triplets));
}

static void
test_gsm_keys (Fixture *fixture, gconstpointer data)
{
  SimInputs inputs;
  SimKeys keys;

  keys_of_rfc4186 (fixture, &keys, &inputs);
  is_hex (keys.encr, sizeof keys.encr, "536e5ebc 4465582a a6a8ec99 86ebb620");
  is_hex (keys.aut, keys.aut_len, "25af1942 efcbf4bc 72b39434 21f2a974");
  is_hex (keys.msk, sizeof keys.msk,
          "39d45aea f4e30601 983e972b 6cfd46d1 c3637733 65690d09 cd44976b 525f47d3"
          "a60a985e 955c53b0 90b2e4b7 3719196a 40254296 8fd14a88 8f46b9a7 886e4488");
  is_hex (keys.emsk, sizeof keys.emsk,
          "5949eab0 fff69d52 315c6c63 4fd14a7f 0d52023d 56f79698 fa6596ab eed4f93f"
          "bb48eb53 4d985414 ceed0d9a 8ed33c38 7c9dfdab 92ffbdf2 40fcecf6 5a2c93b9");
}

/* A.5, whole. */
static const char challenge[] =
    "01020118 120b0000"
    "010d0000 10111213 14151617 18191a1b 1c1d1e1f 20212223 24252627 28292a2b 2c2d2e2f"
    "30313233 34353637 38393a3b 3c3d3e3f"
    "81050000 9e18b0c2 9a652263 c06efb54 dd00a895"
    "822d0000 55f2939b bdb1b19e a1b47fc0 b3e0be4c ab2cf737 2d98e302 3c6bb924 15723d58"
    "bad66ce0 84e101b6 0f535835 4bd42182 78aea7bf 2cbace33 106aeddc 625b0c1d"
    "5aa67a41 739ae5b5 7950973f c7ff8301 073c6f95 3150fc30 3ea152d1 e10a2d1f"
    "4f5226da a1ee9005 472252bd b3b71d6f 0c3a3490 316c4692 9871bd45 cdfdbca6"
    "112f07f8 be717990 d25f6dd7 f2b7b320 bf4d5a99 2e880331 d729945a ec75ae5d"
    "43c8eda5 fe6233fc ac494ee6 7a0d504d"
    "0b050000 fef324ac 3962b59f 3bd78253 ae4dcb6a";

static void
test_gsm_challenge (Fixture *fixture, gconstpointer data)
{
  guint8 bytes[512], plain[SIM_PACKET_MAX];
  gsize len = hex (challenge, bytes, sizeof bytes), pseudonym_len, next_len;
  SimInputs inputs;
  SimPacket packet, inner;
  SimKeys keys;

  keys_of_rfc4186 (fixture, &keys, &inputs);
  g_assert_cmpstr (sim_packet_read (&packet, IKE_EAP_TYPE_SIM, bytes, len), ==, NULL);
  g_assert_true (sim_packet_fits (&packet, SIM_BIT (AT_RAND) | SIM_BIT (AT_MAC), 0));
  g_assert_true (sim_mac_is_right (&fixture->crypto, &keys, &packet,
                                   (IkePart){ inputs.nonce, sizeof inputs.nonce }));
  g_assert_cmpstr (sim_open (&fixture->crypto, &keys, &packet, plain, &inner), ==, NULL);
  g_assert_cmpmem (sim_packet_value (&inner, AT_NEXT_PSEUDONYM, &pseudonym_len), 3, "w8w", 3);
  g_assert_cmpuint (pseudonym_len, ==, 70);
  g_assert_cmpmem (sim_packet_value (&inner, AT_NEXT_REAUTH_ID, &next_len), 3, "Y24", 3);
  g_assert_cmpuint (next_len, ==, 81);
  bytes[len - 1] ^= 1;
  g_assert_false (sim_mac_is_right (&fixture->crypto, &keys, &packet,
                                    (IkePart){ inputs.nonce, sizeof inputs.nonce }));
}

/* A.6, written by us. */
static void
test_gsm_answer (Fixture *fixture, gconstpointer data)
{
  guint8 buffer[SIM_PACKET_MAX], sres[12];
  SimInputs inputs;
  SimKeys keys;
  IkeWriter writer;

  keys_of_rfc4186 (fixture, &keys, &inputs);
  hex ("d1d2d3d4e1e2e3e4f1f2f3f4", sres, sizeof sres);
  sim_write_begin (&writer, buffer, IKE_EAP_CODE_RESPONSE, 2, IKE_EAP_TYPE_SIM, SIM_CHALLENGE);
  g_assert_true (sim_write_mac (&writer, &fixture->crypto, &keys, (IkePart){ sres, sizeof sres }));
  is_hex (writer.data, writer.len,
          "0202001c 120b0000 0b050000 f56d6433 e68ed297 6ac11937 fc3d1154");
}

/* -- EAP-AKA': RFC 9048, appendix D */

typedef struct {
  const char *network, *autn, *ik, *ck, *encr, *aut, *msk, *emsk;
} PrimeCase;

static const PrimeCase prime_cases[] = {
  { "WLAN", "bb52 e91c 747a c3ab 2a5c 23d1 5ee3 51d5", "9744 871a d32b f9bb d1dd 5ce5 4e3e 2e5a",
    "5349 fbe0 9864 9f94 8f5d 2e97 3a81 c00f", "766f a0a6 c317 174b 812d 52fb cd11 a179",
    "0842 ea72 2ff6 835b fa20 3249 9fc3 ec23 c2f0 e388 b4f0 7543 ffc6 77f1 696d 71ea",
    "67c4 2d9a a56c 1b79 e295 e345 9fc3 d187 d42b e0bf 818d 3070 e362 c5e9 67a4 d544"
    "e8ec fe19 358a b303 9aff 03b7 c930 588c 055b abee 58a0 2650 b067 ec4e 9347 c75a",
    "f861 703c d775 590e 16c7 679e a387 4ada 8663 11de 2907 64d7 60cf 76df 647e a01c"
    "313f 6992 4bdd 7650 ca9b ac14 1ea0 75c4 ef9e 8029 c0e2 90cd bad5 638b 63bc 23fb" },
  { "HRPD", "bb52 e91c 747a c3ab 2a5c 23d1 5ee3 51d5", "9744 871a d32b f9bb d1dd 5ce5 4e3e 2e5a",
    "5349 fbe0 9864 9f94 8f5d 2e97 3a81 c00f", "05ad 73ac 915f ce89 ac77 e152 0d82 187b",
    "5b4a caef 62c6 ebb8 882b 2f3d 534c 4b35 2773 37a0 0184 f20f f25d 224c 04be 2afd",
    "87b3 2157 0117 cd6c 95ab 6c43 6fb5 073f f15c f855 05d2 bc5b b735 5fc2 1ea8 a757"
    "57e8 f86a 2b13 8002 e057 5291 3bb4 3b82 f868 a961 17e9 1a2d 95f5 2667 7d57 2900",
    "c891 d5f2 0f14 8a10 0755 3e2d ea55 5c9c b672 e967 5f4a 66b4 bafa 0273 79f9 3aee"
    "539a 5979 d0a0 042b 9d2a e28b ed3b 17a3 1dc8 ab75 072b 80bd 0c1d a612 466e 402c" },
  { "WLAN", "a0a0 a0a0 a0a0 a0a0 a0a0 a0a0 a0a0 a0a0", "b0b0 b0b0 b0b0 b0b0 b0b0 b0b0 b0b0 b0b0",
    "c0c0 c0c0 c0c0 c0c0 c0c0 c0c0 c0c0 c0c0", "897d 302f a284 7416 488c 28e2 0dcb 7be4",
    "c407 00e7 7224 83ae 3dc7 139e b0b8 8bb5 58cb 3081 eccd 057f 9207 d128 6ee7 dd53",
    "9f7d ca9e 37bb 2202 9ed9 86e7 cd09 d4a7 0d1a c76d 9553 5c5c ac40 a750 4699 bb89"
    "61a2 9ef6 f3e9 0f18 3de5 861a d1be dc81 ce99 1639 1b40 1aa0 06c9 8785 a575 6df7",
    "724d e00b db9e 5681 87be 3fe7 4611 4557 d501 8779 537e e37f 4d3c 6c73 8cb9 7b9d"
    "c651 bc19 bfad c344 ffe2 b52c a78b d831 6b51 dacc 5f2b 1440 cb95 1552 1cc7 ba23" },
  { "HRPD", "a0a0 a0a0 a0a0 a0a0 a0a0 a0a0 a0a0 a0a0", "b0b0 b0b0 b0b0 b0b0 b0b0 b0b0 b0b0 b0b0",
    "c0c0 c0c0 c0c0 c0c0 c0c0 c0c0 c0c0 c0c0", "745e 7439 ba23 8f50 fcac 4d15 d47c d1d9",
    "3e1d 2aa4 e677 025c fd86 2a4b e183 61a1 3a64 5765 5714 63df 833a 9759 e809 9879",
    "c6d3 a6e0 ceea 951e b20d 74f3 2c30 61d0 680a 04b0 b086 ee87 00ac e3e0 b95f a026"
    "83c2 87be ee44 4322 94ff 98af 26d2 cc78 3bac e75c 4b0a f7fd feb5 511b a8e4 cbd0",
    "7fb5 6813 838a dafa 99d1 40c2 f198 f6da cebf b6af ee44 4961 1054 02b5 08c7 f363"
    "352c b291 9644 b504 63e6 a693 5415 0147 ae09 cbc5 4b8a 651d 8787 a689 3ed8 536d" },
};

static void
test_prime_keys (Fixture *fixture, gconstpointer data)
{
  static const char identity[] = "0555444333222111";

  for (guint i = 0; i < G_N_ELEMENTS (prime_cases); i++) {
    const PrimeCase *of = &prime_cases[i];
    IkeSimQuintuplet quintuplet = { 0 };
    SimKeys keys;

    hex (of->autn, quintuplet.autn, sizeof quintuplet.autn);
    hex (of->ik, quintuplet.ik, sizeof quintuplet.ik);
    hex (of->ck, quintuplet.ck, sizeof quintuplet.ck);
    g_assert_true (sim_keys_prime (
        &fixture->crypto, &keys, (IkePart){ (const guint8 *) identity, strlen (identity) },
        (IkePart){ (const guint8 *) of->network, strlen (of->network) }, &quintuplet));
    is_hex (keys.encr, sizeof keys.encr, of->encr);
    is_hex (keys.aut, keys.aut_len, of->aut);
    is_hex (keys.msk, sizeof keys.msk, of->msk);
    is_hex (keys.emsk, sizeof keys.emsk, of->emsk);
  }
}

/* -- MILENAGE: TS 35.208, test sets 1 to 6 and 19 (the last as RFC 9048 has it) */

typedef struct {
  const char *k, *rand, *sqn_amf, *op, *opc, *macs, *res, *ck, *ik, *ak, *ak_star;
} TestSet;

static const TestSet sets[] = {
  { "465b5ce8b199b49faa5f0a2ee238a6bc", "23553cbe9637a89d218ae64dae47bf35", "ff9bb4d0b607 b9b9",
    "cdc202d5123e20f62b6d676ac72cb318", "cd63cb71954a9f4e48a5994e37a02baf",
    "4a9ffac354dfafb3 01cfaf9ec4e871e9", "a54211d5e3ba50bf", "b40ba9a3c58b2a05bbf0d987b21bf8cb",
    "f769bcd751044604127672711c6d3441", "aa689c648370", "451e8beca43b" },
  { "0396eb317b6d1c36f19c1c84cd6ffd16", "c00d603103dcee52c4478119494202e8", "fd8eef40df7d af17",
    "ff53bade17df5d4e793073ce9d7579fa", "53c15671c60a4b731c55b4a441c0bde2",
    "5df5b31807e258b0 a8c016e51ef4a343", "d3a628ed988620f0", "58c433ff7a7082acd424220f2b67c556",
    "21a8c1f929702adb3e738488b9f5c5da", "c47783995f72", "30f1197061c1" },
  { "fec86ba6eb707ed08905757b1bb44b8f", "9f7c8d021accf4db213ccff0c7f71a6a", "9d0277595ffc 725c",
    "dbc59adcb6f9a0ef735477b7fadf8374", "1006020f0a478bf6b699f15c062e42b3",
    "9cabc3e99baf7281 95814ba2b3044324", "8011c48c0c214ed2", "5dbdbb2954e8f3cde665b046179a5098",
    "59a92d3b476a0443487055cf88b2307b", "33484dc2136b", "deacdd848cc6" },
  { "9e5944aea94b81165c82fbf9f32db751", "ce83dbc54ac0274a157c17f80d017bd6", "0b604a81eca8 9e09",
    "223014c5806694c007ca1eeef57f004f", "a64a507ae1a2a98bb88eb4210135dc87",
    "74a58220cba84c49 ac2cc74a96871837", "f365cd683cd92e96", "e203edb3971574f5a94b0d61b816345d",
    "0c4524adeac041c4dd830d20854fc46b", "f0b9c08ad02e", "6085a86c6f63" },
  { "4ab1deb05ca6ceb051fc98e77d026a84", "74b0cd6031a1c8339b2b6ce2b8c4a186", "e880a1b580b6 9f07",
    "2d16c5cd1fdf6b22383584e3bef2a8d8", "dcf07cbd51855290b92a07a9891e523e",
    "49e785dd12626ef2 9e85790336bb3fa2", "5860fc1bce351e7e", "7657766b373d1c2138f307e3de9242f9",
    "1c42e960d89b8fa99f2744e0708ccb53", "31e11a609118", "fe2555e54aa9" },
  { "6c38a116ac280c454f59332ee35c8c4f", "ee6466bc96202c5a557abbeff8babf63", "414b98222181 4464",
    "1ba00a1a7c6700ac8c3ff3e96ad08725", "3803ef5363b947c6aaa225e58fae3934",
    "078adfb488241a57 80246b8d0186bcf1", NULL, NULL, "a7466cc1e6b2a1337d49d3b66e95d7b4", NULL,
    "1f53cd2b1113" },
  { "5122250214c33e723a5dd523fc145fc0", "81e92b6c0ee0e12ebceba8d92a99dfa5", "16f3b3f70fc2 c3ab",
    "c9e8763286b5b9ffbdf56e1297d0887b", NULL, NULL, "28d7b0f2a2ec3de5",
    "5349fbe098649f948f5d2e973a81c00f", "9744871ad32bf9bbd1dd5ce54e3e2e5a", "ada15aeb7bb8", NULL },
};

static void
is_hex_or_unknown (const void *data, gsize len, const char *text_or_null)
{
  if (text_or_null)
    is_hex (data, len, text_or_null);
}

static void
test_milenage (Fixture *fixture, gconstpointer data)
{
  const IkeCipher *aes = fixture->crypto.aes;

  for (guint i = 0; i < G_N_ELEMENTS (sets); i++) {
    const TestSet *set = &sets[i];
    guint8 op[16], rand[16], sqn_amf[8], macs[16];
    MilenageKeys keys;
    Milenage card;

    hex (set->k, card.k, sizeof card.k);
    hex (set->op, op, sizeof op);
    hex (set->rand, rand, sizeof rand);
    hex (set->sqn_amf, sqn_amf, sizeof sqn_amf);
    g_assert_true (milenage_opc (aes, card.k, op, card.opc));
    g_assert_true (milenage_macs (aes, &card, rand, sqn_amf, macs));
    g_assert_true (milenage_keys (aes, &card, rand, &keys));
    is_hex_or_unknown (card.opc, sizeof card.opc, set->opc);
    is_hex_or_unknown (macs, sizeof macs, set->macs);
    is_hex_or_unknown (keys.res, sizeof keys.res, set->res);
    is_hex_or_unknown (keys.ck, sizeof keys.ck, set->ck);
    is_hex_or_unknown (keys.ik, sizeof keys.ik, set->ik);
    is_hex_or_unknown (keys.ak, sizeof keys.ak, set->ak);
    is_hex_or_unknown (keys.ak_star, sizeof keys.ak_star, set->ak_star);
  }
}

/* TS 55.205: SRES and Kc from test set 1 of TS 35.208. */
static void
test_milenage_gsm (Fixture *fixture, gconstpointer data)
{
  IkeSimTriplet triplet = { 0 };
  Milenage card;
  MilenageKeys keys;

  hex (sets[0].k, card.k, sizeof card.k);
  hex (sets[0].opc, card.opc, sizeof card.opc);
  hex (sets[0].rand, triplet.rand, sizeof triplet.rand);
  g_assert_true (milenage_keys (fixture->crypto.aes, &card, triplet.rand, &keys));
  milenage_gsm (&keys, &triplet);
  is_hex (triplet.sres, sizeof triplet.sres, "46f8416a");
  is_hex (triplet.kc, sizeof triplet.kc, "eae4be823af9a08b");
}

#define ADD(name, function) g_test_add (name, Fixture, NULL, set_up, function, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/sim/vectors/generator-of-fips-186-2", test_generator);
  ADD ("/sim/vectors/keys-of-rfc-4186", test_gsm_keys);
  ADD ("/sim/vectors/challenge-of-rfc-4186-is-read-and-opened", test_gsm_challenge);
  ADD ("/sim/vectors/answer-of-rfc-4186-is-written", test_gsm_answer);
  ADD ("/sim/vectors/keys-of-rfc-9048", test_prime_keys);
  ADD ("/sim/vectors/milenage-of-ts-35-208", test_milenage);
  ADD ("/sim/vectors/milenage-as-gsm-of-ts-55-205", test_milenage_gsm);
  return g_test_run ();
}
