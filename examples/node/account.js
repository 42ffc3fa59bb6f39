// An account of its own for each test: tickets, ids, keys, clock and snapshots that no other test sees.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

// From `omnidesk-mock run -- node --test`, or else of a server that this test file starts.
const controlUrl = process.env.OMNIDESK_CONTROL_URL ?? (await startServer());

async function startServer() {
  const server = spawn("omnidesk-mock", ["--ephemeral", "--listen", "127.0.0.1:0"], {
    env: { ...process.env, RUST_LOG: "warn" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  process.on("exit", () => server.kill());
  const [line] = await once(createInterface(server.stdout), "line");
  server.unref();
  server.stdout.unref();
  return `${line.replace("listening on ", "")}/_control`;
}

async function ask(method, url, body) {
  const headers = { "content-type": "application/json" };
  const token = process.env.OMNIDESK_CONTROL_TOKEN;
  if (token) headers.authorization = `Bearer ${token}`;
  const answer = await fetch(url, { method, headers, body: body && JSON.stringify(body) });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${url}: ${JSON.parse(text).detail}`);
  return text && JSON.parse(text);
}

export async function newAccount(t, options = {}) {
  const account = await ask("POST", `${controlUrl}/accounts`, options);
  const url = `${controlUrl}/accounts/${account.account}`;
  account.control = (method, path = "", body = undefined) => ask(method, url + path, body);
  t.after(() => account.control("DELETE"));
  return account;
}
