"use strict";
// Draw or choose a picture, send it to /classify, show what comes back. Nothing else is loaded.

const $ = (id) => document.getElementById(id);
const drawing = $("drawing");
const paper = drawing.getContext("2d");
const SIDE = drawing.width;
const PEN = SIDE / 9; // width of a stroke, about as thick as in the digits of the training
const STEP = SIDE / 28; // one press of an arrow key
const PAUSE = 350; // ms after a stroke before it is sent
const SAMPLES = {
  0: [circle(0.5, 0.5, 0.2, 0.32)],
  1: [[[0.5, 0.18], [0.5, 0.82]]],
  4: [[[0.6, 0.82], [0.6, 0.18], [0.3, 0.6], [0.75, 0.6]]],
  7: [[[0.28, 0.2], [0.72, 0.2], [0.45, 0.82]]],
};
let stroke = null; // the last point of the stroke that is being drawn
let file = null; // the chosen picture; null while the drawing counts
let asked = 0; // questions so far: an answer to an older one is ignored
let timer = 0;
const key = { x: SIDE / 2, y: SIDE / 2, down: false };

function circle(x, y, wide, tall) {
  const turn = Array.from({ length: 41 }, (_, i) => (i / 40) * 2 * Math.PI);
  return turn.map((angle) => [x + wide * Math.sin(angle), y - tall * Math.cos(angle)]);
}

// ---- drawing

function clear() {
  clearTimeout(timer);
  asked += 1;
  file = null;
  $("file").value = "";
  drawing.classList.remove("photo");
  paper.clearRect(0, 0, SIDE, SIDE);
}

function line(from, to) {
  paper.lineWidth = PEN;
  paper.lineCap = paper.lineJoin = "round";
  paper.beginPath();
  paper.moveTo(from.x, from.y);
  paper.lineTo(to.x, to.y);
  paper.stroke();
}

function place(event) {
  const box = drawing.getBoundingClientRect();
  return { x: ((event.clientX - box.left) / box.width) * SIDE, y: ((event.clientY - box.top) / box.height) * SIDE };
}

function later() {
  clearTimeout(timer);
  timer = setTimeout(classify, PAUSE);
}

drawing.addEventListener("pointerdown", (event) => {
  if (event.button !== 0) return;
  if (file) clear();
  clearTimeout(timer);
  drawing.setPointerCapture(event.pointerId);
  stroke = place(event);
  line(stroke, stroke);
});
drawing.addEventListener("pointermove", (event) => {
  if (!stroke) return;
  for (const part of event.getCoalescedEvents?.() ?? [event]) {
    const next = place(part);
    line(stroke, next);
    stroke = next;
  }
});
for (const end of ["pointerup", "pointercancel"]) {
  drawing.addEventListener(end, () => {
    if (stroke) later();
    stroke = null;
  });
}

// ---- drawing by keyboard

const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

function showPen() {
  const pen = $("pen");
  pen.hidden = false;
  pen.classList.toggle("down", key.down);
  pen.style.left = `${(key.x / SIDE) * 100}%`;
  pen.style.top = `${(key.y / SIDE) * 100}%`;
}

drawing.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const inside = (value) => Math.min(SIDE - PEN, Math.max(PEN, value));
  if (event.key in MOVES) {
    const [right, down] = MOVES[event.key];
    const next = { x: inside(key.x + right * STEP), y: inside(key.y + down * STEP) };
    if (key.down) line(key, next);
    Object.assign(key, next);
  } else if (event.key === " ") {
    key.down = !key.down;
    if (key.down) {
      if (file) clear();
      line(key, key);
    }
    $("answer").textContent = key.down ? "The pen is down." : "The pen is up.";
  } else if (event.key === "Enter") {
    key.down = false;
    classify();
  } else if (event.key === "Delete" || event.key === "Backspace") {
    key.down = false;
    start();
  } else {
    return;
  }
  event.preventDefault();
  showPen();
});
drawing.addEventListener("focus", () => drawing.matches(":focus-visible") && showPen());
drawing.addEventListener("blur", () => {
  key.down = false;
  $("pen").hidden = true;
});

// ---- pictures from elsewhere

