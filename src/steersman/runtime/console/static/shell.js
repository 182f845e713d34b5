// What every page has: the theme switch and buttons that copy.

const ORDER = ["auto", "light", "dark"];

function setUpTheme(button) {
  const root = document.documentElement;
  const current = () => root.dataset.theme ?? "auto";
  const show = () => { button.textContent = button.dataset[current()]; };
  button.addEventListener("click", () => {
    const next = ORDER[(ORDER.indexOf(current()) + 1) % ORDER.length];
    if (next === "auto") {
      delete root.dataset.theme;
      localStorage.removeItem("theme");
    } else {
      root.dataset.theme = next;
      localStorage.setItem("theme", next);
    }
    show();
    document.dispatchEvent(new Event("themechange"));
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    document.dispatchEvent(new Event("themechange"));
  });
  show();
  button.hidden = false;
}

// The clipboard API exists on secure origins and loopback only; elsewhere the old command still works.
async function copy(element) {
  if (navigator.clipboard) return navigator.clipboard.writeText(element.textContent);
  getSelection().selectAllChildren(element);
  document.execCommand("copy");
}

// <copy-button for="id" done="Copied"><button>Copy</button></copy-button>
class CopyButton extends HTMLElement {
  connectedCallback() {
    const button = this.querySelector("button");
    const label = button.textContent;
    button.hidden = false;
    button.addEventListener("click", async () => {
      await copy(document.getElementById(this.getAttribute("for")));
      button.textContent = this.getAttribute("done");
      setTimeout(() => { button.textContent = label; }, 1500);
    });
  }
}

setUpTheme(document.getElementById("theme"));
customElements.define("copy-button", CopyButton);
