// What users of the AI SDK write.

import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { APICallError, Output, embedMany, generateText, isStepCount, streamText, tool } from "ai";
import { z } from "zod";
import { BASE, MODEL, TRUTH, URL_, caught, check, equal, holds, main, refusal } from "./checks.mjs";

const here = createOpenAICompatible({
  name: "here", baseURL: BASE, includeUsage: true, supportsStructuredOutputs: true,
});
const openai = createOpenAI({ baseURL: BASE, apiKey: "none" });
const [CHAT, BRIEF] = TRUTH.chats;
const QUESTION = CHAT.messages[0].content;
const MODELS = { "openai-compatible": here(MODEL), "openai.chat": openai.chat(MODEL) };

const ask = (options = {}) =>
  generateText({ model: here(MODEL), prompt: QUESTION, maxOutputTokens: 8, temperature: 0, maxRetries: 0, ...options });
const stream = (options = {}) =>
  streamText({
    model: here(MODEL), prompt: QUESTION, maxOutputTokens: 8, temperature: 0, maxRetries: 0,
    onError: () => {}, ...options,
  });
const ANIMAL = z.object({
  name: z.string().regex(/^[A-Z][a-z]+$/), kind: z.enum(["mammal", "bird", "fish"]), legs: z.int().min(0).max(4),
});
const weather = tool({
  description: "The weather in a city",
  inputSchema: z.object({ city: z.string() }),
  execute: async ({ city }) => `18 degrees in ${city}`,
});

for (const [name, model] of Object.entries(MODELS)) {
  check(`${name}: a text is what transformers writes`, async () => {
    const answer = await ask({ model });
    equal(answer.text, CHAT.text);
    equal(answer.usage.inputTokens, CHAT.prompt_tokens);
    equal(answer.usage.outputTokens, CHAT.token_ids.length);
    equal(answer.response.modelId, MODEL);
    const [system, user] = BRIEF.messages;
    equal((await ask({ model, instructions: system.content, prompt: user.content })).text, BRIEF.text);
  });

  check(`${name}: a stream, with usage`, async () => {
    const result = stream({ model });
    let text = "";
    for await (const part of result.textStream) text += part;
    equal(text, CHAT.text);
    equal((await result.usage).outputTokens, CHAT.token_ids.length);
    holds(["stop", "length"].includes(await result.finishReason));
  });

  check(`${name}: errors are APICallError`, async () => {
    const named = name === "openai.chat" ? openai.chat("gpt-17") : here("gpt-17");
    const unknown = await caught(APICallError, () => ask({ model: named }), "gpt-17");
    equal([unknown.statusCode, unknown.isRetryable], [404, false]);
    const long = await caught(APICallError, () => ask({ model, prompt: "word ".repeat(9000) }), "prompt is too long");
    equal(long.statusCode, 400);
    holds(long.responseBody.includes("context_length_exceeded"));
    await caught(APICallError, () => ask({ model, temperature: -1 }), "temperature");
  });

  check(`${name}: an object of a schema, whole and streamed; arrays and choices`, async () => {
    const drawn = { model, maxOutputTokens: 60, temperature: 1, seed: 4 };
    const output = Output.object({ schema: ANIMAL });
    const whole = await ask({ ...drawn, output });
    equal(ANIMAL.parse(whole.output), whole.output);
    let last;
    for await (const part of stream({ ...drawn, output }).partialOutputStream) last = part;
    equal(last, whole.output);
    const animals = (await ask({ ...drawn, output: Output.array({ element: ANIMAL }), maxOutputTokens: 200 })).output;
    equal(z.array(ANIMAL).parse(animals), animals);
    const options = ["Shakespeare", "Goethe"];
    holds(options.includes((await ask({ ...drawn, output: Output.choice({ options }) })).output));
  });

  check(`${name}: JSON of no schema`, async () => {
    const drawn = { model, maxOutputTokens: 60, temperature: 1, seed: 4 };
    const told = (await ask({ ...drawn, output: Output.json() })).output;
    holds(typeof told === "object" && told !== null && !Array.isArray(told), JSON.stringify(told));
  });

  check(`${name}: a tool, called and answered`, async () => {
    for (const toolChoice of ["required", { type: "tool", toolName: "weather" }]) {
      const run = () =>
        ask({
          model, prompt: "What is the weather in Paris?", tools: { weather }, stopWhen: isStepCount(2),
          prepareStep: ({ stepNumber }) => ({ toolChoice: stepNumber ? "auto" : toolChoice }), maxOutputTokens: 100,
        });
      if (!MODEL.includes("qwen")) await refusal(APICallError, run, "tools", "template");
      const [called, answered] = (await run()).steps;
      holds(called.toolCalls.length > 0);
      for (const [i, { toolName, input }] of called.toolCalls.entries()) {
        equal([toolName, typeof input.city], ["weather", "string"]);
        equal(called.toolResults[i].output, `18 degrees in ${input.city}`);
      }
      holds(answered.text || answered.toolCalls.length > 0);
    }
  });

  check(`${name}: an image`, async () => {
    const content = [
      { type: "text", text: "What is this?" },
      { type: "file", data: new Uint8Array([137, 80, 78, 71, 13, 10, 26, 10]), mediaType: "image/png" },
    ];
    const call = () => ask({ model, prompt: undefined, messages: [{ role: "user", content }] });
    await refusal(APICallError, call, "image_url", "text");
  });
}

