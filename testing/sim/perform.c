/* SPDX-License-Identifier: Apache-2.0 */
/* perform.c - does what the script says, at the time it says. */
#include <ikebana/command.h>
#include "sim.h"

/* -- control commands, as a client gives them */

static void
heard_part (gpointer transport, const char *kind, const IkeTree *part)
{
}

typedef struct {
  World *world;
  char end[8];
  char *name;
} Asked;

static void
heard_end (gpointer transport, const IkeTree *result, const char *code, const char *message)
{
  Asked *asked = transport;

  asked->world->n_answered++;
  if (!g_strcmp0 (asked->name, "up"))
    *(code ? &asked->world->n_refused : &asked->world->n_granted) += 1;
  world_note (asked->world, NULL, "%s: %s: %s", asked->end, asked->name, code ? message : "done");
  g_free (asked->name);
  g_free (asked);
}

static const IkeRequestSink sink = { sizeof sink, heard_part, heard_end };

typedef struct {
  End *end;
  IkeTree *args;
  char *name;
} Ask;

static void
ask (gpointer data)
{
  Ask *a = data;
  Asked *asked;

  /* It may be run while the engine ends. */
  if (!a->end->engine)
    return;
  asked = g_new0 (Asked, 1);
  asked->world = a->end->world;
  asked->name = g_strdup (a->name);
  g_strlcpy (asked->end, a->end->name, sizeof asked->end);
  a->end->world->n_asked++;
  ike_command_run (a->end->engine, a->name, g_steal_pointer (&a->args), FALSE, &sink, asked);
}

static void
ask_free (gpointer data)
{
  Ask *a = data;

  ike_tree_free (a->args);
  g_free (a->name);
  g_free (a);
}

void
command_run (End *end, const char *name, IkeTree *args_take)
{
  g_autofree char *text = ike_tree_serialize (args_take, FALSE);
  Ask *a;

  if (!end->engine) {
    ike_tree_free (args_take);
    return;
  }
  world_note (end->world, end, "%s %s", name, text);
  a = g_new0 (Ask, 1);
  a->end = end;
  a->args = args_take;
  a->name = g_strdup (name);
  ike_loop_post (ike_engine_control (end->engine), ask, a, ask_free);
}

void
command_force_down (Link *link, guint side, int child)
{
  IkeTree *args = topology_args (link, child);

  link->is_child_forced |= child >= 0;
  link->forced_us[side] = MAX (world_now (link->ends[side]->world), 1);
  ike_tree_set_bool (args, "force", TRUE);
  command_run (link->ends[side], "down", args);
}

/* -- connections */

static void
up (Link *link, guint side, guint child)
{
  command_run (link->ends[side], "up", topology_args (link, (int) (child % link->n_children)));
}

/* Mostly one child, sometimes the IKE SA, rarely without a word. */
static void
down (Link *link, guint side, guint dice)
{
  int child = dice % 3 ? (int) (dice / 8 % link->n_children) : -1;

  if (dice / 64 % 16 == 0)
    command_force_down (link, side, child);
  else
    command_run (link->ends[side], "down", topology_args (link, child));
}

static void
rekey (Link *link, guint side, int child, gboolean is_reauth)
{
  IkeTree *args;

  if (!world_can (link->ends[0]->world, CAN_REKEY))
    return;
  args = topology_args (link, child);
  if (is_reauth)
    ike_tree_set_bool (args, "reauth", TRUE);
  command_run (link->ends[side], "rekey", args);
}

/* Both at the same instant, so that their messages cross. */
static void
collide (World *world, Link *link, guint side, guint dice)
{
  guint child = dice / 16 % link->n_children;
  int both = (int) child;

  switch (world_can (world, CAN_REKEY) ? dice % 10 : dice % 3) {
  case 0:
    up (link, 0, child);
    up (link, 1, child);
    break;
  case 1:
    down (link, 0, 1 + 8 * child + 64);
    down (link, 1, dice % 5 ? 1 + 8 * child + 64 : 66);
    break;
  case 2:
    up (link, side, child);
    down (link, 1 - side, dice | 64);
    break;
  case 3:
  case 4:
    rekey (link, 0, both, FALSE);
    rekey (link, 1, both, FALSE);
    break;
  case 5:
    rekey (link, 0, -1, FALSE);
    rekey (link, 1, -1, FALSE);
    break;
  case 6:
    rekey (link, side, -1, FALSE);
    rekey (link, 1 - side, both, FALSE);
    break;
  case 7:
    rekey (link, side, both, FALSE);
    down (link, 1 - side, 1 + 8 * child + 64);
    break;
  case 8:
    rekey (link, side, -1, FALSE);
    down (link, 1 - side, 66);
    break;
  default:
    rekey (link, side, -1, world_can (world, CAN_REAUTH));
    up (link, 1 - side, child);
    break;
  }
}

