"use strict";
(() => {
  // The long table: sorting and filtering. Its rows keep their number, by which the exports find their lines.
  const order = new Intl.Collator("en", { numeric: true });
  const cellValue = (cell) => cell.dataset.value ?? cell.firstChild?.nodeValue?.trim() ?? "";
  const sorting = (table) => {
    const body = table.tBodies[0];
    for (const button of table.querySelectorAll("button.sort")) {
      button.addEventListener("click", () => {
        const heading = button.closest("th"), column = heading.cellIndex;
        const ascending = heading.getAttribute("aria-sort") !== "ascending";
        for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
        heading.setAttribute("aria-sort", ascending ? "ascending" : "descending");
        const rows = Array.from(body.rows, (row) => [cellValue(row.cells[column]), row]);
        const sign = ascending ? 1 : -1, numbers = rows.every(([value]) => !Number.isNaN(Number(value)));
        const compare = numbers ? (a, b) => a - b : order.compare;
        // Rows without a value come last in either direction.
        rows.sort(([a], [b]) => (a === "") - (b === "") || sign * compare(a, b));
        body.append(...rows.map(([, row]) => row));
      });
    }
  };
  const filtering = (table) => {
    const input = document.getElementById("filter"), count = document.getElementById("count");
    const choices = Array.from(document.querySelectorAll("select[data-column]"));
    const rows = Array.from(table.tBodies[0].rows, (row) => ({
      row, text: row.textContent.toLowerCase(), values: choices.map((choice) => cellValue(row.cells[choice.dataset.column])),
    }));
    const apply = () => {
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      const chosen = choices.map((choice) => (choice.selectedIndex > 0 ? choice.value : null));
      let shown = 0;
      for (const { row, text, values } of rows) {
        row.hidden = !(chosen.every((value, index) => value === null || value === values[index]) && words.every((word) => text.includes(word)));
        shown += !row.hidden;
      }
      count.textContent = `${shown} of ${rows.length} rows`;
    };
    for (const control of [input, ...choices]) control.addEventListener("input", apply);
    document.getElementById("unfilter").addEventListener("click", () => {
      input.value = "";
      for (const choice of choices) choice.selectedIndex = 0;
      apply();
    });
    apply();
  };

  // Exports: a <template> holds the text of each format. That of the long table is a head, a line for each row, and a foot.
  const assembled = (template, lineOf) => {
    const pieces = Array.from(template.content.children, (piece) => piece.textContent);
    if (!pieces.length) return template.content.textContent;
    const [head, lines, foot] = [pieces[0], pieces[1].split("\n"), pieces[2]];
    const shown = Array.from(document.getElementById("long").tBodies[0].rows).filter((row) => !row.hidden).map((row) => `${lines[lineOf.get(row)]}\n`);
    const length = Number(template.dataset.part) || Math.max(shown.length, 1), parts = [];
    for (let start = 0; start === 0 || start < shown.length; start += length) {
      parts.push(head + shown.slice(start, start + length).join("") + foot);
    }
    return parts.join("\n");
  };
  const copyText = async (text) => {
    try { await navigator.clipboard.writeText(text); return true; } catch { /* older browsers: below */ }
    const before = document.activeElement, area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    const copied = document.execCommand("copy");
    area.remove();
    before?.focus();
    return copied;
  };
  const save = (text, name) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  };
  const exporting = (lineOf) => {
    for (const button of document.querySelectorAll(".exports button")) {
      const bar = button.closest(".exports"), told = bar.querySelector(".told");
      button.addEventListener("click", async () => {
        const template = bar.querySelector(`template[data-format="${button.dataset.format}"]`);
        const text = assembled(template, lineOf);
        if (button.dataset.verb === "download") {
          save(text, template.dataset.file);
          told.textContent = `Saved as ${template.dataset.file}.`;
        } else {
          told.textContent = (await copyText(text)) ? `Copied as ${button.textContent}.` : "The browser refused to copy.";
        }
      });
    }
  };

  document.addEventListener("DOMContentLoaded", () => {
    const table = document.getElementById("long");
    exporting(new Map(Array.from(table?.tBodies[0].rows ?? [], (row, index) => [row, index])));
    if (table) { sorting(table); filtering(table); }
  });
})();
