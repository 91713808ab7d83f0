/* Namespaces, each with its source. One line a namespace; a feature's constants stand here even if only one file uses
 * them. */
#ifndef LINNET_NS_H
#define LINNET_NS_H

#include "lib/base/str.h"
#include "lib/xml/node.h"

/* The content namespace of the stream an element is on; as a literal: NS_CLIENT, NS_SERVER. */
#define NS_CONTENT XML_NS_CONTENT
#define NS_XML XML_NS_XML

#define NS_CLIENT STR("jabber:client") /* RFC 6120, 4.8.2 */
#define NS_SERVER STR("jabber:server") /* RFC 6120, 4.8.2 */
#define NS_STREAMS STR("http://etherx.jabber.org/streams") /* RFC 6120, 4.8.1 */
#define NS_FRAMING STR("urn:ietf:params:xml:ns:xmpp-framing") /* RFC 7395, 3.3 */
#define NS_TLS STR("urn:ietf:params:xml:ns:xmpp-tls") /* RFC 6120, 5 */
#define NS_SASL STR("urn:ietf:params:xml:ns:xmpp-sasl") /* RFC 6120, 6 */
#define NS_SASL2 STR("urn:xmpp:sasl:2") /* XEP-0388 */
#define NS_BIND2 STR("urn:xmpp:bind:0") /* XEP-0386 */
#define NS_FAST STR("urn:xmpp:fast:0") /* XEP-0484 */
#define NS_CHANNEL_BINDING STR("urn:xmpp:sasl-cb:0") /* XEP-0440 */
#define NS_UPGRADE STR("urn:xmpp:sasl:upgrade:0") /* XEP-0480 */
#define NS_SCRAM_UPGRADE STR("urn:xmpp:scram-upgrade:0") /* XEP-0480 */
#define NS_IAP STR("urn:xmpp:iap:0") /* XEP-0509 */
#define NS_STREAM_LIMITS STR("urn:xmpp:stream-limits:0") /* XEP-0478 */
#define NS_BIND STR("urn:ietf:params:xml:ns:xmpp-bind") /* RFC 6120, 7 */
#define NS_SESSION STR("urn:ietf:params:xml:ns:xmpp-session") /* RFC 3921, 3 */
#define NS_STREAM_ERRORS STR("urn:ietf:params:xml:ns:xmpp-streams") /* RFC 6120, 4.9.2 */
#define NS_STANZA_ERRORS STR("urn:ietf:params:xml:ns:xmpp-stanzas") /* RFC 6120, 8.3.2 */
#define NS_ROSTER STR("jabber:iq:roster") /* RFC 6121, 2 */
#define NS_DISCO_INFO STR("http://jabber.org/protocol/disco#info") /* XEP-0030 */
#define NS_DISCO_ITEMS STR("http://jabber.org/protocol/disco#items") /* XEP-0030 */
#define NS_CHAT_STATES STR("http://jabber.org/protocol/chatstates") /* XEP-0085 */
#define NS_HINTS STR("urn:xmpp:hints") /* XEP-0334 */
#define NS_PING STR("urn:xmpp:ping") /* XEP-0199 */
#define NS_STANZA_ID STR("urn:xmpp:sid:0") /* XEP-0359 */
#define NS_DELAY STR("urn:xmpp:delay") /* XEP-0203 */
#define NS_CARBONS STR("urn:xmpp:carbons:2") /* XEP-0280 */

#endif
