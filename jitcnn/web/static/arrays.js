// Decode arrays from the server and encode bytes for it.

const KINDS = { float32: Float32Array, int32: Int32Array, uint8: Uint8Array };

// {dtype, shape, data} -> {shape, data: typed array}
export function unpack({ dtype, shape, data }) {
  const text = atob(data);
  const bytes = new Uint8Array(text.length);
  for (let k = 0; k < text.length; k++) bytes[k] = text.charCodeAt(k);
  return { shape, data: new KINDS[dtype](bytes.buffer) };
}

// Unpack every packed array of an object.
export function unpackAll(packed) {
  const isArray = (value) => value !== null && typeof value === "object" && "dtype" in value;
  return Object.fromEntries(
    Object.entries(packed).map(([name, value]) => [name, isArray(value) ? unpack(value) : value]),
  );
}

// Bytes -> base64.
export function base64(bytes) {
  let text = "";
  for (let start = 0; start < bytes.length; start += 8192) {
    text += String.fromCharCode(...bytes.subarray(start, start + 8192));
  }
  return btoa(text);
}

// Channel c of an array (C, H, W), or the slice (c, ci) of an array (C_out, C_in, H, W).
export function plane({ shape, data }, c, ci = 0) {
  const [H, W] = shape.slice(-2);
  const index = shape.length === 4 ? c * shape[1] + ci : c;
  return { H, W, data: data.subarray(index * H * W, (index + 1) * H * W) };
}

// Format a number with four significant digits and a true minus sign.
export function spoken(number) {
  if (number === 0) return "0";
  const size = Math.abs(number);
  const text = size >= 1e-3 && size < 1e5 ? String(Number(number.toPrecision(4))) : number.toExponential(2);
  return text.replace("-", "−");
}

// Text with its first letter in upper case.
export const capitalised = (text) => text.charAt(0).toUpperCase() + text.slice(1);
