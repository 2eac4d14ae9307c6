/* SPDX-License-Identifier: Apache-2.0 */
/* eap.h - methods of the Extensible Authentication Protocol (RFC 3748): the kinds `eap-server` and `eap-peer`.
 *
 * A method is one conversation on one loop: it is given whole EAP packets and answers each with the next one.  Who runs
 * it is its host: `auth:eap` in IKE_AUTH, a method that tunnels another, a RADIUS front end.  The host answers
 * EAP-Identity by the methods of type 1, sends EAP-Success and EAP-Failure, checks codes, lengths and identifiers, and
 * repeats packets; a method sees no packet twice. */
#pragma once
#include <ikebana/plugin.h>
#include <ikebana/sa.h>

IKE_BEGIN_DECLS

enum { IKE_EAP_CODE_REQUEST = 1, IKE_EAP_CODE_RESPONSE, IKE_EAP_CODE_SUCCESS, IKE_EAP_CODE_FAILURE };
enum { IKE_EAP_TYPE_IDENTITY = 1, IKE_EAP_TYPE_NOTIFICATION = 2, IKE_EAP_TYPE_NAK = 3, IKE_EAP_TYPE_MD5 = 4,
       IKE_EAP_TYPE_GTC = 6, IKE_EAP_TYPE_TLS = 13, IKE_EAP_TYPE_SIM = 18, IKE_EAP_TYPE_TTLS = 21,
       IKE_EAP_TYPE_AKA = 23,
       IKE_EAP_TYPE_PEAP = 25, IKE_EAP_TYPE_MSCHAPV2 = 26, IKE_EAP_TYPE_AKA_PRIME = 50, IKE_EAP_TYPE_EXPANDED = 254 };
/* Code, identifier, length; a packet; what an identity, an MSK may have; turns before a conversation is given up. */
enum { IKE_EAP_HEADER_LEN = 4, IKE_EAP_PACKET_MAX = 16384, IKE_EAP_IDENTITY_MAX = 253, IKE_EAP_MSK_MIN = 64,
       IKE_EAP_TURNS_MAX = 128 };

/* Where a conversation happens.  The host's, unchanged and there for as long as the method's state; a method that hosts
 * another makes one of its own from it. */
typedef struct {
  guint32            struct_size;
  IkeEngine         *engine;
  IkeLoop           *loop;                    /* everything of the conversation runs here */
  IkeSa             *sa;                      /* NULL: not in IKE_AUTH.  Gone when the method was told to end */
  const IkeAuthConf *conf;                    /* the section local* or remote* that asks for it; NULL: none */
  const char        *conn;                    /* name of the connection, for people; NULL: none */
  const IkeIdent    *identity;                /* server: who the peer says to be (EAP-Identity, else IDi); peer: who we
                                               * are (eap_id, else id); may be NULL for methods of type 1 */
  const IkeIdent    *other;                   /* peer: whom the AAA server's certificate must stand for (aaa_id, else
                                               * the id of the remote section); server: our IDr; NULL: anybody */
  guint32            mtu;                     /* bytes that an EAP packet shall not exceed (TLS fragments); 0: 1024 */
  guint32            depth;                   /* 0: outermost; a method inside another one's tunnel: 1 */
} IkeEapContext;

typedef enum {
  IKE_EAP_MORE,                               /* the peer is to answer @packet; peer: @packet is our answer */
  IKE_EAP_DONE,                               /* server: it is who it says to be; peer: we are content */
  IKE_EAP_FAILED,                             /* with @reason */
} IkeEapOutcome;

/* What a turn came to.  g_malloc'd, its parts too; see ike_eap_step_free(). */
typedef struct {
  guint32        struct_size;
  guint8         outcome;                     /* IkeEapOutcome */
  guint8        *packet;                      /* a whole EAP packet; NULL where none is to be sent */
  gsize          len;
  IkeSecretBlob *msk;                         /* DONE: RFC 3748, 7.10; NULL: the method makes no key */
  IkeIdent      *identity;                    /* DONE: whom the method proved, where that is another than was said */
  char          *reason;                      /* FAILED: for people; the peer hears EAP-Failure only.  MORE: why it
                                               * will fail, in case that the other end goes without another word */
  char         **groups;                      /* DONE: groups that the server's side knows the peer to be in; or NULL */
} IkeEapStep;

static inline void
ike_eap_step_free (gpointer step_or_null)
{
  IkeEapStep *step = (IkeEapStep *) step_or_null;

  if (!step)
    return;
  if (step->packet)
    ike_wipe (step->packet, step->len);       /* it may be a password */
  g_free (step->packet);
  ike_secret_blob_unref (step->msk);
  ike_ident_unref (step->identity);
  g_free (step->reason);
  g_strfreev (step->groups);
  g_free (step);
}

enum {
  IKE_EAP_MAKES_MSK = 1 << 0,
  IKE_EAP_IS_RELAY = 1 << 1,                  /* server: somebody else's whole conversation, from EAP-Identity to
                                               * EAP-Success or -Failure, which are in its steps */
  IKE_EAP_IS_MUTUAL = 1 << 2,                 /* fit for EAP-only authentication (RFC 5998, 4) */
  IKE_EAP_NEEDS_TUNNEL = 1 << 3,              /* shows a password in the clear: inside a tunnel, or in IKE_AUTH when the
                                               * gateway was authenticated before */
  IKE_EAP_CHOOSES = 1 << 4,                   /* server: has no type of its own, and is given what a peer NAKs */
};

/* Kinds `eap-server` and `eap-peer`, named as in `auth = eap-NAME`: `eap-server:mschapv2`. */
typedef struct {
  guint32    struct_size;
  guint8     type;                            /* of EAP; 0: of its own choice (relay, CHOOSES) */
  guint32    flags;                           /* IKE_EAP_… */
  /* The state of a new conversation, or NULL with @why (g_free). @context stays the host's, see there. */
  gpointer (*begin) (IkePlugin *self, const IkeEapContext *context, char **why);
  /* One turn, one at a time.  Server: @packet is the peer's response (NULL: make the first request; a relay gets the
   * response to EAP-Identity first), and what it makes has @identifier.  Peer: @packet is the request, whose
   * identifier the answer bears.  @packet is valid until @call is answered.  Answers with an IkeEapStep, by itself
   * also when it was told to end meanwhile; what is malformed is FAILED, and the call fails only where the method
   * itself cannot go on (no memory, a library), with a reason for people. */
  void     (*step)  (gpointer state, IkeCall *call, const guint8 *packet, gsize len, guint8 identifier);
  /* The conversation is over, maybe in the middle of a turn: the state goes, if need be when that turn is answered.
   * From then on the context is gone. */
  void     (*end)   (gpointer state);
  /* May be NULL.  Control, while a configuration is built: "KEY: sentence", as of IkeAuthClass.check. */
  void     (*check) (IkePlugin *self, const IkeAuthConf *conf, GPtrArray *problems);
} IkeEapClass;

/* Emitted on the SA's shard when the peer has authenticated itself by EAP, before AUTH is: REJECT with a static @reason
 * refuses it. */
typedef struct {
  guint32         struct_size;
  const char     *method;                     /* "mschapv2" */
  const IkeIdent *identity;                   /* as proven */
  const char     *reason;
} IkeEapEvent;
IKE_DECLARE_HOOK (eap_done, "eap-done", IkeEapEvent);

IKE_END_DECLS
