// Sends what a form of /docs holds, as a client would, and shows the answer.
"use strict";

const key = document.getElementById("key");
key.value = sessionStorage.getItem("apiKey") || "";
key.addEventListener("input", () => sessionStorage.setItem("apiKey", key.value));
const token = document.getElementById("token");
document.getElementById("key-form").addEventListener("submit", (event) => event.preventDefault());

// The filled-in fields, without those that are part of the path. A list takes its entries with commas between them.
function filled(form, path) {
  const fields = [...form.elements].filter((field) => field.name && field.value !== "");
  const inBody = fields.filter((field) => !path.includes(`{${field.name}}`));
  return inBody.flatMap(({ name, value }) =>
    name.endsWith("[]") ? value.split(",").map((entry) => [name, entry.trim()]) : [[name, value]]);
}

function request(form) {
  const { method, path, reads } = form.dataset;
  const target = path.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(form.elements[name].value));
  const fields = filled(form, path);
  const options = { method, headers: { apiKey: key.value || key.placeholder } };
  const query = fields.filter(([name]) => name !== "body");
  const asked = query.length ? `${target}?${new URLSearchParams(query)}` : target;
  if (reads === "json") return [asked, json(form, options)];
  if (reads === "query") return [asked, options];
  if (fields.length === 0) return [target, options];
  const encoding = form.querySelector("[data-encoding]");
  const multipart = encoding && encoding.value === "multipart/form-data";
  options.body = multipart ? new FormData() : new URLSearchParams();
  fields.forEach(([name, value]) => options.body.append(name, value));
  return [target, options];
}

function json(form, options) {
  if (token.value) options.headers.authorization = `Bearer ${token.value}`;
  const body = form.elements.body;
  if (!body || body.value.trim() === "") return options;
  options.headers["content-type"] = "application/json";
  return { ...options, body: body.value };
}

function show(form, text) {
  const block = document.createElement("pre");
  block.textContent = text;
  form.querySelector("output").replaceChildren(block);
}

async function send(event) {
  event.preventDefault();
  const form = event.target;
  try {
    const [target, options] = request(form);
    const answer = await fetch(target, options);
    const text = await answer.text();
    show(form, `${options.method} ${target}\n${answer.status} ${answer.statusText}\n\n${pretty(text)}`);
  } catch (error) {
    show(form, `The server did not answer: ${error.message}`);
  }
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

document.querySelectorAll("form.try").forEach((form) => form.addEventListener("submit", send));