check("completion models", async () => {
  for (const model of [here.completionModel(MODEL), openai.completion(MODEL)]) {
    const answer = await ask({ model, prompt: "1, 2, 3" });
    holds(answer.text.length > 0);
    let text = "";
    for await (const part of stream({ model, prompt: "1, 2, 3" }).textStream) text += part;
    equal(text, answer.text);
  }
});

check("a seed says the text; stop sequences; several turns", async () => {
  const draw = async (seed) => (await ask({ seed, temperature: 1 })).text;
  equal(await draw(5), await draw(5));
  holds(new Set(await Promise.all([1, 2, 3].map(draw))).size > 1);
  equal((await ask({ stopSequences: ["Romeo"] })).text, CHAT.text.split("Romeo")[0]);
  const messages = [
    { role: "user", content: QUESTION },
    { role: "assistant", content: CHAT.text },
    { role: "user", content: "And who wrote Faust?" },
  ];
  const answer = await ask({ prompt: undefined, messages });
  holds(answer.usage.inputTokens > CHAT.prompt_tokens + CHAT.token_ids.length);
});

check("options of the server's own, by providerOptions", async () => {
  equal((await ask({ temperature: 1.5, providerOptions: { here: { top_k: 1 } } })).text, CHAT.text);
});

check("reasoning asks nothing of this model", async () => {
  equal((await ask({ reasoning: "low" })).text, CHAT.text);
});

check("log-probabilities, by openai.chat", async () => {
  const answer = await ask({ model: MODELS["openai.chat"], providerOptions: { openai: { logprobs: 2 } } });
  const told = answer.providerMetadata.openai.logprobs;
  equal(told.length, CHAT.token_ids.length);
  told.forEach(({ logprob }, i) => holds(Math.abs(logprob - CHAT.logprobs[i]) < 0.35));
});

check("embeddings", async () => {
  for (const model of [here.embeddingModel(MODEL), openai.embedding(MODEL)]) {
    const { embeddings } = await embedMany({ model, values: TRUTH.texts.map((one) => one.text), maxRetries: 0 });
    TRUTH.cosines.forEach((row, i) =>
      row.forEach((cosine, j) => {
        const found = embeddings[i].reduce((sum, value, k) => sum + value * embeddings[j][k], 0);
        holds(Math.abs(found - cosine) < 0.02, `${found} for ${cosine}`);
      }),
    );
  }
});

async function cancelled() {
  const text = await (await fetch(`${URL_}/metrics`)).text();
  const lines = text.split("\n").filter((line) => line.includes('outcome="cancelled"'));
  return lines.reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
}

check("an abort signal cancels", async () => {
  const before = await cancelled();
  const controller = new AbortController();
  const result = stream({
    maxOutputTokens: 4000, abortSignal: controller.signal, providerOptions: { here: { ignore_eos: true } },
  });
  for await (const part of result.textStream) {
    holds(part);
    controller.abort();
  }
  const end = Date.now() + 10_000;
  while ((await cancelled()) <= before) {
    holds(Date.now() < end, "nothing was cancelled");
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
});

const RESPONSES = { model: openai(MODEL), maxOutputTokens: 16 };

check("openai(...), which asks the responses endpoint, whole and streamed", async () => {
  const whole = await ask(RESPONSES);
  holds(whole.text.startsWith(CHAT.text), whole.text);
  equal(whole.usage.inputTokens, CHAT.prompt_tokens);
  const result = stream(RESPONSES);
  let text = "";
  for await (const part of result.textStream) text += part;
  equal(text, whole.text);
  equal((await result.usage).outputTokens, whole.usage.outputTokens);
});

check("openai(...): an object of a schema", async () => {
  const drawn = { ...RESPONSES, maxOutputTokens: 60, temperature: 1, output: Output.object({ schema: ANIMAL }) };
  const { output } = await ask(drawn);
  equal(ANIMAL.parse(output), output);
});

check("openai(...): a response goes on", async () => {
  const first = await ask(RESPONSES);
  const previousResponseId = first.providerMetadata.openai.responseId;
  const more = { prompt: "And who wrote Faust?", providerOptions: { openai: { previousResponseId } } };
  const second = await ask({ ...RESPONSES, ...more });
  holds(second.text.length > 0);
  holds(second.usage.inputTokens > first.usage.totalTokens, "what was said before is missing");
});

await main();
