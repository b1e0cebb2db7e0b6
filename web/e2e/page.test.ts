import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";

import { launch, open, request, signIn, token, url } from "./browser";

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

test("on a phone's screen nothing is wider than the screen, and every button is there", async () => {
  const { page } = await open(browser);
  await page.setViewportSize({ width: 360, height: 740 });
  await signIn(page);
  for (const path of ["/calls", "/extensions", "/registrations", "/history", "/dialplans/main"]) {
    await page.goto(`${url}${path}`);
    await page.getByText("Live", { exact: true }).waitFor();
    await page.getByRole("heading", { level: 1 }).waitFor();
    expect(await page.evaluate(() => document.documentElement.scrollWidth), path).toBeLessThanOrEqual(360);
  }
  await page.goto(`${url}/extensions`);
  const remove = page.getByRole("button", { name: "Delete 101" });
  await remove.waitFor();
  const box = await remove.boundingBox();
  expect((box?.x ?? 999) + (box?.width ?? 0)).toBeLessThanOrEqual(360);
});

test("a token that is refused later signs out and says so", async () => {
  const { page } = await open(browser);
  await signIn(page);
  await page.evaluate(() => sessionStorage.setItem("tandem.token", "gone"));
  await page.reload();
  await page.getByText("This token is no longer accepted.", { exact: false }).waitFor();
});
