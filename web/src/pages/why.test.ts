import { expect, test } from "vitest";

import type { Cdr } from "../api/client";
import { began, linked, together, who, why } from "./why";

const call = (text: string, detail: string) => why({ cause: { code: "phone.busy", text, remedy: "" }, detail } as unknown as Cdr);

test("why a call ended is what its cause says, whatever the detail is", () => {
  expect(call("102 was busy", "Busy Here")).toBe("102 was busy");
  expect(call("102 was busy", "No Phone Registered")).toBe("102 was busy");
  expect(call("", "caller: hung up")).toBe("Unknown");
});

test("who ended it is said in words", () => {
  expect(["caller", "script", "system"].map((name) => who(name as Cdr["ended_by"]))).toEqual([
    "the caller",
    "the dialplan",
    "Tandem",
  ]);
});

test("a part of a call says who was together and why it began", () => {
  expect(together({ party: "101", with: "102" })).toBe("101 with 102");
  expect(together({ party: "101", with: "" })).toBe("101 alone");
  expect([began("started"), began("returned"), linked("joined")]).toEqual([
    "The call began",
    "Came back from a transfer",
    "Took a place in another call",
  ]);
});

test("a word of a later Tandem is shown as it is", () => {
  expect([began("merged" as "left"), linked("parked" as "joined"), who("trunk" as "admin")]).toEqual(["merged", "parked", "trunk"]);
});
