/* The page to chat with, in a real browser that shows no window. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import puppeteer from "puppeteer-core";

const { CHROME_PATH, CLIENTS_KEY, CLIENTS_MODEL, CLIENTS_SCREENSHOT, CLIENTS_URL } = process.env;
const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
const folders = (process.env.PATH ?? "").split(path.delimiter);
const places = NAMES.flatMap((name) => folders.map((folder) => path.join(folder, name)));
const program = CHROME_PATH || places.find(existsSync);
const skip = program ? false : "neither Chromium nor Chrome is installed; CHROME_PATH may name one";

let browser, page;
const complaints = [];

const text = (id) => page.$eval(`#${id}`, (element) => element.textContent);
const number = async (id) => Number(await text(id));
const answers = () => page.$$eval(".assistant", (all) => all.map((one) => one.textContent));
const working = async () => (await (await fetch(`${CLIENTS_URL}/health`)).json()).requests;
/* Waits until so many answers stand there, and the last one is whole. */
const answered = (count) => page.waitForFunction((count) => {
  const idle = document.getElementById("send").textContent === "Send";
  return idle && document.querySelectorAll(".assistant").length === count;
}, {}, count);

const load = async () => {
  await page.goto(CLIENTS_URL);
  await page.$eval("#key", (input) => (input.value = ""));
  await page.type("#key", CLIENTS_KEY);
  await page.$eval("#key", (input) => input.dispatchEvent(new Event("change")));
  const found = (name) => document.getElementById("model").textContent === name;
  await page.waitForFunction(found, {}, CLIENTS_MODEL);
};
const send = async (message) => {
  await page.type("#prompt", message);
  await page.keyboard.press("Enter");
};

before(async () => {
  if (skip) return;
  // A container has no sandbox of its own to give, and the page comes from this machine.
  browser = await puppeteer.launch({ executablePath: program, args: ["--no-sandbox"] });
  page = await browser.newPage();
  await page.setViewport({ width: 900, height: 700 });
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("requestfailed", (request) => {
    if (!request.failure().errorText.includes("ABORTED")) complaints.push(request.url());
  });
});
after(async () => browser?.close());

test("the page loads, and names the model", { skip }, async () => {
  await load();
  assert.deepEqual(complaints, []);
});

test("an answer streams, with its figures", { skip }, async () => {
  await page.evaluate(() => {
    window.steps = 0;
    const count = new MutationObserver((changes) => (window.steps += changes.length));
    count.observe(document.getElementById("talk"), { childList: true, subtree: true });
  });
  const begun = performance.now();
  await send("Name three colours of the rainbow.");
  await answered(1);
  const seconds = (performance.now() - begun) / 1000;
  const steps = await page.evaluate(() => window.steps);
  assert.ok(steps > 3, `the answer changed ${steps} times`);
  const [tokens, first, rate] = [await number("tokens"), await number("ttft"), await number("rate")];
  assert.ok(tokens > 3 && first > 0 && first < 1000 * seconds, `${tokens} tokens, ${first} ms`);
  assert.ok(rate > (tokens - 1) / seconds && rate < 100000, `${rate} tokens/s`);
  await page.screenshot({ path: CLIENTS_SCREENSHOT });
});

test("a second message knows the first", { skip }, async () => {
  await send("And which of them do you like best?");
  await answered(2);
  const [first, second] = await answers();
  assert.ok(first && second);
});

test("stop frees the server", { skip }, async () => {
  await send("Write a very long story about the sea, with many chapters.");
  await page.waitForSelector("#send.busy");
  await page.waitForFunction(() => Number(document.getElementById("tokens").textContent) > 3);
  assert.equal(await working(), 1);
  await page.click("#send");
  await answered(3);
  for (let i = 0; i < 200 && (await working()) > 0; i++);
  assert.equal(await working(), 0);
  assert.ok((await answers()).at(-1));
});

test("a wrong key is told", { skip }, async () => {
  await page.type("#key", "x");
  await send("Hello?");
  await page.waitForSelector(".error");
  assert.match(await page.$eval(".error", (element) => element.textContent), /key/);
  await answered(3);
});

test("the page can be loaded again, and a new talk begun", { skip }, async () => {
  await load();
  assert.deepEqual(await answers(), []);
  await send("Say hello.");
  await answered(1);
  assert.equal((await answers()).length, 1);
  await page.click("#clear");
  assert.deepEqual(await answers(), []);
  assert.deepEqual(complaints, []);
});

test("the page fits a telephone", { skip }, async () => {
  await page.setViewport({ width: 360, height: 640 });
  await send("Say hello.");
  await answered(1);
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(overflow <= 0, `${overflow} pixels stand out`);
  await page.screenshot({ path: CLIENTS_SCREENSHOT.replace(/\.png$/, "-small.png") });
});
