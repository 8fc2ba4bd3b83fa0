/* Vercel's AI SDK with its provider for servers that speak OpenAI's API. */
import assert from "node:assert/strict";
import test from "node:test";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { APICallError, generateObject, generateText, streamObject, streamText, tool } from "ai";
import { z } from "zod";

const { CLIENTS_URL, CLIENTS_KEY, CLIENTS_MODEL } = process.env;
const provider = createOpenAICompatible({
  name: "stream-engine",
  baseURL: `${CLIENTS_URL}/v1`,
  apiKey: CLIENTS_KEY,
  includeUsage: true,
  supportsStructuredOutputs: true,
});
const model = provider(CLIENTS_MODEL);
const hello = { model, prompt: "Say hello.", temperature: 0, maxOutputTokens: 24, maxRetries: 0 };
const weather = tool({
  description: "The weather at a place.",
  inputSchema: z.object({ city: z.string().max(12) }),
  execute: async ({ city }) => `Sunny in ${city}.`,
});

const gather = async (stream) => {
  const parts = [];
  for await (const part of stream) parts.push(part);
  return parts;
};

test("generateText", async () => {
  const answer = await generateText(hello);
  assert.ok(answer.text);
  assert.ok(answer.usage.inputTokens > 0 && answer.usage.outputTokens > 0);
});

test("streamText", async () => {
  const stream = streamText(hello);
  const parts = await gather(stream.textStream);
  assert.equal(parts.join(""), (await generateText(hello)).text);
  assert.ok(parts.length > 2);
  assert.ok((await stream.usage).outputTokens > 0);
});

test("streamText of a plain completion", async () => {
  const completion = provider.completionModel(CLIENTS_MODEL);
  const stream = streamText({ ...hello, model: completion, prompt: "One, two," });
  assert.ok((await gather(stream.textStream)).length > 2);
});

test("generateObject", async () => {
  const { object } = await generateObject({ ...hello, schema: z.object({ on: z.boolean() }) });
  assert.equal(typeof object.on, "boolean");
});

test("streamObject", async () => {
  const stream = streamObject({ ...hello, schema: z.object({ on: z.boolean() }) });
  assert.ok((await gather(stream.partialObjectStream)).length > 0);
  assert.equal(typeof (await stream.object).on, "boolean");
});

test("a tool is called, and its answer goes back", async () => {
  const asked = { ...hello, maxOutputTokens: 64, tools: { weather }, toolChoice: "required" };
  const answer = await generateText(asked);
  assert.equal(answer.toolCalls[0].toolName, "weather");
  assert.match(String(answer.toolResults[0].output), /^Sunny in /);
  const messages = [{ role: "user", content: "How is it?" }, ...answer.response.messages];
  const { prompt, ...others } = hello;
  assert.ok(await generateText({ ...others, messages, tools: { weather } }));
});

test("a tool call streams", async () => {
  const toolChoice = { type: "tool", toolName: "weather" };
  const stream = streamText({ ...hello, maxOutputTokens: 64, tools: { weather }, toolChoice });
  const kinds = (await gather(stream.fullStream)).map((part) => part.type);
  for (const kind of ["tool-input-start", "tool-input-delta", "tool-input-end", "tool-call"]) {
    assert.ok(kinds.includes(kind), `${kind} in ${kinds}`);
  }
});

test("an error is an APICallError", async () => {
  const wrong = generateText({ ...hello, temperature: 99 });
  await assert.rejects(wrong, (error) => APICallError.isInstance(error) && error.statusCode === 400);
});
