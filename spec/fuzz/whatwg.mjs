// Reads URLs, one a line of JSON, and tells the scheme, host and port that the WHATWG's rules find.
import { createInterface } from "node:readline";

for await (const line of createInterface({ input: process.stdin })) {
  try {
    const url = new URL(JSON.parse(line));
    console.log(url.protocol, url.hostname, url.port || "-", url.username || "-");
  } catch {
    console.log("none");
  }
}
