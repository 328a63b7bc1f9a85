// The value of an environment variable, which is YAML.
import { readYaml, type RawValue } from './read-yaml.ts';

/** An address, a path, a word or a number is YAML for itself, and no reason to load what reads YAML. */
const plain = /^[\w/:](?:[\w./:-]*[\w./-])?$/;

// A password such as `*x` or `[x` is no valid YAML; then it means itself.
export function readValue(text: string): RawValue {
  if (plain.test(text) && !/^(?::|null)$/i.test(text)) return text;
  try {
    return readYaml(text);
  } catch {
    return text;
  }
}
