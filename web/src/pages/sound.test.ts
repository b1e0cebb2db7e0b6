import { expect, test } from "vitest";

import type { WayQuality } from "../api/client";
import { heard, sound } from "./sound";

const way = (change: Partial<WayQuality>): WayQuality => ({
  packets: 1000, lost: 0, late: 0, doubled: 0, jitter_ms: 1.4, mos: 4.4, ...change,
});

test("a score is said in a word, with loss and jitter", () => {
  expect(sound(way({}))).toBe("very good (4.40 of 4.41) · 0 % lost · jitter 1 ms");
  expect(sound(way({ packets: 880, lost: 120, late: 20, jitter_ms: 38.2, mos: 2.94 }))).toBe(
    "bad (2.94 of 4.41) · 12 % lost · 2 % too late · jitter 38 ms",
  );
  expect([4.34, 4.33, 4.03, 3.7, 3.2].map((mos) => sound(way({ mos })).split(" (")[0])).toEqual([
    "very good", "good", "good", "fair", "poor",
  ]);
});

test("a small loss is not shown as none, and a leg without a score has none", () => {
  expect(sound(way({ packets: 1_000_000, lost: 1, mos: null }))).toBe("0.01 % lost · jitter 1 ms");
  expect(sound(way({ packets: 0 }))).toBe("no sound");
});

test("a phone that does not report is said to do so", () => {
  const facts = heard("101", { received: way({}), sent: null, round_trip_ms: null });
  expect(facts.map((fact) => [fact.name, fact.value])).toEqual([
    ["Sound from 101", "very good (4.40 of 4.41) · 0 % lost · jitter 1 ms"],
    ["Sound to 101", "not reported by the phone"],
    ["Time to 101 and back", ""],
  ]);
});
