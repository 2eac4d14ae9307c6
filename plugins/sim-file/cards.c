/* SPDX-License-Identifier: Apache-2.0 */
/* cards.c - reads a file of cards.
 *
 *     # IMSI, RAND, SRES, Kc: a triplet
 *     # IMSI, K, op=OP or opc=OPc, AMF, SQN: a card with MILENAGE; AMF and SQN may be left out
 */
#include "cards.h"

#include <string.h>

#include <ikebana/error.h>

#include "shared/hex/hex.h"

enum { FIELDS_MAX = 5, DEFAULT_AMF = 0x80 };

static SimCard *
card_of (GHashTable *cards, const char *name)
{
  SimCard *card = g_hash_table_lookup (cards, name);

  if (card)
    return card;
  card = sim_card_new (name);
  g_hash_table_insert (cards, card->name, card);
  return card;
}

static const char *
add_triplet (SimCard *card, char *const *fields)
{
  IkeSimTriplet triplet;
  gboolean is_good = hex_read (fields[1], triplet.rand, sizeof triplet.rand)
                     && hex_read (fields[2], triplet.sres, sizeof triplet.sres)
                     && hex_read (fields[3], triplet.kc, sizeof triplet.kc);

  if (is_good)
    sim_card_add_triplet (card, &triplet);
  ike_wipe (&triplet, sizeof triplet);
  return is_good ? NULL : "a triplet is IMSI, RAND (32 hexadecimal digits), SRES (8), Kc (16)";
}

/* "op=…" or "opc=…". */
static gboolean
read_operator (const char *text, Milenage *milenage, gboolean *is_op)
{
  *is_op = g_str_has_prefix (text, "op=");
  if (!*is_op && !g_str_has_prefix (text, "opc="))
    return FALSE;
  return hex_read (strchr (text, '=') + 1, milenage->opc, sizeof milenage->opc);
}

static const char *
add_keys (SimCard *card, char *const *fields, guint n)
{
  static const char form[] = "a card is IMSI, K (32 hexadecimal digits), op= or opc= (32), "
                             "AMF (4), SQN (12)";
  guint8 sqn[SIM_SQN_LEN] = { 0 };
  Milenage milenage;
  gboolean is_good;

  if (card->keys)
    return "the card stands here twice";
  card->amf[0] = DEFAULT_AMF;
  is_good = hex_read (fields[1], milenage.k, sizeof milenage.k)
            && read_operator (fields[2], &milenage, &card->is_op)
            && (n < 4 || hex_read (fields[3], card->amf, sizeof card->amf))
            && (n < 5 || hex_read (fields[4], sqn, sizeof sqn));
  if (is_good)
    card->keys = ike_secret_blob_new (&milenage, sizeof milenage);
  card->given = card->reserved = sim_sqn_read (sqn);
  sim_window_init (&card->window, card->given);
  ike_wipe (&milenage, sizeof milenage);
  return is_good ? NULL : form;
}

/* What stands between commas and blanks, in place; more than FIELDS_MAX when there is more. */
static guint
split (char *line, char *fields[static FIELDS_MAX + 1])
{
  guint n = 0;

  for (char *at = line; n <= FIELDS_MAX; n++) {
    at += strspn (at, ", \t\r");
    if (!*at || *at == '#')
      return n;
    fields[n] = at;
    at += strcspn (at, ", \t\r");
    if (*at)
      *at++ = '\0';
  }
  return n;
}

static const char *
read_line (GHashTable *cards, char *line)
{
  char *fields[FIELDS_MAX + 1];
  guint n = split (line, fields);

  if (n == 0)
    return NULL;
  if (n < 3 || n > FIELDS_MAX)
    return "neither a triplet nor a card";
  for (const char *c = fields[0]; *c; c++)
    if (!g_ascii_isgraph (*c))
      return "an IMSI is printable";
  if (g_str_has_prefix (fields[2], "op"))
    return add_keys (card_of (cards, fields[0]), fields, n);
  return n == 4 ? add_triplet (card_of (cards, fields[0]), fields) : "neither a triplet nor a card";
}

GHashTable *
sim_cards_parse (const char *path, char *text, GError **error)
{
  GHashTable *cards = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, sim_card_free);
  guint number = 1;

  for (char *line = text, *next; line; line = next, number++) {
    const char *wrong;

    if ((next = strchr (line, '\n')))
      *next++ = '\0';
    if (!(wrong = read_line (cards, line)))
      continue;
    g_set_error (error, IKE_ERROR, IKE_ERROR_SYNTAX, "%s:%u: %s", path, number, wrong);
    g_hash_table_unref (cards);
    return NULL;
  }
  return cards;
}
