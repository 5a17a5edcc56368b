// @modelcontextprotocol/sdk 1.x
import { job, require, tour } from "./tour.mjs";

const { Client } = require("@modelcontextprotocol/sdk/client/index.js");
const { StdioClientTransport } = require("@modelcontextprotocol/sdk/client/stdio.js");
const { StreamableHTTPClientTransport } = require("@modelcontextprotocol/sdk/client/streamableHttp.js");
const { SSEClientTransport } = require("@modelcontextprotocol/sdk/client/sse.js");
const { ElicitRequestSchema } = require("@modelcontextprotocol/sdk/types.js");

const transports = {
  stdio: (server) => new StdioClientTransport(server),
  http: (server) => new StreamableHTTPClientTransport(new URL(server.url)),
  sse: (server) => new SSEClientTransport(new URL(server.url)),
};

await tour(async (server, answer) => {
  const client = new Client({ name: "typescript-v1", version: "1" }, { capabilities: { elicitation: {} } });
  client.setRequestHandler(ElicitRequestSchema, async (request) => answer(request));
  let revision;
  const transport = transports[job.transport](server);
  transport.setProtocolVersion = ((set) => (version) => { revision = version; set?.call(transport, version); })(transport.setProtocolVersion);
  await client.connect(transport);
  return { client, revision: () => revision };
});
