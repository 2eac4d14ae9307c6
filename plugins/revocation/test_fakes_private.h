/* SPDX-License-Identifier: Apache-2.0 */
/* test_fakes_private.h - between the bench and the plugins that pretend. */
#pragma once
#include "test_fakes.h"

extern Bench *fake_bench;
extern const IkePluginInfo fake_pki_plugin, fake_net_plugin;
extern gint fake_n_objects;                   /* certificates and CRLs that are there; atomic */

/* Value of @key in words like "key=value", or NULL; g_free. */
char   *fake_word   (const char *text, const char *key);
/* Of a time in it, since 1970; @missing is the result without one. */
gint64  fake_time   (const char *text, const char *key, gint64 missing);
IkeCrl *fake_crl_new (const char *text);
void    fake_crl_unref (IkeCrl *crl);
