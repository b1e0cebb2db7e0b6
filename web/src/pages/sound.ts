// How a leg of a call sounded, in words.

import type { Quality, WayQuality } from "../api/client";
import type { Fact } from "../ui/Table";

/** The classes of ITU-T G.107, annex B: the lowest score of each. */
const CLASSES = [
  [4.34, "very good"],
  [4.03, "good"],
  [3.6, "fair"],
  [3.1, "poor"],
  [0, "bad"],
] as const;

/** The best score that a telephone can get. */
const BEST = "4.41";

/** `very good (4.39 of 4.41) · 0.2 % lost · jitter 3 ms`. */
export function sound(way: WayQuality): string {
  const all = way.packets + way.lost;
  if (all === 0) return "no sound";
  const word = way.mos === null ? undefined : CLASSES.find(([least]) => (way.mos ?? 0) >= least)?.[1];
  return [
    word && `${word} (${way.mos?.toFixed(2)} of ${BEST})`,
    `${part(way.lost, all)} lost`,
    way.late > 0 && `${part(way.late, all)} too late`,
    `jitter ${Math.round(way.jitter_ms)} ms`,
  ]
    .filter(Boolean)
    .join(" · ");
}

/** The facts of one leg: both directions, and the way to the phone and back. */
export function heard(party: string, quality: Quality): Fact[] {
  return [
    { name: `Sound from ${party}`, value: sound(quality.received) },
    { name: `Sound to ${party}`, value: quality.sent ? sound(quality.sent) : "not reported by the phone" },
    { name: `Time to ${party} and back`, value: quality.round_trip_ms === null ? "" : `${quality.round_trip_ms} ms` },
  ];
}

/** `0 %`, `0.07 %`, `12 %`: a loss that is not 0 is never shown as 0. */
function part(some: number, all: number): string {
  const percent = (some / all) * 100;
  if (some === 0) return "0 %";
  return `${percent >= 10 ? percent.toFixed(0) : Math.max(percent, 0.01).toPrecision(1)} %`;
}
