// Keeps a page live: puts changed parts in place, lets what changed glow once,
// follows the log of the chosen step, and keeps "4 min" true.
"use strict";

const live = (address, listen) => {
  let source, wait = 500;
  const open = () => {
    source = new EventSource(address);
    source.onopen = () => { wait = 500; };
    source.onerror = () => {
      if (source.readyState === EventSource.CLOSED) {
        setTimeout(open, wait);
        wait = Math.min(wait * 2, 15000);
      }
    };
    listen(source);
  };
  open();
};

const values = (part) => {
  const seen = new Map();
  part.querySelectorAll("[data-v]").forEach((e, i) => seen.set(i, e.dataset.v));
  return seen;
};

const replace = (part, html) => {
  const focus = document.activeElement && part.contains(document.activeElement);
  if (focus && document.activeElement.tagName === "BUTTON" && part.dataset.last === html) return;
  const before = values(part);
  const kept = new Map();
  part.querySelectorAll("[data-keep]").forEach((e) => kept.set(e.id, e));
  const open = [...part.querySelectorAll("details[open]")].map((e) => e.id);
  const next = document.createElement("template");
  next.innerHTML = html;
  next.content.querySelectorAll("[data-keep]").forEach((e) => {
    if (kept.has(e.id)) e.replaceWith(kept.get(e.id));
  });
  next.content.querySelectorAll("details").forEach((e) => { e.open = open.includes(e.id); });
  const focused = focus && document.activeElement.closest("details");
  part.replaceChildren(next.content);
  if (focused && focused.id) document.getElementById(focused.id)?.querySelector("summary").focus({ preventScroll: true });
  part.dataset.last = html;
  part.querySelectorAll("[data-v]").forEach((e, i) => {
    if (before.has(i) && before.get(i) !== e.dataset.v) e.classList.add("glow");
  });
  part.querySelectorAll("[data-log]").forEach(follow);
};

// follow shows a log as it is written, staying at its end while the reader is there.
const follow = (list) => {
  if (list.dataset.following) return;
  list.dataset.following = "yes";
  let queue = [], number = 0;
  const flush = () => {
    const end = window.innerHeight + window.scrollY > document.body.scrollHeight - 80;
    list.append(...queue);
    queue = [];
    if (location.hash.length > 1) {
      const line = document.getElementById(location.hash.slice(1));
      if (line && !line.dataset.shown) { line.dataset.shown = "yes"; line.scrollIntoView(); return; }
    } else if (end) window.scrollTo(0, document.body.scrollHeight);
  };
  const source = new EventSource(list.dataset.log);
  source.addEventListener("line", (e) => {
    number = Number(e.lastEventId);
    const item = document.createElement("li");
    item.id = "L" + number;
    const link = document.createElement("a");
    link.href = "#L" + number;
    link.textContent = number;
    const text = document.createElement("span");
    text.innerHTML = e.data;
    item.append(link, text);
    if (queue.push(item) === 1) requestAnimationFrame(flush);
  });
  source.addEventListener("end", () => source.close());
};

const units = [[60, "s", 1], [3600, "min", 60], [172800, "h", 3600], [Infinity, "d", 86400]];
const ago = () => document.querySelectorAll("time[datetime]").forEach((e) => {
  const seconds = Math.max(0, (Date.now() - Date.parse(e.dateTime)) / 1000);
  const [, unit, size] = units.find(([limit]) => seconds < limit);
  e.textContent = Math.floor(seconds / size) + " " + unit;
});

document.querySelectorAll("[data-log]").forEach(follow);
setInterval(ago, 1000);
if ("live" in document.body.dataset) {
  live(location.pathname + location.search, (source) => {
    document.querySelectorAll("main > section[id]").forEach((part) => {
      source.addEventListener(part.id, (e) => replace(document.getElementById(part.id), e.data));
    });
    source.addEventListener("end", () => source.close());
  });
}
