import axe from "axe-core";
import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";

import { counts, launch, open, request, signIn, token, url } from "./browser";

const number = `e2e-${process.pid}`;
let browser: Browser;

beforeAll(async () => {
  browser = await launch();
});
afterEach(async () => {
  await request("DELETE", `/extensions/${number}`);
  await request("DELETE", `/dialplans/${number}`);
});
afterAll(() => browser.close());

test("the page wants a token, says when it is wrong, and forgets it on sign-out", async () => {
  const { page } = await open(browser);
  await page.goto(url);
  await page.getByLabel("Admin token").fill("wrong");
  await page.keyboard.press("Enter");
  await page.getByText("This token is not known.").waitFor();
  await page.getByLabel("Admin token").fill(token);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Calls", exact: true }).waitFor();
  // Still signed in after a reload of the tab, not in another tab.
  await page.reload();
  await page.getByRole("heading", { name: "Calls", exact: true }).waitFor();
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByLabel("Admin token").waitFor();
  expect(await page.evaluate(() => sessionStorage.length)).toBe(0);
});

test("every view opens by its address, live, without a fault or a breach of the policy", async () => {
  const { page, faults } = await open(browser);
  await signIn(page);
  await page.getByText("Live", { exact: true }).waitFor();
  for (const [path, heading] of [
    ["/extensions", "Extensions"],
    ["/registrations", "Registrations"],
    ["/subscriptions", "Subscriptions"],
    ["/history", "Call history"],
    ["/dialplans", "Dialplan"],
    ["/calls", "Calls"],
  ] as const) {
    await page.goto(`${url}${path}`);
    await page.getByRole("heading", { name: heading, exact: true }).waitFor();
    await page.getByText("Live", { exact: true }).waitFor();
    expect(await page.title()).toBe(`${heading} · Tandem`);
  }
  expect(faults).toEqual([]);
});

