// Suggests a key for one that was probably mistyped.

function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, at) => at);
  for (let i = 0; i < from.length; i++) {
    const next = [i + 1];
    for (let j = 0; j < to.length; j++)
      next.push(Math.min((next[j] ?? 0) + 1, (row[j + 1] ?? 0) + 1, (row[j] ?? 0) + (from[i] === to[j] ? 0 : 1)));
    row = next;
  }
  return row.at(-1) ?? 0;
}

/** The nearest of `known`, if it is near: a third of its letters may differ. */
export function didYouMean(key: string, known: Iterable<string>): string | undefined {
  const plain = key.toLowerCase().replaceAll(/[-_]/g, '');
  return [...known]
    .map((name) => ({ name, distance: editDistance(plain, name) }))
    .filter(({ name, distance }) => distance <= Math.max(1, Math.floor(name.length / 3)))
    .sort((a, b) => a.distance - b.distance)[0]?.name;
}
