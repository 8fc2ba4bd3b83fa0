/* OpenAI's own Node library: what its users do with chats, and with plain completions. */
import assert from "node:assert/strict";
import test from "node:test";
import OpenAI from "openai";
import { zodResponseFormat } from "openai/helpers/zod";
import { z } from "zod";

const { CLIENTS_URL, CLIENTS_KEY, CLIENTS_MODEL } = process.env;
const options = { baseURL: `${CLIENTS_URL}/v1`, apiKey: CLIENTS_KEY, maxRetries: 0 };
const client = new OpenAI(options);
const chats = client.chat.completions;

const messages = [{ role: "user", content: "Say hello." }];
const greedy = { model: CLIENTS_MODEL, messages, temperature: 0, max_tokens: 24 };
const parameters = {
  type: "object",
  properties: { city: { type: "string", maxLength: 12 } },
  required: ["city"],
};
const tools = [{ type: "function", function: { name: "get_weather", parameters } }];
const forced = { ...greedy, max_tokens: 64, tools, tool_choice: "required" };

const gather = async (stream) => {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
};
const joined = (chunks) => chunks.map((chunk) => chunk.choices[0]?.delta.content ?? "").join("");

test("models are listed", async () => {
  assert.equal((await client.models.list()).data[0].id, CLIENTS_MODEL);
});

test("a chat streams what it says at once", async () => {
  const whole = await chats.create(greedy);
  const chunks = await gather(await chats.create({ ...greedy, stream: true }));
  assert.equal(joined(chunks), whole.choices[0].message.content);
  assert.ok(chunks.length > 2);
  assert.ok(["stop", "length"].includes(chunks.at(-1).choices[0].finish_reason));
  assert.equal(whole.usage.total_tokens, whole.usage.prompt_tokens + whole.usage.completion_tokens);
});

test("usage in a stream", async () => {
  const asked = { ...greedy, stream: true, stream_options: { include_usage: true } };
  const last = (await gather(await chats.create(asked))).at(-1);
  assert.deepEqual(last.choices, []);
  assert.ok(last.usage.completion_tokens > 0);
});

test("n, and a seed", async () => {
  const hot = { ...greedy, temperature: 1, seed: 1, n: 2 };
  const texts = (answer) => answer.choices.map((choice) => choice.message.content);
  const first = texts(await chats.create(hot));
  assert.deepEqual(first, texts(await chats.create(hot)));
  assert.notEqual(first[0], first[1]);
});

test("stop", async () => {
  const count = { ...greedy, messages: [{ role: "user", content: "Count from one: 1, 2, 3" }] };
  const whole = (await chats.create(count)).choices[0].message.content;
  const word = whole.split(/\s+/)[1];
  const choice = (await chats.create({ ...count, stop: word })).choices[0];
  assert.equal(choice.finish_reason, "stop");
  assert.equal(choice.message.content, whole.slice(0, whole.indexOf(word)));
});

test("logprobs", async () => {
  const answer = await chats.create({ ...greedy, logprobs: true, top_logprobs: 2 });
  for (const token of answer.choices[0].logprobs.content) {
    assert.ok(token.logprob <= 0);
    assert.equal(token.top_logprobs.length, 2);
  }
});

test("a JSON schema from zod", async () => {
  const format = zodResponseFormat(z.object({ on: z.boolean() }), "light");
  const answer = await chats.parse({ ...greedy, response_format: format });
  assert.equal(typeof answer.choices[0].message.parsed.on, "boolean");
});

test("a tool is called", async () => {
  const [call] = (await chats.create(forced)).choices[0].message.tool_calls;
  assert.equal(call.function.name, "get_weather");
  assert.deepEqual(Object.keys(JSON.parse(call.function.arguments)), ["city"]);
});

test("a tool call streams its arguments", async () => {
  const stream = chats.stream(forced);
  const parts = [];
  stream.on("tool_calls.function.arguments.delta", (event) => parts.push(event.arguments_delta));
  const [call] = (await stream.finalChatCompletion()).choices[0].message.tool_calls;
  assert.equal(parts.join(""), call.function.arguments);
  assert.ok(parts.length > 2);
});

test("completions", async () => {
  const plain = { model: CLIENTS_MODEL, prompt: "One, two,", temperature: 0, max_tokens: 8 };
  const whole = (await client.completions.create(plain)).choices[0].text;
  const chunks = await gather(await client.completions.create({ ...plain, stream: true }));
  assert.equal(chunks.map((chunk) => chunk.choices[0].text).join(""), whole);
});

test("errors have their types", async () => {
  await assert.rejects(chats.create({ ...greedy, temperature: 99 }), OpenAI.BadRequestError);
  await assert.rejects(chats.create({ ...greedy, stream: true, messages: [] }), OpenAI.BadRequestError);
  await assert.rejects(chats.create({ ...greedy, model: "none" }), OpenAI.NotFoundError);
  const stranger = new OpenAI({ ...options, apiKey: "wrong" });
  await assert.rejects(stranger.models.list(), OpenAI.AuthenticationError);
});

test("a closed stream is not gone on with", async () => {
  const working = async () => {
    const headers = { authorization: `Bearer ${CLIENTS_KEY}` };
    return (await (await fetch(`${CLIENTS_URL}/health`, { headers })).json()).requests;
  };
  const stream = await chats.create({ ...greedy, max_tokens: 4000, ignore_eos: true, stream: true });
  let chunks = 0;
  for await (const chunk of stream) {
    assert.ok(chunk.choices);
    if (++chunks === 3) break;
  }
  for (let i = 0; i < 200 && (await working()) > 0; i++);
  assert.equal(await working(), 0);
});
