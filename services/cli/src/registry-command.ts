// What people write behind the name of registry:2's image, so that only the name of the image has to change.

/** `registry serve <file>` and a file alone mean `serve <file>`. Returns other arguments as they are. */
export function translateRegistryCommand(args: readonly string[]): readonly string[] {
  const [first = '', ...rest] = args;
  if (first === 'registry' || first === '/bin/registry') return rest;
  return /\.ya?ml$/.test(first) ? ['serve', ...args] : args;
}
