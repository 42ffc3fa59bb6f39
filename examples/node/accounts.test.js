// What else a test can do with an account: go back, start from another, take a right away.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { newAccount } from "./account.js";
import { Desk } from "./desk.js";

describe("accounts", { concurrency: true }, () => {
  test("a snapshot brings back what was there", async (t) => {
    const account = await newAccount(t);
    const desk = new Desk(account);
    await desk.report("Printer on fire");
    await account.control("PUT", "/snapshots/before");
    await desk.report("A mistake");
    await account.control("POST", "/snapshots/before/restore");
    assert.deepEqual(await desk.titles(), ["Printer on fire"]);
    assert.equal(await desk.report("Out of paper"), 2);
  });

  test("a reset goes back to the start", async (t) => {
    const account = await newAccount(t);
    const desk = new Desk(account);
    await desk.report("Printer on fire");
    await account.control("POST", "/reset");
    assert.deepEqual(await desk.titles(), []);
    assert.equal(await desk.report("The first again"), 1);
  });

  test("an account can start as a copy of another", async (t) => {
    const account = await newAccount(t);
    await new Desk(account).report("Printer on fire");
    const copy = new Desk(await newAccount(t, { from: `account:${account.account}` }));
    assert.equal(await copy.report("Out of paper"), 2);
    assert.deepEqual(await new Desk(account).titles(), ["Printer on fire"]);
  });

  test("a key that may only read cannot report", async (t) => {
    const account = await newAccount(t);
    const reader = await account.control("POST", "/keys", { permissions: ["TICKET_READ"] });
    await assert.rejects(new Desk({ ...account, ...reader }).report("Printer on fire"));
    assert.deepEqual(await new Desk(account).titles(), []);
  });

  test("the server counts what the client made", async (t) => {
    const account = await newAccount(t);
    await new Desk(account).report("Printer on fire");
    assert.equal((await account.control("GET")).counts.tickets, 1);
  });
});
