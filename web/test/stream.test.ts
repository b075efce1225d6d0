import assert from "node:assert/strict";
import { test } from "node:test";
import { events, objects, StreamError } from "../src/core/stream";

/** A body whose bytes come in these pieces. */
function bodyOf(
  pieces: (string | Uint8Array)[],
  end: (controller: ReadableStreamDefaultController<Uint8Array>) => void = (one) => one.close(),
) {
  const encoder = new TextEncoder();
  let next = 0;
  return new ReadableStream<Uint8Array>({
    pull(controller) {
      const piece = pieces[next++];
      if (piece === undefined) end(controller);
      else controller.enqueue(typeof piece === "string" ? encoder.encode(piece) : piece);
    },
  });
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found = [];
  for await (const item of items) found.push(item);
  return found;
}

const TEXT =
  'data: {"a":"é🙂"}\r\n\r\n: a comment\nevent: odd\ndata: one\ndata:two\r\rid: 5\ndata\n\ndata: [DONE]\n\n';

test("bytes may be split anywhere", async () => {
  const bytes = new TextEncoder().encode(TEXT);
  const wanted = [
    { event: "message", data: '{"a":"é🙂"}' },
    { event: "odd", data: "one\ntwo" },
    { event: "message", data: "" },
    { event: "message", data: "[DONE]" },
  ];
  for (let size = 1; size <= bytes.length; size++) {
    const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
      bytes.slice(i * size, (i + 1) * size),
    );
    assert.deepEqual(await all(events(bodyOf(pieces))), wanted);
  }
});

test("objects come until the end is said", async () => {
  assert.deepEqual(await all(objects(bodyOf(['data: {"a":1}\n\n', "data: [DONE]\n\n", "data: {}\n\n"]))), [
    { a: 1 },
  ]);
});

test("an error, a cut and what is no JSON are told in a sentence", async () => {
  const said = async (...pieces: string[]) => {
    const error = await all(objects(bodyOf(pieces))).catch((error: unknown) => error);
    assert.ok(error instanceof StreamError);
    return [error.message, error.param];
  };
  assert.deepEqual(await said('data: {"error":{"message":"too long","param":"prompt"}}\n\n'), [
    "too long",
    "prompt",
  ]);
  assert.deepEqual(await said('event: error\ndata: {"message":"flat"}\n\n'), ["flat", null]);
  assert.deepEqual(await said('data: {"a":1}\n\n'), [
    "the server ended the answer before it was complete",
    null,
  ]);
  assert.deepEqual(await said("data: {\n\n"), ["the server sent an event that is not a JSON object", null]);
  const broken = bodyOf(['data: {"a":1}\n\n'], (controller) =>
    controller.error(new TypeError("network error")),
  );
  await assert.rejects(all(objects(broken)), /ended the answer before/);
});

test("an abort is told as one, and leaving early frees the server", async () => {
  const aborted = bodyOf([], (controller) => controller.error(new DOMException("", "AbortError")));
  await assert.rejects(all(objects(aborted)), { name: "AbortError" });
  let cancelled = false;
  const body = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(new TextEncoder().encode("data: {}\n\n")),
    cancel: () => void (cancelled = true),
  });
  for await (const _ of objects(body)) break;
  assert.ok(cancelled);
});

test("a long line in many pieces costs each byte once", async () => {
  const cost = async (count: number) => {
    const pieces = ['data: "', ...Array.from({ length: count }, () => "x".repeat(1000)), '"\n\n'];
    const begun = process.cpuUsage();
    const [{ data }] = await all(events(bodyOf(pieces)));
    assert.equal(data.length, 1000 * count + 2);
    return process.cpuUsage(begun).user;
  };
  await cost(500);
  const [few, many] = [await cost(500), await cost(8000)];
  assert.ok(many < 16 * few * 6 + 50_000, `${few} and ${many} microseconds`); // quadratic work would be 256 times as much
});
