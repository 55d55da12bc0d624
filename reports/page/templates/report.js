"use strict";
(() => {
  const root = document.documentElement;
  root.dataset.script = "";  // what needs this script is hidden until it runs

  // Theme: the system's, until the reader chooses. Storage may be refused (some browsers do so for files on disk).
  const darkSystem = matchMedia("(prefers-color-scheme: dark)");
  const remember = (theme) => { try { localStorage.setItem("denoisebench-theme", theme); } catch { /* not kept */ } };
  const remembered = () => { try { return localStorage.getItem("denoisebench-theme"); } catch { return null; } };
  const known = remembered();
  if (known === "light" || known === "dark") root.dataset.theme = known;
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : darkSystem.matches);

  const themeButton = () => {
    const button = document.getElementById("theme");
    const show = () => button.setAttribute("aria-pressed", String(isDark()));
    button.addEventListener("click", () => { root.dataset.theme = isDark() ? "light" : "dark"; remember(root.dataset.theme); show(); });
    darkSystem.addEventListener("change", show);
    show();
  };

  // Protocol and heat-map view: one attribute of <html> each, the style sheet does the rest.
  const choices = () => {
    const choose = (name, value) => {
      const input = document.querySelector(`input[name="${name}"][value="${value}"]`);
      if (input) input.checked = true;
      root.dataset[name] = value;
    };
    for (const name of ["protocol", "view"]) {
      for (const input of document.querySelectorAll(`input[name="${name}"]`)) {
        if (input.checked) root.dataset[name] = input.value;  // a reload keeps the reader's choice
        input.addEventListener("change", () => {
          choose(name, input.value);
          // The paper's figures are of its own protocol alone.
          if (root.dataset.view !== "published" || root.dataset.protocol === "paper") return;
          if (name === "view") choose("protocol", "paper"); else choose("view", "psnr");
        });
      }
    }
  };

  // Reasons: shown on hover, focus and touch; Escape hides them.
  const tips = () => {
    const tip = document.getElementById("tip");
    const hide = () => { tip.hidden = true; };
    const show = (button) => {
      tip.textContent = button.querySelector(".hidden-text").textContent.trim();
      tip.hidden = false;
      const at = button.getBoundingClientRect(), own = tip.getBoundingClientRect(), gap = 6;
      const left = Math.min(Math.max(at.left + at.width / 2 - own.width / 2, gap), root.clientWidth - own.width - gap);
      const above = at.top - own.height - gap;
      tip.style.left = `${left}px`;
      tip.style.top = `${above > gap ? above : at.bottom + gap}px`;
    };
    const find = (event) => (event.target instanceof Element ? event.target.closest(".why") : null);
    for (const kind of ["mouseover", "focusin", "click"]) {
      document.addEventListener(kind, (event) => { const button = find(event); if (button) show(button); else if (kind !== "focusin") hide(); });
    }
    document.addEventListener("focusout", hide);
    document.addEventListener("scroll", () => {
      const focused = document.activeElement?.closest(".why");
      if (focused && !tip.hidden) show(focused); else hide();
    }, { capture: true, passive: true });
    document.addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });
  };

  // On paper nothing can be unfolded: open everything but tracebacks, and fold it again afterwards.
  const printing = () => {
    let opened = [];
    addEventListener("beforeprint", () => {
      opened = Array.from(document.querySelectorAll("details:not([open]):not(.traceback)"));
      for (const part of opened) part.open = true;
    });
    addEventListener("afterprint", () => { for (const part of opened) part.open = false; opened = []; });
  };

  document.addEventListener("DOMContentLoaded", () => {
    themeButton();
    choices();
    tips();
    printing();
  });
})();
