/* SPDX-License-Identifier: Apache-2.0 */
/* topology.c - who there is and how they are connected, drawn from the seed, as the settings of
 * their engines: all gateways with each other, every client with one or two of them. */
#include "sim.h"

static const char *const ike_proposals[] = {
  "aes256gcm16-prfsha256-x25519",      "aes128gcm16-prfsha256-x25519", "aes128-sha256-x25519",
  "chacha20poly1305-prfsha256-x25519", "aes256-sha384-ecp256",
};
/* Who offers the first of two is asked for the other group by who has that alone. */
static const char *const two_groups = "aes256gcm16-prfsha256-ecp256-x25519";
static const char *const all_ike = "aes256gcm16-prfsha256-x25519, aes128gcm16-prfsha256-x25519,"
                                   " aes128-sha256-x25519, chacha20poly1305-prfsha256-x25519,"
                                   " aes256-sha384-ecp256";
static const char *const esp_proposals[] = {
  "aes256gcm16",      "aes128gcm16-esn",    "aes128-sha256",
  "chacha20poly1305", "aes256gcm16-x25519", "aes128-sha256-ecp256",
};

#define PICK(dice, list) ((list)[dice_below (dice, G_N_ELEMENTS (list))])

/* -- hosts */

void
topology_host (const Link *link, guint side, guint child, IkeAddr *addr)
{
  *addr = (IkeAddr){ .family = 4,
                     .bytes = { 10, (guint8) (64 + link->index), (guint8) (2 * child + side), 1 } };
}

IkeTree *
topology_args (const Link *link, int child)
{
  IkeTree *args = ike_tree_new_section ();

  ike_tree_set_string (args, "name", link->name);
  if (child >= 0)
    ike_tree_set_format (args, "child", "n%d", child);
  return args;
}

/* -- the settings of a connection */

static void
draw_time (GString *to, Dice *dice, const char *key, guint low, guint high)
{
  g_string_append_printf (to, "      %s = %us\n", key, dice_range (dice, low, high));
}

/* Plain: as it is by default. */
static void
draw_retransmission (World *world, Link *link)
{
  gboolean is_plain = world->options.is_plain;
  guint timeout_s = is_plain ? 4 : dice_range (&world->dice, 1, 4);
  guint tries = is_plain ? 5 : dice_range (&world->dice, 4, 6), i;
  double delay = timeout_s;

  for (i = 0; i <= tries; i++, delay *= 1.8)
    link->give_up_us += (gint64) (delay * SECOND);
  for (i = 0; i < 2 && !is_plain; i++)
    g_string_append_printf (link->settings[i],
                            "      retransmit_timeout = %u\n      retransmit_tries = %u\n",
                            timeout_s, tries);
}

static void
draw_ike_life (World *world, Link *link, guint side)
{
  GString *to = link->settings[side];
  Dice *dice = &world->dice;

  if (world->options.is_plain) {
    g_string_append (to, "      rekey_time = 0s\n");
    return;
  }
  if (world_can (world, CAN_REKEY_IKE_TIME) && dice_chance (dice, 60)) {
    draw_time (to, dice, "rekey_time", 120, 3600);
    if (dice_chance (dice, 50))
      draw_time (to, dice, "rand_time", 5, 60);
  } else
    g_string_append (to, "      rekey_time = 0s\n");
  if (world_can (world, CAN_REAUTH) && dice_chance (dice, 15))
    draw_time (to, dice, "reauth_time", 300, 3600);
  if (world_can (world, CAN_DPD) && dice_chance (dice, 80)) {
    link->dpd_s[side] = dice_range (dice, 10, 120);
    g_string_append_printf (to, "      dpd_delay = %us\n", link->dpd_s[side]);
  }
  if (world_can (world, CAN_UNIQUE) && dice_chance (dice, 30))
    g_string_append_printf (to, "      unique = %s\n", dice_chance (dice, 50) ? "replace" : "keep");
  if (world_can (world, CAN_RETRY) && dice_chance (dice, 40))
    g_string_append_printf (to, "      keyingtries = %u\n", dice_below (dice, 4));
}

