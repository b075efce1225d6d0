/** Two texts beside each other: how far they agree, where they part, and why. */

import { type Run, tokensOf } from "./session";
import { pathsOf, type Row, type Trace } from "./trace";
import { visible } from "./visible";

/** A text of a run. */
export interface Side {
  run: Run;
  text: number;
}

/** The first place where two texts differ. */
export interface Divergence {
  at: number;
  /** What each has there; null where it has ended. */
  ids: [number | null, number | null];
  /** What each chose from; null where the trace does not have it. */
  rows: [Row | null, Row | null];
  reason: string;
}

/** Returns how many tokens two texts have in common before they part. */
export function common(one: readonly number[], other: readonly number[]): number {
  let count = 0;
  while (count < one.length && count < other.length && one[count] === other[count]) count++;
  return count;
}

/** Returns where two texts part; null if they are the same. */
export function divergence(one: Side, other: Side): Divergence | null {
  const [mine, theirs] = [tokensOf(one.run, one.text), tokensOf(other.run, other.text)];
  const at = common(mine, theirs);
  if (at === mine.length && at === theirs.length) return null;
  const ids: Divergence["ids"] = [mine[at] ?? null, theirs[at] ?? null];
  const rows: Divergence["rows"] = [rowAt(one, at), rowAt(other, at)];
  return { at, ids, rows, reason: reason(one.run.trace, other.run.trace, ids, rows) };
}

function rowAt({ run, text }: Side, at: number): Row | null {
  const token = pathsOf(run.trace)[text]?.[at - (run.branch?.tokens.length ?? 0)];
  return token === undefined ? null : run.trace.rows[run.trace.tokens[token].row];
}

function reason(one: Trace, other: Trace, ids: Divergence["ids"], rows: Divergence["rows"]): string {
  if (one.model !== other.model)
    return `the models differ: ${visible(one.model)} and ${visible(other.model)}`;
  if (one.prompt !== other.prompt) return "the prompts differ";
  if (ids[0] === null || ids[1] === null)
    return `${ids[0] === null ? "the first" : "the second"} text ends here`;
  if (valueOf(one, "seed") !== valueOf(other, "seed"))
    return "the seeds differ, so other random numbers were drawn";
  const [mine, theirs] = rows;
  if (!mine || !theirs) return "a text was begun with this token";
  const [before, after] = [share(mine, ids[0]), share(theirs, ids[0])];
  const name = `“${spelled(one, ids[0])}”`;
  if (before === null || after === null) return `${name} is not among the tokens that both traces tell of`;
  const change = `the probability of ${name} was ${before.toFixed(2)} in the first and ${after.toFixed(2)} in the second`;
  const cutter = after === 0 ? cutters(theirs) : "";
  if (cutter) return `${change}, because ${cutter} cut it off`;
  const settings = differing(one, other);
  if (before === after && !settings)
    return `${change}, and nothing differs: arithmetic, or another place in the random numbers`;
  const cause = settings ? `, because of ${settings}` : "";
  return `${change}${cause}; the same random number fell on “${spelled(other, ids[1])}”`;
}

const spelled = (trace: Trace, id: number) => visible(trace.vocabulary[id]?.text ?? `token ${id}`);

const valueOf = (trace: Trace, name: string) =>
  Object.hasOwn(trace.params, name) ? JSON.stringify(trace.params[name].value) : "";

/** The probability with which a token could be drawn; null where the row does not tell. */
function share(row: Row, id: number): number | null {
  const place = row.ids.indexOf(id);
  return place < 0 ? null : row.truncated[place];
}

/** The steps that cut tokens off. */
function cutters(row: Row): string {
  const steps = row.steps.filter(
    ({ kind, removed }) => removed > 0 && (kind === "truncation" || kind === "constraint"),
  );
  return steps
    .map(({ step, kind }) => (kind === "constraint" ? "the constraint" : step.replaceAll("_", "-")))
    .join(" or ");
}

/** The parameters of two traces that differ, with their values. */
export function differing(one: Trace, other: Trace): string {
  const names = [...new Set([...Object.keys(one.params), ...Object.keys(other.params)])].sort();
  const told = names.filter((name) => valueOf(one, name) !== valueOf(other, name));
  return told
    .map(
      (name) =>
        `${name} ${visible(valueOf(one, name) || "unset")} and ${visible(valueOf(other, name) || "unset")}`,
    )
    .join(", ");
}

/** Returns the mean entropy of the rows that a text was chosen from, in nats; null of none. */
export function meanEntropy(trace: Trace, path: readonly number[]): number | null {
  if (!path.length) return null;
  return path.reduce((sum, token) => sum + trace.rows[trace.tokens[token].row].entropy, 0) / path.length;
}

/** Returns how many of a text's pairs of neighbouring tokens are different ones (distinct-2); null of none. */
export function distinct2(ids: readonly number[]): number | null {
  const pairs = ids.slice(1).map((id, i) => `${ids[i]} ${id}`);
  return pairs.length ? new Set(pairs).size / pairs.length : null;
}
