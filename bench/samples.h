/* What the XML benchmarks read and write: stanzas as they are on real streams, small, middling and large. */
#ifndef LINNET_BENCH_SAMPLES_H
#define LINNET_BENCH_SAMPLES_H

#include "lib/base/buf.h"
#include "lib/base/macros.h"
#include "lib/xml/xml.h"

#define SAMPLE_STREAM                                                                                                  \
	"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>"

static const struct xml_declaration sample_declarations[] = {
	{ STR_INIT(""), STR_INIT("jabber:client") },
	{ STR_INIT("stream"), STR_INIT("http://etherx.jabber.org/streams") },
};

static const struct xml_scope sample_scope = {
	.declarations = sample_declarations,
	.count = ARRAY_LEN(sample_declarations),
	.content = STR_INIT("jabber:client"),
};

static const struct str sample_forbidden[] = {
	STR_INIT("http://etherx.jabber.org/streams"),
	STR_INIT("urn:ietf:params:xml:ns:xmpp-framing"),
};

static const struct xml_rules sample_rules = {
	.forbidden_namespaces = sample_forbidden,
	.forbidden_count = ARRAY_LEN(sample_forbidden),
	.forbidden_prefix = STR_INIT("stream"),
};

/* As for an authenticated client (docs/SECURITY.md, P3). */
static const struct xml_limits sample_limits = {
	.bytes = 256 << 10,
	.depth = 64,
	.elements = 16384,
	.attributes = 64,
	.declarations = 128,
	.name_bytes = 256,
	.uri_bytes = 1024,
	.value_bytes = 64 << 10,
};

struct sample {
	const char *name;
	struct buf bytes;
};

enum { SAMPLE_MESSAGE, SAMPLE_PRESENCE, SAMPLE_ITEM, SAMPLE_COUNT };

static inline void sample_add_message(struct buf *b)
{
	buf_lit(b, "<message from='romeo@example.net/orchard' to='juliet@im.example.com/balcony' type='chat' "
		   "id='ktx72v49'>"
		   "<body>Art thou not Romeo, and a Montague?</body><active "
		   "xmlns='http://jabber.org/protocol/chatstates'/>"
		   "<request xmlns='urn:xmpp:receipts'/><origin-id xmlns='urn:xmpp:sid:0' "
		   "id='de305d54-75b4-431b'/></message>");
}

/* As a client sends it to a room, and the room to all: capabilities, an avatar's hash, status, and the item. */
static inline void sample_add_presence(struct buf *b)
{
	buf_lit(b, "<presence from='coven@chat.example.com/thirdwitch' to='hag66@example.com/pda' id='n13mt3l' "
		   "xml:lang='en'>\n"
		   "  <show>away</show>\n  <status>brewing something &amp; waiting for the others</status>\n"
		   "  <priority>5</priority>\n");
	for (int i = 0; i < 6; i++)
		buf_printf(b,
			"  <c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='https://c.example.org/%d' "
			"ver='QgayPKawpkPSDYmwT/WM94uAlu0='/>\n"
			"  <x xmlns='vcard-temp:x:update'><photo>0e1b35a8f2f6a4ab2a0e4d7f0a6d7d%02d</photo></x>\n",
			i, i);
	buf_lit(b, "  <x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='member' "
		   "jid='hag66@example.com/pda' role='participant'/><status code='110'/><status code='100'/></x>\n"
		   "  <idle xmlns='urn:xmpp:idle:1' since='2024-05-11T12:30:07Z'/>\n"
		   "  <occupant-id xmlns='urn:xmpp:occupant-id:0' id='dd72603deec90a38ba552f7c68cbcc61bca202cd'/>\n");
	while (buf_len(b) < 2030)
		buf_lit(b, " ");
	buf_lit(b, "</presence>");
}

/* A picture in base64, and some elements around it. */
static inline void sample_add_item(struct buf *b)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	buf_lit(b, "<message from='juliet@capulet.example' to='romeo@montague.example' type='headline'>"
		   "<event xmlns='http://jabber.org/protocol/pubsub#event'><items node='urn:xmpp:avatar:data'>"
		   "<item id='111f4b3c50d7b0df729d299bc6f8e9ef9066971f'><data xmlns='urn:xmpp:avatar:data'>");
	for (unsigned i = 0; i < 60000; i++)
		buf_add_byte(b, digits[(i * 2654435761u) >> 26]);
	buf_lit(b, "</data></item></items></event></message>");
}

static inline void samples_init(struct sample samples[SAMPLE_COUNT])
{
	static const char *const names[] = { "message", "presence", "pubsub item" };
	for (int i = 0; i < SAMPLE_COUNT; i++) {
		samples[i].name = names[i];
		buf_init(&samples[i].bytes, 1 << 20);
	}
	sample_add_message(&samples[SAMPLE_MESSAGE].bytes);
	sample_add_presence(&samples[SAMPLE_PRESENCE].bytes);
	sample_add_item(&samples[SAMPLE_ITEM].bytes);
}

static inline void samples_fini(struct sample samples[SAMPLE_COUNT])
{
	for (int i = 0; i < SAMPLE_COUNT; i++)
		buf_fini(&samples[i].bytes);
}

#endif
