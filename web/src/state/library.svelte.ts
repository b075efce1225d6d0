// The sessions and prompts that this browser keeps. What cannot be saved is said; nothing is deleted to make room.
import { sentence } from "../core/api";
import { identifier, type Session } from "../core/session";
import { StorageFull, Store, type SavedPrompt, type Summary } from "../core/store";

const DELAY = 600; // ms after the last change

export class Library {
  sessions = $state.raw<Summary[]>([]);
  prompts = $state.raw<SavedPrompt[]>([]);
  /** Why nothing is saved; empty: all is. */
  problem = $state("");

  #store: Promise<Store>;
  #timer = 0;
  #saved: Session | null = null;
  #waiting: Session | null = null;

  constructor() {
    this.#store = Store.open();
    this.#store
      .then((store) => {
        store.onChange(() => void this.refresh());
        return this.refresh();
      })
      .catch((error: unknown) => (this.problem = `this browser keeps nothing: ${sentence(error)}`));
  }

  async refresh() {
    const store = await this.#store;
    this.sessions = await store.sessions();
    this.prompts = await store.prompts();
  }

  /** Saves a session soon. */
  keep(session: Session) {
    if (session === this.#saved) return;
    this.#waiting = session;
    clearTimeout(this.#timer);
    this.#timer = window.setTimeout(() => void this.flush(), DELAY);
  }

  /** Saves now what waits. */
  async flush() {
    const session = this.#waiting;
    if (!session) return;
    this.#waiting = null;
    await this.#try(async (store) => {
      await store.save(session);
      this.#saved = session;
      if (this.sessions.length === 0) void navigator.storage?.persist?.();
    });
  }

  async load(id: string): Promise<Session | null> {
    const session = await (await this.#store).load(id);
    this.#saved = session;
    return session;
  }

  async remove(id: string) {
    await this.#try((store) => store.remove(id));
  }

  async sweep() {
    await this.#try(async (store) => void (await store.sweep()));
  }

  /** Saves a prompt under a name: as a further version, where the name is there. */
  async savePrompt(name: string, { document, settings }: Pick<Session, "document" | "settings">) {
    const before = this.prompts.find((one) => one.name === name);
    const version = { made: Date.now(), document, settings };
    await this.#try((store) => store.savePrompt({ id: before?.id ?? identifier(), name, versions: [...(before?.versions ?? []), version] }));
  }

  async removePrompt(id: string) {
    await this.#try((store) => store.removePrompt(id));
  }

  async #try(change: (store: Store) => Promise<void>) {
    try {
      await change(await this.#store);
      this.problem = "";
      await this.refresh();
    } catch (error) {
      this.problem = error instanceof StorageFull ? error.message : `this could not be saved: ${sentence(error)}`;
    }
  }
}
