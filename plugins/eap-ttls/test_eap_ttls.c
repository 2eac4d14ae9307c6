/* SPDX-License-Identifier: Apache-2.0 */
/* test_eap_ttls.c - EAP-TTLS, server against peer, by each way to show a password. */
#include "shared/eap-tls/test_ways.h"

static const EapWay ways[] = {
  { "1.2/pap", "eap-ttls { max_version = 1.2\n phase2 = pap }\n" },
  { "1.3/pap", "eap-ttls { min_version = 1.3\n phase2 = pap }\n" },
  { "1.2/chap", "eap-ttls { max_version = 1.2\n phase2 = chap }\n" },
  { "1.3/chap", "eap-ttls { min_version = 1.3\n phase2 = chap }\n" },
  { "1.2/mschapv2", "eap-ttls { max_version = 1.2\n phase2 = mschapv2 }\n" },
  { "1.3/mschapv2", "eap-ttls { min_version = 1.3\n phase2 = mschapv2 }\n" },
  { "1.2/eap-md5", "eap-ttls { max_version = 1.2\n phase2_method = md5 }\n" },
  { "1.3/eap-gtc", "eap-ttls { min_version = 1.3\n phase2_method = gtc }\n" },
  { "1.2/eap-mschapv2", "eap-ttls { max_version = 1.2\n phase2_method = mschapv2 }\n" },
  { "1.3/eap-mschapv2", "eap-ttls { min_version = 1.3\n phase2_method = mschapv2 }\n" },
  { NULL, NULL },
};

int
main (int argc, char **argv)
{
  return eap_ways_run (argc, argv, "eap-ttls", ways);
}
