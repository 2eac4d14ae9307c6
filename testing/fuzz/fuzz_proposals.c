/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_proposals.c - bodies of SA payloads: read, chosen from, answered, explained; and the
 * keywords of configuration.
 *
 * The first byte: even, an SA payload follows; odd, text, above 128 for an engine without SHA-1.
 * What is chosen must be accepted by whoever offered it.
 *
 * Covers: libcore/wire/proposal.c libcore/wire/proposal_wire.c libcore/wire/proposal_select.c
 * libcore/wire/proposal_format.c libcore/wire/proposal_explain.c */
#include <string.h>
#include <ikebana/proposal.h>
#include <ikebana/tree.h>
#include "tests/fake_crypto.h"

int LLVMFuzzerTestOneInput (const guint8 *data, size_t len);
int LLVMFuzzerInitialize (int *argc, char ***argv);

/* Made once: what we would accept, for IKE, AH and ESP. */
static IkeProposals *ours[4];

static void
check (gboolean ok)
{
  if (!ok)
    __builtin_trap ();
}

int
LLVMFuzzerInitialize (int *argc, char ***argv)
{
  char *ike[] = {
    (char *) "default, aes128-aes256-sha1-sha256-modp2048-x25519-ke1_mlkem768-ke1_none", NULL
  };
  char *ah[] = { (char *) "sha256-sha384-esn-noesn", NULL };
  char *esp[] = { (char *) "default, aes256-aes128-sha256-x25519-none-esn-noesn", NULL };

  ours[IKE_PROTOCOL_IKE] = ike_proposals_parse (NULL, IKE_PROTOCOL_IKE, ike, NULL);
  ours[IKE_PROTOCOL_AH] = ike_proposals_parse (NULL, IKE_PROTOCOL_AH, ah, NULL);
  ours[IKE_PROTOCOL_ESP] = ike_proposals_parse (NULL, IKE_PROTOCOL_ESP, esp, NULL);
  return 0;
}

/* A choice is one of each type, and reads back as it was written. */
static void
check_choice (const IkeChoice *choice)
{
  IkeProposal back[IKE_PROPOSALS_MAX];
  guint8 room[512];
  char text[256];
  IkeReader r;
  IkeWriter w;
  guint n = 0;

  for (guint type = 0; type < IKE_TRANSFORM_TYPES; type++)
    check (choice->chosen[type].type == 0 || choice->chosen[type].type == type);
  ike_choice_format (choice, text, sizeof text);
  ike_writer_init (&w, room, sizeof room);
  ike_choice_write (choice, &w, choice->spi, choice->spi_len);
  check (!w.failed);
  ike_reader_init (&r, room, w.len);
  check (ike_proposals_read (&r, back, &n, NULL) && n == 1 && back[0].number == choice->number);
}

static void
try_offers (const IkeProposal *offers, guint n)
{
  for (guint protocol = IKE_PROTOCOL_IKE; protocol <= IKE_PROTOCOL_ESP; protocol++) {
    g_autoptr (IkeTree) details = ike_tree_new_section ();
    IkeChoice choice;
    gboolean fits = ike_proposals_select (ours[protocol], offers, n, 0, &choice);
    if (fits)
      check_choice (&choice);
    check (ike_proposals_select (ours[protocol], offers, n, IKE_SELECT_PEERS_FIRST, &choice)
           == fits);
    if (ike_proposals_select (ours[protocol], offers, n, IKE_SELECT_NO_KE, &choice))
      check_choice (&choice);
    g_free (ike_proposals_explain (ours[protocol], offers, n, details));
    for (guint i = 0; i < n; i++)
      if (ike_proposals_accept (ours[protocol], &offers[i], i % 3 == 0 ? IKE_SELECT_NO_KE : 0,
                                &choice))
        check_choice (&choice);
  }
}

static void
try_wire (const guint8 *data, gsize len)
{
  IkeProposal offers[IKE_PROPOSALS_MAX];
  IkeVerdict verdict = { 0 };
  char text[256];
  IkeReader r;
  guint n;

  ike_reader_init (&r, data, len);
  if (!ike_proposals_read (&r, offers, &n, &verdict)) {
    check (verdict.reason && n == 0 && verdict.offset <= len);
    return;
  }
  check (n > 0 && n <= IKE_PROPOSALS_MAX);
  for (guint i = 0; i < n; i++) {
    check (offers[i].n_transforms <= IKE_PROPOSAL_MAX_TRANSFORMS
           && offers[i].spi_len <= IKE_SPI_MAX);
    ike_proposal_format (&offers[i], text, sizeof text);
  }
  try_offers (offers, n);
}

/* What configuration accepts must be read back from the wire, and what we would choose of it be
 * accepted by us. */
static void
try_text (IkeEngine *engine, guint8 protocol, const guint8 *data, gsize len)
{
  g_autofree char *text = g_strndup ((const char *) data, MIN (len, 2000));
  char *texts[] = { text, NULL };
  g_autoptr (IkeProposals) proposals = ike_proposals_parse (engine, protocol, texts, NULL);
  static const guint8 spi[IKE_SPI_MAX];
  g_autofree guint8 *room = g_malloc (65536);
  IkeProposal offers[IKE_PROPOSALS_MAX];
  IkeChoice choice;
  IkeReader r;
  IkeWriter w;
  guint n = 0, encr_len, integ_len;

  if (!proposals)
    return;
  ike_writer_init (&w, room, 65536);
  ike_proposals_write (proposals, &w, spi, protocol == IKE_PROTOCOL_IKE ? 0 : 4, 0);
  ike_reader_init (&r, room, w.len);
  check (!w.failed && ike_proposals_read (&r, offers, &n, NULL)
         && n == ike_proposals_n (proposals));
  check (ike_proposals_select (proposals, offers, n, 0, &choice));
  check_choice (&choice);
  if (engine)
    check (ike_choice_key_sizes (engine, &choice, &encr_len, &integ_len));
  ike_writer_init (&w, room, 65536);
  ike_choice_write (&choice, &w, spi, protocol == IKE_PROTOCOL_IKE ? 0 : 4);
  ike_reader_init (&r, room, w.len);
  check (ike_proposals_read (&r, offers, &n, NULL)
         && ike_proposals_accept (proposals, &offers[0], 0, &choice));
}

int
LLVMFuzzerTestOneInput (const guint8 *data, size_t len)
{
  FakeEngine lacks_sha1 = { IKE_TRANSFORM_INTEG, 2 };

  if (len == 0)
    return 0;
  if (data[0] % 2 == 0)
    try_wire (data + 1, len - 1);
  else
    try_text (data[0] < 128 ? NULL : (IkeEngine *) &lacks_sha1, IKE_PROTOCOL_IKE + data[0] / 2 % 3,
              data + 1, len - 1);
  return 0;
}
