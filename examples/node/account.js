// Creates a separate account for each test. Its tickets, ids, keys, clock and snapshots are invisible to other tests.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

// The URL that `omnidesk-mock run -- node --test` sets, or that of a server that this file starts.
const controlUrl = process.env.OMNIDESK_CONTROL_URL ?? (await startServer());

async function startServer() {
  // Settings from the environment, such as a control token, are for other servers.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("OMNIDESK_MOCK_")));
  const server = spawn("omnidesk-mock", ["--ephemeral", "--listen", "127.0.0.1:0"], {
    env: { ...env, RUST_LOG: "warn" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  process.on("exit", () => server.kill());
  const [line] = await once(createInterface(server.stdout), "line");
  server.unref();
  server.stdout.unref();
  return `${line.replace("listening on ", "")}/_control`;
}

async function sendRequest(method, url, body) {
  const headers = { "content-type": "application/json" };
  const token = process.env.OMNIDESK_CONTROL_TOKEN;
  if (token) headers.authorization = `Bearer ${token}`;
  const response = await fetch(url, { method, headers, body: body && JSON.stringify(body) });
  const text = await response.text();
  const result = text && JSON.parse(text);
  if (!response.ok) throw new Error(`${method} ${url}: ${result.title}\n${result.detail}`);
  return result;
}

export async function createAccount(t, options = {}) {
  // A strict account rejects each request that the help desk does not document, such as one with a
  // misspelled field or with a JSON body. Without `strict`, the journal only has a warning about it.
  const account = await sendRequest("POST", `${controlUrl}/accounts`, { strict: true, ...options });
  const url = `${controlUrl}/accounts/${account.account}`;
  account.control = (method, path = "", body = undefined) => sendRequest(method, url + path, body);
  t.after(() => account.control("DELETE"));
  return account;
}
