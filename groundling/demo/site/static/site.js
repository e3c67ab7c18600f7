"use strict";
const root = document.documentElement;
const box = document.querySelector('input[name="q"]');
const list = document.querySelector("#suggestions");

function close() {
  if (!list) return;
  list.hidden = true;
  box.setAttribute("aria-expanded", "false");
}

let asked = 0;
async function complete() {
  const turn = ++asked;
  const answer = await fetch("/suggest?q=" + encodeURIComponent(box.value)).catch(() => null);
  if (!answer || turn !== asked) return;
  const texts = await answer.json();
  list.replaceChildren(...texts.map((text) => {
    const item = document.createElement("li");
    item.setAttribute("role", "option");
    item.textContent = text;
    item.addEventListener("mousedown", () => { box.value = text; box.form.submit(); });
    return item;
  }));
  list.hidden = !texts.length;
  box.setAttribute("aria-expanded", String(!list.hidden));
}

if (box && list) {
  box.addEventListener("input", complete);
  box.addEventListener("blur", close);
  box.addEventListener("keydown", (event) => { if (event.key === "Escape") close(); });
}
for (const button of document.querySelectorAll("[data-clear]")) {
  button.addEventListener("click", () => { box.value = ""; box.focus(); close(); });
}
for (const button of document.querySelectorAll("[data-theme-toggle]")) {
  button.addEventListener("click", () => {
    const dark = getComputedStyle(root).colorScheme === "dark";
    root.dataset.theme = dark ? "light" : "dark";
  });
}
for (const button of document.querySelectorAll("[data-tools]")) {
  button.addEventListener("click", () => {
    const tools = document.querySelector("#tools");
    tools.classList.toggle("closed");
    button.setAttribute("aria-expanded", String(!tools.classList.contains("closed")));
  });
}
for (const button of document.querySelectorAll("[aria-pressed]")) {
  button.addEventListener("click", () => {
    button.setAttribute("aria-pressed", String(button.getAttribute("aria-pressed") !== "true"));
  });
}
