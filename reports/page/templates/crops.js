"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  // A picture is stored once: where it is first shown. Elsewhere an image names that place.
  const stored = (image) => (image.dataset.from ? byId(image.dataset.from) : image);
  const find = (part, selector, folded) =>
    Array.from(part.querySelectorAll(selector)).filter((found) => folded || !found.closest("details:not([open])"));

  // Mean over R, G and B of the absolute difference to the clean crop, in the colours of the page's scale.
  const scale = () => {
    const { colours, limit } = byId("crops").dataset;
    return { colours: Array.from({ length: 256 }, (_, level) => parseInt(colours.slice(6 * level, 6 * level + 6), 16)), limit: Number(limit) };
  };
  const pixels = (image) => {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(image, 0, 0);
    return context.getImageData(0, 0, canvas.width, canvas.height);
  };
  const errorMap = (picture, clean, { colours, limit }) => {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [picture.width, picture.height];
    const map = new ImageData(picture.width, picture.height);
    let total = 0;
    for (let at = 0; at < map.data.length; at += 4) {
      let sum = 0;
      for (let channel = at; channel < at + 3; channel += 1) sum += Math.abs(picture.data[channel] - clean.data[channel]);
      total += sum;
      const colour = colours[Math.min(255, Math.floor((sum * 255) / (3 * limit)))];
      map.data.set([colour >> 16, (colour >> 8) & 255, colour & 255, 255], at);
    }
    canvas.getContext("2d").putImageData(map, 0, 0);
    return [canvas, total / (3 * picture.width * picture.height)];
  };
  const note = (kind, words) => {
    const span = document.createElement("span");
    [span.className, span.textContent] = [`${kind} errors-only`, words];
    return span;
  };
  const drawErrors = (strip) => {
    strip.dataset.drawn = "";
    const items = Array.from(strip.querySelectorAll("li[data-title]"));
    const reference = items.find((item) => "clean" in item.dataset);
    if (!reference || items.length < 2) return;
    const image = (item) => stored(item.querySelector(".whole img"));
    const clean = image(reference).naturalWidth ? pixels(image(reference)) : null, shades = scale();
    for (const item of items) {
      const caption = item.querySelector("figcaption");
      if (item === reference) {
        caption.before(note("no-picture", "the reference"));
      } else if (!clean || !image(item).naturalWidth) {
        caption.before(note("no-picture", "this browser cannot read the picture"));
      } else {
        const [canvas, mean] = errorMap(pixels(image(item)), clean, shades);
        canvas.className = "error errors-only";
        canvas.setAttribute("role", "img");
        canvas.setAttribute("aria-label", `Error map of ${item.dataset.title}, mean ${mean.toFixed(1)} grey levels`);
        caption.before(canvas);
        caption.append(note("under", `mean error ${mean.toFixed(1)}`));
      }
    }
  };

  // What is folded away is filled and drawn when it is opened, or printed.
  const show = (part, folded = false) => {
    for (const image of find(part, "img[data-from]:not([src])", folded)) image.src = stored(image).src;
    if (!("errors" in byId("crops").dataset)) return;
    if (document.readyState !== "complete") return void addEventListener("load", () => show(part, folded), { once: true });
    for (const strip of find(part, ".strip:not([data-drawn])", folded)) drawErrors(strip);
  };
  const errorButtons = (section) => {
    const buttons = section.querySelectorAll("button.errors");
    const toggle = (button) => {
      const before = button.getBoundingClientRect().top;
      const on = section.toggleAttribute("data-errors");
      for (const each of buttons) each.setAttribute("aria-pressed", String(on));
      show(section);
      scrollBy(0, button.getBoundingClientRect().top - before);  // galleries above have grown, too
    };
    for (const button of buttons) button.addEventListener("click", () => toggle(button));
  };

  // One dialog for all strips: two pictures on top of each other, the left one cut off at the divider.
  const comparing = (section) => {
    const dialog = byId("compare"), stage = byId("compare-stage"), range = byId("compare-cut"), largest = 4;
    const sides = ["left", "right"].map((side) => ({
      select: byId(`compare-${side}`), image: byId(`compare-${side}-picture`), scores: byId(`compare-${side}-scores`),
    }));
    let items = [], opener = null;
    const chosen = (side) => items[side.select.selectedIndex];
    const cut = () => {
      const share = range.value / range.max, percent = Math.round(100 * share);
      stage.style.setProperty("--cut", `${100 * share}%`);
      const [left, right] = sides.map((side) => chosen(side).dataset.title);
      range.setAttribute("aria-valuetext", `${percent} % ${left}, ${100 - percent} % ${right}`);
    };
    const fill = () => {
      for (const side of sides) {
        const item = chosen(side), image = item.querySelector(".whole img");
        [side.image.src, side.image.alt] = [stored(image).src, image.alt];
        side.scores.replaceChildren(...Array.from(item.querySelectorAll(".under:not(.errors-only)"), (line) => line.cloneNode(true)));
      }
      cut();
    };
    const resize = () => {
      const { width, height } = items[0].querySelector(".whole img");
      const fits = Math.min((document.documentElement.clientWidth - 2) / width, Math.max(2, (innerHeight - 300) / height));
      const zoom = Math.min(largest, Math.max(1, Math.floor(fits)));
      byId("compare-frame").style.width = `${zoom * width}px`;
      stage.style.height = `${zoom * height}px`;
      range.max = width;
      byId("compare-zoom").textContent = `${zoom} times`;
    };
    const open = (button) => {
      const shot = button.closest(".shot");
      opener = button;
      items = Array.from(shot.querySelectorAll("li[data-title]"));
      for (const side of sides) side.select.replaceChildren(...items.map((item) => new Option(item.dataset.title)));
      const best = items.findIndex((item) => "best" in item.dataset);
      sides[0].select.selectedIndex = 0;
      sides[1].select.selectedIndex = best > 0 ? best : items.length - 1;
      byId("compare-of").textContent = `${shot.querySelector("h3").textContent}, ${shot.closest(".gallery").querySelector("summary").firstChild.textContent.trim()}`;
      const bright = shot.style.getPropertyValue("--bright");
      stage.toggleAttribute("data-bright", bright !== "");
      stage.style.setProperty("--bright", bright || "1");
      resize();
      range.value = range.max / 2;
      fill();
      dialog.showModal();
      range.focus();
    };
    const drag = (event) => {
      const box = stage.getBoundingClientRect();
      range.value = Math.round(((event.clientX - box.left) / box.width) * range.max);
      cut();
    };
    for (const button of section.querySelectorAll("button.compare")) button.addEventListener("click", () => open(button));
    for (const side of sides) side.select.addEventListener("change", fill);
    range.addEventListener("input", cut);
    stage.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      event.preventDefault();
      stage.setPointerCapture(event.pointerId);
      range.focus({ preventScroll: true });
      drag(event);
    });
    stage.addEventListener("pointermove", (event) => { if (stage.hasPointerCapture(event.pointerId)) drag(event); });
    addEventListener("resize", () => { if (dialog.open) { resize(); cut(); } });
    byId("compare-close").addEventListener("click", () => dialog.close());
    dialog.addEventListener("close", () => opener.focus());  // Safari focuses no button on a click, so cannot return to it
  };

  document.addEventListener("DOMContentLoaded", () => {
    const section = byId("crops");
    if (!byId("compare")) return;  // no crops
    show(section);
    if (byId("measured")) show(byId("measured"));
    section.addEventListener("toggle", (event) => { if (event.target.open) show(event.target); }, { capture: true });
    addEventListener("beforeprint", () => show(section, true));
    errorButtons(section);
    comparing(section);
  });
})();
