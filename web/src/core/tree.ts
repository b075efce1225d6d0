/** Where the nodes of a tree of tokens stand: x is how many tokens came before, y the order of the leaves. */

import { rootOf, type Run, type Session } from "./session";
import { pathsOf, PROMPT, type Trace } from "./trace";

/** Tokens in a row without a branch, drawn as one node. */
export interface Segment {
  /** Indices of the tree's nodes, from the left. */
  nodes: number[];
  /** The segment that it follows; -1: the prompt. */
  parent: number;
  children: number[];
  /** How many tokens come before its first. */
  x: number;
  /** 0 is the first leaf; a segment with branches is in their middle. */
  y: number;
}

export interface Layout {
  segments: Segment[];
  /** The segment of each node. */
  of: number[];
  /** In tokens, and in leaves. */
  width: number;
  height: number;
}

/** Lays out a tree whose nodes name the one that they follow, which comes before them. -1 is the prompt. */
export function layout(parents: readonly number[]): Layout {
  const children: number[][] = parents.map(() => []);
  const roots: number[] = [];
  parents.forEach((parent, node) => (parent === PROMPT ? roots : children[parent]).push(node));

  const segments: Segment[] = [];
  const of = new Array<number>(parents.length).fill(PROMPT);
  const waiting = [...roots].reverse();
  while (waiting.length) {
    let node = waiting.pop() as number;
    const above = parents[node] === PROMPT ? PROMPT : of[parents[node]];
    const before = segments[above];
    const segment: Segment = {
      nodes: [],
      parent: above,
      children: [],
      x: before ? before.x + before.nodes.length : 0,
      y: 0,
    };
    before?.children.push(segments.length);
    for (;;) {
      segment.nodes.push(node);
      of[node] = segments.length;
      if (children[node].length !== 1) break;
      [node] = children[node];
    }
    segments.push(segment);
    waiting.push(...children[node].toReversed());
  }
  return { segments, of, width: widest(segments), height: place(segments) };
}

/** Gives leaves their order, and what is before them the middle of its branches; returns how many leaves there are. */
function place(segments: Segment[]): number {
  let leaves = 0;
  for (const segment of segments) if (!segment.children.length) segment.y = leaves++;
  for (const segment of segments.toReversed()) {
    const [first, last] = [segment.children[0], segment.children.at(-1)];
    if (first !== undefined && last !== undefined) segment.y = (segments[first].y + segments[last].y) / 2;
  }
  return leaves;
}

const widest = (segments: readonly Segment[]) =>
  segments.reduce((most, { x, nodes }) => Math.max(most, x + nodes.length), 0);

/** Returns of each of a trace's tokens whether it is on the way to a text; others were pruned. */
export function living(trace: Trace): boolean[] {
  const lives = trace.tokens.map(() => false);
  for (const path of pathsOf(trace)) for (const token of path) lives[token] = true;
  return lives;
}

/** A token of the texts of a session: one for all texts that agree up to it. */
export interface Node {
  parent: number;
  id: number;
  /** Where it is in a run's trace; `token` is -1 where a text begins with it and no trace has it. */
  run: string;
  token: number;
  /** The texts that end with it, by run and number. */
  ends: { run: string; text: number }[];
}

/** Returns the tree of all texts of a session that come after the same as those of a run. */
export function grove(session: Session, run: Run): Node[] {
  const nodes: Node[] = [];
  const places = new Map<string, number>(); // "parent token" -> node
  for (const one of session.runs.filter((one) => rootOf(one) === rootOf(run))) {
    pathsOf(one.trace).forEach((path, text) => {
      let at = PROMPT;
      const add = (id: number, token: number) => {
        const key = `${at} ${id}`;
        const known = places.get(key);
        if (known === undefined) {
          places.set(key, nodes.length);
          nodes.push({ parent: at, id, run: one.id, token, ends: [] });
        } else if (nodes[known].token < 0 && token >= 0) {
          nodes[known].run = one.id;
          nodes[known].token = token;
        }
        at = known ?? nodes.length - 1;
      };
      for (const id of one.branch?.tokens ?? []) add(id, -1);
      for (const token of path) add(one.trace.tokens[token].id, token);
      if (at !== PROMPT) nodes[at].ends.push({ run: one.id, text });
    });
  }
  return nodes;
}
