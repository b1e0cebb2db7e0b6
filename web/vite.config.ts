import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

// While developing, the page comes from Vite and the API from a running Tandem.
const api = process.env["TANDEM_URL"] ?? "http://127.0.0.1:8080";

export default defineConfig({
  plugins: [react()],
  build: {
    // The policy of the server allows files of its own only: nothing is put into the page itself.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: { proxy: { "/api": api } },
  test: { environment: "happy-dom", include: ["src/**/*.test.{ts,tsx}"] },
});
