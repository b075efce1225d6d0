// Builds the page into the five files that `ponder serve` answers with. They are committed, so they are neither
// minified nor named by a hash: app.js reads like its source, and vendor.js changes only with Svelte's version.
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vite";

const SERVER = process.env.PONDER_URL ?? "http://127.0.0.1:8000";

export default defineConfig({
  base: "./",
  plugins: [svelte({ emitCss: true })],
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
