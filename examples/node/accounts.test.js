// Other ways to use an account in a test: restore a snapshot, copy an account, reset, limit permissions.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createAccount } from "./account.js";
import { DeskClient } from "./desk-client.js";

describe("accounts", { concurrency: true }, () => {
  test("a snapshot restores the earlier tickets", async (t) => {
    const account = await createAccount(t);
    const client = new DeskClient(account);
    await client.createTicket("Printer on fire");
    await account.control("PUT", "/snapshots/before");
    await client.createTicket("A mistake");
    await account.control("POST", "/snapshots/before/restore");
    assert.deepEqual(await client.listTitles(), ["Printer on fire"]);
    assert.equal(await client.createTicket("Out of paper"), 2);
  });

  test("a reset restores the initial state", async (t) => {
    const account = await createAccount(t);
    const client = new DeskClient(account);
    await client.createTicket("Printer on fire");
    await account.control("POST", "/reset");
    assert.deepEqual(await client.listTitles(), []);
    assert.equal(await client.createTicket("The first again"), 1);
  });

  test("an account can start as a copy of another", async (t) => {
    const account = await createAccount(t);
    await new DeskClient(account).createTicket("Printer on fire");
    const copy = new DeskClient(await createAccount(t, { from: `account:${account.account}` }));
    assert.equal(await copy.createTicket("Out of paper"), 2);
    assert.deepEqual(await new DeskClient(account).listTitles(), ["Printer on fire"]);
  });

  test("a read-only key cannot create tickets", async (t) => {
    const account = await createAccount(t);
    const readOnlyKey = await account.control("POST", "/keys", { permissions: ["TICKET_READ"] });
    await assert.rejects(new DeskClient({ ...account, ...readOnlyKey }).createTicket("Printer on fire"));
    assert.deepEqual(await new DeskClient(account).listTitles(), []);
  });

  test("the server counts the created tickets", async (t) => {
    const account = await createAccount(t);
    await new DeskClient(account).createTicket("Printer on fire");
    assert.equal((await account.control("GET")).counts.tickets, 1);
  });
});
