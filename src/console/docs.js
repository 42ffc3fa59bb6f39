// Sends the request that a form of /docs describes, and shows the response.
"use strict";

// The root of the server: behind a proxy it may have a path, as in https://desk.test/mock/.
const root = new URL("..", document.currentScript.src);

const keyInput = document.getElementById("key");
keyInput.value = sessionStorage.getItem("apiKey") || "";
keyInput.addEventListener("input", () => sessionStorage.setItem("apiKey", keyInput.value));
const tokenInput = document.getElementById("token");
document.getElementById("key-form").addEventListener("submit", (event) => event.preventDefault());

// Returns the filled-in fields, without path parameters. Splits lists at commas.
function readFields(form, path) {
  const fields = [...form.elements].filter((field) => field.name && field.value !== "");
  const withoutPath = fields.filter((field) => !path.includes(`{${field.name}}`));
  return withoutPath.flatMap(({ name, value }) =>
    name.endsWith("[]") ? value.split(",").map((entry) => [name, entry.trim()]) : [[name, value]]);
}

function buildRequest(form) {
  const { method, path, reads } = form.dataset;
  const target = path.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(form.elements[name].value));
  const fields = readFields(form, path);
  const options = { method, headers: { apiKey: keyInput.value || keyInput.placeholder } };
  const query = fields.filter(([name]) => name !== "body");
  const targetWithQuery = query.length ? `${target}?${new URLSearchParams(query)}` : target;
  if (reads === "json") return [targetWithQuery, withJsonBody(form, options)];
  if (reads === "query") return [targetWithQuery, options];
  if (fields.length === 0) return [target, options];
  const encoding = form.querySelector("[data-encoding]");
  const multipart = encoding && encoding.value === "multipart/form-data";
  options.body = multipart ? new FormData() : new URLSearchParams();
  fields.forEach(([name, value]) => options.body.append(name, value));
  return [target, options];
}

function withJsonBody(form, options) {
  if (tokenInput.value) options.headers.authorization = `Bearer ${tokenInput.value}`;
  const body = form.elements.body;
  if (!body || body.value.trim() === "") return options;
  options.headers["content-type"] = "application/json";
  return { ...options, body: body.value };
}

function showOutput(form, text) {
  const block = document.createElement("pre");
  block.textContent = text;
  form.querySelector("output").replaceChildren(block);
}

async function send(event) {
  event.preventDefault();
  const form = event.target;
  try {
    const [path, options] = buildRequest(form);
    const url = new URL(path.slice(1), root);
    const response = await fetch(url, options);
    const text = await response.text();
    showOutput(form, `${options.method} ${url.pathname}${url.search}\n${response.status} ${response.statusText}\n\n${formatJson(text)}`);
  } catch (error) {
    showOutput(form, `The server did not respond: ${error.message}`);
  }
}

function formatJson(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

document.querySelectorAll("form.try").forEach((form) => form.addEventListener("submit", send));
