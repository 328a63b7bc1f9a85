// Merges one configuration into another, section by section.

type Sections = Readonly<Record<string, unknown>>;

export function mergeSections(base: Sections, over: Sections): Record<string, unknown> {
  const result: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(over)) {
    const below = result[key];
    // `storage` is replaced as a whole, because two kinds of storage in one file would contradict each other.
    result[key] = key !== 'storage' && isMap(below) && isMap(value) ? mergeSections(below, value) : value;
  }
  return result;
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
