import { n as append, r as from_html, t as mount } from "./vendor.js";
// src/App.svelte
var root = from_html(`<main>ponder</main>`);
function App($$anchor) {
	var main = root();
	append($$anchor, main);
}
// src/main.ts
mount(App, { target: document.body });
