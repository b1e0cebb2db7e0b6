// A real browser on a running Tandem: TANDEM_URL and TANDEM_TOKEN say where, CHROMIUM which browser.

import { type Browser, chromium, type Page } from "playwright-core";

const need = (name: string): string => {
  const value = process.env[name];
  if (!value) throw new Error(`set ${name}: these tests run against a running Tandem`);
  return value;
};

export const url = need("TANDEM_URL").replace(/\/$/, "");
export const token = need("TANDEM_TOKEN");

export const launch = (): Promise<Browser> =>
  chromium.launch({
    executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium",
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });

/** A page that remembers what went wrong in it: errors of scripts, and what the policy refused. */
export async function open(browser: Browser): Promise<{ page: Page; faults: string[] }> {
  const page = await (await browser.newContext()).newPage();
  page.setDefaultTimeout(10_000);
  const faults: string[] = [];
  page.on("pageerror", (error) => faults.push(error.message));
  page.on("console", (message) => {
    // A refused request is shown by the page itself.
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) faults.push(message.text());
  });
  return { page, faults };
}

/** Signs in, at this Tandem or at another that takes the same token. */
export async function signIn(page: Page, at = url): Promise<void> {
  await page.goto(at);
  await page.getByLabel("Admin token").fill(token);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("heading", { name: "Calls", exact: true }).waitFor();
}

/** Counts the events of this name from now on; `stop` ends it. */
export async function counts(name: string): Promise<{ seen: number; stop: () => void }> {
  const gone = new AbortController();
  const headers = { Authorization: `Bearer ${token}` };
  const answer = await fetch(`${url}/api/v1/events`, { headers, signal: gone.signal });
  const counted = { seen: 0, stop: () => gone.abort() };
  const read = async () => {
    for await (const text of answer.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      counted.seen += text.split(`event: ${name}\n`).length - 1;
    }
  };
  // It ends by being stopped.
  read().catch(() => undefined);
  return counted;
}

export const request = (method: string, path: string, body?: unknown): Promise<Response> =>
  fetch(`${url}/api/v1${path}`, {
    method,
    headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
