/** Not implemented, version not supported, loop detected: answers, and the same ones again. */
const permanentStatuses = new Set([501, 505, 508]);

/** A status that says that the server is not well. */
export function isServerFailure(status: number): boolean {
  return status >= 500 && !permanentStatuses.has(status);
}
