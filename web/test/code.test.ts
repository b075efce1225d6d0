import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createServer } from "node:http";
import { test } from "node:test";
import { INTERFACES, json, LANGUAGES, python, shell, snippet, type Subject } from "../src/core/code";

const HOSTILE = [
  "",
  "it's",
  "a\nb\r\n\tc",
  "$(touch /tmp/x) `id` ${HOME} !! \\ \\n \\'",
  "'''\"\"\"",
  "\u202e\u2028\u200b\u0085",
  "é🙂👩\u200d👧",
  "'; rm -rf /; '",
  "{{x}} %s {0}",
  "\ud83d",
  "@file",
  "-n",
  "</script>",
  "\\u0041 \\x41 \\N{DASH}",
  "\u0001\u007f",
  "\ufeff",
  "#{x}",
];

test("a shell reads back each hostile text", () => {
  const texts = HOSTILE.filter((text) => text !== "\ud83d"); // no process takes half a character as its argument
  const output = execFileSync("sh", ["-c", `printf '%s\\0' ${texts.map(shell).join(" ")}`]).toString();
  assert.deepEqual(output.split("\0").slice(0, -1), texts);
});

test("Python reads back each hostile text, and every kind of value", () => {
  const value = {
    texts: HOSTILE,
    "a\nb": [null, true, false, 1, -0.5, 1e21, 1e-7, [], {}],
    long: Array.from({ length: 40 }, (_, i) => `item ${i}`),
  };
  const program = `import json, sys\nsys.stdout.write(json.dumps(${python(value)}))`;
  assert.ok(!/[^\n\P{C}]|[\p{Zl}\p{Zp}]/u.test(python(value)));
  assert.deepEqual(JSON.parse(execFileSync("python3", ["-I", "-c", program]).toString()), value);
});

test("JavaScript reads back each hostile text", () => {
  const source = json(HOSTILE, 2);
  assert.ok(!/[^\n\P{C}]|[\p{Zl}\p{Zp}]/u.test(source));
  assert.deepEqual(JSON.parse(source), HOSTILE);
  assert.deepEqual(
    JSON.parse(execFileSync("node", ["-e", `console.log(JSON.stringify(${source}))`]).toString()),
    HOSTILE,
  );
});

const messages = [
  { role: "system", content: HOSTILE.slice(0, 6).join(" ") },
  {
    role: "user",
    content: HOSTILE.slice(6)
      .filter((text) => text !== "\ud83d")
      .join("\n"),
  },
] as const;
const subject: Subject = {
  document: { kind: "chat", messages },
  settings: {
    temperature: 0.5,
    max_tokens: 20,
    top_k: 40,
    seed: 7,
    stop: ["\n'\""],
    num_beams: 2,
    bad_words: ["#"],
  },
  model: "m",
  address: "http://localhost:1/",
  key: true,
  prompt: "<|im_start|>it's",
  decoders: ["num_beams"],
  mixtures: [],
};
const SENT = { temperature: 0.5, top_k: 40, seed: 7, stop: ["\n'\""], num_beams: 2, bad_words: ["#"] };
const BODIES = {
  chat: { model: "m", messages, max_tokens: 20, ...SENT },
  completions: { model: "m", prompt: "<|im_start|>it's", max_tokens: 20, add_special_tokens: false, ...SENT },
  responses: { model: "m", input: messages, max_output_tokens: 20, ...SENT },
};

