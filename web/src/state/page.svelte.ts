// What the page shows, in one place: panes read it, and change it through its methods alone.
import type { Kind } from "../core/colour";
import { diceOf, obstacle, parting, type Dice } from "../core/dart";
import type { Parameter } from "../core/info";
import type { Sliders } from "../core/redraw";
import { request, type Branch, type Document, type Message, type Role, type Settings } from "../core/request";
import { FormError } from "../core/form";
import { messagesFile, sessionFile, traceFile } from "../core/file";
import { opened as openedLink } from "../core/share";
import { sentence } from "../core/api";
import { answered, begun, branchAt, edited, grown, runOf, type Origin, type Place, type Run, type Session } from "../core/session";
import { fault } from "../core/settings";
import { numberOf, type Row, type Token, type Trace } from "../core/trace";
import { changed, redone, started, undone } from "../core/undo";
import { visible } from "../core/visible";
import { Live, type Ask } from "./live.svelte";
import { marker } from "./marks";
import { Comparing } from "./comparing.svelte";
import { Library } from "./library.svelte";
import { remembered } from "./remembered.svelte";
import { Server } from "./server.svelte";
import { Solving } from "./solving.svelte";
import { beginning, remember, viewOf, type Line, type View } from "./view";

export type Mode = "chat" | "completion" | "solve";
export type PhoneView = "text" | "choice" | "tree" | "settings" | "more";
export type Tab = "choice" | "systems" | "tree" | "constraints" | "search";
export type Theme = "system" | "light" | "dark";
export type DialogName = "palette" | "help" | "key" | "alternatives" | "presets" | "code" | "history" | "share" | "compare";

/** A piece of the document as it is shown: a message, or the text that the model wrote. */
export interface Turn {
  /** Stays the same while the piece does. */
  id: string;
  role: Role | "text";
  text: string;
  /** What of it was written by hand, before its tokens. */
  begun: string;
  /** Its place in the document; null: the answer that is shown below it. */
  message: number | null;
  view: View | null;
  line: Line | null;
}

/** The token that is looked at, with what it belongs to. */
export interface Here {
  turn: Turn;
  view: View;
  trace: Trace;
  path: readonly number[];
  place: number;
  token: Token;
  row: Row;
  dice: Dice | null;
  /** Why the random number is not known, or what else hinders to throw the dart again. */
  noDice: string;
}

const OWN: Sliders = { temperature: 1, top_k: 0, top_p: 1, min_p: 0 };
const NAMES = ["temperature", "top_k", "top_p", "min_p"] as const;
const THEMES: Theme[] = ["system", "light", "dark"];
const NEW: Record<Document["kind"], Document> = { chat: { kind: "chat", messages: [] }, completion: { kind: "completion", prompt: "" } };
const SEEDS = 2 ** 31;

export class Page {
  readonly server = new Server();
  readonly library = new Library();
  readonly compare = new Comparing();
  readonly solve = new Solving();
  readonly theme = remembered<Theme>("theme", "system");
  readonly colour = remembered<Kind>("colour", "entropy");
  readonly settingsOpen = remembered("settings-open", true);
  readonly #last = remembered<string | null>("session", null);

  #history = $state.raw(started(begun(NEW.chat)));
  solving = $state(false);
  draft = $state("");
  live = $state.raw<Live | null>(null);
  selected = $state.raw<{ turn: string; place: number } | null>(null);
  whatIf = $state.raw<Sliders | null>(null);
  dialog = $state<DialogName | null>(null);
  tab = $state<Tab>("choice");
  view = $state<PhoneView>("text");
  drawer = $state(false);
  phone = $state(false);
  said = $state("");
  /** What a person should know, until it is put away. */
  notice = $state("");
  /** A text that is compared with the one that is shown. */
  other = $state.raw<Place | null>(null);

  // What is shown

  get session(): Session {
    return this.#history.present;
  }

  get mode(): Mode {
    return this.solving ? "solve" : this.session.document.kind;
  }

  /** What would be asked now: what is written and not sent yet is its last message. */
  get document(): Document {
    const { document } = this.session;
    if (document.kind === "completion" || !this.draft.trim()) return document;
    const text = this.answer?.line?.text;
    const before = text === undefined ? document : answered(document, text);
    return { kind: "chat", messages: [...(before.kind === "chat" ? before.messages : []), { role: "user", content: this.draft }] };
  }

  get system(): string {
    const { document } = this.session;
    return document.kind === "chat" && document.messages[0]?.role === "system" ? document.messages[0].content : "";
  }

