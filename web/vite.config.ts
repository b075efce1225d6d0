// Builds the page into the five files that `ponder serve` answers with. They are committed, so none is named by a
// hash, and app.js reads like its source. vendor.js is Svelte as the lock file has it: nobody reads it here, so it is
// minified, which keeps the page small.
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { minifySync } from "rolldown/utils";
import { defineConfig, type Plugin } from "vite";

const SERVER = process.env.PONDER_URL ?? "http://127.0.0.1:8000";

const smallVendor: Plugin = {
  name: "small-vendor",
  generateBundle(_, bundle) {
    const vendor = bundle["vendor.js"];
    if (vendor.type === "chunk") vendor.code = minifySync("vendor.js", vendor.code, { module: true, codegen: { removeWhitespace: true } }).code;
  },
};

export default defineConfig({
  base: "./",
  plugins: [svelte({ emitCss: true }), smallVendor],
  build: {
    outDir: process.env.PONDER_STATIC ?? "../src/ponder/server/static",
    emptyOutDir: true,
    target: "es2023",
    minify: false,
    cssMinify: false,
    cssCodeSplit: false,
    modulePreload: false,
    assetsInlineLimit: 0,
    reportCompressedSize: false,
    rolldownOptions: {
      output: {
        comments: { jsdoc: false, annotation: false, legal: true },
        entryFileNames: "app.js",
        chunkFileNames: "[name].js",
        assetFileNames: (file) => (file.names.some((name) => name.endsWith(".css")) ? "app.css" : "[name][extname]"),
        codeSplitting: { groups: [{ name: "vendor", test: /node_modules|rolldown:runtime/ }] },
      },
    },
  },
  // `npm run dev` asks a server that runs; it refuses pages of other origins, so the origin is its own.
  server: {
    proxy: Object.fromEntries(
      ["/v1", "/ponder", "/health", "/tokenize", "/detokenize"].map((path) => [
        path,
        { target: SERVER, changeOrigin: true, headers: { origin: SERVER } },
      ]),
    ),
  },
});
