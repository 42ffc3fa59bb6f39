// What the pages add where a script may run: live rows, the palette, single-key shortcuts, copying, and sending requests
// from the API pages. Every page works without it.
"use strict";

// The root of the server: behind a proxy it may have a path, as in https://desk.test/mock/.
const root = new URL("..", document.currentScript.src);
const all = (selector, within = document) => [...within.querySelectorAll(selector)];

// Storage can be forbidden by the browser.
const stored = (area, name, fallback = "") => {
  try {
    return area().getItem(name) ?? fallback;
  } catch {
    return fallback;
  }
};
const store = (area, name, value) => {
  try {
    area().setItem(name, value);
  } catch {
    // The choice lasts until the page is left.
  }
};
const local = () => localStorage;
const session = () => sessionStorage;

// Copies the text beside a button.
for (const button of all("[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const text = button.parentElement.querySelector("pre").textContent;
    let copied = true;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // Without https or permission: select the text, so that it can be copied by hand.
      getSelection().selectAllChildren(button.parentElement.querySelector("pre"));
      copied = false;
    }
    const label = button.firstChild;
    label.textContent = copied ? "Copied" : "Press Ctrl C";
    setTimeout(() => (label.textContent = "Copy"), 1500);
  });
}

// Live rows: the server sends each new request as a row of the table.
const maxLiveRows = 500;
const liveBody = document.querySelector("[data-stream]");
if (liveBody) {
  const pause = document.querySelector("[data-pause]");
  const state = document.querySelector("[data-live-state]");
  const url = new URL(liveBody.dataset.stream, new URL(".", location.href));
  let source = null;
  let count = 0;
  let announcing = 0;

  const announce = () => {
    clearTimeout(announcing);
    // Once for several rows, so that a screen reader is not flooded.
    announcing = setTimeout(() => {
      state.textContent = `Live. ${count} new ${count === 1 ? "request" : "requests"}.`;
    }, 400);
  };
  const addRow = (event) => {
    // The server has escaped the texts.
    const template = document.createElement("template");
    template.innerHTML = event.data;
    const row = template.content.firstElementChild;
    if (!row || liveBody.querySelector(`[data-seq="${CSS.escape(row.dataset.seq)}"]`)) return;
    row.classList.add("new");
    liveBody.prepend(row);
    while (liveBody.rows.length > maxLiveRows) liveBody.lastElementChild.remove();
    document.querySelector("[data-empty]")?.remove();
    count += 1;
    url.searchParams.set("since", event.lastEventId);
    announce();
  };
  const connect = () => {
    if (source || document.hidden || pause.getAttribute("aria-pressed") === "true") return;
    source = new EventSource(url);
    source.addEventListener("open", () => (state.textContent = count ? state.textContent : "Live."));
    source.addEventListener("request", addRow);
    source.addEventListener("truncated", () => (state.textContent = "Some requests were too fast to be shown."));
    source.addEventListener("error", () => (state.textContent = "Not connected; trying again."));
  };
  const disconnect = () => {
    source?.close();
    source = null;
  };
  pause.hidden = false;
  pause.addEventListener("click", () => {
    const isPaused = pause.getAttribute("aria-pressed") !== "true";
    pause.setAttribute("aria-pressed", isPaused);
    pause.textContent = isPaused ? "Resume" : "Pause";
    state.textContent = isPaused ? "Paused." : "Live.";
    if (isPaused) disconnect();
    else connect();
  });
  // A browser has six connections to a server, so hidden pages give theirs back.
  document.addEventListener("visibilitychange", () => (document.hidden ? disconnect() : connect()));
  addEventListener("pagehide", disconnect);
  addEventListener("pageshow", connect);
  connect();
}

// The palette: results come from the page /search.
const palette = document.getElementById("palette");
const find = document.querySelector(".find");
let paletteInput = null;
function openPalette() {
  if (!palette || !find || palette.open) return;
  if (!paletteInput) {
    paletteInput = document.createElement("input");
    paletteInput.type = "search";
    paletteInput.setAttribute("aria-label", "Search accounts, tickets and pages");
    paletteInput.placeholder = "Account, ticket number, page …";
    const results = document.createElement("div");
    palette.append(paletteInput, results);
    let latest = 0;
    const refresh = async () => {
      const number = ++latest;
      const query = new URLSearchParams(new FormData(find));
      query.set("q", paletteInput.value);
      query.set("fragment", "1");
      const response = await fetch(new URL(`search?${query}`, root)).catch(() => null);
      if (!response?.ok || number !== latest) return;
      results.innerHTML = await response.text();
      // The links are relative to /search, but this page may be elsewhere.
      all("a", results).forEach((link) => (link.href = new URL(link.getAttribute("href"), root)));
    };
    let refreshed = refresh();
    paletteInput.addEventListener("input", () => (refreshed = refresh()));
    palette.addEventListener("keydown", (event) => {
      const links = all("a", palette);
      const at = links.indexOf(document.activeElement);
      // Who types fast means the results of this text, which may not be there yet.
      if (event.key === "Enter" && at < 0) refreshed.then(() => all("a", palette)[0]?.click());
      if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
      event.preventDefault();
      const next = event.key === "ArrowDown" ? at + 1 : at - 1;
      (links[next] ?? (next < 0 ? paletteInput : links[at]))?.focus();
    });
  }
  palette.showModal();
  paletteInput.select();
}

