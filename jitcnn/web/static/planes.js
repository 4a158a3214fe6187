// Draw 2-D arrays on a canvas and select a cell with pointer or arrow keys.

// Five colours each of matplotlib's cividis (safe in print and for colour blindness) and a blue-white-orange scale.
const MAGNITUDE = [[0, 34, 78], [66, 78, 108], [124, 123, 120], [186, 174, 107], [254, 232, 56]];
const SIGNED = [[33, 92, 160], [146, 190, 222], [247, 247, 247], [249, 181, 120], [179, 88, 6]];
const GREY = [[0, 0, 0], [255, 255, 255]];

function mixed(scale, share) {
  const place = Math.min(Math.max(share, 0), 1) * (scale.length - 1);
  const k = Math.min(Math.floor(place), scale.length - 2);
  return scale[k].map((from, c) => from + (scale[k + 1][c] - from) * (place - k));
}

// 256 colours: one look-up per pixel.
const table = (scale) => Array.from({ length: 256 }, (_, k) => mixed(scale, k / 255).map(Math.round));
const TABLES = { magnitude: table(MAGNITUDE), signed: table(SIGNED), grey: table(GREY) };

// Colour range of the data: from zero, or symmetric about zero if values are negative.
export function rangeOf(data) {
  let low = 0;
  let high = 0;
  for (const number of data) {
    if (number < low) low = number;
    if (number > high) high = number;
  }
  return low < 0 ? { low: -Math.max(-low, high), high: Math.max(-low, high), scale: "signed" } : { low, high, scale: "magnitude" };
}

// Paint a 2-D array {H, W, data} into an ImageData at (left, top), one pixel per value.
export function paint(image, { H, W, data }, { low, high, scale }, left = 0, top = 0) {
  const colours = TABLES[scale];
  const step = high > low ? 255 / (high - low) : 0;
  for (let h = 0; h < H; h++) {
    for (let w = 0; w < W; w++) {
      const colour = colours[Math.round(Math.min(Math.max((data[h * W + w] - low) * step, 0), 255))];
      image.data.set([...colour, 255], ((top + h) * image.width + left + w) * 4);
    }
  }
}

// Draw 2-D arrays on a canvas, in a grid of at most `columns` columns.
export function sheet(canvas, planes, columns, range) {
  const { H, W } = planes[0];
  const across = Math.min(columns, planes.length);
  const down = Math.ceil(planes.length / across);
  canvas.width = across * (W + 1) - 1;
  canvas.height = down * (H + 1) - 1;
  const context = canvas.getContext("2d");
  const image = context.createImageData(canvas.width, canvas.height);
  planes.forEach((plane, k) => {
    const own = range ?? rangeOf(plane.data);
    paint(image, plane, own, (k % across) * (W + 1), Math.floor(k / across) * (H + 1));
  });
  context.putImageData(image, 0, 0);
}

// View of a 2-D array: cells are selected with pointer or arrow keys, and can be marked.
export class PlaneView {
  // onChoose(row, column) is called when a cell is selected; `label` names the array.
  constructor(label, onChoose) {
    this.onChoose = onChoose;
    this.figure = document.createElement("figure");
    this.figure.className = "plane";
    this.caption = document.createElement("figcaption");
    this.canvas = document.createElement("canvas");
    this.canvas.tabIndex = 0;
    this.canvas.setAttribute("role", "application");
    this.canvas.setAttribute("aria-label", `${label}: select a pixel with the arrow keys`);
    this.figure.append(this.caption, this.canvas);
    this.cursor = { row: 0, column: 0 };
    this.canvas.addEventListener("click", (event) => this.#clicked(event));
    this.canvas.addEventListener("keydown", (event) => this.#moved(event));
  }

  show({ H, W, data }, caption, range = rangeOf(data)) {
    this.H = H;
    this.W = W;
    this.caption.textContent = caption;
    const isTall = W > 1 && H > W && !this.figure.closest(".matrix");
    this.figure.style.maxWidth = isTall ? `${18 * Math.max(0.5, W / H)}rem` : ""; // about as high as a square
    const side = Math.max(1, Math.min(40, Math.floor(560 / Math.max(H, W))));
    const thin = Math.max(side, Math.round((side * Math.max(H, W)) / 12)); // for a single row or column
    this.cell = { across: W === 1 ? thin : side, down: H === 1 ? thin : side };
    this.canvas.width = W * this.cell.across;
    this.canvas.height = H * this.cell.down;
    const small = new ImageData(W, H);
    paint(small, { H, W, data }, range);
    const picture = document.createElement("canvas");
    picture.width = W;
    picture.height = H;
    picture.getContext("2d").putImageData(small, 0, 0);
    const context = this.canvas.getContext("2d");
    context.imageSmoothingEnabled = false;
    context.drawImage(picture, 0, 0, this.canvas.width, this.canvas.height);
  }

  // Frame cells; kind is "chosen", "window" or "winner". Frames are clipped at the canvas.
  mark(row, column, height = 1, width = 1, kind = "window") {
    const context = this.canvas.getContext("2d");
    const colours = { chosen: "#ff2d95", window: "#00c8ff", winner: "#ffb000" };
    const { across, down } = this.cell;
    const least = Math.min(across, down);
    const wide = Math.min(3, Math.max(1.5, least / 6));
    const around = least < 8 ? wide : 0; // keep small cells visible
    const [left, right] = [column * across, (column + width) * across];
    const [top, bottom] = [row * down, (row + height) * down];
    for (const [line, colour] of [[wide + 1.5, "#000000"], [wide, colours[kind]]]) {
      context.lineWidth = line;
      context.strokeStyle = colour;
      context.strokeRect(left - around, top - around, right - left + 2 * around, bottom - top + 2 * around);
    }
  }

  #clicked(event) {
    const box = this.canvas.getBoundingClientRect();
    const column = Math.floor(((event.clientX - box.left) / box.width) * this.W);
    const row = Math.floor(((event.clientY - box.top) / box.height) * this.H);
    this.#choose(row, column);
  }

  #moved(event) {
    const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1], Enter: [0, 0] }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    this.#choose(this.cursor.row + step[0], this.cursor.column + step[1]);
  }

  #choose(row, column) {
    this.cursor = { row: Math.min(Math.max(row, 0), this.H - 1), column: Math.min(Math.max(column, 0), this.W - 1) };
    this.onChoose(this.cursor.row, this.cursor.column);
  }
}
