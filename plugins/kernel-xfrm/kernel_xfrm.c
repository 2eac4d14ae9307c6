/* SPDX-License-Identifier: Apache-2.0 */
/* kernel_xfrm.c - IPsec by the Linux kernel. */
#include "config.h"
#include "kernel_xfrm.h"

static gboolean
activate (IkePlugin *self, GError **error)
{
  KernelXfrm *kernel = g_new0 (KernelXfrm, 1);
  kernel->plugin = self;
  kernel->engine = ike_plugin_engine (self);
  ike_plugin_set_state (self, kernel, g_free);
  kernel->loop = ike_loop_new (self, "netlink", error);
  return kernel->loop != NULL;
}

static void
deactivate (IkePlugin *self)
{
  KernelXfrm *kernel = ike_plugin_state (self);
  ike_loop_free (kernel->loop);
}

static const IkeFeature *const features[] = { NULL };

IKE_PLUGIN (ike_plugin, "kernel-xfrm", 0, .version = PACKAGE_VERSION, .license = "Apache-2.0",
            .summary = "IPsec by the Linux kernel (XFRM)", .features = features,
            .activate = activate, .deactivate = deactivate);
