/* SPDX-License-Identifier: Apache-2.0 */
/* pool_encdns.c - resolvers that speak encrypted DNS (RFC 9464): ENCDNS_IP4, ENCDNS_IP6 and
 * ENCDNS_DIGEST_INFO.
 *
 * An ENCDNS_IP* is a priority, how many addresses, how long the name, the addresses, the name, and
 * service parameters as in the DNS (RFC 9460, 2.2): key, length, value, by ascending key. */
#include "config.h"
#include "pool_attributes.h"
#include <ikebana/error.h>
#include <ikebana/reader.h>
#include <ikebana/writer.h>
#include <string.h>

enum {
  SVC_ALPN = 1,
  SVC_PORT = 3,
  SVC_IPV4HINT = 4,
  SVC_IPV6HINT = 6,
  SVC_DOHPATH = 7,
  SVC_MAX = 32
};
enum { ADDRESSES_MAX = 16 };

/* -- settings */

typedef struct {
  guint64 priority, port;
  const char *name, *alpn, *path;
  IkeAddr addrs[ADDRESSES_MAX];
  guint n_addrs;
} Resolver;

static const char *
read_word (Resolver *resolver, const char *word)
{
  if (g_str_has_prefix (word, "alpn="))
    resolver->alpn = word + strlen ("alpn=");
  else if (g_str_has_prefix (word, "dohpath="))
    resolver->path = word + strlen ("dohpath=");
  else if (g_str_has_prefix (word, "port=")) {
    if (!g_ascii_string_to_unsigned (word + strlen ("port="), 10, 1, G_MAXUINT16, &resolver->port,
                                     NULL))
      return "has no port from 1 to 65535";
  } else if (resolver->n_addrs == ADDRESSES_MAX
             || !ike_addr_parse (&resolver->addrs[resolver->n_addrs], word, NULL)
             || !resolver->addrs[resolver->n_addrs++].family)
    return "has something that is neither an address nor alpn=, port= or dohpath=";
  return NULL;
}

static const char *
read_resolver (Resolver *resolver, char *const *words)
{
  guint n = g_strv_length ((char **) words);

  if (n < 3 || !pool_is_domain (words[1], strlen (words[1])))
    return "is no resolver; write PRIORITY NAME ADDRESS … alpn=dot port=853";
  /* RFC 9464, 3.1: there is no AliasMode, so a priority of 0 is never sent. */
  if (!g_ascii_string_to_unsigned (words[0], 10, 1, G_MAXUINT16, &resolver->priority, NULL))
    return "has no priority from 1 to 65535";
  resolver->name = words[1];
  for (guint i = 2; i < n; i++) {
    const char *why = read_word (resolver, words[i]);
    if (why)
      return why;
  }
  if (!resolver->n_addrs)
    return "has no address";
  return resolver->alpn && *resolver->alpn ? NULL : "has no alpn=; write alpn=dot, doq, or h2";
}

static void
write_alpn (IkeWriter *w, const char *alpn)
{
  g_auto (GStrv) ids = g_strsplit (alpn, "|", -1);
  gsize mark;

  ike_writer_u16 (w, SVC_ALPN);
  mark = ike_writer_open_u16 (w);
  for (guint i = 0; ids[i]; i++) {
    gsize len = strlen (ids[i]);
    if (!len || len > 255)
      w->failed = TRUE;
    ike_writer_u8 (w, (guint8) len);
    ike_writer_bytes (w, ids[i], len);
  }
  ike_writer_close_u16 (w, mark, (gsize) -2);
}

static void
write_parameters (IkeWriter *w, const Resolver *resolver)
{
  write_alpn (w, resolver->alpn);
  if (resolver->port) {
    ike_writer_u16 (w, SVC_PORT);
    ike_writer_u16 (w, 2);
    ike_writer_u16 (w, (guint16) resolver->port);
  }
  if (resolver->path) {
    ike_writer_u16 (w, SVC_DOHPATH);
    ike_writer_u16 (w, (guint16) strlen (resolver->path));
    ike_writer_bytes (w, resolver->path, strlen (resolver->path));
  }
}

/* One attribute for each family that has addresses. */
static const char *
write_resolver (GArray *attributes, const Resolver *resolver, guint family)
{
  guint8 value[POOL_VALUE_MAX];
  IkeWriter w;
  guint n = 0;

  for (guint i = 0; i < resolver->n_addrs; i++)
    n += resolver->addrs[i].family == family;
  if (!n)
    return NULL;
  ike_writer_init (&w, value, sizeof value);
  ike_writer_u16 (&w, (guint16) resolver->priority);
  ike_writer_u8 (&w, (guint8) n);
  ike_writer_u8 (&w, (guint8) strlen (resolver->name));
  for (guint i = 0; i < resolver->n_addrs; i++)
    if (resolver->addrs[i].family == family)
      ike_writer_bytes (&w, resolver->addrs[i].bytes, ike_addr_len (&resolver->addrs[i]));
  ike_writer_bytes (&w, resolver->name, strlen (resolver->name));
  write_parameters (&w, resolver);
  if (w.failed)
    return "is too long, or an alpn is empty";
  pool_attributes_add (attributes, family == 4 ? IKE_CFG_ENCDNS_IP4 : IKE_CFG_ENCDNS_IP6, value,
                       w.len);
  return NULL;
}

const char *
pool_encdns_read (GArray *attributes, const char *item)
{
  g_auto (GStrv) words = g_strsplit (item, " ", -1);
  Resolver resolver = { 0 };
  const char *why = read_resolver (&resolver, words);

  if (!why)
    why = write_resolver (attributes, &resolver, 4);
  return why ? why : write_resolver (attributes, &resolver, 6);
}

