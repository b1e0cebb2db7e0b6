// Recordings, conferences, subscriptions and parked calls in a real browser: on a Tandem with made-up calls and tones (the
// example `demo` of the admin crate), since phones that speak are not at hand here. TANDEM_DEMO_URL says where.

import axe from "axe-core";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";

import { launch, open, signIn } from "./browser";

const demo = process.env["TANDEM_DEMO_URL"] ?? "";
let browser: Browser;

beforeAll(async () => {
  if (!demo) throw new Error("set TANDEM_DEMO_URL: these tests run against a running demo");
  browser = await launch();
});
afterAll(() => browser.close());

const at = async (path: string) => {
  const { page, faults } = await open(browser);
  await signIn(page, demo);
  await page.goto(`${demo}${path}`);
  await page.getByText("Live", { exact: true }).waitFor();
  return { page, faults };
};

test("a recording is played from any second, in parts", async () => {
  const { page, faults } = await at("/recordings?kind=caller");
  const parts: string[] = [];
  page.on("response", (response) => {
    if (response.url().includes("/audio?ticket=")) parts.push(`${response.status()} ${response.headers()["content-range"] ?? ""}`);
  });
  await page.getByRole("button", { name: "Play: Message note-7 of 101" }).click();
  const audio = page.getByLabel("Recording: Message note-7 of 101", { exact: true });
  const read = (what: "duration" | "currentTime") => audio.evaluate((element, what) => (element as HTMLAudioElement)[what], what);
  await expect.poll(() => read("duration"), { timeout: 10_000 }).toBeCloseTo(54, 1);
  await audio.evaluate((element) => {
    const audio = element as HTMLAudioElement;
    audio.muted = true;
    audio.currentTime = 50;
    return audio.play();
  });
  await expect.poll(() => read("currentTime"), { timeout: 10_000 }).toBeGreaterThan(50.2);
  expect(parts[0]).toMatch(/^206 bytes 0-/);
  await page.getByRole("button", { name: "Close the player" }).click();
  await audio.waitFor({ state: "detached" });
  expect(faults).toEqual([]);
});

test("a recording is saved under a name that says what it is, and deleted", async () => {
  const { page, faults } = await at("/recordings");
  const row = "Message note-10 of";
  const saved = page.waitForEvent("download");
  await page.getByRole("button", { name: `Download: ${row}` }).click();
  expect((await saved).suggestedFilename()).toMatch(/^\d{4}-\d\d-\d\dT\d\d_\d\d_\d\dZ-\d+-\d+\.wav$/);
  await page.getByRole("button", { name: `Delete: ${row}` }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await expect.poll(() => page.getByRole("button", { name: `Delete: ${row}` }).count()).toBe(0);
  expect(faults).toEqual([]);
});

test("a conference changes while a person looks at it, and a member is muted and removed", async () => {
  const { page, faults } = await at("/conferences");
  const room = page.getByRole("region", { name: "Conference sales" });
  await room.getByText("speaking").waitFor();
  await room.getByRole("button", { name: "Mute 102" }).click();
  await room.getByRole("button", { name: "Unmute 102" }).waitFor();
  await room.getByRole("button", { name: "Unmute 102" }).click();
  await room.getByRole("button", { name: "Mute 102" }).waitFor();
  await room.getByRole("button", { name: "Remove 103" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
  await expect.poll(() => room.getByRole("button", { name: "Remove 103" }).count()).toBe(0);
  await room.getByText("2 members").waitFor();
  expect(faults).toEqual([]);
});

test("what phones watch is seen, and a parked call", async () => {
  const { page, faults } = await at("/subscriptions");
  await page.getByRole("row").filter({ hasText: "103" }).getByText("2 NOTIFYs failed: 408").waitFor();
  await page.getByLabel("Watched by").fill("101");
  await page.getByText("messages", { exact: true }).waitFor();
  await expect.poll(() => page.getByText("lamp", { exact: true }).count()).toBe(0);
  await page.getByRole("link", { name: "Calls", exact: true }).click();
  const parked = page.getByRole("region", { name: "Parked calls" });
  await parked.getByText("Workshop", { exact: true }).waitFor();
  await parked.getByText("701", { exact: true }).waitFor();
  expect(faults).toEqual([]);
});

const widest = (page: Page) =>
  page.evaluate(() =>
    Math.max(...[document.documentElement, ...document.querySelectorAll(".table, .playing")].map((box) => box.scrollWidth - box.clientWidth)),
  );

test("with much to show nothing is wider than the screen, and axe finds nothing, in light and in dark", async () => {
  const { page } = await at("/recordings");
  const check = async (where: string) => {
    expect(await widest(page), where).toBeLessThanOrEqual(0);
    await page.evaluate(axe.source);
    const found = await page.evaluate(() => (window as unknown as { axe: typeof axe }).axe.run());
    expect(found.violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(" ")}`), where).toEqual([]);
  };
  for (const colorScheme of ["light", "dark"] as const) {
    for (const width of [1280, 901, 768, 360]) {
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      await page.setViewportSize({ width, height: 740 });
      await page.goto(`${demo}/recordings`);
      await page.getByRole("button", { name: "Play: Message note-7 of 101" }).click();
      await page.getByLabel("Details of the recording: Message note-7 of 101").click();
      await page.getByText("Recording id").waitFor();
      await check(`/recordings, ${colorScheme}, ${width}`);
      await page.goto(`${demo}/conferences`);
      await page.getByText("speaking").first().waitFor();
      await check(`/conferences, ${colorScheme}, ${width}`);
      await page.goto(`${demo}/subscriptions`);
      await page.getByText("lamp", { exact: true }).first().waitFor();
      await check(`/subscriptions, ${colorScheme}, ${width}`);
      await page.goto(`${demo}/calls`);
      await page.getByText("Workshop", { exact: true }).first().waitFor();
      await page.getByRole("button", { name: /Record|Stop recording/ }).first().waitFor();
      await check(`/calls, ${colorScheme}, ${width}`);
    }
  }
}, 120_000);
