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

  // A picture is stored once; where it is shown again it is copied from its first place, when its gallery is opened.
  const fill = (part) => {
    for (const image of part.querySelectorAll("img[data-from]:not([src])")) {
      const source = document.getElementById(image.dataset.from);
      if (source) image.src = source.src;
    }
  };
  const galleries = () => {
    for (const gallery of document.querySelectorAll("details.gallery")) {
      if (gallery.open) fill(gallery);
      gallery.addEventListener("toggle", () => { if (gallery.open) fill(gallery); });
    }
  };

  // The long table: sorting, filtering, CSV.
  const cellValue = (cell) => cell.dataset.value ?? cell.textContent.trim();
  const compare = (a, b) => {
    const x = Number(a), y = Number(b);
    return Number.isNaN(x) || Number.isNaN(y) ? a.localeCompare(b, "en", { numeric: true }) : x - y;
  };
  const sorting = (table) => {
    const body = table.tBodies[0];
    for (const button of table.querySelectorAll("button.sort")) {
      button.addEventListener("click", () => {
        const heading = button.closest("th"), column = heading.cellIndex;
        const ascending = heading.getAttribute("aria-sort") !== "ascending";
        for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
        heading.setAttribute("aria-sort", ascending ? "ascending" : "descending");
        const rows = Array.from(body.rows, (row) => [cellValue(row.cells[column]), row]);
        const sign = ascending ? 1 : -1;
        // Rows without a value come last in either direction.
        rows.sort(([a], [b]) => (a === "") - (b === "") || sign * compare(a, b));
        body.append(...rows.map(([, row]) => row));
      });
    }
  };
  const filtering = (table) => {
    const input = document.getElementById("filter"), count = document.getElementById("count");
    const rows = Array.from(table.tBodies[0].rows, (row) => [row.textContent.toLowerCase(), row]);
    const apply = () => {
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const [text, row] of rows) {
        row.hidden = !words.every((word) => text.includes(word));
        shown += !row.hidden;
      }
      count.textContent = `${shown} of ${rows.length} rows`;
    };
    input.addEventListener("input", apply);
    apply();
  };
  const csvField = (text) => {
    // A spreadsheet would run a name that starts like a formula; numbers stay as they are.
    if (/^[=+\-@\t\r]/.test(text) && Number.isNaN(Number(text))) text = `'${text}`;
    return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const ownText = (cell) => {
    const copy = cell.cloneNode(true);
    for (const extra of copy.querySelectorAll(".why")) extra.remove();
    return copy.textContent.trim();
  };
  const csv = (table) => {
    const rows = [table.tHead.rows[0], ...Array.from(table.tBodies[0].rows).filter((row) => !row.hidden)];
    return rows.map((row) => Array.from(row.cells, (cell) => csvField(cell.dataset.value ?? ownText(cell))).join(",")).join("\r\n") + "\r\n";
  };
  const copyText = async (text) => {
    try { await navigator.clipboard.writeText(text); return true; } catch { /* older browsers: below */ }
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    const copied = document.execCommand("copy");
    area.remove();
    return copied;
  };
  const exporting = (table) => {
    const count = document.getElementById("count");
    document.getElementById("copy").addEventListener("click", async () => {
      count.textContent = (await copyText(csv(table))) ? "Copied." : "The browser refused to copy.";
    });
    document.getElementById("download").addEventListener("click", () => {
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([csv(table)], { type: "text/csv" }));
      link.download = "denoisebench.csv";
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    });
  };

  // On paper nothing can be unfolded: open everything but tracebacks, and fold it again afterwards.
  const printing = () => {
    let opened = [];
    addEventListener("beforeprint", () => {
      opened = Array.from(document.querySelectorAll("details:not([open]):not(.traceback)"));
      for (const part of opened) part.open = true;
      fill(document);
    });
    addEventListener("afterprint", () => { for (const part of opened) part.open = false; opened = []; });
  };

  document.addEventListener("DOMContentLoaded", () => {
    themeButton();
    choices();
    tips();
    galleries();
    const table = document.getElementById("long");
    if (table) { sorting(table); filtering(table); exporting(table); }
    printing();
  });
})();
