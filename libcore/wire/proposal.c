/* SPDX-License-Identifier: Apache-2.0 */
/* proposal.c - proposals as configured: from keywords, defaults, completed and checked. */
#include <stdatomic.h>
#include <string.h>
#include <ikebana/crypto.h>
#include <ikebana/tree.h>
#include "wire/proposal_private.h"

gboolean
ike_proposal_add (IkeProposal *proposal, guint8 type, guint16 id, guint16 key_bits)
{
  for (guint i = 0; i < proposal->n_transforms; i++) {
    const IkeTransform *t = &proposal->transforms[i];
    if (t->type == type && t->id == id && t->key_bits == key_bits)
      return TRUE;
  }
  if (proposal->n_transforms == IKE_PROPOSAL_MAX_TRANSFORMS)
    return FALSE;
  proposal->transforms[proposal->n_transforms++] =
      (IkeTransform) { .type = type, .id = id, .key_bits = key_bits };
  return TRUE;
}

gboolean
ike_proposal_has_type (const IkeProposal *proposal, guint8 type)
{
  for (guint i = 0; i < proposal->n_transforms; i++)
    if (proposal->transforms[i].type == type)
      return TRUE;
  return FALSE;
}

void
ike_proposal_remove_type (IkeProposal *proposal, guint8 type)
{
  guint kept = 0;

  for (guint i = 0; i < proposal->n_transforms; i++)
    if (proposal->transforms[i].type != type)
      proposal->transforms[kept++] = proposal->transforms[i];
  proposal->n_transforms = (guint8) kept;
}

/* -- defaults */

typedef struct { guint8 type; guint16 id, key_bits; } DefaultTransform;

static void
add_all (IkeProposal *proposal, const DefaultTransform *list, guint n)
{
  for (guint i = 0; i < n; i++)
    ike_proposal_add (proposal, list[i].type, list[i].id, list[i].key_bits);
}

/* RFC 8247 and RFC 8221: what MUST or SHOULD be there, the strongest first, nothing that is MUST-
 * or worse. */
static const DefaultTransform aeads[] = {
  { IKE_TRANSFORM_ENCR, 20, 256 }, { IKE_TRANSFORM_ENCR, 20, 128 }, { IKE_TRANSFORM_ENCR, 28, 0 },
};
static const DefaultTransform ciphers[] = {
  { IKE_TRANSFORM_ENCR, 12, 256 }, { IKE_TRANSFORM_ENCR, 12, 192 }, { IKE_TRANSFORM_ENCR, 12, 128 },
};
static const DefaultTransform integrity[] = {
  { IKE_TRANSFORM_INTEG, 12, 0 }, { IKE_TRANSFORM_INTEG, 13, 0 }, { IKE_TRANSFORM_INTEG, 14, 0 },
};
static const DefaultTransform ike_only[] = {
  { IKE_TRANSFORM_PRF, 5, 0 }, { IKE_TRANSFORM_PRF, 6, 0 }, { IKE_TRANSFORM_PRF, 7, 0 },
  { IKE_TRANSFORM_KE, 31, 0 }, { IKE_TRANSFORM_KE, 19, 0 }, { IKE_TRANSFORM_KE, 20, 0 },
  { IKE_TRANSFORM_KE, 21, 0 }, { IKE_TRANSFORM_KE, 15, 0 }, { IKE_TRANSFORM_KE, 16, 0 },
  { IKE_TRANSFORM_KE, 14, 0 },
};
static const DefaultTransform sequence_numbers[] = {
  { IKE_TRANSFORM_SN, 1, 0 }, { IKE_TRANSFORM_SN, 0, 0 },
};

guint
ike_proposal_defaults (guint8 protocol, IkeProposal out[2])
{
  const DefaultTransform *tail = protocol == IKE_PROTOCOL_IKE ? ike_only : sequence_numbers;
  guint n_tail =
      protocol == IKE_PROTOCOL_IKE ? G_N_ELEMENTS (ike_only) : G_N_ELEMENTS (sequence_numbers);

  memset (out, 0, 2 * sizeof *out);
  out[0].protocol = out[1].protocol = protocol;
  if (protocol == IKE_PROTOCOL_AH) {
    add_all (&out[0], integrity, G_N_ELEMENTS (integrity));
    add_all (&out[0], tail, n_tail);
    return 1;
  }
  /* RFC 7296, 3.3: "If an initiator wants to propose both combined-mode ciphers and normal ciphers,
   * it must include two proposals". */
  add_all (&out[0], aeads, G_N_ELEMENTS (aeads));
  add_all (&out[0], tail, n_tail);
  add_all (&out[1], ciphers, G_N_ELEMENTS (ciphers));
  add_all (&out[1], integrity, G_N_ELEMENTS (integrity));
  add_all (&out[1], tail, n_tail);
  return 2;
}

