/** What GET /ponder/v1/info says: the model, the parameters, the limits, and what can be done here. */

import type { Source } from "./trace";

/** A parameter of requests. `min`, `max`: null where there is none; `over`, `under`: the bound itself is not allowed. */
export interface Parameter {
  name: string;
  type: string | string[];
  group: string;
  min: number | null;
  max: number | null;
  over: boolean;
  under: boolean;
  choices: unknown[] | null;
  /** The value that changes nothing. */
  neutral: unknown;
  /** The value that applies where a request says nothing; null: none, or drawn. */
  default: unknown;
  source: Source;
  help: string;
  /** Parameters of which one has to be set as well. */
  needs: string[];
  excludes: string[];
}

/** A decoder or mixture: what turns it on, all its settings, and what of sampling it refuses. */
export interface Decoder {
  setting: string;
  settings: string[];
  unused: string[];
}

export interface Info {
  version: string;
  model: {
    name: string;
    parameters: number;
    bits: number;
    context: number;
    vocabulary: number;
    fingerprint: string | null;
    special_tokens: { bos: number | null; eos: number[]; control: number[] };
    template: { system: boolean; tools: boolean } | null;
  };
  parameters: Parameter[];
  limits: Record<string, number | null>;
  features: {
    chat: boolean;
    draft: boolean;
    entropy_head: boolean;
    constraints: { name: string; help: string }[];
    semantics: { name: string; system: string; order: string[]; without: string[] }[];
    decoders: Decoder[];
    mixtures: Decoder[];
    strategies: {
      name: string;
      settings: { name: string; default: unknown; choices: unknown[] | null }[];
      reward_needed: boolean;
    }[];
    rewards: { name: string; needs: string[]; scale: string | null; refused: string | null }[];
  };
  key_required: boolean;
}
