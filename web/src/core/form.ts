/** What a JSON value must be, as functions that return it typed or say in one sentence what is wrong. */

/** A value does not have its form: where, and what is allowed there. */
export class FormError extends Error {
  readonly place: string;
  readonly rule: string;

  constructor(rule: string, place = "") {
    super(`${place.replace(/^\./, "") || "it"} ${rule}`);
    this.place = place;
    this.rule = rule;
  }
}

/** Returns a value as T. Throws FormError. */
export interface Form<T> {
  (value: unknown): T;
  /** Whether a member of this form may be missing. */
  readonly missing?: true;
}

const MAX_DEPTH = 32;
const MAX_LIST = 2_000_000;

/** Returns an error about a part as one about what the part is in. */
function within(part: string, error: unknown): unknown {
  return error instanceof FormError ? new FormError(error.rule, part + error.place) : error;
}

export const number: Form<number> = (value) => {
  if (typeof value !== "number" || !Number.isFinite(value)) throw new FormError("should be a finite number");
  return value;
};

export const whole: Form<number> = (value) => {
  if (!Number.isInteger(value) || Math.abs(value as number) >= 2 ** 63)
    throw new FormError("should be a whole number");
  return value as number;
};

export const text: Form<string> = (value) => {
  if (typeof value !== "string") throw new FormError("should be text");
  return value;
};

export const flag: Form<boolean> = (value) => {
  if (typeof value !== "boolean") throw new FormError("should be true or false");
  return value;
};

export function oneOf<T extends string | number>(...allowed: T[]): Form<T> {
  return (value) => {
    const found = allowed.find((one) => one === value);
    if (found === undefined) throw new FormError(`should be one of ${allowed.join(", ")}`);
    return found;
  };
}

export function nullable<T>(form: Form<T>): Form<T | null> {
  return (value) => (value === null ? null : form(value));
}

/** A member that may be missing; then it is left out. */
export function optional<T>(form: Form<T>): Form<T | undefined> {
  return Object.assign((value: unknown) => form(value), { missing: true as const });
}

/** A list of at most so many. */
export function list<T>(form: Form<T>, most = MAX_LIST): Form<T[]> {
  return (value) => {
    if (!Array.isArray(value)) throw new FormError("should be a list");
    if (value.length > most)
      throw new FormError(`should have at most ${most} members, and has ${value.length}`);
    const found = new Array<T>(value.length);
    let i = 0;
    try {
      for (; i < value.length; i++) found[i] = form(value[i]);
    } catch (error) {
      throw within(`[${i}]`, error);
    }
    return found;
  };
}

/** An object whose names are not known before; `names` says which may be. */
export function record<T>(form: Form<T>, names: RegExp): Form<Record<string, T>> {
  return (value) => {
    const members: [string, T][] = [];
    for (const [name, member] of Object.entries(objectOf(value))) {
      if (!names.test(name)) throw new FormError(`should not have the member ${shown(name)}`);
      try {
        members.push([name, form(member)]);
      } catch (error) {
        throw within(`.${name}`, error);
      }
    }
    return Object.fromEntries(members); // defines members: "__proto__" would be one like the others
  };
}

/** An object with these members; others are passed over. */
export function object<T>(fields: { [Name in keyof T]-?: Form<T[Name]> }): Form<T> {
  const forms = Object.entries(fields) as [string, Form<unknown>][];
  return (value) => {
    const given = objectOf(value);
    const found: Record<string, unknown> = {};
    let place = "";
    try {
      for (const [name, form] of forms) {
        place = name;
        const member = Object.hasOwn(given, name) ? given[name] : undefined;
        if (member !== undefined) found[name] = form(member);
        else if (!form.missing) throw new FormError("is missing");
      }
    } catch (error) {
      throw within(`.${place}`, error);
    }
    return found as T;
  };
}

/** Any JSON value that is not nested too deeply. */
export const any: Form<unknown> = (value) => {
  bound(value, MAX_DEPTH);
  return value;
};

function bound(value: unknown, depth: number): void {
  if (depth === 0) throw new FormError(`should be at most ${MAX_DEPTH} deep`);
  if (typeof value === "number" && !Number.isFinite(value))
    throw new FormError("should have finite numbers only");
  if (typeof value === "object" && value !== null)
    for (const one of Object.values(value)) bound(one, depth - 1);
}

function objectOf(value: unknown): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new FormError("should be an object");
  return value as Record<string, unknown>;
}

/** A hostile text, short enough for a sentence. */
export function shown(value: string): string {
  return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
}

/** Returns JSON of at most so many bytes as a value. Throws FormError. */
export function parsed(json: string | Uint8Array, most: number): unknown {
  const size = typeof json === "string" ? json.length : json.byteLength;
  if (size > most) throw new FormError(`should have at most ${most} bytes, and has ${size}`);
  try {
    return JSON.parse(
      typeof json === "string" ? json : new TextDecoder("utf-8", { fatal: true }).decode(json),
    );
  } catch (error) {
    if (error instanceof TypeError) throw new FormError("should be UTF-8");
    if (error instanceof SyntaxError) throw new FormError("should be JSON");
    throw new FormError("should be JSON that fits into memory");
  }
}
