// The JavaScript SDK's side of the benchmark: sdk_peer.mjs MODULES calls|parallel|flows URL COUNT WIDTH
import { createRequire } from "node:module";

const [modules, mode, url, countText, widthText] = process.argv.slice(2);
const require = createRequire(modules + "/");
const sdk = require("@aws-sdk/client-connectparticipant");
const count = Number(countText), width = Number(widthText);
const client = new sdk.ConnectParticipantClient({
  region: "us-east-1", endpoint: url, credentials: { accessKeyId: "x", secretAccessKey: "x" },
});
const ConnectionToken = "benchmark-connection-token";
const body = Buffer.alloc(65536, "x");

const call = () => client.send(new sdk.StartAttachmentUploadCommand({
  ConnectionToken, AttachmentName: "invoice.pdf", AttachmentSizeInBytes: 65536,
  ContentType: "application/pdf",
}));

const flow = async () => {
  const started = await call();
  const { Url, HeadersToInclude } = started.UploadMetadata;
  const answer = await fetch(Url, { method: "PUT", headers: HeadersToInclude, body });
  await answer.arrayBuffer();
  await client.send(new sdk.CompleteAttachmentUploadCommand({
    ConnectionToken, AttachmentIds: [started.AttachmentId],
  }));
};

const wall = process.hrtime.bigint(), cpu = process.cpuUsage();
if (mode === "calls") {
  for (let index = 0; index < count; index++) await call();
} else {
  let left = count;
  const job = mode === "parallel" ? call : flow;
  await Promise.all(Array.from({ length: width }, async () => { while (left-- > 0) await job(); }));
}
const used = process.cpuUsage(cpu);
console.log(JSON.stringify({
  count, wall: Number(process.hrtime.bigint() - wall) / 1e9,
  cpu: (used.user + used.system) / 1e6, peak: process.resourceUsage().maxRSS,
}));
client.destroy();
