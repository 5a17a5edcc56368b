// @modelcontextprotocol/client 2.x; job.mode is "legacy", "auto" or a revision to insist on.
import { job, require, tour } from "./tour.mjs";

const { Client, StreamableHTTPClientTransport, SSEClientTransport } = require("@modelcontextprotocol/client");
const { StdioClientTransport } = require("@modelcontextprotocol/client/stdio");

const transports = {
  stdio: (server) => new StdioClientTransport(server),
  http: (server) => new StreamableHTTPClientTransport(new URL(server.url)),
  sse: (server) => new SSEClientTransport(new URL(server.url)),
};
const mode = ["legacy", "auto"].includes(job.mode) ? job.mode : { pin: job.mode };

async function connect(server, answer) {
  const options = { capabilities: { elicitation: {} }, versionNegotiation: { mode } };
  const client = new Client({ name: "typescript-v2", version: "2" }, options);
  client.setRequestHandler("elicitation/create", async (request) => answer(request));
  await client.connect(transports[job.transport](server));
  return { client, revision: () => client.getNegotiatedProtocolVersion() };
}

// Two at once, each of which starts a short-lived sibling to find out the era: all of them must live.
const pair = await Promise.all([1, 2].map(() => connect(job.product, () => ({ action: "cancel" }))));
for (const lists of await Promise.all(pair.map(({ client }) => client.listTools()))) {
  if (!lists.tools.length) throw new Error("no tools for one of two");
}
await Promise.all(pair.map(({ client }) => client.close()));
await tour(connect);
