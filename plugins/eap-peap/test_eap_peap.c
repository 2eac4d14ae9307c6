/* SPDX-License-Identifier: Apache-2.0 */
/* test_eap_peap.c - PEAP, server against peer, with each method in the tunnel. */
#include "shared/eap-tls/test_ways.h"

static const EapWay ways[] = {
  { "1.2/md5", "eap-peap { max_version = 1.2\n phase2_method = md5 }\n" },
  { "1.3/gtc", "eap-peap { min_version = 1.3\n phase2_method = gtc }\n" },
  { "1.2/mschapv2", "eap-peap { max_version = 1.2\n }\n" },
  { "1.3/mschapv2", "eap-peap { min_version = 1.3\n }\n" },
  { NULL, NULL },
};

int
main (int argc, char **argv)
{
  return eap_ways_run (argc, argv, "eap-peap", ways);
}
