// What the server is asked of one place of a text: the row there, further down or as other systems cut it.
import * as api from "../core/api";
import { asked, type Body } from "../core/request";
import type { Row, Spelling } from "../core/trace";
import type { Here, Page } from "./page.svelte";

/** What a system keeps of a row. */
export interface Kept {
  semantics: string;
  token_ids: number[];
  probs: number[];
  kept: number;
  entropy: number | null;
  difference: { token_id: number; kept: boolean; cause: string } | null;
  refused: string | null;
}

export interface Distribution {
  row: Row;
  vocabulary: Record<string, Spelling>;
  temperatures: number[];
  systems: Kept[];
}

/** What stands before a token: the prompt as the model saw it, and the tokens between. */
export function pathBody({ trace, path, place }: Here, page: Page): Body {
  const prompt = trace.prompt_token_ids ? { prompt_token_ids: trace.prompt_token_ids } : asked(page.session.document);
  return { ...prompt, prefix_token_ids: path.slice(0, place).map((index) => trace.tokens[index].id) };
}

/** Asks for the row at a token, at the sliders' settings; with `semantics` also what each of these systems keeps. */
export async function rowAt(here: Here, page: Page, top: number, semantics: string[] = []): Promise<Distribution> {
  const sampling = { ...page.sliders };
  return (await api.distribution({ ...pathBody(here, page), top, sampling, ...(semantics.length && { semantics }) })) as Distribution;
}
