// What keys do: each action of the page has a name, a title and a chord, which can be another in this browser.
import { remembered } from "./remembered.svelte";

export interface Action {
  name: string;
  title: string;
  /** Modifiers in this order, then the key: "Ctrl+Alt+Shift+ArrowUp". Ctrl is also the Command key. */
  keys: string;
  run: () => void;
  /** Why it cannot be done now; empty: it can. */
  refused?: () => string;
}

const own = remembered<Record<string, string>>("keys", {});

/** The chord of a key that is pressed. */
export function chord(event: KeyboardEvent): string {
  const held = [
    (event.ctrlKey || event.metaKey) && "Ctrl",
    event.altKey && "Alt",
    event.shiftKey && "Shift",
    event.key.length === 1 ? event.key.toUpperCase() : event.key,
  ];
  return held.filter(Boolean).join("+");
}

export const keysOf = (action: Action) => own.value[action.name] ?? action.keys;

export function rebind(action: Action, keys: string) {
  const { [action.name]: _, ...others } = own.value;
  own.value = keys === action.keys ? others : { ...others, [action.name]: keys };
}

/** Whether a chord may be an action's: one without Ctrl or Alt would take a letter from who types or dictates. */
export const allowed = (keys: string) => /^(Ctrl|Alt)\+/.test(keys) || /^(Shift\+)?F\d+$/.test(keys) || keys === "Escape";

const UNDOING = ["undo", "redo"];

/** Whether keys change a text there: then the browser undoes what was typed. */
const isTyping = (target: EventTarget | null) =>
  target instanceof HTMLInputElement ? !["range", "checkbox"].includes(target.type) : target instanceof HTMLTextAreaElement || (target instanceof HTMLElement && target.isContentEditable);

/** Runs the action that a pressed key means, if any. */
export function press(actions: readonly Action[], event: KeyboardEvent) {
  if (event.isComposing || event.defaultPrevented) return;
  const keys = chord(event);
  const action = actions.find((one) => keysOf(one) === keys);
  if (!action || action.refused?.() || (UNDOING.includes(action.name) && isTyping(event.target))) return;
  event.preventDefault();
  action.run();
}

/** A chord as people read it. */
export const spoken = (keys: string) =>
  keys
    .replace("Ctrl", navigator.platform.startsWith("Mac") ? "⌘" : "Ctrl")
    .replace("Arrow", "")
    .replaceAll("+", " ")
    .replace("Escape", "Esc");
