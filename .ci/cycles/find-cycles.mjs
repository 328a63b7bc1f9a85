/**
 * Returns groups of nodes that all reach each other, sorted by name, with the edges between them. An edge is `{ from,
 * to }`, with further fields of the caller.
 */
export function findCycles(edges) {
  /** @type {Map<string, Set<string>>} */
  const targets = new Map();
  for (const { from, to } of edges) targets.set(from, (targets.get(from) ?? new Set()).add(to));
  const reached = new Map([...targets.keys()].map((start) => [start, reachableFrom(start, targets)]));
  const isMutual = (a, b) => reached.get(a)?.has(b) === true && reached.get(b)?.has(a) === true;
  const cycles = [];
  const seen = new Set();
  for (const start of [...targets.keys()].toSorted(byName)) {
    if (seen.has(start) || !isMutual(start, start)) continue;
    const members = [...targets.keys()].filter((other) => isMutual(start, other)).toSorted(byName);
    for (const member of members) seen.add(member);
    cycles.push({ members, edges: edges.filter(({ from, to }) => members.includes(from) && members.includes(to)) });
  }
  return cycles;
}

function reachableFrom(start, targets) {
  const reached = new Set();
  const next = [start];
  for (let at = next.pop(); at !== undefined; at = next.pop())
    for (const target of targets.get(at) ?? [])
      if (!reached.has(target)) {
        reached.add(target);
        next.push(target);
      }
  return reached;
}

function byName(a, b) {
  return a < b ? -1 : 1;
}
