// Recipes: what a test sees of its client's requests, and what it can do to them.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { newAccount } from "./account.js";
import { CarefulDesk, HastyDesk } from "./careful.js";
import { Desk } from "./desk.js";

describe("recipes", { concurrency: true }, () => {
  async function loseAnAnswer(t, Client) {
    const account = await newAccount(t);
    await account.control("POST", "/faults", { operation: "ticket.create", first: 1, effect: { drop_response: "reset" } });
    await new Client(account).report("Order 4711: printer on fire");
    await account.control("POST", "/verify", { operation: "ticket.create", changed: true, count: { exactly: 1 } });
  }

  test("a lost answer makes no second ticket", (t) => loseAnAnswer(t, CarefulDesk));

  test("the hasty client makes two", (t) => assert.rejects(loseAnAnswer(t, HastyDesk), /Expected exactly 1 .*\n *Found 2/));

  async function beBusy(t, Client) {
    const account = await newAccount(t);
    await account.control("PUT", "/clock", { mode: "frozen", at: "2026-03-01T12:00:00Z" });
    await account.control("POST", "/faults", { first: 2, effect: { status: 429, retry_after: "30s" } });
    const sleep = (seconds) => account.control("POST", "/clock/advance", { by: `${seconds}s` });
    await new Client(account, sleep).report("Printer on fire");
    await account.control("POST", "/verify", { operation: "ticket.create", count: { exactly: 3 } });
    await account.control("POST", "/verify", { warning: "early-retry", count: { never: true } });
  }

  test("a busy server is left alone as long as it asks for", (t) => beBusy(t, CarefulDesk));

  test("the hasty client is back too early", (t) => assert.rejects(beBusy(t, HastyDesk), /Expected no .* early-retry/));

  test("a client that really sleeps can be tested as well", async (t) => {
    const account = await newAccount(t);
    await account.control("POST", "/faults", { first: 1, effect: { status: 429, retry_after: "1s" } });
    await new CarefulDesk(account).report("Printer on fire");
    await account.control("POST", "/verify", { warning: "early-retry", count: { never: true } });
  });

  test("exactly one ticket is solved", async (t) => {
    const account = await newAccount(t);
    const desk = new Desk(account);
    const [, second] = [await desk.report("Printer on fire"), await desk.report("Out of paper")];
    await desk.solve(second);
    const sent = { operation: "ticket.setStatus", fields: { status: "solved", ticketIDs: [second] } };
    await account.control("POST", "/verify", { ...sent, count: { exactly: 1 } });
    assert.deepEqual((await changesTo(account, "status", "solved")).map((row) => row.id), [second]);
  });

  // The rows that got this value, whichever operation did it.
  async function changesTo(account, column, value) {
    const { changes } = await account.control("GET", "/changes");
    const rows = changes.flatMap((change) => change.rows);
    return rows.filter((row) => row.columns.some((it) => it.column === column && it.to === value));
  }

  test("the worker solves what was reported", async (t) => {
    const account = await newAccount(t);
    const desk = new Desk(account);
    const id = await desk.report("Printer on fire");
    const worker = setTimeout(100).then(() => desk.solve(id));
    const { ticket } = await account.control("GET", `/wait?ticket=${id}&status=solved&timeout=10s`);
    assert.equal(ticket.title, "Printer on fire");
    await worker;
  });

  test("the worker asks for what is new", async (t) => {
    const account = await newAccount(t);
    const worker = setTimeout(100).then(() => new Desk(account).titles({ status: "new" }));
    await account.control("GET", "/wait?operation=ticket.list&field.status=new&timeout=10s");
    await worker;
  });

  test("the client sends exactly what the documents say", async (t) => {
    const account = await newAccount(t);
    const desk = new Desk(account);
    await account.control("PUT", "/strict", { strict: true });
    const ticket = await desk.report("Printer on fire");
    await desk.solve(ticket);
    await desk.close(ticket);
    assert.deepEqual(await desk.titles({ status: "closed" }), ["Printer on fire"]);
    await assert.rejects(desk.titles({ querry: "printer" }), /querry/);
  });

  test("nothing odd was sent", async (t) => {
    const account = await newAccount(t);
    const desk = new Desk(account);
    await desk.solve(await desk.report("Printer on fire"));
    await account.control("POST", "/verify", { warning: "any", count: { never: true } });
  });
});
