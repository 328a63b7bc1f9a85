// Translates arguments of registry:2's image. This file has no imports, so that the entry point can use it before anything else
// is loaded.

/** The commands that run a node. */
const nodeCommands: ReadonlySet<string> = new Set(['serve', 'frontend', 'worker', 'admin']);

/**
 * Translates arguments of registry:2's image, so that its users have to change nothing but the name of the image.
 * `registry serve <file>` and a YAML file alone become `serve <file>`. Returns other arguments unchanged.
 */
export function translateRegistryCommand(args: readonly string[]): readonly string[] {
  const [first = '', ...rest] = args;
  if (first === 'registry' || first === '/bin/registry') return rest;
  return /\.ya?ml$/.test(first) ? ['serve', ...args] : args;
}

/** Returns true if these arguments run a node. */
export function isNodeCommand(args: readonly string[]): boolean {
  return nodeCommands.has(translateRegistryCommand(args)[0] ?? '');
}
