// The page of one's own account. What asks for a fresh sign-in opens the dialog once, and goes on where it was.

import { ask, available, create } from "./passkey.js";

const page = document.getElementById("account");
const texts = JSON.parse(page.dataset.texts);
const state = JSON.parse(page.dataset.state);
const at = (id) => document.getElementById(id);
const when = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "medium", timeStyle: "short" });

function say(text, kind = "done") {
  at("said").dataset.kind = kind;
  at("said").textContent = text;
}

// Resolves once the person has shown who they are; false when they would rather not.
function again() {
  const dialog = at("again");
  const form = at("again-form");
  at("again-refused").textContent = "";
  form.reset();
  dialog.showModal();
  return new Promise((resolve) => {
    const stop = () => { dialog.close(); resolve(false); };
    at("again-cancel").onclick = stop;
    dialog.oncancel = stop;
    form.onsubmit = async (event) => {
      event.preventDefault();
      try {
        await ask("POST", "/auth/reauthenticate", { password: form.password.value, code: form.code.value });
        dialog.close();
        resolve(true);
      } catch (error) {
        at("again-refused").textContent = error.message;
      }
    };
  });
}

async function fresh(work) {
  try {
    return await work();
  } catch (error) {
    if (error.status === 403 && (await again())) return work();
    throw error;
  }
}

function on(id, event, work) {
  at(id)?.addEventListener(event, async (happened) => {
    if (event === "submit") happened.preventDefault();
    try {
      await work(happened.target);
    } catch (error) {
      say(error.message, "refused");
    }
  });
}

function row(list, words, label, work) {
  const item = document.createElement("li");
  for (const word of words) item.append(Object.assign(document.createElement("span"), { textContent: word }));
  if (work) {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: label });
    button.setAttribute("aria-label", `${label}: ${words[0]}`);
    button.addEventListener("click", async () => {
      try {
        await fresh(work);
        await show();
      } catch (error) {
        say(error.message, "refused");
      }
    });
    item.append(button);
  }
  list.append(item);
}

async function show() {
  const [sessions, keys, passkeys] = await Promise.all(
    ["/auth/sessions", "/auth/keys", "/auth/passkeys"].map((path) => ask("GET", path)),
  );
  for (const id of ["sessions", "keys", "passkeys"]) at(id).replaceChildren();
  for (const one of sessions) {
    const words = [one.agent || one.kind, one.address, when.format(one.seen_ms)];
    if (one.current) row(at("sessions"), [...words, texts.account_current]);
    else row(at("sessions"), words, texts.account_end, () => ask("DELETE", `/auth/sessions/${one.id}`));
  }
  for (const one of keys.filter((key) => !key.revoked_ms)) {
    const words = [one.label || one.id, one.scopes.join(" "), when.format(one.expires_ms)];
    row(at("keys"), words, texts.account_revoke, () => ask("DELETE", `/auth/keys/${one.id}`));
  }
  for (const one of passkeys) {
    const words = [one.name, when.format(one.created_ms)];
    row(at("passkeys"), words, texts.account_remove, () => ask("DELETE", `/auth/passkeys/${one.id}`));
  }
  at("asks-passkey").disabled = passkeys.length === 0;
}

function showCodes(codes) {
  at("codes-shown").hidden = codes.length === 0;
  at("codes").textContent = codes.join("\n");
  if (codes.length) at("codes").focus();
}

on("add-passkey", "submit", async (form) => {
  const options = await fresh(() => ask("POST", "/auth/passkeys/offer"));
  await ask("POST", "/auth/passkeys", { name: form.name.value, credential: await create(options) });
  form.reset();
  say(texts.account_done);
  await show();
});

on("asks-passkey", "change", async (box) => {
  const wanted = box.checked;
  box.checked = !wanted;
  const { recovery_codes } = await fresh(() => ask("PUT", "/auth/passkeys/second-factor", { on: wanted }));
  box.checked = wanted;
  showCodes(recovery_codes);
  at("new-codes").hidden = !wanted && !state.totp;
});

on("totp-begin", "click", async () => {
  const offer = await fresh(() => ask("POST", "/auth/totp", {}));
  const picture = new DOMParser().parseFromString(offer.picture, "image/svg+xml").documentElement;
  at("totp-picture").replaceChildren(document.importNode(picture, true));
  at("totp-secret").textContent = offer.secret;
  at("totp-offer").hidden = false;
  at("totp-code").focus();
});

on("totp-confirm", "submit", async (form) => {
  const body = { secret: at("totp-secret").textContent, code: form.code.value };
  const { recovery_codes } = await fresh(() => ask("PUT", "/auth/totp", body));
  form.reset();
  at("totp-offer").hidden = true;
  setTotp(true);
  showCodes(recovery_codes);
});

on("totp-end", "click", async () => {
  await fresh(() => ask("POST", "/auth/totp/off", {}));
  at("asks-passkey").checked = false;
  setTotp(false);
  showCodes([]);
});

function setTotp(isOn) {
  state.totp = isOn;
  at("totp-state").textContent = isOn ? texts.account_totp_on : texts.account_totp_off;
  at("totp-begin").hidden = isOn;
  at("totp-end").hidden = !isOn;
  at("new-codes").hidden = !isOn && !at("asks-passkey").checked;
}

on("new-codes", "click", async () => {
  const { recovery_codes } = await fresh(() => ask("POST", "/auth/recovery-codes", {}));
  showCodes(recovery_codes);
});

on("password", "submit", async (form) => {
  const body = { password: form.old?.value ?? null, new_password: form.new.value };
  await fresh(() => ask("PUT", "/auth/password", body));
  form.reset();
  say(texts.account_password_changed);
  await show();
});

on("email", "submit", async (form) => {
  await fresh(() => ask("PUT", "/auth/email", { email: form.address.value }));
  say(texts.account_done);
});

on("end-others", "click", async () => {
  await ask("DELETE", "/auth/sessions");
  say(texts.account_done);
  await show();
});

on("add-key", "submit", async (form) => {
  const scopes = form.scopes.value.split(/[\s,]+/).filter(Boolean);
  const made = await fresh(() => ask("POST", "/auth/keys", { label: form.label.value, scopes }));
  form.reset();
  at("key").textContent = made.key;
  at("key-shown").hidden = false;
  at("key").focus();
  await show();
});

for (const button of document.querySelectorAll(".provider")) {
  button.addEventListener("click", async () => {
    try {
      const { address } = await fresh(() => ask("POST", "/auth/oidc/link", { provider: button.dataset.provider }));
      location.assign(address);
    } catch (error) {
      say(error.message, "refused");
    }
  });
}

at("add-passkey").hidden = !available();
show().catch((error) => say(error.message, "refused"));
