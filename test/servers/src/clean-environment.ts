// What must not leak from the machine's environment into a server under test.

const leaking = /^(?:REGISTRY_.*|OTEL_.*|https?_proxy|all_proxy|no_proxy|NODE_OPTIONS)$/i;

/** For `ProcessOptions.env`: removes whatever would configure a registry from outside, or send its traffic elsewhere. */
export function cleanEnvironment(): Record<string, string | undefined> {
  const names = Object.keys(process.env).filter((name) => leaking.test(name));
  return Object.fromEntries(names.map((name) => [name, undefined]));
}
