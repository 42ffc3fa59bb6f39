// Each test sees only what it made itself, so they run side by side: the files, and the tests of a file.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { newAccount } from "./account.js";
import { Desk } from "./desk.js";

describe("tickets", { concurrency: true }, () => {
  for (const title of ["Printer on fire", "Out of paper", "Where is my refund?"]) {
    test(`a report becomes the first ticket: ${title}`, async (t) => {
      const desk = new Desk(await newAccount(t));
      assert.equal(await desk.report(title), 1);
      assert.deepEqual(await desk.titles(), [title]);
    });
  }

  test("a report without a title is refused", async (t) => {
    const desk = new Desk(await newAccount(t));
    await assert.rejects(desk.report(""), /title/);
    assert.deepEqual(await desk.titles(), []);
  });

  test("a closed ticket leaves the list after a month", async (t) => {
    const account = await newAccount(t);
    const desk = new Desk(account);
    await account.control("PUT", "/clock", { mode: "frozen", at: "2026-03-01T12:00:00Z" });
    await desk.close(await desk.report("Printer on fire"));
    assert.deepEqual(await desk.titles(), ["Printer on fire"]);
    await account.control("POST", "/clock/advance", { by: "31d" });
    assert.deepEqual(await desk.titles(), []);
    assert.deepEqual(await desk.titles({ searchArchived: "yes" }), ["Printer on fire"]);
  });
});
