import { Redis } from "ioredis";
import { ProfileScript } from "./profile.ts";

const redis = new Redis(process.env.REDIS_URL ?? "redis://127.0.0.1:6399"); // or new Cluster([...])
const rendering = new URL("../../../lua/rendered/lean.lua", import.meta.url);
const script = await ProfileScript.fromFile(redis, rendering);

const now = Date.now();
const answers = await script.apply("ada", [
  { eventId: "e1", visitId: "v1", receivedMs: now, inputs: ["Pageview", "Home"] },
  { eventId: "e2", visitId: "v1", receivedMs: now + 1, inputs: ["Pageview", "Prices"] },
]);
for (const { flags, profile } of answers) {
  console.log([...flags].join(" ") || "no flag", profile.visit_pageviews, profile.visit_bounce);
  console.log(`${profile.visit_first_page} to ${profile.visit_last_page}`);
}
redis.disconnect();
