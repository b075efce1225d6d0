
"use strict";
const trace = JSON.parse(document.getElementById("trace").textContent);
const PROMPT = -1;
const byId = (id) => document.getElementById(id);
const state = { text: 0, token: null };

function make(name, text, className) {
  const element = document.createElement(name);
  if (text !== undefined) element.textContent = text;
  if (className) element.className = className;
  return element;
}

// Control and direction-changing characters as escapes.
function visible(text) {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (character) => {
    if (character === "\n") return "⏎";
    if (character === "\t") return "⇥";
    return "\\u{" + character.codePointAt(0).toString(16) + "}";
  });
}

const spelled = (id) => visible(trace.vocabulary[id].text);
const rowOf = (token) => trace.rows[token.row];

// The logarithm of the tail's sum at a temperature: linear in 1 / T between those of the trace.
function tailAt(row, temperature) {
  const grid = trace.temperatures;
  const above = Math.max(0, grid.findIndex((one) => one >= temperature));
  const high = row.tails[above];
  if (high === null) return -Infinity;
  if (grid[above] === temperature || above === 0) return high;
  const low = row.tails[above - 1];
  if (low === null) return -Infinity;
  const start = 1 / grid[above - 1], end = 1 / grid[above];
  return low + (1 / temperature - start) / (end - start) * (high - low);
}

// The raw distribution at a temperature: probabilities of the top tokens, and of all others together.
function redraw(row, temperature) {
  const scaled = row.logits.map((logit) => logit / temperature);
  const rest = tailAt(row, temperature);
  const largest = scaled.reduce((a, b) => Math.max(a, b), rest);
  const weights = scaled.map((value) => Math.exp(value - largest));
  const others = Math.exp(rest - largest);
  const total = weights.reduce((a, b) => a + b, others);
  return { probs: weights.map((weight) => weight / total), tail: others / total };
}

// How many of the falling probabilities top-p keeps: those with less than p ahead of them.
function nucleus(probs, p) {
  let ahead = 0;
  for (let count = 0; count < probs.length; count++) {
    if (ahead >= p) return count;
    ahead += probs[count];
  }
  return probs.length;
}

function shade(entropy) {
  const share = Math.min(1, entropy / 5);
  return `hsl(${Math.round(130 * (1 - share))} 70% 50% / 0.35)`;
}

function tokenButton(number) {
  const token = trace.tokens[number];
  const button = make("button", spelled(token.id));
  button.type = "button";
  button.style.background = shade(rowOf(token).entropy);
  button.title = `logprob ${token.logprob.toFixed(3)}, entropy ${rowOf(token).entropy.toFixed(2)}`;
  button.dataset.token = number;
  button.addEventListener("click", () => choose(number));
  return button;
}

function choose(number) {
  state.token = number;
  mark();
  drawToken();
}

// Shows which token is chosen. Each list of tokens is one stop of the tab key.
function mark() {
  for (const list of ["#tokens", "#tree"]) {
    const buttons = [...document.querySelectorAll(`${list} button`)];
    const chosen = (button) => Number(button.dataset.token) === state.token;
    const stop = buttons.find(chosen) ?? buttons[0];
    for (const button of buttons) {
      button.setAttribute("aria-pressed", String(chosen(button)));
      button.tabIndex = button === stop ? 0 : -1;
    }
  }
}

function walk(event) {
  const buttons = [...event.currentTarget.querySelectorAll("button")];
  const at = buttons.indexOf(document.activeElement);
  const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: buttons.length - 1 }[event.key];
  if (at < 0 || event.ctrlKey || event.altKey || event.metaKey || buttons[to] === undefined) return;
  event.preventDefault();
  buttons[to].focus();
  choose(Number(buttons[to].dataset.token));
}

function drawEntropy(tokens) {
  const svg = byId("entropy"), rows = tokens.map((number) => rowOf(trace.tokens[number]));
  const most = rows.reduce((value, row) => Math.max(value, row.entropy), 1);
  const width = Math.max(1, rows.length - 1);
  svg.setAttribute("viewBox", `0 0 ${width} 48`);
  svg.setAttribute("preserveAspectRatio", "none");
  const line = document.createElementNS(svg.namespaceURI, "polyline");
  const place = (row, i) => `${i},${(46 - 44 * row.entropy / most).toFixed(2)}`;
  line.setAttribute("points", rows.map(place).join(" "));
  svg.replaceChildren(line);
}

function drawTabs() {
  byId("tabs").replaceChildren(...(trace.texts.length < 2 ? [] : trace.texts.map((one, i) => {
    const tab = make("button", `${i}: ${one.score.toFixed(2)}`);
    tab.type = "button";
    tab.addEventListener("click", () => { state.text = i; state.token = one.tokens[0] ?? null; drawText(); });
    return tab;
  })));
}

function drawText() {
  const text = trace.texts[state.text];
  [...byId("tabs").children].forEach((tab, i) => tab.setAttribute("aria-pressed", String(i === state.text)));
  if (!text) return;
  byId("ending").textContent = `${text.finish_reason}, logprob ${text.logprob.toFixed(3)}, score ${text.score.toFixed(3)}`;
  byId("tokens").replaceChildren(...text.tokens.map(tokenButton));
  mark();
  drawEntropy(text.tokens);
  drawToken();
}

