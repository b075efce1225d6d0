// The server that the page came from: whether it is there, what it has, and the key that it asks for.
import * as api from "../core/api";
import type { Info } from "../core/info";

const AGAIN = 1000; // ms between two looks at a server that is not ready
const WATCH = 15000; // and at one that is
const UNAUTHORISED = 401;

export class Server {
  info = $state.raw<Info | null>(null);
  state = $state<"loading" | "ready" | "gone" | "key">("loading");
  reason = $state("");
  keyRefused = $state(false);

  /** Is done once the server has told what it has. */
  readonly known: Promise<void>;
  #tell!: () => void;

  constructor() {
    this.known = new Promise((resolve) => (this.#tell = resolve));
  }

  /** Looks at the server until it is ready, and then now and again. Returns what ends that. */
  watch(): () => void {
    let timer = 0;
    let ended = false;
    const look = async () => {
      await this.#look();
      if (!ended) timer = window.setTimeout(look, this.state === "ready" ? WATCH : AGAIN);
    };
    void look();
    return () => {
      ended = true;
      clearTimeout(timer);
    };
  }

  /** Takes a key; says whether the server knows it. */
  async unlock(key: string): Promise<boolean> {
    api.key.set(key);
    await this.#look();
    return this.state === "ready";
  }

  async #look() {
    const { ready, why } = await api.health();
    this.reason = why;
    if (!ready) {
      this.state = why === "the server cannot be reached" ? "gone" : "loading";
      return;
    }
    try {
      this.info ??= await api.info();
      this.state = "ready";
      this.#tell();
    } catch (error) {
      this.reason = api.sentence(error);
      const asked = error instanceof api.ApiError && error.status === UNAUTHORISED;
      this.state = asked ? "key" : "loading";
      this.keyRefused = asked && api.key.get() !== null;
    }
  }
}
