// Recipes: how a test verifies its client's requests, and how it injects faults.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { createAccount } from "./account.js";
import { DeskClient } from "./desk-client.js";
import { NaiveClient, RetryingClient } from "./retrying-client.js";

describe("recipes", { concurrency: true }, () => {
  // The server creates the ticket, but the client gets no valid response.
  const lostResponses = [
    { drop_response: "reset" },
    { drop_response: "hang" },
    { drop_response: 503 },
    { truncate: 10 },
    { malformed: true },
  ];
  // The client gets no valid response either, but the server has not created the ticket.
  const unexecutedRequests = [{ status: 503 }, { reset_connection: true }];

  const title = "Order 4711: printer on fire";
  // A search for the order number finds both, and a search for the title finds the second.
  const similarTitles = ["Order 47110: printer on fire", "Order 4711: printer on fire again"];

  async function assertOneTicketIsCreated(t, Client, effect) {
    const account = await createAccount(t);
    for (const similar of similarTitles) await new DeskClient(account).createTicket(similar);
    await account.control("POST", "/faults", { operation: "ticket.create", first: 1, effect });
    const id = await new Client(account, { timeout: 1000 }).createTicket(title);
    const request = { operation: "ticket.create", changed: true, fields: { title } };
    await account.control("POST", "/verify", { ...request, count: { exactly: 1 } });
    assert.deepEqual((await listRowsChangedTo(account, "title", title)).map((row) => row.id), [id]);
  }

  for (const effect of lostResponses) {
    const name = JSON.stringify(effect);

    test(`a retry after a lost response creates no second ticket: ${name}`, (t) => assertOneTicketIsCreated(t, RetryingClient, effect));

    test(`the naive client creates two tickets: ${name}`, (t) =>
      assert.rejects(assertOneTicketIsCreated(t, NaiveClient, effect), /Expected exactly 1 .*\n *Found 2/));
  }

  for (const effect of unexecutedRequests) {
    test(`a retry of an unexecuted request creates the ticket: ${JSON.stringify(effect)}`, (t) =>
      assertOneTicketIsCreated(t, RetryingClient, effect));
  }

  async function retryAfterRateLimit(t, Client) {
    const account = await createAccount(t);
    await account.control("PUT", "/strict", { strict: true, allow: ["early-retry"] });
    await account.control("PUT", "/clock", { mode: "frozen", at: "2026-03-01T12:00:00Z" });
    await account.control("POST", "/faults", { first: 2, effect: { status: 429, retry_after: "30s" } });
    const sleep = (seconds) => account.control("POST", "/clock/advance", { by: `${seconds}s` });
    await new Client(account, { sleep }).createTicket("Printer on fire");
    await account.control("POST", "/verify", { operation: "ticket.create", count: { exactly: 3 } });
    await account.control("POST", "/verify", { warning: "early-retry", count: { never: true } });
  }

  test("the client obeys Retry-After", (t) => retryAfterRateLimit(t, RetryingClient));

  test("the naive client retries too early", (t) => assert.rejects(retryAfterRateLimit(t, NaiveClient), /Expected no .* early-retry/));

  test("a client with real sleep obeys Retry-After", async (t) => {
    const account = await createAccount(t);
    await account.control("POST", "/faults", { first: 1, effect: { status: 429, retry_after: "1s" } });
    await new RetryingClient(account).createTicket("Printer on fire");
    await account.control("POST", "/verify", { warning: "early-retry", count: { never: true } });
  });

  test("exactly one ticket is solved", async (t) => {
    const account = await createAccount(t);
    const client = new DeskClient(account);
    const [, second] = [await client.createTicket("Printer on fire"), await client.createTicket("Out of paper")];
    await client.solveTickets(second);
    const request = { operation: "ticket.setStatus", fields: { status: "solved", ticketIDs: [second] } };
    await account.control("POST", "/verify", { ...request, count: { exactly: 1 } });
    assert.deepEqual((await listRowsChangedTo(account, "status", "solved")).map((row) => row.id), [second]);
  });

  // Returns the rows whose column was set to this value, by any operation.
  async function listRowsChangedTo(account, column, value) {
    const { changes } = await account.control("GET", "/changes");
    const rows = changes.flatMap((change) => change.rows);
    return rows.filter((row) => row.columns.some((change) => change.column === column && change.to === value));
  }

  test("the worker solves the created ticket", async (t) => {
    const account = await createAccount(t);
    const client = new DeskClient(account);
    const id = await client.createTicket("Printer on fire");
    const worker = setTimeout(100).then(() => client.solveTickets(id));
    const { ticket } = await account.control("GET", `/wait?ticket=${id}&status=solved&timeout=10s`);
    assert.equal(ticket.title, "Printer on fire");
    await worker;
  });

  test("the worker lists new tickets", async (t) => {
    const account = await createAccount(t);
    const worker = setTimeout(100).then(() => new DeskClient(account).listTitles({ status: "new" }));
    await account.control("GET", "/wait?operation=ticket.list&field.status=new&timeout=10s");
    await worker;
  });

  test("the client sends only documented requests", async (t) => {
    const client = new DeskClient(await createAccount(t));
    const id = await client.createTicket("Printer on fire");
    await client.solveTickets(id);
    await client.closeTicket(id);
    assert.deepEqual(await client.listTitles({ status: "closed" }), ["Printer on fire"]);
    await assert.rejects(client.listTitles({ querry: "printer" }), /querry/);
  });

  test("no request caused a warning", async (t) => {
    const account = await createAccount(t, { strict: false });
    const client = new DeskClient(account);
    await client.solveTickets(await client.createTicket("Printer on fire"));
    await account.control("POST", "/verify", { warning: "any", count: { never: true } });
  });
});
