// Checks names and values of headers by the rules of Node's HTTP server.

// Importing `node:http` as a module also loads the client behind `fetch`, which takes 5 MB in every process.
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
