// What a header can hold, as Node's HTTP server will have it when the header is set.

// Whoever imports `node:http` as a module has the client behind `fetch` loaded with it, which takes 5 MB of every process.
const { validateHeaderName, validateHeaderValue } = process.getBuiltinModule('node:http');

export function isHeader(name: string, value: string): boolean {
  try {
    validateHeaderName(name);
    validateHeaderValue(name, value);
    return true;
  } catch {
    return false;
  }
}