  /** The answer that is shown below the document: one that is being written, else one of the session's. */
  readonly answer = $derived.by((): { view: View; line: Line | null } | null => {
    const { live, session } = this;
    if (live && (live.live || (live.error && !runOf(session, live.id)))) {
      void live.version;
      return { view: live, line: live.lines[0] ?? null };
    }
    const run = session.place && runOf(session, session.place.run);
    if (!run) return null;
    const view = viewOf(session, run);
    return { view, line: view.lines[session.place!.text] ?? null };
  });

  /** Grows whenever there is more to be shown. */
  readonly version = $derived(this.answer?.view.version ?? 0);

  readonly #written = $derived.by((): Turn[] => {
    const { document, runs } = this.session;
    if (document.kind !== "chat") return [];
    return document.messages.flatMap(({ role, content }, message): Turn[] => {
      if (role === "system" && message === 0) return [];
      const found = role === "assistant" ? runs.find((run) => answers(run.document, document.messages, message) && this.#texts(run.id).includes(content)) : undefined;
      const view = found ? viewOf(this.session, found) : null;
      return [{ id: `m${message}`, role, text: content, begun: "", message, view, line: view?.lines.find((line) => line.text === content) ?? null }];
    });
  });

  readonly turns = $derived.by((): Turn[] => {
    const { answer } = this;
    if (!answer) return this.#written;
    const role = this.mode === "chat" ? "assistant" : "text";
    const last = this.#written.at(-1);
    const goesOn = last?.role === "assistant"; // what was begun by hand stands before it
    const written = goesOn ? this.#written.slice(0, -1) : this.#written;
    const begun = goesOn ? last.text : "";
    return [...written, { id: "answer", role, text: begun + (answer.line?.text ?? ""), begun, message: null, ...answer }];
  });

  #texts(run: string) {
    const one = runOf(this.session, run);
    return one ? viewOf(this.session, one).lines.map((line) => line.text) : [];
  }

  readonly here = $derived.by((): Here | null => {
    const { selected } = this;
    const turn = this.turns.find((one) => one.id === selected?.turn);
    if (!selected || !turn?.view?.trace || !turn.line) return null;
    const { view, line } = turn, { trace } = turn.view;
    const token = trace.tokens[line.path[selected.place]];
    if (!token) return null;
    const dice = diceOf(trace, line.lineage);
    const known = typeof dice !== "string";
    return { turn, view, trace, path: line.path, place: selected.place, token, row: trace.rows[token.row], dice: known ? dice : null, noDice: known ? (obstacle(trace) ?? "") : dice };
  });

  /** The text whose numbers are shown: the one that is looked at, else the last. */
  readonly shown = $derived(this.here?.turn ?? this.turns.findLast((turn) => turn.line?.path.length) ?? null);

  /** The settings that the text which is shown was drawn with. */
  readonly own = $derived.by((): Sliders => {
    const trace = this.shown?.view?.trace;
    if (!trace) return OWN;
    const value = (name: keyof Sliders) => numberOf(trace, name) ?? OWN[name];
    return { temperature: value("temperature"), top_k: value("top_k"), top_p: value("top_p"), min_p: value("min_p") };
  });
  readonly sliders = $derived(this.whatIf ?? this.own);
  readonly moved = $derived(this.whatIf !== null && NAMES.some((name) => this.whatIf![name] !== this.own[name]));

  /** Where the text would part at the sliders' settings, in words. */
  readonly parts = $derived.by((): { at: number | null; sentence: string } => {
    const { here } = this;
    void this.version;
    if (!here?.dice || !this.moved) return { at: null, sentence: "" };
    const { trace, path } = here, { forced } = here.view;
    const found = parting(trace, path.slice(forced), { ...here.dice, start: forced }, this.sliders);
    const unknown = found.unknown && { ...found.unknown, at: found.unknown.at + forced };
    const other = found.other && { ...found.other, at: found.other.at + forced };
    const name = (id: number) => `“${visible(trace.vocabulary[id]?.text ?? String(id))}”`;
    if (unknown && (!other || unknown.at <= other.at)) {
      const before = unknown.at ? `The first ${unknown.at} tokens would be the same; from token ${unknown.at} on it cannot be said` : "Where the text would part cannot be said";
      return { at: unknown.at, sentence: `${before}: ${unknown.why}.` };
    }
    if (!other) return { at: null, sentence: "With the same random numbers the text would be the same." };
    return { at: other.at, sentence: `The text would part at token ${other.at}: ${name(other.id)} instead of ${name(trace.tokens[path[other.at]].id)}.` };
  });

  /** The numbers of the text that is shown, token by token. */
  readonly places = $derived.by(() => {
    void this.version;
    const trace = this.shown?.view?.trace, line = this.shown?.line;
    if (!trace || !line) return [];
    return line.path.map((index) => {
      const token = trace.tokens[index], row = trace.rows[token.row];
      return { token: visible(trace.vocabulary[token.id].text), entropy: row.entropy, surprise: -token.logprob, kept: row.kept };
    });
  });

  marks(turn: Turn) {
    const looked = this.shown?.id === turn.id;
    return marker(turn, this.colour.value, this.moved && looked ? this.sliders : null, looked ? this.parts.at : null);
  }

  /** All texts of the session that answer its document, in the order in which they came. */
  readonly branches = $derived.by((): Place[] => {
    const { document, runs } = this.session;
    const asked = JSON.stringify(document);
    return runs.filter((run) => JSON.stringify(run.document) === asked).flatMap((run) => viewOf(this.session, run).lines.map((_, text) => ({ run: run.id, text })));
  });
  readonly branch = $derived(this.branches.findIndex(({ run, text }) => run === this.session.place?.run && text === this.session.place.text));

  get title() {
    const { document } = this.session;
    const first = document.kind === "completion" ? document.prompt : (document.messages.find((one) => one.role === "user")?.content ?? "");
    return first.trim() ? `${first.trim().slice(0, 60)} — ponder` : "ponder playground";
  }

  /** The run of the session that is shown. */
  get run(): Run | null {
    const { place } = this.session;
    return place && runOf(this.session, place.run);
  }

  /** The seed of the text that is shown. */
  get seed(): number | null {
    const trace = this.answer?.view.trace;
    const seed = trace?.seed ?? (trace ? numberOf(trace, "seed") : undefined);
    return seed ?? null;
  }

  /** What can be saved as files. */
  get files() {
    const { session } = this;
    const { run } = this;
    const text = this.answer?.line?.text;
    return {
      session: () => sessionFile(session),
      trace: run ? () => traceFile(run) : null,
      text: text === undefined ? null : () => text,
      messages: text === undefined ? null : () => messagesFile(session.document, text),
    };
  }

  get running() {
    return (this.live?.live ?? false) || this.solve.status === "running";
  }

  /** What the server says that the constraint did to the text that is shown, beyond its rows. */
  get constrained(): string {
    const { live } = this;
    void this.version;
    const told = live && live.id === this.shown?.view?.id ? live.constrained : null;
    return told ? `It rewound ${told.rewinds ?? 0} times and refused ${told.refused ?? 0} tokens.` : "";
  }

  get parameters(): Parameter[] {
    return this.server.info?.parameters ?? [];
  }

  /** Whether a conversation has no message. */
  get empty() {
    const { document } = this;
    return document.kind === "chat" && !document.messages.some((one) => one.role !== "system");
  }

  /** Why nothing can be run now; empty: it can. */
  readonly cannotRun = $derived.by(() => {
    if (this.running) return "something runs already";
    if (this.server.state === "key") return "the server asks for a key";
    if (this.server.state !== "ready") return "the server is not ready";
    return this.empty ? "write a message first" : "";
  });

  /** Why no branch can begin at the token that is looked at; empty: one can. */
  readonly cannotBranch = $derived.by(() => {
    const { here } = this;
    if (!here) return "no token is chosen";
    if (this.running) return "something runs already";
    if (this.server.state !== "ready") return "the server is not ready";
    return runOf(this.session, here.view.id) ? "" : "the run was not kept";
  });

  /** Why a setting cannot be set, or is not as it may be; empty: nothing that can be seen here. */
  refusedSetting(parameter: Parameter): string {
    const { settings } = this.session;
    const value = settings[parameter.name];
    if (value !== undefined) return fault(parameter, value, settings) ?? "";
    const other = parameter.excludes.find((name) => settings[name] !== undefined);
    return other ? `not together with ${other}` : "";
  }

  // What changes it

  /** Begins to watch the server; returns what ends that. */
  start() {
    const leave = () => {
      this.stop();
      const run = this.live?.run();
      if (run && this.live && !runOf(this.session, run.id)) this.#take(this.live);
      void this.library.flush();
    };
    const follow = () => void this.#follow(location.hash);
    addEventListener("pagehide", leave);
    addEventListener("hashchange", follow);
    void this.#restore();
    const unwatch = this.server.watch();
    return () => {
      removeEventListener("pagehide", leave);
      removeEventListener("hashchange", follow);
      unwatch();
    };
  }

  /** Shows what was shown when the page was left, or what a link has. */
  async #restore() {
    const id = this.#last.value;
    const session = id === null ? null : await this.library.load(id).catch(() => null);
    if (session && !this.session.runs.length && !this.draft) this.show(session);
    await this.#follow(location.hash);
  }

  /** Fills the form with what a link has. Nothing runs. */
  async #follow(hash: string) {
    try {
      const shared = await openedLink(hash);
      if (!shared) return;
      history.replaceState(null, "", location.pathname + location.search);
      this.fill({ document: shared.document, settings: { ...shared.settings, ...(shared.seed !== undefined && { seed: shared.seed }) } });
      await this.server.known;
      const mine = this.server.info?.model.fingerprint;
      const same = mine != null && mine === shared.fingerprint;
      this.notice = same
        ? "A link filled the form. This is the same model, so Run gives the same text, token for token."
        : "A link filled the form. It came from another model than this one, so the text may be another.";
    } catch (error) {
      if (!(error instanceof FormError)) throw error;
      this.notice = `This link cannot be opened: ${sentence(error)}.`;
    }
  }

  change(session: Session, kind: string | null = null) {
    this.#history = changed(this.#history, session, kind);
    if (!session.runs.length) return;
    this.library.keep(session);
    this.#last.value = session.id;
  }

  get canUndo() {
    return this.#history.past.length > 0;
  }

  get canRedo() {
    return this.#history.future.length > 0;
  }

  undo() {
    this.#history = undone(this.#history);
    this.say("undone");
  }

  redo() {
    this.#history = redone(this.#history);
    this.say("done again");
  }

  say(text: string) {
    this.said = text;
  }

  open(name: DialogName) {
    this.dialog = name;
  }

  close() {
    this.dialog = null;
  }

  look(view: PhoneView) {
    this.view = view;
  }

  toggleSettings() {
    if (window.innerWidth >= 1200) this.settingsOpen.value = !this.settingsOpen.value;
    else if (this.phone) this.look("settings");
    else this.drawer = !this.drawer;
  }

  nextTheme() {
    this.theme.value = THEMES[(THEMES.indexOf(this.theme.value) + 1) % THEMES.length];
  }

  /** Tries a key; the dialog stays until the server knows it. */
  async unlock(key: string) {
    if (await this.server.unlock(key)) this.close();
  }

  /** Shows another session: a new one, one of the history, or one from a file. Nothing runs. */
  show(session: Session) {
    this.stop();
    if (this.live) this.#take(this.live);
    void this.library.flush();
    this.#history = started(session);
    this.solving = false;
    this.live = null;
    this.selected = null;
    this.whatIf = null;
    this.draft = "";
    this.notice = "";
  }

  /** Begins a session with a document and settings; nothing runs. */
  fill({ document, settings }: Pick<Session, "document" | "settings">) {
    this.show(begun(document, settings));
  }

  compareWith(place: Place) {
    this.other = place;
    this.open("compare");
  }

  begin(kind = this.session.document.kind) {
    this.show(begun(NEW[kind], this.session.settings));
  }

  turnTo(mode: Mode) {
    if (mode === this.mode) return;
    this.solving = mode === "solve";
    if (mode !== "solve" && mode !== this.session.document.kind) this.begin(mode);
  }

  instruct(system: string) {
    const { document } = this.session;
    if (document.kind !== "chat") return;
    const others = this.system ? document.messages.slice(1) : document.messages;
    this.change(edited(this.session, { document: { ...document, messages: system.trim() ? [{ role: "system", content: system }, ...others] : others } }), "system");
  }

  write(prompt: string) {
    this.change(edited(this.session, { document: { kind: "completion", prompt } }), "prompt");
  }

  set(name: string, value: unknown) {
    const { [name]: _, ...others } = this.session.settings;
    this.change(edited(this.session, { settings: value === undefined ? others : { ...others, [name]: value } }), `setting ${name}`);
  }

  setAll(settings: Settings) {
    this.change(edited(this.session, { settings }));
  }

  select(place: number, turn = this.shown?.id) {
    if (turn === undefined) return;
    if (this.selected?.turn !== turn) this.whatIf = null;
    this.selected = { turn, place };
  }

  step(by: number) {
    const { here } = this;
    if (here) this.select(Math.min(here.path.length - 1, Math.max(0, here.place + by)));
  }

  slide(sliders: Sliders | null) {
    this.whatIf = sliders;
  }

  useSliders() {
    if (!this.moved) return;
    this.setAll({ ...this.session.settings, ...this.sliders });
    this.say("the next run has the sliders' settings");
  }

  /** Shows a text of the session below the document that it answers. */
  visit(place: Place) {
    const run = runOf(this.session, place.run);
    if (!run) return;
    this.change(edited(this.session, { document: run.document, place }), "visit");
  }

  sibling(step: 1 | -1) {
    const to = this.branches[this.branch + step];
    if (!to || this.running) return;
    this.visit(to);
    this.say(`branch ${this.branch + 1} of ${this.branches.length}`);
  }

  /** Changes a message; what came after it is left out, and can be had back by undoing. */
  edit(turn: Turn, text: string) {
    const { document } = this.session;
    if (document.kind === "completion") {
      this.change(edited(this.session, { document: answered(document, text), place: null }));
      return;
    }
    const at = turn.message ?? document.messages.length;
    const kept = turn.message === null && document.messages.at(-1)?.role === "assistant" ? document.messages.slice(0, -1) : document.messages.slice(0, at);
    const role = turn.role as Message["role"];
    this.change(edited(this.session, { document: { ...document, messages: [...kept, { role, content: text }] }, place: null }));
    this.selected = null;
  }

  // What asks the server

  /** Sends what is written; where nothing is, lets what is there be answered or gone on with. */
  send() {
    if (this.cannotRun) return;
    const { document } = this;
    if (document !== this.session.document) this.change(edited(this.session, { document, place: null }));
    this.draft = "";
    this.#run(document, this.session.settings, null, null);
  }

  /** Goes on with another token in the place of the one that is looked at; null: from there with the same. */
  branchTo(id: number | null) {
    const { here } = this;
    const run = here && runOf(this.session, here.view.id);
    if (!here || !run || this.cannotBranch) return;
    const text = here.view.lines.findIndex((line) => line.path === here.path);
    const at = id === null ? here.place + 1 : here.place;
    const { branch, origin } = branchAt(run, text, at, id);
    const { place } = here;
    const seed = here.trace.seed ?? numberOf(here.trace, "seed");
    this.change(edited(this.session, { document: run.document, place: { run: run.id, text } }), "visit");
    this.#run(run.document, { ...this.session.settings, n: 1, ...(seed !== undefined && { seed }) }, branch, origin);
    this.selected = { turn: "answer", place };
  }

  stop() {
    this.live?.stop();
    this.solve.stop();
  }

  /** Keeps a run that was made beside what is shown. */
  keep(run: Run) {
    this.change({ ...grown(this.session, run), place: this.session.place ?? { run: run.id, text: 0 } });
  }

  solveNow() {
    this.tab = "search";
    this.say("started");
    const { constraint, ...settings } = this.session.settings;
    const sampled = this.parameters.filter((one) => !["search", "speculation", "mixture"].includes(one.group)).map((one) => one.name);
    const sampling = Object.fromEntries(Object.entries(settings).filter(([name]) => sampled.includes(name) && name !== "n"));
    void this.solve.run(sampling, constraint).then(() => this.say(this.solve.error || `solve ${this.solve.status}`));
  }

  #run(document: Document, settings: Settings, branch: Branch | null, origin: Origin | null) {
    const given = { ...settings, seed: settings.seed ?? Math.floor(Math.random() * SEEDS) };
    const searched = ["num_beams", "stochastic_beams"].some((name) => settings[name] !== undefined);
    const body = request(document, searched ? settings : given, branch, { trace: true, tree: searched, progress: true });
    const ask: Ask = { document, settings, body, branch, origin };
    const live = new Live(ask, beginning(this.session, origin));
    this.live = live;
    this.selected = null;
    this.whatIf = null;
    this.say("started");
    void live.go().then(() => this.#ended(live));
  }

  #take(live: Live) {
    const run = live.run();
    if (!run || runOf(this.session, run.id)) return;
    remember(run, live);
    this.change(grown(this.session, run));
  }

  #ended(live: Live) {
    if (this.live === live) this.#take(live);
    this.say(live.status === "failed" ? live.error : `${live.status}, ${live.count} tokens`);
  }
}

/** Whether a run was asked what stands before a message. */
function answers(document: Document, messages: readonly Message[], at: number): boolean {
  return document.kind === "chat" && document.messages.length === at && JSON.stringify(document.messages) === JSON.stringify(messages.slice(0, at));
}
