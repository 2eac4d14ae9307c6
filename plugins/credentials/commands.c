/* SPDX-License-Identifier: Apache-2.0 */
/* commands.c - `ikebana certs`: what is loaded, what ends first on top; `ikebana certs-unload`. */
#include <string.h>

#include <ikebana/command.h>
#include <ikebana/log.h>

#include "private.h"

enum { DAY = 86400 };

/* -- certs */

typedef struct {
  IkeTree *tree;
  gint64 end; /* G_MININT64: a problem; G_MAXINT64: it has none */
} Row;

typedef struct {
  const IkeCredentials *credentials;
  const char *type;   /* or NULL */
  gint64 now, latest; /* @latest: what ends later is left out */
  GArray *rows;
} Listing;

static void
add (Listing *listing, IkeTree *row_take, gint64 end)
{
  const Row row = { row_take, end };

  if ((listing->type && !g_str_equal (ike_tree_string (row_take, "kind", ""), listing->type))
      || (listing->latest != G_MAXINT64 && end != G_MININT64 && end > listing->latest))
    ike_tree_free (row_take);
  else
    g_array_append_val (listing->rows, row);
}

static const char *
kind_of (const Source *source)
{
  switch (source->kind) {
  case KIND_X509:
    return "x509";
  case KIND_X509CA:
    return "x509ca";
  case KIND_X509CRL:
    return "crl";
  case KIND_PUBKEY:
    return "pubkey";
  default:
    return "key";
  }
}

static void
add_source (Listing *listing, const Source *source)
{
  const IkeCredentials *credentials = listing->credentials;
  const IkePkiOps *pki = credentials->pki;

  if (source->problem)
    add (listing, describe_problem (source->label, kind_of (source), source->problem), G_MININT64);
  else if (source->kind == KIND_X509CA && source->certs->len == 0)
    add (listing, describe_problem (source->label, "x509ca", source->warning), G_MININT64);
  for (guint i = 0; i < source->certs->len; i++) {
    const IkeCert *cert = source->certs->pdata[i];
    if (snapshot_has (credentials, cert))
      add (listing, describe_cert (credentials, source, cert, listing->now),
           pki->cert_info (cert)->not_after);
  }
  for (guint i = 0; i < source->keys->len; i++)
    add (listing, describe_key (credentials, source, source->keys->pdata[i]), G_MAXINT64);
  if (source->pubkey)
    add (listing, describe_pubkey (credentials, source), G_MAXINT64);
  if (source->crl) {
    gint64 next = pki->crl_info (source->crl)->next_update;
    add (listing, describe_crl (credentials, source, listing->now), next ? next : G_MAXINT64);
  }
}

static void
add_failures (Listing *listing, const Set *set)
{
  for (guint i = 0; i < set->problems->len; i++)
    add (listing, describe_problem (NULL, "directory", set->problems->pdata[i]), G_MININT64);
  for (guint i = 0; i < set->tokens->len; i++) {
    const Token *token = set->tokens->pdata[i];
    if (token->n_waiting > 0)
      add (listing, describe_problem (token->name, "key", "is being looked for on the token"),
           G_MININT64);
    else if (token->failures->len > 0)
      add (listing, describe_problem (token->name, "key", token->failures->str), G_MININT64);
  }
}

static gint
compare_rows (gconstpointer a, gconstpointer b)
{
  const Row *one = a, *two = b;

  return one->end < two->end ? -1 : one->end > two->end;
}

static void
run_certs (IkePlugin *self, IkeRequest *request)
{
  State *state = state_get (self);
  const IkeTree *args = ike_request_args (request);
  gint64 days = ike_tree_int (args, "expiring", -1);
  Listing listing = {
    .credentials = state->snapshot,
    .type = ike_tree_string (args, "type", NULL),
    .now = ike_engine_wall_us (state->engine) / G_USEC_PER_SEC,
    .rows = g_array_new (FALSE, FALSE, sizeof (Row)),
  };
  IkeTree *result = ike_tree_new_section (), *list = ike_tree_add_list (result, "certs");

  listing.latest = days < 0 ? G_MAXINT64 : listing.now + MIN (days, G_MAXINT32) * DAY;
  for (guint i = 0; i < listing.credentials->sources->len; i++)
    add_source (&listing, listing.credentials->sources->pdata[i]);
  add_failures (&listing, state->current);
  g_array_sort (listing.rows, compare_rows);
  for (guint i = 0; i < listing.rows->len; i++)
    ike_tree_set_take (list, NULL, g_array_index (listing.rows, Row, i).tree);
  g_array_unref (listing.rows);
  ike_tree_set_int (result, "generation", (gint64) listing.credentials->generation);
  ike_request_finish (request, result);
}

