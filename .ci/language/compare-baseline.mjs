// Compares faults with the baseline, which may only fall. A baseline that could be lower fails, too: with its slack the
// next fault would pass.

/** Counts as file → rule → number, files and rules sorted. A file without faults has none. */
export function countFaults(faultsOf) {
  const counts = {};
  for (const path of [...faultsOf.keys()].sort(byCode)) {
    counts[path] = {};
    for (const rule of faultsOf
      .get(path)
      .map((fault) => fault.rule)
      .sort())
      counts[path][rule] = (counts[path][rule] ?? 0) + 1;
  }
  return counts;
}

/** `above`: pairs of file and rule with too many faults. `isLower`: whether the baseline can fall. */
export function compareBaseline(counts, baseline) {
  const allowed = withMovedFiles(counts, baseline);
  const above = [];
  for (const [path, rules] of Object.entries(counts))
    for (const [rule, found] of Object.entries(rules))
      if (found > (allowed[path]?.[rule] ?? 0)) above.push({ path, rule, found, allowed: allowed[path]?.[rule] ?? 0 });
  const lowered = Object.fromEntries(
    Object.entries(counts).flatMap(([path, rules]) => {
      const kept = Object.entries(rules).map(([rule, found]) => [rule, Math.min(found, allowed[path]?.[rule] ?? 0)]);
      const positive = kept.filter(([, number]) => number > 0);
      return positive.length > 0 ? [[path, Object.fromEntries(positive)]] : [];
    }),
  );
  return { above, lowered, isLower: JSON.stringify(lowered) !== JSON.stringify(baseline) };
}

/** A file without an entry inherits that of a file that no longer exists, once: one of its name, or of its folder. */
function withMovedFiles(counts, baseline) {
  const gone = new Map(Object.entries(baseline).filter(([path]) => counts[path] === undefined));
  const allowed = { ...baseline };
  const covers = (rules, path) => Object.entries(counts[path]).every(([rule, found]) => found <= (rules[rule] ?? 0));
  const hasFaults = (path) => Object.keys(counts[path]).length > 0;
  for (const path of Object.keys(counts).filter((one) => baseline[one] === undefined && hasFaults(one))) {
    const near = ([old]) => nameOf(old) === nameOf(path) || folderOf(old) === folderOf(path);
    const from = [...gone].filter(near).find(([, rules]) => covers(rules, path));
    if (from === undefined) continue;
    allowed[path] = from[1];
    gone.delete(from[0]);
  }
  return allowed;
}

/** One line for each file, so that branches that lower different files merge. */
export function formatBaseline(counts) {
  const lines = Object.entries(counts).map(([path, rules]) => `  ${JSON.stringify(path)}: ${JSON.stringify(rules)}`);
  return `{\n${lines.join(',\n')}\n}\n`;
}

function byCode(a, b) {
  return a < b ? -1 : 1;
}

function nameOf(path) {
  return path.slice(path.lastIndexOf('/') + 1);
}

function folderOf(path) {
  return path.slice(0, path.lastIndexOf('/') + 1);
}
