// How each token of a text is marked: a step of the colour, and underlines.
import { isCut, step, type Kind } from "../core/colour";
import { reaches, redraw, type Sliders } from "../core/redraw";
import type { Row } from "../core/trace";
import type { Line, View } from "./view";

const LOOK = 3.5; // nats of entropy from which on a place is worth a look

/** Returns what tells the marks of a text's tokens as class names; `sliders` are null where the run had them. */
export function marker({ view, line }: { view: View | null; line: Line | null }, by: Kind, sliders: Sliders | null, parts: number | null): (place: number) => string {
  const trace = view?.trace;
  if (!view || !line || !trace) return () => "";
  const moved = sliders && reaches(trace.temperatures, sliders.temperature) ? sliders : null;
  const memory = new Map<number, Float64Array>();

  function drawn(row: Row) {
    if (!moved) return null;
    const into = memory.get(row.ids.length) ?? new Float64Array(row.ids.length);
    memory.set(row.ids.length, into);
    return redraw(row, trace!.temperatures, moved, into);
  }

  return (place) => {
    const token = trace.tokens[line.path[place]], row = trace.rows[token.row];
    const first = token.id === row.ids[0]; // it is kept at any settings
    const again = by === "changed" || !first ? drawn(row) : null;
    let marks = by === "none" ? "" : `s${step(by, row, token, again)}`;
    if (again && isCut(row, token, again)) marks += " cut";
    else if (place < view.forced || isForced(row)) marks += " forced";
    else if (row.entropy >= LOOK) marks += " look";
    if (place === parts) marks += " parts";
    return marks;
  };
}

/** Whether a constraint left one token. */
const isForced = (row: Row) => row.kept === 1 && row.steps.some((step) => step.kind === "constraint" && step.removed > 0) && row.tempered.filter((share) => share > 0).length === 1;