/* -- certs-unload */

/* A fingerprint with or without colons, in either case; NULL: it is none. */
static GBytes *
read_fingerprint (const char *text)
{
  guint8 digest[32];
  guint n = 0;

  for (; *text; text++) {
    if (*text == ':')
      continue;
    if (!g_ascii_isxdigit (*text) || n == 2 * sizeof digest)
      return NULL;
    digest[n / 2] = (guint8) ((n % 2 ? digest[n / 2] << 4 : 0) | g_ascii_xdigit_value (*text));
    n++;
  }
  return n == 2 * sizeof digest ? g_bytes_new (digest, sizeof digest) : NULL;
}

static gboolean
is_file (const Source *source, const char *name)
{
  const char *slash = strchr (source->label, '/');

  return g_str_equal (source->path, name) || g_str_equal (source->label, name)
         || (source->is_in_directory && slash && g_str_equal (slash + 1, name));
}

/* How many certificates that are loaded fit; their digests are added to @digests. */
static void
match (const IkeCredentials *credentials, const char *name, GPtrArray *digests)
{
  g_autoptr (GBytes) fingerprint = read_fingerprint (name);

  for (guint i = 0; i < credentials->sources->len; i++) {
    const Source *source = credentials->sources->pdata[i];
    for (guint k = 0; k < source->certs->len; k++) {
      const IkeCert *cert = source->certs->pdata[k];
      g_autoptr (GBytes) digest = g_bytes_new (credentials->pki->cert_info (cert)->sha256, 32);
      if (snapshot_has (credentials, cert)
          && (fingerprint ? g_bytes_equal (fingerprint, digest) : is_file (source, name)))
        g_ptr_array_add (digests, g_bytes_ref (digest));
    }
  }
}

static void
run_unload (IkePlugin *self, IkeRequest *request)
{
  State *state = state_get (self);
  const char *name = ike_tree_string (ike_request_args (request), "certificate", "");
  g_autoptr (GPtrArray) digests = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
  IkeTree *result;

  match (state->snapshot, name, digests);
  if (digests->len == 0) {
    g_autofree char *text = g_strdup_printf (
        "no certificate is loaded from %s, and none has it as its SHA-256; see ikebana certs",
        name);
    ike_request_fail (request, "not-found", text);
    return;
  }
  for (guint i = 0; i < digests->len; i++)
    g_hash_table_add (state->unloaded, g_bytes_ref (digests->pdata[i]));
  ike_log (state->engine, IKE_LOG_NOTICE, LOG_GROUP,
           "%u certificates of %s are unloaded until the next reload", digests->len, name);
  state_publish (state);
  result = ike_tree_new_section ();
  ike_tree_set_int (result, "unloaded", digests->len);
  ike_request_finish (request, result);
}

/* -- descriptors */

static const IkeCommandArg certs_args[] = {
  { "type", "enum:x509|x509ca|crl|key|pubkey", FALSE, FALSE, "Only these." },
  { "expiring", "uint", FALSE, FALSE, "Only what ends within this number of days, or has ended." },
  { NULL },
};

const IkeCommandClass certs_class = {
  .struct_size = sizeof (IkeCommandClass),
  .flags = IKE_COMMAND_READ_ONLY,
  .summary = "Show certificates, CRLs and keys, what ends first on top",
  .args = certs_args,
  .columns = "KIND:kind SUBJECT:subject ENDS:not-after DAYS:days KEY:key HAS-KEY:has-key FILE:file "
             "PROBLEM:problem",
  .rows_path = "certs",
  .run = run_certs,
};

static const IkeCommandArg unload_args[] = {
  { "certificate", "string", TRUE, TRUE, "Its file, or its SHA-256 fingerprint." },
  { NULL },
};

const IkeCommandClass unload_class = {
  .struct_size = sizeof (IkeCommandClass),
  .summary = "Take a certificate out of use until the next reload",
  .args = unload_args,
  .run = run_unload,
};
