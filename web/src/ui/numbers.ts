// How numbers are written everywhere in the page.

const COUNT = new Intl.NumberFormat("en");

export const count = (value: number) => COUNT.format(value);

/** A share as a percentage; what is not nothing is never written as nothing. */
export function percent(share: number): string {
  if (share === 0) return "0 %";
  if (share < 0.0001) return "< 0.01 %";
  if (share > 0.9999 && share < 1) return "> 99.99 %";
  return `${(100 * share).toFixed(share < 0.01 ? 2 : 1)} %`;
}

export const fixed = (value: number, digits = 3) =>
  (Object.is(value, -0) || Math.abs(value) < 10 ** -digits / 2 ? 0 : value).toFixed(digits).replace("-", "−");

/** A number as short as it says the same to six digits. */
export const short = (value: number) => String(Number(value.toPrecision(6)));

export const plural = (number: number, noun: string) => `${count(number)} ${noun}${number === 1 ? "" : "s"}`;
