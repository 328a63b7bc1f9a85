// Finds code that reads a clock of the machine or starts a timer: globals of Node, and imports of them.

const timers = new Set(['setTimeout', 'setInterval', 'setImmediate', 'scheduler']);
const timerModules = new Set(['node:timers', 'node:timers/promises', 'timers', 'timers/promises']);
const hosts = {
  'node:perf_hooks': 'performance',
  perf_hooks: 'performance',
  'node:process': 'process',
  process: 'process',
};

/** Returns each use as `{ node, what, does }`, in the order of the source. */
export function findTimeUses(globalScope) {
  const globals = [...globalScope.through, ...ofUndefined(globalScope)].map(({ identifier }) => ({
    identifier,
    name: identifier.name,
  }));
  return [...globals, ...imported(globalScope)]
    .flatMap(({ identifier, name }) => useOf(identifier, name) ?? [])
    .sort((a, b) => a.node.range[0] - b.node.range[0]);
}

/** Returns references to variables that no source defines: globals that the configuration names. */
function ofUndefined(globalScope) {
  return globalScope.variables.filter(({ defs }) => defs.length === 0).flatMap(({ references }) => references);
}

function imported(globalScope) {
  return globalScope.childScopes.flatMap(({ variables }) =>
    variables.flatMap(({ defs: [definition], references }) => {
      if (definition?.type !== 'ImportBinding') return [];
      const name = originOf(definition);
      return references.map(({ identifier }) => ({ identifier, name }));
    }),
  );
}

/** The name of the global that an import stands for. All of a module of timers counts as `setTimeout`. */
function originOf({ node, parent }) {
  const module = parent.source.value;
  const name = node.type === 'ImportSpecifier' ? node.imported.name : undefined;
  if (timerModules.has(module)) return name ?? 'setTimeout';
  if (name === 'hrtime' && hosts[module] === 'process') return 'hrtime';
  return name === undefined || name === hosts[module] ? hosts[module] : undefined;
}

function useOf(identifier, name) {
  const { parent } = identifier;
  if (parent.type === 'TSTypeQuery' || parent.type === 'TSTypeReference') return undefined;
  if (timers.has(name)) return { node: identifier, what: identifier.name, does: 'waits for' };
  if (name === 'hrtime') return { node: identifier, what: identifier.name, does: 'reads' };
  if (name === 'Date' && isCallOf(identifier) && (parent.type === 'CallExpression' || parent.arguments.length === 0))
    return { node: parent, what: parent.type === 'CallExpression' ? 'Date()' : 'new Date()', does: 'reads' };
  if (parent.type !== 'MemberExpression' || parent.object !== identifier || parent.computed) return undefined;
  const what = `${name}.${parent.property.name}`;
  if (what === 'process.hrtime') return { node: parent, what, does: 'reads' };
  if (what !== 'Date.now' && what !== 'performance.now') return undefined;
  // A bare `Date.now` passes the clock to the tested code. A variable for it is a way to read it.
  const reads = isCallOf(parent) || parent.parent.type === 'VariableDeclarator';
  return reads ? { node: parent, what, does: 'reads' } : undefined;
}

function isCallOf(node) {
  return /^(?:Call|New)Expression$/.test(node.parent.type) && node.parent.callee === node;
}
