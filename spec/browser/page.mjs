// page.mjs URL DIRECTORY [SCREENSHOT]: uses the page of the gateway's example like a person.
import { createHash, randomBytes } from "node:crypto";
import { createRequire } from "node:module";
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const require = createRequire(join(process.cwd(), "build/browser/"));
const puppeteer = require("puppeteer-core");
const [url, directory, screenshot] = process.argv.slice(2);

const sha = (bytes) => createHash("sha256").update(bytes).digest("hex");
const made = { "small.txt": 1000, "日本.pdf": 300000, "large.bin": 50000000 };
const sums = {};
for (const [name, size] of Object.entries(made)) {
  const bytes = randomBytes(size);
  sums[name] = sha(bytes);
  writeFileSync(join(directory, name), bytes);
}
const paths = Object.keys(made).map((name) => join(directory, name));

let passed = 0, failed = 0;
async function it(what, check) {
  try {
    await check();
    passed++;
  } catch (problem) {
    failed++;
    console.log(`${what}: ${problem.message}`);
  }
}
function equal(wanted, found, what) {
  if (wanted !== found) throw new Error(`${what}: ${found}, not ${wanted}`);
}

const saved = mkdtempSync(join(directory, "saved"));
const browser = await puppeteer.launch({
  executablePath: process.env.CHROMIUM || "/usr/bin/chromium", acceptInsecureCerts: true,
  args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-quic"],
});

async function open() {
  const page = await browser.newPage();
  await page.setViewport({ width: 420, height: 900 });
  const errors = [];
  page.on("pageerror", (problem) => errors.push(problem.message));
  await page.goto(url);
  return { page, errors };
}

const choose = async (page, ...files) => (await page.$("#files")).uploadFile(...files);
const state = (name) => {
  const entry = [...document.querySelectorAll("li")]
    .find((each) => each.querySelector(".name").textContent === name);
  return entry ? entry.querySelector(".state").textContent : "";
};
const reach = (page, name, words) => page.waitForFunction(
  `(${state})(${JSON.stringify(name)}).startsWith(${JSON.stringify(words)})`, { timeout: 60000 });
const click = (page, name, button) => page.evaluate((wanted, which) => {
  [...document.querySelectorAll("li")]
    .find((each) => each.querySelector(".name").textContent === wanted)
    .querySelector(which).click();
}, name, button);

const { page, errors } = await open();
await it("uploads three files, and says that the scan was good", async () => {
  await page.evaluate(() => {
    window.seen = [];
    const upload = XMLHttpRequest.prototype.send;
    XMLHttpRequest.prototype.send = function (body) {
      this.upload.addEventListener("progress", ({ loaded }) => window.seen.push(loaded));
      return upload.call(this, body);
    };
  });
  await choose(page, ...paths);
  for (const name of Object.keys(made)) await reach(page, name, "Sent, and found clean");
  const seen = await page.evaluate(() => window.seen);
  if (seen.length < 4) throw new Error(`progress was told ${seen.length} times`);
});
if (screenshot) await page.screenshot({ path: screenshot });

await it("speaks HTTP/2 where it is there", async () => {
  const protocol = await page.evaluate(() =>
    performance.getEntriesByType("resource").pop().nextHopProtocol);
  equal(url.startsWith("https") ? "h2" : "http/1.1", protocol, "the protocol");
});

await it("brings each back as it was", async () => {
  const session = await page.createCDPSession();
  await session.send("Browser.setDownloadBehavior",
    { behavior: "allow", downloadPath: saved, eventsEnabled: true });
  for (const name of Object.keys(made)) {
    const ended = new Promise((resolve, reject) => {
      session.on("Browser.downloadProgress", ({ state: now }) => {
        if (now === "completed") resolve();
        if (now === "canceled") reject(new Error("the download was cancelled"));
      });
    });
    await click(page, name, ".fetch");
    await ended;
    session.removeAllListeners("Browser.downloadProgress");
    equal(sums[name], sha(readFileSync(join(saved, name))), name);
  }
  equal(Object.keys(made).sort().join(), readdirSync(saved).sort().join(), "the files");
});

await it("cancels one, and says so", async () => {
  const session = await page.createCDPSession();
  await session.send("Network.enable");
  await session.send("Network.emulateNetworkConditions",
    { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: 500000 });
  await page.evaluate(() => { document.querySelector("#list").textContent = ""; });
  await choose(page, join(directory, "large.bin"));
  await page.waitForFunction(() => document.querySelector("progress").value > 0);
  await click(page, "large.bin", ".cancel");
  await reach(page, "large.bin", "Cancelled.");
});

await it("leaves in the middle, and the next one is served", async () => {
  await choose(page, join(directory, "large.bin"));
  await page.waitForFunction(() => document.querySelector("progress").value > 0);
  await page.close();
  const next = await open();
  await choose(next.page, join(directory, "small.txt"));
  await reach(next.page, "small.txt", "Sent, and found clean");
  await next.page.close();
});

await it("says in words what is wrong", async () => {
  const other = await browser.newPage();
  await other.goto(url.replace(/#.*/, "#nonsense"));
  await choose(other, join(directory, "small.txt"));
  await reach(other, "small.txt", "The chat has ended");
  await other.close();
});

await it("raises nothing", async () => equal("", errors.join("; "), "errors"));

await browser.close();
rmSync(saved, { recursive: true });
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);
