/** The parameters that a person sets: what differs from the defaults, what is allowed, and all in one line. */

import type { Info, Parameter } from "./info";
import type { Settings } from "./request";

/** Whether two JSON values are the same. */
export function same(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

/** Returns the settings that say something else than the server's defaults, in the order of its parameters. */
export function differing(settings: Settings, parameters: readonly Parameter[]): Record<string, unknown> {
  const known = parameters.filter(
    ({ name, default: usual }) => isSet(settings[name]) && !same(settings[name], usual),
  );
  const names = new Set(parameters.map(({ name }) => name));
  const others = Object.keys(settings).filter((name) => !names.has(name) && isSet(settings[name]));
  return Object.fromEntries(
    [...known.map(({ name }) => name), ...others].map((name) => [name, settings[name]]),
  );
}

const isSet = (value: unknown) => value !== undefined && value !== null;

/** Returns what differs from the defaults in one line, such as "temperature 0.8, top p 0.9". */
export function summary(settings: Settings, parameters: readonly Parameter[]): string {
  const told = Object.entries(differing(settings, parameters)).map(
    ([name, value]) => `${spoken(name)} ${short(value)}`,
  );
  return told.join(", ") || "all as the server has it";
}

/** A parameter's name as words. */
export const spoken = (name: string): string => name.replaceAll("_", " ");

function short(value: unknown): string {
  const told = typeof value === "string" ? value : JSON.stringify(value);
  return told.length > 40 ? `${told.slice(0, 39)}…` : told;
}

/** Says in one sentence what is wrong with a setting; null: nothing that can be seen here. */
export function fault(parameter: Parameter, value: unknown, settings: Settings): string | null {
  const { name, min, max, over, under, choices, needs, excludes } = parameter;
  if (!isSet(value)) return null;
  const types = [parameter.type].flat();
  const numeric = types.includes("number") || types.includes("integer");
  if (typeof value === "number" && numeric) {
    if (!Number.isFinite(value)) return `${name} should be a finite number`;
    if (!types.includes("number") && !Number.isInteger(value)) return `${name} should be a whole number`;
    if (min !== null && (value < min || (over && value === min)))
      return `${name} should be ${over ? "over" : "at least"} ${min}`;
    if (max !== null && (value > max || (under && value === max)))
      return `${name} should be ${under ? "under" : "at most"} ${max}`;
  } else if (numeric && types.length === 1) {
    return `${name} should be a number`;
  }
  if (choices && typeof value === "string" && !choices.includes(value))
    return `${name} should be one of ${choices.join(", ")}`;
  if (same(value, parameter.neutral)) return null;
  const other = excludes.find((one) => isSet(settings[one]) && settings[one] !== false);
  if (other) return `${name} cannot be set together with ${other}`;
  if (needs.length && !needs.some((one) => isSet(settings[one])))
    return `${name} is set only together with ${needs.join(" or ")}`;
  return null;
}

/** Returns the parameters by their groups, both in the server's order. */
export function grouped({ parameters }: Pick<Info, "parameters">): Map<string, Parameter[]> {
  const groups = new Map<string, Parameter[]>();
  for (const one of parameters) groups.set(one.group, [...(groups.get(one.group) ?? []), one]);
  return groups;
}
