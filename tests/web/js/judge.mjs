// Judges the evidence that comes on stdin, a list, and writes what both judges have to agree on.

import { readFileSync } from "node:fs";
import { parseCertificate } from "../../../api/web/protocol/certificate.js";
import { isUnread, judge } from "../../../api/web/protocol/verdict.js";

const outcomes = JSON.parse(readFileSync(0, "utf8")).map((evidence) => {
  const certificate = evidence.certificate === null || isUnread(evidence.certificate) ? evidence.certificate : parseCertificate(evidence.certificate);
  const { steps, reason, ...judgement } = judge({ ...evidence, certificate });
  return { ...judgement, steps: steps.map((s) => [s.number, s.name, s.outcome]) };
});
process.stdout.write(JSON.stringify(outcomes));
