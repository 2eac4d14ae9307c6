/* SPDX-License-Identifier: Apache-2.0 */
/* environment.c - the environment of an updown program: PLUTO_* variables from validated characters
 * only. */
#include <string.h>
#include <ikebana/addr.h>
#include <ikebana/error.h>
#include <ikebana/selector.h>
#include "environment.h"

#define DIGITS "0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

static const char address_characters[] = DIGITS "abcdefABCDEF.:%/";
static const char number_characters[] = DIGITS "abcdefABCDEFx";
static const char name_characters[] = DIGITS LETTERS "._-";
/* No blank first, no quote, no $, `, \, ;, &, |, <, >, (, ), {, }, !, ~, ?, * and no control
 * character: harmless in a script that forgot its quotes. Blanks occur in distinguished names. */
static const char identity_characters[] = DIGITS LETTERS " ._-@:/=,+#%";

enum { VALUE_MAX = 512 };

typedef struct {
  GPtrArray *variables;
  GPtrArray *refused;
} Environment;

static gboolean
is_made_of (const char *value, const char *characters)
{
  gsize len = strlen (value);
  return len > 0 && len <= VALUE_MAX && value[0] != ' ' && value[0] != '-'
         && strspn (value, characters) == len;
}

static void
add (Environment *environment, const char *name, const char *value, const char *characters)
{
  if (value == NULL || value[0] == 0)
    return;
  if (is_made_of (value, characters))
    g_ptr_array_add (environment->variables, g_strconcat (name, "=", value, NULL));
  else if (environment->refused != NULL)
    g_ptr_array_add (environment->refused, g_strdup (name));
}

static void
add_leaf (Environment *environment, const char *name, const IkeTree *body, const char *path,
          const char *characters)
{
  char buffer[32];
  const IkeTree *leaf = ike_tree_get (body, path);
  add (environment, name, leaf != NULL ? ike_tree_text (leaf, buffer) : NULL, characters);
}

/* Events write "ESP" and "TUNNEL", scripts expect "esp" and "tunnel". */
static void
add_lower (Environment *environment, const char *name, const char *value)
{
  g_autofree char *lower = value != NULL ? g_ascii_strdown (value, -1) : NULL;
  add (environment, name, lower, name_characters);
}

static void
add_number (Environment *environment, const char *name, guint64 number)
{
  g_ptr_array_add (environment->variables, g_strdup_printf ("%s=%" G_GUINT64_FORMAT, name, number));
}

/* -- traffic selectors */

/* The smallest prefix that holds the range; PLUTO_MY_CLIENT has room for nothing else. */
static guint
covering_prefix (const IkeSelector *selector)
{
  guint bits = selector->family == 4 ? 32 : 128;
  for (guint i = 0; i < bits; i++) {
    guint8 mask = (guint8) (0x80 >> (i % 8));
    if ((selector->first[i / 8] & mask) != (selector->last[i / 8] & mask))
      return i;
  }
  return bits;
}

static void
add_client (Environment *environment, const char *name, const IkeSelector *selector)
{
  g_autofree char *value = NULL;
  char text[IKE_ADDR_TEXT_SIZE];
  IkeAddr net = { .family = selector->family };
  guint prefix = covering_prefix (selector), bytes = selector->family == 4 ? 4 : 16;
  for (guint i = 0; i < bytes; i++) {
    guint kept = CLAMP ((int) prefix - (int) i * 8, 0, 8);
    net.bytes[i] = selector->first[i] & (guint8) (0xff << (8 - kept));
  }
  value = g_strdup_printf ("%s/%u", ike_addr_format (&net, FALSE, text), prefix);
  add (environment, name, value, address_characters);
}

static void
add_side (Environment *environment, const char *side, const IkeSelector *selector)
{
  g_autofree char *client = g_strdup_printf ("PLUTO_%s_CLIENT", side);
  g_autofree char *port = g_strdup_printf ("PLUTO_%s_PORT", side);
  g_autofree char *protocol = g_strdup_printf ("PLUTO_%s_PROTOCOL", side);
  gboolean is_icmp = selector->protocol == 1 || selector->protocol == 58;
  guint first = selector->port_first;
  add_client (environment, client, selector);
  /* One variable: the type of ICMP, the port when there is exactly one, else 0 for any. */
  if (is_icmp && first != 0 && selector->port_last != G_MAXUINT16)
    add_number (environment, port, first >> 8);
  else
    add_number (environment, port, first == selector->port_last ? first : 0);
  add_number (environment, protocol, selector->protocol);
}

static gboolean
is_host (const IkeSelector *selector, const char *address)
{
  IkeAddr addr;
  gsize len = selector->family == 4 ? 4 : 16;
  return address != NULL && ike_addr_parse (&addr, address, NULL) && addr.family == selector->family
         && memcmp (selector->first, addr.bytes, len) == 0
         && memcmp (selector->last, addr.bytes, len) == 0;
}

static guint
read_selectors (const IkeTree *list, IkeSelector *out)
{
  guint n = 0;
  for (guint i = 0; list != NULL && i < ike_tree_n (list) && n < IKE_SELECTORS_MAX; i++) {
    char buffer[32];
    const char *text = ike_tree_text (ike_tree_nth (list, i), buffer);
    if (text != NULL && ike_selector_parse (&out[n], text, NULL) && !out[n].is_dynamic)
      n++;
  }
  return n;
}

/* -- everything else */

/* One address, or a list of them: PLUTO_MY_SOURCEIP is the first, PLUTO_MY_SOURCEIP4_1, … are all.
 */
