// Asking the server until it answers. A lost connection, a restart and a rate limit are waited out
// with the very same request: the server knows each step by its number and takes it once.

import { status } from "./say.js";

const AGAIN = new Set([429, 502, 503, 504]);
const LONGEST = 15_000; // milliseconds between tries
const TIMEOUT = 30_000; // milliseconds for one try

export const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

export async function ask(url, options = {}) {
  for (let wait = 1_000; ; wait = Math.min(2 * wait, LONGEST)) {
    const response = await once(url, options);
    if (response) {
      status("");
      return response;
    }
    status("The connection is lost. What you typed is kept; trying again …");
    await pause(wait);
  }
}

async function once(url, options) {
  try {
    const response = await fetch(url, { ...options, signal: AbortSignal.timeout(TIMEOUT) });
    return AGAIN.has(response.status) ? null : response;
  } catch {
    return null; // no connection, or no answer in time
  }
}