// Keyboard.
const help = document.getElementById("help");
const shortcuts = document.querySelector("[data-shortcuts]");
if (shortcuts) {
  shortcuts.checked = stored(local, "shortcuts", "on") === "on";
  shortcuts.addEventListener("change", () => store(local, "shortcuts", shortcuts.checked ? "on" : "off"));
}
for (const button of all("[data-open='help']")) {
  button.hidden = false;
  button.addEventListener("click", () => help.showModal());
}
function moveSelection(step) {
  const rows = all("[data-rows] tbody tr");
  if (!rows.length) return;
  const at = rows.findIndex((row) => row.classList.contains("selected"));
  const next = rows[Math.min(Math.max(at + step, 0), rows.length - 1)];
  rows.forEach((row) => row.classList.toggle("selected", row === next));
  const link = next.querySelector("[data-row]");
  (link ?? next).focus({ preventScroll: true });
  next.scrollIntoView({ block: "nearest" });
}
document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === "k") {
    event.preventDefault();
    openPalette();
    return;
  }
  const isTyping = event.target.closest("input, select, textarea, dialog[open]");
  if (isTyping || event.ctrlKey || event.metaKey || event.altKey || !shortcuts?.checked) return;
  const search = document.querySelector("[data-search]");
  if (event.key === "j") moveSelection(1);
  else if (event.key === "k") moveSelection(-1);
  else if (event.key === "?") help.showModal();
  else if (event.key === "/" && search) search.focus();
  else return;
  event.preventDefault();
});

// The API pages: sends the request that a form describes, and shows the response below it.
function readFields(form, path) {
  const fields = [...form.elements].filter((field) => field.name && field.value !== "");
  const withoutPath = fields.filter((field) => !path.includes(`{${field.name}}`));
  return withoutPath.flatMap(({ name, value }) =>
    name.endsWith("[]") ? value.split(",").map((entry) => [name, entry.trim()]) : [[name, value]]);
}

function buildRequest(form, key, token) {
  const { method, path, reads } = form.dataset;
  const target = path.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(form.elements[name].value));
  const fields = readFields(form, path);
  const options = { method, headers: {} };
  if (key) options.headers.apiKey = key;
  if (token) options.headers.authorization = `Bearer ${token}`;
  const query = fields.filter(([name]) => name !== "body");
  const withQuery = query.length ? `${target}?${new URLSearchParams(query)}` : target;
  if (reads === "json") {
    const body = form.elements.body?.value.trim();
    if (body) {
      options.headers["content-type"] = "application/json";
      options.body = body;
    }
    return [withQuery, options];
  }
  if (reads === "query" || fields.length === 0) return [reads === "query" ? withQuery : target, options];
  const isMultipart = form.querySelector("[data-encoding]")?.value === "multipart/form-data";
  options.body = isMultipart ? new FormData() : new URLSearchParams();
  fields.forEach(([name, value]) => options.body.append(name, value));
  return [target, options];
}

const quote = (text) => (/^[\w\-./:=@%+,]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);
function toCurl(url, { method, headers, body }) {
  const parts = ["curl", method === "GET" ? "" : `-X ${method}`];
  Object.entries(headers).forEach(([name, value]) => parts.push(`-H ${quote(`${name}: ${value}`)}`));
  if (typeof body === "string") parts.push(`-d ${quote(body)}`);
  else if (body instanceof FormData) body.forEach((value, name) => parts.push(`-F ${quote(`${name}=${value}`)}`));
  else if (body) body.forEach((value, name) => parts.push(`--data-urlencode ${quote(`${name}=${value}`)}`));
  return [...parts.filter(Boolean), quote(String(url))].join(" \\\n  ");
}

function formatJson(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

function showBlocks(output, blocks) {
  output.replaceChildren(...blocks.flatMap(([title, text]) => {
    const heading = document.createElement("h3");
    heading.textContent = title;
    const block = document.createElement("pre");
    block.textContent = text;
    block.tabIndex = 0;
    return [heading, block];
  }));
  output.scrollIntoView({ block: "nearest" });
}

for (const form of all("form.try")) {
  const output = form.querySelector("output");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const key = document.getElementById("key")?.value;
    const token = document.getElementById("token")?.value;
    try {
      const [path, options] = buildRequest(form, key, token);
      const url = new URL(path.slice(1), root);
      const started = performance.now();
      const response = await fetch(url, options);
      const text = formatJson(await response.text());
      const elapsed = Math.round(performance.now() - started);
      showBlocks(output, [
        [`${response.status} ${response.statusText} in ${elapsed} ms`, text || "(no body)"],
        ["As curl", toCurl(url, options)],
      ]);
    } catch (error) {
      showBlocks(output, [["No response", error.message]]);
    }
  });
}
// Keys that this browser created can be picked from a list, until its tab is closed.
const createdKeys = JSON.parse(stored(session, "created-keys", "[]"));
const created = document.querySelector("[data-created-key]");
if (created) {
  createdKeys.push([created.dataset.createdKey, created.dataset.account]);
  store(session, "created-keys", JSON.stringify(createdKeys.slice(-50)));
}
for (const [key, account] of createdKeys) {
  const option = document.createElement("option");
  option.value = key;
  option.label = `${account}: ${key}`;
  document.getElementById("keys")?.append(option);
}
for (const [id, area] of [["key", session], ["token", session]]) {
  const input = document.getElementById(id);
  if (!input) continue;
  input.value = stored(area, id, input.value);
  input.addEventListener("input", () => store(area, id, input.value));
}
// A long list of operations begins where the open one is.
document.querySelector(".api > nav [aria-current]")?.scrollIntoView({ block: "nearest" });
