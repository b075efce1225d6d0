import { A as delegate, B as sibling, C as set_text, D as from_svg, E as from_html, F as user_effect, G as remove_textarea_child, H as set, I as $window, J as next, K as pop, L as child, M as event, N as get, O as props_id, P as template_effect, R as first_child, S as mount, T as comment, U as state, V as proxy, W as user_derived, X as noop, Y as reset, Z as to_array, _ as attach, a as bind_checked, b as index, c as set_attribute, d as bind_select_value, f as init_select, g as clsx, h as set_class, i as bind_element_size, j as delegated, k as text$2, l as set_checked, m as set_style, n as bind_window_size, o as bind_value, p as select_option, q as push, r as bind_this, s as remove_input_defaults, t as prop, u as set_value, v as snippet$1, w as append, x as if_block, y as each, z as only_child } from "./vendor.js";
// src/state/actions.ts
var STOPS = [
	"[role=listbox]",
	"[role=tab][aria-selected=true]",
	"textarea",
	"button:enabled"
];
var PANES = [
	"pane-settings",
	"pane-document",
	"pane-inspector"
];
function nextPane(step) {
	const panes = PANES.map((id) => document.getElementById(id)).filter((pane) => pane !== null);
	const to = panes[(panes.findIndex((pane) => pane.contains(document.activeElement)) + step + panes.length) % panes.length] ?? panes[0];
	(STOPS.map((what) => [...to?.querySelectorAll(what) ?? []].findLast((one) => one.checkVisibility())).find((one) => one !== void 0) ?? to)?.focus();
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
var allowed = (keys) => /^(Ctrl|Alt)\+/.test(keys) || /^(Shift\+)?F\d+$/.test(keys) || keys === "Escape";
var UNDOING = ["undo", "redo"];
var isTyping = (target) => target instanceof HTMLInputElement ? !["range", "checkbox"].includes(target.type) : target instanceof HTMLTextAreaElement || target instanceof HTMLElement && target.isContentEditable;
function press(actions, event) {
	if (event.isComposing || event.defaultPrevented) return;
	const keys = chord(event);
	const action = actions.find((one) => keysOf(one) === keys);
	if (!action || action.refused?.() || UNDOING.includes(action.name) && isTyping(event.target)) return;
	event.preventDefault();
	action.run();
}
var spoken$1 = (keys) => keys.replace("Ctrl", navigator.platform.startsWith("Mac") ? "⌘" : "Ctrl").replace("Arrow", "").replaceAll("+", " ").replace("Escape", "Esc");
// src/core/blake2b.ts
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
function blake2b(message) {
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
// src/core/philox.ts
function words(value) {
	return Number.isSafeInteger(value) && value >= 0 ? [value % 2 ** 32, Math.floor(value / 2 ** 32)] : null;
}
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
function branched(lineage, position, child) {
	return child ? [...lineage, [position, child]] : lineage;
}
function cutTo(lineage, tokens) {
	return lineage.filter(([position]) => position <= tokens);
}
function streamOf(lineage) {
	const [first] = lineage;
	if (!first) return [0, 0];
	if (lineage.length === 1 && first[0] === 0) return words(first[1]) ?? [0, 0];
	const [low, high] = blake2b(new TextEncoder().encode(lineage.map((pair) => pair.join(":")).join(",")));
	return [low, (high | 2147483648) >>> 0];
}
// src/core/redraw.ts
function reaches(temperatures, temperature) {
	return temperature === 0 || temperature >= temperatures[0] && temperature <= temperatures.at(-1);
}
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
// src/core/request.ts
var endpoint = (document) => document.kind === "chat" ? "v1/chat/completions" : "v1/completions";
function asked(document, branch = null) {
	if (document.kind === "completion") return { prompt: document.prompt };
	const messages = document.messages.map(({ role, content }) => ({
		role,
		content
	}));
	if (messages.at(-1)?.role !== "assistant") return { messages };
	return branch?.tokens.length ? { messages: messages.slice(0, -1) } : {
		messages,
		continue_final_message: true
	};
}
function request(document, settings, branch = null, watch = { trace: true }) {
	const set = Object.entries(settings).filter(([, value]) => value !== void 0 && value !== null);
	const body = {
		...asked(document, branch),
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
// src/core/form.ts
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
function within(part, error) {
	return error instanceof FormError ? new FormError(error.rule, part + error.place) : error;
}
var number = (value) => {
	if (typeof value !== "number" || !Number.isFinite(value)) throw new FormError("should be a finite number");
	return value;
};
var whole = (value) => {
	if (!Number.isInteger(value) || Math.abs(value) >= 2 ** 63) throw new FormError("should be a whole number");
	return value;
};
var text$1 = (value) => {
	if (typeof value !== "string") throw new FormError("should be text");
	return value;
};
var flag = (value) => {
	if (typeof value !== "boolean") throw new FormError("should be true or false");
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
function optional(form) {
	return Object.assign((value) => form(value), { missing: true });
}
function list(form, most = MAX_LIST) {
	return (value) => {
		if (!Array.isArray(value)) throw new FormError("should be a list");
		if (value.length > most) throw new FormError(`should have at most ${most} members, and has ${value.length}`);
		const found = new Array(value.length);
		let i = 0;
		try {
			for (; i < value.length; i++) found[i] = form(value[i]);
		} catch (error) {
			throw within(`[${i}]`, error);
		}
		return found;
	};
}
function record(form, names) {
	return (value) => {
		const members = [];
		for (const [name, member] of Object.entries(objectOf(value))) {
			if (!names.test(name)) throw new FormError(`should not have the member ${shown$1(name)}`);
			try {
				members.push([name, form(member)]);
			} catch (error) {
				throw within(`.${name}`, error);
			}
		}
		return Object.fromEntries(members);
	};
}
function object(fields) {
	const forms = Object.entries(fields);
	return (value) => {
		const given = objectOf(value);
		const found = {};
		let place = "";
		try {
			for (const [name, form] of forms) {
				place = name;
				const member = Object.hasOwn(given, name) ? given[name] : void 0;
				if (member !== void 0) found[name] = form(member);
				else if (!form.missing) throw new FormError("is missing");
			}
		} catch (error) {
			throw within(`.${place}`, error);
		}
		return found;
	};
}
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
function shown$1(value) {
	return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
}
function parsed(json, most) {
	const size = typeof json === "string" ? json.length : json.byteLength;
	if (size > most) throw new FormError(`should have at most ${most} bytes, and has ${size}`);
	try {
		return JSON.parse(typeof json === "string" ? json : new TextDecoder("utf-8", { fatal: true }).decode(json));
	} catch (error) {
		if (error instanceof TypeError) throw new FormError("should be UTF-8");
		if (error instanceof SyntaxError) throw new FormError("should be JSON");
		throw new FormError("should be JSON that fits into memory");
	}
}
// src/core/trace.ts
var MAX_BYTES$1 = 128 * 2 ** 20;
var LOWEST = .01;
var HIGHEST = 100;
var MAX_TOP = 1e3;
var MAX_TEXTS = 1e5;
var REASON = oneOf("stop", "length", "constraint", "deadline", "until");
var BYTES = (value) => {
	if (!/^([0-9a-f]{2})*$/i.test(text$1(value))) throw new FormError("should be bytes in hexadecimal");
	return value;
};
var VOCABULARY = record(object({
	text: text$1,
	bytes: BYTES
}), /^\d{1,10}$/);
var PARAMS = record(object({
	value: any,
	source: oneOf("caller", "checkpoint", "default", "resolved")
}), /^[A-Za-z]\w{0,99}$/);
var STEP = object({
	step: text$1,
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
	allowed_mass: optional(number),
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
	text: text$1,
	tokens: list(whole),
	finish_reason: REASON,
	logprob: LOGPROB,
	score: LOGPROB
});
var HEAD = {
	version: oneOf(1),
	model: text$1,
	vocab_size: whole,
	prompt: text$1,
	prompt_tokens: whole,
	params: PARAMS,
	temperatures: list(number, MAX_TOP),
	seed: optional(nullable(whole)),
	fingerprint: optional(nullable(text$1)),
	prompt_token_ids: optional(list(whole))
};
var TRACE = object({
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
function asTrace(value) {
	const trace = TRACE(value);
	checkGrid(trace);
	checkFrom(trace, 0, 0, 0);
	return trace;
}
function checkGrid({ temperatures }) {
	const rises = temperatures.every((one, i) => i === 0 || one > temperatures[i - 1]);
	const [first = 0, last = Infinity] = [temperatures[0], temperatures.at(-1)];
	if (!rises || first < LOWEST || last > HIGHEST) throw new FormError(`should rise, from ${LOWEST} at least to ${HIGHEST} at most`, ".temperatures");
}
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
var Paths = class {
	paths = [];
	seen = 0;
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
function pathTo(trace, token) {
	const path = [];
	for (let at = token; at !== -1; at = trace.tokens[at].parent) path.push(at);
	return path.reverse();
}
function pathsOf(trace) {
	if (trace.texts.length) return trace.texts.map((one) => one.tokens);
	const found = new Paths();
	found.follow(trace);
	return found.paths;
}
function valueOf(trace, name) {
	return Object.hasOwn(trace.params, name) ? trace.params[name].value : void 0;
}
function numberOf(trace, name) {
	const value = valueOf(trace, name);
	return typeof value === "number" ? value : void 0;
}
// src/core/session.ts
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
function edited(session, change) {
	return {
		...session,
		...change
	};
}
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
function marked(session, run, change) {
	const mark = {
		...session.marks[run] ?? {
			starred: false,
			note: ""
		},
		...change
	};
	const { [run]: _, ...others } = session.marks;
	return {
		...session,
		marks: mark.starred || mark.note ? {
			...others,
			[run]: mark
		} : others
	};
}
function without(session, run) {
	const gone = new Set([run]);
	for (const one of session.runs) if (one.origin && gone.has(one.origin.run)) gone.add(one.id);
	const runs = session.runs.filter(({ id }) => !gone.has(id));
	const marks = Object.fromEntries(Object.entries(session.marks).filter(([id]) => !gone.has(id)));
	const origin = runOf(session, run)?.origin;
	const stays = session.place && !gone.has(session.place.run);
	const last = runs.at(-1);
	const next = origin ? {
		run: origin.run,
		text: origin.text
	} : last ? {
		run: last.id,
		text: 0
	} : null;
	return {
		...session,
		runs,
		marks,
		place: stays ? session.place : next
	};
}
function runOf(session, id) {
	return session.runs.find((run) => run.id === id) ?? null;
}
function tokensOf(run, text) {
	const path = pathsOf(run.trace)[text] ?? [];
	return [...run.branch?.tokens ?? [], ...path.map((token) => run.trace.tokens[token].id)];
}
function lineageOf(run, text) {
	return branched(run.branch?.lineage ?? [], run.branch?.tokens.length ?? 0, text);
}
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
var rootOf = (run) => JSON.stringify(asked(run.document, run.branch));
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
// src/core/shares.ts
var NEAR = 1e-6;
var DIGITS = 5e-6;
var ARITHMETIC = 1e-5;
function sharesOf(row, temperatures, sliders, masked) {
	const { temperature, top_k } = sliders;
	const top = row.logits[masked ? masked.indexOf(false) : 0];
	const last = row.logits[row.logits.length - 1];
	const off = 2 * DIGITS * Math.max(Math.abs(top), Math.abs(last)) / temperature + ARITHMETIC;
	const weights = new Float64Array(row.logits.length);
	let count = 0;
	for (let i = 0; i < weights.length && (top_k === 0 || count < top_k); i++) {
		if (masked?.[i]) continue;
		weights[i] = Math.exp((row.logits[i] - top) / temperature);
		count++;
	}
	const others = othersOf(row, temperatures, temperature, top);
	others.each = Math.exp((last - top) / temperature) * (1 + off);
	if (masked || top_k > 0) others.least = 0;
	if (top_k > 0) others.most = Math.min(others.most, (top_k - count) * others.each);
	return truncated(weights, others, sliders, off);
}
function truncated(weights, unnamed, { top_p, min_p }, off) {
	const named = weights.reduce((sum, weight) => sum + weight, 0);
	const near = 2 * off * top_p * (1 - top_p) + NEAR;
	const surely = top_p < 1 ? (top_p - near) * (named + unnamed.least) : Infinity;
	const maybe = top_p < 1 ? (top_p + near) * (named + unnamed.most) : Infinity;
	const faint = min_p * (1 - off);
	let [sure, besides, ahead, cut] = [
		0,
		0,
		0,
		false
	];
	for (let i = 0; i < weights.length; i++) {
		const weight = weights[i];
		cut ||= ahead > 0 && (ahead >= maybe || weight > 0 && weight < faint);
		const kept = !cut && (ahead === 0 || ahead < surely && weight > min_p * (1 + off));
		if (kept) sure += weight;
		else weights[i] = 0;
		if (!kept && !cut) besides += weight;
		ahead += weight;
	}
	const others = cut || ahead >= maybe || unnamed.each < faint ? 0 : Math.min(unnamed.most, maybe - ahead + unnamed.each);
	return {
		weights,
		sure,
		besides: (besides + others) * (1 + off),
		others,
		off
	};
}
function othersOf(row, temperatures, temperature, top) {
	const high = tailAt(row.tails, temperatures, temperature);
	if (high === -Infinity) return {
		least: 0,
		most: 0,
		each: 0
	};
	const low = leastTail(row, temperatures, temperature, high);
	const off = 4 * DIGITS * (Math.abs(high) + Math.abs(top) / temperature) + ARITHMETIC;
	const weight = (tail) => Math.exp(tail - top / temperature);
	return {
		least: weight(low - off),
		most: weight(high + off),
		each: 0
	};
}
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
// src/core/dart.ts
var FAINT = -80;
var BEYOND = "what may come goes beyond the tokens that were sent";
var CLOSE = "the number falls too near the border between two tokens";
var CUT = [
	"top_k",
	"top_p",
	"min_p"
];
var NEUTRAL = {
	semantics: "ponder",
	order: null,
	dynatemp_range: 0,
	top_p_decay: 1,
	real_temperature: 0
};
function diceOf(trace, lineage = [], start = 0) {
	const value = trace.seed === void 0 ? numberOf(trace, "seed") : trace.seed;
	if (value === null) return "nothing was drawn";
	if (value === void 0) return "the trace does not tell its seed";
	const seed = words(value);
	return seed ? {
		seed,
		stream: streamOf(lineage),
		start
	} : "the seed is too large for a page to read exactly";
}
function numberAt(dice, place) {
	return uniform(dice.seed, dice.stream, dice.start + place);
}
function obstacle(trace) {
	for (const [name, neutral] of Object.entries(NEUTRAL)) {
		const value = valueOf(trace, name);
		if (value !== void 0 && value !== neutral) return `${name} is set, which the page does not compute`;
	}
	const decoder = valueOf(trace, "decoder");
	return !decoder || Object.keys(decoder).every((name) => name === "Sample" || name === "Speculative") ? null : "a search does not draw its tokens";
}
function throwDart(trace, path, place, dice, sliders) {
	const token = trace.tokens[path[place]];
	if (isOwn(trace, sliders)) return { id: token.id };
	const why = obstacle(trace);
	return why ? { unknown: why } : hitAgain(trace, token, numberAt(dice, place), sliders);
}
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
function isOwn(trace, sliders) {
	const own = (name, neutral) => (numberOf(trace, name) ?? neutral) === sliders[name];
	if (sliders.temperature === 0 && numberOf(trace, "temperature") === 0) return true;
	return own("temperature", 1) && own("top_k", 0) && own("top_p", 1) && own("min_p", 0);
}
function hitAgain(trace, token, u, sliders) {
	const row = trace.rows[token.row];
	const masked = maskOf(row, numberOf(trace, "temperature") ?? 1);
	if (typeof masked === "string") return { unknown: masked };
	const found = hit(row, trace.temperatures, u, sliders, masked);
	return found.id === void 0 || found.id === token.id || !valueOf(trace, "constraint") ? found : { unknown: "the constraint may refuse the token that the number falls on" };
}
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
function hit(row, temperatures, u, sliders, masked = null) {
	const first = masked ? masked.indexOf(false) : 0;
	if (first < 0) return { unknown: BEYOND };
	if (sliders.temperature === 0) return { id: row.ids[first] };
	if (!reaches(temperatures, sliders.temperature)) return { unknown: "the trace does not reach this temperature" };
	const shares = sharesOf(row, temperatures, sliders, masked);
	const place = fallsOn(shares, byId(row), u);
	return place === null ? { unknown: shares.others > 0 ? BEYOND : CLOSE } : { id: row.ids[place] };
}
function fallsOn({ weights, sure, besides, off }, order, u) {
	const goal = u * sure;
	const alone = besides === 0;
	let before = 0;
	for (const place of order) {
		if (weights[place] === 0) continue;
		const through = before + weights[place];
		const isFirst = alone && before === 0;
		const isLast = alone && through >= sure * (1 - 1e-12);
		const begins = isFirst ? 0 : before + borderError(before, sure, off) + besides * (1 - u);
		const ends = isLast ? Infinity : through - borderError(through, sure, off) - besides * u;
		if (begins <= goal && goal < ends) return place;
		before = through;
	}
	return null;
}
function borderError(before, whole, off) {
	return 2 * off * before * Math.max(0, 1 - before / whole) + NEAR * whole;
}
var orders = new WeakMap();
function byId(row) {
	let order = orders.get(row);
	if (!order) {
		const { ids } = row;
		order = Uint16Array.from(ids.keys()).sort((a, b) => ids[a] - ids[b]);
		orders.set(row, order);
	}
	return order;
}
// src/core/spelling.ts
var Speller = class {
	#decoder = new TextDecoder("utf-8", { ignoreBOM: true });
	push(bytes) {
		return this.#decoder.decode(decoded(bytes), { stream: true });
	}
	end() {
		return this.#decoder.decode();
	}
};
var decoded = (hex) => Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
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
function placed(spelled, text, at) {
	if (text.startsWith(spelled, at)) return spelled;
	if (at === 0 && spelled.startsWith(" ") && text.startsWith(spelled.slice(1))) return spelled.slice(1);
	const rest = text.slice(at, at + spelled.length);
	return at < text.length && at + spelled.length > text.length && spelled.startsWith(rest) ? rest : null;
}
// src/core/file.ts
var FORMAT = "ponder-session";
var MAX_RUNS = 1e4;
var MAX_MESSAGES = 1e4;
var NAME$1 = /^[A-Za-z]\w{0,99}$/;
var ID = /^[\w-]{1,100}$/;
var NAMED$2 = (value) => {
	if (!ID.test(text$1(value))) throw new FormError("should be letters, digits, _ and -, at most 100");
	return value;
};
var MESSAGE = object({
	role: oneOf("system", "user", "assistant", "tool", "developer"),
	content: text$1
});
var COMPLETION = object({
	kind: oneOf("completion"),
	prompt: text$1
});
var CHAT = object({
	kind: oneOf("chat"),
	messages: list(MESSAGE, MAX_MESSAGES)
});
var DOCUMENT = (value) => {
	const { kind } = object({ kind: oneOf("chat", "completion") })(value);
	return kind === "chat" ? CHAT(value) : COMPLETION(value);
};
var SETTINGS = record(any, NAME$1);
var PAIR = (value) => {
	const pair = list(whole, 2)(value);
	if (pair.length !== 2) throw new FormError("should be a pair of whole numbers");
	return [pair[0], pair[1]];
};
var BRANCH = object({
	tokens: list(whole),
	lineage: list(PAIR, 1e4)
});
var ORIGIN = object({
	run: NAMED$2,
	text: whole,
	at: whole,
	token: nullable(whole)
});
var USAGE = object({
	prompt_tokens: whole,
	completion_tokens: whole,
	cached_tokens: whole
});
var TIMINGS = object({
	first: nullable(number),
	total: number
});
var SESSION = object({
	id: NAMED$2,
	made: number,
	title: text$1,
	document: DOCUMENT,
	settings: SETTINGS,
	runs: list(object({
		id: NAMED$2,
		made: number,
		document: DOCUMENT,
		settings: SETTINGS,
		body: record(any, NAME$1),
		branch: nullable(BRANCH),
		origin: nullable(ORIGIN),
		trace: asTrace,
		texts: list(text$1),
		usage: nullable(USAGE),
		timings: nullable(TIMINGS),
		end: oneOf("done", "stopped", "failed"),
		error: nullable(text$1)
	}), MAX_RUNS),
	marks: record(object({
		starred: flag,
		note: text$1
	}), ID),
	place: nullable(object({
		run: NAMED$2,
		text: whole
	}))
});
function sessionFile(session) {
	return `${JSON.stringify({
		format: FORMAT,
		version: 1,
		session
	})}\n`;
}
function traceFile(run) {
	const { seed: _, fingerprint: __, prompt_token_ids: ___, ...trace } = run.trace;
	const tokens = trace.tokens.map(({ index: _, ...token }) => ({
		...token,
		...finite(token)
	}));
	return `${JSON.stringify({
		...trace,
		tokens,
		texts: textsOf(run.trace, run.texts)
	})}\n`;
}
function finite(token) {
	const bounded = (value) => Math.max(value, -1e9);
	return {
		logprob: bounded(token.logprob),
		tempered_logprob: bounded(token.tempered_logprob),
		truncated_logprob: bounded(token.truncated_logprob)
	};
}
function textsOf(trace, texts = []) {
	if (trace.texts.length) return trace.texts;
	const reason = "until";
	return pathsOf(trace).map((tokens, i) => {
		const logprob = tokens.reduce((sum, token) => sum + Math.max(trace.tokens[token].logprob, -1e9), 0);
		return {
			text: texts[i] ?? pieces(trace, tokens).map((piece) => piece.text).join(""),
			tokens,
			finish_reason: reason,
			logprob,
			score: logprob
		};
	});
}
function messagesFile(document, answer) {
	const asked = document.kind === "chat" ? document.messages : [{
		role: "user",
		content: document.prompt
	}];
	return `${JSON.stringify([...asked, {
		role: "assistant",
		content: answer
	}], null, 2)}\n`;
}
function opened$1(json) {
	const value = parsed(json, MAX_BYTES$1);
	const { format, version } = object({
		format: optional(any),
		version: optional(any)
	})(value);
	if (format === void 0) return ofTrace(asTrace(value));
	if (format !== FORMAT) throw new FormError(`should be ${FORMAT}, or a trace`, ".format");
	if (version !== 1) throw new FormError("should be 1, which alone can be read", ".version");
	const { session } = object({ session: SESSION })(value);
	checkSession(session);
	return renamed(session);
}
function ofTrace(trace) {
	const document = {
		kind: "completion",
		prompt: trace.prompt
	};
	const set = Object.entries(trace.params).filter(([, { source }]) => source === "caller");
	const { decoder: _, constraint: __, ...sent } = Object.fromEntries(set.map(([name, { value }]) => [name, value]));
	const run = {
		id: identifier(),
		made: Date.now(),
		document,
		settings: sent,
		body: {},
		branch: null,
		origin: null,
		trace,
		texts: trace.texts.map((one) => one.text),
		usage: null,
		timings: null,
		end: "done",
		error: null
	};
	return {
		...begun(document, sent),
		title: trace.model,
		runs: [run],
		place: {
			run: run.id,
			text: 0
		}
	};
}
function checkSession(session) {
	const texts = new Map();
	session.runs.forEach((run, i) => {
		const place = `.session.runs[${i}]`;
		if (texts.has(run.id)) throw new FormError("should be another than those before it", `${place}.id`);
		if (run.origin) {
			const { run: from, text: number, at } = run.origin;
			if (number < 0 || number >= (texts.get(from) ?? 0) || at < 0) throw new FormError("should be in a run before it", `${place}.origin`);
		}
		texts.set(run.id, pathsOf(run.trace).length);
	});
	const { place } = session;
	if (place && (place.text < 0 || place.text >= Math.max(1, texts.get(place.run) ?? 0) || !texts.has(place.run))) throw new FormError("should be a text of a run", ".session.place");
}
function renamed(session) {
	const names = new Map(session.runs.map(({ id }) => [id, identifier()]));
	const name = (id) => names.get(id) ?? id;
	const runs = session.runs.map((run) => ({
		...run,
		id: name(run.id),
		origin: run.origin && {
			...run.origin,
			run: name(run.origin.run)
		}
	}));
	const marks = Object.fromEntries(Object.entries(session.marks).filter(([id]) => names.has(id)).map(([id, mark]) => [name(id), mark]));
	return {
		...session,
		id: identifier(),
		runs,
		marks,
		place: session.place && {
			...session.place,
			run: name(session.place.run)
		}
	};
}
// src/core/share.ts
var MAX_LINK = 16384;
var MAX_BYTES = 2 ** 20;
var MARK = "#s=";
var SHARED = object({
	version: oneOf(1),
	document: DOCUMENT,
	settings: SETTINGS,
	seed: optional(whole),
	fingerprint: optional(nullable(text$1))
});
async function fragment(shared) {
	const json = new Blob([JSON.stringify(shared)]);
	if (json.size > MAX_BYTES) return null;
	const link = MARK + base64url(await through(json.stream(), new CompressionStream("deflate-raw"), Infinity));
	return link.length <= 16384 ? link : null;
}
async function opened(hash) {
	if (!hash.startsWith(MARK)) return null;
	if (hash.length > 16384) throw new FormError(`should have at most ${MAX_LINK} characters`, "the link");
	const packed = bytes(hash.slice(3));
	try {
		return SHARED(parsed(await through(new Blob([packed]).stream(), new DecompressionStream("deflate-raw"), MAX_BYTES), MAX_BYTES));
	} catch (error) {
		if (error instanceof FormError) throw new FormError(error.rule, `the link${error.place && `'s ${error.place.slice(1)}`}`);
		throw new FormError("is damaged", "the link");
	}
}
async function through(input, transform, most) {
	const parts = [];
	let size = 0;
	const reader = input.pipeThrough(transform).getReader();
	for (;;) {
		const { done, value } = await reader.read();
		if (done) return new Uint8Array(await new Blob(parts).arrayBuffer());
		size += value.length;
		if (size > most) {
			await reader.cancel();
			throw new FormError(`unpacks to over ${most} bytes`);
		}
		parts.push(value);
	}
}
function base64url(data) {
	const text = Array.from(data, (byte) => String.fromCharCode(byte)).join("");
	return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}
function bytes(text) {
	try {
		return Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (character) => character.charCodeAt(0));
	} catch {
		throw new FormError("is damaged", "the link");
	}
}
// src/core/stream.ts
var MAX_EVENT = 64 * 2 ** 20;
var ABRUPT = "the server ended the answer before it was complete";
var StreamError = class extends Error {
	param;
	constructor(message, param = null) {
		super(message);
		this.param = param;
	}
};
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
var ApiError = class extends Error {
	status;
	param;
	constructor(message, status, param = null) {
		super(message);
		this.status = status;
		this.param = param;
	}
};
var key = {
	get: () => sessionStorage.getItem(KEY),
	set: (value) => {
		if (value) sessionStorage.setItem(KEY, value);
		else sessionStorage.removeItem(KEY);
	}
};
var info = async (signal) => await call("ponder/v1/info", null, signal);
var distribution = (body, signal) => call("ponder/v1/distribution", body, signal);
var score = (body, signal) => call("ponder/v1/score", body, signal);
var expand = (body, signal) => stream("ponder/v1/expand", body, signal);
var solve = (body, signal) => stream("ponder/v1/solve", body, signal);
var answer = (document, body, signal) => stream(endpoint(document), body, signal);
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
async function call(path, body, signal) {
	const response = await ask(path, body, signal);
	if (!response.ok) throw await refusal(response);
	try {
		return await response.json();
	} catch (error) {
		throw isAbort(error) ? error : new ApiError("the server's answer is not JSON", response.status);
	}
}
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
var isAbort = (error) => error instanceof DOMException && error.name === "AbortError";
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
async function refusal(response) {
	const said = await response.json().catch(() => null);
	const { error } = typeof said === "object" && said ? said : {};
	return new ApiError(typeof error?.message === "string" ? error.message : `the server answered ${response.status}`, response.status, typeof error?.param === "string" ? error.param : null);
}
// src/core/settings.ts
function same(one, other) {
	return JSON.stringify(one) === JSON.stringify(other);
}
function differing$1(settings, parameters) {
	const known = parameters.filter(({ name, default: usual }) => isSet(settings[name]) && !same(settings[name], usual));
	const names = new Set(parameters.map(({ name }) => name));
	const others = Object.keys(settings).filter((name) => !names.has(name) && isSet(settings[name]));
	return Object.fromEntries([...known.map(({ name }) => name), ...others].map((name) => [name, settings[name]]));
}
var isSet = (value) => value !== void 0 && value !== null;
var spoken = (name) => name.replaceAll("_", " ");
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
var HIDDEN = /[\p{C}\p{Zl}\p{Zp}]/gu;
var KEPT = new Set([
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
function visible(text) {
	return text.replace(HIDDEN, (character) => SIGNS[character] ?? escape(character));
}
function readable(text) {
	return text.replace(HIDDEN, (character) => KEPT.has(character) ? character : escape(character));
}
// src/state/frames.ts
var PACE = 50;
var PATIENCE = 300;
var waiting = new Set();
var planned = false;
function soon(show) {
	waiting.add(show);
	if (planned) return;
	planned = true;
	setTimeout(() => {
		const late = setTimeout(flush, PATIENCE);
		requestAnimationFrame(() => {
			clearTimeout(late);
			flush();
		});
	}, PACE);
}
function flush() {
	planned = false;
	const shows = [...waiting];
	waiting.clear();
	for (const show of shows) show();
}
// src/state/pieces.ts
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
var NAMED$1 = {
	" ": "space",
	"\n": "line break",
	"	": "tab"
};
function describe({ text, sign }) {
	const said = text || sign;
	if (/\S/.test(said)) return said;
	return [...said].map((character) => NAMED$1[character] ?? visible(character)).join(", ");
}
// src/state/view.ts
var views = new WeakMap();
var remember = (run, view) => void views.set(run, view);
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
function lineOf(trace, path, forced, sent, lineage) {
	const begun = spelled$1(trace, path.slice(0, forced));
	const text = sent === void 0 ? spelled$1(trace, path) : begun + sent;
	return {
		path,
		pieces: pieces(trace, path, text).map((piece) => shown(piece.text, trace.vocabulary[trace.tokens[piece.token].id].text)),
		lineage,
		text
	};
}
function spelled$1({ tokens, vocabulary }, path) {
	const speller = new Speller();
	return path.map((index) => speller.push(vocabulary[tokens[index].id].bytes)).join("");
}
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
var Live = class {
	id = identifier();
	made = Date.now();
	ask;
	forced;
	#told = null;
	trace;
	lines = [];
	finish = null;
	constrained = null;
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
	constructor(ask, before = null) {
		this.ask = ask;
		this.trace = before;
		this.forced = before?.tokens.length ?? 0;
		if (!before) return;
		this.#follow();
		for (const line of this.lines) line.text = spelled$1(before, line.path);
	}
	get live() {
		return this.status === "waiting" || this.status === "running";
	}
	get count() {
		this.version;
		return this.lines.reduce((sum, line) => sum + line.path.length, 0);
	}
	get first() {
		this.version;
		return this.#firstAt === null ? null : this.#firstAt - this.#started;
	}
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
	async go() {
		try {
			for await (const part of answer(this.ask.document, this.ask.body, this.#controller.signal)) {
				if (this.status === "waiting") this.status = "running";
				this.#take(part);
				soon(this.#show);
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
		const before = this.trace;
		if (!this.#told) {
			this.#told = begin(part);
			this.trace = this.#told;
			if (before) this.trace = {
				...begin({
					...part,
					rows: [],
					tokens: [],
					vocabulary: {}
				}),
				prompt_tokens: before.prompt_tokens,
				vocabulary: { ...before.vocabulary },
				rows: before.rows,
				tokens: before.tokens
			};
		} else grow(this.#told, part);
		if (this.trace !== this.#told) grow(this.trace, shifted(part, this.forced));
		if (!part.tokens?.length) return;
		this.#tokens += part.tokens.length;
		this.#lastAt = performance.now();
		this.#firstAt ??= this.#lastAt;
		this.progress = "";
		this.#follow();
	}
	#choose({ index, text, delta, finish_reason, stop_reason, constrained }) {
		if (constrained) this.constrained = constrained;
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
	#rewrite(index) {
		this.lines[index] = {
			...this.lines[index],
			path: [],
			pieces: []
		};
		this.#spellers[index] = new Speller();
	}
	#settle() {
		const { trace, forced } = this;
		if (!trace?.tokens.length) return;
		pathsOf(trace).forEach((path, index) => {
			const { lineage } = this.#line(index);
			this.lines[index] = lineOf(trace, [...path], forced, this.#sent[index], lineage);
		});
	}
	#show = () => void this.version++;
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
function stepOf(kind, value) {
	let step = 0;
	while (step < 5 && value >= BORDERS[kind][step]) step++;
	return step;
}
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
function shareOf(row, token, redrawn) {
	const place = row.ids.indexOf(token.id);
	if (place < 0 || place >= redrawn.kept) return 0;
	const whole = redrawn.beyond ? redrawn.mass + redrawn.tail : redrawn.mass;
	return redrawn.probs[place] / whole;
}
function isCut(row, token, redrawn) {
	const place = row.ids.indexOf(token.id);
	if (place >= 0 && place < redrawn.kept) return false;
	return redrawn.beyond && (place < 0 || redrawn.kept < row.ids.length) ? null : true;
}
// src/state/marks.ts
var LOOK = 3.5;
function marker({ view, line }, by, sliders, parts) {
	const trace = view?.trace;
	if (!view || !line || !trace) return () => "";
	const moved = sliders && reaches(trace.temperatures, sliders.temperature) ? sliders : null;
	const memory = new Map();
	function drawn(row) {
		if (!moved) return null;
		const into = memory.get(row.ids.length) ?? new Float64Array(row.ids.length);
		memory.set(row.ids.length, into);
		return redraw(row, trace.temperatures, moved, into);
	}
	return (place) => {
		const token = trace.tokens[line.path[place]], row = trace.rows[token.row];
		const first = token.id === row.ids[0];
		const again = by === "changed" || !first ? drawn(row) : null;
		let marks = by === "none" ? "" : `s${step(by, row, token, again)}`;
		if (again && isCut(row, token, again)) marks += " cut";
		else if (place < view.forced || isForced(row)) marks += " forced";
		else if (row.entropy >= LOOK) marks += " look";
		if (place === parts) marks += " parts";
		return marks;
	};
}
var isForced = (row) => row.kept === 1 && row.steps.some((step) => step.kind === "constraint" && step.removed > 0) && row.tempered.filter((share) => share > 0).length === 1;
// src/core/compare.ts
function common(one, other) {
	let count = 0;
	while (count < one.length && count < other.length && one[count] === other[count]) count++;
	return count;
}
function divergence(one, other) {
	const [mine, theirs] = [tokensOf(one.run, one.text), tokensOf(other.run, other.text)];
	const at = common(mine, theirs);
	if (at === mine.length && at === theirs.length) return null;
	const ids = [mine[at] ?? null, theirs[at] ?? null];
	const rows = [rowAt$1(one, at), rowAt$1(other, at)];
	return {
		at,
		ids,
		rows,
		reason: reason(one, other, ids, rows)
	};
}
function rowAt$1({ run, text }, at) {
	const token = pathsOf(run.trace)[text]?.[at - (run.branch?.tokens.length ?? 0)];
	return token === void 0 ? null : run.trace.rows[run.trace.tokens[token].row];
}
function reason(one, other, ids, rows) {
	const [first, second] = [one.run.trace, other.run.trace];
	if (first.model !== second.model) return `the models differ: ${visible(first.model)} and ${visible(second.model)}`;
	if (rootOf(one.run) !== rootOf(other.run)) return "the prompts differ";
	const [here, there] = ids;
	if (here === null || there === null) return `the ${here === null ? "first" : "second"} text ends here`;
	const [mine, theirs] = rows;
	if (!mine || !theirs) return "a text was begun with this token";
	const drawn = numberOf(first, "temperature") !== 0 && numberOf(second, "temperature") !== 0;
	if (drawn && dice(one) !== dice(other)) return "other random numbers were drawn: the seeds differ, or which sample it is";
	const [before, after] = [share(mine, here), share(theirs, here)];
	const name = `“${spelled(first, here)}”`;
	if (before === null || after === null) return `${name} is not among the tokens that both traces tell of`;
	const change = `the probability of ${name} was ${before.toFixed(2)} in the first and ${after.toFixed(2)} in the second`;
	const cutter = after === 0 ? cutters(theirs) : "";
	if (cutter) return `${change}, because ${cutter} cut it off`;
	const settings = differing(first, second);
	return `${change}${settings ? `, because of ${settings}` : ", and no setting differs"}; ${drawn ? "the same random number fell on" : "the second took"} “${spelled(second, there)}”`;
}
var dice = ({ run, text }) => JSON.stringify([run.trace.seed ?? valueOf(run.trace, "seed"), lineageOf(run, text)]);
var spelled = (trace, id) => visible(trace.vocabulary[id]?.text ?? `token ${id}`);
function share(row, id) {
	const place = row.ids.indexOf(id);
	return place < 0 ? null : row.truncated[place];
}
function cutters(row) {
	return row.steps.filter(({ kind, removed }) => removed > 0 && (kind === "truncation" || kind === "constraint")).map(({ step, kind }) => kind === "constraint" ? "the constraint" : step.replaceAll("_", "-")).join(" or ");
}
function differing(one, other) {
	const told = (trace, name) => visible(JSON.stringify(valueOf(trace, name)) ?? "unset");
	return [...new Set([...Object.keys(one.params), ...Object.keys(other.params)])].sort().filter((name) => told(one, name) !== told(other, name)).map((name) => `${name} ${told(one, name)} and ${told(other, name)}`).join(", ");
}
function meanEntropy(trace, path) {
	if (!path.length) return null;
	return path.reduce((sum, token) => sum + trace.rows[trace.tokens[token].row].entropy, 0) / path.length;
}
function distinct2(ids) {
	const pairs = ids.slice(1).map((id, i) => `${ids[i]} ${id}`);
	return pairs.length ? new Set(pairs).size / pairs.length : null;
}
var Column = class {
	#settings = state({});
	get settings() {
		return get(this.#settings);
	}
	set settings(value) {
		set(this.#settings, value);
	}
	#live = state(null);
	get live() {
		return get(this.#live);
	}
	set live(value) {
		set(this.#live, value);
	}
	#run = state(null);
	get run() {
		return get(this.#run);
	}
	set run(value) {
		set(this.#run, value);
	}
	text = 0;
	constructor(settings, run = null, text = 0) {
		this.settings = settings;
		this.run = run;
		this.text = text;
	}
	view(session) {
		return this.live ?? (this.run && viewOf(session, this.run));
	}
};
var Comparing = class {
	#columns = state([]);
	get columns() {
		return get(this.#columns);
	}
	set columns(value) {
		set(this.#columns, value);
	}
	#linked = state(true);
	get linked() {
		return get(this.#linked);
	}
	set linked(value) {
		set(this.#linked, value, true);
	}
	get names() {
		return [...new Set(this.columns.flatMap((column) => Object.keys(column.settings)))];
	}
	get running() {
		return this.columns.some((column) => column.live?.live);
	}
	add(settings, run = null, text = 0) {
		if (this.columns.length < 4) this.columns = [...this.columns, new Column(settings, run, text)];
	}
	remove(column) {
		column.live?.stop();
		this.columns = this.columns.filter((one) => one !== column);
	}
	stop() {
		for (const column of this.columns) column.live?.stop();
	}
	run(columns, document, settings, keep) {
		const seed = settings.seed ?? Math.floor(Math.random() * 2 ** 31);
		for (const column of columns) {
			column.live?.stop();
			const own = this.linked ? seed : Math.floor(Math.random() * 2 ** 31);
			const all = {
				...settings,
				seed: own,
				...column.settings
			};
			const live = new Live({
				document,
				settings: all,
				body: request(document, all),
				branch: null,
				origin: null
			});
			column.live = live;
			column.run = null;
			column.text = 0;
			live.go().then(() => {
				if (column.live === live) column.run = live.run();
				if (column.run) keep(column.run);
			});
		}
	}
	relation(column) {
		const [first] = this.columns;
		if (!first?.run || !column.run || column === first) return null;
		const [mine, theirs] = [tokensOf(first.run, first.text), tokensOf(column.run, column.text)];
		return {
			common: common(mine, theirs),
			divergence: divergence({
				run: first.run,
				text: first.text
			}, {
				run: column.run,
				text: column.text
			})
		};
	}
};
function measured(view, text) {
	const path = view.lines[text]?.path;
	if (!view.trace || !path) return {
		entropy: null,
		distinct: null
	};
	return {
		entropy: meanEntropy(view.trace, path),
		distinct: distinct2(path.map((index) => view.trace.tokens[index].id))
	};
}
// src/core/store.ts
var NAME = "ponder";
var STORES = [
	"sessions",
	"runs",
	"prompts"
];
var UPGRADES = [(database) => STORES.forEach((name) => database.createObjectStore(name, { keyPath: "id" }))];
var StorageFull = class extends Error {
	constructor() {
		super("the browser has no room left: nothing more is saved until there is; export what you need");
	}
};
var Store = class Store {
	#database;
	#channel;
	#revisions = new Map();
	#persisted;
	constructor(database) {
		this.#database = database;
		this.#channel = new BroadcastChannel(NAME);
		database.onversionchange = () => database.close();
	}
	static async open(upgrades = UPGRADES) {
		const request = indexedDB.open(NAME, upgrades.length);
		request.onupgradeneeded = ({ oldVersion }) => {
			for (const upgrade of upgrades.slice(oldVersion)) upgrade(request.result, request.transaction);
		};
		return new Store(await result(request));
	}
	onChange(call) {
		this.#channel.onmessage = ({ data }) => call(String(data));
	}
	async sessions() {
		return (await result(this.#database.transaction("sessions").objectStore("sessions").getAll())).map(({ id, title, made, changed, document, runs }) => ({
			id,
			title,
			made,
			changed,
			document,
			runs: runs.length
		})).sort((one, other) => other.changed - one.changed);
	}
	async load(id) {
		const transaction = this.#database.transaction(["sessions", "runs"]);
		const kept = await result(transaction.objectStore("sessions").get(id));
		if (!kept) return null;
		const { runs, changed: _, revision, ...session } = kept;
		this.#revisions.set(id, revision);
		const found = await Promise.all(runs.map((run) => result(transaction.objectStore("runs").get(run))));
		return {
			...session,
			runs: found.filter((run) => run !== void 0)
		};
	}
	async save(session) {
		this.#persisted ??= navigator.storage?.persist?.().catch(() => false);
		let revision = 0;
		await this.#write(["sessions", "runs"], async (transaction) => {
			const [sessions, runs] = [transaction.objectStore("sessions"), transaction.objectStore("runs")];
			const before = await result(sessions.get(session.id));
			for (const run of session.runs) if (await result(runs.getKey(run.id)) === void 0) runs.add(run);
			const seen = this.#revisions.get(session.id) ?? 0;
			const theirs = before && before.revision !== seen ? before.runs : [];
			revision = (before?.revision ?? 0) + 1;
			const ids = [...new Set([...theirs, ...session.runs.map(({ id }) => id)])];
			sessions.put({
				...session,
				runs: ids,
				changed: Date.now(),
				revision
			});
		});
		this.#revisions.set(session.id, revision);
		this.#channel.postMessage(session.id);
	}
	async remove(id) {
		await this.#write(["sessions"], async (transaction) => void transaction.objectStore("sessions").delete(id));
		this.#channel.postMessage(id);
	}
	async sweep() {
		let swept = 0;
		await this.#write(["sessions", "runs"], async (transaction) => {
			const kept = await result(transaction.objectStore("sessions").getAll());
			const needed = new Set(kept.flatMap(({ runs }) => runs));
			const idle = (await result(transaction.objectStore("runs").getAllKeys())).filter((key) => !needed.has(String(key)));
			for (const key of idle) transaction.objectStore("runs").delete(key);
			swept = idle.length;
		});
		return swept;
	}
	async prompts() {
		return result(this.#database.transaction("prompts").objectStore("prompts").getAll());
	}
	async savePrompt(prompt) {
		await this.#write(["prompts"], async (transaction) => void transaction.objectStore("prompts").put(prompt));
	}
	async removePrompt(id) {
		await this.#write(["prompts"], async (transaction) => void transaction.objectStore("prompts").delete(id));
	}
	close() {
		this.#channel.close();
		this.#database.close();
	}
	async #write(names, change) {
		const transaction = this.#database.transaction(names, "readwrite");
		const done = new Promise((resolve, reject) => {
			transaction.oncomplete = () => resolve();
			transaction.onabort = () => reject(transaction.error);
		});
		let failed = null;
		change(transaction).catch((error) => {
			failed = error;
			if (transaction.error === null) transaction.abort();
		});
		await done.catch((error) => {
			const cause = error ?? failed;
			throw cause instanceof DOMException && cause.name === "QuotaExceededError" ? new StorageFull() : cause;
		});
	}
};
function result(request) {
	return new Promise((resolve, reject) => {
		request.onsuccess = () => resolve(request.result);
		request.onerror = () => reject(request.error ?? new Error("the browser's storage failed"));
	});
}
// src/state/library.svelte.ts
var DELAY = 600;
var Library = class {
	#sessions = state([]);
	get sessions() {
		return get(this.#sessions);
	}
	set sessions(value) {
		set(this.#sessions, value);
	}
	#prompts = state([]);
	get prompts() {
		return get(this.#prompts);
	}
	set prompts(value) {
		set(this.#prompts, value);
	}
	#problem = state("");
	get problem() {
		return get(this.#problem);
	}
	set problem(value) {
		set(this.#problem, value, true);
	}
	#store;
	#timer = 0;
	#saved = null;
	#waiting = null;
	constructor() {
		this.#store = Store.open();
		this.#store.then((store) => {
			store.onChange(() => void this.refresh());
			return this.refresh();
		}).catch((error) => this.problem = `this browser keeps nothing: ${sentence(error)}`);
	}
	async refresh() {
		const store = await this.#store;
		this.sessions = await store.sessions();
		this.prompts = await store.prompts();
	}
	keep(session) {
		if (session === this.#saved) return;
		this.#waiting = session;
		clearTimeout(this.#timer);
		this.#timer = window.setTimeout(() => void this.flush(), DELAY);
	}
	async flush() {
		const session = this.#waiting;
		if (!session) return;
		this.#waiting = null;
		await this.#try(async (store) => {
			await store.save(session);
			this.#saved = session;
			if (this.sessions.length === 0) navigator.storage?.persist?.();
		});
	}
	async load(id) {
		const session = await (await this.#store).load(id);
		this.#saved = session;
		return session;
	}
	async remove(id) {
		await this.#try((store) => store.remove(id));
	}
	async sweep() {
		await this.#try(async (store) => void await store.sweep());
	}
	async savePrompt(name, { document, settings }) {
		const before = this.prompts.find((one) => one.name === name);
		const version = {
			made: Date.now(),
			document,
			settings
		};
		await this.#try((store) => store.savePrompt({
			id: before?.id ?? identifier(),
			name,
			versions: [...before?.versions ?? [], version]
		}));
	}
	async removePrompt(id) {
		await this.#try((store) => store.removePrompt(id));
	}
	async #try(change) {
		try {
			await change(await this.#store);
			this.problem = "";
			await this.refresh();
		} catch (error) {
			this.problem = error instanceof StorageFull ? error.message : `this could not be saved: ${sentence(error)}`;
		}
	}
};
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
	known;
	#tell;
	constructor() {
		this.known = new Promise((resolve) => this.#tell = resolve);
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
	async unlock(key$1) {
		key.set(key$1);
		await this.#look();
		return this.state === "ready";
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
			this.#tell();
		} catch (error) {
			this.reason = sentence(error);
			const asked = error instanceof ApiError && error.status === UNAUTHORISED;
			this.state = asked ? "key" : "loading";
			this.keyRefused = asked && key.get() !== null;
		}
	}
};
// src/state/solving.svelte.ts
var Solving = class {
	#problem = state("");
	get problem() {
		return get(this.#problem);
	}
	set problem(value) {
		set(this.#problem, value, true);
	}
	#reference = state("");
	get reference() {
		return get(this.#reference);
	}
	set reference(value) {
		set(this.#reference, value, true);
	}
	#strategy = state("best-of-n");
	get strategy() {
		return get(this.#strategy);
	}
	set strategy(value) {
		set(this.#strategy, value, true);
	}
	#reward = state("");
	get reward() {
		return get(this.#reward);
	}
	set reward(value) {
		set(this.#reward, value, true);
	}
	#settings = state({});
	get settings() {
		return get(this.#settings);
	}
	set settings(value) {
		set(this.#settings, value);
	}
	#samples = state(8);
	get samples() {
		return get(this.#samples);
	}
	set samples(value) {
		set(this.#samples, value, true);
	}
	#tokens = state(2048);
	get tokens() {
		return get(this.#tokens);
	}
	set tokens(value) {
		set(this.#tokens, value, true);
	}
	#seconds = state(null);
	get seconds() {
		return get(this.#seconds);
	}
	set seconds(value) {
		set(this.#seconds, value, true);
	}
	#status = state("");
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
	#texts = state([]);
	get texts() {
		return get(this.#texts);
	}
	set texts(value) {
		set(this.#texts, value);
	}
	#_nodes = state([]);
	get nodes() {
		return get(this.#_nodes);
	}
	set nodes(value) {
		set(this.#_nodes, value);
	}
	#best = state(null);
	get best() {
		return get(this.#best);
	}
	set best(value) {
		set(this.#best, value);
	}
	#ledger = state(null);
	get ledger() {
		return get(this.#ledger);
	}
	set ledger(value) {
		set(this.#ledger, value);
	}
	#answer = state(null);
	get answer() {
		return get(this.#answer);
	}
	set answer(value) {
		set(this.#answer, value);
	}
	#scale = state(null);
	get scale() {
		return get(this.#scale);
	}
	set scale(value) {
		set(this.#scale, value, true);
	}
	#controller = null;
	#nodes = new Map();
	get body() {
		const budget = {
			n: this.samples,
			...this.tokens && { max_generated_tokens: this.tokens },
			...this.seconds && { seconds: this.seconds }
		};
		return {
			problem: this.problem,
			...this.reference && { answer: this.reference },
			strategy: this.strategy,
			...Object.keys(this.settings).length && { settings: this.settings },
			...this.reward && { reward: this.reward },
			budget
		};
	}
	stop() {
		if (this.status === "running") this.status = "stopped";
		this.#controller?.abort();
	}
	async run(sampling, constraint) {
		this.status = "running";
		this.error = "";
		[this.texts, this.nodes, this.best, this.ledger, this.answer] = [
			[],
			[],
			null,
			null,
			null
		];
		this.#nodes.clear();
		this.#controller = new AbortController();
		try {
			const body = {
				...this.body,
				...Object.keys(sampling).length && { sampling },
				...constraint ? { constraint } : {}
			};
			for await (const part of solve(body, this.#controller.signal)) this.#take(part);
			this.status = "done";
		} catch (error) {
			if (this.status !== "running") return;
			this.status = "failed";
			this.error = sentence(error);
		}
	}
	#take(part) {
		if (part.ledger) this.ledger = part.ledger;
		if (part.type === "begin") this.scale = part.reward?.scale ?? null;
		if (part.type === "progress") {
			const told = part.texts;
			this.texts = told.map(({ same, text }, index) => (this.texts[index] ?? "").slice(0, same) + text);
			if (part.best) this.best = part.best;
		}
		if (part.type === "tree") {
			for (const node of part.nodes) this.#nodes.set(node.node, {
				...this.#nodes.get(node.node),
				...node
			});
			this.nodes = [...this.#nodes.values()];
		}
		if (part.type === "answer") this.answer = part;
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
	library = new Library();
	compare = new Comparing();
	solve = new Solving();
	theme = remembered("theme", "system");
	colour = remembered("colour", "entropy");
	settingsOpen = remembered("settings-open", true);
	#last = remembered("session", null);
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
	#notice = state("");
	get notice() {
		return get(this.#notice);
	}
	set notice(value) {
		set(this.#notice, value, true);
	}
	#other = state(null);
	get other() {
		return get(this.#other);
	}
	set other(value) {
		set(this.#other, value);
	}
	get session() {
		return get(this.#history).present;
	}
	get mode() {
		return this.solving ? "solve" : this.session.document.kind;
	}
	get document() {
		const { document } = this.session;
		if (document.kind === "completion" || !this.draft.trim()) return document;
		const text = this.answer?.line?.text;
		const before = text === void 0 ? document : answered(document, text);
		return {
			kind: "chat",
			messages: [...before.kind === "chat" ? before.messages : [], {
				role: "user",
				content: this.draft
			}]
		};
	}
	get system() {
		const { document } = this.session;
		return document.kind === "chat" && document.messages[0]?.role === "system" ? document.messages[0].content : "";
	}
	#answer = user_derived(() => {
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
	});
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
				begun: "",
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
		const written = goesOn ? get(this.#written).slice(0, -1) : get(this.#written);
		const begun = goesOn ? last.text : "";
		return [...written, {
			id: "answer",
			role,
			text: begun + (answer.line?.text ?? ""),
			begun,
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
		const { trace, path } = here, { forced } = here.view;
		const found = parting(trace, path.slice(forced), {
			...here.dice,
			start: forced
		}, this.sliders);
		const unknown = found.unknown && {
			...found.unknown,
			at: found.unknown.at + forced
		};
		const other = found.other && {
			...found.other,
			at: found.other.at + forced
		};
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
	#branches = user_derived(() => {
		const { document, runs } = this.session;
		const asked = JSON.stringify(document);
		return runs.filter((run) => JSON.stringify(run.document) === asked).flatMap((run) => viewOf(this.session, run).lines.map((_, text) => ({
			run: run.id,
			text
		})));
	});
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
	get run() {
		const { place } = this.session;
		return place && runOf(this.session, place.run);
	}
	get seed() {
		const trace = this.answer?.view.trace;
		return trace?.seed ?? (trace ? numberOf(trace, "seed") : void 0) ?? null;
	}
	get files() {
		const { session } = this;
		const { run } = this;
		const text = this.answer?.line?.text;
		return {
			session: () => sessionFile(session),
			trace: run ? () => traceFile(run) : null,
			text: text === void 0 ? null : () => text,
			messages: text === void 0 ? null : () => messagesFile(session.document, text)
		};
	}
	get running() {
		return (this.live?.live ?? false) || this.solve.status === "running";
	}
	get constrained() {
		const { live } = this;
		this.version;
		const told = live && live.id === this.shown?.view?.id ? live.constrained : null;
		return told ? `It rewound ${told.rewinds ?? 0} times and refused ${told.refused ?? 0} tokens.` : "";
	}
	get parameters() {
		return this.server.info?.parameters ?? [];
	}
	get empty() {
		const { document } = this;
		return document.kind === "chat" && !document.messages.some((one) => one.role !== "system");
	}
	#cannotRun = user_derived(() => {
		if (this.running) return "something runs already";
		if (this.server.state === "key") return "the server asks for a key";
		if (this.server.state !== "ready") return "the server is not ready";
		return this.empty ? "write a message first" : "";
	});
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
	start() {
		const leave = () => {
			this.stop();
			const run = this.live?.run();
			if (run && this.live && !runOf(this.session, run.id)) this.#take(this.live);
			this.library.flush();
		};
		const follow = () => void this.#follow(location.hash);
		addEventListener("pagehide", leave);
		addEventListener("hashchange", follow);
		this.#restore();
		const unwatch = this.server.watch();
		return () => {
			removeEventListener("pagehide", leave);
			removeEventListener("hashchange", follow);
			unwatch();
		};
	}
	async #restore() {
		const id = this.#last.value;
		const session = id === null ? null : await this.library.load(id).catch(() => null);
		if (session && !this.session.runs.length && !this.draft) this.show(session);
		await this.#follow(location.hash);
	}
	async #follow(hash) {
		try {
			const shared = await opened(hash);
			if (!shared) return;
			history.replaceState(null, "", location.pathname + location.search);
			this.fill({
				document: shared.document,
				settings: {
					...shared.settings,
					...shared.seed !== void 0 && { seed: shared.seed }
				}
			});
			await this.server.known;
			const mine = this.server.info?.model.fingerprint;
			const same = mine != null && mine === shared.fingerprint;
			this.notice = same ? "A link filled the form. This is the same model, so Run gives the same text, token for token." : "A link filled the form. It came from another model than this one, so the text may be another.";
		} catch (error) {
			if (!(error instanceof FormError)) throw error;
			this.notice = `This link cannot be opened: ${sentence(error)}.`;
		}
	}
	change(session, kind = null) {
		set(this.#history, changed(get(this.#history), session, kind));
		if (!session.runs.length) return;
		this.library.keep(session);
		this.#last.value = session.id;
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
	async unlock(key) {
		if (await this.server.unlock(key)) this.close();
	}
	show(session) {
		this.stop();
		if (this.live) this.#take(this.live);
		this.library.flush();
		set(this.#history, started(session));
		this.solving = false;
		this.live = null;
		this.selected = null;
		this.whatIf = null;
		this.draft = "";
		this.notice = "";
	}
	fill({ document, settings }) {
		this.show(begun(document, settings));
	}
	compareWith(place) {
		this.other = place;
		this.open("compare");
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
	send() {
		if (this.cannotRun) return;
		const { document } = this;
		if (document !== this.session.document) this.change(edited(this.session, {
			document,
			place: null
		}));
		this.draft = "";
		this.#run(document, this.session.settings, null, null);
	}
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
		this.solve.stop();
	}
	keep(run) {
		this.change({
			...grown(this.session, run),
			place: this.session.place ?? {
				run: run.id,
				text: 0
			}
		});
	}
	solveNow() {
		this.tab = "search";
		this.say("started");
		const { constraint, ...settings } = this.session.settings;
		const sampled = this.parameters.filter((one) => ![
			"search",
			"speculation",
			"mixture"
		].includes(one.group)).map((one) => one.name);
		const sampling = Object.fromEntries(Object.entries(settings).filter(([name]) => sampled.includes(name) && name !== "n"));
		this.solve.run(sampling, constraint).then(() => this.say(this.solve.error || `solve ${this.solve.status}`));
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
	#take(live) {
		const run = live.run();
		if (!run || runOf(this.session, run.id)) return;
		remember(run, live);
		this.change(grown(this.session, run));
	}
	#ended(live) {
		if (this.live === live) this.#take(live);
		this.say(live.status === "failed" ? live.error : `${live.status}, ${live.count} tokens`);
	}
};
function answers(document, messages, at) {
	return document.kind === "chat" && document.messages.length === at && JSON.stringify(document.messages) === JSON.stringify(messages.slice(0, at));
}
// src/panes/BottomBar.svelte
var root$48 = from_html(`<button class="sdjcp"> </button>`);
var root_1$40 = from_html(`<nav aria-label="Panes" class="sdjcp"></nav>`);
function BottomBar($$anchor, $$props) {
	push($$props, true);
	const VIEWS = {
		text: "Text",
		choice: "Choice",
		tree: "Tree",
		settings: "Settings",
		more: "More"
	};
	var nav = root_1$40();
	each(nav, 21, () => Object.entries(VIEWS), ([view, title]) => view, ($$anchor, $$item) => {
		var $$array = user_derived(() => to_array(get($$item), 2));
		let view = () => get($$array)[0];
		let title = () => get($$array)[1];
		var button = root$48();
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
var root$47 = from_html(`<dialog><div class="frame s17kx"><header class="s17kx"><h2> </h2> <button class="plain" aria-label="Close">✕</button></header> <div class="body s17kx"><!></div></div></dialog>`);
function Dialog($$anchor, $$props) {
	const id = props_id();
	push($$props, true);
	let wide = prop($$props, "wide", 3, false);
	function open(dialog) {
		const before = document.activeElement;
		dialog.showModal();
		dialog.querySelector(".body :is(input, select, textarea, button, [tabindex='0']):enabled")?.focus();
		return () => {
			if (before instanceof HTMLElement) before.focus();
		};
	}
	function outside(event) {
		if (event.target === event.currentTarget) event.currentTarget.close();
	}
	var dialog_1 = root$47();
	let classes;
	var div = child(dialog_1);
	var header = child(div);
	var h2 = child(header);
	var text = only_child(h2, true);
	var button = sibling(h2, 2);
	reset(header);
	var div_1 = sibling(header, 2);
	var node = child(div_1);
	snippet$1(node, () => $$props.children);
	reset(div_1);
	reset(div);
	reset(dialog_1);
	attach(dialog_1, () => open);
	template_effect(() => {
		set_attribute(dialog_1, "aria-labelledby", `${id}-title`);
		classes = set_class(dialog_1, 1, "s17kx", null, classes, { wide: wide() });
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
	pop();
}
delegate(["click"]);
// src/ui/Finder.svelte
var root$46 = from_html(`<li role="option" tabindex="-1" class="su5wl"><!></li>`);
var root_1$39 = from_html(`<ul role="listbox" class="su5wl"></ul>`);
var root_2$32 = from_html(`<p class="muted">Nothing has this in its name.</p>`);
var root_3$27 = from_html(`<input type="search" role="combobox" autocomplete="off"/> <!>`, 1);
function Finder($$anchor, $$props) {
	const id = props_id();
	push($$props, true);
	let refused = prop($$props, "refused", 3, () => "");
	let text = state("");
	let at = state(0);
	const found = user_derived(() => $$props.items.filter((one) => $$props.nameOf(one).toLowerCase().includes(get(text).toLowerCase())));
	function take(index) {
		if (get(found)[index] !== void 0 && !refused()(get(found)[index])) $$props.ontake(get(found)[index]);
	}
	function key(event) {
		if (event.key === "ArrowDown") set(at, Math.min(get(at) + 1, get(found).length - 1), true);
		else if (event.key === "ArrowUp") set(at, Math.max(get(at) - 1, 0), true);
		else if (event.key === "Enter") take(get(at));
		else return;
		event.preventDefault();
		document.getElementById(`${id}-${get(at)}`)?.scrollIntoView({ block: "nearest" });
	}
	var fragment = root_3$27();
	var input = first_child(fragment);
	remove_input_defaults(input);
	var node = sibling(input, 2);
	var consequent = ($$anchor) => {
		var ul = root_1$39();
		each(ul, 22, () => get(found), (one) => one, ($$anchor, one, index) => {
			var li = root$46();
			var node_1 = child(li);
			snippet$1(node_1, () => $$props.item, () => one);
			reset(li);
			template_effect(($0) => {
				set_attribute(li, "id", `${id}-${get(index) ?? ""}`);
				set_attribute(li, "aria-selected", get(index) === get(at));
				set_attribute(li, "aria-disabled", $0);
			}, [() => refused()(one) !== ""]);
			delegated("click", li, () => take(get(index)));
			append($$anchor, li);
		});
		reset(ul);
		template_effect(() => {
			set_attribute(ul, "id", `${id}-list`);
			set_attribute(ul, "aria-label", $$props.label);
		});
		append($$anchor, ul);
	};
	var alternate = ($$anchor) => {
		var p = root_2$32();
		template_effect(() => set_attribute(p, "id", `${id}-list`));
		append($$anchor, p);
	};
	if_block(node, ($$render) => {
		if (get(found).length) $$render(consequent);
		else $$render(alternate, -1);
	});
	template_effect(() => {
		set_attribute(input, "aria-label", $$props.label);
		set_attribute(input, "aria-expanded", get(found).length > 0);
		set_attribute(input, "aria-controls", `${id}-list`);
		set_attribute(input, "aria-activedescendant", get(found)[get(at)] ? `${id}-${get(at)}` : void 0);
		set_attribute(input, "placeholder", $$props.label);
	});
	delegated("input", input, () => set(at, 0));
	delegated("keydown", input, key);
	bind_value(input, () => get(text), ($$value) => set(text, $$value));
	append($$anchor, fragment);
	pop();
}
delegate([
	"input",
	"keydown",
	"click"
]);
// src/ui/numbers.ts
var COUNT = new Intl.NumberFormat("en");
var count = (value) => COUNT.format(value);
function percent(share) {
	if (share === 0) return "0 %";
	if (share < 1e-4) return "< 0.01 %";
	if (share > .9999 && share < 1) return "> 99.99 %";
	return `${(100 * share).toFixed(share < .01 ? 2 : 1)} %`;
}
var fixed = (value, digits = 3) => (Object.is(value, -0) || Math.abs(value) < 10 ** -digits / 2 ? 0 : value).toFixed(digits).replace("-", "−");
var short = (value) => String(Number(value.toPrecision(6)));
var plural = (number, noun) => `${count(number)} ${noun}${number === 1 ? "" : "s"}`;
// src/panes/Alternatives.svelte
var root$45 = from_html(`<p> </p>`);
var root_1$38 = from_html(`<span class="tiny">chosen</span>`);
var root_2$31 = from_html(`<span class="mono grow"> </span><!><span> </span>`, 1);
var root_3$26 = from_html(`<!> <!>`, 1);
function Alternatives($$anchor, $$props) {
	push($$props, true);
	const all = user_derived(() => {
		const { here } = $$props.page;
		if (!here) return [];
		const { row, token, trace } = here;
		return row.ids.map((id, index) => ({
			id,
			label: visible(trace.vocabulary[id].text),
			share: row.tempered[index],
			chosen: id === token.id
		})).filter((one) => one.share > 0);
	});
	Dialog($$anchor, {
		title: "Go on with another token",
		get onclose() {
			return $$props.onclose;
		},
		children: ($$anchor, $$slotProps) => {
			var fragment_1 = root_3$26();
			var node = first_child(fragment_1);
			var consequent = ($$anchor) => {
				var p = root$45();
				var text = only_child(p);
				template_effect(() => set_text(text, `Not now: ${$$props.page.cannotBranch ?? ""}.`));
				append($$anchor, p);
			};
			if_block(node, ($$render) => {
				if ($$props.page.cannotBranch) $$render(consequent);
			});
			var node_1 = sibling(node, 2);
			{
				const item = ($$anchor, one = noop) => {
					var fragment_2 = root_2$31();
					var span = first_child(fragment_2);
					var text_1 = only_child(span, true);
					var node_2 = sibling(span);
					var consequent_1 = ($$anchor) => {
						var span_1 = root_1$38();
						append($$anchor, span_1);
					};
					if_block(node_2, ($$render) => {
						if (one().chosen) $$render(consequent_1);
					});
					var span_2 = sibling(node_2);
					var text_2 = only_child(span_2, true);
					template_effect(($0) => {
						set_text(text_1, one().label);
						set_text(text_2, $0);
					}, [() => percent(one().share)]);
					append($$anchor, fragment_2);
				};
				Finder(node_1, {
					label: "Find a token",
					get items() {
						return get(all);
					},
					nameOf: (one) => one.label,
					refused: () => $$props.page.cannotBranch,
					ontake: (one) => {
						$$props.onclose();
						$$props.page.branchTo(one.id);
					},
					item,
					$$slots: { item: true }
				});
			}
			append($$anchor, fragment_1);
		},
		$$slots: { default: true }
	});
	pop();
}
// src/core/code.ts
var LANGUAGES = [
	"curl",
	"openai",
	"ponder",
	"javascript"
];
var INTERFACES = [
	"chat",
	"completions",
	"responses"
];
var PATHS = {
	chat: "v1/chat/completions",
	completions: "v1/completions",
	responses: "v1/responses"
};
var CALLS = {
	chat: "chat.completions",
	completions: "completions",
	responses: "responses"
};
var TEXTS = {
	chat: "choices[0].message.content",
	completions: "choices[0].text",
	responses: "output_text"
};
var OUTPUT = "output.find(({ type }) => type === \"message\").content[0].text";
var COMMON = [
	"model",
	"temperature",
	"top_p"
];
var GENERATING = [
	...COMMON,
	"frequency_penalty",
	"presence_penalty",
	"logit_bias",
	"max_tokens",
	"n",
	"seed",
	"stop"
];
var NAMED = {
	chat: [
		...GENERATING,
		"messages",
		"response_format"
	],
	completions: [...GENERATING, "prompt"],
	responses: [
		...COMMON,
		"input",
		"max_output_tokens"
	]
};
function snippet(language, face, subject) {
	if (language === "ponder") return {
		code: ponder(face, subject),
		note: noteOf(face, subject)
	};
	const body = bodyOf(face, subject);
	return {
		code: {
			curl,
			openai,
			javascript
		}[language](face, body, subject),
		note: noteOf(face, subject)
	};
}
function noteOf(face, { document, settings, prompt }) {
	if (document.kind === "completion") return face === "completions" ? null : "the prompt is sent as a message, so the model sees another text";
	if (face === "responses" && document.messages.at(-1)?.role === "assistant") return "Responses has no way to go on with an answer that was begun";
	if (face === "responses" && settings.n !== void 0 && settings.n !== 1) return "Responses gives one text";
	return face === "completions" && prompt === null ? "run it once: the text that the model sees is not known yet" : null;
}
function documentFor(face, { document, prompt }) {
	if (face === "completions" && document.kind === "chat") return {
		kind: "completion",
		prompt: prompt ?? document.messages.map(({ content }) => content).join("\n")
	};
	if (face !== "completions" && document.kind === "completion") return {
		kind: "chat",
		messages: [{
			role: "user",
			content: document.prompt
		}]
	};
	return document;
}
function sent(face, { document, settings }) {
	return face === "completions" && document.kind === "chat" ? {
		...settings,
		add_special_tokens: false
	} : settings;
}
function bodyOf(face, subject) {
	const document = documentFor(face, subject);
	const settings = sent(face, subject);
	if (face !== "responses") return {
		model: subject.model,
		...asked(document),
		...settings
	};
	const { messages } = asked(document);
	const { max_tokens, n: _, ...others } = settings;
	return {
		model: subject.model,
		input: messages,
		...others,
		...max_tokens === void 0 ? {} : { max_output_tokens: max_tokens }
	};
}
function curl(face, body, { address, key }) {
	const secret = key ? `  -H "Authorization: Bearer $PONDER_API_KEY" \\\n` : "";
	return `curl ${shell(address + PATHS[face])} \\\n  -H 'Content-Type: application/json' \\\n${secret}  -d ${shell(json(body, 2))}\n`;
}
function javascript(face, body, { address, key }) {
	const secret = key ? ", Authorization: `Bearer ${process.env.PONDER_API_KEY}`" : "";
	return `const response = await fetch(${json(address + PATHS[face])}, {
  method: "POST",
  headers: { "Content-Type": "application/json"${secret} },
  body: JSON.stringify(${json(body, 2).replaceAll("\n", "\n  ")}),
});
const answer = await response.json();
console.log(answer.${face === "responses" ? OUTPUT : TEXTS[face]});
`;
}
function openai(face, body, { address, key }) {
	const named = Object.entries(body).filter(([name]) => NAMED[face].includes(name));
	const others = Object.entries(body).filter(([name]) => !NAMED[face].includes(name));
	const members = [...named, ...others.length ? [["extra_body", Object.fromEntries(others)]] : []];
	return `${key ? "import os\n\n" : ""}from openai import OpenAI

client = OpenAI(base_url=${python(`${address}v1`)}, api_key=${key ? "os.environ[\"PONDER_API_KEY\"]" : "\"none\""})
answer = client.${CALLS[face]}.create(
${members.map(([name, value]) => `    ${name}=${python(value, 4)},\n`).join("")})
print(answer.${TEXTS[face]})
`;
}
function ponder(face, subject) {
	const { kind } = subject.document;
	const document = documentFor(face, subject);
	const prompt = document.kind === "completion" ? document.prompt : asked(document).messages;
	const told = document.kind === "completion" ? [["chat", "False"]] : [];
	if (document.kind === "chat" && document.messages.at(-1)?.role === "assistant") told.push(["continue_final_message", "True"]);
	if (face === "completions" && kind === "chat") told.push(["add_special_tokens", "False"]);
	const [imports, made] = [["import ponder"], new Map()];
	for (const [name, value] of Object.entries(subject.settings)) if (name === "bad_words") told.push(["ban", python(value, 4)]);
	else if (name === "logit_bias" || name === "sequence_bias") told.push([name, biases(value)]);
	else if (name === "constraint") made.set("constraint", value);
	else if (subject.decoders.includes(name)) made.set("decoder", {
		...made.get("decoder"),
		[name]: value
	});
	else if (subject.mixtures.includes(name)) made.set("mixture", {
		...made.get("mixture"),
		[name]: value
	});
	else told.push([name, python(value, 4)]);
	for (const [name, settings] of made) {
		imports.push(`from ponder.${name === "constraint" ? "constraints" : "decoders.named"} import ${name}_of`);
		told.push([name, `${name}_of(${python(settings, 4)})`]);
	}
	const options = told.map(([name, value]) => `    ${name}=${value},\n`).join("");
	return `${imports.join("\n")}\n\nlm = ponder.load(${python(subject.model)})\nanswer = lm(\n    ${python(prompt, 4)},\n${options})\nprint(answer.text)\n`;
}
function biases(value) {
	const pairs = Array.isArray(value) ? value : Object.entries(value);
	const key = (of) => Array.isArray(of) ? `(${of.map(Number).join(", ")},)` : String(Number(of));
	return `{${pairs.map(([of, bias]) => `${key(of)}: ${Number(bias)}`).join(", ")}}`;
}
function shell(text) {
	return `'${text.replaceAll("'", `'\\''`)}'`;
}
var UNPRINTED = /[\p{C}\p{Zl}\p{Zp}]/gu;
var unit = (code) => `\\u${code.toString(16).padStart(4, "0")}`;
function json(value, indent = 0) {
	return JSON.stringify(value, null, indent).replace(UNPRINTED, (hidden) => hidden === "\n" ? hidden : Array.from({ length: hidden.length }, (_, i) => unit(hidden.charCodeAt(i))).join(""));
}
function python(value, indent = 0) {
	if (value === null || value === void 0) return "None";
	if (typeof value === "boolean") return value ? "True" : "False";
	if (typeof value === "string") return quoted(value);
	if (typeof value !== "object") return String(value);
	const members = Array.isArray(value) ? value.map((one) => python(one, indent + 4)) : Object.entries(value).map(([name, one]) => `${quoted(name)}: ${python(one, indent + 4)}`);
	const [open, close] = Array.isArray(value) ? "[]" : "{}";
	const line = open + members.join(", ") + close;
	if (line.length + indent <= 88 && !line.includes("\n")) return line;
	const space = " ".repeat(indent);
	return `${open}\n${members.map((one) => `${space}    ${one},\n`).join("")}${space}${close}`;
}
function quoted(text) {
	const escapes = {
		"\n": "\\n",
		"\r": "\\r",
		"	": "\\t"
	};
	return `"${text.replaceAll("\\", "\\\\").replaceAll("\"", "\\\"").replace(UNPRINTED, (hidden) => {
		const code = hidden.codePointAt(0) ?? 0;
		return escapes[hidden] ?? (code > 65535 ? `\\U${code.toString(16).padStart(8, "0")}` : unit(code));
	})}"`;
}
// src/ui/files.ts
function save(name, text, type = "application/json") {
	const link = document.createElement("a");
	link.href = URL.createObjectURL(new Blob([text], { type }));
	link.download = name;
	link.click();
	setTimeout(() => URL.revokeObjectURL(link.href), 1e4);
}
async function copy(text) {
	try {
		await navigator.clipboard.writeText(text);
		return true;
	} catch {
		return false;
	}
}
// src/ui/Copy.svelte
var root$44 = from_html(`<button> </button> <span class="spoken" role="status"> </span>`, 1);
function Copy($$anchor, $$props) {
	push($$props, true);
	let label = prop($$props, "label", 3, "Copy");
	let said = state("");
	async function take() {
		set(said, await copy($$props.text) ? "Copied" : "Not copied: choose the text and copy it", true);
		setTimeout(() => set(said, ""), 2500);
	}
	var fragment = root$44();
	var button = first_child(fragment);
	var text_1 = only_child(button, true);
	var span = sibling(button, 2);
	var text_2 = only_child(span, true);
	template_effect(() => {
		set_text(text_1, get(said) || label());
		set_text(text_2, get(said));
	});
	delegated("click", button, take);
	append($$anchor, fragment);
	pop();
}
delegate(["click"]);
// src/ui/Tabs.svelte
var root$43 = from_html(`<button role="tab" class="s112v"> </button>`);
var root_1$37 = from_html(`<div role="tablist" tabindex="-1" class="s112v"></div>`);
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
	var div = root_1$37();
	each(div, 20, () => get(order), (name) => name, ($$anchor, name) => {
		var button = root$43();
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
// src/panes/Code.svelte
var root$42 = from_html(`<option> </option>`);
var root_1$36 = from_html(`<p class="small muted"> </p>`);
var root_2$30 = from_html(`<div class="row"><!> <span class="grow"></span> <label class="row small">Interface <select></select></label> <!></div> <div id="code" role="tabpanel" tabindex="0" class="spgtn"><pre class="spgtn"> </pre></div> <!> <p class="small muted">It has only what differs from the server's defaults, and the seed of the last run.</p>`, 1);
function Code($$anchor, $$props) {
	push($$props, true);
	const NAMES = {
		curl: "curl",
		openai: "openai (Python)",
		ponder: "ponder (Python)",
		javascript: "JavaScript"
	};
	const FACES = {
		chat: "Chat",
		completions: "Completions",
		responses: "Responses"
	};
	let language = state("curl");
	let face = state(proxy($$props.page.mode === "completion" ? "completions" : "chat"));
	const features = user_derived(() => $$props.page.server.info?.features);
	const seed = user_derived(() => $$props.page.seed);
	const told = user_derived(() => snippet(get(language), get(face), {
		document: $$props.page.session.document,
		settings: {
			...differing$1($$props.page.session.settings, $$props.page.parameters),
			...get(seed) === null ? {} : { seed: get(seed) }
		},
		model: $$props.page.server.info?.model.name ?? "",
		address: new URL(".", location.href).href.replace(/[#?].*/, ""),
		key: $$props.page.server.info?.key_required ?? false,
		prompt: $$props.page.answer?.view.trace?.prompt ?? null,
		decoders: get(features)?.decoders.flatMap((one) => one.settings) ?? [],
		mixtures: get(features)?.mixtures.flatMap((one) => one.settings) ?? []
	}));
	Dialog($$anchor, {
		title: "Code",
		wide: true,
		get onclose() {
			return $$props.onclose;
		},
		children: ($$anchor, $$slotProps) => {
			var fragment_1 = root_2$30();
			var div = first_child(fragment_1);
			var node = child(div);
			{
				let $0 = user_derived(() => Object.fromEntries(LANGUAGES.map((one) => [one, NAMES[one]])));
				Tabs(node, {
					label: "Language",
					get names() {
						return get($0);
					},
					panel: "code",
					get chosen() {
						return get(language);
					},
					set chosen($$value) {
						set(language, $$value, true);
					}
				});
			}
			var label = sibling(node, 4);
			var select = sibling(child(label));
			each(select, 20, () => INTERFACES, (one) => one, ($$anchor, one) => {
				var option = root$42();
				var text = only_child(option, true);
				var option_value = {};
				template_effect(() => {
					set_text(text, FACES[one]);
					if (option_value !== (option_value = one)) option.value = (option.__value = option_value) ?? "";
				});
				append($$anchor, option);
			});
			reset(select);
			init_select(select);
			reset(label);
			Copy(sibling(label, 2), { get text() {
				return get(told).code;
			} });
			reset(div);
			var div_1 = sibling(div, 2);
			var pre = child(div_1);
			var text_1 = only_child(pre, true);
			reset(div_1);
			var node_2 = sibling(div_1, 2);
			var consequent = ($$anchor) => {
				var p = root_1$36();
				var text_2 = only_child(p);
				template_effect(() => set_text(text_2, `${get(told).note ?? ""}.`));
				append($$anchor, p);
			};
			if_block(node_2, ($$render) => {
				if (get(told).note) $$render(consequent);
			});
			next(2);
			template_effect(() => {
				set_attribute(div_1, "aria-labelledby", `code-tab-${get(language) ?? ""}`);
				set_text(text_1, get(told).code);
			});
			bind_select_value(select, () => get(face), ($$value) => set(face, $$value));
			append($$anchor, fragment_1);
		},
		$$slots: { default: true }
	});
	pop();
}
// src/ui/Meter.svelte
var root$41 = from_html(`<span aria-hidden="true"></span>`);
function Meter($$anchor, $$props) {
	let kind = prop($$props, "kind", 3, "");
	var span = root$41();
	let styles;
	template_effect(($0) => {
		set_class(span, 1, clsx(kind()), "s1n6d");
		styles = set_style(span, "", styles, { "background-size": $0 });
	}, [() => `${100 * Math.min(1, $$props.share)}% 100%`]);
	append($$anchor, span);
}
// src/ui/BarList.svelte
var root$40 = from_html(`<li><span class="mono name s1rm2"> </span><!><span class="number"> </span></li>`);
var root_1$35 = from_html(`<ol class="s1rm2"></ol>`);
function BarList($$anchor, $$props) {
	push($$props, true);
	const most = user_derived(() => Math.max(...$$props.bars.map((bar) => bar.value), 1e-9));
	var ol = root_1$35();
	each(ol, 21, () => $$props.bars, index, ($$anchor, $$item) => {
		let name = () => get($$item).name;
		let value = () => get($$item).value;
		let figure = () => get($$item).figure;
		let chosen = () => get($$item).chosen;
		var li = root$40();
		let classes;
		var span = child(li);
		var text = only_child(span, true);
		var node = sibling(span);
		{
			let $0 = user_derived(() => value() / get(most));
			let $1 = user_derived(() => chosen() ? "chosen" : "");
			Meter(node, {
				get share() {
					return get($0);
				},
				get kind() {
					return get($1);
				}
			});
		}
		var span_1 = sibling(node);
		var text_1 = only_child(span_1, true);
		reset(li);
		template_effect(() => {
			classes = set_class(li, 1, "s1rm2", null, classes, { chosen: chosen() });
			set_text(text, name());
			set_text(text_1, figure());
		});
		append($$anchor, li);
	});
	reset(ol);
	append($$anchor, ol);
	pop();
}
// src/panes/Tokens.svelte
var root$39 = from_html(`<div class="tokens silqa" role="listbox" aria-orientation="horizontal" tabindex="0"></div>`);
function Tokens($$anchor, $$props) {
	push($$props, true);
	const AROUND = 100;
	const REST = 150;
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
	function paint(from, to) {
		for (let index = Math.max(0, from); index < Math.min(to, spans.length); index++) {
			const mark = $$props.marks(index);
			if (painted[index] !== mark) spans[index].className = painted[index] = mark;
		}
	}
	function below(height) {
		let low = 0, high = spans.length;
		while (low < high) {
			const middle = low + high >> 1;
			if (spans[middle].getBoundingClientRect().bottom < height) low = middle + 1;
			else high = middle;
		}
		return low;
	}
	user_effect(() => {
		$$props.version;
		$$props.marks;
		const [first, last] = [below(0), below(window.innerHeight)];
		paint(painted.length, spans.length);
		paint(first - AROUND, last + AROUND);
		const timer = setTimeout(() => paint(0, spans.length), REST);
		return () => clearTimeout(timer);
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
	var div = root$39();
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
// src/panes/Compare.svelte
var root$38 = from_html(`<button>Stop</button>`);
var root_1$34 = from_html(`<option> </option>`);
var root_2$29 = from_html(`<p class="small muted"> </p>`);
var root_3$25 = from_html(`<button class="plain">✕</button>`);
var root_4$19 = from_html(`<label><span> </span> <input type="text" class="s1htm"/></label>`);
var root_5$16 = from_html(`<p class="muted">…</p>`);
var root_6$14 = from_html(`<p role="alert" class="error s1htm"> </p>`);
var root_7$9 = from_html(`<div class="rows s1htm"><div><h3>1</h3><!></div> <div><h3> </h3><!></div></div>`);
var root_8$2 = from_html(`<div class="divergence s1htm"><p class="small"><strong> </strong> </p> <!></div>`);
var root_9$2 = from_html(`<p class="small">The same text as 1.</p>`);
var root_10$1 = from_html(`<p class="tiny muted"> <!><!><!><!><!></p>`);
var root_11 = from_html(`<section class="s1htm"><div class="row"><h3 class="grow"> </h3> <button class="plain">Run</button> <!></div> <!> <div class="text s1htm"><!> <!></div> <!> <!></section>`);
var root_12 = from_html(`<div class="row"><button class="main">Run all</button> <!> <label><input type="checkbox"/> same seed</label> <span class="grow"></span> <label class="spoken" for="compare-add">Vary a setting</label> <select id="compare-add"><option disabled="">vary a setting</option><!></select> <button>Add a column</button></div> <!> <div class="columns s1htm"></div>`, 1);
function Compare($$anchor, $$props) {
	push($$props, true);
	let page = prop($$props, "page", 7);
	const comparing = user_derived(() => page().compare);
	let adding = state("");
	let selected = state(null);
	begin();
	function begin() {
		const { place } = page().session;
		const shown = place && runOf(page().session, place.run);
		const other = page().other && runOf(page().session, page().other.run);
		if (other && shown) {
			page().compare.columns = [];
			page().compare.add({}, shown, place.text);
			page().compare.add({}, other, page().other.text);
			page().other = null;
		} else if (!page().compare.columns.length) {
			const usual = page().parameters.find((one) => one.name === "temperature")?.default;
			page().compare.add({ temperature: page().session.settings.temperature ?? usual ?? 1 });
			page().compare.add({ temperature: .5 });
		}
	}
	const names = user_derived(() => get(comparing).names);
	const parameters = user_derived(() => page().parameters.filter((one) => !get(names).includes(one.name)));
	const refused = user_derived(() => page().server.state !== "ready" ? "the server is not ready" : page().empty ? "write a message in the page first" : "");
	const first = user_derived(() => get(comparing).columns[0]);
	function differs(name) {
		return new Set(get(comparing).columns.map((column) => JSON.stringify(column.settings[name]))).size > 1;
	}
	function put(column, name, text) {
		const { [name]: _, ...others } = column.settings;
		const types = [page().parameters.find((one) => one.name === name)?.type ?? "string"].flat();
		const number = Number(text);
		const value = text === "" ? void 0 : text === "true" || text === "false" ? text === "true" : types.some((one) => one === "number" || one === "integer") && Number.isFinite(number) ? number : text;
		column.settings = value === void 0 ? others : {
			...others,
			[name]: value
		};
	}
	function widen(name) {
		const usual = page().session.settings[name] ?? page().parameters.find((one) => one.name === name)?.default ?? 0;
		for (const column of get(comparing).columns) column.settings = {
			...column.settings,
			[name]: usual
		};
		set(adding, "");
	}
	function run(columns) {
		get(comparing).run(columns, page().document, page().session.settings, (one) => page().keep(one));
	}
	function marks(column) {
		const view = column.view(page().session);
		const line = view?.lines[column.text] ?? null;
		const relation = get(comparing).relation(column);
		const base = marker({
			view,
			line
		}, page().colour.value, null, null);
		const parts = relation?.divergence?.at ?? null;
		return (place) => relation && place < relation.common ? "common" : base(place) + (place === parts ? " parts" : "");
	}
	const barsOf = (column, row, chosen) => row.ids.slice(0, 6).map((id, index) => ({
		name: spelled(column, id),
		value: row.truncated[index],
		figure: percent(row.truncated[index]),
		chosen: id === chosen
	}));
	const spelled = (column, id) => visible(column.view(page().session)?.trace?.vocabulary[id]?.text ?? `token ${id}`);
	Dialog($$anchor, {
		title: "Compare",
		wide: true,
		get onclose() {
			return $$props.onclose;
		},
		children: ($$anchor, $$slotProps) => {
			var fragment_1 = root_12();
			var div = first_child(fragment_1);
			var button = child(div);
			var node = sibling(button, 2);
			var consequent = ($$anchor) => {
				var button_1 = root$38();
				delegated("click", button_1, () => get(comparing).stop());
				append($$anchor, button_1);
			};
			if_block(node, ($$render) => {
				if (get(comparing).running) $$render(consequent);
			});
			var label = sibling(node, 2);
			var input = child(label);
			remove_input_defaults(input);
			next();
			reset(label);
			var select = sibling(label, 6);
			var option = child(select);
			option.value = option.__value = "";
			var node_1 = sibling(option);
			each(node_1, 17, () => get(parameters), ({ name }) => name, ($$anchor, $$item) => {
				let name = () => get($$item).name;
				var option_1 = root_1$34();
				var text_1 = only_child(option_1, true);
				var option_1_value = {};
				template_effect(($0) => {
					set_text(text_1, $0);
					if (option_1_value !== (option_1_value = name())) option_1.value = (option_1.__value = option_1_value) ?? "";
				}, [() => spoken(name())]);
				append($$anchor, option_1);
			});
			reset(select);
			init_select(select);
			var button_2 = sibling(select, 2);
			reset(div);
			var node_2 = sibling(div, 2);
			var consequent_1 = ($$anchor) => {
				var p = root_2$29();
				var text_2 = only_child(p);
				template_effect(() => set_text(text_2, `${get(refused) ?? ""}.`));
				append($$anchor, p);
			};
			if_block(node_2, ($$render) => {
				if (get(refused)) $$render(consequent_1);
			});
			var div_1 = sibling(node_2, 2);
			let styles;
			each(div_1, 22, () => get(comparing).columns, (column) => column, ($$anchor, column, index) => {
				const view = user_derived(() => column.view(page().session));
				const line = user_derived(() => get(view)?.lines[column.text]);
				const relation = user_derived(() => get(comparing).relation(column));
				var section = root_11();
				var div_2 = child(section);
				var h3 = child(div_2);
				var text_3 = only_child(h3, true);
				var button_3 = sibling(h3, 2);
				var node_3 = sibling(button_3, 2);
				var consequent_2 = ($$anchor) => {
					var button_4 = root_3$25();
					template_effect(() => set_attribute(button_4, "aria-label", `Remove column ${get(index) + 1}`));
					delegated("click", button_4, () => get(comparing).remove(column));
					append($$anchor, button_4);
				};
				if_block(node_3, ($$render) => {
					if (get(comparing).columns.length > 2) $$render(consequent_2);
				});
				reset(div_2);
				var node_4 = sibling(div_2, 2);
				each(node_4, 16, () => get(names), (name) => name, ($$anchor, name) => {
					var label_1 = root_4$19();
					let classes;
					var span = child(label_1);
					var text_4 = only_child(span, true);
					var input_1 = sibling(span, 2);
					remove_input_defaults(input_1);
					reset(label_1);
					template_effect(($0, $1) => {
						classes = set_class(label_1, 1, "setting s1htm", null, classes, { differs: $0 });
						set_text(text_4, $1);
						set_value(input_1, column.settings[name] ?? "");
					}, [() => differs(name), () => spoken(name)]);
					delegated("change", input_1, (event) => put(column, name, event.currentTarget.value));
					append($$anchor, label_1);
				});
				var div_3 = sibling(node_4, 2);
				var node_5 = child(div_3);
				var consequent_3 = ($$anchor) => {
					{
						let $0 = user_derived(() => get(index) + 1);
						let $1 = user_derived(() => plural(get(line).pieces.length, "token"));
						let $2 = user_derived(() => get(view)?.version ?? 0);
						let $3 = user_derived(() => marks(column));
						let $4 = user_derived(() => get(selected)?.column === column ? get(selected).place : null);
						Tokens($$anchor, {
							get id() {
								return `compare${get(index) ?? ""}`;
							},
							get label() {
								return `Text ${get($0) ?? ""}, ${get($1) ?? ""}`;
							},
							get pieces() {
								return get(line).pieces;
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
							onselect: (place) => set(selected, {
								column,
								place
							}),
							onopen: () => void 0
						});
					}
				};
				var consequent_4 = ($$anchor) => {
					var p_1 = root_5$16();
					append($$anchor, p_1);
				};
				if_block(node_5, ($$render) => {
					if (get(line)?.pieces.length) $$render(consequent_3);
					else if (column.live?.live) $$render(consequent_4, 1);
				});
				var node_6 = sibling(node_5, 2);
				var consequent_5 = ($$anchor) => {
					var p_2 = root_6$14();
					var text_5 = only_child(p_2);
					template_effect(() => set_text(text_5, `${column.live.error ?? ""}.`));
					append($$anchor, p_2);
				};
				if_block(node_6, ($$render) => {
					if (column.live?.error) $$render(consequent_5);
				});
				reset(div_3);
				var node_7 = sibling(div_3, 2);
				var consequent_7 = ($$anchor) => {
					const computed_const = user_derived(() => {
						return get(relation).divergence;
					});
					var div_4 = root_8$2();
					var p_3 = child(div_4);
					var strong = child(p_3);
					var text_6 = only_child(strong);
					var text_7 = sibling(strong);
					reset(p_3);
					var node_8 = sibling(p_3, 2);
					var consequent_6 = ($$anchor) => {
						var div_5 = root_7$9();
						var div_6 = child(div_5);
						var node_9 = sibling(child(div_6));
						{
							let $0 = user_derived(() => barsOf(get(first), get(computed_const).rows[0], get(computed_const).ids[0]));
							BarList(node_9, { get bars() {
								return get($0);
							} });
						}
						reset(div_6);
						var div_7 = sibling(div_6, 2);
						var h3_1 = child(div_7);
						var text_8 = only_child(h3_1, true);
						var node_10 = sibling(h3_1);
						{
							let $0 = user_derived(() => barsOf(column, get(computed_const).rows[1], get(computed_const).ids[1]));
							BarList(node_10, { get bars() {
								return get($0);
							} });
						}
						reset(div_7);
						reset(div_5);
						template_effect(() => set_text(text_8, get(index) + 1));
						append($$anchor, div_5);
					};
					if_block(node_8, ($$render) => {
						if (get(computed_const).rows[0] && get(computed_const).rows[1]) $$render(consequent_6);
					});
					reset(div_4);
					template_effect(() => {
						set_text(text_6, `Parts from 1 at token ${get(computed_const).at ?? ""}:`);
						set_text(text_7, ` ${get(computed_const).reason ?? ""}.`);
					});
					append($$anchor, div_4);
				};
				var consequent_8 = ($$anchor) => {
					var p_4 = root_9$2();
					append($$anchor, p_4);
				};
				if_block(node_7, ($$render) => {
					if (get(relation)?.divergence && get(first)) $$render(consequent_7);
					else if (get(relation)) $$render(consequent_8, 1);
				});
				var node_11 = sibling(node_7, 2);
				var consequent_14 = ($$anchor) => {
					const numbers = user_derived(() => measured(get(view), column.text));
					var p_5 = root_10$1();
					var text_9 = child(p_5, true);
					var node_12 = sibling(text_9);
					var consequent_9 = ($$anchor) => {
						var text_10 = text$2();
						template_effect(($0) => set_text(text_10, `, ${$0 ?? ""} tok/s`), [() => fixed(column.live.rate, 1)]);
						append($$anchor, text_10);
					};
					if_block(node_12, ($$render) => {
						if (column.live?.rate) $$render(consequent_9);
					});
					var node_13 = sibling(node_12);
					var consequent_10 = ($$anchor) => {
						var text_11 = text$2();
						template_effect(($0) => set_text(text_11, `, TTFT ${$0 ?? ""} s`), [() => fixed(column.live.first / 1e3, 2)]);
						append($$anchor, text_11);
					};
					if_block(node_13, ($$render) => {
						if (column.live?.first != null) $$render(consequent_10);
					});
					var node_14 = sibling(node_13);
					var consequent_11 = ($$anchor) => {
						var text_12 = text$2();
						template_effect(() => set_text(text_12, `, ${column.live.usage.cached_tokens ?? ""} of ${column.live.usage.prompt_tokens ?? ""} cached`));
						append($$anchor, text_12);
					};
					if_block(node_14, ($$render) => {
						if (column.live?.usage) $$render(consequent_11);
					});
					var node_15 = sibling(node_14);
					var consequent_12 = ($$anchor) => {
						var text_13 = text$2();
						template_effect(($0) => set_text(text_13, `, mean entropy ${$0 ?? ""}`), [() => fixed(get(numbers).entropy, 2)]);
						append($$anchor, text_13);
					};
					if_block(node_15, ($$render) => {
						if (get(numbers).entropy !== null) $$render(consequent_12);
					});
					var node_16 = sibling(node_15);
					var consequent_13 = ($$anchor) => {
						var text_14 = text$2();
						template_effect(($0) => set_text(text_14, `, distinct-2 ${$0 ?? ""}`), [() => fixed(get(numbers).distinct, 2)]);
						append($$anchor, text_14);
					};
					if_block(node_16, ($$render) => {
						if (get(numbers).distinct !== null) $$render(consequent_13);
					});
					reset(p_5);
					template_effect(($0) => set_text(text_9, $0), [() => plural(get(line).path.length, "token")]);
					append($$anchor, p_5);
				};
				if_block(node_11, ($$render) => {
					if (get(view) && get(line)?.path.length) $$render(consequent_14);
				});
				reset(section);
				template_effect(() => {
					set_attribute(section, "aria-label", `Column ${get(index) + 1}`);
					set_text(text_3, get(index) + 1);
					set_attribute(button_3, "aria-label", `Run column ${get(index) + 1}`);
					button_3.disabled = get(refused) !== "" || column.live?.live;
				});
				delegated("click", button_3, () => run([column]));
				append($$anchor, section);
			});
			reset(div_1);
			template_effect(() => {
				button.disabled = get(refused) !== "" || get(comparing).running;
				set_attribute(button, "title", get(refused));
				button_2.disabled = get(comparing).columns.length >= 4;
				styles = set_style(div_1, "", styles, { "--columns": get(comparing).columns.length });
			});
			delegated("click", button, () => run(get(comparing).columns));
			bind_checked(input, () => get(comparing).linked, ($$value) => get(comparing).linked = $$value);
			delegated("change", select, () => widen(get(adding)));
			bind_select_value(select, () => get(adding), ($$value) => set(adding, $$value));
			delegated("click", button_2, () => get(comparing).add({ ...get(comparing).columns.at(-1)?.settings }));
			append($$anchor, fragment_1);
		},
		$$slots: { default: true }
	});
	pop();
}
delegate(["click", "change"]);
// src/panes/Help.svelte
var root$37 = from_html(`<kbd> </kbd>`);
var root_1$33 = from_html(`<tr><th scope="row" class="sd38f"> </th><td class="sd38f"><button class="plain"><!></button></td></tr>`);
var root_2$28 = from_html(`<table><caption class="spoken">Actions and their keys</caption><thead><tr><th scope="col">action</th><th scope="col">keys</th></tr></thead><tbody><!><tr><th scope="row" class="sd38f">In the tokens: previous, next, line above and below, first, last</th><td class="sd38f"><kbd>← → ↑ ↓ Home End</kbd></td></tr><tr><th scope="row" class="sd38f">In a tree: to what a node follows, or what follows it</th><td class="sd38f"><kbd>← →</kbd></td></tr></tbody></table> <p role="status"> </p> <p class="small muted">Press a key's button, then the new keys. They are kept in this browser.</p>`, 1);
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
			var fragment_1 = root_2$28();
			var table = first_child(fragment_1);
			var tbody = sibling(child(table), 2);
			var node = child(tbody);
			each(node, 17, () => $$props.actions.filter((one) => one.keys), (action) => action.name, ($$anchor, action) => {
				var tr = root_1$33();
				var th = child(tr);
				var text = only_child(th, true);
				var td = sibling(th);
				var button = child(td);
				var node_1 = child(button);
				var consequent = ($$anchor) => {
					var text_1 = text$2("press keys…");
					append($$anchor, text_1);
				};
				var alternate = ($$anchor) => {
					var kbd = root$37();
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
var root$36 = from_html(`<p role="alert" class="problem s1aif"> </p>`);
var root_1$32 = from_html(`<p class="row small" role="status">Forgotten. <button class="plain">Undo</button></p>`);
var root_2$27 = from_html(`<li class="s1aif"><button class="plain name s1aif"> </button> <span class="tiny muted"> </span> <button class="plain">✕</button></li>`);
var root_3$24 = from_html(`<li class="muted small s1aif"> </li>`);
var root_4$18 = from_html(`<!> <section aria-labelledby="session-title" class="s1aif"><h3 id="session-title">This session</h3> <div class="row"><button>Save the session</button> <button>Save the trace</button> <button>Save the text</button> <button>Save the messages</button> <button>New session</button></div> <label class="row small">Open a session or a trace: <input type="file" accept=".json,application/json"/></label> <!></section> <section aria-labelledby="sessions-title" class="s1aif"><div class="row"><h3 id="sessions-title" class="grow">Sessions in this browser</h3> <input type="search" aria-label="Find a session" placeholder="Find a session"/></div> <!> <ul></ul></section>`, 1);
function History($$anchor, $$props) {
	push($$props, true);
	const MAX_BYTES = 128 * 2 ** 20;
	let problem = state("");
	let gone = state(null);
	let find = state("");
	const nameOf = ({ title, document }) => title || (document.kind === "completion" ? document.prompt : document.messages.find((one) => one.role === "user")?.content ?? "").trim().slice(0, 80) || "Nothing yet";
	const found = user_derived(() => $$props.page.library.sessions.filter((one) => nameOf(one).toLowerCase().includes(get(find).toLowerCase())));
	const when = (time) => new Date(time).toLocaleString(void 0, {
		dateStyle: "medium",
		timeStyle: "short"
	});
	async function open(id) {
		const session = await $$props.page.library.load(id);
		if (!session) return;
		$$props.page.show(session);
		$$props.onclose();
	}
	async function remove(id) {
		set(gone, await $$props.page.library.load(id));
		await $$props.page.library.remove(id);
	}
	async function undo() {
		if (!get(gone)) return;
		$$props.page.library.keep(get(gone));
		await $$props.page.library.flush();
		set(gone, null);
	}
	async function read(event) {
		const file = event.currentTarget.files?.[0];
		if (!file) return;
		try {
			if (file.size > MAX_BYTES) throw new Error(`it has ${plural(file.size, "byte")}, and may have ${plural(MAX_BYTES, "byte")}`);
			$$props.page.show(opened$1(new Uint8Array(await file.arrayBuffer())));
			$$props.page.say(`opened ${file.name}; nothing runs by itself`);
			$$props.onclose();
		} catch (error) {
			set(problem, `${file.name} cannot be opened: ${sentence(error)}.`);
		}
	}
	Dialog($$anchor, {
		title: "History",
		wide: true,
		get onclose() {
			return $$props.onclose;
		},
		children: ($$anchor, $$slotProps) => {
			var fragment_1 = root_4$18();
			var node = first_child(fragment_1);
			var consequent = ($$anchor) => {
				var p = root$36();
				var text = only_child(p, true);
				template_effect(() => set_text(text, $$props.page.library.problem));
				append($$anchor, p);
			};
			if_block(node, ($$render) => {
				if ($$props.page.library.problem) $$render(consequent);
			});
			var section = sibling(node, 2);
			var div = sibling(child(section), 2);
			var button = child(div);
			var button_1 = sibling(button, 2);
			var button_2 = sibling(button_1, 2);
			var button_3 = sibling(button_2, 2);
			var button_4 = sibling(button_3, 2);
			reset(div);
			var label = sibling(div, 2);
			var input = sibling(child(label));
			reset(label);
			var node_1 = sibling(label, 2);
			var consequent_1 = ($$anchor) => {
				var p_1 = root$36();
				var text_1 = only_child(p_1, true);
				template_effect(() => set_text(text_1, get(problem)));
				append($$anchor, p_1);
			};
			if_block(node_1, ($$render) => {
				if (get(problem)) $$render(consequent_1);
			});
			reset(section);
			var section_1 = sibling(section, 2);
			var div_1 = child(section_1);
			var input_1 = sibling(child(div_1), 2);
			remove_input_defaults(input_1);
			reset(div_1);
			var node_2 = sibling(div_1, 2);
			var consequent_2 = ($$anchor) => {
				var p_2 = root_1$32();
				var button_5 = sibling(child(p_2));
				reset(p_2);
				delegated("click", button_5, undo);
				append($$anchor, p_2);
			};
			if_block(node_2, ($$render) => {
				if (get(gone)) $$render(consequent_2);
			});
			var ul = sibling(node_2, 2);
			each(ul, 21, () => get(found), (one) => one.id, ($$anchor, one) => {
				var li = root_2$27();
				var button_6 = child(li);
				var text_2 = only_child(button_6, true);
				var span = sibling(button_6, 2);
				var text_3 = only_child(span);
				var button_7 = sibling(span, 2);
				reset(li);
				template_effect(($0, $1, $2, $3) => {
					set_attribute(button_6, "aria-current", get(one).id === $$props.page.session.id ? "true" : void 0);
					set_text(text_2, $0);
					set_text(text_3, `${$1 ?? ""} · ${$2 ?? ""}`);
					set_attribute(button_7, "aria-label", `Forget: ${$3 ?? ""}`);
				}, [
					() => nameOf(get(one)),
					() => plural(get(one).runs, "run"),
					() => when(get(one).changed),
					() => nameOf(get(one))
				]);
				delegated("click", button_6, () => open(get(one).id));
				delegated("click", button_7, () => remove(get(one).id));
				append($$anchor, li);
			}, ($$anchor) => {
				var li_1 = root_3$24();
				var text_4 = only_child(li_1, true);
				template_effect(() => set_text(text_4, get(find) ? "None has this in its name." : "None yet: a session is kept from its first run on."));
				append($$anchor, li_1);
			});
			reset(ul);
			reset(section_1);
			template_effect(() => {
				button_1.disabled = !$$props.page.files.trace;
				button_2.disabled = !$$props.page.files.text;
				button_3.disabled = !$$props.page.files.messages;
			});
			delegated("click", button, () => save("session.json", $$props.page.files.session()));
			delegated("click", button_1, () => save("trace.json", $$props.page.files.trace()));
			delegated("click", button_2, () => save("text.txt", $$props.page.files.text(), "text/plain"));
			delegated("click", button_3, () => save("messages.json", $$props.page.files.messages()));
			delegated("click", button_4, () => {
				$$props.page.begin();
				$$props.onclose();
			});
			delegated("change", input, read);
			bind_value(input_1, () => get(find), ($$value) => set(find, $$value));
			append($$anchor, fragment_1);
		},
		$$slots: { default: true }
	});
	pop();
}
delegate(["click", "change"]);
// src/panes/KeyPrompt.svelte
var root$35 = from_html(`<p role="alert">The server does not know this key.</p>`);
var root_1$31 = from_html(`<form class="sgtz6"><label for="api-key">Key</label> <input id="api-key" type="password" autocomplete="off" aria-describedby="api-key-note"/> <button class="main" type="submit">Use it</button></form> <!> <p id="api-key-note" class="small muted">It is one of those that the server was started with (<code>--api-key</code>). This tab keeps it until it is closed; it is
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
			var fragment_1 = root_1$31();
			var form = first_child(fragment_1);
			var input = sibling(child(form), 2);
			remove_input_defaults(input);
			var button = sibling(input, 2);
			reset(form);
			var node = sibling(form, 2);
			var consequent = ($$anchor) => {
				var p = root$35();
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
var root$34 = from_html(`<span class="tiny"> </span>`);
var root_1$30 = from_html(`<kbd> </kbd>`);
var root_2$26 = from_html(`<span class="grow"> <!></span> <!>`, 1);
function Palette($$anchor, $$props) {
	push($$props, true);
	const refused = (action) => action.refused?.() ?? "";
	Dialog($$anchor, {
		title: "Commands",
		get onclose() {
			return $$props.onclose;
		},
		children: ($$anchor, $$slotProps) => {
			{
				const item = ($$anchor, action = noop) => {
					var fragment_2 = root_2$26();
					var span = first_child(fragment_2);
					var text = child(span, true);
					var node = sibling(text);
					var consequent = ($$anchor) => {
						var span_1 = root$34();
						var text_1 = only_child(span_1);
						template_effect(($0) => set_text(text_1, `(${$0 ?? ""})`), [() => refused(action())]);
						append($$anchor, span_1);
					};
					var d = user_derived(() => refused(action()));
					if_block(node, ($$render) => {
						if (get(d)) $$render(consequent);
					});
					reset(span);
					var node_1 = sibling(span, 2);
					var consequent_1 = ($$anchor) => {
						var kbd = root_1$30();
						var text_2 = only_child(kbd, true);
						template_effect(($0) => set_text(text_2, $0), [() => spoken$1(keysOf(action()))]);
						append($$anchor, kbd);
					};
					var d_1 = user_derived(() => keysOf(action()));
					if_block(node_1, ($$render) => {
						if (get(d_1)) $$render(consequent_1);
					});
					template_effect(() => set_text(text, action().title));
					append($$anchor, fragment_2);
				};
				Finder($$anchor, {
					label: "Find a command",
					get items() {
						return $$props.actions;
					},
					nameOf: (action) => action.title,
					refused,
					ontake: (action) => {
						$$props.onclose();
						action.run();
					},
					item,
					$$slots: { item: true }
				});
			}
		},
		$$slots: { default: true }
	});
	pop();
}
// src/state/presets.ts
var text = (prompt) => ({
	kind: "completion",
	prompt
});
var chat = (content) => ({
	kind: "chat",
	messages: [{
		role: "user",
		content
	}]
});
var needs = (...names) => (info) => {
	const missing = names.filter((name) => !info.parameters.some((one) => one.name === name));
	return missing.length ? `this server has no ${missing.join(", ")}` : "";
};
var talks = (info) => info.features.chat ? "" : "this model has no chat template";
var both = (...checks) => (info) => checks.map((check) => check(info)).find(Boolean) ?? "";
var constrained = (field) => (info) => info.features.constraints.some((one) => one.name === field) ? "" : `this server has no constraint “${field}”`;
var PRESETS = [
	{
		title: "Nucleus",
		todo: "Run, choose a token of much entropy, and move top p from 1 down to 0.5.",
		look: "Each place keeps its own number of tokens: many where the text is open, one where it is not.",
		document: text("Once upon a time, in a small village by the sea,"),
		settings: {
			temperature: 1,
			top_p: .9,
			max_tokens: 80
		}
	},
	{
		title: "Temperature on one row",
		todo: "Run, choose the first token, and move the temperature from 0.1 to 2.",
		look: "The order of the bars stays; only how much the first ones have of the whole changes.",
		document: text("The weather today is"),
		settings: {
			temperature: 1,
			max_tokens: 40
		}
	},
	{
		title: "Greedy: no randomness",
		todo: "Run twice, with whatever seed.",
		look: "The two texts are the same, token for token.",
		document: chat("Name three colours."),
		settings: {
			temperature: 0,
			max_tokens: 60
		},
		lacks: talks
	},
	{
		title: "Same seed, same text",
		todo: "Run, then set temperature to 0.6 and run again.",
		look: "The texts agree for a while: the same random numbers fall on a slightly different row.",
		document: chat("Why is the sky blue?"),
		settings: {
			temperature: .8,
			top_p: .9,
			seed: 1,
			max_tokens: 120
		},
		lacks: talks
	},
	{
		title: "Beam search",
		todo: "Run and open Tree while it grows.",
		look: "Hypotheses that fall behind are given up, and the last ones say nearly the same.",
		document: text("The capital of France is"),
		settings: {
			num_beams: 4,
			n: 4,
			max_tokens: 24
		},
		lacks: needs("num_beams")
	},
	{
		title: "Too many beams",
		todo: "Run with 4 beams, then with 16, and compare the texts.",
		look: "The score gets better, and the text does not: the likeliest text is often short and dull.",
		document: text("Yesterday I went to the market and"),
		settings: {
			num_beams: 16,
			n: 1,
			max_tokens: 32
		},
		lacks: needs("num_beams")
	},
	{
		title: "Diverse beams",
		todo: "Run, and look at the first tokens of the tree's branches.",
		look: "Each group pays for a token that an earlier group has, so they part early.",
		document: text("My favourite food is"),
		settings: {
			num_beams: 6,
			num_beam_groups: 3,
			diversity_penalty: 1,
			n: 3,
			max_tokens: 20
		},
		lacks: needs("num_beam_groups", "diversity_penalty")
	},
	{
		title: "Entropy warns",
		todo: "Run, and read what is underlined with a wave.",
		look: "Where the model makes a name up, it hesitates before it.",
		document: text("The first person to walk on Mars was"),
		settings: {
			temperature: .7,
			max_tokens: 60
		}
	},
	{
		title: "Taught or cool?",
		todo: "Run at temperature 1 as it is, then as a plain text at temperature 0.3.",
		look: "A model that was taught to chat is certain at any temperature; a low temperature alone does not teach it.",
		document: chat("What is the meaning of life?"),
		settings: {
			temperature: 1,
			max_tokens: 80
		},
		lacks: talks
	},
	{
		title: "Sentiment as a choice",
		todo: "Open Constraints, write “ positive” and “ negative” as choices, and weigh them.",
		look: "How much of the whole the two have together, and how they share it.",
		document: text("Review: The film was far too long, and I fell asleep.\nSentiment:"),
		settings: {
			constraint: { choice: [" positive", " negative"] },
			max_tokens: 8
		},
		lacks: constrained("choice")
	},
	{
		title: "A story without the name",
		todo: "Run, then take the ban out and run again with the same seed.",
		look: "Where the name would have come, the row shows it masked, and what its share went to.",
		document: text("Tell a story about Alice and the white rabbit.\n\nOne day,"),
		settings: {
			constraint: { ban: ["Alice"] },
			temperature: .8,
			seed: 3,
			max_tokens: 100
		},
		lacks: constrained("ban")
	},
	{
		title: "A post without a hashtag",
		todo: "Run, and look for the places where “#” is masked.",
		look: "The text goes another way from there on, and the mass that was removed says how much it wanted to.",
		document: text("Tweet about coffee:"),
		settings: {
			constraint: { ban: ["#"] },
			temperature: .9,
			max_tokens: 60
		},
		lacks: constrained("ban")
	},
	{
		title: "No short answers",
		todo: "Run, then set min tokens to 60 and run again with the same seed.",
		look: "The end token is masked until then, and the model has to find more to say.",
		document: chat("Is water wet?"),
		settings: {
			temperature: .7,
			seed: 1,
			min_tokens: 60,
			max_tokens: 120
		},
		lacks: both(talks, needs("min_tokens"))
	},
	{
		title: "Eight answers, one vote",
		todo: "Run, and count the answers in the tree's leaves; or open Solve, which counts them.",
		look: "One text may be wrong where most are right.",
		document: chat("Anna has 3 apples and buys 2 more. How many apples has she? Answer with a number."),
		settings: {
			n: 8,
			temperature: .8,
			max_tokens: 60
		},
		lacks: talks
	},
	{
		title: "Context against what it knows",
		todo: "Run, and look at the row of the colour.",
		look: "The likeliest colour comes from what was read before, the next from what the text says.",
		document: text("In this story all apples are green and none is red. The colour of the apple that she ate was"),
		settings: {
			temperature: .7,
			max_tokens: 20
		}
	}
];
// src/panes/Presets.svelte
var root$33 = from_html(`<span class="lacks savv9"> </span>`);
var root_1$29 = from_html(`<li class="savv9"><button class="savv9"><strong> </strong> <span> </span> <span class="muted"> </span> <!></button></li>`);
var root_2$25 = from_html(`<option> </option>`);
var root_3$23 = from_html(`<select><option selected="" disabled=""> </option><!></select>`);
var root_4$17 = from_html(`<li class="row"><button class="plain grow own savv9"> </button> <!> <button class="plain">✕</button></li>`);
var root_5$15 = from_html(`<li class="muted small">None yet.</li>`);
var root_6$13 = from_html(`<ul class="grid savv9"></ul> <section aria-labelledby="own-title" class="savv9"><h3 id="own-title">Your prompts</h3> <form class="row"><label class="spoken" for="prompt-name">Name</label> <input id="prompt-name" type="text" placeholder="A name for what is in the page now" class="grow"/> <button type="submit">Save</button></form> <ul></ul></section>`, 1);
function Presets($$anchor, $$props) {
	push($$props, true);
	const info = user_derived(() => $$props.page.server.info);
	let name = state("");
	function fill(what) {
		$$props.page.fill(what);
		$$props.onclose();
	}
	Dialog($$anchor, {
		title: "Presets",
		wide: true,
		get onclose() {
			return $$props.onclose;
		},
		children: ($$anchor, $$slotProps) => {
			var fragment_1 = root_6$13();
			var ul = first_child(fragment_1);
			each(ul, 21, () => PRESETS, (preset) => preset.title, ($$anchor, preset) => {
				const lacks = user_derived(() => get(info) ? get(preset).lacks?.(get(info)) ?? "" : "the server is not ready");
				var li = root_1$29();
				var button = child(li);
				var strong = child(button);
				var text = only_child(strong, true);
				var span = sibling(strong, 2);
				var text_1 = only_child(span, true);
				var span_1 = sibling(span, 2);
				var text_2 = only_child(span_1);
				var node = sibling(span_1, 2);
				var consequent = ($$anchor) => {
					var span_2 = root$33();
					var text_3 = only_child(span_2);
					template_effect(() => set_text(text_3, `Not here: ${get(lacks) ?? ""}.`));
					append($$anchor, span_2);
				};
				if_block(node, ($$render) => {
					if (get(lacks)) $$render(consequent);
				});
				reset(button);
				reset(li);
				template_effect(() => {
					button.disabled = get(lacks) !== "";
					set_text(text, get(preset).title);
					set_text(text_1, get(preset).todo);
					set_text(text_2, `Look for: ${get(preset).look ?? ""}`);
				});
				delegated("click", button, () => fill(get(preset)));
				append($$anchor, li);
			});
			reset(ul);
			var section = sibling(ul, 2);
			var form = sibling(child(section), 2);
			var input = sibling(child(form), 2);
			remove_input_defaults(input);
			var button_1 = sibling(input, 2);
			reset(form);
			var ul_1 = sibling(form, 2);
			each(ul_1, 21, () => $$props.page.library.prompts, (prompt) => prompt.id, ($$anchor, prompt) => {
				var li_1 = root_4$17();
				var button_2 = child(li_1);
				var text_4 = only_child(button_2, true);
				var node_1 = sibling(button_2, 2);
				var consequent_1 = ($$anchor) => {
					var select = root_3$23();
					var option = child(select);
					var text_5 = only_child(option, true);
					option.value = option.__value = "";
					var node_2 = sibling(option);
					each(node_2, 17, () => get(prompt).versions, index, ($$anchor, version, index) => {
						var option_1 = root_2$25();
						var text_6 = only_child(option_1);
						option_1.value = option_1.__value = index;
						template_effect(($0) => set_text(text_6, `${index + 1}: ${$0 ?? ""}`), [() => new Date(get(version).made).toLocaleString()]);
						append($$anchor, option_1);
					});
					reset(select);
					template_effect(($0) => {
						set_attribute(select, "aria-label", `Version of ${get(prompt).name ?? ""}`);
						set_text(text_5, $0);
					}, [() => plural(get(prompt).versions.length, "version")]);
					delegated("change", select, (event) => fill(get(prompt).versions[Number(event.currentTarget.value)]));
					append($$anchor, select);
				};
				if_block(node_1, ($$render) => {
					if (get(prompt).versions.length > 1) $$render(consequent_1);
				});
				var button_3 = sibling(node_1, 2);
				reset(li_1);
				template_effect(() => {
					set_text(text_4, get(prompt).name);
					set_attribute(button_3, "aria-label", `Forget: ${get(prompt).name ?? ""}`);
				});
				delegated("click", button_2, () => fill(get(prompt).versions.at(-1)));
				delegated("click", button_3, () => void $$props.page.library.removePrompt(get(prompt).id));
				append($$anchor, li_1);
			}, ($$anchor) => {
				var li_2 = root_5$15();
				append($$anchor, li_2);
			});
			reset(ul_1);
			reset(section);
			template_effect(($0) => button_1.disabled = $0, [() => !get(name).trim()]);
			event("submit", form, (event) => {
				event.preventDefault();
				$$props.page.library.savePrompt(get(name).trim(), $$props.page.session);
				set(name, "");
			});
			bind_value(input, () => get(name), ($$value) => set(name, $$value));
			append($$anchor, fragment_1);
		},
		$$slots: { default: true }
	});
	pop();
}
delegate(["click", "change"]);
// src/panes/Share.svelte
var root$32 = from_html(`<label for="share-link">Link to this prompt, its settings and seed</label> <div class="row"><input id="share-link" class="grow" type="text" readonly=""/> <!></div> <p class="small muted">It fills the form and runs nothing. With the same model (fingerprint <span class="mono"> </span>) the text will be the same, token for token. It has no
      answers and no key; whoever opens it must reach this server.</p>`, 1);
var root_1$28 = from_html(`<p> </p> <button class="main">Save the session</button>`, 1);
function Share($$anchor, $$props) {
	push($$props, true);
	const shared = user_derived(() => ({
		version: 1,
		document: $$props.page.session.document,
		settings: $$props.page.session.settings,
		seed: $$props.page.seed ?? void 0,
		fingerprint: $$props.page.server.info?.model.fingerprint
	}));
	let link = state("");
	user_effect(() => {
		fragment(get(shared)).then((made) => set(link, made, true));
	});
	const address = location.href.replace(/#.*/, "");
	Dialog($$anchor, {
		title: "Share",
		get onclose() {
			return $$props.onclose;
		},
		children: ($$anchor, $$slotProps) => {
			var fragment_2 = comment();
			var node = first_child(fragment_2);
			var consequent = ($$anchor) => {
				var fragment_3 = root$32();
				var div = sibling(first_child(fragment_3), 2);
				var input = child(div);
				remove_input_defaults(input);
				var node_1 = sibling(input, 2);
				{
					let $0 = user_derived(() => address + get(link));
					Copy(node_1, { get text() {
						return get($0);
					} });
				}
				reset(div);
				var p = sibling(div, 2);
				var span = sibling(child(p));
				var text = only_child(span, true);
				next();
				reset(p);
				template_effect(() => {
					set_value(input, address + get(link));
					set_text(text, $$props.page.server.info?.model.fingerprint ?? "unknown");
				});
				event("focus", input, (event) => event.currentTarget.select());
				append($$anchor, fragment_3);
			};
			var consequent_1 = ($$anchor) => {
				var fragment_4 = root_1$28();
				var p_1 = first_child(fragment_4);
				var text_1 = only_child(p_1);
				var button = sibling(p_1, 2);
				template_effect(() => set_text(text_1, `This is too long for a link, which may have ${MAX_LINK / 1024} kB. Send the session as a file instead.`));
				delegated("click", button, () => save("session.json", $$props.page.files.session()));
				append($$anchor, fragment_4);
			};
			if_block(node, ($$render) => {
				if (get(link)) $$render(consequent);
				else if (get(link) === null) $$render(consequent_1, 1);
			});
			append($$anchor, fragment_2);
		},
		$$slots: { default: true }
	});
	pop();
}
delegate(["click"]);
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
var root$31 = from_html(`<div class="field s1cgm" contenteditable="plaintext-only" role="textbox" aria-multiline="true" tabindex="0"></div> <div class="row s1cgm"><button class="main">Keep</button> <button>Cancel</button> <span class="tiny muted">The text before stays, and undoing brings it back. Run goes on from what you keep.</span></div>`, 1);
function Editor($$anchor, $$props) {
	push($$props, true);
	let parts = prop($$props, "parts", 19, () => []), marks = prop($$props, "marks", 3, () => ""), version = prop($$props, "version", 3, 0), onplace = prop($$props, "onplace", 3, () => void 0);
	const STEPS = 6;
	const coloured = CSS.highlights !== void 0;
	let field;
	let written = state(proxy($$props.text));
	const starts = user_derived(() => {
		let at = 0;
		return parts().map((part) => (at += part.length) - part.length);
	});
	const same = user_derived(() => {
		let at = 0;
		while (at < $$props.text.length && $$props.text[at] === get(written)[at]) at++;
		return at;
	});
	function begin(element) {
		field = element;
		if (field.contentEditable !== "plaintext-only") field.contentEditable = "true";
		field.append(...$$props.text.split(/(?<=\n)/).map((line) => document.createTextNode(line)));
		field.focus();
		document.addEventListener("selectionchange", follow);
		return () => {
			document.removeEventListener("selectionchange", follow);
			for (let step = 0; step < STEPS; step++) CSS.highlights?.delete(`step-${step}`);
		};
	}
	function nodes() {
		const walker = document.createTreeWalker(field, NodeFilter.SHOW_TEXT);
		const found = [];
		for (let start = 0; walker.nextNode();) {
			const node = walker.currentNode;
			found.push({
				node,
				start
			});
			start += node.length;
		}
		return found;
	}
	user_effect(() => {
		version();
		if (!coloured || !parts().length) return;
		const found = nodes();
		const ranges = Array.from({ length: STEPS }, () => []);
		let at = 0;
		for (let index = 0; index < parts().length && get(starts)[index] + parts()[index].length <= get(same); index++) {
			const step = Number(/s(\d)/.exec(marks()(index))?.[1] ?? NaN);
			for (let from = get(starts)[index], end = from + parts()[index].length; from < end && ranges[step];) {
				while (found[at + 1] && found[at + 1].start <= from) at++;
				const { node, start } = found[at];
				const to = Math.min(end, start + node.length);
				if (to <= from) break;
				const range = new Range();
				range.setStart(node, from - start);
				range.setEnd(node, to - start);
				ranges[step].push(range);
				from = to;
			}
		}
		ranges.forEach((some, step) => CSS.highlights.set(`step-${step}`, new Highlight(...some)));
	});
	function caret() {
		const selection = getSelection();
		if (!selection?.focusNode || !field?.contains(selection.focusNode)) return null;
		const range = new Range();
		range.setStart(field, 0);
		range.setEnd(selection.focusNode, selection.focusOffset);
		return range.toString().length;
	}
	const tokenAt = (at) => get(starts).findLastIndex((start) => start <= at);
	function follow() {
		const at = caret();
		if (at !== null && at < get(same) && parts().length) onplace()(tokenAt(at));
	}
	function step(by) {
		const at = caret();
		if (at === null || !parts().length) return;
		const to = get(starts)[Math.min(parts().length - 1, Math.max(0, tokenAt(at) + by))];
		const { node, start } = nodes().findLast((one) => one.start <= to);
		getSelection()?.collapse(node, to - start);
	}
	function key(event) {
		if (event.key === "Escape") $$props.oncancel();
		else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) $$props.onsave(get(written));
		else if (event.altKey && event.key === "ArrowRight") step(1);
		else if (event.altKey && event.key === "ArrowLeft") step(-1);
		else return;
		event.preventDefault();
		event.stopPropagation();
	}
	var fragment = root$31();
	var div = first_child(fragment);
	attach(div, () => begin);
	var div_1 = sibling(div, 2);
	var button = child(div_1);
	var button_1 = sibling(button, 2);
	next(2);
	reset(div_1);
	template_effect(() => set_attribute(div, "aria-label", $$props.label));
	delegated("input", div, () => set(written, field.innerText, true));
	delegated("keydown", div, key);
	delegated("click", button, () => $$props.onsave(get(written)));
	delegated("click", button_1, function(...$$args) {
		$$props.oncancel?.apply(this, $$args);
	});
	append($$anchor, fragment);
	pop();
}
delegate([
	"input",
	"keydown",
	"click"
]);
// src/panes/Message.svelte
var root$30 = from_html(`<span class="tiny muted"> </span> <button class="plain s1xha" aria-label="Previous branch">‹</button> <button class="plain s1xha" aria-label="Next branch">›</button>`, 1);
var root_1$27 = from_html(`<button class="plain s1xha">Edit</button>`);
var root_2$24 = from_html(`<p class="words s1xha"> </p>`);
var root_3$22 = from_html(`<!> <!>`, 1);
var root_4$16 = from_html(`<span class="muted">…</span>`);
var root_5$14 = from_html(`<p class="words s1xha"> <!></p>`);
var root_6$12 = from_html(`<article><header class="row s1xha"><h3 class="grow"> </h3> <!> <!></header> <!></article>`);
function Message($$anchor, $$props) {
	push($$props, true);
	let editing = state(false);
	const NAMES = {
		user: "You",
		assistant: "Assistant",
		system: "System",
		developer: "Developer",
		tool: "Tool",
		text: "Continuation"
	};
	const name = user_derived(() => NAMES[$$props.turn.role]);
	const parts = user_derived(() => {
		const trace = $$props.turn.view?.trace;
		if (!get(editing) || !trace || !$$props.turn.line || $$props.turn.begun) return [];
		return pieces(trace, $$props.turn.line.path, $$props.turn.line.text).map((piece) => piece.text);
	});
	const branches = user_derived(() => $$props.turn.message === null ? $$props.page.branches.length : 0);
	var article = root_6$12();
	var header = child(article);
	var h3 = child(header);
	var text_1 = only_child(h3, true);
	var node = sibling(h3, 2);
	var consequent = ($$anchor) => {
		var fragment = root$30();
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
		var button_2 = root_1$27();
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
		{
			let $0 = user_derived(() => $$props.page.marks($$props.turn));
			let $1 = user_derived(() => [$$props.page.colour.value, $$props.page.sliders]);
			Editor($$anchor, {
				label: "Text of this message",
				get text() {
					return $$props.turn.text;
				},
				get parts() {
					return get(parts);
				},
				get marks() {
					return get($0);
				},
				get version() {
					return get($1);
				},
				onplace: (place) => $$props.page.select(place, $$props.turn.id),
				onsave: (text) => {
					set(editing, false);
					$$props.page.edit($$props.turn, text);
				},
				oncancel: () => set(editing, false)
			});
		}
	};
	var consequent_4 = ($$anchor) => {
		var fragment_2 = root_3$22();
		var node_3 = first_child(fragment_2);
		var consequent_3 = ($$anchor) => {
			var p = root_2$24();
			var text_3 = only_child(p, true);
			template_effect(($0) => set_text(text_3, $0), [() => readable($$props.turn.begun)]);
			append($$anchor, p);
		};
		if_block(node_3, ($$render) => {
			if ($$props.turn.begun) $$render(consequent_3);
		});
		var node_4 = sibling(node_3, 2);
		{
			let $0 = user_derived(() => get(name));
			let $1 = user_derived(() => plural($$props.turn.line.pieces.length, "token"));
			let $2 = user_derived(() => $$props.turn.view?.version ?? 0);
			let $3 = user_derived(() => $$props.page.marks($$props.turn));
			let $4 = user_derived(() => $$props.page.selected?.turn === $$props.turn.id ? $$props.page.selected.place : null);
			Tokens(node_4, {
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
		append($$anchor, fragment_2);
	};
	var alternate = ($$anchor) => {
		var p_1 = root_5$14();
		var text_4 = child(p_1, true);
		var node_5 = sibling(text_4);
		var consequent_5 = ($$anchor) => {
			var span_1 = root_4$16();
			append($$anchor, span_1);
		};
		if_block(node_5, ($$render) => {
			if ($$props.turn.view?.live && !$$props.turn.text) $$render(consequent_5);
		});
		reset(p_1);
		template_effect(($0) => set_text(text_4, $0), [() => readable($$props.turn.text)]);
		append($$anchor, p_1);
	};
	if_block(node_2, ($$render) => {
		if (get(editing)) $$render(consequent_2);
		else if ($$props.turn.line?.pieces.length) $$render(consequent_4, 1);
		else $$render(alternate, -1);
	});
	reset(article);
	template_effect(() => {
		set_attribute(article, "aria-label", get(name));
		set_class(article, 1, clsx($$props.turn.role), "s1xha");
		set_text(text_1, get(name));
	});
	append($$anchor, article);
	pop();
}
delegate(["click"]);
// src/panes/Chat.svelte
var root$29 = from_html(`<li><!></li>`);
var root_1$26 = from_html(`<li class="muted">Write a message below. Each token of the answer then shows what it was chosen from.</li>`);
var root_2$23 = from_html(`<ol class="s84k8"></ol>`);
function Chat($$anchor, $$props) {
	push($$props, true);
	var ol = root_2$23();
	each(ol, 21, () => $$props.page.turns, (turn) => turn.id, ($$anchor, turn) => {
		var li = root$29();
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
		var li_1 = root_1$26();
		append($$anchor, li_1);
	});
	reset(ol);
	append($$anchor, ol);
	pop();
}
// src/panes/ColourBar.svelte
var root$28 = from_html(`<option> </option>`);
var root_1$25 = from_html(`<i></i>`);
var root_2$22 = from_html(`<span class="legend muted s1kqc" aria-hidden="true"> <!> </span>`);
var root_3$21 = from_html(`<div class="row small"><label for="colour-by" class="muted">Colour by</label> <select id="colour-by"></select> <!> <span class="grow"></span> <details class="s1kqc"><summary class="muted s1kqc">Underlines</summary> <ul class="tiny s1kqc"><li class="s1kqc"><span class="dotted s1kqc">dotted</span> would be cut at the sliders' settings</li> <li class="s1kqc"><span class="double s1kqc">double</span> forced: by a constraint or as a beginning</li> <li class="s1kqc"><span class="dashed s1kqc">dashed</span> guessed by speculation, and right</li> <li class="s1kqc"><span class="wavy s1kqc">wavy</span> much entropy: look here</li> <li>a bar before it: here the text would part at the sliders' settings</li></ul></details></div>`);
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
	var div = root_3$21();
	var select = sibling(child(div), 2);
	each(select, 21, () => Object.entries(BY), ([name, { title }]) => name, ($$anchor, $$item) => {
		var $$array = user_derived(() => to_array(get($$item), 2));
		let name = () => get($$array)[0];
		let title = () => get($$array)[1].title;
		var option = root$28();
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
		var span = root_2$22();
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
			var i = root_1$25();
			template_effect(() => set_class(i, 1, `s${step ?? ""}`, "s1kqc"));
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
		if (page().colour.value !== "none" && !page().phone) $$render(consequent);
	});
	next(4);
	reset(div);
	bind_select_value(select, () => page().colour.value, ($$value) => page().colour.value = $$value);
	append($$anchor, div);
	pop();
}
// src/panes/Completion.svelte
var root$27 = from_html(`<div class="text s13i3"><label for="prompt"><h3>Text</h3></label> <textarea id="prompt" rows="4" placeholder="Write the beginning of a text" class="s13i3"></textarea> <!></div>`);
function Completion($$anchor, $$props) {
	push($$props, true);
	var div = root$27();
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
var root$26 = from_html(`<label class="spoken" for="composer">Message</label> <textarea id="composer" rows="2" class="s1i83"></textarea>`, 1);
var root_1$24 = from_html(`<span class="grow"></span>`);
var root_2$21 = from_html(`<button type="button" class="main s1i83">Stop <kbd class="s1i83">Esc</kbd></button>`);
var root_3$20 = from_html(`<button type="submit" class="main s1i83">Run</button>`);
var root_4$15 = from_html(`<form class="s1i83"><!> <div class="buttons s1i83"><!></div></form>`);
function Composer($$anchor, $$props) {
	push($$props, true);
	let page = prop($$props, "page", 7);
	const refused = user_derived(() => page().cannotRun);
	var form = root_4$15();
	var node = child(form);
	var consequent = ($$anchor) => {
		var fragment = root$26();
		var textarea = sibling(first_child(fragment), 2);
		remove_textarea_child(textarea);
		template_effect(() => set_attribute(textarea, "placeholder", page().turns.length ? "Write a message; left empty, Run answers again" : "Write a message"));
		bind_value(textarea, () => page().draft, ($$value) => page().draft = $$value);
		append($$anchor, fragment);
	};
	var alternate = ($$anchor) => {
		var span = root_1$24();
		append($$anchor, span);
	};
	if_block(node, ($$render) => {
		if (page().mode === "chat") $$render(consequent);
		else $$render(alternate, -1);
	});
	var div = sibling(node, 2);
	var node_1 = child(div);
	var consequent_1 = ($$anchor) => {
		var button = root_2$21();
		delegated("click", button, () => page().stop());
		append($$anchor, button);
	};
	var alternate_1 = ($$anchor) => {
		var button_1 = root_3$20();
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
var root$25 = from_html(`<span class="grow sda45">This server asks for a key.</span> <button class="sda45">Enter the key</button>`, 1);
var root_1$23 = from_html(`<span class="sda45"> </span>`);
var root_2$20 = from_html(`<span class="bead sda45" aria-hidden="true"></span> <span class="sda45"> </span>`, 1);
var root_3$19 = from_html(`<div class="banner sda45" role="status"><!></div>`);
function Loading($$anchor, $$props) {
	push($$props, true);
	var div = root_3$19();
	var node = child(div);
	var consequent = ($$anchor) => {
		var fragment = root$25();
		var button = sibling(first_child(fragment), 2);
		delegated("click", button, function(...$$args) {
			$$props.onkey?.apply(this, $$args);
		});
		append($$anchor, fragment);
	};
	var consequent_1 = ($$anchor) => {
		var span = root_1$23();
		var text = only_child(span);
		template_effect(() => set_text(text, `The server cannot be reached. What is here stays; the page tries again by itself. ${$$props.server.reason ?? ""}`));
		append($$anchor, span);
	};
	var alternate = ($$anchor) => {
		var fragment_1 = root_2$20();
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
var root$24 = from_html(`<span> </span>`);
var root_1$22 = from_html(`<span title="Time to the first token"> </span>`);
var root_2$19 = from_html(`<span> <!></span>`);
var root_3$18 = from_html(`<span>seed <span class="mono"> </span></span>`);
var root_4$14 = from_html(`<span> </span> <!> <span> </span> <!> <!> <!> <!> <!>`, 1);
var root_5$13 = from_html(`<span> </span> <span> </span> <!> <!> <!>`, 1);
var root_6$11 = from_html(`<span>Nothing has run yet.</span>`);
var root_7$8 = from_html(`<div class="status small muted s11n9"><!></div>`);
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
	var div = root_7$8();
	var node = child(div);
	var consequent_7 = ($$anchor) => {
		var fragment = root_4$14();
		var span = first_child(fragment);
		var text = only_child(span, true);
		var node_1 = sibling(span, 2);
		var consequent = ($$anchor) => {
			var span_1 = root$24();
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
			var span_3 = root$24();
			var text_3 = only_child(span_3);
			template_effect(($0) => set_text(text_3, `${$0 ?? ""} tok/s`), [() => fixed($$props.live.rate, 1)]);
			append($$anchor, span_3);
		};
		if_block(node_2, ($$render) => {
			if ($$props.live.rate) $$render(consequent_1);
		});
		var node_3 = sibling(node_2, 2);
		var consequent_2 = ($$anchor) => {
			var span_4 = root_1$22();
			var text_4 = only_child(span_4);
			template_effect(($0) => set_text(text_4, `TTFT ${$0 ?? ""} s`), [() => fixed($$props.live.first / 1e3, 2)]);
			append($$anchor, span_4);
		};
		if_block(node_3, ($$render) => {
			if ($$props.live.first !== null) $$render(consequent_2);
		});
		var node_4 = sibling(node_3, 2);
		var consequent_4 = ($$anchor) => {
			var span_5 = root_2$19();
			var text_5 = child(span_5);
			var node_5 = sibling(text_5);
			var consequent_3 = ($$anchor) => {
				var text_6 = text$2();
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
			var span_6 = root_3$18();
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
			var span_8 = root$24();
			var text_8 = only_child(span_8);
			template_effect(() => set_text(text_8, `ended: ${$$props.live.finish ?? ""}`));
			append($$anchor, span_8);
		};
		if_block(node_7, ($$render) => {
			if ($$props.live.finish) $$render(consequent_6);
		});
		template_effect(($0) => {
			set_class(span, 1, `word ${$$props.live.status ?? ""}`, "s11n9");
			set_text(text, WORDS[$$props.live.status]);
			set_text(text_2, $0);
		}, [() => plural($$props.live.count, "token")]);
		append($$anchor, fragment);
	};
	var consequent_11 = ($$anchor) => {
		var fragment_2 = root_5$13();
		var span_9 = first_child(fragment_2);
		var text_9 = only_child(span_9, true);
		var span_10 = sibling(span_9, 2);
		var text_10 = only_child(span_10, true);
		var node_8 = sibling(span_10, 2);
		var consequent_8 = ($$anchor) => {
			var span_11 = root$24();
			var text_11 = only_child(span_11);
			template_effect(($0) => set_text(text_11, `TTFT ${$0 ?? ""} s`), [() => fixed($$props.run.timings.first / 1e3, 2)]);
			append($$anchor, span_11);
		};
		if_block(node_8, ($$render) => {
			if ($$props.run.timings?.first != null) $$render(consequent_8);
		});
		var node_9 = sibling(node_8, 2);
		var consequent_9 = ($$anchor) => {
			var span_12 = root$24();
			var text_12 = only_child(span_12);
			template_effect(($0) => set_text(text_12, `prompt ${$0 ?? ""}`), [() => count($$props.run.usage.prompt_tokens)]);
			append($$anchor, span_12);
		};
		if_block(node_9, ($$render) => {
			if ($$props.run.usage) $$render(consequent_9);
		});
		var node_10 = sibling(node_9, 2);
		var consequent_10 = ($$anchor) => {
			var span_13 = root_3$18();
			var span_14 = sibling(child(span_13));
			var text_13 = only_child(span_14, true);
			reset(span_13);
			template_effect(() => set_text(text_13, $$props.seed));
			append($$anchor, span_13);
		};
		if_block(node_10, ($$render) => {
			if ($$props.seed !== null) $$render(consequent_10);
		});
		template_effect(($0) => {
			set_class(span_9, 1, `word ${$$props.run.end ?? ""}`, "s11n9");
			set_text(text_9, WORDS[$$props.run.end]);
			set_text(text_10, $0);
		}, [() => plural($$props.run.trace.tokens.length, "token")]);
		append($$anchor, fragment_2);
	};
	var alternate = ($$anchor) => {
		var span_15 = root_6$11();
		append($$anchor, span_15);
	};
	if_block(node, ($$render) => {
		if ($$props.live) $$render(consequent_7);
		else if ($$props.run) $$render(consequent_11, 1);
		else $$render(alternate, -1);
	});
	reset(div);
	append($$anchor, div);
	pop();
}
// src/panes/Strip.svelte
var root$23 = from_html(`<option> </option>`);
var root_1$21 = from_html(`<div class="row"><label class="spoken" for="strip-line">Line</label> <select id="strip-line"></select> <span class="grow small muted"> </span> <button class="plain">Table</button></div>`);
var root_2$18 = from_html(`<tr><td class="number"></td><td class="mono"> </td><td class="number"> </td><td class="number"> </td><td class="number"> </td></tr>`);
var root_3$17 = from_html(`<div class="table s1jyx" tabindex="0" role="region" aria-label="Each token's entropy, surprise and nucleus"><table><thead><tr><th scope="col" class="number">token</th><th scope="col">text</th><th scope="col" class="number">entropy</th><th scope="col" class="number">surprise</th><th scope="col" class="number">kept</th></tr></thead><tbody></tbody></table></div>`);
var root_4$13 = from_html(`<span class="after s1jyx"></span>`);
var root_5$12 = from_html(`<span class="now s1jyx"></span>`);
var root_6$10 = from_html(`<div class="canvas s1jyx" role="slider" tabindex="0"><canvas class="s1jyx"></canvas> <!> <!></div>`);
var root_7$7 = from_html(`<section aria-label="Entropy strip" class="strip s1jyx"><!> <!></section>`);
function Strip($$anchor, $$props) {
	push($$props, true);
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
	var section = root_7$7();
	var node = child(section);
	var consequent = ($$anchor) => {
		var div = root_1$21();
		var select = sibling(child(div), 2);
		each(select, 21, () => Object.entries(LINES), ([name, label]) => name, ($$anchor, $$item) => {
			var $$array = user_derived(() => to_array(get($$item), 2));
			let name = () => get($$array)[0];
			let label = () => get($$array)[1];
			var option = root$23();
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
		template_effect(($0) => {
			set_text(text_1, $0);
			set_attribute(button, "aria-pressed", get(table));
		}, [() => get(now) ? `token ${$$props.selected}: ${get(what) === "kept" ? get(now).kept : fixed(get(now)[get(what)], 2)}` : ""]);
		bind_select_value(select, () => get(what), ($$value) => set(what, $$value));
		delegated("click", button, () => set(table, !get(table)));
		append($$anchor, div);
	};
	if_block(node, ($$render) => {
		if (!$$props.compact) $$render(consequent);
	});
	var node_1 = sibling(node, 2);
	var consequent_1 = ($$anchor) => {
		var div_1 = root_3$17();
		var table_1 = child(div_1);
		var tbody = sibling(child(table_1));
		each(tbody, 21, () => $$props.places, index, ($$anchor, place, index) => {
			var tr = root_2$18();
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
				classes = set_class(tr, 1, "s1jyx", null, classes, { now: index === $$props.selected });
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
		var div_2 = root_6$10();
		set_attribute(div_2, "aria-valuemin", 0);
		var canvas_1 = child(div_2);
		bind_this(canvas_1, ($$value) => set(canvas, $$value), () => get(canvas));
		var node_2 = sibling(canvas_1, 2);
		var consequent_2 = ($$anchor) => {
			var span_1 = root_4$13();
			let styles;
			template_effect(() => styles = set_style(span_1, "", styles, { left: `${100 * $$props.parts / $$props.places.length}%` }));
			append($$anchor, span_1);
		};
		if_block(node_2, ($$render) => {
			if ($$props.parts !== null && $$props.places.length) $$render(consequent_2);
		});
		var node_3 = sibling(node_2, 2);
		var consequent_3 = ($$anchor) => {
			var span_2 = root_5$12();
			let styles_1;
			template_effect(() => styles_1 = set_style(span_2, "", styles_1, {
				left: `${100 * $$props.selected / $$props.places.length}%`,
				width: `max(3px, ${100 / $$props.places.length}%)`
			}));
			append($$anchor, span_2);
		};
		if_block(node_3, ($$render) => {
			if (get(now)) $$render(consequent_3);
		});
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
	if_block(node_1, ($$render) => {
		if (get(table)) $$render(consequent_1);
		else $$render(alternate, -1);
	});
	reset(section);
	append($$anchor, section);
	pop();
}
delegate([
	"click",
	"keydown",
	"pointerdown",
	"pointermove"
]);
// src/ui/Slider.svelte
var root$22 = from_html(`<output class="tiny muted sfvvp"> </output>`);
var root_1$20 = from_html(`<div class="slider sfvvp"><label class="sfvvp"> </label> <input type="range"/> <input type="number" step="any" class="sfvvp"/> <!></div>`);
function Slider($$anchor, $$props) {
	const id = props_id();
	push($$props, true);
	let effect = prop($$props, "effect", 3, ""), disabled = prop($$props, "disabled", 3, false);
	function typed(event) {
		const field = event.currentTarget;
		if (field.value !== "" && field.validity.valid) $$props.onchange(field.valueAsNumber);
	}
	var div = root_1$20();
	var label_1 = child(div);
	var text = only_child(label_1, true);
	var input = sibling(label_1, 2);
	remove_input_defaults(input);
	var input_1 = sibling(input, 2);
	remove_input_defaults(input_1);
	var node = sibling(input_1, 2);
	var consequent = ($$anchor) => {
		var output = root$22();
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
// src/panes/Field.svelte
var root$21 = from_html(`<label class="slpgz"><input type="checkbox"/> </label>`);
var root_1$19 = from_html(`<option> </option>`);
var root_2$17 = from_html(`<label class="line slpgz"> <select class="slpgz"><option> </option><!></select></label>`);
var root_3$16 = from_html(`<label class="slpgz"> </label> <textarea rows="2" class="mono"></textarea>`, 1);
var root_4$12 = from_html(`<label class="line slpgz"> <input type="text" class="slpgz"/></label>`);
var root_5$11 = from_html(`<button class="plain reset slpgz">reset</button>`);
var root_6$9 = from_html(`<p role="alert" class="tiny problem slpgz"> </p>`);
var root_7$6 = from_html(`<div><!> <p class="tiny muted"><!> <!> </p> <!></div>`);
function Field($$anchor, $$props) {
	const id = props_id();
	push($$props, true);
	let refused = prop($$props, "refused", 3, "");
	const ENDS = {
		temperature: [0, 2],
		top_k: [0, 200],
		max_tokens: [1, 1024],
		repetition_penalty: [.5, 2]
	};
	const MOST = 1e3;
	const label = user_derived(() => spoken($$props.parameter.name));
	const types = user_derived(() => [$$props.parameter.type].flat());
	const whole = user_derived(() => get(types).includes("integer"));
	const numeric = user_derived(() => (get(whole) || get(types).includes("number")) && !get(types).includes("string"));
	const listed = user_derived(() => get(types).includes("array"));
	const usual = user_derived(() => $$props.parameter.default ?? $$props.parameter.neutral);
	const hint = user_derived(() => get(usual) === null || get(usual) === void 0 ? "not set" : typeof get(usual) === "object" ? JSON.stringify(get(usual)) : String(get(usual)));
	const disabled = user_derived(() => refused() !== "" && $$props.value === void 0);
	const ends = user_derived(() => {
		const { name, min, max } = $$props.parameter;
		return ENDS[name] ?? (typeof min === "number" && typeof max === "number" && max <= MOST ? [min, max] : null);
	});
	const written = user_derived(() => $$props.value === void 0 ? "" : Array.isArray($$props.value) ? $$props.value.map(text).join("\n") : text($$props.value));
	let problem = state("");
	function text(one) {
		return typeof one === "string" ? one : JSON.stringify(one);
	}
	function read(entered) {
		if (get(numeric)) {
			const number = Number(entered);
			if (!Number.isFinite(number) || get(whole) && !Number.isInteger(number)) throw new Error(`should be a ${get(whole) ? "whole " : ""}number`);
			return number;
		}
		if (get(listed)) return entered.split("\n").filter((line) => line !== "").map((line) => /^\[/.test(line) || /_ids$/.test($$props.parameter.name) ? JSON.parse(line) : line);
		if (get(types).includes("object")) return JSON.parse(entered);
		return entered;
	}
	function change(event) {
		const entered = event.currentTarget.value;
		set(problem, "");
		try {
			$$props.onchange(entered === "" ? void 0 : read(entered));
		} catch (error) {
			set(problem, `${get(label)} ${error instanceof SyntaxError ? "should be JSON" : error.message}`);
		}
	}
	var div = root_7$6();
	let classes;
	var node = child(div);
	var consequent = ($$anchor) => {
		{
			let $0 = user_derived(() => Number($$props.value ?? get(usual) ?? get(ends)[0]));
			let $1 = user_derived(() => get(whole) ? 1 : (get(ends)[1] - get(ends)[0]) / 100);
			Slider($$anchor, {
				get label() {
					return get(label);
				},
				get value() {
					return get($0);
				},
				get min() {
					return get(ends)[0];
				},
				get max() {
					return get(ends)[1];
				},
				get step() {
					return get($1);
				},
				get disabled() {
					return get(disabled);
				},
				onchange: (number) => $$props.onchange(get(whole) ? Math.round(number) : number)
			});
		}
	};
	var consequent_1 = ($$anchor) => {
		var label_1 = root$21();
		var input = child(label_1);
		remove_input_defaults(input);
		var text_1 = sibling(input);
		reset(label_1);
		template_effect(() => {
			set_checked(input, ($$props.value ?? get(usual)) === true);
			input.disabled = get(disabled);
			set_text(text_1, ` ${get(label) ?? ""}`);
		});
		delegated("change", input, (event) => $$props.onchange(event.currentTarget.checked));
		append($$anchor, label_1);
	};
	var d = user_derived(() => get(types).includes("boolean") && get(types).length === 1);
	var consequent_2 = ($$anchor) => {
		var label_2 = root_2$17();
		var text_2 = child(label_2);
		var select = sibling(text_2);
		var option = child(select);
		var text_3 = only_child(option, true);
		option.value = option.__value = "";
		var node_1 = sibling(option);
		each(node_1, 16, () => $$props.parameter.choices, (choice) => choice, ($$anchor, choice) => {
			var option_1 = root_1$19();
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
		reset(label_2);
		template_effect(() => {
			set_text(text_2, `${get(label) ?? ""} `);
			select.disabled = get(disabled);
			set_text(text_3, get(hint));
			if (select_value !== (select_value = get(written))) select.value = (select.__value = select_value) ?? "", select_option(select, select_value);
		});
		delegated("change", select, change);
		append($$anchor, label_2);
	};
	var consequent_3 = ($$anchor) => {
		var fragment_1 = root_3$16();
		var label_3 = first_child(fragment_1);
		var text_5 = only_child(label_3);
		var textarea = sibling(label_3, 2);
		remove_textarea_child(textarea);
		template_effect(() => {
			set_attribute(label_3, "for", id);
			set_text(text_5, `${get(label) ?? ""}${get(listed) ? ", one a line" : ", as JSON"}`);
			set_attribute(textarea, "id", id);
			textarea.disabled = get(disabled);
			set_attribute(textarea, "placeholder", get(hint));
			set_value(textarea, get(written));
		});
		delegated("change", textarea, change);
		append($$anchor, fragment_1);
	};
	var d_1 = user_derived(() => get(listed) || get(types).includes("object"));
	var alternate = ($$anchor) => {
		var label_4 = root_4$12();
		var text_6 = child(label_4);
		var input_1 = sibling(text_6);
		remove_input_defaults(input_1);
		reset(label_4);
		template_effect(() => {
			set_text(text_6, `${get(label) ?? ""} `);
			set_attribute(input_1, "inputmode", get(numeric) ? "decimal" : void 0);
			set_attribute(input_1, "placeholder", get(hint));
			input_1.disabled = get(disabled);
			set_value(input_1, get(written));
		});
		delegated("change", input_1, change);
		append($$anchor, label_4);
	};
	if_block(node, ($$render) => {
		if (get(numeric) && get(ends)) $$render(consequent);
		else if (get(d)) $$render(consequent_1, 1);
		else if ($$props.parameter.choices && !get(listed)) $$render(consequent_2, 2);
		else if (get(d_1)) $$render(consequent_3, 3);
		else $$render(alternate, -1);
	});
	var p = sibling(node, 2);
	var node_2 = child(p);
	var consequent_4 = ($$anchor) => {
		var text_7 = text$2();
		template_effect(() => set_text(text_7, `${$$props.parameter.help ?? ""}.`));
		append($$anchor, text_7);
	};
	if_block(node_2, ($$render) => {
		if ($$props.parameter.help) $$render(consequent_4);
	});
	var node_3 = sibling(node_2, 2);
	var consequent_5 = ($$anchor) => {
		var button = root_5$11();
		template_effect(() => set_attribute(button, "aria-label", `Reset ${get(label) ?? ""}`));
		delegated("click", button, () => $$props.onchange(void 0));
		append($$anchor, button);
	};
	var consequent_6 = ($$anchor) => {
		var text_8 = text$2("Recommended by the model.");
		append($$anchor, text_8);
	};
	if_block(node_3, ($$render) => {
		if ($$props.value !== void 0) $$render(consequent_5);
		else if ($$props.parameter.source === "checkpoint") $$render(consequent_6, 1);
	});
	var text_9 = sibling(node_3);
	reset(p);
	var node_4 = sibling(p, 2);
	var consequent_7 = ($$anchor) => {
		var p_1 = root_6$9();
		var text_10 = only_child(p_1);
		template_effect(() => set_text(text_10, `${get(problem) ?? ""}.`));
		append($$anchor, p_1);
	};
	if_block(node_4, ($$render) => {
		if (get(problem)) $$render(consequent_7);
	});
	reset(div);
	template_effect(() => {
		classes = set_class(div, 1, "field slpgz", null, classes, { set: $$props.value !== void 0 });
		set_attribute(div, "title", refused() || void 0);
		set_text(text_9, ` ${refused() ?? ""}`);
	});
	append($$anchor, div);
	pop();
}
delegate(["change", "click"]);
// src/panes/Ledger.svelte
var root$20 = from_html(`<!> `, 1);
var root_1$18 = from_html(`<tr><th scope="row"> </th><td class="number"> </td><td class="limit s13aj"><!></td></tr>`);
var root_2$16 = from_html(`<table><caption class="s13aj"><h3>Ledger</h3></caption><tbody></tbody></table>`);
var root_3$15 = from_html(`<p class="muted">Here stands what a run of Solve costs, while it runs.</p>`);
function Ledger($$anchor, $$props) {
	push($$props, true);
	const NAMES = {
		prompt_tokens: "prompt tokens",
		cached_tokens: "of them cached",
		generated_tokens: "generated tokens",
		reward_tokens: "tokens of rewards",
		requests: "requests",
		seconds: "seconds",
		flops: "operations, ×10⁹"
	};
	const told = user_derived(() => Object.entries(NAMES).filter(([name]) => $$props.solving.ledger?.[name] !== void 0));
	const limits = user_derived(() => ({
		generated_tokens: $$props.solving.tokens,
		seconds: $$props.solving.seconds
	}));
	const shown = (name, value) => name === "seconds" ? fixed(value, 1) : name === "flops" ? fixed(value / 1e9, 1) : count(value);
	var fragment = comment();
	var node = first_child(fragment);
	var consequent_1 = ($$anchor) => {
		var table = root_2$16();
		var tbody = sibling(child(table));
		each(tbody, 21, () => get(told), ([name, title]) => name, ($$anchor, $$item) => {
			var $$array = user_derived(() => to_array(get($$item), 2));
			let name = () => get($$array)[0];
			let title = () => get($$array)[1];
			const value = user_derived(() => $$props.solving.ledger[name()]);
			var tr = root_1$18();
			var th = child(tr);
			var text = only_child(th, true);
			var td = sibling(th);
			var text_1 = only_child(td, true);
			var td_1 = sibling(td);
			var node_1 = child(td_1);
			var consequent = ($$anchor) => {
				var fragment_1 = root$20();
				var node_2 = first_child(fragment_1);
				{
					let $0 = user_derived(() => get(value) / get(limits)[name()]);
					Meter(node_2, { get share() {
						return get($0);
					} });
				}
				var text_2 = sibling(node_2);
				template_effect(($0) => set_text(text_2, ` of ${$0 ?? ""}`), [() => shown(name(), get(limits)[name()])]);
				append($$anchor, fragment_1);
			};
			if_block(node_1, ($$render) => {
				if (get(limits)[name()]) $$render(consequent);
			});
			reset(td_1);
			reset(tr);
			template_effect(($0) => {
				set_text(text, title());
				set_text(text_1, $0);
			}, [() => shown(name(), get(value))]);
			append($$anchor, tr);
		});
		reset(tbody);
		reset(table);
		append($$anchor, table);
	};
	var alternate = ($$anchor) => {
		var p = root_3$15();
		append($$anchor, p);
	};
	if_block(node, ($$render) => {
		if ($$props.solving.ledger) $$render(consequent_1);
		else $$render(alternate, -1);
	});
	append($$anchor, fragment);
	pop();
}
// src/panes/Solve.svelte
var root$19 = from_html(`<option> </option>`);
var root_1$17 = from_html(`<details><summary class="small"> </summary> <div class="fields s1gck"></div></details>`);
var root_2$15 = from_html(`<button type="button" class="main">Stop</button>`);
var root_3$14 = from_html(`<button type="submit" class="main">Solve</button>`);
var root_4$11 = from_html(`<p class="error s1gck" role="alert"> </p>`);
var root_5$10 = from_html(`<span class="tiny"> </span>`);
var root_6$8 = from_html(`<section class="best s1gck"><h3> <!><!></h3> <p class="words s1gck"> </p></section>`);
var root_7$5 = from_html(`<section aria-labelledby="votes-title"><h3 id="votes-title">Votes</h3> <!></section>`);
var root_8$1 = from_html(`<span class="tiny">— chosen</span>`);
var root_9$1 = from_html(`<li><h3> <!><!><!></h3> <p class="words s1gck"> </p></li>`);
var root_10 = from_html(`<form class="s1gck"><label for="problem">Problem</label> <textarea id="problem" rows="3" placeholder="Anna has 3 apples and buys 2 more. How many apples has she?"></textarea> <div class="fields s1gck"><label class="s1gck">Strategy <select class="s1gck"></select></label> <label class="s1gck">Reward <select class="s1gck"><option>none: a vote</option><!></select></label> <label class="s1gck">Samples <input type="number" min="1" class="s1gck"/></label> <label class="s1gck">Tokens at most <input type="number" min="1" class="s1gck"/></label> <label class="s1gck">Seconds at most <input type="number" min="1" class="s1gck"/></label> <label class="s1gck">Known answer <input type="text" placeholder="if there is one" class="s1gck"/></label></div> <!> <div class="row"><!> <span class="small muted grow"><!>Sampling is as the settings say.</span></div></form> <!> <div class="scroll s1gck" tabindex="0" role="region" aria-label="Candidates"><!> <!> <ol class="candidates s1gck"></ol> <!></div>`, 1);
function Solve($$anchor, $$props) {
	push($$props, true);
	const solving = user_derived(() => $$props.page.solve);
	const features = user_derived(() => $$props.page.server.info?.features);
	const strategy = user_derived(() => get(features)?.strategies.find((one) => one.name === get(solving).strategy));
	const rewards = user_derived(() => get(features)?.rewards ?? []);
	const refused = user_derived(() => $$props.page.server.state !== "ready" ? "the server is not ready" : !get(solving).problem.trim() ? "write a problem first" : get(strategy)?.reward_needed && !get(solving).reward ? "this strategy needs a reward" : "");
	const number = (event) => {
		const field = event.currentTarget;
		return field.value === "" ? null : field.valueAsNumber;
	};
	const answer = user_derived(() => get(solving).answer);
	const candidates = user_derived(() => get(answer) ? get(answer).candidates : get(solving).texts.map((text) => ({
		text,
		answer: void 0,
		score: void 0
	})));
	const best = user_derived(() => get(answer) ?? get(solving).best);
	const scoreOf = (score) => get(solving).scale === "probability" ? percent(score) : fixed(score, 3);
	function typeOf(usual) {
		if (usual === null) return "number";
		return typeof usual === "boolean" || typeof usual === "number" ? typeof usual : "string";
	}
	function set(name, value) {
		const { [name]: _, ...others } = get(solving).settings;
		get(solving).settings = value === void 0 ? others : {
			...others,
			[name]: value
		};
	}
	var fragment = root_10();
	var form = first_child(fragment);
	var textarea = sibling(child(form), 2);
	remove_textarea_child(textarea);
	var div = sibling(textarea, 2);
	var label = child(div);
	var select = sibling(child(label));
	each(select, 21, () => get(features)?.strategies ?? [], (one) => one.name, ($$anchor, one) => {
		var option = root$19();
		var text_1 = only_child(option, true);
		var option_value = {};
		template_effect(() => {
			set_text(text_1, get(one).name);
			if (option_value !== (option_value = get(one).name)) option.value = (option.__value = option_value) ?? "";
		});
		append($$anchor, option);
	});
	reset(select);
	init_select(select);
	reset(label);
	var label_1 = sibling(label, 2);
	var select_1 = sibling(child(label_1));
	var option_1 = child(select_1);
	option_1.value = option_1.__value = "";
	var node = sibling(option_1);
	each(node, 17, () => get(rewards), (one) => one.name, ($$anchor, one) => {
		var option_2 = root$19();
		var text_2 = only_child(option_2);
		var option_2_value = {};
		template_effect(() => {
			option_2.disabled = get(one).refused !== null;
			set_text(text_2, `${get(one).name ?? ""}${get(one).refused ? " (not here)" : ""}`);
			if (option_2_value !== (option_2_value = get(one).name)) option_2.value = (option_2.__value = option_2_value) ?? "";
		});
		append($$anchor, option_2);
	});
	reset(select_1);
	init_select(select_1);
	reset(label_1);
	var label_2 = sibling(label_1, 2);
	var input = sibling(child(label_2));
	remove_input_defaults(input);
	reset(label_2);
	var label_3 = sibling(label_2, 2);
	var input_1 = sibling(child(label_3));
	remove_input_defaults(input_1);
	reset(label_3);
	var label_4 = sibling(label_3, 2);
	var input_2 = sibling(child(label_4));
	remove_input_defaults(input_2);
	reset(label_4);
	var label_5 = sibling(label_4, 2);
	var input_3 = sibling(child(label_5));
	remove_input_defaults(input_3);
	reset(label_5);
	reset(div);
	var node_1 = sibling(div, 2);
	var consequent = ($$anchor) => {
		var details = root_1$17();
		var summary = child(details);
		var text_3 = only_child(summary);
		var div_1 = sibling(summary, 2);
		each(div_1, 21, () => get(strategy).settings, ({ name, default: usual, choices }) => name, ($$anchor, $$item) => {
			let name = () => get($$item).name;
			let usual = () => get($$item).default;
			let choices = () => get($$item).choices;
			{
				let $0 = user_derived(() => ({
					name: name(),
					help: "",
					type: typeOf(usual()),
					default: usual(),
					choices: choices()
				}));
				Field($$anchor, {
					get parameter() {
						return get($0);
					},
					get value() {
						return get(solving).settings[name()];
					},
					onchange: (value) => set(name(), value)
				});
			}
		});
		reset(div_1);
		reset(details);
		template_effect(() => set_text(text_3, `Settings of ${get(strategy).name ?? ""}`));
		append($$anchor, details);
	};
	if_block(node_1, ($$render) => {
		if (get(strategy)?.settings.length) $$render(consequent);
	});
	var div_2 = sibling(node_1, 2);
	var node_2 = child(div_2);
	var consequent_1 = ($$anchor) => {
		var button = root_2$15();
		delegated("click", button, () => $$props.page.stop());
		append($$anchor, button);
	};
	var alternate = ($$anchor) => {
		var button_1 = root_3$14();
		template_effect(() => {
			button_1.disabled = get(refused) !== "";
			set_attribute(button_1, "title", get(refused));
		});
		append($$anchor, button_1);
	};
	if_block(node_2, ($$render) => {
		if (get(solving).status === "running") $$render(consequent_1);
		else $$render(alternate, -1);
	});
	var span = sibling(node_2, 2);
	var node_3 = child(span);
	var consequent_2 = ($$anchor) => {
		var text_4 = text$2();
		template_effect(() => set_text(text_4, `${get(solving).status ?? ""}${get(solving).status === "stopped" ? ": the best so far stays" : ""}.`));
		append($$anchor, text_4);
	};
	if_block(node_3, ($$render) => {
		if (get(solving).status) $$render(consequent_2);
	});
	next();
	reset(span);
	reset(div_2);
	reset(form);
	var node_4 = sibling(form, 2);
	var consequent_3 = ($$anchor) => {
		var p = root_4$11();
		var text_5 = only_child(p);
		template_effect(() => set_text(text_5, `${get(solving).error ?? ""}.`));
		append($$anchor, p);
	};
	if_block(node_4, ($$render) => {
		if (get(solving).error) $$render(consequent_3);
	});
	var div_3 = sibling(node_4, 2);
	var node_5 = child(div_3);
	var consequent_6 = ($$anchor) => {
		var section = root_6$8();
		var h3 = child(section);
		var text_6 = child(h3, true);
		var node_6 = sibling(text_6);
		var consequent_4 = ($$anchor) => {
			var text_7 = text$2();
			template_effect(($0) => set_text(text_7, `: ${$0 ?? ""}`), [() => readable(get(best).answer)]);
			append($$anchor, text_7);
		};
		if_block(node_6, ($$render) => {
			if (get(best).answer) $$render(consequent_4);
		});
		var node_7 = sibling(node_6);
		var consequent_5 = ($$anchor) => {
			var span_1 = root_5$10();
			var text_8 = only_child(span_1);
			template_effect(() => set_text(text_8, `— ${get(answer).right ? "right" : "wrong"}`));
			append($$anchor, span_1);
		};
		if_block(node_7, ($$render) => {
			if (get(answer)?.right != null) $$render(consequent_5);
		});
		reset(h3);
		var p_1 = sibling(h3, 2);
		var text_9 = only_child(p_1, true);
		reset(section);
		template_effect(($0) => {
			set_attribute(section, "aria-label", get(answer) ? "Answer" : "Best so far");
			set_text(text_6, get(answer) ? "Answer" : "Best so far");
			set_text(text_9, $0);
		}, [() => readable(get(best).text)]);
		append($$anchor, section);
	};
	if_block(node_5, ($$render) => {
		if (get(best)) $$render(consequent_6);
	});
	var node_8 = sibling(node_5, 2);
	var consequent_7 = ($$anchor) => {
		var section_1 = root_7$5();
		var node_9 = sibling(child(section_1), 2);
		{
			let $0 = user_derived(() => get(answer).votes.map((vote) => ({
				name: vote.answer === null ? "no answer" : visible(vote.answer),
				value: vote.weight,
				figure: `${fixed(vote.weight, 2)} from ${vote.members.length}`
			})));
			BarList(node_9, { get bars() {
				return get($0);
			} });
		}
		reset(section_1);
		append($$anchor, section_1);
	};
	if_block(node_8, ($$render) => {
		if (get(answer)?.votes.length) $$render(consequent_7);
	});
	var ol = sibling(node_8, 2);
	each(ol, 21, () => get(candidates), index, ($$anchor, one, index) => {
		var li = root_9$1();
		let classes;
		var h3_1 = child(li);
		var text_10 = child(h3_1, true);
		text_10.nodeValue = index + 1;
		var node_10 = sibling(text_10);
		var consequent_8 = ($$anchor) => {
			var text_11 = text$2();
			template_effect(($0) => set_text(text_11, `: ${$0 ?? ""}`), [() => readable(get(one).answer)]);
			append($$anchor, text_11);
		};
		if_block(node_10, ($$render) => {
			if (get(one).answer) $$render(consequent_8);
		});
		var node_11 = sibling(node_10);
		var consequent_9 = ($$anchor) => {
			var span_2 = root_5$10();
			var text_12 = only_child(span_2);
			template_effect(($0) => set_text(text_12, `— reward ${$0 ?? ""}`), [() => scoreOf(get(one).score)]);
			append($$anchor, span_2);
		};
		if_block(node_11, ($$render) => {
			if (get(one).score != null) $$render(consequent_9);
		});
		var node_12 = sibling(node_11);
		var consequent_10 = ($$anchor) => {
			var span_3 = root_8$1();
			append($$anchor, span_3);
		};
		if_block(node_12, ($$render) => {
			if (get(answer)?.chosen === index) $$render(consequent_10);
		});
		reset(h3_1);
		var p_2 = sibling(h3_1, 2);
		var text_13 = only_child(p_2, true);
		reset(li);
		template_effect(($0) => {
			classes = set_class(li, 1, "s1gck", null, classes, { chosen: get(answer)?.chosen === index });
			set_text(text_13, $0);
		}, [() => readable(get(one).text)]);
		append($$anchor, li);
	});
	reset(ol);
	var node_13 = sibling(ol, 2);
	var consequent_11 = ($$anchor) => {
		Ledger($$anchor, { get solving() {
			return get(solving);
		} });
	};
	if_block(node_13, ($$render) => {
		if (get(solving).ledger && $$props.page.phone) $$render(consequent_11);
	});
	reset(div_3);
	template_effect(() => {
		set_value(input, get(solving).samples);
		set_value(input_1, get(solving).tokens);
		set_value(input_2, get(solving).seconds);
	});
	event("submit", form, (event) => {
		event.preventDefault();
		$$props.page.solveNow();
	});
	bind_value(textarea, () => get(solving).problem, ($$value) => get(solving).problem = $$value);
	delegated("change", select, () => get(solving).settings = {});
	bind_select_value(select, () => get(solving).strategy, ($$value) => get(solving).strategy = $$value);
	bind_select_value(select_1, () => get(solving).reward, ($$value) => get(solving).reward = $$value);
	delegated("change", input, (event) => get(solving).samples = number(event) ?? 8);
	delegated("change", input_1, (event) => get(solving).tokens = number(event));
	delegated("change", input_2, (event) => get(solving).seconds = number(event));
	bind_value(input_3, () => get(solving).reference, ($$value) => get(solving).reference = $$value);
	append($$anchor, fragment);
	pop();
}
delegate(["change", "click"]);
// src/panes/DocumentPane.svelte
var root$18 = from_html(`<button>Export</button>`);
var root_1$16 = from_html(`<button class="plain" aria-label="Put away">✕</button>`);
var root_2$14 = from_html(`<div class="notice row s1ebl" role="alert"><span class="grow"> </span> <!> <!></div>`);
var root_3$13 = from_html(`<p class="error s1ebl" role="alert"> </p>`);
var root_4$10 = from_html(`<!> <!>`, 1);
var root_5$9 = from_html(`<!> <div class="scroll s1ebl" tabindex="0" role="region"><!> <!></div> <!> <!>`, 1);
var root_6$7 = from_html(`<div class="pane s1ebl"><h2 class="spoken">Document</h2> <!> <!> <!></div>`);
function DocumentPane($$anchor, $$props) {
	push($$props, true);
	let page = prop($$props, "page", 7);
	const alone = user_derived(() => page().phone && page().view === "choice");
	var div = root_6$7();
	var node = sibling(child(div), 2);
	var consequent = ($$anchor) => {
		Loading($$anchor, {
			get server() {
				return page().server;
			},
			onkey: () => page().open("key")
		});
	};
	if_block(node, ($$render) => {
		if (page().server.state !== "ready") $$render(consequent);
	});
	var node_1 = sibling(node, 2);
	var consequent_3 = ($$anchor) => {
		var div_1 = root_2$14();
		var span = child(div_1);
		var text = only_child(span, true);
		var node_2 = sibling(span, 2);
		var consequent_1 = ($$anchor) => {
			var button = root$18();
			delegated("click", button, () => page().open("history"));
			append($$anchor, button);
		};
		if_block(node_2, ($$render) => {
			if (page().library.problem) $$render(consequent_1);
		});
		var node_3 = sibling(node_2, 2);
		var consequent_2 = ($$anchor) => {
			var button_1 = root_1$16();
			delegated("click", button_1, () => page().notice = "");
			append($$anchor, button_1);
		};
		if_block(node_3, ($$render) => {
			if (page().notice) $$render(consequent_2);
		});
		reset(div_1);
		template_effect(() => set_text(text, page().notice || page().library.problem));
		append($$anchor, div_1);
	};
	if_block(node_1, ($$render) => {
		if (page().notice || page().library.problem) $$render(consequent_3);
	});
	var node_4 = sibling(node_1, 2);
	var consequent_4 = ($$anchor) => {
		Solve($$anchor, { get page() {
			return page();
		} });
	};
	var alternate_1 = ($$anchor) => {
		var fragment_2 = root_5$9();
		var node_5 = first_child(fragment_2);
		var consequent_5 = ($$anchor) => {
			ColourBar($$anchor, { get page() {
				return page();
			} });
		};
		if_block(node_5, ($$render) => {
			if (!get(alone)) $$render(consequent_5);
		});
		var div_2 = sibling(node_5, 2);
		var node_6 = child(div_2);
		var consequent_6 = ($$anchor) => {
			Chat($$anchor, { get page() {
				return page();
			} });
		};
		var alternate = ($$anchor) => {
			Completion($$anchor, { get page() {
				return page();
			} });
		};
		if_block(node_6, ($$render) => {
			if (page().mode === "chat") $$render(consequent_6);
			else $$render(alternate, -1);
		});
		var node_7 = sibling(node_6, 2);
		var consequent_7 = ($$anchor) => {
			var p = root_3$13();
			var text_1 = only_child(p);
			template_effect(() => set_text(text_1, `${page().live.error ?? ""}. What had come stays.`));
			append($$anchor, p);
		};
		if_block(node_7, ($$render) => {
			if (page().live?.error) $$render(consequent_7);
		});
		reset(div_2);
		var node_8 = sibling(div_2, 2);
		var consequent_8 = ($$anchor) => {
			{
				let $0 = user_derived(() => page().here?.place ?? null);
				Strip($$anchor, {
					get places() {
						return page().places;
					},
					get version() {
						return page().version;
					},
					get selected() {
						return get($0);
					},
					get parts() {
						return page().parts.at;
					},
					get compact() {
						return page().phone;
					},
					onselect: (place) => page().select(place)
				});
			}
		};
		if_block(node_8, ($$render) => {
			if (page().places.length && !get(alone)) $$render(consequent_8);
		});
		var node_9 = sibling(node_8, 2);
		var consequent_9 = ($$anchor) => {
			var fragment_7 = root_4$10();
			var node_10 = first_child(fragment_7);
			Composer(node_10, { get page() {
				return page();
			} });
			StatusLine(sibling(node_10, 2), {
				get live() {
					return page().live;
				},
				get run() {
					return page().run;
				},
				get seed() {
					return page().seed;
				}
			});
			append($$anchor, fragment_7);
		};
		if_block(node_9, ($$render) => {
			if (!get(alone)) $$render(consequent_9);
		});
		template_effect(() => set_attribute(div_2, "aria-label", page().mode === "chat" ? "Conversation" : "Text"));
		append($$anchor, fragment_2);
	};
	if_block(node_4, ($$render) => {
		if (page().mode === "solve") $$render(consequent_4);
		else $$render(alternate_1, -1);
	});
	reset(div);
	append($$anchor, div);
	pop();
}
delegate(["click"]);
// src/panes/Bars.svelte
var root$17 = from_html(`<li><button><span class="word mono scnv6"> </span> <!> <span class="share scnv6"> </span> <span class="state tiny scnv6"> </span></button></li>`);
var root_1$15 = from_html(`<li class="rest scnv6"><span class="word muted scnv6"> </span> <!> <span class="share scnv6"> </span> <span class="state tiny scnv6"></span></li>`);
var root_2$13 = from_html(`<button class="plain"> </button>`);
var root_3$12 = from_html(`<div class="filter scnv6"><label class="spoken" for="alternatives-filter">Narrow the alternatives down</label> <input id="alternatives-filter" type="search" placeholder="find a token" class="scnv6"/></div> <ol aria-label="Alternatives" class="scnv6"><!> <!></ol> <!>`, 1);
function Bars($$anchor, $$props) {
	push($$props, true);
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
		if (!$$props.logarithmic) return share / get(largest);
		return Math.max(0, 1 - Math.log(share / get(largest)) / Math.log(LEAST));
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
	var fragment = root_3$12();
	var div = first_child(fragment);
	var input = sibling(child(div), 2);
	remove_input_defaults(input);
	reset(div);
	var ol = sibling(div, 2);
	var node = child(ol);
	each(node, 19, () => get(shown), (bar) => bar.id, ($$anchor, bar, index) => {
		var li = root$17();
		var button = child(li);
		let classes;
		var span = child(button);
		var text = only_child(span, true);
		var node_1 = sibling(span, 2);
		{
			let $0 = user_derived(() => width(get(bar).share));
			let $1 = user_derived(() => get(bar).chosen ? "chosen" : get(bar).state === "kept" ? "" : "cut");
			Meter(node_1, {
				get share() {
					return get($0);
				},
				get kind() {
					return get($1);
				}
			});
		}
		var span_1 = sibling(node_1, 2);
		var text_1 = only_child(span_1, true);
		var span_2 = sibling(span_1, 2);
		var text_2 = only_child(span_2);
		reset(button);
		reset(li);
		template_effect(($0, $1) => {
			classes = set_class(button, 1, "bar scnv6", null, classes, {
				chosen: get(bar).chosen,
				hit: get(bar).hit
			});
			set_attribute(button, "tabindex", $0);
			set_attribute(button, "aria-current", get(bar).chosen ? "true" : void 0);
			button.disabled = $$props.branches !== "" || get(bar).state === "masked";
			set_attribute(button, "title", $$props.branches || (get(bar).chosen ? "Go on from here" : "Go on with this token instead"));
			set_text(text, get(bar).label);
			set_text(text_1, $1);
			set_text(text_2, `${(get(bar).chosen ? "chosen" : get(bar).state) ?? ""}${get(bar).hit && !get(bar).chosen ? ", hit" : ""}`);
		}, [() => get(index) === Math.min(get(stop), get(shown).length - 1) ? 0 : -1, () => percent(get(bar).share)]);
		event("focus", button, () => set(stop, get(index), true));
		delegated("click", button, () => $$props.onbranch(get(bar).id));
		append($$anchor, li);
	});
	var node_2 = sibling(node, 2);
	var consequent = ($$anchor) => {
		var li_1 = root_1$15();
		var span_3 = child(li_1);
		var text_3 = only_child(span_3);
		var node_3 = sibling(span_3, 2);
		{
			let $0 = user_derived(() => width($$props.rest));
			Meter(node_3, {
				get share() {
					return get($0);
				},
				kind: "cut"
			});
		}
		var span_4 = sibling(node_3, 2);
		var text_4 = only_child(span_4, true);
		next(2);
		reset(li_1);
		template_effect(($0, $1) => {
			set_text(text_3, `${$0 ?? ""} others`);
			set_text(text_4, $1);
		}, [() => count($$props.others), () => percent($$props.rest)]);
		append($$anchor, li_1);
	};
	if_block(node_2, ($$render) => {
		if ($$props.rest > 0 && !get(filter)) $$render(consequent);
	});
	reset(ol);
	bind_this(ol, ($$value) => list = $$value, () => list);
	var node_4 = sibling(ol, 2);
	var consequent_1 = ($$anchor) => {
		var button_1 = root_2$13();
		var text_5 = only_child(button_1, true);
		template_effect(() => {
			set_attribute(button_1, "aria-expanded", get(all));
			set_text(text_5, get(all) ? "Fewer" : `All ${get(found).length}`);
		});
		delegated("click", button_1, () => set(all, !get(all)));
		append($$anchor, button_1);
	};
	if_block(node_4, ($$render) => {
		if (!get(filter) && get(found).length > FEW) $$render(consequent_1);
	});
	bind_value(input, () => get(filter), ($$value) => set(filter, $$value));
	delegated("keydown", ol, key);
	append($$anchor, fragment);
	return pop($$exports);
}
delegate(["keydown", "click"]);
// src/panes/Dart.svelte
var root$16 = from_html(`<span> </span>`);
var root_1$14 = from_html(`<div class="dart su1gp" aria-hidden="true"><!> <span class="number su1gp"></span></div>`);
var root_2$12 = from_html(`hits <span class="mono word su1gp"> </span> `, 1);
var root_3$11 = from_html(`<button class="plain">Go there</button>`);
var root_4$9 = from_html(`<p class="small"> <!></p>`);
var root_5$8 = from_html(`<!> <p class="small"><!> <!></p> <!>`, 1);
function Dart($$anchor, $$props) {
	push($$props, true);
	const SEEN = .005;
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
		}).filter(({ bar, width }) => width >= SEEN || bar.hit || bar.chosen);
	});
	var fragment = root_5$8();
	var node = first_child(fragment);
	var consequent = ($$anchor) => {
		var div = root_1$14();
		var node_1 = child(div);
		each(node_1, 17, () => get(segments), ({ bar, start, width }) => bar.id, ($$anchor, $$item) => {
			let bar = () => get($$item).bar;
			let start = () => get($$item).start;
			let width = () => get($$item).width;
			var span = root$16();
			let classes;
			let styles;
			var text = only_child(span, true);
			template_effect(() => {
				classes = set_class(span, 1, "segment su1gp", null, classes, {
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
		var text_1 = text$2();
		template_effect(($0) => set_text(text_1, `The random number ${$0 ?? ""}`), [() => fixed($$props.number, 4)]);
		append($$anchor, text_1);
	};
	var alternate = ($$anchor) => {
		var text_2 = text$2("The random number");
		append($$anchor, text_2);
	};
	if_block(node_2, ($$render) => {
		if ($$props.number !== null) $$render(consequent_1);
		else $$render(alternate, -1);
	});
	var node_3 = sibling(node_2, 2);
	var consequent_2 = ($$anchor) => {
		var text_3 = text$2();
		template_effect(() => set_text(text_3, `: what it hits is not known, as ${$$props.why ?? ""}.`));
		append($$anchor, text_3);
	};
	var alternate_1 = ($$anchor) => {
		var fragment_3 = root_2$12();
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
		var p_1 = root_4$9();
		var text_6 = child(p_1);
		var node_5 = sibling(text_6);
		var consequent_3 = ($$anchor) => {
			var button = root_3$11();
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
var root$15 = from_html(`<tr><th scope="row"> </th><td class="number"> </td><td><span class="share scaog"><!> </span></td><td class="number"> </td></tr>`);
var root_1$13 = from_html(`<table><caption class="spoken">Steps, in their order</caption><thead><tr><th scope="col">step</th><th scope="col" class="number">removed</th><th scope="col">mass removed</th><th scope="col" class="number">changed</th></tr></thead><tbody><!><tr class="kept scaog"><th scope="row" class="scaog">kept</th><td class="number scaog"> </td><td class="scaog"><span class="share scaog"><!> </span></td><td class="scaog"></td></tr></tbody></table>`);
function Steps($$anchor, $$props) {
	push($$props, true);
	var table = root_1$13();
	var tbody = sibling(child(table), 2);
	var node = child(tbody);
	each(node, 17, () => $$props.row.steps, index, ($$anchor, step) => {
		var tr = root$15();
		var th = child(tr);
		var text = only_child(th, true);
		var td = sibling(th);
		var text_1 = only_child(td, true);
		var td_1 = sibling(td);
		var span = child(td_1);
		var node_1 = child(span);
		{
			let $0 = user_derived(() => 1 - get(step).mass);
			Meter(node_1, { get share() {
				return get($0);
			} });
		}
		var text_2 = sibling(node_1);
		reset(span);
		reset(td_1);
		var td_2 = sibling(td_1);
		var text_3 = only_child(td_2, true);
		reset(tr);
		template_effect(($0, $1, $2) => {
			set_class(th, 1, clsx(get(step).kind), "scaog");
			set_text(text, get(step).step);
			set_text(text_1, $0);
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
	var span_1 = child(td_4);
	var node_2 = child(span_1);
	Meter(node_2, { get share() {
		return $$props.row.kept_mass;
	} });
	var text_5 = sibling(node_2);
	reset(span_1);
	reset(td_4);
	next();
	reset(tr_1);
	reset(tbody);
	reset(table);
	template_effect(($0, $1) => {
		set_text(text_4, $0);
		set_text(text_5, ` ${$1 ?? ""}`);
	}, [() => count($$props.row.kept), () => percent($$props.row.kept_mass)]);
	append($$anchor, table);
	pop();
}
// src/panes/WhatIf.svelte
var root$14 = from_html(`<fieldset class="s9np4"><legend class="spoken">What if the settings were others</legend> <!> <!> <!> <!> <div class="row"><output class="grow small"> </output> <button>Reset</button> <button title="Set the next run to these">Use these</button></div></fieldset>`);
function WhatIf($$anchor, $$props) {
	push($$props, true);
	const temperature = (value) => value < $$props.lowest / 2 ? 0 : Math.min($$props.highest, Math.max($$props.lowest, value));
	var fieldset = root$14();
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
// src/state/row.ts
function pathBody({ trace, path, place }, page) {
	return {
		...trace.prompt_token_ids ? { prompt_token_ids: trace.prompt_token_ids } : asked(page.session.document),
		prefix_token_ids: path.slice(0, place).map((index) => trace.tokens[index].id)
	};
}
async function rowAt(here, page, top, semantics = []) {
	const sampling = { ...page.sliders };
	return await distribution({
		...pathBody(here, page),
		top,
		sampling,
		...semantics.length && { semantics }
	});
}
// src/panes/Choice.svelte
var root$13 = from_html(`<p class="small muted"> </p>`);
var root_1$12 = from_html(`<button class="plain">Ask the server for more of the row</button> <!>`, 1);
var root_2$11 = from_html(`<p role="alert" class="small"> </p>`);
var root_3$10 = from_html(`<div class="head s1uyf"><p class="token mono s1uyf"> </p> <dl class="s1uyf"><div class="s1uyf"><dt class="s1uyf">rank</dt><dd> </dd></div> <div class="s1uyf"><dt class="s1uyf">entropy</dt><dd> </dd></div> <div class="s1uyf"><dt class="s1uyf">id</dt><dd class="mono"> </dd></div> <div class="s1uyf"><dt class="s1uyf">bytes</dt><dd class="mono"> </dd></div></dl> <dl aria-label="Log-probabilities of this token" class="s1uyf"><div class="s1uyf"><dt class="s1uyf">log p: model</dt><dd> </dd></div> <div class="s1uyf"><dt class="s1uyf">tempered</dt><dd> </dd></div> <div class="s1uyf"><dt class="s1uyf">truncated</dt><dd> </dd></div></dl></div> <section aria-labelledby="steps-title" class="s1uyf"><h3 id="steps-title">What each step removed</h3> <!></section> <section aria-labelledby="what-if-title" class="s1uyf"><h3 id="what-if-title">What if</h3> <!></section> <section aria-labelledby="dart-title" class="s1uyf"><h3 id="dart-title">The dart</h3> <!></section> <section aria-labelledby="alternatives-title" class="s1uyf"><div class="row"><h3 id="alternatives-title" class="grow"> </h3> <button class="plain">log scale</button></div> <!> <!> <!></section>`, 1);
var root_4$8 = from_html(`<p class="muted">Choose a token in the text: here stands what it was chosen from. Run something first, if there is no text yet.</p>`);
function Choice($$anchor, $$props) {
	push($$props, true);
	let logarithmic = state(false);
	let bars = state(void 0);
	function focusBars() {
		get(bars)?.focus();
	}
	const here = user_derived(() => $$props.page.here);
	let further = state(null);
	let problem = state("");
	const key = user_derived(() => get(here) ? `${get(here).view.id} ${get(here).turn.id} ${get(here).path[get(here).place]}` : "");
	const more = user_derived(() => get(further)?.key === get(key) ? get(further).told : null);
	const row = user_derived(() => get(here) && get(more) ? {
		...get(here).row,
		...get(more).row
	} : get(here)?.row ?? null);
	async function ask() {
		if (!get(here)) return;
		const asked = get(key);
		set(problem, "");
		try {
			const top = Math.min(get(here).trace.vocab_size, $$props.page.server.info?.limits.max_top ?? 1e3);
			set(further, {
				key: asked,
				told: await rowAt(get(here), $$props.page, top)
			});
		} catch (error) {
			set(problem, `${sentence(error)}.`);
		}
	}
	const spelling = user_derived(() => get(here) && get(here).trace.vocabulary[get(here).token.id]);
	const spelled = (id) => visible((get(here).trace.vocabulary[id] ?? get(more)?.vocabulary[id])?.text ?? `token ${id}`);
	const sliders = user_derived(() => $$props.page.sliders);
	const drawn = user_derived(() => get(here) && get(row) && $$props.page.moved && reaches(get(here).trace.temperatures, get(sliders).temperature) ? redraw(get(row), get(here).trace.temperatures, get(sliders)) : null);
	const put = user_derived(() => get(here) !== null && get(here).place < get(here).view.forced);
	const hit$1 = user_derived(() => {
		if (!get(here)?.dice) return null;
		if (get(put) && !get(here).noDice) return hit(get(here).row, get(here).trace.temperatures, numberAt(get(here).dice, get(here).place), get(sliders));
		return throwDart(get(here).trace, get(here).path, get(here).place, get(here).dice, get(sliders));
	});
	const shown = user_derived(() => {
		if (!get(here) || !get(row)) return {
			bars: [],
			rest: 0
		};
		const { token } = get(here);
		const list = get(row).ids.map((id, index) => ({
			id,
			label: spelled(id),
			share: get(drawn) ? get(drawn).probs[index] : get(row).tempered[index],
			state: get(drawn) ? index < get(drawn).kept ? "kept" : "cut" : get(row).truncated[index] > 0 ? "kept" : get(row).tempered[index] > 0 ? "cut" : "masked",
			chosen: id === token.id,
			hit: get(hit$1)?.id === id
		}));
		const rest = get(drawn) ? get(drawn).tail : Math.max(0, 1 - get(row).tempered.reduce((a, b) => a + b, 0));
		return {
			bars: list,
			rest: rest < 1e-7 ? 0 : rest
		};
	});
	var $$exports = { focusBars };
	var fragment = comment();
	var node = first_child(fragment);
	var consequent_3 = ($$anchor) => {
		const computed_const = user_derived(() => {
			return get(here);
		});
		var fragment_1 = root_3$10();
		var div = first_child(fragment_1);
		var p = child(div);
		var text = only_child(p, true);
		var dl = sibling(p, 2);
		var div_1 = child(dl);
		var dd = sibling(child(div_1));
		var text_1 = only_child(dd, true);
		reset(div_1);
		var div_2 = sibling(div_1, 2);
		var dd_1 = sibling(child(div_2));
		var text_2 = only_child(dd_1);
		reset(div_2);
		var div_3 = sibling(div_2, 2);
		var dd_2 = sibling(child(div_3));
		var text_3 = only_child(dd_2, true);
		reset(div_3);
		var div_4 = sibling(div_3, 2);
		var dd_3 = sibling(child(div_4));
		var text_4 = only_child(dd_3, true);
		reset(div_4);
		reset(dl);
		var dl_1 = sibling(dl, 2);
		var div_5 = child(dl_1);
		var dd_4 = sibling(child(div_5));
		var text_5 = only_child(dd_4, true);
		reset(div_5);
		var div_6 = sibling(div_5, 2);
		var dd_5 = sibling(child(div_6));
		var text_6 = only_child(dd_5, true);
		reset(div_6);
		var div_7 = sibling(div_6, 2);
		var dd_6 = sibling(child(div_7));
		var text_7 = only_child(dd_6, true);
		reset(div_7);
		reset(dl_1);
		reset(div);
		var section = sibling(div, 2);
		Steps(sibling(child(section), 2), { get row() {
			return get(row);
		} });
		reset(section);
		var section_1 = sibling(section, 2);
		var node_2 = sibling(child(section_1), 2);
		{
			let $0 = user_derived(() => get(here).trace.temperatures[0] ?? .1);
			let $1 = user_derived(() => get(here).trace.temperatures.at(-1) ?? 2);
			let $2 = user_derived(() => get(drawn) ? get(drawn).kept : get(row).kept);
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
			let $0 = user_derived(() => get(here).dice && get(row).kept > 0 ? numberAt(get(here).dice, get(here).place) : null);
			let $1 = user_derived(() => get(hit$1)?.unknown ?? get(here).noDice);
			let $2 = user_derived(() => get(hit$1)?.id === get(computed_const).token.id);
			let $3 = user_derived(() => get(hit$1)?.id === void 0 ? null : spelled(get(hit$1).id));
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
		var div_8 = child(section_3);
		var h3 = child(div_8);
		var text_8 = only_child(h3);
		var button = sibling(h3, 2);
		reset(div_8);
		var node_4 = sibling(div_8, 2);
		{
			let $0 = user_derived(() => get(here).trace.vocab_size - get(row).ids.length);
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
		var node_5 = sibling(node_4, 2);
		var consequent_1 = ($$anchor) => {
			var fragment_2 = root_1$12();
			var button_1 = first_child(fragment_2);
			var node_6 = sibling(button_1, 2);
			var consequent = ($$anchor) => {
				var p_1 = root$13();
				var text_9 = only_child(p_1);
				template_effect(() => set_text(text_9, `At these settings more than the ${get(row).ids.length ?? ""} tokens that were sent are kept.`));
				append($$anchor, p_1);
			};
			if_block(node_6, ($$render) => {
				if (get(drawn)?.beyond) $$render(consequent);
			});
			template_effect(() => button_1.disabled = $$props.page.server.state !== "ready");
			delegated("click", button_1, ask);
			append($$anchor, fragment_2);
		};
		if_block(node_5, ($$render) => {
			if (!get(more)) $$render(consequent_1);
		});
		var node_7 = sibling(node_5, 2);
		var consequent_2 = ($$anchor) => {
			var p_2 = root_2$11();
			var text_10 = only_child(p_2, true);
			template_effect(() => set_text(text_10, get(problem)));
			append($$anchor, p_2);
		};
		if_block(node_7, ($$render) => {
			if (get(problem)) $$render(consequent_2);
		});
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
			() => fixed(get(row).entropy, 2),
			() => get(spelling).bytes.replace(/..(?=.)/g, "$& "),
			() => fixed(get(computed_const).token.logprob, 4),
			() => fixed(get(computed_const).token.tempered_logprob, 4),
			() => fixed(get(computed_const).token.truncated_logprob, 4)
		]);
		delegated("click", button, () => set(logarithmic, !get(logarithmic)));
		append($$anchor, fragment_1);
	};
	var alternate = ($$anchor) => {
		var p_3 = root_4$8();
		append($$anchor, p_3);
	};
	if_block(node, ($$render) => {
		if (get(here) && get(spelling) && get(row)) $$render(consequent_3);
		else $$render(alternate, -1);
	});
	append($$anchor, fragment);
	return pop($$exports);
}
delegate(["click"]);
// src/panes/Choices.svelte
var root$12 = from_html(`<output class="small"> </output>`);
var root_1$11 = from_html(`<p role="alert" class="small"> </p>`);
var root_2$10 = from_html(`<th scope="col" class="number">calibrated</th>`);
var root_3$9 = from_html(`<td class="number"> </td>`);
var root_4$7 = from_html(`<tr><th scope="row" class="mono ssqar"> </th><td class="share ssqar"><!> </td><td class="number"> </td><!></tr>`);
var root_5$7 = from_html(`<table><caption class="spoken">The texts and their shares</caption><thead><tr><th scope="col">text</th><th scope="col">share</th><th scope="col" class="number">log p</th><!></tr></thead><tbody></tbody></table>`);
var root_6$6 = from_html(`<section aria-labelledby="choices-title" class="ssqar"><h3 id="choices-title">Weigh whole texts</h3> <label class="small" for="choices">Texts, one a line; a space at the beginning counts</label> <textarea id="choices" rows="3" class="mono"></textarea> <label class="small" for="choices-baseline">Baseline: a prompt that says nothing, to calibrate with</label> <input id="choices-baseline" type="text" class="ssqar"/> <div class="row"><button> </button> <!></div> <!> <!></section>`);
function Choices($$anchor, $$props) {
	push($$props, true);
	let written = state("");
	let baseline = state("");
	let told = state(null);
	let problem = state("");
	let asking = state(false);
	const texts = user_derived(() => (get(written) || $$props.suggested.join("\n")).split("\n").filter((line) => line !== ""));
	async function weigh() {
		set(asking, true);
		set(problem, "");
		try {
			set(told, await score({
				...asked($$props.page.document),
				texts: get(texts),
				...get(baseline) && { baseline: get(baseline) }
			}));
		} catch (error) {
			set(problem, `${sentence(error)}.`);
		} finally {
			set(asking, false);
		}
	}
	var section = root_6$6();
	var textarea = sibling(child(section), 4);
	remove_textarea_child(textarea);
	var input = sibling(textarea, 4);
	remove_input_defaults(input);
	var div = sibling(input, 2);
	var button = child(div);
	var text = only_child(button, true);
	var node = sibling(button, 2);
	var consequent = ($$anchor) => {
		var output = root$12();
		var text_1 = only_child(output);
		template_effect(($0) => set_text(text_1, `Together they have Z = ${$0 ?? ""} of all probability.`), [() => percent(get(told).mass)]);
		append($$anchor, output);
	};
	if_block(node, ($$render) => {
		if (get(told)) $$render(consequent);
	});
	reset(div);
	var node_1 = sibling(div, 2);
	var consequent_1 = ($$anchor) => {
		var p = root_1$11();
		var text_2 = only_child(p, true);
		template_effect(() => set_text(text_2, get(problem)));
		append($$anchor, p);
	};
	if_block(node_1, ($$render) => {
		if (get(problem)) $$render(consequent_1);
	});
	var node_2 = sibling(node_1, 2);
	var consequent_4 = ($$anchor) => {
		var table = root_5$7();
		var thead = sibling(child(table));
		var tr = child(thead);
		var node_3 = sibling(child(tr), 3);
		var consequent_2 = ($$anchor) => {
			var th = root_2$10();
			append($$anchor, th);
		};
		if_block(node_3, ($$render) => {
			if (get(told).choices[0]?.calibrated != null) $$render(consequent_2);
		});
		reset(tr);
		reset(thead);
		var tbody = sibling(thead);
		each(tbody, 21, () => get(told).choices, index, ($$anchor, one) => {
			var tr_1 = root_4$7();
			var th_1 = child(tr_1);
			var text_3 = only_child(th_1, true);
			var td = sibling(th_1);
			var node_4 = child(td);
			Meter(node_4, { get share() {
				return get(one).probability;
			} });
			var text_4 = sibling(node_4);
			reset(td);
			var td_1 = sibling(td);
			var text_5 = only_child(td_1, true);
			var node_5 = sibling(td_1);
			var consequent_3 = ($$anchor) => {
				var td_2 = root_3$9();
				var text_6 = only_child(td_2, true);
				template_effect(($0) => set_text(text_6, $0), [() => percent(get(one).calibrated)]);
				append($$anchor, td_2);
			};
			if_block(node_5, ($$render) => {
				if (get(one).calibrated != null) $$render(consequent_3);
			});
			reset(tr_1);
			template_effect(($0, $1, $2) => {
				set_text(text_3, $0);
				set_text(text_4, ` ${$1 ?? ""}`);
				set_text(text_5, $2);
			}, [
				() => visible(get(one).text),
				() => percent(get(one).probability),
				() => fixed(get(one).logprob, 3)
			]);
			append($$anchor, tr_1);
		});
		reset(tbody);
		reset(table);
		append($$anchor, table);
	};
	if_block(node_2, ($$render) => {
		if (get(told)) $$render(consequent_4);
	});
	reset(section);
	template_effect(($0) => {
		set_attribute(textarea, "placeholder", $0);
		button.disabled = get(asking) || get(texts).length === 0 || $$props.page.empty || $$props.page.server.state !== "ready";
		set_text(text, get(asking) ? "Weighing…" : "Weigh");
	}, [() => $$props.suggested.join("\n") || " positive\n negative"]);
	bind_value(textarea, () => get(written), ($$value) => set(written, $$value));
	bind_value(input, () => get(baseline), ($$value) => set(baseline, $$value));
	delegated("click", button, weigh);
	append($$anchor, section);
	pop();
}
delegate(["click"]);
// src/panes/Constraints.svelte
var root$11 = from_html(`<option> </option>`);
var root_1$10 = from_html(`<span class="mono word s1m5i"> </span> `, 1);
var root_2$9 = from_html(`<p class="small">The likeliest that were masked: <!></p>`);
var root_3$8 = from_html(`<p class="small"> </p> <!>`, 1);
var root_4$6 = from_html(`<p class="small muted">At this token nothing was forbidden.</p>`);
var root_5$6 = from_html(`<p class="small muted">Choose a token to see what was forbidden there.</p>`);
var root_6$5 = from_html(`<p class="small"> <strong> </strong> <!></p>`);
var root_7$4 = from_html(`<section aria-labelledby="builder-title" class="s1m5i"><h3 id="builder-title">What the next text may be</h3> <!> <div class="row"><label for="constraint-add" class="small">Add</label> <select id="constraint-add" class="grow"><option disabled="">choose what</option><!></select></div></section> <section aria-labelledby="effect-title" class="s1m5i"><h3 id="effect-title">What it did</h3> <!> <!></section> <!>`, 1);
function Constraints($$anchor, $$props) {
	push($$props, true);
	const LISTS = [
		"choice",
		"ban",
		"ban_regex",
		"mentions"
	];
	const FLAGS = ["any_order", "compact"];
	const OBJECTS = ["json_schema", "thinking"];
	const typeOf = (name) => LISTS.includes(name) ? "array" : FLAGS.includes(name) ? "boolean" : OBJECTS.includes(name) ? "object" : /^m(in|ax)_/.test(name) ? "integer" : "string";
	const FIRST = {
		array: [],
		boolean: true,
		object: {},
		integer: 1,
		string: ""
	};
	const fields = user_derived(() => $$props.page.server.info?.features.constraints ?? []);
	const constraint = user_derived(() => $$props.page.session.settings.constraint ?? {});
	let adding = state("");
	function put(name, value) {
		const { [name]: _, ...others } = get(constraint);
		const next = value === void 0 ? others : {
			...others,
			[name]: value
		};
		$$props.page.set("constraint", Object.keys(next).length ? next : void 0);
	}
	const here = user_derived(() => $$props.page.here);
	const removed = user_derived(() => get(here)?.row.steps.filter((step) => step.kind === "constraint") ?? []);
	const masked = user_derived(() => {
		if (!get(here) || !get(removed).some((step) => step.removed)) return [];
		const { row, trace } = get(here);
		return row.ids.flatMap((id, index) => row.tempered[index] === 0 ? [{
			id,
			label: visible(trace.vocabulary[id].text)
		}] : []).slice(0, 20);
	});
	const forced = user_derived(() => get(here) !== null && get(here).row.kept === 1 && get(removed).some((step) => step.removed > 0));
	const whole = user_derived(() => {
		$$props.page.version;
		const trace = $$props.page.shown?.view?.trace, line = $$props.page.shown?.line;
		if (!trace || !line) return null;
		let kept = 0, touched = 0;
		for (const index of line.path) {
			const { allowed_mass: allowed = 1 } = trace.rows[trace.tokens[index].row];
			if (allowed < 1) touched++;
			kept += Math.log(allowed);
		}
		return {
			kept,
			touched,
			of: line.path.length
		};
	});
	var fragment = root_7$4();
	var section = first_child(fragment);
	var node = sibling(child(section), 2);
	each(node, 17, () => get(fields).filter(({ name }) => name in get(constraint)), ({ name, help }) => name, ($$anchor, $$item) => {
		let name = () => get($$item).name;
		let help = () => get($$item).help;
		{
			let $0 = user_derived(() => ({
				name: name(),
				help: help(),
				type: typeOf(name())
			}));
			Field($$anchor, {
				get parameter() {
					return get($0);
				},
				get value() {
					return get(constraint)[name()];
				},
				onchange: (value) => put(name(), value)
			});
		}
	});
	var div = sibling(node, 2);
	var select = sibling(child(div), 2);
	var option = child(select);
	option.value = option.__value = "";
	var node_1 = sibling(option);
	each(node_1, 17, () => get(fields).filter(({ name }) => !(name in get(constraint))), ({ name, help }) => name, ($$anchor, $$item) => {
		let name = () => get($$item).name;
		let help = () => get($$item).help;
		var option_1 = root$11();
		var text = only_child(option_1);
		var option_1_value = {};
		template_effect(($0) => {
			set_text(text, `${$0 ?? ""}: ${help() ?? ""}`);
			if (option_1_value !== (option_1_value = name())) option_1.value = (option_1.__value = option_1_value) ?? "";
		}, [() => spoken(name())]);
		append($$anchor, option_1);
	});
	reset(select);
	init_select(select);
	reset(div);
	reset(section);
	var section_1 = sibling(section, 2);
	var node_2 = sibling(child(section_1), 2);
	var consequent_2 = ($$anchor) => {
		var fragment_2 = comment();
		var node_3 = first_child(fragment_2);
		var consequent_1 = ($$anchor) => {
			var fragment_3 = root_3$8();
			var p = first_child(fragment_3);
			var text_1 = only_child(p);
			var node_4 = sibling(p, 2);
			var consequent = ($$anchor) => {
				var p_1 = root_2$9();
				var node_5 = sibling(child(p_1));
				each(node_5, 17, () => get(masked), (one) => one.id, ($$anchor, one) => {
					var fragment_4 = root_1$10();
					var span = first_child(fragment_4);
					var text_2 = only_child(span, true);
					var text_3 = sibling(span, 1, true);
					text_3.nodeValue = " ";
					template_effect(() => set_text(text_2, get(one).label));
					append($$anchor, fragment_4);
				});
				reset(p_1);
				append($$anchor, p_1);
			};
			if_block(node_4, ($$render) => {
				if (get(masked).length) $$render(consequent);
			});
			template_effect(($0, $1) => set_text(text_1, `At this token it removed ${$0 ?? ""} with ${$1 ?? ""} of the probability${get(forced) ? "; one token was left, so it was forced" : ""}.`), [() => plural(get(removed).reduce((sum, step) => sum + step.removed, 0), "token"), () => percent(get(removed).reduce((sum, step) => sum + step.mass, 0))]);
			append($$anchor, fragment_3);
		};
		var alternate = ($$anchor) => {
			var p_2 = root_4$6();
			append($$anchor, p_2);
		};
		if_block(node_3, ($$render) => {
			if (get(removed).length) $$render(consequent_1);
			else $$render(alternate, -1);
		});
		append($$anchor, fragment_2);
	};
	var alternate_1 = ($$anchor) => {
		var p_3 = root_5$6();
		append($$anchor, p_3);
	};
	if_block(node_2, ($$render) => {
		if (get(here)) $$render(consequent_2);
		else $$render(alternate_1, -1);
	});
	var node_6 = sibling(node_2, 2);
	var consequent_4 = ($$anchor) => {
		var p_4 = root_6$5();
		var text_4 = child(p_4);
		var strong = sibling(text_4);
		var text_5 = only_child(strong, true);
		var text_6 = sibling(strong);
		var node_7 = sibling(text_6);
		var consequent_3 = ($$anchor) => {
			var text_7 = text$2();
			template_effect(() => set_text(text_7, $$props.page.constrained));
			append($$anchor, text_7);
		};
		if_block(node_7, ($$render) => {
			if ($$props.page.constrained) $$render(consequent_3);
		});
		reset(p_4);
		template_effect(($0, $1, $2) => {
			set_text(text_4, `In the whole text it took probability at ${get(whole).touched ?? ""} of ${$0 ?? ""}. Σ log kept mass is `);
			set_text(text_5, $1);
			set_text(text_6, `: the text's importance weight is ${$2 ?? ""}. `);
		}, [
			() => plural(get(whole).of, "token"),
			() => fixed(get(whole).kept, 3),
			() => percent(Math.exp(get(whole).kept))
		]);
		append($$anchor, p_4);
	};
	if_block(node_6, ($$render) => {
		if (get(whole)) $$render(consequent_4);
	});
	reset(section_1);
	var node_8 = sibling(section_1, 2);
	{
		let $0 = user_derived(() => Array.isArray(get(constraint).choice) ? get(constraint).choice : []);
		Choices(node_8, {
			get page() {
				return $$props.page;
			},
			get suggested() {
				return get($0);
			}
		});
	}
	delegated("change", select, () => {
		put(get(adding), FIRST[typeOf(get(adding))]);
		set(adding, "");
	});
	bind_select_value(select, () => get(adding), ($$value) => set(adding, $$value));
	append($$anchor, fragment);
	pop();
}
delegate(["change"]);
// src/panes/SixSystems.svelte
var root$10 = from_html(`<span class="small muted">Below is another place or other settings: ask again.</span>`);
var root_1$9 = from_html(`<p role="alert" class="small"> </p>`);
var root_2$8 = from_html(`<p class="small muted"> </p>`);
var root_3$7 = from_html(`<p class="tiny muted"> <span class="mono"> </span> </p>`);
var root_4$5 = from_html(`<p class="tiny muted"> </p>`);
var root_5$5 = from_html(`<p class="small"> </p> <!> <!>`, 1);
var root_6$4 = from_html(`<li class="s8ovt"><h3> </h3> <!></li>`);
var root_7$3 = from_html(`<ul></ul> <p class="tiny muted"> </p>`, 1);
var root_8 = from_html(`<p class="small">The row before <span class="mono word s8ovt"> </span> </p> <div class="row s8ovt"><button> </button> <!></div> <!> <!>`, 1);
var root_9 = from_html(`<p class="muted">Choose a token in the text: here stands what transformers, vLLM, SGLang, llama.cpp and ExLlama would keep of what it was chosen from.</p>`);
function SixSystems($$anchor, $$props) {
	push($$props, true);
	let told = state(null);
	let about = state("");
	let problem = state("");
	let asking = state(false);
	const semantics = user_derived(() => $$props.page.server.info?.features.semantics ?? []);
	const settings = user_derived(() => $$props.page.sliders);
	const now = user_derived(() => $$props.page.here ? `${$$props.page.here.turn.id} ${$$props.page.here.view.id} ${$$props.page.here.place} ${JSON.stringify(get(settings))}` : "");
	const spelled = (id) => visible(get(told)?.vocabulary[id]?.text ?? `token ${id}`);
	const nameOf = (name) => get(semantics).find((one) => one.name === name)?.system ?? name;
	async function ask() {
		if (!$$props.page.here) return;
		set(asking, true);
		set(problem, "");
		const subject = get(now);
		try {
			set(told, await rowAt($$props.page.here, $$props.page, 8, get(semantics).map((one) => one.name)));
			set(about, subject, true);
		} catch (error) {
			set(problem, `${sentence(error)}.`);
		} finally {
			set(asking, false);
		}
	}
	var fragment = comment();
	var node = first_child(fragment);
	var consequent_6 = ($$anchor) => {
		var fragment_1 = root_8();
		var p = first_child(fragment_1);
		var span = sibling(child(p));
		var text = only_child(span, true);
		var text_1 = sibling(span);
		reset(p);
		var div = sibling(p, 2);
		var button = child(div);
		var text_2 = only_child(button, true);
		var node_1 = sibling(button, 2);
		var consequent = ($$anchor) => {
			var span_1 = root$10();
			append($$anchor, span_1);
		};
		if_block(node_1, ($$render) => {
			if (get(told) && get(about) !== get(now)) $$render(consequent);
		});
		reset(div);
		var node_2 = sibling(div, 2);
		var consequent_1 = ($$anchor) => {
			var p_1 = root_1$9();
			var text_3 = only_child(p_1, true);
			template_effect(() => set_text(text_3, get(problem)));
			append($$anchor, p_1);
		};
		if_block(node_2, ($$render) => {
			if (get(problem)) $$render(consequent_1);
		});
		var node_3 = sibling(node_2, 2);
		var consequent_5 = ($$anchor) => {
			var fragment_2 = root_7$3();
			var ul = first_child(fragment_2);
			let classes;
			each(ul, 21, () => get(told).systems, (one) => one.semantics, ($$anchor, one) => {
				var li = root_6$4();
				var h3 = child(li);
				var text_4 = only_child(h3, true);
				var node_4 = sibling(h3, 2);
				var consequent_2 = ($$anchor) => {
					var p_2 = root_2$8();
					var text_5 = only_child(p_2, true);
					template_effect(() => set_text(text_5, get(one).refused));
					append($$anchor, p_2);
				};
				var alternate = ($$anchor) => {
					var fragment_3 = root_5$5();
					var p_3 = first_child(fragment_3);
					var text_6 = only_child(p_3);
					var node_5 = sibling(p_3, 2);
					{
						let $0 = user_derived(() => get(one).token_ids.map((id, index) => ({
							name: spelled(id),
							value: get(one).probs[index],
							figure: percent(get(one).probs[index])
						})));
						BarList(node_5, { get bars() {
							return get($0);
						} });
					}
					var node_6 = sibling(node_5, 2);
					var consequent_3 = ($$anchor) => {
						var p_4 = root_3$7();
						var text_7 = child(p_4);
						var span_2 = sibling(text_7);
						var text_8 = only_child(span_2, true);
						var text_9 = sibling(span_2);
						reset(p_4);
						template_effect(($0, $1) => {
							set_text(text_7, `Differs from ${$0 ?? ""} first at `);
							set_text(text_8, $1);
							set_text(text_9, `, which it ${get(one).difference.kept ? "keeps" : "cuts"}: ${get(one).difference.cause ?? ""}.`);
						}, [() => nameOf(get(told).systems[0].semantics), () => spelled(get(one).difference.token_id)]);
						append($$anchor, p_4);
					};
					var consequent_4 = ($$anchor) => {
						var p_5 = root_4$5();
						var text_10 = only_child(p_5);
						template_effect(($0) => set_text(text_10, `Keeps the same as ${$0 ?? ""}.`), [() => nameOf(get(told).systems[0].semantics)]);
						append($$anchor, p_5);
					};
					if_block(node_6, ($$render) => {
						if (get(one).difference) $$render(consequent_3);
						else if (get(one) !== get(told).systems[0]) $$render(consequent_4, 1);
					});
					template_effect(($0, $1) => set_text(text_6, `keeps ${$0 ?? ""}${$1 ?? ""}`), [() => plural(get(one).kept, "token"), () => get(one).entropy === null ? "" : `, entropy ${fixed(get(one).entropy, 2)}`]);
					append($$anchor, fragment_3);
				};
				if_block(node_4, ($$render) => {
					if (get(one).refused) $$render(consequent_2);
					else $$render(alternate, -1);
				});
				reset(li);
				template_effect(($0) => set_text(text_4, $0), [() => nameOf(get(one).semantics)]);
				append($$anchor, li);
			});
			reset(ul);
			var p_6 = sibling(ul, 2);
			var text_11 = only_child(p_6);
			template_effect(($0) => {
				classes = set_class(ul, 1, "s8ovt", null, classes, { old: get(about) !== get(now) });
				set_text(text_11, `Each has ${$0 ?? ""} of the likeliest tokens here.`);
			}, [() => count(get(told).row.ids.length)]);
			append($$anchor, fragment_2);
		};
		if_block(node_3, ($$render) => {
			if (get(told)) $$render(consequent_5);
		});
		template_effect(($0, $1, $2, $3) => {
			set_text(text, $0);
			set_text(text_1, ` at temperature ${$1 ?? ""}, top p ${$2 ?? ""}, top k ${get(settings).top_k ?? ""}, min p ${$3 ?? ""}.`);
			button.disabled = get(asking) || $$props.page.server.state !== "ready";
			set_text(text_2, get(asking) ? "Asking…" : "What do they keep?");
		}, [
			() => visible($$props.page.here.trace.vocabulary[$$props.page.here.token.id].text),
			() => short(get(settings).temperature),
			() => short(get(settings).top_p),
			() => short(get(settings).min_p)
		]);
		delegated("click", button, ask);
		append($$anchor, fragment_1);
	};
	var alternate_1 = ($$anchor) => {
		var p_7 = root_9();
		append($$anchor, p_7);
	};
	if_block(node, ($$render) => {
		if ($$props.page.here) $$render(consequent_6);
		else $$render(alternate_1, -1);
	});
	append($$anchor, fragment);
	pop();
}
delegate(["click"]);
// src/panes/More.svelte
var root$9 = from_html(`<button> </button>`);
var root_1$8 = from_html(`<p class="muted"> </p> <div class="grid slhjt"><!> <button> </button></div> <h2 class="slhjt">Constraints</h2> <!> <h2 class="slhjt">Six systems</h2> <!>`, 1);
function More($$anchor, $$props) {
	push($$props, true);
	const DIALOGS = {
		presets: "Presets",
		compare: "Compare",
		code: "Code",
		history: "History",
		share: "Share",
		palette: "All commands",
		help: "Keys"
	};
	var fragment = root_1$8();
	var p = first_child(fragment);
	var text = only_child(p, true);
	var div = sibling(p, 2);
	var node = child(div);
	each(node, 17, () => Object.entries(DIALOGS), ([name, title]) => name, ($$anchor, $$item) => {
		var $$array = user_derived(() => to_array(get($$item), 2));
		let name = () => get($$array)[0];
		let title = () => get($$array)[1];
		var button = root$9();
		var text_1 = only_child(button, true);
		template_effect(() => set_text(text_1, title()));
		delegated("click", button, () => $$props.page.open(name()));
		append($$anchor, button);
	});
	var button_1 = sibling(node, 2);
	var text_2 = only_child(button_1);
	reset(div);
	var node_1 = sibling(div, 4);
	Constraints(node_1, { get page() {
		return $$props.page;
	} });
	SixSystems(sibling(node_1, 4), { get page() {
		return $$props.page;
	} });
	template_effect(() => {
		set_text(text, $$props.page.server.info?.model.name);
		set_text(text_2, `Theme: ${$$props.page.theme.value ?? ""}`);
	});
	delegated("click", button_1, () => $$props.page.nextTheme());
	append($$anchor, fragment);
	pop();
}
delegate(["click"]);
// src/core/tree.ts
function layout(parents) {
	const children = parents.map(() => []);
	const roots = [];
	parents.forEach((parent, node) => (parent === -1 ? roots : children[parent]).push(node));
	const segments = [];
	const of = new Array(parents.length).fill(-1);
	const waiting = [...roots].reverse();
	while (waiting.length) {
		let node = waiting.pop();
		const above = parents[node] === -1 ? -1 : of[parents[node]];
		const before = segments[above];
		const segment = {
			nodes: [],
			parent: above,
			children: [],
			x: before ? before.x + before.nodes.length : 0,
			y: 0
		};
		before?.children.push(segments.length);
		for (;;) {
			segment.nodes.push(node);
			of[node] = segments.length;
			if (children[node].length !== 1) break;
			[node] = children[node];
		}
		segments.push(segment);
		waiting.push(...children[node].toReversed());
	}
	return {
		segments,
		of,
		width: widest(segments),
		height: place(segments)
	};
}
function place(segments) {
	let leaves = 0;
	for (const segment of segments) if (!segment.children.length) segment.y = leaves++;
	for (const segment of segments.toReversed()) {
		const [first, last] = [segment.children[0], segment.children.at(-1)];
		if (first !== void 0 && last !== void 0) segment.y = (segments[first].y + segments[last].y) / 2;
	}
	return leaves;
}
var widest = (segments) => segments.reduce((most, { x, nodes }) => Math.max(most, x + nodes.length), 0);
function living(trace) {
	const lives = trace.tokens.map(() => false);
	for (const path of pathsOf(trace)) for (const token of path) lives[token] = true;
	return lives;
}
function grove(session, run) {
	const nodes = [];
	const places = new Map();
	for (const one of session.runs.filter((one) => rootOf(one) === rootOf(run))) pathsOf(one.trace).forEach((path, text) => {
		let at = -1;
		const add = (id, token) => {
			const key = `${at} ${id}`;
			const known = places.get(key);
			if (known === void 0) {
				places.set(key, nodes.length);
				nodes.push({
					parent: at,
					id,
					run: one.id,
					token,
					ends: []
				});
			} else if (nodes[known].token < 0 && token >= 0) {
				nodes[known].run = one.id;
				nodes[known].token = token;
			}
			at = known ?? nodes.length - 1;
		};
		for (const id of one.branch?.tokens ?? []) add(id, -1);
		for (const token of path) add(one.trace.tokens[token].id, token);
		if (at !== -1) nodes[at].ends.push({
			run: one.id,
			text
		});
	});
	return nodes;
}
// src/panes/TreeView.svelte
var root$8 = from_svg(`<path class="slies"></path>`);
var root_1$7 = from_html(`<span class="tiny share slies"> </span>`);
var root_2$7 = from_html(`<span class="tiny note slies"> </span>`);
var root_3$6 = from_html(`<span class="tiny note slies">…</span>`);
var root_4$4 = from_html(`<div role="treeitem" tabindex="-1"><span class="words slies"> </span> <!> <!> <!></div>`);
var root_5$4 = from_html(`<p class="small muted"></p>`);
var root_6$3 = from_html(`<div class="tree slies" role="tree" tabindex="0"><svg aria-hidden="true" class="slies"></svg> <!></div> <!>`, 1);
var root_7$2 = from_html(`<div class="row small"><span class="grow muted"> </span> <button class="plain" aria-label="Narrower">−</button> <button class="plain" aria-label="Wider">+</button></div> <div class="frame slies"><!></div>`, 1);
function TreeView($$anchor, $$props) {
	const id = props_id();
	push($$props, true);
	let noun = prop($$props, "noun", 3, "token"), version = prop($$props, "version", 3, 0), chosen = prop($$props, "chosen", 15, null);
	const LINE = 30;
	const UNITS = [
		6,
		10,
		16,
		26,
		42,
		64,
		96
	];
	const MOST = 1500;
	let zoom = state(null);
	let folded = state(new Set());
	let list = state(void 0);
	const drawn = user_derived(() => {
		version();
		const kept = $$props.tokens.length > MOST * 4 ? $$props.tokens.slice(0, MOST * 4) : $$props.tokens;
		const shut = new Set();
		const places = [], at = new Map();
		kept.forEach((token, index) => {
			if (token.parent >= 0 && (shut.has(token.parent) || get(folded).has(token.parent))) return void shut.add(index);
			at.set(index, places.length);
			places.push(index);
		});
		return {
			places,
			at,
			...layout(places.map((index) => kept[index].parent < 0 ? -1 : at.get(kept[index].parent)))
		};
	});
	const unit = user_derived(() => get(zoom) ?? (get(drawn).width > 60 ? 10 : get(drawn).width > 30 ? 26 : 64));
	const segments = user_derived(() => get(drawn).segments.slice(0, MOST));
	const focus = user_derived(() => chosen() === null ? -1 : get(drawn).of[get(drawn).at.get(chosen()) ?? -1] ?? -1);
	const depths = user_derived(() => {
		const found = [];
		get(drawn).segments.forEach((segment, index) => found[index] = segment.parent < 0 ? 1 : found[segment.parent] + 1);
		return found;
	});
	const roots = user_derived(() => get(drawn).segments.flatMap((segment, index) => segment.parent < 0 ? [index] : []));
	let frame = state(void 0);
	const current = user_derived(() => get(drawn).segments.find((segment) => $$props.tokens[get(drawn).places[segment.nodes[0]]].current));
	user_effect(() => {
		if (get(current) && get(frame)) get(frame).scrollTop = Math.max(0, get(current).y * 38 - get(frame).clientHeight / 2);
	});
	const tokensOf = (segment) => segment.nodes.map((node) => get(drawn).places[node]);
	const has = (index) => get(drawn).segments[index].children.length > 0 || get(folded).has(lastOf(index));
	const lastOf = (index) => get(drawn).places[get(drawn).segments[index].nodes.at(-1)];
	const siblings = (index) => get(drawn).segments[index].parent < 0 ? get(roots) : get(drawn).segments[get(drawn).segments[index].parent].children;
	function go(index) {
		if (index === void 0 || !get(drawn).segments[index]) return;
		chosen(get(drawn).places[get(drawn).segments[index].nodes[0]]);
		requestAnimationFrame(() => document.getElementById(`${id}-${index}`)?.scrollIntoView({
			block: "nearest",
			inline: "nearest"
		}));
	}
	function fold(index) {
		const last = lastOf(index);
		const next = new Set(get(folded));
		if (!next.delete(last)) next.add(last);
		set(folded, next);
	}
	function key(event) {
		if (event.altKey || event.ctrlKey || event.metaKey || !get(drawn).segments.length) return;
		const at = Math.max(0, get(focus)), segment = get(drawn).segments[at];
		if (event.key === "ArrowRight") {
			if (get(folded).has(lastOf(at))) fold(at);
			else go(segment.children[0]);
		} else if (event.key === "ArrowLeft") {
			if (segment.children.length && !get(folded).has(lastOf(at))) fold(at);
			else go(segment.parent < 0 ? void 0 : segment.parent);
		} else if (event.key === "ArrowDown") go(at + 1);
		else if (event.key === "ArrowUp") go(at - 1);
		else if (event.key === "Home") go(0);
		else if (event.key === "End") go(get(drawn).segments.length - 1);
		else if (event.key === "Enter" && chosen() !== null) $$props.onenter(chosen());
		else return;
		event.preventDefault();
	}
	var fragment = root_7$2();
	var div = first_child(fragment);
	var span = child(div);
	var text_1 = only_child(span);
	var button = sibling(span, 2);
	var button_1 = sibling(button, 2);
	reset(div);
	var div_1 = sibling(div, 2);
	var node_1 = child(div_1);
	var consequent_5 = ($$anchor) => {
		var fragment_1 = root_6$3();
		var div_2 = first_child(fragment_1);
		let styles;
		var svg = child(div_2);
		each(svg, 21, () => get(segments), index, ($$anchor, segment) => {
			var fragment_2 = comment();
			var node_2 = first_child(fragment_2);
			var consequent = ($$anchor) => {
				const above = user_derived(() => get(drawn).segments[get(segment).parent]);
				const x = user_derived(() => get(segment).x * get(unit));
				var path = root$8();
				template_effect(() => set_attribute(path, "d", `M ${get(x) - 4} ${get(above).y * 38 + LINE / 2} C ${get(x) ?? ""} ${get(above).y * 38 + LINE / 2}, ${get(x) - 4} ${get(segment).y * 38 + LINE / 2}, ${get(x) ?? ""} ${get(segment).y * 38 + LINE / 2}`));
				append($$anchor, path);
			};
			if_block(node_2, ($$render) => {
				if (get(segment).parent >= 0) $$render(consequent);
			});
			append($$anchor, fragment_2);
		});
		reset(svg);
		var node_3 = sibling(svg, 2);
		each(node_3, 17, () => get(segments), index, ($$anchor, segment, index) => {
			const inside = user_derived(() => tokensOf(get(segment)));
			const first = user_derived(() => $$props.tokens[get(inside)[0]]);
			const last = user_derived(() => $$props.tokens[get(inside).at(-1)]);
			const text = user_derived(() => get(inside).slice(0, 40).map((one) => $$props.tokens[one].label).join(""));
			var div_3 = root_4$4();
			let classes;
			let styles_1;
			var span_1 = child(div_3);
			var text_2 = only_child(span_1, true);
			var node_4 = sibling(span_1, 2);
			var consequent_1 = ($$anchor) => {
				var span_2 = root_1$7();
				var text_3 = only_child(span_2, true);
				template_effect(($0) => set_text(text_3, $0), [() => percent(get(first).probability)]);
				append($$anchor, span_2);
			};
			if_block(node_4, ($$render) => {
				if (get(segment).parent >= 0 && get(first).probability !== null && get(unit) * get(inside).length > 60) $$render(consequent_1);
			});
			var node_5 = sibling(node_4, 2);
			var consequent_2 = ($$anchor) => {
				var span_3 = root_2$7();
				var text_4 = only_child(span_3, true);
				template_effect(() => set_text(text_4, get(last).note));
				append($$anchor, span_3);
			};
			if_block(node_5, ($$render) => {
				if (get(last).note) $$render(consequent_2);
			});
			var node_6 = sibling(node_5, 2);
			var consequent_3 = ($$anchor) => {
				var span_4 = root_3$6();
				append($$anchor, span_4);
			};
			var d = user_derived(() => get(folded).has(lastOf(index)));
			if_block(node_6, ($$render) => {
				if (get(d)) $$render(consequent_3);
			});
			reset(div_3);
			template_effect(($0, $1, $2, $3, $4, $5, $6) => {
				set_attribute(div_3, "id", `${id}-${index}`);
				set_attribute(div_3, "aria-level", get(depths)[index]);
				set_attribute(div_3, "aria-posinset", $0);
				set_attribute(div_3, "aria-setsize", $1);
				set_attribute(div_3, "aria-expanded", $2);
				set_attribute(div_3, "aria-selected", get(focus) === index);
				set_attribute(div_3, "aria-label", `${get(text) ?? ""}${get(inside).length > 40 ? "…" : ""}, ${$3 ?? ""}${$4 ?? ""}${get(last).note ? `, ${get(last).note}` : ""}${get(last).pruned ? ", given up" : ""}`);
				set_attribute(div_3, "title", `${get(text) ?? ""}${$5 ?? ""} ${get(last).note ?? ""}`);
				classes = set_class(div_3, 1, "slies", null, classes, {
					pruned: get(last).pruned,
					current: get(first).current
				});
				styles_1 = set_style(div_3, "", styles_1, {
					left: `${get(segment).x * get(unit)}px`,
					top: `${get(segment).y * 38}px`,
					width: $6
				});
				set_text(text_2, get(text));
			}, [
				() => siblings(index).indexOf(index) + 1,
				() => siblings(index).length,
				() => has(index) ? !get(folded).has(lastOf(index)) : void 0,
				() => plural(get(inside).length, noun()),
				() => get(first).probability === null ? "" : `, ${percent(get(first).probability)}`,
				() => get(first).probability === null ? "" : ` — ${percent(get(first).probability)}`,
				() => `${Math.max(18, get(inside).length * get(unit) - 6)}px`
			]);
			delegated("click", div_3, () => {
				chosen(get(inside)[0]);
				get(list)?.focus();
			});
			delegated("dblclick", div_3, () => $$props.onenter(get(inside)[0]));
			append($$anchor, div_3);
		});
		reset(div_2);
		bind_this(div_2, ($$value) => set(list, $$value), () => get(list));
		var node_7 = sibling(div_2, 2);
		var consequent_4 = ($$anchor) => {
			var p = root_5$4();
			p.textContent = "Only the first 1500 nodes are drawn.";
			append($$anchor, p);
		};
		if_block(node_7, ($$render) => {
			if (get(drawn).segments.length > MOST || $$props.tokens.length > MOST * 4) $$render(consequent_4);
		});
		template_effect(() => {
			set_attribute(div_2, "aria-label", $$props.label);
			set_attribute(div_2, "aria-activedescendant", get(focus) < 0 ? void 0 : `${id}-${get(focus)}`);
			styles = set_style(div_2, "", styles, {
				width: `${get(drawn).width * get(unit) + 80}px`,
				height: `${get(drawn).height * 38}px`
			});
			set_attribute(svg, "width", get(drawn).width * get(unit) + 80);
			set_attribute(svg, "height", get(drawn).height * 38);
		});
		delegated("keydown", div_2, key);
		event("focus", div_2, () => get(focus) < 0 && go(0));
		append($$anchor, fragment_1);
	};
	if_block(node_1, ($$render) => {
		if (get(segments).length) $$render(consequent_5);
	});
	reset(div_1);
	bind_this(div_1, ($$value) => set(frame, $$value), () => get(frame));
	template_effect(($0, $1, $2) => {
		set_text(text_1, `${$0 ?? ""}, ${$1 ?? ""}`);
		button.disabled = get(unit) === UNITS[0];
		button_1.disabled = $2;
	}, [
		() => plural($$props.tokens.length, noun()),
		() => plural(get(drawn).height, "leaf").replace("leafs", "leaves"),
		() => get(unit) === UNITS.at(-1)
	]);
	delegated("click", button, () => set(zoom, UNITS.findLast((one) => one < get(unit)) ?? UNITS[0], true));
	delegated("click", button_1, () => set(zoom, UNITS.find((one) => one > get(unit)) ?? 96, true));
	append($$anchor, fragment);
	pop();
}
delegate([
	"click",
	"keydown",
	"dblclick"
]);
// src/panes/Search.svelte
var root$7 = from_html(`<p class="words s1nnu"> </p>`);
var root_1$6 = from_html(`<h3 class="title s1nnu">Steps</h3> <!> <!> <p class="small muted">A box is a step, with its reward.</p>`, 1);
var root_2$6 = from_html(`<!> <!>`, 1);
function Search($$anchor, $$props) {
	push($$props, true);
	let chosen = state(null);
	const nodes = user_derived(() => $$props.page.solve.nodes);
	const places = user_derived(() => new Map(get(nodes).map((node, index) => [node.node, index])));
	const tokens = user_derived(() => get(nodes).map((node) => ({
		parent: get(places).get(node.parent) ?? -1,
		label: visible(node.text),
		probability: null,
		pruned: false,
		current: $$props.page.solve.best?.text.endsWith(node.text) ?? false,
		note: [node.scores?.map((score) => score === null ? "–" : fixed(score, 2)).join(" "), node.finish_reason].filter(Boolean).join(" ")
	})));
	var fragment = root_2$6();
	var node_1 = first_child(fragment);
	Ledger(node_1, { get solving() {
		return $$props.page.solve;
	} });
	var node_2 = sibling(node_1, 2);
	var consequent_1 = ($$anchor) => {
		var fragment_1 = root_1$6();
		var node_3 = sibling(first_child(fragment_1), 2);
		TreeView(node_3, {
			label: "Steps of the search",
			noun: "step",
			get tokens() {
				return get(tokens);
			},
			onenter: () => void 0,
			get chosen() {
				return get(chosen);
			},
			set chosen($$value) {
				set(chosen, $$value, true);
			}
		});
		var node_4 = sibling(node_3, 2);
		var consequent = ($$anchor) => {
			var p = root$7();
			var text = only_child(p, true);
			template_effect(($0) => set_text(text, $0), [() => visible(get(nodes)[get(chosen)].text)]);
			append($$anchor, p);
		};
		if_block(node_4, ($$render) => {
			if (get(chosen) !== null && get(nodes)[get(chosen)]) $$render(consequent);
		});
		next(2);
		append($$anchor, fragment_1);
	};
	if_block(node_2, ($$render) => {
		if (get(tokens).length) $$render(consequent_1);
	});
	append($$anchor, fragment);
	pop();
}
// src/panes/Multiverse.svelte
var root$6 = from_html(`<option> </option>`);
var root_1$5 = from_html(`<button>Stop</button>`);
var root_2$5 = from_html(`<button>Find all ways to go on</button>`);
var root_3$5 = from_html(`<button class="plain">Zoom out</button>`);
var root_4$3 = from_html(`<span class="mono"> </span><span class="tiny"> </span>`, 1);
var root_5$3 = from_html(`<div role="treeitem" tabindex="-1"><!></div>`);
var root_6$2 = from_html(`<div class="frame s1f06"><div role="tree" aria-label="Ways to go on" tabindex="0" class="s1f06"></div></div> <p class="small"><span class="mono words s1f06"> </span> </p> <p class="tiny muted">Enter or a double click zooms in; what is missing in a column is too unlikely each by itself.</p>`, 1);
var root_7$1 = from_html(`<section class="s1f06"><h3> </h3> <div class="row small"><label class="row">at least <select></select></label> <label class="row">tokens <input type="number" min="1" max="64" class="s1f06"/></label> <!> <!></div> <!> <p class="small" role="status"> </p></section>`);
function Multiverse($$anchor, $$props) {
	const id = props_id();
	push($$props, true);
	const WIDTH = 88;
	const HEIGHT = 340;
	const LEAST = 15;
	let least = state(.01);
	let depth = state(6);
	let ways = state([]);
	let said = state("");
	let zoomed = state(-1);
	let chosen = state(0);
	let controller = state(null);
	async function ask() {
		set(controller, new AbortController());
		const body = $$props.page.here ? pathBody($$props.page.here, $$props.page) : asked($$props.page.document);
		const found = [];
		set(ways, []);
		set(zoomed, -1);
		set(chosen, 0);
		set(said, "");
		try {
			for await (const part of expand({
				...body,
				min_probability: get(least),
				depth: get(depth)
			}, get(controller).signal)) {
				if (part.type === "node") {
					found.push(part);
					if (found.length % 16 === 0) set(ways, found.slice());
				}
				if (part.type === "end") set(said, `${plural(found.length, "token")}; ${percent(part.mass)} of all probability ended here${part.complete ? "" : "; more there was no room for"}.`);
			}
		} catch (error) {
			set(said, isAbort(error) ? "Stopped." : `${sentence(error)}.`, true);
		} finally {
			set(ways, found.slice());
			set(controller, null);
		}
	}
	const boxes = user_derived(() => {
		const base = get(zoomed) < 0 ? 0 : get(ways)[get(zoomed)]?.path_logprob ?? 0;
		const filled = new Map();
		const placed = new Map();
		if (get(zoomed) >= 0) placed.set(get(zoomed), {
			y: 0,
			depth: 0
		});
		const list = [];
		if (get(zoomed) >= 0 && get(ways)[get(zoomed)]) list.push({
			way: get(ways)[get(zoomed)],
			x: 0,
			y: 0,
			height: HEIGHT,
			depth: 1
		});
		for (const way of get(ways)) {
			const above = way.parent < 0 && get(zoomed) < 0 ? {
				y: 0,
				depth: -1
			} : placed.get(way.parent);
			if (!above || way.node === get(zoomed)) continue;
			const height = HEIGHT * Math.exp(way.path_logprob - base);
			const before = filled.get(way.parent) ?? 0;
			filled.set(way.parent, before + height);
			const place = {
				y: above.y + before,
				depth: above.depth + 1
			};
			placed.set(way.node, place);
			list.push({
				way,
				x: place.depth * WIDTH,
				height,
				depth: place.depth + 1,
				y: place.y
			});
		}
		return list;
	});
	const index = user_derived(() => Math.max(0, get(boxes).findIndex((box) => box.way.node === get(chosen))));
	const wide = user_derived(() => get(boxes).reduce((most, box) => Math.max(most, box.depth), 0) * WIDTH);
	const path = user_derived(() => {
		let text = "";
		for (let at = get(chosen); at >= 0 && get(ways)[at]; at = get(ways)[at].parent) text = get(ways)[at].text + text;
		return text;
	});
	function key(event) {
		if (event.altKey || event.ctrlKey || event.metaKey || !get(boxes).length) return;
		const way = get(ways)[get(chosen)];
		const beside = get(boxes).filter((box) => box.way.parent === way?.parent);
		const at = beside.findIndex((box) => box.way.node === get(chosen));
		const to = event.key === "ArrowRight" ? get(boxes).find((box) => box.way.parent === get(chosen)) : event.key === "ArrowLeft" ? get(boxes).find((box) => box.way.node === way?.parent) : event.key === "ArrowDown" ? beside[at + 1] : event.key === "ArrowUp" ? beside[at - 1] : event.key === "Home" ? get(boxes)[0] : void 0;
		if (to) set(chosen, to.way.node, true);
		else if (event.key === "Enter") set(zoomed, get(zoomed) === get(chosen) ? -1 : get(chosen), true);
		else if (event.key === "Escape" && get(zoomed) >= 0) set(zoomed, get(ways)[get(zoomed)].parent, true);
		else return;
		event.preventDefault();
		document.getElementById(`${id}-${get(chosen)}`)?.scrollIntoView({
			block: "nearest",
			inline: "nearest"
		});
	}
	var section = root_7$1();
	var h3 = child(section);
	var text_1 = only_child(h3);
	var div = sibling(h3, 2);
	var label = child(div);
	var select = sibling(child(label));
	each(select, 20, () => [
		.1,
		.03,
		.01,
		.003,
		.001
	], (one) => one, ($$anchor, one) => {
		var option = root$6();
		var text_2 = only_child(option, true);
		var option_value = {};
		template_effect(($0) => {
			set_text(text_2, $0);
			if (option_value !== (option_value = one)) option.value = (option.__value = option_value) ?? "";
		}, [() => percent(one)]);
		append($$anchor, option);
	});
	reset(select);
	init_select(select);
	reset(label);
	var label_1 = sibling(label, 2);
	var input = sibling(child(label_1));
	remove_input_defaults(input);
	reset(label_1);
	var node = sibling(label_1, 2);
	var consequent = ($$anchor) => {
		var button = root_1$5();
		delegated("click", button, () => get(controller)?.abort());
		append($$anchor, button);
	};
	var alternate = ($$anchor) => {
		var button_1 = root_2$5();
		template_effect(() => button_1.disabled = $$props.page.server.state !== "ready" || $$props.page.empty);
		delegated("click", button_1, ask);
		append($$anchor, button_1);
	};
	if_block(node, ($$render) => {
		if (get(controller)) $$render(consequent);
		else $$render(alternate, -1);
	});
	var node_1 = sibling(node, 2);
	var consequent_1 = ($$anchor) => {
		var button_2 = root_3$5();
		delegated("click", button_2, () => set(zoomed, -1));
		append($$anchor, button_2);
	};
	if_block(node_1, ($$render) => {
		if (get(zoomed) >= 0) $$render(consequent_1);
	});
	reset(div);
	var node_2 = sibling(div, 2);
	var consequent_3 = ($$anchor) => {
		var fragment = root_6$2();
		var div_1 = first_child(fragment);
		var div_2 = child(div_1);
		let styles;
		each(div_2, 21, () => get(boxes), ({ way, x, y, height, depth: level }) => way.node, ($$anchor, $$item) => {
			let way = () => get($$item).way;
			let x = () => get($$item).x;
			let y = () => get($$item).y;
			let height = () => get($$item).height;
			let level = () => get($$item).depth;
			var div_3 = root_5$3();
			let classes;
			let styles_1;
			var node_3 = child(div_3);
			var consequent_2 = ($$anchor) => {
				var fragment_1 = root_4$3();
				var span = first_child(fragment_1);
				var text_3 = only_child(span, true);
				var span_1 = sibling(span);
				var text_4 = only_child(span_1, true);
				template_effect(($0, $1) => {
					set_text(text_3, $0);
					set_text(text_4, $1);
				}, [() => visible(way().text), () => percent(Math.exp(way().path_logprob))]);
				append($$anchor, fragment_1);
			};
			if_block(node_3, ($$render) => {
				if (height() >= LEAST) $$render(consequent_2);
			});
			reset(div_3);
			template_effect(($0, $1, $2, $3) => {
				set_attribute(div_3, "id", `${id}-${way().node ?? ""}`);
				set_attribute(div_3, "aria-level", level());
				set_attribute(div_3, "aria-selected", way().node === get(chosen));
				set_attribute(div_3, "aria-label", `${$0 ?? ""}, ${$1 ?? ""} of all, ${$2 ?? ""} here`);
				classes = set_class(div_3, 1, "s1f06", null, classes, { ended: way().ended === "stop" });
				styles_1 = set_style(div_3, "", styles_1, {
					left: `${x() ?? ""}px`,
					top: `${y() ?? ""}px`,
					height: $3,
					width: "87px"
				});
			}, [
				() => visible(way().text),
				() => percent(Math.exp(way().path_logprob)),
				() => percent(Math.exp(way().logprob)),
				() => `${Math.max(.5, height() - 1)}px`
			]);
			delegated("click", div_3, () => set(chosen, way().node, true));
			delegated("dblclick", div_3, () => set(zoomed, way().node, true));
			append($$anchor, div_3);
		});
		reset(div_2);
		reset(div_1);
		var p = sibling(div_1, 2);
		var span_2 = child(p);
		var text_5 = only_child(span_2, true);
		var text_6 = sibling(span_2);
		reset(p);
		next(2);
		template_effect(($0, $1) => {
			set_attribute(div_2, "aria-activedescendant", `${id}-${get(boxes)[get(index)].way.node ?? ""}`);
			styles = set_style(div_2, "", styles, {
				width: `${get(wide) ?? ""}px`,
				height: "340px"
			});
			set_text(text_5, $0);
			set_text(text_6, ` ${$1 ?? ""}`);
		}, [() => visible(get(path)), () => get(ways)[get(chosen)] ? percent(Math.exp(get(ways)[get(chosen)].path_logprob)) : ""]);
		delegated("keydown", div_2, key);
		append($$anchor, fragment);
	};
	if_block(node_2, ($$render) => {
		if (get(boxes).length) $$render(consequent_3);
	});
	var p_1 = sibling(node_2, 2);
	var text_7 = only_child(p_1, true);
	reset(section);
	template_effect(() => {
		set_attribute(section, "aria-labelledby", `${id}-title`);
		set_attribute(h3, "id", `${id}-title`);
		set_text(text_1, `Multiverse ${$$props.page.here ? "from this token" : "from the prompt"}`);
		set_text(text_7, get(said));
	});
	bind_select_value(select, () => get(least), ($$value) => set(least, $$value));
	bind_value(input, () => get(depth), ($$value) => set(depth, $$value));
	append($$anchor, section);
	pop();
}
delegate([
	"click",
	"keydown",
	"dblclick"
]);
// src/panes/Tree.svelte
var root$5 = from_html(`<!> <p class="small muted">A box is tokens without a branch, with its score. Dashed: given up.</p>`, 1);
var root_1$4 = from_html(`<!> <p class="small muted">A box is tokens without a branch; its share is what the model gave its first token. Enter shows a text; a bar in Choice makes a branch.</p>`, 1);
var root_2$4 = from_html(`<p class="muted">Here grows a tree of all texts: those that were, and those that branch off at a token.</p>`);
var root_3$4 = from_html(`<button>Show</button> <button>★ Star</button> <button>Delete</button> <button>Compare with what is shown</button>`, 1);
var root_4$2 = from_html(`<label class="small row">Note <input class="grow" type="text"/></label> <p class="tiny muted"> </p>`, 1);
var root_5$2 = from_html(`<section aria-label="The chosen branch" class="sae33"><p class="words sae33"> </p> <div class="row"><!> <!></div> <!></section>`);
var root_6$1 = from_html(`<div class="pane sae33"><!> <!> <!></div>`);
function Tree($$anchor, $$props) {
	push($$props, true);
	let chosen = state(null);
	const shown = user_derived(() => $$props.page.answer);
	const trace = user_derived(() => get(shown)?.view.trace ?? null);
	const searched = user_derived(() => {
		$$props.page.version;
		return get(trace) !== null && get(trace).tokens.some((token) => token.score !== null);
	});
	const run = user_derived(() => $$props.page.session.place && runOf($$props.page.session, $$props.page.session.place.run));
	const nodes = user_derived(() => get(run) ? grove($$props.page.session, get(run)) : []);
	const search = user_derived(() => {
		$$props.page.version;
		if (!get(trace) || !get(searched)) return [];
		const lives = get(shown)?.view.live ? get(trace).tokens.map(() => true) : living(get(trace));
		const path = new Set(get(shown)?.line?.path);
		return get(trace).tokens.map((token, index) => ({
			parent: token.parent,
			label: visible(get(trace).vocabulary[token.id].text),
			probability: Math.exp(token.logprob),
			pruned: !lives[index],
			current: path.has(index),
			note: token.score === null || !token.ended ? "" : `${fixed(token.score, 2)} ${token.ended}`
		}));
	});
	const current = user_derived(() => {
		const found = new Set();
		const { place } = $$props.page.session;
		let at = get(nodes).findIndex((node) => node.ends.some((end) => end.run === place?.run && end.text === place.text));
		for (; at >= 0; at = get(nodes)[at].parent) found.add(at);
		return found;
	});
	const texts = user_derived(() => get(nodes).map((node, index) => {
		const one = runOf($$props.page.session, node.run);
		const token = node.token < 0 ? void 0 : one?.trace.tokens[node.token];
		const spelling = one && viewOf($$props.page.session, one).trace?.vocabulary[node.id];
		const marks = node.ends.map(({ run }) => $$props.page.session.marks[run]).filter(Boolean);
		const ended = node.ends.length ? runOf($$props.page.session, node.ends[0].run)?.end ?? "" : "";
		return {
			parent: node.parent,
			label: visible(spelling?.text ?? `token ${node.id}`),
			probability: token ? Math.exp(token.logprob) : null,
			pruned: false,
			current: get(current).has(index),
			note: [
				marks.some((mark) => mark.starred) && "★",
				...marks.map((mark) => mark.note),
				ended === "stopped" && "stopped",
				ended === "failed" && "failed"
			].filter(Boolean).join(" ")
		};
	}));
	function endOf(index) {
		const below = new Set([index]);
		for (let at = index; at < get(nodes).length; at++) {
			if (at !== index && !below.has(get(nodes)[at].parent)) continue;
			below.add(at);
			if (get(nodes)[at].ends.length) return get(nodes)[at].ends[0];
		}
		return null;
	}
	const end = user_derived(() => get(chosen) !== null && get(nodes)[get(chosen)] && !get(searched) ? endOf(get(chosen)) : null);
	const mark = user_derived(() => get(end) && ($$props.page.session.marks[get(end).run] ?? {
		starred: false,
		note: ""
	}));
	const path = user_derived(() => {
		const from = get(searched) ? get(search) : get(texts);
		let words = "";
		for (let at = get(chosen) ?? -1; at >= 0 && from[at]; at = from[at].parent) words = from[at].label.replaceAll("⏎", "\n") + words;
		return words;
	});
	function enter(index) {
		if (get(searched)) return;
		const to = endOf(index);
		if (to && !$$props.page.running) $$props.page.visit(to);
	}
	var div = root_6$1();
	var node_1 = child(div);
	var consequent = ($$anchor) => {
		var fragment = root$5();
		TreeView(first_child(fragment), {
			label: "What the search tried",
			get tokens() {
				return get(search);
			},
			get version() {
				return $$props.page.version;
			},
			onenter: enter,
			get chosen() {
				return get(chosen);
			},
			set chosen($$value) {
				set(chosen, $$value, true);
			}
		});
		next(2);
		append($$anchor, fragment);
	};
	var consequent_1 = ($$anchor) => {
		var fragment_1 = root_1$4();
		TreeView(first_child(fragment_1), {
			label: "All texts of this document",
			get tokens() {
				return get(texts);
			},
			onenter: enter,
			get chosen() {
				return get(chosen);
			},
			set chosen($$value) {
				set(chosen, $$value, true);
			}
		});
		next(2);
		append($$anchor, fragment_1);
	};
	var alternate = ($$anchor) => {
		var p = root_2$4();
		append($$anchor, p);
	};
	if_block(node_1, ($$render) => {
		if (get(searched)) $$render(consequent);
		else if (get(texts).length) $$render(consequent_1, 1);
		else $$render(alternate, -1);
	});
	var node_4 = sibling(node_1, 2);
	var consequent_4 = ($$anchor) => {
		var section = root_5$2();
		var p_1 = child(section);
		var text = only_child(p_1, true);
		var div_1 = sibling(p_1, 2);
		var node_5 = child(div_1);
		var consequent_2 = ($$anchor) => {
			var fragment_2 = root_3$4();
			var button = first_child(fragment_2);
			var button_1 = sibling(button, 2);
			var button_2 = sibling(button_1, 2);
			var button_3 = sibling(button_2, 2);
			template_effect(() => {
				button.disabled = $$props.page.running;
				set_attribute(button_1, "aria-pressed", get(mark).starred);
				button_2.disabled = $$props.page.running;
				button_3.disabled = $$props.page.session.place?.run === get(end).run && $$props.page.session.place.text === get(end).text;
			});
			delegated("click", button, () => enter(get(chosen)));
			delegated("click", button_1, () => $$props.page.change(marked($$props.page.session, get(end).run, { starred: !get(mark).starred })));
			delegated("click", button_2, () => {
				$$props.page.change(without($$props.page.session, get(end).run));
				$$props.page.say("deleted; undo brings it back");
				set(chosen, null);
			});
			delegated("click", button_3, () => $$props.page.compareWith(get(end)));
			append($$anchor, fragment_2);
		};
		if_block(node_5, ($$render) => {
			if (get(end) && get(mark)) $$render(consequent_2);
		});
		Copy(sibling(node_5, 2), {
			get text() {
				return get(path);
			},
			label: "Copy the path as text"
		});
		reset(div_1);
		var node_7 = sibling(div_1, 2);
		var consequent_3 = ($$anchor) => {
			var fragment_3 = root_4$2();
			var label = first_child(fragment_3);
			var input = sibling(child(label));
			remove_input_defaults(input);
			reset(label);
			var p_2 = sibling(label, 2);
			var text_1 = only_child(p_2);
			template_effect(($0) => {
				set_value(input, get(mark).note);
				set_text(text_1, `${$0 ?? ""} in the tree. Deleting takes what branched off it along.`);
			}, [() => plural(get(nodes).filter((node) => node.ends.length).length, "text")]);
			delegated("change", input, (event) => $$props.page.change(marked($$props.page.session, get(end).run, { note: event.currentTarget.value })));
			append($$anchor, fragment_3);
		};
		if_block(node_7, ($$render) => {
			if (get(end) && get(mark)) $$render(consequent_3);
		});
		reset(section);
		template_effect(() => set_text(text, get(path)));
		append($$anchor, section);
	};
	if_block(node_4, ($$render) => {
		if (get(chosen) !== null && (get(end) || get(searched))) $$render(consequent_4);
	});
	Multiverse(sibling(node_4, 2), { get page() {
		return $$props.page;
	} });
	reset(div);
	append($$anchor, div);
	pop();
}
delegate(["click", "change"]);
// src/panes/Inspector.svelte
var root$4 = from_html(`<div class="panel s1iid"><!></div>`);
var root_1$3 = from_html(`<div class="tabs s1iid"><!></div>`);
var root_2$3 = from_html(`<!> <div class="panel s1iid" id="inspector-panel" tabindex="0"><!></div>`, 1);
var root_3$3 = from_html(`<div class="pane s1iid"><h2 class="spoken">Inspector</h2> <!></div>`);
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
	var div = root_3$3();
	var node = sibling(child(div), 2);
	var consequent = ($$anchor) => {
		var div_1 = root$4();
		More(child(div_1), { get page() {
			return page();
		} });
		reset(div_1);
		append($$anchor, div_1);
	};
	var alternate_1 = ($$anchor) => {
		var fragment = root_2$3();
		var node_2 = first_child(fragment);
		var consequent_1 = ($$anchor) => {
			var div_2 = root_1$3();
			var node_3 = child(div_2);
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
			reset(div_2);
			append($$anchor, div_2);
		};
		if_block(node_2, ($$render) => {
			if (!page().phone) $$render(consequent_1);
		});
		var div_3 = sibling(node_2, 2);
		var node_4 = child(div_3);
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
		reset(div_3);
		template_effect(() => {
			set_attribute(div_3, "role", page().phone ? "region" : "tabpanel");
			set_attribute(div_3, "aria-labelledby", page().phone ? void 0 : `inspector-panel-tab-${get(tab)}`);
			set_attribute(div_3, "aria-label", page().phone ? TABS[get(tab)] : void 0);
		});
		append($$anchor, fragment);
	};
	if_block(node, ($$render) => {
		if (page().phone && page().view === "more") $$render(consequent);
		else $$render(alternate_1, -1);
	});
	reset(div);
	append($$anchor, div);
	pop();
}
// src/panes/Settings.svelte
var root$3 = from_html(`<label for="system"><h2>System message</h2></label> <textarea id="system" rows="3" placeholder="The model's own, or none"></textarea>`, 1);
var root_1$2 = from_html(`<button class="plain">Reset all</button>`);
var root_2$2 = from_html(`<span class="mono shht2"> </span>`);
var root_3$2 = from_html(`<span class="muted">All as the server has them.</span>`);
var root_4$1 = from_html(`•<span class="spoken">some are set</span>`, 1);
var root_5$1 = from_html(`<details><summary class="shht2"><h3 class="shht2"> <!></h3></summary> <div class="fields shht2"></div></details>`);
var root_6 = from_html(`<p class="muted small"> </p>`);
var root_7 = from_html(`<div class="pane shht2"><!> <div class="row"><h2 class="grow">Settings</h2> <!></div> <p class="summary small shht2" aria-label="What differs from the defaults"></p> <input type="search" aria-label="Find a setting" placeholder="Find a setting"/> <!></div>`);
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
		const found = new Map();
		for (const parameter of $$props.page.parameters) {
			if (get(find) && !`${parameter.name} ${spoken(parameter.name)} ${parameter.help}`.toLowerCase().includes(get(find).toLowerCase())) continue;
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
	var div = root_7();
	var node = child(div);
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
	var div_1 = sibling(node, 2);
	var node_1 = sibling(child(div_1), 2);
	var consequent_1 = ($$anchor) => {
		var button = root_1$2();
		delegated("click", button, () => $$props.page.setAll({}));
		append($$anchor, button);
	};
	if_block(node_1, ($$render) => {
		if (get(set$1).length) $$render(consequent_1);
	});
	reset(div_1);
	var p = sibling(div_1, 2);
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
		var div_2 = sibling(summary, 2);
		each(div_2, 21, parameters, (parameter) => parameter.name, ($$anchor, parameter) => {
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
		reset(div_2);
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
	reset(div);
	bind_value(input, () => get(find), ($$value) => set(find, $$value));
	append($$anchor, div);
	pop();
}
delegate(["change", "click"]);
// src/panes/TopBar.svelte
var root$2 = from_html(`<button role="radio" class="s1afh"> </button>`);
var root_1$1 = from_html(`<span class="model small s1afh"> </span>`);
var root_2$1 = from_html(`<button class="plain" aria-haspopup="dialog"> </button>`);
var root_3$1 = from_html(`<nav aria-label="Tools" class="s1afh"></nav> <button class="plain" aria-haspopup="dialog" aria-label="Commands">⌘K</button>`, 1);
var root_4 = from_html(`<button class="plain"> </button> <button class="plain" aria-label="Keys" aria-haspopup="dialog">?</button>`, 1);
var root_5 = from_html(`<header class="s1afh"><h1 class="s1afh">ponder</h1> <div class="modes s1afh" role="radiogroup" aria-label="Mode" tabindex="-1"></div> <!> <span class="grow"></span> <!> <!></header>`);
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
		if (get(model) && !$$props.page.phone) $$render(consequent);
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
var root$1 = from_html(`<div role="separator" aria-orientation="vertical" tabindex="0"></div>`);
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
		set_class(div, 1, clsx($$props.side), "shh50");
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
var root = from_html(`<div id="pane-settings" tabindex="-1" aria-label="Settings"><!> <!></div>`);
var root_1 = from_html(`<main id="pane-document" tabindex="-1" aria-label="Document" class="sfg7z"><!></main>`);
var root_2 = from_html(`<div id="pane-inspector" tabindex="-1" aria-label="Inspector"><!> <!></div>`);
var root_3 = from_html(`<div><!> <div class="panes sfg7z"><!> <!> <!></div> <!></div> <div class="spoken" role="status" aria-live="polite"> </div> <!>`, 1);
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
	user_effect(() => {
		document.title = page.title;
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
		var div_2 = root();
		let classes_1;
		var node_2 = child(div_2);
		Settings(node_2, { get page() {
			return page;
		} });
		var node_3 = sibling(node_2, 2);
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
		reset(div_2);
		template_effect(() => {
			set_attribute(div_2, "role", get(phone) ? "main" : "complementary");
			classes_1 = set_class(div_2, 1, "settings sfg7z", null, classes_1, { drawer: !get(wide) && !get(phone) });
		});
		append($$anchor, div_2);
	};
	if_block(node_1, ($$render) => {
		if (get(settingsShown)) $$render(consequent_1);
	});
	var node_4 = sibling(node_1, 2);
	var consequent_2 = ($$anchor) => {
		var main = root_1();
		DocumentPane(child(main), { get page() {
			return page;
		} });
		reset(main);
		append($$anchor, main);
	};
	if_block(node_4, ($$render) => {
		if (get(documentShown)) $$render(consequent_2);
	});
	var node_6 = sibling(node_4, 2);
	var consequent_4 = ($$anchor) => {
		var div_3 = root_2();
		let classes_2;
		var node_7 = child(div_3);
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
		if_block(node_7, ($$render) => {
			if (!get(phone)) $$render(consequent_3);
		});
		Inspector(sibling(node_7, 2), { get page() {
			return page;
		} });
		reset(div_3);
		template_effect(() => {
			set_attribute(div_3, "role", get(documentShown) ? "complementary" : "main");
			classes_2 = set_class(div_3, 1, "inspector sfg7z", null, classes_2, { sheet: get(phone) && get(documentShown) });
		});
		append($$anchor, div_3);
	};
	if_block(node_6, ($$render) => {
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
	var div_4 = sibling(div, 2);
	var text = only_child(div_4, true);
	Dialogs(sibling(div_4, 2), {
		get page() {
			return page;
		},
		get actions() {
			return actions;
		}
	});
	template_effect(($0) => {
		classes = set_class(div, 1, "app sfg7z", null, classes, {
			phone: get(phone),
			wide: get(wide)
		});
		styles = set_style(div_1, "", styles, { "grid-template-columns": $0 });
		set_text(text, page.said);
	}, [() => get(phone) ? "minmax(0, 1fr)" : `${get(wide) && get(settingsShown) ? `${sizes.value.settings}px ` : ""}minmax(0, 1fr) ${Math.min(sizes.value.inspector, get(width) / 2)}px`]);
	bind_window_size("innerWidth", ($$value) => set(width, $$value, true));
	append($$anchor, fragment);
	pop();
}
// src/main.ts
mount(App, { target: document.body });