static void
add_virtual_addresses (Environment *environment, const char *side, const IkeTree *value)
{
  g_autofree char *first = g_strdup_printf ("PLUTO_%s_SOURCEIP", side);
  guint n_by_family[2] = { 0, 0 };
  gboolean is_list = value != NULL && ike_tree_type (value) == IKE_TREE_LIST;
  guint n = value == NULL ? 0 : is_list ? ike_tree_n (value) : 1;
  for (guint i = 0; i < MIN (n, 16); i++) {
    g_autofree char *name = NULL;
    char buffer[32];
    const char *text = ike_tree_text (is_list ? ike_tree_nth (value, i) : value, buffer);
    gboolean is_v6 = text != NULL && strchr (text, ':') != NULL;
    if (text == NULL || text[0] == 0)
      continue;
    if (n_by_family[0] + n_by_family[1] == 0)
      add (environment, first, text, address_characters);
    name = g_strdup_printf ("PLUTO_%s_SOURCEIP%d_%u", side, is_v6 ? 6 : 4, ++n_by_family[is_v6]);
    add (environment, name, text, address_characters);
  }
}

static void
add_common (Environment *environment, const IkeTree *body)
{
  g_ptr_array_add (environment->variables,
                   g_strdup ("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"));
  g_ptr_array_add (environment->variables, g_strdup ("PLUTO_VERSION=1.1"));
  add_leaf (environment, "PLUTO_CONNECTION", body, "child", name_characters);
  add_leaf (environment, "PLUTO_IKE_CONNECTION", body, "connection", name_characters);
  add_leaf (environment, "PLUTO_INTERFACE", body, "interface", name_characters);
  add_leaf (environment, "PLUTO_REQID", body, "reqid", number_characters);
  add_lower (environment, "PLUTO_PROTO", ike_tree_string (body, "protocol", "esp"));
  add_lower (environment, "PLUTO_MODE", ike_tree_string (body, "mode", NULL));
  add_leaf (environment, "PLUTO_UNIQUEID", body, "ike.unique-id", number_characters);
  add_leaf (environment, "PLUTO_ME", body, "ike.local-host", address_characters);
  add_leaf (environment, "PLUTO_MY_ID", body, "ike.local-id", identity_characters);
  add_leaf (environment, "PLUTO_PEER", body, "ike.remote-host", address_characters);
  add_leaf (environment, "PLUTO_PEER_ID", body, "ike.remote-id", identity_characters);
  add_leaf (environment, "PLUTO_SPI_IN", body, "spi-in", number_characters);
  add_leaf (environment, "PLUTO_SPI_OUT", body, "spi-out", number_characters);
  add_leaf (environment, "PLUTO_IF_ID_IN", body, "if-id-in", number_characters);
  add_leaf (environment, "PLUTO_IF_ID_OUT", body, "if-id-out", number_characters);
  add_leaf (environment, "PLUTO_MARK_IN", body, "mark-in", DIGITS "abcdefABCDEFx/");
  add_leaf (environment, "PLUTO_MARK_OUT", body, "mark-out", DIGITS "abcdefABCDEFx/");
  add_leaf (environment, "PLUTO_UDP_ENC", body, "encap-port", DIGITS);
  add_virtual_addresses (environment, "MY", ike_tree_get (body, "ike.local-vips"));
  add_virtual_addresses (environment, "PEER", ike_tree_get (body, "ike.remote-vips"));
}

static char **
make_one (const IkeTree *body, gboolean is_up, const IkeSelector *local, const IkeSelector *remote,
          GPtrArray *refused)
{
  Environment environment = { g_ptr_array_new (), refused };
  gboolean host = is_host (local, ike_tree_string (body, "ike.local-host", NULL));
  g_ptr_array_add (environment.variables,
                   g_strdup_printf ("PLUTO_VERB=%s-%s%s", is_up ? "up" : "down",
                                    host ? "host" : "client", local->family == 6 ? "-v6" : ""));
  add_common (&environment, body);
  add_side (&environment, "MY", local);
  add_side (&environment, "PEER", remote);
  g_ptr_array_add (environment.variables, NULL);
  return (char **) g_ptr_array_free (environment.variables, FALSE);
}

GPtrArray *
updown_environments (const IkeTree *body, gboolean is_up, GPtrArray *refused)
{
  GPtrArray *all = g_ptr_array_new_with_free_func ((GDestroyNotify) g_strfreev);
  IkeSelector local[IKE_SELECTORS_MAX], remote[IKE_SELECTORS_MAX];
  guint n_local = read_selectors (ike_tree_get (body, "local-ts"), local);
  guint n_remote = read_selectors (ike_tree_get (body, "remote-ts"), remote);
  for (guint i = 0; i < n_local; i++) {
    for (guint k = 0; k < n_remote && all->len < ENVIRONMENT_RUNS_MAX; k++) {
      /* Packets between two families do not exist. */
      if (local[i].family == remote[k].family)
        g_ptr_array_add (
            all, make_one (body, is_up, &local[i], &remote[k], all->len == 0 ? refused : NULL));
    }
  }
  return all;
}

char **
updown_argv (const char *configured, GError **error)
{
  g_auto (GStrv) argv = NULL;
  if (!g_shell_parse_argv (configured, NULL, &argv, error)) {
    g_prefix_error (error, "updown = %s: ", configured);
    return NULL;
  }
  if (argv[0][0] != '/') {
    g_set_error (
        error, IKE_ERROR, IKE_ERROR_CONFIG,
        "updown = %s: give the absolute path of the program (no shell is used, and no search path)",
        configured);
    return NULL;
  }
  return g_steal_pointer (&argv);
}
