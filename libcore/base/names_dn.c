/* SPDX-License-Identifier: Apache-2.0 */
/* names_dn.c - the attribute types of distinguished names (RFC 4519, RFC 5280 appendix A, PKCS #9).
 */
#include "base/dn.h"

#define X520(n) { 0x55, 0x04, n }, 3
#define UCL(n) { 0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 0x01, n }, 10
#define PKCS9(n) { 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, n }, 9

const IkeDnAttribute ike_dn_attributes[] = {
  { "CN", X520 (3) },
  { "C", X520 (6) },
  { "L", X520 (7) },
  { "ST", X520 (8) },
  { "O", X520 (10) },
  { "OU", X520 (11) },
  { "S", X520 (4) },                          /* as strongSwan: the surname, not the state */
  { "surname", X520 (4) },
  { "SN", X520 (5) },                         /* likewise: the serial number */
  { "serialNumber", X520 (5) },
  { "street", X520 (9) },
  { "T", X520 (12) },
  { "title", X520 (12) },
  { "D", X520 (13) },
  { "description", X520 (13) },
  { "postalCode", X520 (17) },
  { "N", X520 (41) },
  { "name", X520 (41) },
  { "G", X520 (42) },
  { "givenName", X520 (42) },
  { "GN", X520 (42) },
  { "I", X520 (43) },
  { "initials", X520 (43) },
  { "generationQualifier", X520 (44) },
  { "ID", X520 (45) },
  { "x500UniqueIdentifier", X520 (45) },
  { "dnQualifier", X520 (46) },
  { "pseudonym", X520 (65) },
  { "organizationIdentifier", X520 (97) },
  { "UID", UCL (1) },
  { "DC", { 0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 0x01, 25 }, 10, TRUE },
  { "E", { 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 1 }, 9, TRUE },
  { "emailAddress", { 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 1 }, 9, TRUE },
  { "Email", { 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 1 }, 9, TRUE },
  { "UN", PKCS9 (2) },
  { "unstructuredName", PKCS9 (2) },
  { "UA", PKCS9 (8) },
  { "unstructuredAddress", PKCS9 (8) },
  { "EN", { 0x60, 0x86, 0x48, 0x01, 0x86, 0xf8, 0x42, 0x03, 0x01, 0x03 }, 10 },
  { "employeeNumber", { 0x60, 0x86, 0x48, 0x01, 0x86, 0xf8, 0x42, 0x03, 0x01, 0x03 }, 10 },
  { NULL, { 0 }, 0 },
};
