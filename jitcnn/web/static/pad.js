// Drawing pad: an image of the model's input size times an integer, to draw on, shift, or fill from a file.

export class Pad {
  // onChange() is called after every change, onMove() after the offset changes.
  constructor(canvas, [channels, H, W], scale, onChange, onMove) {
    Object.assign(this, { canvas, channels, scale, onChange, onMove });
    canvas.width = W * scale;
    canvas.height = H * scale;
    canvas.style.aspectRatio = `${W} / ${H}`;
    canvas.parentElement.style.width = `min(100%, ${24 * Math.min(1, W / H)}rem)`; // at most as high as a square
    this.side = Math.min(canvas.width, canvas.height); // the pen is as wide for any shape of this shorter side
    this.context = canvas.getContext("2d", { willReadFrequently: true });
    this.pen = { x: canvas.width / 2, y: canvas.height / 2, isDown: false };
    this.ring = document.createElement("span");
    this.ring.className = "pen";
    this.ring.style.width = `${(7 * this.side) / canvas.width}%`;
    this.ring.hidden = true;
    canvas.after(this.ring);
    this.colour = "#ffffff";
    this.source = document.createElement("canvas"); // the image before any shift
    this.source.width = canvas.width;
    this.source.height = canvas.height;
    this.offset = [0, 0];
    this.wipe();
    canvas.addEventListener("pointerdown", (event) => this.#down(event));
    canvas.addEventListener("pointermove", (event) => this.#draws(event));
    for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, () => (this.last = null));
    canvas.addEventListener("keydown", (event) => this.#key(event));
  }

  wipe() {
    this.#blacken();
    this.#changed();
  }

  // Bytes of the image in the order (height, width, channels).
  bytes() {
    const { data } = this.context.getImageData(0, 0, this.canvas.width, this.canvas.height);
    const bytes = new Uint8Array((data.length / 4) * this.channels);
    for (let k = 0; k < data.length / 4; k++) {
      for (let c = 0; c < this.channels; c++) bytes[k * this.channels + c] = data[k * 4 + c];
    }
    return bytes;
  }

  // Shift by input pixels of the model; pixels shifted off the pad are restored when the image is shifted back.
  move(right, down) {
    this.#moveTo(this.offset[0] + right, this.offset[1] + down);
  }

  moveBack() {
    this.#moveTo(0, 0);
  }

  // Show an image of the model's input size, {shape: [C, H, W], data}.
  put({ shape: [C, H, W], data }) {
    const image = new ImageData(W, H);
    for (let k = 0; k < H * W; k++) {
      for (let c = 0; c < 3; c++) image.data[k * 4 + c] = data[(c % C) * H * W + k];
      image.data[k * 4 + 3] = 255;
    }
    const small = document.createElement("canvas");
    small.width = W;
    small.height = H;
    small.getContext("2d").putImageData(image, 0, 0);
    this.context.imageSmoothingEnabled = false;
    this.context.drawImage(small, 0, 0, this.canvas.width, this.canvas.height);
    this.#changed();
  }

  // Open an image file, cropped to the centre; dark ink on paper is inverted if the model takes ink images.
  async open(file, takesInk) {
    const picture = await createImageBitmap(file);
    const { width, height } = this.canvas;
    const zoom = Math.max(width / picture.width, height / picture.height);
    this.#blacken();
    this.context.imageSmoothingEnabled = true;
    this.context.drawImage(picture, (width - picture.width * zoom) / 2, (height - picture.height * zoom) / 2, picture.width * zoom, picture.height * zoom);
    if (this.channels === 1) this.#toGrey(takesInk);
    this.#changed();
  }

  #toGrey(takesInk) {
    const { width, height } = this.canvas;
    const image = this.context.getImageData(0, 0, width, height);
    const grey = (k) => 0.299 * image.data[k] + 0.587 * image.data[k + 1] + 0.114 * image.data[k + 2];
    const corners = [0, width - 1, width * (height - 1), width * height - 1];
    const isPaper = takesInk && corners.reduce((sum, k) => sum + grey(4 * k), 0) / 4 > 127;
    for (let k = 0; k < image.data.length; k += 4) {
      const value = isPaper ? 255 - grey(k) : grey(k);
      image.data.set([value, value, value], k);
    }
    this.context.putImageData(image, 0, 0);
  }

  #blacken() {
    this.context.fillStyle = "#000000";
    this.context.fillRect(0, 0, this.canvas.width, this.canvas.height);
  }

  #moveTo(right, down) {
    this.offset = [right, down];
    this.#blacken();
    this.context.drawImage(this.source, right * this.scale, down * this.scale);
    this.onMove();
    this.onChange();
  }

  #keep() {
    this.source.getContext("2d").drawImage(this.canvas, 0, 0);
  }

  #changed() {
    if (this.offset.some((pixels) => pixels !== 0)) {
      this.offset = [0, 0];
      this.onMove();
    }
    this.#keep();
    this.onChange();
  }

  #place(event) {
    const box = this.canvas.getBoundingClientRect();
    return { x: ((event.clientX - box.left) / box.width) * this.canvas.width, y: ((event.clientY - box.top) / box.height) * this.canvas.height };
  }

  #down(event) {
    this.ring.hidden = true;
    this.canvas.setPointerCapture(event.pointerId);
    this.last = this.#place(event);
    this.#line(this.last, this.last);
  }

  #draws(event) {
    if (!this.last) return;
    for (const each of event.getCoalescedEvents?.() ?? [event]) {
      const place = this.#place(each);
      this.#line(this.last, place);
      this.last = place;
    }
  }

  #line(from, to) {
    const context = this.context;
    context.strokeStyle = this.colour;
    context.lineWidth = this.side / 13;
    context.lineCap = "round";
    context.beginPath();
    context.moveTo(from.x, from.y);
    context.lineTo(to.x, to.y);
    context.stroke();
    this.#changed();
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const pens = { a: [-1, 0], d: [1, 0], w: [0, -1], s: [0, 1] };
    const pen = pens[event.key.toLowerCase()];
    if (moves[event.key]) this.move(...moves[event.key]);
    else if (pen) this.#movePen(...pen);
    else if (event.key === " ") {
      this.pen.isDown = !this.pen.isDown;
      if (this.pen.isDown) this.#line(this.pen, this.pen);
      this.#showPen();
    } else if (event.key === "Delete" || event.key === "Backspace") this.wipe();
    else return;
    event.preventDefault();
  }

  #movePen(right, down) {
    const from = { ...this.pen };
    const step = this.side / 28;
    this.pen.x = Math.min(Math.max(this.pen.x + right * step, 0), this.canvas.width);
    this.pen.y = Math.min(Math.max(this.pen.y + down * step, 0), this.canvas.height);
    if (this.pen.isDown) this.#line(from, this.pen);
    this.#showPen();
  }

  // Ring at the pen position while drawing with the keyboard.
  #showPen() {
    this.ring.hidden = false;
    this.ring.classList.toggle("down", this.pen.isDown);
    this.ring.style.left = `${(100 * this.pen.x) / this.canvas.width}%`;
    this.ring.style.top = `${(100 * this.pen.y) / this.canvas.height}%`;
  }
}
