import { expect, test } from "vitest";

import type { Began, Cdr } from "../api/client";
import { began, linked, together, who, why } from "./why";

const call = (text: string, detail: string) => why({ cause: { code: "phone.busy", text, remedy: "" }, detail } as unknown as Cdr);

test("the reason is the text of the cause, whatever the detail says", () => {
  expect(call("102 was busy", "Busy Here")).toBe("102 was busy");
  expect(call("102 was busy", "No Phone Registered")).toBe("102 was busy");
  expect(call("", "caller: hung up")).toBe("Unknown");
});

test("the party that ended a call is shown in words", () => {
  expect(["caller", "script", "system"].map((name) => who(name as Cdr["ended_by"]))).toEqual([
    "the caller",
    "the dialplan",
    "Tandem",
  ]);
});

test("a part of a call says which parties were together and why it began", () => {
  const part = (why: Began, other: string) => ({ party: "101", with: other, why });
  expect(together(part("answered", "102"))).toBe("101 with 102");
  expect(together(part("answered", ""))).toBe("101 with Tandem");
  expect(together(part("started", ""))).toBe("101");
  expect([part("started", ""), part("returned", "102"), part("transferred", "103"), part("transferred", "")].map(began)).toEqual([
    "Called, no answer yet",
    "Came back from a transfer",
    "Transferred",
    "Waited for its transfer",
  ]);
});

test("a link says how the other call belongs to this one", () => {
  expect(linked(["joined"])).toBe("Took over a place in another call");
  expect(linked(["transferred_to", "transferred_from"])).toBe("Went to another call and came back");
  expect(linked(["transferred_from", "joined_by"])).toBe("Came from another call, Another call took over a place in this one");
});

test("an unknown word of a later version is shown as it is", () => {
  expect([began({ why: "merged" as "left", with: "" }), linked(["parked" as "joined"]), who("trunk" as "admin")]).toEqual(["merged", "parked", "trunk"]);
});
