/** Two texts beside each other: how far they agree, where they part, and why. */

import { lineageOf, rootOf, type Run, tokensOf } from "./session";
import { numberOf, pathsOf, type Row, type Trace, valueOf } from "./trace";
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
  return { at, ids, rows, reason: reason(one, other, ids, rows) };
}

function rowAt({ run, text }: Side, at: number): Row | null {
  const token = pathsOf(run.trace)[text]?.[at - (run.branch?.tokens.length ?? 0)];
  return token === undefined ? null : run.trace.rows[run.trace.tokens[token].row];
}

function reason(one: Side, other: Side, ids: Divergence["ids"], rows: Divergence["rows"]): string {
  const [first, second] = [one.run.trace, other.run.trace];
  if (first.model !== second.model)
    return `the models differ: ${visible(first.model)} and ${visible(second.model)}`;
  if (rootOf(one.run) !== rootOf(other.run)) return "the prompts differ";
  const [here, there] = ids;
  if (here === null || there === null) return `the ${here === null ? "first" : "second"} text ends here`;
  const [mine, theirs] = rows;
  if (!mine || !theirs) return "a text was begun with this token";
  const drawn = numberOf(first, "temperature") !== 0 && numberOf(second, "temperature") !== 0;
  if (drawn && dice(one) !== dice(other))
    return "other random numbers were drawn: the seeds differ, or which sample it is";

  const [before, after] = [share(mine, here), share(theirs, here)];
  const name = `“${spelled(first, here)}”`;
  if (before === null || after === null) return `${name} is not among the tokens that both traces tell of`;
  const change = `the probability of ${name} was ${before.toFixed(2)} in the first and ${after.toFixed(2)} in the second`;
  const cutter = after === 0 ? cutters(theirs) : "";
  if (cutter) return `${change}, because ${cutter} cut it off`;
  const settings = differing(first, second);
  const cause = settings ? `, because of ${settings}` : ", and no setting differs";
  return `${change}${cause}; ${drawn ? "the same random number fell on" : "the second took"} “${spelled(second, there)}”`;
}

/** Which random numbers a text draws. */
const dice = ({ run, text }: Side) =>
  JSON.stringify([run.trace.seed ?? valueOf(run.trace, "seed"), lineageOf(run, text)]);

const spelled = (trace: Trace, id: number) => visible(trace.vocabulary[id]?.text ?? `token ${id}`);

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
  const told = (trace: Trace, name: string) => visible(JSON.stringify(valueOf(trace, name)) ?? "unset");
  const names = [...new Set([...Object.keys(one.params), ...Object.keys(other.params)])].sort();
  const found = names.filter((name) => told(one, name) !== told(other, name));
  return found.map((name) => `${name} ${told(one, name)} and ${told(other, name)}`).join(", ");
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