function cells(row, values) {
  for (const value of values) row.append(make("td", value, "number"));
  return row;
}

function drawToken() {
  byId("token").hidden = state.token === null;
  if (state.token === null) return;
  const token = trace.tokens[state.token], row = rowOf(token);
  byId("chosen").textContent = `“${spelled(token.id)}” — rank ${token.rank}`;
  byId("numbers").textContent =
    `id ${token.id}; logprob ${token.logprob.toFixed(4)} raw, ${token.tempered_logprob.toFixed(4)} tempered, ` +
    `${token.truncated_logprob.toFixed(4)} truncated; entropy ${row.entropy.toFixed(3)} nats`;
  byId("steps").tBodies[0].replaceChildren(...row.steps.map((step) => {
    const line = make("tr");
    line.append(make("td", visible(step.step)));
    return cells(line, [step.removed, step.mass.toFixed(4), step.changed || ""]);
  }));
  drawBars(token, row);
}

function drawBars(token, row) {
  const again = byId("again").checked;
  const temperature = Number(byId("temperature").value), p = Number(byId("top-p").value);
  byId("temperature-value").textContent = temperature.toFixed(2);
  byId("top-p-value").textContent = p.toFixed(2);
  byId("temperature").disabled = byId("top-p").disabled = !again;
  let probs = row.tempered, kept = row.truncated.map((share) => share > 0);
  if (again) {
    const drawn = redraw(row, temperature), count = nucleus(drawn.probs, p);
    probs = drawn.probs;
    kept = probs.map((_, i) => i < count);
    const held = probs.slice(0, count).reduce((a, b) => a + b, 0);
    const more = count === probs.length && held < p ? " of the tokens listed, and others," : " tokens";
    byId("kept").textContent = `${count}${more} hold ${(more === " tokens" ? held : p).toFixed(3)} of the mass at ${temperature.toFixed(2)}`;
  } else {
    byId("kept").textContent = `${row.kept} of ${trace.vocab_size} tokens were kept; they hold ${row.kept_mass.toFixed(3)} of the mass`;
  }
  const largest = probs.reduce((a, b) => Math.max(a, b), 1e-9);
  byId("bars").tBodies[0].replaceChildren(...row.ids.map((id, i) => {
    const line = make("tr");
    line.className = (kept[i] ? "" : "cut ") + (id === token.id ? "chosen" : "");
    line.append(make("td", spelled(id), "word"));
    cells(line, [probs[i].toFixed(4)]);
    const bar = make("span", undefined, "bar"), cell = make("td");
    bar.style.width = `${100 * probs[i] / largest}%`;
    cell.append(bar);
    if (!kept[i]) cell.append(make("span", "cut", "spoken"));
    if (id === token.id) line.setAttribute("aria-current", "true");
    line.append(cell);
    return line;
  }));
}

// Chains of tokens without a branch are one item; pruned ones are faint.
function drawTree() {
  const below = new Map(), living = new Set(trace.texts.flatMap((text) => text.tokens));
  trace.tokens.forEach((token, number) => {
    if (!below.has(token.parent)) below.set(token.parent, []);
    below.get(token.parent).push(number);
  });
  byId("search").hidden = false;
  const waiting = [[byId("tree"), PROMPT]];
  while (waiting.length) {
    const [list, above] = waiting.pop();
    for (let number of below.get(above) ?? []) {
      const item = make("li", undefined, living.has(number) ? "" : "pruned");
      item.append(tokenButton(number));
      while ((below.get(number) ?? []).length === 1) {
        [number] = below.get(number);
        item.append(tokenButton(number));
      }
      const token = trace.tokens[number], score = token.score === null ? "" : token.score.toFixed(2);
      item.append(make("span", `${score} ${token.ended ?? ""}`, "score"));
      list.append(item);
      if (below.has(number)) {
        const further = make("ul");
        item.append(further);
        waiting.push([further, number]);
      }
    }
  }
}

byId("model").textContent = visible(trace.model);
byId("prompt").textContent = trace.prompt.split("\n").map(visible).join("\n");
byId("params").textContent = Object.entries(trace.params)
  .filter(([, param]) => param.source !== "default")
  .map(([name, param]) => visible(`${name} ${JSON.stringify(param.value)}`))
  .join(", ");
const grid = trace.temperatures, slider = byId("temperature");
slider.min = grid[0];
slider.max = grid[grid.length - 1];
const asked = trace.params.temperature?.value, topP = trace.params.top_p?.value;
slider.value = typeof asked === "number" && asked > 0 ? asked : 1;
byId("top-p").value = typeof topP === "number" ? topP : 1;
for (const id of ["temperature", "top-p", "again"]) byId(id).addEventListener("input", drawToken);
for (const id of ["tokens", "tree"]) byId(id).addEventListener("keydown", walk);
state.token = trace.texts[0]?.tokens[0] ?? (trace.tokens.length ? 0 : null);
if (trace.tokens.some((token) => token.score !== null)) drawTree();
drawTabs();
drawText();
drawToken();
