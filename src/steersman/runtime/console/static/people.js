// The page of people: each form says which operation it asks for, and what it answers is one more look at the page.
// It draws nothing of its own but what is shown this once, a key or an invitation.

import { ask } from "./passkey.js";

const board = document.getElementById("people");
const at = (id) => document.getElementById(id);

function say(text, kind = "done") {
  at("said").dataset.kind = kind;
  at("said").textContent = text;
}

// The fields of a form: a part of the address takes those that it names in braces, the rest is the body.
function asked(form) {
  const body = {};
  for (const name of (form.dataset.lists ?? "").split(" ").filter(Boolean)) body[name] = [];
  for (const field of form.elements) {
    if (!field.name || (field.type === "checkbox" && !field.checked)) continue;
    // What somebody holds and the reader could not give stays as it is.
    if (field.disabled && field.type !== "checkbox") continue;
    if (Array.isArray(body[field.name])) body[field.name].push(field.value);
    else if ("split" in field.dataset) body[field.name] = field.value.split(/[\s,]+/).filter(Boolean);
    else body[field.name] = "json" in field.dataset ? JSON.parse(field.value) : field.value;
  }
  const path = form.dataset.path.replace(/\{(\w+)\}/g, (_, name) => {
    const value = encodeURIComponent(body[name].trim());
    delete body[name];
    return value;
  });
  return { path, body: Object.keys(body).length ? body : undefined };
}

function showOnce(answer) {
  const kind = answer?.key ? "key" : answer?.invitation ? "invitation" : null;
  at("once").hidden = kind === null;
  if (kind === null) return;
  at("once-hint").textContent = at("once-hint").dataset[kind];
  at("once-value").textContent = kind === "key" ? answer.key : location.origin + answer.invitation;
}

async function refresh() {
  const answer = await fetch(location.href, { headers: { accept: "text/html" }, cache: "no-store" });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.getElementById("people");
  // Whoever may not see this any more, or is signed out, gets the whole page that says so.
  if (!fresh) return location.reload();
  board.replaceChildren(...document.adoptNode(fresh).childNodes);
}

async function send(form) {
  if (form.dataset.ask && !confirm(form.dataset.ask)) return;
  const { path, body } = asked(form);
  const name = new FormData(form).get("name");
  const buttons = [...form.querySelectorAll("button")];
  for (const button of buttons) button.disabled = true;
  try {
    const answer = await ask(form.dataset.method, path, body);
    if (form.dataset.to) {
      const to = form.dataset.to.replace("__", encodeURIComponent(answer?.name ?? name ?? ""));
      history.pushState(null, "", to);
    }
    showOnce(answer);
    say(board.dataset.done);
    await refresh();
    (at("once").hidden ? at("said") : at("once-value")).scrollIntoView({ block: "nearest" });
    if (!at("once").hidden) at("once-value").focus();
  } catch (error) {
    say(error.message, "refused");
    at("said").scrollIntoView({ block: "nearest" });
  } finally {
    for (const button of buttons) button.disabled = false;
  }
}

board.addEventListener("submit", (event) => {
  if (!event.target.dataset.method) return;
  event.preventDefault();
  send(event.target);
});
addEventListener("popstate", () => {
  showOnce(null);
  refresh();
});
