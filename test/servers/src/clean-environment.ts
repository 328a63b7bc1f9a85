// Removes environment variables of this machine that would change a server under test.

const leaking = /^(?:REGISTRY_.*|OTEL_.*|https?_proxy|all_proxy|no_proxy|NODE_OPTIONS)$/i;

/**
 * Returns a value for `ProcessOptions.env` that removes all variables that would configure a registry or redirect its
 * traffic.
 */
export function cleanEnvironment(): Record<string, string | undefined> {
  const names = Object.keys(process.env).filter((name) => leaking.test(name));
  return Object.fromEntries(names.map((name) => [name, undefined]));
}
