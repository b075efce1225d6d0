// What users of the openai package for Node write.

import OpenAI from "openai";
import { zodResponseFormat, zodTextFormat } from "openai/helpers/zod";
import { z } from "zod";
import { BASE, MODEL, TRUTH, URL_, caught, check, equal, holds, main, refusal } from "./checks.mjs";

const client = new OpenAI({ baseURL: BASE, apiKey: "none", maxRetries: 0, timeout: 120_000 });
const [CHAT, BRIEF] = TRUTH.chats;
const LONG = [{ role: "user", content: "word ".repeat(9000) }];
const ANIMAL = z.object({
  name: z.string().regex(/^[A-Z][a-z]+$/), kind: z.enum(["mammal", "bird", "fish"]), legs: z.int().min(0).max(4),
});
const TOOL = {
  type: "function",
  function: {
    name: "get_weather",
    parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
  },
};

const chat = (options = {}, request = undefined) =>
  client.chat.completions.create(
    { model: MODEL, messages: CHAT.messages, max_tokens: 8, temperature: 0, ...options },
    request,
  );
const content = (answer, index = 0) => answer.choices[index].message.content;

check("models are listed and found", async () => {
  const names = [];
  for await (const model of client.models.list()) names.push(model.id);
  equal(names, [MODEL]);
  equal((await client.models.retrieve(MODEL)).id, MODEL);
});

check("a greedy chat is what transformers writes", async () => {
  for (const truth of [CHAT, BRIEF]) {
    const answer = await chat({ messages: truth.messages });
    equal(content(answer), truth.text);
    equal(answer.usage.prompt_tokens, truth.prompt_tokens);
    equal(answer.usage.completion_tokens, truth.token_ids.length);
  }
});

check("completions, with log-probabilities", async () => {
  for (const truth of TRUTH.prompts) {
    const answer = await client.completions.create({
      model: MODEL, prompt: truth.prompt, max_tokens: 8, temperature: 0, logprobs: 2,
    });
    equal(answer.choices[0].text, truth.text);
    answer.choices[0].logprobs.token_logprobs.forEach((found, i) => {
      holds(Math.abs(found - truth.logprobs[i]) < 0.35, `${found} for ${truth.logprobs[i]}`);
    });
  }
});

check("a stream, with usage", async () => {
  const stream = await chat({ stream: true, stream_options: { include_usage: true } });
  let text = "";
  let usage;
  for await (const chunk of stream) {
    text += chunk.choices[0]?.delta.content ?? "";
    usage = chunk.usage ?? usage;
  }
  equal(text, CHAT.text);
  equal(usage.completion_tokens, CHAT.token_ids.length);
});

check("the stream helper and its events", async () => {
  const runner = client.chat.completions.stream({
    model: MODEL, messages: CHAT.messages, max_tokens: 8, temperature: 0,
    stream_options: { include_usage: true },
  });
  let seen = "";
  runner.on("content", (delta) => (seen += delta));
  const final = await runner.finalChatCompletion();
  equal(seen, CHAT.text);
  equal(final.choices[0].message.content, CHAT.text);
  equal((await runner.totalUsage()).completion_tokens, CHAT.token_ids.length);
});

check("a seed says the text; n, stop", async () => {
  const one = content(await chat({ seed: 3, temperature: 1 }));
  const three = await chat({ seed: 3, temperature: 1, n: 3 });
  equal(content(three), one);
  equal(three.choices.length, 3);
  holds(new Set(three.choices.map((choice) => choice.message.content)).size > 1);
  const cut = await chat({ stop: ["Romeo"] });
  equal(content(cut), CHAT.text.split("Romeo")[0]);
  equal(cut.choices[0].finish_reason, "stop");
});

check("many at once", async () => {
  const seeds = [1, 2, 3, 4];
  const draw = async (seed) => content(await chat({ seed, temperature: 1 }));
  const together = await Promise.all(seeds.map(draw));
  for (const [i, seed] of seeds.entries()) equal(await draw(seed), together[i]);
});

check("embeddings", async () => {
  const answer = await client.embeddings.create({ model: MODEL, input: TRUTH.texts.map((one) => one.text) });
  const vectors = answer.data.map((one) => one.embedding);
  TRUTH.cosines.forEach((row, i) =>
    row.forEach((cosine, j) => {
      const found = vectors[i].reduce((sum, value, k) => sum + value * vectors[j][k], 0);
      holds(Math.abs(found - cosine) < 0.02, `${found} for ${cosine}`);
    }),
  );
});

check("raw responses and request ids", async () => {
  const request = { headers: { "X-Request-Id": "mine-2" } };
  const { data, response, request_id } = await chat({}, request).withResponse();
  equal(request_id, "mine-2");
  equal(response.status, 200);
  equal(data._request_id, "mine-2");
});

check("an unknown model is NotFoundError", async () => {
  const error = await caught(OpenAI.NotFoundError, () => chat({ model: "gpt-17" }), "gpt-17");
  equal([error.status, error.code, error.param], [404, "model_not_found", "model"]);
});

check("a prompt that is too long is BadRequestError", async () => {
  const error = await caught(OpenAI.BadRequestError, () => chat({ messages: LONG }), "prompt is too long");
  equal(error.code, "context_length_exceeded");
});

check("bad parameters are BadRequestError and named", async () => {
  for (const [name, value] of [["temperature", -1], ["top_p", 2], ["n", 0], ["seed", 0.5]]) {
    const error = await caught(OpenAI.BadRequestError, () => chat({ [name]: value }), name);
    equal(error.param, name);
  }
});

