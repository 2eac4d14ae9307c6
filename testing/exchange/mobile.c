/* SPDX-License-Identifier: Apache-2.0 */
/* mobile.c - two ends that may change their addresses; see mobile.h. */
#include "exchange/mobile.h"
#include <string.h>

enum { EVERY_MS = 50, STRAGGLERS_MS = 40 };

static const char *const plugins[] = { "mobike", "impair", NULL };
static const IkePluginInfo *const forges[] = { &forge_plugin, NULL };

#define CARRY "plugins { kernel-fake { carry = yes } }\n"
#define BODY                                                                                       \
  "proposals = aes256gcm16-prfsha256-x25519\n local_addrs = %%any\n %s remote_addrs = %s\n %s\n"   \
  "children { net { local_ts = 10.%u.0.0/16\n remote_ts = 10.%u.0.0/16\n"                          \
  " esp_proposals = aes256gcm16\n } }\n"

Mobile *
mobile_new_with (const MobileOptions *o)
{
  g_autofree char *a = g_strdup_printf (BODY, "", "10.0.0.2", o->conn[0] ? o->conn[0] : "", 1, 2);
  g_autofree char *b = g_strdup_printf (BODY, "", "%any", o->conn[1] ? o->conn[1] : "", 2, 1);
  g_autofree char *more_a = g_strconcat (CARRY, o->more[0], NULL);
  g_autofree char *more_b = g_strconcat (CARRY, o->more[1], NULL);
  PairOptions options = { .seed = 5,
                          .flags = GPOINTER_TO_UINT (o->flags) | IKE_ENGINE_FOR_TESTS,
                          .connection = { a, b },
                          .more = { more_a, more_b },
                          .plugins = plugins,
                          .builtin = forges };
  Mobile *m = g_new0 (Mobile, 1);
  guint i;

  if (o->has_forge) {
    m->forge = forge_new (&options);
    m->pair = m->forge->pair;
  } else {
    options.builtin = NULL;
    m->pair = pair_new (&options);
  }
  for (i = 0; i < 2; i++)
    if (o->starts_with[i])
      mobile_set (m, i ? &m->pair->b : &m->pair->a, o->starts_with[i]);
  if (!o->stays_down)
    pair_assert_up (m->pair, "net");
  return m;
}

Mobile *
mobile_new (gconstpointer flags, const char *conn_a, const char *conn_b)
{
  return mobile_new_with (&(MobileOptions){ .flags = flags, .conn = { conn_a, conn_b } });
}

void
mobile_free (Mobile *m)
{
  if (m->forge)
    forge_free (m->forge);
  else
    pair_free (m->pair);
  g_free (m);
}

/* -- addresses */

static guint
parse (const char *text, IkeAddr out[8])
{
  g_auto (GStrv) words = g_strsplit (text, ", ", 8);
  guint n;

  for (n = 0; words[n]; n++)
    g_assert_true (ike_addr_parse (&out[n], words[n], NULL));
  return n;
}

/* Of each end the last byte is an odd, or an even number. */
void
mobile_wire (Mobile *m, PairEnd *end, const char *addresses)
{
  IkeAddr wanted[8], addr;
  guint n = parse (addresses, wanted), i, k;
  char text[32];

  for (i = end == &m->pair->a ? 1 : 2; i < 16; i += 2)
    for (k = 0; k < 2; k++) {
      g_snprintf (text, sizeof text, k ? "fd00::%x" : "10.0.0.%u", i);
      g_assert_true (ike_addr_parse (&addr, text, NULL));
      end->net_ops->address_remove (end->net, &addr);
    }
  for (i = 0; i < n; i++)
    g_assert_true (end->net_ops->address_add (end->net, &wanted[i]));
}

void
mobile_set (Mobile *m, PairEnd *end, const char *addresses)
{
  IkeAddr wanted[8];
  guint n = parse (addresses, wanted);

  mobile_wire (m, end, addresses);
  end->kernel_ops->set_local (end->kernel, wanted, n);
}

/* -- packets */

void
mobile_run_ms (Mobile *m, guint ms)
{
  gint64 until = ike_sim_now_us (m->pair->sim) + ms * 1000ll;

  while (ike_sim_step (m->pair->sim, until))
    ;
}

static void
hear (const IkeFakeArrival *arrival, gpointer data)
{
  Mobile *m = data;

  m->n_arrived += arrival->what == IKE_FAKE_OPENED;
}

static void
send_one (Mobile *m, PairEnd *from)
{
  gboolean is_a = from == &m->pair->a;
  IkeAddr source, destination;
  guint32 spi;

  g_assert_true (ike_addr_parse (&source, is_a ? "10.1.0.1" : "10.2.0.1", NULL));
  g_assert_true (ike_addr_parse (&destination, is_a ? "10.2.0.1" : "10.1.0.1", NULL));
  m->n_sent++;
  (void) from->kernel_ops->transmit (from->kernel, &source, &destination,
                                     (const guint8 *) "a packet", 9, &spi);
}

void
mobile_flow (Mobile *m, guint ms)
{
  guint i;

  m->pair->a.kernel_ops->on_arrival (m->pair->a.kernel, hear, m);
  m->pair->b.kernel_ops->on_arrival (m->pair->b.kernel, hear, m);
  for (i = 0; i < ms / EVERY_MS; i++) {
    send_one (m, &m->pair->a);
    send_one (m, &m->pair->b);
    mobile_run_ms (m, EVERY_MS);
  }
  mobile_run_ms (m, STRAGGLERS_MS);
  m->n_lost = m->n_sent - m->n_arrived;
}

/* -- where they are */

static const char *
format_outbound (PairEnd *end, char out[2 * IKE_ADDR_TEXT_SIZE])
{
  char source[IKE_ADDR_TEXT_SIZE], destination[IKE_ADDR_TEXT_SIZE];
  IkeFakeSa sa = { .struct_size = sizeof sa };
  guint i;

  for (i = 0; end->kernel_ops->nth_sa (end->kernel, i, &sa); i++)
    if (sa.direction == IKE_DIR_OUT)
      g_snprintf (out, 2 * IKE_ADDR_TEXT_SIZE, "%s %s", ike_addr_format (&sa.source, FALSE, source),
                  ike_addr_format (&sa.destination, FALSE, destination));
  return out;
}

char *
mobile_path (PairEnd *end)
{
  g_autoptr (IkeTree) status = pair_status (end);
  const IkeTree *sa = ike_tree_nth (ike_tree_get (status, "sas"), 0);

  return g_strdup_printf ("%s %s", ike_tree_string (sa, "local-host", "-"),
                          ike_tree_string (sa, "remote-host", "-"));
}

void
mobile_assert_path (Mobile *m, const char *a, const char *b)
{
  g_autofree char *of_a = mobile_path (&m->pair->a), *of_b = mobile_path (&m->pair->b);
  g_autofree char *from_a = g_strdup_printf ("%s %s", a, b);
  g_autofree char *from_b = g_strdup_printf ("%s %s", b, a);
  char kernel[2 * IKE_ADDR_TEXT_SIZE] = "";

  if (strcmp (of_a, from_a) || strcmp (of_b, from_b))
    g_test_message ("-- a --\n%s-- b --\n%s", m->pair->a.log->str, m->pair->b.log->str);
  g_assert_cmpstr (of_a, ==, from_a);
  g_assert_cmpstr (of_b, ==, from_b);
  g_assert_cmpstr (format_outbound (&m->pair->a, kernel), ==, from_a);
  g_assert_cmpstr (format_outbound (&m->pair->b, kernel), ==, from_b);
}
