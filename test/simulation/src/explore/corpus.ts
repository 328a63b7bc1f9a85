// Seeds that once failed, with what they found. They run always.

export interface CorpusEntry {
  readonly seed: number;
  readonly found: string;
}

export const corpus: Readonly<Record<string, readonly CorpusEntry[]>> = {
  blobs: [],
};
