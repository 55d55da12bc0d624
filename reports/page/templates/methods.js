"use strict";
(() => {
  // Which methods are shown: columns, rows and pairs of hidden ones go everywhere but in the table of all scores, which has filters.
  const choosing = (bar) => {
    const kinds = Array.from(bar.querySelectorAll('input[name="kind"]'));
    const boxes = Array.from(bar.querySelectorAll('input[name="method"]'));
    const told = document.getElementById("methods-shown");
    const marked = Array.from(document.querySelectorAll("[data-method]"), (place) => [place, [place.dataset.method]]);
    const pairs = Array.from(document.querySelectorAll("tr[data-a]"), (place) => [place, [place.dataset.a, place.dataset.b]]);
    const bests = Array.from(document.querySelectorAll("[data-of]"));
    const places = [...marked, ...pairs];
    const apply = () => {
      const shown = new Set(boxes.filter((box) => box.checked).map((box) => box.value));
      for (const [place, methods] of places) {
        const hidden = !methods.every((method) => shown.has(method));
        if (place.hidden !== hidden) place.hidden = hidden;
      }
      for (const kind of kinds) {
        const own = boxes.filter((box) => box.dataset.kind === kind.value), count = own.filter((box) => box.checked).length;
        kind.checked = count > 0;
        kind.indeterminate = count > 0 && count < own.length;
      }
      const gone = new Set(kinds.filter((kind) => !kind.checked).map((kind) => kind.value));
      for (const place of bests) place.hidden = gone.has(place.dataset.of);
      told.textContent = shown.size === boxes.length ? "" : `${shown.size} of ${boxes.length} methods shown`;
    };
    for (const kind of kinds) {
      kind.addEventListener("change", () => {
        for (const box of boxes) if (box.dataset.kind === kind.value) box.checked = kind.checked;
        apply();
      });
    }
    for (const box of boxes) box.addEventListener("change", apply);
    document.getElementById("all-methods").addEventListener("click", () => {
      for (const box of boxes) box.checked = true;
      apply();
    });
    apply();  // a reload keeps the reader's choice
  };
  document.addEventListener("DOMContentLoaded", () => {
    const bar = document.querySelector(".chooser");
    if (bar) choosing(bar);
  });
})();