/* "dot.example 2 HEX": the hash algorithm is IANA's number (RFC 7427): 2 is SHA2-256. */
const char *
pool_encdns_digest_read (GArray *attributes, const char *item)
{
  g_auto (GStrv) words = g_strsplit (item, " ", -1);
  guint8 value[POOL_VALUE_MAX], digest[64];
  guint64 algorithm;
  IkeWriter w;
  gsize len;

  if (g_strv_length (words) != 3 || !pool_is_domain (words[0], strlen (words[0]))
      || !g_ascii_string_to_unsigned (words[1], 10, 1, G_MAXUINT16, &algorithm, NULL)
      || !pool_hex_read (words[2], digest, sizeof digest, &len))
    return "is no digest; write NAME HASHALGORITHM DIGEST";
  ike_writer_init (&w, value, sizeof value);
  ike_writer_u8 (&w, 1);
  ike_writer_u8 (&w, (guint8) strlen (words[0]));
  ike_writer_bytes (&w, words[0], strlen (words[0]));
  ike_writer_u16 (&w, (guint16) algorithm);
  ike_writer_bytes (&w, digest, len);
  pool_attributes_add (attributes, IKE_CFG_ENCDNS_DIGEST_INFO, value, w.len);
  return NULL;
}

/* -- the wire */

static gboolean
describe_alpn (IkeReader *value, GString *text)
{
  char escaped[4 * 255 + 1];
  guint n = 0;

  while (ike_reader_left (value)) {
    guint8 len = ike_reader_u8 (value);
    const guint8 *id = ike_reader_bytes (value, len);
    if (!id || !len)
      return FALSE;
    g_string_append_printf (text, "%s%s",
                            n++ ? "|" : " alpn=", ike_escape (escaped, sizeof escaped, id, len));
  }
  return n > 0;
}

static gboolean
describe_parameter (guint16 key, IkeReader *value, GString *text)
{
  char escaped[4 * 256 + 1];
  gsize len = ike_reader_left (value);

  switch (key) {
  case SVC_ALPN:
    return describe_alpn (value, text);
  case SVC_PORT:
    g_string_append_printf (text, " port=%u", ike_reader_u16 (value));
    return ike_reader_is_done (value);
  case SVC_DOHPATH:
    g_string_append_printf (text, " dohpath=%s",
                            ike_escape (escaped, sizeof escaped, value->data, MIN (len, 256)));
    return len > 0;
  /* RFC 9464, 3.1: the addresses stand in the attribute, so there are no hints. */
  case SVC_IPV4HINT:
  case SVC_IPV6HINT:
    return FALSE;
  default:
    return TRUE;
  }
}

/* RFC 9460, 2.2: "SvcParamKeys SHALL appear in increasing numeric order", each once. */
static gboolean
describe_parameters (IkeReader *r, GString *text)
{
  int before = -1;
  guint n = 0;

  while (ike_reader_left (r)) {
    guint16 key = ike_reader_u16 (r), len = ike_reader_u16 (r);
    IkeReader value;
    if (!ike_reader_sub (r, len, &value) || key <= before || ++n > SVC_MAX
        || !describe_parameter (key, &value, text))
      return FALSE;
    before = key;
  }
  return !r->failed;
}

static gboolean
describe_addresses (IkeReader *r, guint family, guint n, GString *text)
{
  char out[IKE_ADDR_TEXT_SIZE];

  for (guint i = 0; i < n; i++) {
    IkeAddr addr = { .family = (guint8) family };
    const guint8 *bytes = ike_reader_bytes (r, ike_addr_len (&addr));
    if (!bytes)
      return FALSE;
    memcpy (addr.bytes, bytes, ike_addr_len (&addr));
    g_string_append_printf (text, " %s", ike_addr_format (&addr, FALSE, out));
  }
  return n > 0;
}

static gboolean
describe_resolver (IkeReader *r, guint family, GString *text)
{
  guint16 priority = ike_reader_u16 (r);
  guint8 n = ike_reader_u8 (r), name_len = ike_reader_u8 (r);
  g_autoptr (GString) addrs = g_string_new (NULL);
  const guint8 *name;

  if (r->failed || !priority || !describe_addresses (r, family, n, addrs))
    return FALSE;
  name = ike_reader_bytes (r, name_len);
  if (!name || !pool_is_domain ((const char *) name, name_len))
    return FALSE;
  g_string_append_printf (text, "%u %.*s%s", priority, (int) name_len, (const char *) name,
                          addrs->str);
  return describe_parameters (r, text);
}

static gboolean
describe_digest (IkeReader *r, GString *text)
{
  guint8 n = ike_reader_u8 (r), name_len = ike_reader_u8 (r);
  const guint8 *name = ike_reader_bytes (r, name_len);
  guint16 algorithm = ike_reader_u16 (r);
  gsize left = ike_reader_left (r);

  if (n != 1 || !name || !pool_is_domain ((const char *) name, name_len) || !left || left > 64)
    return FALSE;
  g_string_append_printf (text, "%.*s %u ", (int) name_len, (const char *) name, algorithm);
  pool_hex_append (text, r->data + r->pos, left);
  return TRUE;
}

gboolean
pool_encdns_describe (guint16 type, const guint8 *value, gsize len, GString *text_or_null)
{
  g_autoptr (GString) text = g_string_new (NULL);
  gboolean is_good;
  IkeReader r;

  ike_reader_init (&r, value, len);
  is_good = type == IKE_CFG_ENCDNS_DIGEST_INFO
                ? describe_digest (&r, text)
                : describe_resolver (&r, type == IKE_CFG_ENCDNS_IP4 ? 4 : 6, text);
  if (is_good && text_or_null)
    g_string_append_len (text_or_null, text->str, (gssize) text->len);
  return is_good;
}