gboolean
ike_proposal_filter (IkeProposal *proposal,
                     gboolean (*can) (const IkeTransform *transform, gconstpointer arg),
                     gconstpointer arg)
{
  guint seen = 0, left = 0, kept = 0;         /* bits by type */

  for (guint i = 0; i < proposal->n_transforms; i++) {
    IkeTransform transform = proposal->transforms[i];
    seen |= 1u << transform.type;
    if (!can (&transform, arg))
      continue;
    left |= 1u << transform.type;
    proposal->transforms[kept++] = transform;
  }
  proposal->n_transforms = (guint8) kept;
  return seen == left;
}

static gboolean
engine_can (const IkeTransform *transform, gconstpointer arg)
{
  IkeEngine *engine = (IkeEngine *) arg;

  switch (transform->type) {
  case IKE_TRANSFORM_ENCR:
    if (transform->id == IKE_ENCR_NULL)
      return TRUE;
    return ike_encr_is_aead (transform->id)
               ? ike_aead_find (engine, transform->id, transform->key_bits) != NULL
               : ike_cipher_find (engine, transform->id, transform->key_bits) != NULL;
  case IKE_TRANSFORM_PRF:
    return ike_prf_find (engine, transform->id) != NULL;
  case IKE_TRANSFORM_INTEG:
    return transform->id == 0 || ike_integ_find (engine, transform->id) != NULL;
  case IKE_TRANSFORM_SN:
    return TRUE;
  default:
    return transform->id == 0 || ike_ke_find (engine, transform->id) != NULL;
  }
}

/* -- completion and checks */

static gboolean
invalid (GError **error, const char *text, const char *why)
{
  g_set_error (error, IKE_ERROR, IKE_ERROR_CONFIG, "proposal \"%s\": %s", text, why);
  return FALSE;
}

/* The PRF that goes with an integrity algorithm: the same hash or cipher.  0: none. */
static guint16
prf_of_integ (guint16 integ)
{
  static const guint16 prfs[] = {
    [1] = 1, [2] = 2, [5] = 4, [6] = 1, [7] = 2, [8] = 8, [12] = 5, [13] = 6, [14] = 7
  };
  return integ < G_N_ELEMENTS (prfs) ? prfs[integ] : 0;
}

static gboolean
complete_prf (IkeProposal *proposal, const char *text, GError **error)
{
  if (ike_proposal_has_type (proposal, IKE_TRANSFORM_PRF))
    return TRUE;
  for (guint i = 0, n = proposal->n_transforms; i < n; i++) {
    const IkeTransform *t = &proposal->transforms[i];
    guint16 prf = t->type == IKE_TRANSFORM_INTEG ? prf_of_integ (t->id) : 0;
    if (prf && !ike_proposal_add (proposal, IKE_TRANSFORM_PRF, prf, 0))
      return invalid (error, text, "too many algorithms");
  }
  if (!ike_proposal_has_type (proposal, IKE_TRANSFORM_PRF))
    return invalid (error, text, "a PRF is missing, for example prfsha256");
  return TRUE;
}

static gboolean
check_encryption (IkeProposal *proposal, const char *text, GError **error)
{
  gboolean has_aead = FALSE, has_plain = FALSE;

  for (guint i = 0; i < proposal->n_transforms; i++) {
    const IkeTransform *t = &proposal->transforms[i];
    if (t->type != IKE_TRANSFORM_ENCR)
      continue;
    if (proposal->protocol == IKE_PROTOCOL_IKE && (t->id == IKE_ENCR_NULL || t->id == 21))
      return invalid (error, text, "IKE needs encryption; null and GMAC are for ESP");
    if (ike_encr_is_aead (t->id))
      has_aead = TRUE;
    else
      has_plain = TRUE;
  }
  if (!has_aead && !has_plain)
    return invalid (error, text, "an encryption algorithm is missing");
  if (has_aead && has_plain)
    return invalid (
        error, text,
        "AEAD and other ciphers cannot stand in one proposal; write two, separated by a comma");
  /* RFC 7296, 3.3: combined-mode ciphers "MUST either offer no integrity algorithm or a single
   * integrity algorithm of NONE". */
  if (has_aead)
    ike_proposal_remove_type (proposal, IKE_TRANSFORM_INTEG);
  else if (!ike_proposal_has_type (proposal, IKE_TRANSFORM_INTEG))
    return invalid (error, text, "an integrity algorithm is missing, for example sha256");
  return TRUE;
}

static gboolean
check_ke (const IkeProposal *proposal, const char *text, GError **error)
{
  gboolean has_ke = FALSE;

  for (guint i = 0; i < proposal->n_transforms; i++)
    if (proposal->transforms[i].type == IKE_TRANSFORM_KE) {
      if (proposal->transforms[i].id == 0)
        return invalid (error, text, "IKE cannot do without a key exchange");
      has_ke = TRUE;
    }
  return has_ke || invalid (error, text, "a key exchange is missing, for example curve25519");
}

