// Line icons: one for each verdict (told apart without colour) and one for each step's outcome.

import { s } from "./dom.js";

const PATHS = {
  sealed: "M12 3l7 3v5c0 4.5-3 8-7 10-4-2-7-5.5-7-10V6zM8.5 12l2.5 2.5 4.5-5",
  held: "M8 11V8a4 4 0 0 1 8 0v3M6 11h12v9H6zM12 15v2",
  redeemed: "M4 12l4 4 8-9M11 15l1 1 8-9",
  revoked: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM6 6l12 12",
  suspended: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM10 9v6M14 9v6",
  expired: "M7 3h10M7 21h10M8 3c0 5 8 6 8 9s-8 4-8 9M16 3c0 5-8 6-8 9s8 4 8 9",
  forged: "M12 4L2.5 20h19zM12 10v4M12 17v.5",
  undetermined: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM9.5 9.5a2.5 2.5 0 1 1 3.5 2.3c-.7.3-1 .8-1 1.7M12 17v.2",
  consistent: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM8 10h8M8 14h8",
  former: "M14 7a4 4 0 1 1-3.5 6L4 20H3v-2l.5-.5M3 3l18 18",
  working: "M12 3a9 9 0 1 1-9 9",
  proved: "M5 12.5l4.5 4.5L19 7.5",
  false: "M6 6l12 12M18 6L6 18",
  unread: "M12 17v.2M9.5 9.5a2.5 2.5 0 1 1 3.5 2.3c-.7.3-1 .8-1 1.7",
  skipped: "M6 12h12",
};

export const icon = (name) => s("svg.icon", { viewBox: "0 0 24 24", "aria-hidden": "true" }, s("path", { d: PATHS[name] }));
