/**
 * What is kept in the browser (IndexedDB): sessions, their runs, saved prompts.
 *
 * A run is written once and never changed. Nothing is deleted to make room: a full disk is told, and what was
 * there stays.
 */

import type { Run, Session } from "./session";

const NAME = "ponder";
const STORES = ["sessions", "runs", "prompts"] as const;
type Name = (typeof STORES)[number];

/** Brings a database from one version to the next; the first makes the stores. */
type Upgrade = (database: IDBDatabase, transaction: IDBTransaction) => void;
const UPGRADES: readonly Upgrade[] = [
  (database) => STORES.forEach((name) => database.createObjectStore(name, { keyPath: "id" })),
];

/** There is no room left: nothing was written, and nothing lost. */
export class StorageFull extends Error {
  constructor() {
    super("the browser has no room left: nothing more is saved until there is; export what you need");
  }
}

/** A session as it is kept: its runs by their identifiers, and when and how often it was written. */
interface Kept extends Omit<Session, "runs"> {
  runs: readonly string[];
  changed: number;
  revision: number;
}

/** What a list of sessions shows. */
export type Summary = Pick<Kept, "id" | "title" | "made" | "changed" | "document"> & { runs: number };

/** A prompt that was saved under a name; each saving is a version. */
export interface SavedPrompt {
  id: string;
  name: string;
  versions: readonly { made: number; document: Session["document"]; settings: Session["settings"] }[];
}

export class Store {
  readonly #database: IDBDatabase;
  readonly #channel: BroadcastChannel;
  readonly #revisions = new Map<string, number>(); // that this tab has seen

  #persisted: Promise<boolean> | undefined;

  private constructor(database: IDBDatabase) {
    this.#database = database;
    this.#channel = new BroadcastChannel(NAME);
    database.onversionchange = () => database.close(); // another tab has a newer page
  }

  static async open(upgrades = UPGRADES): Promise<Store> {
    const request = indexedDB.open(NAME, upgrades.length);
    request.onupgradeneeded = ({ oldVersion }) => {
      for (const upgrade of upgrades.slice(oldVersion))
        upgrade(request.result, request.transaction as IDBTransaction);
    };
    return new Store(await result(request));
  }

  /** Calls back when another tab has written a session. */
  onChange(call: (id: string) => void): void {
    this.#channel.onmessage = ({ data }) => call(String(data));
  }

  /** Returns what there is, the last changed first. */
  async sessions(): Promise<Summary[]> {
    const kept = await result<Kept[]>(
      this.#database.transaction("sessions").objectStore("sessions").getAll(),
    );
    const told = kept.map(({ id, title, made, changed, document, runs }) => ({
      id,
      title,
      made,
      changed,
      document,
      runs: runs.length,
    }));
    return told.sort((one, other) => other.changed - one.changed);
  }

  async load(id: string): Promise<Session | null> {
    const transaction = this.#database.transaction(["sessions", "runs"]);
    const kept = await result<Kept | undefined>(transaction.objectStore("sessions").get(id));
    if (!kept) return null;
    const { runs, changed: _, revision, ...session } = kept;
    this.#revisions.set(id, revision);
    const found = await Promise.all(
      runs.map((run) => result<Run | undefined>(transaction.objectStore("runs").get(run))),
    );
    return { ...session, runs: found.filter((run) => run !== undefined) };
  }

  /**
   * Writes a session and those of its runs that are not there. Where another tab has written it since it was
   * read here, the runs of both stay. Throws StorageFull.
   */
  async save(session: Session): Promise<void> {
    this.#persisted ??= navigator.storage?.persist?.().catch(() => false); // the browser may ask its user
    let revision = 0;
    await this.#write(["sessions", "runs"], async (transaction) => {
      const [sessions, runs] = [transaction.objectStore("sessions"), transaction.objectStore("runs")];
      const before = await result<Kept | undefined>(sessions.get(session.id));
      for (const run of session.runs) if ((await result(runs.getKey(run.id))) === undefined) runs.add(run);
      const seen = this.#revisions.get(session.id) ?? 0;
      const theirs = before && before.revision !== seen ? before.runs : [];
      revision = (before?.revision ?? 0) + 1;
      const ids = [...new Set([...theirs, ...session.runs.map(({ id }) => id)])];
      sessions.put({ ...session, runs: ids, changed: Date.now(), revision } satisfies Kept);
    });
    this.#revisions.set(session.id, revision);
    this.#channel.postMessage(session.id);
  }

  /** Forgets a session. Its runs stay until `sweep`, so that saving it again undoes this. */
  async remove(id: string): Promise<void> {
    await this.#write(
      ["sessions"],
      async (transaction) => void transaction.objectStore("sessions").delete(id),
    );
    this.#channel.postMessage(id);
  }

  /** Deletes the runs that no session has any more; returns how many. A person asks for it. */
  async sweep(): Promise<number> {
    let swept = 0;
    await this.#write(["sessions", "runs"], async (transaction) => {
      const kept = await result<Kept[]>(transaction.objectStore("sessions").getAll());
      const needed = new Set(kept.flatMap(({ runs }) => runs));
      const keys = await result(transaction.objectStore("runs").getAllKeys());
      const idle = keys.filter((key) => !needed.has(String(key)));
      for (const key of idle) transaction.objectStore("runs").delete(key);
      swept = idle.length;
    });
    return swept;
  }

  async prompts(): Promise<SavedPrompt[]> {
    return result<SavedPrompt[]>(this.#database.transaction("prompts").objectStore("prompts").getAll());
  }

  async savePrompt(prompt: SavedPrompt): Promise<void> {
    await this.#write(
      ["prompts"],
      async (transaction) => void transaction.objectStore("prompts").put(prompt),
    );
  }

  async removePrompt(id: string): Promise<void> {
    await this.#write(["prompts"], async (transaction) => void transaction.objectStore("prompts").delete(id));
  }

  close(): void {
    this.#channel.close();
    this.#database.close();
  }

  /** All of it is written, or nothing. */
  async #write(names: Name[], change: (transaction: IDBTransaction) => Promise<void>): Promise<void> {
    const transaction = this.#database.transaction(names, "readwrite");
    const done = new Promise<void>((resolve, reject) => {
      transaction.oncomplete = () => resolve();
      transaction.onabort = () => reject(transaction.error);
    });
    let failed: unknown = null;
    change(transaction).catch((error: unknown) => {
      failed = error;
      if (transaction.error === null) transaction.abort();
    });
    await done.catch((error: unknown) => {
      const cause = error ?? failed;
      throw cause instanceof DOMException && cause.name === "QuotaExceededError" ? new StorageFull() : cause;
    });
  }
}

/**
 * For upgrades: copies a store's records, converted, into a new one beside it. Where their numbers differ the
 * upgrade is given up, and all is as it was. The old store goes with the next version.
 */
export function copied(
  transaction: IDBTransaction,
  from: string,
  to: string,
  convert: (record: unknown) => unknown,
): void {
  const target = transaction.db.createObjectStore(to, { keyPath: "id" });
  const all = transaction.objectStore(from).getAll();
  all.onsuccess = () => {
    for (const record of all.result) target.put(convert(record));
    const count = target.count();
    count.onsuccess = () => {
      if (count.result !== all.result.length) transaction.abort();
    };
  };
}

function result<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error("the browser's storage failed"));
  });
}