/* Who does not know where the other is cannot begin. */
static void
draw_actions (World *world, Link *link, guint side)
{
  GString *to = link->settings[side];
  Dice *dice = &world->dice;

  if (world->options.is_plain || (link->is_nat && side == 0))
    return;
  if (world_can (world, CAN_TRAP) && dice_chance (dice, 25)) {
    g_string_append (to, "          start_action = trap\n");
    link->has_traps = TRUE;
  } else if (dice_chance (dice, 30)) {
    g_string_append (to, "          start_action = start\n");
    link->starts[side] = TRUE;
  }
  if (world_can (world, CAN_CLOSE_ACTION) && dice_chance (dice, 25)) {
    g_string_append_printf (to, "          close_action = %s\n",
                            dice_chance (dice, 50) ? "start" : "none");
    link->restarts[side] = TRUE;
  }
  if (world_can (world, CAN_DPD_ACTION) && dice_chance (dice, 25)) {
    g_string_append (to, "          dpd_action = restart\n");
    link->restarts[side] = TRUE;
  }
}

static void
draw_child_life (World *world, Link *link, guint side)
{
  GString *to = link->settings[side];
  Dice *dice = &world->dice;

  if (world_can (world, CAN_REKEY_CHILD_TIME) && !world->options.is_plain && dice_chance (dice, 60))
    draw_time (to, dice, "    rekey_time", 60, 1800);
  else
    g_string_append (to, "          rekey_time = 0s\n");
  if (world->options.is_plain)
    return;
  if (world_can (world, CAN_REKEY_CHILD_TIME) && dice_chance (dice, 20))
    g_string_append_printf (to, "          rekey_packets = %u\n          life_packets = 4000\n",
                            dice_range (dice, 10, 60));
  if (world_can (world, CAN_INACTIVITY) && dice_chance (dice, 10))
    draw_time (to, dice, "    inactivity", 120, 1200);
}

static void
draw_children (World *world, Link *link)
{
  guint child, side;

  for (side = 0; side < 2; side++)
    g_string_append (link->settings[side], "      children {\n");
  for (child = 0; child < link->n_children; child++) {
    const char *proposal = PICK (&world->dice, esp_proposals);
    for (side = 0; side < 2; side++) {
      GString *to = link->settings[side];
      g_string_append_printf (to,
                              "        n%u {\n          local_ts = 10.%u.%u.0/24\n"
                              "          remote_ts = 10.%u.%u.0/24\n"
                              "          esp_proposals = %s\n",
                              child, 64 + link->index, 2 * child + side, 64 + link->index,
                              2 * child + 1 - side, proposal);
      draw_actions (world, link, side);
      draw_child_life (world, link, side);
      g_string_append (to, "        }\n");
    }
  }
  for (side = 0; side < 2; side++)
    g_string_append (link->settings[side], "      }\n");
}

static void
begin_side (Link *link, guint side, const char *proposals)
{
  char own[IKE_ADDR_TEXT_SIZE], other[IKE_ADDR_TEXT_SIZE];
  const End *us = link->ends[side], *them = link->ends[1 - side];

  ike_addr_format (&us->addr, FALSE, own);
  ike_addr_format (&them->addr, FALSE, other);
  g_string_append_printf (link->settings[side],
                          "    %s {\n      local_addrs = %s\n      remote_addrs = %s\n"
                          "      proposals = %s\n"
                          "      local { auth = psk\n id = %s.test }\n"
                          "      remote { auth = psk\n id = %s.test }\n",
                          link->name, own, side == 0 && link->is_nat ? "%any" : other, proposals,
                          us->name, them->name);
}

