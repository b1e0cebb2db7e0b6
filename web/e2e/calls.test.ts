// With phones of its own: a call is begun from the page, and its phones answer.

import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";

import { launch, open, request, signIn, url } from "./browser";
import { Phone, type Server } from "./phone";

const numbers = ["a", "b", "c"].map((letter) => `${letter}${process.pid}`);
const [from = "", to = "", third = ""] = numbers;
const phones: Phone[] = [];
let browser: Browser;

beforeAll(async () => {
  browser = await launch();
  const { servers } = (await (await request("GET", "/system")).json()) as { servers: (Server & { transports: string[] })[] };
  const server = servers.find(({ transports }) => transports.includes("udp"));
  if (!server) throw new Error("no phone can sign in over UDP");
  for (const number of numbers) {
    const { password } = (await (await request("POST", "/extensions", { number })).json()) as { password: string };
    phones.push(await Phone.signIn(number, password, server));
  }
});
afterAll(async () => {
  for (const phone of phones) phone.close();
  for (const number of numbers) await request("DELETE", `/extensions/${number}`);
  await browser.close();
});

test("a call is begun from the page, seen live, hung up, and found in the history", async () => {
  const { page, faults } = await open(browser);
  await signIn(page);
  await page.getByText("Live", { exact: true }).waitFor();
  await page.getByRole("button", { name: "New call" }).click();
  await page.getByLabel("Extension to ring first").fill(from);
  await page.getByLabel("Then dial").fill(to);
  await page.getByRole("button", { name: "Call", exact: true }).click();
  await page.getByRole("dialog").waitFor({ state: "detached" });
  const details = page.getByLabel(`Details of the call from ${from} to ${to}`);
  const row = page.getByRole("row").filter({ has: details });
  await row.getByText("answered", { exact: true }).first().waitFor();
  // Both legs are connected.
  await expect.poll(async () => {
    const calls = (await (await request("GET", "/calls")).json()) as { items: { legs: { state: string }[] }[] };
    return calls.items.flatMap((call) => call.legs.map((leg) => leg.state));
  }).toEqual(["up", "up"]);
  // Another person looks at the history.
  const other = await open(browser);
  await signIn(other.page);
  await other.page.goto(`${url}/history?q=${from.toUpperCase()}`);
  await other.page.getByText("Nothing found").waitFor();
  await other.page.getByText("Live", { exact: true }).waitFor();
  await row.getByRole("button", { name: "Hang up" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Hang up" }).click();
  await expect.poll(() => row.count()).toBe(0);
  await other.page.getByRole("button", { name: "1 new call" }).click();
  await other.page.getByText("Ended by an administrator").waitFor();
  expect(await other.page.getByRole("button", { name: "1 new call" }).count()).toBe(0);
  await other.page.getByRole("searchbox").fill("nobody");
  await other.page.getByText("Nothing found").waitFor();
  expect(new URL(other.page.url()).search).toBe("?q=nobody");
  expect([...faults, ...other.faults]).toEqual([]);
});

test("a call is recorded from its row, and heard afterwards", async () => {
  const { page, faults } = await open(browser);
  await signIn(page);
  await page.getByText("Live", { exact: true }).waitFor();
  expect((await request("POST", "/calls", { from, to })).status).toBe(201);
  const row = page.getByRole("row").filter({ has: page.getByLabel(`Details of the call from ${from} to ${to}`) });
  await row.getByRole("button", { name: "Record", exact: true }).click();
  await row.getByText("recorded", { exact: true }).waitFor();
  const recordings = async () => ((await (await request("GET", `/recordings?number=${from}`)).json()) as { items: { state: string }[] }).items;
  await expect.poll(async () => (await recordings()).map(({ state }) => state)).toEqual(["in_progress"]);
  await row.getByRole("button", { name: "Stop recording" }).click();
  await row.getByRole("button", { name: "Record", exact: true }).waitFor();
  await expect.poll(async () => (await recordings()).map(({ state }) => state)).toEqual(["ended"]);
  await row.getByRole("button", { name: "Hang up" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Hang up" }).click();
  await page.getByRole("link", { name: "Recordings" }).click();
  await page.getByRole("searchbox").fill(from);
  await page.getByRole("button", { name: `Play: ${from} with ${to}` }).click();
  const audio = page.getByLabel(`Recording: ${from} with ${to}`, { exact: true });
  // The phones say nothing: what was recorded is silence.
  await expect.poll(() => audio.evaluate((element) => (element as HTMLAudioElement).duration), { timeout: 10_000 }).toBeGreaterThan(0);
  await page.getByRole("button", { name: `Delete: ${from} with ${to}` }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await page.getByText("Nothing found").waitFor();
  expect(await recordings()).toEqual([]);
  expect(faults).toEqual([]);
});

test("the callee of a call is transferred from its row, and goes on in a call of its own", async () => {
  const { page, faults } = await open(browser);
  await signIn(page);
  await page.getByText("Live", { exact: true }).waitFor();
  expect((await request("POST", "/calls", { from, to })).status).toBe(201);
  const row = (caller: string, callee: string) =>
    page.getByRole("row").filter({ has: page.getByLabel(`Details of the call from ${caller} to ${callee}`) });
  await row(from, to).getByRole("button", { name: "Transfer" }).click();
  const dialog = page.getByRole("dialog");
  expect(await page.evaluate(() => document.activeElement?.tagName)).toBe("SELECT");
  await dialog.getByLabel("Who is moved").selectOption("callee");
  await dialog.getByLabel("To", { exact: true }).fill("not a number");
  await dialog.getByRole("button", { name: "Transfer" }).click();
  await dialog.getByRole("alert").waitFor();
  await dialog.getByLabel("To", { exact: true }).fill(third);
  await dialog.getByRole("button", { name: "Transfer" }).click();
  await dialog.waitFor({ state: "detached" });
  await row(to, third).getByText("answered", { exact: true }).first().waitFor();
  await expect.poll(() => row(from, to).count()).toBe(0);
  await row(to, third).getByRole("button", { name: "Hang up" }).click();
  await dialog.getByRole("button", { name: "Hang up" }).click();
  await page.getByText("No calls right now").waitFor();
  expect(faults).toEqual([]);
});
