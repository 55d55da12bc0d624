"use strict";
(() => {
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

  document.addEventListener("DOMContentLoaded", () => {
    const table = document.getElementById("long");
    if (table) { sorting(table); filtering(table); exporting(table); }
  });
})();
