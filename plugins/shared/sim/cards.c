/* SPDX-License-Identifier: Apache-2.0 */
/* cards.c - asks those who know cards, one after the other.
 *
 * RFC 4186, 4.2.1.6: a permanent username is the IMSI with a digit before it that says for which
 * method; or what else the operator calls the card.  So the name without that digit is asked for
 * first, then the whole of it. */
#include "method.h"

enum { ASK_TIMEOUT_MS = 10000 };

static void ask_next (SimTalk *talk);

static void
told (gpointer owner, gpointer data, gpointer result, const char *error)
{
  SimTalk *talk = owner;

  talk->asking = NULL;
  if (result || error) {
    talk->then (talk, result, error);
    return;
  }
  talk->source++;
  ask_next (talk);
}

static const IkeCallClass triplets_call = { .struct_size = sizeof triplets_call,
                                            .name = "sim-triplets",
                                            .timeout_ms = ASK_TIMEOUT_MS,
                                            .then = told,
                                            .undo = ike_sim_triplets_free };
static const IkeCallClass quintuplet_call = { .struct_size = sizeof quintuplet_call,
                                              .name = "sim-quintuplet",
                                              .timeout_ms = ASK_TIMEOUT_MS,
                                              .then = told,
                                              .undo = ike_sim_quintuplet_free };

typedef void (*Ask) (IkePlugin *self, const IkeSimQuery *query, IkeCall *call);

static Ask
ask_of (const IkeSimClass *klass, SimQuestion question)
{
  switch (question) {
  case SIM_ASK_TRIPLETS:
    return klass->triplets;
  case SIM_ASK_QUINTUPLET:
    return klass->quintuplet;
  case SIM_ASK_GSM:
    return klass->run_gsm;
  default:
    return klass->run_aka;
  }
}

/* The next source that has this function, asked for the next name. */
static void
ask_next (SimTalk *talk)
{
  gboolean is_gsm = talk->question == SIM_ASK_TRIPLETS || talk->question == SIM_ASK_GSM;
  guint n;
  const IkeProvided *const *sources = ike_feature_list (talk->context->engine, "sim", &n);

  for (; talk->card[0]; talk->skip = 0, talk->source = 0) {
    for (; talk->source < n; talk->source++) {
      const IkeProvided *source = sources[talk->source];
      Ask ask = ask_of (source->ops, talk->question);

      if (!ask)
        continue;
      talk->query.card = talk->card + talk->skip;
      talk->asking = ike_loop_call (talk->context->loop, is_gsm ? &triplets_call : &quintuplet_call,
                                    talk, NULL);
      ask (source->plugin, &talk->query, talk->asking);
      return;
    }
    if (!talk->skip)
      break;
  }
  talk->then (talk, NULL, NULL);
}

void
sim_talk_ask (SimTalk *talk, SimQuestion question, const IkeSimQuery *query, SimThen then)
{
  const char *card = talk->card;
  g_autofree char *refusal = talk->klass->is_server ? sim_refuse_realm (talk) : NULL;

  if (refusal) {
    sim_talk_fail (talk, "%s", refusal);
    return;
  }
  talk->question = question;
  talk->query = *query;
  talk->query.struct_size = sizeof talk->query;
  talk->then = then;
  talk->source = 0;
  talk->skip = (card[0] == '0' || card[0] == '1' || card[0] == '6') && card[1] ? 1 : 0;
  ask_next (talk);
}
