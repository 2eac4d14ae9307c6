/* SPDX-License-Identifier: Apache-2.0 */
/* secret.h - the secret that tokens are made of: a file that outlives the daemon. */
#pragma once
#include <ikebana/error.h>
#include <ikebana/secret.h>

typedef struct {
  IkeSecretBlob *bytes;
  int            fd;                          /* holds the lock, as long as it is open; -1: closed */
} QcdSecret;

/* Reads the secret of @path; when there is no such file it is made, with mode 0600 and @random.  FALSE with @error:
 * it cannot be read or made, others can read it, or another daemon that is running uses it. */
gboolean qcd_secret_open  (QcdSecret *secret, const char *path, const guint8 random[static 32], GError **error);
void     qcd_secret_close (QcdSecret *secret);