/** Runs a program against a server that notes what it is asked. */
async function received(
  run: (address: string) => string[],
): Promise<{ path: string; body: unknown; key: string | undefined; output: string }> {
  const { execFile } = await import("node:child_process");
  let path = "";
  let body = "";
  let key: string | undefined;
  const answer = {
    choices: [{ message: { content: "told" }, text: "told" }],
    output: [{ type: "message", content: [{ type: "output_text", text: "told" }] }],
  };
  const server = createServer((request, response) => {
    path = request.url ?? "";
    key = request.headers.authorization;
    request
      .on("data", (part) => (body += part))
      .on("end", () => response.setHeader("Content-Type", "application/json").end(JSON.stringify(answer)));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  const [program, ...args] = run(`http://127.0.0.1:${port}/`);
  const output = await new Promise<string>((resolve, reject) =>
    execFile(program, args, { env: { ...process.env, PONDER_API_KEY: "secret" } }, (error, stdout) =>
      error ? reject(error) : resolve(stdout),
    ),
  );
  server.close();
  return { path, body: JSON.parse(body), key, output };
}

for (const face of INTERFACES) {
  test(`curl and JavaScript ask ${face} for the same`, async () => {
    for (const [language, run] of [
      ["curl", (code: string) => ["sh", "-c", `${code.replace("curl ", "curl -s ")}`]],
      ["javascript", (code: string) => ["node", "--input-type=module", "-e", code]],
    ] as const) {
      const { path, body, key, output } = await received((address) =>
        run(snippet(language, face, { ...subject, address }).code),
      );
      assert.equal(
        path,
        { chat: "/v1/chat/completions", completions: "/v1/completions", responses: "/v1/responses" }[face],
      );
      assert.deepEqual(body, BODIES[face]);
      assert.equal(key, "Bearer secret");
      if (language === "javascript") assert.equal(output, "told\n");
    }
  });

  test(`openai's client and ponder are called for ${face} with the same`, () => {
    const { code } = snippet("openai", face, subject);
    const stub = `
import json, sys, types
class Client:
    def __init__(self, **given): self.given = given
    def __getattr__(self, name): return self
    def create(self, **given):
        print(json.dumps({"client": self.given, "call": given})); raise SystemExit
sys.modules["openai"] = types.SimpleNamespace(OpenAI=Client)
`;
    const env = { ...process.env, PONDER_API_KEY: "secret" };
    const { client, call } = JSON.parse(
      execFileSync("python3", ["-I", "-c", stub + code], { env }).toString(),
    );
    assert.deepEqual(client, { base_url: "http://localhost:1/v1", api_key: "secret" });
    const { extra_body, ...named } = call;
    assert.deepEqual({ ...named, ...extra_body }, BODIES[face]);
    assert.deepEqual([extra_body.top_k, extra_body.temperature], [40, undefined]);

    const said = snippet("ponder", face, subject).code;
    const ours = `
import json, sys, types
def load(name):
    def answer(prompt, **given):
        print(json.dumps([name, prompt, given])); raise SystemExit
    return answer
named = types.SimpleNamespace(decoder_of=lambda given: given, mixture_of=lambda given: given)
sys.modules.update({"ponder": types.SimpleNamespace(load=load), "ponder.decoders": types.SimpleNamespace(named=named), "ponder.decoders.named": named})
`;
    const [name, prompt, given] = JSON.parse(execFileSync("python3", ["-I", "-c", ours + said]).toString());
    assert.deepEqual([name, prompt], ["m", face === "completions" ? subject.prompt : messages]);
    const { num_beams, bad_words, ...sampling } = SENT;
    const raw = face === "completions" ? { chat: false, add_special_tokens: false } : {};
    assert.deepEqual(given, { ...raw, ...sampling, max_tokens: 20, ban: bad_words, decoder: { num_beams } });
  });
}

test("biases have numbers, or tuples of them, as Python's keys, and nothing else", () => {
  const settings = { logit_bias: { 5: -100, "6); import os": 1 }, sequence_bias: [[[1, 2], 0.5]] };
  const { code } = snippet("ponder", "chat", { ...subject, settings });
  assert.match(code, /logit_bias=\{5: -100, NaN: 1\},\n    sequence_bias=\{\(1, 2,\): 0.5\},/);
});

test("where a program cannot ask the same, it says so; no program has the key", () => {
  const raw: Subject = { ...subject, document: { kind: "completion", prompt: "p" } };
  assert.equal(snippet("curl", "completions", raw).note, null);
  assert.match(snippet("curl", "chat", raw).note ?? "", /another text/);
  assert.equal(snippet("curl", "chat", subject).note, null);
  assert.match(snippet("curl", "completions", { ...subject, prompt: null }).note ?? "", /run it once/);
  const begun: Subject = {
    ...subject,
    document: { kind: "chat", messages: [...messages, { role: "assistant", content: "Hel" }] },
  };
  assert.match(snippet("ponder", "chat", begun).code, /continue_final_message=True/);
  assert.match(snippet("curl", "responses", begun).note ?? "", /no way to go on/);
  for (const language of LANGUAGES)
    assert.ok(!snippet(language, "chat", { ...subject, key: false }).code.includes("PONDER_API_KEY"));
});