gboolean
ike_proposal_complete (IkeProposal *proposal, const char *text, GError **error)
{
  if (proposal->protocol == IKE_PROTOCOL_IKE) {
    if (ike_proposal_has_type (proposal, IKE_TRANSFORM_SN))
      return invalid (error, text, "sequence numbers are a matter of ESP and AH");
    return complete_prf (proposal, text, error) && check_encryption (proposal, text, error)
           && check_ke (proposal, text, error);
  }
  ike_proposal_remove_type (proposal, IKE_TRANSFORM_PRF);
  if (!ike_proposal_has_type (proposal, IKE_TRANSFORM_SN)
      && !ike_proposal_add (proposal, IKE_TRANSFORM_SN, 0, 0))
    return invalid (error, text, "too many algorithms");
  if (proposal->protocol == IKE_PROTOCOL_ESP)
    return check_encryption (proposal, text, error);
  if (ike_proposal_has_type (proposal, IKE_TRANSFORM_ENCR))
    return invalid (error, text, "AH does not encrypt");
  return ike_proposal_has_type (proposal, IKE_TRANSFORM_INTEG)
         || invalid (error, text, "an integrity algorithm is missing, for example sha256");
}

/* -- keywords */

static gboolean
unknown_keyword (const char *word, const char *text, GError **error)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new ();
  const char *near;

  for (const IkeKeyword *k = ike_keywords; k->keyword; k++)
    g_ptr_array_add (names, (gpointer) k->keyword);
  g_ptr_array_add (names, NULL);
  near = ike_nearest (word, (const char *const *) names->pdata);
  g_set_error (error, IKE_ERROR, IKE_ERROR_SYNTAX,
               "proposal \"%s\": \"%s\" is not an algorithm%s%s%s", text, word,
               near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
  return FALSE;
}

/* "ke1_mlkem768": an additional key exchange (RFC 9370).  Returns the word behind the prefix and
 * its type. */
static const char *
strip_addke (const char *word, guint8 *addke)
{
  *addke = 0;
  if (g_ascii_strncasecmp (word, "ke", 2) != 0 || word[2] < '1' || word[2] > '7' || word[3] != '_')
    return word;
  *addke = (guint8) (IKE_TRANSFORM_ADDKE1 + word[2] - '1');
  return word + 4;
}

static gboolean
add_keyword (IkeProposal *proposal, const char *word, const char *text, GError **error)
{
  guint8 addke;
  const char *name = strip_addke (word, &addke);
  const IkeKeyword *k = ike_keywords;

  while (k->keyword && g_ascii_strcasecmp (k->keyword, name) != 0)
    k++;
  if (!k->keyword || (addke && k->type != IKE_TRANSFORM_KE))
    return unknown_keyword (word, text, error);
  if (k->id == IKE_KEYWORD_NO_NUMBER) {
    g_set_error (error, IKE_ERROR, IKE_ERROR_UNSUPPORTED,
                 "proposal \"%s\": %s cannot be negotiated, IKEv2 has no number for it", text,
                 word);
    return FALSE;
  }
  if (!ike_proposal_add (proposal, addke ? addke : k->type, k->id, k->key_bits))
    return invalid (error, text, "too many algorithms");
  return TRUE;
}

static gboolean
parse_one (IkeEngine *engine, IkeProposal *proposal, const char *text, GError **error)
{
  g_auto (GStrv) words = g_strsplit (text, "-", -1);

  for (guint i = 0; words[i]; i++)
    if (!add_keyword (proposal, words[i], text, error))
      return FALSE;
  if (!ike_proposal_complete (proposal, text, error))
    return FALSE;
  for (guint i = 0; engine && i < proposal->n_transforms; i++) {
    char name[48];
    if (engine_can (&proposal->transforms[i], engine))
      continue;
    g_set_error (error, IKE_ERROR, IKE_ERROR_UNSUPPORTED,
                 "proposal \"%s\": no loaded plugin offers %s", text,
                 ike_transform_format (&proposal->transforms[i], name));
    return FALSE;
  }
  return TRUE;
}

/* -- lists */

static gboolean
append (GArray *list, const IkeProposal *proposal, GError **error)
{
  if (list->len == IKE_PROPOSALS_MAX) {
    g_set_error (error, IKE_ERROR, IKE_ERROR_CONFIG, "more than %d proposals", IKE_PROPOSALS_MAX);
    return FALSE;
  }
  g_array_append_vals (list, proposal, 1);
  g_array_index (list, IkeProposal, list->len - 1).number = (guint8) list->len;
  return TRUE;
}

