// Every action of the page, by name, with its keys.
import type { Action } from "./keys.svelte";
import type { Page } from "./page.svelte";

// Where the focus goes within a pane: to the last of what is there of the first kind.
const STOPS = ["[role=listbox]", "[role=tab][aria-selected=true]", "textarea", "button:enabled"];
const PANES = ["pane-settings", "pane-document", "pane-inspector"];

function nextPane(step: 1 | -1) {
  const panes = PANES.map((id) => document.getElementById(id)).filter((pane) => pane !== null);
  const at = panes.findIndex((pane) => pane.contains(document.activeElement));
  const to = panes[(at + step + panes.length) % panes.length] ?? panes[0];
  const stop = STOPS.map((what) => [...(to?.querySelectorAll<HTMLElement>(what) ?? [])].findLast((one) => one.checkVisibility())).find((one) => one !== undefined);
  (stop ?? to)?.focus();
}

export function actionsOf(page: Page): Action[] {
  const dialogs = { presets: "Presets", compare: "Compare settings", code: "Code of this request", history: "History", share: "Share" } as const;
  return [
    { name: "run", title: "Run", keys: "Ctrl+Enter", run: () => page.send(), refused: () => page.cannotRun },
    { name: "stop", title: "Stop, and keep the text", keys: "Escape", run: () => page.stop(), refused: () => (page.running ? "" : "nothing runs") },
    { name: "next", title: "Next token", keys: "Alt+ArrowRight", run: () => page.step(1), refused: () => (page.here ? "" : "no token is chosen") },
    { name: "previous", title: "Previous token", keys: "Alt+ArrowLeft", run: () => page.step(-1), refused: () => (page.here ? "" : "no token is chosen") },
    { name: "alternatives", title: "Alternatives to this token", keys: "Ctrl+.", run: () => page.open("alternatives"), refused: () => (page.here ? "" : "no token is chosen") },
    { name: "go-on", title: "Go on from here with the present settings", keys: "Alt+Enter", run: () => page.branchTo(null), refused: () => (page.here ? page.cannotBranch : "no token is chosen") },
    { name: "sibling-before", title: "Previous branch", keys: "Alt+ArrowUp", run: () => page.sibling(-1) },
    { name: "sibling-after", title: "Next branch", keys: "Alt+ArrowDown", run: () => page.sibling(1) },
    { name: "undo", title: "Undo", keys: "Ctrl+Z", run: () => page.undo(), refused: () => (page.canUndo ? "" : "there is nothing to undo") },
    { name: "redo", title: "Redo", keys: "Ctrl+Shift+Z", run: () => page.redo(), refused: () => (page.canRedo ? "" : "there is nothing to redo") },
    { name: "pane-next", title: "Next pane", keys: "F6", run: () => nextPane(1) },
    { name: "pane-before", title: "Previous pane", keys: "Shift+F6", run: () => nextPane(-1) },
    { name: "palette", title: "Commands", keys: "Ctrl+K", run: () => page.open("palette") },
    { name: "help", title: "Keys", keys: "Ctrl+/", run: () => page.open("help") },
    { name: "settings", title: "Show or hide the settings", keys: "", run: () => page.toggleSettings() },
    { name: "reset-sliders", title: "Reset the what-if sliders", keys: "", run: () => page.slide(null), refused: () => (page.moved ? "" : "they are where the run had them") },
    { name: "use-sliders", title: "Use the what-if sliders for the next run", keys: "", run: () => page.useSliders(), refused: () => (page.moved ? "" : "they are where the run had them") },
    { name: "new", title: "New session", keys: "", run: () => page.begin() },
    { name: "theme", title: "Next theme", keys: "", run: () => page.nextTheme() },
    ...Object.entries(dialogs).map(([name, title]): Action => ({ name, title, keys: "", run: () => page.open(name as keyof typeof dialogs) })),
  ];
}
