/** A link that fills the form: what is asked, never what was answered. Nothing runs by opening it. */

import { type Form, FormError, nullable, object, oneOf, optional, parsed, text, whole } from "./form";
import type { Document, Settings } from "./request";
import { DOCUMENT, SETTINGS } from "./file";

export const MAX_LINK = 16 * 1024; // characters; what is longer goes into a file
const MAX_BYTES = 2 ** 20; // of what a link unpacks to
const MARK = "#s=";

/** What a link has. With the same fingerprint here the text will be the same. */
export interface Shared {
  version: 1;
  document: Document;
  settings: Settings;
  seed?: number | undefined;
  fingerprint?: string | null | undefined;
}

const SHARED: Form<Shared> = object<Shared>({
  version: oneOf(1),
  document: DOCUMENT,
  settings: SETTINGS,
  seed: optional(whole),
  fingerprint: optional(nullable(text)),
});

/** Returns the fragment of a link; null if it would be too long for one. */
export async function fragment(shared: Shared): Promise<string | null> {
  const json = new Blob([JSON.stringify(shared)]);
  if (json.size > MAX_BYTES) return null;
  const packed = await through(json.stream(), new CompressionStream("deflate-raw"), Infinity);
  const link = MARK + base64url(packed);
  return link.length <= MAX_LINK ? link : null;
}

/** Returns what a link's fragment has; null if it is none of ours. Throws FormError for one that is damaged. */
export async function opened(hash: string): Promise<Shared | null> {
  if (!hash.startsWith(MARK)) return null;
  if (hash.length > MAX_LINK) throw new FormError(`should have at most ${MAX_LINK} characters`, "the link");
  const packed = bytes(hash.slice(MARK.length));
  try {
    const json = await through(
      new Blob([packed]).stream(),
      new DecompressionStream("deflate-raw"),
      MAX_BYTES,
    );
    return SHARED(parsed(json, MAX_BYTES));
  } catch (error) {
    if (error instanceof FormError)
      throw new FormError(error.rule, `the link${error.place && `'s ${error.place.slice(1)}`}`);
    throw new FormError("is damaged", "the link");
  }
}

/** Returns what comes out of a transform, of which there may be at most so much. */
async function through(
  input: ReadableStream<Uint8Array<ArrayBuffer>>,
  transform: CompressionStream | DecompressionStream,
  most: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  const reader = input.pipeThrough(transform).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return new Uint8Array(await new Blob(parts).arrayBuffer());
    size += value.length;
    if (size > most) {
      await reader.cancel();
      throw new FormError(`unpacks to over ${most} bytes`);
    }
    parts.push(value);
  }
}

function base64url(data: Uint8Array): string {
  const text = Array.from(data, (byte) => String.fromCharCode(byte)).join("");
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

function bytes(text: string): Uint8Array<ArrayBuffer> {
  try {
    return Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (character) =>
      character.charCodeAt(0),
    );
  } catch {
    throw new FormError("is damaged", "the link");
  }
}
