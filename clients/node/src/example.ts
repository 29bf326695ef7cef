/** Two events of one visitor: `node dist/example.js`. */
import { Redis } from "ioredis";
import { ProfileScript } from "./profile.ts";

const redis = new Redis(process.env.REDIS_URL ?? "redis://127.0.0.1:6399"); // that of make demo
const rendering = new URL("../../../lua/rendered/standard.lua", import.meta.url);
const script = await ProfileScript.fromFile(redis, rendering);

const answers = await script.apply("ada", [
  { eventId: "e1", visitId: "v1", recordMs: Date.now(), inputs: ["Pageview", "Home"] },
  { eventId: "e2", visitId: "v1", recordMs: Date.now() + 1, inputs: ["Pageview", "Prices"] },
]);
for (const { flags, profile } of answers) {
  console.log([...flags].join(" ") || "no flags", profile.visit_pageviews, profile.visit_bounce);
}
console.log(`${answers[1]?.profile.visit_first_page} to ${answers[1]?.profile.visit_last_page}`);
redis.disconnect();
