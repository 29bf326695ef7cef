// Numbers, times and bytes as people read them.

const whole = new Intl.NumberFormat("en");
const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const clock = new Intl.DateTimeFormat("en", { timeStyle: "medium", hourCycle: "h23" });
const dated = new Intl.DateTimeFormat("sv", { dateStyle: "short", timeStyle: "medium" });

export const count = (value: number): string => (value < 100_000 ? whole.format(value) : short.format(value));
export const rate = (value: number): string => (value > 0 && value < 10 ? value.toFixed(1) : count(Math.round(value)));
/** Brokers tell -1 where they know no time. */
export const time = (ms: number): string => (ms < 0 ? "–" : clock.format(ms));
export const day = (ms: number): string => dated.format(ms);
/** Of two moments that lie close together. */
export const moment = (ms: number): string => `${time(ms)}.${String(ms % 1000).padStart(3, "0")}`;

/** A name with underscores, as words. */
export const words = (name: string): string => name.replaceAll("_", " ");

/** A visitor's id, short enough for a list. */
export const abbreviated = (id: string): string => (id.length > 10 ? `${id.slice(0, 8)}…` : id);

/** A part of a record's bytes: text that can be shown, or bytes that cannot. */
export interface Piece {
  text: string;
  isBytes: boolean;
}

const hex = (byte: number): string => byte.toString(16).padStart(2, "0");

export function bytesOf(base64: string): Uint8Array {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}

/** Cuts bytes into UTF-8 text and what is none; control characters count as none. */
export function piecesOf(bytes: Uint8Array): Piece[] {
  const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const pieces: Piece[] = [];
  const add = (text: string, isBytes: boolean): void => {
    const last = pieces.at(-1);
    if (last?.isBytes === isBytes) last.text += text;
    else pieces.push({ text, isBytes });
  };
  for (let at = 0; at < bytes.length; ) {
    const first = bytes[at] ?? 0;
    const length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    const character = bytes.subarray(at, at + length);
    let text = "";
    try {
      text = strict.decode(character);
    } catch {
      add(`\\x${hex(first)}`, true);
      at += 1;
      continue;
    }
    // Other spaces stay as they are; what is invisible or turns the direction of text does not.
    if (/^[\p{Cc}\p{Cf}\p{Co}\p{Cn}]$/u.test(text) && text !== "\n" && text !== "\t") {
      add([...character].map((byte) => `\\x${hex(byte)}`).join(""), true);
    } else {
      add(text, false);
    }
    at += length;
  }
  return pieces;
}

/** Lines of sixteen bytes, as `hexdump -C` writes them. */
export function dumpOf(bytes: Uint8Array): string {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += 16) {
    const row = [...bytes.subarray(at, at + 16)];
    const digits = row.map(hex).join(" ").padEnd(47);
    const text = row.map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : ".")).join("");
    lines.push(`${at.toString(16).padStart(4, "0")}  ${digits}  ${text}`);
  }
  return lines.join("\n");
}