async function take(picture) {
  if (!picture) return;
  clear();
  file = picture;
  drawing.classList.add("photo");
  classify();
  const mine = asked;
  try {
    const bitmap = await createImageBitmap(picture);
    if (mine !== asked) return;
    const scale = Math.min(SIDE / bitmap.width, SIDE / bitmap.height);
    const [wide, tall] = [bitmap.width * scale, bitmap.height * scale];
    paper.drawImage(bitmap, (SIDE - wide) / 2, (SIDE - tall) / 2, wide, tall);
  } catch {
    // This browser cannot show it. The service may still read it, and says so if not.
  }
}

$("file").addEventListener("change", (event) => take(event.target.files[0]));
document.addEventListener("paste", (event) => {
  const found = [...(event.clipboardData?.files ?? [])].find((each) => each.type.startsWith("image/"));
  if (found) take(found);
  else show("There is no picture in the clipboard.");
});
for (const moment of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(moment, (event) => {
    event.preventDefault();
    document.body.classList.toggle("over", moment === "dragover");
    if (moment === "drop") take(event.dataTransfer.files[0]);
  });
}

// ---- asking and showing

async function classify() {
  clearTimeout(timer);
  const mine = ++asked;
  const picture = file ?? (await new Promise((done) => drawing.toBlob(done, "image/png")));
  const started = performance.now();
  let answer;
  try {
    const kind = picture.type.startsWith("image/") ? picture.type : "application/octet-stream";
    const reply = await fetch("classify", { method: "POST", body: picture, headers: { "content-type": kind } });
    answer = await reply.json();
  } catch {
    answer = { error: "The service cannot be reached." };
  }
  if (mine !== asked) return;
  if (answer.error) show(answer.error);
  else show("", answer, performance.now() - started);
}

const percent = (part) => `${(part * 100).toFixed(1)} %`;

function show(error, answer, milliseconds) {
  $("error").textContent = error;
  $("bars").replaceChildren(...(answer?.classes ?? []).map(row));
  $("seen").hidden = !answer;
  if (!answer) {
    $("answer").textContent = "";
    return;
  }
  const [first] = answer.classes;
  $("answer").textContent = `${first.name}, ${percent(first.probability)}`;
  const { prepare, model } = answer.milliseconds;
  $("time").textContent =
    `Answered in ${milliseconds.toFixed(0)} ms: ${prepare.toFixed(1)} ms to prepare it, ` +
    `${model.toFixed(1)} ms for the model, the rest on the way. Version ${answer.model.version}.`;
  showSeen(answer.saw);
}

function row({ name, probability }) {
  const [item, label, track, bar, number] = ["li", "span", "span", "span", "span"].map((tag) => document.createElement(tag));
  [label.className, track.className, bar.className, number.className] = ["name", "track", "bar", "number"];
  label.textContent = name;
  number.textContent = percent(probability);
  bar.style.width = `${probability * 100}%`;
  track.append(bar);
  item.append(label, track, number);
  return item;
}

async function showSeen(png) {
  const bytes = Uint8Array.from(atob(png), (letter) => letter.charCodeAt(0));
  const bitmap = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
  const seen = $("saw");
  [seen.width, seen.height] = [bitmap.width, bitmap.height];
  seen.getContext("2d").drawImage(bitmap, 0, 0);
}

function start() {
  clear();
  show("");
  $("answer").textContent = "Nothing yet.";
}

$("classify").addEventListener("click", classify);
$("clear").addEventListener("click", start);
for (const button of document.querySelectorAll("[data-sample]")) {
  button.addEventListener("click", () => {
    clear();
    for (const points of SAMPLES[button.dataset.sample]) {
      const at = points.map(([x, y]) => ({ x: x * SIDE, y: y * SIDE }));
      at.slice(1).forEach((point, i) => line(at[i], point));
    }
    classify();
  });
}

fetch("v1/models/resnet/metadata")
  .then((reply) => reply.json())
  .then(({ card, model_spec }) => {
    const maker = card.made_by ? `, made by ${card.made_by},` : "";
    $("about").textContent =
      `A model for ${card.classes.join(", ")}. It was trained on ${card.trained_on}. ` +
      `Version ${model_spec.version}${maker} answers.`;
  })
  .catch(() => show("The service cannot be reached."));
