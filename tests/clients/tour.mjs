// What every client does with a server: list, call, call badly, read a resource, be asked and say yes, then no.
// Prints what it saw as one JSON document; the tests judge it.
import { createRequire } from "node:module";

/** The job, from the command line: {packages, transport, mode, product, fixture}; a server is {command, args, env} or {url}. */
export const job = JSON.parse(process.argv[2]);
export const require = createRequire(`${job.packages}/`);

const shown = (result) => result.content.map((block) => block.text ?? block.type).join("\n");

/** `connect(server, answer)` gives a connected client that answers every elicitation with `answer`, and its revision. */
export async function tour(connect) {
  const seen = {};
  const nobody = () => { throw new Error("nobody was to be asked"); };
  const { client, revision } = await connect(job.product, nobody);
  seen.revision = revision(client);
  seen.tools = (await client.listTools()).tools.map((tool) => tool.name);
  seen.called = shown(await client.callTool({ name: "read_file", arguments: { path: "README.md" } }));
  const refused = await client.callTool({ name: "read_file", arguments: { path: 7 } });
  seen.refused = { isError: refused.isError === true, text: shown(refused) };
  seen.resources = (await client.listResources()).resources.map((resource) => resource.uri);
  seen.read = (await client.readResource({ uri: job.resource })).contents[0].text;
  await client.close();
  const answers = { accepted: { action: "accept", content: { username: "ada", email: "ada@example.org" } }, declined: { action: "decline" } };
  for (const [name, answer] of Object.entries(answers)) {
    const { client } = await connect(job.fixture, () => answer);
    const result = await client.callTool({ name: "test_elicitation", arguments: { message: "Who are you?" } });
    seen[name] = { isError: result.isError === true, text: shown(result) };
    await client.close();
  }
  process.stdout.write(JSON.stringify(seen));
}
