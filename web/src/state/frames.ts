// When what streams is shown: all streams in one frame, and not in each, so that a long text does not keep the page busy.

const PACE = 50; // ms from one showing to the next
const PATIENCE = 300; // ms after which it is done without a frame: a tab in the background has none

const waiting = new Set<() => void>();
let planned = false;

/** Calls once, soon, however often it is asked for until then. */
export function soon(show: () => void) {
  waiting.add(show);
  if (planned) return;
  planned = true;
  setTimeout(() => {
    const late = setTimeout(flush, PATIENCE);
    requestAnimationFrame(() => {
      clearTimeout(late);
      flush();
    });
  }, PACE);
}

function flush() {
  planned = false;
  const shows = [...waiting];
  waiting.clear();
  for (const show of shows) show();
}
