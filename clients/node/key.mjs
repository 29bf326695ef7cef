// Builds the key of a visitor.
import { createHash } from "node:crypto";

/** The key of a visitor, as every caller must build it; ids are strings (UTF-8) or Buffers. */
export function keyOf(visitorId, pattern = "visitor:{<id>}") {
  const raw = Buffer.from(visitorId);
  const hashed = () => "sha256:" + createHash("sha256").update(raw).digest("hex");
  const escape = (char) => "%" + char.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0");
  const encoded = raw.length > 128 ? hashed() : raw.toString("latin1").replace(/[^\w.~-]/g, escape);
  return pattern.replace("<id>", () => encoded);
}