/* -- kernels and clocks */

typedef struct {
  guint at;
  IkeFakeSa sa;
  gboolean is_found;
} Pick;

static void
pick (const IkeFakeSa *sa, gpointer data)
{
  Pick *p = data;

  if (p->at-- == 0) {
    p->sa = *sa;
    p->is_found = TRUE;
  }
}

static void
expire (End *end, guint which, gboolean is_hard)
{
  guint n = end->kernel_ops->n_sas (end->kernel);
  Pick p = { n ? which % n : 0, { 0 }, FALSE };

  end->kernel_ops->each_sa (end->kernel, pick, &p);
  if (!p.is_found)
    return;
  world_note (end->world, end, "the kernel says: SA %08x expires (%s)", p.sa.spi,
              is_hard ? "hard" : "soft");
  end->kernel_ops->expire (end->kernel, (IkeDirection) p.sa.direction, p.sa.spi, is_hard);
}

static void
fail_kernel (End *end, guint which)
{
  static const struct {
    IkeFakeOperation operation;
    const char *name;
  } requests[] = {
    { IKE_FAKE_GET_SPI, "get-spi" },
    { IKE_FAKE_INSTALL, "install" },
    { IKE_FAKE_QUERY, "query" },
  };
  guint i = which % G_N_ELEMENTS (requests);

  world_note (end->world, end, "the kernel's next %s will fail", requests[i].name);
  end->kernel_ops->fail_next (end->kernel, requests[i].operation, "ordered by the script");
}

static void
perform_on_end (World *world, const Event *event, End *end)
{
  switch (event->deed) {
  case DO_EXPIRE:
    expire (end, event->b, event->c % 3 == 0);
    break;
  case DO_WALL:
    world_note (world, end, "the wall clock jumps");
    ike_sim_shift_wall (end->engine, ((gint64) event->b - 500) * 60 * SECOND);
    break;
  case DO_KERNEL_FAIL:
    fail_kernel (end, event->b);
    break;
  case DO_KERNEL_DELAY:
    world_note (world, end, "the kernel answers after %u ms", event->b % 4 ? 0 : event->c * 2);
    end->kernel_ops->delay (end->kernel, event->b % 4 ? 0 : event->c * 2);
    break;
  case DO_CRASH:
    world_note (world, end, "crashes");
    world->figures.n_crashes++;
    end_crash (end);
    break;
  default:
    break;
  }
}

static void
restart (World *world, End *end)
{
  if (end->engine)
    return;
  world_note (world, end, "starts again");
  end_start (end);
}

static void
perform_on_link (World *world, const Event *event, Link *link)
{
  switch (event->deed) {
  case DO_UP:
    up (link, event->b, event->c);
    break;
  case DO_DOWN:
    down (link, event->b, event->c);
    break;
  case DO_COLLIDE:
    collide (world, link, event->b, event->c);
    break;
  case DO_REKEY:
    rekey (link, event->b, (int) (event->c % link->n_children), FALSE);
    break;
  case DO_REKEY_IKE:
  case DO_REAUTH:
    rekey (link, event->b, -1, event->deed == DO_REAUTH);
    break;
  case DO_TRAFFIC:
    traffic_burst (world, link, event->c % link->n_children, 2 + event->c / 8 % 10,
                   event->c / 128 % 2 ? 300000 : 3000);
    break;
  default:
    break;
  }
}

void
script_perform (World *world, const Event *event)
{
  End *end = &world->ends[event->a % world->n_ends];

  world->figures.n_events++;
  switch (event->deed) {
  case DO_WEATHER:
    weather_draw (world, event->c);
    break;
  case DO_CUT:
    weather_cut (world, event->a, event->b, TRUE);
    break;
  case DO_HEAL:
    weather_heal (world);
    break;
  case DO_NAT_FORGET:
    world_note (world, NULL, "every NAT forgets whom it knew");
    if (world->ends[0].engine)
      world->ends[0].net_ops->nat_forget (world->ends[0].net);
    break;
  case DO_RESTART:
    restart (world, end);
    break;
  case DO_EXPIRE:
  case DO_WALL:
  case DO_KERNEL_FAIL:
  case DO_KERNEL_DELAY:
  case DO_CRASH:
    if (end->engine)
      perform_on_end (world, event, end);
    break;
  default:
    perform_on_link (world, event, world_link (world, event->a));
    break;
  }
}
