/* SPDX-License-Identifier: Apache-2.0 */
/* resolve.c - host names to addresses, on the offload pool, because the system's resolver
 * blocks. */
#include "config.h"
#include <netdb.h>
#include <string.h>
#include "resolve.h"

enum { MAX_ADDRESSES = 32, COST_US = 1000000 };

typedef struct {
  char *name;
  guint8 family;
  char reason[256];
} Question;

static void
question_free (gpointer data)
{
  Question *question = data;
  g_free (question->name);
  g_free (question);
}

static gpointer
look_up (gpointer data, const char **error)
{
  Question *question = data;
  struct addrinfo hints = { .ai_family = question->family == 4   ? AF_INET
                                         : question->family == 6 ? AF_INET6
                                                                 : AF_UNSPEC,
                            .ai_socktype = SOCK_DGRAM };
  struct addrinfo *list = NULL;
  GArray *found = g_array_new (FALSE, TRUE, sizeof (IkeAddr));
  int code = getaddrinfo (question->name, NULL, &hints, &list);
  for (struct addrinfo *at = code == 0 ? list : NULL; at && found->len < MAX_ADDRESSES;
       at = at->ai_next) {
    IkeAddr addr;
    if (!ike_addr_from_sockaddr (&addr, at->ai_addr, at->ai_addrlen))
      continue;
    addr.port = 0;
    g_array_append_val (found, addr);
  }
  if (list)
    freeaddrinfo (list);
  if (found->len > 0)
    return found;
  g_array_unref (found);
  g_snprintf (question->reason, sizeof question->reason, "host name %s: %s", question->name,
              code ? gai_strerror (code) : "it has no address");
  *error = question->reason;
  return NULL;
}

/* A literal is answered at once.  A time-out or cancel of the call is the core's business: what
 * comes late is undone. */
void
resolve_name (IkeEngine *engine, IkeCall *call, const char *name, guint8 family)
{
  Question *question;
  IkeAddr literal;
  GArray *found;
  if (!ike_addr_parse (&literal, name, NULL)) {
    question = g_new0 (Question, 1);
    question->name = g_strdup (name);
    question->family = family;
    ike_call_run (call, engine, COST_US, look_up, question, question_free);
    return;
  }
  if (family != 0 && literal.family != family) {
    char reason[256];
    g_snprintf (reason, sizeof reason, "%s is no IPv%u address", name, family);
    ike_call_fail (call, reason);
    return;
  }
  found = g_array_new (FALSE, TRUE, sizeof (IkeAddr));
  g_array_append_val (found, literal);
  ike_call_answer (call, found);
}
