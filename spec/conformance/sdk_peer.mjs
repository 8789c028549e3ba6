// Sends the cases it reads from standard input with AWS's SDK for JavaScript; a result a line.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const require = createRequire(process.argv[2] + "/");
const sdk = require("@aws-sdk/client-connectparticipant");
const given = JSON.parse(readFileSync(0, "utf8"));
const client = new sdk.ConnectParticipantClient({
  region: "us-east-1", endpoint: given.endpoint, maxAttempts: 1,
  credentials: { accessKeyId: "x", secretAccessKey: "x" },
});
for (const item of given.cases) {
  const Command = sdk[item.operation + "Command"];
  try {
    const result = await client.send(new Command(item.params));
    delete result.$metadata;
    console.log(JSON.stringify({ result }));
  } catch (error) {
    console.log(JSON.stringify({ code: error.name, status: error.$metadata?.httpStatusCode }));
  }
}
client.destroy();