async function cancelled() {
  const text = await (await fetch(`${URL_}/metrics`)).text();
  const lines = text.split("\n").filter((line) => line.includes('outcome="cancelled"'));
  return lines.reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
}

check("an aborted stream, an abort signal and a timeout cancel", async () => {
  const before = await cancelled();
  const endless = { max_tokens: 4000, ignore_eos: true };
  for await (const chunk of await chat({ ...endless, stream: true })) {
    holds(chunk);
    break; // which aborts it
  }
  const controller = new AbortController();
  setTimeout(() => controller.abort(), 300);
  await caught(OpenAI.APIUserAbortError, () => chat(endless, { signal: controller.signal }));
  await caught(OpenAI.APIConnectionTimeoutError, () => chat(endless, { timeout: 300 }));
  const end = Date.now() + 10_000;
  while ((await cancelled()) < before + 3) {
    holds(Date.now() < end, `${(await cancelled()) - before} of 3 were cancelled`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
});

check("tools, none of which may be called", async () => {
  equal(content(await chat({ tools: [TOOL], tool_choice: "none" })), CHAT.text);
});

check("a tool, by runTools", async () => {
  const run = () =>
    client.chat.completions
      .runTools({
        model: MODEL, temperature: 0, max_tokens: 80,
        messages: [{ role: "user", content: "What is the weather in Paris?" }],
        tool_choice: { type: "function", function: { name: "get_weather" } }, // after which the runner ends
        tools: [{
          type: "function",
          function: { ...TOOL.function, parse: JSON.parse, function: ({ city }) => `18 degrees in ${city}` },
        }],
      })
      .finalFunctionToolCallResult();
  if (!MODEL.includes("qwen")) await refusal(OpenAI.BadRequestError, run, "tools", "template");
  holds((await run()).startsWith("18 degrees in "));
});

check("a tool that must be called", async () => {
  for (const tool_choice of ["required", { type: "function", function: { name: "get_weather" } }]) {
    const ask = () => chat({ tools: [TOOL], tool_choice, max_tokens: 100 });
    if (!MODEL.includes("qwen")) await refusal(OpenAI.BadRequestError, ask, "tools", "template");
    const { finish_reason, message } = (await ask()).choices[0];
    equal([finish_reason, message.tool_calls.length > 0], ["tool_calls", true]);
    for (const call of message.tool_calls) {
      equal(call.function.name, "get_weather");
      equal(typeof JSON.parse(call.function.arguments).city, "string");
    }
  }
});

check("response_format json_object", async () => {
  for (const seed of [1, 2, 3]) {
    const options = { response_format: { type: "json_object" }, max_tokens: 60, temperature: 1, seed };
    const told = JSON.parse(content(await chat(options)));
    holds(typeof told === "object" && told !== null && !Array.isArray(told), JSON.stringify(told));
  }
});

check("parse, and the stream helper, with a zod schema", async () => {
  const asked = {
    model: MODEL, messages: CHAT.messages, max_tokens: 40, temperature: 1, seed: 2,
    response_format: zodResponseFormat(ANIMAL, "animal"),
  };
  const { parsed } = (await client.chat.completions.parse(asked)).choices[0].message;
  equal(ANIMAL.parse(parsed), parsed);
  const final = await client.chat.completions.stream(asked).finalChatCompletion();
  equal(final.choices[0].message.parsed, parsed);
});

check("an image", async () => {
  const parts = [
    { type: "text", text: "What is this?" },
    { type: "image_url", image_url: { url: "data:image/png;base64,AAAA" } },
  ];
  const ask = () => chat({ messages: [{ role: "user", content: parts }] });
  await refusal(OpenAI.BadRequestError, ask, "image_url", "text");
});

const RESPONSE = { model: MODEL, input: CHAT.messages, max_output_tokens: 16, temperature: 0 };

check("responses.create, whole and streamed", async () => {
  const whole = await client.responses.create(RESPONSE);
  holds(whole.output_text.startsWith(CHAT.text), whole.output_text);
  equal(whole.usage.input_tokens, CHAT.prompt_tokens);
  equal(whole.usage.total_tokens, whole.usage.input_tokens + whole.usage.output_tokens);
  let text = "";
  let last;
  for await (const event of await client.responses.create({ ...RESPONSE, stream: true })) {
    if (event.type === "response.output_text.delta") text += event.delta;
    last = event;
  }
  equal(text, whole.output_text);
  equal(last.response.usage.output_tokens, whole.usage.output_tokens);
  const final = await client.responses.stream(RESPONSE).finalResponse();
  equal(final.output_text, whole.output_text);
});

check("responses.parse, with a zod schema", async () => {
  const text = { format: zodTextFormat(ANIMAL, "animal") };
  const drawn = { ...RESPONSE, max_output_tokens: 40, temperature: 1, text };
  const { output_parsed } = await client.responses.parse(drawn);
  equal(ANIMAL.parse(output_parsed), output_parsed);
});

check("a response goes on, is found and deleted", async () => {
  const first = await client.responses.create(RESPONSE);
  const more = { input: "And who wrote Faust?", previous_response_id: first.id };
  const second = await client.responses.create({ ...RESPONSE, ...more });
  holds(second.output_text);
  holds(second.usage.input_tokens > first.usage.total_tokens, "what was said before is missing");
  equal((await client.responses.retrieve(second.id)).output_text, second.output_text);
  await client.responses.delete(first.id);
  const gone = await caught(OpenAI.NotFoundError, () => client.responses.retrieve(first.id), first.id);
  equal(gone.code, "response_not_found");
});

await main();
