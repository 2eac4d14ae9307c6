/* SPDX-License-Identifier: Apache-2.0 */
/* kernel_fake.c - a kernel that remembers what it was asked and, in a simulation, carries the
 * packets of tests over the wire of that (carry.c); no others.
 *
 * For tests, simulation and load: it offers `kernel:ipsec` and `kernel:net` like a real one,
 * answers at once in the caller and needs no thread, no privilege and little memory.  With
 * `record = yes` it keeps keys and policies too, and tests read them, order failures and delays,
 * and cause kernel events through `service:kernel-fake` (kernel_fake.h).  It loads only on
 * request. */
#include "config.h"
#include <string.h>
#include "fake.h"

#define OPTION(option_path, option_type, option_fallback, option_doc)                              \
  &(const IkeOptionInfo)                                                                           \
  {                                                                                                \
    sizeof (IkeOptionInfo), option_path, option_type, option_fallback, option_doc                  \
  }

static const IkeOptionInfo *const options[] = {
  OPTION ("plugin/record", "bool", "no", "Keep keys and policies, for tests to read."),
  OPTION ("plugin/carry", "bool", "no",
          "In a simulation: ESP packets that a test hands over travel to the peer over the net "
          "plugin; needs record."),
  OPTION ("plugin/lacks", "list", NULL,
          "What it shall say that it cannot: transport, beet, ipcomp, ah, mark, label, offload, "
          "if-id, trap, shunt."),
  OPTION ("plugin/addresses", "list", NULL,
          "Addresses that this machine seems to have; the first of a family is the source."),
  NULL,
};

static gboolean
take_addresses (Fake *fake, GError **error)
{
  g_auto (GStrv) texts = ike_plugin_option_list (fake->plugin, "addresses");
  for (guint i = 0; texts && texts[i]; i++) {
    IkeAddr addr;
    if (!ike_addr_parse (&addr, texts[i], error)) {
      g_prefix_error (error, "kernel-fake: addresses: ");
      return FALSE;
    }
    g_array_append_val (fake->local, addr);
  }
  return TRUE;
}

static gboolean
take_lacks (Fake *fake, GError **error)
{
  static const struct { const char *word; guint32 bit; } words[] = {
    { "transport", IKE_KERNEL_CAN_TRANSPORT }, { "beet", IKE_KERNEL_CAN_BEET },
    { "ipcomp", IKE_KERNEL_CAN_IPCOMP },       { "ah", IKE_KERNEL_CAN_AH },
    { "mark", IKE_KERNEL_CAN_MARK },           { "label", IKE_KERNEL_CAN_LABEL },
    { "offload", IKE_KERNEL_CAN_OFFLOAD },     { "if-id", IKE_KERNEL_CAN_IF_ID },
    { "trap", IKE_KERNEL_CAN_TRAP },           { "shunt", IKE_KERNEL_CAN_SHUNT },
    { "skip", IKE_KERNEL_CAN_SKIP },
  };
  g_auto (GStrv) texts = ike_plugin_option_list (fake->plugin, "lacks");
  for (guint i = 0; texts && texts[i]; i++) {
    guint k = 0;
    while (k < G_N_ELEMENTS (words) && !g_str_equal (words[k].word, texts[i]))
      k++;
    if (k == G_N_ELEMENTS (words)) {
      g_set_error (error, IKE_ERROR, IKE_ERROR_CONFIG, "kernel-fake: lacks: unknown word %s",
                   texts[i]);
      return FALSE;
    }
    fake->lacks |= words[k].bit;
  }
  return TRUE;
}

static void
free_state (gpointer state)
{
  Fake *fake = state;
  fake_table_clear (fake);
  for (guint i = 0; i < IKE_FAKE_N_OPERATIONS; i++)
    g_free (atomic_load (&fake->failures[i]));
  g_array_unref (fake->policies);
  g_array_unref (fake->addresses);
  g_array_unref (fake->local);
  pthread_mutex_destroy (&fake->lock);
  g_free (fake);
}

static gboolean
activate (IkePlugin *self, GError **error)
{
  Fake *fake = g_new0 (Fake, 1);
  fake->plugin = self;
  fake->engine = ike_plugin_engine (self);
  fake->records = ike_plugin_option_bool (self, "record");
  fake->policies = g_array_new (FALSE, FALSE, sizeof (IkeKernelPolicy));
  fake->addresses = g_array_new (FALSE, FALSE, sizeof (FakeAddress));
  fake->local = g_array_new (FALSE, FALSE, sizeof (IkeAddr));
  pthread_mutex_init (&fake->lock, NULL);
  fake_table_init (fake);
  ike_engine_random (fake->engine, &fake->spi_mask, sizeof fake->spi_mask);
  ike_plugin_set_state (self, fake, free_state);
  fake->carries = ike_plugin_option_bool (self, "carry");
  return take_lacks (fake, error) && take_addresses (fake, error)
         && (!fake->carries || fake_carry_start (fake, error));
}

static void
deactivate (IkePlugin *self)
{
  fake_carry_stop (ike_plugin_state (self));
}

/* The contexts and the sockets belong to plugins that must end later. */
static const char *const wants[] = { "net:sim", "aead:aes-gcm-16/256", "cipher:aes-cbc/256",
                                     "integ:hmac-sha2-256-128", NULL };

static const IkeFeature feature_ipsec
  = { .struct_size = sizeof (IkeFeature), .provides = "kernel:ipsec", .ops = &fake_kernel_class,
      .wants = wants };
static const IkeFeature feature_net
  = { .struct_size = sizeof (IkeFeature), .provides = "kernel:net", .ops = &fake_net_class };
static const IkeFeature feature_service
  = { .struct_size = sizeof (IkeFeature), .provides = "service:kernel-fake", .ops = &fake_ops };
static const guint32 acts_ops = sizeof (guint32);
#define ACTS(name, what)                                                                           \
  static const IkeFeature name                                                                     \
    = { .struct_size = sizeof (IkeFeature), .provides = "acts:" what, .ops = &acts_ops }
ACTS (acts_if_id, "connection/if_id");
ACTS (acts_if_id_in, "connection/if_id_in");
ACTS (acts_if_id_out, "connection/if_id_out");
ACTS (acts_child_if_id, "child/if_id");
ACTS (acts_child_if_id_in, "child/if_id_in");
ACTS (acts_child_if_id_out, "child/if_id_out");

static const IkeFeature *const features[]
  = { &feature_ipsec,    &feature_net,         &feature_service,      &acts_if_id, &acts_if_id_in,
      &acts_if_id_out,   &acts_child_if_id,    &acts_child_if_id_in,  &acts_child_if_id_out,
      NULL };

IKE_PLUGIN (ike_plugin, "kernel-fake", IKE_PLUGIN_ON_REQUEST, .version = PACKAGE_VERSION,
            .license = "Apache-2.0", .summary = "a kernel that only records, for tests and load",
            .features = features, .options = options, .activate = activate,
            .deactivate = deactivate);
