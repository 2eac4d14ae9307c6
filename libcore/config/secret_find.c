/* SPDX-License-Identifier: Apache-2.0 */
/* secret_find.c - which shared secret is for two identities, also out of many thousands. */
#include <stdlib.h>
#include <string.h>

#include "config/secrets_private.h"

/* -- the index */

/* FNV-1a.  Only what a configuration says is in the index, so nobody can choose what collides. */
static guint64
hash_bytes (guint64 hash, const guint8 *data, gsize len)
{
  for (gsize i = 0; i < len; i++)
    hash = (hash ^ (guint8) g_ascii_tolower ((char) data[i])) * G_GUINT64_CONSTANT (0x100000001b3);
  return hash;
}

/* The same for all that ike_ident_equal() takes for the same, names in any case among them. */
static guint64
hash_of (const char *type, const IkeIdent *ident)
{
  guint8 ident_type = ike_ident_type (ident);
  gsize len;
  const guint8 *data = ike_ident_data (ident, &len);
  guint64 hash = G_GUINT64_CONSTANT (0xcbf29ce484222325);

  hash = hash_bytes (hash, (const guint8 *) type, strlen (type) + 1);
  hash = hash_bytes (hash, &ident_type, 1);
  return hash_bytes (hash, data, len);
}

/* A distinguished name may be encoded in several ways, and a pattern stands for many. */
static gboolean
is_exact (const IkeIdent *owner)
{
  return !ike_ident_is_pattern (owner) && ike_ident_type (owner) != IKE_ID_DER_ASN1_DN;
}

static gboolean
is_loose (const IkeSharedSecret *secret)
{
  for (guint i = 0; i < secret->owners->len; i++)
    if (!is_exact (secret->owners->pdata[i]))
      return TRUE;
  return secret->owners->len == 0;
}

static int
compare (gconstpointer a, gconstpointer b)
{
  const IkeSecretEntry *x = a, *y = b;

  if (x->hash != y->hash)
    return x->hash < y->hash ? -1 : 1;
  return x->position < y->position ? -1 : x->position > y->position;
}

static void
add_entries (IkeSecrets *secrets, const IkeSharedSecret *secret, guint32 position)
{
  for (guint i = 0; i < secret->owners->len; i++) {
    IkeSecretEntry entry = { hash_of (secret->type, secret->owners->pdata[i]), position };

    g_array_append_val (secrets->entries, entry);
  }
}

void
ike_secrets_index (IkeSecrets *secrets)
{
  secrets->entries = g_array_new (FALSE, FALSE, sizeof (IkeSecretEntry));
  secrets->loose = g_array_new (FALSE, FALSE, sizeof (guint32));
  for (guint32 i = 0; i < secrets->list->len; i++) {
    const IkeSharedSecret *secret = secrets->list->pdata[i];

    if (is_loose (secret))
      g_array_append_val (secrets->loose, i);
    else
      add_entries (secrets, secret, i);
  }
  if (secrets->entries->len)
    qsort (secrets->entries->data, secrets->entries->len, sizeof (IkeSecretEntry), compare);
}

/* -- finding */

typedef struct {
  const IkeSecrets *secrets;
  const char *type;
  const IkeIdent *local, *remote;
  const IkeSharedSecret *best;
  guint best_score;
  guint32 best_position;
} Search;

static guint
match_owner (const IkeSharedSecret *secret, const IkeIdent *ident)
{
  guint best = 0;

  if (!ident)
    return 0;
  if (secret->owners->len == 0)
    return 1;
  for (guint i = 0; i < secret->owners->len; i++)
    best = MAX (best, ike_ident_match (ident, secret->owners->pdata[i]));
  return best;
}

/* Of two equally good ones the first.  A secret that names both ends beats any that names one. */
static void
consider (Search *search, guint32 position)
{
  const IkeSharedSecret *secret = search->secrets->list->pdata[position];
  guint ours, theirs, score;

  if (!g_str_equal (secret->type, search->type))
    return;
  ours = match_owner (secret, search->local);
  theirs = match_owner (secret, search->remote);
  if (!ours && !theirs && (search->local || search->remote || secret->owners->len))
    return;
  score = 1 + ours + theirs + (ours > 1 && theirs > 1 ? 1000 : 0);
  if (score < search->best_score
      || (score == search->best_score && position > search->best_position))
    return;
  search->best = secret;
  search->best_score = score;
  search->best_position = position;
}

typedef struct {
  guint begin, end;
} Run;

/* The entries that may be for @ident. */
static Run
run_of (const Search *search, const IkeIdent *ident)
{
  const GArray *entries = search->secrets->entries;
  guint low = 0, high = entries->len;
  Run run = { 0, 0 };
  guint64 hash;

  if (!ident)
    return run;
  hash = hash_of (search->type, ident);
  while (low < high) {
    guint middle = low + (high - low) / 2;

    if (g_array_index (entries, IkeSecretEntry, middle).hash < hash)
      low = middle + 1;
    else
      high = middle;
  }
  run = (Run){ low, low };
  while (run.end < entries->len && g_array_index (entries, IkeSecretEntry, run.end).hash == hash)
    run.end++;
  return run;
}

static void
consider_all (Search *search, Run run)
{
  for (guint i = run.begin; i < run.end; i++)
    consider (search, g_array_index (search->secrets->entries, IkeSecretEntry, i).position);
}

/* All secrets of @ident that do not name the other end as well are equally good. */
static void
consider_first (Search *search, Run run, const IkeIdent *ident)
{
  for (guint i = run.begin; i < run.end; i++) {
    guint32 position = g_array_index (search->secrets->entries, IkeSecretEntry, i).position;

    if (!match_owner (search->secrets->list->pdata[position], ident))
      continue;
    consider (search, position);
    return;
  }
}

/* What names both ends is in both runs, so the shorter one has it: of a gateway's own name,
 * which may stand at every secret there is, one is enough. */
IkeSecretBlob *
ike_config_find_secret (const IkeConfig *config, const char *type, const IkeIdent *local,
                        const IkeIdent *remote)
{
  Search search = { .secrets = config->secrets, .type = type, .local = local, .remote = remote };
  const GArray *loose = search.secrets->loose;
  Run ours = run_of (&search, local), theirs = run_of (&search, remote);

  for (guint i = 0; i < loose->len; i++)
    consider (&search, g_array_index (loose, guint32, i));
  if (ours.end - ours.begin < theirs.end - theirs.begin) {
    consider_all (&search, ours);
    consider_first (&search, theirs, remote);
  } else {
    consider_all (&search, theirs);
    consider_first (&search, ours, local);
  }
  return search.best ? ike_secret_blob_ref (search.best->value) : NULL;
}
