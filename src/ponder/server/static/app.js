import { A as delegated, B as only_child, C as set_text, D as props_id, E as from_html, F as user_effect, G as user_derived, H as proxy, I as $document, J as push, K as remove_textarea_child, L as $window, M as get, N as deferred_template_effect, O as text$1, P as template_effect, R as child, S as mount, T as comment, U as set, V as sibling, W as state, X as reset, Y as next, Z as to_array, _ as head, a as bind_value, b as index, c as set_checked, d as init_select, f as select_option, g as attach, h as clsx, i as bind_element_size, j as event, k as delegate, l as set_value, m as set_class, n as bind_window_size, o as remove_input_defaults, p as set_style, q as pop, r as bind_this, s as set_attribute, t as prop, u as bind_select_value, v as snippet, w as append, x as if_block, y as each, z as first_child } from "./vendor.js";
// src/state/actions.ts
var PANES = [
	"pane-settings",
	"pane-document",
	"pane-inspector"
];
function nextPane(step) {
	const panes = PANES.map((id) => document.getElementById(id)).filter((pane) => pane !== null);
	const to = panes[(panes.findIndex((pane) => pane.contains(document.activeElement)) + step + panes.length) % panes.length] ?? panes[0];
	(to?.querySelector("[role=listbox], [role=tab][aria-selected=true], [role=tree], textarea, button:enabled, input") ?? to)?.focus();
}
function actionsOf(page) {
	return [
		{
			name: "run",
			title: "Run",
			keys: "Ctrl+Enter",
			run: () => page.send(),
			refused: () => page.cannotRun
		},
		{
			name: "stop",
			title: "Stop, and keep the text",
			keys: "Escape",
			run: () => page.stop(),
			refused: () => page.running ? "" : "nothing runs"
		},
		{
			name: "next",
			title: "Next token",
			keys: "Alt+ArrowRight",
			run: () => page.step(1),
			refused: () => page.here ? "" : "no token is chosen"
		},
		{
			name: "previous",
			title: "Previous token",
			keys: "Alt+ArrowLeft",
			run: () => page.step(-1),
			refused: () => page.here ? "" : "no token is chosen"
		},
		{
			name: "alternatives",
			title: "Alternatives to this token",
			keys: "Ctrl+.",
			run: () => page.open("alternatives"),
			refused: () => page.here ? "" : "no token is chosen"
		},
		{
			name: "go-on",
			title: "Go on from here with the present settings",
			keys: "Alt+Enter",
			run: () => page.branchTo(null),
			refused: () => page.here ? page.cannotBranch : "no token is chosen"
		},
		{
			name: "sibling-before",
			title: "Previous branch",
			keys: "Alt+ArrowUp",
			run: () => page.sibling(-1)
		},
		{
			name: "sibling-after",
			title: "Next branch",
			keys: "Alt+ArrowDown",
			run: () => page.sibling(1)
		},
		{
			name: "undo",
			title: "Undo",
			keys: "Ctrl+Z",
			run: () => page.undo(),
			refused: () => page.canUndo ? "" : "there is nothing to undo"
		},
		{
			name: "redo",
			title: "Redo",
			keys: "Ctrl+Shift+Z",
			run: () => page.redo(),
			refused: () => page.canRedo ? "" : "there is nothing to redo"
		},
		{
			name: "pane-next",
			title: "Next pane",
			keys: "F6",
			run: () => nextPane(1)
		},
		{
			name: "pane-before",
			title: "Previous pane",
			keys: "Shift+F6",
			run: () => nextPane(-1)
		},
		{
			name: "palette",
			title: "Commands",
			keys: "Ctrl+K",
			run: () => page.open("palette")
		},
		{
			name: "help",
			title: "Keys",
			keys: "Ctrl+/",
			run: () => page.open("help")
		},
		{
			name: "settings",
			title: "Show or hide the settings",
			keys: "",
			run: () => page.toggleSettings()
		},
		{
			name: "reset-sliders",
			title: "Reset the what-if sliders",
			keys: "",
			run: () => page.slide(null),
			refused: () => page.moved ? "" : "they are where the run had them"
		},
		{
			name: "use-sliders",
			title: "Use the what-if sliders for the next run",
			keys: "",
			run: () => page.useSliders(),
			refused: () => page.moved ? "" : "they are where the run had them"
		},
		{
			name: "new",
			title: "New session",
			keys: "",
			run: () => page.begin()
		},
		{
			name: "theme",
			title: "Next theme",
			keys: "",
			run: () => page.nextTheme()
		},
		...Object.entries({
			presets: "Presets",
			compare: "Compare settings",
			code: "Code of this request",
			history: "History",
			share: "Share"
		}).map(([name, title]) => ({
			name,
			title,
			keys: "",
			run: () => page.open(name)
		}))
	];
}
// src/state/remembered.svelte.ts
var PREFIX = "ponder.";
function remembered(name, otherwise, area = "localStorage") {
	let value = state(read() ?? otherwise);
	function read() {
		try {
			const text = window[area].getItem(PREFIX + name);
			return text === null ? void 0 : JSON.parse(text);
		} catch {
			return;
		}
	}
	return {
		get value() {
			return get(value);
		},
		set value(next) {
			set(value, next);
			try {
				window[area].setItem(PREFIX + name, JSON.stringify(next));
			} catch {}
		}
	};
}
// src/state/keys.svelte.ts
var own = remembered("keys", {});
function chord(event) {
	return [
		(event.ctrlKey || event.metaKey) && "Ctrl",
		event.altKey && "Alt",
		event.shiftKey && "Shift",
		event.key.length === 1 ? event.key.toUpperCase() : event.key
	].filter(Boolean).join("+");
}
var keysOf = (action) => own.value[action.name] ?? action.keys;
function rebind(action, keys) {
	const { [action.name]: _, ...others } = own.value;
	own.value = keys === action.keys ? others : {
		...others,
		[action.name]: keys
	};
}
/** Whether a chord may be an action's: one without Ctrl or Alt would take a letter from who types or dictates. */
var allowed = (keys) => /^(Ctrl|Alt)\+/.test(keys) || /^(Shift\+)?F\d+$/.test(keys) || keys === "Escape";
/** Runs the action that a pressed key means, if any. */
function press(actions, event) {
	if (event.isComposing || event.defaultPrevented) return;
	const keys = chord(event);
	const action = actions.find((one) => keysOf(one) === keys);
	if (!action || action.refused?.()) return;
	event.preventDefault();
	action.run();
}
/** A chord as people read it. */
var spoken$1 = (keys) => keys.replace("Ctrl", navigator.platform.startsWith("Mac") ? "⌘" : "Ctrl").replace("Arrow", "").replaceAll("+", " ").replace("Escape", "Esc");
// src/core/philox.ts
/** Returns a whole number below 2^53 as words; null for another, which JavaScript cannot hold exactly. */
function words(value) {
	return Number.isSafeInteger(value) && value >= 0 ? [value % 2 ** 32, Math.floor(value / 2 ** 32)] : null;
}
/** The upper half of the product of two 32-bit numbers. */
function high(a, b) {
	const [lowA, highA, lowB, highB] = [
		a & 65535,
		a >>> 16,
		b & 65535,
		b >>> 16
	];
	const middle = highA * lowB + (lowA * lowB >>> 16);
	const other = lowA * highB + (middle & 65535);
	return highA * highB + (middle >>> 16) + (other >>> 16) >>> 0;
}
/** Philox-4x32-10 (Salmon et al., SC 2011): a counter of four 32-bit words and a key of two -> four words. */
function philox(counter, key) {
	let [c0 = 0, c1 = 0, c2 = 0, c3 = 0] = counter;
	let [k0, k1] = key;
	for (let round = 0; round < 10; round++) {
		const left = high(3528531795, c0);
		const right = high(3449720151, c2);
		const [lowLeft, lowRight] = [Math.imul(3528531795, c0) >>> 0, Math.imul(3449720151, c2) >>> 0];
		c0 = (right ^ c1 ^ k0) >>> 0;
		c1 = lowRight;
		c2 = (left ^ c3 ^ k1) >>> 0;
		c3 = lowLeft;
		k0 = k0 + 2654435769 >>> 0;
		k1 = k1 + 3144134277 >>> 0;
	}
	return [
		c0,
		c1,
		c2,
		c3
	];
}
/** Returns the number in [0, 1), of 53 random bits, that chooses the token at a position of a stream. */
function uniform(seed, stream, position) {
	const [first, second] = philox([
		position,
		stream[0],
		0,
		stream[1]
	], seed);
	return ((first >>> 5) * 67108864 + (second >>> 6)) / 9007199254740992;
}
// src/core/lineage.ts
/** Where a text branched off, and so whose random numbers it draws: `ponder.asks.path`. */
/** Returns the lineage of branch `child` of a text that has `position` tokens. */
function branched(lineage, position, child) {
	return child ? [...lineage, [position, child]] : lineage;
}
/** Returns the part of a lineage that a text has once it is cut to so many tokens. */
function cutTo(lineage, tokens) {
	return lineage.filter(([position]) => position <= tokens);
}
/** Returns the stream of random numbers of a lineage. */
function streamOf(lineage) {
	const [first] = lineage;
	if (!first) return [0, 0];
	if (lineage.length === 1 && first[0] === 0) return words(first[1]) ?? [0, 0];
	const [low, high] = blake2b8(new TextEncoder().encode(lineage.map((pair) => pair.join(":")).join(",")));
	return [low, (high | 2147483648) >>> 0];
}
var MASK = (1n << 64n) - 1n;
var INITIAL = [
	7640891576956012808n,
	13503953896175478587n,
	4354685564936845355n,
	11912009170470909681n,
	5840696475078001361n,
	11170449401992604703n,
	2270897969802886507n,
	6620516959819538809n
];
var SIGMA = [
	"0123456789abcdef",
	"ea489fd61c02b753",
	"b8c052fdae367194",
	"7931dcbe265a40f8",
	"905724afe1bc683d",
	"2c6a0b834d75fe19",
	"c51fed4a0763928b",
	"db7ec13950f4862a",
	"6fe9b308c2d714a5",
	"a2847615fb9e3cd0"
].map((line) => [...line].map((digit) => Number.parseInt(digit, 16)));
var COLUMNS = [
	[
		0,
		4,
		8,
		12
	],
	[
		1,
		5,
		9,
		13
	],
	[
		2,
		6,
		10,
		14
	],
	[
		3,
		7,
		11,
		15
	]
];
var DIAGONALS = [
	[
		0,
		5,
		10,
		15
	],
	[
		1,
		6,
		11,
		12
	],
	[
		2,
		7,
		8,
		13
	],
	[
		3,
		4,
		9,
		14
	]
];
var PLACES = [...COLUMNS, ...DIAGONALS];
var BLOCK = 128;
function blake2b8(message) {
	const state = INITIAL.slice();
	state[0] ^= 16842760n;
	for (let start = 0; start === 0 || start < message.length; start += BLOCK) {
		const end = Math.min(start + BLOCK, message.length);
		const block = new Uint8Array(BLOCK);
		block.set(message.subarray(start, end));
		compress(state, new BigUint64Array(block.buffer), BigInt(end), end === message.length);
	}
	const digest = state[0];
	return [Number(digest & 4294967295n), Number(digest >> 32n)];
}
function compress(state, block, read, last) {
	const v = [...state, ...INITIAL];
	const add = (...terms) => terms.reduce((sum, one) => sum + one, 0n) & MASK;
	const turn = (value, bits) => (value >> bits | value << 64n - bits) & MASK;
	v[12] ^= read;
	if (last) v[14] ^= MASK;
	for (let round = 0; round < 12; round++) {
		const order = SIGMA[round % 10];
		PLACES.forEach(([a, b, c, d], i) => {
			for (const [half, first, second] of [[
				0,
				32n,
				24n
			], [
				1,
				16n,
				63n
			]]) {
				v[a] = add(v[a], v[b], block[order[2 * i + half]]);
				v[d] = turn(v[d] ^ v[a], first);
				v[c] = add(v[c], v[d]);
				v[b] = turn(v[b] ^ v[c], second);
			}
		});
	}
	for (let i = 0; i < 8; i++) state[i] ^= v[i] ^ v[i + 8];
}
// src/core/redraw.ts
/** Whether a trace tells what is at a temperature. */
function reaches(temperatures, temperature) {
	return temperature === 0 || temperature >= temperatures[0] && temperature <= temperatures.at(-1);
}
/**
* Returns a row at the sliders' settings, without penalties and constraint: temperature, top-k, top-p and min-p.
* The same numbers as `ponder.traces.redraw`. `into` is memory for the probabilities.
* Throws RangeError for a temperature that the trace does not reach.
*/
function redraw(row, temperatures, sliders, into) {
	const { logits } = row;
	const count = logits.length;
	const probs = into?.length === count ? into : new Float64Array(count);
	const { temperature } = sliders;
	if (!reaches(temperatures, temperature)) throw new RangeError(`temperature should be one that the trace has, not ${temperature}`);
	if (temperature === 0) {
		probs.fill(0);
		probs[0] = 1;
		return {
			probs,
			tail: 0,
			kept: 1,
			beyond: false,
			mass: 1
		};
	}
	const rest = tailAt(row.tails, temperatures, temperature);
	const largest = Math.max(logits[0] / temperature, rest);
	const others = Math.exp(rest - largest);
	let total = others;
	for (let i = 0; i < count; i++) total += probs[i] = Math.exp(logits[i] / temperature - largest);
	for (let i = 0; i < count; i++) probs[i] = probs[i] / total;
	return {
		probs,
		tail: others / total,
		...truncate(probs, others / total, sliders)
	};
}
/** The logarithm of the sum over all other tokens at a temperature within the grid; -Infinity where there is none. */
function tailAt(tails, temperatures, temperature) {
	let above = 0;
	while (temperatures[above] < temperature) above++;
	const high = tails[above];
	if (high === null) return -Infinity;
	if (temperatures[above] === temperature) return high;
	const low = tails[above - 1];
	if (low === null) return -Infinity;
	const start = 1 / temperatures[above - 1];
	const end = 1 / temperatures[above];
	return low + (1 / temperature - start) / (end - start) * (high - low);
}
function truncate(probs, tail, { top_k, top_p, min_p }) {
	const count = probs.length;
	let kept = count;
	let beyond = tail > 0;
	if (top_k > 0 && top_k <= count) {
		kept = top_k;
		beyond = false;
	}
	if (top_p < 1) {
		const named = sum(probs, kept);
		const most = nucleus(probs, kept, top_p * (beyond ? 1 : named));
		kept = beyond && top_k > 0 ? nucleus(probs, kept, top_p * named) : most;
		beyond &&= kept < most || most === count && named < top_p;
	}
	if (min_p > 0) {
		const least = min_p * probs[0];
		while (kept > 1 && probs[kept - 1] < least) {
			kept--;
			beyond = false;
		}
	}
	return {
		kept,
		beyond,
		mass: sum(probs, kept)
	};
}
/** How many of the first `count` of falling probabilities have less than `p` ahead of them. */
function nucleus(probs, count, p) {
	let ahead = 0;
	for (let i = 0; i < count; i++) {
		if (ahead >= p) return i;
		ahead += probs[i];
	}
	return count;
}
function sum(probs, count) {
	let total = 0;
	for (let i = 0; i < count; i++) total += probs[i];
	return total;
}
// src/core/form.ts
/** What a JSON value must be, as functions that return it typed or say in one sentence what is wrong. */
/** A value does not have its form: where, and what is allowed there. */
var FormError = class extends Error {
	place;
	rule;
	constructor(rule, place = "") {
		super(`${place.replace(/^\./, "") || "it"} ${rule}`);
		this.place = place;
		this.rule = rule;
	}
};
var MAX_DEPTH = 32;
var MAX_LIST = 2e6;
/** Runs a check of a part, and names the part in what it throws. */
function at(part, check) {
	try {
		return check();
	} catch (error) {
		if (error instanceof FormError) throw new FormError(error.rule, part + error.place);
		throw error;
	}
}
var number = (value) => {
	if (typeof value !== "number" || !Number.isFinite(value)) throw new FormError("should be a finite number");
	return value;
};
var whole = (value) => {
	if (!Number.isInteger(value) || Math.abs(value) >= 2 ** 63) throw new FormError("should be a whole number");
	return value;
};
var text = (value) => {
	if (typeof value !== "string") throw new FormError("should be text");
	return value;
};
function oneOf(...allowed) {
	return (value) => {
		const found = allowed.find((one) => one === value);
		if (found === void 0) throw new FormError(`should be one of ${allowed.join(", ")}`);
		return found;
	};
}
function nullable(form) {
	return (value) => value === null ? null : form(value);
}
/** A member that may be missing; then it is left out. */
function optional(form) {
	return Object.assign((value) => form(value), { missing: true });
}
/** A list of at most so many. */
function list(form, most = MAX_LIST) {
	return (value) => {
		if (!Array.isArray(value)) throw new FormError("should be a list");
		if (value.length > most) throw new FormError(`should have at most ${most} members, and has ${value.length}`);
		const found = new Array(value.length);
		let i = 0;
		try {
			for (; i < value.length; i++) found[i] = form(value[i]);
		} catch (error) {
			throw error instanceof FormError ? new FormError(error.rule, `[${i}]${error.place}`) : error;
		}
		return found;
	};
}
/** An object whose names are not known before; `names` says which may be. */
function record(form, names) {
	return (value) => {
		const members = Object.entries(objectOf(value)).map(([name, member]) => {
			if (!names.test(name)) throw new FormError(`should not have the member ${shown$1(name)}`);
			return [name, at(`.${name}`, () => form(member))];
		});
		return Object.fromEntries(members);
	};
}
/** An object with these members; others are passed over. */
function object(fields) {
	const forms = Object.entries(fields);
	return (value) => {
		const given = objectOf(value);
		const found = {};
		for (const [name, form] of forms) {
			const member = Object.hasOwn(given, name) ? given[name] : void 0;
			if (member !== void 0) found[name] = at(`.${name}`, () => form(member));
			else if (!form.missing) throw new FormError("is missing", `.${name}`);
		}
		return found;
	};
}
/** Any JSON value that is not nested too deeply. */
var any = (value) => {
	bound(value, MAX_DEPTH);
	return value;
};
function bound(value, depth) {
	if (depth === 0) throw new FormError(`should be at most ${MAX_DEPTH} deep`);
	if (typeof value === "number" && !Number.isFinite(value)) throw new FormError("should have finite numbers only");
	if (typeof value === "object" && value !== null) for (const one of Object.values(value)) bound(one, depth - 1);
}
function objectOf(value) {
	if (typeof value !== "object" || value === null || Array.isArray(value)) throw new FormError("should be an object");
	return value;
}
/** A hostile text, short enough for a sentence. */
function shown$1(value) {
	return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
}
var LOWEST = .01;
var HIGHEST = 100;
var MAX_TOP = 1e3;
var MAX_TEXTS = 1e5;
var REASON = oneOf("stop", "length", "constraint", "deadline", "until");
var BYTES = (value) => {
	if (!/^([0-9a-f]{2})*$/i.test(text(value))) throw new FormError("should be bytes in hexadecimal");
	return value;
};
var VOCABULARY = record(object({
	text,
	bytes: BYTES
}), /^\d{1,10}$/);
var PARAMS = record(object({
	value: any,
	source: oneOf("caller", "checkpoint", "default", "resolved")
}), /^[A-Za-z]\w{0,99}$/);
var STEP = object({
	step: text,
	kind: oneOf("constraint", "penalty", "temperature", "truncation"),
	removed: whole,
	mass: number,
	changed: whole
});
var LOGPROB = (value) => value === null ? -Infinity : number(value);
var ROW = object({
	entropy: number,
	kept: whole,
	kept_mass: number,
	ids: list(whole, MAX_TOP),
	logits: list(number, MAX_TOP),
	tempered: list(number, MAX_TOP),
	truncated: list(number, MAX_TOP),
	tails: list(nullable(number), MAX_TOP),
	steps: list(STEP, MAX_TOP)
});
var TOKEN = object({
	id: whole,
	parent: whole,
	row: whole,
	logprob: LOGPROB,
	tempered_logprob: LOGPROB,
	truncated_logprob: LOGPROB,
	rank: whole,
	score: nullable(number),
	ended: nullable(REASON),
	index: optional(whole)
});
var TEXT = object({
	text,
	tokens: list(whole),
	finish_reason: REASON,
	logprob: LOGPROB,
	score: LOGPROB
});
var HEAD = {
	version: oneOf(1),
	model: text,
	vocab_size: whole,
	prompt: text,
	prompt_tokens: whole,
	params: PARAMS,
	temperatures: list(number, MAX_TOP),
	seed: optional(whole),
	fingerprint: optional(nullable(text)),
	prompt_token_ids: optional(list(whole))
};
object({
	...HEAD,
	vocabulary: VOCABULARY,
	rows: list(ROW),
	tokens: list(TOKEN),
	texts: list(TEXT, MAX_TEXTS)
});
var BEGINNING = object(HEAD);
var PART = object({
	vocabulary: optional(VOCABULARY),
	rows: optional(list(ROW)),
	tokens: optional(list(TOKEN)),
	texts: optional(list(TEXT, MAX_TEXTS))
});
/** Returns a trace with no tokens yet, from the first part of a stream. Throws FormError. */
function begin(part) {
	const trace = {
		...BEGINNING(part),
		vocabulary: {},
		rows: [],
		tokens: [],
		texts: []
	};
	checkGrid(trace);
	grow(trace, part);
	return trace;
}
/**
* Adds a part of a stream to a trace, in place: lists are appended to, objects merged.
* Throws FormError for a part that does not fit; the trace is then as it was.
*/
function grow(trace, part) {
	const { vocabulary = {}, rows = [], tokens = [], texts = [] } = PART(part);
	const grown = {
		rows: trace.rows.length,
		tokens: trace.tokens.length,
		texts: trace.texts.length
	};
	const added = Object.keys(vocabulary).filter((id) => !Object.hasOwn(trace.vocabulary, id));
	Object.assign(trace.vocabulary, vocabulary);
	for (const row of rows) trace.rows.push(row);
	for (const token of tokens) trace.tokens.push(token);
	for (const one of texts) trace.texts.push(one);
	try {
		checkFrom(trace, grown.rows, grown.tokens, grown.texts);
	} catch (error) {
		trace.rows.length = grown.rows;
		trace.tokens.length = grown.tokens;
		trace.texts.length = grown.texts;
		for (const id of added) delete trace.vocabulary[id];
		throw error;
	}
}
function checkGrid({ temperatures }) {
	const rises = temperatures.every((one, i) => i === 0 || one > temperatures[i - 1]);
	const [first = 0, last = Infinity] = [temperatures[0], temperatures.at(-1)];
	if (!rises || first < LOWEST || last > HIGHEST) throw new FormError(`should rise, from ${LOWEST} at least to ${HIGHEST} at most`, ".temperatures");
}
/** Checks rows, tokens and texts from these indices on, so that nobody who reads a trace needs to look. */
function checkFrom(trace, row, token, one) {
	for (let i = row; i < trace.rows.length; i++) checkRow(trace, i);
	for (let i = token; i < trace.tokens.length; i++) checkToken(trace, i);
	for (let i = one; i < trace.texts.length; i++) checkText(trace, i);
}
function checkRow(trace, i) {
	const row = trace.rows[i];
	const place = `.rows[${i}]`;
	const count = row.ids.length;
	if (row.logits.length !== count || row.tempered.length !== count || row.truncated.length !== count) throw new FormError("should have a value for each of its ids", place);
	if (row.tails.length !== trace.temperatures.length) throw new FormError("should have a tail for each of the temperatures", place);
	if (!count || row.logits.some((logit, k) => k > 0 && logit > row.logits[k - 1])) throw new FormError("should have a token at least, and logits that fall", place);
	for (const id of row.ids) checkSpelled(trace, id, place);
	const share = (value) => value >= 0 && value <= 1.00001;
	if (!row.tempered.every(share) || !row.truncated.every(share) || !share(row.kept_mass)) throw new FormError("should have probabilities from 0 to 1", place);
}
function checkToken(trace, i) {
	const token = trace.tokens[i];
	if (token.parent < -1 || token.parent >= i) throw new FormError(`should be -1 or under ${i}`, `.tokens[${i}].parent`);
	if (token.row < 0 || token.row >= trace.rows.length) throw new FormError(`should be under ${trace.rows.length}`, `.tokens[${i}].row`);
	if (token.index !== void 0 && (token.index < 0 || token.index >= MAX_TEXTS)) throw new FormError(`should be under ${MAX_TEXTS}`, `.tokens[${i}].index`);
	checkSpelled(trace, token.id, `.tokens[${i}]`);
}
function checkText(trace, i) {
	let above = -1;
	for (const number of trace.texts[i].tokens) {
		if (trace.tokens[number]?.parent !== above) throw new FormError("should be a path from the prompt", `.texts[${i}].tokens`);
		above = number;
	}
}
function checkSpelled(trace, id, place) {
	if (!Object.hasOwn(trace.vocabulary, id)) throw new FormError(`has the token ${id}, which is not in the vocabulary`, place);
}
/** Texts as they grow: of each, its tokens by their indices. `follow` keeps up with a trace's tokens. */
var Paths = class {
	paths = [];
	seen = 0;
	/** Takes in the tokens that have come since the last call, which alone it costs. */
	follow(trace) {
		for (; this.seen < trace.tokens.length; this.seen++) {
			const token = trace.tokens[this.seen];
			if (token.index === void 0) continue;
			while (this.paths.length <= token.index) this.paths.push([]);
			const path = this.paths[token.index];
			if ((path.at(-1) ?? -1) === token.parent) path.push(this.seen);
			else this.paths[token.index] = pathTo(trace, this.seen);
		}
	}
};
/** Returns the tokens from the prompt to one of them, by their indices. */
function pathTo(trace, token) {
	const path = [];
	for (let at = token; at !== -1; at = trace.tokens[at].parent) path.push(at);
	return path.reverse();
}
/** Returns of each text its tokens by their indices: finished ones, else what a stream brought of each. */
function pathsOf(trace) {
	if (trace.texts.length) return trace.texts.map((one) => one.tokens);
	const found = new Paths();
	found.follow(trace);
	return found.paths;
}
/** Returns a parameter's value, if it is a number. */
function numberOf(trace, name) {
	const value = Object.hasOwn(trace.params, name) ? trace.params[name]?.value : void 0;
	return typeof value === "number" ? value : void 0;
}
// src/core/dart.ts
/**
* The token that the same random number hits at other settings. What cannot be told for certain is unknown.
*
* ponder draws a token as the first by rising id whose cumulative probability exceeds the number, among what
* truncation kept. A row has the top tokens and the sum of all others, so the answer is known as long as the
* number falls well within a top token's share, wherever the others of the kept ones may lie.
*/
var DIGITS = 5e-6;
var ARITHMETIC = 1e-5;
var NEAR = 1e-6;
var FAINT = -80;
var BEYOND = "what may come goes beyond the tokens that were sent";
var CLOSE = "the number falls too near the border between two tokens";
var CUT = [
	"top_k",
	"top_p",
	"min_p"
];
var NEUTRAL = [
	[
		"semantics",
		"ponder",
		"semantics"
	],
	[
		"order",
		null,
		"order"
	],
	[
		"dynatemp_range",
		0,
		"dynatemp_range"
	],
	[
		"top_p_decay",
		1,
		"top_p_decay"
	],
	[
		"real_temperature",
		0,
		"real_temperature"
	]
];
/** Returns the dice of a text; a sentence if they are not known. */
function diceOf(trace, lineage = [], start = 0) {
	const value = trace.seed ?? numberOf(trace, "seed");
	if (value === void 0) return "the trace does not tell its seed";
	const seed = words(value);
	return seed ? {
		seed,
		stream: streamOf(lineage),
		start
	} : "the seed is too large for a page to read exactly";
}
/** Returns the number that chose the token at a place of a text. */
function numberAt(dice, place) {
	return uniform(dice.seed, dice.stream, dice.start + place);
}
/** Why no text of a trace can be drawn again from its rows; null: each can. */
function obstacle(trace) {
	for (const [name, neutral, said] of NEUTRAL) {
		const param = Object.hasOwn(trace.params, name) ? trace.params[name] : void 0;
		if (param && param.value !== neutral) return `${said} is set, which the page does not compute`;
	}
	const decoder = Object.hasOwn(trace.params, "decoder") ? trace.params.decoder?.value : void 0;
	return !decoder || Object.keys(decoder).every((name) => name === "Sample" || name === "Speculative") ? null : "a search does not draw its tokens";
}
/** Returns the token that a text's own random number hits at a place of it. */
function throwDart(trace, path, place, dice, sliders) {
	const token = trace.tokens[path[place]];
	if (isOwn(trace, sliders)) return { id: token.id };
	const why = obstacle(trace);
	return why ? { unknown: why } : hitAgain(trace, token, numberAt(dice, place), sliders);
}
/** Returns the first place where a text would have another token; what is unknown before it is told. */
function parting(trace, path, dice, sliders) {
	const found = {
		unknown: null,
		other: null
	};
	if (isOwn(trace, sliders)) return found;
	const why = obstacle(trace);
	if (why) return {
		...found,
		unknown: {
			at: 0,
			why
		}
	};
	for (let at = 0; at < path.length; at++) {
		const token = trace.tokens[path[at]];
		const { id, unknown } = hitAgain(trace, token, numberAt(dice, at), sliders);
		if (id === void 0) found.unknown ??= {
			at,
			why: unknown
		};
		else if (id !== token.id) return {
			...found,
			other: {
				at,
				id
			}
		};
	}
	return found;
}
/** Whether the sliders stand where the run had them: then what was drawn is known. */
function isOwn(trace, sliders) {
	const own = (name, neutral) => (numberOf(trace, name) ?? neutral) === sliders[name];
	if (sliders.temperature === 0 && numberOf(trace, "temperature") === 0) return true;
	return own("temperature", 1) && own("top_k", 0) && own("top_p", 1) && own("min_p", 0);
}
function hitAgain(trace, token, u, sliders) {
	const row = trace.rows[token.row];
	const masked = maskOf(row, numberOf(trace, "temperature") ?? 1);
	return typeof masked === "string" ? { unknown: masked } : hit(row, trace.temperatures, u, sliders, masked);
}
/** Returns which of the top tokens may not come, null if all may; a sentence if other steps changed the row. */
function maskOf(row, temperature) {
	let masks = false;
	for (const { step, kind, removed, changed } of row.steps) {
		if (changed > 0) return `${step} changed the row, which the page does not compute`;
		if (kind === "truncation" && !CUT.includes(step)) return `${step} is on, which the page does not compute`;
		if (kind === "constraint" || kind === "penalty") masks ||= removed > 0;
	}
	if (!masks) return null;
	const first = row.tempered.findIndex((share) => share > 0);
	const top = row.logits[first];
	const last = row.logits.at(-1);
	if (top === void 0) return BEYOND;
	if (temperature === 0 || (last - top) / temperature < FAINT) return "what the constraint forbids is not told at this temperature";
	return row.tempered.map((share) => share === 0);
}
/**
* Returns the token that a number hits in a row at the sliders' settings.
*
* `masked` says of the top tokens which may not come; then some of the others may not come either.
*/
function hit(row, temperatures, u, sliders, masked = null) {
	const { temperature, top_p, top_k, min_p } = sliders;
	const { ids, logits } = row;
	const first = masked ? masked.indexOf(false) : 0;
	if (first < 0) return { unknown: BEYOND };
	if (temperature === 0) return { id: ids[first] };
	if (!reaches(temperatures, temperature)) return { unknown: "the trace does not reach this temperature" };
	const count = logits.length;
	const top = logits[first];
	const last = logits[count - 1];
	const off = 2 * DIGITS * Math.max(Math.abs(top), Math.abs(last)) / temperature + ARITHMETIC;
	const weights = new Float64Array(count);
	let named = 0;
	let rank = 0;
	for (let i = first; i < count; i++) {
		if (masked?.[i] || top_k > 0 && rank === top_k) continue;
		rank++;
		named += weights[i] = Math.exp((logits[i] - top) / temperature);
	}
	const each = Math.exp((last - top) / temperature) * (1 + off);
	let [least, most] = othersOf(row, temperatures, temperature, top);
	if (top_k > 0) [least, most] = [0, Math.min(most, (top_k - rank) * each)];
	if (masked) least = 0;
	const near = 2 * off * top_p * (1 - top_p) + NEAR;
	const surely = top_p < 1 ? (top_p - near) * (named + least) : Infinity;
	const maybe = top_p < 1 ? (top_p + near) * (named + most) : Infinity;
	let besides = 0;
	let sure = 0;
	let ahead = 0;
	let cut = false;
	for (let i = first; i < count && !cut; i++) {
		const weight = weights[i];
		if (weight === 0) continue;
		cut = i > first && (ahead >= maybe || weight < min_p * (1 - off));
		if (cut) weights.fill(0, i);
		else if (i === first || ahead < surely && weight > min_p * (1 + off)) sure += weight;
		else {
			besides += weight;
			weights[i] = 0;
		}
		ahead += weight;
	}
	const others = cut || ahead >= maybe || each < min_p * (1 - off) ? 0 : Math.min(most, maybe - ahead + each);
	besides = (besides + others) * (1 + off);
	const goal = u * sure;
	const alone = besides === 0;
	let before = 0;
	for (const i of byId(row)) {
		const weight = weights[i];
		if (weight === 0) continue;
		const through = before + weight;
		const begins = alone && before === 0 ? 0 : before + error(before, sure, off) + besides * (1 - u);
		const ends = alone && through >= sure * (1 - 1e-12) ? Infinity : through - error(through, sure, off) - besides * u;
		if (begins <= goal && goal < ends) return { id: ids[i] };
		before = through;
	}
	return { unknown: others > 0 ? BEYOND : CLOSE };
}
/** How far the border at `before` of `whole` may be off. */
function error(before, whole, off) {
	return 2 * off * before * Math.max(0, 1 - before / whole) + NEAR * whole;
}
/** Bounds of what all other tokens weigh, relative to the token with the logit `top`. */
function othersOf(row, temperatures, temperature, top) {
	const high = tailAt(row.tails, temperatures, temperature);
	if (high === -Infinity) return [0, 0];
	const off = 4 * DIGITS * (Math.abs(high) + Math.abs(top) / temperature) + ARITHMETIC;
	const low = leastTail(row, temperatures, temperature, high);
	return [Math.exp(low - top / temperature - off), Math.exp(high - top / temperature + off)];
}
/**
* Returns a lower bound of the tail's logarithm. It is convex in 1 / T: between two temperatures of the grid it
* lies above the lines through the two before them and the two behind, and nowhere steeper than the row's last logit.
*/
function leastTail({ tails, logits }, temperatures, temperature, high) {
	const above = temperatures.findIndex((one) => one >= temperature);
	if (temperatures[above] === temperature) return high;
	const inverse = (i) => 1 / temperatures[i];
	const at = 1 / temperature;
	const line = (near, far) => {
		const [one, other] = [tails[near], tails[far]];
		if (typeof one !== "number" || typeof other !== "number") return -Infinity;
		return one + (other - one) / (inverse(far) - inverse(near)) * (at - inverse(near));
	};
	const cold = tails[above - 1];
	const steepest = typeof cold === "number" ? cold - logits.at(-1) * (inverse(above - 1) - at) : -Infinity;
	return Math.min(high, Math.max(line(above - 1, above - 2), line(above, above + 1), steepest));
}
var orders = /* @__PURE__ */ new WeakMap();
/** The places of a row's top tokens by rising id. */
function byId(row) {
	let order = orders.get(row);
	if (!order) {
		const { ids } = row;
		order = Uint16Array.from(ids.keys()).sort((a, b) => ids[a] - ids[b]);
		orders.set(row, order);
	}
	return order;
}
// src/core/request.ts
/** Where a document's request goes, relative to the page. */
var endpoint = (document) => document.kind === "chat" ? "v1/chat/completions" : "v1/completions";
/** Returns the members that say what is to be answered. An answer that the assistant has begun is gone on with. */
function asked(document) {
	if (document.kind === "completion") return { prompt: document.prompt };
	const messages = document.messages.map(({ role, content }) => ({
		role,
		content
	}));
	return messages.at(-1)?.role === "assistant" ? {
		messages,
		continue_final_message: true
	} : { messages };
}
/** Returns the body of a streamed request. Settings that are undefined or null are left to the server. */
function request(document, settings, branch = null, watch = { trace: true }) {
	const set = Object.entries(settings).filter(([, value]) => value !== void 0 && value !== null);
	const body = {
		...asked(document),
		...Object.fromEntries(set),
		...from(branch),
		stream: true,
		return_token_ids: true
	};
	const options = { include_usage: true };
	if (watch.trace) options.include_trace = watch.trace;
	if (watch.tree) options.include_tree = true;
	if (watch.progress) options.include_progress = true;
	return {
		...body,
		stream_options: options
	};
}
function from(branch) {
	if (!branch?.tokens.length) return branch?.lineage.length ? { lineage: branch.lineage } : {};
	const lineage = branch.lineage.length ? { lineage: branch.lineage } : {};
	return {
		prefix_token_ids: [...branch.tokens],
		...lineage
	};
}
// src/core/session.ts
/**
* What a person does in the playground: a document, settings, and the tree of runs that came of them.
*
* A session is never changed: each function returns a new one, which shares what stayed. So undoing is keeping
* the old one (`undo.ts`). Runs are never changed either.
*/
/** Returns a new identifier. */
var identifier = () => crypto.randomUUID();
function begun(document, settings = {}) {
	return {
		id: identifier(),
		made: Date.now(),
		title: "",
		document,
		settings,
		runs: [],
		marks: {},
		place: null
	};
}
/** Returns a session with another document, settings, title or place. */
function edited(session, change) {
	return {
		...session,
		...change
	};
}
/** Returns a session with a run that has ended, whose first text is shown. */
function grown(session, run) {
	return {
		...session,
		runs: [...session.runs, run],
		place: {
			run: run.id,
			text: 0
		}
	};
}
function runOf(session, id) {
	return session.runs.find((run) => run.id === id) ?? null;
}
/** Returns a text's tokens from the prompt on, those that it began with included. */
function tokensOf(run, text) {
	const path = pathsOf(run.trace)[text] ?? [];
	return [...run.branch?.tokens ?? [], ...path.map((token) => run.trace.tokens[token].id)];
}
/** Returns where a text's random numbers branched off. */
function lineageOf(run, text) {
	return branched(run.branch?.lineage ?? [], run.branch?.tokens.length ?? 0, text);
}
/**
* Returns what to ask for to go on from a text's first `at` tokens, those that it began with included.
*
* With `token` as the next one, which then counts as generated too. The random numbers of what follows are those
* that the text itself had there: with the same settings, and no other token, the rest is the same.
*/
function branchAt(run, text, at, token = null) {
	const held = tokensOf(run, text).slice(0, at);
	const lineage = cutTo(lineageOf(run, text), held.length);
	return {
		branch: {
			tokens: token === null ? held : [...held, token],
			lineage
		},
		origin: {
			run: run.id,
			text,
			at,
			token
		}
	};
}
/** Returns the conversation with a text as the assistant's message, or the document with a text behind its prompt. */
function answered(document, text) {
	if (document.kind === "completion") return {
		...document,
		prompt: document.prompt + text
	};
	const last = document.messages.at(-1);
	if (last?.role !== "assistant") return {
		...document,
		messages: [...document.messages, {
			role: "assistant",
			content: text
		}]
	};
	return {
		...document,
		messages: [...document.messages.slice(0, -1), {
			...last,
			content: last.content + text
		}]
	};
}
// src/core/settings.ts
/** Whether two JSON values are the same. */
function same(one, other) {
	return JSON.stringify(one) === JSON.stringify(other);
}
var isSet = (value) => value !== void 0 && value !== null;
/** A parameter's name as words. */
var spoken = (name) => name.replaceAll("_", " ");
/** Says in one sentence what is wrong with a setting; null: nothing that can be seen here. */
function fault(parameter, value, settings) {
	const { name, min, max, over, under, choices, needs, excludes } = parameter;
	if (!isSet(value)) return null;
	const types = [parameter.type].flat();
	const numeric = types.includes("number") || types.includes("integer");
	if (typeof value === "number" && numeric) {
		if (!Number.isFinite(value)) return `${name} should be a finite number`;
		if (!types.includes("number") && !Number.isInteger(value)) return `${name} should be a whole number`;
		if (min !== null && (value < min || over && value === min)) return `${name} should be ${over ? "over" : "at least"} ${min}`;
		if (max !== null && (value > max || under && value === max)) return `${name} should be ${under ? "under" : "at most"} ${max}`;
	} else if (numeric && types.length === 1) return `${name} should be a number`;
	if (choices && typeof value === "string" && !choices.includes(value)) return `${name} should be one of ${choices.join(", ")}`;
	if (same(value, parameter.neutral)) return null;
	const other = excludes.find((one) => isSet(settings[one]) && settings[one] !== false);
	if (other) return `${name} cannot be set together with ${other}`;
	if (needs.length && !needs.some((one) => isSet(settings[one]))) return `${name} is set only together with ${needs.join(" or ")}`;
	return null;
}
// src/core/undo.ts
var started = (present) => ({
	past: [],
	present,
	future: [],
	kind: null
});
/** Returns the history with a new state. Changes of one kind in a row, such as typing, are undone together. */
function changed(history, present, kind = null) {
	if (present === history.present) return history;
	return {
		past: kind !== null && kind === history.kind && history.past.length > 0 ? history.past : [...history.past, history.present].slice(-500),
		present,
		future: [],
		kind
	};
}
function undone(history) {
	const { past, present, future } = history;
	if (!past.length) return history;
	return {
		past: past.slice(0, -1),
		present: past[past.length - 1],
		future: [present, ...future],
		kind: null
	};
}
function redone(history) {
	const { past, present, future } = history;
	if (!future.length) return history;
	return {
		past: [...past, present],
		present: future[0],
		future: future.slice(1),
		kind: null
	};
}
// src/core/visible.ts
/** Text that a model or a file gave, so that nothing in it acts on the page or hides. */
var HIDDEN = /[\p{C}\p{Zl}\p{Zp}]/gu;
var KEPT = /* @__PURE__ */ new Set([
	"\n",
	"	",
	"‌",
	"‍"
]);
var SIGNS = {
	"\n": "⏎",
	"	": "⇥"
};
var escape = (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
/** Returns a text with each control, format and direction-changing character as a sign or an escape: for labels. */
function visible(text) {
	return text.replace(HIDDEN, (character) => SIGNS[character] ?? escape(character));
}
/** The same for running text: line ends, tabs and joiners stay. */
function readable(text) {
	return text.replace(HIDDEN, (character) => KEPT.has(character) ? character : escape(character));
}
// src/core/stream.ts
/** Server-sent events over fetch, as they come. */
var MAX_EVENT = 64 * 2 ** 20;
var ABRUPT = "the server ended the answer before it was complete";
/** A stream that cannot be read on, or in which the server tells an error. */
var StreamError = class extends Error {
	param;
	constructor(message, param = null) {
		super(message);
		this.param = param;
	}
};
/** Yields the events of a stream of bytes, which may be split anywhere. Each byte is looked at once. */
async function* events(body) {
	let event = "";
	let data = [];
	let size = 0;
	for await (const line of lines(body)) {
		if (line === "") {
			if (data.length) yield {
				event: event || "message",
				data: data.join("\n")
			};
			[event, data, size] = [
				"",
				[],
				0
			];
			continue;
		}
		const colon = line.indexOf(":");
		if (colon === 0) continue;
		const name = colon < 0 ? line : line.slice(0, colon);
		const value = colon < 0 ? "" : line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1);
		if (name === "event") event = value;
		if (name === "data") {
			size += value.length;
			if (size > MAX_EVENT) throw new StreamError(`an event should have at most ${MAX_EVENT} characters`);
			data.push(value);
		}
	}
}
/**
* Yields the JSON objects of an answer until `[DONE]`.
*
* Throws StreamError where the server tells an error or ends too early; AbortError where its caller has
* aborted the request.
*/
async function* objects(body) {
	for await (const { event, data } of events(body)) {
		if (data === "[DONE]") return;
		const value = parse(data);
		if (event === "error" || value.error) throw told(value);
		yield value;
	}
	throw new StreamError(ABRUPT);
}
async function* lines(body) {
	const reader = body.getReader();
	const decoder = new TextDecoder();
	let begun = [];
	let size = 0;
	let afterReturn = false;
	try {
		for (;;) {
			const { done, value } = await read(reader);
			if (done) return;
			const text = decoder.decode(value, { stream: true });
			let start = afterReturn && text.startsWith("\n") ? 1 : 0;
			if (text) afterReturn = text.endsWith("\r");
			for (const { index, 0: end } of text.matchAll(/\r\n|\n|\r/g)) {
				if (index < start) continue;
				begun.push(text.slice(start, index));
				yield begun.join("");
				[begun, size] = [[], 0];
				start = index + end.length;
			}
			if (start === text.length) continue;
			size += text.length - start;
			if (size > MAX_EVENT) throw new StreamError(`a line should have at most ${MAX_EVENT} characters`);
			begun.push(text.slice(start));
		}
	} finally {
		await reader.cancel().catch(() => void 0);
	}
}
async function read(reader) {
	try {
		return await reader.read();
	} catch (error) {
		if (error instanceof DOMException && error.name === "AbortError") throw error;
		throw new StreamError(ABRUPT);
	}
}
function parse(data) {
	try {
		const value = JSON.parse(data);
		if (typeof value === "object" && value !== null) return value;
	} catch {}
	throw new StreamError("the server sent an event that is not a JSON object");
}
function told(value) {
	const { message, param } = typeof value.error === "object" && value.error ? value.error : value;
	return new StreamError(typeof message === "string" ? message : "the server failed", typeof param === "string" ? param : null);
}
// src/core/api.ts
var KEY = "ponder.key";
/** What a call failed with, in one sentence. `status` 0: there was no answer. */
var ApiError = class extends Error {
	status;
	param;
	constructor(message, status, param = null) {
		super(message);
		this.status = status;
		this.param = param;
	}
};
/** The server's key, for this tab alone: it is in no history, export or link. */
var key = {
	get: () => sessionStorage.getItem(KEY),
	set: (value) => {
		if (value) sessionStorage.setItem(KEY, value);
		else sessionStorage.removeItem(KEY);
	}
};
var info = async (signal) => await call("ponder/v1/info", null, signal);
/** Yields the chunks of a document's answer. Aborting frees the server. */
var answer = (document, body, signal) => stream(endpoint(document), body, signal);
/** What the server is doing: ready, or why it is not. */
async function health(signal) {
	try {
		const response = await ask("health", null, signal);
		return response.ok ? {
			ready: true,
			why: ""
		} : {
			ready: false,
			why: (await refusal(response)).message
		};
	} catch (error) {
		return {
			ready: false,
			why: sentence(error)
		};
	}
}
/** Returns a call's JSON. Throws ApiError; AbortError if its caller aborted it. */
async function call(path, body, signal) {
	const response = await ask(path, body, signal);
	if (!response.ok) throw await refusal(response);
	try {
		return await response.json();
	} catch (error) {
		throw isAbort(error) ? error : new ApiError("the server's answer is not JSON", response.status);
	}
}
/** Yields the objects of a call's stream. Throws as `call`. */
async function* stream(path, body, signal) {
	const response = await ask(path, body, signal);
	if (!response.ok) throw await refusal(response);
	if (!response.body) throw new ApiError("the server's answer is empty", response.status);
	try {
		yield* objects(response.body);
	} catch (error) {
		throw error instanceof StreamError ? new ApiError(error.message, response.status, error.param) : error;
	}
}
/** Whether an error only says that its caller aborted the call. */
var isAbort = (error) => error instanceof DOMException && error.name === "AbortError";
/** What went wrong, for a person. */
var sentence = (error) => error instanceof Error ? error.message : "something went wrong";
async function ask(path, body, signal) {
	const headers = {};
	const secret = key.get();
	if (secret) headers.Authorization = `Bearer ${secret}`;
	if (body) headers["Content-Type"] = "application/json";
	try {
		return await fetch(path, {
			method: body ? "POST" : "GET",
			headers,
			body: body && JSON.stringify(body),
			signal: signal ?? null
		});
	} catch (error) {
		throw isAbort(error) ? error : new ApiError("the server cannot be reached", 0);
	}
}
/** Returns what the server refused a call with. */
async function refusal(response) {
	const said = await response.json().catch(() => null);
	const { error } = typeof said === "object" && said ? said : {};
	return new ApiError(typeof error?.message === "string" ? error.message : `the server answered ${response.status}`, response.status, typeof error?.param === "string" ? error.param : null);
}
// src/core/spelling.ts
/** Spells tokens one after another: a character whose bytes are spread over tokens belongs to the last of them. */
var Speller = class {
	#decoder = new TextDecoder("utf-8", { ignoreBOM: true });
	/** Returns what a token's bytes, in hexadecimal, add. */
	push(bytes) {
		return this.#decoder.decode(decoded(bytes), { stream: true });
	}
	/** Returns what is left where a text ends within a character. */
	end() {
		return this.#decoder.decode();
	}
};
var decoded = (hex) => Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
/**
* Cuts a text into its tokens' pieces: together they are the text, to the character.
*
* `text` is what the server sent of it. A token whose spelling is not in its place there is one for the model;
* one that a stop string cut is as long as what is there. Without it all tokens are spelled.
*/
function pieces(trace, path, text) {
	const speller = new Speller();
	let at = 0;
	const found = path.map((token) => {
		const spelled = speller.push(trace.vocabulary[trace.tokens[token].id].bytes);
		if (text === void 0) return {
			token,
			text: spelled,
			control: false
		};
		const here = placed(spelled, text, at);
		at += here?.length ?? 0;
		return {
			token,
			text: here ?? "",
			control: here === null
		};
	});
	const last = found.findLast((piece) => !piece.control);
	const rest = text === void 0 ? speller.end() : text.slice(at);
	if (last) last.text += rest;
	return found;
}
/** Returns the part of a spelling that a text has at a place; null: none. */
function placed(spelled, text, at) {
	if (text.startsWith(spelled, at)) return spelled;
	if (at === 0 && spelled.startsWith(" ") && text.startsWith(spelled.slice(1))) return spelled.slice(1);
	const rest = text.slice(at, at + spelled.length);
	return at < text.length && at + spelled.length > text.length && spelled.startsWith(rest) ? rest : null;
}
// src/state/pieces.ts
/** Returns a token's part of a text as it is shown; `name` is the token's own spelling. */
function shown(text, name) {
	if (text === "") return {
		text,
		sign: visible(name) || "∅"
	};
	return {
		text: readable(text),
		sign: /[\n\r]/.test(text) ? "⏎" : ""
	};
}
var NAMED = {
	" ": "space",
	"\n": "line break",
	"	": "tab"
};
/** What a screen reader says of a token. */
function describe({ text, sign }) {
	if (text === "") return sign;
	if (/\S/.test(text)) return text;
	return [...text].map((character) => NAMED[character] ?? visible(character)).join(", ");
}
// src/state/view.ts
var views = /* @__PURE__ */ new WeakMap();
/** Lets a run be shown as it was while it was answered. */
var remember = (run, view) => void views.set(run, view);
/** Returns a run that has ended as it is shown. */
function viewOf(session, run) {
	let view = views.get(run);
	if (!view) views.set(run, view = made(session, run));
	return view;
}
function made(session, run) {
	const before = beginning(session, run.origin);
	const trace = before ? joined(before, run.trace) : run.trace;
	const forced = before?.tokens.length ?? 0;
	const lines = pathsOf(trace).map((path, text) => lineOf(trace, path, forced, run.texts[text], lineageOf(run, text)));
	return {
		id: run.id,
		trace,
		lines,
		forced,
		version: 0,
		live: false
	};
}
/** Writes a text; `sent` is what the server wrote of it behind the tokens that it began with. */
function lineOf(trace, path, forced, sent, lineage) {
	const begun = spelled(trace, path.slice(0, forced));
	const text = sent === void 0 ? spelled(trace, path) : begun + sent;
	return {
		path,
		pieces: pieces(trace, path, text).map((piece) => shown(piece.text, trace.vocabulary[trace.tokens[piece.token].id].text)),
		lineage,
		text
	};
}
/** Returns what whole characters tokens spell. */
function spelled({ tokens, vocabulary }, path) {
	const speller = new Speller();
	return path.map((index) => speller.push(vocabulary[tokens[index].id].bytes)).join("");
}
/** Returns the trace of what a run began with: the text that it branched off, cut, and the other token. */
function beginning(session, origin) {
	const run = origin && runOf(session, origin.run);
	if (!run) return null;
	const { trace, lines } = viewOf(session, run);
	const path = lines[origin.text]?.path;
	if (!trace || !path) return null;
	const tokens = path.slice(0, origin.at).map((index, place) => ({
		...trace.tokens[index],
		parent: place - 1,
		row: place,
		ended: null,
		index: 0
	}));
	const rows = path.slice(0, origin.at).map((index) => trace.rows[trace.tokens[index].row]);
	const row = trace.rows[trace.tokens[path[origin.at]]?.row];
	if (origin.token !== null && row) {
		tokens.push({
			...chosen(row, origin.token, trace.temperatures),
			parent: origin.at - 1,
			row: origin.at
		});
		rows.push(row);
	}
	return {
		...trace,
		vocabulary: { ...trace.vocabulary },
		rows,
		tokens,
		texts: []
	};
}
function chosen(row, id, temperatures) {
	const at = row.ids.indexOf(id);
	const largest = row.logits[0];
	const others = Math.exp(tailAt(row.tails, temperatures, 1) - largest);
	const whole = largest + Math.log(row.logits.reduce((sum, logit) => sum + Math.exp(logit - largest), others));
	return {
		id,
		logprob: row.logits[at] - whole,
		tempered_logprob: Math.log(row.tempered[at]),
		truncated_logprob: Math.log(row.truncated[at]),
		rank: at + 1,
		score: null,
		ended: null,
		index: 0
	};
}
/** Returns a whole trace: a beginning with a row for each of its tokens, and what followed it. */
function joined(before, after) {
	const part = shifted(after, before.tokens.length);
	return {
		...after,
		vocabulary: {
			...before.vocabulary,
			...after.vocabulary
		},
		rows: [...before.rows, ...after.rows],
		tokens: [...before.tokens, ...part.tokens ?? []],
		texts: part.texts ?? []
	};
}
/** Returns a part of a trace as it belongs behind a beginning of so many tokens, each with a row. */
function shifted(part, count) {
	if (!count) return part;
	const before = Array.from({ length: count }, (_, index) => index);
	return {
		...part,
		...part.tokens && { tokens: part.tokens.map((token) => ({
			...token,
			parent: token.parent + count,
			row: token.row + count
		})) },
		...part.texts && { texts: part.texts.map((text) => ({
			...text,
			tokens: [...before, ...text.tokens.map((token) => token + count)]
		})) }
	};
}
// src/state/live.svelte.ts
var PATIENCE = 300;
var Live = class {
	id = identifier();
	made = Date.now();
	ask;
	forced;
	/** What the server told, and the same with what was there before. */
	#told = null;
	trace;
	lines = [];
	finish = null;
	#version = state(0);
	get version() {
		return get(this.#version);
	}
	set version(value) {
		set(this.#version, value, true);
	}
	#status = state("waiting");
	get status() {
		return get(this.#status);
	}
	set status(value) {
		set(this.#status, value, true);
	}
	#error = state("");
	get error() {
		return get(this.#error);
	}
	set error(value) {
		set(this.#error, value, true);
	}
	#progress = state("");
	get progress() {
		return get(this.#progress);
	}
	set progress(value) {
		set(this.#progress, value, true);
	}
	#usage = state(null);
	get usage() {
		return get(this.#usage);
	}
	set usage(value) {
		set(this.#usage, value);
	}
	#sent = [];
	#paths = new Paths();
	#spellers = [];
	#controller = new AbortController();
	#started = performance.now();
	#firstAt = null;
	#lastAt = 0;
	#tokens = 0;
	#waiting = false;
	constructor(ask, before = null) {
		this.ask = ask;
		this.trace = before;
		this.forced = before?.tokens.length ?? 0;
		if (!before) return;
		this.#follow();
		for (const line of this.lines) line.text = spelled(before, line.path);
	}
	get live() {
		return this.status === "waiting" || this.status === "running";
	}
	get count() {
		this.version;
		return this.lines.reduce((sum, line) => sum + line.path.length, 0);
	}
	/** Milliseconds to the first token; null: none has come. */
	get first() {
		this.version;
		return this.#firstAt === null ? null : this.#firstAt - this.#started;
	}
	/** Tokens a second after the first. */
	get rate() {
		this.version;
		return this.#firstAt === null || this.#tokens < 2 || this.#lastAt <= this.#firstAt ? null : 1e3 * (this.#tokens - 1) / (this.#lastAt - this.#firstAt);
	}
	get seed() {
		this.version;
		const seed = this.trace?.seed ?? this.trace?.params.seed?.value;
		return typeof seed === "number" ? seed : null;
	}
	stop() {
		if (this.live) this.status = "stopped";
		this.#controller.abort();
	}
	/** Asks, and takes in what comes until it ends, fails or is stopped. What has come stays. */
	async go() {
		try {
			for await (const part of answer(this.ask.document, this.ask.body, this.#controller.signal)) {
				if (this.status === "waiting") this.status = "running";
				this.#take(part);
				this.#paint();
			}
			this.status = "done";
		} catch (error) {
			if (this.status !== "stopped") {
				this.status = "failed";
				this.error = sentence(error);
			}
		} finally {
			this.#settle();
			this.#show();
		}
	}
	/** Returns what is kept of it; null where nothing came. */
	run() {
		if (!this.#told || this.live) return null;
		const { id, made, ask, usage, error } = this;
		const end = this.status;
		const timings = {
			first: this.first,
			total: performance.now() - this.#started
		};
		return {
			id,
			made,
			...ask,
			trace: this.#told,
			texts: this.#sent,
			usage,
			timings,
			end,
			error: error || null
		};
	}
	#take(part) {
		if (part.trace) this.#grow(part.trace);
		if (part.usage) this.usage = used(part.usage);
		if (part.progress) {
			const { state, done, of } = part.progress;
			this.progress = of ? `${state} ${done} of ${of}` : state;
		}
		for (const choice of part.choices ?? []) this.#choose(choice);
	}
	#grow(part) {
		if (!this.#told) {
			const head = this.#told = begin(part);
			const before = this.trace;
			this.trace = before ? {
				...head,
				vocabulary: { ...before.vocabulary },
				rows: before.rows,
				tokens: before.tokens
			} : head;
		} else {
			grow(this.#told, part);
			if (this.trace !== this.#told) grow(this.trace, shifted(part, this.forced));
		}
		if (!part.tokens?.length) return;
		this.#tokens += part.tokens.length;
		this.#lastAt = performance.now();
		this.#firstAt ??= this.#lastAt;
		this.progress = "";
		this.#follow();
	}
	#choose({ index, text, delta, finish_reason, stop_reason }) {
		const line = this.#line(index);
		const sent = text ?? delta?.content ?? "";
		this.#sent[index] += sent;
		line.text += sent;
		if (finish_reason) this.finish = typeof stop_reason === "string" ? `${finish_reason}, ${stop_reason}` : finish_reason;
	}
	#line(index) {
		while (this.lines.length <= index) {
			const { branch } = this.ask;
			this.lines.push({
				path: [],
				pieces: [],
				lineage: branched(branch?.lineage ?? [], branch?.tokens.length ?? 0, this.lines.length),
				text: ""
			});
			this.#spellers.push(new Speller());
			this.#sent.push("");
		}
		return this.lines[index];
	}
	/** Takes the tokens that are new into the lines. */
	#follow() {
		const trace = this.trace;
		this.#paths.follow(trace);
		this.#paths.paths.forEach((path, index) => {
			const had = this.#line(index).path;
			if (had.length > path.length || had.at(-1) !== path[had.length - 1]) this.#rewrite(index);
			const line = this.lines[index];
			for (let place = line.path.length; place < path.length; place++) {
				const { text, bytes } = trace.vocabulary[trace.tokens[path[place]].id];
				line.path.push(path[place]);
				line.pieces.push(shown(this.#spellers[index].push(bytes), text));
			}
		});
	}
	/** Begins a line anew: a text that was given up in part goes on from an earlier token. */
	#rewrite(index) {
		this.lines[index] = {
			...this.lines[index],
			path: [],
			pieces: []
		};
		this.#spellers[index] = new Speller();
	}
	/** Writes the texts as they ended: a search tells only then which they are, and an end token is no part of them. */
	#settle() {
		const { trace, forced } = this;
		if (!trace?.tokens.length) return;
		pathsOf(trace).forEach((path, index) => {
			const { lineage } = this.#line(index);
			this.lines[index] = lineOf(trace, [...path], forced, this.#sent[index], lineage);
		});
	}
	#paint() {
		if (this.#waiting) return;
		this.#waiting = true;
		requestAnimationFrame(() => this.#show());
		setTimeout(() => this.#waiting && this.#show(), PATIENCE);
	}
	#show() {
		this.#waiting = false;
		this.version++;
	}
};
function used(usage) {
	const { prompt_tokens, completion_tokens, prompt_tokens_details } = usage;
	return {
		prompt_tokens,
		completion_tokens,
		cached_tokens: prompt_tokens_details?.cached_tokens ?? 0
	};
}
// src/core/colour.ts
/** From which number on each further step begins. Entropy and surprise are in nats. */
var BORDERS = {
	entropy: [
		.1,
		.5,
		1,
		2,
		3.5
	],
	probability: [
		.03,
		.15,
		.4,
		.7,
		.9
	],
	surprise: [
		.1,
		.5,
		1.2,
		2.5,
		5
	],
	rank: [
		2,
		3,
		6,
		21,
		101
	],
	changed: [
		.02,
		.1,
		.25,
		.5,
		.75
	]
};
/** Returns the step of a number. */
function stepOf(kind, value) {
	let step = 0;
	while (step < 5 && value >= BORDERS[kind][step]) step++;
	return step;
}
/** Returns a token's step. "changed" is how much of its probability the sliders took or gave; without them 0. */
function step(kind, row, token, redrawn = null) {
	switch (kind) {
		case "entropy": return stepOf(kind, row.entropy);
		case "probability": return stepOf(kind, Math.exp(token.logprob));
		case "surprise": return stepOf(kind, -token.logprob);
		case "rank": return stepOf(kind, token.rank);
		case "changed": return redrawn ? stepOf(kind, Math.abs(shareOf(row, token, redrawn) - Math.exp(token.truncated_logprob))) : 0;
		case "none": return 0;
	}
}
/** The probability with which a token would be drawn at the sliders' settings; 0 where it is cut off, or not named. */
function shareOf(row, token, redrawn) {
	const place = row.ids.indexOf(token.id);
	if (place < 0 || place >= redrawn.kept) return 0;
	const whole = redrawn.beyond ? redrawn.mass + redrawn.tail : redrawn.mass;
	return redrawn.probs[place] / whole;
}
/** Whether the sliders' settings cut a token off; null: that is not known. */
function isCut(row, token, redrawn) {
	const place = row.ids.indexOf(token.id);
	if (place >= 0 && place < redrawn.kept) return false;
	return redrawn.beyond && (place < 0 || redrawn.kept < row.ids.length) ? null : true;
}
// src/state/marks.ts
var LOOK = 3;
/** Returns what tells the marks of a text's tokens as class names; `sliders` are null where the run had them. */
function marker(turn, by, sliders, parts) {
	const { view, line } = turn;
	const trace = view?.trace;
	if (!view || !line || !trace) return () => "";
	const moved = sliders && reaches(trace.temperatures, sliders.temperature) ? sliders : null;
	const memory = /* @__PURE__ */ new Map();
	function drawn(row) {
		if (!moved) return null;
		const into = memory.get(row.ids.length) ?? new Float64Array(row.ids.length);
		memory.set(row.ids.length, into);
		return redraw(row, trace.temperatures, moved, into);
	}
	return (place) => {
		const token = trace.tokens[line.path[place]], row = trace.rows[token.row];
		const again = drawn(row);
		let marks = by === "none" ? "" : `s${step(by, row, token, again)}`;
		if (again && isCut(row, token, again)) marks += " cut";
		else if (place < view.forced || isForced(row)) marks += " forced";
		else if (row.entropy >= LOOK) marks += " look";
		if (parts !== null && place >= parts) marks += place === parts ? " parts" : " after";
		return marks;
	};
}
/** Whether a constraint left one token. */
var isForced = (row) => row.kept === 1 && row.steps.some((step) => step.kind === "constraint" && step.removed > 0) && row.tempered.filter((share) => share > 0).length === 1;
// src/state/server.svelte.ts
var AGAIN = 1e3;
var WATCH = 15e3;
var UNAUTHORISED = 401;
var Server = class {
	#info = state(null);
	get info() {
		return get(this.#info);
	}
	set info(value) {
		set(this.#info, value);
	}
	#state = state("loading");
	get state() {
		return get(this.#state);
	}
	set state(value) {
		set(this.#state, value, true);
	}
	#reason = state("");
	get reason() {
		return get(this.#reason);
	}
	set reason(value) {
		set(this.#reason, value, true);
	}
	#keyRefused = state(false);
	get keyRefused() {
		return get(this.#keyRefused);
	}
	set keyRefused(value) {
		set(this.#keyRefused, value, true);
	}
	watch() {
		let timer = 0;
		let ended = false;
		const look = async () => {
			await this.#look();
			if (!ended) timer = window.setTimeout(look, this.state === "ready" ? WATCH : AGAIN);
		};
		look();
		return () => {
			ended = true;
			clearTimeout(timer);
		};
	}
	unlock(key$1) {
		key.set(key$1);
		this.#look();
	}
	async #look() {
		const { ready, why } = await health();
		this.reason = why;
		if (!ready) {
			this.state = why === "the server cannot be reached" ? "gone" : "loading";
			return;
		}
		try {
			this.info ??= await info();
			this.state = "ready";
		} catch (error) {
			this.reason = sentence(error);
			const asked = error instanceof ApiError && error.status === UNAUTHORISED;
			this.state = asked ? "key" : "loading";
			this.keyRefused = asked && key.get() !== null;
		}
	}
};
// src/state/page.svelte.ts
var OWN = {
	temperature: 1,
	top_k: 0,
	top_p: 1,
	min_p: 0
};
var NAMES = [
	"temperature",
	"top_k",
	"top_p",
	"min_p"
];
var THEMES = [
	"system",
	"light",
	"dark"
];
var NEW = {
	chat: {
		kind: "chat",
		messages: []
	},
	completion: {
		kind: "completion",
		prompt: ""
	}
};
var SEEDS = 2 ** 31;
var Page = class {
	server = new Server();
	theme = remembered("theme", "system");
	colour = remembered("colour", "entropy");
	settingsOpen = remembered("settings-open", true);
	#history = state(started(begun(NEW.chat)));
	#solving = state(false);
	get solving() {
		return get(this.#solving);
	}
	set solving(value) {
		set(this.#solving, value, true);
	}
	#draft = state("");
	get draft() {
		return get(this.#draft);
	}
	set draft(value) {
		set(this.#draft, value, true);
	}
	#live = state(null);
	get live() {
		return get(this.#live);
	}
	set live(value) {
		set(this.#live, value);
	}
	#selected = state(null);
	get selected() {
		return get(this.#selected);
	}
	set selected(value) {
		set(this.#selected, value);
	}
	#whatIf = state(null);
	get whatIf() {
		return get(this.#whatIf);
	}
	set whatIf(value) {
		set(this.#whatIf, value);
	}
	#dialog = state(null);
	get dialog() {
		return get(this.#dialog);
	}
	set dialog(value) {
		set(this.#dialog, value, true);
	}
	#tab = state("choice");
	get tab() {
		return get(this.#tab);
	}
	set tab(value) {
		set(this.#tab, value, true);
	}
	#view = state("text");
	get view() {
		return get(this.#view);
	}
	set view(value) {
		set(this.#view, value, true);
	}
	#drawer = state(false);
	get drawer() {
		return get(this.#drawer);
	}
	set drawer(value) {
		set(this.#drawer, value, true);
	}
	#phone = state(false);
	get phone() {
		return get(this.#phone);
	}
	set phone(value) {
		set(this.#phone, value, true);
	}
	#said = state("");
	get said() {
		return get(this.#said);
	}
	set said(value) {
		set(this.#said, value, true);
	}
	get session() {
		return get(this.#history).present;
	}
	get mode() {
		return this.solving ? "solve" : this.session.document.kind;
	}
	get system() {
		const { document } = this.session;
		return document.kind === "chat" && document.messages[0]?.role === "system" ? document.messages[0].content : "";
	}
	#answer = user_derived(
		/** The answer that is shown below the document: one that is being written, else one of the session's. */
		() => {
			const { live, session } = this;
			if (live && (live.live || live.error && !runOf(session, live.id))) {
				live.version;
				return {
					view: live,
					line: live.lines[0] ?? null
				};
			}
			const run = session.place && runOf(session, session.place.run);
			if (!run) return null;
			const view = viewOf(session, run);
			return {
				view,
				line: view.lines[session.place.text] ?? null
			};
		}
	);
	get answer() {
		return get(this.#answer);
	}
	set answer(value) {
		set(this.#answer, value);
	}
	#version = user_derived(() => this.answer?.view.version ?? 0);
	get version() {
		return get(this.#version);
	}
	set version(value) {
		set(this.#version, value);
	}
	#written = user_derived(() => {
		const { document, runs } = this.session;
		if (document.kind !== "chat") return [];
		return document.messages.flatMap(({ role, content }, message) => {
			if (role === "system" && message === 0) return [];
			const found = role === "assistant" ? runs.find((run) => answers(run.document, document.messages, message) && this.#texts(run.id).includes(content)) : void 0;
			const view = found ? viewOf(this.session, found) : null;
			return [{
				id: `m${message}`,
				role,
				text: content,
				message,
				view,
				line: view?.lines.find((line) => line.text === content) ?? null
			}];
		});
	});
	#turns = user_derived(() => {
		const { answer } = this;
		if (!answer) return get(this.#written);
		const role = this.mode === "chat" ? "assistant" : "text";
		const last = get(this.#written).at(-1);
		const goesOn = last?.role === "assistant";
		return [...goesOn ? get(this.#written).slice(0, -1) : get(this.#written), {
			id: "answer",
			role,
			text: (goesOn ? last.text : "") + (answer.line?.text ?? ""),
			message: null,
			...answer
		}];
	});
	get turns() {
		return get(this.#turns);
	}
	set turns(value) {
		set(this.#turns, value);
	}
	#texts(run) {
		const one = runOf(this.session, run);
		return one ? viewOf(this.session, one).lines.map((line) => line.text) : [];
	}
	#here = user_derived(() => {
		const { selected } = this;
		const turn = this.turns.find((one) => one.id === selected?.turn);
		if (!selected || !turn?.view?.trace || !turn.line) return null;
		const { view, line } = turn, { trace } = turn.view;
		const token = trace.tokens[line.path[selected.place]];
		if (!token) return null;
		const dice = diceOf(trace, line.lineage);
		const known = typeof dice !== "string";
		return {
			turn,
			view,
			trace,
			path: line.path,
			place: selected.place,
			token,
			row: trace.rows[token.row],
			dice: known ? dice : null,
			noDice: known ? obstacle(trace) ?? "" : dice
		};
	});
	get here() {
		return get(this.#here);
	}
	set here(value) {
		set(this.#here, value);
	}
	#shown = user_derived(() => this.here?.turn ?? this.turns.findLast((turn) => turn.line?.path.length) ?? null);
	get shown() {
		return get(this.#shown);
	}
	set shown(value) {
		set(this.#shown, value);
	}
	#own = user_derived(() => {
		const trace = this.shown?.view?.trace;
		if (!trace) return OWN;
		const value = (name) => numberOf(trace, name) ?? OWN[name];
		return {
			temperature: value("temperature"),
			top_k: value("top_k"),
			top_p: value("top_p"),
			min_p: value("min_p")
		};
	});
	get own() {
		return get(this.#own);
	}
	set own(value) {
		set(this.#own, value);
	}
	#sliders = user_derived(() => this.whatIf ?? this.own);
	get sliders() {
		return get(this.#sliders);
	}
	set sliders(value) {
		set(this.#sliders, value);
	}
	#moved = user_derived(() => this.whatIf !== null && NAMES.some((name) => this.whatIf[name] !== this.own[name]));
	get moved() {
		return get(this.#moved);
	}
	set moved(value) {
		set(this.#moved, value);
	}
	#parts = user_derived(() => {
		const { here } = this;
		this.version;
		if (!here?.dice || !this.moved) return {
			at: null,
			sentence: ""
		};
		const { trace, path } = here;
		const { unknown, other } = parting(trace, path, here.dice, this.sliders);
		const name = (id) => `“${visible(trace.vocabulary[id]?.text ?? String(id))}”`;
		if (unknown && (!other || unknown.at <= other.at)) {
			const before = unknown.at ? `The first ${unknown.at} tokens would be the same; from token ${unknown.at} on it cannot be said` : "Where the text would part cannot be said";
			return {
				at: unknown.at,
				sentence: `${before}: ${unknown.why}.`
			};
		}
		if (!other) return {
			at: null,
			sentence: "With the same random numbers the text would be the same."
		};
		return {
			at: other.at,
			sentence: `The text would part at token ${other.at}: ${name(other.id)} instead of ${name(trace.tokens[path[other.at]].id)}.`
		};
	});
	get parts() {
		return get(this.#parts);
	}
	set parts(value) {
		set(this.#parts, value);
	}
	#places = user_derived(() => {
		this.version;
		const trace = this.shown?.view?.trace, line = this.shown?.line;
		if (!trace || !line) return [];
		return line.path.map((index) => {
			const token = trace.tokens[index], row = trace.rows[token.row];
			return {
				token: visible(trace.vocabulary[token.id].text),
				entropy: row.entropy,
				surprise: -token.logprob,
				kept: row.kept
			};
		});
	});
	get places() {
		return get(this.#places);
	}
	set places(value) {
		set(this.#places, value);
	}
	marks(turn) {
		const looked = this.shown?.id === turn.id;
		return marker(turn, this.colour.value, this.moved && looked ? this.sliders : null, looked ? this.parts.at : null);
	}
	#branches = user_derived(
		/** All texts of the session that answer its document, in the order in which they came. */
		() => {
			const { document, runs } = this.session;
			const asked = JSON.stringify(document);
			return runs.filter((run) => JSON.stringify(run.document) === asked).flatMap((run) => viewOf(this.session, run).lines.map((_, text) => ({
				run: run.id,
				text
			})));
		}
	);
	get branches() {
		return get(this.#branches);
	}
	set branches(value) {
		set(this.#branches, value);
	}
	#branch = user_derived(() => this.branches.findIndex(({ run, text }) => run === this.session.place?.run && text === this.session.place.text));
	get branch() {
		return get(this.#branch);
	}
	set branch(value) {
		set(this.#branch, value);
	}
	get title() {
		const { document } = this.session;
		const first = document.kind === "completion" ? document.prompt : document.messages.find((one) => one.role === "user")?.content ?? "";
		return first.trim() ? `${first.trim().slice(0, 60)} — ponder` : "ponder playground";
	}
	get running() {
		return this.live?.live ?? false;
	}
	get parameters() {
		return this.server.info?.parameters ?? [];
	}
	#cannotRun = user_derived(
		/** Why nothing can be run now; empty: it can. */
		() => {
			if (this.running) return "something runs already";
			if (this.server.state === "key") return "the server asks for a key";
			if (this.server.state !== "ready") return "the server is not ready";
			const { document } = this.session;
			if (document.kind === "chat" && !this.draft.trim() && !document.messages.some((one) => one.role !== "system")) return "write a message first";
			return "";
		}
	);
	get cannotRun() {
		return get(this.#cannotRun);
	}
	set cannotRun(value) {
		set(this.#cannotRun, value);
	}
	#cannotBranch = user_derived(() => {
		const { here } = this;
		if (!here) return "no token is chosen";
		if (this.running) return "something runs already";
		if (this.server.state !== "ready") return "the server is not ready";
		return runOf(this.session, here.view.id) ? "" : "the run was not kept";
	});
	get cannotBranch() {
		return get(this.#cannotBranch);
	}
	set cannotBranch(value) {
		set(this.#cannotBranch, value);
	}
	refusedSetting(parameter) {
		const { settings } = this.session;
		const value = settings[parameter.name];
		if (value !== void 0) return fault(parameter, value, settings) ?? "";
		const other = parameter.excludes.find((name) => settings[name] !== void 0);
		return other ? `not together with ${other}` : "";
	}
	/** Begins to watch the server; returns what ends that. */
	start() {
		return this.server.watch();
	}
	change(session, kind = null) {
		set(this.#history, changed(get(this.#history), session, kind));
	}
	get canUndo() {
		return get(this.#history).past.length > 0;
	}
	get canRedo() {
		return get(this.#history).future.length > 0;
	}
	undo() {
		set(this.#history, undone(get(this.#history)));
		this.say("undone");
	}
	redo() {
		set(this.#history, redone(get(this.#history)));
		this.say("done again");
	}
	say(text) {
		this.said = text;
	}
	open(name) {
		this.dialog = name;
	}
	close() {
		this.dialog = null;
	}
	look(view) {
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
	unlock(key) {
		this.server.unlock(key);
		this.close();
	}
	/** Shows another session: a new one, one of the history, or one from a file. Nothing runs. */
	show(session) {
		this.stop();
		set(this.#history, started(session));
		this.solving = false;
		this.live = null;
		this.selected = null;
		this.whatIf = null;
		this.draft = "";
	}
	begin(kind = this.session.document.kind) {
		this.show(begun(NEW[kind], this.session.settings));
	}
	turnTo(mode) {
		if (mode === this.mode) return;
		this.solving = mode === "solve";
		if (mode !== "solve" && mode !== this.session.document.kind) this.begin(mode);
	}
	instruct(system) {
		const { document } = this.session;
		if (document.kind !== "chat") return;
		const others = this.system ? document.messages.slice(1) : document.messages;
		this.change(edited(this.session, { document: {
			...document,
			messages: system.trim() ? [{
				role: "system",
				content: system
			}, ...others] : others
		} }), "system");
	}
	write(prompt) {
		this.change(edited(this.session, { document: {
			kind: "completion",
			prompt
		} }), "prompt");
	}
	set(name, value) {
		const { [name]: _, ...others } = this.session.settings;
		this.change(edited(this.session, { settings: value === void 0 ? others : {
			...others,
			[name]: value
		} }), `setting ${name}`);
	}
	setAll(settings) {
		this.change(edited(this.session, { settings }));
	}
	select(place, turn = this.shown?.id) {
		if (turn === void 0) return;
		if (this.selected?.turn !== turn) this.whatIf = null;
		this.selected = {
			turn,
			place
		};
	}
	step(by) {
		const { here } = this;
		if (here) this.select(Math.min(here.path.length - 1, Math.max(0, here.place + by)));
	}
	slide(sliders) {
		this.whatIf = sliders;
	}
	useSliders() {
		if (!this.moved) return;
		this.setAll({
			...this.session.settings,
			...this.sliders
		});
		this.say("the next run has the sliders' settings");
	}
	/** Shows a text of the session below the document that it answers. */
	visit(place) {
		const run = runOf(this.session, place.run);
		if (!run) return;
		this.change(edited(this.session, {
			document: run.document,
			place
		}), "visit");
	}
	sibling(step) {
		const to = this.branches[this.branch + step];
		if (!to || this.running) return;
		this.visit(to);
		this.say(`branch ${this.branch + 1} of ${this.branches.length}`);
	}
	/** Changes a message; what came after it is left out, and can be had back by undoing. */
	edit(turn, text) {
		const { document } = this.session;
		if (document.kind === "completion") {
			this.change(edited(this.session, {
				document: answered(document, text),
				place: null
			}));
			return;
		}
		const at = turn.message ?? document.messages.length;
		const kept = turn.message === null && document.messages.at(-1)?.role === "assistant" ? document.messages.slice(0, -1) : document.messages.slice(0, at);
		const role = turn.role;
		this.change(edited(this.session, {
			document: {
				...document,
				messages: [...kept, {
					role,
					content: text
				}]
			},
			place: null
		}));
		this.selected = null;
	}
	/** Sends what is written; where nothing is, lets what is there be answered or gone on with. */
	send() {
		if (this.cannotRun) return;
		const { document, settings } = this.session;
		if (document.kind === "chat" && this.draft.trim()) {
			const text = this.answer?.line?.text;
			const before = text === void 0 ? document : answered(document, text);
			const messages = [...before.kind === "chat" ? before.messages : [], {
				role: "user",
				content: this.draft
			}];
			this.change(edited(this.session, {
				document: {
					kind: "chat",
					messages
				},
				place: null
			}));
			this.draft = "";
		}
		this.#run(this.session.document, settings, null, null);
	}
	/** Goes on with another token in the place of the one that is looked at; null: from there with the same. */
	branchTo(id) {
		const { here } = this;
		const run = here && runOf(this.session, here.view.id);
		if (!here || !run || this.cannotBranch) return;
		const text = here.view.lines.findIndex((line) => line.path === here.path);
		const { branch, origin } = branchAt(run, text, id === null ? here.place + 1 : here.place, id);
		const { place } = here;
		const seed = here.trace.seed ?? numberOf(here.trace, "seed");
		this.change(edited(this.session, {
			document: run.document,
			place: {
				run: run.id,
				text
			}
		}), "visit");
		this.#run(run.document, {
			...this.session.settings,
			n: 1,
			...seed !== void 0 && { seed }
		}, branch, origin);
		this.selected = {
			turn: "answer",
			place
		};
	}
	stop() {
		this.live?.stop();
	}
	#run(document, settings, branch, origin) {
		const given = {
			...settings,
			seed: settings.seed ?? Math.floor(Math.random() * SEEDS)
		};
		const searched = ["num_beams", "stochastic_beams"].some((name) => settings[name] !== void 0);
		const live = new Live({
			document,
			settings,
			body: request(document, searched ? settings : given, branch, {
				trace: true,
				tree: searched,
				progress: true
			}),
			branch,
			origin
		}, beginning(this.session, origin));
		this.live = live;
		this.selected = null;
		this.whatIf = null;
		this.say("started");
		live.go().then(() => this.#ended(live));
	}
	#ended(live) {
		const run = live.run();
		if (run) {
			remember(run, live);
			this.change(grown(this.session, run));
		}
		this.say(live.status === "failed" ? live.error : `${live.status}, ${live.count} tokens`);
	}
};
/** Whether a run was asked what stands before a message. */
function answers(document, messages, at) {
	return document.kind === "chat" && document.messages.length === at && JSON.stringify(document.messages) === JSON.stringify(messages.slice(0, at));
}
// src/panes/BottomBar.svelte
var root$40 = from_html(`<button class="svelte-16corlf"> </button>`);
var root_1$23 = from_html(`<nav aria-label="Panes" class="svelte-16corlf"></nav>`);
function BottomBar($$anchor, $$props) {
	push($$props, true);
	const VIEWS = {
		text: "Text",
		choice: "Choice",
		tree: "Tree",
		settings: "Settings",
		more: "More"
	};
	var nav = root_1$23();
	each(nav, 21, () => Object.entries(VIEWS), ([view, title]) => view, ($$anchor, $$item) => {
		var $$array = user_derived(() => to_array(get($$item), 2));
		let view = () => get($$array)[0];
		let title = () => get($$array)[1];
		var button = root$40();
		var text = only_child(button, true);
		template_effect(() => {
			set_attribute(button, "aria-current", $$props.page.view === view() ? "page" : void 0);
			set_text(text, title());
		});
		delegated("click", button, () => $$props.page.look(view()));
		append($$anchor, button);
	});
	reset(nav);
	append($$anchor, nav);
	pop();
}
delegate(["click"]);
// src/ui/Dialog.svelte
var root$39 = from_html(`<dialog><div class="frame svelte-1v9wgu6"><header class="svelte-1v9wgu6"><h2> </h2> <button class="plain" aria-label="Close">✕</button></header> <div class="body svelte-1v9wgu6"><!></div></div></dialog>`);
function Dialog($$anchor, $$props) {
	const id = props_id();
	let wide = prop($$props, "wide", 3, false);
	function open(dialog) {
		dialog.showModal();
	}
	function outside(event) {
		if (event.target === event.currentTarget) event.currentTarget.close();
	}
	var dialog_1 = root$39();
	let classes;
	var div = child(dialog_1);
	var header = child(div);
	var h2 = child(header);
	var text = only_child(h2, true);
	var button = sibling(h2, 2);
	reset(header);
	var div_1 = sibling(header, 2);
	var node = child(div_1);
	snippet(node, () => $$props.children);
	reset(div_1);
	reset(div);
	reset(dialog_1);
	attach(dialog_1, () => open);
	template_effect(() => {
		set_attribute(dialog_1, "aria-labelledby", `${id}-title`);
		classes = set_class(dialog_1, 1, "svelte-1v9wgu6", null, classes, { wide: wide() });
		set_attribute(h2, "id", `${id}-title`);
		set_text(text, $$props.title);
	});
	event("close", dialog_1, function(...$$args) {
		$$props.onclose?.apply(this, $$args);
	});
	delegated("click", dialog_1, outside);
	delegated("click", button, function(...$$args) {
		$$props.onclose?.apply(this, $$args);
	});
	append($$anchor, dialog_1);
}
delegate(["click"]);
// src/ui/numbers.ts
var COUNT = new Intl.NumberFormat("en");
var count = (value) => COUNT.format(value);
/** A share as a percentage; what is not nothing is never written as nothing. */
function percent(share) {
	if (share === 0) return "0 %";
	if (share < 1e-4) return "< 0.01 %";
	if (share > .9999 && share < 1) return "> 99.99 %";
	return `${(100 * share).toFixed(share < .01 ? 2 : 1)} %`;
}
var fixed = (value, digits = 3) => (Object.is(value, -0) || Math.abs(value) < 10 ** -digits / 2 ? 0 : value).toFixed(digits).replace("-", "−");
var plural = (number, noun) => `${count(number)} ${noun}${number === 1 ? "" : "s"}`;
// src/panes/Alternatives.svelte
var root$38 = from_html(`<p> </p>`);
var root_1$22 = from_html(`<span class="tiny muted">chosen</span>`);
var root_2$17 = from_html(`<li role="option" tabindex="-1" class="svelte-8b6tyz"><span class="mono grow"> </span><!><span> </span></li>`);
var root_3$14 = from_html(`<ul id="alternatives-list" role="listbox" aria-label="Alternatives" class="svelte-8b6tyz"></ul>`);
var root_4$9 = from_html(`<p id="alternatives-list" class="muted">No token that was sent has this in it.</p>`);
var root_5$6 = from_html(`<input type="search" role="combobox" aria-label="Find a token" aria-expanded="true" aria-controls="alternatives-list" autocomplete="off" placeholder="Find a token"/> <!> <!>`, 1);
function Alternatives($$anchor, $$props) {
	push($$props, true);
	let text = state("");
	let at = state(0);
	const all = user_derived(() => $$props.page.here?.row.ids.map((id, index) => ({
		id,
		label: visible($$props.page.here.trace.vocabulary[id].text),
		share: $$props.page.here.row.tempered[index],
		chosen: id === $$props.page.here.token.id
	})) ?? []);
	const found = user_derived(() => get(all).filter((one) => one.label.toLowerCase().includes(get(text).toLowerCase()) && one.share > 0));
	function take(id) {
		if (id === void 0 || $$props.page.cannotBranch) return;
		$$props.onclose();
		$$props.page.branchTo(id);
	}
	function key(event) {
		if (event.key === "ArrowDown") set(at, Math.min(get(at) + 1, get(found).length - 1), true);
		else if (event.key === "ArrowUp") set(at, Math.max(get(at) - 1, 0), true);
		else if (event.key === "Enter") take(get(found)[get(at)]?.id);
		else return;
		event.preventDefault();
		document.getElementById(`alternative-${get(found)[get(at)]?.id}`)?.scrollIntoView({ block: "nearest" });
	}
	Dialog($$anchor, {
		title: "Go on with another token",
		get onclose() {
			return $$props.onclose;
		},
		children: ($$anchor, $$slotProps) => {
			var fragment_1 = root_5$6();
			var input = first_child(fragment_1);
			remove_input_defaults(input);
			var node = sibling(input, 2);
			var consequent = ($$anchor) => {
				var p = root$38();
				var text_1 = only_child(p, true);
				template_effect(() => set_text(text_1, $$props.page.cannotBranch));
				append($$anchor, p);
			};
			if_block(node, ($$render) => {
				if ($$props.page.cannotBranch) $$render(consequent);
			});
			var node_1 = sibling(node, 2);
			var consequent_2 = ($$anchor) => {
				var ul = root_3$14();
				each(ul, 23, () => get(found), (one) => one.id, ($$anchor, one, index) => {
					var li = root_2$17();
					var span = child(li);
					var text_2 = only_child(span, true);
					var node_2 = sibling(span);
					var consequent_1 = ($$anchor) => {
						var span_1 = root_1$22();
						append($$anchor, span_1);
					};
					if_block(node_2, ($$render) => {
						if (get(one).chosen) $$render(consequent_1);
					});
					var span_2 = sibling(node_2);
					var text_3 = only_child(span_2, true);
					reset(li);
					template_effect(($0) => {
						set_attribute(li, "id", `alternative-${get(one).id ?? ""}`);
						set_attribute(li, "aria-selected", get(index) === get(at));
						set_text(text_2, get(one).label);
						set_text(text_3, $0);
					}, [() => percent(get(one).share)]);
					delegated("click", li, () => take(get(one).id));
					append($$anchor, li);
				});
				reset(ul);
				append($$anchor, ul);
			};
			var alternate = ($$anchor) => {
				var p_1 = root_4$9();
				append($$anchor, p_1);
			};
			if_block(node_1, ($$render) => {
				if (get(found).length) $$render(consequent_2);
				else $$render(alternate, -1);
			});
			template_effect(() => set_attribute(input, "aria-activedescendant", get(found)[get(at)] ? `alternative-${get(found)[get(at)].id}` : void 0));
			delegated("input", input, () => set(at, 0));
			delegated("keydown", input, key);
			bind_value(input, () => get(text), ($$value) => set(text, $$value));
			append($$anchor, fragment_1);
		},
		$$slots: { default: true }
	});
	pop();
}
delegate([
	"input",
	"keydown",
	"click"
]);
// src/panes/Code.svelte
var root$37 = from_html(`<p> </p>`);
function Code($$anchor, $$props) {
	push($$props, true);
	var p = root$37();
	var text = only_child(p, true);
	template_effect(() => set_text(text, $$props.page.mode));
	append($$anchor, p);
	pop();
}
// src/panes/Compare.svelte
var root$36 = from_html(`<p> </p>`);
function Compare($$anchor, $$props) {
	push($$props, true);
	var p = root$36();
	var text = only_child(p, true);
	template_effect(() => set_text(text, $$props.page.mode));
	append($$anchor, p);
	pop();
}
// src/panes/Help.svelte
var root$35 = from_html(`<kbd> </kbd>`);
var root_1$21 = from_html(`<tr><th scope="row" class="svelte-egcs54"> </th><td class="svelte-egcs54"><button class="plain"><!></button></td></tr>`);
var root_2$16 = from_html(`<table><caption class="spoken">Actions and their keys</caption><thead><tr><th scope="col">action</th><th scope="col">keys</th></tr></thead><tbody><!><tr><th scope="row" class="svelte-egcs54">In the tokens: previous, next, line above and below, first, last</th><td class="svelte-egcs54"><kbd>← → ↑ ↓ Home End</kbd></td></tr><tr><th scope="row" class="svelte-egcs54">In a tree: to what a node follows, or what follows it</th><td class="svelte-egcs54"><kbd>← →</kbd></td></tr></tbody></table> <p role="status"> </p> <p class="small muted">Press a key's button, then the new keys. They are kept in this browser.</p>`, 1);
function Help($$anchor, $$props) {
	push($$props, true);
	const MODIFIERS = [
		"Control",
		"Alt",
		"Shift",
		"Meta"
	];
	let asked = state(null);
	let problem = state("");
	function take(event, action) {
		if (get(asked) !== action.name || MODIFIERS.includes(event.key)) return;
		if (event.key === "Tab") {
			set(asked, null);
			return;
		}
		event.preventDefault();
		event.stopPropagation();
		const keys = chord(event);
		const other = $$props.actions.find((one) => one !== action && keysOf(one) === keys);
		if (!allowed(keys)) set(problem, `${spoken$1(keys)} is a key that people type: hold Ctrl or Alt as well.`);
		else if (other) set(problem, `${spoken$1(keys)} is “${other.title}” already.`);
		else {
			rebind(action, keys);
			set(asked, null);
			set(problem, "");
		}
	}
	Dialog($$anchor, {
		title: "Keys",
		get onclose() {
			return $$props.onclose;
		},
		children: ($$anchor, $$slotProps) => {
			var fragment_1 = root_2$16();
			var table = first_child(fragment_1);
			var tbody = sibling(child(table), 2);
			var node = child(tbody);
			each(node, 17, () => $$props.actions.filter((one) => one.keys), (action) => action.name, ($$anchor, action) => {
				var tr = root_1$21();
				var th = child(tr);
				var text = only_child(th, true);
				var td = sibling(th);
				var button = child(td);
				var node_1 = child(button);
				var consequent = ($$anchor) => {
					var text_1 = text$1("press keys…");
					append($$anchor, text_1);
				};
				var alternate = ($$anchor) => {
					var kbd = root$35();
					var text_2 = only_child(kbd, true);
					template_effect(($0) => set_text(text_2, $0), [() => spoken$1(keysOf(get(action)))]);
					append($$anchor, kbd);
				};
				if_block(node_1, ($$render) => {
					if (get(asked) === get(action).name) $$render(consequent);
					else $$render(alternate, -1);
				});
				reset(button);
				reset(td);
				reset(tr);
				template_effect(($0) => {
					set_text(text, get(action).title);
					set_attribute(button, "aria-label", `${get(action).title ?? ""}: ${$0 ?? ""}`);
				}, [() => get(asked) === get(action).name ? "press the new keys" : spoken$1(keysOf(get(action))) + ", change"]);
				delegated("click", button, () => set(asked, get(asked) === get(action).name ? null : get(action).name, true));
				delegated("keydown", button, (event) => take(event, get(action)));
				append($$anchor, tr);
			});
			next(2);
			reset(tbody);
			reset(table);
			var p = sibling(table, 2);
			var text_3 = only_child(p, true);
			next(2);
			template_effect(() => set_text(text_3, get(problem)));
			append($$anchor, fragment_1);
		},
		$$slots: { default: true }
	});
	pop();
}
delegate(["click", "keydown"]);
// src/panes/History.svelte
var root$34 = from_html(`<p> </p>`);
function History($$anchor, $$props) {
	push($$props, true);
	var p = root$34();
	var text = only_child(p, true);
	template_effect(() => set_text(text, $$props.page.mode));
	append($$anchor, p);
	pop();
}
// src/panes/KeyPrompt.svelte
var root$33 = from_html(`<p role="alert">The server does not know this key.</p>`);
var root_1$20 = from_html(`<form class="svelte-g2nquc"><label for="api-key">Key</label> <input id="api-key" type="password" autocomplete="off" aria-describedby="api-key-note"/> <button class="main" type="submit">Use it</button></form> <!> <p id="api-key-note" class="small muted">It is one of those that the server was started with (<code>--api-key</code>). This tab keeps it until it is closed; it is
    in no history, export or link.</p>`, 1);
function KeyPrompt($$anchor, $$props) {
	push($$props, true);
	let key = state("");
	function submit(event) {
		event.preventDefault();
		if (get(key).trim()) $$props.onkey(get(key).trim());
	}
	Dialog($$anchor, {
		title: "This server asks for a key",
		get onclose() {
			return $$props.onclose;
		},
		children: ($$anchor, $$slotProps) => {
			var fragment_1 = root_1$20();
			var form = first_child(fragment_1);
			var input = sibling(child(form), 2);
			remove_input_defaults(input);
			var button = sibling(input, 2);
			reset(form);
			var node = sibling(form, 2);
			var consequent = ($$anchor) => {
				var p = root$33();
				append($$anchor, p);
			};
			if_block(node, ($$render) => {
				if ($$props.refused) $$render(consequent);
			});
			next(2);
			template_effect(($0) => button.disabled = $0, [() => !get(key).trim()]);
			event("submit", form, submit);
			bind_value(input, () => get(key), ($$value) => set(key, $$value));
			append($$anchor, fragment_1);
		},
		$$slots: { default: true }
	});
	pop();
}
// src/panes/Palette.svelte
var root$32 = from_html(`<span class="muted tiny"> </span>`);
var root_1$19 = from_html(`<kbd> </kbd>`);
var root_2$15 = from_html(`<li role="option" tabindex="-1" class="svelte-mwwp5e"><span class="grow"> <!></span> <!></li>`);
var root_3$13 = from_html(`<ul id="palette" role="listbox" aria-label="Commands"></ul>`);
var root_4$8 = from_html(`<p class="muted" id="palette">No command has this in its name.</p>`);
var root_5$5 = from_html(`<input type="search" role="combobox" aria-label="Find a command" aria-expanded="true" aria-controls="palette" autocomplete="off" placeholder="Find a command"/> <!>`, 1);
function Palette($$anchor, $$props) {
	push($$props, true);
	let text = state("");
	let at = state(0);
	const found = user_derived(() => $$props.actions.filter((action) => action.title.toLowerCase().includes(get(text).trim().toLowerCase())));
	function run(action) {
		if (!action || action.refused?.()) return;
		$$props.onclose();
		action.run();
	}
	function key(event) {
		if (event.key === "ArrowDown") set(at, Math.min(get(at) + 1, get(found).length - 1), true);
		else if (event.key === "ArrowUp") set(at, Math.max(get(at) - 1, 0), true);
		else if (event.key === "Enter") run(get(found)[get(at)]);
		else return;
		event.preventDefault();
	}
	Dialog($$anchor, {
		title: "Commands",
		get onclose() {
			return $$props.onclose;
		},
		children: ($$anchor, $$slotProps) => {
			var fragment_1 = root_5$5();
			var input = first_child(fragment_1);
			remove_input_defaults(input);
			var node = sibling(input, 2);
			var consequent_2 = ($$anchor) => {
				var ul = root_3$13();
				each(ul, 23, () => get(found), (action) => action.name, ($$anchor, action, index) => {
					const refused = user_derived(() => get(action).refused?.() ?? "");
					var li = root_2$15();
					var span = child(li);
					var text_1 = child(span, true);
					var node_1 = sibling(text_1);
					var consequent = ($$anchor) => {
						var span_1 = root$32();
						var text_2 = only_child(span_1);
						template_effect(() => set_text(text_2, `— ${get(refused) ?? ""}`));
						append($$anchor, span_1);
					};
					if_block(node_1, ($$render) => {
						if (get(refused)) $$render(consequent);
					});
					reset(span);
					var node_2 = sibling(span, 2);
					var consequent_1 = ($$anchor) => {
						var kbd = root_1$19();
						var text_3 = only_child(kbd, true);
						template_effect(($0) => set_text(text_3, $0), [() => spoken$1(keysOf(get(action)))]);
						append($$anchor, kbd);
					};
					var d = user_derived(() => keysOf(get(action)));
					if_block(node_2, ($$render) => {
						if (get(d)) $$render(consequent_1);
					});
					reset(li);
					template_effect(() => {
						set_attribute(li, "id", `palette-${get(action).name ?? ""}`);
						set_attribute(li, "aria-selected", get(index) === get(at));
						set_attribute(li, "aria-disabled", get(refused) !== "");
						set_text(text_1, get(action).title);
					});
					delegated("click", li, () => run(get(action)));
					append($$anchor, li);
				});
				reset(ul);
				append($$anchor, ul);
			};
			var alternate = ($$anchor) => {
				var p = root_4$8();
				append($$anchor, p);
			};
			if_block(node, ($$render) => {
				if (get(found).length) $$render(consequent_2);
				else $$render(alternate, -1);
			});
			template_effect(() => set_attribute(input, "aria-activedescendant", get(found)[get(at)] ? `palette-${get(found)[get(at)].name}` : void 0));
			delegated("input", input, () => set(at, 0));
			delegated("keydown", input, key);
			bind_value(input, () => get(text), ($$value) => set(text, $$value));
			append($$anchor, fragment_1);
		},
		$$slots: { default: true }
	});
	pop();
}
delegate([
	"input",
	"keydown",
	"click"
]);
// src/panes/Presets.svelte
var root$31 = from_html(`<p> </p>`);
function Presets($$anchor, $$props) {
	push($$props, true);
	var p = root$31();
	var text = only_child(p, true);
	template_effect(() => set_text(text, $$props.page.mode));
	append($$anchor, p);
	pop();
}
// src/panes/Share.svelte
var root$30 = from_html(`<p> </p>`);
function Share($$anchor, $$props) {
	push($$props, true);
	var p = root$30();
	var text = only_child(p, true);
	template_effect(() => set_text(text, $$props.page.mode));
	append($$anchor, p);
	pop();
}
// src/panes/Dialogs.svelte
function Dialogs($$anchor, $$props) {
	push($$props, true);
	const onclose = () => $$props.page.close();
	var fragment = comment();
	var node = first_child(fragment);
	var consequent = ($$anchor) => {
		Palette($$anchor, {
			get actions() {
				return $$props.actions;
			},
			onclose
		});
	};
	var consequent_1 = ($$anchor) => {
		Help($$anchor, {
			get actions() {
				return $$props.actions;
			},
			onclose
		});
	};
	var consequent_2 = ($$anchor) => {
		KeyPrompt($$anchor, {
			get refused() {
				return $$props.page.server.keyRefused;
			},
			onkey: (key) => $$props.page.unlock(key),
			onclose
		});
	};
	var consequent_3 = ($$anchor) => {
		Alternatives($$anchor, {
			get page() {
				return $$props.page;
			},
			onclose
		});
	};
	var consequent_4 = ($$anchor) => {
		Presets($$anchor, {
			get page() {
				return $$props.page;
			},
			onclose
		});
	};
	var consequent_5 = ($$anchor) => {
		Code($$anchor, {
			get page() {
				return $$props.page;
			},
			onclose
		});
	};
	var consequent_6 = ($$anchor) => {
		History($$anchor, {
			get page() {
				return $$props.page;
			},
			onclose
		});
	};
	var consequent_7 = ($$anchor) => {
		Share($$anchor, {
			get page() {
				return $$props.page;
			},
			onclose
		});
	};
	var consequent_8 = ($$anchor) => {
		Compare($$anchor, {
			get page() {
				return $$props.page;
			},
			onclose
		});
	};
	if_block(node, ($$render) => {
		if ($$props.page.dialog === "palette") $$render(consequent);
		else if ($$props.page.dialog === "help") $$render(consequent_1, 1);
		else if ($$props.page.dialog === "key") $$render(consequent_2, 2);
		else if ($$props.page.dialog === "alternatives") $$render(consequent_3, 3);
		else if ($$props.page.dialog === "presets") $$render(consequent_4, 4);
		else if ($$props.page.dialog === "code") $$render(consequent_5, 5);
		else if ($$props.page.dialog === "history") $$render(consequent_6, 6);
		else if ($$props.page.dialog === "share") $$render(consequent_7, 7);
		else if ($$props.page.dialog === "compare") $$render(consequent_8, 8);
	});
	append($$anchor, fragment);
	pop();
}
// src/panes/Editor.svelte
var root$29 = from_html(`<textarea></textarea> <div class="row"><button class="main">Keep</button> <button>Cancel</button> <span class="tiny muted">The text before stays as a branch of its own. Run goes on from what you keep.</span></div>`, 1);
function Editor($$anchor, $$props) {
	push($$props, true);
	let written = state(proxy($$props.text));
	function key(event) {
		if (event.key === "Escape") $$props.oncancel();
		else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) $$props.onsave(get(written));
		else return;
		event.preventDefault();
		event.stopPropagation();
	}
	var fragment = root$29();
	var textarea = first_child(fragment);
	remove_textarea_child(textarea);
	attach(textarea, () => (field) => field.focus());
	var div = sibling(textarea, 2);
	var button = child(div);
	var button_1 = sibling(button, 2);
	next(2);
	reset(div);
	template_effect(($0) => {
		set_attribute(textarea, "aria-label", $$props.label);
		set_attribute(textarea, "rows", $0);
	}, [() => Math.min(14, Math.max(3, $$props.text.split("\n").length + 1))]);
	delegated("keydown", textarea, key);
	bind_value(textarea, () => get(written), ($$value) => set(written, $$value));
	delegated("click", button, () => $$props.onsave(get(written)));
	delegated("click", button_1, function(...$$args) {
		$$props.oncancel?.apply(this, $$args);
	});
	append($$anchor, fragment);
	pop();
}
delegate(["keydown", "click"]);
// src/panes/Tokens.svelte
var root$28 = from_html(`<div class="tokens svelte-1ek2od5" role="listbox" aria-orientation="horizontal" tabindex="0"></div>`);
function Tokens($$anchor, $$props) {
	push($$props, true);
	/** The classes of each token, as one text: equal texts change nothing. */
	/** Changes whenever `pieces` has grown. */
	let list;
	let spans = [];
	let painted = [];
	let current = null;
	function make(piece, index) {
		const span = document.createElement("span");
		span.role = "option";
		span.id = `${$$props.id}-${index}`;
		span.dataset.token = String(index);
		span.textContent = piece.text;
		if (piece.sign) span.dataset.sign = piece.sign;
		const name = describe(piece);
		if (name !== piece.text) span.setAttribute("aria-label", name);
		span.ariaSelected = "false";
		return span;
	}
	user_effect(() => {
		$$props.version;
		if (current !== $$props.pieces || $$props.pieces.length < spans.length) {
			list.replaceChildren();
			spans = [];
			painted = [];
			current = $$props.pieces;
		}
		const added = document.createDocumentFragment();
		for (let index = spans.length; index < $$props.pieces.length; index++) {
			spans.push(make($$props.pieces[index], index));
			added.append(spans[index]);
		}
		list.append(added);
	});
	user_effect(() => {
		$$props.version;
		for (let index = 0; index < spans.length; index++) {
			const mark = $$props.marks(index);
			if (painted[index] !== mark) spans[index].className = painted[index] = mark;
		}
	});
	let before = null;
	user_effect(() => {
		$$props.version;
		const now = $$props.selected === null ? null : spans[$$props.selected] ?? null;
		if (before === now) return;
		if (before) before.ariaSelected = "false";
		if (now) {
			now.ariaSelected = "true";
			now.scrollIntoView({ block: "nearest" });
		}
		before = now;
	});
	/** The token above or below: the nearest one on the next line. */
	function beside(from, step) {
		const start = spans[from].getBoundingClientRect();
		let best = from, least = Infinity, line = null;
		for (let index = from + step; index >= 0 && index < spans.length; index += step) {
			const box = spans[index].getClientRects()[0];
			if (!box || Math.abs(box.top - start.top) < start.height / 2) continue;
			line ??= box.top;
			if (Math.abs(box.top - line) > box.height / 2) break;
			const distance = Math.abs(box.left - start.left);
			if (distance < least) [best, least] = [index, distance];
		}
		return best;
	}
	function key(event) {
		if (event.altKey || event.ctrlKey || event.metaKey || !spans.length) return;
		const at = $$props.selected ?? -1, last = spans.length - 1;
		const to = event.key === "ArrowRight" ? Math.min(at + 1, last) : event.key === "ArrowLeft" ? Math.max(at - 1, 0) : event.key === "Home" ? 0 : event.key === "End" ? last : event.key === "ArrowDown" && at >= 0 ? beside(at, 1) : event.key === "ArrowUp" && at >= 0 ? beside(at, -1) : null;
		if (to === null) {
			if (event.key === "Enter" && at >= 0) $$props.onopen();
			return;
		}
		event.preventDefault();
		$$props.onselect(to);
	}
	function click(event) {
		const span = event.target.closest("[data-token]");
		if (!span) return;
		$$props.onselect(Number(span.dataset.token));
		$$props.onopen();
	}
	var div = root$28();
	bind_this(div, ($$value) => list = $$value, () => list);
	template_effect(() => {
		set_attribute(div, "aria-label", $$props.label);
		set_attribute(div, "aria-activedescendant", $$props.selected === null || $$props.selected >= $$props.pieces.length ? void 0 : `${$$props.id}-${$$props.selected}`);
	});
	delegated("keydown", div, key);
	delegated("click", div, click);
	event("focus", div, () => $$props.selected === null && $$props.pieces.length && $$props.onselect(0));
	append($$anchor, div);
	pop();
}
delegate(["keydown", "click"]);
// src/panes/Message.svelte
var root$27 = from_html(`<span class="tiny muted"> </span> <button class="plain svelte-1g9hxiq" aria-label="Previous branch">‹</button> <button class="plain svelte-1g9hxiq" aria-label="Next branch">›</button>`, 1);
var root_1$18 = from_html(`<button class="plain svelte-1g9hxiq">Edit</button>`);
var root_2$14 = from_html(`<span class="muted">…</span>`);
var root_3$12 = from_html(`<p class="words svelte-1g9hxiq"> <!></p>`);
var root_4$7 = from_html(`<article><header class="row svelte-1g9hxiq"><h3 class="grow"> </h3> <!> <!></header> <!></article>`);
function Message($$anchor, $$props) {
	push($$props, true);
	let editing = state(false);
	const NAMES = {
		user: "You",
		assistant: "Assistant",
		system: "System",
		developer: "Developer",
		tool: "Tool",
		text: "Text"
	};
	const name = user_derived(() => NAMES[$$props.turn.role]);
	const branches = user_derived(() => $$props.turn.message === null ? $$props.page.branches.length : 0);
	var article = root_4$7();
	var header = child(article);
	var h3 = child(header);
	var text_1 = only_child(h3, true);
	var node = sibling(h3, 2);
	var consequent = ($$anchor) => {
		var fragment = root$27();
		var span = first_child(fragment);
		var text_2 = only_child(span);
		var button = sibling(span, 2);
		var button_1 = sibling(button, 2);
		template_effect(() => {
			set_text(text_2, `branch ${$$props.page.branch + 1} of ${get(branches) ?? ""}`);
			button.disabled = $$props.page.branch === 0;
			button_1.disabled = $$props.page.branch === get(branches) - 1;
		});
		delegated("click", button, () => $$props.page.sibling(-1));
		delegated("click", button_1, () => $$props.page.sibling(1));
		append($$anchor, fragment);
	};
	if_block(node, ($$render) => {
		if (get(branches) > 1 && $$props.page.branch >= 0) $$render(consequent);
	});
	var node_1 = sibling(node, 2);
	var consequent_1 = ($$anchor) => {
		var button_2 = root_1$18();
		template_effect(() => set_attribute(button_2, "aria-label", `Edit: ${get(name) ?? ""}`));
		delegated("click", button_2, () => set(editing, true));
		append($$anchor, button_2);
	};
	if_block(node_1, ($$render) => {
		if (!get(editing) && !$$props.turn.view?.live) $$render(consequent_1);
	});
	reset(header);
	var node_2 = sibling(header, 2);
	var consequent_2 = ($$anchor) => {
		Editor($$anchor, {
			label: "Text of this message",
			get text() {
				return $$props.turn.text;
			},
			onsave: (text) => {
				set(editing, false);
				$$props.page.edit($$props.turn, text);
			},
			oncancel: () => set(editing, false)
		});
	};
	var consequent_3 = ($$anchor) => {
		{
			let $0 = user_derived(() => get(name));
			let $1 = user_derived(() => plural($$props.turn.line.pieces.length, "token"));
			let $2 = user_derived(() => $$props.turn.view?.version ?? 0);
			let $3 = user_derived(() => $$props.page.marks($$props.turn));
			let $4 = user_derived(() => $$props.page.selected?.turn === $$props.turn.id ? $$props.page.selected.place : null);
			Tokens($$anchor, {
				get id() {
					return $$props.turn.id;
				},
				get label() {
					return `${get($0) ?? ""}, ${get($1) ?? ""}`;
				},
				get pieces() {
					return $$props.turn.line.pieces;
				},
				get version() {
					return get($2);
				},
				get marks() {
					return get($3);
				},
				get selected() {
					return get($4);
				},
				onselect: (place) => $$props.page.select(place, $$props.turn.id),
				onopen: () => $$props.page.phone && $$props.page.look("choice")
			});
		}
	};
	var alternate = ($$anchor) => {
		var p = root_3$12();
		var text_3 = child(p, true);
		var node_3 = sibling(text_3);
		var consequent_4 = ($$anchor) => {
			var span_1 = root_2$14();
			append($$anchor, span_1);
		};
		if_block(node_3, ($$render) => {
			if ($$props.turn.view?.live && !$$props.turn.text) $$render(consequent_4);
		});
		reset(p);
		template_effect(($0) => set_text(text_3, $0), [() => readable($$props.turn.text)]);
		append($$anchor, p);
	};
	if_block(node_2, ($$render) => {
		if (get(editing)) $$render(consequent_2);
		else if ($$props.turn.line?.pieces.length) $$render(consequent_3, 1);
		else $$render(alternate, -1);
	});
	reset(article);
	template_effect(() => {
		set_attribute(article, "aria-label", get(name));
		set_class(article, 1, clsx($$props.turn.role), "svelte-1g9hxiq");
		set_text(text_1, get(name));
	});
	append($$anchor, article);
	pop();
}
delegate(["click"]);
// src/panes/Chat.svelte
var root$26 = from_html(`<li><!></li>`);
var root_1$17 = from_html(`<li class="muted">Write a message below. Each token of the answer then shows what it was chosen from.</li>`);
var root_2$13 = from_html(`<ol class="svelte-16dqy79"></ol>`);
function Chat($$anchor, $$props) {
	push($$props, true);
	var ol = root_2$13();
	each(ol, 21, () => $$props.page.turns, (turn) => turn.id, ($$anchor, turn) => {
		var li = root$26();
		Message(child(li), {
			get page() {
				return $$props.page;
			},
			get turn() {
				return get(turn);
			}
		});
		reset(li);
		append($$anchor, li);
	}, ($$anchor) => {
		var li_1 = root_1$17();
		append($$anchor, li_1);
	});
	reset(ol);
	append($$anchor, ol);
	pop();
}
// src/panes/ColourBar.svelte
var root$25 = from_html(`<option> </option>`);
var root_1$16 = from_html(`<i></i>`);
var root_2$12 = from_html(`<span class="legend muted svelte-1401sw4" aria-hidden="true"> <!> </span>`);
var root_3$11 = from_html(`<div class="row small"><label for="colour-by" class="muted">Colour by</label> <select id="colour-by"></select> <!> <span class="grow"></span> <details class="svelte-1401sw4"><summary class="muted svelte-1401sw4">Underlines</summary> <ul class="tiny svelte-1401sw4"><li class="svelte-1401sw4"><span class="dotted svelte-1401sw4">dotted</span> would be cut at the sliders' settings</li> <li class="svelte-1401sw4"><span class="double svelte-1401sw4">double</span> forced: by a constraint or as a beginning</li> <li class="svelte-1401sw4"><span class="dashed svelte-1401sw4">dashed</span> guessed by speculation, and right</li> <li class="svelte-1401sw4"><span class="wavy svelte-1401sw4">wavy</span> much entropy: look here</li> <li>hatched: after the first token that would be another</li></ul></details></div>`);
function ColourBar($$anchor, $$props) {
	push($$props, true);
	let page = prop($$props, "page", 7);
	const BY = {
		entropy: {
			title: "entropy",
			low: "certain",
			high: "open"
		},
		probability: {
			title: "probability",
			low: "unlikely",
			high: "likely"
		},
		surprise: {
			title: "surprise",
			low: "expected",
			high: "surprising"
		},
		rank: {
			title: "rank",
			low: "first",
			high: "far down"
		},
		changed: {
			title: "changed by the sliders",
			low: "as it was",
			high: "much"
		},
		none: {
			title: "nothing",
			low: "",
			high: ""
		}
	};
	var div = root_3$11();
	var select = sibling(child(div), 2);
	each(select, 21, () => Object.entries(BY), ([name, { title }]) => name, ($$anchor, $$item) => {
		var $$array = user_derived(() => to_array(get($$item), 2));
		let name = () => get($$array)[0];
		let title = () => get($$array)[1].title;
		var option = root$25();
		var text = only_child(option, true);
		var option_value = {};
		template_effect(() => {
			set_text(text, title());
			if (option_value !== (option_value = name())) option.value = (option.__value = option_value) ?? "";
		});
		append($$anchor, option);
	});
	reset(select);
	init_select(select);
	var node = sibling(select, 2);
	var consequent = ($$anchor) => {
		var span = root_2$12();
		var text_1 = child(span);
		var node_1 = sibling(text_1);
		each(node_1, 16, () => [
			0,
			1,
			2,
			3,
			4,
			5
		], (step) => step, ($$anchor, step) => {
			var i = root_1$16();
			template_effect(() => set_class(i, 1, `s${step ?? ""}`, "svelte-1401sw4"));
			append($$anchor, i);
		});
		var text_2 = sibling(node_1);
		reset(span);
		template_effect(() => {
			set_text(text_1, `${BY[page().colour.value].low ?? ""} `);
			set_text(text_2, ` ${BY[page().colour.value].high ?? ""}`);
		});
		append($$anchor, span);
	};
	if_block(node, ($$render) => {
		if (page().colour.value !== "none") $$render(consequent);
	});
	next(4);
	reset(div);
	bind_select_value(select, () => page().colour.value, ($$value) => page().colour.value = $$value);
	append($$anchor, div);
	pop();
}
// src/panes/Completion.svelte
var root$24 = from_html(`<div class="text svelte-e0jq5"><label for="prompt"><h3>Text</h3></label> <textarea id="prompt" rows="4" placeholder="Write the beginning of a text" class="svelte-e0jq5"></textarea> <!></div>`);
function Completion($$anchor, $$props) {
	push($$props, true);
	var div = root$24();
	var textarea = sibling(child(div), 2);
	remove_textarea_child(textarea);
	var node = sibling(textarea, 2);
	each(node, 17, () => $$props.page.turns.filter((turn) => turn.role === "text"), (turn) => turn.id, ($$anchor, turn) => {
		Message($$anchor, {
			get page() {
				return $$props.page;
			},
			get turn() {
				return get(turn);
			}
		});
	});
	reset(div);
	template_effect(() => set_value(textarea, $$props.page.session.document.kind === "completion" ? $$props.page.session.document.prompt : ""));
	delegated("input", textarea, (event) => $$props.page.write(event.currentTarget.value));
	append($$anchor, div);
	pop();
}
delegate(["input"]);
// src/panes/Composer.svelte
var root$23 = from_html(`<label class="spoken" for="composer">Message</label> <textarea id="composer" rows="2" class="svelte-11x4cuh"></textarea>`, 1);
var root_1$15 = from_html(`<span class="grow"></span>`);
var root_2$11 = from_html(`<button type="button" class="main svelte-11x4cuh">Stop <kbd class="svelte-11x4cuh">Esc</kbd></button>`);
var root_3$10 = from_html(`<button type="submit" class="main svelte-11x4cuh">Run</button>`);
var root_4$6 = from_html(`<form class="svelte-11x4cuh"><!> <div class="buttons svelte-11x4cuh"><!></div></form>`);
function Composer($$anchor, $$props) {
	push($$props, true);
	let page = prop($$props, "page", 7);
	const refused = user_derived(() => page().cannotRun);
	var form = root_4$6();
	var node = child(form);
	var consequent = ($$anchor) => {
		var fragment = root$23();
		var textarea = sibling(first_child(fragment), 2);
		remove_textarea_child(textarea);
		template_effect(() => set_attribute(textarea, "placeholder", page().turns.length ? "Write a message; left empty, Run answers again" : "Write a message"));
		bind_value(textarea, () => page().draft, ($$value) => page().draft = $$value);
		append($$anchor, fragment);
	};
	var alternate = ($$anchor) => {
		var span = root_1$15();
		append($$anchor, span);
	};
	if_block(node, ($$render) => {
		if (page().mode === "chat") $$render(consequent);
		else $$render(alternate, -1);
	});
	var div = sibling(node, 2);
	var node_1 = child(div);
	var consequent_1 = ($$anchor) => {
		var button = root_2$11();
		delegated("click", button, () => page().stop());
		append($$anchor, button);
	};
	var alternate_1 = ($$anchor) => {
		var button_1 = root_3$10();
		template_effect(() => {
			button_1.disabled = get(refused) !== "";
			set_attribute(button_1, "title", get(refused) || "Ctrl Enter");
		});
		append($$anchor, button_1);
	};
	if_block(node_1, ($$render) => {
		if (page().running) $$render(consequent_1);
		else $$render(alternate_1, -1);
	});
	reset(div);
	reset(form);
	event("submit", form, (event) => {
		event.preventDefault();
		page().send();
	});
	append($$anchor, form);
	pop();
}
delegate(["click"]);
// src/panes/Loading.svelte
var root$22 = from_html(`<span class="grow svelte-6vcx4b">This server asks for a key.</span> <button class="svelte-6vcx4b">Enter the key</button>`, 1);
var root_1$14 = from_html(`<span class="svelte-6vcx4b"> </span>`);
var root_2$10 = from_html(`<span class="bead svelte-6vcx4b" aria-hidden="true"></span> <span class="svelte-6vcx4b"> </span>`, 1);
var root_3$9 = from_html(`<div class="banner svelte-6vcx4b" role="status"><!></div>`);
function Loading($$anchor, $$props) {
	push($$props, true);
	var div = root_3$9();
	var node = child(div);
	var consequent = ($$anchor) => {
		var fragment = root$22();
		var button = sibling(first_child(fragment), 2);
		delegated("click", button, function(...$$args) {
			$$props.onkey?.apply(this, $$args);
		});
		append($$anchor, fragment);
	};
	var consequent_1 = ($$anchor) => {
		var span = root_1$14();
		var text = only_child(span);
		template_effect(() => set_text(text, `The server cannot be reached. What is here stays; the page tries again by itself. ${$$props.server.reason ?? ""}`));
		append($$anchor, span);
	};
	var alternate = ($$anchor) => {
		var fragment_1 = root_2$10();
		var span_1 = sibling(first_child(fragment_1), 2);
		var text_1 = only_child(span_1, true);
		template_effect(() => set_text(text_1, $$props.server.reason || "The model is being loaded. The page goes on by itself when it is there."));
		append($$anchor, fragment_1);
	};
	if_block(node, ($$render) => {
		if ($$props.server.state === "key") $$render(consequent);
		else if ($$props.server.state === "gone") $$render(consequent_1, 1);
		else $$render(alternate, -1);
	});
	reset(div);
	append($$anchor, div);
	pop();
}
delegate(["click"]);
// src/panes/StatusLine.svelte
var root$21 = from_html(`<span> </span>`);
var root_1$13 = from_html(`<span title="Time to the first token"> </span>`);
var root_2$9 = from_html(`<span> <!></span>`);
var root_3$8 = from_html(`<span>seed <span class="mono"> </span></span>`);
var root_4$5 = from_html(`<span> </span> <!> <span> </span> <!> <!> <!> <!> <!>`, 1);
var root_5$4 = from_html(`<span>Nothing has run yet.</span>`);
var root_6$2 = from_html(`<div class="status small muted svelte-1uqk3b"><!></div>`);
function StatusLine($$anchor, $$props) {
	push($$props, true);
	const WORDS = {
		waiting: "waiting",
		running: "running",
		done: "done",
		stopped: "stopped",
		failed: "failed"
	};
	const cached = user_derived(() => $$props.live?.usage?.cached_tokens);
	var div = root_6$2();
	var node = child(div);
	var consequent_7 = ($$anchor) => {
		var fragment = root_4$5();
		var span = first_child(fragment);
		var text = only_child(span, true);
		var node_1 = sibling(span, 2);
		var consequent = ($$anchor) => {
			var span_1 = root$21();
			var text_1 = only_child(span_1, true);
			template_effect(() => set_text(text_1, $$props.live.progress));
			append($$anchor, span_1);
		};
		if_block(node_1, ($$render) => {
			if ($$props.live.progress) $$render(consequent);
		});
		var span_2 = sibling(node_1, 2);
		var text_2 = only_child(span_2, true);
		var node_2 = sibling(span_2, 2);
		var consequent_1 = ($$anchor) => {
			var span_3 = root$21();
			var text_3 = only_child(span_3);
			template_effect(($0) => set_text(text_3, `${$0 ?? ""} tok/s`), [() => fixed($$props.live.rate, 1)]);
			append($$anchor, span_3);
		};
		if_block(node_2, ($$render) => {
			if ($$props.live.rate) $$render(consequent_1);
		});
		var node_3 = sibling(node_2, 2);
		var consequent_2 = ($$anchor) => {
			var span_4 = root_1$13();
			var text_4 = only_child(span_4);
			template_effect(($0) => set_text(text_4, `TTFT ${$0 ?? ""} s`), [() => fixed($$props.live.first / 1e3, 2)]);
			append($$anchor, span_4);
		};
		if_block(node_3, ($$render) => {
			if ($$props.live.first !== null) $$render(consequent_2);
		});
		var node_4 = sibling(node_3, 2);
		var consequent_4 = ($$anchor) => {
			var span_5 = root_2$9();
			var text_5 = child(span_5);
			var node_5 = sibling(text_5);
			var consequent_3 = ($$anchor) => {
				var text_6 = text$1();
				template_effect(($0) => set_text(text_6, `, ${$0 ?? ""} cached`), [() => percent(get(cached) / $$props.live.usage.prompt_tokens)]);
				append($$anchor, text_6);
			};
			if_block(node_5, ($$render) => {
				if (get(cached)) $$render(consequent_3);
			});
			reset(span_5);
			template_effect(($0) => set_text(text_5, `prompt ${$0 ?? ""}`), [() => count($$props.live.usage.prompt_tokens)]);
			append($$anchor, span_5);
		};
		if_block(node_4, ($$render) => {
			if ($$props.live.usage) $$render(consequent_4);
		});
		var node_6 = sibling(node_4, 2);
		var consequent_5 = ($$anchor) => {
			var span_6 = root_3$8();
			var span_7 = sibling(child(span_6));
			var text_7 = only_child(span_7, true);
			reset(span_6);
			template_effect(() => set_text(text_7, $$props.live.seed));
			append($$anchor, span_6);
		};
		if_block(node_6, ($$render) => {
			if ($$props.live.seed !== null) $$render(consequent_5);
		});
		var node_7 = sibling(node_6, 2);
		var consequent_6 = ($$anchor) => {
			var span_8 = root$21();
			var text_8 = only_child(span_8);
			template_effect(() => set_text(text_8, `ended: ${$$props.live.finish ?? ""}`));
			append($$anchor, span_8);
		};
		if_block(node_7, ($$render) => {
			if ($$props.live.finish) $$render(consequent_6);
		});
		template_effect(($0) => {
			set_class(span, 1, `word ${$$props.live.status ?? ""}`, "svelte-1uqk3b");
			set_text(text, WORDS[$$props.live.status]);
			set_text(text_2, $0);
		}, [() => plural($$props.live.count, "token")]);
		append($$anchor, fragment);
	};
	var alternate = ($$anchor) => {
		var span_9 = root_5$4();
		append($$anchor, span_9);
	};
	if_block(node, ($$render) => {
		if ($$props.live) $$render(consequent_7);
		else $$render(alternate, -1);
	});
	reset(div);
	append($$anchor, div);
	pop();
}
// src/panes/Strip.svelte
var root$20 = from_html(`<option> </option>`);
var root_1$12 = from_html(`<tr><td class="number"></td><td class="mono"> </td><td class="number"> </td><td class="number"> </td><td class="number"> </td></tr>`);
var root_2$8 = from_html(`<div class="table svelte-16nvt9t" tabindex="0" role="region" aria-label="Each token's entropy, surprise and nucleus"><table><thead><tr><th scope="col" class="number">token</th><th scope="col">text</th><th scope="col" class="number">entropy</th><th scope="col" class="number">surprise</th><th scope="col" class="number">kept</th></tr></thead><tbody></tbody></table></div>`);
var root_3$7 = from_html(`<div class="canvas svelte-16nvt9t" role="slider" tabindex="0"><canvas class="svelte-16nvt9t"></canvas></div>`);
var root_4$4 = from_html(`<section aria-label="Entropy strip" class="strip svelte-16nvt9t"><div class="row"><label class="spoken" for="strip-line">Line</label> <select id="strip-line"></select> <span class="grow small muted"> </span> <button class="plain">Table</button></div> <!></section>`);
function Strip($$anchor, $$props) {
	push($$props, true);
	/** From here on the text would be another at the sliders' settings; null: nowhere. */
	const LINES = {
		entropy: "entropy, nats",
		surprise: "surprise, nats",
		kept: "tokens kept"
	};
	const HEIGHT = 56;
	let what = state("entropy");
	let table = state(false);
	let width = state(0);
	let canvas = state(void 0);
	const heightOf = (place) => get(what) === "kept" ? Math.log1p(place.kept) : Math.min(place[get(what)], 20);
	user_effect(() => {
		$$props.version;
		if (!get(canvas) || !get(width)) return;
		const context = get(canvas).getContext("2d");
		if (!context) return;
		const style = getComputedStyle(get(canvas)), ratio = devicePixelRatio;
		get(canvas).width = Math.round(get(width) * ratio);
		get(canvas).height = Math.round(HEIGHT * ratio);
		context.scale(ratio, ratio);
		const step = get(width) / Math.max(1, $$props.places.length);
		const most = $$props.places.reduce((value, place) => Math.max(value, heightOf(place)), 1);
		context.fillStyle = style.color;
		$$props.places.forEach((place, index) => {
			const height = 52 * heightOf(place) / most;
			context.fillRect(index * step, HEIGHT - height, Math.max(.5, step - (step > 3 ? 1 : 0)), height);
		});
		if ($$props.parts !== null) {
			context.strokeStyle = style.textDecorationColor;
			context.lineWidth = 1;
			context.beginPath();
			for (let x = $$props.parts * step; x < get(width) + HEIGHT; x += 6) {
				context.moveTo(x, 0);
				context.lineTo(Math.max($$props.parts * step, x - HEIGHT), Math.min(HEIGHT, x - $$props.parts * step));
			}
			context.stroke();
		}
		if ($$props.selected !== null && $$props.selected < $$props.places.length) {
			context.strokeStyle = style.caretColor;
			context.lineWidth = 2;
			context.strokeRect($$props.selected * step, 1, Math.max(3, step), 54);
		}
	});
	function point(event) {
		if (!(event.buttons & 1) || !$$props.places.length || !get(canvas)) return;
		const share = (event.clientX - get(canvas).getBoundingClientRect().left) / get(width);
		$$props.onselect(Math.min($$props.places.length - 1, Math.max(0, Math.floor(share * $$props.places.length))));
	}
	function key(event) {
		if (event.altKey || event.ctrlKey || event.metaKey || !$$props.places.length) return;
		const at = $$props.selected ?? 0, last = $$props.places.length - 1;
		const to = {
			ArrowRight: Math.min(last, at + 1),
			ArrowLeft: Math.max(0, at - 1),
			Home: 0,
			End: last
		}[event.key];
		if (to === void 0) return;
		event.preventDefault();
		$$props.onselect(to);
	}
	const now = user_derived(() => $$props.selected !== null && $$props.places[$$props.selected] ? $$props.places[$$props.selected] : null);
	var section = root_4$4();
	var div = child(section);
	var select = sibling(child(div), 2);
	each(select, 21, () => Object.entries(LINES), ([name, label]) => name, ($$anchor, $$item) => {
		var $$array = user_derived(() => to_array(get($$item), 2));
		let name = () => get($$array)[0];
		let label = () => get($$array)[1];
		var option = root$20();
		var text = only_child(option, true);
		var option_value = {};
		template_effect(() => {
			set_text(text, label());
			if (option_value !== (option_value = name())) option.value = (option.__value = option_value) ?? "";
		});
		append($$anchor, option);
	});
	reset(select);
	init_select(select);
	var span = sibling(select, 2);
	var text_1 = only_child(span, true);
	var button = sibling(span, 2);
	reset(div);
	var node = sibling(div, 2);
	var consequent = ($$anchor) => {
		var div_1 = root_2$8();
		var table_1 = child(div_1);
		var tbody = sibling(child(table_1));
		each(tbody, 21, () => $$props.places, index, ($$anchor, place, index) => {
			var tr = root_1$12();
			let classes;
			var td = child(tr);
			td.textContent = index;
			var td_1 = sibling(td);
			var text_2 = only_child(td_1, true);
			var td_2 = sibling(td_1);
			var text_3 = only_child(td_2, true);
			var td_3 = sibling(td_2);
			var text_4 = only_child(td_3, true);
			var td_4 = sibling(td_3);
			var text_5 = only_child(td_4, true);
			reset(tr);
			template_effect(($0, $1) => {
				classes = set_class(tr, 1, "svelte-16nvt9t", null, classes, { now: index === $$props.selected });
				set_text(text_2, get(place).token);
				set_text(text_3, $0);
				set_text(text_4, $1);
				set_text(text_5, get(place).kept);
			}, [() => fixed(get(place).entropy, 2), () => fixed(get(place).surprise, 2)]);
			append($$anchor, tr);
		});
		reset(tbody);
		reset(table_1);
		reset(div_1);
		append($$anchor, div_1);
	};
	var alternate = ($$anchor) => {
		var div_2 = root_3$7();
		set_attribute(div_2, "aria-valuemin", 0);
		var canvas_1 = child(div_2);
		bind_this(canvas_1, ($$value) => set(canvas, $$value), () => get(canvas));
		reset(div_2);
		template_effect(($0, $1) => {
			set_attribute(div_2, "aria-label", `Token, by its ${LINES[get(what)] ?? ""}`);
			set_attribute(div_2, "aria-valuemax", $0);
			set_attribute(div_2, "aria-valuenow", $$props.selected ?? 0);
			set_attribute(div_2, "aria-valuetext", $1);
		}, [() => Math.max(0, $$props.places.length - 1), () => get(now) ? `token ${$$props.selected}, ${get(now).token}: ${get(what)} ${get(what) === "kept" ? get(now).kept : fixed(get(now)[get(what)], 2)}` : "no token"]);
		delegated("keydown", div_2, key);
		delegated("pointerdown", div_2, point);
		delegated("pointermove", div_2, point);
		bind_element_size(div_2, "clientWidth", ($$value) => set(width, $$value));
		append($$anchor, div_2);
	};
	if_block(node, ($$render) => {
		if (get(table)) $$render(consequent);
		else $$render(alternate, -1);
	});
	reset(section);
	template_effect(($0) => {
		set_text(text_1, $0);
		set_attribute(button, "aria-pressed", get(table));
	}, [() => get(now) ? `token ${$$props.selected}: ${get(what) === "kept" ? get(now).kept : fixed(get(now)[get(what)], 2)}` : ""]);
	bind_select_value(select, () => get(what), ($$value) => set(what, $$value));
	delegated("click", button, () => set(table, !get(table)));
	append($$anchor, section);
	pop();
}
delegate([
	"click",
	"keydown",
	"pointerdown",
	"pointermove"
]);
// src/panes/Solve.svelte
var root$19 = from_html(`<p> </p>`);
function Solve($$anchor, $$props) {
	push($$props, true);
	var p = root$19();
	var text = only_child(p, true);
	template_effect(() => set_text(text, $$props.page.mode));
	append($$anchor, p);
	pop();
}
// src/panes/DocumentPane.svelte
var root$18 = from_html(`<p class="error svelte-18e0b8g" role="alert"> </p>`);
var root_1$11 = from_html(`<!> <div class="scroll svelte-18e0b8g" tabindex="0" role="region"><!> <!></div> <!> <!> <!>`, 1);
var root_2$7 = from_html(`<main id="pane-document" tabindex="-1" aria-label="Document" class="svelte-18e0b8g"><!> <!></main>`);
function DocumentPane($$anchor, $$props) {
	push($$props, true);
	var main = root_2$7();
	var node = child(main);
	var consequent = ($$anchor) => {
		Loading($$anchor, {
			get server() {
				return $$props.page.server;
			},
			onkey: () => $$props.page.open("key")
		});
	};
	if_block(node, ($$render) => {
		if ($$props.page.server.state !== "ready") $$render(consequent);
	});
	var node_1 = sibling(node, 2);
	var consequent_1 = ($$anchor) => {
		Solve($$anchor, { get page() {
			return $$props.page;
		} });
	};
	var alternate_1 = ($$anchor) => {
		var fragment_2 = root_1$11();
		var node_2 = first_child(fragment_2);
		ColourBar(node_2, { get page() {
			return $$props.page;
		} });
		var div = sibling(node_2, 2);
		var node_3 = child(div);
		var consequent_2 = ($$anchor) => {
			Chat($$anchor, { get page() {
				return $$props.page;
			} });
		};
		var alternate = ($$anchor) => {
			Completion($$anchor, { get page() {
				return $$props.page;
			} });
		};
		if_block(node_3, ($$render) => {
			if ($$props.page.mode === "chat") $$render(consequent_2);
			else $$render(alternate, -1);
		});
		var node_4 = sibling(node_3, 2);
		var consequent_3 = ($$anchor) => {
			var p = root$18();
			var text = only_child(p);
			template_effect(() => set_text(text, `${$$props.page.live.error ?? ""}. What had come stays.`));
			append($$anchor, p);
		};
		if_block(node_4, ($$render) => {
			if ($$props.page.live?.error) $$render(consequent_3);
		});
		reset(div);
		var node_5 = sibling(div, 2);
		var consequent_4 = ($$anchor) => {
			{
				let $0 = user_derived(() => $$props.page.here?.place ?? null);
				Strip($$anchor, {
					get places() {
						return $$props.page.places;
					},
					get version() {
						return $$props.page.version;
					},
					get selected() {
						return get($0);
					},
					get parts() {
						return $$props.page.parts.at;
					},
					onselect: (place) => $$props.page.select(place)
				});
			}
		};
		if_block(node_5, ($$render) => {
			if ($$props.page.places.length) $$render(consequent_4);
		});
		var node_6 = sibling(node_5, 2);
		Composer(node_6, { get page() {
			return $$props.page;
		} });
		StatusLine(sibling(node_6, 2), { get live() {
			return $$props.page.live;
		} });
		template_effect(() => set_attribute(div, "aria-label", $$props.page.mode === "chat" ? "Conversation" : "Text"));
		append($$anchor, fragment_2);
	};
	if_block(node_1, ($$render) => {
		if ($$props.page.mode === "solve") $$render(consequent_1);
		else $$render(alternate_1, -1);
	});
	reset(main);
	append($$anchor, main);
	pop();
}
// src/ui/Tabs.svelte
var root$17 = from_html(`<button role="tab" class="svelte-1tjna6q"> </button>`);
var root_1$10 = from_html(`<div role="tablist" tabindex="-1" class="svelte-1tjna6q"></div>`);
function Tabs($$anchor, $$props) {
	push($$props, true);
	let chosen = prop($$props, "chosen", 15);
	const order = user_derived(() => Object.keys($$props.names));
	function move(event) {
		const at = get(order).indexOf(chosen());
		const to = {
			ArrowLeft: at - 1,
			ArrowRight: at + 1,
			Home: 0,
			End: get(order).length - 1
		}[event.key];
		if (to === void 0 || get(order)[to] === void 0) return;
		event.preventDefault();
		chosen(get(order)[to]);
		event.currentTarget.querySelectorAll("[role=tab]")[to].focus();
	}
	var div = root_1$10();
	each(div, 20, () => get(order), (name) => name, ($$anchor, name) => {
		var button = root$17();
		var text = only_child(button, true);
		template_effect(() => {
			set_attribute(button, "id", `${$$props.panel ?? ""}-tab-${name ?? ""}`);
			set_attribute(button, "aria-selected", chosen() === name);
			set_attribute(button, "aria-controls", $$props.panel);
			set_attribute(button, "tabindex", chosen() === name ? 0 : -1);
			set_text(text, $$props.names[name]);
		});
		delegated("click", button, () => chosen(name));
		append($$anchor, button);
	});
	reset(div);
	template_effect(() => set_attribute(div, "aria-label", $$props.label));
	delegated("keydown", div, move);
	append($$anchor, div);
	pop();
}
delegate(["keydown", "click"]);
// src/panes/Bars.svelte
var root$16 = from_html(`<li><button><span class="word mono svelte-17l4ox"> </span> <span class="track svelte-17l4ox" aria-hidden="true"><span class="svelte-17l4ox"></span></span> <span class="share svelte-17l4ox"> </span> <span class="state tiny svelte-17l4ox"> </span></button></li>`);
var root_1$9 = from_html(`<li class="rest svelte-17l4ox"><span class="word muted svelte-17l4ox"> </span> <span class="track svelte-17l4ox" aria-hidden="true"><span class="svelte-17l4ox"></span></span> <span class="share svelte-17l4ox"> </span> <span class="state tiny svelte-17l4ox"></span></li>`);
var root_2$6 = from_html(`<button class="plain"> </button>`);
var root_3$6 = from_html(`<div class="filter svelte-17l4ox"><label class="spoken" for="alternatives-filter">Narrow the alternatives down</label> <input id="alternatives-filter" type="search" placeholder="find a token" class="svelte-17l4ox"/></div> <ol aria-label="Alternatives" class="svelte-17l4ox"><!> <!></ol> <!>`, 1);
function Bars($$anchor, $$props) {
	push($$props, true);
	/** The share of all other tokens together, and how many they are. */
	/** Why no other token can be taken here; empty: any can. */
	const FEW = 12;
	let all = state(false);
	let filter = state("");
	let stop = state(0);
	let list;
	const found = user_derived(() => get(filter) ? $$props.bars.filter((bar) => bar.label.toLowerCase().includes(get(filter).toLowerCase())) : $$props.bars);
	const shown = user_derived(() => get(all) || get(filter) ? get(found) : get(found).slice(0, FEW));
	const largest = user_derived(() => Math.max(1e-9, ...$$props.bars.map((bar) => bar.share), $$props.rest));
	const LEAST = 1e-6;
	function width(share) {
		if (share <= 0) return 0;
		if (!$$props.logarithmic) return 100 * share / get(largest);
		return Math.max(0, 100 * (1 - Math.log(share / get(largest)) / Math.log(LEAST)));
	}
	function focus() {
		list.querySelectorAll("button")[Math.min(get(stop), get(shown).length - 1)]?.focus();
	}
	function key(event) {
		if (event.altKey || event.ctrlKey || event.metaKey) return;
		const to = {
			ArrowDown: get(stop) + 1,
			ArrowUp: get(stop) - 1,
			Home: 0,
			End: get(shown).length - 1
		}[event.key];
		if (to === void 0 || !get(shown)[to]) return;
		event.preventDefault();
		set(stop, to, true);
		list.querySelectorAll("button")[to].focus();
	}
	var $$exports = { focus };
	var fragment = root_3$6();
	var div = first_child(fragment);
	var input = sibling(child(div), 2);
	remove_input_defaults(input);
	reset(div);
	var ol = sibling(div, 2);
	var node = child(ol);
	each(node, 19, () => get(shown), (bar) => bar.id, ($$anchor, bar, index) => {
		var li = root$16();
		var button = child(li);
		let classes;
		var span = child(button);
		var text = only_child(span, true);
		var span_1 = sibling(span, 2);
		var span_2 = child(span_1);
		let styles;
		reset(span_1);
		var span_3 = sibling(span_1, 2);
		var text_1 = only_child(span_3, true);
		var span_4 = sibling(span_3, 2);
		var text_2 = only_child(span_4);
		reset(button);
		reset(li);
		template_effect(($0, $1, $2) => {
			classes = set_class(button, 1, `bar ${get(bar).state ?? ""}`, "svelte-17l4ox", classes, {
				chosen: get(bar).chosen,
				hit: get(bar).hit
			});
			set_attribute(button, "tabindex", $0);
			set_attribute(button, "aria-current", get(bar).chosen ? "true" : void 0);
			button.disabled = $$props.branches !== "" || get(bar).state === "masked";
			set_attribute(button, "title", $$props.branches || (get(bar).chosen ? "Go on from here" : "Go on with this token instead"));
			set_text(text, get(bar).label);
			styles = set_style(span_2, "", styles, { width: $1 });
			set_text(text_1, $2);
			set_text(text_2, `${(get(bar).chosen ? "chosen" : get(bar).state) ?? ""}${get(bar).hit && !get(bar).chosen ? ", hit" : ""}`);
		}, [
			() => get(index) === Math.min(get(stop), get(shown).length - 1) ? 0 : -1,
			() => `${width(get(bar).share) ?? ""}%`,
			() => percent(get(bar).share)
		]);
		event("focus", button, () => set(stop, get(index), true));
		delegated("click", button, () => $$props.onbranch(get(bar).id));
		append($$anchor, li);
	});
	var node_1 = sibling(node, 2);
	var consequent = ($$anchor) => {
		var li_1 = root_1$9();
		var span_5 = child(li_1);
		var text_3 = only_child(span_5);
		var span_6 = sibling(span_5, 2);
		var span_7 = child(span_6);
		let styles_1;
		reset(span_6);
		var span_8 = sibling(span_6, 2);
		var text_4 = only_child(span_8, true);
		next(2);
		reset(li_1);
		template_effect(($0, $1, $2) => {
			set_text(text_3, `${$0 ?? ""} others`);
			styles_1 = set_style(span_7, "", styles_1, { width: $1 });
			set_text(text_4, $2);
		}, [
			() => count($$props.others),
			() => `${width($$props.rest) ?? ""}%`,
			() => percent($$props.rest)
		]);
		append($$anchor, li_1);
	};
	if_block(node_1, ($$render) => {
		if ($$props.rest > 0 && !get(filter)) $$render(consequent);
	});
	reset(ol);
	bind_this(ol, ($$value) => list = $$value, () => list);
	var node_2 = sibling(ol, 2);
	var consequent_1 = ($$anchor) => {
		var button_1 = root_2$6();
		var text_5 = only_child(button_1, true);
		template_effect(() => {
			set_attribute(button_1, "aria-expanded", get(all));
			set_text(text_5, get(all) ? "Fewer" : `All ${get(found).length}`);
		});
		delegated("click", button_1, () => set(all, !get(all)));
		append($$anchor, button_1);
	};
	if_block(node_2, ($$render) => {
		if (!get(filter) && get(found).length > FEW) $$render(consequent_1);
	});
	bind_value(input, () => get(filter), ($$value) => set(filter, $$value));
	delegated("keydown", ol, key);
	append($$anchor, fragment);
	return pop($$exports);
}
delegate(["keydown", "click"]);
// src/panes/Dart.svelte
var root$15 = from_html(`<span> </span>`);
var root_1$8 = from_html(`<div class="dart svelte-s0a58e" aria-hidden="true"><!> <span class="number svelte-s0a58e"></span></div>`);
var root_2$5 = from_html(`hits <span class="mono word svelte-s0a58e"> </span> `, 1);
var root_3$5 = from_html(`<button class="plain">Go there</button>`);
var root_4$3 = from_html(`<p class="small"> <!></p>`);
var root_5$3 = from_html(`<!> <p class="small"><!> <!></p> <!>`, 1);
function Dart($$anchor, $$props) {
	push($$props, true);
	/** The random number, in [0, 1); null: it is not known. */
	/** Why the token that it hits is not known; undefined: it is. */
	const segments = user_derived(() => {
		const kept = $$props.bars.filter((bar) => bar.state === "kept").sort((a, b) => a.id - b.id);
		const whole = kept.reduce((sum, bar) => sum + bar.share, 0);
		let start = 0;
		return kept.map((bar) => {
			const one = {
				bar,
				start: start / whole,
				width: bar.share / whole
			};
			start += bar.share;
			return one;
		});
	});
	var fragment = root_5$3();
	var node = first_child(fragment);
	var consequent = ($$anchor) => {
		var div = root_1$8();
		var node_1 = child(div);
		each(node_1, 17, () => get(segments), ({ bar, start, width }) => bar.id, ($$anchor, $$item) => {
			let bar = () => get($$item).bar;
			let start = () => get($$item).start;
			let width = () => get($$item).width;
			var span = root$15();
			let classes;
			let styles;
			var text = only_child(span, true);
			template_effect(() => {
				classes = set_class(span, 1, "segment svelte-s0a58e", null, classes, {
					hit: bar().hit,
					chosen: bar().chosen
				});
				set_attribute(span, "title", bar().label);
				styles = set_style(span, "", styles, {
					left: `${100 * start()}%`,
					width: `${100 * width()}%`
				});
				set_text(text, width() > .12 ? bar().label : "");
			});
			append($$anchor, span);
		});
		var span_1 = sibling(node_1, 2);
		let styles_1;
		reset(div);
		template_effect(() => styles_1 = set_style(span_1, "", styles_1, { left: `${100 * $$props.number}%` }));
		append($$anchor, div);
	};
	if_block(node, ($$render) => {
		if ($$props.number !== null) $$render(consequent);
	});
	var p = sibling(node, 2);
	var node_2 = child(p);
	var consequent_1 = ($$anchor) => {
		var text_1 = text$1();
		template_effect(($0) => set_text(text_1, `The random number ${$0 ?? ""}`), [() => fixed($$props.number, 4)]);
		append($$anchor, text_1);
	};
	var alternate = ($$anchor) => {
		var text_2 = text$1("The random number");
		append($$anchor, text_2);
	};
	if_block(node_2, ($$render) => {
		if ($$props.number !== null) $$render(consequent_1);
		else $$render(alternate, -1);
	});
	var node_3 = sibling(node_2, 2);
	var consequent_2 = ($$anchor) => {
		var text_3 = text$1();
		template_effect(() => set_text(text_3, `: what it hits is not known, as ${$$props.why ?? ""}.`));
		append($$anchor, text_3);
	};
	var alternate_1 = ($$anchor) => {
		var fragment_3 = root_2$5();
		var span_2 = sibling(first_child(fragment_3));
		var text_4 = only_child(span_2, true);
		var text_5 = sibling(span_2, 1, true);
		template_effect(() => {
			set_text(text_4, $$props.hit);
			set_text(text_5, $$props.same ? ", the token that is there." : " instead.");
		});
		append($$anchor, fragment_3);
	};
	if_block(node_3, ($$render) => {
		if ($$props.hit === null) $$render(consequent_2);
		else $$render(alternate_1, -1);
	});
	reset(p);
	var node_4 = sibling(p, 2);
	var consequent_4 = ($$anchor) => {
		var p_1 = root_4$3();
		var text_6 = child(p_1);
		var node_5 = sibling(text_6);
		var consequent_3 = ($$anchor) => {
			var button = root_3$5();
			delegated("click", button, function(...$$args) {
				$$props.ongo?.apply(this, $$args);
			});
			append($$anchor, button);
		};
		if_block(node_5, ($$render) => {
			if ($$props.ongo) $$render(consequent_3);
		});
		reset(p_1);
		template_effect(() => set_text(text_6, `${$$props.difference ?? ""} `));
		append($$anchor, p_1);
	};
	if_block(node_4, ($$render) => {
		if ($$props.difference) $$render(consequent_4);
	});
	append($$anchor, fragment);
	pop();
}
delegate(["click"]);
// src/panes/Steps.svelte
var root$14 = from_html(`<tr><th scope="row"> </th><td class="number"> </td><td><span class="bar svelte-12c3gsm" aria-hidden="true"><span class="svelte-12c3gsm"></span></span> </td><td class="number"> </td></tr>`);
var root_1$7 = from_html(`<table><caption class="spoken">Steps, in their order</caption><thead><tr><th scope="col">step</th><th scope="col" class="number">removed</th><th scope="col">mass removed</th><th scope="col" class="number">changed</th></tr></thead><tbody><!><tr class="kept svelte-12c3gsm"><th scope="row" class="svelte-12c3gsm">kept</th><td class="number svelte-12c3gsm"> </td><td class="svelte-12c3gsm"><span class="bar svelte-12c3gsm" aria-hidden="true"><span class="svelte-12c3gsm"></span></span> </td><td class="svelte-12c3gsm"></td></tr></tbody></table>`);
function Steps($$anchor, $$props) {
	push($$props, true);
	const steps = user_derived(() => {
		let left = $$props.vocabulary;
		return $$props.row.steps.map((step) => ({
			...step,
			left: left -= step.removed
		}));
	});
	var table = root_1$7();
	var tbody = sibling(child(table), 2);
	var node = child(tbody);
	each(node, 17, () => get(steps), index, ($$anchor, step) => {
		var tr = root$14();
		var th = child(tr);
		var text = only_child(th, true);
		var td = sibling(th);
		var text_1 = only_child(td, true);
		var td_1 = sibling(td);
		var span = child(td_1);
		var span_1 = child(span);
		let styles;
		reset(span);
		var text_2 = sibling(span);
		reset(td_1);
		var td_2 = sibling(td_1);
		var text_3 = only_child(td_2, true);
		reset(tr);
		template_effect(($0, $1, $2) => {
			set_class(th, 1, clsx(get(step).kind), "svelte-12c3gsm");
			set_text(text, get(step).step);
			set_text(text_1, $0);
			styles = set_style(span_1, "", styles, { width: `${100 * (1 - get(step).mass)}%` });
			set_text(text_2, ` ${$1 ?? ""}`);
			set_text(text_3, $2);
		}, [
			() => get(step).removed ? `−${count(get(step).removed)}` : "0",
			() => percent(get(step).mass),
			() => get(step).changed ? count(get(step).changed) : ""
		]);
		append($$anchor, tr);
	});
	var tr_1 = sibling(node);
	var td_3 = sibling(child(tr_1));
	var text_4 = only_child(td_3, true);
	var td_4 = sibling(td_3);
	var span_2 = child(td_4);
	var span_3 = child(span_2);
	let styles_1;
	reset(span_2);
	var text_5 = sibling(span_2);
	reset(td_4);
	next();
	reset(tr_1);
	reset(tbody);
	reset(table);
	template_effect(($0, $1) => {
		set_text(text_4, $0);
		styles_1 = set_style(span_3, "", styles_1, { width: `${100 * $$props.row.kept_mass}%` });
		set_text(text_5, ` ${$1 ?? ""}`);
	}, [() => count($$props.row.kept), () => percent($$props.row.kept_mass)]);
	append($$anchor, table);
	pop();
}
// src/ui/Slider.svelte
var root$13 = from_html(`<output class="tiny muted svelte-1sauv95"> </output>`);
var root_1$6 = from_html(`<div class="slider svelte-1sauv95"><label class="svelte-1sauv95"> </label> <input type="range"/> <input type="number" step="any" class="svelte-1sauv95"/> <!></div>`);
function Slider($$anchor, $$props) {
	const id = props_id();
	push($$props, true);
	let effect = prop($$props, "effect", 3, ""), disabled = prop($$props, "disabled", 3, false);
	function typed(event) {
		const field = event.currentTarget;
		if (field.value !== "" && field.validity.valid) $$props.onchange(field.valueAsNumber);
	}
	var div = root_1$6();
	var label_1 = child(div);
	var text = only_child(label_1, true);
	var input = sibling(label_1, 2);
	remove_input_defaults(input);
	var input_1 = sibling(input, 2);
	remove_input_defaults(input_1);
	var node = sibling(input_1, 2);
	var consequent = ($$anchor) => {
		var output = root$13();
		var text_1 = only_child(output, true);
		template_effect(() => set_text(text_1, effect()));
		append($$anchor, output);
	};
	if_block(node, ($$render) => {
		if (effect()) $$render(consequent);
	});
	reset(div);
	template_effect(() => {
		set_attribute(label_1, "for", `${id}-field`);
		set_text(text, $$props.label);
		set_attribute(input, "aria-label", `${$$props.label ?? ""}, slider`);
		set_attribute(input, "min", $$props.min);
		set_attribute(input, "max", $$props.max);
		set_attribute(input, "step", $$props.step);
		set_value(input, $$props.value);
		input.disabled = disabled();
		set_attribute(input_1, "id", `${id}-field`);
		set_attribute(input_1, "min", $$props.min);
		set_value(input_1, $$props.value);
		input_1.disabled = disabled();
	});
	delegated("input", input, (event) => $$props.onchange(event.currentTarget.valueAsNumber));
	delegated("input", input_1, typed);
	append($$anchor, div);
	pop();
}
delegate(["input"]);
// src/panes/WhatIf.svelte
var root$12 = from_html(`<fieldset class="svelte-1jx1any"><legend class="spoken">What if the settings were others</legend> <!> <!> <!> <!> <div class="row"><output class="grow small"> </output> <button>Reset</button> <button title="Set the next run to these">Use these</button></div></fieldset>`);
function WhatIf($$anchor, $$props) {
	push($$props, true);
	/** The temperatures that the trace reaches. */
	/** Whether they stand elsewhere than the run's settings. */
	const temperature = (value) => value < $$props.lowest / 2 ? 0 : Math.min($$props.highest, Math.max($$props.lowest, value));
	var fieldset = root$12();
	var node = sibling(child(fieldset), 2);
	Slider(node, {
		label: "temperature",
		get value() {
			return $$props.sliders.temperature;
		},
		min: 0,
		get max() {
			return $$props.highest;
		},
		step: .05,
		onchange: (value) => $$props.onchange({
			...$$props.sliders,
			temperature: temperature(value)
		})
	});
	var node_1 = sibling(node, 2);
	Slider(node_1, {
		label: "top_p",
		get value() {
			return $$props.sliders.top_p;
		},
		min: .01,
		max: 1,
		step: .01,
		onchange: (value) => $$props.onchange({
			...$$props.sliders,
			top_p: Math.min(1, Math.max(.001, value))
		})
	});
	var node_2 = sibling(node_1, 2);
	Slider(node_2, {
		label: "top_k",
		get value() {
			return $$props.sliders.top_k;
		},
		min: 0,
		max: 100,
		step: 1,
		onchange: (value) => $$props.onchange({
			...$$props.sliders,
			top_k: Math.max(0, Math.round(value))
		})
	});
	var node_3 = sibling(node_2, 2);
	Slider(node_3, {
		label: "min_p",
		get value() {
			return $$props.sliders.min_p;
		},
		min: 0,
		max: .5,
		step: .005,
		onchange: (value) => $$props.onchange({
			...$$props.sliders,
			min_p: Math.min(1, Math.max(0, value))
		})
	});
	var div = sibling(node_3, 2);
	var output = child(div);
	var text = only_child(output);
	var button = sibling(output, 2);
	var button_1 = sibling(button, 2);
	reset(div);
	reset(fieldset);
	template_effect(($0) => {
		set_text(text, `${$0 ?? ""} kept here`);
		button.disabled = !$$props.moved;
		button_1.disabled = !$$props.moved;
	}, [() => $$props.beyond ? `at least ${plural($$props.kept, "token")}` : plural($$props.kept, "token")]);
	delegated("click", button, function(...$$args) {
		$$props.onreset?.apply(this, $$args);
	});
	delegated("click", button_1, function(...$$args) {
		$$props.onuse?.apply(this, $$args);
	});
	append($$anchor, fieldset);
	pop();
}
delegate(["click"]);
// src/panes/Choice.svelte
var root$11 = from_html(`<header class="svelte-vmbaz0"><p class="token mono svelte-vmbaz0"> </p> <dl class="svelte-vmbaz0"><div class="svelte-vmbaz0"><dt class="svelte-vmbaz0">rank</dt><dd> </dd></div> <div class="svelte-vmbaz0"><dt class="svelte-vmbaz0">entropy</dt><dd> </dd></div> <div class="svelte-vmbaz0"><dt class="svelte-vmbaz0">id</dt><dd class="mono"> </dd></div> <div class="svelte-vmbaz0"><dt class="svelte-vmbaz0">bytes</dt><dd class="mono"> </dd></div></dl> <table class="logprobs svelte-vmbaz0"><caption class="spoken">Log-probabilities of this token</caption><thead><tr><th scope="col">log p</th><th scope="col" class="number">the model's</th><th scope="col" class="number">tempered</th><th scope="col" class="number">truncated</th></tr></thead><tbody><tr><th scope="row" class="spoken">log p</th><td aria-hidden="true"></td><td class="number"> </td><td class="number"> </td><td class="number"> </td></tr></tbody></table></header> <section aria-labelledby="steps-title" class="svelte-vmbaz0"><h3 id="steps-title">What each step removed</h3> <!></section> <section aria-labelledby="what-if-title" class="svelte-vmbaz0"><h3 id="what-if-title">What if</h3> <!></section> <section aria-labelledby="dart-title" class="svelte-vmbaz0"><h3 id="dart-title">The dart</h3> <!></section> <section aria-labelledby="alternatives-title" class="svelte-vmbaz0"><div class="row"><h3 id="alternatives-title" class="grow"> </h3> <button class="plain">log scale</button></div> <!></section>`, 1);
var root_1$5 = from_html(`<p class="muted">Choose a token in the text: here stands what it was chosen from. Run something first, if there is no text yet.</p>`);
function Choice($$anchor, $$props) {
	push($$props, true);
	let logarithmic = state(false);
	let bars = state(void 0);
	function focusBars() {
		get(bars)?.focus();
	}
	const here = user_derived(() => $$props.page.here);
	const spelling = user_derived(() => get(here) && get(here).trace.vocabulary[get(here).token.id]);
	const spelled = (id) => visible(get(here).trace.vocabulary[id]?.text ?? `token ${id}`);
	const sliders = user_derived(() => $$props.page.sliders);
	const drawn = user_derived(() => get(here) && $$props.page.moved && reaches(get(here).trace.temperatures, get(sliders).temperature) ? redraw(get(here).row, get(here).trace.temperatures, get(sliders)) : null);
	const hit = user_derived(() => get(here) && get(here).dice ? throwDart(get(here).trace, get(here).path, get(here).place, get(here).dice, get(sliders)) : null);
	const shown = user_derived(() => {
		if (!get(here)) return {
			bars: [],
			rest: 0
		};
		const { row, token } = get(here);
		const list = row.ids.map((id, index) => ({
			id,
			label: spelled(id),
			share: get(drawn) ? get(drawn).probs[index] : row.tempered[index],
			state: get(drawn) ? index < get(drawn).kept ? "kept" : "cut" : row.truncated[index] > 0 ? "kept" : row.tempered[index] > 0 ? "cut" : "masked",
			chosen: id === token.id,
			hit: get(hit)?.id === id
		}));
		const rest = get(drawn) ? get(drawn).tail : Math.max(0, 1 - row.tempered.reduce((a, b) => a + b, 0));
		return {
			bars: list,
			rest: rest < 1e-7 ? 0 : rest
		};
	});
	var $$exports = { focusBars };
	var fragment = comment();
	var node = first_child(fragment);
	var consequent = ($$anchor) => {
		const computed_const = user_derived(() => {
			return get(here);
		});
		var fragment_1 = root$11();
		var header = first_child(fragment_1);
		var p = child(header);
		var text = only_child(p, true);
		var dl = sibling(p, 2);
		var div = child(dl);
		var dd = sibling(child(div));
		var text_1 = only_child(dd, true);
		reset(div);
		var div_1 = sibling(div, 2);
		var dd_1 = sibling(child(div_1));
		var text_2 = only_child(dd_1);
		reset(div_1);
		var div_2 = sibling(div_1, 2);
		var dd_2 = sibling(child(div_2));
		var text_3 = only_child(dd_2, true);
		reset(div_2);
		var div_3 = sibling(div_2, 2);
		var dd_3 = sibling(child(div_3));
		var text_4 = only_child(dd_3, true);
		reset(div_3);
		reset(dl);
		var table = sibling(dl, 2);
		var tbody = sibling(child(table), 2);
		var tr = child(tbody);
		var td = sibling(child(tr), 2);
		var text_5 = only_child(td, true);
		var td_1 = sibling(td);
		var text_6 = only_child(td_1, true);
		var td_2 = sibling(td_1);
		var text_7 = only_child(td_2, true);
		reset(tr);
		reset(tbody);
		reset(table);
		reset(header);
		var section = sibling(header, 2);
		Steps(sibling(child(section), 2), {
			get row() {
				return get(computed_const).row;
			},
			get vocabulary() {
				return get(here).trace.vocab_size;
			}
		});
		reset(section);
		var section_1 = sibling(section, 2);
		var node_2 = sibling(child(section_1), 2);
		{
			let $0 = user_derived(() => get(here).trace.temperatures[0] ?? .1);
			let $1 = user_derived(() => get(here).trace.temperatures.at(-1) ?? 2);
			let $2 = user_derived(() => get(drawn) ? get(drawn).kept : get(computed_const).row.kept);
			let $3 = user_derived(() => get(drawn)?.beyond ?? false);
			WhatIf(node_2, {
				get sliders() {
					return get(sliders);
				},
				get lowest() {
					return get($0);
				},
				get highest() {
					return get($1);
				},
				get moved() {
					return $$props.page.moved;
				},
				get kept() {
					return get($2);
				},
				get beyond() {
					return get($3);
				},
				onchange: (next) => $$props.page.slide(next),
				onreset: () => $$props.page.slide(null),
				onuse: () => $$props.page.useSliders()
			});
		}
		reset(section_1);
		var section_2 = sibling(section_1, 2);
		var node_3 = sibling(child(section_2), 2);
		{
			let $0 = user_derived(() => get(here).dice && get(computed_const).row.kept > 0 ? numberAt(get(here).dice, get(here).place) : null);
			let $1 = user_derived(() => get(hit)?.unknown ?? get(here).noDice);
			let $2 = user_derived(() => get(hit)?.id === get(computed_const).token.id);
			let $3 = user_derived(() => get(hit)?.id === void 0 ? null : spelled(get(hit).id));
			let $4 = user_derived(() => $$props.page.parts.at === null ? null : () => $$props.page.select($$props.page.parts.at));
			Dart(node_3, {
				get number() {
					return get($0);
				},
				get why() {
					return get($1);
				},
				get same() {
					return get($2);
				},
				get hit() {
					return get($3);
				},
				get bars() {
					return get(shown).bars;
				},
				get difference() {
					return $$props.page.parts.sentence;
				},
				get ongo() {
					return get($4);
				}
			});
		}
		reset(section_2);
		var section_3 = sibling(section_2, 2);
		var div_4 = child(section_3);
		var h3 = child(div_4);
		var text_8 = only_child(h3);
		var button = sibling(h3, 2);
		reset(div_4);
		var node_4 = sibling(div_4, 2);
		{
			let $0 = user_derived(() => get(here).trace.vocab_size - get(computed_const).row.ids.length);
			bind_this(Bars(node_4, {
				get bars() {
					return get(shown).bars;
				},
				get rest() {
					return get(shown).rest;
				},
				get others() {
					return get($0);
				},
				get logarithmic() {
					return get(logarithmic);
				},
				get branches() {
					return $$props.page.cannotBranch;
				},
				onbranch: (id) => $$props.page.branchTo(id)
			}), ($$value) => set(bars, $$value, true), () => get(bars));
		}
		reset(section_3);
		template_effect(($0, $1, $2, $3, $4, $5, $6) => {
			set_text(text, $0);
			set_text(text_1, $1);
			set_text(text_2, `${$2 ?? ""} nats`);
			set_text(text_3, get(computed_const).token.id);
			set_text(text_4, $3);
			set_text(text_5, $4);
			set_text(text_6, $5);
			set_text(text_7, $6);
			set_text(text_8, `Alternatives${get(drawn) ? " at these settings" : ""}`);
			set_attribute(button, "aria-pressed", get(logarithmic));
		}, [
			() => visible(get(spelling).text),
			() => count(get(computed_const).token.rank),
			() => fixed(get(computed_const).row.entropy, 2),
			() => get(spelling).bytes.replace(/..(?=.)/g, "$& "),
			() => fixed(get(computed_const).token.logprob, 4),
			() => fixed(get(computed_const).token.tempered_logprob, 4),
			() => fixed(get(computed_const).token.truncated_logprob, 4)
		]);
		delegated("click", button, () => set(logarithmic, !get(logarithmic)));
		append($$anchor, fragment_1);
	};
	var alternate = ($$anchor) => {
		var p_1 = root_1$5();
		append($$anchor, p_1);
	};
	if_block(node, ($$render) => {
		if (get(here) && get(spelling)) $$render(consequent);
		else $$render(alternate, -1);
	});
	append($$anchor, fragment);
	return pop($$exports);
}
delegate(["click"]);
// src/panes/Constraints.svelte
var root$10 = from_html(`<p> </p>`);
function Constraints($$anchor, $$props) {
	push($$props, true);
	var p = root$10();
	var text = only_child(p, true);
	template_effect(() => set_text(text, $$props.page.mode));
	append($$anchor, p);
	pop();
}
// src/panes/More.svelte
var root$9 = from_html(`<p> </p>`);
function More($$anchor, $$props) {
	push($$props, true);
	var p = root$9();
	var text = only_child(p, true);
	template_effect(() => set_text(text, $$props.page.mode));
	append($$anchor, p);
	pop();
}
// src/panes/Search.svelte
var root$8 = from_html(`<p> </p>`);
function Search($$anchor, $$props) {
	push($$props, true);
	var p = root$8();
	var text = only_child(p, true);
	template_effect(() => set_text(text, $$props.page.mode));
	append($$anchor, p);
	pop();
}
// src/panes/SixSystems.svelte
var root$7 = from_html(`<p> </p>`);
function SixSystems($$anchor, $$props) {
	push($$props, true);
	var p = root$7();
	var text = only_child(p, true);
	template_effect(() => set_text(text, $$props.page.mode));
	append($$anchor, p);
	pop();
}
// src/panes/Tree.svelte
var root$6 = from_html(`<p> </p>`);
function Tree($$anchor, $$props) {
	push($$props, true);
	var p = root$6();
	var text = only_child(p, true);
	template_effect(() => set_text(text, $$props.page.mode));
	append($$anchor, p);
	pop();
}
// src/panes/Inspector.svelte
var root$5 = from_html(`<div class="panel svelte-4nxwbk"><!></div>`);
var root_1$4 = from_html(`<div class="tabs svelte-4nxwbk"><!></div>`);
var root_2$4 = from_html(`<!> <div class="panel svelte-4nxwbk" id="inspector-panel" tabindex="0"><!></div>`, 1);
var root_3$4 = from_html(`<aside id="pane-inspector" tabindex="-1" aria-label="Inspector" class="svelte-4nxwbk"><!></aside>`);
function Inspector($$anchor, $$props) {
	push($$props, true);
	let page = prop($$props, "page", 7);
	const TABS = {
		choice: "Choice",
		systems: "Six systems",
		tree: "Tree",
		constraints: "Constraints",
		search: "Search"
	};
	const tab = user_derived(() => page().phone ? page().view === "tree" ? "tree" : "choice" : page().tab);
	var aside = root_3$4();
	var node = child(aside);
	var consequent = ($$anchor) => {
		var div = root$5();
		More(child(div), { get page() {
			return page();
		} });
		reset(div);
		append($$anchor, div);
	};
	var alternate_1 = ($$anchor) => {
		var fragment = root_2$4();
		var node_2 = first_child(fragment);
		var consequent_1 = ($$anchor) => {
			var div_1 = root_1$4();
			var node_3 = child(div_1);
			var bind_get = () => page().tab;
			var bind_set = (to) => page().tab = to;
			Tabs(node_3, {
				label: "Inspector",
				get names() {
					return TABS;
				},
				get chosen() {
					return bind_get();
				},
				set chosen($$value) {
					bind_set($$value);
				},
				panel: "inspector-panel"
			});
			reset(div_1);
			append($$anchor, div_1);
		};
		if_block(node_2, ($$render) => {
			if (!page().phone) $$render(consequent_1);
		});
		var div_2 = sibling(node_2, 2);
		var node_4 = child(div_2);
		var consequent_2 = ($$anchor) => {
			Choice($$anchor, { get page() {
				return page();
			} });
		};
		var consequent_3 = ($$anchor) => {
			SixSystems($$anchor, { get page() {
				return page();
			} });
		};
		var consequent_4 = ($$anchor) => {
			Tree($$anchor, { get page() {
				return page();
			} });
		};
		var consequent_5 = ($$anchor) => {
			Constraints($$anchor, { get page() {
				return page();
			} });
		};
		var alternate = ($$anchor) => {
			Search($$anchor, { get page() {
				return page();
			} });
		};
		if_block(node_4, ($$render) => {
			if (get(tab) === "choice") $$render(consequent_2);
			else if (get(tab) === "systems") $$render(consequent_3, 1);
			else if (get(tab) === "tree") $$render(consequent_4, 2);
			else if (get(tab) === "constraints") $$render(consequent_5, 3);
			else $$render(alternate, -1);
		});
		reset(div_2);
		template_effect(() => {
			set_attribute(div_2, "role", page().phone ? "region" : "tabpanel");
			set_attribute(div_2, "aria-labelledby", page().phone ? void 0 : `inspector-panel-tab-${get(tab)}`);
			set_attribute(div_2, "aria-label", page().phone ? TABS[get(tab)] : void 0);
		});
		append($$anchor, fragment);
	};
	if_block(node, ($$render) => {
		if (page().phone && page().view === "more") $$render(consequent);
		else $$render(alternate_1, -1);
	});
	reset(aside);
	append($$anchor, aside);
	pop();
}
// src/panes/Field.svelte
var root$4 = from_html(`<label class="svelte-1cshm0b"><input type="checkbox"/> </label>`);
var root_1$3 = from_html(`<option> </option>`);
var root_2$3 = from_html(`<div class="line svelte-1cshm0b"><label class="svelte-1cshm0b"> </label> <select class="svelte-1cshm0b"><option> </option><!></select></div>`);
var root_3$3 = from_html(`<div class="above svelte-1cshm0b"><label class="svelte-1cshm0b"> </label> <textarea rows="2"></textarea></div>`);
var root_4$2 = from_html(`<div class="line svelte-1cshm0b"><label class="svelte-1cshm0b"> </label> <input type="text" class="svelte-1cshm0b"/></div>`);
var root_5$2 = from_html(`<button class="plain reset svelte-1cshm0b">reset</button>`);
var root_6$1 = from_html(`<span>Recommended by the model.</span>`);
var root_7$1 = from_html(`<span> </span>`);
var root_8 = from_html(`<p role="alert" class="tiny problem svelte-1cshm0b"> </p>`);
var root_9 = from_html(`<div><!> <p class="tiny muted"> <!> <!></p> <!></div>`);
function Field($$anchor, $$props) {
	const id = props_id();
	push($$props, true);
	const types = user_derived(() => [$$props.parameter.type].flat());
	const numeric = user_derived(() => get(types).includes("number") || get(types).includes("integer"));
	const listed = user_derived(() => get(types).includes("array"));
	const plain = user_derived(() => $$props.parameter.default ?? $$props.parameter.neutral);
	const applied = user_derived(() => $$props.value === void 0 ? get(plain) : $$props.value);
	const ENDS = {
		temperature: [0, 2],
		top_k: [0, 200],
		max_tokens: [1, 1024],
		repetition_penalty: [.5, 2],
		frequency_penalty: [-2, 2],
		presence_penalty: [-2, 2]
	};
	const ends = user_derived(() => ENDS[$$props.parameter.name] ?? (typeof $$props.parameter.min === "number" && typeof $$props.parameter.max === "number" && $$props.parameter.max <= 1e3 ? [$$props.parameter.min, $$props.parameter.max] : null));
	const whole = user_derived(() => get(types).includes("integer"));
	let problem = state("");
	function text(event) {
		const field = event.currentTarget;
		set(problem, "");
		if (field.value.trim() === "") $$props.onchange(void 0);
		else if (get(numeric) && !get(types).includes("string")) {
			const number = Number(field.value);
			if (Number.isFinite(number) && (!get(whole) || Number.isInteger(number))) $$props.onchange(number);
			else set(problem, `${spoken($$props.parameter.name)} should be a ${get(whole) ? "whole " : ""}number, not “${field.value}”`);
		} else if (get(listed)) $$props.onchange(field.value.split("\n").filter((line) => line !== "").map((line) => /^-?\d+$/.test(line) && $$props.parameter.name.endsWith("ids") ? Number(line) : line));
		else if (get(types).includes("object")) json(field.value);
		else $$props.onchange(field.value);
	}
	function json(written) {
		try {
			$$props.onchange(JSON.parse(written));
		} catch {
			set(problem, `${$$props.parameter.name} is an object in JSON`);
		}
	}
	const written = user_derived(() => $$props.value === void 0 ? "" : get(listed) && Array.isArray($$props.value) ? $$props.value.join("\n") : typeof $$props.value === "object" ? JSON.stringify($$props.value) : String($$props.value));
	var div = root_9();
	let classes;
	var node = child(div);
	var consequent = ($$anchor) => {
		{
			let $0 = user_derived(() => spoken($$props.parameter.name));
			let $1 = user_derived(() => typeof get(applied) === "number" ? get(applied) : get(ends)[0]);
			let $2 = user_derived(() => get(whole) ? 1 : (get(ends)[1] - get(ends)[0]) / 100);
			let $3 = user_derived(() => $$props.refused !== "" && $$props.value === void 0);
			Slider($$anchor, {
				get label() {
					return get($0);
				},
				get value() {
					return get($1);
				},
				get min() {
					return get(ends)[0];
				},
				get max() {
					return get(ends)[1];
				},
				get step() {
					return get($2);
				},
				get disabled() {
					return get($3);
				},
				onchange: (number) => $$props.onchange(get(whole) ? Math.round(number) : number)
			});
		}
	};
	var consequent_1 = ($$anchor) => {
		var label = root$4();
		var input = child(label);
		remove_input_defaults(input);
		var text_1 = sibling(input);
		reset(label);
		template_effect(($0) => {
			set_checked(input, get(applied) === true);
			input.disabled = $$props.refused !== "" && $$props.value === void 0;
			set_text(text_1, ` ${$0 ?? ""}`);
		}, [() => spoken($$props.parameter.name)]);
		delegated("change", input, (event) => $$props.onchange(event.currentTarget.checked));
		append($$anchor, label);
	};
	var d = user_derived(() => get(types).includes("boolean") && get(types).length === 1);
	var consequent_2 = ($$anchor) => {
		var div_1 = root_2$3();
		var label_1 = child(div_1);
		var text_2 = only_child(label_1, true);
		var select = sibling(label_1, 2);
		var option = child(select);
		var text_3 = only_child(option, true);
		option.value = option.__value = "";
		var node_1 = sibling(option);
		each(node_1, 16, () => $$props.parameter.choices, (choice) => choice, ($$anchor, choice) => {
			var option_1 = root_1$3();
			var text_4 = only_child(option_1, true);
			var option_1_value = {};
			template_effect(($0) => {
				set_text(text_4, choice);
				if (option_1_value !== (option_1_value = $0)) option_1.value = (option_1.__value = option_1_value) ?? "";
			}, [() => String(choice)]);
			append($$anchor, option_1);
		});
		reset(select);
		var select_value;
		init_select(select);
		reset(div_1);
		template_effect(($0, $1, $2) => {
			set_attribute(label_1, "for", id);
			set_text(text_2, $0);
			set_attribute(select, "id", id);
			select.disabled = $$props.refused !== "" && $$props.value === void 0;
			set_text(text_3, $1);
			if (select_value !== (select_value = $2)) select.value = (select.__value = select_value) ?? "", select_option(select, select_value);
		}, [
			() => spoken($$props.parameter.name),
			() => get(plain) === null || get(plain) === void 0 ? "not set" : String(get(plain)),
			() => $$props.value === void 0 ? "" : String($$props.value)
		]);
		delegated("change", select, text);
		append($$anchor, div_1);
	};
	var consequent_3 = ($$anchor) => {
		var div_2 = root_3$3();
		var label_2 = child(div_2);
		var text_5 = only_child(label_2);
		var textarea = sibling(label_2, 2);
		remove_textarea_child(textarea);
		reset(div_2);
		template_effect(($0) => {
			set_attribute(label_2, "for", id);
			set_text(text_5, `${$0 ?? ""}${get(listed) ? ", one a line" : ", as JSON"}`);
			set_attribute(textarea, "id", id);
			textarea.disabled = $$props.refused !== "" && $$props.value === void 0;
			set_value(textarea, get(written));
		}, [() => spoken($$props.parameter.name)]);
		delegated("change", textarea, text);
		append($$anchor, div_2);
	};
	var d_1 = user_derived(() => get(listed) || get(types).includes("object"));
	var alternate = ($$anchor) => {
		var div_3 = root_4$2();
		var label_3 = child(div_3);
		var text_6 = only_child(label_3, true);
		var input_1 = sibling(label_3, 2);
		remove_input_defaults(input_1);
		reset(div_3);
		template_effect(($0, $1) => {
			set_attribute(label_3, "for", id);
			set_text(text_6, $0);
			set_attribute(input_1, "id", id);
			set_attribute(input_1, "inputmode", get(numeric) ? "decimal" : "text");
			set_attribute(input_1, "placeholder", $1);
			input_1.disabled = $$props.refused !== "" && $$props.value === void 0;
			set_value(input_1, get(written));
		}, [() => spoken($$props.parameter.name), () => get(plain) === null || get(plain) === void 0 ? "not set" : String(get(plain))]);
		delegated("change", input_1, text);
		append($$anchor, div_3);
	};
	if_block(node, ($$render) => {
		if (get(numeric) && get(ends)) $$render(consequent);
		else if (get(d)) $$render(consequent_1, 1);
		else if ($$props.parameter.choices && !get(listed)) $$render(consequent_2, 2);
		else if (get(d_1)) $$render(consequent_3, 3);
		else $$render(alternate, -1);
	});
	var p = sibling(node, 2);
	var text_7 = child(p);
	var node_2 = sibling(text_7);
	var consequent_4 = ($$anchor) => {
		var button = root_5$2();
		template_effect(($0) => set_attribute(button, "aria-label", `Reset ${$0 ?? ""}`), [() => spoken($$props.parameter.name)]);
		delegated("click", button, () => $$props.onchange(void 0));
		append($$anchor, button);
	};
	var consequent_5 = ($$anchor) => {
		var span = root_6$1();
		append($$anchor, span);
	};
	if_block(node_2, ($$render) => {
		if ($$props.value !== void 0) $$render(consequent_4);
		else if ($$props.parameter.source === "checkpoint") $$render(consequent_5, 1);
	});
	var node_3 = sibling(node_2, 2);
	var consequent_6 = ($$anchor) => {
		var span_1 = root_7$1();
		var text_8 = only_child(span_1, true);
		template_effect(() => set_text(text_8, $$props.refused));
		append($$anchor, span_1);
	};
	if_block(node_3, ($$render) => {
		if ($$props.refused) $$render(consequent_6);
	});
	reset(p);
	var node_4 = sibling(p, 2);
	var consequent_7 = ($$anchor) => {
		var p_1 = root_8();
		var text_9 = only_child(p_1, true);
		template_effect(() => set_text(text_9, get(problem)));
		append($$anchor, p_1);
	};
	if_block(node_4, ($$render) => {
		if (get(problem)) $$render(consequent_7);
	});
	reset(div);
	template_effect(() => {
		classes = set_class(div, 1, "field svelte-1cshm0b", null, classes, { set: $$props.value !== void 0 });
		set_attribute(div, "title", $$props.refused || void 0);
		set_text(text_7, `${$$props.parameter.help ?? ""}. `);
	});
	append($$anchor, div);
	pop();
}
delegate(["change", "click"]);
// src/panes/Settings.svelte
var root$3 = from_html(`<label for="system"><h2>System message</h2></label> <textarea id="system" rows="3" placeholder="The model's own, or none"></textarea>`, 1);
var root_1$2 = from_html(`<button class="plain">Reset all</button>`);
var root_2$2 = from_html(`<span class="mono svelte-1ezvoca"> </span>`);
var root_3$2 = from_html(`<span class="muted">All as the server has them.</span>`);
var root_4$1 = from_html(`•<span class="spoken">some are set</span>`, 1);
var root_5$1 = from_html(`<details><summary class="svelte-1ezvoca"><h3 class="svelte-1ezvoca"> <!></h3></summary> <div class="fields svelte-1ezvoca"></div></details>`);
var root_6 = from_html(`<p class="muted small"> </p>`);
var root_7 = from_html(`<aside id="pane-settings" tabindex="-1" aria-label="Settings" class="svelte-1ezvoca"><!> <div class="row"><h2 class="grow">Settings</h2> <!></div> <p class="summary small svelte-1ezvoca" aria-label="What differs from the defaults"></p> <input type="search" aria-label="Find a setting" placeholder="Find a setting"/> <!></aside>`);
function Settings($$anchor, $$props) {
	push($$props, true);
	let find = state("");
	const GROUPS = {
		common: "Sampling",
		request: "Length, stops and more",
		temperature: "Temperature, in detail",
		truncation: "Truncation, in detail",
		penalty: "Penalties",
		constraint: "Lengths and bans",
		search: "Search",
		speculation: "Speculation",
		mixture: "Mixtures of models"
	};
	const COMMON = [
		"temperature",
		"top_p",
		"top_k",
		"min_p",
		"max_tokens",
		"seed"
	];
	const groups = user_derived(() => {
		const found = /* @__PURE__ */ new Map();
		for (const parameter of $$props.page.parameters) {
			if (get(find) && !`${parameter.name} ${parameter.help}`.toLowerCase().includes(get(find).toLowerCase())) continue;
			const group = COMMON.includes(parameter.name) ? "common" : parameter.group;
			found.set(group, [...found.get(group) ?? [], parameter]);
		}
		found.get("common")?.sort((a, b) => COMMON.indexOf(a.name) - COMMON.indexOf(b.name));
		return Object.keys(GROUPS).filter((group) => found.has(group)).map((group) => ({
			group,
			title: GROUPS[group],
			parameters: found.get(group)
		}));
	});
	const set$1 = user_derived(() => Object.entries($$props.page.session.settings));
	var aside = root_7();
	var node = child(aside);
	var consequent = ($$anchor) => {
		var fragment = root$3();
		var textarea = sibling(first_child(fragment), 2);
		remove_textarea_child(textarea);
		template_effect(() => set_value(textarea, $$props.page.system));
		delegated("change", textarea, (event) => $$props.page.instruct(event.currentTarget.value));
		append($$anchor, fragment);
	};
	if_block(node, ($$render) => {
		if ($$props.page.mode === "chat") $$render(consequent);
	});
	var div = sibling(node, 2);
	var node_1 = sibling(child(div), 2);
	var consequent_1 = ($$anchor) => {
		var button = root_1$2();
		delegated("click", button, () => $$props.page.setAll({}));
		append($$anchor, button);
	};
	if_block(node_1, ($$render) => {
		if (get(set$1).length) $$render(consequent_1);
	});
	reset(div);
	var p = sibling(div, 2);
	each(p, 21, () => get(set$1), ([name, value]) => name, ($$anchor, $$item) => {
		var $$array = user_derived(() => to_array(get($$item), 2));
		let name = () => get($$array)[0];
		let value = () => get($$array)[1];
		var span = root_2$2();
		var text = only_child(span);
		template_effect(($0) => set_text(text, `${name() ?? ""} ${$0 ?? ""}`), [() => typeof value() === "object" ? JSON.stringify(value()) : value()]);
		append($$anchor, span);
	}, ($$anchor) => {
		var span_1 = root_3$2();
		append($$anchor, span_1);
	});
	reset(p);
	var input = sibling(p, 2);
	remove_input_defaults(input);
	var node_2 = sibling(input, 2);
	each(node_2, 17, () => get(groups), ({ group, title, parameters }) => group, ($$anchor, $$item) => {
		let group = () => get($$item).group;
		let title = () => get($$item).title;
		let parameters = () => get($$item).parameters;
		var details = root_5$1();
		var summary = child(details);
		var h3 = child(summary);
		var text_1 = child(h3, true);
		var node_3 = sibling(text_1);
		var consequent_2 = ($$anchor) => {
			var fragment_1 = root_4$1();
			next();
			append($$anchor, fragment_1);
		};
		var d = user_derived(() => parameters().some(({ name }) => name in $$props.page.session.settings));
		if_block(node_3, ($$render) => {
			if (get(d)) $$render(consequent_2);
		});
		reset(h3);
		reset(summary);
		var div_1 = sibling(summary, 2);
		each(div_1, 21, parameters, (parameter) => parameter.name, ($$anchor, parameter) => {
			{
				let $0 = user_derived(() => $$props.page.refusedSetting(get(parameter)));
				Field($$anchor, {
					get parameter() {
						return get(parameter);
					},
					get value() {
						return $$props.page.session.settings[get(parameter).name];
					},
					get refused() {
						return get($0);
					},
					onchange: (value) => $$props.page.set(get(parameter).name, value)
				});
			}
		});
		reset(div_1);
		reset(details);
		template_effect(() => {
			details.open = group() === "common" || get(find) !== "";
			set_text(text_1, title());
		});
		append($$anchor, details);
	}, ($$anchor) => {
		var p_1 = root_6();
		var text_2 = only_child(p_1, true);
		template_effect(() => set_text(text_2, $$props.page.parameters.length ? "No setting has this in its name or its help." : "They come with the model."));
		append($$anchor, p_1);
	});
	reset(aside);
	bind_value(input, () => get(find), ($$value) => set(find, $$value));
	append($$anchor, aside);
	pop();
}
delegate(["change", "click"]);
// src/panes/TopBar.svelte
var root$2 = from_html(`<button role="radio" class="svelte-uct5xf"> </button>`);
var root_1$1 = from_html(`<span class="model small svelte-uct5xf"> </span>`);
var root_2$1 = from_html(`<button class="plain" aria-haspopup="dialog"> </button>`);
var root_3$1 = from_html(`<nav aria-label="Tools" class="svelte-uct5xf"></nav> <button class="plain" aria-haspopup="dialog" aria-label="Commands">⌘K</button>`, 1);
var root_4 = from_html(`<button class="plain"> </button> <button class="plain" aria-label="Keys" aria-haspopup="dialog">?</button>`, 1);
var root_5 = from_html(`<header class="svelte-uct5xf"><h1 class="svelte-uct5xf">ponder</h1> <div class="modes svelte-uct5xf" role="radiogroup" aria-label="Mode" tabindex="-1"></div> <!> <span class="grow"></span> <!> <!></header>`);
function TopBar($$anchor, $$props) {
	push($$props, true);
	const MODES = {
		chat: "Chat",
		completion: "Completion",
		solve: "Solve"
	};
	const DIALOGS = {
		presets: "Presets",
		compare: "Compare",
		code: "Code",
		history: "History",
		share: "Share"
	};
	const model = user_derived(() => $$props.page.server.info?.model);
	const modes = user_derived(() => Object.keys(MODES).filter((mode) => mode !== "chat" || $$props.page.server.info?.features.chat !== false));
	function move(event) {
		const step = {
			ArrowRight: 1,
			ArrowLeft: -1
		}[event.key];
		if (!step) return;
		event.preventDefault();
		const to = (get(modes).indexOf($$props.page.mode) + step + get(modes).length) % get(modes).length;
		$$props.page.turnTo(get(modes)[to]);
		event.currentTarget.querySelectorAll("button")[to].focus();
	}
	var header = root_5();
	var div = sibling(child(header), 2);
	each(div, 20, () => get(modes), (mode) => mode, ($$anchor, mode) => {
		var button = root$2();
		var text = only_child(button, true);
		template_effect(() => {
			set_attribute(button, "aria-checked", $$props.page.mode === mode);
			set_attribute(button, "tabindex", $$props.page.mode === mode ? 0 : -1);
			set_text(text, MODES[mode]);
		});
		delegated("click", button, () => $$props.page.turnTo(mode));
		append($$anchor, button);
	});
	reset(div);
	var node = sibling(div, 2);
	var consequent = ($$anchor) => {
		var span = root_1$1();
		var text_1 = only_child(span, true);
		template_effect(($0, $1) => {
			set_attribute(span, "title", `${$0 ?? ""} parameters of ${get(model).bits ?? ""} bits; context ${$1 ?? ""}`);
			set_text(text_1, get(model).name);
		}, [() => count(get(model).parameters), () => count(get(model).context)]);
		append($$anchor, span);
	};
	if_block(node, ($$render) => {
		if (get(model)) $$render(consequent);
	});
	var node_1 = sibling(node, 4);
	var consequent_1 = ($$anchor) => {
		var fragment = root_3$1();
		var nav = first_child(fragment);
		each(nav, 21, () => Object.entries(DIALOGS), ([name, title]) => name, ($$anchor, $$item) => {
			var $$array = user_derived(() => to_array(get($$item), 2));
			let name = () => get($$array)[0];
			let title = () => get($$array)[1];
			var button_1 = root_2$1();
			var text_2 = only_child(button_1, true);
			template_effect(() => set_text(text_2, title()));
			delegated("click", button_1, () => $$props.page.open(name()));
			append($$anchor, button_1);
		});
		reset(nav);
		var button_2 = sibling(nav, 2);
		delegated("click", button_2, () => $$props.page.open("palette"));
		append($$anchor, fragment);
	};
	if_block(node_1, ($$render) => {
		if (!$$props.page.phone) $$render(consequent_1);
	});
	var node_2 = sibling(node_1, 2);
	var consequent_2 = ($$anchor) => {
		var fragment_1 = root_4();
		var button_3 = first_child(fragment_1);
		var text_3 = only_child(button_3, true);
		var button_4 = sibling(button_3, 2);
		template_effect(() => {
			set_attribute(button_3, "aria-label", `Theme: ${$$props.page.theme.value ?? ""}. Change`);
			set_attribute(button_3, "title", `Theme: ${$$props.page.theme.value ?? ""}`);
			set_text(text_3, {
				system: "◐",
				light: "☀",
				dark: "☾"
			}[$$props.page.theme.value]);
		});
		delegated("click", button_3, () => $$props.page.nextTheme());
		delegated("click", button_4, () => $$props.page.open("help"));
		append($$anchor, fragment_1);
	};
	if_block(node_2, ($$render) => {
		if (!$$props.page.phone) $$render(consequent_2);
	});
	reset(header);
	delegated("keydown", div, move);
	append($$anchor, header);
	pop();
}
delegate(["keydown", "click"]);
// src/ui/Splitter.svelte
var root$1 = from_html(`<div role="separator" aria-orientation="vertical" tabindex="0" class="svelte-r7ooe3"></div>`);
function Splitter($$anchor, $$props) {
	push($$props, true);
	let size = prop($$props, "size", 15);
	const KEY_STEP = 16;
	const direction = user_derived(() => $$props.side === "start" ? 1 : -1);
	const within = (width) => Math.round(Math.min($$props.max, Math.max($$props.min, width)));
	function drag(event) {
		const edge = event.currentTarget;
		const start = event.clientX - get(direction) * size();
		edge.setPointerCapture(event.pointerId);
		edge.onpointermove = (move) => size(within(get(direction) * (move.clientX - start)));
		edge.onlostpointercapture = () => edge.onpointermove = null;
	}
	function key(event) {
		const grown = {
			ArrowRight: get(direction) * KEY_STEP,
			ArrowLeft: -get(direction) * KEY_STEP
		}[event.key];
		const to = {
			Home: $$props.min,
			End: $$props.max
		}[event.key] ?? (grown === void 0 ? void 0 : size() + grown);
		if (to === void 0 || event.altKey || event.ctrlKey || event.metaKey) return;
		event.preventDefault();
		size(within(to));
	}
	var div = root$1();
	template_effect(() => {
		set_attribute(div, "aria-label", $$props.label);
		set_attribute(div, "aria-valuenow", size());
		set_attribute(div, "aria-valuemin", $$props.min);
		set_attribute(div, "aria-valuemax", $$props.max);
	});
	delegated("pointerdown", div, drag);
	delegated("keydown", div, key);
	append($$anchor, div);
	pop();
}
delegate(["pointerdown", "keydown"]);
// src/App.svelte
var root = from_html(`<div><!></div> <!>`, 1);
var root_1 = from_html(`<div class="document svelte-1n46o8q"><!></div>`);
var root_2 = from_html(`<div><!></div>`);
var root_3 = from_html(`<div><!> <div class="panes svelte-1n46o8q"><!> <!> <!> <!></div> <!></div> <div class="spoken" role="status" aria-live="polite"> </div> <!>`, 1);
function App($$anchor, $$props) {
	push($$props, true);
	const page = new Page();
	const actions = actionsOf(page);
	const sizes = remembered("sizes", {
		settings: 300,
		inspector: 440
	});
	let width = state(proxy(window.innerWidth));
	const wide = user_derived(() => get(width) >= 1200);
	const phone = user_derived(() => get(width) < 800);
	user_effect(() => {
		if (page.theme.value === "system") delete document.documentElement.dataset.theme;
		else document.documentElement.dataset.theme = page.theme.value;
	});
	user_effect(() => page.start());
	user_effect(() => {
		page.phone = get(phone);
	});
	const settingsShown = user_derived(() => get(phone) ? page.view === "settings" : get(wide) ? page.settingsOpen.value : page.drawer);
	const documentShown = user_derived(() => !get(phone) || page.view === "text" || page.view === "choice");
	const inspectorShown = user_derived(() => !get(phone) || page.view === "choice" || page.view === "tree" || page.view === "more");
	var fragment = root_3();
	event("keydown", $window, (event) => page.dialog || press(actions, event));
	head("1n46o8q", ($$anchor) => {
		deferred_template_effect(() => {
			$document.title = page.title ?? "";
		});
	});
	var div = first_child(fragment);
	let classes;
	var node = child(div);
	TopBar(node, { get page() {
		return page;
	} });
	var div_1 = sibling(node, 2);
	let styles;
	var node_1 = child(div_1);
	var consequent_1 = ($$anchor) => {
		var fragment_1 = root();
		var div_2 = first_child(fragment_1);
		let classes_1;
		Settings(child(div_2), { get page() {
			return page;
		} });
		reset(div_2);
		var node_3 = sibling(div_2, 2);
		var consequent = ($$anchor) => {
			var bind_get = () => sizes.value.settings;
			var bind_set = (settings) => sizes.value = {
				...sizes.value,
				settings
			};
			Splitter($$anchor, {
				label: "Width of the settings",
				side: "start",
				min: 220,
				max: 480,
				get size() {
					return bind_get();
				},
				set size($$value) {
					bind_set($$value);
				}
			});
		};
		if_block(node_3, ($$render) => {
			if (get(wide)) $$render(consequent);
		});
		template_effect(() => classes_1 = set_class(div_2, 1, "settings svelte-1n46o8q", null, classes_1, { drawer: !get(wide) && !get(phone) }));
		append($$anchor, fragment_1);
	};
	if_block(node_1, ($$render) => {
		if (get(settingsShown)) $$render(consequent_1);
	});
	var node_4 = sibling(node_1, 2);
	var consequent_2 = ($$anchor) => {
		var div_3 = root_1();
		DocumentPane(child(div_3), { get page() {
			return page;
		} });
		reset(div_3);
		append($$anchor, div_3);
	};
	if_block(node_4, ($$render) => {
		if (get(documentShown)) $$render(consequent_2);
	});
	var node_6 = sibling(node_4, 2);
	var consequent_3 = ($$anchor) => {
		var bind_get_1 = () => sizes.value.inspector;
		var bind_set_1 = (inspector) => sizes.value = {
			...sizes.value,
			inspector
		};
		Splitter($$anchor, {
			label: "Width of the inspector",
			side: "end",
			min: 300,
			max: 760,
			get size() {
				return bind_get_1();
			},
			set size($$value) {
				bind_set_1($$value);
			}
		});
	};
	if_block(node_6, ($$render) => {
		if (!get(phone)) $$render(consequent_3);
	});
	var node_7 = sibling(node_6, 2);
	var consequent_4 = ($$anchor) => {
		var div_4 = root_2();
		let classes_2;
		Inspector(child(div_4), { get page() {
			return page;
		} });
		reset(div_4);
		template_effect(() => classes_2 = set_class(div_4, 1, "inspector svelte-1n46o8q", null, classes_2, { sheet: get(phone) && page.view === "choice" }));
		append($$anchor, div_4);
	};
	if_block(node_7, ($$render) => {
		if (get(inspectorShown)) $$render(consequent_4);
	});
	reset(div_1);
	var node_9 = sibling(div_1, 2);
	var consequent_5 = ($$anchor) => {
		BottomBar($$anchor, { get page() {
			return page;
		} });
	};
	if_block(node_9, ($$render) => {
		if (get(phone)) $$render(consequent_5);
	});
	reset(div);
	var div_5 = sibling(div, 2);
	var text = only_child(div_5, true);
	Dialogs(sibling(div_5, 2), {
		get page() {
			return page;
		},
		get actions() {
			return actions;
		}
	});
	template_effect(($0) => {
		classes = set_class(div, 1, "app svelte-1n46o8q", null, classes, {
			phone: get(phone),
			wide: get(wide)
		});
		styles = set_style(div_1, "", styles, { "grid-template-columns": $0 });
		set_text(text, page.said);
	}, [() => get(phone) ? "minmax(0, 1fr)" : `${get(wide) && get(settingsShown) ? `${sizes.value.settings}px 5px ` : ""}minmax(0, 1fr) 5px ${Math.min(sizes.value.inspector, get(width) / 2)}px`]);
	bind_window_size("innerWidth", ($$value) => set(width, $$value, true));
	append($$anchor, fragment);
	pop();
}
// src/main.ts
mount(App, { target: document.body });
