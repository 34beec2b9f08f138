// The sentence of a fault.

import { t } from "./texts.js";

/** Why there is no answer, in words. */
export const faultText = (fault) =>
  t(`fault.${fault.kind ?? "odd"}`, { detail: String(fault.detail ?? fault.message).replace(/\.$/, "") });
