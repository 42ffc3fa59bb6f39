// Each test sees only its own tickets, so the files and the tests of a file can run in parallel.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createAccount } from "./account.js";
import { DeskClient } from "./desk-client.js";

describe("tickets", { concurrency: true }, () => {
  for (const title of ["Printer on fire", "Out of paper", "Where is my refund?"]) {
    test(`a created ticket is listed: ${title}`, async (t) => {
      const client = new DeskClient(await createAccount(t));
      assert.equal(await client.createTicket(title), 1);
      assert.deepEqual(await client.listTitles(), [title]);
    });
  }

  test("a ticket without a title is rejected", async (t) => {
    const client = new DeskClient(await createAccount(t));
    await assert.rejects(client.createTicket(""), /title/);
    assert.deepEqual(await client.listTitles(), []);
  });

  test("a closed ticket is not listed after a month", async (t) => {
    const account = await createAccount(t);
    const client = new DeskClient(account);
    await account.control("PUT", "/clock", { mode: "frozen", at: "2026-03-01T12:00:00Z" });
    await client.closeTicket(await client.createTicket("Printer on fire"));
    assert.deepEqual(await client.listTitles(), ["Printer on fire"]);
    await account.control("POST", "/clock/advance", { by: "31d" });
    assert.deepEqual(await client.listTitles(), []);
    assert.deepEqual(await client.listTitles({ searchArchived: "yes" }), ["Printer on fire"]);
  });
});
