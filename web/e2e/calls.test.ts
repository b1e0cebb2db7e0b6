// With phones: TANDEM_FROM and TANDEM_TO are extensions whose phones are registered and answer.

import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";

import { launch, open, signIn } from "./browser";

const [from, to] = [process.env["TANDEM_FROM"], process.env["TANDEM_TO"]];
let browser: Browser;

beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());

test.runIf(from && to)("a call is begun from the page, seen live, and hung up", async () => {
  const { page, faults } = await open(browser);
  await signIn(page);
  await page.getByText("Live", { exact: true }).waitFor();
  await page.getByRole("button", { name: "New call" }).click();
  await page.getByLabel("Extension to ring first").fill(from ?? "");
  await page.getByLabel("Then dial").fill(to ?? "");
  await page.getByRole("button", { name: "Call", exact: true }).click();
  await page.getByRole("dialog").waitFor({ state: "detached" });
  const row = page.getByRole("row").filter({ has: page.getByLabel(`Details of the call from ${from} to ${to}`) });
  await row.getByText("answered", { exact: true }).first().waitFor();
  const before = await row.count();
  await row.last().getByRole("button", { name: "Hang up" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Hang up" }).click();
  await expect.poll(() => row.count()).toBe(before - 1);
  expect(faults).toEqual([]);
});
