/** States that were, to go back to and forth again. */

export interface History<T> {
  readonly past: readonly T[];
  readonly present: T;
  readonly future: readonly T[];
  /** What the last change was of; a further change of the same joins it. */
  readonly kind: string | null;
}

const MOST = 500;

export const started = <T>(present: T): History<T> => ({ past: [], present, future: [], kind: null });

/** Returns the history with a new state. Changes of one kind in a row, such as typing, are undone together. */
export function changed<T>(history: History<T>, present: T, kind: string | null = null): History<T> {
  if (present === history.present) return history;
  const joins = kind !== null && kind === history.kind && history.past.length > 0;
  const past = joins ? history.past : [...history.past, history.present].slice(-MOST);
  return { past, present, future: [], kind };
}

export function undone<T>(history: History<T>): History<T> {
  const { past, present, future } = history;
  if (!past.length) return history;
  return {
    past: past.slice(0, -1),
    present: past[past.length - 1],
    future: [present, ...future],
    kind: null,
  };
}

export function redone<T>(history: History<T>): History<T> {
  const { past, present, future } = history;
  if (!future.length) return history;
  return { past: [...past, present], present: future[0], future: future.slice(1), kind: null };
}
