/* SPDX-License-Identifier: Apache-2.0 */
/* conversation.c - see conversation.h. */
#include <ikebana/model.h>
#include <ikebana/reader.h>
#include "conversation.h"

enum { TURN_MS = 10000 };

struct _Conversation {
  const Methods *methods;
  IkeLoop *loop;
  void (*said) (gpointer data, const Saying *saying);
  gpointer data;
  const IkeProvided *method; /* that is running */
  gpointer state;            /* of it */
  IkeEapContext context;
  IkeIdent *identity;                /* as the peer said it */
  IkeCall *call;                     /* a turn that has no answer yet */
  guint8 packet[IKE_EAP_PACKET_MAX]; /* of the peer: what the turn is about */
  gsize len;
  guint8 identifier;    /* of the last request; that of the next is one more */
  guint n_turns, tried; /* tried: one bit for each method */
};

/* -- what is said */

static void
say (Conversation *c, const Saying *saying)
{
  c->said (c->data, saying);
}

/* RFC 3748, 4.2: the Identifier field [of Success and Failure] MUST match the Identifier field of
 * the Response packet that it is sent in response to. */
static void
say_end (Conversation *c, Saying *saying)
{
  guint8 packet[IKE_EAP_HEADER_LEN] = { saying->outcome == IKE_EAP_DONE ? IKE_EAP_CODE_SUCCESS
                                                                        : IKE_EAP_CODE_FAILURE,
                                        c->identifier, 0, IKE_EAP_HEADER_LEN };

  saying->packet = packet;
  saying->len = sizeof packet;
  say (c, saying);
}

static void
refuse (Conversation *c, const char *reason)
{
  say_end (c, &(Saying){ .outcome = IKE_EAP_FAILED, .reason = reason });
}

/* -- methods */

static const IkeEapClass *
class_of (const IkeProvided *method)
{
  return method->ops;
}

static void
end_method (Conversation *c)
{
  if (c->state)
    class_of (c->method)->end (c->state);
  c->state = NULL;
}

static void turn (Conversation *c, const guint8 *packet, gsize len);

static void
begin_method (Conversation *c, const IkeProvided *method)
{
  g_autofree char *why = NULL;

  end_method (c);
  c->method = method;
  c->context.identity = c->identity;
  c->state = class_of (method)->begin (method->plugin, &c->context, &why);
  if (c->state)
    turn (c, NULL, 0);
  else
    refuse (c, why);
}

static void
begin_nth (Conversation *c, guint i)
{
  c->tried |= 1u << i;
  begin_method (c, c->methods->methods[i]);
}

/* RFC 3748, 5.3.1: the Type-Data field of the Nak Response (Type 3) MUST contain one or more octets
 * indicating the desired authentication Type(s). */
static void
choose_of_nak (Conversation *c, const guint8 *types, gsize n)
{
  for (gsize k = 0; k < n; k++)
    for (guint i = 0; i < c->methods->n_methods; i++)
      if (types[k] != 0 && class_of (c->methods->methods[i])->type == types[k]
          && !(c->tried & 1u << i)) {
        begin_nth (c, i);
        return;
      }
  refuse (c, "the peer wants none of our methods");
}

/* -- turns */

static void
done (Conversation *c, IkeEapStep *step)
{
  Saying saying = { .outcome = IKE_EAP_DONE,
                    .msk = step->msk,
                    .groups = (const char *const *) step->groups };

  saying.identity = step->identity ? step->identity : c->identity;
  say_end (c, &saying);
}

static void
more (Conversation *c, const IkeEapStep *step)
{
  c->identifier++;
  if (c->method == c->methods->identity && c->n_turns == 1)
    turn (c, c->packet, c->len); /* this request was sent by whoever carries EAP */
  else
    say (c, &(Saying){ .outcome = IKE_EAP_MORE, .packet = step->packet, .len = step->len });
}

static void
identified (Conversation *c, IkeEapStep *step)
{
  c->identity = g_steal_pointer (&step->identity);
  if (c->identity)
    begin_nth (c, 0);
  else
    refuse (c, "the peer has no identity");
}

static void
stepped (gpointer owner, gpointer data, gpointer result, const char *error)
{
  Conversation *c = owner;
  IkeEapStep *step = result;

  c->call = NULL;
  if (!step)
    refuse (c, error);
  else if (step->outcome == IKE_EAP_MORE)
    more (c, step);
  else if (step->outcome == IKE_EAP_FAILED)
    refuse (c, step->reason);
  else if (c->method == c->methods->identity)
    identified (c, step);
  else
    done (c, step);
  ike_eap_step_free (step);
}

static const IkeCallClass call_class = {
  .struct_size = sizeof call_class,
  .name = "EAP turn",
  .timeout_ms = TURN_MS,
  .then = stepped,
  .undo = ike_eap_step_free,
};

static void
turn (Conversation *c, const guint8 *packet, gsize len)
{
  c->n_turns++;
  c->call = ike_loop_call (c->loop, &call_class, c, NULL);
  class_of (c->method)->step (c->state, c->call, packet, len, (guint8) (c->identifier + 1));
}

Conversation *
conversation_new (const Methods *methods, IkeLoop *loop,
                  void (*said) (gpointer data, const Saying *saying), gpointer data)
{
  Conversation *c = g_new0 (Conversation, 1);

  c->methods = methods;
  c->loop = loop;
  c->said = said;
  c->data = data;
  c->context = (IkeEapContext){ .struct_size = sizeof c->context,
                                .engine = methods->engine,
                                .loop = loop,
                                .conf = methods->conf,
                                .conn = methods->conf ? "front" : NULL };
  return c;
}

/* The host's checks (RFC 3748, 4): a response, as long as it says, to the last request. */
static gboolean
is_answer (const Conversation *c, const guint8 *packet, gsize len)
{
  return len > IKE_EAP_HEADER_LEN && len <= sizeof c->packet && packet[0] == IKE_EAP_CODE_RESPONSE
         && (gsize) (packet[2] << 8 | packet[3]) == len
         && (!c->method || packet[1] == c->identifier);
}

gboolean
conversation_hear (Conversation *c, const guint8 *packet, gsize len)
{
  if (c->call || !is_answer (c, packet, len))
    return FALSE;
  memcpy (c->packet, packet, len);
  c->len = len;
  if (!c->method) {
    c->identifier = (guint8) (packet[1] - 1);
    begin_method (c, c->methods->identity);
  } else if (c->n_turns >= IKE_EAP_TURNS_MAX) {
    refuse (c, "too many turns");
  } else if (packet[IKE_EAP_HEADER_LEN] == IKE_EAP_TYPE_NAK
             && !(class_of (c->method)->flags & IKE_EAP_CHOOSES)) {
    choose_of_nak (c, c->packet + IKE_EAP_HEADER_LEN + 1, len - IKE_EAP_HEADER_LEN - 1);
  } else {
    turn (c, c->packet, c->len);
  }
  return TRUE;
}

void
conversation_free (Conversation *c)
{
  if (!c)
    return;
  if (c->call)
    ike_call_cancel (c->call);
  end_method (c);
  ike_ident_unref (c->identity);
  g_free (c);
}
