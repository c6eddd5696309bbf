export default {
  compatibilityDate: "2026-01-01",
  output: { dir: "build" },
  preset: "node-middleware",
  serverDir: ".",
};
