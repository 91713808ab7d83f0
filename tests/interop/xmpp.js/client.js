// A client for the interoperability tests, made of @xmpp/client: commands come as JSON lines on standard input, events go
// out as JSON lines. What the library does by itself (mechanism, resource, answers to pings) is left to it.
import { client, xml } from "@xmpp/client";
import { createInterface } from "node:readline";

const [service, domain, username, password, resource] = process.argv.slice(2);
const xmpp = client({ service, domain, username, password, resource });
xmpp.reconnect.stop();

function tell(event) {
  process.stdout.write(JSON.stringify(event) + "\n");
}

function subscriptionOf(item) {
  return { jid: item.attrs.jid, subscription: item.attrs.subscription, ask: item.attrs.ask ?? null };
}

xmpp.on("online", (jid) => tell({ event: "online", jid: jid.toString() }));
xmpp.on("disconnect", () => tell({ event: "offline" }));
xmpp.on("error", (error) => tell({ event: "error", text: String(error) }));
xmpp.on("stanza", (stanza) => {
  if (stanza.is("message")) {
    const delay = stanza.getChild("delay", "urn:xmpp:delay");
    tell({
      event: "message",
      from: stanza.attrs.from,
      id: stanza.attrs.id ?? null,
      type: stanza.attrs.type ?? "normal",
      body: stanza.getChildText("body"),
      delayed: delay !== undefined,
    });
  } else if (stanza.is("presence")) {
    tell({ event: "presence", from: stanza.attrs.from, type: stanza.attrs.type ?? "available" });
  }
});
xmpp.iqCallee.set("jabber:iq:roster", "query", (context) => {
  tell({ event: "push", items: context.element.getChildren("item").map(subscriptionOf) });
  return true;
});

const commands = {
  presence: ({ to, type }) => xmpp.send(xml("presence", { to, type })),
  message: ({ to, id, body }) => xmpp.send(xml("message", { to, id, type: "chat" }, xml("body", {}, body))),
  roster: async () => {
    const query = await xmpp.iqCaller.get(xml("query", "jabber:iq:roster"));
    tell({ event: "roster", items: query.getChildren("item").map(subscriptionOf) });
  },
  stop: () => xmpp.stop(),
};

createInterface({ input: process.stdin }).on("line", async (line) => {
  const command = JSON.parse(line);
  try {
    await commands[command.command](command);
  } catch (error) {
    tell({ event: "error", text: String(error) });
  }
});

xmpp.start().catch((error) => tell({ event: "error", text: String(error) }));
