/* SPDX-License-Identifier: Apache-2.0 */
/* web.h - servers for engines in simulation: a plugin that offers `fetch:http` and answers from the directory of
 * certs.h, in virtual time.
 *
 *   http://files.test/NAME      the file NAME
 *   http://slow.test/NAME       the same, after web_delay_ms
 *   http://never.test/…         no answer
 *   http://huge.test/…          100 MB
 *   http://ocsp.test/CA         OCSP responses of CA.pem with CA.key, after web_delay_ms */
#pragma once
#include "exchange/certs.h"

extern const IkePluginInfo web_plugin;        /* for PairOptions.builtin */
extern guint32 web_delay_ms;
/* What OCSP says of: subjects' common names; NULL: nobody is revoked. */
extern const char *web_revoked;
/* Certificates p0 … of @key for p0.test …, issued by root, with http://ocsp.test/root. */
void  web_issue (const char *key, guint n);
/* How often an end asked for something whose URI begins so. */
guint web_asked (PairEnd *end, const char *prefix);
