// One document at several settings beside each other, by the same random numbers unless they are told apart.
import { common, distinct2, divergence, meanEntropy, type Divergence } from "../core/compare";
import { request, type Document, type Settings } from "../core/request";
import { tokensOf, type Run } from "../core/session";
import { Live } from "./live.svelte";
import { viewOf, type View } from "./view";
import type { Session } from "../core/session";

export const MOST = 4; // columns; with one request more they fit into a browser's connections

export class Column {
  /** What differs from the session's settings. */
  settings = $state.raw<Settings>({});
  live = $state.raw<Live | null>(null);
  run = $state.raw<Run | null>(null);
  text = 0;

  constructor(settings: Settings, run: Run | null = null, text = 0) {
    this.settings = settings;
    this.run = run;
    this.text = text;
  }

  view(session: Session): View | null {
    return this.live ?? (this.run && viewOf(session, this.run));
  }
}

/** How a column's text stands to the first one's. */
export interface Relation {
  common: number;
  divergence: Divergence | null;
}

export class Comparing {
  columns = $state.raw<Column[]>([]);
  linked = $state(true);

  get names(): string[] {
    return [...new Set(this.columns.flatMap((column) => Object.keys(column.settings)))];
  }

  get running() {
    return this.columns.some((column) => column.live?.live);
  }

  add(settings: Settings, run: Run | null = null, text = 0) {
    if (this.columns.length < MOST) this.columns = [...this.columns, new Column(settings, run, text)];
  }

  remove(column: Column) {
    column.live?.stop();
    this.columns = this.columns.filter((one) => one !== column);
  }

  stop() {
    for (const column of this.columns) column.live?.stop();
  }

  /** Runs columns at once; what one fails with leaves the others. `keep` gets each run that ended. */
  run(columns: Column[], document: Document, settings: Settings, keep: (run: Run) => void) {
    const seed = settings.seed ?? Math.floor(Math.random() * 2 ** 31);
    for (const column of columns) {
      column.live?.stop();
      const own = this.linked ? seed : Math.floor(Math.random() * 2 ** 31);
      const all = { ...settings, seed: own, ...column.settings };
      const live = new Live({ document, settings: all, body: request(document, all), branch: null, origin: null });
      column.live = live;
      column.run = null;
      column.text = 0;
      void live.go().then(() => {
        if (column.live === live) column.run = live.run();
        if (column.run) keep(column.run);
      });
    }
  }

  relation(column: Column): Relation | null {
    const [first] = this.columns;
    if (!first?.run || !column.run || column === first) return null;
    const [mine, theirs] = [tokensOf(first.run, first.text), tokensOf(column.run, column.text)];
    return {
      common: common(mine, theirs),
      divergence: divergence({ run: first.run, text: first.text }, { run: column.run, text: column.text }),
    };
  }
}

/** Returns the mean entropy of a text in nats, and how many of its pairs of tokens are different ones. */
export function measured(view: View, text: number): { entropy: number | null; distinct: number | null } {
  const path = view.lines[text]?.path;
  if (!view.trace || !path) return { entropy: null, distinct: null };
  return { entropy: meanEntropy(view.trace, path), distinct: distinct2(path.map((index) => view.trace!.tokens[index].id)) };
}
