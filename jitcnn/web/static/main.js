// The page: sends the drawing to the server and shows the response.

import { Latest, about, ask } from "jitcnn/api.js";
import { base64, spoken, unpack, unpackAll } from "jitcnn/arrays.js";
import { Answers, percent, track } from "jitcnn/answers.js";
import { element } from "jitcnn/elements.js";
import { Layers } from "jitcnn/layers.js";
import { Pad } from "jitcnn/pad.js";
import { Scope } from "jitcnn/scope.js";
import { Training } from "jitcnn/training.js";

const by = (id) => document.getElementById(id);

function complain(error) {
  by("error").hidden = error === null;
  if (error !== null) by("error").textContent = error.message;
}

function chooseTheme() {
  const root = document.documentElement;
  const isDark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = isDark ? "light" : "dark";
}

function fillChoice(select, options) {
  select.replaceChildren(...options.map(([value, text]) => new Option(text, value)));
}

async function begin() {
  by("theme").addEventListener("click", chooseTheme);
  const net = await about();
  const baseline = net.baseline ? ` compared with ${net.baseline.name} (${net.baseline.parameters.toLocaleString("en")})` : "";
  by("about").textContent = `${net.model} (${net.parameters.toLocaleString("en")} parameters)${baseline}`;

  // --- requests after every change ------------------------------------------------------------------
  const answers = new Answers(by("bars"), by("verdict"), net.classes);
  const asked = (extra = {}) => ({ canvas: base64(pad.bytes()), centred: net.can_be_centred, ...extra });
  const latestAnswers = new Latest("answers", (found, since) => {
    answers.show(found);
    by("latency").textContent = `Latency: ${Math.round(performance.now() - since)} ms`;
    by("latency").dataset.milliseconds = performance.now() - since;
    latestMaps.ask(asked());
    lookAgain();
    complain(null);
  }, complain);
  const layers = new Layers(by("maps"), net, (place) => {
    by("scope-layer").value = place;
    lookAgain();
    by("scope").scrollIntoView();
    by("scope-layer").focus();
  });
  const latestMaps = new Latest("maps", (found) => layers.show(found), complain);

  // --- the microscope -------------------------------------------------------------------------------
  const scope = new Scope(by("scope-host"));
  fillChoice(by("scope-layer"), net.lenses.map(({ place, label }) => [place, `${place} ${label}`]));
  fillChoice(by("scope-label"), [["", "predicted class"], ...net.classes.map((name, k) => [k, name])]);
  const latestScope = new Latest("magnify", (found) => {
    const hint = found.loss < 0.01 ? "the gradients are almost zero; choose another class" : "the gradients are of this loss";
    by("scope-loss").textContent = `Loss ${spoken(found.loss)} for class ${net.classes[found.label]}: ${hint}`;
    scope.show(unpackAll(found));
  }, complain);
  const lookAgain = () => {
    if (net.lenses.length === 0) return;
    const label = by("scope-label").value;
    latestScope.ask(asked({ lens: by("scope-layer").value, label: label === "" ? null : Number(label) }));
  };
  by("scope").hidden = net.lenses.length === 0;
  by("scope-layer").addEventListener("change", lookAgain);
  by("scope-label").addEventListener("change", lookAgain);

  // --- shifted test images -----------------------------------------------------------------------------
  const latestMoved = new Latest("moved", ({ right, down, images, accuracies }) => {
    by("moved-bars").replaceChildren(...Object.entries(accuracies).flatMap(([name, accuracy], k) => {
      const said = element("p", name, "note");
      const bar = track(accuracy, k === 1);
      bar.dataset.net = name;
      bar.dataset.accuracy = accuracy;
      return [said, bar];
    }));
    const parts = Object.entries(accuracies).map(([name, accuracy]) => `${name} ${percent(accuracy)}`);
    by("moved-note").textContent = `Accuracy on ${images} test images shifted by (${right}, ${down}): ${parts.join(", ")}.`;
  }, complain);
  const clipped = (pixels) => Math.min(Math.max(pixels, -net.longest_shift), net.longest_shift);
  const showOffset = (pad) => {
    by("offset").textContent = pad.offset.join(", ");
    if (net.data) latestMoved.ask({ right: clipped(pad.offset[0]), down: clipped(pad.offset[1]) });
  };
  by("moved").hidden = !net.data;

  // --- the pad ---------------------------------------------------------------------------------------
  let pad = null;
  const changed = () => pad && latestAnswers.ask(asked());
  pad = new Pad(by("pad"), net.input_shape, net.scale, changed, () => pad && showOffset(pad));
  by("clear").addEventListener("click", () => pad.wipe());
  by("back").addEventListener("click", () => pad.moveBack());
  for (const button of document.querySelectorAll("[data-move]")) {
    button.addEventListener("click", () => pad.move(...button.dataset.move.split(",").map(Number)));
  }
  by("sample").hidden = !net.data;
  by("sample").addEventListener("click", async () => {
    try {
      const { label, image } = await ask("sample", { index: Math.floor(Math.random() * net.data.images) });
      pad.put(unpack(image));
      by("scope-label").value = label;
    } catch (error) {
      complain(error);
    }
  });
  by("picture").addEventListener("change", async ({ target }) => {
    try {
      if (target.files.length) await pad.open(target.files[0], net.can_be_centred);
    } catch {
      complain(new Error(`This browser cannot open ${target.files[0].name} as an image.`));
    }
    target.value = "";
  });
  by("colour-label").hidden = net.input_shape[0] === 1;
  if (net.input_shape[0] === 3) {
    pad.colour = by("colour").value;
    by("colour").addEventListener("input", () => (pad.colour = by("colour").value));
  }

  // --- training ----------------------------------------------------------------------------------------
  by("training-why").hidden = net.training === null;
  by("training-why").textContent = net.training ?? "";
  by("training-desk").hidden = net.training !== null;
  new Training(() => {
    changed();
    showOffset(pad);
  }, complain);

  showOffset(pad);
  changed();
  document.body.dataset.ready = "yes";
}

begin().catch(complain);
