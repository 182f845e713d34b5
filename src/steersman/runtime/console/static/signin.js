// The passkey button of the sign-in page. With a name and a password in the form it is their second factor.

import { ask, available, get } from "./passkey.js";

const button = document.getElementById("passkey");
const status = document.getElementById("passkey-status");

async function enter() {
  status.textContent = "";
  const form = button.form;
  try {
    const credential = await get(await ask("POST", "/auth/passkeys/challenge"));
    const fields = { username: form.username.value, password: form.password.value, to: form.to.value };
    const { to } = await ask("POST", "/auth/passkeys/sign-in", { credential, ...fields });
    location.assign(to);
  } catch (error) {
    status.textContent = error.status === 400 ? button.dataset.name : button.dataset.failed;
  }
}

if (available()) {
  button.hidden = false;
  button.addEventListener("click", enter);
}
