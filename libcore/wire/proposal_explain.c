/* SPDX-License-Identifier: Apache-2.0 */
/* proposal_explain.c - why no proposal was chosen: the nearest of ours, and the first type in which
 * it differs. */
#include <string.h>
#include <ikebana/tree.h>
#include "wire/proposal_private.h"

enum { TEXT_MAX = 512 };

/* What one pair of proposals looks like: how far they agree, and where they part. */
typedef struct {
  const IkeProposal *ours, *offer;
  guint              n_agree;                 /* transform types */
  guint8             differs;                 /* type; 0: they fit */
} Pair;

/* Order of questions a person asks: the cipher first, the key exchange last but for the additional
 * ones. */
static guint
count_agreement (const IkeProposal *ours, const IkeProposal *offer)
{
  guint n = 0;

  for (guint8 type = 1; type < IKE_TRANSFORM_TYPES; type++) {
    gboolean agrees = FALSE;
    for (guint i = 0; i < ours->n_transforms && !agrees; i++)
      for (guint j = 0; j < offer->n_transforms && !agrees; j++) {
        const IkeTransform *a = &ours->transforms[i], *b = &offer->transforms[j];
        agrees = a->type == type && b->type == type && a->id == b->id && a->key_bits == b->key_bits
                 && !b->flags;
      }
    n += agrees;
  }
  return n;
}

static Pair
nearest_offer (const IkeProposal *ours, const IkeProposal *offers, guint n_offers)
{
  Pair best = { ours, NULL, 0, IKE_TRANSFORM_ENCR };

  for (guint i = 0; i < n_offers; i++) {
    guint n = offers[i].protocol == ours->protocol ? count_agreement (ours, &offers[i]) : 0;
    if (best.offer && n <= best.n_agree)
      continue;
    best.offer = &offers[i];
    best.n_agree = n;
    best.differs = offers[i].protocol == ours->protocol
                       ? ike_proposal_match (ours, &offers[i], 0, NULL)
                       : IKE_TRANSFORM_ENCR;
  }
  return best;
}

/* All of @type in @proposal: "modp1024 or modp2048". */
static void
format_type (const IkeProposal *proposal, guint8 type, char out[TEXT_MAX])
{
  GString *text = g_string_new (NULL);
  char name[48];

  for (guint i = 0; proposal && i < proposal->n_transforms; i++)
    if (proposal->transforms[i].type == type)
      g_string_append_printf (text, "%s%s", text->len ? " or " : "",
                              ike_transform_format (&proposal->transforms[i], name));
  g_strlcpy (out, text->len ? text->str : "none", TEXT_MAX);
  g_string_free (text, TRUE);
}

/* The keyword that a configuration would need for the first usable transform of @type that the peer
 * offers. */
static const char *
setting_for (const IkeProposal *offer, guint8 type)
{
  for (guint i = 0; offer && i < offer->n_transforms; i++) {
    const IkeTransform *t = &offer->transforms[i];
    if (t->type != type || t->flags)
      continue;
    for (const IkeKeyword *k = ike_keywords; k->keyword; k++)
      if (k->type == (ike_transform_is_addke (type) ? IKE_TRANSFORM_KE : type) && k->id == t->id
          && k->key_bits == t->key_bits)
        return k->keyword;
  }
  return NULL;
}

static void
add_candidate (IkeTree *list, const Pair *pair)
{
  IkeTree *candidate = ike_tree_add_section (list, NULL);
  const char *setting = setting_for (pair->offer, pair->differs);
  char text[TEXT_MAX];

  ike_tree_set_string (candidate, "ours", ike_proposal_format (pair->ours, text, sizeof text));
  ike_tree_set_string (candidate, "differs", ike_transform_type_name (pair->differs));
  format_type (pair->offer, pair->differs, text);
  ike_tree_set_string (candidate, "offered", text);
  format_type (pair->ours, pair->differs, text);
  ike_tree_set_string (candidate, "accepted", text);
  if (setting)
    ike_tree_set_string (candidate, "setting", setting);
}

static void
format_offers (const IkeProposal *offers, guint n_offers, GString *out)
{
  char text[TEXT_MAX];

  for (guint i = 0; i < n_offers && i < 4; i++)
    g_string_append_printf (out, "%s%s", i ? ", " : "",
                            ike_proposal_format (&offers[i], text, sizeof text));
  if (n_offers > 4)
    g_string_append_printf (out, ", and %u more", n_offers - 4);
}

char *
ike_proposals_explain (const IkeProposals *ours, const IkeProposal *offers, guint n_offers,
                       IkeTree *details_or_null)
{
  IkeTree *list = details_or_null ? ike_tree_add_list (details_or_null, "candidates") : NULL;
  GString *out = g_string_new (n_offers ? "offered " : "offered nothing");
  char offered[TEXT_MAX], accepted[TEXT_MAX];
  Pair best = { NULL, NULL, 0, 0 };

  format_offers (offers, n_offers, out);
  for (guint i = 0; i < ours->n; i++) {
    Pair pair = nearest_offer (&ours->items[i], offers, n_offers);
    if (list)
      add_candidate (list, &pair);
    if (!best.ours || pair.n_agree > best.n_agree)
      best = pair;
  }
  if (!best.offer || !best.ours)
    return g_string_free (out, FALSE);
  if (best.ours->protocol != best.offer->protocol) {
    g_string_append (out, "; it is for another protocol");
    return g_string_free (out, FALSE);
  }
  format_type (best.offer, best.differs, offered);
  format_type (best.ours, best.differs, accepted);
  g_string_append_printf (out, "; nearest of ours differs in %s: offered %s, accept %s",
                          ike_transform_type_name (best.differs), offered, accepted);
  return g_string_free (out, FALSE);
}
