import { expect, test } from "vitest";

import { dateTime, duration, since, size, until, words } from "./format";

test("durations are read at a glance", () => {
  expect([0, 7.9, 67, 3599, 3600, 3723, -5].map(duration)).toEqual([
    "0:00",
    "0:07",
    "1:07",
    "59:59",
    "1:00:00",
    "1:02:03",
    "0:00",
  ]);
});

test("the time left is rounded", () => {
  const now = Date.parse("2026-01-05T08:00:00Z");
  expect(until("2026-01-05T07:59:59Z", now)).toBe("now");
  expect(until("2026-01-05T08:00:08Z", now)).toBe("in 8 s");
  expect(until("2026-01-05T08:52:00Z", now)).toBe("in 52 min");
  expect(until("2026-01-05T11:00:00Z", now)).toBe("in 3 h");
  expect(since("2026-01-05T07:59:30Z", now)).toBe(30);
});

test("names of the API become words", () => {
  expect(words("no_answer")).toBe("no answer");
});

test("the year is shown if it is not the present year", () => {
  const now = new Date(2026, 6, 1);
  expect(dateTime("2026-03-05T08:00:00Z", now)).not.toContain("2026");
  expect(dateTime("2025-03-05T08:00:00Z", now)).toContain("2025");
});

test("sizes have two digits or three", () => {
  const shown = [0, 999, 1_000, 9_949, 9_950, 192_044, 999_499, 999_500, 4_800_044, 3_600_000_000, 5e15].map(size);
  expect(shown.map((text) => text.replace("\u00a0", " "))).toEqual([
    "0 bytes", "999 bytes", "1.0 kB", "9.9 kB", "10 kB", "192 kB", "999 kB", "1.0 MB", "4.8 MB", "3.6 GB", "5000 TB",
  ]);
});