static void
draw_link (World *world, End *gateway, End *other, gboolean is_nat)
{
  Dice *dice = &world->dice;
  Link *link = g_new0 (Link, 1);
  const char *proposal = PICK (dice, ike_proposals);
  guint side;

  link->index = world->links->len;
  g_snprintf (link->name, sizeof link->name, "l%u", link->index);
  link->ends[0] = gateway;
  link->ends[1] = other;
  link->is_nat = is_nat;
  link->n_children = dice_range (dice, 1, CHILDREN_MAX);
  for (side = 0; side < 2; side++)
    link->settings[side] = g_string_new (NULL);
  if (is_nat) {
    begin_side (link, 0, all_ike);
    begin_side (link, 1, proposal);
  } else if (dice_chance (dice, 15)) {
    begin_side (link, 0, two_groups);
    begin_side (link, 1, ike_proposals[0]);
  } else {
    begin_side (link, 0, proposal);
    begin_side (link, 1, proposal);
  }
  draw_retransmission (world, link);
  for (side = 0; side < 2; side++)
    draw_ike_life (world, link, side);
  draw_children (world, link);
  for (side = 0; side < 2; side++)
    g_string_append (link->settings[side], "    }\n");
  g_ptr_array_add (world->links, link);
}

/* -- who there is */

static void
name_ends (World *world, guint n_gateways, guint n_clients)
{
  guint i;

  world->n_ends = n_gateways + n_clients;
  for (i = 0; i < world->n_ends; i++) {
    End *end = &world->ends[i];
    gboolean is_client = i >= n_gateways;
    end->world = world;
    end->index = i;
    end->sas = g_ptr_array_new_with_free_func (g_free);
    end->addr = (IkeAddr){ .family = 4, .bytes = { 10, 0, is_client, (guint8) (i + 1) } };
    g_snprintf (end->name, sizeof end->name, is_client ? "c%u" : "g%u",
                is_client ? i - n_gateways + 1 : i + 1);
  }
}

static void
draw_client (World *world, guint client, guint n_gateways)
{
  guint first = dice_below (&world->dice, n_gateways);
  gboolean is_nat = dice_chance (&world->dice, 40);

  draw_link (world, &world->ends[first], &world->ends[client], is_nat);
  if (n_gateways > 1 && dice_chance (&world->dice, 30))
    draw_link (world, &world->ends[(first + 1) % n_gateways], &world->ends[client], is_nat);
}

void
topology_draw (World *world)
{
  guint n_gateways = world->options.n_gateways, n_clients = world->options.n_clients, i, k;

  if (!n_gateways) {
    n_gateways = dice_range (&world->dice, 1, 2) + dice_chance (&world->dice, 15);
    n_clients = n_gateways == 1 ? dice_range (&world->dice, 1, 3) : dice_below (&world->dice, 3);
  }
  name_ends (world, n_gateways, n_clients);
  for (i = 0; i < n_gateways; i++)
    for (k = i + 1; k < n_gateways; k++)
      draw_link (world, &world->ends[i], &world->ends[k], FALSE);
  for (i = n_gateways; i < world->n_ends; i++)
    draw_client (world, i, n_gateways);
  world->figures.n_links = world->links->len;
  world->figures.n_ends = world->n_ends;
}

char *
topology_settings (World *world, End *end)
{
  GString *text = g_string_new (NULL), *secrets = g_string_new ("secrets {\n");
  char addr[IKE_ADDR_TEXT_SIZE];
  guint i, side;

  ike_addr_format (&end->addr, FALSE, addr);
  g_string_append_printf (text,
                          "plugins {\n  net-sim { load = yes\n addresses = %s }\n"
                          "  kernel-fake { load = yes\n record = yes\n carry = yes\n"
                          " addresses = %s }\n}\nconnections {\n",
                          addr, addr);
  for (i = 0; i < world->links->len; i++)
    for (side = 0; side < 2; side++) {
      const Link *link = world_link (world, i);
      if (link->ends[side] != end)
        continue;
      g_string_append (text, link->settings[side]->str);
      g_string_append_printf (secrets,
                              "  ike-%s { id-1 = %s.test\n id-2 = %s.test\n"
                              " secret = the-secret-of-%s }\n",
                              link->name, link->ends[0]->name, link->ends[1]->name, link->name);
    }
  g_string_append_printf (text, "}\n%s}\n", secrets->str);
  g_string_free (secrets, TRUE);
  return g_string_free (text, FALSE);
}