test("an extension is made, found, changed and deleted", async () => {
  const { page, faults } = await open(browser);
  await signIn(page);
  await page.getByRole("link", { name: "Extensions" }).click();
  await page.getByRole("button", { name: "New extension" }).click();
  await page.keyboard.type("not a number");
  await page.keyboard.press("Enter");
  await page.getByText(/a number is 1 to 32/i).waitFor();
  await page.getByLabel("Number", { exact: true }).fill(number);
  await page.getByLabel("Name").fill("End to end");
  await page.getByRole("button", { name: "Create" }).click();
  const password = await page.getByTestId("password").innerText();
  expect(password).toMatch(/^[a-z2-9]{16}$/);
  const system = (await (await request("GET", "/system")).json()) as { servers: { address: string; port: number }[] };
  for (const value of [system.servers[0]?.address, system.servers[0]?.port]) {
    await page.getByRole("dialog").getByText(String(value), { exact: true }).waitFor();
  }
  await page.getByRole("button", { name: "Done" }).click();
  expect(await page.content()).not.toContain(password);

  await page.getByRole("searchbox").fill(number.toUpperCase());
  await page.getByRole("button", { name: `Edit ${number}` }).click();
  await page.getByRole("switch", { name: "Do not disturb" }).click();
  await page.getByLabel("When busy, forward to").fill("200");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("do not disturb", { exact: true }).waitFor();
  const stored = await (await request("GET", `/extensions/${number}`)).json();
  expect(stored).toMatchObject({ name: "End to end", dnd: true, forward_busy: "200", forward_always: null });

  await page.getByRole("button", { name: `New password ${number}` }).click();
  await page.getByRole("button", { name: "Set password" }).click();
  await page.getByText(`New password of ${number}`).waitFor();
  const next = await page.getByTestId("password").innerText();
  expect(next).toMatch(/^[a-z2-9]{16}$/);
  expect(next).not.toBe(password);
  await page.getByRole("button", { name: "Done" }).click();

  await page.getByRole("button", { name: `Delete ${number}` }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await page.getByText("Nothing found").waitFor();
  expect((await request("GET", `/extensions/${number}`)).status).toBe(404);
  expect(faults).toEqual([]);
});

test("a dialplan is written, a fault is shown with its place, and the file is deleted", async () => {
  const { page, faults } = await open(browser);
  await signIn(page);
  await page.getByRole("link", { name: "Dialplan" }).click();
  await page.getByRole("button", { name: "New file" }).click();
  await page.keyboard.type(number);
  await page.keyboard.press("Enter");
  const text = page.getByLabel(`Text of ${number}.rhai`);
  await text.fill("fn open() { true }\nfn fault( {\n");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByRole("button", { name: "Line 2" }).waitFor();
  // The caret is where the fault is, and its line is marked.
  expect(await page.evaluate(() => document.activeElement?.tagName)).toBe("TEXTAREA");
  const caret = await text.evaluate((area: HTMLTextAreaElement) => area.value.slice(0, area.selectionStart).split("\n").length);
  expect(caret).toBe(2);
  expect(await page.locator(".mark").evaluate((mark) => getComputedStyle(mark).getPropertyValue("--line"))).toBe("1");
  await text.fill("fn open() { true }\n");
  await page.keyboard.press("Control+s");
  await page.getByText("Saved: in force for every new call.").waitFor();
  expect(await (await request("GET", `/dialplans/${number}`)).text()).toBe("fn open() { true }\n");
  await page.getByRole("button", { name: "Delete" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await page.getByLabel("Text of main.rhai").waitFor();
  expect((await request("GET", `/dialplans/${number}`)).status).toBe(404);
  expect(faults).toEqual([]);
});

test("dialogs are kept to the keyboard: focus inside, Escape closes, focus returns", async () => {
  const { page } = await open(browser);
  await signIn(page);
  await page.getByRole("link", { name: "Extensions" }).click();
  await page.getByRole("button", { name: "New extension" }).focus();
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").waitFor();
  expect(await page.evaluate(() => document.activeElement?.tagName)).toBe("INPUT");
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  expect(await page.evaluate(() => document.activeElement?.textContent)).toBe("New extension");
});

const PATHS = ["/calls", "/conferences", "/extensions", "/registrations", "/subscriptions", "/history", "/recordings", "/dialplans/main"];

test("on every screen nothing is wider than the screen, and every button and every rule is there", async () => {
  const name = "Wolfeschlegelsteinhausenbergerdorff-Weltenburgerschmidtmeierhuber";
  await request("POST", "/extensions", { number, name: name.slice(0, 64), dnd: true, forward_busy: "200", voicemail: true });
  const { page } = await open(browser);
  await signIn(page);
  for (const width of [1280, 768, 390, 360]) {
    await page.setViewportSize({ width, height: 740 });
    for (const path of PATHS) {
      await page.goto(`${url}${path}`);
      await page.getByText("Live", { exact: true }).waitFor();
      await page.getByRole("heading", { level: 1 }).waitFor();
      // Nor is a table wider than its card.
      const boxes = () => [document.documentElement, ...document.querySelectorAll(".table")].map((box) => box.scrollWidth - box.clientWidth);
      expect(Math.max(...(await page.evaluate(boxes))), `${path} at ${width}`).toBeLessThanOrEqual(0);
    }
    await page.goto(`${url}/extensions?q=${number}`);
    for (const shown of [
      page.getByRole("button", { name: `Edit ${number}` }),
      page.getByRole("button", { name: `Delete ${number}` }),
      page.getByText("do not disturb", { exact: true }),
      page.getByText("busy: 200", { exact: true }),
    ]) {
      await shown.waitFor();
      const box = await shown.boundingBox();
      expect(box?.x ?? -1, `${width}`).toBeGreaterThanOrEqual(0);
      expect((box?.x ?? 9_999) + (box?.width ?? 0), `${width}`).toBeLessThanOrEqual(width);
    }
  }
});

test("axe finds nothing, in light and in dark", async () => {
  const { page } = await open(browser);
  const check = async (where: string) => {
    // As text: the policy of the page allows no other scripts.
    await page.evaluate(axe.source);
    const found = await page.evaluate(() => (window as unknown as { axe: typeof axe }).axe.run());
    const told = found.violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(" ")}`);
    expect(told, where).toEqual([]);
  };
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    await page.goto(url);
    await page.getByLabel("Admin token").waitFor();
    await check(`sign-in, ${colorScheme}`);
    await signIn(page);
    for (const path of PATHS) {
      await page.goto(`${url}${path}`);
      await page.getByText("Live", { exact: true }).waitFor();
      await page.getByRole("main").locator(".card").first().waitFor();
      await check(`${path}, ${colorScheme}`);
    }
    await page.goto(`${url}/extensions`);
    await page.getByRole("button", { name: "Edit 101" }).click();
    await page.getByLabel("When busy, forward to").waitFor();
    await check(`a dialog, ${colorScheme}`);
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: "Sign out" }).click();
  }
});

test("a draft survives another page, the end of the session and a new one", async () => {
  const { page, faults } = await open(browser);
  await signIn(page);
  await page.getByRole("link", { name: "Dialplan" }).click();
  const text = page.getByLabel("Text of main.rhai");
  await text.focus();
  await page.keyboard.press("Control+End");
  await page.keyboard.type("// a draft");
  await page.getByRole("link", { name: "Calls" }).click();
  await page.getByRole("heading", { name: "Calls", exact: true }).waitFor();
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByLabel("Admin token").fill(token);
  await page.keyboard.press("Enter");
  await page.getByRole("link", { name: /^Dialplan/ }).click();
  expect(await text.inputValue()).toContain("// a draft");
  await page.getByRole("button", { name: "Undo changes" }).click();
  expect(await text.inputValue()).not.toContain("// a draft");
  expect(faults).toEqual([]);
});

test("a person who saves a file that another person has saved sees their version; own saves give no notice", async () => {
  const { page, faults } = await open(browser);
  const save = (text: string) =>
    fetch(`${url}/api/v1/dialplans/${number}`, { method: "PUT", headers: { Authorization: `Bearer ${token}` }, body: text });
  // The folder is looked at now and then: each change is waited for, so that none is told with another.
  const reloads = await counts("dialplan.reloaded");
  const heard = (times: number) => expect.poll(() => reloads.seen, { timeout: 10_000 }).toBe(times);
  expect((await save("fn first() { 1 }\n")).status).toBe(204);
  await heard(1);
  await signIn(page);
  await page.goto(`${url}/dialplans/${number}`);
  await page.getByText("Live", { exact: true }).waitFor();
  const text = page.getByLabel(`Text of ${number}.rhai`);
  await text.fill("fn mine() { 1 }\n");
  expect((await save("fn theirs() { 1 }\n")).status).toBe(204);
  const theirs = page.getByLabel(`Their version of ${number}.rhai`);
  await theirs.waitFor();
  expect(await theirs.inputValue()).toBe("fn theirs() { 1 }\n");
  // The save was another person's.
  const notice = page.getByText("The dialplan was reloaded.");
  await notice.waitFor();
  await page.getByRole("button", { name: "Dismiss" }).click();
  await heard(2);
  await page.getByRole("button", { name: "Go on with mine" }).click();
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.getByText("Saved: in force for every new call.").waitFor();
  expect(await (await request("GET", `/dialplans/${number}`)).text()).toBe("fn mine() { 1 }\n");
  await heard(3);
  expect((await save("fn later() { 1 }\n")).status).toBe(204);
  await heard(4);
  await notice.first().waitFor();
  expect(await notice.count()).toBe(1);
  reloads.stop();
  expect(faults).toEqual([]);
});

test("a token that is refused later signs out and says so", async () => {
  const { page } = await open(browser);
  await signIn(page);
  // Set before the page runs again: the page that is open would be signed out by its next request, and the reload forgets why.
  await page.addInitScript(() => sessionStorage.setItem("tandem.token", "gone"));
  await page.reload();
  await page.getByText("This token is no longer accepted.", { exact: false }).waitFor();
});