static gboolean
append_defaults (IkeEngine *engine, guint8 protocol, GArray *list, GError **error)
{
  IkeProposal proposals[2];
  guint n = ike_proposal_defaults (protocol, proposals), added = 0;

  for (guint i = 0; i < n; i++) {
    if (engine && !ike_proposal_filter (&proposals[i], engine_can, engine))
      continue;
    if (!append (list, &proposals[i], error))
      return FALSE;
    added++;
  }
  if (added == 0)
    g_set_error (error, IKE_ERROR, IKE_ERROR_PLUGIN,
                 "no loaded plugin offers the algorithms of a default proposal");
  return added > 0;
}

static gboolean
append_text (IkeEngine *engine, guint8 protocol, const char *text, GArray *list, GError **error)
{
  g_auto (GStrv) parts = g_strsplit (text, ",", -1);

  for (guint i = 0; parts[i]; i++) {
    IkeProposal proposal = { .protocol = protocol };
    const char *part = g_strstrip (parts[i]);
    if (g_ascii_strcasecmp (part, "default") == 0) {
      if (!append_defaults (engine, protocol, list, error))
        return FALSE;
    } else if (!parse_one (engine, &proposal, part, error) || !append (list, &proposal, error)) {
      return FALSE;
    }
  }
  return TRUE;
}

IkeProposals *
ike_proposals_parse (IkeEngine *engine, guint8 protocol, char **texts_or_null, GError **error)
{
  g_autoptr (GArray) list = g_array_new (FALSE, TRUE, sizeof (IkeProposal));
  IkeProposals *proposals;

  for (guint i = 0; texts_or_null && texts_or_null[i]; i++)
    if (!append_text (engine, protocol, texts_or_null[i], list, error))
      return NULL;
  if (list->len == 0 && !append_defaults (engine, protocol, list, error))
    return NULL;
  proposals = g_malloc0 (sizeof *proposals + list->len * sizeof (IkeProposal));
  atomic_init (&proposals->refs, 1);
  proposals->n = list->len;
  memcpy (proposals->items, list->data, list->len * sizeof (IkeProposal));
  return proposals;
}

IkeProposals *
ike_proposals_ref (IkeProposals *proposals)
{
  atomic_fetch_add_explicit (&proposals->refs, 1, memory_order_relaxed);
  return proposals;
}

void
ike_proposals_unref (IkeProposals *proposals)
{
  if (proposals && atomic_fetch_sub_explicit (&proposals->refs, 1, memory_order_acq_rel) == 1)
    g_free (proposals);
}

guint
ike_proposals_n (const IkeProposals *proposals)
{
  return proposals->n;
}

const IkeProposal *
ike_proposals_nth (const IkeProposals *proposals, guint i)
{
  return i < proposals->n ? &proposals->items[i] : NULL;
}

/* @ke 0: any but NONE. */
static const IkeTransform *
find_ke (const IkeProposals *proposals, guint16 ke)
{
  guint i, t;

  for (i = 0; i < proposals->n; i++) {
    const IkeProposal *p = &proposals->items[i];
    for (t = 0; t < p->n_transforms; t++)
      if (p->transforms[t].type == IKE_TRANSFORM_KE && p->transforms[t].id
          && (!ke || p->transforms[t].id == ke))
        return &p->transforms[t];
  }
  return NULL;
}

guint16
ike_proposals_first_ke (const IkeProposals *proposals)
{
  const IkeTransform *found = find_ke (proposals, 0);

  return found ? found->id : 0;
}

gboolean
ike_proposals_have_ke (const IkeProposals *proposals, guint16 ke)
{
  return ke && find_ke (proposals, ke);
}

gboolean
ike_choice_key_sizes (IkeEngine *engine, const IkeChoice *choice, guint *encr_len, guint *integ_len)
{
  const IkeTransform *encr = &choice->chosen[IKE_TRANSFORM_ENCR],
                     *integ = &choice->chosen[IKE_TRANSFORM_INTEG];
  const IkeAead *aead;
  const IkeCipher *cipher;
  const IkeInteg *mac;

  *encr_len = *integ_len = 0;
  if (encr->type && ike_encr_is_aead (encr->id)) {
    if (!(aead = ike_aead_find (engine, encr->id, encr->key_bits)))
      return FALSE;
    *encr_len = (guint) ike_aead_class (aead)->key_len + ike_aead_class (aead)->salt_len;
  } else if (encr->type && encr->id != IKE_ENCR_NULL) {
    if (!(cipher = ike_cipher_find (engine, encr->id, encr->key_bits)))
      return FALSE;
    *encr_len = (guint) ike_cipher_class (cipher)->key_len + ike_cipher_class (cipher)->salt_len;
  }
  if (integ->type && integ->id) {
    if (!(mac = ike_integ_find (engine, integ->id)))
      return FALSE;
    *integ_len = ike_integ_class (mac)->key_len;
  }
  return TRUE;
}
