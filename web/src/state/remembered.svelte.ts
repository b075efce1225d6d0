// Small things that this browser remembers: sizes, the theme, keys. Where it cannot, they last as long as the page.

const PREFIX = "ponder.";

export function remembered<Value>(name: string, otherwise: Value, area: "localStorage" | "sessionStorage" = "localStorage") {
  let value = $state.raw(read() ?? otherwise);

  function read(): Value | undefined {
    try {
      const text = window[area].getItem(PREFIX + name);
      return text === null ? undefined : (JSON.parse(text) as Value);
    } catch {
      return undefined;
    }
  }

  return {
    get value() {
      return value;
    },
    set value(next: Value) {
      value = next;
      try {
        window[area].setItem(PREFIX + name, JSON.stringify(next));
      } catch {
        // private windows and full disks: it is only for convenience
      }
    },
  };
}
